//! The one writer of a ledger: admission, sequencing, commit, publication.
//!
//! A submission is checked in parallel (shape, signatures, words), numbered by one sequencer, written to the
//! journal with the rest of its batch and one `fdatasync`, and only then acknowledged. The log is truth: tiles
//! and indexes are shadows of it that can be written again.
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
mod clock;
mod content_checks;
mod copier;
pub(crate) mod cosigned;
pub(crate) mod folder;
mod follower;
mod footprint;
pub(crate) mod known;
mod metrics;
mod offsets;
pub(crate) mod opening;
mod overlay;
mod partial_tile;
mod queue;
mod reader;
mod recent;
mod scrub;
mod seen;
mod sequencer;
mod shown;
mod sound;
mod submission;
#[cfg(test)]
mod tests;
pub(crate) mod timestamped;
mod upload;
pub(crate) mod withholding;

pub(crate) use copier::{Copied, Copier, CopyError};
pub use cosigned::{NotKept, Witnessed};
pub(crate) use footprint::{Basis, Changes, Footprint};
pub(crate) use partial_tile::{PartialTile, Parts};
pub(crate) use reader::listed;
pub use reader::{Blob, Filter, ReadError, Reader, StoredWords};
pub(crate) use sequencer::held_back;
pub(crate) use sound::{BLOCK, SoundFile};
pub use submission::{Receipt, Submission};
pub use timestamped::NotStamped;
pub use upload::Upload;

use std::{
    collections::VecDeque,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use rayon::prelude::*;
use tokio::sync::oneshot;

use self::{
    admission::{Admitted, admit},
    queue::{AtDoor, Group, Queue, Reply},
    reader::Shared,
    sequencer::{Signals, read_only},
};
use crate::{
    event::{Digest, Refusal},
    log::{SignedCheckpoint, Time, WitnessKey},
    note::{Origin, SignatureLine, SigningKey, VerifyingKey},
    store::StoreError,
};

/// So many calls wait for the sequencer only where it can't keep up. Nothing is refused for it; whoever watches is told.
const MANY_WAITING: usize = 4_096;

/// A ledger that can't be made, opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The disk said no.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another process has the folder open.
    #[error("{0} is open in another process")]
    Locked(String),
    /// There is a ledger in the folder already.
    #[error("{0} holds a ledger already")]
    Exists(String),
    /// There is no ledger in the folder.
    #[error("{0} holds no ledger; make one with `onrecord init`")]
    NotALedger(String),
    /// The folder is a mirror, which nobody writes to but its origin.
    #[error("{dir} is a mirror of {of}; follow it with `onrecord mirror`")]
    Mirror {
        /// The folder.
        dir: String,
        /// Where it reads.
        of: String,
    },
    /// What is stored is not a ledger of this origin, or is broken at the place named.
    #[error("{0}")]
    Broken(String),
    /// Nobody could be asked whether entries are missing, and somebody must be.
    #[error(
        "nobody could be asked whether entries are missing here, and somebody must be (require_peer): {0}"
    )]
    Unconfirmed(String),
    /// Others have access to a secret in the folder. The message names the command that mends it.
    #[error("{0}")]
    Exposed(String),
    /// The first event was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most submissions in one batch.
    pub max_batch: usize,
    /// How often tiles and the checkpoint on disk follow the log, at most.
    pub publish_every: Duration,
    /// How long partial tiles stay beside the full ones that took their place, for copies begun before.
    pub partials_for: Duration,
    /// How many entries may be on record and not yet in `public/` before those who submit wait. They are held in
    /// memory until then.
    pub max_backlog: u64,
    /// The largest file taken, in bytes.
    pub max_file: u64,
    /// The most unclaimed bytes one address may have uploaded.
    pub upload_quota: u64,
    /// How long an upload waits for an event that names it.
    pub upload_expiry: Duration,
    /// Whether words may be missing: in a mirror that keeps none, or not yet.
    pub lacks_words: bool,
    /// Whether the clock is right though it is more than 7 days ahead of all that is known of the time. Else such a ledger
    /// is open for reading.
    pub accept_clock: bool,
    /// How often all full tiles and files are read and held against the log; never if it is none.
    pub scrub_every: Option<Duration>,
    /// Keys of the witnesses whose cosignatures are kept and shown. Asking them is another's part.
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

impl From<StoreError> for LedgerError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Io { what, source } => Self::Io { what, source },
            StoreError::Broken(why) => Self::Broken(why),
        }
    }
}

impl From<ReadError> for LedgerError {
    fn from(e: ReadError) -> Self {
        Self::Broken(e.to_string())
    }
}

/// Submissions that go through the door together: their signatures share what can be shared.
const TOGETHER: usize = 16;
/// So many calls are not shared between threads: each would wait for the other's sync.
const FEW: usize = 4;
/// Bytes of a call that is taken in where it was made.
const SMALL: usize = 64 << 10;

/// A call at the door.
struct Call {
    submissions: Vec<Submission>,
    atomic: bool,
    reply: Reply,
    at_door: AtDoor,
}

impl Call {
    /// Whether it takes less than a millisecond: then whoever calls takes it in.
    fn is_small(&self) -> bool {
        let bytes = |s: &Submission| {
            s.note.len() + s.content.as_ref().map_or(0, Vec::len) + s.restored.as_ref().map_or(0, Vec::len)
        };
        self.submissions.len() <= TOGETHER && self.submissions.iter().map(bytes).sum::<usize>() <= SMALL
    }
}

/// A caller's turn to take in calls that wait: as many turns as calls. A turn that finds its call taken in by another
/// has nothing to do; one that is given up is taken on another thread, since the call may be another's.
struct Turn<'a>(Option<&'a Ledger>);

impl Turn<'_> {
    fn take(mut self) {
        if let Some(ledger) = self.0.take() {
            ledger.take_turn();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(ledger) = self.0.take().cloned() {
            rayon::spawn(move || ledger.take_turn());
        }
    }
}

/// Takes calls from those that wait: their share for one of so many threads, a few at least, and no more than go
/// together.
fn together(waiting: &mut VecDeque<Call>, threads: usize) -> Vec<Call> {
    let share = waiting.len().div_ceil(threads.max(1)).max(FEW);
    let mut submissions = 0;
    let fit = waiting.iter().take(share).take_while(|call| {
        submissions += call.submissions.len();
        submissions <= TOGETHER
    });
    // One at least: alone, a call may be larger.
    let n = fit.count().max(1).min(waiting.len());
    waiting.drain(..n).collect()
}

/// An open ledger. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Open>);

struct Open {
    reader: Reader,
    signals: Arc<Signals>,
    /// Calls that no thread of the door has taken in yet.
    calls: Mutex<VecDeque<Call>>,
    /// To the sequencer. Closed once the ledger is, and in a mirror.
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What reads all files once in a while.
    scrub: Mutex<Option<scrub::Scrub>>,
    /// Where a mirror reads.
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
        scrub.into_iter().for_each(scrub::Scrub::stop);
        // The sequencer ends when it has taken all that was sent; then what is left is published.
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
    /// Makes a ledger in a folder that does not exist or is empty: settings, the log's key (mode 0600), and
    /// entry 0, signed by the operator. The operator's key is not kept.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing is left behind that a second try would stumble over.
    pub fn init(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        operator_key: &SigningKey,
        words: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), LedgerError> {
        opening::init(dir, origin, checkpoint_key, operator_key, None, words)
    }

    /// As [`init`](Self::init), with entry 1: a second key of the operator is added (`key.added`), signed by both. Who
    /// loses one of them revokes it with the other.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing is left behind that a second try would stumble over.
    pub fn init_with_second_key(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        operator_key: &SigningKey,
        second_key: &SigningKey,
        words: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), LedgerError> {
        opening::init(dir, origin, checkpoint_key, operator_key, Some(second_key), words)
    }

    /// As [`init`](Self::init), with a `ledger.opened` that the operator signed elsewhere.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing is left behind that a second try would stumble over.
    pub fn found(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        opened: Submission,
    ) -> Result<(), LedgerError> {
        opening::found(dir, origin, checkpoint_key, vec![opened])
    }

    /// Opens the ledger in a folder: recovers the journal, checks the end of the log, brings the index up to
    /// date.
    ///
    /// # Errors
    /// [`LedgerError`], naming the entry where what is stored does not verify.
    pub fn open(dir: &Path, options: Options) -> Result<Self, LedgerError> {
        opening::open(dir, options)
    }

    /// As [`open`](Self::open), but asks whether somebody knows more, before the writer opens. Gives who could not be
    /// asked, in words, if nobody could.
    ///
    /// # Errors
    /// [`LedgerError`], that of `confirm` too: nothing is written to the log then.
    pub fn open_confirmed(
        dir: &Path,
        options: Options,
        confirm: &dyn Fn(&Reader) -> Result<Option<String>, LedgerError>,
    ) -> Result<Self, LedgerError> {
        opening::open_confirmed(dir, options, confirm)
    }

    /// Takes note that somebody else knows no more than is here.
    pub(crate) fn confirmed(&self) {
        self.0.reader.shared().unconfirmed.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Who could not be asked at the start whether entries are missing here; none since somebody was.
    pub fn unconfirmed(&self) -> Option<String> {
        self.0.reader.shared().unconfirmed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the writer: somebody knows more of this log than is here, or another history. Whatever is recorded from now
    /// on would be the other of two histories.
    pub(crate) fn contradicted(&self, by: &str) {
        let signals = &self.0.signals;
        if !signals.contradicted.swap(true, Ordering::AcqRel) {
            signals.stop(format!("this log has another history elsewhere: {by}"));
        }
    }

    /// Opens the folder of a mirror, made if it is not there: what was copied, and its one writer, to which nobody but
    /// the follower of its origin has access. `heading` is a checkpoint of the origin, which a new mirror begins with.
    ///
    /// # Errors
    /// [`LedgerError`], also if the folder holds something else.
    pub(crate) fn open_mirror(
        dir: &Path,
        of: &str,
        heading: Option<SignedCheckpoint>,
        key: &VerifyingKey,
        options: Options,
    ) -> Result<(Self, Copier), LedgerError> {
        opening::open_mirror(dir, of, heading, key, options)
    }

    /// Throws the index away and makes it again from the log. Tells `progress` how many entries are done, and
    /// of how many. Gives their number.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn rebuild(dir: &Path, progress: &dyn Fn(u64, u64)) -> Result<u64, LedgerError> {
        opening::rebuild(dir, progress)
    }

    /// Records submissions, one by one or (`atomic`) all or none. Gives one answer each, in order. With
    /// `atomic`, one refusal refuses all: the faulty ones say why, the others that they were held back.
    pub async fn record(&self, submissions: Vec<Submission>, atomic: bool) -> Vec<Result<Receipt, Refusal>> {
        let n = submissions.len();
        let (reply, answer) = oneshot::channel();
        let call = Call { submissions, atomic, reply, at_door: self.0.queue.comes() };
        // From the door straight to the sequencer: the caller is woken once, with its answer.
        if call.is_small() {
            self.calls().push_back(call);
            let turn = Turn(Some(self));
            // Tasks that are ready push theirs first; then one of them takes several in, where it is: a thread that had
            // to be woken would cost as much as the signature.
            tokio::task::yield_now().await;
            turn.take();
        } else {
            let this = self.clone();
            rayon::spawn(move || this.take_in(vec![call]));
        }
        answer.await.unwrap_or_else(|_| self.not_taken(n))
    }

    /// As [`record`](Self::record), for callers outside an async runtime.
    pub fn record_blocking(
        &self,
        submissions: Vec<Submission>,
        atomic: bool,
    ) -> Vec<Result<Receipt, Refusal>> {
        let n = submissions.len();
        let (reply, answer) = oneshot::channel();
        let call = Call { submissions, atomic, reply, at_door: self.0.queue.comes() };
        self.take_in(vec![call]);
        answer.blocking_recv().unwrap_or_else(|_| self.not_taken(n))
    }

    /// The answers when the sequencer is gone.
    fn not_taken(&self, n: usize) -> Vec<Result<Receipt, Refusal>> {
        let why = self.refuses().unwrap_or_else(|| "the ledger is closed".into());
        vec![Err(read_only(&why)); n]
    }

    fn take_turn(&self) {
        let calls = together(&mut self.calls(), rayon::current_num_threads());
        self.take_in(calls);
    }

    fn calls(&self) -> MutexGuard<'_, VecDeque<Call>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the submissions of some calls through the door, and what passes to the sequencer. Where that is gone,
    /// the replies are dropped.
    fn take_in(&self, calls: Vec<Call>) {
        if calls.is_empty() {
            return;
        }
        let shared: &Arc<Shared> = self.0.reader.shared();
        let fault = self.refuses();
        let mut submissions = Vec::new();
        let mut taken = Vec::with_capacity(calls.len());
        for Call { submissions: mut sent, atomic, reply, at_door } in calls {
            if let Some(why) = &fault {
                // A caller that went away needs no answer, here and below.
                let _ = reply.send(vec![Err(read_only(why)); sent.len()]);
                continue;
            }
            taken.push((sent.len(), atomic, reply, at_door));
            submissions.append(&mut sent);
        }
        let results: Vec<Result<Admitted, Refusal>> = if submissions.len() <= TOGETHER {
            admit(shared, submissions)
        } else {
            submissions.into_par_iter().chunks(TOGETHER).flat_map_iter(|some| admit(shared, some)).collect()
        };
        let mut results = results.into_iter();
        for (n, atomic, reply, at_door) in taken {
            self.hand_over(results.by_ref().take(n).collect(), atomic, reply, at_door);
        }
    }

    /// Answers a call that the door refused, or hands it to the sequencer.
    fn hand_over(
        &self,
        results: Vec<Result<Admitted, Refusal>>,
        atomic: bool,
        reply: Reply,
        at_door: AtDoor,
    ) {
        let first_refused = results.iter().position(Result::is_err);
        if let Some(first) = first_refused
            && (atomic || results.iter().all(Result::is_err))
        {
            let answer = |r: Result<_, Refusal>| Err(r.err().unwrap_or_else(|| held_back(first)));
            let _ = reply.send(results.into_iter().map(answer).collect());
            return;
        }
        let mut admitted = Vec::with_capacity(results.len());
        let refused = results.into_iter().map(|r| r.map(|a| admitted.push(a)).err()).collect();
        self.0.queue.push(Group { refused, admitted, atomic, reply }, at_door);
    }

    /// Reads what is on record.
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Begins to take in a file. The address is for the quota alone.
    ///
    /// # Errors
    /// `LEDGER_READ_ONLY` or `UNAVAILABLE`.
    pub fn upload(&self, digest: Digest, from: IpAddr) -> Result<Upload, Refusal> {
        if let Some(why) = self.refuses() {
            return Err(read_only(&why));
        }
        self.0.reader.shared().uploads.begin(digest, from)
    }

    /// Keeps a witness's cosignature on a checkpoint that this log published. From then on readers find it below that
    /// checkpoint, in proofs and in exhibits; the files follow.
    ///
    /// # Errors
    /// [`NotKept`] if it is not good, by none of the witnesses that this ledger was opened with, or dated so long before
    /// the last entry that readers would refuse the checkpoint for it, or ahead of this machine's clock.
    pub fn add_cosignature(
        &self,
        checkpoint: &SignedCheckpoint,
        witness: &WitnessKey,
        line: &SignatureLine,
    ) -> Result<(), NotKept> {
        cosigned::add(self.0.reader.shared(), checkpoint, witness, line)?;
        self.0.signals.wake();
        Ok(())
    }

    /// Keeps a token of a time-stamping authority over the text of a checkpoint that this log published, unless an
    /// earlier one of the same authority is there. Who the authority is, is for readers to judge. Gives the time of the
    /// token that is kept.
    ///
    /// # Errors
    /// [`NotStamped`] if it is not good, dated so long before the last entry that readers would refuse an exhibit for it, or
    /// more than an hour from `now`, or if it can't be written.
    pub fn add_timestamp(
        &self,
        checkpoint: &SignedCheckpoint,
        authority: &str,
        token: &[u8],
        now: Time,
    ) -> Result<Time, NotStamped> {
        timestamped::add(self.0.reader.shared(), checkpoint, authority, token, now)
    }

    /// Puts cosignatures that came later beside the checkpoint that was stamped last.
    pub(crate) fn refresh_timestamps(&self) -> Result<(), LedgerError> {
        timestamped::refresh(self.0.reader.shared())
    }

    /// Waits until the files in `public/` hold what is on record now, at most so long. Whether they do.
    pub fn wait_published(&self, at_most: Duration) -> bool {
        let size = self.reader().checkpoint().checkpoint().size();
        self.0.signals.wake();
        self.0.signals.wait_until_published(size, at_most)
    }

    /// Whether the writer takes events: `None`, or why not, in words that strangers may read. The cause is in the
    /// log.
    pub fn fault(&self) -> Option<String> {
        let closed = || self.0.mirror_of.is_none() && self.0.queue.is_closed();
        self.0.signals.fault().or_else(|| closed().then(|| "the ledger is closed".to_owned()))
    }

    /// As [`fault`](Self::fault), but looks whether `public/` is as it was left: the writer stops if it is not. It waits for
    /// the disk.
    pub fn look_for_fault(&self) -> Option<String> {
        let (signals, shared) = (&self.0.signals, self.0.reader.shared());
        // Read first: what is placed meanwhile covers more.
        let published = signals.published.load(Ordering::Acquire);
        if let Err(cause) = follower::as_it_was_left(shared, |found| found >= published) {
            signals.stop_because("public/ is not as it was left", &cause);
        }
        self.fault()
    }

    /// Why nothing is put on record here, if that is so: a fault, or that this is a mirror.
    fn refuses(&self) -> Option<String> {
        let mirror = |of: &String| format!("this is a mirror; events are put on record at {of}");
        self.fault().or_else(|| self.0.mirror_of.as_ref().map(mirror))
    }

    /// Calls that wait for the sequencer, and how many are too many.
    fn waiting(&self) -> (usize, usize) {
        (self.0.queue.len(), MANY_WAITING)
    }

    /// Ends the writer: what was accepted is committed and published. All handles then refuse to record.
    pub fn close(&self) {
        self.0.close();
    }
}

#[cfg(test)]
mod door_tests {
    use super::*;

    #[test]
    fn calls_go_together_by_share_and_size_and_none_is_left() {
        let (queue, _taker) = Queue::new(1, Duration::ZERO);
        let taken = |sizes: &[usize], threads| {
            let call = |n: &usize| Call {
                submissions: vec![Submission::new(Vec::new(), None); *n],
                atomic: false,
                reply: oneshot::channel().0,
                at_door: queue.comes(),
            };
            let mut waiting: VecDeque<Call> = sizes.iter().map(call).collect();
            let mut groups = Vec::new();
            // As many jobs as calls.
            for _ in sizes {
                groups.push(together(&mut waiting, threads).len());
            }
            assert!(waiting.is_empty());
            groups
        };
        assert_eq!(taken(&[1], 2), [1]);
        assert_eq!(taken(&[1, 1], 2), [2, 0], "a few are not shared");
        assert_eq!(taken(&[1; 12], 2)[..4], [6, 4, 2, 0]);
        assert_eq!(taken(&[1; 40], 1)[..4], [16, 16, 8, 0]);
        assert_eq!(taken(&[0, 9, 9, 500, 1], 1), [2, 1, 1, 1, 0], "a large call goes alone");
        assert_eq!(queue.at_door(), 0);
    }

    /// A ledger with its first entry, and that entry's event to be sent again.
    fn begun(dir: &Path) -> (Ledger, Submission) {
        let key = |name: &str, n| SigningKey::from_seed(name.parse().unwrap(), &[n; 32]);
        let origin: Origin = "ledger.example.org/a".parse().unwrap();
        let operator = key("ledger.example.org/operator", 2);
        Ledger::init(dir, origin, key("ledger.example.org/a", 1), &operator, serde_json::Map::new()).unwrap();
        let ledger = Ledger::open(dir, Options::default()).unwrap();
        let opened = ledger.reader().parsed(0).unwrap().unwrap();
        let again = Submission::new(opened.event().note().as_bytes().to_vec(), None);
        (ledger, again)
    }

    #[test]
    fn whoever_left_the_door_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, again) = begun(&dir.path().join("ledger"));
        let there = || ledger.0.queue.at_door();
        let bad = Submission::new(b"no note".to_vec(), None);
        // Refused at the door, answered by the sequencer, and both in one call.
        for call in [vec![bad.clone()], vec![again.clone()], vec![again, bad]] {
            ledger.record_blocking(call, false);
            assert_eq!(there(), 0);
        }
        ledger.close();
        ledger.record_blocking(vec![Submission::new(Vec::new(), None)], false);
        assert_eq!(there(), 0);
    }

    #[test]
    fn however_many_calls_wait_for_the_sequencer_no_thread_of_the_pool_waits_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, again) = begun(&dir.path().join("ledger"));
        let shared = ledger.reader().shared().clone();
        // While this is held the sequencer commits nothing.
        let held = shared.recent.write().unwrap();
        let mut answers = Vec::new();
        // So many beside those that it may have in hand.
        let together =
            Options::default().max_batch + MANY_WAITING + 2 * TOGETHER * rayon::current_num_threads();
        for _ in 0..together.div_ceil(TOGETHER) {
            let calls = (0..TOGETHER).map(|_| {
                let (reply, answer) = oneshot::channel();
                answers.push(answer);
                let submissions = vec![again.clone()];
                Call { submissions, atomic: false, reply, at_door: ledger.0.queue.comes() }
            });
            ledger.take_in(calls.collect());
        }
        let (done, is_done) = std::sync::mpsc::channel();
        for _ in 0..rayon::current_num_threads() {
            let done = done.clone();
            // Whoever waits for it may have given up.
            rayon::spawn(move || _ = done.send(()));
        }
        for _ in 0..rayon::current_num_threads() {
            is_done.recv_timeout(Duration::from_secs(60)).expect("the pool works on");
        }
        drop(held);
        for answer in answers {
            let receipt = answer.blocking_recv().unwrap().remove(0).unwrap();
            assert!(receipt.already && receipt.index == 0);
        }
    }
}
