//! `Ledger`: the ledger that this server serves, and its operator.

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

/// The ledger that this server serves.
#[Object(name = "Ledger")]
impl LedgerInfo {
    /// Its origin, which every event meant for it names.
    async fn origin<'c>(&self, ctx: &Context<'c>) -> &'c str {
        views(ctx).reader().origin().as_str()
    }
    /// The log's key, as a vkey. It identifies the ledger: compare it with one that you got elsewhere.
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
    /// The public address of this server, with which permalinks begin. Null if its operator set none.
    async fn url(&self, ctx: &Context<'_>) -> Option<Url> {
        ctx.data_opt::<Public>()?.0.clone()
    }
    /// The status of the mirror, if a mirror answers. Null if the ledger itself does.
    async fn mirror(&self, ctx: &Context<'_>) -> Option<Mirror> {
        let status = ctx.data_opt::<Arc<Status>>()?;
        Some(status.now().into())
    }
}
