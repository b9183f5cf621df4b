//! `SearchHit`: an entry that a search found, and the places in it.

use async_graphql::{Context, Object, Result};

use super::{event::Event, snippet::Snippet};
use crate::{
    search::Hit,
    serve::graphql::{
        fault::{Answer as _, views},
        field_cost::{Costs, Of},
        scalars::index::Index,
    },
};

/// A hit has at most three snippets.
pub const COSTS: Costs = Costs { full_lists: &[("snippets", 3)], ..Costs::of(Of::Types(&["SearchHit"])) };

/// An entry that holds what was looked for, in words that can be read now.
#[derive(Clone)]
pub struct SearchHit(std::sync::Arc<Hit>);

impl SearchHit {
    /// Wraps a hit.
    pub fn new(hit: Hit) -> Self {
        Self(std::sync::Arc::new(hit))
    }
}

/// An entry that holds what was looked for, in words that can be read now.
#[Object]
impl SearchHit {
    /// Index of the entry.
    async fn index(&self) -> Index {
        Index(self.0.line.index)
    }
    /// The event. It is always there unless reading it fails.
    async fn event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        let views = views(ctx);
        Ok(views.record(self.0.line.index).answer()?.map(|record| Event::new(record, views)))
    }
    /// What the entry says, in one sentence.
    async fn sentence(&self) -> String {
        self.0.line.sentence.to_string()
    }
    /// Whether a later correction declared it void. Void events are found too.
    async fn voided(&self) -> bool {
        self.0.line.voided
    }
    /// Whether it opened a case or registered a party by mistake, and nothing rests on that.
    async fn mistaken(&self) -> bool {
        self.0.line.mistaken
    }
    /// What became of it, the newest of each kind in a few words: `seen changed, recorded by Example Desk, dated 5 December
    /// 2023, entry 43`. Then the same for what it quotes, or for a void demand that it is about.
    async fn marks(&self) -> Vec<String> {
        let own = self.0.line.since.iter().map(ToString::to_string);
        let beside = self
            .0
            .beside
            .iter()
            .flat_map(|(what, marks)| marks.iter().map(move |act| format!("{what}: {act}")));
        own.chain(beside).collect()
    }
    /// Whose word it is, in words: `recorded by Example Desk`.
    async fn source(&self) -> String {
        format!("{} {}", self.0.line.attribution.label(), self.0.line.attributed)
    }
    /// The first three places that hold what was looked for.
    async fn snippets(&self) -> Vec<Snippet> {
        self.0.snippets.iter().cloned().map(Snippet::from).collect()
    }
}
