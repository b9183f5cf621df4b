//! Onrecord: an append-only, signed event log.

pub mod event;
pub mod log;
pub mod note;
