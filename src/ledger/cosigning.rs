//! Taking in cosignatures of witnesses: one that a witness gave, and at a start those on disk.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{cosigned::NotKept, error::LedgerError, shared::Shared};
use crate::{
    log::{
        Checkpoint, CheckpointError, MAX_CHECKPOINT, MAX_LEAD, SignedCheckpoint, WitnessKey, is_later_than,
        root,
    },
    note::{SignatureLine, SignedNote},
    store::Doing as _,
};

/// Adds a cosignature. From then on, readers get it with the checkpoint.
pub(super) fn add(
    shared: &Shared,
    checkpoint: &SignedCheckpoint,
    witness: &WitnessKey,
    line: &SignatureLine,
) -> Result<(), NotKept> {
    if !shared.cosigned().asks(witness) {
        return Err(NotKept::Stranger { name: witness.name().to_owned() });
    }
    let alone = SignedNote::assemble(checkpoint.note().text(), std::slice::from_ref(line));
    let seen = witness.find(&alone.map_err(CheckpointError::from)?)?.time();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if seen > now.saturating_add(MAX_LEAD) {
        return Err(NotKept::Ahead { name: witness.name().to_owned() });
    }
    // Recorded time never runs backwards, so the last entry below the checkpoint is the latest.
    let last = checkpoint.checkpoint().size().checked_sub(1).and_then(|index| {
        let raw = shared.entry(index).ok().flatten()?;
        shared.parse(index, &raw).ok()
    });
    if last.is_some_and(|entry| is_later_than(entry.header().time, seen)) {
        return Err(NotKept::Behind { name: witness.name().to_owned() });
    }
    add_lines(shared, checkpoint, std::slice::from_ref(line))?;
    Ok(())
}

fn add_lines(
    shared: &Shared,
    checkpoint: &SignedCheckpoint,
    lines: &[SignatureLine],
) -> Result<(), CheckpointError> {
    shared.cosigned().add(checkpoint, shared.log_key(), lines, |cosigned| {
        shared.show_cosigned(cosigned);
    })
}

/// Takes up the cosigned checkpoints on disk, at a start. Those that are no good checkpoint of this log as it is now are left
/// out.
pub(super) fn take_up(shared: &Shared, published: Option<&SignedCheckpoint>) -> Result<(), LedgerError> {
    if !shared.cosigned().asks_any() {
        return Ok(());
    }
    let dir = shared.folder().cosigned();
    let mut found: Vec<SignedCheckpoint> = published.cloned().into_iter().collect();
    for name in shared.disk().list(&dir).doing(|| format!("list {}", dir.display()))? {
        let path = dir.join(&name);
        let bytes =
            shared.disk().read(&path).doing(|| format!("read {}", path.display()))?.unwrap_or_default();
        match Checkpoint::open(bytes.get(..MAX_CHECKPOINT).unwrap_or(&bytes), shared.log_key()) {
            Ok(checkpoint) => found.push(checkpoint),
            Err(error) => tracing::warn!(file = %path.display(), %error, "a cosigned checkpoint is left out"),
        }
    }
    let size = shared.recent().size();
    for checkpoint in found {
        let of = checkpoint.checkpoint();
        // One of a log that was put back to an earlier size proves nothing of this one.
        if of.size() > size || root(of.size(), shared)? != of.root() {
            tracing::error!(size = of.size(), "a cosigned checkpoint is not of the log that is here");
            continue;
        }
        if let Err(error) = add_lines(shared, &checkpoint, checkpoint.note().signatures()) {
            tracing::warn!(size = of.size(), %error, "a cosigned checkpoint is left out");
        }
    }
    Ok(())
}
