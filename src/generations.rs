//! A bounded cache of what was put in or asked for lately.
//!
//! Written by hand, since the crates for that (quick_cache, moka, lru) lack two things. `ledger/footprint.rs`, which records the
//! sizes that were read, must be told by [`put`](Generations::put) when other values are dropped: else an answer would outlive
//! what it was made of. And a value that weighs more than all the room must still be kept, alone.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

/// Values by key, each with a weight. Half of the room is for the young: values put in or asked for lately. When they fill it,
/// they become the old, and the old ones that nobody asked for meanwhile are dropped.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    young: Generation<K, V>,
    old: Generation<K, V>,
    weight: usize,
    most: usize,
}

type Generation<K, V> = HashMap<K, (V, usize), foldhash::fast::RandomState>;

impl<K: Clone + Eq + Hash, V> Generations<K, V> {
    /// An empty cache whose values may weigh `most` together.
    pub fn new(most: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), weight: 0, most }
    }

    /// Puts a value in, in place of the one that `key` had. Returns whether other values may have been dropped for it.
    pub fn put(&mut self, key: K, value: V, weight: usize) -> bool {
        self.old.remove(&key);
        let last = key.clone();
        let before = match self.young.entry(key) {
            Entry::Occupied(mut there) => there.insert((value, weight)).1,
            Entry::Vacant(free) => {
                free.insert((value, weight));
                0
            }
        };
        self.weight = self.weight - before + weight;
        let full = self.weight > self.most / 2;
        if full && let Some((key, this)) = self.young.remove_entry(&last) {
            // The old table is reused for the new values, since it has already grown.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.young.insert(key, this);
            self.weight = weight;
        }
        full
    }

    /// The value of a key, which then counts as asked for.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        if !self.young.contains_key(key) {
            let (key, (value, weight)) = self.old.remove_entry(key)?;
            self.put(key, value, weight);
        }
        self.young.get(key).map(|(value, _)| value)
    }

    /// The value of a key, without counting it as asked for.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key)).map(|(value, _)| value)
    }

    /// Forgets the value of a key.
    pub fn remove(&mut self, key: &K) {
        self.old.remove(key);
        let weight = self.young.remove(key).map_or(0, |(_, weight)| weight);
        self.weight -= weight;
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        *self = Self::new(self.most);
    }

    #[cfg(test)]
    pub fn weights(&self) -> Vec<usize> {
        self.young.values().chain(self.old.values()).map(|(_, weight)| *weight).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_bound_and_what_is_asked_for_stays() {
        let mut kept = Generations::new(1_000);
        let mut dropped = 0;
        for key in 0..10_000 {
            dropped += usize::from(kept.put(key, key, 10));
            // A value put in its own place takes no more room.
            kept.put(key, key, 10);
            assert_eq!(kept.get(&0), Some(&0), "{key}");
        }
        assert!(kept.weights().iter().sum::<usize>() <= 1_000 && kept.weights().len() > 50, "{kept:?}");
        assert!((190..=210).contains(&dropped), "{dropped}");
        assert_eq!((kept.peek(&9_999), kept.peek(&5)), (Some(&9_999), None));
        kept.remove(&9_999);
        kept.remove(&5);
        assert_eq!((kept.peek(&9_999), kept.peek(&0)), (None, Some(&0)));
        kept.clear();
        assert!(kept.peek(&0).is_none() && kept.get(&0).is_none());
    }

    #[test]
    fn one_that_weighs_more_than_there_is_room_for_is_alone() {
        let mut kept = Generations::new(100);
        kept.put(1, (), 10);
        assert!(kept.put(2, (), 1_000));
        assert!(kept.put(3, (), 10) && kept.weights().len() <= 2);
    }
}
