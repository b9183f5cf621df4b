//! Counts the tokens of a document before it is parsed.
//!
//! The parser recurses for each bracket and takes hundreds of bytes of memory for each token. So its input is counted first, in
//! one pass without recursion. Text that is not GraphQL is refused here, so that the parser never sees text that it would split
//! into other tokens.

use async_graphql::{Pos, ServerError};

use super::errors;
use crate::serve::limits;

/// What a document holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Names, numbers, strings and punctuators.
    pub tokens: usize,
    /// Operations.
    pub operations: usize,
    /// Named fragments.
    pub fragments: usize,
    /// Fields, aliases and fragments within braces. Never too few: some are counted twice.
    pub selections: usize,
    /// Mentions of variables.
    pub variables: usize,
    /// The most brackets that are open at once.
    pub nesting: usize,
    /// Whether an operation is, or may be, something other than a query.
    pub not_a_query: bool,
}

/// A place in a document, by its byte.
struct Place<'t> {
    text: &'t str,
    at: usize,
}

impl Place<'_> {
    fn pos(&self) -> Pos {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Pos { line, column }
    }

    fn unreadable(&self, what: &str) -> ServerError {
        errors::refusal("BAD_REQUEST", what, Some(self.pos()))
    }
}

/// Refuses a document in which `found` is more than `most`.
fn at_most(what: &str, found: usize, most: usize) -> Result<(), ServerError> {
    if found <= most {
        return Ok(());
    }
    let message = format!("the document is too large: it has more than {most} {what}");
    Err(errors::refusal("TOO_LARGE", message, None))
}

impl Counted {
    fn check(&self) -> Result<(), ServerError> {
        at_most("tokens", self.tokens, limits::GRAPHQL_TOKENS)?;
        at_most("levels of brackets", self.nesting, limits::GRAPHQL_NESTING)?;
        at_most("operations", self.operations, limits::GRAPHQL_OPERATIONS)?;
        at_most("fragments", self.fragments, limits::GRAPHQL_FRAGMENTS)?;
        at_most("selections", self.selections, limits::GRAPHQL_SELECTIONS)?;
        at_most("mentions of variables", self.variables, limits::GRAPHQL_VARIABLES)
    }
}

/// The length of the string at the start of `bytes`, with its quotes; `None` if it has no end.
fn quoted(bytes: &[u8]) -> Option<usize> {
    if let Some(block) = bytes.strip_prefix(b"\"\"\"") {
        let mut at = 0;
        loop {
            let rest = block.get(at..)?;
            if rest.starts_with(b"\\\"\"\"") {
                at += 4;
            } else if rest.starts_with(b"\"\"\"") {
                return Some(at + 6);
            } else {
                at += 1;
            }
        }
    }
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// How many bytes at the start of `bytes` belong to the token.
fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| belongs(**b)).count()
}

/// Counts a document.
///
/// # Errors
/// `TOO_LARGE` if a limit is exceeded. `BAD_REQUEST`, with the place, if the text is not a document.
pub fn count(text: &str) -> Result<Counted, ServerError> {
    if text.len() > limits::GRAPHQL_DOCUMENT {
        return at_most("bytes", text.len(), limits::GRAPHQL_DOCUMENT).map(|()| Counted::default());
    }
    let bytes = text.as_bytes();
    let mut counted = Counted::default();
    // Open brackets, the innermost last. Their number is bounded by `check` below.
    let mut open = Vec::new();
    // Whether only an operation or a fragment can begin here.
    let mut begins = true;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let here = Place { text, at };
        let length = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            // GraphQL ignores a byte order mark, like white space.
            0xEF if rest.starts_with("\u{feff}".as_bytes()) => {
                at += 3;
                continue;
            }
            b'#' => {
                at += run(rest, |b| b != b'\n' && b != b'\r');
                continue;
            }
            b'{' | b'(' | b'[' => {
                if open.is_empty() && byte == b'{' && begins {
                    counted.operations += 1;
                }
                begins = false;
                open.push(byte);
                counted.nesting = counted.nesting.max(open.len());
                1
            }
            b'}' | b')' | b']' => {
                let opened = match byte {
                    b'}' => b'{',
                    b')' => b'(',
                    _ => b'[',
                };
                if open.pop() != Some(opened) {
                    return Err(here.unreadable("this bracket does not close the one that is open"));
                }
                begins = open.is_empty() && byte == b'}';
                1
            }
            b'"' => quoted(rest).ok_or_else(|| here.unreadable("a string begins here that does not end"))?,
            b'.' if rest.starts_with(b"...") => {
                counted.selections += 1;
                3
            }
            b'$' => {
                counted.variables += 1;
                1
            }
            b'!' | b'&' | b':' | b'=' | b'@' | b'|' => 1,
            b'-' | b'0'..=b'9' => {
                let length = 1 + run(rest.get(1..).unwrap_or_default(), |b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_')
                });
                if length > limits::GRAPHQL_NAME {
                    return Err(here.unreadable("a number begins here that is too long"));
                }
                length
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                let length = run(rest, |b| b.is_ascii_alphanumeric() || b == b'_');
                let name = rest.get(..length).unwrap_or_default();
                if length > limits::GRAPHQL_NAME {
                    return Err(here.unreadable("a name begins here that is too long"));
                }
                if begins {
                    match name {
                        b"fragment" => counted.fragments += 1,
                        _ => counted.operations += 1,
                    }
                    counted.not_a_query |= name != b"fragment" && name != b"query";
                    begins = false;
                }
                // Within parentheses there are no selections.
                if open.last() == Some(&b'{') && !open.contains(&b'(') {
                    counted.selections += 1;
                }
                length
            }
            _ => {
                return Err(
                    here.unreadable("expected a name, a number, a string, or a punctuator of GraphQL")
                );
            }
        };
        at += length;
        counted.tokens += 1;
        counted.check()?;
    }
    if open.is_empty() {
        Ok(counted)
    } else {
        Err(Place { text, at }.unreadable("the document ends before all brackets are closed"))
    }
}

/// Asserts what must hold for every input: what the parser accepts is counted in full, and text that is refused here as no
/// document is refused by the parser too. Used by tests and by the fuzz target `document`. Returns whether the input is a
/// document.
#[cfg(any(test, fuzzing))]
pub(crate) fn holds(bytes: &[u8]) -> bool {
    use async_graphql::parser::{
        parse_query,
        types::{OperationType, Selection, SelectionSet},
    };
    /// The number of selections in a set and below it, and their depth.
    fn held(set: &SelectionSet) -> (usize, usize) {
        let below = set.items.iter().map(|item| match &item.node {
            Selection::Field(field) => held(&field.node.selection_set.node),
            Selection::InlineFragment(fragment) => held(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => (0, 0),
        });
        let (count, deep) = below.fold((0, 0), |(n, deep), (more, below)| (n + more, deep.max(below)));
        (count + set.items.len(), deep + usize::from(!set.items.is_empty()))
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let counted = match count(text) {
        Ok(counted) => counted,
        Err(refused) => {
            assert!(refused.message.len() < 200, "{}", refused.message);
            // The parser might accept a document that is refused here for its size, or for a long name or number.
            if !refused.message.contains("too l") {
                assert!(parse_query(text).is_err(), "{text:?}: {}", refused.message);
            }
            return false;
        }
    };
    let Ok(document) = parse_query(text) else { return false };
    let operations = document.operations.iter().map(|(_, operation)| &operation.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    assert_eq!(counted.operations, operations.clone().count(), "{text:?}");
    // The parser keeps one of two fragments with the same name.
    assert!(counted.fragments >= document.fragments.len(), "{text:?}");
    assert_eq!(counted.not_a_query, !operations.clone().all(|o| o.ty == OperationType::Query), "{text:?}");
    let sets = operations.map(|operation| &operation.selection_set.node).chain(fragments);
    let (selections, deep) =
        sets.map(held).fold((0, 0), |(n, deep), (more, below)| (n + more, deep.max(below)));
    assert!(counted.selections >= selections && counted.nesting >= deep, "{text:?}: {counted:?}");
    true
}

#[cfg(test)]
pub(super) mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn counts(text: &str) -> Counted {
        count(text).unwrap_or_else(|e| panic!("{text:?}: {e}"))
    }

    fn code(text: &str) -> String {
        let error = count(text).expect_err(text);
        assert!(error.message.len() < 200, "{}", error.message);
        format!("{:?}", error.extensions.unwrap().get("code").unwrap())
    }

    #[test]
    fn what_a_document_holds_is_counted() {
        let text = "query A($n: [Int!] = [1, 2]) @x { a: b(c: {d: \"}\"}) { ...F ... on G { h } } } # }{\n\
                    fragment F on Query { \u{feff}i(j: \"\"\" \" \\\"\"\" }\"\"\", k: $n) }\nsubscription{x}";
        let counted = counts(text);
        assert_eq!((counted.operations, counted.fragments, counted.not_a_query), (2, 1, true));
        assert_eq!((counted.variables, counted.nesting), (2, 3));
        // a, b, ...F with its name, ... with its two, h, i, x.
        assert_eq!(counted.selections, 10);
        assert!(!counts("{a} fragment mutation on Query {a} query mutation {a}").not_a_query);
        assert!(counts("mutation M {a}").not_a_query && counts("{a} subscription {a}").not_a_query);
        assert_eq!(counts("").tokens, 0);
    }

    #[test]
    fn each_thing_has_its_bound() {
        let most = |text: String| {
            let started = std::time::Instant::now();
            assert_eq!(code(&text), "String(\"TOO_LARGE\")");
            // Counting stops where a limit is exceeded.
            assert!(started.elapsed().as_secs() < 5);
        };
        most(format!("{{{}}}", "a ".repeat(limits::GRAPHQL_SELECTIONS + 1)));
        most(format!("{{a(b: [{}])}}", "1 ".repeat(limits::GRAPHQL_TOKENS)));
        most("{a".repeat(limits::GRAPHQL_NESTING + 1));
        most(format!("{{a(b: {}", "[".repeat(1 << 17)));
        most(format!("query($a: {}", "[".repeat(1 << 17)));
        most("query A {a} ".repeat(limits::GRAPHQL_OPERATIONS + 1));
        most("{a} ".repeat(limits::GRAPHQL_OPERATIONS + 1));
        most("fragment F on Query {a} ".repeat(limits::GRAPHQL_FRAGMENTS + 1));
        most(format!("query({}) {{a}}", "$a: Int ".repeat(limits::GRAPHQL_VARIABLES + 1)));
        most(format!("{{a(b: \"{}\")}}", "x".repeat(limits::GRAPHQL_DOCUMENT)));
        // Comments and commas are no tokens; they count only as bytes.
        assert_eq!(counts(&format!("{{a}} #{}", "{".repeat(200_000))).tokens, 3);
        assert_eq!(counts(&format!("{{a{}}}", ",".repeat(200_000))).tokens, 3);
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        for (text, line, column) in [
            ("{a\n ü}", 2, 2),
            ("{a)", 1, 3),
            ("}", 1, 1),
            ("{a(b: \"\n\")}", 1, 7),
            ("{a(b: \"\"\" \")}", 1, 7),
            ("{a(b: \"\\", 1, 7),
            ("{a ..b}", 1, 4),
            ("{\r\n\n a", 3, 3),
        ] {
            let error = count(text).expect_err(text);
            assert_eq!(error.locations, [Pos { line, column }], "{text:?}: {}", error.message);
            assert!(parse_query(text).is_err(), "{text:?}");
        }
        let long = "a".repeat(limits::GRAPHQL_NAME + 1);
        assert_eq!(code(&format!("{{{long}}}")), "String(\"BAD_REQUEST\")");
        assert_eq!(
            code(&format!("{{a(b: {})}}", "1".repeat(limits::GRAPHQL_NAME + 1))),
            "String(\"BAD_REQUEST\")"
        );
    }

    #[test]
    fn nothing_that_the_parser_takes_is_refused_or_counted_for_less() {
        use proptest::prelude::*;
        // Pieces of documents in any order. Most make no document; those that do must be counted in full.
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "a",
            "b:",
            "1",
            "-0.5e+3",
            "\"\"",
            "\"x\\\"\"",
            "\"\"\"\"\"\"",
            "\"\"\"\\\"\"\"\"\"\"",
            "$v",
            "...",
            "on Query",
            "@skip(if: true)",
            "fragment F on Query",
            "query",
            "mutation M",
            "{a}",
            "(c: {d: [1 2]})",
            "#x\n",
            ",",
            "\u{feff}",
            "!",
            "=",
            ":",
            "{a{b}}",
            "...F",
            "\"\n",
        ]);
        proptest!(ProptestConfig::with_cases(4_096), |(pieces in prop::collection::vec(piece, 1..12))| {
            let text = pieces.join(" ");
            prop_assert_eq!(holds(text.as_bytes()), parse_query(&text).is_ok(), "{}", &text);
        });
    }

    #[test]
    fn what_must_hold_of_counting_holds_on_the_corpus_of_the_fuzz_target() {
        let seeds: Vec<Vec<u8>> = [
            "{a}",
            "query A($n: [Int!] = [1, 2]) @x { a: b(c: {d: \"}\"}) { ...F ... on G { h } } } # }{\nfragment F on Q {i}",
            "mutation M { record(input: {submissions: [{note: \"\"\"a \\\"\"\" }\"\"\"}]}) { results { index } } }",
            "subscription { events(after: -1) { index } }",
            "{a(b: -0.5e+3, c: ENUM, d: null, e: $v)}",
            "\u{feff}{a,}",
            "{a(b: \"\n\")}",
            "}{",
            "fragment fragment on on {on} {a}",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into();
        assert_eq!(corpus("document", &seeds).iter().filter(|bytes| holds(bytes)).count(), 7);
    }

    /// All inputs in the corpus of a fuzz target, which must hold `seeds`. Writes these if `SEED_CORPUS` is set.
    pub fn corpus(target: &str, seeds: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let dir = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("SEED_CORPUS").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            for (i, seed) in seeds.iter().enumerate() {
                std::fs::write(format!("{dir}/seed-{i}"), seed).unwrap();
            }
        }
        let kept = std::fs::read_dir(dir).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        let kept: Vec<Vec<u8>> = kept.collect();
        assert!(seeds.iter().all(|seed| kept.contains(seed)), "{target}: a seed is not in the corpus");
        kept
    }
}
