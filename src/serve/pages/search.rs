//! `/search`: a search of the record by words.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Extension, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header::HOST},
    response::Response,
};
use serde::Deserialize;

use super::{Shell, bounded, error, filters, html};
use crate::{
    event::{EventId, EventType},
    ledger::ReadError,
    log::Time,
    search::{self, Cursor, Filter, Hit, Order, SearchError},
    serve::{
        app::App,
        edge::{client::Client, fair_queue::Weight},
        http::answer,
        limits,
    },
    views::{Views, language_words},
};

/// The fields of the form, as they were sent by the form or a link. Other fields are ignored.
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

/// The case or party that a search is limited to, as it was asked for.
#[derive(Clone)]
enum Which {
    /// The search is not limited.
    Any,
    /// The one with this id.
    Id(EventId),
    /// The one whose entry has this index.
    Number(u64),
    /// The one with this name or title.
    Called(search::Query),
}

/// The case or party that a search is limited to, as it was found.
enum Narrowed {
    /// None was asked for, or none was found.
    No,
    /// This one was found.
    To { id: EventId, name: String },
    /// Several have this name: for each a link to the same search limited to it, and its sentence with its index.
    Several(Vec<(String, String)>),
}

/// The most cases or parties with the same name that are listed.
const CALLED_SO: usize = 10;

impl Narrowed {
    fn id(&self) -> Option<EventId> {
        match self {
            Self::To { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// The fields of the form, parsed.
#[derive(Clone)]
struct Read {
    query: Option<search::Query>,
    case: Which,
    party: Which,
    filter: Filter,
    order: Order,
    after: Option<Cursor>,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    shell: Shell,
    asked: Asked,
    /// What is wrong with the fields, for the reader.
    wrong: Option<String>,
    result: Option<Result>,
    types: &'static [EventType],
    /// Tags of the languages that entries have, and of the one asked for.
    languages: Vec<String>,
    /// The case that the search is limited to.
    case: Narrowed,
    /// The party that the search is limited to.
    party: Narrowed,
    /// How many entries were searched.
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
    /// Parses the fields. `own` are the hosts of this ledger, from its permalinks and from this request.
    ///
    /// # Errors
    /// What is wrong with a field, for the reader.
    fn read(&self, own: &[String]) -> std::result::Result<Read, String> {
        let most = |name: &str| match name {
            "q" | "case" | "party" => search::MAX_QUERY,
            _ => FIELD_MOST,
        };
        if let Some((name, _)) = self.fields().find(|(name, text)| text.len() > most(name)) {
            let shown = if name == "q" { "words" } else { name };
            return Err(format!("{shown}: expected at most {} bytes", most(name)));
        }
        let which = |name: &str, text: &str| {
            let place = match text.trim().split_once("://") {
                // The last part of a permalink is the id or index. A link to another ledger does not name an entry of this one.
                Some((_, rest)) => {
                    let below =
                        |own: &String| rest.strip_prefix(own.as_str()).filter(|path| path.starts_with('/'));
                    let path = own.iter().find_map(below).ok_or_else(|| {
                        format!("{name}: this is an address elsewhere; expected an entry of this ledger")
                    })?;
                    let path = path.split(['?', '#']).next().unwrap_or_default();
                    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
                }
                None => text.trim(),
            };
            match (place.parse(), answer::typed_number(place)) {
                _ if place.is_empty() => Ok(Which::Any),
                (Ok(id), _) => Ok(Which::Id(id)),
                (_, Some(number)) => Ok(Which::Number(number)),
                _ => search::Query::parse(place).map(Which::Called).map_err(|e| format!("{name}: {e}")),
            }
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
            // Not trimmed, since it is shown again as it was sent.
            _ => Some(search::Query::parse(&self.q).map_err(|e| format!("words: {e}"))?),
        };
        let filter = Filter {
            types,
            case: None,
            party: None,
            language: word(&self.language),
            standing: word(&self.standing),
            since: instant("since", &self.since, false)?,
            until: instant("until", &self.until, true)?,
        };
        if let Some((name, expected)) = filter.unknown() {
            return Err(format!("{name}: {expected}"));
        }
        let (case, party) = (which("case", &self.case)?, which("party", &self.party)?);
        Ok(Read { query, case, party, filter, order, after })
    }

    /// The link to this search with another value of one field.
    fn link(&self, field: &str, value: &str) -> String {
        let mut link = String::from("/search?");
        let here = self.fields().map(|(name, own)| (name, if name == field { value } else { own }));
        for (name, value) in here.filter(|(_, value)| !value.is_empty()) {
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
    /// The names and values of the fields.
    fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("q", self.q.as_str()),
            ("type", &self.event_type),
            ("case", &self.case),
            ("party", &self.party),
            ("language", &self.language),
            ("standing", &self.standing),
            ("since", &self.since),
            ("until", &self.until),
            ("order", &self.order),
            ("after", &self.after),
        ]
        .into_iter()
    }

    /// Cuts each field to [`SHOWN_AGAIN`] bytes, to be shown with the message that says what is wrong.
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

/// The most bytes of a field other than `q`, `case` and `party`, which hold words. An id has 64, a cursor fewer.
const FIELD_MOST: usize = 96;
/// The most bytes of a field that are shown again if it can't be read. All fields together then have less than 1 KiB.
const SHOWN_AGAIN: usize = 96;

/// Parses a day in UTC or an RFC 3339 time; `None` if the field is empty. A day means its first instant or, with `end`, the first
/// instant of the next day.
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
    let (reader, search) = (app.ledger.reader().clone(), app.search.clone());
    let blank = move |shell, asked, wrong: String| {
        let size = Views::new(&reader).size();
        let types = EventType::ALL;
        let page = SearchPage {
            shell,
            languages: offered(&search, &asked),
            asked,
            wrong: Some(wrong),
            result: None,
            types,
            case: Narrowed::No,
            party: Narrowed::No,
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
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let named = shell.url.split_once("://").map(|(_, rest)| rest);
    let own: Vec<String> = [named, host].into_iter().flatten().map(str::to_owned).collect();
    let read = match asked.read(&own) {
        Ok(read) => read,
        Err(wrong) => {
            asked.shorten();
            return blank(shell, asked, wrong);
        }
    };
    // Most searches take little time. One that takes more is begun again in a heavy turn.
    let at_once = found(&app, &shell, &asked, &read, limits::SEARCH_AT_ONCE);
    if let Some(page) = app.queue.in_turn(client, Weight::Light, at_once).await {
        return page;
    }
    let whole = found(&app, &shell, &asked, &read, Duration::MAX);
    app.queue.in_turn(client, Weight::Heavy, whole).await.unwrap_or_else(|| error::too_much(&shell))
}

/// The page of what is found within `time`, or an error page. `None` if more may be found in more time.
async fn found(app: &App, shell: &Shell, asked: &Asked, read: &Read, time: Duration) -> Option<Response> {
    let search = app.search.clone();
    let around = shell;
    let (shell, mut asked, mut read) = (shell.clone(), asked.clone(), read.clone());
    let views = bounded(app.views());
    let made = answer::blocking(move || {
        let views = &views;
        let (mut searched, size) = (search.reflects().min(views.size()), views.size());
        let (mut result, mut wrong) = (None, None);
        let (mut case, mut party) = (Narrowed::No, Narrowed::No);
        for (field, which, narrowed) in [("case", &read.case, &mut case), ("party", &read.party, &mut party)]
        {
            match narrow(&search, views, &asked, field, which, time) {
                Ok(found) => *narrowed = found,
                Err(SearchError::TooLong) if time < Duration::MAX => return Ok(None),
                Err(SearchError::TooLong) => return Ok(Some(error::too_much(&shell))),
                Err(SearchError::Fault(e)) => return Err::<_, ReadError>(e),
            }
        }
        (read.filter.case, read.filter.party) = (case.id(), party.id());
        // A case or party that was found by its name is named by its id in the links of the page.
        for (field, id) in [(&mut asked.case, case.id()), (&mut asked.party, party.id())] {
            if let Some(id) = id {
                *field = id.to_string();
            }
        }
        let mut is_open = false;
        for (field, which, narrowed) in [("case", &read.case, &case), ("party", &read.party, &party)] {
            // If the search index is behind, it is not known yet whether there is one. The page says so.
            is_open |= matches!(
                (which, narrowed),
                (Which::Called(_) | Which::Number(_), Narrowed::No | Narrowed::Several(_))
            );
            match (which, narrowed, &wrong) {
                (Which::Called(_), Narrowed::No, None) if searched == size => {
                    wrong = Some(format!("{field}: none on record is called so"));
                }
                (Which::Number(number), Narrowed::No, None) => {
                    wrong = Some(format!("{field}: entry {number} is none"));
                }
                _ => {}
            }
        }
        let is_unknown = wrong.is_some();
        if let (Some(query), false) = (&read.query, is_open || is_unknown) {
            let (order, after, most) = (read.order, read.after, limits::HITS_ON_PAGE);
            match search.find_within(time, views, query, &read.filter, order, after, most) {
                Ok(found) if found.cut_short && time < Duration::MAX => return Ok(None),
                Err(SearchError::TooLong) if time < Duration::MAX => return Ok(None),
                Ok(found) => {
                    searched = found.searched;
                    let next = found.next.map(|cursor| asked.link("after", &cursor.to_string()));
                    result = Some(Result { hits: found.hits, next, first: after.is_none() });
                }
                Err(e @ SearchError::TooLong) => wrong = Some(e.to_string()),
                Err(SearchError::Fault(e)) => return Err::<_, ReadError>(e),
            }
        }
        let types = EventType::ALL;
        let status = if is_unknown { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        if wrong.is_some() {
            asked.shorten();
        }
        let languages = offered(&search, &asked);
        let page = SearchPage { shell, asked, wrong, result, types, languages, case, party, searched, size };
        Ok(Some(html(status, &page)))
    });
    made.await.unwrap_or_else(|failed| Some(error::instead_of(around, &failed)))
}

/// The tags of the languages that entries have, and of the one that was asked for, sorted by the languages' names.
fn offered(search: &search::Search, asked: &Asked) -> Vec<String> {
    let mut tags = search.languages();
    if !asked.language.is_empty() && !tags.contains(&asked.language) {
        tags.push(asked.language.clone());
    }
    tags.sort_by_cached_key(|tag| language_words(tag));
    tags
}

/// Finds the case or party that `which` names: by its id or index, or by searching for its name.
fn narrow(
    search: &search::Search,
    views: &Views,
    asked: &Asked,
    field: &str,
    which: &Which,
    time: Duration,
) -> std::result::Result<Narrowed, SearchError> {
    let is_case = field == "case";
    let named = |id: EventId| -> std::result::Result<(EventId, String), ReadError> {
        let name = match is_case {
            true => views.case(&id)?.map_or_else(|| "no case on record".to_owned(), |c| c.title().to_owned()),
            false => views.name(&id)?.to_string(),
        };
        Ok((id, name))
    };
    let to = |id| Ok(named(id).map(|(id, name)| Narrowed::To { id, name })?);
    let types = match is_case {
        true => vec![EventType::CaseOpened],
        false => vec![EventType::PartyRegistered, EventType::LedgerOpened],
    };
    let query = match which {
        Which::Any => return Ok(Narrowed::No),
        Which::Number(index) => {
            let record = if *index < views.size() { views.record(*index)? } else { None };
            let record = record.filter(|record| types.contains(&record.event().event_type()));
            return record.map_or(Ok(Narrowed::No), |record| to(record.event().id()));
        }
        Which::Id(id) => return to(*id),
        Which::Called(query) => query,
    };
    let filter = Filter { types, ..Filter::default() };
    let found = search.find_within(time, views, query, &filter, Order::Relevance, None, CALLED_SO)?;
    if found.cut_short && time < Duration::MAX {
        return Err(SearchError::TooLong);
    }
    let mut called = Vec::new();
    for hit in found.hits {
        if let Some(record) = views.record(hit.line.index)? {
            let (id, name) = named(record.event().id())?;
            // Several may have the same name. The sentence says what kind it is, and who recorded it.
            let sentence = hit.line.sentence.to_string();
            called.push((id, name, format!("{} (entry {})", sentence.trim_end_matches('.'), hit.line.index)));
        }
    }
    let text = if is_case { asked.case.trim() } else { asked.party.trim() };
    let exactly = |(_, name, _): &&(EventId, String, String)| name.to_lowercase() == text.to_lowercase();
    let exact: Vec<_> = called.iter().filter(exactly).cloned().collect();
    let mut called = if exact.is_empty() { called } else { exact };
    Ok(match called.len() {
        0 => Narrowed::No,
        1 => called.pop().map_or(Narrowed::No, |(id, name, _)| Narrowed::To { id, name }),
        _ => {
            let link =
                |(id, _, sentence): (EventId, String, String)| (asked.link(field, &id.to_string()), sentence);
            Narrowed::Several(called.into_iter().map(link).collect())
        }
    })
}
