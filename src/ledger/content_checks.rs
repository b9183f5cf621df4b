//! The checks between events that bind new events only. A later verifier can't make some of them, since words may be withheld
//! by then; others were added after the first ledgers, whose entries stay valid. The list is `checks` of `schema/events.json`.

use std::sync::Arc;

use super::{
    admission::Admitted,
    layered::Layered,
    observed::{Reader, StandsOn},
    stored::StoredWords,
    withholding,
};
use crate::{
    event::{Body, Code, Content, Event, EventId, Position, Refusal, Voucher},
    log::{Door, Rows, foresee},
    note::VerifyingKey,
};

fn failed<T>(check: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::because(Code::CheckFailed, check, message))
}

/// Makes all of these checks. `words_of` gives the words of a record, unless they are withheld.
pub(crate) fn check(
    rows: &impl Rows,
    event: &Event,
    content: Option<&Content>,
    words_of: impl Fn(&EventId) -> Option<Arc<[u8]>>,
) -> Result<(), Refusal> {
    match event.body() {
        Body::DeliveryEvidenced(b) if b.vouched_by == Voucher::AddresseeKey => {
            check_addressee(rows, event, &b.notice)?;
        }
        Body::CollectionCounted(b) => check_count(b.count, [b.withdrawn, b.duplicate, b.invalid])?,
        Body::CollectionClosed(b) => check_count(b.count, [b.withdrawn, b.duplicate, b.invalid])?,
        Body::ContentWithheld(b) => check_files(&b.blobs, || words_of(&b.entry))?,
        _ => {}
    }
    let Some(content) = content else { return Ok(()) };
    match event.body() {
        Body::DemandIssued(b) => {
            let items = content.members().get("items").and_then(|v| v.as_array()).map_or(0, Vec::len);
            if items as u64 != b.items {
                let why = format!("the words hold {items} items, facts.items says {}", b.items);
                return failed("words.items", why);
            }
            Ok(())
        }
        Body::DisclosureMade(b) => {
            let answers = content.members().get("answers").and_then(|v| v.as_object());
            let named = |key: &str| b.items.iter().flatten().any(|i| i.item.to_string() == key);
            match answers.and_then(|a| a.keys().find(|k| !named(k))) {
                Some(_) => failed("words.items", "the words answer an item that facts.items does not name"),
                None => Ok(()),
            }
        }
        Body::LinkAsserted(b) => {
            check_quote(content, "from", || words_of(&b.from))?;
            check_quote(content, "to", || words_of(&b.to))
        }
        _ => Ok(()),
    }
}

/// An event that says that the addressee's own key vouches for a delivery must be signed by such a key.
fn check_addressee(rows: &impl Rows, event: &Event, notice: &EventId) -> Result<(), Refusal> {
    // The one subject of a notice is its addressee.
    let addressee = rows.event(notice).map(|row| row.subjects.clone()).unwrap_or_default();
    let holder = |key: &VerifyingKey| rows.key(key.as_bytes()).map(|row| row.party);
    if event.by().iter().any(|key| holder(key).is_some_and(|p| addressee.contains(&p))) {
        return Ok(());
    }
    let why = "vouched_by addressee_key takes a signature by a key of the notice's addressee, and there is none: \
               have one sign too, or name who else vouches for it, such as sender";
    failed("evidence.addressee", why)
}

/// No more signatures are subtracted than were confirmed.
fn check_count(count: u64, taken: [Option<u64>; 3]) -> Result<(), Refusal> {
    let taken = taken.into_iter().flatten().fold(0, u64::saturating_add);
    if taken <= count {
        return Ok(());
    }
    let why = format!(
        "facts.withdrawn, facts.duplicate and facts.invalid are {taken} together, more than facts.count, {count}"
    );
    failed("collection.standing", why)
}

/// Only files that the words name can be withheld: a reader who is told that a file is withheld must be able to trust that
/// there was one. Where the words can't be read, nobody knows what they name, and the check passes.
fn check_files(positions: &[Position], words: impl FnOnce() -> Option<Arc<[u8]>>) -> Result<(), Refusal> {
    let files = positions.iter().filter_map(|position| match position {
        Position::File(i) => Some(*i),
        Position::Content => None,
    });
    let Some(last) = files.max() else { return Ok(()) };
    let Some(words) = words().and_then(|words| Content::parse(&words).ok()) else { return Ok(()) };
    let there = words.files().len();
    if (last as usize) < there {
        return Ok(());
    }
    let why = match there {
        0 => format!("there is no {}: the words of the entry name no file", Position::File(last)),
        1 => format!("there is no {}: the words of the entry name one file, files/0", Position::File(last)),
        n => format!(
            "there is no {}: the words of the entry name {n} files, files/0 to files/{}",
            Position::File(last),
            n - 1
        ),
    };
    failed("withholding.file", why)
}

fn check_quote(
    content: &Content,
    side: &str,
    words: impl FnOnce() -> Option<Arc<[u8]>>,
) -> Result<(), Refusal> {
    let Some(quote) = content.members().get("quotes").and_then(|q| q.get(side)) else { return Ok(()) };
    let fail = |why: &str| failed("link.quote", format!("content.quotes.{side}: {why}"));
    let Some(exact) = quote.get("exact").and_then(serde_json::Value::as_str) else {
        return fail("expected {exact, prefix, suffix}");
    };
    let part = |name: &str| quote.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let sought = format!("{}{exact}{}", part("prefix"), part("suffix"));
    let Some(words) = words() else {
        return fail("the words of the record that it quotes are withheld, or can't be read");
    };
    let Ok(words) = Content::parse(&words) else { return fail("the words it quotes can't be read") };
    let found = words.members().values().any(|v| holds(v, &sought));
    if found { Ok(()) } else { fail("it does not occur word for word in the record it names") }
}

/// Whether `sought` occurs in any string of a JSON value.
fn holds(value: &serde_json::Value, sought: &str) -> bool {
    match value {
        serde_json::Value::String(s) => s.contains(sought),
        serde_json::Value::Array(list) => list.iter().any(|v| holds(v, sought)),
        serde_json::Value::Object(map) => map.values().any(|v| holds(v, sought)),
        _ => false,
    }
}

impl Reader {
    /// Refuses an event that would be refused as the next entry, as far as that can be told before it is signed.
    pub(crate) fn foresee(&self, event: &Event, content: Option<&Content>) -> Result<(), Refusal> {
        let shared = &**self.read(StandsOn::Everything);
        foresee(shared, event, shared.origin())?;
        if let Some(content) = content {
            content.refuse_unsaid(event.event_type())?;
        }
        check(shared, event, content, |id| {
            let row = shared.event(id)?;
            if shared.fate(id).withheld_by(Position::Content).is_some() {
                return None;
            }
            match shared.words(row.index) {
                Ok(StoredWords::Present(words)) => Some(words),
                _ => None,
            }
        })
    }
}

/// Gives the rules what they ask about a new event, when the sequencer decides it at its own index.
pub(super) struct SequencerDoor<'a, const N: usize> {
    pub admitted: &'a Admitted,
    /// What is wrong with the words that `content.released` gives back. Asked last: first it is decided whether the event may
    /// give them back.
    pub faulty: Option<Refusal>,
    pub rows: &'a Layered<'a, N>,
}

impl<const N: usize> Door for SequencerDoor<'_, N> {
    fn blobs(&self) -> Result<(), Refusal> {
        self.admitted.blobs.clone()?;
        withholding::check_files(self.rows, self.admitted)
    }

    fn checks(&self) -> Result<(), Refusal> {
        if let Some(refusal) = &self.faulty {
            return Err(refusal.clone());
        }
        let Admitted { event, content, .. } = self.admitted;
        check(self.rows, event, content.as_ref(), |id| self.rows.words_of(id))
    }

    fn refuses_torsion(&self) -> bool {
        true
    }
}
