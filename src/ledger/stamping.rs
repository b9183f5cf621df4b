//! Taking in tokens of time-stamping authorities, and giving out stamped checkpoints.

use std::sync::Arc;

use super::{
    error::{LedgerError, ReadError},
    shared::Shared,
    timestamped::{CHECKPOINT, NotStamped, StampedCheckpoint, imprint, is_token_name, token_name},
};
use crate::{
    log::{Checkpoint, MAX_CHECKPOINT, SignedCheckpoint, Time, is_later_than, root},
    store::{Doing as _, disk::Placing},
    timestamp::{MAX_TOKEN, Token},
};

/// The most milliseconds by which an authority's clock and this machine's may differ.
const MAX_APART_MS: u64 = 3_600_000;

/// The stamped checkpoint of a size, as it lies on disk, with all cosignatures for it that are known.
pub(super) fn checkpoint(shared: &Shared, size: u64) -> Result<Option<SignedCheckpoint>, LedgerError> {
    let path = shared.folder().timestamps_of(size).join(CHECKPOINT);
    let Some(bytes) = shared.disk().read(&path).doing(|| format!("read {}", path.display()))? else {
        return Ok(None);
    };
    let broken = |e: &dyn std::fmt::Display| LedgerError::Broken(format!("{}: {e}", path.display()));
    let stored = Checkpoint::open(bytes.get(..MAX_CHECKPOINT).unwrap_or(&bytes), shared.log_key());
    let stored = stored.map_err(|e| broken(&e))?;
    if stored.checkpoint().size() != size {
        return Err(broken(&format!("expected a checkpoint of {size} entries")));
    }
    let stored = shared.cosigned().with_known(&stored, shared.log_key());
    stored.map(Some).map_err(|e| broken(&e))
}

/// The number of cosignatures of a checkpoint that has, besides the log's own line, only those of this ledger's witnesses.
fn cosignatures(checkpoint: &SignedCheckpoint) -> usize {
    checkpoint.note().signatures().len().saturating_sub(1)
}

/// Keeps a token, whoever the authority is: readers judge whom they trust.
pub(super) fn add(
    shared: &Shared,
    checkpoint: &SignedCheckpoint,
    authority: &str,
    bytes: &[u8],
    now: Time,
) -> Result<Time, NotStamped> {
    let time = Token::read(bytes, &imprint(checkpoint))?.time();
    let size = checkpoint.checkpoint().size();
    let last = size.checked_sub(1).map(|index| {
        let raw =
            shared.entry(index)?.ok_or_else(|| ReadError::Fault(format!("entry {index} is missing")))?;
        shared.parse(index, &raw)
    });
    let last = last.transpose().map_err(LedgerError::from)?;
    if last.is_some_and(|entry| is_later_than(entry.header().time, time.seconds_up())) {
        return Err(NotStamped::Behind(time));
    }
    if time.unix_ms().abs_diff(now.unix_ms()) > MAX_APART_MS {
        return Err(NotStamped::Clock(time));
    }
    let _writing = shared.timestamped().writing();
    let dir = shared.folder().timestamps_of(size);
    let stored = self::checkpoint(shared, size)?;
    if stored.is_some_and(|stored| stored.checkpoint() != checkpoint.checkpoint()) {
        return Err(NotStamped::Other(dir.display().to_string()));
    }
    let name = token_name(authority);
    let earlier = shared.timestamped().read(|kept| kept.get(&size)?.tokens.get(&name).copied());
    if let Some(earlier) = earlier.filter(|earlier| *earlier <= time) {
        return Ok(earlier);
    }
    let known = shared.cosigned().with_known(checkpoint, shared.log_key());
    let known = known.map_err(|e| LedgerError::Broken(e.to_string()))?;
    let mut placing = Placing::named(shared.disk(), shared.folder().tmp(), "timestamp");
    // In this order, so that no token is there without the checkpoint that it covers.
    for (name, bytes) in [(CHECKPOINT, known.note().as_bytes()), (&*name, bytes)] {
        placing.place(&dir.join(name), bytes).map_err(LedgerError::from)?;
        placing.sync().map_err(LedgerError::from)?;
    }
    shared.timestamped().put(size, cosignatures(&known), [(name, time)]);
    Ok(time)
}

/// Writes the cosignatures that came since the latest checkpoint was stamped. Soon there will be none for it any more, since
/// witnesses are then asked to cosign newer checkpoints.
pub(super) fn refresh(shared: &Shared) -> Result<(), LedgerError> {
    let _writing = shared.timestamped().writing();
    let Some((size, _)) = shared.timestamped().latest() else { return Ok(()) };
    let Some(known) = checkpoint(shared, size)? else { return Ok(()) };
    let has = cosignatures(&known);
    if shared.timestamped().read(|kept| kept.get(&size).is_none_or(|s| s.cosignatures >= has)) {
        return Ok(());
    }
    let mut placing = Placing::named(shared.disk(), shared.folder().tmp(), "timestamp");
    placing.place(&shared.folder().timestamps_of(size).join(CHECKPOINT), known.note().as_bytes())?;
    placing.sync()?;
    shared.timestamped().put(size, has, []);
    Ok(())
}

/// Of the stamped checkpoints that cover `entries` entries and have at least `least` cosignatures: the one with most of them; of
/// several, the earliest. Given with its tokens. One that can't be read, or is of another history, is passed over.
pub(super) fn covering(
    shared: &Shared,
    entries: u64,
    least: usize,
) -> Result<Option<StampedCheckpoint>, ReadError> {
    let mut candidates: Vec<(usize, u64)> = shared.timestamped().read(|kept| {
        let known = |size: u64| shared.cosigned().of_size(size).map_or(0, |c| cosignatures(&c));
        kept.range(entries..).map(|(size, s)| (s.cosignatures.max(known(*size)), *size)).collect()
    });
    candidates.retain(|(count, _)| *count >= least);
    candidates.sort_by_key(|(count, size)| (std::cmp::Reverse(*count), *size));
    for (_, size) in candidates {
        match stamped(shared, size) {
            Ok(found) => return Ok(Some(found)),
            Err(error) => tracing::error!(size, %error, "a stamped checkpoint is passed over"),
        }
    }
    Ok(None)
}

/// A stamped checkpoint of this log as it is now, with its tokens.
fn stamped(shared: &Shared, size: u64) -> Result<StampedCheckpoint, LedgerError> {
    let dir = shared.folder().timestamps_of(size);
    let missing = || LedgerError::Broken(format!("{} is missing", dir.join(CHECKPOINT).display()));
    let checkpoint = checkpoint(shared, size)?.ok_or_else(missing)?;
    if size > shared.recent().size() || root(size, shared)? != checkpoint.checkpoint().root() {
        return Err(LedgerError::Broken(format!("{} is not of the log that is here", dir.display())));
    }
    let names: Vec<String> = shared
        .timestamped()
        .read(|kept| kept.get(&size).into_iter().flat_map(|s| s.tokens.keys().cloned()).collect());
    let mut tokens = Vec::new();
    for name in names {
        let path = dir.join(name);
        let bytes =
            shared.disk().read(&path).doing(|| format!("read {}", path.display()))?.unwrap_or_default();
        let token = Token::read(&bytes, &imprint(&checkpoint));
        let token = token.map_err(|e| LedgerError::Broken(format!("{}: {e}", path.display())))?;
        tokens.push((token.time(), bytes));
    }
    tokens.sort();
    Ok((Arc::new(checkpoint), tokens.into_iter().map(|(_, bytes)| bytes).collect()))
}

/// Takes up the stamped checkpoints on disk, at a start. Those that are not of this log as it is now are left where they are.
pub(super) fn take_up(shared: &Shared) -> Result<(), LedgerError> {
    let dir = shared.folder().timestamps();
    let now = shared.recent().size();
    for folder in shared.disk().list(&dir).doing(|| format!("list {}", dir.display()))? {
        let at = dir.join(&folder);
        let left = |why: &dyn std::fmt::Display| {
            tracing::error!(folder = %at.display(), %why, "a stamped checkpoint is left out");
        };
        let Some(size) = crate::log::parse_decimal(&folder) else {
            left(&"expected a number of entries");
            continue;
        };
        if size > now {
            left(&"the log has fewer entries");
            continue;
        }
        let checkpoint = match checkpoint(shared, size) {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => continue,
            Err(error) => {
                left(&error);
                continue;
            }
        };
        let mut tokens = Vec::new();
        for name in shared.disk().list(&at).doing(|| format!("list {}", at.display()))? {
            if !is_token_name(&name) {
                continue;
            }
            let path = at.join(&name);
            let bytes =
                shared.disk().read(&path).doing(|| format!("read {}", path.display()))?.unwrap_or_default();
            match Token::read(bytes.get(..MAX_TOKEN).unwrap_or(&bytes), &imprint(&checkpoint)) {
                Ok(token) => tokens.push((name, token.time())),
                Err(error) => tracing::error!(file = %path.display(), %error, "a token is left out"),
            }
        }
        if !tokens.is_empty() {
            shared.timestamped().put(size, cosignatures(&checkpoint), tokens);
        }
    }
    Ok(())
}
