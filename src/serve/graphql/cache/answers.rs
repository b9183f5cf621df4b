//! Answers that were given before. An answer is a function of the request and of what of the log it asks for, as long as
//! it does not ask what time it is: what names its `asOf`, or computes nothing, is answered again without looking anything
//! up until an entry changes what it asked for, or something is withheld or given back.

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

/// A longer answer is given anew each time.
const MOST_EACH: usize = 256 << 10;
/// What an answer takes beside its bytes, about.
const EACH: usize = 256;

/// A longer request has no key: most such record something, and would be hashed for nothing.
const LONGEST: usize = 16 << 10;

/// What is asked for: the method, the request as it was sent, and the address that permalinks begin with.
pub fn key(method: &str, request: &[u8], base: &str) -> Option<Digest> {
    if request.len() > LONGEST {
        return None;
    }
    let parts = [method.as_bytes(), base.as_bytes(), request];
    let lengths: Vec<u8> = parts.iter().flat_map(|p| (p.len() as u64).to_be_bytes()).collect();
    Some(Digest::blake3(&[&lengths, parts.concat().as_slice()].concat()))
}

/// The state of the log that an answer was given by: its size, and the latest entry that had withheld something or given
/// it back; and how often cosignatures of its checkpoints came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    pub size: u64,
    pub withheld: Option<u64>,
    pub cosignatures: u64,
}

/// Answers by what was asked for.
pub struct Answers(Mutex<Held>);

struct Held {
    /// Since when nothing was withheld or given back.
    withheld: Option<u64>,
    answers: Generations<Digest, Kept>,
}

/// An answer with its subtrees, the size of the log when it was asked for, and what of the log it stands on; on nothing that
/// is known if it asked what time it is.
struct Kept {
    former: Former,
    cosignatures: u64,
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
    /// Forgets what was given before something was withheld. Whether the answers are of that time.
    fn up_to(&mut self, withheld: Option<u64>) -> bool {
        if withheld > self.withheld {
            self.withheld = withheld;
            self.answers.clear();
        }
        withheld == self.withheld
    }
}

impl Answers {
    /// Room for so many bytes of answers, half of them whatever is asked for.
    pub fn new(bytes: usize) -> Self {
        Self(Mutex::new(Held { withheld: None, answers: Generations::new(bytes) }))
    }

    // Whole values are put in.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was given to this before and is the one in this state of the log.
    pub fn get(&self, key: &Digest, changes: &Changes, state: State) -> Option<Bytes> {
        let mut held = self.held();
        if !held.up_to(state.withheld) {
            return None;
        }
        let kept = held.answers.get(key)?;
        // Who asks for what any entry may change may have asked for the checkpoint.
        let basis = kept.basis.as_ref()?;
        let same = *basis != Basis::Everything || kept.cosignatures == state.cosignatures;
        let former = &kept.former;
        (same && basis.holds(changes, former.given, state.size)).then(|| former.answer.clone())
    }

    /// The answer that was given to this before, whether it is the one in this state of the log or not, for its subtrees.
    pub fn former(&self, key: &Digest, state: State) -> Option<Former> {
        let mut held = self.held();
        if !held.up_to(state.withheld) {
            return None;
        }
        held.answers.get(key).map(|kept| kept.former.clone())
    }

    /// Keeps an answer and how long it took to make, with its subtrees, that was asked for in a state of the log, unless
    /// something was withheld since. One without a basis is kept for its subtrees, if it has any.
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

    /// Forgets what was given before the entry at `withheld` withheld something.
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
        // A request that began before is not given what it could not know.
        assert_eq!(answers.get(&key, &changes, State { size: 4, ..now }), None);
        answers.forget(Some(4));
        assert!(answers.held().answers.weights().is_empty(), "words that are withheld now may be in it");
        // One that began before something was withheld comes late.
        answers.put(key, (&bytes, Duration::ZERO), Places::default(), Some(Basis::Things([].into())), now);
        assert!(answers.held().answers.weights().is_empty());
        let now = State { size: 6, withheld: Some(4), cosignatures: 0 };
        answers.put(key, (&bytes, Duration::ZERO), Places::default(), Some(Basis::Everything), now);
        assert_eq!(answers.get(&key, &changes, now), Some(bytes));
    }
}
