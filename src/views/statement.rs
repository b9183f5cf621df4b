//! A statement with every version of its words, and the positions taken on a record.

use std::collections::HashMap;

use super::{
    EntryLine, Latest, Marks, Named, Record, Said, Times, Views,
    difference::{Change, difference},
    phrases,
    thread::CaseThread,
};
use crate::{
    event::{At, Body, EventId, EventType, Stance},
    ledger::ReadError,
};

/// One version of the words of a statement.
#[derive(Debug, Clone)]
pub struct Version {
    /// Index of its entry.
    pub index: u64,
    /// When it was said or published, and recorded.
    pub times: Times,
    /// When the change was seen; none for the first version.
    pub observed: Option<At>,
    /// Whether the speaker announced the change; none for the first version.
    pub announced: Option<bool>,
    /// The words.
    pub text: Said,
    /// What the entry's author says has changed.
    pub changed: Said,
    /// What changed since the version before, if the words of both are present and short enough to be compared.
    pub difference: Option<Vec<Change>>,
    /// What later entries did to its entry.
    pub since: Marks,
}

/// The withdrawal of a statement.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Index of its entry.
    pub index: u64,
    /// When it happened, and was recorded.
    pub times: Times,
    /// When it was seen.
    pub observed: At,
    /// Whether the speaker announced it.
    pub announced: bool,
}

/// The position of a party on a record.
#[derive(Debug, Clone)]
pub struct PositionView {
    /// Index of its entry.
    pub index: u64,
    /// The party.
    pub party: Named,
    /// Its stance.
    pub stance: Stance,
    /// When it was taken, and recorded.
    pub times: Times,
    /// The party that recorded it; none if the party's own key signed it.
    pub recorded_by: Option<Named>,
    /// Its words.
    pub text: Said,
    /// What later entries did to it.
    pub since: Marks,
}

impl PositionView {
    /// The stance, in words.
    pub fn stance_words(&self) -> &'static str {
        phrases::stance_words(self.stance).trim().trim_end_matches(", as to")
    }
}

/// A statement.
#[derive(Debug, Clone)]
pub struct StatementView {
    /// Its entry, as it stands in lists.
    pub line: EntryLine,
    /// Its language.
    pub language: Option<String>,
    /// Its versions, the first one first.
    pub versions: Vec<Version>,
    /// Its first withdrawal, if it was taken back.
    pub withdrawn: Option<Taken>,
}

impl Views {
    /// The statements of a case that count and were changed or taken back, and the number of all others that count.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn statements(&self, thread: &CaseThread) -> Result<(Latest<StatementView>, usize), ReadError> {
        // Each with its later events. The words of a statement that did not change need not be read.
        let (mut statements, mut places) = (Vec::<Vec<&Record>>::new(), HashMap::new());
        for record in thread.counting() {
            let of = match record.event().body() {
                Body::StatementMade(_) => {
                    places.insert(record.event().id(), statements.len());
                    statements.push(vec![record]);
                    continue;
                }
                Body::StatementRevised(b) => b.statement,
                Body::StatementWithdrawn(b) => b.statement,
                _ => continue,
            };
            if let Some(statement) = places.get(&of).and_then(|at| statements.get_mut(*at)) {
                statement.push(record);
            }
        }
        let all = statements.len();
        statements.retain(|events| events.len() > 1);
        let unchanged = all - statements.len();
        Ok((Latest::of(statements, |events| self.statement(&events))?, unchanged))
    }

    /// A statement, from its event and those that changed it, in the order of the log.
    fn statement(&self, events: &[&Record]) -> Result<StatementView, ReadError> {
        let (mut versions, mut withdrawn) = (Vec::<Version>::new(), None);
        for record in events {
            if let Body::StatementWithdrawn(b) = record.event().body() {
                let (observed, announced) = (b.observed.clone(), b.announced);
                let (index, times) = (record.index(), Times::of(record));
                withdrawn.get_or_insert(Taken { index, times, observed, announced });
            } else {
                let version = self.version(record, versions.last())?;
                versions.push(version);
            }
        }
        // The statement's own event comes first.
        let line = self.line(events[0])?;
        Ok(StatementView { line, language: self.language(events[0])?, versions, withdrawn })
    }

    fn version(&self, record: &Record, before: Option<&Version>) -> Result<Version, ReadError> {
        let (observed, announced) = match record.event().body() {
            Body::StatementRevised(b) => (Some(b.observed.clone()), Some(b.announced)),
            _ => (None, None),
        };
        let text = self.said(record, "text")?;
        let difference = match (before.and_then(|b| b.text.text()), text.text()) {
            (Some(from), Some(to)) => difference(from, to),
            _ => None,
        };
        Ok(Version {
            index: record.index(),
            times: Times::of(record),
            observed,
            announced,
            changed: self.said(record, "changed")?,
            text,
            difference,
            since: self.marks(record)?,
        })
    }

    /// The positions on a record that count, whatever case they stand in, in the order of the log.
    pub(super) fn positions(
        &self,
        thread: &CaseThread,
        on: &EventId,
    ) -> Result<Vec<PositionView>, ReadError> {
        let mut positions = Vec::new();
        for record in self.naming(on, &[EventType::PositionTaken])? {
            let Body::PositionTaken(body) = record.event().body() else { continue };
            if !body.on.contains(on) || !thread.counts(&record) || self.fate(&record.event().id())?.voided {
                continue;
            }
            let own = record.parties().any(|p| p == body.party);
            positions.push(PositionView {
                index: record.index(),
                party: self.named(&body.party)?,
                stance: body.stance,
                times: Times::of(&record),
                recorded_by: if own { None } else { Some(self.author(&record)?) },
                text: self.said(&record, "text")?,
                since: self.marks(&record)?,
            });
        }
        Ok(positions)
    }
}
