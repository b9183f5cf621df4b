//! The input objects of the schema, with the checks of their values.

pub(super) mod case_locator;
pub(super) mod demand_locator;
pub(super) mod event_filter;
pub(super) mod event_locator;
pub(super) mod party_locator;
pub(super) mod record_input;
pub(super) mod search_filter;
pub(super) mod search_order;
