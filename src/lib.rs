//! Onrecord: an append-only, signed event log that puts demands, disclosures and official statements on
//! record, serves them, and lets anyone verify it without trusting whoever runs it.
//!
//! Data flows one way, and every module uses only what stands below it: [`note`], [`event`] and [`log`] are
//! pure and all that a verifier needs; [`ledger`] is the one writer; `serve` and `cli` are how people and
//! programs reach it. The formats are in `docs/formats.md`.

pub mod event;
#[cfg(feature = "serve")]
pub mod ledger;
pub mod log;
pub mod note;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "serve")]
pub(crate) mod store;
#[cfg(feature = "serve")]
pub mod views;
