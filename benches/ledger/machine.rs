//! What the machine can do: the limits that the ledger's figures are compared with.

use std::{
    fs,
    io::Write as _,
    time::{Duration, Instant},
};

use onrecord::event::{Event, EventId};
use rayon::prelude::*;

use crate::{
    authors::Author,
    ms, part, per_second,
    process::{Cpu, own_cpu},
    row,
    support::{Story, origin},
};

/// Limits of the machine.
pub struct Machine {
    /// Strict verifications a second, all cores: key decoded, message of an event of the bench.
    pub verify: f64,
    /// Microseconds of processor time that one takes.
    pub signature: f64,
    /// Median of appending 2 KiB and `fdatasync`.
    pub sync: Duration,
}

const SIGNATURES: usize = 40_000;

impl Machine {
    pub fn measure() -> Self {
        part("machine");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (verify, signature) = verify_rate(&signed());
        let sync = sync_latency();
        row("cores", &cores.to_string());
        row("strict verification, all cores", &format!("{verify:.0} /s, {signature:.1} µs each"));
        row("append 2 KiB and fdatasync, median", &format!("{:.3} ms", ms(sync)));
        Self { verify, signature, sync }
    }

    /// A rate beside that of strict verification.
    pub fn beside(&self, rate: f64) -> String {
        format!("{rate:.0} /s, {:.2} of strict verification", rate / self.verify)
    }
}

/// Events of the bench, signed.
pub fn signed() -> Vec<Event> {
    let none = EventId([0; 32]);
    let authors = Author::many(Story { desk: none, agency: none, case: none });
    (0..SIGNATURES)
        .into_par_iter()
        .map(|i| Event::parse(&authors[i % authors.len()].says(i).note, &origin()).unwrap())
        .collect()
}

/// Strict verifications a second, and microseconds of processor time of one. Calls `verify_strict` of ed25519-dalek directly,
/// so that no code of ours makes the limit look better or worse.
pub fn verify_rate(events: &[Event]) -> (f64, f64) {
    let check = |e: &Event| {
        let signature = e.note().signatures()[0].signature().try_into().unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(e.by()[0].as_bytes()).unwrap();
        key.verify_strict(e.note().text().as_bytes(), &ed25519_dalek::Signature::from_bytes(signature))
            .is_ok()
    };
    let (before, started) = (own_cpu(), Instant::now());
    let good = events.par_iter().filter(|e| check(e)).count();
    let took = started.elapsed();
    assert_eq!(good, events.len());
    (per_second(good, took), Cpu::since(before, own_cpu()).as_secs_f64() * 1e6 / good as f64)
}

fn sync_latency() -> Duration {
    let tmp = tempfile::tempdir().unwrap();
    let mut file = fs::File::create(tmp.path().join("sync")).unwrap();
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
