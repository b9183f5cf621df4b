//! This crate against other crates for the same specs: `signed_note` and `tlog_tiles`.
//!
//! What is accepted here must be accepted there and mean the same. Where the verdicts may differ, the name of a test
//! says so:
//!
//! - `a_good_line_after_a_bad_one_of_the_same_key_counts_only_here`
//! - `a_key_that_is_no_point_is_read_here_and_verifies_nothing`
//! - `a_small_order_key_verifies_only_there`
//! - `what_this_project_forbids_in_a_checkpoint_is_read_only_there`

use std::sync::LazyLock;

use onrecord_verify::{
    log::{
        Checkpoint, Hash, MAX_SIZE, MemoryTree, NodeReader as _, ProofError, TileKind, TilePath,
        consistency_path, encode_hashes, inclusion_path, leaf_hash, new_tiles, root, verify_consistency,
        verify_inclusion,
    },
    note::{NoteError, SignatureLine, SignedNote, SigningKey, VerifyingKey},
};
use proptest::{prelude::*, sample::Index};
use signed_note::{Note, StandardSigner, StandardVerifier, Verifier as _, VerifierError, VerifierList};
use tlog_tiles::{HashReader, Tile};

/// The most bytes `signed_note` reads.
const LIMIT: usize = 1_000_000;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(format!("k{number}.example/a_b").parse().unwrap(), &[number; 32])
}

fn signer(key: &SigningKey) -> StandardSigner {
    StandardSigner::new(key.to_secret_text().trim_end()).unwrap()
}

fn verifiers(key: &VerifyingKey) -> VerifierList {
    VerifierList::new(vec![Box::new(StandardVerifier::new(&key.to_string()).unwrap())])
}

fn verified_there(note: &[u8], key: &VerifyingKey) -> bool {
    Note::from_bytes(note).is_ok_and(|n| n.verify(&verifiers(key)).is_ok())
}

fn verified_here(note: &[u8], key: &VerifyingKey) -> bool {
    SignedNote::parse(note, LIMIT).is_ok_and(|n| key.verify_note(&n).is_ok())
}

/// A change to bytes, mostly one that a note, a checkpoint or a path is sensitive to.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, u8),
    Delete(Index),
    Flip(Index, u8),
    CopyLine(Index, Index),
    DropLine(Index),
}

fn any_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        prop::sample::select(b"\n\r\t +=-/.0129azAZx\x00\x7f\xe2\x80\x94\xc2\xa0".to_vec()),
        any::<u8>()
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (any::<Index>(), any_byte()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), any_byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Delete),
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::CopyLine(from, to)),
        any::<Index>().prop_map(Change::DropLine),
    ];
    prop::collection::vec(change, 0..4)
}

fn apply(bytes: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Change::Delete(at) => {
                bytes.remove(at.index(length));
            }
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::CopyLine(..) | Change::DropLine(_) => {
                let mut lines: Vec<_> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
                match change {
                    Change::CopyLine(from, to) => {
                        let line = lines[from.index(lines.len())].clone();
                        lines.insert(to.index(lines.len()), line);
                    }
                    Change::DropLine(at) => drop(lines.remove(at.index(lines.len()))),
                    _ => {}
                }
                *bytes = lines.concat();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn notes_signed_here_open_there_and_the_reverse(text in "([ -~é\u{2014}]{0,30}\n){1,6}") {
        let (a, b) = (key(1), key(2));
        let ours = SignedNote::sign(&text, &[&a, &b]);
        let mut theirs = Note::new(text.as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&signer(&a), &signer(&b)]).unwrap();
        let theirs = theirs.to_bytes();
        let ours = ours.unwrap();
        prop_assert_eq!(ours.as_bytes(), &theirs[..]);
        for key in [a.verifying_key(), b.verifying_key()] {
            prop_assert!(verified_there(ours.as_bytes(), key) && verified_here(&theirs, key));
        }
        prop_assert!(!verified_there(&theirs, key(3).verifying_key()));
        prop_assert!(!verified_here(&theirs, key(3).verifying_key()));
    }

    #[test]
    fn changed_notes_get_one_verdict(changes in changes(), text in "([a-z\u{2014} ]{0,9}\n){1,4}") {
        let (a, b) = (key(1), key(2));
        let mut bytes = SignedNote::sign(&text, &[&a, &b]).unwrap().as_bytes().to_vec();
        apply(&mut bytes, &changes);
        let (ours, theirs) = (SignedNote::parse(&bytes, LIMIT), Note::from_bytes(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "shape of {:?}", String::from_utf8_lossy(&bytes));
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        prop_assert_eq!(ours.text().as_bytes(), theirs.text());
        for key in [a.verifying_key(), b.verifying_key()] {
            // With at most one line of the key, the difference named above can't arise.
            let lines = ours.signatures().iter().filter(|l| l.key_id() == key.id()).count();
            if lines <= 1 {
                prop_assert_eq!(verified_here(&bytes, key), verified_there(&bytes, key));
            } else if verified_there(&bytes, key) {
                prop_assert!(verified_here(&bytes, key));
            }
        }
    }

    #[test]
    fn a_vkey_read_here_is_read_there(changes in changes()) {
        let mut bytes = key(1).verifying_key().to_string().into_bytes();
        apply(&mut bytes, &changes);
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(ours) = text.parse::<VerifyingKey>() {
            let theirs = StandardVerifier::new(&text).unwrap();
            prop_assert_eq!(theirs.name(), ours.name().as_str());
            prop_assert_eq!(theirs.key_id().to_be_bytes(), ours.id().0);
        }
    }
}

#[test]
fn a_good_line_after_a_bad_one_of_the_same_key_counts_only_here() {
    let key = key(1);
    let good = SignedNote::sign("text\n", &[&key]).unwrap();
    let bad = SignatureLine::new(key.verifying_key().name().as_str(), key.verifying_key().id(), &[0; 64]);
    let lines = [bad, good.signatures()[0].clone()];
    let note = SignedNote::assemble("text\n", &lines).unwrap();
    assert!(verified_here(note.as_bytes(), key.verifying_key()));
    assert!(!verified_there(note.as_bytes(), key.verifying_key()));
    let [bad, good] = lines;
    let note = SignedNote::assemble("text\n", &[good, bad]).unwrap();
    assert!(verified_here(note.as_bytes(), key.verifying_key()));
    assert!(verified_there(note.as_bytes(), key.verifying_key()));
}

#[test]
fn a_key_that_is_no_point_is_read_here_and_verifies_nothing() {
    let no_point = VerifyingKey::new("k.example".parse().unwrap(), {
        let mut key = [0; 32];
        key[0] = 2;
        key
    });
    let text = no_point.to_string();
    assert_eq!(text.parse().as_ref(), Ok(&no_point));
    assert!(matches!(StandardVerifier::new(&text), Err(VerifierError::Format)));
    let line = SignatureLine::new("k.example", no_point.id(), &[0; 64]);
    let note = SignedNote::assemble("text\n", &[line]).unwrap();
    assert!(matches!(no_point.verify_note(&note), Err(NoteError::BadSignature { .. })));
}

#[test]
fn a_small_order_key_verifies_only_there() {
    // A is the identity, R too, and S is zero: the equation holds for every text.
    let mut identity = [0; 32];
    identity[0] = 1;
    let key = VerifyingKey::new("k.example".parse().unwrap(), identity);
    let mut signature = [0; 64];
    signature[0] = 1;
    let line = SignatureLine::new("k.example", key.id(), &signature);
    let note = SignedNote::assemble("text\n", &[line]).unwrap();
    assert!(verified_there(note.as_bytes(), &key));
    assert!(!verified_here(note.as_bytes(), &key));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_checkpoint_read_here_is_read_there(size in 1..=MAX_SIZE, root: [u8; 32], changes in changes()) {
        let checkpoint = Checkpoint::new("log.example/a".parse().unwrap(), size, Hash(root)).unwrap();
        let theirs = tlog_tiles::Checkpoint::new("log.example/a", size, tlog_tiles::Hash(root), "").unwrap();
        prop_assert_eq!(checkpoint.text().into_bytes(), theirs.to_bytes());

        let mut bytes = checkpoint.text().into_bytes();
        apply(&mut bytes, &changes);
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(ours) = Checkpoint::parse_text(&text) {
            let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
            prop_assert_eq!(ours.origin().as_str(), theirs.origin());
            prop_assert_eq!(ours.size(), theirs.size());
            prop_assert_eq!(ours.root().0, theirs.hash().0);
            prop_assert_eq!(theirs.extension(), "");
        }
    }
}

#[test]
fn what_this_project_forbids_in_a_checkpoint_is_read_only_there() {
    let root = Hash([7; 32]).to_base64();
    for text in [
        format!("log.example\n7\n{root}\nextension\n"),
        format!("An Origin\n7\n{root}\n"),
        format!("log.example\n9007199254740992\n{root}\n"),
        format!("log.example\n0\n{root}\n"),
    ] {
        assert!(Checkpoint::parse_text(&text).is_err(), "{text:?}");
        assert!(tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).is_ok(), "{text:?}");
    }
}

const LEAVES: u64 = 600;

/// Their storage of a tree.
struct Stored(Vec<tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|i| self.0[*i as usize]).collect())
    }
}

static TREES: LazyLock<(MemoryTree, Stored)> = LazyLock::new(|| {
    let (mut ours, mut theirs) = (MemoryTree::new(), Stored(Vec::new()));
    for index in 0..LEAVES {
        let entry = format!("entry {index}");
        ours.push(leaf_hash(entry.as_bytes()));
        let more = tlog_tiles::stored_hashes(index, entry.as_bytes(), &theirs).unwrap();
        theirs.0.extend(more);
    }
    (ours, theirs)
});

fn to_theirs(path: &[Hash]) -> Vec<tlog_tiles::Hash> {
    path.iter().map(|h| tlog_tiles::Hash(h.0)).collect()
}

fn to_ours(path: &[tlog_tiles::Hash]) -> Vec<Hash> {
    path.iter().map(|h| Hash(h.0)).collect()
}

#[test]
fn roots_are_equal_for_every_size() {
    let (ours, theirs) = &*TREES;
    for size in 0..=LEAVES {
        let (ours, theirs) = (root(size, ours).unwrap(), tlog_tiles::tree_hash(size, theirs).unwrap());
        assert_eq!(ours.0, theirs.0, "size {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn inclusion_proofs_are_equal_and_get_one_verdict(
        size in 1..=LEAVES, at: Index, other in 0..=LEAVES, other_size in 0..=LEAVES, flip: Option<(Index, u8)>,
    ) {
        let (ours, theirs) = &*TREES;
        let index = at.index(size as usize) as u64;
        let mut path = inclusion_path(index, size, ours).unwrap();
        prop_assert_eq!(&path, &to_ours(&tlog_tiles::prove_record(size, index, theirs).unwrap()));
        if let (Some((at, bit)), false) = (flip, path.is_empty()) {
            let at = at.index(path.len());
            path[at].0[usize::from(bit) / 8] ^= 1 << (bit % 8);
        }
        let (leaf, root_hash) = (ours.node(0, index).unwrap(), root(size, ours).unwrap());
        let there = |index, size| {
            let root_hash = tlog_tiles::Hash(root_hash.0);
            tlog_tiles::check_record(&to_theirs(&path), size, root_hash, index, tlog_tiles::Hash(leaf.0)).is_ok()
        };
        for (index, size) in [(index, size), (other, size), (index, other_size), (other, other_size)] {
            let here = verify_inclusion(&leaf, index, size, &root_hash, &path);
            prop_assert_eq!(here.is_ok(), there(index, size), "{} in {}: {:?}", index, size, here);
        }
        prop_assert_eq!(there(index, size), flip.is_none() || path.is_empty());
    }

    #[test]
    fn consistency_proofs_are_equal_and_get_one_verdict(
        size in 1..=LEAVES, at: Index, other in 1..=LEAVES, other_size in 1..=LEAVES, flip: Option<(Index, u8)>,
    ) {
        let (ours, theirs) = &*TREES;
        let old = at.index(size as usize) as u64 + 1;
        let mut path = consistency_path(old, size, ours).unwrap();
        prop_assert_eq!(&path, &to_ours(&tlog_tiles::prove_tree(size, old, theirs).unwrap()));
        if let (Some((at, bit)), false) = (flip, path.is_empty()) {
            let at = at.index(path.len());
            path[at].0[usize::from(bit) / 8] ^= 1 << (bit % 8);
        }
        let (old_root, new_root) = (root(old, ours).unwrap(), root(size, ours).unwrap());
        let there = |old, size| {
            let (old_root, new_root) = (tlog_tiles::Hash(old_root.0), tlog_tiles::Hash(new_root.0));
            tlog_tiles::check_tree(&to_theirs(&path), size, new_root, old, old_root).is_ok()
        };
        for (old, size) in [(old, size), (other, size), (old, other_size), (other, other_size)] {
            let here = verify_consistency(old, &old_root, size, &new_root, &path);
            prop_assert_eq!(here.is_ok(), there(old, size), "{} to {}: {:?}", old, size, here);
        }
        prop_assert_eq!(there(old, size), flip.is_none() || path.is_empty());
    }
}

#[test]
fn the_empty_tree_is_continued_here_and_not_asked_of_there() {
    let (_, theirs) = &*TREES;
    assert!(tlog_tiles::prove_tree(9, 0, theirs).is_err());
    assert_eq!(verify_consistency(0, &Hash::EMPTY_ROOT, 9, &Hash([7; 32]), &[]), Ok(()));
    assert_eq!(verify_consistency(0, &Hash([7; 32]), 9, &Hash([7; 32]), &[]), Err(ProofError::WrongOldRoot));
}

/// Their path of a tile of height 8, in the form of `c2sp.org/tlog-tiles`, which leaves the height out.
fn their_path(tile: &Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1).replacen("tile/data/", "tile/entries/", 1)
}

fn hash_tile(path: TilePath) -> Option<Tile> {
    match path.kind() {
        TileKind::Hashes { level } => Some(Tile::new(8, level, path.index(), path.width().into(), false)),
        TileKind::Entries => Some(Tile::new(8, 0, path.index(), path.width().into(), true)),
        TileKind::Contents => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn tile_paths_are_equal(level in prop::option::of(0..64u8), index: u64, shift in 0..64, width in 1..=256u16) {
        let kind = level.map_or(TileKind::Entries, |level| TileKind::Hashes { level });
        let ours = TilePath::new(kind, index >> shift, width).unwrap();
        prop_assert_eq!(ours.to_string(), their_path(&hash_tile(ours).unwrap()));
    }

    #[test]
    fn changed_tile_paths_get_one_verdict(
        level in prop::option::of(0..64u8), index: u64, shift in 0..64, width in 1..=256u16, changes in changes(),
    ) {
        let kind = level.map_or(TileKind::Entries, |level| TileKind::Hashes { level });
        let mut bytes = TilePath::new(kind, index >> shift, width).unwrap().to_string().into_bytes();
        apply(&mut bytes, &changes);
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        // Their code panics at a level above 63 or a width of 0, rather than refusing it.
        let second = text.split('/').nth(1).unwrap_or_default();
        prop_assume!(second.parse::<u8>().is_ok_and(|l| l < 64) || second == "entries");
        prop_assume!(text.rsplit('/').next().is_none_or(|w| w.parse::<u32>() != Ok(0) || !text.contains(".p/")));
        let theirs = text.replacen("tile/", "tile/8/", 1).replacen("/entries/", "/data/", 1);
        let theirs = Tile::from_path(&theirs);
        let ours = text.parse::<TilePath>();
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(hash_tile(ours), Some(theirs));
        }
    }

    #[test]
    fn the_tiles_of_a_growing_log_are_equal(old in 0..300_000u64, more in 0..3_000u64) {
        let ours: Vec<_> = new_tiles(old, old + more)
            .filter(|p| matches!(p.kind(), TileKind::Hashes { .. }))
            .map(|p| p.to_string())
            .collect();
        let theirs: Vec<_> = Tile::new_tiles(8, old, old + more).iter().map(their_path).collect();
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn the_bytes_of_hash_tiles_are_equal() {
    let (ours, theirs) = &*TREES;
    for path in new_tiles(0, LEAVES) {
        let TileKind::Hashes { level } = path.kind() else { continue };
        let hashes: Vec<_> = (0..u64::from(path.width()))
            .map(|i| ours.node(8 * level, 256 * path.index() + i).unwrap())
            .collect();
        let tile = hash_tile(path).unwrap();
        assert_eq!(encode_hashes(&hashes).unwrap(), tile.read_data(theirs).unwrap(), "{path}");
    }
}
