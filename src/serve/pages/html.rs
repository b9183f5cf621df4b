//! A page as an answer: its headers, and its text without what HTML does not allow.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_SECURITY_POLICY},
    response::Response,
};

use crate::{
    ledger::ReadError,
    serve::http::answer::{self, REVALIDATE, bytes},
};

/// The media type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";
/// The content security policy of pages: style sheets and images of this site, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An answer with a page and a status.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let mut response = bytes(HTML, REVALIDATE, readable(text));
            *response.status_mut() = status;
            let policy = HeaderValue::from_static(PAGE_POLICY);
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            response
        }
        Err(e) => answer::fault(&ReadError::Fault(format!("a page could not be written: {e}"))),
    }
}

/// Replaces characters that HTML does not allow, even as character references, with U+FFFD. They come from requests, parts of
/// which a page may repeat.
fn readable(text: String) -> String {
    let is_barred = |b: u8| b < b' ' && !matches!(b, b'\n' | b'\t' | b'\r') || b == 0x7f;
    // U+0080 to U+009F, as their two bytes.
    let is_pair = |pair: &[u8]| matches!(pair, [0xc2, 0x80..=0x9f]);
    if !text.bytes().any(is_barred) && !text.as_bytes().windows(2).any(is_pair) {
        return text;
    }
    text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r'), "\u{fffd}")
}
