//! `repair`: mends a ledger's folder.

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf};

use clap::Args as ClapArgs;

use super::{Context, Failure, maintain, meter::Meter, mirror::forked, terminal, verify::source};
use crate::ops::{self, Marked, OpsError};

/// Mend a ledger's folder from another copy, or put back the marks of withheld files
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The ledger must not be open elsewhere: stop it first. No source is believed: everything is checked against a checkpoint
that the log signed, and what the log withholds does not come back. If a source shows another history than the folder
knows, nothing is changed. It may be stopped at any moment, and run again.

With --withheld, --words or --without-marks it mends the file `withheld` and nothing else: the marks by which withheld
files are recognised when somebody uploads them again.

Exit codes: 0 sound; 1 something is missing, another history, or the folder is in use; 3 no source could be read.

Examples:
  onrecord repair --data ledger-data --from https://mirror.example.org
  onrecord repair --data ledger-data --from /mnt/backup/ledger --from https://mirror.example.org
  onrecord repair --data ledger-data --withheld /mnt/backup/ledger/withheld")]
pub(super) struct Args {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// Another copy: the address of a mirror or of any copy of public/, or a folder such as a backup. May be given again
    #[arg(
        long,
        value_name = "URL | DIR",
        required_unless_present_any = ["withheld", "words", "without_marks"],
        conflicts_with_all = ["withheld", "words", "without_marks"]
    )]
    from: Vec<OsString>,
    /// Put back the marks of withheld files from this file: a backup's `withheld`
    #[arg(long, value_name = "FILE")]
    withheld: Option<PathBuf>,
    /// Make the marks of an entry's files anew from a copy of its withheld words. May be given again
    #[arg(long, value_name = "FILE")]
    words: Vec<PathBuf>,
    /// Give up the marks that nobody has, as the last resort: those withheld files are not recognised when somebody uploads
    /// them again
    #[arg(long)]
    without_marks: bool,
    /// With --without-marks: give them up without asking
    #[arg(short, long, requires = "without_marks")]
    yes: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    if args.without_marks {
        terminal::agree(
            args.yes,
            "A withheld file without a mark is not recognised when it is uploaded again. Give up the marks that nobody has?",
        )?;
    }
    if args.from.is_empty() {
        let marked = ops::repair_marks(&data, args.withheld.as_deref(), &args.words, args.without_marks);
        say(&marked.map_err(maintain::failure)?, context);
        return Ok(());
    }
    let sources = args.from.iter().map(|from| source(from)).collect::<Result<Vec<_>, _>>()?;
    let meter = Meter::new();
    let done = ops::repair(&data, &sources, &|done, of| meter.show(done, of));
    meter.clear();
    let done = done.map_err(|e| match e {
        OpsError::Forked { what, proof } => {
            terminal::note(&format!("onrecord: {what}"));
            forked(&proof, context)
        }
        e => maintain::failure(e),
    })?;
    if context.json {
        terminal::json(&done);
    } else {
        terminal::result(&terminal::plain(&done.to_string()));
    }
    if done.is_sound() { Ok(()) } else { Err(Failure::Silent(1)) }
}

fn say(marked: &Marked, context: &Context) {
    if context.json {
        terminal::json(marked);
        return;
    }
    let list = |entries: &BTreeSet<u64>| {
        let entries: Vec<String> = entries.iter().map(u64::to_string).collect();
        entries.join(", ")
    };
    let Marked { asked, known, made, given_up, .. } = marked;
    terminal::result(&format!("{asked} entries of which something was withheld: marks of {known} are known"));
    if !made.is_empty() {
        terminal::result(&format!("made anew from their words: entries {}", list(made)));
    }
    if !given_up.is_empty() {
        terminal::result(&format!(
            "given up: entries {}. Their withheld files are taken if somebody uploads them again",
            list(given_up)
        ));
    }
}
