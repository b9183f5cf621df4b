//! Time-stamp tokens of RFC 3161: an outside authority's word that a digest existed not later than a time.
//!
//! A [`Query`] asks an authority; [`Token::read`] reads the answer and checks its signature; [`Roots::verify`] says whether
//! the reader trusts the authority, and is the only way to make a [`Timestamp`]. A token says nothing of the time before it.

#[cfg(feature = "timestamps")]
mod asn1;
#[cfg(feature = "timestamps")]
mod query;
#[cfg(feature = "timestamps")]
mod roots;
#[cfg(feature = "timestamps")]
mod token;

use std::fmt;

use serde::Serialize;

use crate::log::Time;

#[cfg(feature = "timestamps")]
pub use query::{NONCE, Query};
#[cfg(feature = "timestamps")]
pub use roots::{MAX_ROOTS, MAX_ROOTS_FILE, Roots, RootsError};
#[cfg(feature = "timestamps")]
pub use token::{MAX_CERTIFICATES, MAX_TOKEN, Token, TokenError};

/// What an authority that the reader trusts has said of a digest: it existed not later than this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timestamp {
    /// The authority's time.
    #[serde(serialize_with = "as_text")]
    pub not_later_than: Time,
    /// By how many milliseconds its clock may be wrong, as it says itself; `None` if it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_ms: Option<u64>,
    /// Subject of its certificate (RFC 4514).
    pub authority: String,
}

fn as_text<S: serde::Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not later than {}", self.not_later_than)?;
        match self.accuracy_ms {
            Some(ms) if ms % 1_000 == 0 => write!(f, " (its clock within {} s, it says)", ms / 1_000)?,
            Some(ms) => write!(f, " (its clock within {ms} ms, it says)")?,
            None => {}
        }
        write!(f, ", by the word of {}", self.authority)
    }
}
