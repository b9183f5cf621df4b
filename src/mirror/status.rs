//! The state of a mirror, for those who serve it or watch it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pass::{MirrorError, Pass};
use crate::log::Time;

/// The state of a mirror, shared by its threads.
#[derive(Debug)]
pub struct Status(Mutex<Progress>);

/// The state of a mirror at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The source that it reads.
    pub of: String,
    /// How many entries it shows.
    pub size: u64,
    /// How many entries the origin's checkpoint had when it was last seen.
    pub origin: Option<u64>,
    /// When a pass last succeeded.
    pub followed: Option<Time>,
    /// How many entries have no words here though nothing withholds them.
    pub wanting: u64,
    /// Why the last pass failed, if it did.
    pub trouble: Option<String>,
    /// How many passes failed because something was refused.
    pub refused: u64,
    /// Whether the log signed two histories.
    pub forked: bool,
}

impl Status {
    pub(super) fn new(of: String) -> Self {
        Self(Mutex::new(Progress { of, ..Progress::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state now.
    pub fn now(&self) -> Progress {
        self.lock().clone()
    }

    pub(super) fn shows(&self, size: u64) {
        self.lock().size = size;
    }

    pub(super) fn origin(&self, size: u64) {
        self.lock().origin = Some(size);
    }

    pub(super) fn followed(&self, pass: &Pass, now: Time) {
        let mut progress = self.lock();
        (progress.size, progress.wanting) = (pass.size, pass.wanting);
        (progress.followed, progress.trouble) = (Some(now), None);
    }

    pub(super) fn failed(&self, error: &MirrorError) {
        let mut progress = self.lock();
        progress.refused += u64::from(matches!(error, MirrorError::Refused(_)));
        progress.trouble = Some(error.to_string());
    }

    pub(super) fn forked(&self) {
        self.lock().forked = true;
    }
}

impl Progress {
    /// Whose mirror it is and how far behind it is, in words.
    pub fn sentence(&self) -> String {
        let of = format!("This is a mirror of {}; all it shows was verified here.", self.of);
        let reach = match (self.origin, self.behind()) {
            (Some(origin), _) if origin < self.size => {
                format!(" It has {} entries; the ledger shows fewer entries than it did: {origin}", self.size)
            }
            (Some(origin), Some(0)) => format!(" It has all {origin} entries"),
            (Some(origin), Some(_)) => format!(" It has {} of the {origin} entries", self.size),
            _ => format!(" It has {} entries; the ledger itself was not reached yet", self.size),
        };
        let when = match self.followed {
            Some(time) => format!(", last compared at {time}."),
            None => ".".to_owned(),
        };
        let wanting = match self.wanting {
            0 => String::new(),
            1 => " The words of 1 entry are not here yet.".to_owned(),
            n => format!(" The words of {n} entries are not here yet."),
        };
        let trouble = match (self.forked, &self.trouble) {
            (true, _) => {
                " The log has signed two histories that can’t both be true; this is the first that was seen, and it is followed no more."
            }
            (false, Some(_)) => " The last look failed.",
            (false, None) => "",
        };
        of + &reach + &when + &wanting + trouble
    }

    /// How many entries it is behind, as far as it knows.
    pub fn behind(&self) -> Option<u64> {
        self.origin.map(|origin| origin.saturating_sub(self.size))
    }
}
