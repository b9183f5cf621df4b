//! `Hash`: a digest or an event's id, in hexadecimal.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::event::{Digest, EventId};

/// 32 bytes as 64 lower-case hex digits: an event's id, a BLAKE3 digest or a hash of the Merkle tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

/// 32 bytes as 64 lower-case hex digits: an event's id, a BLAKE3 digest or a hash of the Merkle tree.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc4648#section-8")]
impl ScalarType for Hash {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(s) => match s.parse::<Digest>() {
                Ok(digest) => Ok(Self(digest.0)),
                Err(_) => Err(InputValueError::custom("expected 64 lower-case hex digits")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }
    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(s) if s.parse::<Digest>().is_ok())
    }
    fn to_value(&self) -> Value {
        Value::String(Digest(self.0).to_string())
    }
}

impl From<Hash> for EventId {
    fn from(hash: Hash) -> Self {
        EventId(hash.0)
    }
}
impl From<EventId> for Hash {
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}
impl From<Digest> for Hash {
    fn from(digest: Digest) -> Self {
        Self(digest.0)
    }
}
impl From<crate::log::Hash> for Hash {
    fn from(hash: crate::log::Hash) -> Self {
        Self(hash.0)
    }
}
