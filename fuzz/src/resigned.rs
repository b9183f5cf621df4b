//! Signatures made good again, so that what stands behind them is reached.

use onrecord_verify::{
    event::Event,
    note::{Origin, SignedNote, SigningKey},
};

use super::honest;

/// The event signed anew by its signers, if all their keys are known; whatever was changed in it.
pub fn event(event: &Event, origin: &Origin) -> Option<Event> {
    let keys: Vec<&SigningKey> = event.by().iter().map(honest::signer).collect::<Option<_>>()?;
    let note = SignedNote::sign(event.note().text(), &keys).unwrap();
    // Longer than it was only if the old lines were cut short.
    Event::parse(note.as_bytes(), origin).ok()
}

/// The text of a note, as far as there is one: what stands before the signatures.
pub fn text_of(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.rfind("\n\n").map_or(text, |end| &text[..=end]))
}
