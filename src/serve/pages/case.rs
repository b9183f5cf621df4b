//! `/case/<id>`: its thread, in order.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::filters;
use super::{Shell, error, show};
use crate::{
    event::EventId,
    serve::{App, answer, limits},
    views::{Case, EntryLine, Name, time_words},
};

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    shell: Shell,
    case: Case,
    respondent: Name,
    opened: EntryLine,
    last_recorded: String,
    lines: Vec<EntryLine>,
    /// Number in the thread of the first line.
    from: usize,
    /// Number in the thread from which the page before starts.
    previous: Option<usize>,
    /// The same of the next page.
    next: Option<usize>,
}

/// The page.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error::not_found("There is no such case.") };
    let shell = Shell::new(&app, &headers);
    let from =
        query.as_deref().and_then(|q| q.split('&').find_map(|p| answer::number(p.strip_prefix("from=")?)));
    let from = usize::try_from(from.unwrap_or(0)).unwrap_or(usize::MAX);
    show(&app, "There is no such case.", move |views| {
        let Some(record) = views.record_of(&id)? else { return Ok(None) };
        let Some(case) = views.case_of(&record)? else { return Ok(None) };
        let from = from.min(case.entries.len());
        let to = (from + limits::LINES_ON_PAGE).min(case.entries.len());
        let lines = views.lines(&case.entries[from..to])?;
        Ok(Some(CasePage {
            shell,
            respondent: views.name(&case.respondent)?,
            opened: views.line(&record)?,
            last_recorded: time_words(case.last_recorded),
            lines,
            from,
            previous: (from > 0).then(|| from.saturating_sub(limits::LINES_ON_PAGE)),
            next: (to < case.entries.len()).then_some(to),
            case,
        }))
    })
    .await
}
