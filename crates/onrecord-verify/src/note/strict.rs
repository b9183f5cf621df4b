//! The one Ed25519 verdict this project knows (formats.md, section 3).
//!
//! A and R must be canonical encodings of points that are not of small order, S must be below L, and the
//! cofactorless equation must hold. ed25519-dalek's `verify_strict` decodes R to look at its order, and turns each
//! point into bytes by a division of its own. Together that is a fifth of the work, and neither is needed. R is
//! compared with the encoding of the point that the equation gives: if they are equal, R is canonical and decodes,
//! and it is of small order if and only if its bytes are one of eight. And one division serves many points.
//! `tests/floor/ed25519_strict.rs` checks that both give the same verdict.
//!
//! This is not batch verification. That adds up the equations, and accepts signatures that are refused here: here each
//! equation is computed and compared alone.

use std::sync::{Mutex, PoisonError};

use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha512};

/// A signature to be judged: by whom, of what.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The public key, A.
    pub key: &'a [u8; 32],
    /// The bytes that are signed.
    pub message: &'a [u8],
    /// R and S.
    pub signature: &'a [u8; 64],
}

/// Whether `key` signed `message`, by the strict rules.
pub fn verify_strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    verify_strict_each(&[Signed { key, message, signature }]) == [true]
}

/// The verdict on each of `all`, the same as that of [`verify_strict`] on each alone; faster than one by one.
pub fn verify_strict_each(all: &[Signed<'_>]) -> Vec<bool> {
    let points: Vec<Option<EdwardsPoint>> = all.iter().map(expected_r).collect();
    let there: Vec<EdwardsPoint> = points.iter().flatten().copied().collect();
    let mut encoded = EdwardsPoint::compress_batch_alloc(&there).into_iter();
    let good = |(point, s): (&Option<_>, &Signed<'_>)| {
        point.is_some() && encoded.next().is_some_and(|r| s.signature.starts_with(r.as_bytes()))
    };
    points.iter().zip(all).map(good).collect()
}

/// S·B - k·A, which R must encode; `None` if the signature is refused whatever that point is.
fn expected_r(s: &Signed<'_>) -> Option<EdwardsPoint> {
    let (r, scalar) = s.signature.split_first_chunk::<32>()?;
    // Only canonical encodings are looked for: R is compared with a canonical one later, so any other is refused there.
    if is_small_order(r) {
        return None;
    }
    let minus_a = minus_key(s.key)?;
    let scalar = Scalar::from_canonical_bytes(scalar.try_into().ok()?).into_option()?;
    let k = Sha512::new().chain_update(r).chain_update(s.key).chain_update(s.message).finalize();
    let k = Scalar::from_bytes_mod_order_wide(&k.into());
    Some(EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &minus_a, &scalar))
}

/// A key that can sign, with its point.
#[derive(Clone, Copy)]
struct Known {
    key: [u8; 32],
    minus: EdwardsPoint,
}

/// One place of the cache, for keys whose first two bytes lead to it.
struct Place {
    known: [Option<Known>; 4],
    /// Which of them is replaced next.
    next: usize,
}

/// A cache of the keys that were asked about lately, so that a busy author's is decoded once: 8,192 keys, about 2 MB.
/// Each place has room for four. With room for one, a fifth of a thousand authors who write in turn would push each other
/// out.
static KEYS: [Mutex<Place>; 1 << 11] = [const { Mutex::new(Place { known: [None; 4], next: 0 }) }; 1 << 11];

/// -A, unless A is not canonical, no point, or of small order.
fn minus_key(key: &[u8; 32]) -> Option<EdwardsPoint> {
    let place = usize::from(u16::from_le_bytes([key[0], key[1]])) % KEYS.len();
    let lock = || KEYS[place].lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().known.iter().flatten().find(|known| known.key == *key) {
        return Some(known.minus);
    }
    if !is_canonical(key) {
        return None;
    }
    let point = VerifyingKey::from_bytes(key).ok().filter(|k| !k.is_weak())?;
    let minus = -point.to_edwards();
    let mut place = lock();
    let next = place.next % place.known.len();
    place.known[next] = Some(Known { key: *key, minus });
    place.next = next + 1;
    Some(minus)
}

/// Whether these bytes are the canonical encoding of one of the eight points of small order.
fn is_small_order(point: &[u8; 32]) -> bool {
    // The five values of y that these points have. Where x is not zero, both signs encode a point of small order. Where x is
    // zero, no canonical encoding has a sign, and refusing it here too is right.
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

/// 32 bytes: the first, thirty times the middle one, the last.
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

    // For most keys that are not canonical nobody can make a signature, so only this test sees that they are
    // refused. tests/floor/ed25519_speccheck.rs holds the cases that can be made.
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
