//! Opening a ledger: recovery of the journal, checks of the end of the log, catching up of index and files.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Ledger, Open, Options,
    calls::Calls,
    catch_up::{catch_up, check_tail_words, give_back_again, withhold_again},
    clock::{Clock, SystemTimeSource, TimeSource},
    copier::Copier,
    cosigned::{self, Cosigned},
    cosigning,
    error::LedgerError,
    folder::{Folder, Said, io},
    follower::Follower,
    known::Knowledge,
    marks::Marks,
    noting::Reader,
    published::{Published, last_published, read_checkpoint, read_progress, read_published, replay_journal},
    queue::{GATHER, Queue},
    recent::{Extent, Recent},
    scrub::Scrub,
    seen::{self, Seen},
    sequencer::Sequencer,
    shared::Shared,
    signals::Signals,
    stamping,
    upload::Uploads,
    withholding,
};
use crate::{
    event::{Digest, EventId},
    log::{Checkpoint, Hash, SignedCheckpoint, root},
    note::{Origin, VerifyingKey},
    store::{
        StoreError,
        disk::{Disk, RealDisk},
        head::{self, HeadRecord},
        index::{Index, IndexPosition},
        journal::{self, Journal, Recovered},
    },
};

/// How often uploads that nobody named are looked for, at most.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);

impl Ledger {
    /// Opens the ledger in a folder: recovers the journal, checks the end of the log, brings the index up to
    /// date.
    ///
    /// # Errors
    /// [`LedgerError`], naming the entry where what is stored does not verify.
    pub fn open(dir: &Path, options: Options) -> Result<Self, LedgerError> {
        open(dir, options)
    }

    /// As [`open`](Self::open), but asks whether somebody knows more, before the writer opens. Gives who could not be
    /// asked, in words, if nobody could.
    ///
    /// # Errors
    /// [`LedgerError`], that of `confirm` too: nothing is written to the log then.
    pub fn open_confirmed(
        dir: &Path,
        options: Options,
        confirm: &dyn Fn(&Reader) -> Result<Option<String>, LedgerError>,
    ) -> Result<Self, LedgerError> {
        open_confirmed(dir, options, confirm)
    }

    /// Opens the folder of a mirror, made if it is not there: what was copied, and its one writer, to which nobody but
    /// the follower of its origin has access. `heading` is a checkpoint of the origin, which a new mirror begins with.
    ///
    /// # Errors
    /// [`LedgerError`], also if the folder holds something else.
    pub(crate) fn open_mirror(
        dir: &Path,
        of: &str,
        heading: Option<SignedCheckpoint>,
        key: &VerifyingKey,
        options: Options,
    ) -> Result<(Self, Copier), LedgerError> {
        open_mirror(dir, of, heading, key, options)
    }

    /// Throws the index away and makes it again from the log. Tells `progress` how many entries are done, and
    /// of how many. Gives their number.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn rebuild(dir: &Path, progress: &dyn Fn(u64, u64)) -> Result<u64, LedgerError> {
        rebuild(dir, progress)
    }
}

fn rebuild(dir: &Path, progress: &dyn Fn(u64, u64)) -> Result<u64, LedgerError> {
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

fn open(dir: &Path, options: Options) -> Result<Ledger, LedgerError> {
    open_confirmed(dir, options, &|_| Ok(None))
}

/// Opens a ledger if nobody knows more: see [`Ledger::open_confirmed`].
fn open_confirmed(
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
        shared.set_unconfirmed(unconfirmed);
        let signals = Arc::new(Signals::default());
        signals.stop(NO_WRITES.to_owned());
        return Ok(ledger(shared, signals, Queue::closed(), (Vec::new(), None), None));
    }
    // Nobody knows of the time before a ledger is made; the first entry, alone, is dated by the clock as it is.
    let accept_clock = options.accept_clock || founding;
    let Opened { shared, signals, journal, mut follower } = opened.open(options, progress)?;
    let clock = Clock::new(time.clone(), last.map(|(_, time)| time));
    let seen = seen::read(shared.disk(), shared.folder())?;
    match clock.check_start(seen, accept_clock) {
        Ok(()) => follower.seen = Some(Seen::new(time, clock.read(), seen)),
        Err(why) => signals.stop(why),
    }
    let unconfirmed = confirm(&Reader::new(shared.clone()))?;
    shared.set_unconfirmed(unconfirmed);
    let head = shared.recent().frontier.clone();
    let (signed_at, tmp) = (shared.folder().signed(), shared.folder().tmp());
    let signed = HeadRecord::begin(shared.disk(), &signed_at, &tmp, (head.size(), head.root()))?;
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
fn open_mirror(
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
    tracing::info!(origin = %shared.origin(), size, "the ledger is open");
    Ledger(Arc::new(Open {
        reader: Reader::new(shared.clone()),
        shared,
        signals,
        calls: Calls::default(),
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
        let shared = Shared::new(
            ids,
            (folder.clone(), disk.clone(), lock),
            recent,
            index,
            (uploads, marks),
            Cosigned::new(options.witnesses.clone()),
            (options.lacks_words, knowledge.is_none()),
        );
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
        cosigning::take_up(&shared, on_disk.as_ref())?;
        stamping::take_up(&shared)?;
        if let Some(checkpoint) = on_disk {
            let bare = cosigned::bare(&checkpoint, shared.log_key());
            let bare = bare.map_err(|e| LedgerError::Broken(e.to_string()))?;
            shared.tell_published(bare);
            shared.cosigned().note_published(published);
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
        let size = shared.recent().size();
        // The last segment ends where this one begins; one of the same name held nothing.
        let fresh = Journal::start(shared.disk(), &shared.folder().journal(), size)?;
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
        journal.lock().unwrap_or_else(PoisonError::into_inner).start_marks(shared.disk())?;
        Ok(Opened { shared, signals, journal, follower })
    }
}
