//! Queries that are being answered. A request that is the same as one under way waits for its answer. So a growing case that
//! many people look at is computed once at a time.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use tokio::sync::watch;

use super::answers::State;
use crate::event::Digest;

/// An answer, and the state of the log when it was begun. `None` until there is one.
type Outcome = Option<(State, Bytes)>;

/// Queries that are being answered, by the key of their request.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<Digest, watch::Receiver<Outcome>>>);

/// What a request has to do.
pub enum Asked {
    /// No such request is under way: make the answer.
    First(Lead),
    /// The answer is being made: wait for it.
    UnderWay(Following),
}

/// Held by the request that makes an answer. When it is dropped, those that wait for the answer stop waiting.
#[derive(Debug)]
pub struct Lead {
    in_flight: Arc<InFlight>,
    key: Digest,
    sender: watch::Sender<Outcome>,
}

/// Waits for an answer that is being made.
#[derive(Debug)]
pub struct Following(watch::Receiver<Outcome>);

impl InFlight {
    // A panic can't leave a value half written, so a poisoned lock can still be used.
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, watch::Receiver<Outcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a request. It must have its turn already: if it comes first, others wait for its answer, and would wait for its
    /// turn too.
    pub fn ask(self: &Arc<Self>, key: Digest) -> Asked {
        match self.lock().entry(key) {
            Entry::Occupied(under_way) => Asked::UnderWay(Following(under_way.get().clone())),
            Entry::Vacant(free) => {
                let (sender, receiver) = watch::channel(None);
                free.insert(receiver);
                Asked::First(Lead { in_flight: self.clone(), key, sender })
            }
        }
    }
}

impl Lead {
    /// Hands the answer to all requests that wait for it. Later requests have it made again.
    pub fn finish(self, state: State, answer: Bytes) {
        self.sender.send_replace(Some((state, answer)));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.in_flight.lock().remove(&self.key);
    }
}

impl Following {
    /// Waits for the answer. `None` if there is none, or if it was begun in an older state than `state`: then it may lack what
    /// the caller has seen.
    pub async fn finished(mut self, state: State) -> Option<Bytes> {
        // An error means that the sender was dropped; an answer that it sent before is still here.
        let _ = self.0.wait_for(Option::is_some).await;
        let (begun, answer) = self.0.borrow().clone()?;
        let covers = begun.size >= state.size
            && begun.withheld >= state.withheld
            && begun.cosignatures >= state.cosignatures;
        covers.then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(size: u64) -> State {
        State { size, ..State::default() }
    }

    fn first(in_flight: &Arc<InFlight>, key: Digest) -> Lead {
        match in_flight.ask(key) {
            Asked::First(lead) => lead,
            Asked::UnderWay(_) => panic!("it is under way"),
        }
    }

    fn second(in_flight: &Arc<InFlight>, key: Digest) -> Following {
        match in_flight.ask(key) {
            Asked::UnderWay(following) => following,
            Asked::First(_) => panic!("it is not under way"),
        }
    }

    #[tokio::test]
    async fn one_makes_it_and_those_who_asked_meanwhile_have_it() {
        let in_flight = Arc::<InFlight>::default();
        let (one, other) = (Digest::blake3(b"one"), Digest::blake3(b"other"));
        let lead = first(&in_flight, one);
        let waits: Vec<Following> = (0..3).map(|_| second(&in_flight, one)).collect();
        drop(first(&in_flight, other));
        lead.finish(state(7), Bytes::from_static(b"answer"));
        for (following, seen) in waits.into_iter().zip([5, 7, 8]) {
            // A caller that has seen a larger log is not given the answer.
            assert_eq!(following.finished(state(seen)).await.is_some(), seen <= 7, "{seen}");
        }
        drop(first(&in_flight, one));
        assert!(in_flight.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_for_what_is_never_made_waits_no_longer() {
        let in_flight = Arc::<InFlight>::default();
        let key = Digest::blake3(b"one");
        let lead = first(&in_flight, key);
        let following = tokio::spawn(second(&in_flight, key).finished(state(0)));
        drop(lead);
        assert_eq!(following.await.unwrap(), None);
        drop(first(&in_flight, key));
    }

    #[tokio::test]
    async fn what_was_made_before_something_was_withheld_is_not_handed_on() {
        let in_flight = Arc::<InFlight>::default();
        let key = Digest::blake3(b"one");
        let lead = first(&in_flight, key);
        let following = second(&in_flight, key);
        lead.finish(state(7), Bytes::from_static(b"answer"));
        assert_eq!(following.finished(State { withheld: Some(6), ..state(7) }).await, None);
    }
}
