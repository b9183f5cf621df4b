//! `PartyKey` and `Revocation`: a key of a party, and its revocation.

use std::sync::Arc;

use async_graphql::{Object, SimpleObject};

use super::voucher::Voucher;
use crate::{
    serve::graphql::scalars::{event_date::EventDate, index::Index},
    views::{self, Views},
};

/// A key of a party.
pub struct PartyKey {
    key: views::PartyKey,
    views: Arc<Views>,
}

/// The revocation of a key. What the key signed before stays good.
#[derive(SimpleObject)]
pub struct Revocation {
    /// Index of the entry that revoked it.
    pub index: Index,
    /// Why: `superseded`, `lost` or `compromised`.
    pub reason: &'static str,
    /// Since when its party distrusts the key. This changes no verdict.
    pub since: Option<EventDate>,
}

impl From<views::Revocation> for Revocation {
    fn from(r: views::Revocation) -> Self {
        Self { index: r.index.into(), reason: r.reason.as_str(), since: r.since.map(EventDate) }
    }
}

impl PartyKey {
    /// Wraps a key.
    pub fn new(key: views::PartyKey, views: &Arc<Views>) -> Self {
        Self { key, views: views.clone() }
    }
}

/// A key of a party, which it has or had.
#[Object]
impl PartyKey {
    /// The full vkey, as `c2sp.org/signed-note` writes it.
    async fn vkey(&self) -> String {
        self.key.key.to_string()
    }
    /// Who vouched for it.
    async fn vouched_by(&self) -> Voucher {
        Voucher { by: self.key.vouched, added: self.key.added, views: self.views.clone() }
    }
    /// Its revocation. Null while it may sign.
    async fn revoked(&self) -> Option<Revocation> {
        self.key.revoked.clone().map(Into::into)
    }
}
