//! Cosignatures: what witnesses put below a checkpoint (`c2sp.org/tlog-cosignature`).
//!
//! A line's signature is a time, 8 bytes, and then either 64 bytes of Ed25519 (type 0x04) over
//!
//! ```text
//! cosignature/v1
//! time <seconds>
//! <the checkpoint's text>
//! ```
//!
//! or 2,420 bytes of ML-DSA-44 (type 0x06) over the structure that [`subtree_message`] makes. That one is not over the
//! checkpoint's text: it commits to origin, size and root, and to the witness's own name.

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use super::{Checkpoint, Hash, parse_decimal};
use crate::note::{
    KeyError, KeyId, SignatureLine, SignedNote, SigningKey, VerifyingKey, Vkey, base64_encode, is_key_name,
    verify_strict,
};

const TYPE_COSIGNATURE_V1: u8 = 0x04;
const TYPE_ML_DSA_44: u8 = 0x06;
/// Bytes of an ML-DSA-44 public key (FIPS 204, table 2).
const ML_DSA_44_KEY: usize = 1_312;
/// The latest time a cosignature may bear, in seconds since 1970 (`c2sp.org/tlog-cosignature`, "Format").
pub const MAX_COSIGNATURE_TIME: u64 = i64::MAX as u64;

/// A text that is no witness key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessKeyError {
    /// Not `<name>+<8 hex digits>+<base64>`.
    #[error("expected <name>+<key id>+<base64>, and no blanks around it")]
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
    /// Neither an Ed25519 cosignature key, type 0x04, nor an ML-DSA-44 one, type 0x06.
    #[error(
        "expected type 0x04 and an Ed25519 key of 32 bytes, or 0x06 and an ML-DSA-44 key of {ML_DSA_44_KEY}, in padded base64"
    )]
    Type,
    /// A key of a type that this program verifies with, but does not sign with.
    #[error("expected a secret of type 0x04: this program cosigns with Ed25519 keys only")]
    Secret,
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
    /// A good one that is older than was asked for.
    #[error("the cosignature by {name} is {age} s old, and at most {max} were asked for")]
    Old {
        /// The witness key's name.
        name: String,
        /// How old it is, in seconds.
        age: u64,
        /// How old it may be, in seconds.
        max: u64,
    },
    /// A good one whose time is ahead of the reader's clock, where an age was asked for.
    #[error("the cosignature by {name} is dated {ahead} s ahead of this machine's clock")]
    Ahead {
        /// The witness key's name.
        name: String,
        /// By how much, in seconds.
        ahead: u64,
    },
    /// A time that no cosignature can bear.
    #[error("expected a time of at most 2^63-1 seconds, found {found}")]
    Time {
        /// The time, in seconds since 1970.
        found: u64,
    },
}

/// The key of a witness: a name and a public key; its text form is a vkey of type 0x04 (Ed25519) or 0x06 (ML-DSA-44).
///
/// Witnesses are not this ledger's parties, so their names follow signed-note, not the narrower grammar of
/// formats.md, section 2.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WitnessKey {
    name: String,
    id: KeyId,
    key: PublicKey,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum PublicKey {
    Ed25519([u8; 32]),
    /// Any bytes of the right number are a key.
    MlDsa44(Box<[u8; ML_DSA_44_KEY]>),
}

impl PublicKey {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => key,
            Self::MlDsa44(key) => &key[..],
        }
    }

    fn signature_type(&self) -> u8 {
        match self {
            Self::Ed25519(_) => TYPE_COSIGNATURE_V1,
            Self::MlDsa44(_) => TYPE_ML_DSA_44,
        }
    }
}

impl WitnessKey {
    /// Names an Ed25519 public key.
    ///
    /// # Errors
    /// [`WitnessKeyError::Name`] if no signature line can bear that name.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, WitnessKeyError> {
        Self::of(name, PublicKey::Ed25519(key))
    }

    fn of(name: &str, key: PublicKey) -> Result<Self, WitnessKeyError> {
        if !is_key_name(name) {
            return Err(WitnessKeyError::Name);
        }
        let id = KeyId::of(name, key.signature_type(), key.as_bytes());
        Ok(Self { name: name.to_owned(), id, key })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id. As a key of type 0x01, the same name and public key have another id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes of the public key: 32 of Ed25519, 1,312 of ML-DSA-44.
    pub fn as_bytes(&self) -> &[u8] {
        self.key.as_bytes()
    }

    /// Whether it is of type 0x06.
    pub(super) fn is_ml_dsa_44(&self) -> bool {
        matches!(self.key, PublicKey::MlDsa44(_))
    }

    /// Whether this key signed the checkpoint, with any time, even 0. A log may sign so with a second key
    /// (`c2sp.org/tlog-checkpoint`, "Signatures").
    pub(super) fn has_signed(&self, note: &SignedNote) -> bool {
        let mut own = note.signatures().iter().filter(|line| self.is_of(line));
        own.any(|line| self.time_of(note.text(), line.signature()).is_some())
    }

    /// The length in bytes of a signature line by this key, as it stands below a checkpoint.
    pub fn line_length(&self) -> usize {
        let signature = match self.key {
            PublicKey::Ed25519(_) => 64,
            PublicKey::MlDsa44(_) => 2_420,
        };
        SignatureLine::new(&self.name, self.id, &vec![0; 8 + signature]).to_string().len()
    }

    /// Checks that this witness cosigned the checkpoint and gives the time it did so, in seconds since 1970;
    /// the latest, if there are several. Lines of other keys are ignored.
    ///
    /// Whether the note's text is a checkpoint, and of which log, is not checked here; nor is the time compared with now.
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
        // With time 0 a signature says neither when it was made nor that no larger tree was seen, so it is no cosignature of
        // a witness (`c2sp.org/tlog-witness`, "add-checkpoint").
        self.time_of(text, signature).filter(|time| *time != 0 || !self.is_ml_dsa_44())
    }

    /// The time of a good signature.
    fn time_of(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (time, signature) = signature.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        if time > MAX_COSIGNATURE_TIME {
            return None;
        }
        let good = match &self.key {
            PublicKey::Ed25519(key) => {
                verify_strict(key, message(time, text).as_bytes(), signature.try_into().ok()?)
            }
            PublicKey::MlDsa44(key) => {
                verify_ml_dsa_44(key, &subtree_message(&self.name, time, text)?, signature)
            }
        };
        good.then_some(time)
    }
}

/// A witness's good cosignature on a checkpoint. Only [`WitnessKey::find`] makes one.
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
        let id = KeyId::of(name, TYPE_COSIGNATURE_V1, &key);
        Self { name: name.to_owned(), id, key: PublicKey::Ed25519(key) }
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.key.signature_type()], self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, base64_encode(&bytes))
    }
}

impl FromStr for WitnessKey {
    type Err = WitnessKeyError;
    fn from_str(s: &str) -> Result<Self, WitnessKeyError> {
        let vkey = Vkey::split(s).ok_or(WitnessKeyError::Shape)?;
        let key = vkey.key(TYPE_COSIGNATURE_V1).map(PublicKey::Ed25519);
        let key = key.or_else(|| vkey.key(TYPE_ML_DSA_44).map(|key| PublicKey::MlDsa44(Box::new(key))));
        let this = Self::of(vkey.name, key.ok_or(WitnessKeyError::Type)?)?;
        vkey.has(this.id).map_err(|found| WitnessKeyError::Id { expected: this.id, found })?;
        Ok(this)
    }
}

fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// The `cosigned_message` of a checkpoint (`c2sp.org/tlog-cosignature`, "ML-DSA-44 signed message"). None if the text is no
/// checkpoint, or a name is longer than the structure holds. Lines below the third are not part of it.
fn subtree_message(cosigner: &str, time: u64, text: &str) -> Option<Vec<u8>> {
    let mut lines = text.split('\n');
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let (size, root): (u64, Hash) = (parse_decimal(size)?, Hash::from_base64(root)?);
    let mut message = b"subtree/v1\n\0".to_vec();
    let put = |message: &mut Vec<u8>, name: &str| {
        message.push(u8::try_from(name.len()).ok().filter(|length| *length > 0)?);
        message.extend_from_slice(name.as_bytes());
        Some(())
    };
    put(&mut message, cosigner)?;
    message.extend_from_slice(&time.to_be_bytes());
    put(&mut message, origin)?;
    // The whole tree: from entry 0 on.
    message.extend_from_slice(&0_u64.to_be_bytes());
    message.extend_from_slice(&size.to_be_bytes());
    message.extend_from_slice(&root.0);
    Some(message)
}

fn verify_ml_dsa_44(key: &[u8; ML_DSA_44_KEY], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = ml_dsa::Signature::<ml_dsa::MlDsa44>::try_from(signature) else { return false };
    ml_dsa::VerifyingKey::<ml_dsa::MlDsa44>::decode(&(*key).into()).verify_with_context(
        message,
        &[],
        &signature,
    )
}

/// Cosigns a checkpoint at this time, in seconds since 1970. The witness says with it that the checkpoint
/// continues every other that it has seen of that log; the caller must have checked that before.
///
/// # Errors
/// [`CosignatureError::Time`] above [`MAX_COSIGNATURE_TIME`].
pub fn cosign(
    checkpoint: &Checkpoint,
    time: u64,
    key: &SigningKey,
) -> Result<SignatureLine, CosignatureError> {
    cosign_text(&checkpoint.text(), time, key)
}

fn cosign_text(text: &str, time: u64, key: &SigningKey) -> Result<SignatureLine, CosignatureError> {
    if time > MAX_COSIGNATURE_TIME {
        return Err(CosignatureError::Time { found: time });
    }
    let witness = WitnessKey::from(key.verifying_key());
    let mut signature = time.to_be_bytes().to_vec();
    signature.extend_from_slice(&key.sign(message(time, text).as_bytes()));
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

    /// Cosigns the text of a checkpoint of any log.
    pub fn cosign_text(&self, text: &str, time: u64) -> Result<SignatureLine, CosignatureError> {
        cosign_text(text, time, &self.0)
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
            Err(KeyError::Type) => Err(WitnessKeyError::Secret),
        }
    }
}

#[cfg(test)]
#[path = "../../tests/support/ml_dsa_witness.rs"]
pub(super) mod ml_dsa_witness;

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
    fn a_cosignature_by_ml_dsa_is_good_for_one_name_time_origin_size_and_root() {
        let pq = ml_dsa_witness::MlDsaWitness::new("pq.example", 3);
        let key: WitnessKey = pq.vkey().parse().unwrap();
        assert_eq!((key.to_string(), key.id(), key.as_bytes().len()), (pq.vkey(), pq.id(), 1_312));
        let line = pq.cosign(signed().checkpoint(), 9);
        assert_eq!(line.signature().len(), 2_428);
        assert_eq!(line.to_string().len(), key.line_length());
        assert_eq!(key.verify(&with(std::slice::from_ref(&line))), Ok(9));
        // Lines below the third are not part of it.
        let longer = format!("{}more\n", signed().checkpoint().text());
        let longer = SignedNote::assemble(&longer, std::slice::from_ref(&line)).unwrap();
        assert_eq!(key.verify(&longer), Ok(9));
        let bad = |line: SignatureLine| {
            assert!(matches!(key.verify(&with(&[line])), Err(CosignatureError::Bad { .. })));
        };
        for bit in (0..2_428 * 8).step_by(131).chain([0, 63]) {
            let mut signature = line.signature().to_vec();
            signature[bit / 8] ^= 1 << (bit % 8);
            bad(SignatureLine::new(line.name(), line.key_id(), &signature));
        }
        for length in [0, 7, 8, 72, 2_427] {
            let mut cut = line.signature().to_vec();
            cut.truncate(length.max(1));
            bad(SignatureLine::new(line.name(), line.key_id(), &cut));
        }
        let of = |origin: &str, size| Checkpoint::new(origin.parse().unwrap(), size, leaf_hash(b"")).unwrap();
        bad(pq.cosign(&of("log.example", 8), 9));
        bad(pq.cosign(&of("lag.example", 7), 9));
        let other = Checkpoint::new("log.example".parse().unwrap(), 7, leaf_hash(b"x")).unwrap();
        bad(pq.cosign(&other, 9));
        let renamed = ml_dsa_witness::MlDsaWitness::new("px.example", 3).cosign(signed().checkpoint(), 9);
        bad(SignatureLine::new(line.name(), line.key_id(), renamed.signature()));
        // With time 0 it is no cosignature of a witness. As the second signature of a log it is enough.
        let timeless = pq.cosign(signed().checkpoint(), 0);
        bad(timeless.clone());
        assert!(key.has_signed(&with(&[timeless])));
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
        assert_eq!(plain.unwrap_err(), WitnessKeyError::Secret);
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
