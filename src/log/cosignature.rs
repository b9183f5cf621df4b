//! Cosignatures: what witnesses put below a checkpoint (`c2sp.org/tlog-cosignature`, Ed25519, version 1).
//!
//! A line's signature is a time, 8 bytes, and 64 bytes of Ed25519 over
//!
//! ```text
//! cosignature/v1
//! time <seconds>
//! <the checkpoint's text>
//! ```

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use super::Checkpoint;
use crate::note::{
    KeyError, KeyId, SignatureLine, SignedNote, SigningKey, VerifyingKey, base64_decode, base64_encode,
    id_found, verify_strict,
};

const TYPE_COSIGNATURE_V1: u8 = 0x04;
/// The latest time a cosignature may bear, in seconds since 1970 (`c2sp.org/tlog-cosignature`, "Format").
pub const MAX_COSIGNATURE_TIME: u64 = i64::MAX as u64;

/// A text that is no witness key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessKeyError {
    /// Not `<name>+<8 hex digits>+<base64>`.
    #[error("expected <name>+<key id>+<base64>")]
    Shape,
    /// Not a name of `c2sp.org/signed-note`.
    #[error("expected a key name without spaces, plus signs or control characters")]
    Name,
    /// The id is not that of the name and key.
    #[error("key id: expected {expected}, found {found}")]
    Id {
        /// What the name and key give.
        expected: KeyId,
        /// What stands in the text.
        found: String,
    },
    /// Not an Ed25519 cosignature key, type 0x04, of 32 bytes.
    #[error("expected type 0x04 and an Ed25519 key of 32 bytes in padded base64")]
    Type,
}

/// A cosignature that was not made or is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// No line by that witness.
    #[error("no cosignature by {name}")]
    NoneBy {
        /// The witness key's name.
        name: String,
    },
    /// A line by that witness that does not verify.
    #[error("the cosignature by {name} is not good")]
    Bad {
        /// The witness key's name.
        name: String,
    },
    /// A time that no cosignature can bear.
    #[error("expected a time of at most 2^63-1 seconds, found {found}")]
    Time {
        /// The time, in seconds since 1970.
        found: u64,
    },
}

/// The key of a witness: a name and an Ed25519 public key; its text form is a vkey of type 0x04.
///
/// Witnesses are not this ledger's parties, so their names follow signed-note, not the narrower grammar of
/// formats.md, section 2.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WitnessKey {
    name: String,
    id: KeyId,
    key: [u8; 32],
}

/// Whether a text is a key name of `c2sp.org/signed-note`, which is wider than our own.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_ascii_control())
}

impl WitnessKey {
    /// Names a public key.
    ///
    /// # Errors
    /// [`WitnessKeyError::Name`] if no signature line can bear that name.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, WitnessKeyError> {
        if !is_key_name(name) {
            return Err(WitnessKeyError::Name);
        }
        Ok(Self { name: name.to_owned(), id: KeyId::of(name, TYPE_COSIGNATURE_V1, &key), key })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id, which is not that of the same key as one of type 0x01.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the public key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Checks that this witness cosigned the checkpoint and gives the time it did so, in seconds since 1970;
    /// the latest, should there be several. Lines of other keys are ignored. That the note's text is a
    /// checkpoint, and which log's, is not asked here; nor is what time it is now.
    ///
    /// # Errors
    /// [`CosignatureError::NoneBy`] if no line bears this key's name and id, [`CosignatureError::Bad`] if
    /// some do and none is good.
    pub fn verify(&self, note: &SignedNote) -> Result<u64, CosignatureError> {
        self.find(note).map(|found| found.time)
    }

    /// As [`verify`](Self::verify), and gives the line.
    ///
    /// # Errors
    /// The same.
    pub fn find(&self, note: &SignedNote) -> Result<Cosignature, CosignatureError> {
        let own: Vec<&SignatureLine> = note.signatures().iter().filter(|line| self.is_of(line)).collect();
        let good =
            own.iter().filter_map(|line| Some((self.verify_line(note.text(), line.signature())?, *line)));
        let name = self.name.clone();
        match good.max_by_key(|(time, _)| *time) {
            Some((time, line)) => Ok(Cosignature { time, line: line.clone() }),
            None if own.is_empty() => Err(CosignatureError::NoneBy { name }),
            None => Err(CosignatureError::Bad { name }),
        }
    }

    /// Whether a line bears this key's name and id. Nothing is said of its signature.
    pub fn is_of(&self, line: &SignatureLine) -> bool {
        line.name() == self.name && line.key_id() == self.id
    }

    fn verify_line(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (time, signature) = signature.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        let good = time <= MAX_COSIGNATURE_TIME
            && verify_strict(&self.key, message(time, text).as_bytes(), signature.try_into().ok()?);
        good.then_some(time)
    }
}

/// A witness's good cosignature on a checkpoint. It comes out of [`WitnessKey::find`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    time: u64,
    line: SignatureLine,
}

impl Cosignature {
    /// When it was made, in seconds since 1970, as the witness says.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The line to put below the checkpoint.
    pub fn line(&self) -> &SignatureLine {
        &self.line
    }
}

/// The witness key that uses the same name and public key as this one. Its id differs.
impl From<&VerifyingKey> for WitnessKey {
    fn from(key: &VerifyingKey) -> Self {
        let (name, key) = (key.name().as_str(), *key.as_bytes());
        Self { name: name.to_owned(), id: KeyId::of(name, TYPE_COSIGNATURE_V1, &key), key }
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [TYPE_COSIGNATURE_V1; 33];
        bytes[1..].copy_from_slice(&self.key);
        write!(f, "{}+{}+{}", self.name, self.id, base64_encode(&bytes))
    }
}

impl FromStr for WitnessKey {
    type Err = WitnessKeyError;
    fn from_str(s: &str) -> Result<Self, WitnessKeyError> {
        let mut parts = s.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(WitnessKeyError::Shape);
        };
        let bytes = base64_decode(key).ok_or(WitnessKeyError::Type)?;
        let [TYPE_COSIGNATURE_V1, key @ ..] = bytes.as_slice() else { return Err(WitnessKeyError::Type) };
        let this = Self::new(name, key.try_into().map_err(|_| WitnessKeyError::Type)?)?;
        if this.id.to_string() != id {
            return Err(WitnessKeyError::Id { expected: this.id, found: id_found(id) });
        }
        Ok(this)
    }
}

fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Cosigns a checkpoint at this time, in seconds since 1970. By this the witness says that the checkpoint
/// continues every other it has seen of that log: to be sure of that first is the caller's part.
///
/// # Errors
/// [`CosignatureError::Time`] above [`MAX_COSIGNATURE_TIME`].
pub fn cosign(
    checkpoint: &Checkpoint,
    time: u64,
    key: &SigningKey,
) -> Result<SignatureLine, CosignatureError> {
    if time > MAX_COSIGNATURE_TIME {
        return Err(CosignatureError::Time { found: time });
    }
    let witness = WitnessKey::from(key.verifying_key());
    let mut signature = time.to_be_bytes().to_vec();
    signature.extend_from_slice(&key.sign(message(time, &checkpoint.text()).as_bytes()));
    Ok(SignatureLine::new(&witness.name, witness.id, &signature))
}

/// The key that a witness cosigns with. It is kept as a key of type 0x04, so that it can't be taken for one that signs
/// events or checkpoints.
#[derive(Debug)]
pub struct CosigningKey(SigningKey);

impl CosigningKey {
    /// The witness key with this name and secret.
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }

    /// The public half.
    pub fn witness_key(&self) -> WitnessKey {
        self.0.verifying_key().into()
    }

    /// Cosigns, as [`cosign`] does.
    ///
    /// # Errors
    /// [`CosignatureError::Time`] above [`MAX_COSIGNATURE_TIME`].
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> Result<SignatureLine, CosignatureError> {
        cosign(checkpoint, time, &self.0)
    }

    /// The text of a key file: `PRIVATE+KEY+<name>+<id>+<base64>`, of type 0x04.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        self.0.secret_text_of(TYPE_COSIGNATURE_V1)
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`WitnessKeyError`], which never holds any of the secret.
    pub fn from_secret_text(text: &str) -> Result<Self, WitnessKeyError> {
        match SigningKey::from_secret_text_of(text, TYPE_COSIGNATURE_V1) {
            Ok(key) => Ok(Self(key)),
            Err(KeyError::Shape) => Err(WitnessKeyError::Shape),
            Err(KeyError::Name(_)) => Err(WitnessKeyError::Name),
            Err(KeyError::Id { expected, found }) => Err(WitnessKeyError::Id { expected, found }),
            Err(KeyError::Type) => Err(WitnessKeyError::Type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{SignedCheckpoint, leaf_hash};

    fn witness() -> SigningKey {
        SigningKey::from_seed("witness.example/w1".parse().unwrap(), &[9; 32])
    }

    fn witness_key() -> WitnessKey {
        witness().verifying_key().into()
    }

    fn signed() -> SignedCheckpoint {
        let key = SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32]);
        Checkpoint::new("log.example".parse().unwrap(), 7, leaf_hash(b"")).unwrap().sign(&key).unwrap()
    }

    fn with(lines: &[SignatureLine]) -> SignedNote {
        signed().with_signatures(lines).unwrap().note().clone()
    }

    #[test]
    fn a_cosignature_is_verified_and_tells_its_time() {
        let line = cosign(signed().checkpoint(), 1_679_315_147, &witness()).unwrap();
        assert_eq!(line.signature().len(), 72);
        assert_eq!(witness_key().verify(&with(&[line])), Ok(1_679_315_147));
    }

    #[test]
    fn a_cosignature_with_any_bit_changed_is_not_good() {
        let line = cosign(signed().checkpoint(), 1_679_315_147, &witness()).unwrap();
        for bit in 0..72 * 8 {
            let mut signature = line.signature().to_vec();
            signature[bit / 8] ^= 1 << (bit % 8);
            let note = with(&[SignatureLine::new(line.name(), line.key_id(), &signature)]);
            assert!(matches!(witness_key().verify(&note), Err(CosignatureError::Bad { .. })), "bit {bit}");
        }
    }

    #[test]
    fn a_cosignature_of_another_length_is_not_good() {
        let line = cosign(signed().checkpoint(), 1, &witness()).unwrap();
        let long = [line.signature(), &[0]].concat();
        for signature in [&line.signature()[..71], &line.signature()[8..], &long[..], &[0; 8], &[0; 3]] {
            let note = with(&[SignatureLine::new(line.name(), line.key_id(), signature)]);
            assert!(matches!(witness_key().verify(&note), Err(CosignatureError::Bad { .. })));
        }
    }

    #[test]
    fn a_cosignature_holds_for_one_checkpoint_only() {
        let other = Checkpoint::new("log.example".parse().unwrap(), 8, leaf_hash(b"")).unwrap();
        let note = with(&[cosign(&other, 1, &witness()).unwrap()]);
        assert!(matches!(witness_key().verify(&note), Err(CosignatureError::Bad { .. })));
        assert!(matches!(witness_key().verify(signed().note()), Err(CosignatureError::NoneBy { .. })));
    }

    #[test]
    fn of_several_cosignatures_the_latest_counts() {
        let at = |time| cosign(signed().checkpoint(), time, &witness()).unwrap();
        let junk = SignatureLine::new(witness_key().name(), witness_key().id(), &[0; 72]);
        assert_eq!(witness_key().verify(&with(&[junk, at(5), at(9), at(7)])), Ok(9));
    }

    #[test]
    fn a_time_above_the_limit_is_neither_signed_nor_read() {
        let (note, time) = (signed(), MAX_COSIGNATURE_TIME + 1);
        let sign = |time| cosign(note.checkpoint(), time, &witness());
        assert!(sign(MAX_COSIGNATURE_TIME).is_ok());
        assert_eq!(sign(time), Err(CosignatureError::Time { found: time }));
        let mut signature = time.to_be_bytes().to_vec();
        signature.extend(witness().sign(message(time, note.note().text()).as_bytes()));
        let line = SignatureLine::new(witness_key().name(), witness_key().id(), &signature);
        assert!(matches!(witness_key().verify(&with(&[line])), Err(CosignatureError::Bad { .. })));
    }

    #[test]
    fn the_logs_own_signature_is_no_cosignature() {
        let key = SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32]);
        let key = WitnessKey::from(key.verifying_key());
        assert!(matches!(key.verify(signed().note()), Err(CosignatureError::NoneBy { .. })));
    }

    #[test]
    fn a_witness_key_file_reads_back_and_is_no_other_keys() {
        let key = CosigningKey::new(witness());
        let text = key.to_secret_text();
        assert_eq!(CosigningKey::from_secret_text(&text).unwrap().witness_key(), witness_key());
        assert!(SigningKey::from_secret_text(&text).is_err());
        let plain = CosigningKey::from_secret_text(&witness().to_secret_text());
        assert_eq!(plain.unwrap_err(), WitnessKeyError::Type);
        let secret = text.trim_end().splitn(5, '+').last().unwrap();
        assert!(!format!("{key:?}").contains(secret));
    }

    #[test]
    fn a_witness_key_parses_to_what_it_prints() {
        let vkey = witness_key().to_string();
        assert_eq!(vkey.parse(), Ok(witness_key()));
        assert!(vkey.parse::<VerifyingKey>().is_err());
        let plain = witness().verifying_key().to_string();
        assert_eq!(plain.parse::<WitnessKey>(), Err(WitnessKeyError::Type));
        let (name, rest) = vkey.split_once('+').unwrap();
        let (_, base64) = rest.split_once('+').unwrap();
        let parse = |text: String| text.parse::<WitnessKey>();
        assert!(matches!(parse(format!("{name}+00000000+{base64}")), Err(WitnessKeyError::Id { .. })));
        assert_eq!(parse(format!("a b+00000000+{base64}")), Err(WitnessKeyError::Name));
        assert_eq!(parse(format!("+00000000+{base64}")), Err(WitnessKeyError::Name));
        assert_eq!(parse(format!("{name}+00000000")), Err(WitnessKeyError::Shape));
        assert!(WitnessKey::new("ArmoredWitness-spring-sea", [1; 32]).is_ok());
    }
}
