//! What the folder itself, its journal and other copies offer to mend it with. Nothing of it is true until the tree says so.

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
    log::{Frontier, Hash, SignedCheckpoint, TILE_WIDTH, TileKind, TilePath, decode_hashes, leaf_hash},
    store::journal::{Record, Recovered},
    verify::{Absent, Source, SourceError, bundle::tile_bytes},
};

pub(super) const WIDTH: u64 = TILE_WIDTH as u64;
/// How what lies in the folder is named.
pub(super) const HERE: &str = "this folder";
/// How what lies in its journal is named.
pub(super) const JOURNAL: &str = "its journal";
/// How often in turn a source may fail before it is asked no more.
const FAILURES: u32 = 3;

/// What a source did wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// The source.
    pub source: String,
    /// The first that was wrong.
    pub what: String,
    /// How often something was wrong.
    pub times: u64,
}

/// What came of looking at bytes that were offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// Nothing more is wanted.
    Enough,
    /// They were good, or lack what is wanted.
    More,
    /// They are not what the log has.
    Wrong,
}

/// A copy that is asked.
struct Asked<'a> {
    source: &'a dyn Source,
    checkpoint: SignedCheckpoint,
    failures: Cell<u32>,
}

/// All that offer something.
pub(super) struct Offers<'a> {
    public: PathBuf,
    journal: Recovered,
    /// Words that the journal gives back, by the entries whose they are.
    given_back: BTreeMap<u64, Arc<[u8]>>,
    asked: Vec<Asked<'a>>,
    troubles: RefCell<BTreeMap<String, (String, u64)>>,
    /// Sources, and the statuses other than 404 by which they gave something not.
    kept_back: RefCell<BTreeSet<(String, u16)>>,
}

/// So many items of a kind are in a log of a size.
fn items(kind: TileKind, size: u64) -> u64 {
    match kind {
        TileKind::Hashes { level } => size.checked_shr(u32::from(level) * 8).unwrap_or(0),
        TileKind::Entries | TileKind::Contents => size,
    }
}

/// How many items a log of a size has in the tile at an index.
pub(super) fn width_at(kind: TileKind, index: u64, size: u64) -> u16 {
    items(kind, size).saturating_sub(index * WIDTH).min(WIDTH) as u16 // At most 256.
}

/// The items of a bundle or a content tile, as far as it can be taken apart; empty where there are no words.
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

/// The root of some hashes.
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

    /// Asks a source too, which showed this checkpoint.
    pub fn ask(&mut self, source: &'a dyn Source, checkpoint: SignedCheckpoint) {
        self.asked.push(Asked { source, checkpoint, failures: Cell::new(0) });
    }

    /// Takes in what the journal holds.
    pub fn with_journal(&mut self, recovered: Recovered) {
        self.given_back = recovered.records.iter().filter_map(|record| record.restored.clone()).collect();
        self.journal = recovered;
    }

    pub fn journal(&self) -> &Recovered {
        &self.journal
    }

    /// The sources that are asked, with the checkpoints that they showed.
    pub fn checkpoints(&self) -> impl Iterator<Item = (String, &SignedCheckpoint)> {
        self.asked.iter().map(|asked| (asked.source.describe(), &asked.checkpoint))
    }

    /// An entry in the journal.
    pub fn record(&self, index: u64) -> Option<&Record> {
        let at = usize::try_from(index.checked_sub(self.journal.first)?).ok()?;
        self.journal.records.get(at)
    }

    /// Words in the journal of an entry, recorded or given back.
    pub fn words(&self, index: u64) -> impl Iterator<Item = &Arc<[u8]>> {
        let recorded = self.record(index).and_then(|record| record.words.as_ref());
        recorded.into_iter().chain(self.given_back.get(&index))
    }

    /// Takes note of what a source did wrong.
    pub fn trouble(&self, source: &str, what: String) {
        let mut troubles = self.troubles.borrow_mut();
        troubles.entry(source.to_owned()).or_insert((what, 0)).1 += 1;
    }

    /// Takes note of the statuses by which sources gave something not: worth to be told where something is missing.
    pub fn tell_kept_back(&self) {
        for (source, status) in self.kept_back.take() {
            self.trouble(&source, format!("answered {status} to what it did not give"));
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

    /// What a source answers; none after it failed too often, since each failure takes its time.
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
                // What is too long did not fail to come.
                if !matches!(e, SourceError::TooLong { .. }) {
                    asked.failures.set(asked.failures.get() + 1);
                }
                self.trouble(&asked.source.describe(), e.to_string());
                None
            }
        }
    }

    /// The bytes of a tile as they lie in the folder. What can't be read is as good as not there.
    pub fn here(&self, path: TilePath) -> Option<Vec<u8>> {
        fs::read(self.public.join(path.to_string())).ok()
    }

    /// Gives the tile that a log of a size has at an index, from wherever it can be had, until `take` has enough: bytes, how
    /// many items they should hold, and from where they are. The folder comes first, with tiles of whatever width.
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
            if index * WIDTH >= items {
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

    /// Gives the hashes of a tile, wherever they can be had or made of what lies below, until `take` has enough.
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
            // What can be made here needs nobody else.
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
            // What it is does not matter any more: nobody else is asked.
            _ = self.made(level, index, width).map(|made| take(&made, HERE));
        }
    }

    /// The hashes of a tile, made of the entries or the tiles below it that lie here.
    fn made(&self, level: u8, index: u64, width: u16) -> Option<Vec<Hash>> {
        let first = index * WIDTH;
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
        // A log of no entries has no tile at any source.
        self.each_tile(TileKind::Entries, index, 0, &mut |bytes, _, _| {
            for (leaf, raw) in leaves.iter_mut().zip(split(TileKind::Entries, bytes)) {
                leaf.get_or_insert_with(|| leaf_hash(raw));
            }
            Took::More
        });
        leaves.into_iter().collect()
    }

    /// Gives a file by its digest, from each source that has it, until `take` says that it was good.
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
            self.trouble(&name, format!("{path}: not what its name says"));
        }
        None
    }
}
