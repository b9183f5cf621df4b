//! Our strict verdict is that of ed25519-dalek's `verify_strict`, wherever A is encoded canonically. Ours leaves
//! out the checks that the equation implies; these tests look for a signature that tells the two apart.

use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
use ed25519_dalek::{Signature, VerifyingKey};
use onrecord_verify::note::{Signed, verify_strict, verify_strict_each};
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

fn theirs(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(parsed) = VerifyingKey::from_bytes(key) else { return false };
    // dalek reads an A that is not canonical; formats.md refuses it.
    parsed.to_edwards().compress().as_bytes() == key
        && parsed.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
}

/// How bytes that were good are changed.
#[derive(Debug, Clone)]
enum Change {
    None,
    /// A bit of the key or the signature.
    Flip {
        at: usize,
        bit: u8,
    },
    /// R, or A, becomes this encoding: small-order points, p and above, negative zero.
    Encoding {
        in_key: bool,
        bytes: [u8; 32],
    },
    /// S + L.
    PlusL,
}

fn encodings() -> impl Strategy<Value = [u8; 32]> {
    let near_p = (0..=18u8, any::<bool>()).prop_map(|(above, sign)| {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed_u8.wrapping_add(above);
        bytes[31] = if sign { 0xff } else { 0x7f };
        bytes
    });
    let torsion = (0..8usize, any::<bool>()).prop_map(|(i, sign)| {
        let mut bytes = EIGHT_TORSION[i].compress().to_bytes();
        bytes[31] ^= u8::from(sign) << 7;
        bytes
    });
    prop_oneof![near_p, torsion, any::<[u8; 32]>()]
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::None),
        2 => (0..96usize, 0..8u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        3 => (any::<bool>(), encodings()).prop_map(|(in_key, bytes)| Change::Encoding { in_key, bytes }),
        1 => Just(Change::PlusL),
    ]
}

/// A key, a message of one byte and a signature: good, or spoilt in one way.
#[derive(Debug, Clone)]
struct Case {
    key: [u8; 32],
    message: [u8; 1],
    signature: [u8; 64],
}

fn cases() -> impl Strategy<Value = Case> {
    let torsion = (0..8usize, 0..8usize);
    // With zero only the torsion component is left: a key or an R of small order.
    let zero = (prop::bool::weighted(0.15), prop::bool::weighted(0.15));
    (any::<(u64, u64)>(), torsion, zero, any::<u8>(), changes()).prop_map(
        |((a, r), (torsion_a, torsion_r), (zero_a, zero_r), message, change)| {
            let scalar = |n: u64, zero| if zero { Scalar::ZERO } else { Scalar::from(n) };
            let (a, r) = (scalar(a, zero_a), scalar(r, zero_r));
            let mut key = (EdwardsPoint::mul_base(&a) + EIGHT_TORSION[torsion_a]).compress().to_bytes();
            let mut r_bytes = (EdwardsPoint::mul_base(&r) + EIGHT_TORSION[torsion_r]).compress().to_bytes();
            // Changed before the challenge is taken, so that the equation has a chance to hold.
            if let Change::Encoding { in_key, bytes } = change {
                if in_key { key = bytes } else { r_bytes = bytes }
            }
            let message = [message];
            let digest =
                Sha512::new().chain_update(r_bytes).chain_update(key).chain_update(message).finalize();
            let s = r + Scalar::from_bytes_mod_order_wide(&digest.into()) * a;
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&r_bytes);
            signature[32..].copy_from_slice(s.as_bytes());
            match change {
                Change::Flip { at, bit } if at < 32 => key[at] ^= 1 << bit,
                Change::Flip { at, bit } => signature[at - 32] ^= 1 << bit,
                Change::PlusL => {
                    let l = (-Scalar::ONE).to_bytes();
                    let mut carry = 1;
                    for (byte, add) in signature[32..].iter_mut().zip(l) {
                        let sum = u16::from(*byte) + u16::from(add) + carry;
                        *byte = sum as u8;
                        carry = sum >> 8;
                    }
                }
                _ => {}
            }
            Case { key, message, signature }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_verdicts_are_those_of_verify_strict_alone_and_together(cases in prop::collection::vec(cases(), 0..20)) {
        let expected: Vec<bool> = cases.iter().map(|c| theirs(&c.key, &c.message, &c.signature)).collect();
        let signed: Vec<Signed<'_>> = cases
            .iter()
            .map(|c| Signed { key: &c.key, message: &c.message, signature: &c.signature })
            .collect();
        prop_assert_eq!(verify_strict_each(&signed), expected.clone());
        // Alone, and when the keys are remembered.
        for (c, expected) in cases.iter().zip(expected) {
            prop_assert_eq!(verify_strict(&c.key, &c.message, &c.signature), expected);
        }
    }
}
