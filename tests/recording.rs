//! What is put on record by a command is what somebody meant: nothing is signed unasked, and what is wrong is said in the words
//! that were typed.
#![cfg(feature = "cli")]

#[path = "support/place.rs"]
mod place;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::{Command, Stdio},
};

use onrecord::event::EventType;
use place::{Place, Ran, Server};
use serde_json::{Value, json};

/// Commands that ask nobody before they sign or remove, and why that is so.
const UNASKED: &[(&str, &str)] = &[
    ("backup", "a copy of what is there; what was withheld leaves it, as was decided then"),
    ("case export", "reads"),
    ("completions", "reads"),
    ("demo", "keys and a ledger of its own making, in a folder that holds none"),
    ("event new", "makes what is to be signed"),
    ("event show", "reads"),
    ("event submit", "its author has signed already; with --embargo it asks"),
    ("exhibit", "reads"),
    ("fsck", "reads"),
    ("init", "a ledger in a folder that holds none"),
    ("key import", "a file that was not there"),
    ("key new", "a file that was not there"),
    ("key show", "reads"),
    ("man", "reads"),
    ("mirror", "copies, unwatched; what was withheld leaves it, as was decided then"),
    ("ready", "reads"),
    ("rebuild", "makes indexes of what stays"),
    ("repair", "puts back what the log says; with --without-marks it asks"),
    ("restore", "a folder that was not there"),
    ("search", "reads"),
    ("serve", "runs unwatched"),
    ("show case", "reads"),
    ("show demand", "reads"),
    ("show party", "reads"),
    ("verify", "reads"),
    ("witness", "runs unwatched"),
];
/// Those that ask.
const ASKED: &[&str] = &["event sign", "release", "withhold"];

/// Every command that does something, and not only names others.
fn commands(place: &Place) -> Vec<String> {
    place.run("man --out-dir pages").ok();
    let pages =
        fs::read_dir(place.path("pages")).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let pages: BTreeSet<String> = pages.map(|page| page.trim_end_matches(".1").to_owned()).collect();
    let names = pages.iter().filter_map(|page| page.strip_prefix("onrecord-"));
    names.filter(|name| !GROUPS.contains(name)).map(spelt).collect()
}

/// Groups of commands. A dash in a page's name stands for a space after these alone.
const GROUPS: &[&str] = &["case", "event", "key", "record", "show"];

fn spelt(page: &str) -> String {
    match page.split_once('-') {
        Some((group, rest)) if GROUPS.contains(&group) => format!("{group} {rest}"),
        _ => page.to_owned(),
    }
}

/// A ledger with a case and a statement, being served: entry 1 is a party, 2 a case, 3 a statement with a file, 4 a demand.
fn told() -> (Place, Server) {
    let place = Place::new();
    place.init();
    let server = place.serve();
    fs::write(place.path("letter.txt"), "letter").unwrap();
    for line in [
        "party --kind agency --name Agency",
        "case --respondent @1 --jurisdiction MY --timezone Asia/Kuala_Lumpur --title Matter",
        "statement --case @2 --speaker @1 --standing report --language en --text Words --file letter.txt",
        "demand --case @2 --respondent @1 --petitioner @0 --item One",
    ] {
        record(&place, &server, &format!("{line} --yes")).ok();
    }
    (place, server)
}

fn record(place: &Place, server: &Server, args: &str) -> Ran {
    place.run(&format!("record {args} --ledger {} --key data/keys/operator.key", server.url))
}

/// A statement with a text, which may hold spaces.
fn statement(place: &Place, server: &Server, more: &[&str]) -> Ran {
    let line = format!(
        "record statement --case @2 --speaker @1 --standing report --language en --ledger {} --key data/keys/operator.key --yes",
        server.url
    );
    place.args(line.split(' ').chain(more.iter().copied()))
}

/// The number of the next entry: how many stand before it.
fn next(place: &Place, server: &Server) -> u64 {
    let json = statement(place, server, &["--text", "the next", "--json"]).ok();
    serde_json::from_str::<Value>(&json).unwrap()["index"].as_u64().unwrap()
}

/// The last line of stderr as JSON.
fn error(ran: &Ran) -> Value {
    let last = ran.err.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON: {last}"))
}

#[test]
fn nothing_is_signed_or_removed_where_nobody_can_be_asked() {
    let (place, server) = told();
    let before = next(&place, &server);
    let key = "--key data/keys/operator.key";
    let (url, lines) = (&server.url, &mut Vec::new());
    let note = "onrecord/event/v1\nledger.example.org\n{\"type\":\"key.revoked\",\"by\":[\"x\"]}\n";
    fs::write(place.path("event.txt"), note).unwrap();
    let mut told_apart = BTreeSet::new();
    for command in commands(&place) {
        if command.starts_with("record ") {
            // The example in its help says all that it asks for.
            let help = place.run(&format!("{command} --help")).ok();
            let example = help.rsplit("Example:").next().unwrap().replace("\\\n", " ");
            let example =
                example.replace("http://127.0.0.1:8080", url).replace("desk.key", "data/keys/operator.key");
            lines.push(example.trim().trim_start_matches("onrecord ").to_owned());
        } else if ASKED.contains(&command.as_str()) {
            lines.push(match command.as_str() {
                "withhold" => format!("withhold 3 --ledger {url} {key} --ground safety"),
                "release" => format!("release 3 --ledger {url} {key} --ground error"),
                _ => format!("event sign {key} event.txt"),
            });
        } else {
            assert!(UNASKED.iter().any(|(name, _)| *name == command), "{command}: does it sign or remove?");
        }
        told_apart.insert(command);
    }
    assert_eq!(told_apart.len(), EventType::ALL.len() - 1 + ASKED.len() + UNASKED.len());
    fs::write(place.path("note"), "").unwrap();
    lines.push(format!("event submit note --content note --embargo --ledger {url} {key}"));
    lines.push("repair --data data --without-marks".to_owned());
    for line in lines {
        for said in ["n\n", "y\ny\ny\n", ""] {
            let ran = place.piped(line, said);
            assert_eq!(ran.code, 2, "{line}: {}{}", ran.out, ran.err);
            assert!(
                ran.err.contains("nobody can be asked here") && ran.err.contains("--yes"),
                "{line}: {}",
                ran.err
            );
            assert!(ran.out.is_empty(), "{line}: {}", ran.out);
        }
    }
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");
    server.stop();
}

#[test]
fn words_that_say_nothing_are_refused_by_their_flag() {
    let (place, server) = told();
    let before = next(&place, &server);
    for blank in ["", "   ", "\u{200b}", "\u{feff}", "\u{2060}\u{a0}"] {
        let ran = statement(&place, &server, &["--text", blank]);
        assert!(ran.code == 1 && ran.err.starts_with("--text: expected words"), "{blank:?}: {}", ran.err);
        let ran = statement(&place, &server, &["--text", "x", "--word", &format!("source={blank}")]);
        assert!(ran.code == 1 && ran.err.starts_with("--word source: expected words"), "{}", ran.err);
        let name = ["init", "--data", "other", "--origin", "other.example.org", "--name", blank];
        let ran = place.args(name);
        assert!(ran.code == 1 && ran.err.starts_with("--name: expected words"), "{}", ran.err);
    }
    fs::write(place.path("nul.txt"), "\0").unwrap();
    let ran = statement(&place, &server, &["--text", "@nul.txt"]);
    assert!(ran.code == 1 && ran.err.starts_with("--text: "), "{}", ran.err);
    let ran = statement(&place, &server, &["--text", "x", "--quotes", r#"[{"exact":"x","bye":"y"}]"#]);
    assert!(ran.code == 1 && ran.err.starts_with("--quotes: "), "{}", ran.err);
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");

    // A mark at the head of a file is the editor's, and one inside is the author's.
    fs::write(place.path("marked.txt"), "\u{feff}Ken\u{200b}ya\u{feff}taan\n").unwrap();
    let ran = statement(&place, &server, &["--text", "@marked.txt"]);
    assert!(ran.err.contains("marked.txt: the byte-order mark at its head is dropped"), "{}", ran.err);
    assert!(ran.err.contains("\"Ken\\u{200b}ya\\u{feff}taan\""), "they are shown: {}", ran.err);
    ran.ok();
    server.stop();
}

#[test]
fn what_happened_now_happened_where_the_case_is() {
    let (place, server) = told();
    // The clock is set for this command alone. Not as a child of `faketime`, which does not pass signals on.
    let library = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let library = library.expect("faketime; ./test installs it (Debian: faketime)").stdout;
    let library = String::from_utf8(library).unwrap();
    let run = |more: &[&str]| {
        let line = format!(
            "record statement --case @2 --speaker @1 --standing report --language en --text x --yes --ledger {} \
             --key data/keys/operator.key",
            server.url
        );
        let mut command = place.command(line.split(' ').chain(more.iter().copied()));
        command.env("LD_PRELOAD", library.trim()).env("FAKETIME", "@2026-11-29 22:30:00").env("TZ", "UTC");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        Ran::of(command.output().unwrap())
    };
    let ran = run(&[]);
    assert!(ran.err.contains(r#""at":"2026-11-30T06:30:0"#), "{}", ran.err);
    assert!(ran.err.contains("+08:00\""), "{}", ran.err);
    ran.ok();
    // The day has begun in Malaysia.
    run(&["--at", "2026-11-30"]).ok();
    for ahead in ["2026-12-01", "2026-12", "2026-11-30T06:31:00+08:00"] {
        let ran = run(&["--at", ahead]);
        assert!(ran.code == 2 && ran.err.contains("--ahead"), "{ahead}: {}", ran.err);
        run(&["--at", ahead, "--ahead"]).ok();
    }
    server.stop();
}

#[test]
fn files_are_said_to_be_public_and_a_table_of_signers_needs_a_flag() {
    let (place, server) = told();
    let ran = record(
        &place,
        &server,
        "statement --case @2 --speaker @1 --standing report --language en --text x --file letter.txt --yes",
    );
    let said = ran.err.find("These files will be public for ever unless withheld: letter.txt").expect("said");
    assert!(said < ran.err.find("To be signed").unwrap(), "before it is signed: {}", ran.err);
    ran.ok();
    let before = next(&place, &server);
    fs::write(place.path("signers.csv"), "name\n").unwrap();
    fs::write(place.path("signers.txt"), "Name,Mail\nA,a@example.org\nB,b@example.org\n").unwrap();
    for file in ["signers.csv", "signers.txt"] {
        let line =
            format!("collection --case @2 --organiser @0 --text x --assurance email --file {file} --yes");
        let ran = record(&place, &server, &line);
        assert!(ran.code == 2 && ran.err.contains(&format!("--file {file}: ")), "{}", ran.err);
        assert!(ran.err.contains("--public-file"), "{}", ran.err);
    }
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");
    let line = "collection --case @2 --organiser @0 --text x --assurance email --file signers.csv --public-file --yes";
    record(&place, &server, line).ok();
    server.stop();
}

#[test]
fn errors_name_what_was_typed() {
    let (place, server) = told();
    let given = "demand --case @2 --petitioner @0 --item One --yes --respondent";
    let ran = record(&place, &server, &format!("{given} @3"));
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (1, "onrecord: --respondent @3: this is a statement, expected a party\n")
    );
    let id = {
        let json = statement(&place, &server, &["--text", "x", "--json"]).ok();
        serde_json::from_str::<Value>(&json).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let ran = record(&place, &server, &format!("{given} {id}"));
    assert!(
        ran.err.contains(&format!("--respondent {id}: this is a statement, expected a party")),
        "{}",
        ran.err
    );
    let ran = record(&place, &server, &format!("{given} {}", "0".repeat(64)));
    assert!(ran.err.contains("has no such event"), "{}", ran.err);
    // Refused by the ledger itself.
    place.run("key new --name stranger.example -o stranger.key").ok();
    let line = format!(
        "record statement --case @2 --speaker @1 --standing report --language en --text x --yes --ledger {} --key stranger.key",
        server.url
    );
    let ran = place.run(&line);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let last = ran.err.lines().last().unwrap();
    assert!(last.starts_with("--key: ") && last.ends_with("(KEY_UNKNOWN)"), "{last}");
    let ran = place.run(&format!("{line} --json"));
    let error = error(&ran);
    assert_eq!((&error["exit"], &error["errors"][0]["code"]), (&json!(1), &json!("KEY_UNKNOWN")));
    assert_eq!(
        (&error["errors"][0]["place"], &error["errors"][0]["typed"]),
        (&json!("by[0]"), &json!("--key"))
    );
    server.stop();
}

#[test]
fn every_command_says_errors_as_json_and_has_no_flag_that_it_does_not_take() {
    let place = Place::new();
    for command in commands(&place) {
        // No command takes such a flag, and none is content without a folder or a ledger.
        let ran = place.run(&format!("{command} --no-such-flag --json"));
        assert_eq!((ran.code, &error(&ran)["exit"]), (2, &json!(2)), "{command}");
        let help = place.run(&format!("{command} --help")).ok();
        assert!(help.contains("--json"), "{command}");
        // What is in its help is understood: another fault is found, and not the flag.
        for flag in flags(&help) {
            let ran = place.run(&format!("{command} --no-such-flag {flag}"));
            assert!(ran.err.contains("--no-such-flag"), "{command} {flag}: {}", ran.err);
        }
    }
    for line in [
        "verify no-such-folder --json",
        "key show no-such-file --json",
        "ready --ledger http://127.0.0.1:1 --json",
    ] {
        let ran = place.run(line);
        assert_eq!(error(&ran)["exit"], ran.code, "{line}");
        assert!(ran.code != 0 && error(&ran)["errors"][0]["message"].is_string(), "{line}");
    }
}

/// The long flags in a help text.
fn flags(help: &str) -> Vec<String> {
    let lines = help.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("-y, ").trim_start_matches("-o, ");
        line.strip_prefix("--")
    });
    lines.map(|line| format!("--{}", line.split([' ', '[', '<', ',']).next().unwrap())).collect()
}

#[test]
fn results_are_json_where_that_is_asked_for() {
    let (place, server) = told();
    let operator = place.run("key show data/keys/operator.key").ok();
    let new = format!("event new --type key.revoked --origin ledger.example.org --by {operator} --json");
    let made: Value = serde_json::from_str(&place.run(&new).ok()).unwrap();
    fs::write(place.path("event.txt"), made["text"].as_str().unwrap()).unwrap();
    let url = &server.url;
    for line in [
        format!("show case 2 --ledger {url} --json"),
        format!("show party {url}/party/1 --ledger {url} --json"),
        format!("search words --ledger {url} --json"),
        format!("ready --ledger {url} --json"),
        "key show data/keys/operator.key --json".to_owned(),
    ] {
        let out = place.run(&line).ok();
        assert!(serde_json::from_str::<Value>(&out).is_ok(), "{line}: {out}");
    }
    server.stop();
}

#[test]
fn output_that_can_not_be_written_is_an_error_on_every_command() {
    let (place, server) = told();
    let url = &server.url;
    let key = place.run("key show data/keys/operator.key").ok();
    let log = place.run("key show data/keys/checkpoint.key").ok();
    let operator = format!("--ledger {url} --key data/keys/operator.key --yes");
    let mut lines = vec![
        format!("case export @2 --ledger {url}"),
        format!("exhibit @3 --ledger {url}"),
        format!("search agency --ledger {url} --json"),
        format!("ready --ledger {url}"),
        format!("show case @2 --ledger {url}"),
        format!("show demand @4 --ledger {url}"),
        format!("show party @1 --ledger {url}"),
        format!("verify {url} --key {log}"),
        format!("mirror {url} --key {log} --data mirrored --once"),
        format!(
            "record statement --case @2 --speaker @1 --standing report --language en --text y {operator}"
        ),
        format!("withhold 3 --ground safety {operator}"),
        format!("event new --type key.revoked --origin ledger.example.org --by {key}"),
        "backup --data data --to copied --with-keys".to_owned(),
        "restore --from copied --data restored".to_owned(),
        "fsck --data restored".to_owned(),
        "rebuild --data restored".to_owned(),
        "key new --name a.example -o a.key".to_owned(),
        "key import --name a.example --seed-hex-file seed -o b.key".to_owned(),
        "key show data/keys/operator.key".to_owned(),
        "init --data other --origin other.example.org".to_owned(),
        "demo --no-serve".to_owned(),
        "completions bash".to_owned(),
        "man".to_owned(),
        "--version".to_owned(),
        "--help".to_owned(),
    ];
    lines.extend(commands(&place).iter().map(|command| format!("{command} --help")));
    place.write_secret("seed", &"01".repeat(32));
    for line in lines {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = place.command(line.split(' '));
        let output = command.stdout(Stdio::from(full)).stderr(Stdio::piped()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {err}");
        assert!(err.contains("the output could not be written"), "{line}: {err}");
    }
    server.stop();
}

#[test]
fn a_secret_key_is_never_said_again() {
    let place = Place::new();
    place.run("key new --name newsroom.example/desk -o desk.key").ok();
    let secret = fs::read_to_string(place.path("desk.key")).unwrap().trim().to_owned();
    let silent = |ran: Ran, line: &str| {
        assert_eq!(ran.code, 2, "{line}: {}", ran.err);
        let said = ran.out + &ran.err;
        assert!(
            said.contains("secret key") && !said.contains(&secret[secret.len() - 20..]),
            "{line}: {said}"
        );
    };
    for command in commands(&place) {
        let help = place.run(&format!("{command} --help")).ok();
        for flag in flags(&help) {
            silent(place.run(&format!("{command} {flag} {secret}")), &format!("{command} {flag}"));
            silent(place.run(&format!("{command} {flag}={secret} --json")), &format!("{command} {flag}="));
        }
        silent(place.run(&format!("{command} {secret}")), &command);
    }
    let ran = place.command(["record", "statement"]).env("ONRECORD_KEY_FILE", &secret).output().unwrap();
    silent(Ran::of(ran), "ONRECORD_KEY_FILE");
    fs::write(place.path("onrecord.toml"), format!("key_file = \"{secret}\"\n")).unwrap();
    silent(place.run("ready"), "onrecord.toml");
    fs::remove_file(place.path("onrecord.toml")).unwrap();
    let seed = "4420823cfde6f1c26b30f90ec7dd01e4887534a20f0b0d04c36ed80e71e0fd77";
    let ran = place.run(&format!("key import --name a.example --seed-hex-file {seed} -o b.key"));
    assert!(ran.code == 2 && !ran.err.contains(seed), "{}", ran.err);
}

#[test]
fn an_event_is_named_in_every_way_and_a_ledger_by_the_settings() {
    let (place, server) = told();
    let url = &server.url;
    fs::write(
        place.path("onrecord.toml"),
        format!("ledger = \"{url}\"\nkey_file = \"data/keys/operator.key\"\n"),
    )
    .unwrap();
    assert_eq!(place.run("ready").ok(), "ready");
    place.run("search agency").ok();
    let id = |index: u64| -> String {
        let query = json!({"query": format!("{{event(by:{{index:{index}}}){{eventId}}}}")}).to_string();
        let out = Command::new("curl")
            .args(["-s", "-H", "content-type: application/json", "-d", &query, &format!("{url}/graphql")])
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&out.stdout).unwrap();
        json["data"]["event"]["eventId"].as_str().unwrap().to_owned()
    };
    let (party, case, demand) = (id(1), id(2), id(4));
    for (noun, index, id) in [("party", 1, &party), ("case", 2, &case), ("demand", 4, &demand)] {
        let names = [
            format!("@{index}"),
            index.to_string(),
            id.clone(),
            format!("{url}/e/{index}"),
            format!("{url}/e/{index}/"),
            format!("{url}/e/{index}?knownAt=4#words"),
            format!("{url}/{noun}/{id}"),
            format!("{url}/{noun}/{id}/"),
        ];
        for name in &names {
            place.run(&format!("show {noun} {name}")).ok();
            if noun == "case" {
                place.run(&format!("search words --case {name}")).ok();
                place.run(&format!("case export {name}")).ok();
            }
            if noun == "party" {
                place.run(&format!("search agency --party {name}")).ok();
                let line = format!(
                    "record statement --case {case} --speaker {name} --standing report --language en --text x"
                );
                place.run(&format!("{line} --yes")).ok();
            }
            place.run(&format!("exhibit {name}")).ok();
        }
        let other = place.run(&format!("show {noun} http://other.example/e/{index}"));
        assert!(
            other.code == 2 && other.err.contains("expected a permalink of this ledger"),
            "{}",
            other.err
        );
    }
    server.stop();
    // A folder does not know where it is served.
    fs::remove_file(place.path("onrecord.toml")).unwrap();
    place.run("show case 2 --data data").ok();
    place.run("show case https://ledger.example.org/e/2 --data data").ok();
}

/// Runs a command at a terminal, and types an answer at each prompt.
fn typed(place: &Place, answers: &[(&str, &str)], command: &[&str]) -> Ran {
    let typist = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/typist.py");
    let answers = json!(answers).to_string();
    let line = [&[typist, answers.as_str()], command].concat();
    let mut python = Command::new("python3");
    python.args(line).current_dir(place.0.path()).stdin(Stdio::null());
    Ran::of(python.output().unwrap())
}

#[test]
fn a_demand_is_recorded_by_answering_and_a_no_keeps_what_was_typed() {
    let (place, server) = told();
    // The first letter is Cyrillic.
    record(&place, &server, "party --kind organisation --name \u{410}gency --yes").ok();
    let before = next(&place, &server);
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let line = [bin, "record", "demand", "--ledger", &server.url, "--key", "data/keys/operator.key"];
    let answers = [
        ("The case it belongs to, by name or number:", "matter"),
        ("Its number, or another name:", "2"),
        ("Whom the matter is about, by name or number:", "nobody of that name"),
        ("Its number, or another name:", "agency"),
        ("Its number, or another name:", "@1"),
        ("The text of an item, in order:", "Which data?"),
        ("another or nothing:", "Since when?"),
        ("another or nothing:", ""),
        ("Who asks", "0"),
        ("The lawyer who asks", ""),
        ("Days to answer in", "soon"),
        ("Days to answer in", "14"),
        ("How days are counted (calendar, working, my-interpretation-act-54):", "calendar"),
        ("What starts the clock", "issue"),
        ("The letter, a file", "letter.txt"),
        ("The date of the letter", "2023-12-08"),
        ("Sign this and submit it? [y/N]", "n"),
    ];
    let ran = typed(&place, &answers, &line);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let listed: Vec<&str> = ran.out.lines().filter(|l| l.contains("registered")).collect();
    assert_eq!(listed.len(), 2, "the one that looks like it too: {}", ran.out);
    for said in [
        "nothing goes by that name",
        "expected a number from 1 to 3650",
        "issued a demand of 2 items to Agency; an answer is asked for within 14 days",
        "case: Matter (entry 2)",
        "respondent: Agency (entry 1)",
        "deadline: days 14",
        "items: Which data?",
        "when it happened: 2023-12-08",
        "These files will be public for ever unless withheld: letter.txt",
        "What you wrote is kept; sh draft-demand-1.sh asks again.",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    assert!(!ran.out.contains("onrecord/event/v1"), "words, and no JSON: {}", ran.out);
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");

    let draft = fs::metadata(place.path("draft-demand-1.sh")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&draft.permissions()) & 0o777, 0o600);
    let again = typed(&place, &[("Sign this and submit it? [y/N]", "y")], &["sh", "draft-demand-1.sh"]);
    assert!(again.out.contains(&format!("{}/e/{}", server.url, before + 2)), "{}{}", again.out, again.err);
    assert_eq!(again.code, 0);
    let shown = place.run(&format!("show demand {} --ledger {}", before + 2, server.url)).ok();
    assert!(shown.contains("Which data?") && shown.contains("22 Dec 2023"), "{shown}");
    server.stop();
}

#[test]
fn checks_are_told_in_flags() {
    let (place, server) = told();
    let ran = record(&place, &server, "demand --case @2 --respondent @1 --item Which? --yes");
    assert!(
        ran.code == 1 && ran.err.contains("expected --petitioner or --counsel, found neither"),
        "{}",
        ran.err
    );
    let ran = record(&place, &server, "demand --case @2 --respondent @0 --petitioner @0 --item Which? --yes");
    assert!(ran.code == 1 && ran.err.contains("--respondent is not the case's respondent"), "{}", ran.err);
    server.stop();
}

#[test]
fn what_happened_to_a_notice_is_told_in_plain_words() {
    let (place, server) = told();
    let demand = next(&place, &server) + 1;
    record(&place, &server, "demand --case @2 --respondent @1 --petitioner @0 --item Which? --yes").ok();
    record(&place, &server, &format!("notice --case @2 --demand @{demand} --sender @0 --addressee @1 --channel hand --address Counter --why Open --yes")).ok();
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let line = [bin, "record", "evidence", "--ledger", &server.url, "--key", "data/keys/operator.key"];
    let (case, notice) = ("@2".to_owned(), format!("@{}", demand + 1));
    let answers = [
        ("The case it belongs to, by name or number:", case.as_str()),
        ("The notice, by name or number:", notice.as_str()),
        ("Its number, or its name:", "99"),
        ("Its number, or its name:", "1"),
        ("What happened, told by the author:", "The counter stamped our copy."),
        ("Sign this and submit it? [y/N]", "y"),
    ];
    let ran = typed(&place, &answers, &line);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for said in [
        "1  the addressee stamped or signed a copy (ConsignmentAcceptance, addressee_paper)",
        "2  it was left with a clerk, or handed over (ContentHandover, sender)",
        "expected a number from 1 to 11, or one of SubmissionAcceptance",
        "accepted, on the addressee's paper, as the sender tells it; no paper enclosed.",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    server.stop();
}

#[test]
fn a_date_ahead_is_asked_about_at_a_terminal() {
    let (place, server) = told();
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let line = format!(
        "{bin} record statement --case @2 --speaker @1 --standing report --language en --text x --at 2999-01-01 --ledger {} \
         --key data/keys/operator.key",
        server.url
    );
    let line: Vec<&str> = line.split_whitespace().collect();
    let no = typed(&place, &[("2999-01-01 is ahead of now. Is it meant? [y/N]", "n")], &line);
    assert_eq!(no.code, 1, "{}{}", no.out, no.err);
    let yes =
        [("2999-01-01 is ahead of now. Is it meant? [y/N]", "y"), ("Sign this and submit it? [y/N]", "y")];
    assert_eq!(typed(&place, &yes, &line).code, 0);
    server.stop();
}
