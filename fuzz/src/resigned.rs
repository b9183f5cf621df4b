//! Makes signatures good again, so that the code behind them is reached.

use onrecord_verify::{
    event::Event,
    note::{Origin, SignedNote, SigningKey},
};

use super::honest;

/// The event signed anew by its signers, whatever was changed in it. `None` if one of their keys is not known.
pub fn event(event: &Event, origin: &Origin) -> Option<Event> {
    let keys: Vec<&SigningKey> = event.by().iter().map(honest::signer).collect::<Option<_>>()?;
    let note = SignedNote::sign(event.note().text(), &keys).unwrap();
    // `None` too if the note is now too long: its old signature lines were shorter.
    Event::parse(note.as_bytes(), origin).ok()
}

/// The text of a note, as far as there is one: what stands before the signatures.
pub fn text_of(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.rfind("\n\n").map_or(text, |end| &text[..=end]))
}
