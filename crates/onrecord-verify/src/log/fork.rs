//! Two checkpoints of one log that can't both be true, in one file that anybody can check by itself.

use serde::{Deserialize, Serialize};

use super::{
    Checkpoint, CheckpointError, Hash, MAX_CHECKPOINT, MAX_PATH, PathError, ProofError, SignedCheckpoint,
    consistency_path, json_fault, root, tree::NodeReader, verify_consistency,
};
use crate::note::{NoteError, VerifyingKey};

/// The value of `form` in the file.
const FORM: &str = "onrecord/fork/v1";
/// The longest file, in bytes.
pub const MAX_FORK: usize = 262_144;

/// A fork report: an earlier checkpoint, a later one whose tree begins with other entries, and the proof of that. If both
/// have the same size, their roots are proof enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    form: String,
    /// The key that signed both.
    log: String,
    /// The smaller checkpoint, a signed note.
    earlier: String,
    /// The larger one, a signed note.
    later: String,
    /// The root, in base64, of the first entries of the later tree: as many as the earlier tree has.
    begins: String,
    /// The consistency proof from that root to the later one (RFC 6962, section 2.1.2), hashes in base64.
    proof: Vec<String>,
}

/// Why a file proves no fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForkError {
    /// Not a fork report.
    #[error("expected a fork report, JSON of the form {FORM}: {0}")]
    Form(String),
    /// The key can't be read.
    #[error("log: expected a vkey: {0}")]
    Key(String),
    /// A checkpoint that the log did not sign.
    #[error("{which}: {error}")]
    Checkpoint {
        /// `earlier` or `later`.
        which: &'static str,
        /// Why not.
        error: CheckpointError,
    },
    /// The later tree does not begin as the report says.
    #[error("proof: {0}")]
    Proof(#[from] ProofError),
    /// The later tree continues the earlier one.
    #[error("the later checkpoint continues the earlier one: both can be true")]
    NoFork,
}

/// A fork that was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The key that signed both.
    pub log: VerifyingKey,
    /// The smaller checkpoint.
    pub earlier: Checkpoint,
    /// The larger one.
    pub later: Checkpoint,
}

impl Fork {
    /// Compares `earlier`, a checkpoint that somebody else was given, with `later`, one of the same log that is as large or
    /// larger and whose tree can be read. `None` if `later` continues `earlier`.
    ///
    /// # Errors
    /// [`PathError`] if `later` is smaller or its nodes can't be read.
    pub fn find<R: NodeReader + ?Sized>(
        log: &VerifyingKey,
        earlier: &SignedCheckpoint,
        later: &SignedCheckpoint,
        nodes: &R,
    ) -> Result<Option<Self>, PathError<R::Error>> {
        let (old, size) = (earlier.checkpoint().size(), later.checkpoint().size());
        if old == size {
            return Ok(Self::of_one_size(log, earlier, later));
        }
        let path = consistency_path(old, size, nodes)?;
        let begins = root(old, nodes).map_err(PathError::Read)?;
        Ok((begins != earlier.checkpoint().root()).then(|| Self {
            form: FORM.to_owned(),
            log: log.to_string(),
            earlier: earlier.note().as_str().to_owned(),
            later: later.note().as_str().to_owned(),
            begins: begins.to_base64(),
            proof: path.iter().map(|hash| hash.to_base64()).collect(),
        }))
    }

    /// Compares two checkpoints of one log and of one size. `None` if their roots are the same. `None` too if their sizes
    /// differ: then only the tree can tell.
    pub fn of_one_size(
        log: &VerifyingKey,
        earlier: &SignedCheckpoint,
        later: &SignedCheckpoint,
    ) -> Option<Self> {
        let (one, other) = (earlier.checkpoint(), later.checkpoint());
        (one.size() == other.size() && one.root() != other.root()).then(|| Self {
            form: FORM.to_owned(),
            log: log.to_string(),
            earlier: earlier.note().as_str().to_owned(),
            later: later.note().as_str().to_owned(),
            begins: other.root().to_base64(),
            proof: Vec::new(),
        })
    }

    /// Reads a report and checks it by itself.
    ///
    /// # Errors
    /// [`ForkError`] if it proves nothing.
    pub fn prove(bytes: &[u8]) -> Result<Proved, ForkError> {
        if bytes.len() > MAX_FORK {
            return Err(ForkError::Form(format!("at most {MAX_FORK} bytes, found {}", bytes.len())));
        }
        let fork: Self = serde_json::from_slice(bytes).map_err(|e| ForkError::Form(json_fault(&e)))?;
        if fork.form != FORM {
            return Err(ForkError::Form("another form".into()));
        }
        let log: VerifyingKey = fork.log.parse().map_err(|e| ForkError::Key(format!("{e}")))?;
        let open = |which, note: &str| {
            let found = note.len();
            let fit = if found > MAX_CHECKPOINT {
                Err(NoteError::TooLong { limit: MAX_CHECKPOINT, found }.into())
            } else {
                Checkpoint::open(note.as_bytes(), &log)
            };
            fit.map_err(|error| ForkError::Checkpoint { which, error })
        };
        let earlier = open("earlier", &fork.earlier)?.checkpoint().clone();
        let later = open("later", &fork.later)?.checkpoint().clone();
        let hash = |text: &str| Hash::from_base64(text).ok_or(ForkError::Form("a hash".into()));
        if fork.proof.len() > 2 * MAX_PATH {
            return Err(ForkError::Form(format!("a proof of at most {} hashes", 2 * MAX_PATH)));
        }
        let proof = fork.proof.iter().map(|text| hash(text)).collect::<Result<Vec<_>, _>>()?;
        let begins = hash(&fork.begins)?;
        verify_consistency(earlier.size(), &begins, later.size(), &later.root(), &proof)?;
        if begins == earlier.root() {
            return Err(ForkError::NoFork);
        }
        Ok(Proved { log, earlier, later })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{MemoryTree, leaf_hash},
        note::{KeyId, SignatureLine, SigningKey},
    };

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32])
    }

    /// A log in which the entry at `forged`, if there is one, is another.
    fn tree(size: u64, forged: Option<u64>) -> MemoryTree {
        (0..size).map(|i| leaf_hash(format!("{i} {}", forged == Some(i)).as_bytes())).collect()
    }

    fn signed(tree: &MemoryTree) -> SignedCheckpoint {
        Checkpoint::new("log.example".parse().unwrap(), tree.size(), tree.root())
            .unwrap()
            .sign(&key())
            .unwrap()
    }

    fn find(earlier: &MemoryTree, later: &MemoryTree) -> Option<Fork> {
        Fork::find(key().verifying_key(), &signed(earlier), &signed(later), later).unwrap()
    }

    #[test]
    fn a_fork_is_proved_by_its_report_alone_at_every_size() {
        for later in [1, 2, 3, 7, 8, 20, 300] {
            for earlier in 1..=later.min(40) {
                assert_eq!(find(&tree(earlier, None), &tree(later, None)), None);
                let fork = find(&tree(earlier, Some(earlier / 2)), &tree(later, None)).unwrap();
                let report = serde_json::to_vec(&fork).unwrap();
                let proved = Fork::prove(&report).unwrap();
                assert_eq!((proved.earlier.size(), proved.later.size()), (earlier, later));
                assert_eq!(proved.log, *key().verifying_key());
            }
        }
    }

    #[test]
    fn nobody_is_accused_by_a_forged_report() {
        let fork = find(&tree(5, Some(2)), &tree(9, None)).unwrap();
        let prove = |fork: &Fork| Fork::prove(&serde_json::to_vec(fork).unwrap());
        assert!(prove(&fork).is_ok());
        // An honest log: its own checkpoint in place of the forged one, whatever root is claimed.
        let honest = signed(&tree(5, None)).note().as_str().to_owned();
        let other = Fork { earlier: honest.clone(), ..fork.clone() };
        assert_eq!(prove(&other), Err(ForkError::NoFork));
        let claimed = Fork { begins: tree(5, Some(1)).root().to_base64(), ..other };
        assert!(matches!(prove(&claimed), Err(ForkError::Proof(_))));
        let unsigned = Fork { earlier: fork.earlier.replace("\n5\n", "\n6\n"), ..fork.clone() };
        assert!(matches!(prove(&unsigned), Err(ForkError::Checkpoint { which: "earlier", .. })));
        let stranger = SigningKey::from_seed("log.example".parse().unwrap(), &[6; 32]);
        let other = Fork { log: stranger.verifying_key().to_string(), ..fork.clone() };
        assert!(matches!(prove(&other), Err(ForkError::Checkpoint { .. })));
        let swapped = Fork { earlier: fork.later.clone(), later: fork.earlier.clone(), ..fork.clone() };
        assert!(matches!(prove(&swapped), Err(ForkError::Proof(_))));
        let short = Fork { proof: fork.proof[1..].to_vec(), ..fork.clone() };
        assert!(matches!(prove(&short), Err(ForkError::Proof(_))));
        let long = Fork { proof: vec![fork.begins.clone(); 1_000], ..fork.clone() };
        assert!(matches!(prove(&long), Err(ForkError::Form(_))));
        assert!(matches!(prove(&Fork { form: "x".into(), ..fork }), Err(ForkError::Form(_))));
        let named = format!(r#"{{"FORK\n{}":1}}"#, "x".repeat(9_000));
        let said = Fork::prove(named.as_bytes()).unwrap_err().to_string();
        assert!(said.len() < 250 && !said.contains('\n'), "{said}");
        for bytes in [&b""[..], b"{}", b"[]", b"\xff", &[b'['; 300_000]] {
            assert!(matches!(Fork::prove(bytes), Err(ForkError::Form(_))));
        }
    }

    #[test]
    fn a_report_is_read_up_to_its_longest_length() {
        let fork = find(&tree(5, Some(2)), &tree(9, None)).unwrap();
        let mut report = serde_json::to_vec(&fork).unwrap();
        report.resize(MAX_FORK, b' ');
        assert!(Fork::prove(&report).is_ok());
        report.push(b' ');
        assert!(matches!(Fork::prove(&report), Err(ForkError::Form(_))));
    }

    #[test]
    fn a_checkpoint_in_a_report_is_read_up_to_its_longest_length() {
        let fork = find(&tree(5, Some(2)), &tree(9, None)).unwrap();
        // Adds a line of another key, which nobody checks, so that the checkpoint has exactly this length.
        let lengthened = |length: usize| {
            let line = |name: usize, signature: usize| {
                SignatureLine::new(&"x".repeat(name), KeyId([0; 4]), &vec![0; signature]).to_string()
            };
            let missing = length - fork.earlier.len();
            let signature = (missing - 100) / 4 * 3;
            let name = missing - line(1, signature).len() + 1;
            Fork { earlier: fork.earlier.clone() + &line(name, signature), ..fork.clone() }
        };
        let prove = |fork: &Fork| Fork::prove(&serde_json::to_vec(fork).unwrap());
        let longest = lengthened(MAX_CHECKPOINT);
        assert_eq!(longest.earlier.len(), MAX_CHECKPOINT);
        assert!(prove(&longest).is_ok());
        let found = MAX_CHECKPOINT + 1;
        let error = NoteError::TooLong { limit: MAX_CHECKPOINT, found }.into();
        assert_eq!(prove(&lengthened(found)), Err(ForkError::Checkpoint { which: "earlier", error }));
    }

    #[test]
    fn a_proof_in_a_report_has_at_most_two_hashes_for_each_level_of_the_tree() {
        let fork = find(&tree(5, Some(2)), &tree(9, None)).unwrap();
        let of = |hashes| {
            let long = Fork { proof: vec![fork.begins.clone(); hashes], ..fork.clone() };
            Fork::prove(&serde_json::to_vec(&long).unwrap())
        };
        assert!(matches!(of(2 * MAX_PATH), Err(ForkError::Proof(_))), "read, and wrong");
        let message = format!("a proof of at most {} hashes", 2 * MAX_PATH);
        assert_eq!(of(2 * MAX_PATH + 1), Err(ForkError::Form(message)));
    }
}
