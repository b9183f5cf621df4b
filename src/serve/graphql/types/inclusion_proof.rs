//! `InclusionProof`: the proof that an entry is in the tree of a given size.

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

/// The most hashes that a proof can hold.
pub const PATH: u64 = 64;

/// `tlogProof` makes the whole proof anew.
pub const COSTS: Costs = Costs {
    work: &[("tlogProof", 10)],
    lists: &[("path", PATH)],
    leaves: &[("tlogProof", Leaf::text(MAX_PROOF))],
    ..Costs::of(Of::Types(&["InclusionProof"]))
};

/// An entry's place in the tree.
pub struct InclusionProof(pub Inclusion);

/// The proof that an entry is in the tree of a given size (RFC 6962, section 2.1.1).
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
    /// The leaf hash: SHA-256 of a zero byte and the whole entry.
    async fn leaf(&self) -> Hash {
        self.0.leaf.into()
    }
    /// The sibling hashes on the path from the leaf to the root, the lowest first.
    async fn path(&self) -> Vec<Hash> {
        self.0.path.iter().map(|h| (*h).into()).collect()
    }
    /// The whole proof as `c2sp.org/tlog-proof` writes it, with the signed checkpoint: one file that is enough to verify the
    /// entry offline. Null unless `size` is that of the latest checkpoint.
    async fn tlog_proof(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let views = views(ctx);
        if self.0.size != views.size() {
            return Ok(None);
        }
        Ok(views.reader().proof(self.0.index, views.checkpoint()).answer()?.map(|p| p.to_string()))
    }
}
