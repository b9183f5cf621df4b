//! Lists of the latest records of one kind.

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

/// The most records in such a list.
const NODES: u64 = 20;

/// The limit is the same for each kind.
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

/// The latest records of one kind, in the order of the log.
#[derive(Debug, SimpleObject)]
#[graphql(concrete(name = "LatestCorrections", params(Correction)))]
#[graphql(concrete(name = "LatestIncidents", params(Incident)))]
#[graphql(concrete(name = "LatestLinks", params(Link)))]
#[graphql(concrete(name = "LatestPromises", params(Promise)))]
#[graphql(concrete(name = "LatestStatements", params(Statement)))]
#[graphql(concrete(name = "LatestWithholdings", params(Withholding)))]
pub struct Latest<T: OutputType> {
    /// The latest records, at most 20.
    pub nodes: Vec<T>,
    /// How many earlier records of the kind there are. `events` lists them all.
    pub earlier: Index,
}

impl<T: OutputType> Latest<T> {
    /// Wraps each of the latest records of a view.
    pub fn of<V: Clone>(latest: &views::Latest<V>, wrap: impl FnMut(V) -> T) -> Self {
        Self { nodes: latest.iter().cloned().map(wrap).collect(), earlier: Index(latest.more as u64) }
    }
}
