//! `Text` and `TextState`: words that may be withheld.

use async_graphql::{Enum, SimpleObject};

use crate::{serve::graphql::scalars::index::Index, views::Said};

/// Where a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TextState {
    /// Here it is.
    Present,
    /// It is withheld; an entry of the log says so.
    Withheld,
    /// It is not here, though nothing on the log says it is withheld.
    Missing,
    /// The words hold no such text.
    NotGiven,
}

/// One text of the words of an entry, or why it is not there.
#[derive(Debug, Clone, SimpleObject)]
pub struct Text {
    /// The text, character for character; null unless `state` is `PRESENT`.
    pub value: Option<String>,
    /// Where it is.
    pub state: TextState,
    /// Index of the entry that withholds it.
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
