//! `DateTime`: an instant in UTC.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::log::Time;

/// An instant, set by the ledger: RFC 3339 in UTC with milliseconds, e.g. `2026-11-23T05:06:10.123Z`. As an
/// argument any RFC 3339 time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime(pub Time);

fn read(value: &Value) -> Option<Time> {
    match value {
        Value::String(s) => {
            let instant: jiff::Timestamp = s.parse().ok()?;
            // Recorded times are whole milliseconds, so a fraction of one is rounded up without changing any comparison.
            let ms = instant.as_millisecond();
            let more = instant > jiff::Timestamp::from_millisecond(ms).ok()?;
            Time::from_unix_ms(ms + i64::from(more))
        }
        _ => None,
    }
}

/// An instant, set by the ledger: RFC 3339 in UTC with milliseconds, e.g. `2026-11-23T05:06:10.123Z`. As an
/// argument any RFC 3339 time is taken.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).map(Self).ok_or_else(|| InputValueError::custom("expected an RFC 3339 date and time"))
    }
    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
