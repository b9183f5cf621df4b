//! Receipts: tlog-proofs.

use onrecord_verify::log::{
    Checkpoint, MAX_PATH, MAX_PROOF, MAX_SIZE, TlogProof, leaf_hash, root_from_inclusion,
};

use super::{
    honest::{ENTRIES, LOG},
    is_short,
};

/// A proof prints to the bytes that it was read from, but for `extra`, which is never written. Under a root that its path
/// leads to, signed by the log, it proves its entry, and no other entry and no other index.
pub fn holds(bytes: &[u8]) -> bool {
    let proof = match TlogProof::parse(bytes) {
        Ok(proof) => proof,
        Err(e) => {
            is_short(&e);
            return false;
        }
    };
    assert!(bytes.len() <= MAX_PROOF && proof.path().len() <= MAX_PATH && proof.index() <= MAX_SIZE);
    let printed = proof.to_string();
    if bytes.starts_with(b"c2sp.org/tlog-proof@v1\nextra ") {
        assert_eq!(TlogProof::parse(printed.as_bytes()).as_ref(), Ok(&proof));
    } else {
        assert_eq!(printed.as_bytes(), bytes);
    }
    proves(&proof);
    true
}

/// Signs the root that the path leads to.
fn proves(proof: &TlogProof) {
    let (entry, other) = (ENTRIES[0].as_bytes(), ENTRIES[1].as_bytes());
    let Ok(said) = Checkpoint::parse_text(proof.checkpoint().text()) else { return };
    let path = proof.path().to_vec();
    let Ok(root) = root_from_inclusion(&leaf_hash(entry), proof.index(), said.size(), &path) else { return };
    let Ok(checkpoint) = Checkpoint::new(said.origin().clone(), said.size(), root) else { return };
    let Ok(signed) = checkpoint.sign(&LOG) else { return };
    let key = LOG.verifying_key();
    let good = TlogProof::new(proof.index(), path.clone(), signed.note().clone()).unwrap();
    assert_eq!(good.verify(entry, key).unwrap().checkpoint().root(), root);
    assert!(good.verify(other, key).is_err());
    for index in [proof.index() ^ 1, proof.index() + 1, proof.index() / 2, said.size()] {
        let moved = TlogProof::new(index, path.clone(), signed.note().clone());
        assert!(
            index == proof.index() || moved.is_err() || moved.unwrap().verify(entry, key).is_err(),
            "{index}"
        );
    }
}
