//! The index made anew from the log.

use std::{fs, path::Path, sync::Arc};

use super::{
    Ledger, Options,
    clock::SystemTimeSource,
    error::LedgerError,
    folder::{Folder, io},
    folder_lock::lock,
    opening::{Opens, open_with},
};
use crate::store::{disk::RealDisk, index::Index};

impl Ledger {
    /// Throws the index away and makes it again from the log. Calls `progress(done, of)` with numbers of entries. Gives the
    /// number of entries.
    ///
    /// # Errors
    /// [`LedgerError`]. The index is as it was then.
    pub fn rebuild(dir: &Path, progress: &dyn Fn(u64, u64)) -> Result<u64, LedgerError> {
        let folder = Folder::new(dir);
        // The folder is read and locked first, so that nothing is removed from one that is no ledger or is in use.
        folder.read()?;
        drop(lock(&folder)?);
        let index = folder.index();
        // The index may be the only one to know that entries are missing, so it is asked before it goes.
        let position =
            Index::open_as_it_is(&index).ok().flatten().and_then(|index| index.position().ok().flatten());
        let aside = folder.root().join("index.before");
        if index.exists() {
            if aside.exists() {
                fs::remove_dir_all(&aside).map_err(|e| io(&aside, "remove", e))?;
            }
            fs::rename(&index, &aside).map_err(|e| io(&index, "move away", e))?;
        }
        let how = Opens { progress, index: position, ..Opens::default() };
        let opened = open_with(Arc::new(RealDisk), SystemTimeSource::new(), dir, Options::default(), how);
        match opened {
            Ok(ledger) => {
                let size = ledger.reader().checkpoint().checkpoint().size();
                ledger.close();
                if aside.exists() {
                    fs::remove_dir_all(&aside).map_err(|e| io(&aside, "remove", e))?;
                }
                Ok(size)
            }
            Err(error) => {
                if aside.exists() {
                    // Puts the old index back. The first error is the one to report, so errors here are dropped.
                    let _ = fs::remove_dir_all(&index);
                    let _ = fs::rename(&aside, &index);
                }
                Err(error)
            }
        }
    }
}
