//! What must be true of a journal's recovery, whatever is in its folder. Checked by tests, and by the fuzz target `journal`.

use std::{collections::BTreeMap, path::Path};

use super::{
    disk::{Disk as _, DiskFile, write_all},
    journal::{
        HEADER, Journal, MAGIC, MARK_FILE, Record, SEGMENT, digest, frame, mark, recover, segment_path,
    },
    simulated::SimulatedDisk,
};

/// The journal's folder on the simulated disk.
const DIR: &str = "/journal";

/// Builds a folder from the bytes, recovers it, and checks what must be true. The first byte says how the folder is made; the
/// rest are segments, one behind the other, each named after the index in its first frame.
///
/// What a recovery gives was written wholly and in that order. If bytes are cut off the end, it only gives less. It leaves out
/// nothing that was acknowledged. Written to a journal again, it is recovered again. Returns whether anything was recovered.
pub(crate) fn holds(bytes: &[u8]) -> bool {
    let Some((how, bytes)) = bytes.split_first() else { return false };
    let published = u64::from(how >> 4 & 3);
    let marked = Some(u64::from(how >> 1 & 7)).filter(|n| *n > 0);
    let mut segments = segments(bytes);
    if how & 1 == 1 {
        segments.values_mut().for_each(|segment| make_good(segment));
    }
    // Bit 6: names without leading zeros, which the journal never gives. They are to be refused.
    let named = |first: &u64| if how >> 6 & 1 == 1 { first.to_string() } else { format!("{first:020}") };
    let files: BTreeMap<String, Vec<u8>> =
        segments.iter().map(|(first, bytes)| (named(first), bytes.clone())).collect();
    let disk = folder(&files, marked);
    let recovered = match recover(&disk, Path::new(DIR), published) {
        Ok(recovered) => recovered,
        Err(e) => {
            assert!(!e.to_string().contains('\n') && e.to_string().len() < 300, "{e}");
            return false;
        }
    };
    let end = recovered.first + recovered.records.len() as u64;
    assert!(marked.is_none_or(|marked| marked <= end.max(published)), "acknowledged and left out");
    assert!(recovered.segments.iter().all(|first| disk.exists(&segment_path(Path::new(DIR), *first))));
    was_written(&files.values().flatten().copied().collect::<Vec<u8>>(), &recovered.records);
    let Some((last, whole)) = files.last_key_value() else { return false };
    for eighth in 0..8 {
        let mut cut = files.clone();
        cut.insert(last.clone(), whole[..whole.len() * eighth / 8].to_vec());
        if let Ok(less) = recover(&folder(&cut, None), Path::new(DIR), published) {
            // If the cut leaves less of the last segment, another one may be the first that counts.
            assert!(recovered.records.starts_with(&less.records) || recovered.first != less.first);
        }
    }
    journalled_again(&recovered.records);
    !recovered.records.is_empty()
}

/// Segments by their first entry.
fn segments(bytes: &[u8]) -> BTreeMap<u64, Vec<u8>> {
    let begins: Vec<usize> =
        bytes.windows(SEGMENT.len()).enumerate().filter(|(_, w)| *w == SEGMENT).map(|(at, _)| at).collect();
    let ends = begins.iter().skip(1).copied().chain([bytes.len()]);
    let mut segments = BTreeMap::new();
    let pieces: Vec<&[u8]> = begins.iter().zip(ends).map(|(from, to)| &bytes[*from..to]).collect();
    // Bytes without any first line are tried as a segment too.
    let pieces = if pieces.is_empty() { vec![bytes] } else { pieces };
    for piece in pieces {
        let index = piece
            .get(SEGMENT.len() + 8..SEGMENT.len() + 16)
            .map(|index| index.try_into().unwrap_or_default());
        let next = segments.last_key_value().map_or(0, |(last, _): (&u64, _)| last.wrapping_add(1));
        segments.insert(index.map_or(next, u64::from_be_bytes), piece.to_vec());
    }
    segments
}

/// Gives each frame a length that fits and the right digest, since records are read only from such frames.
fn make_good(segment: &mut [u8]) {
    let Some(mut rest) = segment.get_mut(SEGMENT.len()..) else { return };
    while rest.starts_with(MAGIC) && rest.len() >= HEADER {
        let said = rest[4..8].iter().fold(0, |all, b| all << 8 | usize::from(*b));
        let payload = said.min(rest.len() - HEADER);
        rest[4..8].copy_from_slice(&(payload as u32).to_be_bytes());
        let (frame, after) = rest.split_at_mut(HEADER + payload);
        let digest = digest(frame);
        frame[20..HEADER].copy_from_slice(&digest);
        rest = after;
    }
}

/// A disk with these files in the journal's folder.
fn folder(files: &BTreeMap<String, Vec<u8>>, marked: Option<u64>) -> SimulatedDisk {
    let (disk, dir) = (SimulatedDisk::default(), Path::new(DIR));
    disk.create_dir_all(dir).unwrap();
    let mark = marked.map(|n| (MARK_FILE.to_owned(), mark(n).into_bytes()));
    for (name, bytes) in files.clone().into_iter().chain(mark) {
        let mut file: Box<dyn DiskFile> = disk.create(&dir.join(name)).unwrap();
        write_all(&mut *file, &bytes).unwrap();
    }
    disk
}

/// Checks that each record stands in the bytes, whole, and behind the one before.
fn was_written(mut bytes: &[u8], records: &[Record]) {
    for record in records {
        let (head, foot) = (frame(0, &[], b""), frame(0, std::slice::from_ref(record), b""));
        // A frame's payload ends with the length of its checkpoint.
        let written = &foot[head.len() - 4..foot.len() - 4];
        let at = bytes.windows(written.len()).position(|w| w == written);
        let at = at.unwrap_or_else(|| panic!("a record that nobody wrote: {record:?}"));
        bytes = &bytes[at + written.len()..];
    }
}

/// Checks that records written to a new journal are recovered from it.
fn journalled_again(records: &[Record]) {
    let (disk, dir) = (SimulatedDisk::default(), Path::new(DIR));
    disk.create_dir_all(dir).unwrap();
    let mut journal = Journal::start(&disk, dir, 0).unwrap();
    journal.start_marks(&disk).unwrap();
    for batch in records.chunks(2) {
        journal.append(&frame(journal.next, batch, b"c"), batch.len() as u64).unwrap();
    }
    assert_eq!(recover(&disk, dir, 0).unwrap().records, records);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs for [`holds`], each with the segments of a small journal.
    fn seeds() -> Vec<Vec<u8>> {
        let record = |i: u8| Record {
            entry: vec![i; 30].into(),
            words: i.is_multiple_of(2).then(|| vec![i; 9].into()),
            restored: i.is_multiple_of(3).then(|| (7, vec![i; 5].into())),
        };
        let a = [SEGMENT, &frame(0, &[record(0), record(1)], b"c"), &frame(2, &[record(2)], b"c")].concat();
        let b = [SEGMENT, &frame(3, &[record(3)], b"c")].concat();
        let torn = [SEGMENT, &frame(3, &[record(3)], b"c")[..70]].concat();
        let with = |how: u8, parts: &[&[u8]]| [&[how][..], &parts.concat()].concat();
        vec![
            with(0, &[]),
            with(0, &[&a]),
            with(1, &[&a, &b]),
            with(4 << 1, &[&a, &b]),
            with(3 << 1, &[&a, &torn]),
            with(3 << 4, &[&b]),
            with(1, &[&a, SEGMENT]),
            with(1 << 6, &[&a]),
        ]
    }

    #[test]
    fn what_must_hold_of_recovery_holds_on_the_corpus_of_the_fuzz_target() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/journal");
        if std::env::var_os("SEED_CORPUS").is_some() {
            std::fs::create_dir_all(dir).unwrap();
            for (i, seed) in seeds().iter().enumerate() {
                std::fs::write(format!("{dir}/seed-{i}"), seed).unwrap();
            }
        }
        let read = seeds().iter().filter(|seed| holds(seed)).count();
        assert_eq!(read, 6, "all but what is empty or misnamed");
        let mut kept = 0;
        for file in std::fs::read_dir(dir).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let held = std::panic::catch_unwind(|| holds(&bytes));
            assert!(held.is_ok(), "{}", path.display());
            kept += 1;
        }
        assert!(kept > 0);
    }
}
