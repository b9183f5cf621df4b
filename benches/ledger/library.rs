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
    machine::{Machine, signed, verify_rate},
    ms, part, per_second,
    process::{Cpu, own_cpu},
    row,
};

const IN_FLIGHT: usize = 1_024;

/// How often the rate is measured. The machine's own pace changes from second to second where others share it, so each rate
/// is compared with strict verifications just before and just after.
const ROUNDS: usize = 7;

pub fn run(machine: &Machine, grown: &mut Grown, events: usize) {
    let signed = signed();
    let ledger = grown.ledger().clone();
    let mut before = verify_rate(&signed);
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let submissions = grown.statements(events);
        if round == 0 {
            part(&format!("library ({})", described(events, &submissions[0])));
        }
        let cpu = own_cpu();
        let (took, entry) = in_flight(&ledger, submissions);
        let cpu = Cpu::since(cpu, own_cpu()).as_secs_f64() * 1e6 / events as f64;
        if round == 0 {
            row("entry size", &format!("{entry} bytes"));
        }
        let after = verify_rate(&signed);
        let (limit, signature) = ((before.0 + after.0) / 2.0, (before.1 + after.1) / 2.0);
        let rate = per_second(events, took);
        row(
            &format!("{IN_FLIGHT} in flight"),
            &format!(
                "{rate:.0} /s, {:.2} of strict verification; {cpu:.0} µs an event, {signature:.0} a signature",
                rate / limit
            ),
        );
        rounds.push(rate / limit);
        before = after;
    }
    rounds.sort_by(f64::total_cmp);
    let (low, high) = (rounds[0], rounds[ROUNDS - 1]);
    row("of strict verification, median", &format!("{:.2}, {low:.2} to {high:.2}", rounds[ROUNDS / 2]));
    let (median, p99) = one_in_flight(&ledger, grown.statements(500));
    let bar = 2.0 * ms(machine.sync) + 0.3;
    row("one in flight, median", &format!("{:.3} ms (bar {bar:.3}), p99 {:.3} ms", ms(median), ms(p99)));
}

/// Records events one a call, with [`IN_FLIGHT`] calls under way at once. Gives the time it took, and the size of the largest
/// entry.
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
