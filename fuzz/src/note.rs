//! Signed notes.

use onrecord_verify::note::{NoteError, SignedNote};

use super::{honest::LOG, is_short};

/// A note prints to the bytes that it was read from, and is not read with a smaller limit. A signature is good for the text
/// that was signed, and for no other.
pub fn holds(bytes: &[u8]) -> bool {
    signs(bytes);
    let note = match SignedNote::parse(bytes, bytes.len()) {
        Ok(note) => note,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert_eq!(note.as_bytes(), bytes);
    assert!((1..=100).contains(&note.signatures().len()));
    assert_eq!(SignedNote::assemble(note.text(), note.signatures()).as_ref(), Ok(&note), "printed");
    let limit = bytes.len() - 1;
    assert_eq!(SignedNote::parse(bytes, limit), Err(NoteError::TooLong { limit, found: bytes.len() }));
    true
}

/// Signs the bytes as a text, if a note can hold it, and checks what verifies.
fn signs(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(note) = SignedNote::sign(text, &[&LOG]) else { return };
    let read = SignedNote::parse(note.as_bytes(), usize::MAX).unwrap();
    assert_eq!(read.text(), text);
    assert_eq!(LOG.verifying_key().verify_note(&read), Ok(()));
    let other = SignedNote::assemble(&format!("x{text}"), read.signatures()).unwrap();
    assert!(matches!(LOG.verifying_key().verify_note(&other), Err(NoteError::BadSignature { .. })));
}
