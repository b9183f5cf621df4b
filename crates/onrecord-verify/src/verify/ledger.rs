//! Every rule again, over a whole ledger, by a reader who trusts nobody.
//!
//! Bundles are read and their signatures checked in parallel, a bounded number at a time; the rules are then
//! re-run in order.

use super::{
    Options, Source, Step,
    audit::Run,
    bundle::{Keep, Loader, first_entry},
    cosigned::cosigned,
    report::{Place, Report, Stop, Verdict, push},
    rows::{KeptRows, ScratchRows},
    source::read_whole,
    tally::Tally,
    tile_nodes::TileNodes,
};
use crate::{
    check::{Check, Finding, Name, Outcome, count},
    event::Body,
    log::{Auditor, Checkpoint, Cosigned, Fork, Hash, MAX_CHECKPOINT, Quorum, SignedCheckpoint},
    note::{SignedNote, VerifyingKey},
};

/// Checks a ledger: every entry up to its checkpoint, and the tiles, words and files beside them. Without a key, the one
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

/// As [`verify`], but `tell` is told of every step.
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

/// Where a verification begins: at the first entry of a bundle, knowing all that stands before.
pub struct Start<R> {
    /// The auditor of all entries before, which passed or are taken to have passed.
    pub auditor: Auditor<R>,
    /// For each level of the tree, how many hashes there are, and those in the tile that is not full.
    pub levels: Vec<(u64, Vec<Hash>)>,
}

/// As [`verify_told`], but begins at the [`Start`] that `begin` gives for the checkpoint. Gives the auditor too, if all
/// entries passed.
pub fn verify_from<R: KeptRows>(
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
            None
        }
        Err(Stop::Fault(check, fault)) => {
            let stopped = Finding::Stopped(fault.place.to_string());
            report.checks.retain(|c| c.name != check);
            push(&mut report.checks, check, Outcome::Failed, Finding::SeeBelow);
            report.faults.insert(0, fault);
            Some(stopped)
        }
        Err(Stop::Undecided(why)) => {
            report.undecided = Some(why);
            Some(Finding::StoppedBelow)
        }
    };
    let mut checks = Vec::new();
    // A verification that ran to its end made all checks, so this finding is not used then.
    let stopped = stopped.unwrap_or(Finding::StoppedBelow);
    let made = |name: Name| {
        let made = report.checks.iter().find(|c| c.name == name).cloned();
        made.unwrap_or_else(|| Check { name, outcome: Outcome::NotChecked, finding: stopped.clone() })
    };
    checks.extend(OF_EVERY_LEDGER.map(made));
    identity(&mut checks, key, report.log_key.as_ref());
    // Two checkpoints of the ledger's own may have been compared with each other too.
    if options.against.is_some() || report.checks.iter().any(|c| c.name == Name::History) {
        checks.push(made(Name::History));
    }
    match options.policy {
        Some(_) => checks.push(made(Name::Witnesses)),
        None => push(&mut checks, Name::Witnesses, Outcome::NotChecked, Finding::NoPolicyGiven),
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

/// What is checked of every ledger, in the order in which a report says it.
const OF_EVERY_LEDGER: [Name; 8] = [
    Name::Checkpoint,
    Name::Entries,
    Name::Rules,
    Name::Chain,
    Name::Tree,
    Name::Tiles,
    Name::Words,
    Name::Files,
];

fn identity(checks: &mut Vec<Check>, given: Option<&VerifyingKey>, claimed: Option<&VerifyingKey>) {
    match given {
        Some(key) => push(checks, Name::Identity, Outcome::Ok, Finding::KeyGiven(key.clone())),
        None => push(checks, Name::Identity, Outcome::NotChecked, Finding::KeyClaimed(claimed.cloned())),
    }
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
    let bad = |e| Stop::fault(Name::Checkpoint, Place::Checkpoint, format!("{e}"));
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
    // Both are the log's word. Entries after the cosigned one may withhold words, and must continue it.
    let signed = if counts.checkpoint().size() < latest.checkpoint().size() { &latest } else { counts };
    let (checkpoint, counted) = (signed.checkpoint(), counts.checkpoint().size());
    report.origin = Some(checkpoint.origin().clone());
    report.size = Some(counted);
    report.root = Some(counts.checkpoint().root());
    report.log_key = Some(key.clone());
    let by = Finding::Signed {
        origin: checkpoint.origin().clone(),
        size: counted,
        key: (key.name().clone(), key.id()),
        latest: earlier.is_some().then(|| latest.checkpoint().size()),
    };
    push(&mut report.checks, Name::Checkpoint, Outcome::Ok, by);
    if let Some(said) = &seen {
        let quorum = said.quorum();
        let quorum = quorum.map_err(|e| Stop::fault(Name::Witnesses, Place::Checkpoint, e.to_string()))?;
        let (outcome, finding) = match quorum {
            Quorum::By(witnesses) => (Outcome::Ok, Finding::Cosigned(witnesses)),
            Quorum::NotAsked => (Outcome::NotChecked, Finding::NoWitnesses),
        };
        push(&mut report.checks, Name::Witnesses, outcome, finding);
    }

    // If both have one size, their roots tell. Otherwise the tree is needed, which is compared once all entries passed.
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

/// Checks that the ledger continues a checkpoint that somebody else was given.
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
    push(&mut report.checks, Name::History, Outcome::Ok, Finding::Continues(old));
    Ok(())
}

/// Checks that the tree of `later` begins with that of `earlier`, which is not larger. If not, the report gets the proof.
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
            Err(Stop::fault(Name::History, Place::Checkpoint, what))
        }
        Err(_) => Err(Stop::Undecided("the tiles to compare the checkpoints by can't be read".into())),
    }
}

/// The key that entry 0 names. Nobody vouches for it.
fn claimed_key(source: &dyn Source, checkpoint: &[u8]) -> Result<VerifyingKey, Stop> {
    let checkpoint = SignedNote::parse(checkpoint, MAX_CHECKPOINT)
        .map_err(crate::log::CheckpointError::from)
        .and_then(|note| Checkpoint::parse_text(note.text()))
        .map_err(|e| Stop::fault(Name::Checkpoint, Place::Checkpoint, e.to_string()))?;
    if checkpoint.size() == 0 {
        return Err(Stop::Undecided("a ledger without entries names no key: give --key VKEY".into()));
    }
    match first_entry(source, checkpoint.origin(), checkpoint.size())?.event().body() {
        Body::LedgerOpened(opened) => Ok(opened.checkpoint_key.clone()),
        body => {
            let what =
                format!("type: expected ledger.opened as the first event, found {}", body.event_type());
            Err(Stop::fault(Name::Rules, Place::Entry(0), what))
        }
    }
}
