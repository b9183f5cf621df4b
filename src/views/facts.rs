//! The facts of an entry, named and said.

use serde_json::{Map, Value};

use super::{Record, dates};
use crate::event::{At, FactKind, FactSpec};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactView {
    /// Its name, with spaces.
    pub label: String,
    /// What it means.
    pub doc: &'static str,
    /// Its value, in words.
    pub value: String,
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
            Some(FactView { label: label(spec.name), doc: spec.doc, value: say(spec, value) })
        })
        .collect()
}

/// A member's name as a label.
pub(super) fn label(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars.map(|c| if c == '_' { ' ' } else { c })).collect()
}

fn say(spec: &FactSpec, value: &Value) -> String {
    match (spec.kind, value) {
        (FactKind::At | FactKind::Day, Value::String(s)) => {
            At::parse(s).map_or_else(|_| s.clone(), |at| dates::at_words(&at))
        }
        (FactKind::Word(_), Value::String(s)) => s.replace('_', " "),
        (FactKind::Deadline, Value::Object(members)) => deadline(members),
        _ => plain(value),
    }
}

/// A deadline, its length first: `14 days, rule calendar, from handed over`.
fn deadline(members: &Map<String, Value>) -> String {
    let member = |(name, before): &(&str, &str)| {
        let text = plain(members.get(*name)?);
        let text = if *name == "from" { text.replace('_', " ") } else { text };
        Some(format!("{before}{text}"))
    };
    let days = members.get("days").map(|days| match days.as_u64() {
        Some(1) => "1 day".to_owned(),
        _ => format!("{} days", plain(days)),
    });
    let rest = [
        ("by", "by "),
        ("rule", "rule "),
        ("from", "from "),
        ("weekly", "weekly holiday "),
        ("holidays", "holidays "),
    ];
    days.into_iter().chain(rest.iter().filter_map(member)).collect::<Vec<_>>().join(", ")
}

/// Any value on one line: `days 14, rule calendar`; lists with semicolons.
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
        assert_eq!(deadline(value.as_object().unwrap()), "14 days, rule calendar, from handed over");
        assert_eq!(label("vouched_by"), "Vouched by");
    }
}
