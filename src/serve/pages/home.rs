//! `/`: the operator of the register, its size, its latest cases and entries, and its witnesses.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{NO_PAGE, Shell, entries::before, filters, show};
use crate::{
    event::EventType,
    ledger::{Filter, Witnessed},
    log::Time,
    serve::{app::App, limits},
    views::{Case, CaseEntries, EntryLine, Marks, Name, time_words},
};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shell: Shell,
    vkey: String,
    operator: Option<(String, Name)>,
    size: u64,
    root: String,
    last_recorded: Option<String>,
    cases: Vec<CaseLine>,
    /// The index before which the next page of cases ends, if there are more.
    more_cases: Option<u64>,
    latest: Vec<EntryLine>,
    witnesses: Vec<WitnessLine>,
}

/// A witness, and the latest checkpoint that it cosigned, if any.
struct WitnessLine {
    name: String,
    /// The size of that checkpoint, and the time of the cosignature by the witness's clock.
    cosigned: Option<(u64, String)>,
}

impl WitnessLine {
    fn of(witnessed: &Witnessed) -> Self {
        let words = |seconds: u64| {
            let ms = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
            Some(time_words(Time::from_unix_ms(ms)?))
        };
        let cosigned = witnessed.latest.and_then(|(size, time)| Some((size, words(time)?)));
        Self { name: witnessed.key.name().to_owned(), cosigned }
    }
}

struct CaseLine {
    case: Case,
    entries: CaseEntries,
    respondent: Name,
    last_recorded: String,
    /// What later entries did to the entry that opened the case.
    since: Marks,
}

/// The page.
pub async fn page(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let shell = Shell::new(&app, &headers);
    let before = before(query.as_deref());
    let around = shell.clone();
    show(&app, &around, NO_PAGE, move |views| {
        let filter = Filter { types: vec![EventType::CaseOpened], ..Filter::default() };
        let highest = before.map_or(u64::MAX, |b| b.saturating_sub(1));
        let mut indexes = views.list(&filter, 0..=highest, true, limits::CASES_ON_FRONT + 1)?;
        let more = indexes.len() > limits::CASES_ON_FRONT;
        indexes.truncate(limits::CASES_ON_FRONT);
        let mut cases = Vec::with_capacity(indexes.len());
        for index in &indexes {
            let Some(record) = views.record(*index)? else { continue };
            let Some(case) = views.case_of(&record)? else { continue };
            let respondent = views.name(&case.respondent)?;
            let entries = views.case_entries(&case)?;
            let last_recorded = time_words(entries.last_recorded);
            let since = views.marks(&record)?;
            cases.push(CaseLine { case, entries, respondent, last_recorded, since });
        }
        // The case with the newest entry comes first. Cases that were opened by mistake come last.
        cases.sort_by_key(|c| (c.case.mistaken, std::cmp::Reverse(c.entries.last_recorded)));

        let size = views.size();
        let latest: Vec<u64> = (0..size).rev().take(limits::LATEST_ON_FRONT).collect();
        let latest = views.lines(&latest)?;
        let operator = match views.reader().operator()? {
            Some(id) => Some((id.to_string(), views.name(&id)?)),
            None => None,
        };
        Ok(Some(HomePage {
            shell,
            vkey: views.reader().log_key().to_string(),
            operator,
            size,
            root: views.checkpoint().checkpoint().root().to_base64(),
            last_recorded: latest.first().map(|line| line.times.recorded_words()),
            cases,
            more_cases: indexes.last().copied().filter(|_| more),
            latest,
            witnesses: views.reader().witnessed().iter().map(WitnessLine::of).collect(),
        }))
    })
    .await
}
