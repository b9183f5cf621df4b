//! `PartyKey` and `Revocation`.

use async_graphql::{Object, SimpleObject};

use super::{event_date::EventDate, index::Index, voucher::Voucher};
use crate::views;

/// A key of a party.
pub struct PartyKey(views::PartyKey);

/// How a key came to sign no more. It stays good for what it signed before.
#[derive(SimpleObject)]
pub struct Revocation {
    /// Index of the entry that revoked it.
    pub index: Index,
    /// Why: `superseded`, `lost` or `compromised`.
    pub reason: &'static str,
    /// From when its party distrusts it. Changes no verdict.
    pub since: Option<EventDate>,
}

impl From<views::Revocation> for Revocation {
    fn from(r: views::Revocation) -> Self {
        Self { index: r.index.into(), reason: r.reason.as_str(), since: r.since.map(EventDate) }
    }
}

impl PartyKey {
    /// Wraps a key.
    pub fn new(key: views::PartyKey) -> Self {
        Self(key)
    }
}

/// A key of a party, in its whole history.
#[Object]
impl PartyKey {
    /// The full vkey, as `c2sp.org/signed-note` writes it.
    async fn vkey(&self) -> String {
        self.0.key.to_string()
    }
    /// Who vouched for it.
    async fn vouched_by(&self) -> Voucher {
        Voucher { by: self.0.vouched, added: self.0.added }
    }
    /// Its revocation; null while it may sign.
    async fn revoked(&self) -> Option<Revocation> {
        self.0.revoked.clone().map(Into::into)
    }
}
