//! `search`: what the record says, by the words in it.

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};

use super::{
    Context, Failure,
    client::{Client, index_of},
    exhibit::ledger_of,
    record::resolve_kind,
    terminal,
};
use crate::{
    event::{EventType, Kinds, PARTY, Standing},
    search,
    views::type_words,
};

const SEARCH: &str = "\
query Search($words: String!, $filter: SearchFilter, $order: SearchOrder!, $first: Int, $after: String) {
  search(words: $words, filter: $filter, order: $order, first: $first, after: $after) {
    nodes {
      index voided mistaken marks sentence source event { type recorded }
      snippets { place parts { text marked } }
    }
    pageInfo { hasNextPage endCursor }
    searched size
  }
}";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    Relevance,
    Newest,
}

/// Find entries by words, names and sentences
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Every word must be there, in Malay or English, with or without affixes. \"exact words\" in quotes, begin*, -without
(after --, so that it is no flag). What is withheld is not searched. Marked words stand between asterisks.

Examples:
  onrecord search surat jawapan
  onrecord search '\"personal data\"' --type statement.made --language en --order newest
  onrecord search --ledger https://ledger.example.org --case @36 -- surat -portal")]
pub(super) struct Args {
    /// What to look for
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    /// Address of the ledger [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Only this type of event, e.g. statement.made (may be repeated)
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only this case
    #[arg(long, value_name = "ENTRY")]
    case: Option<String>,
    /// Only what this party signed or what names it
    #[arg(long, value_name = "ENTRY")]
    party: Option<String>,
    /// Only in this language, e.g. ms
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Only of this standing
    #[arg(long, value_name = "WORD", value_parser = clap::builder::PossibleValuesParser::new(Standing::WORDS))]
    standing: Option<String>,
    /// Recorded at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Recorded before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// In which order
    #[arg(long, value_enum, default_value_t = Order::Relevance)]
    order: Order,
    /// How many, at most 100
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    first: u8,
    /// Go on after this place, which the page before printed
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let words = args.words.join(" ");
    let order = match args.order {
        Order::Relevance => search::Order::Relevance,
        Order::Newest => search::Order::Newest,
    };
    search::Query::parse(&words).map_err(|e| Failure::Usage(format!("WORDS: {e}")))?;
    if args.after.as_ref().is_some_and(|a| search::Cursor::parse(a, order).is_none()) {
        return Err(Failure::Usage("--after: expected a place in a list of this order".into()));
    }
    let mut types = Vec::new();
    for name in &args.types {
        let known = EventType::from_name(name);
        let known = known
            .ok_or_else(|| Failure::Usage(format!("--type {name}: expected a type, e.g. statement.made")))?;
        types.push(known.as_str().replace('.', "_").to_uppercase());
    }
    for (flag, time) in [("--since", &args.since), ("--until", &args.until)] {
        if time.as_ref().is_some_and(|t| t.parse::<jiff::Timestamp>().is_err()) {
            return Err(Failure::Usage(format!("{flag}: expected a time like 2023-12-15T00:00:00Z")));
        }
    }
    let asked = search::Filter { language: args.language.clone(), ..search::Filter::default() };
    if let (Some(tag), Some((_, expected))) = (&args.language, asked.unknown()) {
        return Err(Failure::Usage(format!("--language {tag}: {expected}")));
    }
    let client = Client::connect(&ledger_of(args.ledger, context))?;
    let id = |flag: &str, given: &Option<String>, kinds| match given {
        Some(given) => resolve_kind(&client, flag, given, kinds).map(|named| Some(named.id.to_string())),
        None => Ok(None),
    };
    let filter = json!({
        "types": if types.is_empty() { Value::Null } else { json!(types) },
        "case": id("--case", &args.case, Kinds::Of(&[EventType::CaseOpened]))?,
        "party": id("--party", &args.party, PARTY)?,
        "language": args.language,
        "standing": args.standing,
        "recordedSince": args.since,
        "recordedUntil": args.until,
    });
    let order = match args.order {
        Order::Relevance => "RELEVANCE",
        Order::Newest => "NEWEST",
    };
    let asked =
        json!({"words": words, "filter": filter, "order": order, "first": args.first, "after": args.after});
    let mut found = client.ask(SEARCH, &asked)?["search"].take();
    if context.json {
        terminal::json(&found);
        return Ok(());
    }
    let nodes = found["nodes"].take();
    let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
    for hit in nodes {
        say(&client, hit);
    }
    let (searched, size) = (count(&found["searched"]), count(&found["size"]));
    let some = match nodes.len() {
        0 => "nothing found".to_owned(),
        1 => "1 entry".to_owned(),
        n => format!("{n} entries"),
    };
    terminal::note(&format!("{some}; searched {searched} of {size} entries"));
    if found["pageInfo"]["hasNextPage"] == true {
        let after = found["pageInfo"]["endCursor"].as_str().unwrap_or_default();
        terminal::note(&format!("there is more: --after {after}"));
    }
    Ok(())
}

fn count(value: &Value) -> u64 {
    index_of(value).unwrap_or_default()
}

fn say(client: &Client, hit: &Value) {
    let text = |value: &Value| terminal::plain(value.as_str().unwrap_or_default());
    let void = if hit["voided"] == true { "  void" } else { "" };
    let mistaken = if hit["mistaken"] == true { "  by mistake" } else { "" };
    let event = &hit["event"];
    let name = text(&event["type"]).to_lowercase().replacen('_', ".", 1);
    let kind = EventType::from_name(&name).map_or(name, type_words);
    terminal::result(&format!(
        "{}  {kind}  recorded {}{void}{mistaken}",
        format_args!("{}/e/{}", client.public(), count(&hit["index"])),
        text(&event["recorded"])
    ));
    for mark in hit["marks"].as_array().into_iter().flatten() {
        terminal::result(&format!("  [{}]", text(mark)));
    }
    terminal::result(&format!("  {} ({})", text(&hit["sentence"]), text(&hit["source"])));
    for snippet in hit["snippets"].as_array().into_iter().flatten().filter(|s| s["place"] != "Sentence") {
        let part = |p: &Value| match p["marked"] == true {
            true => format!("*{}*", text(&p["text"])),
            false => text(&p["text"]),
        };
        let words: String = snippet["parts"].as_array().into_iter().flatten().map(part).collect();
        terminal::result(&format!("  {}: {}", text(&snippet["place"]), words.replace('\n', " ")));
    }
    terminal::result("");
}
