//! `case`: takes a case out of a ledger as a whole.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args as ClapArgs, Subcommand};

use super::{
    Context, Failure,
    client::Client,
    exhibit::{Files, ledger_of},
    record::resolve,
    terminal,
};
use crate::{
    exhibit::{CaseFile, Enclosed, ExhibitVerdict, MAX_EXHIBIT, verify_case},
    log::Policy,
    verify::{HttpSource, Source as _},
};

/// Take a case out of a ledger as a whole
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Export(Args),
}

/// Put an exhibit of every entry of a case into one file
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The file can be checked without a network and without the ledger: onrecord verify case-36.zip --policy FILE
This checks each exhibit, and that none is missing between the first and the last. Each can be taken out and used alone.

Examples:
  onrecord case export @36 --ledger https://ledger.example.org
  onrecord case export @36 --ledger https://ledger.example.org --with-files -o case.zip")]
pub(super) struct Args {
    /// The case: its id, its permalink, or the number of any of its entries (@36)
    #[arg(value_name = "CASE")]
    case: String,
    /// Address of the ledger [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Enclose the files that words name
    #[arg(long)]
    with_files: bool,
    /// Where to write it [default: case-<number>.zip]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Export(args) => export(args, context),
    }
}

fn export(args: Args, context: &Context) -> Result<(), Failure> {
    let ledger = ledger_of(args.ledger, context);
    let client = Client::connect(&ledger)?;
    let named = resolve(&client, "CASE", &args.case)?;
    // A case may be named by any of its entries.
    let case = match named.index {
        Some(index) => client.case_at(index)?.unwrap_or(named.id),
        None => named.id,
    };
    let source = HttpSource::new(&ledger).map_err(|e| Failure::Usage(e.to_string()))?;
    let path = format!("case/{case}/exhibits.zip");
    let got = source.get(&path, MAX_EXHIBIT).map_err(|e| Failure::Undecided(e.to_string()))?;
    let got = got.ok_or_else(|| Failure::Refused(format!("{}: no case of {ledger}", args.case)))?;
    let file = CaseFile::read(&got).map_err(|e| Failure::Refused(e.to_string()))?;
    let mut with_files = BTreeMap::new();
    for (index, exhibit) in &file.exhibits {
        let mut enclosed = Enclosed::read(exhibit).map_err(|e| Failure::Refused(e.to_string()))?;
        let files = Files::fetch(&source, &enclosed, args.with_files)?;
        enclosed.files = files.enclosed();
        let exhibit = enclosed.write().ok_or_else(too_large)?;
        with_files.insert(*index, exhibit);
    }
    let first = with_files.keys().next().copied().unwrap_or_default();
    let bytes = CaseFile { exhibits: with_files }.write().ok_or_else(too_large)?;
    // The key used here comes from the ledger itself. The recipient of the file must get it from somebody else.
    let report = verify_case(&bytes, Some(&Policy::of_log(client.log_key().clone())));
    if report.verdict == ExhibitVerdict::Refused {
        return Err(Failure::Refused(report.to_string()));
    }
    let path = args.output.unwrap_or_else(|| format!("case-{first}.zip").into());
    std::fs::write(&path, &bytes)
        .map_err(|e| Failure::Refused(format!("the output could not be written: {}: {e}", path.display())))?;
    if context.json {
        terminal::json(&report);
    } else {
        let entries = report.entries.len();
        terminal::result(&format!("{}, {entries} entries, {} bytes\n", path.display(), bytes.len()));
    }
    Ok(())
}

fn too_large() -> Failure {
    Failure::Refused("it would be larger than 256 MiB: take its exhibits one by one".into())
}
