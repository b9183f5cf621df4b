//! Released programs call valid what this one writes: what is signed does not change under them.
//!
//! A released program takes minutes to build, so `cargo test` leaves this out and `./test full` runs it:
//! `./test released` puts the sources of a release into a folder, builds it there, and names it in `ONRECORD_RELEASED`.

#[path = "support/http.rs"]
mod http;
#[path = "support/place.rs"]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use place::{Place, Ran};
use program::without_settings;

/// A release: the program, and the verifier in Python, which shares no code with it.
struct Release {
    program: PathBuf,
    python: [PathBuf; 2],
}

impl Release {
    fn new() -> Self {
        let sources = PathBuf::from(env::var_os("ONRECORD_RELEASED").expect("./test released sets it"));
        let program = sources.join("target/release/onrecord");
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python3");
        assert!(program.exists() && python.exists(), "./test full makes these");
        Self { program, python: [python, sources.join("examples/verify.py")] }
    }

    fn run(&self, place: &Place, args: &[&str]) -> Ran {
        Self::command(place, &self.program, args)
    }

    fn verify_py(&self, place: &Place, args: &[&str]) -> Ran {
        let [python, script] = &self.python;
        Self::command(place, python, &[&[script.to_str().unwrap()], args].concat())
    }

    fn command(place: &Place, program: &Path, args: &[&str]) -> Ran {
        let mut command = Command::new(program);
        command.args(args).current_dir(place.0.path()).stdin(Stdio::null());
        without_settings(&mut command);
        Ran::of(command.output().unwrap())
    }
}

/// Adds to the demonstration evidence that the addressee's own key signed too, which this program demands and a released one
/// did not; and a file that is withheld.
fn record_more(place: &Place, ledger: &str) {
    let record = |what: &str, key: &str, words: &[&str]| {
        let key = format!("data/keys/{key}.key");
        let common = ["--case", "@36", "--at", "2023-12-30", "--ledger", ledger, "--key", &key, "--yes"];
        place.args([&["record", what], &common[..], words].concat()).ok();
    };
    let happened = ["--notice", "@66", "--evidence", "ContentHandover", "--account", "Handed over."];
    let vouched = ["--vouched-by", "addressee_key", "--also-key", "data/keys/agensi.key"];
    record("evidence", "counsel-2024", &[&happened[..], &vouched].concat());
    fs::write(place.path("scan.txt"), "A scan of the letter.").unwrap();
    let captured = ["--method", "scan", "--captured", "2023-12-15", "--description", "A scan."];
    record("exhibit", "desk", &[&captured[..], &["--file", "scan.txt"]].concat());
    record("withholding", "operator", &["--entry", "@91", "--ground", "safety", "--blob", "files/0"]);
}

/// Holds that `verify` called all entries of the ledger valid.
fn valid(ran: Ran) {
    let said = ran.ok();
    assert!(said.contains("93 of 93"), "{said}");
    assert!(said.lines().any(|line| line == "valid"), "{said}");
}

#[test]
fn a_released_program_calls_what_this_one_writes_valid() {
    let release = Release::new();
    let place = Place::new();
    place.run("demo --no-serve --data data").ok();
    let key = place.run("key show data/keys/checkpoint.key").ok();
    let server = place.serve();
    record_more(&place, &server.url);

    valid(release.run(&place, &["verify", &server.url, "--key", &key]));
    let copy = ["mirror", &server.url, "--key", &key, "--data", "mirror", "--once"];
    let copied = release.run(&place, &copy).ok();
    assert!(copied.starts_with("93 entries verified and here, 93 of them new"), "{copied}");
    place.args(["exhibit", "@90", "--ledger", &server.url, "-o", "exhibit-90.zip"]).ok();
    place.args(["case", "export", "@36", "--ledger", &server.url, "-o", "case.zip"]).ok();
    server.stop();
    valid(release.run(&place, &["verify", "data", "--key", &key]));
    valid(release.verify_py(&place, &["data/public", "--key", &key]));
    // This program checks what the released one copied.
    valid(place.args(["verify", "mirror", "--key", &key]));
    for file in ["exhibit-90.zip", "case.zip"] {
        let said = release.run(&place, &["verify", file, "--key", &key]).ok();
        assert!(said.lines().any(|line| line.starts_with("valid")), "{said}");
    }
    let said = release.verify_py(&place, &["exhibit-90.zip", "--key", &key]).ok();
    assert!(said.lines().any(|line| line == "valid"), "{said}");

    // The released program does look: it refuses a copy in which one byte was changed.
    let entries = place.path("data/public/tile/entries/000.p/93");
    let mut bytes = fs::read(&entries).unwrap();
    bytes[3_000] ^= 1;
    fs::write(&entries, bytes).unwrap();
    let refused = release.run(&place, &["verify", "data/public", "--key", &key]);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
}
