//! The one writer of a ledger: admission, sequencing, commit, publication.
//!
//! A submission is checked in parallel (shape, signatures, words), numbered by one sequencer, written to the
//! journal with the rest of its batch and one `fdatasync`, and only then acknowledged. The log is the truth: tiles
//! and indexes can be made from it again.
//!
//! ```no_run
//! use onrecord::ledger::{Ledger, Options, Submission};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Ledger::open("ledger-data".as_ref(), Options::default())?;
//! let note = std::fs::read("event.note")?;
//! let answer = ledger.record_blocking(vec![Submission::new(note, None)], false);
//! match &answer[0] {
//!     Ok(receipt) => println!("on record at index {}", receipt.index),
//!     Err(refusal) => println!("{refusal}"),
//! }
//! ledger.close();
//! # Ok(()) }
//! ```

mod admission;
mod batch;
mod calls;
mod catch_up;
pub(crate) mod claims;
mod clock;
mod content_checks;
mod copier;
pub(crate) mod cosigned;
mod cosigning;
mod door;
mod error;
mod exposition;
pub(crate) mod folder;
pub(crate) mod folder_lock;
mod follower;
mod footprint;
mod found;
pub(crate) mod known;
mod layered;
mod listing;
pub(crate) mod marks;
mod metrics;
mod observed;
mod offsets;
mod opening;
mod opening_mirror;
mod overlay;
mod partial_tile;
mod published;
mod queue;
mod reader;
mod rebuild;
mod recent;
mod scrub;
mod seen;
mod sequencer;
mod shared;
mod signals;
mod sound;
mod stamping;
mod stored;
mod submission;
#[cfg(test)]
mod tests;
mod tile_cache;
pub(crate) mod timestamped;
mod upload;
pub(crate) mod withholding;

pub(crate) use copier::{Copied, Copier, CopyError};
pub use cosigned::{NotKept, Witnessed};
pub use error::{LedgerError, ReadError};
pub(crate) use footprint::{Basis, Changes, Footprint};
pub use listing::Filter;
pub use observed::Reader;
pub(crate) use observed::StandsOn;
pub(crate) use partial_tile::{PartialTile, Parts};
pub use reader::Blob;
pub(crate) use sound::{BLOCK, SoundFile};
pub use stored::StoredWords;
pub(crate) use submission::held_back;
pub use submission::{Receipt, Submission};
pub use timestamped::NotStamped;
pub use upload::Upload;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use self::{
    calls::Calls, queue::Queue, scrub::Scrub, shared::Shared, signals::Signals, submission::read_only,
};
use crate::{
    event::{Digest, Refusal},
    log::{SignedCheckpoint, Time, WitnessKey},
    note::SignatureLine,
};

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most submissions in one batch.
    pub max_batch: usize,
    /// How long the follower pauses, at least, before it brings tiles and the checkpoint on disk up to the log again. With a
    /// large backlog it does not pause.
    pub publish_every: Duration,
    /// How long partial tiles stay beside the full ones that took their place, for copies of the folder that have begun.
    pub partials_for: Duration,
    /// How many entries may be on record and not yet in `public/` before submissions have to wait. These entries are held in
    /// memory.
    pub max_backlog: u64,
    /// The largest file taken, in bytes.
    pub max_file: u64,
    /// The most unclaimed bytes that one address may have uploaded.
    pub upload_quota: u64,
    /// How long an upload waits for an event that names it.
    pub upload_expiry: Duration,
    /// Whether words may be missing, as in a mirror that keeps none, or has not fetched all yet.
    pub lacks_words: bool,
    /// Whether the clock is to be taken as right though it is more than 7 days ahead of the latest known time. Else such a
    /// ledger is opened for reading only.
    pub accept_clock: bool,
    /// How often all full tiles and files are read and checked against the log; `None` for never.
    pub scrub_every: Option<Duration>,
    /// Keys of the witnesses whose cosignatures are kept and shown. The ledger itself does not ask them.
    pub witnesses: Vec<WitnessKey>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_batch: 1_024,
            publish_every: Duration::from_millis(100),
            partials_for: Duration::from_secs(60),
            max_backlog: 65_536,
            max_file: 64 << 20,
            upload_quota: 256 << 20,
            upload_expiry: Duration::from_secs(3_600),
            lacks_words: false,
            accept_clock: false,
            scrub_every: None,
            witnesses: Vec::new(),
        }
    }
}

/// An open ledger. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Open>);

struct Open {
    shared: Arc<Shared>,
    reader: Reader,
    signals: Arc<Signals>,
    /// Calls that no thread of the door has taken in yet.
    calls: Calls,
    /// Leads to the sequencer. Closed when the ledger is closed, and in a mirror.
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The thread that reads all files again and again.
    scrub: Mutex<Option<Scrub>>,
    /// Address of the ledger that a mirror follows.
    mirror_of: Option<String>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("origin", self.reader.origin()).finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

impl Open {
    fn close(&self) {
        let scrub = self.scrub.lock().unwrap_or_else(PoisonError::into_inner).take();
        scrub.into_iter().for_each(Scrub::stop);
        // The sequencer ends when it has taken all that was sent; then the follower publishes what is left.
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The last is the follower.
        let last = threads.len().saturating_sub(1);
        for (i, thread) in threads.into_iter().enumerate() {
            if i == last {
                self.signals.closing.store(true, Ordering::Release);
                self.signals.wake();
            }
            if thread.join().is_err() {
                tracing::error!("a thread of the ledger ended in a panic");
            }
        }
    }
}

impl Ledger {
    /// Notes that another reader was asked, who knows of no entries that are missing here.
    pub(crate) fn confirmed(&self) {
        self.0.shared.set_unconfirmed(None);
    }

    /// Why nobody could be asked at the start whether entries are missing here. `None` once somebody was.
    pub fn unconfirmed(&self) -> Option<String> {
        self.0.shared.unconfirmed()
    }

    /// Stops the writer: `by` knows more of this log than is here, or another history. Entries recorded from now on would make
    /// a second history.
    pub(crate) fn contradicted(&self, by: &str) {
        let signals = &self.0.signals;
        if !signals.contradicted.swap(true, Ordering::AcqRel) {
            signals.stop(format!("this log has another history elsewhere: {by}"));
        }
    }

    /// Reads what is on record.
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Begins to take in a file. The address `from` serves the quota only.
    ///
    /// # Errors
    /// `LEDGER_READ_ONLY` or `UNAVAILABLE`.
    pub fn upload(&self, digest: Digest, from: IpAddr) -> Result<Upload, Refusal> {
        if let Some(why) = self.refuses() {
            return Err(read_only(&why));
        }
        self.0.shared.uploads().begin(digest, from)
    }

    /// Keeps a witness's cosignature on a checkpoint that this log published. From then on readers find it below that
    /// checkpoint, in proofs and in exhibits. The files on disk follow a little later.
    ///
    /// # Errors
    /// [`NotKept`] if it is not good, if this ledger was not opened with that witness, if it is dated so long before
    /// the checkpoint's last entry that readers would refuse the checkpoint because of it, or too far ahead of this machine's
    /// clock.
    pub fn add_cosignature(
        &self,
        checkpoint: &SignedCheckpoint,
        witness: &WitnessKey,
        line: &SignatureLine,
    ) -> Result<(), NotKept> {
        cosigning::add(&self.0.shared, checkpoint, witness, line)?;
        self.0.signals.wake();
        Ok(())
    }

    /// Keeps a token of a time-stamping authority over the text of a checkpoint that this log published, unless an
    /// earlier one of the same authority is there. Readers judge whom they trust as an authority. Returns the time of the
    /// token that is kept.
    ///
    /// # Errors
    /// [`NotStamped`] if the token is not good, if it is dated so long before the checkpoint's last entry that readers would
    /// refuse an exhibit because of it, or more than an hour from `now`, or if it can't be written.
    pub fn add_timestamp(
        &self,
        checkpoint: &SignedCheckpoint,
        authority: &str,
        token: &[u8],
        now: Time,
    ) -> Result<Time, NotStamped> {
        stamping::add(&self.0.shared, checkpoint, authority, token, now)
    }

    /// Adds cosignatures that came later to the checkpoint that was stamped last.
    pub(crate) fn refresh_timestamps(&self) -> Result<(), LedgerError> {
        stamping::refresh(&self.0.shared)
    }

    /// Waits until the files in `public/` hold what is on record now, at most for `at_most`. Returns whether they do.
    pub fn wait_published(&self, at_most: Duration) -> bool {
        let size = self.reader().checkpoint().checkpoint().size();
        self.0.signals.wake();
        self.0.signals.wait_until_published(size, at_most)
    }

    /// Why the writer takes no events, in words that may be shown to anybody; `None` if it does. The cause is in the
    /// operator's log.
    pub fn fault(&self) -> Option<String> {
        let closed = || self.0.mirror_of.is_none() && self.0.queue.is_closed();
        self.0.signals.fault().or_else(|| closed().then(|| "the ledger is closed".to_owned()))
    }

    /// Like [`fault`](Self::fault), but first looks whether `public/` is as it was left, and stops the writer if it is not.
    /// Waits for the disk.
    pub fn look_for_fault(&self) -> Option<String> {
        let (signals, shared) = (&self.0.signals, &self.0.shared);
        // Read before the checkpoint on disk: one that is placed meanwhile covers more, and never less.
        let published = signals.published.load(Ordering::Acquire);
        if let Err(cause) = follower::as_it_was_left(shared, |found| found >= published) {
            signals.stop_because("public/ is not as it was left", &cause);
        }
        self.fault()
    }

    /// Why nothing can be recorded here, if so: a fault, or that this is a mirror.
    fn refuses(&self) -> Option<String> {
        let mirror = |of: &String| format!("this is a mirror; events are put on record at {of}");
        self.fault().or_else(|| self.0.mirror_of.as_ref().map(mirror))
    }

    /// Ends the writer. What was accepted is committed and published first. From then on all handles refuse to record.
    pub fn close(&self) {
        self.0.close();
    }
}
