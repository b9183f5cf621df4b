//! `Signer`.

use async_graphql::{Context, Object, Result};

use super::{fault::views, index::Index, party::Party, party_key::Revocation, voucher::Voucher};
use crate::views;

/// One signature of an event.
pub struct Signer(views::Signer);

impl Signer {
    /// Wraps a signer.
    pub fn new(signer: views::Signer) -> Self {
        Self(signer)
    }
}

/// Who signed an event, and with which key.
#[Object]
impl Signer {
    /// The full vkey.
    async fn key(&self) -> String {
        self.0.key.to_string()
    }
    /// The party that holds the key.
    async fn party(&self, ctx: &Context<'_>) -> Result<Option<Party>> {
        Party::read(views(ctx), &self.0.party)
    }
    /// The highest number in that party's thread when the event was recorded.
    async fn number(&self) -> Index {
        self.0.number.into()
    }
    /// Who vouched for the key.
    async fn vouched_by(&self) -> Voucher {
        Voucher { by: self.0.vouched, added: self.0.added }
    }
    /// The key's revocation, if it came later. The signature stays good.
    async fn revoked(&self) -> Option<Revocation> {
        self.0.revoked.clone().map(Into::into)
    }
}
