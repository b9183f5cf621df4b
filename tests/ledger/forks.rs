//! Comparing two checkpoints catches a log that shows two histories, and the proof needs nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::program::{onrecord, run_in};
use crate::support::*;
use onrecord::{
    ledger::Ledger,
    log::Fork,
    verify::{FolderSource, Options, Outcome, Verdict, verify},
};

/// A ledger under the same origin and key each time, with the small story and `statements` statements.
fn ledger(dir: PathBuf, statements: usize, what: &str) -> (PathBuf, Ledger) {
    init(&dir);
    let ledger = open(&dir);
    let story = tell(&ledger);
    let batch = (0..statements).map(|i| statement(&story, &format!("{what} {i}")).1).collect();
    record_all(&ledger, batch);
    assert!(ledger.wait_published(Duration::from_secs(10)));
    (dir, ledger)
}

fn checkpoint(dir: &Path) -> Vec<u8> {
    fs::read(dir.join("public/checkpoint")).unwrap()
}

#[test]
fn a_ledger_that_grew_continues_what_others_saw() {
    let tmp = tempfile::tempdir().unwrap();
    let (dir, ledger) = ledger(tmp.path().join("one"), 300, "awal");
    let earlier = checkpoint(&dir);
    record(&ledger, statement(&story_of(&ledger), "kemudian"));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    for against in [earlier, checkpoint(&dir)] {
        let options = Options { against: Some(against), ..Options::default() };
        let source = FolderSource::open(&dir).unwrap();
        let report = verify(&source, Some(key(ORIGIN, 1).verifying_key()), &options, &|_, _| {});
        assert_eq!((report.verdict, &report.fork), (Verdict::Valid, &None), "{report}");
        let history = report.checks.iter().find(|c| c.name == "history").unwrap();
        assert!(history.outcome == Outcome::Ok && history.detail().starts_with("continues"), "{history:?}");
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
    let (code, text) = run_in(tmp.path(), &["verify", "one", "--key", &vkey, "--against", "theirs"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("history     FAILED") && text.contains("REFUSED  checkpoint: the log signed another"),
        "{text}"
    );
    assert!(text.contains("onrecord verify fork.json"), "{text}");
    // The report alone, in another folder.
    let alone = tempfile::tempdir().unwrap();
    fs::copy(tmp.path().join("fork.json"), alone.path().join("fork.json")).unwrap();
    let (code, text) = run_in(alone.path(), &["verify", "fork.json"]);
    assert!(code == Some(0) && text.contains(&format!("FORK  both are signed by {vkey}")), "{text}");
    let (code, _) = run_in(alone.path(), &["verify", "fork.json", "--key", &vkey]);
    assert_eq!(code, Some(0));
    let other = key(ORIGIN, 9).verifying_key().to_string();
    let (code, text) = run_in(alone.path(), &["verify", "fork.json", "--key", &other]);
    assert!(code == Some(1) && text.contains("log: expected"), "{text}");
    // The same fork found again is kept once. A report that was changed proves nothing.
    let (code, text) = run_in(tmp.path(), &["verify", "one", "--key", &vkey, "--against", "theirs"]);
    assert!(code == Some(1) && text.contains("onrecord verify fork.json"), "{text}");
    assert!(!tmp.path().join("fork-2.json").exists());
    let report = fs::read(alone.path().join("fork.json")).unwrap();
    assert!(Fork::prove(&report).is_ok());
    for at in (0..report.len()).step_by(11) {
        let mut changed = report.clone();
        changed[at] ^= 1;
        // White space between members means nothing.
        if changed != report && !report[at].is_ascii_whitespace() {
            assert!(Fork::prove(&changed).is_err(), "byte {at}");
        }
    }
    // The other side has fewer entries than the checkpoint that was shown here.
    let (code, text) = run_in(tmp.path(), &["verify", "two", "--key", &vkey, "--against", "ours"]);
    assert!(code == Some(3) && text.contains("get a newer copy"), "{text}");
    fs::write(tmp.path().join("none"), "not a checkpoint").unwrap();
    let (code, text) = run_in(tmp.path(), &["verify", "one", "--key", &vkey, "--against", "none"]);
    assert!(code == Some(3) && text.contains("the checkpoint to compare with"), "{text}");
}

/// The exit code of a command, what it says on stdout, and what it says on stderr.
fn apart(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let out = onrecord().args(args).current_dir(dir).output().unwrap();
    let [said, complaints] = [out.stdout, out.stderr].map(|b| String::from_utf8(b).unwrap());
    (out.status.code(), said, complaints)
}

/// The proof that stands in what was printed, as its reader would cut it out.
fn printed(said: &str) -> Vec<u8> {
    let at = said.find("\n{").expect(said) + 1;
    said.as_bytes()[at..].to_vec()
}

#[test]
fn a_fork_is_told_whatever_becomes_of_the_file() {
    let tmp = tempfile::tempdir().unwrap();
    let at = |name: &str| tmp.path().join(name);
    let (shown, _one) = ledger(at("one"), 30, "satu");
    let (hidden, _two) = ledger(at("two"), 20, "dua");
    fs::write(at("theirs"), checkpoint(&hidden)).unwrap();
    let vkey = key(ORIGIN, 1).verifying_key().to_string();
    let source = shown.to_str().unwrap();
    let verify = |fork: &str, more: &[&str]| {
        let args = ["verify", source, "--key", &vkey, "--against", "theirs", "--fork", fork];
        let (code, said, complaints) = apart(tmp.path(), &[&args, more].concat());
        assert_eq!(code, Some(1), "{fork}: {said}{complaints}");
        (said, complaints)
    };
    let is_told = |said: &str| said.contains("history     FAILED") && said.contains("REFUSED  checkpoint");

    // Another file has the name: it stays, and the proof lies beside it.
    fs::write(at("fork.json"), "an older proof").unwrap();
    let (said, complaints) = verify("fork.json", &[]);
    assert!(is_told(&said) && complaints.contains("onrecord verify fork-2.json"), "{said}{complaints}");
    assert_eq!(fs::read(at("fork.json")).unwrap(), b"an older proof");
    assert!(Fork::prove(&fs::read(at("fork-2.json")).unwrap()).is_ok());

    // Nowhere to write it: a folder that is not there, one that is a file, a disk that is full.
    for (place, why) in
        [("none/fork.json", "o such file"), ("theirs/fork.json", "ot a directory"), ("/proc/fork.json", "")]
    {
        let (said, complaints) = verify(place, &[]);
        assert!(is_told(&said) && complaints.contains(why), "{place}: {said}{complaints}");
        assert!(complaints.contains("was not written; it is printed"), "{place}: {complaints}");
        assert!(Fork::prove(&printed(&said)).is_ok(), "{place}: {said}");
        // In JSON the report holds the proof, once.
        let (said, complaints) = verify(place, &["--json"]);
        let report: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(report["verdict"], "refused");
        assert!(Fork::prove(report["fork"].to_string().as_bytes()).is_ok(), "{complaints}");
    }
    // A disk that takes the name and no byte: no file that was cut short is left there.
    let command = "trap '' XFSZ; ulimit -S -f 0; exec \"$0\" \"$@\"";
    let out = Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_onrecord"), "verify", source, "--key", &vkey])
        .args(["--against", "theirs", "--fork", "full.json"])
        .current_dir(tmp.path())
        .output()
        .unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.code() == Some(1) && is_told(&said), "{said}{:?}", out.stderr);
    assert!(Fork::prove(&printed(&said)).is_ok() && !at("full.json").exists(), "{said}");
}

#[test]
fn a_mirror_and_a_repair_tell_of_a_fork_whatever_lies_in_their_folder() {
    let tmp = tempfile::tempdir().unwrap();
    let at = |name: &str| tmp.path().join(name);
    let (one, first) = ledger(at("one"), 30, "satu");
    let (two, second) = ledger(at("two"), 20, "dua");
    first.close();
    second.close();
    drop((first, second));
    let vkey = key(ORIGIN, 1).verifying_key().to_string();
    let mirror = |from: &Path, more: &[&str]| {
        let from = from.join("public");
        let args = ["mirror", from.to_str().unwrap(), "--key", &vkey, "--data", "copy", "--once"];
        apart(tmp.path(), &[&args, more].concat())
    };
    assert_eq!(mirror(&one, &[]).0, Some(0));
    // A file that is no proof accuses nobody.
    fs::write(at("copy/fork.json"), "an older proof").unwrap();
    let (code, said, complaints) = mirror(&one, &[]);
    assert_eq!(code, Some(0), "{said}{complaints}");
    for n in 0..2 {
        // The second time the mirror knows of the fork, and does not ask the log.
        let (code, said, complaints) = mirror(if n == 0 { &two } else { &one }, &[]);
        assert!(
            code == Some(1) && said.starts_with("FORK  the log signed two histories"),
            "{said}{complaints}"
        );
        assert!(said.contains("onrecord verify copy/fork-2.json"), "{said}");
        assert_eq!(fs::read(at("copy/fork.json")).unwrap(), b"an older proof");
        assert!(Fork::prove(&fs::read(at("copy/fork-2.json")).unwrap()).is_ok());
    }
    // Take all names that the proof could have.
    for n in 2..100 {
        fs::write(at(&format!("copy/fork-{n}.json")), "another").unwrap();
    }
    let (code, said, complaints) = mirror(&two, &[]);
    assert!(code == Some(1) && said.starts_with("FORK  "), "{said}{complaints}");
    assert!(complaints.contains("names like it are taken"), "{complaints}");
    assert!(Fork::prove(&printed(&said)).is_ok(), "{said}");
    let (code, said, _) = mirror(&two, &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(code == Some(1) && told["forked"] == true, "{said}");
    assert!(Fork::prove(told["proof"].to_string().as_bytes()).is_ok(), "{said}");

    // A repair from a copy of another history.
    fs::write(one.join("fork.json"), "an older proof").unwrap();
    let from = two.join("public");
    let args = ["repair", "--data", "one", "--from", from.to_str().unwrap()];
    let (code, said, complaints) = apart(tmp.path(), &args);
    assert!(code == Some(1) && said.starts_with("FORK  "), "{said}{complaints}");
    assert!(complaints.contains("Nothing was changed"), "{complaints}");
    assert_eq!(fs::read(one.join("fork.json")).unwrap(), b"an older proof");
    assert!(Fork::prove(&fs::read(one.join("fork-2.json")).unwrap()).is_ok());
}
