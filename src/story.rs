//! The story that must always run (domain.md): four cases as data. It is recorded in the same way as all other events.
//!
//! `examples/story/story.json` holds the records in order. In it `$label` is the id of the event recorded under
//! that label, `$ledger` that of entry 0, and `$key:label` a vkey.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    event::{At, Content, ContentRef, Digest, Draft, Event, EventId, EventType, FileRef, Refusal},
    ledger::{Ledger, Receipt, Submission},
    media::media_type,
    note::{KeyName, Origin, SigningKey, VerifyingKey},
};

const STORY: &str = include_str!("../examples/story/story.json");

/// The exhibits of the story, by name.
const FILES: &[(&str, &[u8])] = &[
    ("booking-list.txt", include_bytes!("../examples/story/files/booking-list.txt")),
    ("letter.txt", include_bytes!("../examples/story/files/letter.txt")),
    ("portal-page.svg", include_bytes!("../examples/story/files/portal-page.svg")),
    ("smtp-dialogue.txt", include_bytes!("../examples/story/files/smtp-dialogue.txt")),
    ("stamped-copy.png", include_bytes!("../examples/story/files/stamped-copy.png")),
];

/// A story that can't be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoryError {
    /// A record is malformed, or names something that does not exist.
    #[error("record {label}: {what}")]
    Record {
        /// Its label.
        label: String,
        /// What is wrong.
        what: String,
    },
    /// The ledger refused a record.
    #[error("record {label}: {refusal}")]
    Refused {
        /// Its label.
        label: String,
        /// Why.
        refusal: Refusal,
    },
    /// The story file is malformed.
    #[error("the story: {0}")]
    Form(String),
    /// The ledger can't be read.
    #[error("the ledger: {0}")]
    Ledger(String),
}

/// A story: who signs, and what they record, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// What the story is about.
    pub about: String,
    /// The names of keys by label, with `{origin}` for the ledger's origin.
    pub keys: BTreeMap<String, String>,
    /// What is recorded.
    pub records: Vec<Record>,
}

/// One event of a story.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The name under which other records refer to it.
    pub label: String,
    /// Labels of the keys that sign.
    pub by: Vec<String>,
    /// The event type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened.
    pub at: String,
    /// Label of the case.
    #[serde(default)]
    pub case: Option<String>,
    /// Its references to other events.
    #[serde(default)]
    pub refs: Map<String, Value>,
    /// Its facts.
    #[serde(default)]
    pub facts: Map<String, Value>,
    /// Its words.
    #[serde(default)]
    pub words: Option<Map<String, Value>>,
    /// Names of its exhibits.
    #[serde(default)]
    pub files: Vec<String>,
}

/// What was recorded, by label.
#[derive(Debug, Default)]
pub struct Told {
    /// Id and index of each event.
    pub entries: BTreeMap<String, (EventId, u64)>,
    /// Labels in the order of the story.
    pub order: Vec<String>,
}

impl Story {
    /// The story in `examples/story`, which is built in.
    ///
    /// # Errors
    /// [`StoryError::Form`]. A test makes sure that it does not happen.
    pub fn load() -> Result<Self, StoryError> {
        serde_json::from_str(STORY).map_err(|e| StoryError::Form(e.to_string()))
    }

    /// The names of all keys, for a ledger with this origin.
    ///
    /// # Errors
    /// [`StoryError::Form`]
    pub fn key_names(&self, origin: &Origin) -> Result<BTreeMap<String, KeyName>, StoryError> {
        let name = |(label, name): (&String, &String)| {
            let name = name.replace("{origin}", origin.as_str());
            let name = name.parse().map_err(|e| StoryError::Form(format!("key {label}: {e}")))?;
            Ok((label.clone(), name))
        };
        self.keys.iter().map(name).collect()
    }

    /// Records the story on a ledger that has only its entry 0. `keys` has a key for every label of
    /// [`key_names`](Self::key_names); that of `operator` is the ledger's own. `salts` gives 16 new random
    /// bytes for each record with words. `progress` is told how many records are done.
    ///
    /// # Errors
    /// [`StoryError`], naming the record.
    pub fn tell(
        &self,
        ledger: &Ledger,
        keys: &BTreeMap<String, SigningKey>,
        mut salts: impl Iterator<Item = [u8; 16]>,
        mut progress: impl FnMut(usize),
    ) -> Result<Told, StoryError> {
        let origin = ledger.reader().origin().clone();
        let first = ledger.reader().parsed(0).map_err(|e| StoryError::Ledger(e.to_string()))?;
        let first = first.ok_or_else(|| StoryError::Ledger("there is no entry 0".into()))?;
        let mut teller = Teller {
            ledger,
            keys,
            origin,
            ids: HashMap::from([("ledger".to_owned(), first.event().id())]),
            sealed: HashMap::new(),
        };
        let mut told = Told::default();
        // An event's id is known before the ledger answers, so events that refer to one another may go in one batch.
        for batch in self.records.chunks(32) {
            let submissions = batch
                .iter()
                .map(|record| teller.submission(record, &mut salts))
                .collect::<Result<Vec<_>, StoryError>>()?;
            let answers = ledger.record_blocking(submissions, false);
            for (record, answer) in batch.iter().zip(answers) {
                let label = record.label.clone();
                let Receipt { id, index, .. } =
                    answer.map_err(|refusal| StoryError::Refused { label: label.clone(), refusal })?;
                told.entries.insert(label.clone(), (id, index));
                told.order.push(label);
            }
            progress(told.order.len());
        }
        Ok(told)
    }
}

/// Turns records into submissions, and remembers what was recorded.
struct Teller<'a> {
    ledger: &'a Ledger,
    keys: &'a BTreeMap<String, SigningKey>,
    origin: Origin,
    ids: HashMap<String, EventId>,
    /// Sealed words by event id, for giving them back.
    sealed: HashMap<EventId, Vec<u8>>,
}

impl Teller<'_> {
    fn submission(
        &mut self,
        record: &Record,
        salts: &mut impl Iterator<Item = [u8; 16]>,
    ) -> Result<Submission, StoryError> {
        let wrong = |what: String| StoryError::Record { label: record.label.clone(), what };
        let event_type = EventType::from_name(&record.event_type)
            .ok_or_else(|| wrong(format!("no event type {}", record.event_type)))?;
        let at = At::parse(&record.at).map_err(|found| wrong(format!("at: {found}")))?;
        let resolve = |value: &Value| self.resolve(value).map_err(&wrong);
        let map = |map: &Map<String, Value>| {
            map.iter()
                .map(|(name, value)| Ok((name.clone(), resolve(value)?)))
                .collect::<Result<Map<_, _>, _>>()
        };
        let case = record.case.as_deref().map(|label| self.id(label)).transpose().map_err(&wrong)?;
        let (refs, facts) = (map(&record.refs)?, map(&record.facts)?);
        let keys = record
            .by
            .iter()
            .map(|label| self.keys.get(label).ok_or_else(|| wrong(format!("no key {label}"))))
            .collect::<Result<Vec<_>, _>>()?;

        let mut files = Vec::new();
        for name in &record.files {
            let file = FILES.iter().find(|(n, _)| n == name);
            let (name, bytes) = file.ok_or_else(|| wrong(format!("no file {name}")))?;
            files.push(
                self.upload(name, bytes)
                    .map_err(|refusal| StoryError::Refused { label: record.label.clone(), refusal })?,
            );
        }
        let content = match &record.words {
            None => None,
            Some(words) => {
                let salt = salts.next().ok_or_else(|| wrong("no salt is left".into()))?;
                Some(Content::seal(words.clone(), &files, &salt))
            }
        };
        let draft =
            Draft { event_type, at, case, refs, facts, content: content.as_deref().map(ContentRef::of) };
        let event = draft.sign(&self.origin, &keys).map_err(|e| wrong(e.to_string()))?;
        let restored = match event_type {
            EventType::ContentReleased => event.role("entry").and_then(|id| self.sealed.get(&id).cloned()),
            _ => None,
        };
        if let Some(content) = &content {
            self.sealed.insert(event.id(), content.clone());
        }
        self.ids.insert(record.label.clone(), event.id());
        let note = Event::note(&event).as_bytes().to_vec();
        Ok(Submission { restored, ..Submission::new(note, content) })
    }

    fn id(&self, label: &str) -> Result<EventId, String> {
        let label = label.strip_prefix('$').unwrap_or(label);
        self.ids.get(label).copied().ok_or_else(|| format!("no record ${label} stands before"))
    }

    /// A value with its labels replaced, wherever they stand in it.
    fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix('$') {
                None => value.clone(),
                Some(label) => match label.strip_prefix("key:") {
                    Some(key) => {
                        let key = self.keys.get(key).ok_or_else(|| format!("no key {key}"))?;
                        VerifyingKey::to_string(key.verifying_key()).into()
                    }
                    None => self.id(label)?.to_string().into(),
                },
            },
            Value::Array(list) => list.iter().map(|v| self.resolve(v)).collect::<Result<Vec<_>, _>>()?.into(),
            Value::Object(map) => map
                .iter()
                .map(|(name, v)| Ok((name.clone(), self.resolve(v)?)))
                .collect::<Result<Map<_, _>, String>>()?
                .into(),
            other => other.clone(),
        })
    }

    fn upload(&self, name: &str, bytes: &[u8]) -> Result<FileRef, Refusal> {
        let blake3 = Digest::blake3(bytes);
        let mut upload = self.ledger.upload(blake3, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        upload.write(bytes)?;
        upload.finish()?;
        Ok(FileRef {
            name: name.to_owned(),
            blake3,
            sha256: Digest(Sha256::digest(bytes).into()),
            size: bytes.len() as u64,
            media: media_type(name).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_of_its_form_and_its_files_are_all_here() {
        let story = Story::load().unwrap();
        assert!(!story.about.is_empty());
        let names = story.key_names(&"demo.onrecord.example".parse().unwrap()).unwrap();
        assert_eq!(names["operator"].as_str(), "demo.onrecord.example/operator");
        for record in &story.records {
            assert!(EventType::from_name(&record.event_type).is_some(), "{}", record.label);
            for file in &record.files {
                assert!(FILES.iter().any(|(name, _)| name == file), "{file}");
            }
        }
    }
}
