//! `Snippet` and `SnippetPart`: some text around a match of a search.

use async_graphql::SimpleObject;

use crate::search;

/// Some text of an entry around a match.
#[derive(SimpleObject)]
pub struct Snippet {
    /// Which text of the entry it is from, e.g. `Text`, `Title`, `Sentence`.
    pub place: String,
    /// The words, in order. Plain text: nothing in it is markup.
    pub parts: Vec<SnippetPart>,
}

/// A run of words in a snippet.
#[derive(SimpleObject)]
pub struct SnippetPart {
    /// The words. Characters that would deceive the eye are written out.
    pub text: String,
    /// Whether they match what was looked for.
    pub marked: bool,
}

impl From<search::Snippet> for Snippet {
    fn from(snippet: search::Snippet) -> Self {
        let part = |p: search::SnippetPart| SnippetPart { text: p.text, marked: p.marked };
        Self { place: snippet.place, parts: snippet.parts.into_iter().map(part).collect() }
    }
}
