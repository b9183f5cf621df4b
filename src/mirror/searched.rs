//! The refused entry for which a mirror has looked for a contradiction, so that it does not look again.

use serde::{Deserialize, Serialize};

use crate::log::leaf_hash;

/// One search for a contradiction with a refused entry, as it is kept on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Searched {
    entry: u64,
    /// The entry's leaf hash.
    leaf: String,
    /// Whether a contradiction was found. The entry was compared with all entries before it.
    pub found: bool,
    /// The version of the program that looked. Another may know more ways in which entries contradict each other.
    by: String,
}

impl Searched {
    pub fn of(entry: u64, raw: &[u8], found: bool) -> Self {
        let by = env!("CARGO_PKG_VERSION").to_owned();
        Self { entry, leaf: leaf_hash(raw).to_hex(), found, by }
    }

    /// Reads what was written. `None` if it can't be parsed: then the search is made again.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether this search was made for the same entry, by the same version of the program.
    pub fn is_of(&self, entry: u64, raw: &[u8]) -> bool {
        *self == Self::of(entry, raw, self.found)
    }
}
