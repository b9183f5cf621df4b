//! `Text` and `TextState`: words that may be withheld.

use async_graphql::{Enum, SimpleObject};

use crate::{serve::graphql::scalars::index::Index, views::Said};

/// Whether a text can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TextState {
    /// It can be read.
    Present,
    /// It is withheld; an entry of the log says so.
    Withheld,
    /// It is missing on this server, though no entry of the log withholds it.
    Missing,
    /// The words hold no such text.
    NotGiven,
}

/// One text of the words of an entry, or why it can't be read.
#[derive(Debug, Clone, SimpleObject)]
pub struct Text {
    /// The text, character for character. Null unless `state` is `PRESENT`.
    pub value: Option<String>,
    /// Whether it can be read.
    pub state: TextState,
    /// Index of the entry that withholds it. Null if it is not withheld.
    pub withheld_by: Option<Index>,
}

impl From<&Said> for Text {
    fn from(said: &Said) -> Self {
        let (value, state, by) = match said {
            Said::Text(text) => (Some(text.clone()), TextState::Present, None),
            Said::Withheld(by) => (None, TextState::Withheld, Some(*by)),
            Said::Missing => (None, TextState::Missing, None),
            Said::Nothing => (None, TextState::NotGiven, None),
        };
        Self { value, state, withheld_by: by.map(Index) }
    }
}
