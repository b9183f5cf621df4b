//! Tags of answers (RFC 9110, section 8.8.3): whoever has the bytes is told so, and not sent them again.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse as _, Response},
};

use super::gzip;

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
