//! An event before it is signed.

use serde_json::{Map, Value};

use super::{
    at::At,
    content::ContentRef,
    envelope::{Event, MARKER, SignedEvent},
    id::EventId,
    refusal::Refusal,
    spec::EventType,
};
use crate::note::{NoteError, Origin, SignedNote, SigningKey, VerifyingKey};

/// What is to be said, before anybody signs it.
///
/// Facts and refs are JSON values of the forms that formats.md gives them; [`sign`](Self::sign) judges the
/// result by the same rules as the ledger's door.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The event type.
    pub event_type: EventType,
    /// When it happened.
    pub at: At,
    /// The case, if any.
    pub case: Option<EventId>,
    /// Roles and ids.
    pub refs: Map<String, Value>,
    /// Facts.
    pub facts: Map<String, Value>,
    /// The commitment to the words, if any.
    pub content: Option<ContentRef>,
}

/// A draft that can't be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// A note can't hold the text.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The event would be refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Draft {
    /// The three lines that the holders of these keys sign.
    pub fn text(&self, origin: &Origin, by: &[VerifyingKey]) -> String {
        let by: Vec<Value> = by.iter().map(|k| k.to_string().into()).collect();
        let mut line = format!("{{\"type\":\"{}\",\"by\":{}", self.event_type, Value::Array(by));
        let mut member = |name: &str, value: &dyn std::fmt::Display| {
            line.push_str(&format!(",\"{name}\":{value}"));
        };
        member("at", &Value::String(self.at.as_str().to_owned()));
        if let Some(case) = self.case {
            member("case", &format_args!("\"{case}\""));
        }
        for (name, map) in [("refs", &self.refs), ("facts", &self.facts)] {
            if !map.is_empty() {
                member(name, &Value::Object(map.clone()));
            }
        }
        if let Some(content) = &self.content {
            let size = content.size;
            member("content", &format_args!("{{\"blake3\":\"{}\",\"size\":{size}}}", content.blake3));
        }
        format!("{MARKER}\n{origin}\n{line}}}\n")
    }

    /// Signs with every key, in order; the first is the author's.
    ///
    /// # Errors
    /// [`DraftError`] if the ledger's door would refuse the shape.
    pub fn sign(&self, origin: &Origin, keys: &[&SigningKey]) -> Result<SignedEvent, DraftError> {
        let by: Vec<VerifyingKey> = keys.iter().map(|k| k.verifying_key().clone()).collect();
        let note = SignedNote::sign(&self.text(origin, &by), keys)?;
        Ok(Event::parse(note.as_bytes(), origin)?.verify()?)
    }
}
