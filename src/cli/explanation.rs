//! An event explained in words, for whoever is to sign it or reads it.

use serde_json::Value;

use crate::{event::Event, note::Origin};

/// Explains an event in words, line by line. `good` is whether its signatures are good; none if nobody has signed yet.
pub(super) fn explain(event: &Event, origin: &Origin, header: Option<&str>, good: Option<bool>) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        // The name stands only before the first line of its value.
        for (i, value) in value.lines().enumerate() {
            out.push_str(&format!("{:<11} {value}\n", if i == 0 { name } else { "" }));
        }
    };
    if let Some(header) = header {
        line("entry", &header.lines().skip(2).collect::<Vec<_>>().join("\n"));
    }
    let spec = event.event_type().spec();
    line("type", &format!("{}  {}", event.event_type(), spec.doc));
    line("ledger", origin.as_str());
    line("id", &event.id().to_string());
    line("at", event.at().as_str());
    if let Some(case) = event.case() {
        line("case", &case.to_string());
    }
    let refs = event.body().refs();
    let refs = refs.iter().flat_map(|(role, ids)| ids.iter().map(|id| format!("{} {id}", role.role)));
    line("refs", &refs.collect::<Vec<_>>().join("\n"));
    let json: Value = serde_json::from_str(event.line()).unwrap_or_default();
    if let Some(facts) = json["facts"].as_object() {
        let facts = facts.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            value => format!("{name} {value}"),
        });
        line("facts", &facts.collect::<Vec<_>>().join("\n"));
    }
    match event.content() {
        Some(content) => line("words", &format!("{} bytes, BLAKE3 {}", content.size, content.blake3)),
        None => line("words", "none"),
    }
    line(
        if good.is_some() { "signed by" } else { "to sign" },
        &event.by().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    );
    if let Some(good) = good {
        line("signatures", if good { "good" } else { "NOT GOOD" });
    }
    out
}
