//! The ledger as a library: what is recorded, read, withheld, told and begun again.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;

mod changes;
mod forks;
mod index;
mod readers;
mod sentences;
mod since;
mod standing;
mod startup;
mod withholding;
mod writer;
