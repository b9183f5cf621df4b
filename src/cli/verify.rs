//! `verify`: checks a ledger, in a folder or at an address, trusting nobody.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::{Context, Failure, meter::Meter, terminal};
use crate::{
    mirror::{self, FolderSource, HttpSource, Options, Report, Source, Verdict},
    note::VerifyingKey,
};

/// Check a ledger: every rule at every entry, chain, tree, tiles, checkpoint, words and files
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes: 0 valid; 1 refused; 3 could not decide: no --key was given, or the ledger could not be read.

Get the key from the operator by another way than the ledger itself.

Examples:
  onrecord verify https://ledger.example.org --key VKEY
  onrecord verify ./ledger-data --key VKEY
  rsync -a host:ledger-data/public/ copy && onrecord verify copy --key VKEY")]
pub(super) struct Args {
    /// The ledger: its address, its data folder, or a copy of its public folder
    #[arg(value_name = "DIR | URL")]
    ledger: String,
    /// The log's public key, its vkey: origin, id and base64, joined by +
    #[arg(long, value_name = "VKEY")]
    key: Option<VerifyingKey>,
    /// Don't fetch and check files that words name
    #[arg(long)]
    no_files: bool,
    /// Don't fetch and check words and files
    #[arg(long)]
    no_words: bool,
    /// Memory for what the rules ask about, some 200 bytes an entry; what is more goes to files in --scratch
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    memory: usize,
    /// The folder for these files, which are gone when it ends [default: TMPDIR]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let usual = Options::default();
    let options = Options {
        words: !args.no_words,
        files: !args.no_files,
        memory: args.memory.saturating_mul(1 << 20),
        scratch: args.scratch.unwrap_or(usual.scratch),
        ..usual
    };
    let report = check(&args.ledger, args.key.as_ref(), &options)?;
    if context.json {
        terminal::json(&report);
    } else if let (None, Some(why)) = (report.size, &report.undecided) {
        // Nothing was checked, so there is nothing to report on.
        return Err(Failure::Undecided(why.clone()));
    } else {
        terminal::result(&terminal::plain(&report.to_string()));
    }
    match report.verdict {
        Verdict::Valid => Ok(()),
        verdict => Err(Failure::Silent(verdict.exit_code())),
    }
}

/// Verifies a ledger, with progress if somebody watches.
pub(super) fn check(ledger: &str, key: Option<&VerifyingKey>, options: &Options) -> Result<Report, Failure> {
    let source: Box<dyn Source> = if ledger.contains("://") {
        Box::new(HttpSource::new(ledger).map_err(|e| Failure::Usage(e.to_string()))?)
    } else {
        Box::new(FolderSource::open(Path::new(ledger)).map_err(|e| Failure::Undecided(e.to_string()))?)
    };
    let meter = Meter::new();
    let report = mirror::verify(&*source, key, options, &|done, of| meter.show(done, of));
    meter.clear();
    Ok(report)
}
