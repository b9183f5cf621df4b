//! Processor time and memory of processes (proc(5)), and programs that run beside the bench.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The program under test, built as it is shipped.
pub const ONRECORD: &str = env!("CARGO_BIN_EXE_onrecord");

/// Processor time, in hundredths of a second.
#[derive(Clone, Copy)]
pub struct Cpu(u64);

impl Cpu {
    pub fn since(before: Self, after: Self) -> Duration {
        Duration::from_millis(after.0.saturating_sub(before.0) * 10)
    }
}

/// Fields of `stat` after the name: state, parent, …
fn stat(pid: &str) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn ticks(stat: &[String]) -> u64 {
    stat.iter().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}

/// The processor time that this process has used.
pub fn own_cpu() -> Cpu {
    Cpu(ticks(&stat("self")))
}

/// What this process holds in memory, in MiB, and the most it has held.
pub fn own_memory() -> (f64, f64) {
    (memory("self", "VmRSS:").unwrap_or_default(), memory("self", "VmHWM:").unwrap_or_default())
}

fn memory(pid: &str, what: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix(what))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// A program that ends with the bench.
pub struct Program(pub Child);

impl Program {
    /// Serves a ledger; gives the address.
    pub fn serve(dir: &Path) -> (Self, SocketAddr) {
        Self::serve_with(dir, &[])
    }

    /// The same, with more arguments.
    pub fn serve_with(dir: &Path, more: &[&str]) -> (Self, SocketAddr) {
        let mut command = Command::new(ONRECORD);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data"]).arg(dir).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();
        (Self(child), address)
    }

    /// The processor time that it and its children have used.
    pub fn cpu(&self) -> Cpu {
        let pid = self.0.id().to_string();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let stats = all.map(|entry| (entry.file_name(), stat(&entry.file_name().to_string_lossy())));
        let ours = stats.filter(|(name, stat)| *name == *pid || stat.get(1) == Some(&pid));
        Cpu(ours.map(|(_, stat)| ticks(&stat)).sum())
    }

    /// Waits until it works at nothing of its own, such as a search index that it makes after its start.
    pub fn until_at_rest(&self) {
        loop {
            let before = self.cpu();
            std::thread::sleep(Duration::from_secs(1));
            if Cpu::since(before, self.cpu()) < Duration::from_millis(50) {
                return;
            }
        }
    }

    /// What it holds in memory, in MiB.
    pub fn memory(&self) -> Option<f64> {
        memory(&self.0.id().to_string(), "VmRSS:")
    }

    /// Resets the system's count of the most memory it has held.
    pub fn forget_peak(&self) {
        // proc(5): 5 sets the peak to what is held now.
        fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5").unwrap();
    }

    /// The most memory it has held, in MiB.
    pub fn peak_memory(&self) -> Option<f64> {
        memory(&self.0.id().to_string(), "VmHWM:")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SIGTERM first: a program then ends its own children. If it were killed, nginx would leave its workers behind.
        let pid = rustix::process::Pid::from_child(&self.0);
        if let Ok(None) = self.0.try_wait()
            && rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok()
        {
            for _ in 0..500 {
                if !matches!(self.0.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
