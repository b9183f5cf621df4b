//! How fast one client may put events on record.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{client::Client, counts::Counts};
use crate::serve::limits;

/// The rate at which a client may record events: `burst` at once, and `per_minute` from then on. An event counts once for each
/// begun [`limits::WRITE_UNIT`] of its note and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteRate {
    /// Events a minute in the long run; 0 for no limit.
    pub per_minute: u32,
    /// Events that a client may send at once after it was silent for long enough.
    pub burst: u32,
}

impl Default for WriteRate {
    fn default() -> Self {
        Self { per_minute: limits::WRITES_PER_MINUTE, burst: limits::WRITE_BURST }
    }
}

/// What each client has used up.
#[derive(Debug)]
pub(in crate::serve) struct WriteBudget {
    /// The time in which one event is earned back; `None` if there is no limit.
    interval: Option<Duration>,
    burst: u32,
    /// When each client will have its whole burst again. A client that is not listed has it now.
    spent: Mutex<HashMap<Client, Instant>>,
    counts: Arc<Counts>,
}

impl WriteBudget {
    pub fn new(rate: WriteRate, counts: Arc<Counts>) -> Self {
        let interval = (rate.per_minute > 0).then(|| Duration::from_secs(60) / rate.per_minute);
        Self { interval, burst: rate.burst.max(1), spent: Mutex::default(), counts }
    }

    /// Takes `events` from what `client` may still send. Programs on this machine are not limited.
    ///
    /// # Errors
    /// The time after which they may be sent. In this case nothing was taken.
    pub fn take(&self, client: Client, events: u32, now: Instant) -> Result<(), Duration> {
        let Some(interval) = self.interval.filter(|_| !client.is_local()) else { return Ok(()) };
        // A call may hold more events than the burst; it then takes the whole burst.
        let cost = interval * events.min(self.burst);
        let whole = interval * self.burst;
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let until = spent.get(&client).map_or(now, |until| (*until).max(now)) + cost;
        let over = until.saturating_duration_since(now + whole);
        if over > Duration::ZERO {
            self.counts.rate_limited.add();
            return Err(over);
        }
        if spent.len() >= limits::WRITERS_KNOWN && !spent.contains_key(&client) {
            forget(&mut spent, now);
        }
        spent.insert(client, until);
        Ok(())
    }
}

/// Forgets clients that have their whole burst again and, if that is not enough, the eighth of the others that used least.
fn forget(spent: &mut HashMap<Client, Instant>, now: Instant) {
    spent.retain(|_, until| *until > now);
    if spent.len() >= limits::WRITERS_KNOWN {
        let mut times: Vec<Instant> = spent.values().copied().collect();
        let eighth = times.len() / 8;
        let (_, border, _) = times.select_nth_unstable(eighth);
        let border = *border;
        spent.retain(|_, until| *until > border);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u32) -> Client {
        Client::at(std::net::Ipv4Addr::from_bits(n).into())
    }

    fn budget(per_minute: u32, burst: u32) -> WriteBudget {
        WriteBudget::new(WriteRate { per_minute, burst }, Arc::default())
    }

    #[test]
    fn a_burst_goes_through_and_then_the_rate_holds() {
        let b = budget(60, 10);
        let now = Instant::now();
        assert_eq!(b.take(client(1), 10, now), Ok(()));
        assert_eq!(b.take(client(1), 2, now), Err(Duration::from_secs(2)));
        // What is refused takes nothing.
        assert_eq!(b.take(client(1), 1, now + Duration::from_secs(1)), Ok(()));
        assert_eq!(b.take(client(1), 1, now + Duration::from_secs(1)), Err(Duration::from_secs(1)));
        // Another client is not bound by it, and silence brings no more than the burst back.
        assert_eq!(b.take(client(2), 10, now), Ok(()));
        let later = now + Duration::from_secs(10_000);
        assert_eq!(b.take(client(1), 10, later), Ok(()));
        assert!(b.take(client(1), 1, later).is_err());
    }

    #[test]
    fn a_call_larger_than_the_burst_takes_all_of_it() {
        let b = budget(60, 10);
        let now = Instant::now();
        assert_eq!(b.take(client(1), 256, now), Ok(()));
        assert_eq!(b.take(client(1), 256, now + Duration::from_secs(9)), Err(Duration::from_secs(1)));
        assert_eq!(b.take(client(1), 256, now + Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn the_operators_own_programs_and_no_limit_are_not_counted() {
        let now = Instant::now();
        let here = client(1).on_this_machine();
        let (b, none) = (budget(60, 1), budget(0, 1));
        for _ in 0..100 {
            assert_eq!((b.take(here, 256, now), none.take(client(1), 256, now)), (Ok(()), Ok(())));
        }
    }

    #[test]
    fn memory_is_bounded_and_who_used_most_is_remembered() {
        let b = budget(60, 100);
        let now = Instant::now();
        assert_eq!(b.take(client(u32::MAX), 100, now), Ok(()));
        let most = u32::try_from(limits::WRITERS_KNOWN).unwrap();
        for n in 0..most * 3 {
            assert_eq!(b.take(client(n), 1 + n % 7, now), Ok(()));
        }
        assert!(b.spent.lock().unwrap().len() <= limits::WRITERS_KNOWN);
        assert!(b.take(client(u32::MAX), 1, now).is_err(), "forgotten");
    }
}
