//! Checkpoints of this log with tokens (RFC 3161) of time-stamping authorities over their text.
//!
//! `timestamps/<size>/` holds the checkpoint of that size, with its cosignatures, as `checkpoint`, and beside it the token of
//! each authority as `<16 hex digits>.tsr`, named by a hash of the authority's address. A token can't be had again, and a later
//! one says less. So nothing here is removed, and backups include it.

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

/// The name of the checkpoint's file in its folder.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// What came of asking an authority. A closed list, since these words are labels of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StampOutcome {
    /// A good token.
    Stamped,
    /// A token that is not good, or none.
    Bad,
    /// It granted nothing.
    Refused,
    /// No answer, or not the answer of an authority.
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
    /// It is not good.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Readers would refuse an exhibit because of it: they compare the times of entries with the authority's.
    #[error(
        "its time {0} is more than {MAX_LEAD} s before the last entry was recorded: one of the two clocks is wrong"
    )]
    Behind(Time),
    /// It is dated otherwise than the moment when it was asked for.
    #[error("its time {0} is more than an hour from this machine's: one of the two clocks is wrong")]
    Clock(Time),
    /// Another checkpoint of that size lies there.
    #[error(
        "{0} holds another checkpoint: it is of another history of this log; find out why, then move it away"
    )]
    Other(String),
    /// The token can't be written, or the last entry that it covers can't be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The tokens of a checkpoint: when it was stamped, and by whom.
#[derive(Debug, Default)]
pub(super) struct Stamped {
    /// The number of cosignatures that lie on disk with it.
    pub cosignatures: usize,
    /// The times of its tokens, by file name.
    pub tokens: BTreeMap<String, Time>,
}

/// A checkpoint and tokens over its text, the earliest first.
pub(crate) type StampedCheckpoint = (Arc<SignedCheckpoint>, Vec<Vec<u8>>);

/// The stamped checkpoints of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Timestamped {
    /// Checkpoints that have a token, by size.
    kept: RwLock<BTreeMap<u64, Stamped>>,
    /// Held while the files are written.
    writing: Mutex<()>,
    outcomes: [AtomicU64; StampOutcome::ALL.len()],
}

/// The file name of an authority's tokens.
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

/// The digest that tokens are made over: the SHA-256 of a checkpoint's text.
pub(crate) fn imprint(checkpoint: &SignedCheckpoint) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(checkpoint.note().text()).into()
}

impl Timestamped {
    /// Gives the stamped checkpoints to `look`, under the lock.
    pub(super) fn read<T>(&self, look: impl FnOnce(&BTreeMap<u64, Stamped>) -> T) -> T {
        look(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds tokens of the checkpoint of a size, and its number of cosignatures if that has grown.
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

    /// Locks the files for writing.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what came of asking an authority.
    pub fn count(&self, outcome: StampOutcome) {
        if let Some(count) = self.outcomes.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each outcome of asking, with how often it came.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.outcomes.iter().map(|c| c.load(Ordering::Relaxed));
        StampOutcome::ALL.iter().map(|o| o.as_str()).zip(counts)
    }

    /// The size of the largest checkpoint that has a token, and the earliest time of its tokens.
    pub fn latest(&self) -> Option<(u64, Time)> {
        self.read(|kept| {
            let (size, stamped) = kept.last_key_value()?;
            Some((*size, *stamped.tokens.values().min()?))
        })
    }

    /// The size of the largest checkpoint that has a token of this authority.
    pub fn latest_of(&self, authority: &str) -> Option<u64> {
        let name = token_name(authority);
        self.read(|kept| kept.iter().rev().find(|(_, s)| s.tokens.contains_key(&name)).map(|(size, _)| *size))
    }
}
