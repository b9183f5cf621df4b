//! A ledger that does not verify is not served: the start says at which entry, and why.

use crate::http;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::*;
use crate::world::World;
use onrecord::ledger::{Ledger, LedgerError, Options, StoredWords};
use serde_json::json;

/// A closed ledger of 5 entries and more, all published.
fn ledger(more: usize) -> (tempfile::TempDir, PathBuf) {
    let texts: Vec<String> = (0..more).map(|i| format!("kenyataan {i}")).collect();
    ledger_of(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The same with statements of these words.
fn ledger_of(texts: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let World { tmp, ledger, story, dir, .. } = World::small();
    let batch: Vec<_> = texts.iter().map(|text| statement(&story, text).1).collect();
    record_all(&ledger, batch);
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
    // The journal holds all of it too, but damage in `public/` must not be hidden by it.
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
    let (_tmp, dir) = ledger(2);
    spoil_last(&dir.join("public"), 7);
    let why = why(&dir);
    assert!(why.contains("entry 6: ") && why.contains("BAD_SIGNATURE"), "{why}");
}

/// A folder from before a batch, and the journal from after the batch was acknowledged.
struct Unpublished {
    tmp: tempfile::TempDir,
    before: PathBuf,
    /// The segment's name, its bytes, and where its last batch begins.
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
    // A batch of one event. The batch before it shows where it begins.
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
    record(&ledger, withhold(None, party, "error", &["content"]));
    let bytes = fs::read(dir.join("journal").join(&name)).unwrap();
    let mark = fs::read(dir.join("journal/acknowledged")).unwrap();
    // Marks are durable before the event that withholds is in the journal.
    fs::copy(dir.join("withheld"), before.join("withheld")).unwrap();
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
    // The folder is copied thousands of times. The index is left out, and is made anew.
    fs::remove_dir_all(template.join("index")).unwrap();
    copy(&template, &whole);
    fs::write(whole.join("journal").join(&name), &bytes).unwrap();
    let whole = open(&whole);
    assert_eq!(whole.reader().checkpoint().checkpoint().size(), 7);
    // Thousands of folders: in memory if possible.
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
                            // As after a kill: the batch was acknowledged, and the mark says so.
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
    // As after a power cut before the batch was durable: the mark is behind, torn or missing.
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

/// Holds that a folder is neither opened nor found sound. Gives what is said of it.
fn refused(dir: &Path, what: &str) -> String {
    let before = fs::read(dir.join("public/checkpoint")).ok();
    let why = match Ledger::open(dir, Options::default()) {
        Ok(_) => panic!("{what}: it was opened"),
        Err(e) => e.to_string(),
    };
    assert_eq!(fs::read(dir.join("public/checkpoint")).ok(), before, "{what}: nothing was signed");
    let found = onrecord::ops::fsck(dir, None, &|_, _| {}).unwrap();
    assert!(!found.faults.is_empty() && found.to_string().contains("acknowledged"), "{what}: {found}");
    assert!(!found.to_string().contains("\nsound"), "{what}: {found}");
    why
}

#[test]
fn a_folder_of_which_a_part_went_back_is_refused_with_what_is_missing() {
    let (tmp, dir) = ledger(85);
    let older = tmp.path().join("older");
    copy(&dir, &older);
    let ledger = open(&dir);
    let party = ledger.reader().parsed(1).unwrap().unwrap().event().id();
    for (kind, role) in [
        ("role.granted", "registrar"),
        ("role.revoked", "registrar"),
        ("role.revoked", "recorder"),
        ("role.granted", "recorder"),
        ("role.granted", "registrar"),
    ] {
        let said = say(kind, None, json!({"party": party}), json!({"role": role}), None);
        record(&ledger, said.sign(&[&operator()]));
    }
    ledger.close();
    drop(ledger);
    // After another start the journal is empty.
    open(&dir).close();
    let size = open(&dir).reader().checkpoint().checkpoint().size();
    let try_ = tmp.path().join("try");
    let with = |change: &dyn Fn(&Path)| {
        let _ = fs::remove_dir_all(&try_);
        copy(&dir, &try_);
        fs::set_permissions(try_.join("keys/checkpoint.key"), fs::Permissions::from_mode(0o600)).unwrap();
        change(&try_);
    };
    let remove = |name: &str| {
        let path = try_.join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    };
    let public_of_before = |_: &Path| {
        remove("public");
        copy(&older.join("public"), &try_.join("public"));
    };
    let missing = format!("entries 90 to {} are missing: {size} were acknowledged", size - 1);
    let all = format!("entries 0 to {} are missing: {size} were acknowledged", size - 1);
    type Change<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);
    let changes: &[Change<'_>] = &[
        ("an older public/", &public_of_before, &missing),
        ("no checkpoint", &|_| remove("public/checkpoint"), &all),
        ("no public/", &|_| remove("public"), &all),
        (
            "neither public/ nor index",
            &|_| {
                remove("public");
                remove("index");
            },
            &all,
        ),
    ];
    for (what, change, said) in changes {
        with(change);
        let why = refused(&try_, what);
        assert!(why.contains(said) && why.contains("onrecord repair --data"), "{what}: {why}");
        assert_eq!(refused(&try_, what), why, "and so the next time");
    }
    // One of these places that knows the size is enough.
    let knows = ["signed", "journal/acknowledged", "journal", "index"];
    for kept in knows {
        with(&public_of_before);
        for other in knows.into_iter().filter(|other| *other != kept) {
            match (kept, other) {
                ("journal/acknowledged", "journal") => {
                    for name in fs::read_dir(try_.join("journal")).unwrap().map(|e| e.unwrap().file_name()) {
                        if name != "acknowledged" {
                            remove(&format!("journal/{}", name.to_str().unwrap()));
                        }
                    }
                }
                ("journal", "journal/acknowledged") => remove(other),
                (_, "journal/acknowledged") => {}
                ("index" | "signed", "journal") => {
                    remove("journal");
                    fs::create_dir(try_.join("journal")).unwrap();
                }
                _ => remove(other),
            }
        }
        let why = refused(&try_, kept);
        assert!(why.contains(&missing) && why.contains(&format!("what knows more: {kept}")), "{kept}: {why}");
    }
    // Where no place knows the size, a ledger without any entry is refused all the same.
    with(&|_| {
        for name in ["public", "index", "journal", "signed"] {
            remove(name);
        }
        fs::create_dir(try_.join("journal")).unwrap();
    });
    assert!(why(&try_).contains("holds no entry"));
    // Another history of the same size.
    with(&|dir| {
        let signed = fs::read_to_string(dir.join("signed")).unwrap();
        assert_eq!(signed.len(), 1_024);
        fs::remove_dir_all(dir.join("public")).unwrap();
        let (other_tmp, other) = ledger_of(&["lain"; 85]);
        copy(&other.join("public"), &dir.join("public"));
        drop(other_tmp);
        for name in ["index", "journal"] {
            fs::remove_dir_all(dir.join(name)).unwrap();
        }
        fs::create_dir(dir.join("journal")).unwrap();
        fs::write(dir.join("signed"), fs::read(older.join("signed")).unwrap()).unwrap();
    });
    let other = why(&try_);
    assert!(other.starts_with("signed: ") && other.contains("another history"), "{other}");
    // With all files as they were it opens.
    with(&|_| {});
    open(&try_).close();
}

#[test]
fn marks_that_were_lost_are_told_and_made_anew() {
    let (tmp, dir) = ledger(3);
    let try_ = tmp.path().join("try");
    for name in ["signed", "journal/acknowledged"] {
        let good = fs::read(dir.join(name)).unwrap();
        let digit = good.iter().rposition(u8::is_ascii_digit).unwrap();
        let mut changed = good.clone();
        changed[digit] = if changed[digit] == b'7' { b'8' } else { b'7' };
        for (what, bytes) in [("deleted", None), ("emptied", Some(vec![])), ("changed", Some(changed))] {
            let _ = fs::remove_dir_all(&try_);
            copy(&dir, &try_);
            fs::set_permissions(try_.join("keys/checkpoint.key"), fs::Permissions::from_mode(0o600)).unwrap();
            match bytes {
                Some(bytes) => fs::write(try_.join(name), bytes).unwrap(),
                None => fs::remove_file(try_.join(name)).unwrap(),
            }
            let found = onrecord::ops::fsck(&try_, None, &|_, _| {}).unwrap().to_string();
            let said = found.contains(&format!("{name}: ")) && found.contains("start the ledger once");
            assert!(said, "{name} {what}: {found}");
            open(&try_).close();
            let found = onrecord::ops::fsck(&try_, None, &|_, _| {}).unwrap();
            assert!(found.faults.is_empty(), "{name} {what}: {found}");
        }
    }
}

#[test]
fn a_folder_that_is_changed_while_it_is_served_stops_the_writer() {
    for change in ["removed", "older"] {
        let (tmp, dir) = ledger(3);
        let older = tmp.path().join("older");
        copy(&dir.join("public"), &older);
        let server = http::Server::start(open(&dir));
        let say = |text: &str| {
            let party = server.ledger.reader().parsed(1).unwrap().unwrap().event().id();
            let facts = json!({"role": "registrar"});
            let said = say(text, None, json!({"party": party}), facts, None).sign(&[&operator()]).1;
            server.ledger.record_blocking(vec![said], false).remove(0)
        };
        say("role.granted").unwrap();
        assert!(server.ledger.wait_published(Duration::from_secs(20)));
        assert_eq!(server.get("/readyz").status, 200);
        fs::rename(dir.join("public"), tmp.path().join("away")).unwrap();
        if change == "older" {
            copy(&older, &dir.join("public"));
        } else {
            fs::create_dir(dir.join("public")).unwrap();
        }
        let ready = server.get("/readyz");
        assert!(
            ready.status == 503 && ready.text().contains("public/ is not as it was left"),
            "{}",
            ready.text()
        );
        assert!(say("role.revoked").is_err());
        drop(server);
        // Nothing was written to what lies there now, and what was there is whole.
        fs::remove_dir_all(dir.join("public")).unwrap();
        fs::rename(tmp.path().join("away"), dir.join("public")).unwrap();
        assert_eq!(open(&dir).reader().checkpoint().checkpoint().size(), 9, "{change}");
    }
}

#[test]
fn a_ledger_of_an_earlier_version_that_withheld_words_without_files_is_opened_again_and_again() {
    let (tmp, dir) = ledger(3);
    let held = open(&dir);
    let party = held.reader().parsed(1).unwrap().unwrap().event().id();
    record(&held, withhold(None, party, "error", &["content"]));
    held.close();
    drop(held);
    // As the earlier version left it: without `signed`, and without marks or with marks that have no count.
    let key = "7".repeat(64);
    for marks in [None, Some(format!("onrecord withheld 1\nkey {key}\n"))] {
        let try_ = tmp.path().join("try");
        let _ = fs::remove_dir_all(&try_);
        copy(&dir, &try_);
        private(&try_);
        fs::remove_file(try_.join("signed")).unwrap();
        match &marks {
            None => fs::remove_file(try_.join("withheld")).unwrap(),
            Some(text) => fs::write(try_.join("withheld"), text).unwrap(),
        }
        for start in 0..3 {
            let ledger = open(&try_);
            assert!(matches!(ledger.reader().words(1).unwrap(), StoredWords::Withheld(_)), "start {start}");
            ledger.close();
        }
        let found = onrecord::ops::fsck(&try_, None, &|_, _| {}).unwrap();
        assert!(found.faults.is_empty(), "{found}");
    }
    // Where this version wrote marks, it misses them.
    fs::remove_file(dir.join("withheld")).unwrap();
    assert!(why(&dir).contains("repair --data"));
}

#[test]
fn what_an_index_alone_knows_is_not_thrown_away_with_it() {
    let (tmp, dir) = ledger(3);
    let older = tmp.path().join("older");
    copy(&dir, &older);
    let ledger = open(&dir);
    let party = ledger.reader().parsed(1).unwrap().unwrap().event().id();
    let said = say("role.granted", None, json!({"party": party}), json!({"role": "registrar"}), None);
    record(&ledger, said.sign(&[&operator()]));
    ledger.close();
    drop(ledger);
    fs::remove_dir_all(older.join("index")).unwrap();
    copy(&dir.join("index"), &older.join("index"));
    private(&older);
    for _ in 0..2 {
        let rebuilt = Ledger::rebuild(&older, &|_, _| {}).unwrap_err().to_string();
        assert!(
            rebuilt.starts_with("entry 8 is missing") && rebuilt.contains("what knows more: index 9"),
            "{rebuilt}"
        );
        assert!(why(&older).starts_with("entry 8 is missing"));
    }
    let found = onrecord::ops::fsck(&older, None, &|_, _| {}).unwrap().to_string();
    assert!(!found.contains("onrecord rebuild") && found.contains("entry 8 is missing"), "{found}");
}

/// Sets the modes that copying does not keep.
fn private(dir: &Path) {
    fs::set_permissions(dir.join("keys"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(dir.join("keys/checkpoint.key"), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn tiles_of_entries_that_the_journal_has_are_no_strangers() {
    let (_tmp, dir) = ledger(3);
    let before: Vec<_> =
        ["tile/0/000.p/9", "tile/entries/000.p/9"].map(|name| dir.join("public").join(name)).into();
    let (ledger, journal) = (open(&dir), dir.join("journal"));
    let party = ledger.reader().parsed(1).unwrap().unwrap().event().id();
    let checkpoint = fs::read(dir.join("public/checkpoint")).unwrap();
    let said = say("role.granted", None, json!({"party": party}), json!({"role": "registrar"}), None);
    record(&ledger, said.sign(&[&operator()]));
    assert!(ledger.wait_published(Duration::from_secs(20)));
    let segments: Vec<_> = fs::read_dir(&journal).unwrap().map(|e| e.unwrap().path()).collect();
    let kept: Vec<_> = segments.iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    ledger.close();
    drop(ledger);
    // As if killed after the tiles were in place, and before the checkpoint was.
    fs::remove_dir_all(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    kept.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    fs::write(dir.join("public/checkpoint"), checkpoint).unwrap();
    assert!(before.iter().all(|path| path.exists()));
    let found = onrecord::ops::fsck(&dir, None, &|_, _| {}).unwrap();
    assert!(!found.to_string().contains("no log of"), "{found}");
}
