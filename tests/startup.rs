//! A ledger that does not verify is not served: the start says at which entry, and why.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use onrecord::ledger::{Ledger, LedgerError, Options, StoredWords};
use serde_json::json;
use support::*;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), &target).unwrap()),
        }
    }
}

/// A closed ledger of 5 entries and more, all published.
fn ledger(more: usize) -> (tempfile::TempDir, PathBuf) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let story = tell(&ledger);
    let batch: Vec<_> = (0..more).map(|i| statement(&story, &format!("kenyataan {i}")).1).collect();
    for answer in ledger.record_blocking(batch, true) {
        answer.unwrap();
    }
    ledger.close();
    (tmp, dir)
}

fn why(dir: &Path) -> String {
    match Ledger::open(dir, Options::default()) {
        Ok(_) => panic!("it was opened"),
        Err(e) => e.to_string(),
    }
}

/// Flips a bit of a file at a place, opens, and puts it back.
fn flipped(dir: &Path, file: &str, at: usize) -> String {
    let path = dir.join("public").join(file);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[at] ^= 1;
    fs::write(&path, bad).unwrap();
    let why = why(dir);
    fs::write(&path, good).unwrap();
    why
}

#[test]
fn a_flipped_byte_in_public_is_refused_and_the_entry_named() {
    let (_tmp, dir) = ledger(3);
    // The journal holds all of it too; what is published must not be papered over by it.
    let find = |file: &str, sought: &[u8]| {
        let bytes = fs::read(dir.join("public").join(file)).unwrap();
        bytes.windows(sought.len()).position(|w| w == sought).unwrap()
    };
    let bundle = "tile/entries/000.p/8";
    let at = find(bundle, b"index 6\n");
    assert!(flipped(&dir, bundle, at + 6).contains("entry 6: "), "{}", flipped(&dir, bundle, at + 6));
    let signature = find(bundle, "\u{2014} newsroom".as_bytes()) + 40;
    assert!(
        flipped(&dir, bundle, signature).contains("entry 1: ")
            || flipped(&dir, bundle, signature).contains("entry 4: ")
    );
    let length = flipped(&dir, bundle, 0);
    assert!(length.contains(bundle), "{length}");
    let hash = flipped(&dir, "tile/0/000.p/8", 32 * 3);
    assert!(hash.contains("entry 3: ") && hash.contains("tile/0"), "{hash}");
    let words = find("content/tile/000.p/8", b"kenyataan 1");
    let words = flipped(&dir, "content/tile/000.p/8", words);
    assert!(words.contains("entry 6, words: "), "{words}");
    for at in [3, 25, 60, 150] {
        let checkpoint = flipped(&dir, "checkpoint", at);
        assert!(checkpoint.contains("checkpoint"), "byte {at}: {checkpoint}");
    }
    fs::remove_file(dir.join("public/content/tile/000.p/8")).unwrap();
    assert!(why(&dir).contains("content/tile/000.p/8 is missing"));
}

#[test]
fn every_byte_of_the_tail_is_looked_at() {
    let (_tmp, dir) = ledger(0);
    for file in ["tile/entries/000.p/5", "tile/0/000.p/5", "content/tile/000.p/5"] {
        let size = fs::metadata(dir.join("public").join(file)).unwrap().len() as usize;
        for at in (0..size).step_by(size / 40 + 1) {
            flipped(&dir, file, at);
        }
    }
    assert!(Ledger::open(&dir, Options::default()).is_ok(), "all was put back");
}

#[test]
fn an_entry_under_the_root_whose_signature_is_not_good_is_refused() {
    // Whoever has the log's key can put anything under a root, but can't sign for others.
    use onrecord::log::{Checkpoint, MemoryTree, decode_bundle, encode_bundle, encode_hashes, leaf_hash};
    let (_tmp, dir) = ledger(2);
    let bundle = dir.join("public/tile/entries/000.p/7");
    let bytes = fs::read(&bundle).unwrap();
    let mut entries: Vec<Vec<u8>> =
        decode_bundle(&bytes, 7).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    // The last one, so that the chain stays whole.
    let last = entries.last_mut().unwrap();
    let at = last.len() - 30;
    last[at] = if last[at] == b'A' { b'B' } else { b'A' };
    let leaves: Vec<_> = entries.iter().map(|e| leaf_hash(e)).collect();
    let tree: MemoryTree = leaves.iter().copied().collect();
    fs::write(&bundle, encode_bundle(&entries).unwrap()).unwrap();
    fs::write(dir.join("public/tile/0/000.p/7"), encode_hashes(&leaves).unwrap()).unwrap();
    let checkpoint = Checkpoint::new(origin(), 7, tree.root()).unwrap().sign(&key(ORIGIN, 1)).unwrap();
    fs::write(dir.join("public/checkpoint"), checkpoint.note().as_bytes()).unwrap();
    let why = why(&dir);
    assert!(why.contains("entry 6: ") && why.contains("BAD_SIGNATURE"), "{why}");
}

/// A folder before a batch, and what the journal holds after it was acknowledged.
struct Unpublished {
    tmp: tempfile::TempDir,
    before: PathBuf,
    /// The segment's name and bytes, and where the last batch begins in it.
    name: String,
    bytes: Vec<u8>,
    first: usize,
    mark: Vec<u8>,
}

fn unpublished() -> Unpublished {
    let (tmp, dir) = ledger(0);
    let before = tmp.path().join("before");
    copy(&dir, &before);
    let ledger = open(&dir);
    // The smallest batch there is: the other batch before it shows where it begins.
    let op = operator();
    let grant = |id, role: &str| {
        say("role.granted", None, json!({"party": id}), json!({"role": role}), None).sign(&[&op]).1
    };
    let party = ledger.reader().parsed(1).unwrap().unwrap().event().id();
    let journal = || {
        let names = fs::read_dir(dir.join("journal")).unwrap().map(|e| e.unwrap().file_name());
        names.map(|n| n.into_string().unwrap()).filter(|n| n != "acknowledged").max().unwrap()
    };
    ledger.record_blocking(vec![grant(party, "registrar")], false).remove(0).unwrap();
    let name = journal();
    let first = fs::read(dir.join("journal").join(&name)).unwrap().len();
    let said = say(
        "content.withheld",
        None,
        json!({"entry": party}),
        json!({"ground": "error", "blobs": ["content"]}),
        None,
    );
    ledger.record_blocking(vec![said.sign(&[&op]).1], false).remove(0).unwrap();
    let bytes = fs::read(dir.join("journal").join(&name)).unwrap();
    let mark = fs::read(dir.join("journal/acknowledged")).unwrap();
    ledger.close();
    assert!(bytes.len() > first);
    Unpublished { tmp, before, name, bytes, first, mark }
}

/// Opens a folder with this journal: how many entries there are, or why not.
fn opened(before: &Path, name: &str, journal: &[u8], expected: &Ledger) -> Result<u64, LedgerError> {
    fs::write(before.join("journal").join(name), journal).unwrap();
    let opened = Ledger::open(before, Options { publish_every: Duration::ZERO, ..Options::default() });
    opened.map(|ledger| {
        let reader = ledger.reader();
        let size = reader.checkpoint().checkpoint().size();
        for index in 0..size {
            assert_eq!(
                reader.entry(index).unwrap(),
                expected.reader().entry(index).unwrap(),
                "entry {index}"
            );
        }
        let held = matches!(reader.words(1).unwrap(), StoredWords::Withheld(6));
        assert_eq!(held, size == 7, "words follow the log");
        ledger.close();
        size
    })
}

#[test]
fn a_journal_cut_or_flipped_at_any_byte_of_its_last_batch_is_refused_by_name() {
    let Unpublished { tmp, before, name, bytes, first, mark } = unpublished();
    let (template, whole) = (before, tmp.path().join("whole"));
    // Copied thousands of times; the index is made anew.
    fs::remove_dir_all(template.join("index")).unwrap();
    copy(&template, &whole);
    fs::write(whole.join("journal").join(&name), &bytes).unwrap();
    let whole = open(&whole);
    assert_eq!(whole.reader().checkpoint().checkpoint().size(), 7);
    // Thousands of folders: in memory, where there is a place for that.
    let memory = Path::new("/dev/shm");
    let tries = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let try_in = |dir: &Path, journal: &[u8], mark: &[u8]| {
        let _ = fs::remove_dir_all(dir);
        copy(&template, dir);
        fs::write(dir.join("journal/acknowledged"), mark).unwrap();
        opened(dir, &name, journal, &whole)
    };
    let chunks: Vec<Vec<usize>> = (0..2).map(|k| (first..bytes.len()).skip(k).step_by(2).collect()).collect();
    let tried: usize = std::thread::scope(|scope| {
        let work: Vec<_> = chunks
            .iter()
            .enumerate()
            .map(|(k, places)| {
                let dir = tries.path().join(format!("try-{k}"));
                let (try_in, bytes, mark) = (&try_in, &bytes, &mark);
                scope.spawn(move || {
                    for at in places {
                        let mut flipped = bytes.clone();
                        flipped[*at] ^= 1 << (at % 8);
                        for (what, journal) in [("cut", &bytes[..*at]), ("flipped", &flipped[..])] {
                            // The process was killed: the batch was acknowledged, and that is known.
                            let e = try_in(&dir, journal, mark).unwrap_err().to_string();
                            let named = e.contains("journal") && e.contains("the batch at entry 6");
                            assert!(named, "{what} at {at}: {e}");
                        }
                    }
                    2 * places.len()
                })
            })
            .collect();
        work.into_iter().map(|w| w.join().unwrap()).sum()
    });
    assert_eq!(tried, 2 * (bytes.len() - first));
    let dir = tries.path().join("try");
    // The power was cut before the batch was durable: the mark is behind, torn or not there.
    let unmarked = fs::read(template.join("journal/acknowledged")).unwrap();
    for mark in [&unmarked, &mark[..40], &[]] {
        for at in (first..bytes.len()).step_by(173) {
            assert_eq!(try_in(&dir, &bytes[..at], mark).unwrap(), 6, "to the state before the batch");
        }
    }
    // A mark that rotted takes nothing away.
    for at in (0..mark.len()).step_by(11) {
        let mut flipped = mark.clone();
        flipped[at] ^= 1;
        assert_eq!(try_in(&dir, &bytes, &flipped).unwrap(), 7, "byte {at} of the mark");
    }
    // In a batch that stands before a whole one, a flip is damage, and refused.
    for at in (20..first).step_by(97) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let e = try_in(&dir, &flipped, &mark).unwrap_err().to_string();
        assert!(e.contains("journal") && e.contains("entry 5"), "byte {at}: {e}");
    }
}
