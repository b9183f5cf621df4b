//! Case files: every entry of a case in one archive; which entries are missing is told.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::exhibit::*;
use crate::program;
use crate::support::*;
use crate::world::World;
use onrecord::{
    check::Outcome,
    event::{EventId, EventType},
    exhibit::{CaseExport, CaseFile, CaseReport, Enclosed, ExhibitVerdict, verify_case},
    ledger::Reader,
    log::{Policy, cosign},
};

/// Each case, longest first, with the indexes of its entries.
fn cases(reader: &Reader) -> Vec<(EventId, Vec<u64>)> {
    let size = reader.checkpoint().checkpoint().size();
    let event = |i| reader.parsed(i).unwrap().unwrap().event().clone();
    let opened = (0..size).map(event).filter(|e| e.event_type() == EventType::CaseOpened);
    let mut cases: Vec<_> = opened.map(|e| (e.id(), reader.thread(&e.id()).unwrap())).collect();
    cases.sort_by_key(|(_, thread)| std::cmp::Reverse(thread.len()));
    cases
}

/// A case file changed by a hand that knows how it is made.
fn altered(bytes: &[u8], change: impl FnOnce(&mut BTreeMap<u64, Vec<u8>>)) -> Vec<u8> {
    let file = CaseFile::read(bytes).unwrap();
    let mut exhibits = file.exhibits.into_iter().map(|(i, e)| (i, e.to_vec())).collect();
    change(&mut exhibits);
    CaseFile { exhibits }.write().unwrap()
}

fn outcome(report: &CaseReport, name: &str) -> Option<Outcome> {
    report.checks.iter().find(|c| c.name == name).map(|c| c.outcome)
}

/// The check that failed, and what it says.
#[track_caller]
fn refused(bytes: &[u8]) -> (&'static str, String) {
    let report = verify_case(bytes, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Refused, "{report}");
    assert!(report.to_string().contains("Not valid"), "{report}");
    let failed: Vec<_> = report.checks.iter().filter(|c| c.outcome == Outcome::Failed).collect();
    assert_eq!(failed.len(), 1, "{report}");
    (failed[0].name.as_str(), failed[0].detail())
}

#[test]
fn every_case_of_the_story_is_exported_whole() {
    let w = World::whole();
    let entry = w.reader().parsed(first(w.reader(), EventType::StatementMade)).unwrap().unwrap();
    w.record(withhold(entry.event().case(), entry.event().id(), "court_order", &["content"]));
    let cases = cases(w.reader());
    assert!(cases.len() >= 3);
    let mut without_words = 0;
    for (case, thread) in &cases {
        let bytes = case_file(w.reader(), case);
        assert_eq!(bytes, case_file(w.reader(), case), "the same bytes each time");
        assert!(CaseFile::is_one(&bytes));
        let report = verify_case(&bytes, Some(&policy()));
        assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
        assert_eq!(report.case, Some(*case));
        assert_eq!(report.entries.iter().map(|e| e.index).collect::<Vec<_>>(), *thread);
        let text = report.to_string();
        assert!(text.contains("that the last entry here is the last of the case"), "{text}");
        assert!(text.contains("by the ledger's numbering none"), "{text}");
        let lacks = report.entries.iter().filter(|e| e.words == Some(Outcome::NotEnclosed)).count();
        assert_eq!(outcome(&report, "content") == Some(Outcome::Ok), lacks == 0, "{text}");
        assert_eq!(text.contains("these facts and the digests of these words"), lacks == 0, "{text}");
        without_words += lacks;
        // It is made in parts. Made anew as a whole it has the same bytes.
        assert_eq!(altered(&bytes, |_| ()), bytes);
    }
    assert_eq!(without_words, 1);
    let no_case = w.reader().parsed(w.size() - 1).unwrap().unwrap().event().id();
    assert!(CaseExport::begin(w.reader(), &no_case).unwrap().is_none());
}

#[test]
fn what_is_missing_is_told_but_for_the_end() {
    let w = World::whole();
    let (case, thread) = cases(w.reader()).remove(0);
    let bytes = case_file(w.reader(), &case);
    for (k, index) in thread.iter().enumerate().skip(1).take(thread.len() - 2) {
        let (check, what) = refused(&altered(&bytes, |e| drop(e.remove(index))));
        let expected = format!("exhibit-{}.zip: expected entry {k} of the case", thread[k + 1]);
        assert!(check == "thread" && what.starts_with(&expected), "{what}");
        assert!(what.ends_with("are missing before it"), "{what}");
    }
    let (check, what) = refused(&altered(&bytes, |e| drop(e.remove(&thread[0]))));
    assert!(check == "thread" && what.contains("expected entry 0 of the case, found 1"), "{what}");
    // Nobody can tell that the last entry is missing. The report says so.
    let short = altered(&bytes, |e| drop(e.remove(thread.last().unwrap())));
    let report = verify_case(&short, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert!(report.to_string().contains("Not shown"), "{report}");
    assert!(report.to_string().contains("that the last entry here is the last of the case, "), "{report}");
}

#[test]
fn what_belongs_elsewhere_is_refused() {
    let w = World::whole();
    let cases = cases(w.reader());
    let (first, second) = (case_file(w.reader(), &cases[0].0), case_file(w.reader(), &cases[1].0));
    let (a, b) = (CaseFile::read(&first).unwrap(), CaseFile::read(&second).unwrap());
    let (of_a, of_b) = (&cases[0].1, &cases[1].1);
    // An entry of another case, under its own name and under the name of another.
    let (check, what) = refused(&altered(&first, |e| drop(e.insert(of_b[1], b.exhibits[&of_b[1]].to_vec()))));
    assert_eq!(check, "thread", "{what}");
    assert!(what.contains("of the case"), "{what}");
    let (check, what) = refused(&altered(&first, |e| drop(e.insert(of_a[1], b.exhibits[&of_b[1]].to_vec()))));
    let expected = format!("exhibit-{}.zip: expected entry {}, found entry {}", of_a[1], of_a[1], of_b[1]);
    assert!(check == "exhibits" && what == expected, "{what}");
    // One entry with the words of another.
    let words_of = |index: &u64| Enclosed::read(a.exhibits[index]).unwrap().content;
    let worded: Vec<u64> = of_a.iter().copied().filter(|i| words_of(i).is_some()).collect();
    let swapped = changed(a.exhibits[&worded[1]], |e| e.content = words_of(&worded[2]));
    let (check, what) = refused(&altered(&first, |e| drop(e.insert(worded[1], swapped))));
    assert!(
        check == "exhibits" && what.starts_with(&format!("exhibit-{}.zip: content", worded[1])),
        "{what}"
    );
    // An exhibit that is proved by another checkpoint than the rest, though a true one.
    let checkpoint = w.reader().checkpoint();
    let line = cosign(checkpoint.checkpoint(), 4_000_000_000, &witness(1)).unwrap();
    let note = checkpoint.with_signatures(&[line]).unwrap().note().clone();
    let apart = in_checkpoint(a.exhibits[&of_a[3]], &note);
    let (check, what) = refused(&altered(&first, |e| drop(e.insert(of_a[3], apart))));
    assert!(check == "checkpoint" && what.starts_with(&format!("exhibit-{}.zip", of_a[3])), "{what}");
    // An entry without signatures.
    let text = std::str::from_utf8(Enclosed::read(a.exhibits[&of_a[2]]).unwrap().entry).unwrap();
    let stripped = &text[..text.rfind("— ").unwrap()];
    let unsigned = changed(a.exhibits[&of_a[2]], |e| e.entry = stripped.as_bytes());
    let (check, what) = refused(&altered(&first, |e| drop(e.insert(of_a[2], unsigned))));
    assert!(check == "exhibits" && what.starts_with(&format!("exhibit-{}.zip", of_a[2])), "{what}");
    // The archive itself.
    for cut in [0, 29, 40, first.len() / 2, first.len() - 1] {
        assert_eq!(refused(&first[..cut]).0, "case file");
    }
    assert_eq!(refused(a.exhibits[&of_a[0]]).0, "case file", "an exhibit is none");
}

#[test]
fn whose_log_it_is_comes_from_the_reader() {
    let w = World::whole();
    let bytes = case_file(w.reader(), &cases(w.reader())[0].0);
    let report = verify_case(&bytes, None);
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided, "{report}");
    assert!(report.to_string().contains("by the trust that its exhibits brought"), "{report}");
    let strange = Policy::of_log(key(ORIGIN, 9).verifying_key().clone());
    assert_eq!(verify_case(&bytes, Some(&strange)).verdict, ExhibitVerdict::Refused);
    // Keys that nothing vouches for are not checked, and nothing is called proved by them.
    let index = *CaseFile::read(&bytes).unwrap().exhibits.keys().nth(1).unwrap();
    let bare = altered(&bytes, |e| {
        let without = changed(&e[&index], |x| x.chain.retain(|i, _| *i == 0));
        e.insert(index, without);
    });
    let report = verify_case(&bare, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided, "{report}");
    assert!(!report.to_string().contains("signed these facts"), "{report}");
    assert!(report.to_string().contains(&format!("exhibit-{index}.zip: event")), "{report}");
}

#[test]
fn witnesses_tell_when_they_saw_the_tree() {
    let w = World::whole();
    let bytes = case_file(w.reader(), &cases(w.reader())[0].0);
    let checkpoint = w.reader().checkpoint();
    let seen = |time: u64| {
        let lines: Vec<_> =
            [1, 2].iter().map(|n| cosign(checkpoint.checkpoint(), time, &witness(*n)).unwrap()).collect();
        let note = checkpoint.with_signatures(&lines).unwrap().note().clone();
        altered(&bytes, |e| e.values_mut().for_each(|x| *x = in_checkpoint(x, &note)))
    };
    let report = verify_case(&seen(4_000_000_000), Some(&of_three("quorum two\n")));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert!(report.to_string().contains("saw that tree by 2096-10-02"), "{report}");
    assert!(!report.to_string().contains("another history"), "{report}");
    for (bytes, why) in [(seen(1_700_000_000), "witnesses"), (bytes.clone(), "witnesses")] {
        let report = verify_case(&bytes, Some(&of_three("quorum two\n")));
        assert_eq!(report.verdict, ExhibitVerdict::Refused, "{report}");
        assert!(report.to_string().contains(why), "{report}");
    }
}

fn onrecord(dir: &Path, args: &[&str]) -> Output {
    program::onrecord().args(args).current_dir(dir).output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).unwrap() + std::str::from_utf8(&out.stderr).unwrap()
}

#[test]
fn a_case_is_exported_by_a_command_and_checked_by_others() {
    let w = World::whole();
    let cases = cases(w.reader());
    let (case, thread) = cases[0].clone();
    let folder = w.close();
    let dir = folder.tmp.path();
    let served = folder.serve(&[]);
    let url = format!("http://{}", served.address);
    // Any entry of the case names it; so do its id and its permalink.
    let (last, id, permalink) =
        (format!("@{}", thread.last().unwrap()), case.to_string(), format!("{url}/case/{case}"));
    let name = format!("case-{}.zip", thread[0]);
    for named in [&last, &id, &permalink] {
        let out = onrecord(dir, &["case", "export", named, "--ledger", &url, "--with-files"]);
        assert!(out.status.success(), "{}", said(&out));
        assert!(said(&out).starts_with(&format!("{name}, {} entries, ", thread.len())), "{}", said(&out));
    }
    let bytes = fs::read(dir.join(&name)).unwrap();
    let files = CaseFile::read(&bytes).unwrap();
    let enclosed: usize = files.exhibits.values().map(|e| Enclosed::read(e).unwrap().files.len()).sum();
    assert!(enclosed > 0, "files were asked for");
    fs::write(dir.join("newsroom.policy"), policy().to_string()).unwrap();
    let out = onrecord(dir, &["verify", &name, "--policy", "newsroom.policy"]);
    assert!(out.status.success(), "{}", said(&out));
    assert!(said(&out).contains("the last of the case"), "{}", said(&out));
    assert_eq!(onrecord(dir, &["verify", &name]).status.code(), Some(3));
    let json = onrecord(dir, &["verify", &name, "--policy", "newsroom.policy", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["verdict"], "valid");
    assert_eq!(json["case"], id);
    assert_eq!(json["entries"].as_array().unwrap().len(), thread.len());
    let gap = altered(&bytes, |e| drop(e.remove(&thread[2])));
    fs::write(dir.join("gap.zip"), gap).unwrap();
    let out = onrecord(dir, &["verify", "gap.zip", "--policy", "newsroom.policy"]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let out = onrecord(dir, &["case", "export", "@0", "--ledger", &url]);
    assert!(out.status.code() == Some(1) && said(&out).contains("@0: no case of"), "{}", said(&out));
    // Do by hand what its README says. Each exhibit that is taken out is an exhibit like any other.
    let apart = dir.join("apart");
    let unzip = Command::new("unzip").arg("-q").arg(dir.join(&name)).arg("-d").arg(&apart).output().unwrap();
    assert!(unzip.status.success(), "{}", said(&unzip));
    let readme = fs::read_to_string(apart.join("README.txt")).unwrap();
    let command = readme.lines().find_map(|l| l.strip_prefix("  for ")).unwrap();
    let out =
        Command::new("sh").arg("-c").arg(format!("for {command}")).current_dir(&apart).output().unwrap();
    let expected: String = (0..thread.len()).map(|k| format!("{case} {k}\n")).collect();
    assert_eq!(said(&out), expected);
    let one = format!("exhibit-{}.zip", thread[1]);
    let out = onrecord(&apart, &["verify", &one, "--policy", "../newsroom.policy"]);
    assert!(out.status.success(), "{}", said(&out));
}
