//! A log's request to a witness, and the answer (`c2sp.org/tlog-witness`, "add-checkpoint"). The request is:
//!
//! ```text
//! old <size>
//! <hash in base64>             (at most 63: a consistency proof from the old size)
//!                              <- empty line
//! <checkpoint, byte for byte>
//! ```

use std::fmt;

use super::{Cosignature, CosignatureError, Hash, MAX_CHECKPOINT, MAX_PATH, WitnessKey, parse_decimal};
use crate::note::{NoteError, SignedNote};

/// The longest request a witness reads, in bytes: an old size of 20 digits, [`MAX_PATH`] hashes, the longest checkpoint.
pub const MAX_ADD_CHECKPOINT: usize = 25 + MAX_PATH * 45 + 1 + MAX_CHECKPOINT;
/// The longest answer a log reads, in bytes: signature lines, which have room below a checkpoint.
pub const MAX_COSIGNATURES: usize = MAX_CHECKPOINT;
/// The media type of an answer that is a tree size.
pub const TLOG_SIZE: &str = "text/x.tlog.size";

/// Bytes that are no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddCheckpointError {
    /// Longer than [`MAX_ADD_CHECKPOINT`].
    #[error("expected at most {MAX_ADD_CHECKPOINT} bytes, found {found}")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// Not UTF-8 from this byte on.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// No old size line, or one that is not canonical.
    #[error("line 1: expected \"old <size>\", without leading zeros")]
    Old,
    /// A proof line that is no hash.
    #[error("hash {number} of the proof: expected 32 bytes in padded base64")]
    Hash {
        /// Number of the hash, from 1.
        number: usize,
    },
    /// More hashes than [`MAX_PATH`].
    #[error("expected a proof of at most {MAX_PATH} hashes")]
    ProofTooLong,
    /// No empty line after the proof.
    #[error("expected an empty line and a checkpoint after the proof")]
    NoCheckpoint,
    /// What follows is no signed note.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
}

/// A request of good shape. The witness must still check whose checkpoint it is and whether the proof proves anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    checkpoint: SignedNote,
}

impl AddCheckpoint {
    /// Puts a request together. Nothing is verified.
    ///
    /// # Errors
    /// [`AddCheckpointError`] if a witness would refuse its shape.
    pub fn new(old: u64, proof: Vec<Hash>, checkpoint: SignedNote) -> Result<Self, AddCheckpointError> {
        if proof.len() > MAX_PATH {
            return Err(AddCheckpointError::ProofTooLong);
        }
        let found = checkpoint.as_bytes().len();
        if found > MAX_CHECKPOINT {
            return Err(NoteError::TooLong { limit: MAX_CHECKPOINT, found }.into());
        }
        Ok(Self { old, proof, checkpoint })
    }

    /// The size of the checkpoint that the witness cosigned last, as far as the log knows; 0 for none.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The consistency proof from that size (RFC 6962, section 2.1.2).
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The note to be cosigned. Not yet verified, nor known to be a checkpoint.
    pub fn checkpoint(&self) -> &SignedNote {
        &self.checkpoint
    }

    /// The first line of the checkpoint: the log that it says it is of.
    pub fn origin(&self) -> &str {
        self.checkpoint.text().lines().next().unwrap_or_default()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`AddCheckpointError`]: the first fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, AddCheckpointError> {
        use AddCheckpointError as E;
        if bytes.len() > MAX_ADD_CHECKPOINT {
            return Err(E::TooLong { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| E::NotUtf8 { at: e.valid_up_to() })?;
        let (line, mut rest) = text.split_once('\n').ok_or(E::Old)?;
        let old = line.strip_prefix("old ").and_then(parse_decimal).ok_or(E::Old)?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(E::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PATH {
                return Err(E::ProofTooLong);
            }
            proof.push(Hash::from_base64(line).ok_or(E::Hash { number: proof.len() + 1 })?);
        }
        let checkpoint = SignedNote::parse(rest.as_bytes(), MAX_CHECKPOINT)?;
        Ok(Self { old, proof, checkpoint })
    }
}

/// The text of the request.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint.as_str())
    }
}

/// Why an answer with status 200 holds no good cosignature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not signature lines.
    #[error("expected signature lines: {0}")]
    Lines(NoteError),
    /// No good line by the witness that was asked.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// A cosignature without a time.
    #[error("expected a cosignature with a time, found 0")]
    NoTime,
}

/// Finds the cosignature of `witness` among the signature lines of its answer. Lines of other keys and of other types are
/// ignored.
///
/// # Errors
/// [`AnswerError`] if there is none that is good.
pub fn read_cosignature(
    checkpoint: &SignedNote,
    answer: &[u8],
    witness: &WitnessKey,
) -> Result<Cosignature, AnswerError> {
    // As the spec has it: put below the checkpoint's text, the answer makes a note.
    let note = [checkpoint.text().as_bytes(), b"\n", answer].concat();
    let limit = checkpoint.text().len() + 1 + MAX_COSIGNATURES;
    let note = SignedNote::parse(&note, limit).map_err(AnswerError::Lines)?;
    if note.text() != checkpoint.text() {
        // With an empty line in the answer, the lines below it would sign another text.
        return Err(AnswerError::Lines(NoteError::Unsigned));
    }
    let found = witness.find(&note)?;
    if found.time() == 0 { Err(AnswerError::NoTime) } else { Ok(found) }
}

/// The tree size that an answer with status 409 names, if it names one.
pub fn read_size(answer: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(answer).ok()?;
    parse_decimal(text.strip_suffix('\n').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        log::{Checkpoint, CosigningKey, MemoryTree, consistency_path, leaf_hash},
        note::{KeyId, SignatureLine, SigningKey},
    };

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32])
    }

    fn note(size: u64) -> (SignedNote, MemoryTree) {
        let tree: MemoryTree = (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let checkpoint = Checkpoint::new("log.example".parse().unwrap(), size, tree.root()).unwrap();
        (checkpoint.sign(&key()).unwrap().note().clone(), tree)
    }

    fn request(old: u64, size: u64) -> AddCheckpoint {
        let (note, tree) = note(size);
        AddCheckpoint::new(old, consistency_path(old, size, &tree).unwrap(), note).unwrap()
    }

    fn witness() -> CosigningKey {
        CosigningKey::new(SigningKey::from_seed("w.example".parse().unwrap(), &[6; 32]))
    }

    #[test]
    fn the_example_of_the_spec_is_read() {
        let text = "old 20852014\n\
            PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
            jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
            5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
            /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
            \n\
            example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
            \n\
            \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            \u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
        let read = AddCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!((read.old(), read.proof().len()), (20_852_014, 4));
        assert_eq!(read.origin(), "example.com/behind-the-sofa");
        assert_eq!(read.checkpoint().signatures().len(), 2);
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn a_faulty_line_is_named() {
        use AddCheckpointError as E;
        let good = request(3, 7).to_string();
        let fault = |from: &str, to: &str| {
            assert!(good.contains(from), "{from:?}");
            AddCheckpoint::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        for bad in [
            "old 03",
            "old +3",
            "old",
            "old ",
            "old 3 ",
            "old  3",
            "Old 3",
            "old 3\r",
            "old 18446744073709551616",
        ] {
            assert_eq!(fault("old 3", bad), E::Old, "{bad:?}");
        }
        assert_eq!(fault("old 3\n", "old 3\nAAAA\n"), E::Hash { number: 1 });
        assert_eq!(fault("=\n", "\n"), E::Hash { number: 1 });
        assert!(matches!(fault("\n\n", "\n"), E::Hash { .. }));
        let cut = |text: &str| AddCheckpoint::parse(text.as_bytes()).unwrap_err();
        assert_eq!(cut(""), E::Old);
        assert_eq!(cut("old 3"), E::Old);
        assert_eq!(cut("old 3\n"), E::NoCheckpoint);
        assert_eq!(cut("old 3\n\n"), E::Note(NoteError::Unsigned));
        assert_eq!(cut(good.trim_end()), cut_note(&good));
        assert_eq!(AddCheckpoint::parse(b"\xff"), Err(E::NotUtf8 { at: 0 }));
    }

    /// The fault of a checkpoint without its last newline.
    fn cut_note(good: &str) -> AddCheckpointError {
        let (_, note) = good.split_once("\n\n").unwrap();
        SignedNote::parse(note.trim_end().as_bytes(), MAX_CHECKPOINT).unwrap_err().into()
    }

    #[test]
    fn a_request_beyond_the_limits_is_refused() {
        use AddCheckpointError as E;
        let (note, _) = note(7);
        let proof = |n| vec![Hash([0; 32]); n];
        let text = AddCheckpoint::new(u64::MAX, proof(63), note.clone()).unwrap().to_string();
        assert!(AddCheckpoint::parse(text.as_bytes()).is_ok());
        let over = text.replacen("\n\n", &format!("\n{}\n\n", Hash([0; 32]).to_base64()), 1);
        assert_eq!(AddCheckpoint::parse(over.as_bytes()), Err(E::ProofTooLong));
        assert_eq!(AddCheckpoint::new(3, proof(64), note.clone()), Err(E::ProofTooLong));
        let bytes = vec![b'a'; MAX_ADD_CHECKPOINT + 1];
        assert_eq!(AddCheckpoint::parse(&bytes), Err(E::TooLong { found: MAX_ADD_CHECKPOINT + 1 }));
        let long = SignatureLine::new("w.example", KeyId([6; 4]), &vec![0; 48_000]);
        let long = note.with_signatures(&[long]).unwrap();
        let most = AddCheckpoint::new(u64::MAX, proof(63), long).unwrap().to_string();
        assert!(most.len() <= MAX_ADD_CHECKPOINT && AddCheckpoint::parse(most.as_bytes()).is_ok());
    }

    #[test]
    fn of_an_answer_only_the_line_of_the_witness_that_was_asked_counts() {
        let (note, _) = note(7);
        let checkpoint = Checkpoint::open(note.as_bytes(), key().verifying_key()).unwrap();
        let own = witness().cosign(checkpoint.checkpoint(), 9).unwrap();
        let other = CosigningKey::new(SigningKey::from_seed("v.example".parse().unwrap(), &[7; 32]));
        let other_line = other.cosign(checkpoint.checkpoint(), 9).unwrap();
        // ML-DSA-44: 8 bytes of time, 2,420 of signature.
        let post_quantum = SignatureLine::new("w.example", KeyId([6; 4]), &vec![0x5a; 2_428]);
        let answer = format!("{post_quantum}{other_line}{own}");
        let read = |answer: &[u8]| read_cosignature(&note, answer, &witness().witness_key());
        let found = read(answer.as_bytes()).unwrap();
        assert_eq!((found.time(), found.line()), (9, &own));
        assert!(matches!(
            read(other_line.to_string().as_bytes()),
            Err(AnswerError::Cosignature(CosignatureError::NoneBy { .. }))
        ));
        let mut bad = own.signature().to_vec();
        bad[30] ^= 1;
        let bad = SignatureLine::new(own.name(), own.key_id(), &bad).to_string();
        assert!(matches!(read(bad.as_bytes()), Err(AnswerError::Cosignature(CosignatureError::Bad { .. }))));
        let timeless = witness().cosign(checkpoint.checkpoint(), 0).unwrap().to_string();
        assert_eq!(read(timeless.as_bytes()), Err(AnswerError::NoTime));
        for bad in [&b""[..], b"\n", b"ok\n", b"\xff", answer.trim_end().as_bytes(), b"<html>"] {
            assert!(matches!(read(bad), Err(AnswerError::Lines(_))), "{bad:?}");
        }
        // An answer that would make another text of what was signed.
        let (_, tree) = super::tests::note(8);
        let forged = Checkpoint::new("log.example".parse().unwrap(), 8, tree.root()).unwrap();
        let forged = forged.sign(&key()).unwrap();
        assert!(matches!(read(format!("x\n\n{own}").as_bytes()), Err(AnswerError::Lines(_))));
        assert!(read(forged.note().as_bytes()).is_err());
        assert!(matches!(read(&vec![b'a'; MAX_COSIGNATURES + 1]), Err(AnswerError::Lines(_))));
    }

    #[test]
    fn a_size_is_read_with_or_without_its_newline() {
        assert_eq!(read_size(b"20852014\n"), Some(20_852_014));
        assert_eq!(read_size(b"0"), Some(0));
        for bad in [
            &b""[..],
            b"\n",
            b"07\n",
            b"7\n\n",
            b" 7\n",
            b"seven\n",
            b"-7\n",
            b"\xff",
            b"99999999999999999999\n",
        ] {
            assert_eq!(read_size(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_request_parses_to_what_it_prints(size in 1..80u64, at: prop::sample::Index) {
            let old = at.index(size as usize + 1) as u64;
            let request = request(old, size);
            prop_assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()), Ok(request));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at: prop::sample::Index) {
            let _ = AddCheckpoint::parse(&bytes);
            let _ = read_size(&bytes);
            let _ = read_cosignature(request(3, 7).checkpoint(), &bytes, &witness().witness_key());
            let mut good = request(3, 7).to_string().into_bytes();
            let at = at.index(good.len());
            good.splice(at..at, bytes);
            let _ = AddCheckpoint::parse(&good);
        }
    }
}
