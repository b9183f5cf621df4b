//! Whether what lies on the disk is what was put there. Disks rot: nothing is given to a reader before it is held against
//! what the log commits to. That is done once for a file of `public/`; then each part of it is known again by its digest,
//! whenever it is read.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::reader::{ReadError, Shared};
use crate::{
    event::{Digest, MAX_CONTENT, Position},
    generations::Generations,
    log::{
        Entry, MAX_ENTRY, NodeReader as _, Rows as _, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, Words,
        decode_bundle, decode_contents, decode_hashes, leaf_hash, subtree_root,
    },
    store::disk::AtHand,
};

/// Bytes of a part, of which a digest is kept.
pub(crate) const BLOCK: usize = 64 << 10;
/// Memory for digests of parts: a file of 64 MiB takes 32 KiB.
const KNOWN: usize = 16 << 20;
/// Names that are kept of what is damaged; more are logged alone.
const MOST_DAMAGED: usize = 1_000;
/// Bytes of a bundle, at most.
const MOST_OF_TILE: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY);

/// What a file in `public/` is found under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A full tile.
    Tile(TilePath),
    /// A file that words name.
    File(Digest),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tile(path) => write!(f, "{path}"),
            Self::File(digest) => write!(f, "file/{digest}"),
        }
    }
}

/// Digests of all parts of a file, and of the whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blocks(Box<[Digest]>, Digest);

impl Blocks {
    /// Reads all of a file, and gives each part on.
    fn read(file: &AtHand, mut each: impl FnMut(&[u8])) -> io::Result<Self> {
        let (mut blocks, mut whole) = (Vec::new(), blake3::Hasher::new());
        file.each_part(BLOCK, |part| {
            blocks.push(Digest::blake3(part));
            whole.update(part);
            each(part);
        })?;
        Ok(Self(blocks.into(), Digest(*whole.finalize().as_bytes())))
    }

    /// Whether this is the part that begins there.
    fn holds(&self, at: u64, part: &[u8]) -> bool {
        let n = usize::try_from(at / BLOCK as u64).ok();
        n.and_then(|n| self.0.get(n)).is_some_and(|block| *block == Digest::blake3(part))
    }
}

/// What is known to be as it was put there, and what is not.
pub(crate) struct Sound {
    known: Mutex<Generations<Name, Arc<Blocks>>>,
    damaged: Mutex<BTreeMap<String, String>>,
}

impl Default for Sound {
    fn default() -> Self {
        Self { known: Mutex::new(Generations::new(KNOWN)), damaged: Mutex::default() }
    }
}

impl Sound {
    fn known(&self) -> MutexGuard<'_, Generations<Name, Arc<Blocks>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, name: Name, blocks: Arc<Blocks>) {
        let weight = 128 + 32 * blocks.0.len();
        self.known().put(name, blocks, weight);
    }

    /// Takes note of what is not as it was put there.
    pub fn note(&self, name: &str, why: &str) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.len() < MOST_DAMAGED && damaged.insert(name.to_owned(), why.to_owned()).is_none() {
            tracing::error!(
                name,
                why,
                "a file in public/ is damaged and is not served; `onrecord repair` takes it from a mirror"
            );
        }
    }

    /// Takes note of what is as it was put there again, if it was not.
    pub fn mended(&self, name: &str) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.remove(name).is_some() {
            tracing::info!(name, "a file in public/ that was damaged is whole again");
        }
    }

    /// What was found damaged, with why.
    pub fn damaged(&self) -> Vec<(String, String)> {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.iter().map(|(name, why)| (name.clone(), why.clone())).collect()
    }
}

/// A file that is as it was put there, part for part: each is looked at before it is given.
#[derive(Clone)]
pub(crate) struct SoundFile {
    file: Arc<AtHand>,
    blocks: Arc<Blocks>,
    name: Name,
    sound: Arc<Sound>,
}

impl SoundFile {
    /// A file as it is.
    #[cfg(test)]
    pub fn as_it_is(file: AtHand) -> io::Result<Self> {
        let blocks = Arc::new(Blocks::read(&file, |_| {})?);
        let name = Name::File(Digest([0; 32]));
        Ok(Self { file: Arc::new(file), blocks, name, sound: Arc::default() })
    }

    /// Bytes in the file.
    pub fn length(&self) -> u64 {
        self.file.length()
    }

    /// The BLAKE3 of all of it.
    pub fn digest(&self) -> Digest {
        self.blocks.1
    }

    /// The part that holds the byte at a place, with where it begins; `None` if that would take waiting.
    pub fn part(&self, at: u64) -> Option<io::Result<(u64, Vec<u8>)>> {
        let (from, mut part) = self.room(at);
        self.file.read(from, &mut part).then(|| self.checked(from, part))
    }

    /// As [`part`](Self::part), and waits.
    pub fn part_waiting(&self, at: u64) -> io::Result<(u64, Vec<u8>)> {
        let (from, mut part) = self.room(at);
        self.file.read_waiting(from, &mut part)?;
        self.checked(from, part)
    }

    fn room(&self, at: u64) -> (u64, Vec<u8>) {
        let from = at / BLOCK as u64 * BLOCK as u64;
        let left = self.file.length().saturating_sub(from);
        (from, vec![0; usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK))])
    }

    fn checked(&self, from: u64, part: Vec<u8>) -> io::Result<(u64, Vec<u8>)> {
        if self.blocks.holds(from, &part) {
            return Ok((from, part));
        }
        // Whoever asks next is told before the first byte.
        self.sound.known().remove(&self.name);
        self.sound.note(&self.name.to_string(), "other bytes than before");
        Err(io::Error::new(io::ErrorKind::InvalidData, "the file is damaged"))
    }
}

/// A content tile while it is read: each text is held against what its entry commits to, and let go of.
struct WordsChecked<'s> {
    shared: &'s Shared,
    path: TilePath,
    entries: std::vec::IntoIter<(u64, Entry)>,
    /// What was read of the text that comes next, with its length.
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
        let first = path.index() * u64::from(TILE_WIDTH);
        let parsed = (first..).zip(raw).map(|(index, raw)| Ok((index, shared.parse(index, raw)?)));
        let entries = parsed.collect::<Result<Vec<_>, ReadError>>()?.into_iter();
        Ok(Self { shared, path, entries, begun: Vec::new(), wrong: None })
    }

    /// Takes the bytes that come next.
    fn take(&mut self, mut bytes: &[u8]) {
        while self.wrong.is_none() && !bytes.is_empty() {
            let wanted = self.begun.first_chunk().map_or(4, |length| 4 + text_length(*length));
            // What is longer than any text is cut here, and found to be no tile.
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
        // As a tile of one.
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

/// Bytes of a text in a content tile, by its length there; none where it says that there is none.
fn text_length(length: [u8; 4]) -> usize {
    match u32::from_be_bytes(length) {
        u32::MAX => 0,
        length => usize::try_from(length).unwrap_or(usize::MAX).min(MAX_CONTENT + 1),
    }
}

impl Shared {
    /// Takes note of damage, and gives it as what a reader is told.
    pub(super) fn damaged(&self, name: &str, why: &str) -> ReadError {
        self.sound.note(name, why);
        ReadError::Damaged(format!("{name}: {why}"))
    }

    /// Holds a full tile against the tree, and words against what their entries commit to.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if it is another.
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
                for (index, entry) in (path.index() * u64::from(TILE_WIDTH)..).zip(entries) {
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

    /// Whether words are what an entry commits to, or lack where they may.
    fn is_good(&self, index: u64, entry: &Entry, words: Words<'_>) -> bool {
        let event = entry.event();
        match (event.content(), words) {
            (None, Words::None) => true,
            (Some(committed), Words::Present(words)) => committed.matches(words),
            (Some(_), Words::Withheld) => {
                let is_withheld = || self.fate(&event.id()).withheld_by(Position::Content).is_some();
                self.lacks_words
                    || is_withheld()
                    // Given back, and not on the disk yet.
                    || self.recent().pending.contains_key(&index)
                    // Or withheld between these looks.
                    || is_withheld()
            }
            _ => false,
        }
    }

    /// A file of which all parts are known already; else given back.
    pub(super) fn known_sound(self: &Arc<Self>, name: Name, file: AtHand) -> Result<SoundFile, AtHand> {
        match self.sound.known().get(&name).cloned() {
            Some(blocks) => Ok(SoundFile { file: Arc::new(file), blocks, name, sound: self.sound.clone() }),
            None => Err(file),
        }
    }

    /// A file, once it is known that all of it is as it was put there.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if it is not.
    pub(super) fn sound(self: &Arc<Self>, name: Name, file: AtHand) -> Result<SoundFile, ReadError> {
        let blocks = Arc::new(self.blocks_of(name, &file, &|_| {})?);
        self.sound.put(name, blocks.clone());
        Ok(SoundFile { file: Arc::new(file), blocks, name, sound: self.sound.clone() })
    }

    /// The digests of a file, once it is known that all of it is as it was put there. `paced` is told how many bytes were
    /// read, after each part.
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
                if blocks.1 != digest {
                    return Err(self.damaged(&name.to_string(), "other bytes than its name says"));
                }
                blocks
            }
            Name::Tile(path) if path.kind() == TileKind::Contents => {
                let known = self.sound.known().get(&name).cloned();
                let mut blocks = Blocks::read(file, |part| paced(part.len())).map_err(cant)?;
                // Such a tile is written anew when words are withheld. It may have 64 MiB: it is never in memory whole.
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
