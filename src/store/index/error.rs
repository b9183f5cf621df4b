//! What is said of an index that can't be read or written.

use crate::store::StoreError;

pub(super) fn broken(e: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(format!("index: {e}"))
}

/// What sled says: the system said no, or its files are damaged.
pub(super) fn of_sled(e: sled::Error) -> StoreError {
    match e {
        sled::Error::Io(source) => StoreError::Io { what: "use the index".into(), source },
        other => broken(other),
    }
}
