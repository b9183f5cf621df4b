//! What the rules ask about, for a ledger of any size: the rows in use as they are, the others packed, at first in
//! memory and then in scratch files.
//!
//! ```text
//! rows     one after the other: length (u32), key (33 bytes), row
//! slots    open addressing: a keyed hash of the key, and its place in rows + 1; 0 for none
//! ```

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::BuildHasher as _,
    io,
    path::{Path, PathBuf},
};

use super::scratch::Scratch;
use crate::{
    event::Position,
    log::{MemoryRows, PutRows, Row, RowKey, Rows},
};

/// The most rows in use before they are packed: some 10 MiB.
const YOUNG: usize = 1 << 15;
/// Bytes that a row in use takes, about. If little may be kept in memory, rows in use take a fifth of that.
const YOUNG_ROW: usize = 512;

/// Rows that a verification keeps.
pub trait KeptRows: PutRows + Send {
    /// How many events from an index on have their words withheld.
    fn held_words(&self, from: u64) -> u64;
    /// Why the rows can't be relied on, if they can't.
    fn fault(&self) -> Option<String> {
        None
    }
}

impl KeptRows for MemoryRows {
    fn held_words(&self, from: u64) -> u64 {
        held_words(self, self, from)
    }
}

/// How many rows of `some` say that the words of an event are withheld, counting events from the index `from` on.
pub fn held_words(some: &MemoryRows, rows: &impl Rows, from: u64) -> u64 {
    let held = some.iter().filter(|(key, row)| match row {
        Row::Fate(fate) if fate.withheld_by(Position::Content).is_some() => {
            from == 0 || key.id().and_then(|id| rows.event(&id)).is_some_and(|e| e.index >= from)
        }
        _ => false,
    });
    held.count() as u64
}

/// Rows of a verification.
pub(super) struct ScratchRows {
    young: RefCell<HashMap<RowKey, Young, foldhash::fast::RandomState>>,
    /// The most of these before they are packed.
    most: usize,
    old: Packed,
    /// Events whose words are withheld.
    held: u64,
    /// What went wrong first with the scratch files. From then on the rows can't be relied on.
    fault: RefCell<Option<String>>,
}

struct Young {
    row: Row,
    /// Whether it differs from what is packed.
    changed: bool,
}

impl ScratchRows {
    /// No rows yet. Packed rows are kept in memory up to `memory` bytes; if they take more, they go to files in `dir`.
    pub fn new(dir: &Path, memory: usize) -> Self {
        Self {
            young: RefCell::default(),
            most: (memory / 5 / YOUNG_ROW).clamp(16, YOUNG),
            old: Packed::new(dir, memory),
            held: 0,
            fault: RefCell::default(),
        }
    }

    fn failed(&self, e: &io::Error) {
        self.fault.borrow_mut().get_or_insert_with(|| e.to_string());
    }

    /// Packs the rows in use if there are too many.
    fn settle(&mut self) {
        let young = self.young.get_mut();
        if young.len() < self.most {
            return;
        }
        let changed = young.iter().filter(|(_, y)| y.changed).map(|(key, y)| (key, &y.row));
        let packed = self.old.put(changed);
        young.clear();
        if let Err(e) = packed {
            self.failed(&e);
        }
    }
}

impl Rows for ScratchRows {
    fn row(&self, key: &RowKey) -> Option<Row> {
        if let Some(young) = self.young.borrow().get(key) {
            return Some(young.row.clone());
        }
        let found = self.old.get(key).unwrap_or_else(|e| {
            self.failed(&e);
            None
        });
        // Rows that are asked for once are asked for again: authors, parties, cases.
        let mut young = self.young.borrow_mut();
        if let Some(row) = &found
            && young.len() < 2 * self.most
        {
            young.insert(*key, Young { row: row.clone(), changed: false });
        }
        found
    }
}

impl PutRows for ScratchRows {
    fn put_rows(&mut self, rows: Vec<(RowKey, Row)>) {
        for (key, row) in rows {
            if let Row::Fate(fate) = &row {
                let held = |withheld: bool| u64::from(withheld);
                let before = match self.row(&key) {
                    Some(Row::Fate(fate)) => fate.withheld_by(Position::Content).is_some(),
                    _ => false,
                };
                self.held += held(fate.withheld_by(Position::Content).is_some());
                self.held -= held(before);
            }
            self.young.get_mut().insert(key, Young { row, changed: true });
        }
        self.settle();
    }
}

impl KeptRows for ScratchRows {
    fn held_words(&self, _: u64) -> u64 {
        self.held
    }
    fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }
}

/// Bytes of a slot.
const SLOT: u64 = 16;
/// Bytes of a row's length and key.
const HEAD: usize = 4 + 33;
/// Bytes that are read of a row at first; nearly all have fewer.
const MOST_ROWS: usize = 320;

/// Rows, packed, each found by its key.
struct Packed {
    dir: PathBuf,
    memory: usize,
    hasher: foldhash::quality::RandomState,
    rows: Scratch,
    slots: Scratch,
    /// Binary logarithm of the number of slots.
    width: u32,
    used: u64,
}

impl Packed {
    fn new(dir: &Path, memory: usize) -> Self {
        Self {
            dir: dir.to_owned(),
            memory,
            hasher: foldhash::quality::RandomState::default(),
            rows: Scratch::new(dir, memory / 4 * 3),
            slots: Scratch::new(dir, memory / 4),
            width: 0,
            used: 0,
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    fn get(&self, key: &RowKey) -> io::Result<Option<Row>> {
        if self.used == 0 {
            return Ok(None);
        }
        let (_, found) = self.find(key)?;
        found.map(|bytes| postcard::from_bytes(&bytes[HEAD..]).map_err(io::Error::other)).transpose()
    }

    /// The slot of a key, or the free one where it belongs, with the row's bytes if there are any.
    fn find(&self, key: &RowKey) -> io::Result<(u64, Option<Vec<u8>>)> {
        let hash = self.hash(key.as_bytes());
        let mut slot = hash >> (64 - self.width);
        // There are always free slots.
        loop {
            let (found, place) = self.slot(slot)?;
            if place == 0 {
                return Ok((slot, None));
            }
            if found == hash {
                let row = self.read_row(place - 1)?;
                if row[4..HEAD] == *key.as_bytes() {
                    return Ok((slot, Some(row)));
                }
            }
            slot = (slot + 1) & ((1 << self.width) - 1);
        }
    }

    fn slot(&self, slot: u64) -> io::Result<(u64, u64)> {
        let mut bytes = [0; SLOT as usize];
        if self.slots.read(slot * SLOT, &mut bytes)? < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let number = u128::from_be_bytes(bytes);
        Ok(((number >> 64) as u64, number as u64))
    }

    fn read_row(&self, at: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; MOST_ROWS];
        let n = self.rows.read(at, &mut bytes)?;
        let length = bytes.first_chunk::<4>().map_or(0, |l| u32::from_be_bytes(*l)) as usize;
        if length > n {
            bytes.resize(length, 0);
            if self.rows.read(at, &mut bytes)? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.truncate(length.max(HEAD));
        Ok(bytes)
    }

    /// Puts rows. They replace earlier ones with the same keys.
    fn put<'a>(&mut self, rows: impl Iterator<Item = (&'a RowKey, &'a Row)>) -> io::Result<()> {
        let mut packed = Vec::new();
        let mut places = Vec::new();
        let base = self.rows.len();
        for (key, row) in rows {
            let row = postcard::to_stdvec(row).map_err(io::Error::other)?;
            let length = u32::try_from(HEAD + row.len()).map_err(io::Error::other)?;
            places.push((*key, base + packed.len() as u64));
            packed.extend_from_slice(&length.to_be_bytes());
            packed.extend_from_slice(key.as_bytes());
            packed.extend_from_slice(&row);
        }
        self.rows.append(&packed)?;
        self.widen(places.len() as u64)?;
        for (key, place) in places {
            let (slot, found) = self.find(&key)?;
            self.used += u64::from(found.is_none());
            self.set(slot, self.hash(key.as_bytes()), place + 1)?;
        }
        Ok(())
    }

    fn set(&mut self, slot: u64, hash: u64, place: u64) -> io::Result<()> {
        let bytes = (u128::from(hash) << 64 | u128::from(place)).to_be_bytes();
        self.slots.write(slot * SLOT, &bytes)
    }

    /// Makes room for more rows: at most two slots of three are used.
    fn widen(&mut self, more: u64) -> io::Result<()> {
        let wanted = (self.used + more).saturating_mul(3).div_ceil(2).next_power_of_two().max(2);
        if wanted <= self.slots.len() / SLOT {
            return Ok(());
        }
        let slots = Scratch::zeros(&self.dir, self.memory / 4, wanted * SLOT)?;
        let old = std::mem::replace(&mut self.slots, slots);
        self.width = wanted.ilog2();
        // In the order of their hashes, so that neighbours stay neighbours and writes go forward.
        let mut block = vec![0; 1 << 16];
        let mut at = 0;
        while at < old.len() {
            let n = old.read(at, &mut block)?;
            for bytes in block[..n].as_chunks::<{ SLOT as usize }>().0 {
                let number = u128::from_be_bytes(*bytes);
                let (hash, place) = ((number >> 64) as u64, number as u64);
                if place == 0 {
                    continue;
                }
                let mut slot = hash >> (64 - self.width);
                while self.slot(slot)?.1 != 0 {
                    slot = (slot + 1) & (wanted - 1);
                }
                self.set(slot, hash, place)?;
            }
            at += n as u64;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::EventId,
        log::{Fate, MemoryRows},
    };

    fn id(n: u64) -> EventId {
        EventId(*blake3::hash(&n.to_be_bytes()).as_bytes())
    }

    /// Rows of several kinds, of which later ones replace earlier ones.
    fn rows(from: u64, to: u64) -> Vec<(RowKey, Row)> {
        let row = |n: u64| match n % 3 {
            0 => (RowKey::thread(&id(n % 997)), Row::Thread(n)),
            1 => (RowKey::name(&format!("name {}", n % 5_003)), Row::Name(id(n))),
            _ => (RowKey::blob(&crate::event::Digest(id(n).0)), Row::Blob(vec![id(n); (n % 20) as usize])),
        };
        (from..to).map(row).collect()
    }

    #[test]
    fn rows_are_those_of_memory_wherever_they_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for memory in [0, 1 << 20, 16 << 20] {
            let (mut kept, mut expected) = (ScratchRows::new(dir.path(), memory), MemoryRows::default());
            for batch in 0..300 {
                let rows = rows(batch * 50, (batch + 1) * 50);
                expected.put(rows.clone());
                kept.put_rows(rows);
                let some = expected.iter().step_by(397);
                assert!(some.into_iter().all(|(key, row)| kept.row(key).as_ref() == Some(row)));
            }
            for (key, row) in expected.iter() {
                assert_eq!(kept.row(key).as_ref(), Some(row));
            }
            assert!((0..10_000).all(|n| kept.row(&RowKey::event(&id(n))).is_none()));
            assert!(kept.old.used > 5_000 && kept.fault().is_none());
        }
    }

    #[test]
    fn withheld_words_are_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = ScratchRows::new(dir.path(), 0);
        let mut put = |n: u64, withheld: &[(Position, u64)]| {
            let withheld = withheld.iter().map(|(p, i)| ((*p).into(), *i)).collect();
            kept.put_rows(vec![(RowKey::fate(&id(n)), Row::Fate(Fate { withheld, ..Fate::default() }))]);
            kept.held_words(0)
        };
        assert_eq!(put(1, &[(Position::Content, 9)]), 1);
        assert_eq!(put(1, &[(Position::Content, 9), (Position::File(0), 10)]), 1);
        assert_eq!(put(2, &[(Position::File(0), 11)]), 1);
        assert_eq!(put(2, &[(Position::Content, 12)]), 2);
        assert_eq!(put(1, &[]), 1);
    }

    #[test]
    fn a_scratch_file_that_cannot_be_written_is_a_fault_and_no_answer() {
        let mut kept = ScratchRows::new("/nowhere".as_ref(), 0);
        for batch in 0..20 {
            kept.put_rows(rows(batch * 10, (batch + 1) * 10));
        }
        assert!(kept.fault().is_some_and(|why| why.contains("/nowhere")));
    }
}
