//! `onrecord verify` over a folder.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    grown::Grown,
    machine::Machine,
    part, per_second,
    process::{ONRECORD, Program},
    row,
};

pub fn run(machine: &Machine, grown: &mut Grown, entries: u64) {
    grown.grow_to(entries);
    let size = grown.size();
    let key = grown.ledger().reader().log_key().to_string();
    grown.close();
    part(&format!("verify ({size} entries, with their words)"));
    let started = Instant::now();
    let mut command = Command::new(ONRECORD);
    command.arg("verify").arg(grown.dir()).args(["--key", &key]).stdout(Stdio::null());
    let mut program = Program(command.spawn().unwrap());
    let (mut memory, mut cpu) = (0.0f64, Duration::ZERO);
    let zero = program.cpu();
    let status = loop {
        if let Some(memory_now) = program.peak_memory() {
            memory = memory.max(memory_now);
            cpu = crate::process::Cpu::since(zero, program.cpu());
        }
        if let Some(status) = program.0.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = started.elapsed();
    assert!(status.success());
    row("onrecord verify", &machine.beside(per_second(size as usize, took)));
    let each = cpu.as_secs_f64() * 1e6 / size as f64;
    row(
        "processor time an entry",
        &format!("{each:.1} µs; a strict verification takes {:.1}", machine.signature),
    );
    row("most memory held", &format!("{memory:.0} MiB (bar 300)"));
}
