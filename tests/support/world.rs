//! A ledger in a folder of its own, with what is on record in it.
//!
//! `World::small()` holds the small story. `World::whole().served()` holds `examples/story`, and a server of it.
//! `World::small().close()` is the folder alone.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use onrecord::{
    event::EventId,
    exhibit::assemble,
    ledger::{Ledger, Options, Reader, Submission},
    serve,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::Server,
    program::{self, Program},
    story::{self, Ids},
    support::*,
};

/// A ledger that is open. `S` is what is on record after entry 0: nothing, the small [`Story`], or the whole story by its
/// labels.
pub struct World<S> {
    // Dropped in this order: the folder goes last.
    server: Option<Server>,
    pub ledger: Ledger,
    pub story: S,
    /// The ledger's folder, in `tmp`.
    pub dir: PathBuf,
    pub tmp: TempDir,
}

impl World<()> {
    pub fn empty() -> Self {
        Self::with(Options::default(), |_| ())
    }
}

impl World<Story> {
    pub fn small() -> Self {
        Self::with(Options::default(), tell)
    }

    pub fn statement(&self, text: &str) -> (EventId, Submission) {
        statement(&self.story, text)
    }

    /// Records a statement. Gives its id and its index.
    pub fn say(&self, text: &str) -> (EventId, u64) {
        self.record(self.statement(text))
    }
}

impl World<Ids> {
    pub fn whole() -> Self {
        Self::with(Options::default(), story::tell)
    }

    pub fn index(&self, label: &str) -> u64 {
        self.reader().index_of(&self.story[label]).unwrap().unwrap()
    }
}

impl<S> World<S> {
    /// A ledger that is opened with these options and told a story.
    pub fn with(options: Options, tell: impl FnOnce(&Ledger) -> S) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("ledger");
        init(&dir);
        let ledger = Ledger::open(&dir, options).unwrap();
        let story = tell(&ledger);
        Self { server: None, ledger, story, dir, tmp }
    }

    pub fn served(self) -> Self {
        self.served_with(serve::Options::default())
    }

    pub fn served_with(mut self, options: serve::Options) -> Self {
        self.server = Some(Server::start_with(self.ledger.clone(), options));
        self
    }

    /// Served, with its numbers at an address of their own.
    pub fn served_with_metrics(mut self) -> (Self, SocketAddr) {
        let (server, metrics) = Server::start_with_metrics(self.ledger.clone());
        self.server = Some(server);
        (self, metrics)
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a world that is served")
    }

    pub fn server_mut(&mut self) -> &mut Server {
        self.server.as_mut().expect("a world that is served")
    }

    /// Stops the server and closes the ledger.
    pub fn close(self) -> Folder<S> {
        let Self { server, ledger, story, dir, tmp } = self;
        drop(server);
        ledger.close();
        Folder { story, dir, tmp }
    }

    /// A path beside the ledger's folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    pub fn public(&self) -> PathBuf {
        self.dir.join("public")
    }

    pub fn reader(&self) -> &Reader {
        self.ledger.reader()
    }

    pub fn size(&self) -> u64 {
        self.reader().checkpoint().checkpoint().size()
    }

    pub fn vkey(&self) -> String {
        self.reader().log_key().to_string()
    }

    /// Records a signed event. Gives its id and its index.
    pub fn record(&self, signed: (EventId, Submission)) -> (EventId, u64) {
        record(&self.ledger, signed)
    }

    /// Waits until `public/` holds all that is on record.
    pub fn published(&self) {
        assert!(self.ledger.wait_published(Duration::from_secs(30)));
    }

    pub fn exhibit(&self, index: u64) -> Vec<u8> {
        assemble(self.reader(), index).unwrap().unwrap()
    }

    /// The `data` that the server answers to a query without variables.
    pub fn ask(&self, query: &str) -> Value {
        self.server().data(query, json!({}))
    }

    /// A page that the server has.
    pub fn page(&self, path: &str) -> String {
        self.server().page(path)
    }

    /// Runs the program in the folder around the ledger: its exit code, and what it said.
    pub fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        program::run_in(self.tmp.path(), args)
    }
}

/// A ledger that is closed.
pub struct Folder<S> {
    pub story: S,
    /// The ledger's folder, in `tmp`.
    pub dir: PathBuf,
    pub tmp: TempDir,
}

impl<S> Folder<S> {
    /// A path beside the ledger's folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    /// The program, serving it; it logs to the file `log` beside the folder.
    pub fn serve(&self, flags: &[&str]) -> Program {
        Program::logged(&self.dir, flags, &self.at("log"))
    }

    /// Opens the ledger to do something with it. Then all of it is in `public/`, and nothing in the journal.
    pub fn with<T>(&self, act: impl FnOnce(&Ledger) -> T) -> T {
        let ledger = open(&self.dir);
        let done = act(&ledger);
        ledger.close();
        drop(ledger);
        open(&self.dir).close();
        done
    }
}
