//! The server, as clients from outside see it.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/socket.rs"]
mod socket;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;

mod hostile;
mod log;
mod metrics;
mod soak;
mod tls;
