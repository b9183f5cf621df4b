//! Commands: how people run, write, read and check a ledger from a terminal.
//!
//! Each command is a file. What a command found or made goes to stdout, alone; all else (progress, questions,
//! warnings, faults) goes to stderr. Exit codes: 0 done, 1 refused or rejected, 2 usage, 3 could not decide.
//! Settings come from flags, then the environment, then one TOML file ([`Config`]).

mod case;
mod client;
mod config;
mod context;
mod demo;
mod duration;
mod event;
mod exhibit;
mod explanation;
mod failure;
mod generate;
mod hear;
mod init;
mod key;
mod kind;
mod maintain;
mod meter;
mod mirror;
mod notify;
mod public_key;
mod ready;
mod record;
mod repair;
mod search;
mod secret;
mod serve;
mod serving;
mod show;
mod terminal;
mod unpacked;
mod verify;
mod withhold;
mod witness;
mod words;

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, Subcommand};

pub use self::config::{Config, ConfigError, Limits};
// What the commands share stands below them, and is named here for them.
use self::{
    context::Context,
    failure::{Failure, Fault},
    public_key::PublicKey,
    secret::{holds_secret, refuse_secret_in, refuse_secrets, repeated},
    terminal::program,
};

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
    /// Print results as JSON, and errors as one JSON object on the last line of stderr, for programs
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
    Backup(maintain::BackupArgs),
    Restore(maintain::RestoreArgs),
    Fsck(maintain::FsckArgs),
    Repair(repair::Args),
    Rebuild(init::RebuildArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    // Looked for before parsing: if the command line can't be parsed, that error is JSON too.
    let json = env::args_os().any(|arg| arg == "--json");
    let done = refuse_secrets().and_then(|()| match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(e) => not_a_command(e, json),
    });
    let done = match (done, terminal::unwritten()) {
        // The command did its work, but nobody can read the result.
        (Ok(()) | Err(Failure::Silent(_)), Some(unwritten)) => Err(unwritten),
        (done, _) => done,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.code();
            failure.say(json);
            ExitCode::from(code)
        }
    }
}

/// Prints the help that was asked for, or what is wrong with the command line.
fn not_a_command(e: clap::Error, json: bool) -> Result<(), Failure> {
    if e.use_stderr() && json {
        return Err(Failure::Usage(e.render().to_string().trim_end().to_owned()));
    }
    terminal::kept(e.print().and_then(|()| io::stdout().flush()));
    if e.use_stderr() { Err(Failure::Silent(2)) } else { Ok(()) }
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
        Command::Backup(args) => maintain::backup(args, &context),
        Command::Restore(args) => maintain::restore(args, &context),
        Command::Fsck(args) => maintain::fsck(args, &context),
        Command::Repair(args) => repair::run(args, &context),
        Command::Rebuild(args) => init::rebuild(args, &context),
        Command::Completions(args) => generate::completions(args, Cli::command()),
        Command::Man(args) => generate::man(args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
