//! `InclusionProof`: that an entry stands in the tree of a size.

use async_graphql::{Context, Object, Result};

use crate::{
    log::MAX_PROOF,
    serve::graphql::{
        fault::{Answer as _, views},
        field_cost::{Costs, Leaf, Of},
        scalars::{hash::Hash, index::Index},
    },
    views::Inclusion,
};

/// How many hashes a proof can hold.
pub const PATH: u64 = 64;

/// The whole proof is made anew.
pub const COSTS: Costs = Costs {
    work: &[("tlogProof", 10)],
    lists: &[("path", PATH)],
    leaves: &[("tlogProof", Leaf::text(MAX_PROOF))],
    ..Costs::of(Of::Types(&["InclusionProof"]))
};

/// An entry's place in the tree.
pub struct InclusionProof(pub Inclusion);

/// That an entry stands in the tree of a given size (RFC 6962, section 2.1.1).
#[Object]
impl InclusionProof {
    /// Index of the entry.
    async fn index(&self) -> Index {
        self.0.index.into()
    }
    /// Size of the tree.
    async fn size(&self) -> Index {
        self.0.size.into()
    }
    /// The leaf: SHA-256 of a zero byte and the whole entry.
    async fn leaf(&self) -> Hash {
        self.0.leaf.into()
    }
    /// The hashes beside the way from the leaf to the root, the lowest first.
    async fn path(&self) -> Vec<Hash> {
        self.0.path.iter().map(|h| (*h).into()).collect()
    }
    /// The whole proof as `c2sp.org/tlog-proof` writes it, with the signed checkpoint, where the size is that of
    /// the latest checkpoint; else null. One file is then enough to verify the entry offline.
    async fn tlog_proof(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let views = views(ctx);
        if self.0.size != views.size() {
            return Ok(None);
        }
        Ok(views.reader().proof(self.0.index, views.checkpoint()).answer()?.map(|p| p.to_string()))
    }
}
