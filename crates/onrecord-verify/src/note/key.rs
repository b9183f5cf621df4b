//! Ed25519 keys with names: vkeys and the keys that sign (`c2sp.org/signed-note`, signature type 0x01).

use std::{fmt, str::FromStr};

use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::{KeyId, KeyName, NameError, Vkey, base64_decode, base64_encode, key_id::id_found, verify_strict};

const TYPE_ED25519: u8 = 0x01;
const SECRET_PREFIX: &str = "PRIVATE+KEY";

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not `<name>+<8 hex digits>+<base64>`.
    #[error("expected <name>+<key id>+<base64>, and no blanks around it")]
    Shape,
    /// The name does not follow the grammar.
    #[error("key name: {0}")]
    Name(#[from] NameError),
    /// The id is not that of the name and key.
    #[error("key id: expected {expected}, found {found}")]
    Id {
        /// What the name and key give.
        expected: KeyId,
        /// What stands in the text.
        found: String,
    },
    /// Not an Ed25519 key, type 0x01, of 32 bytes.
    #[error("expected type 0x01 and an Ed25519 key of 32 bytes in padded base64")]
    Type,
}

/// A named Ed25519 public key; its text form is a vkey. Parsing checks name, id, type and length; whether
/// the bytes are a point that can sign anything is found out by [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifyingKey {
    name: KeyName,
    id: KeyId,
    key: [u8; 32],
}

impl VerifyingKey {
    /// Names a public key.
    pub fn new(name: KeyName, key: [u8; 32]) -> Self {
        let id = KeyId::of(name.as_str(), TYPE_ED25519, &key);
        Self { name, id, key }
    }
    /// The key's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }
    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }
    /// The 32 bytes of the public key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.key
    }
    /// Whether this key signed the text, strictly (formats.md, section 3).
    pub fn verify(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        verify_strict(&self.key, text, signature)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [TYPE_ED25519; 33];
        bytes[1..].copy_from_slice(&self.key);
        write!(f, "{}+{}+{}", self.name, self.id, base64_encode(&bytes))
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;
    fn from_str(s: &str) -> Result<Self, KeyError> {
        let vkey = Vkey::split(s).ok_or(KeyError::Shape)?;
        let name: KeyName = vkey.name.parse()?;
        let this = Self::new(name, vkey.key(TYPE_ED25519).ok_or(KeyError::Type)?);
        vkey.has(this.id).map_err(|found| KeyError::Id { expected: this.id, found })?;
        Ok(this)
    }
}

/// A key that signs. Its secret is wiped when dropped and appears in no output but [`to_secret_text`](Self::to_secret_text).
pub struct SigningKey {
    public: VerifyingKey,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032, section 5.1.5).
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::new(name, secret.verifying_key().to_bytes());
        Self { public, secret }
    }
    /// The public half.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }
    /// Signs text, giving the 64 bytes of the signature.
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.secret.sign(text).to_bytes()
    }
    /// The text of a key file: `PRIVATE+KEY+<name>+<id>+<base64>`, as Go's `note` package writes it.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        self.secret_text_of(TYPE_ED25519)
    }
    /// As [`to_secret_text`](Self::to_secret_text), for a key of another signature type, which has another id.
    pub(crate) fn secret_text_of(&self, signature_type: u8) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([signature_type; 33]);
        bytes[1..].copy_from_slice(self.secret.as_bytes());
        let secret = Zeroizing::new(base64_encode(bytes.as_slice()));
        let id = KeyId::of(self.public.name.as_str(), signature_type, &self.public.key);
        Zeroizing::new(format!("{SECRET_PREFIX}+{}+{id}+{}\n", self.public.name, *secret))
    }
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`KeyError`], which never holds any of the secret.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        Self::from_secret_text_of(text, TYPE_ED25519)
    }
    /// As [`from_secret_text`](Self::from_secret_text), for a key of another signature type.
    pub(crate) fn from_secret_text_of(text: &str, signature_type: u8) -> Result<Self, KeyError> {
        let rest = text
            .trim_end()
            .strip_prefix(SECRET_PREFIX)
            .and_then(|r| r.strip_prefix('+'))
            .ok_or(KeyError::Shape)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Shape);
        };
        let bytes = Zeroizing::new(base64_decode(key).ok_or(KeyError::Type)?);
        let seed = match bytes.split_first() {
            Some((first, seed)) if *first == signature_type => seed,
            _ => return Err(KeyError::Type),
        };
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.try_into().map_err(|_| KeyError::Type)?);
        let this = Self::from_seed(name.parse()?, &seed);
        let expected = KeyId::of(this.public.name.as_str(), signature_type, &this.public.key);
        if expected.to_string() != id {
            return Err(KeyError::Id { expected, found: id_found(id) });
        }
        Ok(this)
    }
}

/// Whether `bytes` hold a secret key without the prefix that marks it in a key file: `<name>+<id>+<base64>`, as a double
/// click selects it.
///
/// It has the form of a vkey. Its id tells it from one: that is the id of the public key that belongs to this secret.
pub fn holds_bare_secret(bytes: &[u8]) -> bool {
    /// The base64 of a type and 32 bytes.
    const KEY: usize = 44;
    /// `+`, eight digits, `+`.
    const ID: usize = 10;
    /// How many bytes before the id are searched for the name: more than a name has.
    const NAME: usize = 512;
    let is_id = |id: &[u8]| {
        id[0] == b'+' && id[9] == b'+' && id[1..9].iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let of_name = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'/');
    bytes.windows(ID + KEY).enumerate().filter(|(_, found)| is_id(&found[..ID])).any(|(at, found)| {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let Some(key) = base64_decode(text(&found[ID..])).map(Zeroizing::new) else { return false };
        let Some((signature_type, seed)) = key.split_first() else { return false };
        let Ok(seed) = <[u8; 32]>::try_from(seed).map(Zeroizing::new) else { return false };
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let before = &bytes[at.saturating_sub(NAME)..at];
        let begin = before.iter().rposition(|b| !of_name(b)).map_or(0, |other| other + 1);
        // Other letters may stand right before the name, so it is tried from each.
        (begin..before.len()).any(|begin| {
            KeyId::of(text(&before[begin..]), *signature_type, &public).to_string() == text(&found[1..9])
        })
    })
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public.to_string()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("newsroom.example/desk".parse().unwrap(), &[3; 32])
    }

    #[test]
    fn a_vkey_parses_to_what_it_prints() {
        let vkey = key().verifying_key().to_string();
        assert_eq!(vkey.parse::<VerifyingKey>().unwrap().to_string(), vkey);
    }

    #[test]
    fn a_vkey_with_another_id_or_type_is_refused() {
        let vkey = key().verifying_key().to_string();
        let (name, rest) = vkey.split_once('+').unwrap();
        let (_, base64) = rest.split_once('+').unwrap();
        assert!(matches!(
            format!("{name}+00000000+{base64}").parse::<VerifyingKey>(),
            Err(KeyError::Id { .. })
        ));
        assert_eq!("a+00000000".parse::<VerifyingKey>(), Err(KeyError::Shape));
        let two_lines = format!("{name}+0\n0+{base64}").parse::<VerifyingKey>().unwrap_err().to_string();
        assert!(two_lines.ends_with(r"found 0\n0"), "{two_lines}");
        let other = base64_encode(&[4; 33]);
        assert_eq!(format!("{name}+00000000+{other}").parse::<VerifyingKey>(), Err(KeyError::Type));
        assert!(vkey.to_uppercase().parse::<VerifyingKey>().is_err());
    }

    #[test]
    fn a_secret_without_its_mark_is_told_from_a_public_key() {
        let key = key();
        let witness = key.secret_text_of(0x04);
        for text in [key.to_secret_text(), witness] {
            let bare = text.trim_end().strip_prefix("PRIVATE+KEY+").unwrap();
            for holds in [
                bare.to_owned(),
                format!("x{bare}"),
                format!("key={bare}\""),
                format!("{}+{bare}", key.verifying_key()),
            ] {
                assert!(holds_bare_secret(holds.as_bytes()), "{}", holds.len());
            }
            assert!(!holds_bare_secret(&bare.as_bytes()[..bare.len() - 2]), "it is of no use");
        }
        let public = key.verifying_key().to_string();
        for other in ["", "+", &public, &format!("{public} {public}"), &"+00000000+".repeat(20)] {
            assert!(!holds_bare_secret(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_key_file_reads_back_and_debug_hides_the_secret() {
        let key = key();
        let text = key.to_secret_text();
        let back = SigningKey::from_secret_text(&text).unwrap();
        assert_eq!(back.verifying_key(), key.verifying_key());
        assert!(!format!("{key:?}").contains(text.trim_end().splitn(5, '+').last().unwrap()));
    }
}
