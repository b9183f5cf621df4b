#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

//! Each module uses only those that stand above it in the table. The log itself is built on this crate: the writer refuses
//! by the same rules.

pub mod check;
pub mod event;
pub mod exhibit;
pub mod log;
pub mod note;
pub mod timestamp;
pub mod verify;

// Unit tests include files of `tests/support`, which name this crate as tests outside it do.
#[cfg(test)]
extern crate self as onrecord_verify;
