//! `Index`: a sequence number or a size, which may exceed `Int`.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::log::MAX_INDEX;

/// A sequence number or a size: an integer from 0 to 2^53-1, as a JSON number, which every JSON reader holds
/// exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index(pub u64);

fn read(value: &Value) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64().filter(|n| *n <= MAX_INDEX),
        _ => None,
    }
}

/// A sequence number or a size: an integer from 0 to 2^53-1, as a JSON number, which every JSON reader holds
/// exactly.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc7493#section-2.2")]
impl ScalarType for Index {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).map(Self).ok_or_else(|| InputValueError::custom("expected an integer from 0 to 2^53-1"))
    }
    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }
    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}
