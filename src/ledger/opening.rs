//! Making and opening a ledger: recovery of the journal, checks of the end of the log, catching up of the index.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rayon::prelude::*;

use super::{
    Copier, Ledger, LedgerError, Open, Options, Reader, Submission,
    clock::{Clock, SystemTimeSource, TimeSource},
    cosigned::{self, Cosigned},
    folder::{Folder, Said, io},
    follower::Follower,
    known::Knowledge,
    queue::{GATHER, Queue},
    reader::{Shared, listed},
    recent::{Item, ItemWords, Recent},
    scrub::Scrub,
    seen::{self, Seen},
    sequencer::{Extent, Sequencer, Signals, words_changed},
    timestamped,
    upload::Uploads,
    withholding::{self, Marks, listed_files, target_of},
};
use crate::{
    event::{At, Content, ContentRef, Digest, Draft, Event, EventId, EventType, Position, SignedEvent},
    log::{
        Checkpoint, Entry, Frontier, Hash, MemoryRows, NoDoor, NodeReader, Rows as _, SignedCheckpoint,
        TILE_WIDTH, TileKind, TilePath, Time, Words, decide, decode_bundle, decode_contents, decode_hashes,
        leaf_hash, node_in_tile, root, tile_of_node,
    },
    note::{Origin, SigningKey, VerifyingKey},
    store::{
        Doing as _, StoreError,
        disk::{Disk, RealDisk},
        head::{self, HeadRecord},
        index::{Index, IndexPosition, ListedFile},
        journal::{self, Journal, Record, Recovered},
    },
};

const WIDTH: u64 = TILE_WIDTH as u64;
/// How often uploads that nobody named are looked for, at most.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);
/// Entries brought into the index at a time; twice as many are in memory.
const CATCH_UP: u64 = 4_096;

pub(super) fn init(
    dir: &Path,
    origin: Origin,
    checkpoint_key: SigningKey,
    operator_key: &SigningKey,
    second_key: Option<&SigningKey>,
    words: serde_json::Map<String, serde_json::Value>,
) -> Result<(), LedgerError> {
    let (opened, content) = opening_event(&origin, &checkpoint_key, operator_key, words)?;
    let added =
        second_key.map(|second| second_key_event(&origin, &opened, operator_key, second)).transpose()?;
    let mut first = vec![Submission::new(opened.note().as_bytes().to_vec(), content)];
    first.extend(added.map(|added| Submission::new(added.note().as_bytes().to_vec(), None)));
    found(dir, origin, checkpoint_key, first)
}

pub(super) fn found(
    dir: &Path,
    origin: Origin,
    checkpoint_key: SigningKey,
    first: Vec<Submission>,
) -> Result<(), LedgerError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if Folder::new(dir).settings().exists() {
                return Err(LedgerError::Exists(dir.display().to_string()));
            }
            if entries.next().is_some() {
                return Err(LedgerError::Broken(format!("{} is not empty", dir.display())));
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(io(dir, "read", e)),
    }
    // Made aside and renamed into place, so that a ledger is there whole or not at all.
    let mut aside = dir.as_os_str().to_owned();
    aside.push(".making");
    let aside = Path::new(&aside);
    if aside.exists() {
        fs::remove_dir_all(aside).map_err(|e| io(aside, "remove", e))?;
    }
    let made = make(aside, origin, checkpoint_key, first)
        .and_then(|()| fs::rename(aside, dir).map_err(|e| io(dir, "make", e)));
    if made.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_dir_all(aside);
    }
    made
}

fn make(
    dir: &Path,
    origin: Origin,
    checkpoint_key: SigningKey,
    first: Vec<Submission>,
) -> Result<(), LedgerError> {
    Folder::new(dir).make(&origin, &checkpoint_key)?;
    let how = Opens { founding: true, ..Opens::default() };
    let ledger = open_with(Arc::new(RealDisk), SystemTimeSource::new(), dir, Options::default(), how)?;
    let answers = ledger.record_blocking(first, false);
    ledger.close();
    for answer in answers {
        answer?;
    }
    Ok(())
}

/// The first event of a ledger, dated today.
pub(super) fn opening_event(
    origin: &Origin,
    checkpoint_key: &SigningKey,
    operator_key: &SigningKey,
    words: serde_json::Map<String, serde_json::Value>,
) -> Result<(SignedEvent, Option<Vec<u8>>), LedgerError> {
    let mut facts = serde_json::Map::new();
    facts.insert("checkpoint_key".into(), checkpoint_key.verifying_key().to_string().into());
    facts.insert("operator_key".into(), operator_key.verifying_key().to_string().into());
    let content = if words.is_empty() {
        None
    } else {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| LedgerError::Broken(format!("no random bytes: {e}")))?;
        Some(Content::seal(words, &[], &salt))
    };
    let draft = Draft {
        event_type: EventType::LedgerOpened,
        at: today()?,
        case: None,
        refs: serde_json::Map::new(),
        facts,
        content: content.as_deref().map(ContentRef::of),
    };
    let event = draft.sign(origin, &[operator_key]).map_err(|e| LedgerError::Broken(e.to_string()))?;
    Ok((event, content))
}

/// Puts a second key of the operator on record, who is the party that the first event made.
fn second_key_event(
    origin: &Origin,
    opened: &SignedEvent,
    operator_key: &SigningKey,
    second: &SigningKey,
) -> Result<SignedEvent, LedgerError> {
    let member = |name: &str, value: String| serde_json::Map::from_iter([(name.to_owned(), value.into())]);
    let draft = Draft {
        event_type: EventType::KeyAdded,
        at: opened.at().clone(),
        case: None,
        refs: member("party", opened.id().to_string()),
        facts: member("key", second.verifying_key().to_string()),
        content: None,
    };
    draft.sign(origin, &[operator_key, second]).map_err(|e| LedgerError::Broken(e.to_string()))
}

fn today() -> Result<At, LedgerError> {
    let today = Time::from_unix_ms(i64::try_from(now_ms()).unwrap_or_default());
    let today = today.map(|t| t.to_string()[..10].to_owned()).unwrap_or_default();
    At::parse(&today).map_err(LedgerError::Broken)
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis()
}

pub(super) fn rebuild(dir: &Path, progress: &dyn Fn(u64, u64)) -> Result<u64, LedgerError> {
    let folder = Folder::new(dir);
    // Read first, so that nothing is removed from a folder that is no ledger or is in use.
    folder.read()?;
    drop(lock(&folder)?);
    let index = folder.index();
    // What it knows of the log is asked before it goes: it may be the only one to know that entries are missing.
    let position =
        Index::open_as_it_is(&index).ok().flatten().and_then(|index| index.position().ok().flatten());
    let aside = folder.root().join("index.before");
    if index.exists() {
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(|e| io(&aside, "remove", e))?;
        }
        fs::rename(&index, &aside).map_err(|e| io(&index, "move away", e))?;
    }
    let how = Opens { progress, index: position, ..Opens::default() };
    let opened = open_with(Arc::new(RealDisk), SystemTimeSource::new(), dir, Options::default(), how);
    match opened {
        Ok(ledger) => {
            let size = ledger.reader().checkpoint().checkpoint().size();
            ledger.close();
            if aside.exists() {
                fs::remove_dir_all(&aside).map_err(|e| io(&aside, "remove", e))?;
            }
            Ok(size)
        }
        Err(error) => {
            if aside.exists() {
                // As it was. The first error is the one to tell.
                let _ = fs::remove_dir_all(&index);
                let _ = fs::rename(&aside, &index);
            }
            Err(error)
        }
    }
}

pub(crate) fn lock(folder: &Folder) -> Result<fs::File, LedgerError> {
    let path = folder.lock();
    let opened = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(&path);
    let file = match opened {
        // One that can be read is locked as well.
        Err(e) if e.kind() == std::io::ErrorKind::ReadOnlyFilesystem => fs::File::open(&path),
        opened => opened,
    };
    let file = file.map_err(|e| io(&path, "open", e))?;
    // A program that this process is just starting holds a copy of every file until it runs, locks too.
    let mut locked = file.try_lock();
    for _ in 0..10 {
        let Err(fs::TryLockError::WouldBlock) = locked else { break };
        std::thread::sleep(std::time::Duration::from_millis(20));
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::Locked(folder.root().display().to_string())),
        Err(fs::TryLockError::Error(e)) => Err(io(&path, "lock", e)),
    }
}

pub(super) fn open(dir: &Path, options: Options) -> Result<Ledger, LedgerError> {
    open_confirmed(dir, options, &|_| Ok(None))
}

/// Opens a ledger if nobody knows more: see [`Ledger::open_confirmed`].
pub(super) fn open_confirmed(
    dir: &Path,
    options: Options,
    confirm: &dyn Fn(&Reader) -> Result<Option<String>, LedgerError>,
) -> Result<Ledger, LedgerError> {
    let open = |options, read_only| {
        let how = Opens { read_only, confirm, ..Opens::default() };
        open_with(Arc::new(RealDisk), SystemTimeSource::new(), dir, options, how)
    };
    let error = match open(options.clone(), false) {
        Err(LedgerError::Io { what, source }) if StoreError::is_of_no_writes(&source) => {
            LedgerError::Io { what, source }
        }
        opened => return opened,
    };
    tracing::error!(%error, "the disk takes no writes; the ledger is opened for reading");
    open(options, true).map_err(|e| match e {
        LedgerError::Io { source, .. } if StoreError::is_of_no_writes(&source) => error,
        // What keeps it from being read too is what has to be mended first.
        e => e,
    })
}

/// Why the writer does not begin on a disk that takes no writes, in words that strangers may read.
const NO_WRITES: &str = "the disk takes no writes";

/// What opens a ledger, beside its options.
pub(super) struct Opens<'a> {
    /// The ledger has no entry yet, since it is being made. Every other has.
    pub founding: bool,
    /// Nothing is written in the folder, and what may not be durable is not shown.
    pub read_only: bool,
    /// Told how far the index has come, of how many entries.
    pub progress: &'a dyn Fn(u64, u64),
    /// What an index knew that is not there any more.
    pub index: Option<IndexPosition>,
    /// Asked before the writer opens whether it may; gives who could not be asked.
    pub confirm: &'a dyn Fn(&Reader) -> Result<Option<String>, LedgerError>,
}

impl Default for Opens<'_> {
    fn default() -> Self {
        let progress: &dyn Fn(u64, u64) = &|_, _| {};
        Self { founding: false, read_only: false, progress, index: None, confirm: &|_| Ok(None) }
    }
}

/// Opens a ledger whose journal and files lie on the given disk, under the given clocks. Settings, keys, lock
/// and index lie on the disk of this machine.
pub(super) fn open_with(
    disk: Arc<dyn Disk>,
    time: Arc<dyn TimeSource>,
    dir: &Path,
    options: Options,
    Opens { founding, read_only, progress, index, confirm }: Opens<'_>,
) -> Result<Ledger, LedgerError> {
    let folder = Folder::new(dir);
    let (origin, key) = folder.read()?;
    let log_key = key.verifying_key().clone();
    let lock = lock(&folder)?;

    let published = match read_checkpoint(&*disk, &folder.checkpoint(), &log_key)? {
        Some(checkpoint) => Published::at(checkpoint),
        None => Checkpoint::new(origin.clone(), 0, Hash::EMPTY_ROOT)
            .and_then(|c| c.sign(&key))
            .map(Published::at)
            .map_err(|e| LedgerError::Broken(e.to_string()))?,
    };
    let mut recent = read_published(&*disk, &folder, &origin, &published)?;
    let mut recovered = journal::recover(&*disk, &folder.journal(), published.size)?;
    let mut knowledge = Knowledge::read(&*disk, &folder, &log_key, &recovered)?;
    knowledge.with_index(index.as_ref());
    // A journal that begins further on has no part in the log.
    let follows = recovered.records.is_empty() || recovered.first <= published.size;
    let above = if follows { recovered.above(published.size).len() as u64 } else { 0 };
    went_back(&knowledge, &folder, published.size + above)?;
    if published.size + above == 0 && !founding {
        return Err(LedgerError::Broken(empty(&folder)));
    }
    if read_only && follows {
        // What a killed process left in the journal may not be durable, and can't be made so. What was marked or signed is.
        let signed = head::read(&*disk, &folder.signed())?.head.map_or(0, |head| head.0);
        let durable = recovered.acknowledged.entries().max(signed).max(published.size);
        let keep = usize::try_from(durable.saturating_sub(recovered.first)).unwrap_or(usize::MAX);
        recovered.records.truncate(keep);
    }
    if above > 0 && !read_only {
        journal::make_durable(&*disk, &folder.journal(), &folder.tmp(), &recovered.segments)?;
    }
    let last = last_published(&*disk, &folder, &recent, &origin)?;
    let last = replay_journal(&mut recent, &recovered, &origin, last)?;
    let checkpoint = Checkpoint::new(origin.clone(), recent.size(), recent.frontier.root())
        .and_then(|c| c.sign(&key))
        .map_err(|e| LedgerError::Broken(e.to_string()))?;
    recent.checkpoint = Arc::new(checkpoint);

    let (max_batch, max_backlog) = (options.max_batch.max(1), options.max_backlog.max(1));
    let scrub_every = options.scrub_every;
    let opened = Opening {
        disk,
        folder,
        ids: (origin, log_key),
        lock,
        recent,
        recovered,
        published: published.size,
        on_disk: (published.size > 0).then_some(published.checkpoint),
        knowledge: Some((knowledge, published.size + above)),
        read_only,
    };
    if read_only {
        let TakenUp { shared, .. } = opened.take_up(&options, progress)?;
        // Nobody is shown what went back, though nothing is recorded.
        let unconfirmed = confirm(&Reader::new(shared.clone()))?;
        *shared.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner) = unconfirmed;
        let signals = Arc::new(Signals::default());
        signals.stop(NO_WRITES.to_owned());
        return Ok(ledger(shared, signals, Queue::closed(), (Vec::new(), None), None));
    }
    // Nobody knows of the time before a ledger is made; the first entry, alone, is dated by the clock as it is.
    let accept_clock = options.accept_clock || founding;
    let Opened { shared, signals, journal, mut follower } = opened.open(options, progress)?;
    let clock = Clock::new(time.clone(), last.map(|(_, time)| time));
    let seen = seen::read(&*shared.disk, &shared.folder)?;
    match clock.check_start(seen, accept_clock) {
        Ok(()) => follower.seen = Some(Seen::new(time, clock.read(), seen)),
        Err(why) => signals.stop(why),
    }
    let unconfirmed = confirm(&Reader::new(shared.clone()))?;
    *shared.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner) = unconfirmed;
    let head = shared.recent().frontier.clone();
    let (signed_at, tmp) = (shared.folder.signed(), shared.folder.tmp());
    let signed = HeadRecord::begin(&*shared.disk, &signed_at, &tmp, (head.size(), head.root()))?;
    let (queue, groups) = Queue::new(max_batch, GATHER);
    let sequencer = Sequencer {
        shared: shared.clone(),
        signals: signals.clone(),
        journal,
        signed,
        key,
        clock,
        last_hash: last.map_or(Digest([0; 32]), |(hash, _)| hash),
        max_backlog,
        groups,
    };
    let threads = vec![
        spawn(dir, "sequencer", move || sequencer.run())?,
        spawn(dir, "follower", move || follower.run())?,
    ];
    let scrub = scrub(dir, &shared, scrub_every)?;
    Ok(ledger(shared, signals, queue, (threads, scrub), None))
}

/// Opens a mirror: see [`Ledger::open_mirror`].
pub(super) fn open_mirror(
    dir: &Path,
    of: &str,
    heading: Option<SignedCheckpoint>,
    key: &VerifyingKey,
    options: Options,
) -> Result<(Ledger, Copier), LedgerError> {
    let folder = Folder::new(dir);
    if !folder.settings().exists() {
        if fs::read_dir(dir).is_ok_and(|mut names| names.next().is_some()) {
            return Err(LedgerError::Broken(format!("{} is not empty, and no mirror", dir.display())));
        }
        folder.make_mirror(key, of)?;
    }
    let Said { origin, log_key, mirror_of } = folder.said()?;
    if mirror_of.is_none() {
        return Err(LedgerError::Exists(dir.display().to_string()));
    }
    if log_key != *key {
        let dir = dir.display();
        return Err(LedgerError::Broken(format!("{dir} is a mirror of the log {log_key}, not of {key}")));
    }
    folder.check_secrets()?;
    let lock = lock(&folder)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let shown = read_checkpoint(&*disk, &folder.checkpoint(), key)?;
    let verified = read_checkpoint(&*disk, &folder.heading(), key)?.or(heading);
    let none = || LedgerError::Broken(format!("{} holds nothing yet", dir.display()));
    let heading = verified.or_else(|| shown.clone()).ok_or_else(none)?;
    let progress = read_progress(&*disk, &folder)?.unwrap_or((0, Hash::EMPTY_ROOT));
    let published = match shown {
        Some(shown) if shown.checkpoint().size() >= progress.0 => Published::at(shown),
        shown => {
            let checkpoint = shown.unwrap_or_else(|| heading.clone());
            Published { size: progress.0, root: progress.1, checkpoint }
        }
    };
    let recent = read_published(&*disk, &folder, &origin, &published)?;
    let last = last_published(&*disk, &folder, &recent, &origin)?;
    let recovered = journal::recover(&*disk, &folder.journal(), published.size)?;
    let max_backlog = options.max_backlog.max(1);
    let scrub_every = options.scrub_every;
    let opened = Opening {
        disk,
        folder,
        ids: (origin, log_key),
        lock,
        recent,
        recovered,
        published: published.size,
        on_disk: (published.checkpoint.checkpoint().size() == published.size).then_some(published.checkpoint),
        // What a mirror lacks it copies again.
        knowledge: None,
        read_only: false,
    };
    let Opened { shared, signals, follower, .. } = opened.open(options, &|_, _| {})?;
    let threads = vec![spawn(dir, "follower", move || follower.run())?];
    let copier = Copier { shared: shared.clone(), signals: signals.clone(), last, heading, max_backlog };
    let scrub = scrub(dir, &shared, scrub_every)?;
    Ok((ledger(shared, signals, Queue::closed(), (threads, scrub), Some(of.to_owned())), copier))
}

fn spawn(
    dir: &Path,
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, LedgerError> {
    std::thread::Builder::new().name(name.into()).spawn(run).map_err(|e| io(dir, "start a thread for", e))
}

fn scrub(dir: &Path, shared: &Arc<Shared>, every: Option<Duration>) -> Result<Option<Scrub>, LedgerError> {
    let begun = every.map(|every| Scrub::begin(shared.clone(), every)).transpose();
    begun.map_err(|e| io(dir, "start a thread for", e))
}

fn ledger(
    shared: Arc<Shared>,
    signals: Arc<Signals>,
    queue: Arc<Queue>,
    (threads, scrub): (Vec<std::thread::JoinHandle<()>>, Option<Scrub>),
    mirror_of: Option<String>,
) -> Ledger {
    signals.wake();
    let size = shared.recent().size();
    tracing::info!(origin = %shared.origin, size, "the ledger is open");
    Ledger(Arc::new(Open {
        reader: Reader::new(shared),
        signals,
        calls: Mutex::default(),
        queue,
        threads: Mutex::new(threads),
        scrub: Mutex::new(scrub),
        mirror_of,
    }))
}

/// Refuses a folder of which a part was put back, or is not there.
fn went_back(knowledge: &Knowledge, folder: &Folder, here: u64) -> Result<(), LedgerError> {
    match knowledge.missing(here, &folder.root().display().to_string()) {
        Some(why) => Err(LedgerError::Broken(why)),
        None => Ok(()),
    }
}

/// What is said of a folder that holds no entry, and does not say that it ever held any.
pub(crate) fn empty(folder: &Folder) -> String {
    let dir = folder.root().display();
    format!(
        "{dir} holds no entry, and every ledger has one from `onrecord init` on: what was acknowledged is missing. Put back \
         public/ as it was, if it is on a disk that is not there, or a copy of it; or take it from a mirror: \
         onrecord repair --data {dir} --from URL"
    )
}

/// A log as it was found, before its index and files are.
struct Opening {
    disk: Arc<dyn Disk>,
    folder: Folder,
    ids: (Origin, VerifyingKey),
    lock: fs::File,
    recent: Recent,
    recovered: Recovered,
    published: u64,
    /// The checkpoint in `public/`.
    on_disk: Option<SignedCheckpoint>,
    /// What the folder of a ledger knows of it besides, and how many entries are there: some may not be shown yet.
    knowledge: Option<(Knowledge, u64)>,
    read_only: bool,
}

/// A log whose index is up to it, of which nothing was written but the index.
struct TakenUp {
    shared: Arc<Shared>,
    recovered: Recovered,
    published: u64,
    unsettled: BTreeMap<EventId, u64>,
}

/// What all writers of a folder have.
struct Opened {
    shared: Arc<Shared>,
    signals: Arc<Signals>,
    journal: Arc<Mutex<Journal>>,
    follower: Follower,
}

impl Opening {
    /// Brings the index up to the log.
    fn take_up(self, options: &Options, progress: &dyn Fn(u64, u64)) -> Result<TakenUp, LedgerError> {
        let Self { disk, folder, ids, lock, recent, recovered, published, on_disk, mut knowledge, read_only } =
            self;
        let size = recent.size();
        let index = if read_only { Index::open_copy(&folder.index()) } else { Index::open(&folder.index()) }?;
        if let Some((knowledge, there)) = &mut knowledge {
            knowledge.with_index(index.position()?.as_ref());
            went_back(knowledge, &folder, *there)?;
        }
        let uploads = if read_only {
            Uploads::none(disk.clone(), &folder)
        } else {
            let (most, quota, expiry) = (options.max_file, options.upload_quota, options.upload_expiry);
            let opened = Uploads::open(disk.clone(), &folder, most, quota, expiry);
            opened.map_err(|e| io(&folder.uploads(), "read", e))?
        };
        let marks = Marks::open(disk.clone(), &folder)?;
        let mut shared = Shared::new(
            ids,
            (folder.clone(), disk.clone(), lock),
            recent,
            index,
            (uploads, marks),
            Cosigned::new(options.witnesses.clone()),
        );
        shared.lacks_words = options.lacks_words;
        shared.is_mirror = knowledge.is_none();
        let shared = Arc::new(shared);
        if let Some((knowledge, _)) = &knowledge {
            if let Some(other) = knowledge.other(size, |size| root(size, &*shared).map(Some))? {
                return Err(LedgerError::Broken(other));
            }
            for (place, why) in knowledge.silent.iter().filter(|_| size > 0) {
                tracing::warn!(place, why, "it says nothing of how far the log came, and is made anew");
            }
        }
        // All that the journal holds, published or not: what a checkpoint withholds leaves the disk after it.
        let journalled = || (recovered.first..).zip(&recovered.records);
        give_back_again(&shared, journalled());
        catch_up(&shared, size, progress)?;
        withhold_again(&shared, journalled())?;
        if let Some((knowledge, _)) = knowledge.as_ref().filter(|_| !read_only) {
            withholding::make_good(&shared, knowledge.is_of_earlier_version())?;
        }
        cosigned::take_up(&shared, on_disk.as_ref())?;
        timestamped::take_up(&shared)?;
        if let Some(checkpoint) = on_disk {
            let bare = cosigned::bare(&checkpoint, &shared.log_key);
            let bare = bare.map_err(|e| LedgerError::Broken(e.to_string()))?;
            shared.published.send_replace(Some(Arc::new(bare)));
            shared.cosigned.note_published(published);
        }
        let unsettled = withholding::resume(&shared, journalled())?;
        if !options.lacks_words {
            check_tail_words(&shared)?;
        }

        Ok(TakenUp { shared, recovered, published, unsettled })
    }

    /// Brings index and files up to the log, and what is not in tiles into them.
    fn open(self, options: Options, progress: &dyn Fn(u64, u64)) -> Result<Opened, LedgerError> {
        let TakenUp { shared, recovered, published, unsettled } = self.take_up(&options, progress)?;
        let (disk, folder, size) = (shared.disk.clone(), shared.folder.clone(), shared.recent().size());
        // The last segment ends where this one begins; one of the same name held nothing.
        let fresh = Journal::start(&*disk, &folder.journal(), size)?;
        let journal = Arc::new(Mutex::new(fresh));
        let segments = recovered.segments.iter().copied().filter(|s| *s != size).collect();
        let signals = Arc::new(Signals::default());
        signals.set_published(Extent { entries: published, bytes: 0 });
        let mut follower = Follower {
            shared: shared.clone(),
            signals: signals.clone(),
            journal: journal.clone(),
            segments,
            published,
            unsettled,
            // Earlier processes may have left partial tiles anywhere.
            grown: VecDeque::from([(Instant::now(), 0, published)]),
            cosignatures: 0,
            publish_every: options.publish_every,
            partials_for: options.partials_for,
            max_backlog: options.max_backlog.max(1),
            expire_every: options.upload_expiry.min(EXPIRE_EVERY),
            seen: None,
        };
        // All that is on record is in tiles, or this start fails, before anybody sees it.
        follower.follow()?;
        journal.lock().unwrap_or_else(PoisonError::into_inner).start_marks(&*disk)?;
        Ok(Opened { shared, signals, journal, follower })
    }
}

/// What lies in `public/`: so many entries, under this root. The checkpoint is of that size, but for a mirror on its way.
struct Published {
    size: u64,
    root: Hash,
    checkpoint: SignedCheckpoint,
}

impl Published {
    fn at(checkpoint: SignedCheckpoint) -> Self {
        Self { size: checkpoint.checkpoint().size(), root: checkpoint.checkpoint().root(), checkpoint }
    }
}

const PROGRESS: &str = "onrecord mirror progress 1";

/// How far a mirror is on its way, as it is written.
pub(super) fn progress_text(size: u64, root: &Hash) -> String {
    format!("{PROGRESS}\n{size}\n{}\n", root.to_base64())
}

/// Size and root of what a mirror on its way has in `public/`.
fn read_progress(disk: &dyn Disk, folder: &Folder) -> Result<Option<(u64, Hash)>, LedgerError> {
    let path = folder.progress();
    let Some(bytes) = disk.read(&path).doing(|| format!("read {}", path.display()))? else { return Ok(None) };
    let parse = || {
        let mut lines = std::str::from_utf8(&bytes).ok()?.lines();
        let (first, size, root) = (lines.next()?, lines.next()?.parse().ok()?, lines.next()?);
        let root = Hash::from_base64(root)?;
        (first == PROGRESS && lines.next().is_none()).then_some((size, root))
    };
    let broken = || LedgerError::Broken(format!("{}: expected what a mirror writes there", path.display()));
    parse().map(Some).ok_or_else(broken)
}

fn read_checkpoint(
    disk: &dyn Disk,
    path: &Path,
    key: &VerifyingKey,
) -> Result<Option<SignedCheckpoint>, LedgerError> {
    let Some(bytes) = disk.read(path).doing(|| format!("read {}", path.display()))? else { return Ok(None) };
    let opened = Checkpoint::open(&bytes, key);
    opened.map(Some).map_err(|e| LedgerError::Broken(format!("{}: {e}", path.display())))
}

/// Nodes of a published log, from its tiles on disk.
struct TilesOnDisk<'a> {
    disk: &'a dyn Disk,
    folder: &'a Folder,
    size: u64,
}

impl TilesOnDisk<'_> {
    /// A tile of the published size, or the full one that took its place.
    fn read(&self, path: TilePath) -> Result<Vec<u8>, StoreError> {
        for path in [path, path.full()] {
            let file = self.folder.tile(&path);
            if let Some(bytes) = self.disk.read(&file).doing(|| format!("read {}", file.display()))? {
                return Ok(bytes);
            }
        }
        Err(StoreError::Broken(format!("{} is missing", self.folder.tile(&path).display())))
    }
}

impl NodeReader for TilesOnDisk<'_> {
    type Error = StoreError;
    fn node(&self, height: u8, index: u64) -> Result<Hash, StoreError> {
        let missing = || StoreError::Broken(format!("node {index} at height {height} is in no tile"));
        let path = tile_of_node(height, index, self.size).ok_or_else(missing)?;
        let bytes = self.read(path)?;
        let width = u16::try_from(bytes.len() / 32).unwrap_or(TILE_WIDTH);
        let hashes = decode_hashes(&bytes, width).map_err(|e| StoreError::Broken(format!("{path}: {e}")))?;
        node_in_tile(&hashes, height, index).ok_or_else(missing)
    }
}

/// Takes up the published log: its edge, and what is not in full tiles. Checked against its root.
fn read_published(
    disk: &dyn Disk,
    folder: &Folder,
    origin: &Origin,
    published: &Published,
) -> Result<Recent, LedgerError> {
    let broken = |why: String| LedgerError::Broken(why);
    let Published { size, root, checkpoint } = published;
    let (size, root) = (*size, *root);
    let tiles = TilesOnDisk { disk, folder, size };
    let frontier = Frontier::read(size, &tiles)?;
    if frontier.root() != root {
        return Err(broken(match changed_in_tail(&tiles) {
            Some(index) => format!(
                "entry {index}: its bytes and its hash in the tile tile/0 differ, and the tiles on disk do not give \
                 the root of the checkpoint of size {size}"
            ),
            None => format!("the tiles on disk do not give the root of the checkpoint of size {size}"),
        }));
    }
    let start = size / WIDTH * WIDTH;
    let mut recent = Recent::new(Arc::new(checkpoint.clone()), start, frontier);
    let mut level = 0;
    let mut nodes = size;
    while nodes > 0 {
        let width = (nodes % WIDTH) as u16;
        if width > 0 {
            let path = TilePath::new(TileKind::Hashes { level }, nodes / WIDTH, width)
                .map_err(|e| broken(e.to_string()))?;
            let bytes = tiles.read(path)?;
            let part = bytes.get(..usize::from(width) * 32).unwrap_or(&bytes);
            recent
                .add_tile(level, nodes / WIDTH, part, width)
                .ok_or_else(|| broken(format!("{path} is not a tile of {width} hashes")))?;
        }
        nodes /= WIDTH;
        level += 1;
    }
    let width = (size % WIDTH) as u16;
    if width > 0 {
        let path = |kind| TilePath::new(kind, size / WIDTH, width).map_err(|e| broken(e.to_string()));
        let (entries, contents) = (path(TileKind::Entries)?, path(TileKind::Contents)?);
        let entry_bytes = tiles.read(entries)?;
        let content_bytes = tiles.read(contents)?;
        let decoded = decode_bundle(&entry_bytes, width).map_err(|e| broken(format!("{entries}: {e}")))?;
        let words = decode_contents(&content_bytes, width).map_err(|e| broken(format!("{contents}: {e}")))?;
        // What was published was checked before, and is again: the tail is short.
        let parsed: Vec<_> =
            decoded.par_iter().map(|raw| Entry::parse(raw, origin).and_then(Entry::verify)).collect();
        let mut prev = last_of_bundle(&tiles, start, origin)?;
        for (i, ((entry, words), parsed)) in decoded.iter().zip(words).zip(parsed).enumerate() {
            let index = start + i as u64;
            let at = |why: &dyn std::fmt::Display| broken(format!("entry {index}: {why}"));
            if recent.node(0, index) != Some(leaf_hash(entry)) {
                return Err(at(&format!("its bytes in {entries} do not give its hash in the tile tile/0")));
            }
            let parsed = parsed.map_err(|e| at(&e))?;
            follows(prev, index, &parsed).map_err(|why| at(&why))?;
            prev = Some((parsed.hash(), parsed.header().time));
            let words = match words {
                Words::None => ItemWords::None,
                Words::Withheld => ItemWords::Withheld,
                Words::Present(words) => ItemWords::Present(words.into()),
            };
            recent.items.push_back(Item { entry: Arc::from(*entry), words });
        }
    }
    Ok(recent)
}

/// The first entry after the last full bundle whose hash is not the one in its tile.
fn changed_in_tail(tiles: &TilesOnDisk<'_>) -> Option<u64> {
    let (start, width) = (tiles.size / WIDTH * WIDTH, (tiles.size % WIDTH) as u16);
    let bundle = tiles.read(TilePath::new(TileKind::Entries, start / WIDTH, width).ok()?).ok()?;
    let entries = decode_bundle(&bundle, width).ok()?;
    let differs = |(i, raw): &(u64, &&[u8])| tiles.node(0, *i).ok() != Some(leaf_hash(raw));
    (start..).zip(&entries).find(differs).map(|(i, _)| i)
}

/// Adds what was committed and not published. Gives hash and time of the last entry.
fn replay_journal(
    recent: &mut Recent,
    recovered: &Recovered,
    origin: &Origin,
    mut last: Option<(Digest, Time)>,
) -> Result<Option<(Digest, Time)>, LedgerError> {
    let broken = |index: u64, why: String| LedgerError::Broken(format!("journal, entry {index}: {why}"));
    let published = recent.size();
    if !recovered.records.is_empty() && recovered.first > published {
        return Err(broken(published, format!("missing: the journal begins at entry {}", recovered.first)));
    }
    let fresh = recovered.above(published);
    // Signatures were checked before they were journalled, and are again: the log is short here.
    let parsed: Vec<_> = fresh
        .par_iter()
        .map(|r| Entry::parse(&r.entry, origin).and_then(Entry::verify).map(|e| (e, leaf_hash(&r.entry))))
        .collect();
    for (record, parsed) in fresh.iter().zip(parsed) {
        let index = recent.size();
        let (entry, leaf) = parsed.map_err(|e| broken(index, e.to_string()))?;
        follows(last, index, &entry).map_err(|why| broken(index, why.into()))?;
        let words = match (&record.words, entry.event().content()) {
            (Some(words), Some(committed)) if committed.matches(words) => ItemWords::Present(words.clone()),
            // Withheld in its own batch; what the log says is applied below.
            (None, Some(_)) => ItemWords::Withheld,
            (None, None) => ItemWords::None,
            _ => return Err(broken(index, "its words are not those it commits to".into())),
        };
        recent.push(Item { entry: record.entry.clone(), words }, leaf);
        last = Some((entry.hash(), entry.header().time));
    }
    Ok(last)
}

/// Whether an entry stands where it says, after the entry of this hash and time.
fn follows(
    before: Option<(Digest, Time)>,
    index: u64,
    entry: &crate::log::SignedEntry,
) -> Result<(), &'static str> {
    let header = entry.header();
    if header.index != index {
        return Err("its index is not its place");
    }
    if header.prev != before.map_or(Digest([0; 32]), |(hash, _)| hash) {
        return Err("prev: it does not name the BLAKE3 of the entry before");
    }
    if before.is_some_and(|(_, time)| header.time < time) {
        return Err("time: it is before that of the entry before");
    }
    Ok(())
}

/// Hash and time of the last published entry.
fn last_published(
    disk: &dyn Disk,
    folder: &Folder,
    recent: &Recent,
    origin: &Origin,
) -> Result<Option<(Digest, Time)>, LedgerError> {
    let Some(item) = recent.items.back() else {
        return last_of_bundle(&TilesOnDisk { disk, folder, size: recent.size() }, recent.size(), origin);
    };
    let last = recent.size() - 1;
    let broken = |e| LedgerError::Broken(format!("entry {last}: {e}"));
    let entry = Entry::parse(&item.entry, origin).map_err(broken)?;
    Ok(Some((entry.hash(), entry.header().time)))
}

/// Hash and time of the last entry in the full bundle that ends at an index.
fn last_of_bundle(
    tiles: &TilesOnDisk<'_>,
    end: u64,
    origin: &Origin,
) -> Result<Option<(Digest, Time)>, LedgerError> {
    let Some(last) = end.checked_sub(1) else { return Ok(None) };
    let broken = |why: &dyn std::fmt::Display| LedgerError::Broken(format!("entry {last}: {why}"));
    let path = TilePath::new(TileKind::Entries, last / WIDTH, TILE_WIDTH).map_err(|e| broken(&e))?;
    let bundle = tiles.read(path)?;
    let entries = decode_bundle(&bundle, TILE_WIDTH).map_err(|e| broken(&format!("{path}: {e}")))?;
    let bytes = entries.last().ok_or_else(|| broken(&"an empty bundle"))?;
    let leaf = tiles.node(0, last)?;
    if leaf != leaf_hash(bytes) {
        return Err(broken(&format!("its bytes in {path} do not give its hash in the tile tile/0")));
    }
    let entry = Entry::parse(bytes, origin).map_err(|e| broken(&e))?;
    Ok(Some((entry.hash(), entry.header().time)))
}

/// Brings the index up to the log, or makes it anew if it is not of this log.
fn catch_up(shared: &Arc<Shared>, size: u64, progress: &dyn Fn(u64, u64)) -> Result<(), LedgerError> {
    let position = match shared.index.position()? {
        Some(p) if p.size <= size && p.size > 0 => {
            let last = shared.entry(p.size - 1)?;
            let same = last.is_some_and(|e| Digest::blake3(&e) == p.last);
            if same { p.size } else { 0 }
        }
        _ => 0,
    };
    if position == 0 && size > 0 {
        shared.index.clear()?;
        tracing::info!(size, "making the index anew");
    }
    // What comes next is read while the one before is decided upon and written.
    let ranges: Vec<(u64, u64)> = std::iter::successors(Some(position), |from| Some(from + CATCH_UP))
        .take_while(|from| *from < size)
        .map(|from| (from, size.min(from + CATCH_UP)))
        .collect();
    let read =
        |range: Option<&(u64, u64)>| range.map(|(from, to)| read_entries(shared, *from, *to)).transpose();
    let mut next = read(ranges.first())?;
    for (i, (_, to)) in ranges.iter().enumerate() {
        let entries = next.take().unwrap_or_default();
        let (read, taken) = rayon::join(|| read(ranges.get(i + 1)), || take_up(shared, entries, *to));
        taken?;
        next = read?;
        progress(*to, size);
    }
    Ok(())
}

/// An entry, with the files that its words name.
type Filed = (Entry<Event>, Vec<ListedFile>);

/// Reads entries of a range, with the files that their words name. In parallel, a bundle at a time.
fn read_entries(shared: &Shared, from: u64, to: u64) -> Result<Vec<Filed>, LedgerError> {
    let bundles: Vec<_> = (from / WIDTH..to.div_ceil(WIDTH))
        .into_par_iter()
        .map(|bundle| {
            let range = (bundle * WIDTH).max(from)..((bundle + 1) * WIDTH).min(to);
            let mut out = Vec::with_capacity(TILE_WIDTH.into());
            shared.each_stored(range, |index, raw, words| {
                let entry = shared.parse(index, raw)?;
                let files = match (entry.event().content(), words) {
                    (Some(committed), Some(words)) if committed.matches(words) => {
                        Content::parse(words).map_or(Vec::new(), |c| listed_files(index, c.files()))
                    }
                    _ => Vec::new(),
                };
                out.push((entry, files));
                Ok(())
            })?;
            Ok(out)
        })
        .collect::<Result<_, super::ReadError>>()?;
    Ok(bundles.into_iter().flatten().collect())
}

/// Decides upon entries as when they were recorded, and brings the index up to them.
fn take_up(shared: &Shared, entries: Vec<Filed>, to: u64) -> Result<(), LedgerError> {
    let nothing = MemoryRows::default();
    let mut rows = MemoryRows::default();
    let mut listed_entries = Vec::with_capacity(entries.len());
    let mut last = Digest([0; 32]);
    for (entry, mut files) in entries {
        let index = entry.header().index;
        last = entry.hash();
        let (header, event) = entry.into_parts();
        let event = SignedEvent::verified_before(event);
        let layered = super::overlay::Layered { layers: [&rows, &nothing], committed: shared };
        let placement = decide(&layered, index, &event, &shared.origin, &NoDoor)
            .map_err(|r| LedgerError::Broken(format!("entry {index}: {r}")))?;
        if event.event_type() == EventType::ContentReleased {
            let given_back = target_of(&event).and_then(|id| layered.event(&id));
            if let Some(row) = given_back
                && let Some(words) = shared.stored_words(row.index)?
                && let Ok(content) = Content::parse(&words)
            {
                files.extend(listed_files(row.index, content.files()));
            }
        }
        rows.put(placement.rows);
        listed_entries.push(listed(&header, &event, files));
    }
    shared.index.add(&rows, &listed_entries, IndexPosition { size: to, last })?;
    withholding::drop_claims(shared, &listed_entries)?;
    Ok(())
}

/// Takes up words that were given back and are not in tiles yet, so that the files they name are found.
fn give_back_again<'a>(shared: &Shared, unpublished: impl Iterator<Item = (u64, &'a Record)>) {
    let mut recent = shared.recent.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (index, words) in unpublished.filter_map(|(_, record)| record.restored.clone()) {
        recent.set_words(index, Some(words));
    }
}

/// Finishes what withholding and giving back had begun when the journal was last published.
fn withhold_again<'a>(
    shared: &Shared,
    unpublished: impl Iterator<Item = (u64, &'a Record)>,
) -> Result<(), LedgerError> {
    for (index, record) in unpublished {
        let entry = shared.parse(index, &record.entry)?;
        let event = SignedEvent::verified_before(entry.event().clone());
        if let Some((target, words)) = words_changed(shared, &event, record.restored.as_ref()) {
            let mut recent = shared.recent.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            recent.set_words(target, words);
        }
    }
    Ok(())
}

/// The words at the end of the log are those committed to, or the log withholds them.
fn check_tail_words(shared: &Shared) -> Result<(), LedgerError> {
    let (start, items) = {
        let recent = shared.recent();
        (recent.start, recent.items.iter().cloned().collect::<Vec<_>>())
    };
    items.par_iter().enumerate().try_for_each(|(i, item)| {
        let index = start + i as u64;
        let entry = shared.parse(index, &item.entry)?;
        let broken = |why: &str| Err(LedgerError::Broken(format!("entry {index}, words: {why}")));
        let held = || shared.fate(&entry.event().id()).withheld_by(Position::Content).is_some();
        match (entry.event().content(), &item.words) {
            (None, ItemWords::None) => Ok(()),
            (None, _) => broken("expected none: the event commits to no words"),
            (Some(committed), ItemWords::Present(words)) if committed.matches(words) => Ok(()),
            (Some(_), ItemWords::Present(_)) => broken("not those that the event commits to"),
            (Some(_), _) if held() => Ok(()),
            (Some(_), _) => broken("missing, and nothing on the log withholds them"),
        }
    })
}
