//! Commands: how people run, write, read and check a ledger from a terminal.
//!
//! Each command is a file. What a command found or made goes to stdout, alone; all else (progress, questions,
//! warnings, faults) goes to stderr. Exit codes: 0 done, 1 refused or rejected, 2 usage, 3 could not decide.
//! Settings come from flags, then the environment, then one TOML file ([`Config`]).

mod case;
mod client;
mod config;
mod demo;
mod event;
mod exhibit;
mod generate;
mod init;
mod key;
mod kind;
mod meter;
mod mirror;
mod notify;
mod operate;
mod ready;
mod record;
mod repair;
mod search;
mod serve;
mod serving;
mod show;
pub mod story;
mod terminal;
mod unpacked;
mod verify;
mod withhold;
mod witness;
mod words;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};

pub use config::{Config, ConfigError, Limits};

use crate::event::Refusal;

/// Put demands, disclosures and official statements on record, signed, and let anyone verify the record.
#[derive(Debug, Parser)]
#[command(
    name = "onrecord",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 done, 1 refused or rejected, 2 usage, 3 could not decide.
Settings: flags, then the environment (ONRECORD_...), then onrecord.toml.

Examples:
  onrecord demo
  onrecord verify https://ledger.example.org --key VKEY
  onrecord record statement --help"
)]
struct Cli {
    /// Print results as JSON, for programs
    #[arg(long, global = true, display_order = 1000)]
    json: bool,
    /// Settings file [default: onrecord.toml in this folder, if there]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ONRECORD_CONFIG",
        hide_env_values = true,
        display_order = 1001
    )]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Serve(serve::Args),
    Ready(ready::Args),
    Mirror(mirror::Args),
    Verify(verify::Args),
    Exhibit(exhibit::Args),
    #[command(subcommand)]
    Case(case::Command),
    Search(search::Args),
    #[command(subcommand)]
    Show(show::Command),
    /// Make and show key files
    #[command(subcommand)]
    Key(key::Command),
    /// Sign an event and put it on record: one subcommand for each type
    #[command(subcommand)]
    Record(record::Command),
    /// Make, sign, submit and explain events in single steps
    #[command(subcommand)]
    Event(event::Command),
    Withhold(withhold::WithholdArgs),
    Release(withhold::ReleaseArgs),
    Witness(witness::Args),
    Backup(operate::BackupArgs),
    Restore(operate::RestoreArgs),
    Fsck(operate::FsckArgs),
    Repair(repair::Args),
    Rebuild(init::RebuildArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// What every command is given beside its own flags.
struct Context {
    json: bool,
    config: Config,
}

impl Context {
    /// A setting that no flag, variable or file gave.
    fn missing(&self, flag: &str, key: &str) -> Failure {
        let variable = key.to_uppercase();
        Failure::Usage(format!("give {flag} (or ONRECORD_{variable}, or `{key}` in onrecord.toml)"))
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
enum Failure {
    /// Refused by the ledger's rules: printed as `CODE: place: message`.
    Event(Refusal),
    /// Refused or rejected for another reason.
    Refused(String),
    /// What was asked for makes no sense as it stands.
    Usage(String),
    /// It could not be found out, or not be done.
    Undecided(String),
    /// As the outcome says; all is printed already.
    Silent(u8),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Event(_) | Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Undecided(_) => 3,
            Self::Silent(code) => *code,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Event(refusal)
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                Failure::Event(refusal) => terminal::note(&refusal.to_string()),
                Failure::Refused(why) | Failure::Usage(why) | Failure::Undecided(why) => {
                    terminal::note(&format!("onrecord: {why}"));
                }
                Failure::Silent(_) => {}
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let config = Config::load(cli.config.as_deref()).map_err(|e| Failure::Usage(e.to_string()))?;
    let context = Context { json: cli.json, config };
    match cli.command {
        Command::Demo(args) => demo::run(args, &context),
        Command::Init(args) => init::run(args, &context),
        Command::Serve(args) => serve::run(args, &context),
        Command::Ready(args) => ready::run(args, &context),
        Command::Mirror(args) => mirror::run(args, &context),
        Command::Verify(args) => verify::run(args, &context),
        Command::Exhibit(args) => exhibit::run(args, &context),
        Command::Case(command) => case::run(command, &context),
        Command::Search(args) => search::run(args, &context),
        Command::Show(command) => show::run(command, &context),
        Command::Key(command) => key::run(command, &context),
        Command::Record(command) => record::run(command, &context),
        Command::Event(command) => event::run(command, &context),
        Command::Withhold(args) => withhold::withhold(args, &context),
        Command::Release(args) => withhold::release(args, &context),
        Command::Witness(args) => witness::run(args, &context),
        Command::Backup(args) => operate::backup(args, &context),
        Command::Restore(args) => operate::restore(args, &context),
        Command::Fsck(args) => operate::fsck(args, &context),
        Command::Repair(args) => repair::run(args, &context),
        Command::Rebuild(args) => init::rebuild(args, &context),
        Command::Completions(args) => generate::completions(args, Cli::command()),
        Command::Man(args) => generate::man(args, Cli::command()),
    }
}

/// The command as the user called it, for commands to paste.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "onrecord".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
