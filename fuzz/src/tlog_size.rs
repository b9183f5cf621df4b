//! A witness's answer with status 409: a tree size.

use onrecord_verify::log::read_size;

/// A size has one form, with or without its newline.
pub fn holds(bytes: &[u8]) -> bool {
    let Some(size) = read_size(bytes) else { return false };
    let text = size.to_string();
    assert!(bytes == text.as_bytes() || bytes == format!("{text}\n").as_bytes());
    true
}
