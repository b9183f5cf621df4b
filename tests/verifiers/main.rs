//! The three verifiers, and what an operator may try.

#[path = "../support/exhibit.rs"]
mod exhibit;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/forger.rs"]
mod forger;
#[path = "../support/http.rs"]
mod http;
#[path = "../../crates/onrecord-verify/tests/support/ml_dsa_witness.rs"]
mod ml_dsa_witness;
#[path = "../support/program.rs"]
mod program;
#[path = "../../crates/onrecord-verify/tests/support/public.rs"]
mod public;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;
#[path = "../support/zip.rs"]
mod zip;

mod dishonest;
mod hosts;
mod verifiers;
mod verify;
