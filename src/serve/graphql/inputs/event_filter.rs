//! `EventFilter`: conditions on the events of a list.

use async_graphql::InputObject;

use crate::{
    ledger::Filter,
    serve::graphql::{
        scalars::{date_time::DateTime, hash::Hash},
        types::event_type::EventType,
    },
};

/// Which events to list. All conditions that are given must hold.
#[derive(Debug, Clone, Default, InputObject)]
pub struct EventFilter {
    /// Of one of these types.
    pub types: Option<Vec<EventType>>,
    /// In this case, its opening included.
    pub case: Option<Hash>,
    /// Signed by this party or naming it in a ref, its registration included.
    pub party: Option<Hash>,
    /// Recorded at or after this time.
    pub recorded_since: Option<DateTime>,
    /// Recorded before this time.
    pub recorded_until: Option<DateTime>,
}

impl From<EventFilter> for Filter {
    fn from(f: EventFilter) -> Self {
        Self {
            types: f.types.into_iter().flatten().map(Into::into).collect(),
            case: f.case.map(Into::into),
            party: f.party.map(Into::into),
            since: f.recorded_since.map(|t| t.0),
            until: f.recorded_until.map(|t| t.0),
        }
    }
}
