//! The log against the vectors that an independent program wrote (`tests/vectors/v1.json`).

use std::sync::LazyLock;

use onrecord_verify::{
    log::{
        Checkpoint, Frontier, Hash, MemoryTree, NodeReader as _, TileKind, TilePath, TlogProof, WitnessKey,
        Words, consistency_path, cosign, decode_bundle, decode_contents, decode_hashes, encode_bundle,
        encode_contents, encode_hashes, inclusion_path, leaf_hash, root, tiles_of, verify_consistency,
        verify_inclusion,
    },
    note::{NoteError, SignedNote, SigningKey, VerifyingKey, base64_decode},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../tests/vectors/v1.json")).unwrap());

/// The entry whose words `content.withheld` (entry 20) names.
const WITHHELD: usize = 9;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn bytes(member: &str) -> Vec<u8> {
    base64_decode(text(&VECTORS[member])).unwrap()
}

fn seed(key: &Value) -> [u8; 32] {
    let hex = text(&key["seed_hex"]);
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

fn signing_key(key: &Value) -> SigningKey {
    SigningKey::from_seed(text(&key["name"]).parse().unwrap(), &seed(key))
}

fn log_key() -> SigningKey {
    signing_key(&VECTORS["keys"]["log"])
}

fn entries() -> Vec<&'static str> {
    array(&VECTORS["entries"]).iter().map(|e| text(&e["text"])).collect()
}

fn tree() -> MemoryTree {
    entries().iter().map(|e| leaf_hash(e.as_bytes())).collect()
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_hex).collect()
}

#[test]
fn leaf_hashes_are_those_of_the_vectors() {
    let entries = array(&VECTORS["entries"]);
    assert_eq!(entries.len(), 28);
    for entry in entries {
        assert_eq!(leaf_hash(text(&entry["text"]).as_bytes()).to_hex(), text(&entry["leaf_hex"]));
    }
}

#[test]
fn roots_are_those_of_the_vectors() {
    let (tree, mut frontier) = (tree(), Frontier::new());
    let roots = array(&VECTORS["roots_hex"]);
    assert_eq!(roots.len(), 29);
    for (size, expected) in (0..).zip(roots) {
        assert_eq!(root(size, &tree).unwrap().to_hex(), text(expected), "size {size}");
        assert_eq!(frontier.root().to_hex(), text(expected), "size {size}");
        if let Ok(leaf) = tree.node(0, size) {
            frontier.push(leaf, |_, _, _| {});
        }
    }
}

#[test]
fn inclusion_paths_are_those_of_the_vectors() {
    let tree = tree();
    for case in array(&VECTORS["inclusion"]) {
        let (index, size) = (number(&case["index"]), number(&case["size"]));
        let path = inclusion_path(index, size, &tree).unwrap();
        let expected: Vec<_> = array(&case["path_hex"]).iter().map(text).collect();
        assert_eq!(hexes(&path), expected, "{index} in {size}");
        let leaf = leaf_hash(entries()[index as usize].as_bytes());
        assert_eq!(verify_inclusion(&leaf, index, size, &root(size, &tree).unwrap(), &path), Ok(()));
    }
}

#[test]
fn consistency_paths_are_those_of_the_vectors() {
    let tree = tree();
    for case in array(&VECTORS["consistency"]) {
        let (old, size) = (number(&case["old"]), number(&case["size"]));
        let path = consistency_path(old, size, &tree).unwrap();
        let expected: Vec<_> = array(&case["path_hex"]).iter().map(text).collect();
        assert_eq!(hexes(&path), expected, "{old} to {size}");
        let root_of = |n| root(n, &tree).unwrap();
        assert_eq!(verify_consistency(old, &root_of(old), size, &root_of(size), &path), Ok(()));
    }
}

#[test]
fn the_keys_are_those_of_the_seeds() {
    for (role, key) in VECTORS["keys"].as_object().unwrap() {
        let public = signing_key(key).verifying_key().clone();
        let vkey = text(&key["vkey"]);
        if role == "witness" {
            assert_eq!(WitnessKey::from(&public).to_string(), vkey);
            assert_eq!(vkey.parse::<WitnessKey>(), Ok(WitnessKey::from(&public)));
            assert!(vkey.parse::<VerifyingKey>().is_err(), "a witness key signs no notes");
        } else {
            assert_eq!(public.to_string(), vkey);
            assert_eq!(vkey.parse::<VerifyingKey>(), Ok(public));
        }
    }
}

#[test]
fn the_checkpoint_is_signed_to_the_same_bytes() {
    let expected = text(&VECTORS["checkpoint"]);
    let origin = text(&VECTORS["origin"]).parse().unwrap();
    let signed = Checkpoint::new(origin, 28, tree().root()).unwrap().sign(&log_key()).unwrap();
    assert_eq!(signed.note().as_str(), expected);
    assert_eq!(Checkpoint::open(expected.as_bytes(), log_key().verifying_key()), Ok(signed));
}

#[test]
fn the_cosignature_is_verified_and_signed_to_the_same_bytes() {
    let expected = text(&VECTORS["cosigned_checkpoint"]);
    let signed = Checkpoint::open(expected.as_bytes(), log_key().verifying_key()).unwrap();
    let witness: WitnessKey = text(&VECTORS["keys"]["witness"]["vkey"]).parse().unwrap();
    let time = witness.verify(signed.note()).unwrap();

    let plain = Checkpoint::open(text(&VECTORS["checkpoint"]).as_bytes(), log_key().verifying_key()).unwrap();
    let line = cosign(plain.checkpoint(), time, &signing_key(&VECTORS["keys"]["witness"])).unwrap();
    assert_eq!(plain.with_signatures(&[line]).unwrap().note().as_str(), expected);
    assert!(witness.verify(plain.note()).is_err());
}

#[test]
fn the_proof_is_printed_to_the_same_bytes_and_holds() {
    let expected = text(&VECTORS["tlog_proof"]);
    let proof = TlogProof::parse(expected.as_bytes()).unwrap();
    assert_eq!(proof.to_string(), expected);
    let entry = entries()[proof.index() as usize].as_bytes();
    let signed = proof.verify(entry, log_key().verifying_key()).unwrap();
    let witness: WitnessKey = text(&VECTORS["keys"]["witness"]["vkey"]).parse().unwrap();
    assert!(witness.verify(signed.note()).is_ok());

    let checkpoint = text(&VECTORS["cosigned_checkpoint"]).as_bytes();
    let checkpoint = SignedNote::parse(checkpoint, 4096).unwrap();
    let path = inclusion_path(proof.index(), 28, &tree()).unwrap();
    assert_eq!(TlogProof::new(proof.index(), path, checkpoint).unwrap().to_string(), expected);
}

#[test]
fn the_bundle_is_that_of_the_vectors() {
    let expected = bytes("bundle_partial_b64");
    assert_eq!(encode_bundle(&entries()).unwrap(), expected);
    let read = decode_bundle(&expected, 28).unwrap();
    assert!(read.iter().zip(entries()).all(|(a, b)| *a == b.as_bytes()));
    assert!(decode_bundle(&expected, 27).is_err() && decode_bundle(&expected, 29).is_err());
}

#[test]
fn the_hash_tile_is_that_of_the_vectors() {
    let expected = bytes("tile0_partial_b64");
    let leaves: Vec<_> = entries().iter().map(|e| leaf_hash(e.as_bytes())).collect();
    assert_eq!(encode_hashes(&leaves).unwrap(), expected);
    assert_eq!(decode_hashes(&expected, 28).unwrap(), leaves);
}

#[test]
fn the_content_tile_is_that_of_the_vectors() {
    let expected = bytes("content_tile_b64");
    let words: Vec<_> = array(&VECTORS["entries"])
        .iter()
        .enumerate()
        .map(|(index, entry)| match entry["content"].as_str() {
            None => Words::None,
            Some(_) if index == WITHHELD => Words::Withheld,
            Some(blob) => Words::Present(blob.as_bytes()),
        })
        .collect();
    assert!(words.contains(&Words::Withheld));
    assert_eq!(decode_contents(&expected, 28).unwrap(), words);
    assert_eq!(encode_contents(&words).unwrap(), expected);
}

#[test]
fn tile_paths_are_those_of_the_vectors() {
    for case in array(&VECTORS["tile_paths"]) {
        let path = TilePath::new(TileKind::Entries, number(&case[0]), 256).unwrap();
        assert_eq!(path.to_string(), text(&case[1]));
        assert_eq!(text(&case[1]).parse(), Ok(path));
    }
}

#[test]
fn a_large_log_has_the_roots_and_tiles_of_the_vectors() {
    let large = &VECTORS["large"];
    let tree: MemoryTree = (0..70_000).map(|i: u32| leaf_hash(i.to_string().as_bytes())).collect();
    let roots = large["roots_hex"].as_object().unwrap();
    for (size, expected) in roots {
        assert_eq!(root(size.parse().unwrap(), &tree).unwrap().to_hex(), text(expected), "size {size}");
    }
    let tiles = large["tile_sha256"].as_object().unwrap();
    let has: Vec<_> = tiles_of(70_000).collect();
    for (path, expected) in tiles {
        let path: TilePath = path.parse().unwrap();
        assert!(has.contains(&path), "{path}");
        let TileKind::Hashes { level } = path.kind() else { panic!("{path}") };
        let hashes: Vec<_> = (0..u64::from(path.width()))
            .map(|i| tree.node(8 * level, 256 * path.index() + i).unwrap())
            .collect();
        let digest = Hash(Sha256::digest(encode_hashes(&hashes).unwrap()).into());
        assert_eq!(digest.to_hex(), text(expected), "{path}");
    }
    assert!(roots.len() >= 10 && tiles.len() >= 5);
}

#[test]
fn keys_of_one_name_and_id_are_told_apart() {
    let pair = array(&VECTORS["colliding_key_ids"]);
    let keys: Vec<_> = pair.iter().map(signing_key).collect();
    let [a, b] = &keys[..] else { panic!("expected two keys") };
    for (key, case) in keys.iter().zip(pair) {
        assert_eq!(text(&case["vkey"]).parse().as_ref(), Ok(key.verifying_key()));
    }
    let (a_public, b_public) = (a.verifying_key(), b.verifying_key());
    assert_eq!((a_public.name(), a_public.id()), (b_public.name(), b_public.id()));
    assert_ne!(a_public, b_public);

    let by_a = SignedNote::sign("text\n", &[a]).unwrap();
    assert_eq!(a_public.verify_note(&by_a), Ok(()));
    assert!(matches!(b_public.verify_note(&by_a), Err(NoteError::BadSignature { .. })));
    let by_both = SignedNote::sign("text\n", &[a, b]).unwrap();
    assert_eq!(a_public.verify_note(&by_both), Ok(()));
    assert_eq!(b_public.verify_note(&by_both), Ok(()));
}
