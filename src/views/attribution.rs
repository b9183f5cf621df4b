//! Whose word an entry is: the speaker's own, or that of another party that recorded it.

use super::{Record, Views};
use crate::{
    event::{Body, EventId, EventType, Who},
    ledger::ReadError,
};

/// Whose word an entry is (domain.md, first paragraph).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribution {
    /// Signed by the speaker's own key.
    FirstParty(EventId),
    /// Put on record by somebody else.
    RecordedBy(EventId),
    /// An act on the record itself, which has no speaker besides its signer: signed by this party.
    SignedBy(EventId),
}

impl Attribution {
    /// The party.
    pub fn party(self) -> EventId {
        match self {
            Self::FirstParty(id) | Self::RecordedBy(id) | Self::SignedBy(id) => id,
        }
    }
    /// The words before the party's name.
    pub fn label(self) -> &'static str {
        match self {
            Self::FirstParty(_) => "first-party, signed by",
            Self::RecordedBy(_) => "recorded by",
            Self::SignedBy(_) => "signed by",
        }
    }
}

impl Views {
    /// The parties whose word or act the event tells: if one of them signs, it speaks for itself.
    pub(super) fn speakers(&self, record: &Record) -> Result<Vec<EventId>, ReadError> {
        let event = record.event();
        // The sender and the addressee of a notice speak about its delivery, no matter which party put the notice on record.
        if let Body::DeliveryEvidenced(b) = event.body() {
            let notice = self.record_of(&b.notice)?;
            return Ok(match notice.as_ref().map(|notice| notice.event().body()) {
                Some(Body::NoticeDispatched(notice)) => vec![notice.sender, notice.addressee],
                _ => Vec::new(),
            });
        }
        let mut speakers = Vec::new();
        for who in event.event_type().spec().who {
            match who {
                Who::SelfOf(role) => speakers.extend(event.role(role)),
                Who::SubjectOf(role) => speakers.extend(self.row_of(event.role(role))?.0),
                Who::AuthorOf(role) => speakers.extend(self.row_of(event.role(role))?.1),
                _ => {}
            }
        }
        Ok(speakers)
    }

    /// The subjects and the authors of an event.
    fn row_of(&self, id: Option<EventId>) -> Result<(Vec<EventId>, Vec<EventId>), ReadError> {
        let Some(id) = id else { return Ok(Default::default()) };
        Ok(self
            .reader
            .event_row(&id)?
            .map_or_else(Default::default, |row| (row.subjects.clone(), row.authors.clone())))
    }

    /// Whose word the entry is.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn attribution(&self, record: &Record) -> Result<Attribution, ReadError> {
        // An entry has a signer line for each member of `by`, and `by` has at least one.
        let author = record.parties().next().unwrap_or(record.event().id());
        let event_type = record.event().event_type();
        let who = event_type.spec().who;
        let speakers = self.speakers(record)?;
        let added = match record.event().body() {
            // The signature of the added key proves only that somebody holds it. Whose key it is, the author says.
            Body::KeyAdded(b) => Some(&b.key),
            _ => None,
        };
        let mut signers = record.event().by().iter().zip(record.parties());
        if let Some((_, speaker)) = signers.find(|(key, p)| Some(*key) != added && speakers.contains(p)) {
            return Ok(Attribution::FirstParty(speaker));
        }
        let recorded = who.contains(&Who::Recorder) && event_type != EventType::CaseOpened
            || event_type == EventType::PartyUpdated;
        Ok(match who {
            _ if recorded => Attribution::RecordedBy(author),
            [Who::Any] => Attribution::FirstParty(author),
            _ => Attribution::SignedBy(author),
        })
    }
}
