//! Links: a party says how one record bears on another. Shown with a quote of each record, and the positions on the link.

use serde_json::Value;

use super::{
    Latest, Marks, Named, PositionView, Quote, Record, Said, Times, Views, Words, thread::CaseThread,
};
use crate::{
    event::{Body, EventId, Relation},
    ledger::ReadError,
};

/// One side of a link.
#[derive(Debug, Clone)]
pub struct LinkSide {
    /// Index of the record; none if it is not on record at this size.
    pub index: Option<u64>,
    /// What the record is, as a noun.
    pub noun: String,
    /// The quote of it; none if its words are withheld, or if the words of the link are not present or quote nothing.
    pub quote: Option<Quote>,
    /// The language of the record, if a fact gives it.
    pub language: Option<String>,
    /// Whether the record's own words are withheld now, so that no quote of them is shown.
    pub withheld: bool,
    /// What later entries did to the record.
    pub since: Marks,
}

/// A link.
#[derive(Debug, Clone)]
pub struct LinkView {
    /// Index of its entry.
    pub index: u64,
    /// Who drew it.
    pub by: Named,
    /// The relation.
    pub relation: Relation,
    /// When it was drawn, and recorded.
    pub times: Times,
    /// The record that bears on the other.
    pub from: LinkSide,
    /// The record that it bears on.
    pub to: LinkSide,
    /// The party's reasons.
    pub reasoning: Said,
    /// The positions on it, in the order of the log.
    pub positions: Vec<PositionView>,
    /// What later entries did to it.
    pub since: Marks,
}

impl LinkView {
    /// What the party says by it, as it follows the party's name: `says these conflict`.
    pub fn says(&self) -> &'static str {
        match self.relation {
            Relation::Contradicts => "says these conflict",
            Relation::Supersedes => "says the first takes the place of the second",
            Relation::Repeats => "says the first repeats the second",
            Relation::Answers => "says the first answers the second",
            Relation::RefersTo => "says the first refers to the second",
        }
    }
}

fn quote(words: &Words, side: &str) -> Option<Quote> {
    let Words::Present { content, .. } = words else { return None };
    let quote = content.members().get("quotes")?.get(side)?;
    let member = |name| quote.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let exact = quote.get("exact")?.as_str()?.to_owned();
    Some(Quote { by: None, prefix: member("prefix"), exact, suffix: member("suffix") })
}

impl Views {
    /// The links of a case that count, in the order of the log.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn links(&self, thread: &CaseThread) -> Result<Latest<LinkView>, ReadError> {
        let links = thread.counting().filter_map(|record| match record.event().body() {
            Body::LinkAsserted(body) => Some((record, body)),
            _ => None,
        });
        Latest::of(links.collect(), |(record, body)| {
            Ok(LinkView {
                index: record.index(),
                by: self.author(record)?,
                relation: body.relation,
                times: Times::of(record),
                from: self.link_side(record, "from", &body.from)?,
                to: self.link_side(record, "to", &body.to)?,
                reasoning: self.said(record, "reasoning")?,
                positions: self.positions(thread, &record.event().id())?,
                since: self.marks(record)?,
            })
        })
    }

    /// Other records whose fate the page of this entry tells: a void demand that the entry is about, and each quoted record to
    /// which later entries did something. Each comes as a noun that says how it relates to the entry, with its marks.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn told_beside(&self, record: &Record) -> Result<Vec<(String, Marks)>, ReadError> {
        let mut beside = Vec::new();
        let notice = record.event().role("notice").map(|id| self.record_of(&id)).transpose()?.flatten();
        let of = notice.as_ref().map_or(record.event(), |notice| notice.event());
        if let Some(demand) = of.role("demand").map(|id| self.record_of(&id)).transpose()?.flatten()
            && self.fate(&demand.event().id())?.voided
        {
            beside.push((format!("{}, which this is about", self.noun(&demand)?), self.marks(&demand)?));
        }
        let Body::LinkAsserted(body) = record.event().body() else { return Ok(beside) };
        for (side, id) in [("from", &body.from), ("to", &body.to)] {
            let side = self.link_side(record, side, id)?;
            if side.quote.is_some() && !side.since.is_empty() {
                beside.push((format!("{}, which this quotes", side.noun), side.since));
            }
        }
        Ok(beside)
    }

    fn link_side(&self, link: &Record, side: &str, id: &EventId) -> Result<LinkSide, ReadError> {
        let Some(record) = self.record_of(id)? else {
            let noun = "a record not found here".to_owned();
            let since = Marks::default();
            return Ok(LinkSide { index: None, noun, quote: None, language: None, withheld: false, since });
        };
        // Words that are withheld in the record must not be read in a quote of it.
        let withheld = matches!(&*self.words(&record)?, Words::Withheld(_));
        let quote = if withheld { None } else { quote(&*self.words(link)?, side) };
        Ok(LinkSide {
            index: Some(record.index()),
            noun: self.noun(&record)?,
            quote,
            language: self.language(&record)?,
            withheld,
            since: self.marks(&record)?,
        })
    }
}
