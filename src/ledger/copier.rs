//! The writer of a mirror: puts into this folder what another ledger has on record, under the same rules.
//!
//! It writes no journal: entries that are not in tiles when the program ends are fetched again.

use std::{path::Path, sync::Arc};

use super::{
    batch::{Batch, NewEntry, Withheld, words_changed},
    claims::listed_files,
    layered::Layered,
    recent::Growth,
    shared::Shared,
    signals::Signals,
    withholding::claim,
};
use crate::{
    event::{Body, Content, Digest, EventId, Position},
    log::{
        AuditError, Auditor, Frontier, Hash, PutRows, Row, RowKey, Rows, SignedCheckpoint, SignedEntry, Time,
    },
    store::{disk::Placing, journal::Record},
};

/// An entry as it was fetched.
#[derive(Debug)]
pub(crate) struct Copied {
    pub raw: Arc<[u8]>,
    pub entry: Box<SignedEntry>,
    pub leaf: Hash,
    /// The words that it commits to, if they were fetched.
    pub words: Option<Arc<[u8]>>,
}

/// Why entries were not copied. Then none of them is shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// The entry breaks a rule.
    #[error("entry {index}: {error}")]
    Entry {
        /// Its index.
        index: u64,
        /// Which rule.
        error: AuditError,
    },
    /// The disk failed, here or in the follower.
    #[error("{0}")]
    Stopped(String),
}

/// The writer of a mirror.
pub(crate) struct Copier {
    pub shared: Arc<Shared>,
    pub signals: Arc<Signals>,
    /// Hash and time of the last entry.
    pub last: Option<(Digest, Time)>,
    /// The last checkpoint of the origin that was verified. Its entries are here, or are being fetched.
    pub heading: SignedCheckpoint,
    pub max_backlog: u64,
}

/// Rows of the entries that are being copied, over those that were copied before.
struct OverShared<'a> {
    batch: Batch,
    shared: &'a Shared,
}

impl Rows for OverShared<'_> {
    fn row(&self, key: &RowKey) -> Option<Row> {
        Layered { batches: [&self.batch], committed: self.shared }.row(key)
    }
}

impl PutRows for OverShared<'_> {
    fn put_rows(&mut self, rows: Vec<(RowKey, Row)>) {
        self.batch.put_rows(rows);
    }
}

impl Copier {
    /// The right edge of the tree over all that was copied.
    pub fn frontier(&self) -> Frontier {
        self.shared.recent().frontier.clone()
    }

    /// Keeps a checkpoint that was verified and that continues the last one, before its entries are copied.
    ///
    /// # Errors
    /// [`CopyError::Stopped`] if it can't be written.
    pub fn head_for(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), CopyError> {
        self.keep(&self.shared.folder().heading(), checkpoint.note().as_bytes())?;
        self.heading = checkpoint.clone();
        Ok(())
    }

    /// Writes a file of the mirror's own, whole or not at all.
    pub fn keep(&self, path: &Path, bytes: &[u8]) -> Result<(), CopyError> {
        // Named apart, since the follower places files in `tmp/` at the same time.
        let mut placing = Placing::named(self.shared.disk(), self.shared.folder().tmp(), "mirror");
        let placed = placing.place(path, bytes).and_then(|()| placing.sync());
        placed.map_err(|e| CopyError::Stopped(e.to_string()))
    }

    /// Copies the next entries. They are shown if `checkpoint` is given, which must cover all entries that are then here;
    /// otherwise with later ones.
    ///
    /// # Errors
    /// [`CopyError`]: the first entry that breaks a rule, or the disk.
    pub fn copy(
        &mut self,
        copies: Vec<Copied>,
        checkpoint: Option<Arc<SignedCheckpoint>>,
    ) -> Result<(), CopyError> {
        let shared = self.shared.clone();
        // A statement of its own, so that the lock is free before the wait: the follower needs it.
        let committed = shared.recent().extent();
        self.signals.wait_for_follower(committed, self.max_backlog);
        if let Some(why) = self.signals.fault() {
            return Err(CopyError::Stopped(why));
        }
        let frontier = self.frontier();
        let (base, new) = (frontier.size(), copies.len());
        let (prev, time) = self.last.map_or((Digest([0; 32]), None), |(hash, time)| (hash, Some(time)));
        let rows = OverShared { batch: Batch::with_room(base, prev, new), shared: &shared };
        let mut auditor = Auditor::resume(shared.origin().clone(), rows, frontier.clone(), prev, time);
        for (index, copied) in (base..).zip(&copies) {
            auditor.push(&copied.entry, copied.leaf).map_err(|error| CopyError::Entry { index, error })?;
        }
        let last = auditor.last_time().map(|time| (auditor.last_hash(), time));
        // All of them are good. Only now is what they change put into the batch.
        let mut batch = auditor.into_rows().batch;
        let growth = Growth::of(frontier, copies.iter().map(|copied| copied.leaf));
        let mut bytes = 0;
        for Copied { raw, entry, words, .. } in copies {
            let (header, event) = (entry.header(), entry.event());
            let rows = Layered { batches: [&batch], committed: &shared };
            let changed = words_changed(&rows, event, None);
            let mut withheld = None;
            let lacks_words = event.content().is_some() && words.is_none();
            if let Body::ContentWithheld(body) = event.body() {
                // The files are marked, so that their bytes are recognised. Once the words are removed, that is too late.
                let held = rows.event(&body.entry).and_then(|row| match batch.words_at(row.index) {
                    Some(words) => words,
                    None => shared.stored_words(row.index).ok().flatten(),
                });
                withheld = Withheld::of(body.entry, held);
            }
            let files = words.as_deref().map_or(Vec::new(), Content::files_named);
            let files = listed_files(header.index, &files);
            bytes += (raw.len() + words.as_ref().map_or(0, |w| w.len())) as u64;
            let record = Some(Record { entry: raw, words, restored: None });
            let (hash, words) = (entry.hash(), changed);
            batch.push(NewEntry { header, event, hash, files, record, words, withheld });
            if lacks_words {
                batch.lacks_words(header.index);
            }
        }
        let stopped = |e: &dyn std::fmt::Display| {
            self.signals.stop_because("what was copied could not be kept", e);
            CopyError::Stopped("the disk refused what was copied".into())
        };
        shared.marks().keep(batch.withheld()).map_err(|e| stopped(&e))?;
        batch.leave_out_withheld();
        let _held = self.signals.hold();
        self.last = last.or(self.last);
        shared.show(batch, growth, bytes, checkpoint);
        self.signals.wake();
        Ok(())
    }

    /// Shows the entries that are here, by a checkpoint over exactly these.
    ///
    /// # Errors
    /// [`CopyError::Stopped`] if it can't be written.
    pub fn show(&self, checkpoint: &Arc<SignedCheckpoint>) -> Result<(), CopyError> {
        let shown = self.shared.recent().checkpoint.clone();
        if shown.note() == checkpoint.note() {
            return Ok(());
        }
        let committed = self.shared.recent().extent();
        self.signals.wait_for_follower(committed, 1);
        self.keep(&self.shared.folder().checkpoint(), checkpoint.note().as_bytes())?;
        self.shared.show_checkpoint(checkpoint.clone());
        Ok(())
    }

    /// Keeps words that came later than their entry, if nothing withholds them by now.
    ///
    /// # Errors
    /// [`CopyError::Stopped`] if the index can't be written.
    pub fn give(&self, index: u64, id: &EventId, words: Arc<[u8]>) -> Result<(), CopyError> {
        let shared = &self.shared;
        let stopped = |e: &dyn std::fmt::Display| CopyError::Stopped(e.to_string());
        let _held = self.signals.hold();
        let fate = shared.fate(id);
        if fate.withheld_by(Position::Content).is_some() {
            return Ok(());
        }
        let files: Vec<_> = listed_files(index, &Content::files_named(&words))
            .into_iter()
            .filter(|f| fate.withheld_by(Position::File(f.position)).is_none())
            .collect();
        shared.index().add_files(&files).map_err(|e| stopped(&e))?;
        shared.give_words(index, words);
        claim(shared, &files.iter().map(|f| f.blake3).collect()).map_err(|e| stopped(&e))?;
        self.signals.wake();
        Ok(())
    }
}
