//! Queries: words, all of which must be there; `"phrases"`, `begin*` and `-not`.

use super::{
    document::Piece,
    token::{Token, root, stands_alone, tokens},
};

/// The longest query, in bytes.
pub const MAX_QUERY: usize = 512;
/// The most words in a query. Four letters of a script without spaces count as one word.
pub const MAX_WORDS: usize = 16;
/// What a word counts towards the limit, where a letter of a script without spaces counts 1.
const WORD: usize = 4;
/// The fewest letters before a `*`.
const SHORTEST_BEGINNING: usize = 2;

/// Why a query can't be run, in words for its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is too long.
    #[error("expected at most {MAX_QUERY} bytes")]
    TooLong,
    /// It has too many words.
    #[error("expected at most {MAX_WORDS} words")]
    TooManyWords,
    /// It has no word to look for.
    #[error("expected at least one word to look for")]
    NoWords,
    /// A beginning is so short that it finds everything.
    #[error("expected at least {SHORTEST_BEGINNING} letters before *")]
    ShortBeginning,
}

/// A condition: something that a text must have, or must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// A word, or another of the same root.
    Word(Word),
    /// A word that begins with this.
    Beginning(String),
    /// These words, one directly after the other.
    Phrase(Vec<String>),
}

/// A word and its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub root: String,
}

impl Word {
    fn new(text: String) -> Self {
        let root = root(&text).unwrap_or_else(|| text.clone());
        Self { text, root }
    }
    fn is(&self, token: &str) -> bool {
        token == self.text || token == self.root || root(token).is_some_and(|r| r == self.root)
    }
}

/// A parsed query. There is no syntax to get wrong: a text is refused only if it is past a limit or has nothing to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub(super) wanted: Vec<Term>,
    pub(super) unwanted: Vec<Term>,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`QueryError`] for one past a limit, or without a word to look for.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY {
            return Err(QueryError::TooLong);
        }
        let mut query = Self { wanted: Vec::new(), unwanted: Vec::new() };
        let mut words = 0;
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let not = rest.len() > 1 && rest.starts_with('-');
            rest = if not { &rest[1..] } else { rest };
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '“' | '”' | '„'));
            let (part, quoted);
            (part, rest, quoted) = match quote {
                Some(q) => {
                    let inner = &rest[q.len_utf8()..];
                    // A quote that is not closed ends with the text.
                    let (inside, after) = inner.split_once(['"', '“', '”']).unwrap_or((inner, ""));
                    (inside, after, true)
                }
                None => {
                    let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
                    (&rest[..end], &rest[end..], false)
                }
            };
            rest = rest.trim_start();
            let mut found: Vec<String> = tokens(part).into_iter().map(|t| t.text).collect();
            words += found.iter().map(|w| if w.starts_with(stands_alone) { 1 } else { WORD }).sum::<usize>();
            if words > MAX_WORDS * WORD {
                return Err(QueryError::TooManyWords);
            }
            let terms = if not { &mut query.unwanted } else { &mut query.wanted };
            // A letter that is a word of its own is no beginning of another word.
            let begins = found.last().is_some_and(|last| !last.starts_with(stands_alone));
            if !quoted && part.ends_with('*') && begins {
                let Some(beginning) = found.pop() else { continue };
                if beginning.chars().count() < SHORTEST_BEGINNING {
                    return Err(QueryError::ShortBeginning);
                }
                terms.push(Term::Beginning(beginning));
            }
            match found.len() {
                0 => {}
                1 if !quoted => terms.extend(found.pop().map(|w| Term::Word(Word::new(w)))),
                _ => terms.push(Term::Phrase(found)),
            }
        }
        if query.wanted.is_empty() { Err(QueryError::NoWords) } else { Ok(query) }
    }

    /// Whether the texts of an entry, as they read now, fit the query.
    pub(super) fn fits(&self, pieces: &[Piece]) -> bool {
        let texts: Vec<Vec<Token>> = pieces.iter().map(|p| tokens(&p.text)).collect();
        let there = |term: &Term| texts.iter().any(|t| !term.places(t).is_empty());
        self.wanted.iter().all(there) && !self.unwanted.iter().any(there)
    }

    /// The places in a text that fit the wanted terms: begin and end in bytes, in order and without overlaps.
    pub(super) fn marks(&self, text: &[Token]) -> Vec<(usize, usize)> {
        let mut marks: Vec<(usize, usize)> = self.wanted.iter().flat_map(|t| t.places(text)).collect();
        marks.sort_unstable();
        marks.dedup();
        let mut out: Vec<(usize, usize)> = Vec::with_capacity(marks.len());
        for (from, to) in marks {
            match out.last_mut() {
                Some(last) if from < last.1 => last.1 = last.1.max(to),
                _ => out.push((from, to)),
            }
        }
        out
    }
}

impl Term {
    fn places(&self, text: &[Token]) -> Vec<(usize, usize)> {
        let alone = |fits: &dyn Fn(&str) -> bool| {
            text.iter().filter(|t| fits(&t.text)).map(|t| (t.from, t.to)).collect()
        };
        match self {
            Self::Word(word) => alone(&|t| word.is(t)),
            Self::Beginning(beginning) => alone(&|t| t.starts_with(beginning.as_str())),
            Self::Phrase(words) => text
                .windows(words.len())
                .filter(|w| w.iter().zip(words).all(|(t, word)| t.text == *word))
                .filter_map(|w| Some((w.first()?.from, w.last()?.to)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Term {
        Term::Word(Word::new(text.into()))
    }
    fn phrase(words: &[&str]) -> Term {
        Term::Phrase(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn words_phrases_beginnings_and_exclusions_are_told_apart() {
        let q = Query::parse("Surat \"data peribadi\" tandatang* -Akta -\"tiada jawapan\" 15-12").unwrap();
        let beginning = Term::Beginning("tandatang".into());
        assert_eq!(
            q.wanted,
            [word("surat"), phrase(&["data", "peribadi"]), beginning, phrase(&["15", "12"])]
        );
        assert_eq!(q.unwanted, [word("akta"), phrase(&["tiada", "jawapan"])]);
        assert_eq!(Query::parse("“kata”").unwrap().wanted, [phrase(&["kata"])]);
        assert_eq!(Query::parse("\"not closed").unwrap().wanted, [phrase(&["not", "closed"])]);
    }

    #[test]
    fn no_text_is_a_fault_of_syntax() {
        let mut odd: Vec<String> = ["AND OR NOT", "a:b^2~3", "(()[]{}", "\\", "title:x", "/.*/", "+a", "\0a"]
            .map(String::from)
            .into();
        odd.extend(("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u{0}é😀\u{202e}").chars().flat_map(|c| {
            ["", "a", "\"", "-", "*"]
                .into_iter()
                .flat_map(move |x| [format!("{c}{x}"), format!("x{x}{c} {c}")])
        }));
        for text in odd {
            match Query::parse(&text) {
                Ok(_) | Err(QueryError::NoWords | QueryError::ShortBeginning) => {}
                Err(e) => panic!("{text:?}: {e}"),
            }
        }
    }

    #[test]
    fn a_query_has_limits() {
        assert_eq!(Query::parse(&"a".repeat(MAX_QUERY + 1)), Err(QueryError::TooLong));
        assert_eq!(Query::parse(&"a ".repeat(MAX_WORDS + 1)), Err(QueryError::TooManyWords));
        assert!(Query::parse(&"a ".repeat(MAX_WORDS)).is_ok());
        assert_eq!(Query::parse("a*"), Err(QueryError::ShortBeginning));
        for nothing in ["", "  ", "-", "*", "\"\"", "-surat", "…"] {
            assert_eq!(Query::parse(nothing), Err(QueryError::NoWords), "{nothing:?}");
        }
    }

    #[test]
    fn what_is_written_without_spaces_is_a_phrase() {
        assert_eq!(Query::parse("攻击*").unwrap().wanted, [phrase(&["攻", "击"])]);
        assert_eq!(Query::parse("击").unwrap().wanted, [word("击")]);
        assert!(Query::parse(&"击".repeat(MAX_WORDS * WORD)).is_ok());
        assert_eq!(Query::parse(&"击".repeat(MAX_WORDS * WORD + 1)), Err(QueryError::TooManyWords));
        let marks = |query: &str, text: &str| Query::parse(query).unwrap().marks(&tokens(text));
        assert_eq!(marks("攻击", "遭到攻击。"), [(6, 12)]);
    }

    #[test]
    fn marks_stand_where_the_words_are_and_do_not_overlap() {
        let marks = |query: &str, text: &str| Query::parse(query).unwrap().marks(&tokens(text));
        assert_eq!(marks("jawab", "Tidak dijawab. Jawab!"), [(6, 13), (15, 20)]);
        assert_eq!(marks("\"data peribadi\" peribadi", "data peribadi"), [(0, 13)]);
        assert_eq!(marks("xx", "data"), []);
    }
}
