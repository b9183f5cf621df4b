//! What a reader asked the ledger for (its footprint), and when each of these things last changed. By this it is known
//! whether an earlier answer is still the one that would be given now.
//!
//! A reader asks for rows, lists, or something that any entry may change, and the writer knows which rows and lists a batch
//! changes. They are told apart by a keyed hash of 64 bits. Recent changes are remembered, within a bound; an answer that is
//! older than all of these is computed again.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, Hash},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use crate::{
    generations::Generations,
    log::RowKey,
    store::index::{By, Listed},
};

/// The most changes that are remembered; they take some 20 MiB. An entry makes about ten: at 2,000 entries a second these are
/// the changes of the last half minute.
const REMEMBERED: usize = 1 << 19;
/// The most things that a footprint tells apart. A larger footprint counts as [`Basis::Everything`].
const MOST: usize = 4_096;

/// The size of the log at which each thing last changed.
pub(crate) struct Changes {
    hasher: foldhash::fast::RandomState,
    lately: RwLock<Lately>,
}

struct Lately {
    sizes: Generations<u64, u64>,
    /// Every change at the size `from` or later is remembered.
    from: u64,
    /// What `from` becomes when older changes are forgotten.
    next: u64,
}

impl Default for Changes {
    fn default() -> Self {
        let lately = Lately { sizes: Generations::new(REMEMBERED), from: 0, next: 0 };
        Self { hasher: foldhash::fast::RandomState::default(), lately: RwLock::new(lately) }
    }
}

impl Changes {
    fn name(&self, thing: impl Hash) -> u64 {
        self.hasher.hash_one(thing)
    }

    /// Remembers the rows and lists that a batch changes, before anybody can see the batch. `size` is that of the log with it.
    pub fn remember<'a>(
        &self,
        rows: impl Iterator<Item = &'a RowKey>,
        listed: impl Iterator<Item = &'a Listed>,
        size: u64,
    ) {
        let mut lately = self.lately.write().unwrap_or_else(PoisonError::into_inner);
        let names =
            rows.map(|key| self.name(key)).chain(listed.flat_map(By::changed_by).map(|by| self.name(by)));
        for name in names {
            if lately.sizes.put(name, size, 1) {
                lately.from = lately.next;
                lately.next = size;
            }
        }
    }
}

/// What one request asked for.
#[derive(Debug, Default)]
pub(crate) struct Footprint(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    things: HashSet<u64, foldhash::fast::RandomState>,
    everything: bool,
}

/// What an answer stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Something that any entry may change.
    Everything,
    /// Rows and lists, by their hashes.
    Things(Arc<[u64]>),
}

impl Footprint {
    fn asked(&self, change: impl FnOnce(&mut Asked)) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !asked.everything {
            change(&mut asked);
        }
        if asked.things.len() > MOST {
            asked.everything = true;
            asked.things = HashSet::default();
        }
    }

    fn thing(&self, name: u64) {
        self.asked(|asked| {
            asked.things.insert(name);
        });
    }

    /// Notes that a row was asked for, whether it was found or not.
    pub fn row(&self, changes: &Changes, key: RowKey) {
        self.thing(changes.name(key));
    }

    /// Notes that a list was asked for, up to its end.
    pub fn list(&self, changes: &Changes, by: By) {
        self.thing(changes.name(by));
    }

    /// Notes that something was asked for that any entry may change.
    pub fn everything(&self) {
        self.asked(|asked| asked.everything = true);
    }

    /// Adds all that another request asked for.
    pub fn all_of(&self, basis: &Basis) {
        match basis {
            Basis::Everything => self.everything(),
            Basis::Things(names) => self.asked(|asked| asked.things.extend(names.iter().copied())),
        }
    }

    /// What was asked for until now.
    pub fn basis(&self) -> Basis {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.everything {
            Basis::Everything
        } else {
            Basis::Things(asked.things.iter().copied().collect())
        }
    }
}

impl Basis {
    /// Whether an answer with this basis, given when the log had the size `given`, is still right at the size `now`.
    pub fn holds(&self, changes: &Changes, given: u64, now: u64) -> bool {
        match self {
            _ if given == now => true,
            Self::Everything => false,
            Self::Things(names) => {
                let lately = changes.lately.read().unwrap_or_else(PoisonError::into_inner);
                let is_old = |name| lately.sizes.peek(name).is_none_or(|size| *size <= given);
                given < now && given >= lately.from && names.iter().all(is_old)
            }
        }
    }

    /// Bytes of memory that it takes on the heap.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Everything => 0,
            Self::Things(things) => size_of_val(&**things),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, EventType};

    fn listed(index: u64, thread: EventId, named: EventId) -> Listed {
        Listed {
            index,
            event_type: EventType::StatementMade,
            thread,
            ids: vec![named],
            author: named,
            act: None,
            mentions: Vec::new(),
            recheck: None,
            content: None,
            files: Vec::new(),
        }
    }

    #[test]
    fn an_answer_holds_until_what_it_asked_for_changes() {
        let (changes, id) = (Changes::default(), |n| EventId([n; 32]));
        let basis = |note: &dyn Fn(&Footprint)| {
            let footprint = Footprint::default();
            note(&footprint);
            footprint.basis()
        };
        let thread = basis(&|f| f.list(&changes, By::Thread(id(1))));
        let named = basis(&|f| f.list(&changes, By::Named(id(1))));
        let fate = basis(&|f| f.row(&changes, RowKey::fate(&id(1))));
        let all = basis(&|f| f.everything());
        let nothing = basis(&|_| {});
        let hold = |now| [&thread, &named, &fate, &all, &nothing].map(|b| b.holds(&changes, 5, now));
        assert_eq!(hold(5), [true; 5]);
        changes.remember([].iter(), [listed(5, id(1), id(2))].iter(), 6);
        assert_eq!(hold(6), [false, true, true, false, true]);
        changes.remember([].iter(), [listed(6, id(3), id(1))].iter(), 7);
        assert_eq!(hold(7), [false, false, true, false, true]);
        changes.remember([RowKey::fate(&id(1))].iter(), [].iter(), 8);
        assert_eq!(hold(8), [false, false, false, false, true]);
        // An answer that was given after the last change holds; one that was given at a later size than `now` does not.
        assert!(fate.holds(&changes, 8, 9) && !fate.holds(&changes, 9, 8));
    }

    #[test]
    fn one_that_asks_for_too_much_stands_for_everything() {
        let (changes, footprint) = (Changes::default(), Footprint::default());
        for n in 0..2 * MOST as u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            footprint.row(&changes, RowKey::event(&EventId(id)));
        }
        assert_eq!(footprint.basis(), Basis::Everything);
        assert_eq!(footprint.basis().bytes(), 0);
    }

    #[test]
    fn one_given_before_all_that_is_remembered_does_not_hold() {
        let (changes, footprint) = (Changes::default(), Footprint::default());
        let of = |n: u64| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            RowKey::event(&EventId(id))
        };
        footprint.row(&changes, of(0));
        let basis = footprint.basis();
        changes.remember([of(0)].iter(), [].iter(), 1);
        let rows: Vec<RowKey> = (1..=REMEMBERED as u64 * 2).map(of).collect();
        for (size, batch) in (2..).zip(rows.chunks(1_000)) {
            changes.remember(batch.iter(), [].iter(), size);
            assert!(!basis.holds(&changes, 0, size), "forgotten or not, it changed: {size}");
        }
        let last = 1 + rows.chunks(1_000).len() as u64;
        assert!(!basis.holds(&changes, 1, last), "nobody knows any more");
        assert!(basis.holds(&changes, last - 100, last));
    }
}
