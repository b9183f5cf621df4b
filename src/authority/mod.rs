//! Time-stamping authorities (RFC 3161): asking them to stamp what a ledger publishes.
//!
//! [`collect`] asks for tokens over the ledger's checkpoints, once a day or so, and hands the ledger what is good. What a
//! token says, [`timestamp`](crate::timestamp) knows.

mod asking;
mod collector;

pub use collector::{Authorities, MAX_AUTHORITIES, Schedule, collect};
