//! `/e/<n>`: one entry, with all it says and how to check it by hand.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::filters;
use super::{Shell, error, show, with_script};
use crate::{
    serve::{App, answer},
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
    previous: Option<u64>,
    next: Option<u64>,
}

/// The page.
pub async fn page(State(app): State<App>, headers: HeaderMap, Path(index): Path<String>) -> Response {
    let Some(index) = answer::number(&index) else { return error::not_found(NONE) };
    let shell = Shell::new(&app, &headers);
    let shown = show(&app, NONE, move |views| {
        let Some(entry) = views.entry(index)? else { return Ok(None) };
        let raw = shown(&entry.record.raw()).into_owned();
        let size = views.size();
        Ok(Some(EntryPage {
            shell,
            raw,
            vkey: views.reader().log_key().to_string(),
            previous: index.checked_sub(1),
            next: (index + 1 < size).then_some(index + 1),
            entry,
        }))
    });
    with_script(shown.await)
}
