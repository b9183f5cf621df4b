//! `PartyState`: the state of a party at two instants.

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
    /// Reads the state of a party at the time `as_of`; `None` if these views know no such party.
    ///
    /// # Errors
    /// A failed read of the log.
    pub fn read(views: &Arc<Views>, id: &EventId, as_of: Time) -> Result<Option<Self>> {
        let view = views.party_view(id, as_of).answer()?;
        Ok(view.map(|view| Self { view: Arc::new(view), as_of, views: views.clone() }))
    }
}

/// The state of a party at two instants: its names and roles over time, and its record across cases.
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
    /// Its names over time, the oldest first.
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
    /// How it answers demands, as far as that is on record here. Null for an invented party.
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
    /// The party that recorded it.
    async fn by(&self) -> Result<Party> {
        party(&self.views, &self.line.by.id)
    }
}

/// A role given or taken back.
#[derive(Debug, SimpleObject)]
pub struct RoleChange {
    /// The role.
    pub role: FactWord<Role>,
    /// Whether it was given; else it was taken back.
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

/// How many demands to a party have a status.
#[derive(Debug, SimpleObject)]
pub struct StatusCount {
    /// The status.
    pub status: DemandStatus,
    /// How many demands have it.
    pub demands: Index,
}

/// A party that recorded something, and in how many demands.
#[derive(Debug, SimpleObject)]
pub struct RecorderCount {
    /// The party.
    pub party: Party,
    /// The number of demands.
    pub demands: Index,
}

/// How a party answers demands, as far as that is on record here. Only real demands with evidence of delivery count.
#[Object]
impl PartyRecord {
    /// The whole in a few sentences.
    async fn sentence(&self) -> Option<String> {
        self.view.record_words()
    }
    /// How many such demands there are.
    async fn demands(&self) -> Index {
        Index(self.record().demands as u64)
    }
    /// How many cases they are in.
    async fn cases(&self) -> Index {
        Index(self.record().cases as u64)
    }
    /// How many of these demands have each status.
    async fn by_status(&self) -> Vec<StatusCount> {
        let count = |(status, n): (&views::Status, &usize)| StatusCount {
            status: (*status).into(),
            demands: Index(*n as u64),
        };
        self.record().by_status.iter().map(count).collect()
    }
    /// The median number of days from delivery to the outcome of the last item, over the demands counted in `completed`. Null if
    /// these are fewer than five.
    async fn median_days(&self) -> Option<i64> {
        self.record().median_days
    }
    /// How many of these demands have an outcome for every item, and exact days for delivery and the last outcome.
    async fn completed(&self) -> Index {
        Index(self.record().completed as u64)
    }
    /// The parties that recorded these demands, the one with the most first.
    async fn recorded_by(&self) -> Result<Vec<RecorderCount>> {
        self.counts(&self.record().recorded_by)
    }
    /// In how many of these demands a key of the party itself signed the evidence of delivery that counts, or else a reply.
    async fn delivered_by_own_key(&self) -> Index {
        Index(self.record().delivered_by_own_key as u64)
    }
    /// The parties that recorded outcomes which the party's own key did not sign, and in how many demands, the one with the most
    /// first.
    async fn outcomes_by(&self) -> Result<Vec<RecorderCount>> {
        self.counts(&self.record().outcomes_by)
    }
    /// How many real demands are left out because nothing shows that they were delivered.
    async fn undelivered(&self) -> Index {
        Index(self.record().undelivered as u64)
    }
    /// Whether there are more entries on record than were read for this.
    async fn cut_short(&self) -> bool {
        self.record().cut_short
    }
}
