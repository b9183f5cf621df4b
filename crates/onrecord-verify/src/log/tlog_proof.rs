//! Receipts: a proof that an entry is in the log, in one text (`c2sp.org/tlog-proof`).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>               (ignored when read, never written)
//! index <n>
//! <hash in base64>             (any number, from the leaf's sibling up)
//!                              <- empty line
//! <checkpoint, byte for byte>
//! ```

use std::fmt;

use super::{
    Checkpoint, CheckpointError, Hash, MAX_CHECKPOINT, MAX_SIZE, ProofError, SignedCheckpoint, leaf_hash,
    parse_decimal, verify_inclusion,
};
use crate::note::{NoteError, SignedNote, VerifyingKey};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// The most hashes in a path. `c2sp.org/tlog-proof` sets no limit; this is the one that
/// `c2sp.org/tlog-witness` ("add-checkpoint") sets for consistency proofs, and what a tree of 2^63 entries asks
/// for. A log of [`MAX_SIZE`] entries needs 53.
pub const MAX_PATH: usize = 63;
/// The longest proof a reader takes, in bytes. The longest checkpoint and the longest path take a little over
/// half; the rest is room for `extra`, to which `c2sp.org/tlog-proof` sets no limit.
pub const MAX_PROOF: usize = 131_072;

/// Bytes that are no proof, or a proof that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Longer than [`MAX_PROOF`].
    #[error("expected at most {MAX_PROOF} bytes, found {found}")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// Not UTF-8 from this byte on.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// The first line is another.
    #[error("line 1: expected {FIRST_LINE}")]
    FirstLine,
    /// No index line, or one that is not canonical.
    #[error("expected a line \"index <n>\", n from 0 to {MAX_SIZE} without leading zeros")]
    Index,
    /// A path line that is no hash.
    #[error("hash {number} of the path: expected 32 bytes in padded base64")]
    Hash {
        /// Number of the hash, from 1.
        number: usize,
    },
    /// More hashes than [`MAX_PATH`].
    #[error("expected a path of at most {MAX_PATH} hashes")]
    PathTooLong,
    /// No empty line after the path.
    #[error("expected an empty line and a checkpoint after the path")]
    NoCheckpoint,
    /// What follows is no signed note.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint is not the log's.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The path does not lead from the entry to the checkpoint's root.
    #[error("inclusion: {0}")]
    Inclusion(#[from] ProofError),
}

/// A proof of good shape. What it proves is found out by [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    index: u64,
    path: Vec<Hash>,
    checkpoint: SignedNote,
}

impl TlogProof {
    /// Puts a proof together. Nothing is verified.
    ///
    /// # Errors
    /// [`TlogProofError`] if a reader would refuse its shape.
    pub fn new(index: u64, path: Vec<Hash>, checkpoint: SignedNote) -> Result<Self, TlogProofError> {
        if index > MAX_SIZE {
            return Err(TlogProofError::Index);
        }
        if path.len() > MAX_PATH {
            return Err(TlogProofError::PathTooLong);
        }
        let found = checkpoint.as_bytes().len();
        if found > MAX_CHECKPOINT {
            return Err(NoteError::TooLong { limit: MAX_CHECKPOINT, found }.into());
        }
        Ok(Self { index, path, checkpoint })
    }

    /// Index of the entry.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The path, from the leaf's sibling up.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The checkpoint as it stands in the proof, with the cosignatures it has. Not yet verified.
    pub fn checkpoint(&self) -> &SignedNote {
        &self.checkpoint
    }

    /// Reads a proof. A line `extra` is skipped, whatever it holds: nobody signed it.
    ///
    /// # Errors
    /// [`TlogProofError`]: the first fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAX_PROOF {
            return Err(TlogProofError::TooLong { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| TlogProofError::NotUtf8 { at: e.valid_up_to() })?;
        let rest = text.strip_prefix(FIRST_LINE).and_then(|r| r.strip_prefix('\n'));
        let mut rest = rest.ok_or(TlogProofError::FirstLine)?;
        if rest.starts_with("extra ") {
            rest = rest.split_once('\n').ok_or(TlogProofError::Index)?.1;
        }
        let (line, mut rest) = rest.split_once('\n').ok_or(TlogProofError::Index)?;
        let index = line.strip_prefix("index ").and_then(parse_decimal).ok_or(TlogProofError::Index)?;
        let mut path = Vec::new();
        let checkpoint = loop {
            let (line, after) = rest.split_once('\n').ok_or(TlogProofError::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break rest;
            }
            if path.len() == MAX_PATH {
                return Err(TlogProofError::PathTooLong);
            }
            path.push(Hash::from_base64(line).ok_or(TlogProofError::Hash { number: path.len() + 1 })?);
        };
        Self::new(index, path, SignedNote::parse(checkpoint.as_bytes(), MAX_CHECKPOINT)?)
    }

    /// Checks that the log with this key signed the checkpoint and that this entry is in it at the proof's
    /// index. Cosignatures are not checked: for that, pass the note of the returned checkpoint to
    /// [`WitnessKey::verify`](super::WitnessKey::verify).
    ///
    /// # Errors
    /// [`TlogProofError::Checkpoint`] or [`TlogProofError::Inclusion`].
    pub fn verify(&self, entry: &[u8], key: &VerifyingKey) -> Result<SignedCheckpoint, TlogProofError> {
        let signed = Checkpoint::open_note(self.checkpoint.clone(), key)?;
        let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
        verify_inclusion(&leaf_hash(entry), self.index, size, &root, &self.path)?;
        Ok(signed)
    }
}

/// The text of the proof, without `extra`.
impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nindex {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        log::{MemoryTree, inclusion_path},
        note::{KeyId, SignatureLine, SigningKey},
    };

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32])
    }

    fn entry(index: u64) -> String {
        format!("entry {index}")
    }

    fn proof(index: u64, size: u64) -> TlogProof {
        let tree: MemoryTree = (0..size).map(|i| leaf_hash(entry(i).as_bytes())).collect();
        let checkpoint = Checkpoint::new("log.example".parse().unwrap(), size, tree.root()).unwrap();
        let note = checkpoint.sign(&key()).unwrap().note().clone();
        TlogProof::new(index, inclusion_path(index, size, &tree).unwrap(), note).unwrap()
    }

    #[test]
    fn a_proof_holds_for_its_entry_log_and_index() {
        let good = proof(3, 7);
        let signed = good.verify(entry(3).as_bytes(), key().verifying_key()).unwrap();
        assert_eq!(signed.checkpoint().size(), 7);
        assert_eq!(
            good.verify(entry(4).as_bytes(), key().verifying_key()),
            Err(TlogProofError::Inclusion(ProofError::WrongRoot))
        );
        let other = SigningKey::from_seed("log.example".parse().unwrap(), &[6; 32]);
        assert!(matches!(
            good.verify(entry(3).as_bytes(), other.verifying_key()),
            Err(TlogProofError::Checkpoint(_))
        ));
        for index in [2, 4, 7, 8, MAX_SIZE] {
            let moved = TlogProof::new(index, good.path().to_vec(), good.checkpoint().clone()).unwrap();
            assert!(matches!(
                moved.verify(entry(3).as_bytes(), key().verifying_key()),
                Err(TlogProofError::Inclusion(_))
            ));
        }
    }

    #[test]
    fn extra_is_ignored_when_read_and_never_written() {
        let text = proof(3, 7).to_string();
        for extra in ["extra AAAA", "extra ", "extra not base64", "extra é"] {
            let with = text.replacen('\n', &format!("\n{extra}\n"), 1);
            let read = TlogProof::parse(with.as_bytes()).unwrap();
            assert_eq!(read.to_string(), text);
        }
        for extra in ["extra", "extra AAAA\nextra AAAA", "Extra AAAA", "\textra AAAA"] {
            let with = text.replacen('\n', &format!("\n{extra}\n"), 1);
            assert_eq!(TlogProof::parse(with.as_bytes()), Err(TlogProofError::Index), "{extra:?}");
        }
    }

    #[test]
    fn a_faulty_line_is_named() {
        let good = proof(3, 7).to_string();
        let fault = |from: &str, to: &str| {
            assert!(good.contains(from), "{from:?}");
            TlogProof::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        assert_eq!(fault("@v1", "@v2"), TlogProofError::FirstLine);
        assert_eq!(fault("@v1\n", "@v1\r\n"), TlogProofError::FirstLine);
        for bad in
            ["index 03", "index +3", "index", "index ", "index 3 ", "index  3", "index 9007199254740992"]
        {
            assert_eq!(fault("index 3", bad), TlogProofError::Index, "{bad:?}");
        }
        assert_eq!(fault("index 3\n", "index 3\nAAAA\n"), TlogProofError::Hash { number: 1 });
        assert_eq!(fault("=\n", "\n"), TlogProofError::Hash { number: 1 });
        assert_eq!(fault("\n\n", "\n"), TlogProofError::Hash { number: 4 });
        let cut = |text: &str| TlogProof::parse(text.as_bytes()).unwrap_err();
        assert_eq!(cut(""), TlogProofError::FirstLine);
        assert_eq!(cut("c2sp.org/tlog-proof@v1\n"), TlogProofError::Index);
        assert_eq!(cut("c2sp.org/tlog-proof@v1\nindex 1\n"), TlogProofError::NoCheckpoint);
        assert_eq!(cut("c2sp.org/tlog-proof@v1\nindex 1\n\n"), TlogProofError::Note(NoteError::Unsigned));
        assert_eq!(TlogProof::parse(b"\xff"), Err(TlogProofError::NotUtf8 { at: 0 }));
    }

    #[test]
    fn a_proof_beyond_the_limits_is_refused() {
        let good = proof(3, 7);
        let path = |n| vec![Hash([0; 32]); n];
        let at_limit = TlogProof::new(3, path(63), good.checkpoint().clone()).unwrap();
        let text = at_limit.to_string();
        assert!(TlogProof::parse(text.as_bytes()).is_ok());
        let over = text.replacen("\n\n", &format!("\n{}\n\n", Hash([0; 32]).to_base64()), 1);
        assert_eq!(TlogProof::parse(over.as_bytes()), Err(TlogProofError::PathTooLong));
        let note = good.checkpoint().clone();
        assert_eq!(TlogProof::new(3, path(64), note.clone()), Err(TlogProofError::PathTooLong));
        assert_eq!(TlogProof::new(MAX_SIZE + 1, path(0), note), Err(TlogProofError::Index));

        let long = SignatureLine::new("w.example", KeyId([6; 4]), &vec![0; MAX_CHECKPOINT]);
        let note = good.checkpoint().with_signatures(&[long]).unwrap();
        assert!(matches!(TlogProof::new(3, path(0), note), Err(TlogProofError::Note(_))));
        let bytes = vec![b'a'; MAX_PROOF + 1];
        assert_eq!(TlogProof::parse(&bytes), Err(TlogProofError::TooLong { found: MAX_PROOF + 1 }));
    }

    proptest! {
        #[test]
        fn a_proof_parses_to_what_it_prints(size in 1..80u64, at: prop::sample::Index) {
            let index = at.index(size as usize) as u64;
            let proof = proof(index, size);
            let read = TlogProof::parse(proof.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&read, &proof);
            prop_assert!(read.verify(entry(index).as_bytes(), key().verifying_key()).is_ok());
        }

        #[test]
        fn no_proof_survives_a_changed_byte(at: prop::sample::Index, byte: u8) {
            let mut bytes = proof(3, 7).to_string().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            if let Ok(changed) = TlogProof::parse(&bytes) {
                prop_assert!(changed.verify(entry(3).as_bytes(), key().verifying_key()).is_err());
            }
        }
    }
}
