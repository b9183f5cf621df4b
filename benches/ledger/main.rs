//! How fast the ledger is, compared with the limits of the machine it runs on: `cargo bench`.
//!
//! Figures of one run stand side by side, so that their ratios hold on any machine. Nothing here passes or
//! fails. `cargo bench -- verify start` runs single parts; sizes are set by the environment ([`Sizes`]).
//! Everything is in temporary folders (`TMPDIR`), some 3 GB for the largest ledger.

#[path = "../../tests/support/mod.rs"]
mod support;

mod answers;
mod authors;
mod files;
mod grown;
mod hostile;
mod http;
mod library;
mod load;
mod machine;
mod named;
mod process;
mod search;
mod start;
mod verify;

use std::{env, io::Write as _, time::Duration};

use grown::Grown;
use machine::Machine;
use mimalloc::MiMalloc;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How much is measured.
struct Sizes {
    /// Events recorded for each rate of writing: `ONRECORD_BENCH_EVENTS`.
    events: usize,
    /// Entries that are verified: `ONRECORD_BENCH_VERIFY`.
    verify: u64,
    /// Events that are read: `ONRECORD_BENCH_ANSWERS`.
    answers: u64,
    /// Entries that name one statement: `ONRECORD_BENCH_NAMED`.
    named: u64,
    /// Statements that search indexes: `ONRECORD_BENCH_SEARCH`.
    search: u64,
    /// Seconds for which the worst requests come: `ONRECORD_BENCH_HOSTILE`.
    hostile: u64,
    /// Entries of the large ledger: `ONRECORD_BENCH_ENTRIES`.
    entries: u64,
}

fn main() {
    if let Some(dir) = env::var_os(search::CHILD) {
        return search::build(dir.as_ref());
    }
    let number = |name: &str, usual: u64| env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let sizes = Sizes {
        events: number("ONRECORD_BENCH_EVENTS", 40_000) as usize,
        verify: number("ONRECORD_BENCH_VERIFY", 200_000),
        answers: number("ONRECORD_BENCH_ANSWERS", 100_000),
        named: number("ONRECORD_BENCH_NAMED", 100_000),
        search: number("ONRECORD_BENCH_SEARCH", 100_000),
        hostile: number("ONRECORD_BENCH_HOSTILE", 60),
        entries: number("ONRECORD_BENCH_ENTRIES", 1_000_000),
    };
    // Cargo adds flags of its own.
    let asked: Vec<String> = env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let part = |name: &str| asked.is_empty() || asked.iter().any(|a| a == name);

    let machine = Machine::measure();
    // One ledger that grows from part to part; making it is what takes time.
    let mut grown = Grown::new();
    if part("library") {
        library::run(&machine, &mut grown, sizes.events);
    }
    if part("http") {
        http::run(&machine, sizes.events);
    }
    if part("verify") {
        verify::run(&machine, &mut grown, sizes.verify);
    }
    if part("files") {
        files::run(&mut grown, sizes.verify);
    }
    if part("answers") {
        answers::run(sizes.answers as usize);
    }
    if part("answers") || part("named") {
        named::run(sizes.named as usize);
    }
    if part("hostile") {
        hostile::run(sizes.hostile);
    }
    if part("search") {
        search::run(sizes.search as usize);
    }
    if part("start") {
        start::run(&mut grown, sizes.events, sizes.entries);
    }
}

fn part(name: &str) {
    println!("{name}");
}

fn row(name: &str, value: &str) {
    println!("  {name:<44} {value}");
    // A run takes a while, so each figure is shown as it comes.
    let _ = std::io::stdout().flush();
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn per_second(n: usize, took: Duration) -> f64 {
    n as f64 / took.as_secs_f64()
}
