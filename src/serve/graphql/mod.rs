//! The GraphQL API. Each type has a file of its own, and resolvers read the store only through [`Views`](crate::views::Views).
//!
//! Lists are Relay connections. Sequence numbers and sizes are `Index`, never `Int`. A caller's mistakes in a mutation are in
//! `userErrors`. Top-level `errors` are for requests that can't be answered as asked, and for faults of the server, whose causes
//! are logged and never sent.

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
    //! Properties that must hold for everything that strangers send.
    pub(crate) use super::{json::holds as json, tokens::holds as document};
}

pub use schema::sdl;
