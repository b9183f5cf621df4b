//! `Receipt`: what the sender of a recorded event gets and keeps.

use async_graphql::{Context, Object, Result};

use super::checkpoint::Checkpoint;
use crate::{
    event::Digest,
    ledger::{self, ReadError},
    log::{MAX_ENTRY, MAX_PROOF},
    serve::graphql::{
        fault::{Answer as _, views},
        field_cost::{Costs, Leaf, Of},
        scalars::{hash::Hash, index::Index},
    },
};

/// An entry and its proof are no longer than the log allows.
pub const COSTS: Costs = Costs {
    work: &[("proof", 10)],
    leaves: &[("rawEntry", Leaf::text(MAX_ENTRY)), ("proof", Leaf::text(MAX_PROOF))],
    ..Costs::of(Of::Types(&["Receipt"]))
};

/// The ledger's confirmation that an event is on record.
pub struct Receipt(pub ledger::Receipt);

/// The ledger's confirmation that an event is durably on record.
#[Object]
impl Receipt {
    /// Index of the entry.
    async fn index(&self) -> Index {
        self.0.index.into()
    }
    /// Id of the event.
    async fn event_id(&self) -> Hash {
        self.0.id.into()
    }
    /// The whole entry, byte for byte.
    async fn raw_entry(&self) -> String {
        // An entry is UTF-8: the log writes the header, and refuses a note that is not UTF-8.
        String::from_utf8_lossy(&self.0.entry).into_owned()
    }
    /// BLAKE3 of the whole entry.
    async fn hash(&self) -> Hash {
        Digest::blake3(&self.0.entry).into()
    }
    /// A checkpoint that covers it.
    async fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.0.checkpoint.clone())
    }
    /// The proof of the entry in that checkpoint, as `c2sp.org/tlog-proof` writes it. Keep it with the entry: the
    /// two are enough to show later that the event was recorded.
    async fn proof(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        // Mutations may run on the threads that serve connections, which must not wait for the disk.
        let (reader, index, checkpoint) =
            (views(ctx).reader().clone(), self.0.index, self.0.checkpoint.clone());
        let reading = tokio::task::spawn_blocking(move || reader.proof(index, &checkpoint));
        let proof = reading
            .await
            .unwrap_or_else(|e| Err(ReadError::Fault(format!("a proof ended: {e}"))))
            .answer()?;
        Ok(proof.map(|p| p.to_string()))
    }
    /// Whether the event was on record before this submission came.
    async fn already(&self) -> bool {
        self.0.already
    }
}
