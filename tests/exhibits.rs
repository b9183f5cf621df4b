//! Exhibits: one file that carries its own proof, and what is refused in its place.

#[path = "support/exhibit.rs"]
mod exhibit;
#[path = "support/story.rs"]
mod story;
mod support;

use std::{collections::HashMap, process::Command};

use exhibit::*;
use onrecord::{
    check::Outcome,
    event::{Content, EventId, EventType},
    exhibit::{Enclosed, ExhibitReport, ExhibitVerdict, assemble, extension, verify},
    ledger::{Ledger, Reader},
    log::{Entry, Policy, TlogProof, leaf_hash},
    note::SigningKey,
};
use serde_json::json;
use support::*;

struct World {
    _tmp: tempfile::TempDir,
    ledger: Ledger,
    ids: HashMap<String, EventId>,
}

fn world() -> World {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let ids = story::tell(&ledger);
    World { _tmp: tmp, ledger, ids }
}

impl World {
    fn reader(&self) -> &Reader {
        self.ledger.reader()
    }
    fn size(&self) -> u64 {
        self.reader().checkpoint().checkpoint().size()
    }
    fn index(&self, label: &str) -> u64 {
        self.reader().index_of(&self.ids[label]).unwrap().unwrap()
    }
    fn exhibit(&self, index: u64) -> Vec<u8> {
        assemble(self.reader(), index).unwrap().unwrap()
    }
    fn first(&self, of: EventType) -> u64 {
        first(self.reader(), of)
    }
}

fn outcome(report: &ExhibitReport, name: &str) -> Option<Outcome> {
    report.checks.iter().find(|c| c.name == name).map(|c| c.outcome)
}

/// The name of the check that failed, and what it says.
#[track_caller]
fn refused(exhibit: &[u8]) -> (&'static str, String) {
    let report = verify(exhibit, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Refused, "{report}");
    let failed: Vec<_> = report.checks.iter().filter(|c| c.outcome == Outcome::Failed).collect();
    assert_eq!(failed.len(), 1, "{report}");
    (failed[0].name, failed[0].detail.clone())
}

#[test]
fn every_entry_of_the_story_has_an_exhibit_that_verifies() {
    let w = world();
    let (mut enclosed, mut withheld) = (0, 0);
    for index in 0..w.size() {
        let exhibit = w.exhibit(index);
        assert_eq!(exhibit, w.exhibit(index), "the same bytes each time");
        let report = verify(&exhibit, Some(&policy()));
        assert_eq!(report.verdict, ExhibitVerdict::Valid, "entry {index}: {report}");
        assert_eq!(report.index, Some(index));
        match outcome(&report, "content").unwrap() {
            Outcome::Ok => enclosed += 1,
            Outcome::NotEnclosed => withheld += 1,
            other => panic!("entry {index}: {other}"),
        }
        assert_eq!(outcome(&report, "witnesses"), Some(Outcome::NotChecked));
        let text = report.to_string();
        assert!(text.contains("other readers may have been shown another history"), "{text}");
        assert!(text.contains(&format!("the ledger committed to them at index {index}")), "{text}");
        // No digest is spoken of where there is none.
        let has_words = w.reader().parsed(index).unwrap().unwrap().event().content().is_some();
        assert_eq!(text.contains("and the digest of these words"), has_words, "{text}");
    }
    assert!(enclosed > 50, "{enclosed} {withheld}");
    assert!(assemble(w.reader(), w.size()).unwrap().is_none());
}

#[test]
fn withheld_words_are_not_enclosed_and_the_entry_that_withholds_them_is() {
    let w = world();
    let index = w.first(EventType::StatementMade);
    let entry = w.reader().parsed(index).unwrap().unwrap();
    let facts = json!({"ground": "court_order", "blobs": ["content"]});
    let refs = json!({"entry": entry.event().id()});
    let (_, withhold) = say("content.withheld", entry.event().case(), refs, facts, None).sign(&[&operator()]);
    let by = w.ledger.record_blocking(vec![withhold], false).remove(0).unwrap().index;
    let exhibit = w.exhibit(index);
    let report = verify(&exhibit, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!(outcome(&report, "content"), Some(Outcome::NotEnclosed));
    let said = format!("withheld by entry {by}, on the ground court_order");
    assert!(report.to_string().contains(&said), "{report}");
    assert!(report.to_string().contains("these facts and the digest of these words"), "{report}");
    let enclosed = Enclosed::read(&exhibit).unwrap();
    assert!(enclosed.content.is_none() && enclosed.chain.contains_key(&by));
}

#[test]
fn files_are_held_against_the_words_that_name_them() {
    let w = world();
    let (mut seen, mut files) = (0, Vec::new());
    for index in 0..w.size() {
        let exhibit = w.exhibit(index);
        let enclosed = Enclosed::read(&exhibit).unwrap();
        let Some(words) = enclosed.content.and_then(|c| Content::parse(c).ok()) else { continue };
        for file in words.files() {
            let Some((path, ..)) = w.reader().file(&file.blake3).unwrap() else { continue };
            let bytes = std::fs::read(path).unwrap();
            let with = changed(&exhibit, |e| {
                e.files.insert(file.blake3, (extension(&file.media), &bytes));
            });
            let report = verify(&with, Some(&policy()));
            assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
            let all = words.files().len() == 1;
            let expected = if all { Outcome::Ok } else { Outcome::NotEnclosed };
            assert_eq!(outcome(&report, "files"), Some(expected));
            let mut other = bytes.clone();
            other[0] ^= 1;
            let swapped = changed(&exhibit, |e| {
                e.files.insert(file.blake3, ("txt", &other));
            });
            assert_eq!(refused(&swapped).0, "files");
            files.push((file.blake3, bytes));
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
    // A file that other words name.
    let (digest, bytes) = &files[0];
    let foreign = changed(&w.exhibit(w.first(EventType::CaseOpened)), |e| {
        e.files.insert(*digest, ("txt", bytes));
    });
    let (check, what) = refused(&foreign);
    assert!(check == "files" && what.contains("name no such file"), "{what}");
}

#[test]
fn what_belongs_to_another_entry_is_refused() {
    let w = world();
    let (one, two) = (w.exhibit(w.index("case-contoh")), w.exhibit(w.first(EventType::StatementMade)));
    let other = Enclosed::read(&two).unwrap();
    assert_eq!(refused(&changed(&one, |e| e.content = other.content)).0, "content");
    assert_eq!(refused(&changed(&one, |e| e.proof = other.proof)).0, "entry");
    assert_eq!(refused(&changed(&one, |e| e.entry = other.entry)).0, "entry");
    // Its proof said to be of this one.
    let index = w.index("case-contoh");
    let text = std::str::from_utf8(other.proof).unwrap();
    let from = TlogProof::parse(other.proof).unwrap().index();
    let moved = text.replacen(&format!("index {from}\n"), &format!("index {index}\n"), 1);
    assert_eq!(refused(&changed(&one, |e| e.proof = moved.as_bytes())).0, "inclusion");
}

#[test]
fn no_byte_can_be_changed_but_in_what_nobody_signed() {
    let w = world();
    let exhibit = w.exhibit(w.first(EventType::StatementMade));
    let enclosed = Enclosed::read(&exhibit).unwrap();
    let members: [(&str, &[u8]); 3] =
        [("entry", enclosed.entry), ("proof", enclosed.proof), ("content", enclosed.content.unwrap())];
    for (name, bytes) in members {
        for at in (0..bytes.len()).step_by(7) {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            let forged = changed(&exhibit, |e| match name {
                "entry" => e.entry = &other,
                "proof" => e.proof = &other,
                _ => e.content = Some(&other),
            });
            refused(&forged);
        }
    }
}

#[test]
fn a_signature_that_is_taken_away_is_missed() {
    let w = world();
    let index = w.index("case-contoh");
    let exhibit = w.exhibit(index);
    let enclosed = Enclosed::read(&exhibit).unwrap();
    let text = std::str::from_utf8(enclosed.entry).unwrap();
    let at = text.rfind("— ").unwrap();
    let stripped = &text[..at];
    assert_eq!(refused(&changed(&exhibit, |e| e.entry = stripped.as_bytes())).0, "entry");
    // The log's, from the checkpoint in every proof.
    let unsigned = |proof: &[u8]| {
        let text = std::str::from_utf8(proof).unwrap();
        let other = SigningKey::from_seed(ORIGIN.parse().unwrap(), &[77; 32]);
        let note = TlogProof::parse(proof).unwrap().checkpoint().text().to_owned();
        let signed = onrecord::note::SignedNote::sign(&note, &[&other]).unwrap();
        format!("{}{}", &text[..text.find(&note).unwrap()], signed.as_str())
    };
    let proofs: HashMap<u64, String> = enclosed.chain.iter().map(|(i, l)| (*i, unsigned(l.proof))).collect();
    let own = unsigned(enclosed.proof);
    let forged = changed(&exhibit, |e| {
        e.proof = own.as_bytes();
        for (index, link) in &mut e.chain {
            link.proof = proofs[index].as_bytes();
        }
    });
    assert_eq!(refused(&forged).0, "checkpoint");
    // In one proof only.
    let mixed = changed(&exhibit, |e| e.proof = own.as_bytes());
    let (check, what) = refused(&mixed);
    assert!(check == "entry" && what.contains("byte for byte"), "{what}");
}

#[test]
fn keys_that_are_not_enclosed_are_not_checked() {
    let w = world();
    let exhibit = w.exhibit(w.first(EventType::StatementMade));
    let signer = *Enclosed::read(&exhibit).unwrap().chain.keys().last().unwrap();
    let without = changed(&exhibit, |e| {
        e.chain.remove(&signer);
    });
    let report = verify(&without, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided, "{report}");
    assert_eq!(outcome(&report, "event"), Some(Outcome::NotChecked));
    assert!(!report.to_string().contains("the holders of these keys"), "{report}");
    let without = changed(&exhibit, |e| e.chain.clear());
    assert_eq!(verify(&without, Some(&policy())).verdict, ExhibitVerdict::NotDecided);
}

#[test]
fn trust_that_the_exhibit_brings_decides_nothing() {
    let w = world();
    let exhibit = w.exhibit(5);
    let report = verify(&exhibit, None);
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided, "{report}");
    let detail = |name| &report.checks.iter().find(|c| c.name == name).unwrap().detail;
    assert_eq!(detail("checkpoint"), "trust brought by the exhibit");
    assert!(!report.to_string().contains("committed to them"), "{report}");
    let other = Policy::of_log(key(ORIGIN, 9).verifying_key().clone()).to_string();
    let forged = changed(&exhibit, |e| e.policy = Some(other.as_bytes()));
    assert_eq!(verify(&forged, None).verdict, ExhibitVerdict::Refused);
    let none = changed(&exhibit, |e| e.policy = None);
    assert_eq!(verify(&none, None).verdict, ExhibitVerdict::NotDecided);
    // The reader's own is followed whatever is enclosed.
    assert_eq!(verify(&forged, Some(&policy())).verdict, ExhibitVerdict::Valid);
    let elsewhere = Policy::of_log(key("other.example", 1).verifying_key().clone());
    assert_eq!(verify(&exhibit, Some(&elsewhere)).verdict, ExhibitVerdict::Refused);
}

#[test]
fn witnesses_tell_when_they_saw_the_tree() {
    let w = world();
    let raw = raw_entries(w.reader());
    let exhibit = exhibit_of(&raw, 0, &[], &[(&witness(1), 4_000_000_000), (&witness(2), 4_000_000_060)]);
    let report = verify(&exhibit, Some(&of_three("quorum two\n")));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!(report.witnessed_by, Some(4_000_000_060));
    assert!(report.to_string().contains("saw that tree by 2096-10-02T07:07:40.000Z"), "{report}");
    assert!(!report.to_string().contains("another history"), "{report}");
    assert_eq!(verify(&exhibit, Some(&of_three("quorum w3\n"))).verdict, ExhibitVerdict::Refused);
    let report = verify(&exhibit, Some(&of_three("quorum none\n")));
    assert_eq!((report.verdict, report.witnessed_by), (ExhibitVerdict::Valid, None));
}

#[test]
fn a_revoked_key_and_one_that_was_never_added_are_refused() {
    let w = world();
    for (name, exhibit, expected) in forged(w.reader(), w.ids["desk"]) {
        let Some(expected) = expected else {
            let report = verify(&exhibit, Some(&policy()));
            assert_eq!(outcome(&report, "event"), Some(Outcome::Ok), "{name}: {report}");
            continue;
        };
        let (check, what) = refused(&exhibit);
        assert!(check == "event" && what.contains(&expected), "{name}: {what}");
    }
}

#[test]
fn what_the_readme_in_it_says_can_be_done_by_hand() {
    let w = world();
    let index = w.first(EventType::StatementMade);
    let exhibit = w.exhibit(index);
    let enclosed = Enclosed::read(&exhibit).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("entry"), enclosed.entry).unwrap();
    std::fs::write(dir.path().join("content.json"), enclosed.content.unwrap()).unwrap();
    let readme = std::str::from_utf8(enclosed.readme).unwrap();
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .filter(|l| ["sed ", "b3sum ", "(printf "].iter().any(|c| l.starts_with(c)))
        .collect();
    let run = |command: &str| {
        let out = Command::new("sh").arg("-c").arg(command).current_dir(dir.path()).output().unwrap();
        assert!(out.status.success(), "{command}: {out:?}");
        String::from_utf8(out.stdout).unwrap().split_whitespace().next().unwrap_or_default().to_owned()
    };
    let said: Vec<String> = commands.iter().map(|c| run(c.split("   ").next().unwrap())).collect();
    let entry = Entry::parse(enclosed.entry, &origin()).unwrap();
    let leaf: String = leaf_hash(enclosed.entry).to_hex();
    let committed = entry.event().content().unwrap().blake3.to_string();
    assert_eq!(said, [committed.clone(), committed, entry.event().id().to_string(), leaf]);
}
