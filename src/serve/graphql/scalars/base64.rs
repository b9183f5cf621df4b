//! `Base64`: bytes as text.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::note::{base64_decode, base64_encode};

/// Bytes in standard base64 with padding, in the one canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

/// Bytes in standard base64 with padding, in the one canonical form.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc4648#section-4")]
impl ScalarType for Base64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        let bytes = match &value {
            Value::String(s) => base64_decode(s),
            _ => None,
        };
        bytes.map(Self).ok_or_else(|| InputValueError::custom("expected canonical base64 with padding"))
    }
    fn to_value(&self) -> Value {
        Value::String(base64_encode(&self.0))
    }
}
