//! Tiles: the files in which hashes, entries and words are served (`c2sp.org/tlog-tiles`; formats.md,
//! section 6).
//!
//! ```text
//! tile/<L>/<N>[.p/<W>]         W hashes of 32 bytes: the nodes of height 8L from 256N on
//! tile/entries/<N>[.p/<W>]     W entries from 256N on, each after its length as a big-endian uint16
//! content/tile/<N>[.p/<W>]     the words of the same entries, each after its length as a big-endian uint32
//! ```

use std::{fmt, str::FromStr};

use super::{Hash, entry::MAX_ENTRY, node_hash, parse_decimal};
use crate::event::MAX_CONTENT;

/// Levels of the tree between one level of tiles and the next (`c2sp.org/tlog-tiles`).
pub const TILE_HEIGHT: u8 = 8;
/// Hashes, entries or words in a full tile (`c2sp.org/tlog-tiles`).
pub const TILE_WIDTH: u16 = 256;
/// The same for arithmetic with sizes and indexes.
pub const TILE_ITEMS: u64 = TILE_WIDTH as u64;
/// The highest level a tile path can name (`c2sp.org/tlog-tiles`).
const MAX_LEVEL: u8 = 63;
/// Levels of tiles in a tree whose size is a `u64`.
const LEVELS: u8 = 8;
/// Stands in a content tile for the length of withheld words (formats.md, section 6).
const WITHHELD: u32 = 0xFFFF_FFFF;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes: nodes of height `8 * level`.
    Hashes {
        /// 0 to 63; 0 for leaf hashes.
        level: u8,
    },
    /// Entries: a bundle.
    Entries,
    /// The words of a bundle's entries.
    Contents,
}

/// A text that is no tile path, or numbers that none can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TilePathError {
    /// Not of one of the three forms.
    #[error("expected tile/<L>/<N>, tile/entries/<N> or content/tile/<N>, or one of these and .p/<W>")]
    Shape,
    /// Not a level.
    #[error("expected a level from 0 to {MAX_LEVEL} without leading zeros")]
    Level,
    /// Not an index.
    #[error("expected an index in groups of three digits, all but the last after an x: x001/x234/067")]
    Index,
    /// Not a width.
    #[error("expected a width from 1 to 255 without leading zeros")]
    Width,
}

/// The place of a tile: what it holds, its index among those and its width. Its text form is the path under
/// which a ledger serves it, without a slash at the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl TilePath {
    /// Names a tile of 1 to 256 items; one of 256 is full.
    ///
    /// # Errors
    /// [`TilePathError::Level`] or [`TilePathError::Width`] for numbers that no path can have.
    pub fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, TilePathError> {
        if matches!(kind, TileKind::Hashes { level } if level > MAX_LEVEL) {
            return Err(TilePathError::Level);
        }
        if !(1..=TILE_WIDTH).contains(&width) {
            return Err(TilePathError::Width);
        }
        Ok(Self { kind, index, width })
    }

    /// What it holds.
    pub fn kind(self) -> TileKind {
        self.kind
    }

    /// Its index among the tiles of its kind: the first item is number `256 * index`.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many items it holds, 1 to 256.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds all 256 items it ever will.
    pub fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at this place.
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// Whether all that the tile holds is in a log of this size, so that such a log can serve it.
    pub fn is_within(self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Hashes { level } => u32::from(level),
            TileKind::Entries | TileKind::Contents => 0,
        };
        let items = size.checked_shr(level * u32::from(TILE_HEIGHT)).unwrap_or(0);
        u128::from(self.index) * u128::from(TILE_WIDTH) + u128::from(self.width) <= u128::from(items)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Contents => f.write_str("content/tile/")?,
        }
        // A u64 has at most seven groups of three digits.
        for group in (1..7).rev() {
            let above = self.index / 1000u64.pow(group);
            if above > 0 {
                write!(f, "x{:03}/", above % 1000)?;
            }
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = TilePathError;
    fn from_str(path: &str) -> Result<Self, TilePathError> {
        let (kind, rest) = if let Some(rest) = path.strip_prefix("tile/entries/") {
            (TileKind::Entries, rest)
        } else if let Some(rest) = path.strip_prefix("content/tile/") {
            (TileKind::Contents, rest)
        } else {
            let rest = path.strip_prefix("tile/").ok_or(TilePathError::Shape)?;
            let (level, rest) = rest.split_once('/').ok_or(TilePathError::Shape)?;
            let level =
                parse_decimal(level).and_then(|l| u8::try_from(l).ok()).ok_or(TilePathError::Level)?;
            (TileKind::Hashes { level }, rest)
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                let width = parse_decimal(width).and_then(|w| u8::try_from(w).ok());
                (index, width.ok_or(TilePathError::Width)?.into())
            }
        };
        Self::new(kind, parse_index(index).ok_or(TilePathError::Index)?, width)
    }
}

/// Reads groups of three digits; `None` unless they are what [`TilePath`] prints.
fn parse_index(text: &str) -> Option<u64> {
    let (groups, last) = match text.rsplit_once('/') {
        Some((groups, last)) => (Some(groups), last),
        None => (None, text),
    };
    let digits = |group: &str| {
        let good = group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit());
        if good { group.parse::<u64>().ok() } else { None }
    };
    let mut index: u64 = 0;
    for group in groups.into_iter().flat_map(|g| g.split('/')) {
        index = index.checked_mul(1000)?.checked_add(digits(group.strip_prefix('x')?)?)?;
        // A group of zeros at the front would give the index a second form.
        if index == 0 {
            return None;
        }
    }
    index.checked_mul(1000)?.checked_add(digits(last)?)
}

/// The tiles of one kind that grow when there are `size` items where there were `old`.
fn grown(kind: TileKind, old: u64, size: u64) -> impl Iterator<Item = TilePath> {
    let width = TILE_ITEMS;
    let full = if old < size { old / width..size / width } else { 0..0 };
    let rest = if old < size { (size % width) as u16 } else { 0 };
    full.map(move |index| TilePath { kind, index, width: TILE_WIDTH }).chain((rest > 0).then_some(TilePath {
        kind,
        index: size / width,
        width: rest,
    }))
}

/// The tiles that a log of `size` entries has, and a log of `old` entries lacks or has less wide: hash tiles
/// from level 0 up, then bundles, then content tiles, each from left to right. Empty if the log did not grow.
pub fn new_tiles(old: u64, size: u64) -> impl Iterator<Item = TilePath> {
    (0..LEVELS)
        .flat_map(move |level| {
            let shift = u32::from(level * TILE_HEIGHT);
            grown(TileKind::Hashes { level }, old >> shift, size >> shift)
        })
        .chain(grown(TileKind::Entries, old, size))
        .chain(grown(TileKind::Contents, old, size))
}

/// All tiles of a log of this size, full and partial, in the order of [`new_tiles`].
pub fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
    new_tiles(0, size)
}

/// The tile in which a log of this size holds a node; `None` if the log does not have the node.
///
/// A node that is not of a tile's own height is computed from the tile below it: [`node_in_tile`].
pub fn tile_of_node(height: u8, index: u64, size: u64) -> Option<TilePath> {
    if size.checked_shr(u32::from(height))? <= index {
        return None;
    }
    let level = height / TILE_HEIGHT;
    let tile = index >> (TILE_HEIGHT - height % TILE_HEIGHT);
    let items = (size >> (level * TILE_HEIGHT)) - tile * TILE_ITEMS;
    // At most 256 by the line above.
    Some(TilePath { kind: TileKind::Hashes { level }, index: tile, width: items.min(TILE_ITEMS) as u16 })
}

/// A node of the tree, from the hashes of the tile that [`tile_of_node`] names for it; `None` if the tile is
/// too narrow to hold it.
pub fn node_in_tile(hashes: &[Hash], height: u8, index: u64) -> Option<Hash> {
    let inner = height % TILE_HEIGHT;
    // Below 256, since it counts the nodes of that height in one tile.
    let at = (index & ((1 << (TILE_HEIGHT - inner)) - 1)) as usize;
    subtree_root(hashes.get(at << inner..(at + 1) << inner)?)
}

/// The root of a complete subtree, from its lowest hashes, whose number is a power of two; `None` if there are none.
pub fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.first().copied()
}

/// Bytes that are no tile, or items that none can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Not one to 256 items.
    #[error("expected 1 to {TILE_WIDTH} items, found {found}")]
    Width {
        /// How many there are.
        found: usize,
    },
    /// A hash tile of another length than its width asks for.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// What the width asks for.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The bytes end before this item does.
    #[error("item {item} ends before its bytes do")]
    Truncated {
        /// Number of the item in the tile, from 0.
        item: usize,
    },
    /// Bytes after the last item.
    #[error("{bytes} bytes stand after the last item")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// An item longer than allowed.
    #[error("item {item} is {found} bytes long; at most {limit} are allowed")]
    TooLong {
        /// Number of the item in the tile, from 0.
        item: usize,
        /// The most bytes it may have.
        limit: usize,
        /// How many it has.
        found: usize,
    },
    /// Words of no length, which would read as no words. A content blob always holds a salt.
    #[error("item {item} is a content blob without bytes")]
    Empty {
        /// Number of the item in the tile, from 0.
        item: usize,
    },
}

fn check_width(found: usize) -> Result<(), TileError> {
    if (1..=usize::from(TILE_WIDTH)).contains(&found) { Ok(()) } else { Err(TileError::Width { found }) }
}

/// The bytes of a hash tile.
///
/// # Errors
/// [`TileError::Width`] unless there are 1 to 256 hashes.
pub fn encode_hashes(hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
    check_width(hashes.len())?;
    Ok(hashes.iter().flat_map(|h| h.0).collect())
}

/// Reads a hash tile of this width.
///
/// # Errors
/// [`TileError::Length`] unless there are exactly 32 bytes for each hash, [`TileError::Width`] if there can
/// be no tile of this width.
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let width = usize::from(width);
    check_width(width)?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != width || !rest.is_empty() {
        return Err(TileError::Length { expected: 32 * width, found: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// The bytes of an entry bundle.
///
/// # Errors
/// [`TileError::TooLong`] for an entry of more than [`MAX_ENTRY`] bytes, [`TileError::Width`] unless there
/// are 1 to 256.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, TileError> {
    check_width(entries.len())?;
    let mut out = Vec::with_capacity(entries.iter().map(|e| 2 + e.as_ref().len()).sum());
    for (item, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
        let length = u16::try_from(entry.len());
        let length = length.map_err(|_| TileError::TooLong { item, limit: MAX_ENTRY, found: entry.len() })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// Reads an entry bundle of this width.
///
/// # Errors
/// [`TileError`] unless exactly that many entries stand there and nothing else.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    decode_items(bytes, width, |bytes, item| {
        let (length, rest) = bytes.split_first_chunk().ok_or(TileError::Truncated { item })?;
        rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(TileError::Truncated { item })
    })
}

/// What a content tile says of one entry's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words<'a> {
    /// The entry has none.
    None,
    /// The ledger withholds them. Whether it may is for the log to say (formats.md, section 7).
    Withheld,
    /// The raw bytes of the content blob, not yet compared with the entry's digest.
    Present(&'a [u8]),
}

impl Words<'_> {
    /// The four bytes that stand before the words in a content tile.
    pub fn head(&self) -> [u8; 4] {
        match self {
            Self::None => 0,
            Self::Withheld => WITHHELD,
            Self::Present(blob) => u32::try_from(blob.len()).unwrap_or(WITHHELD),
        }
        .to_be_bytes()
    }

    /// How many bytes of words follow such a head.
    pub fn length(head: [u8; 4]) -> u64 {
        match u32::from_be_bytes(head) {
            WITHHELD => 0,
            length => length.into(),
        }
    }
}

/// The bytes of a content tile.
///
/// # Errors
/// [`TileError::TooLong`] for words of more than [`MAX_CONTENT`] bytes, [`TileError::Empty`] for words of
/// none, [`TileError::Width`] unless there are 1 to 256 items.
pub fn encode_contents(words: &[Words<'_>]) -> Result<Vec<u8>, TileError> {
    check_width(words.len())?;
    let mut out = Vec::new();
    for (item, words) in words.iter().enumerate() {
        match *words {
            Words::None => out.extend_from_slice(&0u32.to_be_bytes()),
            Words::Withheld => out.extend_from_slice(&WITHHELD.to_be_bytes()),
            Words::Present([]) => return Err(TileError::Empty { item }),
            Words::Present(blob) => {
                let length = content_length(blob.len(), item)?;
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(blob);
            }
        }
    }
    Ok(out)
}

/// Reads a content tile of this width.
///
/// # Errors
/// [`TileError`] unless exactly that many items stand there and nothing else.
pub fn decode_contents(bytes: &[u8], width: u16) -> Result<Vec<Words<'_>>, TileError> {
    decode_items(bytes, width, |bytes, item| {
        let (length, rest) = bytes.split_first_chunk().ok_or(TileError::Truncated { item })?;
        match u32::from_be_bytes(*length) {
            0 => Ok((Words::None, rest)),
            WITHHELD => Ok((Words::Withheld, rest)),
            length => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                content_length(length, item)?;
                let (blob, rest) = rest.split_at_checked(length).ok_or(TileError::Truncated { item })?;
                Ok((Words::Present(blob), rest))
            }
        }
    })
}

fn content_length(found: usize, item: usize) -> Result<u32, TileError> {
    let length = u32::try_from(found).ok().filter(|_| found <= MAX_CONTENT);
    length.ok_or(TileError::TooLong { item, limit: MAX_CONTENT, found })
}

/// Takes `width` items off the front of the bytes, which must then be used up.
fn decode_items<'a, T>(
    mut bytes: &'a [u8],
    width: u16,
    take: impl Fn(&'a [u8], usize) -> Result<(T, &'a [u8]), TileError>,
) -> Result<Vec<T>, TileError> {
    check_width(width.into())?;
    let mut items = Vec::with_capacity(width.into());
    for item in 0..usize::from(width) {
        let (value, rest) = take(bytes, item)?;
        items.push(value);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(items) } else { Err(TileError::Trailing { bytes: bytes.len() }) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::log::{MemoryTree, NodeReader as _, leaf_hash};

    fn any_kind() -> impl Strategy<Value = TileKind> {
        prop_oneof![
            (0..=MAX_LEVEL).prop_map(|level| TileKind::Hashes { level }),
            Just(TileKind::Entries),
            Just(TileKind::Contents),
        ]
    }

    fn any_path() -> impl Strategy<Value = TilePath> {
        let index = prop_oneof![0..2000u64, any::<u64>(), any::<u32>().prop_map(u64::from)];
        (any_kind(), index, 1..=TILE_WIDTH).prop_map(|(k, i, w)| TilePath::new(k, i, w).unwrap())
    }

    fn words() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop::option::of(prop::collection::vec(any::<u8>(), 0..40))
    }

    #[test]
    fn paths_are_those_of_the_spec() {
        let path = |kind, index, width| TilePath::new(kind, index, width).unwrap().to_string();
        let level = |level| TileKind::Hashes { level };
        assert_eq!(path(level(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(level(63), 999, 1), "tile/63/999.p/1");
        assert_eq!(path(TileKind::Entries, 1000, 255), "tile/entries/x001/000.p/255");
        assert_eq!(path(TileKind::Contents, 0, 256), "content/tile/000");
        assert_eq!(
            path(level(0), u64::MAX, 256),
            "tile/0/x018/x446/x744/x073/x709/x551/615",
            "the largest index has seven groups"
        );
    }

    #[test]
    fn a_path_has_one_form() {
        use TilePathError::{Index, Level, Shape, Width};
        for (bad, error) in [
            ("", Shape),
            ("tile", Shape),
            ("tile/0", Shape),
            ("/tile/0/000", Shape),
            ("content/0/000", Shape),
            ("checkpoint", Shape),
            ("tile/00/000", Level),
            ("tile/64/000", Level),
            ("tile/256/000", Level),
            ("tile/-1/000", Level),
            ("tile/+1/000", Level),
            ("tile//000", Level),
            ("tile/data/000", Level),
            ("tile/entries", Shape),
            ("tile/0/", Index),
            ("tile/0/0", Index),
            ("tile/0/00", Index),
            ("tile/0/0000", Index),
            ("tile/0/x000", Index),
            ("tile/0/x000/000", Index),
            ("tile/0/x000/x001/000", Index),
            ("tile/0/001/000", Index),
            ("tile/0/x01/000", Index),
            ("tile/0/X001/000", Index),
            ("tile/0/x001/x000", Index),
            ("tile/0/x001//000", Index),
            ("tile/0/x001/000/", Index),
            ("tile/0/+00", Index),
            ("tile/0/٠٠٠", Index),
            ("tile/0/../000", Index),
            ("tile/0/x018/x446/x744/x073/x709/x551/616", Index),
            ("tile/0/x001/x018/x446/x744/x073/x709/x551/615", Index),
            ("tile/0/000.p", Index),
            ("tile/0/000.p/", Width),
            ("tile/0/000.p/0", Width),
            ("tile/0/000.p/01", Width),
            ("tile/0/000.p/256", Width),
            ("tile/0/000.p/1/", Width),
            ("tile/0/000.p/1.p/1", Width),
            ("tile/entries/000.p/-1", Width),
            ("content/tile/000.p/+1", Width),
            ("content/tile/000 ", Index),
        ] {
            assert_eq!(bad.parse::<TilePath>(), Err(error), "{bad:?}");
        }
        assert_eq!(TilePath::new(TileKind::Hashes { level: 64 }, 0, 1), Err(Level));
        assert_eq!(TilePath::new(TileKind::Entries, 0, 0), Err(Width));
        assert_eq!(TilePath::new(TileKind::Entries, 0, 257), Err(Width));
    }

    #[test]
    fn a_log_of_70_000_has_the_tiles_the_spec_counts() {
        let paths: Vec<_> = tiles_of(70_000).collect();
        let count = |kind, full| paths.iter().filter(|p| p.kind() == kind && p.is_full() == full).count();
        for kind in [TileKind::Hashes { level: 0 }, TileKind::Entries, TileKind::Contents] {
            assert_eq!((count(kind, true), count(kind, false)), (273, 1), "{kind:?}");
        }
        let high: Vec<_> = paths.iter().map(ToString::to_string).filter(|p| !p.contains("/0/")).collect();
        assert_eq!(high[..3], ["tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert_eq!(tiles_of(0).count(), 0);
        let small: Vec<_> = tiles_of(256).map(|p| p.to_string()).collect();
        assert_eq!(small, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000", "content/tile/000"]);
    }

    #[test]
    fn a_path_says_whether_a_log_has_it() {
        let within = |path: &str, size| path.parse::<TilePath>().unwrap().is_within(size);
        assert!(within("tile/0/000.p/5", 5) && !within("tile/0/000.p/5", 4));
        assert!(within("tile/entries/001", 512) && !within("tile/entries/001", 511));
        assert!(within("tile/1/000.p/1", 256) && !within("tile/1/000.p/1", 255));
        assert!(!within("tile/63/000.p/1", u64::MAX));
        assert!(!within("tile/0/x018/x446/x744/x073/x709/x551/615", u64::MAX));
    }

    #[test]
    fn a_hash_tile_is_exactly_as_long_as_its_width() {
        let hashes = vec![leaf_hash(b"a"), leaf_hash(b"b")];
        let bytes = encode_hashes(&hashes).unwrap();
        assert_eq!(decode_hashes(&bytes, 2), Ok(hashes));
        for (bytes, width) in [(&bytes[..63], 2), (&bytes[..], 1), (&bytes[..], 3), (&[][..], 1)] {
            let expected = TileError::Length { expected: 32 * usize::from(width), found: bytes.len() };
            assert_eq!(decode_hashes(bytes, width), Err(expected));
        }
        assert_eq!(decode_hashes(&[], 0), Err(TileError::Width { found: 0 }));
        assert_eq!(encode_hashes(&vec![Hash([0; 32]); 257]), Err(TileError::Width { found: 257 }));
    }

    #[test]
    fn a_bundle_is_exactly_its_entries() {
        assert_eq!(encode_bundle(&[b"ab"]).unwrap(), b"\x00\x02ab");
        assert_eq!(decode_bundle(b"\x00\x02ab", 2), Err(TileError::Truncated { item: 1 }));
        assert_eq!(decode_bundle(b"\x00\x02ab\x00", 2), Err(TileError::Truncated { item: 1 }));
        assert_eq!(decode_bundle(b"\x00\x03ab", 1), Err(TileError::Truncated { item: 0 }));
        assert_eq!(decode_bundle(b"\x00\x02abc", 1), Err(TileError::Trailing { bytes: 1 }));
        assert_eq!(decode_bundle(b"", 0), Err(TileError::Width { found: 0 }));
        assert!(encode_bundle(&[vec![0; MAX_ENTRY]]).is_ok());
        assert_eq!(
            encode_bundle(&[vec![0; MAX_ENTRY + 1]]),
            Err(TileError::TooLong { item: 0, limit: MAX_ENTRY, found: MAX_ENTRY + 1 })
        );
        assert_eq!(encode_bundle::<&[u8]>(&[]), Err(TileError::Width { found: 0 }));
        assert_eq!(encode_bundle(&[b""; 257]), Err(TileError::Width { found: 257 }));
    }

    #[test]
    fn a_content_tile_tells_none_from_withheld_and_bounds_each() {
        let words = [Words::None, Words::Withheld, Words::Present(b"x")];
        let bytes = encode_contents(&words).unwrap();
        assert_eq!(bytes, b"\0\0\0\0\xff\xff\xff\xff\0\0\0\x01x");
        assert_eq!(decode_contents(&bytes, 3).unwrap(), words);
        assert_eq!(encode_contents(&[Words::Present(b"")]), Err(TileError::Empty { item: 0 }));
        let long = vec![0; MAX_CONTENT + 1];
        let error = TileError::TooLong { item: 0, limit: MAX_CONTENT, found: MAX_CONTENT + 1 };
        assert_eq!(encode_contents(&[Words::Present(&long)]), Err(error));
        let mut bytes = (MAX_CONTENT as u32 + 1).to_be_bytes().to_vec();
        bytes.extend_from_slice(&long);
        assert_eq!(decode_contents(&bytes, 1), Err(error));
        bytes[..4].copy_from_slice(&(MAX_CONTENT as u32).to_be_bytes());
        assert_eq!(decode_contents(&bytes, 1), Err(TileError::Trailing { bytes: 1 }));
        assert!(decode_contents(&bytes[..bytes.len() - 1], 1).is_ok());
        assert_eq!(decode_contents(b"\0\0\0", 1), Err(TileError::Truncated { item: 0 }));
        assert_eq!(decode_contents(b"\0\0\0\x02x", 1), Err(TileError::Truncated { item: 0 }));
    }

    #[test]
    fn every_node_of_a_tree_is_found_in_its_tiles() {
        let size = 1100;
        let tree: MemoryTree = (0..size).map(|i: u64| leaf_hash(&i.to_be_bytes())).collect();
        for height in 0..=11 {
            for index in 0..(size >> height) + 1 {
                let Some(path) = tile_of_node(height, index, size) else {
                    assert!(tree.node(height, index).is_err());
                    continue;
                };
                assert!(tiles_of(size).any(|p| p == path), "{path}");
                let TileKind::Hashes { level } = path.kind() else { panic!("{path}") };
                let hashes: Vec<_> = (0..u64::from(path.width()))
                    .map(|i| tree.node(8 * level, 256 * path.index() + i).unwrap())
                    .collect();
                assert_eq!(node_in_tile(&hashes, height, index), tree.node(height, index).ok());
            }
        }
        assert_eq!(node_in_tile(&[Hash([0; 32])], 1, 0), None);
        assert_eq!(tile_of_node(64, 0, u64::MAX), None);
        assert!(tile_of_node(63, 0, u64::MAX).is_some());
    }

    proptest! {
        #[test]
        fn a_path_parses_to_what_it_prints(path in any_path()) {
            prop_assert_eq!(path.to_string().parse::<TilePath>(), Ok(path));
        }

        #[test]
        fn what_parses_prints_as_it_was(
            text in "(tile/([0-9]{1,2}|entries)|content/tile)(/x?[0-9]{2,3}){1,3}(\\.p/[0-9]{1,3})?",
        ) {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn growing_makes_all_tiles_of_the_larger_log(old in 0..200_000u64, more in 0..2_000u64) {
            let size = old + more;
            let mut have: BTreeSet<_> = tiles_of(old).collect();
            have.extend(new_tiles(old, size));
            // Partial tiles of the old size may be left over, and nothing else.
            let want: BTreeSet<_> = tiles_of(size).collect();
            prop_assert!(want.is_subset(&have));
            prop_assert!(have.difference(&want).all(|p| !p.is_full() && p.is_within(size)));
            prop_assert!(new_tiles(old, size).all(|p| p.is_within(size) && !p.is_within(old)));
            prop_assert_eq!(new_tiles(size, old).count(), 0);
        }

        #[test]
        fn a_bundle_reads_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..=256)) {
            let bytes = encode_bundle(&entries).unwrap();
            prop_assert_eq!(decode_bundle(&bytes, entries.len() as u16).unwrap(), entries);
        }

        #[test]
        fn a_content_tile_reads_back(items in prop::collection::vec(words(), 1..=256)) {
            let items: Vec<_> = items
                .iter()
                .map(|w| match w.as_deref() {
                    None => Words::Withheld,
                    Some([]) => Words::None,
                    Some(blob) => Words::Present(blob),
                })
                .collect();
            let bytes = encode_contents(&items).unwrap();
            prop_assert_eq!(decode_contents(&bytes, items.len() as u16).unwrap(), items);
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(
            bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..60),
            width in 1..=6u16,
        ) {
            if let Ok(entries) = decode_bundle(&bytes, width) {
                prop_assert_eq!(encode_bundle(&entries).unwrap(), bytes.clone());
            }
            if let Ok(words) = decode_contents(&bytes, width) {
                prop_assert_eq!(encode_contents(&words).unwrap(), bytes);
            }
        }
    }
}
