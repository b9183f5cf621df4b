//! Everything that was done to the record itself: withholdings by ground and date, corrections, changes of keys.

use std::{collections::BTreeMap, sync::Arc};

use super::{CorrectionView, EntryLine, Record, Times, Views, WithheldView};
use crate::{
    event::{Body, EventType, Position, ReleaseGround, WithholdingGround},
    ledger::{Filter, ReadError},
};

/// At most this many entries of each kind are shown: the latest.
const SHOWN: usize = 100;
/// At most this many withholdings are counted: the latest.
const COUNTED: usize = 2_000;

/// A release of withheld words or files, and the entry that they belong to.
#[derive(Debug, Clone)]
pub struct ReleasedView {
    /// Index of its entry.
    pub index: u64,
    /// Its ground.
    pub ground: ReleaseGround,
    /// The words and files that were given back.
    pub positions: Vec<Position>,
    /// When they were given back, and when that was recorded.
    pub times: Times,
    /// Index of the entry that they belong to; none if it is not on record at this size.
    pub entry: Option<u64>,
    /// Whether it speaks of something invented.
    pub fictional: bool,
}

impl ReleasedView {
    /// The ground, in words.
    pub fn ground_words(&self) -> String {
        self.ground.as_str().replace('_', " ")
    }
    /// The words and files that were given back, in words: `the words, file 1`.
    pub fn what(&self) -> String {
        super::codes::positions_words(&self.positions)
    }
}

/// The number of withholdings on one ground.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroundCount {
    /// All of them.
    pub all: usize,
    /// Those of which something is withheld still.
    pub in_force: usize,
}

/// What was done to the record itself, the latest first.
#[derive(Debug, Clone)]
pub struct Transparency {
    /// `knownAt`.
    pub known_at: u64,
    /// The size of the latest checkpoint.
    pub latest: u64,
    /// Withholdings by ground.
    pub grounds: BTreeMap<WithholdingGround, GroundCount>,
    /// Whether there may be more withholdings than are counted.
    pub cut_short: bool,
    /// Withholdings.
    pub withheld: Vec<WithheldView>,
    /// Releases.
    pub released: Vec<ReleasedView>,
    /// Corrections.
    pub corrections: Vec<CorrectionView>,
    /// Keys added and revoked.
    pub keys: Vec<EntryLine>,
    /// At most this many of each kind are shown.
    pub shown: usize,
}

impl Views {
    /// What was done to the record itself.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn transparency(&self) -> Result<Transparency, ReadError> {
        let (mut withheld, mut grounds) = (Vec::new(), BTreeMap::<_, GroundCount>::new());
        let all = self.latest_of(&[EventType::ContentWithheld], COUNTED)?;
        let cut_short = all.len() == COUNTED;
        for record in all {
            let Body::ContentWithheld(body) = record.event().body() else { continue };
            let index = record.index();
            let in_force = self.fate(&body.entry)?.withheld.iter().any(|(_, by)| *by == index);
            let count = grounds.entry(body.ground).or_default();
            count.all += 1;
            count.in_force += usize::from(in_force);
            if withheld.len() < SHOWN {
                withheld.push(self.withheld_view(&record, body)?);
            }
        }
        let mut released = Vec::new();
        for record in self.latest_of(&[EventType::ContentReleased], SHOWN)? {
            let Body::ContentReleased(body) = record.event().body() else { continue };
            released.push(ReleasedView {
                index: record.index(),
                ground: body.ground,
                positions: body.blobs.clone(),
                times: Times::of(&record),
                entry: self.index_of(&body.entry)?,
                fictional: self.fictional(&record)?,
            });
        }
        let mut corrections = Vec::new();
        for record in self.latest_of(&[EventType::CorrectionIssued], SHOWN)? {
            if let Body::CorrectionIssued(body) = record.event().body() {
                corrections.push(self.correction_view(&record, body)?);
            }
        }
        let mut keys = Vec::new();
        for record in self.latest_of(&[EventType::KeyAdded, EventType::KeyRevoked], SHOWN)? {
            keys.push(self.line(&record)?);
        }
        let latest = self.checkpoint.checkpoint().size();
        Ok(Transparency {
            known_at: self.size,
            latest,
            grounds,
            cut_short,
            withheld,
            released,
            corrections,
            keys,
            shown: SHOWN,
        })
    }

    /// The latest entries of these types, the latest first.
    fn latest_of(&self, types: &[EventType], limit: usize) -> Result<Vec<Arc<Record>>, ReadError> {
        let filter = Filter { types: types.to_vec(), ..Filter::default() };
        let indexes = self.list(&filter, 0..=u64::MAX, true, limit)?;
        indexes.into_iter().map(|i| self.entry_at(i)).collect()
    }
}
