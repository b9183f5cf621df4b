//! Progress of long work, on stderr, while somebody watches.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::Mutex,
    time::{Duration, Instant},
};

/// A line of progress on stderr, while somebody watches.
pub(super) struct Meter {
    watched: bool,
    start: Instant,
    last: Mutex<Option<Instant>>,
}

impl Meter {
    pub fn new() -> Self {
        Self { watched: std::io::stderr().is_terminal(), start: Instant::now(), last: Mutex::new(None) }
    }

    /// Entries done, and of how many.
    pub fn show(&self, done: u64, of: u64) {
        let Ok(mut last) = self.last.lock() else { return };
        // Short work shows nothing; long work a line that is not rewritten faster than it can be read.
        let wait = match *last {
            None => self.start.elapsed() < Duration::from_millis(500),
            Some(last) => last.elapsed() < Duration::from_millis(100),
        };
        if !self.watched || wait {
            return;
        }
        *last = Some(Instant::now());
        let rate = done as f64 / self.start.elapsed().as_secs_f64();
        let percent = (done * 100).checked_div(of).unwrap_or(100);
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "\r\x1b[K{done} of {of} entries  {percent}%  {rate:.0} a second");
        let _ = err.flush();
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.last.lock().is_ok_and(|last| last.is_some()) {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}
