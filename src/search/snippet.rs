//! Snippets: parts of an entry's text around the words that were looked for.

use super::{Query, document::Piece, token::tokens};
use crate::views::shown;

/// About how many characters a snippet has.
const LENGTH: usize = 240;
/// Characters before the first mark.
const BEFORE: usize = 60;
/// The most snippets of one entry.
const MOST: usize = 3;

/// A part of an entry's text around the words that were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Which text of the entry it is from: `Text`, `Title`, `Sentence`.
    pub place: String,
    /// The words in order, safe to show. Those that were looked for are marked.
    pub parts: Vec<SnippetPart>,
}

/// A run of words in a snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnippetPart {
    /// The words, as plain text.
    pub text: String,
    /// Whether they are words that were looked for.
    pub marked: bool,
}

/// Snippets of the first texts of an entry that fit the query.
pub(super) fn snippets(query: &Query, pieces: &[Piece]) -> Vec<Snippet> {
    pieces.iter().filter_map(|piece| snippet(query, piece)).take(MOST).collect()
}

fn snippet(query: &Query, piece: &Piece) -> Option<Snippet> {
    let text = piece.text.as_str();
    let words = tokens(text);
    let marks = query.marks(&words);
    let first = marks.first()?.0;
    // Cut where a word begins or ends, and so never within a character.
    let near = text[..first].char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    let from = if near == 0 { 0 } else { words.iter().find(|w| w.from >= near).map_or(first, |w| w.from) };
    let end = text[from..].char_indices().nth(LENGTH).map_or(text.len(), |(at, _)| from + at);
    let to = if end == text.len() {
        end
    } else {
        let fits = words.iter().rev().find(|w| w.to <= end && w.from > first).map(|w| w.to);
        // A long first mark, such as a phrase, is shown as a whole.
        fits.unwrap_or(end).max(marks[0].1)
    };
    let mut parts = Vec::new();
    let mut say = |text: &str, marked| {
        if !text.is_empty() {
            parts.push(SnippetPart { text: shown(text).into_owned(), marked });
        }
    };
    say(if from > 0 { "…" } else { "" }, false);
    let mut at = from;
    for (begin, stop) in marks.into_iter().filter(|m| m.1 <= to) {
        say(&text[at..begin], false);
        say(&text[begin..stop], true);
        at = stop;
    }
    say(&text[at..to], false);
    say(if to < text.len() { "…" } else { "" }, false);
    Some(Snippet { place: piece.place.to_string(), parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, text: &str) -> String {
        let piece = Piece { place: "Text".into(), weight: 1, text: text.into() };
        let parts = snippet(&Query::parse(query).unwrap(), &piece).map(|s| s.parts).unwrap_or_default();
        parts.iter().map(|p| if p.marked { format!("[{}]", p.text) } else { p.text.clone() }).collect()
    }

    #[test]
    fn what_was_looked_for_is_marked_and_long_text_is_cut_at_words() {
        assert_eq!(of("jawab", "Surat itu tidak dijawab."), "Surat itu tidak [dijawab].");
        assert_eq!(of("tiada", "Surat itu"), "");
        let long = format!("{} résumé {}", "kata ".repeat(100), "lagi ".repeat(100));
        let cut = of("resume", &long);
        assert!(cut.starts_with("…kata ") && cut.ends_with(" lagi…") && cut.contains(" [résumé] "), "{cut}");
        assert!(cut.chars().count() < LENGTH + 10);
    }

    #[test]
    fn text_that_deceives_is_written_out() {
        assert_eq!(of("surat", "a\u{202e}b surat\u{202e}"), "a⟨U+202E⟩b [surat]⟨U+202E⟩");
        let one = "é".repeat(2_000);
        assert!(of("éé*", &one).starts_with('['), "a word longer than a snippet");
    }
}
