//! What is said in a small ledger, signed by keys from seeds: a recorder, an agency, a case.
//!
//! The module that includes this file has the type that a signed event becomes: `Submission`, made of a note and its words.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use onrecord_verify::{
    event::{At, Content, ContentRef, Draft, EventId, EventType, FileRef},
    note::{Origin, SigningKey},
};
use serde_json::{Map, Value, json};

use super::Submission;

pub const ORIGIN: &str = "ledger.example.org";

pub fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

pub fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), &[seed; 32])
}

pub fn operator() -> SigningKey {
    key("ledger.example.org/operator", 2)
}

pub fn desk() -> SigningKey {
    key("newsroom.example/desk", 3)
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        _ => panic!("not an object"),
    }
}

/// An event to be said, in the order: type, at, case, refs, facts, words.
pub struct Say<'a> {
    pub event_type: &'a str,
    pub case: Option<EventId>,
    pub refs: Value,
    pub facts: Value,
    pub words: Option<Value>,
    pub files: &'a [FileRef],
}

impl Say<'_> {
    pub fn sign(&self, keys: &[&SigningKey]) -> (EventId, Submission) {
        self.sign_at("2023-12-15", keys)
    }

    /// As `sign`, for what happened at another time.
    pub fn sign_at(&self, at: &str, keys: &[&SigningKey]) -> (EventId, Submission) {
        let content = self.words.as_ref().map(|w| {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).unwrap();
            Content::seal(object(w.clone()), self.files, &salt)
        });
        let draft = Draft {
            event_type: EventType::from_name(self.event_type).unwrap(),
            at: At::parse(at).unwrap(),
            case: self.case,
            refs: object(self.refs.clone()),
            facts: object(self.facts.clone()),
            content: content.as_deref().map(ContentRef::of),
        };
        let event = draft.sign(&origin(), keys).unwrap();
        (event.id(), Submission::new(event.note().as_bytes().to_vec(), content))
    }
}

pub fn statement_facts() -> Value {
    json!({"standing": "official", "language": "ms"})
}

pub fn say<'a>(
    event_type: &'a str,
    case: Option<EventId>,
    refs: Value,
    facts: Value,
    words: Option<Value>,
) -> Say<'a> {
    Say { event_type, case, refs, facts, words, files: &[] }
}

/// What the small ledger holds.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    pub desk: EventId,
    pub agency: EventId,
    pub case: EventId,
}

/// The small story, and what is said in it.
pub fn told() -> (Story, Vec<Submission>) {
    let (op, desk_key) = (operator(), desk());
    let keys = json!({"kind": "publisher", "keys": [desk_key.verifying_key().to_string()]});
    let (desk, a) = say("party.registered", None, Value::Null, keys, Some(json!({"name": "Meja"})))
        .sign(&[&op, &desk_key]);
    let (_, b) =
        say("role.granted", None, json!({"party": desk}), json!({"role": "recorder"}), None).sign(&[&op]);
    let (agency, c) = say(
        "party.registered",
        None,
        Value::Null,
        json!({"kind": "agency"}),
        Some(json!({"name": "Agensi"})),
    )
    .sign(&[&op]);
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let (case, d) =
        say("case.opened", None, json!({"respondent": agency}), facts, Some(json!({"title": "Kejadian"})))
            .sign(&[&desk_key]);
    (Story { desk, agency, case }, vec![a, b, c, d])
}

/// A statement by the agency, recorded by the desk. Each has another text.
pub fn statement(story: &Story, text: &str) -> (EventId, Submission) {
    say(
        "statement.made",
        Some(story.case),
        json!({"speaker": story.agency}),
        statement_facts(),
        Some(json!({"text": text})),
    )
    .sign(&[&desk()])
}
