//! The places where an entry can stand that contradicts a later one, which was refused.

use super::{
    Entry, KeyRow, Rows, SignedCheckpoint, WitnessKey,
    contradiction::{between, in_itself, with_witness},
};
use crate::{event::EventId, note::Origin};

/// An entry that was refused, while all entries before it keep the rules.
#[derive(Debug, Clone)]
pub struct Suspect {
    index: u64,
    entry: Entry,
    origin: Origin,
}

/// The places where an entry can stand that contradicts a suspect. No entry at any other place does.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Indexes of entries, the nearest first.
    pub entries: Vec<u64>,
    /// Threads whose last entry contradicts the suspect, each with the index from which on it does.
    pub ends: Vec<(EventId, u64)>,
}

impl Suspect {
    /// Reads a suspect. `None` if it can't be read: then it contradicts nothing in a way that others could check.
    pub fn read(index: u64, raw: &[u8], origin: &Origin) -> Option<Self> {
        Some(Self { index, entry: Entry::parse(raw, origin).ok()?, origin: origin.clone() })
    }

    /// Whether it shows by itself that it can't stand at its place in any log.
    pub fn alone(&self) -> bool {
        in_itself(self.index, &self.entry).is_some()
    }

    /// Whether it is dated after the witness cosigned a tree that holds it.
    pub fn beside_witness(&self, witness: &WitnessKey, checkpoint: &SignedCheckpoint) -> bool {
        with_witness(self.index, &self.entry, witness, checkpoint).is_some()
    }

    /// Whether it and an earlier entry can't stand in one log.
    pub fn beside(&self, index: u64, raw: &[u8]) -> bool {
        let other = Entry::parse(raw, &self.origin);
        index < self.index && other.is_ok_and(|a| between((index, &a), (self.index, &self.entry)).is_some())
    }

    /// Where an earlier entry can stand that contradicts it, by the rows of all entries before it.
    ///
    /// The entries before it keep the rules, so each way to contradict one of them leads to a known place:
    ///
    /// - If chain or time is broken, it is broken with the entry just before.
    /// - The rows say where the same event stands, where a key was revoked, and where a key was added for another party than
    ///   the one that the suspect says holds it.
    /// - In a thread, numbers rise by one, and no entry says that a thread is longer than it is. So a suspect whose numbers
    ///   contradict any entry of a thread contradicts the last of them.
    pub fn places(&self, rows: &impl Rows) -> Places {
        let (header, event) = (self.entry.header(), self.entry.event());
        let mut entries: Vec<u64> = self.index.checked_sub(1).into_iter().collect();
        entries.extend(rows.event(&event.id()).map(|row| row.index));
        for (key, (claimed, _)) in event.by().iter().zip(&header.signers) {
            let Some(KeyRow { party, added, revoked, .. }) = rows.key(key.as_bytes()) else { continue };
            entries.extend((party != *claimed).then_some(added).into_iter().chain(revoked));
        }
        entries.retain(|index| *index < self.index);
        entries.sort_unstable_by(|a, b| b.cmp(a));
        entries.dedup();
        let mut ends = Vec::new();
        let length = rows.thread_len(&header.thread);
        if length > 0 && header.k != length {
            // Either its number was given before, or it leaves out more numbers than there are entries since the last.
            let left_out = header.k.saturating_sub(length);
            ends.push((header.thread, if left_out == 0 { 0 } else { self.index.saturating_sub(left_out) }));
        }
        for (party, last) in &header.signers {
            if rows.thread_len(party) > last.saturating_add(1) {
                ends.push((*party, 0));
            }
        }
        Places { entries, ends }
    }
}
