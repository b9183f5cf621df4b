//! `verify`: checks a ledger, in a folder or at an address, or an exhibit, trusting nobody.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;

use super::{Context, Failure, meter::Meter, terminal};
use crate::{
    exhibit::{ExhibitVerdict, MAX_EXHIBIT},
    log::{MAX_POLICY, Policy, PolicyError},
    mirror::{self, FolderSource, HttpSource, Options, Report, Source, Verdict},
    note::VerifyingKey,
};

/// Check a ledger, every rule at every entry, chain, tree, tiles, checkpoint, words and files; or an exhibit
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes: 0 valid; 1 refused; 3 could not decide: no --key or --policy was given, or it could not be read.

Get the key from the operator by another way than the ledger itself.

Examples:
  onrecord verify https://ledger.example.org --key VKEY
  onrecord verify ./ledger-data --key VKEY
  onrecord verify exhibit-41.zip --policy newsroom.policy
  rsync -a host:ledger-data/public/ copy && onrecord verify copy --key VKEY")]
pub(super) struct Args {
    /// The ledger: its address, its data folder, or a copy of its public folder; or an exhibit
    #[arg(value_name = "DIR | URL | ZIP")]
    ledger: String,
    /// The log's public key, its vkey: origin, id and base64, joined by +
    #[arg(long, value_name = "VKEY")]
    key: Option<VerifyingKey>,
    /// Which log and which witnesses to trust: a file in the form of C2SP tlog-policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
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
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    if Path::new(&args.ledger).is_file() {
        return exhibit(Path::new(&args.ledger), args.key, policy, context);
    }
    let key = match (args.key, &policy) {
        (None, Some(policy)) => Some(policy.only_log().cloned().ok_or_else(|| {
            Failure::Usage("the policy trusts several logs: say with --key which this is to be".into())
        })?),
        (key, _) => key,
    };
    let usual = Options::default();
    let options = Options {
        words: !args.no_words,
        files: !args.no_files,
        memory: args.memory.saturating_mul(1 << 20),
        scratch: args.scratch.unwrap_or(usual.scratch),
        policy,
        ..usual
    };
    let report = check(&args.ledger, key.as_ref(), &options)?;
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

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let named = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|e| named(e.to_string()))?;
    let mut text = String::new();
    let read = file.take(MAX_POLICY as u64 + 1).read_to_string(&mut text);
    read.map_err(|e| named(e.to_string()))?;
    text.parse().map_err(|e: PolicyError| named(e.to_string()))
}

/// Verifies an exhibit.
fn exhibit(
    path: &Path,
    key: Option<VerifyingKey>,
    policy: Option<Policy>,
    context: &Context,
) -> Result<(), Failure> {
    let named = |what: String| Failure::Undecided(format!("{}: {what}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| named(e.to_string()))?;
    file.take(MAX_EXHIBIT as u64 + 1).read_to_end(&mut bytes).map_err(|e| named(e.to_string()))?;
    let policy = match (key, policy) {
        (Some(_), Some(_)) => return Err(Failure::Usage("give --key or --policy, not both".into())),
        (key, policy) => policy.or(key.map(Policy::of_log)),
    };
    let report = crate::exhibit::verify(&bytes, policy.as_ref());
    if context.json {
        terminal::json(&report);
    } else {
        terminal::result(&terminal::plain(&report.to_string()));
    }
    match report.verdict {
        ExhibitVerdict::Valid => Ok(()),
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
