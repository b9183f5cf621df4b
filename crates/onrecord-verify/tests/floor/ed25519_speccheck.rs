//! The strict verdict on Ed25519 signatures (formats.md, section 3), at the edges where implementations
//! disagree: the ed25519-speccheck cases, and cases made here.

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::EIGHT_TORSION,
    edwards::CompressedEdwardsY,
    traits::{Identity as _, IsIdentity as _},
};
use ed25519_dalek::{Signature, Verifier as _};
use onrecord_verify::note::{is_torsion_free, verify_strict};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

/// The eight small-order points as formats.md lists them.
const LISTED: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

/// The other encodings of small-order points: zero with a sign, and y from p up.
const NOT_CANONICAL: [&str; 6] = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// The order of the group, 2^252 + 27742317777372353535851937790883648493, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn unhex<const N: usize>(hex: &str) -> [u8; N] {
    assert_eq!(hex.len(), 2 * N);
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

fn point(bytes: &[u8; 32]) -> EdwardsPoint {
    CompressedEdwardsY(*bytes).decompress().unwrap()
}

fn scalar(seed: &str) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(seed).into())
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let digest = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&digest.into())
}

/// S*B - R - k*A for what the bytes decode to: the identity if the cofactorless equation holds.
fn rest(a: &[u8; 32], r: &[u8; 32], s: &Scalar, k: &Scalar) -> EdwardsPoint {
    EdwardsPoint::mul_base(s) - point(r) - k * point(a)
}

fn join(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    std::array::from_fn(|i| if i < 32 { r[i] } else { s[i - 32] })
}

/// S + L, which as bytes is another number and modulo L the same.
fn plus_l(s: &[u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    std::array::from_fn(|i| {
        let sum = u16::from(s[i]) + u16::from(L[i]) + carry;
        carry = sum >> 8;
        sum as u8
    })
}

/// A signature by A = a*B + torsion with R = r*B.
fn sign(a: &Scalar, torsion: &EdwardsPoint, message: &[u8]) -> ([u8; 32], [u8; 64]) {
    let key = (EdwardsPoint::mul_base(a) + torsion).compress().to_bytes();
    let r = scalar("r");
    let r_bytes = EdwardsPoint::mul_base(&r).compress().to_bytes();
    let s = r + challenge(&r_bytes, &key, message) * a;
    (key, join(&r_bytes, s.as_bytes()))
}

#[test]
fn the_speccheck_cases_get_the_strict_verdict() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/vectors/ed25519-speccheck.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let number = &case["number"];
        let message = unhex::<32>(case["message"].as_str().unwrap());
        let key = unhex::<32>(case["pub_key"].as_str().unwrap());
        let signature = unhex::<64>(case["signature"].as_str().unwrap());
        let verdict = if verify_strict(&key, &message, &signature) { "accepted" } else { "refused" };
        assert_eq!(verdict, case["strict"], "case {number}: {}", case["reason"]);

        // Checks that the case is what it says it is: otherwise it could be refused for being nonsense.
        let r: [u8; 32] = signature[..32].try_into().unwrap();
        let s: [u8; 32] = signature[32..].try_into().unwrap();
        let s = Scalar::from_bytes_mod_order(s);
        let k = if case["hashed"] == "reencoded" {
            let again = |bytes| point(bytes).compress().to_bytes();
            challenge(&again(&r), &again(&key), &message)
        } else {
            challenge(&r, &key, &message)
        };
        let rest = rest(&key, &r, &s, &k);
        assert_eq!(rest.is_identity(), case["cofactorless"], "case {number}");
        assert_eq!(rest.is_small_order(), case["cofactored"], "case {number}");
    }
}

#[test]
fn the_listed_points_are_the_small_order_points() {
    let mut listed = LISTED.map(unhex::<32>);
    let mut known = EIGHT_TORSION.map(|p| p.compress().to_bytes());
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
    for encoding in NOT_CANONICAL.map(unhex::<32>) {
        assert!(point(&encoding).is_small_order());
        assert!(!known.contains(&encoding));
    }
}

#[test]
fn an_ordinary_signature_is_accepted() {
    let (key, signature) = sign(&scalar("a"), &EdwardsPoint::identity(), b"message");
    assert!(verify_strict(&key, b"message", &signature));
    assert!(!verify_strict(&key, b"massage", &signature));
    assert!(is_torsion_free(&key));
}

#[test]
fn a_small_order_key_is_refused_though_the_equation_holds() {
    let r = scalar("r");
    let r_bytes = EdwardsPoint::mul_base(&r).compress().to_bytes();
    for hex in LISTED.iter().chain(&NOT_CANONICAL) {
        let key = unhex::<32>(hex);
        // Where k*A is the identity, the equation holds with S = r, and nobody's secret is needed.
        let message = (0u32..)
            .map(u32::to_be_bytes)
            .find(|m| rest(&key, &r_bytes, &r, &challenge(&r_bytes, &key, m)).is_identity())
            .unwrap();
        let signature = join(&r_bytes, r.as_bytes());
        let lax = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
        assert!(lax.verify(&message, &Signature::from_bytes(&signature)).is_ok(), "{hex}: a lax verifier");
        assert!(!verify_strict(&key, &message, &signature), "{hex}");
    }
}

#[test]
fn a_small_order_r_is_refused_though_the_equation_holds() {
    let a = scalar("a");
    let key = (EdwardsPoint::mul_base(&a) + EIGHT_TORSION[1]).compress().to_bytes();
    for hex in LISTED.iter().chain(&NOT_CANONICAL) {
        let r = unhex::<32>(hex);
        // With S = k*a the equation asks for R = -k*T, which one message in eight or so gives.
        let (message, s) = (0u32..)
            .map(|n| (n.to_be_bytes(), challenge(&r, &key, &n.to_be_bytes())))
            .find(|(_, k)| rest(&key, &r, &(k * a), k).is_identity())
            .map(|(message, k)| (message, k * a))
            .unwrap();
        assert!(!verify_strict(&key, &message, &join(&r, s.as_bytes())), "{hex}");
    }
}

#[test]
fn a_key_with_y_from_p_up_is_refused() {
    let (good, signature) = sign(&scalar("a"), &EdwardsPoint::identity(), b"message");
    assert!(verify_strict(&good, b"message", &signature));
    let mut seen = Vec::new();
    // p is 2^255 - 19, so 19 numbers that fit the field's 255 bits stand for smaller ones.
    for (above, sign_bit) in (0..19u8).flat_map(|n| [(n, 0), (n, 0x80)]) {
        let mut key = [0xff; 32];
        key[0] = 0xed + above;
        key[31] = 0x7f | sign_bit;
        let Ok(lax) = ed25519_dalek::VerifyingKey::from_bytes(&key) else { continue };
        assert_ne!(lax.to_edwards().compress().to_bytes(), key, "not canonical");
        if !lax.to_edwards().is_small_order() {
            seen.push(above);
        }
        // Nobody knows a secret key of these, so no signature can be made whose equation holds.
        assert!(!verify_strict(&key, b"message", &signature));
    }
    seen.dedup();
    assert_eq!(seen, [3, 4, 5, 6, 9, 10, 14, 15, 16, 18], "the y that decode to points of large order");
}

#[test]
fn an_s_of_l_or_more_is_refused() {
    let (key, signature) = sign(&scalar("a"), &EdwardsPoint::identity(), b"message");
    let r: [u8; 32] = signature[..32].try_into().unwrap();
    let mut s: [u8; 32] = signature[32..].try_into().unwrap();
    assert!(verify_strict(&key, b"message", &signature));
    // Up to 14 times: with 15 the sum may no longer fit 32 bytes.
    for times in 1..15 {
        s = plus_l(&s);
        let same = Scalar::from_bytes_mod_order(s);
        assert!(rest(&key, &r, &same, &challenge(&r, &key, b"message")).is_identity());
        assert!(!verify_strict(&key, b"message", &join(&r, &s)), "S + {times}L");
    }
}

#[test]
fn a_torsion_component_binds_admission_only() {
    let torsion = EIGHT_TORSION[1];
    let a = scalar("a");
    let message = (0u32..)
        .map(u32::to_be_bytes)
        .find(|m| {
            let (key, signature) = sign(&a, &torsion, m);
            let r = signature[..32].try_into().unwrap();
            (challenge(&r, &key, m) * torsion).is_identity()
        })
        .unwrap();
    let (key, signature) = sign(&a, &torsion, &message);
    assert!(verify_strict(&key, &message, &signature));
    assert!(!is_torsion_free(&key));
}

#[test]
fn a_signature_whose_equation_holds_only_with_the_cofactor_is_refused() {
    let torsion = EIGHT_TORSION[1];
    let mut refused = 0;
    for n in 0u32..64 {
        let message = n.to_be_bytes();
        let (key, signature) = sign(&scalar("a"), &torsion, &message);
        let r = signature[..32].try_into().unwrap();
        let holds = (challenge(&r, &key, &message) * torsion).is_identity();
        assert_eq!(verify_strict(&key, &message, &signature), holds);
        refused += u32::from(!holds);
    }
    assert!(refused > 0);
}
