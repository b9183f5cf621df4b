//! Withholdings and corrections in a case: of what, by whom, when and why.

use super::{Correction, Latest, Named, Record, Times, Views, Withholding, thread::CaseThread};
use crate::{
    event::{Body, ContentWithheld, CorrectionEffect, CorrectionIssued},
    ledger::ReadError,
};

/// A withholding, and the entry whose words or files it withholds.
#[derive(Debug, Clone)]
pub struct WithheldView {
    /// The withholding.
    pub withholding: Withholding,
    /// Index of that entry; none if it is not on record at this size.
    pub entry: Option<u64>,
    /// What that entry is, as a noun.
    pub noun: String,
    /// Whether it speaks of something invented.
    pub fictional: bool,
}

/// A correction, and the entry that it corrects.
#[derive(Debug, Clone)]
pub struct CorrectionView {
    /// The correction.
    pub correction: Correction,
    /// Index of that entry; none if it is not on record at this size.
    pub entry: Option<u64>,
    /// What that entry is, as a noun.
    pub noun: String,
    /// Whether it speaks of something invented.
    pub fictional: bool,
}

impl CorrectionView {
    /// Whether it declares the entry void.
    pub fn is_void(&self) -> bool {
        self.correction.effect == CorrectionEffect::Void
    }
}

impl Views {
    /// The withholdings and the corrections in a case that count, each in the order of the log.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn reductions(
        &self,
        thread: &CaseThread,
    ) -> Result<(Latest<WithheldView>, Latest<CorrectionView>), ReadError> {
        let (mut withheld, mut corrections) = (Vec::new(), Vec::new());
        for record in thread.counting() {
            match record.event().body() {
                Body::ContentWithheld(body) => withheld.push((record, body)),
                Body::CorrectionIssued(body) => corrections.push((record, body)),
                _ => {}
            }
        }
        Ok((
            Latest::of(withheld, |(record, body)| self.withheld_view(record, body))?,
            Latest::of(corrections, |(record, body)| self.correction_view(record, body))?,
        ))
    }

    /// A withholding with its target.
    pub(super) fn withheld_view(
        &self,
        record: &Record,
        body: &ContentWithheld,
    ) -> Result<WithheldView, ReadError> {
        let Named { id: party, name: by } = self.author(record)?;
        let words = self.words(record)?;
        let text = |member| words.text(member).map(str::to_owned);
        let index = record.index();
        let in_force = self.fate(&body.entry)?.withheld.iter().any(|(_, by)| *by == index);
        let withholding = Withholding {
            index,
            ground: body.ground,
            positions: body.blobs.clone(),
            by,
            party,
            times: Times::of(record),
            note: text("note"),
            authority: text("authority"),
            redacted: text("redacted"),
            in_force,
        };
        let (entry, noun) = self.target(&body.entry)?;
        let fictional = self.fictional(record)?;
        Ok(WithheldView { withholding, entry, noun, fictional })
    }

    /// A correction with its target.
    pub(super) fn correction_view(
        &self,
        record: &Record,
        body: &CorrectionIssued,
    ) -> Result<CorrectionView, ReadError> {
        let Named { id: party, name: by } = self.author(record)?;
        let words = self.words(record)?;
        let quotable = self.is_quotable(&body.corrects)?;
        let text = |member| words.text(member).filter(|_| quotable).map(str::to_owned);
        let replacement = match &body.replacement {
            Some(id) => self.index_of(id)?,
            None => None,
        };
        let correction = Correction {
            index: record.index(),
            effect: body.effect,
            by,
            party,
            times: Times::of(record),
            wrong: text("wrong"),
            right: text("right"),
            replacement,
        };
        let (entry, noun) = self.target(&body.corrects)?;
        let fictional = self.fictional(record)?;
        Ok(CorrectionView { correction, entry, noun, fictional })
    }

    fn target(&self, id: &crate::event::EventId) -> Result<(Option<u64>, String), ReadError> {
        Ok(match self.record_of(id)? {
            Some(target) => (Some(target.index()), self.noun(&target)?),
            None => (None, "a record not found here".to_owned()),
        })
    }
}
