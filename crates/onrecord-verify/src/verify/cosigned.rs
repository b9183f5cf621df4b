//! A checkpoint that witnesses have cosigned, where the latest is still without them.

use super::source::{Source, SourceError};
use crate::{
    log::{Checkpoint, MAX_PROOF, Policy, SignedCheckpoint, TlogProof},
    note::VerifyingKey,
};

/// The checkpoint of the proofs that a ledger gives, if it is cosigned as a policy asks. A ledger that never pauses has
/// none on its latest checkpoint for long, and proves its entries in an earlier one. `None` where the source gives no
/// proofs, as a copy of its files.
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
