//! Reading what is on record. No reader waits for the writer.

use std::{collections::BTreeSet, ops::Range, path::PathBuf, sync::Arc};

use tokio::sync::watch;

use super::{
    cosigned::{AskOutcome, Witnessed},
    error::{LedgerError, ReadError},
    observed::{Reader, StandsOn},
    partial_tile::PartialTile,
    shared::Shared,
    sound::{Name, SoundFile},
    stamping,
    stored::StoredWords,
    timestamped::{StampedCheckpoint, Timestamped},
};
use crate::{
    event::{Digest, Event, EventId, EventType, Position},
    log::{
        Entry, EventRow, Fate, Hash, KeyRow, PartyRow, PathError, RowKey, Rows, SignedCheckpoint, TILE_ITEMS,
        TileKind, TilePath, TlogProof, consistency_path, inclusion_path,
    },
    note::{Origin, VerifyingKey},
    store::disk::AtHand,
};

/// What is served under a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// The bytes.
    Present(Arc<[u8]>),
    /// Withheld by the entry at this index.
    Withheld(u64),
    /// No accepted event names it.
    Unknown,
}

impl Reader {
    /// The ledger's origin.
    pub fn origin(&self) -> &Origin {
        self.read(StandsOn::Fixed).origin()
    }
    /// The log's key.
    pub fn log_key(&self) -> &VerifyingKey {
        self.read(StandsOn::Fixed).log_key()
    }
    /// The latest checkpoint. It covers durable entries only.
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.read(StandsOn::Everything).recent().checkpoint.clone()
    }
    /// The root of the tree of the first `size` entries.
    ///
    /// # Errors
    /// [`ReadError`], also if there are fewer.
    pub(crate) fn root_of(&self, size: u64) -> Result<Hash, ReadError> {
        crate::log::root(size, &**self.read(StandsOn::Everything))
    }
    /// The checkpoint to prove one of the first `entries` entries by: of the cosigned checkpoints that cover these, the one
    /// with most cosignatures; the latest checkpoint if there is none.
    pub fn witnessed_checkpoint(&self, entries: u64) -> Arc<SignedCheckpoint> {
        self.read(StandsOn::Everything).cosigned().covering(entries).unwrap_or_else(|| self.checkpoint())
    }
    /// The checkpoint for a proof that is to be kept, with the tokens of authorities over it. It has as many cosignatures as
    /// [`witnessed_checkpoint`](Self::witnessed_checkpoint); of all such, it is the earliest that an authority has stamped, if
    /// one has. A token says "not later than", so an earlier one says more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn stamped_checkpoint(&self, entries: u64) -> Result<StampedCheckpoint, ReadError> {
        let witnessed = self.witnessed_checkpoint(entries);
        let most = witnessed.note().signatures().len().saturating_sub(1);
        let stamped = stamping::covering(self.read(StandsOn::Everything), entries, most)?;
        Ok(stamped.unwrap_or_else(|| (witnessed, Vec::new())))
    }
    /// Of the cosigned checkpoints that cover the first `entries` entries, the one with most cosignatures.
    pub(crate) fn cosigned_checkpoint(&self, entries: u64) -> Option<Arc<SignedCheckpoint>> {
        self.read(StandsOn::Beside).cosigned().covering(entries)
    }
    /// The checkpoint of this size, if an authority has stamped it.
    ///
    /// # Errors
    /// [`LedgerError`] if it can't be read.
    pub(crate) fn stamped_of(&self, size: u64) -> Result<Option<SignedCheckpoint>, LedgerError> {
        stamping::checkpoint(self.read(StandsOn::Beside), size)
    }
    /// What authorities have stamped.
    pub(crate) fn timestamped(&self) -> &Timestamped {
        self.read(StandsOn::Beside).timestamped()
    }
    /// The witnesses that this ledger asks, each with what it cosigned last.
    pub fn witnessed(&self) -> Vec<Witnessed> {
        self.read(StandsOn::Everything).cosigned().witnessed()
    }
    /// How often cosignatures were added.
    pub(crate) fn cosignatures(&self) -> u64 {
        self.read(StandsOn::Beside).cosigned().changes()
    }
    /// Counts what came of asking a witness.
    pub(crate) fn count_asked(&self, outcome: AskOutcome) {
        self.read(StandsOn::Beside).cosigned().count(outcome);
    }
    /// The checkpoint in `public/` with the log's own signature, sent anew after each publication. A slow receiver sees only
    /// the latest.
    pub fn watch_published(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.read(StandsOn::Beside).watch_published()
    }
    /// Entries whose words came after the entry itself, since this was last called.
    pub(crate) fn take_late(&self) -> BTreeSet<u64> {
        self.read(StandsOn::Beside).take_late()
    }
    /// The number of entries on record, sent anew after each batch that was made durable. A slow receiver sees only
    /// the latest number.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.read(StandsOn::Beside).watch()
    }
    /// Index of the latest entry that withholds something or gives it back, of those recorded since the ledger was opened.
    /// An answer that was read when the log was already larger takes account of all that is withheld.
    pub fn last_withheld(&self) -> Option<u64> {
        self.read(StandsOn::Beside).recent().last_withheld
    }
    /// A whole entry, raw; `None` at or above the checkpoint's size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.count();
        // A mirror may have entries above its checkpoint, which it does not show.
        let read = |shared: &Arc<Shared>| {
            let is_shown = index < shared.recent().checkpoint.checkpoint().size();
            if is_shown { shared.entry(index) } else { Ok(None) }
        };
        self.read_then(read, |entry| entry.is_none().then_some(StandsOn::Everything))
    }
    /// A whole entry, parsed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn parsed(&self, index: u64) -> Result<Option<Entry<Event>>, ReadError> {
        self.entry(index)?.map(|e| self.read(StandsOn::Fixed).parse(index, &e)).transpose()
    }
    /// The index of an event.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn index_of(&self, id: &EventId) -> Result<Option<u64>, ReadError> {
        self.count();
        Ok(self.event_row(id)?.map(|row| row.index))
    }
    /// The words of an entry.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn words(&self, index: u64) -> Result<StoredWords, ReadError> {
        self.count();
        self.read(StandsOn::Everything).words(index)
    }
    /// Calls `each` for the entries of a range in order, each with its words as they are now, until it returns false. Reads each
    /// bundle once, so this is the way to go through the log.
    pub(crate) fn each(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(Entry<Event>, StoredWords) -> bool,
    ) -> Result<(), ReadError> {
        self.count();
        let shared = self.read(StandsOn::Everything);
        let (mut from, mut wanted) = (range.start, true);
        while from < range.end && wanted {
            let to = range.end.min((from / TILE_ITEMS + 1) * TILE_ITEMS);
            shared.each_stored(from..to, |index, raw, stored| {
                if !wanted {
                    return Ok(());
                }
                let entry = shared.parse(index, raw)?;
                let id = entry.event().id();
                let words = match (entry.event().content(), stored) {
                    (None, _) => StoredWords::None,
                    // An entry that withholds words is on record before they leave the disk. So it is asked for after they
                    // were read.
                    (Some(committed), Some(words))
                        if committed.matches(words)
                            && shared.fate(&id).withheld_by(Position::Content).is_none() =>
                    {
                        StoredWords::Present(words.into())
                    }
                    _ => shared.words(index)?,
                };
                wanted = each(entry, words);
                Ok(())
            })?;
            from = to;
        }
        Ok(())
    }
    /// The words of an event that is on record at this index.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn words_of(&self, index: u64, event: &Event) -> Result<StoredWords, ReadError> {
        self.count();
        self.read(StandsOn::Row(RowKey::fate(&event.id()))).words_of(index, event)
    }
    /// The words with this digest.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn content(&self, digest: &Digest) -> Result<Blob, ReadError> {
        let shared = self.read(StandsOn::Everything);
        let mut found: Vec<u64> =
            shared.overlay().listed().filter(|l| l.content == Some(*digest)).map(|l| l.index).collect();
        found.extend(shared.index().with_content(digest)?);
        // Words that are withheld at one entry are served for none (formats.md, section 7).
        if let Some(id) = shared.withheld_blob(digest).first()
            && let Some(by) = shared.fate(id).withheld_by(Position::Content)
        {
            return Ok(Blob::Withheld(by));
        }
        for index in found {
            if let StoredWords::Present(words) = shared.words(index)?
                && Digest::blake3(&words) == *digest
            {
                return Ok(Blob::Present(words));
            }
        }
        Ok(Blob::Unknown)
    }
    /// Indexes, in order, of the entries that name the file with this digest and at which it is not withheld. While there is
    /// one, the file is served.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn file_named_by(&self, digest: &Digest) -> Result<Vec<u64>, ReadError> {
        let mut indexes: Vec<u64> =
            self.read(StandsOn::Everything).open_claims(digest)?.iter().map(|claim| claim.index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        Ok(indexes)
    }
    /// The path of the file with this digest, its size in bytes, and its media type as its author gave it. `None` unless an
    /// accepted event names it and it is not withheld.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn file(&self, digest: &Digest) -> Result<Option<(PathBuf, u64, String)>, ReadError> {
        let shared = self.read(StandsOn::Everything);
        let Some(claim) = shared.open_claims(digest)?.into_iter().next() else { return Ok(None) };
        let (placed, waiting) = (shared.folder().file(digest), shared.folder().upload(digest));
        let disk = &shared.disk();
        let path = if disk.exists(&placed) || !disk.exists(&waiting) { placed } else { waiting };
        Ok(Some((path, claim.size, claim.media)))
    }
    /// A tile, bundle or content tile, raw: full ones, and partial ones for every size that was signed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, path: &TilePath) -> Result<Option<Arc<[u8]>>, ReadError> {
        let shared = self.read(StandsOn::Everything);
        // A mirror may have entries above its checkpoint, which it does not show.
        if !path.is_within(shared.recent().checkpoint.checkpoint().size()) {
            return Ok(None);
        }
        shared.tile(path)
    }
    /// A full tile of hashes or entries, if it is already known to be sound. `None` does not say that there is no such tile.
    pub(crate) fn tile_at_hand(&self, path: &TilePath) -> Option<SoundFile> {
        let file = self.read(StandsOn::Beside).tile_at_hand(path)?;
        self.read(StandsOn::Beside).known_sound(Name::Tile(*path), file).ok()
    }
    /// A full tile, to be read in parts. It is checked first, if it is not known to be sound. `None` does not say that there is
    /// no such tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn tile_in_parts(&self, path: &TilePath) -> Result<Option<SoundFile>, ReadError> {
        let shared = self.read(StandsOn::Everything);
        let within = path.is_within(shared.recent().checkpoint.checkpoint().size());
        let open = || shared.tile_at_hand(path).or_else(|| shared.contents_at_hand(path));
        let file = if within { open() } else { None };
        file.map(|file| shared.sound(Name::Tile(*path), file)).transpose()
    }
    /// A bundle or content tile that is no file of its own, to be read in parts. `None` does not say that there is no such tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn partial_tile(&self, path: &TilePath) -> Result<Option<PartialTile>, ReadError> {
        let shared = self.read(StandsOn::Everything);
        let first = path.index() * TILE_ITEMS;
        let range = first..first + u64::from(path.width());
        let full = {
            let recent = shared.recent();
            let is_hashes = matches!(path.kind(), TileKind::Hashes { .. });
            if is_hashes || !path.is_within(recent.checkpoint.checkpoint().size()) {
                return Ok(None);
            }
            if first >= recent.start {
                let items = range.map(|index| recent.item(index)).collect::<Option<Vec<_>>>();
                return Ok(items.map(|items| PartialTile::of_items(path.kind(), items)));
            }
            // Words of this tile that were withheld or given back are not changed on disk yet.
            if path.kind() == TileKind::Contents && recent.pending.range(range).next().is_some() {
                return Ok(None);
            }
            path.full()
        };
        let Some(file) = shared.disk().open_at_hand(&shared.folder().tile(&full)) else { return Ok(None) };
        let sound = shared.sound(Name::Tile(full), file)?;
        let tile = PartialTile::beginning(path.kind(), sound, path.width());
        tile.map(Some).map_err(|e| ReadError::Fault(format!("{path}: {e}")))
    }
    /// An opened file that should have this digest. It is checked first, if it is not known to be sound.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn sound_file(&self, digest: &Digest, file: AtHand) -> Result<SoundFile, ReadError> {
        let name = Name::File(*digest);
        match self.read(StandsOn::Beside).known_sound(name, file) {
            Ok(known) => Ok(known),
            Err(file) => self.read(StandsOn::Beside).sound(name, file),
        }
    }
    /// Notes that the file `name` in `public/` is damaged or missing.
    pub(crate) fn report_damaged(&self, name: &str, why: &str) {
        self.read(StandsOn::Beside).sound_files().report_damaged(name, why);
    }
    /// The files in `public/` that were found damaged or missing, each with the reason. They are not served.
    pub fn damaged(&self) -> Vec<(String, String)> {
        self.read(StandsOn::Beside).sound_files().damaged()
    }
    /// The proof of an entry in the given checkpoint of this log (the latest one, or a receipt's). `None` if the checkpoint does
    /// not cover it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proof(&self, index: u64, checkpoint: &SignedCheckpoint) -> Result<Option<TlogProof>, ReadError> {
        match inclusion_path(index, checkpoint.checkpoint().size(), &**self.read(StandsOn::Fixed)) {
            Ok(path) => TlogProof::new(index, path, checkpoint.note().clone())
                .map(Some)
                .map_err(|e| ReadError::Fault(e.to_string())),
            Err(PathError::Read(e)) => Err(e),
            Err(_) => Ok(None),
        }
    }
    /// The proof that the tree of `new` entries extends that of `old` entries; `None` unless `old <= new <= size`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        if new > self.checkpoint().checkpoint().size() {
            return Ok(None);
        }
        match consistency_path(old, new, &**self.read(StandsOn::Fixed)) {
            Ok(path) => Ok(Some(path)),
            Err(PathError::Read(e)) => Err(e),
            Err(_) => Ok(None),
        }
    }
    /// What the rules know of an event.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn event_row(&self, id: &EventId) -> Result<Option<Arc<EventRow>>, ReadError> {
        self.count();
        // A row that was found never changes.
        let stands_on = |row: &Option<_>| row.is_none().then_some(StandsOn::Row(RowKey::event(id)));
        self.read_then(|shared| Ok(shared.event(id)), stands_on)
    }
    /// What later events did to an event: voided, closed, withheld positions.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn fate(&self, id: &EventId) -> Result<Fate, ReadError> {
        self.count();
        Ok(self.read(StandsOn::Row(RowKey::fate(id))).fate(id))
    }
    /// What the rules know of a party: kind, fictional, roles.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn party(&self, id: &EventId) -> Result<Option<PartyRow>, ReadError> {
        self.count();
        Ok(Rows::party(&**self.read(StandsOn::Row(RowKey::party(id))), id))
    }
    /// Whether an id is that of an event that opens a case.
    pub(crate) fn is_case(&self, id: &EventId) -> Result<bool, ReadError> {
        Ok(self.event_row(id)?.is_some_and(|row| row.event_type == EventType::CaseOpened))
    }
    /// The number of entries in a thread.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn thread_len(&self, id: &EventId) -> Result<u64, ReadError> {
        self.count();
        Ok(Rows::thread_len(&**self.read(StandsOn::Row(RowKey::thread(id))), id))
    }
    /// What the rules know of a key, with its whole history.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn key(&self, key: &[u8; 32]) -> Result<Option<KeyRow>, ReadError> {
        self.count();
        Ok(Rows::key(&**self.read(StandsOn::Row(RowKey::key(key))), key))
    }
    /// The operator's party id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn operator(&self) -> Result<Option<EventId>, ReadError> {
        Ok(self.read(StandsOn::Row(RowKey::ledger())).ledger().map(|(operator, _)| operator))
    }
}
