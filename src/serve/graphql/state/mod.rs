//! Computed answers: the state of a case, a demand or a party at two instants, and what was done to the record itself.
//!
//! The two instants are `asOf`, a time, and `knownAt`, a size of the log. Nothing computed is stored. Each object shows the
//! instants that it was computed for. All its fields, events and parties too, are read from the entries below its `knownAt`.

mod backer;
mod case_state;
mod clock;
mod correction;
mod delivery;
mod demand_connection;
mod demand_item;
pub(super) mod demand_state;
mod fact_word;
mod incident;
mod instants;
pub(super) mod latest;
mod link;
mod notice_connection;
mod party_state;
mod position;
mod promise;
mod statement;
mod text;
mod timeline_connection;
pub(super) mod transparency;
mod withholding;

pub use case_state::CaseState;
pub use demand_state::DemandState;
pub use instants::{Now, at};
pub use party_state::PartyState;
pub use transparency::Transparency;

use std::sync::Arc;

use async_graphql::Result;

use super::{
    fault::{Answer as _, internal},
    types::{event::Event, party::Party},
};
use crate::{event::EventId, ledger::ReadError, views::Views};

/// Reads a party that an entry on record names, so it must be found.
pub(super) fn party(views: &Arc<Views>, id: &EventId) -> Result<Party> {
    let lost = || internal(&ReadError::Fault(format!("an entry names party {id}, which is not found")));
    Party::read(views, id)?.ok_or_else(lost)
}

/// Reads an event that a computed answer was made from, so it must be found.
pub(super) fn event(views: &Arc<Views>, index: u64) -> Result<Event> {
    let lost = || internal(&ReadError::Fault(format!("entry {index} is not found")));
    Ok(Event::new(views.record(index).answer()?.ok_or_else(lost)?, views))
}
