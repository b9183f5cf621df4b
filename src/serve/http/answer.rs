//! Answers other than pages: text, bytes, refusals and faults.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse as _, Response},
};

use crate::{
    event::{Code, Refusal},
    ledger::ReadError,
    serve::edge::fair_queue::Work,
};

pub const TEXT: &str = "text/plain; charset=utf-8";
pub const OCTETS: &str = "application/octet-stream";
/// Caching of bytes that never change under their name.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Caching of bytes that may change or be withheld: caches must ask again each time.
pub const REVALIDATE: &str = "no-cache";

/// The answer on a connection that is refused, sent before anything is read from it.
pub const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// The message for bytes on the disk that differ from those that were written.
pub const DAMAGED: &str = "this server's copy is damaged; another copy of the ledger may be good";

/// An answer with a body of this content type, cached as `caching` says.
pub fn bytes(content_type: &'static str, caching: &'static str, body: impl Into<Body>) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (headers, body.into()).into_response()
}

/// An answer with a status and a line of text.
pub fn text(status: StatusCode, line: &str) -> Response {
    (status, bytes(TEXT, REVALIDATE, format!("{line}\n"))).into_response()
}

/// 404: there is nothing of that name.
pub fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "not found")
}

/// The answer for a failed read: 503 if the request takes too much work, else 500. The cause is logged and not sent.
pub fn fault(cause: &ReadError) -> Response {
    if let ReadError::Spent = cause {
        return text(StatusCode::SERVICE_UNAVAILABLE, "this takes more work than one request may");
    }
    if let ReadError::Damaged(_) = cause {
        // Not logged again: the operator was told when the damage was found.
        return text(StatusCode::INTERNAL_SERVER_ERROR, DAMAGED);
    }
    tracing::error!(%cause, "a request could not be answered");
    text(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer")
}

/// An answer with a refusal as the command line prints it: `CODE: place: message`.
pub fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal.code {
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable | Code::LedgerReadOnly => StatusCode::SERVICE_UNAVAILABLE,
        Code::FileDigest => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = text(status, &refusal.to_string());
    // The middleware that counts refusals reads this.
    response.extensions_mut().insert(refusal.code);
    let again = match refusal.code {
        // By then an event may have come that names the uploaded files, so that they don't count any more.
        Code::RateLimited => Some("60"),
        Code::Unavailable => Some("1"),
        _ => None,
    };
    if let Some(again) = again {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(again));
    }
    response
}

/// Parses a canonical decimal number of at most 16 digits.
pub fn number(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    if canonical && text.len() <= 16 { text.parse().ok() } else { None }
}

/// Parses the index of an entry as people type it: `36` or `@36`.
pub fn typed_number(text: &str) -> Option<u64> {
    number(text.strip_prefix('@').unwrap_or(text))
}

/// Reads the store off the threads that serve connections, and counts the work for the request's turn.
///
/// # Errors
/// The answer to give if the read fails, as [`fault`] makes it.
pub async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Response> {
    let work = Work::of_this_request();
    match tokio::task::spawn_blocking(move || work.count(read)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(cause)) => Err(fault(&cause)),
        Err(join) => Err(fault(&ReadError::Fault(format!("a task of a request ended: {join}")))),
    }
}

/// Whether the caller accepts a page.
pub fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains("text/html"))
}

/// 405: the path exists, but not for this method. The router adds the `Allow` header.
pub async fn method_not_allowed() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}
