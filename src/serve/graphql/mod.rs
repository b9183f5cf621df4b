//! The GraphQL API: one file a type, no resolver that touches the store but through [`Views`](crate::views::Views).
//!
//! Lists are Relay connections; sequence numbers and sizes are `Index`, never `Int`. What a caller did wrong in
//! a mutation stands in `userErrors`; top-level `errors` are for requests that can't be answered as asked and
//! for faults of the server, whose causes are logged and never sent.

mod admission;
#[cfg(test)]
mod bounds;
pub(super) mod cache;
mod cost;
mod errors;
mod execution;
mod fault;
mod field_cost;
pub(super) mod http;
mod inputs;
mod json;
mod meter;
mod request;
mod scalars;
pub(super) mod schema;
mod selected;
mod shape;
mod state;
mod tokens;
pub(super) mod transport;
mod types;
mod variables;

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    //! What must hold of what strangers send.
    pub(crate) use super::{json::holds as json, tokens::holds as document};
}

pub use schema::sdl;
