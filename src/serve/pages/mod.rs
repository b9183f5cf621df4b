//! Plain pages for people: HTML that a text browser can show, with nothing from other sites, and no script but the
//! verifier, which no page depends on.

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
mod html;
pub mod party;
pub mod search;
mod shell;
pub mod transparency;
pub mod verify;

use std::{sync::Arc, time::Instant};

use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::CONTENT_SECURITY_POLICY},
    response::{IntoResponse as _, Redirect, Response},
};

pub(super) use self::shell::address;
use self::{
    asked::{Asked, Instants},
    error::NO_PAGE,
    html::{HTML, html},
    shell::Shell,
};
use super::{
    app::App,
    edge::Frame,
    http::answer::{self, REVALIDATE, TEXT, bytes},
    limits,
};
use crate::{
    event::EventId,
    ledger::ReadError,
    views::{Allowance, Views},
};

/// The content security policy of pages with the verifier: also scripts of this site, which may connect only to this site.
const SCRIPT_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Gives a page the policy that lets it load the verifier, unless it is an error page.
fn with_script(mut response: Response) -> Response {
    if response.status() == StatusCode::OK {
        let policy = HeaderValue::from_static(SCRIPT_POLICY);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Reads and renders a page off the threads that serve connections. If `read` gives `None`, the answer is 404 with the message
/// `missing`.
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

/// Bounds views to the time and the number of entries that a page may take, from now on.
fn bounded(views: Views) -> Views {
    let until = Instant::now() + limits::WORK_TIMEOUT;
    views.within(&Arc::new(Allowance::new(limits::ENTRIES_READ, until)))
}

/// Makes error pages of lines of text, for the edge.
pub(super) fn frame(app: &App) -> Frame {
    let (origin, options) = (app.ledger.reader().origin().to_string(), app.options.clone());
    Box::new(move |headers, status, line| {
        error::framed(&Shell::of(origin.clone(), &options, headers), status, line)
    })
}

/// 308 to the same address without the slash at its end.
pub async fn without_slash(uri: Uri) -> Response {
    let path = uri.path().trim_end_matches('/');
    let to = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    Redirect::permanent(&to).into_response()
}

/// Like [`show_at`], for a record whose `id` is in the address. An id that can't be read is answered 404. People may type the
/// index of the entry (`36`, `@36`) in place of the id, and are redirected to the address with the id: `address`, with the id
/// for its `{}`.
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

/// An answer with a page that was found.
fn html_of(page: &impl Template) -> Response {
    html(StatusCode::OK, page)
}

/// An answer with a view as plain text. The view itself writes out characters that would control a terminal.
fn text_of(view: &impl std::fmt::Display) -> Response {
    bytes(TEXT, REVALIDATE, view.to_string())
}

/// Like [`show`], at the instants that the query asks for. An invalid query is answered 400.
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
