//! `Backer` and `Signatures`: the parties that are named behind a demand, and how many people signed for it.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject};

use super::{party, text::Text};
use crate::{
    serve::graphql::{scalars::index::Index, types::party::Party},
    views::{self, BackerView, Confirmed, SignedText, Views},
};

/// The role in which a party is named behind a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::views::BackerRole")]
pub enum BackerRole {
    /// The petitioner, who asks.
    Petitioner,
    /// The lawyer who asks.
    Counsel,
    /// The organiser of the collection of signatures.
    Collection,
}

/// A party that is named behind a demand.
#[derive(Debug)]
pub struct Backer {
    view: BackerView,
    views: Arc<Views>,
}

impl Backer {
    /// Wraps a backer.
    pub fn new(view: BackerView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// A party that is named behind a demand.
#[Object]
impl Backer {
    /// The party.
    async fn party(&self) -> Result<Party> {
        party(&self.views, &self.view.party.id)
    }
    /// The role in which it is named.
    async fn role(&self) -> BackerRole {
        self.view.backer.role.into()
    }
    /// Whether the party confirmed with its own key that it stands behind the demand. Else it is only named.
    async fn confirmed(&self) -> bool {
        self.view.backer.confirmed.is_some()
    }
    /// Index of the position by which the party affirmed it. Null if it signed the demand itself, or did not confirm.
    async fn affirmed_by(&self) -> Option<Index> {
        match self.view.backer.confirmed {
            Some(Confirmed::Affirmed(index)) => Some(Index(index)),
            Some(Confirmed::Signed) | None => None,
        }
    }
}

/// The signatures behind a demand, by the last count on record.
#[derive(Debug, SimpleObject)]
pub struct Signatures {
    /// The signatures that are left of the count. This number is shown first.
    pub standing: Index,
    /// The signatures that were ever confirmed.
    pub count: Index,
    /// Whether the root of a roll is on record. No roll was checked. Without a root the number is only stated.
    pub committed: bool,
    /// Whether the collection is closed.
    pub closed: bool,
    /// Index of the count's entry.
    pub index: Index,
}

impl From<views::Count> for Signatures {
    fn from(count: views::Count) -> Self {
        Self {
            standing: Index(count.standing()),
            count: Index(count.count),
            committed: count.committed,
            closed: count.closed,
            index: Index(count.index),
        }
    }
}

/// The text that people signed.
#[derive(Debug, SimpleObject)]
pub struct CollectedText {
    /// Index of the entry that opened the collection.
    pub index: Index,
    /// The text.
    pub text: Text,
}

impl From<&SignedText> for CollectedText {
    fn from(signed: &SignedText) -> Self {
        Self { index: Index(signed.index), text: Text::from(&signed.text) }
    }
}
