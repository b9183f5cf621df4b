//! Secret keys where none belongs: in arguments, answers, settings and words.

use std::{env, ffi::OsStr};

use zeroize::Zeroizing;

use super::Failure;
use crate::note::holds_bare_secret;

/// How a secret key begins in its key file, and nothing else may.
const SECRET: &str = "PRIVATE+KEY+";

/// Whether bytes hold a secret key, with its beginning or without.
pub(super) fn holds_secret(bytes: &[u8]) -> bool {
    let holds = |bytes: &[u8]| {
        bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) || holds_bare_secret(bytes)
    };
    // Some editors save text as UTF-16, where every other byte of a key is 0.
    holds(bytes)
        || bytes.contains(&0)
            && holds(&Zeroizing::new(bytes.iter().copied().filter(|b| *b != 0).collect::<Vec<_>>()))
}

/// Refuses a secret key in what would go on record, where everyone could read it for ever. `what` names the place.
pub(super) fn refuse_secret_in(what: &str, bytes: &[u8]) -> Result<(), Failure> {
    if !holds_secret(bytes) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{what}: a secret key stands in it, and everyone could read it for ever. Nothing was sent. If you mean to show this key, \
         make another one to use, and leave out the last part of this one: that is the secret"
    )))
}

/// Refuses a secret key on the command line or in the environment, before any error could quote it.
pub(super) fn refuse_secrets() -> Result<(), Failure> {
    let holds = |text: &OsStr| holds_secret(text.to_string_lossy().as_bytes());
    let what = if env::args_os().any(|arg| holds(&arg)) {
        "on the command line".to_owned()
    } else {
        let set = env::vars_os()
            .find(|(name, value)| name.to_string_lossy().starts_with("ONRECORD_") && holds(value));
        let Some((name, _)) = set else { return Ok(()) };
        format!("in {}", name.to_string_lossy())
    };
    Err(Failure::Usage(format!(
        "a secret key stands {what}, where other programs and a shell's history can read it. To sign, give the name of its key \
         file; where a public key is asked for, give what `onrecord key show FILE` prints. Anyone who has seen it can sign with \
         it: think of a new key"
    )))
}

/// Text that was given for a public key and is none, to quote in an error, with a blank before it. Empty if the text could be
/// a part of a secret key.
pub(super) fn repeated(text: &str) -> String {
    /// A shorter run of base64 tells too little of a key to matter.
    const FEW: usize = 16;
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    match text.split(|c| !of_base64(c)).all(|run| run.len() < FEW) {
        true => format!(" {text}"),
        false => String::new(),
    }
}
