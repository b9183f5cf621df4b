//! The time from when an incident was first known to when its respondent first disclosed it.

use super::{EntryLine, Latest, Named, Said, Times, Views, dates, thread::CaseThread};
use crate::{
    event::{At, Body, DisclosureKind},
    ledger::ReadError,
};

/// The first disclosure of an incident.
#[derive(Debug, Clone)]
pub struct FirstDisclosure {
    /// Index of its entry.
    pub index: u64,
    /// When it was made, and recorded.
    pub times: Times,
    /// Who recorded it, if the respondent's own key did not sign it.
    pub recorded_by: Option<Named>,
    /// To whom it was made.
    pub kind: DisclosureKind,
    /// The least and the most days since the incident was first known. The two are equal if both dates give their day.
    pub days: Option<(i64, i64)>,
}

/// An incident, as reported.
#[derive(Debug, Clone)]
pub struct IncidentView {
    /// Its entry, as it stands in lists.
    pub line: EntryLine,
    /// What is said to have happened.
    pub account: Said,
    /// When it was first known, according to the report.
    pub known: At,
    /// Whether the report gives that date itself; else it is the report's own `at`.
    pub discovered: bool,
    /// The first disclosure that the respondent made of it.
    pub disclosed: Option<FirstDisclosure>,
}

impl IncidentView {
    /// When it was first known, in words.
    pub fn known_words(&self) -> String {
        self.line.times.words(&self.known)
    }
}

impl FirstDisclosure {
    /// When it was made, in words.
    pub fn at_words(&self) -> String {
        self.times.occurred_words()
    }
    /// How many days after the incident was first known, in words.
    pub fn days_words(&self) -> Option<String> {
        self.days.map(|(least, most)| dates::days_words(least, most))
    }
    /// To whom it was made, in words.
    pub fn to_words(&self) -> &'static str {
        match self.kind {
            DisclosureKind::Regulator => "to a regulator",
            DisclosureKind::Public => "to the public",
            DisclosureKind::Persons => "to the persons affected",
            DisclosureKind::Reply => "in a reply",
        }
    }
}

impl Views {
    /// The incidents of a case that count, in the order of the log.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn incidents(&self, thread: &CaseThread) -> Result<Latest<IncidentView>, ReadError> {
        let incidents = thread.counting().filter_map(|record| match record.event().body() {
            Body::IncidentReported(body) => Some((record, body)),
            _ => None,
        });
        Latest::of(incidents.collect(), |(record, body)| {
            let id = record.event().id();
            let known = body.discovered.as_ref().unwrap_or(record.event().at());
            let since = thread.now.days(known);
            let named = thread.counting().filter_map(|r| match r.event().body() {
                Body::DisclosureMade(b) if b.incident == Some(id) && b.party == thread.case.respondent => {
                    Some((thread.now.days(r.event().at()), r, b.kind))
                }
                _ => None,
            });
            let disclosed = match named.min_by_key(|(days, r, _)| (*days, r.index())) {
                None => None,
                Some((days, r, kind)) => {
                    let days = since.zip(days).map(|(from, to)| from.until(to));
                    let own = r.parties().any(|party| party == thread.case.respondent);
                    let recorded_by = if own { None } else { Some(self.author(r)?) };
                    Some(FirstDisclosure { index: r.index(), times: Times::of(r), recorded_by, kind, days })
                }
            };
            Ok(IncidentView {
                line: self.line(record)?,
                account: self.said(record, "account")?,
                known: known.clone(),
                discovered: body.discovered.is_some(),
                disclosed,
            })
        })
    }
}
