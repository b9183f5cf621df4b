//! A ledger that grows from part to part.

use std::{path::PathBuf, sync::Arc, time::Duration};

use onrecord::ledger::{Ledger, Submission};

use crate::{
    authors::{AUTHORS, Author, statements},
    support::{init, open},
};

/// How many events are signed, and then recorded, at a time while a ledger grows.
pub const CHUNK: usize = 20_480;
/// How many of them are in one call.
const CALL: usize = 256;

/// A ledger in a temporary folder, and its authors.
pub struct Grown {
    tmp: tempfile::TempDir,
    ledger: Option<Ledger>,
    pub authors: Arc<[Author]>,
    /// The number of the next statement.
    next: usize,
}

impl Grown {
    pub fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        init(&tmp.path().join("ledger"));
        let mut this = Self { tmp, ledger: None, authors: Arc::new([]), next: 0 };
        this.authors = Author::register(this.ledger()).into();
        this
    }

    pub fn dir(&self) -> PathBuf {
        self.tmp.path().join("ledger")
    }

    /// The ledger, opened.
    pub fn ledger(&mut self) -> &Ledger {
        let dir = self.dir();
        self.ledger.get_or_insert_with(|| open(&dir))
    }

    /// Closes the ledger once all of it is in tiles.
    pub fn close(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            assert!(ledger.wait_published(Duration::from_secs(600)));
            ledger.close();
        }
    }

    pub fn size(&mut self) -> u64 {
        self.ledger().reader().checkpoint().checkpoint().size()
    }

    /// The next `n` statements, signed.
    pub fn statements(&mut self, n: usize) -> Vec<Submission> {
        self.next += n;
        statements(&self.authors, self.next - n, n)
    }

    /// Records until the ledger has `entries` entries.
    pub fn grow_to(&mut self, entries: u64) {
        loop {
            let missing = entries.saturating_sub(self.size());
            if missing == 0 {
                return;
            }
            let statements = self.statements(CHUNK.min(missing as usize));
            self.record(&statements);
        }
    }

    /// Records all of these, in any order.
    pub fn record(&mut self, submissions: &[Submission]) {
        let ledger = self.ledger().clone();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let calls: Vec<_> = submissions
                .chunks(CALL)
                .map(|call| {
                    let (ledger, call) = (ledger.clone(), call.to_vec());
                    tokio::spawn(async move { ledger.record(call, false).await })
                })
                .collect();
            for call in calls {
                call.await.unwrap().into_iter().for_each(|answer| drop(answer.unwrap()));
            }
        });
    }
}

impl Drop for Grown {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the figures are measured with, in words.
pub fn described(events: usize, sample: &Submission) -> String {
    format!("{events} events by {AUTHORS} authors, note {} bytes", sample.note.len())
}
