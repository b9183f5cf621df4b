//! `init` makes a ledger, `rebuild` makes its indexes anew.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use serde_json::{Map, json};

use super::{
    Context, Failure, Fault, key,
    meter::Meter,
    serve::ledger_failure,
    serving::{DEFAULT_LISTEN, reached},
    terminal,
};
use crate::{
    event::{Content, EventType},
    ledger::{Ledger, LedgerError},
    note::{KeyName, Origin, SigningKey},
    store::disk,
};

/// Make a ledger in a folder that holds none
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Prints the log's public key: hand it to readers by another way than the ledger itself.

Examples:
  onrecord init --data ledger-data --origin ledger.example.org \\
      --second-key /media/safe/operator-2.key
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
    /// Key file of the operator, who runs the ledger [default: a new key, DIR/keys/operator.key]
    #[arg(long, value_name = "FILE")]
    operator_key: Option<PathBuf>,
    /// Where to make a second key of the operator, to revoke the first one with if it is lost; outside DIR, must not be there yet
    #[arg(long, value_name = "PATH")]
    second_key: Option<PathBuf>,
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
        return Err(Failure::Usage(format!(
            "--checkpoint-key: expected a key named {log_name}, found {found}"
        )));
    }
    let log_key = checkpoint_key.verifying_key().clone();
    if data.join("ledger.toml").exists() {
        // Refused before any question is asked.
        return Err(ledger_failure(LedgerError::Exists(data.display().to_string())));
    }
    let name = match args.name {
        None if terminal::can_ask() => terminal::ask_for(NAME)?,
        name => name,
    };
    let is_named = name.is_some();
    let words =
        [("name", name), ("description", args.description), ("contact", args.contact), ("rules", args.rules)];
    let words: Map<_, _> = words.into_iter().filter_map(|(n, w)| Some((n.to_owned(), w?.into()))).collect();
    let said = Content::parse(&Content::seal(words.clone(), &[], &key::random()?));
    said.and_then(|said| said.refuse_unsaid(EventType::LedgerOpened)).map_err(|e| {
        let typed = |fault: &Fault| fault.place.strip_prefix("content.").map(|name| format!("--{name}"));
        Failure::Event(e).typed_as(typed)
    })?;
    let second_file = second_file(args.second_key, &data)?;
    let mut operator = Operator::take(&data, &args.origin, args.operator_key.as_deref())?;
    let second = second_file.map(|file| Second::make(&args.origin, file)).transpose();
    let second = second.inspect_err(|_| operator.undo())?;
    let origin = args.origin.clone();
    let made = match &second {
        None => Ledger::init(&data, origin, checkpoint_key, &operator.key, words),
        Some(second) => {
            Ledger::init_with_second_key(&data, origin, checkpoint_key, &operator.key, &second.key, words)
        }
    };
    if let Err(e) = made {
        operator.undo();
        second.iter().for_each(Second::undo);
        return Err(ledger_failure(e));
    }
    operator.settle(&data)?;
    let log_file = terminal::shell(&data.join("keys/checkpoint.key").display().to_string());
    terminal::made(format!(
        "the ledger in {}; `onrecord key show {log_file}` prints its key",
        terminal::shell(&data.display().to_string())
    ));
    if let Some(second) = &second {
        terminal::made(format!(
            "the operator's second key {}",
            terminal::shell(&second.file.display().to_string())
        ));
    }
    let file = operator.file.display().to_string();
    if context.json {
        let mut said = json!({
            "data": data.display().to_string(), "origin": args.origin.as_str(),
            "log_key": log_key.to_string(),
            "operator_key": operator.key.verifying_key().to_string(), "operator_key_file": file,
        });
        if let Some(second) = &second {
            said["second_key"] = second.key.verifying_key().to_string().into();
            said["second_key_file"] = second.file.display().to_string().into();
        }
        terminal::json(&said);
        if second.is_none() {
            terminal::note(ONE_KEY);
        }
        if !is_named {
            terminal::note(NO_NAME);
        }
        return Ok(());
    }
    terminal::result(&log_key.to_string());
    let shown = terminal::shell(&data.display().to_string());
    let (program, file) = (terminal::shell(&super::program()), terminal::shell(&file));
    let (url, log_key) = (terminal::shell(&address(context)), terminal::shell(&log_key.to_string()));
    let keys = match &second {
        Some(second) => format!(
            "The operator's keys are in {file} and {}. Keep the second in another place than the first and the ledger: who \
             loses one revokes it with the other.",
            terminal::shell(&second.file.display().to_string())
        ),
        None => format!("The operator's key is in {file}: keep a copy of it elsewhere.\n{ONE_KEY}"),
    };
    let keys = if is_named { keys } else { format!("{keys}\n{NO_NAME}") };
    terminal::note(&format!(
        "A ledger is in {shown}. Above is its key: hand it to readers by another way than the ledger.\n\
         {keys}\n\
         \n\
         Next, from this folder; the second and third in another terminal, while the first runs. They serve the ledger, check it \
         as a stranger would, and register the first party that it speaks of or that writes; the third asks for what is missing.\n\
         \x20 {program} serve --data {shown}\n\
         \x20 {program} verify {url} --key {log_key}\n\
         \x20 {program} record party --ledger {url} --key {file}"
    ));
    Ok(())
}

/// The question for the ledger's name. It is asked because what the operator does stands under this name for ever.
const NAME: &str = "What the ledger is called, such as Lee & Partners; without a name, sentences say (unnamed) did it (nothing: none):";

/// The warning for an operator without a second key.
const ONE_KEY: &str = "Warning: the operator has one key. If it is lost, nobody can register parties, give roles or withhold \
                       here any more; if it is stolen, nobody can once it is revoked. Add a second one: `onrecord key new` \
                       makes it, `onrecord record key --party @0 --also-key FILE` puts it on record.";

/// The warning for a ledger without a name.
const NO_NAME: &str = "Warning: this ledger has no name, and its sentences say that (unnamed) did what the operator does. \
                       `onrecord record party-update --party @0 --name TEXT` puts a name on record; entry 0 stays without.";

/// The file to make the operator's second key in: from the flag, or asked for. None if the answer is empty, or nobody can be
/// asked.
fn second_file(flag: Option<PathBuf>, data: &Path) -> Result<Option<PathBuf>, Failure> {
    if let Some(file) = flag {
        return good_place(file, data).map(Some);
    }
    let question = "Where to make a second key of the operator, a file such as /media/stick/operator-2.key; without one, a lost \
                    key is the end of the ledger (nothing: none):";
    while terminal::can_ask()
        && let Some(answer) = terminal::ask_for(question)?
    {
        if ["yes", "y"].iter().any(|yes| answer.eq_ignore_ascii_case(yes)) {
            terminal::note("  expected the name of the file");
            continue;
        }
        // Only a shell replaces `~` with the home folder.
        if answer.starts_with('~') {
            terminal::note("  ~ stands for nothing here; expected the whole path");
            continue;
        }
        match good_place(answer.into(), data) {
            Ok(file) => return Ok(Some(file)),
            Err(Failure::Refused(why)) => terminal::note(&format!("  {why}")),
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

/// Accepts a file that does not exist yet, in a folder that does, and outside the ledger's folder.
fn good_place(file: PathBuf, data: &Path) -> Result<PathBuf, Failure> {
    let refused = |why: &str| Err(Failure::Refused(format!("--second-key {}: {why}", file.display())));
    if file.is_dir() {
        return refused("this is a folder; give the name of a file in it");
    }
    if file.symlink_metadata().is_ok() {
        return refused("there is a file already; key files are never overwritten");
    }
    // The folder above is never made: if it is not there, a disk may not be mounted.
    let Some(place) = real(&file) else {
        return refused("the folder that it is to lie in is not there; mount it, or make it");
    };
    let mut aside = data.as_os_str().to_owned();
    aside.push(".making");
    for folder in [data, Path::new(&aside)] {
        if real(folder).is_some_and(|folder| place.starts_with(folder)) {
            return refused(
                "this is inside the ledger's folder, and would be lost with it; give a place on another disk",
            );
        }
    }
    Ok(file)
}

/// The path without links and `..`. The file need not exist; `None` if its folder does not.
fn real(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(above.canonicalize().ok()?.join(path.file_name()?))
}

/// The address at which `serve` will be reached, by the settings that it will find.
fn address(context: &Context) -> String {
    let setting = |variable: &str, file: &Option<String>| env::var(variable).ok().or_else(|| file.clone());
    if let Some(url) = setting("ONRECORD_URL", &context.config.url) {
        return url;
    }
    let listen = setting("ONRECORD_LISTEN", &context.config.listen);
    let listen = listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
    match listen.parse() {
        Ok(address) => format!("http://{}", reached(address)),
        // A name and a port.
        Err(_) => format!("http://{listen}"),
    }
}

/// The operator's key, and where it is kept.
pub(super) struct Operator {
    pub key: SigningKey,
    pub file: PathBuf,
    new: bool,
}

impl Operator {
    /// Reads the operator's key, or makes a new one. A new key is on disk before it is on record; since a ledger is made only
    /// in an empty folder, it is written beside that folder first.
    pub fn take(data: &Path, origin: &Origin, file: Option<&Path>) -> Result<Self, Failure> {
        if let Some(file) = file {
            return Ok(Self { key: key::read(file)?, file: file.to_owned(), new: false });
        }
        let name = format!("{origin}/operator").parse();
        let key = key::generate(name.map_err(|e| Failure::Usage(format!("--origin: {e}")))?)?;
        let mut file = data.as_os_str().to_owned();
        file.push(".operator.key");
        let file = PathBuf::from(file);
        if let Some(above) = file.parent().filter(|d| !d.as_os_str().is_empty()) {
            disk::create_dir_all(above)
                .map_err(|e| Failure::Undecided(format!("{}: {e}", above.display())))?;
        }
        key::write_new(&file, &key)?;
        Ok(Self { key, file, new: true })
    }

    /// Moves a new key to its place in the ledger's folder.
    pub fn settle(&mut self, data: &Path) -> Result<(), Failure> {
        if !self.new {
            return Ok(());
        }
        let keys = data.join("keys");
        make_folder(&keys)?;
        let place = keys.join("operator.key");
        let failed = |e: io::Error| Failure::Undecided(format!("{}: {e}", place.display()));
        // A link fails where a rename would overwrite.
        fs::hard_link(&self.file, &place).map_err(failed)?;
        fs::remove_file(&self.file).map_err(failed)?;
        self.file = place;
        Ok(())
    }

    /// Removes a new key file, since the ledger was not made.
    pub fn undo(&self) {
        if self.new {
            let _ = fs::remove_file(&self.file);
        }
    }
}

/// A second key of the operator, and where it was made.
struct Second {
    key: SigningKey,
    file: PathBuf,
}

impl Second {
    /// Makes the key, on disk before it is on record: a key that is only on record helps nobody.
    fn make(origin: &Origin, file: PathBuf) -> Result<Self, Failure> {
        let name = format!("{origin}/operator-2").parse();
        let key = key::generate(name.map_err(|e| Failure::Usage(format!("--origin: {e}")))?)?;
        key::write_new(&file, &key)?;
        Ok(Self { key, file })
    }

    /// Removes the key file, since the ledger was not made.
    fn undo(&self) {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&self.file);
    }
}

/// Makes the folder of keys, readable by its owner alone, if it is not there.
pub(super) fn make_folder(dir: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|e| Failure::Undecided(format!("{}: {e}", dir.display())))
}

pub(super) fn rebuild(args: RebuildArgs, context: &Context) -> Result<(), Failure> {
    let data = args.data.or_else(|| context.config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let meter = Meter::new();
    let size = Ledger::rebuild(&data, &|done, of| meter.show(done, of));
    meter.clear();
    let size = size.map_err(ledger_failure)?;
    if context.json {
        terminal::json(&json!({"data": data.display().to_string(), "entries": size}));
    } else {
        let entries = if size == 1 { "entry" } else { "entries" };
        terminal::result(&format!("index made anew from {size} {entries}"));
    }
    Ok(())
}
