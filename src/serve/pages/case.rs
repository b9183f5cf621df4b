//! `/case/<id>`: the state of a case and its timeline. `/case/<id>/text` is the same as plain text.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{Asked, Instants, Shell, drawing, filters, html_of, show_record_at, text_of};
use crate::{
    event::EventId,
    serve::{app::App, limits},
    views::{
        Attribution, CaseView, Change, Counts, DemandLine, DemandView, Named, Order, Sentence, Views,
        outcomes, time_words,
    },
};

const NONE: &str = "There is no such case.";

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    shell: Shell,
    view: CaseView,
    asked: Asked,
    when: Instants,
    last_recorded: String,
    drawing: Option<String>,
    /// The position in the timeline at which the part before this one starts.
    previous: Option<usize>,
    /// The position at which the next part starts.
    next: Option<usize>,
}

impl CasePage {
    /// The address of another part or order at the same instants.
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
    /// The address of a demand at the instants of this page.
    fn demand(&self, id: &EventId) -> String {
        self.asked.at(&format!("/demand/{id}"))
    }
    /// The most items of one demand that are shown.
    fn items(&self) -> usize {
        limits::ITEMS_ON_CASE / self.view.demands.len().max(1)
    }
    /// The outcomes of the items that are not shown.
    fn rest(&self, demand: &DemandView) -> Sentence {
        let mut counted: Vec<(Option<Named>, Counts)> = Vec::new();
        for item in demand.items.iter().skip(self.items()) {
            let latest = item.latest.as_ref();
            let by = latest
                .filter(|l| !matches!(l.attribution, Attribution::FirstParty(_)))
                .map(|l| l.attributed.clone());
            let at = counted.iter().position(|(of, _)| *of == by).unwrap_or_else(|| {
                counted.push((by, Counts::default()));
                counted.len() - 1
            });
            counted[at].1.add(latest.map(|l| l.outcome));
        }
        outcomes(&counted)
    }
    /// The latest of the demands that are shown as one line each, and how many earlier ones there are.
    fn earlier_demands(&self) -> (&[DemandLine], usize) {
        let all = &self.view.earlier_demands;
        let more = all.len().saturating_sub(limits::DEMANDS_ON_PAGE);
        (all.get(more..).unwrap_or_default(), more)
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
    show_record_at(&app, &headers, ("/case/{}", &id), query.as_deref(), NONE, |views, asked, id, shell| {
        let Some(view) = read(views, &id, &asked)? else { return Ok(None) };
        let from = view.timeline.from;
        let to = from + view.timeline.lines.len();
        let page = CasePage {
            shell,
            when: Instants {
                path: format!("/case/{id}"),
                asked,
                as_of: view.as_of,
                known_at: view.known_at,
                latest: view.latest,
            },
            last_recorded: time_words(view.entries.last_recorded),
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

/// The page as plain text.
pub async fn text(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    show_record_at(&app, &headers, ("/case/{}/text", &id), query.as_deref(), NONE, |views, asked, id, _| {
        let since = views.since_of(&id)?;
        Ok(read(views, &id, &asked)?.map(|view| text_of(&format!("{since}{view}"))))
    })
    .await
}
