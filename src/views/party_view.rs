//! A party as it is shown: its names over time, its roles, and its record across cases.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{
    Days, Marks, Name, Named, Party, PartyKey, Said, Times, Views,
    demand::{Counts, Status, Teller},
    thread::CaseThread,
};
use crate::{
    event::{Body, EventId, Role},
    ledger::{Filter, ReadError},
    log::Time,
};

/// At most this many entries that name a party are looked through for its cases: the latest.
const NAMED_READ: usize = 2_000;
/// A party's record is computed from at most this many of its cases: the latest.
const CASES_READ: usize = 100;
/// No median is given of fewer demands than this: a few say nothing of a habit.
const MEDIAN_FROM: usize = 5;

/// A name that a party had.
#[derive(Debug, Clone)]
pub struct NameLine {
    /// Index of the entry that gave it.
    pub index: u64,
    /// The name.
    pub name: Said,
    /// Since when it had the name, and when that was recorded.
    pub times: Times,
    /// Who put it on record.
    pub by: Named,
}

/// A role given or taken back.
#[derive(Debug, Clone)]
pub struct RoleLine {
    /// Index of its entry.
    pub index: u64,
    /// The role.
    pub role: Role,
    /// Whether it was given.
    pub granted: bool,
    /// When it was given or taken back, and when that was recorded.
    pub times: Times,
}

/// How a party answers demands, by this record alone. Only demands that are not fictional and were delivered count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartyRecord {
    /// The number of these demands.
    pub demands: usize,
    /// The number of cases they stand in.
    pub cases: usize,
    /// How many have each status.
    pub by_status: BTreeMap<Status, usize>,
    /// The median number of days from delivery to the day when all items had an outcome, over the demands where all have one
    /// and both dates give their day; none if there are fewer than five.
    pub median_days: Option<i64>,
    /// The number of demands that the median is taken over, also if it is not given.
    pub completed: usize,
    /// The parties that recorded outcomes that the party's own key did not sign, each with the number of demands.
    pub outcomes_by: Vec<(Named, usize)>,
    /// How many were delivered by evidence, or a reply, that a key of the party itself signed.
    pub delivered_by_own_key: usize,
    /// How many of those a reply alone proves, without evidence of delivery.
    pub delivered_by_reply: usize,
    /// How many of those were signed by a key that is distrusted since before the evidence was recorded.
    pub delivered_by_distrusted_key: usize,
    /// The parties that put these demands on record, each with the number of demands.
    pub recorded_by: Vec<(Named, usize)>,
    /// How many demands that are not fictional are left out because nothing shows that they were delivered.
    pub undelivered: usize,
    /// Whether there may be more on record than was looked through.
    pub cut_short: bool,
}

/// A party as it is shown.
#[derive(Debug, Clone)]
pub struct PartyView {
    /// The party.
    pub party: Arc<Party>,
    /// `asOf`.
    pub as_of: Time,
    /// `knownAt`.
    pub known_at: u64,
    /// The size of the latest checkpoint.
    pub latest: u64,
    /// Its names, the first one first. Equal names in a row are one.
    pub names: Vec<NameLine>,
    /// Its roles over time.
    pub roles: Vec<RoleLine>,
    /// Its keys, each with the name of the party that vouched for it, if that is another.
    pub keys: Vec<(PartyKey, Option<Name>)>,
    /// How it answers demands; none for an invented party.
    pub record: Option<PartyRecord>,
    /// Whether it was registered by mistake, and nothing rests on it.
    pub mistaken: bool,
    /// What later entries did to the entry that registered it.
    pub since: Marks,
}

impl PartyRecord {
    /// The record of a party without demands.
    pub const EMPTY: Self = Self {
        demands: 0,
        cases: 0,
        by_status: BTreeMap::new(),
        median_days: None,
        completed: 0,
        outcomes_by: Vec::new(),
        delivered_by_own_key: 0,
        delivered_by_reply: 0,
        delivered_by_distrusted_key: 0,
        recorded_by: Vec::new(),
        undelivered: 0,
        cut_short: false,
    };
}

impl PartyView {
    /// Its record in a few sentences; none for an invented party.
    pub fn record_words(&self) -> Option<String> {
        let record = self.record.as_ref()?;
        let plural = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        if record.demands == 0 {
            let mut text = "No delivered demand to it is on record here.".to_owned();
            if record.undelivered > 0 {
                let n = plural(record.undelivered, "demand");
                text.push_str(&format!(" {n} without evidence of delivery: not counted."));
            }
            return Some(text);
        }
        let statuses: Vec<String> =
            record.by_status.iter().map(|(s, n)| format!("{n} {}", s.as_str().replace('_', " "))).collect();
        let named = |list: &[(Named, usize)]| {
            list.iter().map(|(who, n)| format!("{} ({n})", who.name)).collect::<Vec<_>>().join(", ")
        };
        let mut text = format!(
            "n = {}: {} delivered to it {} on record here, in {}: {}. Put on record by {}.",
            record.demands,
            plural(record.demands, "demand"),
            if record.demands == 1 { "is" } else { "are" },
            plural(record.cases, "case"),
            statuses.join(", "),
            named(&record.recorded_by)
        );
        if !record.outcomes_by.is_empty() {
            let by = named(&record.outcomes_by);
            text.push_str(&format!(" Outcomes not signed by a key of its own are by the record of {by}."));
        }
        text.push_str(&match record.delivered_by_own_key {
            0 => " That they were delivered is told by others; no key of its own signed it.".to_owned(),
            n if n == record.demands && record.delivered_by_reply > 0 => {
                " A key of its own signed the delivery of each, or a reply to it.".to_owned()
            }
            n if n == record.demands => " A key of its own signed that they were delivered.".to_owned(),
            n if record.delivered_by_reply > 0 => {
                format!(
                    " A key of its own signed the delivery of {n}, or a reply; of the rest others tell it."
                )
            }
            n => format!(" A key of its own signed for the delivery of {n}; of the rest others tell it."),
        });
        match record.delivered_by_distrusted_key {
            0 => {}
            1 => text.push_str(" Of those that it signed, 1 is by a key distrusted since before."),
            n => {
                text.push_str(&format!(" Of those that it signed, {n} are by a key distrusted since before."))
            }
        }
        match record.median_days {
            Some(days) => text.push_str(&format!(
                " Median from delivery to the last outcome: {days} days, of {} demands where every item has one dated by \
                 its day.",
                record.completed
            )),
            None => text.push_str(&format!(
                " No median is given: every item has an outcome dated by its day in {} of them, and that takes \
                 {MEDIAN_FROM}.",
                record.completed
            )),
        }
        if record.undelivered > 0 {
            let n = plural(record.undelivered, "demand");
            text.push_str(&format!(" {n} without evidence of delivery: not counted."));
        }
        if record.cut_short {
            text.push_str(" Of the latest cases alone; there are more.");
        }
        Some(text)
    }
}

/// The median; of an even count, the lower of the two middle numbers. `None` of fewer than [`MEDIAN_FROM`].
fn median(mut days: Vec<i64>) -> Option<i64> {
    if days.len() < MEDIAN_FROM {
        return None;
    }
    days.sort_unstable();
    days.get((days.len() - 1) / 2).copied()
}

/// Parties, each with a number of demands.
type Tally = Vec<(EventId, usize)>;

fn count(tally: &mut Tally, party: EventId) {
    match tally.iter_mut().find(|(id, _)| *id == party) {
        Some((_, n)) => *n += 1,
        None => tally.push((party, 1)),
    }
}

impl Views {
    /// A party at the instant `as_of`. `None` if `id` is no party on record.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn party_view(&self, id: &EventId, as_of: Time) -> Result<Option<PartyView>, ReadError> {
        let Some(party) = self.party(id)? else { return Ok(None) };
        let (mut names, mut roles): (Vec<NameLine>, Vec<RoleLine>) = Default::default();
        for index in self.thread(id)? {
            let record = self.entry_at(index)?;
            let (role, granted) = match record.event().body() {
                Body::LedgerOpened(_) | Body::PartyRegistered(_) | Body::PartyUpdated(_) => {
                    let name = self.said(&record, "name")?;
                    let known = name != Said::Nothing && names.last().is_none_or(|n| n.name != name);
                    if known {
                        let by = self.author(&record)?;
                        names.push(NameLine { index, name, times: Times::of(&record), by });
                    }
                    continue;
                }
                Body::RoleGranted(b) => (b.role, true),
                Body::RoleRevoked(b) => (b.role, false),
                _ => continue,
            };
            roles.push(RoleLine { index, role, granted, times: Times::of(&record) });
        }
        let mut keys = Vec::new();
        for key in self.keys(id)? {
            let voucher = match key.vouched.party() {
                Some(id) => Some(self.name(&id)?),
                None => None,
            };
            keys.push((key, voucher));
        }
        let record = if party.fictional { None } else { Some(self.party_record(id, as_of)?) };
        let latest = self.checkpoint.checkpoint().size();
        let registered = self.entry_at(party.index)?;
        let (mistaken, since) = (self.mistaken(&registered)?, self.marks(&registered)?);
        Ok(Some(PartyView {
            party,
            as_of,
            known_at: self.size,
            latest,
            names,
            roles,
            keys,
            record,
            mistaken,
            since,
        }))
    }

    /// How a party answers demands, by this record alone.
    fn party_record(&self, id: &EventId, as_of: Time) -> Result<PartyRecord, ReadError> {
        let filter = Filter { party: Some(*id), ..Filter::default() };
        let named = self.list(&filter, 0..=u64::MAX, true, NAMED_READ)?;
        let mut record = PartyRecord { cut_short: named.len() == NAMED_READ, ..PartyRecord::default() };
        let (mut seen, mut cases) = (HashSet::new(), Vec::new());
        for index in named {
            let entry = self.entry_at(index)?;
            let own = matches!(entry.event().body(), Body::CaseOpened(_)).then(|| entry.event().id());
            let Some(case) = entry.event().case().or(own).filter(|case| seen.insert(*case)) else { continue };
            let Some(opened) = self.record_of(&case)? else { continue };
            match opened.event().body() {
                Body::CaseOpened(b) if b.respondent == *id && b.fictional != Some(true) => cases.push(case),
                _ => {}
            }
        }
        record.cut_short |= cases.len() > CASES_READ;
        let (mut days, mut recorders, mut outcomes): (Vec<i64>, Tally, Tally) = Default::default();
        for case in cases.iter().take(CASES_READ) {
            let Some(thread) = self.case_thread(case, as_of)? else { continue };
            let before = record.demands;
            self.add_case(&thread, &mut record, &mut days, (&mut recorders, &mut outcomes))?;
            record.cases += usize::from(record.demands > before);
        }
        record.completed = days.len();
        record.median_days = median(days);
        recorders.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for (id, n) in recorders {
            record.recorded_by.push((self.named(&id)?, n));
        }
        outcomes.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for (id, n) in outcomes {
            record.outcomes_by.push((self.named(&id)?, n));
        }
        Ok(record)
    }

    fn add_case(
        &self,
        thread: &CaseThread,
        record: &mut PartyRecord,
        days: &mut Vec<i64>,
        (recorders, outcomes): (&mut Tally, &mut Tally),
    ) -> Result<(), ReadError> {
        for demand in thread.demands() {
            let best = demand.delivery.best().map(|(_, _, evidence)| evidence);
            let own = best.is_none_or(|evidence| evidence.teller == Teller::Addressee);
            // Without evidence, a reply by the respondent's own key proves delivery, though not its date.
            let Some(told_by) = best.map(|evidence| evidence.index).or(demand.reply.map(|(_, index)| index))
            else {
                record.undelivered += 1;
                continue;
            };
            record.demands += 1;
            record.delivered_by_own_key += usize::from(own);
            record.delivered_by_reply += usize::from(best.is_none());
            if own && self.doubt(&*self.entry_at(told_by)?, Some(&thread.case.respondent))?.is_some() {
                record.delivered_by_distrusted_key += 1;
            }
            *record.by_status.entry(demand.status).or_default() += 1;
            // A date without a day gives no number of days.
            let completed = demand.clock.completed.filter(|_| demand.clock.completed_from.is_none());
            let delivered = best.and_then(|evidence| evidence.days).and_then(Days::one);
            if let Some((from, to)) = delivered.zip(completed) {
                days.push(i64::from((to - from).get_days()));
            }
            let by = self.author(&*self.entry_at(demand.index)?)?.id;
            count(recorders, by);
            for (by, _) in Counts::by_record(&demand.items) {
                by.into_iter().for_each(|by| count(outcomes, by));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_five_there_is_no_median() {
        assert_eq!(median(vec![1, 2, 3, 4]), None);
        assert_eq!(median(vec![9, 1, 3, 2, 40]), Some(3));
        assert_eq!(median(vec![1, 2, 3, 4, 5, 6]), Some(3));
    }
}
