//! One bundle of entries with its hash tile, words and files: fetched, taken apart, and judged as far as that
//! is possible without the entries before it.

use std::{
    io::{BufReader, Read},
    sync::Arc,
};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{Absent, Bytes, Fault, Options, Place, Source, SourceError, Stop, read_whole};
use crate::{
    check::Name,
    event::{Content, ContentRef, Digest, FileRef, MAX_CONTENT},
    log::{
        Entry, EntryError, Hash, MAX_ENTRY, SignedEntry, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath, Time,
        decode_hashes, leaf_hash,
    },
    note::Origin,
};

/// Entries whose signatures are checked together.
const TOGETHER: usize = 32;
/// The longest bundle: 256 entries, each after its length.
const MAX_BUNDLE: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY);
/// The longest content tile.
const MAX_CONTENT_TILE: usize = TILE_WIDTH as usize * (4 + MAX_CONTENT);
/// The longest hash tile.
const MAX_HASH_TILE: usize = TILE_WIDTH as usize * 32;

/// The longest bundle that is loaded before its turn, in bytes. A longer one is loaded alone, so that memory has a bound
/// whatever a ledger holds. Entries of a few KiB make bundles of about one MiB.
const AHEAD: usize = 2 << 20;
/// Files that are checked at once.
const FILES_AT_ONCE: usize = 256;

/// A tile as it was found: under its own path, or to be cut from the full one.
struct Tile<B> {
    path: String,
    bytes: B,
    /// How many items are wanted from it.
    width: u16,
    /// Whether it should hold these items and nothing else.
    exact: bool,
}

/// A tile that is not there.
struct Missing {
    pub path: String,
    pub absent: Absent,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing{}", self.path, self.absent)
    }
}

/// Opens the tile that a log of `items` items of a kind has at an index; the full one if the partial one is gone
/// (`c2sp.org/tlog-tiles`). The inner error says that neither is there.
fn open(
    source: &dyn Source,
    kind: TileKind,
    index: u64,
    items: u64,
) -> Result<Result<Tile<Bytes>, Missing>, SourceError> {
    let width = items.saturating_sub(index * TILE_ITEMS).min(TILE_ITEMS) as u16; // At most 256.
    let path = TilePath::new(kind, index, width).map_err(|e| SourceError::io(&format!("tile {index}"), e))?;
    let mut absent = match source.look(&path.to_string())? {
        Ok(bytes) => return Ok(Ok(Tile { path: path.to_string(), bytes, width, exact: true })),
        Err(absent) => absent,
    };
    if !path.is_full() {
        match source.look(&path.full().to_string())? {
            Ok(bytes) => return Ok(Ok(Tile { path: path.full().to_string(), bytes, width, exact: false })),
            Err(full) => absent = absent.or(full),
        }
    }
    Ok(Err(Missing { path: path.to_string(), absent }))
}

/// As [`open`], and reads it whole, up to a limit.
fn fetch(
    source: &dyn Source,
    kind: TileKind,
    index: u64,
    items: u64,
    limit: usize,
) -> Result<Result<Tile<Vec<u8>>, Missing>, SourceError> {
    Ok(match open(source, kind, index, items)? {
        Ok(Tile { path, bytes, width, exact }) => {
            let bytes = read_whole(&path, bytes, limit)?;
            Ok(Tile { path, bytes, width, exact })
        }
        Err(missing) => Err(missing),
    })
}

/// The bytes of the tile that a log of `items` items of a kind has at an index, and how many items they should hold.
/// Nothing is checked but that they are not too long.
pub fn tile_bytes(
    source: &dyn Source,
    kind: TileKind,
    index: u64,
    items: u64,
) -> Result<Result<(Vec<u8>, u16), Absent>, SourceError> {
    let limit = match kind {
        TileKind::Hashes { .. } => MAX_HASH_TILE,
        TileKind::Entries => MAX_BUNDLE,
        TileKind::Contents => MAX_CONTENT_TILE,
    };
    let tile = fetch(source, kind, index, items, limit)?.map_err(|missing| missing.absent);
    Ok(tile.map(|tile| (tile.bytes, if tile.exact { tile.width } else { TILE_WIDTH })))
}

/// The hashes of a hash tile, or what is wrong with it.
pub(super) fn hashes(
    source: &dyn Source,
    level: u8,
    index: u64,
    size: u64,
) -> Result<Result<Vec<Hash>, Fault>, Stop> {
    let items = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
    let tile = match fetch(source, TileKind::Hashes { level }, index, items, MAX_HASH_TILE)? {
        Ok(tile) => tile,
        Err(Missing { path, absent }) => {
            return Ok(Err(Fault { place: Place::Tile(path), what: format!("missing{absent}") }));
        }
    };
    let wanted = usize::from(tile.width) * 32;
    let bytes = if tile.exact { Some(tile.bytes.as_slice()) } else { tile.bytes.get(..wanted) };
    Ok(decode_hashes(bytes.unwrap_or(&tile.bytes), tile.width)
        .map_err(|e| Fault { place: Place::Tile(tile.path), what: e.to_string() }))
}

/// Where the bytes of a tile stop making sense: the item, and how.
type Break = Option<(usize, String)>;

/// The length that stands for withheld words.
const WITHHELD: u32 = 0xFFFF_FFFF;

/// Takes a bundle apart, as far as its bytes make sense.
fn split(tile: &Tile<Vec<u8>>) -> (Vec<&[u8]>, Break) {
    let mut rest = tile.bytes.as_slice();
    let mut items = Vec::with_capacity(tile.width.into());
    for item in 0..usize::from(tile.width) {
        let Some((length, after)) = rest.split_first_chunk() else {
            return (items, Some((item, format!("{} ends before it", tile.path))));
        };
        let length = u16::from_be_bytes(*length);
        let Some((bytes, after)) = after.split_at_checked(length.into()) else {
            return (items, Some((item, too_long(length.into(), &tile.path))));
        };
        items.push(bytes);
        rest = after;
    }
    if tile.exact && !rest.is_empty() {
        return (items, Some((tile.width.into(), trailing(rest.len()))));
    }
    (items, None)
}

fn too_long(length: u32, path: &str) -> String {
    format!("length: {length} bytes, more than is left of {path}")
}

fn trailing(bytes: usize) -> String {
    format!("{bytes} bytes stand after the last item")
}

/// The items of a content tile, read one after the other, so that the longest tile takes no more memory than others.
struct Items {
    path: String,
    reader: BufReader<Bytes>,
    /// Bytes read so far.
    read: usize,
}

impl Items {
    /// Fills a buffer, as far as there are bytes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let mut n = 0;
        while n < buffer.len() {
            match self.reader.read(&mut buffer[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(SourceError::io(&self.path, e)),
            }
        }
        self.read += n;
        if self.read > MAX_CONTENT_TILE {
            return Err(SourceError::TooLong { path: self.path.clone(), limit: MAX_CONTENT_TILE });
        }
        Ok(n)
    }

    /// Reads up to `length` bytes without keeping them; gives their BLAKE3 and how many there were.
    fn skip(&mut self, length: usize) -> Result<(Digest, usize), SourceError> {
        let (mut hasher, mut buffer, mut left) = (blake3::Hasher::new(), [0; 1 << 12], length);
        while left > 0 {
            let most = left.min(buffer.len());
            let n = self.fill(&mut buffer[..most])?;
            hasher.update(&buffer[..n]);
            left -= n;
            if n < most {
                break;
            }
        }
        Ok((Digest(*hasher.finalize().as_bytes()), length - left))
    }
}

/// The first entry of a log that nobody has checked yet, or what is wrong with it.
pub(super) fn first_entry(source: &dyn Source, origin: &Origin, size: u64) -> Result<Entry, Stop> {
    let stop = |what: String| Stop::fault(Name::Entries, Place::Entry(0), what);
    let tile = fetch(source, TileKind::Entries, 0, size, MAX_BUNDLE)?
        .map_err(|missing| stop(missing.to_string()))?;
    let (items, broken) = split(&tile);
    let Some(raw) = items.first() else {
        return Err(stop(broken.map_or_else(String::new, |(_, what)| what)));
    };
    Entry::parse(raw, origin).map_err(|e| stop(e.to_string()))
}

/// The bytes of the entries of a bundle, as far as it can be taken apart; `None` if it can't be read.
pub(super) fn raw_entries(source: &dyn Source, index: u64, size: u64) -> Option<Vec<Vec<u8>>> {
    let tile = fetch(source, TileKind::Entries, index, size, MAX_BUNDLE).ok()?.ok()?;
    Some(split(&tile).0.into_iter().map(<[u8]>::to_vec).collect())
}

/// A bundle, taken apart.
pub struct Loaded {
    /// Its number, from 0.
    pub index: u64,
    /// Its path, or that of the full one that it was cut from.
    pub path: String,
    /// Each entry with its leaf hash.
    pub items: Vec<(Hash, Result<Box<SignedEntry>, EntryError>)>,
    /// Where the bundle stops making sense.
    pub broken: Break,
    /// The leaf hashes in the hash tile.
    pub leaves: Result<Vec<Hash>, Fault>,
    /// For each entry, what was found of its words and files.
    pub blobs: Vec<Blobs>,
    /// What is wrong with the content tile as a whole.
    pub words_fault: Option<Fault>,
    /// The bytes of the entries, if they are kept.
    pub raw: Vec<Arc<[u8]>>,
}

/// What was found of an entry's words and files.
#[derive(Default)]
pub struct Blobs {
    /// Of its words.
    pub words: Found,
    /// Of the files that they name.
    pub files: Files,
    /// The bytes of the words, if they are kept.
    pub kept: Option<Arc<[u8]>>,
}

/// What was found of the files that words name.
#[derive(Default)]
pub struct Files {
    /// How many are there, as they were committed to.
    pub present: u64,
    /// Numbers of those that are not there.
    pub absent: Vec<(u32, Absent)>,
    /// The number of the first that has other bytes, and what is wrong with it.
    pub wrong: Option<(u32, String)>,
}

/// What was found of a blob.
#[derive(Default)]
pub enum Found {
    /// The entry has none, or it was not asked for.
    #[default]
    None,
    /// The bytes that were committed to.
    Present,
    /// Nothing. Whether the log withholds it is known only at the log's end.
    Absent(Absent),
    /// Something else.
    Wrong(String),
}

/// What is needed to load a bundle.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    /// The source to load it from.
    pub source: &'a dyn Source,
    /// Whether words and files are asked for.
    pub options: &'a Options,
    /// The log's origin.
    pub origin: &'a Origin,
    /// How many entries the log has.
    pub size: u64,
    /// What is kept, for a program that copies the ledger.
    pub keep: Keep,
}

/// Which bytes of a bundle are kept beside what was found of it.
#[derive(Clone, Copy)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Entries, and the words of those that were recorded up to this time. Of a bundle without such entries, words are not
    /// asked for.
    UpTo(Time),
}

impl Keep {
    fn any(self) -> bool {
        matches!(self, Self::UpTo(_))
    }
    fn words_of(self, entry: &SignedEntry) -> bool {
        match self {
            Self::Nothing => true,
            Self::UpTo(time) => entry.header().time <= time,
        }
    }
}

impl Loader<'_> {
    /// Loads bundles, in order; `None` for one that is so long that it must be loaded alone.
    pub fn load_all(self, bundles: std::ops::Range<u64>) -> Vec<Result<Option<Loaded>, Stop>> {
        bundles.into_par_iter().map(|index| self.load_within(index, AHEAD)).collect()
    }

    /// Loads a bundle of any length.
    pub fn load(self, index: u64) -> Result<Loaded, Stop> {
        let path = || format!("bundle {index}");
        self.load_within(index, MAX_BUNDLE)?
            .ok_or_else(|| SourceError::TooLong { path: path(), limit: MAX_BUNDLE }.into())
    }

    /// Loads a bundle; `None` if it is longer than `limit`, and `limit` is less than the most that a bundle may have.
    fn load_within(self, index: u64, limit: usize) -> Result<Option<Loaded>, Stop> {
        let leaves = hashes(self.source, 0, index, self.size)?;
        let tile = match fetch(self.source, TileKind::Entries, index, self.size, limit) {
            Ok(Ok(tile)) => tile,
            Ok(Err(missing)) => {
                let broken = Some((0, missing.to_string()));
                let path = missing.path;
                let (items, blobs, raw) = Default::default();
                return Ok(Some(Loaded {
                    index,
                    path,
                    items,
                    broken,
                    leaves,
                    blobs,
                    words_fault: None,
                    raw,
                }));
            }
            Err(SourceError::TooLong { .. }) if limit < MAX_BUNDLE => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let (raw, broken) = split(&tile);
        let items: Vec<_> = raw
            .par_chunks(TOGETHER)
            .flat_map_iter(|some| {
                let entries = Entry::parse_and_verify(some.iter().copied(), self.origin);
                some.iter().zip(entries).map(|(raw, entry)| (leaf_hash(raw), entry.map(Box::new)))
            })
            .collect();
        let raw = if self.keep.any() { raw.iter().map(|raw| Arc::from(*raw)).collect() } else { Vec::new() };
        let (blobs, words_fault) = Default::default();
        let mut loaded = Loaded { index, path: tile.path, items, broken, leaves, blobs, words_fault, raw };
        if self.options.words && !self.load_words(&mut loaded, limit)? {
            return Ok(None);
        }
        Ok(Some(loaded))
    }

    /// Loads words and files. `false` if more bytes than `limit` would be kept: then they were not all loaded.
    fn load_words(self, loaded: &mut Loaded, limit: usize) -> Result<bool, Stop> {
        let committed: Vec<Option<ContentRef>> = loaded
            .items
            .iter()
            .map(|(_, entry)| entry.as_ref().ok().and_then(|e| e.event().content().copied()))
            .collect();
        let is_asked = |item: usize| {
            let entry = loaded.items.get(item).and_then(|(_, entry)| entry.as_ref().ok());
            entry.is_some_and(|entry| self.keep.words_of(entry))
        };
        let asked: Vec<bool> = (0..committed.len()).map(is_asked).collect();
        if !asked.contains(&true) {
            loaded.blobs = committed.iter().map(|_| Blobs::default()).collect();
            return Ok(true);
        }
        let tile = match open(self.source, TileKind::Contents, loaded.index, self.size)? {
            Ok(tile) => tile,
            Err(Missing { absent, .. }) => {
                let found = |c: &Option<_>| if c.is_some() { Found::Absent(absent) } else { Found::None };
                loaded.blobs =
                    committed.iter().map(|c| Blobs { words: found(c), ..Blobs::default() }).collect();
                return Ok(true);
            }
        };
        let mut items = Items { path: tile.path, reader: BufReader::new(tile.bytes), read: 0 };
        let mut files = Vec::new();
        for item in 0..usize::from(tile.width) {
            if self.keep.any() && limit < MAX_BUNDLE && items.read > limit {
                return Ok(false);
            }
            let mut kept = None;
            let committed_to = committed.get(item).copied().flatten();
            let found = match self.words(&mut items, committed_to, &mut files, &mut kept)? {
                Ok(found) => found,
                Err(what) => {
                    let place = Place::Words(loaded.index * TILE_ITEMS + item as u64);
                    loaded.words_fault = Some(Fault { place, what });
                    return Ok(true);
                }
            };
            if item < committed.len() {
                let is_asked = asked.get(item).is_some_and(|asked| *asked);
                let kept = kept.filter(|_| is_asked && matches!(found, Found::Present));
                loaded.blobs.push(Blobs { words: found, files: self.files(&mut files)?, kept });
            }
        }
        let rest = if tile.exact { items.skip(MAX_CONTENT_TILE)?.1 } else { 0 };
        if rest > 0 {
            loaded.words_fault = Some(Fault { place: Place::Tile(items.path), what: trailing(rest) });
        }
        Ok(true)
    }

    /// Reads the next words of a content tile, compares them with what their entry commits to, and adds the files that they
    /// name to `files`. The inner error says where the tile stops making sense.
    fn words(
        self,
        items: &mut Items,
        committed: Option<ContentRef>,
        files: &mut Vec<FileRef>,
        kept: &mut Option<Arc<[u8]>>,
    ) -> Result<Result<Found, String>, SourceError> {
        let mut length = [0; 4];
        if items.fill(&mut length)? < length.len() {
            return Ok(Err(format!("{} ends before it", items.path)));
        }
        let length = u32::from_be_bytes(length);
        let Some(committed) = committed else {
            if length == 0 {
                return Ok(Ok(Found::None));
            }
            if length != WITHHELD && items.skip(length as usize)?.1 < length as usize {
                return Ok(Err(too_long(length, &items.path)));
            }
            return Ok(Ok(Found::Wrong("expected none: the event commits to no words".into())));
        };
        if matches!(length, 0 | WITHHELD) {
            return Ok(Ok(Found::Absent(Absent::default())));
        }
        let (found, read) = if length == committed.size {
            let mut words = vec![0; length as usize];
            let read = items.fill(&mut words)?;
            let digest = Digest::blake3(&words);
            if digest == committed.blake3 && self.options.files {
                // Words that can't be parsed name no file that a verifier could judge.
                files.extend(Content::files_named(&words));
            }
            if self.keep.any() {
                *kept = Some(words.into());
            }
            (digest, read)
        } else {
            items.skip(length as usize)?
        };
        if read < length as usize {
            return Ok(Err(too_long(length, &items.path)));
        }
        if (found, length) == (committed.blake3, committed.size) {
            return Ok(Ok(Found::Present));
        }
        Ok(Ok(Found::Wrong(format!(
            "expected {} bytes of BLAKE3 {}, found {length} of {found}",
            committed.size, committed.blake3,
        ))))
    }

    /// Checks files, and takes them off the list.
    fn files(self, files: &mut Vec<FileRef>) -> Result<Files, Stop> {
        let mut out = Files::default();
        for (some, first) in files.chunks(FILES_AT_ONCE).zip((0u32..).step_by(FILES_AT_ONCE)) {
            let found: Vec<Found> =
                some.par_iter().map(|file| check_file(self.source, file)).collect::<Result<_, _>>()?;
            for (i, found) in (first..).zip(found) {
                match found {
                    Found::None => {}
                    Found::Present => out.present += 1,
                    Found::Absent(absent) => out.absent.push((i, absent)),
                    Found::Wrong(what) => _ = out.wrong.get_or_insert((i, what)),
                }
            }
        }
        files.clear();
        Ok(out)
    }
}

/// The bytes of the content tile of a bundle.
pub fn words_tile(
    source: &dyn Source,
    bundle: u64,
    size: u64,
) -> Result<Result<Vec<u8>, Absent>, SourceError> {
    let tile = fetch(source, TileKind::Contents, bundle, size, MAX_CONTENT_TILE)?;
    Ok(tile.map(|tile| tile.bytes).map_err(|missing| missing.absent))
}

/// The words of an item of a content tile, if they are there.
pub fn word_of(tile: &[u8], item: u64) -> Option<&[u8]> {
    let mut rest = tile;
    for at in 0..=item {
        let (length, after) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length);
        if length == WITHHELD {
            rest = after;
            continue;
        }
        let (words, after) = after.split_at_checked(length as usize)?;
        if at == item {
            return (length > 0).then_some(words);
        }
        rest = after;
    }
    None
}

/// Compares a file with what words say of it, reading no more than that.
fn check_file(source: &dyn Source, file: &FileRef) -> Result<Found, SourceError> {
    let path = format!("file/{}", file.blake3);
    let reader = match source.look(&path)? {
        Ok(reader) => reader,
        Err(absent) => return Ok(Found::Absent(absent)),
    };
    let mut reader = reader.take(file.size.saturating_add(1));
    let (mut blake3, mut sha256, mut size) = (blake3::Hasher::new(), Sha256::new(), 0u64);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(SourceError::Io { path, cause: e.to_string() }),
        };
        if n == 0 {
            break;
        }
        size += n as u64;
        blake3.update(&buffer[..n]);
        sha256.update(&buffer[..n]);
    }
    let found = (Digest(*blake3.finalize().as_bytes()), Digest(sha256.finalize().into()), size);
    if found == (file.blake3, file.sha256, file.size) {
        return Ok(Found::Present);
    }
    Ok(Found::Wrong(if size > file.size {
        format!("{path}: expected {} bytes, found more", file.size)
    } else if size < file.size {
        format!("{path}: expected {} bytes, found {size}", file.size)
    } else if found.0 != file.blake3 {
        format!("{path}: expected BLAKE3 {}, found {}", file.blake3, found.0)
    } else {
        format!("{path}: expected SHA-256 {}, found {}", file.sha256, found.1)
    }))
}
