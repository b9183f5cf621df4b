//! The program itself, serving a folder.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    ops::{Deref, DerefMut},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use onrecord::ledger::Submission;
use serde_json::{Value, json};

use crate::http::{self, send};

/// A process that is killed when this is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

/// The program, serving.
pub struct Program {
    pub child: Running,
    /// Where it listens, e.g. `http://127.0.0.1:4711`.
    pub url: String,
    pub scheme: String,
    pub address: SocketAddr,
    /// What it said on stdout until it listened, a line each.
    pub said: Vec<String>,
}

/// The program, without the settings of the test's own environment.
pub fn onrecord() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onrecord"));
    without_settings(&mut command);
    command
}

/// Runs the program: its exit code, and what it said on stdout and then on stderr.
pub fn run(args: &[&str]) -> (Option<i32>, String) {
    said(onrecord().args(args).output().unwrap())
}

/// The same in a folder.
pub fn run_in(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    said(onrecord().args(args).current_dir(dir).output().unwrap())
}

/// The exit code of a command, and what it said on stdout and then on stderr.
pub fn said(out: Output) -> (Option<i32>, String) {
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (out.status.code(), said)
}

/// Runs a command line of the shell in a folder; it must succeed.
#[track_caller]
pub fn shell(dir: &Path, line: &str) {
    let out = Command::new("sh").arg("-c").arg(line).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{line}: {out:?}");
}

/// A free port, for a program that can't choose one itself. It is none of those that the system hands out, or a connection of
/// another test might take it before the program listens.
pub fn free_port() -> u16 {
    let mut random = [0; 2];
    loop {
        getrandom::fill(&mut random).unwrap();
        let port = 10_000 + u16::from_be_bytes(random) % 20_000;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// Removes the settings of the test's own environment from a command.
pub fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ONRECORD_")) {
        command.env_remove(name);
    }
}

impl Program {
    /// Serves a folder on a free port of the loopback.
    pub fn serve(data: &Path) -> Self {
        Self::serve_at(data, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub fn serve_at(data: &Path, address: SocketAddr) -> Self {
        let mut serve = onrecord();
        serve.args(["serve", "--listen", &address.to_string(), "--data"]).arg(data);
        Self::run(serve, Stdio::null(), "")
    }

    /// As [`serve`](Self::serve), by a command that may do something first, such as setting a limit.
    pub fn start(command: Command, data: &Path) -> Self {
        Self::start_with(command, data, &[])
    }

    /// As [`start`](Self::start), with more flags.
    pub fn start_with(mut command: Command, data: &Path, flags: &[&str]) -> Self {
        without_settings(&mut command);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data).args(flags);
        Self::run(command, Stdio::null(), "")
    }

    /// As [`serve`](Self::serve), with more flags; its log goes to a file.
    pub fn logged(data: &Path, flags: &[&str], log: &Path) -> Self {
        let mut serve = onrecord();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags);
        Self::log_to(serve, log)
    }

    /// A mirror of the ledger at `url` with the key `key`. Its log goes to a file.
    pub fn mirror(url: &str, key: &str, data: &Path, log: &Path) -> Self {
        Self::mirror_with(url, key, data, &[], log)
    }

    /// The same with more flags.
    pub fn mirror_with(url: &str, key: &str, data: &Path, flags: &[&str], log: &Path) -> Self {
        let mut mirror = onrecord();
        mirror.args(["mirror", url, "--key", key, "--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags);
        Self::log_to(mirror, log)
    }

    fn log_to(command: Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).unwrap();
        Self::run(command, file.into(), &log.display().to_string())
    }

    /// Starts a command that serves, and waits until it listens. `log` is the file its log goes to, shown if it fails.
    pub fn run(mut command: Command, stderr: Stdio, log: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut said = Vec::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = loop {
            let Some(line) = lines.next() else {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                let mut err = String::new();
                child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut err));
                panic!("it does not serve: {said:?} {log}{err}")
            };
            let listens = line.strip_prefix("listening on ").and_then(|rest| rest.split([' ', ',']).next());
            let url = listens.map(str::to_owned);
            said.push(line);
            if let Some(url) = url {
                break url;
            }
        };
        let mut program = Self::at(child, &url);
        program.said = said;
        program
    }

    /// A program that serves at an address.
    pub fn at(child: Child, url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        let (scheme, address) = url.split_once("://").unwrap();
        Self {
            address: address.parse().unwrap(),
            scheme: scheme.to_owned(),
            child: Running(child),
            url,
            said: Vec::new(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// A line of `/proc/<pid>/status`, in KiB: `VmRSS` for the memory it holds, `VmHWM` for the most it ever held.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The memory that it takes once it is at rest, in KiB: search is built after it listens.
    pub fn at_rest(&self) -> u64 {
        let until = Instant::now() + Duration::from_secs(30);
        let mut before = 0;
        loop {
            let now = self.memory("VmRSS");
            if now <= before + 256 || Instant::now() > until {
                return now;
            }
            before = now;
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn get(&self, path: &str) -> http::Reply {
        send(self.address, "GET", path, &[], b"")
    }

    /// Records an event. Gives its index, or the code of the refusal.
    pub fn record(&self, s: &Submission) -> Result<u64, String> {
        let json: Value = self.submit(s).json();
        let result = &json["data"]["record"]["results"][0];
        match result["receipt"]["index"].as_u64() {
            Some(index) => Ok(index),
            None => Err(result["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{json}")).into()),
        }
    }

    fn submit(&self, s: &Submission) -> http::Reply {
        let body = Self::call(s);
        send(self.address, "POST", "/graphql", &[("Content-Type", "application/json")], body.as_bytes())
    }

    /// Submits an event and does not wait for the answer: there may be none.
    pub fn hand_in(&self, s: &Submission) -> TcpStream {
        let (address, body) = (self.address, Self::call(s));
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).unwrap();
        stream
    }

    /// Waits half a minute for the program to end by itself. Gives how it ended.
    pub fn ended(&mut self) -> ExitStatus {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it goes on");
    }

    fn call(s: &Submission) -> String {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let submission = json!({"note": text(&s.note), "content": text(s.content.as_ref().unwrap())});
        let query = "mutation($input: RecordInput!) { record(input: $input) {
            results { receipt { index } userErrors { code } } userErrors { code } } }";
        json!({"query": query, "variables": {"input": {"submissions": [submission]}}}).to_string()
    }

    /// Tells it to stop, as a service manager does. Gives how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        let told = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(told.success());
        self.ended()
    }

    /// The same; it must end well.
    pub fn stop(mut self) {
        assert_eq!(self.terminate().code(), Some(0), "a graceful end");
    }
}
