//! What kind a file is, by how it begins.

use crate::exhibit::is_zip;

/// The kind of a file that `verify` was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An exhibit or a case file.
    Zip,
    /// The proof of an entry (`c2sp.org/tlog-proof`): a receipt, with its entry.
    Proof,
    /// An entry.
    Entry,
    /// JSON: perhaps the proof of a lie.
    Json,
    /// Nothing that can be checked. Holds what it is, in words.
    Other(&'static str),
}

/// Files that prove nothing: what each is called, and the bytes that it has at an offset.
const OTHERS: [(&str, usize, &[u8]); 21] = [
    ("a PDF", 0, b"%PDF-"),
    ("a picture", 0, b"\x89PNG\r\n"),
    ("a picture", 0, b"\xff\xd8\xff"),
    ("a picture", 0, b"GIF8"),
    ("a picture", 0, b"II*\0"),
    ("a picture", 0, b"MM\0*"),
    ("a picture", 8, b"WEBP"),
    ("a picture", 4, b"ftypheic"),
    ("a picture", 4, b"ftypmif1"),
    ("a picture", 4, b"ftypavif"),
    ("a picture", 0, b"<svg"),
    ("a film", 4, b"ftyp"),
    ("a film", 0, b"\x1aE\xdf\xa3"),
    ("a recording", 0, b"ID3"),
    ("a recording", 0, b"OggS"),
    ("a recording", 8, b"WAVE"),
    ("a document", 0, b"\xd0\xcf\x11\xe0"),
    ("a document", 0, b"{\\rtf"),
    ("an archive of another kind than exhibits are", 0, b"Rar!"),
    ("an archive of another kind than exhibits are", 0, b"7z\xbc\xaf"),
    ("an archive of another kind than exhibits are", 0, b"\x1f\x8b"),
];

impl Kind {
    pub fn of(bytes: &[u8]) -> Self {
        let begins =
            |(_, at, text): &&(&str, usize, &[u8])| bytes.get(*at..).is_some_and(|b| b.starts_with(text));
        if is_zip(bytes) {
            Self::Zip
        } else if bytes.starts_with(b"c2sp.org/tlog-proof@") {
            Self::Proof
        } else if bytes.starts_with(b"onrecord/entry/v1\n") || bytes.starts_with(b"onrecord/entry/v1\r\n") {
            Self::Entry
        } else if let Some((what, ..)) = OTHERS.iter().find(begins) {
            Self::Other(what)
        } else if bytes.starts_with(b"{") {
            Self::Json
        } else {
            Self::Other(if bytes.is_empty() { "an empty file" } else { "something else" })
        }
    }
}
