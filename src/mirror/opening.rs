//! A mirror, opened: its source, its copy of the ledger, and what it still lacks.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::{
    checkpoints::seen,
    fork::fork_in,
    missing_files::{self, Lacking},
    pass::{Keeps, MirrorError},
    searched::Searched,
    status::Status,
};
use crate::{
    ledger::{Copier, Ledger, Options as LedgerOptions, folder::Folder},
    note::VerifyingKey,
    verify::{Absent, Source},
};

/// A copy of a ledger that follows it.
pub struct Mirror {
    pub(super) source: Arc<dyn Source + Send>,
    pub(super) key: VerifyingKey,
    pub(super) keeps: Keeps,
    pub(super) folder: Folder,
    pub(super) ledger: Ledger,
    pub(super) copier: Copier,
    pub(super) pool: Arc<rayon::ThreadPool>,
    /// Indexes of entries whose words are asked for again.
    pub(super) wanted: BTreeSet<u64>,
    pub(super) lacking: Lacking,
    /// The size of the log up to which withholdings have been reported; not known after a start.
    pub(super) reported: Option<u64>,
    /// The bundle in which this pass refused an entry, if the bundle stands under the checkpoint.
    pub(super) refused: Option<Refused>,
    /// The refused entry for which a contradiction was searched last.
    pub(super) searched: Option<Searched>,
    /// The proof that the log signed two histories, kept here as long as it can't be written to the disk.
    pub(super) forked: Option<String>,
    /// Why the source did not give the last thing that this pass asked for in vain.
    pub(super) absent: Absent,
    /// Files that the source did not give in this pass.
    pub(super) not_given: BTreeSet<missing_files::Place>,
    pub(super) status: Arc<Status>,
}

/// The entries of a bundle that stands under the checkpoint and in which one was refused.
pub(super) struct Refused {
    /// Index of the first entry.
    pub first: u64,
    pub entries: Vec<Arc<[u8]>>,
}

impl Refused {
    /// The raw entry at `index`, if it is one of these.
    pub fn entry(&self, index: u64) -> Option<&Arc<[u8]>> {
        self.entries.get(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }
}

impl Mirror {
    /// Opens the mirror in the folder `dir`. A new one is made there if the source gives a checkpoint that `key` signed.
    ///
    /// # Errors
    /// [`MirrorError`]
    pub fn open(
        source: Arc<dyn Source + Send>,
        key: VerifyingKey,
        dir: &Path,
        keeps: Keeps,
        options: LedgerOptions,
    ) -> Result<Self, MirrorError> {
        let folder = Folder::new(dir);
        let begun = folder.heading().exists() || folder.checkpoint().exists();
        let heading =
            if begun { None } else { Some(seen(&*source, &key, keeps.policy.as_ref(), None)?.taken()) };
        let options = LedgerOptions {
            lacks_words: true,
            max_file: keeps.files.unwrap_or(0),
            // Only files that the log names are fetched.
            upload_quota: u64::MAX >> 8,
            ..options
        };
        let status = Arc::new(Status::new(source.describe()));
        if fork_in(&folder, &key).is_some() {
            status.forked();
        }
        let (ledger, mut copier) =
            Ledger::open_mirror(dir, &source.describe(), heading.clone(), &key, options)?;
        if let Some(heading) = heading {
            copier.head_for(&heading)?;
        }
        status.shows(ledger.reader().checkpoint().checkpoint().size());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = if source.is_far() { cores.max(8) } else { cores };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = Arc::new(pool.map_err(|e| MirrorError::Disk(format!("no threads to work with: {e}")))?);
        let mut this = Self {
            source,
            key,
            keeps,
            folder,
            ledger,
            copier,
            pool,
            wanted: BTreeSet::new(),
            lacking: Lacking::default(),
            reported: None,
            refused: None,
            searched: None,
            forked: None,
            absent: Absent::default(),
            not_given: BTreeSet::new(),
            status,
        };
        this.searched = std::fs::read(this.folder.searched()).ok().and_then(|bytes| Searched::read(&bytes));
        this.read_wanted()?;
        this.read_lacking()?;
        Ok(this)
    }

    /// The copy.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How far it has come, for the pages and metrics that tell of it.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// How many entries are verified and stored. While a pass runs, fewer of them may be shown; never more.
    pub fn size(&self) -> u64 {
        self.copier.frontier().size()
    }

    /// Whether all entries under the shown checkpoint are stored. More may be, on the way to a later checkpoint.
    pub fn is_whole(&self) -> bool {
        let reader = self.ledger.reader();
        reader.checkpoint().checkpoint().size() <= self.copier.frontier().size()
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("of", &self.source.describe()).finish_non_exhaustive()
    }
}
