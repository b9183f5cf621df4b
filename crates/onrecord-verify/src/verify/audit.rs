//! The rules re-run over the bundles of a ledger, in order.
//!
//! If an entry was changed, the hash tiles show which one: of two leaf hashes, the true one is that from which the path
//! through the tiles leads to the signed root.

use super::{
    Step,
    bundle::{Blobs, Found, Loaded, Loader, hashes},
    evidence::contradiction,
    report::{Fault, Place, Report, Stop, push},
    rows::KeptRows,
    tally::Tally,
    tile_nodes::TileNodes,
};
use crate::{
    check::{Blobs as Counted, Finding, Name, Outcome},
    event::Position,
    log::{
        AuditError, Auditor, Checkpoint, Contradiction, Cosigned, Frontier, Hash, MAX_CHECKPOINT,
        SignedCheckpoint, SignedEntry, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath, inclusion_path,
        verify_inclusion,
    },
    note::VerifyingKey,
};

/// How far the rules were re-run, and what was found on the way.
pub(super) struct Run<'a, R> {
    pub loader: Loader<'a>,
    pub checkpoint: &'a Checkpoint,
    /// The tree according to the tiles. It shows which is wrong, an entry or its tile.
    pub nodes: TileNodes<'a>,
    /// How many entries the verdict is about. Those after them wait for witnesses.
    pub counted: u64,
    pub key: &'a VerifyingKey,
    pub auditor: Auditor<R>,
    /// How many entries were known when it began.
    pub start: u64,
    /// For each level, how many hashes there were so far, and those of the tile that is being filled.
    pub levels: Vec<(u64, Vec<Hash>)>,
    /// Tiles that were compared.
    pub tiles: u64,
    pub signatures: u64,
    /// The first tile that is not what its entries make.
    pub tile_fault: Option<Fault>,
    /// The first entry that differs from its tile while neither leads to the root; and what is wrong with the tile, should
    /// the entry turn out to be right.
    pub doubt: Option<(u64, Fault)>,
    /// What the witnesses say of the checkpoint.
    pub seen: Option<Cosigned>,
    /// The first entry that is dated after a witness had cosigned it.
    pub late: Option<Fault>,
    pub words: Tally,
    pub files: Tally,
}

/// Added to the first fault of a copy that has no words, or no files, at all: which flag checks the rest.
const NO_WORDS: &str =
    "\nno words are here at all, as in a copy of tile/ without content/; --no-words checks all else";
const NO_FILES: &str = "\nno files are here at all, as in a copy without file/; --no-files checks all else";

/// Which of two leaf hashes leads to the signed root.
enum Blame {
    Entry,
    Tile,
    Unknown,
}

impl<R: KeptRows> Run<'_, R> {
    /// Reads all bundles and takes their entries, a few bundles at a time.
    pub fn all(&mut self, tell: &(dyn Fn(Step) + Sync)) -> Result<(), Stop> {
        let (loader, of) = (self.loader, self.checkpoint.size());
        let bundles = of.div_ceil(TILE_ITEMS);
        let window = |from: u64| from..from.saturating_add(loader.options.window.max(1)).min(bundles);
        let mut next = window(self.start / TILE_ITEMS);
        let mut loaded = loader.load_all(next.clone());
        while !next.is_empty() {
            let after = window(next.end);
            let (audited, ahead) = rayon::join(
                || {
                    loaded.into_iter().zip(next.clone()).try_for_each(|(bundle, index)| {
                        let bundle = match bundle? {
                            Some(bundle) => bundle,
                            None => loader.load(index)?,
                        };
                        let audited = self.audit(bundle);
                        self.rely_on_rows()?;
                        audited?;
                        tell(Step::Checked { done: self.auditor.size(), of });
                        Ok::<_, Stop>(())
                    })
                },
                || loader.load_all(after.clone()),
            );
            audited?;
            (next, loaded) = (after, ahead);
        }
        Ok(())
    }

    /// If `stop` is at an entry, looks for a proof for anybody that the log signed what no log may: under the first of
    /// `checkpoints` that covers the entry.
    pub fn contradiction(
        &self,
        stop: &Stop,
        checkpoints: &[&SignedCheckpoint],
        tell: &(dyn Fn(Step) + Sync),
    ) -> Option<Contradiction> {
        let Stop::Fault(_, Fault { place: Place::Entry(entry), .. }) = stop else { return None };
        let entry = *entry;
        let checkpoint = checkpoints.iter().find(|signed| signed.checkpoint().size() > entry)?;
        let rows = (self.auditor.size() <= entry).then(|| self.auditor.rows());
        let (source, policy) = (self.loader.source, self.loader.options.policy.as_ref());
        let told = |done, of| tell(Step::Searched { entry, done, of });
        contradiction(source, self.key, checkpoint, policy, entry, rows, &told)
    }

    /// Audits the entries of the next bundle.
    fn audit(&mut self, bundle: Loaded) -> Result<(), Stop> {
        let first = bundle.index * TILE_ITEMS;
        let leaves = match bundle.leaves {
            Ok(leaves) => leaves,
            Err(fault) => {
                self.tile_fault.get_or_insert(fault);
                Vec::new()
            }
        };
        let level = TileKind::Hashes { level: 0 };
        let path = TilePath::new(level, bundle.index, leaves.len() as u16);
        if let Ok(path) = path
            && bundle.items.iter().zip(&leaves).any(|((leaf, _), said)| leaf != said)
        {
            self.nodes.know(path, leaves.clone());
        }
        let mut blobs = bundle.blobs.into_iter();
        for (at, (leaf, entry)) in bundle.items.into_iter().enumerate() {
            let index = first + at as u64;
            if let Some(said) = leaves.get(at).filter(|said| **said != leaf) {
                let tile_fault = || {
                    let place = path.as_ref().map_or(Place::Tree, |p| Place::Tile(p.to_string()));
                    let (said, leaf) = (said.to_hex(), leaf.to_hex());
                    let what = format!("hash {at}: expected {leaf}, the leaf of entry {index}, found {said}");
                    Fault { place, what }
                };
                match self.blame(index, &leaf, said) {
                    Blame::Entry => return Err(self.changed(index, entry, leaf, *said)),
                    Blame::Tile => _ = self.tile_fault.get_or_insert_with(tile_fault),
                    Blame::Unknown => _ = self.doubt.get_or_insert_with(|| (index, tile_fault())),
                }
            }
            let entry = entry.map_err(|e| self.stop(Name::Entries, index, &e))?;
            self.auditor.push(&entry, leaf).map_err(|e| self.stop(check_of(&e), index, &e))?;
            if index == 0 {
                self.check_log_key()?;
            }
            if let (Some(seen), None) = (&self.seen, &self.late)
                && index < self.counted
                && let Err(e) = seen.allows(entry.header().time)
            {
                self.late = Some(Fault { place: Place::Entry(index), what: e.to_string() });
            }
            self.signatures += entry.event().by().len() as u64;
            self.take_blobs(index, &entry, blobs.next().unwrap_or_default())?;
            self.grow(0, leaf, leaves.get(at).is_some())?;
        }
        if let Some((at, what)) = bundle.broken {
            if at < usize::from(TILE_WIDTH) && first + (at as u64) < self.checkpoint.size() {
                return Err(self.stop(Name::Entries, first + at as u64, &what));
            }
            return Err(Stop::fault(Name::Entries, Place::Tile(bundle.path), what));
        }
        if let Some(fault) = bundle.words_fault {
            self.words.fault.get_or_insert(fault);
        }
        Ok(())
    }

    /// Checks that entry 0 names the key that signed the checkpoint.
    fn check_log_key(&self) -> Result<(), Stop> {
        match self.auditor.rows().ledger() {
            Some((_, key)) if key == *self.key.as_bytes() => Ok(()),
            _ => {
                let what = format!(
                    "facts.checkpoint_key: expected {}, which signed the checkpoint, found another",
                    self.key
                );
                Err(Stop::fault(Name::Rules, Place::Entry(0), what))
            }
        }
    }

    /// Stops at an entry that is at fault, or at an earlier one that is in doubt.
    fn stop(&self, check: Name, index: u64, what: &dyn std::fmt::Display) -> Stop {
        match self.doubt.as_ref().map(|(doubt, _)| *doubt).filter(|doubt| *doubt < index) {
            None => Stop::fault(check, Place::Entry(index), what.to_string()),
            Some(doubt) => {
                let what = format!("its leaf hash is not the one in its tile; and entry {index}: {what}");
                Stop::fault(check, Place::Entry(doubt), what)
            }
        }
    }

    /// Says which is wrong, the entry or its tile: the true leaf hash leads to the signed root.
    fn blame(&self, index: u64, leaf: &Hash, said: &Hash) -> Blame {
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        let Ok(path) = inclusion_path(index, size, &self.nodes) else { return Blame::Unknown };
        if verify_inclusion(leaf, index, size, &root, &path).is_ok() {
            Blame::Tile
        } else if verify_inclusion(said, index, size, &root, &path).is_ok() {
            Blame::Entry
        } else {
            Blame::Unknown
        }
    }

    /// Stops at an entry that is not the one under the root. Names the line that was changed, if that can be seen.
    fn changed(
        &mut self,
        index: u64,
        entry: Result<Box<SignedEntry>, crate::log::EntryError>,
        leaf: Hash,
        said: Hash,
    ) -> Stop {
        let line = match entry {
            Err(e) => e.to_string(),
            Ok(entry) => match self.auditor.push(&entry, leaf) {
                Err(e) => e.to_string(),
                // The time is all that rules and signatures leave open.
                Ok(()) => format!("header line 4: {}: not the time it was recorded", entry.header().time),
            },
        };
        let (said, leaf) = (said.to_hex(), leaf.to_hex());
        let what =
            format!("{line}\nleaf hash: found {leaf},\n  expected {said}, which is under the signed root");
        Stop::fault(Name::Entries, Place::Entry(index), what)
    }

    fn take_blobs(&mut self, index: u64, entry: &SignedEntry, blobs: Blobs) -> Result<(), Stop> {
        let id = entry.event().id();
        match blobs.words {
            Found::None => {}
            Found::Present => self.words.present += 1,
            Found::Absent(absent) => self.words.absent(index, id, Position::Content, absent)?,
            Found::Wrong(what) => self.words.wrong(index, Position::Content, what),
        }
        self.files.present += blobs.files.present;
        for (file, absent) in blobs.files.absent {
            self.files.absent(index, id, Position::File(file), absent)?;
        }
        if let Some((file, what)) = blobs.files.wrong {
            self.files.wrong(index, Position::File(file), what);
        }
        Ok(())
    }

    /// Stops if rows could not be kept: no verdict may rest on them.
    fn rely_on_rows(&self) -> Result<(), Stop> {
        self.auditor.rows().fault().map_or(Ok(()), |why| Err(Stop::Undecided(why)))
    }

    /// Adds a hash to a level of tiles; a tile that is full is compared, unless that was done where it was read.
    fn grow(&mut self, level: u8, hash: Hash, compared: bool) -> Result<(), Stop> {
        let at = usize::from(level);
        if self.levels.len() <= at {
            self.levels.push((0, Vec::new()));
        }
        let (number, hashes) = &mut self.levels[at];
        hashes.push(hash);
        *number += 1;
        if hashes.len() < usize::from(TILE_WIDTH) {
            return Ok(());
        }
        let (index, hashes) = (*number / TILE_ITEMS - 1, std::mem::take(hashes));
        self.compare(level, index, &hashes, compared)?;
        let mut tile = Frontier::new();
        hashes.into_iter().for_each(|hash| tile.push(hash, |_, _, _| {}));
        self.grow(level + 1, tile.root(), false)
    }

    /// Compares a hash tile with what it must be.
    fn compare(&mut self, level: u8, index: u64, expected: &[Hash], compared: bool) -> Result<(), Stop> {
        self.tiles += 1;
        if level == 0 && compared {
            return Ok(());
        }
        let fault = match hashes(self.loader.source, level, index, self.checkpoint.size())? {
            Err(fault) => fault,
            Ok(found) if found == expected => return Ok(()),
            Ok(found) => {
                let at = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(0);
                let path = TilePath::new(TileKind::Hashes { level }, index, expected.len() as u16);
                let place = path.map_or(Place::Tree, |p| Place::Tile(p.to_string()));
                let hex = |hashes: &[Hash]| hashes.get(at).map(Hash::to_hex).unwrap_or_default();
                let what = format!("hash {at}: expected {}, found {}", hex(expected), hex(&found));
                Fault { place, what }
            }
        };
        self.tile_fault.get_or_insert(fault);
        Ok(())
    }

    /// Once all entries passed, checks the root, the tiles, and what is known only at the end.
    pub fn finish(&mut self, checkpoint: &[u8], report: &mut Report) -> Result<(), Stop> {
        let size = self.checkpoint.size();
        let (expected, found) = (self.checkpoint.root(), self.auditor.root());
        if expected != found {
            if let Some((doubt, _)) = self.doubt {
                return Err(Stop::fault(
                    Name::Tree,
                    Place::Entry(doubt),
                    "its leaf hash is not the one in its tile",
                ));
            }
            let (expected, found) = (expected.to_base64(), found.to_base64());
            let what = format!("root: expected {expected}, as the checkpoint says, found {found}");
            return Err(Stop::fault(Name::Tree, Place::Tree, what));
        }
        // The entries lead to the root. So if one differed from its tile, the tile is wrong.
        if let Some((_, fault)) = self.doubt.take() {
            self.tile_fault.get_or_insert(fault);
        }
        if let Some(late) = self.late.take() {
            return Err(Stop::Fault(Name::Witnesses, late));
        }
        for (level, (number, hashes)) in (0u8..).zip(std::mem::take(&mut self.levels)) {
            if !hashes.is_empty() {
                self.compare(level, number / TILE_ITEMS, &hashes, false)?;
            }
        }
        let rows = self.auditor.rows();
        for (tally, hint) in [(&mut self.words, NO_WORDS), (&mut self.files, NO_FILES)] {
            // A fault before `settle` is a blob with other bytes, which is here all the same.
            let is_none_here = tally.present == 0 && tally.fault.is_none();
            tally.settle(rows)?;
            let is_missing = is_none_here && tally.missing > 0;
            if let Some(fault) = tally.fault.as_mut().filter(|_| is_missing) {
                fault.what += hint;
            }
        }
        self.rely_on_rows()?;
        if self.words.missing + self.files.missing > 0 {
            let now = self.loader.source.get("checkpoint", MAX_CHECKPOINT)?;
            if now.as_deref() != Some(checkpoint) {
                let why = "the ledger changed while it was read, perhaps withholding words: verify again";
                return Err(Stop::Undecided(why.into()));
            }
        }
        let held = self.held_but_here();
        let checks = &mut report.checks;
        let (from, signatures) = (self.start, self.signatures);
        let entries = Finding::Entries { checked: size - from, of: size, signatures, from };
        push(checks, Name::Entries, Outcome::Ok, entries);
        push(checks, Name::Rules, Outcome::Ok, Finding::Rules);
        push(checks, Name::Chain, Outcome::Ok, Finding::Chain);
        let root = Finding::Root { root: expected, latest: self.counted < size };
        push(checks, Name::Tree, Outcome::Ok, root);
        match &self.tile_fault {
            None => push(checks, Name::Tiles, Outcome::Ok, Finding::Tiles(self.tiles)),
            Some(Fault { place, what }) => {
                let other = Finding::OtherTile { place: place.to_string(), what: what.clone() };
                push(checks, Name::Tiles, Outcome::Failed, other);
            }
        }
        let options = self.loader.options;
        let mut line = |name, tally: &Tally, asked: bool, kept: u64| {
            let Tally { present, withheld, missing, .. } = *tally;
            let blobs = Finding::Blobs(Counted { present, withheld, missing, kept });
            match (asked, &tally.fault) {
                (false, _) => push(checks, name, Outcome::NotChecked, Finding::NotAsked),
                (true, Some(_)) => push(checks, name, Outcome::Failed, blobs),
                (true, None) => push(checks, name, Outcome::Ok, blobs),
            }
        };
        line(Name::Words, &self.words, options.words, held);
        line(Name::Files, &self.files, options.words && options.files, 0);
        let faults = [self.tile_fault.take(), self.words.fault.take(), self.files.fault.take()];
        report.faults.extend(faults.into_iter().flatten());
        Ok(())
    }

    /// How many words are present although the log withholds them.
    fn held_but_here(&self) -> u64 {
        if !self.loader.options.words {
            return 0;
        }
        self.auditor.rows().held_words(self.start).saturating_sub(self.words.withheld)
    }
}

/// Which check an audit error belongs to.
fn check_of(e: &AuditError) -> Name {
    match e {
        AuditError::Entry(_) | AuditError::Twice { .. } => Name::Entries,
        AuditError::Index { .. } | AuditError::Prev { .. } | AuditError::Time { .. } => Name::Chain,
        _ => Name::Rules,
    }
}
