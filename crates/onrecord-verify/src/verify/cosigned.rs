//! Finds a checkpoint that witnesses have cosigned, while the latest is not cosigned yet.

use super::source::{Source, SourceError};
use crate::{
    log::{Checkpoint, MAX_PROOF, Policy, SignedCheckpoint, TlogProof},
    note::VerifyingKey,
};

/// The checkpoint of the proofs that a ledger serves, if it is cosigned as `policy` asks; else `None`.
///
/// A ledger that never pauses has no cosignatures on its latest checkpoint for long, so it proves its entries in an earlier
/// one. A plain copy of a ledger's files serves no proofs: also `None`.
///
/// # Errors
/// [`SourceError`].
pub fn cosigned(
    source: &dyn Source,
    key: &VerifyingKey,
    policy: &Policy,
) -> Result<Option<SignedCheckpoint>, SourceError> {
    let Some(bytes) = source.get("proof/0", MAX_PROOF)? else { return Ok(None) };
    let note = TlogProof::parse(&bytes).ok().map(|proof| proof.checkpoint().clone());
    let signed = note.and_then(|note| Checkpoint::open_note(note, key).ok());
    Ok(signed.filter(|signed| policy.cosigned(signed.note()).quorum().is_ok()))
}
