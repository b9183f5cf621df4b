//! A demand and its four states, folded from the events of its case. Nothing here reads a store or the system's clock: the
//! events and the instant come in as arguments, so that every answer can be computed again.

mod answers;
mod backing;
mod clock;
mod delivery;
mod status;

use std::collections::HashMap;

pub use answers::{Answer, Counts, Item};
pub use backing::{Backer, BackerRole, Confirmed, Count};
pub use clock::{Adjustment, Clock, ClockState, Started};
pub use delivery::{Delivery, DeliveryState, EvidenceLine, Grade, Notice, NoticeState, Teller};
pub use status::Status;

use super::instant::Instant;
use crate::{
    event::{
        At, Body, CorrectionEffect, Deadline, EscalationRoute, EventId, Evidence, EvidenceReason, Voucher,
    },
    log::Time,
};

/// The parts of an event that states are folded from.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Index of its entry.
    pub index: u64,
    /// The event.
    pub id: EventId,
    /// When it happened, as said.
    pub at: &'a At,
    /// When it was recorded.
    pub recorded: Time,
    /// The parties that signed it, each with the highest number in its thread.
    pub signers: &'a [(EventId, u64)],
    /// Its body.
    pub body: &'a Body,
}

impl Told<'_> {
    fn is_by(&self, party: &EventId) -> bool {
        self.signers.iter().any(|(signer, _)| signer == party)
    }
}

/// A demand taken elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Index of its entry.
    pub index: u64,
    /// The kind of body that it was taken to.
    pub route: EscalationRoute,
    /// The party that it was taken to, if one is named.
    pub to: Option<EventId>,
    /// When, as said.
    pub at: At,
}

/// The course of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It stands.
    Open,
    /// It was taken back, in the entry at this index.
    Withdrawn(u64),
    /// It stands, and was escalated; this is the latest route.
    Escalated(EscalationRoute),
}

/// A demand: a letter with numbered items, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Its event.
    pub id: EventId,
    /// Index of its entry.
    pub index: u64,
    /// When it was issued, as said.
    pub at: At,
    /// Whom it asks.
    pub respondent: EventId,
    /// The collection of signatures it names.
    pub collection: Option<EventId>,
    /// The date or period that it sets, before any adjustment.
    pub deadline: Option<Deadline>,
    /// Its course.
    pub course: Course,
    /// Its escalations, in the order of the log.
    pub escalations: Vec<Escalation>,
    /// Its delivery.
    pub delivery: Delivery,
    /// The earliest reply that the respondent's own key signed, which proves receipt: the local date on which it was recorded,
    /// and its index.
    pub reply: Option<(jiff::civil::Date, u64)>,
    /// Its items, and the answers to each.
    pub items: Vec<Item>,
    /// Its clock.
    pub clock: Clock,
    /// The parties that are named behind it.
    pub backing: Vec<Backer>,
    /// The last count of its collection.
    pub count: Option<Count>,
    /// Its status: one word for filters.
    pub status: Status,
}

impl Demand {
    /// How many items have each outcome, by the one that counts.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.items)
    }
    /// The parties whose records its status rests on: those that recorded outcomes that the respondent's own key did not sign.
    /// Empty if the status does not depend on outcomes.
    pub fn status_by_record_of(&self) -> Vec<EventId> {
        let counted = Counts::by_record(&self.items).into_iter().filter_map(|(by, _)| by);
        if self.status.tells_of_outcomes() { counted.collect() } else { Vec::new() }
    }
    /// Whether the collection's organiser confirmed that the signatures stand behind this demand. Without that, no
    /// count is shown beside it.
    pub fn shows_count(&self) -> bool {
        self.backing.iter().any(|b| b.role == BackerRole::Collection && b.confirmed.is_some())
    }
}

/// A demand while it is being folded.
struct Folding {
    demand: Demand,
    withdrawn: Option<u64>,
    adjustments: Vec<Adjustment>,
}

/// The events that are declared void, each with the index of the correction that says so. `reached` are the events that have
/// happened by the instant.
pub fn void<'b, M: FromIterator<(EventId, u64)>>(reached: impl Iterator<Item = (u64, &'b Body)>) -> M {
    let voids = reached.filter_map(|(index, body)| match body {
        Body::CorrectionIssued(b) if b.effect == CorrectionEffect::Void => Some((b.corrects, index)),
        _ => None,
    });
    voids.collect()
}

/// The demands of a case at the instant `now`, in the order of the log. `counting` gives, in that order, the case's events that
/// count: those below the size that is known, not after the instant, and not declared void.
pub fn demands<'a>(counting: impl Iterator<Item = Told<'a>>, now: &Instant) -> Vec<Demand> {
    let mut fold = Fold { now, demands: Vec::new(), places: HashMap::new(), collections: HashMap::new() };
    for event in counting {
        fold.apply(event);
    }
    fold.end()
}

/// Where the fold finds the event that another names: the position of its demand in `Fold::demands`, and of a notice in the
/// list of the demand.
#[derive(Clone, Copy)]
enum Place {
    Demand(usize),
    Notice { demand: usize, copy: bool, at: usize },
    Disclosure(usize),
}

struct Collection {
    organiser: EventId,
    count: Option<Count>,
}

struct Fold<'n> {
    now: &'n Instant,
    demands: Vec<Folding>,
    places: HashMap<EventId, Place>,
    collections: HashMap<EventId, Collection>,
}

impl Fold<'_> {
    fn demand(&mut self, id: &EventId) -> Option<&mut Folding> {
        match self.places.get(id) {
            Some(Place::Demand(n)) => self.demands.get_mut(*n),
            _ => None,
        }
    }

    fn notice(&mut self, id: &EventId) -> Option<&mut Notice> {
        let Some(Place::Notice { demand, copy, at }) = self.places.get(id) else { return None };
        let delivery = &mut self.demands.get_mut(*demand)?.demand.delivery;
        if *copy { delivery.copies.get_mut(*at) } else { delivery.notices.get_mut(*at) }
    }

    fn apply(&mut self, event: Told<'_>) {
        let now = self.now;
        match event.body {
            Body::CollectionOpened(b) => {
                self.collections.insert(event.id, Collection { organiser: b.organiser, count: None });
            }
            Body::CollectionCounted(b) => {
                if let Some(c) = self.collections.get_mut(&b.collection) {
                    let less = [b.withdrawn, b.duplicate, b.invalid];
                    c.count = Some(count(event.index, b.count, less, b.root.is_some(), false));
                }
            }
            Body::CollectionClosed(b) => {
                if let Some(c) = self.collections.get_mut(&b.collection) {
                    let less = [b.withdrawn, b.duplicate, b.invalid];
                    c.count = Some(count(event.index, b.count, less, b.root.is_some(), true));
                }
            }
            Body::DemandIssued(b) => {
                let mut backing = Vec::new();
                let organiser = b.collection.and_then(|c| self.collections.get(&c)).map(|c| c.organiser);
                for (role, party) in [
                    (BackerRole::Petitioner, b.petitioner),
                    (BackerRole::Counsel, b.counsel),
                    (BackerRole::Collection, organiser),
                ] {
                    let Some(party) = party else { continue };
                    let confirmed = event.is_by(&party).then_some(Confirmed::Signed);
                    backing.push(Backer { party, role, confirmed });
                }
                let items = (1..=b.items).map(|number| Item { number, answers: Vec::new() }).collect();
                self.places.insert(event.id, Place::Demand(self.demands.len()));
                self.demands.push(Folding {
                    demand: Demand {
                        id: event.id,
                        index: event.index,
                        at: event.at.clone(),
                        respondent: b.respondent,
                        collection: b.collection,
                        deadline: b.deadline.clone(),
                        course: Course::Open,
                        escalations: Vec::new(),
                        delivery: Delivery::default(),
                        reply: None,
                        items,
                        clock: Clock::default(),
                        backing,
                        count: None,
                        status: Status::Issued,
                    },
                    withdrawn: None,
                    adjustments: Vec::new(),
                });
            }
            // A stance that another party recorded confirms nothing.
            Body::PositionTaken(b) if event.is_by(&b.party) => {
                for id in b.on.iter() {
                    let Some(folding) = self.demand(id) else { continue };
                    for backer in folding.demand.backing.iter_mut().filter(|k| k.party == b.party) {
                        backer.stand(b.stance, event.index);
                    }
                }
            }
            Body::DemandWithdrawn(b) => {
                if let Some(folding) = self.demand(&b.demand) {
                    folding.withdrawn.get_or_insert(event.index);
                }
            }
            Body::DemandEscalated(b) => {
                if let Some(folding) = self.demand(&b.demand) {
                    let (index, at) = (event.index, event.at.clone());
                    folding.demand.escalations.push(Escalation { index, route: b.route, to: b.to, at });
                }
            }
            Body::NoticeDispatched(b) => {
                let Some(Place::Demand(demand)) = b.demand.and_then(|d| self.places.get(&d)).copied() else {
                    return;
                };
                let folded = &mut self.demands[demand].demand;
                let copy = b.addressee != folded.respondent;
                let list = if copy { &mut folded.delivery.copies } else { &mut folded.delivery.notices };
                self.places.insert(event.id, Place::Notice { demand, copy, at: list.len() });
                list.push(Notice {
                    index: event.index,
                    id: event.id,
                    at: event.at.clone(),
                    sender: b.sender,
                    addressee: b.addressee,
                    channel: b.channel,
                    evidence: Vec::new(),
                });
            }
            Body::DeliveryEvidenced(b) => {
                self.evidence(&event, &b.notice, Some(b.evidence), b.reason, b.vouched_by);
            }
            Body::ReceiptAcknowledged(b) => {
                self.evidence(&event, &b.notice, None, None, Voucher::AddresseeKey);
            }
            Body::DeadlineAdjusted(b) => {
                let Some(folding) = self.demand(&b.demand) else { return };
                let demand = &folding.demand;
                let is_side = |party: &EventId| {
                    demand.backing.iter().any(|k| k.role != BackerRole::Collection && k.party == *party)
                };
                let mut signers = event.signers.iter().map(|(party, _)| *party);
                let demanders = signers.clone().find(is_side);
                // An entry has a signer line for each member of `by`, and `by` has at least one.
                let Some(by) = demanders.or_else(|| signers.next()) else { return };
                folding.adjustments.push(Adjustment {
                    index: event.index,
                    change: b.change,
                    until: b.until.clone(),
                    at: event.at.clone(),
                    recorded: now.local_time(event.recorded),
                    by,
                    is_demanders: demanders.is_some(),
                    respondent: Some(demand.respondent).filter(|party| event.is_by(party)),
                    direction: None,
                    counts: true,
                });
            }
            Body::DisclosureMade(b) => {
                let Some(Place::Demand(demand)) = b.demand.and_then(|d| self.places.get(&d)).copied() else {
                    return;
                };
                let folding = &mut self.demands[demand];
                self.places.insert(event.id, Place::Disclosure(demand));
                let first_party = event.is_by(&folding.demand.respondent);
                let recorded_by = event.signers.first().map(|(party, _)| *party).filter(|_| !first_party);
                if first_party && now.reached(event.recorded) {
                    folding.demand.reply.get_or_insert((now.local_time(event.recorded), event.index));
                }
                for given in b.items.iter().flatten() {
                    let at = given.item.checked_sub(1).and_then(|n| usize::try_from(n).ok());
                    let Some(item) = at.and_then(|n| folding.demand.items.get_mut(n)) else { continue };
                    item.answers.push(Answer {
                        outcome: given.outcome,
                        index: event.index,
                        disclosure: event.id,
                        at: event.at.clone(),
                        recorded_by,
                        assessed: None,
                    });
                }
            }
            Body::AnswerAssessed(b) => {
                let Some(Place::Disclosure(demand)) = self.places.get(&b.disclosure).copied() else { return };
                for given in &b.items {
                    let items = &mut self.demands[demand].demand.items;
                    let item = items.iter_mut().find(|i| i.number == given.item);
                    let answers = item.into_iter().flat_map(|i| &mut i.answers);
                    for answer in answers.filter(|a| a.disclosure == b.disclosure) {
                        answer.assessed = Some((given.verdict, event.index));
                    }
                }
            }
            _ => {}
        }
    }

    fn evidence(
        &mut self,
        event: &Told<'_>,
        notice: &EventId,
        evidence: Option<Evidence>,
        reason: Option<EvidenceReason>,
        vouched_by: Voucher,
    ) {
        let days = self.now.days(event.at);
        let Some(notice) = self.notice(notice) else { return };
        let teller = Teller::of(event.signers, &notice.sender, &notice.addressee);
        let (index, at) = (event.index, event.at.clone());
        notice.add(EvidenceLine { index, evidence, reason, vouched_by, teller, at, days });
    }

    fn end(self) -> Vec<Demand> {
        let (now, collections) = (self.now, self.collections);
        let finish = |folding: Folding| {
            let Folding { mut demand, withdrawn, adjustments } = folding;
            demand.clock = clock::clock(
                clock::Facts {
                    deadline: demand.deadline.as_ref(),
                    issued: &demand.at,
                    delivery: &demand.delivery,
                    reply: demand.reply,
                    adjustments,
                    items: &demand.items,
                },
                now,
            );
            demand.course = match (withdrawn, demand.escalations.last()) {
                (Some(index), _) => Course::Withdrawn(index),
                (None, Some(last)) => Course::Escalated(last.route),
                (None, None) => Course::Open,
            };
            demand.count = demand.collection.and_then(|c| collections.get(&c)).and_then(|c| c.count);
            let (counts, delivery) = (demand.counts(), demand.delivery.state());
            let is_received = demand.reply.is_some();
            demand.status =
                Status::of(withdrawn.is_some(), counts, demand.clock.state, delivery, is_received);
            demand
        };
        self.demands.into_iter().map(finish).collect()
    }
}

#[cfg(test)]
mod tests;

fn count(index: u64, count: u64, less: [Option<u64>; 3], committed: bool, closed: bool) -> Count {
    let less = less.into_iter().flatten().fold(0, u64::saturating_add);
    Count { index, count, less, committed, closed }
}
