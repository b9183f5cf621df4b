//! The project itself: the direction of its rooms, what its pages say, its packages, and where secrets are.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/mod.rs"]
mod support;

mod deployment;
mod direction;
mod documents;
mod secrets;
