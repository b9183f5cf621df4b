//! What later entries did to an entry: corrected it, declared it void, withheld its words or gave them back.

use super::{Name, Record, Times, Views};
use crate::{
    event::{Body, CorrectionEffect, EventId, EventType, Position, ReleaseGround, WithholdingGround},
    ledger::{Filter, ReadError},
    log::Fate,
};

/// How many later entries of those kinds are looked through.
const LATER_READ: usize = 1_000;

/// A correction that names the entry.
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
    /// When.
    pub times: Times,
    /// What is said to be wrong, if the words are here.
    pub wrong: Option<String>,
    /// What is said to be right, if the words are here.
    pub right: Option<String>,
    /// Index of the entry that stands in its place.
    pub replacement: Option<u64>,
}

/// A withholding of words or files of the entry.
#[derive(Debug, Clone)]
pub struct Withholding {
    /// Index of the withholding's entry.
    pub index: u64,
    /// On what ground.
    pub ground: WithholdingGround,
    /// What was withheld.
    pub positions: Vec<Position>,
    /// Who signed it.
    pub by: Name,
    /// That party's id.
    pub party: EventId,
    /// When.
    pub times: Times,
    /// A note, if its words are here and hold one.
    pub note: Option<String>,
    /// On whose authority, likewise.
    pub authority: Option<String>,
    /// A redacted text, likewise.
    pub redacted: Option<String>,
    /// Whether something of it is withheld still.
    pub in_force: bool,
}

/// A release of what was withheld.
#[derive(Debug, Clone)]
pub struct Release {
    /// Index of the release's entry.
    pub index: u64,
    /// On what ground.
    pub ground: ReleaseGround,
    /// What was given back.
    pub positions: Vec<Position>,
    /// Who signed it.
    pub by: Name,
    /// That party's id.
    pub party: EventId,
    /// When.
    pub times: Times,
    /// A note, if its words are here and hold one.
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

impl Later {
    /// The correction that declared the entry void.
    pub fn void(&self) -> Option<&Correction> {
        self.corrections.iter().find(|c| c.effect == CorrectionEffect::Void)
    }
    /// The same, taken out.
    pub(super) fn into_void(self) -> Option<Correction> {
        self.corrections.into_iter().find(|c| c.effect == CorrectionEffect::Void)
    }
}

impl Withholding {
    /// The ground, in words.
    pub fn ground_words(&self) -> String {
        self.ground.as_str().replace('_', " ")
    }
    /// What was withheld, in words.
    pub fn what(&self) -> String {
        super::sentence::positions_words(&self.positions)
    }
}

impl Release {
    /// The ground, in words.
    pub fn ground_words(&self) -> String {
        self.ground.as_str().replace('_', " ")
    }
    /// What was given back, in words.
    pub fn what(&self) -> String {
        super::sentence::positions_words(&self.positions)
    }
}

impl Views {
    /// What the entries below the size did to an event: whether it is void, and what of it is withheld.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn fate(&self, id: &EventId) -> Result<Fate, ReadError> {
        let now = self.reader.fate(id)?;
        if self.latest() {
            return Ok(now);
        }
        // A party is named in half of the log. It is never void, and what of it is withheld now was so from the
        // entry on that says so.
        if self.reader.party(id)?.is_some() {
            let withheld = now.withheld.into_iter().filter(|(_, by)| *by < self.size).collect();
            return Ok(Fate { withheld, ..Fate::default() });
        }
        let types = vec![EventType::CorrectionIssued, EventType::ContentWithheld, EventType::ContentReleased];
        let filter = Filter { types, party: Some(*id), ..Filter::default() };
        let mut fate = Fate::default();
        for index in self.list(&filter, 0..=u64::MAX, false, LATER_READ)? {
            let Some(record) = self.record(index)? else { continue };
            match record.event().body() {
                Body::CorrectionIssued(b) if b.corrects == *id => {
                    fate.voided |= b.effect == CorrectionEffect::Void;
                }
                Body::ContentWithheld(b) if b.entry == *id => {
                    fate.withheld.extend(b.blobs.iter().map(|p| ((*p).into(), index)));
                }
                Body::ContentReleased(b) if b.entry == *id => {
                    fate.withheld.retain(|(p, _)| !b.blobs.iter().any(|q| *p == (*q).into()));
                }
                _ => {}
            }
        }
        Ok(fate)
    }

    /// What later entries did to this one.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn later(&self, record: &Record) -> Result<Later, ReadError> {
        let id = record.event().id();
        let filter = Filter {
            types: vec![EventType::CorrectionIssued, EventType::ContentWithheld, EventType::ContentReleased],
            // Lists what names the event, whatever it is.
            party: Some(id),
            ..Filter::default()
        };
        let fate = self.fate(&id)?;
        let mut later = Later::default();
        for index in self.list(&filter, record.index() + 1..=u64::MAX, false, LATER_READ)? {
            let Some(record) = self.record(index)? else { continue };
            // An entry has a signer line for each member of `by`, and `by` has at least one.
            let party = record.parties().next().unwrap_or(id);
            let (by, times) = (self.name(&party)?, Times::of(&record));
            match record.event().body() {
                Body::CorrectionIssued(b) if b.corrects == id => {
                    let words = self.words(&record)?;
                    let text = |member| words.text(member).map(str::to_owned);
                    let replacement = match &b.replacement {
                        Some(id) => self.index_of(id)?,
                        None => None,
                    };
                    let (effect, wrong, right) = (b.effect, text("wrong"), text("right"));
                    let correction =
                        Correction { index, effect, by, party, times, wrong, right, replacement };
                    later.corrections.push(correction);
                }
                Body::ContentWithheld(b) if b.entry == id => {
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
                Body::ContentReleased(b) if b.entry == id => {
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
