//! A command puts on record what somebody meant: nothing is signed unasked, and an error repeats the words that were typed.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::{Command, Stdio},
};

use crate::{
    place::{Place, Ran},
    program::Program,
};
use onrecord::event::EventType;
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
/// Commands that ask before they sign.
const ASKED: &[&str] = &["event sign", "release", "withhold"];

/// Every command that does something, without the groups that only hold others.
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
fn told() -> (Place, Program) {
    let place = Place::new();
    place.init();
    let server = place.serve();
    fs::write(place.path("letter.txt"), "letter").unwrap();
    for line in [
        "party --kind agency --name Agency",
        "case --respondent @1 --jurisdiction MY --timezone Asia/Kuala_Lumpur --title Matter",
        "statement --case @2 --speaker @1 --standing report --language en --text Words --file letter.txt",
        "demand --case @2 --respondent @1 --petitioner @0 --item One --at 2026-11-02",
    ] {
        record(&place, &server, &format!("{line} --yes")).ok();
    }
    (place, server)
}

fn record(place: &Place, server: &Program, args: &str) -> Ran {
    place.run(&format!("record {args} --ledger {} --key data/keys/operator.key", server.url))
}

/// A statement with a text, which may hold spaces.
fn statement(place: &Place, server: &Program, more: &[&str]) -> Ran {
    let line = format!(
        "record statement --case @2 --speaker @1 --standing report --language en --ledger {} --key data/keys/operator.key --yes",
        server.url
    );
    place.args(line.split(' ').chain(more.iter().copied()))
}

/// The number of the next entry: how many stand before it.
fn next(place: &Place, server: &Program) -> u64 {
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
            // The example in a command's help gives all that the command asks for.
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

    // An editor puts a byte-order mark at the head of a file; inside a text it is the author's.
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
    // The clock is set for this command alone. It is no child of `faketime`, which does not pass signals on.
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
    run(&["--published", "2026-11-30"]).ok();
    for ahead in ["2026-12-01", "2026-12", "2026-11-30T06:31:00+08:00"] {
        let ran = run(&["--at", ahead]);
        assert!(ran.code == 2 && ran.err.contains("--ahead"), "{ahead}: {}", ran.err);
        let ran = run(&["--published", ahead]);
        assert!(
            ran.code == 2 && ran.err.contains(&format!("--published {ahead}: that is ahead")),
            "{}",
            ran.err
        );
        run(&["--at", ahead, "--ahead"]).ok();
    }
    server.stop();
}

#[test]
fn a_secret_key_goes_on_record_in_no_words_and_in_no_file() {
    let (place, server) = told();
    let secret = fs::read_to_string(place.path("data/keys/operator.key")).unwrap();
    fs::write(place.path("notes.txt"), format!("Dear all,\nthis is it: {secret}")).unwrap();
    fs::write(place.path("words.json"), json!({"text": secret}).to_string()).unwrap();
    let before = next(&place, &server);
    let statement = "statement --case @2 --speaker @1 --standing report --language en --yes";
    let new = "event new --type statement.made --origin ledger.example.org --by VKEY --ref speaker=ID --fact standing=report";
    let lines = [
        format!("record {statement} --text @data/keys/operator.key"),
        format!("record {statement} --text x --file data/keys/operator.key"),
        format!("record {statement} --text x --file notes.txt"),
        "record exhibit --case @2 --method upload --captured 2023-12-08 --description x --file notes.txt --yes".into(),
    ];
    for line in lines {
        let ran = place.run(&format!("{line} --ledger {} --key data/keys/operator.key", server.url));
        let said = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == 2 && said.contains("a secret key stands in it"), "{line}: {said}");
        assert!(!said.contains(secret.trim()), "{line}: {said}");
    }
    let id = "00".repeat(32);
    let vkey = place.run("key show data/keys/operator.key").ok();
    // The key last: its base64 may have "ID" in it.
    let new = new.replace("ID", &id).replace("VKEY", vkey.trim());
    let ran = place
        .run(&format!("{new} --case {id} --fact language=en --words words.json --content-out words.blob"));
    assert!(ran.code == 2 && ran.err.contains("a secret key stands in it"), "{}", ran.err);
    assert_eq!(next(&place, &server), before + 1, "nothing went on record");
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
    // It is refused too beside a demand that a collection supports, and beside what became of that demand.
    let collection = before + 2;
    let demand =
        format!("demand --case @2 --respondent @1 --petitioner @0 --item x --collection @{collection} --yes");
    let refused = |line: &str| {
        let ran = record(&place, &server, &format!("{line} --file signers.txt"));
        assert!(
            ran.code == 2 && ran.err.contains("--file signers.txt: this is a table"),
            "{line}: {}",
            ran.err
        );
    };
    refused(&demand);
    record(&place, &server, &format!("{demand} --file letter.txt")).ok();
    let notice = format!(
        "notice --case @2 --demand @{} --sender @0 --addressee @1 --channel hand --address x --why x --yes",
        collection + 1
    );
    refused(&notice);
    record(&place, &server, &notice).ok();
    let evidence = format!(
        "evidence --case @2 --notice @{} --evidence ContentHandover --vouched-by sender --account x --yes",
        collection + 2
    );
    refused(&evidence);
    record(&place, &server, &format!("{evidence} --file signers.txt --public-file")).ok();
    refused(&format!(
        "exhibit --case @2 --about @{collection} --method upload --captured 2023-12-08 --description x --yes"
    ));
    // Beside anything else a table does not list those who signed.
    record(&place, &server, "exhibit --case @2 --about @3 --method upload --captured 2023-12-08 --description x --file signers.csv --yes").ok();
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
    // The ledger itself refuses this one.
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
        // No command takes this flag.
        let ran = place.run(&format!("{command} --no-such-flag --json"));
        assert_eq!((ran.code, &error(&ran)["exit"]), (2, &json!(2)), "{command}");
        let help = place.run(&format!("{command} --help")).ok();
        assert!(help.contains("--json"), "{command}");
        // Each flag in the help is known to the command: the fault that is named is another one.
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
        // Without a key the verdict is "not decided".
        "verify exhibit-3.zip".to_owned(),
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
        // The event is on record though its receipt could not be printed. The error says so, so that nobody records it again.
        let last = err.lines().last().unwrap();
        let records = line.starts_with("record statement --case") || line.starts_with("withhold 3");
        assert_eq!(last.contains("; on record all the same: entry "), records, "{line}: {last}");
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
    typed_or_closed(place, json!(answers), command)
}

/// The same, where an answer can be null: the terminal is closed then.
fn typed_or_closed(place: &Place, answers: Value, command: &[&str]) -> Ran {
    let typist = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/typist.py");
    let answers = answers.to_string();
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
        ("The case it belongs to, by name or number:", "1"),
        ("The case it belongs to, by name or number:", "999"),
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
        ("The date of the letter", "2023-12-08"),
        ("Days to answer in", "soon"),
        ("Days to answer in", "14"),
        ("How days are counted (calendar, working, my-interpretation-act-54):", "calendar"),
        ("What starts the clock", "issue"),
        ("Whose holidays count", "none"),
        ("The letter, a file", "letter.txt"),
        ("Sign this and submit it? [y/N]", "n"),
    ];
    let ran = typed(&place, &answers, &line);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let listed: Vec<&str> = ran.out.lines().filter(|l| l.contains("registered")).collect();
    assert_eq!(listed.len(), 2, "the one that looks like it too: {}", ran.out);
    for said in [
        "  1: this is a party, expected a case",
        "999: http",
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

/// The fact `deadline` of an entry.
fn deadline(server: &Program, index: u64) -> Value {
    let entry = Command::new("curl").args(["-s", &format!("{}/entry/{index}", server.url)]).output().unwrap();
    let entry = String::from_utf8(entry.stdout).unwrap();
    let event: Value = serde_json::from_str(entry.lines().find(|l| l.starts_with('{')).unwrap()).unwrap();
    event["facts"]["deadline"].clone()
}

#[test]
fn holidays_of_malaysia_are_offered_and_travel_with_the_demand() {
    let (place, server) = told();
    let before = next(&place, &server);
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let given = "--case 2 --respondent 1 --petitioner 0 --item Which? --deadline-days 9 --yes";
    let line = |more: &str| record(&place, &server, &format!("demand {given} --at 2023-12-15 {more}"));
    let ran = line("--deadline-rule my-interpretation-act-54 --deadline-from issue --holidays MY-14");
    assert!(ran.err.contains("Holidays of Kuala Lumpur (MY-14) that travel with the demand:"), "{}", ran.err);
    assert!(ran.err.contains("2023-12-25  Christmas Day"), "{}", ran.err);
    ran.ok();
    let fact = deadline(&server, before + 1);
    assert_eq!(
        (&fact["weekly"], &fact["holidays"]),
        (&json!("sunday"), &json!(["2023-12-25", "2024-01-01"]))
    );
    // Holidays that were typed are added to the list, and a weekly holiday that was typed counts.
    line("--deadline-rule my-interpretation-act-54 --deadline-from issue --holidays my-03 --deadline-weekly sunday --deadline-holiday 2023-12-20").ok();
    let fact = deadline(&server, before + 2);
    assert_eq!(
        (&fact["weekly"], &fact["holidays"]),
        (&json!("sunday"), &json!(["2023-12-20", "2023-12-25"]))
    );
    // A rule that takes no weekly holiday is given none.
    let ran = line("--deadline-rule working --deadline-from handed_over --holidays MY-02");
    assert!(ran.err.contains("though the weekly holiday of Kedah is Friday"), "{}", ran.err);
    ran.ok();
    let fact = deadline(&server, before + 3);
    assert!(fact.get("weekly").is_none() && fact["holidays"].as_array().unwrap().len() > 15, "{fact}");
    for (more, said) in [
        ("--holidays MY-17", "--holidays MY-17: expected one of MY (kept in every state)"),
        (
            "--holidays MY-01 --at 2024-12-20",
            "--holidays MY-01: the weekly holiday changes within the period",
        ),
        ("--holidays MY-14 --at 2020-12-20", "--holidays MY-14: the lists hold 2023 to "),
        ("--holidays MY-14 --at 9999-12-20 --ahead", "--holidays MY-14: the lists hold 2023 to "),
    ] {
        let at = if more.contains("--at") { "" } else { "--at 2023-12-15" };
        let rule = "--deadline-rule my-interpretation-act-54 --deadline-from issue";
        let ran = record(&place, &server, &format!("demand {given} {at} {rule} {more}"));
        assert!(ran.code == 2 && ran.err.contains(said), "{more}: {}", ran.err);
    }

    let line = format!(
        "{bin} record demand --ledger {} --key data/keys/operator.key --case 2 --respondent 1 --file letter.txt",
        server.url
    );
    let answers = |days: &'static str, whose: &'static [(&str, &str)], yes: &'static str| {
        let mut answers = vec![
            ("The text of an item, in order:", "Which data?"),
            ("another or nothing:", ""),
            ("Who asks", "0"),
            ("The lawyer who asks", ""),
            ("The date of the letter", "2026-11-23"),
            ("Days to answer in", days),
            ("How days are counted", "my-interpretation-act-54"),
            ("What starts the clock", "handed_over"),
        ];
        answers.extend(whose);
        answers.push(("Sign this and submit it? [y/N]", yes));
        answers
    };
    let line: Vec<&str> = line.split(' ').collect();
    let whose = &[
        ("Whose holidays count", "none"),
        ("Whose holidays count", "15"),
        ("One more holiday", "2026-12-11"),
        ("One more holiday", ""),
    ];
    let ran = typed(&place, &answers("14", whose, "n"), &line);
    for said in [
        "Public holidays of Malaysia, 2026 to 2027, by the library holidays",
        "The Gazette binds",
        "15  MY-14  Kuala Lumpur (weekly holiday sunday)",
        "2026-12-25  Christmas Day",
        "expected a number from 1 to 17",
        "weekly sunday",
        "2026-12-11\n",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    assert_eq!(ran.out.matches("Christmas Day").count(), 2, "one a year, said once: {}", ran.out);
    assert!(!ran.out.contains("not in it"), "{}", ran.out);
    let again = typed(&place, &[("Sign this and submit it? [y/N]", "y")], &["sh", "draft-demand-1.sh"]);
    assert_eq!(again.code, 0, "{}", again.out);
    let fact = deadline(&server, before + 4);
    assert_eq!(
        (&fact["weekly"], &fact["holidays"][0], &fact["holidays"][1]),
        (&json!("sunday"), &json!("2026-12-11"), &json!("2026-12-25"))
    );
    let whose = &[("Whose holidays count", "MY-03"), ("One more holiday", "")];
    let ran = typed(&place, &answers("500", whose, "n"), &line);
    assert!(ran.out.contains("Holidays after 31 December 2027 are not in it."), "{}", ran.out);
    assert!(ran.out.contains("weekly friday"), "{}", ran.out);
    let whose = &[
        ("Whose holidays count", "own"),
        ("A holiday", "2026-12-25"),
        ("A holiday", ""),
        ("The weekly holiday", "friday"),
    ];
    let ran = typed(&place, &answers("14", whose, "y"), &line);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let fact = deadline(&server, before + 5);
    assert_eq!((&fact["weekly"], &fact["holidays"]), (&json!("friday"), &json!(["2026-12-25"])));
    server.stop();
}

#[test]
fn odd_input_is_told_by_what_was_typed() {
    let (place, server) = told();
    let ended = |ran: Ran, code: i32, said: &str, line: &str| {
        let last = ran.err.lines().last().unwrap_or_default();
        assert!(ran.code == code && last.contains(said), "{line}: {} {}", ran.code, ran.err);
    };
    for (line, code, said) in [
        ("show party 2", 1, "ID 2: this is a case, expected a party"),
        ("show demand 3", 1, "ID 3: this is a statement, expected a demand"),
        ("show case 1", 1, "ID 1: this is a party, expected a case"),
        (
            "show case 2 --known-at 99",
            2,
            "--known-at: expected a tree size from 1 to the ledger's own, found 99",
        ),
        ("search x --case 1", 1, "--case 1: this is a party, expected a case"),
        ("search x --party 2", 1, "--party 2: this is a case, expected a party"),
        ("search x --type nosuch", 2, "--type nosuch: "),
        ("exhibit 99", 2, "ENTRY 99: "),
        ("exhibit 3 -o /dev/full", 1, "the output could not be written: /dev/full"),
        ("case export 2 -o /dev/full", 1, "the output could not be written: /dev/full"),
    ] {
        ended(place.run(&format!("{line} --ledger {}", server.url)), code, said, line);
    }
    let statement = "statement --case 2 --standing report --language en";
    let demand = "demand --case 2 --respondent 1 --petitioner 0 --item x";
    let period = format!("{demand} --deadline-days 5 --deadline-from issue");
    for (line, code, said) in [
        (format!("{statement} --speaker 1 --text @nosuch"), 2, "--text: nosuch: "),
        (format!("{statement} --speaker 1 --text x --file nosuch"), 2, "--file: nosuch: "),
        (format!("{statement} --speaker 1 --text x --also-key nosuch"), 2, "--also-key: key file nosuch: "),
        (format!("{statement} --speaker 99 --text x"), 2, "--speaker 99: "),
        (format!("{statement} --speaker 1 --text x --word text=y"), 2, "--word text: "),
        ("key --party 1 --vkey nonsense".to_owned(), 2, "--vkey nonsense: expected <name>+"),
        (format!("{demand} --deadline-by 2026-02-30"), 1, "--deadline-by: expected YYYY-MM-DD"),
        (
            format!("{period} --deadline-rule calendar --deadline-holiday 1/2"),
            1,
            "--deadline-holiday: expected YYYY-MM-DD",
        ),
        (format!("{period} --deadline-rule working --deadline-weekly friday"), 2, "--deadline-weekly: only "),
        (format!("{period} --deadline-rule my-interpretation-act-54"), 2, "--deadline-holiday"),
        (
            format!("{demand} --deadline {{\"by\":\"2020-01-01\"}}"),
            2,
            "--deadline 2020-01-01: that is before the demand",
        ),
        (format!("{demand} --deadline {{\"by\":\"2999-01-01\",\"by\":\"2999-01-02\"}}"), 2, "--deadline {"),
        (format!("{demand} --deadline {{\"days\":5}}"), 1, "--deadline, rule: expected this member"),
        (
            "link --case 2 --from 3 --to 3 --relation repeats --reasoning x".to_owned(),
            2,
            "--to: this is what --from names already",
        ),
        (
            "commitment --case 2 --party 1 --promise x --at 2026-11-20 --due 2026-11-19".to_owned(),
            2,
            "--due 2026-11-19: that is before the event itself, which is of 2026-11-20 (--at)",
        ),
    ] {
        ended(record(&place, &server, &format!("{line} --yes")), code, said, &line);
    }
    let operator = place.run("key show data/keys/operator.key").ok();
    let new = format!("event new --type key.revoked --origin ledger.example.org --by {operator}");
    fs::write(place.path("event.txt"), place.run(&new).ok() + "\n").unwrap();
    ended(place.run("event show event.txt"), 1, "event.txt: nobody has signed it yet", "event show");
    // The error is the same when the folder itself is read.
    server.stop();
    ended(place.run("show party 2 --data data"), 1, "ID 2: this is a case, expected a party", "show party");
}

#[test]
fn checks_are_told_in_flags() {
    let (place, server) = told();
    let ran = record(&place, &server, "demand --case @2 --respondent @1 --item Which? --at 2026-11-02 --yes");
    assert!(
        ran.code == 1 && ran.err.contains("expected --petitioner or --counsel, found neither"),
        "{}",
        ran.err
    );
    let ran = record(
        &place,
        &server,
        "demand --case @2 --respondent @0 --petitioner @1 --item Which? --at 2026-11-02 --yes",
    );
    assert!(ran.code == 1 && ran.err.contains("--respondent is not the case's respondent"), "{}", ran.err);
    let at = next(&place, &server) + 1;
    let told = |line: &str| record(&place, &server, &format!("{line} --yes")).ok();
    told(
        "notice --case @2 --demand @4 --sender @0 --addressee @1 --channel hand --at 2026-11-03 --address x --why x",
    );
    told("collection --case @2 --organiser @0 --text x --assurance email");
    told(&format!("count --case @2 --collection @{} --count 566", at + 1));
    told("party --kind agency --name Agensi --fictional");
    let evidence = format!("evidence --case @2 --notice @{at} --evidence ContentHandover --account x");
    let count = format!("count --case @2 --collection @{}", at + 1);
    let correction = "correction --wrong x --right y";
    for (line, said) in [
        (format!("{correction} --corrects 2 --effect void"), "--effect void: a case.opened can't be voided (CHECK_FAILED)"),
        (format!("{correction} --corrects {} --effect annotate --replacement 3", at - 1), "--replacement 3: --replacement stands with"),
        (format!("{evidence} --vouched-by sender --at 2026-10-01"), "--at 2026-10-01: 2026-10-01 is before the notice's 2026-11-03"),
        (format!("{evidence} --vouched-by sender --at 2026-11"), "--at 2026-11: expected --at with a day, found 2026-11"),
        (format!("{evidence} --vouched-by addressee_key"), "--vouched-by addressee_key: vouched_by addressee_key takes"),
        (
            "link --case @2 --from 3 --to 4 --relation repeats --reasoning x --quotes {\"from\":{\"exact\":\"Wrods\"}}".to_owned(),
            "--quotes: from: it does not occur word for word in the record it names (CHECK_FAILED)",
        ),
        (format!("{count} --count 3"), "--count 3: expected at least the last count, 566, found 3"),
        (
            format!("{count} --count 566 --withdrawn 500 --invalid 100"),
            "--withdrawn 500: --withdrawn, --duplicate and --invalid are 600 together, more than --count, 566",
        ),
        (
            "case --respondent @1 --jurisdiction MY --timezone UTC --title x --fictional".to_owned(),
            "--fictional true: a case is fictional if and only if its respondent is",
        ),
        ("disclosure --case @2 --party @1 --kind reply".to_owned(), "--kind reply: "),
        ("disclosure --case @2 --party @1 --kind reply --demand 4 --outcome 2=answered".to_owned(), "--outcome 2=answered: item 2"),
        (
            "disclosure --case @2 --party @1 --kind reply --demand 4 --outcome 1=answered --answer 2=x".to_owned(),
            "--answer: the words answer an item",
        ),
    ] {
        let ran = record(&place, &server, &format!("{line} --yes"));
        let last = ran.err.lines().last().unwrap_or_default();
        assert!(ran.code == 1 && last.starts_with(said), "{line}: {}", ran.err);
    }
    // A refusal comes before the question whether to sign.
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let line = format!("{bin} record {count} --count 3 --ledger {} --key data/keys/operator.key", server.url);
    let ran = typed(&place, &[], &line.split(' ').collect::<Vec<_>>());
    assert!(ran.code == 1 && ran.out.contains("--count 3: expected at least"), "{}{}", ran.out, ran.err);
    // A case is fictional if its respondent is; the flag is set without a question.
    let line = format!("{bin} record case --ledger {} --key data/keys/operator.key", server.url);
    let fictional = (at + 3).to_string();
    let answers = [
        ("by name or number:", fictional.as_str()),
        ("such as MY:", "MY"),
        ("such as Asia/Kuala_Lumpur:", "Asia/Kuala_Lumpur"),
        ("What the matter is called:", "A tale"),
        ("Sign this and submit it? [y/N]", "y"),
    ];
    let ran = typed(&place, &answers, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("The case is fictional, as its respondent is."), "{}", ran.out);
    server.stop();
}

#[test]
fn nothing_is_moved_to_where_it_takes_time_from_the_respondent() {
    let (place, server) = told();
    place.run("key new --name desk.example/desk -o desk.key").ok();
    place.run("key new --name agency.example/web -o agency.key").ok();
    let demand = next(&place, &server) + 1;
    // The operator asks, and records too.
    let told = |line: &str| record(&place, &server, &format!("{line} --yes")).ok();
    let party = demand + 1;
    let ran = record(
        &place,
        &server,
        "demand --case @2 --respondent @1 --petitioner @0 --item One --at 2026-11-02 --deadline-by 2026-11-01 --yes",
    );
    assert!(
        ran.code == 2
            && ran.err.contains(
                "--deadline-by 2026-11-01: that is before the demand itself, which is of 2026-11-02"
            ),
        "{}",
        ran.err
    );
    told(
        "demand --case @2 --respondent @1 --petitioner @0 --item One --at 2026-11-02 --deadline-by 2026-11-17",
    );
    told("party --kind organisation --name Desk --also-key desk.key");
    told(&format!("role --party @{party} --role recorder"));
    told("key --party @1 --also-key agency.key");
    let adjust = |key: &str, change: &str, until: &str| {
        place.run(&format!(
            "record deadline --case @2 --demand @{demand} --change {change} --until {until} --ground x --yes --ledger {} {key}",
            server.url
        ))
    };
    let operator = "--key data/keys/operator.key";
    let refused = |ran: Ran, said: &str| {
        let last = ran.err.lines().last().unwrap_or_default();
        assert!(ran.code == 1 && last.starts_with(said), "{said}: {}", ran.err);
    };
    refused(
        adjust(operator, "extended", "2026-11-01"),
        "--until 2026-11-01: 2026-11-01 is before the demand's own date, 2026-11-02",
    );
    refused(
        adjust(operator, "agreed", "2026-11-01"),
        "--until 2026-11-01: 2026-11-01 is before the demand's own date, 2026-11-02",
    );
    refused(
        adjust(operator, "extended", "2026-11-16"),
        "--until 2026-11-16: 2026-11-16 is before 2026-11-17, the last day now",
    );
    refused(
        adjust(operator, "agreed", "2026-11-16"),
        "--until 2026-11-16: 2026-11-16 is before 2026-11-17, the last day now, and the demander alone signs",
    );
    // The same of an event that was signed elsewhere.
    let vkey = place.run("key show data/keys/operator.key").ok();
    let new = format!(
        "event new --type deadline.adjusted --origin ledger.example.org --by {vkey} --ledger {0} --case @2 \
         --ref demand={0}/e/{demand} --fact change=agreed --fact until=2026-11-16 --words words.json --content-out words.blob",
        server.url
    );
    fs::write(place.path("words.json"), r#"{"ground":"x"}"#).unwrap();
    fs::write(place.path("event.txt"), place.run(&new).ok() + "\n").unwrap();
    fs::write(
        place.path("event.note"),
        place.run(&format!("event sign {operator} --yes event.txt")).ok() + "\n",
    )
    .unwrap();
    let ran = place.run(&format!("event submit --ledger {} event.note --content words.blob", server.url));
    assert!(
        ran.code == 1 && ran.err.contains("CHECK_FAILED: deadline.earlier: 2026-11-16 is before"),
        "{}",
        ran.err
    );
    // A later day is free, and so is an earlier one that the respondent signs too. One that a recorder reports is taken, and
    // moves nothing.
    adjust(operator, "extended", "2026-12-24").ok();
    adjust(&format!("{operator} --also-key agency.key"), "agreed", "2026-11-20").ok();
    adjust("--key desk.key", "agreed", "2026-11-19").ok();
    refused(
        adjust(operator, "extended", "2026-11-18"),
        "--until 2026-11-18: 2026-11-18 is before 2026-11-20, the last day now",
    );
    server.stop();
}

#[test]
fn only_a_case_or_a_party_is_opened_by_mistake() {
    let (place, server) = told();
    let correction = "correction --effect annotate --mistaken --wrong x --right y --yes --corrects";
    let ran = record(&place, &server, &format!("{correction} 3"));
    assert!(ran.code == 2 && ran.err.contains("--mistaken: only a case is opened by mistake"), "{}", ran.err);
    assert!(ran.err.contains("entry 3 is a statement"), "{}", ran.err);
    record(&place, &server, &format!("{correction} 1")).ok();
    server.stop();
}

#[test]
fn a_quotation_says_one_thing_and_stands_where_it_belongs() {
    let (place, server) = told();
    let link = |quotes: &str| {
        let line = format!(
            "record link --case @2 --from 3 --to 4 --relation repeats --reasoning x --quotes {quotes} --yes --ledger {} \
             --key data/keys/operator.key",
            server.url
        );
        place.run(&line)
    };
    let quotes = |json: &str| statement(&place, &server, &["--text", "x", "--quotes", json]);
    for (ran, said) in [
        (quotes(r#"[{"exact":"a","exact":"b"}]"#), "--quotes: not JSON: a name twice"),
        (quotes("[]"), "--quotes: expected a list, such as [{exact, by}], found an empty list"),
        (quotes("{}"), "--quotes: expected a list"),
        (
            quotes(r#"{"from":{"exact":"a"}}"#),
            "--quotes: expected a list, such as [{exact, by}], found an object",
        ),
        (link(r#"[{"exact":"Words"}]"#), "--quotes: expected one quotation for each side"),
        (
            link("{}"),
            "--quotes: expected one quotation for each side, or for one: {from: {exact}, to: {exact}}, found an empty object",
        ),
        (
            link(r#"{"from":{"exact":"Words","by":"X"}}"#),
            "--quotes: expected exact, and may be prefix and suffix, each a text",
        ),
    ] {
        let said_last = ran.err.lines().last().unwrap_or_default();
        assert!(ran.code != 0 && said_last.contains(said), "{said}: {}", ran.err);
    }
    link(r#"{"from":{"exact":"Words"}}"#).ok();
    let ran = quotes(r#"[{"exact":"x","by":"b"}]"#);
    // With `--yes` too the sentence stands before the lines that are signed.
    let sentence = ran.err.find("This will stand on record for ever:").expect("said");
    assert!(sentence < ran.err.find("To be signed").unwrap(), "{}", ran.err);
    ran.ok();
    server.stop();
}

#[test]
fn what_happened_to_a_notice_is_told_in_plain_words() {
    let (place, server) = told();
    let demand = next(&place, &server) + 1;
    record(
        &place,
        &server,
        "demand --case @2 --respondent @1 --petitioner @0 --item Which? --at 2026-11-02 --yes",
    )
    .ok();
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
        ("The day on which it happened, YYYY-MM-DD; nothing for now:", "2026-11"),
        ("The day on which it happened", ""),
        ("The paper or report that shows it, a file; nothing if there is none:", "none"),
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
    let no = typed(&place, &[("--at 2999-01-01 is ahead of now. Is it meant? [y/N]", "n")], &line);
    assert_eq!(no.code, 1, "{}{}", no.out, no.err);
    let yes = [
        ("--at 2999-01-01 is ahead of now. Is it meant? [y/N]", "y"),
        ("Sign this and submit it? [y/N]", "y"),
    ];
    assert_eq!(typed(&place, &yes, &line).code, 0);
    server.stop();
}

/// `record` of a noun at a terminal, with the operator's key and more flags.
fn asked<'a>(server: &'a Program, line: &'a str) -> Vec<&'a str> {
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let ends = ["--ledger", &server.url, "--key", "data/keys/operator.key"];
    [&[bin, "record"][..], &line.split(' ').collect::<Vec<_>>(), &ends].concat()
}

/// The drafts that were kept.
fn drafts(place: &Place) -> Vec<String> {
    let files = fs::read_dir(place.0.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let mut drafts: Vec<String> = files.filter(|name| name.starts_with("draft-")).collect();
    drafts.sort();
    drafts
}

#[test]
fn what_was_typed_is_kept_whatever_ends_the_questions() {
    let (place, server) = told();
    let line = asked(&server, "demand");
    let first = json!([
        ["The case it belongs to", "2"],
        ["Whom the matter is about", "1"],
        ["The text of an item", "Item one"]
    ]);
    let (interrupt, end) = ("\u{3}", "\u{4}");
    for (how, code) in [(json!(interrupt), Some(130)), (json!(end), Some(2)), (Value::Null, None)] {
        let mut answers = first.as_array().unwrap().clone();
        answers.push(json!(["another or nothing", how]));
        let ran = typed_or_closed(&place, answers.into(), &line);
        assert_ne!(ran.code, 0, "{how}");
        if let Some(code) = code {
            assert_eq!(ran.code, code, "{how}: {}{}", ran.out, ran.err);
            assert!(
                ran.out.contains("What you wrote is kept; sh draft-demand-1.sh asks again."),
                "{}",
                ran.out
            );
        }
        assert_eq!(drafts(&place), ["draft-demand-1.sh"], "{how}");
        let draft = fs::read_to_string(place.path("draft-demand-1.sh")).unwrap();
        for kept in ["--case=2", "--respondent=1", "--item='Item one'"] {
            assert!(draft.contains(kept), "{how}: {draft}");
        }
        fs::remove_file(place.path("draft-demand-1.sh")).unwrap();
    }
    // No draft is kept where nothing was typed.
    for how in [interrupt, end] {
        let ran = typed(&place, &[("The case it belongs to", how)], &line);
        assert!(ran.code != 0 && drafts(&place).is_empty(), "{}", ran.out);
    }
    // Most people say no like this.
    let statement = asked(&server, "statement --case 2 --speaker 1 --standing report --language en --text x");
    let ran = typed(&place, &[("Sign this and submit it? [y/N]", interrupt)], &statement);
    assert_eq!(ran.code, 130, "{}", ran.out);
    assert_eq!(drafts(&place), ["draft-statement-1.sh"]);
    let other = asked(
        &server,
        "statement --case 2 --speaker 1 --standing report --language en --text y --at 2999-01-01",
    );
    assert_eq!(typed(&place, &[("Is it meant? [y/N]", interrupt)], &other).code, 130);
    server.stop();
}

#[test]
fn the_case_is_taken_from_what_is_named_or_asked_for() {
    let (place, server) = told();
    let before = next(&place, &server);
    let ran = typed(
        &place,
        &[
            ("How the bytes were captured", "upload"),
            ("When", "2026-11-20"),
            ("What the exhibit is", "The page"),
            ("The case it belongs to; nothing if none", "matter"),
            ("Its number, or another name", "2"),
            ("The record that it is about", "no"),
            ("Where it was found", ""),
            ("What was captured, a file", "letter.txt"),
            ("[y/N]", "y"),
        ],
        &asked(&server, "exhibit"),
    );
    assert!(ran.code == 0 && ran.out.contains("  case: Matter (entry 2)\n"), "{}", ran.out);
    assert!(ran.out.contains("+08:00\n"), "it is dated where its case is: {}", ran.out);
    let exhibit = (before + 1).to_string();
    let ran = typed(
        &place,
        &[
            ("The exhibit", &exhibit),
            ("What was found", "same"),
            ("When", "2026-11-30"),
            ("What the exhibit is", "looked"),
            ("[y/N]", "y"),
        ],
        &asked(&server, "recheck"),
    );
    assert!(ran.code == 0 && ran.out.contains("  case: Matter (entry 2)\n"), "{}", ran.out);
    // The case is known too wherever an event can name nothing of another case.
    let notice = before + 3;
    for line in [
        "notice --demand 4 --sender 0 --addressee 1 --channel hand --at 2026-11-03 --address x --why x",
        &format!(
            "evidence --notice {notice} --evidence ContentHandover --vouched-by sender --account x --at 2026-11-04"
        ),
        &format!("recheck --exhibit {exhibit} --checked 2026-11-30 --result changed --description x"),
        "retraction --statement 3 --announced false --observed 2026-11-30 --text x",
    ] {
        record(&place, &server, &format!("{line} --yes")).ok();
    }
    let ran = record(&place, &server, "incident --reporter 1 --account x --yes");
    assert!(ran.code == 2 && ran.err.contains("--case ID"), "a party stands in none: {}", ran.err);
    server.stop();
}

#[test]
fn a_statement_is_taken_back_without_words_that_nobody_said() {
    let (place, server) = told();
    let line = asked(&server, "retraction --statement 3 --announced false --case 2");
    let ran = typed(
        &place,
        &[
            ("When the change was seen", "2026-11-24"),
            ("How it was seen, told by the author; nothing if there is no more to say", "no"),
            ("The words with which it was taken back; nothing if there were none", "none"),
            ("Where that is seen, a web address; nothing if on no page", ""),
            ("[y/N]", "y"),
        ],
        &line,
    );
    assert!(ran.code == 0 && !ran.out.contains("text: none"), "{}", ran.out);
    let ran = typed(
        &place,
        &[
            ("When the change was seen", "2026-11-24"),
            ("How it was seen", "The page is gone."),
            ("The words with which it was taken back", ""),
            ("Where that is seen", ""),
            ("[y/N]", "y"),
        ],
        &line,
    );
    assert!(ran.code == 0 && ran.out.contains("  account: The page is gone.\n"), "{}", ran.out);
    server.stop();
}

#[test]
fn a_key_on_another_machine_is_added_as_is_said_and_nothing_is_to_be_mended() {
    let (place, server) = told();
    let vkey = place.run("key new --name lee.example/a -o lee.key").ok();
    let line = format!("key --party 1 --vkey {}", vkey.trim());
    let ran = typed(&place, &[], &asked(&server, &line));
    assert!(ran.code == 2 && ran.out.contains("If it lies on another machine"), "{}", ran.out);
    assert!(ran.out.contains("onrecord event sign --key FILE key.txt > key.note"), "{}", ran.out);
    assert!(!ran.out.contains("draft-") && drafts(&place).is_empty(), "{}", ran.out);
    // A draft with a fault is kept, to be mended.
    let ran = typed(&place, &[], &asked(&server, "key --party 2 --also-key lee.key"));
    assert!(ran.out.contains("--party 2: this is a case") && drafts(&place).len() == 1, "{}", ran.out);
    server.stop();
}

/// Ends a session at each of its questions, and has its draft ask the rest. Gives what was shown at each last question.
fn ended_at_each_question(place: &Place, answers: &[(&str, &str)], line: &[&str]) -> Vec<String> {
    let noun = line[2];
    let draft = format!("draft-{noun}-1.sh");
    let mut shown = Vec::new();
    for at in 1..answers.len() {
        let (before, rest) = answers.split_at(at);
        let ended = [before, &[(rest[0].0, "\u{3}")]].concat();
        let ran = typed(place, &ended, line);
        assert_eq!(ran.code, 130, "{}", ran.out);
        assert!(ran.out.contains(&format!("What you wrote is kept; sh {draft} asks again.")), "{}", ran.out);
        // A question that was answered is not asked again: `rest` holds no answer to it.
        let rest = [rest, &[("Sign this and submit it? [y/N]", "n")]].concat();
        let ran = typed(place, &rest, &["sh", &draft]);
        assert_eq!(ran.code, 1, "{at}: {}", ran.out);
        shown.push(ran.out);
        drafts(place).iter().for_each(|draft| fs::remove_file(place.path(draft)).unwrap());
    }
    shown
}

#[test]
fn a_draft_is_kept_by_a_no_and_removed_once_it_is_on_record() {
    let (place, server) = told();
    let before = next(&place, &server);
    let line = asked(&server, "demand --case 2 --respondent 1 --petitioner 0 --item One");
    let yes_or_no = "Sign this and submit it? [y/N]";
    let ran = typed(&place, &[(yes_or_no, "n")], &line);
    let kept = "What you wrote is kept; sh draft-demand-1.sh asks again.";
    assert!(ran.out.contains(kept), "{}", ran.out);
    let path = place.path("draft-demand-1.sh");
    // What its owner wrote beside it stays.
    let draft = format!("# for Monday\n{}", fs::read_to_string(&path).unwrap());
    fs::write(&path, &draft).unwrap();
    for no in ["n", "\u{3}"] {
        let ran = typed(&place, &[(yes_or_no, no)], &["sh", "draft-demand-1.sh"]);
        assert!(ran.code != 0 && ran.out.contains(kept), "{}", ran.out);
        assert_eq!(drafts(&place), ["draft-demand-1.sh"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), draft);
    }
    // A draft can be moved.
    fs::rename(&path, place.path("draft-monday.sh")).unwrap();
    let ran = typed(&place, &[(yes_or_no, "y")], &["sh", "./draft-monday.sh"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("./draft-monday.sh is removed: what it says is on record."), "{}", ran.out);
    assert!(drafts(&place).is_empty());
    assert_eq!(next(&place, &server), before + 2, "one demand");
    // What is typed into a draft is added to it, and no other file is taken for one.
    let line = asked(&server, "demand --case 2 --respondent 1");
    let ran = typed(&place, &[("The text of an item", "One"), ("another", "\u{3}")], &line);
    assert!(ran.out.contains(kept), "{}", ran.out);
    let ran = typed(&place, &[("another", "Two"), ("another", "\u{3}")], &["sh", "draft-demand-1.sh"]);
    assert!(ran.out.contains(kept), "{}", ran.out);
    assert_eq!(drafts(&place), ["draft-demand-1.sh"]);
    let draft = fs::read_to_string(&path).unwrap();
    assert!(draft.contains("--item=One") && draft.contains("--item=Two"), "{draft}");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
    let line = asked(&server, "demand --case 2 --respondent 1 --petitioner 0 --item One --draft letter.txt");
    assert_eq!(typed(&place, &[(yes_or_no, "y")], &line).code, 0);
    assert_eq!(fs::read_to_string(place.path("letter.txt")).unwrap(), "letter");
    server.stop();
}

#[test]
fn the_draft_of_a_session_that_was_ended_asks_the_rest() {
    let (place, server) = told();
    let answers = [
        ("The case it belongs to", "2"),
        ("Whom the matter is about", "1"),
        ("The text of an item, in order:", "Item one"),
        ("another or nothing:", "Item two"),
        ("another or nothing:", ""),
        ("Who asks", "0"),
        ("The lawyer who asks", "none"),
        ("The date of the letter", "2026-11-23"),
        ("Days to answer in", "14"),
        ("How days are counted", "my-interpretation-act-54"),
        ("What starts the clock", "handed_over"),
        ("Whose holidays count", "15"),
        ("One more holiday", "2026-12-11"),
        ("One more holiday", ""),
        ("The letter, a file", "letter.txt"),
    ];
    for shown in ended_at_each_question(&place, &answers, &asked(&server, "demand")) {
        for said in [
            "  items: Item one\n    Item two\n",
            "  petitioner: ",
            "deadline: days 14, from handed_over, rule my-interpretation-act-54, weekly sunday, holidays 2026-12-11, 2026-12-25",
            "  file: letter.txt\n",
            "  when it happened: 2026-11-23\n",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        assert!(!shown.contains("  counsel: "), "{shown}");
    }
    // A question that was answered with nothing is not asked again. Only the day is, since "now" may be another day then.
    let answers = [
        ("Whom the matter is about", "1"),
        ("The text of an item, in order:", "Item one"),
        ("another or nothing:", "no"),
        ("Who asks", "0"),
        ("The lawyer who asks", ""),
        ("The date of the letter", "2026-11-23"),
        ("Days to answer in", "none"),
        ("The day on which the answer falls due", "2026-12-24"),
        ("The letter, a file", "no"),
    ];
    for shown in ended_at_each_question(&place, &answers, &asked(&server, "demand --case 2")) {
        assert!(shown.contains("  deadline: by 2026-12-24\n") && !shown.contains("file:"), "{shown}");
    }
    record(&place, &server, "notice --case 2 --demand 4 --sender 0 --addressee 1 --channel hand --at 2026-11-03 --address x --why x --yes").ok();
    let answers = [
        ("The notice", "5"),
        ("Its number, or its name", "7"),
        ("What happened, told by the author", "It came back."),
        ("Why it failed", "no"),
        ("The day on which it happened", "2026-11-20"),
        ("The paper or report", ""),
    ];
    for shown in ended_at_each_question(&place, &answers, &asked(&server, "evidence --case 2")) {
        assert!(shown.contains("  when it happened: 2026-11-20\n"), "{shown}");
    }
    // `--ask` does the same for a command that was given flags.
    let line = asked(
        &server,
        "statement --ask --case 2 --speaker 1 --standing report --language en --text x --about 2",
    );
    let ran = typed(
        &place,
        &[
            ("Whose words it reports", "1"),
            ("another or nothing", ""),
            ("When it was published", ""),
            ("Where it was found", ""),
            ("The day on which it was said", "2026-11-20"),
            ("[y/N]", "n"),
        ],
        &line,
    );
    assert!(ran.out.contains("  reports: Agency (entry 1)\n"), "{}", ran.out);
    let ran = record(&place, &server, "statement --ask --yes");
    assert!(ran.code == 2 && ran.err.contains("--ask") && ran.err.contains("--yes"), "{}", ran.err);
    server.stop();
}

#[test]
fn what_an_entry_usually_says_is_asked_of_every_type() {
    let (place, server) = told();
    record(&place, &server, "demand --case 2 --respondent 1 --petitioner 0 --item One --at 2026-11-02 --deadline-days 14 --deadline-rule calendar --deadline-from handed_over --yes").ok();
    let ran = typed(
        &place,
        &[
            ("The case it belongs to", "2"),
            ("Who sent it", "0"),
            ("To whom it was sent", "1"),
            ("How it was sent", "hand"),
            ("The address used", "Counter 1"),
            ("Why it is the proper one", "Its own page names it"),
            ("The demand that it carries; nothing if it carries none", "5"),
            ("The day on which it was sent, YYYY-MM-DD; nothing for now", "2026-11-03"),
            ("What was sent, a file; nothing if it stays here", ""),
            ("[y/N]", "y"),
        ],
        &asked(&server, "notice"),
    );
    assert_eq!(ran.code, 0, "{}", ran.out);
    let ran = typed(
        &place,
        &[
            ("The case it belongs to", "2"),
            ("The notice", "6"),
            ("Its number, or its name", "2"),
            ("What happened, told by the author", "I left it with the clerk."),
            ("The day on which it happened", "2026-11-04"),
            ("The paper or report that shows it", "letter.txt"),
            ("[y/N]", "y"),
        ],
        &asked(&server, "evidence"),
    );
    assert_eq!(ran.code, 0, "{}", ran.out);
    let shown = place.run(&format!("show demand 5 --ledger {}", server.url)).ok();
    assert!(shown.contains("18 Nov 2026") && !shown.contains("has not started"), "{shown}");
    let ran = typed(
        &place,
        &[
            ("The case it belongs to", "2"),
            ("The notice", "6"),
            ("Its number, or its name", "7"),
            ("What happened, told by the author", "It came back."),
            ("Why it failed; nothing if that is not known", "RetentionPeriodExpired"),
            ("The day on which it happened", "2026-11-20"),
            ("The paper or report", ""),
            ("[y/N]", "y"),
        ],
        &asked(&server, "evidence"),
    );
    assert_eq!(ran.code, 0, "{}", ran.out);
    let ran = typed(
        &place,
        &[
            ("What was promised", "To answer"),
            ("By when it was promised; nothing if no day was named", "in a week"),
            ("By when it was promised", "2026-12-24"),
            ("The day of the promise", "2026-11-20"),
            ("[y/N]", "n"),
        ],
        &asked(&server, "commitment --case 2 --party 1"),
    );
    assert!(
        ran.out.contains("due: 2026-12-24") && ran.out.contains("when it happened: 2026-11-20"),
        "{}",
        ran.out
    );
    let ran = typed(
        &place,
        &[
            ("To whom it was made", "reply"),
            ("The demand that it answers", ""),
            ("The demand that it answers", "5"),
            ("What became of an item; nothing if none is spoken to", "answered"),
            ("What became of an item", "1=answered"),
            ("another or nothing", "no"),
            ("What it says on item 1, verbatim; nothing if nothing", "@all of them"),
            ("When it was published", ""),
            ("The day on which it was told", "2026-11-21"),
            ("The letter or page that tells it, a file; nothing if it stays here", "letter.txt"),
            ("[y/N]", "y"),
        ],
        &asked(&server, "disclosure --case 2 --party 1"),
    );
    assert!(ran.code == 0 && ran.out.contains("  answers: 1 @all of them\n"), "{}", ran.out);
    assert!(ran.out.contains("  file: letter.txt\n"), "{}", ran.out);
    // For a demand of several items it asks what became of each that is named, once.
    record(
        &place,
        &server,
        "demand --case 2 --respondent 1 --petitioner 0 --item One --item Two --item Three --at 2026-11-02 --yes",
    )
    .ok();
    let demand = (next(&place, &server) - 1).to_string();
    let answers = [
        ("The demand that it answers", demand.as_str()),
        ("What became of an item", "1=answered"),
        ("another or nothing", "3=refused"),
        ("another or nothing", ""),
        ("What it says on item 1", "no"),
        ("What it says on item 3", "Not now."),
        ("When it was published", ""),
        ("The day on which it was told", "2026-11-21"),
        ("The letter or page that tells it", ""),
    ];
    for shown in ended_at_each_question(
        &place,
        &answers,
        &asked(&server, "disclosure --case 2 --party 1 --kind reply --ask"),
    ) {
        assert!(shown.contains("  answers: 3 Not now.\n"), "{shown}");
    }
    server.stop();
}

#[test]
fn what_is_typed_at_a_prompt_is_checked_there() {
    let (place, server) = told();
    let secret = fs::read_to_string(place.path("data/keys/operator.key")).unwrap().trim().to_owned();
    let operator = "data/keys/operator.key";
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let ran = typed(
        &place,
        &[
            ("The ledger's address:", "127.0.0.1"),
            ("The ledger's address:", server.url.as_str()),
            ("Your key file:", "nosuch.key"),
            ("Your key file:", secret.as_str()),
            ("Your key file:", operator),
            ("The case it belongs to", "2"),
            ("Who said it", "1"),
            ("What the text on record is", "report"),
            ("Language of the verbatim text", "english"),
            ("Language of the verbatim text", "qq"),
            ("Language of the verbatim text", "en us"),
            ("Language of the verbatim text", "en"),
            ("The words, verbatim", "\u{200b}"),
            ("The words, verbatim", secret.as_str()),
            ("The words, verbatim", "@johor says this"),
            ("Whose words it reports", "none"),
            ("When it was published", "30/11"),
            ("When it was published", "no"),
            ("Where it was found", "-"),
            ("The day on which it was said", "2026-11-31"),
            ("The day on which it was said", ""),
            ("Sign this and submit it? [y/N]", "n"),
        ],
        &[bin, "record", "statement"],
    );
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for said in [
        "nosuch.key: ",
        "This is a secret key, and no answer to any question.",
        "expected a value such as ms or en-GB",
        "no language has the code qq",
        "expected words; what is not said is left out",
        "These are the words, and no file",
        "text: @johor says this",
        "expected a real date",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    let draft = fs::read_to_string(place.path("draft-statement-1.sh")).unwrap();
    assert!(
        !draft.contains("PRIVATE") && draft.contains("--text='@@johor says this'")
            || draft.contains("--text=@@johor"),
        "{draft}"
    );
    let again = typed(&place, &[("[y/N]", "y")], &["sh", "draft-statement-1.sh"]);
    assert!(again.code == 0 && again.out.contains("text: @johor says this"), "{}", again.out);
    // An `@` before a value names a file. The help says how to begin a text with an `@`.
    let help = place.run("record statement --help").ok();
    assert!(help.contains("@@ begins a text with an @"), "{help}");
    // "no" means no further item, but is the text of the first one. Whom a demand is about is known by its case.
    let answers = [
        ("Whom the matter is about", "0"),
        ("Whom the matter is about", "1"),
        ("The text of an item, in order:", "no"),
        ("another or nothing", "No"),
        ("Who asks", "1"),
        ("Who asks", "0"),
        ("The lawyer who asks", "nothing"),
        ("The date of the letter", ""),
        ("Days to answer in", "none"),
        ("The day on which the answer falls due", "no"),
        ("The letter, a file", "no"),
        ("[y/N]", "n"),
    ];
    let ran = typed(&place, &answers, &asked(&server, "demand --case 2"));
    for said in
        ["this is not whom the case is about: Agency (entry 1)", "this is what --respondent names already"]
    {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    assert!(
        ran.out.contains("A demand of one item") || ran.out.contains("a demand of one item"),
        "{}",
        ran.out
    );
    server.stop();
}

#[test]
fn a_key_that_can_not_sign_is_refused_before_the_first_question() {
    let (place, server) = told();
    for name in ["stranger", "desk", "old"] {
        place.run(&format!("key new --name {name}.example -o {name}.key")).ok();
    }
    record(
        &place,
        &server,
        "party --kind publisher --name Desk --also-key desk.key --also-key old.key --yes",
    )
    .ok();
    let old = place.run("key show old.key").ok();
    record(&place, &server, &format!("key-revocation --party 5 --vkey {old} --reason superseded --yes")).ok();
    let bin = env!("CARGO_BIN_EXE_onrecord");
    let run = |noun: &str, key: &str, answers: &[(&str, &str)]| {
        typed(&place, answers, &[bin, "record", noun, "--ledger", &server.url, "--key", key])
    };
    for (noun, key, said) in [
        (
            "statement",
            "stranger.key",
            "--key: expected a key that was added to this ledger before, found stranger.example (KEY_UNKNOWN)",
        ),
        ("statement", "old.key", "--key: old.example was revoked at index 6 (KEY_REVOKED)"),
        (
            "party",
            "desk.key",
            "--key: expected party.registered signed by a registrar or the operator, found another party (NOT_ALLOWED)",
        ),
        ("case", "desk.key", "--key: expected case.opened signed by"),
        ("role", "desk.key", "--key: expected role.granted signed by the operator"),
        ("key", "data/keys/operator.key", "give the new key with --also-key FILE"),
    ] {
        let ran = run(noun, key, &[]);
        assert!(ran.code != 0 && ran.out.contains(said), "{noun} {key}: {}", ran.out);
        assert_eq!(ran.out.trim().lines().count(), 1, "{noun} {key}: {}", ran.out);
    }
    assert!(drafts(&place).is_empty());
    // Where it depends on the answers, that is said before the first question.
    let ran = run("demand", "desk.key", &[("The case it belongs to", "\u{3}")]);
    let said = "Desk is no recorder here: its key signs this only as the petitioner or as the counsel.";
    assert!(ran.out.starts_with(said), "{}", ran.out);
    // The keys of others are checked too before the question whether to sign.
    let ran = typed(
        &place,
        &[],
        &asked(
            &server,
            "statement --case 2 --speaker 1 --standing report --language en --text x --also-key stranger.key",
        ),
    );
    assert!(
        ran.out.contains("--also-key: expected a key that was added") && !ran.out.contains("[y/N]"),
        "{}",
        ran.out
    );
    let stranger = place.run("key show stranger.key").ok();
    for (line, said) in [
        (
            format!("key-revocation --party 5 --reason lost --vkey {stranger}"),
            "expected a key of the party in --party",
        ),
        (format!("key-revocation --party 5 --reason lost --vkey {old}"), "it was revoked at index 6"),
        ("key --party 1 --also-key desk.key".to_owned(), "the public key is, or was, on record"),
    ] {
        let ran = typed(&place, &[], &asked(&server, &line));
        assert!(ran.code == 1 && ran.out.contains(said) && !ran.out.contains("[y/N]"), "{line}: {}", ran.out);
    }
    server.stop();
}

#[test]
fn the_last_key_of_the_operator_is_not_revoked_unasked() {
    let (place, server) = told();
    let before = next(&place, &server);
    let vkey = place.run("key show data/keys/operator.key").ok();
    let revoke = |reason: &str| format!("key-revocation --party 0 --vkey {vkey} --reason {reason}");
    let ran = record(&place, &server, &format!("{} --yes", revoke("lost")));
    assert!(ran.code == 2 && ran.err.contains("--reason lost: this key signs here itself"), "{}", ran.err);
    let ran = record(&place, &server, &format!("{} --yes", revoke("compromised")));
    assert!(ran.code == 2 && ran.err.contains("this is the operator's last key"), "{}", ran.err);
    assert!(ran.err.contains("--last-key"), "{}", ran.err);
    let line = revoke("compromised");
    let ran = typed(&place, &[("for ever. Is it meant? [y/N]", "n")], &asked(&server, &line));
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");
    // Nobody is asked for a key where nobody can answer.
    let ran = place.piped(
        &format!("record key-revocation --party 0 --reason superseded --yes --ledger {} --key data/keys/operator.key", server.url),
        "1\n",
    );
    assert!(ran.code == 2 && ran.err.contains("give the key that is revoked: --vkey VKEY"), "{}", ran.err);
    // A key that is not the last one is revoked without a further flag.
    place.run("key new --name ledger.example.org/two -o two.key").ok();
    record(&place, &server, "key --party 0 --also-key two.key --yes").ok();
    let two = place.run("key show two.key").ok();
    record(&place, &server, &format!("key-revocation --party 0 --vkey {two} --reason superseded --yes")).ok();
    // At the questions, a key is chosen among those that are not revoked.
    place.run("key new --name agency.example/web -o agency.key").ok();
    record(&place, &server, "key --party 1 --also-key agency.key --yes").ok();
    let answers = [
        ("The party it is about", "1"),
        ("The key that is revoked", "2"),
        ("The key that is revoked", "1"),
        ("Why (", "compromised"),
        ("From which day on it is not trusted", "2026-11-20"),
        ("[y/N]", "y"),
    ];
    let ran = typed(&place, &answers, &asked(&server, "key-revocation"));
    assert!(ran.code == 0 && ran.out.contains("This is the last key of Agency."), "{}", ran.out);
    // With the flag that confirms it, it is done.
    let ran = record(&place, &server, &format!("{} --last-key --yes", revoke("compromised")));
    assert!(ran.err.contains("This is the operator's last key."), "{}", ran.err);
    ran.ok();
    server.stop();
}

#[test]
fn what_contradicts_itself_or_the_record_is_refused() {
    let (place, server) = told();
    record(&place, &server, "notice --case 2 --demand 4 --sender 0 --addressee 1 --channel hand --at 2026-11-03 --address x --why x --yes").ok();
    record(&place, &server, "role --party 1 --role recorder --yes").ok();
    let before = next(&place, &server);
    let statement = "statement --case 2 --speaker 1 --standing report --language en --text Words";
    let demand = "demand --case 2 --respondent 1 --item x";
    for (line, code, said) in [
        (
            "role-revocation --party 1 --role registrar",
            1,
            "--role registrar: Agency is not a registrar now, so there is nothing to take back",
        ),
        ("role --party 1 --role recorder", 1, "--role recorder: Agency is a recorder already"),
        (
            "evidence --case 2 --notice 5 --evidence ConsignmentAcceptance --vouched-by sender --reason MailboxFull --account x",
            2,
            "--reason MailboxFull: ",
        ),
        (&format!("{demand} --petitioner 1"), 2, "--petitioner: this is what --respondent names already"),
        (
            &format!("{demand} --petitioner 0 --counsel 1"),
            2,
            "--counsel: this is what --respondent names already",
        ),
        (
            "notice --case 2 --sender 1 --addressee 1 --channel hand --address x --why x",
            2,
            "--addressee: this is what --sender names already",
        ),
        (
            "disclosure --case 2 --party 1 --kind persons --to 1",
            2,
            "--to: this is what --party names already",
        ),
        (
            &format!("{statement} --quotes [{{\"exact\":\"there\"}}]"),
            2,
            "--quotes: it does not occur word for word in --text",
        ),
        (
            &format!(
                "{statement} --quotes [{{\"exact\":\"Words\"}},{{\"exact\":\"Word\",\"suffix\":\"z\"}}]"
            ),
            2,
            "--quotes, quotation 2: it does not occur",
        ),
        (
            &format!("{statement} --at 1899-01-01"),
            2,
            "--at 1899-01-01: that is before 1900: is the year 1899 mistyped? If it is meant, --ahead takes it",
        ),
        (
            &format!("{statement} --published 0001-01-01"),
            2,
            "--published 0001-01-01: that is before 1900: is the year 0001 mistyped?",
        ),
    ] {
        let ran = record(&place, &server, &format!("{line} --yes"));
        let last = ran.err.lines().last().unwrap_or_default();
        assert!(ran.code == code && last.contains(said), "{line}: {} {}", ran.code, ran.err);
    }
    // Where the last day or the whole fact is given, the flags of a period are refused.
    for whole in [r#"--deadline {"by":"2026-12-31"}"#, "--deadline-by 2026-12-31"] {
        for other in [
            "--deadline-days 14",
            "--deadline-rule calendar",
            "--deadline-from issue",
            "--deadline-weekly sunday",
            "--deadline-holiday 2026-12-25",
            "--holidays MY-14",
        ] {
            let ran = record(&place, &server, &format!("{demand} --petitioner 0 {whole} {other} --yes"));
            let flag = |given: &str| given.split(' ').next().unwrap().to_owned();
            let said = ran.code == 2 && ran.err.contains("cannot be used with");
            assert!(said && ran.err.contains(&flag(whole)), "{whole} {other}: {} {}", ran.code, ran.err);
            assert!(ran.err.contains(&flag(other)), "{whole} {other}: {}", ran.err);
        }
    }
    // The draft is kept. It is refused as it stands, so nothing offers to submit it again.
    let ran = typed(&place, &[("The role", "recorder")], &asked(&server, "role --party 1"));
    assert!(
        ran.out.contains("What you wrote is kept in draft-role-1.sh. Mend there what is refused"),
        "{}",
        ran.out
    );
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");
    record(
        &place,
        &server,
        &format!("{statement} --at 1899-01-01 --ahead --yes --quotes [{{\"exact\":\"Words\"}}]"),
    )
    .ok();
    record(&place, &server, "role-revocation --party 1 --role recorder --yes").ok();
    server.stop();
}

#[test]
fn a_fact_that_no_event_has_room_for_is_told_by_its_flag() {
    let (place, server) = told();
    let before = next(&place, &server);
    let demand = ["demand", "--case", "2", "--respondent", "1", "--petitioner", "0", "--item", "x"];
    let statement = ["statement", "--case", "2", "--speaker", "1", "--standing", "report", "--text", "x"];
    let period = ["--deadline-days", "5", "--deadline-rule", "calendar", "--deadline-from", "issue"];
    let lines: Vec<(Vec<&str>, [&str; 2])> = vec![
        (statement.to_vec(), ["--language", "en us"]),
        (statement.to_vec(), ["--language", "français"]),
        (statement.to_vec(), ["--language", "e\"n"]),
        ([&statement[..], &["--language", "en"]].concat(), ["--published", "2026-11 30"]),
        (vec!["commitment", "--case", "2", "--party", "1", "--promise", "x"], ["--due", "next year"]),
        (
            vec!["exhibit", "--case", "2", "--method", "upload", "--description", "x"],
            ["--captured", "2026 11"],
        ),
        (
            vec!["deadline", "--case", "2", "--demand", "4", "--change", "extended", "--ground", "x"],
            ["--until", "2026 12 01"],
        ),
        (
            vec!["case", "--respondent", "1", "--jurisdiction", "MY", "--title", "x"],
            ["--timezone", "Asia/Kuala Lumpur"],
        ),
        (vec!["case", "--respondent", "1", "--timezone", "UTC", "--title", "x"], ["--jurisdiction", "M Y"]),
        (demand.to_vec(), ["--deadline-by", "31 Dec"]),
        (demand.to_vec(), ["--deadline", r#"{"by":"2020 01"}"#]),
        ([&demand[..], &period].concat(), ["--deadline-holiday", "25 Dec"]),
    ];
    for (line, odd) in lines {
        let common = ["--yes", "--ledger", &server.url, "--key", "data/keys/operator.key"];
        let ran = place.args([&["record"], &line[..], &odd, &common].concat());
        let last = ran.err.lines().last().unwrap_or_default();
        assert!(ran.code == 1 && last.starts_with(odd[0]), "{odd:?}: {}", ran.err);
        assert!(!last.contains("JSON_BYTE"), "{odd:?}: {last}");
    }
    let odd = ["record", "key-revocation", "--party", "1", "--reason", "lost", "--vkey", "a b c", "--yes"];
    let ran = place.args([&odd[..], &["--ledger", &server.url, "--key", "data/keys/operator.key"]].concat());
    assert!(
        ran.code == 2 && ran.err.contains("--vkey a b c: expected <name>+<key id>+<base64>"),
        "{}",
        ran.err
    );
    let operator = place.run("key show data/keys/operator.key").ok();
    let id = "00".repeat(32);
    let new = format!(
        "event new --type statement.made --origin ledger.example.org --by {operator} --case {id} --ref speaker={id} --fact standing=report"
    );
    let ran = place.args(new.split(' ').chain(["--fact", "language=en us"]));
    assert!(
        ran.code == 1 && ran.err.starts_with("--fact language=en us: expected a BCP 47"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_eq!(next(&place, &server), before + 1, "nothing was put on record");
    server.stop();
}

#[test]
fn a_party_or_a_case_of_a_name_that_is_there_is_said_before_it_is_signed() {
    let (place, server) = told();
    record(&place, &server, "party --kind agency --name Agencies --yes").ok();
    let said = "A party of this name, or of one that looks like it, is on record already:";
    for name in ["Agency", "  AGENCY", "Аgency", "Agen\u{200b}cy", "Agéncy"] {
        let line = [
            "record",
            "party",
            "--kind",
            "agency",
            "--name",
            name,
            "--yes",
            "--ledger",
            &server.url,
            "--key",
            "data/keys/operator.key",
        ];
        let ran = place.args(line);
        let at = ran.err.find(said).unwrap_or_else(|| panic!("{name}: {}", ran.err));
        assert!(
            at < ran.err.find("To be signed").unwrap()
                && ran.err.contains("1  Example registered Agency as an agency."),
            "{}",
            ran.err
        );
        assert!(!ran.err.contains("Agencies as"), "{}", ran.err);
    }
    let ran = record(&place, &server, "party --kind agency --name Ministry --yes");
    assert!(!ran.err.contains(said), "{}", ran.err);
    // At a terminal the warning comes before the question.
    let answers = [("What the party is (", "agency"), ("What the party is called", "agency"), ("[y/N]", "n")];
    let ran = typed(&place, &answers, &asked(&server, "party"));
    assert!(ran.out.find(said).unwrap() < ran.out.find("[y/N]").unwrap(), "{}", ran.out);
    let ran =
        record(&place, &server, "case --respondent 1 --jurisdiction MY --timezone UTC --title matter --yes");
    assert!(ran.err.contains("A case of this name"), "{}", ran.err);
    // A party that repeats its own name is no second party of that name.
    let ran = record(&place, &server, "party-update --party 5 --name Agencies --yes");
    assert!(!ran.err.contains(said), "{}", ran.err);
    server.stop();
}

#[test]
fn every_example_in_a_help_text_is_one_that_a_ledger_takes() {
    let (place, server) = told();
    place.run("key new --name new.example -o new.key").ok();
    fs::write(place.path("words.txt"), "Words").unwrap();
    let at = |line: &str| -> u64 {
        let out = record(&place, &server, &format!("{line} --yes --json")).ok();
        serde_json::from_str::<Value>(&out).unwrap()["index"].as_u64().unwrap()
    };
    // The entries that the examples name, unless an earlier example made them.
    let asks = at(
        "demand --case 2 --respondent 1 --petitioner 0 --item One --at 2026-11-02 --deadline-by 2026-11-17",
    );
    let sent =
        at("notice --case 2 --sender 1 --addressee 0 --channel hand --address x --why x --at 2026-11-03");
    let replied =
        at(&format!("disclosure --case 2 --party 1 --kind reply --demand {asks} --outcome 1=answered"));
    let held = at("statement --case 2 --speaker 1 --standing report --language en --text Held");
    let query = json!({"query": format!("{{event(by:{{index:{held}}}){{content{{raw}}}}}}")}).to_string();
    let out = Command::new("curl")
        .args([
            "-s",
            "-H",
            "content-type: application/json",
            "-d",
            &query,
            &format!("{}/graphql", server.url),
        ])
        .output()
        .unwrap();
    let out: Value = serde_json::from_slice(&out.stdout).unwrap();
    fs::write(place.path("words.blob"), out["data"]["event"]["content"]["raw"].as_str().unwrap()).unwrap();
    let vkey = place.run("key show new.key").ok();
    let mut made: std::collections::BTreeMap<String, u64> = Default::default();
    for event_type in EventType::ALL.iter().filter(|t| **t != EventType::LedgerOpened) {
        let help = place.run(&format!("record {event_type} --help")).ok();
        let noun = help.split("Usage: onrecord record ").nth(1).unwrap().split(' ').next().unwrap();
        let example = help.rsplit("Example:").next().unwrap().replace("\\\n", " ");
        let mut words: Vec<String> =
            example.split_whitespace().skip(1).map(|w| w.trim_matches('\'').to_owned()).collect();
        let pointed: Vec<String> =
            words.iter().filter(|w| w.starts_with('@') && !w.ends_with(".txt")).cloned().collect();
        let apart: BTreeSet<&String> = pointed.iter().collect();
        assert_eq!(apart.len(), pointed.len(), "{noun}: two records, and one number: {example}");
        for i in 1..words.len() {
            let right = match (words[i - 1].as_str(), noun) {
                ("--case", _) => 2,
                ("--petitioner" | "--sender", _) => 0,
                (
                    "--party" | "--respondent" | "--reporter" | "--speaker" | "--organiser" | "--addressee",
                    _,
                ) => 1,
                ("--on" | "--from", _) => 3,
                ("--to", _) => 4,
                ("--notice", "receipt") => sent,
                ("--notice", _) => made["notice"],
                ("--disclosure", _) => replied,
                ("--demand", "demand-withdrawal" | "escalation") => made["demand"],
                ("--demand", _) => asks,
                ("--entry", _) => held,
                ("--corrects", _) => made["statement"],
                (flag @ ("--statement" | "--commitment" | "--exhibit" | "--collection"), _) => {
                    made[&flag[2..]]
                }
                ("--ledger", _) => {
                    words[i] = server.url.clone();
                    continue;
                }
                ("--key", _) => {
                    words[i] = "data/keys/operator.key".to_owned();
                    continue;
                }
                ("--vkey", _) => {
                    words[i] = vkey.clone();
                    continue;
                }
                _ => continue,
            };
            words[i] = format!("@{right}");
        }
        words.extend(["--yes".to_owned(), "--json".to_owned()]);
        let ran = place.args(&words);
        assert_eq!(ran.code, 0, "{}: {}", words.join(" "), ran.err);
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        made.insert(noun.to_owned(), json["index"].as_u64().unwrap());
    }
    assert_eq!(made.len(), EventType::ALL.len() - 1);
    server.stop();
}
