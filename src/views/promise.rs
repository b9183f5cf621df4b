//! Promises: open, done, or past their date with nothing on record.

use std::collections::HashMap;

use super::{Latest, Marks, Named, Said, Times, Views, dates, thread::CaseThread};
use crate::{
    event::{At, Body, CommitmentOutcome},
    ledger::ReadError,
};

/// Where a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromiseState {
    /// Its date has not passed, or it has none.
    Open,
    /// Closed by the entry at this index, with this outcome.
    Closed(CommitmentOutcome, u64),
    /// Its date has passed, and no entry closes it.
    PastDate,
}

impl PromiseState {
    /// The state in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed(CommitmentOutcome::Done, _) => "done",
            Self::Closed(CommitmentOutcome::Withdrawn, _) => "withdrawn",
            Self::Closed(CommitmentOutcome::Superseded, _) => "superseded",
            Self::PastDate => "past its date, nothing on record",
        }
    }
}

/// A promise.
#[derive(Debug, Clone)]
pub struct PromiseView {
    /// Index of its entry.
    pub index: u64,
    /// Who promised.
    pub party: Named,
    /// When it was made, and recorded.
    pub times: Times,
    /// Who recorded it, if the party's own key did not sign it.
    pub recorded_by: Option<Named>,
    /// What was promised.
    pub text: Said,
    /// The date by which it was promised.
    pub due: Option<At>,
    /// Where it stands.
    pub state: PromiseState,
    /// The same in words, and by whose record if the party's own key did not sign the closing entry:
    /// `done, by the record of Example Desk`.
    pub state_words: String,
    /// What later entries did to it.
    pub since: Marks,
}

impl PromiseView {
    /// The date by which it was promised, in words.
    pub fn due_words(&self) -> Option<String> {
        self.due.as_ref().map(dates::at_words)
    }
}

impl Views {
    /// The promises of a case that count, in the order of the log.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn promises(&self, thread: &CaseThread) -> Result<Latest<PromiseView>, ReadError> {
        let (mut made, mut closed) = (Vec::new(), HashMap::new());
        for record in thread.counting() {
            match record.event().body() {
                Body::CommitmentMade(body) => made.push((record, body)),
                Body::CommitmentClosed(b) => {
                    closed.entry(b.commitment).or_insert((b.outcome, record));
                }
                _ => {}
            }
        }
        Latest::of(made, |(record, body)| {
            let closed = closed.get(&record.event().id()).copied();
            let state = match closed {
                Some((outcome, by)) => PromiseState::Closed(outcome, by.index()),
                None if body.due.as_ref().is_some_and(|due| thread.now.is_past(due)) => {
                    PromiseState::PastDate
                }
                None => PromiseState::Open,
            };
            let by = closed.map(|(_, by)| self.record_words(by)).transpose()?.unwrap_or_default();
            let own = record.parties().any(|p| p == body.party);
            Ok(PromiseView {
                index: record.index(),
                party: self.named(&body.party)?,
                times: Times::of(record),
                recorded_by: if own { None } else { Some(self.author(record)?) },
                text: self.said(record, "promise")?,
                due: body.due.clone(),
                state,
                state_words: format!("{}{by}", state.words()),
                since: self.marks(record)?,
            })
        })
    }
}
