//! Vkeys, of logs and parties and of witnesses.

use onrecord_verify::{
    log::WitnessKey,
    note::{KeyId, VerifyingKey, base64_decode},
};

use super::is_short;

/// A vkey prints to the text that it was read from, and is of one type. The same holds once its id is made good, which
/// reaches the code behind the check of that hash of name and key.
pub fn holds(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = one(text);
    if let Some(good) = with_its_id(text) {
        return one(&good) || read;
    }
    read
}

fn one(text: &str) -> bool {
    let (key, witness) = (text.parse::<VerifyingKey>(), text.parse::<WitnessKey>());
    assert!(key.is_err() || witness.is_err(), "of two types");
    match (&key, &witness) {
        (Ok(key), _) => {
            assert_eq!(key.to_string(), text);
            let name = key.name().as_str();
            assert!((1..=128).contains(&name.len()));
            assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'/')));
        }
        (_, Ok(key)) => assert_eq!(key.to_string(), text),
        (Err(e), Err(f)) => {
            is_short(e);
            is_short(f);
        }
    }
    key.is_ok() || witness.is_ok()
}

fn with_its_id(text: &str) -> Option<String> {
    let mut parts = text.splitn(3, '+');
    let (name, _, base64) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = base64_decode(base64)?;
    let (of_type, key) = bytes.split_first()?;
    Some(format!("{name}+{}+{base64}", KeyId::of(name, *of_type, key)))
}
