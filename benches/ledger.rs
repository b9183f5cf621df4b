//! How fast the ledger is beside the limits of the machine it runs on: `cargo bench --bench ledger`.
//!
//! Figures of one run stand side by side, so that their ratios hold on any machine. Nothing here passes or
//! fails. `ONRECORD_BENCH_EVENTS` sets how many events are recorded.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    env, fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use onrecord::{
    event::{Event, EventId},
    ledger::{Ledger, Submission},
    note::SigningKey,
};
use rayon::prelude::*;
use serde_json::{Value, json};
use support::*;

const AUTHORS: usize = 1_000;
const IN_FLIGHT: usize = 1_024;

fn main() {
    let events: usize = env::var("ONRECORD_BENCH_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(40_000);
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let authors: Vec<Author> = register(&ledger);
    let submissions: Vec<Submission> =
        (0..events).into_par_iter().map(|i| authors[i % AUTHORS].says(i)).collect();
    let note = &submissions[0].note;

    println!("machine");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    row("cores", &cores.to_string());
    let verify = verify_rate(&submissions);
    row("strict verification, all cores", &format!("{verify:.0} /s"));
    let sync = sync_latency(tmp.path());
    row("append 2 KiB and fdatasync, median", &format!("{:.3} ms", ms(sync)));

    println!("library ({events} events by {AUTHORS} authors, note {} bytes)", note.len());
    let before = cpu_ticks();
    let (rate, entry) = in_flight(&ledger, &submissions);
    let cpu = (cpu_ticks() - before) as f64 * 10_000.0 / events as f64;
    row("entry size", &format!("{entry} bytes"));
    let signature = cores as f64 * 1e6 / verify;
    row("processor time an event", &format!("{cpu:.0} µs, {signature:.0} of them for its signature"));
    row(
        &format!("{IN_FLIGHT} in flight"),
        &format!("{rate:.0} /s, {:.2} of strict verification", rate / verify),
    );
    let single: Vec<Submission> = (0..500).map(|i| authors[i % AUTHORS].says(events + i)).collect();
    let (median, p99) = one_in_flight(&ledger, single);
    let bar = 2.0 * ms(sync) + 0.3;
    row("one in flight, median", &format!("{:.3} ms (bar {bar:.3}), p99 {:.3} ms", ms(median), ms(p99)));
    ledger.close();
    drop(ledger);

    println!("start");
    let started = Instant::now();
    let ledger = open(&dir);
    row("open, index intact", &format!("{:.0} ms", ms(started.elapsed())));
    let size = ledger.reader().checkpoint().checkpoint().size();
    drop(ledger);
    let started = Instant::now();
    Ledger::rebuild(&dir, &|_, _| {}).unwrap();
    let rate = size as f64 / started.elapsed().as_secs_f64();
    row("rebuild the index", &format!("{rate:.0} entries/s"));
}

fn row(name: &str, value: &str) {
    println!("  {name:<40} {value}");
    // A run takes a while; whoever watches sees each figure as it comes.
    let _ = std::io::stdout().flush();
}

/// Hundredths of a second of processor time that this process has used (proc(5)).
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

struct Author {
    key: SigningKey,
    party: EventId,
    case: EventId,
}

impl Author {
    /// A statement of its own, of about one kibibyte as an entry.
    fn says(&self, i: usize) -> Submission {
        let text = format!("{i:08} {}", "kata ".repeat(20));
        say(
            "statement.made",
            Some(self.case),
            json!({"speaker": self.party}),
            statement_facts(),
            Some(json!({"text": text})),
        )
        .sign(&[&self.key])
        .1
    }
}

fn register(ledger: &Ledger) -> Vec<Author> {
    let story = tell(ledger);
    let op = operator();
    let mut authors = Vec::new();
    let mut batch = Vec::new();
    for i in 0..AUTHORS {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(i as u64).to_be_bytes());
        let key = SigningKey::from_seed(format!("author.example/{i}").parse().unwrap(), &seed);
        let facts = json!({"kind": "publisher", "keys": [key.verifying_key().to_string()]});
        let (party, s) =
            say("party.registered", None, Value::Null, facts, Some(json!({"name": "x"}))).sign(&[&op, &key]);
        batch.push(s);
        authors.push(Author { key, party, case: story.case });
    }
    for answer in ledger.record_blocking(batch, false) {
        answer.unwrap();
    }
    authors
}

fn verify_rate(submissions: &[Submission]) -> f64 {
    let some = &submissions[..submissions.len().min(20_000)];
    let events: Vec<Event> = some.iter().map(|s| Event::parse(&s.note, &origin()).unwrap()).collect();
    let started = Instant::now();
    let good = events
        .par_iter()
        .filter(|e| {
            let signature = e.note().signatures()[0].signature().try_into().unwrap();
            e.by()[0].verify(e.note().text().as_bytes(), signature)
        })
        .count();
    assert_eq!(good, events.len());
    good as f64 / started.elapsed().as_secs_f64()
}

fn sync_latency(dir: &Path) -> Duration {
    let mut file = fs::File::create(dir.join("sync")).unwrap();
    let mut times: Vec<Duration> = (0..300)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[0; 2048]).unwrap();
            file.sync_data().unwrap();
            started.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn in_flight(ledger: &Ledger, submissions: &[Submission]) -> (f64, usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let all: Arc<[Submission]> = submissions.into();
    let started = Instant::now();
    let entry = runtime.block_on(async {
        let tasks: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let (ledger, next, all) = (ledger.clone(), next.clone(), all.clone());
                tokio::spawn(async move {
                    let mut entry = 0;
                    loop {
                        let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(s) = all.get(i) else { return entry };
                        let receipt = ledger.record(vec![s.clone()], false).await.remove(0).unwrap();
                        entry = receipt.entry.len();
                    }
                })
            })
            .collect();
        let mut entry = 0;
        for task in tasks {
            entry = entry.max(task.await.unwrap());
        }
        entry
    });
    (submissions.len() as f64 / started.elapsed().as_secs_f64(), entry)
}

fn one_in_flight(ledger: &Ledger, submissions: Vec<Submission>) -> (Duration, Duration) {
    let mut times: Vec<Duration> = submissions
        .into_iter()
        .map(|s| {
            let started = Instant::now();
            ledger.record_blocking(vec![s], false).remove(0).unwrap();
            started.elapsed()
        })
        .collect();
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}
