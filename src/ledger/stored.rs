//! Reading what is stored: entries, words, tiles and nodes, in memory or on disk. Nothing is given to a reader before it was
//! checked against what the log commits to.

use std::{io, ops::Range, sync::Arc};

use super::{
    claims::{is_closed, listed_files},
    error::ReadError,
    recent::ItemWords,
    shared::Shared,
    sound::{Blocks, Name, SoundFile},
};
use crate::{
    event::{Content, ContentRef, Digest, Event, EventId, MAX_CONTENT, Position},
    log::{
        Entry, Hash, MAX_ENTRY, NodeReader, Rows, TILE_HEIGHT, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath,
        Words, decode_bundle, decode_contents, decode_hashes, encode_bundle, encode_contents, encode_hashes,
        leaf_hash, node_in_tile, subtree_root, tile_of_node,
    },
    store::{
        disk::AtHand,
        index::{By, ListedFile},
    },
};

/// Most bytes of a bundle.
const MOST_OF_TILE: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY);

/// The words of an entry, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredWords {
    /// The event commits to no words.
    None,
    /// The words, raw.
    Present(Arc<[u8]>),
    /// Withheld by the entry at this index.
    Withheld(u64),
    /// Missing here, though nothing on the log withholds them.
    Missing,
}

impl Shared {
    /// A full tile, from disk or from the cache. A tile of hashes or entries is checked against the tree. A content tile is
    /// given as it lies on disk: the caller checks words against what their entries commit to. Content tiles change when words
    /// are withheld, so they are not kept in the cache.
    pub fn full_tile(&self, path: TilePath) -> Result<Arc<[u8]>, ReadError> {
        if let Some(bytes) = self.tiles().get(&path) {
            return Ok(bytes);
        }
        let file = self.folder().tile(&path);
        let bytes: Arc<[u8]> = match self.disk().read(&file) {
            Ok(Some(bytes)) => bytes.into(),
            Ok(None) => return Err(self.damaged(&path.to_string(), "missing")),
            Err(e) => return Err(ReadError::Fault(format!("read {}: {e}", file.display()))),
        };
        if path.kind() != TileKind::Contents {
            self.check_tile(&path, &bytes)?;
            self.tiles().put(path, bytes.clone());
        }
        Ok(bytes)
    }

    /// An entry, raw. `None` if the log has no entry at this index.
    pub fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        {
            let recent = self.recent();
            if index >= recent.size() {
                return Ok(None);
            }
            if let Some(item) = recent.item(index) {
                return Ok(Some(item.entry.clone()));
            }
        }
        let (path, item) = (full(TileKind::Entries, index / TILE_ITEMS)?, index % TILE_ITEMS);
        // A bundle never changes, but it may rot. If this entry is not right, the bundle is read and checked as a whole, which
        // tells what is wrong.
        if let Some(bytes) = self.item(&path, item)?
            && let Some(entry) = bytes.get(2..)
            && self.node(0, index)? == leaf_hash(entry)
        {
            return Ok(Some(Arc::from(entry)));
        }
        let bytes = self.full_tile(path)?;
        let entries =
            decode_bundle(&bytes, TILE_WIDTH).map_err(|e| self.damaged(&path.to_string(), &e.to_string()))?;
        self.offsets().put_entries(path, &entries);
        Ok(entries.get(item as usize).map(|e| Arc::from(*e)))
    }

    /// An item of a full tile, with the length that stands before it, read from the place where that tile had it when it was last
    /// read. `None` if the place is not known, or the file does not reach that far any more.
    fn item(&self, path: &TilePath, item: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(range) = self.offsets().range(path, item) else { return Ok(None) };
        let file = self.folder().tile(path);
        let read = self.disk().read_range(&file, range);
        read.map_err(|e| ReadError::Fault(format!("read {}: {e}", file.display())))
    }

    /// The stored words of an entry, if they are those that it commits to. They are read from their known place in the tile. If
    /// other bytes stand there, the tile may have been written anew since, and is read whole.
    fn committed_words(&self, index: u64, committed: &ContentRef) -> Result<Option<Arc<[u8]>>, ReadError> {
        // The lock is taken once for both: a second take would wait for a writer that waits for the first.
        let settled = {
            let recent = self.recent();
            index < recent.start && !recent.pending.contains_key(&index)
        };
        if settled {
            let path = full(TileKind::Contents, index / TILE_ITEMS)?;
            let item = self.item(&path, index % TILE_ITEMS)?;
            if let Some(words) = item.as_deref().and_then(|i| i.get(4..)).filter(|w| committed.matches(w)) {
                return Ok(Some(words.into()));
            }
        }
        Ok(self.stored_words(index)?.filter(|words| committed.matches(words)))
    }

    /// The words of an entry as they are stored, unchecked, and even if the log withholds them.
    pub fn stored_words(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        {
            let recent = self.recent();
            if let Some(Some(words)) = recent.pending.get(&index) {
                return Ok(Some(words.clone()));
            }
            if let Some(item) = recent.item(index) {
                return Ok(match &item.words {
                    ItemWords::Present(words) => Some(words.clone()),
                    _ => None,
                });
            }
        }
        let path = full(TileKind::Contents, index / TILE_ITEMS)?;
        let bytes = self.full_tile(path)?;
        let words = decode_contents(&bytes, TILE_WIDTH)
            .map_err(|e| self.damaged(&path.to_string(), &e.to_string()))?;
        self.offsets().put_words(path, &words);
        Ok(match words.get((index % TILE_ITEMS) as usize) {
            Some(Words::Present(words)) => Some(Arc::from(*words)),
            _ => None,
        })
    }

    /// Calls `each` for entries of one bundle, with their words as they are stored: unchecked, and even if the log withholds
    /// them. Reads and decodes each tile once.
    pub fn each_stored(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(u64, &[u8], Option<&[u8]>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let bundle = range.start / TILE_ITEMS;
        let (start, pending) = {
            let recent = self.recent();
            (recent.start, recent.pending.range(range.clone()).next().is_some())
        };
        if pending || range.end > start {
            for index in range {
                let missing = || ReadError::Fault(format!("entry {index} is missing"));
                let (entry, words) = (self.entry(index)?.ok_or_else(missing)?, self.stored_words(index)?);
                each(index, &entry, words.as_deref())?;
            }
            return Ok(());
        }
        let (entries_at, words_at) = (full(TileKind::Entries, bundle)?, full(TileKind::Contents, bundle)?);
        let (entries, words) = (self.full_tile(entries_at)?, self.full_tile(words_at)?);
        let entries = decode_bundle(&entries, TILE_WIDTH)
            .map_err(|e| self.damaged(&entries_at.to_string(), &e.to_string()))?;
        let words = decode_contents(&words, TILE_WIDTH)
            .map_err(|e| self.damaged(&words_at.to_string(), &e.to_string()))?;
        for (index, (entry, words)) in (bundle * TILE_ITEMS..).zip(entries.iter().zip(words)) {
            if range.contains(&index) {
                let words = match words {
                    Words::Present(words) => Some(words),
                    _ => None,
                };
                each(index, entry, words)?;
            }
        }
        Ok(())
    }

    /// The words of the entry at an index.
    pub fn words(&self, index: u64) -> Result<StoredWords, ReadError> {
        let Some(entry) = self.entry(index)? else { return Ok(StoredWords::None) };
        let entry = self.parse(index, &entry)?;
        self.words_of(index, entry.event())
    }

    /// The words of an event that is on record at this index.
    pub fn words_of(&self, index: u64, event: &Event) -> Result<StoredWords, ReadError> {
        let Some(committed) = event.content() else { return Ok(StoredWords::None) };
        let withheld = || self.fate(&event.id()).withheld_by(Position::Content).map(StoredWords::Withheld);
        if let Some(withheld) = withheld() {
            return Ok(withheld);
        }
        if let Some(words) = self.committed_words(index, committed)? {
            return Ok(StoredWords::Present(words));
        }
        // They may have been withheld since the first look: the entry that withholds them is on record before they leave the
        // disk.
        match withheld() {
            Some(withheld) => Ok(withheld),
            None if self.lacks_words() => Ok(StoredWords::Missing),
            // An answer without them would look complete and say less than was recorded.
            None => Err(self.lost_words(index)),
        }
    }

    /// Notes that words are missing though nothing withholds them.
    fn lost_words(&self, index: u64) -> ReadError {
        let path = full(TileKind::Contents, index / TILE_ITEMS)
            .map_or_else(|e| e.to_string(), |path| path.to_string());
        self.damaged(&path, &format!("the words of entry {index} are not those it commits to"))
    }

    pub fn parse(&self, index: u64, entry: &[u8]) -> Result<Entry<Event>, ReadError> {
        Entry::parse(entry, self.origin()).map_err(|e| ReadError::Fault(format!("entry {index}: {e}")))
    }

    /// A content tile, full or partial. It may have 64 MiB, so its words are in memory only once beside the result.
    pub fn contents(&self, path: &TilePath) -> Result<Vec<u8>, ReadError> {
        let first = path.index() * TILE_ITEMS;
        let fault = |e: &dyn std::fmt::Display| ReadError::Fault(format!("{path}: {e}"));
        let recent = self.recent();
        if first >= recent.start {
            let items = (first..first + u64::from(path.width())).map(|i| recent.item(i));
            let owned: Vec<ItemWords> = items.flatten().map(|i| i.words.clone()).collect();
            drop(recent);
            let words: Vec<Words<'_>> = owned.iter().map(Words::from).collect();
            return encode_contents(&words).map_err(|e| fault(&e));
        }
        let pending: Vec<_> =
            recent.pending.range(first..first + TILE_ITEMS).map(|(i, w)| (*i, w.clone())).collect();
        drop(recent);
        let tile = self.full_tile(path.full())?;
        self.check_tile(&path.full(), &tile)?;
        let mut words = decode_contents(&tile, TILE_WIDTH).map_err(|e| fault(&e))?;
        words.truncate(usize::from(path.width()));
        for (index, pending) in &pending {
            if let Some(slot) = words.get_mut((index - first) as usize) {
                *slot = pending.as_deref().map_or(Words::Withheld, Words::Present);
            }
        }
        encode_contents(&words).map_err(|e| fault(&e))
    }

    /// A full content tile whose file needs no change before it is given, if it can be read in parts.
    pub fn contents_at_hand(&self, path: &TilePath) -> Option<AtHand> {
        let first = path.index() * TILE_ITEMS;
        let recent = self.recent();
        let settled = path.kind() == TileKind::Contents
            && path.is_full()
            && first + TILE_ITEMS <= recent.start
            && recent.pending.range(first..first + TILE_ITEMS).next().is_none();
        drop(recent);
        if settled { self.disk().open_at_hand(&self.folder().tile(path)) } else { None }
    }

    /// A full tile of hashes or entries that is on disk, if it can be read in parts.
    pub fn tile_at_hand(&self, path: &TilePath) -> Option<AtHand> {
        let start = self.recent().start;
        if is_settled(path, start) { self.disk().open_at_hand(&self.folder().tile(path)) } else { None }
    }

    /// A tile, full or partial. `None` if it is not in the log.
    pub fn tile(&self, path: &TilePath) -> Result<Option<Arc<[u8]>>, ReadError> {
        let (size, start) = {
            let recent = self.recent();
            (recent.size(), recent.start)
        };
        if !path.is_within(size) {
            return Ok(None);
        }
        if is_settled(path, start) {
            return self.full_tile(*path).map(Some);
        }
        let first = path.index() * TILE_ITEMS;
        let fault = |e: &dyn std::fmt::Display| ReadError::Fault(format!("{path}: {e}"));
        let bytes: Vec<u8> = match path.kind() {
            TileKind::Contents => return Ok(Some(self.contents(path)?.into())),
            TileKind::Entries if first < start => {
                let tile = self.full_tile(path.full())?;
                let entries = decode_bundle(&tile, TILE_WIDTH).map_err(|e| fault(&e))?;
                encode_bundle(&entries[..usize::from(path.width())]).map_err(|e| fault(&e))?
            }
            TileKind::Entries => {
                let recent = self.recent();
                let entries: Vec<Arc<[u8]>> = (first..first + u64::from(path.width()))
                    .filter_map(|i| recent.item(i).map(|item| item.entry.clone()))
                    .collect();
                if entries.len() != usize::from(path.width()) {
                    // Items were dropped from memory between the two looks: by now the full bundle is on disk.
                    drop(recent);
                    return self.tile(path);
                }
                encode_bundle(&entries).map_err(|e| fault(&e))?
            }
            TileKind::Hashes { level } => {
                let height = level * TILE_HEIGHT;
                let hashes = (first..first + u64::from(path.width()))
                    .map(|i| self.node(height, i))
                    .collect::<Result<Vec<Hash>, _>>()?;
                encode_hashes(&hashes).map_err(|e| fault(&e))?
            }
        };
        Ok(Some(bytes.into()))
    }

    /// The places (entry and position) that name the file with this digest, and at which `rows` withhold neither the file nor the
    /// words.
    pub fn claims_under(&self, digest: &Digest, rows: &impl Rows) -> Result<Vec<ListedFile>, ReadError> {
        // The overlay is read before the index: what leaves it meanwhile is in the index by then.
        let mut claims: Vec<ListedFile> = {
            let overlay = self.overlay();
            overlay.listed().flat_map(|l| &l.files).filter(|f| f.blake3 == *digest).cloned().collect()
        };
        let layered: Vec<(u64, u32)> = claims.iter().map(|c| (c.index, c.position)).collect();
        for place in self.index().with_file(digest)?.into_iter().filter(|p| !layered.contains(p)) {
            // The index knows only the place; the rest is in the words.
            let Some(entry) = self.entry(place.0)? else { continue };
            let entry = self.parse(place.0, &entry)?;
            let Some(committed) = entry.event().content() else { continue };
            let Some(words) = self.committed_words(place.0, committed)? else {
                let is_withheld = rows.fate(&entry.event().id()).withheld_by(Position::Content).is_some();
                if is_withheld || self.lacks_words() {
                    continue;
                }
                return Err(self.lost_words(place.0));
            };
            let Ok(content) = Content::parse(&words) else { continue };
            let files = listed_files(place.0, content.files());
            claims.extend(files.into_iter().filter(|f| f.position == place.1 && f.blake3 == *digest));
        }
        let mut open = Vec::new();
        for claim in claims {
            let Some(entry) = self.entry(claim.index)? else { continue };
            let id = self.parse(claim.index, &entry)?.event().id();
            if !is_closed(&rows.fate(&id), claim.position) {
                open.push(claim);
            }
        }
        Ok(open)
    }

    /// The places that name the file with this digest and at which the log does not withhold it.
    pub fn open_claims(&self, digest: &Digest) -> Result<Vec<ListedFile>, ReadError> {
        self.claims_under(digest, self)
    }
}

/// The path of a full tile.
fn full(kind: TileKind, index: u64) -> Result<TilePath, ReadError> {
    TilePath::new(kind, index, TILE_WIDTH).map_err(|e| ReadError::Fault(e.to_string()))
}

impl Shared {
    /// The index of the last entry in a thread, of all that were committed.
    pub fn last_of_thread(&self, thread: &EventId) -> Result<Option<u64>, ReadError> {
        let by = By::Thread(*thread);
        // The overlay is read before the index: what leaves it is in the index by then.
        let layered = self.overlay().listed().rev().find(|l| by.holds(l)).map(|l| l.index);
        let indexed = || self.index().list(by, 0..=u64::MAX, true)?.next().transpose();
        Ok(match layered {
            Some(index) => Some(index),
            None => indexed()?,
        })
    }
}

impl NodeReader for Shared {
    type Error = ReadError;
    fn node(&self, height: u8, index: u64) -> Result<Hash, ReadError> {
        {
            let recent = self.recent();
            if let Some(hash) = recent.node(height, index) {
                return Ok(hash);
            }
        }
        let missing = || ReadError::Fault(format!("node {index} at height {height} is in no tile"));
        // Nodes that are not in memory are in full tiles, so any size that makes the tile full will do.
        let path = tile_of_node(height, index, crate::log::MAX_SIZE).ok_or_else(missing)?;
        let tile = self.full_tile(path)?;
        let hashes =
            decode_hashes(&tile, TILE_WIDTH).map_err(|e| self.damaged(&path.to_string(), &e.to_string()))?;
        node_in_tile(&hashes, height, index).ok_or_else(missing)
    }
}

/// Whether a tile is full, on disk and will never change, given that all entries below `start` are in full bundles on disk.
fn is_settled(path: &TilePath, start: u64) -> bool {
    let height = match path.kind() {
        TileKind::Hashes { level } => (u32::from(level) + 1) * u32::from(TILE_HEIGHT),
        TileKind::Entries => u32::from(TILE_HEIGHT),
        TileKind::Contents => return false,
    };
    path.is_full() && path.index() < start.checked_shr(height).unwrap_or(0)
}

/// Checks a content tile while it is read, without having all of it in memory: each text is checked against what its entry
/// commits to, and then dropped.
struct WordsChecked<'s> {
    shared: &'s Shared,
    path: TilePath,
    entries: std::vec::IntoIter<(u64, Entry)>,
    /// The bytes of the next item that were read so far: its length, then its text.
    begun: Vec<u8>,
    wrong: Option<String>,
}

impl<'s> WordsChecked<'s> {
    fn begin(shared: &'s Shared, path: TilePath) -> Result<Self, ReadError> {
        let bundle = TilePath::new(TileKind::Entries, path.index(), TILE_WIDTH);
        let bundle = bundle.map_err(|e| ReadError::Fault(e.to_string()))?;
        let bytes = shared.full_tile(bundle)?;
        let raw =
            decode_bundle(&bytes, TILE_WIDTH).map_err(|e| ReadError::Fault(format!("{bundle}: {e}")))?;
        let first = path.index() * TILE_ITEMS;
        let parsed = (first..).zip(raw).map(|(index, raw)| Ok((index, shared.parse(index, raw)?)));
        let entries = parsed.collect::<Result<Vec<_>, ReadError>>()?.into_iter();
        Ok(Self { shared, path, entries, begun: Vec::new(), wrong: None })
    }

    /// Takes the bytes that come next.
    fn take(&mut self, mut bytes: &[u8]) {
        while self.wrong.is_none() && !bytes.is_empty() {
            let wanted = self.begun.first_chunk().map_or(4, |length| 4 + text_length(*length));
            // An item that claims to be longer than any text may be is cut here. It then does not decode.
            let (part, rest) =
                bytes.split_at(bytes.len().min(wanted.min(4 + MAX_CONTENT) - self.begun.len()));
            self.begun.extend_from_slice(part);
            bytes = rest;
            let whole = self
                .begun
                .first_chunk()
                .is_some_and(|length| self.begun.len() == (4 + text_length(*length)).min(4 + MAX_CONTENT));
            if whole {
                self.item();
            }
        }
    }

    fn item(&mut self) {
        let Some((index, entry)) = self.entries.next() else {
            self.wrong = Some("more than 256 texts".to_owned());
            return;
        };
        // One item decodes like a tile of width 1.
        match decode_contents(&self.begun, 1).as_deref() {
            Ok([words]) if self.shared.is_good(index, &entry, *words) => {}
            Ok(_) => self.wrong = Some(format!("the words of entry {index} are not those it commits to")),
            Err(e) => self.wrong = Some(e.to_string()),
        }
        self.begun.clear();
    }

    fn end(mut self) -> Result<(), ReadError> {
        if self.wrong.is_none() && (!self.begun.is_empty() || self.entries.next().is_some()) {
            self.wrong = Some("it ends too early".to_owned());
        }
        self.wrong.map_or(Ok(()), |wrong| Err(self.shared.damaged(&self.path.to_string(), &wrong)))
    }
}

/// The number of bytes of a text in a content tile, from the length that stands before it: 0 for withheld words, and at most
/// one more than words may have.
fn text_length(length: [u8; 4]) -> usize {
    match u32::from_be_bytes(length) {
        u32::MAX => 0,
        length => usize::try_from(length).unwrap_or(usize::MAX).min(MAX_CONTENT + 1),
    }
}

impl Shared {
    /// Notes that a file is damaged. Returns the error for the reader.
    pub(super) fn damaged(&self, name: &str, why: &str) -> ReadError {
        self.sound_files().report_damaged(name, why);
        ReadError::Damaged(format!("{name}: {why}"))
    }

    /// Checks a full tile against the tree, or, for a content tile, words against what their entries commit to.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if it is not right.
    pub(super) fn check_tile(&self, path: &TilePath, bytes: &[u8]) -> Result<(), ReadError> {
        let damaged = |why: &dyn std::fmt::Display| self.damaged(&path.to_string(), &why.to_string());
        match path.kind() {
            TileKind::Hashes { level } => {
                let hashes = decode_hashes(bytes, TILE_WIDTH).map_err(|e| damaged(&e))?;
                let above = self.node((level + 1) * TILE_HEIGHT, path.index())?;
                if subtree_root(&hashes) == Some(above) {
                    Ok(())
                } else {
                    Err(damaged(&"other hashes than the tree has"))
                }
            }
            TileKind::Entries => {
                let entries = decode_bundle(bytes, TILE_WIDTH).map_err(|e| damaged(&e))?;
                for (index, entry) in (path.index() * TILE_ITEMS..).zip(entries) {
                    if self.node(0, index)? != leaf_hash(entry) {
                        return Err(damaged(&format!("entry {index} is not the one that is in the tree")));
                    }
                }
                Ok(())
            }
            TileKind::Contents => {
                let mut checked = WordsChecked::begin(self, *path)?;
                checked.take(bytes);
                checked.end()
            }
        }
    }

    /// Whether words are those that an entry commits to, or may be missing.
    fn is_good(&self, index: u64, entry: &Entry, words: Words<'_>) -> bool {
        let event = entry.event();
        match (event.content(), words) {
            (None, Words::None) => true,
            (Some(committed), Words::Present(words)) => committed.matches(words),
            (Some(_), Words::Withheld) => {
                let is_withheld = || self.fate(&event.id()).withheld_by(Position::Content).is_some();
                self.lacks_words()
                    || is_withheld()
                    // Given back, but the tile on disk is not written anew yet.
                    || self.recent().pending.contains_key(&index)
                    // Or withheld between these looks.
                    || is_withheld()
            }
            _ => false,
        }
    }

    /// A file whose parts are known already; else the file is given back.
    pub(super) fn known_sound(self: &Arc<Self>, name: Name, file: AtHand) -> Result<SoundFile, AtHand> {
        self.sound_files().known_file(name, file)
    }

    /// A file, after checking that all of it is as it was put there.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if it is not.
    pub(super) fn sound(self: &Arc<Self>, name: Name, file: AtHand) -> Result<SoundFile, ReadError> {
        let blocks = self.blocks_of(name, &file, &|_| {})?;
        Ok(self.sound_files().file(name, file, blocks))
    }

    /// The digests of a file, after checking that all of it is as it was put there. `paced` is called after each part, with the
    /// number of bytes that were read.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if it is not.
    pub(super) fn blocks_of(
        &self,
        name: Name,
        file: &AtHand,
        paced: &dyn Fn(usize),
    ) -> Result<Blocks, ReadError> {
        let cant = |e: io::Error| ReadError::Fault(format!("read {name}: {e}"));
        Ok(match name {
            Name::File(digest) => {
                let blocks = Blocks::read(file, |part| paced(part.len())).map_err(cant)?;
                if blocks.whole() != digest {
                    return Err(self.damaged(&name.to_string(), "other bytes than its name says"));
                }
                blocks
            }
            Name::Tile(path) if path.kind() == TileKind::Contents => {
                let known = self.sound_files().blocks(&name);
                let mut blocks = Blocks::read(file, |part| paced(part.len())).map_err(cant)?;
                // A content tile is written anew when words are withheld, so its digests may change. It may have 64 MiB, so it is
                // never in memory as a whole.
                if known.is_none_or(|known| *known != blocks) {
                    let mut checked = WordsChecked::begin(self, path)?;
                    blocks = Blocks::read(file, |part| checked.take(part)).map_err(cant)?;
                    checked.end()?;
                }
                blocks
            }
            Name::Tile(path) => {
                let mut bytes =
                    Vec::with_capacity(usize::try_from(file.length()).unwrap_or(0).min(MOST_OF_TILE));
                let take = |part: &[u8]| {
                    bytes.extend_from_slice(part);
                    paced(part.len());
                };
                let blocks = Blocks::read(file, take).map_err(cant)?;
                self.check_tile(&path, &bytes)?;
                blocks
            }
        })
    }
}
