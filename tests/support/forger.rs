//! An operator who holds the log's key, and writes and signs whatever history he likes.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{fs, path::Path};

use onrecord::{
    event::{Event, EventId, Thread},
    ledger::Submission,
    log::{Checkpoint, Entry, Header, SignedCheckpoint, Time, Words, cosign},
};
use serde_json::{Value, json};

use crate::{
    exhibit::witness,
    public::{Files, public_files, tree_of},
    support::*,
};

/// When entry 0 was recorded; each entry is recorded a second after the one before.
pub const BEGUN: i64 = 1_795_323_600;

#[derive(Clone, Default)]
pub struct Forger {
    /// The events on record, in order. [`Forger::of`] makes another history of some of them, or of them in another order.
    pub said: Vec<Submission>,
    pub entries: Vec<String>,
    pub words: Vec<Option<Vec<u8>>>,
    /// Which witnesses cosign, by their numbers, and when.
    pub cosigned: Vec<(u8, u64)>,
}

impl Forger {
    /// A log of these events, with nothing wrong in the headers.
    pub fn of(said: Vec<Submission>) -> Self {
        let mut forger = Self::default();
        for one in &said {
            forger.add(one);
        }
        forger
    }

    /// A log with entry 0 and the small story: entries 0 to 4.
    pub fn begun() -> (Self, Story) {
        let facts = json!({
            "checkpoint_key": key(ORIGIN, 1).verifying_key().to_string(),
            "operator_key": operator().verifying_key().to_string(),
        });
        let (_, opened) = say("ledger.opened", None, Value::Null, facts, None).sign(&[&operator()]);
        let (story, told) = told();
        (Self::of([vec![opened], told].concat()), story)
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn entry(&self, index: u64) -> Entry {
        Entry::parse(self.entries[index as usize].as_bytes(), &origin()).unwrap()
    }

    /// The numbers of the entries in a thread.
    pub fn thread(&self, of: &EventId) -> Vec<usize> {
        (0..self.entries.len()).filter(|i| self.entry(*i as u64).header().thread == *of).collect()
    }

    /// The party that a key belongs to, as the first entry that it signed says.
    fn owner(&self, signer: &[u8; 32], event: &Event) -> EventId {
        let owned = (0..self.size()).map(|i| self.entry(i)).find_map(|entry| {
            let at = entry.event().by().iter().position(|key| key.as_bytes() == signer)?;
            Some(entry.header().signers[at].0)
        });
        owned.unwrap_or(event.role("party").unwrap_or(event.id()))
    }

    pub fn add(&mut self, said: &Submission) -> u64 {
        self.add_as(said, |_| ())
    }

    /// Puts an event on record whatever the rules say, with a header that `change` has changed.
    pub fn add_as(&mut self, said: &Submission, change: impl FnOnce(&mut Header)) -> u64 {
        let event = Event::parse(&said.note, &origin()).unwrap();
        let thread = match event.event_type().spec().thread {
            Thread::Own => event.id(),
            Thread::Party => event.role("party").unwrap(),
            Thread::Case => event.case().unwrap_or(event.id()),
        };
        let signers = event.by().iter().map(|key| {
            let party = self.owner(key.as_bytes(), &event);
            let len = self.thread(&party).len() as u64 + u64::from(party == thread);
            (party, len.saturating_sub(1))
        });
        let index = self.size();
        let mut header = Header {
            index,
            time: Time::from_unix_ms((BEGUN + index as i64) * 1_000).unwrap(),
            prev: match index {
                0 => onrecord::event::Digest([0; 32]),
                n => self.entry(n - 1).hash(),
            },
            thread,
            k: self.thread(&thread).len() as u64,
            signers: signers.collect(),
        };
        change(&mut header);
        self.entries.push(header.entry(&event));
        self.words.push(said.content.clone());
        self.said.push(said.clone());
        index
    }

    /// The checkpoint, signed by the log's key and cosigned.
    pub fn checkpoint(&self) -> SignedCheckpoint {
        let tree = tree_of(&self.entries);
        let checkpoint = Checkpoint::new(origin(), tree.size(), tree.root()).unwrap();
        let line = |(n, time): &(u8, u64)| cosign(&checkpoint, *time, &witness(*n)).unwrap();
        let lines: Vec<_> = self.cosigned.iter().map(line).collect();
        checkpoint.clone().sign(&key(ORIGIN, 1)).unwrap().with_signatures(&lines).unwrap()
    }

    /// All files that a reader is given.
    pub fn files(&self) -> Files {
        let words: Vec<Words<'_>> =
            self.words.iter().map(|w| w.as_deref().map_or(Words::None, Words::Present)).collect();
        public_files(self.checkpoint().note().as_bytes(), &self.entries, &words)
    }
}

/// Puts these files in a ledger's folder, and no others.
pub fn write(files: &Files, dir: &Path) {
    let public = dir.join("public");
    if public.exists() {
        fs::remove_dir_all(&public).unwrap();
    }
    for (path, bytes) in files {
        let path = public.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
