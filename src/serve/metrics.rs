//! What the service counts: requests by route, and refusals by code.
//!
//! The counts hold no names, addresses or words. Their labels come from the closed lists below.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};

use super::edge::counts::Count;
use crate::{
    event::Code,
    metrics::{Exposition, Histogram, Kind},
};

/// A closed list of words for a label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum $name { $($variant,)* }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

label! {
    /// What a request was for.
    Route {
        Page "page"
        Asset "asset"
        GraphQl "graphql"
        Checkpoint "checkpoint"
        Tile "tile"
        ContentTile "content_tile"
        Entry "entry"
        Proof "proof"
        Content "content"
        File "file"
        Upload "upload"
        Exhibit "exhibit"
        Health "health"
        Unknown "unknown"
    }
}

impl Route {
    fn of(method: &Method, path: Option<&MatchedPath>) -> Self {
        match path.map(MatchedPath::as_str) {
            Some("/" | "/entries" | "/e/{index}" | "/case/{id}" | "/party/{id}" | "/search") => Self::Page,
            Some("/case/{id}/text" | "/demand/{id}" | "/demand/{id}/text") => Self::Page,
            Some("/party/{id}/text" | "/transparency" | "/verify") => Self::Page,
            Some("/e/{index}/" | "/case/{id}/" | "/demand/{id}/" | "/party/{id}/") => Self::Page,
            Some("/entries/" | "/search/" | "/verify/" | "/transparency/") => Self::Page,
            Some("/exhibit/{name}" | "/case/{id}/exhibits.zip") => Self::Exhibit,
            Some(
                "/style.css" | "/icon.svg" | "/robots.txt" | "/verifier.js" | "/page.js" | "/given.js"
                | "/verify.html",
            ) => Self::Asset,
            Some("/graphql") => Self::GraphQl,
            Some("/checkpoint") => Self::Checkpoint,
            Some("/tile/{*path}") => Self::Tile,
            Some("/content/tile/{*path}") => Self::ContentTile,
            Some("/entry/{index}") => Self::Entry,
            Some("/proof/{index}") => Self::Proof,
            Some("/content/{digest}") => Self::Content,
            Some("/file/{digest}") if *method == Method::PUT => Self::Upload,
            Some("/file/{digest}") => Self::File,
            Some("/livez" | "/readyz") => Self::Health,
            Some(route) => {
                debug_assert!(false, "{route}: a route without a name here");
                Self::Unknown
            }
            None => Self::Unknown,
        }
    }
}

label! {
    /// The first digit of a status.
    Class {
        Informational "1xx"
        Success "2xx"
        Redirection "3xx"
        ClientError "4xx"
        ServerError "5xx"
    }
}

impl Class {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// What the service counts.
#[derive(Debug)]
pub struct Metrics {
    /// Answered requests, by route and then by class of status.
    requests: Vec<[Count; Class::ALL.len()]>,
    /// Time from the head of a request until its answer begins, by route.
    times: Vec<Histogram>,
    /// Refusals, by code.
    refusals: Vec<Count>,
    started: SystemTime,
}

impl Default for Metrics {
    fn default() -> Self {
        let bounds = &[
            500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
            2_500_000, 10_000_000, 30_000_000,
        ];
        Self {
            requests: Route::ALL.iter().map(|_| Default::default()).collect(),
            times: Route::ALL.iter().map(|_| Histogram::of_times(bounds)).collect(),
            refusals: Code::ALL.iter().map(|_| Count::default()).collect(),
            started: SystemTime::now(),
        }
    }
}

impl Metrics {
    fn answered(&self, route: Route, status: StatusCode, took: Duration) {
        if let Some(count) = self.requests.get(route as usize).and_then(|c| c.get(Class::of(status) as usize))
        {
            count.add();
        }
        if let Some(times) = self.times.get(route as usize) {
            times.observe_time(took);
        }
    }

    /// Counts a refusal that was sent to a caller.
    pub fn refused(&self, code: Code) {
        // `Code::ALL` is in the order of the variants; a test holds it to that.
        if let Some(count) = self.refusals.get(code as usize) {
            count.add();
        }
    }

    /// When counting started.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// Writes all counts in the format of Prometheus.
    pub fn expose(&self, to: &mut Exposition) {
        self.expose_refusals(to);
        self.expose_requests(to);
    }

    fn expose_refusals(&self, to: &mut Exposition) {
        let name = "onrecord_refusals_total";
        to.family(name, Kind::Counter, "Refusals that callers were told of, by code.");
        for (code, count) in Code::ALL.iter().zip(&self.refusals) {
            to.sample(name, &[("code", code.as_str())], count.get());
        }
    }

    fn expose_requests(&self, to: &mut Exposition) {
        let name = "onrecord_http_requests_total";
        to.family(
            name,
            Kind::Counter,
            "Requests answered, by what they were for and the class of their status.",
        );
        for (route, counts) in Route::ALL.iter().zip(&self.requests) {
            for (class, count) in Class::ALL.iter().zip(counts) {
                to.sample(name, &[("route", route.as_str()), ("status", class.as_str())], count.get());
            }
        }
        let name = "onrecord_http_request_seconds";
        to.family(name, Kind::Histogram, "Time until the answer to a request began, by what it was for.");
        for (route, times) in Route::ALL.iter().zip(&self.times) {
            to.histogram(name, &[("route", route.as_str())], times);
        }
    }
}

/// Counts a request and its answer.
pub async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = Route::of(request.method(), request.extensions().get());
    let response = next.run(request).await;
    metrics.answered(route, response.status(), began.elapsed());
    if let Some(code) = response.extensions().get::<Code>() {
        metrics.refused(*code);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_in_the_order_of_their_list() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, i, "{code}");
        }
    }
}
