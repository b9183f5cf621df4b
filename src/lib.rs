//! Onrecord: an append-only, signed event log.

pub mod log;
pub mod note;
