//! `PartyState`: a party at two instants.

use std::sync::Arc;

use async_graphql::{Object, Result, SimpleObject};

use super::{
    super::fault::Answer as _, demand_state::DemandStatus, event, fact_word::FactWord, party, text::Text,
};
use crate::{
    event::{EventId, Role},
    log::Time,
    serve::graphql::{
        scalars::{date_time::DateTime, index::Index},
        types::{event::Event, party::Party},
    },
    views::{self, PartyView, Views},
};

/// A party at two instants.
#[derive(Debug)]
pub struct PartyState {
    view: Arc<PartyView>,
    as_of: Time,
    views: Arc<Views>,
}

impl PartyState {
    /// A party at an instant; `None` if these views know no such party.
    ///
    /// # Errors
    /// Our fault.
    pub fn read(views: &Arc<Views>, id: &EventId, as_of: Time) -> Result<Option<Self>> {
        let view = views.party_view(id, as_of).answer()?;
        Ok(view.map(|view| Self { view: Arc::new(view), as_of, views: views.clone() }))
    }
}

/// A party at two instants: its names and roles over time, and its record across cases.
#[Object]
impl PartyState {
    /// The instant at which clocks are read.
    async fn as_of(&self) -> DateTime {
        DateTime(self.as_of)
    }
    /// The tree size: only entries below it count.
    async fn known_at(&self) -> Index {
        Index(self.views.size())
    }
    /// Its names over time, the first one first.
    async fn names(&self) -> Vec<PartyName> {
        let name = |line: &views::NameLine| PartyName { line: line.clone(), views: self.views.clone() };
        self.view.names.iter().map(name).collect()
    }
    /// Roles given to it and taken back, in the order of the log.
    async fn roles(&self) -> Vec<RoleChange> {
        let role = |line: &views::RoleLine| RoleChange {
            role: FactWord(line.role),
            granted: line.granted,
            index: Index(line.index),
        };
        self.view.roles.iter().map(role).collect()
    }
    /// How it answers demands, as far as it is on record here; null for an invented party.
    async fn record(&self) -> Option<PartyRecord> {
        self.view.record.as_ref()?;
        Some(PartyRecord { view: self.view.clone(), views: self.views.clone() })
    }
}

/// A name that a party had.
#[derive(Debug)]
pub struct PartyName {
    line: views::NameLine,
    views: Arc<Views>,
}

/// A name that a party had.
#[Object]
impl PartyName {
    /// The event that gave it.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.line.index)
    }
    /// The name.
    async fn name(&self) -> Text {
        Text::from(&self.line.name)
    }
    /// Who put it on record.
    async fn by(&self) -> Result<Party> {
        party(&self.views, &self.line.by.id)
    }
}

/// A role given or taken back.
#[derive(Debug, SimpleObject)]
pub struct RoleChange {
    /// The role.
    pub role: FactWord<Role>,
    /// Whether it was given.
    pub granted: bool,
    /// Index of its entry.
    pub index: Index,
}

/// How a party answers demands.
#[derive(Debug)]
pub struct PartyRecord {
    view: Arc<PartyView>,
    views: Arc<Views>,
}

impl PartyRecord {
    fn record(&self) -> &views::PartyRecord {
        const EMPTY: &views::PartyRecord = &views::PartyRecord::EMPTY;
        self.view.record.as_ref().unwrap_or(EMPTY)
    }
    fn counts(&self, of: &[(views::Named, usize)]) -> Result<Vec<RecorderCount>> {
        let count = |(who, n): &(views::Named, usize)| {
            Ok(RecorderCount { party: party(&self.views, &who.id)?, demands: Index(*n as u64) })
        };
        of.iter().map(count).collect()
    }
}

/// How many demands to a party stand at a status.
#[derive(Debug, SimpleObject)]
pub struct StatusCount {
    /// The status.
    pub status: DemandStatus,
    /// How many.
    pub demands: Index,
}

/// Who put demands on record, and how many.
#[derive(Debug, SimpleObject)]
pub struct RecorderCount {
    /// Who.
    pub party: Party,
    /// How many.
    pub demands: Index,
}

/// How a party answers demands, as far as it is on record here: real ones for which there is evidence of delivery.
#[Object]
impl PartyRecord {
    /// The whole in a few sentences.
    async fn sentence(&self) -> Option<String> {
        self.view.record_words()
    }
    /// How many such demands there are: n.
    async fn demands(&self) -> Index {
        Index(self.record().demands as u64)
    }
    /// In how many cases.
    async fn cases(&self) -> Index {
        Index(self.record().cases as u64)
    }
    /// How many stand at each status.
    async fn by_status(&self) -> Vec<StatusCount> {
        let count = |(status, n): (&views::Status, &usize)| StatusCount {
            status: (*status).into(),
            demands: Index(*n as u64),
        };
        self.record().by_status.iter().map(count).collect()
    }
    /// The median of days from delivery to the last item's outcome, over demands where every item has one; null below
    /// five of them.
    async fn median_days(&self) -> Option<i64> {
        self.record().median_days
    }
    /// Demands where every item has an outcome, and the dates of delivery and of the last one say their day.
    async fn completed(&self) -> Index {
        Index(self.record().completed as u64)
    }
    /// Who put these demands on record, the most first.
    async fn recorded_by(&self) -> Result<Vec<RecorderCount>> {
        self.counts(&self.record().recorded_by)
    }
    /// In how many of these demands the evidence of delivery that counts, or else a reply, is signed by a key of the party itself.
    async fn delivered_by_own_key(&self) -> Index {
        Index(self.record().delivered_by_own_key as u64)
    }
    /// By whose record outcomes stand that the party's own key did not sign, and in how many demands, the most first.
    async fn outcomes_by(&self) -> Result<Vec<RecorderCount>> {
        self.counts(&self.record().outcomes_by)
    }
    /// Real demands that are left out because nothing shows that they were delivered.
    async fn undelivered(&self) -> Index {
        Index(self.record().undelivered as u64)
    }
    /// Whether there is more on record than was looked through.
    async fn cut_short(&self) -> bool {
        self.record().cut_short
    }
}
