//! Whether the keys that signed an entry belonged to their parties at that time, by the threads that are enclosed.

use std::collections::HashMap;

use crate::{
    event::{Body, EventId},
    log::{SignedEntry, added_keys},
};

/// What the enclosed threads say of an entry's signers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum History {
    /// Each key was added by its party's thread, and not revoked before the entry.
    Good,
    /// The thread of this party is not enclosed whole.
    NotWhole(EventId),
    /// The threads contradict the entry or themselves, in these words.
    False(String),
}

/// Entries by their thread, each thread by rising indexes. Their signatures were checked.
#[derive(Debug, Default)]
pub(super) struct Threads<'a>(HashMap<EventId, Vec<&'a SignedEntry>>);

impl<'a> Threads<'a> {
    /// Groups entries by their threads. They must come by rising indexes.
    pub fn of(entries: impl IntoIterator<Item = &'a SignedEntry>) -> Self {
        let mut threads: HashMap<EventId, Vec<&SignedEntry>> = HashMap::new();
        for entry in entries {
            threads.entry(entry.header().thread).or_default().push(entry);
        }
        Self(threads)
    }
}

/// Follows the thread of each party that signed an entry, from 0 to the number that the `signer` line gives, among the
/// enclosed entries.
pub(super) fn history(entry: &SignedEntry, enclosed: &Threads<'_>) -> History {
    let at = entry.header().index;
    for (key, (party, j)) in entry.event().by().iter().zip(&entry.header().signers) {
        let mut thread = enclosed.0.get(party).cloned().unwrap_or_default();
        // By rising indexes the numbers must rise, or somebody numbered the entries falsely. Gaps are looked for below.
        if let Some(pair) = thread.windows(2).find(|pair| pair[0].header().k >= pair[1].header().k) {
            let (a, b) = (pair[0].header(), pair[1].header());
            return History::False(format!(
                "entries {} and {} of one thread are numbered {} and {}",
                a.index, b.index, a.k, b.k
            ));
        }
        if let Some(hidden) = thread.iter().find(|e| e.header().k > *j && e.header().index <= at) {
            let (index, k) = (hidden.header().index, hidden.header().k);
            return History::False(format!(
                "its signer line says that the thread of {party} ends at {j}, and entry {index} is number {k}"
            ));
        }
        thread.retain(|e| e.header().k <= *j);
        let whole = thread.iter().zip(0..).all(|(e, k)| e.header().k == k) && thread.len() as u64 == j + 1;
        let begins = |e: &&SignedEntry| e.event().id() == *party;
        if !whole || !thread.first().is_some_and(begins) {
            return History::NotWhole(*party);
        }
        if let Some(later) = thread.iter().find(|e| e.header().index > at) {
            return History::False(format!("entry {} stands after it", later.header().index));
        }
        let mut added = None;
        for link in thread {
            let (event, index) = (link.event(), link.header().index);
            if added_keys(event.body()).iter().any(|(k, _)| k.as_bytes() == key.as_bytes() && *k == key) {
                added = Some(index);
            }
            if let Body::KeyRevoked(b) = event.body()
                && b.key.as_bytes() == key.as_bytes()
                && index < at
            {
                return History::False(format!("the key {} was revoked by entry {index}", key.name()));
            }
        }
        if added.is_none() {
            return History::False(format!("no entry of its party's thread adds the key {}", key.name()));
        }
    }
    History::Good
}
