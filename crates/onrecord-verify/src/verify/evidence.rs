//! Looks for a proof for anybody that the log signed what no log may: an entry that was refused and that can't be true by
//! itself, beside the time of a witness, or beside an entry before it.
//!
//! An entry before it is looked for only where the rows of all entries before it say that there can be one.

use super::{
    Source,
    bundle::raw_entries,
    tile_nodes::{NoNode, TileNodes},
};
use crate::{
    log::{
        Contradiction, Hash, Policy, Rows, SignedCheckpoint, Suspect, TILE_ITEMS, inclusion_path, leaf_hash,
        verify_inclusion,
    },
    note::VerifyingKey,
};

/// An entry that was refused, in the tree of a checkpoint.
pub struct Evidence<'a> {
    log: &'a VerifyingKey,
    checkpoint: &'a SignedCheckpoint,
    nodes: TileNodes<'a>,
    at: u64,
    raw: &'a [u8],
    suspect: Suspect,
}

impl<'a> Evidence<'a> {
    /// `None` if the entry can't be read: then it shows nothing that others could check.
    pub fn of(
        source: &'a dyn Source,
        log: &'a VerifyingKey,
        checkpoint: &'a SignedCheckpoint,
        at: u64,
        raw: &'a [u8],
    ) -> Option<Self> {
        let suspect = Suspect::read(at, raw, checkpoint.checkpoint().origin())?;
        let nodes = TileNodes::new(source, checkpoint.checkpoint().size());
        Some(Self { log, checkpoint, nodes, at, raw, suspect })
    }

    /// The entry that was refused.
    pub fn suspect(&self) -> &Suspect {
        &self.suspect
    }

    fn path(&self, index: u64) -> Result<Vec<Hash>, NoNode> {
        inclusion_path(index, self.checkpoint.checkpoint().size(), &self.nodes).map_err(|_| NoNode)
    }

    /// Whether the entry stands under the signed root.
    pub fn is_signed(&self) -> Result<bool, NoNode> {
        let (size, root) = (self.checkpoint.checkpoint().size(), self.checkpoint.checkpoint().root());
        let path = self.path(self.at)?;
        Ok(verify_inclusion(&leaf_hash(self.raw), self.at, size, &root, &path).is_ok())
    }

    /// What the entry proves by itself, or beside the time of a policy's witness.
    pub fn alone(&self, policy: Option<&Policy>) -> Result<Option<Contradiction>, NoNode> {
        let first = policy.and_then(|policy| policy.cosigned(self.checkpoint.note()).first);
        let witness = first.map(|(witness, _)| witness);
        let witness = witness.filter(|key| self.suspect.beside_witness(key, self.checkpoint));
        let alone = self.suspect.alone();
        if !alone && witness.is_none() {
            return Ok(None);
        }
        let entry = vec![(self.at, self.raw, self.path(self.at)?)];
        let witness = witness.as_ref().filter(|_| !alone);
        Ok(Contradiction::new(self.log, self.checkpoint, entry, witness))
    }

    /// What the entry proves beside an earlier one.
    pub fn beside(&self, index: u64, other: &[u8]) -> Result<Option<Contradiction>, NoNode> {
        if !self.suspect.beside(index, other) {
            return Ok(None);
        }
        let both = vec![(index, other, self.path(index)?), (self.at, self.raw, self.path(self.at)?)];
        Ok(Contradiction::new(self.log, self.checkpoint, both, None))
    }
}

/// The bundles of a source. The one that was read last is kept.
struct Bundles<'a> {
    source: &'a dyn Source,
    size: u64,
    last: Option<(u64, Vec<Vec<u8>>)>,
}

impl Bundles<'_> {
    /// The entries of a bundle, as far as they can be taken apart.
    fn bundle(&mut self, number: u64) -> Option<&[Vec<u8>]> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, raw_entries(self.source, number, self.size)?));
        }
        self.last.as_ref().map(|(_, entries)| entries.as_slice())
    }

    fn entry(&mut self, index: u64) -> Option<&[u8]> {
        self.bundle(index / TILE_ITEMS)?.get((index % TILE_ITEMS) as usize).map(Vec::as_slice)
    }
}

/// The contradiction that the refused entry `at` proves, if there is one, from a source alone.
///
/// `rows` are those of all entries before it, or `None` if rows of later entries are among them. `tell` is called after each
/// bundle in which another entry was looked for: with how many entries were looked at, and of how many.
pub(super) fn contradiction(
    source: &dyn Source,
    log: &VerifyingKey,
    checkpoint: &SignedCheckpoint,
    policy: Option<&Policy>,
    at: u64,
    rows: Option<&impl Rows>,
    tell: &dyn Fn(u64, u64),
) -> Option<Contradiction> {
    let mut bundles = Bundles { source, size: checkpoint.checkpoint().size(), last: None };
    let raw = bundles.entry(at)?.to_vec();
    let evidence = Evidence::of(source, log, checkpoint, at, &raw)?;
    // An entry that the log did not sign may be the work of the copy's maker, and proves nothing against the log.
    if !evidence.is_signed().ok()? {
        return None;
    }
    if let Some(found) = evidence.alone(policy).ok()? {
        return Some(found);
    }
    let places = evidence.suspect().places(rows?);
    for index in places.entries {
        if let Some(found) = evidence.beside(index, bundles.entry(index)?).ok()? {
            return Some(found);
        }
    }
    // The rows do not say at which index a thread ends, so its last entry is looked for.
    let from = places.ends.iter().map(|(_, from)| *from).min()?;
    for number in (from / TILE_ITEMS..at.div_ceil(TILE_ITEMS)).rev() {
        let first = number * TILE_ITEMS;
        let others = bundles.bundle(number)?;
        for index in (first.max(from)..at.min(first + TILE_ITEMS)).rev() {
            let other = others.get((index - first) as usize)?;
            if let Some(found) = evidence.beside(index, other).ok()? {
                return Some(found);
            }
        }
        tell(at - first.max(from), at - from);
    }
    None
}
