//! The journal: batches as they were committed, each with one `fdatasync`.
//!
//! ```text
//! segment   "onrecord journal 1\n", then frames; its file name is the index of its first entry
//! frame     magic "OJF1" | payload length u32 | first index u64 | entries u32 | BLAKE3 of all that and the payload
//! payload   per entry: length u32, entry, words (flag u8; length u32, bytes), given-back words (flag u8;
//!           index u64, length u32, bytes); at the end: length u32, the checkpoint signed over the batch
//! mark      "onrecord acknowledged 1\n", entries in 20 digits, space, BLAKE3 of all before in hex, "\n"; its file is
//!           `acknowledged`
//! ```
//!
//! All integers are big-endian. A bad frame with a good one behind it is damage, and is refused. A bad frame at the end of the
//! journal may be a write that was cut short, which was never acknowledged and is passed over. Or it is an acknowledged batch
//! that is damaged. The mark tells which.
//!
//! The mark is overwritten after each sync and before the acknowledgement, and is never synced itself. So it never says more
//! than is durable, and it is whole after a kill. After a power cut it may be behind, or torn, and then it tells nothing. So it
//! does not help if a power cut and damage of the last batch come together.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Doing as _, StoreError,
    disk::{Disk, DiskFile, Placing, write_all},
};
use crate::log::MAX_INDEX;

pub(super) const SEGMENT: &[u8] = b"onrecord journal 1\n";
pub(super) const MAGIC: &[u8; 4] = b"OJF1";
const MARK: &str = "onrecord acknowledged 1\n";
pub(crate) const MARK_FILE: &str = "acknowledged";
pub(super) const HEADER: usize = 4 + 4 + 8 + 4 + 32;
/// The most payload bytes in one frame. The sequencer closes a batch long before that.
const MAX_PAYLOAD: usize = 1 << 30;

/// One entry, as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub entry: Arc<[u8]>,
    pub words: Option<Arc<[u8]>>,
    /// With `content.released`: the words that are given back, and the index of their entry.
    pub restored: Option<(u64, Arc<[u8]>)>,
}

/// What a recovery found: entries from the index `first` on, in order.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub first: u64,
    pub records: Vec<Record>,
    /// The segments that were found, each by the index of its first entry.
    pub segments: Vec<u64>,
    /// What the mark says.
    pub acknowledged: Acknowledged,
}

impl Recovered {
    /// The records from the index `published` on: those of entries that are not published. Empty if the journal ends before.
    pub fn above(&self, published: u64) -> &[Record] {
        let skip = usize::try_from(published.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.records.get(skip..).unwrap_or(&[])
    }
}

/// The journal, open for writing.
pub(crate) struct Journal {
    dir: PathBuf,
    file: Box<dyn DiskFile>,
    /// The mark's file. `None` until [`start_marks`](Self::start_marks).
    mark: Option<Box<dyn DiskFile>>,
    /// Index of the first entry of the current segment.
    pub first: u64,
    /// Index of the entry that comes next.
    pub next: u64,
    /// Bytes in the current segment.
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
    // 32 bytes are more than all lengths, flags and the index of a record take.
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

pub(super) fn digest(frame: &[u8]) -> [u8; 32] {
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
    /// Whether something follows. Any byte but 0 and 1 is refused, so that a record can be written in one way only.
    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    fn bytes(&mut self) -> Option<Arc<[u8]>> {
        let n = self.u32()? as usize;
        self.take(n).map(Arc::from)
    }
}

/// The frame at the start of the bytes: its first index, records, and length in bytes. `None` if it is not whole and good.
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
        let words = if c.flag()? { Some(c.bytes()?) } else { None };
        let restored = if c.flag()? { Some((c.u64()?, c.bytes()?)) } else { None };
        records.push(Record { entry, words, restored });
    }
    c.bytes()?;
    c.0.is_empty().then_some((first, records, HEADER + payload))
}

fn name(first: u64) -> String {
    format!("{first:020}")
}

/// The text of the mark for this number of acknowledged entries.
pub(super) fn mark(entries: u64) -> String {
    let text = format!("{MARK}{entries:020} ");
    let digest = blake3::hash(text.as_bytes());
    format!("{text}{}\n", digest.to_hex())
}

/// What the mark says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// There is no mark.
    #[default]
    Missing,
    /// It is not as a writer leaves it.
    Damaged,
    /// At least this many entries were acknowledged.
    Entries(u64),
}

impl Acknowledged {
    /// The number of entries that were acknowledged, at least; 0 if the mark tells nothing.
    pub fn entries(self) -> u64 {
        match self {
            Self::Entries(n) => n,
            Self::Missing | Self::Damaged => 0,
        }
    }
}

/// Reads the mark.
pub(crate) fn acknowledged(disk: &dyn Disk, dir: &Path) -> Result<Acknowledged, StoreError> {
    let path = dir.join(MARK_FILE);
    let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?;
    let Some(bytes) = bytes else { return Ok(Acknowledged::Missing) };
    let entries = bytes
        .get(MARK.len()..MARK.len() + 20)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let whole = entries.filter(|n| mark(*n).as_bytes() == bytes);
    Ok(whole.map_or(Acknowledged::Damaged, Acknowledged::Entries))
}

/// Reads all segments in the folder. Entries below `published` are in tiles, so segments that hold only such entries may
/// be missing: the removal of some of them may be durable, and that of others not.
///
/// # Errors
/// [`StoreError::Broken`] if a batch is damaged or missing, unless it is the last and the mark does not say that it was
/// acknowledged; [`StoreError::Io`] if the disk fails.
pub(crate) fn recover(disk: &dyn Disk, dir: &Path, published: u64) -> Result<Recovered, StoreError> {
    let names = disk.list(dir).doing(|| format!("list {}", dir.display()))?;
    let mut out = Recovered { acknowledged: acknowledged(disk, dir)?, ..Recovered::default() };
    let acknowledged = out.acknowledged.entries();
    let mut next: Option<u64> = None;
    let mut last = dir.to_owned();
    for file in names.into_iter().filter(|name| name != MARK_FILE) {
        let path = dir.join(&file);
        let broken = |why: String| StoreError::Broken(format!("journal {}: {why}", path.display()));
        // A name that is written otherwise could not be found again when its segment is to be removed.
        let first = file.parse().ok().filter(|n| *n <= MAX_INDEX && name(*n) == file);
        let first: u64 = first.ok_or_else(|| broken("not a segment of a journal".into()))?;
        let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?.unwrap_or_default();
        let mut at = first;
        let mut records = Vec::new();
        let mut rest = match bytes.strip_prefix(SEGMENT) {
            Some(rest) => rest,
            // A segment whose first line was cut short, or never reached the disk (zeros), holds nothing yet.
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
            // This segment could not be begun, so the one before it was written on.
            Some(n) if first < n && records.is_empty() => continue,
            Some(n) if first > n && first <= published => {
                out.first = first;
                out.records.clear();
            }
            Some(n) => return Err(broken(format!("expected entry {n} to come next, found {first}"))),
        }
        out.records.extend(records);
        next = Some(at);
        last = path;
    }
    // If there is no segment at all, none is damaged. Then the entries are missing, which is found when the folder is opened.
    if let Some(end) = next.filter(|end| *end < acknowledged) {
        return Err(StoreError::Broken(format!(
            "journal {}: the batch at entry {end} is damaged or cut short, and {acknowledged} entries were acknowledged",
            last.display()
        )));
    }
    Ok(out)
}

/// Writes the recovered segments anew, each replaced as a whole or not at all. The bytes that a killed process left can be read
/// and may yet not be durable; after a failed sync, a later one does not make them so. So this comes before anything else that is
/// to last is written from them.
pub(crate) fn make_durable(
    disk: &dyn Disk,
    dir: &Path,
    tmp: &Path,
    segments: &[u64],
) -> Result<(), StoreError> {
    let mut placing = Placing::named(disk, tmp.to_owned(), "journal");
    for first in segments {
        let path = segment_path(dir, *first);
        let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?;
        // A segment that is missing now holds nothing that counts: if it did, `recover` has failed.
        if let Some(bytes) = bytes {
            placing.place(&path, &bytes)?;
        }
    }
    placing.sync()
}

fn begin(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Box<dyn DiskFile>, StoreError> {
    let path = dir.join(name(first));
    disk.create_dir_all(dir).doing(|| format!("create {}", dir.display()))?;
    let mut file = disk.create(&path).doing(|| format!("create {}", path.display()))?;
    write_all(&mut *file, SEGMENT)
        .and_then(|()| file.sync_data())
        .and_then(|()| disk.sync_dir(dir))
        .doing(|| format!("write {}", path.display()))?;
    Ok(file)
}

impl Journal {
    /// Begins a journal with a new segment. An old file of that name must hold nothing that counts.
    pub fn start(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Self, StoreError> {
        let file = begin(disk, dir, first)?;
        Ok(Self { dir: dir.to_owned(), file, mark: None, first, next: first, bytes: SEGMENT.len() as u64 })
    }

    /// Goes on in a new segment. Returns the first entry of the segment before. `None`, and no new segment, if that is empty.
    pub fn rotate(&mut self, disk: &dyn Disk) -> Result<Option<u64>, StoreError> {
        if self.next == self.first {
            return Ok(None);
        }
        self.file = begin(disk, &self.dir, self.next)?;
        self.bytes = SEGMENT.len() as u64;
        Ok(Some(std::mem::replace(&mut self.first, self.next)))
    }

    /// Marks all entries in the journal as acknowledged, and from now on each batch. They must be durable.
    pub fn start_marks(&mut self, disk: &dyn Disk) -> Result<(), StoreError> {
        let path = self.dir.join(MARK_FILE);
        let begun = disk.create(&path).and_then(|mut file| {
            file.overwrite(0, mark(self.next).as_bytes())?;
            Ok(file)
        });
        self.mark = Some(begun.doing(|| format!("write {}", path.display()))?);
        Ok(())
    }

    /// Appends a frame, and returns when it is durable and marked. After an error nothing more may be written, since it is
    /// unknown how much of the frame is on disk.
    pub fn append(&mut self, frame: &[u8], entries: u64) -> Result<(), StoreError> {
        let next = self.next + entries;
        write_all(&mut *self.file, frame)
            .and_then(|()| self.file.sync_data())
            .and_then(|()| self.mark.as_mut().map_or(Ok(()), |file| file.overwrite(0, mark(next).as_bytes())))
            .doing(|| format!("append to the journal in {}", self.dir.display()))?;
        self.bytes += frame.len() as u64;
        self.next = next;
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

    /// The number of records that are recovered from a segment of these bytes, with `marked` as the bytes of the mark.
    fn recovered(bytes: &[u8], marked: Option<&[u8]>) -> Result<usize, StoreError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name(5)), bytes).unwrap();
        if let Some(mark) = marked {
            std::fs::write(dir.path().join(MARK_FILE), mark).unwrap();
        }
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
        assert_eq!(recovered(&bytes, None).unwrap(), 6);
    }

    fn two_batches() -> (Vec<u8>, usize) {
        let (a, b) = (frame(5, &[record(0)], b"c"), frame(6, &[record(1)], b"d"));
        let first = SEGMENT.len() + a.len();
        (segment(&[a, b]), first)
    }

    #[test]
    fn a_last_batch_that_was_not_acknowledged_is_passed_over_wherever_it_was_cut() {
        let (whole, first) = two_batches();
        for marked in [None, Some(mark(6))] {
            let marked = marked.as_ref().map(|m| m.as_bytes());
            for cut in first..whole.len() {
                assert_eq!(recovered(&whole[..cut], marked).unwrap(), 1, "cut at {cut}");
            }
        }
        for cut in 0..first {
            assert_eq!(recovered(&whole[..cut], None).unwrap(), 0, "cut at {cut}");
        }
    }

    #[test]
    fn an_acknowledged_batch_cut_or_flipped_anywhere_is_refused_and_named() {
        let (whole, first) = two_batches();
        let acknowledged = mark(7);
        for at in first..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for journal in [&whole[..at], &flipped] {
                let e = recovered(journal, Some(acknowledged.as_bytes())).unwrap_err().to_string();
                assert!(e.contains("the batch at entry 6"), "byte {at}: {e}");
            }
        }
        assert_eq!(recovered(&whole, Some(acknowledged.as_bytes())).unwrap(), 2);
        // With a mark that is damaged or cut short, nothing is lost.
        for at in 0..acknowledged.len() {
            let mut flipped = acknowledged.clone().into_bytes();
            flipped[at] ^= 1;
            for mark in [&acknowledged.as_bytes()[..at], &flipped] {
                assert_eq!(recovered(&whole, Some(mark)).unwrap(), 2, "byte {at}");
            }
        }
    }

    #[test]
    fn a_flipped_byte_is_never_read_as_something_else() {
        let (whole, first) = two_batches();
        for i in 0..whole.len() {
            let mut bad = whole.clone();
            bad[i] ^= 1;
            match recovered(&bad, None) {
                // A flip in the last frame looks like a torn write; one before it is damage.
                Ok(n) => assert!(i >= first && n == 1, "byte {i} gave {n} entries"),
                Err(e) => assert!(i < first, "byte {i}: {e}"),
            }
        }
    }

    #[test]
    fn a_flag_that_no_writer_writes_makes_no_record() {
        let mut frame = frame(5, &[record(1)], b"c");
        let flag = HEADER + 4 + 300;
        assert_eq!(frame[flag], 0);
        frame[flag] = 2;
        let good = digest(&frame);
        frame[20..HEADER].copy_from_slice(&good);
        assert_eq!(recovered(&segment(&[frame]), None).unwrap(), 0);
    }

    #[test]
    fn a_segment_has_the_name_that_it_was_given() {
        for bad in ["5", "+0000000000000000005", "18446744073709551615", "tmp", "-0000000000000000001"] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(bad), segment(&[])).unwrap();
            let e = recover(&RealDisk, dir.path(), 0).unwrap_err().to_string();
            assert!(e.contains("not a segment of a journal"), "{bad}: {e}");
        }
    }

    #[test]
    fn a_batch_is_marked_when_it_is_durable() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::start(&RealDisk, dir.path(), 5).unwrap();
        assert_eq!(acknowledged(&RealDisk, dir.path()).unwrap(), Acknowledged::Missing);
        journal.start_marks(&RealDisk).unwrap();
        assert_eq!(acknowledged(&RealDisk, dir.path()).unwrap(), Acknowledged::Entries(5));
        journal.append(&frame(5, &[record(0)], b"c"), 1).unwrap();
        assert_eq!(acknowledged(&RealDisk, dir.path()).unwrap(), Acknowledged::Entries(6));
        assert_eq!(journal.rotate(&RealDisk).unwrap(), Some(5));
        assert_eq!(journal.rotate(&RealDisk).unwrap(), None);
        journal.append(&frame(6, &[record(1)], b"c"), 1).unwrap();
        assert_eq!(acknowledged(&RealDisk, dir.path()).unwrap(), Acknowledged::Entries(7));
        assert_eq!(recover(&RealDisk, dir.path(), 0).unwrap().segments, [5, 6]);
        std::fs::remove_file(dir.path().join(name(6))).unwrap();
        assert!(recover(&RealDisk, dir.path(), 7).is_err(), "a segment that is gone is missed");
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
