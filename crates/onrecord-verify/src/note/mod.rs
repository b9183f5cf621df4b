//! C2SP signed notes and the keys that sign them. Pure: no I/O, no clock.
//!
//! A [`SignedNote`] is text, an empty line, and signature lines (`c2sp.org/signed-note`).
//! Parsing checks the shape; [`VerifyingKey::verify`] checks one signature, strictly.
//!
//! ```
//! use onrecord_verify::note::{SignedNote, SigningKey};
//! let key = SigningKey::from_seed("ledger.example.org".parse()?, &[7; 32]);
//! let note = SignedNote::sign("hello\n", &[&key])?;
//! let read = SignedNote::parse(note.as_bytes(), 1024)?;
//! assert!(key.verifying_key().verify_note(&read).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base64;
mod key;
mod key_id;
mod name;
mod signed_note;
mod strict;
mod vkey;

pub use base64::{decode as base64_decode, encode as base64_encode};
pub use key::{KeyError, SigningKey, VerifyingKey, holds_bare_secret};
pub use key_id::KeyId;
pub use name::{KeyName, NameError, Origin, is_key_name};
pub use signed_note::{NoteError, SignatureLine, SignedNote};
pub use strict::{Signed, is_torsion_free, verify_strict, verify_strict_each};
pub use vkey::Vkey;
