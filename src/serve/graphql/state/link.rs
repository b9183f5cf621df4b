//! `Link`, `LinkSide` and `LinkQuote`: a party's claim that one record bears on another.

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

/// A party's claim that one record bears on another.
#[Object]
impl Link {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.index)
    }
    /// The party that asserts it.
    async fn by(&self) -> Result<Party> {
        party(&self.views, &self.view.by.id)
    }
    /// How the first record bears on the second, according to that party.
    async fn relation(&self) -> FactWord<Relation> {
        FactWord(self.view.relation)
    }
    /// The relation in words, with the party that asserts it: `Meja says these conflict`.
    async fn heading(&self) -> String {
        format!("{} {}", self.view.by.name, self.view.says())
    }
    /// The first record.
    async fn from(&self) -> LinkSide {
        self.side(&self.view.from)
    }
    /// The second record.
    async fn to(&self) -> LinkSide {
        self.side(&self.view.to)
    }
    /// The reasoning of that party.
    async fn reasoning(&self) -> Text {
        Text::from(&self.view.reasoning)
    }
    /// The positions taken on it, in the order of the log.
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
    /// The event. Null if it is not on record at this size.
    async fn event(&self) -> Result<Option<Event>> {
        self.side.index.map(|index| event(&self.views, index)).transpose()
    }
    /// What is quoted of it. Null if nothing is, or if its words or those of the link are withheld.
    async fn quote(&self) -> Option<LinkQuote> {
        let quote = self.side.quote.clone()?;
        Some(LinkQuote { prefix: quote.prefix, exact: quote.exact, suffix: quote.suffix })
    }
    /// Whether the record's own words are withheld now, so that no quote of them is shown.
    async fn withheld(&self) -> bool {
        self.side.withheld
    }
}

/// A quote with the text around it, as a `TextQuoteSelector` of the W3C Web Annotation Data Model.
#[derive(Debug, SimpleObject)]
pub struct LinkQuote {
    /// The text before the quote.
    pub prefix: String,
    /// The quote.
    pub exact: String,
    /// The text after the quote.
    pub suffix: String,
}
