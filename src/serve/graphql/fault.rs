//! Errors of resolvers, which stand at the top level of an answer.

use std::sync::Arc;

use async_graphql::{Context, Error, ErrorExtensions as _, Pos, Result, ServerError};

use crate::{ledger::ReadError, views::Views};

/// The error for a failed read. A fault of the server is logged with its cause, which is not sent. [`ReadError::Spent`] means
/// that the request asks for too much, and says so.
pub fn internal(cause: &ReadError) -> Error {
    if let ReadError::Spent = cause {
        let spent = super::meter::spent();
        return Error { message: spent.message, source: None, extensions: spent.extensions };
    }
    tracing::error!(%cause, "a query could not be answered");
    Error::new("The server failed to answer.").extend_with(|_, e| e.set("code", "INTERNAL"))
}

/// Like [`internal`], but for a request as a whole: it names no place in the document.
pub fn of_request(cause: &ReadError) -> ServerError {
    let mut error = internal(cause).into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// An error for arguments that can't be met.
pub fn bad_input(message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, e| e.set("code", "BAD_INPUT"))
}

/// The result of a resolver's read.
pub trait Answer<T> {
    /// Turns a read error into an error for the caller, as [`internal`] does.
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
