//! `Since`: what became of an event.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result};

use super::{event::Event, event_fields::Attribution, party::Party};
use crate::{
    event,
    serve::graphql::{
        field_cost::{Costs, Of},
        scalars::index::Index,
        state,
    },
    views::{self, Views},
};

/// There is at most one act of each kind, and there are at most five mentions.
pub const COSTS: Costs = Costs {
    lists: &[("acts", event::Act::ALL.len() as u64), ("mentions", 5)],
    ..Costs::of(Of::Types(&["Since"]))
};

/// What a later event did to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "event::Act")]
pub enum Act {
    /// Declared it void: it counts for nothing.
    Void,
    /// Corrected it.
    Correction,
    /// Withheld words or files of it.
    Withholding,
    /// Gave withheld words or files of it back.
    Release,
    /// Said that the words of the statement changed.
    Revision,
    /// Said that the statement was taken back.
    Withdrawal,
    /// Moved the date for an answer to the demand.
    Deadline,
    /// Took the demand back.
    DemandWithdrawal,
    /// Took the demand elsewhere.
    Escalation,
    /// Said what became of the promise.
    Closing,
    /// Revoked a key that signed it, as distrusted since before the event was recorded.
    Revocation,
    /// Said, as the author of the exhibit, that its source changed or is gone.
    Recheck,
}

/// What became of an event.
#[derive(Debug)]
pub struct Since {
    since: views::Since,
    views: Arc<Views>,
}

impl Since {
    /// Wraps what became of an event.
    pub fn new(since: views::Since, views: &Arc<Views>) -> Self {
        Self { since, views: views.clone() }
    }
}

/// What became of an event, by the events recorded after it, whatever dates these bear.
#[Object]
impl Since {
    /// What was done to it by parties that the rules allow to do so: the newest event of each kind.
    async fn acts(&self) -> Vec<LaterAct> {
        let act = |act: &views::LaterAct| LaterAct { act: act.clone(), views: self.views.clone() };
        self.since.acts.iter().map(act).collect()
    }
    /// Links, positions and rechecks, which any registered key may record: the newest of each party, of at most five parties,
    /// those of its case first.
    async fn mentions(&self) -> Vec<LaterMention> {
        let mention = |mention: &views::LaterMention| LaterMention {
            mention: mention.clone(),
            views: self.views.clone(),
        };
        self.since.mentions.iter().map(mention).collect()
    }
    /// How many more parties mention it. 1,000 means 1,000 or more.
    async fn others(&self) -> Index {
        Index(self.since.others as u64)
    }
    /// How many events above `knownAt` did something to it. 1,000 means 1,000 or more.
    async fn later(&self) -> Index {
        Index(self.since.later as u64)
    }
}

/// What was done to an event.
#[derive(Debug)]
pub struct LaterAct {
    act: views::LaterAct,
    views: Arc<Views>,
}

/// What was done to an event, by the newest event of a kind.
#[Object]
impl LaterAct {
    /// The kind.
    async fn act(&self) -> Act {
        self.act.act.into()
    }
    /// The event that did it.
    async fn event(&self) -> Result<Event> {
        state::event(&self.views, self.act.index)
    }
    /// How many earlier events of the kind there are. 1,000 means 1,000 or more.
    async fn earlier(&self) -> Index {
        Index(self.act.earlier as u64)
    }
    /// The party that signed that event.
    async fn by(&self) -> Result<Party> {
        state::party(&self.views, &self.act.by.id)
    }
    /// Whether that party speaks for itself, or recorded what another party did.
    async fn attribution(&self) -> Attribution {
        self.act.attribution.into()
    }
    /// What was done, in a few English words.
    async fn mark(&self) -> &str {
        &self.act.mark
    }
    /// What else that event's facts say, in English words. May be empty.
    async fn detail(&self) -> &str {
        &self.act.detail
    }
    /// Whether that event says what was seen elsewhere, and encloses no file that shows it.
    async fn no_capture(&self) -> bool {
        self.act.no_capture
    }
    /// What a correction says is wrong. Null if it says nothing, or if the words of either event are withheld.
    async fn wrong(&self) -> Option<&str> {
        self.act.wrong.as_deref()
    }
    /// What a correction says is right. Null in the same cases.
    async fn right(&self) -> Option<&str> {
        self.act.right.as_deref()
    }
    /// The event that replaces it, according to a correction.
    async fn replacement(&self) -> Result<Option<Event>> {
        self.act.replacement.map(|index| state::event(&self.views, index)).transpose()
    }
}

/// A party that mentioned an event.
#[derive(Debug)]
pub struct LaterMention {
    mention: views::LaterMention,
    views: Arc<Views>,
}

/// A party that linked the event, took a position on it or rechecked its source, with its newest event that does so.
#[Object]
impl LaterMention {
    /// The event that mentions it.
    async fn event(&self) -> Result<Event> {
        state::event(&self.views, self.mention.index)
    }
    /// The party that signed that event.
    async fn by(&self) -> Result<Party> {
        state::party(&self.views, &self.mention.by.id)
    }
    /// What that event says, as one English sentence without any of its words.
    async fn sentence(&self) -> String {
        self.mention.sentence.to_string()
    }
}
