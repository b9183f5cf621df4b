//! Lists of entries that were read whole, kept while they grow.

use std::sync::Arc;

use super::listed::By;
use crate::generations::Generations;

/// The longest list that is kept.
const LONGEST: usize = 4_096;
/// Bytes that are kept, about, half of them whatever is asked for.
const MOST: usize = 16 << 20;
/// What a list takes beside its entries, about.
const EACH: usize = 128;

/// A list as far as the index goes; nothing of one that is too long to be kept.
pub(super) type Kept = Option<Arc<Vec<u64>>>;

/// What is kept, by list.
pub(super) struct Lists(Generations<By, Kept>);

impl Default for Lists {
    fn default() -> Self {
        Self(Generations::new(MOST))
    }
}

impl Lists {
    /// A list, if it is known.
    pub fn get(&mut self, by: &By) -> Option<Kept> {
        self.0.get(by).cloned()
    }

    /// Keeps a list, given as many of its entries as are asked for: one more than are kept.
    pub fn put(&mut self, by: By, list: Vec<u64>) -> Kept {
        let kept = (list.len() <= LONGEST).then(|| Arc::new(list));
        let weight = EACH + kept.as_ref().map_or(0, |list| list.len() * size_of::<u64>());
        self.0.put(by, kept.clone(), weight);
        kept
    }

    /// Adds the next entries of a list, if it is kept. Whoever read it while they were being written may have kept them
    /// already.
    pub fn add(&mut self, by: &By, entries: &[u64]) {
        let Some(Some(list)) = self.get(by) else { return };
        let last = list.last().copied();
        let next = entries.iter().filter(|entry| last.is_none_or(|last| **entry > last));
        let grown = list.iter().chain(next).copied().collect();
        self.put(*by, grown);
    }

    /// As many entries as it takes to tell a list that is too long.
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
