//! The words of an entry, laid out for showing: known members under their labels, files, and unknown members
//! as extra.

use serde_json::{Map, Value};

use super::{Record, Views, Words, codes::label};
use crate::{
    event::{Body, Content, Digest, Position},
    ledger::ReadError,
};

/// Members that domain.md names, in the order in which they are shown, with their labels.
const KNOWN: &[(&str, &str)] = &[
    ("title", "Title"),
    ("name", "Name"),
    ("aliases", "Also known as"),
    ("text", "Text"),
    ("account", "Account"),
    ("matter", "The matter in short"),
    ("promise", "Promise"),
    ("description", "Description"),
    ("preamble", "Preamble"),
    ("items", "Items"),
    ("answers", "Answers"),
    ("reasoning", "Reasoning"),
    ("wrong", "Wrong"),
    ("right", "Right"),
    ("ground", "Ground"),
    ("changed", "What changed"),
    ("quotes", "Quotes"),
    ("summary", "Summary"),
    ("nature", "Nature"),
    ("categories", "Categories"),
    ("numbers", "Numbers"),
    ("consequences", "Consequences"),
    ("measures", "Measures"),
    ("contact", "Contact"),
    ("status", "Status of the incident, as alleged"),
    ("disclosure", "Disclosure of data, as alleged"),
    ("data_varieties", "Varieties of data, as alleged"),
    ("affected_count", "Number affected, as alleged"),
    ("discovery_method", "How it was discovered, as alleged"),
    ("eligibility", "Who may sign"),
    ("privacy", "Privacy notice"),
    ("method", "Method"),
    ("statute", "Statute"),
    ("domain", "Domain"),
    ("address", "Address"),
    ("why", "Why it is the proper one"),
    ("actor", "Sent by the hand of"),
    ("receiver", "Taken by"),
    ("tracking", "Tracking number"),
    ("authority", "Authority"),
    ("redacted", "Redacted text"),
    ("rules", "Rules"),
    ("capacity", "Capacity"),
    ("url", "Source"),
    ("source", "Source"),
    ("note", "Note"),
];
/// Members that have a place of their own, or are not meant for reading.
const APART: &[&str] = &["salt", "files", "translation"];

/// A member of the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its label.
    pub label: String,
    /// The language of the text, if a fact gives it.
    pub language: Option<String>,
    /// Its value.
    pub kind: BlockKind,
}

/// The value of a member of the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockKind {
    /// Text, with its line breaks.
    Text(String),
    /// One short value.
    Short(String),
    /// An `http` or `https` address.
    Link(String),
    /// A list without numbers.
    List(Vec<String>),
    /// Numbered texts: each number, and its text.
    Numbered(Vec<(String, String)>),
    /// Names and values.
    Pairs(Vec<(String, String)>),
    /// Quotations.
    Quotes(Vec<Quote>),
    /// Anything else, as JSON.
    Json(String),
}

/// A quotation, as a W3C TextQuoteSelector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Who is quoted, or the side of a link: `From`.
    pub by: Option<String>,
    /// The words before the quotation.
    pub prefix: String,
    /// The quoted words.
    pub exact: String,
    /// The words after the quotation.
    pub suffix: String,
}

/// Whether this ledger has the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Its bytes are served.
    Present,
    /// Withheld by the entry at this index.
    Withheld(u64),
    /// Missing, though nothing on the log says that it is withheld.
    Missing,
}

/// A file that the words name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    /// Its name, as the author gave it.
    pub name: String,
    /// Its media type, as the author gave it.
    pub media: String,
    /// BLAKE3 of its bytes.
    pub blake3: Digest,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether its bytes are present, withheld or missing.
    pub state: FileState,
    /// If it is withheld: index of the first entry that names the same bytes and does not withhold them, so that they are
    /// served all the same.
    pub elsewhere: Option<u64>,
}

impl FileView {
    /// Whether it is withheld. A page then leaves out its digests too: a short text can be guessed from them.
    pub fn is_withheld(&self) -> bool {
        matches!(self.state, FileState::Withheld(_))
    }
    /// Its size, in words.
    pub fn size_words(&self) -> String {
        match self.size {
            1 => "1 byte".into(),
            n @ 0..=9_999 => format!("{n} bytes"),
            n @ 10_000..=9_999_999 => format!("{} kB", n / 1_000),
            n => format!("{} MB", n / 1_000_000),
        }
    }
}

/// The words of an entry, laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordsView {
    /// Known members, in order.
    pub blocks: Vec<Block>,
    /// The author's translation, with its language.
    pub translation: Option<Block>,
    /// Members that domain.md does not name.
    pub extra: Vec<Block>,
    /// Files.
    pub files: Vec<FileView>,
}

impl Views {
    /// The words of an entry, laid out; `None` unless they are present.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn words_view(&self, record: &Record) -> Result<Option<WordsView>, ReadError> {
        let words = self.words(record)?;
        let Words::Present { content, .. } = &*words else { return Ok(None) };
        let mut view = lay_out(content.members(), self.language(record)?);
        view.files = self.files(record, content)?;
        Ok(Some(view))
    }

    /// The language of an entry's text, if a fact gives it.
    pub(super) fn language(&self, record: &Record) -> Result<Option<String>, ReadError> {
        match record.event().body() {
            Body::StatementMade(b) => Ok(Some(b.language.as_str().to_owned())),
            // A revision or withdrawal is in the language of the statement that it names.
            Body::StatementRevised(b) => self.language_of(&b.statement),
            Body::StatementWithdrawn(b) => self.language_of(&b.statement),
            _ => Ok(None),
        }
    }

    fn language_of(&self, statement: &crate::event::EventId) -> Result<Option<String>, ReadError> {
        Ok(self.record_of(statement)?.and_then(|record| match record.event().body() {
            Body::StatementMade(b) => Some(b.language.as_str().to_owned()),
            _ => None,
        }))
    }

    /// Indexes of the entries that name the file with this digest and do not withhold it, ascending.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn file_named_by(&self, digest: &Digest) -> Result<Vec<u64>, ReadError> {
        let indexes = self.reader.file_named_by(digest)?;
        self.look_at(indexes.len())?;
        Ok(indexes)
    }

    fn files(&self, record: &Record, content: &Content) -> Result<Vec<FileView>, ReadError> {
        if content.files().is_empty() {
            return Ok(Vec::new());
        }
        let fate = self.reader.fate(&record.event().id())?;
        let mut files = Vec::with_capacity(content.files().len());
        for (i, file) in (0..).zip(content.files()) {
            let state = match fate.withheld_by(Position::File(i)) {
                Some(by) => FileState::Withheld(by),
                None if self.reader.file(&file.blake3)?.is_some() => FileState::Present,
                None => FileState::Missing,
            };
            let elsewhere = match state {
                FileState::Withheld(_) => self.file_named_by(&file.blake3)?.first().copied(),
                FileState::Present | FileState::Missing => None,
            };
            files.push(FileView {
                name: file.name.clone(),
                media: file.media.clone(),
                blake3: file.blake3,
                sha256: file.sha256,
                size: file.size,
                state,
                elsewhere,
            });
        }
        Ok(files)
    }
}

fn lay_out(members: &Map<String, Value>, language: Option<String>) -> WordsView {
    let mut view = WordsView::default();
    for (name, label) in KNOWN {
        if let Some(value) = members.get(*name) {
            let language = language.clone().filter(|_| *name == "text");
            view.blocks.push(Block { label: (*label).to_owned(), language, kind: kind(name, value) });
        }
    }
    for (name, value) in members {
        let apart = APART.contains(&name.as_str()) || KNOWN.iter().any(|(known, _)| known == name);
        if !apart {
            view.extra.push(Block { label: label(name), language: None, kind: kind(name, value) });
        }
    }
    match members.get("translation") {
        None => {}
        Some(value) => {
            let member = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
            let kind = match member("text") {
                Some(text) => BlockKind::Text(text),
                None => kind("translation", value),
            };
            view.translation =
                Some(Block { label: "Translation".into(), language: member("language"), kind });
        }
    }
    view
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(if *b { "yes" } else { "no" }.to_owned()),
        _ => None,
    }
}

fn kind(name: &str, value: &Value) -> BlockKind {
    let json = || BlockKind::Json(serde_json::to_string_pretty(value).unwrap_or_default());
    match value {
        Value::String(s) if is_web_address(s) => BlockKind::Link(s.clone()),
        Value::String(s) if s.contains('\n') || s.chars().count() > 80 => BlockKind::Text(s.clone()),
        Value::String(s) if matches!(name, "text" | "account" | "promise" | "reasoning") => {
            BlockKind::Text(s.clone())
        }
        Value::Array(_) | Value::Object(_) if name == "quotes" => match quotes(value) {
            Some(list) => BlockKind::Quotes(list),
            None => json(),
        },
        Value::Array(list) => match list.iter().map(scalar).collect::<Option<Vec<_>>>() {
            Some(texts) if name == "items" => {
                BlockKind::Numbered((1..).map(|n: usize| n.to_string()).zip(texts).collect())
            }
            Some(texts) => BlockKind::List(texts),
            None => json(),
        },
        Value::Object(members) => {
            let pairs =
                members.iter().map(|(k, v)| Some((k.clone(), scalar(v)?))).collect::<Option<Vec<_>>>();
            match pairs {
                Some(mut pairs) if name == "answers" => {
                    pairs.sort_by_key(|(item, _)| item.parse::<u64>().unwrap_or(u64::MAX));
                    BlockKind::Numbered(pairs)
                }
                Some(pairs) => BlockKind::Pairs(pairs.into_iter().map(|(k, v)| (label(&k), v)).collect()),
                None => json(),
            }
        }
        other => scalar(other).map_or_else(json, BlockKind::Short),
    }
}

/// Reads quotations that are a list (`[{exact, by}]`) or stand by side (`{from: {…}, to: {…}}`).
fn quotes(value: &Value) -> Option<Vec<Quote>> {
    let one = |by: Option<&str>, value: &Value| {
        let member = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Quote {
            by: member("by").or(by.map(label)),
            prefix: member("prefix").unwrap_or_default(),
            exact: member("exact")?,
            suffix: member("suffix").unwrap_or_default(),
        })
    };
    match value {
        Value::Array(list) => list.iter().map(|q| one(None, q)).collect(),
        Value::Object(sides) => sides.iter().map(|(side, q)| one(Some(side), q)).collect(),
        _ => None,
    }
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|r| !r.is_empty() && r.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>`\\".contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(json: Value) -> WordsView {
        lay_out(json.as_object().unwrap(), Some("ms".into()))
    }

    #[test]
    fn known_members_stand_in_order_and_unknown_ones_are_extra() {
        let view = view(serde_json::json!({
            "salt": "AAAA", "url": "https://example.org/1", "text": "Satu\ndua", "colour": {"a": [{}]},
            "answers": {"10": "ten", "2": "two"}, "translation": {"language": "en", "text": "One\ntwo"},
        }));
        let labels: Vec<&str> = view.blocks.iter().map(|b| b.label.as_str()).collect();
        assert_eq!(labels, ["Text", "Answers", "Source"]);
        assert_eq!(view.blocks[0].language.as_deref(), Some("ms"));
        assert_eq!(view.blocks[0].kind, BlockKind::Text("Satu\ndua".into()));
        let numbered = vec![("2".to_owned(), "two".to_owned()), ("10".to_owned(), "ten".to_owned())];
        assert_eq!(view.blocks[1].kind, BlockKind::Numbered(numbered));
        assert_eq!(view.blocks[2].kind, BlockKind::Link("https://example.org/1".into()));
        assert_eq!(view.extra.len(), 1);
        assert!(matches!(&view.extra[0].kind, BlockKind::Json(_)));
        assert_eq!(view.translation.unwrap().language.as_deref(), Some("en"));
    }

    #[test]
    fn only_web_addresses_become_links() {
        for bad in ["javascript:alert(1)", "https://", "https://a b", "https://a\"b", "ftp://x"] {
            assert!(!is_web_address(bad), "{bad}");
        }
        assert!(is_web_address("https://example.org/a?b=c#d"));
    }

    #[test]
    fn quotes_are_read_as_a_list_or_by_side() {
        let list = serde_json::json!([{"exact": "412 users", "by": "Agensi"}]);
        assert_eq!(quotes(&list).unwrap()[0].by.as_deref(), Some("Agensi"));
        let sides = serde_json::json!({"from": {"exact": "a"}, "to": {"exact": "b", "prefix": "p"}});
        let read = quotes(&sides).unwrap();
        assert_eq!((read[0].by.as_deref(), read[1].prefix.as_str()), (Some("From"), "p"));
        assert_eq!(quotes(&serde_json::json!([{"by": "x"}])), None);
    }
}
