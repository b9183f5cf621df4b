//! Opening the folder of a mirror: its copy of a log, and the one writer of that copy.

use std::{fs, path::Path, sync::Arc};

use super::{
    Ledger, Options,
    copier::Copier,
    error::LedgerError,
    folder::{Folder, Said},
    folder_lock::lock,
    opening::{Opened, Opening, ledger, scrub, spawn},
    published::{Published, last_published, read_checkpoint, read_progress, read_published},
    queue::Queue,
};
use crate::{
    log::{Hash, SignedCheckpoint},
    note::VerifyingKey,
    store::{
        disk::{Disk, RealDisk},
        journal,
    },
};

impl Ledger {
    /// Opens the folder of a mirror: what was copied, and the one writer of the copy, which only the follower of the origin
    /// uses. A folder that is not there is made; `heading` is the origin's checkpoint that a new mirror begins with.
    ///
    /// # Errors
    /// [`LedgerError`], also if the folder holds something else.
    pub(crate) fn open_mirror(
        dir: &Path,
        of: &str,
        heading: Option<SignedCheckpoint>,
        key: &VerifyingKey,
        options: Options,
    ) -> Result<(Self, Copier), LedgerError> {
        let folder = Folder::new(dir);
        if !folder.settings().exists() {
            if fs::read_dir(dir).is_ok_and(|mut names| names.next().is_some()) {
                return Err(LedgerError::Broken(format!("{} is not empty, and no mirror", dir.display())));
            }
            folder.make_mirror(key, of)?;
        }
        let Said { origin, log_key, mirror_of } = folder.said()?;
        if mirror_of.is_none() {
            return Err(LedgerError::Exists(dir.display().to_string()));
        }
        if log_key != *key {
            let dir = dir.display();
            return Err(LedgerError::Broken(format!("{dir} is a mirror of the log {log_key}, not of {key}")));
        }
        folder.check_secrets()?;
        let lock = lock(&folder)?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let shown = read_checkpoint(&*disk, &folder.checkpoint(), key)?;
        let verified = read_checkpoint(&*disk, &folder.heading(), key)?.or(heading);
        let none = || LedgerError::Broken(format!("{} holds nothing yet", dir.display()));
        let heading = verified.or_else(|| shown.clone()).ok_or_else(none)?;
        let progress = read_progress(&*disk, &folder)?.unwrap_or((0, Hash::EMPTY_ROOT));
        let published = match shown {
            Some(shown) if shown.checkpoint().size() >= progress.0 => Published::at(shown),
            shown => {
                let checkpoint = shown.unwrap_or_else(|| heading.clone());
                Published { size: progress.0, root: progress.1, checkpoint }
            }
        };
        let recent = read_published(&*disk, &folder, &origin, &published)?;
        let last = last_published(&*disk, &folder, &recent, &origin)?;
        let recovered = journal::recover(&*disk, &folder.journal(), published.size)?;
        let max_backlog = options.max_backlog.max(1);
        let scrub_every = options.scrub_every;
        let opened = Opening {
            disk,
            folder,
            ids: (origin, log_key),
            lock,
            recent,
            recovered,
            published: published.size,
            on_disk: (published.checkpoint.checkpoint().size() == published.size)
                .then_some(published.checkpoint),
            // A mirror copies again what it lacks, so nothing needs to know how far it came.
            knowledge: None,
            read_only: false,
        };
        let Opened { shared, signals, follower, .. } = opened.open(options, &|_, _| {})?;
        let threads = vec![spawn(dir, "follower", move || follower.run())?];
        let copier = Copier { shared: shared.clone(), signals: signals.clone(), last, heading, max_backlog };
        let scrub = scrub(dir, &shared, scrub_every)?;
        Ok((ledger(shared, signals, Queue::closed(), (threads, scrub), Some(of.to_owned())), copier))
    }
}
