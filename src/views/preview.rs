//! The sentence that an event would have if it were recorded now.

use std::sync::Arc;

use super::{Party, Record, Sentence, Views, Words};
use crate::{
    event::{Body, Code, Content, Digest, Event, Refusal},
    ledger::ReadError,
    log::{Entry, Header, Time, thread_of},
};

/// Why an event has no preview.
#[derive(Debug)]
pub enum PreviewError {
    /// It would be refused.
    Refused(Refusal),
    /// The store failed.
    Read(ReadError),
}

impl From<Refusal> for PreviewError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
impl From<ReadError> for PreviewError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl Views {
    /// The sentence that an event would have as the next entry, recorded at `now`. Its signatures are not checked: the caller
    /// need not have signed it yet. A key that no party has is taken to belong to the party that this event registers.
    ///
    /// # Errors
    /// [`PreviewError`], if its shape or its words would be refused or the store fails. Whether its signers may record it is
    /// not checked.
    pub fn preview(&self, note: &[u8], words: Option<&[u8]>, now: Time) -> Result<Sentence, PreviewError> {
        let event = Event::parse(note, self.reader().origin())?;
        let words = match words {
            // The event commits to words that the caller did not send: not the same as an event without words.
            None if event.content().is_some() => Words::Missing,
            None => Words::None,
            Some(raw) if event.content().is_some_and(|c| c.matches(raw)) => {
                Words::Present { raw: raw.into(), content: Content::parse(raw)? }
            }
            Some(_) => {
                let why = "these are not the words that the event commits to";
                return Err(Refusal::because(Code::ContentDigest, "content", why).into());
            }
        };
        let index = self.size();
        // Views of their own, since they will remember the words of an entry that is not on record.
        let views = self.at(index).ok_or_else(|| ReadError::Fault("nothing is on record".into()))?;
        let mut signers = Vec::with_capacity(event.by().len());
        for key in event.by() {
            let party = views.reader().key(key.as_bytes())?.map_or(event.id(), |row| row.party);
            signers.push((party, 0));
        }
        let last = views.entry_at(index.saturating_sub(1))?;
        let header = Header {
            index,
            time: last.entry.header().time.max(now),
            prev: Digest([0; 32]),
            thread: thread_of(&event),
            k: 0,
            signers,
        };
        let raw = header.entry(&event);
        let entry = Entry::parse(raw.as_bytes(), self.reader().origin())
            .map_err(|e| ReadError::Fault(format!("a preview is no entry: {e}")))?;
        let record = Record { entry };
        views.memory().words.insert(index, Arc::new(words));
        if let Body::PartyRegistered(b) = record.event().body() {
            let id = record.event().id();
            let party = Party {
                id,
                index,
                name: views.read_name(&id, &record)?.0,
                kind: Some(b.kind),
                fictional: b.fictional == Some(true),
                registrar: false,
                recorder: false,
                operator: false,
            };
            views.memory().parties.insert(id, Some(Arc::new(party)));
        }
        Ok(views.sentence(&record)?)
    }
}
