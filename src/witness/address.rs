//! The address of a witness.

use crate::log::WitnessKey;

/// A witness to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAddress {
    /// Its key.
    pub key: WitnessKey,
    /// Its submission prefix, without a slash at the end.
    pub url: String,
}
