//! Merkle tree hashing (RFC 6962, section 2.1, with SHA-256).

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

use crate::note::{base64_decode, base64_encode};

/// The hash of a leaf, of a node, or of a whole tree: 32 bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of the tree without entries: SHA-256 of nothing (RFC 6962, section 2.1).
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// Padded base64, 44 characters, as checkpoints and proofs print it.
    pub fn to_base64(&self) -> String {
        base64_encode(&self.0)
    }

    /// Reads [`to_base64`](Self::to_base64); `None` unless the text is canonical base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        base64_decode(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.to_hex())
    }
}

/// The hash of a leaf: SHA-256(0x00 || entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into())
}

/// The hash of a node: SHA-256(0x01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([0x01]).chain_update(left.0).chain_update(right.0).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(Hash::EMPTY_ROOT.0, <[u8; 32]>::from(Sha256::digest([])));
    }

    // From the reference vectors of RFC 6962 implementations: the leaf of an empty entry.
    #[test]
    fn leaves_and_nodes_are_hashed_apart() {
        let leaf = leaf_hash(b"");
        assert_eq!(leaf.to_hex(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let mut both = leaf.0.to_vec();
        both.extend_from_slice(&leaf.0);
        assert_ne!(node_hash(&leaf, &leaf), leaf_hash(&both));
    }

    #[test]
    fn base64_reads_back_and_has_one_form() {
        let hash = leaf_hash(b"x");
        let text = hash.to_base64();
        assert_eq!(Hash::from_base64(&text), Some(hash));
        for bad in ["", &text[..43], &text[1..], &format!("{text}\n"), "AAAA"] {
            assert_eq!(Hash::from_base64(bad), None, "{bad:?}");
        }
    }
}
