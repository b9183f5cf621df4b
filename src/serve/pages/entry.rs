//! `/e/<n>`: one entry, with everything it says and how to check it by hand.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Shell, error, filters, html_of, show_at, with_script};
use crate::{
    serve::{app::App, http::answer},
    views::{EntryView, shown},
};

const NONE: &str = "There is no entry of that number yet.";

#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    shell: Shell,
    entry: EntryView,
    vkey: String,
    raw: String,
    /// The size of the log that the page is shown at.
    known_at: u64,
    /// The size of the latest checkpoint.
    latest: u64,
    previous: Option<u64>,
    next: Option<u64>,
}

/// The page, at the size that `knownAt` gives. An entry can be shown at every size above its index.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(index): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let shell = Shell::new(&app, &headers);
    let Some(index) = answer::number(&index) else {
        // Numbers as the command line prints them: `@38`, `038`.
        let digits = index.strip_prefix('@').unwrap_or(&index);
        let index = match digits.trim_start_matches('0') {
            "" if !digits.is_empty() => Some(0),
            significant => answer::number(significant),
        };
        let Some(index) = index else { return error::not_found(&shell, NONE) };
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        return Redirect::permanent(&format!("/e/{index}{query}")).into_response();
    };
    let around = shell.clone();
    let shown = show_at(&app, &around, query.as_deref(), NONE, move |views, _| {
        let Some(entry) = views.entry(index)? else { return Ok(None) };
        let raw = shown(&entry.record.raw()).into_owned();
        let size = views.size();
        Ok(Some(html_of(&EntryPage {
            shell,
            raw,
            vkey: views.reader().log_key().to_string(),
            known_at: size,
            latest: views.checkpoint().checkpoint().size(),
            previous: index.checked_sub(1),
            next: (index + 1 < size).then_some(index + 1),
            entry,
        })))
    });
    with_script(shown.await)
}
