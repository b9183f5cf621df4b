//! An honest log, against which files are forged: the 28 entries of the vectors, its keys, and what it signed.

use std::{collections::HashMap, sync::LazyLock};

use onrecord_verify::{
    event::Digest,
    log::{
        Auditor, Checkpoint, Entry, Frontier, MemoryRows, MemoryTree, NoDoor, SignedCheckpoint, Time, cosign,
        decide, leaf_hash,
    },
    note::{Origin, SigningKey, VerifyingKey},
};
use serde_json::Value;

pub static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../tests/vectors/v1.json")).unwrap());

/// When its witness cosigned, in seconds since 1970: with its last entry.
pub const COSIGNED: u64 = 1_795_323_600;

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn key_of(key: &Value) -> SigningKey {
    let hex = text(&key["seed_hex"]);
    let seed = std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap());
    SigningKey::from_seed(text(&key["name"]).parse().unwrap(), &seed)
}

/// The log's key.
pub static LOG: LazyLock<SigningKey> = LazyLock::new(|| key_of(&VECTORS["keys"]["log"]));
/// Its witness's key.
pub static WITNESS: LazyLock<SigningKey> = LazyLock::new(|| key_of(&VECTORS["keys"]["witness"]));
/// The log's origin.
pub static ORIGIN: LazyLock<Origin> = LazyLock::new(|| text(&VECTORS["origin"]).parse().unwrap());

/// Every key of the vectors that signs events, by its public bytes.
pub static SIGNERS: LazyLock<HashMap<[u8; 32], SigningKey>> = LazyLock::new(|| {
    let keys = VECTORS["keys"].as_object().unwrap();
    let of_parties =
        keys.iter().filter(|(label, _)| !matches!(label.as_str(), "log" | "witness")).map(|(_, key)| key);
    let all = of_parties.chain(VECTORS["colliding_key_ids"].as_array().unwrap());
    all.map(|key| (*key_of(key).verifying_key().as_bytes(), key_of(key))).collect()
});

/// The signing key to a public key, if it is one of the vectors.
pub fn signer(key: &VerifyingKey) -> Option<&'static SigningKey> {
    SIGNERS.get(key.as_bytes()).filter(|known| known.verifying_key() == key)
}

/// Its entries.
pub static ENTRIES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| VECTORS["entries"].as_array().unwrap().iter().map(|e| text(&e["text"])).collect());

/// The tree of its first `size` entries.
pub fn tree(size: u64) -> MemoryTree {
    ENTRIES.iter().take(size as usize).map(|e| leaf_hash(e.as_bytes())).collect()
}

/// The checkpoint that it signed at each size, with the cosignature of its witness.
pub static CHECKPOINTS: LazyLock<Vec<SignedCheckpoint>> = LazyLock::new(|| {
    let checkpoint = |size| {
        let checkpoint = Checkpoint::new(ORIGIN.clone(), size, tree(size).root()).unwrap();
        let line = cosign(&checkpoint, COSIGNED, &WITNESS).unwrap();
        checkpoint.sign(&LOG).unwrap().with_signatures(&[line]).unwrap()
    };
    (0..=ENTRIES.len() as u64).map(checkpoint).collect()
});

/// What is known after its last entry: rows, the edge of its tree, hash and time of the last.
pub struct Known {
    pub rows: MemoryRows,
    pub frontier: Frontier,
    pub prev: Digest,
    pub time: Time,
}

pub static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let (mut rows, mut last) = (MemoryRows::default(), None);
    for (index, raw) in (0..).zip(ENTRIES.iter()) {
        let entry = Entry::parse(raw.as_bytes(), &ORIGIN).unwrap().verify().unwrap();
        rows.put(decide(&rows, index, entry.event(), &ORIGIN, &NoDoor).unwrap().rows);
        last = Some((entry.hash(), entry.header().time));
    }
    let (prev, time) = last.unwrap();
    Known { rows, frontier: tree(ENTRIES.len() as u64).frontier().clone(), prev, time }
});

/// An auditor that stands behind its last entry.
pub fn auditor() -> Auditor<MemoryRows> {
    let known = &*KNOWN;
    Auditor::resume(ORIGIN.clone(), known.rows.clone(), known.frontier.clone(), known.prev, Some(known.time))
}
