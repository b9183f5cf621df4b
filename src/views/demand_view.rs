//! A demand as it is shown: each item beside its answers, every attempt to deliver the demand, the clock with its
//! working, and the parties behind it.

use serde_json::Value;

use super::{
    Attribution, Case, Marks, Named, Record, Said, Sentence, Times, Views, Words,
    case_summary::{full_date, span_words},
    codes,
    codes::label,
    dates,
    demand::{Backer, Confirmed, Demand, EvidenceLine, Notice, NoticeState, Started, Teller},
    optional_words, phrases,
    thread::CaseThread,
};
use crate::{
    event::{Body, Deadline, DeadlineRule, EventId, Outcome, Verdict},
    ledger::ReadError,
    log::Time,
};

/// What one disclosure says to an item of a demand.
#[derive(Debug, Clone)]
pub struct AnswerView {
    /// Index of the disclosure.
    pub index: u64,
    /// What became of the item.
    pub outcome: Outcome,
    /// When the disclosure was made, and recorded.
    pub times: Times,
    /// Whose word it is.
    pub attribution: Attribution,
    /// The party whose word it is, with its name.
    pub attributed: optional_words::Named,
    /// The answer itself.
    pub text: Said,
    /// The demander's verdict on it, and the index of the assessment.
    pub assessed: Option<(Verdict, u64)>,
    /// What later entries did to the disclosure.
    pub since: Marks,
}

impl AnswerView {
    /// The outcome, in words.
    pub fn outcome_words(&self) -> &'static str {
        match self.outcome {
            Outcome::Answered => "answered",
            Outcome::Partly => "partly answered",
            Outcome::Refused => "refused",
            Outcome::NotHeld => "not held",
            Outcome::Holding => "to be answered later",
        }
    }
}

/// One item of a demand: what was asked, and what was answered.
#[derive(Debug, Clone)]
pub struct ItemView {
    /// Its number, from 1.
    pub number: u64,
    /// What was asked.
    pub text: Said,
    /// The outcome that counts: the latest by the respondent's own key, else the latest.
    pub latest: Option<AnswerView>,
    /// All other answers to it, the latest first.
    pub earlier: Vec<AnswerView>,
    /// Whether it stands word for word in the text on record as signed; unknown if the words of one of the two can't be read.
    pub signed: Option<bool>,
}

/// One piece of evidence of delivery.
#[derive(Debug, Clone)]
pub struct EvidenceView {
    /// The evidence.
    pub line: EvidenceLine,
    /// When it happened, and was recorded.
    pub times: Times,
    /// What happened, in words.
    pub words: &'static str,
    /// Why the notice was not delivered, in words.
    pub reason: Option<&'static str>,
    /// Whose word it is: `, on the sender's word`.
    pub vouched: Sentence,
    /// The party whose word it is by the keys that signed: the addressee, the sender, or the party that recorded it.
    pub told_by: EventId,
    /// Whether its words name a file; unknown if they can't be read.
    pub encloses: Option<bool>,
    /// Its author's account of what happened; of an acknowledgement, its text.
    pub account: Said,
    /// Whether it says that the notice came further than other evidence of the same notice allows.
    pub contradicted: bool,
    /// What later entries did to it.
    pub since: Marks,
}

/// One notice, with all that is on record of it.
#[derive(Debug, Clone)]
pub struct NoticeView {
    /// The notice.
    pub notice: Notice,
    /// Who sent it.
    pub sender: Named,
    /// Whom it was sent to.
    pub addressee: Named,
    /// When it was sent, and recorded.
    pub times: Times,
    /// The address that was used.
    pub address: Said,
    /// Why that is the proper address.
    pub why: Said,
    /// The evidence of it, by date.
    pub evidence: Vec<EvidenceView>,
    /// What later entries did to it.
    pub since: Marks,
}

impl NoticeView {
    /// How it was sent.
    pub fn channel_words(&self) -> &'static str {
        phrases::channel_words(self.notice.channel).trim_start()
    }
    /// How far it came, in words.
    pub fn state_words(&self) -> &'static str {
        match self.notice.state() {
            NoticeState::Sent if self.notice.conflicting() => "conflicting evidence",
            NoticeState::Sent => "sent; no evidence of delivery on record",
            NoticeState::Failed => "failed",
            NoticeState::Refused => "refused on delivery",
            NoticeState::Reached(grade) => grade.words(),
        }
    }
    /// On whose word it reached its grade, if it reached one.
    pub fn vouched(&self) -> Option<&Sentence> {
        let NoticeState::Reached(_) = self.notice.state() else { return None };
        let (_, best) = self.notice.best()?;
        self.evidence.iter().find(|e| e.line.index == best.index).map(|e| &e.vouched)
    }
}

/// A party that is named behind a demand.
#[derive(Debug, Clone)]
pub struct BackerView {
    /// Its role, and how it confirmed that it stands behind the demand.
    pub backer: Backer,
    /// The party.
    pub party: Named,
    /// Says that the key that confirmed it is distrusted; else empty.
    pub distrusted: String,
}

/// The text that people signed, beside the letter.
#[derive(Debug, Clone)]
pub struct SignedText {
    /// Index of the collection.
    pub index: u64,
    /// The text.
    pub text: Said,
    /// What later entries did to it.
    pub since: Marks,
}

/// A line of the working of a clock: a label, its value, and the entry that the value is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// The label.
    pub label: &'static str,
    /// The value, in words.
    pub value: String,
    /// The code of the rule, on the line whose value puts it in words.
    pub code: Option<&'static str>,
    /// Index of the entry that it is taken from.
    pub index: Option<u64>,
}

/// A demand as it is shown.
#[derive(Debug, Clone)]
pub struct DemandView {
    /// Its states.
    pub demand: Demand,
    /// When it was issued, and recorded.
    pub times: Times,
    /// Whom it asks.
    pub respondent: Named,
    /// Whose word it is.
    pub attribution: Attribution,
    /// The party whose word it is, with its name.
    pub attributed: Named,
    /// Where it stands.
    pub sentence: Sentence,
    /// What is on record of its delivery.
    pub delivery: Sentence,
    /// When the answer falls due.
    pub clock: Sentence,
    /// The state of the clock in words, and by whose record.
    pub clock_words: String,
    /// Its status in words, and by whose record.
    pub status_words: String,
    /// Each escalation to another body, and by whose record.
    pub escalated: Vec<Sentence>,
    /// How the dates of the clock were computed, line by line.
    pub working: Vec<Working>,
    /// What was answered.
    pub answered: Sentence,
    /// The text before the items.
    pub preamble: Said,
    /// Its items.
    pub items: Vec<ItemView>,
    /// Notices to the respondent, in the order of the log.
    pub attempts: Vec<NoticeView>,
    /// Notices to others, which do not count as delivery.
    pub copies: Vec<NoticeView>,
    /// The parties that are named behind it.
    pub backing: Vec<BackerView>,
    /// The text that people signed.
    pub signed: Option<SignedText>,
    /// What later entries did to it.
    pub since: Marks,
}

impl ItemView {
    /// Whether `other`, an answer that does not count, was recorded after the one that counts.
    pub fn is_later(&self, other: &AnswerView) -> bool {
        self.latest.as_ref().is_some_and(|latest| other.index > latest.index)
    }

    /// The demander's verdict on the outcome that counts, and the index of the assessment.
    pub fn assessed(&self) -> Option<(Verdict, u64)> {
        self.latest.as_ref().and_then(|l| l.assessed)
    }

    /// Whether it stands in the signed text, in words.
    pub fn signed_words(&self) -> &'static str {
        match self.signed {
            Some(true) => "word for word in the text on record as signed",
            Some(false) => "not word for word in the text on record as signed",
            None => "can't be compared: the words of one of the two are not here",
        }
    }
}

impl DemandView {
    /// The note that goes with every computed date (domain.md, deadlines).
    pub const PERIOD_NOTE: &'static str = "Period and rule are chosen by the sender. Malaysia's Interpretation Acts \
        bind written law, a letter only if it says so. Holidays after the last listed are not considered.";

    /// The same, for templates.
    pub fn period_note(&self) -> &'static str {
        Self::PERIOD_NOTE
    }
    /// On whose word day 0 rests, if evidence of delivery started the clock: `on the sender's word`.
    pub fn started_on_word_of(&self) -> Option<String> {
        let (_, Started::Evidence(index)) = self.demand.clock.started? else { return None };
        let evidence = self.attempts.iter().flat_map(|n| &n.evidence).find(|e| e.line.index == index)?;
        Some(evidence.vouched.to_string().trim_start_matches(", ").to_owned())
    }
    /// How many signatures stand behind it, if its organiser confirmed the count.
    pub fn count_words(&self) -> Option<String> {
        let count = self.demand.count.filter(|_| self.demand.shows_count())?;
        let roll = phrases::roll_words(count.committed);
        Some(match (count.committed, count.less) {
            (false, _) => format!("{}{roll}", count.standing()),
            (true, 0) => format!("{} standing{roll}", count.standing()),
            (true, less) => format!(
                "{} standing, of {} ever confirmed ({less} withdrawn, duplicate or invalid){roll}",
                count.standing(),
                count.count
            ),
        })
    }
    /// How many of its items are known to stand in the signed text, and how many it has.
    pub fn items_signed(&self) -> (usize, usize) {
        (self.items.iter().filter(|i| i.signed == Some(true)).count(), self.items.len())
    }
    /// Whether the demand sets a date or a period, which the page then explains.
    pub fn has_period(&self) -> bool {
        self.demand.deadline.is_some()
    }
}

/// Text with every run of white space made one space, so that the line breaks of a letter don't count as a difference.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Item `number` of the words of a demand, or of the answers of a disclosure.
fn numbered(words: &Words, member: &str, number: u64) -> Said {
    let Words::Present { content, .. } = words else { return Said::of(words, None) };
    let at = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
    let text = match content.members().get(member) {
        Some(Value::Array(list)) => list.get(at).and_then(Value::as_str),
        Some(Value::Object(map)) => map.get(&number.to_string()).and_then(Value::as_str),
        _ => None,
    };
    Said::of(words, text)
}

/// A demand with its case and its two instants, to be shown by itself.
#[derive(Debug, Clone)]
pub struct DemandSheet {
    /// The case it stands in.
    pub case: Case,
    /// The demand.
    pub view: DemandView,
    /// `asOf`.
    pub as_of: Time,
    /// `knownAt`.
    pub known_at: u64,
    /// The size of the latest checkpoint.
    pub latest: u64,
}

impl Views {
    /// A demand with its case, at the instant `as_of`. `None` if the event is no demand, or does not count at that instant.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn demand(&self, id: &EventId, as_of: Time) -> Result<Option<DemandSheet>, ReadError> {
        let Some(record) = self.record_of(id)? else { return Ok(None) };
        let (Body::DemandIssued(_), Some(case)) = (record.event().body(), record.event().case()) else {
            return Ok(None);
        };
        let Some(thread) = self.case_thread(&case, as_of)? else { return Ok(None) };
        let Some(demand) = thread.demands().into_iter().find(|d| d.id == *id) else { return Ok(None) };
        let sentence = self.demand_sentence(&demand, as_of)?;
        let view = self.demand_view(&thread, demand, sentence)?;
        let latest = self.checkpoint.checkpoint().size();
        Ok(Some(DemandSheet { case: thread.case.clone(), view, as_of, known_at: self.size, latest }))
    }

    /// The index of a demand's entry, if the demand was declared void; `None` for any other event.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn void_demand(&self, id: &EventId) -> Result<Option<u64>, ReadError> {
        let Some(record) = self.record_of(id)? else { return Ok(None) };
        let is_demand = matches!(record.event().body(), Body::DemandIssued(_));
        Ok((is_demand && self.fate(id)?.voided).then_some(record.index()))
    }

    /// A demand of a thread, laid out.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn demand_view(
        &self,
        thread: &CaseThread,
        demand: Demand,
        sentence: Sentence,
    ) -> Result<DemandView, ReadError> {
        let record = self.entry_at(demand.index)?;
        let words = self.words(&record)?;
        let signed = match demand.collection {
            Some(id) => self.record_of(&id)?,
            None => None,
        };
        let signed = match signed {
            Some(r) => {
                Some(SignedText { index: r.index(), text: self.said(&r, "text")?, since: self.marks(&r)? })
            }
            None => None,
        };
        let signed_flat = signed.as_ref().and_then(|s| s.text.text()).map(flat);
        let mut items = Vec::with_capacity(demand.items.len());
        for item in &demand.items {
            let text = numbered(&words, "items", item.number);
            let (mut latest, mut earlier) = (None, Vec::new());
            let counts = item.latest().map(|answer| answer.index);
            for answer in item.answers.iter().rev() {
                let view = self.answer_view(answer, item.number)?;
                if latest.is_none() && counts == Some(answer.index) && answer.outcome != Outcome::Holding {
                    latest = Some(view);
                } else {
                    earlier.push(view);
                }
            }
            let signed = match (&signed_flat, text.text()) {
                (Some(signed), Some(text)) => Some(signed.contains(&flat(text))),
                _ => None,
            };
            items.push(ItemView { number: item.number, text, latest, earlier, signed });
        }
        let mut backing = Vec::new();
        for backer in &demand.backing {
            let confirmed = match backer.confirmed {
                Some(Confirmed::Signed) => Some(demand.index),
                Some(Confirmed::Affirmed(index)) => Some(index),
                None => None,
            };
            let distrusted = match confirmed {
                Some(index) => self.distrust_words(&*self.entry_at(index)?, Some(&backer.party))?,
                None => String::new(),
            };
            backing.push(BackerView { backer: *backer, party: self.named(&backer.party)?, distrusted });
        }
        let notices = |list: &[Notice]| list.iter().map(|n| self.notice_view(n)).collect::<Result<_, _>>();
        let attribution = self.attribution(&record)?;
        let attempts: Vec<NoticeView> = notices(&demand.delivery.notices)?;
        Ok(DemandView {
            times: Times::of(&record),
            respondent: self.named(&demand.respondent)?,
            attribution,
            attributed: self.named(&attribution.party())?,
            sentence,
            delivery: self.delivery_sentence(&demand)?,
            clock: self.clock_sentence(&demand)?,
            clock_words: self.clock_state_words(&demand)?,
            status_words: self.status_words(&demand)?,
            escalated: demand
                .escalations
                .iter()
                .map(|step| self.escalation_sentence(step))
                .collect::<Result<_, _>>()?,
            working: self.working(&demand, thread, &attempts)?,
            answered: self.answer_sentence(&demand)?,
            preamble: Said::of(&words, words.text("preamble")),
            items,
            attempts,
            copies: notices(&demand.delivery.copies)?,
            backing,
            signed,
            since: self.marks(&record)?,
            demand,
        })
    }

    fn answer_view(&self, answer: &super::Answer, number: u64) -> Result<AnswerView, ReadError> {
        let record = self.entry_at(answer.index)?;
        let attribution = self.attribution(&record)?;
        Ok(AnswerView {
            index: answer.index,
            outcome: answer.outcome,
            times: Times::of(&record),
            attribution,
            attributed: self.named(&attribution.party())?,
            text: numbered(&*self.words(&record)?, "answers", number),
            assessed: answer.assessed,
            since: self.marks(&record)?,
        })
    }

    fn notice_view(&self, notice: &Notice) -> Result<NoticeView, ReadError> {
        let record = self.entry_at(notice.index)?;
        let mut evidence = Vec::new();
        for line in &notice.evidence {
            let record = self.entry_at(line.index)?;
            evidence.push(EvidenceView {
                words: line
                    .evidence
                    .map_or("acknowledged with the addressee’s own key", codes::evidence_words),
                reason: line.reason.map(codes::reason_words),
                vouched: self.vouched(&record, line.vouched_by, line.teller)?,
                told_by: match line.teller {
                    Teller::Addressee => notice.addressee,
                    Teller::Sender => notice.sender,
                    Teller::Other(party) => party,
                },
                encloses: self.encloses(&record)?,
                times: Times::of(&record),
                account: self.said(&record, if line.evidence.is_some() { "account" } else { "text" })?,
                contradicted: notice.is_contradicted(line),
                since: self.marks(&record)?,
                line: line.clone(),
            });
        }
        Ok(NoticeView {
            sender: self.named(&notice.sender)?,
            addressee: self.named(&notice.addressee)?,
            times: Times::of(&record),
            address: self.said(&record, "address")?,
            why: self.said(&record, "why")?,
            evidence,
            since: self.marks(&record)?,
            notice: notice.clone(),
        })
    }

    /// An entry that is known to be on record below the size. An error if the store does not have it.
    pub(super) fn entry_at(&self, index: u64) -> Result<std::sync::Arc<Record>, ReadError> {
        self.record(index)?.ok_or_else(|| ReadError::Fault(format!("entry {index} is missing")))
    }
}

impl Views {
    /// The working of a demand's clock, line by line.
    fn working(
        &self,
        demand: &Demand,
        thread: &CaseThread,
        attempts: &[NoticeView],
    ) -> Result<Vec<Working>, ReadError> {
        let mut lines = Vec::new();
        let mut say = |label, value: String, index: Option<u64>| {
            // Only the line of the rule has a code.
            let code = match &demand.deadline {
                Some(Deadline::Period { rule, .. }) if label == "Rule" => Some(rule.as_str()),
                _ => None,
            };
            lines.push(Working { label, value, code, index });
        };
        let clock = &demand.clock;
        match &demand.deadline {
            None => {}
            Some(Deadline::By(day)) => say("Date set", dates::day_words(day), Some(demand.index)),
            Some(Deadline::Period { days, rule, from, weekly, holidays }) => {
                let days = if *days == 1 { "1 day".to_owned() } else { format!("{days} days") };
                say(
                    "Period",
                    format!("{days}, from {}", from.as_str().replace('_', " ")),
                    Some(demand.index),
                );
                let how = match rule {
                    DeadlineRule::Calendar => "calendar days: every day counts",
                    DeadlineRule::Working => "working days: Saturdays, Sundays and holidays are not counted",
                    DeadlineRule::InterpretationAct54 => {
                        "as under Malaysia's Interpretation Acts: the weekly holiday and holidays are excluded, Saturday \
                     is not; 6 days or fewer skip excluded days, a longer period counts them"
                    }
                };
                say("Rule", how.to_owned(), Some(demand.index));
                if let Some(weekly) = weekly {
                    say("Weekly holiday", label(weekly.as_str()), Some(demand.index));
                }
                let list: Vec<String> = holidays.iter().map(dates::day_words).collect();
                let list = if list.is_empty() { "none listed".to_owned() } else { list.join(", ") };
                say("Holidays", list, Some(demand.index));
            }
        }
        if let Some((day, started)) = clock.started {
            let (why, index) = match started {
                Started::Issued => ("the demand was issued".to_owned(), demand.index),
                Started::Evidence(index) => {
                    let evidence = attempts.iter().flat_map(|n| &n.evidence).find(|e| e.line.index == index);
                    let vouched = evidence.map(|e| e.vouched.to_string()).unwrap_or_default();
                    (format!("the earliest evidence of that grade or better{vouched}"), index)
                }
                Started::Reply(index) => {
                    let distrusted =
                        self.distrust_words(&*self.entry_at(index)?, Some(&demand.respondent))?;
                    (
                        format!("a reply from the respondent’s own key proves receipt by then{distrusted}"),
                        index,
                    )
                }
            };
            let day = span_words(clock.started_from, day);
            say("Day 0", format!("{day}: {why} (dates in {})", thread.case.timezone), Some(index));
        }
        if let Some(due) = &clock.working {
            if let Some(counted_to) = due.counted_to.filter(|to| *to != due.last) {
                say("Counted to", format!("{}, which rolls on", full_date(counted_to)), None);
            }
            if !due.passed.is_empty() {
                let list = due.passed.iter().map(|(day, why)| format!("{} ({why})", full_date(*day)));
                say("Passed over", list.collect::<Vec<_>>().join(", "), None);
            }
        }
        if let Some(first) = clock.first_due {
            let first_due = match clock.first_due_from {
                Some(from) => {
                    format!("{} (day 0 is known by its month alone)", span_words(Some(from), first))
                }
                None => full_date(first),
            };
            say("Last day", format!("{first_due}, which counts whole"), None);
        }
        for adjustment in &clock.adjustments {
            let recorded = full_date(adjustment.recorded);
            let moved = self.moved_sentence(adjustment)?;
            let not_counted = if adjustment.counts { "" } else { ": not counted" };
            say("New date", format!("{moved}, recorded {recorded}{not_counted}"), Some(adjustment.index));
        }
        if let Some(completed) = clock.completed {
            let mut recorders = Vec::new();
            for by in demand.items.iter().filter_map(|item| item.outcomes().next()?.recorded_by) {
                if !recorders.contains(&by) {
                    recorders.push(by);
                }
            }
            let by = self.by_record_words(&recorders)?;
            let since = span_words(clock.completed_from, completed);
            say("All items have an outcome since", format!("{since}{by}"), None);
        }
        if let Some(days) = clock.days_over_words() {
            say("Past its date", days, None);
        }
        Ok(lines)
    }
}
