//! `URL`, and the address that permalinks begin with.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// An absolute web address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

/// An absolute web address, `http` or `https`, in visible ASCII.
#[Scalar(name = "URL", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3986")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(s) => {
                Self::new(s).ok_or_else(|| InputValueError::custom("expected http:// or https://"))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }
    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(s) if Self::new(s).is_some())
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl Url {
    /// `text` as an address, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let visible = rest.bytes().all(|b| b.is_ascii_graphic());
        (visible && !rest.is_empty() && !rest.starts_with('/')).then(|| Self(text.to_owned()))
    }
}

/// The public address of this server without a slash at the end, if the operator set one.
#[derive(Debug, Clone)]
pub struct Public(pub Option<Url>);

/// The address that permalinks begin with, without a slash at the end: the public address of this server or, if the operator set
/// none, the one that the request came to.
#[derive(Debug, Clone)]
pub struct Base(pub String);

impl Base {
    /// The permalink of a page.
    pub fn page(&self, kind: &str, name: impl std::fmt::Display) -> Option<Url> {
        Url::new(&format!("{}/{kind}/{name}", self.0))
    }
}
