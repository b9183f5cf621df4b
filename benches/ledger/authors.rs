//! Who speaks in the benches, and what they say.

use onrecord::{
    event::EventId,
    ledger::{Ledger, Submission},
    note::SigningKey,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::support::{Story, desk, operator, say, statement_facts, tell};

pub const AUTHORS: usize = 1_000;

/// Somebody with a key, who speaks in a case.
pub struct Author {
    key: SigningKey,
    pub party: EventId,
    case: EventId,
}

impl Author {
    /// A statement of its own, whose entry has about 1 KiB.
    pub fn says(&self, i: usize) -> Submission {
        self.states(self.case, &format!("{i:08} {}", "kata ".repeat(20))).1
    }

    /// A statement in a case.
    pub fn states(&self, case: EventId, text: &str) -> (EventId, Submission) {
        let refs = json!({"speaker": self.party, "about": [case]});
        self.signs("statement.made", case, refs, statement_facts(), json!({"text": text}))
    }

    /// Any event in a case, with its words.
    pub fn signs(
        &self,
        kind: &str,
        case: EventId,
        refs: Value,
        facts: Value,
        words: Value,
    ) -> (EventId, Submission) {
        say(kind, Some(case), refs, facts, Some(words)).sign(&[&self.key])
    }

    /// The case in which it speaks.
    pub fn case(&self) -> EventId {
        self.case
    }

    /// The opening of a case about itself.
    pub fn opens(&self, title: &str) -> (EventId, Submission) {
        let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
        say("case.opened", None, json!({"respondent": self.party}), facts, Some(json!({"title": title})))
            .sign(&[&desk()])
    }

    /// An exhibit about others.
    pub fn shows(&self, i: usize, about: &[EventId]) -> (EventId, Submission) {
        let facts = json!({"method": "scan", "captured": "2024-01-01"});
        let words = json!({"name": format!("exhibit {i}")});
        say("exhibit.captured", None, json!({"about": about}), facts, Some(words)).sign(&[&self.key])
    }

    /// [`AUTHORS`] authors, whom no ledger knows yet, each with the event that registers it.
    fn make(story: Story) -> Vec<(Self, Submission)> {
        let op = operator();
        (0..AUTHORS)
            .into_par_iter()
            .map(|i| {
                let mut seed = [7; 32];
                seed[..8].copy_from_slice(&(i as u64).to_be_bytes());
                let key =
                    SigningKey::from_seed(format!("newsroom.example/desk-{i:04}").parse().unwrap(), &seed);
                let facts = json!({"kind": "publisher", "keys": [key.verifying_key().to_string()]});
                let (party, s) =
                    say("party.registered", None, Value::Null, facts, Some(json!({"name": "x"})))
                        .sign(&[&op, &key]);
                (Self { key, party, case: story.case }, s)
            })
            .collect()
    }

    /// Authors for events that no ledger takes.
    pub fn many(story: Story) -> Vec<Self> {
        Self::make(story).into_iter().map(|(author, _)| author).collect()
    }

    /// Registers authors on a fresh ledger.
    pub fn register(ledger: &Ledger) -> Vec<Self> {
        let (authors, submissions): (Vec<_>, Vec<_>) = Self::make(tell(ledger)).into_iter().unzip();
        for answer in ledger.record_blocking(submissions, false) {
            answer.unwrap();
        }
        authors
    }
}

/// `n` statements by all authors in turn, numbered from `from` on, signed on all cores.
pub fn statements(authors: &[Author], from: usize, n: usize) -> Vec<Submission> {
    (from..from + n).into_par_iter().map(|i| authors[i % authors.len()].says(i)).collect()
}
