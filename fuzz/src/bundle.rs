//! Entry bundles.

use onrecord_verify::log::{decode_bundle, encode_bundle};

use super::is_short;

/// The first byte is the width, less one. A bundle is written as the bytes that it was read from, and is read with that width
/// alone.
pub fn holds(bytes: &[u8]) -> bool {
    let Some((width, bytes)) = bytes.split_first() else { return false };
    let width = u16::from(*width) + 1;
    let entries = match decode_bundle(bytes, width) {
        Ok(entries) => entries,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert_eq!(entries.len(), usize::from(width));
    assert_eq!(encode_bundle(&entries).unwrap(), bytes);
    assert!(decode_bundle(bytes, width - 1).is_err() && decode_bundle(bytes, width + 1).is_err());
    true
}
