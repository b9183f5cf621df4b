//! Queries under way. Whoever asks what somebody else is being answered waits for that answer instead of having it made
//! again, so a case that all look at while it grows is computed once at a time.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use tokio::sync::watch;

use super::answers::State;
use crate::event::Digest;

/// An answer, and the state of the log when it was begun. No answer if it can't be shared.
type Outcome = Option<(State, Bytes)>;

/// Queries under way, by what was asked for.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<Digest, watch::Receiver<Outcome>>>);

/// What becomes of one who asks.
pub enum Asked {
    /// Nobody was asking this: he makes the answer.
    First(Lead),
    /// Somebody is making it.
    UnderWay(Following),
}

/// Held while an answer is made; whoever waits for it waits no longer when this is dropped.
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
    // Whole values are put in.
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, watch::Receiver<Outcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for something. Whoever comes first must have his turn already: others would wait for it with him.
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
    /// Hands the answer to all who wait for it. Whoever asks from now on has it made again.
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
    /// The answer, if it was begun no earlier than `state`: one that is older may lack what the caller has seen.
    pub async fn finished(mut self, state: State) -> Option<Bytes> {
        // An error says that it was dropped; what it was handed before that is there.
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
            // Who has seen more of the log than it tells of is not given it.
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
