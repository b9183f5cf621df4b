//! The Rust types compared with `schema/events.json`, and the JSON Schemas made from them.
//!
//! `UPDATE_SCHEMA=1 cargo test -p onrecord-verify --test floor schema` writes the schemas anew.

use std::{collections::BTreeMap, fs, path::Path};

use onrecord_verify::event::{
    CaseRule, Code, ContentRule, Country, EventType, FactKind, Kinds, Thread, Who, Zone, json_schema,
};
use serde_json::{Value, json};

fn events() -> Value {
    serde_json::from_str(include_str!("../../../../schema/events.json")).unwrap()
}

fn who(w: Who) -> String {
    match w {
        Who::First => "first".into(),
        Who::Operator => "op".into(),
        Who::Registrar => "reg".into(),
        Who::Recorder => "rec".into(),
        Who::Any => "any".into(),
        Who::SelfOf(r) => format!("self:{r}"),
        Who::SubjectOf(r) => format!("subject:{r}"),
        Who::AuthorOf(r) => format!("author:{r}"),
    }
}

fn kind(k: FactKind) -> Value {
    match k {
        FactKind::Word(words) => json!(words),
        other => json!(format!("{other:?}").to_lowercase()),
    }
}

#[test]
fn the_types_are_those_of_events_json() {
    let events = events();
    assert_eq!(EventType::ALL.len(), 33);
    let ours: BTreeMap<&str, Value> = EventType::ALL
        .iter()
        .map(|t| {
            let s = t.spec();
            let refs: BTreeMap<_, _> = s
                .refs
                .iter()
                .map(|r| {
                    let kind = match r.kinds {
                        Kinds::Any => json!("any"),
                        Kinds::Of(types) => json!(types.iter().map(|t| t.as_str()).collect::<Vec<_>>()),
                    };
                    let mut v = json!({"required": r.required, "many": r.many, "kind": kind});
                    if r.cross {
                        v["cross"] = true.into();
                    }
                    (r.role, v)
                })
                .collect();
            let facts: BTreeMap<_, _> = s
                .facts
                .iter()
                .map(|f| (f.name, json!({"required": f.required, "is": kind(f.kind)})))
                .collect();
            let mut v = json!({
                "who": s.who.iter().map(|w| who(*w)).collect::<Vec<_>>(),
                "thread": match s.thread { Thread::Own => "own", Thread::Party => "party", Thread::Case => "case" },
                "case": match s.case {
                    CaseRule::Required => "required", CaseRule::Optional => "optional", CaseRule::Refused => "refused",
                },
                "content": match s.content {
                    ContentRule::Required => "required", ContentRule::Optional => "optional", ContentRule::None => "none",
                },
                "refs": refs,
                "facts": facts,
            });
            if !s.subject.is_empty() {
                v["subject"] = json!(s.subject);
            }
            (t.as_str(), v)
        })
        .collect();
    let theirs = events["types"].as_object().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (name, spec) in theirs {
        assert_eq!(&ours[name.as_str()], spec, "{name}");
    }
}

#[test]
fn zones_are_those_of_events_json_and_countries_are_249() {
    let mut zones: Vec<String> = serde_json::from_value(events()["zones"].clone()).unwrap();
    zones.sort();
    assert_eq!(Zone::ALL, zones);
    assert_eq!(Country::ALL.len(), 249);
}

#[test]
fn a_schema_per_type_is_kept_in_schema_events() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/events");
    let update = std::env::var_os("UPDATE_SCHEMA").is_some();
    for t in EventType::ALL {
        let path = dir.join(format!("{t}.json"));
        let text = serde_json::to_string_pretty(&json_schema(*t)).unwrap() + "\n";
        if update {
            fs::create_dir_all(&dir).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == text, "{} is not up to date; run with UPDATE_SCHEMA=1", path.display());
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), EventType::ALL.len(), "no schema is left over");
}

#[test]
fn codes_stand_once_and_in_upper_case() {
    for c in Code::ALL {
        assert!(c.as_str().bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'));
        assert!(c.meaning().ends_with('.'));
    }
    assert_eq!(Code::ALL.len(), 56);
}
