//! The ledger has one writer. It records each event exactly once, durably, and is the same after a restart.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::support::*;
use crate::world::{Folder, World};
use onrecord::{
    event::{Code, Digest, Event, EventType},
    ledger::{Blob, Filter, Ledger, LedgerError, Options, Reader, StoredWords, Submission},
    log::{Checkpoint, TlogProof, verify_consistency},
    note::{SigningKey, base64_decode},
};
use serde_json::{Value, json};

fn size(reader: &Reader) -> u64 {
    reader.checkpoint().checkpoint().size()
}

fn unix_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Waits until what was recorded is on disk.
fn published(dir: &Path, reader: &Reader) {
    for _ in 0..200 {
        let note = fs::read(dir.join("public/checkpoint")).unwrap_or_default();
        if Checkpoint::open(&note, reader.log_key()).is_ok_and(|c| c.checkpoint().size() == size(reader)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing was published");
}

#[test]
fn a_receipt_proves_that_the_entry_is_in_the_log() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    for i in 0..300 {
        let (id, s) = statement(&story, &format!("kenyataan {i}"));
        let receipt = ledger.record_blocking(vec![s], false).remove(0).unwrap();
        assert_eq!((receipt.index, receipt.id, receipt.already), (5 + i, id, false));
        let proof = ledger.reader().proof(receipt.index, &receipt.checkpoint).unwrap().unwrap();
        let text = proof.to_string();
        let read = TlogProof::parse(text.as_bytes()).unwrap();
        read.verify(&receipt.entry, ledger.reader().log_key()).unwrap();
    }
    // Proofs of old entries in the newest tree come from tiles on disk and from memory.
    let (reader, checkpoint) = (ledger.reader(), ledger.reader().checkpoint());
    published(&dir, reader);
    for index in 0..size(reader) {
        let proof = reader.proof(index, &checkpoint).unwrap().unwrap();
        proof.verify(&reader.entry(index).unwrap().unwrap(), reader.log_key()).unwrap();
    }
    assert!(reader.proof(size(reader), &checkpoint).unwrap().is_none());
    let path = reader.consistency(7, 305).unwrap().unwrap();
    let root = |n| onrecord::log::root(n, &tree(reader)).unwrap();
    verify_consistency(7, &root(7), 305, &root(305), &path).unwrap();
}

fn tree(reader: &Reader) -> onrecord::log::MemoryTree {
    (0..size(reader)).map(|i| onrecord::log::leaf_hash(&reader.entry(i).unwrap().unwrap())).collect()
}

#[test]
fn an_event_is_recorded_exactly_once_across_twins_and_restarts() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let (_, s) = statement(&story, "sekali");
    // The same event twice in one call, and in many calls at once.
    let mut indexes: Vec<u64> = ledger
        .record_blocking(vec![s.clone(), s.clone()], false)
        .into_iter()
        .map(|r| r.unwrap().index)
        .collect();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ledger.record_blocking(vec![s.clone()], false).remove(0).unwrap().index))
            .collect();
        indexes.extend(calls.into_iter().map(|c| c.join().unwrap()));
    });
    assert_eq!(indexes, vec![5; 10]);
    // An event on record needs no words again. With a bad signature its entry is not given.
    let again = Submission::new(s.note.clone(), None);
    let receipt = ledger.record_blocking(vec![again], false).remove(0).unwrap();
    assert!(receipt.already && receipt.index == 5);
    let mut forged = s.clone();
    let at = forged.note.len() - 10;
    forged.note[at] = if forged.note[at] == b'A' { b'B' } else { b'A' };
    let refusal = ledger.record_blocking(vec![forged], false).remove(0).unwrap_err();
    assert_eq!(refusal.code, Code::BadSignature);
    ledger.close();
    assert_eq!(
        ledger.record_blocking(vec![s.clone()], false).remove(0).unwrap_err().code,
        Code::LedgerReadOnly
    );
    drop(ledger);
    let ledger = open(&dir);
    assert_eq!(ledger.record_blocking(vec![s], false).remove(0).unwrap().index, 5);
    assert_eq!(size(ledger.reader()), 6);
}

#[test]
fn an_atomic_call_records_all_or_none() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let (_, good) = statement(&story, "baik");
    let (_, other) = statement(&story, "baik juga");
    let (_, bad) = say(
        "statement.made",
        Some(story.case),
        json!({"speaker": story.case}),
        statement_facts(),
        Some(json!({"text": "x"})),
    )
    .sign(&[&desk()]);
    let answers = ledger.record_blocking(vec![good.clone(), bad.clone(), other.clone()], true);
    let codes: Vec<Code> = answers.into_iter().map(|a| a.unwrap_err().code).collect();
    assert_eq!(codes, [Code::Unavailable, Code::RefKind, Code::Unavailable]);
    assert_eq!(size(ledger.reader()), 5);
    let answers = ledger.record_blocking(vec![good, bad, other], false);
    let indexes: Vec<_> = answers.into_iter().map(|a| a.map(|r| r.index).map_err(|r| r.code)).collect();
    assert_eq!(indexes, [Ok(5), Err(Code::RefKind), Ok(6)]);
}

#[test]
fn a_key_is_added_used_revoked_and_refused_inside_one_batch() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let second = key("newsroom.example/night", 9);
    let vkey = second.verifying_key().to_string();
    let party = json!({"party": story.desk});
    let speak = |text: &str| {
        say(
            "statement.made",
            Some(story.case),
            json!({"speaker": story.agency}),
            statement_facts(),
            Some(json!({"text": text})),
        )
        .sign(&[&second])
        .1
    };
    let (_, add) =
        say("key.added", None, party.clone(), json!({"key": vkey}), None).sign(&[&desk(), &second]);
    let revoked = json!({"key": vkey, "reason": "lost"});
    let (_, revoke) = say("key.revoked", None, party.clone(), revoked, None).sign(&[&second]);
    let batch = vec![speak("before"), add.clone(), speak("between"), revoke, speak("after"), add];
    let answers = ledger.record_blocking(batch, false);
    let outcome: Vec<_> = answers.into_iter().map(|a| a.map(|r| r.index).map_err(|r| r.code)).collect();
    assert_eq!(
        outcome,
        [Err(Code::KeyUnknown), Ok(5), Ok(6), Ok(7), Err(Code::KeyRevoked), Ok(5)],
        "the last is the entry on record"
    );
    let (_, again) = say("key.added", None, party, json!({"key": vkey}), None).sign(&[&operator(), &second]);
    assert_eq!(ledger.record_blocking(vec![again], false).remove(0).unwrap_err().code, Code::KeyTaken);
    let signers = ledger.reader().parsed(7).unwrap().unwrap().header().signers.clone();
    assert_eq!(signers, [(story.desk, 3)], "its own revocation stands in the party's thread");
}

/// What a reader says about everything, as text.
fn answers(reader: &Reader, story: &Story) -> String {
    let mut out = String::new();
    for i in 0..size(reader) {
        let entry = reader.parsed(i).unwrap().unwrap();
        let id = entry.event().id();
        out += &format!("{i} {id} {:?} {:?}\n", reader.words(i).unwrap(), reader.event_row(&id).unwrap());
        out += &format!("{:?} {:?}\n", reader.fate(&id).unwrap(), reader.thread(&id).unwrap());
        if let Some(content) = entry.event().content() {
            out += &format!("{:?}\n", reader.content(&content.blake3).unwrap());
        }
    }
    for (case, party) in
        [(Some(story.case), None), (None, Some(story.agency)), (Some(story.case), Some(story.desk))]
    {
        for types in [vec![], vec![EventType::StatementMade, EventType::CaseOpened]] {
            let filter = Filter { types, case, party, ..Filter::default() };
            out += &format!("{:?}\n", reader.list(&filter, 0..=u64::MAX, false, 50).unwrap());
            out += &format!("{:?}\n", reader.list(&filter, 0..=u64::MAX, true, 3).unwrap());
        }
    }
    out
}

#[test]
fn deleting_the_index_gives_the_same_answers() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    record(&ledger, statement(&story, "fail"));
    for i in 0..270 {
        record(&ledger, statement(&story, &format!("kenyataan {i}")));
    }
    let before = answers(ledger.reader(), &story);
    published(&dir, ledger.reader());
    assert_eq!(answers(ledger.reader(), &story), before, "from disk as from memory");
    ledger.close();
    drop(ledger);
    fs::remove_dir_all(dir.join("index")).unwrap();
    let ledger = open(&dir);
    assert_eq!(answers(ledger.reader(), &story), before, "without the index");
    let (_, s) = statement(&story, "selepas");
    assert_eq!(ledger.record_blocking(vec![s], false).remove(0).unwrap().index, 276);
    drop(ledger);
    assert_eq!(Ledger::rebuild(&dir, &|_, _| {}).unwrap(), 277);
}

#[test]
fn lists_filter_by_type_case_party_and_time_in_both_directions() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    // Calls may fall into one millisecond. Wait, so that the next call has a later time.
    let told = ledger.reader().parsed(4).unwrap().unwrap().header().time.unix_ms();
    while unix_ms() <= told {
        std::thread::sleep(Duration::from_millis(1));
    }
    let subs: Vec<_> = (0..5).map(|i| statement(&story, &format!("k{i}")).1).collect();
    record_all(&ledger, subs);
    let r = ledger.reader();
    for round in 0..2 {
        let list = |f: &Filter, range, desc, n| r.list(f, range, desc, n).unwrap();
        let all = Filter::default();
        assert_eq!(list(&all, 0..=u64::MAX, true, 3), [9, 8, 7], "round {round}");
        assert_eq!(list(&all, 8..=u64::MAX, false, 9), [8, 9]);
        let types = vec![EventType::StatementMade, EventType::LedgerOpened];
        let by_type = Filter { types, ..Filter::default() };
        assert_eq!(list(&by_type, 0..=u64::MAX, false, 3), [0, 5, 6]);
        assert_eq!(list(&by_type, 0..=u64::MAX, true, 100), [9, 8, 7, 6, 5, 0]);
        let by_case = Filter { case: Some(story.case), ..Filter::default() };
        assert_eq!(list(&by_case, 0..=u64::MAX, false, 100), [4, 5, 6, 7, 8, 9]);
        let by_agency = Filter { party: Some(story.agency), ..Filter::default() };
        assert_eq!(list(&by_agency, 0..=6, false, 100), [3, 4, 5, 6]);
        let t5 = r.parsed(5).unwrap().unwrap().header().time;
        let since = Filter { since: Some(t5), ..Filter::default() };
        assert_eq!(list(&since, 0..=u64::MAX, false, 1), [5]);
        let until = Filter { until: Some(t5), ..Filter::default() };
        assert_eq!(list(&until, 0..=u64::MAX, true, 1), [4]);
        published(&dir, r);
    }
}

#[test]
fn a_second_writer_is_refused_at_once() {
    let World { tmp: _tmp, ledger: _first, dir, .. } = World::empty();
    assert!(matches!(Ledger::open(&dir, Options::default()), Err(LedgerError::Locked(_))));
}

#[test]
fn a_folder_is_made_whole_or_not_at_all() {
    let Folder { tmp, dir, .. } = World::empty().close();
    let again = |dir: &Path| {
        Ledger::init(dir, origin(), key(ORIGIN, 1), &operator(), object(json!({"name": "x"}))).unwrap_err()
    };
    assert!(matches!(again(&dir), LedgerError::Exists(_)));
    let other = tmp.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.txt"), "mine").unwrap();
    again(&other);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    // A log key that is not named for the origin: refused, and nothing is left.
    let bad = tmp.path().join("bad");
    let wrong = Ledger::init(&bad, origin(), key("other.example", 1), &operator(), object(Value::Null));
    assert!(wrong.is_err());
    assert!(!bad.exists());
    assert!(matches!(Ledger::open(&bad, Options::default()), Err(LedgerError::NotALedger(_))));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(dir.join("keys/checkpoint.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn files_are_taken_before_the_event_that_names_them_and_served_after() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let (bytes, reader) = (b"surat tuntutan (synthetic)", ledger.reader().clone());
    let with = |files: &[_]| {
        let mut s = say(
            "exhibit.captured",
            Some(story.case),
            Value::Null,
            json!({"method": "scan", "captured": "2023-12-15"}),
            Some(json!({"description": "a letter"})),
        );
        s.files = files;
        s.sign(&[&desk()]).1
    };
    let code = |s: Submission| ledger.record_blocking(vec![s], false).remove(0).unwrap_err().code;
    let file = upload(&ledger, "surat.txt", bytes);
    let mut absent = file.clone();
    absent.blake3 = Digest::blake3(b"other");
    assert_eq!(code(with(&[absent])), Code::FileMissing);
    let mut wrong = file.clone();
    wrong.sha256 = Digest([0; 32]);
    assert_eq!(code(with(&[wrong])), Code::FileDigest);
    let mut wrong = file.clone();
    wrong.size += 1;
    assert_eq!(code(with(&[wrong])), Code::FileDigest);
    assert!(reader.file(&file.blake3).unwrap().is_none(), "no accepted content names it");
    ledger.record_blocking(vec![with(std::slice::from_ref(&file))], false).remove(0).unwrap();
    let (_, n, media) = reader.file(&file.blake3).unwrap().unwrap();
    assert_eq!((n, media.as_str()), (bytes.len() as u64, "text/plain"));
    published(&dir, &reader);
    let (path, ..) = reader.file(&file.blake3).unwrap().unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(path.starts_with(dir.join("public/file")));
    // Another event may name the file without another upload.
    ledger.record_blocking(vec![with(std::slice::from_ref(&file))], false).remove(0).unwrap();
    // A digest that is not that of the bytes.
    let mut lie = ledger.upload(Digest::blake3(b"x"), [127, 0, 0, 1].into()).unwrap();
    lie.write(b"y").unwrap();
    assert_eq!(lie.finish().unwrap_err().code, Code::FileDigest);
    assert_eq!(fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
}

#[test]
fn uploads_have_a_size_a_quota_and_an_end() {
    let options = Options {
        max_file: 100,
        // Each file counts for its size and 4 KiB more.
        upload_quota: 2 * 4_096 + 150,
        upload_expiry: Duration::from_secs(20),
        ..Options::default()
    };
    let World { tmp: _tmp, dir, ledger, .. } = World::with(options, |_| ());
    let (a, b) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
    let mut long = ledger.upload(Digest::blake3(b"x"), a).unwrap();
    assert_eq!(long.write(&[0; 101]).unwrap_err().code, Code::TooLarge);
    drop(long);
    upload(&ledger, "one", &[1; 90]);
    let mut more = ledger.upload(Digest::blake3(&[2; 90]), a).unwrap();
    assert_eq!(more.write(&[2; 90]).unwrap_err().code, Code::RateLimited);
    drop(more);
    let mut elsewhere = ledger.upload(Digest::blake3(&[2; 90]), b).unwrap();
    elsewhere.write(&[2; 90]).unwrap();
    elsewhere.finish().unwrap();
    assert_eq!(fs::read_dir(dir.join("upload")).unwrap().count(), 2);
    drop(ledger);
    let options = Options { upload_expiry: Duration::from_millis(300), ..Options::default() };
    let ledger = Ledger::open(&dir, options).unwrap();
    assert_eq!(fs::read_dir(dir.join("upload")).unwrap().count(), 2, "their time begins anew");
    let story = tell(&ledger);
    let mut s = say(
        "exhibit.captured",
        Some(story.case),
        Value::Null,
        json!({"method": "scan", "captured": "2023-12-15"}),
        Some(json!({"description": "a letter"})),
    );
    let file = upload(&ledger, "named", &[3; 90]);
    s.files = std::slice::from_ref(&file);
    record(&ledger, s.sign(&[&desk()]));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(fs::read_dir(dir.join("upload")).unwrap().count(), 0, "nobody named them in time");
    assert!(ledger.reader().file(&file.blake3).unwrap().is_some(), "this one was named");
}

#[test]
fn withheld_words_are_served_no_more_and_come_back_when_released() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let secret = "perkataan yang ditahan";
    let (id, s) = statement(&story, secret);
    let blob = s.content.clone().unwrap();
    let index = ledger.record_blocking(vec![s.clone()], false).remove(0).unwrap().index;
    let reader = ledger.reader().clone();
    let grep = |dir: &Path| {
        let mut found = Vec::new();
        for entry in walk(dir) {
            // A file that went meanwhile was a partial tile.
            let Ok(bytes) = fs::read(&entry) else { continue };
            if bytes.windows(secret.len()).any(|w| w == secret.as_bytes()) {
                found.push(entry);
            }
        }
        found
    };
    published(&dir, &reader);
    assert!(!grep(&dir).is_empty());
    let (_, by) = record(&ledger, withhold(Some(story.case), id, "court_order", &["content"]));
    assert_eq!(reader.words(index).unwrap(), StoredWords::Withheld(by));
    assert_eq!(reader.content(&Digest::blake3(&blob)).unwrap(), Blob::Withheld(by));
    let submitted_again = ledger.record_blocking(vec![s], false).remove(0).unwrap();
    assert_eq!(submitted_again.index, index, "the entry is returned, the words are not restored");
    assert_eq!(reader.words(index).unwrap(), StoredWords::Withheld(by));
    for _ in 0..100 {
        if grep(&dir).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(grep(&dir), Vec::<std::path::PathBuf>::new(), "gone from journal, tiles and index");
    drop((reader, ledger));
    let ledger = open(&dir);
    let reader = ledger.reader().clone();
    assert_eq!(reader.words(index).unwrap(), StoredWords::Withheld(by));
    let facts = json!({"ground": "order_lifted", "blobs": ["content"]});
    let (_, mut release) =
        say("content.released", Some(story.case), json!({"entry": id}), facts, None).sign(&[&operator()]);
    assert_eq!(
        ledger.record_blocking(vec![release.clone()], false).remove(0).unwrap_err().code,
        Code::ContentMissing
    );
    release.restored = Some(b"other".to_vec());
    assert_eq!(
        ledger.record_blocking(vec![release.clone()], false).remove(0).unwrap_err().code,
        Code::ContentDigest
    );
    release.restored = Some(blob.clone());
    ledger.record_blocking(vec![release], false).remove(0).unwrap();
    assert_eq!(reader.words(index).unwrap(), StoredWords::Present(blob.clone().into()));
    drop((reader, ledger));
    let ledger = open(&dir);
    assert_eq!(ledger.reader().words(index).unwrap(), StoredWords::Present(blob.into()));
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(walk(&path));
        } else {
            out.push(path);
        }
    }
    out
}

#[test]
fn evidence_by_the_addressees_key_is_signed_by_it() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let agency = key("agensi.example/web", 71);
    let party = json!({"party": story.agency});
    let adding = say("key.added", None, party, json!({"key": agency.verifying_key().to_string()}), None);
    let refs = json!({"sender": story.desk, "addressee": story.agency});
    let words = Some(json!({"address": "Jalan 1"}));
    let notice = say("notice.dispatched", Some(story.case), refs, json!({"channel": "hand"}), words);
    let (notice, sent) = notice.sign(&[&desk()]);
    let told = ledger.record_blocking(vec![adding.sign(&[&operator(), &agency]).1, sent], false);
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    let evidence = |voucher: &str, keys: &[&SigningKey]| {
        let facts = json!({"evidence": "ConsignmentAcceptance", "vouched_by": voucher});
        let words = Some(json!({"account": "Diterima."}));
        say("delivery.evidenced", Some(story.case), json!({"notice": notice}), facts, words).sign(keys).1
    };
    let (desk, operator) = (desk(), operator());
    let answers = ledger.record_blocking(
        vec![
            evidence("addressee_key", &[&desk]),
            evidence("addressee_key", &[&operator]),
            evidence("addressee_paper", &[&desk]),
            evidence("addressee_key", &[&desk, &agency]),
        ],
        false,
    );
    let outcome: Vec<_> = answers.into_iter().map(|a| a.map(|r| r.index).map_err(|r| r.place)).collect();
    let refused = || Err("evidence.addressee".to_owned());
    assert_eq!(outcome, [refused(), refused(), Ok(7), Ok(8)]);
}

#[test]
fn a_count_takes_no_more_signatures_away_than_it_has() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let (refs, words) = (json!({"organiser": story.desk}), Some(json!({"text": "Kami meminta."})));
    let opened = say("collection.opened", Some(story.case), refs, json!({"assurance": "email"}), words);
    let (collection, sent) = opened.sign(&[&desk()]);
    assert!(ledger.record_blocking(vec![sent], false)[0].is_ok());
    let count = |event_type, facts: Value| {
        say(event_type, Some(story.case), json!({"collection": collection}), facts, None).sign(&[&desk()]).1
    };
    let most = (1u64 << 53) - 1;
    let answers = ledger.record_blocking(
        vec![
            count("collection.counted", json!({"count": 566, "withdrawn": 567})),
            count(
                "collection.counted",
                json!({"count": 566, "withdrawn": 500, "duplicate": 60, "invalid": 7}),
            ),
            count("collection.counted", json!({"count": 566, "withdrawn": most, "duplicate": most})),
            count("collection.closed", json!({"count": 566, "invalid": 567})),
            count(
                "collection.counted",
                json!({"count": 566, "withdrawn": 500, "duplicate": 60, "invalid": 6}),
            ),
        ],
        false,
    );
    let places: Vec<_> = answers.into_iter().map(|a| a.map(|_| ()).map_err(|r| r.place)).collect();
    let refused = || Err("collection.standing".to_owned());
    assert_eq!(places, [refused(), refused(), refused(), refused(), Ok(())]);
}

#[test]
fn links_quote_word_for_word_and_demands_hold_their_items() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let (a, s1) = statement(&story, "sistem telah diserang pada 2 Disember");
    let (b, s2) = statement(&story, "tiada gangguan");
    let link = |exact: &str| {
        let words = json!({"reasoning": "…", "quotes": {"from": {"exact": exact, "prefix": "telah "}}});
        say(
            "link.asserted",
            Some(story.case),
            json!({"from": a, "to": b}),
            json!({"relation": "contradicts"}),
            Some(words),
        )
        .sign(&[&desk()])
        .1
    };
    let answers = ledger.record_blocking(vec![s1, s2, link("diserang"), link("digodam")], false);
    let outcome: Vec<_> = answers.into_iter().map(|a| a.map(|r| r.index).map_err(|r| r.place)).collect();
    assert_eq!(outcome, [Ok(5), Ok(6), Ok(7), Err("link.quote".into())]);
    let demand = |items: Value| {
        let refs = json!({"respondent": story.agency, "counsel": story.desk});
        say("demand.issued", Some(story.case), refs, json!({"items": 2}), Some(json!({"items": items})))
            .sign(&[&desk()])
            .1
    };
    let answers = ledger.record_blocking(vec![demand(json!(["a"])), demand(json!(["a", "b"]))], false);
    assert_eq!(answers[0].as_ref().unwrap_err().place, "words.items");
    assert!(answers[1].is_ok());
}

#[test]
fn the_door_names_the_member_that_says_nothing() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let blank = ["", " \n", "\0", "\u{200b}", "\u{feff}"].map(|text| statement(&story, text).1);
    for answer in ledger.record_blocking(blank.to_vec(), false) {
        let refusal = answer.unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.place.as_str()), ("CONTENT_JSON", "content.text"));
    }
    let quoted = |member: &str| {
        let refs = json!({"speaker": story.agency});
        let words = json!({"text": "x", "quotes": [{"exact": "x", member: "y"}]});
        let facts = json!({"standing": "report", "language": "en"});
        say("statement.made", Some(story.case), refs, facts, Some(words)).sign(&[&desk()]).1
    };
    let answers = ledger.record_blocking(vec![quoted("bye"), quoted("by")], false);
    assert_eq!(answers[0].as_ref().unwrap_err().place, "content.quotes[0]");
    assert!(answers[1].is_ok(), "{:?}", answers[1]);
}

#[test]
fn the_vectors_pass_through_the_real_ledger() {
    let v: Value = serde_json::from_str(include_str!("../vectors/v1.json")).unwrap();
    let seed = |name: &str| -> [u8; 32] {
        let hex = v["keys"][name]["seed_hex"].as_str().unwrap();
        hex.parse::<Digest>().unwrap().0
    };
    let entries = v["entries"].as_array().unwrap();
    let submission = |e: &Value| {
        let content = e["content"].as_str().map(|c| c.as_bytes().to_vec());
        Submission::new(e["note"].as_str().unwrap().as_bytes().to_vec(), content)
    };
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    let log = SigningKey::from_seed(ORIGIN.parse().unwrap(), &seed("log"));
    Ledger::found(&dir, origin(), log, submission(&entries[0])).unwrap();
    let ledger = open(&dir);
    for file in v["files_b64"].as_array().unwrap() {
        upload(&ledger, "file", &base64_decode(file.as_str().unwrap()).unwrap());
    }
    let answers = ledger.record_blocking(entries[1..].iter().map(submission).collect(), true);
    for (i, (answer, e)) in answers.into_iter().zip(&entries[1..]).enumerate() {
        let receipt = answer.unwrap_or_else(|r| panic!("entry {}: {r}", i + 1));
        assert_eq!(receipt.id.to_string(), e["event_id"].as_str().unwrap());
        // All lines but `time` and `prev`, which differ in this ledger.
        let lines = |text: &str| -> Vec<String> {
            let keep = |l: &&str| !l.starts_with("time ") && !l.starts_with("prev ");
            text.lines().filter(keep).map(str::to_owned).collect()
        };
        let ours = String::from_utf8(receipt.entry.to_vec()).unwrap();
        assert_eq!(lines(&ours), lines(e["text"].as_str().unwrap()));
    }
    for (i, r) in v["refused"].as_array().unwrap().iter().enumerate() {
        let decode = |name: &str| r[name].as_str().map(|s| base64_decode(s).unwrap());
        let s = Submission::new(decode("note_b64").unwrap(), decode("content_b64"));
        let refusal = ledger.record_blocking(vec![s], false).remove(0).unwrap_err();
        assert_eq!(refusal.code.as_str(), r["code"].as_str().unwrap(), "{i}: {refusal}");
    }
    assert_eq!(size(ledger.reader()), 28, "no refused submission changed anything");
    let event = Event::parse(entries[5]["note"].as_str().unwrap().as_bytes(), &origin()).unwrap();
    assert_eq!(ledger.reader().index_of(&event.id()).unwrap(), Some(5));
}
