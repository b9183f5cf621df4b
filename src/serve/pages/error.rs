//! Pages that say that there is no page.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{assets, html};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    title: &'static str,
    message: String,
    style: &'static str,
}

/// 404, with what was not found.
pub fn not_found(message: &'static str) -> Response {
    html(
        StatusCode::NOT_FOUND,
        &ErrorPage { title: "Not found", message: message.to_owned(), style: assets::style_path() },
    )
}

/// 400, with what was expected.
pub fn bad_request(message: String) -> Response {
    let page = ErrorPage { title: "That can’t be asked", message, style: assets::style_path() };
    html(StatusCode::BAD_REQUEST, &page)
}

/// Instead of a page that could not be made, by the answer that says why.
pub fn instead_of(answer: &Response) -> Response {
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE { too_much() } else { failed() }
}

/// 503. What was asked for takes more than one page may.
pub fn too_much() -> Response {
    let message = "This page takes more work than one request may. Its entries can be read one by one.";
    let page =
        ErrorPage { title: "Too much at once", message: message.to_owned(), style: assets::style_path() };
    html(StatusCode::SERVICE_UNAVAILABLE, &page)
}

/// 500. The cause is in our log.
fn failed() -> Response {
    let message = "The server failed to answer. What is on record is not affected; try again in a moment.";
    let page = ErrorPage {
        title: "Something went wrong here",
        message: message.to_owned(),
        style: assets::style_path(),
    };
    html(StatusCode::INTERNAL_SERVER_ERROR, &page)
}
