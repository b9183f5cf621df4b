//! `Ledger`: whose log this is, and how large.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::{mirror::Mirror, party::Party};
use crate::{
    mirror::Status,
    serve::graphql::{
        fault::{Answer as _, views},
        scalars::url::{Public, Url},
    },
};

/// The ledger itself.
pub struct LedgerInfo;

/// Which ledger this is.
#[Object(name = "Ledger")]
impl LedgerInfo {
    /// Its origin, which every event meant for it names.
    async fn origin<'c>(&self, ctx: &Context<'c>) -> &'c str {
        views(ctx).reader().origin().as_str()
    }
    /// The log's key, as a vkey. Readers identify a ledger by it: compare it with one you got elsewhere.
    async fn vkey(&self, ctx: &Context<'_>) -> String {
        views(ctx).reader().log_key().to_string()
    }
    /// Who runs it.
    async fn operator(&self, ctx: &Context<'_>) -> Result<Option<Party>> {
        match views(ctx).reader().operator().answer()? {
            Some(id) => Party::read(views(ctx), &id),
            None => Ok(None),
        }
    }
    /// The address that permalinks begin with, whoever asks and however; null where whoever runs this server named none.
    async fn url(&self, ctx: &Context<'_>) -> Option<Url> {
        ctx.data_opt::<Public>()?.0.clone()
    }
    /// Where the mirror stands that answers; null if the ledger itself does.
    async fn mirror(&self, ctx: &Context<'_>) -> Option<Mirror> {
        let status = ctx.data_opt::<Arc<Status>>()?;
        Some(status.now().into())
    }
}
