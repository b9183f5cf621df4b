//! Who signed, and who vouched for the key.

use super::{Record, Revocation, Views};
use crate::{
    event::{EventId, EventType},
    ledger::ReadError,
    note::VerifyingKey,
};

/// Who vouched for a key: the author of the entry that added it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VouchedBy {
    /// The party itself, with a key it had before; for the operator's first key, `ledger.opened`.
    Itself,
    /// A registrar.
    Registrar(EventId),
    /// The operator of the ledger.
    Operator(EventId),
}

impl VouchedBy {
    /// The party that vouched, if it is another.
    pub fn party(self) -> Option<EventId> {
        match self {
            Self::Itself => None,
            Self::Registrar(id) | Self::Operator(id) => Some(id),
        }
    }
}

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
    /// Who vouched for a key that the entry `added_by` added to a party.
    pub(super) fn vouched_by(&self, party: &EventId, added_by: &Record) -> Result<VouchedBy, ReadError> {
        let author = added_by.parties().next();
        Ok(match author {
            _ if added_by.event().event_type() == EventType::LedgerOpened => VouchedBy::Itself,
            Some(author) if author == *party => VouchedBy::Itself,
            Some(author) if self.reader.operator()? == Some(author) => VouchedBy::Operator(author),
            Some(author) => VouchedBy::Registrar(author),
            // An entry has a signer line for each member of `by`, and `by` has at least one.
            None => VouchedBy::Itself,
        })
    }

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
