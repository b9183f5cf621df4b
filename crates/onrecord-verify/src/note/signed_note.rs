//! The signed note itself (`c2sp.org/signed-note`).
//!
//! ```text
//! text, one or more lines
//!                                         <- empty line
//! — <key name> <base64 of key id, signature>
//! ```

use super::{KeyId, SigningKey, VerifyingKey, base64_decode, base64_encode};

/// The most signature lines a note may carry.
pub const MAX_SIGNATURES: usize = 100;

/// Bytes that are no signed note, or a note that a key did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Longer than the reader takes.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The most bytes the reader takes.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// Not UTF-8 from this byte on.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// A control character other than a newline.
    #[error("byte {at} is the control character 0x{byte:02x}; only newlines are allowed")]
    ControlCharacter {
        /// Offset of the byte.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// No empty line with signature lines after it.
    #[error("expected text, an empty line and at least one signature line")]
    Unsigned,
    /// A signature line that does not follow `— <name> <base64>`.
    #[error("signature line {line}: {expected}")]
    BadSignatureLine {
        /// Number of the line, counted from 1 at the first signature line.
        line: usize,
        /// What the line should have been.
        expected: &'static str,
    },
    /// No line by that key.
    #[error("no signature by {name}")]
    NoSignatureBy {
        /// The key's name.
        name: String,
    },
    /// A line by that key that does not verify.
    #[error("the signature by {name} is not good")]
    BadSignature {
        /// The key's name.
        name: String,
    },
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    key_id: KeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    /// The key name on the line. It may be any key's, so it need not follow this project's grammar.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The key id on the line.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }
    /// The bytes after the key id. 64 for Ed25519, other lengths for other types.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
    /// Makes a line.
    pub fn new(name: &str, key_id: KeyId, signature: &[u8]) -> Self {
        Self { name: name.to_owned(), key_id, signature: signature.to_owned() }
    }

    fn parse(line: &str) -> Result<Self, &'static str> {
        let rest = line.strip_prefix("\u{2014} ").ok_or("expected an em dash (U+2014) and a space")?;
        let (name, base64) = rest.split_once(' ').ok_or("expected a key name, a space and base64")?;
        if name.is_empty() || name.contains('+') || name.chars().any(char::is_whitespace) {
            return Err("expected a key name without spaces or plus signs");
        }
        let bytes = base64_decode(base64).ok_or("expected padded, canonical base64")?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: KeyId(*id), signature: signature.to_owned() })
            }
            _ => Err("expected a key id of 4 bytes and a signature"),
        }
    }

    fn print(&self, out: &mut String) {
        let mut bytes = self.key_id.0.to_vec();
        bytes.extend_from_slice(&self.signature);
        out.push_str("\u{2014} ");
        out.push_str(&self.name);
        out.push(' ');
        out.push_str(&base64_encode(&bytes));
        out.push('\n');
    }
}

/// The line as it stands in a note, with its newline.
impl std::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.print(&mut text);
        f.write_str(&text)
    }
}

/// A note of good shape. Its signatures are not checked here: [`VerifyingKey::verify_note`] does that, for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    raw: String,
    text_len: usize,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Reads a note of at most `limit` bytes.
    ///
    /// # Errors
    /// [`NoteError`]: the first fault, in the order of its variants.
    pub fn parse(bytes: &[u8], limit: usize) -> Result<Self, NoteError> {
        if bytes.len() > limit {
            return Err(NoteError::TooLong { limit, found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| NoteError::NotUtf8 { at: e.valid_up_to() })?;
        let is_control = |b: &u8| *b < 0x20 && *b != b'\n';
        // A fold without an early end lets the machine look at many bytes at once.
        if bytes.iter().fold(false, |found, b| found | is_control(b))
            && let Some(at) = bytes.iter().position(is_control)
        {
            return Err(NoteError::ControlCharacter { at, byte: bytes[at] });
        }
        let split = text.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (body, block) = (&text[..=split], &text[split + 2..]);
        if block.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let bad = |line, expected| NoteError::BadSignatureLine { line, expected };
        let lines = block.split_terminator('\n').count();
        if !block.ends_with('\n') {
            return Err(bad(lines, "expected a newline at the end"));
        }
        if lines > MAX_SIGNATURES {
            return Err(bad(MAX_SIGNATURES + 1, "expected at most 100 signature lines"));
        }
        let signatures = block
            .split_terminator('\n')
            .enumerate()
            .map(|(i, line)| SignatureLine::parse(line).map_err(|e| bad(i + 1, e)))
            .collect::<Result<_, _>>()?;
        Ok(Self { text_len: body.len(), signatures, raw: text.to_owned() })
    }

    /// Signs text, which must be one or more lines, each ended by a newline.
    ///
    /// # Errors
    /// [`NoteError`] if a note can't hold the text.
    pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<Self, NoteError> {
        let signatures: Vec<_> = keys
            .iter()
            .map(|k| {
                let public = k.verifying_key();
                SignatureLine::new(public.name().as_str(), public.id(), &k.sign(text.as_bytes()))
            })
            .collect();
        Self::assemble(text, &signatures)
    }

    /// Puts text and signature lines together. The lines are not verified.
    ///
    /// # Errors
    /// [`NoteError`] if the result is no note.
    pub fn assemble(text: &str, signatures: &[SignatureLine]) -> Result<Self, NoteError> {
        let mut raw = String::with_capacity(text.len() + 1 + 160 * signatures.len());
        raw.push_str(text);
        raw.push('\n');
        for line in signatures {
            line.print(&mut raw);
        }
        let note = Self::parse(raw.as_bytes(), usize::MAX)?;
        if note.text() == text { Ok(note) } else { Err(NoteError::Unsigned) }
    }

    /// The text that is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.raw[..self.text_len]
    }
    /// The signature lines, in order.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }
    /// The whole note, byte for byte as it was read.
    pub fn as_str(&self) -> &str {
        &self.raw
    }
    /// The whole note as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.raw.as_bytes()
    }
    /// The same note with more signature lines below.
    ///
    /// # Errors
    /// [`NoteError`] if there are then too many.
    pub fn with_signatures(&self, more: &[SignatureLine]) -> Result<Self, NoteError> {
        let mut all = self.signatures.clone();
        all.extend_from_slice(more);
        Self::assemble(self.text(), &all)
    }
}

impl VerifyingKey {
    /// Checks that a line of the note is this key's and good. Lines of other keys are ignored, as
    /// signed-note asks of readers.
    ///
    /// # Errors
    /// [`NoteError::NoSignatureBy`] if no line bears this key's name and id, [`NoteError::BadSignature`] if
    /// one does and fails.
    pub fn verify_note(&self, note: &SignedNote) -> Result<(), NoteError> {
        let mut seen = false;
        for line in note.signatures() {
            if line.name() != self.name().as_str() || line.key_id() != self.id() {
                continue;
            }
            seen = true;
            if let Ok(signature) = line.signature().try_into()
                && self.verify(note.text().as_bytes(), signature)
            {
                return Ok(());
            }
        }
        let name = self.name().to_string();
        Err(if seen { NoteError::BadSignature { name } } else { NoteError::NoSignatureBy { name } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("a.example".parse().unwrap(), &[1; 32])
    }

    #[test]
    fn a_note_parses_to_what_it_prints() {
        let note = SignedNote::sign("one\n\ntwo\n", &[&key()]).unwrap();
        let back = SignedNote::parse(note.as_bytes(), 4096).unwrap();
        assert_eq!(back, note);
        assert_eq!(back.text(), "one\n\ntwo\n");
        assert_eq!(key().verifying_key().verify_note(&back), Ok(()));
    }

    #[test]
    fn lines_of_unknown_keys_and_types_are_ignored() {
        let note = SignedNote::sign("one\n", &[&key()]).unwrap();
        let long = SignatureLine::new("w.example", KeyId([6, 0, 0, 0]), &[0x5a; 2_428]);
        let more = note.with_signatures(&[long]).unwrap();
        assert_eq!(key().verifying_key().verify_note(&more), Ok(()));
    }

    #[test]
    fn text_that_no_note_can_hold_is_not_signed() {
        for text in ["", "no newline", "tab\t\n"] {
            assert!(SignedNote::sign(text, &[&key()]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_faulty_line_is_named() {
        let fault = |note: &str| SignedNote::parse(note.as_bytes(), 4096).unwrap_err();
        assert_eq!(fault("a\n"), NoteError::Unsigned);
        assert_eq!(fault("a\n\n"), NoteError::Unsigned);
        assert!(matches!(fault("a\n\n- x AAAAAAA=\n"), NoteError::BadSignatureLine { line: 1, .. }));
        assert!(matches!(fault("a\n\n\u{2014} x AAAAAAA="), NoteError::BadSignatureLine { line: 1, .. }));
        assert!(matches!(fault("a\n\n\u{2014} x AAAA\n"), NoteError::BadSignatureLine { line: 1, .. }));
        assert!(matches!(fault("a\n\n\u{2014} x+y AAAAAAA=\n"), NoteError::BadSignatureLine { line: 1, .. }));
        assert_eq!(fault("a\x07\n"), NoteError::ControlCharacter { at: 1, byte: 7 });
    }
}
