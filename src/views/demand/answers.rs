//! What was asked and what was answered: the latest outcome of each item, by which disclosure, how assessed.

use crate::event::{At, EventId, Outcome, Verdict};

/// An outcome that the respondent gave an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What became of the item. `holding` is no outcome, and stands only among what came earlier.
    pub outcome: Outcome,
    /// Index of the disclosure.
    pub index: u64,
    /// The disclosure.
    pub disclosure: EventId,
    /// When it was made, as said.
    pub at: At,
    /// Whether the respondent's own key signed it.
    pub first_party: bool,
    /// What the demander made of it: the latest verdict, and the index of the assessment.
    pub assessed: Option<(Verdict, u64)>,
}

/// One item of a demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number, from 1.
    pub number: u64,
    /// All that was said to it, in the order of the log.
    pub answers: Vec<Answer>,
}

impl Item {
    /// The latest outcome; none while nothing, or only `holding`, was said.
    pub fn latest(&self) -> Option<&Answer> {
        self.answers.iter().rev().find(|a| a.outcome != Outcome::Holding)
    }
    /// The first outcome.
    pub fn first(&self) -> Option<&Answer> {
        self.answers.iter().find(|a| a.outcome != Outcome::Holding)
    }
    /// A holding reply, if nothing else was said yet.
    pub fn holding(&self) -> Option<&Answer> {
        if self.latest().is_some() { None } else { self.answers.last() }
    }
}

/// How many items have each latest outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// `answered`.
    pub answered: u64,
    /// `partly`.
    pub partly: u64,
    /// `refused`.
    pub refused: u64,
    /// `not_held`.
    pub not_held: u64,
    /// No outcome.
    pub open: u64,
}

impl Counts {
    /// Counts the latest outcome of each item.
    pub fn of(items: &[Item]) -> Self {
        let mut counts = Self::default();
        for item in items {
            *match item.latest().map(|a| a.outcome) {
                Some(Outcome::Answered) => &mut counts.answered,
                Some(Outcome::Partly) => &mut counts.partly,
                Some(Outcome::Refused) => &mut counts.refused,
                Some(Outcome::NotHeld) => &mut counts.not_held,
                Some(Outcome::Holding) | None => &mut counts.open,
            } += 1;
        }
        counts
    }
    /// All items.
    pub fn all(self) -> u64 {
        self.answered + self.partly + self.refused + self.not_held + self.open
    }
}
