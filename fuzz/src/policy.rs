//! Policies.

use std::sync::LazyLock;

use onrecord_verify::{
    log::{MAX_POLICY, Policy, cosign},
    note::{SignatureLine, SigningKey},
};

use super::{
    honest::{CHECKPOINTS, COSIGNED, LOG, WITNESS},
    is_short,
};

/// The key of witness `n`, one of four beside that of the vectors. The seeds' policies name them.
pub fn witness(n: u8) -> SigningKey {
    SigningKey::from_seed(format!("w{n}.example").parse().unwrap(), &[n; 32])
}

/// The cosignatures of all five on a checkpoint, each a second after the one before.
static LINES: LazyLock<Vec<SignatureLine>> = LazyLock::new(|| {
    let checkpoint = CHECKPOINTS[28].checkpoint();
    let line = |n: u8| cosign(checkpoint, COSIGNED + u64::from(n), &witness(n)).unwrap();
    std::iter::once(cosign(checkpoint, COSIGNED, &WITNESS).unwrap()).chain((1..=4).map(line)).collect()
});

/// A policy prints to one that means the same. A quorum that is complete stays complete with more cosignatures, is complete
/// at the time of one of them, and counts no witness that did not cosign.
pub fn holds(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let policy: Policy = match text.parse() {
        Ok(policy) => policy,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert!(bytes.len() <= MAX_POLICY);
    let printed = policy.to_string();
    assert_eq!(printed.parse::<Policy>().as_ref(), Ok(&policy), "{printed}");
    let alone = CHECKPOINTS[28].checkpoint().clone().sign(&LOG).unwrap();
    let mut complete = false;
    for n in 0..=LINES.len() {
        let note = alone.with_signatures(&LINES[..n]).unwrap();
        let said = policy.cosigned(note.note());
        assert_eq!(said.witnesses.len(), policy.witnesses().count());
        assert!(said.witnesses.iter().filter(|(_, said)| said.is_ok()).count() <= n, "more than cosigned");
        assert_eq!(said.quorum().is_ok(), said.by.is_some() || !said.asked);
        assert!(said.by.is_some() || !complete, "a quorum that more cosignatures undo");
        if let (Some(by), true) = (said.by, n > 0) {
            assert!((COSIGNED..COSIGNED + n as u64).contains(&by));
        }
        complete = said.by.is_some();
    }
    true
}
