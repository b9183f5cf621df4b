//! The lock by which one process at a time uses a folder.

use std::{fs, os::unix::fs::OpenOptionsExt as _, time::Duration};

use super::{
    error::LedgerError,
    folder::{Folder, io},
};

/// Locks a folder. The lock lasts as long as the file that is given back.
///
/// # Errors
/// [`LedgerError::Locked`] if another process has it.
pub(crate) fn lock(folder: &Folder) -> Result<fs::File, LedgerError> {
    let path = folder.lock();
    let opened = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(&path);
    let file = match opened {
        // A file that can only be read can be locked too.
        Err(e) if e.kind() == std::io::ErrorKind::ReadOnlyFilesystem => fs::File::open(&path),
        opened => opened,
    };
    let file = file.map_err(|e| io(&path, "open", e))?;
    // A child process that is just being started holds a copy of every open file, and so the lock, until it runs its program.
    let mut locked = file.try_lock();
    for _ in 0..10 {
        let Err(fs::TryLockError::WouldBlock) = locked else { break };
        std::thread::sleep(Duration::from_millis(20));
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::Locked(folder.root().display().to_string())),
        Err(fs::TryLockError::Error(e)) => Err(io(&path, "lock", e)),
    }
}
