//! SIGKILL at random moments under load: every acknowledged event is there, nothing half-written is served, and
//! the ledger verifies. One ledger lives through all rounds. `ONRECORD_KILL_ROUNDS` sets their number.
//!
//! The program starts itself again as the writer that is killed; that is why it has a `main` of its own.

mod support;

use std::{
    collections::HashMap,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use onrecord::{
    event::EventId,
    ledger::{Ledger, Options, StoredWords},
    log::{Auditor, Entry, MemoryRows, leaf_hash},
};
use support::*;

const ROUNDS: u64 = 30;
const WRITERS: usize = 4;

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
    let (acknowledged, size) = killed_under_load_loses_nothing(rounds);
    println!(
        "killed_under_load_loses_nothing: {rounds} rounds, {acknowledged} acknowledged events all there, \
         {size} entries, {:.1} s",
        started.elapsed().as_secs_f64()
    );
    println!("1 passed, 0 failed");
}

/// Records without end, and says what was acknowledged.
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
        for writer in 0..WRITERS {
            let (ledger, story) = (&ledger, &story);
            scope.spawn(move || {
                for i in 0.. {
                    let batch: Vec<_> = (0..1 + i % 7)
                        .map(|j| statement(story, &format!("round {round}, writer {writer}, {i}, {j}")).1)
                        .collect();
                    let mut lines = String::new();
                    for answer in ledger.record_blocking(batch, i % 3 == 0) {
                        let receipt = answer.unwrap();
                        lines += &format!("{} {}\n", receipt.index, receipt.id);
                    }
                    let mut out = std::io::stdout().lock();
                    // The parent may be gone; then so are we.
                    if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
                        std::process::exit(1);
                    }
                }
            });
        }
    });
}

fn killed_under_load_loses_nothing(rounds: u64) -> (usize, u64) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    tell(&open(&dir));
    let mut acknowledged: HashMap<EventId, u64> = HashMap::new();
    let mut size = 0;
    for round in 0..rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["write".as_ref(), dir.as_os_str(), round.to_string().as_ref()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "open");
        // A walk over moments from 1 ms to 400 ms, in no order.
        let moment = Duration::from_millis(1 + (round * 149) % 400);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let whole = |line: &String| line.len() > 64;
        for line in lines.map_while(Result::ok).filter(whole) {
            let (index, id) = line.split_once(' ').unwrap();
            let Ok(id) = id.parse() else { continue };
            let before = acknowledged.insert(id, index.parse().unwrap());
            assert_eq!(before, None, "acknowledged once");
        }
        killer.join().unwrap();
        size = check(&dir, &acknowledged, round);
    }
    assert!(acknowledged.len() > 100, "the load was none: {}", acknowledged.len());
    (acknowledged.len(), size)
}

/// Opens the ledger as a user would after the crash, and checks all of it.
fn check(dir: &Path, acknowledged: &HashMap<EventId, u64>, round: u64) -> u64 {
    let ledger = open(dir);
    let reader = ledger.reader();
    let checkpoint = reader.checkpoint();
    let size = checkpoint.checkpoint().size();
    let mut auditor = Auditor::new(origin(), MemoryRows::default());
    let mut there: HashMap<EventId, u64> = HashMap::new();
    for index in 0..size {
        let bytes = reader.entry(index).unwrap().unwrap();
        let entry = Entry::parse(&bytes, &origin()).unwrap().verify().unwrap();
        auditor
            .push(&entry, leaf_hash(&bytes))
            .unwrap_or_else(|e| panic!("round {round}, entry {index}: {e}"));
        there.insert(entry.event().id(), index);
        let words = reader.words(index).unwrap();
        let expected = entry.event().content().is_some();
        assert_eq!(matches!(words, StoredWords::Present(_)), expected, "round {round}, words of {index}");
    }
    assert_eq!(auditor.root(), checkpoint.checkpoint().root(), "round {round}");
    assert_eq!(reader.entry(size).unwrap(), None);
    for (id, index) in acknowledged {
        assert_eq!(there.get(id), Some(index), "round {round}: an acknowledged event is gone");
        assert_eq!(reader.index_of(id).unwrap(), Some(*index), "round {round}");
    }
    ledger.close();
    size
}
