//! Files that words in the copy name, and that are missing in it.

use std::collections::{BTreeSet, VecDeque};

/// A file: the index of the entry whose words name it, and its position there.
pub(super) type Place = (u64, u32);

/// The most files that are asked for again in one pass.
const ASKED: usize = 100;

/// All missing files, and the queue of those that are asked for again.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    all: BTreeSet<Place>,
    asked: VecDeque<Place>,
    changed: bool,
}

impl Lacking {
    /// Reads a list that was written down, one file a line. All of them are asked for again, since another limit may hold now.
    /// `None` if `text` is no such list.
    pub fn read(text: &str) -> Option<Self> {
        let place = |line: &str| {
            let (index, position) = line.split_once(' ')?;
            Some((index.parse().ok()?, position.parse().ok()?))
        };
        let all: BTreeSet<Place> = text.lines().map(place).collect::<Option<_>>()?;
        Some(Self { asked: all.iter().copied().collect(), all, changed: false })
    }

    /// The list as text for [`read`](Self::read), if it changed since the last call.
    pub fn changed(&mut self) -> Option<String> {
        let changed = std::mem::take(&mut self.changed);
        changed.then(|| self.all.iter().map(|(index, position)| format!("{index} {position}\n")).collect())
    }

    /// Adds a missing file. If `again`, it is asked for in a later pass.
    pub fn put(&mut self, place: Place, again: bool) {
        if self.all.insert(place) {
            self.changed = true;
            if again {
                self.asked.push_back(place);
            }
        }
    }

    /// Removes a file that is here now, or withheld.
    pub fn remove(&mut self, place: Place) {
        self.changed |= self.all.remove(&place);
    }

    /// Removes all files of an entry.
    pub fn remove_all(&mut self, index: u64) {
        let of: Vec<Place> = self.all.range((index, 0)..=(index, u32::MAX)).copied().collect();
        of.into_iter().for_each(|place| self.remove(place));
    }

    /// The files to ask for in this pass. To have one asked for again, call [`ask`](Self::ask).
    pub fn next(&mut self) -> Vec<Place> {
        let next: Vec<Place> = self.asked.drain(..self.asked.len().min(ASKED)).collect();
        next.into_iter().filter(|place| self.all.contains(place)).collect()
    }

    /// Has a file asked for again in a later pass.
    pub fn ask(&mut self, place: Place) {
        self.asked.push_back(place);
    }

    /// Whether a file is missing.
    pub fn has(&self, place: &Place) -> bool {
        self.all.contains(place)
    }

    /// How many files are missing.
    pub fn len(&self) -> u64 {
        self.all.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_written_down_and_asked_for_in_turn() {
        let mut lacking = Lacking::default();
        assert_eq!(lacking.changed(), None);
        (0..150).for_each(|index| lacking.put((index, 0), true));
        lacking.put((7, 0), true);
        lacking.put((7, 2), false);
        let first = lacking.next();
        assert_eq!((first.len(), lacking.len()), (ASKED, 151));
        first.iter().for_each(|place| lacking.ask(*place));
        assert_eq!(lacking.next()[..50], (100..150).map(|index| (index, 0)).collect::<Vec<_>>());
        lacking.remove_all(7);
        (8..150).for_each(|index| lacking.remove((index, 0)));
        let text = lacking.changed().unwrap();
        assert_eq!(text, "0 0\n1 0\n2 0\n3 0\n4 0\n5 0\n6 0\n");
        let mut again = Lacking::read(&text).unwrap();
        assert_eq!((again.changed(), again.len(), again.next().len(), again.next().len()), (None, 7, 7, 0));
        for bad in ["x", "1", "1 2 3", "1 -1", "\n"] {
            assert!(Lacking::read(bad).is_none(), "{bad}");
        }
    }
}
