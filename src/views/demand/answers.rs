//! The items of a demand and the answers to them: each with its outcome, its disclosure and the demander's verdict.

use crate::event::{At, EventId, Outcome, Verdict};

/// The outcome of an item in one disclosure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What became of the item. `holding` does not count as an outcome.
    pub outcome: Outcome,
    /// Index of the disclosure.
    pub index: u64,
    /// The disclosure.
    pub disclosure: EventId,
    /// When it was made, as said.
    pub at: At,
    /// Who recorded it, if the respondent's own key did not sign it.
    pub recorded_by: Option<EventId>,
    /// The demander's latest verdict on it, and the index of the assessment.
    pub assessed: Option<(Verdict, u64)>,
}

/// One item of a demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number, from 1.
    pub number: u64,
    /// All answers to it, in the order of the log.
    pub answers: Vec<Answer>,
}

impl Item {
    /// The outcome that counts: the latest that the respondent's own key signed, else the latest on record. No other party can
    /// take back what the respondent said itself. `None` while there is no answer, or only `holding`.
    pub fn latest(&self) -> Option<&Answer> {
        self.own().next_back().or_else(|| self.outcomes().next_back())
    }
    /// All outcomes, in the order of the log.
    pub fn outcomes(&self) -> impl DoubleEndedIterator<Item = &Answer> {
        self.answers.iter().filter(|a| a.outcome != Outcome::Holding)
    }
    /// The outcomes that the respondent's own key signed, in the order of the log.
    pub fn own(&self) -> impl DoubleEndedIterator<Item = &Answer> {
        self.outcomes().filter(|a| a.recorded_by.is_none())
    }
    /// The last holding reply, while there is no outcome.
    pub fn holding(&self) -> Option<&Answer> {
        if self.latest().is_some() { None } else { self.answers.last() }
    }
}

/// How many items have each outcome, by the one that counts.
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
            counts.add(item.latest().map(|a| a.outcome));
        }
        counts
    }
    /// The same, for each party that recorded outcomes. First, with `None`: the outcomes that the respondent's own key signed,
    /// and the open items. Then every other party, in the order of the items.
    pub fn by_record(items: &[Item]) -> Vec<(Option<EventId>, Self)> {
        let mut all = vec![(None, Self::default())];
        for item in items {
            let latest = item.latest();
            let by = latest.and_then(|a| a.recorded_by);
            let at = all.iter().position(|(of, _)| *of == by).unwrap_or_else(|| {
                all.push((by, Self::default()));
                all.len() - 1
            });
            all[at].1.add(latest.map(|a| a.outcome));
        }
        all
    }
    /// Counts one more item, by its latest outcome.
    pub fn add(&mut self, latest: Option<Outcome>) {
        *match latest {
            Some(Outcome::Answered) => &mut self.answered,
            Some(Outcome::Partly) => &mut self.partly,
            Some(Outcome::Refused) => &mut self.refused,
            Some(Outcome::NotHeld) => &mut self.not_held,
            Some(Outcome::Holding) | None => &mut self.open,
        } += 1;
    }
    /// All items.
    pub fn all(self) -> u64 {
        self.answered + self.partly + self.refused + self.not_held + self.open
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.answered += more.answered;
        self.partly += more.partly;
        self.refused += more.refused;
        self.not_held += more.not_held;
        self.open += more.open;
    }
}
