//! Follows somebody's ledger and keeps a copy of it, whose every entry is checked by the code that checks our own
//! ([`verify`](crate::verify)).

mod follow;
mod lacking;
mod removed;
mod searched;
mod status;

pub use follow::{Keeps, Mirror, MirrorError, Pass};
pub use removed::Removed;
pub use status::{Standing, Status};
