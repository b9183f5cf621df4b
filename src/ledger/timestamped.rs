//! What time-stamping authorities have said of this log: checkpoints with RFC 3161 tokens over their text.
//!
//! `timestamps/<size>/` holds the checkpoint of that size, with the cosignatures it had, as `checkpoint`, and beside it a
//! token of each authority as `<16 hex digits>.tsr`, named by the authority's address. A token can't be had again, a later
//! one says less: nothing here is removed, and backups have it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::error::LedgerError;
use crate::{
    event::Digest,
    log::{MAX_LEAD, SignedCheckpoint, Time},
    timestamp::TokenError,
};

/// The checkpoint in its folder.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// What came of asking an authority. A closed list, for numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StampOutcome {
    /// A good token.
    Stamped,
    /// A token that is not good, or none.
    Bad,
    /// It granted nothing.
    Refused,
    /// No answer, or none of an authority.
    Unreachable,
}

impl StampOutcome {
    pub const ALL: [Self; 4] = [Self::Stamped, Self::Bad, Self::Refused, Self::Unreachable];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stamped => "stamped",
            Self::Bad => "bad",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A token that was not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotStamped {
    /// Not good.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Readers would refuse an exhibit for it: they hold entries against the authority's clock.
    #[error(
        "its time {0} is more than {MAX_LEAD} s before the last entry was recorded: one of the two clocks is wrong"
    )]
    Behind(Time),
    /// It was made when it was asked for, and says otherwise.
    #[error("its time {0} is more than an hour from this machine's: one of the two clocks is wrong")]
    Clock(Time),
    /// Another checkpoint of that size lies there.
    #[error(
        "{0} holds another checkpoint: it is of another history of this log; find out why, then move it away"
    )]
    Other(String),
    /// It can't be written, or what it is about can't be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// When a checkpoint was stamped, and by whom.
#[derive(Debug, Default)]
pub(super) struct Stamped {
    /// Cosignatures that lie with it.
    pub cosignatures: usize,
    /// Times of its tokens, by file name.
    pub tokens: BTreeMap<String, Time>,
}

/// A checkpoint and tokens over its text, the earliest first.
pub(crate) type StampedCheckpoint = (Arc<SignedCheckpoint>, Vec<Vec<u8>>);

#[derive(Debug, Default)]
pub(crate) struct Timestamped {
    /// By size; those that have a token.
    kept: RwLock<BTreeMap<u64, Stamped>>,
    /// Held by the one who writes.
    writing: Mutex<()>,
    outcomes: [AtomicU64; StampOutcome::ALL.len()],
}

/// The file of an authority's tokens.
pub(crate) fn token_name(authority: &str) -> String {
    let mut name = Digest::blake3(authority.as_bytes()).to_string();
    name.truncate(16);
    name + ".tsr"
}

/// Whether a file of this name may be a token.
pub(crate) fn is_token_name(name: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    name.strip_suffix(".tsr").is_some_and(|stem| stem.len() == 16 && stem.bytes().all(hex))
}

/// What tokens are over: the SHA-256 of a checkpoint's text.
pub(crate) fn imprint(checkpoint: &SignedCheckpoint) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(checkpoint.note().text()).into()
}

impl Timestamped {
    pub(super) fn read<T>(&self, look: impl FnOnce(&BTreeMap<u64, Stamped>) -> T) -> T {
        look(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put(
        &self,
        size: u64,
        cosignatures: usize,
        tokens: impl IntoIterator<Item = (String, Time)>,
    ) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let stamped = kept.entry(size).or_default();
        stamped.cosignatures = stamped.cosignatures.max(cosignatures);
        stamped.tokens.extend(tokens);
    }

    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what came of asking an authority.
    pub fn note(&self, outcome: StampOutcome) {
        if let Some(count) = self.outcomes.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What came of asking, with how often.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.outcomes.iter().map(|c| c.load(Ordering::Relaxed));
        StampOutcome::ALL.iter().map(|o| o.as_str()).zip(counts)
    }

    /// Size of the largest checkpoint that has a token, and the earliest time of one.
    pub fn latest(&self) -> Option<(u64, Time)> {
        self.read(|kept| {
            let (size, stamped) = kept.last_key_value()?;
            Some((*size, *stamped.tokens.values().min()?))
        })
    }

    /// Size of the largest checkpoint that has a token of this authority.
    pub fn latest_of(&self, authority: &str) -> Option<u64> {
        let name = token_name(authority);
        self.read(|kept| kept.iter().rev().find(|(_, s)| s.tokens.contains_key(&name)).map(|(size, _)| *size))
    }
}
