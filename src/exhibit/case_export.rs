//! Makes a case file, one exhibit at a time.

use std::{fmt, sync::Arc};

use super::{CaseWriter, assemble::Needed};
use crate::{
    event::EventId,
    ledger::{ReadError, Reader},
    log::SignedCheckpoint,
};

/// A case file that is being made. Only one exhibit at a time is in memory.
pub struct CaseExport {
    reader: Reader,
    checkpoint: Arc<SignedCheckpoint>,
    /// Time-stamp tokens over the checkpoint.
    tokens: Vec<Vec<u8>>,
    /// Indexes of the entries whose exhibits are still to come.
    left: std::vec::IntoIter<u64>,
    /// `None` once the end was written, or after an error.
    writer: Option<CaseWriter>,
    first: u64,
}

impl fmt::Debug for CaseExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseExport").field("first", &self.first).field("left", &self.left.len()).finish()
    }
}

impl CaseExport {
    /// Begins a case file of all entries of a case that are published now, without the files that words name. `None` if
    /// there is no such case.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn begin(reader: &Reader, case: &EventId) -> Result<Option<Self>, ReadError> {
        if !reader.is_case(case)? {
            return Ok(None);
        }
        let published = reader.checkpoint().checkpoint().size();
        let mut thread = reader.thread(case)?;
        thread.retain(|index| *index < published);
        let (Some(first), Some(last)) = (thread.first().copied(), thread.last()) else { return Ok(None) };
        let (checkpoint, tokens) = reader.stamped_checkpoint(last + 1)?;
        Ok(Some(Self {
            checkpoint,
            tokens,
            reader: reader.clone(),
            left: thread.into_iter(),
            writer: Some(CaseWriter::default()),
            first,
        }))
    }

    /// The number of exhibits that are still to come.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// The index of the entry that opens the case.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The next bytes of the file; `None` after its end.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails, or if the file would be larger than 256 MiB.
    pub fn part(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let large = || {
            ReadError::Fault(format!("the case file of entry {} would be larger than 256 MiB", self.first))
        };
        let Some(index) = self.left.next() else {
            return writer.end().ok_or_else(large).map(Some);
        };
        let exhibit =
            Needed::by(&self.reader, index)?.enclose(&self.reader, &self.checkpoint, &self.tokens)?;
        let out = writer.exhibit(index, &exhibit).ok_or_else(large)?;
        self.writer = Some(writer);
        Ok(Some(out))
    }
}
