//! Every command shown in README.md and docs/ is run, and prints what is shown.
//!
//! A ```console block holds lines `$ command`, each followed by what it prints. Ids, keys, hashes and addresses
//! are compared by their form. Commands run in order, in an empty folder, beside a demo that serves. A server that a
//! page starts itself runs until all commands are done.
//!
//! A ```terminal block shows a terminal: `$ command`, then each question with its answer behind it. What is printed in
//! between is indented.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::program::Running;
use serde_json::Value;

struct Demo {
    _running: Running,
    address: String,
}

fn demo(dir: &Path) -> Demo {
    let mut child = Command::new(env!("CARGO_BIN_EXE_onrecord"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut address = None;
    let mut lines = out.lines().map_while(Result::ok);
    for line in lines.by_ref() {
        if let Some(at) = line.find("http://127.0.0.1:") {
            let rest = &line[at + "http://".len()..];
            address = Some(rest[..rest.find(['/', ' ']).unwrap_or(rest.len())].to_owned());
        }
        if line.contains("--tampered") {
            break;
        }
    }
    // Read on, so that the demo is not blocked by what it prints later.
    std::thread::spawn(move || lines.for_each(drop));
    let demo = Demo { _running: Running(child), address: address.expect("an address") };
    // Search is ready some time after the demo, depending on what else runs here.
    let begun = Instant::now();
    while !searched(&demo.address) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the demo can't be searched");
        std::thread::sleep(Duration::from_millis(50));
    }
    demo
}

/// Whether search has indexed all entries.
fn searched(address: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
    let out = command.args(["search", "agensi", "--json", "--ledger", &format!("http://{address}")]).output();
    let found: Value = serde_json::from_slice(&out.unwrap().stdout).unwrap_or_default();
    found["searched"].is_u64() && found["searched"] == found["size"]
}

/// A ledger that a command of a page serves, at a free address.
struct Served {
    _running: Running,
    shown: String,
    address: String,
}

/// Runs a shown command that serves in the background. Gives `None` for other commands.
fn serve(s: &Shown, dir: &Path) -> Option<Served> {
    let words: Vec<&str> = s.command.strip_prefix("onrecord serve ")?.split(' ').collect();
    let at = words.iter().position(|word| *word == "--listen").expect("it says where it listens") + 1;
    let mut free = words.clone();
    free[at] = "127.0.0.1:0";
    let mut child = Command::new(env!("CARGO_BIN_EXE_onrecord"))
        .arg("serve")
        .args(free)
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!([form(line.trim())], *s.output.iter().map(|l| form(l)).collect::<Vec<_>>(), "{}", s.command);
    let address = line.trim().rsplit('/').next().unwrap().to_owned();
    Some(Served { _running: Running(child), shown: words[at].to_owned(), address })
}

struct Shown {
    file: PathBuf,
    line: usize,
    command: String,
    output: Vec<String>,
}

fn shown(file: &Path) -> Vec<Shown> {
    let text = fs::read_to_string(file).unwrap();
    let mut out: Vec<Shown> = Vec::new();
    let mut inside = false;
    for (i, line) in text.lines().enumerate() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(command) => out.push(Shown {
                    file: file.to_owned(),
                    line: i + 1,
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                None => out.last_mut().expect("a command comes first").output.push(line.to_owned()),
            },
        }
    }
    out
}

/// A line with each value that differs from run to run replaced by its form.
fn form(line: &str) -> String {
    let word = |w: &str| -> String {
        let bare = w.trim_end_matches([',', '.']);
        let tail = &w[bare.len()..];
        let hex = |s: &str, n: usize| s.len() >= n && s.bytes().all(|b| b.is_ascii_hexdigit());
        let form = match bare.split_once('+') {
            Some((name, rest)) if hex(rest.get(..8).unwrap_or(""), 8) => {
                if rest.len() > 8 {
                    format!("{name}+VKEY")
                } else {
                    format!("{name}+ID")
                }
            }
            _ if hex(bare, 64) => "HASH".into(),
            _ if bare.len() == 44 && bare.ends_with('=') => "ROOT".into(),
            _ if bare.starts_with("http://127.0.0.1:") => match bare[17..].find('/') {
                Some(at) => format!("http://HERE{}", &bare[17 + at..]),
                None => "http://HERE".into(),
            },
            _ => bare.to_owned(),
        };
        form + tail
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Types a command line at a terminal, and an answer at each prompt. It must end with the code `ends`. Gives what was shown.
fn typed(dir: &Path, path: &str, command: &str, answers: &[(String, String)], ends: i32) -> String {
    let typist = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/typist.py");
    let out = Command::new("python3")
        .args([typist, &serde_json::to_string(answers).unwrap(), "bash", "-euo", "pipefail", "-c", command])
        .current_dir(dir)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(ends), "{command}\n{shown}{err}");
    shown
}

/// Holds that lines were printed, in order, by their form.
fn in_order<'a>(place: &str, printed: &str, lines: impl IntoIterator<Item = &'a str>) {
    let printed: Vec<String> = printed.lines().map(|l| form(l.trim_start())).collect();
    let mut from = 0;
    for line in lines {
        let sought = form(line.trim_start());
        let found = printed[from..].iter().position(|l| l.contains(&sought));
        let Some(at) = found else { panic!("{place}\nshown: {sought}\nprinted:\n{}", printed.join("\n")) };
        from += at + 1;
    }
}

/// What the ```terminal blocks of a page show: commands, each with the lines below it.
fn sessions(file: &Path) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(file).unwrap();
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (line, line.strip_prefix("$ ")) {
            ("```terminal", _) => inside = true,
            ("```", _) => inside = false,
            _ if !inside => {}
            (_, Some(command)) => out.push((command.to_owned(), Vec::new())),
            _ => out.last_mut().expect("a command comes first").1.push(line.to_owned()),
        }
    }
    out
}

/// A question and its answer, as a page shows them.
fn answered(line: &str) -> (String, String) {
    let ends = ["[y/N]", ":"].into_iter().find_map(|end| Some(line.rfind(end)? + end.len()));
    let (question, answer) = line.split_at(ends.expect("a question ends with a colon"));
    (question.to_owned(), answer.trim().to_owned())
}

/// She makes her own ledger, enrols a colleague, and records a demand with a period, all at a terminal by the pages that README
/// leads to.
#[test]
fn a_lawyer_who_has_only_the_readme_records_a_demand_on_her_own_ledger() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let lawyers = readme.split("## For lawyers").nth(1).unwrap().split("\n## ").next().unwrap();
    let page = |name: &str| {
        assert!(lawyers.contains(&format!("(docs/{name})")), "README leads lawyers to {name}");
        root.join("docs").join(name)
    };
    let dir = tempfile::tempdir().unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_onrecord")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
    let enrolled = shown(&page("second-writer.md"));
    // Enrolling ends with what her colleague recorded.
    let last = enrolled.iter().position(|s| s.command.contains("record statement")).unwrap();
    let mut ledger: Option<Served> = None;
    for s in &enrolled[..=last] {
        if let Some(served) = serve(s, dir.path()) {
            ledger = Some(served);
            continue;
        }
        let mut command = s.command.clone();
        if let Some(ledger) = &ledger {
            command = command.replace(&ledger.shown, &ledger.address);
        }
        // At a terminal it asks, as the page says.
        let asking = command.replace(" --yes", "");
        let yes = if asking == command { vec![] } else { vec![("[y/N]".to_owned(), "y".to_owned())] };
        let printed = typed(dir.path(), &path, &asking, &yes, 0);
        in_order(&s.command, &printed, s.output.iter().map(String::as_str));
    }
    let ledger = ledger.expect("her ledger is served");
    let sessions = sessions(&page("recording.md"));
    assert!(sessions.len() >= 3, "only {} sessions are shown", sessions.len());
    for (command, lines) in sessions {
        let answers: Vec<_> =
            lines.iter().filter(|l| !l.starts_with(' ')).map(|line| answered(line)).collect();
        let said_no = answers.last().is_some_and(|(_, answer)| answer == "n");
        let at = command.replace(&ledger.shown, &ledger.address);
        let printed = typed(dir.path(), &path, &at, &answers, said_no.into());
        in_order(&command, &printed, lines.iter().filter(|l| l.starts_with(' ')).map(String::as_str));
        assert_eq!(printed.contains("/e/"), !said_no, "{command}\n{printed}");
        // She saw the sentence before she said yes.
        let (before, _) = printed.rsplit_once("[y/N]").unwrap();
        assert!(
            before.contains("This will stand on record for ever") && before.contains(" demand of "),
            "{printed}"
        );
    }
}

#[test]
fn every_command_shown_runs_and_prints_what_is_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|e| e.unwrap().path());
    files.extend(docs.filter(|p| p.extension().is_some_and(|e| e == "md")));
    let tmp = tempfile::tempdir().unwrap();
    let demo = demo(tmp.path());
    let bin = Path::new(env!("CARGO_BIN_EXE_onrecord")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
    let mut run = 0;
    let mut served: Vec<Served> = Vec::new();
    for s in files.iter().flat_map(|f| shown(f)) {
        if let Some(ledger) = serve(&s, tmp.path()) {
            served.push(ledger);
            continue;
        }
        let mut command = s.command.replace("127.0.0.1:8080", &demo.address);
        for ledger in &served {
            command = command.replace(&ledger.shown, &ledger.address);
        }
        let out = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(tmp.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let place = format!("{}, line {}: {}", s.file.display(), s.line, s.command);
        let printed = String::from_utf8_lossy(&out.stdout);
        let refused = s.output.iter().any(|l| l.starts_with("REFUSED"));
        assert!(
            out.status.success() || refused,
            "{place}\n{printed}{}",
            String::from_utf8_lossy(&out.stderr)
        );
        // curl succeeds even where the query is refused.
        assert!(!printed.contains("\"errors\":"), "{place}\n{printed}");
        let printed: Vec<String> = printed.lines().map(|l| form(l.trim_start())).collect();
        let mut from = 0;
        for line in s.output.iter().filter(|l| !l.is_empty()) {
            let sought = form(line.trim_start().trim_start_matches("./"));
            let found = printed[from..].iter().position(|l| l.contains(&sought) || l.ends_with(&sought));
            let Some(at) = found else {
                panic!("{place}\nshown: {sought}\nprinted:\n{}", printed.join("\n"))
            };
            from += at + 1;
        }
        run += 1;
    }
    assert!(run >= 8, "only {run} commands are shown");
}
