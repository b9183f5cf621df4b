//! A small ledger to test with: the events in it, and how they are recorded.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

#[path = "../../crates/onrecord-verify/tests/support/said.rs"]
pub mod said;

use std::path::Path;

use onrecord::{
    event::{Digest, EventId, FileRef},
    ledger::{Ledger, Options, Submission},
    log::{Checkpoint, MemoryTree, decode_bundle, encode_bundle, encode_hashes, leaf_hash},
};
pub use said::*;
use serde_json::{Value, json};

/// Copies a folder with its modes: that of `keys` matters.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), &target).unwrap()),
        }
    }
}

pub fn init(dir: &Path) {
    let words = object(json!({"name": "A test ledger"}));
    Ledger::init(dir, origin(), key(ORIGIN, 1), &operator(), words).unwrap();
}

pub fn open(dir: &Path) -> Ledger {
    Ledger::open(dir, Options::default()).unwrap()
}

/// Records the small story: a recorder, an agency, a case (entries 1 to 4).
pub fn tell(ledger: &Ledger) -> Story {
    let (story, told) = told();
    for answer in ledger.record_blocking(told, true) {
        answer.unwrap();
    }
    story
}

/// Records a signed event. Gives its id and its index.
pub fn record(ledger: &Ledger, (id, submission): (EventId, Submission)) -> (EventId, u64) {
    (id, ledger.record_blocking(vec![submission], false).remove(0).unwrap().index)
}

/// Records all of these, each for itself.
pub fn record_all(ledger: &Ledger, submissions: Vec<Submission>) {
    ledger.record_blocking(submissions, false).into_iter().for_each(|answer| drop(answer.unwrap()));
}

/// Records `n` statements. Gives their ids.
pub fn statements(ledger: &Ledger, story: &Story, n: usize) -> Vec<EventId> {
    let (ids, batch): (Vec<_>, Vec<_>) =
        (0..n).map(|i| statement(story, &format!("kenyataan {i} {n}"))).unzip();
    for chunk in batch.chunks(100) {
        ledger.record_blocking(chunk.to_vec(), true).into_iter().for_each(|answer| drop(answer.unwrap()));
    }
    ids
}

/// An exhibit that the desk captured: files, which must be uploaded.
pub fn captured(story: &Story, description: &str, files: &[FileRef]) -> (EventId, Submission) {
    let facts = json!({"method": "scan", "captured": "2023-12-15"});
    let words = Some(json!({"description": description}));
    let mut said = say("exhibit.captured", Some(story.case), Value::Null, facts, words);
    said.files = files;
    said.sign(&[&desk()])
}

/// The operator withholds parts of an entry: `content`, `files/0`. Nothing more is said of it.
pub fn withhold(
    case: Option<EventId>,
    entry: EventId,
    ground: &str,
    blobs: &[&str],
) -> (EventId, Submission) {
    let facts = json!({"ground": ground, "blobs": blobs});
    say("content.withheld", case, json!({"entry": entry}), facts, None).sign(&[&operator()])
}

pub fn upload(ledger: &Ledger, name: &str, bytes: &[u8]) -> FileRef {
    use sha2::Digest as _;
    let blake3 = Digest::blake3(bytes);
    let mut upload = ledger.upload(blake3, [127, 0, 0, 1].into()).unwrap();
    upload.write(bytes).unwrap();
    upload.finish().unwrap();
    FileRef {
        name: name.into(),
        blake3,
        sha256: Digest(sha2::Sha256::digest(bytes).into()),
        size: bytes.len() as u64,
        media: "text/plain".into(),
    }
}

/// Spoils the author's signature under the last entry of `public/`, which holds `size` entries in partial tiles. Then signs the
/// new root: the holder of the log's key can put anything under a root, but can't sign for others.
pub fn spoil_last(public: &Path, size: u16) {
    let bundle = public.join(format!("tile/entries/000.p/{size}"));
    let bytes = std::fs::read(&bundle).unwrap();
    let mut entries: Vec<Vec<u8>> =
        decode_bundle(&bytes, size).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    // The chain of entries stays whole: none comes after the last.
    let last = entries.last_mut().unwrap();
    let at = last.len() - 30;
    last[at] = if last[at] == b'A' { b'B' } else { b'A' };
    let leaves: Vec<_> = entries.iter().map(|e| leaf_hash(e)).collect();
    let tree: MemoryTree = leaves.iter().copied().collect();
    std::fs::write(&bundle, encode_bundle(&entries).unwrap()).unwrap();
    std::fs::write(public.join(format!("tile/0/000.p/{size}")), encode_hashes(&leaves).unwrap()).unwrap();
    let checkpoint =
        Checkpoint::new(origin(), size.into(), tree.root()).unwrap().sign(&key(ORIGIN, 1)).unwrap();
    std::fs::write(public.join("checkpoint"), checkpoint.note().as_bytes()).unwrap();
}
