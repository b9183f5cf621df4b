//! `repair`: mends a ledger's folder.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, Failure, meter::Meter, operate, terminal, verify::source};
use crate::ops;

/// Mend a ledger's folder from another copy
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The ledger must not be open elsewhere: stop it first. Nothing of a source is believed: all is held against a checkpoint
that the log signed, and what the log withholds does not come back. If a source shows another history than the folder
knows, nothing is changed. May be ended at any moment, and run again.
Exit codes: 0 sound; 1 something is missing, another history, or the folder is in use; 3 no source could be read.

Examples:
  onrecord repair --data ledger-data --from https://mirror.example.org
  onrecord repair --data ledger-data --from /mnt/backup/ledger --from https://mirror.example.org")]
pub(super) struct Args {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// Another copy: the address of a mirror or of any copy of public/, or a folder such as a backup. May be given again
    #[arg(long, value_name = "URL | DIR", required = true)]
    from: Vec<String>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let sources = args.from.iter().map(|from| source(from)).collect::<Result<Vec<_>, _>>()?;
    let meter = Meter::new();
    let done = ops::repair(&data, &sources, &|done, of| meter.show(done, of));
    meter.clear();
    let done = done.map_err(operate::failure)?;
    if context.json {
        terminal::json(&done);
    } else {
        terminal::result(&terminal::plain(&done.to_string()));
    }
    if done.is_sound() { Ok(()) } else { Err(Failure::Silent(1)) }
}
