//! What stands between a listener and a router: how many connections and requests there may be, whose word on a
//! caller's address is believed, and TLS. The same before a ledger and before a witness.

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

/// Makes a page that says, for whoever reads pages, why there is no answer: of the request's headers, a status and a line.
pub(in crate::serve) type Frame = Box<dyn Fn(&HeaderMap, StatusCode, &str) -> Response + Send + Sync>;

pub(crate) struct Inner {
    /// For answers that are a line of text; without it they stay one.
    pub(in crate::serve) frame: OnceLock<Frame>,
    /// Where the router is used without [`Edge::serve`], it stays empty.
    pub(in crate::serve) connections: Arc<Connections>,
    pub(in crate::serve) requests: Arc<Quota>,
    pub(in crate::serve) upgraded: Arc<Quota>,
    /// Bytes of answers that are in memory until they are taken.
    pub(in crate::serve) answers: Arc<Quota>,
    /// Bytes of heads and of messages that are not whole yet.
    pub(in crate::serve) unread: Arc<Quota>,
    pub(in crate::serve) counts: Arc<Counts>,
    pub(in crate::serve) proxies: Proxies,
    pub(in crate::serve) tls: Option<Arc<Tls>>,
    pub(in crate::serve) sites: Arc<Sites>,
    /// Whether the server stops.
    pub(in crate::serve) stopping: watch::Sender<bool>,
}

impl Deref for Edge {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Edge {
    /// With the connections, proxies and certificate of these options.
    pub fn new(options: &Options) -> Self {
        let counts = Arc::<Counts>::default();
        let most = system::connections(options.connections);
        Self(Arc::new(Inner {
            frame: OnceLock::new(),
            connections: Connections::new(most, options.connections_each, counts.clone()),
            // None goes to another: but nobody takes so many that less are left for others than they hold.
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
