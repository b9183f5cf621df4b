//! A case as it is shown, as known at one size and seen from one instant.

use super::{
    Case, CaseEntries, CorrectionView, Demand, DemandView, IncidentView, Latest, LinkView, Marks, Named,
    Order, PromiseView, Sentence, StatementView, Status, Timeline, Times, Views, WithheldView,
};
use crate::{event::EventId, ledger::ReadError, log::Time};

/// At most this many demands of a case are laid out in full: the latest. Every other has one line.
const DEMANDS_LAID_OUT: usize = 5;

/// A demand of a case in one line.
#[derive(Debug, Clone)]
pub struct DemandLine {
    /// Its id.
    pub id: EventId,
    /// Index of its entry.
    pub index: u64,
    /// When it was issued, and recorded.
    pub times: Times,
    /// Its status.
    pub status: Status,
    /// The same in words, and by whose record.
    pub status_words: String,
    /// Whether it was taken elsewhere.
    pub escalated: bool,
    /// Where it stands.
    pub sentence: Sentence,
}

/// A case as it is shown.
#[derive(Debug, Clone)]
pub struct CaseView {
    /// The case in summary.
    pub case: Case,
    /// The indexes of its entries.
    pub entries: CaseEntries,
    /// Whom it is about.
    pub respondent: Named,
    /// Who opened it.
    pub opened_by: Named,
    /// `asOf`: the instant at which clocks are read; events of a later `at` count in no state.
    pub as_of: Time,
    /// `knownAt`: the size of the tree that counts.
    pub known_at: u64,
    /// The size of the latest checkpoint.
    pub latest: u64,
    /// Whether the case has more entries than its states are computed from.
    pub cut_short: bool,
    /// Where it stands: a sentence for each demand, or one for the case if it has no demand.
    pub sentences: Vec<Sentence>,
    /// Its latest demands. All lists of a case are in the order of the log.
    pub demands: Latest<DemandView>,
    /// Every demand before those.
    pub earlier_demands: Vec<DemandLine>,
    /// Its latest incidents.
    pub incidents: Latest<IncidentView>,
    /// Its latest statements that were changed or taken back.
    pub statements: Latest<StatementView>,
    /// How many other statements it has.
    pub unchanged_statements: usize,
    /// The latest links drawn in it.
    pub links: Latest<LinkView>,
    /// Its latest promises.
    pub promises: Latest<PromiseView>,
    /// The latest corrections in it.
    pub corrections: Latest<CorrectionView>,
    /// The latest withholdings in it.
    pub withheld: Latest<WithheldView>,
    /// A part of its entries.
    pub timeline: Timeline,
    /// What later entries did to the entry that opened it.
    pub since: Marks,
}

impl Views {
    /// A case at the instant `as_of`, by the entries that these views know, with a part of its timeline: at most `limit`
    /// entries from number `from` on. `None` if `id` is no case on record.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case_view(
        &self,
        id: &EventId,
        as_of: Time,
        order: Order,
        from: usize,
        limit: usize,
    ) -> Result<Option<CaseView>, ReadError> {
        let Some(thread) = self.case_thread(id, as_of)? else { return Ok(None) };
        let summary = self.summary_of(&thread, as_of)?;
        let said: Vec<(Demand, Sentence)> =
            summary.demands.into_iter().zip(summary.sentences.clone()).collect();
        let mut earlier_demands = Vec::new();
        for (demand, sentence) in said.iter().take(said.len().saturating_sub(DEMANDS_LAID_OUT)) {
            earlier_demands.push(DemandLine {
                id: demand.id,
                index: demand.index,
                times: Times::of(&*self.entry_at(demand.index)?),
                status: demand.status,
                status_words: self.status_words(demand)?,
                escalated: !demand.escalations.is_empty(),
                sentence: sentence.clone(),
            });
        }
        let demands = Latest::at_most(DEMANDS_LAID_OUT, said, |(demand, sentence)| {
            self.demand_view(&thread, demand, sentence)
        })?;
        let (withheld, corrections) = self.reductions(&thread)?;
        let (statements, unchanged_statements) = self.statements(&thread)?;
        let opened = self.entry_at(thread.case.index)?;
        Ok(Some(CaseView {
            respondent: self.named(&thread.case.respondent)?,
            opened_by: self.author(&opened)?,
            as_of,
            known_at: self.size,
            latest: self.checkpoint.checkpoint().size(),
            cut_short: thread.cut_short(),
            sentences: summary.sentences,
            demands,
            earlier_demands,
            incidents: self.incidents(&thread)?,
            statements,
            unchanged_statements,
            links: self.links(&thread)?,
            promises: self.promises(&thread)?,
            corrections,
            withheld,
            timeline: self.timeline(&thread, order, from, limit)?,
            since: self.marks(&opened)?,
            case: thread.case.clone(),
            entries: thread.entries.clone(),
        }))
    }
}
