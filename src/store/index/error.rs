//! What is said of an index that is damaged.

use crate::store::StoreError;

pub(super) fn broken(e: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(format!("index: {e}"))
}
