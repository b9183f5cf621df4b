//! `show`: what the record says now of a case, a demand or a party, from a folder or an address.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{
    Context, Failure,
    client::Client,
    record::{Name, a, noun},
    serve::ledger_failure,
    terminal,
};
use crate::{
    event::{Body, EventType},
    ledger::{Ledger, LedgerError, Options, ReadError},
    log::Time,
    views::{Order, Record, Views, read_instant},
};

/// The most entries of a timeline that are printed.
const TIMELINE: usize = 50;

/// Show what the record says of a case, a demand or a party, at two instants
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Clocks are read at --as-of, and events that are said to have happened later don't count. Only entries below
--known-at count. What is withheld now is shown at no instant.

Examples:
  onrecord show case @36 --data demo-ledger --as-of 2024-01-01
  onrecord show demand @60 --ledger https://ledger.example.org
  onrecord show party @5 --data demo-ledger --known-at 40")]
pub(super) enum Command {
    /// Where a case stands: asked and answered, delivery, clock, links, promises, timeline
    Case(CaseArgs),
    /// A demand: every attempt to deliver it, its clock with the working, who stands behind it
    Demand(Args),
    /// A party: its names, roles, keys and record
    Party(Args),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Its id, the number of its entry (@36 or 36) or its permalink; a case is found by any of its entries
    #[arg(value_name = "ID")]
    what: String,
    /// The ledger's folder, if nobody serves it
    #[arg(long, value_name = "DIR", conflicts_with = "ledger")]
    data: Option<PathBuf>,
    /// The ledger's address
    #[arg(long, value_name = "URL")]
    ledger: Option<String>,
    /// The instant at which clocks are read, in RFC 3339, or a date, read as its first moment in UTC [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// The tree size that counts [default: the latest checkpoint's]
    #[arg(long, value_name = "SIZE")]
    known_at: Option<u64>,
}

// Arguments of `show case`. No doc comment: clap would show it in place of the command's own.
#[derive(Debug, ClapArgs)]
pub(super) struct CaseArgs {
    #[command(flatten)]
    args: Args,
    /// The order of its timeline: occurred or recorded
    #[arg(long, value_name = "ORDER", default_value = "occurred")]
    order: String,
}

#[derive(Debug, Clone, Copy)]
enum Noun {
    Case,
    Demand,
    Party,
}

impl Noun {
    fn as_str(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Demand => "demand",
            Self::Party => "party",
        }
    }
}

pub(super) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let (noun, args, order) = match command {
        Command::Case(CaseArgs { args, order }) => (Noun::Case, args, Some(order)),
        Command::Demand(args) => (Noun::Demand, args, None),
        Command::Party(args) => (Noun::Party, args, None),
    };
    let as_of = match &args.as_of {
        None => None,
        Some(text) => Some(read_instant(text).ok_or_else(|| {
            Failure::Usage(format!(
                "--as-of: expected an instant such as 2024-01-01T08:00:00+08:00 or a date such as 2024-01-01, found {text}"
            ))
        })?),
    };
    let order = order.as_deref().map_or(Some(Order::default()), Order::from_word);
    let order = order.ok_or_else(|| Failure::Usage("--order: expected occurred or recorded".into()))?;
    // The command line comes before the settings file.
    let data = args.data.or_else(|| context.config.data.clone().filter(|_| args.ledger.is_none()));
    let ledger = args.ledger.or_else(|| context.config.ledger.clone());
    // A folder does not know its ledger's address, so with a folder a permalink of any address is accepted.
    let address = ledger.filter(|_| data.is_none());
    let client = address.as_deref().map(Client::connect).transpose()?;
    let what = Name::read("ID", &args.what, client.as_ref())?;
    let asked = Asked { noun, given: args.what, what, as_of, known_at: args.known_at, order };
    let text = match (data, client) {
        (_, Some(client)) => asked.at_address(&client)?,
        (Some(data), None) => asked.in_folder(&data)?,
        (None, None) => return Err(context.missing("--data DIR or --ledger URL", "ledger")),
    };
    match context.json {
        true => terminal::json(&json!({ "text": text })),
        false => terminal::result(&terminal::plain(&text)),
    }
    Ok(())
}

struct Asked {
    noun: Noun,
    given: String,
    what: Name,
    as_of: Option<Time>,
    known_at: Option<u64>,
    order: Order,
}

impl Asked {
    /// Reads it in a folder, which no other process may have open.
    fn in_folder(&self, data: &Path) -> Result<String, Failure> {
        let ledger = Ledger::open(data, Options::default()).map_err(|e| match e {
            LedgerError::Locked(_) => Failure::Refused(format!(
                "{} is open in another process; if it is served, ask there: --ledger URL",
                data.display()
            )),
            e => ledger_failure(e),
        })?;
        let reader = ledger.reader();
        let views = match self.known_at {
            None => Views::new(reader),
            Some(size) => Views::new(reader).at(size).ok_or_else(|| {
                let latest = reader.checkpoint().checkpoint().size();
                Failure::Usage(format!("--known-at: expected a tree size from 1 to {latest}, found {size}"))
            })?,
        };
        let failed = |e: ReadError| Failure::Undecided(e.to_string());
        let text = self.read(&views).map_err(failed)?;
        let found = self.record(&views).map_err(failed)?.map(|record| record.event().event_type());
        ledger.close();
        text.ok_or_else(|| self.none_but(found))
    }

    fn record(&self, views: &Views) -> Result<Option<Arc<Record>>, ReadError> {
        match &self.what {
            Name::Id(id) => views.record_of(id),
            Name::Index(index) => views.record(*index),
        }
    }

    fn read(&self, views: &Views) -> Result<Option<String>, ReadError> {
        let Some(record) = self.record(views)? else { return Ok(None) };
        let id = match (self.noun, record.event().body()) {
            (Noun::Case, Body::CaseOpened(_)) => record.event().id(),
            (Noun::Case, _) => record.event().case().unwrap_or(record.event().id()),
            _ => record.event().id(),
        };
        let now = || Time::from_unix_ms(jiff::Timestamp::now().as_millisecond());
        let Some(as_of) = self.as_of.or_else(now) else {
            return Err(ReadError::Fault("this machine's clock shows no year from 1 to 9999".into()));
        };
        let text = match self.noun {
            Noun::Case => views.case_view(&id, as_of, self.order, 0, TIMELINE)?.map(|view| view.to_string()),
            Noun::Demand => views.demand(&id, as_of)?.map(|sheet| sheet.to_string()),
            Noun::Party => views.party_view(&id, as_of)?.map(|view| view.to_string()),
        };
        let since = views.since_of(&id)?;
        Ok(text.map(|text| format!("{since}{text}")))
    }

    /// Asks a served ledger for it.
    fn at_address(&self, client: &Client) -> Result<String, Failure> {
        let id = match (self.noun, &self.what) {
            (Noun::Case, Name::Id(id)) => match client.index_of(id)? {
                Some(index) => client.case_at(index)?.unwrap_or(*id),
                None => return Err(self.none()),
            },
            (_, Name::Id(id)) => *id,
            (Noun::Case, Name::Index(index)) => match client.case_at(*index)? {
                Some(id) => id,
                None => return Err(self.none_but(Some(client.event(*index)?.event_type()))),
            },
            (_, Name::Index(index)) => client.id_at(*index)?,
        };
        let mut query = format!("order={}", self.order.as_str());
        if let Some(as_of) = self.as_of {
            query.push_str(&format!("&asOf={as_of}"));
        }
        if let Some(known_at) = self.known_at {
            query.push_str(&format!("&knownAt={known_at}"));
        }
        match client.text(&format!("/{}/{id}/text?{query}", self.noun.as_str()))? {
            (200, text) => Ok(text),
            (404, _) => Err(self.none_but(
                client.index_of(&id)?.map(|at| client.event(at)).transpose()?.map(|e| e.event_type()),
            )),
            (400, _) => Err(Failure::Usage(match self.known_at {
                Some(size) => {
                    format!("--known-at: expected a tree size from 1 to the ledger's own, found {size}")
                }
                None => format!("{}: the ledger can't show that", client.base()),
            })),
            (status, _) => Err(Failure::Undecided(format!("{}: the answer is {status}", client.base()))),
        }
    }

    /// The failure if there is nothing to show. `found` is the type of the named event, if it is on record.
    fn none_but(&self, found: Option<EventType>) -> Failure {
        let expected = match self.noun {
            Noun::Case => EventType::CaseOpened,
            Noun::Demand => EventType::DemandIssued,
            Noun::Party => EventType::PartyRegistered,
        };
        match found {
            // The operator is a party too.
            Some(found) if found != expected && found != EventType::LedgerOpened => Failure::Refused(
                format!("ID {}: this is {}, expected {}", self.given, a(noun(found)), a(noun(expected))),
            ),
            _ => self.none(),
        }
    }

    fn none(&self) -> Failure {
        Failure::Refused(format!(
            "there is no such {} on record, at the instants asked for",
            self.noun.as_str()
        ))
    }
}
