//! Answers that are no pages: text, bytes, refusals and faults.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY},
    },
    response::{IntoResponse as _, Response},
};

use super::gzip;
use crate::{
    event::{Code, Refusal},
    ledger::ReadError,
    serve::{app::App, edge::fair_queue::Work, pages},
};

pub const TEXT: &str = "text/plain; charset=utf-8";
pub const OCTETS: &str = "application/octet-stream";
/// For what never changes under its name.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For what changes, or may be withheld: ask again each time.
pub const REVALIDATE: &str = "no-cache";

/// What a connection that is not taken in is told, before anything is read of it.
pub const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// What is said where bytes on the disk are others than were put there.
pub const DAMAGED: &str = "what lies here under this name is damaged; another copy of the ledger may have it";

/// Bytes of a type.
pub fn bytes(content_type: &'static str, caching: &'static str, body: impl Into<Body>) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (headers, body.into()).into_response()
}

/// A line of text with a status.
pub fn text(status: StatusCode, line: &str) -> Response {
    (status, bytes(TEXT, REVALIDATE, format!("{line}\n"))).into_response()
}

/// There is nothing of that name.
pub fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "not found")
}

/// A fault of the store, whose cause is logged and not sent; or a request that takes too much work.
pub fn fault(cause: &ReadError) -> Response {
    if let ReadError::Spent = cause {
        return text(StatusCode::SERVICE_UNAVAILABLE, "this takes more work than one request may");
    }
    if let ReadError::Damaged(_) = cause {
        // Whoever looks after it was told when it was found.
        return text(StatusCode::INTERNAL_SERVER_ERROR, DAMAGED);
    }
    tracing::error!(%cause, "a request could not be answered");
    text(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer")
}

/// A refusal as the terminal prints it: `CODE: place: message`.
pub fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal.code {
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable | Code::LedgerReadOnly => StatusCode::SERVICE_UNAVAILABLE,
        Code::FileDigest => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = text(status, &refusal.to_string());
    // For whoever counts them.
    response.extensions_mut().insert(refusal.code);
    let again = match refusal.code {
        // By then the event that names what was uploaded may have come.
        Code::RateLimited => Some("60"),
        Code::Unavailable => Some("1"),
        _ => None,
    };
    if let Some(again) = again {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(again));
    }
    response
}

/// An answer whose bytes have a tag: 304 if the caller has it (RFC 9110, section 13.1.2). The tag of what never
/// changes under its name is that name; of all else, a digest of the bytes.
pub fn tagged(
    headers: &HeaderMap,
    tag: &str,
    caching: &'static str,
    make: impl FnOnce() -> Response,
) -> Response {
    let plain = format!("\"{tag}\"");
    // Whoever takes gzip may have it either way; to all others the compressed bytes are of no use.
    let packed = gzip::takes_gzip(headers).then(|| format!("\"{tag}{}\"", gzip::TAG_SUFFIX));
    let asked = headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let known = asked.flat_map(|list| list.split(',')).find_map(|known| {
        let known = known.trim().trim_start_matches("W/");
        match &packed {
            Some(packed) if known == packed => Some(packed),
            _ => (known == "*" || known == plain).then_some(&plain),
        }
    });
    let mut response = match known {
        Some(_) => {
            let headers = [(CACHE_CONTROL, caching), (VARY, "Accept-Encoding")];
            (StatusCode::NOT_MODIFIED, headers).into_response()
        }
        None => make(),
    };
    // Digits, letters and the slashes of a path.
    if let Ok(tag) = HeaderValue::from_str(known.unwrap_or(&plain)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// A canonical decimal number.
pub fn number(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    if canonical && text.len() <= 16 { text.parse().ok() } else { None }
}

/// The number of an entry as people type it: `36` or `@36`.
pub fn typed_number(text: &str) -> Option<u64> {
    number(text.strip_prefix('@').unwrap_or(text))
}

/// Reads the store off the threads that serve connections.
///
/// # Errors
/// The answer to give instead.
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

/// Whether the caller would rather have a page than text.
pub fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains("text/html"))
}

/// No such path.
pub(in crate::serve) async fn unknown(State(app): State<App>, request: Request) -> Response {
    if wants_page(request.headers()) { pages::unknown(&app, request.headers()) } else { not_found() }
}

/// The path is there, but not for this method. The `Allow` header is the router's.
pub async fn method_not_allowed() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}
