//! The real program on a full disk: writes are refused, reads go on, and no write is tried again until somebody restarts it.
//! Then all that was acknowledged is there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::program::Program;
use crate::support::*;
use onrecord::event::Digest;
use serde_json::json;

/// What stops the program from writing.
enum Bound {
    /// A file system of 12 MiB, mounted here.
    Disk(PathBuf),
    /// No file may grow beyond 2 MiB (`RLIMIT_FSIZE`).
    FileSize,
}

impl Bound {
    /// A small disk. Where none may be mounted it is the other bound, and a line says so, since that is not the same.
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
    // Whether the failed batch is on record is not known. What comes after it is refused.
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

#[test]
fn a_disk_that_is_full_at_the_start_is_read_and_shows_nothing_that_may_be_lost() {
    let tmp = tempfile::tempdir().unwrap();
    let small = tmp.path().join("small");
    fs::create_dir(&small).unwrap();
    let bound = Bound::disk(&small);
    let Bound::Disk(at) = &bound else { return };
    let data = small.join("ledger");
    init(&data);
    let ledger = open(&data);
    let story = tell(&ledger);
    let (secret, said) = statement(&story, "rahsia");
    let words = format!("/content/{}", Digest::blake3(said.content.as_ref().unwrap()));
    let published = ledger.record_blocking(vec![said], false).remove(0).unwrap().index;
    ledger.close();
    drop(ledger);
    // From here on nothing is published.
    let server = Program::start_with(
        Command::new(env!("CARGO_BIN_EXE_onrecord")),
        &data,
        &["--publish-every-ms", "600000"],
    );
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(server.get(&words).status, 200);
    let facts = json!({"ground": "court_order", "blobs": ["content"]});
    let order = say(
        "content.withheld",
        Some(story.case),
        json!({"entry": secret}),
        facts,
        Some(json!({"authority": "Mahkamah"})),
    );
    server.record(&order.sign(&[&operator()]).1).unwrap();
    let kept = server.record(&statement(&story, "kekal").1).unwrap();
    let before =
        ["journal/acknowledged", "signed"].map(|name| (data.join(name), fs::read(data.join(name)).unwrap()));
    let last = server.record(&statement(&story, "akhir").1).unwrap();
    drop(server);
    let checkpoint = fs::read_to_string(data.join("public/checkpoint")).unwrap();
    assert_eq!(
        checkpoint.lines().nth(1),
        Some((published + 1).to_string().as_str()),
        "nothing more was published"
    );

    let fill = || {
        let mut file = fs::File::create(small.join("fill")).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 512]).is_ok() {}
    };
    let mount = |options: &str| {
        let done = Command::new("mount").args(["-o", options]).arg(at).status().unwrap();
        assert!(done.success(), "{options}");
    };
    let listed = |dir: &Path| {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let serves = |until: u64, when: &str| {
        let server = Program::start(Command::new(env!("CARGO_BIN_EXE_onrecord")), &data);
        let ready = server.get("/readyz");
        assert_eq!(ready.status, 503, "{when}");
        assert!(ready.text().contains("the disk takes no writes"), "{when}: {}", ready.text());
        assert_eq!(server.record(&statement(&story, when).1), Err("LEDGER_READ_ONLY".into()), "{when}");
        let checkpoint = server.get("/checkpoint").text();
        assert_eq!(checkpoint.lines().nth(1), Some((until + 1).to_string().as_str()), "{when}");
        for index in 0..=until {
            assert_eq!(server.get(&format!("/entry/{index}")).status, 200, "{when}: {index}");
            assert_eq!(server.get(&format!("/proof/{index}")).status, 200, "{when}: {index}");
        }
        assert_eq!(server.get(&format!("/entry/{}", until + 1)).status, 404, "{when}");
        assert_eq!(server.get("/").status, 200, "{when}");
        assert_eq!(server.get(&words).status, 410, "{when}: what is withheld stays so");
        server.stop();
    };
    fill();
    let journal = listed(&data.join("journal"));
    serves(last, "full");
    mount("remount,ro,size=12m");
    serves(last, "read only");
    mount("remount,rw,size=12m");
    // The last batch may be in the system's memory alone, so the folder is put back to what it was before that batch.
    mount("remount,size=256m");
    let after = before.map(|(path, bytes)| {
        let now = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        (path, now)
    });
    fs::remove_file(small.join("fill")).unwrap();
    mount("remount,size=12m");
    fill();
    serves(kept, "not acknowledged");
    assert_eq!(listed(&data.join("journal"))[..1], journal[..1]);
    mount("remount,size=256m");
    for (path, bytes) in after {
        fs::write(path, bytes).unwrap();
    }
    let server = Program::start(Command::new(env!("CARGO_BIN_EXE_onrecord")), &data);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get(&format!("/entry/{last}")).status, 200);
    server.record(&statement(&story, "lagi").1).unwrap();
    server.stop();
}
