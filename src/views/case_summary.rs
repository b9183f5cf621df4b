//! Where a case stands, as known at one size and seen from one instant, and the sentences that say so (domain.md, the story
//! that must always run).

use jiff::civil::{Date, Weekday};

use super::{
    Attribution, Counts, Item, Named, Record, Revocation, Sentence, Times, Views, codes,
    dates::{MONTHS, at_words},
    deadline,
    demand::{
        Adjustment, Course, DeliveryState, Demand, Escalation, EvidenceLine, Notice, NoticeState, Started,
    },
    phrases::{capital, roll_words, route_words},
    sentence::Part,
    thread::CaseThread,
};
use crate::{
    event::{At, Body, Deadline, DisclosureMade, EventId, PositionTaken, StatementMade},
    ledger::ReadError,
    log::Time,
};

/// Where a case stands at an instant, by the entries below a size.
#[derive(Debug, Clone)]
pub struct CaseSummary {
    /// The case.
    pub case: EventId,
    /// `asOf`: the instant at which clocks are read; events of a later `at` don't count.
    pub as_of: Time,
    /// `knownAt`: the size of the tree that counts.
    pub known_at: u64,
    /// Its demands, in the order of the log.
    pub demands: Vec<Demand>,
    /// Where it stands: a sentence for each demand, or one for the case if it has no demand.
    pub sentences: Vec<Sentence>,
}

impl Views {
    /// Where a case stands at an instant, by the entries that these views know. `None` if it is no case on record.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case_summary(&self, case: &EventId, as_of: Time) -> Result<Option<CaseSummary>, ReadError> {
        let Some(thread) = self.case_thread(case, as_of)? else { return Ok(None) };
        self.summary_of(&thread, as_of).map(Some)
    }

    /// Where the case of a thread stands at the instant `as_of`.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn summary_of(&self, thread: &CaseThread, as_of: Time) -> Result<CaseSummary, ReadError> {
        let demands = thread.demands();
        let mut sentences = Vec::with_capacity(demands.len());
        for demand in &demands {
            sentences.push(self.demand_sentence(demand, as_of)?);
        }
        if demands.is_empty() {
            sentences.push(self.case_sentence(thread)?);
        }
        Ok(CaseSummary { case: thread.case.id, as_of, known_at: self.size, demands, sentences })
    }

    /// Where one demand stands.
    pub(super) fn demand_sentence(&self, demand: &Demand, as_of: Time) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        let reported = demand.backing.iter().all(|b| b.confirmed.is_none());
        if reported {
            let (n, s) = (demand.items.len(), if demand.items.len() == 1 { "" } else { "s" });
            line.say(capital(&format!("{} question{s} in ", number(n))));
            line.link(demand.index, "a letter");
            line.say(format!(" of {}, as reported", plain_date(&demand.at)));
            if let Some(count) = &demand.count {
                line.say("; ");
                line.link(count.index, &format!("{} signatures stated", count.standing()));
                line.say(if count.committed { roll_words(true) } else { ", no roll committed" });
            }
            line.say(". ");
        }
        if let Course::Withdrawn(index) = demand.course {
            line.link(index, "Withdrawn");
            let record = self.entry_at(index)?;
            if let Attribution::RecordedBy(by) = self.attribution(&record)? {
                line.say(", by the record of ");
                line.party(by, self.name(&by)?.to_string());
            }
            line.say(self.distrust_words(&record, None)?);
            line.say(". ");
        }
        let absent = self.delivery_words(&mut line, demand)?;
        self.clock_words(&mut line, demand)?;
        self.answer_words(&mut line, demand)?;
        if absent {
            line.say(format!("As of {}.", super::time_words(as_of)));
        }
        Ok(line.end())
    }

    /// Where a case without a demand stands: what is reported to have been claimed, and how often its respondent spoke.
    fn case_sentence(&self, thread: &CaseThread) -> Result<Sentence, ReadError> {
        let respondent = &thread.case.respondent;
        let mut line = Line::default();
        // The respondent's words that its own key signed, and those that others put on record.
        let (mut own, mut reported) = (Vec::new(), Vec::new());
        let mut claim = None;
        let mut incident = None;
        for t in thread.counting() {
            match t.event().body() {
                Body::IncidentReported(_) => incident = incident.or(Some(t.index())),
                Body::StatementMade(StatementMade { speaker: by, .. })
                | Body::PositionTaken(PositionTaken { party: by, .. })
                | Body::DisclosureMade(DisclosureMade { party: by, .. })
                    if by == respondent =>
                {
                    let list = if t.parties().any(|p| p == *by) { &mut own } else { &mut reported };
                    list.push(t);
                }
                Body::StatementMade(b) => match &b.reports {
                    Some(parties) if parties.contains(respondent) => reported.push(t),
                    Some(parties) => claim = claim.or(parties.first().map(|p| (t, *p))),
                    None => {}
                },
                _ => {}
            }
        }
        if let Some((record, party)) = claim {
            line.party(party, self.name(&party)?.to_string());
            line.say(" is reported to have ");
            let matter = match incident {
                Some(index) => self.matter(index)?,
                None => None,
            };
            let matter = matter.unwrap_or_else(|| "something".to_owned());
            line.link(record.index(), &format!("claimed {matter}"));
            line.say(format!(" {}. ", on_date(record.event().at())));
        } else {
            line.say("No demand on record. ");
        }
        let name = self.name(respondent)?.to_string();
        if own.is_empty() && reported.is_empty() {
            line.say("No position of ");
            line.party(*respondent, name);
            line.say(" on record.");
            return Ok(line.end());
        }
        line.party(*respondent, name);
        let mut and = "";
        for (list, how) in [(own, " spoke "), (reported, " is reported to have spoken ")] {
            let Some(last) = list.last() else { continue };
            let times = match list.len() {
                1 => "once".to_owned(),
                n => format!("{} times, last", number(n)),
            };
            line.say(and);
            line.say(how);
            line.link(last.index(), &times);
            line.say(format!(" {}{}", on_date(last.event().at()), self.distrust_words(last, None)?));
            and = ", and";
        }
        line.say(".");
        Ok(line.end())
    }

    /// The matter of an incident in a few words, if the words of its report give it.
    fn matter(&self, index: u64) -> Result<Option<String>, ReadError> {
        let Some(record) = self.record(index)? else { return Ok(None) };
        let words = self.words(&record)?;
        Ok(words.text("matter").map(|text| super::shown(&super::excerpt(text, 80)).into_owned()))
    }
}

/// `Fri 15 Dec 2023`.
pub(super) fn full_date(date: Date) -> String {
    Line::default().date(date)
}

/// The same, or `between Fri 1 Dec 2023 and Sun 31 Dec`.
pub(super) fn span_words(from: Option<Date>, date: Date) -> String {
    Line::default().span(from, date)
}

/// Up to this many parties are named one by one; of more, the last place goes to the rest, counted together.
const RECORDS_NAMED: usize = 3;

/// How many items have each outcome, and by whose record if not by the respondent's own: `1 answered; by the record of
/// Meja: 1 refused; 1 open`.
pub fn outcomes(counted: &[(Option<Named>, Counts)]) -> Sentence {
    let mut line = Line::default();
    let open: u64 = counted.iter().map(|(_, counts)| counts.open).sum();
    let has_outcome = |counts: &Counts| counts.all() > counts.open;
    let own = counted.iter().filter(|(by, counts)| by.is_none() && has_outcome(counts));
    let others: Vec<_> = counted.iter().filter_map(|(by, c)| by.as_ref().map(|by| (by, c))).collect();
    let mut said = own.map(|(_, counts)| outcome_words(*counts)).collect::<Vec<_>>().join(", ");
    let named = if others.len() > RECORDS_NAMED { RECORDS_NAMED - 1 } else { others.len() };
    for (by, counts) in others.iter().take(named) {
        let before = if said.is_empty() && line.parts.is_empty() { "" } else { "; " };
        line.say(format!("{said}{before}by the record of "));
        line.party(by.id, by.name.to_string());
        said = format!(": {}", outcome_words(**counts));
    }
    if let Some(rest) = others.get(named..).filter(|rest| !rest.is_empty()) {
        let mut together = Counts::default();
        for (_, counts) in rest {
            together += **counts;
        }
        said.push_str(&format!("; by the record of {} others: {}", rest.len(), outcome_words(together)));
    }
    if open > 0 {
        let before = match others.is_empty() {
            true if said.is_empty() => "",
            true => ", ",
            false => "; ",
        };
        said.push_str(&format!("{before}{open} open"));
    }
    line.say(said);
    line.end()
}

/// `1 answered, 1 refused`.
fn outcome_words(counts: Counts) -> String {
    let kinds = [
        (counts.answered, "answered"),
        (counts.partly, "partly answered"),
        (counts.refused, "refused"),
        (counts.not_held, "not held"),
    ];
    let said = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    said.collect::<Vec<_>>().join(", ")
}

/// A sentence being put together. A date leaves out its year if the date before had the same one.
#[derive(Default)]
struct Line {
    parts: Vec<Part>,
    year: Option<i16>,
}

impl Line {
    fn say(&mut self, text: impl AsRef<str>) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text.as_ref()),
            _ => self.parts.push(Part::Text(text.as_ref().to_owned())),
        }
    }
    fn part(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.say(text),
            part => self.parts.push(part),
        }
    }
    fn link(&mut self, index: u64, text: &str) {
        self.parts.push(Part::Entry { index, text: text.to_owned() });
    }
    fn party(&mut self, id: EventId, name: String) {
        self.parts.push(Part::Party { id, name });
    }
    /// `Fri 15 Dec 2023`.
    fn date(&mut self, date: Date) -> String {
        let year = if self.year == Some(date.year()) { String::new() } else { format!(" {}", date.year()) };
        self.year = Some(date.year());
        format!("{} {} {}{year}", weekday(date.weekday()), date.day(), month(date.month()))
    }
    /// The same, or `between Fri 1 Dec 2023 and Sun 31 Dec`.
    fn span(&mut self, from: Option<Date>, date: Date) -> String {
        match from {
            None => self.date(date),
            Some(from) => {
                let (from, to) = (self.date(from), self.date(date));
                format!("between {from} and {to}")
            }
        }
    }
    /// The same with `word` before it, but without an "on" before a span: `on Fri 15 Dec 2023`, or
    /// `between Fri 1 Dec 2023 and Sun 31 Dec`.
    fn span_after(&mut self, word: &str, from: Option<Date>, date: Date) -> String {
        let said = self.span(from, date);
        if from.is_none() || word != "on" { format!("{word} {said}") } else { said }
    }
    fn end(mut self) -> Sentence {
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.truncate(last.trim_end().len());
        }
        Sentence::of(self.parts)
    }
}

impl Views {
    /// When the answer to a demand falls due, as a sentence; empty if it sets no period.
    pub(super) fn clock_sentence(&self, demand: &Demand) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        self.clock_words(&mut line, demand)?;
        Ok(line.end())
    }

    /// Says when the answer falls due, whose rule that is, and which dates held before.
    fn clock_words(&self, line: &mut Line, demand: &Demand) -> Result<(), ReadError> {
        let clock = &demand.clock;
        let period = match &demand.deadline {
            None => None,
            Some(Deadline::By(_)) => Some("date chosen by the sender".to_owned()),
            Some(Deadline::Period { days: 1, .. }) => Some("1 day".to_owned()),
            Some(Deadline::Period { days, .. }) => Some(format!("{days} days")),
        };
        let rule = match &demand.deadline {
            Some(Deadline::Period { .. }) => "rule chosen by the sender",
            _ => "",
        };
        let (due, period) = match (clock.due, period) {
            (None, None) => return Ok(()),
            (None, Some(period)) => {
                line.say(format!("The clock has not started ({}). ", joined(&period, rule)));
                return Ok(());
            }
            (Some(due), period) => (due, period),
        };
        let terms = |line: &mut Line| -> Result<(), ReadError> {
            let Some(period) = &period else { return Ok(()) };
            line.say(format!(" ({period}"));
            let separator = if self.start_words(line, demand)? { "; " } else { ", " };
            line.say(if rule.is_empty() { ")".to_owned() } else { format!("{separator}{rule})") });
            Ok(())
        };
        let first = |line: &mut Line| -> Result<(), ReadError> {
            match (clock.first_due, &period) {
                (Some(first), _) => {
                    let first = line.span(clock.first_due_from, first);
                    line.say(format!("; first due {first}"));
                }
                (None, Some(_)) => line.say("; the clock of the first period has not started"),
                (None, None) => line.say("; the demand itself sets no period"),
            }
            terms(line)
        };
        if let Some((from, ran_out, adjustment)) = clock.ran_out_before() {
            let ran_out = line.span_after("on", from, ran_out);
            line.say(format!("The time to answer ran out {ran_out}; "));
            self.moved_words(line, adjustment, Some(due))?;
            let recorded = line.date(adjustment.recorded);
            line.say(format!(", recorded {recorded}"));
            first(line)?;
        } else {
            let due = line.span(clock.due_from, due);
            line.say(format!("Answer due {due}"));
            match clock.in_force() {
                Some(adjustment) => {
                    line.say(", ");
                    self.moved_words(line, adjustment, None)?;
                    first(line)?;
                }
                None => terms(line)?,
            }
        }
        if clock.is_before_demand {
            line.say(", which is before the demand itself");
        }
        if let Some(adjustment) = clock.set_aside() {
            line.say("; ");
            self.moved_words(line, adjustment, deadline::date(&adjustment.until))?;
            line.say(": not counted");
        }
        line.say(". ");
        Ok(())
    }

    /// Says how another date came about and by whose signatures: `extended to Fri 5 Jan 2024 by Persatuan`. Without `to` the
    /// date is left out, since the sentence has it already.
    fn moved_words(
        &self,
        line: &mut Line,
        adjustment: &Adjustment,
        to: Option<Date>,
    ) -> Result<(), ReadError> {
        line.link(adjustment.index, adjustment.words());
        if let Some(to) = to {
            let (before, after) = adjustment.around_day();
            let to = line.date(to);
            line.say(format!("{before}{to}{after}"));
        }
        line.say(" by ");
        let respondent = adjustment.respondent.filter(|respondent| *respondent != adjustment.by);
        // A party that is neither side put on record what the respondent signed.
        let recorded = respondent.filter(|_| !adjustment.is_demanders);
        let first = recorded.unwrap_or(adjustment.by);
        line.party(first, self.name(&first)?.to_string());
        match respondent {
            Some(respondent) => {
                let (between, second) = if recorded.is_some() {
                    (", recorded by ", adjustment.by)
                } else {
                    (" and ", respondent)
                };
                line.say(between);
                line.party(second, self.name(&second)?.to_string());
            }
            None if adjustment.is_alone() => line.say(" alone"),
            None => {}
        }
        let record = self.entry_at(adjustment.index)?;
        line.say(self.distrust_words(&record, None)?);
        Ok(())
    }

    /// An escalation as a sentence: `20 December 2023: to a regulator, Example Regulator, by the record of Meja.`
    pub(super) fn escalation_sentence(&self, step: &Escalation) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        line.link(step.index, &at_words(&step.at));
        line.say(format!(":{}", route_words(step.route)));
        if let Some(to) = step.to {
            line.say(", ");
            line.party(to, self.name(&to)?.to_string());
        }
        line.say(self.record_words(&*self.entry_at(step.index)?)?);
        line.say(".");
        Ok(line.end())
    }

    /// How another date came about, as a sentence of its own.
    pub(super) fn moved_sentence(&self, adjustment: &Adjustment) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        self.moved_words(&mut line, adjustment, deadline::date(&adjustment.until))?;
        Ok(line.end())
    }

    /// `, by the record of Meja and Meja Dua`; empty if `parties` is.
    pub(super) fn by_record_words(&self, parties: &[EventId]) -> Result<String, ReadError> {
        let named = if parties.len() > RECORDS_NAMED { RECORDS_NAMED - 1 } else { parties.len() };
        let mut names = Vec::with_capacity(named + 1);
        for party in parties.iter().take(named) {
            names.push(self.name(party)?.to_string());
        }
        if parties.len() > named {
            names.push(format!("{} others", parties.len() - named));
        }
        Ok(match names.split_last() {
            None => String::new(),
            Some((last, [])) => format!(", by the record of {last}"),
            Some((last, before)) => format!(", by the record of {} and {last}", before.join(", ")),
        })
    }

    /// Whose word an act is, in words that follow what it did: `, by the record of Meja` if no party that it speaks for signed
    /// it, and a note if its key is distrusted. Empty if neither is so.
    pub(super) fn record_words(&self, act: &Record) -> Result<String, ReadError> {
        let by = match self.attribution(act)? {
            Attribution::RecordedBy(by) => self.by_record_words(&[by])?,
            Attribution::FirstParty(_) | Attribution::SignedBy(_) => String::new(),
        };
        Ok(by + &self.distrust_words(act, None)?)
    }

    /// The state of a demand's clock in words, and by whose record: `Met, by the record of Meja`.
    pub(super) fn clock_state_words(&self, demand: &Demand) -> Result<String, ReadError> {
        let clock = &demand.clock;
        let by = self.by_record_words(&clock.met_by_record_of)?;
        let late =
            if clock.is_late_by_own_key { "; late by what the respondent’s own key signed" } else { "" };
        Ok(format!("{}{by}{late}", clock.words()))
    }

    /// The status of a demand in words, and by whose record.
    pub(super) fn status_words(&self, demand: &Demand) -> Result<String, ReadError> {
        let by = match demand.course {
            Course::Withdrawn(index) => self.record_words(&*self.entry_at(index)?)?,
            Course::Open | Course::Escalated(_) => self.by_record_words(&demand.status_by_record_of())?,
        };
        Ok(format!("{}{by}", demand.status.words()))
    }

    /// Says day 0 and on whose word it rests, unless the evidence that tells of the delivery says so already. Returns whether
    /// it said anything.
    fn start_words(&self, line: &mut Line, demand: &Demand) -> Result<bool, ReadError> {
        let Some((day, Started::Evidence(index))) = demand.clock.started else { return Ok(false) };
        if demand.delivery.best().is_some_and(|(_, _, told)| told.index == index) {
            return Ok(false);
        }
        let notices = demand.delivery.notices.iter();
        let Some(evidence) = notices.flat_map(|n| &n.evidence).find(|e| e.index == index) else {
            return Ok(false);
        };
        let day = line.span_after("counted from", demand.clock.started_from, day);
        line.say(format!(", {day}"));
        self.vouched_words(line, evidence)?;
        Ok(true)
    }

    /// What is on record of the delivery of a demand, as a sentence.
    pub(super) fn delivery_sentence(&self, demand: &Demand) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        self.delivery_words(&mut line, demand)?;
        Ok(line.end())
    }

    /// What was answered, as a sentence.
    pub(super) fn answer_sentence(&self, demand: &Demand) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        self.answer_words(&mut line, demand)?;
        Ok(line.end())
    }

    /// Says what is on record of the delivery. Returns whether it says that evidence is absent.
    fn delivery_words(&self, line: &mut Line, demand: &Demand) -> Result<bool, ReadError> {
        let delivery = &demand.delivery;
        let mut absent = false;
        match delivery.state() {
            DeliveryState::Reached(_) => {
                if let Some((grade, _, evidence)) = delivery.best() {
                    self.evidence_words(line, grade.words(), evidence)?;
                    line.say(". ");
                }
            }
            // The reply shows that it was received.
            DeliveryState::None if demand.reply.is_some() => {}
            DeliveryState::None => {
                line.say("No evidence of delivery on record. ");
                absent = true;
            }
            DeliveryState::Sent => {
                if let Some(notice) = delivery.notices.last() {
                    line.link(notice.index, "Sent");
                    line.say(format!(" {}", on_date(&notice.at)));
                    absent = demand.reply.is_none();
                    line.say(if absent { "; no evidence of delivery on record. " } else { ". " });
                }
            }
            DeliveryState::Failed => self.ended(line, "Delivery failed", delivery.notices.last())?,
            DeliveryState::RefusedOnDelivery => {
                let refused = delivery.notices.iter().rev().find(|n| n.state() == NoticeState::Refused);
                self.ended(line, "Refused on delivery", refused)?;
            }
        }
        if delivery.conflicting() {
            line.say("Evidence of delivery is conflicting. ");
        }
        if let Some((date, index)) = demand.reply.filter(|_| delivery.best().is_none()) {
            let date = line.date(date);
            line.say(format!("Received by {date} at the latest: "));
            line.link(index, "a reply");
            let record = self.entry_at(index)?;
            line.say(format!(
                " signed by a key of the respondent{} says so. ",
                self.doubt(&record, Some(&demand.respondent))?
                    .map_or_else(String::new, |revoked| format!(", {},", revoked.words()))
            ));
        }
        Ok(absent)
    }

    /// Says which evidence ended a notice.
    fn ended(&self, line: &mut Line, what: &str, notice: Option<&Notice>) -> Result<(), ReadError> {
        let Some(evidence) = notice.and_then(|n| n.evidence.iter().rev().find(|e| e.denies().is_some()))
        else {
            return Ok(());
        };
        self.evidence_words(line, what, evidence)?;
        if let Some(reason) = evidence.reason {
            line.say(format!(" ({})", codes::reason_words(reason)));
        }
        line.say(". ");
        Ok(())
    }

    /// `Handed over Fri 15 Dec 2023, on the sender's word`.
    fn evidence_words(&self, line: &mut Line, what: &str, evidence: &EvidenceLine) -> Result<(), ReadError> {
        line.link(evidence.index, what);
        match evidence.days.and_then(|days| days.one()) {
            Some(date) => {
                let date = line.date(date);
                line.say(format!(" {date}"));
            }
            None => line.say(format!(" {}", on_date(&evidence.at))),
        }
        self.vouched_words(line, evidence)
    }

    /// `, on the sender's word`.
    fn vouched_words(&self, line: &mut Line, evidence: &EvidenceLine) -> Result<(), ReadError> {
        let record = self.entry_at(evidence.index)?;
        for part in self.vouched(&record, evidence.vouched_by, evidence.teller)?.parts() {
            line.part(part.clone());
        }
        Ok(())
    }

    /// Says how many items have each outcome, and how far past its date the demand is.
    fn answer_words(&self, line: &mut Line, demand: &Demand) -> Result<(), ReadError> {
        let (counts, clock) = (demand.counts(), &demand.clock);
        let mut counted = Vec::new();
        for (by, counts) in Counts::by_record(&demand.items) {
            counted.push((by.map(|by| self.named(&by)).transpose()?, counts));
        }
        if counts.open == counts.all() {
            line.say("No answer on record");
        } else {
            for (i, part) in outcomes(&counted).parts().iter().enumerate() {
                match part {
                    Part::Text(text) if i == 0 => line.say(capital(text)),
                    part => line.part(part.clone()),
                }
            }
        }
        line.say(self.doubtful_answers(demand)?);
        // Nobody waits for the answer to a demand that was taken back.
        let withdrawn = matches!(demand.course, Course::Withdrawn(_));
        let days_over = clock.days_over_words().filter(|_| !withdrawn);
        match (days_over, clock.completed, clock.due) {
            (Some(days), ..) => line.say(format!(", {days} past its date")),
            (None, Some(completed), Some(due)) if completed > due => {
                let completed = line.span(clock.completed_from, completed);
                let is_first =
                    |item: &Item| item.latest().zip(item.outcomes().next()).is_none_or(|(a, b)| a == b);
                // The day is that of first outcomes; the outcomes counted above may be later ones.
                match demand.items.iter().all(is_first) {
                    true => line.say(format!(", the last {completed}")),
                    false => line.say(format!(", each with an outcome since {completed}")),
                }
            }
            _ => {}
        }
        line.say(". ");
        Ok(())
    }
}

impl Views {
    /// How many of the outcomes that count are dated ahead of their recording, and how many are signed by a distrusted key, in
    /// words; empty if none is.
    fn doubtful_answers(&self, demand: &Demand) -> Result<String, ReadError> {
        let (mut ahead, mut distrusted, mut newest) = (0, 0, None::<Revocation>);
        let mut latest: Vec<_> = demand.items.iter().filter_map(|i| i.latest().map(|a| a.index)).collect();
        latest.sort_unstable();
        // One disclosure may answer many items.
        for answers in latest.chunk_by(|a, b| a == b) {
            let record = self.entry_at(answers[0])?;
            if Times::of(&record).is_ahead() {
                ahead += answers.len();
            }
            if let Some(revoked) = self.doubt(&record, None)? {
                distrusted += answers.len();
                newest = newest.filter(|newest| newest.index > revoked.index).or(Some(revoked));
            }
        }
        let of_them = |n: usize| if n == latest.len() { String::new() } else { format!("{n} of them ") };
        let ahead = (ahead > 0).then(|| format!(" ({}dated ahead of its recording)", of_them(ahead)));
        let distrusted =
            newest.map(|revoked| format!(" ({}signed by {})", of_them(distrusted), revoked.words()));
        Ok(ahead.unwrap_or_default() + &distrusted.unwrap_or_default())
    }
}

/// The two parts with a comma between them; the first alone if the second is empty.
fn joined(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}, {second}") }
}

/// `15 Dec 2023` or `Dec 2023`, as it was written.
fn plain_date(at: &At) -> String {
    let month_of = |text: &str| text.parse::<i8>().map(month).unwrap_or_default();
    let date = at.date();
    let (year, rest) = date.split_at_checked(4).unwrap_or((date, ""));
    let month = month_of(rest.get(1..3).unwrap_or_default());
    match rest.get(4..6).and_then(|d| d.parse::<u8>().ok()) {
        Some(day) => format!("{day} {month} {year}"),
        None => format!("{month} {year}"),
    }
}

/// `on 15 Dec 2023` or `in Dec 2023`.
fn on_date(at: &At) -> String {
    format!("{} {}", if at.has_day() { "on" } else { "in" }, plain_date(at))
}

fn month(month: i8) -> &'static str {
    let name = usize::try_from(month).ok().and_then(|m| MONTHS.get(m.wrapping_sub(1)));
    name.and_then(|name| name.get(..3)).unwrap_or_default()
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// Small numbers in words.
fn number(n: usize) -> String {
    const WORDS: [&str; 11] =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    WORDS.get(n).map_or_else(|| n.to_string(), |word| (*word).to_owned())
}
