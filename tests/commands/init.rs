//! From `init` to a second person who writes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    place::{Place, Ran},
    program::{Running, free_port, without_settings},
};
use serde_json::json;

/// Runs a command line in a shell at a terminal, and types an answer at each prompt.
fn typed(place: &Place, answers: &[(&str, &str)], line: &str) -> Ran {
    let typist = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/typist.py");
    let answers = json!(answers).to_string();
    let mut python = Command::new("python3");
    python.args([typist, &answers, "sh", "-c", line]).current_dir(place.0.path()).stdin(Stdio::null());
    without_settings(&mut python);
    Ran::of(python.output().unwrap())
}

#[test]
fn the_next_commands_that_init_names_run_as_they_stand() {
    let place = Place::new();
    // Paths with characters that a shell splits at.
    fs::create_dir(place.path("the ledger's")).unwrap();
    place.run("key new --name ledger.example.org/op -o op.key").ok();
    fs::rename(place.path("op.key"), place.path("the ledger's/op key")).unwrap();
    let listen = format!("0.0.0.0:{}", free_port());
    fs::write(place.path("onrecord.toml"), format!("listen = \"{listen}\"\n")).unwrap();
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

/// A ledger in `data` by `init` with these flags.
const INIT: &str = "init --data data --origin ledger.example.org --name Example";

/// Where the second key lies in these tests.
const SECOND: &str = "stick/second.key";

#[test]
fn a_second_key_stands_in_for_one_that_is_lost() {
    let place = Place::new();
    fs::create_dir(place.path("stick")).unwrap();
    let made = place.run(&format!("{INIT} --second-key {SECOND}"));
    assert!(made.code == 0 && !made.err.contains("Warning"), "{}", made.err);
    assert!(made.err.contains("data/keys/operator.key and stick/second.key"), "{}", made.err);
    let log_key = made.out.trim();
    let mode = fs::metadata(place.path(SECOND)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = place.run("key show data/keys/operator.key").ok();

    fs::remove_file(place.path("data/keys/operator.key")).unwrap();
    let server = place.serve();
    let record =
        |args: &str| place.run(&format!("record {args} --ledger {} --key {SECOND} --yes", server.url)).ok();
    let entry = Command::new("curl").args(["-s", &format!("{}/entry/1", server.url)]).output().unwrap();
    fs::write(place.path("entry"), entry.stdout).unwrap();
    let event = place.run("event show entry").ok();
    assert!(event.contains("key.added") && event.contains(&first), "both sign: {event}");
    record(&format!("key-revocation --party @0 --vkey {first} --reason lost"));
    record("party --kind agency --name Agency");
    let last = record("role --party @3 --role recorder");
    assert!(last.starts_with(&format!("{}/e/4\n", server.url)), "{last}");
    let verified = place.run(&format!("verify {} --key {log_key}", server.url)).ok();
    assert!(verified.lines().any(|line| line == "valid"), "{verified}");
}

#[test]
fn a_second_key_is_made_outside_the_ledger_and_over_nothing() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    symlink("data", place.path("link")).unwrap();
    fs::write(place.path("there"), "mine").unwrap();
    let inside = "inside the ledger's folder";
    for (second, why) in [
        ("data/second.key", inside),
        ("link/second.key", inside),
        ("./x/../data/../data/second.key", "is not there"),
        ("unmounted/second.key", "the folder that it is to lie in is not there"),
        (".", "give the name of a file in it"),
        ("there", "there is a file already"),
    ] {
        let ran = place.run(&format!("{INIT} --second-key {second}"));
        assert!(ran.code == 1 && ran.err.contains(why), "{second}: {}", ran.err);
        let mut left: Vec<_> = fs::read_dir(place.0.path())
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["data", "link", "there"], "{second}: nothing is left behind");
        assert_eq!(fs::read_dir(place.path("data")).unwrap().count(), 0, "{second}");
    }
    assert_eq!(fs::read_to_string(place.path("there")).unwrap(), "mine");
    // A folder that is not there yet.
    let ran = place.run("init --data new --origin ledger.example.org --second-key new");
    assert!(ran.code == 1 && ran.err.contains(inside), "{}", ran.err);
    // Where no ledger is made, no key is left behind.
    fs::write(place.path("data/other"), "").unwrap();
    let ran = place.run(&format!("{INIT} --second-key second.key"));
    assert!(ran.code != 0 && ran.err.contains("is not empty"), "{}", ran.err);
    assert!(!place.path("second.key").exists());
}

#[test]
fn a_second_key_is_asked_for_at_a_terminal_and_missed_elsewhere() {
    let place = Place::new();
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let warning = "Warning: the operator has one key.";
    let asked = "a second key of the operator";
    let given = typed(&place, &[(asked, "second.key")], &format!("{bin} {INIT}")).ok();
    assert!(place.path("second.key").exists() && !given.contains(warning), "{given}");
    for answer in ["", "  "] {
        let _ = fs::remove_dir_all(place.path("data"));
        let declined = typed(&place, &[(asked, answer)], &format!("{bin} {INIT}")).ok();
        assert!(declined.contains(warning), "{declined}");
    }
    let again = typed(&place, &[], &format!("{bin} {INIT}"));
    assert!(again.code == 1 && !again.out.contains(asked), "nothing is asked in vain: {}", again.out);
    for json in ["", " --json"] {
        fs::remove_dir_all(place.path("data")).unwrap();
        let unasked = place.run(&format!("{INIT}{json}"));
        assert_eq!(
            unasked.err.lines().filter(|line| line.starts_with(warning)).count(),
            1,
            "{}",
            unasked.err
        );
        unasked.ok();
        assert_eq!(place.run("rebuild --data data").ok(), "index made anew from 1 entry");
    }
    fs::remove_dir_all(place.path("data")).unwrap();
    let ran = place.run(&format!("{INIT} --second-key third.key --json"));
    let said: serde_json::Value = serde_json::from_str(&ran.ok()).unwrap();
    assert_eq!(said["second_key_file"], "third.key");
    assert_eq!(said["second_key"], place.run("key show third.key").ok());
}

#[test]
fn what_init_is_answered_is_a_name_or_nothing() {
    let place = Place::new();
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let (name, second) = ("What the ledger is called", "Where to make a second key");
    let init = "init --data data --origin ledger.example.org";
    let unnamed = "Warning: this ledger has no name";
    for no in ["no", "n", "None", "nothing"] {
        let ran = typed(&place, &[(name, no), (second, no)], &format!("{bin} {init}")).ok();
        assert!(ran.contains(unnamed) && ran.contains("Warning: the operator has one key."), "{no}: {ran}");
        assert_eq!(
            fs::read_dir(place.0.path()).unwrap().count(),
            1,
            "{no}: there is the ledger and no key file"
        );
        fs::remove_dir_all(place.path("data")).unwrap();
    }
    // After a wrong answer it asks again.
    fs::write(place.path("there"), "mine").unwrap();
    let answers = [
        (name, "Press"),
        (second, "yes"),
        (second, "~/op2.key"),
        (second, "nosuch/op2.key"),
        (second, "there"),
        (second, "."),
        (second, "op2.key"),
    ];
    let ran = typed(&place, &answers, &format!("{bin} {init}")).ok();
    assert!(place.path("op2.key").exists() && !ran.contains("Warning"), "{ran}");
    for said in [
        "~ stands for nothing",
        "there is a file already",
        "expected the name of the file",
        "the folder that it is to lie in is not there",
    ] {
        assert!(ran.contains(said), "{said}: {ran}");
    }
    assert_eq!(fs::read_to_string(place.path("there")).unwrap(), "mine");
    // Where there is no terminal to ask at, a warning says it.
    for json in ["", " --json"] {
        fs::remove_dir_all(place.path("data")).unwrap();
        let ran = place.run(&format!("{init}{json}"));
        assert!(ran.err.contains(unnamed), "{}", ran.err);
        ran.ok();
    }
    // As the warning says, a name can be put on record later.
    let server = place.serve();
    let line = format!("--ledger {} --key data/keys/operator.key --yes", server.url);
    place.run(&format!("record party-update --party @0 --name Later {line}")).ok();
    let ran = place.run(&format!("record party --kind agency --name Agency {line}"));
    assert!(ran.err.contains("Later registered Agency as an agency."), "{}", ran.err);
    ran.ok();
    server.stop();
}

#[test]
fn a_key_that_lies_elsewhere_is_added_by_the_commands_that_its_refusal_names() {
    let place = Place::new();
    place.run(&format!("{INIT} --second-key second.key")).ok();
    let server = place.serve();
    fs::create_dir(place.path("hers")).unwrap();
    let vkey = place.run("key new --name desk.example.net/reporter -o hers/desk.key").ok();
    let operator = format!("--ledger {} --key data/keys/operator.key --yes", server.url);
    let register = format!("record party --kind publisher --name Desk {operator}");
    let refused = place.run(&format!("{register} --vkey {vkey}"));
    assert!(refused.code == 2 && refused.err.contains("register the party without it"), "{}", refused.err);
    assert!(!refused.err.contains("To be signed"), "nothing is signed in vain: {}", refused.err);
    place.run(&register).ok();

    let refused = place.run(&format!("record key --party @2 --vkey {vkey} {operator}"));
    assert!(refused.code == 2 && refused.err.contains("--also-key FILE"), "{}", refused.err);
    let lines: Vec<&str> = refused.err.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let [new, hers, own, submit] = lines[..] else { panic!("four commands: {}", refused.err) };
    let hers = hers.replace("onrecord", env!("CARGO_BIN_EXE_onrecord")).replace("FILE", "hers/desk.key");
    typed(&place, &[], new).ok();
    typed(&place, &[("Sign this? [y/N]", "y")], &hers).ok();
    let early = place.run(&format!("event submit key.note --ledger {}", server.url));
    let operator = place.run("key show data/keys/operator.key").ok();
    assert!(early.code == 1 && early.err.contains("SIGNATURE_COUNT"), "{}", early.err);
    assert!(early.err.contains("still to be signed") && early.err.contains(&operator), "{}", early.err);
    typed(&place, &[("Sign this? [y/N]", "y")], own).ok();
    assert_eq!(typed(&place, &[], submit).ok(), format!("{}/e/3", server.url));
}

/// Who may sign, in the words of the page, by what events.json says of a type.
fn who(types: &serde_json::Value, event_type: &str, word: &str) -> String {
    let (word, role) = word.split_once(':').unwrap_or((word, ""));
    match word {
        "op" => "operator".to_owned(),
        "reg" => "registrar".to_owned(),
        "rec" => "recorder".to_owned(),
        "any" => "any party with a key".to_owned(),
        "self" => format!("the {role}"),
        "author" if role == "corrects" => "who signed the entry".to_owned(),
        "author" => format!("who signed the {role}"),
        "subject" => {
            let kinds = types[event_type]["refs"][role]["kind"].as_array().unwrap();
            let subjects =
                kinds.iter().flat_map(|kind| types[kind.as_str().unwrap()]["subject"].as_array().unwrap());
            let subjects: Vec<&str> = subjects.map(|subject| subject.as_str().unwrap()).collect();
            format!("the {role}'s {}", subjects.join(" or "))
        }
        word => panic!("{event_type}: {word}"),
    }
}

#[test]
fn the_table_of_who_may_sign_says_what_the_schema_says() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let read = |name: &str| fs::read_to_string(format!("{root}{name}")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&read("schema/events.json")).unwrap();
    let types = &schema["types"];
    let page = read("docs/second-writer.md");
    let table = page.split_once("| who may sign |").unwrap().1.split_once("\n\n").unwrap().0;
    let mut said = BTreeMap::new();
    for row in table.lines().skip(2) {
        let [_, who, nouns, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        for noun in nouns.split(", ") {
            assert!(said.insert(noun.trim_matches('`').to_owned(), who.to_owned()).is_none(), "{noun} twice");
        }
    }
    let place = Place::new();
    for (event_type, spec) in types.as_object().unwrap() {
        // `init` records it; no command does.
        if event_type == "ledger.opened" {
            continue;
        }
        let usage = place.run(&format!("record {event_type} --help")).ok();
        let noun = usage.split("Usage: onrecord record ").nth(1).unwrap().split(' ').next().unwrap();
        let words = spec["who"].as_array().unwrap();
        let expected: Vec<String> =
            words.iter().map(|w| who(types, event_type, w.as_str().unwrap())).collect();
        assert_eq!(said.remove(noun), Some(expected.join(" or ")), "{event_type}: record {noun}");
    }
    assert!(said.is_empty(), "no such event: {said:?}");
}
