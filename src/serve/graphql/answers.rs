//! Answers that were given before. An answer is a function of the request and of the log, as long as it does not ask what
//! time it is: what names its `asOf`, or computes nothing, is answered again without looking anything up until the log
//! grows or something is withheld.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use serde_json::{Map, Value};

use crate::event::Digest;

/// Bytes of answers that are kept.
const MOST: usize = 64 << 20;
/// A longer answer is given anew each time.
const MOST_EACH: usize = 256 << 10;
/// What an answer takes beside its bytes, about.
const EACH: usize = 256;

/// What is asked for: the text of the request, and the address that permalinks begin with. `None` for what begins as a
/// mutation does, which is not read twice to be told from others.
pub fn key(members: &Map<String, Value>, base: &str) -> Option<Digest> {
    if members.get("query").and_then(Value::as_str).is_some_and(|q| q.trim_start().starts_with("mutation")) {
        return None;
    }
    let text = |name: &str| members.get(name).map(Value::to_string).unwrap_or_default();
    let parts = [text("query"), text("operationName"), text("variables"), base.to_owned()];
    let lengths: Vec<u8> = parts.iter().flat_map(|p| (p.len() as u64).to_be_bytes()).collect();
    Some(Digest::blake3(&[lengths, parts.concat().into_bytes()].concat()))
}

/// The state of the log that an answer was given by: its size, and the latest entry that had withheld something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    pub size: u64,
    pub withheld: Option<u64>,
}

/// Answers by what was asked for, of one state of the log.
#[derive(Default)]
pub struct Answers(Mutex<Held>);

#[derive(Default)]
struct Held {
    state: State,
    answers: HashMap<Digest, Bytes>,
    bytes: usize,
}

impl Held {
    /// Forgets what was given by an earlier state. Whether the answers are those of this one.
    fn up_to(&mut self, state: State) -> bool {
        if state.size > self.state.size || state.withheld > self.state.withheld {
            *self = Self {
                state: State {
                    size: state.size.max(self.state.size),
                    withheld: state.withheld.max(self.state.withheld),
                },
                ..Self::default()
            };
        }
        state == self.state
    }
}

impl Answers {
    // Whole values are put in.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was given to this by this state of the log.
    pub fn get(&self, key: &Digest, state: State) -> Option<Bytes> {
        let mut held = self.held();
        held.up_to(state).then(|| held.answers.get(key).cloned())?
    }

    /// Keeps an answer, unless the log has gone on since.
    pub fn put(&self, key: Digest, answer: &Bytes, state: State) {
        let mut held = self.held();
        let size = answer.len() + EACH;
        if answer.len() > MOST_EACH || !held.up_to(state) {
            return;
        }
        if held.bytes + size > MOST {
            *held = Held { state: held.state, ..Held::default() };
        }
        if held.answers.insert(key, answer.clone()).is_none() {
            held.bytes += size;
        }
    }

    /// Forgets what was given before the entry at `withheld` withheld something.
    pub fn forget(&self, withheld: Option<u64>) {
        let mut held = self.held();
        let state = State { withheld, ..held.state };
        held.up_to(state);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key_of(members: Value, base: &str) -> Digest {
        key(members.as_object().unwrap(), base).unwrap()
    }

    #[test]
    fn whatever_an_answer_depends_on_is_in_its_key() {
        let asked = json!({"query": "{ a }", "variables": {"b": 1}});
        assert_eq!(key_of(asked.clone(), "x"), key_of(asked.clone(), "x"));
        for (other, base) in [
            (json!({"query": "{ a }", "variables": {"b": 2}}), "x"),
            (json!({"query": "{ a } ", "variables": {"b": 1}}), "x"),
            (json!({"query": "{ a }", "variables": {"b": 1}, "operationName": "c"}), "x"),
            (asked.clone(), "y"),
        ] {
            assert_ne!(key_of(asked.clone(), "x"), key_of(other, base));
        }
        let mutation = json!({"query": " mutation { a }"});
        assert_eq!(key(mutation.as_object().unwrap(), "x"), None);
    }

    #[test]
    fn an_answer_is_given_again_until_the_log_goes_on() {
        let (answers, key, bytes) = (Answers::default(), Digest([1; 32]), Bytes::from_static(b"{}"));
        let now = State { size: 5, withheld: None };
        answers.put(key, &bytes, now);
        assert_eq!(answers.get(&key, now), Some(bytes.clone()));
        // A request that began before is not given what it could not know.
        assert_eq!(answers.get(&key, State { size: 4, ..now }), None);
        answers.forget(Some(4));
        assert!(answers.held().answers.is_empty(), "words that are withheld now may be in it");
        // One that began before something was withheld comes late.
        answers.put(key, &bytes, now);
        assert!(answers.held().answers.is_empty());
        let now = State { size: 6, withheld: Some(4) };
        answers.put(key, &bytes, now);
        assert_eq!(answers.get(&key, now), Some(bytes));
        assert_eq!(answers.get(&key, State { size: 7, ..now }), None);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let (answers, now) = (Answers::default(), State { size: 1, withheld: None });
        let bytes = Bytes::from(vec![0; 100_000]);
        for n in 0..2_000u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            answers.put(Digest(key), &bytes, now);
        }
        let held = answers.held();
        assert!(held.bytes <= MOST && held.answers.len() * bytes.len() <= MOST && !held.answers.is_empty());
    }
}
