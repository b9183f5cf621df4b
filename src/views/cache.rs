//! Parsed entries, words and parties, kept for all requests.
//!
//! An entry never changes. Words do, when they are withheld: as soon as anything is withheld, the cache forgets all words,
//! and takes none that were read before.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Party, Record, Words};
use crate::{event::EventId, generations::Generations};

/// Estimated cost in memory of one entry or of its words, in bytes, besides their text.
const EACH: usize = 1 << 10;
/// Estimated cost in memory of the text of words, as a multiple of the raw length: parsed, they take more than raw.
const TIMES: usize = 4;

/// The most parties that are kept. When one more comes, all others are forgotten.
const PARTIES: usize = 16_384;

/// The cache. All [`Views`](super::Views) of a server share it.
#[derive(Debug)]
pub struct Cache(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    records: Generations<u64, Arc<Record>>,
    words: Generations<u64, Arc<Words>>,
    /// Parties, each with the number of entries that its thread had when it was read: what is said of a party stands there.
    parties: HashMap<EventId, (u64, Arc<Party>)>,
    /// Index of the latest entry that withheld something when the words were read.
    withheld: Option<u64>,
}

impl Default for Cache {
    /// Room for 64 MiB.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

fn size_of(words: &Words) -> usize {
    match words {
        Words::Present { raw, .. } => raw.len(),
        _ => 0,
    }
}

impl Cache {
    /// Room for about `bytes` bytes: two thirds for entries, since states are folded from them, the rest for words.
    pub fn new(bytes: usize) -> Self {
        let words = bytes / 3;
        Self(Mutex::new(Inner {
            records: Generations::new(bytes - words),
            words: Generations::new(words),
            parties: HashMap::new(),
            withheld: None,
        }))
    }

    // A thread that panicked while it held the lock left no half-made value: whole values are put in.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, index: u64) -> Option<Arc<Record>> {
        self.inner().records.get(&index).cloned()
    }
    pub(super) fn records(&self, indexes: &[u64]) -> Vec<Option<Arc<Record>>> {
        let mut inner = self.inner();
        indexes.iter().map(|index| inner.records.get(index).cloned()).collect()
    }
    pub(super) fn put_record(&self, index: u64, record: &Arc<Record>) {
        let weight = record.event().note().as_str().len() + EACH;
        self.inner().records.put(index, record.clone(), weight);
    }

    /// The words of an entry, if they are kept and as new as `withheld`: the index of the latest entry that had withheld
    /// something when the request came.
    pub(super) fn words(&self, index: u64, withheld: Option<u64>) -> Option<Arc<Words>> {
        let mut inner = self.inner();
        inner.up_to(withheld).then(|| inner.words.get(&index).cloned())?
    }
    pub(super) fn put_words(&self, index: u64, words: &Arc<Words>, withheld: Option<u64>) {
        let mut inner = self.inner();
        // Words that are withheld or missing are not kept: they may be given back.
        if matches!(**words, Words::Present { .. }) && inner.up_to(withheld) {
            inner.words.put(index, words.clone(), size_of(words) * TIMES + EACH);
        }
    }

    /// A party, if it is kept as it was when its thread had `entries` entries.
    pub(super) fn party(&self, id: &EventId, entries: u64, withheld: Option<u64>) -> Option<Arc<Party>> {
        let mut inner = self.inner();
        if !inner.up_to(withheld) {
            return None;
        }
        inner.parties.get(id).filter(|(known, _)| *known == entries).map(|(_, party)| party.clone())
    }
    pub(super) fn put_party(&self, entries: u64, party: &Arc<Party>, withheld: Option<u64>) {
        let mut inner = self.inner();
        if inner.up_to(withheld) {
            if inner.parties.len() == PARTIES {
                inner.parties.clear();
            }
            inner.parties.insert(party.id, (entries, party.clone()));
        }
    }

    /// Forgets words that were read before the entry at `withheld` withheld something.
    pub fn forget(&self, withheld: Option<u64>) {
        self.inner().up_to(withheld);
    }
}

impl Inner {
    /// Forgets words and parties if something was withheld since they were read. Says whether `withheld` is as new as what
    /// the cache knows.
    fn up_to(&mut self, withheld: Option<u64>) -> bool {
        if withheld > self.withheld {
            self.words.clear();
            // Names are words.
            self.parties = HashMap::new();
            self.withheld = withheld;
        }
        withheld == self.withheld
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Content;

    fn words(text: &str) -> Arc<Words> {
        let raw = format!("{{\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"text\":\"{text}\"}}").into_bytes();
        let content = Content::parse(&raw).unwrap();
        Arc::new(Words::Present { raw: raw.into(), content })
    }

    #[test]
    fn when_something_is_withheld_all_words_are_forgotten() {
        let cache = Cache::default();
        cache.put_words(7, &words("a"), None);
        assert!(cache.words(7, None).is_some());
        let held = Arc::downgrade(&cache.words(7, None).unwrap());
        cache.forget(Some(9));
        assert!(held.upgrade().is_none(), "they are in memory no more");
        // A request that read the words before they were withheld puts them in late.
        cache.put_words(7, &words("a"), None);
        assert!(cache.words(7, None).is_none() && cache.words(7, Some(9)).is_none());
        cache.put_words(7, &words("b"), Some(9));
        assert!(cache.words(7, Some(9)).is_some());
    }

    #[test]
    fn words_that_are_not_there_are_not_kept() {
        let cache = Cache::default();
        for absent in [Words::None, Words::Missing, Words::Withheld(3)] {
            cache.put_words(1, &Arc::new(absent), None);
            assert!(cache.words(1, None).is_none());
        }
    }
}
