//! The journal: batches as they were committed, each with one `fdatasync`.
//!
//! ```text
//! segment   "onrecord journal 1\n", then frames; its file name is the index of its first entry
//! frame     magic "OJF1" | payload length u32 | first index u64 | entries u32 | BLAKE3 of all that and the payload
//! payload   per entry: length u32, entry, words (flag u8; length u32, bytes), given-back words (flag u8;
//!           index u64, length u32, bytes); at the end: length u32, the checkpoint signed over the batch
//! ```
//!
//! All integers are big-endian. A frame cut short at the end of the journal was never acknowledged and is
//! passed over. A bad frame with a good one behind it is damage, and refused.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Doing as _, StoreError,
    disk::{Disk, DiskFile, write_all},
};

const SEGMENT: &[u8] = b"onrecord journal 1\n";
const MAGIC: &[u8; 4] = b"OJF1";
const HEADER: usize = 4 + 4 + 8 + 4 + 32;
/// The most payload bytes in one frame. The sequencer closes a batch long before.
const MAX_PAYLOAD: usize = 1 << 30;

/// One entry as it is journalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub entry: Arc<[u8]>,
    pub words: Option<Arc<[u8]>>,
    /// With `content.released`: the entry whose words these are.
    pub restored: Option<(u64, Arc<[u8]>)>,
}

/// What a recovery found: entries from an index on, in order.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub first: u64,
    pub records: Vec<Record>,
    pub segments: Vec<u64>,
}

impl Recovered {
    /// The records of entries that are not published: from that index on, if the journal reaches it.
    pub fn above(&self, published: u64) -> &[Record] {
        let skip = usize::try_from(published.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.records.get(skip..).unwrap_or(&[])
    }
}

pub(crate) struct Journal {
    dir: PathBuf,
    file: Box<dyn DiskFile>,
    pub first: u64,
    /// Index of the entry that comes next.
    pub next: u64,
    pub bytes: u64,
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Makes the bytes of one frame.
pub(crate) fn frame(first: u64, records: &[Record], checkpoint: &[u8]) -> Vec<u8> {
    let words = |r: &Record| r.words.as_ref().map_or(0, |w| w.len());
    let restored = |r: &Record| r.restored.as_ref().map_or(0, |(_, w)| w.len());
    // Seven numbers and flags a record at most.
    let room = records.iter().map(|r| r.entry.len() + words(r) + restored(r) + 32).sum::<usize>();
    let mut out = Vec::with_capacity(HEADER + room + 4 + checkpoint.len());
    out.resize(HEADER, 0);
    for r in records {
        put(&mut out, &r.entry);
        out.push(u8::from(r.words.is_some()));
        if let Some(words) = &r.words {
            put(&mut out, words);
        }
        out.push(u8::from(r.restored.is_some()));
        if let Some((index, words)) = &r.restored {
            out.extend_from_slice(&index.to_be_bytes());
            put(&mut out, words);
        }
    }
    put(&mut out, checkpoint);
    let payload = (out.len() - HEADER) as u32;
    out[..4].copy_from_slice(MAGIC);
    out[4..8].copy_from_slice(&payload.to_be_bytes());
    out[8..16].copy_from_slice(&first.to_be_bytes());
    out[16..20].copy_from_slice(&(records.len() as u32).to_be_bytes());
    let digest = digest(&out);
    out[20..HEADER].copy_from_slice(&digest);
    out
}

fn digest(frame: &[u8]) -> [u8; 32] {
    let mut h = blake3::Hasher::new();
    h.update(&frame[..20]);
    h.update(&frame[HEADER..]);
    *h.finalize().as_bytes()
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }
    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }
    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }
    fn bytes(&mut self) -> Option<Arc<[u8]>> {
        let n = self.u32()? as usize;
        self.take(n).map(Arc::from)
    }
}

/// The frame at the start of the bytes: first index, records, length. `None` if it is not whole and good.
fn read_frame(bytes: &[u8]) -> Option<(u64, Vec<Record>, usize)> {
    let mut c = Cursor(bytes);
    if c.take(4)? != MAGIC {
        return None;
    }
    let payload = c.u32()? as usize;
    let first = c.u64()?;
    let count = c.u32()?;
    if payload > MAX_PAYLOAD || bytes.len() < HEADER + payload {
        return None;
    }
    let whole = &bytes[..HEADER + payload];
    if digest(whole) != whole[20..HEADER] {
        return None;
    }
    let mut c = Cursor(&whole[HEADER..]);
    let mut records = Vec::new();
    for _ in 0..count {
        let entry = c.bytes()?;
        let words = if c.u8()? == 1 { Some(c.bytes()?) } else { None };
        let restored = if c.u8()? == 1 { Some((c.u64()?, c.bytes()?)) } else { None };
        records.push(Record { entry, words, restored });
    }
    c.bytes()?;
    c.0.is_empty().then_some((first, records, HEADER + payload))
}

fn name(first: u64) -> String {
    format!("{first:020}")
}

/// Reads all segments in the folder. Entries below `published` are in tiles; segments that hold only such may
/// be missing, because their removal was not yet durable for all.
pub(crate) fn recover(disk: &dyn Disk, dir: &Path, published: u64) -> Result<Recovered, StoreError> {
    let names = disk.list(dir).doing(|| format!("list {}", dir.display()))?;
    let mut out = Recovered::default();
    let mut next: Option<u64> = None;
    for file in names {
        let path = dir.join(&file);
        let broken = |why: String| StoreError::Broken(format!("journal {}: {why}", path.display()));
        let first: u64 = file.parse().map_err(|_| broken("not a segment of a journal".into()))?;
        let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?.unwrap_or_default();
        let mut at = first;
        let mut records = Vec::new();
        let mut rest = match bytes.strip_prefix(SEGMENT) {
            Some(rest) => rest,
            // A segment whose first line was cut short, or never came to stand on the disk, holds nothing yet.
            None if bytes.len() <= SEGMENT.len()
                && bytes.iter().zip(SEGMENT).all(|(b, s)| b == s || *b == 0) =>
            {
                &[]
            }
            None => return Err(broken("the first line is not that of a journal".into())),
        };
        while let Some((index, batch, len)) = read_frame(rest) {
            if index != at {
                return Err(broken(format!("expected entry {at} to come next, found {index}")));
            }
            at += batch.len() as u64;
            records.extend(batch);
            rest = &rest[len..];
        }
        let behind =
            rest.windows(4).enumerate().skip(1).any(|(i, w)| w == MAGIC && read_frame(&rest[i..]).is_some());
        if behind {
            return Err(broken(format!(
                "the batch at entry {at} is damaged, and whole ones stand behind it"
            )));
        }
        out.segments.push(first);
        match next {
            None => out.first = first,
            Some(n) if n == first => {}
            // It could not be begun, so the one before went on.
            Some(n) if first < n && records.is_empty() => continue,
            Some(n) if first > n && first <= published => {
                out.first = first;
                out.records.clear();
            }
            Some(n) => return Err(broken(format!("expected entry {n} to come next, found {first}"))),
        }
        out.records.extend(records);
        next = Some(at);
    }
    Ok(out)
}

impl Journal {
    /// Starts a segment. Any old file of that name held nothing that counts.
    pub fn start(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Self, StoreError> {
        let path = dir.join(name(first));
        let mut file = disk.create(&path).doing(|| format!("create {}", path.display()))?;
        write_all(&mut *file, SEGMENT)
            .and_then(|()| file.sync_data())
            .and_then(|()| disk.sync_dir(dir))
            .doing(|| format!("write {}", path.display()))?;
        Ok(Self { dir: dir.to_owned(), file, first, next: first, bytes: SEGMENT.len() as u64 })
    }

    /// Appends a frame and returns when it is durable. After an error nothing more may be written: what of
    /// the frame is on disk is unknown.
    pub fn append(&mut self, frame: &[u8], entries: u64) -> Result<(), StoreError> {
        write_all(&mut *self.file, frame)
            .and_then(|()| self.file.sync_data())
            .doing(|| format!("append to the journal in {}", self.dir.display()))?;
        self.bytes += frame.len() as u64;
        self.next += entries;
        Ok(())
    }
}

/// The path of a segment.
pub(crate) fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(name(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::RealDisk;

    fn record(i: u8) -> Record {
        Record {
            entry: vec![i; 300].into(),
            words: i.is_multiple_of(2).then(|| vec![i; 50].into()),
            restored: i.is_multiple_of(3).then(|| (7, vec![i; 20].into())),
        }
    }

    fn segment(frames: &[Vec<u8>]) -> Vec<u8> {
        [SEGMENT.to_vec(), frames.concat()].concat()
    }

    fn recovered(bytes: &[u8]) -> Result<usize, StoreError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name(5)), bytes).unwrap();
        let r = recover(&RealDisk, dir.path(), 0)?;
        for (i, record_) in r.records.iter().enumerate() {
            assert_eq!(*record_, record(i as u8), "never served wrong");
        }
        Ok(r.records.len())
    }

    #[test]
    fn a_journal_reads_back() {
        let a: Vec<_> = (0..4).map(record).collect();
        let b: Vec<_> = (4..6).map(record).collect();
        let bytes = segment(&[frame(5, &a, b"c"), frame(9, &b, b"d")]);
        assert_eq!(recovered(&bytes).unwrap(), 6);
    }

    #[test]
    fn a_last_batch_cut_at_any_byte_is_passed_over() {
        let whole = segment(&[frame(5, &[record(0)], b"c"), frame(6, &[record(1)], b"d")]);
        let first = segment(&[frame(5, &[record(0)], b"c")]).len();
        for cut in first..whole.len() {
            assert_eq!(recovered(&whole[..cut]).unwrap(), 1, "cut at {cut}");
        }
        for cut in 0..first {
            assert_eq!(recovered(&whole[..cut]).unwrap(), 0, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_byte_is_never_read_as_something_else() {
        let first = segment(&[frame(5, &[record(0)], b"c")]).len();
        let whole = segment(&[frame(5, &[record(0)], b"c"), frame(6, &[record(1)], b"d")]);
        for i in 0..whole.len() {
            let mut bad = whole.clone();
            bad[i] ^= 1;
            match recovered(&bad) {
                // A flip in the last frame looks like a torn write; one before it is damage.
                Ok(n) => assert!(i >= first && n == 1, "byte {i} gave {n} entries"),
                Err(e) => assert!(i < first, "byte {i}: {e}"),
            }
        }
    }

    #[test]
    fn segments_follow_each_other_without_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let put = |first: u64, bytes: &[u8]| std::fs::write(dir.path().join(name(first)), bytes).unwrap();
        let mut torn = segment(&[frame(0, &[record(0)], b"c"), frame(1, &[record(1)], b"c")]);
        torn.pop();
        put(0, &torn);
        put(1, &segment(&[frame(1, &[record(1)], b"c")]));
        assert_eq!(recover(&RealDisk, dir.path(), 0).unwrap().records.len(), 2, "torn where the next begins");
        put(2, &segment(&[frame(2, &[record(1)], b"c")]));
        std::fs::remove_file(dir.path().join(name(1))).unwrap();
        assert!(recover(&RealDisk, dir.path(), 1).is_err(), "entry 1 is missing");
        let r = recover(&RealDisk, dir.path(), 2).unwrap();
        assert_eq!((r.first, r.records.len()), (2, 1), "entry 1 is in tiles");
    }

    #[test]
    fn a_segment_that_could_not_be_begun_takes_nothing_from_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let put = |first: u64, bytes: &[u8]| std::fs::write(dir.path().join(name(first)), bytes).unwrap();
        put(0, &segment(&[frame(0, &[record(0)], b"c"), frame(1, &[record(1)], b"c")]));
        for begun in [0, 7, SEGMENT.len()] {
            put(1, &SEGMENT[..begun]);
            let r = recover(&RealDisk, dir.path(), 1).unwrap();
            assert_eq!((r.first, r.records.len()), (0, 2), "{begun} bytes");
        }
        put(1, &segment(&[frame(1, &[record(1)], b"c")]));
        assert!(recover(&RealDisk, dir.path(), 1).is_err(), "two entries 1");
    }
}
