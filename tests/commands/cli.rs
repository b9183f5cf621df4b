//! The command itself, run as people run it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    place::{Place, Ran},
    program::{Program, without_settings},
};
use onrecord::event::EventType;

#[test]
fn every_command_has_help_with_an_example() {
    let place = Place::new();
    assert!(place.run("--help").ok().contains("Exit codes: 0 done"));
    for command in [
        "demo",
        "init",
        "serve",
        "verify",
        "key new",
        "key show",
        "key import",
        "event new",
        "event sign",
        "event submit",
        "event show",
        "withhold",
        "release",
        "backup",
        "restore",
        "fsck",
        "rebuild",
        "completions",
        "man",
    ] {
        let help = place.run(&format!("{command} --help")).ok();
        assert!(help.contains("Example"), "{command}: {help}");
    }
    for event_type in EventType::ALL.iter().filter(|t| **t != EventType::LedgerOpened) {
        let help = place.run(&format!("record {event_type} --help")).ok();
        assert!(help.contains("Example") && help.contains("--key <FILE>"), "{event_type}: {help}");
        let about = event_type.spec().doc.trim_end_matches('.');
        assert!(help.starts_with(about), "{event_type}: {help}");
    }
    assert_ne!(place.run("record ledger.opened --help").code, 0);
}

#[test]
fn exit_codes_are_those_documented() {
    let place = Place::new();
    for (line, code) in [
        ("", 2),
        ("no-such-command", 2),
        ("verify", 2),
        ("verify . --key not-a-key", 2),
        ("verify ftp://ledger.example.org", 2),
        ("verify no-such-folder", 3),
        ("verify http://127.0.0.1:1", 3),
        ("serve", 2),
        ("serve --data no-such-folder --listen 127.0.0.1:0", 2),
        ("rebuild --data no-such-folder", 2),
        ("init --data d --origin localhost", 2),
        ("record statement", 2),
        ("key show no-such-file", 2),
        ("event show no-such-file", 2),
        ("completions no-such-shell", 2),
    ] {
        let ran = place.run(line);
        assert_eq!(ran.code, code, "{line}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{line}: faults go to stderr alone");
    }
}

#[test]
fn completions_and_man_pages_are_made() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(place.run(&format!("completions {shell}")).ok().len() > 1_000, "{shell}");
    }
    assert!(place.run("man").ok().contains(".TH onrecord 1"));
    place.run("man --out-dir pages").ok();
    for page in ["onrecord.1", "onrecord-verify.1", "onrecord-record-statement.1"] {
        assert!(place.path("pages").join(page).exists(), "{page}");
    }
}

#[test]
fn key_files_are_private_never_overwritten_and_never_printed() {
    let place = Place::new();
    let vkey = place.run("key new --name newsroom.example/desk -o desk.key").ok();
    assert!(vkey.starts_with("newsroom.example/desk+"), "{vkey}");
    let file = place.path("desk.key");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    let secret = fs::read_to_string(&file).unwrap();
    assert!(secret.starts_with("PRIVATE+KEY+newsroom.example/desk+"));
    let secret = secret.trim().splitn(5, '+').last().unwrap().to_owned();

    let again = place.run("key new --name newsroom.example/desk -o desk.key");
    assert_eq!(again.code, 1);
    assert!(again.err.contains("never overwritten"), "{}", again.err);
    assert!(fs::read_to_string(&file).unwrap().contains(&secret));

    let shown = place.run("key show desk.key");
    assert_eq!(shown.out.trim(), vkey);
    assert!(shown.err.is_empty());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = place.run("key show desk.key --json");
    assert_eq!(shown.code, 2, "{}", shown.err);
    assert!(shown.err.contains("expected mode 600, found 644; run: chmod 600 desk.key"), "{}", shown.err);
    for text in [&shown.out, &shown.err, &again.out, &again.err] {
        assert!(!text.contains(&secret) && !text.contains("PRIVATE"), "{text}");
    }

    let name = place.run("key new --pseudonym ledger.example.org -o me.key").ok();
    let digits = name.strip_prefix("ledger.example.org/").unwrap().split('+').next().unwrap();
    assert!(digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");

    place.write_secret("not.key", "PRIVATE+KEY+a.example+00000000+AAAA\n");
    let bad = place.run("key show not.key");
    assert!(bad.code == 2 && !bad.err.contains("AAAA"), "{}", bad.err);
}

#[test]
fn a_key_comes_out_of_its_seed() {
    let place = Place::new();
    let seed = "4420823cfde6f1c26b30f90ec7dd01e4887534a20f0b0d04c36ed80e71e0fd77";
    let vkey = "ledger.example.org+b4ce7ea7+ARcQd5dYVGm5FFEcFKiGDiBrqfR7THQGgwnGYtv7/GH0";
    place.write_secret("seed", &format!("{seed}\n"));
    let name = "--name ledger.example.org";
    assert_eq!(place.run(&format!("key import {name} --seed-hex-file seed -o a.key")).ok(), vkey);
    assert_eq!(place.piped(&format!("key import {name} --seed-hex-file - -o b.key"), seed).ok(), vkey);
    let bad = place.piped(&format!("key import {name} --seed-hex-file - -o c.key"), &seed[1..]);
    assert!(bad.code == 2 && !bad.err.contains(&seed[1..]), "{}", bad.err);
    assert!(!place.path("c.key").exists());
}

#[test]
fn settings_come_from_flags_then_environment_then_file() {
    let place = Place::new();
    place.init();
    fs::write(place.path("onrecord.toml"), "data = \"data\"\n").unwrap();
    assert_eq!(place.run("rebuild").ok(), "index made anew from 1 entry");
    let by_env = |value: &str, args: &[&str]| {
        Ran::of(place.command(args).env("ONRECORD_DATA", value).output().unwrap())
    };
    assert_eq!(by_env("elsewhere", &["rebuild"]).code, 2);
    assert_eq!(by_env("elsewhere", &["rebuild", "--data", "data"]).code, 0);

    fs::write(place.path("other.toml"), "\ndatta = \"data\"\n").unwrap();
    let ran = place.run("rebuild --config other.toml");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("other.toml:2: unknown field `datta`"), "{}", ran.err);
}

#[test]
fn a_ledger_is_made_once() {
    let place = Place::new();
    let key = place.init();
    assert!(key.starts_with("ledger.example.org+"), "{key}");
    assert!(place.path("data/keys/operator.key").exists());
    let again = place.run("init --data data --origin ledger.example.org");
    assert_eq!(again.code, 1, "{}", again.err);
    assert!(again.err.contains("holds a ledger already"), "{}", again.err);
    let left: Vec<_> = fs::read_dir(place.0.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left, ["data"], "nothing is left behind");

    place.run("key new --name other.example -o other.key").ok();
    let wrong = place.run("init --data b --origin ledger.example.org --checkpoint-key other.key");
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("expected a key named ledger.example.org"), "{}", wrong.err);
    place.run("key new --name b.example -o log.key").ok();
    place.run("key new --name b.example/op -o op.key").ok();
    let log_key = place.run("key show log.key").ok();
    let made =
        place.run("init --data b --origin b.example --checkpoint-key log.key --operator-key op.key").ok();
    assert_eq!(made, log_key);
    assert_eq!(place.run(&format!("verify b --key {log_key}")).code, 0);
}

#[test]
fn what_is_missing_is_listed_at_once() {
    let place = Place::new();
    let ran = place.run("record demand --ledger http://127.0.0.1:1");
    assert_eq!(ran.code, 2);
    for flag in ["--key FILE", "--case ID", "--respondent ID", "--item TEXT"] {
        assert!(ran.err.contains(flag), "{flag}: {}", ran.err);
    }
    let bad = place.run("record statement --standing rumour");
    assert!(bad.code == 2 && bad.err.contains("official, claim, report"), "{}", bad.err);
}

#[cfg(unix)]
#[test]
fn from_init_to_a_verified_record() {
    let place = Place::new();
    let key = place.init();
    let server = place.serve();
    let url = server.url.clone();
    let record = |args: &str| {
        place.run(&format!("record {args} --ledger {url} --key data/keys/operator.key --at 2023-11-23 --yes"))
    };

    let party = record("party --kind agency --name Agency").ok();
    assert_eq!(party, format!("{url}/e/1\n{} verify {url} --key {key}", env!("CARGO_BIN_EXE_onrecord")));
    record("case --respondent @1 --jurisdiction MY --timezone Asia/Kuala_Lumpur --title Matter").ok();

    fs::write(place.path("words.txt"), "Kenyataan \"rasmi\"\nbaris kedua ✓\n").unwrap();
    fs::write(place.path("letter.txt"), "letter").unwrap();
    let statement = record(&format!(
        "statement --case 2 --speaker {url}/e/1 --standing report --language ms --text @words.txt --file letter.txt \
         --word source=press --json"
    ));
    let shown = statement.err.clone();
    let json: serde_json::Value = serde_json::from_str(&statement.ok()).unwrap();
    assert_eq!(json["index"], 3);
    assert_eq!(json["url"], format!("{url}/e/3"));
    assert!(
        shown.contains("onrecord/event/v1") && shown.contains("baris kedua"),
        "what is signed is shown: {shown}"
    );
    let demand = "demand --case @2 --respondent @1 --petitioner @0 --item One --item Two --deadline-days 14 \
                  --deadline-rule calendar --deadline-from issue";
    record(demand).ok();

    // An error names what was typed.
    let refused = record("count --case @2 --collection @3 --count 5");
    assert_eq!(refused.code, 1);
    let last = refused.err.lines().last().unwrap();
    assert_eq!(last, "onrecord: --collection @3: this is a statement, expected a collection");
    // So does a refusal by the ledger of evidence.
    let notice = "notice --case @2 --sender @0 --addressee @1 --demand @4 --channel hand --address Counter";
    record(&format!("{notice} --why Published")).ok();
    let refused = record(
        "evidence --case @2 --notice @5 --evidence ConsignmentAcceptance --vouched-by addressee_key \
         --account Stamped",
    );
    assert_eq!(refused.code, 1);
    let last = refused.err.lines().last().unwrap();
    assert!(last.starts_with("--vouched-by addressee_key: "), "{last}");
    assert!(last.ends_with(" (CHECK_FAILED)"), "{last}");
    // A file that is too large is refused as an event is.
    fs::write(place.path("large.bin"), vec![0; 4_097]).unwrap();
    let large = record("exhibit --method upload --captured 2026-11-23 --description x --file large.bin");
    assert_eq!(large.code, 1);
    let last = large.err.lines().last().unwrap();
    assert!(last.starts_with("--file large.bin: ") && last.ends_with("(TOO_LARGE)"), "{last}");
    // Refused before anything is sent.
    let refused = record("statement --case @2 --speaker @1 --standing report --language EN --text x");
    assert_eq!(refused.code, 1);
    assert!(refused.err.starts_with("--language EN: expected"), "{}", refused.err);
    assert!(refused.err.trim_end().ends_with("(BAD_FACT)"), "{}", refused.err);
    let unknown = record("position --case @2 --party @99 --on @3 --stance denies --text x");
    assert!(unknown.code == 2 && unknown.err.contains("has no entry 99"), "{}", unknown.err);

    let verified = place.run(&format!("verify {url} --key {key}"));
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains("6 of 6"), "{}", verified.out);
    assert_eq!(place.run(&format!("verify {url}")).code, 3);
    server.stop();

    assert_eq!(place.run(&format!("verify data --key {key}")).code, 0);
    let copied = Command::new("cp").args(["-r", "data/public", "copy"]).current_dir(place.0.path()).status();
    assert!(copied.unwrap().success());
    assert_eq!(place.run(&format!("verify copy --key {key}")).code, 0);
    let bundle = place.path("copy/tile/entries/000.p/6");
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes.windows(14).position(|w| w == b"statement.made").unwrap();
    bytes[at] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let refused = place.run(&format!("verify copy --key {key}"));
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("REFUSED  entry 3: "), "{}", refused.out);
    let json = place.run(&format!("verify copy --key {key} --json"));
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json["verdict"].as_str(), json["faults"][0]["entry"].as_u64()), (Some("refused"), Some(3)));
}

#[cfg(unix)]
#[test]
fn an_event_is_made_signed_and_submitted_in_steps() {
    let place = Place::new();
    place.init();
    let server = place.serve();
    let url = &server.url;
    let operator = place.run("key show data/keys/operator.key").ok();
    let agency = place.run("key new --name agency.example/press -o agency.key").ok();
    fs::write(place.path("words.json"), r#"{"name":"Agency"}"#).unwrap();

    let text = place.run(&format!(
        "event new --type party.registered --origin ledger.example.org --by {operator} --by {agency} --at 2023-11-23 \
         --fact kind=agency --fact keys={agency} --words words.json --content-out words.blob"
    ));
    assert_eq!(text.code, 0, "{}", text.err);
    assert_eq!(text.out.lines().count(), 3);

    // Each signer signs on the machine that keeps its key, in any order.
    let half = place.piped("event sign --key agency.key --yes -", &text.out);
    assert_eq!(half.code, 0, "{}", half.err);
    assert!(half.err.contains("still to be signed by"), "{}", half.err);
    let note = place.piped("event sign --key data/keys/operator.key --yes -", &half.out);
    assert_eq!(note.code, 0, "{}", note.err);
    assert!(note.err.is_empty(), "{}", note.err);

    let shown = place.piped("event show -", &note.out).ok();
    assert!(shown.contains("party.registered") && shown.contains("signatures  good"), "{shown}");
    let bad = note.out.replacen("\u{2014} agency.example/press ", "\u{2014} agency.example/other ", 1);
    let shown = place.piped("event show -", &bad);
    assert_eq!(shown.code, 1);
    assert!(shown.err.starts_with("SIGNATURE_ORDER: signature line 2: "), "{}", shown.err);

    let line = format!("event submit --ledger {url} -");
    let refused = place.piped(&line, &note.out);
    assert_eq!(refused.code, 1);
    assert!(refused.err.starts_with("CONTENT_MISSING: content"), "{}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    let line = format!("{line} --content words.blob");
    assert_eq!(place.piped(&line, &note.out).ok(), format!("{url}/e/1"));
    // The same event again gives the same entry.
    assert_eq!(place.piped(&line, &note.out).ok(), format!("{url}/e/1"));
    let refused = place.piped(&line, "no note");
    assert!(refused.code == 1 && refused.err.starts_with("NOTE_UNSIGNED: note: "), "{}", refused.err);

    let stranger = place.piped("event sign --key agency.key --yes -", &text.out.replace(&agency, &operator));
    assert_eq!(stranger.code, 2, "{}", stranger.err);
    server.stop();
}

#[test]
fn the_demo_is_valid_and_its_tampered_copy_refused_by_entry() {
    let place = Place::new();
    let json = place.run("demo --no-serve --json").ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let key = json["log_key"].as_str().unwrap();
    assert_eq!(json["cases"].as_array().unwrap().len(), 4);
    assert_eq!(place.run(&format!("verify demo-ledger --key {key}")).code, 0);

    let tampered = place.run("demo --tampered").ok();
    assert!(tampered.contains("REFUSED  entry "), "{tampered}");
    assert_eq!(place.run(&format!("verify demo-ledger-tampered --key {key}")).code, 1);
    // The original is unchanged, and is not made a second time.
    assert_eq!(place.run(&format!("verify demo-ledger --key {key}")).code, 0);
    let again = place.run("demo --no-serve");
    assert!(again.err.contains("holds a ledger already") && again.out.contains(key), "{}", again.err);
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_made() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ran = place.run(&format!("demo --listen {address}"));
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains(&address.to_string()) && ran.err.contains("--listen"), "{}", ran.err);
    assert!(!place.path("demo-ledger").exists());
}

#[cfg(unix)]
#[test]
fn the_commands_that_the_demo_prints_work_as_printed() {
    let place = Place::new();
    place.run("demo --no-serve").ok();
    let mut child = place
        .command(["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut out = String::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        out.push_str(&line);
        out.push('\n');
        if line.starts_with("Serving until") {
            break;
        }
    }
    let server = Program::at(child, "http://127.0.0.1:0");
    let shell = |line: &str| {
        let mut command = place.command::<&str>([]);
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(line).current_dir(place.0.path()).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => sh.env(name, value),
                None => sh.env_remove(name),
            };
        }
        command.stdin(Stdio::null());
        Ran::of(sh.output().unwrap())
    };
    let from = out.find("    /").unwrap_or_else(|| panic!("{out}"));
    let record: String = out[from..].split("\n\n").next().unwrap().to_owned();
    assert!(record.contains("record statement"), "{record}");
    let recorded = shell(&record).ok();
    let verify = out.lines().find(|l| l.contains(" verify http")).unwrap();
    let verified = shell(verify).ok();
    assert!(verified.contains("91 of 91") && recorded.contains("/e/90"), "{recorded}{verified}");
    server.stop();
}

/// Runs a command at a terminal, and types the answer at each prompt.
fn typed(place: &Place, answers: &[(&str, &str)], line: &str) -> Ran {
    let typist = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/typist.py");
    let answers = serde_json::json!(answers).to_string();
    let line =
        [&[typist, answers.as_str(), env!("CARGO_BIN_EXE_onrecord")], &*line.split(' ').collect::<Vec<_>>()];
    let mut python = Command::new("python3");
    python.args(line.concat()).current_dir(place.0.path()).stdin(Stdio::null());
    without_settings(&mut python);
    Ran::of(python.output().unwrap())
}

/// A ledger being served on which entry 1 is a party, 2 a case, and 3 an exhibit with two files.
fn with_two_files() -> (Place, Program, String) {
    let place = Place::new();
    place.init();
    let server = place.serve();
    for name in ["letter.pdf", "plan.pdf"] {
        fs::write(place.path(name), name).unwrap();
    }
    let by = format!("--ledger {} --key data/keys/operator.key", server.url);
    for line in [
        "party --kind agency --name Agency",
        "case --respondent @1 --jurisdiction MY --timezone Asia/Kuala_Lumpur --title Matter",
        "exhibit --case @2 --method upload --captured 2023-12-08 --description Two --file letter.pdf --file plan.pdf",
    ] {
        place.run(&format!("record {line} {by} --yes")).ok();
    }
    (place, server, by)
}

/// How many files of the exhibit are served.
fn served(server: &Program, names: &[&str]) -> usize {
    let here = |name: &&&str| {
        let digest = onrecord::event::Digest::blake3(name.as_bytes());
        let url = format!("{}/file/{digest}", server.url);
        let out = Command::new("curl").args(["-s", &url]).output().unwrap().stdout;
        out == name.as_bytes()
    };
    names.iter().filter(here).count()
}

#[test]
fn the_file_that_goes_is_named_and_one_that_is_not_there_is_refused() {
    let (place, server, by) = with_two_files();
    let withhold =
        |file: &str| place.run(&format!("withhold 3 --ground court_order --file {file} {by} --yes"));
    for file in ["0", "3", "lettre.pdf", "-1"] {
        let ran = withhold(file);
        assert_eq!(ran.code, 2, "{file}: {}", ran.err);
        if file != "-1" {
            assert!(ran.err.contains("or its number, from 1: 1 letter.pdf, 2 plan.pdf"), "{}", ran.err);
        }
    }
    let of_none = place.run(&format!("withhold 1 --ground court_order --file 1 {by} --yes"));
    assert!(
        of_none.code == 2 && of_none.err.contains("the words of entry 1 name no file"),
        "{}",
        of_none.err
    );
    // The same by the fact's own code.
    let by_code = place.run(&format!(
        "record withholding --case @2 --entry 3 --ground court_order --blob files/2 {by} --yes"
    ));
    assert!(
        by_code.code == 1 && by_code.err.contains("--blob files/2: there is no files/2"),
        "{}",
        by_code.err
    );
    assert_eq!(served(&server, &["letter.pdf", "plan.pdf"]), 2);

    let no = typed(
        &place,
        &[("Sign and submit? [y/N]", "n")],
        &format!("withhold 3 --ground court_order --file 2 {by}"),
    );
    assert_eq!(no.code, 1, "{}", no.out);
    for said in [
        "file 2 is withheld, and refused if it comes back: plan.pdf",
        "withheld file 2 of the exhibit",
        "ground: court order",
    ] {
        assert!(no.out.contains(said), "{said}: {}", no.out);
    }
    assert!(!no.out.contains("onrecord/event/v1"), "words, and no JSON: {}", no.out);
    withhold("2").ok();
    assert_eq!((served(&server, &["letter.pdf"]), served(&server, &["plan.pdf"])), (1, 0));
    withhold("letter.pdf").ok();
    assert_eq!(served(&server, &["letter.pdf", "plan.pdf"]), 0);

    let release = |file: &str| format!("release 3 --ground order_lifted --file {file} {by}");
    for wrong in ["0=letter.pdf", "1=plan.pdf", "3=plan.pdf"] {
        assert_eq!(place.run(&format!("{} --yes", release(wrong))).code, 2, "{wrong}");
    }
    let yes = typed(&place, &[("Sign and submit? [y/N]", "y")], &release("1=letter.pdf"));
    assert_eq!(yes.code, 0, "{}", yes.out);
    assert!(
        yes.out.contains("gave back file 1 of the exhibit") && !yes.out.contains("onrecord/event/v1"),
        "{}",
        yes.out
    );
    assert_eq!((served(&server, &["letter.pdf"]), served(&server, &["plan.pdf"])), (1, 0));
    server.stop();
}

#[test]
fn what_is_signed_in_steps_is_said_in_words_first() {
    let (place, server, _) = with_two_files();
    let vkey = place.run("key show data/keys/operator.key").ok();
    let id = |n: u64| {
        let entry = Command::new("curl").args(["-s", &format!("{}/entry/{n}", server.url)]).output().unwrap();
        fs::write(place.path("entry"), entry.stdout).unwrap();
        let shown = place.run("event show entry --json").ok();
        serde_json::from_str::<serde_json::Value>(&shown).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let new = format!(
        "event new --type statement.made --origin ledger.example.org --by {vkey} --case {} --ref speaker={} --fact standing=report \
         --fact language=en --at 2023-12-08 --words words.json --content-out words.blob",
        id(2),
        id(1)
    );
    fs::write(place.path("words.json"), r#"{"text":"Nothing was lost."}"#).unwrap();
    fs::write(place.path("said.txt"), place.run(&new).ok() + "\n").unwrap();
    let no = [("Sign this? [y/N]", "n")];
    let alone = typed(&place, &no, "event sign --key data/keys/operator.key said.txt");
    assert_eq!(alone.code, 1, "{}", alone.out);
    for said in ["statement.made  ", "standing report", "2023-12-08", &vkey] {
        assert!(alone.out.contains(said), "{said}: {}", alone.out);
    }
    let told = typed(
        &place,
        &no,
        &format!("event sign --key data/keys/operator.key --ledger {} said.txt", server.url),
    );
    assert!(told.out.contains("Agency") && told.out.contains("once it is on record:"), "{}", told.out);
    for ran in [alone, told] {
        assert!(
            !ran.out.contains("{\"") && !ran.out.contains("signatures"),
            "words, and no JSON: {}",
            ran.out
        );
    }
    // The signer decides, even where the ledger would refuse the event.
    let other = fs::read_to_string(place.path("said.txt")).unwrap().replace(&id(1), &id(3));
    fs::write(place.path("other.txt"), other).unwrap();
    let warned = typed(
        &place,
        &no,
        &format!("event sign --key data/keys/operator.key --ledger {} other.txt", server.url),
    );
    assert!(warned.out.contains("The ledger would refuse it now: refs.speaker"), "{}", warned.out);

    fs::write(
        place.path("said.note"),
        place.run("event sign --key data/keys/operator.key said.txt --yes").ok() + "\n",
    )
    .unwrap();
    let embargo = format!(
        "event submit --ledger {} said.note --content words.blob --embargo --key data/keys/operator.key",
        server.url
    );
    let no = typed(&place, &[("and submit both? [y/N]", "n")], &embargo);
    assert!(
        no.code == 1 && no.out.contains("its words are withheld") && !no.out.contains("{\""),
        "{}",
        no.out
    );
    typed(&place, &[("and submit both? [y/N]", "y")], &embargo).ok();
    server.stop();
}

#[test]
fn an_event_that_is_made_in_steps_is_dated_where_its_case_is_and_leaves_nothing_where_it_is_refused() {
    let (place, server, _) = with_two_files();
    let vkey = place.run("key show data/keys/operator.key").ok();
    fs::write(place.path("words.json"), r#"{"text":"Nothing was lost."}"#).unwrap();
    let new = format!(
        "event new --type statement.made --origin ledger.example.org --by {vkey} --fact standing=report --fact language=en \
         --words words.json --content-out words.blob"
    );
    let named = format!("{new} --ref speaker=1 --case 2 --ledger {}", server.url);
    for (line, code, said) in [
        (format!("{named} --at 2999-01-01"), 2, "--at 2999-01-01: that is ahead of now"),
        (
            format!("{named} --fact published=2999-01-01"),
            2,
            "--fact published 2999-01-01: that is ahead of now",
        ),
        (named.replace("--case 2", "--case 99"), 2, "--case 99"),
        (named.replace("speaker=1", "speaker=99"), 2, "--ref speaker 99"),
    ] {
        let ran = place.run(&line);
        assert!(ran.code == code && ran.err.contains(said), "{line}: {} {}", ran.code, ran.err);
        assert!(!place.path("words.blob").exists(), "{line}");
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = place.command(named.split(' ')).stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(!place.path("words.blob").exists());

    let text = place.run(&named).ok();
    assert!(text.contains("+08:00\"") && place.path("words.blob").exists(), "{text}");
    let again = place.run(&named);
    assert!(
        again.code == 2 && again.err.contains("--content-out words.blob: there is a file already"),
        "{}",
        again.err
    );
    fs::remove_file(place.path("words.blob")).unwrap();
    server.stop();

    // There is no ledger to ask for the time zone: the time is in UTC, and a line says so. A time that was given needs none.
    let id = "00".repeat(32);
    let alone = format!("{new} --ref speaker={id} --case {id}");
    let ran = place.run(&alone);
    assert!(
        ran.code == 0 && ran.out.contains("+00:00\"") && ran.err.contains("in UTC"),
        "{}{}",
        ran.out,
        ran.err
    );
    fs::remove_file(place.path("words.blob")).unwrap();
    let gone = format!("{alone} --ledger http://127.0.0.1:1");
    assert_eq!(place.run(&gone).code, 3);
    let ran = place.run(&format!("{gone} --at 2023-12-08"));
    assert!(ran.code == 0 && ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn permalinks_are_those_that_readers_open_and_those_of_another_ledger_are_refused() {
    let place = Place::new();
    fs::write(place.path("onrecord.toml"), "url = \"https://ledger.example.org\"\n").unwrap();
    place.init();
    let server = place.serve();
    let by = format!("--ledger {} --key data/keys/operator.key --yes", server.url);
    let public = "https://ledger.example.org";
    let said = place.run(&format!("record party --kind agency --name Agency {by}")).ok();
    assert!(
        said.starts_with(&format!("{public}/e/1\n")) && said.contains(&format!(" verify {public} --key ")),
        "{said}"
    );
    let said = place.run(&format!("record case --respondent {public}/e/1 --jurisdiction MY --timezone Asia/Kuala_Lumpur --title Matter {by}"));
    assert_eq!(said.ok().lines().next().unwrap(), format!("{public}/e/2"));
    for noun in [public.to_owned(), server.url.clone()] {
        place.run(&format!("show case {noun}/e/2 --ledger {}", server.url)).ok();
        place.run(&format!("exhibit {noun}/e/1?knownAt=2 --ledger {} -o e.zip", server.url)).ok();
    }
    let others = [
        format!("{public}.my"),
        format!("{}9", server.url),
        format!("{}evil", server.url),
        "https://other.example".into(),
    ];
    for other in others {
        for line in [
            format!("show case {other}/e/2 --ledger {}", server.url),
            format!(
                "record statement --case {other}/e/2 --speaker 1 --standing report --language en --text x {by}"
            ),
            format!("withhold {other}/e/1 --ground safety {by}"),
            format!("search agency --case {other}/e/2 --ledger {}", server.url),
            format!("exhibit {other}/e/1 --ledger {}", server.url),
        ] {
            let ran = place.run(&line);
            let expected = format!("expected a permalink of this ledger, {public}/e/<number>");
            assert!(ran.code == 2 && ran.err.contains(&expected), "{line}: {}{}", ran.out, ran.err);
        }
    }
    let said = place.run(&format!("withhold 1 --ground safety {by}")).ok();
    assert_eq!(said, format!("{public}/e/3"));
    server.stop();
}

#[test]
fn a_flag_stands_in_the_help_of_what_takes_it_alone() {
    let place = Place::new();
    for (noun, takes) in [("case", true), ("demand", false), ("party", false)] {
        let help = place.run(&format!("show {noun} --help")).ok();
        assert_eq!(help.contains("--order"), takes, "{help}");
        let ran = place.run(&format!("show {noun} 1 --order recorded --data nowhere"));
        assert_eq!(ran.err.contains("unexpected argument"), !takes, "{}", ran.err);
    }
}

#[test]
fn an_address_without_its_scheme_is_told_from_a_file() {
    let place = Place::new();
    for (given, address) in [
        ("localhost:8080", true),
        ("127.0.0.1:8080", true),
        ("[::1]:8080", true),
        ("localhost", true),
        ("ledger.example.org", true),
        ("ledger.example.org/2026", true),
        ("exhibit-3.zip", false),
        ("./ledger-data", false),
        ("copies/ledger.example.org", false),
    ] {
        let ran = place.run(&format!("verify {given}"));
        assert!(ran.code == 3 && ran.err.contains("there is no such file or folder"), "{}", ran.err);
        assert_eq!(ran.err.contains("put https:// before it, or http://"), address, "{given}: {}", ran.err);
    }
}

#[test]
fn what_was_made_is_said_though_the_output_can_not_be_written() {
    let place = Place::new();
    place.write_secret("seed", &"01".repeat(32));
    let full = |line: &str| {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output =
            place.command(line.split(' ')).stdout(Stdio::from(full)).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (line, made, show) in [
        ("key new --name a.example -o a.key", "made all the same: the key file a.key;", Some("a.key")),
        (
            "key import --name a.example --seed-hex-file seed -o b.key",
            "made all the same: the key file b.key;",
            Some("b.key"),
        ),
        (
            "init --data data --origin ledger.example.org --second-key second.key",
            "made all the same: the ledger in data;",
            Some("data/keys/checkpoint.key"),
        ),
        (
            "init --data more --origin more.example.org --second-key 2.key --json",
            "the operator's second key 2.key",
            None,
        ),
        ("backup --data data --to copied --with-keys", "could not be written", None),
        ("restore --from copied --data restored", "made all the same: the ledger in restored", None),
    ] {
        let err = full(line);
        let last = err.lines().last().unwrap();
        assert!(last.contains(made), "{line}: {err}");
        if let Some(show) = show {
            assert!(last.contains(&format!("`onrecord key show {show}` prints its")), "{line}: {err}");
            place.run(&format!("key show {show}")).ok();
        }
    }
    assert!(!full("key show a.key").contains("made all the same"));
}

#[test]
fn a_secret_key_is_known_without_its_beginning() {
    let (place, server, by) = with_two_files();
    let line = fs::read_to_string(place.path("data/keys/operator.key")).unwrap();
    let bare = line.trim().strip_prefix("PRIVATE+KEY+").unwrap();
    let tail = &bare[bare.len() - 20..];
    fs::write(place.path("notes.txt"), format!("this is it: {bare}\n")).unwrap();
    // As an editor on another system saves it.
    let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(place.path("wide.txt"), wide).unwrap();
    let statement =
        format!("record statement --case @2 --speaker @1 --standing report --language en {by} --yes");
    for line in [
        format!("verify {} --key {bare}", server.url),
        format!("verify {bare}"),
        format!("search {bare} --ledger {}", server.url),
        format!("{statement} --text x{bare}"),
        format!("{statement} --text @notes.txt"),
        format!("{statement} --text x --file notes.txt"),
        format!("{statement} --text x --file wide.txt"),
    ] {
        let ran = place.run(&line);
        let said = ran.out + &ran.err;
        assert!(ran.code == 2 && said.contains("secret key") && !said.contains(tail), "{said}");
    }
    let ran = place.command(["ready"]).env("ONRECORD_LEDGER", bare).output().unwrap();
    let said = Ran::of(ran).err;
    assert!(said.contains("a secret key stands in ONRECORD_LEDGER") && !said.contains(tail), "{said}");
    // A part of a secret key can't be told from other text, so nothing is repeated that is no public key.
    let (part, vkey) = (bare.split_once('/').unwrap().1, place.run("key show data/keys/operator.key").ok());
    for line in [
        format!("verify {} --key {part}", server.url),
        format!("mirror {} --key {part} --data copy --once", server.url),
        format!("event new --type case.opened --origin ledger.example.org --by {part}"),
        format!("record key {by} --party @0 --vkey {part} --yes"),
        format!("record key-revocation {by} --party @0 --vkey {part} --reason lost --yes"),
        format!("record party {by} --kind agency --name Agency --vkey {part} --yes"),
        format!("event new --type key.revoked --origin ledger.example.org --by {vkey} --fact key={part}"),
    ] {
        for line in [line.clone(), format!("{line} --json")] {
            let ran = place.run(&line);
            let said = ran.out + &ran.err;
            assert!(
                ran.code == 2 && said.contains("vkey") | said.contains("key id") && !said.contains(tail),
                "{said}"
            );
        }
    }
    server.stop();
}
