//! `/transparency`: what was done to the record itself.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{NO_PAGE, Shell, filters, html_of, show_at};
use crate::{serve::app::App, views::Transparency};

#[derive(Template)]
#[template(path = "transparency.html")]
struct TransparencyPage {
    shell: Shell,
    view: Transparency,
}

/// The page.
pub async fn page(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let shell = Shell::new(&app, &headers);
    let around = shell.clone();
    show_at(&app, &around, query.as_deref(), NO_PAGE, move |views, _| {
        Ok(Some(html_of(&TransparencyPage { shell, view: views.transparency()? })))
    })
    .await
}
