//! A statement with every version of its words, and what was said about it.

use super::{
    EntryLine, Named, Record, Said, Times, Views,
    difference::{Change, difference},
    sentence,
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
    /// When it was said or seen, and recorded.
    pub times: Times,
    /// When the change was seen; none for the first version.
    pub observed: Option<At>,
    /// Whether the speaker said that it changed; none for the first version.
    pub announced: Option<bool>,
    /// The words.
    pub text: Said,
    /// What is said to have changed.
    pub changed: Said,
    /// What changed since the version before, if the words of both are here and short enough to be compared.
    pub difference: Option<Vec<Change>>,
}

/// That a statement was taken back.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Index of its entry.
    pub index: u64,
    /// When it was seen.
    pub observed: At,
    /// Whether the speaker said so.
    pub announced: bool,
}

/// How a party stands to something on record.
#[derive(Debug, Clone)]
pub struct PositionView {
    /// Index of its entry.
    pub index: u64,
    /// Who.
    pub party: Named,
    /// How.
    pub stance: Stance,
    /// When, and when it was recorded.
    pub times: Times,
    /// Whether the party's own key signed it; else who recorded it.
    pub recorded_by: Option<Named>,
    /// Its words.
    pub text: Said,
}

impl PositionView {
    /// The stance, in words.
    pub fn stance_words(&self) -> &'static str {
        sentence::stance_words(self.stance).trim().trim_end_matches(", as to")
    }
}

/// A statement.
#[derive(Debug, Clone)]
pub struct StatementView {
    /// As it stands in lists.
    pub line: EntryLine,
    /// Its versions, the first one first.
    pub versions: Vec<Version>,
    /// That it was taken back.
    pub withdrawn: Option<Taken>,
}

impl StatementView {
    /// Whether anything happened to it after it was made.
    pub fn changed(&self) -> bool {
        self.versions.len() > 1 || self.withdrawn.is_some()
    }
}

impl Views {
    /// The statements of a case that count.
    pub(super) fn statements(&self, thread: &CaseThread) -> Result<Vec<StatementView>, ReadError> {
        let mut statements: Vec<StatementView> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for record in thread.counting() {
            let (id, place) = match record.event().body() {
                Body::StatementMade(_) => (record.event().id(), None),
                Body::StatementRevised(b) => (b.statement, places.get(&b.statement).copied()),
                Body::StatementWithdrawn(b) => (b.statement, places.get(&b.statement).copied()),
                _ => continue,
            };
            match (record.event().body(), place.and_then(|at: usize| statements.get_mut(at))) {
                (Body::StatementMade(_), _) => {
                    places.insert(id, statements.len());
                    let first = self.version(record, None)?;
                    let line = self.line(record)?;
                    statements.push(StatementView { line, versions: vec![first], withdrawn: None });
                }
                (Body::StatementRevised(_), Some(statement)) => {
                    let version = self.version(record, statement.versions.last())?;
                    statement.versions.push(version);
                }
                (Body::StatementWithdrawn(b), Some(statement)) => {
                    let (observed, announced) = (b.observed.clone(), b.announced);
                    statement.withdrawn.get_or_insert(Taken { index: record.index(), observed, announced });
                }
                _ => {}
            }
        }
        Ok(statements)
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
        })
    }

    /// The positions on a record that count, wherever they were taken, in the order of the log.
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
            });
        }
        Ok(positions)
    }
}
