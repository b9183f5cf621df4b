//! A large ledger: what an append costs, how long a start takes, and making the index anew.

use std::time::{Duration, Instant};

use onrecord::ledger::Ledger;

use crate::{
    grown::{Grown, described},
    library::in_flight,
    ms, part, per_second,
    process::{Cpu, own_cpu},
    row,
    support::open,
};

pub fn run(grown: &mut Grown, events: usize, entries: u64) {
    let mut small = Grown::new();
    let low = append(&mut small, events);
    drop(small);
    grown.grow_to(entries);
    let size = grown.size();
    let submissions = grown.statements(1);
    part(&format!("{size} entries ({})", described(events, &submissions[0])));
    let high = append(grown, events);
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    let us = |d: Duration| d.as_secs_f64() * 1e6 / events as f64;
    let text = format!(
        "{:.1} µs, {:.2} of that at 1,000 (bar 1.2); by processor time {:.2}",
        us(high.0),
        ratio(high.0, low.0),
        ratio(high.1, low.1)
    );
    row("an append, 1,024 in flight", &text);
    let size = grown.size();
    grown.close();

    let started = Instant::now();
    let ledger = open(&grown.dir());
    row("open, index intact", &format!("{:.0} ms (bar 2000)", ms(started.elapsed())));
    ledger.close();
    drop(ledger);
    let started = Instant::now();
    Ledger::rebuild(&grown.dir(), &|_, _| {}).unwrap();
    let rate = per_second(size as usize, started.elapsed());
    row("rebuild the index", &format!("{rate:.0} entries/s (bar 50000)"));
}

/// Records events; gives the time it took and the processor time.
fn append(grown: &mut Grown, events: usize) -> (Duration, Duration) {
    let submissions = grown.statements(events);
    let ledger = grown.ledger().clone();
    let before = own_cpu();
    let (took, _) = in_flight(&ledger, submissions);
    (took, Cpu::since(before, own_cpu()))
}
