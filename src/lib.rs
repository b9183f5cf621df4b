//! Onrecord: an append-only, signed event log.

pub mod note;
