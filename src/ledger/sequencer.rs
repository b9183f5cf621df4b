//! The one who numbers: decides each event at its own index, commits batches, acknowledges.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{
    admission::Admitted,
    batch::{Restored, Shown, words_changed},
    claims::{listed, listed_files},
    clock::Clock,
    content_checks,
    layered::Layered,
    queue::{Group, Taker},
    shared::Shared,
    signals::Signals,
    stored::StoredWords,
    submission::{Receipt, held_back, read_only, unavailable},
    withholding::{check_files, files_given_back},
};
use crate::{
    event::{Body, Code, Content, Digest, EventId, Position, Refusal},
    log::{Checkpoint, Door, Header, MAX_ENTRY, MemoryRows, Rows, SignedCheckpoint, decide, leaf_hash},
    note::SigningKey,
    store::{
        head::HeadRecord,
        index::{Listed, ListedFile},
        journal::{self, Journal, Record},
    },
};

/// What `content.released` gives back.
#[derive(Default)]
struct GivenBack {
    words: Option<Restored>,
    files: Vec<ListedFile>,
}

pub(crate) struct Sequencer {
    pub shared: Arc<Shared>,
    pub signals: Arc<Signals>,
    pub journal: Arc<Mutex<Journal>>,
    pub signed: HeadRecord,
    pub key: SigningKey,
    pub clock: Clock,
    pub last_hash: Digest,
    pub max_backlog: u64,
    pub groups: Taker,
}

/// What became of one submission.
enum Outcome {
    New(u64),
    Existing(u64),
    Refused(Refusal),
}

/// A batch being put together.
struct Batch {
    base: u64,
    time: crate::log::Time,
    last_hash: Digest,
    rows: MemoryRows,
    records: Vec<Record>,
    listed: Vec<Listed>,
    /// Words withheld or given back: the entry, and the words if given back.
    words: Vec<(u64, Option<Arc<[u8]>>)>,
}

/// What a group adds to a batch, unless it is undone.
#[derive(Default)]
struct Addition {
    rows: MemoryRows,
    records: Vec<Record>,
    listed: Vec<Listed>,
    words: Vec<(u64, Option<Arc<[u8]>>)>,
    last_hash: Option<Digest>,
}

impl Sequencer {
    /// Runs until all handles are gone or the ledger is closed.
    pub fn run(mut self) {
        while let Some(groups) = self.groups.take() {
            self.commit(groups);
        }
        tracing::debug!("the sequencer ends");
    }

    fn commit(&mut self, groups: Vec<Group>) {
        // Not within the call: whoever publishes writes there.
        let committed = self.shared.recent().extent();
        self.signals.wait_for_follower(committed, self.max_backlog);
        if let Some(why) = self.signals.fault() {
            return refuse_all(groups, &read_only(&why));
        }
        let time = match self.clock.tick() {
            Ok(time) => time,
            Err(why) => {
                self.signals.stop(why.clone());
                return refuse_all(groups, &read_only(&why));
            }
        };
        let base = self.shared.recent().size();
        let events = groups.iter().map(|group| group.admitted.len()).sum();
        let mut batch = Batch {
            base,
            time,
            last_hash: self.last_hash,
            // Its own row, and that of its thread.
            rows: MemoryRows::with_room(2 * events),
            records: Vec::with_capacity(events),
            listed: Vec::with_capacity(events),
            words: Vec::new(),
        };
        let mut decided = Vec::with_capacity(groups.len());
        for mut group in groups {
            let outcomes = self.decide_group(&mut batch, &mut group);
            decided.push((group, outcomes));
        }
        let checkpoint = if batch.records.is_empty() {
            self.shared.recent().checkpoint.clone()
        } else {
            match self.make_durable(&mut batch) {
                Ok(checkpoint) => checkpoint,
                Err(why) => {
                    self.signals.stop_because("a batch could not be made durable", &why);
                    for (group, _) in decided {
                        group.answer(|_, _| Err(unavailable()));
                    }
                    return;
                }
            }
        };
        for (group, outcomes) in decided {
            group.answer(|i, admitted| match outcomes.get(i) {
                Some(outcome) => self.answer(outcome, admitted.event.id(), &checkpoint),
                None => Err(unavailable()),
            });
        }
        self.signals.wake();
    }

    fn answer(
        &self,
        outcome: &Outcome,
        id: EventId,
        checkpoint: &Arc<SignedCheckpoint>,
    ) -> Result<Receipt, Refusal> {
        let (index, already) = match outcome {
            Outcome::New(index) => (*index, false),
            Outcome::Existing(index) => (*index, true),
            Outcome::Refused(refusal) => return Err(refusal.clone()),
        };
        match self.shared.entry(index) {
            Ok(Some(entry)) => Ok(Receipt { index, id, entry, checkpoint: checkpoint.clone(), already }),
            Ok(None) => Err(unavailable()),
            Err(e) => {
                tracing::error!(index, error = %e, "an entry on record could not be read");
                Err(unavailable())
            }
        }
    }

    fn decide_group(&self, batch: &mut Batch, group: &mut Group) -> Vec<Outcome> {
        let mut add = Addition::default();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(group.admitted.len());
        for admitted in &mut group.admitted {
            outcomes.push(self.decide_one(batch, &mut add, admitted));
        }
        let refused = outcomes.iter().position(|o| matches!(o, Outcome::Refused(_)));
        if let (true, Some(first)) = (group.atomic, refused) {
            for outcome in &mut outcomes {
                if matches!(outcome, Outcome::New(_)) {
                    *outcome = Outcome::Refused(held_back(first));
                }
            }
            return outcomes;
        }
        batch.rows.put(add.rows);
        batch.records.extend(add.records);
        batch.listed.extend(add.listed);
        batch.words.extend(add.words);
        batch.last_hash = add.last_hash.unwrap_or(batch.last_hash);
        outcomes
    }

    fn decide_one(&self, batch: &Batch, add: &mut Addition, admitted: &mut Admitted) -> Outcome {
        let index = batch.base + (batch.records.len() + add.records.len()) as u64;
        let rows = Layered { layers: [&add.rows, &batch.rows], committed: &self.shared };
        if let Some(row) = rows.event(&admitted.event.id()) {
            return Outcome::Existing(row.index);
        }
        let restored = self.check_restored(&rows, batch, add, admitted);
        let faulty = restored.as_ref().err().cloned();
        let door = SequencerDoor { admitted, faulty, sequencer: self, rows: &rows, batch, add };
        let placement = match decide(&rows, index, &admitted.event, self.shared.origin(), &door) {
            Ok(placement) => placement,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let GivenBack { words: restored, files: given_back } = restored.unwrap_or_default();
        if let Body::ContentWithheld(b) = admitted.event.body() {
            // Its files are known again when their bytes come back. Once the words are gone, that is too late.
            if let Some(content) = door.words_of(&b.entry).and_then(|w| Content::parse(&w).ok()) {
                self.shared.marks().note(b.entry, content.files());
            }
        }
        let header = Header {
            index,
            time: batch.time,
            prev: add.last_hash.unwrap_or(batch.last_hash),
            thread: placement.thread,
            k: placement.k,
            signers: placement.signers,
        };
        let text = header.entry(&admitted.event);
        if text.len() > MAX_ENTRY {
            let expected = format!("at most {MAX_ENTRY} bytes");
            return Outcome::Refused(Refusal::new(Code::EntryTooLong, "entry", expected, text.len()));
        }
        let changes = words_changed(&rows, &admitted.event, restored.as_ref());
        let mut files = listed_files(index, admitted.files());
        files.extend(given_back);
        add.last_hash = Some(Digest::blake3(text.as_bytes()));
        add.listed.push(listed(&header, &admitted.event, files));
        add.records.push(Record {
            entry: Arc::from(text.into_bytes()),
            words: admitted.words.clone(),
            restored,
        });
        add.words.extend(changes);
        add.rows.put(placement.rows);
        Outcome::New(index)
    }

    /// The words and files that `content.released` gives back must be here.
    fn check_restored(
        &self,
        rows: &impl Rows,
        batch: &Batch,
        add: &Addition,
        admitted: &mut Admitted,
    ) -> Result<GivenBack, Refusal> {
        let Body::ContentReleased(body) = admitted.event.body() else {
            return match admitted.restored {
                None => Ok(GivenBack::default()),
                Some(_) => {
                    let expected = "given-back words with content.released only";
                    Err(Refusal::new(Code::ContentDigest, "restored", expected, "some"))
                }
            };
        };
        let Some(target) = rows.event(&body.entry) else { return Ok(GivenBack::default()) };
        let (id, blobs, fate) = (body.entry, body.blobs.clone(), rows.fate(&body.entry));
        let mut words = None;
        if blobs.contains(&Position::Content) {
            let Some(sent) = admitted.restored.clone() else {
                let expected = "the words that are given back";
                return Err(Refusal::new(Code::ContentMissing, "restored", expected, "none"));
            };
            if target.content != Some(Digest::blake3(&sent)) {
                let expected = "the words that the entry commits to";
                return Err(Refusal::new(Code::ContentDigest, "restored", expected, "others"));
            }
            words = Some((target.index, sent));
        }
        let readable = match &words {
            Some((_, words)) => Some(words.clone()),
            None => words_of(self, rows, batch, add, &id),
        };
        let files = match readable {
            Some(readable) => {
                let target = (target.index, &fate);
                files_given_back(&self.shared, rows, admitted, target, &blobs, &readable)?
            }
            // While the words stay withheld, nothing names the files: they come back with the words.
            None => Vec::new(),
        };
        Ok(GivenBack { words, files })
    }

    /// Journals the batch, then shows it to readers. Gives the checkpoint over it.
    fn make_durable(&mut self, batch: &mut Batch) -> Result<Arc<SignedCheckpoint>, String> {
        self.shared.marks().persist().map_err(|e| e.to_string())?;
        // Words that were withheld in the same batch are never written.
        for (index, change) in &batch.words {
            if let (Some(at), None) = (index.checked_sub(batch.base), change)
                && let Some(record) = batch.records.get_mut(at as usize)
            {
                record.words = None;
            }
        }
        let mut frontier = self.shared.recent().frontier.clone();
        let mut nodes = Vec::with_capacity(2 * batch.records.len());
        for record in &batch.records {
            frontier.push(leaf_hash(&record.entry), |height, index, hash| nodes.push((height, index, hash)));
        }
        let checkpoint = Checkpoint::new(self.shared.origin().clone(), frontier.size(), frontier.root())
            .and_then(|c| c.sign(&self.key))
            .map_err(|e| e.to_string())?;
        let frame = journal::frame(batch.base, &batch.records, checkpoint.note().as_bytes());
        let _held = self.signals.hold();
        let began = Instant::now();
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&frame, batch.records.len() as u64)
            .map_err(|e| e.to_string())?;
        // Durable before the signature leaves, so that no folder that was put back passes for this one.
        self.signed.put((frontier.size(), frontier.root())).map_err(|e| e.to_string())?;
        self.signals.metrics.syncs.observe_time(began.elapsed());
        self.signals.metrics.batches.observe(batch.records.len() as u64);

        self.last_hash = batch.last_hash;
        let checkpoint = Arc::new(checkpoint);
        self.shared.show(Shown {
            rows: std::mem::take(&mut batch.rows),
            listed: std::mem::take(&mut batch.listed),
            records: std::mem::take(&mut batch.records),
            words: std::mem::take(&mut batch.words),
            nodes,
            frontier,
            bytes: frame.len() as u64,
            checkpoint: Some(checkpoint.clone()),
        });
        Ok(checkpoint)
    }
}

fn refuse_all(groups: Vec<Group>, refusal: &Refusal) {
    for group in groups {
        group.answer(|_, _| Err(refusal.clone()));
    }
}

/// What the door asks when the event stands before the rows of its own index.
struct SequencerDoor<'a, R> {
    admitted: &'a Admitted,
    /// What is wrong with what `content.released` gives back. Asked last: whether it may give back comes first.
    faulty: Option<Refusal>,
    sequencer: &'a Sequencer,
    rows: &'a R,
    batch: &'a Batch,
    add: &'a Addition,
}

impl<R: Rows> SequencerDoor<'_, R> {
    /// The words of a record, which may stand in the batch that is being put together.
    fn words_of(&self, id: &EventId) -> Option<Arc<[u8]>> {
        words_of(self.sequencer, self.rows, self.batch, self.add, id)
    }
}

/// The words of a record unless they are withheld.
fn words_of(
    sequencer: &Sequencer,
    rows: &impl Rows,
    batch: &Batch,
    add: &Addition,
    id: &EventId,
) -> Option<Arc<[u8]>> {
    let row = rows.event(id)?;
    if rows.fate(id).withheld_by(Position::Content).is_some() {
        return None;
    }
    match row.index.checked_sub(batch.base) {
        Some(at) => {
            let mut records = batch.records.iter().chain(&add.records);
            records.nth(at as usize).and_then(|r| r.words.clone())
        }
        None => match sequencer.shared.words(row.index) {
            Ok(StoredWords::Present(words)) => Some(words),
            _ => None,
        },
    }
}

impl<R: Rows> Door for SequencerDoor<'_, R> {
    fn blobs(&self) -> Result<(), Refusal> {
        self.admitted.blobs.clone()?;
        check_files(&self.sequencer.shared, self.rows, self.admitted)
    }

    fn checks(&self) -> Result<(), Refusal> {
        if let Some(refusal) = &self.faulty {
            return Err(refusal.clone());
        }
        let Admitted { event, content, .. } = self.admitted;
        content_checks::check(self.rows, event, content.as_ref(), |id| self.words_of(id))
    }

    fn refuses_torsion(&self) -> bool {
        true
    }
}
