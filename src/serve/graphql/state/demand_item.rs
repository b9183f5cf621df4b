//! `DemandItem`, `ItemAnswer` and `ItemCounts`: the items of a demand and the answers to them.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject};

use super::{event, text::Text};
use crate::{
    serve::graphql::{scalars::index::Index, types::event::Event},
    views::{self, AnswerView, DemandView, ItemView, Views},
};

/// The outcome of an item, on the word of the respondent or of the party that recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::event::Outcome")]
pub enum Outcome {
    /// It is answered.
    Answered,
    /// It is answered in part.
    Partly,
    /// An answer is refused.
    Refused,
    /// What was asked for is not held.
    NotHeld,
    /// It is to be answered later. That does not count as an outcome.
    Holding,
}

/// The demander's verdict on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::event::Verdict")]
pub enum Verdict {
    /// The demander is satisfied.
    Satisfied,
    /// The demander is satisfied in part.
    Partly,
    /// The demander is not satisfied.
    Unsatisfied,
}

/// The number of items by the outcome that counts.
#[derive(Debug, SimpleObject)]
pub struct ItemCounts {
    /// Answered.
    pub answered: Index,
    /// Answered in part.
    pub partly: Index,
    /// Refused.
    pub refused: Index,
    /// Said to be not held.
    pub not_held: Index,
    /// Without an outcome.
    pub open: Index,
}

impl From<views::Counts> for ItemCounts {
    fn from(c: views::Counts) -> Self {
        Self {
            answered: Index(c.answered),
            partly: Index(c.partly),
            refused: Index(c.refused),
            not_held: Index(c.not_held),
            open: Index(c.open),
        }
    }
}

/// One item of a demand.
#[derive(Debug)]
pub struct DemandItem {
    view: Arc<DemandView>,
    at: usize,
    views: Arc<Views>,
}

impl DemandItem {
    /// The items of a demand.
    pub fn all(view: &Arc<DemandView>, views: &Arc<Views>) -> Vec<Self> {
        let item = |at| Self { view: view.clone(), at, views: views.clone() };
        (0..view.items.len()).map(item).collect()
    }
    fn item(&self) -> &ItemView {
        &self.view.items[self.at]
    }
    fn answer(&self, view: &AnswerView) -> ItemAnswer {
        ItemAnswer { view: view.clone(), views: self.views.clone() }
    }
}

/// One item of a demand.
#[Object]
impl DemandItem {
    /// Its number, from 1.
    async fn number(&self) -> Index {
        Index(self.item().number)
    }
    /// What was asked.
    async fn text(&self) -> Text {
        Text::from(&self.item().text)
    }
    /// The outcome that counts: the latest that the respondent's own key signed, else the latest. Null while there is none.
    async fn latest(&self) -> Option<ItemAnswer> {
        self.item().latest.as_ref().map(|answer| self.answer(answer))
    }
    /// All other answers to it, the latest first.
    async fn earlier(&self) -> Vec<ItemAnswer> {
        self.item().earlier.iter().map(|answer| self.answer(answer)).collect()
    }
    /// Whether it is word for word in the text that people signed. Null if one of the two is missing.
    async fn signed(&self) -> Option<bool> {
        self.item().signed
    }
}

/// One answer to an item.
#[derive(Debug)]
pub struct ItemAnswer {
    view: AnswerView,
    views: Arc<Views>,
}

/// One answer to an item.
#[Object]
impl ItemAnswer {
    /// The disclosure that gives the answer.
    async fn disclosure(&self) -> Result<Event> {
        event(&self.views, self.view.index)
    }
    /// The outcome of the item.
    async fn outcome(&self) -> Outcome {
        self.view.outcome.into()
    }
    /// Whether the respondent's own key signed it.
    async fn first_party(&self) -> bool {
        matches!(self.view.attribution, views::Attribution::FirstParty(_))
    }
    /// The answer itself.
    async fn text(&self) -> Text {
        Text::from(&self.view.text)
    }
    /// The demander's verdict on the answer. Null while none is on record.
    async fn verdict(&self) -> Option<Verdict> {
        self.view.assessed.map(|(verdict, _)| verdict.into())
    }
    /// The event that gives the verdict. Null while there is none.
    async fn assessment(&self) -> Result<Option<Event>> {
        self.view.assessed.map(|(_, index)| event(&self.views, index)).transpose()
    }
}
