//! A ledger served by the program itself, in a process of its own.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

pub struct Served {
    pub address: SocketAddr,
    pub scheme: String,
    child: Child,
}

impl Served {
    /// Starts `onrecord serve` on a free port of the loopback, with further flags; its log goes to a file.
    pub fn start(data: &Path, flags: &[&str], log: &Path) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags);
        Self::run(serve, log)
    }

    /// The same with a mirror of what is served elsewhere, known by its key.
    pub fn mirror(url: &str, key: &str, data: &Path, log: &Path) -> Self {
        Self::mirror_with(url, key, data, &[], log)
    }

    /// The same with further flags.
    pub fn mirror_with(url: &str, key: &str, data: &Path, flags: &[&str], log: &Path) -> Self {
        let mut mirror = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        mirror.args(["mirror", url, "--key", key, "--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags);
        Self::run(mirror, log)
    }

    fn run(mut command: Command, log: &Path) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(std::fs::File::create(log).unwrap()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url =
            |line: String| Some(line.strip_prefix("listening on ")?.split([' ', ',']).next()?.to_owned());
        let url = lines.filter_map(url).next().unwrap_or_else(|| {
            panic!("it does not serve: {}", std::fs::read_to_string(log).unwrap_or_default())
        });
        let (scheme, address) = url.split_once("://").unwrap();
        Self { address: address.parse().unwrap(), scheme: scheme.to_owned(), child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A line of `/proc/<pid>/status`, in KiB: `VmRSS` for the memory it holds, `VmHWM` for the most it ever held.
    #[cfg(target_os = "linux")]
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Memory that it takes when it has begun, in KiB: search is built after it listens.
    pub fn at_rest(&self) -> u64 {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let mut before = 0;
        loop {
            let now = self.memory("VmRSS");
            if now <= before + 256 || std::time::Instant::now() > until {
                return now;
            }
            before = now;
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
