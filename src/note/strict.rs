//! The one Ed25519 verdict this project knows (formats.md, section 3).
//!
//! A and R must be canonical encodings of points that are not of small order, S must be below L, and the
//! cofactorless equation must hold. `verify_strict` checks most of that; it reads some encodings of A that
//! are not canonical, so the bytes of both points are looked at here first. Batch verification is never
//! used: it accepts signatures that this refuses.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `key` signed `message`, by the strict rules.
pub fn verify_strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Some(r) = signature.first_chunk::<32>() else { return false };
    if !is_canonical(key) || !is_canonical(r) {
        return false;
    }
    let Ok(key) = VerifyingKey::from_bytes(key) else { return false };
    key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
}

/// Whether the key is a point of the prime-order subgroup. Asked when a key is added, never later.
pub fn is_torsion_free(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|k| k.to_edwards().is_torsion_free())
}

/// Whether an encoding of a point is the canonical one: y below 2^255-19, and no "negative zero".
fn is_canonical(point: &[u8; 32]) -> bool {
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        p
    };
    let mut y = *point;
    y[31] &= 0x7f;
    // Both numbers are little-endian.
    if y.iter().rev().cmp(P.iter().rev()) != std::cmp::Ordering::Less {
        return false;
    }
    // x is zero for y = 1 and y = -1 only, and zero has no sign.
    let negative = point[31] & 0x80 != 0;
    let one = y[0] == 1 && y[1..].iter().all(|b| *b == 0);
    let minus_one = y[0] == 0xec && y[1..31].iter().all(|b| *b == 0xff) && y[31] == 0x7f;
    !(negative && (one || minus_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    }

    // Nobody can make a signature for most keys that are not canonical, so that they are refused is seen
    // only here. tests/ed25519_speccheck.rs holds the cases that can be made.
    #[test]
    fn a_canonical_encoding_is_below_p_and_no_negative_zero() {
        for above in 0..19 {
            assert!(!is_canonical(&encoding(0xed + above, 0xff, 0x7f)), "p + {above}");
            assert!(!is_canonical(&encoding(0xed + above, 0xff, 0xff)), "p + {above}, negative");
        }
        assert!(is_canonical(&encoding(0xec, 0xff, 0x7f)), "p - 1");
        assert!(!is_canonical(&encoding(0xec, 0xff, 0xff)), "p - 1, negative");
        assert!(is_canonical(&encoding(0xeb, 0xff, 0xff)), "p - 2, negative");
        assert!(is_canonical(&encoding(0xed, 0xff, 0x7e)), "p with a smaller last byte");
        assert!(is_canonical(&encoding(1, 0, 0)) && !is_canonical(&encoding(1, 0, 0x80)), "1");
        assert!(is_canonical(&encoding(0, 0, 0)) && is_canonical(&encoding(0, 0, 0x80)), "0");
        assert!(is_canonical(&encoding(2, 0, 0x80)), "2, negative");
    }
}
