//! `fsck`, `backup`, `restore`: what an operator does with a ledger's folder.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, Failure, meter::Meter, serve::ledger_failure, terminal};
use crate::ops::{self, OpsError};

/// Check a ledger's folder: log, journal, index, files and keys
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The ledger must not be open elsewhere: check a backup, or stop it first. Nothing is changed.
Exit codes: 0 sound; 1 something is wrong, or the folder is in use; 3 it could not be read.

Examples:
  onrecord fsck --data ledger-data
  onrecord fsck --data ledger-data --since 1000000")]
pub(super) struct FsckArgs {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// Check entries from this one on (rounded down to a multiple of 256), trusting the index for earlier ones
    #[arg(long, value_name = "N")]
    since: Option<u64>,
}

/// Copy a ledger into a folder, also while it is served
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Run it again to bring the copy up to date: what never changes is not copied twice, and what was withheld since is removed
from the copy. The whole copy is verified each time. Keys are left out unless asked for.

Examples:
  onrecord backup --data ledger-data --to /mnt/backup/ledger
  onrecord backup --data ledger-data --to /mnt/safe/ledger --with-keys")]
pub(super) struct BackupArgs {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// Where the copy is kept: an earlier backup of this ledger, or a folder that is empty or not there
    #[arg(long, value_name = "DEST")]
    to: PathBuf,
    /// Copy secret keys too, into DEST/keys
    #[arg(long)]
    with_keys: bool,
}

/// Make a ledger's folder from a backup, after all of it is verified
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Entries that came after the backup was made are not in it. If readers have seen them, don't serve what is restored:
two logs under one key would be on record. Get the entries from a mirror (onrecord repair --from), or start a ledger of
another origin.

Example:
  onrecord restore --from /mnt/backup/ledger --data ledger-data")]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "DEST")]
    from: PathBuf,
    /// The folder to make; empty or not there
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
}

pub(super) fn failure(e: OpsError) -> Failure {
    match e {
        OpsError::Ledger(e) => ledger_failure(e),
        OpsError::NotValid(report) => {
            terminal::note(&report.to_string());
            Failure::Refused(format!("{}: it does not verify", report.source))
        }
        OpsError::Unusable(why) => Failure::Refused(why),
        e => Failure::Undecided(e.to_string()),
    }
}

pub(super) fn fsck(args: FsckArgs, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let meter = Meter::new();
    let found = ops::fsck(&data, args.since, &|done, of| meter.show(done, of));
    meter.clear();
    let found = found.map_err(failure)?;
    if context.json {
        terminal::json(&found);
    } else {
        terminal::result(&terminal::plain(&found.to_string()));
    }
    if found.faults.is_empty() { Ok(()) } else { Err(Failure::Silent(1)) }
}

pub(super) fn backup(args: BackupArgs, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let done = ops::backup(&data, &args.to, args.with_keys).map_err(failure)?;
    if context.json {
        terminal::json(&done);
        return Ok(());
    }
    let ops::Backup { size, root, written, kept, removed, .. } = &done;
    terminal::result(&format!(
        "{}: {size} entries, root {root}, valid\n{written} files written, {kept} there already, {removed} removed",
        done.to.display()
    ));
    terminal::note(match done.keys {
        true => "Keys are in it: keep it where nobody else can read it.",
        false => "Keys are not in it: keep a copy of the ledger's keys/ elsewhere.",
    });
    Ok(())
}

pub(super) fn restore(args: RestoreArgs, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let done = ops::restore(&args.from, &data).map_err(failure)?;
    terminal::made(format!("the ledger in {}", terminal::shell(&data.display().to_string())));
    if context.json {
        terminal::json(&done);
        return Ok(());
    }
    let shown = terminal::shell(&data.display().to_string());
    terminal::result(&format!("{shown}: {}, {} entries, root {}, valid", done.origin, done.size, done.root));
    if let Some(path) = &done.missing_key {
        let path = terminal::shell(&path.display().to_string());
        terminal::note(&format!("The backup held no keys. Put the log's secret key into {path}, mode 600."));
    }
    if let Some(first) = done.without_marks.first() {
        terminal::note(&format!(
            "The copy has no marks of the withheld files of {} entries (the first is {first}): if these files are uploaded \
             again, they are not recognised. If a backup has the file `withheld`: {} repair --data {shown} --withheld FILE",
            done.without_marks.len(),
            terminal::shell(&super::program())
        ));
    }
    terminal::note(&format!(
        "If any reader has seen more than {} entries, don't serve it: see `onrecord restore --help`.\n\
         Next:  {} serve --data {shown}",
        done.size,
        terminal::shell(&super::program())
    ));
    Ok(())
}
