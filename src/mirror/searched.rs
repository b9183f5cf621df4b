//! For which refused entry a mirror has looked for a contradiction, so that it does not look again.

use serde::{Deserialize, Serialize};

use crate::log::leaf_hash;

/// For which refused entry a mirror has looked for a contradiction, so that it does not look again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Searched {
    entry: u64,
    /// The entry's leaf hash.
    leaf: String,
    /// Whether there is one. The entry was held against all that stand before it.
    pub found: bool,
    /// The version of the program that looked. Another may know more ways in which entries contradict each other.
    by: String,
}

impl Searched {
    pub fn of(entry: u64, raw: &[u8], found: bool) -> Self {
        let by = env!("CARGO_PKG_VERSION").to_owned();
        Self { entry, leaf: leaf_hash(raw).to_hex(), found, by }
    }

    /// As it was written. A file that can't be read is as good as none: then the search is made again.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The same entry, by the same program.
    pub fn is_of(&self, entry: u64, raw: &[u8]) -> bool {
        *self == Self::of(entry, raw, self.found)
    }
}
