//! `/search`: what the record says, by the words in it.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Extension, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::filters;
use super::{Shell, bounded, error, html};
use crate::{
    event::{EventId, EventType},
    ledger::ReadError,
    log::Time,
    search::{self, Cursor, Filter, Hit, Order, SearchError},
    serve::{
        App, answer,
        client::Client,
        limits,
        turns::{Weight, in_turn},
    },
    views::Views,
};

/// What a form or a link asks for, as it was sent. Anything else is no field and counts for nothing.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    #[serde(rename = "type")]
    event_type: String,
    case: String,
    party: String,
    language: String,
    standing: String,
    since: String,
    until: String,
    order: String,
    after: String,
}

/// The same, read.
#[derive(Clone)]
struct Read {
    query: Option<search::Query>,
    filter: Filter,
    order: Order,
    after: Option<Cursor>,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    shell: Shell,
    asked: Asked,
    /// What is wrong with what was asked.
    wrong: Option<String>,
    result: Option<Result>,
    types: &'static [EventType],
    /// Names of the case and the party asked for.
    case: Option<String>,
    party: Option<String>,
    searched: u64,
    size: u64,
}

struct Result {
    hits: Vec<Hit>,
    /// The link to the next page.
    next: Option<String>,
    first: bool,
}

impl SearchPage {
    fn is_filtered(&self) -> bool {
        let a = &self.asked;
        [&a.event_type, &a.case, &a.party, &a.language, &a.standing, &a.since, &a.until]
            .iter()
            .any(|f| !f.is_empty())
    }
}

impl Asked {
    fn read(&self) -> std::result::Result<Read, String> {
        let id = |name: &str, text: &str| match text.trim() {
            "" => Ok(None),
            text => text
                .parse::<EventId>()
                .map(Some)
                .map_err(|_| format!("{name}: expected an id of 64 hex digits")),
        };
        let word = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let order = match self.order.as_str() {
            "" | "relevance" => Order::Relevance,
            "newest" => Order::Newest,
            _ => return Err("order: expected relevance or newest".into()),
        };
        let types = match self.event_type.as_str() {
            "" => Vec::new(),
            name => vec![
                EventType::from_name(name).ok_or("type: expected a type of event, e.g. statement.made")?,
            ],
        };
        let after = match self.after.as_str() {
            "" => None,
            text => Some(
                Cursor::parse(text, order)
                    .ok_or("after: expected a place in this list, as a link here gives it")?,
            ),
        };
        let query = match self.q.trim() {
            "" => None,
            text => Some(search::Query::parse(text).map_err(|e| format!("words: {e}"))?),
        };
        let filter = Filter {
            types,
            case: id("case", &self.case)?,
            party: id("party", &self.party)?,
            language: word(&self.language),
            standing: word(&self.standing),
            since: instant("since", &self.since, false)?,
            until: instant("until", &self.until, true)?,
        };
        Ok(Read { query, filter, order, after })
    }

    /// The link to this search from a place on.
    fn link(&self, after: &str) -> String {
        let mut link = String::from("/search?");
        let fields = [
            ("q", self.q.as_str()),
            ("type", &self.event_type),
            ("case", &self.case),
            ("party", &self.party),
            ("language", &self.language),
            ("standing", &self.standing),
            ("since", &self.since),
            ("until", &self.until),
            ("order", &self.order),
            ("after", after),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            if !link.ends_with('?') {
                link.push('&');
            }
            link.push_str(name);
            link.push('=');
            for byte in value.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        link.push(byte as char)
                    }
                    byte => link.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        link
    }
}

impl Asked {
    /// Cuts what is too long to be shown again beside what is wrong with it.
    fn shorten(&mut self) {
        let fields = [
            &mut self.q,
            &mut self.event_type,
            &mut self.case,
            &mut self.party,
            &mut self.language,
            &mut self.standing,
            &mut self.since,
            &mut self.until,
            &mut self.order,
            &mut self.after,
        ];
        for field in fields {
            let end = (0..=SHOWN_AGAIN.min(field.len())).rev().find(|end| field.is_char_boundary(*end));
            field.truncate(end.unwrap_or(0));
        }
    }
}

/// Bytes of a field that are shown again where it can't be read. All fields together have less than 1 KiB.
const SHOWN_AGAIN: usize = 96;

/// A day, in UTC, or an RFC 3339 time. With `end`, a day counts to its end.
fn instant(name: &str, text: &str, end: bool) -> std::result::Result<Option<Time>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = |day: jiff::civil::Date| {
        let day = if end { day.tomorrow().ok()? } else { day };
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let instant = match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == 10 => day(date),
        _ => text.parse::<jiff::Timestamp>().ok(),
    };
    let time = instant.and_then(|t| Time::from_unix_ms(t.as_millisecond()));
    time.map(Some).ok_or_else(|| format!("{name}: expected a day like 2023-12-15"))
}

/// The page.
pub async fn page(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    query: std::result::Result<Query<Asked>, QueryRejection>,
) -> Response {
    let shell = Shell::new(&app, &headers);
    let reader = app.ledger.reader().clone();
    let blank = move |shell, asked, wrong: String| {
        let size = Views::new(&reader).size();
        let types = EventType::ALL;
        let page = SearchPage {
            shell,
            asked,
            wrong: Some(wrong),
            result: None,
            types,
            case: None,
            party: None,
            searched: size,
            size,
        };
        html(StatusCode::BAD_REQUEST, &page)
    };
    let Ok(Query(mut asked)) = query else {
        return blank(
            shell,
            Asked::default(),
            "this address can't be read; expected fields, each once".into(),
        );
    };
    let read = match asked.read() {
        Ok(read) => read,
        Err(wrong) => {
            asked.shorten();
            return blank(shell, asked, wrong);
        }
    };
    // Most searches take no time. One that does is begun again in a turn among what may take long.
    let at_once = found(&app, &shell, &asked, &read, limits::SEARCH_AT_ONCE);
    if let Some(page) = in_turn(&app, client, Weight::Light, at_once).await {
        return page;
    }
    let whole = found(&app, &shell, &asked, &read, Duration::MAX);
    in_turn(&app, client, Weight::Heavy, whole).await.unwrap_or_else(|| error::too_much(&shell))
}

/// The page of what is found in so much time, or what stands instead of it; none if there may be more in more time.
async fn found(app: &App, shell: &Shell, asked: &Asked, read: &Read, time: Duration) -> Option<Response> {
    let search = app.search.clone();
    let around = shell;
    let (shell, asked, read) = (shell.clone(), asked.clone(), read.clone());
    let views = bounded(app.views());
    let made = answer::blocking(move || {
        let views = &views;
        let case = match &read.filter.case {
            Some(id) => {
                Some(views.case(id)?.map_or_else(|| "no case on record".to_owned(), |c| c.title().to_owned()))
            }
            None => None,
        };
        let party = match &read.filter.party {
            Some(id) => Some(views.name(id)?.to_string()),
            None => None,
        };
        let (mut searched, size) = (search.reflects().min(views.size()), views.size());
        let (mut result, mut wrong) = (None, None);
        if let Some(query) = &read.query {
            let (order, after, most) = (read.order, read.after, limits::HITS_ON_PAGE);
            match search.find_within(time, views, query, &read.filter, order, after, most) {
                Ok(found) if found.cut_short && time < Duration::MAX => return Ok(None),
                Err(SearchError::TooLong) if time < Duration::MAX => return Ok(None),
                Ok(found) => {
                    searched = found.searched;
                    let next = found.next.map(|cursor| asked.link(&cursor.to_string()));
                    result = Some(Result { hits: found.hits, next, first: after.is_none() });
                }
                Err(e @ SearchError::TooLong) => wrong = Some(e.to_string()),
                Err(SearchError::Fault(e)) => return Err::<_, ReadError>(e),
            }
        }
        let types = EventType::ALL;
        let page = SearchPage { shell, asked, wrong, result, types, case, party, searched, size };
        Ok(Some(html(StatusCode::OK, &page)))
    });
    made.await.unwrap_or_else(|failed| Some(error::instead_of(around, &failed)))
}
