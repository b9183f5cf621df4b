//! Checkpoints.

use onrecord_verify::{
    log::{Checkpoint, MAX_CHECKPOINT, MAX_SIZE},
    note::SignedNote,
};

use super::{honest::LOG, is_short, resigned};

/// A checkpoint prints to the text that it was read from. A signature counts only by a key that has the log's own name.
pub fn holds(bytes: &[u8]) -> bool {
    let opened = Checkpoint::open(bytes, LOG.verifying_key());
    match &opened {
        Ok(signed) => {
            assert_eq!(signed.note().as_bytes(), bytes);
            assert_eq!(signed.checkpoint().text(), signed.note().text());
            assert!(bytes.len() <= MAX_CHECKPOINT);
        }
        Err(e) => is_short(e),
    }
    let Some(text) = resigned::text_of(bytes) else { return false };
    let checkpoint = match Checkpoint::parse_text(text) {
        Ok(checkpoint) => checkpoint,
        Err(e) => {
            is_short(&e);
            // A text that is no checkpoint does not become one by the log's signature.
            let signed = SignedNote::sign(text, &[&LOG]);
            assert!(
                signed.is_err() || Checkpoint::open(signed.unwrap().as_bytes(), LOG.verifying_key()).is_err()
            );
            return opened.is_ok();
        }
    };
    assert_eq!(checkpoint.text(), text);
    assert!(checkpoint.size() <= MAX_SIZE);
    match checkpoint.clone().sign(&LOG) {
        Ok(signed) => {
            assert_eq!(Checkpoint::open(signed.note().as_bytes(), LOG.verifying_key()).as_ref(), Ok(&signed));
            assert_eq!(signed.checkpoint(), &checkpoint);
        }
        Err(e) => {
            is_short(&e);
            assert_ne!(checkpoint.origin().as_str(), LOG.verifying_key().name().as_str());
        }
    }
    true
}
