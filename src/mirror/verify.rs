//! Every rule again, over a whole ledger, by a reader who trusts nobody.
//!
//! Bundles are read and their signatures checked in parallel, a bounded number at a time; the rules are then
//! re-run in order. Where an entry was changed, the hash tiles say which one: of two leaf hashes, the true one
//! is that which the path through the tiles leads from to the signed root.

use std::path::{Path, PathBuf};

use super::{
    Absent, Source, SourceError,
    bundle::{Blobs, Found, Keep, Loaded, Loader, WIDTH, first_entry, hashes},
    cosigned::cosigned,
    evidence::contradiction,
    report::{Fault, Place, Report, Verdict},
    rows::ScratchRows,
    scratch::Scratch,
    source::read_whole,
    tile_nodes::TileNodes,
};
use crate::{
    check::{Check, Outcome},
    event::{Body, EventId, Position},
    log::{
        AuditError, Auditor, Checkpoint, Contradiction, Cosigned, Fork, Frontier, Hash, MAX_CHECKPOINT,
        MemoryRows, Policy, PutRows, Row, Rows, SignedCheckpoint, SignedEntry, TILE_WIDTH, TileKind,
        TilePath, inclusion_path, verify_inclusion,
    },
    note::{SignedNote, VerifyingKey},
};

/// What is checked, and with how much memory.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether words are fetched and compared with what entries commit to.
    pub words: bool,
    /// Whether the files that words name are. Takes `words`.
    pub files: bool,
    /// How many bundles are read at once: each holds up to 256 entries and their words.
    pub window: u64,
    /// Which witnesses must have cosigned the checkpoint. Its log's key is the one given to [`verify`].
    pub policy: Option<Policy>,
    /// A checkpoint of the same log that somebody else got: a signed note, which the ledger must continue.
    pub against: Option<Vec<u8>>,
    /// Bytes of what the rules ask about that are kept in memory: some 200 an entry. What is more goes to files
    /// in `scratch`, which have no name and are gone when the verification ends, however it ends.
    pub memory: usize,
    /// The folder for these files.
    pub scratch: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            words: true,
            files: true,
            window: 8,
            policy: None,
            against: None,
            memory: 64 << 20,
            scratch: std::env::temp_dir(),
        }
    }
}

/// Why a verification ends before its end.
pub(super) enum Stop {
    /// The copy is wrong: the check that found it, and the fault.
    Fault(&'static str, Fault),
    /// The source can't be read.
    Undecided(String),
}

impl Stop {
    pub fn fault(check: &'static str, place: Place, what: impl Into<String>) -> Self {
        Self::Fault(check, Fault { place, what: what.into() })
    }
}

impl From<SourceError> for Stop {
    fn from(e: SourceError) -> Self {
        match e {
            // No ledger has such a file, so that is the copy's fault.
            SourceError::TooLong { path, limit } => {
                Self::fault("tiles", Place::Tile(path), format!("longer than {limit} bytes"))
            }
            e => Self::Undecided(e.to_string()),
        }
    }
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Entries were checked.
    Checked {
        /// How many, from the first of the log on.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// An entry was refused, and another before it is looked for that it contradicts: both prove to anybody that the log
    /// signed what no log may.
    Searched {
        /// The entry that was refused.
        entry: u64,
        /// How many entries were held against it.
        done: u64,
        /// Of how many, if there is none sooner.
        of: u64,
    },
}

/// Checks a ledger: every entry up to its checkpoint, and all that stands beside them. Without a key, the one
/// that entry 0 names is used, and the report says that the identity was not checked. `progress` is told how
/// many entries are done, and of how many.
pub fn verify(
    source: &dyn Source,
    key: Option<&VerifyingKey>,
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Report {
    verify_told(source, key, options, &|step| {
        if let Step::Checked { done, of } = step {
            progress(done, of);
        }
    })
}

/// As [`verify`], where `tell` is told of every step.
pub fn verify_told(
    source: &dyn Source,
    key: Option<&VerifyingKey>,
    options: &Options,
    tell: &(dyn Fn(Step) + Sync),
) -> Report {
    verify_from(source, key, options, tell, |checkpoint| {
        Ok(Start {
            auditor: Auditor::new(
                checkpoint.origin().clone(),
                ScratchRows::new(&options.scratch, options.memory),
            ),
            levels: Vec::new(),
        })
    })
    .0
}

/// Rows that a verification keeps.
pub(crate) trait KeptRows: PutRows + Send {
    /// How many events from an index on have their words withheld.
    fn held_words(&self, from: u64) -> u64;
    /// Why what they say can't be relied on, if it can't.
    fn fault(&self) -> Option<String> {
        None
    }
}

impl KeptRows for MemoryRows {
    fn held_words(&self, from: u64) -> u64 {
        held_words(self, self, from)
    }
}

/// Of some rows, how many say that the words of an event from an index on are withheld.
pub(crate) fn held_words(some: &MemoryRows, rows: &impl Rows, from: u64) -> u64 {
    let held = some.iter().filter(|(key, row)| match row {
        Row::Fate(fate) if fate.withheld_by(Position::Content).is_some() => {
            from == 0 || key.id().and_then(|id| rows.event(&id)).is_some_and(|e| e.index >= from)
        }
        _ => false,
    });
    held.count() as u64
}

/// Where a verification begins: at the first entry of a bundle, knowing all that stands before.
pub(crate) struct Start<R> {
    /// What passed, or is taken as if it had.
    pub auditor: Auditor<R>,
    /// Of each level of the tree, how many hashes there are, and those in the tile that is not full.
    pub levels: Vec<(u64, Vec<Hash>)>,
}

/// As [`verify`], from a start that is known once the checkpoint is. Gives also what was learnt, if all entries
/// passed.
pub(crate) fn verify_from<R: KeptRows>(
    source: &dyn Source,
    key: Option<&VerifyingKey>,
    options: &Options,
    tell: &(dyn Fn(Step) + Sync),
    begin: impl FnOnce(&Checkpoint) -> Result<Start<R>, String> + Send,
) -> (Report, Option<Auditor<R>>) {
    let mut report = Report {
        source: source.describe(),
        origin: None,
        log_key: key.cloned(),
        size: None,
        root: None,
        checks: Vec::new(),
        faults: Vec::new(),
        undecided: None,
        fork: None,
        contradiction: None,
        verdict: Verdict::Undecided,
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = if source.is_far() { cores.max(8) } else { cores };
    let end = match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(|| run(source, key, options, tell, begin, &mut report)),
        Err(e) => Err(Stop::Undecided(format!("no threads to work with: {e}"))),
    };
    let mut learnt = None;
    let stopped = match end {
        Ok(auditor) => {
            learnt = Some(auditor);
            String::new()
        }
        Err(Stop::Fault(check, fault)) => {
            let stopped = format!("stopped at {}", fault.place);
            report.checks.retain(|c| c.name != check);
            push(&mut report.checks, check, Outcome::Failed, "see below");
            report.faults.insert(0, fault);
            stopped
        }
        Err(Stop::Undecided(why)) => {
            report.undecided = Some(why);
            "stopped, see below".to_owned()
        }
    };
    let mut checks = Vec::new();
    for name in ["checkpoint", "entries", "rules", "chain", "tree", "tiles", "words", "files"] {
        match report.checks.iter().find(|c| c.name == name) {
            Some(check) => checks.push(check.clone()),
            None => push(&mut checks, name, Outcome::NotChecked, stopped.clone()),
        }
    }
    identity(&mut checks, key, report.log_key.as_ref());
    match report.checks.iter().find(|c| c.name == "history") {
        Some(check) => checks.push(check.clone()),
        None if options.against.is_some() => {
            push(&mut checks, "history", Outcome::NotChecked, stopped.clone())
        }
        None => {}
    }
    match report.checks.iter().find(|c| c.name == "witnesses") {
        Some(check) => checks.push(check.clone()),
        None if options.policy.is_some() => {
            push(&mut checks, "witnesses", Outcome::NotChecked, stopped.clone())
        }
        None => push(&mut checks, "witnesses", Outcome::NotChecked, "no policy given"),
    }
    report.checks = checks;
    report.verdict = if !report.faults.is_empty() {
        Verdict::Refused
    } else if report.undecided.is_some() {
        Verdict::Undecided
    } else if key.is_none() {
        Verdict::IdentityNotChecked
    } else {
        Verdict::Valid
    };
    (report, learnt)
}

fn push(checks: &mut Vec<Check>, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
    checks.push(Check { name, outcome, detail: detail.into() });
}

fn identity(checks: &mut Vec<Check>, given: Option<&VerifyingKey>, claimed: Option<&VerifyingKey>) {
    let claimed = match (given, claimed) {
        (Some(key), _) => return push(checks, "identity", Outcome::Ok, format!("key given: {key}")),
        (None, Some(key)) => format!("the ledger says its key is\n{key}\n"),
        (None, None) => String::new(),
    };
    let advice = "give the log's key with --key; get it from the operator by another way than this ledger";
    push(checks, "identity", Outcome::NotChecked, claimed + advice);
}

/// A count with its noun.
fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn run<R: KeptRows>(
    source: &dyn Source,
    key: Option<&VerifyingKey>,
    options: &Options,
    tell: &(dyn Fn(Step) + Sync),
    begin: impl FnOnce(&Checkpoint) -> Result<Start<R>, String>,
    report: &mut Report,
) -> Result<Auditor<R>, Stop> {
    let bytes = match source.look("checkpoint")? {
        Ok(reader) => read_whole("checkpoint", reader, MAX_CHECKPOINT)?,
        Err(absent) => {
            return Err(Stop::Undecided(format!("{}: there is no checkpoint{absent}", source.describe())));
        }
    };
    let key = match key {
        Some(key) => key.clone(),
        None => claimed_key(source, &bytes)?,
    };
    let bad = |e| Stop::fault("checkpoint", Place::Checkpoint, format!("{e}"));
    let latest: SignedCheckpoint =
        Checkpoint::open(&bytes, &key).map_err(|e: crate::log::CheckpointError| bad(e))?;
    let mut seen = options.policy.as_ref().map(|policy| policy.cosigned(latest.note()));
    let mut earlier = None;
    if let (Some(policy), Some(Err(_))) = (&options.policy, seen.as_ref().map(Cosigned::quorum)) {
        earlier = cosigned(source, &key, policy)?;
        if let Some(earlier) = &earlier {
            seen = Some(policy.cosigned(earlier.note()));
        }
    }
    let counts = earlier.as_ref().unwrap_or(&latest);
    // Both are the log's word. What comes after the cosigned one may withhold words, and must continue it.
    let signed = if counts.checkpoint().size() < latest.checkpoint().size() { &latest } else { counts };
    let (checkpoint, counted) = (signed.checkpoint(), counts.checkpoint().size());
    report.origin = Some(checkpoint.origin().clone());
    report.size = Some(counted);
    report.root = Some(counts.checkpoint().root());
    report.log_key = Some(key.clone());
    let entries = count(counted, "entry", "entries");
    let mut by = format!("{}, {entries}, signed by {}+{}", checkpoint.origin(), key.name(), key.id());
    if earlier.is_some() {
        let size = latest.checkpoint().size();
        by += &format!("\nthe latest, of {size}, has not been cosigned as the policy asks yet");
    }
    push(&mut report.checks, "checkpoint", Outcome::Ok, by);
    if let Some(said) = &seen {
        let words = said.quorum().map_err(|what| Stop::fault("witnesses", Place::Checkpoint, what))?;
        let outcome = if said.asked { Outcome::Ok } else { Outcome::NotChecked };
        push(&mut report.checks, "witnesses", outcome, words);
    }

    // Of one size, their roots tell. Else it takes the tree.
    let other = earlier.as_ref().map(|counts| if counted < checkpoint.size() { counts } else { &latest });
    let is_as_large = |other: &&SignedCheckpoint| other.checkpoint().size() == signed.checkpoint().size();
    if let Some(other) = other.filter(is_as_large) {
        must_continue(source, other, signed, &key, report)?;
    }

    let Start { auditor, levels } = begin(checkpoint).map_err(Stop::Undecided)?;
    let start = auditor.size();
    let loader =
        Loader { source, options, origin: checkpoint.origin(), size: checkpoint.size(), keep: Keep::Nothing };
    let mut run = Run {
        loader,
        checkpoint,
        nodes: TileNodes::new(source, checkpoint.size()),
        counted,
        key: &key,
        auditor,
        start,
        levels,
        tiles: 0,
        signatures: 0,
        tile_fault: None,
        doubt: None,
        seen,
        late: None,
        words: Tally::new(&options.scratch),
        files: Tally::new(&options.scratch),
    };
    let checked = run.all(tell).and_then(|()| run.finish(&bytes, report));
    if let Err(stop) = checked {
        report.contradiction = run.contradiction(&stop, &[counts, signed], tell);
        return Err(stop);
    }
    let auditor = run.auditor;
    if let Some(other) = other.filter(|other| !is_as_large(other)) {
        must_continue(source, other, signed, &key, report)?;
    }
    if let Some(other) = &options.against {
        compare(source, signed, other, &key, report)?;
    }
    Ok(auditor)
}

/// Whether the ledger continues a checkpoint that somebody else got.
fn compare(
    source: &dyn Source,
    ours: &SignedCheckpoint,
    other: &[u8],
    key: &VerifyingKey,
    report: &mut Report,
) -> Result<(), Stop> {
    let other = Checkpoint::open(other, key)
        .map_err(|e| Stop::Undecided(format!("the checkpoint to compare with: {e}")))?;
    let (old, size) = (other.checkpoint().size(), ours.checkpoint().size());
    if old > size {
        let what =
            format!("the checkpoint to compare with has {old} entries, this ledger {size}: get a newer copy");
        return Err(Stop::Undecided(what));
    }
    must_continue(source, &other, ours, key, report)?;
    let detail = format!("continues the checkpoint of {} that was given", count(old, "entry", "entries"));
    push(&mut report.checks, "history", Outcome::Ok, detail);
    Ok(())
}

/// Whether the tree of one checkpoint begins as that of another, which is not larger. If not, the report has the proof.
fn must_continue(
    source: &dyn Source,
    earlier: &SignedCheckpoint,
    later: &SignedCheckpoint,
    key: &VerifyingKey,
    report: &mut Report,
) -> Result<(), Stop> {
    let nodes = TileNodes::new(source, later.checkpoint().size());
    match Fork::find(key, earlier, later, &nodes) {
        Ok(None) => Ok(()),
        Ok(Some(fork)) => {
            report.fork = Some(fork);
            let entries = count(earlier.checkpoint().size(), "entry", "entries");
            let what = format!("the log signed another tree of {entries}");
            Err(Stop::fault("history", Place::Checkpoint, what))
        }
        Err(_) => Err(Stop::Undecided("the tiles to compare the checkpoints by can't be read".into())),
    }
}

/// The key that entry 0 names. Nobody vouches for it.
fn claimed_key(source: &dyn Source, checkpoint: &[u8]) -> Result<VerifyingKey, Stop> {
    let checkpoint = SignedNote::parse(checkpoint, MAX_CHECKPOINT)
        .map_err(crate::log::CheckpointError::from)
        .and_then(|note| Checkpoint::parse_text(note.text()))
        .map_err(|e| Stop::fault("checkpoint", Place::Checkpoint, e.to_string()))?;
    if checkpoint.size() == 0 {
        return Err(Stop::Undecided("a ledger without entries names no key: give --key VKEY".into()));
    }
    match first_entry(source, checkpoint.origin(), checkpoint.size())?.event().body() {
        Body::LedgerOpened(opened) => Ok(opened.checkpoint_key.clone()),
        body => {
            let what =
                format!("type: expected ledger.opened as the first event, found {}", body.event_type());
            Err(Stop::fault("rules", Place::Entry(0), what))
        }
    }
}

/// How far the rules were re-run, and what was found on the way.
struct Run<'a, R> {
    loader: Loader<'a>,
    checkpoint: &'a Checkpoint,
    /// The tree as the tiles say, to tell by it which is wrong of an entry and its tile.
    nodes: TileNodes<'a>,
    /// How many entries the checkpoint covers that the verdict is about. Those after it wait for witnesses.
    counted: u64,
    key: &'a VerifyingKey,
    auditor: Auditor<R>,
    /// How many entries were known when it began.
    start: u64,
    /// Of each level, how many hashes there were, and those of the tile that is being filled.
    levels: Vec<(u64, Vec<Hash>)>,
    /// Tiles that were compared.
    tiles: u64,
    signatures: u64,
    /// The first tile that is not what its entries make.
    tile_fault: Option<Fault>,
    /// The first entry that differs from its tile where neither leads to the root, and what is wrong with the tile if
    /// the entry turns out to be right.
    doubt: Option<(u64, Fault)>,
    /// What the witnesses say of the checkpoint.
    seen: Option<Cosigned>,
    /// The first entry that is dated after a witness had cosigned it.
    late: Option<Fault>,
    words: Tally,
    files: Tally,
}

/// Said of a copy that has none of them: what checks the rest.
const NO_WORDS: &str =
    "\nno words are here at all, as in a copy of tile/ without content/; --no-words checks all else";
const NO_FILES: &str = "\nno files are here at all, as in a copy without file/; --no-files checks all else";

/// Blobs of one kind.
struct Tally {
    present: u64,
    withheld: u64,
    missing: u64,
    /// Those that are not there: index, event, position, HTTP status. Whether the log withholds them is known at its end.
    absent: Scratch,
    fault: Option<Fault>,
}

/// Bytes of one that is absent.
const ABSENT: usize = 8 + 32 + 8 + 2;
/// Bytes of the absent that are kept in memory.
const ABSENT_MEMORY: usize = 4 << 20;

/// Which of two leaf hashes leads to the signed root.
enum Blame {
    Entry,
    Tile,
    Unknown,
}

impl<R: KeptRows> Run<'_, R> {
    /// Reads all bundles and takes their entries, a few bundles at a time.
    fn all(&mut self, tell: &(dyn Fn(Step) + Sync)) -> Result<(), Stop> {
        let (loader, of) = (self.loader, self.checkpoint.size());
        let bundles = of.div_ceil(WIDTH);
        let window = |from: u64| from..from.saturating_add(loader.options.window.max(1)).min(bundles);
        let mut next = window(self.start / WIDTH);
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

    /// What proves to anybody that the log signed what no log may, if an entry is at fault and there is such a proof, under
    /// the first of these checkpoints that covers it.
    fn contradiction(
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

    /// Takes the entries of the next bundle.
    fn audit(&mut self, bundle: Loaded) -> Result<(), Stop> {
        let first = bundle.index * WIDTH;
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
            let entry = entry.map_err(|e| self.stop("entries", index, &e))?;
            self.auditor.push(&entry, leaf).map_err(|e| self.stop(check_of(&e), index, &e))?;
            if index == 0 {
                self.check_log_key()?;
            }
            if let (Some(seen), None) = (&self.seen, &self.late)
                && index < self.counted
                && let Err(what) = seen.allows(entry.header().time)
            {
                self.late = Some(Fault { place: Place::Entry(index), what });
            }
            self.signatures += entry.event().by().len() as u64;
            self.take_blobs(index, &entry, blobs.next().unwrap_or_default())?;
            self.grow(0, leaf, leaves.get(at).is_some())?;
        }
        if let Some((at, what)) = bundle.broken {
            if at < usize::from(TILE_WIDTH) && first + (at as u64) < self.checkpoint.size() {
                return Err(self.stop("entries", first + at as u64, &what));
            }
            return Err(Stop::fault("entries", Place::Tile(bundle.path), what));
        }
        if let Some(fault) = bundle.words_fault {
            self.words.fault.get_or_insert(fault);
        }
        Ok(())
    }

    /// Entry 0 names the key that signed the checkpoint.
    fn check_log_key(&self) -> Result<(), Stop> {
        match self.auditor.rows().ledger() {
            Some((_, key)) if key == *self.key.as_bytes() => Ok(()),
            _ => {
                let what = format!(
                    "facts.checkpoint_key: expected {}, which signed the checkpoint, found another",
                    self.key
                );
                Err(Stop::fault("rules", Place::Entry(0), what))
            }
        }
    }

    /// The end at an entry that is at fault; or at an earlier one that is no less in doubt.
    fn stop(&self, check: &'static str, index: u64, what: &dyn std::fmt::Display) -> Stop {
        match self.doubt.as_ref().map(|(doubt, _)| *doubt).filter(|doubt| *doubt < index) {
            None => Stop::fault(check, Place::Entry(index), what.to_string()),
            Some(doubt) => {
                let what = format!("its leaf hash is not the one in its tile; and entry {index}: {what}");
                Stop::fault(check, Place::Entry(doubt), what)
            }
        }
    }

    /// Which is wrong, the entry or its tile: the true leaf hash leads to the signed root.
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

    /// The end at an entry that is not the one under the root, naming the line where that can be seen.
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
                // All that the rules leave open in an entry whose signatures are good.
                Ok(()) => format!("header line 4: {}: not the time it was recorded", entry.header().time),
            },
        };
        let (said, leaf) = (said.to_hex(), leaf.to_hex());
        let what =
            format!("{line}\nleaf hash: found {leaf},\n  expected {said}, which is under the signed root");
        Stop::fault("entries", Place::Entry(index), what)
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

    /// No verdict stands on rows that could not be kept.
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
        let (index, hashes) = (*number / WIDTH - 1, std::mem::take(hashes));
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

    /// All entries passed: root, tiles, and what is known only at the end.
    fn finish(&mut self, checkpoint: &[u8], report: &mut Report) -> Result<(), Stop> {
        let size = self.checkpoint.size();
        let (expected, found) = (self.checkpoint.root(), self.auditor.root());
        if expected != found {
            if let Some((doubt, _)) = self.doubt {
                return Err(Stop::fault(
                    "tree",
                    Place::Entry(doubt),
                    "its leaf hash is not the one in its tile",
                ));
            }
            let (expected, found) = (expected.to_base64(), found.to_base64());
            let what = format!("root: expected {expected}, as the checkpoint says, found {found}");
            return Err(Stop::fault("tree", Place::Tree, what));
        }
        // The entries lead to the root, so where one differed from its tile the tile is wrong.
        if let Some((_, fault)) = self.doubt.take() {
            self.tile_fault.get_or_insert(fault);
        }
        if let Some(late) = self.late.take() {
            return Err(Stop::Fault("witnesses", late));
        }
        for (level, (number, hashes)) in (0u8..).zip(std::mem::take(&mut self.levels)) {
            if !hashes.is_empty() {
                self.compare(level, number / WIDTH, &hashes, false)?;
            }
        }
        let rows = self.auditor.rows();
        for (tally, hint) in [(&mut self.words, NO_WORDS), (&mut self.files, NO_FILES)] {
            // What is wrong is here.
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
        let done = size - self.start;
        let below = if self.start == 0 { String::new() } else { format!("; none below {}", self.start) };
        let done = format!("{done} of {size}: shape, signatures ({}), ids once{below}", self.signatures);
        push(checks, "entries", Outcome::Ok, done);
        push(checks, "rules", Outcome::Ok, "keys, roles, refs, threads, signers, checks, at every index");
        push(
            checks,
            "chain",
            Outcome::Ok,
            "each entry names the BLAKE3 of the one before; time never runs back",
        );
        let which = if self.counted < size { "the latest checkpoint" } else { "the checkpoint" };
        push(checks, "tree", Outcome::Ok, format!("root {} of {which}", expected.to_base64()));
        match &self.tile_fault {
            None => push(checks, "tiles", Outcome::Ok, count(self.tiles, "hash tile", "hash tiles")),
            Some(fault) => push(checks, "tiles", Outcome::Failed, format!("{}: {}", fault.place, fault.what)),
        }
        let options = self.loader.options;
        let mut line = |name, tally: &Tally, asked: bool, note: &str| {
            let Tally { present, withheld, missing, .. } = tally;
            let what = format!("{present} present, {withheld} withheld by the log, {missing} missing{note}");
            match (asked, &tally.fault) {
                (false, _) => push(checks, name, Outcome::NotChecked, "not asked for"),
                (true, Some(_)) => push(checks, name, Outcome::Failed, what),
                (true, None) => push(checks, name, Outcome::Ok, what),
            }
        };
        let note = match held {
            0 => String::new(),
            n => format!("; {n} of those present withheld on the log, yet kept here"),
        };
        line("words", &self.words, options.words, &note);
        line("files", &self.files, options.words && options.files, "");
        let faults = [self.tile_fault.take(), self.words.fault.take(), self.files.fault.take()];
        report.faults.extend(faults.into_iter().flatten());
        Ok(())
    }

    /// How many words are there though the log withholds them.
    fn held_but_here(&self) -> u64 {
        if !self.loader.options.words {
            return 0;
        }
        self.auditor.rows().held_words(self.start).saturating_sub(self.words.withheld)
    }
}

/// Which check an audit error belongs to.
fn check_of(e: &AuditError) -> &'static str {
    match e {
        AuditError::Entry(_) | AuditError::Twice { .. } => "entries",
        AuditError::Index { .. } | AuditError::Prev { .. } | AuditError::Time { .. } => "chain",
        _ => "rules",
    }
}

impl Tally {
    fn new(scratch: &Path) -> Self {
        let absent = Scratch::new(scratch, ABSENT_MEMORY);
        Self { present: 0, withheld: 0, missing: 0, absent, fault: None }
    }

    fn wrong(&mut self, index: u64, position: Position, what: String) {
        self.fault.get_or_insert(Fault { place: place(index, position), what });
    }

    fn absent(&mut self, index: u64, id: EventId, position: Position, absent: Absent) -> Result<(), Stop> {
        let number = match position {
            Position::Content => 0,
            Position::File(i) => u64::from(i) + 1,
        };
        let status = absent.status.unwrap_or(0).to_be_bytes();
        let bytes = [&index.to_be_bytes()[..], &id.0, &number.to_be_bytes(), &status].concat();
        self.absent.append(&bytes).map(drop).map_err(|e| Stop::Undecided(e.to_string()))
    }

    /// Tells what the log withholds from what is missing.
    fn settle(&mut self, rows: &impl Rows) -> Result<(), Stop> {
        let mut block = vec![0; ABSENT * 1_024];
        let mut at = 0;
        while at < self.absent.len() {
            let n = self.absent.read(at, &mut block).map_err(|e| Stop::Undecided(e.to_string()))?;
            for one in block[..n].as_chunks::<ABSENT>().0 {
                let number =
                    |from: usize| one[from..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                let id = EventId(one[8..].first_chunk().copied().unwrap_or_default());
                let position = match number(40) {
                    0 => Position::Content,
                    // It was written from a u32.
                    i => Position::File((i - 1) as u32),
                };
                let status = one[48..].first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
                let absent = Absent { status: (status > 0).then_some(status) };
                self.judge(rows, number(0), &id, position, absent);
            }
            at += n as u64;
        }
        Ok(())
    }

    /// Words that are withheld name no file, though they may be here for a moment more.
    fn judge(&mut self, rows: &impl Rows, index: u64, id: &EventId, position: Position, absent: Absent) {
        let fate = rows.fate(id);
        if fate.withheld_by(position).or(fate.withheld_by(Position::Content)).is_some() {
            self.withheld += 1;
            return;
        }
        self.missing += 1;
        let place = place(index, position);
        if self.fault.as_ref().is_none_or(|f| f.place.entry() > place.entry()) {
            let what = format!("missing: they are not here{absent}, and nothing on the log withholds them");
            self.fault = Some(Fault { place, what });
        }
    }
}

fn place(index: u64, position: Position) -> Place {
    match position {
        Position::Content => Place::Words(index),
        file => Place::File(index, file),
    }
}
