//! Where entries and words begin in full tiles, so that one of the 256 can be read without the others.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::log::{TilePath, Words};

/// The most tiles whose offsets are kept, at 1 KiB each. All are forgotten before there are more.
const MOST: usize = 8_192;

/// Offsets in full bundles and content tiles. A bundle never changes. A content tile is written anew when words are
/// withheld or given back, so words that were read by its offsets must be checked.
#[derive(Default)]
pub(crate) struct Offsets(Mutex<HashMap<TilePath, Arc<[u32]>, foldhash::fast::RandomState>>);

impl Offsets {
    // A poisoned lock is no harm: only whole values are put in.
    fn held(&self) -> MutexGuard<'_, HashMap<TilePath, Arc<[u32]>, foldhash::fast::RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a tile that hold an item, with the length that stands before it. `None` if that is not known.
    pub fn range(&self, path: &TilePath, item: u64) -> Option<Range<u64>> {
        let held = self.held();
        let ends = held.get(path)?;
        let item = usize::try_from(item).ok()?;
        let from = item.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
        Some(u64::from(from)..u64::from(*ends.get(item)?))
    }

    /// Keeps the offsets of a tile. `lengths` are those of its items, each with the length that stands before it.
    fn put(&self, path: TilePath, lengths: impl Iterator<Item = usize>) {
        let end = |end: &mut u32, length| {
            // No overflow in a good tile: the longest has 256 times 256 KiB.
            *end = end.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
            Some(*end)
        };
        let ends = lengths.scan(0, end).collect();
        let mut held = self.held();
        if held.len() == MOST {
            held.clear();
        }
        held.insert(path, ends);
    }

    /// Keeps the offsets of a bundle.
    pub fn put_entries(&self, path: TilePath, entries: &[&[u8]]) {
        self.put(path, entries.iter().map(|e| 2 + e.len()));
    }

    /// Keeps the offsets of a content tile.
    pub fn put_words(&self, path: TilePath, words: &[Words<'_>]) {
        self.put(
            path,
            words.iter().map(|w| match w {
                Words::Present(words) => 4 + words.len(),
                Words::None | Words::Withheld => 4,
            }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TileKind;

    #[test]
    fn an_item_stands_where_those_before_it_end() {
        let offsets = Offsets::default();
        let path = TilePath::new(TileKind::Contents, 7, 256).unwrap();
        assert_eq!(offsets.range(&path, 0), None);
        offsets
            .put_words(path, &[Words::Present(b"abc"), Words::None, Words::Withheld, Words::Present(b"d")]);
        let ranges: Vec<_> = (0..5).map(|i| offsets.range(&path, i)).collect();
        assert_eq!(ranges, [Some(0..7), Some(7..11), Some(11..15), Some(15..20), None]);
    }
}
