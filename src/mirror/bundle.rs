//! One bundle of entries with its hash tile, words and files: fetched, taken apart, and judged as far as that
//! goes without the entries below it.

use std::io::Read as _;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{Fault, Options, Place, Source, SourceError, verify::Stop};
use crate::{
    event::{Content, ContentRef, Digest, FileRef, MAX_CONTENT, Position},
    log::{
        Entry, EntryError, Hash, MAX_ENTRY, SignedEntry, TILE_WIDTH, TileKind, TilePath, decode_hashes,
        leaf_hash,
    },
    note::Origin,
};

pub(super) const WIDTH: u64 = TILE_WIDTH as u64;
/// The longest bundle: 256 entries, each after its length.
const MAX_BUNDLE: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY);
/// The longest content tile.
const MAX_CONTENT_TILE: usize = TILE_WIDTH as usize * (4 + MAX_CONTENT);
/// The longest hash tile.
const MAX_HASH_TILE: usize = TILE_WIDTH as usize * 32;

/// A tile as it was found: under its own path, or to be cut from the full one.
struct Tile {
    path: String,
    bytes: Vec<u8>,
    /// Items wanted of it.
    width: u16,
    /// Whether it should hold these items and nothing else.
    exact: bool,
}

/// Fetches the tile that a log of `items` items of a kind has at an index; the full one if the partial one
/// is gone (`c2sp.org/tlog-tiles`). The inner error is the path of a tile that is not there.
fn fetch(source: &dyn Source, kind: TileKind, index: u64, items: u64) -> Result<Result<Tile, String>, Stop> {
    let limit = match kind {
        TileKind::Hashes { .. } => MAX_HASH_TILE,
        TileKind::Entries => MAX_BUNDLE,
        TileKind::Contents => MAX_CONTENT_TILE,
    };
    let width = items.saturating_sub(index * WIDTH).min(WIDTH) as u16; // At most 256.
    let path = TilePath::new(kind, index, width).map_err(|e| Stop::Undecided(e.to_string()))?;
    if let Some(bytes) = source.get(&path.to_string(), limit)? {
        return Ok(Ok(Tile { path: path.to_string(), bytes, width, exact: true }));
    }
    if !path.is_full()
        && let Some(bytes) = source.get(&path.full().to_string(), limit)?
    {
        return Ok(Ok(Tile { path: path.full().to_string(), bytes, width, exact: false }));
    }
    Ok(Err(path.to_string()))
}

/// The hashes of a hash tile, or what is wrong with it.
pub(super) fn hashes(
    source: &dyn Source,
    level: u8,
    index: u64,
    size: u64,
) -> Result<Result<Vec<Hash>, Fault>, Stop> {
    let items = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
    let tile = match fetch(source, TileKind::Hashes { level }, index, items)? {
        Ok(tile) => tile,
        Err(path) => return Ok(Err(Fault { place: Place::Tile(path), what: "missing".into() })),
    };
    let wanted = usize::from(tile.width) * 32;
    let bytes = if tile.exact { Some(tile.bytes.as_slice()) } else { tile.bytes.get(..wanted) };
    Ok(decode_hashes(bytes.unwrap_or(&tile.bytes), tile.width)
        .map_err(|e| Fault { place: Place::Tile(tile.path), what: e.to_string() }))
}

/// Where the bytes of a tile stop making sense: the item, and how.
type Break = Option<(usize, String)>;

/// The length that stands for withheld words.
const WITHHELD: u64 = 0xFFFF_FFFF;

/// Takes a bundle (`LEN` 2) or content tile (`LEN` 4) apart, as far as that goes; `None` for withheld words.
fn split<const LEN: usize>(tile: &Tile) -> (Vec<Option<&[u8]>>, Break) {
    let mut rest = tile.bytes.as_slice();
    let mut items = Vec::with_capacity(tile.width.into());
    for item in 0..usize::from(tile.width) {
        let Some((length, after)) = rest.split_first_chunk::<LEN>() else {
            return (items, Some((item, format!("{} ends before it", tile.path))));
        };
        let length = length.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        if LEN == 4 && length == WITHHELD {
            items.push(None);
            rest = after;
            continue;
        }
        let Some((bytes, after)) = usize::try_from(length).ok().and_then(|l| after.split_at_checked(l))
        else {
            let what = format!("length: {length} bytes, more than is left of {}", tile.path);
            return (items, Some((item, what)));
        };
        items.push(Some(bytes));
        rest = after;
    }
    if tile.exact && !rest.is_empty() {
        return (items, Some((tile.width.into(), format!("{} bytes stand after the last item", rest.len()))));
    }
    (items, None)
}

/// The first bytes of a log that nobody has checked: its first entry, or what is wrong.
pub(super) fn first_entry(source: &dyn Source, origin: &Origin, size: u64) -> Result<Entry, Stop> {
    let stop = |what: String| Stop::fault("entries", Place::Entry(0), what);
    let tile =
        fetch(source, TileKind::Entries, 0, size)?.map_err(|path| stop(format!("{path} is missing")))?;
    let (items, broken) = split::<2>(&tile);
    let Some(Some(raw)) = items.first() else {
        return Err(stop(broken.map_or_else(String::new, |(_, what)| what)));
    };
    Entry::parse(raw, origin).map_err(|e| stop(e.to_string()))
}

/// A bundle, taken apart.
pub(super) struct Loaded {
    pub index: u64,
    pub path: String,
    /// Each entry with its leaf hash.
    pub items: Vec<(Hash, Result<Box<SignedEntry>, EntryError>)>,
    /// Where the bundle stops making sense.
    pub broken: Break,
    /// The leaf hashes that the hash tile says.
    pub leaves: Result<Vec<Hash>, Fault>,
    /// For each entry, what was found of its words and files.
    pub blobs: Vec<Blobs>,
    /// What is wrong with the content tile as a whole.
    pub words_fault: Option<Fault>,
}

/// What was found of an entry's words and files.
#[derive(Default)]
pub(super) struct Blobs {
    pub words: Found,
    pub files: Vec<(Position, Found)>,
}

/// What was found of a blob.
#[derive(Default)]
pub(super) enum Found {
    /// The entry has none, or it was not asked for.
    #[default]
    None,
    /// The bytes that were committed to.
    Present,
    /// Nothing: whether the log withholds it is known at its end.
    Absent,
    /// Something else.
    Wrong(String),
}

/// What loading a bundle takes.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub source: &'a dyn Source,
    pub options: &'a Options,
    pub origin: &'a Origin,
    pub size: u64,
}

impl Loader<'_> {
    /// Loads bundles, in order.
    pub fn load_all(self, bundles: std::ops::Range<u64>) -> Vec<Result<Loaded, Stop>> {
        bundles.into_par_iter().map(|index| self.load(index)).collect()
    }

    fn load(self, index: u64) -> Result<Loaded, Stop> {
        let leaves = hashes(self.source, 0, index, self.size)?;
        let tile = match fetch(self.source, TileKind::Entries, index, self.size)? {
            Ok(tile) => tile,
            Err(path) => {
                let broken = Some((0, format!("{path} is missing")));
                let (items, blobs) = Default::default();
                return Ok(Loaded { index, path, items, broken, leaves, blobs, words_fault: None });
            }
        };
        let (raw, broken) = split::<2>(&tile);
        let items: Vec<_> = raw
            .into_par_iter()
            .flatten()
            .map(|raw| {
                let entry = Entry::parse(raw, self.origin).and_then(Entry::verify);
                (leaf_hash(raw), entry.map(Box::new))
            })
            .collect();
        let mut loaded =
            Loaded { index, path: tile.path, items, broken, leaves, blobs: Vec::new(), words_fault: None };
        if self.options.words {
            self.load_words(&mut loaded)?;
        }
        Ok(loaded)
    }

    fn load_words(self, loaded: &mut Loaded) -> Result<(), Stop> {
        let committed: Vec<Option<ContentRef>> = loaded
            .items
            .iter()
            .map(|(_, entry)| entry.as_ref().ok().and_then(|e| e.event().content().copied()))
            .collect();
        let tile = match fetch(self.source, TileKind::Contents, loaded.index, self.size)? {
            Ok(tile) => tile,
            Err(_) => {
                let found = |c: &Option<_>| if c.is_some() { Found::Absent } else { Found::None };
                loaded.blobs =
                    committed.iter().map(|c| Blobs { words: found(c), files: Vec::new() }).collect();
                return Ok(());
            }
        };
        let (words, broken) = split::<4>(&tile);
        if let Some((item, what)) = broken {
            let place = if item < usize::from(tile.width) {
                Place::Words(loaded.index * WIDTH + item as u64)
            } else {
                Place::Tile(tile.path.clone())
            };
            loaded.words_fault = Some(Fault { place, what });
        }
        loaded.blobs = committed
            .par_iter()
            .zip(words)
            .map(|(committed, words)| self.blobs(*committed, words))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn blobs(self, committed: Option<ContentRef>, words: Option<&[u8]>) -> Result<Blobs, Stop> {
        let found = match (committed, words) {
            (None, Some([])) => Found::None,
            (None, _) => Found::Wrong("expected none: the event commits to no words".into()),
            (Some(_), None | Some([])) => Found::Absent,
            (Some(committed), Some(words)) if committed.matches(words) => {
                // Files are named by words that pass the door; others name none that a verifier could judge.
                let files = match Content::parse(words) {
                    Ok(content) if self.options.files => self.files(content.files())?,
                    _ => Vec::new(),
                };
                return Ok(Blobs { words: Found::Present, files });
            }
            (Some(committed), Some(words)) => Found::Wrong(format!(
                "expected {} bytes of BLAKE3 {}, found {} of {}",
                committed.size,
                committed.blake3,
                words.len(),
                Digest::blake3(words)
            )),
        };
        Ok(Blobs { words: found, files: Vec::new() })
    }

    fn files(self, files: &[FileRef]) -> Result<Vec<(Position, Found)>, Stop> {
        (0u32..).zip(files).map(|(i, file)| Ok((Position::File(i), check_file(self.source, file)?))).collect()
    }
}

/// Compares a file with what words say of it, reading no more than that.
fn check_file(source: &dyn Source, file: &FileRef) -> Result<Found, SourceError> {
    let path = format!("file/{}", file.blake3);
    let Some(reader) = source.open(&path)? else { return Ok(Found::Absent) };
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
