//! A witness's answer with status 200: signature lines.

use onrecord_verify::{
    log::{Checkpoint, MAX_COSIGNATURES, WitnessKey, cosign, read_cosignature},
    note::SignedNote,
};

use super::{
    honest::{CHECKPOINTS, WITNESS},
    is_short,
};

/// A cosignature that is found is the witness's own, on the checkpoint that it was asked to cosign, and has a time. If there
/// is a good line in the answer, one is found, with that line's time or a later one.
pub fn holds(bytes: &[u8]) -> bool {
    let witness = WitnessKey::from(WITNESS.verifying_key());
    let asked = CHECKPOINTS[28].note();
    // Without the cosignature that stands below it, as only the answer counts.
    let asked = SignedNote::assemble(asked.text(), &asked.signatures()[..1]).unwrap();
    let read = match read_cosignature(&asked, bytes, &witness) {
        Ok(found) => {
            assert!(found.time() > 0);
            let below = asked.with_signatures(&[found.line().clone()]).unwrap();
            assert_eq!(witness.verify(&below), Ok(found.time()));
            true
        }
        Err(e) => {
            is_short(&e);
            false
        }
    };
    // A good line is put below the others. Its time is the last eight bytes of the input.
    let Some(time) = bytes.last_chunk().map(|time| u64::from_be_bytes(*time)) else { return read };
    let checkpoint = Checkpoint::parse_text(asked.text()).unwrap();
    let Ok(line) = cosign(&checkpoint, time, &WITNESS) else { return read };
    let more = [bytes, line.to_string().as_bytes()].concat();
    let whole = SignedNote::parse(&[asked.text().as_bytes(), b"\n", &more].concat(), usize::MAX);
    let is_answer = whole.is_ok_and(|note| note.text() == asked.text()) && more.len() <= MAX_COSIGNATURES;
    match read_cosignature(&asked, &more, &witness) {
        Ok(found) => assert!(is_answer && found.time() >= time),
        Err(e) => {
            is_short(&e);
            assert!(!is_answer || time == 0, "a good line that is not found");
        }
    }
    read
}
