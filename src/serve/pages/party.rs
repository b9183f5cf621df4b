//! `/party/<id>`: name, kind, roles, keys, and what it signed or is named in.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::filters;
use super::{Shell, entries::before, error, show};
use crate::{
    event::EventId,
    ledger::Filter,
    serve::{App, limits},
    views::{EntryLine, Name, Party, PartyKey, WordsView},
};

#[derive(Template)]
#[template(path = "party.html")]
struct PartyPage {
    shell: Shell,
    party: Arc<Party>,
    words: Option<WordsView>,
    keys: Vec<(PartyKey, Option<Name>)>,
    lines: Vec<EntryLine>,
    earlier: Option<u64>,
    first_page: bool,
}

/// The page.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error::not_found("There is no such party.") };
    let shell = Shell::new(&app, &headers);
    let before = before(query.as_deref());
    show(&app, "There is no such party.", move |views| {
        let Some(party) = views.party(&id)? else { return Ok(None) };
        let mut keys = Vec::new();
        for key in views.keys(&id)? {
            let voucher = match key.vouched.party() {
                Some(id) => Some(views.name(&id)?),
                None => None,
            };
            keys.push((key, voucher));
        }
        let filter = Filter { party: Some(id), ..Filter::default() };
        let highest = before.map_or(u64::MAX, |b| b.saturating_sub(1));
        let mut indexes = views.list(&filter, 0..=highest, true, limits::LINES_ON_PAGE + 1)?;
        let more = indexes.len() > limits::LINES_ON_PAGE;
        indexes.truncate(limits::LINES_ON_PAGE);
        let words = match views.latest_words_of(&party)? {
            Some(record) => views.words_view(&record)?,
            None => None,
        };
        Ok(Some(PartyPage {
            shell,
            party,
            words,
            keys,
            lines: views.lines(&indexes)?,
            earlier: indexes.last().copied().filter(|_| more),
            first_page: before.is_none(),
        }))
    })
    .await
}
