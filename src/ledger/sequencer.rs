//! The sequencer: decides each event at its own index, commits batches, and acknowledges.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{
    admission::Admitted,
    batch::{Batch, NewEntry, Withheld, words_changed},
    claims::listed_files,
    clock::Clock,
    content_checks::SequencerDoor,
    layered::Layered,
    queue::{Group, Taker},
    recent::Growth,
    shared::Shared,
    signals::Signals,
    submission::{Receipt, held_back, read_only, unavailable},
    withholding::{GivenBack, give_back},
};
use crate::{
    event::{Body, Code, Digest, EventId, Refusal},
    log::{Checkpoint, Header, MAX_ENTRY, Rows as _, SignedCheckpoint, Time, decide, leaf_hash},
    note::SigningKey,
    store::{
        head::HeadRecord,
        journal::{self, Journal, Record},
    },
};

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

impl Sequencer {
    /// Runs until all handles are gone or the ledger is closed.
    pub fn run(mut self) {
        while let Some(groups) = self.groups.take() {
            self.commit(groups);
        }
        tracing::debug!("the sequencer ends");
    }

    fn commit(&mut self, groups: Vec<Group>) {
        // A statement of its own, so that the lock is free before the wait: the follower needs it.
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
        let mut batch = Batch::with_room(base, self.last_hash, events);
        let mut decided = Vec::with_capacity(groups.len());
        for mut group in groups {
            let outcomes = self.decide_group(&mut batch, &mut group, time);
            decided.push((group, outcomes));
        }
        let checkpoint = if batch.is_empty() {
            self.shared.recent().checkpoint.clone()
        } else {
            match self.make_durable(batch) {
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

    /// Decides the events of a call, and adds the good ones to the batch, unless the whole call is undone.
    fn decide_group(&self, batch: &mut Batch, group: &mut Group, time: Time) -> Vec<Outcome> {
        let mut new = batch.next();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(group.admitted.len());
        for admitted in &mut group.admitted {
            outcomes.push(match self.decide_one(batch, &mut new, admitted, time) {
                Ok(outcome) => outcome,
                Err(refusal) => Outcome::Refused(refusal),
            });
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
        batch.append(new);
        outcomes
    }

    /// Decides an event at its own index. All its changes go into `new`, the batch of its call, which may yet be undone.
    fn decide_one(
        &self,
        batch: &Batch,
        new: &mut Batch,
        admitted: &mut Admitted,
        time: Time,
    ) -> Result<Outcome, Refusal> {
        let index = new.end();
        let rows = Layered { batches: [&*new, batch], committed: &self.shared };
        if let Some(row) = rows.event(&admitted.event.id()) {
            return Ok(Outcome::Existing(row.index));
        }
        let (given_back, faulty) = match give_back(&rows, admitted) {
            Ok(given_back) => (given_back, None),
            Err(refusal) => (GivenBack::default(), Some(refusal)),
        };
        let door = SequencerDoor { admitted, faulty, rows: &rows };
        let placement = decide(&rows, index, &admitted.event, self.shared.origin(), &door)?;
        let header = Header {
            index,
            time,
            prev: new.last_hash(),
            thread: placement.thread,
            k: placement.k,
            signers: placement.signers,
        };
        let text = header.entry(&admitted.event);
        if text.len() > MAX_ENTRY {
            let expected = format!("at most {MAX_ENTRY} bytes");
            return Err(Refusal::new(Code::EntryTooLong, "entry", expected, text.len()));
        }
        let GivenBack { words: restored, files: given_back } = given_back;
        let words = words_changed(&rows, &admitted.event, restored.as_ref());
        // The files are marked, so that their bytes are recognised. Once the words are removed, that is too late.
        let withheld = match admitted.event.body() {
            Body::ContentWithheld(b) => Withheld::of(b.entry, rows.words_of(&b.entry)),
            _ => None,
        };
        let mut files = listed_files(index, admitted.files());
        files.extend(given_back);
        let hash = Digest::blake3(text.as_bytes());
        let entry = Arc::from(text.into_bytes());
        let record = Some(Record { entry, words: admitted.words.clone(), restored });
        new.put_rows(placement.rows);
        new.push(NewEntry { header: &header, event: &admitted.event, hash, files, record, words, withheld });
        Ok(Outcome::New(index))
    }

    /// Marks the files that the batch withholds, writes the batch to the journal, then shows it to readers. Returns the
    /// checkpoint over it.
    fn make_durable(&mut self, mut batch: Batch) -> Result<Arc<SignedCheckpoint>, String> {
        self.shared.marks().keep(batch.withheld()).map_err(|e| e.to_string())?;
        batch.leave_out_withheld();
        let entries = batch.records().len();
        let leaves = batch.records().iter().map(|record| leaf_hash(&record.entry));
        // A statement of its own, so that the lock is free before the hashing and nobody waits for it.
        let frontier = self.shared.recent().frontier.clone();
        let growth = Growth::of(frontier, leaves);
        let (size, root) = (growth.frontier.size(), growth.frontier.root());
        let checkpoint = Checkpoint::new(self.shared.origin().clone(), size, root)
            .and_then(|c| c.sign(&self.key))
            .map_err(|e| e.to_string())?;
        let frame = journal::frame(batch.first(), batch.records(), checkpoint.note().as_bytes());
        let _held = self.signals.hold();
        let began = Instant::now();
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&frame, entries as u64)
            .map_err(|e| e.to_string())?;
        // Durable before the signature leaves, so that a folder that was put back to an earlier state is recognised at a start.
        self.signed.put((size, root)).map_err(|e| e.to_string())?;
        self.signals.metrics.syncs.observe_time(began.elapsed());
        self.signals.metrics.batches.observe(entries as u64);

        self.last_hash = batch.last_hash();
        let checkpoint = Arc::new(checkpoint);
        self.shared.show(batch, growth, frame.len() as u64, Some(checkpoint.clone()));
        Ok(checkpoint)
    }
}

fn refuse_all(groups: Vec<Group>, refusal: &Refusal) {
    for group in groups {
        group.answer(|_, _| Err(refusal.clone()));
    }
}
