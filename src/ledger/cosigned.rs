//! Checkpoints of this log with the cosignatures of witnesses.
//!
//! A reader asks for some quorum, and the log does not know which. So for each number of cosignatures the newest checkpoint
//! that has at least that many is kept. It can all be had again by asking the witnesses, so it lies beside the log, in
//! `cosigned/<size>`.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    log::{Checkpoint, CheckpointError, CosignatureError, MAX_LEAD, SignedCheckpoint, WitnessKey},
    note::{SignatureLine, SignedNote, VerifyingKey},
};

/// The number of newest cosigned checkpoints that are kept in any case: a slow witness may still answer for one of them.
const GATHERED: usize = 32;

/// A witness that has not cosigned what was published this long ago is behind.
const BEHIND: Duration = Duration::from_secs(60);

/// What came of asking a witness. A closed list, since these words are labels of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskOutcome {
    /// A good cosignature.
    Cosigned,
    /// A cosignature that is not good, or none.
    Bad,
    /// It has cosigned another size, or another tree.
    Conflict,
    /// It refuses: it does not know the log, or can't read the request.
    Refused,
    /// It wants to be asked later.
    Busy,
    /// No answer, or not the answer of a witness.
    Unreachable,
}

impl AskOutcome {
    pub const ALL: [Self; 6] =
        [Self::Cosigned, Self::Bad, Self::Conflict, Self::Refused, Self::Busy, Self::Unreachable];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosigned => "cosigned",
            Self::Bad => "bad",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A witness that this ledger asks, and what it cosigned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Its key.
    pub key: WitnessKey,
    /// Size of the latest checkpoint that it cosigned, and when, in seconds since 1970 by its own clock.
    pub latest: Option<(u64, u64)>,
}

/// A cosignature that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotKept {
    /// By a witness that this ledger does not ask.
    #[error("{name} is not a witness of this ledger")]
    Stranger {
        /// The witness key's name.
        name: String,
    },
    /// It is not good.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// Readers would refuse the checkpoint because of it: they compare the time of the last entry with the witness's.
    #[error(
        "{name} cosigned more than {MAX_LEAD} s before the last entry was recorded: one of the two clocks is wrong"
    )]
    Behind {
        /// The witness key's name.
        name: String,
    },
    /// Of each witness the latest cosignature is kept, so this one would displace all good ones until that time comes.
    #[error(
        "{name} cosigned more than {MAX_LEAD} s ahead of this machine's clock: one of the two clocks is wrong"
    )]
    Ahead {
        /// The witness key's name.
        name: String,
    },
    /// The checkpoint would have more lines or bytes than a reader takes.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// The cosigned checkpoints that are kept, and the witnesses that are asked.
#[derive(Debug)]
pub(crate) struct Cosigned {
    witnesses: Vec<WitnessKey>,
    kept: RwLock<Kept>,
    published: Mutex<Published>,
    /// What came of asking, by outcome.
    outcomes: [AtomicU64; AskOutcome::ALL.len()],
}

#[derive(Debug, Default)]
struct Kept {
    /// The newest first. Each has the log's line, then those of witnesses.
    checkpoints: Vec<Arc<SignedCheckpoint>>,
    /// How often the list changed.
    changes: u64,
}

/// The latest size known to be published [`BEHIND`] ago or before, and the next that will be, with when it was published.
#[derive(Debug, Default)]
struct Published {
    long_ago: u64,
    next: Option<(Instant, u64)>,
}

impl Published {
    /// Notes that a size was published.
    fn put(&mut self, size: u64, now: Instant) {
        self.long_ago(now);
        self.next.get_or_insert((now, size));
    }

    /// A size that was published [`BEHIND`] ago or before.
    fn long_ago(&mut self, now: Instant) -> u64 {
        if let Some((_, size)) = self.next.take_if(|(since, _)| now.duration_since(*since) >= BEHIND) {
            self.long_ago = size;
        }
        self.long_ago
    }
}

/// The number of witnesses that have cosigned.
fn count(checkpoint: &SignedCheckpoint) -> usize {
    checkpoint.note().signatures().len().saturating_sub(1)
}

fn size(checkpoint: &SignedCheckpoint) -> u64 {
    checkpoint.checkpoint().size()
}

impl Kept {
    /// The checkpoints that have more cosignatures than any newer one, the newest first.
    fn front(&self) -> impl Iterator<Item = &Arc<SignedCheckpoint>> {
        let mut most = 0;
        self.checkpoints.iter().filter(move |c| {
            let more = count(c) > most;
            most = most.max(count(c));
            more
        })
    }

    fn put(&mut self, checkpoint: Arc<SignedCheckpoint>) {
        self.checkpoints.retain(|c| size(c) != size(&checkpoint));
        self.checkpoints.push(checkpoint);
        self.checkpoints.sort_by_key(|c| std::cmp::Reverse(size(c)));
        let front: Vec<u64> = self.front().map(|c| size(c)).collect();
        let mut place = 0;
        self.checkpoints.retain(|c| {
            place += 1;
            place <= GATHERED || front.contains(&size(c))
        });
        self.changes += 1;
    }
}

impl Cosigned {
    /// For a ledger that asks these witnesses.
    pub fn new(witnesses: Vec<WitnessKey>) -> Self {
        Self { witnesses, kept: RwLock::default(), published: Mutex::default(), outcomes: Default::default() }
    }

    /// Whether this ledger asks that witness.
    pub fn asks(&self, witness: &WitnessKey) -> bool {
        self.witnesses.contains(witness)
    }

    /// Whether this ledger asks anybody.
    pub fn asks_any(&self) -> bool {
        !self.witnesses.is_empty()
    }

    fn kept(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a checkpoint of this size is in `public/`.
    pub fn set_published(&self, size: u64) {
        self.published().put(size, Instant::now());
    }

    /// The number of witnesses that have not cosigned what was published a minute ago. (On a busy ledger the latest checkpoint
    /// is always ahead of all of them.)
    pub fn behind(&self) -> usize {
        let long_ago = self.published().long_ago(Instant::now());
        self.witnessed().iter().filter(|w| w.latest.map_or(0, |(size, _)| size) < long_ago).count()
    }

    /// Counts what came of asking a witness.
    pub fn count(&self, outcome: AskOutcome) {
        if let Some(count) = self.outcomes.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each outcome of asking, with how often it came.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.outcomes.iter().map(|c| c.load(Ordering::Relaxed));
        AskOutcome::ALL.iter().map(|o| o.as_str()).zip(counts)
    }

    /// How often cosignatures were added.
    pub fn changes(&self) -> u64 {
        self.kept().changes
    }

    /// Of the cosigned checkpoints that cover the first `entries` entries, the one with most cosignatures; of several the newest.
    pub fn covering(&self, entries: u64) -> Option<Arc<SignedCheckpoint>> {
        self.kept().front().filter(|c| size(c) >= entries).last().cloned()
    }

    /// The checkpoint over `entries` entries, with its cosignatures. `None` if it has none.
    pub fn of_size(&self, entries: u64) -> Option<Arc<SignedCheckpoint>> {
        self.kept().checkpoints.iter().find(|c| size(c) == entries).cloned()
    }

    /// The checkpoints that belong on disk, with [`changes`](Self::changes) at that moment.
    pub fn to_keep(&self) -> (u64, Vec<Arc<SignedCheckpoint>>) {
        let kept = self.kept();
        (kept.changes, kept.front().cloned().collect())
    }

    /// Each witness, with what it cosigned last.
    pub fn witnessed(&self) -> Vec<Witnessed> {
        let kept = self.kept();
        let latest = |key: &WitnessKey| {
            let mut said = kept.checkpoints.iter().map(|c| (size(c), key.find(c.note())));
            said.find_map(|(size, found)| Some((size, found.ok()?.time())))
        };
        self.witnesses.iter().map(|key| Witnessed { key: key.clone(), latest: latest(key) }).collect()
    }

    /// A checkpoint of this log with all cosignatures by its witnesses: those that it carries, and those that are kept here.
    pub fn with_known(
        &self,
        checkpoint: &SignedCheckpoint,
        log: &VerifyingKey,
    ) -> Result<SignedCheckpoint, CheckpointError> {
        let known = self.of_size(size(checkpoint)).filter(|c| c.checkpoint() == checkpoint.checkpoint());
        let known = known.as_ref().map_or(&[][..], |c| c.note().signatures());
        self.with_good(checkpoint, log, checkpoint.note().signatures().iter().chain(known))
    }

    /// A checkpoint with the log's own line, and of each witness the latest good one of `lines`.
    fn with_good<'a>(
        &self,
        checkpoint: &SignedCheckpoint,
        log: &VerifyingKey,
        lines: impl Iterator<Item = &'a SignatureLine>,
    ) -> Result<SignedCheckpoint, CheckpointError> {
        let bare = bare(checkpoint, log)?;
        let all: Vec<SignatureLine> = lines.cloned().collect();
        let with_all = bare.note().with_signatures(&all)?;
        let found = self.witnesses.iter().filter_map(|key| key.find(&with_all).ok());
        let good: Vec<SignatureLine> = found.map(|f| f.line().clone()).collect();
        bare.with_signatures(&good)
    }

    /// Adds lines to a checkpoint of this log: of each of its witnesses the latest good one. If that changes the checkpoint,
    /// `then` is given it with all its lines. `then` runs under the lock, so it is never given fewer lines than before.
    pub fn add(
        &self,
        checkpoint: &SignedCheckpoint,
        log: &VerifyingKey,
        lines: &[SignatureLine],
        then: impl FnOnce(&Arc<SignedCheckpoint>),
    ) -> Result<(), CheckpointError> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let before = kept.checkpoints.iter().find(|c| size(c) == size(checkpoint)).cloned();
        let had = before.as_ref().map_or(&[][..], |c| c.note().signatures());
        let checkpoint = self.with_good(checkpoint, log, had.iter().chain(lines))?;
        if count(&checkpoint) == 0 || before.is_some_and(|before| *before == checkpoint) {
            return Ok(());
        }
        let checkpoint = Arc::new(checkpoint);
        kept.put(checkpoint.clone());
        then(&checkpoint);
        Ok(())
    }
}

/// The log's own line below a checkpoint.
fn own_line(checkpoint: &SignedCheckpoint, log: &VerifyingKey) -> Vec<SignatureLine> {
    let own = |l: &&SignatureLine| {
        let good = |s: [u8; 64]| log.verify(checkpoint.note().text().as_bytes(), &s);
        l.name() == log.name().as_str() && l.key_id() == log.id() && l.signature().try_into().is_ok_and(good)
    };
    checkpoint.note().signatures().iter().find(own).cloned().into_iter().collect()
}

/// The checkpoint with the log's own line alone, as it is sent to witnesses.
pub(super) fn bare(
    checkpoint: &SignedCheckpoint,
    log: &VerifyingKey,
) -> Result<SignedCheckpoint, CheckpointError> {
    let note = SignedNote::assemble(checkpoint.note().text(), &own_line(checkpoint, log))?;
    Checkpoint::open_note(note, log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{CosigningKey, Hash},
        note::{KeyId, SigningKey},
    };

    fn log() -> SigningKey {
        SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32])
    }

    fn witness(n: u8) -> CosigningKey {
        CosigningKey::new(SigningKey::from_seed(format!("w{n}.example").parse().unwrap(), &[n; 32]))
    }

    fn checkpoint(size: u64) -> SignedCheckpoint {
        Checkpoint::new("log.example".parse().unwrap(), size, Hash([size as u8; 32]))
            .unwrap()
            .sign(&log())
            .unwrap()
    }

    fn cosigned() -> Cosigned {
        Cosigned::new((1..=3).map(|n| witness(n).witness_key()).collect())
    }

    /// Has the witnesses `by` cosign the checkpoint of a size at `time`. Gives what was handed on, if anything was.
    fn add(to: &Cosigned, size: u64, time: u64, by: &[u8]) -> Option<Arc<SignedCheckpoint>> {
        let of = checkpoint(size);
        let lines: Vec<_> = by.iter().map(|n| witness(*n).cosign(of.checkpoint(), time).unwrap()).collect();
        let mut handed_on = None;
        to.add(&of, log().verifying_key(), &lines, |c| handed_on = Some(c.clone())).unwrap();
        handed_on
    }

    #[test]
    fn an_entry_is_proved_by_the_newest_checkpoint_with_most_cosignatures() {
        let all = cosigned();
        let by = |entries| all.covering(entries).map(|c| (size(&c), count(&c)));
        assert_eq!(by(1), None);
        add(&all, 10, 1, &[1, 2, 3]);
        add(&all, 20, 2, &[1, 2]);
        add(&all, 30, 3, &[1, 2]);
        add(&all, 40, 4, &[3]);
        assert_eq!(by(1), Some((10, 3)));
        assert_eq!(by(10), Some((10, 3)));
        assert_eq!(by(11), Some((30, 2)), "of those with as many the newest");
        assert_eq!(by(31), Some((40, 1)));
        assert_eq!(by(41), None);
        add(&all, 40, 5, &[1, 2]);
        assert_eq!(by(1), Some((40, 3)));
        assert_eq!(all.to_keep().1.len(), 1, "nothing older is of use");
        assert_eq!(
            all.witnessed().iter().map(|w| w.latest).collect::<Vec<_>>(),
            [Some((40, 5)), Some((40, 5)), Some((40, 4))]
        );
    }

    #[test]
    fn a_slow_witness_still_completes_a_checkpoint_that_others_have_left_behind() {
        let all = cosigned();
        for size in 1..=20 {
            add(&all, size, size, &[1, 2]);
        }
        assert_eq!(size(&all.covering(1).unwrap()), 20);
        add(&all, 5, 21, &[3]);
        assert_eq!(all.covering(1).map(|c| (size(&c), count(&c))), Some((5, 3)));
        assert_eq!(size(&all.covering(6).unwrap()), 20);
        for size in 21..=200 {
            add(&all, size, size, &[1, 2]);
        }
        assert_eq!(size(&all.covering(1).unwrap()), 5, "what has most is kept");
        assert!(all.kept().checkpoints.len() <= GATHERED + 1);
    }

    #[test]
    fn a_witness_is_behind_what_was_published_a_minute_ago() {
        let (mut published, begin) = (Published::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        published.put(5, at(0));
        published.put(6, at(59));
        assert_eq!(published.long_ago(at(59)), 0);
        assert_eq!(published.long_ago(at(60)), 5);
        published.put(7, at(70));
        published.put(8, at(129));
        assert_eq!(published.long_ago(at(129)), 5);
        assert_eq!(published.long_ago(at(130)), 7);
        // Even if a newer size is published every second.
        for second in 131..400 {
            published.put(second, at(second));
            assert!(published.long_ago(at(second)) + 121 > second || second < 200, "{second}");
        }
    }

    #[test]
    fn of_a_witness_the_latest_line_stands_once_and_nothing_else_does() {
        let all = cosigned();
        assert_eq!(add(&all, 7, 5, &[1]).unwrap().note().signatures().len(), 2);
        assert!(add(&all, 7, 5, &[1]).is_none(), "nothing new");
        let later = add(&all, 7, 9, &[1]).unwrap();
        assert_eq!(later.note().signatures().len(), 2);
        assert_eq!(witness(1).witness_key().verify(later.note()), Ok(9));
        assert!(add(&all, 7, 8, &[1]).is_none(), "an earlier one");
        assert!(add(&all, 7, 8, &[4]).is_none(), "a stranger's");
        let of = checkpoint(7);
        let post_quantum = SignatureLine::new("w2.example", KeyId([6; 4]), &[0x5a; 2_428]);
        let bad = SignatureLine::new("w2.example", witness(2).witness_key().id(), &[0; 72]);
        all.add(&of, log().verifying_key(), &[post_quantum, bad], |_| panic!("neither is kept")).unwrap();
        assert_eq!(count(&all.of_size(7).unwrap()), 1);
        assert!(all.of_size(8).is_none());
    }
}
