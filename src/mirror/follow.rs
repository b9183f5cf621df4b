//! One pass after another: a mirror fetches what the ledger has added, verifies it and stores it. Once it has seen one
//! history, it never takes another.
//!
//! An entry is taken only when it is known to stand under a checkpoint that the log signed and that continues the last one.

use std::sync::Arc;

use super::{
    bundle_proof::{blame, is_proved},
    checkpoints::{Seen, seen},
    files::named_by,
    fork::fork_in,
    opening::{Mirror, Refused},
    pass::{MirrorError, Pass},
    removed::{self, Removed},
};
use crate::{
    event::{Body, EventId, EventType, Position},
    ledger::{Copied, Filter, StandsOn},
    log::{
        Cosigned, Fork, Hash, Rows as _, SignedCheckpoint, TILE_ITEMS, Time, consistency_path, root,
        verify_consistency,
    },
    proof_file::Kept,
    verify::{
        Absent, Fault, Options as Checked, Place, TileNodes,
        bundle::{Blobs, Found, Keep, Loaded, Loader},
    },
};

/// Bundles that are fetched and checked while those before are copied.
const WINDOW: u64 = 8;

impl Mirror {
    /// Copies all that the source has under its checkpoint. After each bundle, `go_on(stored, of)` decides whether the pass
    /// goes on. `now` is the time of this machine's clock; words are fetched of entries that are old enough by it.
    ///
    /// # Errors
    /// [`MirrorError`]. What was verified before stays stored.
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
            // Entries that are not cosigned yet are not taken. But the checkpoint is signed, so it must not contradict ours.
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

    /// Refuses a checkpoint that can't be true together with the last one that was verified.
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
            // The source shows an older log. It must be the beginning of ours, which can be told once ours is all stored.
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
        // Tiles that do not lead to the signed roots prove nothing about the log.
        let report = fork.and_then(|fork| serde_json::to_string_pretty(&fork).ok());
        match report.filter(|report| Fork::prove(report.as_bytes()).is_ok()) {
            Some(report) => Err(self.keep_fork(report)),
            None => Err(unreadable(Place::Tree)),
        }
    }

    fn copy_to(
        &mut self,
        checkpoint: &Arc<SignedCheckpoint>,
        now: Time,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<(), MirrorError> {
        let size = checkpoint.checkpoint().size();
        let seen = self.keeps.policy.as_ref().map(|policy| policy.cosigned(checkpoint.note()));
        // Entries are in the order of time, so the last one stands for all that are stored.
        let here = self.copier.frontier().size();
        if let (Some(seen), Some((_, time))) = (&seen, self.copier.last)
            && let Err(e) = seen.allows(time)
        {
            let last = here.saturating_sub(1);
            let entry = self.copier.shared.entry(last).map_err(|e| MirrorError::Disk(e.to_string()))?;
            self.refused = entry.map(|entry| Refused { first: last, entries: vec![entry] });
            return Err(MirrorError::Refused(Fault { place: Place::Entry(last), what: e.to_string() }));
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
        let bundles = size.div_ceil(TILE_ITEMS);
        let window = |from: u64| from..from.saturating_add(WINDOW).min(bundles);
        pool.install(|| {
            let mut next = window(self.copier.frontier().size() / TILE_ITEMS);
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

    /// Proves that a bundle stands under the checkpoint, checks its entries by the rules, and stores them.
    fn take(
        &mut self,
        bundle: Loaded,
        checkpoint: &Arc<SignedCheckpoint>,
        seen: Option<&Cosigned>,
        nodes: &mut TileNodes<'_>,
    ) -> Result<(), MirrorError> {
        let refuse = |place, what: String| Err(MirrorError::Refused(Fault { place, what }));
        let first = bundle.index * TILE_ITEMS;
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

    /// As [`take`](Self::take), for a bundle that is known to stand under the checkpoint.
    fn take_proved(
        &mut self,
        bundle: Loaded,
        checkpoint: &Arc<SignedCheckpoint>,
        seen: Option<&Cosigned>,
    ) -> Result<(), MirrorError> {
        let refuse = |place, what: String| Err(MirrorError::Refused(Fault { place, what }));
        let (first, ends) =
            (bundle.index * TILE_ITEMS, bundle.index * TILE_ITEMS + bundle.items.len() as u64);
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
            if let Some(Err(e)) = seen.map(|seen| seen.allows(entry.header().time)) {
                return refuse(Place::Entry(index), e.to_string());
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

    /// The index of the event `id`, which is stored already or among `copies`.
    fn index_of(&self, copies: &[Copied], id: &EventId) -> Option<u64> {
        let about_to_be = copies.iter().find(|c| c.entry.event().id() == *id);
        let copied = || self.copier.shared.event(id).map(|row| row.index);
        about_to_be.map(|c| c.entry.header().index).or_else(copied)
    }

    /// Reports withholdings that were not reported before, and appends a line for each to `removed.jsonl`. They are read
    /// from the log, so a pass that was cut short leaves none out.
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
            // Words that were released since are stored again.
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
            // If the append fails, the file is read again: its last line may have been cut short.
            self.reported = None;
            removed::append(&path, &pass.removed).map_err(|e| disk(&e))?;
        }
        self.reported = Some(pass.size);
        Ok(())
    }
}
