//! What is asked of somebody at a terminal: what is missing, what a letter usually says, and whether it is meant.

use std::{fs, io::Write as _, path::PathBuf};

use serde_json::{Map, Value, json};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{
    Command, Name,
    fields::{Field, Target, noun},
    happened,
};
use crate::{
    cli::{Failure, client::Client, program, terminal},
    event::{ClockStart, DeadlineRule, Draft, EventId, EventType, Kinds, Weekly},
};

/// The most records that are looked through for a name.
const SOUGHT: u64 = 10_000;
/// The most that are listed under one name.
const LISTED: usize = 20;

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

impl Command {
    /// Asks for what is missing. Whether anything was.
    pub(super) fn ask(&mut self, fields: &[Field], client: &Client) -> Result<(), Failure> {
        let missing: Vec<&Field> = fields.iter().filter(|f| f.required && !self.has(f)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for field in missing {
            // Said by the answer to another question.
            if self.has(field) {
                continue;
            }
            if self.event_type == EventType::DeliveryEvidenced && field.flag == "evidence" {
                self.ask_what_happened()?;
                continue;
            }
            let mut given = Vec::new();
            loop {
                let more = if field.many && !given.is_empty() { ", another or nothing" } else { "" };
                let answer = self.ask_one(field, &format!("{}{more}", field.help), client)?;
                match answer {
                    None if !given.is_empty() => break,
                    None => continue,
                    Some(answer) => given.push(answer),
                }
                if !field.many {
                    break;
                }
            }
            self.values.insert(field.flag.clone(), given);
        }
        if self.event_type == EventType::DemandIssued && !self.common.yes {
            self.ask_what_a_demand_says(fields, client)?;
        }
        Ok(())
    }

    /// What happened to a notice, in plain words, and whose word that is.
    fn ask_what_happened(&mut self) -> Result<(), Failure> {
        terminal::note(&format!("What happened:\n{}", happened::listed()));
        loop {
            let answer = ask_until("Its number, or its name", |answer| happened::read(answer).map(|_| ()))?;
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

    /// What a demand usually has. All of it can be left out.
    fn ask_what_a_demand_says(&mut self, fields: &[Field], client: &Client) -> Result<(), Failure> {
        for (flag, question) in [
            ("petitioner", "Who asks; nothing if only the lawyer is named"),
            ("counsel", "The lawyer who asks; nothing if there is none"),
        ] {
            let Some(field) = fields.iter().find(|f| f.flag == flag && !self.has(f)) else { continue };
            // One of the two is said of every demand.
            let needed = flag == "counsel" && !self.values.contains_key("petitioner");
            loop {
                if let Some(answer) = self.ask_one(field, question, client)? {
                    self.say(flag, answer);
                } else if needed {
                    terminal::note("  expected a lawyer: nobody is named yet who asks");
                    continue;
                }
                break;
            }
        }
        if !self.values.keys().any(|flag| flag.starts_with("deadline")) {
            self.ask_when_the_answer_falls_due()?;
        }
        if self.files.is_empty() {
            let letter = ask_until("The letter, a file; nothing if it stays here", |file| {
                let there = fs::metadata(file).is_ok_and(|m| m.is_file());
                there.then_some(()).ok_or("a file that can be read".into())
            })?;
            self.files.extend(letter.map(PathBuf::from));
        }
        if self.common.when.at.is_none() {
            self.common.when.at = ask_until("The date of the letter, YYYY-MM-DD; nothing for now", |at| {
                crate::event::At::parse(at).map(|_| ()).map_err(|_| "a real date, such as 2026-11-23".into())
            })?;
        }
        Ok(())
    }

    fn ask_when_the_answer_falls_due(&mut self) -> Result<(), Failure> {
        let day = |text: &str| {
            crate::event::Day::parse(text).map(|_| ()).map_err(|_| "a day such as 2026-12-24".into())
        };
        let days = ask_until("Days to answer in; nothing if the letter gives no period", |days| {
            let good = days.parse::<u64>().is_ok_and(|n| (1..=3_650).contains(&n));
            good.then_some(()).ok_or("a number from 1 to 3650".into())
        })?;
        let Some(days) = days else {
            if let Some(by) =
                ask_until("The day on which the answer falls due; nothing if none is named", day)?
            {
                self.say("deadline-by", by);
            }
            return Ok(());
        };
        self.say("deadline-days", days);
        for (flag, question, words) in [
            ("deadline-rule", "How days are counted", DeadlineRule::WORDS),
            ("deadline-from", "What starts the clock", ClockStart::WORDS),
        ] {
            self.say(flag, choose(question, words)?);
        }
        if self.values["deadline-rule"] == [DeadlineRule::InterpretationAct54.as_str()] {
            self.say("deadline-weekly", choose("The weekly holiday", Weekly::WORDS)?);
            while let Some(holiday) =
                ask_until("A holiday in the period, YYYY-MM-DD; nothing if no more", day)?
            {
                self.say("deadline-holiday", holiday);
            }
        }
        Ok(())
    }

    /// As if a flag had been given.
    fn say(&mut self, flag: &str, value: String) {
        self.values.entry(flag.to_owned()).or_default().push(value);
    }

    /// One answer of the form that a field asks for. `None` if nothing was typed.
    fn ask_one(&self, field: &Field, question: &str, client: &Client) -> Result<Option<String>, Failure> {
        let kinds = match field.target {
            Target::Case => Kinds::Of(&[EventType::CaseOpened]),
            Target::Ref(spec) => spec.kinds,
            _ if !field.choices.is_empty() => {
                let listed = format!("{question} ({})", field.choices.join(", "));
                return ask_until(&listed, |answer| one_of(field.choices, answer));
            }
            _ => return ask_until(question, |_| Ok(())),
        };
        let base = Some(client.base());
        let mut question = format!("{question}, by name or number");
        loop {
            let answer = ask_until(&question, |_| Ok(()))?;
            let Some(name) = answer else { return Ok(None) };
            if Name::read("", &name, base).is_ok() {
                return Ok(Some(name));
            }
            let case = self.values.get("case").and_then(|c| c.first()).filter(|_| is_of_a_case(kinds));
            let case =
                case.map(|case| super::resolve(client, "--case", case)).transpose()?.map(|named| named.id);
            list(client, kinds, case, &name)?;
            question = "Its number, or another name".to_owned();
        }
    }

    /// Says in words what will stand on record.
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
        for (name, value) in draft.facts.iter().chain(words) {
            line(name, &plainly(value));
        }
        for file in &self.files {
            line("file", &file.display().to_string());
        }
        line("when it happened", draft.at.as_str());
        terminal::note(&lines.join("\n"));
        Ok(())
    }

    /// Keeps what was typed as a command that asks again. The file is the typist's own: nothing of it is public yet.
    pub(super) fn keep(&self, client: &Client, key: &str) -> Result<PathBuf, Failure> {
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
        for (flag, given) in [("ahead", self.common.when.ahead), ("public-file", self.public_file)] {
            if given {
                line.push_str(&format!(" \\\n    --{flag}"));
            }
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        for n in 1..1_000 {
            let path = PathBuf::from(format!("draft-{}-{n}.sh", noun(self.event_type)));
            let failed = |e: std::io::Error| Failure::Undecided(format!("{}: {e}", path.display()));
            match options.open(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
                file => file.and_then(|mut f| f.write_all(format!("{line}\n").as_bytes())).map_err(failed)?,
            }
            return Ok(path);
        }
        Err(Failure::Refused("there are 999 drafts in this folder already".into()))
    }
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
            Err(expected) => terminal::note(&format!("  expected {expected}")),
        }
    }
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
    words.contains(&answer).then_some(()).ok_or_else(|| format!("one of {}", words.join(", ")))
}

/// Parties and cases are sought on the whole ledger, all else in its case.
fn is_of_a_case(kinds: Kinds) -> bool {
    !kinds.allow(EventType::PartyRegistered) && !kinds.allow(EventType::CaseOpened)
}

/// Lists what goes by a name, or by one that looks like it, in the ledger's own sentences: they say kind and registrar.
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

/// A text by the looks of it: two that a reader could take for each other come out the same.
fn looks(text: &str) -> String {
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
            let members =
                members.iter().map(|(name, value)| format!("{} {}", name.replace('_', " "), plainly(value)));
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
    }
}
