//! GraphQL, by the schema, over HTTP and over WebSocket.

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

mod answers;
mod event;
mod http_spec;
mod queries;
mod schema;
mod state;
mod subscription;
