//! Lists of entries that were read whole, kept while they grow.

use std::sync::Arc;

use super::listed::By;
use crate::generations::Generations;

/// Entries of the longest list that is kept.
const LONGEST: usize = 4_096;
/// About the most bytes of lists that are kept. The latest half of them are kept whatever is asked for.
const MOST: usize = 16 << 20;
/// About how many bytes a list takes beside its entries.
const EACH: usize = 128;

/// A list as far as the index goes; `None` if it is too long to be kept.
pub(super) type Kept = Option<Arc<Vec<u64>>>;

/// The lists that are kept.
pub(super) struct Lists(Generations<By, Kept>);

impl Default for Lists {
    fn default() -> Self {
        Self(Generations::new(MOST))
    }
}

impl Lists {
    /// A list, or that it is too long; `None` if neither is known.
    pub fn get(&mut self, by: &By) -> Option<Kept> {
        self.0.get(by).cloned()
    }

    /// Keeps a list, given its first [`asked`](Self::asked) entries, or all if it has fewer.
    pub fn put(&mut self, by: By, list: Vec<u64>) -> Kept {
        let kept = (list.len() <= LONGEST).then(|| Arc::new(list));
        let weight = EACH + kept.as_ref().map_or(0, |list| list.len() * size_of::<u64>());
        self.0.put(by, kept.clone(), weight);
        kept
    }

    /// Adds the next entries of a list, if it is kept. A reader may have kept them already, if it read the list while they
    /// were being written.
    pub fn add(&mut self, by: &By, entries: &[u64]) {
        let Some(Some(list)) = self.get(by) else { return };
        let last = list.last().copied();
        let next = entries.iter().filter(|entry| last.is_none_or(|last| **entry > last));
        let grown = list.iter().chain(next).copied().collect();
        self.put(*by, grown);
    }

    /// How many entries of a list must be read to tell that it is too long: one more than are kept.
    pub const fn asked() -> usize {
        LONGEST + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, EventType};

    #[test]
    fn a_list_grows_until_it_is_too_long() {
        let (thread, named) = (By::Thread(EventId([1; 32])), By::Named(EventId([1; 32])));
        let mut lists = Lists::default();
        lists.add(&thread, &[1]);
        assert_eq!(lists.get(&thread), None, "what stands before is not known");
        lists.put(thread, vec![3, 5]);
        lists.add(&thread, &[8, 9]);
        lists.add(&By::Type(EventType::StatementMade), &[8]);
        assert_eq!(lists.get(&thread), Some(Some(Arc::new(vec![3, 5, 8, 9]))));
        assert_eq!(lists.get(&named), None);
        // A reader came between the writing of some and their adding.
        lists.add(&thread, &[8, 9, 11]);
        assert_eq!(lists.get(&thread), Some(Some(Arc::new(vec![3, 5, 8, 9, 11]))));
        let long: Vec<u64> = (10..).take(LONGEST).collect();
        lists.add(&thread, &long);
        assert_eq!(lists.get(&thread), Some(None));
        assert_eq!(lists.put(named, (0..).take(Lists::asked()).collect()), None);
    }
}
