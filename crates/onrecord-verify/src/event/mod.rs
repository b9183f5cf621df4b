//! What can be said: events, their types, facts and words. Pure: no I/O, no clock.
//!
//! An [`Event`] is a signed note of three lines whose third is one JSON object (formats.md, section 3).
//! [`Event::parse`] judges its shape, [`Event::verify`] its signatures; what the record allows is judged by
//! [`crate::log`], because it depends on what stands before.
//!
//! Bytes from outside become types that cannot hold a bad value, or a [`Refusal`] that names one code of the
//! closed list, the place, what was expected and what was found.
//!
//! The lists of types, words and codes are closed. An addition to one of them makes a new major version, and the compiler
//! names every place that must handle it.

mod act;
mod at;
mod body;
mod content;
mod draft;
mod envelope;
mod facts;
mod id;
mod json;
mod refusal;
mod registries;
mod schema;
mod spec;
mod unsaid;
mod words;

pub use act::Act;
pub use at::{At, Day};
pub use body::*;
pub use content::{Content, ContentRef, FileRef, MAX_CONTENT};
pub use draft::{Draft, DraftError};
pub(crate) use envelope::check_pseudonym;
pub use envelope::{Event, MARKER, MAX_BY, MAX_EVENT, SignedEvent};
pub use facts::{Country, Deadline, FactKind, ItemOutcome, ItemVerdict, Language, Position, Zone};
pub use id::{Digest, EventId};
pub use refusal::{Code, MAX_REFUSAL, Refusal, quote};
pub use schema::json_schema;
pub use spec::{CaseRule, ContentRule, EventType, FactSpec, Ids, Kinds, PARTY, RefSpec, Spec, Thread, Who};
pub use words::*;
