//! Records `examples/story/story.json` on a ledger that holds only its entry 0.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::collections::HashMap;

use onrecord::{
    event::{At, Content, ContentRef, Digest, Draft, EventId, EventType, FileRef},
    ledger::{Ledger, Submission},
    note::SigningKey,
};
use serde_json::{Map, Value};
use sha2::Digest as _;

use crate::support::{ORIGIN, object, operator};

/// The ids of the story's events, by their labels.
pub type Ids = HashMap<String, EventId>;

pub fn tell(ledger: &Ledger) -> Ids {
    tell_step_by_step(ledger, |_| ())
}

/// As [`tell`]; `recorded` is given the label of each event once it is on record.
pub fn tell_step_by_step(ledger: &Ledger, mut recorded: impl FnMut(&str)) -> Ids {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/story");
    let story: Value =
        serde_json::from_slice(&std::fs::read(format!("{folder}/story.json")).unwrap()).unwrap();
    let keys = keys(&story);
    let mut ids = Ids::new();
    let mut sealed: HashMap<EventId, Vec<u8>> = HashMap::new();
    for record in story["records"].as_array().unwrap() {
        let text = |name: &str| record[name].as_str().unwrap();
        let map = |name: &str| match resolve(&record[name], &ids, &keys) {
            Value::Null => Map::new(),
            value => object(value),
        };
        let files: Vec<FileRef> = record["files"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|name| {
                let name = name.as_str().unwrap();
                let bytes = std::fs::read(format!("{folder}/files/{name}")).unwrap();
                let blake3 = Digest::blake3(&bytes);
                let mut upload = ledger.upload(blake3, [127, 0, 0, 1].into()).unwrap();
                upload.write(&bytes).unwrap();
                upload.finish().unwrap();
                let sha256 = Digest(sha2::Sha256::digest(&bytes).into());
                let media = if name.ends_with(".txt") { "text/plain" } else { "application/octet-stream" };
                FileRef { name: name.into(), blake3, sha256, size: bytes.len() as u64, media: media.into() }
            })
            .collect();
        let words = record.get("words").map(|w| Content::seal(object(w.clone()), &files, &[7; 16]));
        let draft = Draft {
            event_type: EventType::from_name(text("type")).unwrap(),
            at: At::parse(text("at")).unwrap(),
            case: record["case"].as_str().map(|label| ids[&label[1..]]),
            refs: map("refs"),
            facts: map("facts"),
            content: words.as_deref().map(ContentRef::of),
        };
        let by: Vec<&SigningKey> =
            record["by"].as_array().unwrap().iter().map(|l| &keys[l.as_str().unwrap()]).collect();
        let event = draft.sign(ledger.reader().origin(), &by).unwrap();
        let mut submission = Submission::new(event.note().as_bytes().to_vec(), words.clone());
        if draft.event_type == EventType::ContentReleased {
            submission.restored = event.role("entry").and_then(|id| sealed.get(&id).cloned());
        }
        sealed.extend(words.map(|w| (event.id(), w)));
        let label = text("label").to_owned();
        let answer = ledger.record_blocking(vec![submission], false).remove(0);
        let id = answer.unwrap_or_else(|refusal| panic!("{label}: {refusal}")).id;
        recorded(&label);
        ids.insert(label, id);
    }
    ids
}

/// The key that a label of the story names.
pub fn key_of(label: &str) -> SigningKey {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/story/story.json");
    let story: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    keys(&story).remove(label).unwrap()
}

fn keys(story: &Value) -> HashMap<String, SigningKey> {
    let mut keys = HashMap::new();
    for (i, (label, name)) in story["keys"].as_object().unwrap().iter().enumerate() {
        let name = name.as_str().unwrap().replace("{origin}", ORIGIN);
        let seed = [100 + u8::try_from(i).unwrap(); 32];
        let key = match label.as_str() {
            "operator" => operator(),
            _ => SigningKey::from_seed(name.parse().unwrap(), &seed),
        };
        keys.insert(label.clone(), key);
    }
    keys
}

fn resolve(value: &Value, ids: &Ids, keys: &HashMap<String, SigningKey>) -> Value {
    match value {
        Value::String(s) => match s.strip_prefix('$') {
            None => value.clone(),
            Some(label) => match label.strip_prefix("key:") {
                Some(key) => keys[key].verifying_key().to_string().into(),
                None => ids[label].to_string().into(),
            },
        },
        Value::Array(list) => list.iter().map(|v| resolve(v, ids, keys)).collect(),
        Value::Object(map) => {
            map.iter().map(|(k, v)| (k.clone(), resolve(v, ids, keys))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
