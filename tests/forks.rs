//! A log that shows two histories is caught by whoever compares two checkpoints, and the proof needs nothing else.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use onrecord::{
    ledger::Ledger,
    log::Fork,
    mirror::{FolderSource, Options, Outcome, Verdict, verify},
};
use support::*;

/// A ledger under the one origin and key, with so many statements that say something.
fn ledger(dir: PathBuf, statements: usize, what: &str) -> (PathBuf, Ledger) {
    init(&dir);
    let ledger = open(&dir);
    let story = tell(&ledger);
    let batch = (0..statements).map(|i| statement(&story, &format!("{what} {i}")).1).collect();
    ledger.record_blocking(batch, false).into_iter().for_each(|r| drop(r.unwrap()));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    (dir, ledger)
}

fn checkpoint(dir: &Path) -> Vec<u8> {
    fs::read(dir.join("public/checkpoint")).unwrap()
}

fn onrecord(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_onrecord")).args(args).current_dir(dir).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

#[test]
fn a_ledger_that_grew_continues_what_others_saw() {
    let tmp = tempfile::tempdir().unwrap();
    let (dir, ledger) = ledger(tmp.path().join("one"), 300, "awal");
    let earlier = checkpoint(&dir);
    let (_, s) = statement(&story_of(&ledger), "kemudian");
    ledger.record_blocking(vec![s], false).remove(0).unwrap();
    assert!(ledger.wait_published(Duration::from_secs(10)));
    for against in [earlier, checkpoint(&dir)] {
        let options = Options { against: Some(against), ..Options::default() };
        let source = FolderSource::open(&dir).unwrap();
        let report = verify(&source, Some(key(ORIGIN, 1).verifying_key()), &options, &|_, _| {});
        assert_eq!((report.verdict, &report.fork), (Verdict::Valid, &None), "{report}");
        let history = report.checks.iter().find(|c| c.name == "history").unwrap();
        assert!(history.outcome == Outcome::Ok && history.detail.starts_with("continues"), "{history:?}");
    }
}

/// What the small ledger holds, found again.
fn story_of(ledger: &Ledger) -> Story {
    let reader = ledger.reader();
    let id = |kind| {
        let size = reader.checkpoint().checkpoint().size();
        let of = (0..size).map(|i| reader.parsed(i).unwrap().unwrap());
        of.filter(|e| e.event().event_type() == kind).map(|e| e.event().id()).collect::<Vec<_>>()
    };
    let parties = id(onrecord::event::EventType::PartyRegistered);
    Story { desk: parties[0], agency: parties[1], case: id(onrecord::event::EventType::CaseOpened)[0] }
}

#[test]
fn a_log_that_shows_two_histories_is_caught_and_the_report_is_enough() {
    let tmp = tempfile::tempdir().unwrap();
    let (shown, _one) = ledger(tmp.path().join("one"), 300, "satu");
    let (hidden, _two) = ledger(tmp.path().join("two"), 200, "dua");
    fs::write(tmp.path().join("theirs"), checkpoint(&hidden)).unwrap();
    fs::write(tmp.path().join("ours"), checkpoint(&shown)).unwrap();
    let vkey = key(ORIGIN, 1).verifying_key().to_string();
    let (code, text) = onrecord(tmp.path(), &["verify", "one", "--key", &vkey, "--against", "theirs"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("history     FAILED") && text.contains("REFUSED  checkpoint: the log signed another"),
        "{text}"
    );
    assert!(text.contains("onrecord verify fork.json"), "{text}");
    // Alone, in another folder.
    let alone = tempfile::tempdir().unwrap();
    fs::copy(tmp.path().join("fork.json"), alone.path().join("fork.json")).unwrap();
    let (code, text) = onrecord(alone.path(), &["verify", "fork.json"]);
    assert!(code == Some(0) && text.contains(&format!("FORK  both are signed by {vkey}")), "{text}");
    let (code, _) = onrecord(alone.path(), &["verify", "fork.json", "--key", &vkey]);
    assert_eq!(code, Some(0));
    let other = key(ORIGIN, 9).verifying_key().to_string();
    let (code, text) = onrecord(alone.path(), &["verify", "fork.json", "--key", &other]);
    assert!(code == Some(1) && text.contains("log: expected"), "{text}");
    // It is not written over, and one that was changed proves nothing.
    let (code, text) = onrecord(tmp.path(), &["verify", "one", "--key", &vkey, "--against", "theirs"]);
    assert!(code == Some(3) && text.contains("fork.json"), "{text}");
    let report = fs::read(alone.path().join("fork.json")).unwrap();
    assert!(Fork::prove(&report).is_ok());
    for at in (0..report.len()).step_by(11) {
        let mut changed = report.clone();
        changed[at] ^= 1;
        // White space between members says nothing.
        if changed != report && !report[at].is_ascii_whitespace() {
            assert!(Fork::prove(&changed).is_err(), "byte {at}");
        }
    }
    // The other side has fewer entries than the checkpoint that was shown here.
    let (code, text) = onrecord(tmp.path(), &["verify", "two", "--key", &vkey, "--against", "ours"]);
    assert!(code == Some(3) && text.contains("get a newer copy"), "{text}");
    fs::write(tmp.path().join("none"), "not a checkpoint").unwrap();
    let (code, text) = onrecord(tmp.path(), &["verify", "one", "--key", &vkey, "--against", "none"]);
    assert!(code == Some(3) && text.contains("the checkpoint to compare with"), "{text}");
}
