//! `/demand/<id>`: a demand with the attempts to deliver it. `/demand/<id>/text` is the same as plain text.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Asked, Instants, Shell, filters, html_of, show_record_at, text_of};
use crate::{
    serve::{app::App, limits},
    views::{DemandSheet, NoticeView},
};

const NONE: &str = "There is no such demand, or none at the instants asked for.";

#[derive(Template)]
#[template(path = "demand.html")]
struct DemandPage {
    shell: Shell,
    sheet: DemandSheet,
    asked: Asked,
    when: Instants,
}

impl DemandPage {
    /// The address of the case at the instants of this page.
    fn case(&self) -> String {
        self.asked.at(&format!("/case/{}", self.sheet.case.id))
    }
    /// The position of the first attempt that is shown.
    fn from(&self) -> usize {
        self.asked.from.min(self.sheet.view.attempts.len())
    }
    /// The attempts that are shown.
    fn attempts(&self) -> &[NoticeView] {
        let rest = self.sheet.view.attempts.get(self.from()..).unwrap_or_default();
        rest.get(..limits::NOTICES_ON_PAGE).unwrap_or(rest)
    }
    /// The link to the attempts from the position `from` on.
    fn part(&self, from: usize) -> String {
        let path = self.asked.at(&self.when.path);
        let and = if path.contains('?') { '&' } else { '?' };
        if from == 0 { path } else { format!("{path}{and}from={from}") }
    }
    /// The link to the attempts before these.
    fn previous(&self) -> Option<String> {
        (self.from() > 0).then(|| self.part(self.from().saturating_sub(limits::NOTICES_ON_PAGE)))
    }
    /// The link to the attempts after these.
    fn next(&self) -> Option<String> {
        let to = self.from() + self.attempts().len();
        (to < self.sheet.view.attempts.len()).then(|| self.part(to))
    }
    /// The copies that are shown, and how many more there are.
    fn copies(&self) -> (&[NoticeView], usize) {
        let all = &self.sheet.view.copies;
        let shown = all.get(..limits::NOTICES_ON_PAGE).unwrap_or(all);
        (shown, all.len() - shown.len())
    }
}

/// The page.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    show_record_at(&app, &headers, ("/demand/{}", &id), query.as_deref(), NONE, |views, asked, id, shell| {
        let Some(sheet) = views.demand(&id, asked.as_of())? else {
            // A demand that was declared void has no page, only its entry, which says so. At an earlier size it may still have a
            // page.
            let size = asked.known_at.map_or_else(String::new, |size| format!("?knownAt={size}"));
            let to = views.void_demand(&id)?.map(|index| format!("/e/{index}{size}"));
            return Ok(to.map(|to| Redirect::to(&to).into_response()));
        };
        let when = Instants {
            path: format!("/demand/{id}"),
            asked,
            as_of: sheet.as_of,
            known_at: sheet.known_at,
            latest: sheet.latest,
        };
        Ok(Some(html_of(&DemandPage { shell, sheet, asked, when })))
    })
    .await
}

/// The page as plain text.
pub async fn text(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    show_record_at(&app, &headers, ("/demand/{}/text", &id), query.as_deref(), NONE, |views, asked, id, _| {
        let since = views.since_of(&id)?;
        if let Some(sheet) = views.demand(&id, asked.as_of())? {
            return Ok(Some(text_of(&format!("{since}{sheet}"))));
        }
        Ok(views.void_demand(&id)?.map(|index| {
            text_of(&format!("{since}The demand of entry {index} stays on record and counts for nothing.\n"))
        }))
    })
    .await
}
