//! Asks authorities to stamp what the ledger publishes. Like asking witnesses, this is off the ledger's own paths: it reads
//! through a reader, and hands in the tokens.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;

use super::asking::{AskError, Asking};
use crate::{
    ledger::{Ledger, Reader, timestamped::StampOutcome},
    log::{SignedCheckpoint, Time},
    timestamp::Roots,
};

/// At most this many authorities are asked: their tokens stand in every exhibit.
pub const MAX_AUTHORITIES: usize = 8;

/// The authorities to ask.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    /// Their addresses.
    pub urls: Vec<String>,
    /// If given, a token is kept only if its certificate leads to one of these.
    pub roots: Option<Arc<Roots>>,
}

/// When authorities are asked.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The least time between two checkpoints that are stamped. While nothing new is on record, none is.
    pub every: Duration,
    /// How long witnesses have to cosign a new checkpoint before it is stamped.
    pub settle: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// The pause after the first failure of an authority. It doubles with each failure in a row, and a random part of up to
    /// half of it is taken off.
    pub pause: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// Random bits that make pauses differ.
    pub random: fn() -> u16,
    /// This machine's clock.
    pub now: fn() -> Option<Time>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(86_400),
            settle: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            pause: Duration::from_secs(60),
            longest: Duration::from_secs(3_600),
            random: || {
                let mut bytes = [0; 2];
                // Without random bits, all pauses are the same.
                let _ = getrandom::fill(&mut bytes);
                u16::from_be_bytes(bytes)
            },
            now: || {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
                Time::from_unix_ms(since.as_millis().try_into().ok()?)
            },
        }
    }
}

impl Schedule {
    /// The pause after `failures` failures in a row.
    fn pause(&self, failures: u32, random: u16) -> Duration {
        let doubled = self.pause.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest);
        doubled.mul_f64(1.0 - f64::from(random) / f64::from(u16::MAX) / 2.0)
    }

    /// How long from `now` until the next checkpoint is due, if the last was stamped at `stamped`. Never longer than `every`,
    /// whatever the authority's clock says.
    fn due_in(&self, stamped: Time, now: Option<Time>) -> Duration {
        let since = now.map_or(0, |now| now.unix_ms().saturating_sub(stamped.unix_ms()));
        self.every.saturating_sub(Duration::from_millis(u64::try_from(since).unwrap_or_default()))
    }
}

fn size(checkpoint: Option<&Arc<SignedCheckpoint>>) -> u64 {
    checkpoint.map_or(0, |c| c.checkpoint().size())
}

/// Asks authorities for tokens for as long as it is polled.
pub async fn collect(ledger: Ledger, authorities: Authorities, schedule: Schedule) {
    let reader = ledger.reader().clone();
    let mut published = reader.watch_published();
    // The first target is the checkpoint that was stamped last: authorities that have not stamped it are asked for that.
    let last = reader.timestamped().latest().and_then(|(size, _)| reader.stamped_of(size).ok().flatten());
    let (targets, _) = watch::channel(last.map(Arc::new));
    let mut tasks = tokio::task::JoinSet::new();
    for url in authorities.urls {
        let asking = Asking::new(&url, authorities.roots.clone(), schedule.timeout, schedule.now);
        tasks.spawn(follow(ledger.clone(), url, asking, schedule, targets.subscribe()));
    }
    loop {
        let latest = reader.timestamped().latest();
        if let Some((_, time)) = latest {
            tokio::time::sleep(schedule.due_in(time, (schedule.now)())).await;
        }
        let stamped = latest.map_or(0, |(size, _)| size);
        if published.wait_for(|c| size(c.as_ref()) > stamped).await.is_err() {
            return;
        }
        if !reader.witnessed().is_empty() {
            tokio::time::sleep(schedule.settle).await;
            let ledger = ledger.clone();
            let refreshed = tokio::task::spawn_blocking(move || ledger.refresh_timestamps()).await;
            if let Ok(Err(error)) = refreshed {
                tracing::error!(%error, "cosignatures of a stamped checkpoint can't be kept");
            }
        }
        let target = next(&reader, stamped, published.borrow().clone());
        targets.send_replace(target);
        tokio::time::sleep(schedule.every).await;
    }
}

/// The next checkpoint to stamp, of those that cover more than `stamped` entries: the one with the most cosignatures, or the
/// latest if none has any.
fn next(
    reader: &Reader,
    stamped: u64,
    published: Option<Arc<SignedCheckpoint>>,
) -> Option<Arc<SignedCheckpoint>> {
    reader.cosigned_checkpoint(stamped.saturating_add(1)).or(published)
}

/// Asks one authority to stamp each target. Targets that were replaced while it was busy are skipped.
async fn follow(
    ledger: Ledger,
    url: String,
    asking: Asking,
    schedule: Schedule,
    mut targets: watch::Receiver<Option<Arc<SignedCheckpoint>>>,
) {
    let asking = Arc::new(asking);
    let mut done = ledger.reader().timestamped().latest_of(&url).unwrap_or(0);
    let mut failures = 0;
    let mut last: Option<StampOutcome> = None;
    loop {
        let target = match targets.wait_for(|t| size(t.as_ref()) > done).await {
            Ok(target) => target.clone(),
            Err(_) => return,
        };
        let Some(target) = target else { continue };
        let (asker, there, at, began) = (asking.clone(), ledger.clone(), target.clone(), Instant::now());
        let Ok(answered) = tokio::task::spawn_blocking(move || asker.ask(&there, &at)).await else {
            tracing::error!(url, "asking a time-stamping authority ended in a panic; it is asked no more");
            return;
        };
        let outcome = answered.as_ref().map_or_else(AskError::outcome, |_| StampOutcome::Stamped);
        ledger.reader().timestamped().count(outcome);
        let news = last.replace(outcome) != Some(outcome);
        match answered {
            Ok(time) => {
                (done, failures) = (size(Some(&target)), 0);
                tracing::info!(url, size = done, %time, took = ?began.elapsed(), "a checkpoint was stamped");
            }
            Err(error) => {
                // A warning is given once for each kind of trouble: it may last.
                if news {
                    tracing::warn!(url, %error, "a time-stamping authority does not stamp; it is asked again, and the ledger goes on");
                } else {
                    tracing::debug!(url, %error, "a time-stamping authority does not stamp");
                }
                failures += 1;
                tokio::time::sleep(schedule.pause(failures, (schedule.random)())).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_does_not_answer_is_asked_ever_less_often() {
        let schedule = Schedule::default();
        let seconds = |failures, random| schedule.pause(failures, random).as_secs_f64();
        assert_eq!((seconds(1, 0), seconds(2, 0), seconds(6, 0)), (60.0, 120.0, 1_920.0));
        assert_eq!((seconds(7, 0), seconds(u32::MAX, 0)), (3_600.0, 3_600.0));
        assert_eq!((seconds(1, u16::MAX), seconds(99, u16::MAX)), (30.0, 1_800.0));
    }

    #[test]
    fn the_next_is_due_a_day_after_the_last_whatever_an_authority_says_of_the_time() {
        let (schedule, now) = (Schedule::default(), Time::parse("2026-11-22T05:00:00.000Z").unwrap());
        let hours =
            |stamped| schedule.due_in(Time::parse(stamped).unwrap(), Some(now)).as_secs_f64() / 3_600.0;
        assert_eq!(hours("2026-11-22T04:00:00.000Z"), 23.0);
        assert_eq!(hours("2026-11-21T05:00:00.000Z"), 0.0);
        assert_eq!(hours("2020-01-01T00:00:00.000Z"), 0.0);
        assert_eq!(hours("2999-01-01T00:00:00.000Z"), 24.0);
        assert_eq!(schedule.due_in(now, None), schedule.every);
    }
}
