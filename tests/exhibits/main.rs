//! Exhibits and case files: put together, packed anew, stamped and checked.

#[path = "../../crates/onrecord-verify/tests/support/authority.rs"]
mod authority;
#[path = "../support/exhibit.rs"]
mod exhibit;
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
#[path = "../support/zip.rs"]
mod zip;

mod archives;
mod authorities;
mod case_file;
mod exhibits;
