//! Search: how fast its index is made, what that takes in memory, and how far it is behind a log that grows.

use std::{
    env,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onrecord::{
    event::EventId,
    ledger::{Ledger, Submission},
    search::Search,
};
use rayon::prelude::*;
use serde_json::json;

use crate::{
    authors::{AUTHORS, Author},
    grown::{CHUNK, Grown},
    ms, part, per_second,
    process::{Cpu, own_cpu, own_memory},
    row,
    support::{desk, open, say},
};

/// Set when this program is started again to make the index of the folder that it names: the memory of that process is then
/// that of search.
pub const CHILD: &str = "ONRECORD_BENCH_SEARCH_IN";

const CASES: usize = 2_000;
/// Events a second that search follows.
const PACE: usize = 2_000;
/// For how many seconds they come.
const SECONDS: usize = 10;
/// How many of them come at once.
const CALL: usize = 20;

pub fn run(statements: usize) {
    let mut grown = Grown::new();
    let cases = open_cases(&mut grown);
    let authors = grown.authors.clone();
    for from in (0..statements).step_by(CHUNK) {
        grown.record(&say_in(&authors, &cases, from, CHUNK.min(statements - from)));
    }
    let size = grown.size();
    let bytes = text(1).len();
    part(&format!(
        "search ({size} entries by {AUTHORS} authors in {CASES} cases, words of some {bytes} bytes)"
    ));
    grown.close();
    let child = Command::new(env::current_exe().unwrap()).env(CHILD, grown.dir()).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    print!("{}", String::from_utf8_lossy(&child.stdout));
    let later = say_in(&authors, &cases, statements, PACE * SECONDS);
    follow(grown.ledger(), later);
}

/// Makes the index of a ledger once.
pub fn build(dir: &Path) {
    let ledger = open(dir);
    let size = ledger.reader().checkpoint().checkpoint().size();
    let ((before, _), cpu, started) = (own_memory(), own_cpu(), Instant::now());
    let search = Search::start(ledger.reader());
    while search.reflects() < size {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (took, cpu) = (started.elapsed(), Cpu::since(cpu, own_cpu()));
    let each = cpu.as_secs_f64() * 1e6 / size as f64;
    let rate = per_second(size as usize, took);
    row("make the index", &format!("{rate:.0} entries/s (bar 40000); processor time an entry {each:.0} µs"));
    // Memory that only making the index needed is given back after a while.
    std::thread::sleep(Duration::from_secs(5));
    let (after, most) = own_memory();
    let more = format!("{:.0} MiB, {:.0} at most, over {before:.0} without", after - before, most - before);
    row("memory for it", &more);
}

/// Measures how long after it is on record an event can be found.
fn follow(ledger: &Ledger, submissions: Vec<Submission>) {
    let size = || ledger.reader().checkpoint().checkpoint().size();
    let search = Arc::new(Search::start(ledger.reader()));
    while search.reflects() < size() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let recorded: Arc<Mutex<Vec<(u64, Instant)>>> = Arc::default();
    let done = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let (search, recorded, done) = (search.clone(), recorded.clone(), done.clone());
        move || {
            let mut lags = Vec::new();
            loop {
                let ended = done.load(Ordering::Acquire);
                let (reflects, now) = (search.reflects(), Instant::now());
                let mut waiting = recorded.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.retain(|(size, at)| {
                    let found = *size <= reflects;
                    if found {
                        lags.push(now.saturating_duration_since(*at));
                    }
                    !found
                });
                if ended && waiting.is_empty() {
                    return lags;
                }
                drop(waiting);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let (cpu, started) = (own_cpu(), Instant::now());
    for (i, call) in submissions.chunks(CALL).enumerate() {
        let due = started + Duration::from_secs_f64((i * CALL) as f64 / PACE as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for answer in ledger.record_blocking(call.to_vec(), false) {
            answer.unwrap();
        }
        recorded.lock().unwrap_or_else(PoisonError::into_inner).push((size(), Instant::now()));
    }
    let took = started.elapsed();
    done.store(true, Ordering::Release);
    let mut lags = watch.join().unwrap();
    let busy = Cpu::since(cpu, own_cpu()).as_secs_f64() / took.as_secs_f64();
    lags.sort_unstable();
    let at = |percent: usize| ms(lags[(lags.len() - 1) * percent / 100]);
    let rate = per_second(submissions.len(), took);
    let text = format!("{:.0} ms median, {:.0} p99, {:.0} at most (bar 200)", at(50), at(99), at(100));
    row(&format!("behind, at {rate:.0} events/s"), &format!("{text}; {busy:.2} cores in all"));
}

fn open_cases(grown: &mut Grown) -> Vec<EventId> {
    let respondents: Vec<EventId> = grown.authors.iter().map(|a| a.party).collect();
    let (ids, submissions): (Vec<_>, Vec<_>) = (0..CASES)
        .into_par_iter()
        .map(|i| {
            let refs = json!({"respondent": respondents[i % respondents.len()]});
            let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
            say("case.opened", None, refs, facts, Some(json!({"title": format!("Kes {i}")}))).sign(&[&desk()])
        })
        .unzip();
    grown.record(&submissions);
    ids
}

fn say_in(authors: &[Author], cases: &[EventId], from: usize, n: usize) -> Vec<Submission> {
    let one = |i: usize| authors[i % authors.len()].states(cases[i * 7 % cases.len()], &text(i)).1;
    (from..from + n).into_par_iter().map(one).collect()
}

/// Some 200 bytes of words like those of Malay, few of them often and most seldom; the same at each run.
fn text(i: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "da", "ka", "la", "ma", "na", "pa", "ra", "sa", "ta", "ju", "ku", "ni", "si", "men", "per"];
    const ENDS: [&str; 4] = ["", "", "kan", "nya"];
    let mut state = i as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut text = format!("{i:08}");
    while text.len() < 190 {
        // Raised to a random power from 0 to 1, so that a rank is about as frequent as its inverse, as with words (Zipf).
        let rank = 20_000f64.powf(next() as f64 / f64::from(u32::MAX >> 1)) as usize;
        text.push(' ');
        let mut left = rank;
        for _ in 0..4 {
            text.push_str(SYLLABLES[left % SYLLABLES.len()]);
            left /= SYLLABLES.len();
            if left == 0 {
                break;
            }
        }
        text.push_str(ENDS[rank % ENDS.len()]);
    }
    text
}
