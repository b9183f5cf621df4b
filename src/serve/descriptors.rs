//! File descriptors: each connection takes one, and the ledger's own files must have theirs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept back for the ledger: journal, index, tiles and files being read, uploads.
const KEPT_BACK: u64 = 512;

/// Raises the number of files that this process may have open to the most the system lets it. Call it once, at
/// the start of a program that serves. It is no fault if that is refused: [`connections`] follows what there is.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the number of open files could not be raised");
        }
    }
}

/// As many connections as asked for, or as there are descriptors for.
pub(super) fn connections(asked: usize) -> usize {
    // None is no limit.
    let Some(files) = getrlimit(Resource::Nofile).current else { return asked };
    let kept_back = KEPT_BACK.min(files / 2);
    let most = usize::try_from(files - kept_back).unwrap_or(usize::MAX).max(1);
    if most < asked {
        tracing::warn!(
            asked,
            most,
            "fewer connections than asked for: raise the number of files that the process may open"
        );
    }
    asked.min(most)
}
