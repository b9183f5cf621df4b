//! The cache of answers.
//!
//! An answer that does not depend on the time is a function of the request and of the parts of the log that it read. A request
//! that gives `asOf`, or asks for no computed state, has such an answer. The answer is given again until an entry changes
//! something that it read, or something is withheld or given back.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Bytes;

use super::subtrees::{Former, Places};
use crate::{
    event::Digest,
    generations::Generations,
    ledger::{Basis, Changes},
};

/// The longest answer that is cached, in bytes.
const MOST_EACH: usize = 256 << 10;
/// About how many bytes a cached answer takes beside its own.
const EACH: usize = 256;

/// The longest request whose answer is cached, in bytes. Most longer ones record something, and hashing them would be wasted.
const LONGEST: usize = 16 << 10;

/// The key of a request: a hash of the method, the request as it was sent, and the address that permalinks begin with. `None` if
/// the request is too long to be cached.
pub fn key(method: &str, request: &[u8], base: &str) -> Option<Digest> {
    if request.len() > LONGEST {
        return None;
    }
    let parts = [method.as_bytes(), base.as_bytes(), request];
    let lengths: Vec<u8> = parts.iter().flat_map(|p| (p.len() as u64).to_be_bytes()).collect();
    Some(Digest::blake3(&[&lengths, parts.concat().as_slice()].concat()))
}

/// The state of the log from which an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The number of entries.
    pub size: u64,
    /// The index of the latest entry that withheld something or gave it back.
    pub withheld: Option<u64>,
    /// How often cosignatures of the log's checkpoints have come.
    pub cosignatures: u64,
}

/// Cached answers, by the key of their request.
pub struct Answers(Mutex<Held>);

struct Held {
    /// The `State::withheld` that all these answers were made in.
    withheld: Option<u64>,
    answers: Generations<Digest, Kept>,
}

/// A cached answer with its subtrees.
struct Kept {
    former: Former,
    cosignatures: u64,
    /// What the answer read of the log. `None` if it depends on the time: then only its subtrees can be used again.
    basis: Option<Basis>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.former.answer.len()
            + self.former.places.bytes()
            + self.basis.as_ref().map_or(0, Basis::bytes)
            + EACH
    }
}

impl Held {
    /// Forgets all answers if something was withheld or given back after them. Says whether answers made in the state `withheld`
    /// belong to those that are cached: they do not if they are older.
    fn up_to(&mut self, withheld: Option<u64>) -> bool {
        if withheld > self.withheld {
            self.withheld = withheld;
            self.answers.clear();
        }
        withheld == self.withheld
    }
}

impl Answers {
    /// A cache of at most about `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Mutex::new(Held { withheld: None, answers: Generations::new(bytes) }))
    }

    // A panic can't leave a value half written, so a poisoned lock can still be used.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached answer for `key`, if it would be the same in `state`.
    pub fn get(&self, key: &Digest, changes: &Changes, state: State) -> Option<Bytes> {
        let mut held = self.held();
        if !held.up_to(state.withheld) {
            return None;
        }
        let kept = held.answers.get(key)?;
        // An answer that any entry may change may hold the checkpoint, which changes when a cosignature comes.
        let basis = kept.basis.as_ref()?;
        let same = *basis != Basis::Everything || kept.cosignatures == state.cosignatures;
        let former = &kept.former;
        (same && basis.holds(changes, former.given, state.size)).then(|| former.answer.clone())
    }

    /// The cached answer for `key` with its subtrees, even if the answer as a whole would not be the same in `state`.
    pub fn former(&self, key: &Digest, state: State) -> Option<Former> {
        let mut held = self.held();
        if !held.up_to(state.withheld) {
            return None;
        }
        held.answers.get(key).map(|kept| kept.former.clone())
    }

    /// Caches an answer that was made in `state`, how long it took, and where its subtrees are. It is not cached if it is too long,
    /// or if something was withheld since. An answer without a `basis` is only cached for its subtrees, if it has any.
    pub fn put(
        &self,
        key: Digest,
        (answer, took): (&Bytes, Duration),
        places: Places,
        basis: Option<Basis>,
        state: State,
    ) {
        let mut held = self.held();
        if answer.len() > MOST_EACH || basis.is_none() && places.is_empty() || !held.up_to(state.withheld) {
            return;
        }
        let State { size: given, cosignatures, .. } = state;
        let former = Former { answer: answer.clone(), given, places: places.into(), took };
        let kept = Kept { former, cosignatures, basis };
        let weight = kept.bytes();
        held.answers.put(key, kept, weight);
    }

    /// Forgets the answers that were made before the entry at `withheld`, which withheld something or gave it back.
    pub fn forget(&self, withheld: Option<u64>) {
        self.held().up_to(withheld);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_answer_depends_on_is_in_its_key() {
        let of = |method, request: &str, base| key(method, request.as_bytes(), base).unwrap();
        let asked = of("POST", "{}", "x");
        assert_eq!(of("POST", "{}", "x"), asked);
        for other in
            [of("GET", "{}", "x"), of("POST", "{} ", "x"), of("POST", "{}", "y"), of("POST", "{}x", "")]
        {
            assert_ne!(other, asked);
        }
        assert_eq!(key("POST", &[b' '; LONGEST + 1], "x"), None);
    }

    #[test]
    fn an_answer_is_given_again_until_what_it_asked_for_changes() {
        let (answers, key, bytes) = (Answers::new(1 << 20), Digest([1; 32]), Bytes::from_static(b"{}"));
        let changes = Changes::default();
        let now = State { size: 5, withheld: None, cosignatures: 0 };
        answers.put(key, (&bytes, Duration::ZERO), Places::default(), Some(Basis::Everything), now);
        assert_eq!(answers.get(&key, &changes, now), Some(bytes.clone()));
        let later = State { size: 6, ..now };
        assert_eq!(answers.get(&key, &changes, later), None, "it asked for what any entry changes");
        let cosigned = State { cosignatures: 1, ..now };
        assert_eq!(answers.get(&key, &changes, cosigned), None, "its checkpoint was cosigned since");
        answers.put(key, (&bytes, Duration::ZERO), Places::default(), Some(Basis::Things([].into())), now);
        assert_eq!(answers.get(&key, &changes, later), Some(bytes.clone()));
        // A request that began at a smaller size is not given a newer answer.
        assert_eq!(answers.get(&key, &changes, State { size: 4, ..now }), None);
        answers.forget(Some(4));
        assert!(answers.held().answers.weights().is_empty(), "words that are withheld now may be in it");
        // An answer that was begun before something was withheld comes too late.
        answers.put(key, (&bytes, Duration::ZERO), Places::default(), Some(Basis::Things([].into())), now);
        assert!(answers.held().answers.weights().is_empty());
        let now = State { size: 6, withheld: Some(4), cosignatures: 0 };
        answers.put(key, (&bytes, Duration::ZERO), Places::default(), Some(Basis::Everything), now);
        assert_eq!(answers.get(&key, &changes, now), Some(bytes));
    }
}
