//! Errors at the top level of an answer.

use std::sync::Arc;

use async_graphql::{Context, Error, ErrorExtensions as _, Pos, Result, ServerError};

use crate::{ledger::ReadError, views::Views};

/// A fault of ours, whose cause is logged and not sent; or a request that asks for too much.
pub fn internal(cause: &ReadError) -> Error {
    if let ReadError::Spent = cause {
        let spent = super::meter::spent();
        return Error { message: spent.message, source: None, extensions: spent.extensions };
    }
    tracing::error!(%cause, "a query could not be answered");
    Error::new("The server failed to answer.").extend_with(|_, e| e.set("code", "INTERNAL"))
}

/// The same of a request as a whole: no place in its text is at fault.
pub fn of_request(cause: &ReadError) -> ServerError {
    let mut error = internal(cause).into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// Arguments that ask for what can't be.
pub fn bad_input(message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, e| e.set("code", "BAD_INPUT"))
}

/// What a resolver read, or our fault.
pub trait Answer<T> {
    /// Turns a fault of the store into an error that says nothing of it.
    fn answer(self) -> Result<T>;
}

impl<T> Answer<T> for std::result::Result<T, ReadError> {
    fn answer(self) -> Result<T> {
        self.map_err(|e| internal(&e))
    }
}

/// The views of this request.
pub fn views<'c>(ctx: &Context<'c>) -> &'c Arc<Views> {
    // The handler gives every request its views before it runs.
    ctx.data_unchecked::<Arc<Views>>()
}
