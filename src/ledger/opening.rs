//! Opening a ledger: recovery of the journal, checks of the end of the log, catching up of index and files.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Ledger, Open, Options,
    calls::Calls,
    catch_up::{catch_up, check_tail_words, give_back_again, withhold_again},
    clock::{Clock, SystemTimeSource, TimeSource},
    cosigned::{self, Cosigned},
    cosigning,
    error::LedgerError,
    folder::{Folder, io},
    folder_lock::lock,
    follower::Follower,
    known::Knowledge,
    marks::Marks,
    observed::Reader,
    published::{Published, last_published, read_checkpoint, read_published, replay_journal},
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

    /// As [`open`](Self::open), but before the writer opens it calls `confirm`, which asks others whether they know a longer
    /// log. `confirm` gives, in words, who could not be asked if nobody could.
    ///
    /// # Errors
    /// [`LedgerError`], also that of `confirm`. Nothing is written to the log then.
    pub fn open_confirmed(
        dir: &Path,
        options: Options,
        confirm: &dyn Fn(&Reader) -> Result<Option<String>, LedgerError>,
    ) -> Result<Self, LedgerError> {
        open_confirmed(dir, options, confirm)
    }
}

fn open(dir: &Path, options: Options) -> Result<Ledger, LedgerError> {
    open_confirmed(dir, options, &|_| Ok(None))
}

/// Opens a ledger if nobody knows a longer log: see [`Ledger::open_confirmed`].
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
        // A fault that keeps the ledger from being read has to be mended first.
        e => e,
    })
}

/// Why the writer does not begin on a disk that takes no writes. These words are shown to the public.
const NO_WRITES: &str = "the disk takes no writes";

/// How a ledger is opened, beside its options.
pub(super) struct Opens<'a> {
    /// The ledger is being made, so it has no entry yet. Every other ledger has at least one.
    pub founding: bool,
    /// Nothing is written in the folder, and entries that may not be durable are not shown.
    pub read_only: bool,
    /// Called with `(done, of)`, numbers of entries, while the index is brought up to the log.
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

/// Opens a ledger whose journal and files lie on `disk`, by the clocks of `time`. Settings, keys, lock and index lie on the
/// disk of this machine in any case.
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
    // A journal that begins after the end of the published log does not continue it.
    let follows = recovered.records.is_empty() || recovered.first <= published.size;
    let above = if follows { recovered.above(published.size).len() as u64 } else { 0 };
    went_back(&knowledge, &folder, published.size + above)?;
    if published.size + above == 0 && !founding {
        return Err(LedgerError::Broken(empty(&folder)));
    }
    if read_only && follows {
        // Entries that a killed process left in the journal may not be durable, and on such a disk can't be made so. Those that
        // were marked or signed are.
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
        // A log that went back is not shown to readers either.
        let unconfirmed = confirm(&Reader::new(shared.clone()))?;
        shared.set_unconfirmed(unconfirmed);
        let signals = Arc::new(Signals::default());
        signals.stop(NO_WRITES.to_owned());
        return Ok(ledger(shared, signals, Queue::closed(), (Vec::new(), None), None));
    }
    // Nothing tells the time before a ledger is made, so the first entry is dated by the clock as it is.
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

pub(super) fn spawn(
    dir: &Path,
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, LedgerError> {
    std::thread::Builder::new().name(name.into()).spawn(run).map_err(|e| io(dir, "start a thread for", e))
}

pub(super) fn scrub(
    dir: &Path,
    shared: &Arc<Shared>,
    every: Option<Duration>,
) -> Result<Option<Scrub>, LedgerError> {
    let begun = every.map(|every| Scrub::begin(shared.clone(), every)).transpose();
    begun.map_err(|e| io(dir, "start a thread for", e))
}

pub(super) fn ledger(
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

/// Refuses a folder that holds less than was acknowledged: `here` entries are found.
fn went_back(knowledge: &Knowledge, folder: &Folder, here: u64) -> Result<(), LedgerError> {
    match knowledge.missing(here, &folder.root().display().to_string()) {
        Some(why) => Err(LedgerError::Broken(why)),
        None => Ok(()),
    }
}

/// The error for a folder that holds no entry and no sign that it ever held one.
pub(crate) fn empty(folder: &Folder) -> String {
    let dir = folder.root().display();
    format!(
        "{dir} holds no entry, and every ledger has one from `onrecord init` on: what was acknowledged is missing. Put back \
         public/ as it was, if it is on a disk that is not there, or a copy of it; or take it from a mirror: \
         onrecord repair --data {dir} --from URL"
    )
}

/// A log as it was found on the disk, before index and files are brought up to it.
pub(super) struct Opening {
    pub disk: Arc<dyn Disk>,
    pub folder: Folder,
    pub ids: (Origin, VerifyingKey),
    pub lock: fs::File,
    pub recent: Recent,
    pub recovered: Recovered,
    pub published: u64,
    /// The checkpoint in `public/`.
    pub on_disk: Option<SignedCheckpoint>,
    /// What the folder knows of how far the log came, and how many entries were found; none for a mirror. Some of the entries
    /// may not be shown yet.
    pub knowledge: Option<(Knowledge, u64)>,
    pub read_only: bool,
}

/// A log whose index is up to date. Nothing but the index was written.
struct TakenUp {
    shared: Arc<Shared>,
    recovered: Recovered,
    published: u64,
    unsettled: BTreeMap<EventId, u64>,
}

/// What the writer of a ledger and the writer of a mirror both need.
pub(super) struct Opened {
    pub shared: Arc<Shared>,
    pub signals: Arc<Signals>,
    pub journal: Arc<Mutex<Journal>>,
    pub follower: Follower,
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
        // Published entries of the journal too: what they withhold leaves the disk only after their checkpoint is published.
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
            shared.cosigned().set_published(published);
        }
        let unsettled = withholding::resume(&shared, journalled())?;
        if !options.lacks_words {
            check_tail_words(&shared)?;
        }

        Ok(TakenUp { shared, recovered, published, unsettled })
    }

    /// Brings index and files up to the log, and writes the tiles that are missing.
    pub fn open(self, options: Options, progress: &dyn Fn(u64, u64)) -> Result<Opened, LedgerError> {
        let TakenUp { shared, recovered, published, unsettled } = self.take_up(&options, progress)?;
        let size = shared.recent().size();
        // The last segment ends where the new one begins. A segment of the same name held nothing.
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
        // Before anybody sees the log, all of it is in tiles, or this start fails.
        follower.follow()?;
        journal.lock().unwrap_or_else(PoisonError::into_inner).start_marks(shared.disk())?;
        Ok(Opened { shared, signals, journal, follower })
    }
}
