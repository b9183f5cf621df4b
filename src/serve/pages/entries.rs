//! `/entries`: all entries of the register, the latest first.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{NO_PAGE, Shell, filters, show};
use crate::{
    serve::{app::App, http::answer, limits},
    views::EntryLine,
};

#[derive(Template)]
#[template(path = "entries.html")]
struct EntriesPage {
    shell: Shell,
    lines: Vec<EntryLine>,
    size: u64,
    /// The index before which the next page of earlier entries ends, if there are any.
    earlier: Option<u64>,
    first_page: bool,
}

/// The `before` of a query string.
pub fn before(query: Option<&str>) -> Option<u64> {
    query?.split('&').find_map(|pair| answer::number(pair.strip_prefix("before=")?))
}

/// The page.
pub async fn page(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let shell = Shell::new(&app, &headers);
    let before = before(query.as_deref());
    let around = shell.clone();
    show(&app, &around, NO_PAGE, move |views| {
        let size = views.size();
        let end = before.unwrap_or(size).min(size);
        let start = end.saturating_sub(limits::LINES_ON_PAGE as u64);
        let indexes: Vec<u64> = (start..end).rev().collect();
        let lines = views.lines(&indexes)?;
        let earlier = (start > 0).then_some(start);
        Ok(Some(EntriesPage { shell, lines, size, earlier, first_page: end == size }))
    })
    .await
}
