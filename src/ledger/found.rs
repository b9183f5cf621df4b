//! Making a ledger: its folder, its keys and its first entries.

use std::{fs, path::Path, sync::Arc, time::Duration};

use super::{
    Ledger, Options,
    clock::SystemTimeSource,
    error::LedgerError,
    folder::{Folder, io},
    opening::{Opens, open_with},
    submission::Submission,
};
use crate::{
    event::{At, Content, ContentRef, Draft, EventType, SignedEvent},
    log::Time,
    note::{Origin, SigningKey},
    store::disk::RealDisk,
};

impl Ledger {
    /// Makes a ledger in a folder that does not exist or is empty: settings, the log's key (mode 0600), and
    /// entry 0, signed by the operator. The operator's key is not kept.
    ///
    /// # Errors
    /// [`LedgerError`]. Nothing is left behind that would hinder a second try.
    pub fn init(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        operator_key: &SigningKey,
        words: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), LedgerError> {
        init(dir, origin, checkpoint_key, operator_key, None, words)
    }

    /// As [`init`](Self::init), with entry 1: a second key of the operator is added (`key.added`), signed by both. An operator
    /// who loses one of them revokes it with the other.
    ///
    /// # Errors
    /// [`LedgerError`]. Nothing is left behind that would hinder a second try.
    pub fn init_with_second_key(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        operator_key: &SigningKey,
        second_key: &SigningKey,
        words: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), LedgerError> {
        init(dir, origin, checkpoint_key, operator_key, Some(second_key), words)
    }

    /// As [`init`](Self::init), with a `ledger.opened` that the operator signed elsewhere.
    ///
    /// # Errors
    /// [`LedgerError`]. Nothing is left behind that would hinder a second try.
    pub fn found(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        opened: Submission,
    ) -> Result<(), LedgerError> {
        found(dir, origin, checkpoint_key, vec![opened])
    }
}

fn init(
    dir: &Path,
    origin: Origin,
    checkpoint_key: SigningKey,
    operator_key: &SigningKey,
    second_key: Option<&SigningKey>,
    words: serde_json::Map<String, serde_json::Value>,
) -> Result<(), LedgerError> {
    let (opened, content) = opening_event(&origin, &checkpoint_key, operator_key, words)?;
    let added =
        second_key.map(|second| second_key_event(&origin, &opened, operator_key, second)).transpose()?;
    let mut first = vec![Submission::new(opened.note().as_bytes().to_vec(), content)];
    first.extend(added.map(|added| Submission::new(added.note().as_bytes().to_vec(), None)));
    found(dir, origin, checkpoint_key, first)
}

fn found(
    dir: &Path,
    origin: Origin,
    checkpoint_key: SigningKey,
    first: Vec<Submission>,
) -> Result<(), LedgerError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if Folder::new(dir).settings().exists() {
                return Err(LedgerError::Exists(dir.display().to_string()));
            }
            if entries.next().is_some() {
                return Err(LedgerError::Broken(format!("{} is not empty", dir.display())));
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(io(dir, "read", e)),
    }
    // Made in a folder beside it and renamed into place, so that a ledger is there whole or not at all.
    let mut aside = dir.as_os_str().to_owned();
    aside.push(".making");
    let aside = Path::new(&aside);
    if aside.exists() {
        fs::remove_dir_all(aside).map_err(|e| io(aside, "remove", e))?;
    }
    let made = make(aside, origin, checkpoint_key, first)
        .and_then(|()| fs::rename(aside, dir).map_err(|e| io(dir, "make", e)));
    if made.is_err() {
        // An error of the removal is passed over: the first error is the one to tell.
        let _ = fs::remove_dir_all(aside);
    }
    made
}

fn make(
    dir: &Path,
    origin: Origin,
    checkpoint_key: SigningKey,
    first: Vec<Submission>,
) -> Result<(), LedgerError> {
    Folder::new(dir).make(&origin, &checkpoint_key)?;
    let how = Opens { founding: true, ..Opens::default() };
    let ledger = open_with(Arc::new(RealDisk), SystemTimeSource::new(), dir, Options::default(), how)?;
    let answers = ledger.record_blocking(first, false);
    ledger.close();
    for answer in answers {
        answer?;
    }
    Ok(())
}

/// The first event of a ledger, dated today.
pub(super) fn opening_event(
    origin: &Origin,
    checkpoint_key: &SigningKey,
    operator_key: &SigningKey,
    words: serde_json::Map<String, serde_json::Value>,
) -> Result<(SignedEvent, Option<Vec<u8>>), LedgerError> {
    let mut facts = serde_json::Map::new();
    facts.insert("checkpoint_key".into(), checkpoint_key.verifying_key().to_string().into());
    facts.insert("operator_key".into(), operator_key.verifying_key().to_string().into());
    let content = if words.is_empty() {
        None
    } else {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| LedgerError::Broken(format!("no random bytes: {e}")))?;
        Some(Content::seal(words, &[], &salt))
    };
    let draft = Draft {
        event_type: EventType::LedgerOpened,
        at: today()?,
        case: None,
        refs: serde_json::Map::new(),
        facts,
        content: content.as_deref().map(ContentRef::of),
    };
    let event = draft.sign(origin, &[operator_key]).map_err(|e| LedgerError::Broken(e.to_string()))?;
    Ok((event, content))
}

/// The event that adds a second key of the operator, the party that the first event registered.
fn second_key_event(
    origin: &Origin,
    opened: &SignedEvent,
    operator_key: &SigningKey,
    second: &SigningKey,
) -> Result<SignedEvent, LedgerError> {
    let member = |name: &str, value: String| serde_json::Map::from_iter([(name.to_owned(), value.into())]);
    let draft = Draft {
        event_type: EventType::KeyAdded,
        at: opened.at().clone(),
        case: None,
        refs: member("party", opened.id().to_string()),
        facts: member("key", second.verifying_key().to_string()),
        content: None,
    };
    draft.sign(origin, &[operator_key, second]).map_err(|e| LedgerError::Broken(e.to_string()))
}

fn today() -> Result<At, LedgerError> {
    let today = Time::from_unix_ms(i64::try_from(now_ms()).unwrap_or_default());
    let today = today.map(|t| t.to_string()[..10].to_owned()).unwrap_or_default();
    At::parse(&today).map_err(LedgerError::Broken)
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis()
}
