//! What comes in at the door, and what is given in return.

use std::sync::Arc;

use crate::{event::EventId, log::SignedCheckpoint};

/// An event with what it commits to.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The signed note.
    pub note: Vec<u8>,
    /// The content blob, raw, if the event commits to one.
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
    /// Whether it was on record before this submission came.
    pub already: bool,
}
