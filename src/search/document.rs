//! The text by which an entry is found: its words, its sentence, and the names of the parties in that sentence.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    event::{Body, EventId, EventType, Position},
    ledger::ReadError,
    views::{Part, Record, Views, Words},
};

/// Members of the words that name what the entry is about.
const NAMING: &[&str] = &["title", "name", "aliases"];
/// Members that are left out.
const APART: &[&str] = &["salt"];

/// Weight of a name or title.
const NAME: u8 = 4;
/// Weight of other words.
const WORDS: u8 = 2;
/// Weight of the sentence, which speaks of other things as well.
const SENTENCE: u8 = 1;
/// All weights.
pub(super) const WEIGHTS: [u8; 3] = [NAME, WORDS, SENTENCE];

/// A property of an entry that filters ask for: a letter for its kind, then the value.
pub(super) type Facet = Vec<u8>;

/// A text that belongs to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it stands in the entry, as a label for readers.
    pub place: Cow<'static, str>,
    /// How much a word in it counts for the score.
    pub weight: u8,
    pub text: String,
}

/// What the index takes of one entry, as the log stood when the entry was read.
#[derive(Debug)]
pub(super) struct Document {
    pub index: u64,
    pub recorded_ms: i64,
    /// Its properties that filters ask for.
    pub facets: BTreeSet<Facet>,
    pub pieces: Vec<Piece>,
}

/// Reads documents, and remembers names of parties that it has read.
pub(super) struct Documents<'v> {
    views: &'v Views,
    names: HashMap<EventId, Arc<[String]>>,
}

impl<'v> Documents<'v> {
    pub fn new(views: &'v Views) -> Self {
        Self { views, names: HashMap::new() }
    }

    /// The document of an entry; `None` at or above the size of the views.
    pub fn read(&mut self, index: u64) -> Result<Option<Document>, ReadError> {
        let Some(record) = self.views.record(index)? else { return Ok(None) };
        let pieces = self.pieces(&record)?;
        let recorded_ms = record.entry.header().time.unix_ms();
        Ok(Some(Document { index, recorded_ms, facets: facets(&record), pieces }))
    }

    /// The texts of an entry that can be read now.
    pub fn pieces(&mut self, record: &Record) -> Result<Vec<Piece>, ReadError> {
        let mut pieces = Vec::new();
        if let Words::Present { content, .. } = &*self.views.words(record)? {
            for (member, value) in content.members() {
                if member == "files" {
                    // The names of files count as words. A name is withheld together with its file.
                    let fate = self.views.reader().fate(&record.event().id())?;
                    for (position, file) in (0u32..).zip(content.files()) {
                        if fate.withheld_by(Position::File(position)).is_none() {
                            let text = file.name.clone();
                            pieces.push(Piece { place: Cow::Borrowed("File"), weight: WORDS, text });
                        }
                    }
                } else if !APART.contains(&member.as_str()) {
                    let weight = if NAMING.contains(&member.as_str()) { NAME } else { WORDS };
                    let place = label(member);
                    texts(value, &mut |text| pieces.push(Piece { place: place.clone(), weight, text }));
                }
            }
        }
        let sentence = self.views.sentence(record)?;
        let mut own = String::new();
        let mut parties = BTreeSet::new();
        for part in sentence.parts() {
            match part {
                // The words that it quotes are pieces of their own already.
                Part::Quote { .. } => own.push('…'),
                Part::Text(text) | Part::Entry { text, .. } => own.push_str(text),
                Part::Party { name, .. } => own.push_str(name),
            }
            if let Part::Party { id, .. } = part {
                parties.insert(*id);
            }
        }
        pieces.push(Piece { place: Cow::Borrowed("Sentence"), weight: SENTENCE, text: own });
        for party in parties {
            for name in self.names(&party)?.iter() {
                let place = Cow::Borrowed("A party it names, by any of its names");
                pieces.push(Piece { place, weight: SENTENCE, text: name.clone() });
            }
        }
        Ok(pieces)
    }

    /// All names that a party had over time, as far as they can be read.
    fn names(&mut self, party: &EventId) -> Result<Arc<[String]>, ReadError> {
        if let Some(known) = self.names.get(party) {
            return Ok(known.clone());
        }
        let mut names = BTreeSet::new();
        for record in self.views.updates(party)?.into_iter().chain(self.views.record_of(party)?) {
            names.extend(self.views.words(&record)?.text("name").map(str::to_owned));
        }
        let names: Arc<[String]> = names.into_iter().collect();
        self.names.insert(*party, names.clone());
        Ok(names)
    }
}

fn label(member: &str) -> Cow<'static, str> {
    // Most pieces have this label, so it is not made anew each time.
    if member == "text" {
        return Cow::Borrowed("Text");
    }
    let text = member.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect()).into()
}

/// Gives each text in a value to `put`. Each is a piece of its own, so that no phrase is found across two of them.
fn texts(value: &Value, put: &mut dyn FnMut(String)) {
    match value {
        Value::String(text) => put(text.clone()),
        Value::Number(n) => put(n.to_string()),
        Value::Array(list) => list.iter().for_each(|v| texts(v, put)),
        Value::Object(members) => members.values().for_each(|v| texts(v, put)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn facet(kind: u8, value: &[u8]) -> Facet {
    let mut facet = Facet::with_capacity(1 + value.len());
    facet.push(kind);
    facet.extend_from_slice(value);
    facet
}

pub(super) fn type_facet(event_type: EventType) -> Facet {
    facet(b't', event_type.as_str().as_bytes())
}
pub(super) fn case_facet(case: &EventId) -> Facet {
    facet(b'c', &case.0)
}
pub(super) fn party_facet(party: &EventId) -> Facet {
    facet(b'p', &party.0)
}
/// The kind of facets of languages.
pub(super) const LANGUAGE: u8 = b'l';
pub(super) fn language_facet(language: &str) -> Facet {
    facet(LANGUAGE, language.as_bytes())
}
pub(super) fn standing_facet(standing: &str) -> Facet {
    facet(b's', standing.as_bytes())
}

fn facets(record: &Record) -> BTreeSet<Facet> {
    let event = record.event();
    let mut facets = BTreeSet::from([type_facet(event.event_type())]);
    let opened = (event.event_type() == EventType::CaseOpened).then(|| event.id());
    facets.extend(event.case().or(opened).as_ref().map(case_facet));
    facets.extend(record.parties().map(|p| party_facet(&p)));
    facets.extend(event.body().refs().into_iter().flat_map(|(_, ids)| ids).map(party_facet));
    if matches!(event.event_type(), EventType::PartyRegistered | EventType::LedgerOpened) {
        facets.insert(party_facet(&event.id()));
    }
    if let Body::StatementMade(statement) = event.body() {
        facets.insert(language_facet(statement.language.as_str()));
        facets.insert(standing_facet(statement.standing.as_str()));
    }
    facets
}
