//! Whether the entries of a bundle stand under a checkpoint, and which one does not.

use crate::{
    log::{Checkpoint, Hash, TILE_ITEMS, TileKind, TilePath, inclusion_path, verify_inclusion},
    verify::{Fault, Place, TileNodes},
};

/// Whether the leaves of a bundle stand under the checkpoint's root; `first` is the index of the first leaf. One inclusion
/// path is enough, since the path of the first leaf is computed from all other leaves of its tile.
pub(super) fn is_proved(nodes: &TileNodes<'_>, first: u64, leaves: &[Hash], checkpoint: &Checkpoint) -> bool {
    let (size, root) = (checkpoint.size(), checkpoint.root());
    let Ok(width) = u16::try_from(leaves.len()) else { return false };
    let Ok(path) = TilePath::new(TileKind::Hashes { level: 0 }, first / TILE_ITEMS, width) else {
        return false;
    };
    if first + leaves.len() as u64 != size.min(first + TILE_ITEMS) {
        return false;
    }
    nodes.know(path, leaves.to_vec());
    leaves.first().is_some_and(|leaf| {
        inclusion_path(first, size, nodes)
            .is_ok_and(|path| verify_inclusion(leaf, first, size, &root, &path).is_ok())
    })
}

/// Names the entry of a bundle that is not the one under the root, as far as the source's own hash tile (`said`) tells.
pub(super) fn blame(
    nodes: &TileNodes<'_>,
    first: u64,
    found: &[Hash],
    said: Result<Vec<Hash>, Fault>,
    checkpoint: &Checkpoint,
) -> Fault {
    let said = match said {
        Ok(said) => said,
        Err(fault) => return fault,
    };
    let differs = found.iter().zip(&said).position(|(found, said)| found != said);
    if !is_proved(nodes, first, &said, checkpoint) {
        let what = "the tiles do not lead to the root of the checkpoint".to_owned();
        return Fault { place: differs.map_or(Place::Tree, |at| Place::Entry(first + at as u64)), what };
    }
    let at = differs.unwrap_or(0);
    let (said, found) = (said[at].to_hex(), found[at].to_hex());
    let what = format!("leaf hash: found {found}, expected {said}, which is under the signed root");
    Fault { place: Place::Entry(first + at as u64), what }
}
