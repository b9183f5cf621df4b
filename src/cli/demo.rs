//! `demo`: a ledger with the story in it, and what to try.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::{
    Context, Failure,
    config::LogLevel,
    key,
    serve::ledger_failure,
    serving::{Asked, Bound, DEFAULT_LISTEN, bind, local, reached, start_log},
    terminal, verify,
};
use crate::{
    event::{Body, Content, EventId, EventType},
    ledger::{Filter, Ledger, Options, ReadError, Reader, StoredWords},
    note::{KeyName, Origin, SigningKey},
    story::Story,
    verify::{Options as Checked, Verdict},
};

/// The demonstration's origin. Its ledgers are told apart by their keys.
const ORIGIN: &str = "demo.onrecord.example";

/// Make a ledger with a story in it, serve it, and say what to try
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A folder that holds a ledger already is served as it is.

Examples:
  onrecord demo
  onrecord demo --listen 127.0.0.1:8081
  onrecord demo --tampered            change one byte of a copy, and see verify refuse it")]
pub(super) struct Args {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", default_value = "demo-ledger")]
    data: PathBuf,
    /// Address and port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "ONRECORD_LISTEN", hide_env_values = true)]
    listen: Option<String>,
    /// Make the ledger and exit
    #[arg(long)]
    no_serve: bool,
    /// Copy the ledger's public files to DIR-tampered, change one byte of one entry, verify both, and exit
    #[arg(long)]
    tampered: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let data = &args.data;
    // Bound first, so that nobody waits for a ledger to be made only to hear that the port is taken.
    let listener = if args.no_serve || args.tampered {
        None
    } else {
        let listen = args.listen.as_deref().or(context.config.listen.as_deref());
        Some(bind(listen.unwrap_or(DEFAULT_LISTEN), "--listen")?)
    };
    let there = data.join("ledger.toml").exists();
    if args.tampered {
        if !there {
            make(data)?.close();
        }
        return tamper(data, context);
    }
    let ledger = if there {
        terminal::note(&format!("{} holds a ledger already; it is served as it is.", data.display()));
        Ledger::open(data, options()).map_err(ledger_failure)?
    } else {
        make(data)?
    };
    let address = listener.as_ref().map(local).transpose()?;
    let told = summary(&ledger, data, address, context)?;
    let say = move || terminal::result(&told);
    match listener {
        Some(listener) => {
            start_log(LogLevel::Warn);
            let options = crate::serve::Options { cors: Some(true), ..crate::serve::Options::default() };
            Bound { listener, metrics: None, options }.until_stopped(ledger, Asked::default(), say, || {})
        }
        None => {
            say();
            ledger.close();
            Ok(())
        }
    }
}

/// How the demo's ledger is opened: whatever the clock says, since it may lie unused for long and is no real record.
fn options() -> Options {
    Options { accept_clock: true, ..Options::default() }
}

/// Makes the demo's ledger and opens it. It is made under another name and renamed when it is complete, so that the next
/// start does not serve half a story.
fn make(data: &Path) -> Result<Ledger, Failure> {
    let mut aside = data.as_os_str().to_owned();
    aside.push(".demo");
    let aside = Path::new(&aside);
    let failed = |e: std::io::Error| Failure::Undecided(format!("{}: {e}", data.display()));
    if aside.exists() {
        std::fs::remove_dir_all(aside).map_err(failed)?;
    }
    tell(aside)?.close();
    std::fs::rename(aside, data).map_err(failed)?;
    Ledger::open(data, options()).map_err(ledger_failure)
}

/// Makes a ledger with fresh keys, and tells it the story.
fn tell(data: &Path) -> Result<Ledger, Failure> {
    let failed = |what: String| Failure::Undecided(what);
    let story = Story::load().map_err(|e| failed(e.to_string()))?;
    let origin: Origin = ORIGIN.parse().map_err(|e| failed(format!("{ORIGIN}: {e}")))?;
    let names = story.key_names(&origin).map_err(|e| failed(e.to_string()))?;
    let keys: BTreeMap<String, SigningKey> = names
        .into_iter()
        .map(|(label, name)| Ok((label, key::generate(name)?)))
        .collect::<Result<_, Failure>>()?;
    let operator = keys.get("operator").ok_or_else(|| failed("the story has no operator".into()))?;
    let log_key = key::generate(KeyName::from(origin.clone()))?;
    let words: Map<String, Value> = [
        ("name", "Onrecord demonstration"),
        ("description", "A ledger to try things on. Three cases come from the public press of December 2023; the fourth is fictional."),
        ("contact", "Whoever ran `onrecord demo` on this machine."),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.into()))
    .collect();
    Ledger::init(data, origin, log_key, operator, words).map_err(ledger_failure)?;
    let folder = data.join("keys");
    super::init::make_folder(&folder)?;
    for (label, key) in &keys {
        key::write_new(&folder.join(format!("{label}.key")), key)?;
    }
    let ledger = Ledger::open(data, options()).map_err(ledger_failure)?;
    let salts = story.records.iter().map(|_| key::random()).collect::<Result<Vec<[u8; 16]>, _>>()?;
    story.tell(&ledger, &keys, salts.into_iter(), |_| {}).map_err(|e| failed(e.to_string()))?;
    Ok(ledger)
}

/// A case, as the summary shows it.
struct Case {
    id: EventId,
    index: u64,
    title: String,
    fictional: bool,
}

fn read_failure(e: ReadError) -> Failure {
    Failure::Undecided(format!("the ledger: {e}"))
}

fn list(reader: &Reader, event_type: EventType, case: Option<EventId>) -> Result<Vec<u64>, Failure> {
    let filter = Filter { types: vec![event_type], case, ..Filter::default() };
    reader.list(&filter, 0..=u64::MAX, false, 100).map_err(read_failure)
}

fn cases(reader: &Reader) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    for index in list(reader, EventType::CaseOpened, None)? {
        let Some(entry) = reader.parsed(index).map_err(read_failure)? else { continue };
        let Body::CaseOpened(opened) = entry.event().body() else { continue };
        let words = match reader.words(index).map_err(read_failure)? {
            StoredWords::Present(bytes) => Content::parse(&bytes).ok(),
            _ => None,
        };
        let title = words.as_ref().and_then(|w| w.text("title")).unwrap_or("a case").to_owned();
        let (id, fictional) = (entry.event().id(), opened.fictional == Some(true));
        cases.push(Case { id, index, title, fictional });
    }
    Ok(cases)
}

/// A `record statement` command that works on this ledger. It follows the first report in a fictional case, so that trying
/// it attributes nothing to a real person.
fn example(reader: &Reader, cases: &[Case], data: &Path, base: &str) -> Result<Option<String>, Failure> {
    let key = data.join("keys/desk.key");
    let Some(case) = cases.iter().find(|c| c.fictional && key.exists()) else { return Ok(None) };
    for index in list(reader, EventType::StatementMade, Some(case.id))? {
        let Some(entry) = reader.parsed(index).map_err(read_failure)? else { continue };
        let Body::StatementMade(made) = entry.event().body() else { continue };
        let Some(reported) = made.reports.as_ref().and_then(|ids| ids.first()) else { continue };
        let number = |id| reader.index_of(id).map_err(read_failure);
        let (Some(speaker), Some(reported)) = (number(&made.speaker)?, number(reported)?) else { continue };
        let line = format!(
            "{} record statement --ledger {base} --key {} \\\n    --case @{} --speaker @{speaker} --reports @{reported} \
             --standing report --language en --yes \\\n    --text 'The agency says that its booking portal is open again.'",
            terminal::shell(&super::program()),
            terminal::shell(&key.display().to_string()),
            case.index,
        );
        return Ok(Some(line));
    }
    Ok(None)
}

/// What the ledger holds and what to try, in words; or what it holds, as JSON.
fn summary(
    ledger: &Ledger,
    data: &Path,
    address: Option<SocketAddr>,
    context: &Context,
) -> Result<String, Failure> {
    let reader = ledger.reader();
    let size = reader.checkpoint().checkpoint().size();
    let cases = cases(reader)?;
    let base = address.map(|address| format!("http://{}", reached(address)));
    let key = reader.log_key().to_string();
    if context.json {
        let cases = cases.iter().map(|case| {
            let url = base.as_ref().map(|base| format!("{base}/case/{}", case.id));
            json!({"title": case.title, "id": case.id, "index": case.index, "fictional": case.fictional, "url": url})
        });
        let told = json!({
            "data": data.display().to_string(), "origin": reader.origin().as_str(), "log_key": key, "entries": size,
            "url": base, "cases": cases.collect::<Vec<_>>(),
        });
        return Ok(format!("{told:#}"));
    }
    let program = terminal::shell(&super::program());
    let folder = terminal::shell(&data.display().to_string());
    let mut out =
        format!("A ledger of {size} entries is in {}. Its key:\n  {key}\n\nCases\n", data.display());
    for case in &cases {
        let told = case.title.contains("fictional");
        let mark = if case.fictional && !told { " (fictional)" } else { "" };
        out.push_str(&format!("  {}{mark}\n", case.title));
        if let Some(base) = &base {
            out.push_str(&format!("    {base}/case/{}\n", case.id));
        }
    }
    out.push_str(if base.is_some() { "\nTry, in a browser and in another terminal\n" } else { "\nTry\n" });
    match &base {
        Some(base) => {
            out.push_str(&format!(
                "  {base}/       what this is\n  {base}/e/{}   one entry\n\n",
                size.saturating_sub(1)
            ));
            if let Some(line) = example(reader, &cases, data, base)? {
                out.push_str(&format!("  Put a statement on record:\n{}\n\n", indent(&line)));
            }
            out.push_str(&format!(
                "  Check the ledger, trusting nobody:\n    {program} verify {base} --key {key}\n\n"
            ));
        }
        None => out.push_str(&format!(
            "  {program} serve --data {folder}\n  {program} verify {folder} --key {key}\n"
        )),
    }
    let data_flag =
        if data == Path::new("demo-ledger") { String::new() } else { format!(" --data {folder}") };
    out.push_str(&format!(
        "  See a copy with one byte changed refused:\n    {program} demo{data_flag} --tampered\n"
    ));
    if base.is_some() {
        out.push_str("\nServing until Ctrl-C.\n");
    }
    Ok(terminal::plain(&out))
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Copies the public files, changes one byte, and shows both verified.
fn tamper(data: &Path, context: &Context) -> Result<(), Failure> {
    let mut name = data.as_os_str().to_owned();
    name.push("-tampered");
    let copy = PathBuf::from(name);
    let failed = |e: std::io::Error| Failure::Undecided(format!("{}: {e}", copy.display()));
    copy_folder(&data.join("public"), &copy).map_err(failed)?;
    let change = change_one_byte(&copy.join("tile/entries")).map_err(failed)?;
    let Some(change) = change else {
        return Err(Failure::Undecided(format!("{}: there is no entry to change", copy.display())));
    };
    let key = verify::check(data.as_os_str(), None, &Checked::default())?.log_key;
    let Some(key) = key else {
        return Err(Failure::Undecided(format!("{}: its key could not be read", data.display())));
    };
    let check = |dir: &Path| verify::check(dir.as_os_str(), Some(&key), &Checked::default());
    let (whole, changed) = (check(data)?, check(&copy)?);
    let as_expected = whole.verdict == Verdict::Valid && changed.verdict == Verdict::Refused;
    if context.json {
        terminal::json(&json!({"ledger": whole, "copy": changed, "change": change}));
    } else {
        let program = terminal::shell(&super::program());
        let line = |dir: &Path| {
            format!("$ {program} verify {} --key {key}", terminal::shell(&dir.display().to_string()))
        };
        let text = format!(
            "{} is a copy of the public files of {}, with one byte changed:\n{change}.\n\n{}\n\n{whole}\n{}\n\n{changed}",
            copy.display(),
            data.display(),
            line(data),
            line(&copy),
        );
        terminal::result(&terminal::plain(&text));
    }
    if as_expected { Ok(()) } else { Err(Failure::Refused("verify did not tell the two apart".into())) }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for item in fs::read_dir(from)? {
        let item = item?;
        let target = to.join(item.file_name());
        if item.file_type()?.is_dir() {
            copy_folder(&item.path(), &target)?;
        } else {
            fs::copy(item.path(), target)?;
        }
    }
    Ok(())
}

/// Turns 566 signatures into 567 in every bundle below `dir` that holds the story's entry. In a ledger without that entry,
/// flips one bit in the middle of each bundle. Says what was changed.
fn change_one_byte(dir: &Path) -> std::io::Result<Option<String>> {
    const COUNT: &[u8] = b"\"count\":566";
    let (mut bundles, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder)? {
            let path = item?.path();
            if path.is_dir() { folders.push(path) } else { bundles.push(path) }
        }
    }
    bundles.sort();
    let mut change = None;
    for path in &bundles {
        let mut bytes = fs::read(path)?;
        if let Some(at) = bytes.windows(COUNT.len()).position(|w| w == COUNT) {
            bytes[at + COUNT.len() - 1] = b'7';
            fs::write(path, bytes)?;
            change = Some("a collection of 566 signatures says 567".to_owned());
        }
    }
    if change.is_none() {
        for path in &bundles {
            let mut bytes = fs::read(path)?;
            let at = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
                fs::write(path, bytes)?;
                change = Some("one bit of a bundle of entries is turned".to_owned());
            }
        }
    }
    Ok(change)
}
