//! `DemandState`: the state of a demand at two instants.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject};

use super::{
    super::fault::Answer as _,
    backer::{Backer, CollectedText, Signatures},
    clock::Clock,
    delivery::Delivery,
    demand_item::{DemandItem, ItemCounts},
    event,
    fact_word::FactWord,
    party,
};
use crate::{
    event::{EscalationRoute, EventId},
    log::Time,
    serve::graphql::{
        field_cost::{Costs, Of},
        scalars::{date_time::DateTime, index::Index},
        types::{event::Event, party::Party},
    },
    views::{Course, DemandView, Views},
};

/// A demand has 100 items at most.
pub const COSTS: Costs = Costs { lists: &[("items", 100)], ..Costs::of(Of::Types(&["DemandState"])) };

/// The state of a demand in one word, for filters only. Course, delivery, answers and clock are each shown beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::views::Status")]
pub enum DemandStatus {
    /// Taken back.
    Withdrawn,
    /// Every item is answered.
    Answered,
    /// Every item is refused.
    Refused,
    /// Every item is said to be not held.
    NotHeld,
    /// Every item has an outcome, and the outcomes differ or are partial.
    Mixed,
    /// The last day has passed with an item open.
    Overdue,
    /// Some items have an outcome.
    PartlyAnswered,
    /// Delivered, and no item has an outcome.
    Awaiting,
    /// Refused on delivery.
    RefusedOnDelivery,
    /// Delivery failed.
    DeliveryFailed,
    /// Sent. There is no evidence of anything more.
    Dispatched,
    /// On record, and nothing more.
    Issued,
}

/// The course of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DemandCourse {
    /// It stands.
    Open,
    /// It was taken back.
    Withdrawn,
    /// It stands, and was taken elsewhere.
    Escalated,
}

/// A demand taken elsewhere.
#[derive(Debug, SimpleObject)]
pub struct Escalation {
    /// Where it was taken.
    pub route: FactWord<EscalationRoute>,
    /// The party that it was taken to, if one is named.
    pub to: Option<Party>,
    /// Index of its entry.
    pub index: Index,
    /// When, where and to which party it was taken. If the demander's own key did not sign it, also whose record that is.
    pub sentence: String,
}

/// A demand at two instants.
#[derive(Debug, Clone)]
pub struct DemandState {
    view: Arc<DemandView>,
    as_of: Time,
    views: Arc<Views>,
}

impl DemandState {
    /// Wraps a demand.
    pub fn new(view: DemandView, as_of: Time, views: &Arc<Views>) -> Self {
        Self { view: Arc::new(view), as_of, views: views.clone() }
    }

    /// Reads the state of a demand at the time `as_of`; `None` if the event is no demand, or does not count then.
    ///
    /// # Errors
    /// A failed read of the log.
    pub fn read(views: &Arc<Views>, id: &EventId, as_of: Time) -> Result<Option<Self>> {
        let sheet = views.demand(id, as_of).answer()?;
        Ok(sheet.map(|sheet| Self::new(sheet.view, as_of, views)))
    }
}

/// The state of a demand at two instants: its course, its delivery, its answers and its clock. Each is shown by itself.
#[Object]
impl DemandState {
    /// The instant at which clocks are read; what is said to have happened later does not count.
    async fn as_of(&self) -> DateTime {
        DateTime(self.as_of)
    }
    /// The tree size: only entries below it count.
    async fn known_at(&self) -> Index {
        Index(self.views.size())
    }
    /// The demand's own event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.demand.index)
    }
    /// The party that it asks.
    async fn respondent(&self) -> Result<Party> {
        party(&self.views, &self.view.respondent.id)
    }
    /// Where it stands, in one sentence or a few.
    async fn sentence(&self) -> String {
        self.view.sentence.to_string()
    }
    /// Its status in one word, for filters only.
    async fn status(&self) -> DemandStatus {
        self.view.demand.status.into()
    }
    /// The status in words. If the respondent's own key did not sign the outcomes, also whose record they are: `answered, by the
    /// record of Example Desk`.
    async fn status_words(&self) -> &str {
        &self.view.status_words
    }
    /// Its course.
    async fn course(&self) -> DemandCourse {
        match self.view.demand.course {
            Course::Open => DemandCourse::Open,
            Course::Withdrawn(_) => DemandCourse::Withdrawn,
            Course::Escalated(_) => DemandCourse::Escalated,
        }
    }
    /// The event that took it back. Null while it stands.
    async fn withdrawn_by(&self) -> Result<Option<Event>> {
        match self.view.demand.course {
            Course::Withdrawn(index) => event(&self.views, index).map(Some),
            _ => Ok(None),
        }
    }
    /// Its escalations, in the order of the log.
    async fn escalations(&self) -> Result<Vec<Escalation>> {
        let mut escalations = Vec::new();
        for (e, sentence) in self.view.demand.escalations.iter().zip(&self.view.escalated) {
            let to = e.to.map(|id| party(&self.views, &id)).transpose()?;
            let sentence = sentence.to_string();
            escalations.push(Escalation { route: FactWord(e.route), to, index: Index(e.index), sentence });
        }
        Ok(escalations)
    }
    /// Its delivery.
    async fn delivery(&self) -> Delivery {
        Delivery::new(&self.view, &self.views)
    }
    /// When the answer falls due.
    async fn clock(&self) -> Clock {
        Clock::new(&self.view, &self.views)
    }
    /// Its items, 1 to 100, each with the answers to it.
    async fn items(&self) -> Vec<DemandItem> {
        DemandItem::all(&self.view, &self.views)
    }
    /// The number of items by the outcome that counts.
    async fn counts(&self) -> ItemCounts {
        self.view.demand.counts().into()
    }
    /// What was answered, in one sentence.
    async fn answered(&self) -> String {
        self.view.answered.to_string()
    }
    /// The parties that are named behind it, at most three.
    async fn backing(&self) -> Vec<Backer> {
        self.view.backing.iter().map(|b| Backer::new(b.clone(), &self.views)).collect()
    }
    /// The signatures behind it. Null unless the organiser of the collection confirmed that they stand behind this demand.
    async fn signatures(&self) -> Option<Signatures> {
        let demand = &self.view.demand;
        demand.count.filter(|_| demand.shows_count()).map(Into::into)
    }
    /// The text that people signed. Null if the demand names no collection.
    async fn signed_text(&self) -> Option<CollectedText> {
        self.view.signed.as_ref().map(Into::into)
    }
}
