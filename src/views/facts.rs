//! The facts of an entry, with labels and in words.

use serde_json::{Map, Value};

use super::{
    Record,
    codes::{code_words, label, positions_said},
    dates, names,
};
use crate::event::{At, DeadlineRule, FactKind, FactSpec};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactView {
    /// Its name, with spaces.
    pub label: String,
    /// What it means.
    pub doc: &'static str,
    /// Its value, in words.
    pub value: String,
    /// The code that the value stands for, where the two differ.
    pub code: Option<String>,
}

/// The `facts` object of an entry's line 3.
pub(crate) fn facts_json(record: &Record) -> Map<String, Value> {
    let line: Value = serde_json::from_str(record.event().line()).unwrap_or_default();
    match line.get("facts") {
        Some(Value::Object(facts)) => facts.clone(),
        _ => Map::new(),
    }
}

/// The facts of an entry, in the order of its type.
pub(super) fn facts(record: &Record) -> Vec<FactView> {
    let json = facts_json(record);
    let specs = record.event().event_type().spec().facts.iter();
    specs
        .filter_map(|spec| {
            let value = json.get(spec.name)?;
            let said = format!("{}{}", say(spec, value), ahead(spec, value, record));
            let code = code(spec, value).filter(|code| *code != said);
            Some(FactView { label: label(spec.name), doc: spec.doc, value: said, code })
        })
        .collect()
}

/// Dates that say when something happened. All others name a day to come.
const PAST: [&str; 7] = ["published", "observed", "captured", "checked", "discovered", "contained", "since"];

/// Words for a date ahead of the entry's recording, if the fact says when something happened; else empty.
fn ahead(spec: &FactSpec, value: &Value, record: &Record) -> &'static str {
    let at = value.as_str().filter(|_| spec.kind == FactKind::At && PAST.contains(&spec.name));
    let at = at.and_then(|text| At::parse(text).ok());
    at.map_or("", |at| dates::ahead_words(&at, record.entry.header().time))
}

fn say(spec: &FactSpec, value: &Value) -> String {
    match (spec.kind, value) {
        (FactKind::At | FactKind::Day, Value::String(s)) => {
            At::parse(s).map_or_else(|_| s.clone(), |at| dates::at_words(&at))
        }
        (FactKind::Word(list), Value::String(s)) => code_words(list, s),
        (FactKind::Country, Value::String(s)) => names::country(s).to_owned(),
        (FactKind::Language, Value::String(s)) => names::language(s),
        (FactKind::Outcomes | FactKind::Verdicts, _) => plain(value).replace('_', " "),
        (FactKind::Positions, Value::Array(list)) => positions_said(list),
        (FactKind::Deadline, Value::Object(members)) => deadline(members),
        _ => plain(value),
    }
}

/// The code in a fact: the value itself, or the rule of a deadline.
fn code(spec: &FactSpec, value: &Value) -> Option<String> {
    match spec.kind {
        FactKind::Word(_) | FactKind::Country | FactKind::Language => value.as_str().map(str::to_owned),
        FactKind::Deadline => value.get("rule")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// A deadline, its length first: `14 days, counted as calendar days, from handed over`.
fn deadline(members: &Map<String, Value>) -> String {
    let member = |(name, before): &(&str, &str)| {
        let text = plain(members.get(*name)?);
        let day = |text: &str| At::parse(text).map_or_else(|_| text.to_owned(), |at| dates::at_words(&at));
        let text = match *name {
            "rule" => code_words(DeadlineRule::WORDS, &text),
            "from" => text.replace('_', " "),
            "weekly" => label(&text),
            _ => text.split(", ").map(day).collect::<Vec<_>>().join(", "),
        };
        Some(format!("{before}{text}"))
    };
    let days = members.get("days").map(|days| match days.as_u64() {
        Some(1) => "1 day".to_owned(),
        _ => format!("{} days", plain(days)),
    });
    let rest = [
        ("by", "by "),
        ("rule", "counted as "),
        ("from", "from "),
        ("weekly", "weekly holiday "),
        ("holidays", "holidays "),
    ];
    days.into_iter().chain(rest.iter().filter_map(member)).collect::<Vec<_>>().join(", ")
}

/// Any value on one line: `days 14, rule calendar`. A list of objects has semicolons between them, any other list commas.
fn plain(value: &Value) -> String {
    match value {
        Value::Bool(b) => if *b { "yes" } else { "no" }.to_owned(),
        Value::String(s) => s.clone(),
        Value::Array(list) => {
            let nested = list.iter().any(Value::is_object);
            list.iter().map(plain).collect::<Vec<_>>().join(if nested { "; " } else { ", " })
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{} {}", name, plain(value));
            members.iter().map(member).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_facts_are_said_on_one_line() {
        let value =
            serde_json::json!([{"item": 1, "outcome": "answered"}, {"item": 2, "outcome": "refused"}]);
        assert_eq!(plain(&value), "item 1, outcome answered; item 2, outcome refused");
        assert_eq!(plain(&serde_json::json!(["content", "files/0"])), "content, files/0");
        let value = serde_json::json!({"days": 14, "from": "handed_over", "rule": "calendar"});
        assert_eq!(
            deadline(value.as_object().unwrap()),
            "14 days, counted as calendar days, from handed over"
        );
        let value =
            serde_json::json!({"days": 3, "holidays": ["2023-12-25", "2024-01-01"], "weekly": "sunday"});
        assert_eq!(
            deadline(value.as_object().unwrap()),
            "3 days, weekly holiday Sunday, holidays 25 December 2023, 1 January 2024"
        );
        assert_eq!(label("vouched_by"), "Vouched by");
    }
}
