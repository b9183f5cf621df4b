//! A copy of somebody's ledger that follows it: fetched, verified, kept, and never let go of for another history.
//!
//! Nothing is taken before it is known to stand under a checkpoint that the log signed and that continues the last one.

use std::{
    collections::BTreeSet,
    io::Read as _,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{
    missing_files::{self, Lacking},
    pass::{Keeps, MirrorError, Pass},
    removed::{self, Removed},
    searched::Searched,
    status::Status,
};
use crate::{
    event::{Body, Code, Content, Digest, EventId, EventType, FileRef, Position},
    ledger::{
        Copied, Copier, Filter, Ledger, Options as LedgerOptions, StandsOn, claims::is_closed, folder::Folder,
    },
    log::{
        Checkpoint, Contradiction, Cosigned, Fork, Hash, MAX_CHECKPOINT, MAX_CONTRADICTION, MAX_FORK, Policy,
        Rows as _, SignedCheckpoint, TILE_WIDTH, TileKind, TilePath, Time, consistency_path, inclusion_path,
        root, verify_consistency, verify_inclusion,
    },
    note::VerifyingKey,
    proof_file::{self, Kept},
    verify::{
        Absent, Evidence, Fault, Options as Checked, Place, Source, TileNodes,
        bundle::{Blobs, Found, Keep, Loaded, Loader, WIDTH, word_of, words_tile},
        cosigned, read_whole,
    },
};

/// A mirror: see the module.
pub struct Mirror {
    source: Arc<dyn Source + Send>,
    key: VerifyingKey,
    keeps: Keeps,
    folder: Folder,
    ledger: Ledger,
    copier: Copier,
    pool: Arc<rayon::ThreadPool>,
    /// Entries whose words are asked for again.
    wanted: BTreeSet<u64>,
    lacking: Lacking,
    /// The size up to which it was reported what is withheld.
    reported: Option<u64>,
    /// What was refused in this pass, if it stands under the checkpoint.
    refused: Option<Refused>,
    /// The refused entry for which a contradiction was looked for last.
    searched: Option<Searched>,
    /// The proof that the log signed two histories, where it could not be written.
    forked: Option<String>,
    /// What the source answered in this pass to the last of what it did not give.
    absent: Absent,
    /// Files that it did not give in this pass.
    not_given: BTreeSet<missing_files::Place>,
    status: Arc<Status>,
}

/// Entries that stand under the checkpoint, and of which one was refused.
struct Refused {
    /// Index of the first.
    first: u64,
    entries: Vec<Arc<[u8]>>,
}

impl Refused {
    fn entry(&self, index: u64) -> Option<&Arc<[u8]>> {
        self.entries.get(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }
}

/// Bundles that are fetched and checked while those before are copied.
const WINDOW: u64 = 8;

impl Mirror {
    /// Opens the mirror in a folder, or makes it: then the source must give a checkpoint that the key signed.
    ///
    /// # Errors
    /// [`MirrorError`]
    pub fn open(
        source: Arc<dyn Source + Send>,
        key: VerifyingKey,
        dir: &Path,
        keeps: Keeps,
        options: LedgerOptions,
    ) -> Result<Self, MirrorError> {
        let folder = Folder::new(dir);
        let begun = folder.heading().exists() || folder.checkpoint().exists();
        let heading =
            if begun { None } else { Some(seen(&*source, &key, keeps.policy.as_ref(), None)?.taken()) };
        let options = LedgerOptions {
            lacks_words: true,
            max_file: keeps.files.unwrap_or(0),
            // What is brought is named by the log.
            upload_quota: u64::MAX >> 8,
            ..options
        };
        let status = Arc::new(Status::new(source.describe()));
        if fork_in(&folder, &key).is_some() {
            status.forked();
        }
        let (ledger, mut copier) =
            Ledger::open_mirror(dir, &source.describe(), heading.clone(), &key, options)?;
        if let Some(heading) = heading {
            copier.head_for(&heading)?;
        }
        status.shows(ledger.reader().checkpoint().checkpoint().size());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = if source.is_far() { cores.max(8) } else { cores };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = Arc::new(pool.map_err(|e| MirrorError::Disk(format!("no threads to work with: {e}")))?);
        let mut this = Self {
            source,
            key,
            keeps,
            folder,
            ledger,
            copier,
            pool,
            wanted: BTreeSet::new(),
            lacking: Lacking::default(),
            reported: None,
            refused: None,
            searched: None,
            forked: None,
            absent: Absent::default(),
            not_given: BTreeSet::new(),
            status,
        };
        this.searched = std::fs::read(this.folder.searched()).ok().and_then(|bytes| Searched::read(&bytes));
        this.read_wanted()?;
        this.read_lacking()?;
        Ok(this)
    }

    /// What was copied.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How it stands, for those who serve it.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// How many entries were verified and are here. Not more than that are shown, and fewer while it is on its way.
    pub fn size(&self) -> u64 {
        self.copier.frontier().size()
    }

    /// Whether there is a whole copy to be shown: all that its checkpoint covers. More may be here, on the way to a later one.
    pub fn is_whole(&self) -> bool {
        let reader = self.ledger.reader();
        reader.checkpoint().checkpoint().size() <= self.copier.frontier().size()
    }

    /// Follows the source to its checkpoint, as long as `go_on` says so, which is told how many entries are here, and of how
    /// many. `now` is the time of the mirror's clock, by which words are old enough.
    ///
    /// # Errors
    /// [`MirrorError`]; what was verified stays.
    pub fn pass(
        &mut self,
        now: Time,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<Pass, MirrorError> {
        let done = self.try_pass(now, go_on).map_err(|e| match e {
            MirrorError::Refused(fault) => self.prove(fault, go_on),
            e => e,
        });
        match &done {
            Ok(pass) => self.status.followed(pass, now),
            Err(MirrorError::Forked(_)) => self.status.forked(),
            Err(MirrorError::Stopped) => {}
            Err(e) => self.status.failed(e),
        }
        done
    }

    /// Keeps the proof, where an entry was refused that proves by itself or beside another that the log lied.
    fn prove(&mut self, mut fault: Fault, go_on: &(dyn Fn(u64, u64) -> bool + Sync)) -> MirrorError {
        if let Place::Entry(at) = fault.place
            && let Some(refused) = self.refused.take()
        {
            match self.search(at, &refused, go_on) {
                Ok(Some(kept)) => fault.what += &format!("; {kept}"),
                Ok(None) => {}
                Err(e) => return e,
            }
        }
        MirrorError::Refused(fault)
    }

    /// Where the proof is kept that an entry which was refused contradicts itself, a witness, or an entry before it. What
    /// was looked for once is not looked for again, also after a start.
    fn search(
        &mut self,
        at: u64,
        refused: &Refused,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<Option<Kept>, MirrorError> {
        let path = self.folder.contradiction();
        let Some(raw) = refused.entry(at) else { return Ok(None) };
        let before = self.searched.as_ref().filter(|searched| searched.is_of(at, raw)).map(|s| s.found);
        // What is there from before may be of another entry.
        let is_of_it = |bytes: &[u8]| {
            let proved = Contradiction::prove(bytes);
            proved.is_ok_and(|proved| proved.log == self.key && proved.entries.contains(&at))
        };
        if let Some(found) = proof_file::find(&path, MAX_CONTRADICTION, is_of_it) {
            return Ok(Some(Kept::At(found)));
        }
        let (heading, policy) = (self.copier.heading.clone(), self.keeps.policy.as_ref());
        let Some(evidence) = Evidence::of(&*self.source, &self.key, &heading, at, raw) else {
            return Ok(None);
        };
        // A later checkpoint may have been cosigned by others.
        let Ok(mut found) = evidence.alone(policy) else { return Ok(None) };
        if found.is_none() {
            if before == Some(false) {
                return Ok(None);
            }
            tracing::info!(entry = at, "looking for an entry that the refused one contradicts");
            let here = self.copier.frontier().size();
            for index in self.contradicted(at, refused, &evidence)? {
                if !go_on(here, heading.checkpoint().size()) {
                    return Err(MirrorError::Stopped);
                }
                let failed = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("entry {index}: {e}"));
                let other = match refused.entry(index) {
                    Some(raw) => Some(raw.clone()),
                    None => self.copier.shared.entry(index).map_err(|e| failed(&e))?,
                };
                let Some(other) = other else { continue };
                // Without the tiles that prove both it is no proof; the next pass looks again.
                let Ok(beside) = evidence.beside(index, &other) else { return Ok(None) };
                if beside.is_some() {
                    found = beside;
                    break;
                }
            }
        }
        // Before the proof: if that is not there afterwards, it is looked for again.
        let searched = Searched::of(at, raw, found.is_some());
        let kept = serde_json::to_vec(&searched).map(|text| self.copier.keep(&self.folder.searched(), &text));
        if let Ok(Err(error)) = kept {
            // What was found is no less true.
            tracing::warn!(%error, "the search for a contradiction will be made again");
        }
        self.searched = Some(searched);
        let report = found.as_ref().and_then(|found| serde_json::to_vec_pretty(found).ok());
        Ok(report.map(|report| proof_file::keep(&path, &report, |name| self.copier.keep(name, &report))))
    }

    /// The entries that one which was refused can contradict. All of them are here, or came with it.
    fn contradicted(
        &self,
        at: u64,
        refused: &Refused,
        evidence: &Evidence<'_>,
    ) -> Result<Vec<u64>, MirrorError> {
        let shared = &self.copier.shared;
        let places = evidence.suspect().places(&**shared);
        // Of those that came with it the rows do not tell.
        let mut entries: Vec<u64> = (self.copier.frontier().size().max(refused.first)..at).rev().collect();
        entries.extend(places.entries);
        for (thread, from) in places.ends {
            let last = shared.last_of_thread(&thread).map_err(|e| MirrorError::Disk(e.to_string()))?;
            entries.extend(last.filter(|index| *index >= from));
        }
        Ok(entries)
    }

    fn try_pass(
        &mut self,
        now: Time,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<Pass, MirrorError> {
        (self.refused, self.absent) = (None, Absent::default());
        self.not_given.clear();
        if let Some(proof) = self.forked.take() {
            return Err(self.keep_fork(proof));
        }
        if let Some(path) = fork_in(&self.folder, &self.key) {
            return Err(MirrorError::Forked(Kept::At(path)));
        }
        let policy = self.keeps.policy.as_ref();
        let Seen { latest, cosigned } = seen(&*self.source, &self.key, policy, Some(&self.copier.heading))?;
        self.status.origin(latest.checkpoint().size());
        let mut pass = Pass { from: self.copier.frontier().size(), ..Pass::default() };
        let checkpoint = cosigned.as_ref().unwrap_or(&latest);
        let size = checkpoint.checkpoint().size();
        self.must_continue(checkpoint)?;
        let goes_on = size >= self.copier.heading.checkpoint().size();
        if goes_on && self.copier.heading.note() != checkpoint.note() {
            self.copier.head_for(checkpoint)?;
        }
        if cosigned.is_some() {
            // What is not cosigned yet is not taken, but it is the log's word.
            self.must_continue(&latest)?;
        }
        pass.waiting = latest.checkpoint().size().saturating_sub(checkpoint.checkpoint().size());
        if goes_on {
            self.copy_to(&Arc::new(cosigned.unwrap_or(latest)), now, go_on)?;
        } else if !self.is_whole() {
            let (here, of) = (self.copier.frontier().size(), self.copier.heading.checkpoint().size());
            return Err(MirrorError::Unreachable(format!(
                "the ledger shows {size} entries, fewer than it did; {here} of {of} are here, on the way to the checkpoint \
                 that it showed before"
            )));
        }
        self.ask_again(now, &mut pass)?;
        self.ask_files()?;
        pass.files_wanting = self.lacking.len();
        pass.files_missing = self.not_given.iter().filter(|place| self.lacking.has(place)).count() as u64;
        pass.answer = self.absent.status.filter(|_| pass.wanting > 0 || pass.files_wanting > 0);
        pass.size = self.ledger.reader().checkpoint().checkpoint().size();
        self.report_removed(&mut pass)?;
        Ok(pass)
    }

    /// Whether a checkpoint and the last one that was verified can both be true.
    fn must_continue(&mut self, new: &SignedCheckpoint) -> Result<(), MirrorError> {
        let last = &self.copier.heading;
        let (old, size) = (last.checkpoint().size(), new.checkpoint().size());
        let unreadable = |place| {
            let what = "the tiles do not lead to the root of the checkpoint".to_owned();
            MirrorError::Refused(Fault { place, what })
        };
        let fork = if size >= old {
            let nodes = TileNodes::new(&*self.source, size);
            let path = consistency_path(old, size, &nodes).map_err(|_| unreadable(Place::Tree))?;
            let continues =
                verify_consistency(old, &last.checkpoint().root(), size, &new.checkpoint().root(), &path);
            if continues.is_ok() {
                return Ok(());
            }
            Fork::find(&self.key, last, new, &nodes).map_err(|_| unreadable(Place::Tree))?
        } else {
            // The source shows an older log. What it shows must be how ours begins, as far as ours is here.
            if self.copier.frontier().size() < old {
                return Ok(());
            }
            let ours = &**self.ledger.reader().read(StandsOn::Everything);
            let begins = root(size, ours).map_err(|e| MirrorError::Disk(e.to_string()))?;
            if begins == new.checkpoint().root() {
                return Ok(());
            }
            Fork::find(&self.key, new, last, ours).map_err(|e| MirrorError::Disk(e.to_string()))?
        };
        // Tiles that do not lead to the signed roots prove nothing of the log.
        let report = fork.and_then(|fork| serde_json::to_string_pretty(&fork).ok());
        match report.filter(|report| Fork::prove(report.as_bytes()).is_ok()) {
            Some(report) => Err(self.keep_fork(report)),
            None => Err(unreadable(Place::Tree)),
        }
    }

    /// Keeps the proof that the log signed two histories. Where it can't be written, a later pass tries again, and follows
    /// no more all the same.
    fn keep_fork(&mut self, proof: String) -> MirrorError {
        let write = |name: &Path| self.copier.keep(name, proof.as_bytes());
        let kept = proof_file::keep(&self.folder.fork(), proof.as_bytes(), write);
        if let Kept::Nowhere { .. } = &kept {
            self.forked = Some(proof);
        }
        MirrorError::Forked(kept)
    }

    /// The time up to which entries are old enough for their words to be fetched.
    fn old_enough(&self, now: Time) -> Time {
        let hold = i64::try_from(self.keeps.hold.as_millis()).unwrap_or(i64::MAX);
        Time::from_unix_ms(now.unix_ms().saturating_sub(hold)).unwrap_or(now)
    }

    fn copy_to(
        &mut self,
        checkpoint: &Arc<SignedCheckpoint>,
        now: Time,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<(), MirrorError> {
        let size = checkpoint.checkpoint().size();
        let seen = self.keeps.policy.as_ref().map(|policy| policy.cosigned(checkpoint.note()));
        // The last that is here is the latest of them.
        let here = self.copier.frontier().size();
        if let (Some(seen), Some((_, time))) = (&seen, self.copier.last)
            && let Err(what) = seen.allows(time)
        {
            let last = here.saturating_sub(1);
            let entry = self.copier.shared.entry(last).map_err(|e| MirrorError::Disk(e.to_string()))?;
            self.refused = entry.map(|entry| Refused { first: last, entries: vec![entry] });
            return Err(MirrorError::Refused(Fault { place: Place::Entry(last), what }));
        }
        if size == here {
            return Ok(self.copier.show(checkpoint)?);
        }
        let (source, pool) = (self.source.clone(), self.pool.clone());
        let options = Checked { words: self.keeps.words, files: false, ..Checked::default() };
        let origin = checkpoint.checkpoint().origin();
        let keep = Keep::UpTo(self.old_enough(now));
        let loader = Loader { source: &*source, options: &options, origin, size, keep };
        let mut nodes = TileNodes::new(&*source, size);
        let bundles = size.div_ceil(WIDTH);
        let window = |from: u64| from..from.saturating_add(WINDOW).min(bundles);
        pool.install(|| {
            let mut next = window(self.copier.frontier().size() / WIDTH);
            let mut loaded = loader.load_all(next.clone());
            while !next.is_empty() {
                let after = window(next.end);
                let (taken, ahead) = rayon::join(
                    || {
                        loaded.into_iter().zip(next.clone()).try_for_each(|(bundle, index)| {
                            let bundle = match bundle? {
                                Some(bundle) => bundle,
                                None => loader.load(index)?,
                            };
                            self.take(bundle, checkpoint, seen.as_ref(), &mut nodes)?;
                            let here = self.copier.frontier().size();
                            if go_on(here, size) { Ok(()) } else { Err(MirrorError::Stopped) }
                        })
                    },
                    || loader.load_all(after.clone()),
                );
                taken?;
                (next, loaded) = (after, ahead);
            }
            Ok(())
        })
    }

    /// Proves a bundle, checks what it says by the rules, and keeps it.
    fn take(
        &mut self,
        bundle: Loaded,
        checkpoint: &Arc<SignedCheckpoint>,
        seen: Option<&Cosigned>,
        nodes: &mut TileNodes<'_>,
    ) -> Result<(), MirrorError> {
        let refuse = |place, what: String| Err(MirrorError::Refused(Fault { place, what }));
        let first = bundle.index * WIDTH;
        if let Some((at, what)) = bundle.broken {
            return refuse(Place::Entry(first + at as u64), what);
        }
        let leaves: Vec<Hash> = bundle.items.iter().map(|(leaf, _)| *leaf).collect();
        if !is_proved(nodes, first, &leaves, checkpoint.checkpoint()) {
            return Err(MirrorError::Refused(blame(
                nodes,
                first,
                &leaves,
                bundle.leaves,
                checkpoint.checkpoint(),
            )));
        }
        let entries = bundle.raw.clone();
        let taken = self.take_proved(bundle, checkpoint, seen);
        if taken.is_err() {
            self.refused = Some(Refused { first, entries });
        }
        taken
    }

    /// As [`take`](Self::take), of a bundle that stands under the checkpoint.
    fn take_proved(
        &mut self,
        bundle: Loaded,
        checkpoint: &Arc<SignedCheckpoint>,
        seen: Option<&Cosigned>,
    ) -> Result<(), MirrorError> {
        let refuse = |place, what: String| Err(MirrorError::Refused(Fault { place, what }));
        let (first, ends) = (bundle.index * WIDTH, bundle.index * WIDTH + bundle.items.len() as u64);
        if let Some(fault) = bundle.words_fault {
            return Err(MirrorError::Refused(fault));
        }
        let here = self.copier.frontier().size();
        let before = self.wanted.len();
        let mut copies = Vec::with_capacity(bundle.items.len());
        let mut files = Vec::new();
        let mut withheld = Vec::new();
        let mut blobs = bundle.blobs.into_iter();
        for ((index, (leaf, entry)), raw) in (first..).zip(bundle.items).zip(bundle.raw) {
            let Blobs { words: found, kept, .. } = blobs.next().unwrap_or_default();
            if index < here {
                continue;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => return refuse(Place::Entry(index), e.to_string()),
            };
            if let Found::Wrong(what) = found {
                return refuse(Place::Words(index), what);
            }
            if let Some(Err(what)) = seen.map(|seen| seen.allows(entry.header().time)) {
                return refuse(Place::Entry(index), what);
            }
            if self.keeps.words && entry.event().content().is_some() && kept.is_none() {
                self.wanted.insert(index);
            }
            match entry.event().body() {
                Body::ContentWithheld(body) => {
                    let of = self.index_of(&copies, &body.entry);
                    withheld
                        .extend(of.into_iter().flat_map(|of| body.blobs.iter().map(move |blob| (of, *blob))));
                }
                Body::ContentReleased(body) if self.keeps.words => {
                    self.wanted.extend(self.index_of(&copies, &body.entry));
                }
                _ => {}
            }
            files.extend(kept.iter().flat_map(|words| named_by(index, words)));
            copies.push(Copied { raw, entry, leaf, words: kept });
        }
        self.fetch_files(files)?;
        for (index, blob) in withheld {
            match blob {
                Position::Content => self.lacking.remove_all(index),
                Position::File(position) => self.lacking.remove((index, position)),
            }
        }
        if self.wanted.len() != before {
            self.write_wanted()?;
        }
        self.write_lacking()?;
        let is_last = ends == checkpoint.checkpoint().size();
        Ok(self.copier.copy(copies, is_last.then(|| checkpoint.clone()))?)
    }

    /// Where an event stands that was copied, or is about to be.
    fn index_of(&self, copies: &[Copied], id: &EventId) -> Option<u64> {
        let about_to_be = copies.iter().find(|c| c.entry.event().id() == *id);
        let copied = || self.copier.shared.event(id).map(|row| row.index);
        about_to_be.map(|c| c.entry.header().index).or_else(copied)
    }

    /// Says what the log withholds of what is here now and was not told of before, and keeps a line of each in
    /// `removed.jsonl`. By the log itself, so that nothing is left out whenever it ends.
    fn report_removed(&mut self, pass: &mut Pass) -> Result<(), MirrorError> {
        let path = self.folder.removed();
        let disk = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("{}: {e}", path.display()));
        let from = match self.reported {
            Some(size) => size,
            None => removed::last(&path).map_err(|e| disk(&e))?.map_or(0, |by| by + 1),
        };
        if from >= pass.size {
            return Ok(());
        }
        let reader = self.ledger.reader();
        let filter = Filter { types: vec![EventType::ContentWithheld], ..Filter::default() };
        let all = reader.list(&filter, from..=pass.size - 1, false, usize::MAX).map_err(|e| disk(&e))?;
        for by in all {
            let Some(entry) = reader.parsed(by).map_err(|e| disk(&e))? else { continue };
            let Body::ContentWithheld(body) = entry.event().body() else { continue };
            let Some(row) = self.copier.shared.event(&body.entry) else { continue };
            // What was given back since is here again.
            let fate = self.copier.shared.fate(&body.entry);
            let blobs = body.blobs.iter().filter(|blob| fate.withheld_by(**blob).is_some());
            let removed = Removed {
                entry: row.index,
                blobs: blobs.map(Position::to_string).collect(),
                by,
                signed_by: entry.event().by().first().map(|key| key.name().to_string()).unwrap_or_default(),
                ground: body.ground.as_str().to_owned(),
                recorded: entry.header().time.to_string(),
            };
            if !removed.blobs.is_empty() {
                let (entry, ground) = (removed.entry, &removed.ground);
                tracing::info!(entry, by, ground, "withheld by the origin, removed here");
                pass.removed.push(removed);
            }
        }
        if !pass.removed.is_empty() {
            // After a fault it is read again: a line of it may have been cut short.
            self.reported = None;
            removed::append(&path, &pass.removed).map_err(|e| disk(&e))?;
        }
        self.reported = Some(pass.size);
        Ok(())
    }

    /// Fetches files that are not here, at most so large.
    fn fetch_files(&mut self, files: Vec<Named>) -> Result<(), MirrorError> {
        let fetch = |named: Named| Ok((self.fetch_file(&named.file)?, named));
        let fetched = files.into_par_iter().map(fetch).collect::<Result<Vec<_>, MirrorError>>()?;
        for (fetched, Named { place, .. }) in fetched {
            if let Fetched::NotThere(absent) = fetched {
                self.absent = absent.or(self.absent);
                self.not_given.insert(place);
            }
            if fetched != Fetched::Here {
                self.lacking.put(place, fetched != Fetched::TooLarge);
            }
        }
        Ok(())
    }

    /// Asks again for files that could not be had, or that another limit kept out before.
    fn ask_files(&mut self) -> Result<(), MirrorError> {
        let shared = self.copier.shared.clone();
        for place in self.lacking.next() {
            let (index, position) = place;
            let failed = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("entry {index}: {e}"));
            let Some(raw) = shared.entry(index).map_err(|e| failed(&e))? else {
                // Its entry was about to be copied.
                self.lacking.ask(place);
                continue;
            };
            let entry = shared.parse(index, &raw).map_err(|e| failed(&e))?;
            let event = entry.event();
            if is_closed(&shared.fate(&event.id()), position) {
                self.lacking.remove(place);
                continue;
            }
            let words = shared.stored_words(index).map_err(|e| failed(&e))?;
            // Without words, whoever brings them names their files.
            let Some(words) = words.filter(|words| event.content().is_some_and(|c| c.matches(words))) else {
                continue;
            };
            let Some(named) = named_by(index, &words).into_iter().find(|named| named.place == place) else {
                continue;
            };
            match self.fetch_file(&named.file)? {
                Fetched::Here => {
                    self.copier.give(index, &event.id(), words)?;
                    self.lacking.remove(place);
                }
                Fetched::NotThere(absent) => {
                    self.absent = absent.or(self.absent);
                    self.not_given.insert(place);
                    self.lacking.ask(place);
                }
                Fetched::TooLarge => {}
            }
        }
        self.write_lacking()
    }

    /// Fetches a file, unless it is here.
    fn fetch_file(&self, file: &FileRef) -> Result<Fetched, MirrorError> {
        if self.folder.file(&file.blake3).exists() || self.folder.upload(&file.blake3).exists() {
            return Ok(Fetched::Here);
        }
        if self.keeps.files.is_none_or(|most| file.size > most) {
            return Ok(Fetched::TooLarge);
        }
        let path = format!("file/{}", file.blake3);
        let reader = match self.source.look(&path)? {
            Ok(reader) => reader,
            Err(absent) => return Ok(Fetched::NotThere(absent)),
        };
        let disk = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("{path}: {e}"));
        let mut upload = self
            .copier
            .shared
            .uploads()
            .begin(file.blake3, IpAddr::V4(Ipv4Addr::LOCALHOST))
            .map_err(|refusal| disk(&refusal.message))?;
        let (mut reader, mut sha256, mut size) = (reader.take(file.size + 1), Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(MirrorError::Unreachable(format!("{path}: {e}"))),
            };
            size += n as u64;
            sha256.update(&buffer[..n]);
            upload.write(&buffer[..n]).map_err(|refusal| disk(&refusal.message))?;
        }
        let wrong = |what: String| MirrorError::Refused(Fault { place: Place::Path(path.clone()), what });
        if size != file.size || Digest(sha256.finalize().into()) != file.sha256 {
            return Err(wrong(format!(
                "expected {} bytes of SHA-256 {}, found others",
                file.size, file.sha256
            )));
        }
        match upload.finish() {
            Ok(()) => Ok(Fetched::Here),
            Err(refusal) if refusal.code == Code::FileDigest => Err(wrong(refusal.message)),
            Err(refusal) => Err(disk(&refusal.message)),
        }
    }

    /// Asks again for words that were too young, missing or withheld.
    fn ask_again(&mut self, now: Time, pass: &mut Pass) -> Result<(), MirrorError> {
        let old_enough = self.old_enough(now);
        let (shared, size) =
            (self.copier.shared.clone(), self.ledger.reader().checkpoint().checkpoint().size());
        let mut tile: Option<(u64, Option<Vec<u8>>)> = None;
        let (mut done, mut given, mut without) = (Vec::new(), 0, 0);
        for index in self.wanted.range(..size).copied().collect::<Vec<_>>() {
            let failed = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("entry {index}: {e}"));
            let Some(raw) = shared.entry(index).map_err(|e| failed(&e))? else { continue };
            let entry = shared.parse(index, &raw).map_err(|e| failed(&e))?;
            let event = entry.event();
            let committed = event.content().copied();
            let withheld = shared.fate(&event.id()).withheld_by(Position::Content).is_some();
            let Some(committed) = committed.filter(|_| !withheld) else {
                without += 1;
                done.push(index);
                continue;
            };
            // In the order of the log, so all that follow are younger.
            if entry.header().time > old_enough {
                break;
            }
            let here = shared.stored_words(index).map_err(|e| failed(&e))?.filter(|w| committed.matches(w));
            if here.is_some() && shared.recent().pending.contains_key(&index) {
                // On its way to the disk.
                given += 1;
                continue;
            }
            let bundle = index / WIDTH;
            if here.is_none() && tile.as_ref().is_none_or(|(known, _)| *known != bundle) {
                let found = words_tile(&*self.source, bundle, size)?;
                self.absent = found.as_ref().err().copied().unwrap_or_default().or(self.absent);
                tile = Some((bundle, found.ok()));
            }
            let words = here.clone().or_else(|| {
                let bytes = tile.as_ref().and_then(|(_, bytes)| bytes.as_deref())?;
                let words = word_of(bytes, index % WIDTH)?;
                committed.matches(words).then(|| Arc::from(words))
            });
            let Some(words) = words else {
                pass.missing += 1;
                continue;
            };
            self.fetch_files(named_by(index, &words))?;
            self.copier.give(index, &event.id(), words)?;
            given += 1;
            if here.is_some() {
                done.push(index);
            }
        }
        // What was given stays in the list until it was seen on the disk.
        pass.wanting = self.wanted.len() as u64 - given - without;
        if !done.is_empty() {
            for index in done {
                self.wanted.remove(&index);
            }
            self.write_wanted()?;
        }
        Ok(())
    }

    fn write_lacking(&mut self) -> Result<(), MirrorError> {
        let Some(text) = self.lacking.changed() else { return Ok(()) };
        Ok(self.copier.keep(&self.folder.lacking(), text.as_bytes())?)
    }

    /// The files that are lacking, as they were written.
    fn read_lacking(&mut self) -> Result<(), MirrorError> {
        let path = self.folder.lacking();
        let disk = |what: &dyn std::fmt::Display| MirrorError::Disk(format!("{}: {what}", path.display()));
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let expected = "expected an index and a position a line";
                self.lacking = Lacking::read(&text).ok_or_else(|| disk(&expected))?;
                Ok(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(disk(&e)),
        }
    }

    fn write_wanted(&self) -> Result<(), MirrorError> {
        let text: String = self.wanted.iter().map(|index| format!("{index}\n")).collect();
        Ok(self.copier.keep(&self.folder.wanted(), text.as_bytes())?)
    }

    /// What is asked for again, as it was written; found anew if words were not kept before.
    fn read_wanted(&mut self) -> Result<(), MirrorError> {
        let path = self.folder.wanted();
        if !self.keeps.words {
            // Whoever keeps words later looks at all.
            return match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(MirrorError::Disk(format!("{}: {e}", path.display())))
                }
                _ => Ok(()),
            };
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let broken = || MirrorError::Disk(format!("{}: expected an index a line", path.display()));
                let indexes = text.lines().map(|line| line.parse().map_err(|_| broken()));
                self.wanted = indexes.collect::<Result<_, _>>()?;
                Ok(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let size = self.copier.frontier().size();
                for from in (0..size).step_by(WIDTH as usize) {
                    let absent = &mut self.wanted;
                    let each =
                        self.copier.shared.each_stored(from..size.min(from + WIDTH), |index, _, words| {
                            if words.is_none() {
                                absent.insert(index);
                            }
                            Ok(())
                        });
                    each.map_err(|e| MirrorError::Disk(e.to_string()))?;
                }
                self.write_wanted()
            }
            Err(e) => Err(MirrorError::Disk(format!("{}: {e}", path.display()))),
        }
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("of", &self.source.describe()).finish_non_exhaustive()
    }
}

/// The proof in a mirror's folder that the log with this key signed two histories. What else lies there under its name
/// proves nothing, and accuses nobody.
fn fork_in(folder: &Folder, log: &VerifyingKey) -> Option<std::path::PathBuf> {
    let is_one = |bytes: &[u8]| Fork::prove(bytes).is_ok_and(|proved| proved.log == *log);
    proof_file::find(&folder.fork(), MAX_FORK, is_one)
}

/// The checkpoints that a source shows.
struct Seen {
    /// The latest, signed by the log.
    latest: SignedCheckpoint,
    /// An earlier one that is cosigned as the policy asks, where the latest is not.
    cosigned: Option<SignedCheckpoint>,
}

impl Seen {
    /// The one that is copied up to.
    fn taken(self) -> SignedCheckpoint {
        self.cosigned.unwrap_or(self.latest)
    }
}

/// The source's checkpoint, and one that is cosigned as the policy asks: that which was headed for before, if no later one
/// is cosigned yet.
fn seen(
    source: &dyn Source,
    key: &VerifyingKey,
    policy: Option<&Policy>,
    heading: Option<&SignedCheckpoint>,
) -> Result<Seen, MirrorError> {
    let refused = |what: String| MirrorError::Refused(Fault { place: Place::Checkpoint, what });
    let bytes = match source.look("checkpoint")? {
        Ok(reader) => read_whole("checkpoint", reader, MAX_CHECKPOINT)?,
        Err(absent) => {
            let of = source.describe();
            return Err(MirrorError::Unreachable(format!("{of}: there is no checkpoint{absent}")));
        }
    };
    let latest = Checkpoint::open(&bytes, key).map_err(|e| refused(e.to_string()))?;
    let Some((policy, why)) =
        policy.and_then(|policy| Some((policy, policy.cosigned(latest.note()).quorum().err()?)))
    else {
        return Ok(Seen { latest, cosigned: None });
    };
    let earlier = cosigned(source, key, policy)?.ok_or_else(|| refused(why))?;
    let size = |signed: &SignedCheckpoint| signed.checkpoint().size();
    let stays = |heading: &&SignedCheckpoint| {
        size(heading) > size(&earlier) && policy.cosigned(heading.note()).quorum().is_ok()
    };
    let cosigned = heading.filter(stays).cloned().unwrap_or(earlier);
    Ok(Seen { latest, cosigned: Some(cosigned) })
}

/// Whether these leaves of a bundle stand under the root. The path from the first passes all others of its tile.
fn is_proved(nodes: &TileNodes<'_>, first: u64, leaves: &[Hash], checkpoint: &Checkpoint) -> bool {
    let (size, root) = (checkpoint.size(), checkpoint.root());
    let Ok(width) = u16::try_from(leaves.len()) else { return false };
    let Ok(path) = TilePath::new(TileKind::Hashes { level: 0 }, first / WIDTH, width) else { return false };
    if first + leaves.len() as u64 != size.min(first + u64::from(TILE_WIDTH)) {
        return false;
    }
    nodes.know(path, leaves.to_vec());
    leaves.first().is_some_and(|leaf| {
        inclusion_path(first, size, nodes)
            .is_ok_and(|path| verify_inclusion(leaf, first, size, &root, &path).is_ok())
    })
}

/// Which entry of a bundle is not the one under the root, as far as the source's own tile tells.
fn blame(
    nodes: &TileNodes<'_>,
    first: u64,
    found: &[Hash],
    said: Result<Vec<Hash>, Fault>,
    checkpoint: &Checkpoint,
) -> Fault {
    let said = match said {
        Ok(said) => said,
        Err(fault) => return fault,
    };
    let differs = found.iter().zip(&said).position(|(found, said)| found != said);
    if !is_proved(nodes, first, &said, checkpoint) {
        let what = "the tiles do not lead to the root of the checkpoint".to_owned();
        return Fault { place: differs.map_or(Place::Tree, |at| Place::Entry(first + at as u64)), what };
    }
    let at = differs.unwrap_or(0);
    let (said, found) = (said[at].to_hex(), found[at].to_hex());
    let what = format!("leaf hash: found {found}, expected {said}, which is under the signed root");
    Fault { place: Place::Entry(first + at as u64), what }
}

/// What came of fetching a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetched {
    Here,
    TooLarge,
    NotThere(Absent),
}

/// A file that the words of an entry name.
struct Named {
    place: missing_files::Place,
    file: FileRef,
}

/// The files that the words of an entry name.
fn named_by(index: u64, words: &[u8]) -> Vec<Named> {
    let files = (0u32..).zip(Content::files_named(words));
    files.map(|(position, file)| Named { place: (index, position), file }).collect()
}
