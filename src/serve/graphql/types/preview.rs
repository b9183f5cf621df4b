//! `Preview`: how an event would read if it were recorded.

use async_graphql::SimpleObject;

/// How an event that is not on record would read.
#[derive(SimpleObject)]
pub struct Preview {
    /// The English sentence that its page would show.
    pub sentence: String,
}
