//! `Mirror`: how far a mirror has followed its ledger.

use async_graphql::SimpleObject;

use crate::{
    mirror::Progress,
    serve::graphql::scalars::{date_time::DateTime, index::Index},
};

/// How far a mirror has copied its ledger. The mirror verified everything that it serves.
#[derive(Debug, SimpleObject)]
pub struct Mirror {
    /// Where it reads the ledger: an address or a folder.
    pub of: String,
    /// How many entries the ledger had when the mirror last reached it. Null if it has not reached it yet.
    pub ledger_size: Option<Index>,
    /// How many of these entries the mirror does not have yet. Null if it has not reached the ledger yet.
    pub behind: Option<Index>,
    /// When the mirror last had everything that the ledger showed.
    pub followed: Option<DateTime>,
    /// How many entries have words that are missing here, though no entry withholds them.
    pub words_wanting: Index,
    /// Whether the log signed two histories that can't both be true. The mirror then keeps the first that it saw, and follows
    /// the ledger no more.
    pub forked: bool,
}

impl From<Progress> for Mirror {
    fn from(progress: Progress) -> Self {
        Self {
            behind: progress.behind().map(Index),
            of: progress.of,
            ledger_size: progress.origin.map(Index),
            followed: progress.followed.map(DateTime),
            words_wanting: Index(progress.wanting),
            forked: progress.forked,
        }
    }
}
