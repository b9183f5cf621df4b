//! Where a witness is asked.

use crate::log::WitnessKey;

/// A witness to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAddress {
    /// Its key.
    pub key: WitnessKey,
    /// Its submission prefix, without a slash at the end.
    pub url: String,
}
