//! `URL`, and the address that permalinks begin with.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// An absolute address of the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

/// An absolute address of the web, `http` or `https`, in visible ASCII.
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
    /// An address, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let visible = rest.bytes().all(|b| b.is_ascii_graphic());
        (visible && !rest.is_empty() && !rest.starts_with('/')).then(|| Self(text.to_owned()))
    }
}

/// The address under which the world reaches this server, without a slash at the end, if whoever runs it said so.
#[derive(Debug, Clone)]
pub struct Public(pub Option<Url>);

/// The address of this server, without a slash at the end, as the request came to it. Permalinks begin with it.
#[derive(Debug, Clone)]
pub struct Base(pub String);

impl Base {
    /// The permalink of a page.
    pub fn page(&self, kind: &str, name: impl std::fmt::Display) -> Option<Url> {
        Url::new(&format!("{}/{kind}/{name}", self.0))
    }
}
