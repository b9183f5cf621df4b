//! `/verify`, which checks exhibits in the reader's browser, and `/verify.html`, the same as one file to keep.
//!
//! The scripts are built from `web/verifier` and kept in the repository, so that building the server needs no npm. A test
//! checks that they match their sources.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_DISPOSITION},
    response::Response,
};
use sha2::{Digest as _, Sha256};

use super::{HTML, Shell, assets, html, with_script};
use crate::{
    event::Digest,
    note::base64_encode,
    serve::{
        app::App,
        http::{
            answer::{REVALIDATE, bytes},
            etag::tagged,
        },
    },
};

const VERIFIER: &str = include_str!("../../../web/verifier/dist/verifier.js");
const PAGE: &str = include_str!("../../../web/verifier/dist/page.js");
const GIVEN: &str = include_str!("../../../web/verifier/dist/given.js");
/// All scripts in one, for the file to keep.
const ALONE: &str = include_str!("../../../web/verifier/dist/alone.js");

const VERSION: &str = env!("CARGO_PKG_VERSION");
const SCRIPT: &str = "text/javascript; charset=utf-8";

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    shell: Shell,
    version: &'static str,
    digest: &'static str,
}

/// The file to keep. It names no ledger and no key, so it is the same wherever this version is served.
#[derive(Template)]
#[template(path = "verify_alone.html")]
struct AlonePage {
    version: &'static str,
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
}

/// `verify.html` and its BLAKE3. It is empty if it could not be rendered, which a test rules out.
static FILE: LazyLock<(String, String)> = LazyLock::new(|| {
    // The form in which a policy allows a script or style by its digest (W3C CSP, "hash-source").
    let hash = |text: &str| format!("sha256-{}", base64_encode(&Sha256::digest(text)));
    let page = AlonePage {
        version: VERSION,
        style: assets::STYLE,
        script: ALONE,
        style_hash: hash(assets::STYLE),
        script_hash: hash(ALONE),
    };
    let text = page.render().unwrap_or_default();
    let digest = Digest::blake3(text.as_bytes()).to_string();
    (text, digest)
});

/// `/verify`
pub async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    let shell = Shell::new(&app, &headers);
    with_script(html(StatusCode::OK, &VerifyPage { shell, version: VERSION, digest: &FILE.1 }))
}

/// `/verify.html`
pub async fn file(headers: HeaderMap) -> Response {
    let mut response = tagged(&headers, &FILE.1, REVALIDATE, || bytes(HTML, REVALIDATE, FILE.0.as_str()));
    let saved = HeaderValue::from_static("attachment; filename=\"verify.html\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, saved);
    response
}

/// `/verifier.js`: checks exhibits.
pub async fn verifier(headers: HeaderMap) -> Response {
    script(&headers, VERIFIER)
}

/// `/page.js`: runs the verifier on the pages.
pub async fn script_of_pages(headers: HeaderMap) -> Response {
    script(&headers, PAGE)
}

/// `/given.js`: event types, the history of keys, and inputs other than an unaltered exhibit, such as case files and receipts.
/// Every check loads it.
pub async fn script_of_given(headers: HeaderMap) -> Response {
    script(&headers, GIVEN)
}

/// An answer with a script. The scripts load each other by names without a version, so browsers must revalidate them each time.
fn script(headers: &HeaderMap, text: &'static str) -> Response {
    let tag = Digest::blake3(text.as_bytes()).to_string();
    tagged(headers, &tag, REVALIDATE, || bytes(SCRIPT, REVALIDATE, text))
}
