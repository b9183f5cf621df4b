//! The objects, interfaces and enums of the schema with their resolvers, one file each. Computed states are in
//! [`state`](super::state).

pub(super) mod case;
pub(super) mod case_connection;
pub(super) mod checkpoint;
pub(super) mod content;
pub(super) mod event;
pub(super) mod event_connection;
pub(super) mod event_fields;
pub(super) mod event_shape;
pub(super) mod event_type;
pub(super) mod fact_value;
pub(super) mod inclusion_proof;
pub(super) mod ledger_info;
pub(super) mod mirror;
pub(super) mod mutation;
pub(super) mod node;
pub(super) mod page;
pub(super) mod party;
pub(super) mod party_key;
pub(super) mod party_kind;
pub(super) mod preview;
pub(super) mod query;
pub(super) mod receipt;
pub(super) mod record_payload;
pub(super) mod reference;
pub(super) mod refusal_code;
pub(super) mod search;
pub(super) mod search_connection;
pub(super) mod search_hit;
pub(super) mod service_config;
pub(super) mod signer;
pub(super) mod since;
pub(super) mod snippet;
pub(super) mod subscription;
pub(super) mod user_error;
pub(super) mod voucher;
