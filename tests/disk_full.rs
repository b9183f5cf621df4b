//! A disk that is full, under the real program: writes stop with a refusal, reads go on, nothing is tried again until
//! somebody starts it anew, and then all that was acknowledged is there.
#![cfg(feature = "cli")]

#[path = "support/http.rs"]
mod http;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use http::send;
use onrecord::ledger::Submission;
use serde_json::{Value, json};
use support::*;

/// What stops the program from writing.
enum Bound {
    /// A file system of 12 MiB, mounted here.
    Disk(PathBuf),
    /// No file may grow beyond 2 MiB (`RLIMIT_FSIZE`).
    FileSize,
}

impl Bound {
    /// A small disk, or where none may be mounted the other bound: said aloud, since it is not the same.
    fn disk(at: &Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "onrecord-test"]).arg(at);
        if mount.output().is_ok_and(|out| out.status.success()) {
            return Self::Disk(at.to_owned());
        }
        use std::io::Write as _;
        let _ = writeln!(
            std::io::stderr(),
            "disk_full: no tmpfs can be mounted here; a file size limit stands in"
        );
        Self::FileSize
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_onrecord");
        match self {
            Self::Disk(_) => Command::new(program),
            Self::FileSize => {
                let mut shell = Command::new("sh");
                // In blocks of 512 bytes. The signal's default is to end the process.
                shell.args(["-c", "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\" \"$@\"", program]);
                shell
            }
        }
    }

    fn lift(&self, server: &Child) {
        let mut lift = match self {
            Self::Disk(at) => {
                let mut mount = Command::new("mount");
                mount.args(["-o", "remount,size=256m"]).arg(at);
                mount
            }
            Self::FileSize => {
                let mut prlimit = Command::new("prlimit");
                prlimit.args(["--fsize=unlimited", "--pid", &server.id().to_string()]);
                prlimit
            }
        };
        assert!(lift.status().unwrap().success(), "{lift:?}");
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Self::Disk(at) = self {
            let done = Command::new("umount").arg("--lazy").arg(&*at).status();
            assert!(std::thread::panicking() || done.is_ok_and(|s| s.success()), "umount {}", at.display());
        }
    }
}

/// The program, serving. Ended when dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(mut command: Command, data: &Path) -> Self {
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|n| n.to_string_lossy().starts_with("ONRECORD_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = |line: String| line.split("http://").nth(1)?.trim_end_matches('/').parse().ok();
        let address = lines.map_while(Result::ok).find_map(url).expect("it says where it listens");
        Self { child, address }
    }

    fn get(&self, path: &str) -> http::Reply {
        send(self.address, "GET", path, &[], b"")
    }

    /// The index of an event that was put on record, or the code of the refusal.
    fn record(&self, s: &Submission) -> Result<u64, String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let submission = json!({"note": text(&s.note), "content": text(s.content.as_ref().unwrap())});
        let query = "mutation($input: RecordInput!) { record(input: $input) {
            results { receipt { index } userErrors { code } } userErrors { code } } }";
        let body = json!({"query": query, "variables": {"input": {"submissions": [submission]}}}).to_string();
        let reply =
            send(self.address, "POST", "/graphql", &[("Content-Type", "application/json")], body.as_bytes());
        let json: Value = reply.json();
        let result = &json["data"]["record"]["results"][0];
        match result["receipt"]["index"].as_u64() {
            Some(index) => Ok(index),
            None => Err(result["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{json}")).into()),
        }
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stops_and_goes_on_when_started_anew(small: &Path, bound: &Bound) {
    let data = small.join("ledger");
    init(&data);
    let ledger = open(&data);
    let story = tell(&ledger);
    ledger.close();
    drop(ledger);

    let server = Program::start(bound.command(), &data);
    assert_eq!(server.get("/readyz").status, 200);
    let mut entries: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let long = "panjang ".repeat(12_000);
    let statement_of = |i: usize| statement(&story, &format!("{i} {long}")).1;
    let refused = (0..1_000).find_map(|i| match server.record(&statement_of(i)) {
        Ok(index) => {
            entries.insert(index, server.get(&format!("/entry/{index}")).body);
            None
        }
        Err(code) => Some(code),
    });
    // What was in the batch that failed is not known to be on record; what comes after is refused at the door.
    let refused = refused.expect("writes stop");
    assert!(["UNAVAILABLE", "LEDGER_READ_ONLY"].contains(&refused.as_str()), "{refused}");
    let stopped = |when: &str| {
        assert_eq!(server.record(&statement_of(2_000)), Err("LEDGER_READ_ONLY".into()), "{when}");
        let ready = server.get("/readyz");
        assert_eq!(ready.status, 503, "{when}");
        assert!(ready.text().contains("the writer stopped"), "{when}: {}", ready.text());
        assert_eq!(server.get("/livez").status, 200, "{when}");
        assert_eq!(server.get("/checkpoint").status, 200, "{when}");
        for (index, entry) in &entries {
            assert_eq!(server.get(&format!("/entry/{index}")).body, *entry, "{when}");
        }
    };
    stopped("full");
    bound.lift(&server.child);
    stopped("there is room again, and nobody said so");
    server.stop();

    let server = Program::start(Command::new(env!("CARGO_BIN_EXE_onrecord")), &data);
    assert_eq!(server.get("/readyz").status, 200);
    for (index, entry) in &entries {
        assert_eq!(server.get(&format!("/entry/{index}")).body, *entry, "acknowledged");
    }
    assert!(entries.len() > 5, "{} before it was full", entries.len());
    server.record(&statement_of(3_000)).unwrap();
    server.stop();
    let key = key(ORIGIN, 1).verifying_key().to_string();
    for args in [&["verify", "ledger/public", "--key", &key][..], &["fsck", "--data", "ledger"]] {
        let done =
            Command::new(env!("CARGO_BIN_EXE_onrecord")).args(args).current_dir(small).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stdout));
    }
}

#[test]
fn a_full_disk_stops_writes_and_not_reads_until_the_next_start() {
    let tmp = tempfile::tempdir().unwrap();
    let small = tmp.path().join("small");
    fs::create_dir(&small).unwrap();
    let bound = Bound::disk(&small);
    stops_and_goes_on_when_started_anew(&small, &bound);
}

#[test]
fn a_file_that_may_not_grow_stops_writes_and_not_reads_until_the_next_start() {
    let tmp = tempfile::tempdir().unwrap();
    stops_and_goes_on_when_started_anew(tmp.path(), &Bound::FileSize);
}
