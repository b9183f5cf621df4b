//! Which entries may have a digest: a hash table in memory that leaves none out.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;

/// Entry numbers by digest, in open addressing with linear probing. A slot holds 32 bits of a keyed hash of the
/// digest (the mark) and the number: 8 bytes a slot, and 11 to 16 bytes an entry as full as slots are kept here. Digests
/// may share a mark, so what is found is a candidate, to be compared with the stored digest. The hash has another key in
/// each process, so that nobody can choose events that crowd one place.
#[derive(Debug)]
pub(super) struct Directory {
    slots: Vec<u64>,
    held: usize,
    hasher: RandomState,
}

/// A slot without an entry: a mark of all ones, with a number that no entry has.
const EMPTY: u64 = u64::MAX;
/// The most entries whose numbers fit in a slot.
pub(super) const MAX_ENTRIES: u64 = u32::MAX as u64;

impl Directory {
    /// A directory that takes `n` entries without growing.
    pub fn with_room(n: usize) -> Self {
        Self { slots: vec![EMPTY; n / 2 * 3 + 1_024], held: 0, hasher: RandomState::default() }
    }

    fn mark(&self, digest: &[u8]) -> u64 {
        self.hasher.hash_one(digest) >> 32
    }

    /// Places of slots, in the order in which they are tried for a mark.
    fn probe(&self, mark: u64) -> impl Iterator<Item = usize> + use<> {
        // Marks are spread evenly over 32 bits, so this spreads them evenly over any number of slots.
        let home = ((mark * self.slots.len() as u64) >> 32) as usize;
        (home..self.slots.len()).chain(0..home)
    }

    fn place(&mut self, slot: u64) {
        let free = self.probe(slot >> 32).find(|at| self.slots[*at] == EMPTY);
        // A quarter of the slots is always empty.
        if let Some(at) = free {
            self.slots[at] = slot;
            self.held += 1;
        }
    }

    /// Entries that may have this digest.
    pub fn candidates(&self, digest: &[u8]) -> impl Iterator<Item = u32> + '_ {
        let mark = self.mark(digest);
        let slots = self.probe(mark).map(|at| self.slots[at]).take_while(|slot| *slot != EMPTY);
        slots.filter(move |slot| slot >> 32 == mark).map(|slot| slot as u32)
    }

    /// A copy with more room, if `more` entries would not fit.
    pub fn grown_for(&self, more: usize) -> Option<Self> {
        if (self.held + more) * 4 <= self.slots.len() * 3 {
            return None;
        }
        let mut grown = Self { slots: Vec::new(), held: 0, hasher: self.hasher.clone() };
        grown.slots = vec![EMPTY; (self.held + more).max(self.slots.len()) / 2 * 3 + 1_024];
        for slot in self.slots.iter().filter(|slot| **slot != EMPTY) {
            grown.place(*slot);
        }
        Some(grown)
    }

    /// Adds an entry. There must be room.
    pub fn insert(&mut self, digest: &[u8], entry: u32) {
        self.place(self.mark(digest) << 32 | u64::from(entry));
    }

    /// Puts an entry in the place of an earlier one with the same digest.
    pub fn replace(&mut self, digest: &[u8], earlier: u32, entry: u32) {
        let mark = self.mark(digest) << 32;
        let at = self.probe(mark >> 32).find(|at| self.slots[*at] == mark | u64::from(earlier));
        if let Some(at) = at {
            self.slots[at] = mark | u64::from(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_through_growth_and_replacement() {
        let digest = |n: u32| *blake3::hash(&n.to_be_bytes()).as_bytes();
        let mut directory = Directory::with_room(0);
        for n in 0..20_000 {
            if let Some(grown) = directory.grown_for(1) {
                directory = grown;
            }
            directory.insert(&digest(n), n);
        }
        for n in (0..20_000).step_by(7) {
            directory.replace(&digest(n), n, n + 1_000_000);
        }
        assert!(directory.held * 4 <= directory.slots.len() * 3, "a quarter stays empty");
        for n in 0..20_000 {
            let now = if n % 7 == 0 { n + 1_000_000 } else { n };
            assert_eq!(directory.candidates(&digest(n)).filter(|c| *c == now).count(), 1, "{n}");
        }
        let strangers = (20_000..40_000).flat_map(|n| directory.candidates(&digest(n)).collect::<Vec<_>>());
        assert!(strangers.count() < 5, "a stranger's mark is seldom one that is held");
    }
}
