//! Checkpoints (`c2sp.org/tlog-checkpoint`; formats.md, section 6).
//!
//! ```text
//! <origin>
//! <size>
//! <root hash in base64>
//! ```

use super::{Hash, parse_decimal};
use crate::note::{NameError, NoteError, Origin, SignatureLine, SignedNote, SigningKey, VerifyingKey};

/// The longest checkpoint a reader takes, signatures included, in bytes (formats.md, section 6).
pub const MAX_CHECKPOINT: usize = 65_536;
/// The most entries a log has: the largest number of formats.md, section 2.
pub const MAX_SIZE: u64 = (1 << 53) - 1;

/// Why a note is not a checkpoint of the log that it should be of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not a note, or not signed by the key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not three lines. Extension lines are allowed by the spec and refused here.
    #[error("expected exactly three lines: origin, size, root hash")]
    Lines,
    /// The first line is no origin.
    #[error("line 1: {0}")]
    Origin(#[from] NameError),
    /// The second line is no size.
    #[error("line 2: expected a number from 0 to {MAX_SIZE} without leading zeros")]
    Size,
    /// The third line is no hash.
    #[error("line 3: expected 32 bytes in padded base64")]
    Root,
    /// Size 0 with another root than the empty tree's.
    #[error("line 3: a tree without entries has the root hash of the empty tree")]
    EmptyRoot,
    /// The key is another log's: its name is not the origin.
    #[error("the key is named {key}, the origin is {origin}")]
    WrongOrigin {
        /// The key's name.
        key: String,
        /// The origin in the checkpoint.
        origin: String,
    },
}

/// What a log says of itself at one moment: its origin, its size in entries, its root hash. It does not say that the log
/// signed this: a [`SignedCheckpoint`] does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: Origin,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// Makes a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Size`] above [`MAX_SIZE`], [`CheckpointError::EmptyRoot`] if a tree without entries
    /// is said to have another root than [`Hash::EMPTY_ROOT`].
    pub fn new(origin: Origin, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if size > MAX_SIZE {
            return Err(CheckpointError::Size);
        }
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self { origin, size, root })
    }

    /// The log's origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How many entries the log has, at most [`MAX_SIZE`].
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash of the tree of these entries.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// Reads the text, without signatures.
    ///
    /// # Errors
    /// [`CheckpointError`]: the first line at fault.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<_> = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n').collect();
        let [origin, size, root] = lines[..] else { return Err(CheckpointError::Lines) };
        let origin = origin.parse()?;
        let size = parse_decimal(size).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root).ok_or(CheckpointError::Root)?;
        Self::new(origin, size, root)
    }

    /// Signs with the log's key. The caller must have made the entries durable before (formats.md, section 6).
    ///
    /// # Errors
    /// [`CheckpointError::WrongOrigin`] if the key's name is not the origin.
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointError> {
        self.check_key(key.verifying_key())?;
        let note = SignedNote::sign(&self.text(), &[key])?;
        Ok(SignedCheckpoint { checkpoint: self, note })
    }

    /// Reads a checkpoint as it is served and checks that the log signed it. Lines of other keys (witnesses,
    /// other algorithms) are ignored here.
    ///
    /// # Errors
    /// [`CheckpointError`]. The text is looked at only once the signature is good.
    pub fn open(note: &[u8], key: &VerifyingKey) -> Result<SignedCheckpoint, CheckpointError> {
        Self::open_note(SignedNote::parse(note, MAX_CHECKPOINT)?, key)
    }

    /// As [`open`](Self::open), for a note that was parsed already.
    pub fn open_note(note: SignedNote, key: &VerifyingKey) -> Result<SignedCheckpoint, CheckpointError> {
        key.verify_note(&note)?;
        let checkpoint = Self::parse_text(note.text())?;
        checkpoint.check_key(key)?;
        Ok(SignedCheckpoint { checkpoint, note })
    }

    fn check_key(&self, key: &VerifyingKey) -> Result<(), CheckpointError> {
        let (key, origin) = (key.name().as_str(), self.origin.as_str());
        if key == origin {
            return Ok(());
        }
        Err(CheckpointError::WrongOrigin { key: key.to_owned(), origin: origin.to_owned() })
    }
}

/// A checkpoint that the log's key is known to have signed. Only [`Checkpoint::sign`], [`Checkpoint::open`] and
/// [`Checkpoint::open_note`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    /// What was signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The whole note, with lines of other keys too, which nobody has checked.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The same checkpoint with more signature lines below, such as cosignatures. These are not checked.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] if there are then too many lines or bytes for a reader.
    pub fn with_signatures(&self, more: &[SignatureLine]) -> Result<Self, CheckpointError> {
        let note = self.note.with_signatures(more)?;
        if note.as_bytes().len() > MAX_CHECKPOINT {
            let found = note.as_bytes().len();
            return Err(NoteError::TooLong { limit: MAX_CHECKPOINT, found }.into());
        }
        Ok(Self { checkpoint: self.checkpoint.clone(), note })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{log::leaf_hash, note::KeyId};

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(name.parse().unwrap(), &[5; 32])
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint::new("log.example".parse().unwrap(), 7, leaf_hash(b"")).unwrap()
    }

    #[test]
    fn a_checkpoint_is_exactly_three_lines() {
        let good = checkpoint().text();
        assert_eq!(Checkpoint::parse_text(&good), Ok(checkpoint()));
        let root = checkpoint().root().to_base64();
        for (bad, error) in [
            (String::new(), CheckpointError::Lines),
            (good.trim_end().to_owned(), CheckpointError::Lines),
            (format!("{good}extension\n"), CheckpointError::Lines),
            (format!("{good}\n"), CheckpointError::Lines),
            (format!("\n{good}"), CheckpointError::Lines),
            (format!("log.example\n7\n{}\n", &root[1..]), CheckpointError::Root),
            (format!("log.example\n7\n {root}\n"), CheckpointError::Root),
            (format!("log.example\n7\n{root}\r\n"), CheckpointError::Root),
            (format!("localhost\n7\n{root}\n"), CheckpointError::Origin(NameError::NoDot)),
            (format!("Log.example\n7\n{root}\n"), CheckpointError::Origin(NameError::Grammar)),
            (format!("log.example\n0\n{root}\n"), CheckpointError::EmptyRoot),
        ] {
            assert_eq!(Checkpoint::parse_text(&bad), Err(error), "{bad:?}");
        }
        for size in ["", "07", "+7", "-7", "7 ", "7.0", "9007199254740992", "18446744073709551616"] {
            let text = format!("log.example\n{size}\n{root}\n");
            assert_eq!(Checkpoint::parse_text(&text), Err(CheckpointError::Size), "{size:?}");
        }
        assert!(Checkpoint::parse_text(&format!("log.example\n9007199254740991\n{root}\n")).is_ok());
        let empty = Hash::EMPTY_ROOT.to_base64();
        assert!(Checkpoint::parse_text(&format!("log.example\n0\n{empty}\n")).is_ok());
    }

    #[test]
    fn a_checkpoint_is_opened_by_the_key_named_for_its_origin() {
        let key = key("log.example");
        let signed = checkpoint().sign(&key).unwrap();
        let bytes = signed.note().as_bytes();
        assert_eq!(Checkpoint::open(bytes, key.verifying_key()), Ok(signed.clone()));

        let other = SigningKey::from_seed("log.example".parse().unwrap(), &[6; 32]);
        assert!(matches!(
            Checkpoint::open(bytes, other.verifying_key()),
            Err(CheckpointError::Note(NoteError::NoSignatureBy { .. }))
        ));
    }

    #[test]
    fn a_key_of_another_name_neither_signs_nor_opens() {
        let other = key("other.example");
        assert!(matches!(checkpoint().sign(&other), Err(CheckpointError::WrongOrigin { .. })));
        let note = SignedNote::sign(&checkpoint().text(), &[&other]).unwrap();
        assert!(matches!(
            Checkpoint::open(note.as_bytes(), other.verifying_key()),
            Err(CheckpointError::WrongOrigin { .. })
        ));
    }

    #[test]
    fn a_signed_text_that_is_no_checkpoint_is_refused() {
        let key = key("log.example");
        let note = SignedNote::sign(&format!("{}extension\n", checkpoint().text()), &[&key]).unwrap();
        assert_eq!(Checkpoint::open(note.as_bytes(), key.verifying_key()), Err(CheckpointError::Lines));
    }

    #[test]
    fn lines_of_other_keys_are_ignored_up_to_64_kib() {
        let key = key("log.example");
        let signed = checkpoint().sign(&key).unwrap();
        let line = |length| SignatureLine::new("w.example", KeyId([6; 4]), &vec![0x5a; length]);
        let many = signed.with_signatures(&[line(2_428), line(72)]).unwrap();
        let open = |note: &SignedNote| Checkpoint::open(note.as_bytes(), key.verifying_key());
        assert_eq!(open(many.note()), Ok(many.clone()));

        let long = [line(48_000), line(1_000)];
        assert!(signed.with_signatures(&long[..1]).is_ok());
        let error = signed.with_signatures(&long).unwrap_err();
        assert!(matches!(error, CheckpointError::Note(NoteError::TooLong { .. })));
        assert_eq!(open(&signed.note().with_signatures(&long).unwrap()), Err(error));
    }

    proptest! {
        #[test]
        fn a_checkpoint_reads_back(
            origin in "[a-z0-9-]{1,20}\\.[a-z0-9-]{1,9}(/[a-z0-9._-]{1,9}){0,2}", size in 1..=MAX_SIZE, root: [u8; 32],
        ) {
            let checkpoint = Checkpoint::new(origin.parse().unwrap(), size, Hash(root)).unwrap();
            prop_assert_eq!(Checkpoint::parse_text(&checkpoint.text()), Ok(checkpoint));
        }

        #[test]
        fn no_signed_checkpoint_survives_a_changed_text(at: prop::sample::Index, byte: u8) {
            let key = key("log.example");
            let signed = checkpoint().sign(&key).unwrap();
            let mut bytes = signed.note().as_bytes().to_vec();
            let at = at.index(signed.note().text().len());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            prop_assert!(Checkpoint::open(&bytes, key.verifying_key()).is_err());
        }
    }
}
