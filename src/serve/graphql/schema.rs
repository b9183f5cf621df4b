//! The schema: its roots, the data that its resolvers get, and its text.

use std::sync::Arc;

use async_graphql::{Schema, ValidationMode};

use super::{
    meter,
    scalars::url,
    types::{event, mutation::Mutation, query::Query, subscription::Subscription},
};
use crate::{
    ledger::Ledger,
    mirror::Status,
    search::Search,
    serve::{edge::write_rate::WriteBudget, limits, metrics::Metrics},
};

/// The schema, with its resolvers.
pub type ApiSchema = Schema<Query, Mutation, Subscription>;

type Builder = async_graphql::SchemaBuilder<Query, Mutation, Subscription>;

/// The schema without a ledger behind it.
fn build() -> Builder {
    Schema::build(Query, Mutation, Subscription)
        .limit_depth(limits::GRAPHQL_DEPTH)
        .limit_recursive_depth(limits::GRAPHQL_NESTING)
        .limit_directives(limits::GRAPHQL_DIRECTIVES)
}

/// The schema over a ledger, in three variants. Each request brings its [`Client`].
///
/// [`Client`]: crate::serve::Client
pub(in crate::serve) struct Schemas {
    /// For requests whose answers can't be too large.
    pub plain: ApiSchema,
    /// Does not validate requests: for those that were found valid before.
    pub of_known: ApiSchema,
    /// Counts an answer while it is made.
    pub metered: ApiSchema,
}

/// Builds the schema over a ledger. `writes` limits what clients may record, `mirror` is the status of the mirror that is
/// served, if any, and `url` is the public URL of the server.
pub(in crate::serve) fn schemas(
    ledger: &Ledger,
    search: &Arc<Search>,
    writes: WriteBudget,
    metrics: &Arc<Metrics>,
    mirror: Option<&Arc<Status>>,
    url: Option<&str>,
) -> Schemas {
    let writes = Arc::new(writes);
    let public = url::Public(url.and_then(|url| url::Url::new(url.trim_end_matches('/'))));
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
        metered: with_data(build().register_output_type::<event::AnyEvent>().extension(meter::Metering))
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
