//! How far the log came, according to each place in a folder that knows it.
//!
//! If a place knows of more entries than the log in the folder has, or of another history, then a part of the folder was put
//! back to an earlier state, or is missing. Acknowledged entries are missing then, and a writer would give their indexes
//! again. So such a folder is never written to.

use std::fmt::Write as _;

use super::{error::LedgerError, folder::Folder, timestamped::CHECKPOINT};
use crate::{
    log::{Checkpoint, Hash, MAX_CHECKPOINT, SignedCheckpoint, parse_decimal},
    note::VerifyingKey,
    store::{
        Doing as _,
        disk::Disk,
        head,
        index::IndexPosition,
        journal::{Acknowledged, Recovered},
    },
};

/// The most checkpoints of a kind that are looked at, the largest first. Smaller ones would tell nothing more.
const LOOKED_AT: usize = 64;

/// What one place knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The place, relative to the folder.
    pub place: String,
    /// The number of entries that were on record.
    pub size: u64,
    /// The root of their tree, where it is known.
    pub root: Option<Hash>,
}

/// All that the places of a folder know, and which of them tell nothing.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    known: Vec<Known>,
    /// Checkpoints from `cosigned/` and `timestamps/`.
    pub checkpoints: Vec<SignedCheckpoint>,
    /// Places that tell nothing, and why. The operator is told, and the next start makes them anew.
    pub silent: Vec<(String, &'static str)>,
}

impl Knowledge {
    /// Reads the places beside the log. A place whose content is missing or damaged tells nothing.
    ///
    /// # Errors
    /// [`LedgerError::Io`] if the disk fails.
    pub fn read(
        disk: &dyn Disk,
        folder: &Folder,
        log_key: &VerifyingKey,
        recovered: &Recovered,
    ) -> Result<Self, LedgerError> {
        let mut this = Self::default();
        let signed = head::read(disk, &folder.signed())?;
        if let Some((size, root)) = signed.head {
            this.put("signed", size, Some(root));
        }
        this.silent.extend(signed.fault.map(|fault| ("signed".to_owned(), fault)));
        let mark = "journal/acknowledged";
        match recovered.acknowledged {
            Acknowledged::Entries(size) => this.put(mark, size, None),
            Acknowledged::Missing => this.silent.push((mark.to_owned(), "missing")),
            Acknowledged::Damaged => this.silent.push((mark.to_owned(), "not as this ledger writes it")),
        }
        // A segment begins where the log ended.
        if let Some(first) = recovered.segments.iter().max() {
            this.put(&format!("journal/{first:020}"), *first, None);
        }
        for checkpoint in largest(disk, folder, log_key, "cosigned", "")? {
            let of = checkpoint.checkpoint();
            this.put(&format!("cosigned/{}", of.size()), of.size(), Some(of.root()));
            this.checkpoints.push(checkpoint);
        }
        for checkpoint in largest(disk, folder, log_key, "timestamps", CHECKPOINT)? {
            let of = checkpoint.checkpoint();
            this.put(&format!("timestamps/{}", of.size()), of.size(), Some(of.root()));
            this.checkpoints.push(checkpoint);
        }
        Ok(this)
    }

    /// Whether the folder was last written by a version that kept no record of heads.
    pub fn is_of_earlier_version(&self) -> bool {
        self.silent.iter().any(|(place, why)| place == "signed" && *why == "missing")
    }

    /// Adds the size that the index knows. It knows no root.
    pub fn with_index(&mut self, position: Option<&IndexPosition>) {
        if let Some(position) = position {
            self.put("index", position.size, None);
        }
    }

    fn put(&mut self, place: &str, size: u64, root: Option<Hash>) {
        self.known.push(Known { place: place.to_owned(), size, root });
    }

    /// The number of entries that were on record, by the place that knows most.
    pub fn most(&self) -> u64 {
        self.known.iter().map(|known| known.size).max().unwrap_or(0)
    }

    /// Which entries are missing if the log here has `here` entries, in words for the operator. `None` if no place knows more.
    /// `data` is the folder, as the command in the message names it.
    pub fn missing(&self, here: u64, data: &str) -> Option<String> {
        let most = self.most();
        if most <= here {
            return None;
        }
        let mut message = match most - here {
            1 => format!("entry {here} is missing"),
            _ => format!("entries {here} to {} are missing", most - 1),
        };
        let more = self.known.iter().filter(|known| known.size > here);
        let places: Vec<String> = more.map(|k| format!("{} {}", k.place, k.size)).collect();
        // Writing to a string does not fail.
        let _ = write!(
            message,
            ": {most} were acknowledged, and public/ and the journal hold {here} (what knows more: {}). Put back public/ \
             as it was, if it is on a disk that is not there, or a newer copy of it; or take what is missing from a \
             mirror: onrecord repair --data {data} --from URL",
            places.join(", ")
        );
        Some(message)
    }

    /// Which place knows another history than the log here, which has `here` entries, in words for the operator. `root_of` gives
    /// the root of the log's first entries, for sizes up to `here`.
    pub fn other<E>(
        &self,
        here: u64,
        mut root_of: impl FnMut(u64) -> Result<Option<Hash>, E>,
    ) -> Result<Option<String>, E> {
        for known in self.known.iter().filter(|known| known.size <= here && known.size > 0) {
            let (Some(expected), Some(found)) = (known.root, root_of(known.size)?) else { continue };
            if expected != found {
                return Ok(Some(format!(
                    "{}: the log was signed with another history of its first {} entries than public/ and the journal \
                     hold: one of them is not of this folder. Find out which before anything is recorded",
                    known.place, known.size
                )));
            }
        }
        Ok(None)
    }
}

/// Checkpoints of this log below the folder `kind`, the largest first. They lie in files named for their sizes, or, if `file`
/// is not empty, in files of that name in folders named for their sizes. Files that hold no such checkpoint are left out here:
/// the code that uses them logs that.
fn largest(
    disk: &dyn Disk,
    folder: &Folder,
    log_key: &VerifyingKey,
    kind: &str,
    file: &str,
) -> Result<Vec<SignedCheckpoint>, LedgerError> {
    let dir = folder.root().join(kind);
    let names = disk.list(&dir).doing(|| format!("list {}", dir.display()))?;
    let mut sizes: Vec<u64> = names.iter().filter_map(|name| parse_decimal(name)).collect();
    sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
    let mut found = Vec::new();
    for size in sizes.into_iter().take(LOOKED_AT) {
        let mut path = dir.join(size.to_string());
        if !file.is_empty() {
            path = path.join(file);
        }
        let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?.unwrap_or_default();
        let opened = Checkpoint::open(bytes.get(..MAX_CHECKPOINT).unwrap_or(&bytes), log_key);
        found.extend(opened.ok().filter(|checkpoint| checkpoint.checkpoint().size() == size));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_who_knows_it_and_where_it_can_be_had() {
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.missing(0, "d"), None);
        knowledge.put("signed", 95, Some(Hash([1; 32])));
        knowledge.put("cosigned/90", 90, Some(Hash([2; 32])));
        knowledge.put("index", 94, None);
        assert_eq!(knowledge.missing(95, "d"), None);
        let said = knowledge.missing(90, "d").unwrap();
        assert!(said.starts_with("entries 90 to 94 are missing: 95 were acknowledged"), "{said}");
        assert!(said.contains("(what knows more: signed 95, index 94)") && said.contains("repair --data d"));
        assert!(knowledge.missing(94, "d").unwrap().starts_with("entry 94 is missing"));
        let root = |n: u64| Ok::<_, ()>(Some(Hash([if n == 95 { 1 } else { 3 }; 32])));
        assert!(knowledge.other(95, root).unwrap().unwrap().starts_with("cosigned/90: "));
        assert_eq!(knowledge.other(89, root), Ok(None));
        assert_eq!(knowledge.other(95, |_| Ok::<_, ()>(None)), Ok(None));
    }
}
