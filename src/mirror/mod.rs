//! Follows somebody's ledger and keeps a copy of it, whose every entry is checked by the code that checks our own
//! ([`verify`](crate::verify)).

mod follow;
mod missing_files;
mod pass;
mod removed;
mod searched;
mod status;

pub use follow::Mirror;
pub use pass::{Keeps, MirrorError, Pass};
pub use removed::Removed;
pub use status::{Standing, Status};
