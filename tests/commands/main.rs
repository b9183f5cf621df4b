//! What people type: commands, their words, their prompts and their faults.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/place.rs"]
mod place;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/mod.rs"]
mod support;

mod cli;
mod clock;
mod disk_full;
mod init;
mod modes;
mod recording;
