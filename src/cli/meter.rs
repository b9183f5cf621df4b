//! Progress of long work, on stderr, while somebody watches.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::Mutex,
    time::{Duration, Instant},
};

/// A line of progress on stderr, while somebody watches.
pub(super) struct Meter {
    watched: bool,
    /// `None` before the first call of `show`.
    shown: Mutex<Option<Shown>>,
}

#[derive(Clone, Copy)]
struct Shown {
    /// When `show` was first called.
    first: Instant,
    /// How many entries were done then.
    done: u64,
    /// When the line was last printed.
    last: Option<Instant>,
}

impl Meter {
    pub fn new() -> Self {
        Self { watched: std::io::stderr().is_terminal(), shown: Mutex::new(None) }
    }

    /// Shows that `done` of `of` entries are done.
    pub fn show(&self, done: u64, of: u64) {
        self.show_after("", done, of);
    }

    /// Shows that `done` of `of` entries were compared with `entry`, which was refused.
    pub fn show_search(&self, entry: u64, done: u64, of: u64) {
        self.show_after(&format!("looking for one that contradicts entry {entry}: "), done, of);
    }

    fn show_after(&self, what: &str, done: u64, of: u64) {
        let Ok(mut shown) = self.shown.lock() else { return };
        let shown = shown.get_or_insert(Shown { first: Instant::now(), done, last: None });
        // Short work shows nothing. The line of long work is not rewritten faster than it can be read.
        let wait = match shown.last {
            None => shown.first.elapsed() < Duration::from_millis(500),
            Some(last) => last.elapsed() < Duration::from_millis(100),
        };
        if !self.watched || wait {
            return;
        }
        shown.last = Some(Instant::now());
        let mut err = std::io::stderr().lock();
        let line = line(done - shown.done.min(done), done, of, shown.first.elapsed());
        let _ = write!(err, "\r\x1b[K{what}{line}");
        let _ = err.flush();
    }

    /// Erases the line.
    pub fn clear(&self) {
        if self.shown.lock().is_ok_and(|shown| shown.is_some_and(|s| s.last.is_some())) {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}

/// The line: `done` of `of` entries, the rate (`lately` entries in the time `took`), and the time left at that rate.
fn line(lately: u64, done: u64, of: u64, took: Duration) -> String {
    let rate = lately as f64 / took.as_secs_f64();
    let percent = (done * 100).checked_div(of).unwrap_or(100);
    let left = (of.saturating_sub(done)) as f64 / rate;
    let left = match left {
        left if !left.is_finite() => String::new(),
        left if left < 90.0 => format!("  {left:.0} s left"),
        left if left < 5_400.0 => format!("  {:.0} min left", left / 60.0),
        left => format!("  {:.0} h left", left / 3_600.0),
    };
    format!("{done} of {of} entries  {percent}%  {rate:.0} a second{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_what_was_done_since_it_was_shown() {
        let ten = Duration::from_secs(10);
        assert_eq!(line(1_000, 5_000, 10_000, ten), "5000 of 10000 entries  50%  100 a second  50 s left");
        assert_eq!(line(0, 5_000, 10_000, ten), "5000 of 10000 entries  50%  0 a second");
        assert!(line(1_000, 1_000, 1_000_000, ten).ends_with("  3 h left"));
    }
}
