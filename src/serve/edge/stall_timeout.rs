//! How long the server waits for a peer to bring or take bytes.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::time::Sleep;

use super::pace::earned;
use crate::serve::limits;

/// A budget of time that waiting uses up and bytes bring back. It ends for a peer that moves no bytes for
/// [`limits::IDLE_TIMEOUT`], or stays below [`limits::SLOWEST`] bytes a second for long.
#[derive(Debug)]
struct StallBudget {
    left: Duration,
    /// When the budget ends if the present wait goes on; `None` while nobody waits.
    until: Option<Instant>,
}

impl StallBudget {
    fn new() -> Self {
        Self { left: limits::IDLE_TIMEOUT, until: None }
    }

    /// When the present wait uses up the budget. A wait begins `now` if none is going on.
    fn wait(&mut self, now: Instant) -> Instant {
        *self.until.get_or_insert(now + self.left)
    }

    fn moved(&mut self, now: Instant, bytes: usize) {
        if let Some(until) = self.until.take() {
            self.left = until.saturating_duration_since(now);
        }
        self.left = (self.left + earned(bytes)).min(limits::IDLE_TIMEOUT);
    }
}

/// Ends a wait for a peer when its budget is used up.
pub(super) struct StallTimeout {
    budget: StallBudget,
    timer: Option<Pin<Box<Sleep>>>,
}

impl StallTimeout {
    pub fn new() -> Self {
        Self { budget: StallBudget::new(), timer: None }
    }

    /// Records that the server waits. Ready when the budget is used up.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.budget.until.is_none() || self.timer.is_none() {
            let until = self.budget.wait(Instant::now()).into();
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(until))),
            }
        }
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }

    /// Records that the peer brought or took `bytes`.
    pub fn moved(&mut self, bytes: usize) {
        // Most bytes move without a wait; then there is nothing to account for.
        if self.budget.until.is_some() || self.budget.left < limits::IDLE_TIMEOUT {
            self.budget.moved(Instant::now(), bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second at which a peer that moves `bytes` at the end of each second has used up the budget; `None` if it lasts for
    /// an hour.
    fn given_up_after(bytes: usize) -> Option<u64> {
        let mut budget = StallBudget::new();
        let start = Instant::now();
        (1..3_600).find(|second| {
            let (before, now) =
                (start + Duration::from_secs(second - 1), start + Duration::from_secs(*second));
            let over = budget.wait(before) <= now;
            if bytes > 0 {
                budget.moved(now, bytes);
            }
            over
        })
    }

    #[test]
    fn silence_and_a_trickle_are_given_up_and_a_slow_line_is_not() {
        let idle = limits::IDLE_TIMEOUT.as_secs();
        let slowest = usize::try_from(limits::SLOWEST).unwrap();
        assert_eq!(given_up_after(0), Some(idle));
        // A byte a second buys no second.
        assert_eq!(given_up_after(1), Some(idle + 1));
        // Half the slowest rate uses up half a second each second.
        let half = given_up_after(slowest / 2).unwrap();
        assert!((2 * idle - 2..=2 * idle).contains(&half), "{half}");
        assert_eq!(given_up_after(slowest), None);
        assert_eq!(given_up_after(usize::MAX), None);
    }
}
