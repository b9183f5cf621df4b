//! `fsck`: is a data folder what it should be? It reads all of it and changes nothing.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{
    OpsError,
    finding::{Finding, FolderFault, Name, Remedy},
    rows_below::{Below, KnownRows},
    stray_files::{self, Tiles, read_tile},
    timestamps,
};
use crate::{
    check::{self, Check, Outcome, write_checks},
    event::{Content, Digest, EventId, EventType, Position},
    ledger::{
        LedgerError,
        claims::{is_closed, listed, listed_files, target_of},
        folder::{CHECKPOINT_KEY, Folder},
        folder_lock,
        known::Knowledge,
        marks::Marks,
        withholding::lost_marks,
    },
    log::{
        Auditor, Checkpoint, CosigningKey, Entry, Frontier, Hash, MemoryRows, NodeReader as _, TILE_ITEMS,
        TILE_WIDTH, TileKind, TilePath, Words, decode_bundle, decode_contents, leaf_hash,
    },
    note::{Origin, SigningKey, VerifyingKey},
    store::{
        disk::RealDisk,
        head::Head,
        index::{Index, IndexPosition, ListedFile},
        journal::{self, Recovered},
        secret,
    },
    verify::{Fault, FolderSource, Options, Place, Report, Start, Step, verify_from, write_faults},
};

const TIMESTAMPS: Name = Name::Log(check::Name::Timestamps);
/// The place that faults of the index name.
const INDEX: &str = "index";

/// What a check of a folder found.
#[derive(Debug, Clone, Serialize)]
pub struct Fsck {
    /// The folder.
    pub data: PathBuf,
    /// Entries, those in the journal included.
    pub size: u64,
    /// Entries below this one were not checked.
    pub since: u64,
    /// Each check, in order.
    pub checks: Vec<Check<Name, Finding>>,
    /// What is wrong: the first fault that each check found.
    pub faults: Vec<FolderFault>,
}

impl fmt::Display for Fsck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_checks(f, &self.checks)?;
        write_faults(f, self.faults.iter().map(|fault| &fault.fault))?;
        let below = match self.since {
            0 => String::new(),
            since => format!(
                "\n\nEntries 0 to {} were not checked, nor the rows and files that they alone made.",
                since - 1
            ),
        };
        let Some(first) = self.faults.first() else { return writeln!(f, "sound{below}") };
        let is_one = self.faults.iter().all(|fault| fault.remedy == first.remedy);
        match if is_one { first.remedy } else { Remedy::Repair } {
            Remedy::Rebuild => writeln!(f, "\nNot sound, but the log is: run `onrecord rebuild`.{below}"),
            Remedy::Start => writeln!(f, "\nNot sound, but the log is: start the ledger once.{below}"),
            Remedy::ByHand => writeln!(f, "\nNot sound, but the log is: mend what the line says.{below}"),
            Remedy::Backup => {
                writeln!(
                    f,
                    "\nNot sound, but the log is: take the file from a backup, or move it away.{below}"
                )
            }
            Remedy::Repair => writeln!(
                f,
                "\nNot sound: don't serve this folder. Mend it from a mirror or a backup: `onrecord repair`.{below}"
            ),
        }
    }
}

/// Checks a data folder that nobody writes to: all that `verify` checks, and the journal, the index, withheld words and files,
/// files that nothing names, time-stamp tokens, and keys. With `since`, only entries from that index on (rounded down to a
/// whole bundle) are checked; what the rules need to know of earlier entries is taken from the index. `progress` is called with
/// the number of entries that are done, and of all.
///
/// # Errors
/// [`OpsError`] if the folder holds no ledger, is in use or can't be read. A fault that is found in it is not an error.
pub fn fsck(dir: &Path, since: Option<u64>, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Fsck, OpsError> {
    let folder = Folder::new(dir);
    folder.read_settings()?;
    let _lock = folder_lock::lock(&folder)?;
    check_locked(folder, since, progress)
}

/// As [`fsck`], for a caller that holds the folder's lock.
pub(super) fn check_locked(
    folder: Folder,
    since: Option<u64>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Fsck, OpsError> {
    let (origin, log_key) = folder.read_settings()?;
    let data = folder.root().to_owned();
    let since = since.unwrap_or(0) / TILE_ITEMS * TILE_ITEMS;
    let mut out = Fsck { data, size: 0, since, checks: Vec::new(), faults: Vec::new() };
    let index = Index::open_as_it_is(&folder.index()).and_then(|index| {
        // With `since`, rows are taken from the index unchecked: so all of it must be readable.
        index.as_ref().filter(|_| since > 0).map_or(Ok(()), Index::read_all).map(|()| index)
    });
    let index = match index {
        Ok(index) => index,
        Err(e) if since > 0 => {
            let why = format!(
                "--since takes what it needs of earlier entries from the index. {e}; leave --since out, or run \
                 `onrecord rebuild`"
            );
            return Err(OpsError::Unusable(why));
        }
        Err(e) => {
            let place = Place::Path(INDEX.into());
            out.fail(Name::Index, Fault { place, what: format!("{e}; run `onrecord rebuild`") });
            None
        }
    };
    let mut head = None;
    if !folder.checkpoint().is_file() {
        let what = "missing; every ledger has one from its first entry on".to_owned();
        out.fail(Name::Log(check::Name::Checkpoint), Fault { place: Place::Checkpoint, what });
    } else if since == 0 {
        let begin = |_: &Checkpoint| {
            let auditor = Auditor::new(origin.clone(), MemoryRows::default());
            Ok(Start { auditor, levels: Vec::new() })
        };
        let folder = (&folder, &origin, &log_key);
        head = check::<MemoryRows>(&mut out, folder, index.as_ref(), begin, progress)?;
    } else {
        let Some(index) = index else {
            let why = "--since takes what it needs of earlier entries from the index, and there is none; leave --since out";
            return Err(OpsError::Unusable(why.into()));
        };
        let begin = |checkpoint: &Checkpoint| {
            resume(&folder, &origin, &index, since, checkpoint.size()).map_err(|e| e.to_string())
        };
        let folder = (&folder, &origin, &log_key);
        head = check::<Below<'_>>(&mut out, folder, Some(&index), begin, progress)?;
    }
    if folder.said()?.mirror_of.is_none() {
        known(&mut out, &folder, &log_key, head)?;
    }
    if !out.faults.iter().all(|fault| matches!(fault.remedy, Remedy::Rebuild | Remedy::Start)) {
        if folder.timestamps().exists() {
            out.say(TIMESTAMPS, Outcome::NotChecked, Finding::LogBroken);
        }
    } else if let Some(found) = timestamps::check(&folder, &log_key)? {
        out.judge(TIMESTAMPS, found);
    }
    keys(&mut out, &folder, &log_key)?;
    Ok(out)
}

impl Fsck {
    fn say(&mut self, name: Name, outcome: Outcome, finding: Finding) {
        self.checks.push(Check { name, outcome, finding });
    }
    fn fail(&mut self, name: Name, fault: Fault) {
        let remedy = match name {
            Name::Index => Remedy::Rebuild,
            Name::Keys => Remedy::ByHand,
            TIMESTAMPS => Remedy::Backup,
            _ => Remedy::Repair,
        };
        self.fail_with(name, FolderFault { fault, remedy });
    }
    fn fail_with(&mut self, name: Name, fault: FolderFault) {
        self.say(name, Outcome::Failed, Finding::Log(check::Finding::SeeBelow));
        self.faults.push(fault);
    }
    fn judge(&mut self, name: Name, result: Result<Finding, Fault>) {
        match result {
            Ok(finding) => self.say(name, Outcome::Ok, finding),
            Err(fault) => self.fail(name, fault),
        }
    }
}

/// The state of the rules and of the tree before entry `since`, taken from the index and the tiles without a check.
fn resume<'a>(
    folder: &Folder,
    origin: &Origin,
    index: &'a Index,
    since: u64,
    size: u64,
) -> Result<Start<Below<'a>>, OpsError> {
    if since > size {
        return Err(OpsError::Unusable(format!("--since: the checkpoint covers {size} entries")));
    }
    let position = index.position().map_err(LedgerError::from)?.map_or(0, |p| p.size);
    if position < since {
        let why = format!(
            "--since: the index reflects {position} entries; give that number or less, or leave --since out"
        );
        return Err(OpsError::Unusable(why));
    }
    let public = folder.public();
    let tiles = Tiles { public: &public, size };
    let frontier = Frontier::read(since, &tiles)?;
    let mut levels = Vec::new();
    let mut nodes = since;
    for level in 0u8.. {
        let partial = (nodes / TILE_ITEMS * TILE_ITEMS..nodes).map(|i| tiles.node(level * 8, i));
        levels.push((nodes, partial.collect::<Result<_, _>>()?));
        nodes /= TILE_ITEMS;
        if nodes == 0 {
            break;
        }
    }
    let last = since - 1;
    let missing = || OpsError::Unusable(format!("--since: entry {last} can't be read"));
    let path = TilePath::new(TileKind::Entries, last / TILE_ITEMS, TILE_WIDTH).map_err(|_| missing())?;
    let bundle = read_tile(&public, path)?.ok_or_else(missing)?;
    let entries = decode_bundle(&bundle, TILE_WIDTH).map_err(|_| missing())?;
    let entry = entries.last().and_then(|raw| Entry::parse(raw, origin).ok()).ok_or_else(missing)?;
    let rows = Below::new(index, folder.clone(), origin.clone(), since)?;
    let time = Some(entry.header().time);
    Ok(Start { auditor: Auditor::resume(origin.clone(), rows, frontier, entry.hash(), time), levels })
}

/// Checks the log, then the journal, the index, withheld words and files, and stray files. Returns how far the log came;
/// `None` if it does not verify.
fn check<R: KnownRows>(
    out: &mut Fsck,
    (folder, origin, log_key): (&Folder, &Origin, &VerifyingKey),
    index: Option<&Index>,
    begin: impl FnOnce(&Checkpoint) -> Result<Start<R>, String> + Send,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Option<Ends>, OpsError> {
    let source = FolderSource::open(&folder.public()).map_err(|e| OpsError::Unusable(e.to_string()))?;
    let tell = |step| {
        if let Step::Checked { done, of } = step {
            progress(done, of);
        }
    };
    let (report, learnt) = verify_from(&source, Some(log_key), &Options::default(), &tell, begin);
    let Report { checks, faults, size, undecided, .. } = report;
    if let Some(why) = undecided {
        return Err(OpsError::Unusable(why));
    }
    let of_log =
        checks.into_iter().filter(|c| !matches!(c.name, check::Name::Identity | check::Name::Witnesses));
    out.checks.extend(of_log.map(|Check { name, outcome, finding }| Check {
        name: Name::Log(name),
        outcome,
        finding: Finding::Log(finding),
    }));
    out.faults.extend(faults.into_iter().map(|fault| FolderFault { fault, remedy: Remedy::Repair }));
    let published = size.unwrap_or(0);
    out.size = published;
    let Some(mut auditor) = learnt else {
        for name in [Name::Journal, Name::Index, Name::Withheld, Name::Stray] {
            out.say(name, Outcome::NotChecked, Finding::LogBroken);
        }
        return Ok(None);
    };

    let position = index.map(Index::position).transpose().map_err(LedgerError::from)?.flatten();
    let position = position.filter(|p| p.size > 0);
    let recovered = journal::recover(&RealDisk, &folder.journal(), published).map_err(LedgerError::from);
    let mut beside = Beside {
        folder,
        origin,
        index,
        since: out.since,
        published,
        named: HashSet::new(),
        held: 0,
        touched: BTreeSet::new(),
    };
    let place = Place::Path("journal".into());
    let mut compared = None;
    match recovered {
        Err(e) => out.fail(Name::Journal, Fault { place, what: e.to_string() }),
        Ok(recovered) => {
            // The index may have come to any entry of the journal. Its rows are compared when the auditor comes to that entry.
            let mut compare = |auditor: &Auditor<R>| {
                let here = position.as_ref().is_some_and(|p| p.size == auditor.size());
                if here && compared.is_none() {
                    compared = position.as_ref().map(|p| (*p, beside.rows(auditor, p.last)));
                }
            };
            compare(&auditor);
            let journal = journal_follows(&mut auditor, &recovered, origin, published, &mut compare);
            out.judge(Name::Journal, journal);
        }
    }
    out.size = auditor.size();

    // Lists and files are compared with what the log says at its end.
    let listed_to = position.map_or(0, |p| p.size.min(published));
    let lists = beside.walk(&auditor, listed_to)?;
    match (index, position, compared) {
        (None, ..) if out.checks.iter().any(|c| c.name == Name::Index) => {}
        (None, ..) | (_, None, _) => {
            out.say(Name::Index, Outcome::NotChecked, Finding::NoIndex);
        }
        (_, Some(p), None) if p.size < published => {
            let behind = Finding::IndexBehind { reflects: p.size, of: out.size };
            out.say(Name::Index, Outcome::NotChecked, behind);
        }
        (_, Some(p), None) => {
            let rebuild = if p.size > out.size { "" } else { "; run `onrecord rebuild`" };
            let what = format!("it reflects {} entries, the log has {}{rebuild}", p.size, out.size);
            out.fail(Name::Index, Fault { place: Place::Path(INDEX.into()), what });
        }
        (_, Some(p), Some((_, rows))) => {
            let rows = rows.and_then(|rows| lists.clone().map_or(Ok(rows), Err));
            let fault = |what| Fault { place: Place::Path(INDEX.into()), what };
            let done = |rows| Finding::Index { reflects: p.size, of: out.size, rows };
            let result = rows.map(done).map_err(|what| fault(format!("{what}; run `onrecord rebuild`")));
            out.judge(Name::Index, result);
        }
    }
    let withheld = beside.withheld(&auditor)?;
    match withheld {
        Ok(finding) => out.say(Name::Withheld, Outcome::Ok, finding),
        Err(fault) => out.fail_with(Name::Withheld, fault),
    }
    let named = (out.since == 0).then_some(&beside.named);
    let (known, strays) = stray_files::find(&folder.public(), (out.since, published, auditor.size()), named)?;
    let stray = match strays.into_iter().next() {
        None => Ok(Finding::NoStray { files: known, named: named.is_some() }),
        Some(fault) => Err(fault),
    };
    out.judge(Name::Stray, stray);
    Ok(Some(Ends { published, head: (auditor.size(), auditor.root()), index: position }))
}

/// How far a log that verifies came.
struct Ends {
    published: u64,
    /// Its head, entries that only the journal has included.
    head: Head,
    index: Option<IndexPosition>,
}

/// Checks every file that records how far the log came: none may know of more entries than are there, or of another history.
fn known(
    out: &mut Fsck,
    folder: &Folder,
    log_key: &VerifyingKey,
    ends: Option<Ends>,
) -> Result<(), OpsError> {
    let (dir, published) = (folder.journal(), ends.as_ref().map_or(0, |ends| ends.published));
    let recovered = match journal::recover(&RealDisk, &dir, published) {
        Ok(recovered) => recovered,
        // The check of the journal has reported its fault.
        Err(_) => Recovered {
            acknowledged: journal::acknowledged(&RealDisk, &dir).map_err(LedgerError::from)?,
            ..Recovered::default()
        },
    };
    let mut knowledge = Knowledge::read(&RealDisk, folder, log_key, &recovered)?;
    knowledge.with_index(ends.as_ref().and_then(|ends| ends.index.as_ref()));
    let here = ends.as_ref().map_or(0, |ends| ends.head.0);
    let place = || Place::Path("signed".into());
    let data = folder.root().display().to_string();
    let broken = ends.is_none() && folder.checkpoint().is_file();
    // If the log does not verify, nobody knows how many entries are there.
    if let Some(what) = knowledge.missing(here, &data).filter(|_| !broken) {
        out.fail(Name::Known, Fault { place: Place::Entry(here), what });
        return Ok(());
    }
    let Some(ends) = ends else {
        out.say(Name::Known, Outcome::NotChecked, Finding::LogBroken);
        return Ok(());
    };
    let public = folder.public();
    let root_of = |size: u64| -> Result<Option<Hash>, OpsError> {
        if size > ends.published {
            return Ok((size == ends.head.0).then_some(ends.head.1));
        }
        let tiles = Tiles { public: &public, size: ends.published };
        Frontier::read(size, &tiles).map(|frontier| Some(frontier.root()))
    };
    if let Some(what) = knowledge.other(here, root_of)? {
        out.fail(Name::Known, Fault { place: place(), what });
    } else if let Some((place, why)) = knowledge.silent.first() {
        let what = format!("{why}; the next start makes it anew");
        let fault = Fault { place: Place::Path(place.clone()), what };
        out.fail_with(Name::Known, FolderFault { fault, remedy: Remedy::Start });
    } else {
        out.say(Name::Known, Outcome::Ok, Finding::NothingMore);
    }
    Ok(())
}

/// Checks that the entries of the journal that are not published continue the log under every rule. `passed` is called after
/// each of them.
fn journal_follows<R: KnownRows>(
    auditor: &mut Auditor<R>,
    recovered: &Recovered,
    origin: &Origin,
    published: u64,
    passed: &mut dyn FnMut(&Auditor<R>),
) -> Result<Finding, Fault> {
    if !recovered.records.is_empty() && recovered.first > published {
        let what = format!("missing: the journal begins at entry {}", recovered.first);
        return Err(Fault { place: Place::Entry(published), what });
    }
    let mut fresh = 0u64;
    for (index, record) in (recovered.first..).zip(&recovered.records) {
        if index < published {
            continue;
        }
        let fault =
            |what: String| Fault { place: Place::Entry(index), what: format!("in the journal: {what}") };
        let entry =
            Entry::parse(&record.entry, origin).and_then(Entry::verify).map_err(|e| fault(e.to_string()))?;
        auditor.push(&entry, leaf_hash(&record.entry)).map_err(|e| fault(e.to_string()))?;
        let good = match (entry.event().content(), &record.words) {
            (Some(committed), Some(words)) => committed.matches(words),
            // Words that an entry of the same batch withholds are never written.
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if !good {
            let what = "in the journal: not those that the event commits to".to_owned();
            return Err(Fault { place: Place::Words(index), what });
        }
        fresh += 1;
        passed(auditor);
    }
    Ok(Finding::Journal { entries: recovered.records.len(), fresh })
}

/// The checks of what stands beside the log.
struct Beside<'a> {
    folder: &'a Folder,
    origin: &'a Origin,
    index: Option<&'a Index>,
    since: u64,
    published: u64,
    /// Files that words name and the log does not withhold.
    named: HashSet<Digest>,
    /// How many entries have their words in the tiles though the log withholds them.
    held: u64,
    /// Events whose words or files were ever withheld.
    touched: BTreeSet<EventId>,
}

impl Beside<'_> {
    /// Compares the rows of the index with those that the log makes. Returns their number, or the first difference.
    fn rows<R: KnownRows>(&self, auditor: &Auditor<R>, last: Digest) -> Result<usize, String> {
        let Some(index) = self.index else { return Ok(0) };
        if auditor.last_hash() != last {
            let expected = auditor.last_hash();
            return Err(format!(
                "position: expected entry hash {expected}, found {last}: it is of another log"
            ));
        }
        let known = auditor.rows().known();
        let name = |key: &[u8]| {
            let hex = key.iter().skip(1).map(|b| format!("{b:02x}")).collect::<String>();
            format!("row {} {hex}", key.first().map_or('?', |b| char::from(*b)))
        };
        for (key, row) in known.iter() {
            match index.read_row(key).map_err(|e| e.to_string())? {
                Some(found) if found == *row => {}
                Some(_) => return Err(format!("{}: not as the log makes it", name(key.as_bytes()))),
                None => return Err(format!("{}: missing", name(key.as_bytes()))),
            }
        }
        if self.since == 0 {
            let known: HashSet<&[u8]> = known.iter().map(|(key, _)| key.as_bytes()).collect();
            for key in index.row_keys() {
                let key = key.map_err(|e| e.to_string())?;
                if !known.contains(key.as_slice()) {
                    return Err(format!("{}: the log makes no such row", name(&key)));
                }
            }
        }
        Ok(known.len())
    }

    /// Reads entries and words again: collects the files that they name, and compares the lists of the index for entries below
    /// `to`. Returns the first entry that is not listed, in words.
    fn walk<R: KnownRows>(&mut self, auditor: &Auditor<R>, to: u64) -> Result<Option<String>, OpsError> {
        let public = self.folder.public();
        let mut first_missing = None;
        for bundle in self.since / TILE_ITEMS..self.published.div_ceil(TILE_ITEMS) {
            let width = (self.published - bundle * TILE_ITEMS).min(TILE_ITEMS) as u16; // At most 256.
            let read = |kind| -> Result<Vec<u8>, OpsError> {
                let broken = |e: &dyn fmt::Display| OpsError::Unusable(format!("bundle {bundle}: {e}"));
                let path = TilePath::new(kind, bundle, width).map_err(|e| broken(&e))?;
                read_tile(&public, path)?.ok_or_else(|| broken(&format!("{path} is gone")))
            };
            let (entries, contents) = (read(TileKind::Entries)?, read(TileKind::Contents)?);
            let broken = |e: crate::log::TileError| OpsError::Unusable(format!("bundle {bundle}: {e}"));
            let entries = decode_bundle(&entries, width).map_err(broken)?;
            let contents = decode_contents(&contents, width).map_err(broken)?;
            for (index, (raw, words)) in (bundle * TILE_ITEMS..).zip(entries.iter().zip(contents)) {
                let entry = Entry::parse(raw, self.origin)
                    .map_err(|e| OpsError::Unusable(format!("entry {index}: {e}")))?;
                if entry.event().event_type() == EventType::ContentWithheld {
                    self.touched.extend(target_of(entry.event()));
                }
                let files = self.files(auditor, index, &entry, words);
                let (Some(at), None, true) = (self.index, &first_missing, index < to) else { continue };
                let listed = listed(entry.header(), entry.event(), files);
                if let Some(list) = at.missing_from(&listed).map_err(LedgerError::from)? {
                    first_missing = Some(format!("entry {index} is not listed {list}"));
                }
            }
        }
        Ok(first_missing)
    }

    /// The files of an entry that are not withheld; none if its words are withheld or missing.
    fn files<R: KnownRows>(
        &mut self,
        auditor: &Auditor<R>,
        index: u64,
        entry: &Entry,
        words: Words<'_>,
    ) -> Vec<ListedFile> {
        let Words::Present(words) = words else { return Vec::new() };
        let fate = auditor.rows().fate(&entry.event().id());
        if fate.withheld_by(Position::Content).is_some() {
            self.held += 1;
            return Vec::new();
        }
        let Ok(content) = Content::parse(words) else { return Vec::new() };
        let files = listed_files(index, content.files());
        let open: Vec<_> = files.into_iter().filter(|f| !is_closed(&fate, f.position)).collect();
        self.named.extend(open.iter().map(|f| f.blake3));
        open
    }

    /// Which marks of withheld files are missing, in words, and what mends that. A mirror needs none.
    fn lacks_marks<R: KnownRows>(
        &self,
        auditor: &Auditor<R>,
        marks: &Marks,
    ) -> Result<Option<(String, Remedy)>, OpsError> {
        if self.folder.said()?.mirror_of.is_some() {
            return Ok(None);
        }
        let why = marks.fault().unwrap_or("not complete");
        let (mut lost, mut made_anew) = (Vec::new(), 0u64);
        for id in self.touched.iter().filter(|id| !marks.knows(id)) {
            let Some(row) = auditor.rows().event(id) else { continue };
            if row.content.is_none() || self.has_words(row.index)? {
                made_anew += 1;
            } else {
                lost.push(row.index);
            }
        }
        Ok(match lost.iter().min() {
            Some(first) => Some((lost_marks(why, lost.len(), *first, self.folder), Remedy::Repair)),
            None if made_anew > 0 => {
                let what =
                    format!("{why}: marks of withheld files are missing; the next start makes it anew");
                Some((what, Remedy::Start))
            }
            None => None,
        })
    }

    /// Whether the words of a published entry are in its tile.
    fn has_words(&self, index: u64) -> Result<bool, OpsError> {
        let width = self.published.saturating_sub(index / TILE_ITEMS * TILE_ITEMS).min(TILE_ITEMS) as u16; // At most 256.
        let Ok(path) = TilePath::new(TileKind::Contents, index / TILE_ITEMS, width) else { return Ok(false) };
        let bytes = read_tile(&self.folder.public(), path)?.unwrap_or_default();
        let words = decode_contents(&bytes, width).unwrap_or_default();
        Ok(matches!(words.get((index % TILE_ITEMS) as usize), Some(Words::Present(_))))
    }

    /// Checks that no words or files are left that the log withholds, and that no marks are missing.
    fn withheld<R: KnownRows>(&self, auditor: &Auditor<R>) -> Result<Result<Finding, FolderFault>, OpsError> {
        let fault = |path: &str, what, remedy| {
            Ok(Err(FolderFault { fault: Fault { place: Place::Path(path.to_owned()), what }, remedy }))
        };
        if self.held > 0 && auditor.size() > self.published {
            return Ok(Ok(Finding::WithheldLater(self.held)));
        }
        if self.held > 0 {
            let what = format!("{} texts are here that the log withholds; start the ledger once", self.held);
            return fault("public/content", what, Remedy::Repair);
        }
        let marks = Marks::open(Arc::new(RealDisk), self.folder)?;
        if let Some((what, remedy)) = self.lacks_marks(auditor, &marks)? {
            return fault("withheld", what, remedy);
        }
        for name in stray_files::files_under(&self.folder.files())? {
            let Ok(digest) = name.parse::<Digest>() else { continue };
            if self.since == 0 && !self.named.contains(&digest) && marks.withholds(&digest, auditor.rows()) {
                let what = "a file that the log withholds; start the ledger once".to_owned();
                return fault(&format!("public/file/{name}"), what, Remedy::Repair);
            }
        }
        Ok(Ok(Finding::NothingWithheld { given_up: marks.given_up() }))
    }
}

/// Checks that secrets are readable by their owner alone, that every key file can be read, and that the log's key is that of
/// `ledger.toml`.
fn keys(out: &mut Fsck, folder: &Folder, log_key: &VerifyingKey) -> Result<(), OpsError> {
    match folder.check_secrets() {
        Ok(()) => {}
        Err(LedgerError::Exposed(what)) => {
            out.fail(Name::Keys, Fault { place: Place::Path("keys".into()), what });
            return Ok(());
        }
        Err(e) => return Err(e.into()),
    }
    let names = stray_files::files_under(&folder.keys())?;
    for name in &names {
        // Nothing of a file that can't be read is shown: it may be most of a secret.
        let what = match secret::read(&folder.keys().join(name)) {
            Err(e) => e.to_string(),
            Ok(text) if CosigningKey::from_secret_text(&text).is_ok() => continue,
            Ok(text) => match SigningKey::from_secret_text(&text) {
                Err(_) => "expected the text of a key file, PRIVATE+KEY+<name>+<id>+<base64>".into(),
                Ok(key) if name == CHECKPOINT_KEY && key.verifying_key() != log_key => {
                    format!("expected {log_key}, found {}", key.verifying_key())
                }
                Ok(_) => continue,
            },
        };
        out.fail(Name::Keys, Fault { place: Place::Path(format!("keys/{name}")), what });
        return Ok(());
    }
    if names.iter().any(|name| name == CHECKPOINT_KEY) {
        out.say(Name::Keys, Outcome::Ok, Finding::Keys(names.len()));
    } else {
        let path = folder.checkpoint_key().display().to_string();
        out.say(Name::Keys, Outcome::NotChecked, Finding::NoLogKey(path));
    }
    Ok(())
}
