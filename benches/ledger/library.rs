//! Writing through the library.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use onrecord::ledger::{Ledger, Submission};

use crate::{
    grown::{Grown, described},
    machine::Machine,
    ms, part, per_second,
    process::{Cpu, own_cpu},
    row,
};

const IN_FLIGHT: usize = 1_024;

pub fn run(machine: &Machine, grown: &mut Grown, events: usize) {
    let submissions = grown.statements(events);
    part(&format!("library ({})", described(events, &submissions[0])));
    let ledger = grown.ledger().clone();
    let before = own_cpu();
    let (took, entry) = in_flight(&ledger, submissions);
    let cpu = Cpu::since(before, own_cpu()).as_secs_f64() * 1e6 / events as f64;
    row("entry size", &format!("{entry} bytes"));
    row(&format!("{IN_FLIGHT} in flight"), &machine.beside(per_second(events, took)));
    let signature = machine.signature;
    row("processor time an event", &format!("{cpu:.0} µs; a strict verification takes {signature:.0}"));
    let (median, p99) = one_in_flight(&ledger, grown.statements(500));
    let bar = 2.0 * ms(machine.sync) + 0.3;
    row("one in flight, median", &format!("{:.3} ms (bar {bar:.3}), p99 {:.3} ms", ms(median), ms(p99)));
}

/// Records events one by one, with many under way at once. Gives also the size of the largest entry.
pub fn in_flight(ledger: &Ledger, submissions: Vec<Submission>) -> (Duration, usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let all: Arc<[Submission]> = submissions.into();
    let started = Instant::now();
    let entry = runtime.block_on(async {
        let tasks: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let (ledger, next, all) = (ledger.clone(), next.clone(), all.clone());
                tokio::spawn(async move {
                    let mut entry = 0;
                    while let Some(s) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let receipt = ledger.record(vec![s.clone()], false).await.remove(0).unwrap();
                        entry = receipt.entry.len().max(entry);
                    }
                    entry
                })
            })
            .collect();
        let mut entry = 0;
        for task in tasks {
            entry = entry.max(task.await.unwrap());
        }
        entry
    });
    (started.elapsed(), entry)
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
