//! Files that pages need: the style sheet, the icon, and `robots.txt`.

use std::sync::LazyLock;

use axum::{http::Uri, response::Response};

use crate::{
    event::Digest,
    serve::http::answer::{IMMUTABLE, REVALIDATE, TEXT, bytes},
};

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("../../../templates/style.css");
const ICON: &str = include_str!("../../../templates/icon.svg");
/// Search engines may index pages. The API and the raw log are for programs.
const ROBOTS: &str =
    "User-agent: *\nDisallow: /graphql\nDisallow: /tile/\nDisallow: /content/\nDisallow: /file/\n";

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Digest::blake3(STYLE.as_bytes()).to_string();
    format!("/style.css?v={}", &digest[..16])
});

/// The path of the style sheet. It holds the digest of the style sheet, so that this can be cached for ever.
pub fn style_path() -> &'static str {
    &STYLE_PATH
}

/// `/style.css`
pub async fn style(uri: Uri) -> Response {
    let current = uri.path_and_query().is_some_and(|p| p.as_str() == style_path());
    bytes("text/css; charset=utf-8", if current { IMMUTABLE } else { REVALIDATE }, STYLE)
}

/// `/icon.svg`
pub async fn icon() -> Response {
    bytes("image/svg+xml", "public, max-age=86400", ICON)
}

/// `/robots.txt`
pub async fn robots() -> Response {
    bytes(TEXT, "public, max-age=86400", ROBOTS)
}
