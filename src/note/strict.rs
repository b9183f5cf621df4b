//! The one Ed25519 verdict this project knows (formats.md, section 3).
//!
//! A and R must be canonical encodings of points that are not of small order, S must be below L, and the
//! cofactorless equation must hold. The library's `verify_strict` decodes R to look at its order. That takes a
//! tenth of the whole, and is not needed: its `verify` accepts only an R whose bytes are the encoding of the
//! point that the equation gives, so R is canonical and decodes, and it is of small order if and only if its
//! bytes are one of eight. `tests/ed25519_strict.rs` holds both to the same verdict.
//!
//! Batch verification is never used: it accepts signatures that this refuses.

use std::sync::{Mutex, PoisonError};

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// Whether `key` signed `message`, by the strict rules.
pub fn verify_strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Some(r) = signature.first_chunk::<32>() else { return false };
    // A small-order R has another encoding than the eight only if that is not canonical; the equation's never is.
    !is_small_order(r)
        && strict_key(key).is_some_and(|k| k.verify(message, &Signature::from_bytes(signature)).is_ok())
}

/// Keys that can sign and were asked about lately, so that a busy author's point is decoded once. A key has one
/// place, and the next that falls on it takes it: 4,096 keys, about 1 MB.
static KEYS: [Mutex<Option<VerifyingKey>>; 1 << 12] = [const { Mutex::new(None) }; 1 << 12];

/// The key's point, unless it is not canonical, no point, or of small order.
fn strict_key(key: &[u8; 32]) -> Option<VerifyingKey> {
    let place = usize::from(u16::from_le_bytes([key[0], key[1]])) % KEYS.len();
    let lock = || KEYS[place].lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().filter(|k| k.as_bytes() == key) {
        return Some(known);
    }
    if !is_canonical(key) {
        return None;
    }
    let point = VerifyingKey::from_bytes(key).ok().filter(|k| !k.is_weak())?;
    *lock() = Some(point);
    Some(point)
}

/// Whether these bytes are the canonical encoding of one of the eight points of small order.
fn is_small_order(point: &[u8; 32]) -> bool {
    // Their five y; with either sign where x is not zero. With a sign where it is zero, no point is encoded
    // canonically, and refusing that here too is right.
    const Y: [[u8; 32]; 5] = [
        y_of(0, 0, 0),
        y_of(1, 0, 0),
        y_of(0xec, 0xff, 0x7f),
        *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
        *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
    ];
    let mut y = *point;
    y[31] &= 0x7f;
    Y.contains(&y)
}

/// 32 bytes: the first, the same thirty times, the last.
const fn y_of(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut y = [middle; 32];
    y[0] = first;
    y[31] = last;
    y
}

/// Whether the key is a point of the prime-order subgroup. Asked when a key is added, never later.
pub fn is_torsion_free(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|k| k.to_edwards().is_torsion_free())
}

/// Whether an encoding of a point is the canonical one: y below 2^255-19, and no "negative zero".
fn is_canonical(point: &[u8; 32]) -> bool {
    const P: [u8; 32] = y_of(0xed, 0xff, 0x7f);
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

    // Nobody can make a signature for most keys that are not canonical, so that they are refused is seen
    // only here. tests/ed25519_speccheck.rs holds the cases that can be made.
    #[test]
    fn a_canonical_encoding_is_below_p_and_no_negative_zero() {
        for above in 0..19 {
            assert!(!is_canonical(&y_of(0xed + above, 0xff, 0x7f)), "p + {above}");
            assert!(!is_canonical(&y_of(0xed + above, 0xff, 0xff)), "p + {above}, negative");
        }
        assert!(is_canonical(&y_of(0xec, 0xff, 0x7f)), "p - 1");
        assert!(!is_canonical(&y_of(0xec, 0xff, 0xff)), "p - 1, negative");
        assert!(is_canonical(&y_of(0xeb, 0xff, 0xff)), "p - 2, negative");
        assert!(is_canonical(&y_of(0xed, 0xff, 0x7e)), "p with a smaller last byte");
        assert!(is_canonical(&y_of(1, 0, 0)) && !is_canonical(&y_of(1, 0, 0x80)), "1");
        assert!(is_canonical(&y_of(0, 0, 0)) && is_canonical(&y_of(0, 0, 0x80)), "0");
        assert!(is_canonical(&y_of(2, 0, 0x80)), "2, negative");
    }
}
