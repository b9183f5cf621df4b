//! `verify::verify` on ledgers that an independent program wrote, whole and with any byte changed.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read},
    path::Path,
    process::{Command, Output, Stdio},
    sync::Mutex,
};

use crate::public::{public_files, tree_of};
use onrecord::{
    event::{At, Content, Digest, Draft, Event, EventId, EventType, FileRef},
    log::{
        Checkpoint, Contradiction, Entry, Header, MemoryRows, NoDoor, Time, Words, decide, encode_contents,
    },
    note::{SigningKey, VerifyingKey, base64_decode},
    verify::{
        FolderSource, Options, Outcome, Place, Report, Source, SourceError, Step, Verdict, verify,
        verify_told,
    },
};
use serde_json::{Map, Value, json};

/// A ledger's public files in memory.
#[derive(Clone, Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Source for Memory {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        Ok(self.0.get(path).map(|bytes| Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))
    }
    fn describe(&self) -> String {
        "memory".into()
    }
}

impl Memory {
    fn check(&self, key: &VerifyingKey) -> Report {
        verify(self, Some(key), &Options::default(), &|_, _| {})
    }
    fn with(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut copy = self.clone();
        change(copy.0.get_mut(path).unwrap_or_else(|| panic!("no {path}")));
        copy
    }
    fn flipped(&self, path: &str, at: usize, bit: u8) -> Self {
        self.with(path, |bytes| bytes[at] ^= 1 << bit)
    }
}

/// Files in memory that count how often each was asked for.
struct Counted<'a> {
    files: &'a Memory,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Source for Counted<'_> {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        *self.asked.lock().unwrap().entry(path.to_owned()).or_default() += 1;
        self.files.open(path)
    }
    fn describe(&self) -> String {
        "counted".into()
    }
}

impl Memory {
    /// Verifies the files. Gives also how often each file was asked for, and the reported steps of the search for a
    /// contradiction.
    fn counted(&self, key: &VerifyingKey) -> (Report, BTreeMap<String, usize>, Vec<Step>) {
        let counted = Counted { files: self, asked: Mutex::default() };
        let steps = Mutex::new(Vec::new());
        let report = verify_told(&counted, Some(key), &Options::default(), &|step| {
            if matches!(step, Step::Searched { .. }) {
                steps.lock().unwrap().push(step);
            }
        });
        (report, counted.asked.into_inner().unwrap(), steps.into_inner().unwrap())
    }
}

fn outcome(report: &Report, check: &str) -> Outcome {
    report.checks.iter().find(|c| c.name == check).unwrap().outcome
}

const BUNDLE: &str = "tile/entries/000.p/28";
const TILE: &str = "tile/0/000.p/28";
const CONTENTS: &str = "content/tile/000.p/28";

/// The ledger of the vectors, with the log's key and the raw entries.
fn vectors() -> (Memory, VerifyingKey, Vec<String>) {
    let v: Value = serde_json::from_str(include_str!("../vectors/v1.json")).unwrap();
    let b64 = |name: &str| base64_decode(v[name].as_str().unwrap()).unwrap();
    let mut files = Memory::default();
    files.0.insert("checkpoint".into(), v["checkpoint"].as_str().unwrap().into());
    files.0.insert(BUNDLE.into(), b64("bundle_partial_b64"));
    files.0.insert(TILE.into(), b64("tile0_partial_b64"));
    files.0.insert(CONTENTS.into(), b64("content_tile_b64"));
    for file in v["files_b64"].as_array().unwrap() {
        let bytes = base64_decode(file.as_str().unwrap()).unwrap();
        files.0.insert(format!("file/{}", Digest::blake3(&bytes)), bytes);
    }
    let key = v["keys"]["log"]["vkey"].as_str().unwrap().parse().unwrap();
    let entries =
        v["entries"].as_array().unwrap().iter().map(|e| e["text"].as_str().unwrap().into()).collect();
    (files, key, entries)
}

/// The entry of a bundle or content tile that the byte at `at` belongs to.
fn owner(lengths: impl Iterator<Item = usize>, head: usize, at: usize) -> u64 {
    let mut end = 0;
    for (i, length) in lengths.enumerate() {
        end += head + length;
        if at < end {
            return i as u64;
        }
    }
    panic!("byte {at} is after the end, {end}")
}

#[test]
fn the_ledger_of_the_vectors_is_valid() {
    let (files, key, _) = vectors();
    let report = files.check(&key);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!((report.size, report.verdict.exit_code()), (Some(28), 0));
    for check in ["checkpoint", "entries", "rules", "chain", "tree", "tiles", "words", "files", "identity"] {
        assert_eq!(outcome(&report, check), Outcome::Ok, "{check}: {report}");
    }
    assert_eq!(outcome(&report, "witnesses"), Outcome::NotChecked);
    println!("{report}");
}

#[test]
fn without_a_key_the_identity_is_not_checked() {
    let (files, key, _) = vectors();
    let report = verify(&files, None, &Options::default(), &|_, _| {});
    assert_eq!(report.verdict, Verdict::IdentityNotChecked);
    assert_eq!(report.verdict.exit_code(), 3);
    assert_eq!(report.log_key, Some(key.clone()));
    let text = report.to_string();
    assert!(text.contains("NOT CHECKED") && text.contains(&key.to_string()), "{text}");
    println!("{text}");
}

#[test]
fn another_key_is_refused_at_the_checkpoint() {
    let (files, key, _) = vectors();
    let other = SigningKey::from_seed(key.name().clone(), &[3; 32]);
    let report = files.check(other.verifying_key());
    assert_eq!(report.verdict, Verdict::Refused);
    assert_eq!(report.faults[0].place, Place::Checkpoint, "{report}");
}

#[test]
fn a_folder_and_the_full_tiles_of_a_grown_ledger_serve_as_well() {
    let (files, key, entries) = vectors();
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in &files.0 {
        let path = dir.path().join("public").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let source = FolderSource::open(dir.path()).unwrap();
    let report = verify(&source, Some(&key), &Options::default(), &|_, _| {});
    assert_eq!(report.verdict, Verdict::Valid, "{report}");

    // Partial tiles go once the full ones are there (tlog-tiles).
    let mut grown = files.clone();
    for (partial, full, more) in [
        (
            BUNDLE,
            "tile/entries/000",
            [&(entries[0].len() as u16).to_be_bytes(), entries[0].as_bytes()].concat(),
        ),
        (TILE, "tile/0/000", vec![7; 32 * 228]),
        (CONTENTS, "content/tile/000", vec![0; 4 * 228]),
    ] {
        let mut bytes = grown.0.remove(partial).unwrap();
        bytes.extend(more);
        grown.0.insert(full.into(), bytes);
    }
    let report = grown.check(&key);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
}

#[test]
fn any_byte_changed_in_a_bundle_is_refused_naming_its_entry() {
    let (files, key, entries) = vectors();
    let length = files.0[BUNDLE].len();
    let starts: Vec<usize> = entries
        .iter()
        .scan(0, |end, e| {
            *end += 2 + e.len();
            Some(*end)
        })
        .collect();
    // The bytes of every length, those around them, and a sample that meets every line of every entry.
    let around = starts.iter().flat_map(|s| s.saturating_sub(3)..(s + 4).min(length));
    for at in (0..length).step_by(11).chain(around) {
        let report = files.flipped(BUNDLE, at, (at % 8) as u8).check(&key);
        let expected = owner(entries.iter().map(String::len), 2, at);
        assert_eq!(report.verdict, Verdict::Refused, "byte {at}");
        assert_eq!(report.faults[0].place, Place::Entry(expected), "byte {at}: {report}");
    }
}

#[test]
fn a_changed_header_line_is_named() {
    let (files, key, entries) = vectors();
    let start: usize = entries[..17].iter().map(|e| 2 + e.len()).sum::<usize>() + 2;
    for (line, name) in [
        ("onrecord/entry", "header line 1"),
        ("ledger.example", "header line 2"),
        ("index ", "index"),
        ("time 2026-11-22T05:00:00.6", "header line 4"),
        ("prev ", "prev"),
        ("thread ", "thread"),
        ("signer ", "signer line 1"),
        ("{\"type", "JSON"),
    ] {
        let at = start + entries[17].find(line).unwrap() + line.len();
        let report = files.flipped(BUNDLE, at, 0).check(&key);
        assert_eq!(report.faults[0].place, Place::Entry(17), "{line}: {report}");
        assert!(report.faults[0].what.contains(name), "{line}: {report}");
    }
}

#[test]
fn without_a_key_a_changed_entry_is_refused_too() {
    let (files, _, entries) = vectors();
    for at in (0..files.0[BUNDLE].len()).step_by(97) {
        let report = verify(&files.flipped(BUNDLE, at, 0), None, &Options::default(), &|_, _| {});
        assert_eq!(report.verdict, Verdict::Refused, "byte {at}");
        let expected = owner(entries.iter().map(String::len), 2, at);
        // If the first entry names another key, the rest can't be checked.
        if expected > 0 {
            assert_eq!(report.faults[0].place, Place::Entry(expected), "byte {at}: {report}");
        }
    }
}

#[test]
fn any_byte_changed_in_a_tile_is_refused_naming_the_tile() {
    let (files, key, _) = vectors();
    for at in (0..files.0[TILE].len()).step_by(5) {
        let report = files.flipped(TILE, at, (at % 8) as u8).check(&key);
        assert_eq!(report.verdict, Verdict::Refused, "byte {at}");
        assert_eq!(report.faults[0].place, Place::Tile(TILE.into()), "byte {at}: {report}");
        assert_eq!(outcome(&report, "entries"), Outcome::Ok);
    }
    for change in [Vec::pop as fn(&mut Vec<u8>) -> Option<u8>, |b| {
        b.push(0);
        None
    }] {
        let report = files.with(TILE, |bytes| _ = change(bytes)).check(&key);
        assert_eq!(report.faults[0].place, Place::Tile(TILE.into()), "{report}");
    }
}

#[test]
fn any_byte_changed_in_the_checkpoint_is_refused() {
    let (files, key, _) = vectors();
    for at in 0..files.0["checkpoint"].len() {
        let report = files.flipped("checkpoint", at, (at % 8) as u8).check(&key);
        assert_eq!(report.verdict, Verdict::Refused, "byte {at}");
        assert_eq!(report.faults[0].place, Place::Checkpoint, "byte {at}: {report}");
    }
}

#[test]
fn any_byte_changed_in_words_is_refused_naming_their_entry() {
    let (files, key, _) = vectors();
    let bytes = &files.0[CONTENTS];
    let mut lengths = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length);
        let length = if length == u32::MAX { 0 } else { length as usize };
        lengths.push(length);
        rest = &after[length..];
    }
    let heads = lengths.iter().scan(0, |end, l| {
        let start = *end;
        *end += 4 + l;
        Some(start..start + 6)
    });
    for at in (0..bytes.len()).step_by(7).chain(heads.flatten().filter(|at| *at < bytes.len())) {
        let report = files.flipped(CONTENTS, at, (at % 8) as u8).check(&key);
        let expected = owner(lengths.iter().copied(), 4, at);
        assert_eq!(report.verdict, Verdict::Refused, "byte {at}: {report}");
        assert_eq!(report.faults[0].place, Place::Words(expected), "byte {at}: {report}");
        assert_eq!(outcome(&report, "entries"), Outcome::Ok);
    }
}

#[test]
fn what_is_missing_is_named() {
    let (files, key, _) = vectors();
    let without = |path: &str| {
        let mut copy = files.clone();
        copy.0.remove(path).unwrap();
        copy.check(&key)
    };
    assert_eq!(without(BUNDLE).faults[0].place, Place::Entry(0));
    assert_eq!(without(TILE).faults[0].place, Place::Tile(TILE.into()));
    let report = without(CONTENTS);
    assert!(matches!(report.faults[0].place, Place::Words(_)), "{report}");
    // A copy of tiles alone says the same. It is whole for a reader who asks for no words.
    let said = report.to_string();
    assert!(said.contains("no words are here at all") && said.contains("--no-words"), "{said}");
    let mut tiles = files.clone();
    tiles.0.retain(|path, _| !path.starts_with("content/") && !path.starts_with("file/"));
    let options = Options { words: false, ..Options::default() };
    let report = verify(&tiles, Some(&key), &options, &|_, _| {});
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(without("checkpoint").verdict, Verdict::Undecided);
}

fn operator() -> SigningKey {
    SigningKey::from_seed("ledger.example.org/2026/operator".parse().unwrap(), &[2; 32])
}

/// A ledger made here, with any number of entries, words and files.
struct Ledger {
    origin: onrecord::note::Origin,
    log: SigningKey,
    rows: MemoryRows,
    entries: Vec<String>,
    words: Vec<Option<Vec<u8>>>,
    ids: Vec<EventId>,
    prev: Digest,
}

impl Ledger {
    fn new() -> Self {
        let key = |name: &str, seed| SigningKey::from_seed(name.parse().unwrap(), &[seed; 32]);
        let mut ledger = Self {
            origin: "ledger.example.org/2026".parse().unwrap(),
            log: key("ledger.example.org/2026", 1),
            rows: MemoryRows::default(),
            entries: Vec::new(),
            words: Vec::new(),
            ids: Vec::new(),
            prev: Digest([0; 32]),
        };
        let keys = json!({
            "checkpoint_key": ledger.log.verifying_key().to_string(),
            "operator_key": operator().verifying_key().to_string(),
        });
        ledger.push(EventType::LedgerOpened, json!({}), keys, None);
        ledger
    }

    fn push(&mut self, event_type: EventType, refs: Value, facts: Value, words: Option<Vec<u8>>) -> EventId {
        self.push_in(None, event_type, refs, facts, words)
    }

    fn push_in(
        &mut self,
        case: Option<EventId>,
        event_type: EventType,
        refs: Value,
        facts: Value,
        words: Option<Vec<u8>>,
    ) -> EventId {
        self.push_by(&[&operator()], case, event_type, refs, facts, words)
    }

    fn push_by(
        &mut self,
        by: &[&SigningKey],
        case: Option<EventId>,
        event_type: EventType,
        refs: Value,
        facts: Value,
        words: Option<Vec<u8>>,
    ) -> EventId {
        let map = |v: Value| v.as_object().cloned().unwrap();
        let draft = Draft {
            event_type,
            at: At::parse("2026-11-22").unwrap(),
            case,
            refs: map(refs),
            facts: map(facts),
            content: words.as_deref().map(onrecord::event::ContentRef::of),
        };
        let event = draft.sign(&self.origin, by).unwrap();
        let index = self.entries.len() as u64;
        let placement = decide(&self.rows, index, &event, &self.origin, &NoDoor).unwrap();
        let header = Header {
            index,
            time: Time::from_unix_ms(1_795_323_600_000 + index as i64).unwrap(),
            prev: self.prev,
            thread: placement.thread,
            k: placement.k,
            signers: placement.signers,
        };
        let entry = header.entry(&event);
        self.prev = Entry::parse(entry.as_bytes(), &self.origin).unwrap().hash();
        self.rows.put(placement.rows);
        self.entries.push(entry);
        self.words.push(words);
        self.ids.push(event.id());
        event.id()
    }

    fn party(&mut self, files: &[FileRef]) -> EventId {
        let n = self.entries.len();
        let words = Map::from_iter([("name".to_owned(), json!(format!("Party {n}")))]);
        let words = Content::seal(words, files, &[n as u8; 16]);
        self.push(EventType::PartyRegistered, json!({}), json!({"kind": "agency"}), Some(words))
    }

    fn key(&self) -> &VerifyingKey {
        self.log.verifying_key()
    }

    /// The public files, without the words of these entries.
    fn files(&self, withheld: &[usize]) -> Memory {
        let tree = tree_of(&self.entries);
        let checkpoint = Checkpoint::new(self.origin.clone(), tree.size(), tree.root()).unwrap();
        let note = checkpoint.sign(&self.log).unwrap();
        let words: Vec<_> = (0..self.words.len())
            .map(|i| match &self.words[i] {
                None => Words::None,
                Some(_) if withheld.contains(&i) => Words::Withheld,
                Some(words) => Words::Present(words),
            })
            .collect();
        Memory(public_files(note.note().as_bytes(), &self.entries, &words))
    }
}

fn file(bytes: &[u8]) -> FileRef {
    use sha2::Digest as _;
    FileRef {
        name: "letter.txt".into(),
        blake3: Digest::blake3(bytes),
        sha256: Digest(sha2::Sha256::digest(bytes).into()),
        size: bytes.len() as u64,
        media: "text/plain".into(),
    }
}

#[test]
fn only_the_log_withholds_words_and_files() {
    let mut ledger = Ledger::new();
    let letter = file(b"letter");
    let held = ledger.party(std::slice::from_ref(&letter));
    let other = ledger.party(std::slice::from_ref(&letter));
    let upload = |files: &mut Memory, bytes: &[u8]| {
        files.0.insert(format!("file/{}", letter.blake3), bytes.to_vec());
    };
    let mut all = ledger.files(&[]);
    upload(&mut all, b"letter");
    assert_eq!(all.check(ledger.key()).verdict, Verdict::Valid);
    let mut changed = all.clone();
    upload(&mut changed, b"Letter");
    let report = changed.check(ledger.key());
    assert_eq!(report.faults[0].place.to_string(), "entry 1, files/0", "{report}");
    upload(&mut changed, b"letter and more");
    assert!(changed.check(ledger.key()).faults[0].what.contains("expected 6 bytes"));

    // The words are gone, and the log does not withhold them.
    let report = ledger.files(&[1]).check(ledger.key());
    assert_eq!(report.faults[0].place, Place::Words(1), "{report}");
    assert!(report.faults[0].what.contains("missing"));
    assert_eq!(report.faults[1].place.to_string(), "entry 2, files/0", "{report}");
    let no_files = Options { files: false, ..Options::default() };
    let report = verify(&ledger.files(&[]), Some(ledger.key()), &no_files, &|_, _| {});
    assert_eq!((report.verdict, outcome(&report, "files")), (Verdict::Valid, Outcome::NotChecked));

    let facts = |blobs: Value| json!({"ground": "erasure", "blobs": blobs});
    ledger.push(EventType::ContentWithheld, json!({"entry": held}), facts(json!(["content"])), None);
    ledger.push(EventType::ContentWithheld, json!({"entry": other}), facts(json!(["files/0"])), None);
    let report = ledger.files(&[1]).check(ledger.key());
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    let line = |name: &str| report.checks.iter().find(|c| c.name == name).unwrap().detail();
    assert_eq!(line("words"), "1 present, 1 withheld by the log, 0 missing");
    assert_eq!(line("files"), "0 present, 1 withheld by the log, 0 missing");
    // Withholding a file that is not there, which a ledger no longer allows.
    ledger.push(EventType::ContentWithheld, json!({"entry": other}), facts(json!(["files/7"])), None);
    assert_eq!(ledger.files(&[1]).check(ledger.key()).verdict, Verdict::Valid);

    // A copy that still has the words is valid, and the report says so.
    let mut kept = ledger.files(&[]);
    upload(&mut kept, b"letter");
    let report = kept.check(ledger.key());
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert!(report.to_string().contains("1 of those present withheld on the log"), "{report}");

    // The log gave the words back, but this copy lacks them.
    let facts = json!({"ground": "error", "blobs": ["content"]});
    ledger.push(EventType::ContentReleased, json!({"entry": held}), facts, None);
    let report = ledger.files(&[1]).check(ledger.key());
    assert_eq!(report.faults[0].place, Place::Words(1), "{report}");
}

#[test]
fn a_ledger_of_many_bundles_is_checked_whole() {
    let mut ledger = Ledger::new();
    for _ in 1..600 {
        ledger.party(&[]);
    }
    let files = ledger.files(&[]);
    let key = ledger.key();
    let seen = std::sync::Mutex::new(Vec::new());
    let options = Options { window: 1, ..Options::default() };
    let report = verify(&files, Some(key), &options, &|done, of| seen.lock().unwrap().push((done, of)));
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(seen.into_inner().unwrap(), [(256, 600), (512, 600), (600, 600)]);

    let at = |index: usize| 2 + ledger.entries[256..index].iter().map(|e| 2 + e.len()).sum::<usize>();
    for index in [256, 300, 511] {
        let time = at(index) + ledger.entries[index].find("time ").unwrap() + 5;
        let report = files.flipped("tile/entries/001", time, 0).check(key);
        assert_eq!(report.faults[0].place, Place::Entry(index as u64), "{report}");
    }
    for path in ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"] {
        let report = files.flipped(path, 40, 3).check(key);
        assert_eq!(report.faults[0].place, Place::Tile(path.into()), "{report}");
        assert_eq!(outcome(&report, "tree"), Outcome::Ok, "{report}");
    }
    // The upper tile is wrong too, so no path shows whether the entry or the leaf is true.
    let both = files.flipped("tile/1/000.p/2", 40, 3).flipped("tile/entries/001", at(300) + 300, 1);
    let report = both.check(key);
    assert_eq!(report.faults[0].place, Place::Entry(300), "{report}");
}

#[test]
fn a_tile_of_wrong_hashes_is_found_and_costs_few_requests() {
    let mut ledger = Ledger::new();
    for _ in 1..600 {
        ledger.party(&[]);
    }
    let files = ledger.files(&[]);
    // With two wrong hashes, the tiles don't show for either whether the hash or its entry is wrong.
    let two = files.flipped("tile/0/001", 40, 3).flipped("tile/0/001", 400, 3);
    let all = files.with("tile/0/001", |tile| tile.iter_mut().for_each(|byte| *byte ^= 1));
    for lying in [two, all] {
        let (report, asked, _) = lying.counted(ledger.key());
        assert_eq!((report.verdict, outcome(&report, "tree")), (Verdict::Refused, Outcome::Ok), "{report}");
        assert_eq!(report.faults[0].place, Place::Tile("tile/0/001".into()), "{report}");
        let tiles =
            asked.iter().filter(|(path, _)| path.starts_with("tile/0/") || path.starts_with("tile/1/"));
        for (path, times) in tiles {
            // A tile is read once for its hashes, once for paths, and again at the end if it is partial.
            assert!(*times <= 3, "{path}, {times} times");
        }
    }
}

/// A ledger of parties, and one more entry that its operator adds, whatever the rules say.
struct Lie {
    ledger: Ledger,
}

impl Lie {
    fn new(parties: usize, by: &SigningKey, party: usize, change: impl FnOnce(&mut Header, &Ledger)) -> Self {
        let mut ledger = Ledger::new();
        for _ in 1..parties {
            ledger.party(&[]);
        }
        let words = Content::seal(Map::from_iter([("name".to_owned(), json!("Another"))]), &[], &[7; 16]);
        let draft = Draft {
            event_type: EventType::PartyUpdated,
            at: At::parse("2026-11-22").unwrap(),
            case: None,
            refs: json!({"party": ledger.ids[party]}).as_object().cloned().unwrap(),
            facts: Map::new(),
            content: Some(onrecord::event::ContentRef::of(&words)),
        };
        let event = draft.sign(&ledger.origin, &[by]).unwrap();
        let index = ledger.entries.len() as u64;
        let mut header = Header {
            index,
            time: Time::from_unix_ms(1_795_323_600_000 + index as i64).unwrap(),
            prev: ledger.prev,
            thread: ledger.ids[party],
            k: 1,
            signers: vec![(ledger.ids[0], 0)],
        };
        change(&mut header, &ledger);
        ledger.entries.push(header.entry(&event));
        ledger.words.push(Some(words));
        Self { ledger }
    }

    /// The report, how often each bundle was read, and the steps of the search that were reported.
    fn checked(&self) -> (Report, BTreeMap<String, usize>, Vec<Step>) {
        let (report, mut asked, steps) = self.ledger.files(&[]).counted(self.ledger.key());
        let last = Place::Entry(self.ledger.entries.len() as u64 - 1);
        assert_eq!(report.faults[0].place, last, "{report}");
        asked.retain(|path, _| path.starts_with("tile/entries/"));
        (report, asked, steps)
    }
}

fn bundles(times: [usize; 3]) -> BTreeMap<String, usize> {
    ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/89"]
        .map(String::from)
        .into_iter()
        .zip(times)
        .collect()
}

#[test]
fn a_contradiction_is_looked_for_only_where_there_can_be_one() {
    let operator = operator();
    let stranger = SigningKey::from_seed("stranger.example/a".parse().unwrap(), &[9; 32]);
    // The honest twin is valid.
    let (report, _, _) = Lie::new(600, &operator, 5, |_, _| ())
        .ledger
        .files(&[])
        .counted(&Ledger::new().log.verifying_key().clone());
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    // Nobody on record has this key, so no entry contradicts it. Its bundle is read again for a proof, if there were one.
    let (report, read, steps) = Lie::new(600, &stranger, 5, |_, _| ()).checked();
    assert!(report.faults[0].what.contains("KEY_UNKNOWN") && report.contradiction.is_none(), "{report}");
    assert_eq!((read, steps.len()), (bundles([1, 1, 2]), 0));
    // Two numbers of its thread are skipped. An entry that contradicts it could only be one of the two before it.
    let (report, read, steps) = Lie::new(600, &operator, 5, |header, _| header.k = 3).checked();
    assert!(report.faults[0].what.contains("thread: expected") && report.contradiction.is_none(), "{report}");
    assert_eq!((read, steps), (bundles([1, 1, 2]), vec![Step::Searched { entry: 600, done: 2, of: 2 }]));
    // It has the number of an entry far before it. That entry is searched and found, and progress is reported.
    let (report, read, steps) = Lie::new(600, &operator, 5, |header, _| header.k = 0).checked();
    let proof = serde_json::to_vec(&report.contradiction.unwrap()).unwrap();
    assert_eq!(Contradiction::prove(&proof).unwrap().entries, [5, 600]);
    assert_eq!(read, bundles([2, 2, 2]));
    let told = |done| Step::Searched { entry: 600, done, of: 600 };
    assert_eq!(steps, [told(88), told(344)]);
    // Whoever made the copy changed it. The log signed none of that.
    let lie = Lie::new(600, &operator, 5, |_, _| ());
    let mut files = lie.ledger.files(&[]);
    let mut other = Lie::new(600, &operator, 5, |header, _| header.k = 0).ledger.files(&[]);
    let bundle = "tile/entries/002.p/89";
    files.0.insert(bundle.into(), other.0.remove(bundle).unwrap());
    let (report, read, steps) = files.counted(lie.ledger.key());
    assert_eq!(
        (&report.faults[0].place, report.contradiction.is_none()),
        (&Place::Entry(600), true),
        "{report}"
    );
    assert_eq!((read.get(bundle), steps.len()), (Some(&2), 0));
}

#[test]
fn whatever_a_refused_entry_proves_beside_an_earlier_one_is_found() {
    let key = |name: &str, seed| SigningKey::from_seed(name.parse().unwrap(), &[seed; 32]);
    let (own, spare) = (key("party.example/own", 21), key("party.example/spare", 22));
    let named = |name: &str| Content::seal(Map::from_iter([("name".to_owned(), json!(name))]), &[], &[7; 16]);
    let mut ledger = Ledger::new();
    let operator = operator();
    let facts = json!({"kind": "agency", "keys": [own.verifying_key().to_string()]});
    let words = Some(named("One"));
    let party = ledger.push_by(&[&operator, &own], None, EventType::PartyRegistered, json!({}), facts, words);
    let other = ledger.party(&[]);
    let (of, key) = (json!({"party": party}), json!({"key": spare.verifying_key().to_string()}));
    ledger.push_by(&[&own, &spare], None, EventType::KeyAdded, of.clone(), key.clone(), None);
    let update = (EventType::PartyUpdated, json!({}));
    ledger.push_by(&[&own], None, update.0, of.clone(), update.1.clone(), Some(named("Two")));
    ledger.push_by(&[&spare], None, update.0, of.clone(), update.1.clone(), Some(named("Three")));
    ledger.push_by(&[&operator], None, update.0, json!({"party": other}), update.1, Some(named("Four")));
    let revoked = json!({"key": spare.verifying_key().to_string(), "reason": "compromised"});
    ledger.push_by(&[&own], None, EventType::KeyRevoked, of, revoked, None);
    ledger.party(&[]);
    ledger.party(&[]);
    let at = ledger.entries.len() as u64;
    let time = |ms: i64| Time::from_unix_ms(1_795_323_600_000 + ms).unwrap();
    let good =
        Header { index: at, time: time(at as i64), prev: ledger.prev, thread: party, k: 0, signers: vec![] };
    let event = |by: &SigningKey, of: EventId| {
        let words = named("Five");
        let refs = json!({"party": of}).as_object().cloned().unwrap();
        let content = Some(onrecord::event::ContentRef::of(&words));
        let (at, facts) = (At::parse("2026-11-22").unwrap(), Map::new());
        let draft = Draft { event_type: EventType::PartyUpdated, at, case: None, refs, facts, content };
        (Event::clone(&draft.sign(&ledger.origin, &[by]).unwrap()), of)
    };
    let again = Entry::parse(ledger.entries[4].as_bytes(), &ledger.origin).unwrap().event().clone();
    let events = [
        event(&own, party),
        event(&spare, party),
        event(&operator, party),
        event(&operator, other),
        (again, party),
    ];
    let mut headers = Vec::new();
    for k in 0..8 {
        for signer in [ledger.ids[0], party, other, EventId([7; 32])] {
            for last in 0..8 {
                headers.push(Header { k, signers: vec![(signer, last)], ..good.clone() });
            }
        }
    }
    for header in [Header { time: time(3), ..good.clone() }, Header { prev: Digest([1; 32]), ..good.clone() }]
    {
        headers.push(Header { k: 5, signers: vec![(party, 5)], ..header });
    }
    let mut proved = 0;
    for (event, thread) in &events {
        for header in &headers {
            let mut forged =
                Ledger { entries: ledger.entries.clone(), words: ledger.words.clone(), ..Ledger::new() };
            forged.entries.push(Header { thread: *thread, ..header.clone() }.entry(event));
            forged.words.push(None);
            let options = Options { words: false, ..Options::default() };
            let report = verify(&forged.files(&[]), Some(ledger.key()), &options, &|_, _| {});
            let raw = |index: u64| forged.entries[index as usize].as_bytes();
            let proves = Contradiction::alone(at, raw(at), &ledger.origin)
                || (0..at).any(|i| Contradiction::between((i, raw(i)), (at, raw(at)), &ledger.origin));
            assert_eq!(report.contradiction.is_some(), proves, "{:?}: {report}", forged.entries.last());
            assert!(!proves || report.verdict == Verdict::Refused);
            proved += usize::from(proves);
        }
    }
    println!("{proved} of {} entries prove something", headers.len() * events.len());
    assert!(proved > headers.len() && proved < headers.len() * events.len());
}

#[test]
fn a_log_that_signed_what_the_rules_refuse_is_refused() {
    let mut ledger = Ledger::new();
    ledger.party(&[]);
    ledger.party(&[]);
    // The same event twice, and an entry of another thread. Tree and chain are good, but the rules are broken.
    let twin = ledger.entries[1].clone();
    let prev = ledger.prev;
    let entry = Entry::parse(twin.as_bytes(), &ledger.origin).unwrap();
    let header = Header { index: 3, prev, ..entry.header().clone() };
    ledger.entries.push(header.entry(entry.event()));
    ledger.words.push(ledger.words[1].clone());
    let report = ledger.files(&[]).check(ledger.key());
    assert_eq!(report.faults[0].place, Place::Entry(3), "{report}");

    ledger.entries.pop();
    ledger.words.pop();
    let entry = Entry::parse(ledger.entries[2].as_bytes(), &ledger.origin).unwrap();
    let header = Header { k: 1, ..entry.header().clone() };
    ledger.entries[2] = header.entry(entry.event());
    let report = ledger.files(&[]).check(ledger.key());
    assert_eq!(report.faults[0].place, Place::Entry(2), "{report}");
    assert!(report.faults[0].what.starts_with("thread: expected"), "{report}");
}

/// Runs the command on a folder. Gives its output, and the most memory it held, in KiB.
fn command(dir: &Path, key: &VerifyingKey, args: &[&str]) -> (Output, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
    command.arg("verify").arg(dir).args(["--key", &key.to_string()]).args(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (ended, end) = std::sync::mpsc::channel();
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while end.recv_timeout(std::time::Duration::from_millis(5)).is_err() {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            most = line.map_or(most, |l| l.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
        }
        most
    });
    let output = child.wait_with_output().unwrap();
    ended.send(()).unwrap();
    (output, watch.join().unwrap())
}

fn write(files: &Memory, dir: &Path) {
    for (path, bytes) in &files.0 {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn verdicts_are_the_same_where_nothing_is_kept_in_memory() {
    let mut ledger = Ledger::new();
    for _ in 1..300 {
        ledger.party(&[]);
    }
    let held = ledger.ids[7];
    let facts = json!({"ground": "erasure", "blobs": ["content"]});
    ledger.push(EventType::ContentWithheld, json!({"entry": held}), facts, None);
    // The same event again, long after the first is out of the rows in memory.
    let mut twice = Ledger { entries: ledger.entries.clone(), words: ledger.words.clone(), ..Ledger::new() };
    let entry = Entry::parse(ledger.entries[3].as_bytes(), &ledger.origin).unwrap();
    let time = Time::from_unix_ms(1_795_323_700_000).unwrap();
    let header = Header { index: 301, time, prev: ledger.prev, ..entry.header().clone() };
    twice.entries.push(header.entry(entry.event()));
    twice.words.push(ledger.words[3].clone());
    let good = ledger.files(&[7]);
    let at = 2 + ledger.entries[256..290].iter().map(|e| 2 + e.len()).sum::<usize>();
    let scratch = tempfile::tempdir().unwrap();
    for (what, files, verdict) in [
        ("good", good.clone(), Verdict::Valid),
        ("a byte", good.flipped("tile/entries/001.p/45", at + 400, 2), Verdict::Refused),
        ("words", good.flipped("content/tile/001.p/45", 300, 2), Verdict::Refused),
        ("missing words", ledger.files(&[7, 8]), Verdict::Refused),
        ("twice", twice.files(&[7]), Verdict::Refused),
    ] {
        let usual = files.check(ledger.key());
        let options = Options { memory: 0, scratch: scratch.path().into(), ..Options::default() };
        let spilled = verify(&files, Some(ledger.key()), &options, &|_, _| {});
        assert_eq!((usual.verdict, spilled.to_string()), (verdict, usual.to_string()), "{what}");
    }
    assert!(twice.files(&[7]).check(ledger.key()).faults[0].what.contains("stands at index 3"));

    let dir = tempfile::tempdir().unwrap();
    write(&good, dir.path());
    let (usual, _) = command(dir.path(), ledger.key(), &[]);
    let (spilled, _) =
        command(dir.path(), ledger.key(), &["--memory", "0", "--scratch", &scratch.path().to_string_lossy()]);
    assert_eq!((usual.status.code(), &usual.stdout), (Some(0), &spilled.stdout));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    // Where the rows can't be kept, nothing is decided.
    let (lost, _) = command(dir.path(), ledger.key(), &["--memory", "0", "--scratch", "/nowhere/at/all"]);
    let text = String::from_utf8_lossy(&lost.stdout);
    assert_eq!(lost.status.code(), Some(3), "{text}");
    assert!(text.contains("/nowhere/at/all"), "{text}");
}

#[test]
fn memory_has_a_bound_where_tiles_are_as_long_as_they_may_be() {
    const ENTRIES: usize = 3 * 256;
    let mut ledger = Ledger::new();
    let respondent = ledger.party(&[]);
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let title = Content::seal(Map::from_iter([("title".to_owned(), json!("x"))]), &[], &[1; 16]);
    let case = ledger.push(EventType::CaseOpened, json!({"respondent": respondent}), facts, Some(title));
    // Demands with nearly as many holidays as an event can hold, and words as long as they may be.
    let text = "\"files\" ".repeat(50_000);
    let seal = |text: &str| Content::seal(Map::from_iter([("text".to_owned(), json!(text))]), &[], &[2; 16]);
    let too_much = seal(&text).len() - 262_144;
    let words = seal(&text[..text.len() - too_much]);
    let words = seal(&text[..text.len() - too_much - (words.len().saturating_sub(262_144))]);
    let days: Vec<String> = (0..4_600)
        .map(|n| format!("{:04}-{:02}-{:02}", 2_000 + n / 336, 1 + n / 28 % 12, 1 + n % 28))
        .collect();
    while ledger.entries.len() < ENTRIES {
        let days_to_answer = ledger.entries.len();
        let deadline = json!({"days": days_to_answer, "rule": "calendar", "from": "issue", "holidays": days});
        let facts = json!({"items": 1, "deadline": deadline});
        let refs = json!({"respondent": respondent, "petitioner": respondent});
        ledger.push_in(Some(case), EventType::DemandIssued, refs, facts, Some(words.clone()));
        *ledger.words.last_mut().unwrap() = None;
    }
    let mut files = ledger.files(&[]);
    assert!(files.0["tile/entries/001"].len() > 14 << 20);
    let long: Vec<&[u8]> = vec![&words; 256];
    let contents = |words: &[&[u8]]| {
        let words: Vec<Words<'_>> =
            words.iter().map(|w| if w.is_empty() { Words::None } else { Words::Present(w) }).collect();
        encode_contents(&words).unwrap()
    };
    let mut first = long.clone();
    for (i, words) in ledger.words[..3].iter().enumerate() {
        first[i] = words.as_deref().unwrap_or_default();
    }
    files.0.insert("content/tile/000".into(), contents(&first));
    files.0.insert("content/tile/001".into(), contents(&long));
    files.0.remove("content/tile/002");
    let dir = tempfile::tempdir().unwrap();
    write(&files, dir.path());
    fs::hard_link(dir.path().join("content/tile/001"), dir.path().join("content/tile/002")).unwrap();
    let (output, most) = command(dir.path(), ledger.key(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    println!("{ENTRIES} of the longest entries: {} MiB", most >> 10);
    assert!(most > 0 && most < 300 << 10, "{} MiB", most >> 10);
}
