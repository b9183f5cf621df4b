//! A small ledger to test with: what is said in it, told to a ledger that is open.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

#[path = "../../crates/onrecord-verify/tests/support/said.rs"]
pub mod said;

use std::path::Path;

use onrecord::{
    event::{Digest, FileRef},
    ledger::{Ledger, Options, Submission},
};
pub use said::*;
use serde_json::json;

/// Copies a folder, modes and all: that of `keys` matters.
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
