//! How a ledger is served, as the operator says it.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{
    edge::{proxy::Proxies, system, tls::Tls, write_rate::WriteRate},
    limits,
};
use crate::{mirror::Status, search};

/// How a ledger is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address under which the world reaches it, e.g. `https://ledger.example.org`, without a slash at the
    /// end; for permalinks and the commands on pages. Requests for other hosts are refused then, but at the address that
    /// they came to. If left out, the `Host` of each request is believed.
    pub url: Option<String>,
    /// Whether pages of all sites may read what is served, and hand in what somebody signed; if left out, they may where
    /// `url` begins with `https`.
    pub cors: Option<bool>,
    /// The most connections open at once; fewer where the process may not open so many files.
    pub connections: usize,
    /// The most connections of one address, and of one /64 network of IPv6.
    pub connections_each: usize,
    /// How fast one client may put events on record.
    pub writes: WriteRate,
    /// How long one search may take.
    pub search_time: Duration,
    /// Bytes of entries, words and answers that are kept in memory for readers, about; unless it is set, a quarter of the
    /// memory that the process may use, 64 MiB to 1 GiB.
    pub cache: usize,
    /// Proxies whose word on a caller's address is believed.
    pub proxies: Proxies,
    /// Where `/metrics` is served: an address that strangers don't reach. Nowhere if left out.
    pub metrics: Option<Arc<TcpListener>>,
    /// Certificate and key to answer with; without them HTTP is spoken plainly.
    pub tls: Option<Arc<Tls>>,
    /// How the mirror stands that is served; none if this is the ledger itself.
    pub mirror: Option<Arc<Status>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: None,
            cors: None,
            connections: limits::CONNECTIONS,
            connections_each: limits::CONNECTIONS_EACH,
            writes: WriteRate::default(),
            search_time: search::TIME,
            cache: system::cache(),
            proxies: Proxies::default(),
            metrics: None,
            tls: None,
            mirror: None,
        }
    }
}
