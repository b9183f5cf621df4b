//! What is submitted to a ledger, and what it answers.

use std::sync::Arc;

use crate::{
    event::{Code, EventId, Refusal},
    log::SignedCheckpoint,
};

/// An event, with the words that it commits to.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The signed note.
    pub note: Vec<u8>,
    /// The words (the content blob), raw, if the event commits to any.
    pub content: Option<Vec<u8>>,
    /// With `content.released`: the words that are given back, raw.
    pub restored: Option<Vec<u8>>,
}

impl Submission {
    /// An event and its words.
    pub fn new(note: Vec<u8>, content: Option<Vec<u8>>) -> Self {
        Self { note, content, restored: None }
    }
}

/// The ledger's word that an event is on record, durably. A proof comes from [`super::Reader::proof`].
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Index of the entry.
    pub index: u64,
    /// Id of the event.
    pub id: EventId,
    /// The whole entry, as it is served at `/entry/<index>`.
    pub entry: Arc<[u8]>,
    /// A checkpoint that covers it.
    pub checkpoint: Arc<SignedCheckpoint>,
    /// Whether the event was on record before this submission came.
    pub already: bool,
}

/// The answer to every submission while nothing can be recorded.
pub(crate) fn read_only(why: &str) -> Refusal {
    Refusal::because(Code::LedgerReadOnly, "ledger", why)
}

/// The answer where it is not known whether the event is on record.
pub(crate) fn unavailable() -> Refusal {
    let message = "the event could not be made durable; ask for its id once the ledger is back";
    Refusal::because(Code::Unavailable, "ledger", message)
}

/// The answer to a good submission of an atomic call in which another was refused.
pub(crate) fn held_back(refused: usize) -> Refusal {
    let message = format!("held back: the call is atomic and submission {refused} was refused");
    Refusal::because(Code::Unavailable, "submissions", message)
}
