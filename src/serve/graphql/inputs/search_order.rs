//! `SearchOrder`: in which order hits come.

use async_graphql::Enum;

/// In which order hits are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[graphql(remote = "crate::search::Order")]
pub enum SearchOrder {
    /// Names and titles before words, words before sentences; of equals, the newest first.
    #[default]
    Relevance,
    /// The newest first.
    Newest,
}
