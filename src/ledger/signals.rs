//! What writer, follower and handles tell each other: news, progress, and why the writer stopped.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{metrics::Metrics, recent::Extent};

/// The writer waits while this many bytes of the journal are not published yet, since what they hold is in memory.
const MAX_BACKLOG_BYTES: u64 = 256 << 20;

/// What writer, follower and handles tell each other.
#[derive(Default)]
pub(crate) struct Signals {
    /// Why the writer takes nothing any more, in words that may be shown to anybody.
    fault: Mutex<Option<String>>,
    pub closing: AtomicBool,
    /// A witness or a peer knows more of this log than is here, or another history.
    pub contradicted: AtomicBool,
    /// The number of entries in `public/`.
    pub published: AtomicU64,
    pub metrics: Metrics,
    /// There is something to publish.
    news: (Mutex<bool>, Condvar),
    /// How much was published, and a signal when that has grown.
    progress: (Mutex<Extent>, Condvar),
    /// Held while a batch is committed and shown.
    commit: Mutex<()>,
}

impl Signals {
    /// Why the writer stopped, if it did.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Stops the writer for a fault of this machine, such as its disk. The cause may name paths, so it is only logged.
    pub fn stop_because(&self, why: &str, cause: &dyn std::fmt::Display) {
        tracing::error!(%cause, "{why}");
        self.stop(why.to_owned());
    }
    /// Stops the writer. Of several reasons the first one stays.
    pub fn stop(&self, why: String) {
        tracing::error!(why, "the writer stops");
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.wake();
        // Under the lock, so that a thread that is about to wait sees the fault or is woken.
        let _progress = self.progress.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.progress.1.notify_all();
    }
    /// Notes that all entries up to here are in tiles and in the index.
    pub fn set_published(&self, to: Extent) {
        self.published.store(to.entries, Ordering::Release);
        *self.progress.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
        self.progress.1.notify_all();
    }
    /// While this is held, nothing is recorded, and all that was recorded can be read.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Waits until enough is published, or the writer stops.
    fn wait_published(&self, is_enough: impl Fn(Extent) -> bool) {
        let progress = self.progress.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |p: &mut Extent| !is_enough(*p) && self.fault().is_none();
        drop(self.progress.1.wait_while(progress, waits).unwrap_or_else(PoisonError::into_inner));
    }
    /// Waits until `size` entries are in tiles and in the index, at most for `at_most`, and no longer once the writer stops.
    /// Returns whether they are.
    pub fn wait_until_published(&self, size: u64, at_most: Duration) -> bool {
        let is_there = || self.published.load(Ordering::Acquire) >= size;
        let progress = self.progress.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |_: &mut Extent| !is_there() && self.fault().is_none();
        let waited = self.progress.1.wait_timeout_while(progress, at_most, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        is_there()
    }
    /// Waits while too much is in memory that is not published, because the follower or the disk can't keep up.
    pub fn wait_for_follower(&self, committed: Extent, max_backlog: u64) {
        self.wait_published(|published| {
            committed.entries.saturating_sub(published.entries) < max_backlog
                && committed.bytes.saturating_sub(published.bytes) < MAX_BACKLOG_BYTES
        });
    }
    /// Wakes the follower.
    pub fn wake(&self) {
        *self.news.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.news.1.notify_all();
    }
    /// Waits until [`wake`](Self::wake) is called, at most for `at_most`.
    pub fn wait(&self, at_most: Duration) {
        let news = self.news.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut news, _) =
            self.news.1.wait_timeout_while(news, at_most, |n| !*n).unwrap_or_else(PoisonError::into_inner);
        *news = false;
    }
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}
