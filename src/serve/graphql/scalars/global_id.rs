//! Global ids, as Relay's Global Object Identification specification asks for.

use async_graphql::{ID, Result};

use crate::{
    event::EventId,
    note::{base64_decode, base64_encode},
    serve::graphql::fault::bad_input,
};

/// The kind of object that a global id names. A case or a party has the id of the event that made it, so the event's id alone
/// would not say which of the two is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// An event.
    Event,
    /// A case.
    Case,
    /// A party.
    Party,
}

impl NodeKind {
    // Callers keep ids for ever, so a letter must never change its meaning.
    const fn letter(self) -> u8 {
        match self {
            Self::Event => b'e',
            Self::Case => b'c',
            Self::Party => b'p',
        }
    }
    fn of(letter: u8) -> Option<Self> {
        [Self::Event, Self::Case, Self::Party].into_iter().find(|kind| kind.letter() == letter)
    }
}

/// A global id: base64 of one letter for the kind and the 32 bytes of the event's id, 44 characters. It depends only on signed
/// bytes, so every server of the ledger gives the same id, and it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalId {
    /// The kind of object that it names.
    pub kind: NodeKind,
    /// The event that made the object.
    pub event: EventId,
}

impl GlobalId {
    /// Reads an id that came from a caller. `place` is the argument's name, for the error.
    ///
    /// # Errors
    /// `BAD_INPUT` if it is not a global id.
    pub fn read(place: &str, id: &ID) -> Result<Self> {
        let read = || {
            let bytes = base64_decode(id)?;
            let (letter, event) = bytes.split_first()?;
            Some(Self { kind: NodeKind::of(*letter)?, event: EventId(event.try_into().ok()?) })
        };
        read().ok_or_else(|| bad_input(format!("{place}: expected a global id, as the field `id` gives it")))
    }

    /// Reads the id of an object of one kind, and returns the id of its event.
    ///
    /// # Errors
    /// `BAD_INPUT` if it is not a global id, or names another kind.
    pub fn read_kind(place: &str, id: &ID, kind: NodeKind) -> Result<EventId> {
        match Self::read(place, id)? {
            Self { kind: found, event } if found == kind => Ok(event),
            Self { kind: found, .. } => {
                Err(bad_input(format!("{place}: expected the id of {kind:?}, found that of {found:?}")))
            }
        }
    }
}

impl From<GlobalId> for ID {
    fn from(id: GlobalId) -> Self {
        let mut bytes = vec![id.kind.letter()];
        bytes.extend(id.event.0);
        ID(base64_encode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_kind_and_never_changes() {
        let of = |kind| ID::from(GlobalId { kind, event: EventId([7; 32]) });
        assert_eq!(of(NodeKind::Event).as_str(), "ZQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH");
        assert_eq!(of(NodeKind::Case).as_str(), "YwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH");
        assert_eq!(of(NodeKind::Party).as_str(), "cAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH");
        for kind in [NodeKind::Event, NodeKind::Case, NodeKind::Party] {
            assert_eq!(GlobalId::read("id", &of(kind)).unwrap(), GlobalId { kind, event: EventId([7; 32]) });
        }
    }

    #[test]
    fn what_no_field_gave_is_refused() {
        for text in ["", "e", "ZQ==", "not base64", &"0".repeat(64)] {
            assert!(GlobalId::read("id", &ID(text.to_owned())).is_err(), "{text}");
        }
        let case = ID::from(GlobalId { kind: NodeKind::Case, event: EventId([7; 32]) });
        assert!(GlobalId::read_kind("id", &case, NodeKind::Party).is_err());
    }
}
