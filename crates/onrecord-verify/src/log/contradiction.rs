//! Entries under one signed root that no honest log can hold, in one file that anybody can check by itself.

use serde::{Deserialize, Serialize};

use super::{
    Checkpoint, Entry, EntryError, Hash, SignedCheckpoint, TlogProof, TlogProofError, WitnessKey, added_keys,
    json_fault, policy::is_later_than, thread_of,
};
use crate::{
    event::Body,
    note::{Origin, VerifyingKey},
};

/// The value of `form` in the file.
const FORM: &str = "onrecord/contradiction/v1";
/// The longest file, in bytes: two of the longest entries with two of the longest proofs, as JSON.
pub const MAX_CONTRADICTION: usize = 1 << 20;

/// A contradiction: one entry or two, each with its proof in one checkpoint that the log signed. The file alone shows that
/// they can't stand there. It does not say what the fault is; its reader finds that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contradiction {
    form: String,
    /// The key that signed the checkpoint.
    log: String,
    /// By index, the earlier first.
    entries: Vec<Included>,
    /// The key of a witness, if the entry contradicts its cosignature below the checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<String>,
}

/// An entry, and the proof that it stands under the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Included {
    entry: String,
    /// A tlog-proof.
    proof: String,
}

/// Why a file proves no contradiction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContradictionError {
    /// Not a contradiction file.
    #[error("expected a contradiction, JSON of the form {FORM}: {0}")]
    Form(String),
    /// A key can't be read.
    #[error("{which}: expected a vkey: {error}")]
    Key {
        /// `log` or `witness`.
        which: &'static str,
        /// Why not.
        error: String,
    },
    /// An entry that is not proved to be in the log's tree.
    #[error("entries[{at}], proof: {error}")]
    Proof {
        /// Which of the entries.
        at: usize,
        /// Why not.
        error: TlogProofError,
    },
    /// An entry that can't be read.
    #[error("entries[{at}]: {error}")]
    Entry {
        /// Which of the entries.
        at: usize,
        /// Why not.
        error: EntryError,
    },
    /// The entries are in trees of two checkpoints.
    #[error("entries[1], proof: expected the checkpoint of the first")]
    OtherCheckpoint,
    /// Nothing in it contradicts anything else in it.
    #[error("nothing in it contradicts anything else in it")]
    None,
}

/// A contradiction that was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradicted {
    /// The key that signed the checkpoint.
    pub log: VerifyingKey,
    /// The checkpoint that it signed.
    pub checkpoint: Checkpoint,
    /// The indexes of the entries in the tree.
    pub entries: Vec<u64>,
    /// The witness, if the entry contradicts its cosignature: then log or witness has told a false time.
    pub witness: Option<WitnessKey>,
    /// What can't be true, in words.
    pub what: String,
}

impl Contradiction {
    /// Whether `bytes` say that they are a contradiction.
    pub fn is_one(bytes: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Form {
            form: String,
        }
        serde_json::from_slice::<Form>(bytes).is_ok_and(|f| f.form == FORM)
    }

    /// Whether the entry `raw` shows by itself that it can't stand at `index` in any log.
    pub fn alone(index: u64, raw: &[u8], origin: &Origin) -> bool {
        Entry::parse(raw, origin).is_ok_and(|entry| in_itself(index, &entry).is_some())
    }

    /// Whether two entries, the first before the second, can't stand in one log.
    pub fn between(first: (u64, &[u8]), second: (u64, &[u8]), origin: &Origin) -> bool {
        match (Entry::parse(first.1, origin), Entry::parse(second.1, origin)) {
            (Ok(a), Ok(b)) => between((first.0, &a), (second.0, &b)).is_some(),
            _ => false,
        }
    }

    /// Puts a contradiction together; `None` unless it proves one.
    pub fn new(
        log: &VerifyingKey,
        checkpoint: &SignedCheckpoint,
        entries: Vec<(u64, &[u8], Vec<Hash>)>,
        witness: Option<&WitnessKey>,
    ) -> Option<Self> {
        let mut all = Vec::with_capacity(entries.len());
        for (index, raw, path) in entries {
            let proof = TlogProof::new(index, path, checkpoint.note().clone()).ok()?.to_string();
            all.push(Included { entry: std::str::from_utf8(raw).ok()?.to_owned(), proof });
        }
        let witness = witness.map(ToString::to_string);
        let this = Self { form: FORM.to_owned(), log: log.to_string(), entries: all, witness };
        this.check().is_ok().then_some(this)
    }

    /// Reads a contradiction and checks it by itself.
    ///
    /// # Errors
    /// [`ContradictionError`] if it proves nothing.
    pub fn prove(bytes: &[u8]) -> Result<Contradicted, ContradictionError> {
        let form = ContradictionError::Form;
        if bytes.len() > MAX_CONTRADICTION {
            return Err(form(format!("at most {MAX_CONTRADICTION} bytes, found {}", bytes.len())));
        }
        let this: Self = serde_json::from_slice(bytes).map_err(|e| form(json_fault(&e)))?;
        this.check()
    }

    fn check(&self) -> Result<Contradicted, ContradictionError> {
        if self.form != FORM || !(1..=2).contains(&self.entries.len()) {
            return Err(ContradictionError::Form("another form, or not one entry or two".into()));
        }
        let bad = |which, error: String| ContradictionError::Key { which, error };
        let log: VerifyingKey = self.log.parse().map_err(|e| bad("log", format!("{e}")))?;
        let witness: Option<WitnessKey> = self
            .witness
            .as_ref()
            .map(|w| w.parse().map_err(|e| bad("witness", format!("{e}"))))
            .transpose()?;
        let (mut entries, mut checkpoint): (Vec<(u64, Entry)>, Option<SignedCheckpoint>) = (Vec::new(), None);
        for (at, included) in self.entries.iter().enumerate() {
            let raw = included.entry.as_bytes();
            let proof = TlogProof::parse(included.proof.as_bytes());
            let (index, signed) = proof
                .and_then(|proof| Ok((proof.index(), proof.verify(raw, &log)?)))
                .map_err(|error| ContradictionError::Proof { at, error })?;
            let entry = Entry::parse(raw, signed.checkpoint().origin())
                .map_err(|error| ContradictionError::Entry { at, error })?;
            if checkpoint.get_or_insert_with(|| signed.clone()).checkpoint() != signed.checkpoint() {
                return Err(ContradictionError::OtherCheckpoint);
            }
            entries.push((index, entry));
        }
        let Some(checkpoint) = checkpoint else { return Err(ContradictionError::None) };
        let what = match (entries.as_slice(), &witness) {
            ([(index, entry)], None) => in_itself(*index, entry),
            ([(index, entry)], Some(key)) => with_witness(*index, entry, key, &checkpoint),
            ([(i, a), (n, b)], None) if i < n => between((*i, a), (*n, b)),
            _ => None,
        };
        Ok(Contradicted {
            log,
            checkpoint: checkpoint.checkpoint().clone(),
            entries: entries.iter().map(|(index, _)| *index).collect(),
            witness,
            what: what.ok_or(ContradictionError::None)?,
        })
    }
}

/// Why an entry can't stand at `index` in any log, as far as it shows that by itself (formats.md, sections 3 to 5).
pub(super) fn in_itself(index: u64, entry: &Entry) -> Option<String> {
    let (header, event) = (entry.header(), entry.event());
    if header.index != index {
        return Some(format!("entry {index} says that it is entry {}", header.index));
    }
    let thread = thread_of(event);
    if header.thread != thread {
        return Some(format!("entry {index} stands in thread {thread}, and says {}", header.thread));
    }
    for (party, j) in &header.signers {
        if *party == header.thread && *j != header.k {
            return Some(format!(
                "entry {index} is number {} of its signer's thread, and says that this ends at {j}",
                header.k
            ));
        }
    }
    if let Some((key, _)) = added_keys(event.body()).iter().find(|(key, _)| !event.by().contains(key)) {
        return Some(format!("entry {index} adds the key {}, which did not sign it", key.name()));
    }
    entry.clone().verify().err().map(|e| format!("entry {index}: {e}"))
}

/// Why two entries can't stand in one log, the first before the second.
pub(super) fn between((i, a): (u64, &Entry), (n, b): (u64, &Entry)) -> Option<String> {
    let (first, second) = (a.header(), b.header());
    if n == i + 1 && second.prev != a.hash() {
        return Some(format!("entry {n} names another entry before it than entry {i}"));
    }
    if second.time < first.time {
        return Some(format!("entry {n} is dated before entry {i}"));
    }
    if a.event().id() == b.event().id() {
        return Some(format!("entries {i} and {n} hold the same event"));
    }
    if first.thread == second.thread {
        let (thread, k, l) = (first.thread, first.k, second.k);
        // n - i - 1 entries stand between them, so there can't be more of their thread.
        if l <= k || l - k > n - i {
            return Some(format!("entries {i} and {n} are numbers {k} and {l} of the thread {thread}"));
        }
    }
    for (party, j) in &second.signers {
        if first.thread == *party && first.k > *j {
            return Some(format!(
                "entry {n} says that the thread of its signer {party} ends at {j}, and entry {i} is number {}",
                first.k
            ));
        }
    }
    for (party, j) in &first.signers {
        if second.thread == *party && second.k <= *j {
            return Some(format!(
                "entry {i} says that the thread of its signer {party} has a number {j}, and entry {n} is number {}",
                second.k
            ));
        }
    }
    for (key, (party, j)) in b.event().by().iter().zip(&second.signers) {
        for (other, (owner, before)) in a.event().by().iter().zip(&first.signers) {
            if key.as_bytes() == other.as_bytes() && party != owner {
                return Some(format!(
                    "by entry {i} the key {} is {owner}'s, by entry {n} {party}'s",
                    key.name()
                ));
            }
            if party == owner && j < before {
                return Some(format!(
                    "the thread of {party} ends at {before} by entry {i}, at {j} by entry {n}"
                ));
            }
        }
    }
    match a.event().body() {
        Body::KeyRevoked(revoked)
            if b.event().by().iter().any(|k| k.as_bytes() == revoked.key.as_bytes()) =>
        {
            Some(format!("entry {i} revokes the key {}, which signs entry {n}", revoked.key.name()))
        }
        _ => None,
    }
}

/// Why an entry can't be in a tree that the witness cosigned at that time.
pub(super) fn with_witness(
    index: u64,
    entry: &Entry,
    key: &WitnessKey,
    checkpoint: &SignedCheckpoint,
) -> Option<String> {
    let (time, seen) = (entry.header().time, key.verify(checkpoint.note()).ok()?);
    is_later_than(time, seen).then(|| {
        format!("entry {index} is dated {time}, and {} cosigned its tree {seen} s after 1970", key.name())
    })
}
