//! `Incident` and `FirstDisclosure`: what happened, and when it was first disclosed.

use std::sync::Arc;

use async_graphql::{Object, Result};

use super::{event, fact_word::FactWord, text::Text};
use crate::{
    event::DisclosureKind,
    serve::graphql::{scalars::event_date::EventDate, types::event::Event},
    views::{self, IncidentView, Views},
};

/// An incident, as reported.
#[derive(Debug)]
pub struct Incident {
    view: IncidentView,
    views: Arc<Views>,
}

impl Incident {
    /// Wraps an incident.
    pub fn new(view: IncidentView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// What is said to have happened, and when the respondent first disclosed it.
#[Object]
impl Incident {
    /// The report.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.line.index)
    }
    /// What is said to have happened. It is an allegation of the report's author.
    async fn account(&self) -> Text {
        Text::from(&self.view.account)
    }
    /// When it was first known, according to the report.
    async fn known(&self) -> EventDate {
        EventDate(self.view.known.clone())
    }
    /// Whether the report itself says when it was known. Else `known` is the date of what it reports.
    async fn discovered(&self) -> bool {
        self.view.discovered
    }
    /// The first disclosure of it by the respondent. Null while none is on record.
    async fn disclosed(&self) -> Option<FirstDisclosure> {
        let disclosed = self.view.disclosed.clone()?;
        Some(FirstDisclosure { disclosed, views: self.views.clone() })
    }
}

/// The first disclosure of an incident.
#[derive(Debug)]
pub struct FirstDisclosure {
    disclosed: views::FirstDisclosure,
    views: Arc<Views>,
}

/// The first disclosure of an incident by its respondent.
#[Object]
impl FirstDisclosure {
    /// The disclosure.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.disclosed.index)
    }
    /// To whom it was disclosed.
    async fn kind(&self) -> FactWord<DisclosureKind> {
        FactWord(self.disclosed.kind)
    }
    /// The number of days from the date on which the incident was first known until the disclosure. Null if one of the two dates
    /// says no day.
    async fn days(&self) -> Option<i64> {
        self.disclosed.days.filter(|(least, most)| least == most).map(|(days, _)| days)
    }
    /// These days in words: `6 days`, or `between 0 and 14 days` if one of the two dates says no day.
    async fn days_words(&self) -> Option<String> {
        self.disclosed.days_words()
    }
}
