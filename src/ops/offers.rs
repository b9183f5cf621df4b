//! Bytes that the folder itself, its journal and other copies offer for its repair. None of them is believed until the tree
//! confirms it.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use serde::Serialize;

use crate::{
    event::Digest,
    log::{
        Frontier, Hash, SignedCheckpoint, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath, decode_hashes,
        leaf_hash,
    },
    store::journal::{Record, Recovered},
    verify::{Absent, Source, SourceError, bundle::tile_bytes},
};

/// The name of the folder as a source.
pub(super) const HERE: &str = "this folder";
/// The name of its journal as a source.
pub(super) const JOURNAL: &str = "its journal";
/// After this many failures in a row a source is not asked any more.
const FAILURES: u32 = 3;

/// What a source did wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// The source.
    pub source: String,
    /// The first thing that was wrong.
    pub what: String,
    /// How many things were wrong.
    pub times: u64,
}

/// The verdict on bytes that were offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// Nothing more is wanted.
    Enough,
    /// They were not wrong, and more is wanted.
    More,
    /// They are not what the log has.
    Wrong,
}

/// A source that is asked: another copy of the log.
struct Asked<'a> {
    source: &'a dyn Source,
    checkpoint: SignedCheckpoint,
    failures: Cell<u32>,
}

/// The folder, its journal and all sources.
pub(super) struct Offers<'a> {
    public: PathBuf,
    journal: Recovered,
    /// Words that entries in the journal give back, by the index of the entry that they belong to.
    given_back: BTreeMap<u64, Arc<[u8]>>,
    asked: Vec<Asked<'a>>,
    troubles: RefCell<BTreeMap<String, (String, u64)>>,
    /// Sources, each with a status other than 404 by which it refused a file.
    kept_back: RefCell<BTreeSet<(String, u16)>>,
}

/// How many items of a kind a log of `size` entries has.
fn items(kind: TileKind, size: u64) -> u64 {
    match kind {
        TileKind::Hashes { level } => size.checked_shr(u32::from(level) * 8).unwrap_or(0),
        TileKind::Entries | TileKind::Contents => size,
    }
}

/// How many items the tile at `index` has in a log of `size` entries.
pub(super) fn width_at(kind: TileKind, index: u64, size: u64) -> u16 {
    items(kind, size).saturating_sub(index * TILE_ITEMS).min(TILE_ITEMS) as u16 // At most 256.
}

/// The items of a bundle or a content tile, up to the first that can't be read. An item without words is empty.
pub(super) fn split(kind: TileKind, bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(|| {
        let (length, after) = match kind {
            TileKind::Contents => {
                let (length, after) = rest.split_first_chunk()?;
                let length = u32::from_be_bytes(*length);
                (if length == u32::MAX { 0 } else { length as usize }, after)
            }
            _ => {
                let (length, after) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), after)
            }
        };
        let (item, after) = after.split_at_checked(length)?;
        rest = after;
        Some(item)
    })
    .take(TILE_WIDTH.into())
    .collect()
}

/// The root of the tree with these leaf hashes.
pub(super) fn top(hashes: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    hashes.iter().for_each(|hash| tree.push(*hash, |_, _, _| {}));
    tree.root()
}

impl<'a> Offers<'a> {
    pub fn new(public: PathBuf) -> Self {
        Self {
            public,
            journal: Recovered::default(),
            given_back: BTreeMap::new(),
            asked: Vec::new(),
            troubles: RefCell::default(),
            kept_back: RefCell::default(),
        }
    }

    /// Adds a source that showed this checkpoint.
    pub fn ask(&mut self, source: &'a dyn Source, checkpoint: SignedCheckpoint) {
        self.asked.push(Asked { source, checkpoint, failures: Cell::new(0) });
    }

    /// Adds what the journal holds.
    pub fn with_journal(&mut self, recovered: Recovered) {
        self.given_back = recovered.records.iter().filter_map(|record| record.restored.clone()).collect();
        self.journal = recovered;
    }

    pub fn journal(&self) -> &Recovered {
        &self.journal
    }

    /// The sources, by name, with the checkpoints that they showed.
    pub fn checkpoints(&self) -> impl Iterator<Item = (String, &SignedCheckpoint)> {
        self.asked.iter().map(|asked| (asked.source.describe(), &asked.checkpoint))
    }

    /// The record of an entry in the journal.
    pub fn record(&self, index: u64) -> Option<&Record> {
        let at = usize::try_from(index.checked_sub(self.journal.first)?).ok()?;
        self.journal.records.get(at)
    }

    /// The words of an entry that the journal has: recorded with it, or given back later.
    pub fn words(&self, index: u64) -> impl Iterator<Item = &Arc<[u8]>> {
        let recorded = self.record(index).and_then(|record| record.words.as_ref());
        recorded.into_iter().chain(self.given_back.get(&index))
    }

    /// Notes what a source did wrong.
    pub fn trouble(&self, source: &str, what: String) {
        let mut troubles = self.troubles.borrow_mut();
        troubles.entry(source.to_owned()).or_insert((what, 0)).1 += 1;
    }

    /// Notes the statuses other than 404 by which sources refused files. They are worth telling if something is missing.
    pub fn tell_kept_back(&self) {
        for (source, status) in self.kept_back.take() {
            self.trouble(&source, format!("answered {status} in place of a file"));
        }
    }

    pub fn troubles(&self) -> Vec<Trouble> {
        let troubles = self.troubles.borrow();
        let trouble = |(source, (what, times)): (&String, &(String, u64))| Trouble {
            source: source.clone(),
            what: what.clone(),
            times: *times,
        };
        troubles.iter().map(trouble).collect()
    }

    /// The answer of a source. A source that failed [`FAILURES`] times in a row is not asked: each failure takes its time.
    fn answer<T>(
        &self,
        asked: &Asked<'_>,
        ask: impl FnOnce(&dyn Source) -> Result<Result<T, Absent>, SourceError>,
    ) -> Option<T> {
        if asked.failures.get() >= FAILURES {
            return None;
        }
        match ask(asked.source) {
            Ok(found) => {
                asked.failures.set(0);
                if let Err(Absent { status: Some(status) }) = found {
                    self.kept_back.borrow_mut().insert((asked.source.describe(), status));
                }
                found.ok()
            }
            Err(e) => {
                // An answer that is too long is no failure to answer.
                if !matches!(e, SourceError::TooLong { .. }) {
                    asked.failures.set(asked.failures.get() + 1);
                }
                self.trouble(&asked.source.describe(), e.to_string());
                None
            }
        }
    }

    /// The bytes of a tile in the folder. A tile that can't be read counts as missing.
    pub fn here(&self, path: TilePath) -> Option<Vec<u8>> {
        fs::read(self.public.join(path.to_string())).ok()
    }

    /// Offers `take` the tile at `index` in a log of `size` entries, first from the folder, in every width that is there, then
    /// from each source, until it has enough. `take` is given the bytes, how many items they should hold, and the name of the
    /// source.
    pub fn each_tile(
        &self,
        kind: TileKind,
        index: u64,
        size: u64,
        take: &mut dyn FnMut(&[u8], u16, &str) -> Took,
    ) {
        let Ok(full) = TilePath::new(kind, index, TILE_WIDTH) else { return };
        let narrow = fs::read_dir(self.public.join(format!("{full}.p"))).into_iter().flatten();
        let narrow = narrow.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut widths: Vec<u16> = narrow.chain([TILE_WIDTH]).collect();
        widths.sort_unstable_by_key(|width| std::cmp::Reverse(*width));
        for width in widths {
            let path = TilePath::new(kind, index, width).ok();
            let Some(bytes) = path.and_then(|path| self.here(path)) else { continue };
            if take(&bytes, width, HERE) == Took::Enough {
                return;
            }
        }
        for asked in &self.asked {
            let items = items(kind, size.min(asked.checkpoint.checkpoint().size()));
            if index * TILE_ITEMS >= items {
                continue;
            }
            let found = self.answer(asked, |source| tile_bytes(source, kind, index, items));
            let Some((bytes, width)) = found else { continue };
            let name = asked.source.describe();
            match take(&bytes, width, &name) {
                Took::Enough => return,
                Took::More => {}
                Took::Wrong => self.trouble(&name, format!("{full}: not what the log has")),
            }
        }
    }

    /// Offers `take` the hashes of a tile, until it has enough: from the folder, made from what the folder has below the tile,
    /// and from each source. `take` is given the hashes and the name of the source.
    pub fn each_hashes(
        &self,
        (level, index): (u8, u64),
        size: u64,
        take: &mut dyn FnMut(&[Hash], &str) -> Took,
    ) {
        let kind = TileKind::Hashes { level };
        let width = width_at(kind, index, size);
        let (mut enough, mut made) = (false, false);
        self.each_tile(kind, index, size, &mut |bytes, of, from| {
            // Before any source, the hashes that can be made here.
            if from != HERE && !made {
                made = true;
                enough = self.made(level, index, width).is_some_and(|made| take(&made, HERE) == Took::Enough);
                if enough {
                    return Took::Enough;
                }
            }
            if of < width {
                return Took::More;
            }
            let Ok(mut hashes) = decode_hashes(bytes, of) else { return Took::Wrong };
            hashes.truncate(width.into());
            let took = take(&hashes, from);
            enough = took == Took::Enough;
            took
        });
        if !enough && !made {
            // The last offer: what `take` says of it makes no difference.
            _ = self.made(level, index, width).map(|made| take(&made, HERE));
        }
    }

    /// The hashes of a tile, made from the entries or the tiles below it in the folder and its journal.
    fn made(&self, level: u8, index: u64, width: u16) -> Option<Vec<Hash>> {
        let first = index * TILE_ITEMS;
        let places = first..first + u64::from(width);
        if level > 0 {
            let below = |index| {
                let path = TilePath::new(TileKind::Hashes { level: level - 1 }, index, TILE_WIDTH).ok()?;
                decode_hashes(&self.here(path)?, TILE_WIDTH).ok().map(|hashes| top(&hashes))
            };
            return places.map(below).collect();
        }
        let mut leaves: Vec<Option<Hash>> =
            places.map(|index| self.record(index).map(|record| leaf_hash(&record.entry))).collect();
        // Size 0, so that no source is asked: in a log without entries none has this tile.
        self.each_tile(TileKind::Entries, index, 0, &mut |bytes, _, _| {
            for (leaf, raw) in leaves.iter_mut().zip(split(TileKind::Entries, bytes)) {
                leaf.get_or_insert_with(|| leaf_hash(raw));
            }
            Took::More
        });
        leaves.into_iter().collect()
    }

    /// Offers `take` the file with this digest from each source that has it, until it says that it was good. Returns the name
    /// of the source that had it.
    pub fn each_file(
        &self,
        digest: &Digest,
        take: &mut dyn FnMut(Box<dyn std::io::Read + Send>) -> bool,
    ) -> Option<String> {
        let path = format!("file/{digest}");
        for asked in &self.asked {
            let name = asked.source.describe();
            let Some(reader) = self.answer(asked, |source| source.look(&path)) else { continue };
            if take(reader) {
                return Some(name);
            }
            self.trouble(&name, format!("{path}: its bytes do not have the digest in its name"));
        }
        None
    }
}
