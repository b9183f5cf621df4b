//! Onrecord: an append-only, signed event log that puts demands, disclosures and official statements on
//! record, serves them, and lets anyone verify it without trusting whoever runs it.
//!
//! Data flows one way, and every module uses only what stands below it: [`note`], [`event`] and [`log`] are
//! pure and all that a verifier needs; [`ledger`] is the one writer; `serve` and `cli` are how people and
//! programs reach it. The formats are in `docs/formats.md`.

#[cfg(feature = "cli")]
pub(crate) mod agent;
#[cfg(feature = "cli")]
pub mod authority;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod event;
pub mod exhibit;
#[cfg(all(fuzzing, feature = "serve"))]
#[doc(hidden)]
pub mod fuzzing {
    //! The way of a fuzz target to a parser that nothing outside reaches: cargo-fuzz alone builds it.

    /// See `store::recovery`.
    pub fn journal(bytes: &[u8]) -> bool {
        crate::store::recovery::holds(bytes)
    }

    /// See `serve::graphql::tokens`.
    pub fn document(bytes: &[u8]) -> bool {
        crate::serve::fuzzing::document(bytes)
    }

    /// See `serve::graphql::json`.
    pub fn json(bytes: &[u8]) -> bool {
        crate::serve::fuzzing::json(bytes)
    }
}
#[cfg(feature = "serve")]
pub(crate) mod generations;
#[cfg(feature = "serve")]
pub mod ledger;
pub mod log;
#[cfg(feature = "serve")]
pub(crate) mod metrics;
#[cfg(feature = "cli")]
pub mod mirror;
pub mod note;
#[cfg(feature = "cli")]
pub mod ops;
#[cfg(feature = "cli")]
pub mod peers;
#[cfg(feature = "serve")]
pub(crate) mod priority;
#[cfg(feature = "serve")]
pub(crate) mod processor;
#[cfg(feature = "cli")]
pub mod proof_file;
#[cfg(feature = "serve")]
pub(crate) mod quote;
#[cfg(feature = "serve")]
pub mod search;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "serve")]
pub(crate) mod store;
pub mod timestamp;
#[cfg(feature = "serve")]
pub mod views;
#[cfg(feature = "cli")]
pub mod witness;

/// The day of this release: no clock that is right shows an earlier one. The version stands in `Cargo.toml`.
#[cfg(feature = "serve")]
pub(crate) const RELEASED: &str = "2026-11-30";

// Tests inside the crate use the same support as those outside.
#[cfg(test)]
extern crate self as onrecord;
