//! `Link`, `LinkSide` and `LinkQuote`: that one record bears on another, on the word of whoever drew the link.

use std::sync::Arc;

use async_graphql::{Object, Result, SimpleObject};

use super::{event, fact_word::FactWord, party, position::Position, text::Text};
use crate::{
    event::Relation,
    serve::graphql::types::{event::Event, party::Party},
    views::{self, LinkView, Views},
};

/// A link.
#[derive(Debug)]
pub struct Link {
    view: LinkView,
    views: Arc<Views>,
}

impl Link {
    /// Wraps a link.
    pub fn new(view: LinkView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
    fn side(&self, side: &views::LinkSide) -> LinkSide {
        LinkSide { side: side.clone(), views: self.views.clone() }
    }
}

/// That one record bears on another, on the word of whoever drew the link.
#[Object]
impl Link {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.index)
    }
    /// Who drew it.
    async fn by(&self) -> Result<Party> {
        party(&self.views, &self.view.by.id)
    }
    /// How the first bears on the second, according to that party.
    async fn relation(&self) -> FactWord<Relation> {
        FactWord(self.view.relation)
    }
    /// The same in words, with who says so: `Meja says these conflict`.
    async fn heading(&self) -> String {
        format!("{} {}", self.view.by.name, self.view.says())
    }
    /// The first record.
    async fn from(&self) -> LinkSide {
        self.side(&self.view.from)
    }
    /// The second.
    async fn to(&self) -> LinkSide {
        self.side(&self.view.to)
    }
    /// Why.
    async fn reasoning(&self) -> Text {
        Text::from(&self.view.reasoning)
    }
    /// The positions on it, in the order of the log.
    async fn positions(&self) -> Vec<Position> {
        self.view.positions.iter().map(|p| Position::new(p.clone(), &self.views)).collect()
    }
}

/// One side of a link.
#[derive(Debug)]
pub struct LinkSide {
    side: views::LinkSide,
    views: Arc<Views>,
}

/// One side of a link.
#[Object]
impl LinkSide {
    /// The record; null if it is not on record at this size.
    async fn event(&self) -> Result<Option<Event>> {
        self.side.index.map(|index| event(&self.views, index)).transpose()
    }
    /// What is quoted of it; null where its words or those of the link are withheld.
    async fn quote(&self) -> Option<LinkQuote> {
        let quote = self.side.quote.clone()?;
        Some(LinkQuote { prefix: quote.prefix, exact: quote.exact, suffix: quote.suffix })
    }
    /// Whether the record's own words are withheld now, so that no quote of them is shown.
    async fn withheld(&self) -> bool {
        self.side.withheld
    }
}

/// A quote with what stands around it, as a `TextQuoteSelector` of the W3C Web Annotation Data Model.
#[derive(Debug, SimpleObject)]
pub struct LinkQuote {
    /// What stands before it.
    pub prefix: String,
    /// The quote.
    pub exact: String,
    /// What stands after it.
    pub suffix: String,
}
