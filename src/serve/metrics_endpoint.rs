//! `/metrics`, for those who monitor the server: on an address of its own that strangers can't reach.
//!
//! One request costs a few hundred microseconds, so it may be asked for every few seconds.

use std::{convert::Infallible, fs, sync::Arc, time::UNIX_EPOCH};

use axum::{
    body::Body,
    http::{
        HeaderValue, Method,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use super::{
    app::App,
    edge::{guard, host},
    http::answer::{self, REVALIDATE},
    limits,
};
use crate::{
    ledger::ReadError,
    metrics::{EXPOSITION_TYPE, Exposition, Kind},
};

/// Serves `/metrics` until the server stops.
pub async fn serve(app: App, listener: Arc<TcpListener>, mut stopping: watch::Receiver<bool>) {
    let free = Arc::new(Semaphore::new(limits::METRICS_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let permit = free.clone().acquire_owned().await;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let app = app.clone();
                tokio::spawn(async move {
                    // A connection brings one request. One that takes too long is closed without an answer.
                    let _ = tokio::time::timeout(limits::METRICS_TIMEOUT, attend(app, stream)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the metrics could not be accepted");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn attend(app: App, stream: TcpStream) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        async move {
            Ok::<_, Infallible>(match host::fault(request.version(), request.headers()) {
                Some(why) => guard::misled(why),
                None => answer(app, request.method(), request.uri().path()).await,
            })
        }
    });
    let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::trace!(%error, "a connection to the metrics broke");
    }
}

async fn answer(app: App, method: &Method, path: &str) -> Response {
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/metrics") => {}
        (_, "/metrics") => return answer::method_not_allowed().await,
        _ => return answer::not_found(),
    }
    // The state of the disk is asked of the system, which may take long.
    match answer::blocking(move || expose(&app)).await {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(EXPOSITION_TYPE));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(REVALIDATE));
            response
        }
        Err(response) => response,
    }
}

fn expose(app: &App) -> Result<String, ReadError> {
    let mut to = Exposition::default();
    to.family("onrecord_build_info", Kind::Gauge, "1, labelled with the version that runs.");
    to.sample("onrecord_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    app.ledger.expose(&mut to)?;
    app.metrics.expose(&mut to);
    connections(app, &mut to);
    mirror(app, &mut to);
    process(app, &mut to);
    Ok(to.into_text())
}

fn connections(app: &App, to: &mut Exposition) {
    let counts = &app.edge.counts;
    to.gauge("onrecord_connections", "Connections open now.", app.edge.connections.open());
    let name = "onrecord_connections_total";
    to.family(name, Kind::Counter, "Connections, by what became of them when they came.");
    for (became, count) in [
        ("accepted", &counts.accepted),
        ("refused_full", &counts.refused_full),
        ("refused_address", &counts.refused_address),
        ("not_accepted", &counts.accept_failed),
    ] {
        to.sample(name, &[("outcome", became)], count.get());
    }
    let name = "onrecord_connections_closed_total";
    to.family(name, Kind::Counter, "Connections that the server closed, by reason.");
    for (why, count) in [("to_make_room", &counts.dropped), ("timed_out", &counts.timed_out)] {
        to.sample(name, &[("reason", why)], count.get());
    }
    let name = "onrecord_requests_given_up_total";
    to.family(name, Kind::Counter, "Requests answered 503, by reason.");
    for (why, count) in [("busy", &counts.busy), ("too_long", &counts.too_long)] {
        to.sample(name, &[("reason", why)], count.get());
    }
    let name = "onrecord_graphql_answers_again_total";
    to.family(
        name,
        Kind::Counter,
        "GraphQL queries given the answer to an earlier one, since nothing that they ask for changed.",
    );
    to.sample(name, &[], counts.answered_again.get());
    to.gauge("onrecord_websockets", "WebSocket connections open now.", app.edge.upgraded.held());
    to.gauge("onrecord_requests_under_way", "Requests being answered now.", app.edge.requests.held());
    to.gauge("onrecord_uploads_under_way", "Files being uploaded now.", app.uploads.held());
}

/// The status of a mirror, if this is one.
fn mirror(app: &App, to: &mut Exposition) {
    let Some(standing) = app.options.mirror.as_ref().map(|status| status.now()) else { return };
    if let (Some(origin), Some(behind)) = (standing.origin, standing.behind()) {
        to.gauge("onrecord_mirror_origin_size", "Entries that the origin had when it was last seen.", origin);
        to.gauge("onrecord_mirror_behind", "Entries of the origin that are not in the mirror yet.", behind);
    }
    if let Some(time) = standing.followed {
        let help = "When the mirror last had all that the origin showed.";
        to.gauge("onrecord_mirror_followed_timestamp_seconds", help, time.unix_ms() as f64 / 1e3);
    }
    let help = "Entries whose words are not here though nothing withholds them.";
    to.gauge("onrecord_mirror_words_wanting", help, standing.wanting);
    let help = "1 if the log signed two histories that can't both be true.";
    to.gauge("onrecord_mirror_forked", help, u8::from(standing.forked));
    let name = "onrecord_mirror_refused_total";
    to.family(name, Kind::Counter, "Visits to the origin in which something was refused.");
    to.sample(name, &[], standing.refused);
}

/// Numbers of the process, under the names that Prometheus' own client libraries use.
fn process(app: &App, to: &mut Exposition) {
    let started = app.metrics.started().duration_since(UNIX_EPOCH).unwrap_or_default();
    to.gauge("process_start_time_seconds", "When the server started.", started.as_secs_f64());
    // Systems without `/proc` don't have these numbers.
    let pages = fs::read_to_string("/proc/self/statm").ok();
    if let Some(resident) = pages.and_then(|p| p.split(' ').nth(1)?.parse::<u64>().ok()) {
        let bytes = resident.saturating_mul(rustix::param::page_size() as u64);
        to.gauge("process_resident_memory_bytes", "Memory held.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        to.gauge("process_open_fds", "File descriptors open.", open.count());
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        if let Some(most) = most {
            to.gauge("process_max_fds", "File descriptors that may be open.", most);
        }
    }
}
