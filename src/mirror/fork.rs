//! The proof in a mirror's folder that the log signed two histories.

use std::path::PathBuf;

use crate::{
    ledger::folder::Folder,
    log::{Fork, MAX_FORK},
    note::VerifyingKey,
    proof_file,
};

/// The file in a mirror's folder that proves that the log with the key `log` signed two histories. A file of that name that
/// proves nothing is passed over: it accuses nobody.
pub(super) fn fork_in(folder: &Folder, log: &VerifyingKey) -> Option<PathBuf> {
    let is_one = |bytes: &[u8]| Fork::prove(bytes).is_ok_and(|proved| proved.log == *log);
    proof_file::find(&folder.fork(), MAX_FORK, is_one)
}
