//! A clock that is wrong when the program starts stops writes and nothing else: one entry with a date far ahead would close
//! the ledger until that date.

use std::{fs, process::Command};

use crate::program::Program;
use crate::support::*;

/// The program under a clock that is off by `offset`. It is no child of `faketime`, which does not pass signals on.
fn at(offset: &str) -> Command {
    let library = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let library = library.expect("faketime; ./test installs it (Debian: faketime)").stdout;
    let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
    command.env("LD_PRELOAD", String::from_utf8(library).unwrap().trim()).env("FAKETIME", offset);
    // Waits are timed by the monotonic clock, which stays real.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    command
}

#[test]
fn a_clock_before_1970_ends_the_program_in_words() {
    let tmp = tempfile::tempdir().unwrap();
    let data = tmp.path().join("ledger");
    init(&data);
    let before = fs::read(data.join("index/heads")).unwrap();
    for line in [
        "serve --data ledger --listen 127.0.0.1:0",
        "rebuild --data ledger",
        "fsck --data ledger",
        "init --data other --origin other.example.org",
        "demo --data demo --no-serve",
    ] {
        let ran = at("@1969-12-31 00:00:00").args(line.split(' ')).current_dir(tmp.path()).output().unwrap();
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        // `fsck` reports it as one fault among others.
        let code = if line.starts_with("fsck") { 1 } else { 3 };
        assert_eq!(ran.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains("the clock shows a time before 1970"), "{line}: {said}");
        assert!(!said.contains("panicked"), "{line}: {said}");
        if line.starts_with("serve") {
            assert_eq!(fs::read(data.join("index/heads")).unwrap(), before, "the index is as good as it was");
        }
    }
    assert!(!tmp.path().join("other").exists());
}

#[test]
fn a_clock_far_from_the_log_stops_writes_at_the_start_and_no_reads() {
    let tmp = tempfile::tempdir().unwrap();
    let data = tmp.path().join("ledger");
    init(&data);
    let ledger = open(&data);
    let story = tell(&ledger);
    ledger.close();
    drop(ledger);

    let ready = |server: &Program| {
        let url = format!("http://{}", server.address);
        let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        let out = command.args(["ready", "--ledger", &url]).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    for (offset, says) in [
        ("+12y", ["--accept-clock", "the last entry"]),
        ("+8d", ["--accept-clock", "NTP"]),
        ("-2d", ["behind the last entry", "NTP"]),
    ] {
        let server = Program::start(at(offset), &data);
        let (code, said) = ready(&server);
        assert_eq!(code, Some(1), "{offset}: {said}");
        assert!(says.iter().all(|says| said.contains(says)), "{offset}: {said}");
        assert_eq!(server.record(&statement(&story, offset).1), Err("LEDGER_READ_ONLY".into()), "{offset}");
        assert_eq!((server.get("/entry/4").status, server.get("/checkpoint").status), (200, 200), "{offset}");
        server.stop();
    }
    // A clock that is less than a week ahead needs no flag.
    let server = Program::start(at("+6d"), &data);
    assert_eq!(ready(&server), (Some(0), "ready\n".into()));
    server.stop();
    let server = Program::start_with(at("+12y"), &data, &["--accept-clock"]);
    assert_eq!(ready(&server), (Some(0), "ready\n".into()));
    server.record(&statement(&story, "in twelve years").1).unwrap();
    server.stop();
    // From then on the log's last entry confirms the clock.
    let server = Program::start(at("+12y"), &data);
    server.record(&statement(&story, "a moment later").1).unwrap();
    server.stop();
    let server = Program::start(at("+0"), &data);
    let (code, said) = ready(&server);
    assert!(code == Some(1) && said.contains("behind the last entry"), "{said}");
}
