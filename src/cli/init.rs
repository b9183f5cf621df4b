//! `init` makes a ledger, `rebuild` makes its indexes anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use serde_json::{Map, json};

use super::{Context, Failure, key, serve::ledger_failure, terminal};
use crate::{
    ledger::{Ledger, Options},
    note::{KeyName, Origin, SigningKey},
};

/// Make a ledger in a folder that holds none
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Prints the log's public key: hand it to readers by another way than the ledger itself.

Examples:
  onrecord init --data ledger-data --origin ledger.example.org
  onrecord init --data ledger-data --origin ledger.example.org/2026 --operator-key operator.key \\
      --name \"Example ledger\" --contact editor@example.org")]
pub(super) struct Args {
    /// The ledger's folder; made if it is not there
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// The ledger's name for ever, such as ledger.example.org; a ledger that starts again takes a new one
    #[arg(long, value_name = "NAME")]
    origin: Origin,
    /// Key file that signs checkpoints; its name is the origin [default: a new key]
    #[arg(long, value_name = "FILE")]
    checkpoint_key: Option<PathBuf>,
    /// Key file of whoever runs the ledger [default: a new key, DIR/keys/operator.key]
    #[arg(long, value_name = "FILE")]
    operator_key: Option<PathBuf>,
    /// What the ledger is called
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How the operator is reached
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// Rules of admission, correction and withholding
    #[arg(long, value_name = "TEXT")]
    rules: Option<String>,
}

/// Make a ledger's indexes anew from its log
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The log is truth; indexes are made from it. The ledger must not be open elsewhere.

Example:
  onrecord rebuild --data ledger-data")]
pub(super) struct RebuildArgs {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let log_name = KeyName::from(args.origin.clone());
    let checkpoint_key = match &args.checkpoint_key {
        Some(file) => key::read(file)?,
        None => key::generate(log_name.clone())?,
    };
    if *checkpoint_key.verifying_key().name() != log_name {
        let found = checkpoint_key.verifying_key().name();
        return Err(Failure::Usage(format!("--checkpoint-key: expected a key named {log_name}, found {found}")));
    }
    let log_key = checkpoint_key.verifying_key().clone();
    let operator = Operator::take(&data, &args.origin, args.operator_key.as_deref())?;
    let words = [
        ("name", args.name),
        ("description", args.description),
        ("contact", args.contact),
        ("rules", args.rules),
    ];
    let words: Map<_, _> = words.into_iter().filter_map(|(n, w)| Some((n.to_owned(), w?.into()))).collect();
    if let Err(e) = Ledger::init(&data, args.origin.clone(), checkpoint_key, &operator.key, words) {
        operator.undo();
        return Err(ledger_failure(e));
    }
    let file = operator.file.display().to_string();
    if context.json {
        terminal::json(&json!({
            "data": data.display().to_string(), "origin": args.origin.as_str(),
            "log_key": log_key.to_string(),
            "operator_key": operator.key.verifying_key().to_string(), "operator_key_file": file,
        }));
        return Ok(());
    }
    terminal::result(&log_key.to_string());
    let shown = terminal::shell(&data.display().to_string());
    terminal::note(&format!(
        "A ledger is in {shown}. Above is its key: hand it to readers by another way than the ledger.\n\
         The operator's key is in {file}: keep a copy of it elsewhere.\n\
         Next:  {} serve --data {shown}",
        terminal::shell(&super::program())
    ));
    Ok(())
}

/// The operator's key, and what was made for it.
pub(super) struct Operator {
    pub key: SigningKey,
    pub file: PathBuf,
    /// Folders that were made, the outermost first.
    made: Vec<PathBuf>,
    new: bool,
}

impl Operator {
    /// Reads the operator's key, or makes a new one in `DIR/keys`.
    pub fn take(data: &Path, origin: &Origin, file: Option<&Path>) -> Result<Self, Failure> {
        if let Some(file) = file {
            return Ok(Self { key: key::read(file)?, file: file.to_owned(), made: Vec::new(), new: false });
        }
        let name = format!("{origin}/operator").parse();
        let key = key::generate(name.map_err(|e| Failure::Usage(format!("--origin: {e}")))?)?;
        let keys = data.join("keys");
        let made = make_folders(&keys)?;
        let operator = Self { key, file: keys.join("operator.key"), made, new: true };
        match key::write_new(&operator.file, &operator.key) {
            Ok(()) => Ok(operator),
            Err(e) => {
                Self { new: false, ..operator }.undo();
                Err(e)
            }
        }
    }

    /// Leaves nothing behind of a ledger that was not made.
    pub fn undo(&self) {
        if self.new {
            let _ = fs::remove_file(&self.file);
        }
        for dir in self.made.iter().rev() {
            let _ = fs::remove_dir(dir);
        }
    }
}

/// Makes a folder, readable by its owner alone, and those above it. Gives the ones that were not there.
pub(super) fn make_folders(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut missing: Vec<PathBuf> = dir
        .ancestors()
        .take_while(|d| !d.as_os_str().is_empty() && !d.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    for made in &missing {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        if made == dir {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        }
        match builder.create(made) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Failure::Undecided(format!("{}: {e}", made.display())));
            }
            _ => {}
        }
    }
    Ok(missing)
}

pub(super) fn rebuild(args: RebuildArgs, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let ledger = Ledger::open(&data, Options::default()).map_err(ledger_failure)?;
    let size = ledger.reader().checkpoint().checkpoint().size();
    ledger.close();
    if context.json {
        terminal::json(&json!({"data": data.display().to_string(), "entries": size}));
    } else {
        terminal::result(&format!("indexes of {size} entries are made anew"));
    }
    Ok(())
}
