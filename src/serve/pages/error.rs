//! Error pages.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};

use super::{Shell, filters, html::html};
use crate::serve::{app::App, http::answer};

/// The message for a path that never has a page.
pub(super) const NO_PAGE: &str = "There is no such page.";

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    title: &'static str,
    message: String,
}

fn page(status: StatusCode, shell: &Shell, title: &'static str, message: impl Into<String>) -> Response {
    html(status, &ErrorPage { shell: shell.clone(), title, message: message.into() })
}

/// 404, with a message that says what was not found.
pub(super) fn not_found(shell: &Shell, message: &'static str) -> Response {
    page(StatusCode::NOT_FOUND, shell, "Not found", message)
}

/// 404 for an unknown path: a page if the caller accepts one, else a line of text.
pub async fn unknown(State(app): State<App>, request: Request) -> Response {
    if !answer::wants_page(request.headers()) {
        return answer::not_found();
    }
    not_found(&Shell::new(&app, request.headers()), NO_PAGE)
}

/// 400, with a message that says what was expected.
pub(super) fn bad_request(shell: &Shell, message: String) -> Response {
    page(StatusCode::BAD_REQUEST, shell, "That can’t be asked", message)
}

/// The error page in place of a page that could not be made. `answer` is the error that programs would get.
pub(super) fn instead_of(shell: &Shell, answer: &Response) -> Response {
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE { too_much(shell) } else { failed(shell) }
}

/// 503: the page takes more work than a page may.
pub(super) fn too_much(shell: &Shell) -> Response {
    let message = "This page takes more work than one request may. Its entries can be read one by one.";
    page(StatusCode::SERVICE_UNAVAILABLE, shell, "Too much at once", message)
}

/// The error page for any status, with the line of text that programs get.
pub(super) fn framed(shell: &Shell, status: StatusCode, line: &str) -> Response {
    let (title, why) = match status {
        StatusCode::BAD_REQUEST => ("That can’t be asked", "The request could not be read."),
        StatusCode::FORBIDDEN => ("Not let in", "What other sites ask for is not done here."),
        StatusCode::NOT_FOUND => ("Not found", "There is nothing of that name here."),
        StatusCode::METHOD_NOT_ALLOWED => ("Not done that way", "This address is there to be read."),
        StatusCode::REQUEST_TIMEOUT => ("Too slow", "The request did not come in time; try again."),
        StatusCode::GONE => ("Withheld", "This was on record and is withheld now."),
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("Too much in one piece", "What was asked for, or sent, is too long.")
        }
        StatusCode::MISDIRECTED_REQUEST => {
            ("Another server is meant", "This server does not answer by that name.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ("Too much for now", "Too much came from this address; try again in a minute.")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            ("Too much at once", "The server has more to do than it can; try again in a moment.")
        }
        _ if status.is_server_error() => {
            ("Something went wrong here", "The server failed to answer; try again in a moment.")
        }
        _ => ("No answer", "This can’t be answered."),
    };
    page(status, shell, title, format!("{why} ({line})"))
}

/// 500. The cause is in the server's log.
fn failed(shell: &Shell) -> Response {
    let message = "The server failed to answer. What is on record is not affected; try again in a moment.";
    page(StatusCode::INTERNAL_SERVER_ERROR, shell, "Something went wrong here", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::ReadError;

    #[tokio::test]
    async fn every_fault_is_told_within_the_frame_of_a_page() {
        let shell = Shell { origin: "ledger.test".into(), url: "http://ledger.test".into(), mirror: None };
        let spent = crate::serve::http::answer::fault(&ReadError::Spent);
        let fault = crate::serve::http::answer::fault(&ReadError::Fault("in a test".into()));
        for (answer, status) in [
            (not_found(&shell, "There is no such page."), 404),
            (bad_request(&shell, "knownAt: expected a tree size".into()), 400),
            (instead_of(&shell, &spent), 503),
            (instead_of(&shell, &fault), 500),
            (framed(&shell, StatusCode::FORBIDDEN, "another site"), 403),
            (framed(&shell, StatusCode::METHOD_NOT_ALLOWED, "method not allowed"), 405),
            (framed(&shell, StatusCode::PAYLOAD_TOO_LARGE, "expected at most 4 bytes"), 413),
            (framed(&shell, StatusCode::MISDIRECTED_REQUEST, "another host"), 421),
            (framed(&shell, StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED: a file"), 429),
        ] {
            assert_eq!(answer.status().as_u16(), status);
            let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            let page = String::from_utf8(body.to_vec()).unwrap();
            for part in ["<nav aria-label=\"Register\">", "<footer", " · ledger.test</title>"] {
                assert!(page.contains(part), "{status}: no {part} in {page}");
            }
        }
    }
}
