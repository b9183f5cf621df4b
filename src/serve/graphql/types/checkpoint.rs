//! `Checkpoint`: a signed head of the log.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::{
    log::{MAX_CHECKPOINT, SignedCheckpoint},
    serve::graphql::{
        fault::{Answer as _, views},
        field_cost::{Costs, Leaf, Of},
        scalars::{date_time::DateTime, hash::Hash, index::Index},
    },
};

/// A note is no longer than a signed checkpoint may be.
pub const COSTS: Costs =
    Costs { leaves: &[("note", Leaf::text(MAX_CHECKPOINT))], ..Costs::of(Of::Types(&["Checkpoint"])) };

/// A checkpoint: the log's size and root, signed by the log.
pub struct Checkpoint(pub Arc<SignedCheckpoint>);

/// The log's size and root, signed by the log (`c2sp.org/tlog-checkpoint`).
#[Object]
impl Checkpoint {
    /// The origin of the ledger.
    async fn origin(&self) -> &str {
        self.0.checkpoint().origin().as_str()
    }
    /// How many entries it covers.
    async fn size(&self) -> Index {
        self.0.checkpoint().size().into()
    }
    /// The root of the Merkle tree over these entries.
    async fn root(&self) -> Hash {
        self.0.checkpoint().root().into()
    }
    /// The whole signed note, byte for byte.
    async fn note(&self) -> &str {
        self.0.note().as_str()
    }
    /// When the last entry it covers was recorded.
    async fn last_recorded(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let Some(last) = self.0.checkpoint().size().checked_sub(1) else { return Ok(None) };
        let record = views(ctx).record(last).answer()?;
        Ok(record.map(|r| DateTime(r.entry.header().time)))
    }
}
