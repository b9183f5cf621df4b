//! Time-stamping authorities (RFC 3161): asking them to stamp what a ledger publishes.
//!
//! [`collect`] asks for tokens over the ledger's checkpoints, once a day or so, and hands the good ones to the ledger.
//! [`timestamp`](crate::timestamp) reads and checks tokens.

mod asking;
mod collector;

pub use collector::{Authorities, MAX_AUTHORITIES, Schedule, collect};
