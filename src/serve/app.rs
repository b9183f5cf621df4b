//! What all request handlers share: the ledger, its views, limits and caches.

use std::sync::Arc;

use super::{
    edge::{Edge, fair_queue::FairQueue, quota::Quota, system, write_rate::WriteBudget},
    graphql::{
        cache::{answers::Answers, documents::Documents, in_flight::InFlight},
        schema::{self, Schemas},
        transport::parts::Parts,
    },
    limits,
    metrics::Metrics,
    options::Options,
};
use crate::{
    ledger::Ledger,
    search::Search,
    views::{Cache, Views},
};

/// The state that all request handlers share. Clones are the same one.
#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

pub(super) struct Shared {
    pub(super) ledger: Ledger,
    pub(super) options: Options,
    pub(super) schemas: Arc<Schemas>,
    pub(super) search: Arc<Search>,
    pub(super) edge: Edge,
    /// The turns of queries and pages that are computed now, and those that wait for one.
    pub(super) queue: Arc<FairQueue>,
    /// Files that are being uploaded.
    pub(super) uploads: Arc<Quota>,
    /// Bytes in memory of GraphQL requests, and of files that have no place among `uploads` yet.
    pub(super) bodies: Arc<Quota>,
    /// Bytes of operations under way on WebSockets.
    pub(super) operations: Arc<Quota>,
    /// Bytes that wait to be sent over WebSockets.
    pub(super) outputs: Arc<Quota>,
    pub(super) parts: Parts,
    /// Earlier answers to GraphQL requests, each used again as long as it is still right.
    pub(super) answers: Answers,
    pub(super) in_flight: Arc<InFlight>,
    /// Entries and words that requests have read.
    pub(super) cache: Arc<Cache>,
    pub(super) documents: Documents,
    pub(super) metrics: Arc<Metrics>,
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Views of the log at its present size.
    pub(super) fn views(&self) -> Views {
        Views::cached(self.ledger.reader(), &self.cache)
    }

    pub(super) fn new(ledger: Ledger, options: Options) -> Self {
        let edge = Edge::new(&options);
        let writes = WriteBudget::new(options.writes, edge.counts.clone());
        let metrics = Arc::<Metrics>::default();
        let search = Arc::new(Search::start(ledger.reader()).within(options.search_time));
        let (mirror, url) = (options.mirror.as_ref(), options.url.as_deref());
        let schemas = Arc::new(schema::schemas(&ledger, &search, writes, &metrics, mirror, url));
        Self(Arc::new(Shared {
            parts: Parts::new(schemas.clone(), ledger.reader().clone()),
            schemas,
            search,
            ledger,
            edge,
            queue: FairQueue::new(limits::TURNS_EACH_CORE * system::cores()),
            uploads: Quota::contended(limits::UPLOADS, limits::UPLOADS_EACH, limits::PAUSE),
            bodies: Quota::of_bytes(limits::GRAPHQL_BODIES, limits::GRAPHQL_BODIES_EACH, limits::PAUSE),
            operations: Quota::of_bytes(limits::OPERATIONS, limits::OPERATIONS_EACH, limits::PAUSE),
            outputs: Quota::of_bytes(limits::OUTPUTS, limits::OUTPUTS_EACH, limits::PAUSE),
            answers: Answers::new(options.cache / 4),
            in_flight: Arc::default(),
            cache: Arc::new(Cache::new(options.cache / 4 * 3)),
            documents: Documents::default(),
            metrics,
            options,
        }))
    }
}
