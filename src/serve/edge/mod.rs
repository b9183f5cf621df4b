//! What stands between a listener and a router: limits on connections and requests, trusted proxies, and TLS. A ledger and
//! a witness use the same edge.

pub(in crate::serve) mod bodies;
pub(in crate::serve) mod client;
mod connection;
mod connections;
pub(in crate::serve) mod counts;
pub(in crate::serve) mod fair_queue;
pub(in crate::serve) mod guard;
pub(in crate::serve) mod host;
mod listener;
pub(in crate::serve) mod origin;
mod pace;
pub(in crate::serve) mod proxy;
pub(in crate::serve) mod quota;
mod seat;
mod socket;
mod stall_timeout;
pub(in crate::serve) mod system;
pub(in crate::serve) mod tls;
mod unread;
pub(in crate::serve) mod write_rate;

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use tokio::sync::watch;

use self::{connections::Connections, counts::Counts, origin::Sites, proxy::Proxies, quota::Quota, tls::Tls};
use super::{limits, options::Options};

/// The edge of a server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Edge(Arc<Inner>);

/// Makes an error page for a browser from the request's headers, the status, and the one line of text that programs get.
pub(in crate::serve) type Frame = Box<dyn Fn(&HeaderMap, StatusCode, &str) -> Response + Send + Sync>;

pub(crate) struct Inner {
    /// Wraps errors that are one line of text in a page. If it is not set, they stay text.
    pub(in crate::serve) frame: OnceLock<Frame>,
    /// The open connections. Empty where the router is used without [`Edge::serve`].
    pub(in crate::serve) connections: Arc<Connections>,
    /// Requests under way.
    pub(in crate::serve) requests: Arc<Quota>,
    /// Connections that were upgraded to WebSockets.
    pub(in crate::serve) upgraded: Arc<Quota>,
    /// Bytes of answers that are in memory until the peer has taken them.
    pub(in crate::serve) answers: Arc<Quota>,
    /// Bytes of incomplete heads and WebSocket messages.
    pub(in crate::serve) unread: Arc<Quota>,
    pub(in crate::serve) counts: Arc<Counts>,
    pub(in crate::serve) proxies: Proxies,
    pub(in crate::serve) tls: Option<Arc<Tls>>,
    pub(in crate::serve) sites: Arc<Sites>,
    /// Whether the server is shutting down.
    pub(in crate::serve) stopping: watch::Sender<bool>,
}

impl Deref for Edge {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Edge {
    /// An edge with the connection limits, proxies and certificate of `options`.
    pub fn new(options: &Options) -> Self {
        let counts = Arc::<Counts>::default();
        let most = system::connections(options.connections);
        Self(Arc::new(Inner {
            frame: OnceLock::new(),
            connections: Connections::new(most, options.connections_each, counts.clone()),
            // A request under way is never ended for another. The stock is contended all the same, so that no client holds
            // more than it leaves to others.
            requests: Quota::contended(limits::REQUESTS, limits::REQUESTS_EACH, limits::PAUSE),
            upgraded: Quota::contended(
                limits::UPGRADED.min(most / 2),
                limits::UPGRADED_EACH,
                limits::UPGRADED_REST,
            ),
            answers: Quota::of_bytes(limits::ANSWERS, limits::ANSWERS_EACH, limits::PAUSE),
            unread: Quota::of_bytes(limits::UNREAD, limits::UNREAD_EACH, limits::PAUSE),
            counts,
            proxies: options.proxies.clone(),
            tls: options.tls.clone(),
            sites: Arc::new(Sites::new(options)),
            stopping: watch::Sender::new(false),
        }))
    }
}
