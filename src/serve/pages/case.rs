//! `/case/<id>`: where it stands, and its timeline; `/case/<id>/text` says the same in plain text.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{Asked, Shell, drawing, error, filters, html_of, show_at, text_of};
use crate::{
    event::EventId,
    serve::{App, limits},
    views::{CaseView, Change, Order, Views, time_words},
};

const NONE: &str = "There is no such case.";

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    shell: Shell,
    view: CaseView,
    asked: Asked,
    as_of: String,
    last_recorded: String,
    drawing: Option<String>,
    /// Number in the timeline from which the part before starts.
    previous: Option<usize>,
    /// The same of the next part.
    next: Option<usize>,
}

impl CasePage {
    /// Asks for another part or order at the same instants.
    fn with(&self, order: Order, from: usize) -> String {
        let again = Asked { order, ..self.asked }.again();
        let id = self.view.case.id;
        match (again.is_empty(), from) {
            (true, 0) => format!("/case/{id}"),
            (true, from) => format!("/case/{id}?from={from}"),
            (false, 0) => format!("/case/{id}?{again}"),
            (false, from) => format!("/case/{id}?{again}&from={from}"),
        }
    }
    fn part(&self, from: &usize) -> String {
        self.with(self.asked.order, *from)
    }
    fn occurred(&self) -> bool {
        self.asked.order == Order::Occurred
    }
}

fn read(views: &Views, id: &EventId, asked: &Asked) -> Result<Option<CaseView>, crate::ledger::ReadError> {
    views.case_view(id, asked.as_of(), asked.order, asked.from, limits::TIMELINE_ON_PAGE)
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
        let Some(view) = read(views, &id, &asked)? else { return Ok(None) };
        let from = view.timeline.from;
        let to = from + view.timeline.lines.len();
        let page = CasePage {
            shell,
            as_of: time_words(view.as_of),
            last_recorded: time_words(view.case.last_recorded),
            drawing: drawing::timeline(&view.timeline),
            previous: (from > 0).then(|| from.saturating_sub(limits::TIMELINE_ON_PAGE)),
            next: (to < view.timeline.all).then_some(to),
            asked,
            view,
        };
        Ok(Some(html_of(&page)))
    })
    .await
}

/// The same as plain text.
pub async fn text(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error::not_found(NONE) };
    show_at(&app, query.as_deref(), NONE, move |views, asked| {
        Ok(read(views, &id, &asked)?.map(|view| text_of(&view)))
    })
    .await
}
