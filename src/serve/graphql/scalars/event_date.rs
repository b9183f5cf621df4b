//! `EventDate`: when something happened, as its author wrote it.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::event::At;

/// When something happened, as its author wrote it: `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS+HH:MM`.
/// Level 0 of the Extended Date/Time Format. It is never moved to another zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDate(pub At);

fn read(value: &Value) -> Option<At> {
    match value {
        Value::String(s) => At::parse(s).ok(),
        _ => None,
    }
}

/// When something happened, as its author wrote it: `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS+HH:MM`.
/// Level 0 of the Extended Date/Time Format. It is never moved to another zone.
#[Scalar(specified_by_url = "https://www.loc.gov/standards/datetime/")]
impl ScalarType for EventDate {
    fn parse(value: Value) -> InputValueResult<Self> {
        let expected = "expected YYYY-MM, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS+HH:MM, a real date";
        read(&value).map(Self).ok_or_else(|| InputValueError::custom(expected))
    }
    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
