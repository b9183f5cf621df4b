//! The GraphQL API: one file a type, no resolver that touches the store but through [`Views`].
//!
//! Lists are Relay connections; sequence numbers and sizes are `Index`, never `Int`. What a caller did wrong in
//! a mutation stands in `userErrors`; top-level `errors` are for requests that can't be answered as asked and
//! for faults of the server, whose causes are logged and never sent.

mod answers;
mod base64;
mod case;
mod case_connection;
mod case_locator;
mod checkpoint;
mod content;
mod cost;
mod date_time;
mod documents;
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
mod ledger_info;
mod mirror;
mod mutation;
mod node;
mod page;
mod party;
mod party_key;
mod party_kind;
mod party_locator;
mod pieces;
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
mod service_config;
mod signer;
mod snippet;
mod state;
mod subscription;
mod transport;
mod url;
mod user_error;
mod variables;
mod voucher;

pub(super) use answers::Answers;
pub(super) use documents::Documents;
pub(super) use flights::Flights;
pub(super) use transport::Parts;

use std::sync::Arc;

use async_graphql::{Schema, ValidationMode};

use super::{limits, metrics::Metrics, write_rate::WriteBudget};
use crate::{ledger::Ledger, mirror::Status, search::Search};

/// The schema, with its resolvers.
pub type ApiSchema = Schema<query::Query, mutation::Mutation, subscription::Subscription>;

/// The schema without a ledger behind it.
fn build() -> async_graphql::SchemaBuilder<query::Query, mutation::Mutation, subscription::Subscription> {
    Schema::build(query::Query, mutation::Mutation, subscription::Subscription)
        .limit_depth(limits::GRAPHQL_DEPTH)
        .limit_recursive_depth(limits::GRAPHQL_NESTING)
        .limit_directives(limits::GRAPHQL_DIRECTIVES)
}

/// The schema over a ledger, with what clients may put on record; twice: the second does not look whether a request is
/// valid, for those that were found to be. Each request brings its [`Client`].
///
/// [`Client`]: super::Client
pub(super) fn schemas(
    ledger: &Ledger,
    search: &Arc<Search>,
    writes: WriteBudget,
    metrics: &Arc<Metrics>,
    mirror: Option<&Arc<Status>>,
) -> [ApiSchema; 2] {
    let writes = Arc::new(writes);
    [ValidationMode::Strict, ValidationMode::Fast].map(|mode| {
        let schema = build().validation_mode(mode).data(ledger.clone()).data(search.clone());
        let schema = schema.data(writes.clone()).data(metrics.clone());
        match mirror {
            Some(status) => schema.data(status.clone()).finish(),
            None => schema.finish(),
        }
    })
}

/// The schema in the schema definition language, as `schema/schema.graphql` holds it.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new().include_specified_by();
    let mut text = build().finish().sdl_with_options(options);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
