//! `event`: what `record` does, in single steps, for scripts and for keys that are kept elsewhere.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{
    Context, Failure,
    client::Client,
    explanation::explain,
    key,
    record::{self, When},
    refuse_secret_in, terminal, withhold,
};
use crate::{
    event::{
        At, Code, Content, ContentRef, Draft, Event, EventId, EventType, FactKind, MAX_CONTENT, MAX_EVENT,
    },
    log::MAX_ENTRY,
    note::{Origin, SignatureLine, SignedNote, SigningKey, VerifyingKey},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the three lines of an event, unsigned
    #[command(after_help = "\
Examples:
  onrecord event new --type collection.closed --origin ledger.example.org --by VKEY --case ID \\
      --ref collection=ID --fact count=566 > count.txt
  onrecord event new --type statement.made --origin ledger.example.org --by VKEY --case ID --ref speaker=ID \\
      --fact standing=report --fact language=en --words words.json --content-out words.blob > statement.txt
  onrecord event sign --key desk.key --yes statement.txt | onrecord event submit --ledger URL - --content words.blob")]
    New(New),
    /// Sign the three lines, or add signatures to a note
    #[command(after_help = "\
Examples:
  onrecord event sign --key desk.key statement.txt > statement.note
  onrecord event sign --key desk.key --ledger https://ledger.example.org statement.txt > statement.note
  cat statement.txt | onrecord event sign --key desk.key --yes - > statement.note")]
    Sign {
        /// Key file (may be repeated); its public key must stand in `by`
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
        /// The three lines, or a note that others signed; - is stdin
        text: PathBuf,
        /// The ledger that the event is meant for; its sentence there is shown before you sign
        #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
        ledger: Option<String>,
        /// Sign without asking
        #[arg(short, long)]
        yes: bool,
    },
    /// Submit a signed note and its words; asks nothing, since its author has signed
    #[command(after_help = "\
A refusal is printed as CODE: place: message, exit code 1.

Examples:
  onrecord event submit --ledger http://127.0.0.1:8080 statement.note --content words.blob
  cat count.note | onrecord event submit --ledger http://127.0.0.1:8080 -
  onrecord event submit --ledger http://127.0.0.1:8080 letter.note --content words.blob --file letter.pdf \\
      --embargo --key operator.key --yes")]
    Submit {
        /// The ledger's address
        #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
        ledger: Option<String>,
        /// The signed note; - is stdin
        note: PathBuf,
        /// The words it commits to, byte for byte
        #[arg(long, value_name = "FILE")]
        content: Option<PathBuf>,
        /// With content.released: the words that are given back, byte for byte
        #[arg(long, value_name = "FILE")]
        restored: Option<PathBuf>,
        /// A file that the words name, to upload first (may be repeated)
        #[arg(long, value_name = "PATH")]
        file: Vec<PathBuf>,
        /// Accept a table among files that stand beside signatures, since it lists nobody who signed
        #[arg(long, requires = "file")]
        public_file: bool,
        /// Withhold its words and files in the same step, so that they are never public
        #[arg(long, requires = "key", requires = "content")]
        embargo: bool,
        /// With --embargo: key file of the operator, who withholds
        #[arg(long, value_name = "FILE", requires = "embargo")]
        key: Option<PathBuf>,
        /// With --embargo: sign the withholding without asking
        #[arg(short, long, requires = "embargo")]
        yes: bool,
    },
    /// Explain a signed note, or a whole entry
    #[command(after_help = "\
Exit codes: 0 the signatures are good, 1 they are not, or it is no event. This does not check that the keys were on
record: `onrecord verify` does, with the ledger.

Examples:
  onrecord event show statement.note
  curl -s URL/entry/12 | onrecord event show -")]
    Show {
        /// The note or entry; - is stdin
        note: PathBuf,
    },
}

/// Arguments of `event new`.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// The event type
    #[arg(long = "type", value_name = "TYPE", value_parser = clap::builder::PossibleValuesParser::new(EventType::ALL.iter().map(|t| t.as_str())), hide_possible_values = true)]
    event_type: String,
    /// The ledger it is meant for
    #[arg(long, value_name = "ORIGIN")]
    origin: Origin,
    /// Public key of a signer, the author's first (may be repeated)
    #[arg(long, value_name = "VKEY", required = true, value_parser = super::PublicKey)]
    by: Vec<VerifyingKey>,
    /// The ledger's address; needed where --case or --ref is a number or a permalink
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    #[command(flatten)]
    when: When,
    /// The case: its id, its number (@12 or 12), or its permalink
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// An event that it points at, named in one of the ways of --case (may be repeated, also with the same role)
    #[arg(long = "ref", value_name = "ROLE=ID")]
    refs: Vec<String>,
    /// A fact (may be repeated; several with the same name make a list)
    #[arg(long = "fact", value_name = "NAME=VALUE")]
    facts: Vec<String>,
    /// The words, a JSON object; salt and files are added
    #[arg(long, value_name = "FILE", requires = "content_out", conflicts_with = "content")]
    words: Option<PathBuf>,
    /// A file that the words name (may be repeated)
    #[arg(long, value_name = "PATH", requires = "content_out")]
    file: Vec<PathBuf>,
    /// Accept a table among files that stand beside signatures, since it lists nobody who signed
    #[arg(long, requires = "file")]
    public_file: bool,
    /// Where to write the blob of the words; must not be there yet
    #[arg(long, value_name = "FILE")]
    content_out: Option<PathBuf>,
    /// An existing blob of words, which the event commits to as it is
    #[arg(long, value_name = "FILE", conflicts_with = "content_out")]
    content: Option<PathBuf>,
}

pub(super) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::New(args) => new(args, context),
        Command::Sign { key, text, ledger, yes } => {
            let ledger = ledger.or_else(|| context.config.ledger.clone());
            sign(&key, &text, ledger.as_deref(), yes, context)
        }
        Command::Submit { ledger, note, content, restored, file, public_file, embargo: _, key, yes } => {
            let ledger = ledger.or_else(|| context.config.ledger.clone());
            let ledger = ledger.ok_or_else(|| context.missing("--ledger URL", "ledger"))?;
            let words = (content.as_deref(), restored.as_deref());
            submit(&ledger, &note, words, (&file, public_file), key.as_deref().map(|key| (key, yes)), context)
        }
        Command::Show { note } => show(&note, context),
    }
}

fn new(args: New, context: &Context) -> Result<(), Failure> {
    let usage = |what: String| Failure::Usage(what);
    let event_type = EventType::from_name(&args.event_type)
        .ok_or_else(|| usage(format!("--type {}: no such event type", args.event_type)))?;
    let spec = event_type.spec();
    let mut names = Names {
        ledger: args.ledger.as_ref().or(context.config.ledger.as_ref()),
        origin: &args.origin,
        client: None,
    };

    let mut given: Vec<(&str, Vec<String>)> = Vec::new();
    for pair in &args.facts {
        let (name, value) = record::pair("fact", pair, "NAME=VALUE")?;
        match given.iter_mut().find(|(n, _)| *n == name) {
            Some((_, values)) => values.push(value.to_owned()),
            None => given.push((name, vec![value.to_owned()])),
        }
    }
    let (mut facts, mut dates) = (Map::new(), Vec::new());
    for (name, values) in given {
        let Some(fact) = spec.fact(name) else {
            let known: Vec<_> = spec.facts.iter().map(|f| f.name).collect();
            return Err(usage(format!("--fact {name}: {event_type} has {}", one_of("fact", &known))));
        };
        let typed = || match values.as_slice() {
            [only] => format!("--fact {name}={only}"),
            _ => format!("--fact {name}"),
        };
        let value = record::fact(&format!("fact {name}"), fact, &values);
        facts.insert(name.to_owned(), value.map_err(|e| e.typed_as(|_| Some(typed())))?);
        if matches!(fact.kind, FactKind::At | FactKind::Day) && !record::is_to_come(event_type, fact) {
            // A date that can't be read is refused later, with the form it should have.
            dates.extend(values.iter().filter_map(|date| Some((name.to_owned(), At::parse(date).ok()?))));
        }
    }
    let case = args.case.as_ref().map(|case| names.id("--case", case)).transpose()?;
    let zone = names.zone(case.as_ref(), &facts, &args.when)?;
    let at = args.when.read(zone.as_deref())?;
    for (name, date) in &dates {
        args.when.refuse_ahead(&format!("--fact {name}"), date, zone.as_deref())?;
    }
    if let (Some(_), None, None) = (case, &zone, &args.when.at) {
        terminal::note(&format!(
            "It happened at {at}, since --at was left out: in UTC, where it may be another day than where the case is. The ledger \
             (--ledger URL) knows the zone of the case"
        ));
    }
    let mut refs: Map<String, Value> = Map::new();
    for pair in &args.refs {
        let (role, id) = record::pair("ref", pair, "ROLE=ID")?;
        let Some(spec) = spec.role(role) else {
            let known: Vec<_> = spec.refs.iter().map(|r| r.role).collect();
            return Err(usage(format!("--ref {role}: {event_type} has {}", one_of("role", &known))));
        };
        let id = names.id(&format!("--ref {role}"), id)?;
        match refs.get_mut(role) {
            Some(Value::Array(ids)) => ids.push(id.to_string().into()),
            Some(_) => return Err(usage(format!("--ref {role}: expected one id"))),
            None if spec.many => _ = refs.insert(role.to_owned(), vec![id.to_string()].into()),
            None => _ = refs.insert(role.to_owned(), id.to_string().into()),
        }
    }
    let mut written = None;
    let content = match (&args.content, &args.content_out) {
        (Some(file), _) => Some(record::read_small(file, MAX_CONTENT)?),
        (None, Some(out)) => {
            let words: Map<String, Value> = match &args.words {
                None => Map::new(),
                Some(file) => {
                    let bytes = record::read_small(file, MAX_CONTENT)?;
                    let place = file.display().to_string();
                    let text =
                        std::str::from_utf8(&bytes).map_err(|_| usage(format!("{place}: expected UTF-8")))?;
                    match Content::json(record::without_mark(&place, text)) {
                        Ok(Value::Object(words)) => words,
                        Ok(_) => return Err(usage(format!("{place}: expected a JSON object"))),
                        Err(e) => return Err(usage(format!("{place}: expected a JSON object: {e}"))),
                    }
                }
            };
            let files = args.file.iter().map(|f| record::file_ref(f)).collect::<Result<Vec<_>, _>>()?;
            let blob = Content::seal(words, &files, &key::random()?);
            refuse_secret_in("--words", &blob)?;
            Content::parse(&blob)?.refuse_unsaid(event_type)?;
            let ids = refs.values().flat_map(|ids| match ids {
                Value::Array(ids) => ids.as_slice(),
                id => std::slice::from_ref(id),
            });
            let ids = ids.filter_map(|id| id.as_str()?.parse().ok()).collect();
            let beside = !args.file.is_empty() && names.is_beside_signatures(event_type, ids)?;
            record::announce(beside || refs.contains_key("collection"), &args.file, args.public_file)?;
            written = Some(out.as_path());
            Some(blob)
        }
        (None, None) => None,
    };
    let commitment = content.as_deref().map(ContentRef::of);
    let draft = Draft { event_type, at, case, refs, facts, content: commitment };
    let text = draft.text(&args.origin, &args.by);
    // Written last: after a refusal no file is left behind that would stop the next try.
    if let (Some(out), Some(blob)) = (written, &content) {
        write_new(out, blob)?;
    }
    match context.json {
        true => terminal::json(&json!({ "text": text })),
        false => terminal::raw(text.as_bytes()),
    }
    // If the event could not be printed, its words are of no use.
    if let (Some(out), true) = (written, terminal::is_unwritten()) {
        let _ = std::fs::remove_file(out);
    }
    Ok(())
}

/// Turns names of events into ids. The ledger is asked where a name is not an id.
struct Names<'a> {
    ledger: Option<&'a String>,
    origin: &'a Origin,
    client: Option<Client>,
}

impl Names<'_> {
    fn id(&mut self, place: &str, given: &str) -> Result<EventId, Failure> {
        match record::Name::read(place, given, None)? {
            record::Name::Id(id) if !given.contains("://") => Ok(id),
            _ => match self.client()? {
                Some(client) => Ok(record::resolve(client, place, given)?.id),
                None => Err(Failure::Usage(format!(
                    "{place} {given}: give the ledger that knows it with --ledger URL, or its id"
                ))),
            },
        }
    }

    fn is_beside_signatures(&mut self, event_type: EventType, refs: Vec<EventId>) -> Result<bool, Failure> {
        match self.client()? {
            Some(client) => record::is_beside_signatures(client, event_type, refs),
            None => Ok(event_type.as_str().starts_with("collection.")),
        }
    }

    /// The time zone of the case, in which dates are read. None without a case or without a ledger, or if `--at` was given
    /// and the ledger can't be reached.
    fn zone(
        &mut self,
        case: Option<&EventId>,
        facts: &Map<String, Value>,
        when: &When,
    ) -> Result<Option<String>, Failure> {
        // An event that opens a case brings the zone itself.
        if let Some(zone) = facts.get("timezone").and_then(Value::as_str) {
            return Ok(Some(zone.to_owned()));
        }
        let Some(case) = case else { return Ok(None) };
        let asked = self.client().and_then(|client| match client {
            Some(client) => client.zone_of(case),
            None => Ok(None),
        });
        match asked {
            Err(Failure::Undecided(_)) if when.at.is_some() => Ok(None),
            asked => asked,
        }
    }

    /// The ledger, if one was given. Connects at the first call only.
    fn client(&mut self) -> Result<Option<&Client>, Failure> {
        if let (None, Some(ledger)) = (&self.client, self.ledger) {
            let client = Client::connect(ledger)?;
            if client.origin() != self.origin {
                let why = format!("--origin {}: the ledger at {ledger} is {}", self.origin, client.origin());
                return Err(Failure::Usage(why));
            }
            self.client = Some(client);
        }
        Ok(self.client.as_ref())
    }
}

fn one_of(what: &str, known: &[&str]) -> String {
    if known.is_empty() { format!("no {what}s") } else { format!("the {what}s {}", known.join(", ")) }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |e: std::io::Error| Failure::Undecided(format!("--content-out {}: {e}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Usage(format!(
            "--content-out {}: there is a file already; give another name",
            path.display()
        )),
        _ => failed(e),
    })?;
    file.write_all(bytes).map_err(|e| {
        let _ = std::fs::remove_file(path);
        failed(e)
    })
}

/// The signers that line 3 names, read leniently: the event is judged once it is signed.
fn signers(text: &str) -> Result<Vec<VerifyingKey>, Failure> {
    let by = text.split('\n').nth(2).and_then(|line| serde_json::from_str::<Value>(line).ok());
    let by = by.as_ref().and_then(|line| line["by"].as_array()?.iter().map(Value::as_str).collect());
    let by: Vec<&str> = by.ok_or_else(|| {
        Failure::Usage("expected the three lines of an event, the third a JSON object with `by`".into())
    })?;
    let parse =
        |key: &str| key.parse().map_err(|e| Failure::Usage(format!("by: {}: {e}", terminal::plain(key))));
    by.into_iter().map(parse).collect()
}

/// The signers in `by` that have no line in `lines`.
fn unsigned(by: &[VerifyingKey], lines: &[SignatureLine]) -> Vec<String> {
    by.iter()
        .filter(|k| !lines.iter().any(|l| l.name() == k.name().as_str() && l.key_id() == k.id()))
        .map(ToString::to_string)
        .collect()
}

/// Shows what would be signed: the event's sentence, if a ledger is known and can be reached, and what the event holds.
fn say_before(text: &str, by: &[VerifyingKey], ledger: Option<&str>) -> Result<(), Failure> {
    // An event can't be parsed without its signatures. These are dummies, and are not checked.
    let lines =
        by.iter().map(|k| SignatureLine::new(k.name().as_str(), k.id(), &[0; 64])).collect::<Vec<_>>();
    let origin = text.split('\n').nth(1).unwrap_or_default().parse::<Origin>();
    let origin = origin.map_err(|e| Failure::Usage(format!("line 2, the origin: {e}")))?;
    let note = SignedNote::assemble(text, &lines).map_err(|e| Failure::Usage(e.to_string()))?;
    let event = Event::parse(note.as_bytes(), &origin)?;
    let told = ledger.map(|ledger| {
        let client = Client::connect(ledger)?;
        if *client.origin() != origin {
            return Err(Failure::Usage(format!(
                "this is meant for {origin}, and {ledger} is {}",
                client.origin()
            )));
        }
        client.preview(&event, None)
    });
    let sentence = match told {
        None | Some(Ok(None)) => None,
        Some(Ok(sentence)) => sentence,
        // Only a warning: the event may be meant for later, or be signed where the ledger can't be reached.
        Some(Err(e)) => {
            let what = match e {
                Failure::Submission(..) => "The ledger would refuse it now",
                _ => "The ledger could not be asked",
            };
            e.warn(what);
            None
        }
    };
    let sentence = sentence.map_or_else(String::new, |sentence| format!(":\n\n  {sentence}"));
    terminal::note(&format!(
        "To be signed, for ever once it is on record{sentence}\n\n{}",
        explain(&event, &origin, None, None)
    ));
    Ok(())
}

fn sign(
    key_files: &[PathBuf],
    text: &Path,
    ledger: Option<&str>,
    yes: bool,
    context: &Context,
) -> Result<(), Failure> {
    terminal::refuse_unasked(yes)?;
    let bytes = record::read_small(text, MAX_EVENT)?;
    let bad = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", text.display()));
    // A note that others signed, or the bare text.
    let (text, mut lines) = match SignedNote::parse(&bytes, MAX_EVENT) {
        Ok(note) => (note.text().to_owned(), note.signatures().to_vec()),
        Err(_) => (String::from_utf8(bytes).map_err(|_| bad(&"expected UTF-8"))?, Vec::new()),
    };
    let by = signers(&text)?;
    if !yes {
        say_before(&text, &by, ledger)?;
    }
    terminal::agree(yes, "Sign this?")?;
    for file in key_files {
        let key: SigningKey = key::read(file)?;
        let public = key.verifying_key();
        if !by.contains(public) {
            return Err(Failure::Usage(format!("{}: {public} does not stand in `by`", file.display())));
        }
        let line = SignatureLine::new(public.name().as_str(), public.id(), &key.sign(text.as_bytes()));
        lines.retain(|l| (l.name(), l.key_id()) != (line.name(), line.key_id()));
        lines.push(line);
    }
    let of = |line: &SignatureLine| {
        by.iter().position(|k| k.name().as_str() == line.name() && k.id() == line.key_id())
    };
    lines.sort_by_key(|line| of(line).unwrap_or(usize::MAX));
    let note = SignedNote::assemble(&text, &lines).map_err(|e| bad(&e))?;
    let missing = unsigned(&by, &lines);
    if missing.is_empty() {
        let origin = text.split('\n').nth(1).unwrap_or_default();
        let origin: Origin = origin.parse().map_err(|e| bad(&format!("line 2: {e}")))?;
        Event::parse(note.as_bytes(), &origin)?.verify()?;
    } else {
        terminal::note(&format!("still to be signed by\n  {}", missing.join("\n  ")));
    }
    match context.json {
        true => terminal::json(&json!({"note": note.as_str(), "missing": missing})),
        false => terminal::raw(note.as_bytes()),
    }
    Ok(())
}

fn submit(
    ledger: &str,
    note: &Path,
    (content, restored): (Option<&Path>, Option<&Path>),
    (files, public_file): (&[PathBuf], bool),
    embargo: Option<(&Path, bool)>,
    context: &Context,
) -> Result<(), Failure> {
    if let Some((_, yes)) = embargo {
        terminal::refuse_unasked(yes)?;
    }
    let text = |path: &Path, limit| {
        String::from_utf8(record::read_small(path, limit)?)
            .map_err(|_| Failure::Usage(format!("{}: expected UTF-8", path.display())))
    };
    // A note of up to twice the allowed length is sent: the ledger's refusal says what is wrong.
    let note = text(note, 2 * MAX_EVENT)?;
    let content = content.map(|file| text(file, MAX_CONTENT)).transpose()?;
    let restored = restored.map(|file| text(file, MAX_CONTENT)).transpose()?;
    let texts =
        [("the note", Some(&note)), ("--content", content.as_ref()), ("--restored", restored.as_ref())];
    for (what, text) in texts {
        refuse_secret_in(what, text.map_or("", String::as_str).as_bytes())?;
    }
    let client = Client::connect(ledger)?;
    let withholding = embargo
        .map(|(key, yes)| withhold::embargo(&client, key, &note, content.as_deref(), yes))
        .transpose()?;
    if let (None, Ok(event)) = (&withholding, Event::parse(note.as_bytes(), client.origin())) {
        let refs = event.body().refs().into_iter().flat_map(|(_, ids)| ids.to_vec()).collect::<Vec<_>>();
        let beside = !files.is_empty() && record::is_beside_signatures(&client, event.event_type(), refs)?;
        record::announce(beside, files, public_file)?;
    }
    for file in files {
        client.upload(file, &record::file_ref(file)?.blake3)?;
    }
    let recorded = match withholding {
        None => client.record(&note, content.as_deref(), restored.as_deref()).inspect_err(|_| {
            // The ledger's refusal counts signatures, and does not say whose is missing.
            let parsed = SignedNote::parse(note.as_bytes(), MAX_EVENT);
            let missing = parsed.ok().and_then(|n| Some(unsigned(&signers(n.text()).ok()?, n.signatures())));
            if let Some(missing) = missing.filter(|missing| !missing.is_empty()) {
                terminal::note(&format!(
                    "still to be signed, with `onrecord event sign --key FILE`, by\n  {}",
                    missing.join("\n  ")
                ));
            }
        })?,
        Some(withholding) => {
            let submission = json!({"note": note, "content": content});
            client.record_all(&[submission, withholding], true)?.swap_remove(0)
        }
    };
    let url = format!("{}/e/{}", client.public(), recorded.index);
    if context.json {
        terminal::json(&json!({"index": recorded.index, "id": recorded.id, "url": url}));
    } else {
        terminal::result(&url);
    }
    Ok(())
}

fn show(path: &Path, context: &Context) -> Result<(), Failure> {
    let bytes = record::read_small(path, MAX_ENTRY)?;
    let text = String::from_utf8_lossy(&bytes);
    // An entry has a header, an empty line and the note.
    let (header, note) = match text.split_once("\n\n") {
        Some((header, note)) if header.starts_with("onrecord/entry/v1\n") => (Some(header), note.as_bytes()),
        _ => (None, bytes.as_slice()),
    };
    let origin = String::from_utf8_lossy(note).split('\n').nth(1).unwrap_or_default().to_owned();
    let origin: Origin = origin
        .parse()
        .map_err(|e| Failure::Refused(format!("{}: no event: line 2, the origin: {e}", path.display())))?;
    let event = Event::parse(note, &origin).map_err(|refusal| match refusal.code {
        Code::NoteUnsigned => Failure::Refused(format!(
            "{0}: nobody has signed it yet; `onrecord event sign --key FILE {0}` shows it, and asks before it signs",
            path.display()
        )),
        _ => refusal.into(),
    })?;
    let verdict = event.clone().verify();
    if context.json {
        let line: Value = serde_json::from_str(event.line()).unwrap_or_default();
        terminal::json(&json!({
            "id": event.id().to_string(), "origin": origin.as_str(), "event": line, "header": header,
            "signatures": if verdict.is_ok() { "good" } else { "not good" },
            "fault": verdict.as_ref().err().map(ToString::to_string),
        }));
    } else {
        terminal::result(&terminal::plain(&explain(&event, &origin, header, Some(verdict.is_ok()))));
    }
    verdict.map(|_| ()).map_err(Failure::Event)
}
