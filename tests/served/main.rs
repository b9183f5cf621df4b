//! The server as strangers meet it.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/served.rs"]
mod served;
#[path = "../support/socket.rs"]
mod socket;
#[path = "../support/mod.rs"]
mod support;

mod hostile;
mod log;
mod metrics;
mod soak;
mod tls;
