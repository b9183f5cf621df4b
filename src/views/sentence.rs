//! An entry as one English sentence: neutral, in the words of domain.md, and never a verdict.
//!
//! A sentence is made of parts, so that a page can link the parties and entries it names.

use std::fmt;

use super::{
    Attribution, Name, Record, Views, Words,
    codes::{evidence_words, positions_words, reason_words},
    dates, excerpt,
    party::kind_words,
    phrases::{
        announced, capture_words, channel_words, count_words, medium_words, outcomes_words, relation_words,
        route_words, stance_words,
    },
    shown,
};
use crate::{
    event::{
        At, Body, CaptureMethod, ClockStart, CommitmentOutcome, CorrectionEffect, Deadline, DeadlineAdjusted,
        DeadlineChange, DisclosureKind, EventId, EventType, Language, RecheckResult, Standing, Verdict,
    },
    ledger::ReadError,
};

/// The most characters of an entry's words that its sentence quotes.
const QUOTED: usize = 200;
/// The most records that one phrase names before it says how many there are.
const NAMED: usize = 3;

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Our own words.
    Text(String),
    /// A party, by name.
    Party {
        /// Its id.
        id: EventId,
        /// What it is called, safe to show.
        name: String,
    },
    /// Another entry, described.
    Entry {
        /// Its index.
        index: u64,
        /// The description, safe to show.
        text: String,
    },
    /// Words of the entry, cut short, safe to show.
    Quote {
        /// The words, without quotation marks.
        text: String,
        /// Their language, if a fact says it.
        language: Option<Language>,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Entry { text, .. } => f.write_str(text),
            Self::Party { name, .. } => f.write_str(name),
            Self::Quote { text, .. } => write!(f, "“{text}”"),
        }
    }
}

/// One sentence. [`Display`](fmt::Display) gives it as plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence(Vec<Part>);

impl Sentence {
    pub(super) fn of(parts: Vec<Part>) -> Self {
        Self(parts)
    }
    /// Its parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

impl Views {
    /// An entry as one sentence.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn sentence(&self, record: &Record) -> Result<Sentence, ReadError> {
        let attribution = self.attribution(record)?;
        let mut writer = Writer { views: self, record, attribution, parts: Vec::new() };
        writer.write()?;
        Ok(writer.end())
    }
}

struct Writer<'v> {
    views: &'v Views,
    record: &'v Record,
    attribution: Attribution,
    parts: Vec<Part>,
}

type Written = Result<(), ReadError>;

impl Writer<'_> {
    fn say(&mut self, text: impl AsRef<str>) -> &mut Self {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text.as_ref()),
            _ => self.parts.push(Part::Text(text.as_ref().to_owned())),
        }
        self
    }

    fn party(&mut self, id: &EventId) -> Result<&mut Self, ReadError> {
        let name = self.views.name(id)?.to_string();
        self.parts.push(Part::Party { id: *id, name });
        Ok(self)
    }

    fn author(&mut self) -> Result<&mut Self, ReadError> {
        let author = self.attribution.party();
        self.party(&author)
    }

    /// The party that the entry registers, by the name that was signed: what it is called later was not.
    fn registered(&mut self) -> Result<&mut Self, ReadError> {
        let id = self.record.event().id();
        let (now, words) = (self.views.name(&id)?, self.views.words(self.record)?);
        match words.text("name").map(|name| Name::Known(name.to_owned())) {
            Some(then) if then != now => {
                self.parts.push(Part::Party { id, name: then.to_string() });
                self.say(format!(" (now {now})"));
            }
            _ => self.parts.push(Part::Party { id, name: now.to_string() }),
        }
        Ok(self)
    }

    fn parties(&mut self, ids: &[EventId]) -> Result<&mut Self, ReadError> {
        self.each(ids, |this, id| this.party(id).map(drop))
    }

    /// A list with commas and an "and"; long ones end with a count.
    fn each(
        &mut self,
        ids: &[EventId],
        one: impl Fn(&mut Self, &EventId) -> Written,
    ) -> Result<&mut Self, ReadError> {
        let named = if ids.len() > NAMED { NAMED - 1 } else { ids.len() };
        for (i, id) in ids.iter().take(named).enumerate() {
            match i {
                0 => {}
                _ if i + 1 == ids.len() => {
                    self.say(" and ");
                }
                _ => {
                    self.say(", ");
                }
            }
            one(self, id)?;
        }
        if named < ids.len() {
            self.say(format!(" and {} others", ids.len() - named));
        }
        Ok(self)
    }

    fn entries(&mut self, ids: &[EventId]) -> Result<&mut Self, ReadError> {
        self.each(ids, |this, id| this.entry(id).map(drop))
    }

    /// Another record, described and linked: `the statement of 8 December 2023 by Socso`.
    fn entry(&mut self, id: &EventId) -> Result<&mut Self, ReadError> {
        let Some(record) = self.views.record_of(id)? else { return Ok(self.say("a record not found here")) };
        if matches!(record.event().event_type(), EventType::PartyRegistered | EventType::LedgerOpened) {
            return self.party(id);
        }
        let text = self.views.noun(&record)?;
        self.parts.push(Part::Entry { index: record.index(), text });
        Ok(self)
    }

    /// The entry's own words in quotation marks, or why they are not there.
    fn quote(&mut self, members: &[&str], language: Option<&Language>) -> Result<&mut Self, ReadError> {
        let words = self.views.words(self.record)?;
        let text = members.iter().find_map(|m| words.text(m));
        match (text, &*words) {
            (Some(text), _) => {
                let text = shown(&excerpt(text, QUOTED)).into_owned();
                self.parts.push(Part::Quote { text, language: language.cloned() });
            }
            (None, Words::Withheld(_)) => {
                self.say("(words withheld)");
            }
            (None, Words::Missing) => {
                self.say("(words not here)");
            }
            (None, _) => {
                self.say("(no words given)");
            }
        }
        Ok(self)
    }

    /// Begins with a capital, and ends without a full stop after words that bring their own.
    fn end(mut self) -> Sentence {
        if let Some(Part::Entry { text, .. }) = self.parts.first_mut()
            && let Some(rest) = text.strip_prefix("the ")
        {
            *text = format!("The {rest}");
        }
        if let [.., Part::Quote { text, .. }, Part::Text(stop)] = self.parts.as_slice()
            && stop == "."
            && text.ends_with(['.', '…', '!', '?'])
        {
            self.parts.pop();
        }
        Sentence(self.parts)
    }

    /// A date that the entry says, and whether it lies ahead of the entry's recording.
    /// `on 8 December 2023`, or `in December 2023`.
    fn on_dated(&self, at: &At) -> String {
        dates::on_dated_words(at, self.record.entry.header().time)
    }

    fn write(&mut self) -> Written {
        let record = self.record;
        let event = record.event();
        let first_party = matches!(self.attribution, Attribution::FirstParty(_));
        match event.body() {
            Body::LedgerOpened(_) => {
                let origin = self.views.reader().origin().to_string();
                self.party(&event.id())?.say(format!(" opened this ledger, {origin}."));
            }
            Body::PartyRegistered(b) => {
                let what = kind_words(b.kind);
                self.author()?.say(" registered ").registered()?.say(format!(" as {what}"));
                match b.keys.as_ref().map_or(0, Vec::len) {
                    0 => {
                        self.say(".");
                    }
                    1 => {
                        self.say(", with one key.");
                    }
                    n => {
                        self.say(format!(", with {n} keys."));
                    }
                }
            }
            Body::PartyUpdated(b) => {
                self.author()?.say(" updated what is on record about ");
                if first_party {
                    self.say("itself.")
                } else {
                    self.party(&b.party)?.say(".")
                };
            }
            Body::KeyAdded(b) => {
                self.author()?.say(format!(" added the key {} ", b.key.name()));
                if first_party {
                    self.say("for itself.")
                } else {
                    self.say("for ").party(&b.party)?.say(".")
                };
            }
            Body::KeyRevoked(b) => {
                self.author()?.say(format!(" revoked the key {} ", b.key.name()));
                if first_party {
                    self.say("of its own")
                } else {
                    self.say("of ").party(&b.party)?
                };
                self.say(format!(" ({}).", b.reason));
            }
            Body::RoleGranted(b) => {
                self.author()?.say(" gave ").party(&b.party)?.say(format!(" the role of {}.", b.role));
            }
            Body::RoleRevoked(b) => {
                self.author()?
                    .say(format!(" took the role of {} back from ", b.role))
                    .party(&b.party)?
                    .say(".");
            }
            Body::CaseOpened(b) => {
                self.author()?.say(" opened a case about ").party(&b.respondent)?.say(": ");
                self.quote(&["title"], None)?.say(".");
            }
            Body::IncidentReported(b) => {
                self.say("According to ").party(&b.reporter)?.say(": ");
                self.quote(&["account"], None)?.say(".");
            }
            Body::StatementMade(b) => {
                match (b.standing, &b.reports) {
                    (Standing::Report, Some(reports)) => {
                        self.parties(reports)?.say(", as reported by ").party(&b.speaker)?.say(": ");
                    }
                    (Standing::Report, None) => {
                        self.party(&b.speaker)?.say(" reported: ");
                    }
                    (Standing::Claim, _) => {
                        self.party(&b.speaker)?.say(" claimed");
                    }
                    (Standing::Official, _) => {
                        self.party(&b.speaker)?.say(" said");
                    }
                }
                if b.standing != Standing::Report {
                    self.say(b.medium.map_or("", medium_words)).say(": ");
                }
                self.quote(&["text"], Some(&b.language))?.say(".");
            }
            Body::StatementRevised(b) => {
                let seen = format!(" was seen changed {}; ", self.on_dated(&b.observed));
                self.entry(&b.statement)?.say(seen).say(announced(b.announced));
            }
            Body::StatementWithdrawn(b) => {
                let seen = format!(" was seen withdrawn {}; ", self.on_dated(&b.observed));
                self.entry(&b.statement)?.say(seen).say(announced(b.announced));
            }
            Body::PositionTaken(b) => {
                self.party(&b.party)?.say(stance_words(b.stance)).entries(&b.on)?.say(": ");
                self.quote(&["text"], None)?.say(".");
            }
            Body::LinkAsserted(b) => {
                self.author()?
                    .say(" says that ")
                    .entry(&b.from)?
                    .say(relation_words(b.relation))
                    .entry(&b.to)?
                    .say(".");
            }
            Body::CommitmentMade(b) => {
                self.party(&b.party)?.say(if first_party {
                    " promised"
                } else {
                    " is recorded as promising"
                });
                if let Some(due) = &b.due {
                    self.say(format!(", by {}", dates::at_words(due)));
                }
                self.say(": ").quote(&["promise", "text"], None)?.say(".");
            }
            Body::CommitmentClosed(b) => {
                self.author()?.say(" recorded ").entry(&b.commitment)?.say(match b.outcome {
                    CommitmentOutcome::Done => " as done.",
                    CommitmentOutcome::Withdrawn => " as withdrawn.",
                    CommitmentOutcome::Superseded => " as superseded.",
                });
            }
            Body::ExhibitCaptured(b) => {
                let captured = match b.method {
                    CaptureMethod::Upload => {
                        format!("of {}", dates::dated_words(&b.captured, record.entry.header().time))
                    }
                    _ => self.on_dated(&b.captured),
                };
                self.author()?.say(capture_words(b.method)).say(format!(" {captured}: "));
                self.quote(&["description"], None)?.say(".");
            }
            Body::ExhibitRechecked(b) => {
                self.author()?.say(" looked at the source of ").entry(&b.exhibit)?;
                let checked = self.on_dated(&b.checked);
                self.say(format!(" again {checked} and found it "));
                self.say(match b.result {
                    RecheckResult::Same => "the same.",
                    RecheckResult::Changed => "changed.",
                    RecheckResult::Gone => "gone.",
                });
            }
            Body::CollectionOpened(b) => {
                self.party(&b.organiser)?.say(if first_party {
                    " began to collect signatures behind one text"
                } else {
                    " is recorded as collecting signatures behind one text"
                });
                match &b.closes {
                    Some(closes) => self.say(format!(", until {}.", dates::at_words(closes))),
                    None => self.say("."),
                };
            }
            Body::CollectionCounted(b) => {
                self.entry(&b.collection)?.say(" stands at ");
                self.say(count_words(b.count, b.root.is_some(), [b.withdrawn, b.duplicate, b.invalid]));
            }
            Body::CollectionClosed(b) => {
                self.entry(&b.collection)?.say(" closed at ");
                self.say(count_words(b.count, b.root.is_some(), [b.withdrawn, b.duplicate, b.invalid]));
            }
            Body::DemandIssued(b) => self.demand(b)?,
            Body::DemandWithdrawn(b) => {
                if first_party {
                    self.author()?.say(" withdrew ").entry(&b.demand)?.say(".");
                } else {
                    self.entry(&b.demand)?.say(" is recorded as withdrawn.");
                }
            }
            Body::DemandEscalated(b) => {
                if first_party {
                    self.author()?.say(" took ").entry(&b.demand)?;
                } else {
                    self.entry(&b.demand)?.say(" is recorded as taken");
                }
                self.say(route_words(b.route));
                if let Some(to) = &b.to {
                    self.say(": ").party(to)?;
                }
                self.say(".");
            }
            Body::NoticeDispatched(b) => {
                self.party(&b.sender)?.say(" sent ");
                match &b.demand {
                    Some(demand) => {
                        self.entry(demand)?;
                    }
                    None => {
                        self.say("a notice");
                    }
                }
                self.say(" to ").party(&b.addressee)?.say(channel_words(b.channel)).say(".");
            }
            Body::DeliveryEvidenced(b) => {
                self.entry(&b.notice)?.say(": ").say(evidence_words(b.evidence));
                if let Some(reason) = b.reason {
                    self.say(format!(" ({})", reason_words(reason)));
                }
                let teller = self.views.teller(self.record, &b.notice)?;
                let vouched = self.views.vouched(self.record, b.vouched_by, teller)?;
                self.parts.extend(vouched.0);
                self.say(".");
            }
            Body::ReceiptAcknowledged(b) => {
                let distrusted = self.views.distrust_words(record, None)?;
                self.author()?
                    .say(" acknowledged, with its own key, that it has ")
                    .entry(&b.notice)?
                    .say(distrusted)
                    .say(".");
            }
            Body::DeadlineAdjusted(b) => {
                let until = dates::day_words(&b.until);
                let how = self.views.adjusted_words(record, b)?;
                let (moved, to) = if first_party { (" moved", " to") } else { (" recorded", " as moved to") };
                self.author()?.say(moved).say(" the time to answer ").entry(&b.demand)?;
                self.say(format!("{to} {until}, {how}."));
            }
            Body::DisclosureMade(b) => {
                self.party(&b.party)?;
                match (b.kind, &b.demand) {
                    (DisclosureKind::Reply, Some(demand)) => {
                        self.say(" replied to ").entry(demand)?;
                    }
                    (DisclosureKind::Regulator, _) => {
                        self.say(" made a disclosure to a regulator");
                    }
                    (DisclosureKind::Persons, _) => {
                        self.say(" made a disclosure to the persons affected");
                    }
                    _ => {
                        self.say(" made a disclosure to the public");
                    }
                }
                if let Some(to) = &b.to {
                    self.say(", ").party(to)?;
                }
                if let Some(items) = &b.items {
                    self.say(": ").say(outcomes_words(items));
                }
                self.say(".");
            }
            Body::AnswerAssessed(b) => {
                let verdicts: Vec<String> = b
                    .items
                    .iter()
                    .map(|v| {
                        let word = match v.verdict {
                            Verdict::Satisfied => "satisfied",
                            Verdict::Partly => "partly satisfied",
                            Verdict::Unsatisfied => "not satisfied",
                        };
                        format!("{word} with item {}", v.item)
                    })
                    .collect();
                self.author()?.say(" says of ").entry(&b.disclosure)?;
                self.say(format!(": {}.", verdicts.join(", ")));
            }
            Body::CorrectionIssued(b) => {
                self.author()?;
                match b.effect {
                    CorrectionEffect::Annotate => {
                        self.say(" corrected ").entry(&b.corrects)?;
                    }
                    CorrectionEffect::Void => {
                        self.say(" declared void ").entry(&b.corrects)?;
                    }
                }
                if let Some(replacement) = &b.replacement {
                    self.say("; in its place stands ").entry(replacement)?;
                }
                self.say(".");
            }
            Body::ContentWithheld(b) => {
                self.author()?.say(format!(" withheld {} of ", positions_words(&b.blobs)));
                self.entry(&b.entry)?
                    .say(format!(", on the ground: {}.", b.ground.as_str().replace('_', " ")));
            }
            Body::ContentReleased(b) => {
                self.author()?.say(format!(" gave back {} of ", positions_words(&b.blobs)));
                self.entry(&b.entry)?
                    .say(format!(", on the ground: {}.", b.ground.as_str().replace('_', " ")));
            }
        }
        Ok(())
    }

    fn demand(&mut self, b: &crate::event::DemandIssued) -> Written {
        let items = if b.items == 1 { "one item".to_owned() } else { format!("{} items", b.items) };
        let signed = |id: &EventId| self.record.parties().any(|p| p == *id);
        let (counsel, petitioner) = (b.counsel.as_ref(), b.petitioner.as_ref());
        // Who did not sign is named, not confirmed (domain.md, whose backing is it).
        match (counsel.filter(|c| signed(c)), petitioner.filter(|p| signed(p))) {
            (Some(counsel), signed_petitioner) => {
                self.party(counsel)?.say(format!(" issued a demand of {items} to "));
                self.party(&b.respondent)?;
                match (signed_petitioner, petitioner) {
                    (Some(p), _) => {
                        self.say(" for ").party(p)?;
                    }
                    (None, Some(p)) => {
                        self.say(", naming ").party(p)?.say(" as petitioner");
                    }
                    (None, None) => {}
                }
            }
            (None, Some(p)) => {
                self.party(p)?.say(format!(" issued a demand of {items} to ")).party(&b.respondent)?;
                if let Some(c) = counsel {
                    self.say(", naming ").party(c)?.say(" as counsel");
                }
            }
            (None, None) => {
                self.say(format!("A demand of {items} to ")).party(&b.respondent)?.say(" is on record");
                let names = [(petitioner, " as petitioner"), (counsel, " as counsel")];
                let mut before = ", naming ";
                for (party, role) in names {
                    if let Some(party) = party {
                        self.say(before).party(party)?.say(role);
                        before = " and ";
                    }
                }
            }
        }
        match &b.deadline {
            None => {}
            Some(Deadline::By(day)) => {
                self.say(format!("; an answer is asked for by {}", dates::day_words(day)));
            }
            Some(Deadline::Period { days, from, .. }) => {
                let days = if *days == 1 { "one day".to_owned() } else { format!("{days} days") };
                let from = match from {
                    ClockStart::Issue => "issue",
                    ClockStart::Relayed => "the day it is relayed",
                    ClockStart::Available => "the day it is available",
                    ClockStart::HandedOver => "the day it is handed over",
                    ClockStart::Accepted => "the day it is accepted",
                };
                self.say(format!("; an answer is asked for within {days} of {from}"));
            }
        }
        self.say(".");
        Ok(())
    }
}

impl Views {
    /// What is said of a change of a deadline: no more than its signers can say. It does not say whether the new day is later;
    /// the demand's own page does.
    pub(super) fn adjusted_words(
        &self,
        record: &Record,
        b: &DeadlineAdjusted,
    ) -> Result<&'static str, ReadError> {
        let demand = self.record_of(&b.demand)?;
        let is_by_respondent = match demand.as_ref().map(|demand| demand.event().body()) {
            Some(Body::DemandIssued(demand)) => record.parties().any(|party| party == demand.respondent),
            _ => false,
        };
        Ok(match (b.change, is_by_respondent) {
            (DeadlineChange::Extended, _) => "recorded as an extension",
            (DeadlineChange::Agreed, true) => "agreed; a key of the respondent signed",
            (DeadlineChange::Agreed, false) => "recorded as agreed; no key of the respondent signed",
        })
    }

    /// A record as a noun: `the statement of 8 December 2023 by Socso`.
    pub(super) fn noun(&self, record: &Record) -> Result<String, ReadError> {
        let event = record.event();
        let of = |at: &At| format!("of {}", dates::dated_words(at, record.entry.header().time));
        let by = |id: &EventId| -> Result<String, ReadError> { Ok(format!("by {}", self.name(id)?)) };
        let at = of(event.at());
        let author = record.parties().next();
        let by_author = || author.as_ref().map_or(Ok(String::new()), by);
        Ok(match event.body() {
            Body::LedgerOpened(_) | Body::PartyRegistered(_) => self.name(&event.id())?.to_string(),
            Body::CaseOpened(_) => match self.words(record)?.text("title") {
                Some(title) => format!("the case “{}”", shown(&excerpt(title, 80))),
                None => format!("the case opened {}", at.replacen("of ", "on ", 1)),
            },
            Body::IncidentReported(b) => format!("the incident reported {}", by(&b.reporter)?),
            Body::StatementMade(b) => {
                let noun = if b.standing == Standing::Report { "report" } else { "statement" };
                format!("the {noun} {} {}", of(b.published.as_ref().unwrap_or(event.at())), by(&b.speaker)?)
            }
            Body::StatementRevised(_) => format!("the revision {at}"),
            Body::StatementWithdrawn(_) => format!("the withdrawal {at} of a statement"),
            Body::PositionTaken(b) => format!("the position {at} {}", by(&b.party)?),
            Body::LinkAsserted(_) => format!("the link {at} drawn {}", by_author()?),
            Body::CommitmentMade(b) => format!("the promise {at} {}", by(&b.party)?),
            Body::CommitmentClosed(_) => format!("the closing {at} of a promise"),
            Body::ExhibitCaptured(b) => format!("the exhibit {} {}", of(&b.captured), by_author()?),
            Body::ExhibitRechecked(b) => format!("the recheck {}", of(&b.checked)),
            Body::CollectionOpened(b) => format!("the collection {}", by(&b.organiser)?),
            Body::CollectionCounted(_) => format!("the count {at}"),
            Body::CollectionClosed(_) => format!("the closing count {at}"),
            Body::DemandIssued(_) => format!("the demand {at}"),
            Body::DemandWithdrawn(_) => format!("the withdrawal {at} of a demand"),
            Body::DemandEscalated(_) => format!("the escalation {at}"),
            Body::NoticeDispatched(b) => {
                format!("the notice {at} to {}{}", self.name(&b.addressee)?, channel_words(b.channel))
            }
            Body::DeliveryEvidenced(_) => format!("the delivery evidence {at}"),
            Body::ReceiptAcknowledged(_) => format!("the receipt {at}"),
            Body::DeadlineAdjusted(_) => format!("the new date {at}"),
            Body::DisclosureMade(b) => {
                let noun = if b.kind == DisclosureKind::Reply { "reply" } else { "disclosure" };
                format!("the {noun} {at} {}", by(&b.party)?)
            }
            Body::AnswerAssessed(_) => format!("the assessment {at} {}", by_author()?),
            Body::CorrectionIssued(_) => format!("the correction {at}"),
            Body::ContentWithheld(_) => format!("the withholding {at}"),
            Body::ContentReleased(_) => format!("the release {at}"),
            Body::PartyUpdated(b) => format!("the update {at} about {}", self.name(&b.party)?),
            Body::KeyAdded(b) => format!("the key added {at} for {}", self.name(&b.party)?),
            Body::KeyRevoked(b) => format!("the key revocation {at} of {}", self.name(&b.party)?),
            Body::RoleGranted(b) => format!("the role given {at} to {}", self.name(&b.party)?),
            Body::RoleRevoked(b) => format!("the role taken back {at} from {}", self.name(&b.party)?),
        })
    }
}
