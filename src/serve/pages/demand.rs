//! `/demand/<id>`: a demand with every attempt to deliver it; `/demand/<id>/text` says the same in plain text.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{Shell, error, filters, html_of, show_at, text_of};
use crate::{
    event::EventId,
    serve::App,
    views::{DemandSheet, time_words},
};

const NONE: &str = "There is no such demand, or none at the instants asked for.";

#[derive(Template)]
#[template(path = "demand.html")]
struct DemandPage {
    shell: Shell,
    sheet: DemandSheet,
    as_of: String,
}

/// The page.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error::not_found(NONE) };
    let shell = Shell::new(&app, &headers);
    show_at(&app, query.as_deref(), NONE, move |views, asked| {
        let Some(sheet) = views.demand(&id, asked.as_of())? else { return Ok(None) };
        let as_of = time_words(sheet.as_of);
        Ok(Some(html_of(&DemandPage { shell, sheet, as_of })))
    })
    .await
}

/// The same as plain text.
pub async fn text(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error::not_found(NONE) };
    show_at(&app, query.as_deref(), NONE, move |views, asked| {
        Ok(views.demand(&id, asked.as_of())?.map(|sheet| text_of(&sheet)))
    })
    .await
}
