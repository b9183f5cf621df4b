//! Entity tags of answers (RFC 9110, section 8.8.3): a caller that has the bytes already is told so and not sent them again.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse as _, Response},
};

use super::gzip;

/// An answer with a tag, made by `make`; 304 if the caller has the bytes of this tag (RFC 9110, section 13.1.2). `tag` is the
/// name of bytes that never change under it; else it is a digest of the bytes.
pub fn tagged(
    headers: &HeaderMap,
    tag: &str,
    caching: &'static str,
    make: impl FnOnce() -> Response,
) -> Response {
    let plain = format!("\"{tag}\"");
    // A caller that accepts gzip may have the plain or the compressed bytes; other callers can't use the compressed ones.
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
    // This does not fail: a tag holds digits, letters and the characters of a path.
    if let Ok(tag) = HeaderValue::from_str(known.unwrap_or(&plain)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
