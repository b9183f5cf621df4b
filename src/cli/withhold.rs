//! `withhold` and `release`: words and files leave the ledger, or come back, and the log says so.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::{
    Context, Failure, Fault,
    client::{Client, Recorded},
    key,
    record::{self, When},
    terminal,
};
use crate::{
    event::{
        At, Body, Content, ContentRef, Draft, Event, EventId, EventType, FileRef, MAX_CONTENT, Position,
        ReleaseGround, SignedEvent, WithholdingGround,
    },
    note::SigningKey,
};

/// Texts of fewer bytes are not sought, since they are found everywhere.
const LONG_ENOUGH: usize = 12;

/// Withhold the words or files of an entry; the entry and every proof of it stay
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The withholding is put on record first, under the operator's key. Then what is withheld leaves the ledger's disk: the
journal, tiles, files, and backups at their next run. Files that only withheld words name leave with them.
Records that point at the entry or repeat its words are listed; each is asked about, unless --yes is given.
Files are counted from 1, as pages and sentences count them; in the event that is signed file 1 is files/0.
ENTRY is an event's id, its number on this ledger (@12 or 12), or a permalink (URL/e/12).

Examples:
  onrecord withhold 41 --ledger http://127.0.0.1:8080 --key operator.key --ground court_order
  onrecord withhold 41 --ledger http://127.0.0.1:8080 --key operator.key --ground safety --file letter.pdf \\
      --authority 'High Court, order 12/2026' --yes")]
pub(super) struct WithholdArgs {
    /// The entry whose words or files they are
    entry: String,
    /// The ledger's address
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Key file of the operator
    #[arg(long, value_name = "FILE", env = "ONRECORD_KEY_FILE", hide_env_values = true)]
    key: Option<PathBuf>,
    /// On what ground
    #[arg(long, value_name = "GROUND", value_parser = clap::builder::PossibleValuesParser::new(WithholdingGround::WORDS))]
    ground: String,
    /// Withhold the words; the default if no file is named
    #[arg(long)]
    content: bool,
    /// Withhold this file that the words name: by its name, or by its number as pages show it, from 1 (may be repeated)
    #[arg(long, value_name = "NAME|N")]
    file: Vec<String>,
    #[command(flatten)]
    words: Words,
}

/// Give withheld words or files back
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The ledger no longer has what is withheld: bring it, byte for byte. Files that only these words name come back with
them, so bring those too. ENTRY is an event's id, its number on this ledger (@12 or 12), or a permalink (URL/e/12).

Examples:
  onrecord release 41 --ledger http://127.0.0.1:8080 --key operator.key --ground order_lifted --content-from words.blob
  onrecord release 41 --ledger http://127.0.0.1:8080 --key operator.key --ground embargo_ended \\
      --content-from words.blob --file 1=letter.pdf --yes")]
pub(super) struct ReleaseArgs {
    /// The entry whose words or files they are
    entry: String,
    /// The ledger's address
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Key file of the operator
    #[arg(long, value_name = "FILE", env = "ONRECORD_KEY_FILE", hide_env_values = true)]
    key: Option<PathBuf>,
    /// On what ground
    #[arg(long, value_name = "GROUND", value_parser = clap::builder::PossibleValuesParser::new(ReleaseGround::WORDS))]
    ground: String,
    /// The words, byte for byte as they were submitted
    #[arg(long, value_name = "FILE")]
    content_from: Option<PathBuf>,
    /// A file, by its number as pages show it, from 1 (may be repeated)
    #[arg(long, value_name = "N=PATH")]
    file: Vec<String>,
    #[command(flatten)]
    words: Words,
}

// Flags of both commands. No doc comment: clap would show it in place of the command's own.
#[derive(Debug, ClapArgs)]
struct Words {
    /// Who ordered or asked for it
    #[arg(long, value_name = "TEXT")]
    authority: Option<String>,
    /// A text that may be shown in place of the words
    #[arg(long, value_name = "TEXT")]
    redacted: Option<String>,
    /// Anything else worth saying
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    when: When,
    /// Sign and submit without asking
    #[arg(short, long)]
    yes: bool,
}

impl Words {
    /// The content blob. Its salt makes each event different: if words are given back and withheld again on the same day, the
    /// second withholding must not be answered with the entry of the first.
    fn seal(&self) -> Result<String, Failure> {
        let mut words = Map::new();
        for (name, value) in [("authority", &self.authority), ("text", &self.redacted), ("note", &self.note)]
        {
            if let Some(value) = value {
                words.insert(name.to_owned(), record::text(name, value)?.into());
            }
        }
        let blob = Content::seal(words, &[], &key::random()?);
        Content::parse(&blob)?.refuse_unsaid(EventType::ContentWithheld)?;
        // `Content::seal` makes JSON, so nothing is lost.
        Ok(String::from_utf8_lossy(&blob).into_owned())
    }
}

/// What both commands begin with.
struct Opened {
    client: Client,
    key: SigningKey,
    index: u64,
    target: Event,
}

fn open(
    entry: &str,
    ledger: Option<String>,
    key_file: Option<PathBuf>,
    yes: bool,
    context: &Context,
) -> Result<Opened, Failure> {
    let config = &context.config;
    let ledger = ledger.or_else(|| config.ledger.clone());
    let ledger = ledger.ok_or_else(|| context.missing("--ledger URL", "ledger"))?;
    let key_file = key_file.or_else(|| config.key_file.clone());
    let key_file = key_file.ok_or_else(|| context.missing("--key FILE", "key_file"))?;
    terminal::refuse_unasked(yes)?;
    let key = key::read(&key_file)?;
    let client = Client::connect(&ledger)?;
    let named = record::resolve(&client, "<ENTRY>", entry)?;
    let index = match named.index {
        Some(index) => index,
        None => client
            .index_of(&named.id)?
            .ok_or_else(|| Failure::Usage(format!("{entry}: {} has no such event", client.base())))?,
    };
    let target = client.event(index)?;
    Ok(Opened { client, key, index, target })
}

/// When the event happens: as `--at` says, or now, in the zone of the case.
fn moment(client: &Client, target: &Event, when: &When) -> Result<At, Failure> {
    let zone = case_of(target).map(|case| client.zone_of(&case)).transpose()?.flatten();
    when.read(zone.as_deref())
}

/// A signed note of one of the two types.
fn note(
    event_type: EventType,
    (client, key): (&Client, &SigningKey),
    target: &Event,
    (ground, blobs): (&str, &BTreeSet<Position>),
    (words, at): (Option<&str>, At),
) -> Result<SignedEvent, Failure> {
    let blobs: Vec<Value> = blobs.iter().map(|p| p.to_string().into()).collect();
    let draft = Draft {
        event_type,
        at,
        case: case_of(target),
        refs: Map::from_iter([("entry".to_owned(), target.id().to_string().into())]),
        facts: Map::from_iter([("ground".to_owned(), ground.into()), ("blobs".to_owned(), blobs.into())]),
        content: words.map(|w| ContentRef::of(w.as_bytes())),
    };
    draft.sign(client.origin(), &[key]).map_err(|e| match e {
        crate::event::DraftError::Refused(refusal) => Failure::Event(refusal),
        e => Failure::Usage(e.to_string()),
    })
}

/// The case of an entry that acts on `event`: the case that `event` belongs to, or that it opened.
fn case_of(event: &Event) -> Option<EventId> {
    event.case().or_else(|| (event.event_type() == EventType::CaseOpened).then(|| event.id()))
}

/// What was typed for the member that a refusal names.
fn typed(fault: &Fault) -> Option<String> {
    let flag = match fault.place.as_str() {
        // Of what was typed, only the entry decides it.
        "withholding.state" => "ENTRY",
        "withholding.file" => "--file",
        "at.day" => "--at",
        "by[0]" => "--key",
        "refs.entry" => "ENTRY",
        "facts.ground" => "--ground",
        "content.authority" => "--authority",
        "content.text" => "--redacted",
        "content.note" => "--note",
        _ => return None,
    };
    Some(flag.to_owned())
}

pub(super) fn withhold(args: WithholdArgs, context: &Context) -> Result<(), Failure> {
    withhold_words(args, context).map_err(|e| e.typed_as(typed))
}

fn withhold_words(args: WithholdArgs, context: &Context) -> Result<(), Failure> {
    let words = &args.words;
    let opened = open(&args.entry, args.ledger, args.key, words.yes, context)?;
    let Opened { client, key, index, target } = &opened;
    if target.content().is_none() {
        return Err(Failure::Usage(format!("entry {index} carries no words")));
    }
    let content = client.words(target)?.and_then(|raw| Content::parse(raw.as_bytes()).ok());
    let named = args.file.iter().map(|given| named_file(given, *index, content.as_ref()));
    let mut blobs: BTreeSet<Position> = named.collect::<Result<_, _>>()?;
    if args.content || blobs.is_empty() {
        blobs.insert(Position::Content);
    }
    terminal::note(&format!("Entry {index}, {}:", client.sentence(*index)?.trim_end_matches('.')));
    describe(&blobs, content.as_ref());

    let mut targets = vec![(*index, target.clone(), blobs.clone())];
    for found in related(client, (*index, target), &blobs, content.as_ref())? {
        terminal::note(&format!(
            "  {}/e/{}  {} ({})",
            client.public(),
            found.index,
            found.sentence,
            found.why
        ));
        let own_words = client.event(found.index)?;
        let can = own_words.content().is_some() && !found.withheld;
        if !words.yes
            && can
            && terminal::confirm(&format!("  Withhold {} of entry {} too?", called(found.blob), found.index))?
        {
            targets.push((found.index, own_words, BTreeSet::from([found.blob])));
        }
    }
    let mut submissions = Vec::new();
    for (_, target, blobs) in &targets {
        let said = words.seal()?;
        let facts = (args.ground.as_str(), blobs);
        let at = moment(client, target, &words.when)?;
        let event =
            note(EventType::ContentWithheld, (client, key), target, facts, (Some(said.as_str()), at))?;
        say_before(client, &event, &said, words)?;
        submissions.push(submission(&event, Some(&said), None));
    }
    terminal::agree(words.yes, "Sign and submit?")?;
    finish(client, &client.record_all(&submissions, true)?, context);
    Ok(())
}

/// Shows what will stand on record, in the ledger's own sentence, before the question. What the ledger would refuse is refused
/// here.
fn say_before(client: &Client, event: &Event, said: &str, words: &Words) -> Result<(), Failure> {
    let sentence = client.preview(event, Some(said))?;
    let sentence = sentence.unwrap_or_else(|| event.event_type().spec().doc.to_owned());
    let mut lines = vec![format!("This will stand on record for ever:\n\n  {sentence}\n")];
    for (name, text) in [
        ("on whose word", &words.authority),
        ("shown in place of the words", &words.redacted),
        ("note", &words.note),
    ] {
        lines.extend(text.as_ref().map(|text| format!("  {name}: {text}")));
    }
    lines.push(format!("  when it happened: {}", event.at()));
    terminal::note(&lines.join("\n"));
    if words.yes {
        // Nobody was asked, so a log of this output should hold what was signed.
        terminal::note(&format!("Signed, three lines:\n\n{}", event.note().text()));
    }
    Ok(())
}

/// A file that words name, by its name or by its number as people count, from 1.
fn named_file(given: &str, index: u64, content: Option<&Content>) -> Result<Position, Failure> {
    let number = counted(given);
    let Some(content) = content else {
        return number.map(Position::File).ok_or_else(|| {
            Failure::Usage(format!(
                "--file {given}: the words of entry {index} can't be read, so no file is known by its name; give its number, \
                 from 1"
            ))
        });
    };
    let files = content.files();
    let mut meant: BTreeSet<u32> =
        (0u32..).zip(files).filter(|(_, file)| file.name == given).map(|(i, _)| i).collect();
    meant.extend(number.filter(|i| (*i as usize) < files.len()));
    let mut each = meant.iter();
    if let (Some(only), None) = (each.next(), each.next()) {
        return Ok(Position::File(*only));
    }
    let list: Vec<String> =
        (1u32..).zip(files).take(MOST_LISTED).map(|(n, file)| format!("{n} {}", file.name)).collect();
    let more = if files.len() > MOST_LISTED { ", ..." } else { "" };
    Err(Failure::Usage(match (meant.is_empty(), list.is_empty()) {
        (true, true) => format!("--file {given}: the words of entry {index} name no file"),
        (true, false) => format!(
            "--file {given}: the words of entry {index} name no such file; give the name of one, or its number, from 1: {}{more}",
            list.join(", ")
        ),
        _ => format!(
            "--file {given}: several files of entry {index} can be meant; give the number of one: {}{more}. If one is called by \
             a number, `record withholding --blob files/0` names the first without doubt",
            list.join(", ")
        ),
    }))
}

/// The most files that are listed if one is not found.
const MOST_LISTED: usize = 20;

/// A number as people count files, from 1.
fn counted(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))?.checked_sub(1)
}

/// Words or a file as pages call them.
fn called(position: Position) -> String {
    match position {
        Position::Content => "the words".to_owned(),
        Position::File(i) => format!("file {}", u64::from(i) + 1),
    }
}

/// Says which words and files are withheld, and which files go with the words.
fn describe(blobs: &BTreeSet<Position>, content: Option<&Content>) {
    let all = blobs.contains(&Position::Content);
    if all {
        terminal::note("  its words are withheld");
    }
    let Some(content) = content else {
        for position in blobs.iter().filter(|position| **position != Position::Content) {
            terminal::note(&format!(
                "  {} is withheld; its name is not known here, since the words can't be read",
                called(*position)
            ));
        }
        return;
    };
    for (i, file) in (0u32..).zip(content.files()) {
        let position = Position::File(i);
        let (called, name) = (called(position), &file.name);
        if blobs.contains(&position) {
            terminal::note(&format!("  {called} is withheld, and refused if it comes back: {name}"));
        } else if all {
            terminal::note(&format!("  {called} goes with the words, unless others name it: {name}"));
        }
    }
}

/// A record that has to do with what is withheld.
struct Related {
    index: u64,
    sentence: String,
    why: String,
    withheld: bool,
    /// Which of its blobs would be withheld too.
    blob: Position,
}

/// Records that point at an entry, those of its case that repeat its words, and all that name a file which is withheld.
fn related(
    client: &Client,
    (index, target): (u64, &Event),
    blobs: &BTreeSet<Position>,
    content: Option<&Content>,
) -> Result<Vec<Related>, Failure> {
    let mut sought = Vec::new();
    for (name, value) in content.into_iter().flat_map(Content::members) {
        if name != "salt" && name != "files" {
            texts(value, &mut sought);
        }
    }
    let mut out = Vec::new();
    let mut seen = BTreeSet::from([index]);
    let pages = [("party", Some(target.id())), ("case", case_of(target))];
    for (filter, id) in pages {
        let Some(id) = id else { continue };
        client.each_event(filter, &id, &mut |node| {
            let at = super::client::index_of(&node["index"]);
            let Some(at) = at.filter(|at| !seen.contains(at)) else { return };
            let raw = node["content"]["raw"].as_str();
            let repeats = raw.and_then(|raw| serde_json::from_str::<Value>(raw).ok()).is_some_and(|words| {
                let mut own = Vec::new();
                texts(&words, &mut own);
                own.iter().any(|text| sought.iter().any(|s| text.contains(s.as_str())))
            });
            let why = match (filter, repeats) {
                ("party", true) => "points at it and repeats its words",
                ("party", false) => "points at it",
                (_, true) => "repeats its words",
                _ => return,
            };
            seen.insert(at);
            out.push(Related {
                index: at,
                sentence: node["sentence"].as_str().unwrap_or_default().to_owned(),
                why: why.to_owned(),
                withheld: node["content"]["state"] == "WITHHELD",
                blob: Position::Content,
            });
        })?;
    }
    let of_words = out.len();
    let is_withheld = |i| blobs.contains(&Position::Content) || blobs.contains(&Position::File(i));
    for (i, file) in (0u32..).zip(content.map(Content::files).unwrap_or_default()) {
        if is_withheld(i) {
            out.extend(namers(client, index, file)?);
        }
    }
    let of_files = out.len() - of_words;
    out.sort_by_key(|r| r.index);
    match of_words {
        0 => terminal::note("No record points at it, and none in its case repeats its words."),
        n => terminal::note(&format!("Records that point at it, or in its case repeat its words ({n}):")),
    }
    if of_files > 0 {
        terminal::note(&format!(
            "Records that name the same file ({of_files}); its bytes are served until each of them withholds it too:"
        ));
    }
    Ok(out)
}

/// The other records that name a file and do not withhold it, whatever their case.
fn namers(client: &Client, index: u64, file: &FileRef) -> Result<Vec<Related>, Failure> {
    let mut out = Vec::new();
    for at in client.file_named_by(&file.blake3).unwrap_or_default() {
        if at == index {
            continue;
        }
        let words = client.words(&client.event(at)?)?.and_then(|raw| Content::parse(raw.as_bytes()).ok());
        let files = words.as_ref().map(Content::files).unwrap_or_default();
        for (i, _) in (0u32..).zip(files).filter(|(_, other)| other.blake3 == file.blake3) {
            out.push(Related {
                index: at,
                sentence: client.sentence(at)?,
                why: format!("names the same file, {}", file.name),
                withheld: false,
                blob: Position::File(i),
            });
        }
    }
    Ok(out)
}

/// Collects the texts in a value that are long enough to be told from others.
fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= LONG_ENOUGH => out.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|v| texts(v, out)),
        Value::Object(map) => map.values().for_each(|v| texts(v, out)),
        _ => {}
    }
}

fn submission(event: &Event, content: Option<&str>, restored: Option<&str>) -> Value {
    let mut submission = json!({ "note": event.note().as_str() });
    for (name, text) in [("content", content), ("restored", restored)] {
        if let Some(text) = text {
            submission[name] = text.into();
        }
    }
    submission
}

fn finish(client: &Client, recorded: &[Recorded], context: &Context) {
    let url = |r: &Recorded| format!("{}/e/{}", client.public(), r.index);
    if context.json {
        let list = recorded.iter().map(|r| json!({"index": r.index, "id": r.id, "url": url(r)}));
        terminal::json(&list.collect::<Vec<_>>());
    } else {
        terminal::result(&recorded.iter().map(url).collect::<Vec<_>>().join("\n"));
    }
}

pub(super) fn release(args: ReleaseArgs, context: &Context) -> Result<(), Failure> {
    give_back(args, context).map_err(|e| e.typed_as(typed))
}

fn give_back(args: ReleaseArgs, context: &Context) -> Result<(), Failure> {
    let words = &args.words;
    let opened = open(&args.entry, args.ledger, args.key, words.yes, context)?;
    let Opened { client, key, index, target } = &opened;
    let restored = args.content_from.as_deref().map(text_of).transpose()?;
    if let (Some(restored), Some(committed)) = (&restored, target.content())
        && !committed.matches(restored.as_bytes())
    {
        let (size, digest) = (committed.size, committed.blake3);
        return Err(Failure::Usage(format!(
            "--content-from: expected the {size} bytes of BLAKE3 {digest} that entry {index} commits to, found others"
        )));
    }
    let readable = match &restored {
        Some(text) => Some(text.clone()),
        None => client.words(target)?,
    };
    let content = readable.and_then(|raw| Content::parse(raw.as_bytes()).ok());
    let mut files = Vec::new();
    for given in &args.file {
        let (n, path) = record::pair("file", given, "N=PATH")?;
        let i = counted(n).ok_or_else(|| {
            Failure::Usage(format!(
                "--file {given}: expected N=PATH, with the number that pages show; they count from 1"
            ))
        })?;
        let path = PathBuf::from(path);
        let file = record::file_ref(&path)?;
        if let Some(content) = &content
            && content.files().get(i as usize).is_none_or(|f| f.blake3 != file.blake3)
        {
            return Err(Failure::Usage(format!("--file {given}: not file {n} of those that the words name")));
        }
        files.push((Position::File(i), path, file.blake3));
    }
    let held = held(client, target)?;
    let mut blobs: BTreeSet<Position> =
        files.iter().map(|(position, ..)| *position).filter(|p| held.contains(p)).collect();
    if restored.is_some() {
        blobs.insert(Position::Content);
    }
    if blobs.is_empty() {
        let held: Vec<String> = held.iter().copied().map(called).collect();
        let held = if held.is_empty() { "nothing".to_owned() } else { held.join(", ") };
        return Err(Failure::Usage(format!(
            "give --content-from FILE or --file N=PATH of what is withheld of entry {index}: {held}"
        )));
    }
    let said = words.seal()?;
    let facts = (args.ground.as_str(), &blobs);
    let event = note(
        EventType::ContentReleased,
        (client, key),
        target,
        facts,
        (Some(said.as_str()), moment(client, target, &words.when)?),
    )?;
    say_before(client, &event, &said, words)?;
    terminal::agree(words.yes, "Sign and submit?")?;
    for (_, path, digest) in &files {
        client.upload(path, digest)?;
    }
    let submission = submission(&event, Some(&said), restored.as_deref());
    finish(client, &client.record_all(&[submission], false)?, context);
    Ok(())
}

fn text_of(path: &Path) -> Result<String, Failure> {
    String::from_utf8(record::read_small(path, MAX_CONTENT)?)
        .map_err(|_| Failure::Usage(format!("{}: expected UTF-8", path.display())))
}

/// What the log withholds of an event now.
fn held(client: &Client, target: &Event) -> Result<BTreeSet<Position>, Failure> {
    let mut naming = Vec::new();
    client.each_event("party", &target.id(), &mut |node| {
        naming.extend(super::client::index_of(&node["index"]));
    })?;
    let mut held = BTreeSet::new();
    for index in naming {
        match client.event(index)?.body() {
            Body::ContentWithheld(b) if b.entry == target.id() => held.extend(b.blobs.iter().copied()),
            Body::ContentReleased(b) if b.entry == target.id() => {
                held.retain(|p| !b.blobs.contains(p));
            }
            _ => {}
        }
    }
    Ok(held)
}

/// The withholding of an event's words and all files they name, as a submission to be sent together with the event.
pub(super) fn embargo(
    client: &Client,
    key_file: &Path,
    note_text: &str,
    content: Option<&str>,
    yes: bool,
) -> Result<Value, Failure> {
    let key = key::read(key_file)?;
    let event = Event::parse(note_text.as_bytes(), client.origin())?;
    let Some(content) = content else {
        return Err(Failure::Usage("--embargo withholds words: give them with --content FILE".into()));
    };
    let content = Content::parse(content.as_bytes())?;
    let files = content.files().len() as u32; // At most 1,000.
    let mut blobs: BTreeSet<Position> = (0..files).map(Position::File).collect();
    blobs.insert(Position::Content);
    let at = moment(client, &event, &When { at: None, ahead: false })?;
    if !yes {
        // Explained here and not by the ledger, which is sent no words before the answer is yes.
        terminal::note(&format!(
            "This will stand on record for ever, and nobody but you has its words while the embargo lasts:\n\n{}\n\
             Withheld by {} on the ground of an embargo:",
            super::explanation::explain(&event, client.origin(), None, None),
            key.verifying_key()
        ));
        describe(&blobs, Some(&content));
    }
    let event = note(EventType::ContentWithheld, (client, &key), &event, ("embargo", &blobs), (None, at))?;
    terminal::agree(yes, "Sign this withholding, and submit both?")?;
    Ok(submission(&event, None, None))
}
