//! `record`: how people write. One subcommand a type, with flags made from the type's specification.
//!
//! It asks for what is missing when somebody watches, makes the salt, hashes and uploads files, shows what will
//! be signed, signs, submits, and prints the permalink and the command that checks the ledger.

mod enclosed;
mod fields;
mod form;
mod happened;
mod values;
mod when;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args as _, FromArgMatches, Subcommand};
use serde_json::{Map, Value, json};

pub(super) use enclosed::announce;
pub(super) use fields::noun;
use fields::{Field, Target, fields};
use values::Values;
pub(super) use values::{fact, file_ref, media_type, pair, read_small, text, without_mark};
pub(super) use when::When;

use super::{
    Context, Failure,
    client::{Client, Recorded},
    key, terminal,
};
use crate::{
    event::{Content, ContentRef, ContentRule, Draft, DraftError, EventId, EventType, FactKind, Kinds},
    note::SigningKey,
};

// What every type takes. No doc comment: clap would show it in place of the type's own.
#[derive(Debug, clap::Args)]
struct Common {
    /// The ledger's address
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Key file of the author
    #[arg(long, value_name = "FILE", env = "ONRECORD_KEY_FILE", hide_env_values = true)]
    key: Option<PathBuf>,
    /// Key file of an endorser, or of a key that is added (may be repeated)
    #[arg(long, value_name = "FILE")]
    also_key: Vec<PathBuf>,
    #[command(flatten)]
    when: When,
    /// Sign and submit without asking
    #[arg(short, long)]
    yes: bool,
}

/// An event to put on record, as it was written on the command line.
#[derive(Debug)]
pub(super) struct Command {
    event_type: EventType,
    common: Common,
    values: Values,
    files: Vec<PathBuf>,
    public_file: bool,
    words: Vec<String>,
    restored: Option<PathBuf>,
}

fn types() -> impl Iterator<Item = EventType> {
    // The first event is made by `init`.
    EventType::ALL.iter().copied().filter(|t| *t != EventType::LedgerOpened)
}

/// Flags of the period that a demand leaves for an answer.
fn deadline_args() -> [Arg; 7] {
    let arg = |flag: &'static str, value: &'static str, help: &'static str| {
        Arg::new(flag).long(flag).value_name(value).help(help).help_heading("When the answer falls due")
    };
    [
        arg("deadline-by", "YYYY-MM-DD", "On this day"),
        arg("deadline-days", "N", "After a period of this many days").conflicts_with("deadline-by"),
        arg("deadline-rule", "RULE", "How days are counted")
            .value_parser(clap::builder::PossibleValuesParser::new(crate::event::DeadlineRule::WORDS))
            .requires("deadline-days"),
        arg("deadline-from", "GRADE", "What starts the clock")
            .value_parser(clap::builder::PossibleValuesParser::new(crate::event::ClockStart::WORDS))
            .requires("deadline-days"),
        arg("deadline-weekly", "DAY", "The weekly holiday, with my-interpretation-act-54")
            .value_parser(clap::builder::PossibleValuesParser::new(crate::event::Weekly::WORDS))
            .requires("deadline-days"),
        arg("deadline-holiday", "YYYY-MM-DD", "A holiday (may be repeated)")
            .action(ArgAction::Append)
            .requires("deadline-days"),
        arg("deadline", "JSON", "The whole fact, as formats.md has it")
            .conflicts_with_all(["deadline-by", "deadline-days"]),
    ]
}

/// An example made of what the type asks for.
fn example(event_type: EventType) -> String {
    let mut line =
        format!("onrecord record {} --ledger http://127.0.0.1:8080 --key desk.key", noun(event_type));
    for field in fields(event_type).iter().filter(|f| f.required) {
        let value = match (field.choices.first(), field.value.as_str()) {
            (Some(word), _) => word,
            (None, "ID") if field.flag == "case" => "@11",
            (None, "ID") => "@3",
            (None, "TEXT") if field.flag == "text" => "@words.txt",
            (None, "TEXT") => "'...'",
            (None, "LANG") => "en",
            (None, "CC") => "MY",
            (None, "ZONE") => "Asia/Kuala_Lumpur",
            (None, "N") => "566",
            (None, "DATE" | "YYYY-MM-DD") => "2026-11-23",
            (None, "POSITION") => "content",
            (None, "ITEM=VERDICT") => "1=satisfied",
            (None, _) => "true",
        };
        line.push_str(&format!(" \\\n      --{} {value}", field.flag));
    }
    format!(
        "ID is an event's id, its number on this ledger (@12 or 12), or a permalink (URL/e/12).\n\n\
         Example:\n  {line}"
    )
}

impl Subcommand for Command {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        let subcommands = types().map(|event_type| {
            let spec = event_type.spec();
            let mut command = Common::augment_args(clap::Command::new(noun(event_type)))
                .visible_alias(event_type.as_str())
                .about(spec.doc.trim_end_matches('.'))
                .after_help(example(event_type))
                .args(fields(event_type).iter().map(Field::arg));
            if spec.facts.iter().any(|f| f.kind == FactKind::Deadline) {
                command = command.args(deadline_args());
            }
            if spec.content != ContentRule::None {
                let heading = "Other words, and files";
                command = command
                    .arg(
                        Arg::new("word")
                            .long("word")
                            .value_name("NAME=TEXT")
                            .help("Words of another name (may be repeated)")
                            .help_heading(heading)
                            .action(ArgAction::Append),
                    )
                    .arg(
                        Arg::new("file")
                            .long("file")
                            .value_name("PATH")
                            .help("A file to hash, upload and name in the words (may be repeated)")
                            .help_heading(heading)
                            .value_parser(clap::value_parser!(PathBuf))
                            .action(ArgAction::Append),
                    );
                if event_type.as_str().starts_with("collection.") {
                    command = command.arg(
                        Arg::new("public-file")
                            .long("public-file")
                            .help("Take a table among the files: it lists nobody who signed")
                            .help_heading(heading)
                            .action(ArgAction::SetTrue),
                    );
                }
            }
            if event_type == EventType::ContentReleased {
                command = command.arg(
                    Arg::new("restored")
                        .long("restored")
                        .value_name("FILE")
                        .help("The words that are given back, byte for byte")
                        .value_parser(clap::value_parser!(PathBuf)),
                );
            }
            command
        });
        command.subcommand_required(true).arg_required_else_help(true).subcommands(subcommands)
    }
    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }
    fn has_subcommand(name: &str) -> bool {
        types().any(|t| t.as_str() == name || noun(t) == name)
    }
}

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let event_type = types().find(|t| noun(*t) == name).ok_or_else(missing)?;
        let mut values = Values::new();
        let period = deadline_args();
        let flags = fields(event_type).into_iter().map(|f| f.flag);
        for flag in flags.chain(period.iter().map(|a| a.get_id().to_string())) {
            if let Ok(Some(given)) = matches.try_get_many::<String>(&flag) {
                values.insert(flag, given.cloned().collect());
            }
        }
        let paths = |id: &str| -> Vec<PathBuf> {
            matches.try_get_many(id).ok().flatten().into_iter().flatten().cloned().collect()
        };
        let words = matches.try_get_many::<String>("word").ok().flatten();
        Ok(Self {
            event_type,
            common: Common::from_arg_matches(matches)?,
            values,
            files: paths("file"),
            public_file: matches!(matches.try_get_one("public-file"), Ok(Some(true))),
            words: words.into_iter().flatten().cloned().collect(),
            restored: paths("restored").pop(),
        })
    }
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(super) fn run(mut command: Command, context: &Context) -> Result<(), Failure> {
    let config = &context.config;
    let ledger = command.common.ledger.take().or_else(|| config.ledger.clone());
    let key_file = command.common.key.take().or_else(|| config.key_file.clone());
    let fields = fields(command.event_type);
    if !terminal::can_ask() {
        command.refuse_if_incomplete(&fields, ledger.is_none(), key_file.is_none())?;
    }
    terminal::refuse_unasked(command.common.yes)?;
    let ledger = or_ask(ledger, "The ledger's address:")?;
    let ledger = ledger.ok_or_else(|| context.missing("--ledger URL", "ledger"))?;
    let key_file = or_ask(key_file.map(|f| f.display().to_string()), "Your key file:")?;
    let key_file = key_file.ok_or_else(|| context.missing("--key FILE", "key_file"))?;
    let keys = std::iter::once(PathBuf::from(&key_file))
        .chain(command.common.also_key.iter().cloned())
        .map(|file| key::read(&file))
        .collect::<Result<Vec<SigningKey>, _>>()?;
    command.common.key = Some(PathBuf::from(&key_file));
    let client = Client::connect(&ledger)?;
    command.ask(&fields, &client)?;
    let recorded = command.submit(&fields, &keys, &client).map_err(|e| {
        if !command.common.yes {
            match command.keep(&client, &key_file) {
                Ok(path) => {
                    terminal::note(&format!("What you wrote is kept; sh {} asks again.", path.display()))
                }
                Err(e) => e.say(false),
            }
        }
        // What was typed is what can be mended.
        e.typed_as(|place| command.typed(&fields, place)).worded(|message| in_flags(&fields, message))
    })?;
    let url = format!("{}/e/{}", client.base(), recorded.index);
    let verify = format!(
        "{} verify {} --key {}",
        terminal::shell(&super::program()),
        terminal::shell(client.base()),
        terminal::shell(&client.log_key().to_string())
    );
    if context.json {
        terminal::json(&json!({"index": recorded.index, "id": recorded.id, "url": url, "verify": verify}));
    } else {
        terminal::note("On record. Its permalink, and how anybody checks the ledger:");
        terminal::result(&format!("{url}\n{verify}"));
    }
    Ok(())
}

/// Shows what is about to be signed.
fn show(text: &str, content: Option<&str>) {
    terminal::note(&format!("To be signed, three lines:\n\n{text}"));
    let words = content.and_then(|c| serde_json::from_str::<Value>(c).ok());
    if let Some(words) = words.and_then(|w| serde_json::to_string_pretty(&w).ok()) {
        terminal::note(&format!("The words they commit to:\n\n{words}\n"));
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Usage("words: expected UTF-8".into()))
}

fn or_ask(value: Option<String>, question: &str) -> Result<Option<String>, Failure> {
    match value {
        None if terminal::can_ask() => Ok(terminal::ask(question)?.filter(|a| !a.is_empty())),
        value => Ok(value),
    }
}

/// An event that was named on the command line, and its index if that is known.
pub(super) struct Named {
    pub id: EventId,
    pub index: Option<u64>,
}

/// How an event is named: by its id or by its number on a ledger.
pub(super) enum Name {
    Id(EventId),
    Index(u64),
}

impl Name {
    /// Reads an id, a number (`@12` or `12`) or a permalink, of the ledger at `base` if there is one.
    /// `place` is what it was given as, such as `--case`.
    pub fn read(place: &str, given: &str, base: Option<&str>) -> Result<Self, Failure> {
        let mut text = given;
        if let Some((_, rest)) = text.split_once("://") {
            let path = match base {
                Some(base) => text.strip_prefix(base),
                None => rest.find('/').map(|at| &rest[at..]),
            };
            // The newest `/e/` and its like; a ledger may be served below a path.
            let page = path.and_then(|p| {
                let p = p.split(['?', '#']).next().unwrap_or_default();
                ["/e/", "/case/", "/demand/", "/party/", "/entry/"]
                    .iter()
                    .find_map(|k| Some(&p[p.rfind(k)? + k.len()..]))
            });
            text = page.map(|p| p.trim_end_matches('/')).ok_or_else(|| {
                let base = base.unwrap_or("URL");
                Failure::Usage(format!(
                    "{place} {given}: expected a permalink of this ledger, {base}/e/<number>"
                ))
            })?;
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let digits = text.strip_prefix('@').unwrap_or(text);
        let index = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        index.map(Self::Index).ok_or_else(|| {
            Failure::Usage(format!(
                "{place} {given}: expected an id of 64 lower-case hex digits, the number of an entry (@12 or 12) or its permalink"
            ))
        })
    }
}

/// An event by its id, its number on this ledger, or its permalink.
pub(super) fn resolve(client: &Client, place: &str, given: &str) -> Result<Named, Failure> {
    Ok(match Name::read(place, given, Some(client.base()))? {
        Name::Id(id) => Named { id, index: None },
        Name::Index(index) => Named { id: client.id_at(index)?, index: Some(index) },
    })
}

/// The same of an event that has to be of certain types, so that what is wrong is said of what was typed.
fn resolve_kind(client: &Client, place: &str, given: &str, kinds: Kinds) -> Result<Named, Failure> {
    let named = resolve(client, place, given)?;
    let index = match named.index {
        Some(index) => index,
        None => client
            .index_of(&named.id)?
            .ok_or_else(|| Failure::Usage(format!("{place} {given}: {} has no such event", client.base())))?,
    };
    let found = client.event(index)?.event_type();
    if let Kinds::Of(types) = kinds
        && !types.contains(&found)
    {
        // The first entry stands for the operator, and is no answer to what is expected.
        let types = types.iter().filter(|t| **t != EventType::LedgerOpened);
        let expected = types.map(|t| a(noun(*t))).collect::<Vec<_>>().join(" or ");
        return Err(Failure::Refused(format!(
            "{place} {given}: this is {}, expected {expected}",
            a(noun(found))
        )));
    }
    Ok(Named { id: named.id, index: Some(index) })
}

/// The same message with the flag of each member that it names.
fn in_flags(fields: &[Field], message: &str) -> String {
    let mut out = message.to_owned();
    for field in fields {
        let member = match field.target {
            Target::Ref(spec) => format!("refs.{}", spec.role),
            Target::Fact(spec) => format!("facts.{}", spec.name),
            Target::Case | Target::Word(_) => continue,
        };
        // Not the beginning of another's name.
        let ends = |at: usize| {
            !out[at + member.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        };
        let found: Vec<usize> = out.match_indices(&member).map(|(at, _)| at).filter(|at| ends(*at)).collect();
        for at in found.into_iter().rev() {
            out.replace_range(at..at + member.len(), &format!("--{}", field.flag));
        }
    }
    out
}

/// A noun with its article.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

impl Command {
    /// Shows what will be on record, signs it once somebody said yes, and submits it.
    fn submit(&self, fields: &[Field], keys: &[SigningKey], client: &Client) -> Result<Recorded, Failure> {
        let files = self.files.iter().map(|path| file_ref(path)).collect::<Result<Vec<_>, _>>()?;
        let (draft, words) = self.draft(fields, keys, client)?;
        self.refuse_absent_holder(&draft, keys, client)?;
        let content = match self.event_type.spec().content {
            ContentRule::None => None,
            ContentRule::Optional if words.is_empty() && files.is_empty() => None,
            _ => Some(Content::seal(words.clone(), &files, &key::random()?)),
        };
        if let Some(content) = &content {
            // As the door will, so that nothing is signed that would be turned away.
            Content::parse(content)?.refuse_unsaid()?;
        }
        let draft = Draft { content: content.as_deref().map(ContentRef::of), ..draft };
        let restored = self.restored.as_deref().map(|file| read_small(file, crate::event::MAX_CONTENT));
        let (content, restored) =
            (content.map(utf8).transpose()?, restored.transpose()?.map(utf8).transpose()?);
        // What would be turned away is not asked about.
        let event = draft.sign(client.origin(), &keys.iter().collect::<Vec<_>>()).map_err(|e| match e {
            DraftError::Refused(refusal) => Failure::Event(refusal),
            e => Failure::Usage(e.to_string()),
        })?;
        announce(self.event_type, &self.files, self.public_file)?;
        match self.common.yes {
            true => show(event.note().text(), content.as_deref()),
            false => {
                let sentence = client.preview(&event, content.as_deref());
                let signer = keys[0].verifying_key().name().as_str();
                self.describe(client, signer, sentence.as_deref(), &draft, &words)?;
            }
        }
        terminal::agree(self.common.yes, "Sign this and submit it?")?;
        for (path, file) in self.files.iter().zip(&files) {
            client.upload(path, &file.blake3)?;
        }
        client.record(event.note().as_str(), content.as_deref(), restored.as_deref())
    }

    /// Refuses to add a key that does not sign here, and says how it signs where it lies.
    fn refuse_absent_holder(
        &self,
        draft: &Draft,
        keys: &[SigningKey],
        client: &Client,
    ) -> Result<(), Failure> {
        let added = match draft.facts.get("key").filter(|_| self.event_type == EventType::KeyAdded) {
            Some(key) => std::slice::from_ref(key),
            None => draft.facts.get("keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice),
        };
        let signs = |vkey: &str| keys.iter().any(|key| key.verifying_key().to_string() == vkey);
        let Some(absent) = added.iter().filter_map(Value::as_str).find(|vkey| !signs(vkey)) else {
            return Ok(());
        };
        let why = format!(
            "--vkey {absent}: this key signs too, to prove that somebody has it: give its file with --also-key FILE"
        );
        if self.event_type == EventType::PartyRegistered {
            return Err(Failure::Usage(format!(
                "{why}; if it lies on another machine, register the party without it, and add it then: `{} record key --help`",
                terminal::shell(&super::program())
            )));
        }
        let (program, vkey) = (terminal::shell(&super::program()), terminal::shell(absent));
        let by = terminal::shell(&keys[0].verifying_key().to_string());
        let own = self.common.key.as_ref().map(|file| terminal::shell(&file.display().to_string()));
        Err(Failure::Usage(format!(
            "{why}. If it lies on another machine, make the event, have it signed there, sign it here and submit it:\n\
             \x20 {program} event new --type key.added --origin {} --by {by} --by {vkey} --ref party={} --fact key={vkey} > key.txt\n\
             \x20 onrecord event sign --key FILE key.txt > key.note\n\
             \x20 {program} event sign --key {} key.note > both.note\n\
             \x20 {program} event submit --ledger {} both.note",
            client.origin(),
            draft.refs.get("party").and_then(Value::as_str).unwrap_or_default(),
            own.unwrap_or_default(),
            terminal::shell(client.base()),
        )))
    }

    /// What was typed for the member that a refusal names.
    fn typed(&self, fields: &[Field], place: &str) -> Option<String> {
        let mut steps = place.split(['.', '[']);
        let (member, name) = (steps.next()?, steps.next().unwrap_or_default());
        let field = fields.iter().find(|field| match (member, field.target) {
            ("case", Target::Case) => true,
            ("refs", Target::Ref(spec)) => spec.role == name,
            ("facts", Target::Fact(spec)) => spec.name == name,
            ("content", Target::Word(word)) => word.name == name,
            _ => false,
        });
        Some(match (field, member, name) {
            (Some(Field { flag, target: Target::Word(_), .. }), ..) => format!("--{flag}"),
            (Some(field), ..) => match self.values.get(&field.flag).map(Vec::as_slice) {
                Some([only]) => format!("--{} {only}", field.flag),
                _ => format!("--{}", field.flag),
            },
            (None, "at", _) => "--at".to_owned(),
            (None, "by", "0]") => "--key".to_owned(),
            (None, "by", _) => "--also-key".to_owned(),
            (None, "content", "files") => "--file".to_owned(),
            (None, "content", name) if self.words.iter().any(|w| w.split('=').next() == Some(name)) => {
                format!("--word {name}")
            }
            (None, "facts", "items") => "--item".to_owned(),
            // Checks at the door have names of their own.
            (None, "evidence", "addressee") => "--vouched-by addressee_key".to_owned(),
            (None, "facts", "deadline") => {
                let flags = deadline_args();
                let given = flags.iter().find(|a| self.values.contains_key(a.get_id().as_str()))?;
                format!("--{}", given.get_id())
            }
            _ => return None,
        })
    }

    fn has(&self, field: &Field) -> bool {
        self.values.contains_key(&field.flag)
    }

    /// Lists all that is missing, where nobody can be asked.
    fn refuse_if_incomplete(&self, fields: &[Field], ledger: bool, key: bool) -> Result<(), Failure> {
        let mut missing: Vec<(String, &str)> = Vec::new();
        if ledger {
            missing.push(("--ledger URL".into(), "The ledger's address"));
        }
        if key {
            missing.push(("--key FILE".into(), "Key file of the author"));
        }
        missing.extend(
            fields.iter().filter(|f| f.required && !self.has(f)).map(|f| (f.usage(), f.help.as_str())),
        );
        if missing.is_empty() {
            return Ok(());
        }
        if !self.common.yes {
            missing.push(("--yes".into(), "Sign and submit without asking: nobody can be asked here"));
        }
        let width = missing.iter().map(|(usage, _)| usage.len()).max().unwrap_or(0);
        let lines: Vec<_> =
            missing.iter().map(|(usage, help)| format!("  {usage:<width$}  {help}")).collect();
        let noun = noun(self.event_type);
        Err(Failure::Usage(format!("record {noun}: missing\n{}", lines.join("\n"))))
    }

    /// What was written, as an event without its commitment, and the words.
    fn draft(
        &self,
        fields: &[Field],
        keys: &[SigningKey],
        client: &Client,
    ) -> Result<(Draft, Map<String, Value>), Failure> {
        let (mut case, mut touched) = (None, None);
        let (mut refs, mut facts, mut words) = (Map::new(), Map::new(), Map::new());
        for field in fields {
            let Some(given) = self.values.get(&field.flag) else { continue };
            match field.target {
                Target::Case => {
                    let opened = Kinds::Of(&[EventType::CaseOpened]);
                    case = Some(resolve_kind(client, "--case", &given[0], opened)?.id);
                }
                Target::Ref(spec) => {
                    let place = format!("--{}", field.flag);
                    let named = given.iter().map(|id| resolve_kind(client, &place, id, spec.kinds));
                    let named = named.collect::<Result<Vec<Named>, _>>()?;
                    if matches!(spec.role, "entry" | "corrects") {
                        touched = named.first().and_then(|n| n.index);
                    }
                    let ids = named.iter().map(|n| Value::from(n.id.to_string()));
                    let value =
                        if spec.many { ids.collect() } else { ids.into_iter().next().unwrap_or_default() };
                    refs.insert(spec.role.to_owned(), value);
                }
                Target::Fact(spec) => {
                    facts.insert(spec.name.to_owned(), fact(&field.flag, spec.kind, given)?);
                }
                Target::Word(word) => {
                    words.insert(word.name.to_owned(), values::word(&field.flag, word.form, given)?);
                }
            }
        }
        for other in &self.words {
            let (name, value) = pair("word", other, "NAME=TEXT")?;
            words.insert(name.to_owned(), text("word", value)?.into());
        }
        self.derive_facts(&mut facts, &words, keys)?;
        // What touches another event stands in its case.
        if let (None, Some(index)) = (case, touched) {
            case = client.case_at(index)?;
        }
        let zone = match case {
            Some(case) => client.zone_of(&case)?,
            // The one that it opens.
            None => facts.get("timezone").and_then(Value::as_str).map(str::to_owned),
        };
        let at = self.common.when.read(zone.as_deref())?;
        Ok((Draft { event_type: self.event_type, at, case, refs, facts, content: None }, words))
    }

    /// Facts that follow from other flags.
    fn derive_facts(
        &self,
        facts: &mut Map<String, Value>,
        words: &Map<String, Value>,
        keys: &[SigningKey],
    ) -> Result<(), Failure> {
        let mut added = keys.iter().skip(1).map(|k| Value::from(k.verifying_key().to_string()));
        match self.event_type {
            EventType::DemandIssued => {
                let items = words.get("items").and_then(Value::as_array).map_or(0, Vec::len);
                facts.insert("items".into(), items.into());
                if let Some(deadline) = self.deadline()? {
                    facts.insert("deadline".into(), deadline);
                }
            }
            EventType::KeyAdded if !facts.contains_key("key") => {
                let key = added.next().ok_or_else(|| {
                    Failure::Usage(
                        "give the new key with --also-key FILE: it signs too, to prove possession".into(),
                    )
                })?;
                facts.insert("key".into(), key);
            }
            EventType::KeyRevoked if !facts.contains_key("key") => {
                return Err(Failure::Usage("give the key that is revoked: --vkey VKEY".into()));
            }
            EventType::PartyRegistered if !facts.contains_key("keys") => {
                let keys: Vec<Value> = added.collect();
                if !keys.is_empty() {
                    facts.insert("keys".into(), keys.into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The deadline that the flags of its own say.
    fn deadline(&self) -> Result<Option<Value>, Failure> {
        let one = |flag: &str| self.values.get(flag).and_then(|v| v.first());
        if let Some(whole) = self.values.get("deadline") {
            return fact("deadline", FactKind::Deadline, whole).map(Some);
        }
        if let Some(day) = one("deadline-by") {
            return Ok(Some(json!({ "by": day })));
        }
        let Some(days) = one("deadline-days") else { return Ok(None) };
        let days: u64 = days.parse().map_err(|_| {
            Failure::Usage(format!("--deadline-days {days}: expected a number from 1 to 3650"))
        })?;
        let need = |flag: &str, words: &[&str]| {
            one(flag).cloned().ok_or_else(|| {
                Failure::Usage(format!("--deadline-days takes --{flag}: {}", words.join(", ")))
            })
        };
        let mut deadline = json!({
            "days": days,
            "rule": need("deadline-rule", crate::event::DeadlineRule::WORDS)?,
            "from": need("deadline-from", crate::event::ClockStart::WORDS)?,
        });
        if let Some(day) = one("deadline-weekly") {
            deadline["weekly"] = day.as_str().into();
        }
        if let Some(days) = self.values.get("deadline-holiday") {
            let mut days = days.clone();
            days.sort();
            days.dedup();
            deadline["holidays"] = days.into();
        }
        Ok(Some(deadline))
    }
}
