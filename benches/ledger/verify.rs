//! `onrecord verify` over a folder, and `onrecord mirror` from a server beside it.

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
    part(&format!("verify and mirror ({size} entries, with their words)"));
    let mut verify = Command::new(ONRECORD);
    verify.arg("verify").arg(grown.dir()).args(["--key", &key]);
    let verified = watch(verify);
    let rate = |watched: &Watched| machine.beside(per_second(size as usize, watched.took));
    let each = |watched: &Watched| watched.cpu.as_secs_f64() * 1e6 / size as f64;
    row("onrecord verify", &rate(&verified));
    row(
        "processor time an entry",
        &format!("{:.1} µs; a strict verification takes {:.1}", each(&verified), machine.signature),
    );
    row("most memory held", &format!("{:.0} MiB (bar 300)", verified.memory));

    let copy = tempfile::tempdir().unwrap();
    let (origin, address) = Program::serve(&grown.dir());
    // A ledger that others mirror has been served for a while.
    origin.until_at_rest();
    let mut mirror = Command::new(ONRECORD);
    mirror.args(["mirror", &format!("http://{address}"), "--key", &key, "--once", "--data"]);
    mirror.arg(copy.path().join("mirror"));
    let mirrored = watch(mirror);
    row("onrecord mirror, from a server on the same cores", &format!("{} (bar 0.5)", rate(&mirrored)));
    row("processor time an entry, but the server's", &format!("{:.1} µs", each(&mirrored)));
    row("most memory held", &format!("{:.0} MiB", mirrored.memory));
}

/// What a program took.
struct Watched {
    took: Duration,
    cpu: Duration,
    /// The most memory that it held, in MiB.
    memory: f64,
}

/// Runs a program to its end. It must succeed.
fn watch(mut command: Command) -> Watched {
    let started = Instant::now();
    let mut program = Program(command.stdout(Stdio::null()).spawn().unwrap());
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
    assert!(status.success());
    Watched { took: started.elapsed(), cpu, memory }
}
