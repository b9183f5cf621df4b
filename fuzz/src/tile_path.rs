//! Paths of tiles.

use onrecord_verify::log::{TILE_WIDTH, TilePath};

use super::is_short;

/// A path prints to the text that it was read from, and names no place outside the tiles.
pub fn holds(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let path: TilePath = match text.parse() {
        Ok(path) => path,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert_eq!(path.to_string(), text);
    assert!((1..=TILE_WIDTH).contains(&path.width()) && !text.contains(".."));
    assert!(!path.is_within(0));
    assert!(!path.full().is_within(u64::MAX) || path.is_within(u64::MAX));
    true
}
