//! Checks that the stamped checkpoints in a data folder are of its log, and that the tokens beside them are over their text.
//! Which authority signed the tokens is not checked: that takes the authorities' roots.

use std::{fs, path::Path};

use super::{
    Doing as _, OpsError,
    finding::Finding,
    stray_files::{Tiles, files_under},
};
use crate::{
    ledger::{
        folder::Folder,
        timestamped::{CHECKPOINT, imprint, is_token_name},
    },
    log::{Checkpoint, Frontier, SignedCheckpoint, parse_decimal},
    note::VerifyingKey,
    timestamp::Token,
    verify::{Fault, Place},
};

/// The number of tokens and checkpoints, or the first fault. `None` if nothing was ever stamped, or the published checkpoint
/// can't be opened.
pub(super) fn check(
    folder: &Folder,
    log_key: &VerifyingKey,
) -> Result<Option<Result<Finding, Fault>>, OpsError> {
    let names = files_under(&folder.timestamps())?;
    if names.is_empty() {
        return Ok(None);
    }
    let published = fs::read(folder.checkpoint()).doing("read", &folder.checkpoint())?;
    let Ok(published) = Checkpoint::open(&published, log_key) else { return Ok(None) };
    let published = published.checkpoint().size();
    let (mut checkpoints, mut tokens) = (0, 0);
    let mut stamped: Option<(&str, SignedCheckpoint)> = None;
    for name in &names {
        let fault = |what: String| {
            let place = Place::Path(format!("timestamps/{name}"));
            Ok(Some(Err(Fault { place, what })))
        };
        let parts = name.split_once('/').and_then(|(at, file)| Some((at, parse_decimal(at)?, file)));
        let Some((at, size, file)) = parts.filter(|(_, _, file)| *file == CHECKPOINT || is_token_name(file))
        else {
            return fault(format!("expected <size>/{CHECKPOINT} or <size>/<16 hex digits>.tsr"));
        };
        if stamped.as_ref().is_none_or(|(of, _)| *of != at) {
            match checkpoint(folder, log_key, size, published)? {
                Ok(found) => stamped = Some((at, found)),
                Err(what) => return fault(what),
            }
            checkpoints += 1;
        }
        let Some((_, checkpoint)) = &stamped else { continue };
        if file != CHECKPOINT {
            let bytes = read(&folder.timestamps().join(name))?;
            if let Err(e) = Token::read(&bytes, &imprint(checkpoint)) {
                return fault(e.to_string());
            }
            tokens += 1;
        }
    }
    Ok(Some(Ok(Finding::Tokens { tokens, checkpoints })))
}

fn read(path: &Path) -> Result<Vec<u8>, OpsError> {
    fs::read(path).doing("read", path)
}

/// The stamped checkpoint of a size, or why it is not one of this log.
fn checkpoint(
    folder: &Folder,
    log_key: &VerifyingKey,
    size: u64,
    published: u64,
) -> Result<Result<SignedCheckpoint, String>, OpsError> {
    let path = folder.timestamps_of(size).join(CHECKPOINT);
    if !path.is_file() {
        return Ok(Err("the checkpoint that it is over is missing".into()));
    }
    let found = match Checkpoint::open(&read(&path)?, log_key) {
        Ok(found) => found,
        Err(e) => return Ok(Err(format!("{CHECKPOINT}: {e}"))),
    };
    let public = folder.public();
    let of = found.checkpoint();
    let is_ours = of.size() == size
        && size <= published
        && Frontier::read(size, &Tiles { public: &public, size: published })?.root() == of.root();
    Ok(if is_ours {
        Ok(found)
    } else {
        Err(format!("expected a checkpoint of the first {size} entries of this log"))
    })
}
