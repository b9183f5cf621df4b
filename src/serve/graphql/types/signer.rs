//! `Signer`: who signed an event, with which key.

use std::sync::Arc;

use async_graphql::{Object, Result};

use super::{party::Party, party_key::Revocation, voucher::Voucher};
use crate::{
    serve::graphql::scalars::index::Index,
    views::{self, Views},
};

/// One signature of an event.
pub struct Signer {
    signer: views::Signer,
    views: Arc<Views>,
}

impl Signer {
    /// Wraps a signer.
    pub fn new(signer: views::Signer, views: &Arc<Views>) -> Self {
        Self { signer, views: views.clone() }
    }
}

/// Who signed an event, and with which key.
#[Object]
impl Signer {
    /// The full vkey.
    async fn key(&self) -> String {
        self.signer.key.to_string()
    }
    /// The party that holds the key.
    async fn party(&self) -> Result<Option<Party>> {
        Party::read(&self.views, &self.signer.party)
    }
    /// The highest number in that party's thread when the event was recorded.
    async fn number(&self) -> Index {
        self.signer.number.into()
    }
    /// Who vouched for the key.
    async fn vouched_by(&self) -> Voucher {
        Voucher { by: self.signer.vouched, added: self.signer.added, views: self.views.clone() }
    }
    /// The key's revocation, if it came later. The signature stays good.
    async fn revoked(&self) -> Option<Revocation> {
        self.signer.revoked.clone().map(Into::into)
    }
}
