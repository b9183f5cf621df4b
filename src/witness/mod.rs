//! Witnesses: being one, and asking them (`c2sp.org/tlog-witness`).
//!
//! A [`Witness`] remembers the latest checkpoint that it cosigned of each log in its configuration, and cosigns only
//! checkpoints that continue it. [`serve()`] lets logs ask it. A cosignature says that the witness was shown one history; it
//! does not read the entries.
//!
//! [`collect`] asks witnesses to cosign what a ledger publishes, and hands their cosignatures to the ledger.
//!
//! ```no_run
//! use std::sync::Arc;
//! use onrecord::{log::CosigningKey, serve::Options, witness::{Witness, serve}};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let key = CosigningKey::from_secret_text(&std::fs::read_to_string("witness.key")?)?;
//! let log = "ledger.example.org+b4ce7ea7+ARcQd5dYVGm5FFEcFKiGDiBrqfR7THQGgwnGYtv7/GH0".parse()?;
//! let witness = Arc::new(Witness::open("witness-data".as_ref(), key, vec![log])?);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! serve(witness, listener, Options::default(), stop).await;
//! # Ok(()) }
//! ```

mod address;
mod asking;
mod collector;
mod log_key;
mod server;
mod state;
mod told;

pub use address::WitnessAddress;
pub use collector::{MAX_WITNESSES, Pace, collect};
pub use log_key::{LogKey, LogKeyError, NoCheckpoint};
pub use server::serve;
pub use state::{Refused, Witness, WitnessError};
pub use told::Told;

use std::time::Duration;

use self::asking::{AskError, Asking};
use crate::ledger::Reader;

/// What a witness knows of a log. It is asked to cosign the latest checkpoint, with the size of that as the old size.
pub(crate) fn tells(reader: &Reader, witness: &WitnessAddress, within: Duration) -> Told {
    let checkpoint = reader.checkpoint();
    let mut asking = Asking::new(witness.clone(), checkpoint.checkpoint().size(), within);
    match asking.ask(reader, &checkpoint) {
        Ok(_) | Err(AskError::SameSize { .. } | AskError::Further { .. }) => Told::NoMore,
        Err(error) if error.is_grave() => Told::More(error.to_string()),
        Err(error) => Told::Nothing(error.to_string()),
    }
}
