//! The tokenizer for tantivy: gives it the words of a text, each with its root.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::token::{Words, root_parts};

/// Stands before a root in the index, so that it differs from a word: `~jawab`.
pub(super) const ROOT: char = '~';

/// Gives words in order. A root comes after its word and has the same position.
#[derive(Clone, Default)]
pub(super) struct WordsAndRoots {
    token: Token,
    root: String,
}

impl Tokenizer for WordsAndRoots {
    type TokenStream<'a> = Stream<'a>;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        self.root.clear();
        Stream { words: Words::of(text), token: &mut self.token, root: &mut self.root }
    }
}

pub(super) struct Stream<'a> {
    words: Words<'a>,
    token: &'a mut Token,
    /// The root that comes next; empty if there is none.
    root: &'a mut String,
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        if !self.root.is_empty() {
            std::mem::swap(&mut self.token.text, self.root);
            self.root.clear();
            return true;
        }
        if self.words.next(&mut self.token.text).is_none() {
            return false;
        }
        // Before the first word the position is the largest number, so the first word gets 0.
        self.token.position = self.token.position.wrapping_add(1);
        if let Some((given, rest)) = root_parts(&self.token.text) {
            self.root.push(ROOT);
            self.root.push_str(given);
            self.root.push_str(rest);
        }
        true
    }
    fn token(&self) -> &Token {
        self.token
    }
    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_stands_where_its_word_does() {
        let mut tokenizer = WordsAndRoots::default();
        let mut taken = |text: &str| {
            let mut all = Vec::new();
            tokenizer.token_stream(text).process(&mut |t| all.push((t.text.clone(), t.position)));
            all
        };
        let expected = [("surat", 0), ("dijawab", 1), ("~jawab", 1), ("menuntut", 2), ("~tuntut", 2)];
        assert_eq!(taken("Surat, DIJAWAB: menuntut"), expected.map(|(text, at)| (text.to_owned(), at)));
        assert_eq!(taken("data"), [("data".to_owned(), 0)], "nothing is left of the text before");
        assert_eq!(taken(" … "), []);
    }
}
