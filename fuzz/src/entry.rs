//! Entries.

use onrecord_verify::{
    event::Digest,
    log::{Entry, MAX_ENTRY, MAX_INDEX, leaf_hash},
};

use super::{
    honest::{self, ENTRIES, KNOWN, ORIGIN},
    is_short, resigned,
};

/// An entry prints to the bytes that it was read from, and gets the same verdict among others as alone. Signed anew and put
/// behind the last entry of an honest log, it reaches the auditor, which passes it or says why not.
pub fn holds(bytes: &[u8]) -> bool {
    let entry = match Entry::parse(bytes, &ORIGIN) {
        Ok(entry) => entry,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert_eq!(entry.header().entry(entry.event()).as_bytes(), bytes);
    assert_eq!(entry.hash(), Digest::blake3(bytes));
    let header = entry.header();
    assert!(bytes.len() <= MAX_ENTRY && header.index <= MAX_INDEX && header.k <= MAX_INDEX);
    assert_eq!(header.signers.len(), entry.event().by().len());
    let among = Entry::parse_and_verify([ENTRIES[0].as_bytes(), bytes, b"no entry"], &ORIGIN);
    assert!(among[0].is_ok() && among[2].is_err());
    let alone = entry.clone().verify();
    assert_eq!(among[1].as_ref().err(), alone.as_ref().err());
    if let Some(event) = resigned::event(entry.event(), &ORIGIN) {
        let mut header = header.clone();
        header.index = ENTRIES.len() as u64;
        header.prev = KNOWN.prev;
        header.time = header.time.max(KNOWN.time);
        let raw = header.entry(&event);
        let Ok(entry) = Entry::parse(raw.as_bytes(), &ORIGIN) else {
            assert!(raw.len() > MAX_ENTRY, "an entry that was read, with other numbers");
            return true;
        };
        let mut auditor = honest::auditor();
        if let Err(e) = auditor.push(&entry.verify().unwrap(), leaf_hash(raw.as_bytes())) {
            is_short(&e);
        }
    }
    true
}
