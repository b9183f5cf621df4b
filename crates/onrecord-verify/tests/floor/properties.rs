//! Events, entries and words under arbitrary bytes: what is read prints as it was, and nothing panics.

use crate::support::*;
use onrecord_verify::{
    event::{At, Content, Day, Event, EventType, json_schema},
    log::{Entry, EntryError, Header, Time},
    note::{SignedNote, VerifyingKey},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/v1.json")).unwrap()
}

fn entries() -> Vec<String> {
    let v = vectors();
    v["entries"].as_array().unwrap().iter().map(|e| e["text"].as_str().unwrap().to_owned()).collect()
}

/// A change to some bytes: one replaced, removed or put in, or a piece repeated.
fn mutate(bytes: &[u8], at: usize, kind: u8, byte: u8) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let at = at % out.len();
    match kind % 4 {
        0 => out[at] = byte,
        1 => drop(out.remove(at)),
        2 => out.insert(at, byte),
        _ => {
            let to = (at + usize::from(byte)).min(out.len());
            let piece = out[at..to].to_vec();
            out.splice(at..at, piece);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Event::parse(&bytes, &origin());
        let _ = Entry::parse(&bytes, &origin());
        let _ = Content::parse(&bytes);
        let _ = SignedNote::parse(&bytes, 1_000);
    }

    #[test]
    fn arbitrary_text_is_read_without_panic(text in "\\PC{0,60}") {
        let _ = text.parse::<VerifyingKey>();
        let _ = At::parse(&text);
        let _ = Day::parse(&text);
        let _ = Time::parse(&text);
    }

    #[test]
    fn a_changed_entry_is_refused_or_says_the_same_in_other_signatures(
        which in 0usize..28, at: usize, kind: u8, byte: u8,
    ) {
        let originals = entries();
        let original = originals[which].as_bytes();
        let changed = mutate(original, at, kind, byte);
        prop_assume!(changed != original);
        let Ok(entry) = Entry::parse(&changed, &origin()) else { return Ok(()) };
        // What parses prints as it was read: no two texts for one entry.
        prop_assert!(entry.header().entry(entry.event()).as_bytes() == changed);
        let signed_text = |e: &Entry| e.event().note().text().to_owned();
        let before = Entry::parse(original, &origin()).unwrap();
        let header_only = signed_text(&entry) == signed_text(&before)
            && entry.event().note().as_str() == before.event().note().as_str();
        match entry.verify() {
            // The header is the ledger's word and under no signature of the event; chain and rules judge it.
            Ok(_) => prop_assert!(header_only, "a changed event passed its signatures"),
            Err(e) => prop_assert!(matches!(e, EntryError::Event(_))),
        }
    }

    #[test]
    fn a_header_prints_to_what_parses_to_it(
        index in 0u64..(1 << 53), ms in -62_135_596_800_000i64..253_402_300_799_999, k in 0u64..(1 << 53),
        prev: [u8; 32], thread: [u8; 32], party: [u8; 32], j in 0u64..(1 << 53),
    ) {
        let (_, s) = say("exhibit.captured", None, Value::Null, json!({"method": "scan", "captured": "2023-12"}), Some(json!({"description": "x"})))
            .sign(&[&desk()]);
        let event = Event::parse(&s.note, &origin()).unwrap();
        let header = Header {
            index,
            time: Time::from_unix_ms(ms).unwrap(),
            prev: onrecord_verify::event::Digest(prev),
            thread: onrecord_verify::event::EventId(thread),
            k,
            signers: vec![(onrecord_verify::event::EventId(party), j)],
        };
        let text = header.entry(&event);
        let entry = Entry::parse(text.as_bytes(), &origin()).unwrap();
        prop_assert_eq!(entry.header(), &header);
    }

    #[test]
    fn a_time_prints_to_what_parses_to_it(ms in -62_135_596_800_000i64..253_402_300_799_999) {
        let time = Time::from_unix_ms(ms).unwrap();
        prop_assert_eq!(Time::parse(&time.to_string()), Some(time));
        prop_assert_eq!(time.to_string().len(), 24);
    }

    #[test]
    fn times_sort_as_their_texts(a in 0i64..253_402_300_799_999, b in 0i64..253_402_300_799_999) {
        let (a, b) = (Time::from_unix_ms(a).unwrap(), Time::from_unix_ms(b).unwrap());
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }
}

#[test]
fn every_event_of_the_vectors_fits_its_json_schema_by_shape() {
    // Checked by hand, and only for known and required members: all else is what the strict parser is for.
    for text in entries() {
        let entry = Entry::parse(text.as_bytes(), &origin()).unwrap();
        let line: Value = serde_json::from_str(entry.event().line()).unwrap();
        let schema = json_schema(EventType::from_name(line["type"].as_str().unwrap()).unwrap());
        fits(&line, &schema, "line 3");
    }
}

fn fits(value: &Value, schema: &Value, place: &str) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let object = value.as_object().unwrap();
    for name in schema["required"].as_array().unwrap() {
        assert!(object.contains_key(name.as_str().unwrap()), "{place}: {name}");
    }
    for (name, value) in object {
        assert!(properties.contains_key(name), "{place}: {name}");
        fits(value, &properties[name], name);
    }
}
