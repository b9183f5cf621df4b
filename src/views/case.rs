//! A case in summary.

use super::{Record, Views, Words, names};
use crate::{
    event::{Body, EventId},
    ledger::ReadError,
    log::Time,
};

/// A case: one respondent, one matter.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its id: that of the event that opened it.
    pub id: EventId,
    /// Index of that event's entry.
    pub index: u64,
    /// Its title, if its words are present and give one.
    pub title: Option<String>,
    /// Its summary, likewise.
    pub summary: Option<String>,
    /// Whether its words are withheld.
    pub withheld: bool,
    /// Whom it is about.
    pub respondent: EventId,
    /// ISO 3166-1 alpha-2 code of the country whose law governs it.
    pub jurisdiction: &'static str,
    /// The zone in which its dates are read.
    pub timezone: &'static str,
    /// Whether it is invented.
    pub fictional: bool,
    /// Whether its newest correction says that it was opened by mistake, and nothing that counts stands in it.
    pub mistaken: bool,
}

/// The entries of a case.
#[derive(Debug, Clone)]
pub struct CaseEntries {
    /// Their indexes, in order, the opening first.
    pub indexes: Vec<u64>,
    /// When the last of them was recorded.
    pub last_recorded: Time,
}

impl Case {
    /// The name of the country whose law governs it.
    pub fn country(&self) -> &'static str {
        names::country(self.jurisdiction)
    }
    /// Its title, or what is shown in its place.
    pub fn title(&self) -> &str {
        match &self.title {
            Some(title) => title,
            None if self.withheld => "(title withheld)",
            None => "(untitled)",
        }
    }
}

impl Views {
    /// A case; `None` if the event is no `case.opened`.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case(&self, id: &EventId) -> Result<Option<Case>, ReadError> {
        match self.record_of(id)? {
            Some(record) => self.case_of(&record),
            None => Ok(None),
        }
    }

    /// The case that this entry opened; `None` if it opened none.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case_of(&self, record: &Record) -> Result<Option<Case>, ReadError> {
        let Body::CaseOpened(body) = record.event().body() else { return Ok(None) };
        let words = self.words(record)?;
        Ok(Some(Case {
            id: record.event().id(),
            index: record.index(),
            title: words.text("title").map(str::to_owned),
            summary: words.text("summary").map(str::to_owned),
            withheld: matches!(&*words, Words::Withheld(_)),
            respondent: body.respondent,
            jurisdiction: code(crate::event::Country::ALL, body.jurisdiction.as_str()),
            timezone: code(crate::event::Zone::ALL, body.timezone.as_str()),
            fictional: body.fictional == Some(true),
            mistaken: self.mistaken(record)?,
        }))
    }

    /// The entries of a case.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case_entries(&self, case: &Case) -> Result<CaseEntries, ReadError> {
        let indexes = self.thread(&case.id)?;
        let last = self.entry_at(indexes.last().copied().unwrap_or(case.index))?;
        Ok(CaseEntries { indexes, last_recorded: last.entry.header().time })
    }

    /// Whether an entry speaks of something invented. Its case decides, else the party whose thread it stands in. An entry
    /// that stands alone does if anything that it names, or a party that signed it, is invented.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn fictional(&self, record: &Record) -> Result<bool, ReadError> {
        let event = record.event();
        match event.body() {
            Body::PartyRegistered(b) => return Ok(b.fictional == Some(true)),
            Body::CaseOpened(b) => return Ok(b.fictional == Some(true)),
            _ => {}
        }
        if let Some(case) = event.case() {
            return self.is_fictional(&case);
        }
        let thread = record.entry.header().thread;
        if thread != event.id() {
            return self.is_fictional(&thread);
        }
        for id in event.body().refs().into_iter().flat_map(|(_, ids)| ids.to_vec()).chain(record.parties()) {
            if self.is_fictional(&id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a case or party is invented; for any other record, whether its case is, else the party of its thread.
    fn is_fictional(&self, id: &EventId) -> Result<bool, ReadError> {
        if let Some(known) = self.memory().fictional.get(id) {
            return Ok(*known);
        }
        let fictional = match self.record_of(id)? {
            None => false,
            Some(record) => match (record.event().body(), record.event().case()) {
                (Body::PartyRegistered(b), _) => b.fictional == Some(true),
                (Body::CaseOpened(b), _) => b.fictional == Some(true),
                (_, Some(case)) => self.is_fictional(&case)?,
                _ => self.reader.party(&record.entry.header().thread)?.is_some_and(|p| p.fictional),
            },
        };
        self.memory().fictional.insert(*id, fictional);
        Ok(fictional)
    }
}

/// The static code that equals a fact's text.
fn code(all: &'static [&'static str], text: &str) -> &'static str {
    all.binary_search(&text).map_or("", |at| all[at])
}
