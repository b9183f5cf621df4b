//! A dishonest operator, who holds the log's key and can sign any tree: what he tries, who catches him, and what they say.
//!
//! docs/threat-model.md lists these tests. Each shows that the honest twin of its trick passes.

use crate::exhibit;
use crate::support;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use crate::exhibit::{changed, exhibit_of, of_three, policy, witness};
use crate::forger::{BEGUN, Forger, write};
use crate::public::{Files, tree_of};
use crate::support::*;
use onrecord::{
    check::Outcome,
    event::{At, ContentRef, Draft, EventId, EventType},
    exhibit::{ExhibitVerdict, verify as verify_exhibit},
    ledger::{Ledger, NotKept, Options as LedgerOptions, Submission},
    log::{
        AddCheckpoint, Contradiction, CosigningKey, Fork, Policy, SignedCheckpoint, Time, TlogProof,
        consistency_path, inclusion_path,
    },
    mirror::{Keeps, Mirror, MirrorError, Pass},
    note::{SignedNote, VerifyingKey},
    proof_file::Kept,
    verify::{FolderSource, Options, Place, Report, Source, Verdict, verify},
    witness::{Refused, Witness},
};
use serde_json::{Value, json};

fn vkey() -> VerifyingKey {
    key(ORIGIN, 1).verifying_key().clone()
}

fn now() -> Time {
    Time::from_unix_ms((BEGUN + 86_400) * 1_000).unwrap()
}

/// The small story and three statements: entries 0 to 7, of which 5, 6 and 7 are the statements.
fn begun() -> (Forger, Story) {
    let (mut forger, story) = Forger::begun();
    for text in ["satu", "dua", "tiga"] {
        forger.add(&said(&story, text));
    }
    (forger, story)
}

fn said(story: &Story, text: &str) -> Submission {
    statement(story, text).1
}

/// The same log with one more event on record.
fn and(forger: &Forger, one: &Submission) -> Forger {
    let mut more = forger.clone();
    more.add(one);
    more
}

/// Verifies by the library, as `onrecord verify` does. The verifiers that share no code must come to the same verdict.
#[track_caller]
fn check(files: &Files, options: Options) -> Report {
    let dir = tempfile::tempdir().unwrap();
    write(files, dir.path());
    let report = verify(&FolderSource::open(dir.path()).unwrap(), Some(&vkey()), &options, &|_, _| {});
    // The other verifiers take no checkpoint to compare with.
    if options.against.is_none() {
        let (folder, key) = (dir.path().join("public"), vkey().to_string());
        let mut args = vec![folder.to_str().unwrap(), "--key", &key];
        let policy = options.policy.as_ref().map(|policy| kept(dir.path(), policy));
        args.extend(policy.iter().flat_map(|path| ["--policy", path.to_str().unwrap()]));
        for (name, (code, text)) in [("Python", python(&args)), ("TypeScript", typescript("--ledger", &args))]
        {
            assert_eq!(code, Some(i32::from(report.verdict.exit_code())), "{name}: {text}{report}");
        }
    }
    report
}

/// Writes a policy into a folder. Gives its path.
fn kept(dir: &Path, policy: &Policy) -> PathBuf {
    let path = dir.join("policy");
    fs::write(&path, policy.to_string()).unwrap();
    path
}

/// Runs `examples/verify.py`: its exit code, and what it says.
fn python(args: &[&str]) -> (Option<i32>, String) {
    let root = env!("CARGO_MANIFEST_DIR");
    let program = format!("{root}/examples/verify.py");
    ran(Command::new(format!("{root}/target/python/bin/python3")).arg(program).args(args))
}

/// Runs `web/verifier` on what `option` names, or on an exhibit if that is empty: its exit code, and what it says.
fn typescript(option: &str, args: &[&str]) -> (Option<i32>, String) {
    let program = format!("{}/target/verifier/cli.mjs", env!("CARGO_MANIFEST_DIR"));
    let option = Some(option).filter(|option| !option.is_empty());
    ran(Command::new("node").arg(program).args(option).args(args))
}

fn ran(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

fn failed(report: &Report) -> &'static str {
    assert_eq!(report.verdict, Verdict::Refused, "{report}");
    report.checks.iter().find(|c| c.outcome == Outcome::Failed).unwrap().name.as_str()
}

/// A mirror, and the folder that the operator shows it.
struct Reader {
    mirror: Mirror,
    shown: PathBuf,
    own: PathBuf,
    _tmp: tempfile::TempDir,
}

impl Reader {
    fn of(files: &Files, policy: Option<Policy>) -> Result<Self, MirrorError> {
        let tmp = tempfile::tempdir().unwrap();
        let (shown, own) = (tmp.path().join("shown"), tmp.path().join("own"));
        write(files, &shown);
        let source: Arc<dyn Source + Send> = Arc::new(FolderSource::open(&shown).unwrap());
        let keeps = Keeps { policy, ..Keeps::default() };
        let mirror = Mirror::open(source, vkey(), &own, keeps, LedgerOptions::default())?;
        Ok(Self { mirror, shown, own, _tmp: tmp })
    }

    /// Shows the mirror these files.
    fn shown(&mut self, files: &Files) -> Result<Pass, MirrorError> {
        write(files, &self.shown);
        self.mirror.pass(now(), &|_, _| true)
    }

    /// A mirror that has all of these files.
    fn with(files: &Files) -> Self {
        let mut reader = Self::of(files, None).unwrap();
        reader.shown(files).unwrap();
        reader
    }

    /// Shown these files, the mirror finds two histories and keeps what it had. Its report alone proves them to a stranger.
    #[track_caller]
    fn finds_a_fork(&mut self, files: &Files) {
        let size = self.mirror.size();
        let Err(MirrorError::Forked(Kept::At(path))) = self.shown(files) else {
            panic!("it follows another history")
        };
        assert!(Fork::prove(&fs::read(&path).unwrap()).is_ok());
        assert!(by_a_stranger(&path).contains(&format!("FORK  both are signed by {}", vkey())));
        assert_eq!(self.mirror.size(), size);
    }
}

/// What `onrecord verify` says of a report in a folder without anything else.
#[track_caller]
fn by_a_stranger(report: &Path) -> String {
    let alone = tempfile::tempdir().unwrap();
    fs::copy(report, alone.path().join("report.json")).unwrap();
    let (code, text) = onrecord(alone.path(), &["verify", "report.json"]);
    assert_eq!(code, Some(0), "{text}");
    text
}

fn onrecord(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    ran(Command::new(env!("CARGO_BIN_EXE_onrecord")).args(args).current_dir(dir))
}

/// Holds that a reader of this log alone finds nothing wrong.
#[track_caller]
fn passes(forger: &Forger) {
    let report = check(&forger.files(), Options::default());
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(Reader::with(&forger.files()).mirror.size(), forger.size());
}

/// Holds that `verify` and a mirror both refuse the last entry, by this check and in these words. Gives what the proof for others
/// says, if there is one.
#[track_caller]
fn last_is_refused(forger: &Forger, check_name: &str, what: &str) -> Option<String> {
    last_is_refused_under(forger, None, check_name, what)
}

#[track_caller]
fn last_is_refused_under(
    forger: &Forger,
    policy: Option<Policy>,
    check_name: &str,
    what: &str,
) -> Option<String> {
    let (last, files) = (Place::Entry(forger.size() - 1), forger.files());
    let report = check(&files, Options { policy: policy.clone(), ..Options::default() });
    assert_eq!(failed(&report), check_name, "{report}");
    assert_eq!(report.faults[0].place, last, "{report}");
    assert!(report.faults[0].what.contains(what), "{report}");
    let mut reader = Reader::of(&files, policy).unwrap();
    let Err(MirrorError::Refused(fault)) = reader.shown(&files) else { panic!("a mirror took it") };
    assert!(fault.place == last && fault.what.contains(what), "{}: {}", fault.place, fault.what);
    assert!(reader.mirror.size() < forger.size(), "nothing of it is taken");
    // If the entry, alone or with any other, is a proof, then it was found.
    let raw = |at: u64| forger.entries[at as usize].as_bytes();
    let at = forger.size() - 1;
    let proves = Contradiction::alone(at, raw(at), &origin())
        || (0..at).any(|i| Contradiction::between((i, raw(i)), (at, raw(at)), &origin()));
    assert!(report.contradiction.is_some() || !proves, "{report}");
    // Both found the same proof, or neither found one.
    let (path, found) = (reader.own.join("contradiction.json"), report.contradiction);
    assert_eq!(path.exists(), found.is_some(), "{found:?}");
    let found = serde_json::to_vec(&found?).unwrap();
    let proved = Contradiction::prove(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(Contradiction::prove(&found).unwrap(), proved);
    assert_eq!((&proved.log, proved.entries.last()), (&vkey(), Some(&(forger.size() - 1))));
    assert!(fault.what.contains("contradiction.json proves it"), "{}", fault.what);
    assert!(by_a_stranger(&path).contains(&proved.what));
    Some(proved.what)
}

/// Verifies a log against a checkpoint that somebody else was given.
fn against(forger: &Forger, other: &SignedCheckpoint) -> Report {
    check(&forger.files(), Options { against: Some(other.note().as_bytes().to_vec()), ..Options::default() })
}

/// An exhibit of an entry, with the key history of the desk and of the operator.
fn exhibit(forger: &Forger, story: &Story, at: u64) -> Vec<u8> {
    let mut chain: Vec<usize> = [vec![0], forger.thread(&story.desk)].concat();
    chain.retain(|i| *i as u64 != at);
    let keys: Vec<_> = forger.cosigned.iter().map(|(n, time)| (witness(*n), *time)).collect();
    let lines: Vec<_> = keys.iter().map(|(key, time)| (key, *time)).collect();
    exhibit_of(&forger.entries, at as usize, &chain, &lines)
}

/// Holds that an exhibit is refused by this check, in these words.
#[track_caller]
fn exhibit_is_refused(exhibit: &[u8], policy: &Policy, check_name: &str, what: &str) {
    let report = verify_exhibit(exhibit, Some(policy));
    assert_eq!(report.verdict, ExhibitVerdict::Refused, "{report}");
    others_end_with(1, exhibit, policy);
    let failed = report.checks.iter().find(|c| c.outcome == Outcome::Failed).unwrap();
    assert!(failed.name == check_name && failed.detail().contains(what), "{report}");
}

#[track_caller]
fn exhibit_passes(exhibit: &[u8], policy: &Policy) {
    let report = verify_exhibit(exhibit, Some(policy));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    others_end_with(0, exhibit, policy);
}

/// Holds that the verifiers that share no code with this one exit with this code.
#[track_caller]
fn others_end_with(code: i32, exhibit: &[u8], policy: &Policy) {
    let dir = tempfile::tempdir().unwrap();
    let (path, policy) = (dir.path().join("some.zip"), kept(dir.path(), policy));
    fs::write(&path, exhibit).unwrap();
    let args = [path.to_str().unwrap(), "--policy", policy.to_str().unwrap()];
    for (name, (found, text)) in [("Python", python(&args)), ("TypeScript", typescript("", &args))] {
        assert_eq!(found, Some(code), "{name}: {text}");
    }
}

/// The answer of a witness that has cosigned the first history and is asked to cosign the second.
fn asked(first: &Forger, then: &Forger) -> Result<(), Refused> {
    let dir = tempfile::tempdir().unwrap();
    let witness = Witness::open(dir.path(), CosigningKey::new(witness(1)), vec![(&vkey()).into()]).unwrap();
    let mut known = 0;
    let mut ask = |forger: &Forger| {
        let size = forger.size();
        let path = consistency_path(known.min(size), size, &tree_of(&forger.entries)).unwrap();
        let request = AddCheckpoint::new(known.min(size), path, forger.checkpoint().note().clone()).unwrap();
        known = size;
        witness.add_checkpoint(&request, BEGUN as u64 + 1_000).map(drop)
    };
    ask(first).unwrap();
    ask(then)
}

/// Holds of two histories, each good by itself, that whoever has seen one refuses the other.
#[track_caller]
fn two_histories(first: &Forger, other: &Forger) {
    passes(first);
    passes(other);
    Reader::with(&first.files()).finds_a_fork(&other.files());
    let report = against(other, &first.checkpoint());
    assert_eq!(failed(&report), "history", "{report}");
    assert!(Fork::prove(&serde_json::to_vec(&report.fork.unwrap()).unwrap()).is_ok());
    let refused = asked(first, other).unwrap_err();
    assert!(matches!(refused, Refused::OtherRoot | Refused::Proof(_)), "{refused}");
}

/// The honest twin of two histories: one history that grew.
#[track_caller]
fn one_history(first: &Forger, more: &Forger) {
    let mut reader = Reader::with(&first.files());
    assert_eq!(reader.shown(&more.files()).unwrap().size, more.size());
    assert_eq!(against(more, &first.checkpoint()).verdict, Verdict::Valid);
    assert_eq!(asked(first, more), Ok(()));
}

#[test]
fn a_rewritten_entry_is_another_history() {
    let (first, story) = begun();
    let mut told = first.said.clone();
    told[5] = said(&story, "bukan satu");
    two_histories(&first, &Forger::of(told.clone()));
    // Also if the log grew since.
    told.push(said(&story, "empat"));
    two_histories(&first, &Forger::of(told));
    one_history(&first, &and(&first, &said(&story, "empat")));
}

#[test]
fn a_rewritten_entry_whose_followers_were_left_alone_breaks_the_chain() {
    let (mut first, story) = begun();
    let mut told = first.said.clone();
    told[6] = said(&story, "bukan dua");
    let other = Forger::of(told);
    (first.entries[6], first.words[6]) = (other.entries[6].clone(), other.words[6].clone());
    let what = last_is_refused(&first, "chain", "prev: expected").unwrap();
    assert!(what.contains("entry 7 names another entry before it than entry 6"), "{what}");
    passes(&begun().0);
}

#[test]
fn a_dropped_entry_is_another_history() {
    let (first, story) = begun();
    let mut told = first.said.clone();
    told.remove(6);
    told.extend([said(&story, "empat"), said(&story, "lima")]);
    two_histories(&first, &Forger::of(told));
    one_history(&first, &and(&first, &said(&story, "empat")));
}

#[test]
fn reordered_entries_are_another_history() {
    let (first, story) = begun();
    let mut told = first.said.clone();
    told.swap(5, 6);
    two_histories(&first, &Forger::of(told));
    one_history(&first, &and(&first, &said(&story, "empat")));
}

#[test]
fn swapped_content_is_not_what_the_event_commits_to() {
    let (honest, story) = begun();
    let mut forger = honest.clone();
    forger.words[5] = honest.words[6].clone();
    let files = forger.files();
    let report = check(&files, Options::default());
    assert_eq!((failed(&report), &report.faults[0].place), ("words", &Place::Words(5)), "{report}");
    let Err(MirrorError::Refused(fault)) = Reader::of(&files, None).unwrap().shown(&files) else {
        panic!("a mirror took it")
    };
    assert_eq!(fault.place, Place::Words(5), "{}", fault.what);
    let alone = exhibit(&honest, &story, 5);
    let with = |words: &Option<Vec<u8>>| changed(&alone, |e| e.content = words.as_deref());
    exhibit_is_refused(&with(&forger.words[5]), &policy(), "content", "content.json: expected");
    exhibit_passes(&with(&honest.words[5]), &policy());
    passes(&honest);
}

#[test]
fn a_back_dated_entry_is_dated_before_the_one_before_it() {
    let (honest, story) = begun();
    let empat = said(&story, "empat");
    let mut forger = honest.clone();
    let time = Time::from_unix_ms((BEGUN + 7) * 1_000 - 1).unwrap();
    forger.add_as(&empat, |header| header.time = time);
    let what = last_is_refused(&forger, "chain", "time: ").unwrap();
    assert!(what.contains("entry 8 is dated before entry 7"), "{what}");
    let mut same = honest.clone();
    same.add_as(&empat, |header| header.time = Time::from_unix_ms((BEGUN + 7) * 1_000).unwrap());
    passes(&same);
}

#[test]
fn a_history_for_each_of_two_readers_is_found_when_they_compare() {
    let (first, story) = begun();
    let (one, other) = (and(&first, &said(&story, "untuk A")), and(&first, &said(&story, "untuk B")));
    let (mut a, b) = (Reader::with(&one.files()), Reader::with(&other.files()));
    assert_eq!((a.mirror.size(), b.mirror.size()), (9, 9), "neither sees it alone");
    let more = and(&other, &said(&story, "lagi"));
    let report = against(&more, &a.mirror.ledger().reader().checkpoint());
    assert_eq!(failed(&report), "history", "{report}");
    two_histories(&one, &more);
    a.finds_a_fork(&more.files());
    one_history(&one, &and(&one, &said(&story, "lagi")));
}

#[test]
fn a_log_that_was_rolled_back_is_seen_and_what_it_says_next_is_another_history() {
    let (first, story) = begun();
    let back = Forger::of(first.said[..6].to_vec());
    let mut reader = Reader::with(&first.files());
    assert_eq!(reader.shown(&back.files()).unwrap().size, 8, "nothing is removed");
    let sentence = reader.mirror.status().now().sentence();
    assert!(sentence.contains("the ledger shows fewer entries than it did: 6"), "{sentence}");
    assert_eq!(asked(&first, &back), Err(Refused::Conflict { size: 8 }));
    let report = against(&back, &first.checkpoint());
    assert_eq!(report.verdict, Verdict::Undecided, "{report}");
    let mut anew = back.clone();
    for text in ["lain", "lain lagi"] {
        anew.add(&said(&story, text));
    }
    two_histories(&first, &anew);
    reader.finds_a_fork(&anew.files());
    one_history(&back, &first);
}

#[test]
fn a_forged_signer_did_not_sign() {
    let (honest, story) = begun();
    let good = said(&story, "empat");
    // The operator's words in the desk's name, with the desk's signature under other words.
    let text = String::from_utf8(good.note.clone()).unwrap();
    let forged = text.replace(r#""language":"ms""#, r#""language":"en""#);
    assert_ne!(text, forged);
    let forger = and(&honest, &Submission::new(forged.into_bytes(), good.content.clone()));
    let what = last_is_refused(&forger, "entries", "BAD_SIGNATURE").unwrap();
    assert!(what.contains("entry 8"), "{what}");
    exhibit_is_refused(&exhibit(&forger, &story, 8), &policy(), "event", "BAD_SIGNATURE");
    // A key of his own that he calls the desk's: nothing on record adds it.
    let (_, own) = say(
        "statement.made",
        Some(story.case),
        json!({"speaker": story.agency}),
        statement_facts(),
        Some(json!({"text": "empat"})),
    )
    .sign(&[&key("newsroom.example/new", 98)]);
    let mut forger = honest.clone();
    forger.add_as(&own, |header| header.signers[0] = (story.desk, 1));
    last_is_refused(&forger, "rules", "KEY_UNKNOWN");
    let never = "no entry of its party's thread adds the key";
    exhibit_is_refused(&exhibit(&forger, &story, 8), &policy(), "event", never);
    let honest = and(&honest, &good);
    passes(&honest);
    exhibit_passes(&exhibit(&honest, &story, 8), &policy());
}

fn revocation(story: &Story) -> Submission {
    let facts = json!({"key": desk().verifying_key().to_string(), "reason": "compromised"});
    say("key.revoked", None, json!({"party": story.desk}), facts, None).sign(&[&desk()]).1
}

#[test]
fn a_revoked_key_that_is_used_is_refused() {
    let (honest, story) = begun();
    let revoked = and(&honest, &revocation(&story));
    let forger = and(&revoked, &said(&story, "empat"));
    let what = last_is_refused(&forger, "rules", "KEY_REVOKED").unwrap();
    assert!(what.contains("entry 8 revokes the key newsroom.example/desk, which signs entry 9"), "{what}");
    let by = "was revoked by entry 8";
    exhibit_is_refused(&exhibit(&forger, &story, 9), &policy(), "event", by);
    passes(&revoked);
    exhibit_passes(&exhibit(&honest, &story, 7), &policy());
}

#[test]
fn a_case_timeline_with_a_gap_is_numbered_falsely() {
    let (honest, story) = begun();
    let empat = said(&story, "empat");
    let k = honest.thread(&story.case).len() as u64;
    // An entry was left out, and the case goes on as if it were there.
    let mut forger = honest.clone();
    forger.add_as(&empat, |header| header.k = k + 1);
    let thread = format!("thread: expected {} {k}, found {} {}", story.case, story.case, k + 1);
    let what = last_is_refused(&forger, "rules", &thread).unwrap();
    assert!(what.contains(&format!("entries 7 and 8 are numbers {} and {}", k - 1, k + 1)), "{what}");
    // Another entry stands in its place. No two entries prove that, so there is no proof for others.
    let other = other_party();
    let mut forger = and(&honest, &other);
    forger.add_as(&empat, |header| header.k = k + 1);
    assert_eq!(last_is_refused(&forger, "rules", &thread), None);
    passes(&and(&and(&honest, &other), &empat));
}

#[test]
fn a_tile_that_does_not_match_its_entries_is_named() {
    let (first, story) = begun();
    let more = and(&first, &said(&story, "empat"));
    let with_bad = |hash: usize| {
        let mut files = more.files();
        files.get_mut("tile/0/000.p/9").unwrap()[hash * 32] ^= 1;
        files
    };
    for hash in [3, 8] {
        let report = check(&with_bad(hash), Options::default());
        let tile = Place::Tile("tile/0/000.p/9".into());
        assert_eq!((failed(&report), &report.faults[0].place), ("tiles", &tile), "{report}");
        assert!(report.faults[0].what.starts_with(&format!("hash {hash}: expected")), "{report}");
    }
    // A mirror needs this hash to see that the log continues. It stays where it was.
    let mut reader = Reader::with(&first.files());
    let Err(MirrorError::Refused(fault)) = reader.shown(&with_bad(8)) else { panic!("a mirror took it") };
    assert!(fault.place == Place::Tree && reader.mirror.size() == 8, "{}", fault.what);
    // Where another hash is wrong, it takes the entries, which are under the root, and makes the tile itself.
    assert_eq!(reader.shown(&with_bad(3)).unwrap().size, 9);
    assert!(reader.mirror.ledger().wait_published(Duration::from_secs(10)));
    let own = fs::read(reader.own.join("public/tile/0/000.p/9")).unwrap();
    assert_eq!(own, more.files()["tile/0/000.p/9"]);
    // Wrong entries beside a tile that is under the root.
    let mut files = more.files();
    let other = Forger::of([&more.said[..8], &[said(&story, "lain")]].concat()).files();
    files.insert("tile/entries/000.p/9".into(), other["tile/entries/000.p/9"].clone());
    files.insert("content/tile/000.p/9".into(), other["content/tile/000.p/9"].clone());
    let report = check(&files, Options::default());
    assert_eq!((failed(&report), &report.faults[0].place), ("entries", &Place::Entry(8)), "{report}");
    let Err(MirrorError::Refused(fault)) = Reader::with(&first.files()).shown(&files) else {
        panic!("a mirror took it")
    };
    assert_eq!(fault.place, Place::Entry(8), "{}", fault.what);
    // The log signed none of that. Whoever made the copy may have changed it, so it accuses nobody.
    assert_eq!(report.contradiction, None);
    passes(&more);
}

#[test]
fn a_checkpoint_for_another_origin_is_refused() {
    let (honest, story) = begun();
    let text = honest.checkpoint().checkpoint().text().replacen(ORIGIN, "other.example", 1);
    let alone = exhibit(&honest, &story, 5);
    // Signed by the other log's key, and by this log's.
    for key in [key("other.example", 1), key(ORIGIN, 1)] {
        let note = SignedNote::sign(&text, &[&key]).unwrap();
        let mut files = honest.files();
        files.insert("checkpoint".into(), note.as_bytes().to_vec());
        let report = check(&files, Options::default());
        assert_eq!((failed(&report), &report.faults[0].place), ("checkpoint", &Place::Checkpoint));
        let Err(MirrorError::Refused(fault)) = Reader::of(&files, None).map(drop) else {
            panic!("a mirror took it")
        };
        assert_eq!(fault.place, Place::Checkpoint);
        let Err(MirrorError::Refused(fault)) = Reader::with(&honest.files()).shown(&files) else {
            panic!("a mirror took it")
        };
        assert_eq!(fault.place, Place::Checkpoint);
        let dir = tempfile::tempdir().unwrap();
        let witness =
            Witness::open(dir.path(), CosigningKey::new(witness(1)), vec![(&vkey()).into()]).unwrap();
        let request = AddCheckpoint::new(0, Vec::new(), note.clone()).unwrap();
        assert_eq!(witness.add_checkpoint(&request, BEGUN as u64).map(drop), Err(Refused::UnknownLog));
        exhibit_is_refused(&exhibit::in_checkpoint(&alone, &note), &policy(), "entry", "header line 2");
    }
    passes(&honest);
    exhibit_passes(&alone, &policy());
}

#[test]
fn two_entries_with_one_thread_and_number_contradict_each_other() {
    let (honest, story) = begun();
    let k = honest.thread(&story.case).len() as u64;
    let mut forger = honest.clone();
    let empat = said(&story, "empat");
    forger.add_as(&empat, |header| header.k = k - 1);
    let expected = format!("thread: expected {} {k}, found {} {}", story.case, story.case, k - 1);
    let what = last_is_refused(&forger, "rules", &expected).unwrap();
    assert!(what.contains(&format!("entries 7 and 8 are numbers {} and {}", k - 1, k - 1)), "{what}");
    // A header that names another case than the event does.
    let mut forger = honest.clone();
    forger.add_as(&empat, |header| header.thread = EventId([7; 32]));
    let what = last_is_refused(&forger, "rules", "thread: expected").unwrap();
    assert!(what.contains(&format!("entry 8 stands in thread {}", story.case)), "{what}");
    passes(&and(&honest, &empat));
}

#[test]
fn a_false_signer_line_contradicts_the_threads() {
    let (honest, story) = begun();
    let empat = said(&story, "empat");
    let (desk, agency) = (story.desk, story.agency);
    for (line, what) in [
        ((desk, 0), "ends at 1 by entry 7, at 0 by entry 8"),
        ((agency, 0), "the key newsroom.example/desk is"),
        // A number that the thread does not reach: nobody can prove that an entry is missing.
        ((desk, 2), ""),
    ] {
        let mut forger = honest.clone();
        forger.add_as(&empat, |header| header.signers[0] = line);
        let expected = format!("signer line 1: expected {desk} 1, found {} {}", line.0, line.1);
        match last_is_refused(&forger, "rules", &expected) {
            Some(found) => assert!(!what.is_empty() && found.contains(what), "{found}"),
            None => assert_eq!(what, ""),
        }
    }
    let mut forger = honest.clone();
    forger.add_as(&empat, |header| header.signers[0] = (desk, 0));
    exhibit_is_refused(
        &exhibit(&forger, &story, 8),
        &policy(),
        "event",
        "ends at 0, and entry 2 is number 1",
    );
    let honest = and(&honest, &empat);
    passes(&honest);
    exhibit_passes(&exhibit(&honest, &story, 8), &policy());
}

#[test]
fn a_key_that_was_added_without_possession_is_refused() {
    let (honest, story) = begun();
    let new = key("newsroom.example/new", 98);
    let add = |by: &[&onrecord::note::SigningKey]| {
        let facts = json!({"key": new.verifying_key().to_string()});
        say("key.added", None, json!({"party": story.desk}), facts, None).sign(by).1
    };
    let forger = and(&honest, &add(&[&desk()]));
    let what = last_is_refused(&forger, "rules", "KEY_NO_POSSESSION").unwrap();
    assert!(what.contains("adds the key newsroom.example/new, which did not sign it"), "{what}");
    passes(&and(&honest, &add(&[&desk(), &new])));
}

/// An account with a key of this name. Keys of accounts must not say whose account it is.
fn with_key_of_account(forger: &Forger, name: &str) -> Forger {
    let words = Some(json!({"name": "seorang pembaca"}));
    let (account, registered) =
        say("party.registered", None, Value::Null, json!({"kind": "account"}), words).sign(&[&operator()]);
    let new = key(name, 97);
    let facts = json!({"key": new.verifying_key().to_string()});
    let add = say("key.added", None, json!({"party": account}), facts, None).sign(&[&operator(), &new]).1;
    and(&and(forger, &registered), &add)
}

#[test]
fn a_key_that_says_whose_account_it_is_is_refused() {
    let honest = begun().0;
    for name in ["somebody.example/me", "ledger.example/0123456789abcde"] {
        last_is_refused(&with_key_of_account(&honest, name), "rules", "BAD_FACT");
    }
    passes(&with_key_of_account(&honest, &format!("{ORIGIN}/0123456789abcdef")));
}

#[test]
fn words_that_two_entries_withhold_are_not_given_back_by_one() {
    let (mut honest, story) = begun();
    // Statements with the same words, each an event of its own.
    let words = honest.words[5].clone();
    let again = |standing: &str| {
        let draft = Draft {
            event_type: EventType::StatementMade,
            at: At::parse("2023-12-15").unwrap(),
            case: Some(story.case),
            refs: object(json!({"speaker": story.agency})),
            facts: object(json!({"standing": standing, "language": "ms"})),
            content: words.as_deref().map(ContentRef::of),
        };
        let event = draft.sign(&origin(), &[&desk()]).unwrap();
        (event.id(), Submission::new(event.note().as_bytes().to_vec(), words.clone()))
    };
    let (same, other) = again("claim");
    honest.add(&other);
    let first = honest.entry(5).event().id();
    let about = |event_type: &str, entry: EventId, ground: &str| {
        let facts = json!({"blobs": ["content"], "ground": ground});
        say(event_type, Some(story.case), json!({"entry": entry}), facts, None).sign(&[&operator()]).1
    };
    for entry in [first, same] {
        honest.add(&about("content.withheld", entry, "court_order"));
    }
    (honest.words[5], honest.words[8]) = (None, None);
    passes(&honest);
    // The words can't be put on record again while they are withheld in either of the two entries.
    let third = again("report").1;
    let withheld = |forger: &Forger, said: &Submission| {
        let mut forger = and(forger, said);
        *forger.words.last_mut().unwrap() = None;
        forger
    };
    last_is_refused(&withheld(&honest, &third), "rules", "BLOB_WITHHELD");
    let one = and(&honest, &about("content.released", first, "order_lifted"));
    last_is_refused(&withheld(&one, &third), "rules", "BLOB_WITHHELD");
    let mut both = and(&one, &about("content.released", same, "order_lifted"));
    (both.words[5], both.words[8]) = (words.clone(), words.clone());
    passes(&and(&both, &third));
}

#[test]
fn a_hidden_revocation_is_a_false_line_or_another_history() {
    let (first, story) = begun();
    let revoked = and(&first, &revocation(&story));
    // A court is shown what the desk's stolen key signed, in a history where it was never revoked. The exhibit is good by
    // itself, and says that it does not show whether anything was revoked later.
    let stolen = and(&first, &said(&story, "dicuri"));
    let alone = exhibit(&stolen, &story, 8);
    exhibit_passes(&alone, &policy());
    assert!(
        verify_exhibit(&alone, Some(&policy())).to_string().contains("later corrects, withdraws or revokes")
    );
    two_histories(&revoked, &stolen);
    let report = against(&and(&revoked, &other_party()), &stolen.checkpoint());
    assert_eq!(failed(&report), "history", "{report}");
    // The same history, with a line that says that the desk's thread ended before the revocation.
    let mut hidden = revoked.clone();
    hidden.add_as(&said(&story, "dicuri"), |header| header.signers[0] = (story.desk, 1));
    let what = last_is_refused(&hidden, "rules", "KEY_REVOKED").unwrap();
    assert!(what.contains("ends at 1, and entry 8 is number 2"), "{what}");
    let what = "ends at 1, and entry 8 is number 2";
    exhibit_is_refused(&exhibit(&hidden, &story, 9), &policy(), "event", what);
    // A signature from before the revocation is good.
    passes(&revoked);
    exhibit_passes(&exhibit(&revoked, &story, 7), &policy());
}

fn other_party() -> Submission {
    say("party.registered", None, Value::Null, json!({"kind": "agency"}), Some(json!({"name": "Lain"})))
        .sign(&[&operator()])
        .1
}

#[test]
fn an_entry_dated_after_a_cosignature_on_it_is_refused() {
    let (mut honest, story) = begun();
    honest.cosigned = vec![(1, BEGUN as u64 + 100), (2, BEGUN as u64 + 110)];
    let trusted = of_three("quorum two\n");
    let dated = |ms: i64| {
        let mut forger = honest.clone();
        let time = Time::from_unix_ms((BEGUN + 100 + 60) * 1_000 + ms).unwrap();
        forger.add_as(&said(&story, "empat"), |header| header.time = time);
        forger
    };
    let (good, late) = (dated(0), dated(1));
    let what =
        last_is_refused_under(&late, Some(trusted.clone()), "witnesses", "w1.example cosigned").unwrap();
    assert!(what.contains("entry 8 is dated"), "{what}");
    exhibit_is_refused(
        &exhibit(&late, &story, 8),
        &trusted,
        "witnesses",
        "entry 8: time: expected at most 60 s",
    );
    // A mirror that has the entry already is shown older cosignatures.
    let mut uncosigned = late.clone();
    uncosigned.cosigned = vec![(1, BEGUN as u64 + 200), (2, BEGUN as u64 + 200)];
    let mut reader = Reader::of(&uncosigned.files(), Some(trusted.clone())).unwrap();
    assert_eq!(reader.shown(&uncosigned.files()).unwrap().size, 9);
    let Err(MirrorError::Refused(fault)) = reader.shown(&late.files()) else { panic!("a mirror took it") };
    assert_eq!(fault.place, Place::Entry(8), "{}", fault.what);
    // It is good to the second, and for readers who ask for no witness.
    let options = Options { policy: Some(trusted.clone()), ..Options::default() };
    let report = check(&good.files(), options);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    let mut reader = Reader::of(&good.files(), Some(trusted.clone())).unwrap();
    assert_eq!(reader.shown(&good.files()).unwrap().size, 9);
    exhibit_passes(&exhibit(&good, &story, 8), &trusted);
    passes(&late);
    exhibit_passes(&exhibit(&late, &story, 8), &policy());
}

/// What a ledger that is ahead of its witnesses shows: its present state, and a proof in the checkpoint that they cosigned.
fn ahead(now: &Forger, cosigned: &Forger) -> Files {
    let path = inclusion_path(0, cosigned.size(), &tree_of(&cosigned.entries)).unwrap();
    let proof = TlogProof::new(0, path, cosigned.checkpoint().note().clone()).unwrap();
    // Partial tiles may be cut at any size.
    let mut cut = cosigned.clone();
    for (words, now) in cut.words.iter_mut().zip(&now.words).filter(|(_, now)| now.is_none()) {
        *words = now.clone();
    }
    let mut files = cut.files();
    files.extend(now.files());
    files.insert("proof/0".into(), proof.to_string().into_bytes());
    files
}

#[test]
fn what_witnesses_have_not_cosigned_yet_must_continue_what_they_have() {
    let (mut cosigned, story) = begun();
    cosigned.cosigned = vec![(1, BEGUN as u64 + 100), (2, BEGUN as u64 + 100)];
    let alone = |forger: &Forger| Forger { cosigned: Vec::new(), ..forger.clone() };
    let trusted = of_three("quorum two\n");
    let asking = || Options { policy: Some(trusted.clone()), ..Options::default() };
    // A log that goes on, also where its last entry withholds words of a cosigned one.
    let more = alone(&and(&cosigned, &said(&story, "empat")));
    let of = cosigned.entry(5).event().id();
    let (refs, blobs) =
        (json!({"entry": of.to_string()}), json!({"blobs": ["content"], "ground": "court_order"}));
    let withhold = say("content.withheld", Some(story.case), refs, blobs, None).sign(&[&operator()]).1;
    let mut withheld = alone(&and(&cosigned, &withhold));
    withheld.words[5] = None;
    // A proof that is newer than the checkpoint beside it.
    let earlier = Forger::of(cosigned.said[..7].to_vec());
    for now in [&more, &withheld, &alone(&cosigned), &earlier] {
        let files = ahead(now, &cosigned);
        let report = check(&files, asking());
        assert_eq!((report.verdict, report.size), (Verdict::Valid, Some(8)), "{report}");
        assert_eq!(report.root, Some(cosigned.checkpoint().checkpoint().root()));
        if now.size() >= 8 {
            let mut reader = Reader::of(&files, Some(trusted.clone())).unwrap();
            assert_eq!(reader.shown(&files).unwrap().size, 8);
            assert_eq!(reader.mirror.status().now().behind(), Some(now.size() - 8));
        }
    }
    // The entries that were not cosigned do not meet the policy.
    let report = check(&more.files(), asking());
    assert_eq!(failed(&report), "witnesses", "{report}");
    // Another history that continues what a mirror had before, and others that are as long or shorter.
    let mut told = cosigned.said.clone();
    told[6] = said(&story, "bukan dua");
    for length in [7, 8] {
        let files = ahead(&Forger::of(told[..length].to_vec()), &cosigned);
        let report = check(&files, asking());
        assert_eq!(failed(&report), "history", "{report}");
        assert!(Fork::prove(&serde_json::to_vec(&report.fork.unwrap()).unwrap()).is_ok());
    }
    let other = Forger::of([told, vec![said(&story, "empat")]].concat());
    let files = ahead(&other, &cosigned);
    let report = check(&files, asking());
    assert_eq!(failed(&report), "history", "{report}");
    Reader::of(&files, Some(trusted.clone())).unwrap().finds_a_fork(&files);
    let mut first = Forger::of(cosigned.said[..6].to_vec());
    first.cosigned = vec![(1, BEGUN as u64 + 50), (2, BEGUN as u64 + 50)];
    let mut reader = Reader::of(&first.files(), Some(trusted.clone())).unwrap();
    assert_eq!(reader.shown(&first.files()).unwrap().size, 6);
    reader.finds_a_fork(&files);
    // A latest checkpoint that the log did not sign.
    let mut files = ahead(&more, &cosigned);
    let unsigned = String::from_utf8(files["checkpoint"].clone()).unwrap().replace("\n9\n", "\n8\n");
    files.insert("checkpoint".into(), unsigned.into_bytes());
    assert_eq!(failed(&check(&files, asking())), "checkpoint");
    assert!(matches!(Reader::of(&files, Some(trusted)), Err(MirrorError::Refused(_))));
}

#[test]
fn a_cosignature_dated_before_its_entries_is_not_handed_on() {
    let tmp = tempfile::tempdir().unwrap();
    init(tmp.path());
    let keys = [1, 2].map(|n| CosigningKey::new(witness(n)));
    let witnesses = keys.iter().map(CosigningKey::witness_key).collect();
    let ledger = Ledger::open(tmp.path(), LedgerOptions { witnesses, ..LedgerOptions::default() }).unwrap();
    let checkpoint = ledger.reader().checkpoint().clone();
    let last = ledger.reader().parsed(0).unwrap().unwrap().header().time.unix_ms() as u64;
    let cosign = |key: &CosigningKey, time| {
        let line = key.cosign(checkpoint.checkpoint(), time).unwrap();
        ledger.add_cosignature(&checkpoint, &key.witness_key(), &line)
    };
    // A witness whose clock is behind must not make readers refuse an honest log.
    let behind = Err(NotKept::Behind { name: "w1.example".into() });
    assert_eq!(cosign(&keys[0], last.div_ceil(1_000) - 61), behind);
    assert_eq!(cosign(&keys[1], last.div_ceil(1_000) - 60), Ok(()));
    let shown = ledger.reader().checkpoint();
    assert_eq!(shown.note().signatures().len(), 2, "the log's line and that of the other witness");
}

#[test]
fn a_cosignature_dated_ahead_is_not_kept_before_its_renewals() {
    let tmp = tempfile::tempdir().unwrap();
    init(tmp.path());
    let key = CosigningKey::new(witness(1));
    let witnesses = vec![key.witness_key()];
    let ledger = Ledger::open(tmp.path(), LedgerOptions { witnesses, ..LedgerOptions::default() }).unwrap();
    let checkpoint = ledger.reader().checkpoint().clone();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let cosign = |time| {
        let line = key.cosign(checkpoint.checkpoint(), time).unwrap();
        ledger.add_cosignature(&checkpoint, &key.witness_key(), &line)
    };
    let kept = || ledger.reader().witnessed()[0].latest.map(|(_, time)| time);
    for ahead in [now + 120, now + 86_400, 4_102_444_800] {
        assert_eq!(cosign(ahead), Err(NotKept::Ahead { name: "w1.example".into() }));
        assert_eq!(kept(), None);
    }
    assert_eq!((cosign(now), kept()), (Ok(()), Some(now)));
    // A witness whose clock is a little ahead.
    assert_eq!((cosign(now + 30), kept()), (Ok(()), Some(now + 30)));
}

#[test]
fn the_command_writes_the_proof_of_a_contradiction() {
    let (mut forger, story) = begun();
    forger.add_as(&said(&story, "empat"), |header| header.k = 0);
    let tmp = tempfile::tempdir().unwrap();
    write(&forger.files(), &tmp.path().join("ledger"));
    let key = vkey().to_string();
    let (code, text) = onrecord(tmp.path(), &["verify", "ledger", "--key", &key]);
    assert!(code == Some(1) && text.contains("onrecord verify contradiction.json"), "{text}");
    let path = tmp.path().join("contradiction.json");
    let text = by_a_stranger(&path);
    assert!(text.contains(&format!("CONTRADICTION  signed by {key}")), "{text}");
    // The same proof is kept once. Another file with its name stays, and the verdict is the same.
    let before = fs::read(&path).unwrap();
    let (code, text) = onrecord(tmp.path(), &["verify", "ledger", "--key", &key]);
    assert!(code == Some(1) && text.contains("onrecord verify contradiction.json"), "{text}");
    fs::write(&path, "an older proof").unwrap();
    let (code, text) = onrecord(tmp.path(), &["verify", "ledger", "--key", &key]);
    assert!(code == Some(1) && text.contains("onrecord verify contradiction-2.json"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), b"an older proof");
    assert_eq!(fs::read(tmp.path().join("contradiction-2.json")).unwrap(), before);
    fs::write(&path, &before).unwrap();
    let (code, text) = onrecord(
        tmp.path(),
        &["verify", "ledger", "--key", &key, "--contradiction", "none/contradiction.json"],
    );
    assert!(code == Some(1) && text.contains("was not written; it is printed"), "{text}");
    assert!(text.contains("onrecord/contradiction/v1"), "{text}");
    let strange = support::key(ORIGIN, 9).verifying_key().to_string();
    let (code, text) = onrecord(tmp.path(), &["verify", "contradiction.json", "--key", &strange]);
    assert!(code == Some(1) && text.contains("log: expected"), "{text}");
}

#[test]
fn nobody_is_accused_by_a_forged_contradiction() {
    let (honest, story) = begun();
    let mut forger = honest.clone();
    forger.add_as(&said(&story, "empat"), |header| header.k = 0);
    let found = check(&forger.files(), Options::default()).contradiction.unwrap();
    let report = serde_json::to_vec_pretty(&found).unwrap();
    assert!(Contradiction::prove(&report).is_ok());
    for at in (0..report.len()).step_by(7) {
        let mut changed = report.clone();
        changed[at] ^= 1;
        // White space between members means nothing.
        if !report[at].is_ascii_whitespace() {
            assert!(Contradiction::prove(&changed).is_err(), "byte {at}");
        }
    }
    // No two entries of an honest log contradict each other.
    let honest = and(&and(&honest, &revocation(&story)), &other_party());
    let (tree, note) = (tree_of(&honest.entries), honest.checkpoint().note().clone());
    let included = |i: u64| {
        let path = onrecord::log::inclusion_path(i, honest.size(), &tree).unwrap();
        let proof = onrecord::log::TlogProof::new(i, path, note.clone()).unwrap().to_string();
        json!({"entry": honest.entries[i as usize], "proof": proof})
    };
    let prove = |entries: Vec<Value>| {
        let report =
            json!({"form": "onrecord/contradiction/v1", "log": vkey().to_string(), "entries": entries});
        Contradiction::prove(report.to_string().as_bytes())
    };
    let none = Err(onrecord::log::ContradictionError::None);
    for n in 0..honest.size() {
        assert_eq!(prove(vec![included(n)]), none, "{n}");
        for i in 0..honest.size() {
            assert_eq!(prove(vec![included(i), included(n)]), none, "{i} {n}");
        }
    }
    for bytes in [&b""[..], b"{}", b"[]", b"\xff", &[b'['; 300_000]] {
        assert!(Contradiction::prove(bytes).is_err());
    }
    assert!(prove(vec![]).is_err());
}

#[test]
fn the_threat_model_names_these_tests_and_no_others() {
    fn tests(file: &str) -> BTreeSet<&str> {
        file.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split("()").next()).collect()
    }
    let mut these = tests(include_str!("dishonest.rs"));
    these.remove("the_threat_model_names_these_tests_and_no_others");
    // Lies about things outside the log's own files are tested beside those things.
    let others = [
        include_str!("../../crates/onrecord-verify/tests/floor/timestamps.rs"),
        include_str!("../exhibits/authorities.rs"),
        include_str!("../exhibits/case_file.rs"),
    ];
    let others: BTreeSet<&str> = others.into_iter().flat_map(tests).collect();
    let page = include_str!("../../docs/threat-model.md");
    let named: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| {
            code.matches('_').count() >= 3 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
        .collect();
    assert_eq!(&named - &others, these);
}
