//! The files of `deploy/` are run, but for those of nginx: the units as systemd would, and the commands of the image.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr as SocketName, UnixDatagram},
    },
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::http::{Server, send};
use crate::program::Running;
use crate::support::*;

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

/// A running service. It ends with the test.
struct Service {
    child: Running,
    out: BufReader<ChildStdout>,
}

impl Service {
    fn start(args: &[String], settings: &[(&str, String)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_onrecord"))
            .args(args)
            .envs(settings.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child: Running(child), out }
    }

    /// The address that it says it listens on.
    fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        address.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
    }

    fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }
}

/// The arguments of a sample, with the test's own ledger and ports.
fn here(args: impl Iterator<Item = String>, dir: &Path) -> Vec<String> {
    let mut changed = 0;
    let args = args.map(|arg| {
        let other = match arg.as_str() {
            "/var/lib/onrecord/ledger" | "/data/ledger" => dir.display().to_string(),
            "127.0.0.1:8080" | "127.0.0.1:9100" | "0.0.0.0:8080" | "0.0.0.0:9100" => "127.0.0.1:0".to_owned(),
            _ => return arg,
        };
        changed += 1;
        other
    });
    let args = args.collect();
    assert_eq!(changed, 3, "a ledger and two addresses");
    args
}

fn ledger() -> (tempfile::TempDir, PathBuf) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    (tmp, dir)
}

#[test]
fn the_units_are_sound_and_leave_the_services_little() {
    for name in UNITS {
        is_sound(name);
    }
}

/// The units of `deploy/`.
const UNITS: [&str; 3] = ["onrecord.service", "onrecord-mirror.service", "onrecord-witness.service"];

fn is_sound(name: &str) {
    let tmp = tempfile::tempdir().unwrap();
    let unit = tmp.path().join(name);
    let text = sample(name)
        .replace("ExecStart=onrecord ", concat!("ExecStart=", env!("CARGO_BIN_EXE_onrecord"), " "));
    fs::write(&unit, text).unwrap();
    let analyze = |args: &[&str]| {
        let out = Command::new("systemd-analyze").args(args).arg(&unit).output();
        let out = out.expect("systemd-analyze; ./test installs it (Debian: systemd)");
        let said =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{args:?}: {said}");
        said
    };
    // Before version 254 systemd does not know these two, and says that it goes on without them.
    let newer = |line: &&str| {
        let known_later = ["RestartSteps", "RestartMaxDelaySec"];
        !known_later.iter().any(|key| line.contains("Unknown key") && line.contains(key))
    };
    let said = analyze(&["verify", "--man=no"]);
    assert_eq!(said.lines().filter(newer).collect::<Vec<_>>(), Vec::<&str>::new());
    // 100 is the worst; they had 12 to 14 when they were written. The rest comes from the network and their own folder.
    analyze(&["security", "--offline=yes", "--threshold=15", "--no-pager"]);
}

#[test]
fn the_debian_package_has_files_that_are_there_and_starts_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let deb = manifest["package"]["metadata"]["deb"].as_table().unwrap();
    // A ledger needs a name, a user and keys before it can be served, so the package must start, stop and make nothing. cargo-deb
    // writes scripts only where one of these is given.
    assert!(!deb.contains_key("maintainer-scripts") && !deb.contains_key("systemd-units"));

    let mut installed = Vec::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [from, to, mode] = [0, 1, 2].map(|i| asset[i].as_str().unwrap());
        assert!(to.starts_with("usr/") && to.ends_with('/') && !to.starts_with("usr/local/"), "{to}");
        assert_eq!(mode, if to == "usr/bin/" { "755" } else { "644" }, "{from}");
        let names =
            if from == "target/release/onrecord" { vec!["onrecord".to_owned()] } else { files(root, from) };
        assert!(!names.is_empty(), "{from}: no such file");
        installed.extend(names.into_iter().map(|name| format!("{to}{name}")));
    }
    for unit in UNITS {
        assert!(installed.contains(&format!("usr/lib/systemd/system/{unit}")), "{installed:?}");
    }
    for name in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/operations.md"] {
        assert!(installed.contains(&format!("usr/share/doc/onrecord/{name}")), "{installed:?}");
    }
    // systemd looks in both folders. A program that was installed by hand stands in the other one.
    assert!(installed.contains(&"usr/bin/onrecord".to_owned()));
    for unit in UNITS {
        assert!(sample(unit).lines().any(|line| line.starts_with("ExecStart=onrecord ")), "{unit}");
    }
}

/// The names of the files that a path stands for. Its last part may hold a `*`.
fn files(root: &Path, path: &str) -> Vec<String> {
    let path = root.join(path);
    let pattern = path.file_name().unwrap().to_str().unwrap();
    let (head, tail) = pattern.split_once('*').unwrap_or((pattern, ""));
    let of = |name: &String| match pattern.contains('*') {
        true => name.starts_with(head) && name.ends_with(tail),
        false => name == pattern,
    };
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| entry.file_name().into_string().unwrap()).filter(of).collect()
}

#[test]
fn the_unit_waits_until_the_clock_is_set() {
    let unit = sample("onrecord.service");
    for key in ["After=", "Wants="] {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        assert!(line.split(' ').any(|target| target == "time-sync.target"), "{key}{line}");
    }
}

/// The settings of a unit as systemd reads them: the last one of a name counts.
fn settings(unit: &str) -> HashMap<(String, String), String> {
    let mut section = String::new();
    let mut settings = HashMap::new();
    for line in unit.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';'])) {
        assert!(!line.ends_with('\\'), "a line that goes on is not read here: {line}");
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else {
            let (name, value) = line.split_once('=').unwrap();
            settings.insert((section.clone(), name.trim().to_owned()), value.trim().to_owned());
        }
    }
    settings
}

#[test]
fn no_number_of_crashes_ends_a_service_for_good() {
    UNITS.into_iter().for_each(is_always_started_again);
}

fn is_always_started_again(unit: &str) {
    let settings = settings(&sample(unit));
    let of =
        |section: &str, name: &str| settings.get(&(section.to_owned(), name.to_owned())).map(String::as_str);
    // systemd reads this in [Unit] alone. Anywhere else its default would hold: five starts in ten seconds.
    assert_eq!(of("Unit", "StartLimitIntervalSec"), Some("0"));
    assert_eq!(of("Unit", "StartLimitAction").unwrap_or("none"), "none");
    // It is restarted after a crash or a signal, and not after an error that somebody must mend.
    assert_eq!(of("Service", "Restart"), Some("on-failure"));
    assert_eq!(of("Service", "RestartPreventExitStatus"), Some("1 2"));
    assert_eq!(of("Service", "SuccessExitStatus"), None, "a signal that ends it is no success");
    let seconds = |name| of("Service", name).unwrap().parse::<u64>().unwrap();
    assert!((1..=10).contains(&seconds("RestartSec")));
    // Without both of these, systemd does not wait longer each time.
    assert!(seconds("RestartSteps") > 0 && (10..=60).contains(&seconds("RestartMaxDelaySec")));
}

#[test]
fn memory_that_runs_out_ends_the_service_and_nothing_else() {
    UNITS.into_iter().for_each(ends_alone);
}

fn ends_alone(unit: &str) {
    let settings = settings(&sample(unit));
    let of = |name: &str| settings.get(&("Service".to_owned(), name.to_owned())).map(String::as_str);
    match of("MemoryMax").unwrap().strip_suffix('%') {
        // 4 GB are enough for a ledger, and other programs need at least a quarter of that.
        Some(most) => assert!((50..=75).contains(&most.parse::<u64>().unwrap()), "{most}"),
        // A witness keeps a few kilobytes for each log.
        None => assert_eq!((unit, of("MemoryMax")), ("onrecord-witness.service", Some("512M"))),
    }
    assert_eq!(
        of("MemoryHigh").unwrap_or("infinity"),
        "infinity",
        "what is slowed down is not started again"
    );
    assert_eq!(of("MemorySwapMax"), Some("0"));
    assert_eq!(of("OOMPolicy"), Some("kill"));
    assert!((1..=1_000).contains(&of("OOMScoreAdjust").unwrap().parse::<i32>().unwrap()));
}

#[test]
fn what_needs_somebodys_hand_ends_with_a_code_that_is_not_started_again() {
    let (tmp, dir) = ledger();
    let run = |dir: &Path, flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir).args(flags);
        command.output().unwrap().status.code()
    };
    assert_eq!(run(&tmp.path().join("nothing"), &[]), Some(2));
    assert_eq!(run(&dir, &["--tls-cert", "/nowhere", "--tls-key", "/nowhere"]), Some(2));
    // A reader behind a proxy with TLS must not be given an address without TLS.
    assert_eq!(run(&dir, &["--trusted-proxy", "127.0.0.1"]), Some(2));
    assert_eq!(
        run(&dir, &["--trusted-proxy", "127.0.0.1", "--url", "https://ledger.example.org/path"]),
        Some(2)
    );
    let checkpoint = dir.join("public/checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, text.replace("ledger", "Ledger")).unwrap();
    assert_eq!(run(&dir, &[]), Some(1));
}

#[test]
fn the_service_tells_when_it_is_ready_and_when_it_stops() {
    let (tmp, dir) = ledger();
    let unit = sample("onrecord.service");
    let command = unit.lines().find_map(|l| l.strip_prefix("ExecStart=onrecord ")).unwrap();
    let args = here(command.split(' ').map(str::to_owned), &dir);
    let path = tmp.path().join("notify");
    let by_path = UnixDatagram::bind(&path).unwrap();
    let name = format!("onrecord-test-{}", std::process::id());
    let address = SocketName::from_abstract_name(&name).unwrap();
    let by_name = UnixDatagram::bind_addr(&address).unwrap();
    for (socket, at) in [(by_path, path.display().to_string()), (by_name, format!("@{name}"))] {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let told = || {
            let mut buffer = [0; 64];
            let n = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..n].to_vec()).unwrap()
        };
        let mut server = Service::start(&args, &[("NOTIFY_SOCKET", at)]);
        assert_eq!(told(), "READY=1");
        let address = server.address();
        assert_eq!(send(address, "GET", "/readyz", &[], b"").status, 200);
        server.terminate();
        assert_eq!(told(), "STOPPING=1");
        assert!(server.child.wait().unwrap().success());
    }
    // A service manager that can't be reached stops nothing.
    let mut server = Service::start(&args, &[("NOTIFY_SOCKET", "/nowhere/at/all".to_owned())]);
    assert_eq!(send(server.address(), "GET", "/readyz", &[], b"").status, 200);
}

/// The command of a unit, with other words in the place of some, each of which it has.
fn command(unit: &str, other: &[(&str, &str)]) -> Vec<String> {
    let unit = sample(unit);
    let command = unit.lines().find_map(|l| l.strip_prefix("ExecStart=onrecord ")).unwrap();
    let mut args: Vec<String> = command.split(' ').map(str::to_owned).collect();
    for (from, to) in other {
        let arg = args.iter_mut().find(|arg| arg == from).unwrap_or_else(|| panic!("{from}"));
        (*to).clone_into(arg);
    }
    args
}

#[test]
fn a_mirror_and_a_witness_run_as_their_units_say_and_tell_when_they_are_ready() {
    let (tmp, dir) = ledger();
    let server = Server::start(open(&dir));
    let ledger = format!("http://{}", server.address);
    let log = key(ORIGIN, 1).verifying_key().to_string();
    let place = |name: &str| tmp.path().join(name).display().to_string();
    let secret = place("witness.key");
    let made = Command::new(env!("CARGO_BIN_EXE_onrecord"))
        .args(["key", "new", "--witness", "witness.example.net/w", "-o", &secret])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let sample_log = "ledger.example.org+00000000+VKEY";
    let mirror = command(
        "onrecord-mirror.service",
        &[
            ("https://ledger.example.org", &ledger),
            (sample_log, &log),
            ("/var/lib/onrecord-mirror/mirror", &place("mirror")),
            ("127.0.0.1:8082", "127.0.0.1:0"),
            ("127.0.0.1:9102", "127.0.0.1:0"),
        ],
    );
    let witness = command(
        "onrecord-witness.service",
        &[
            ("/var/lib/onrecord-witness/witness.key", &secret),
            ("/var/lib/onrecord-witness/data", &place("data")),
            (sample_log, &log),
            ("127.0.0.1:8081", "127.0.0.1:0"),
        ],
    );
    for (n, args) in [mirror, witness].iter().enumerate() {
        let path = tmp.path().join(format!("notify{n}"));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let told = || {
            let mut buffer = [0; 64];
            let n = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..n].to_vec()).unwrap()
        };
        let mut running = Service::start(args, &[("NOTIFY_SOCKET", path.display().to_string())]);
        assert_eq!(told(), "READY=1");
        running.terminate();
        assert_eq!(told(), "STOPPING=1");
        assert!(running.child.wait().unwrap().success());
    }
}

#[test]
fn a_service_that_is_reloaded_goes_on() {
    let (tmp, dir) = ledger();
    let args = command(
        "onrecord.service",
        &[
            ("/var/lib/onrecord/ledger", &dir.display().to_string()),
            ("127.0.0.1:8080", "127.0.0.1:0"),
            ("127.0.0.1:9100", "127.0.0.1:0"),
        ],
    );
    let settings = settings(&sample("onrecord.service"));
    let reload = settings.get(&("Service".to_owned(), "ExecReload".to_owned())).unwrap();
    assert_eq!(reload, "/bin/kill -HUP $MAINPID");
    let path = tmp.path().join("notify");
    let _socket = UnixDatagram::bind(&path).unwrap();
    let mut server = Service::start(&args, &[("NOTIFY_SOCKET", path.display().to_string())]);
    let address = server.address();
    let told = Command::new("kill").args(["-HUP", &server.child.id().to_string()]).status().unwrap();
    assert!(told.success());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(send(address, "GET", "/readyz", &[], b"").status, 200);
    assert_eq!(server.child.try_wait().unwrap(), None);
}

#[test]
fn the_image_is_built_from_all_that_the_program_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let let_in = fs::read_to_string(root.join(".containerignore")).unwrap();
    let let_in: Vec<&str> = let_in.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut folders = vec![root.join("src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = fs::read_to_string(&entry).unwrap_or_default();
            // What stands below this line is compiled for tests alone.
            let program = text.split("#[cfg(test)]").next().unwrap();
            for held in program.split("include_").skip(1).filter_map(|rest| rest.split('"').nth(1)) {
                if !held.starts_with("../") {
                    continue;
                }
                let path = folder.join(held).canonicalize().unwrap();
                let path = path.strip_prefix(root.canonicalize().unwrap()).unwrap();
                assert!(let_in.iter().any(|part| path.starts_with(part)), "{} is not let in", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} files are held");
}

#[test]
fn what_the_image_runs_serves_and_says_whether_it_is_well() {
    let (_tmp, dir) = ledger();
    let file = sample("Containerfile");
    let list = |before: &str| -> Vec<String> {
        let line = file.lines().find_map(|l| l.strip_prefix(before)).unwrap_or_else(|| panic!("{before}"));
        serde_json::from_str(&line[line.find('[').unwrap()..]).unwrap()
    };
    assert_eq!(list("ENTRYPOINT "), ["/usr/bin/onrecord"]);
    let check = list("HEALTHCHECK ");
    assert_eq!(check[0], "/usr/bin/onrecord");
    let mut server = Service::start(&here(list("CMD ").into_iter(), &dir), &[]);
    let address = server.address();
    let ready = |url: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        let out = command.args(&check[1..]).args(["--ledger", &url]).output().unwrap();
        (
            out.status.code().unwrap(),
            String::from_utf8(out.stdout).unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        )
    };
    assert_eq!(ready(format!("http://{address}")), (0, "ready\n".to_owned(), String::new()));
    drop(server);
    let (code, _, said) = ready(format!("http://{address}"));
    assert!(code == 3 && said.contains("/readyz"), "{code} {said}");
    assert_eq!(ready("nowhere".to_owned()).0, 2);

    let server = Server::start(open(&dir));
    server.ledger.close();
    let (code, out, said) = ready(format!("http://{}", server.address));
    assert_eq!((code, out.as_str()), (1, ""), "{said}");
    assert!(said.contains("takes no events"), "{said}");
}
