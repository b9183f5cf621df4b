//! The scalars of the schema, and the global ids of its objects.

pub(super) mod base64;
pub(super) mod date_time;
pub(super) mod event_date;
pub(super) mod global_id;
pub(super) mod hash;
pub(super) mod index;
pub(super) mod url;
