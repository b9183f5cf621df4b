//! The log: Merkle tree, tiles, checkpoints and proofs. Pure: no I/O, no clock.
//!
//! The log is a C2SP tiled transparency log (`c2sp.org/tlog-tiles`; formats.md, section 6). The tree is that
//! of RFC 6962: [`Frontier`] grows it, [`inclusion_path`] and [`consistency_path`] make proofs from stored
//! nodes, and [`TilePath`] says in which file a node or an entry stands. A [`Checkpoint`] is the log's word
//! on its size and root; a [`SignedCheckpoint`] exists only where that signature was checked; a [`TlogProof`]
//! ties one entry to it.
//!
//! An [`Entry`] is an event with what the ledger adds; [`decide`] says whether an event may stand at an index,
//! and [`Auditor`] re-runs every rule over entries in order. A [`Policy`] says which log and which witnesses a reader
//! trusts; [`AddCheckpoint`] is what a log asks a witness.
//!
//! ```
//! use onrecord_verify::log::{Checkpoint, MemoryTree, TlogProof, inclusion_path, leaf_hash};
//! use onrecord_verify::note::SigningKey;
//!
//! let key = SigningKey::from_seed("ledger.example.org".parse()?, &[7; 32]);
//! let tree: MemoryTree = [b"one", b"two"].map(|entry| leaf_hash(entry)).into_iter().collect();
//! let signed = Checkpoint::new("ledger.example.org".parse()?, tree.size(), tree.root())?.sign(&key)?;
//!
//! let path = inclusion_path(1, tree.size(), &tree)?;
//! let receipt = TlogProof::new(1, path, signed.note().clone())?.to_string();
//!
//! let proof = TlogProof::parse(receipt.as_bytes())?;
//! assert!(proof.verify(b"two", key.verifying_key()).is_ok());
//! assert!(proof.verify(b"2", key.verifying_key()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod add_checkpoint;
mod auditor;
mod checkpoint;
mod checks;
mod contradiction;
mod cosignature;
mod entry;
mod fork;
mod hash;
mod policy;
mod rows;
mod rules;
mod suspect;
mod tile;
mod tlog_proof;
mod tree;

pub use add_checkpoint::{
    AddCheckpoint, AddCheckpointError, AnswerError, MAX_ADD_CHECKPOINT, MAX_COSIGNATURES, TLOG_SIZE,
    read_cosignature, read_size,
};
pub use auditor::{AuditError, Auditor, PutRows};
pub use checkpoint::{Checkpoint, CheckpointError, MAX_CHECKPOINT, MAX_SIZE, SignedCheckpoint};
pub use contradiction::{Contradicted, Contradiction, ContradictionError, MAX_CONTRADICTION};
pub use cosignature::{
    Cosignature, CosignatureError, CosigningKey, MAX_COSIGNATURE_TIME, WitnessKey, WitnessKeyError, cosign,
};
pub use entry::{Entry, EntryError, Header, MAX_ENTRY, MAX_INDEX, SignedEntry, Time};
pub use fork::{Fork, ForkError, MAX_FORK, Proved};
pub use hash::{Hash, leaf_hash, node_hash};
pub use policy::{
    Cosigned, CosignedBefore, MAX_LEAD, MAX_POLICY, Policy, PolicyError, Quorum, QuorumError, is_later_than,
};
pub use rows::{Detail, EventRow, Fate, HeldPosition, KeyRow, MemoryRows, PartyRow, Row, RowKey, Rows};
pub(crate) use rules::added_keys;
pub use rules::{Door, NoDoor, Placement, decide, foresee, not_allowed, thread_of};
pub use suspect::{Places, Suspect};
pub use tile::{
    TILE_HEIGHT, TILE_ITEMS, TILE_WIDTH, TileError, TileKind, TilePath, TilePathError, Words, decode_bundle,
    decode_contents, decode_hashes, encode_bundle, encode_contents, encode_hashes, new_tiles, node_in_tile,
    subtree_root, tile_of_node, tiles_of,
};
pub use tlog_proof::{MAX_PATH, MAX_PROOF, TlogProof, TlogProofError};
pub use tree::{
    Frontier, FrontierError, MemoryTree, MissingNode, NodeReader, PathError, ProofError, consistency_path,
    frontier_nodes, inclusion_path, root, root_from_inclusion, verify_consistency, verify_inclusion,
};

/// Reads a decimal number without sign, leading zero or anything else that would give it a second form.
pub fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

/// What is wrong with JSON, in one short line. The parser's message may hold any text of the file, so it is quoted and cut.
pub(crate) fn json_fault(e: &serde_json::Error) -> String {
    format!("line {}, column {}: {}", e.line(), e.column(), crate::event::quote(&e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::parse_decimal;

    #[test]
    fn a_number_has_one_form() {
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "00", "01", "+1", "-1", "1 ", " 1", "1.0", "1e3", "18446744073709551616", "١"] {
            assert_eq!(parse_decimal(bad), None, "{bad:?}");
        }
    }
}
