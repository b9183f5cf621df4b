//! The event itself: three signed lines and their signatures (formats.md, section 3).

use std::ops::Deref;

use super::{
    at::{AT_FORMS, At},
    body::{Body, EventType},
    content::{ContentRef, MAX_CONTENT},
    facts::Members,
    id::{Digest, EventId},
    json::{self, Json},
    refusal::{Code, Refusal, quote},
    spec::{CaseRule, ContentRule, members, read_case},
    words::PartyKind,
};
use crate::note::{NoteError, Origin, Signed, SignedNote, VerifyingKey, verify_strict_each};

/// The first line of every event.
pub const MARKER: &str = "onrecord/event/v1";
/// The longest event note, in bytes.
pub const MAX_EVENT: usize = 61_440;
/// The most signers.
pub const MAX_BY: usize = 16;

/// An event of good shape. Its signatures are not checked yet: [`verify`](Self::verify) does that.
#[derive(Debug, Clone)]
pub struct Event {
    note: SignedNote,
    id: EventId,
    by: Vec<VerifyingKey>,
    at: At,
    case: Option<EventId>,
    body: Body,
    content: Option<ContentRef>,
}

/// An event whose signers signed it. [`Event::verify`] and [`Event::verify_each`] make one, and
/// [`SignedEvent::verified_before`] for an event that was verified earlier.
#[derive(Debug, Clone)]
pub struct SignedEvent(Event);

impl Deref for SignedEvent {
    type Target = Event;
    fn deref(&self) -> &Event {
        &self.0
    }
}

impl SignedEvent {
    /// Takes `event` as signed without checking its signatures. Only for an event that this program verified before it
    /// stored it and now reads back from its own store, where a digest or the chain shows that the bytes are the same.
    pub fn verified_before(event: Event) -> Self {
        Self(event)
    }
}

impl From<NoteError> for Refusal {
    fn from(e: NoteError) -> Self {
        match e {
            NoteError::TooLong { limit, found } => {
                let (expected, found) = (format!("at most {limit} bytes"), format!("{found} bytes"));
                Self::new(Code::NoteTooLong, "note", expected, found)
            }
            NoteError::NotUtf8 { at } => {
                let place = format!("note, byte {}", at + 1);
                Self::new(Code::NoteNotUtf8, place, "UTF-8", "a byte that is not")
            }
            NoteError::ControlCharacter { at, byte } => {
                let (place, found) = (format!("note, byte {}", at + 1), format!("0x{byte:02X}"));
                let expected = "no control character but the newline";
                Self::new(Code::NoteControlCharacter, place, expected, found)
            }
            NoteError::BadSignatureLine { line, expected } => {
                Self::because(Code::BadSignatureLine, format!("signature line {line}"), expected)
            }
            NoteError::Unsigned => Self::because(Code::NoteUnsigned, "note", e.to_string()),
            e => Self::because(Code::BadSignature, "signatures", e.to_string()),
        }
    }
}

impl Event {
    /// Reads a note as an event meant for this ledger, judging its shape alone.
    ///
    /// # Errors
    /// The first fault, as a [`Refusal`].
    pub fn parse(bytes: &[u8], origin: &Origin) -> Result<Self, Refusal> {
        let note = SignedNote::parse(bytes, MAX_EVENT)?;
        let mut lines = note.text().split_terminator('\n');
        let (Some(marker), Some(for_origin), Some(line), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            let n = note.text().split_terminator('\n').count();
            return Err(Refusal::new(Code::EventLines, "text", "exactly three lines", n));
        };
        if marker != MARKER {
            return Err(Refusal::new(Code::EventMarker, "line 1", MARKER, quote(marker)));
        }
        if for_origin != origin.as_str() {
            return Err(Refusal::new(Code::WrongOrigin, "line 2", origin, quote(for_origin)));
        }
        let value = json::parse(line)?;
        let Json::Object(list) = &value else {
            return Err(Refusal::new(Code::JsonNotObject, "line 3", "an object", value.describe()));
        };
        let m = Members { members: list, place: "" };
        m.only(&["type", "by", "at", "case", "refs", "facts", "content"])?;
        let need = |name: &str| {
            m.get(name).ok_or_else(|| Refusal::new(Code::MissingMember, name, "this member", "nothing"))
        };
        let (kind, by, at) = (need("type")?, need("by")?, need("at")?);

        let Json::String(kind) = kind else {
            return Err(Refusal::new(Code::UnknownType, "type", "an event type", kind.describe()));
        };
        let event_type = EventType::from_name(kind).ok_or_else(|| {
            Refusal::new(Code::UnknownType, "type", "an event type of schema/events.json", quote(kind))
        })?;
        let spec = event_type.spec();
        let by = read_by(by)?;
        let at = match at {
            Json::String(s) => {
                At::parse(s).map_err(|found| Refusal::new(Code::BadAt, "at", AT_FORMS, found))?
            }
            other => return Err(Refusal::new(Code::BadAt, "at", AT_FORMS, other.describe())),
        };
        let case = m.get("case").map(read_case).transpose()?;
        let refs = members(m.get("refs"), "refs")?;
        let facts = members(m.get("facts"), "facts")?;
        let body = Body::read(event_type, &refs, &facts)?;
        check_key_names(&body, origin)?;
        let content = read_content(m.get("content"), spec.content)?;
        match (spec.case, case) {
            (CaseRule::Required, None) => {
                return Err(Refusal::new(Code::CaseRequired, "case", "the id of a case", "nothing"));
            }
            (CaseRule::Refused, Some(_)) => {
                let expected = format!("no case with {event_type}");
                return Err(Refusal::new(Code::CaseRefused, "case", expected, "one"));
            }
            _ => {}
        }
        let id = EventId(Digest::blake3(note.text().as_bytes()).0);
        Ok(Self { id, by, at, case, body, content, note })
    }

    /// Checks that exactly the members of `by` signed, in that order, strictly.
    ///
    /// # Errors
    /// `SIGNATURE_COUNT`, `SIGNATURE_ORDER` or `BAD_SIGNATURE`.
    pub fn verify(self) -> Result<SignedEvent, Refusal> {
        let verdict = Self::first_bad_lines(std::slice::from_ref(&self)).pop().flatten();
        verdict.map_or(Ok(SignedEvent(self)), Err)
    }

    /// As [`verify`](Self::verify) for each of `events`, and faster than one by one.
    pub fn verify_each(events: Vec<Self>) -> Vec<Result<SignedEvent, Refusal>> {
        let verdicts = Self::first_bad_lines(&events);
        events.into_iter().zip(verdicts).map(|(e, bad)| bad.map_or(Ok(SignedEvent(e)), Err)).collect()
    }

    /// The first fault of each event's signatures, if there is one.
    fn first_bad_lines(events: &[Self]) -> Vec<Option<Refusal>> {
        let place = |i: usize| format!("signature line {}", i + 1);
        let mut verdicts = Vec::with_capacity(events.len());
        let mut signed = Vec::with_capacity(events.len());
        // The event, the line and the key of each signature.
        let mut lines = Vec::with_capacity(events.len());
        for (at, event) in events.iter().enumerate() {
            let fault = event.check_lines().err();
            if fault.is_none() {
                for (i, (line, key)) in event.note.signatures().iter().zip(&event.by).enumerate() {
                    // Bytes of another length are no signature. Neither are 64 zeros, so the line is reported as bad.
                    let signature = line.signature().try_into().unwrap_or(&[0; 64]);
                    signed.push(Signed {
                        key: key.as_bytes(),
                        message: event.note.text().as_bytes(),
                        signature,
                    });
                    lines.push((at, i, key));
                }
            }
            verdicts.push(fault);
        }
        for (good, (at, i, key)) in verify_strict_each(&signed).into_iter().zip(lines) {
            if !good {
                let expected = format!("a strict Ed25519 signature by {} over the three lines", key.name());
                let found = "one that does not verify";
                verdicts[at]
                    .get_or_insert_with(|| Refusal::new(Code::BadSignature, place(i), expected, found));
            }
        }
        verdicts
    }

    /// One signature line for each member of `by`, in that order.
    fn check_lines(&self) -> Result<(), Refusal> {
        let lines = self.note.signatures();
        if lines.len() != self.by.len() {
            let expected = format!("{}, one for each member of `by`", self.by.len());
            return Err(Refusal::new(Code::SignatureCount, "signatures", expected, lines.len()));
        }
        for (i, (line, key)) in lines.iter().zip(&self.by).enumerate() {
            if line.name() != key.name().as_str() || line.key_id() != key.id() {
                let expected = format!("the line of {} {}", key.name(), key.id());
                let found = format!("{} {}", quote(line.name()), line.key_id());
                let place = format!("signature line {}", i + 1);
                return Err(Refusal::new(Code::SignatureOrder, place, expected, found));
            }
        }
        Ok(())
    }

    /// The id: BLAKE3 of the three lines.
    pub fn id(&self) -> EventId {
        self.id
    }
    /// The note, byte for byte.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }
    /// Who signed. The first is the author, the others endorse.
    pub fn by(&self) -> &[VerifyingKey] {
        &self.by
    }
    /// When it happened, as the author says.
    pub fn at(&self) -> &At {
        &self.at
    }
    /// The case it belongs to.
    pub fn case(&self) -> Option<EventId> {
        self.case
    }
    /// Refs and facts.
    pub fn body(&self) -> &Body {
        &self.body
    }
    /// Its type.
    pub fn event_type(&self) -> EventType {
        self.body.event_type()
    }
    /// What it commits to, if it carries words.
    pub fn content(&self) -> Option<&ContentRef> {
        self.content.as_ref()
    }
    /// Line 3, the JSON object.
    pub fn line(&self) -> &str {
        self.note.text().split_terminator('\n').nth(2).unwrap_or_default()
    }
    /// The first id in a role, if there is one.
    pub fn role(&self, role: &str) -> Option<EventId> {
        self.body.role(role).first().copied()
    }
}

/// Checks the names that keys must bear for their purpose (formats.md, sections 2 and 4).
fn check_key_names(body: &Body, origin: &Origin) -> Result<(), Refusal> {
    match body {
        Body::LedgerOpened(b) if b.checkpoint_key.name().as_str() != origin.as_str() => {
            let expected = format!("a key named {origin}, as the origin");
            Err(Refusal::new(Code::BadFact, "facts.checkpoint_key", expected, b.checkpoint_key.name()))
        }
        Body::PartyRegistered(b) => {
            for (i, key) in b.keys.iter().flatten().enumerate() {
                check_pseudonym(b.kind, key, origin, &format!("facts.keys[{i}]"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Checks that a key of a person or an account bears a name that says nothing: `<origin>/<16 hex digits>`.
pub(crate) fn check_pseudonym(
    kind: PartyKind,
    key: &VerifyingKey,
    origin: &Origin,
    place: &str,
) -> Result<(), Refusal> {
    if !matches!(kind, PartyKind::Person | PartyKind::Account) {
        return Ok(());
    }
    let digits = key.name().as_str().strip_prefix(origin.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let good =
        digits.is_some_and(|d| d.len() == 16 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    if good {
        return Ok(());
    }
    let expected = format!("a key of a {kind} named {origin}/<16 random hex digits>");
    Err(Refusal::new(Code::BadFact, place, expected, "another name"))
}

fn read_by(value: &Json<'_>) -> Result<Vec<VerifyingKey>, Refusal> {
    let expected = "an array of 1 to 16 vkeys";
    let Json::Array(list) = value else {
        return Err(Refusal::new(Code::BadBy, "by", expected, value.describe()));
    };
    if list.len() > MAX_BY {
        return Err(Refusal::new(Code::BadBy, "by", expected, list.len()));
    }
    let mut by: Vec<VerifyingKey> = Vec::with_capacity(list.len());
    for (i, item) in list.iter().enumerate() {
        let place = format!("by[{i}]");
        let Json::String(text) = item else {
            return Err(Refusal::new(Code::BadVkey, place, "a vkey", item.describe()));
        };
        let key: VerifyingKey =
            text.parse().map_err(|e| Refusal::because(Code::BadVkey, place.clone(), format!("{e}")))?;
        if by.iter().any(|k| k.as_bytes() == key.as_bytes()) {
            return Err(Refusal::new(Code::BadBy, place, "no public key twice", "a repeat"));
        }
        by.push(key);
    }
    Ok(by)
}

fn read_content(value: Option<&Json<'_>>, rule: ContentRule) -> Result<Option<ContentRef>, Refusal> {
    let refuse = |place: &str, expected: &str, found: String| {
        Err(Refusal::new(Code::BadContentRef, place, expected, found))
    };
    let Some(value) = value else {
        return match rule {
            ContentRule::Required => Err(Refusal::new(
                Code::MissingMember,
                "content",
                "this member: the type carries words",
                "nothing",
            )),
            _ => Ok(None),
        };
    };
    if rule == ContentRule::None {
        return refuse("content", "no words with this type", "some".into());
    }
    let Json::Object(members) = value else {
        return refuse("content", "{blake3, size}", value.describe());
    };
    let m = Members { members, place: "content" };
    m.only(&["blake3", "size"])?;
    let blake3 = match m.get("blake3") {
        Some(Json::String(s)) => s.parse().ok(),
        _ => None,
    };
    let Some(blake3) = blake3 else {
        let found = m.get("blake3").map_or("nothing".into(), Json::describe);
        return refuse("content.blake3", "64 lower-case hex digits", found);
    };
    match m.get("size") {
        Some(Json::Number(n)) if (1..=MAX_CONTENT as i64).contains(n) => {
            Ok(Some(ContentRef { blake3, size: *n as u32 }))
        }
        other => {
            let found = other.map_or("nothing".into(), Json::describe);
            refuse("content.size", "an integer from 1 to 262144", found)
        }
    }
}
