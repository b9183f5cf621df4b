//! Content tiles.

use onrecord_verify::{
    event::MAX_CONTENT,
    log::{Words, decode_contents, encode_contents},
};

use super::is_short;

/// The first byte is the width, less one. A content tile is written as the bytes that it was read from, is read with that
/// width alone, and holds no words longer than a blob may be.
pub fn holds(bytes: &[u8]) -> bool {
    let Some((width, bytes)) = bytes.split_first() else { return false };
    let width = u16::from(*width) + 1;
    let words = match decode_contents(bytes, width) {
        Ok(words) => words,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert_eq!(words.len(), usize::from(width));
    assert!(
        words
            .iter()
            .all(|w| !matches!(w, Words::Present(blob) if blob.is_empty() || blob.len() > MAX_CONTENT))
    );
    assert_eq!(encode_contents(&words).unwrap(), bytes);
    assert!(decode_contents(bytes, width - 1).is_err() && decode_contents(bytes, width + 1).is_err());
    true
}
