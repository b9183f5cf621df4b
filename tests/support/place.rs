//! A folder in which commands are run as people run them.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::program::{Program, onrecord};

/// A folder to run commands in, without the settings of the test's own environment.
pub struct Place(pub TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that its owner alone can read.
    pub fn write_secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = onrecord();
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command line, split at spaces.
    pub fn run(&self, line: &str) -> Ran {
        self.args(line.split_whitespace())
    }

    pub fn args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    pub fn piped(&self, line: &str, stdin: &str) -> Ran {
        let mut child = self
            .command(line.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended already.
        match child.stdin.take().unwrap().write_all(stdin.as_bytes()) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => panic!("{line}: {e}"),
            _ => {}
        }
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Makes a ledger in `data` and gives its key.
    pub fn init(&self) -> String {
        let ran = self.run("init --data data --origin ledger.example.org --name Example");
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.trim().to_owned()
    }

    pub fn serve(&self) -> Program {
        let serve =
            ["serve", "--data", "data", "--listen", "127.0.0.1:0", "--log", "warn", "--max-file", "4096"];
        let program = Program::run(self.command(serve), Stdio::piped(), "");
        assert_eq!(program.said, [format!("listening on {}", program.url)], "and nothing else");
        program
    }
}

/// How a command ended, and what it printed.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same, of a command that must succeed.
    pub fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// What a command that must succeed said on stdout, trimmed.
    pub fn ok(self) -> String {
        self.good().out.trim().to_owned()
    }
}
