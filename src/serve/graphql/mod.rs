//! The GraphQL API: one file a type, no resolver that touches the store but through [`Views`].
//!
//! Lists are Relay connections; sequence numbers and sizes are `Index`, never `Int`. What a caller did wrong in
//! a mutation stands in `userErrors`; top-level `errors` are for requests that can't be answered as asked and
//! for faults of the server, whose causes are logged and never sent.

#[cfg(test)]
mod bounds;
mod cache;
mod cost;
mod errors;
mod fault;
pub(super) mod http;
mod inputs;
mod json;
mod meter;
mod scalars;
mod selected;
mod shape;
mod state;
mod tokens;
mod transport;
mod types;
mod variables;

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    //! What must hold of what strangers send.
    pub(crate) use super::{json::holds as json, tokens::holds as document};
}

pub(super) use cache::{answers::Answers, documents::Documents, in_flight::Flights};
pub(super) use transport::Parts;

use std::sync::Arc;

use async_graphql::{Schema, ValidationMode};

use super::{edge::write_rate::WriteBudget, limits, metrics::Metrics};
use crate::{ledger::Ledger, mirror::Status, search::Search};

/// The schema, with its resolvers.
pub type ApiSchema =
    Schema<types::query::Query, types::mutation::Mutation, types::subscription::Subscription>;

type Builder = async_graphql::SchemaBuilder<
    types::query::Query,
    types::mutation::Mutation,
    types::subscription::Subscription,
>;

/// The schema without a ledger behind it.
fn build() -> Builder {
    Schema::build(types::query::Query, types::mutation::Mutation, types::subscription::Subscription)
        .limit_depth(limits::GRAPHQL_DEPTH)
        .limit_recursive_depth(limits::GRAPHQL_NESTING)
        .limit_directives(limits::GRAPHQL_DIRECTIVES)
}

/// The schema over a ledger, with what clients may put on record. Each request brings its [`Client`].
///
/// [`Client`]: super::edge::client::Client
pub(super) struct Schemas {
    /// For requests whose answers can't be too much.
    pub plain: ApiSchema,
    /// The same, which does not look whether a request is valid: for those that were found to be.
    pub of_known: ApiSchema,
    /// The same, which counts an answer while it is made.
    pub metered: ApiSchema,
}

/// The schema over a ledger.
pub(super) fn schemas(
    ledger: &Ledger,
    search: &Arc<Search>,
    writes: WriteBudget,
    metrics: &Arc<Metrics>,
    mirror: Option<&Arc<Status>>,
    url: Option<&str>,
) -> Schemas {
    let writes = Arc::new(writes);
    let public = scalars::url::Public(url.and_then(|url| scalars::url::Url::new(url.trim_end_matches('/'))));
    let with_data = |builder: Builder| {
        let builder = builder.data(ledger.clone()).data(search.clone());
        let builder = builder.data(writes.clone()).data(metrics.clone()).data(public.clone());
        match mirror {
            Some(status) => builder.data(status.clone()),
            None => builder,
        }
    };
    Schemas {
        plain: with_data(build()).finish(),
        of_known: with_data(build().validation_mode(ValidationMode::Fast)).finish(),
        metered: with_data(
            build().register_output_type::<types::event::AnyEvent>().extension(meter::Metering),
        )
        .finish(),
    }
}

/// The schema in the schema definition language, as `schema/schema.graphql` holds it.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new().include_specified_by();
    let mut text = build().finish().sdl_with_options(options);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
