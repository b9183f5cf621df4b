//! Entries, rules, and the Merkle log that holds them. Pure: no I/O, no clock, no async.

mod checks;
mod entry;
mod rows;
mod rules;

pub use entry::{Entry, EntryError, Header, MAX_ENTRY, MAX_INDEX, SignedEntry, Time};
pub use rows::{Detail, EventRow, Fate, HeldPosition, KeyRow, MemoryRows, PartyRow, Row, RowKey, Rows};
pub use rules::{Door, NoDoor, Placement, decide};
