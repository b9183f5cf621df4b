//! Looks for what proves to anybody that the log signed what no log may.

use super::{
    Source,
    bundle::{WIDTH, raw_entries},
    tile_nodes::TileNodes,
};
use crate::{
    log::{Contradiction, Hash, Policy, SignedCheckpoint, inclusion_path},
    note::VerifyingKey,
};

/// The contradiction between an entry that was refused and another before it, a witness, or the formats, if it is one
/// that a stranger can check by these alone. An entry that is not under the signed root proves nothing.
pub(super) fn contradiction(
    source: &dyn Source,
    log: &VerifyingKey,
    checkpoint: &SignedCheckpoint,
    policy: Option<&Policy>,
    at: u64,
) -> Option<Contradiction> {
    let (size, origin) = (checkpoint.checkpoint().size(), checkpoint.checkpoint().origin());
    let nodes = TileNodes::new(source, size);
    let path = |index: u64| -> Option<Vec<Hash>> { inclusion_path(index, size, &nodes).ok() };
    let bundle = raw_entries(source, at / WIDTH, size)?;
    let entry = bundle.get((at % WIDTH) as usize)?;
    if Contradiction::alone(at, entry, origin) {
        return Contradiction::new(log, checkpoint, vec![(at, entry, path(at)?)], None);
    }
    if let Some((witness, _)) = policy.and_then(|p| p.cosigned(checkpoint.note()).first)
        && let Some(found) = Contradiction::new(log, checkpoint, vec![(at, entry, path(at)?)], Some(&witness))
    {
        return Some(found);
    }
    // The nearest first: chain and time are broken between neighbours.
    for index in (0..=at / WIDTH).rev() {
        let others = raw_entries(source, index, size)?;
        for (i, other) in others.iter().enumerate().rev().map(|(i, other)| (index * WIDTH + i as u64, other))
        {
            if i < at && Contradiction::between((i, other), (at, entry), origin) {
                let both = vec![(i, other.as_slice(), path(i)?), (at, entry.as_slice(), path(at)?)];
                return Contradiction::new(log, checkpoint, both, None);
            }
        }
    }
    None
}
