//! The text of a public key of any type: `<name>+<key id>+<base64 of the type and the key>` (`c2sp.org/signed-note`).

use super::{KeyId, base64_decode, key_id::id_found};

/// The parts of a vkey, of which nothing is checked yet.
pub struct Vkey<'a> {
    /// The key's name.
    pub name: &'a str,
    id: &'a str,
    /// The type, then the key. Empty if the text is not base64.
    bytes: Vec<u8>,
}

impl<'a> Vkey<'a> {
    /// Splits a text into its parts; `None` if there are not three, or blanks around them.
    pub fn split(text: &'a str) -> Option<Self> {
        let [name, id, key] = text.splitn(3, '+').collect::<Vec<_>>().try_into().ok()?;
        let has_blanks = text.trim().len() < text.len();
        (!has_blanks).then(|| Self { name, id, bytes: base64_decode(key).unwrap_or_default() })
    }

    /// The bytes of the key, if it has this type and is `N` bytes long.
    pub fn key<const N: usize>(&self, signature_type: u8) -> Option<[u8; N]> {
        self.bytes.strip_prefix(&[signature_type])?.try_into().ok()
    }

    /// Checks that the text bears this id.
    ///
    /// # Errors
    /// The id that it bears, in a form fit for an error message.
    pub fn has(&self, id: KeyId) -> Result<(), String> {
        if self.id == id.to_string() { Ok(()) } else { Err(id_found(self.id)) }
    }
}
