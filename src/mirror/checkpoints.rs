//! The checkpoints that a source shows, as far as they concern a mirror.

use super::pass::MirrorError;
use crate::{
    log::{Checkpoint, MAX_CHECKPOINT, Policy, SignedCheckpoint},
    note::VerifyingKey,
    verify::{Fault, Place, Source, cosigned, read_whole},
};

/// The checkpoints that a source shows.
pub(super) struct Seen {
    /// The latest, signed by the log.
    pub latest: SignedCheckpoint,
    /// An earlier checkpoint that the policy's witnesses cosigned, if they have not cosigned the latest.
    pub cosigned: Option<SignedCheckpoint>,
}

impl Seen {
    /// The checkpoint up to which entries are copied.
    pub fn taken(self) -> SignedCheckpoint {
        self.cosigned.unwrap_or(self.latest)
    }
}

/// Reads the source's latest checkpoint and, if the policy's witnesses have not cosigned it, an earlier one that they have:
/// `heading`, where no later one is cosigned yet.
pub(super) fn seen(
    source: &dyn Source,
    key: &VerifyingKey,
    policy: Option<&Policy>,
    heading: Option<&SignedCheckpoint>,
) -> Result<Seen, MirrorError> {
    let refused = |what: String| MirrorError::Refused(Fault { place: Place::Checkpoint, what });
    let bytes = match source.look("checkpoint")? {
        Ok(reader) => read_whole("checkpoint", reader, MAX_CHECKPOINT)?,
        Err(absent) => {
            let of = source.describe();
            return Err(MirrorError::Unreachable(format!("{of}: there is no checkpoint{absent}")));
        }
    };
    let latest = Checkpoint::open(&bytes, key).map_err(|e| refused(e.to_string()))?;
    let Some((policy, why)) =
        policy.and_then(|policy| Some((policy, policy.cosigned(latest.note()).quorum().err()?)))
    else {
        return Ok(Seen { latest, cosigned: None });
    };
    let earlier = cosigned(source, key, policy)?.ok_or_else(|| refused(why.to_string()))?;
    let size = |signed: &SignedCheckpoint| signed.checkpoint().size();
    let stays = |heading: &&SignedCheckpoint| {
        size(heading) > size(&earlier) && policy.cosigned(heading.note()).quorum().is_ok()
    };
    let cosigned = heading.filter(stays).cloned().unwrap_or(earlier);
    Ok(Seen { latest, cosigned: Some(cosigned) })
}
