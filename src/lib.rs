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
#[cfg(feature = "serve")]
pub(crate) mod priority;
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

// Tests inside the crate use the same support as those outside.
#[cfg(test)]
extern crate self as onrecord;
