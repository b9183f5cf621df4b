//! Counts how many words, or files, of a ledger are present, withheld and missing.

use std::path::Path;

use super::{
    Absent,
    report::{Fault, Stop, place},
    scratch::Scratch,
};
use crate::{
    event::{EventId, Position},
    log::Rows,
};

/// Blobs of one kind.
pub(super) struct Tally {
    pub present: u64,
    pub withheld: u64,
    pub missing: u64,
    /// Records of those that are not here: index, event, position, HTTP status. Whether the log withholds them is known only
    /// at its end.
    pub absent: Scratch,
    pub fault: Option<Fault>,
}

/// Bytes of one such record.
const ABSENT: usize = 8 + 32 + 8 + 2;
/// The most bytes of such records that are kept in memory.
const ABSENT_MEMORY: usize = 4 << 20;

impl Tally {
    pub fn new(scratch: &Path) -> Self {
        let absent = Scratch::new(scratch, ABSENT_MEMORY);
        Self { present: 0, withheld: 0, missing: 0, absent, fault: None }
    }

    pub fn wrong(&mut self, index: u64, position: Position, what: String) {
        self.fault.get_or_insert(Fault { place: place(index, position), what });
    }

    pub fn absent(
        &mut self,
        index: u64,
        id: EventId,
        position: Position,
        absent: Absent,
    ) -> Result<(), Stop> {
        let number = match position {
            Position::Content => 0,
            Position::File(i) => u64::from(i) + 1,
        };
        let status = absent.status.unwrap_or(0).to_be_bytes();
        let bytes = [&index.to_be_bytes()[..], &id.0, &number.to_be_bytes(), &status].concat();
        self.absent.append(&bytes).map(drop).map_err(|e| Stop::Undecided(e.to_string()))
    }

    /// Counts, of the blobs that are not here, which the log withholds and which are missing.
    pub fn settle(&mut self, rows: &impl Rows) -> Result<(), Stop> {
        let mut block = vec![0; ABSENT * 1_024];
        let mut at = 0;
        while at < self.absent.len() {
            let n = self.absent.read(at, &mut block).map_err(|e| Stop::Undecided(e.to_string()))?;
            for one in block[..n].as_chunks::<ABSENT>().0 {
                let number =
                    |from: usize| one[from..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                let id = EventId(one[8..].first_chunk().copied().unwrap_or_default());
                let position = match number(40) {
                    0 => Position::Content,
                    // It was written from a u32.
                    i => Position::File((i - 1) as u32),
                };
                let status = one[48..].first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
                let absent = Absent { status: (status > 0).then_some(status) };
                self.judge(rows, number(0), &id, position, absent);
            }
            at += n as u64;
        }
        Ok(())
    }

    /// Counts one blob that is not here. A file is withheld too if the words that name it are, though they may still be here
    /// for a moment.
    fn judge(&mut self, rows: &impl Rows, index: u64, id: &EventId, position: Position, absent: Absent) {
        let fate = rows.fate(id);
        if fate.withheld_by(position).or(fate.withheld_by(Position::Content)).is_some() {
            self.withheld += 1;
            return;
        }
        self.missing += 1;
        let place = place(index, position);
        if self.fault.as_ref().is_none_or(|f| f.place.entry() > place.entry()) {
            let what = format!("missing: they are not here{absent}, and nothing on the log withholds them");
            self.fault = Some(Fault { place, what });
        }
    }
}
