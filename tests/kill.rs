//! SIGKILL at random moments: under load, while words and files are handed in, withheld and given back, and while the
//! ledger starts. What lies in `public/` then is a whole ledger; started anew, every acknowledged event is there, nothing
//! half-written is served, what is withheld is gone, and all of it verifies. `ONRECORD_KILL_ROUNDS` sets how often.
//!
//! The program starts itself again as the writer that is killed; that is why it has a `main` of its own.

mod support;

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use onrecord::{
    event::{EventId, Position},
    ledger::{Ledger, Options, StoredWords, Submission},
    log::{Auditor, Entry, MemoryRows, Rows as _, leaf_hash},
    verify::{self, FolderSource, Verdict},
};
use serde_json::{Value, json};
use support::*;

const ROUNDS: u64 = 50;
/// How many rounds one ledger lives through.
const LIFE: u64 = 10;
const WRITERS: usize = 4;

/// What was seen of all rounds.
#[derive(Default)]
struct Seen {
    acknowledged: usize,
    entries: u64,
    withheld: usize,
    /// Rounds in which the process was killed before it was open.
    starts: u64,
}

fn main() {
    let args: Vec<String> = env::args().collect();
    if let [_, word, dir, round] = args.as_slice()
        && word == "write"
    {
        return write(Path::new(dir), round);
    }
    if args.iter().any(|a| a == "--list") {
        println!("killed_under_load_loses_nothing: test");
        return;
    }
    let rounds = env::var("ONRECORD_KILL_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(ROUNDS);
    let started = Instant::now();
    let mut seen = Seen::default();
    for from in (0..rounds).step_by(LIFE as usize) {
        killed_under_load_loses_nothing(from..rounds.min(from + LIFE), &mut seen);
    }
    let Seen { acknowledged, entries, withheld, starts } = seen;
    assert!(acknowledged > 100, "the load was none: {acknowledged}");
    assert!(rounds < ROUNDS || (withheld > 10 && starts > 3), "{withheld} withheld, {starts} starts");
    println!(
        "killed_under_load_loses_nothing: {rounds} rounds, {starts} of them while it started; {acknowledged} \
         acknowledged events of {entries} entries all there, {withheld} withheld texts nowhere, {:.1} s",
        started.elapsed().as_secs_f64()
    );
    println!("1 passed, 0 failed");
}

/// Records without end, and tells the parent what was acknowledged.
fn write(dir: &Path, round: &str) {
    let ledger = Ledger::open(dir, Options::default()).unwrap();
    let reader = ledger.reader().clone();
    let case = reader.parsed(4).unwrap().unwrap();
    let story = Story {
        desk: reader.parsed(1).unwrap().unwrap().event().id(),
        agency: case.event().role("respondent").unwrap(),
        case: case.event().id(),
    };
    println!("open");
    std::thread::scope(|scope| {
        let (ledger, story) = (&ledger, &story);
        scope.spawn(move || write_exhibits(ledger, story, round));
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for i in 0.. {
                    let batch: Vec<_> = (0..1 + i % 7)
                        .map(|j| statement(story, &format!("round {round}, writer {writer}, {i}, {j}")).1)
                        .collect();
                    record(ledger, batch, i % 3 == 0);
                }
            });
        }
    });
}

/// Records a batch, and tells the parent what was acknowledged.
fn record(ledger: &Ledger, batch: Vec<Submission>, atomic: bool) {
    let answers = ledger.record_blocking(batch, atomic).into_iter();
    let lines = answers.map(|answer| answer.unwrap()).map(|r| format!("{} {}\n", r.index, r.id));
    tell_parent(&lines.collect::<String>());
}

fn tell_parent(lines: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone; then this process ends too.
    if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// Records exhibits with files, which are withheld at once or later and given back. The parent is told first what each says.
fn write_exhibits(ledger: &Ledger, story: &Story, round: &str) {
    for i in 0.. {
        let (text, file) = (format!("[words {round}-{i}]"), format!("[bytes {round}-{i}]"));
        let files = [upload(ledger, "surat.txt", file.as_bytes())];
        let facts = json!({"method": "scan", "captured": "2023-12-15"});
        let mut said =
            say("exhibit.captured", Some(story.case), Value::Null, facts, Some(json!({"description": text})));
        said.files = &files;
        let (id, exhibit) = said.sign(&[&desk()]);
        tell_parent(&format!("says {id} {text} {file}\n"));
        let touch = |event_type, ground: &str| {
            let facts = json!({"ground": ground, "blobs": ["content", "files/0"]});
            say(event_type, Some(story.case), json!({"entry": id}), facts, None).sign(&[&operator()]).1
        };
        let blob = exhibit.content.clone();
        let withhold = touch("content.withheld", "embargo");
        if i % 3 == 0 {
            record(ledger, vec![exhibit, withhold], true);
        } else {
            record(ledger, vec![exhibit], false);
            record(ledger, vec![withhold], false);
        }
        if i % 4 == 1 {
            upload(ledger, "surat.txt", file.as_bytes());
            let mut release = touch("content.released", "embargo_ended");
            release.restored = blob;
            record(ledger, vec![release], false);
        }
    }
}

fn killed_under_load_loses_nothing(rounds: std::ops::Range<u64>, seen: &mut Seen) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    tell(&open(&dir));
    let mut acknowledged: HashMap<EventId, u64> = HashMap::new();
    let mut says: HashMap<EventId, [String; 2]> = HashMap::new();
    let (mut size, mut withheld) = (0, 0);
    for round in rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["write".as_ref(), dir.as_os_str(), round.to_string().as_ref()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The moments are spread out, in no order: within 400 ms of load, or within the first 40 ms of a start.
        let moment = if round % 3 == 2 {
            Duration::from_micros((round * 7_919) % 40_000)
        } else {
            assert_eq!(lines.next().unwrap().unwrap(), "open");
            Duration::from_millis(1 + (round * 149) % 400)
        };
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let mut was_open = round % 3 != 2;
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["open"] => was_open = true,
                ["says", id, rest @ ..] if line.ends_with(']') && rest.len() == 4 => {
                    let texts = [rest[..2].join(" "), rest[2..].join(" ")];
                    says.insert(id.parse().unwrap(), texts);
                }
                [index, id] if id.len() == 64 => {
                    let before = acknowledged.insert(id.parse().unwrap(), index.parse().unwrap());
                    assert_eq!(before, None, "acknowledged once");
                }
                // The last line was cut short.
                _ => {}
            }
        }
        killer.join().unwrap();
        seen.starts += u64::from(!was_open);
        (size, withheld) = check(&dir, &acknowledged, &says, round);
    }
    seen.acknowledged += acknowledged.len();
    seen.entries += size;
    seen.withheld += withheld;
}

/// Opens the ledger as a user would after the crash, and checks all of it. Gives its size, and how many exhibits are withheld.
fn check(
    dir: &Path,
    acknowledged: &HashMap<EventId, u64>,
    says: &HashMap<EventId, [String; 2]>,
    round: u64,
) -> (u64, usize) {
    let key = key(ORIGIN, 1);
    let public = FolderSource::open(&dir.join("public")).unwrap();
    let report = verify::verify(&public, Some(key.verifying_key()), &verify::Options::default(), &|_, _| {});
    assert_eq!(report.verdict, Verdict::Valid, "round {round}, as it was left: {report}");
    let ledger = open(dir);
    let reader = ledger.reader();
    let checkpoint = reader.checkpoint();
    let size = checkpoint.checkpoint().size();
    let mut auditor = Auditor::new(origin(), MemoryRows::default());
    let mut there: HashMap<EventId, u64> = HashMap::new();
    let mut with_words = Vec::new();
    for index in 0..size {
        let bytes = reader.entry(index).unwrap().unwrap();
        let entry = Entry::parse(&bytes, &origin()).unwrap().verify().unwrap();
        auditor
            .push(&entry, leaf_hash(&bytes))
            .unwrap_or_else(|e| panic!("round {round}, entry {index}: {e}"));
        there.insert(entry.event().id(), index);
        if entry.event().content().is_some() {
            with_words.push((index, entry.event().id()));
        }
    }
    assert_eq!(auditor.root(), checkpoint.checkpoint().root(), "round {round}");
    assert_eq!(reader.entry(size).unwrap(), None);
    let held = |id: &EventId| auditor.rows().fate(id).withheld_by(Position::Content);
    for (index, id) in with_words {
        let words = reader.words(index).unwrap();
        match held(&id) {
            Some(by) => assert_eq!(words, StoredWords::Withheld(by), "round {round}, words of {index}"),
            None => assert!(matches!(words, StoredWords::Present(_)), "round {round}, words of {index}"),
        }
    }
    for (id, index) in acknowledged {
        assert_eq!(there.get(id), Some(index), "round {round}: an acknowledged event is gone");
        assert_eq!(reader.index_of(id).unwrap(), Some(*index), "round {round}");
    }
    ledger.close();
    drop(ledger);
    // All texts in `public/` and in the journal. Files in `upload/` are left out: they wait there for an hour.
    let mut found = HashSet::new();
    for folder in ["public", "journal"] {
        find_texts(&dir.join(folder), &mut found);
    }
    let mut withheld = 0;
    for (id, texts) in says {
        let may = there.contains_key(id) && held(id).is_none();
        withheld += usize::from(there.contains_key(id) && !may);
        for text in texts {
            assert_eq!(found.contains(text), may, "round {round}: {text} of {id}");
        }
    }
    (size, withheld)
}

/// Finds each short text in square brackets in the files of a folder.
fn find_texts(dir: &Path, found: &mut HashSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_texts(&path, found);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for (at, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'[') {
            let rest = &bytes[at..bytes.len().min(at + 40)];
            if let Some(end) = rest.iter().position(|b| *b == b']') {
                found.insert(String::from_utf8_lossy(&rest[..=end]).into_owned());
            }
        }
    }
}
