//! `SearchHit`.

use async_graphql::{Context, Object, Result};

use super::{
    event::Event,
    fault::{Answer as _, views},
    index::Index,
    snippet::Snippet,
};
use crate::search::Hit;

/// An entry that says what was looked for, in words that can be read now.
#[derive(Clone)]
pub struct SearchHit(std::sync::Arc<Hit>);

impl SearchHit {
    /// Of a hit.
    pub fn new(hit: Hit) -> Self {
        Self(std::sync::Arc::new(hit))
    }
}

/// An entry that says what was looked for, in words that can be read now.
#[Object]
impl SearchHit {
    /// Its index.
    async fn index(&self) -> Index {
        Index(self.0.line.index)
    }
    /// The event; null never, unless the store fails.
    async fn event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        let views = views(ctx);
        Ok(views.record(self.0.line.index).answer()?.map(|record| Event::new(record, views)))
    }
    /// What the entry says, in one sentence.
    async fn sentence(&self) -> String {
        self.0.line.sentence.to_string()
    }
    /// Whether a later correction declared it void. It is found all the same.
    async fn voided(&self) -> bool {
        self.0.line.voided
    }
    /// Where it says so, the first three places.
    async fn snippets(&self) -> Vec<Snippet> {
        self.0.snippets.iter().cloned().map(Snippet::from).collect()
    }
}
