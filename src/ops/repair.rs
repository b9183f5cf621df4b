//! `repair`: makes the files of a ledger whole again, from what is left of them and from other copies.
//!
//! Nothing is believed but the log's key. A checkpoint that it signed gives the root, and the root decides the rest: which
//! hashes and entries are in the tree, and which words and files the entries name. So it does not matter which source gives
//! the missing bytes, nor what else it gives. It works in this order:
//!
//! 1. It finds the largest checkpoint whose tree can be put together. That must continue every other checkpoint that the
//!    folder or a source has; if not, there are two histories, and nothing is changed.
//! 2. It places hash tiles, from the root down, then bundles of entries.
//! 3. It verifies all entries as `verify` does. This tells what the log withholds.
//! 4. It places content tiles and files, without what the log withholds.
//! 5. It places the checkpoint, and removes words and files that the log withholds.
//!
//! It can be killed at any moment, and run again. Good files stay. If no source has some entry, it ends after the second step:
//! without that entry nobody knows all that the log withholds, and none of that may come back.

use std::{
    collections::{BTreeSet, HashMap},
    fmt, fs,
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{
    Doing as _, OpsError,
    fsck::{self, Fsck},
    offers::{HERE, JOURNAL, Offers, Took, Trouble, split, width_at},
    stray_files::{self, files_under},
    tree::{LEVELS, Lost, Tree},
};
use crate::{
    event::{Body, Content, ContentRef, Digest, EventId, FileRef, MAX_CONTENT, Position},
    ledger::{LedgerError, claims::is_closed, folder::Folder, folder_lock, known::Knowledge, marks::Marks},
    log::{
        Auditor, Checkpoint, Entry, Fate, Fork, MAX_CHECKPOINT, MemoryRows, NodeReader as _, Rows as _,
        SignedCheckpoint, TILE_ITEMS, TileKind, TilePath, Words, decode_bundle, encode_bundle,
        encode_contents, encode_hashes, leaf_hash, root,
    },
    note::{Origin, VerifyingKey},
    proof_file,
    store::{
        disk::{AtHand, Placing, RealDisk},
        head,
        index::{Index, IndexPosition},
        journal::{self, Journal, Recovered},
    },
    verify::{Options, Place, Source, SourceError, Start, Step, Verdict, verify_from},
};

/// A file that was mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// Its name in `public/`.
    pub name: String,
    /// The sources of its bytes.
    pub from: BTreeSet<String>,
}

/// What a repair did.
#[derive(Debug, Clone, Serialize)]
pub struct Repair {
    /// The folder.
    pub data: PathBuf,
    /// Entries under the checkpoint that it was mended to.
    pub size: u64,
    /// Files that were mended.
    pub mended: Vec<Mended>,
    /// What was removed: words and files that the log withholds, or a bad index.
    pub removed: Vec<String>,
    /// What neither the folder nor any source has.
    pub missing: Vec<String>,
    /// What sources did wrong.
    pub troubles: Vec<Trouble>,
    /// What `fsck` says of the folder now.
    pub fsck: Fsck,
}

impl Repair {
    /// Whether the folder is what it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.fsck.faults.is_empty()
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Mended { name, from } in &self.mended {
            let from: Vec<&str> = from.iter().map(String::as_str).collect();
            writeln!(f, "mended: {name}, from {}", from.join(" and "))?;
        }
        for what in &self.removed {
            writeln!(f, "removed: {what}")?;
        }
        for Trouble { source, what, times } in &self.troubles {
            let more = if *times > 1 { format!(" (and {} more)", times - 1) } else { String::new() };
            writeln!(f, "source {source}: {what}{more}")?;
        }
        for what in &self.missing {
            writeln!(f, "missing: {what}: no source has it")?;
        }
        if self.mended.is_empty() && self.missing.is_empty() {
            writeln!(f, "nothing had to be mended")?;
        }
        write!(f, "\n{}", self.fsck)
    }
}

/// Makes the public files of a ledger that nobody serves whole again, from the folder itself and from `sources`. `progress` is
/// called with the number of entries that are done, and of all.
///
/// # Errors
/// [`OpsError`] if the folder holds no ledger, is in use or can't be written, if no source can be read, or if one of them
/// shows another history: then nothing was changed.
pub fn repair(
    data: &Path,
    sources: &[Arc<dyn Source + Send>],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Repair, OpsError> {
    let folder = Folder::new(data);
    let said = folder.said()?;
    if let Some(of) = said.mirror_of {
        let data = data.display();
        return Err(OpsError::Unusable(format!(
            "{data} is a mirror, which has nothing that {of} does not have: move it away, and mirror again"
        )));
    }
    let _lock = folder_lock::lock(&folder)?;
    let make = |dir: PathBuf| fs::create_dir_all(&dir).doing("create", &dir);
    make(folder.tmp())?;
    clear_aside(&folder)?;
    let Chosen { offers, by, target, whole } = choose(&folder, (&said.origin, &said.log_key), sources)?;
    make(folder.public())?;
    make(folder.journal())?;
    let mut work = Work {
        folder: &folder,
        origin: &said.origin,
        key: &said.log_key,
        offers: &offers,
        size: target.checkpoint().size(),
        placing: Placing::named(&RealDisk, folder.tmp(), ASIDE),
        mended: Vec::new(),
        removed: Vec::new(),
        missing: whole.err().into_iter().collect(),
        named: BTreeSet::new(),
    };
    work.run(&by, &target, progress)?;
    let Work { size, mended, removed, mut missing, .. } = work;
    let mut told = BTreeSet::new();
    missing.retain(|what| told.insert(what.clone()));
    let fsck = fsck::check_locked(folder, None, progress)?;
    if !missing.is_empty() {
        offers.tell_kept_back();
    }
    let troubles = offers.troubles();
    Ok(Repair { data: data.to_owned(), size, mended, removed, missing, troubles, fsck })
}

/// The name of the candidate that is made from the largest head ever signed.
const SIGNED: &str = "signed";
/// The beginning of the names of files that are written aside, in `tmp/`.
const ASIDE: &str = "repair";

/// Removes files that an earlier run left in `tmp/` when it was killed: they may hold words that were withheld since.
fn clear_aside(folder: &Folder) -> Result<(), OpsError> {
    let tmp = folder.tmp();
    for name in files_under(&tmp)?.iter().filter(|name| name.starts_with(ASIDE)) {
        let path = tmp.join(name);
        fs::remove_file(&path).doing("remove", &path)?;
    }
    Ok(())
}

/// What a folder is mended with.
struct Chosen<'a> {
    offers: Offers<'a>,
    /// The name of the source that has the target.
    by: String,
    /// The checkpoint that the folder is mended to.
    target: SignedCheckpoint,
    /// `Err` says what is missing of the log: a hash tile, or entries that were acknowledged and that neither the target nor
    /// the journal reaches.
    whole: Result<(), String>,
}

fn choose<'a>(
    folder: &Folder,
    (origin, key): (&Origin, &VerifyingKey),
    sources: &'a [Arc<dyn Source + Send>],
) -> Result<Chosen<'a>, OpsError> {
    let mut offers = Offers::new(folder.public());
    for source in sources {
        match checkpoint_of(&**source, key) {
            Ok(checkpoint) => offers.ask(&**source, checkpoint),
            Err(what) => offers.trouble(&source.describe(), what),
        }
    }
    let mut candidates: Vec<(String, SignedCheckpoint)> = Vec::new();
    let local = fs::read(folder.checkpoint()).ok().and_then(|bytes| Checkpoint::open(&bytes, key).ok());
    candidates.extend(local.map(|checkpoint| ("public/checkpoint".to_owned(), checkpoint)));
    candidates.extend(offers.checkpoints().map(|(name, checkpoint)| (name, checkpoint.clone())));
    if offers.checkpoints().next().is_none() {
        let said: Vec<String> =
            offers.troubles().into_iter().map(|t| format!("{}: {}", t.source, t.what)).collect();
        return Err(OpsError::Unreachable(format!("no source can be used: {}", said.join("; "))));
    }
    let largest = |candidates: &[(String, SignedCheckpoint)]| {
        candidates.iter().map(|(_, checkpoint)| checkpoint.checkpoint().size()).max().unwrap_or(0)
    };
    // Entries that are in tiles need not be in the journal.
    let recovered = match journal::recover(&RealDisk, &folder.journal(), largest(&candidates)) {
        Ok(recovered) => recovered,
        // `fsck`, which runs at the end, reports the fault of the journal.
        Err(_) => Recovered {
            acknowledged: journal::acknowledged(&RealDisk, &folder.journal()).map_err(LedgerError::from)?,
            ..Recovered::default()
        },
    };
    let mut knowledge = Knowledge::read(&RealDisk, folder, key, &recovered)?;
    knowledge.with_index(index_position(folder).as_ref());
    let beside = knowledge.checkpoints.drain(..);
    candidates.extend(beside.map(|checkpoint| ("what lies beside the log".to_owned(), checkpoint)));
    // Entries in the journal count as reached: the next start publishes them.
    let by_others = reached(&recovered, largest(&candidates));
    candidates.extend(signed_again(folder)?.map(|checkpoint| (SIGNED.to_owned(), checkpoint)));
    let most = knowledge.most().max(largest(&candidates));
    offers.with_journal(recovered);
    candidates.retain(|(_, checkpoint)| checkpoint.checkpoint().size() > 0);
    candidates.sort_by_key(|(_, checkpoint)| std::cmp::Reverse(checkpoint.checkpoint().size()));

    let find = |(name, c): &(String, SignedCheckpoint)| {
        let is_needed = name != SIGNED || c.checkpoint().size() > by_others;
        let tree = if is_needed { Tree::find(&offers, c.checkpoint()) } else { None };
        tree.map(|tree| (tree, name.clone(), c.clone()))
    };
    let Some((tree, by, target)) = candidates.iter().find_map(find) else {
        let data = folder.root().display();
        let why = format!("{data}: neither the folder nor a source has the hash tiles of any checkpoint");
        return Err(OpsError::Unusable(why));
    };
    let size = target.checkpoint().size();
    let whole =
        match is_one_history(folder, (origin, key), &offers, &knowledge, &candidates, (&tree, &by, &target))?
        {
            Err(Lost(tile)) => Err(tile),
            Ok(()) => {
                let reached = reached(offers.journal(), size);
                match most.saturating_sub(reached) {
                    0 => Ok(()),
                    _ => {
                        Err(format!("{}, of {most} that were acknowledged", entries_from(reached, most - 1)))
                    }
                }
            }
        };
    drop(tree);
    Ok(Chosen { offers, by, target, whole })
}

/// How many entries there are if `size` of them are in tiles: these, and those that the journal has after them.
fn reached(journal: &Recovered, size: u64) -> u64 {
    size + if journal.first <= size { journal.above(size).len() as u64 } else { 0 }
}

/// Refuses if a candidate, the journal or another file of the folder has another history than the target. Keeps the proof if
/// the log signed both. The inner error is a hash tile that could not be found.
fn is_one_history(
    folder: &Folder,
    (origin, key): (&Origin, &VerifyingKey),
    offers: &Offers<'_>,
    knowledge: &Knowledge,
    candidates: &[(String, SignedCheckpoint)],
    (tree, by, target): (&Tree<'_>, &str, &SignedCheckpoint),
) -> Result<Result<(), Lost>, OpsError> {
    let size = target.checkpoint().size();
    let compare = || -> Result<Option<OpsError>, Lost> {
        for (name, other) in candidates.iter().filter(|(_, other)| other.checkpoint().size() <= size) {
            let entries = other.checkpoint().size();
            if root(entries, tree)? == other.checkpoint().root() {
                continue;
            }
            let fork = Fork::find(key, other, target, tree).ok().flatten();
            let proof = fork.and_then(|fork| serde_json::to_vec_pretty(&fork).ok());
            let proof = proof.filter(|proof| Fork::prove(proof).is_ok()).map(|proof| {
                let write = |name: &Path| {
                    let mut placing = Placing::named(&RealDisk, folder.tmp(), ASIDE);
                    placing.place(name, &proof).and_then(|()| placing.sync())
                };
                proof_file::keep(&folder.fork(), &proof, write)
            });
            let what = format!(
                "the log signed two histories of its first {entries} entries: that of {name} is not that of {by}, which has \
                 {size} entries. Nothing was changed"
            );
            return Ok(Some(match proof {
                Some(proof) => OpsError::Forked { what, proof },
                None => OpsError::Unusable(what),
            }));
        }
        if let Some(other) = knowledge.other(size, |size| root(size, tree).map(Some))? {
            return Ok(Some(OpsError::Unusable(format!("{other}. Nothing was changed"))));
        }
        let journal = offers.journal();
        for (index, record) in (journal.first..size).zip(&journal.records) {
            if tree.node(0, index)? != leaf_hash(&record.entry) {
                return Ok(Some(OpsError::Unusable(format!(
                    "journal, entry {index}: not the entry that the log of {origin} has under the checkpoint of {size} \
                     entries. Nothing was changed"
                ))));
            }
        }
        Ok(None)
    };
    match compare() {
        Ok(None) => Ok(Ok(())),
        Ok(Some(other)) => Err(other),
        Err(lost) => Ok(Err(lost)),
    }
}

/// The checkpoint that a source shows.
fn checkpoint_of(source: &dyn Source, key: &VerifyingKey) -> Result<SignedCheckpoint, String> {
    let bytes = source.get("checkpoint", MAX_CHECKPOINT).map_err(|e| e.to_string())?;
    let bytes = bytes.ok_or("there is no checkpoint")?;
    Checkpoint::open(&bytes, key).map_err(|e| format!("checkpoint: {e}"))
}

/// The checkpoint over the largest head that was ever signed, signed again, if the folder has the log's key.
fn signed_again(folder: &Folder) -> Result<Option<SignedCheckpoint>, OpsError> {
    let signed = head::read(&RealDisk, &folder.signed()).map_err(LedgerError::from)?;
    let (Some((size, root)), Ok((origin, key))) = (signed.head, folder.read()) else { return Ok(None) };
    Ok(Checkpoint::new(origin, size, root).and_then(|checkpoint| checkpoint.sign(&key)).ok())
}

/// How far the index has come, if it can be read.
fn index_position(folder: &Folder) -> Option<IndexPosition> {
    Index::open_as_it_is(&folder.index()).ok().flatten()?.position().ok().flatten()
}

/// The folder as it will be, for verification: its files under the target's checkpoint.
struct Coming<'a> {
    checkpoint: &'a [u8],
    public: PathBuf,
}

impl Source for Coming<'_> {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        if path == "checkpoint" {
            return Ok(Some(Box::new(io::Cursor::new(self.checkpoint.to_vec()))));
        }
        match fs::File::open(self.public.join(path)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(SourceError::Io { path: path.to_owned(), cause: e.to_string() }),
        }
    }

    fn describe(&self) -> String {
        self.public.display().to_string()
    }
}

/// What is known of the words of an entry.
enum Slot<'a> {
    /// The entry commits to none.
    None,
    Withheld,
    Present(Vec<u8>),
    /// To be found: what the entry commits to, and the wrong bytes that the folder has in their place. These stay if no source
    /// has the words: perhaps only one bit of them is wrong.
    Wanted(&'a ContentRef, Vec<u8>),
}

struct Work<'a> {
    folder: &'a Folder,
    origin: &'a Origin,
    key: &'a VerifyingKey,
    offers: &'a Offers<'a>,
    size: u64,
    placing: Placing<'a>,
    mended: Vec<Mended>,
    removed: Vec<String>,
    missing: Vec<String>,
    /// Files that words name and the log does not withhold.
    named: BTreeSet<Digest>,
}

impl Work<'_> {
    fn run(
        &mut self,
        by: &str,
        target: &SignedCheckpoint,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<(), OpsError> {
        let is_whole = self.missing.is_empty();
        let is_new = |path: &PathBuf| !path.exists();
        let before: Vec<PathBuf> =
            crate::log::tiles_of(self.size).map(|path| self.folder.tile(&path)).filter(is_new).collect();
        {
            let tree = Tree::find(self.offers, target.checkpoint());
            let lost = || OpsError::Unusable("hash tiles of the tree can't be read any more".into());
            let tree = tree.ok_or_else(lost)?;
            self.hashes(&tree, is_whole)?;
            self.entries(&tree, is_whole)?;
        }
        self.sync()?;
        if !self.missing.is_empty() {
            return Ok(());
        }
        let coming = Coming { checkpoint: target.note().as_bytes(), public: self.folder.public() };
        let options = Options { words: false, files: false, ..Options::default() };
        let tell = |step| {
            if let Step::Checked { done, of } = step {
                progress(done, of);
            }
        };
        let begin = |_: &Checkpoint| {
            Ok(Start {
                auditor: Auditor::new(self.origin.clone(), MemoryRows::default()),
                levels: Vec::new(),
            })
        };
        let (report, auditor) = verify_from::<MemoryRows>(&coming, Some(self.key), &options, &tell, begin);
        let auditor = match auditor {
            Some(auditor) if report.verdict == Verdict::Valid => auditor,
            _ => {
                // The log signed entries that break the rules: none of the tiles placed for them stays.
                for path in &before {
                    self.placing.remove(path).map_err(LedgerError::from)?;
                }
                self.sync()?;
                return Err(OpsError::NotValid(Box::new(report)));
            }
        };
        let rows = auditor.rows();
        self.words(rows)?;
        self.sync()?;
        let note = target.note().as_bytes();
        let is_there =
            fs::read(self.folder.checkpoint()).ok().and_then(|bytes| Checkpoint::open(&bytes, self.key).ok());
        if is_there.is_none_or(|there| there.checkpoint() != target.checkpoint()) {
            self.place("checkpoint", &self.folder.checkpoint(), note, [by.to_owned()].into())?;
            self.sync()?;
        }
        self.remove_files(rows)?;
        self.remove_narrow()?;
        self.sync()?;
        self.begin_journal()?;
        self.remove_index(&auditor)
    }

    /// Begins the journal anew if it can't be read, unless it may alone hold entries that the ledger has acknowledged.
    fn begin_journal(&mut self) -> Result<(), OpsError> {
        let dir = self.folder.journal();
        let signed = head::read(&RealDisk, &self.folder.signed()).map_err(LedgerError::from)?;
        // A head is durable in `signed` before anything that was signed over it leaves the ledger.
        let is_all = signed.fault.is_none() && signed.head.is_some_and(|(size, _)| size <= self.size);
        if journal::recover(&RealDisk, &dir, self.size).is_ok() || !is_all {
            return Ok(());
        }
        Journal::start(&RealDisk, &dir, self.size).map_err(LedgerError::from)?;
        let first = journal::segment_path(&dir, self.size);
        for name in files_under(&dir)? {
            let path = dir.join(name);
            if path != first && !path.ends_with(journal::MARK_FILE) {
                self.placing.remove(&path).map_err(LedgerError::from)?;
            }
        }
        self.sync()?;
        self.mended.push(Mended {
            name: "journal, begun anew: all that was acknowledged is in public/".to_owned(),
            from: [HERE.to_owned()].into(),
        });
        Ok(())
    }

    fn sync(&mut self) -> Result<(), OpsError> {
        Ok(self.placing.sync().map_err(LedgerError::from)?)
    }

    fn place(
        &mut self,
        name: &str,
        path: &Path,
        bytes: &[u8],
        from: BTreeSet<String>,
    ) -> Result<(), OpsError> {
        self.placing.place(path, bytes).map_err(LedgerError::from)?;
        self.mended.push(Mended { name: name.to_owned(), from });
        Ok(())
    }

    /// Places a tile, unless the folder has it with these bytes.
    fn tile(&mut self, path: TilePath, bytes: &[u8], from: BTreeSet<String>) -> Result<(), OpsError> {
        if self.offers.here(path).as_deref() == Some(bytes) {
            return Ok(());
        }
        self.place(&path.to_string(), &self.folder.tile(&path), bytes, from)
    }

    /// Places the hash tiles, from the root down; only full ones if something of the log is missing.
    fn hashes(&mut self, tree: &Tree<'_>, is_whole: bool) -> Result<(), OpsError> {
        for level in (0..LEVELS).rev() {
            let kind = TileKind::Hashes { level };
            for index in 0.. {
                let width = width_at(kind, index, self.size);
                let Ok(path) = TilePath::new(kind, index, width) else { break };
                match tree.tile(level, index) {
                    Err(Lost(tile)) => self.missing.push(tile),
                    Ok(tile) if is_whole || path.is_full() => {
                        let bytes = encode_hashes(&tile.hashes).map_err(|e| unusable(&path, &e))?;
                        self.tile(path, &bytes, [tile.from.to_string()].into())?;
                    }
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Places the bundles of entries. Each entry may come from another source: its leaf hash in the tree tells whether it is
    /// good.
    fn entries(&mut self, tree: &Tree<'_>, is_whole: bool) -> Result<(), OpsError> {
        for index in 0..self.size.div_ceil(TILE_ITEMS) {
            // A hash tile that is missing was reported by `hashes`.
            let Ok(leaves) = tree.tile(0, index) else { continue };
            let width = leaves.hashes.len() as u16; // At most 256.
            let path = TilePath::new(TileKind::Entries, index, width).map_err(|e| unusable(&index, &e))?;
            let (mut slots, mut from) = (vec![None; width.into()], BTreeSet::new());
            let first = index * TILE_ITEMS;
            for (at, slot) in (first..).zip(&mut slots) {
                let record = self.offers.record(at).map(|record| record.entry.to_vec());
                *slot = record
                    .filter(|entry| leaves.hashes.get((at - first) as usize) == Some(&leaf_hash(entry)));
                from.extend(slot.as_ref().map(|_| JOURNAL.to_owned()));
            }
            self.offers.each_tile(TileKind::Entries, index, self.size, &mut |bytes, of, given_by| {
                let mut took = Took::More;
                let items = split(TileKind::Entries, bytes);
                if items.len() < usize::from(of) {
                    took = Took::Wrong;
                }
                for ((slot, leaf), raw) in slots.iter_mut().zip(leaves.hashes.iter()).zip(items) {
                    if slot.is_some() {
                        continue;
                    }
                    if leaf_hash(raw) == *leaf {
                        *slot = Some(raw.to_vec());
                        from.insert(given_by.to_owned());
                    } else {
                        took = Took::Wrong;
                    }
                }
                if slots.iter().all(Option::is_some) { Took::Enough } else { took }
            });
            match slots.iter().cloned().collect::<Option<Vec<_>>>() {
                Some(entries) if is_whole || path.is_full() => {
                    let bytes = encode_bundle(&entries).map_err(|e| unusable(&path, &e))?;
                    self.tile(path, &bytes, from)?;
                }
                Some(_) => {}
                None => {
                    let lost = (first..).zip(&slots).filter(|(_, slot)| slot.is_none());
                    let lost: Vec<u64> = lost.map(|(at, _)| at).collect();
                    let runs = lost.chunk_by(|a, b| a + 1 == *b);
                    self.missing
                        .extend(runs.filter_map(|run| Some(entries_from(*run.first()?, *run.last()?))));
                }
            }
        }
        Ok(())
    }

    /// What entries withhold that are in the journal alone, and will be published by the next start.
    fn held_soon(&self) -> Result<HashMap<EventId, Fate>, OpsError> {
        let mut fates: HashMap<EventId, Fate> = HashMap::new();
        let journal = self.offers.journal();
        let first = journal.first.max(self.size);
        for (index, record) in (first..).zip(journal.above(self.size)) {
            let entry = Entry::parse(&record.entry, self.origin).map_err(|e| unusable(&index, &e))?;
            match entry.event().body() {
                Body::ContentWithheld(b) => {
                    let held = b.blobs.iter().map(|p| ((*p).into(), index));
                    fates.entry(b.entry).or_default().withheld.extend(held);
                }
                Body::ContentReleased(b) => {
                    let fate = fates.entry(b.entry).or_default();
                    fate.withheld.retain(|(p, _)| !b.blobs.iter().any(|q| *p == (*q).into()));
                }
                _ => {}
            }
        }
        Ok(fates)
    }

    /// Places the content tiles, and the files that words name.
    fn words(&mut self, rows: &MemoryRows) -> Result<(), OpsError> {
        let soon = self.held_soon()?;
        let nothing = Fate::default();
        for index in 0..self.size.div_ceil(TILE_ITEMS) {
            let width = width_at(TileKind::Entries, index, self.size);
            let entries = TilePath::new(TileKind::Entries, index, width).map_err(|e| unusable(&index, &e))?;
            let path = TilePath::new(TileKind::Contents, index, width).map_err(|e| unusable(&index, &e))?;
            let bundle = self.offers.here(entries).unwrap_or_default();
            let raw = decode_bundle(&bundle, width).map_err(|e| unusable(&entries, &e))?;
            let parsed = raw.into_iter().map(|raw| Entry::parse(raw, self.origin));
            let entries: Vec<Entry> = parsed.collect::<Result<_, _>>().map_err(|e| unusable(&entries, &e))?;
            let held_soon = |entry: &Entry, position| {
                soon.get(&entry.event().id()).unwrap_or(&nothing).withheld_by(position).is_some()
            };
            let withheld =
                |entry: &Entry| rows.fate(&entry.event().id()).withheld_by(Position::Content).is_some();
            let mut slots: Vec<Slot<'_>> = Vec::with_capacity(entries.len());
            for entry in &entries {
                slots.push(match entry.event().content() {
                    None => Slot::None,
                    Some(_) if withheld(entry) => Slot::Withheld,
                    Some(committed) => Slot::Wanted(committed, Vec::new()),
                });
            }
            let mut from = BTreeSet::new();
            let mut left = BTreeSet::new();
            let first = index * TILE_ITEMS;
            let mut was_here = true;
            let mut take = |bytes: &[u8], of: u16, given_by: &str| {
                if was_here && given_by != HERE {
                    was_here = false;
                    self.fill_from_journal(first, &entries, &mut slots, &mut from, &held_soon);
                }
                let items = split(TileKind::Contents, bytes);
                let mut took = if items.len() < usize::from(of) { Took::Wrong } else { Took::More };
                for ((at, slot), words) in (first..).zip(&mut slots).zip(items) {
                    match slot {
                        Slot::Wanted(committed, _) if committed.matches(words) => {
                            *slot = Slot::Present(words.to_vec());
                            from.insert(given_by.to_owned());
                        }
                        Slot::Wanted(_, there) if !words.is_empty() => {
                            took = Took::Wrong;
                            if given_by == HERE && there.is_empty() && words.len() <= MAX_CONTENT {
                                *there = words.to_vec();
                            }
                        }
                        Slot::Withheld if given_by == HERE && !words.is_empty() => _ = left.insert(at),
                        _ => {}
                    }
                }
                let wants = slots.iter().any(|slot| matches!(slot, Slot::Wanted(..)));
                if wants { took } else { Took::Enough }
            };
            self.offers.each_tile(TileKind::Contents, index, self.size, &mut take);
            if was_here {
                self.fill_from_journal(first, &entries, &mut slots, &mut from, &held_soon);
            }
            let lost = (first..).zip(&entries).zip(&slots);
            let lost = lost.filter(|((_, entry), slot)| {
                matches!(slot, Slot::Wanted(..)) && !held_soon(entry, Position::Content)
            });
            self.missing.extend(lost.map(|((at, _), _)| format!("entry {at}'s words")));
            let words: Vec<Words<'_>> = slots
                .iter()
                .map(|slot| match slot {
                    Slot::None => Words::None,
                    Slot::Wanted(_, there) if !there.is_empty() => Words::Present(there),
                    Slot::Present(words) => Words::Present(words),
                    Slot::Withheld | Slot::Wanted(..) => Words::Withheld,
                })
                .collect();
            let bytes = encode_contents(&words).map_err(|e| unusable(&path, &e))?;
            self.removed.extend(left.iter().map(|at| format!("entry {at}'s words, which the log withholds")));
            if from.is_empty() {
                from.insert(HERE.to_owned());
            }
            self.tile(path, &bytes, from)?;
            for ((at, entry), slot) in (first..).zip(&entries).zip(&slots) {
                let Slot::Present(words) = slot else { continue };
                let fate = rows.fate(&entry.event().id());
                for (position, file) in (0u32..).zip(Content::files_named(words)) {
                    if is_closed(&fate, position) {
                        continue;
                    }
                    let closed_soon =
                        held_soon(entry, Position::Content) || held_soon(entry, Position::File(position));
                    self.file(at, &file, closed_soon)?;
                }
            }
        }
        Ok(())
    }

    /// Fills slots that are still to be found with words from the journal; words that will be withheld soon are not put back.
    fn fill_from_journal(
        &self,
        first: u64,
        entries: &[Entry],
        slots: &mut [Slot<'_>],
        from: &mut BTreeSet<String>,
        held_soon: &dyn Fn(&Entry, Position) -> bool,
    ) {
        for ((at, entry), slot) in (first..).zip(entries).zip(slots) {
            let Slot::Wanted(committed, _) = slot else { continue };
            if held_soon(entry, Position::Content) {
                *slot = Slot::Withheld;
            } else if let Some(words) = self.offers.words(at).find(|words| committed.matches(words)) {
                *slot = Slot::Present(words.to_vec());
                from.insert(JOURNAL.to_owned());
            }
        }
    }

    /// Places a file that the words of entry `index` name. `closed_soon`: an entry in the journal withholds it.
    fn file(&mut self, index: u64, file: &FileRef, closed_soon: bool) -> Result<(), OpsError> {
        if !self.named.insert(file.blake3) {
            return Ok(());
        }
        let path = self.folder.file(&file.blake3);
        let is_good = AtHand::open(&path).and_then(|there| there.digest()).is_ok_and(|d| d == file.blake3);
        if is_good || closed_soon {
            return Ok(());
        }
        let aside = self.folder.tmp().join(format!("{ASIDE}-file"));
        let mut failed = Ok(());
        let from = self.offers.each_file(&file.blake3, &mut |reader| {
            let fetched = fetch(reader, file, &aside);
            let is_good = matches!(fetched, Ok(true));
            // An error here is one of this disk, not of the source.
            failed = fetched.map(|_| ()).doing("write", &aside);
            is_good
        });
        failed?;
        let Some(from) = from else {
            let digest = file.blake3;
            self.missing.push(format!("file {digest}, which the words of entry {index} name"));
            return Ok(());
        };
        self.placing.put(&aside, &path).map_err(LedgerError::from)?;
        self.mended.push(Mended { name: format!("file/{}", file.blake3), from: [from].into() });
        Ok(())
    }

    /// Removes files that the log withholds and that no other words name.
    fn remove_files(&mut self, rows: &MemoryRows) -> Result<(), OpsError> {
        // Words that are missing may name them.
        if !self.missing.is_empty() {
            return Ok(());
        }
        let journal = &self.offers.journal().records;
        let words =
            journal.iter().flat_map(|r| r.words.iter().chain(r.restored.iter().map(|(_, words)| words)));
        self.named.extend(words.flat_map(|words| Content::files_named(words)).map(|file| file.blake3));
        let marks = Marks::open(Arc::new(RealDisk), self.folder)?;
        for name in files_under(&self.folder.files())? {
            let Ok(digest) = name.parse::<Digest>() else { continue };
            if !self.named.contains(&digest) && marks.withholds(&digest, rows) {
                self.placing.remove(&self.folder.file(&digest)).map_err(LedgerError::from)?;
                self.removed.push(format!("file {digest}, which the log withholds"));
            }
        }
        Ok(())
    }

    /// Removes partial tiles of smaller sizes whose items are not the first ones of the wider tile.
    fn remove_narrow(&mut self) -> Result<(), OpsError> {
        let (_, strays) = stray_files::find(&self.folder.public(), (0, self.size, self.size), None)?;
        for fault in strays {
            let Place::Path(name) = &fault.place else { continue };
            let path = name.strip_prefix("public/").and_then(|name| name.parse::<TilePath>().ok());
            let Some(path) = path.filter(|path| !path.is_full() && path.is_within(self.size)) else {
                continue;
            };
            self.placing.remove(&self.folder.tile(&path)).map_err(LedgerError::from)?;
        }
        Ok(())
    }

    /// Removes an index that is damaged, or of another history: the next start makes it anew.
    fn remove_index(&mut self, auditor: &Auditor<MemoryRows>) -> Result<(), OpsError> {
        let dir = self.folder.index();
        let read = || match Index::open_as_it_is(&dir)? {
            Some(index) => index.read_all().and_then(|()| index.position()),
            None => Ok(None),
        };
        let good = match read() {
            Ok(position) => self.is_of(auditor, position)?,
            Err(_) => false,
        };
        if !good {
            fs::remove_dir_all(&dir).doing("remove", &dir)?;
            self.removed.push("the index, which the next start makes anew".to_owned());
        }
        Ok(())
    }

    /// Whether an index that has come to `position` can be of this log.
    fn is_of(
        &self,
        auditor: &Auditor<MemoryRows>,
        position: Option<IndexPosition>,
    ) -> Result<bool, OpsError> {
        // An index that reaches further may know entries that are in the journal alone.
        let Some(position) = position.filter(|p| (1..=self.size).contains(&p.size)) else { return Ok(true) };
        let last = position.size - 1;
        if position.size == self.size {
            return Ok(auditor.last_hash() == position.last);
        }
        let width = width_at(TileKind::Entries, last / TILE_ITEMS, self.size);
        let path =
            TilePath::new(TileKind::Entries, last / TILE_ITEMS, width).map_err(|e| unusable(&last, &e))?;
        let bundle = self.offers.here(path).unwrap_or_default();
        let items = split(TileKind::Entries, &bundle);
        Ok(items.get((last % TILE_ITEMS) as usize).map(|raw| Digest::blake3(raw)) == Some(position.last))
    }
}

/// A run of entries, in words.
fn entries_from(first: u64, last: u64) -> String {
    if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") }
}

fn unusable(place: &dyn fmt::Display, why: &dyn fmt::Display) -> OpsError {
    OpsError::Unusable(format!("{place}: {why}"))
}

/// Writes a file to `aside`, reading at most one byte more than the size that the words give. Returns whether it has the digest
/// that the words give; not if the source fails.
fn fetch(reader: Box<dyn Read + Send>, file: &FileRef, aside: &Path) -> io::Result<bool> {
    let mut reader = reader.take(file.size.saturating_add(1));
    let mut out = fs::File::create(aside)?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 1 << 16]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                let part = buffer.get(..n).unwrap_or_default();
                hasher.update(part);
                out.write_all(part)?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(false),
        }
    }
    out.sync_all()?;
    Ok(Digest(*hasher.finalize().as_bytes()) == file.blake3)
}
