//! `Delivery`, `Notice` and `DeliveryEvidence`: the attempts to deliver a demand, and whose word each step rests on.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result};

use super::{event, fact_word::FactWord, notice_connection::NoticeConnection, party, text::Text};
use crate::{
    event::{Channel, Evidence, EvidenceReason, Voucher},
    serve::graphql::types::{event::Event, page::PageArgs, party::Party},
    views::{self, DemandView, EvidenceView, NoticeView, Views},
};

/// How far a demand or a notice came: a grade, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DeliveryState {
    /// No notice to the respondent is on record.
    None,
    /// A notice was sent. There is no evidence of anything more.
    Sent,
    /// Delivery failed.
    Failed,
    /// The notice was refused when it was to be handed over. That does not count as a failure.
    RefusedOnDelivery,
    /// A relay accepted it.
    Relayed,
    /// It is where the addressee can fetch it.
    Available,
    /// It was looked at.
    Accessed,
    /// It was handed over.
    HandedOver,
    /// The addressee accepted it.
    Accepted,
}

impl From<views::Grade> for DeliveryState {
    fn from(grade: views::Grade) -> Self {
        match grade {
            views::Grade::Relayed => Self::Relayed,
            views::Grade::Available => Self::Available,
            views::Grade::Accessed => Self::Accessed,
            views::Grade::HandedOver => Self::HandedOver,
            views::Grade::Accepted => Self::Accepted,
        }
    }
}

/// The delivery of a demand.
#[derive(Debug)]
pub struct Delivery {
    view: Arc<DemandView>,
    views: Arc<Views>,
}

impl Delivery {
    /// The delivery of a demand.
    pub fn new(view: &Arc<DemandView>, views: &Arc<Views>) -> Self {
        Self { view: view.clone(), views: views.clone() }
    }
}

/// Whether a demand reached its respondent. Only notices to the respondent count.
#[Object]
impl Delivery {
    /// How far it came, by the best evidence that no other evidence contradicts.
    async fn state(&self) -> DeliveryState {
        match self.view.demand.delivery.state() {
            views::DeliveryState::None => DeliveryState::None,
            views::DeliveryState::Sent => DeliveryState::Sent,
            views::DeliveryState::Failed => DeliveryState::Failed,
            views::DeliveryState::RefusedOnDelivery => DeliveryState::RefusedOnDelivery,
            views::DeliveryState::Reached(grade) => grade.into(),
        }
    }
    /// The state in one sentence, with whose word it is. If there is no evidence, `No evidence of delivery on record`.
    async fn sentence(&self) -> String {
        self.view.delivery.to_string()
    }
    /// The evidence that gives the grade. Null if there is none.
    async fn best(&self) -> Option<DeliveryEvidence> {
        let index = self.view.demand.delivery.best()?.2.index;
        let view = self.view.attempts.iter().flat_map(|n| &n.evidence).find(|e| e.line.index == index)?;
        Some(DeliveryEvidence { view: view.clone(), views: self.views.clone() })
    }
    /// Whether evidence of one notice contradicts other evidence of it.
    async fn conflicting(&self) -> bool {
        self.view.demand.delivery.conflicting()
    }
    /// Every attempt: notices to the respondent, in the order of the log.
    async fn attempts(
        &self,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<NoticeConnection> {
        let args = PageArgs { first, last, after, before };
        NoticeConnection::read(&self.view.attempts, &args, &self.views)
    }
    /// Notices to others. They don't count as delivery.
    async fn copies(
        &self,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<NoticeConnection> {
        NoticeConnection::read(&self.view.copies, &PageArgs { first, last, after, before }, &self.views)
    }
}

/// A notice to one addressee.
#[derive(Debug, Clone)]
pub struct Notice {
    view: Arc<NoticeView>,
    views: Arc<Views>,
}

impl Notice {
    /// Wraps a notice.
    pub fn new(view: &NoticeView, views: &Arc<Views>) -> Self {
        Self { view: Arc::new(view.clone()), views: views.clone() }
    }
    /// Index of its entry.
    pub fn index(&self) -> u64 {
        self.view.notice.index
    }
}

/// A notice to one addressee: a chain of evidence.
#[Object]
impl Notice {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.notice.index)
    }
    /// The party that sent it.
    async fn sender(&self) -> Result<Party> {
        party(&self.views, &self.view.sender.id)
    }
    /// The party that it was sent to.
    async fn addressee(&self) -> Result<Party> {
        party(&self.views, &self.view.addressee.id)
    }
    /// How it was sent.
    async fn channel(&self) -> FactWord<Channel> {
        FactWord(self.view.notice.channel)
    }
    /// The address that was used.
    async fn address(&self) -> Text {
        Text::from(&self.view.address)
    }
    /// Why that is the proper address.
    async fn why(&self) -> Text {
        Text::from(&self.view.why)
    }
    /// How far it came.
    async fn state(&self) -> DeliveryState {
        match self.view.notice.state() {
            views::NoticeState::Sent => DeliveryState::Sent,
            views::NoticeState::Failed => DeliveryState::Failed,
            views::NoticeState::Refused => DeliveryState::RefusedOnDelivery,
            views::NoticeState::Reached(grade) => grade.into(),
        }
    }
    /// Whether some of its evidence contradicts other evidence of it.
    async fn conflicting(&self) -> bool {
        self.view.notice.conflicting()
    }
    /// The evidence about it, by date, then in the order of the log.
    async fn evidence(&self) -> Vec<DeliveryEvidence> {
        let evidence = |e: &EvidenceView| DeliveryEvidence { view: e.clone(), views: self.views.clone() };
        self.view.evidence.iter().map(evidence).collect()
    }
}

/// One piece of evidence about a notice.
#[derive(Debug)]
pub struct DeliveryEvidence {
    view: EvidenceView,
    views: Arc<Views>,
}

/// One piece of evidence about a notice, named as in ETSI EN 319 522, and whose word it is.
#[Object]
impl DeliveryEvidence {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.line.index)
    }
    /// What happened. Null for a receipt that the addressee acknowledged with its own key.
    async fn evidence(&self) -> Option<FactWord<Evidence>> {
        self.view.line.evidence.map(FactWord)
    }
    /// Why delivery failed. Null if it did not, or if no reason is given.
    async fn reason(&self) -> Option<FactWord<EvidenceReason>> {
        self.view.line.reason.map(FactWord)
    }
    /// Whose word it is, according to the signed event. The party that says so is `toldBy`.
    async fn vouched_by(&self) -> FactWord<Voucher> {
        FactWord(self.view.line.vouched_by)
    }
    /// Whose word it is, by the keys that signed: the addressee if one of its keys did, else the sender if one of its keys did,
    /// else the party that recorded it.
    async fn told_by(&self) -> Result<Party> {
        party(&self.views, &self.view.told_by)
    }
    /// Whether its words name a file. Null if they can't be read.
    async fn encloses_file(&self) -> Option<bool> {
        self.view.encloses
    }
    /// The grade that it gives. Null if it gives none.
    async fn grade(&self) -> Option<DeliveryState> {
        self.view.line.grade().map(Into::into)
    }
    /// What happened in words, with whose word it is: `handed over, on the sender’s word`.
    async fn sentence(&self) -> String {
        format!("{}{}", self.view.words, self.view.vouched)
    }
    /// Whether other evidence of the same notice contradicts it.
    async fn contradicted(&self) -> bool {
        self.view.contradicted
    }
    /// The account of what happened.
    async fn account(&self) -> Text {
        Text::from(&self.view.account)
    }
}
