//! What a witness has cosigned: the latest checkpoint of each log, and the one step that replaces it.
//!
//! ```text
//! <folder>/
//!   lock                      held by the one process that cosigns
//!   <SHA-256 of origin>/      lower-case hex
//!     checkpoint              the latest that was cosigned, with the log's signature and the witness's
//!     fork.json               if the log signed two trees of one size: the proof
//!     fork-earlier, -later    instead of fork.json: the two checkpoints, if this project can't read the log's key or notes
//!   tmp/<SHA-256 of origin>/  files being written, before they are renamed into place
//! ```

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::log_key::{LogCheckpoint, LogKey, NoCheckpoint};
use crate::{
    ledger::{LedgerError, folder::Folder, folder_lock},
    log::{
        AddCheckpoint, Checkpoint, CosigningKey, Fork, Hash, MAX_CHECKPOINT, MAX_COSIGNATURE_TIME, MAX_FORK,
        ProofError, WitnessKey, verify_consistency,
    },
    note::{NoteError, SignatureLine, SignedNote, VerifyingKey},
    proof_file::{self, Kept},
    store::{
        Doing as _, StoreError,
        disk::{Disk, Placing, RealDisk},
    },
};

/// If the clock is behind the last cosignature by at most this many seconds, the next one repeats its time.
const CLOCK_STEP: u64 = 10;
/// The same checkpoint sent again within this many seconds gets the same cosignature, so that nobody can make the witness
/// write to its disk without end.
const AGAIN: u64 = 10;

/// Why a witness can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// A call to the system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another process uses this folder to cosign.
    #[error("{0} is open in another process")]
    Locked(String),
    /// A stored checkpoint is not one that this witness can have stored.
    #[error("{0}")]
    Broken(String),
    /// The same key of a log was given twice.
    #[error("{0}: this key of the log was given twice")]
    KeyTwice(String),
}

impl From<StoreError> for WitnessError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Io { what, source } => Self::Io { what, source },
            StoreError::Broken(why) => Self::Broken(why),
        }
    }
}

impl From<LedgerError> for WitnessError {
    fn from(e: LedgerError) -> Self {
        match e {
            LedgerError::Io { what, source } => Self::Io { what, source },
            LedgerError::Locked(dir) => Self::Locked(dir),
            e => Self::Broken(e.to_string()),
        }
    }
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A log that is not in this witness's configuration.
    #[error("unknown log")]
    UnknownLog,
    /// Not signed by a key of the log, or signed but not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] NoCheckpoint),
    /// The note with the cosignature can't be put together.
    #[error("signature: {0}")]
    Signature(NoteError),
    /// The old size is above the checkpoint's.
    #[error("old size: expected at most {size}, the checkpoint's, found {old}")]
    OldAbove {
        /// The old size that was sent.
        old: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// The old size is not that of the checkpoint cosigned last.
    #[error("old size: expected {size}, that of the checkpoint cosigned last")]
    Conflict {
        /// The size of the checkpoint cosigned last, 0 for none.
        size: u64,
    },
    /// The checkpoint is not shown to continue the one cosigned last.
    #[error("consistency proof: {0}")]
    Proof(ProofError),
    /// The log signed another tree of the same size.
    #[error("another root of the same size was cosigned before")]
    OtherRoot,
    /// The clock can't be right.
    #[error("the clock of the witness is wrong")]
    Clock,
    /// The disk failed, and the witness cosigns nothing any more.
    #[error("the witness stopped: {0}")]
    Stopped(String),
}

/// A witness: its key, and what it cosigned.
pub struct Witness {
    key: CosigningKey,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    /// By origin.
    logs: HashMap<String, Log>,
    /// Why nothing is cosigned any more, in words that may be shown to anyone.
    fault: OnceLock<String>,
    _lock: fs::File,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("key", &self.key).field("dir", &self.dir).finish_non_exhaustive()
    }
}

struct Log {
    origin: String,
    keys: Vec<LogKey>,
    /// The folder's name: SHA-256 of the origin in hex.
    name: String,
    /// Locked from the first look at it until the new one is written, so that check and replacement are one step.
    latest: Mutex<Option<Latest>>,
}

/// The checkpoint that was cosigned last, and is on disk.
struct Latest {
    checkpoint: LogCheckpoint,
    /// The checkpoint with the lines of the log's keys, which were checked, and the witness's own. Other lines were not checked
    /// and are left out.
    note: SignedNote,
    time: u64,
    line: SignatureLine,
}

impl Witness {
    /// Opens the folder of a witness, and makes it if it does not exist.
    ///
    /// # Errors
    /// [`WitnessError`], also if a stored checkpoint was cosigned with another key, or not signed with a key of its log.
    pub fn open(dir: &Path, key: CosigningKey, logs: Vec<LogKey>) -> Result<Self, WitnessError> {
        Self::open_on(Arc::new(RealDisk), dir, key, logs)
    }

    /// As [`open`](Self::open), on the given disk. The lock is always on the disk of this machine.
    fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        key: CosigningKey,
        logs: Vec<LogKey>,
    ) -> Result<Self, WitnessError> {
        let made = |source| WitnessError::Io { what: format!("create {}", dir.display()), source };
        fs::create_dir_all(dir).map_err(made)?;
        let lock = folder_lock::lock(&Folder::new(dir))?;
        let mut keys: HashMap<String, Vec<LogKey>> = HashMap::new();
        for log in logs {
            let of_origin = keys.entry(log.origin().to_owned()).or_default();
            if of_origin.contains(&log) {
                return Err(WitnessError::KeyTwice(log.origin().to_owned()));
            }
            of_origin.push(log);
        }
        let mut by_origin = HashMap::new();
        for (origin, keys) in keys {
            let name = name_of(&origin);
            let tmp = tmp_of(dir, &name);
            disk.create_dir_all(&tmp).doing(|| format!("create {}", tmp.display()))?;
            let latest = read_latest(&*disk, &dir.join(&name).join("checkpoint"), &keys, &key.witness_key())?;
            let size = latest.as_ref().map_or(0, |l| l.checkpoint.size);
            tracing::info!(origin, size, "witness of a log");
            let log = Log { origin: origin.clone(), keys, name, latest: Mutex::new(latest) };
            by_origin.insert(origin, log);
        }
        Ok(Self { key, dir: dir.to_owned(), disk, logs: by_origin, fault: OnceLock::new(), _lock: lock })
    }

    /// The key that its cosignatures are checked with.
    pub fn key(&self) -> WitnessKey {
        self.key.witness_key()
    }

    /// Why nothing is cosigned any more, in words that may be shown to anyone; `None` while the witness works. The cause is in
    /// the program's log.
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    /// The latest checkpoint that was cosigned of the log whose origin has this SHA-256, in lower-case hex, with the
    /// log's signature and the witness's (`c2sp.org/tlog-witness`, monitor retrieval).
    pub fn latest(&self, origin_hash: &str) -> Option<SignedNote> {
        let log = self.logs.values().find(|log| log.name == origin_hash)?;
        let latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().map(|l| l.note.clone())
    }

    /// Cosigns a checkpoint at the time `now`, in seconds since 1970, if it continues the one cosigned last. The cosignature
    /// is returned only once the checkpoint is durable. Calls for the same log wait for each other.
    ///
    /// # Errors
    /// [`Refused`], in the order of the spec's checks.
    pub fn add_checkpoint(&self, request: &AddCheckpoint, now: u64) -> Result<SignatureLine, Refused> {
        let log = self.logs.get(request.origin()).ok_or(Refused::UnknownLog)?;
        let checkpoint = LogCheckpoint::open(request.checkpoint(), &log.keys)?;
        let (old, size) = (request.old(), checkpoint.size);
        if old > size {
            return Err(Refused::OldAbove { old, size });
        }

        let mut latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = self.fault() {
            return Err(Refused::Stopped(why.to_owned()));
        }
        let before = latest.as_ref().map(|l| (l.checkpoint.size, l.checkpoint.root));
        let (known, root) = before.unwrap_or((0, Hash::EMPTY_ROOT));
        if old != known {
            return Err(Refused::Conflict { size: known });
        }
        if let Some(last) = latest.as_ref().filter(|_| known == size) {
            if checkpoint.root != root {
                self.keep_fork(log, &last.checkpoint, &checkpoint);
                return Err(Refused::OtherRoot);
            }
            let same = checkpoint.note.text() == last.checkpoint.note.text();
            if same && request.proof().is_empty() && now.abs_diff(last.time) < AGAIN {
                return Ok(last.line.clone());
            }
        }
        verify_consistency(known, &root, size, &checkpoint.root, request.proof()).map_err(Refused::Proof)?;
        let time = next_time(latest.as_ref().map(|l| l.time), now).ok_or_else(|| {
            tracing::error!(
                now,
                "the clock is behind the last cosignature, or can't be right: nothing is cosigned"
            );
            Refused::Clock
        })?;
        let cosigned = self.cosign(checkpoint, time)?;
        if let Err(e) = self.persist(log, &cosigned.note) {
            // Only a fresh start, which reads the disk, can tell how much of it was written.
            return Err(self.stop(&e));
        }
        let line = cosigned.line.clone();
        *latest = Some(cosigned);
        Ok(line)
    }

    fn cosign(&self, checkpoint: LogCheckpoint, time: u64) -> Result<Latest, Refused> {
        let line = self.key.cosign_text(checkpoint.note.text(), time).map_err(|_| Refused::Clock)?;
        let note =
            checkpoint.note.with_signatures(std::slice::from_ref(&line)).map_err(Refused::Signature)?;
        Ok(Latest { checkpoint, note, time, line })
    }

    fn persist(&self, log: &Log, note: &SignedNote) -> Result<(), StoreError> {
        let mut placing = Placing::new(&*self.disk, tmp_of(&self.dir, &log.name));
        placing.place(&self.dir.join(&log.name).join("checkpoint"), note.as_bytes())?;
        placing.sync()
    }

    /// Keeps two signed checkpoints of the same size with different roots: they prove to anyone that the log lied. Only the
    /// first such pair is kept.
    fn keep_fork(&self, log: &Log, ours: &LogCheckpoint, theirs: &LogCheckpoint) {
        let dir = self.dir.join(&log.name);
        tracing::error!(origin = log.origin, folder = %dir.display(), "the log signed two trees of one size");
        let place = |files: &[(PathBuf, &[u8])]| {
            let mut placing = Placing::named(&*self.disk, tmp_of(&self.dir, &log.name), "fork");
            let placed = files.iter().try_for_each(|(path, bytes)| placing.place(path, bytes));
            placed.and_then(|()| placing.sync())
        };
        let mut failed = None;
        if let Some((key, proof)) = fork_of(&log.keys, ours, theirs) {
            let path = dir.join("fork.json");
            let is_one = |bytes: &[u8]| Fork::prove(bytes).is_ok_and(|proved| proved.log == key);
            if proof_file::find(&path, MAX_FORK, is_one).is_some() {
                return;
            }
            let write =
                |name: &Path| place(&[(name.to_owned(), &proof)]).map_err(|e| failed.insert(e).to_string());
            if let Kept::Nowhere { why, proof } = proof_file::keep(&path, &proof, write) {
                tracing::error!(why, proof, "the proof can't be written; this is all there is of it");
            }
        } else {
            let [earlier, later] = ["fork-earlier", "fork-later"].map(|name| dir.join(name));
            if self.disk.exists(&earlier) || self.disk.exists(&later) {
                return;
            }
            failed = place(&[(earlier, ours.note.as_bytes()), (later, theirs.note.as_bytes())]).err();
        }
        if let Some(e) = failed {
            let _ = self.stop(&e);
        }
    }

    fn stop(&self, cause: &StoreError) -> Refused {
        tracing::error!(%cause, "the witness stops");
        let why = self.fault.get_or_init(|| "a checkpoint could not be made durable".to_owned());
        Refused::Stopped(why.clone())
    }
}

/// The proof of a fork, as this program can check it; `None` if it can't read the log's key or checkpoints.
fn fork_of(keys: &[LogKey], ours: &LogCheckpoint, theirs: &LogCheckpoint) -> Option<(VerifyingKey, Vec<u8>)> {
    keys.iter().find_map(|key| {
        let key: VerifyingKey = key.vkey().parse().ok()?;
        let open = |c: &LogCheckpoint| Checkpoint::open_note(c.note.clone(), &key).ok();
        let fork = Fork::of_one_size(&key, &open(ours)?, &open(theirs)?)?;
        serde_json::to_vec_pretty(&fork).ok().map(|proof| (key, proof))
    })
}

/// The time of a cosignature after one at `last`; `None` if the clock can't be right.
fn next_time(last: Option<u64>, now: u64) -> Option<u64> {
    let last = last.unwrap_or(0);
    let right = (1..=MAX_COSIGNATURE_TIME).contains(&now) && now.saturating_add(CLOCK_STEP) >= last;
    right.then(|| now.max(last))
}

/// The name of a log's folder: SHA-256 of its origin in lower-case hex.
pub(super) fn name_of(origin: &str) -> String {
    Hash(Sha256::digest(origin.as_bytes()).into()).to_hex()
}

fn tmp_of(dir: &Path, name: &str) -> PathBuf {
    dir.join("tmp").join(name)
}

fn read_latest(
    disk: &dyn Disk,
    path: &Path,
    log: &[LogKey],
    own: &WitnessKey,
) -> Result<Option<Latest>, WitnessError> {
    let broken = |why: String| WitnessError::Broken(format!("{}: {why}", path.display()));
    let Some(bytes) = disk.read(path).doing(|| format!("read {}", path.display()))? else { return Ok(None) };
    let note = SignedNote::parse(&bytes, MAX_CHECKPOINT).map_err(|e| broken(e.to_string()))?;
    let checkpoint = LogCheckpoint::open(&note, log).map_err(|e| broken(e.to_string()))?;
    let found = own.find(&note).map_err(|e| broken(e.to_string()))?;
    Ok(Some(Latest { checkpoint, note, time: found.time(), line: found.line().clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{MemoryTree, consistency_path, leaf_hash},
        note::SigningKey,
        store::simulated::{Fault, Random, SimulatedDisk},
    };

    const NOW: u64 = 1_700_000_000;

    fn log() -> SigningKey {
        SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32])
    }

    fn key() -> CosigningKey {
        CosigningKey::new(SigningKey::from_seed("w.example".parse().unwrap(), &[6; 32]))
    }

    /// A log's tree; `forged` logs have other entries.
    fn tree(size: u64, forged: bool) -> MemoryTree {
        (0..size).map(|i| leaf_hash(format!("{i} {forged}").as_bytes())).collect()
    }

    fn request(old: u64, tree: &MemoryTree) -> AddCheckpoint {
        let checkpoint = Checkpoint::new("log.example".parse().unwrap(), tree.size(), tree.root()).unwrap();
        let note = checkpoint.sign(&log()).unwrap().note().clone();
        AddCheckpoint::new(old, consistency_path(old, tree.size(), tree).unwrap(), note).unwrap()
    }

    fn open_witness(disk: &SimulatedDisk, dir: &Path) -> Result<Witness, WitnessError> {
        Witness::open_on(Arc::new(disk.clone()), dir, key(), vec![log().verifying_key().into()])
    }

    fn size(witness: &Witness) -> u64 {
        let note = witness.latest(&name_of("log.example"));
        note.map_or(0, |n| Checkpoint::parse_text(n.text()).unwrap().size())
    }

    #[test]
    fn no_cosignature_is_given_that_a_power_cut_could_forget() {
        let (mut given, mut stopped) = (0, 0);
        // Placing a checkpoint takes these calls: create, write, sync, make the folder, rename, sync the folders.
        for at in 0..24 {
            for fault in [Fault::Error(5), Fault::Error(28), Fault::ShortWrite] {
                let dir = tempfile::tempdir().unwrap();
                let disk = SimulatedDisk::default();
                disk.create_dir_all(dir.path()).unwrap();
                dir.path().ancestors().for_each(|d| disk.sync_dir(d).unwrap());
                let witness = open_witness(&disk, dir.path()).unwrap();
                disk.fail_after(at, fault);
                let mut cosigned = 0;
                for step in 1..=3 {
                    match witness.add_checkpoint(&request(cosigned, &tree(step * 4, false)), NOW + step) {
                        Ok(_) => cosigned = step * 4,
                        Err(Refused::Stopped(_)) => break,
                        Err(e) => panic!("{e}"),
                    }
                }
                given += cosigned;
                if witness.fault().is_some() {
                    stopped += 1;
                    let calls = disk.calls();
                    let again = witness.add_checkpoint(&request(cosigned, &tree(12, false)), NOW + 9);
                    assert!(matches!(again, Err(Refused::Stopped(_))), "{again:?}");
                    assert_eq!(disk.calls(), calls, "nothing is tried again");
                    assert_eq!(size(&witness), cosigned);
                }
                drop(witness);
                for seed in 0..6 {
                    let after = disk.after_power_cut(&mut Random::new(seed));
                    let witness = open_witness(&after, dir.path()).unwrap();
                    assert!(size(&witness) >= cosigned, "call {at}, {fault:?}: {cosigned} was forgotten");
                    // A fork from before what was cosigned is never cosigned.
                    for old in 0..cosigned {
                        let refused = witness.add_checkpoint(&request(old, &tree(20, true)), NOW + 20);
                        assert!(matches!(refused, Err(Refused::Conflict { .. })), "{refused:?}");
                    }
                }
            }
        }
        assert!(given > 100 && stopped > 10, "{given} {stopped}");
    }

    #[test]
    fn time_never_goes_backwards() {
        let dir = tempfile::tempdir().unwrap();
        let witness = Witness::open(dir.path(), key(), vec![log().verifying_key().into()]).unwrap();
        let time = |old, size, now| {
            let line = witness.add_checkpoint(&request(old, &tree(size, false)), now)?;
            let (time, _) = line.signature().split_first_chunk().unwrap();
            Ok(u64::from_be_bytes(*time))
        };
        assert_eq!(time(0, 1, 0), Err(Refused::Clock));
        assert_eq!(time(0, 1, MAX_COSIGNATURE_TIME + 1), Err(Refused::Clock));
        assert_eq!(time(0, 1, NOW), Ok(NOW));
        assert_eq!(time(1, 2, NOW - CLOCK_STEP), Ok(NOW), "a small step back repeats the time");
        assert_eq!(time(2, 3, NOW - CLOCK_STEP - 1), Err(Refused::Clock));
        assert_eq!(time(2, 2, NOW + AGAIN - 1), Ok(NOW), "the same is given again");
        assert_eq!(time(2, 2, NOW + AGAIN), Ok(NOW + AGAIN));
        drop(witness);
        let witness = Witness::open(dir.path(), key(), vec![log().verifying_key().into()]).unwrap();
        let late = witness.add_checkpoint(&request(2, &tree(3, false)), NOW - 1);
        assert_eq!(late.unwrap_err(), Refused::Clock, "also after a start");
    }

    #[test]
    fn a_folder_serves_one_process_one_key_and_one_log_key() {
        let dir = tempfile::tempdir().unwrap();
        let open = |key, logs: &[&SigningKey]| {
            Witness::open(dir.path(), key, logs.iter().map(|l| l.verifying_key().into()).collect())
        };
        let witness = open(key(), &[&log()]).unwrap();
        assert!(matches!(open(key(), &[&log()]), Err(WitnessError::Locked(_))));
        witness.add_checkpoint(&request(0, &tree(3, false)), NOW).unwrap();
        drop(witness);
        let other = CosigningKey::new(SigningKey::from_seed("w.example".parse().unwrap(), &[7; 32]));
        assert!(matches!(open(other, &[&log()]), Err(WitnessError::Broken(_))));
        let other = SigningKey::from_seed("log.example".parse().unwrap(), &[7; 32]);
        assert!(matches!(open(key(), &[&other]), Err(WitnessError::Broken(_))));
        assert!(matches!(open(key(), &[&log(), &log()]), Err(WitnessError::KeyTwice(_))));
        // A byte that rotted.
        let path = dir.path().join(name_of("log.example")).join("checkpoint");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\n3\n", "\n2\n", 1)).unwrap();
        assert!(matches!(open(key(), &[&log()]), Err(WitnessError::Broken(_))));
        fs::write(&path, text).unwrap();
        assert_eq!(size(&open(key(), &[&log()]).unwrap()), 3);
    }

    #[test]
    fn a_log_that_signs_two_trees_of_one_size_is_proved_to() {
        let dir = tempfile::tempdir().unwrap();
        let witness = Witness::open(dir.path(), key(), vec![log().verifying_key().into()]).unwrap();
        witness.add_checkpoint(&request(0, &tree(3, false)), NOW).unwrap();
        let forged = witness.add_checkpoint(&request(3, &tree(3, true)), NOW + 1);
        assert_eq!(forged, Err(Refused::OtherRoot));
        let file = dir.path().join(name_of("log.example")).join("fork.json");
        let proved = Fork::prove(&fs::read(&file).unwrap()).unwrap();
        assert_eq!((proved.earlier.size(), proved.later.size()), (3, 3));
        assert!(witness.fault().is_none());
        assert!(witness.add_checkpoint(&request(3, &tree(4, false)), NOW + 2).is_ok());
    }

    #[test]
    fn a_fork_is_refused_whatever_becomes_of_its_proof() {
        let mut stopped = 0;
        for at in 0..24 {
            for fault in [Fault::Error(5), Fault::Error(28), Fault::ShortWrite] {
                let dir = tempfile::tempdir().unwrap();
                let disk = SimulatedDisk::default();
                disk.create_dir_all(dir.path()).unwrap();
                let witness = open_witness(&disk, dir.path()).unwrap();
                witness.add_checkpoint(&request(0, &tree(3, false)), NOW).unwrap();
                disk.fail_after(at, fault);
                let forged = witness.add_checkpoint(&request(3, &tree(3, true)), NOW + 1);
                assert_eq!(forged, Err(Refused::OtherRoot), "call {at}, {fault:?}");
                assert_eq!(size(&witness), 3);
                // A disk that took no proof may take no checkpoint either.
                let is_one = |(path, bytes): (PathBuf, Vec<u8>)| {
                    path.ends_with("fork.json") && Fork::prove(&bytes).is_ok()
                };
                let is_kept = disk.files().into_iter().any(is_one);
                assert!(is_kept || witness.fault().is_some(), "call {at}, {fault:?}");
                stopped += usize::from(witness.fault().is_some());
            }
        }
        assert!(stopped > 6, "{stopped}");
        // If other files have all names of the proof, the program's log tells it, and nothing is wrong with the disk.
        let dir = tempfile::tempdir().unwrap();
        let witness = Witness::open(dir.path(), key(), vec![log().verifying_key().into()]).unwrap();
        witness.add_checkpoint(&request(0, &tree(3, false)), NOW).unwrap();
        let file = dir.path().join(name_of("log.example")).join("fork.json");
        fs::write(&file, "an older proof").unwrap();
        (2..=99).for_each(|n| fs::write(file.with_file_name(format!("fork-{n}.json")), "taken").unwrap());
        let forged = witness.add_checkpoint(&request(3, &tree(3, true)), NOW + 1);
        assert_eq!((forged, witness.fault()), (Err(Refused::OtherRoot), None));
        assert_eq!(fs::read(&file).unwrap(), b"an older proof");
    }
}
