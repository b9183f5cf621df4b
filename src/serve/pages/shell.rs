//! What the frame of every page shows.

use axum::http::{HeaderMap, header::HOST};

use super::assets;
use crate::{
    mirror::Progress,
    serve::{app::App, limits, options::Options},
};

/// What the frame of every page shows.
#[derive(Clone)]
pub(super) struct Shell {
    /// The ledger's origin.
    pub origin: String,
    /// The address of the ledger, without a slash at the end.
    pub url: String,
    /// The status of the mirror, if this is one.
    pub mirror: Option<Progress>,
}

impl Shell {
    pub fn new(app: &App, headers: &HeaderMap) -> Self {
        Self::of(app.ledger.reader().origin().to_string(), &app.options, headers)
    }
    pub fn of(origin: String, options: &Options, headers: &HeaderMap) -> Self {
        let mirror = options.mirror.as_ref().map(|status| status.now());
        Self { origin, url: address_by(options, headers), mirror }
    }
    /// The path of the style sheet.
    pub fn style(&self) -> &'static str {
        assets::style_path()
    }
}

/// The address of this server, without a slash at the end: its public URL or, if none is set, the one that the request came to.
pub(in crate::serve) fn address(app: &App, headers: &HeaderMap) -> String {
    address_by(&app.options, headers)
}

fn address_by(options: &Options, headers: &HeaderMap) -> String {
    let url = options.url.clone().unwrap_or_else(|| {
        let host = headers.get(HOST).and_then(|h| h.to_str().ok());
        let good = |h: &&str| {
            (1..=limits::HOST).contains(&h.len())
                && h.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
        };
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", host.filter(good).unwrap_or("localhost"))
    });
    url.trim_end_matches('/').to_owned()
}
