//! What became of an entry since it was recorded: what stands above its words wherever they are shown.
//!
//! Two things are kept apart. *Acts* change what the entry says or whether it counts, and the rules let only some do them:
//! all kinds are told, the newest of each. *Mentions* may be recorded by any registered key: of each party the newest is
//! told, of five parties at most, and on the entry's own page alone.
//!
//! What comes later is what has a higher index, whatever its `at` says: nobody hides a correction by dating it ahead. The
//! index keeps a list for each kind of act and for each party, so a look costs the same however many name the entry.

use super::{
    Attribution, Named, Part, Record, Sentence, Times, Views, Words, codes, dates, party::is_party, sentence,
};
use crate::{
    event::{Act, At, Body, CommitmentOutcome, DeadlineChange, EventId, EventType, RecheckResult},
    ledger::{Filter, ReadError},
    log::Time,
};

/// Parties of which a mention is told.
const TOLD: usize = 5;
/// How far parties and acts of a kind are counted.
const COUNTED: usize = 1_000;
/// How many of the first, and of the last, entries that stand on a case or party are looked at to see whether anything
/// rests on it.
const RESTING_READ: usize = 64;

/// What a later entry did to one.
#[derive(Debug, Clone)]
pub struct LaterAct {
    /// The kind.
    pub act: Act,
    /// Index of the newest entry that did it.
    pub index: u64,
    /// How many earlier ones of the kind there are; 1,000 stands for as many or more.
    pub earlier: usize,
    /// Whose act it is.
    pub by: Named,
    /// Whether that party speaks for itself, or recorded what another did.
    pub attribution: Attribution,
    /// When it happened, and was recorded.
    pub times: Times,
    /// What it is, in a few words: `corrected`.
    pub mark: String,
    /// What else its facts say, in words; may be empty.
    pub detail: String,
    /// Whether it says what was seen elsewhere, and encloses no file that shows it.
    pub no_capture: bool,
    /// What its author says is wrong, if it is a correction and the entry's own words are not withheld.
    pub wrong: Option<String>,
    /// What its author says is right, likewise.
    pub right: Option<String>,
    /// Index of the entry that it says stands in the place of this one.
    pub replacement: Option<u64>,
}

impl LaterAct {
    /// Whether it declares the entry void.
    pub fn is_void(&self) -> bool {
        self.act == Act::Void
    }
    /// What is said before the party's name. Who records what another did is not said to have done it.
    pub fn whose(&self) -> &'static str {
        if matches!(self.attribution, Attribution::RecordedBy(_)) { ", recorded by" } else { " by" }
    }
    /// When, as it follows the party's name.
    pub fn when(&self) -> String {
        let date = self.times.occurred_words();
        if matches!(self.attribution, Attribution::RecordedBy(_)) {
            format!(", dated {date}")
        } else {
            format!(" on {date}")
        }
    }
    /// The mark as it begins a sentence.
    pub fn title(&self) -> String {
        let mut chars = self.mark.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
    }
    /// How many earlier ones of its kind there are, in words; none if there is none.
    pub fn earlier_words(&self) -> Option<String> {
        match self.earlier {
            0 => None,
            n if n >= COUNTED => Some(format!("{COUNTED} or more earlier ones of the kind")),
            1 => Some("1 earlier one of the kind".to_owned()),
            n => Some(format!("{n} earlier ones of the kind")),
        }
    }
}

/// `corrected by Persatuan Contoh on 4 December 2023 (entry 45)`.
impl std::fmt::Display for LaterAct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{} {}{}, entry {}", self.mark, self.whose(), self.by.name, self.when(), self.index)
    }
}

/// What a party said of an entry by a link, a position or a recheck: its newest word.
#[derive(Debug, Clone)]
pub struct LaterMention {
    /// Index of its entry.
    pub index: u64,
    /// Who signed it.
    pub by: Named,
    /// When it happened, and was recorded.
    pub times: Times,
    /// What it says, without any of its words.
    pub sentence: Sentence,
}

/// What became of an entry.
#[derive(Debug, Clone, Default)]
pub struct Since {
    /// What was done to it, the newest of each kind.
    pub acts: Vec<LaterAct>,
    /// What others said of it: of each party the newest, of five parties at most, those of its case first.
    pub mentions: Vec<LaterMention>,
    /// How many more parties did; 1,000 stands for as many or more.
    pub others: usize,
    /// How many entries above the size that is known did something to it; 1,000 stands for as many or more.
    pub later: usize,
}

impl Since {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty() && self.mentions.is_empty() && self.later == 0
    }
    /// How many more parties mention it, in words.
    pub fn others_words(&self) -> Option<String> {
        match self.others {
            0 => None,
            1 => Some("1 other party".to_owned()),
            n => Some(format!("{} other parties", counted(n))),
        }
    }
    /// That entries above the size touch it, in words.
    pub fn later_words(&self) -> Option<String> {
        match self.later {
            0 => None,
            1 => Some("1 later entry touches this".to_owned()),
            n => Some(format!("{} later entries touch this", counted(n))),
        }
    }
}

fn counted(n: usize) -> String {
    if n >= COUNTED { format!("{COUNTED} or more") } else { n.to_string() }
}

/// What can be done to an event of a type, in the order in which it is told.
fn acts_on(event_type: EventType) -> impl Iterator<Item = Act> {
    let fits = move |act: &Act| match act {
        Act::Void | Act::Correction | Act::Withholding | Act::Release => true,
        Act::Revision | Act::Withdrawal => event_type == EventType::StatementMade,
        Act::Deadline | Act::DemandWithdrawal | Act::Escalation => event_type == EventType::DemandIssued,
        Act::Closing => event_type == EventType::CommitmentMade,
        // Found another way.
        Act::Revocation | Act::Recheck => false,
    };
    Act::ALL.into_iter().filter(fits)
}

impl Views {
    /// What became of an entry, as far as these views know; and how many later entries did something to it.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn since(&self, record: &Record) -> Result<Since, ReadError> {
        let (mentions, others) = self.later_mentions(record)?;
        Ok(Since { acts: self.later_acts(record)?, mentions, others, later: self.later_still(record)? })
    }

    /// The same of an event; nothing if it is not on record at this size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn since_of(&self, id: &EventId) -> Result<Since, ReadError> {
        Ok(match self.record_of(id)? {
            Some(record) => self.since(&record)?,
            None => Since::default(),
        })
    }

    /// What was done to an entry, the newest of each kind.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn later_acts(&self, record: &Record) -> Result<Vec<LaterAct>, ReadError> {
        let (id, event_type) = (record.event().id(), record.event().event_type());
        let mut found: Vec<(Act, u64, usize)> = Vec::new();
        self.look_at(1)?;
        if !self.reader.acts(None, &id, 0..self.size, 1)?.is_empty() {
            for act in acts_on(event_type) {
                self.look_at(1)?;
                let list = self.reader.acts(Some(act), &id, 0..self.size, COUNTED + 1)?;
                found.extend(list.first().map(|newest| (act, *newest, list.len() - 1)));
            }
        }
        found.extend(self.distrusted(record)?.map(|index| (Act::Revocation, index, 0)));
        if event_type == EventType::ExhibitCaptured
            && let Some(author) = record.parties().next()
            && let Some(index) = self.reader.recheck(&id, &author, 0..self.size)?
            && let Body::ExhibitRechecked(b) = self.entry_at(index)?.event().body()
            // Who finds it the same takes back what it said before.
            && b.result != RecheckResult::Same
        {
            found.push((Act::Recheck, index, 0));
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let quotable = self.is_quotable(&id)?;
        found.into_iter().map(|(act, index, earlier)| self.later_act(act, index, earlier, quotable)).collect()
    }

    fn later_act(&self, act: Act, index: u64, earlier: usize, quotable: bool) -> Result<LaterAct, ReadError> {
        let record = self.entry_at(index)?;
        let words = self.words(&record)?;
        let attribution = self.attribution(&record)?;
        let seen = |what: &str, when: &At| format!("{what} {}", dates::date_words(when));
        let (mut replacement, mut is_seen) = (None, false);
        let (mark, detail) = match record.event().body() {
            Body::CorrectionIssued(b) => {
                if let Some(id) = &b.replacement {
                    replacement = self.index_of(id)?;
                }
                let mark = match act {
                    Act::Void => "declared void",
                    _ if is_mistaken(&words) => "said to be a mistake",
                    _ => "corrected",
                };
                (mark, String::new())
            }
            Body::ContentWithheld(b) => {
                let ground = b.ground.as_str().replace('_', " ");
                ("withheld", format!("{}, on the ground: {ground}", codes::positions_words(&b.blobs)))
            }
            Body::ContentReleased(b) => {
                let ground = b.ground.as_str().replace('_', " ");
                ("given back", format!("{}, on the ground: {ground}", codes::positions_words(&b.blobs)))
            }
            Body::StatementRevised(b) => {
                is_seen = true;
                let announced = sentence::announced(b.announced).trim_end_matches('.');
                ("seen changed", format!("{}; {announced}", seen("seen", &b.observed)))
            }
            Body::StatementWithdrawn(b) => {
                is_seen = true;
                let announced = sentence::announced(b.announced).trim_end_matches('.');
                ("seen withdrawn", format!("{}; {announced}", seen("seen", &b.observed)))
            }
            Body::DeadlineAdjusted(b) => {
                let until = dates::day_words(&b.until);
                let how = match b.change {
                    DeadlineChange::Extended => "extended to",
                    DeadlineChange::Agreed => "agreed to run to",
                };
                ("date for the answer moved", format!("{how} {until}"))
            }
            Body::DemandWithdrawn(_) => ("withdrawn", String::new()),
            Body::DemandEscalated(b) => {
                ("taken elsewhere", sentence::route_words(b.route).trim_start().to_owned())
            }
            Body::CommitmentClosed(b) => {
                let outcome = match b.outcome {
                    CommitmentOutcome::Done => "as done",
                    CommitmentOutcome::Withdrawn => "as withdrawn",
                    CommitmentOutcome::Superseded => "as superseded",
                };
                ("promise closed", outcome.to_owned())
            }
            Body::KeyRevoked(b) => {
                let since = b.since.as_ref().map(dates::at_words).unwrap_or_default();
                ("signed by a key that was revoked", format!("{}; distrusted since {since}", b.reason))
            }
            Body::ExhibitRechecked(b) => {
                is_seen = true;
                let found =
                    if b.result == RecheckResult::Gone { "source seen gone" } else { "source seen changed" };
                (found, seen("looked at", &b.checked))
            }
            _ => ("touched", String::new()),
        };
        let is_told = matches!(act, Act::Void | Act::Correction) && quotable;
        let text = |member| words.text(member).filter(|_| is_told).map(str::to_owned);
        Ok(LaterAct {
            act,
            index,
            earlier,
            by: self.author(&record)?,
            attribution,
            times: Times::of(&record),
            mark: mark.to_owned(),
            detail,
            // Where the words are not here, nobody knows.
            no_capture: is_seen
                && matches!(&*words, Words::Present { content, .. } if content.files().is_empty()),
            wrong: text("wrong"),
            right: text("right"),
            replacement,
        })
    }

    /// Whether an entry opened a case, or registered a party, by mistake: the newest correction of it says so, and nothing
    /// rests on it.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn mistaken(&self, record: &Record) -> Result<bool, ReadError> {
        let (id, event_type) = (record.event().id(), record.event().event_type());
        let is_case = event_type == EventType::CaseOpened;
        if !is_case && event_type != EventType::PartyRegistered {
            return Ok(false);
        }
        self.look_at(1)?;
        let newest = self.reader.acts(Some(Act::Correction), &id, 0..self.size, 1)?;
        let Some(newest) = newest.first() else { return Ok(false) };
        if !is_mistaken(&*self.words(&*self.entry_at(*newest)?)?) {
            return Ok(false);
        }
        let opener = record.parties().next().unwrap_or(id);
        let rests = |record: &Record| match record.event().body() {
            _ if is_case => !is_beside(record, opener),
            Body::CaseOpened(_) | Body::StatementMade(_) | Body::DemandIssued(_) | Body::RoleGranted(_) => {
                true
            }
            _ => false,
        };
        let filter = match is_case {
            true => Filter { case: Some(id), ..Filter::default() },
            false => Filter { party: Some(id), ..Filter::default() },
        };
        // Strangers may add to it without end, so the ends are looked at.
        let after = record.index() + 1..=u64::MAX;
        let mut looked = self.list(&filter, after.clone(), false, RESTING_READ)?;
        if looked.len() == RESTING_READ {
            looked.extend(self.list(&filter, after, true, RESTING_READ)?);
        }
        Ok(!self.records(&looked)?.iter().any(|record| rests(record)))
    }

    /// The revocation of a key that signed the entry, if it is said to be distrusted since before that was recorded: the
    /// newest.
    fn distrusted(&self, record: &Record) -> Result<Option<u64>, ReadError> {
        let mut newest = None;
        for key in record.event().by() {
            let Some(revocation) = self.revocation(key)? else { continue };
            if revocation.since.is_some_and(|since| is_before(&since, record.entry.header().time)) {
                newest = newest.max(Some(revocation.index));
            }
        }
        Ok(newest)
    }

    /// What others said of an entry, and how many more parties did.
    fn later_mentions(&self, record: &Record) -> Result<(Vec<LaterMention>, usize), ReadError> {
        let id = record.event().id();
        self.look_at(1)?;
        let firsts = self.reader.first_mentions(&id, self.size, COUNTED + 1)?;
        if firsts.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let exhibit = record.event().event_type() == EventType::ExhibitCaptured;
        // Its own rechecks stand above.
        let own = record.parties().next().filter(|_| exhibit);
        let newest = |by: &EventId| -> Result<Option<u64>, ReadError> {
            self.look_at(1)?;
            let mention = self.reader.mention(&id, by, self.size)?;
            let recheck = match own {
                Some(own) if own == *by => None,
                _ => self.reader.recheck(&id, by, 0..self.size)?,
            };
            Ok(mention.max(recheck))
        };
        let mut parties = firsts.len();
        if let Some(own) = own
            && self.reader.mention(&id, &own, self.size)?.is_none()
            && self.reader.recheck(&id, &own, 0..self.size)?.is_some()
        {
            parties -= 1;
        }
        let mut mentions = Vec::new();
        let mut tried = Vec::new();
        for party in self.parties_about(record)? {
            if mentions.len() < TOLD && !tried.contains(&party) {
                mentions.extend(newest(&party)?);
                tried.push(party);
            }
        }
        for first in firsts {
            if mentions.len() == TOLD {
                break;
            }
            let party = self.author(&*self.entry_at(first)?)?.id;
            if !tried.contains(&party) {
                mentions.extend(newest(&party)?);
                tried.push(party);
            }
        }
        let others = parties.saturating_sub(mentions.len());
        let told = mentions.into_iter().map(|index| self.later_mention(&id, index));
        Ok((told.collect::<Result<_, _>>()?, others))
    }

    /// The parties of the case that an entry stands in: whom it is about and who opened it; and those of the entry itself.
    fn parties_about(&self, record: &Record) -> Result<Vec<EventId>, ReadError> {
        let event = record.event();
        let mut parties = Vec::new();
        let own = (event.event_type() == EventType::CaseOpened).then(|| event.id());
        if let Some(case) = event.case().or(own)
            && let Some(opened) = self.record_of(&case)?
        {
            if let Body::CaseOpened(b) = opened.event().body() {
                parties.push(b.respondent);
            }
            parties.extend(opened.parties());
        }
        if let Some(row) = self.reader.event_row(&event.id())? {
            parties.extend(row.subjects.iter().chain(&row.authors).copied());
        }
        Ok(parties)
    }

    fn later_mention(&self, of: &EventId, index: u64) -> Result<LaterMention, ReadError> {
        let record = self.entry_at(index)?;
        let by = self.author(&record)?;
        let party = |named: &Named| Part::Party { id: named.id, name: named.name.to_string() };
        let say = |text: &str| Part::Text(text.to_owned());
        let other = |id: &EventId| -> Result<Part, ReadError> {
            Ok(match self.record_of(id)? {
                _ if id == of => say("this"),
                Some(record) if is_party(&record) => party(&self.named(id)?),
                Some(record) => Part::Entry { index: record.index(), text: self.noun(&record)? },
                None => say("a record not found here"),
            })
        };
        let parts = match record.event().body() {
            Body::LinkAsserted(b) => vec![
                party(&by),
                say(" says that "),
                other(&b.from)?,
                say(sentence::relation_words(b.relation)),
                other(&b.to)?,
            ],
            Body::PositionTaken(b) => {
                let mut parts =
                    vec![party(&self.named(&b.party)?), say(sentence::stance_words(b.stance)), say("this")];
                if by.id != b.party {
                    parts.extend([say(", as recorded by "), party(&by)]);
                }
                parts
            }
            Body::ExhibitRechecked(b) => {
                let found = match b.result {
                    RecheckResult::Same => "the same",
                    RecheckResult::Changed => "changed",
                    RecheckResult::Gone => "gone",
                };
                let when = dates::date_words(&b.checked);
                vec![party(&by), say(&format!(" looked at its source again on {when} and found it {found}"))]
            }
            _ => vec![party(&by), say(" mentions this")],
        };
        Ok(LaterMention { index, by, times: Times::of(&record), sentence: Sentence::of(parts) })
    }

    /// How many entries above the size of these views did something to an entry.
    fn later_still(&self, record: &Record) -> Result<usize, ReadError> {
        let now = self.now();
        if now.size == self.size && now.fixed().is_some() {
            return Ok(0);
        }
        let acts = now.reader.acts(None, &record.event().id(), self.size..now.size, COUNTED)?.len();
        let other =
            |act: &LaterAct| matches!(act.act, Act::Revocation | Act::Recheck) && act.index >= self.size;
        Ok(acts + now.later_acts(record)?.iter().filter(|act| other(act)).count())
    }
}

/// Whether the words of a correction say that what it corrects was opened or registered by mistake.
fn is_mistaken(words: &Words) -> bool {
    let Words::Present { content, .. } = words else { return false };
    content.members().get("mistaken").and_then(serde_json::Value::as_bool) == Some(true)
}

/// Whether an event leaves a case as one that holds nothing: what others may add to any case, and what is done to the
/// record itself.
fn is_beside(record: &Record, opener: EventId) -> bool {
    use EventType as T;
    match record.event().event_type() {
        T::LinkAsserted | T::PositionTaken | T::ExhibitCaptured | T::ExhibitRechecked => {
            record.parties().next() != Some(opener)
        }
        T::CorrectionIssued | T::ContentWithheld | T::ContentReleased => true,
        _ => false,
    }
}

/// Whether the first moment that an `at` can mean comes before a time; days are read as UTC.
fn is_before(at: &At, time: Time) -> bool {
    let text = at.as_str();
    if text.len() == 25 {
        return text.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_millisecond() < time.unix_ms());
    }
    let time = time.to_string();
    // `2023-12` and `2023-12-15` come before all that begins with them.
    text < time.as_str()
}
