//! A log's request to a witness: the body of add-checkpoint.

use onrecord_verify::log::{AddCheckpoint, MAX_ADD_CHECKPOINT, MAX_CHECKPOINT, MAX_PATH};

use super::is_short;

/// A request prints to the bytes that it was read from, and keeps the limits of what a witness reads.
pub fn holds(bytes: &[u8]) -> bool {
    let request = match AddCheckpoint::parse(bytes) {
        Ok(request) => request,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert_eq!(request.to_string().as_bytes(), bytes);
    assert!(bytes.len() <= MAX_ADD_CHECKPOINT && request.proof().len() <= MAX_PATH);
    let note = request.checkpoint();
    assert!(note.as_bytes().len() <= MAX_CHECKPOINT);
    assert_eq!(note.text().lines().next().unwrap_or_default(), request.origin());
    assert_eq!(
        AddCheckpoint::new(request.old(), request.proof().to_vec(), note.clone()).as_ref(),
        Ok(&request)
    );
    true
}
