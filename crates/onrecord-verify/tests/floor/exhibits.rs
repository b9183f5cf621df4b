//! Exhibits of a small log, good and otherwise: what is checked of them, and what each check finds.

use std::collections::BTreeMap;

use crate::support::{authority::*, ml_dsa_witness::MlDsaWitness, *};
use onrecord_verify::{
    check::{Coded as _, Finding, Name, Outcome},
    event::{Digest, Event, FileRef},
    exhibit::{
        Enclosed, ExhibitReport, ExhibitVerdict, LinkInChain, Members, verify, verify_members,
        verify_with_roots,
    },
    log::{
        Checkpoint, Header, MemoryRows, MemoryTree, NoDoor, Policy, Time, TlogProof, cosign, decide,
        inclusion_path, leaf_hash,
    },
    note::{SignedNote, SigningKey},
    timestamp::Roots,
};
use serde_json::{Value, json};

/// When entry 0 was recorded, in seconds since 1970. Each entry is a second later than the one before.
const OPENED: u64 = 1_700_000_000;
/// The statement with a file, and the one whose words are withheld by the entry after it.
const WITH_FILE: u64 = 5;
const WITHHELD: u64 = 6;
const WITHHOLDING: u64 = 7;
/// The threads of the operator and of the desk.
const THREADS: [u64; 3] = [0, 1, 2];
/// The file that a statement names.
const FILE: &[u8] = b"a report";

fn log_key() -> SigningKey {
    key(ORIGIN, 1)
}

fn witness() -> SigningKey {
    key("witness.example/w", 9)
}

/// A file as words name it.
fn file() -> FileRef {
    use sha2::Digest as _;
    FileRef {
        name: "report.txt".into(),
        blake3: Digest::blake3(FILE),
        sha256: Digest(sha2::Sha256::digest(FILE).into()),
        size: FILE.len() as u64,
        media: "text/plain".into(),
    }
}

/// A log in memory, with the words of its entries.
#[derive(Default)]
struct Log {
    rows: MemoryRows,
    entries: Vec<String>,
    words: Vec<Option<Vec<u8>>>,
}

impl Log {
    /// Given: the small story, a statement with a file, another statement, and an entry that withholds its words.
    fn told() -> Self {
        Self::with_file(file())
    }

    /// The same, with another file in the words.
    fn with_file(file: FileRef) -> Self {
        let mut log = Self::default();
        let keys = json!({
            "checkpoint_key": log_key().verifying_key().to_string(),
            "operator_key": operator().verifying_key().to_string(),
        });
        log.record(say("ledger.opened", None, Value::Null, keys, None).sign(&[&operator()]).1);
        let (story, told) = told();
        told.into_iter().for_each(|submission| log.record(submission));
        let files = [file];
        let words = Some(json!({"text": "with a file"}));
        let refs = json!({"speaker": story.agency});
        let mut with_file = say("statement.made", Some(story.case), refs, statement_facts(), words);
        with_file.files = &files;
        log.record(with_file.sign(&[&desk()]).1);
        let (plain, submission) = statement(&story, "withheld");
        log.record(submission);
        let ground = json!({"ground": "court_order", "blobs": ["content"]});
        let withhold = say("content.withheld", Some(story.case), json!({"entry": plain}), ground, None);
        log.record(withhold.sign(&[&operator()]).1);
        log
    }

    fn record(&mut self, submission: Submission) {
        let event = Event::parse(&submission.note, &origin()).unwrap().verify().unwrap();
        let index = self.entries.len() as u64;
        let placement = decide(&self.rows, index, &event, &origin(), &NoDoor).unwrap();
        let prev = self.entries.last().map_or(Digest([0; 32]), |last| Digest::blake3(last.as_bytes()));
        let header = Header {
            index,
            time: Time::from_unix_ms((OPENED + index) as i64 * 1_000).unwrap(),
            prev,
            thread: placement.thread,
            k: placement.k,
            signers: placement.signers,
        };
        self.entries.push(header.entry(&event));
        self.words.push(submission.content);
        self.rows.put(placement.rows);
    }

    /// Records what no log may: an event of the case by a key that is said to be the desk's, whose thread is said to end at `j`.
    fn record_falsely(&mut self, submission: Submission, j: u64) {
        let event = Event::parse(&submission.note, &origin()).unwrap();
        let index = self.entries.len() as u64;
        let desk = desk_id(self).parse().unwrap();
        let header = Header {
            index,
            time: Time::from_unix_ms((OPENED + index) as i64 * 1_000).unwrap(),
            prev: Digest([0; 32]),
            thread: event.case().unwrap(),
            k: index,
            signers: vec![(desk, j)],
        };
        self.entries.push(header.entry(&event));
        self.words.push(submission.content);
    }

    fn tree(&self) -> MemoryTree {
        self.entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect()
    }

    fn checkpoint_by(&self, key: &SigningKey) -> SignedNote {
        let tree = self.tree();
        let checkpoint = Checkpoint::new(origin(), tree.size(), tree.root()).unwrap();
        checkpoint.sign(key).unwrap().note().clone()
    }

    fn proof(&self, index: u64, checkpoint: &SignedNote) -> TlogProof {
        let tree = self.tree();
        let path = inclusion_path(index, tree.size(), &tree).unwrap();
        TlogProof::new(index, path, checkpoint.clone()).unwrap()
    }

    /// An exhibit of an entry as the log would write it, with these entries beside it.
    fn exhibit(&self, index: u64, chain: &[u64]) -> Exhibit {
        self.exhibit_under(index, chain, &self.checkpoint_by(&log_key()))
    }

    fn exhibit_under(&self, index: u64, chain: &[u64], checkpoint: &SignedNote) -> Exhibit {
        let entry = |index: u64| self.entries[index as usize].clone();
        let link = |index: &u64| (*index, (entry(*index), self.proof(*index, checkpoint)));
        let files = match index {
            WITH_FILE => BTreeMap::from([(Digest::blake3(FILE), FILE.to_vec())]),
            _ => BTreeMap::new(),
        };
        Exhibit {
            entry: entry(index),
            proof: self.proof(index, checkpoint),
            content: self.words[index as usize].clone(),
            files,
            chain: chain.iter().map(link).collect(),
            timestamps: Vec::new(),
            policy: None,
        }
    }
}

/// An exhibit in its parts.
struct Exhibit {
    entry: String,
    proof: TlogProof,
    content: Option<Vec<u8>>,
    files: BTreeMap<Digest, Vec<u8>>,
    chain: BTreeMap<u64, (String, TlogProof)>,
    timestamps: Vec<Vec<u8>>,
    policy: Option<String>,
}

impl Exhibit {
    fn write(&self) -> Vec<u8> {
        let proof = self.proof.to_string();
        let proofs: BTreeMap<u64, String> =
            self.chain.iter().map(|(index, (_, proof))| (*index, proof.to_string())).collect();
        let entries = self.chain.iter().map(|(index, (entry, _))| (*index, entry.as_bytes()));
        let link = |(index, entry)| (index, LinkInChain { entry, proof: proofs[&index].as_bytes() });
        let enclosed = Enclosed {
            readme: b"",
            entry: self.entry.as_bytes(),
            proof: proof.as_bytes(),
            content: self.content.as_deref(),
            files: self.files.iter().map(|(digest, bytes)| (*digest, ("txt", &bytes[..]))).collect(),
            chain: entries.map(link).collect(),
            timestamps: self.timestamps.iter().map(|token| &token[..]).collect(),
            policy: self.policy.as_deref().map(str::as_bytes),
        };
        enclosed.write().unwrap()
    }

    fn verify(&self, policy: &str) -> ExhibitReport {
        verify(&self.write(), Some(&policy.parse().unwrap()))
    }

    /// By the policy that trusts the log and asks for no witness.
    fn checked(&self) -> ExhibitReport {
        self.verify(&trusting(&log_key()))
    }

    /// The check that failed, by the same policy, and what it found.
    fn refused(&self) -> (Name, Finding) {
        refused(&self.checked())
    }
}

fn trusting(key: &SigningKey) -> String {
    format!("log {}\nquorum none\n", key.verifying_key())
}

/// A policy that asks for the witness.
fn witnessed() -> String {
    let witness: onrecord_verify::log::WitnessKey = witness().verifying_key().into();
    format!("log {}\nwitness w {witness}\nquorum w\n", log_key().verifying_key())
}

/// The checkpoint of a log, cosigned by the witness.
fn cosigned(log: &Log, time: u64) -> SignedNote {
    let note = log.checkpoint_by(&log_key());
    let checkpoint = Checkpoint::parse_text(note.text()).unwrap();
    note.with_signatures(&[cosign(&checkpoint, time, &witness()).unwrap()]).unwrap()
}

/// The check that failed, which is the last, and what it found. There is no other.
fn refused(report: &ExhibitReport) -> (Name, Finding) {
    assert_eq!(report.verdict, ExhibitVerdict::Refused, "{report}");
    let last = report.checks.last().unwrap();
    assert_eq!(report.checks.iter().filter(|c| c.outcome == Outcome::Failed).count(), 1, "{report}");
    assert_eq!(last.outcome, Outcome::Failed, "{report}");
    (last.name, last.finding.clone())
}

/// How a check ended, and the code of what it found.
fn found(report: &ExhibitReport, name: Name) -> Option<(Outcome, &'static str)> {
    report.checks.iter().find(|c| c.name == name).map(|c| (c.outcome, c.finding.code()))
}

#[test]
fn an_exhibit_with_its_threads_is_valid_by_a_policy_that_trusts_the_log() {
    let log = Log::told();
    let report = log.exhibit(WITH_FILE, &THREADS).checked();
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!((report.index, report.known_at), (Some(WITH_FILE), Some(8)));
    assert_eq!((report.witnessed_by, report.timestamps.len()), (None, 0));
    let checks: Vec<_> = report.checks.iter().map(|c| (c.name, c.outcome, c.finding.code())).collect();
    assert_eq!(
        checks,
        [
            (Name::Exhibit, Outcome::Ok, "as_written"),
            (Name::Entry, Outcome::Ok, "entry_of"),
            (Name::Event, Outcome::Ok, "signed_by"),
            (Name::Content, Outcome::Ok, "words"),
            (Name::Files, Outcome::Ok, "files"),
            (Name::Inclusion, Outcome::Ok, "included"),
            (Name::Checkpoint, Outcome::Ok, "trusted"),
            (Name::Witnesses, Outcome::NotChecked, "no_witnesses"),
        ]
    );
    let included = report.checks.iter().find(|c| c.name == Name::Inclusion).unwrap();
    let (index, root) = (WITH_FILE, log.tree().root());
    assert_eq!(included.finding, Finding::Included { index, others: 3, root });
    // Entry 0 may be the entry itself.
    assert_eq!(log.exhibit(0, &[]).checked().verdict, ExhibitVerdict::Valid);
}

#[test]
fn what_is_not_enclosed_is_not_decided() {
    let log = Log::told();
    let without_first = log.exhibit(WITH_FILE, &[1, 2]).checked();
    assert_eq!(found(&without_first, Name::Entry), Some((Outcome::NotChecked, "entry_without_first")));
    assert_eq!(without_first.verdict, ExhibitVerdict::NotDecided);
    for part_of_the_thread in [&[0][..], &[0, 1], &[0, 2]] {
        let report = log.exhibit(WITH_FILE, part_of_the_thread).checked();
        assert_eq!(found(&report, Name::Event), Some((Outcome::NotChecked, "signed_by_whom")));
        assert_eq!(report.verdict, ExhibitVerdict::NotDecided);
    }
}

#[test]
fn a_key_signs_until_its_revocation_and_under_its_own_name() {
    let mut log = Log::told();
    let (day, night) = (desk(), key("newsroom.example/night", 7));
    let party = json!({"party": desk_id(&log)});
    let vkey = |key: &SigningKey| key.verifying_key().to_string();
    let add = say("key.added", None, party.clone(), json!({"key": vkey(&night)}), None);
    log.record(add.sign(&[&day, &night]).1);
    let facts = json!({"key": vkey(&day), "reason": "superseded"});
    log.record(say("key.revoked", None, party, facts, None).sign(&[&day]).1);
    let case = log.entries[4].split("\nthread ").nth(1).unwrap()[..64].parse().unwrap();
    let stated = |key: &SigningKey| {
        let words = Some(json!({"text": "x"}));
        let speaker = json!({"speaker": desk_id(&log)});
        say("statement.made", Some(case), speaker, statement_facts(), words).sign(&[key]).1
    };
    let renamed = key("newsroom.example/other", 3);
    let (by_night, by_day, by_renamed) = (stated(&night), stated(&day), stated(&renamed));
    log.record(by_night);
    log.record_falsely(by_day, 3);
    log.record_falsely(by_renamed, 1);
    let threads = [0, 1, 2, 8, 9];
    for good in [8, 9, 10] {
        let chain: Vec<u64> = threads.into_iter().filter(|index| *index != good).collect();
        let report = log.exhibit(good, &chain).checked();
        assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    }
    let (_, finding) = log.exhibit(11, &threads).refused();
    assert!(finding.to_string().contains("newsroom.example/desk was revoked by entry 9"), "{finding}");
    let (_, finding) = log.exhibit(12, &THREADS).refused();
    assert!(finding.to_string().contains("thread adds the key newsroom.example/other"), "{finding}");
}

#[test]
fn only_a_policy_of_the_readers_own_decides_whose_log_it_is() {
    let mut exhibit = Log::told().exhibit(WITH_FILE, &THREADS);
    let without = |exhibit: &Exhibit| verify(&exhibit.write(), None);
    let report = without(&exhibit);
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided);
    for name in [Name::Checkpoint, Name::Witnesses] {
        assert_eq!(found(&report, name), Some((Outcome::NotChecked, "no_policy")));
    }
    exhibit.policy = Some(trusting(&log_key()));
    let report = without(&exhibit);
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided);
    assert_eq!(found(&report, Name::Checkpoint), Some((Outcome::NotChecked, "brought")));
    assert_eq!(found(&report, Name::Witnesses), Some((Outcome::NotChecked, "no_witnesses")));
    // An enclosed policy that trusts another key of the log makes it refused all the same.
    exhibit.policy = Some(trusting(&key(ORIGIN, 4)));
    assert_eq!(refused(&without(&exhibit)).1.code(), "not_trusted");
    exhibit.policy = Some("quorum nobody\n".into());
    let (name, finding) = refused(&without(&exhibit));
    assert_eq!((name, finding.code()), (Name::Checkpoint, "not_a_policy"));
    assert!(finding.to_string().contains("trust.policy: line 1"), "{finding}");
    assert_eq!(exhibit.checked().verdict, ExhibitVerdict::Valid, "the reader's own comes first");
}

#[test]
fn a_policy_that_lacks_the_log_leaves_it_open_and_one_of_other_logs_refuses() {
    let exhibit = Log::told().exhibit(WITH_FILE, &THREADS);
    let report = exhibit.verify("quorum none\n");
    assert_eq!(found(&report, Name::Checkpoint), Some((Outcome::NotChecked, "policy_without_log")));
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided);
    let second = MlDsaWitness::new(ORIGIN, 8).vkey();
    let report = exhibit.verify(&format!("log {second}\nquorum none\n"));
    assert_eq!(found(&report, Name::Checkpoint), Some((Outcome::NotChecked, "policy_lacks")));
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided);

    let other = key("other.example", 1);
    let says = |policy: &str| refused(&exhibit.verify(policy));
    let elsewhere = Finding::NotTrusted(format!("the policy trusts no log of the origin {ORIGIN}"));
    assert_eq!(says(&trusting(&other)), (Name::Checkpoint, elsewhere));
    let (name, finding) = says(&trusting(&key(ORIGIN, 4)));
    assert_eq!((name, finding.code()), (Name::Checkpoint, "not_trusted"));
    assert!(finding.to_string().contains("expected a good signature by ledger.example.org"), "{finding}");
}

#[test]
fn the_key_that_signed_the_checkpoint_is_the_one_that_entry_0_names() {
    let log = Log::told();
    let other = key(ORIGIN, 4);
    let signed = log.checkpoint_by(&other);
    let (name, finding) = refused(&log.exhibit_under(WITH_FILE, &THREADS, &signed).verify(&trusting(&other)));
    assert_eq!((name, finding.code()), (Name::Checkpoint, "not_trusted"));
    assert!(finding.to_string().contains("entry 0 names another key"), "{finding}");
    // Without entry 0 nobody can tell.
    let report = log.exhibit_under(WITH_FILE, &[1, 2], &signed).verify(&trusting(&other));
    assert_eq!(found(&report, Name::Checkpoint), Some((Outcome::Ok, "trusted")));
}

#[test]
fn witnesses_saw_the_tree_after_its_entries_were_recorded() {
    let log = Log::told();
    let under = |note: &SignedNote| log.exhibit_under(WITH_FILE, &THREADS, note).verify(&witnessed());
    let report = under(&cosigned(&log, OPENED + 100));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!(report.witnessed_by, Some(OPENED + 100));
    assert_eq!(found(&report, Name::Witnesses), Some((Outcome::Ok, "cosigned")));
    let nobody = refused(&under(&log.checkpoint_by(&log_key())));
    assert_eq!((nobody.0, nobody.1.code()), (Name::Witnesses, "not_cosigned"));
    // Clocks may differ by a minute, and no more: not for the entry, and not for one beside it.
    let seen = |index: u64| OPENED + index - 60;
    assert_eq!(under(&cosigned(&log, seen(WITH_FILE))).verdict, ExhibitVerdict::Valid);
    let (name, finding) = refused(&under(&cosigned(&log, seen(WITH_FILE) - 1)));
    assert_eq!((name, finding.code()), (Name::Witnesses, "not_cosigned"));
    assert!(finding.to_string().contains("entry 5: time: "), "{finding}");
    let note = cosigned(&log, seen(WITHHELD));
    let (_, finding) = refused(&log.exhibit_under(WITHHELD, &[0, 1, 2, 7], &note).verify(&witnessed()));
    assert!(finding.to_string().contains("entry 7: time: "), "{finding}");
    // What an enclosed policy says of witnesses is nothing that a reader could rely on.
    let mut brought = log.exhibit_under(WITH_FILE, &THREADS, &cosigned(&log, OPENED + 100));
    brought.policy = Some(witnessed());
    let report = verify(&brought.write(), None);
    assert_eq!(found(&report, Name::Witnesses), Some((Outcome::NotChecked, "brought")));
    assert_eq!(report.witnessed_by, None);
}

#[test]
fn a_proof_is_of_its_entry_and_all_are_of_one_checkpoint() {
    let log = Log::told();
    let note = log.checkpoint_by(&log_key());
    let good = || log.exhibit(WITH_FILE, &THREADS);
    let says = |exhibit: Exhibit, code: &str, words: &str| {
        let (_, finding) = exhibit.refused();
        assert_eq!(finding.code(), code, "{finding}");
        assert!(finding.to_string().contains(words), "{finding}");
    };
    let mut other = good();
    other.proof = log.proof(WITHHELD, &note);
    says(other, "not_the_entry", "expected index 5, as the entry says, found 6");
    let mut other = good();
    other.proof =
        TlogProof::new(WITH_FILE, log.proof(WITHHELD, &note).path().to_vec(), note.clone()).unwrap();
    says(other, "not_included", "entry 5: ");
    let mut other = good();
    other.chain.get_mut(&2).unwrap().0 = log.entries[1].clone();
    says(other, "not_the_entry", "chain/2: expected index 2, found 1 in the entry and 2 in its proof");
    let mut other = good();
    other.chain.get_mut(&2).unwrap().1 = log.proof(1, &note);
    says(other, "not_the_entry", "chain/2: expected index 2, found 2 in the entry and 1 in its proof");
    let mut other = good();
    other.chain.get_mut(&2).unwrap().1 = log.proof(2, &cosigned(&log, OPENED));
    says(other, "not_the_entry", "chain/2: expected the checkpoint of proof.tlog-proof, byte for byte");
    let mut other = good();
    let path = log.proof(1, &note).path().to_vec();
    other.chain.get_mut(&2).unwrap().1 = TlogProof::new(2, path, note).unwrap();
    says(other, "not_included", "entry 2: ");
}

#[test]
fn every_entry_that_is_enclosed_is_signed_by_keys_of_its_parties() {
    let log = Log::told();
    let forged = |entry: &str| {
        let (head, last) = entry.trim_end().rsplit_once('\n').unwrap();
        let bad = if last.contains("AAA=") { "BBB=" } else { "AAA=" };
        format!("{head}\n{}{bad}\n", &last[..last.len() - 4])
    };
    let mut own = log.exhibit(WITH_FILE, &THREADS);
    own.entry = forged(&own.entry);
    let (name, finding) = own.refused();
    assert_eq!((name, finding.code()), (Name::Event, "not_signed"));
    assert!(finding.to_string().contains("entry 5: "), "{finding}");
    let mut beside = log.exhibit(WITH_FILE, &THREADS);
    let link = beside.chain.get_mut(&2).unwrap();
    link.0 = forged(&link.0);
    let (name, finding) = beside.refused();
    assert_eq!((name, finding.code()), (Name::Event, "not_signed"));
    assert!(finding.to_string().contains("entry 2: "), "{finding}");
    // A signer line that leaves out the latest entry of its party's thread.
    let mut hidden = log.exhibit(WITH_FILE, &THREADS);
    hidden.entry = hidden.entry.replacen(" 1\n\n", " 0\n\n", 1);
    let (name, finding) = hidden.refused();
    assert_eq!((name, finding.code()), (Name::Event, "not_signed"));
    assert!(finding.to_string().contains("ends at 0, and entry 2 is number 1"), "{finding}");
}

#[test]
fn a_false_history_of_an_entry_beside_it_is_refused() {
    // Entry 2 stands beside the exhibit's own. Its event is replaced by one that is signed by a key of nobody on record.
    let log = Log::told();
    let mut exhibit = log.exhibit(WITH_FILE, &THREADS);
    let link = exhibit.chain.get_mut(&2).unwrap();
    let event = say("role.granted", None, json!({"party": desk_id(&log)}), json!({"role": "recorder"}), None)
        .sign(&[&key("stranger.example/k", 7)])
        .1;
    let (head, _) = link.0.split_once("\n\n").unwrap();
    link.0 = format!("{head}\n\n{}", String::from_utf8(event.note).unwrap());
    let (name, finding) = exhibit.refused();
    assert_eq!((name, finding.code()), (Name::Event, "not_signed"));
    assert!(
        finding.to_string().contains("entry 2: no entry of its party's thread adds the key"),
        "{finding}"
    );
}

fn desk_id(log: &Log) -> String {
    let thread = log.entries[1].split("\nthread ").nth(1).unwrap();
    thread[..64].to_owned()
}

#[test]
fn words_are_those_that_the_event_commits_to() {
    let log = Log::told();
    let mut exhibit = log.exhibit(WITHHELD, &THREADS);
    assert_eq!(found(&exhibit.checked(), Name::Content), Some((Outcome::Ok, "words")));
    assert_eq!(found(&exhibit.checked(), Name::Files), Some((Outcome::Ok, "no_files")));
    exhibit.content.as_mut().unwrap().push(b' ');
    assert_eq!(exhibit.refused().1.code(), "other_words");
    exhibit.content = None;
    let report = exhibit.checked();
    assert_eq!(found(&report, Name::Content), Some((Outcome::NotEnclosed, "words_not_enclosed")));
    assert_eq!(found(&report, Name::Files), None);
    assert_eq!(report.verdict, ExhibitVerdict::Valid);

    let mut wordless = log.exhibit(WITHHOLDING, &[0]);
    let report = wordless.checked();
    assert_eq!(found(&report, Name::Content), Some((Outcome::Ok, "wordless")));
    assert_eq!(found(&report, Name::Files), None);
    wordless.content = Some(b"{}".to_vec());
    let (name, finding) = wordless.refused();
    assert_eq!((name, finding.code()), (Name::Content, "other_words"));
}

#[test]
fn words_are_withheld_by_an_entry_that_names_this_one() {
    let log = Log::told();
    let found_of = |index: u64| {
        let mut exhibit = log.exhibit(index, &[0, 1, 2, WITHHOLDING]);
        exhibit.content = None;
        exhibit.files.clear();
        let report = exhibit.checked();
        report.checks.iter().find(|c| c.name == Name::Content).unwrap().finding.clone()
    };
    assert_eq!(found_of(WITHHELD), Finding::Withheld { by: WITHHOLDING, ground: "court_order" });
    assert_eq!(found_of(WITH_FILE), Finding::WordsNotEnclosed);
}

#[test]
fn files_are_those_that_the_words_name() {
    let log = Log::told();
    let mut exhibit = log.exhibit(WITH_FILE, &THREADS);
    exhibit.files.clear();
    let report = exhibit.checked();
    assert_eq!(found(&report, Name::Files), Some((Outcome::NotEnclosed, "some_files")));
    let files = report.checks.iter().find(|c| c.name == Name::Files).unwrap();
    assert_eq!(files.finding, Finding::SomeFiles { there: 0, of: 1 });
    exhibit.files.insert(Digest::blake3(FILE), b"another".to_vec());
    assert_eq!(exhibit.refused().1.code(), "other_file");
    exhibit.files = BTreeMap::from([(Digest::blake3(b"more"), b"more".to_vec())]);
    let (name, finding) = exhibit.refused();
    assert_eq!((name, finding.code()), (Name::Files, "other_file"));
    assert!(finding.to_string().contains("the words name no such file"), "{finding}");
    // Without the words nothing names it.
    let mut unnamed = log.exhibit(WITH_FILE, &THREADS);
    unnamed.content = None;
    assert_eq!(unnamed.refused().1.code(), "other_file");
}

#[test]
fn a_file_is_refused_for_each_thing_that_the_words_say_falsely_of_it() {
    for false_file in
        [FileRef { sha256: Digest([7; 32]), ..file() }, FileRef { size: FILE.len() as u64 + 1, ..file() }]
    {
        let exhibit = Log::with_file(false_file).exhibit(WITH_FILE, &THREADS);
        assert_eq!(exhibit.refused().1.code(), "other_file");
    }
    let other = FileRef { blake3: Digest([7; 32]), ..file() };
    let mut exhibit = Log::with_file(other).exhibit(WITH_FILE, &THREADS);
    exhibit.files = BTreeMap::from([(Digest([7; 32]), FILE.to_vec())]);
    assert_eq!(exhibit.refused().1.code(), "other_file");
}

#[test]
fn what_is_no_exhibit_is_refused_and_what_is_not_read_here_is_not_decided() {
    let good = Log::told().exhibit(WITH_FILE, &THREADS).write();
    let policy: Policy = trusting(&log_key()).parse().unwrap();
    let mut broken = good.clone();
    let at = broken.len() / 2;
    broken[at] ^= 1;
    let (name, finding) = refused(&verify(&broken, Some(&policy)));
    assert_eq!((name, finding.code()), (Name::Exhibit, "not_an_exhibit"));
    let foreign = verify(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", Some(&policy));
    assert_eq!((foreign.index, foreign.checks.len()), (None, 1));
    assert_eq!(found(&foreign, Name::Exhibit).map(|(_, code)| code), Some("not_read"));
}

#[test]
fn members_of_a_folder_are_checked_but_for_how_they_were_packed() {
    let exhibit = Log::told().exhibit(WITH_FILE, &THREADS).write();
    let packed = Members::read(&exhibit).unwrap();
    let files = packed.each().into_iter().map(|m| (m.name.to_owned(), m.bytes.to_vec())).collect();
    let policy: Policy = trusting(&log_key()).parse().unwrap();
    let report = verify_members(&Members::of_folder(files, Vec::new(), false), Some(&policy).into());
    assert_eq!(found(&report, Name::Exhibit), Some((Outcome::NotChecked, "unpacked")));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
}

/// An authority whose certificates were good long before the small log was opened.
fn authority(name: &str) -> Authority {
    let authority = Authority::new(name, "P-256");
    let years = Some(("20200101000000Z", "20351231000000Z"));
    authority.issue("between", &format!("{name} issuing"), "root", CA, years);
    authority.issue("tsa", &format!("{name} stamps"), "between", FOR_STAMPS, years);
    authority
}

fn roots(of: &Authority) -> Roots {
    let mut roots = Roots::default();
    roots.add_pem(&of.read("root.pem")).unwrap();
    roots
}

#[test]
fn tokens_are_checked_against_the_roots_that_the_reader_trusts() {
    use sha2::Digest as _;
    let log = Log::told();
    let mut exhibit = log.exhibit(WITH_FILE, &THREADS);
    let digest: [u8; 32] = sha2::Sha256::digest(exhibit.proof.checkpoint().text()).into();
    let (trusted, other) = (authority("Trusted"), authority("Other"));
    let roots = roots(&trusted);
    let policy: Policy = trusting(&log_key()).parse().unwrap();
    let mut check = |tokens: &[&[u8]]| {
        exhibit.timestamps = tokens.iter().map(|token| token.to_vec()).collect();
        let bytes = exhibit.write();
        let unchecked = verify(&bytes, Some(&policy));
        let expected = (!tokens.is_empty()).then_some((Outcome::NotChecked, "tokens_unchecked"));
        assert_eq!(found(&unchecked, Name::Timestamps), expected);
        assert_eq!(unchecked.verdict, ExhibitVerdict::Valid);
        verify_with_roots(&bytes, Some(&policy), &roots)
    };
    let none = check(&[]);
    assert_eq!(found(&none, Name::Timestamps), Some((Outcome::NotEnclosed, "not_stamped")));
    assert_eq!(none.verdict, ExhibitVerdict::Valid);

    // The statement was recorded at 22:13:25.
    let early = trusted.at(&digest, "20231114221226Z");
    let (earliest, later) = (trusted.at(&digest, "20231114221225Z"), trusted.at(&digest, "20231115000000Z"));
    let untrusted = other.at(&digest, "20231115000000Z");
    let report = check(&[&later, &untrusted, &early, &earliest]);
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    let times: Vec<_> = report.timestamps.iter().map(|t| t.not_later_than.to_string()).collect();
    let expected = ["2023-11-14T22:12:25.000Z", "2023-11-14T22:12:26.000Z", "2023-11-15T00:00:00.000Z"];
    assert_eq!(times, expected, "the earliest first");
    let finding = &report.checks.last().unwrap().finding;
    let Finding::Stamped { timestamps, passed_over } = finding else { panic!("{finding}") };
    assert_eq!((timestamps, passed_over.len()), (&report.timestamps, 1));
    assert!(passed_over[0].starts_with("timestamps/1.tsr: "), "{passed_over:?}");

    let too_early = trusted.at(&digest, "20231114221224Z");
    for (tokens, words) in [
        (
            &[&later[..], &too_early][..],
            "timestamps/1.tsr: entry 5: time: expected at most 60 s after 2023-11-14",
        ),
        (&[&later[..], b"nothing"], "timestamps/1.tsr: answer: "),
        (&[&untrusted[..]], "timestamps/0.tsr: "),
        (&[&later[..]; 65], "expected at most 64 tokens, found 65"),
    ] {
        let (name, finding) = refused(&check(tokens));
        assert_eq!((name, finding.code()), (Name::Timestamps, "not_a_token"));
        assert!(finding.to_string().contains(words), "{finding}");
    }
    assert_eq!(check(&[&later[..]; 64]).timestamps.len(), 64);
}
