//! Follows another ledger and keeps a copy of it. Every entry is checked by the code that any reader verifies ledgers with
//! ([`verify`](crate::verify)).

mod bundle_proof;
mod checkpoints;
mod files;
mod follow;
mod fork;
mod late_words;
mod missing_files;
mod opening;
mod pass;
mod proof;
mod removed;
mod searched;
mod status;

pub use opening::Mirror;
pub use pass::{Keeps, MirrorError, Pass};
pub use removed::Removed;
pub use status::{Progress, Status};
