//! The ledger's clock (formats.md, section 4): recorded time never runs backwards.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{RELEASED, log::Time};

/// How far the clock may be behind the last entry. The time of that entry is then repeated.
const MAX_BEHIND_MS: i64 = 10_000;
/// How far the clock may be ahead of what the monotonic clock lets expect.
pub(super) const MAX_AHEAD_MS: i64 = 3_600_000;
/// How far the clock may be ahead of the latest known time at the start. An entry with a wrong year would keep the ledger from
/// recording anything until that year.
const MAX_AHEAD_AT_START_MS: i64 = 7 * DAY_MS;
const DAY_MS: i64 = 86_400_000;

const NO_YEAR: &str = "the clock shows no year from 1 to 9999";

/// When the day of this release began, in UTC.
fn released() -> Option<Time> {
    Time::parse(&format!("{RELEASED}T00:00:00.000Z"))
}

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
    /// What the wall clock and the monotonic clock showed when they were last read, in milliseconds.
    read: (i64, i64),
}

impl Clock {
    pub fn new(source: Arc<dyn TimeSource>, last: Option<Time>) -> Self {
        let read = (source.wall_ms(), source.monotonic_ms());
        Self { source, last, read }
    }

    /// What the wall clock and the monotonic clock showed when they were last read, in milliseconds.
    pub fn read(&self) -> (i64, i64) {
        self.read
    }

    /// Compares the clock, before anything is recorded, with the times that are known: that of the last entry, that of this
    /// release, and `seen`, which a server kept here. `accept`: the operator says that the clock is right.
    ///
    /// # Errors
    /// Why the writer must not begin, in words that may be shown to anybody.
    pub fn check_start(&self, seen: Option<Time>, accept: bool) -> Result<(), String> {
        let wall = self.read.0;
        let now = Time::from_unix_ms(wall).ok_or(NO_YEAR)?;
        self.check_behind(wall)?;
        let known = [
            (self.last, "the last entry"),
            (released(), "the release of this program"),
            (seen, "the last hour in which this ledger was served"),
        ];
        let latest =
            known.into_iter().filter_map(|(time, of)| Some((time?, of))).max_by_key(|(time, _)| *time);
        let Some((latest, of)) = latest else { return Ok(()) };
        let ahead = wall.saturating_sub(latest.unix_ms());
        if accept || ahead <= MAX_AHEAD_AT_START_MS {
            return Ok(());
        }
        Err(format!(
            "the clock says {now}, {} days after the latest time that is known here, {latest} ({of}): set it right (NTP), or, \
             if it is right, start once with --accept-clock",
            ahead / DAY_MS
        ))
    }

    fn check_behind(&self, wall: i64) -> Result<(), String> {
        let Some(last) = self.last else { return Ok(()) };
        let behind = last.unix_ms().saturating_sub(wall);
        if behind <= MAX_BEHIND_MS {
            return Ok(());
        }
        let now = Time::from_unix_ms(wall).ok_or(NO_YEAR)?;
        Err(format!(
            "the clock says {now}, {} s behind the last entry, of {last}: set it right (NTP), then start again",
            behind / 1_000
        ))
    }

    /// The time of the next batch.
    ///
    /// # Errors
    /// Why the writer must stop.
    pub fn tick(&mut self) -> Result<Time, String> {
        let (wall, monotonic) = (self.source.wall_ms(), self.source.monotonic_ms());
        let expected = self.read.0.saturating_add(monotonic.saturating_sub(self.read.1));
        if wall.saturating_sub(expected) > MAX_AHEAD_MS {
            return Err(
                "the clock jumped more than an hour ahead: set it right (NTP), then start again".into()
            );
        }
        self.check_behind(wall)?;
        let now = Time::from_unix_ms(wall).ok_or(NO_YEAR)?;
        let time = self.last.map_or(now, |last| last.max(now));
        self.last = Some(time);
        self.read = (wall, monotonic);
        Ok(time)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    /// Clocks that show what they are set to.
    #[derive(Default)]
    pub(in crate::ledger) struct Set(AtomicI64, AtomicI64);

    impl Set {
        pub(in crate::ledger) fn set(&self, wall: i64, monotonic: i64) {
            self.0.store(wall, Relaxed);
            self.1.store(monotonic, Relaxed);
        }
    }

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
    fn a_clock_that_starts_far_from_all_that_is_known_needs_somebodys_word() {
        let at = |text: &str| Time::parse(text).unwrap();
        let released = released().unwrap();
        let begin = |wall: i64, last: Option<Time>, seen: Option<Time>, accept: bool| {
            let set = Arc::new(Set::default());
            set.set(wall, 0);
            Clock::new(set, last).check_start(seen, accept)
        };
        let day = |n: i64| released.unix_ms() + n * DAY_MS;
        let time = |ms: i64| Time::from_unix_ms(ms);
        assert_eq!(begin(day(7), None, None, false), Ok(()));
        let said = begin(day(7) + 1, None, None, false).unwrap_err();
        assert!(said.contains(&released.to_string()) && said.contains("--accept-clock"), "{said}");
        assert_eq!(begin(day(4_000), None, None, true), Ok(()));
        // The latest known time counts.
        assert_eq!(begin(day(20), time(day(14)), None, false), Ok(()));
        assert_eq!(begin(day(20), None, time(day(14)), false), Ok(()));
        assert_eq!(begin(day(20), time(day(2)), time(day(14)), false), Ok(()));
        let said = begin(day(40), time(day(2)), time(day(14)), false).unwrap_err();
        assert!(said.contains("26 days") && said.contains("served"), "{said}");
        // Nobody's word makes time run backwards.
        let last = at("2027-01-02T03:04:05.000Z");
        assert_eq!(begin(last.unix_ms() - 10_000, Some(last), None, false), Ok(()));
        let said = begin(last.unix_ms() - 11_000, Some(last), None, true).unwrap_err();
        assert!(said.contains("11 s behind the last entry, of 2027-01-02T03:04:05.000Z"), "{said}");
        assert!(said.contains("says 2027-01-02T03:03:54.000Z") && said.contains("NTP"), "{said}");
        assert!(begin(i64::MAX, None, None, true).is_err());
    }

    #[test]
    fn the_day_of_the_release_is_not_before_that_of_the_changes_and_has_been() {
        let day = released().expect("a day");
        let dated =
            |line: &str| Some(line.strip_prefix("## ")?.split_once('(')?.1.trim_end_matches(')').to_owned());
        for date in include_str!("../../CHANGELOG.md").lines().filter_map(dated) {
            assert!(*RELEASED >= *date, "RELEASED is {RELEASED}, CHANGELOG.md has {date}");
        }
        assert!(day.unix_ms() <= SystemTimeSource::new().wall_ms(), "{RELEASED} is yet to come");
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
