//! The keys and checkpoints of logs that a witness can cosign: any that `c2sp.org/tlog-checkpoint` and
//! `c2sp.org/signed-note` allow, which is more than this project's own logs.

use std::str::FromStr;

use crate::{
    log::{Hash, MAX_SIZE, parse_decimal},
    note::{
        KeyId, NoteError, SignatureLine, SignedNote, VerifyingKey, Vkey, base64_encode, is_key_name,
        verify_strict,
    },
};

/// Signature type of Ed25519 over a note's text (`c2sp.org/signed-note`).
const ED25519: u8 = 0x01;

/// A key of a log, and the origin of the checkpoints that it signs.
///
/// Its text is a vkey whose name is also the origin; or the origin, a space, and a vkey of another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    origin: String,
    name: String,
    id: KeyId,
    key: [u8; 32],
}

/// Why a text is not the key of a log that a witness can cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogKeyError {
    /// Not a vkey, with or without an origin.
    #[error("expected <name>+<key id>+<base64>, the origin and a space before it if it is not the name")]
    Shape,
    /// Not a key name that `c2sp.org/signed-note` allows.
    #[error("expected a key name without spaces, plus signs or control characters")]
    Name,
    /// An origin that can't be a line of a note.
    #[error("expected an origin without control characters")]
    Origin,
    /// The id is not that of the name and key.
    #[error("key id: expected {expected}, found {found}")]
    Id {
        /// The id that the name and key give.
        expected: KeyId,
        /// The id in the text.
        found: String,
    },
    /// Not an Ed25519 key of type 0x01. Keys of other types don't sign the whole text of a checkpoint, over which a cosignature
    /// of type 0x04 is made.
    #[error("expected type 0x01 and an Ed25519 key of 32 bytes in padded base64")]
    Type,
}

impl LogKey {
    /// The first line of its log's checkpoints.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The name on its signature lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key as a vkey.
    pub(super) fn vkey(&self) -> String {
        format!("{}+{}+{}", self.name, self.id, base64_encode(&[&[ED25519], &self.key[..]].concat()))
    }

    fn is_of(&self, line: &SignatureLine) -> bool {
        line.name() == self.name && line.key_id() == self.id
    }

    fn is_good(&self, line: &SignatureLine, text: &str) -> bool {
        line.signature().try_into().is_ok_and(|s| verify_strict(&self.key, text.as_bytes(), s))
    }
}

impl FromStr for LogKey {
    type Err = LogKeyError;

    fn from_str(text: &str) -> Result<Self, LogKeyError> {
        let (origin, vkey) = match text.rsplit_once(' ') {
            Some((origin, vkey)) => (Some(origin), vkey),
            None => (None, text),
        };
        let vkey = Vkey::split(vkey).ok_or(LogKeyError::Shape)?;
        let name = vkey.name;
        if !is_key_name(name) {
            return Err(LogKeyError::Name);
        }
        let origin = origin.unwrap_or(name);
        if origin.is_empty() || origin.contains(|c: char| c.is_ascii_control()) {
            return Err(LogKeyError::Origin);
        }
        let key: [u8; 32] = vkey.key(ED25519).ok_or(LogKeyError::Type)?;
        let id = KeyId::of(name, ED25519, &key);
        vkey.has(id).map_err(|found| LogKeyError::Id { expected: id, found })?;
        Ok(Self { origin: origin.to_owned(), name: name.to_owned(), id, key })
    }
}

impl From<&VerifyingKey> for LogKey {
    fn from(key: &VerifyingKey) -> Self {
        let name = key.name().to_string();
        Self { origin: name.clone(), name, id: key.id(), key: *key.as_bytes() }
    }
}

/// Why a note is not a checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoCheckpoint {
    /// Not signed by any of its keys, or a line by one of them is not good.
    #[error("signature: {0}")]
    Signature(NoteError),
    /// Its lines are not an origin, a size and a root, or one of its lines is empty.
    #[error("checkpoint: expected an origin, a size, a root hash, and no empty line")]
    Lines,
    /// Size 0 with another root than the empty tree's.
    #[error("checkpoint: a tree without entries has the root hash of the empty tree")]
    EmptyRoot,
}

/// A checkpoint that a log signed. Lines below the third are extensions of the log: they must not be empty, and have no meaning
/// here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogCheckpoint {
    pub size: u64,
    pub root: Hash,
    /// The note, with only the signature lines of the log's keys.
    pub note: SignedNote,
}

impl LogCheckpoint {
    /// Opens a checkpoint as a witness must: there is a signature line with the name and id of one of the log's keys, and every
    /// such line is good.
    pub fn open(note: &SignedNote, keys: &[LogKey]) -> Result<Self, NoCheckpoint> {
        let text = note.text();
        let mut own = Vec::new();
        for key in keys {
            let mut lines = note.signatures().iter().filter(|line| key.is_of(line)).peekable();
            own.extend(lines.peek().copied().cloned());
            if !lines.all(|line| key.is_good(line, text)) {
                let name = key.name.clone();
                return Err(NoCheckpoint::Signature(NoteError::BadSignature { name }));
            }
        }
        if own.is_empty() {
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            let name = names.join(" or ");
            return Err(NoCheckpoint::Signature(NoteError::NoSignatureBy { name }));
        }
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
        let [_, size, root, ..] = lines[..] else { return Err(NoCheckpoint::Lines) };
        let size = parse_decimal(size).filter(|size| *size <= MAX_SIZE).ok_or(NoCheckpoint::Lines)?;
        let root = Hash::from_base64(root).ok_or(NoCheckpoint::Lines)?;
        if lines.iter().any(|line| line.is_empty()) {
            return Err(NoCheckpoint::Lines);
        }
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(NoCheckpoint::EmptyRoot);
        }
        let note = SignedNote::assemble(text, &own).map_err(NoCheckpoint::Signature)?;
        Ok(Self { size, root, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::SigningKey;

    /// A vkey of the public half of a seed, under any name; and its key id.
    fn vkey(name: &str, of_type: u8, seed: u8) -> (String, KeyId) {
        let key = SigningKey::from_seed("x.example".parse().unwrap(), &[seed; 32]);
        let key = *key.verifying_key().as_bytes();
        let id = KeyId::of(name, of_type, &key);
        (format!("{name}+{id}+{}", base64_encode(&[&[of_type], &key[..]].concat())), id)
    }

    #[test]
    fn any_origin_and_key_name_of_the_specs_is_taken() {
        for (text, origin, name) in [
            ("Example.com/Log_A~1", "Example.com/Log_A~1", "Example.com/Log_A~1"),
            ("go.sum database tree sum.golang.org", "go.sum database tree", "sum.golang.org"),
            ("lög, of+all things k,y", "lög, of+all things", "k,y"),
        ] {
            let vkey = vkey(name, 1, 7).0;
            let read: LogKey = text.replacen(name, &vkey, 1).parse().unwrap();
            assert_eq!((read.origin(), read.name()), (origin, name));
        }
        let log = vkey("log.example", 1, 7).0;
        assert_eq!(vkey("log.example", 6, 7).0.parse::<LogKey>(), Err(LogKeyError::Type));
        assert_eq!(format!("a\tb {log}").parse::<LogKey>(), Err(LogKeyError::Origin));
        assert_eq!(format!(" {log}").parse::<LogKey>(), Err(LogKeyError::Origin));
        assert_eq!("log.example".parse::<LogKey>(), Err(LogKeyError::Shape));
        assert!(matches!(log.replacen("log", "lag", 1).parse::<LogKey>(), Err(LogKeyError::Id { .. })));
    }

    #[test]
    fn each_line_of_a_known_key_is_good_and_lines_below_the_third_are_taken() {
        let root = Hash::EMPTY_ROOT.to_base64();
        let text = format!("an origin\n0\n{root}\nmore\n");
        let line = |name: &str, seed: u8| {
            let key = SigningKey::from_seed("x.example".parse().unwrap(), &[seed; 32]);
            SignatureLine::new(name, vkey(name, 1, seed).1, &key.sign(text.as_bytes()))
        };
        let keys: Vec<LogKey> = [("Old", 1), ("New", 2)]
            .map(|(name, seed)| format!("an origin {}", vkey(name, 1, seed).0).parse().unwrap())
            .into();
        let open = |lines: &[SignatureLine]| {
            LogCheckpoint::open(&SignedNote::assemble(&text, lines).unwrap(), &keys)
        };
        let stranger = line("Other", 3);
        let one = open(&[stranger.clone(), line("New", 2)]).unwrap();
        assert_eq!((one.size, one.note.signatures().len()), (0, 1));
        let both = open(&[line("Old", 1), line("New", 2), line("New", 2), stranger.clone()]).unwrap();
        assert_eq!(both.note.signatures().len(), 2);
        let bad = SignatureLine::new("Old", vkey("Old", 1, 1).1, &[0; 64]);
        let refused = |lines: &[SignatureLine]| open(lines).unwrap_err();
        let name = || "Old".to_owned();
        assert_eq!(
            refused(&[line("New", 2), bad]),
            NoCheckpoint::Signature(NoteError::BadSignature { name: name() })
        );
        assert!(matches!(refused(&[stranger]), NoCheckpoint::Signature(NoteError::NoSignatureBy { .. })));
    }
}
