//! What later entries did to an entry: corrected it, declared it void, withheld its words or gave them back.

use super::{FileView, Name, Record, Times, Views};
use crate::{
    event::{Act, Body, CorrectionEffect, EventId, Position, ReleaseGround, WithholdingGround},
    ledger::ReadError,
    log::Fate,
};

/// At most this many later entries of each kind are told: the newest.
const TOLD: usize = 50;
/// At most this many withholdings, and as many releases, are folded to see what was withheld at an earlier size: the newest.
const FOLDED: usize = 1_000;

/// A correction of the entry.
#[derive(Debug, Clone)]
pub struct Correction {
    /// Index of the correction's entry.
    pub index: u64,
    /// What it does.
    pub effect: CorrectionEffect,
    /// Who signed it.
    pub by: Name,
    /// That party's id.
    pub party: EventId,
    /// When it was made, and recorded.
    pub times: Times,
    /// What its author says is wrong, if its words are present and may be quoted.
    pub wrong: Option<String>,
    /// What its author says is right, likewise.
    pub right: Option<String>,
    /// Index of the entry that stands in the place of the corrected one.
    pub replacement: Option<u64>,
}

/// A withholding of words or files of the entry.
#[derive(Debug, Clone)]
pub struct Withholding {
    /// Index of the withholding's entry.
    pub index: u64,
    /// Its ground.
    pub ground: WithholdingGround,
    /// The words and files that were withheld.
    pub positions: Vec<Position>,
    /// Who signed it.
    pub by: Name,
    /// That party's id.
    pub party: EventId,
    /// When it was made, and recorded.
    pub times: Times,
    /// A note, if its words are present and hold one.
    pub note: Option<String>,
    /// The authority that it names, likewise.
    pub authority: Option<String>,
    /// A redacted text, likewise.
    pub redacted: Option<String>,
    /// Whether some of these words or files are withheld still.
    pub in_force: bool,
}

/// A release of withheld words or files of the entry.
#[derive(Debug, Clone)]
pub struct Release {
    /// Index of the release's entry.
    pub index: u64,
    /// Its ground.
    pub ground: ReleaseGround,
    /// The words and files that were given back.
    pub positions: Vec<Position>,
    /// Who signed it.
    pub by: Name,
    /// That party's id.
    pub party: EventId,
    /// When it was made, and recorded.
    pub times: Times,
    /// A note, if its words are present and hold one.
    pub note: Option<String>,
}

/// What later entries did to an entry, each list in the order of the log.
#[derive(Debug, Clone, Default)]
pub struct Later {
    /// Corrections, voiding ones included.
    pub corrections: Vec<Correction>,
    /// Withholdings.
    pub withheld: Vec<Withholding>,
    /// Releases.
    pub released: Vec<Release>,
}

impl Withholding {
    /// The ground, in words.
    pub fn ground_words(&self) -> String {
        self.ground.as_str().replace('_', " ")
    }
    /// The words and files that were withheld, in words: `the words, file 1`.
    pub fn what(&self) -> String {
        super::codes::positions_words(&self.positions)
    }
    /// What became of the withheld bytes, in words. `files` are the files of the entry, if its words can be read. A file that
    /// another entry names and does not withhold is served all the same.
    pub fn bytes_words(&self, files: Option<&[FileView]>) -> String {
        let Some(files) = files else {
            return "The words are gone from this ledger, and so is each file that only they named."
                .to_owned();
        };
        let served = self.positions.iter().filter_map(|position| match position {
            Position::File(i) => Some((i, files.get(*i as usize)?.elsewhere?)),
            Position::Content => None,
        });
        let mut out = String::new();
        for (i, index) in served {
            out.push_str(&format!(
                "The bytes of file {} are still served here: entry {index} names them too, and does not withhold them. ",
                u64::from(*i) + 1
            ));
        }
        if out.is_empty() {
            "The bytes are gone from this ledger.".to_owned()
        } else {
            out.trim_end().to_owned()
        }
    }
}

impl Release {
    /// The ground, in words.
    pub fn ground_words(&self) -> String {
        self.ground.as_str().replace('_', " ")
    }
    /// The words and files that were given back, in words.
    pub fn what(&self) -> String {
        super::codes::positions_words(&self.positions)
    }
}

impl Views {
    /// What the entries below the size did to an event: whether it is void, and which of its words and files are withheld.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn fate(&self, id: &EventId) -> Result<Fate, ReadError> {
        let now = self.reader.fate(id)?;
        if self.latest() {
            return Ok(now);
        }
        let voided = !self.acts(Act::Void, id, 1)?.is_empty();
        let mut fate = Fate { voided, ..Fate::default() };
        let mut held = self.acts(Act::Withholding, id, FOLDED)?;
        held.extend(self.acts(Act::Release, id, FOLDED)?);
        held.sort_unstable();
        for record in self.records(&held)? {
            match record.event().body() {
                Body::ContentWithheld(b) => {
                    fate.withheld.extend(b.blobs.iter().map(|p| ((*p).into(), record.index())));
                }
                Body::ContentReleased(b) => {
                    fate.withheld.retain(|(p, _)| !b.blobs.iter().any(|q| *p == (*q).into()));
                }
                _ => {}
            }
        }
        Ok(fate)
    }

    /// Indexes below the size of the newest entries that did something to an event, the newest first.
    fn acts(&self, act: Act, on: &EventId, most: usize) -> Result<Vec<u64>, ReadError> {
        self.look_at(1)?;
        self.reader.acts(Some(act), on, 0..self.size, most)
    }

    /// Whether a correction of an event may be quoted. Not if the event's own words are withheld now: a correction says which
    /// of them are wrong.
    pub(super) fn is_quotable(&self, id: &EventId) -> Result<bool, ReadError> {
        Ok(self.reader.fate(id)?.withheld_by(Position::Content).is_none())
    }

    /// What later entries did to this one: the newest 50 of each kind.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn later(&self, record: &Record) -> Result<Later, ReadError> {
        let id = record.event().id();
        let fate = self.fate(&id)?;
        let quotable = self.is_quotable(&id)?;
        let mut later = Later::default();
        let mut indexes = Vec::new();
        for act in [Act::Void, Act::Correction, Act::Withholding, Act::Release] {
            indexes.extend(self.acts(act, &id, TOLD)?);
        }
        indexes.sort_unstable();
        for record in self.records(&indexes)? {
            let index = record.index();
            // An entry has a signer line for each member of `by`, and `by` has at least one.
            let party = record.parties().next().unwrap_or(id);
            let (by, times) = (self.name(&party)?, Times::of(&record));
            match record.event().body() {
                Body::CorrectionIssued(b) => {
                    let words = self.words(&record)?;
                    let text = |member| words.text(member).filter(|_| quotable).map(str::to_owned);
                    let replacement = match &b.replacement {
                        Some(id) => self.index_of(id)?,
                        None => None,
                    };
                    let (effect, wrong, right) = (b.effect, text("wrong"), text("right"));
                    let correction =
                        Correction { index, effect, by, party, times, wrong, right, replacement };
                    later.corrections.push(correction);
                }
                Body::ContentWithheld(b) => {
                    let words = self.words(&record)?;
                    let text = |member| words.text(member).map(str::to_owned);
                    later.withheld.push(Withholding {
                        index,
                        ground: b.ground,
                        positions: b.blobs.clone(),
                        by,
                        party,
                        times,
                        note: text("note"),
                        authority: text("authority"),
                        redacted: text("redacted"),
                        in_force: fate.withheld.iter().any(|(_, by)| *by == index),
                    });
                }
                Body::ContentReleased(b) => {
                    let note = self.words(&record)?.text("note").map(str::to_owned);
                    let (ground, positions) = (b.ground, b.blobs.clone());
                    later.released.push(Release { index, ground, positions, by, party, times, note });
                }
                _ => {}
            }
        }
        Ok(later)
    }
}
