//! What became of an entry since it was recorded. This stands above the words of the entry wherever they are shown.
//!
//! Two things are kept apart. *Acts* change what the entry says or whether it counts, and the rules let only some parties do
//! them: the newest act of every kind is told. *Mentions* may be recorded with any registered key: the newest mention of each
//! party is told, of five parties at most, and on the entry's own page alone.
//!
//! "Later" means a higher index, whatever an `at` says: nobody hides a correction by dating it ahead. The index keeps a list
//! for each kind of act and for each party, so a look costs the same however many entries name this one.
//!
//! Acts and mentions that were declared void don't count here either: the newest that was not declared void is told.

use super::{
    Attribution, Named, Part, Record, Revocation, Sentence, Times, Views, Words, codes, dates,
    party::is_party,
    phrases::{self, capital},
};
use crate::{
    event::{Act, At, Body, CommitmentOutcome, EventId, EventType, RecheckResult},
    ledger::ReadError,
};

/// Mentions are told of at most this many parties.
const TOLD: usize = 5;
/// Parties and acts of a kind are counted up to this number.
const COUNTED: usize = 1_000;
/// At most this many acts of a kind, or mentions of a party, are looked at for one that is not void: the newest ones.
const LOOKED_AT: usize = 64;
/// At most this many demands of a case are looked at for the parties behind them: the first ones.
const DEMANDS_READ: usize = 16;

/// What a later entry did to an entry.
#[derive(Debug, Clone)]
pub struct LaterAct {
    /// The kind.
    pub act: Act,
    /// Index of the newest entry that did it.
    pub index: u64,
    /// How many earlier acts of the kind are on record; 1,000 means 1,000 or more.
    pub earlier: usize,
    /// Whose act it is.
    pub by: Named,
    /// Whether that party speaks for itself, or recorded what another did.
    pub attribution: Attribution,
    /// When it happened, and was recorded.
    pub times: Times,
    /// The kind in a few words: `corrected`.
    pub mark: String,
    /// What else its facts say, in words; may be empty.
    pub detail: String,
    /// Whether it reports something seen elsewhere, and encloses no file that shows it.
    pub no_capture: bool,
    /// What its author says is wrong, if it is a correction and the entry's own words are not withheld.
    pub wrong: Option<String>,
    /// What its author says is right, likewise.
    pub right: Option<String>,
    /// Index of the entry that a correction names as the replacement; `None` if that was declared void too.
    pub replacement: Option<u64>,
}

impl LaterAct {
    /// Whether it declares the entry void.
    pub fn is_void(&self) -> bool {
        self.act == Act::Void
    }
    /// The words before the party's name. A party that recorded the act of another is not said to have done it.
    pub fn whose(&self) -> &'static str {
        if matches!(self.attribution, Attribution::RecordedBy(_)) { ", recorded by" } else { " by" }
    }
    /// The date, as it follows the party's name.
    pub fn when(&self) -> String {
        let date = dates::at_words(&self.times.occurred);
        if self.times.is_ahead() {
            format!(", dated {date}, ahead of its recording")
        } else if matches!(self.attribution, Attribution::RecordedBy(_)) {
            format!(", dated {date}")
        } else {
            format!(" {} {date}", if self.times.occurred.has_day() { "on" } else { "in" })
        }
    }
    /// The mark as it begins a sentence.
    pub fn title(&self) -> String {
        capital(&self.mark)
    }
    /// The mark where no party is named beside it, as in a title. If one party recorded the act of another, the mark says
    /// "recorded as" in place of saying that it was done.
    pub fn mark_alone(&self) -> String {
        if !matches!(self.attribution, Attribution::RecordedBy(_)) {
            return self.mark.clone();
        }
        match self.act {
            Act::Deadline => "date for the answer recorded as moved".to_owned(),
            Act::Closing => "promise recorded as closed".to_owned(),
            Act::DemandWithdrawal | Act::Escalation => format!("recorded as {}", self.mark),
            // The other marks say that somebody saw it, or are acts of the signer itself.
            _ => self.mark.clone(),
        }
    }
    /// The same, as it begins a title.
    pub fn title_alone(&self) -> String {
        capital(&self.mark_alone())
    }
    /// How many earlier acts of its kind there are, in words; `None` if there are none.
    pub fn earlier_words(&self) -> Option<String> {
        match self.earlier {
            0 => None,
            n if n >= COUNTED => Some(format!("{COUNTED} or more earlier ones of the kind")),
            1 => Some("1 earlier one of the kind".to_owned()),
            n => Some(format!("{n} earlier ones of the kind")),
        }
    }
}

/// `corrected by Persatuan Contoh on 4 December 2023, entry 45`.
impl std::fmt::Display for LaterAct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{} {}{}, entry {}", self.mark, self.whose(), self.by.name, self.when(), self.index)
    }
}

/// The newest link, position or recheck by which a party mentioned an entry.
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
    /// What was done to it: the newest act of each kind.
    pub acts: Vec<LaterAct>,
    /// The newest mention of each party, of five parties at most, those of its case first.
    pub mentions: Vec<LaterMention>,
    /// How many more parties mention it; 1,000 means 1,000 or more.
    pub others: usize,
    /// How many entries above the size of the views did something to it; 1,000 means 1,000 or more.
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
    /// How many entries above the size touch it, in words.
    pub fn later_words(&self) -> Option<String> {
        later_words(self.later)
    }
}

/// What became of an entry, as it stands before its words in lists and quotations: without mentions.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    of: u64,
    acts: Vec<LaterAct>,
    later: usize,
}

impl Marks {
    /// Index of the entry.
    pub fn of(&self) -> u64 {
        self.of
    }
    /// What was done to it: the newest act of each kind.
    pub fn iter(&self) -> std::slice::Iter<'_, LaterAct> {
        self.acts.iter()
    }
    /// Whether nothing was done to it, at the size of the views or later.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty() && self.later == 0
    }
    /// How many entries above the size touch it, in words.
    pub fn later_words(&self) -> Option<String> {
        later_words(self.later)
    }
}

fn later_words(later: usize) -> Option<String> {
    match later {
        0 => None,
        1 => Some("1 later entry touches this".to_owned()),
        n => Some(format!("{} later entries touch this", counted(n))),
    }
}

fn counted(n: usize) -> String {
    if n >= COUNTED { format!("{COUNTED} or more") } else { n.to_string() }
}

/// The acts that can be done to an event of a type, in the order in which they are told.
fn acts_on(event_type: EventType) -> impl Iterator<Item = Act> {
    let fits = move |act: &Act| match act {
        Act::Void | Act::Correction | Act::Withholding | Act::Release => true,
        Act::Revision | Act::Withdrawal => event_type == EventType::StatementMade,
        Act::Deadline | Act::DemandWithdrawal | Act::Escalation => event_type == EventType::DemandIssued,
        Act::Closing => event_type == EventType::CommitmentMade,
        // `later_acts` finds these without the lists of acts.
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

    /// The same for an event; empty if it is not on record at this size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn since_of(&self, id: &EventId) -> Result<Since, ReadError> {
        Ok(match self.record_of(id)? {
            Some(record) => self.since(&record)?,
            None => Since::default(),
        })
    }

    /// What became of an entry, without mentions.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn marks(&self, record: &Record) -> Result<Marks, ReadError> {
        let (acts, later) = (self.later_acts(record)?, self.later_still(record)?);
        Ok(Marks { of: record.index(), acts, later })
    }

    /// What was done to an entry: the newest act of each kind.
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
                let newest = self.newest_that_counts(&list)?;
                found.extend(newest.map(|(at, index)| (act, index, list.len() - 1 - at)));
            }
        }
        found.extend(self.doubt(record, None)?.map(|revoked| (Act::Revocation, revoked.index, 0)));
        if event_type == EventType::ExhibitCaptured
            && let Some(author) = record.parties().next()
            && let Some((_, index)) = self.newest_that_counts(&self.rechecks(&id, &author)?)?
            && let Body::ExhibitRechecked(b) = self.entry_at(index)?.event().body()
            // An author who finds the source the same again takes back what it said before.
            && b.result != RecheckResult::Same
        {
            found.push((Act::Recheck, index, 0));
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        // If words were withheld again after they were given back, the withholding is told last.
        let place = |of: Act| found.iter().position(|(act, ..)| *act == of);
        if let (Some(held), Some(released)) = (place(Act::Withholding), place(Act::Release))
            && found[held].1 > found[released].1
        {
            found.swap(held, released);
        }
        let quotable = self.is_quotable(&id)?;
        found.into_iter().map(|(act, index, earlier)| self.later_act(act, index, earlier, quotable)).collect()
    }

    /// The first entry of a list, which stands newest first, that was not declared void: its place in the list, and its index.
    /// If the [`LOOKED_AT`] first are all void and the list goes on, its very first entry.
    fn newest_that_counts(&self, list: &[u64]) -> Result<Option<(usize, u64)>, ReadError> {
        for (at, &index) in list.iter().enumerate().take(LOOKED_AT) {
            if !self.is_void(index)? {
                return Ok(Some((at, index)));
            }
        }
        Ok(list.first().filter(|_| list.len() > LOOKED_AT).map(|&index| (0, index)))
    }

    /// Indexes of the rechecks of an exhibit by a party, the newest first.
    fn rechecks(&self, exhibit: &EventId, by: &EventId) -> Result<Vec<u64>, ReadError> {
        self.look_at(1)?;
        self.reader.rechecks(exhibit, by, 0..self.size, LOOKED_AT + 1)
    }

    /// Whether the author of an entry declared it void.
    fn is_void(&self, index: u64) -> Result<bool, ReadError> {
        self.look_at(1)?;
        let id = self.entry_at(index)?.event().id();
        Ok(!self.reader.acts(Some(Act::Void), &id, 0..self.size, 1)?.is_empty())
    }

    /// Whether an act was itself declared void or corrected, as it follows the words of the act; else empty.
    fn done_to_it(&self, act: &EventId) -> Result<String, ReadError> {
        self.look_at(1)?;
        let newest =
            |of: Act| self.reader.acts(Some(of), act, 0..self.size, 1).map(|list| list.first().copied());
        Ok(match (newest(Act::Void)?, newest(Act::Correction)?) {
            (Some(index), _) => format!("this record of it was declared void in No. {index}"),
            (None, Some(index)) => format!("this record of it was corrected in No. {index}"),
            (None, None) => String::new(),
        })
    }

    /// Whether an id names a case or a party: only these can be opened or registered by mistake.
    fn may_be_mistaken(&self, id: &EventId) -> Result<bool, ReadError> {
        let record = self.record_of(id)?;
        let of = record.map(|record| record.event().event_type());
        Ok(matches!(of, Some(EventType::CaseOpened | EventType::PartyRegistered)))
    }

    fn later_act(&self, act: Act, index: u64, earlier: usize, quotable: bool) -> Result<LaterAct, ReadError> {
        let record = self.entry_at(index)?;
        let words = self.words(&record)?;
        let attribution = self.attribution(&record)?;
        let seen = |what: &str, when: &At| {
            format!("{what} {}", dates::dated_words(when, record.entry.header().time))
        };
        let (mut replacement, mut is_seen) = (None, false);
        let (mark, detail) = match record.event().body() {
            Body::CorrectionIssued(b) => {
                if let Some(id) = &b.replacement {
                    replacement = self.index_of(id)?;
                }
                let mut instead = String::new();
                if let Some(index) = replacement
                    && self.is_void(index)?
                {
                    instead = format!("entry {index}, which was put in its place, was declared void too");
                    replacement = None;
                }
                let mark = match act {
                    Act::Void => act.words(),
                    // Only a case or a party is a mistake as a whole; in any other record, what it says is corrected.
                    _ if is_mistaken(&words) && self.may_be_mistaken(&b.corrects)? => "said to be a mistake",
                    _ => Act::Correction.words(),
                };
                (mark.to_owned(), instead)
            }
            Body::ContentWithheld(b) => {
                let ground = b.ground.as_str().replace('_', " ");
                (
                    act.words().to_owned(),
                    format!("{}, on the ground: {ground}", codes::positions_words(&b.blobs)),
                )
            }
            Body::ContentReleased(b) => {
                let ground = b.ground.as_str().replace('_', " ");
                (
                    act.words().to_owned(),
                    format!("{}, on the ground: {ground}", codes::positions_words(&b.blobs)),
                )
            }
            Body::StatementRevised(b) => {
                is_seen = true;
                let announced = phrases::announced(b.announced).trim_end_matches('.');
                (act.words().to_owned(), format!("{}; {announced}", seen("seen", &b.observed)))
            }
            Body::StatementWithdrawn(b) => {
                is_seen = true;
                let announced = phrases::announced(b.announced).trim_end_matches('.');
                (act.words().to_owned(), format!("{}; {announced}", seen("seen", &b.observed)))
            }
            Body::DeadlineAdjusted(b) => {
                let how = self.adjusted_words(&record, b)?;
                (act.words().to_owned(), format!("to {}, {how}", dates::day_words(&b.until)))
            }
            Body::DemandWithdrawn(_) => (act.words().to_owned(), String::new()),
            Body::DemandEscalated(b) => {
                (act.words().to_owned(), phrases::route_words(b.route).trim_start().to_owned())
            }
            Body::CommitmentClosed(b) => {
                let outcome = match b.outcome {
                    CommitmentOutcome::Done => "as done",
                    CommitmentOutcome::Withdrawn => "as withdrawn",
                    CommitmentOutcome::Superseded => "as superseded",
                };
                (act.words().to_owned(), outcome.to_owned())
            }
            Body::KeyRevoked(b) => {
                let key = Revocation::of(&record).map(|revoked| revoked.words()).unwrap_or_default();
                (format!("signed by {key}, revoked"), b.reason.to_string())
            }
            Body::ExhibitRechecked(b) => {
                is_seen = true;
                let found =
                    if b.result == RecheckResult::Gone { "source seen gone" } else { "source seen changed" };
                (found.to_owned(), seen("looked at", &b.checked))
            }
            _ => ("touched".to_owned(), String::new()),
        };
        let detail = match self.done_to_it(&record.event().id())? {
            done if detail.is_empty() || done.is_empty() => detail + &done,
            done => format!("{detail}; {done}"),
        };
        let is_told = matches!(act, Act::Void | Act::Correction) && quotable;
        let text = |member| words.text(member).filter(|_| is_told).map(str::to_owned);
        Ok(LaterAct {
            act,
            index,
            earlier,
            by: self.named(&attribution.party())?,
            attribution,
            times: Times::of(&record),
            mark,
            detail,
            // If the words are missing or withheld, nobody knows which files they name.
            no_capture: is_seen
                && matches!(&*words, Words::Present { content, .. } if content.files().is_empty()),
            wrong: text("wrong"),
            right: text("right"),
            replacement,
        })
    }

    /// Whether an entry opened a case, or registered a party, by mistake: its newest correction says so, and nothing rests on
    /// the case or party.
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
        self.look_at(1)?;
        // Strangers may add entries to either without end, so the index answers this without walking them.
        Ok(!match is_case {
            true => self.reader.is_filled(&id, &opener, self.size)?,
            false => self.reader.is_rested_on(&id, self.size)?,
        })
    }

    /// The mentions of an entry that are told, and how many more parties mention it.
    fn later_mentions(&self, record: &Record) -> Result<(Vec<LaterMention>, usize), ReadError> {
        let id = record.event().id();
        self.look_at(1)?;
        let firsts = self.reader.first_mentions(&id, self.size, COUNTED + 1)?;
        if firsts.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let exhibit = record.event().event_type() == EventType::ExhibitCaptured;
        // Rechecks by the author of the exhibit are told as acts.
        let own = record.parties().next().filter(|_| exhibit);
        // The newest mention of a party that is not void, and whether the party has any mention, void ones included.
        let newest = |by: &EventId| -> Result<(Option<u64>, bool), ReadError> {
            self.look_at(1)?;
            let mentions = self.reader.mentions(&id, by, self.size, LOOKED_AT + 1)?;
            let rechecks = if own == Some(*by) { Vec::new() } else { self.rechecks(&id, by)? };
            let newest =
                |list: &[u64]| Ok::<_, ReadError>(self.newest_that_counts(list)?.map(|(_, index)| index));
            Ok((newest(&mentions)?.max(newest(&rechecks)?), !mentions.is_empty() || !rechecks.is_empty()))
        };
        let mut parties = firsts.len();
        if let Some(own) = own
            && self.reader.mentions(&id, &own, self.size, 1)?.is_empty()
            && !self.rechecks(&id, &own)?.is_empty()
        {
            parties -= 1;
        }
        let mut mentions = Vec::new();
        let mut tried = Vec::new();
        let mut tell = |party: EventId, mentions: &mut Vec<u64>| -> Result<(), ReadError> {
            if mentions.len() < TOLD && !tried.contains(&party) {
                let (told, is_there) = newest(&party)?;
                parties -= usize::from(told.is_none() && is_there);
                mentions.extend(told);
                tried.push(party);
            }
            Ok(())
        };
        for party in self.parties_about(record)? {
            tell(party, &mut mentions)?;
        }
        for first in firsts {
            if mentions.len() == TOLD {
                break;
            }
            tell(self.author(&*self.entry_at(first)?)?.id, &mut mentions)?;
        }
        let others = parties.saturating_sub(mentions.len());
        let told = mentions.into_iter().map(|index| self.later_mention(&id, index));
        Ok((told.collect::<Result<_, _>>()?, others))
    }

    /// The parties of the case that an entry stands in, then those of the entry itself. Of a case: its respondent, the parties
    /// that opened it, and the petitioners and counsel of its first demands.
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
            self.look_at(1)?;
            for index in self.reader.first_demands(&case, self.size, DEMANDS_READ)? {
                if let Body::DemandIssued(b) = self.entry_at(index)?.event().body() {
                    parties.extend(b.petitioner.into_iter().chain(b.counsel));
                }
            }
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
                say(phrases::relation_words(b.relation)),
                other(&b.to)?,
            ],
            Body::PositionTaken(b) => {
                let mut parts =
                    vec![party(&self.named(&b.party)?), say(phrases::stance_words(b.stance)), say("this")];
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
                let when = dates::on_dated_words(&b.checked, record.entry.header().time);
                vec![party(&by), say(&format!(" looked at its source again {when} and found it {found}"))]
            }
            _ => vec![party(&by), say(" mentions this")],
        };
        Ok(LaterMention { index, by, times: Times::of(&record), sentence: Sentence::of(parts) })
    }

    /// How many entries above the size of these views did something to an entry.
    fn later_still(&self, record: &Record) -> Result<usize, ReadError> {
        // At the latest size nothing is above yet. Views of a fixed size that keep a footprint look all the same: a later entry
        // changes this count, so the lists must be observed. A reader with a footprint has observed them in `later_acts`.
        if self.latest() && (self.footprint.is_none() || self.fixed().is_none()) {
            return Ok(0);
        }
        let now = self.now();
        let acts = now.reader.acts(None, &record.event().id(), self.size..now.size, COUNTED)?.len();
        let other =
            |act: &LaterAct| matches!(act.act, Act::Revocation | Act::Recheck) && act.index >= self.size;
        Ok(acts + now.later_acts(record)?.iter().filter(|act| other(act)).count())
    }
}

/// Whether the words of a correction say that its target was opened or registered by mistake.
fn is_mistaken(words: &Words) -> bool {
    let Words::Present { content, .. } = words else { return false };
    content.members().get("mistaken").and_then(serde_json::Value::as_bool) == Some(true)
}
