//! Whether an event may stand at an index, given all entries below it, and where (formats.md, sections 3 to 5).
//!
//! [`decide`] is a pure function of rows and an event. The sequencer asks it once, and every verifier again.

use std::sync::Arc;

use super::{
    checks,
    rows::{Detail, EventRow, Fate, KeyRow, PartyRow, Row, RowKey, Rows},
};
use crate::{
    event::{
        Body, Code, Digest, Event, EventId, EventType, Position, Refusal, Role, SignedEvent, Spec, Thread,
        Who, check_pseudonym,
    },
    note::{Origin, VerifyingKey, is_torsion_free},
};

/// Checks that are made only when an event is admitted. Some of them need blobs, which a later verifier may lack
/// because they were withheld. The rule on torsion binds admission alone. A verifier passes [`NoDoor`].
pub trait Door {
    /// Checks that words and files came, and are those that the event commits to.
    ///
    /// # Errors
    /// `CONTENT_` or `FILE_` codes.
    fn blobs(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// Makes the cross-checks that bind new events only, such as those that read words.
    ///
    /// # Errors
    /// `CHECK_FAILED`.
    fn checks(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// Whether added keys must be free of torsion.
    fn refuses_torsion(&self) -> bool {
        false
    }
}

/// No door, for a verifier: somebody else admitted the entry.
#[derive(Debug, Clone, Copy)]
pub struct NoDoor;
impl Door for NoDoor {}

/// Where an event stands, and which rows it changes.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The thread.
    pub thread: EventId,
    /// Its number in the thread.
    pub k: u64,
    /// For each member of `by`: its party, and the highest number in that party's thread.
    pub signers: Vec<(EventId, u64)>,
    /// Rows to put before the next decision.
    pub rows: Vec<(RowKey, Row)>,
}

/// The name and key id of a key, as one text. No other key in the whole history may have the same.
fn name_and_id(key: &VerifyingKey) -> String {
    format!("{}+{}", key.name(), key.id())
}

/// Keys that an event adds, each with its place.
pub(crate) fn added_keys(body: &Body) -> Vec<(&VerifyingKey, String)> {
    match body {
        Body::LedgerOpened(b) => vec![(&b.operator_key, "facts.operator_key".into())],
        Body::PartyRegistered(b) => {
            b.keys.iter().flatten().enumerate().map(|(i, k)| (k, format!("facts.keys[{i}]"))).collect()
        }
        Body::KeyAdded(b) => vec![(&b.key, "facts.key".into())],
        _ => Vec::new(),
    }
}

/// The thread that an event stands in, by its type (formats.md, section 4).
pub fn thread_of(event: &Event) -> EventId {
    match event.event_type().spec().thread {
        Thread::Own => event.id(),
        Thread::Party => event.role("party").unwrap_or(event.id()),
        Thread::Case => event.case().unwrap_or(event.id()),
    }
}

/// Decides about an event at `index`, given the rows of all entries below it. The caller has seen that its id is not on
/// record yet: an event that is gets no further check (formats.md, section 3).
///
/// # Errors
/// The first fault in the order of formats.md, section 3: key history, role, refs, blobs, checks.
pub fn decide(
    rows: &impl Rows,
    index: u64,
    event: &SignedEvent,
    origin: &Origin,
    door: &impl Door,
) -> Result<Placement, Refusal> {
    let event_type = event.event_type();
    if index == 0 && event_type != EventType::LedgerOpened {
        return Err(Refusal::new(Code::NotOpened, "type", "ledger.opened as the first event", event_type));
    }
    if index > 0 && event_type == EventType::LedgerOpened {
        return Err(Refusal::because(Code::AlreadyOpened, "type", "the ledger was opened at index 0"));
    }
    let spec = event_type.spec();
    let authors = check_keys(rows, event, origin, door)?;
    check_role(rows, event, spec, authors[0])?;
    let case = check_refs(rows, event)?;
    door.blobs()?;
    if let Some(content) = event.content()
        && !rows.withheld_blob(&content.blake3).is_empty()
    {
        let message = "these words are withheld on this ledger; content.released gives them back";
        return Err(Refusal::because(Code::BlobWithheld, "content.blake3", message));
    }
    checks::check(rows, event, authors[0])?;
    door.checks()?;

    let thread = thread_of(event);
    let k = rows.thread_len(&thread);
    let signers = authors
        .iter()
        .map(|party| {
            let len = rows.thread_len(party) + u64::from(*party == thread);
            (*party, len.saturating_sub(1))
        })
        .collect();
    let mut changes = vec![(RowKey::thread(&thread), Row::Thread(k + 1))];
    apply(rows, index, event, spec, case, authors, &mut changes);
    Ok(Placement { thread, k, signers, rows: changes })
}

/// Why an event would be refused, as far as that can be told before anybody signed it: by its keys, the author's role, the
/// refs, and the checks between events.
///
/// If the author's key is not on record, keys and role are left to [`decide`]: the caller may only be asking. So are all
/// checks that need words.
///
/// # Errors
/// The first fault, as [`decide`] gives it.
pub fn foresee(rows: &impl Rows, event: &Event, origin: &Origin) -> Result<(), Refusal> {
    let author = event.by().first().and_then(|key| rows.key(key.as_bytes())).map(|row| row.party);
    if let Some(author) = author {
        check_keys(rows, event, origin, &NoDoor)?;
        check_role(rows, event, event.event_type().spec(), author)?;
    }
    check_refs(rows, event)?;
    checks::check(rows, event, author.unwrap_or(event.id()))
}

/// Refuses a revoked key among those that sign, except one that the event adds: that is judged with the added keys.
fn refuse_revoked(rows: &impl Rows, event: &Event, added: &[(&VerifyingKey, String)]) -> Result<(), Refusal> {
    for (i, key) in event.by().iter().enumerate() {
        if let Some(KeyRow { revoked: Some(at), .. }) = rows.key(key.as_bytes())
            && !added.iter().any(|(k, _)| *k == key)
        {
            let message = format!("{} was revoked at index {at}", key.name());
            return Err(Refusal::because(Code::KeyRevoked, format!("by[{i}]"), message));
        }
    }
    Ok(())
}

/// Checks the history of the event's keys. Gives the party of each member of `by`.
fn check_keys(
    rows: &impl Rows,
    event: &Event,
    origin: &Origin,
    door: &impl Door,
) -> Result<Vec<EventId>, Refusal> {
    let added = added_keys(event.body());
    // The party that added keys will belong to.
    let party = event.role("party").unwrap_or(event.id());
    let mut authors = Vec::with_capacity(event.by().len());
    for (i, key) in event.by().iter().enumerate() {
        // A key's signature on the entry that adds it proves possession and gives no authority. So the author's key is
        // never one that is added here, except the operator's at index 0.
        let opens = matches!(event.body(), Body::LedgerOpened(_));
        if (i > 0 || opens) && added.iter().any(|(k, _)| *k == key) {
            authors.push(party);
            continue;
        }
        let row = rows.key(key.as_bytes()).filter(|row| row.name == key.name().as_str());
        let Some(row) = row else {
            let expected = "a key that was added to this ledger before";
            return Err(Refusal::new(Code::KeyUnknown, format!("by[{i}]"), expected, key.name()));
        };
        authors.push(row.party);
    }
    refuse_revoked(rows, event, &added)?;
    if let Body::KeyRevoked(b) = event.body() {
        match rows.key(b.key.as_bytes()) {
            Some(row) if row.party == b.party && row.name == b.key.name().as_str() => {
                if let Some(at) = row.revoked {
                    let message = format!("it was revoked at index {at}");
                    return Err(Refusal::because(Code::KeyRevoked, "facts.key", message));
                }
            }
            _ => {
                let expected = "a key of the party in refs.party";
                return Err(Refusal::new(Code::KeyUnknown, "facts.key", expected, b.key.name()));
            }
        }
    }
    let checkpoint_key = match event.body() {
        Body::LedgerOpened(b) => Some(*b.checkpoint_key.as_bytes()),
        _ => rows.ledger().map(|(_, key)| key),
    };
    for (i, (key, place)) in added.iter().enumerate() {
        let twin = added[..i].iter().any(|(k, _)| name_and_id(k) == name_and_id(key));
        let taken = if rows.key(key.as_bytes()).is_some() {
            Some("the public key is, or was, on record")
        } else if checkpoint_key == Some(*key.as_bytes()) {
            Some("the public key is the log's own")
        } else if twin || rows.name_owner(&name_and_id(key)).is_some() {
            Some("another key of that name has the same key id")
        } else {
            None
        };
        if let Some(message) = taken {
            return Err(Refusal::because(Code::KeyTaken, place.as_str(), message));
        }
    }
    for (key, place) in &added {
        if rows.name_owner(key.name().as_str()).is_some_and(|owner| owner != party) {
            let message = format!("the name {} belongs to another party", key.name());
            return Err(Refusal::because(Code::KeyNameTaken, place.as_str(), message));
        }
    }
    for (key, place) in &added {
        if !event.by().contains(key) {
            let expected = "the key's own signature: put it in `by` after the author";
            return Err(Refusal::new(Code::KeyNoPossession, place.as_str(), expected, "none"));
        }
    }
    if door.refuses_torsion() {
        for (key, place) in &added {
            if !is_torsion_free(key.as_bytes()) {
                let expected = "a key of the prime-order subgroup";
                return Err(Refusal::new(Code::KeyTorsion, place.as_str(), expected, "a torsion component"));
            }
        }
    }
    if let Body::KeyAdded(b) = event.body()
        && let Some(PartyRow { kind: Some(kind), .. }) = rows.party(&b.party)
    {
        check_pseudonym(kind, &b.key, origin, "facts.key")?;
    }
    Ok(authors)
}

/// Checks that the author may sign this event.
fn check_role(rows: &impl Rows, event: &Event, spec: &Spec, author: EventId) -> Result<(), Refusal> {
    let operator = rows.ledger().map(|(operator, _)| operator);
    let is_operator = operator == Some(author);
    let row = rows.party(&author);
    let named = |role: &str| event.role(role).and_then(|id| rows.event(&id));
    let allowed = spec.who.iter().any(|who| match who {
        Who::First => operator.is_none(),
        Who::Operator => is_operator,
        Who::Registrar => is_operator || row.as_ref().is_some_and(|r| r.registrar),
        Who::Recorder => is_operator || row.as_ref().is_some_and(|r| r.recorder),
        Who::Any => true,
        Who::SelfOf(role) => event.role(role) == Some(author),
        Who::SubjectOf(role) => named(role).is_some_and(|e| e.subjects.contains(&author)),
        Who::AuthorOf(role) => named(role).is_some_and(|e| e.authors.contains(&author)),
    });
    if allowed {
        return Ok(());
    }
    Err(not_allowed(event.event_type()))
}

/// The refusal of an author who may not sign an event of a type.
pub fn not_allowed(event_type: EventType) -> Refusal {
    let who: Vec<String> = event_type.spec().who.iter().map(|w| describe(*w)).collect();
    let expected = format!("{event_type} signed by {}", who.join(" or "));
    Refusal::new(Code::NotAllowed, "by[0]", expected, "another party")
}

fn describe(who: Who) -> String {
    match who {
        Who::First => "the operator's key".into(),
        Who::Operator => "the operator".into(),
        Who::Registrar => "a registrar or the operator".into(),
        Who::Recorder => "a recorder or the operator".into(),
        Who::Any => "any party".into(),
        Who::SelfOf(role) => format!("the party in refs.{role}"),
        Who::SubjectOf(role) => format!("a subject of the event in refs.{role}"),
        Who::AuthorOf(role) => format!("an author of the event in refs.{role}"),
    }
}

/// Checks case and refs. Gives the case that the event belongs to.
fn check_refs(rows: &impl Rows, event: &Event) -> Result<Option<EventId>, Refusal> {
    let unknown = |place: &str| {
        Refusal::new(
            Code::RefUnknown,
            place,
            "the id of an event that stands before on this ledger",
            "another",
        )
    };
    if let Some(case) = event.case() {
        let row = rows.event(&case).ok_or_else(|| unknown("case"))?;
        if row.event_type != EventType::CaseOpened {
            return Err(Refusal::new(Code::RefKind, "case", "a case.opened", row.event_type));
        }
    }
    let own_case = match event.event_type() {
        EventType::CaseOpened => Some(event.id()),
        _ => event.case(),
    };
    // These types act on another event, and must stand in its case.
    let touches = match event.event_type() {
        EventType::ContentWithheld | EventType::ContentReleased => Some("entry"),
        EventType::CorrectionIssued => Some("corrects"),
        _ => None,
    };
    for (role, ids) in event.body().refs() {
        for (i, id) in ids.iter().enumerate() {
            let place =
                if role.many { format!("refs.{}[{i}]", role.role) } else { format!("refs.{}", role.role) };
            let row = rows.event(id).ok_or_else(|| unknown(&place))?;
            if !role.kinds.allow(row.event_type) {
                let expected = match role.kinds {
                    crate::event::Kinds::Any => "any event".to_owned(),
                    crate::event::Kinds::Of(types) => {
                        types.iter().map(|t| t.as_str()).collect::<Vec<_>>().join(" or ")
                    }
                };
                return Err(Refusal::new(Code::RefKind, place, expected, row.event_type));
            }
            if touches == Some(role.role) && row.case != own_case {
                let expected = match row.case {
                    Some(case) => format!("the case of the event in {place}, {case}"),
                    None => format!("no case, as the event in {place} has none"),
                };
                return Err(Refusal::new(Code::RefCase, "case", expected, "another"));
            }
            if !role.cross && row.case.is_some() && row.case != own_case {
                return Err(Refusal::new(
                    Code::RefCase,
                    place,
                    "an event of the same case",
                    "one of another",
                ));
            }
        }
    }
    Ok(own_case)
}

/// Adds to `out` the rows that an event changes once it was decided upon. It can't fail: all faults were found before.
fn apply(
    rows: &impl Rows,
    index: u64,
    event: &SignedEvent,
    spec: &Spec,
    case: Option<EventId>,
    authors: Vec<EventId>,
    out: &mut Vec<(RowKey, Row)>,
) {
    let id = event.id();
    let party = event.role("party").unwrap_or(id);
    for (key, _) in added_keys(event.body()) {
        let row = KeyRow { party, name: key.name().to_string(), added: index, revoked: None };
        out.push((RowKey::key(key.as_bytes()), Row::Key(row)));
        out.push((RowKey::name(key.name().as_str()), Row::Name(party)));
        out.push((RowKey::name(&name_and_id(key)), Row::Name(party)));
    }
    let mut fate = |id: &EventId, change: &dyn Fn(&mut Fate)| {
        let mut fate = rows.fate(id);
        change(&mut fate);
        out.push((RowKey::fate(id), Row::Fate(fate)));
    };
    let mut detail = Detail::None;
    match event.body() {
        Body::LedgerOpened(b) => {
            let row = PartyRow { kind: None, fictional: false, registrar: false, recorder: false };
            out.push((RowKey::party(&id), Row::Party(row)));
            let checkpoint_key = *b.checkpoint_key.as_bytes();
            out.push((RowKey::ledger(), Row::Ledger { operator: id, checkpoint_key }));
        }
        Body::PartyRegistered(b) => {
            let row = PartyRow {
                kind: Some(b.kind),
                fictional: b.fictional.unwrap_or(false),
                registrar: false,
                recorder: false,
            };
            out.push((RowKey::party(&id), Row::Party(row)));
        }
        Body::KeyRevoked(b) => {
            if let Some(row) = rows.key(b.key.as_bytes()) {
                let row = KeyRow { revoked: Some(index), ..row };
                out.push((RowKey::key(b.key.as_bytes()), Row::Key(row)));
            }
        }
        Body::RoleGranted(b) => set_role(rows, &b.party, b.role, true, out),
        Body::RoleRevoked(b) => set_role(rows, &b.party, b.role, false, out),
        Body::CaseOpened(b) => detail = Detail::Case { respondent: b.respondent },
        Body::DemandIssued(b) => detail = Detail::Demand { respondent: b.respondent, items: b.items },
        Body::DisclosureMade(b) => {
            let items = b.items.iter().flatten().map(|i| i.item).collect();
            detail = Detail::Disclosure { demand: b.demand, items };
        }
        Body::NoticeDispatched(_) => detail = Detail::Notice { date: event.at().date().to_owned() },
        Body::CollectionCounted(b) => fate(&b.collection, &|f| f.count = b.count),
        Body::CollectionClosed(b) => fate(&b.collection, &|f| {
            f.count = b.count;
            f.closed = true;
        }),
        Body::CommitmentClosed(b) => fate(&b.commitment, &|f| f.closed = true),
        Body::CorrectionIssued(b) if b.effect == crate::event::CorrectionEffect::Void => {
            fate(&b.corrects, &|f| f.voided = true);
        }
        Body::ContentWithheld(b) => {
            fate(&b.entry, &|f| f.withheld.extend(b.blobs.iter().map(|p| ((*p).into(), index))));
            set_blob(rows, &b.entry, &b.blobs, true, out);
        }
        Body::ContentReleased(b) => {
            fate(&b.entry, &|f| f.withheld.retain(|(p, _)| !b.blobs.iter().any(|q| *p == (*q).into())));
            set_blob(rows, &b.entry, &b.blobs, false, out);
        }
        _ => {}
    }
    let subjects = event
        .body()
        .refs()
        .into_iter()
        .filter(|(role, _)| spec.subject.contains(&role.role))
        .flat_map(|(_, ids)| ids.to_vec())
        .collect();
    let row = EventRow {
        index,
        event_type: event.event_type(),
        case,
        authors,
        subjects,
        content: event.content().map(|c| c.blake3),
        detail,
    };
    out.push((RowKey::event(&id), Row::Event(Arc::new(row))));
}

fn set_role(rows: &impl Rows, party: &EventId, role: Role, on: bool, out: &mut Vec<(RowKey, Row)>) {
    if let Some(mut row) = rows.party(party) {
        match role {
            Role::Registrar => row.registrar = on,
            Role::Recorder => row.recorder = on,
        }
        out.push((RowKey::party(party), Row::Party(row)));
    }
}

/// Keeps the list of entries whose words with a digest are withheld.
fn set_blob(rows: &impl Rows, entry: &EventId, blobs: &[Position], on: bool, out: &mut Vec<(RowKey, Row)>) {
    let digest: Option<Digest> = rows.event(entry).and_then(|e| e.content);
    if let (Some(digest), true) = (digest, blobs.contains(&Position::Content)) {
        let mut entries = rows.withheld_blob(&digest);
        entries.retain(|e| e != entry);
        if on {
            entries.push(*entry);
        }
        out.push((RowKey::blob(&digest), Row::Blob(entries)));
    }
}
