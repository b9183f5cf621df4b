//! `/party/<id>`: a party's names, roles, keys and record, and the entries that it signed or that name it.
//! `/party/<id>/text` is the same as plain text.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{Asked, Instants, Shell, filters, html_of, show_record_at, text_of};
use crate::{
    ledger::Filter,
    serve::{app::App, limits},
    views::{EntryLine, PartyView, WordsView},
};

const NONE: &str = "There is no such party.";

#[derive(Template)]
#[template(path = "party.html")]
struct PartyPage {
    shell: Shell,
    view: PartyView,
    asked: Asked,
    when: Instants,
    words: Option<WordsView>,
    lines: Vec<EntryLine>,
    earlier: Option<u64>,
}

impl PartyPage {
    fn earlier_than(&self, before: &u64) -> String {
        let again = self.asked.again();
        let and = if again.is_empty() { "" } else { "&" };
        format!("/party/{}?{again}{and}before={before}", self.view.party.id)
    }
}

/// The page.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    show_record_at(&app, &headers, ("/party/{}", &id), query.as_deref(), NONE, |views, asked, id, shell| {
        let Some(view) = views.party_view(&id, asked.as_of())? else { return Ok(None) };
        let filter = Filter { party: Some(id), ..Filter::default() };
        let highest = asked.before.map_or(u64::MAX, |b| b.saturating_sub(1));
        let mut indexes = views.list(&filter, 0..=highest, true, limits::LINES_ON_PAGE + 1)?;
        let more = indexes.len() > limits::LINES_ON_PAGE;
        indexes.truncate(limits::LINES_ON_PAGE);
        let words = match views.latest_words_of(&view.party)? {
            Some(record) => views.words_view(&record)?,
            None => None,
        };
        let page = PartyPage {
            shell,
            when: Instants {
                path: format!("/party/{id}"),
                asked,
                as_of: view.as_of,
                known_at: view.known_at,
                latest: view.latest,
            },
            words,
            lines: views.lines(&indexes)?,
            earlier: indexes.last().copied().filter(|_| more),
            asked,
            view,
        };
        Ok(Some(html_of(&page)))
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
    show_record_at(&app, &headers, ("/party/{}/text", &id), query.as_deref(), NONE, |views, asked, id, _| {
        let since = views.since_of(&id)?;
        Ok(views.party_view(&id, asked.as_of())?.map(|view| text_of(&format!("{since}{view}"))))
    })
    .await
}
