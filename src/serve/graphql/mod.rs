//! The GraphQL API: one file a type, no resolver that touches the store but through [`Views`].
//!
//! Lists are Relay connections; sequence numbers and sizes are `Index`, never `Int`. What a caller did wrong in
//! a mutation stands in `userErrors`; top-level `errors` are for requests that can't be answered as asked and
//! for faults of the server, whose causes are logged and never sent.

mod answers;
mod base64;
#[cfg(test)]
mod bounds;
mod case;
mod case_connection;
mod case_locator;
mod checkpoint;
mod content;
mod cost;
mod date_time;
mod documents;
mod errors;
mod event;
mod event_connection;
mod event_date;
mod event_fields;
mod event_filter;
mod event_locator;
mod event_shape;
mod event_type;
mod fact_value;
mod fault;
mod flights;
mod global_id;
mod hash;
pub(super) mod http;
mod inclusion_proof;
mod index;
mod json;
mod ledger_info;
mod meter;
mod mirror;
mod mutation;
mod node;
mod page;
mod party;
mod party_key;
mod party_kind;
mod party_locator;
mod pieces;
mod preview;
mod query;
mod receipt;
mod record_input;
mod record_payload;
mod reference;
mod refusal_code;
mod search;
mod search_connection;
mod search_filter;
mod search_hit;
mod search_order;
mod selected;
mod service_config;
mod shape;
mod signer;
mod since;
mod snippet;
mod state;
mod subscription;
mod tokens;
mod transport;
mod url;
mod user_error;
mod variables;
mod voucher;

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    //! What must hold of what strangers send.
    pub(crate) use super::{json::holds as json, tokens::holds as document};
}

pub(super) use answers::Answers;
pub(super) use documents::Documents;
pub(super) use flights::Flights;
pub(super) use transport::Parts;

use std::sync::Arc;

use async_graphql::{Schema, ValidationMode};

use super::{edge::write_rate::WriteBudget, limits, metrics::Metrics};
use crate::{ledger::Ledger, mirror::Status, search::Search};

/// The schema, with its resolvers.
pub type ApiSchema = Schema<query::Query, mutation::Mutation, subscription::Subscription>;

type Builder = async_graphql::SchemaBuilder<query::Query, mutation::Mutation, subscription::Subscription>;

/// The schema without a ledger behind it.
fn build() -> Builder {
    Schema::build(query::Query, mutation::Mutation, subscription::Subscription)
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
