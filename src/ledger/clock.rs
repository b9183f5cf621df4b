//! The ledger's clock (formats.md, section 4): recorded time never runs backwards.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::log::Time;

/// How far behind the last entry the clock may be; the last time is then repeated.
const MAX_BEHIND_MS: i64 = 10_000;
/// How far ahead of what the monotonic clock expects it may be.
const MAX_AHEAD_MS: i64 = 3_600_000;

/// Where time comes from: milliseconds since 1970, and milliseconds of a clock that is never set.
pub(crate) trait TimeSource: Send + Sync + 'static {
    fn wall_ms(&self) -> i64;
    fn monotonic_ms(&self) -> i64;
}

/// The clocks of this machine.
#[derive(Debug)]
pub(crate) struct SystemTimeSource(Instant);

impl SystemTimeSource {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

fn ms(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

impl TimeSource for SystemTimeSource {
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(d) => ms(d),
            Err(before) => -ms(before.duration()),
        }
    }
    fn monotonic_ms(&self) -> i64 {
        ms(self.0.elapsed())
    }
}

/// Gives each batch its time, or the reason why the writer must stop.
pub(crate) struct Clock {
    source: Arc<dyn TimeSource>,
    last: Option<Time>,
    /// Wall and monotonic clock when they were last read.
    read: (i64, i64),
}

impl Clock {
    pub fn new(source: Arc<dyn TimeSource>, last: Option<Time>) -> Self {
        let read = (source.wall_ms(), source.monotonic_ms());
        Self { source, last, read }
    }

    pub fn tick(&mut self) -> Result<Time, String> {
        let (wall, monotonic) = (self.source.wall_ms(), self.source.monotonic_ms());
        let expected = self.read.0.saturating_add(monotonic.saturating_sub(self.read.1));
        if wall.saturating_sub(expected) > MAX_AHEAD_MS {
            return Err("the clock jumped more than an hour ahead".into());
        }
        let behind = self.last.map_or(0, |last| last.unix_ms().saturating_sub(wall));
        if behind > MAX_BEHIND_MS {
            return Err(format!("the clock is {} s behind the last entry", behind / 1000));
        }
        let now = Time::from_unix_ms(wall).ok_or("the clock shows no year from 1 to 9999")?;
        let time = self.last.map_or(now, |last| last.max(now));
        self.last = Some(time);
        self.read = (wall, monotonic);
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    #[derive(Default)]
    struct Set(AtomicI64, AtomicI64);
    impl TimeSource for Set {
        fn wall_ms(&self) -> i64 {
            self.0.load(Relaxed)
        }
        fn monotonic_ms(&self) -> i64 {
            self.1.load(Relaxed)
        }
    }

    fn clock_at(wall: i64) -> (Arc<Set>, Clock) {
        let set = Arc::new(Set::default());
        set.0.store(wall, Relaxed);
        let clock = Clock::new(set.clone(), None);
        (set, clock)
    }

    #[test]
    fn a_clock_a_little_behind_repeats_the_last_time() {
        let (set, mut clock) = clock_at(1_000_000);
        let t = clock.tick().unwrap();
        set.0.store(990_000, Relaxed);
        assert_eq!(clock.tick().unwrap(), t);
        set.0.store(989_999, Relaxed);
        assert!(clock.tick().is_err(), "more than 10 s behind");
    }

    #[test]
    fn a_clock_far_ahead_of_the_monotonic_one_stops_the_writer() {
        let (set, mut clock) = clock_at(0);
        set.0.store(3_600_000, Relaxed);
        assert!(clock.tick().is_ok(), "an hour ahead");
        set.0.store(7_200_001, Relaxed);
        assert!(clock.tick().is_err(), "more than an hour ahead");
        set.1.store(3_000_000, Relaxed);
        assert!(clock.tick().is_ok(), "time went by");
    }
}
