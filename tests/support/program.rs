//! The program itself, serving a folder.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use onrecord::ledger::Submission;
use serde_json::{Value, json};

use crate::http::{self, send};

/// The program, serving. Ended when dropped.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
}

impl Program {
    pub fn start(command: Command, data: &Path) -> Self {
        Self::start_with(command, data, &[])
    }

    /// As [`start`](Self::start), with more flags.
    pub fn start_with(mut command: Command, data: &Path, flags: &[&str]) -> Self {
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|n| n.to_string_lossy().starts_with("ONRECORD_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data).args(flags);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = |line: String| line.split("http://").nth(1)?.trim_end_matches('/').parse().ok();
        let address = lines.map_while(Result::ok).find_map(url).expect("it says where it listens");
        Self { child, address }
    }

    pub fn get(&self, path: &str) -> http::Reply {
        send(self.address, "GET", path, &[], b"")
    }

    /// The index of an event that was put on record, or the code of the refusal.
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

    /// Hands in an event and does not wait for an answer: there may be none.
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

    /// How it ended by itself, within half a minute.
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

    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
