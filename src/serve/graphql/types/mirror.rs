//! `Mirror`: where a copy stands beside the ledger that it follows.

use async_graphql::SimpleObject;

use crate::{
    mirror::Standing,
    serve::graphql::scalars::{date_time::DateTime, index::Index},
};

/// Where a mirror stands beside the ledger that it copies. All that it gives was verified there.
#[derive(Debug, SimpleObject)]
pub struct Mirror {
    /// Where it reads: an address or a folder.
    pub of: String,
    /// Entries that the ledger had when it was last looked at; null if it was not reached yet.
    pub ledger_size: Option<Index>,
    /// How many entries the mirror is behind that.
    pub behind: Option<Index>,
    /// When the mirror last had all that the ledger showed.
    pub followed: Option<DateTime>,
    /// Entries whose words are not here, though nothing withholds them.
    pub words_wanting: Index,
    /// Whether the log signed two histories that can't both be true. The mirror keeps the first that it saw, and follows no
    /// more.
    pub forked: bool,
}

impl From<Standing> for Mirror {
    fn from(standing: Standing) -> Self {
        Self {
            behind: standing.behind().map(Index),
            of: standing.of,
            ledger_size: standing.origin.map(Index),
            followed: standing.followed.map(DateTime),
            words_wanting: Index(standing.wanting),
            forked: standing.forked,
        }
    }
}
