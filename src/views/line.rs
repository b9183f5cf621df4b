//! An entry as it stands in lists.

use super::{Attribution, Marks, Name, Part, Record, Sentence, Times, Views, Words, excerpt, shown};
use crate::{
    event::{EventId, EventType},
    ledger::ReadError,
};

/// A list shows at most this many characters of an entry's words.
const EXCERPT: usize = 240;
/// The members of the words that an excerpt may come from. The first that is present is taken.
const TELLING: &[&str] = &[
    "text",
    "account",
    "reasoning",
    "preamble",
    "nature",
    "right",
    "ground",
    "changed",
    "note",
    "method",
    "description",
    "address",
];

/// An entry as it stands in lists: one sentence, its times, and whose word it is.
#[derive(Debug, Clone)]
pub struct EntryLine {
    /// Its index.
    pub index: u64,
    /// The event's id.
    pub id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Its case; for `case.opened`, its own id.
    pub case: Option<EventId>,
    /// What it says.
    pub sentence: Sentence,
    /// The beginning of its words, safe to show; none if the sentence quotes them.
    pub excerpt: Option<String>,
    /// The language of its text, if a fact gives it and nothing of the entry is withheld.
    pub language: Option<String>,
    /// Its three times.
    pub times: Times,
    /// Whose word it is.
    pub attribution: Attribution,
    /// The name of the party of the attribution.
    pub attributed: Name,
    /// Whether it speaks of something invented.
    pub fictional: bool,
    /// Whether a later correction declared it void.
    pub voided: bool,
    /// Whether it opened a case, or registered a party, by mistake, and nothing rests on that case or party.
    pub mistaken: bool,
    /// What later entries did to it.
    pub since: Marks,
    /// Whether its words, or some of its files, are withheld now.
    pub withheld: bool,
}

impl EntryLine {
    /// The name of its type, in words.
    pub fn type_words(&self) -> String {
        super::type_words(self.event_type)
    }
    /// Whether it is shown struck through.
    pub fn is_struck(&self) -> bool {
        self.voided || self.mistaken
    }
}

impl Views {
    /// An entry as it stands in lists.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn line(&self, record: &Record) -> Result<EntryLine, ReadError> {
        let event = record.event();
        let fate = self.fate(&event.id())?;
        let attribution = self.attribution(record)?;
        let sentence = self.sentence(record)?;
        let own = (event.event_type() == EventType::CaseOpened).then(|| event.id());
        let excerpt = self.excerpt(record, &sentence)?;
        Ok(EntryLine {
            index: record.index(),
            id: event.id(),
            event_type: event.event_type(),
            case: event.case().or(own),
            language: if fate.withheld.is_empty() { self.language(record)? } else { None },
            excerpt,
            sentence,
            times: Times::of(record),
            attribution,
            attributed: self.name(&attribution.party())?,
            fictional: self.fictional(record)?,
            voided: fate.voided,
            mistaken: self.mistaken(record)?,
            since: self.marks(record)?,
            withheld: !fate.withheld.is_empty(),
        })
    }

    /// The beginning of an entry's words, unless its sentence quotes them already.
    fn excerpt(&self, record: &Record, sentence: &Sentence) -> Result<Option<String>, ReadError> {
        if sentence.parts().iter().any(|p| matches!(p, Part::Quote { .. })) {
            return Ok(None);
        }
        let words = self.words(record)?;
        if matches!(&*words, Words::Withheld(_)) {
            return Ok(Some("(words withheld)".to_owned()));
        }
        let text = TELLING.iter().find_map(|member| words.text(member));
        Ok(text.map(|text| shown(&excerpt(text, EXCERPT)).into_owned()))
    }

    /// The entries at these indexes, in that order. Indexes at or above the size are left out.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn lines(&self, indexes: &[u64]) -> Result<Vec<EntryLine>, ReadError> {
        self.records(indexes)?.iter().map(|record| self.line(record)).collect()
    }
}
