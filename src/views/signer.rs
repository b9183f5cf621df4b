//! Who signed an entry.

use super::{Record, Revocation, Views, VouchedBy};
use crate::{event::EventId, ledger::ReadError, note::VerifyingKey};

/// One signature of an entry.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The key.
    pub key: VerifyingKey,
    /// The party that holds it.
    pub party: EventId,
    /// The highest number in that party's thread when the entry was recorded.
    pub number: u64,
    /// Index of the entry that added the key.
    pub added: u64,
    /// Who vouched for it.
    pub vouched: VouchedBy,
    /// The key's revocation, if it was revoked later.
    pub revoked: Option<Revocation>,
}

impl Views {
    /// The signers of an entry, the author first.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn signers(&self, record: &Record) -> Result<Vec<Signer>, ReadError> {
        let lines = record.event().by().iter().zip(&record.entry.header().signers);
        lines
            .map(|(key, (party, number))| {
                let added = self.reader.key(key.as_bytes())?.map_or(record.index(), |row| row.added);
                let vouched = match self.record(added)? {
                    Some(added_by) => self.vouched_by(party, &added_by)?,
                    None => VouchedBy::Itself,
                };
                let revoked = self.revocation(key)?;
                Ok(Signer { key: key.clone(), party: *party, number: *number, added, vouched, revoked })
            })
            .collect()
    }
}
