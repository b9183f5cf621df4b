//! The questions of `record` at a terminal: what is missing, what a letter usually says, and whether it is meant.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{
    Command, Name,
    author::{self, Party},
    fields::{Field, Target, noun},
    happened, holidays, is_of_a_case, values,
};
use crate::{
    cli::{Failure, client::Client, program, terminal, words::Word},
    event::{
        At, Body, ClockStart, Content, Day, DeadlineRule, Draft, Event, EventId, EventType, FactKind, Kinds,
        Weekly,
    },
};

/// The most records that are searched for a name.
pub(super) const SOUGHT: u64 = 10_000;
/// The most records that are listed for one name.
const LISTED: usize = 20;

/// The rules of domain.md, deadlines, as they are explained before one is chosen.
const RULES: &str = "\
\x20 calendar: every day counts; a last day on a Saturday, Sunday or holiday moves on to the next working day
  working: Saturdays, Sundays and holidays do not count
  my-interpretation-act-54: as under Malaysia's Interpretation Acts; the weekly holiday and holidays are passed over
    in periods of up to 6 days, and move the last day of longer ones; Saturday counts";
/// What can start the clock, in the order in which these things happen to a letter.
const STARTS: &str = "\
\x20 issue: the date of the letter
  relayed: it was posted, faxed, or taken by the addressee's mail server
  available: it lies in the mailbox
  handed_over: it was left with a clerk or handed over, or the carrier's card says that it was taken
  accepted: the addressee stamped a copy, or acknowledged it";

/// How a draft passes its own file's name to the program, wherever it was moved to.
const ITSELF: &str = r#"--draft="$0""#;
/// No draft is longer, since the system would not run so long a command.
const LONGEST_DRAFT: u64 = 1 << 22;

const RECORDS: &str = "\
query Records($types: [EventType!], $case: Hash, $after: String) {
  events(first: 100, after: $after, filter: {types: $types, case: $case}) {
    nodes { index sentence }
    pageInfo { hasNextPage endCursor }
  }
}";

const CALLED: &str = "\
query Called($id: Hash!) {
  event(by: {eventId: $id}) { index sentence }
  party(by: {eventId: $id}) { name }
  case(by: {eventId: $id}) { title }
}";

/// Flags that are asked for although the type does not require them, each with its question.
fn usual(event_type: EventType) -> &'static [(&'static str, &'static str)] {
    use EventType as T;
    match event_type {
        T::DemandIssued => &[
            ("petitioner", "Who asks; nothing if only the lawyer is named"),
            ("counsel", "The lawyer who asks; nothing if there is none"),
        ],
        T::NoticeDispatched => &[("demand", "The demand that it carries; nothing if it carries none")],
        T::DeliveryEvidenced => &[("reason", "Why it failed; nothing if that is not known")],
        T::DisclosureMade => &[
            ("demand", "The demand that it answers"),
            ("outcome", "What became of an item; nothing if none is spoken to"),
            ("answer", "What it says on item"),
            ("published", "When it was published; nothing if the source does not show it"),
        ],
        T::StatementMade => &[
            ("reports", "Whose words it reports, or whom it is about; nothing if nobody on record"),
            ("published", "When it was published; nothing if the source does not show it"),
            ("url", "Where it was found, a web address; nothing if on no page"),
        ],
        T::StatementWithdrawn => &[
            ("account", "How it was seen, told by the author; nothing if there is no more to say"),
            ("text", "The words with which it was taken back; nothing if there were none"),
            ("url", "Where that is seen, a web address; nothing if on no page"),
        ],
        T::ExhibitCaptured => &[
            ("case", "The case it belongs to; nothing if none"),
            ("about", "The record that it is about; nothing if none"),
            ("url", "Where it was found, a web address; nothing if on no page"),
        ],
        T::IncidentReported => &[("discovered", "When it was first known; nothing if not told")],
        T::CommitmentMade => &[("due", "By when it was promised; nothing if no day was named")],
        T::CollectionOpened => &[("closes", "When it is meant to close; nothing if no day is named")],
        T::DemandEscalated => &[("to", "To whom it was taken; nothing if nobody on record")],
        T::KeyRevoked => &[("since", "From which day on it is not trusted; nothing if not known")],
        _ => &[],
    }
}

/// The question for the date of a type. `None` if it is not asked for: such an event happens as it is recorded.
fn happened_on(event_type: EventType) -> Option<&'static str> {
    use EventType as T;
    Some(match event_type {
        // The period for the answer is counted from this day, or a later one.
        T::DemandIssued => "The date of the letter",
        T::NoticeDispatched => "The day on which it was sent",
        // This day may start the clock.
        T::DeliveryEvidenced => "The day on which it happened",
        T::StatementMade => "The day on which it was said",
        T::PositionTaken => "The day on which it was taken",
        T::CommitmentMade => "The day of the promise",
        T::CommitmentClosed => "The day on which it ended so",
        T::IncidentReported => "The day on which it happened",
        T::CollectionOpened => "The day on which it was opened",
        T::CollectionCounted | T::CollectionClosed => "The day of the count",
        T::DemandWithdrawn => "The day on which it was withdrawn",
        T::DemandEscalated => "The day on which it was taken there",
        T::DeadlineAdjusted => "The day on which that was said",
        T::DisclosureMade => "The day on which it was told",
        _ => return None,
    })
}

/// The question for the file that shows it, for types that usually have one.
fn shown_by(event_type: EventType) -> Option<&'static str> {
    Some(match event_type {
        EventType::DemandIssued => "The letter, a file; nothing if it stays here",
        EventType::NoticeDispatched => "What was sent, a file; nothing if it stays here",
        EventType::DisclosureMade => "The letter or page that tells it, a file; nothing if it stays here",
        EventType::DeliveryEvidenced => "The paper or report that shows it, a file; nothing if there is none",
        EventType::ExhibitCaptured => "What was captured, a file; nothing if it stays here",
        _ => return None,
    })
}

/// Whether an event of a type needs a day, by the check `at.day`.
fn needs_day(event_type: EventType) -> bool {
    use EventType as T;
    matches!(
        event_type,
        T::NoticeDispatched
            | T::DeliveryEvidenced
            | T::DeadlineAdjusted
            | T::CollectionOpened
            | T::CollectionCounted
            | T::CollectionClosed
    )
}

impl Command {
    /// Asks for what is missing, and then for what such an entry usually says too. While it asks, `--ask` is set: a draft that
    /// is saved meanwhile goes on with the questions that are not over.
    pub(super) fn ask(
        &mut self,
        fields: &[Field],
        client: &Client,
        author: Option<&Party>,
    ) -> Result<(), Failure> {
        let is_named = self.values.contains_key("vkey") || !terminal::can_ask();
        let needs_key = self.event_type == EventType::KeyRevoked && !is_named;
        let is_missing = fields.iter().any(|f| f.required && !self.is_known(f, fields));
        if !is_missing && !needs_key && !self.common.ask {
            return Ok(());
        }
        self.common.ask = true;
        author::announce(author, self.event_type);
        for field in fields.iter().filter(|f| f.required) {
            // Given by a flag, by the answer to another question, or by the draft that is run.
            if self.is_known(field, fields) {
                self.ask_for_more(field, &field.help, client)?;
                continue;
            }
            if self.event_type == EventType::DeliveryEvidenced && field.flag == "evidence" {
                self.ask_what_happened()?;
                continue;
            }
            let first = loop {
                if let Some(answer) = self.ask_one(field, &field.help, client, Asked::Needed)? {
                    break answer;
                }
            };
            // Stored at once, so that a draft has it whatever comes next.
            self.say(&field.flag, first);
            self.ask_for_more(field, &field.help, client)?;
            if needs_key && field.flag == "party" {
                self.ask_which_key(client)?;
            }
        }
        if needs_key && !self.values.contains_key("vkey") {
            self.ask_which_key(client)?;
        }
        if !self.common.yes {
            self.ask_what_is_usual(fields, client)?;
        }
        self.common.ask = false;
        Ok(())
    }

    /// Whether a question is over: it was answered with nothing, or takes no further answer.
    fn is_over(&self, flag: &str) -> bool {
        self.common.asked.iter().any(|asked| asked == flag)
    }

    /// Marks a question as over, so that a draft does not ask it again.
    fn close(&mut self, flag: &str) {
        if !self.is_over(flag) {
            self.common.asked.push(flag.to_owned());
        }
    }

    /// Marks as over the questions that flags answered: a list that was given is taken to be complete.
    pub(super) fn pass_over_what_is_given(&mut self, fields: &[Field]) {
        for field in fields.iter().filter(|f| f.many) {
            if self.has(field) {
                self.close(&field.flag);
            }
        }
        if self.values.keys().any(|flag| flag.starts_with("deadline")) {
            self.close("deadline");
        }
    }

    /// Asks for more values of a field that may be repeated, until the answer is empty.
    fn ask_for_more(&mut self, field: &Field, question: &str, client: &Client) -> Result<(), Failure> {
        if !field.many || self.is_over(&field.flag) {
            return Ok(());
        }
        let more = format!("{question}, another or nothing");
        while let Some(answer) = self.ask_one(field, &more, client, Asked::Optional)? {
            self.say(&field.flag, answer);
        }
        self.close(&field.flag);
        Ok(())
    }

    /// Asks which key of a party is revoked.
    fn ask_which_key(&mut self, client: &Client) -> Result<(), Failure> {
        let Some(party) = self.values.get("party").and_then(|p| p.first()) else { return Ok(()) };
        let id = super::resolve(client, "--party", party)?.id;
        let keys = Party::of(client, &id)?;
        let keys: Vec<&str> = keys.as_ref().map(Party::live_keys).unwrap_or_default();
        if keys.is_empty() {
            return Err(Failure::Refused(format!("--party {party}: none of its keys is left to be revoked")));
        }
        let lines: Vec<String> =
            keys.iter().enumerate().map(|(n, key)| format!("  {:>2}  {key}", n + 1)).collect();
        terminal::note(&lines.join("\n"));
        let read = |answer: &str| -> Option<String> {
            let numbered = answer.parse::<usize>().ok().and_then(|n| keys.get(n.checked_sub(1)?));
            numbered.or_else(|| keys.iter().find(|key| **key == answer)).map(|key| (*key).to_owned())
        };
        let question = "The key that is revoked, by number or as its line";
        let expected = format!("expected a number from 1 to {}, or one of these lines", keys.len());
        let key = loop {
            let good = |answer: &str| read(answer).map(drop).ok_or_else(|| expected.clone());
            if let Some(key) = ask_until(question, good)?.and_then(|answer| read(&answer)) {
                break key;
            }
        };
        self.say("vkey", key);
        Ok(())
    }

    /// Asks what happened to a notice, in plain words, and whose word that is.
    fn ask_what_happened(&mut self) -> Result<(), Failure> {
        terminal::note(&format!("What happened:\n{}", happened::listed()));
        loop {
            let answer = ask_until("Its number, or its name", |answer| {
                happened::read(answer).map(|_| ()).map_err(|expected| format!("expected {expected}"))
            })?;
            let Some(Ok((evidence, voucher))) = answer.map(|answer| happened::read(&answer)) else {
                continue;
            };
            self.say("evidence", evidence);
            if let Some(voucher) = voucher
                && !self.values.contains_key("vouched-by")
            {
                self.say("vouched-by", voucher.to_owned());
            }
            return Ok(());
        }
    }

    /// Asks for what such an entry usually has, though the type does not require it.
    fn ask_what_is_usual(&mut self, fields: &[Field], client: &Client) -> Result<(), Failure> {
        for (flag, question) in usual(self.event_type) {
            let Some(field) = fields.iter().find(|f| f.flag == *flag) else { continue };
            if (self.event_type, *flag) == (EventType::DisclosureMade, "answer") {
                self.ask_what_is_said_of_each_item(field, question, client)?;
                continue;
            }
            if self.has(field) {
                self.ask_for_more(field, &field.help, client)?;
                continue;
            }
            if self.is_over(flag) || !self.is_told(flag) {
                continue;
            }
            let needed = self.is_needed(flag);
            loop {
                if let Some(answer) = self.ask_one(field, question, client, Asked::Optional)? {
                    self.say(flag, answer);
                    self.ask_for_more(field, &field.help, client)?;
                } else if let Some(why) = needed {
                    terminal::note(&format!("  {why}"));
                    continue;
                } else {
                    self.close(flag);
                }
                break;
            }
        }
        // No date means now, which may be another day when a draft is run. So this question is never marked as over.
        let day = happened_on(self.event_type).filter(|_| self.common.when.at.is_none());
        if let Some(day) = day {
            let question = format!("{day}, YYYY-MM-DD; nothing for now");
            let needs_day = needs_day(self.event_type);
            self.common.when.at = ask_for(&question, |at| match At::parse(at) {
                Ok(at) if needs_day && !at.has_day() => Err("expected a day, such as 2026-11-23".into()),
                Ok(_) => Ok(()),
                Err(_) => Err("expected a real date, such as 2026-11-23".into()),
            })?;
        }
        if self.event_type == EventType::DemandIssued && !self.is_over("deadline") {
            self.ask_when_the_answer_falls_due(client)?;
        }
        if let Some(question) =
            shown_by(self.event_type).filter(|_| self.files.is_empty() && !self.is_over("file"))
        {
            let file = ask_for(question, |file| {
                let there = fs::metadata(file).is_ok_and(|m| m.is_file());
                there.then_some(()).ok_or("expected a file that can be read".into())
            })?;
            match file {
                Some(file) => self.files.push(file.into()),
                None => self.close("file"),
            }
        }
        Ok(())
    }

    /// Asks for the words of a reply, item by item: for items whose outcome was given, or for all if none was.
    fn ask_what_is_said_of_each_item(
        &mut self,
        field: &Field,
        question: &str,
        client: &Client,
    ) -> Result<(), Failure> {
        let Target::Word(word) = field.target else { return Ok(()) };
        if self.is_over(&field.flag) || !self.is_told(&field.flag) {
            return Ok(());
        }
        let Some(demand) = self.values.get("demand").and_then(|d| d.first()) else { return Ok(()) };
        let demand = super::resolve_kind(client, "--demand", demand, Kinds::Of(&[EventType::DemandIssued]))?;
        let items = match demand.index.map(|index| client.event(index)).transpose()?.as_ref().map(Event::body)
        {
            Some(Body::DemandIssued(demand)) => demand.items,
            _ => 0,
        };
        let begins = |values: Option<&Vec<String>>, item: &str| {
            values.into_iter().flatten().any(|value| value.split('=').next() == Some(item))
        };
        let outcomes = self.values.get("outcome").cloned();
        for item in (1..=items).map(|n| n.to_string()) {
            // Each item is marked as over by itself, so that a draft asks for the others.
            let over = format!("{}.{item}", field.flag);
            let told = outcomes.is_none() || begins(outcomes.as_ref(), &item);
            if !told || self.is_over(&over) || begins(self.values.get(&field.flag), &item) {
                continue;
            }
            let question = format!("{question} {item}, verbatim; nothing if nothing");
            match ask_for(&question, |answer| self.refuse_unsaid(word, answer))? {
                Some(said) => self.say(&field.flag, format!("{item}={}", values::as_words(&said))),
                None => self.close(&over),
            }
        }
        self.close(&field.flag);
        Ok(())
    }

    /// Whether a question makes sense after the answers given before.
    fn is_told(&self, flag: &str) -> bool {
        let is = |flag: &str, word: &str| self.values.get(flag).is_some_and(|v| v == &[word]);
        match (self.event_type, flag) {
            (EventType::DeliveryEvidenced, "reason") => {
                self.values.get("evidence").and_then(|v| v.first()).is_some_and(|v| happened::is_failure(v))
            }
            (EventType::DisclosureMade, "demand" | "outcome" | "answer") => is("kind", "reply"),
            (EventType::StatementMade, "reports") => is("standing", "report"),
            (EventType::KeyRevoked, "since") => is("reason", "compromised"),
            _ => true,
        }
    }

    /// Why a question can't be left out after the answers given before; `None` if it can.
    fn is_needed(&self, flag: &str) -> Option<&'static str> {
        match (self.event_type, flag) {
            // Every demand names a petitioner, a counsel, or both.
            (EventType::DemandIssued, "counsel") if !self.values.contains_key("petitioner") => {
                Some("expected a lawyer: nobody is named yet who asks")
            }
            (EventType::DisclosureMade, "demand") => Some("expected a demand: a reply is to one"),
            _ => None,
        }
    }

    fn ask_when_the_answer_falls_due(&mut self, client: &Client) -> Result<(), Failure> {
        let day = |text: &str| -> Result<(), String> {
            Day::parse(text).map(|_| ()).map_err(|_| "expected a day such as 2026-12-24".into())
        };
        if !self.values.contains_key("deadline-days") && !self.is_over("deadline-days") {
            let days = ask_for("Days to answer in; nothing if the letter gives no period", |days| {
                let good = days.parse::<u64>().is_ok_and(|n| (1..=3_650).contains(&n));
                good.then_some(()).ok_or("expected a number from 1 to 3650".into())
            })?;
            match days {
                Some(days) => self.say("deadline-days", days),
                None => self.close("deadline-days"),
            }
        }
        if !self.values.contains_key("deadline-days") {
            let (start, _) = self.start(client)?;
            let good = |by: &str| {
                day(by)?;
                super::refuse_before("", by, start)
                    .map_err(|_| "expected a day that is not before the letter".into())
            };
            if !self.values.contains_key("deadline-by")
                && let Some(by) =
                    ask_for("The day on which the answer falls due; nothing if none is named", good)?
            {
                self.say("deadline-by", by);
            }
            self.close("deadline");
            return Ok(());
        }
        for (flag, question, words) in [
            ("deadline-rule", "How days are counted", DeadlineRule::WORDS),
            ("deadline-from", "What starts the clock", ClockStart::WORDS),
        ] {
            if self.values.contains_key(flag) {
                continue;
            }
            terminal::note(match flag {
                "deadline-rule" => RULES,
                _ => STARTS,
            });
            self.say(flag, choose(question, words)?);
        }
        self.ask_for_holidays(client)?;
        let act_54 = self.values["deadline-rule"] == [DeadlineRule::InterpretationAct54.as_str()];
        if act_54 && !self.values.contains_key("deadline-weekly") {
            self.say("deadline-weekly", choose("The weekly holiday", Weekly::WORDS)?);
        }
        self.close("deadline");
        Ok(())
    }

    /// Asks whose holidays are passed over, and which other days.
    fn ask_for_holidays(&mut self, client: &Client) -> Result<(), Failure> {
        let day =
            |text: &str| Day::parse(text).map(|_| ()).map_err(|_| "expected a day such as 2026-12-24".into());
        if !self.values.contains_key("holidays") && !self.is_over("holidays") {
            let (start, country) = self.start(client)?;
            if country == "MY" && !self.ask_whose_holidays(start)? {
                self.close("deadline-holiday");
            }
            self.close("holidays");
        }
        if self.is_over("deadline-holiday") {
            return Ok(());
        }
        let which = if self.values.contains_key("holidays") { "One more holiday" } else { "A holiday" };
        let question = format!("{which} in the period, YYYY-MM-DD; nothing if no more");
        while let Some(holiday) = ask_for(&question, day)? {
            self.say("deadline-holiday", holiday);
        }
        self.close("deadline-holiday");
        Ok(())
    }

    /// The day of the demand, and the country whose law its case is under, empty if that is not known.
    fn start(&self, client: &Client) -> Result<(Option<Date>, String), Failure> {
        let case = self.values.get("case").and_then(|c| c.first());
        let case = case.map(|case| super::resolve(client, "--case", case)).transpose()?.map(|named| named.id);
        let (zone, country) = match &case {
            Some(case) => (client.zone_of(case)?, client.jurisdiction_of(case)?),
            None => (None, None),
        };
        Ok((self.common.when.day(zone.as_deref()), country.unwrap_or_default()))
    }

    /// Offers the lists that come with the program. `false` if no holiday is to count.
    fn ask_whose_holidays(&mut self, start: Option<Date>) -> Result<bool, Failure> {
        let lists = holidays::malaysia()?;
        let Some((span, years)) = self.span(start).and_then(|span| Some((span, lists.years(span)?))) else {
            terminal::note(&format!("No list of holidays is offered: {}.", lists.reach()));
            return Ok(true);
        };
        let lines: Vec<String> = lists
            .places
            .iter()
            .enumerate()
            .map(|(n, place)| format!("  {:>2}  {}", n + 1, place.line()))
            .collect();
        terminal::note(&format!("{}\n{}", lists.head(years), lines.join("\n")));
        // The rule of the Interpretation Acts can't be without holidays.
        let may_be_none = span.rule != DeadlineRule::InterpretationAct54;
        let none = if may_be_none { ", none for no holidays" } else { "" };
        let question = format!("Whose holidays count, by number or code; own to type days{none}");
        let read = |answer: &str| match answer.parse::<usize>() {
            Ok(n) => lists.places.get(n.checked_sub(1)?),
            Err(_) => lists.place(answer),
        };
        loop {
            let answer = ask_until(&question, |answer| {
                let good = answer == "own" || (answer == "none" && may_be_none) || read(answer).is_some();
                good.then_some(()).ok_or_else(|| {
                    format!("expected a number from 1 to {}, or a code of the list", lists.places.len())
                })
            })?;
            match answer.as_deref() {
                None => continue,
                Some("own") => return Ok(true),
                Some("none") => return Ok(false),
                Some(answer) => {
                    let Some(place) = read(answer) else { continue };
                    let Some(listed) = lists.listed(place, span) else { continue };
                    let added = self.values.get("deadline-holiday").map_or(&[][..], Vec::as_slice);
                    terminal::note(&listed.said(added));
                    self.holidays_said = true;
                    self.say("holidays", place.code.clone());
                    if span.rule == DeadlineRule::InterpretationAct54
                        && let Some(weekly) = listed.weekly
                    {
                        self.say("deadline-weekly", weekly.as_str().to_owned());
                    }
                    return Ok(true);
                }
            }
        }
    }

    /// Stores an answer as if its flag had been given.
    fn say(&mut self, flag: &str, value: String) {
        self.values.entry(flag.to_owned()).or_default().push(value);
    }

    /// Asks for one value of a field, until it has the field's form. `None` if nothing was typed.
    fn ask_one(
        &self,
        field: &Field,
        question: &str,
        client: &Client,
        asked: Asked,
    ) -> Result<Option<String>, Failure> {
        let kinds = match field.target {
            Target::Case => Kinds::Of(&[EventType::CaseOpened]),
            Target::Ref(spec) => spec.kinds,
            _ if !field.choices.is_empty() => {
                let listed = format!("{question} ({})", field.choices.join(", "));
                return asked.ask(&listed, |answer| one_of(field.choices, answer));
            }
            Target::Fact(spec) => {
                let such_as = form_of(spec.kind);
                let question =
                    such_as.map_or(question.to_owned(), |form| format!("{question}, such as {form}"));
                return asked.ask(&question, |answer| {
                    let read = values::good_fact(&field.flag, spec, &[answer.to_owned()]);
                    read.map(drop).map_err(|e| match (e, such_as) {
                        (Failure::Usage(why), _) => why,
                        (_, Some(form)) => format!("expected a value such as {form}"),
                        (Failure::Event(refusal), None) => refusal.message,
                        _ => "expected another value".into(),
                    })
                });
            }
            Target::Word(word) => {
                let answer = asked.ask(question, |answer| self.refuse_unsaid(word, answer))?;
                return Ok(answer.map(|answer| values::as_words(&answer)));
            }
        };
        let mut question = format!("{question}, by name or number");
        loop {
            let answer = asked.ask(&question, |_| Ok(()))?;
            let Some(name) = answer else { return Ok(None) };
            if Name::read("", &name, Some(client)).is_ok() {
                // Checked now, so that a fault is not told only after all other questions.
                let named = super::resolve_kind(client, "", &name, kinds);
                match named.and_then(|named| self.refuse_here(&field.flag, &named.id, client)) {
                    Ok(()) => return Ok(Some(name)),
                    Err(Failure::Refused(why) | Failure::Usage(why)) => {
                        terminal::note(&format!("  {}", why.trim_start()));
                        continue;
                    }
                    Err(e) => return Err(e),
                }
            }
            let case = self.values.get("case").and_then(|c| c.first()).filter(|_| is_of_a_case(kinds));
            let case =
                case.map(|case| super::resolve(client, "--case", case)).transpose()?.map(|named| named.id);
            list(client, kinds, case, &name)?;
            question = "Its number, or another name".to_owned();
        }
    }

    /// Refuses a record that contradicts the answers given before.
    fn refuse_here(&self, flag: &str, id: &EventId, client: &Client) -> Result<(), Failure> {
        let other = |flag: &str| -> Result<Option<EventId>, Failure> {
            let given = self.values.get(flag).and_then(|v| v.first());
            Ok(given.map(|given| super::resolve(client, "", given)).transpose()?.map(|named| named.id))
        };
        for (one, _) in super::apart(self.event_type).iter().filter(|(_, other)| *other == flag) {
            if other(one)?.is_some_and(|one| one == *id) {
                return Err(Failure::Usage(format!("this is what --{one} names already")));
            }
        }
        if (self.event_type, flag) == (EventType::DemandIssued, "respondent")
            && let Some(case) = other("case")?
            && let Some(index) = client.index_of(&case)?
            && let Body::CaseOpened(opened) = client.event(index)?.body()
            && opened.respondent != *id
        {
            return Err(Failure::Usage(format!(
                "this is not whom the case is about: {}",
                called(client, &opened.respondent)?
            )));
        }
        Ok(())
    }

    /// Refuses words without anything visible, as the ledger will.
    fn refuse_unsaid(&self, word: &Word, answer: &str) -> Result<(), String> {
        let words = Map::from_iter([(word.name.to_owned(), answer.into())]);
        let said = Content::parse(&Content::seal(words, &[], &[0; 16]));
        said.and_then(|said| said.refuse_unsaid(self.event_type)).map_err(|refusal| refusal.message)
    }

    /// Shows in words what will stand on record.
    pub(super) fn describe(
        &self,
        client: &Client,
        signer: &str,
        sentence: Option<&str>,
        draft: &Draft,
        words: &Map<String, Value>,
    ) -> Result<(), Failure> {
        let said = sentence.map_or_else(|| self.event_type.spec().doc.to_owned(), str::to_owned);
        let mut lines =
            vec![format!("This will stand on record for ever, signed by {signer}:\n\n  {said}\n")];
        let mut line = |name: &str, value: &str| {
            let name = name.replace('_', " ");
            for (i, value) in value.lines().enumerate() {
                lines.push(if i == 0 { format!("  {name}: {value}") } else { format!("    {value}") });
            }
        };
        if let Some(case) = &draft.case {
            line("case", &called(client, case)?);
        }
        for (role, ids) in &draft.refs {
            let ids = match ids {
                Value::Array(ids) => ids.as_slice(),
                id => std::slice::from_ref(id),
            };
            for id in ids.iter().filter_map(|id| id.as_str()?.parse().ok()) {
                line(role, &called(client, &id)?);
            }
        }
        // A fact of the same name as words is left out: a demand's `items` is the number of items, which the words list.
        for (name, value) in draft.facts.iter().filter(|(name, _)| !words.contains_key(*name)).chain(words) {
            line(name, &plainly(value));
        }
        for file in &self.files {
            line("file", &file.display().to_string());
        }
        line("when it happened", draft.at.as_str());
        terminal::note(&lines.join("\n"));
        Ok(())
    }

    /// The draft that is being run, as `--draft` names it. A file that does not look like a draft is not taken for one.
    pub(super) fn run_draft(&self) -> Option<&Path> {
        let draft = self.common.draft.as_deref()?;
        let is_short = fs::symlink_metadata(draft).is_ok_and(|m| m.is_file() && m.len() < LONGEST_DRAFT);
        (is_short && fs::read_to_string(draft).ok()?.contains(ITSELF)).then_some(draft)
    }

    /// Saves what was typed, as a command that asks again. A draft that is being run is replaced if `is_new`, that is, if
    /// anything was added; without one a new file is made. Only its owner can read it: nothing of it is public yet.
    pub(super) fn keep(&self, client: &Client, key: &str, is_new: bool) -> Result<PathBuf, Failure> {
        if let Some(draft) = self.run_draft() {
            if is_new {
                // Renamed into place, not overwritten: the shell may still be reading the draft that it runs.
                let new = draft.with_extension("new");
                let failed = |e: std::io::Error| Failure::Undecided(format!("{}: {e}", new.display()));
                let _ = fs::remove_file(&new);
                let mut file = drafts().open(&new).map_err(failed)?;
                file.write_all(self.as_draft(client, key).as_bytes()).map_err(failed)?;
                fs::rename(&new, draft).map_err(failed)?;
            }
            return Ok(draft.to_owned());
        }
        for n in 1..1_000 {
            let path = PathBuf::from(format!("draft-{}-{n}.sh", noun(self.event_type)));
            let failed = |e: std::io::Error| Failure::Undecided(format!("{}: {e}", path.display()));
            match drafts().open(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
                file => file
                    .and_then(|mut f| f.write_all(self.as_draft(client, key).as_bytes()))
                    .map_err(failed)?,
            }
            return Ok(path);
        }
        Err(Failure::Refused("there are 999 drafts in this folder already".into()))
    }

    /// What was typed, as a line for a shell.
    fn as_draft(&self, client: &Client, key: &str) -> String {
        let mut line = format!("{} record {}", terminal::shell(&program()), noun(self.event_type));
        let mut say = |flag: &str, value: &str| {
            line.push_str(&format!(" \\\n    --{flag}={}", terminal::shell(value)));
        };
        say("ledger", client.base());
        say("key", key);
        for file in &self.common.also_key {
            say("also-key", &file.display().to_string());
        }
        for (flag, values) in &self.values {
            values.iter().for_each(|value| say(flag, value));
        }
        self.words.iter().for_each(|word| say("word", word));
        for file in &self.files {
            say("file", &file.display().to_string());
        }
        if let Some(file) = &self.restored {
            say("restored", &file.display().to_string());
        }
        if let Some(at) = &self.common.when.at {
            say("at", at);
        }
        let given = [
            ("ahead", self.common.when.ahead),
            ("public-file", self.public_file),
            ("last-key", self.last_key),
        ];
        for (flag, given) in given {
            if given {
                line.push_str(&format!(" \\\n    --{flag}"));
            }
        }
        if self.common.ask {
            line.push_str(" \\\n    --ask");
            for flag in &self.common.asked {
                line.push_str(&format!(" \\\n    --asked={}", terminal::shell(flag)));
            }
        }
        line.push_str(&format!(" \\\n    {ITSELF}\n"));
        line
    }
}

/// How a new draft is opened, for its owner alone.
fn drafts() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether a question can be left out.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Needed,
    Optional,
}

impl Asked {
    fn ask(
        self,
        question: &str,
        good: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Option<String>, Failure> {
        match self {
            Self::Needed => ask_until(question, good),
            Self::Optional => ask_for(question, good),
        }
    }
}

/// Asks for what can be left out, until the answer is good. `None` if nothing was typed, or a word for no.
fn ask_for(question: &str, good: impl Fn(&str) -> Result<(), String>) -> Result<Option<String>, Failure> {
    let answer = ask_until(question, |answer| if terminal::is_no(answer) { Ok(()) } else { good(answer) })?;
    Ok(answer.filter(|answer| !terminal::is_no(answer)))
}

/// Asks until the answer is good. `None` if nothing was typed.
fn ask_until(question: &str, good: impl Fn(&str) -> Result<(), String>) -> Result<Option<String>, Failure> {
    loop {
        let answer = terminal::ask(&format!("{question}:"))?;
        let answer = answer.ok_or_else(|| Failure::Usage(format!("no answer to: {question}")))?;
        if answer.is_empty() {
            return Ok(None);
        }
        match good(&answer) {
            Ok(()) => return Ok(Some(answer)),
            Err(why) => terminal::note(&format!("  {why}")),
        }
    }
}

/// An example of a fact, if nobody can guess its form.
fn form_of(kind: FactKind) -> Option<&'static str> {
    Some(match kind {
        FactKind::Country => "MY",
        FactKind::Zone => "Asia/Kuala_Lumpur",
        FactKind::Language => "ms or en-GB",
        FactKind::Day | FactKind::At => "2026-12-24",
        FactKind::Count => "566",
        FactKind::Bool => "true or false",
        FactKind::Outcomes => "1=answered or 2=refused",
        FactKind::Verdicts => "1=satisfied or 2=unsatisfied",
        FactKind::Positions => "content or files/0",
        _ => return None,
    })
}

/// Asks until one of some words is typed.
fn choose(question: &str, words: &[&str]) -> Result<String, Failure> {
    let question = format!("{question} ({})", words.join(", "));
    loop {
        if let Some(word) = ask_until(&question, |answer| one_of(words, answer))? {
            return Ok(word);
        }
    }
}

fn one_of(words: &[&str], answer: &str) -> Result<(), String> {
    words.contains(&answer).then_some(()).ok_or_else(|| format!("expected one of {}", words.join(", ")))
}

/// Lists the records whose sentence holds a name, or one that looks like it. The sentence is shown: it says kind and
/// registrar.
fn list(client: &Client, kinds: Kinds, case: Option<EventId>, name: &str) -> Result<(), Failure> {
    let types = match kinds {
        Kinds::Any => Value::Null,
        Kinds::Of(types) => types.iter().map(|t| t.as_str().replace('.', "_").to_uppercase()).collect(),
    };
    let sought = looks(name);
    let (mut found, mut after) = (Vec::new(), Value::Null);
    for _ in 0..SOUGHT / 100 {
        let asked = json!({"types": types, "case": case.map(|c| c.to_string()), "after": after});
        let data = client.ask(RECORDS, &asked)?;
        for node in data["events"]["nodes"].as_array().into_iter().flatten() {
            let sentence = node["sentence"].as_str().unwrap_or_default();
            if looks(sentence).contains(&sought) {
                let index = crate::cli::client::index_of(&node["index"]).unwrap_or_default();
                found.push(format!("  {index:>6}  {sentence}"));
            }
        }
        if data["events"]["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = data["events"]["pageInfo"]["endCursor"].clone();
    }
    terminal::note(&match found.len() {
        0 => "  nothing goes by that name".to_owned(),
        n if n > LISTED => {
            format!("{}\n  and {} more: type more of the name", found[..LISTED].join("\n"), n - LISTED)
        }
        _ => found.join("\n"),
    });
    Ok(())
}

/// What a record is called.
fn called(client: &Client, id: &EventId) -> Result<String, Failure> {
    let data = client.ask(CALLED, &json!({"id": id.to_string()}))?;
    let names = [&data["party"]["name"], &data["case"]["title"], &data["event"]["sentence"]];
    let name = names.into_iter().find_map(Value::as_str).unwrap_or("without a name");
    let index = crate::cli::client::index_of(&data["event"]["index"]);
    Ok(index.map_or_else(|| name.to_owned(), |index| format!("{name} (entry {index})")))
}

/// Reduces a text to its looks: two texts that a reader could take for each other come out the same.
pub(super) fn looks(text: &str) -> String {
    let seen = text.nfkd().filter(|c| !is_combining_mark(*c) && !terminal::is_unseen(*c));
    let lower = seen.flat_map(char::to_lowercase);
    let alike = lower.filter(|c| c.is_alphanumeric()).map(|c| match c {
        '1' | 'i' | '|' | 'ı' | 'і' | 'ι' | 'ӏ' => 'l',
        '0' | 'о' | 'ο' => 'o',
        'а' | 'α' => 'a',
        'е' => 'e',
        'р' | 'ρ' => 'p',
        'с' => 'c',
        'у' | 'υ' => 'y',
        'х' | 'χ' => 'x',
        'ѕ' => 's',
        'ј' => 'j',
        'в' | 'β' => 'b',
        'н' | 'η' => 'h',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'т' | 'τ' => 't',
        'ν' => 'v',
        c => c,
    });
    alike.collect::<String>().replace("rn", "m").replace("vv", "w")
}

/// A value for reading, without marks of JSON.
fn plainly(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plainly).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => {
            // Lists come last: their values are joined with commas, as members are, and would seem to go on in the next member.
            let (lists, others): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_array());
            let members = others.into_iter().chain(lists).map(|(name, value)| {
                format!("{} {}", name.replace('_', " "), plainly(value).replace('\n', ", "))
            });
            members.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_reader_takes_for_each_other_look_the_same() {
        for other in [
            "Lee & Partners",
            "LEE AND PARTNERS",
            "1ee & Pаrtners",
            "Lée & Par\u{200b}tners",
            "Iee & Partners",
        ] {
            let looks = looks(other);
            assert!(looks.starts_with("lee") && looks.ends_with("partners"), "{other}: {looks}");
        }
        assert_eq!(looks("Modern"), looks("Modem"));
        assert_ne!(looks("Lee"), looks("Lim"));
    }

    #[test]
    fn values_are_read_without_marks_of_json() {
        assert_eq!(plainly(&json!({"days": 14, "rule": "calendar"})), "days 14, rule calendar");
        assert_eq!(plainly(&json!(["One", "Two"])), "One\nTwo");
        let period = json!({"days": 14, "holidays": ["2026-12-25", "2027-01-01"], "rule": "working"});
        assert_eq!(plainly(&period), "days 14, rule working, holidays 2026-12-25, 2027-01-01");
    }
}
