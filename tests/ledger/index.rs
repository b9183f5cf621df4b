//! The index is derived from the log: whatever becomes of its files, the ledger opens and says what the log says.

use crate::program;
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::*;
use onrecord::{
    event::EventType,
    ledger::{Filter, Ledger, Options, Reader},
};

const STATEMENTS: usize = 40;

/// A folder in memory if possible: folders are made and opened here hundreds of times.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A closed ledger with statements, one of them withheld.
fn ledger(dir: &Path) -> Story {
    init(dir);
    let ledger = open(dir);
    let story = tell(&ledger);
    for i in 0..STATEMENTS {
        let (id, _) = record(&ledger, statement(&story, &format!("kenyataan {i}")));
        if i == 7 {
            record(&ledger, withhold(Some(story.case), id, "error", &["content"]));
        }
    }
    ledger.close();
    story
}

/// All answers that are read from the index, as text.
fn answers(reader: &Reader, story: &Story) -> String {
    let mut out = String::new();
    for i in 0..reader.checkpoint().checkpoint().size() {
        let entry = reader.parsed(i).unwrap().unwrap();
        let id = entry.event().id();
        out += &format!("{i} {:?} {:?}", reader.index_of(&id).unwrap(), reader.event_row(&id).unwrap());
        out += &format!("{:?} {:?}", reader.fate(&id).unwrap(), reader.thread(&id).unwrap());
        if let Some(content) = entry.event().content() {
            out += &format!("{:?}", reader.content(&content.blake3).unwrap());
        }
        out.push('\n');
    }
    for (case, party) in [(Some(story.case), None), (None, Some(story.agency))] {
        let types = vec![EventType::StatementMade, EventType::CaseOpened];
        let filter = Filter { types, case, party, ..Filter::default() };
        out += &format!("{:?}\n", reader.list(&filter, 0..=u64::MAX, true, 100).unwrap());
    }
    out
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Gone,
    CutAt(usize),
    /// Zeros from here on, up to the same length: so some file systems leave a write that a power cut interrupted.
    ZeroFrom(usize),
    Flipped(usize),
    Longer,
}

/// Damages a file. Gives whether that changed it.
fn damage(path: &Path, how: Damage) -> bool {
    let whole = fs::read(path).unwrap();
    let mut bytes = whole.clone();
    match how {
        Damage::Gone => {
            fs::remove_file(path).unwrap();
            return true;
        }
        Damage::CutAt(at) => bytes.truncate(at),
        Damage::ZeroFrom(at) => bytes[at..].fill(0),
        Damage::Flipped(at) => bytes[at] ^= 1 << (at % 8),
        Damage::Longer => bytes.extend([0xa5; 100]),
    }
    fs::write(path, &bytes).unwrap();
    bytes != whole
}

/// All kinds of damage to a file of this length, at about `places` places.
fn damages(length: usize, places: usize) -> Vec<Damage> {
    let mut out = vec![Damage::Gone, Damage::Longer];
    for at in (0..length).step_by((length / places).max(1)) {
        out.extend([Damage::CutAt(at), Damage::ZeroFrom(at), Damage::Flipped(at)]);
    }
    out.extend([Damage::CutAt(length - 1), Damage::ZeroFrom(length - 1), Damage::Flipped(length - 1)]);
    out
}

/// A ledger and its answers, to be copied and damaged.
struct Whole {
    tmp: tempfile::TempDir,
    dir: PathBuf,
    story: Story,
    said: String,
}

impl Whole {
    fn new() -> Self {
        let tmp = scratch();
        let dir = tmp.path().join("whole");
        let story = ledger(&dir);
        let reopened = open(&dir);
        let said = answers(reopened.reader(), &story);
        reopened.close();
        Self { tmp, dir, story, said }
    }

    fn copied(&self) -> PathBuf {
        let to = self.tmp.path().join("try");
        let _ = fs::remove_dir_all(&to);
        copy(&self.dir, &to);
        to
    }

    /// Holds that a folder opens, answers as before, and takes another event.
    fn lives(&self, dir: &Path, what: &str) {
        let ledger = Ledger::open(dir, Options::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let said = answers(ledger.reader(), &self.story);
        let differs = said.lines().zip(self.said.lines()).find(|(now, then)| now != then);
        assert!(differs.is_none() && said.len() == self.said.len(), "{what}: {differs:?}");
        let (id, s) = statement(&self.story, "selepas");
        let receipt = ledger.record_blocking(vec![s], false).remove(0).unwrap();
        assert_eq!(ledger.reader().index_of(&id).unwrap(), Some(receipt.index), "{what}");
        ledger.close();
    }
}

#[test]
fn rows_that_were_lost_or_garbled_are_made_anew_at_the_start() {
    let whole = Whole::new();
    let mut tried = 0;
    for name in ["heads", "rows"] {
        let length = fs::metadata(whole.dir.join("index").join(name)).unwrap().len() as usize;
        for how in damages(length, 12) {
            let dir = whole.copied();
            if damage(&dir.join("index").join(name), how) {
                whole.lives(&dir, &format!("{name}, {how:?}"));
                tried += 1;
            }
        }
    }
    // Both are gone, as after a power cut before their names were on disk.
    let dir = whole.copied();
    for name in ["heads", "rows"] {
        damage(&dir.join("index").join(name), Damage::Gone);
    }
    whole.lives(&dir, "neither is there");
    assert!(tried > 60, "{tried}");
}

#[test]
fn a_tree_that_was_lost_or_garbled_is_made_anew_at_the_start() {
    let whole = Whole::new();
    let names = fs::read_dir(whole.dir.join("index")).unwrap().map(|e| e.unwrap());
    let names = names.filter(|e| e.file_type().unwrap().is_file()).map(|e| e.file_name());
    for name in names.filter(|name| name != "heads" && name != "rows") {
        let name = name.into_string().unwrap();
        let length = fs::metadata(whole.dir.join("index").join(&name)).unwrap().len() as usize;
        for how in damages(length, 10) {
            let dir = whole.copied();
            if damage(&dir.join("index").join(&name), how) {
                whole.lives(&dir, &format!("{name}, {how:?}"));
            }
        }
    }
}

#[test]
fn rows_of_another_ledger_are_made_anew_at_the_start() {
    let whole = Whole::new();
    let other = whole.tmp.path().join("other");
    ledger(&other);
    for names in [&["heads"][..], &["rows"], &["heads", "rows"]] {
        let dir = whole.copied();
        for name in names {
            fs::copy(other.join("index").join(name), dir.join("index").join(name)).unwrap();
        }
        whole.lives(&dir, &format!("{names:?} of another ledger"));
    }
}

#[test]
fn fsck_names_each_damage_of_rows() {
    use onrecord::{ops, verify::Place};
    let whole = Whole::new();
    let good = ops::fsck(&whole.dir, None, &|_, _| {}).unwrap();
    assert!(good.faults.is_empty(), "{good}");
    for name in ["heads", "rows"] {
        let length = fs::metadata(whole.dir.join("index").join(name)).unwrap().len() as usize;
        // Bytes behind the last row are not read.
        for how in damages(length, 12).into_iter().filter(|how| !matches!(how, Damage::Longer)) {
            let dir = whole.copied();
            if !damage(&dir.join("index").join(name), how) {
                continue;
            }
            let what = format!("{name}, {how:?}");
            let found = ops::fsck(&dir, None, &|_, _| {}).unwrap_or_else(|e| panic!("{what}: {e}"));
            let text = found.to_string();
            let place = Place::Path("index".into());
            assert!(found.faults.iter().any(|f| f.place == place), "{what}: {text}");
            assert!(text.contains("onrecord rebuild"), "{what}: {text}");
            assert!(!text.contains("Mend it from"), "{what}, though the log is whole: {text}");
        }
    }
}

#[test]
fn a_program_that_meets_a_rotten_row_stops_and_the_next_start_makes_the_index_anew() {
    use std::{os::unix::process::ExitStatusExt as _, process::Command};

    use program::Program;
    let whole = Whole::new();
    let dir = whole.copied();
    let rows = dir.join("index/rows");
    let serve = || Program::start(Command::new(env!("CARGO_BIN_EXE_onrecord")), &dir);
    let mut server = serve();
    // Rows are read when they are needed. This event needs those of its case, its speaker and the desk.
    fs::write(&rows, vec![0xa5; fs::metadata(&rows).unwrap().len() as usize]).unwrap();
    let (_, event) = statement(&whole.story, "selepas");
    let _answer = server.hand_in(&event);
    let ended = server.ended();
    assert_eq!(ended.signal(), Some(6), "it decides nothing without the index: {ended}");
    let server = serve();
    assert_eq!(server.record(&event), Ok(STATEMENTS as u64 + 6));
    server.stop();
    let found = onrecord::ops::fsck(&dir, None, &|_, _| {}).unwrap();
    assert!(found.faults.is_empty(), "{found}");
}
