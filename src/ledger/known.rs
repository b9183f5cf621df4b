//! How far the log came by the word of each place in a folder that knows it. Where one of them knows more than the log that
//! is there, or another history, a part of the folder was put back to an earlier day, or is not there: what was acknowledged
//! is missing, and a writer would give its numbers again. Such a folder is never written to.

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

/// Checkpoints of a kind that are looked at, the largest first: others say less.
const LOOKED_AT: usize = 64;

/// What one place knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The place, relative to the folder.
    pub place: String,
    /// So many entries were on record.
    pub size: u64,
    /// The root of their tree, where it is known.
    pub root: Option<Hash>,
}

/// All that a folder knows, and what is the matter with what should know.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    known: Vec<Known>,
    /// Checkpoints that lie in the folder beside the log.
    pub checkpoints: Vec<SignedCheckpoint>,
    /// Places that say nothing, and why: an operator is told, and the next start makes them anew.
    pub silent: Vec<(String, &'static str)>,
}

impl Knowledge {
    /// Reads what lies beside the log. What can't be read says nothing here.
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

    /// Adds what the index says, which knows no root.
    pub fn with_index(&mut self, position: Option<&IndexPosition>) {
        if let Some(position) = position {
            self.put("index", position.size, None);
        }
    }

    fn put(&mut self, place: &str, size: u64, root: Option<Hash>) {
        self.known.push(Known { place: place.to_owned(), size, root });
    }

    /// How many entries were on record, by the place that knows most.
    pub fn most(&self) -> u64 {
        self.known.iter().map(|known| known.size).max().unwrap_or(0)
    }

    /// What is missing of the log, of which so many entries are there, in words for whoever can put it back.
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

    /// Which place knows another history than the log that is there, in words. `root_of` gives the root of so many
    /// entries of it, for sizes that are there.
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

/// Checkpoints of this log in files named by their sizes, or in folders so named; the largest first. What is none is left
/// out: whoever uses it says so.
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
