//! A JSON Schema for line 3 of each event type, for those who program against it (`schema/events/`).

use serde_json::{Map, Value, json};

use super::{
    body::EventType,
    facts::{ClockStart, Country, DeadlineRule, FactKind, Outcome, Verdict, Weekly, Zone},
    spec::{CaseRule, ContentRule, FactSpec, RefSpec},
};

const ID: &str = "^[0-9a-f]{64}$";
const AT: &str = r"^[0-9]{4}-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2})?)?$";
const DAY: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const VKEY: &str = r"^[a-z0-9.-]+(/[a-z0-9._-]+)*\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$";
const MAX: u64 = (1 << 53) - 1;

fn pattern(p: &str) -> Value {
    json!({"type": "string", "pattern": p})
}

fn array(items: Value) -> Value {
    json!({"type": "array", "minItems": 1, "uniqueItems": true, "items": items})
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn fact(kind: FactKind) -> Value {
    let per_item = |member: &str, words: &[&str]| {
        let item = json!({"type": "integer", "minimum": 1, "maximum": MAX});
        array(object(&["item", member], json!({"item": item, member: {"enum": words}})))
    };
    match kind {
        FactKind::Count => json!({"type": "integer", "minimum": 0, "maximum": MAX}),
        FactKind::Bool => json!({"type": "boolean"}),
        FactKind::At => pattern(AT),
        FactKind::Vkey => pattern(VKEY),
        FactKind::Vkeys => array(pattern(VKEY)),
        FactKind::Hash => pattern(ID),
        FactKind::Country => json!({"enum": Country::ALL}),
        FactKind::Zone => json!({"enum": Zone::ALL}),
        FactKind::Language => {
            json!({"type": "string", "maxLength": 35, "pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"})
        }
        FactKind::Day => pattern(DAY),
        FactKind::Deadline => {
            let period = json!({
                "days": {"type": "integer", "minimum": 1, "maximum": 3650},
                "rule": {"enum": DeadlineRule::WORDS},
                "from": {"enum": ClockStart::WORDS},
                "weekly": {"enum": Weekly::WORDS},
                "holidays": array(pattern(DAY)),
            });
            json!({"oneOf": [
                object(&["by"], json!({"by": pattern(DAY)})),
                object(&["days", "rule", "from"], period),
            ]})
        }
        FactKind::Outcomes => per_item("outcome", Outcome::WORDS),
        FactKind::Verdicts => per_item("verdict", Verdict::WORDS),
        FactKind::Positions => array(pattern("^(content|files/(0|[1-9][0-9]*))$")),
        FactKind::Word(words) => json!({"enum": words}),
    }
}

fn described(mut schema: Value, doc: &str) -> Value {
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".into(), doc.into());
    }
    schema
}

fn refs(specs: &[RefSpec]) -> Value {
    let mut properties = Map::new();
    for r in specs {
        let mut schema = if r.many { array(pattern(ID)) } else { pattern(ID) };
        if r.many {
            schema["maxItems"] = 64.into();
        }
        properties.insert(r.role.into(), described(schema, r.doc));
    }
    let required: Vec<_> = specs.iter().filter(|r| r.required).map(|r| r.role).collect();
    object(&required, properties.into())
}

fn facts(specs: &[FactSpec]) -> Value {
    let properties: Map<_, _> =
        specs.iter().map(|f| (f.name.to_owned(), described(fact(f.kind), f.doc))).collect();
    let required: Vec<_> = specs.iter().filter(|f| f.required).map(|f| f.name).collect();
    object(&required, properties.into())
}

/// The JSON Schema (2020-12) of line 3 of an event of this type. It says what a schema can say; formats.md says
/// the rest: bytes, real dates, numbers judged on the token, and every rule between events.
pub fn json_schema(event_type: EventType) -> Value {
    let spec = event_type.spec();
    let mut properties = Map::new();
    let mut required = vec!["type", "by", "at"];
    properties.insert("type".into(), json!({"const": event_type.as_str()}));
    let mut by = array(pattern(VKEY));
    by["maxItems"] = 16.into();
    properties.insert("by".into(), described(by, "Who signs. The first is the author."));
    properties.insert("at".into(), described(pattern(AT), "When it happened, as the author says."));
    if spec.case != CaseRule::Refused {
        properties.insert("case".into(), described(pattern(ID), "Id of the event that opened the case."));
        if spec.case == CaseRule::Required {
            required.push("case");
        }
    }
    if !spec.refs.is_empty() {
        properties.insert("refs".into(), refs(spec.refs));
        if spec.refs.iter().any(|r| r.required) {
            required.push("refs");
        }
    }
    if !spec.facts.is_empty() {
        properties.insert("facts".into(), facts(spec.facts));
        if spec.facts.iter().any(|f| f.required) {
            required.push("facts");
        }
    }
    if spec.content != ContentRule::None {
        let size = json!({"type": "integer", "minimum": 1, "maximum": super::MAX_CONTENT});
        let content = object(&["blake3", "size"], json!({"blake3": pattern(ID), "size": size}));
        properties.insert("content".into(), described(content, "The commitment to the words."));
        if spec.content == ContentRule::Required {
            required.push("content");
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event_type.as_str(),
        "description": spec.doc,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}
