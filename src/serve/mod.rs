//! How strangers reach a ledger: the log's files as C2SP lays them out, a GraphQL API, and plain pages.
//!
//! Nothing here decides anything: it reads through [`crate::views`] and hands submissions to the ledger. The cause
//! of an internal error is logged and never sent to the caller. Words and secrets are never logged.
//!
//! | path | what |
//! | --- | --- |
//! | `/checkpoint`, `/tile/…`, `/tile/entries/…`, `/content/tile/…` | the log (`c2sp.org/tlog-tiles`; formats.md, section 6) |
//! | `/entry/<n>`, `/proof/<n>`, `/content/<blake3>`, `/file/<blake3>` | one entry, its proof, its words, a file; `PUT` to upload a file |
//! | `/graphql` | the API, by HTTP and as a WebSocket; its schema is `schema/schema.graphql` |
//! | `/`, `/entries`, `/e/<n>`, `/case/<id>`, `/demand/<id>`, `/party/<id>`, `/search`, `/verify`, `/transparency` | pages for people; `/text` after a case, demand or party gives plain text |
//! | `/livez`, `/readyz` | whether the process runs, and whether it takes events |
//! | `/metrics` | numbers for those who monitor the server, on an address of its own ([`Options::metrics`]) |
//!
//! ```no_run
//! use onrecord::{ledger, serve};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = ledger::Ledger::open("ledger-data".as_ref(), ledger::Options::default())?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! serve::serve(ledger.clone(), listener, serve::Options::default(), stop).await?;
//! ledger.close();
//! # Ok(()) }
//! ```

mod app;
pub(crate) mod clock;
mod edge;
mod files;
mod graphql;
mod health;
pub(crate) mod http;
pub mod limits;
mod metrics;
mod metrics_endpoint;
mod options;
mod pages;

pub(crate) use edge::Edge;
pub use edge::{
    client::Client,
    counts::{Count, Counts},
    origin::is_site,
    proxy::{Cidr, CidrError, ForwardedHeader, Proxies},
    system::raise_open_files,
    tls::{Tls, TlsError},
    write_rate::WriteRate,
};
#[cfg(fuzzing)]
pub(crate) use graphql::fuzzing;
pub use graphql::sdl;
pub use options::Options;

use std::{future::Future, io};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tokio::net::TcpListener;

use self::app::App;
use crate::ledger::Ledger;

/// All routes over a ledger. [`serve`] adds what belongs to connections: limits on their number, timeouts, and the peer's
/// address, by which clients are told apart.
pub fn router(ledger: Ledger, options: Options) -> Router {
    routes(App::new(ledger, options))
}

fn routes(app: App) -> Router {
    // These answers are computed from the log for one reader, so each waits for its turn, as queries do.
    let computed = Router::new()
        .route("/", get(pages::home::page))
        .route("/entries", get(pages::entries::page))
        .route("/e/{index}", get(pages::entry::page))
        .route("/case/{id}", get(pages::case::page))
        .route("/case/{id}/text", get(pages::case::text))
        .route("/demand/{id}", get(pages::demand::page))
        .route("/demand/{id}/text", get(pages::demand::text))
        .route("/party/{id}", get(pages::party::page))
        .route("/party/{id}/text", get(pages::party::text))
        .route("/transparency", get(pages::transparency::page))
        .route("/exhibit/{name}", get(files::exhibit::get))
        .route_layer(middleware::from_fn_with_state(app.queue.clone(), edge::fair_queue::take));
    let router = computed
        .route("/search", get(pages::search::page))
        .route("/entries/", get(pages::without_slash))
        .route("/search/", get(pages::without_slash))
        .route("/verify/", get(pages::without_slash))
        .route("/transparency/", get(pages::without_slash))
        .route("/e/{index}/", get(pages::without_slash))
        .route("/case/{id}/", get(pages::without_slash))
        .route("/demand/{id}/", get(pages::without_slash))
        .route("/party/{id}/", get(pages::without_slash))
        .route("/case/{id}/exhibits.zip", get(files::case_file::get))
        .route("/verify", get(pages::verify::page))
        .route("/verify.html", get(pages::verify::file))
        .route("/verifier.js", get(pages::verify::verifier))
        .route("/page.js", get(pages::verify::script_of_pages))
        .route("/given.js", get(pages::verify::script_of_given))
        .route("/style.css", get(pages::assets::style))
        .route("/icon.svg", get(pages::assets::icon))
        .route("/robots.txt", get(pages::assets::robots))
        .route("/graphql", post(graphql::http::post).get(graphql::http::get))
        .route("/checkpoint", get(files::log::checkpoint))
        .route("/tile/{*path}", get(files::log::tile))
        .route("/content/tile/{*path}", get(files::log::tile))
        .route("/entry/{index}", get(files::log::entry))
        .route("/proof/{index}", get(files::log::proof))
        .route("/content/{digest}", get(files::log::content))
        .route("/file/{digest}", get(files::upload::get).put(files::upload::put))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .fallback(pages::error::unknown)
        .method_not_allowed_fallback(http::answer::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), http::gzip::encode))
        .layer(middleware::from_fn_with_state(app.edge.sites.clone(), edge::origin::check));
    // If a frame was set before, it stays: every frame of this app is the same.
    let _ = app.edge.frame.set(pages::frame(&app));
    app.edge
        .guard(router)
        .layer(middleware::from_fn_with_state(app.metrics.clone(), metrics::count))
        .with_state(app)
}

/// Serves a ledger until `shutdown` resolves.
///
/// Then no more connections are accepted, requests under way are answered, and WebSockets are closed. Connections that are
/// still open after [`limits::SHUTDOWN_TIMEOUT`] are cut off. The ledger stays open: the caller closes it.
///
/// # Errors
/// None at present: a connection that can't be accepted is logged, and accepting goes on.
pub async fn serve(
    ledger: Ledger,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = App::new(ledger, options);
    let router = routes(app.clone());
    if let Some(listener) = app.options.metrics.clone() {
        tokio::spawn(metrics_endpoint::serve(app.clone(), listener, app.edge.stopping.subscribe()));
    }
    tokio::spawn(forget_withheld(app.clone()));
    app.edge.serve(router, listener, shutdown).await;
    Ok(())
}

/// Removes withheld words from the caches as soon as they are withheld, even if nobody asks for them again.
async fn forget_withheld(app: App) {
    let (mut news, mut stopping) = (app.ledger.reader().watch(), app.edge.stopping.subscribe());
    loop {
        tokio::select! {
            changed = news.changed() => match changed {
                Ok(()) => {
                    let withheld = app.ledger.reader().last_withheld();
                    app.cache.forget(withheld);
                    app.answers.forget(withheld);
                }
                Err(_) => return,
            },
            _ = stopping.changed() => return,
        }
    }
}
