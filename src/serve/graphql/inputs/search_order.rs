//! `SearchOrder`: the order of hits.

use async_graphql::Enum;

/// The order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[graphql(remote = "crate::search::Order")]
pub enum SearchOrder {
    /// Hits in names and titles before hits in words, and these before hits in sentences; among equals the newest first.
    #[default]
    Relevance,
    /// The newest first.
    Newest,
}
