//! Events, entries and refusals of the vectors made by an independent program (`tests/vectors/v1.json`).

use onrecord_verify::{
    event::{Code, Content, Digest, Event, Refusal},
    log::{Door, Entry, MemoryRows, decide},
    note::{Origin, SigningKey, base64_decode},
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/v1.json")).unwrap()
}

fn text<'a>(v: &'a Value, name: &str) -> &'a str {
    v[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

fn origin(v: &Value) -> Origin {
    text(v, "origin").parse().unwrap()
}

/// The door, with the words of the event, and as if every file of the vectors was uploaded.
struct Words<'a> {
    event: &'a Event,
    content: Option<&'a [u8]>,
}

impl Door for Words<'_> {
    fn blobs(&self) -> Result<(), Refusal> {
        let Some(committed) = self.event.content() else { return Ok(()) };
        let Some(bytes) = self.content else {
            return Err(Refusal::because(Code::ContentMissing, "content", "none"));
        };
        if !committed.matches(bytes) {
            return Err(Refusal::because(Code::ContentDigest, "content", "other"));
        }
        Content::parse(bytes).map(|_| ())
    }
    fn refuses_torsion(&self) -> bool {
        true
    }
}

/// The rows after all entries, each decided anew and compared with what the other program wrote.
fn replay(v: &Value) -> MemoryRows {
    let mut rows = MemoryRows::default();
    let mut prev = Digest([0; 32]);
    for (i, e) in (0..).zip(v["entries"].as_array().unwrap()) {
        prev = decide_anew(&mut rows, v, i, e, prev);
    }
    rows
}

/// Decides an entry anew and gives its hash.
fn decide_anew(rows: &mut MemoryRows, v: &Value, i: u64, e: &Value, prev: Digest) -> Digest {
    let origin = origin(v);
    let raw = text(e, "text");
    let event = Event::parse(text(e, "note").as_bytes(), &origin).unwrap().verify().unwrap();
    assert_eq!(event.id().to_string(), text(e, "event_id"), "entry {i}");

    let entry = Entry::parse(raw.as_bytes(), &origin).unwrap();
    assert_eq!(entry.hash().to_string(), text(e, "blake3"), "entry {i}");
    assert_eq!(entry.header().index, i);
    assert_eq!(entry.header().prev, prev);
    assert_eq!(entry.event().note().as_str(), text(e, "note"));
    assert_eq!(entry.header().entry(entry.event()), raw, "entry {i} prints as it was read");

    let words = Words { event: &event, content: e["content"].as_str().map(str::as_bytes) };
    let placement = decide(&*rows, i, &event, &origin, &words).unwrap_or_else(|r| panic!("entry {i}: {r}"));
    let header = entry.header();
    assert_eq!((placement.thread, placement.k), (header.thread, header.k), "thread of entry {i}");
    assert_eq!(placement.signers, header.signers, "signers of entry {i}");
    rows.put(placement.rows);
    entry.hash()
}

/// The door refuses such evidence today. That binds no entry on record: ledgers of earlier versions have it.
#[test]
fn evidence_that_the_addressees_key_did_not_sign_is_valid_on_record() {
    let v = vectors();
    let mut rows = replay(&v);
    let mut prev = text(&v["entries"][27], "blake3").parse().unwrap();
    let later = v["later"]["entries"].as_array().unwrap();
    for (i, e) in (28..).zip(later) {
        prev = decide_anew(&mut rows, &v, i, e, prev);
    }
    let vouched = |e: &Value, by: &str| text(e, "note").contains(&format!("\"vouched_by\":\"{by}\""));
    assert!(vouched(&later[0], "addressee_key") && !text(&later[0], "note").contains("agency.example"));
}

#[test]
fn ids_hashes_threads_and_signer_lines_are_those_of_the_vectors() {
    assert_eq!(vectors()["entries"].as_array().unwrap().len(), 28);
    replay(&vectors());
}

#[test]
fn every_refused_submission_is_refused_with_its_code_and_changes_nothing() {
    let v = vectors();
    let (origin, rows) = (origin(&v), replay(&v));
    let refused = v["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 119);
    for (i, r) in refused.iter().enumerate() {
        let why = text(r, "why");
        let note = base64_decode(text(r, "note_b64")).unwrap();
        let content = r["content_b64"].as_str().map(|c| base64_decode(c).unwrap());
        let refusal = Event::parse(&note, &origin)
            .and_then(Event::verify)
            .and_then(|event| {
                let words = Words { event: &event, content: content.as_deref() };
                decide(&rows, 28, &event, &origin, &words).map(|_| ())
            })
            .expect_err(why);
        assert_eq!(refusal.code.as_str(), text(r, "code"), "{i}, {why}: {refusal}");
        assert!(!refusal.place.is_empty() && !refusal.message.is_empty(), "{i}: {refusal}");
        if refusal.code == Code::CheckFailed {
            let check = why.split(':').next().unwrap();
            assert_eq!(refusal.place, check, "{i}, {why}");
        }
    }
}

#[test]
fn keys_of_the_vectors_come_out_of_their_seeds() {
    let v = vectors();
    for (label, key) in v["keys"].as_object().unwrap() {
        if label == "witness" {
            continue; // Its vkey is of type 0x04.
        }
        let seed: Vec<u8> = (0..64)
            .step_by(2)
            .map(|i| u8::from_str_radix(&text(key, "seed_hex")[i..i + 2], 16).unwrap())
            .collect();
        let key_ = SigningKey::from_seed(text(key, "name").parse().unwrap(), &seed.try_into().unwrap());
        assert_eq!(key_.verifying_key().to_string(), text(key, "vkey"));
    }
}
