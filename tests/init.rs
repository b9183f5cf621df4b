//! From `init` to a second person who writes.
#![cfg(feature = "cli")]

#[path = "support/place.rs"]
mod place;

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use place::{Place, Ran};
use serde_json::json;

/// Runs a command line in a shell at a terminal, and types an answer at each prompt.
fn typed(place: &Place, answers: &[(&str, &str)], line: &str) -> Ran {
    let typist = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/typist.py");
    let answers = json!(answers).to_string();
    let mut python = Command::new("python3");
    python.args([typist, &answers, "sh", "-c", line]).current_dir(place.0.path()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ONRECORD_")) {
        python.env_remove(name);
    }
    Ran::of(python.output().unwrap())
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_next_commands_that_init_names_run_as_they_stand() {
    let place = Place::new();
    // Paths that a shell would take apart.
    std::fs::create_dir(place.path("the ledger's")).unwrap();
    place.run("key new --name ledger.example.org/op -o op.key").ok();
    std::fs::rename(place.path("op.key"), place.path("the ledger's/op key")).unwrap();
    let listen = format!("0.0.0.0:{}", free_port());
    std::fs::write(place.path("onrecord.toml"), format!("listen = \"{listen}\"\n")).unwrap();
    let data = "the ledger's/data";
    let key = ["--operator-key", "the ledger's/op key"];
    let made = place.args([&["init", "--data", data, "--origin", "ledger.example.org"][..], &key].concat());
    assert_eq!(made.code, 0, "{}", made.err);

    let next = made.err.split_once("Next").expect("it says what is next").1;
    let lines: Vec<&str> = next.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let bin = env!("CARGO_BIN_EXE_onrecord");
    assert_eq!(lines.iter().filter(|line| line.starts_with(bin)).count(), 3, "{next}");
    let [serve, verify, record] = lines[..] else { panic!("three commands: {next}") };

    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {serve}")]).current_dir(place.0.path());
    let _server = Running(shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let url = format!("http://{}", listen.replace("0.0.0.0", "127.0.0.1"));
    let began = Instant::now();
    while place.run(&format!("ready --ledger {url}")).code != 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "{serve}: it does not serve");
        std::thread::sleep(Duration::from_millis(50));
    }
    let verified = typed(&place, &[], verify).ok();
    assert!(verified.lines().any(|line| line == "valid"), "{verified}");
    let answers = [("organisation", "publisher"), ("What the party is called", "Newsroom"), ("[y/N]", "y")];
    let recorded = typed(&place, &answers, record).ok();
    assert!(recorded.contains(&format!("{url}/e/1")), "{recorded}");
}
