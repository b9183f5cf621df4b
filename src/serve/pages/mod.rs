//! Plain pages for people: HTML that a text browser reads as well, nothing from elsewhere, and no scripts but the
//! verifier, which no page needs.

mod asked;
pub mod assets;
pub mod case;
pub mod demand;
mod drawing;
pub mod entries;
pub mod entry;
pub mod error;
mod filters;
pub mod graphql;
pub mod home;
pub mod party;
pub mod search;
pub mod transparency;
pub mod verify;

use std::{sync::Arc, time::Instant};

use askama::Template;
use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{CONTENT_SECURITY_POLICY, HOST},
    },
    response::{IntoResponse as _, Redirect, Response},
};

use self::asked::{Asked, Instants};
use super::{
    app::App,
    edge::Frame,
    http::answer::{self, REVALIDATE, TEXT, bytes},
    limits,
    options::Options,
};
use crate::{
    event::EventId,
    ledger::ReadError,
    mirror::Standing,
    views::{Allowance, Views},
};

/// What is said where no page ever was.
const NO_PAGE: &str = "There is no such page.";
const HTML: &str = "text/html; charset=utf-8";
/// Styles and pictures from here, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for pages that bring the verifier: scripts from here, which ask nobody but this site.
const SCRIPT_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What stands around every page.
#[derive(Clone)]
struct Shell {
    /// The ledger's origin.
    origin: String,
    /// The address of the ledger, without a slash at the end.
    url: String,
    /// How the mirror stands that this is.
    mirror: Option<Standing>,
}

impl Shell {
    fn new(app: &App, headers: &HeaderMap) -> Self {
        Self::of(app.ledger.reader().origin().to_string(), &app.options, headers)
    }
    fn of(origin: String, options: &Options, headers: &HeaderMap) -> Self {
        let mirror = options.mirror.as_ref().map(|status| status.now());
        Self { origin, url: address_by(options, headers), mirror }
    }
    /// The path of the style sheet, which names its own digest.
    fn style(&self) -> &'static str {
        assets::style_path()
    }
}

/// The address of this server, without a slash at the end: as it was told, or as the request came to it.
pub(super) fn address(app: &App, headers: &HeaderMap) -> String {
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

/// A page with a status.
fn html(status: StatusCode, page: &impl Template) -> Response {
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

/// Text without the characters that may not stand in a page, raw or written out: whatever a page prints back of what was
/// asked for. Others stand for them.
fn readable(text: String) -> String {
    let is_barred = |b: u8| b < b' ' && !matches!(b, b'\n' | b'\t' | b'\r') || b == 0x7f;
    // U+0080 to U+009F take two bytes.
    let is_pair = |pair: &[u8]| matches!(pair, [0xc2, 0x80..=0x9f]);
    if !text.bytes().any(is_barred) && !text.as_bytes().windows(2).any(is_pair) {
        return text;
    }
    text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r'), "\u{fffd}")
}

/// Lets a page that was found bring the verifier.
fn with_script(mut response: Response) -> Response {
    if response.status() == StatusCode::OK {
        let policy = HeaderValue::from_static(SCRIPT_POLICY);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Reads and renders a page off the threads that serve connections; `None` is 404 with this message.
async fn show<T: Template>(
    app: &App,
    shell: &Shell,
    missing: &'static str,
    read: impl FnOnce(&Views) -> Result<Option<T>, ReadError> + Send + 'static,
) -> Response {
    let views = app.views();
    let made = answer::blocking(move || {
        let page = read(&bounded(views))?;
        Ok(page.map(|page| html(StatusCode::OK, &page)))
    });
    match made.await {
        Ok(Some(response)) => response,
        Ok(None) => error::not_found(shell, missing),
        Err(failed) => error::instead_of(shell, &failed),
    }
}

/// Views that read no more than a page may, from now on.
fn bounded(views: Views) -> Views {
    let until = Instant::now() + limits::WORK_TIMEOUT;
    views.within(&Arc::new(Allowance::new(limits::ENTRIES_READ, until)))
}

/// What sets a line that says why there is no answer in a page.
pub(super) fn frame(app: &App) -> Frame {
    let (origin, options) = (app.ledger.reader().origin().to_string(), app.options.clone());
    Box::new(move |headers, status, line| {
        error::framed(&Shell::of(origin.clone(), &options, headers), status, line)
    })
}

/// 308 to the same address without the slash at its end, for whoever typed one.
pub async fn without_slash(uri: Uri) -> Response {
    let path = uri.path().trim_end_matches('/');
    let to = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    Redirect::permanent(&to).into_response()
}

/// As [`show_at`], for the record whose id stands in the address; what is no id names none. Whoever types an address may
/// have the number of the entry (`36`, `@36`), and is led to that of its id. `address` has `{}` where the id stands.
async fn show_record_at(
    app: &App,
    headers: &HeaderMap,
    (address, id): (&'static str, &str),
    query: Option<&str>,
    missing: &'static str,
    read: impl FnOnce(&Views, Asked, EventId, Shell) -> Result<Option<Response>, ReadError> + Send + 'static,
) -> Response {
    let shell = Shell::new(app, headers);
    let Ok(id) = id.parse::<EventId>() else {
        let Some(index) = answer::typed_number(id) else {
            return error::not_found(&shell, missing);
        };
        let rest = query.map_or_else(String::new, |query| format!("?{query}"));
        return show_at(app, &shell, query, missing, move |views, _| {
            let record = views.record(index)?;
            let to = record.map(|r| format!("{}{rest}", address.replace("{}", &r.event().id().to_string())));
            Ok(to.map(|to| Redirect::permanent(&to).into_response()))
        })
        .await;
    };
    let around = shell.clone();
    show_at(app, &around, query, missing, move |views, asked| read(views, asked, id, shell)).await
}

/// A page that was found.
fn html_of(page: &impl Template) -> Response {
    html(StatusCode::OK, page)
}

/// The same as plain text, with what would drive a terminal written out.
fn text_of(view: &impl std::fmt::Display) -> Response {
    bytes(TEXT, REVALIDATE, view.to_string())
}

/// As [`show`], at the instants that the query asks for; 400 for what can't be asked.
async fn show_at(
    app: &App,
    shell: &Shell,
    query: Option<&str>,
    missing: &'static str,
    read: impl FnOnce(&Views, Asked) -> Result<Option<Response>, ReadError> + Send + 'static,
) -> Response {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(why) => return error::bad_request(shell, why),
    };
    let (views, around) = (app.views(), shell.clone());
    let made = answer::blocking(move || {
        let views = bounded(views);
        let latest = views.size();
        let views = match asked.known_at {
            None => views,
            Some(size) => match views.at(size) {
                Some(views) => views,
                None => {
                    let why =
                        format!("knownAt: expected a tree size from 1 to {latest}, the latest checkpoint’s");
                    return Ok(Some(error::bad_request(&around, why)));
                }
            },
        };
        read(&views, asked)
    });
    match made.await {
        Ok(Some(response)) => response,
        Ok(None) => error::not_found(shell, missing),
        Err(failed) => error::instead_of(shell, &failed),
    }
}
