//! Lists that hold the latest of many.

use async_graphql::{OutputType, SimpleObject};

use super::{
    correction::Correction, incident::Incident, link::Link, promise::Promise, statement::Statement,
    withholding::Withholding,
};
use crate::{
    serve::graphql::{
        field_cost::{Costs, Of},
        scalars::index::Index,
    },
    views,
};

/// How many of the latest there are, at most.
const NODES: u64 = 20;

/// The same of each kind.
pub const COSTS: Costs = Costs {
    full_lists: &[("nodes", NODES)],
    ..Costs::of(Of::Types(&[
        "LatestCorrections",
        "LatestIncidents",
        "LatestLinks",
        "LatestPromises",
        "LatestStatements",
        "LatestWithholdings",
    ]))
};

/// The latest of the records of one kind, in the order of the log.
#[derive(Debug, SimpleObject)]
#[graphql(concrete(name = "LatestCorrections", params(Correction)))]
#[graphql(concrete(name = "LatestIncidents", params(Incident)))]
#[graphql(concrete(name = "LatestLinks", params(Link)))]
#[graphql(concrete(name = "LatestPromises", params(Promise)))]
#[graphql(concrete(name = "LatestStatements", params(Statement)))]
#[graphql(concrete(name = "LatestWithholdings", params(Withholding)))]
pub struct Latest<T: OutputType> {
    /// The latest, 20 at most.
    pub nodes: Vec<T>,
    /// How many earlier ones there are. `events` lists them all.
    pub earlier: Index,
}

impl<T: OutputType> Latest<T> {
    /// Of what views show.
    pub fn of<V: Clone>(latest: &views::Latest<V>, wrap: impl FnMut(V) -> T) -> Self {
        Self { nodes: latest.iter().cloned().map(wrap).collect(), earlier: Index(latest.more as u64) }
    }
}
