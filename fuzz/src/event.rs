//! Events.

use onrecord_verify::{
    event::{Digest, Event, MARKER, MAX_BY, MAX_EVENT},
    log::{Entry, Header, NoDoor, Rows as _, decide, leaf_hash},
    note::{SignedNote, SigningKey},
};
use serde_json::Value;

use super::{
    honest::{self, ENTRIES, KNOWN, ORIGIN},
    is_short, resigned,
};

/// Bytes that begin with a brace are line 3 alone; any others are the whole note.
///
/// An event keeps the bytes that it was read from, its id is the digest of its text, and any reader of JSON finds the same in
/// line 3. Signed anew by its signers it verifies, and with no other signatures. Then the rules decide on it, behind the last
/// entry of an honest log, and what they allow an auditor passes too.
pub fn holds(bytes: &[u8]) -> bool {
    let wrapped;
    let bytes = if bytes.starts_with(b"{") {
        let Some(note) = signed_line(bytes) else { return false };
        wrapped = note;
        wrapped.as_bytes()
    } else {
        bytes
    };
    let event = match Event::parse(bytes, &ORIGIN) {
        Ok(event) => event,
        Err(refusal) => {
            is_short(&refusal);
            return false;
        }
    };
    assert_eq!(event.note().as_bytes(), bytes);
    assert!(bytes.len() <= MAX_EVENT && (1..=MAX_BY).contains(&event.by().len()));
    assert_eq!(event.id().0, Digest::blake3(event.note().text().as_bytes()).0);
    reads_one_way(event.line());
    let as_it_came = event.clone().verify();
    if let Some(anew) = resigned::event(&event, &ORIGIN) {
        assert_eq!(anew.id(), event.id());
        // Ed25519 gives one signature for a key and a text.
        assert_eq!(as_it_came.is_ok(), anew.note() == event.note(), "signed by others than its signers");
        decided(anew);
    } else if let Err(refusal) = as_it_came {
        is_short(&refusal);
    }
    true
}

/// No two parsers read line 3 differently: with no white space, escapes or repeated names, JSON that is written again has
/// the same bytes, but for the order of its members.
fn reads_one_way(line: &str) {
    let value: Value = serde_json::from_str(line).unwrap();
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    assert_eq!(sorted(&value.to_string()), sorted(line));
}

/// Line 3 as a note, signed by every known key that it names, in that order.
fn signed_line(line: &[u8]) -> Option<SignedNote> {
    let line = std::str::from_utf8(line).ok()?;
    let mut named: Vec<(usize, &SigningKey)> = honest::SIGNERS
        .values()
        .filter_map(|key| Some((line.find(&key.verifying_key().to_string())?, key)))
        .collect();
    named.sort_by_key(|(at, _)| *at);
    let keys: Vec<&SigningKey> = named.into_iter().map(|(_, key)| key).collect();
    let text = format!("{MARKER}\n{}\n{}\n", *ORIGIN, line.trim_end_matches('\n'));
    SignedNote::sign(&text, &keys).ok()
}

/// Asks the rules. If they allow the event, the entry that a ledger would make of it must pass an auditor.
fn decided(event: Event) {
    let event = event.verify().unwrap();
    let (known, index) = (&*KNOWN, ENTRIES.len() as u64);
    let placement = match decide(&known.rows, index, &event, &ORIGIN, &NoDoor) {
        Ok(placement) => placement,
        Err(refusal) => return is_short(&refusal),
    };
    assert_eq!(placement.signers.len(), event.by().len());
    let header = Header {
        index,
        time: known.time,
        prev: known.prev,
        thread: placement.thread,
        k: placement.k,
        signers: placement.signers,
    };
    let raw = header.entry(&event);
    let entry = Entry::parse(raw.as_bytes(), &ORIGIN).unwrap();
    assert_eq!(entry.header(), &header);
    let entry = entry.verify().unwrap();
    let mut auditor = honest::auditor();
    let passed = auditor.push(&entry, leaf_hash(raw.as_bytes()));
    // Only if the event is on record already does the auditor refuse it: the sequencer checks that before it asks the rules.
    assert_eq!(passed.is_err(), known.rows.event(&event.id()).is_some(), "{passed:?}");
}
