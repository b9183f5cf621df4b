//! Raw bytes: the files of the log as C2SP lays them out, exhibits, and files that are uploaded and fetched.

mod body;
mod byte_range;
pub(super) mod case_file;
pub(super) mod exhibit;
pub(super) mod log;
mod parts_body;
pub(super) mod upload;

use axum::response::Response;

use super::{
    app::App,
    http::answer::{self, blocking},
};
use crate::ledger::{ReadError, Reader};

/// Answers with the response that `read` makes from the store; 404 if it makes none.
async fn found(
    app: &App,
    read: impl FnOnce(&Reader) -> Result<Option<Response>, ReadError> + Send + 'static,
) -> Response {
    let reader = app.ledger.reader().clone();
    match blocking(move || read(&reader)).await {
        Ok(Some(response)) | Err(response) => response,
        Ok(None) => answer::not_found(),
    }
}
