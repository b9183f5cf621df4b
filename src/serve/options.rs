//! The operator's settings for serving a ledger.

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
    /// The public URL of the ledger, such as `https://ledger.example.org`, without a slash at the end. It is used in permalinks
    /// and in the commands that pages show. If it is set, a request must name its host, or the address and port that the
    /// connection came to; other requests are refused. If it is not set, the `Host` of each request is believed.
    pub url: Option<String>,
    /// Whether web pages of other sites may read answers and submit signed events. If not set, they may if `url` begins with
    /// `https://`.
    pub cors: Option<bool>,
    /// The most connections open at once. There are fewer if the process may not open that many files.
    pub connections: usize,
    /// The most connections of one IPv4 address, or of one /64 network of IPv6.
    pub connections_each: usize,
    /// How fast one client may put events on record.
    pub writes: WriteRate,
    /// How long one search may take.
    pub search_time: Duration,
    /// About how many bytes of entries, words and answers are cached in memory. By default a quarter of the memory that the
    /// process may use, but at least 64 MiB and at most 1 GiB.
    pub cache: usize,
    /// Proxies whose word on a caller's address is believed.
    pub proxies: Proxies,
    /// Where `/metrics` is served: an address that strangers can't reach. If not set, there are no metrics.
    pub metrics: Option<Arc<TcpListener>>,
    /// Certificate and key for TLS. If not set, connections are plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// The status of the mirror that is served; `None` if this is the ledger itself.
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
