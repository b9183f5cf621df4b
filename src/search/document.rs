//! What can be found of an entry: its words, its sentence, and the names of whom it speaks of.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    event::{EventId, EventType, Position},
    ledger::ReadError,
    views::{Part, Record, Views, Words, facts_json},
};

/// Members of words that name the thing itself.
const NAMING: &[&str] = &["title", "name", "aliases"];
/// Members that nobody looks for.
const APART: &[&str] = &["salt"];

/// Weight of what names the thing.
const NAME: u8 = 4;
/// Weight of its words.
const WORDS: u8 = 2;
/// Weight of its sentence, which speaks of other things as well.
const SENTENCE: u8 = 1;
/// The weights there are.
pub(super) const WEIGHTS: [u8; 3] = [NAME, WORDS, SENTENCE];

/// A text that belongs to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it stands, as a label.
    pub place: String,
    /// How much a word in it counts.
    pub weight: u8,
    pub text: String,
}

/// What can be found of one entry, as the log stood when it was read.
#[derive(Debug)]
pub(super) struct Document {
    pub index: u64,
    pub recorded_ms: i64,
    /// What filters ask for, as `kind:value`.
    pub facets: BTreeSet<String>,
    pub pieces: Vec<Piece>,
}

/// Reads documents, and remembers names that it has read.
pub(super) struct Documents<'v> {
    views: &'v Views,
    names: HashMap<EventId, Arc<[String]>>,
}

impl<'v> Documents<'v> {
    pub fn new(views: &'v Views) -> Self {
        Self { views, names: HashMap::new() }
    }

    /// What can be found of an entry; `None` at or above the size of the views.
    pub fn read(&mut self, index: u64) -> Result<Option<Document>, ReadError> {
        let Some(record) = self.views.record(index)? else { return Ok(None) };
        let pieces = self.pieces(&record)?;
        let recorded_ms = record.entry.header().time.unix_ms();
        Ok(Some(Document { index, recorded_ms, facets: facets(&record), pieces }))
    }

    /// The texts of an entry that can be read now.
    pub fn pieces(&mut self, record: &Record) -> Result<Vec<Piece>, ReadError> {
        let mut pieces = Vec::new();
        let fate = self.views.reader().fate(&record.event().id())?;
        if let Words::Present { content, .. } = &*self.views.words(record)? {
            for (member, value) in content.members() {
                if member == "files" {
                    // Of files the names are words; a name is withheld with its file.
                    for (position, file) in (0u32..).zip(content.files()) {
                        if fate.withheld_by(Position::File(position)).is_none() {
                            let text = file.name.clone();
                            pieces.push(Piece { place: "File".into(), weight: WORDS, text });
                        }
                    }
                } else if !APART.contains(&member.as_str()) {
                    let weight = if NAMING.contains(&member.as_str()) { NAME } else { WORDS };
                    texts(&label(member), weight, value, &mut pieces);
                }
            }
        }
        let sentence = self.views.sentence(record)?;
        let mut own = String::new();
        let mut parties = BTreeSet::new();
        for part in sentence.parts() {
            match part {
                // Its own words are there whole.
                Part::Quote { .. } => own.push('…'),
                part => own.push_str(&part.to_string()),
            }
            if let Part::Party { id, .. } = part {
                parties.insert(*id);
            }
        }
        pieces.push(Piece { place: "Sentence".into(), weight: SENTENCE, text: own });
        for party in parties {
            for name in self.names(&party)?.iter() {
                let place = "A party it names, by any of its names".to_owned();
                pieces.push(Piece { place, weight: SENTENCE, text: name.clone() });
            }
        }
        Ok(pieces)
    }

    /// The names of a party over time that can be read.
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

fn label(member: &str) -> String {
    let text = member.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Every text in a value, each a piece of its own, so that no phrase is found across two.
fn texts(place: &str, weight: u8, value: &Value, out: &mut Vec<Piece>) {
    match value {
        Value::String(text) => out.push(Piece { place: place.to_owned(), weight, text: text.clone() }),
        Value::Number(n) => out.push(Piece { place: place.to_owned(), weight, text: n.to_string() }),
        Value::Array(list) => list.iter().for_each(|v| texts(place, weight, v, out)),
        Value::Object(members) => members.values().for_each(|v| texts(place, weight, v, out)),
        Value::Null | Value::Bool(_) => {}
    }
}

pub(super) fn type_facet(event_type: EventType) -> String {
    format!("type:{event_type}")
}
pub(super) fn case_facet(case: &EventId) -> String {
    format!("case:{case}")
}
pub(super) fn party_facet(party: &EventId) -> String {
    format!("party:{party}")
}
pub(super) fn language_facet(language: &str) -> String {
    format!("language:{language}")
}
pub(super) fn standing_facet(standing: &str) -> String {
    format!("standing:{standing}")
}

fn facets(record: &Record) -> BTreeSet<String> {
    let event = record.event();
    let mut facets = BTreeSet::from([type_facet(event.event_type())]);
    let opened = (event.event_type() == EventType::CaseOpened).then(|| event.id());
    facets.extend(event.case().or(opened).as_ref().map(case_facet));
    facets.extend(record.parties().map(|p| party_facet(&p)));
    facets.extend(event.body().refs().into_iter().flat_map(|(_, ids)| ids).map(party_facet));
    if matches!(event.event_type(), EventType::PartyRegistered | EventType::LedgerOpened) {
        facets.insert(party_facet(&event.id()));
    }
    let facts = facts_json(record);
    let fact = |name: &str| facts.get(name).and_then(Value::as_str);
    facets.extend(fact("language").map(language_facet));
    facets.extend(fact("standing").map(standing_facet));
    facets
}
