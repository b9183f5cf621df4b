//! The id of a key of any type, by which signature lines name it (`c2sp.org/signed-note`).

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The four bytes that name a key on signature lines: the head of SHA-256(name, newline, type, key).
/// Two keys of one name may share it, so it only narrows the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id of a key of the given signature type.
    pub fn of(name: &str, signature_type: u8, key: &[u8]) -> Self {
        let mut h = Sha256::new();
        h.update(name.as_bytes());
        h.update([b'\n', signature_type]);
        h.update(key);
        let d = h.finalize();
        Self([d[0], d[1], d[2], d[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A key id as it was found, for an error: cut short, and on one line whatever it is.
pub(super) fn id_found(text: &str) -> String {
    text.chars().take(16).flat_map(char::escape_debug).collect()
}
