//! Words that may be present or not, and what is shown in their place.

use std::fmt;

use super::{Name, Record, Views, Words, shown};
use crate::{event::EventId, ledger::ReadError};

/// One text of the words of an entry, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The text.
    Text(String),
    /// The words are withheld, by the entry at this index.
    Withheld(u64),
    /// The words are missing, though nothing on the log says that they are withheld.
    Missing,
    /// The words hold no such text.
    Nothing,
}

impl Said {
    pub(super) fn of(words: &Words, text: Option<&str>) -> Self {
        match (words, text) {
            (Words::Withheld(by), _) => Self::Withheld(*by),
            (Words::Missing, _) => Self::Missing,
            (_, Some(text)) if !text.trim().is_empty() => Self::Text(text.to_owned()),
            _ => Self::Nothing,
        }
    }
    /// The text, if it is present.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Safe to show: characters that deceive the eye are written out.
impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&shown(text)),
            Self::Withheld(_) => f.write_str("(words withheld)"),
            Self::Missing => f.write_str("(words not here)"),
            Self::Nothing => f.write_str("(no words given)"),
        }
    }
}

/// A party with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: EventId,
    /// What it is called.
    pub name: Name,
}

impl Views {
    /// One member of the words of an entry.
    pub(super) fn said(&self, record: &Record, member: &str) -> Result<Said, ReadError> {
        let words = self.words(record)?;
        Ok(Said::of(&words, words.text(member)))
    }

    /// A party with its name.
    pub(super) fn named(&self, id: &EventId) -> Result<Named, ReadError> {
        Ok(Named { id: *id, name: self.name(id)? })
    }

    /// The author of an entry: the party that signed first.
    pub(super) fn author(&self, record: &Record) -> Result<Named, ReadError> {
        // An entry has a signer line for each member of `by`, and `by` has at least one.
        self.named(&record.parties().next().unwrap_or(record.event().id()))
    }
}
