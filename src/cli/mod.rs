//! Commands: how people run, write, read and check a ledger from a terminal.
//!
//! Each command is a file. What a command found or made goes to stdout, alone; all else (progress, questions,
//! warnings, faults) goes to stderr. Exit codes: 0 done, 1 refused or rejected, 2 usage, 3 could not decide.
//! Settings come from flags, then the environment, then one TOML file ([`Config`]).

mod case;
mod client;
mod config;
mod demo;
mod duration;
mod event;
mod exhibit;
mod generate;
mod hear;
mod init;
mod key;
mod kind;
mod maintain;
mod meter;
mod mirror;
mod notify;
mod ready;
mod record;
mod repair;
mod search;
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
    ffi::OsStr,
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, Subcommand, builder::TypedValueParser};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub use config::{Config, ConfigError, Limits};

use crate::{
    event::Refusal,
    note::{VerifyingKey, holds_bare_secret},
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

/// What every command is given beside its own flags.
struct Context {
    json: bool,
    config: Config,
}

impl Context {
    /// The failure for a setting that no flag, variable or file gave.
    fn missing(&self, flag: &str, key: &str) -> Failure {
        let variable = key.to_uppercase();
        Failure::Usage(format!("give {flag} (or ONRECORD_{variable}, or `{key}` in onrecord.toml)"))
    }
}

/// One thing that is wrong with what was submitted.
#[derive(Debug)]
struct Fault {
    /// The refusal's code, as the ledger gives it.
    code: String,
    /// The member that is wrong.
    place: String,
    /// What was typed for that member: the flag and its value.
    typed: Option<String>,
    message: String,
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
enum Failure {
    /// Refused by the ledger's rules: printed as `CODE: place: message`, or as `flag: message (CODE)` where a flag gave it.
    Event(Refusal),
    /// The same, as a ledger said it, with the exit code.
    Submission(Vec<Fault>, u8),
    /// Refused or rejected for another reason.
    Refused(String),
    /// What was asked for makes no sense as it stands.
    Usage(String),
    /// It could not be found out, or not be done.
    Undecided(String),
    /// Everything is printed already. Holds the exit code.
    Silent(u8),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Event(_) | Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Undecided(_) => 3,
            Self::Submission(_, code) | Self::Silent(code) => *code,
        }
    }

    /// Adds to each fault what was typed for its member, as `typed` tells it.
    fn typed_as(self, typed: impl Fn(&Fault) -> Option<String>) -> Self {
        let (faults, code) = match self {
            Self::Event(refusal) => (vec![refusal.into()], 1),
            Self::Submission(faults, code) => (faults, code),
            other => return other,
        };
        let named = faults
            .into_iter()
            .map(|fault| Fault { typed: fault.typed.clone().or_else(|| typed(&fault)), ..fault });
        Self::Submission(named.collect(), code)
    }

    /// Rewrites the messages with `flags`, which names flags in place of members.
    fn worded(self, flags: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Submission(faults, code) => {
                let worded = faults.into_iter().map(|f| Fault { message: flags(&f.message), ..f });
                Self::Submission(worded.collect(), code)
            }
            other => other,
        }
    }

    /// Puts `typed`, a flag or what else was typed, before a usage error.
    fn of(self, typed: &str) -> Self {
        match self {
            Self::Usage(why) => Self::Usage(format!("{typed}: {why}")),
            other => other,
        }
    }

    /// Prints it as a warning after `what`; the command goes on.
    fn warn(self, what: &str) {
        let why = match self {
            Self::Event(refusal) => refusal.to_string(),
            Self::Submission(faults, _) => faults
                .iter()
                .map(|fault| format!("{}: {}", fault.place, fault.message))
                .collect::<Vec<_>>()
                .join("; "),
            Self::Silent(_) => return,
            Self::Refused(why) | Self::Usage(why) | Self::Undecided(why) => why,
        };
        terminal::note(&format!("{what}: {why}"));
    }

    /// Prints it to stderr.
    fn say(self, json: bool) {
        let code = self.code();
        let said = match self {
            Self::Event(refusal) => vec![refusal.into()],
            Self::Submission(faults, _) => faults,
            Self::Silent(_) => return,
            Self::Refused(why) | Self::Usage(why) | Self::Undecided(why) => {
                match json {
                    true => terminal::json_errors(&json!({"errors": [{"message": why}], "exit": code})),
                    false => terminal::note(&format!("onrecord: {why}")),
                }
                return;
            }
        };
        if json {
            let errors: Vec<_> = said.iter().map(Fault::to_json).collect();
            terminal::json_errors(&json!({"errors": errors, "exit": code}));
        } else {
            said.iter().for_each(|fault| terminal::note(&fault.to_string()));
        }
    }
}

impl Fault {
    fn to_json(&self) -> Value {
        let mut json = json!({"code": self.code, "place": self.place, "message": self.message});
        if let Some(typed) = &self.typed {
            json["typed"] = typed.as_str().into();
        }
        json
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, place, message, .. } = self;
        match &self.typed {
            Some(typed) => write!(f, "{typed}: {message} ({code})"),
            None => write!(f, "{code}: {place}: {message}"),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, place, message } = refusal;
        Self { code: code.to_string(), place, typed: None, message }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Event(refusal)
    }
}

/// How a secret key begins in its key file, and nothing else may.
const SECRET: &str = "PRIVATE+KEY+";

/// Whether bytes hold a secret key, with its beginning or without.
fn holds_secret(bytes: &[u8]) -> bool {
    let holds = |bytes: &[u8]| {
        bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) || holds_bare_secret(bytes)
    };
    // Some editors save text as UTF-16, where every other byte of a key is 0.
    holds(bytes)
        || bytes.contains(&0)
            && holds(&Zeroizing::new(bytes.iter().copied().filter(|b| *b != 0).collect::<Vec<_>>()))
}

/// Refuses a secret key in what would go on record, where everyone could read it for ever. `what` names the place.
fn refuse_secret_in(what: &str, bytes: &[u8]) -> Result<(), Failure> {
    if !holds_secret(bytes) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{what}: a secret key stands in it, and everyone could read it for ever. Nothing was sent. If you mean to show this key, \
         make another one to use, and leave out the last part of this one: that is the secret"
    )))
}

/// Refuses a secret key on the command line or in the environment, before any error could quote it.
fn refuse_secrets() -> Result<(), Failure> {
    let holds = |text: &OsStr| holds_secret(text.to_string_lossy().as_bytes());
    let what = if env::args_os().any(|arg| holds(&arg)) {
        "on the command line".to_owned()
    } else {
        let set = env::vars_os()
            .find(|(name, value)| name.to_string_lossy().starts_with("ONRECORD_") && holds(value));
        let Some((name, _)) = set else { return Ok(()) };
        format!("in {}", name.to_string_lossy())
    };
    Err(Failure::Usage(format!(
        "a secret key stands {what}, where other programs and a shell's history can read it. To sign, give the name of its key \
         file; where a public key is asked for, give what `onrecord key show FILE` prints. Anyone who has seen it can sign with \
         it: think of a new key"
    )))
}

/// Text that was given for a public key and is none, to quote in an error, with a blank before it. Empty if the text could be
/// a part of a secret key.
fn repeated(text: &str) -> String {
    /// A shorter run of base64 tells too little of a key to matter.
    const FEW: usize = 16;
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    match text.split(|c| !of_base64(c)).all(|run| run.len() < FEW) {
        true => format!(" {text}"),
        false => String::new(),
    }
}

/// Reads a public key, and repeats nothing that may be a part of a secret one.
#[derive(Debug, Clone, Copy)]
struct PublicKey;

impl TypedValueParser for PublicKey {
    type Value = VerifyingKey;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<VerifyingKey, clap::Error> {
        let value = value.to_string_lossy();
        value.parse().map_err(|e| {
            let arg = arg.map_or_else(|| "VKEY".to_owned(), ToString::to_string);
            let why = format!("invalid value{} for '{arg}': {e}", repeated(&value));
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, why).with_cmd(command)
        })
    }
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

/// The command as the user called it, for commands to paste.
fn program() -> String {
    env::args().next().unwrap_or_else(|| "onrecord".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
