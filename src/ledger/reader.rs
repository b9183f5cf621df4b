//! Reading what is on record. No reader waits for the writer.

use std::{collections::BTreeSet, ops::Range, path::PathBuf, sync::Arc};

use tokio::sync::watch;

use super::{
    cosigned::{AskOutcome, Witnessed},
    error::{LedgerError, ReadError},
    footprint::{Changes, Footprint},
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
        Entry, EventRow, Fate, Hash, KeyRow, PartyRow, PathError, RowKey, Rows, SignedCheckpoint, TILE_WIDTH,
        TileKind, TilePath, TlogProof, consistency_path, inclusion_path,
    },
    note::{Origin, VerifyingKey},
    store::{disk::AtHand, index::By},
};

const WIDTH: u64 = TILE_WIDTH as u64;
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

/// Reads a ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Shared>, Option<Arc<Footprint>>);

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared, None)
    }
    /// The same, noting what is asked for.
    pub(crate) fn noting(&self, footprint: &Arc<Footprint>) -> Self {
        Self(self.0.clone(), Some(footprint.clone()))
    }
    /// The same, noting nothing: for whoever looks at no entry above a size that never changes.
    pub(crate) fn unnoted(&self) -> Self {
        Self(self.0.clone(), None)
    }
    /// Whether it notes what is asked for.
    pub(crate) fn is_noting(&self) -> bool {
        self.1.is_some()
    }
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
    /// When each thing that readers ask for last changed.
    pub(crate) fn changes(&self) -> &Changes {
        self.0.changes()
    }
    pub(super) fn count(&self) {
        self.0.count_read();
    }
    pub(super) fn note_row(&self, key: RowKey) {
        if let Some(footprint) = &self.1 {
            footprint.row(self.0.changes(), key);
        }
    }
    pub(super) fn note_list(&self, by: By) {
        if let Some(footprint) = &self.1 {
            footprint.list(self.0.changes(), by);
        }
    }
    /// Notes that the answer may change with any entry.
    pub(crate) fn note_everything(&self) {
        if let Some(footprint) = &self.1 {
            footprint.everything();
        }
    }

    /// The ledger's origin.
    pub fn origin(&self) -> &Origin {
        self.0.origin()
    }
    /// The log's key.
    pub fn log_key(&self) -> &VerifyingKey {
        self.0.log_key()
    }
    /// The latest checkpoint. It covers durable entries only.
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.note_everything();
        self.0.recent().checkpoint.clone()
    }
    /// The root of the tree of the first entries.
    ///
    /// # Errors
    /// [`ReadError`], also where there are not so many.
    pub(crate) fn root_of(&self, size: u64) -> Result<Hash, ReadError> {
        self.note_everything();
        crate::log::root(size, &*self.0)
    }
    /// The checkpoint to prove an entry by: of those that witnesses have cosigned, and that cover as many entries, the
    /// one with most cosignatures; the latest, if there is none.
    pub fn witnessed_checkpoint(&self, entries: u64) -> Arc<SignedCheckpoint> {
        self.note_everything();
        self.0.cosigned().covering(entries).unwrap_or_else(|| self.checkpoint())
    }
    /// The checkpoint to prove an entry by to somebody who keeps the proof, and tokens over it: as
    /// [`witnessed_checkpoint`](Self::witnessed_checkpoint), but of those with as many cosignatures the earliest that
    /// an authority has stamped, if one has. A token says "not later than", so an earlier one says more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn stamped_checkpoint(&self, entries: u64) -> Result<StampedCheckpoint, ReadError> {
        let witnessed = self.witnessed_checkpoint(entries);
        let most = witnessed.note().signatures().len().saturating_sub(1);
        let stamped = stamping::covering(&self.0, entries, most)?;
        Ok(stamped.unwrap_or_else(|| (witnessed, Vec::new())))
    }
    /// The checkpoint that most witnesses have cosigned, of those that cover so many entries.
    pub(crate) fn cosigned_checkpoint(&self, entries: u64) -> Option<Arc<SignedCheckpoint>> {
        self.0.cosigned().covering(entries)
    }
    /// The checkpoint of a size that an authority has stamped.
    ///
    /// # Errors
    /// [`LedgerError`] if it can't be read.
    pub(crate) fn stamped_of(&self, size: u64) -> Result<Option<SignedCheckpoint>, LedgerError> {
        stamping::checkpoint(&self.0, size)
    }
    /// What authorities have stamped.
    pub(crate) fn timestamped(&self) -> &Timestamped {
        self.0.timestamped()
    }
    /// The witnesses that this ledger asks, each with what it cosigned last.
    pub fn witnessed(&self) -> Vec<Witnessed> {
        self.note_everything();
        self.0.cosigned().witnessed()
    }
    /// How often cosignatures came.
    pub(crate) fn cosignatures(&self) -> u64 {
        self.0.cosigned().changes()
    }
    /// Counts what came of asking a witness.
    pub(crate) fn note_asked(&self, outcome: AskOutcome) {
        self.0.cosigned().note(outcome);
    }
    /// The checkpoint in `public/` with the log's own signature, told anew after each publication. Whoever looks rarely sees
    /// the latest only.
    pub fn watch_published(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.0.watch_published()
    }
    /// Entries whose words came later than they, since this was asked last.
    pub(crate) fn take_late(&self) -> BTreeSet<u64> {
        self.0.take_late()
    }
    /// How many entries are on record, told anew after each batch that was made durable. Whoever looks rarely
    /// sees the latest number only.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.watch()
    }
    /// Index of the latest entry that withholds something or gives it back, of those put on record since the ledger
    /// was opened.
    /// What was read when the log was larger knows all that is withheld.
    pub fn last_withheld(&self) -> Option<u64> {
        self.0.recent().last_withheld
    }
    /// A whole entry, raw; `None` at or above the checkpoint's size.
    ///
    /// # Errors
    /// [`ReadError`], as everywhere here, if the store fails.
    pub fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.count();
        // A mirror on its way has more than it shows.
        let is_shown = index < self.0.recent().checkpoint.checkpoint().size();
        let entry = if is_shown { self.0.entry(index)? } else { None };
        if entry.is_none() {
            self.note_everything();
        }
        Ok(entry)
    }
    /// A whole entry, parsed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn parsed(&self, index: u64) -> Result<Option<Entry<Event>>, ReadError> {
        self.entry(index)?.map(|e| self.0.parse(index, &e)).transpose()
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
        self.note_everything();
        self.0.words(index)
    }
    /// Gives entries in order, each with its words as they are now, as long as more are wanted. Reads
    /// each bundle once, so whoever goes through the log asks here.
    pub(crate) fn each(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(Entry<Event>, StoredWords) -> bool,
    ) -> Result<(), ReadError> {
        self.count();
        self.note_everything();
        let (mut from, mut wanted) = (range.start, true);
        while from < range.end && wanted {
            let to = range.end.min((from / WIDTH + 1) * WIDTH);
            self.0.each_stored(from..to, |index, raw, stored| {
                if !wanted {
                    return Ok(());
                }
                let entry = self.0.parse(index, raw)?;
                let id = entry.event().id();
                let words = match (entry.event().content(), stored) {
                    (None, _) => StoredWords::None,
                    // What withholds them comes before they leave the disk, so it is asked for after they were read.
                    (Some(committed), Some(words))
                        if committed.matches(words)
                            && self.0.fate(&id).withheld_by(Position::Content).is_none() =>
                    {
                        StoredWords::Present(words.into())
                    }
                    _ => self.0.words(index)?,
                };
                wanted = each(entry, words);
                Ok(())
            })?;
            from = to;
        }
        Ok(())
    }
    /// The words of an event that was read at an index.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn words_of(&self, index: u64, event: &Event) -> Result<StoredWords, ReadError> {
        self.count();
        self.note_row(RowKey::fate(&event.id()));
        self.0.words_of(index, event)
    }
    /// The words with this digest.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn content(&self, digest: &Digest) -> Result<Blob, ReadError> {
        self.note_everything();
        let mut found: Vec<u64> =
            self.0.overlay().listed().filter(|l| l.content == Some(*digest)).map(|l| l.index).collect();
        found.extend(self.0.index().with_content(digest)?);
        // Withheld in one place, it is served from none (formats.md, section 7).
        if let Some(id) = self.0.withheld_blob(digest).first()
            && let Some(by) = self.0.fate(id).withheld_by(Position::Content)
        {
            return Ok(Blob::Withheld(by));
        }
        for index in found {
            if let StoredWords::Present(words) = self.0.words(index)?
                && Digest::blake3(&words) == *digest
            {
                return Ok(Blob::Present(words));
            }
        }
        Ok(Blob::Unknown)
    }
    /// Indexes of the entries that name the file with this digest and do not withhold it, in order. While there is one it is
    /// served.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn file_named_by(&self, digest: &Digest) -> Result<Vec<u64>, ReadError> {
        self.note_everything();
        let mut indexes: Vec<u64> = self.0.open_claims(digest)?.iter().map(|claim| claim.index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        Ok(indexes)
    }
    /// Where the file with this digest lies, how large it is and its media type as its author gave it, if an
    /// accepted event names it and it is not withheld.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn file(&self, digest: &Digest) -> Result<Option<(PathBuf, u64, String)>, ReadError> {
        self.note_everything();
        let Some(claim) = self.0.open_claims(digest)?.into_iter().next() else { return Ok(None) };
        let (placed, waiting) = (self.0.folder().file(digest), self.0.folder().upload(digest));
        let disk = &self.0.disk();
        let path = if disk.exists(&placed) || !disk.exists(&waiting) { placed } else { waiting };
        Ok(Some((path, claim.size, claim.media)))
    }
    /// A tile, bundle or content tile, raw; full ones, and partial ones for every size that was signed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, path: &TilePath) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.note_everything();
        // A mirror on its way has more than it shows.
        if !path.is_within(self.0.recent().checkpoint.checkpoint().size()) {
            return Ok(None);
        }
        self.0.tile(path)
    }
    /// A full tile of hashes or entries that is known to be sound. `None` says nothing of the tile.
    pub(crate) fn tile_at_hand(&self, path: &TilePath) -> Option<SoundFile> {
        let file = self.0.tile_at_hand(path)?;
        self.0.known_sound(Name::Tile(*path), file).ok()
    }
    /// A full tile, to be read a part at a time, once it is known to be sound. `None` says nothing of the tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn tile_in_parts(&self, path: &TilePath) -> Result<Option<SoundFile>, ReadError> {
        self.note_everything();
        let within = path.is_within(self.0.recent().checkpoint.checkpoint().size());
        let open = || self.0.tile_at_hand(path).or_else(|| self.0.contents_at_hand(path));
        let file = if within { open() } else { None };
        file.map(|file| self.0.sound(Name::Tile(*path), file)).transpose()
    }
    /// A bundle or content tile that is not on disk as it is asked for, to be read a part at a time. `None` says nothing of
    /// the tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn partial_tile(&self, path: &TilePath) -> Result<Option<PartialTile>, ReadError> {
        self.note_everything();
        let first = path.index() * WIDTH;
        let range = first..first + u64::from(path.width());
        let full = {
            let recent = self.0.recent();
            let is_hashes = matches!(path.kind(), TileKind::Hashes { .. });
            if is_hashes || !path.is_within(recent.checkpoint.checkpoint().size()) {
                return Ok(None);
            }
            if first >= recent.start {
                let items = range.map(|index| recent.item(index)).collect::<Option<Vec<_>>>();
                return Ok(items.map(|items| PartialTile::of_items(path.kind(), items)));
            }
            // What withholds words or gives them back is on its way to the disk.
            if path.kind() == TileKind::Contents && recent.pending.range(range).next().is_some() {
                return Ok(None);
            }
            path.full()
        };
        let Some(file) = self.0.disk().open_at_hand(&self.0.folder().tile(&full)) else { return Ok(None) };
        let sound = self.0.sound(Name::Tile(full), file)?;
        let tile = PartialTile::beginning(path.kind(), sound, path.width());
        tile.map(Some).map_err(|e| ReadError::Fault(format!("{path}: {e}")))
    }
    /// A file of this digest that was opened, once it is known to be sound.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn sound_file(&self, digest: &Digest, file: AtHand) -> Result<SoundFile, ReadError> {
        let name = Name::File(*digest);
        match self.0.known_sound(name, file) {
            Ok(known) => Ok(known),
            Err(file) => self.0.sound(name, file),
        }
    }
    /// Takes note of what is damaged, or missing, in `public/`.
    pub(crate) fn note_damaged(&self, name: &str, why: &str) {
        self.0.sound_files().note(name, why);
    }
    /// What was found damaged or missing in `public/`, with why; it is not served.
    pub fn damaged(&self) -> Vec<(String, String)> {
        self.0.sound_files().damaged()
    }
    /// The proof of an entry in the given checkpoint of this log (the latest one, or a receipt's).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proof(&self, index: u64, checkpoint: &SignedCheckpoint) -> Result<Option<TlogProof>, ReadError> {
        match inclusion_path(index, checkpoint.checkpoint().size(), &*self.0) {
            Ok(path) => TlogProof::new(index, path, checkpoint.note().clone())
                .map(Some)
                .map_err(|e| ReadError::Fault(e.to_string())),
            Err(PathError::Read(e)) => Err(e),
            Err(_) => Ok(None),
        }
    }
    /// The proof that the tree of one size extends that of another; `None` unless `old <= new <= size`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        if new > self.checkpoint().checkpoint().size() {
            return Ok(None);
        }
        match consistency_path(old, new, &*self.0) {
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
        let row = self.0.event(id);
        // It never changes once it is there.
        if row.is_none() {
            self.note_row(RowKey::event(id));
        }
        Ok(row)
    }
    /// What later events did to an event: voided, closed, withheld positions.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn fate(&self, id: &EventId) -> Result<Fate, ReadError> {
        self.count();
        self.note_row(RowKey::fate(id));
        Ok(self.0.fate(id))
    }
    /// What the rules know of a party: kind, fictional, roles.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn party(&self, id: &EventId) -> Result<Option<PartyRow>, ReadError> {
        self.count();
        self.note_row(RowKey::party(id));
        Ok(Rows::party(&*self.0, id))
    }
    /// Whether an id is that of an event that opens a case.
    pub(crate) fn is_case(&self, id: &EventId) -> Result<bool, ReadError> {
        Ok(self.event_row(id)?.is_some_and(|row| row.event_type == EventType::CaseOpened))
    }
    /// How many entries a thread has.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn thread_len(&self, id: &EventId) -> Result<u64, ReadError> {
        self.count();
        self.note_row(RowKey::thread(id));
        Ok(Rows::thread_len(&*self.0, id))
    }
    /// A key, in its whole history.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn key(&self, key: &[u8; 32]) -> Result<Option<KeyRow>, ReadError> {
        self.count();
        self.note_row(RowKey::key(key));
        Ok(Rows::key(&*self.0, key))
    }
    /// The operator's party id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn operator(&self) -> Result<Option<EventId>, ReadError> {
        self.note_row(RowKey::ledger());
        Ok(self.0.ledger().map(|(operator, _)| operator))
    }
}
