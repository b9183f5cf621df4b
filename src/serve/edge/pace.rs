//! The pace at which a peer brings or takes bytes: how far it is behind a fair pace, and how slow it is in the long run.

use std::time::{Duration, Instant};

use crate::serve::limits;

/// How far a peer is behind a fair pace. It decides who gives way where there is not enough for all.
///
/// Waiting for a peer puts it behind. Each byte brings it forward by the time that a byte takes at [`limits::SLOWEST`] bytes a
/// second, up to [`limits::AHEAD`] ahead. So a peer that sends a trickle falls behind like a silent one, and a peer that keeps
/// the pace is not behind. If all keep it and there is still not enough, it is decided by how [slow](Pace::slowness) they were
/// in all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// Since when the server waits for the peer; `None` while the peer waits for the server.
    since: Option<Instant>,
    /// Microseconds that the peer was ahead at the start of the present wait; negative if it was behind.
    ahead: i64,
    /// Microseconds for which the server waited for the peer in all, without the present wait.
    waited: u64,
    /// Bytes that the peer brought or took.
    bytes: u64,
}

impl Pace {
    /// The pace of a peer that the server waits for from `now` on.
    pub fn waiting(now: Instant) -> Self {
        Self { since: Some(now), ..Self::default() }
    }

    /// The pace of a peer that is waited for, is not behind, and moved `bytes` in `time`.
    #[cfg(test)]
    pub fn moved_in(bytes: u64, time: Duration) -> Self {
        let ahead = micros(limits::AHEAD);
        Self { since: Some(Instant::now()), ahead, waited: micros(time).unsigned_abs(), bytes }
    }

    /// Records that the server waits for the peer.
    pub fn waits(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Records that the peer brought or took `bytes`, which ends a wait for it.
    pub fn moved(&mut self, bytes: usize) {
        // Most bytes move without a wait; then the clock is not read.
        if let Some(since) = self.since.take() {
            let waited = micros(since.elapsed());
            self.ahead = self.ahead.saturating_sub(waited);
            self.waited = self.waited.saturating_add(waited.unsigned_abs());
        }
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let earned = micros(earned(bytes));
        self.ahead = self.ahead.saturating_add(earned).min(micros(limits::AHEAD));
    }

    /// Like [`moved`](Self::moved), but the peer never gets ahead. For a head or message that must be complete soon: that it
    /// came fast so far is no reason to wait longer for the rest.
    pub fn brought(&mut self, bytes: usize) {
        self.moved(bytes);
        self.ahead = self.ahead.min(0);
    }

    /// How far the peer is behind; zero if it keeps the pace, `None` while it waits for the server.
    pub fn behind(&self, now: Instant) -> Option<Duration> {
        let waited = micros(now.saturating_duration_since(self.since?));
        let behind = waited.saturating_sub(self.ahead).max(0);
        Some(Duration::from_micros(behind.unsigned_abs()))
    }

    /// The time that the peer takes for a mebibyte, if it is slower than [`limits::BRISK`]. `None` if it is not, if it was
    /// waited for less than [`limits::TOLD_AFTER`], or while it waits for the server.
    pub fn slowness(&self, now: Instant) -> Option<Duration> {
        let waiting = now.saturating_duration_since(self.since?);
        let waited = Duration::from_micros(self.waited).saturating_add(waiting);
        let each = waited.as_micros().saturating_mul(1 << 20) / u128::from(self.bytes.max(1));
        let slow = waited >= limits::TOLD_AFTER && each > 1_000_000 * (1 << 20) / u128::from(limits::BRISK);
        slow.then(|| Duration::from_micros(u64::try_from(each).unwrap_or(u64::MAX)))
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The time that `bytes` may take at [`limits::SLOWEST`].
pub(super) fn earned(bytes: usize) -> Duration {
    Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / limits::SLOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many seconds a peer is behind after an hour in which it moves `bytes` at the end of each second.
    fn behind_after_an_hour(bytes: usize) -> Duration {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        for _ in 0..3_600 {
            // As if the wait had begun a second ago.
            pace.since = now.checked_sub(Duration::from_secs(1));
            pace.moved(bytes);
            now = Instant::now();
        }
        pace.waits();
        pace.behind(Instant::now()).unwrap()
    }

    #[test]
    fn who_trickles_falls_behind_as_who_is_silent_and_who_keeps_the_pace_does_not() {
        let slowest = usize::try_from(limits::SLOWEST).unwrap();
        let [silent, trickle, half, kept] =
            [0, 1, slowest / 2, slowest + slowest / 100].map(|bytes| behind_after_an_hour(bytes).as_secs());
        assert!((3_600..3_610).contains(&silent), "{silent}");
        assert!((3_595..3_610).contains(&trickle), "{trickle}");
        assert!((1_795..1_810).contains(&half), "{half}");
        assert_eq!(kept, 0);
    }

    #[test]
    fn who_is_slow_in_the_long_run_is_known_by_it() {
        let now = Instant::now();
        let moves = |seconds: u64, bytes: u64| {
            let pace = Pace { since: Some(now), ..Pace::moved_in(bytes, Duration::from_secs(seconds)) };
            pace.slowness(now).map(|each| each.as_secs())
        };
        assert_eq!(moves(60, 60 * 6_000), Some(174), "a mebibyte at 6 kB/s");
        assert_eq!(moves(1, 6_000), None, "it can't be told yet");
        assert_eq!(moves(60, 60 * limits::BRISK), None);
        assert_eq!(moves(60, 60 * limits::BRISK / 2), Some((2 << 20) / limits::BRISK));
        assert!(moves(10, 0).is_some(), "and silence is slow");
        assert_eq!(
            Pace { waited: u64::MAX, ..Pace::default() }.slowness(now),
            None,
            "it is the server's turn"
        );
    }

    #[test]
    fn bytes_buy_a_little_time_and_no_more() {
        let mut pace = Pace::default();
        assert_eq!(pace.behind(Instant::now()), None, "it is the server's turn");
        pace.moved(usize::MAX);
        pace.waits();
        let now = Instant::now();
        assert_eq!(pace.behind(now), Some(Duration::ZERO));
        let behind = pace.behind(now + limits::AHEAD + Duration::from_secs(2)).unwrap();
        assert!((2..3).contains(&behind.as_secs()), "{behind:?}");
    }
}
