//! The record of the largest head that the log ever signed. It is one of the places that tell how far the log came.
//!
//! ```text
//! signed   two lines, each in 512 bytes of its own: "onrecord signed 1", entries in 20 digits, the root in 64 hex
//!          digits, BLAKE3 of all before in hex, spaces, "\n"; the larger one counts
//! ```
//!
//! A line is overwritten and synced once a batch is durable in the journal, and before anything that was signed over it
//! leaves. So the record never says more than is durable. The other line, of the batch before, stays as it is meanwhile, so
//! nothing is lost by a write that is cut short.

use std::path::{Path, PathBuf};

use super::{
    Doing as _, StoreError,
    disk::{Disk, DiskFile, Placing},
};
use crate::{event::Digest, log::Hash};

const NAME: &str = "onrecord signed 1 ";
/// Bytes of a line. A disk writes whole sectors, of at least 512 bytes, so a torn write of one line does not touch the other.
const LINE: usize = 512;

/// Size and root of a tree that was signed.
pub(crate) type Head = (u64, Hash);

/// What the record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The largest head that it names.
    pub head: Option<Head>,
    /// What is wrong with the file: it is missing, or not as this ledger writes it.
    pub fault: Option<&'static str>,
}

fn line((size, root): Head) -> String {
    let text = format!("{NAME}{size:020} {} ", root.to_hex());
    let digest = blake3::hash(text.as_bytes()).to_hex();
    format!("{:<width$}\n", format!("{text}{digest}"), width = LINE - 1)
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.strip_prefix(NAME)?.split_ascii_whitespace();
    let size = words.next()?.parse().ok()?;
    let root: Digest = words.next()?.parse().ok()?;
    let head = (size, Hash(root.0));
    // There is only one way to write a head, digest included.
    (line(head) == text).then_some(head)
}

/// Reads the record.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Signed, StoreError> {
    let bytes = disk.read(path).doing(|| format!("read {}", path.display()))?;
    let Some(bytes) = bytes else { return Ok(Signed { head: None, fault: Some("missing") }) };
    let heads: Vec<Head> = bytes.chunks(LINE).filter_map(parse).collect();
    let whole = bytes.len() == 2 * LINE && heads.len() == 2;
    let fault = (!whole).then_some("not as this ledger writes it");
    Ok(Signed { head: heads.into_iter().max_by_key(|head| head.0), fault })
}

/// The record, open for writing.
pub(crate) struct HeadRecord {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    /// Where the next line goes, in bytes: over the older of the two.
    at: u64,
}

impl HeadRecord {
    /// Makes the record anew, whole or not at all. All entries below the head must be durable.
    pub fn begin(disk: &dyn Disk, path: &Path, tmp: &Path, head: Head) -> Result<Self, StoreError> {
        let line = line(head);
        let mut placing = Placing::named(disk, tmp.to_owned(), "signed");
        let file = placing.place_open(path, [line.as_bytes(), line.as_bytes()].concat().as_slice())?;
        placing.sync()?;
        Ok(Self { file, path: path.to_owned(), at: 0 })
    }

    /// Writes a head, and returns when it is durable. After an error nothing more may be signed.
    pub fn put(&mut self, head: Head) -> Result<(), StoreError> {
        self.file
            .overwrite(self.at, line(head).as_bytes())
            .and_then(|()| self.file.sync_data())
            .doing(|| format!("write {}", self.path.display()))?;
        self.at = LINE as u64 - self.at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::simulated::{Random, SimulatedDisk};

    fn begun(disk: &dyn Disk) -> HeadRecord {
        let dir = Path::new("/d");
        disk.create_dir_all(dir).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        HeadRecord::begin(disk, &dir.join("signed"), dir, head(7)).unwrap()
    }

    fn head(size: u64) -> Head {
        (size, Hash([size as u8; 32]))
    }

    #[test]
    fn the_largest_head_is_named_after_a_power_cut_at_any_moment() {
        let path = Path::new("/d/signed");
        for seed in 0..500 {
            let disk = SimulatedDisk::default();
            let mut record = begun(&disk);
            let mut random = Random::new(seed);
            let mut named = head(7);
            disk.cut_after(random.below(9));
            for size in 8..12 {
                let tried = record.put(head(size));
                let after = read(&disk.after_power_cut(&mut random), path).unwrap();
                assert!(
                    after.head == Some(named) || after.head == Some(head(size)),
                    "seed {seed}: {after:?}"
                );
                if tried.is_err() {
                    break;
                }
                named = head(size);
                let after = read(&disk.after_power_cut(&mut random), path).unwrap();
                assert_eq!((after.head, after.fault), (Some(named), None), "seed {seed}");
            }
        }
    }

    #[test]
    fn no_flipped_or_lost_byte_makes_it_say_more_or_go_unnoticed() {
        let disk = SimulatedDisk::default();
        let mut record = begun(&disk);
        record.put(head(8)).unwrap();
        let path = Path::new("/d/signed");
        let whole = disk.read(path).unwrap().unwrap();
        assert_eq!((whole.len(), whole.is_ascii()), (2 * LINE, true));
        let says = |bytes: &[u8]| {
            let mut file = disk.create(path).unwrap();
            crate::store::disk::write_all(&mut *file, bytes).unwrap();
            read(&disk, path).unwrap()
        };
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for bytes in [&flipped, &whole[..at]] {
                let found = says(bytes);
                assert!(found.fault.is_some() && found.head.is_none_or(|h| h.0 <= 8), "byte {at}: {found:?}");
            }
        }
        assert_eq!(says(&whole), Signed { head: Some(head(8)), fault: None });
        disk.remove(path).unwrap();
        assert_eq!(read(&disk, path).unwrap().fault, Some("missing"));
    }
}
