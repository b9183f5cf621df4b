//! The server as strangers meet it.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/socket.rs"]
mod socket;
#[path = "../support/mod.rs"]
mod support;

mod hostile;
mod log;
mod metrics;
mod soak;
mod tls;
