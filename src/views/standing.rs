//! Where a case stands at two instants, and the sentences that say so (domain.md, the story that must always run).

use jiff::civil::{Date, Weekday};

use super::{
    Counts, Named, Sentence, Views, codes,
    dates::MONTHS,
    demand::{Course, Delivery, DeliveryState, Demand, EvidenceLine, Notice, NoticeState},
    sentence::{Part, roll_words},
    thread::CaseThread,
};
use crate::{
    event::{At, Body, Deadline, DisclosureMade, EventId, PositionTaken, StatementMade},
    ledger::ReadError,
    log::Time,
};

/// A case at an instant, by the entries below a size.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The case.
    pub case: EventId,
    /// `asOf`: the instant at which clocks are read; events of a later `at` don't count.
    pub as_of: Time,
    /// `knownAt`: the size of the tree that counts.
    pub known_at: u64,
    /// Its demands, in the order of the log.
    pub demands: Vec<Demand>,
    /// Where it stands: a sentence for each demand, or one for the case where there is none.
    pub sentences: Vec<Sentence>,
}

impl Views {
    /// Where a case stands at an instant, by the entries that these views know. `None` if it is no case on record.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn standing(&self, case: &EventId, as_of: Time) -> Result<Option<Standing>, ReadError> {
        let Some(thread) = self.case_thread(case, as_of)? else { return Ok(None) };
        self.standing_of(&thread, as_of).map(Some)
    }

    /// Where the case of a thread stands.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn standing_of(&self, thread: &CaseThread, as_of: Time) -> Result<Standing, ReadError> {
        let demands = thread.demands();
        let mut sentences = Vec::with_capacity(demands.len());
        for demand in &demands {
            sentences.push(self.demand_sentence(demand, as_of)?);
        }
        if demands.is_empty() {
            sentences.push(self.case_sentence(thread)?);
        }
        Ok(Standing { case: thread.case.id, as_of, known_at: self.size, demands, sentences })
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
            line.say(". ");
        }
        let absent = self.delivery_words(&mut line, &demand.delivery)?;
        clock_words(&mut line, demand);
        self.answer_words(&mut line, demand)?;
        if absent {
            line.say(format!("As of {}.", super::time_words(as_of)));
        }
        Ok(line.end())
    }

    /// Where a case without a demand stands: what is reported to have been claimed, and what its respondent said.
    fn case_sentence(&self, thread: &CaseThread) -> Result<Sentence, ReadError> {
        let respondent = &thread.case.respondent;
        let mut line = Line::default();
        // What it said by its own key, and what others put on record of it.
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
            line.say(format!(" {}", on_date(last.event().at())));
            and = ", and";
        }
        line.say(".");
        Ok(line.end())
    }

    /// What an incident is about in a few words, if the words of its report say so.
    fn matter(&self, index: u64) -> Result<Option<String>, ReadError> {
        let Some(record) = self.record(index)? else { return Ok(None) };
        let words = self.words(&record)?;
        Ok(words.text("matter").map(|text| super::shown(&super::excerpt(text, 80)).into_owned()))
    }
}

/// When the answer to a demand falls due, as a sentence; empty if it sets no period.
pub(super) fn clock_sentence(demand: &Demand) -> Sentence {
    let mut line = Line::default();
    clock_words(&mut line, demand);
    line.end()
}

/// `Fri 15 Dec 2023`.
pub(super) fn full_date(date: Date) -> String {
    Line::default().date(date)
}

/// The same, or `between Fri 1 Dec 2023 and Sun 31 Dec`.
pub(super) fn span_words(from: Option<Date>, date: Date) -> String {
    Line::default().span(from, date)
}

/// The records that are named one by one before the rest of them is counted together.
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

/// A sentence being put together. A date repeats no year that was said just before.
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
    fn end(mut self) -> Sentence {
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.truncate(last.trim_end().len());
        }
        Sentence::of(self.parts)
    }
}

/// When the answer falls due, whose rule that is, and which dates were there before.
fn clock_words(line: &mut Line, demand: &Demand) {
    let clock = &demand.clock;
    let period = match &demand.deadline {
        None => None,
        Some(Deadline::By(_)) => Some("date chosen by the sender".to_owned()),
        Some(Deadline::Period { days: 1, .. }) => Some("1 day, rule chosen by the sender".to_owned()),
        Some(Deadline::Period { days, .. }) => Some(format!("{days} days, rule chosen by the sender")),
    };
    match (clock.due, &period) {
        (None, None) => {}
        (None, Some(period)) => {
            line.say(format!("The clock has not started ({period}). "));
        }
        (Some(due), _) => {
            if let Some((ran_out, adjustment)) = clock.ran_out_before() {
                let (ran_out, due) = (line.date(ran_out), line.date(due));
                line.say(format!("The time to answer ran out on {ran_out}; "));
                line.link(adjustment.index, &format!("{} to {due}", adjustment.change));
                let recorded = line.date(adjustment.recorded);
                line.say(format!(" on {recorded}. "));
                return;
            }
            let due = line.span(clock.due_from, due);
            line.say(format!("Answer due {due}"));
            match (clock.adjustments.last(), period) {
                (Some(adjustment), _) => {
                    line.say(", ");
                    line.link(adjustment.index, adjustment.change.as_str());
                    if let Some(first) = clock.first_due {
                        let first = line.date(first);
                        line.say(format!(" from {first}"));
                    }
                }
                (None, Some(period)) => line.say(format!(" ({period})")),
                (None, None) => {}
            }
            line.say(". ");
        }
    }
}

impl Views {
    /// What is on record of the delivery of a demand, as a sentence.
    pub(super) fn delivery_sentence(&self, delivery: &Delivery) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        self.delivery_words(&mut line, delivery)?;
        Ok(line.end())
    }

    /// What was answered, as a sentence.
    pub(super) fn answer_sentence(&self, demand: &Demand) -> Result<Sentence, ReadError> {
        let mut line = Line::default();
        self.answer_words(&mut line, demand)?;
        Ok(line.end())
    }

    /// What is on record of the delivery; whether something is said to be absent.
    fn delivery_words(&self, line: &mut Line, delivery: &Delivery) -> Result<bool, ReadError> {
        let mut absent = false;
        match delivery.state() {
            DeliveryState::Reached(_) => {
                if let Some((grade, _, evidence)) = delivery.best() {
                    self.evidence_words(line, grade.words(), evidence)?;
                    line.say(". ");
                }
            }
            DeliveryState::None => {
                line.say("No evidence of delivery on record. ");
                absent = true;
            }
            DeliveryState::Sent => {
                if let Some(notice) = delivery.notices.last() {
                    line.link(notice.index, "Sent");
                    line.say(format!(" {}; no evidence of delivery on record. ", on_date(&notice.at)));
                    absent = true;
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
        Ok(absent)
    }

    /// The evidence that ended a notice.
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
        let record = self.entry_at(evidence.index)?;
        for part in self.vouched(&record, evidence.vouched_by, evidence.teller)?.parts() {
            line.part(part.clone());
        }
        Ok(())
    }

    /// How many items have each outcome, and how far past the date the rest is.
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
        // Nobody waits for the answer to what was taken back.
        let withdrawn = matches!(demand.course, Course::Withdrawn(_));
        let days_over = clock.days_over_words().filter(|_| !withdrawn);
        match (days_over, clock.completed, clock.due) {
            (Some(days), ..) => line.say(format!(", {days} past its date")),
            (None, Some(completed), Some(due)) if completed > due => {
                let completed = line.span(clock.completed_from, completed);
                line.say(format!(", the last {completed}"));
            }
            _ => {}
        }
        line.say(". ");
        Ok(())
    }
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

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
