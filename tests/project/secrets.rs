//! A secret file that others can read is refused by every command, and the message says how to mend it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::program::run_in;

fn onrecord(at: &Path, line: &str) -> (i32, String) {
    let (code, said) = run_in(at, &line.split(' ').collect::<Vec<_>>());
    (code.unwrap(), said)
}

fn good(at: &Path, line: &str) -> String {
    let (code, said) = onrecord(at, line);
    assert_eq!(code, 0, "{line}: {said}");
    said
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn ledger() -> (tempfile::TempDir, PathBuf) {
    let tmp = tempfile::tempdir().unwrap();
    let at = tmp.path().to_owned();
    good(&at, "init --data ledger --origin ledger.example.org --name Example");
    (tmp, at)
}

#[test]
fn a_ledger_in_whose_secrets_others_can_look_is_not_opened() {
    let (_tmp, at) = ledger();
    fs::create_dir(at.join("ledger/keys/old")).unwrap();
    set_mode(&at.join("ledger/keys/old"), 0o700);
    fs::copy(at.join("ledger/keys/operator.key"), at.join("ledger/keys/old/operator.key")).unwrap();
    good(&at, "rebuild --data ledger");
    good(&at, "fsck --data ledger");
    // Once something was withheld, this file holds a key too.
    fs::write(at.join("ledger/withheld"), "").unwrap();
    let secrets = [
        ("ledger/keys", 0o750, 0o700),
        ("ledger/keys", 0o701, 0o700),
        ("ledger/keys/old", 0o710, 0o700),
        ("ledger/keys/old/operator.key", 0o604, 0o600),
        ("ledger/keys/checkpoint.key", 0o640, 0o600),
        ("ledger/keys/checkpoint.key", 0o620, 0o600),
        ("ledger/keys/operator.key", 0o644, 0o600),
        ("ledger/withheld", 0o644, 0o600),
    ];
    for (name, exposed, right) in secrets {
        set_mode(&at.join(name), exposed);
        let expected = format!(
            "{name}: others have access to it: expected mode {right:o}, found {exposed:o}; run: chmod {right:o} {name}"
        );
        for line in
            ["serve --data ledger --listen 127.0.0.1:0", "rebuild --data ledger", "fsck --data ledger"]
        {
            let (code, said) = onrecord(&at, line);
            assert_eq!(code, if line.starts_with("fsck") { 1 } else { 2 }, "{line}: {said}");
            assert!(said.contains(&expected), "{line}: {expected}: {said}");
        }
        set_mode(&at.join(name), right);
    }
}

#[test]
fn no_command_reads_a_key_file_that_others_can_read() {
    let (_tmp, at) = ledger();
    good(&at, "key new --name ledger.example.org/desk -o desk.key");
    good(&at, "key new --witness witness.example/w1 -o witness.key");
    fs::write(at.join("seed"), "00".repeat(32)).unwrap();
    for (mode, file) in [(0o640, "desk.key"), (0o604, "witness.key"), (0o644, "seed")] {
        set_mode(&at.join(file), mode);
    }
    let log = good(&at, "key show ledger/keys/checkpoint.key");
    let log = log.trim();
    let event = format!("onrecord/event/v1\nledger.example.org\n{{\"by\":[\"{log}\"]}}\n");
    fs::write(at.join("event.txt"), event).unwrap();
    // Nobody listens there. A command that connects before it reads its key would fail with another message.
    let url = "http://127.0.0.1:1";
    let lines = [
        "key show desk.key".to_owned(),
        "key show witness.key".to_owned(),
        "key import --name a.example --seed-hex-file seed -o new.key".to_owned(),
        "init --data other --origin other.example.org --name Example --operator-key desk.key".to_owned(),
        "init --data other --origin ledger.example.org --name Example --checkpoint-key desk.key".to_owned(),
        "event sign --key desk.key event.txt --yes".to_owned(),
        format!(
            "record key-revocation --ledger {url} --key desk.key --party @0 --vkey {log} --reason superseded --yes"
        ),
        format!("withhold 1 --ledger {url} --key desk.key --ground court_order --authority Court --yes"),
        format!("release 1 --ledger {url} --key desk.key --ground order_lifted --yes"),
        format!("witness --key witness.key --data w --log {log} --listen 127.0.0.1:0"),
    ];
    for line in lines {
        let (code, said) = onrecord(&at, &line);
        assert_eq!(code, 2, "{line}: {said}");
        assert!(said.contains("others have access to it"), "{line}: {said}");
        assert!(said.contains("; run: chmod 600 "), "{line}: {said}");
    }
    assert!(!at.join("new.key").exists() && !at.join("other").exists());
}

#[test]
fn fsck_reads_every_key_and_shows_nothing_of_one_that_it_cant_read() {
    let (_tmp, at) = ledger();
    let keys = at.join("ledger/keys");
    good(&keys, "key new --witness witness.example/w1 -o witness.key");
    assert!(good(&at, "fsck --data ledger").contains("3 files of mode 600"));
    let whole = fs::read_to_string(keys.join("operator.key")).unwrap();
    // `PRIVATE+KEY+name+id+secret`: base64 may hold a `+` too.
    let secret = whole.trim().splitn(5, '+').last().unwrap();
    let broken = [&whole.as_bytes()[..whole.len() - 9], secret.as_bytes(), b"\xff\xfe", b""];
    for bytes in broken {
        fs::write(keys.join("operator.key"), bytes).unwrap();
        let (code, said) = onrecord(&at, "fsck --data ledger");
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("keys/operator.key"), "{said}");
        assert!(!said.contains("PRIVATE+KEY+ledger") && !said.contains(&secret[..8]), "{said}");
    }
}
