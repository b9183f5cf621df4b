//! Who may read a ledger's folder, whatever the umask under which the program was started.

use crate::support;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::program::{Program, Running, without_settings};
use crate::support::*;

/// The program, under an umask.
fn under(umask: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask \"$0\"; exec \"$@\"", umask, env!("CARGO_BIN_EXE_onrecord")]);
    without_settings(&mut shell);
    shell
}

fn run(umask: &str, at: &Path, line: &str) -> String {
    let ran = under(umask).args(line.split(' ')).current_dir(at).output().unwrap();
    assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// Holds the modes of all that lies in a folder against the rule. Gives how many folders there are.
fn walk(root: &Path, path: &Path, umask: &str) -> usize {
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let name = path.strip_prefix(root).unwrap().to_str().unwrap();
    let said = format!("umask {umask}: {name:?} has mode {mode:03o}");
    if !path.is_dir() {
        // sled makes these files by the umask. Others can't reach them, and they are made anew from the log.
        assert!(mode & 0o027 == 0 || name.starts_with("index/"), "{said}");
        let secret = name.starts_with("keys/");
        assert!(!secret || mode == 0o600, "{said}");
        assert!(!name.starts_with("public/") || mode == 0o640, "{said}");
        return 0;
    }
    assert_eq!(mode, if name == "keys" { 0o700 } else { 0o750 }, "{said}");
    let inside = fs::read_dir(path).unwrap();
    1 + inside.map(|entry| walk(root, &entry.unwrap().path(), umask)).sum::<usize>()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn folders_are_their_groups_to_read_and_nobody_elses() {
    for umask in ["000", "077", "022"] {
        let tmp = tempfile::tempdir().unwrap();
        let at = tmp.path();
        run(umask, at, "init --data above/ledger --origin ledger.example.org --name Example");
        assert!(walk(&at.join("above/ledger"), &at.join("above/ledger"), umask) > 5);
        assert_eq!(fs::metadata(at.join("above")).unwrap().permissions().mode() & 0o777, 0o750);
        fs::remove_dir_all(at.join("above")).unwrap();

        // A ledger of the tests' own keys, so that they can sign.
        let data = at.join("ledger");
        init(&data);
        let ledger = open(&data);
        let story = tell(&ledger);
        ledger.close();
        drop(ledger);
        for gone in ["index", "upload", "tmp"] {
            fs::remove_dir_all(data.join(gone)).unwrap();
        }
        let server = Program::start(under(umask), &data);
        server.record(&statement(&story, "kenyataan").1).unwrap();
        let url = format!("http://{}", server.address);
        let log = support::key(ORIGIN, 1).verifying_key().to_string();
        let start = |line: &str| {
            let mut child = under(umask);
            child.args(line.split(" ")).current_dir(at).stderr(Stdio::null()).stdout(Stdio::null());
            Running(child.spawn().unwrap())
        };
        run(umask, at, "key new --witness witness.example/w1 -o witness.key");
        let witness =
            start(&format!("witness --key witness.key --data w/witness --log {log} --listen 127.0.0.1:0"));
        let mirror = start(&format!("mirror {url} --data m/mirror --key {log} --listen 127.0.0.1:0"));
        until("the mirror has it", || at.join("m/mirror/public/checkpoint").exists());
        until("the witness began", || {
            at.join("w/witness").exists() && fs::read_dir(at.join("w/witness")).unwrap().count() > 0
        });
        server.stop();
        drop((witness, mirror));
        assert!(walk(&data, &data, umask) > 5);
        assert!(walk(&at.join("m/mirror"), &at.join("m/mirror"), umask) > 5);
        assert!(walk(&at.join("w/witness"), &at.join("w/witness"), umask) > 0);
    }
}
