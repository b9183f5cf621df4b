//! `record`: how people write. One subcommand for each type, with flags made from the type's specification.
//!
//! At a terminal it asks for what is missing. It makes the salt, hashes and uploads files, shows what will be signed, signs,
//! submits, and prints the permalink and the command that checks the ledger.

mod author;
mod checks;
mod enclosed;
mod fields;
mod form;
mod happened;
mod holidays;
mod meant;
mod values;
mod when;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args as _, FromArgMatches, Subcommand};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

pub(super) use enclosed::{announce, is_beside_signatures};
use fields::{Field, Target, fields};
pub(super) use fields::{is_to_come, noun};
use values::Values;
pub(super) use values::{fact, file_ref, pair, read_small, text, without_mark};
pub(super) use when::When;

use super::{
    Context, Failure,
    client::{Client, Recorded},
    key, refuse_secret_in, repeated, terminal,
};
use crate::{
    event::{
        At, Body, ClockStart, Content, ContentRef, ContentRule, Day, DeadlineRule, Draft, DraftError,
        EventId, EventType, FactKind, Kinds, RefSpec,
    },
    note::{SigningKey, VerifyingKey},
    views::first_day,
};

// Flags that every type has. No doc comment: clap would show it in place of the type's own.
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
    /// Ask also for what may be left out and was not given
    #[arg(long, conflicts_with = "yes")]
    ask: bool,
    // Only in drafts, beside --ask: a question that is over, named by its flag.
    #[arg(long, value_name = "FLAG", hide = true)]
    asked: Vec<String>,
    // Only in drafts: the draft's own file, which is removed once the event is on record.
    #[arg(long, value_name = "FILE", hide = true)]
    draft: Option<PathBuf>,
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
    last_key: bool,
    /// Whether the list of holidays was shown when it was chosen.
    holidays_said: bool,
}

fn types() -> impl Iterator<Item = EventType> {
    // The first event is made by `init`.
    EventType::ALL.iter().copied().filter(|t| *t != EventType::LedgerOpened)
}

/// Whether an event of a type can be about a collection, a demand or a notice.
fn can_stand_beside_signatures(event_type: EventType) -> bool {
    use EventType as T;
    let points = |kind: T| event_type.spec().refs.iter().any(|role| role.kinds.allow(kind));
    event_type == T::CollectionOpened
        || [T::CollectionOpened, T::DemandIssued, T::NoticeDispatched].into_iter().any(points)
}

/// Flags of the period that a demand leaves for an answer.
fn deadline_args() -> [Arg; 8] {
    // Beside one of these clap no longer requires --deadline-days: without a conflict, a flag of the period would be accepted
    // and read by nobody.
    const WHOLE: [&str; 2] = ["deadline-by", "deadline"];
    let arg = |flag: &'static str, value: &'static str, help: &'static str| {
        Arg::new(flag).long(flag).value_name(value).help(help).help_heading("When the answer falls due")
    };
    [
        arg("deadline-by", "YYYY-MM-DD", "On this day"),
        arg("deadline-days", "N", "After a period of this many days").conflicts_with("deadline-by"),
        arg("deadline-rule", "RULE", "How days are counted")
            .value_parser(clap::builder::PossibleValuesParser::new(crate::event::DeadlineRule::WORDS))
            .requires("deadline-days")
            .conflicts_with_all(WHOLE),
        arg("deadline-from", "GRADE", "What starts the clock")
            .value_parser(clap::builder::PossibleValuesParser::new(crate::event::ClockStart::WORDS))
            .requires("deadline-days")
            .conflicts_with_all(WHOLE),
        arg("deadline-weekly", "DAY", "The weekly holiday, with my-interpretation-act-54")
            .value_parser(clap::builder::PossibleValuesParser::new(crate::event::Weekly::WORDS))
            .requires("deadline-days")
            .conflicts_with_all(WHOLE),
        arg("deadline-holiday", "YYYY-MM-DD", "A holiday (may be repeated)")
            .action(ArgAction::Append)
            .requires("deadline-days")
            .conflicts_with_all(WHOLE),
        arg(
            "holidays",
            "PLACE",
            "The public holidays of a place, with its weekly holiday: MY, or MY-01 to MY-16 for its states",
        )
        .requires("deadline-days")
        .conflicts_with_all(WHOLE),
        arg("deadline", "JSON", "The whole fact, as formats.md has it")
            .conflicts_with_all(["deadline-by", "deadline-days"]),
    ]
}

/// An example made of the flags that the type asks for. A ledger takes it, if the records that it names are there.
fn example(event_type: EventType) -> String {
    let mut line =
        format!("onrecord record {} --ledger http://127.0.0.1:8080 --key desk.key", noun(event_type));
    let mut say = |flag: &str, value: &str| line.push_str(&format!(" \\\n      --{flag} {value}"));
    // Each is used once: no two refs may name the same record.
    let mut ids = ["@3", "@5", "@7"].into_iter();
    for field in fields(event_type).iter().filter(|f| f.required) {
        let value = match (event_type, field.flag.as_str(), field.value.as_str()) {
            // Evidence that the sender of a letter can give.
            (_, "evidence", _) => "ContentHandover",
            (_, "vouched-by", _) => "sender",
            (EventType::DeadlineAdjusted, "until", _) => "2026-12-24",
            (_, "case", "ID") => "@11",
            (_, _, "ID") => ids.next().unwrap_or("@9"),
            (_, "text", "TEXT") => "@words.txt",
            (.., "TEXT") => "'...'",
            (.., "LANG") => "en",
            (.., "CC") => "MY",
            (.., "ZONE") => "Asia/Kuala_Lumpur",
            (.., "N") => "566",
            (.., "DATE" | "YYYY-MM-DD") => "2026-11-23",
            (.., "POSITION") => "content",
            (.., "ITEM=VERDICT") => "1=satisfied",
            _ => field.choices.first().unwrap_or(&"true"),
        };
        say(&field.flag, value);
    }
    // Flags that are not marked as asked for, and are needed all the same.
    match event_type {
        EventType::KeyAdded => say("also-key", "new.key"),
        EventType::KeyRevoked => say("vkey", "VKEY"),
        EventType::DemandIssued => say("petitioner", ids.next().unwrap_or("@9")),
        EventType::ContentReleased => say("restored", "words.blob"),
        _ => {}
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
                if can_stand_beside_signatures(event_type) {
                    command = command.arg(
                        Arg::new("public-file")
                            .long("public-file")
                            .help("Accept a table among files that stand beside signatures, since it lists nobody who signed")
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
            if event_type == EventType::KeyRevoked {
                command = command.arg(
                    Arg::new("last-key")
                        .long("last-key")
                        .help("Revoke the operator's last key without asking: the ledger takes no parties, roles or withholdings then")
                        .action(ArgAction::SetTrue),
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
            last_key: matches!(matches.try_get_one("last-key"), Ok(Some(true))),
            holidays_said: false,
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
    let given = ledger.map(|ledger| Ok((ledger, None)));
    let asked = given.or_else(|| {
        let connected = |ledger: &str| Client::connect(ledger).map(Some);
        ask_until_good("The ledger's address:", connected).transpose()
    });
    let (ledger, client) = asked.transpose()?.ok_or_else(|| context.missing("--ledger URL", "ledger"))?;
    let read = |flag: &str, file: &Path| key::read(file).map_err(|e| e.of(flag));
    let (key_file, key) = match key_file {
        Some(file) => (file.clone(), read("--key", &file)?),
        None => {
            let asked = ask_until_good("Your key file:", |file| key::read(Path::new(file)))?;
            let (file, key) = asked.ok_or_else(|| context.missing("--key FILE", "key_file"))?;
            (file.into(), key)
        }
    };
    let also = command.common.also_key.iter().map(|file| read("--also-key", file));
    let keys = std::iter::once(Ok(key)).chain(also).collect::<Result<Vec<SigningKey>, _>>()?;
    command.common.key = Some(key_file.clone());
    let client = match client {
        Some(client) => client,
        None => Client::connect(&ledger)?,
    };
    command.refuse_if_no_key_is_added()?;
    // A key that may not sign is refused before the first question.
    let author = author::author(command.event_type, &keys, &client).map_err(|e| e.typed_as(author::flag))?;
    if !command.common.ask {
        command.pass_over_what_is_given(&fields);
    }
    let given = command.answers();
    let asked = command.ask(&fields, &client, author.as_ref());
    let (was_asked, is_half_way) = (command.answers() > given, asked.is_err());
    let recorded = match asked {
        // Everything was given by flags, so there is nothing to save. (If the answers came from a draft, the error goes on to
        // say that the draft stays.)
        Err(e) if !was_asked && command.run_draft().is_none() => return Err(e),
        asked => asked.and_then(|()| command.submit(&fields, &keys, &client)),
    };
    let recorded = recorded.map_err(|e| {
        if (was_asked || !command.common.yes) && !is_told_how(&e) {
            match command.keep(&client, &key_file.display().to_string(), was_asked) {
                Ok(path) => terminal::note(&kept(&path, is_half_way, &e)),
                Err(e) => e.say(false),
            }
        }
        // The error names what was typed, since that is what can be mended.
        e.typed_as(|fault| command.typed(&fields, &fault.place, &fault.message))
            .worded(|message| in_flags(command.event_type, &fields, message))
    })?;
    // If the draft were run again, it would record the same again.
    if let Some(draft) = command.run_draft() {
        let name = draft.display();
        terminal::note(&match std::fs::remove_file(draft) {
            Ok(()) => format!("{name} is removed: what it says is on record."),
            Err(e) => format!(
                "{name} can't be removed ({e}); what it says is on record, and is not to be recorded again."
            ),
        });
    }
    let url = format!("{}/e/{}", client.public(), recorded.index);
    let verify = format!(
        "{} verify {} --key {}",
        terminal::shell(&super::program()),
        terminal::shell(client.public()),
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

/// Asks until an answer is good, if somebody can be asked. `None` if nothing is answered.
fn ask_until_good<T>(
    question: &str,
    good: impl Fn(&str) -> Result<T, Failure>,
) -> Result<Option<(String, T)>, Failure> {
    while terminal::can_ask()
        && let Some(answer) = terminal::ask(question)?.filter(|answer| !answer.is_empty())
    {
        match good(&answer) {
            Ok(good) => return Ok(Some((answer, good))),
            Err(Failure::Refused(why) | Failure::Usage(why) | Failure::Undecided(why)) => {
                terminal::note(&format!("  {why}"));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

/// The line before the commands that add a key from another machine.
const ELSEWHERE: &str =
    "If it lies on another machine, make the event, have it signed there, sign it here and submit it:";

/// Whether a failure names other commands to go on with: then what was typed need not be mended or saved.
fn is_told_how(failure: &Failure) -> bool {
    matches!(failure, Failure::Usage(why) if why.contains(ELSEWHERE))
}

/// The note on a saved draft: whether it goes on as it is, or has to be mended.
fn kept(path: &Path, is_half_way: bool, why: &Failure) -> String {
    let path = terminal::shell(&path.display().to_string());
    let goes_on = match why {
        _ if is_half_way || terminal::is_said_no(why) => true,
        // The ledger could not be reached, or a signal came.
        Failure::Undecided(_) | Failure::Silent(_) | Failure::Submission(_, 3) => true,
        _ => false,
    };
    match goes_on {
        true => format!("What you wrote is kept; sh {path} asks again."),
        false => format!(
            "What you wrote is kept in {path}. Mend there what is refused; then sh {path} asks again."
        ),
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
    /// Reads an id, a number (`@12` or `12`) or a permalink. With a `ledger`, the permalink must be of that one.
    /// `place` is what it was given as, such as `--case`.
    pub fn read(place: &str, given: &str, ledger: Option<&Client>) -> Result<Self, Failure> {
        let mut text = given;
        if let Some((_, rest)) = text.split_once("://") {
            let path = match ledger {
                Some(ledger) => ledger.path_of(text),
                None => rest.find('/').map(|at| &rest[at..]),
            };
            // The last `/e/` or the like counts: a ledger may be served below a path.
            let page = path.and_then(|p| {
                let p = p.split(['?', '#']).next().unwrap_or_default();
                ["/e/", "/case/", "/demand/", "/party/", "/entry/"]
                    .iter()
                    .find_map(|k| Some(&p[p.rfind(k)? + k.len()..]))
            });
            text = page.map(|p| p.trim_end_matches('/')).ok_or_else(|| {
                let base = ledger.map_or("URL", Client::public);
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
    Ok(match Name::read(place, given, Some(client))? {
        Name::Id(id) => Named { id, index: None },
        Name::Index(index) => {
            let id = client.id_at(index).map_err(|e| e.of(&format!("{place} {given}")))?;
            Named { id, index: Some(index) }
        }
    })
}

/// The same for an event that must be of certain types. The error names what was typed.
pub(super) fn resolve_kind(
    client: &Client,
    place: &str,
    given: &str,
    kinds: Kinds,
) -> Result<Named, Failure> {
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

/// The message with each member that it names replaced by its flag.
fn in_flags(event_type: EventType, fields: &[Field], message: &str) -> String {
    // The flag of the quotes stands before the message already.
    let mut out = message.replace("content.quotes.", "").replace("`at`", "--at");
    let mut members: Vec<(String, &str)> = Vec::new();
    for field in fields {
        match field.target {
            Target::Ref(spec) => members.push((format!("refs.{}", spec.role), &field.flag)),
            Target::Fact(spec) => members.push((format!("facts.{}", spec.name), &field.flag)),
            Target::Case | Target::Word(_) => {}
        }
    }
    if event_type == EventType::DemandIssued {
        members.push(("facts.items".to_owned(), "item"));
    }
    for (member, flag) in members {
        // Not if a longer name begins with it.
        let ends = |at: usize| {
            !out[at + member.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        };
        let found: Vec<usize> = out.match_indices(&member).map(|(at, _)| at).filter(|at| ends(*at)).collect();
        for at in found.into_iter().rev() {
            out.replace_range(at..at + member.len(), &format!("--{flag}"));
        }
    }
    out
}

/// Pairs of refs that must not name the same event: no link leads to itself, no entry replaces itself, no letter goes to its
/// sender.
fn apart(event_type: EventType) -> &'static [(&'static str, &'static str)] {
    match event_type {
        EventType::LinkAsserted => &[("from", "to")],
        EventType::CorrectionIssued => &[("corrects", "replacement")],
        EventType::DemandIssued => &[("respondent", "petitioner"), ("respondent", "counsel")],
        EventType::NoticeDispatched => &[("sender", "addressee")],
        EventType::DisclosureMade => &[("party", "to")],
        _ => &[],
    }
}

/// Whether records of these kinds are sought within a case. Parties and cases are sought on the whole ledger.
fn is_of_a_case(kinds: Kinds) -> bool {
    !kinds.allow(EventType::PartyRegistered) && !kinds.allow(EventType::CaseOpened)
}

/// Whether an event belongs to the case of the record that this ref names: it acts on that record, or the ref may not name a
/// record of another case.
fn tells_the_case(role: &RefSpec) -> bool {
    matches!(role.role, "entry" | "corrects") || (!role.cross && is_of_a_case(role.kinds))
}

/// Whether a date, even on the last day that it can mean, is before an event's own.
fn is_over(date: &At, event: &At) -> bool {
    let last = first_day(date).map(|day| if date.has_day() { day } else { day.last_of_month() });
    last.zip(first_day(event)).is_some_and(|(last, first)| last < first)
}

/// Refuses a day for the answer that is before the demand. `start` is the day of the demand, if it is known.
fn refuse_before(place: &str, day: &str, start: Option<Date>) -> Result<(), Failure> {
    let Some((by, start)) = Day::parse(day).ok().and_then(|day| day.as_str().parse::<Date>().ok()).zip(start)
    else {
        return Ok(());
    };
    if by >= start {
        return Ok(());
    }
    Err(Failure::Usage(format!("{place} {by}: that is before the demand itself, which is of {start} (--at)")))
}

/// A noun with its article.
pub(super) fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

impl Command {
    /// Shows what will be on record, and submits it once the author said yes. It is signed before the question, so that what
    /// would be refused is refused first; no signature leaves the program without a yes.
    fn submit(&self, fields: &[Field], keys: &[SigningKey], client: &Client) -> Result<Recorded, Failure> {
        let files = self.files.iter().map(|path| file_ref(path).map_err(|e| e.of("--file")));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let (draft, words) = self.draft(fields, keys, client)?;
        self.refuse_absent_holder(&draft, keys, client)?;
        self.refuse_unmeant(&draft, &words, keys, client)?;
        let content = match self.event_type.spec().content {
            ContentRule::None => None,
            ContentRule::Optional if words.is_empty() && files.is_empty() => None,
            _ => Some(Content::seal(words.clone(), &files, &key::random()?)),
        };
        if let Some(content) = &content {
            // The ledger's own check, so that nothing is signed that it would refuse.
            Content::parse(content)?.refuse_unsaid(self.event_type)?;
            // Before the words are sent to the ledger for their sentence.
            refuse_secret_in("the words", content)?;
        }
        let draft = Draft { content: content.as_deref().map(ContentRef::of), ..draft };
        let restored = self.restored.as_deref().map(|file| read_small(file, crate::event::MAX_CONTENT));
        let (content, restored) =
            (content.map(utf8).transpose()?, restored.transpose()?.map(utf8).transpose()?);
        // Before the question: what can't be signed is not asked about.
        let event = draft.sign(client.origin(), &keys.iter().collect::<Vec<_>>()).map_err(|e| match e {
            DraftError::Refused(refusal) => Failure::Event(refusal),
            e => Failure::Usage(e.to_string()),
        })?;
        announce(self.is_beside_signatures(&draft, client)?, &self.files, self.public_file)?;
        // What the ledger would refuse is refused before anybody says yes.
        let sentence = client.preview(&event, content.as_deref())?;
        match self.common.yes {
            true => {
                if let Some(sentence) = sentence {
                    terminal::note(&format!("This will stand on record for ever:\n\n  {sentence}\n"));
                }
                show(event.note().text(), content.as_deref());
            }
            false => {
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

    fn is_beside_signatures(&self, draft: &Draft, client: &Client) -> Result<bool, Failure> {
        if self.files.is_empty() || self.public_file {
            return Ok(false);
        }
        let ids = draft.refs.values().flat_map(|ids| match ids {
            Value::Array(ids) => ids.as_slice(),
            id => std::slice::from_ref(id),
        });
        is_beside_signatures(client, self.event_type, ids.filter_map(|id| id.as_str()?.parse().ok()))
    }

    /// Refuses to add a key that does not sign here, and says how to have it sign on another machine.
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
        absent
            .parse::<VerifyingKey>()
            .map_err(|e| Failure::Usage(format!("--vkey{}: {e}", repeated(absent))))?;
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
            "{why}. {ELSEWHERE}\n\
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
    fn typed(&self, fields: &[Field], place: &str, why: &str) -> Option<String> {
        if let Some(flags) = checks::flags(place, why) {
            let given = |flag: &&&str| self.values.contains_key(**flag);
            let flag = *flags.iter().find(given).or(flags.first())?;
            let values = self.values.get(flag).map(Vec::as_slice);
            return Some(match (flag, values, &self.common.when.at) {
                ("at", _, Some(at)) => format!("--at {at}"),
                // Their values may be long, and are not repeated.
                ("item" | "answer" | "quotes" | "deadline", ..) => format!("--{flag}"),
                (_, Some([only]), _) => format!("--{flag} {only}"),
                _ => format!("--{flag}"),
            });
        }
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
            (None, "facts", "deadline") => {
                let flags = deadline_args();
                // Each member has a flag of its own; --deadline gives the whole.
                let member = match steps.next() {
                    Some(member) if self.values.contains_key("deadline") => {
                        return Some(format!("--deadline, {member}"));
                    }
                    None if self.values.contains_key("deadline") => "deadline".to_owned(),
                    Some("holidays") => "deadline-holiday".to_owned(),
                    Some(member) => format!("deadline-{member}"),
                    None => String::new(),
                };
                if self.values.contains_key(&member) {
                    return Some(format!("--{member}"));
                }
                let given = flags.iter().find(|a| self.values.contains_key(a.get_id().as_str()))?;
                format!("--{}", given.get_id())
            }
            _ => return None,
        })
    }

    /// How many values were given, by flags and by answers. A higher number than before means that something was answered.
    fn answers(&self) -> usize {
        let values: usize = self.values.values().map(Vec::len).sum();
        values + self.files.len() + usize::from(self.common.when.at.is_some()) + self.common.asked.len()
    }

    /// Refuses `record key` before any question if no new key is given: the new key signs too.
    fn refuse_if_no_key_is_added(&self) -> Result<(), Failure> {
        let is_given = self.values.contains_key("vkey") || !self.common.also_key.is_empty();
        if self.event_type != EventType::KeyAdded || is_given {
            return Ok(());
        }
        Err(Failure::Usage(
            "give the new key with --also-key FILE: it signs too, to prove possession; or its line with --vkey VKEY, if the \
             file lies on another machine"
                .into(),
        ))
    }

    fn has(&self, field: &Field) -> bool {
        self.values.contains_key(&field.flag)
    }

    /// Whether a field need not be asked for: it was given, or it is the case and follows from a ref that was given.
    fn is_known(&self, field: &Field, fields: &[Field]) -> bool {
        let names = |f: &Field| matches!(f.target, Target::Ref(spec) if tells_the_case(spec)) && self.has(f);
        self.has(field) || (matches!(field.target, Target::Case) && fields.iter().any(names))
    }

    /// Lists all that is missing in one error. For when nobody can be asked.
    fn refuse_if_incomplete(&self, fields: &[Field], ledger: bool, key: bool) -> Result<(), Failure> {
        let mut missing: Vec<(String, &str)> = Vec::new();
        if ledger {
            missing.push(("--ledger URL".into(), "The ledger's address"));
        }
        if key {
            missing.push(("--key FILE".into(), "Key file of the author"));
        }
        missing.extend(
            fields
                .iter()
                .filter(|f| f.required && !self.is_known(f, fields))
                .map(|f| (f.usage(), f.help.as_str())),
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

    /// The event that was given by flags and answers, without its commitment; and the words.
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
                    if touched.is_none() && tells_the_case(spec) {
                        touched = named.first().and_then(|n| n.index);
                    }
                    let ids = named.iter().map(|n| Value::from(n.id.to_string()));
                    let value =
                        if spec.many { ids.collect() } else { ids.into_iter().next().unwrap_or_default() };
                    refs.insert(spec.role.to_owned(), value);
                }
                Target::Fact(spec) => {
                    facts.insert(spec.name.to_owned(), fact(&field.flag, spec, given)?);
                }
                Target::Word(word) => {
                    words.insert(word.name.to_owned(), values::word(&field.flag, word.form, given)?);
                }
            }
        }
        for other in &self.words {
            let (name, value) = pair("word", other, "NAME=TEXT")?;
            if words.insert(name.to_owned(), text("word", value)?.into()).is_some() {
                return Err(Failure::Usage(format!("--word {name}: these words are given already")));
            }
        }
        self.derive_facts(&mut facts, &words, keys)?;
        // The case follows from a record that the event names.
        if let (None, Some(index)) = (case, touched) {
            case = client.case_at(index)?;
        }
        let zone = match case {
            Some(case) => client.zone_of(&case)?,
            // The zone of the case that it opens.
            None => facts.get("timezone").and_then(Value::as_str).map(str::to_owned),
        };
        let at = self.common.when.read(zone.as_deref())?;
        self.refuse_itself(&refs)?;
        self.refuse_odd_dates(fields, &at, zone.as_deref())?;
        if self.event_type == EventType::CaseOpened && !facts.contains_key("fictional") {
            self.take_fiction_from_the_respondent(&refs, &mut facts, client)?;
        }
        if words.get("mistaken") == Some(&Value::Bool(true)) {
            self.refuse_mistaken_of_another(touched, client)?;
        }
        if self.event_type == EventType::DemandIssued
            && let Some(deadline) = self.deadline(first_day(&at))?
        {
            facts.insert("deadline".into(), deadline);
        }
        Ok((Draft { event_type: self.event_type, at, case, refs, facts, content: None }, words))
    }

    /// Refuses a date of what has happened that is ahead of now, and a date of what is to come that is before the event.
    fn refuse_odd_dates(&self, fields: &[Field], at: &At, zone: Option<&str>) -> Result<(), Failure> {
        for field in fields {
            let Target::Fact(spec) = field.target else { continue };
            if !matches!(spec.kind, FactKind::At | FactKind::Day) {
                continue;
            }
            let place = format!("--{}", field.flag);
            // A date that can't be read is refused later, with the form it should have.
            let dates = self.values.get(&field.flag).into_iter().flatten();
            for date in dates.filter_map(|date| At::parse(date).ok()) {
                if !is_to_come(self.event_type, spec) {
                    self.common.when.refuse_ahead(&place, &date, zone)?;
                } else if self.event_type != EventType::DeadlineAdjusted && is_over(&date, at) {
                    // The ledger checks to which day a deadline can be moved.
                    return Err(Failure::Usage(format!(
                        "{place} {date}: that is before the event itself, which is of {} (--at)",
                        at.date()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Refuses two refs of [`apart`] that name the same event.
    fn refuse_itself(&self, refs: &Map<String, Value>) -> Result<(), Failure> {
        let same =
            |(one, other): &&(&str, &str)| refs.contains_key(*one) && refs.get(*one) == refs.get(*other);
        match apart(self.event_type).iter().find(same) {
            Some((one, other)) => {
                Err(Failure::Usage(format!("--{other}: this is what --{one} names already")))
            }
            None => Ok(()),
        }
    }

    /// A case is fictional if and only if its respondent is, so nobody is asked.
    fn take_fiction_from_the_respondent(
        &self,
        refs: &Map<String, Value>,
        facts: &mut Map<String, Value>,
        client: &Client,
    ) -> Result<(), Failure> {
        let respondent = refs.get("respondent").and_then(|id| id.as_str()?.parse().ok());
        let Some(index) = respondent.map(|id| client.index_of(&id)).transpose()?.flatten() else {
            return Ok(());
        };
        if matches!(client.event(index)?.body(), Body::PartyRegistered(b) if b.fictional == Some(true)) {
            terminal::note("The case is fictional, as its respondent is.");
            facts.insert("fictional".into(), true.into());
        }
        Ok(())
    }

    /// Refuses `--mistaken` for the correction of anything but a case or a party.
    fn refuse_mistaken_of_another(&self, corrected: Option<u64>, client: &Client) -> Result<(), Failure> {
        let Some(index) = corrected else { return Ok(()) };
        let found = client.event(index)?.event_type();
        if matches!(found, EventType::CaseOpened | EventType::PartyRegistered) {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "--mistaken: only a case is opened by mistake, or a party registered; entry {index} is {}. Leave the flag out: the \
             correction says what is wrong",
            a(noun(found))
        )))
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

    /// The deadline, made from its own flags. `None` if none of them was given. `start` is the day of the demand.
    fn deadline(&self, start: Option<Date>) -> Result<Option<Value>, Failure> {
        let one = |flag: &str| self.values.get(flag).and_then(|v| v.first());
        let Some(deadline_spec) = self.event_type.spec().fact("deadline") else { return Ok(None) };
        if let Some(whole) = self.values.get("deadline") {
            let whole = fact("deadline", deadline_spec, whole)?;
            refuse_before("--deadline", whole["by"].as_str().unwrap_or_default(), start)?;
            return Ok(Some(whole));
        }
        if let Some(day) = one("deadline-by") {
            refuse_before("--deadline-by", day, start)?;
            let deadline = json!({ "by": day });
            values::refuse_odd_bytes(deadline_spec, &deadline)?;
            return Ok(Some(deadline));
        }
        let Some(days) = one("deadline-days") else { return Ok(None) };
        let good = days.parse::<u16>().ok().filter(|n| (1..=3650).contains(n));
        let days = good.ok_or_else(|| {
            Failure::Usage(format!("--deadline-days {days}: expected a number from 1 to 3650"))
        })?;
        let need = |flag: &str, words: &[&str]| {
            one(flag).cloned().ok_or_else(|| {
                Failure::Usage(format!("--deadline-days takes --{flag}: {}", words.join(", ")))
            })
        };
        let rule = need("deadline-rule", DeadlineRule::WORDS)?;
        let from = need("deadline-from", ClockStart::WORDS)?;
        let mut weekly = one("deadline-weekly").cloned();
        let mut holidays = self.values.get("deadline-holiday").cloned().unwrap_or_default();
        if let Some(code) = one("holidays") {
            let listed = self.listed(code, start)?;
            if !self.holidays_said {
                terminal::note(&listed.said(&holidays));
            }
            holidays.extend(listed.days.iter().map(|(day, _)| (*day).to_owned()));
            if rule == DeadlineRule::InterpretationAct54.as_str() && weekly.is_none() {
                let Some(day) = listed.weekly else {
                    return Err(Failure::Usage(format!(
                        "--holidays {code}: the weekly holiday changes within the period; give the one that counts with --deadline-weekly"
                    )));
                };
                weekly = Some(day.as_str().to_owned());
            }
        }
        // The ledger has the same rule; the errors here name flags.
        if rule == DeadlineRule::InterpretationAct54.as_str() {
            if weekly.is_none() || holidays.is_empty() {
                return Err(Failure::Usage(format!(
                    "--deadline-rule {rule} takes a weekly holiday and holidays: --holidays PLACE, or --deadline-weekly and \
                     --deadline-holiday"
                )));
            }
        } else if weekly.is_some() {
            return Err(Failure::Usage(format!(
                "--deadline-weekly: only {} has a weekly holiday",
                DeadlineRule::InterpretationAct54
            )));
        }
        let mut deadline = json!({"days": days, "rule": rule, "from": from});
        if let Some(day) = weekly {
            deadline["weekly"] = day.into();
        }
        if !holidays.is_empty() {
            holidays.sort();
            holidays.dedup();
            deadline["holidays"] = holidays.into();
        }
        values::refuse_odd_bytes(deadline_spec, &deadline)?;
        Ok(Some(deadline))
    }

    /// The holidays of a place that the period can touch.
    fn listed(&self, code: &str, start: Option<Date>) -> Result<holidays::Listed, Failure> {
        let lists = holidays::malaysia()?;
        let place = lists
            .place(code)
            .ok_or_else(|| Failure::Usage(format!("--holidays {code}: expected one of {}", lists.codes())))?;
        let listed = self.span(start).and_then(|span| lists.listed(place, span));
        listed.ok_or_else(|| {
            Failure::Usage(format!(
                "--holidays {code}: {}, and the period touches none of these years; give its holidays with --deadline-holiday",
                lists.reach()
            ))
        })
    }

    /// The period that was given, as far as it is known before anything is delivered.
    fn span(&self, start: Option<Date>) -> Option<holidays::Span> {
        let one = |flag: &str| self.values.get(flag).and_then(|v| v.first());
        Some(holidays::Span {
            start: start?,
            days: one("deadline-days")?.parse().ok()?,
            rule: DeadlineRule::from_word(one("deadline-rule")?)?,
            from: ClockStart::from_word(one("deadline-from")?)?,
        })
    }
}
