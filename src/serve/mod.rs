//! How strangers reach a ledger: the log's files as C2SP lays them out, a GraphQL API, and plain pages.
//!
//! Nothing here decides anything: it reads through [`crate::views`] and hands submissions to the ledger. A
//! fault of ours is logged with its cause and answered without; words and secrets are never logged.
//!
//! | path | what |
//! | --- | --- |
//! | `/checkpoint`, `/tile/…`, `/tile/entries/…`, `/content/tile/…` | the log (`c2sp.org/tlog-tiles`; formats.md, section 6) |
//! | `/entry/<n>`, `/proof/<n>`, `/content/<blake3>`, `/file/<blake3>` | one entry, its proof, its words, a file; `PUT` to hand a file in |
//! | `/graphql` | the API; its schema is `schema/schema.graphql` |
//! | `/`, `/entries`, `/e/<n>`, `/case/<id>`, `/party/<id>` | pages for people |
//! | `/livez`, `/readyz` | whether the process runs, and whether it takes events |
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

mod answer;
mod coding;
mod connection;
mod files;
mod graphql;
mod guard;
pub mod limits;
mod pages;
mod raw;

pub use connection::Peer;
pub use graphql::sdl;

use std::{
    future::{Future, IntoFuture as _},
    io,
    sync::Arc,
};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::ledger::Ledger;

/// How a ledger is served.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The address under which the world reaches it, e.g. `https://ledger.example.org`, without a slash at the
    /// end; for permalinks and the commands on pages. If left out, the `Host` of each request is believed.
    pub url: Option<String>,
}

/// What handlers share.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    ledger: Ledger,
    options: Options,
    schema: graphql::ApiSchema,
    requests: Semaphore,
    uploads: Semaphore,
    /// One permit for each KiB of GraphQL request held in memory.
    bodies: Semaphore,
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Every route over a ledger. [`serve`] adds what belongs to connections: their number, their timeouts, and
/// the peer's address, by which uploads are counted.
pub fn router(ledger: Ledger, options: Options) -> Router {
    let app = App(Arc::new(Shared {
        schema: graphql::schema(ledger.clone()),
        ledger,
        options,
        requests: Semaphore::new(limits::REQUESTS),
        uploads: Semaphore::new(limits::UPLOADS),
        bodies: Semaphore::new(limits::GRAPHQL_BODIES >> 10),
    }));
    Router::new()
        .route("/", get(pages::home::page))
        .route("/entries", get(pages::entries::page))
        .route("/e/{index}", get(pages::entry::page))
        .route("/case/{id}", get(pages::case::page))
        .route("/party/{id}", get(pages::party::page))
        .route("/style.css", get(pages::assets::style))
        .route("/icon.svg", get(pages::assets::icon))
        .route("/robots.txt", get(pages::assets::robots))
        .route("/graphql", post(graphql::http::post).get(graphql::http::get))
        .route("/checkpoint", get(raw::checkpoint))
        .route("/tile/{*path}", get(raw::tile))
        .route("/content/tile/{*path}", get(raw::tile))
        .route("/entry/{index}", get(raw::entry))
        .route("/proof/{index}", get(raw::proof))
        .route("/content/{digest}", get(raw::content))
        .route("/file/{digest}", get(files::get).put(files::put))
        .route("/livez", get(raw::livez))
        .route("/readyz", get(raw::readyz))
        .fallback(answer::unknown)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(middleware::from_fn(coding::encode))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// Serves a ledger until `shutdown` resolves; then no connection is accepted, requests under way are answered,
/// and what is left after [`limits::SHUTDOWN_TIMEOUT`] is cut off. The ledger stays open: closing it is the
/// caller's.
///
/// # Errors
/// If the listener can't be used.
pub async fn serve(
    ledger: Ledger,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = router(ledger, options).into_make_service_with_connect_info::<Peer>();
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        shutdown.await;
        // Nobody listens any more if the server has ended by itself.
        let _ = stopping.send(());
    };
    let served = axum::serve(connection::Listener::new(listener), service).with_graceful_shutdown(shutdown);
    let grace = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(limits::SHUTDOWN_TIMEOUT).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = served.into_future() => result,
        () = grace => {
            tracing::warn!("connections still open at the end of the time for shutting down are cut off");
            Ok(())
        }
    }
}
