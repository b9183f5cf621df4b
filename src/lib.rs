//! Onrecord: an append-only, signed event log that puts demands, disclosures and official statements on
//! record, serves them, and lets anyone verify it without trusting whoever runs it.
//!
//! Data flows one way, and every module uses only what stands below it: [`note`], [`event`], [`log`] and [`verify`] are
//! the crate `onrecord-verify`, which is all that a verifier needs; [`ledger`] is the one writer; `serve` and `cli`
//! are how people and programs reach it. The formats are in `docs/formats.md`.

pub(crate) mod agent;
pub mod authority;
pub mod cli;
pub mod exhibit;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    //! Leads fuzz targets to parsers that are not public. Only cargo-fuzz builds this.

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
pub(crate) mod generations;
pub mod ledger;
pub(crate) mod media;
pub(crate) mod metrics;
pub mod mirror;
pub mod ops;
pub mod peers;
pub(crate) mod priority;
pub(crate) mod processor;
pub mod proof_file;
pub(crate) mod quote;
pub mod search;
pub mod serve;
pub(crate) mod store;
pub mod story;
pub mod views;
pub mod witness;

/// The day of this release. A right clock never shows an earlier one. The version stands in `Cargo.toml`.
pub(crate) const RELEASED: &str = "2026-11-30";

pub use onrecord_verify::{check, event, log, note, timestamp, verify};

// Tests inside the crate use the same support files as those outside, which name the crate `onrecord`.
#[cfg(test)]
extern crate self as onrecord;
