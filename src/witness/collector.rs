//! Asks witnesses to cosign what the ledger publishes. This is off the ledger's own paths: it reads through a reader, and hands
//! in the cosignatures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    address::WitnessAddress,
    asking::{Answered, AskError, Asking},
};
use crate::{
    ledger::{Ledger, cosigned::AskOutcome},
    log::SignedCheckpoint,
};

/// At most this many witnesses are asked: their lines must fit below a checkpoint that readers accept.
pub const MAX_WITNESSES: usize = 32;
/// The pause after a first failure is at least twice this, less up to half of it, even if `every` is shorter.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// If a witness says when to ask again, the pause is that long, up to this limit.
const LATEST_RETRY: Duration = Duration::from_secs(3_600);

/// How often and how long witnesses are asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The least time between two checkpoints that witnesses are asked for. All are asked for the same ones; otherwise no
    /// checkpoint would ever have a quorum on a busy ledger.
    pub every: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// The longest pause after failures of a witness.
    pub longest: Duration,
    /// The age at which a cosignature is asked for again on the same checkpoint: readers may want to know that nothing larger
    /// was shown to the witness since.
    pub renew: Duration,
    /// Random bits that make pauses differ.
    pub random: fn() -> u16,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            longest: Duration::from_secs(300),
            renew: Duration::from_secs(1_800),
            random: || {
                let mut bytes = [0; 2];
                // Without random bits, all pauses are the same.
                let _ = getrandom::fill(&mut bytes);
                u16::from_be_bytes(bytes)
            },
        }
    }
}

impl Pace {
    /// The pause after `failures` failures in a row. It doubles each time, and a random part of up to half of it is taken off,
    /// so that logs that failed together don't come back together.
    fn pause(&self, failures: u32, random: u16) -> Duration {
        let doubled = self.every.max(SHORTEST_PAUSE).saturating_mul(1 << failures.min(16)).min(self.longest);
        doubled.mul_f64(1.0 - f64::from(random) / f64::from(u16::MAX) / 2.0)
    }
}

/// Asks witnesses for cosignatures for as long as it is polled. The ledger must have been opened with their keys.
pub async fn collect(ledger: Ledger, witnesses: Vec<WitnessAddress>, pace: Pace) {
    let (targets, _) = watch::channel(None);
    let mut tasks = tokio::task::JoinSet::new();
    for witness in witnesses {
        tasks.spawn(follow(ledger.clone(), witness, pace, targets.subscribe()));
    }
    let mut published = ledger.reader().watch_published();
    // The checkpoint that is published already is the first target.
    published.mark_changed();
    drop(ledger);
    while published.changed().await.is_ok() {
        let target = published.borrow_and_update().clone();
        targets.send_replace(target);
        tokio::time::sleep(pace.every).await;
    }
}

/// Asks one witness to cosign each target. Targets that were replaced while it was busy are skipped.
async fn follow(
    ledger: Ledger,
    witness: WitnessAddress,
    pace: Pace,
    mut targets: watch::Receiver<Option<Arc<SignedCheckpoint>>>,
) {
    let size = |target: &Option<Arc<SignedCheckpoint>>| target.as_ref().map_or(0, |t| t.checkpoint().size());
    let known = ledger.reader().witnessed().into_iter().find(|w| w.key == witness.key);
    let mut done = known.and_then(|w| w.latest).map_or(0, |(size, _)| size);
    let (name, url) = (witness.key.name().to_owned(), witness.url.clone());
    let mut asking = Asking::new(witness, done, pace.timeout);
    let mut failures = 0;
    let mut last: Option<AskOutcome> = None;
    // Due at once: a cosignature from before this start may be old.
    let mut due = tokio::time::Instant::now();
    loop {
        let goes_on = tokio::select! {
            news = targets.wait_for(|t| size(t) > done) => news.is_ok(),
            () = tokio::time::sleep_until(due) => true,
        };
        if !goes_on {
            return;
        }
        let target = targets.borrow_and_update().clone();
        let Some(target) = target else {
            // Nothing is published yet.
            if targets.changed().await.is_err() {
                return;
            }
            continue;
        };
        let (ledger_there, began) = (ledger.clone(), Instant::now());
        let asked = tokio::task::spawn_blocking(move || {
            let answered = asking.ask(ledger_there.reader(), &target);
            let answered = answered.and_then(|answer: Answered| {
                let kept = ledger_there.add_cosignature(&target, answer.witness(), answer.line());
                kept.map(|()| target.checkpoint().size()).map_err(|e| AskError::Bad(e.to_string()))
            });
            (asking, answered)
        });
        let Ok((back, answered)) = asked.await else {
            tracing::error!(name, "asking a witness ended in a panic; it is asked no more");
            return;
        };
        asking = back;
        let outcome = answered.as_ref().map_or_else(AskError::outcome, |_| AskOutcome::Cosigned);
        ledger.reader().count_asked(outcome);
        let news = last.replace(outcome) != Some(outcome);
        match answered {
            Ok(cosigned) => {
                ledger.confirmed();
                (done, failures) = (cosigned, 0);
                due = tokio::time::Instant::now() + pace.renew;
                if news {
                    tracing::info!(name, url, size = cosigned, took = ?began.elapsed(), "a witness cosigned");
                }
            }
            Err(error) => {
                // A warning is given once for each kind of trouble: it may last.
                if error.is_grave() {
                    tracing::error!(name, url, %error, "a witness does not cosign");
                    ledger.contradicted(&format!("witness {name}: {error}"));
                } else if news {
                    tracing::warn!(name, url, %error, "a witness does not cosign; it is asked again, and the ledger goes on");
                } else {
                    tracing::debug!(name, url, %error, "a witness does not cosign");
                }
                failures += 1;
                let asked_for = error.retry_after().unwrap_or_default().min(LATEST_RETRY);
                tokio::time::sleep(pace.pause(failures, (pace.random)()).max(asked_for)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_that_does_not_answer_is_asked_ever_less_often() {
        let pace =
            Pace { every: Duration::from_secs(1), longest: Duration::from_secs(60), ..Pace::default() };
        let seconds = |failures, random| pace.pause(failures, random).as_secs_f64();
        assert_eq!((seconds(1, 0), seconds(2, 0), seconds(5, 0)), (2.0, 4.0, 32.0));
        assert_eq!((seconds(6, 0), seconds(u32::MAX, 0)), (60.0, 60.0));
        assert_eq!((seconds(1, u16::MAX), seconds(99, u16::MAX)), (1.0, 30.0));
        assert!((1.4..1.6).contains(&seconds(1, u16::MAX / 2)));
        let restless = Pace { every: Duration::ZERO, ..pace };
        assert_eq!(restless.pause(1, u16::MAX), Duration::from_millis(50), "nobody is asked without a pause");
    }
}
