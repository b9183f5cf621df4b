//! Names of ledgers and keys: `[a-z0-9.-]+(/[a-z0-9._-]+)*`, at most 128 bytes (formats.md, section 2).

use std::{fmt, str::FromStr};

/// The longest origin or key name, in bytes.
pub const MAX_NAME: usize = 128;

/// A text that is no origin or key name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not of the grammar.
    #[error("expected [a-z0-9.-]+(/[a-z0-9._-]+)*, at most {MAX_NAME} bytes")]
    Grammar,
    /// An origin without a dot.
    #[error("an origin contains a dot")]
    NoDot,
    /// An origin that could be taken for a format marker.
    #[error("an origin does not start with \"onrecord/\"")]
    Reserved,
}

fn is_name(s: &str) -> bool {
    if s.len() > MAX_NAME {
        return false;
    }
    s.split('/').enumerate().all(|(i, part)| {
        !part.is_empty()
            && part.bytes().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'.' | b'-')
                    || (i > 0 && b == b'_')
            })
    })
}

/// Whether a text is a key name of `c2sp.org/signed-note`. Witnesses and other logs may have such names; our own grammar is
/// narrower.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_ascii_control())
}

/// The name of a ledger: first line of its checkpoints, second line of every event meant for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

/// The name on a key, as it stands on signature lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

impl FromStr for Origin {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        if s.starts_with("onrecord/") {
            return Err(NameError::Reserved);
        }
        if !is_name(s) {
            return Err(NameError::Grammar);
        }
        if !s.contains('.') {
            return Err(NameError::NoDot);
        }
        Ok(Self(s.to_owned()))
    }
}

impl FromStr for KeyName {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        if !is_name(s) {
            return Err(NameError::Grammar);
        }
        Ok(Self(s.to_owned()))
    }
}

macro_rules! text {
    ($type:ident) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text!(Origin);
text!(KeyName);

impl From<Origin> for KeyName {
    /// The log's key bears the origin as its name (`c2sp.org/tlog-checkpoint`).
    fn from(origin: Origin) -> Self {
        Self(origin.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in ["a", "ledger.example.org/operator", "a-b/c_d.e", &"a".repeat(128)] {
            assert!(good.parse::<KeyName>().is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "A", "a b", "a+b", "a_b", "é", &"a".repeat(129)] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_a_dot_and_is_no_marker() {
        assert!("ledger.example.org/2026".parse::<Origin>().is_ok());
        assert_eq!("localhost".parse::<Origin>(), Err(NameError::NoDot));
        assert_eq!("onrecord/event/v1".parse::<Origin>(), Err(NameError::Reserved));
    }
}
