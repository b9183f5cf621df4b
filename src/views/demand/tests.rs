//! Each test gives some events, an instant, and the states that the demand must have then.

use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::*;
use crate::{
    event::{At, Draft, Event, EventType, Outcome, Verdict},
    note::{Origin, SigningKey},
};

const DEMANDER: EventId = EventId([1; 32]);
const COUNSEL: EventId = EventId([2; 32]);
const AGENCY: EventId = EventId([3; 32]);
const MINISTRY: EventId = EventId([4; 32]);
const DESK: EventId = EventId([5; 32]);
const ORGANISER: EventId = EventId([6; 32]);
const CASE: EventId = EventId([9; 32]);

/// Events of a case in the order of the log, each with its signers and the time of its recording.
#[derive(Default)]
struct Given(Vec<(Event, Signers, Time)>);

/// Parties, each with a number in its thread.
type Signers = Vec<(EventId, u64)>;

impl Given {
    /// Adds an event that was recorded on the day it is dated, or on the first of its month.
    fn say(&mut self, event_type: &str, at: &str, by: &[EventId], refs: Value, facts: Value) -> EventId {
        let recorded = format!("{}T12:00:00.000Z", &format!("{at}-01")[..10]);
        self.say_on(&recorded, event_type, at, by, refs, facts)
    }

    fn say_on(
        &mut self,
        recorded: &str,
        event_type: &str,
        at: &str,
        by: &[EventId],
        refs: Value,
        facts: Value,
    ) -> EventId {
        let object = |v: Value| v.as_object().cloned().unwrap_or_default();
        let origin: Origin = "ledger.example.org".parse().unwrap();
        let event_type = EventType::from_name(event_type).unwrap();
        let content = crate::event::ContentRef::of(&[self.0.len() as u8; 40]);
        let draft = Draft {
            event_type,
            at: At::parse(at).unwrap(),
            case: Some(CASE),
            refs: object(refs),
            facts: object(facts),
            content: Some(content),
        };
        let key = SigningKey::from_seed("desk.example/a".parse().unwrap(), &[7; 32]);
        let event: Event = (*draft.sign(&origin, &[&key]).unwrap()).clone();
        let id = event.id();
        let signers = by.iter().map(|party| (*party, 0)).collect();
        self.0.push((event, signers, Time::parse(recorded).unwrap()));
        id
    }

    /// A demand of three items, to be answered 14 days after it was handed over.
    fn demand(&mut self) -> EventId {
        let deadline = json!({"days": 14, "rule": "my-interpretation-act-54", "from": "handed_over",
            "weekly": "sunday", "holidays": ["2023-12-25", "2024-01-01"]});
        self.demand_due(deadline)
    }

    fn demand_due(&mut self, deadline: Value) -> EventId {
        let mut facts = json!({"items": 3});
        if !deadline.is_null() {
            facts["deadline"] = deadline;
        }
        self.say(
            "demand.issued",
            "2023-12-15",
            &[DEMANDER],
            json!({"respondent": AGENCY, "petitioner": DEMANDER}),
            facts,
        )
    }

    fn notice(&mut self, demand: EventId, addressee: EventId) -> EventId {
        let refs = json!({"sender": DEMANDER, "addressee": addressee, "demand": demand});
        self.say("notice.dispatched", "2023-12-15", &[DEMANDER], refs, json!({"channel": "hand"}))
    }

    fn evidence(&mut self, notice: EventId, at: &str, evidence: &str) {
        let facts = json!({"evidence": evidence, "vouched_by": "sender"});
        self.say("delivery.evidenced", at, &[DEMANDER], json!({"notice": notice}), facts);
    }

    fn reply(&mut self, demand: EventId, at: &str, by: EventId, outcomes: &[(u64, &str)]) -> EventId {
        let items: Vec<Value> =
            outcomes.iter().map(|(item, outcome)| json!({"item": item, "outcome": outcome})).collect();
        let facts = json!({"kind": "reply", "items": items});
        self.say("disclosure.made", at, &[by], json!({"party": AGENCY, "demand": demand}), facts)
    }

    fn handed_over(&mut self) -> EventId {
        let demand = self.demand();
        let notice = self.notice(demand, AGENCY);
        self.evidence(notice, "2023-12-15", "ContentHandover");
        demand
    }

    /// The one demand, as of the end of a day in Kuala Lumpur.
    fn on(&self, day: &str) -> Demand {
        let mut all = self.all(&format!("{day}T15:59:59.999Z"), self.0.len());
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn all(&self, as_of: &str, known: usize) -> Vec<Demand> {
        let told: Vec<Told<'_>> = self.0[..known]
            .iter()
            .enumerate()
            .map(|(i, (event, signers, recorded))| Told {
                index: i as u64,
                id: event.id(),
                at: event.at(),
                recorded: *recorded,
                signers,
                body: event.body(),
            })
            .collect();
        let now = Instant::new("Asia/Kuala_Lumpur", Time::parse(as_of).unwrap());
        let reached = told.iter().filter(|t| now.counts(t.at)).copied();
        let void: HashMap<_, _> = void(reached.clone().map(|t| (t.index, t.body)));
        demands(reached.filter(|t| !void.contains_key(&t.id)), &now)
    }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn a_demand_alone_is_issued_and_its_clock_has_not_started() {
    let mut given = Given::default();
    given.demand();
    let d = given.on("2024-06-01");
    assert_eq!((d.status, d.course, d.clock.state), (Status::Issued, Course::Open, ClockState::NotStarted));
    assert_eq!(d.delivery.state(), DeliveryState::None);
    assert_eq!(d.counts(), Counts { open: 3, ..Counts::default() });
}

#[test]
fn without_a_period_there_is_no_clock() {
    let mut given = Given::default();
    given.demand_due(Value::Null);
    assert_eq!(given.on("2030-01-01").clock.state, ClockState::NoPeriod);
}

#[test]
fn a_date_is_taken_as_written_and_never_rolled() {
    let mut given = Given::default();
    given.demand_due(json!({"by": "2023-12-24"}));
    let d = given.on("2023-12-24");
    assert_eq!((d.clock.state, d.clock.due), (ClockState::Running, Some(day("2023-12-24"))));
    let d = given.on("2023-12-25");
    assert_eq!((d.clock.state, d.clock.days_over), (ClockState::LapsedUndelivered, Some(1)));
    assert_eq!(d.status, Status::Overdue);
}

#[test]
fn agensi_contoh_three_days_past_its_date() {
    let mut given = Given::default();
    let demand = given.handed_over();
    given.reply(demand, "2023-12-28", AGENCY, &[(1, "answered"), (2, "refused")]);
    let d = given.on("2024-01-01");
    assert_eq!(d.delivery.state(), DeliveryState::Reached(Grade::HandedOver));
    assert_eq!(d.clock.started, Some((day("2023-12-15"), Started::Evidence(2))));
    assert_eq!((d.clock.due, d.clock.days_over), (Some(day("2023-12-29")), Some(3)));
    assert_eq!(d.counts(), Counts { answered: 1, refused: 1, open: 1, ..Counts::default() });
    assert_eq!((d.status, d.clock.state), (Status::Overdue, ClockState::Lapsed));
    // On the last day, which counts whole, nothing has lapsed.
    let d = given.on("2023-12-29");
    assert_eq!((d.status, d.clock.state), (Status::PartlyAnswered, ClockState::Running));
}

#[test]
fn each_evidence_gives_its_grade_and_nothing_more() {
    use DeliveryState::{Failed, Reached, RefusedOnDelivery, Sent};
    for (evidence, state, status) in [
        ("SubmissionAcceptance", Sent, Status::Dispatched),
        ("SubmissionRejection", Failed, Status::DeliveryFailed),
        ("RelayAcceptance", Reached(Grade::Relayed), Status::Awaiting),
        ("RelayRejection", Failed, Status::DeliveryFailed),
        ("RelayFailure", Failed, Status::DeliveryFailed),
        ("NotificationForAcceptance", Sent, Status::Dispatched),
        ("NotificationForAcceptanceFailure", Sent, Status::Dispatched),
        ("ConsignmentAcceptance", Reached(Grade::Accepted), Status::Awaiting),
        ("ConsignmentRejection", RefusedOnDelivery, Status::RefusedOnDelivery),
        ("AcceptanceRejectionExpiry", Failed, Status::DeliveryFailed),
        ("ContentConsignment", Reached(Grade::Available), Status::Awaiting),
        ("ContentConsignmentFailure", Failed, Status::DeliveryFailed),
        ("ConsignmentNotification", Sent, Status::Dispatched),
        ("ConsignmentNotificationFailure", Sent, Status::Dispatched),
        ("ContentAccessTracking", Reached(Grade::Accessed), Status::Awaiting),
        ("NotificationDelivered", Sent, Status::Dispatched),
        ("NotificationAccessTracking", Sent, Status::Dispatched),
        ("ContentHandover", Reached(Grade::HandedOver), Status::Awaiting),
        ("ContentHandoverFailure", Failed, Status::DeliveryFailed),
        ("RelayToNonERDS", Reached(Grade::Relayed), Status::Awaiting),
        ("RelayToNonERDSFailure", Failed, Status::DeliveryFailed),
        ("ReceivedFromNonERDS", Sent, Status::Dispatched),
    ] {
        let mut given = Given::default();
        let demand = given.demand();
        let notice = given.notice(demand, AGENCY);
        given.evidence(notice, "2023-12-18", evidence);
        let d = given.on("2023-12-19");
        assert_eq!((d.delivery.state(), d.status), (state, status), "{evidence}");
        assert!(!d.delivery.conflicting(), "{evidence}");
    }
}

#[test]
fn a_receipt_by_the_addressees_key_is_acceptance() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    given.say("receipt.acknowledged", "2023-12-18", &[AGENCY], json!({"notice": notice}), json!({}));
    let d = given.on("2023-12-19");
    let (grade, _, line) = d.delivery.best().unwrap();
    assert_eq!((grade, line.vouched_by), (Grade::Accepted, Voucher::AddresseeKey));
    assert_eq!(d.clock.started, Some((day("2023-12-18"), Started::Evidence(2))));
}

#[test]
fn a_copy_to_another_counts_for_nothing() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, MINISTRY);
    given.evidence(notice, "2023-12-15", "ConsignmentAcceptance");
    let d = given.on("2024-06-01");
    assert_eq!((d.delivery.notices.len(), d.delivery.copies.len()), (0, 1));
    assert_eq!((d.status, d.clock.state), (Status::Issued, ClockState::NotStarted));
}

#[test]
fn what_evidence_speaks_against_is_not_the_best_grade() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    given.evidence(notice, "2023-12-16", "RelayAcceptance");
    given.evidence(notice, "2023-12-18", "ContentHandover");
    assert_eq!(given.on("2023-12-18").delivery.state(), DeliveryState::Reached(Grade::HandedOver));
    given.evidence(notice, "2023-12-19", "ContentConsignmentFailure");
    let d = given.on("2023-12-19");
    assert!(d.delivery.conflicting());
    assert_eq!(d.delivery.state(), DeliveryState::Reached(Grade::Relayed));
    // What is disputed starts no clock.
    assert_eq!(d.clock.state, ClockState::NotStarted);
    // Before the contrary evidence, it did.
    assert_eq!(given.on("2023-12-18").clock.state, ClockState::Running);
}

#[test]
fn a_bounce_after_a_relay_is_a_failure_and_no_conflict() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    given.evidence(notice, "2023-12-16", "RelayAcceptance");
    given.evidence(notice, "2023-12-17", "ContentConsignmentFailure");
    let d = given.on("2023-12-17");
    assert_eq!((d.delivery.state(), d.delivery.conflicting()), (DeliveryState::Failed, false));
}

#[test]
fn only_contradicting_evidence_leaves_a_notice_sent() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    given.evidence(notice, "2023-12-16", "ContentHandover");
    given.evidence(notice, "2023-12-17", "ConsignmentRejection");
    let d = given.on("2023-12-17");
    assert_eq!((d.delivery.state(), d.delivery.conflicting()), (DeliveryState::Sent, true));
}

#[test]
fn of_several_notices_the_best_counts_then_a_refusal_then_the_last() {
    let mut given = Given::default();
    let demand = given.demand();
    let first = given.notice(demand, AGENCY);
    given.evidence(first, "2023-12-16", "RelayFailure");
    assert_eq!(given.on("2023-12-16").delivery.state(), DeliveryState::Failed);
    let second = given.notice(demand, AGENCY);
    assert_eq!(given.on("2023-12-16").delivery.state(), DeliveryState::Sent);
    given.evidence(second, "2023-12-17", "ConsignmentRejection");
    given.notice(demand, AGENCY);
    assert_eq!(given.on("2023-12-17").delivery.state(), DeliveryState::RefusedOnDelivery);
    let fourth = given.notice(demand, AGENCY);
    given.evidence(fourth, "2023-12-18", "RelayAcceptance");
    assert_eq!(given.on("2023-12-18").delivery.state(), DeliveryState::Reached(Grade::Relayed));
}

#[test]
fn serving_again_never_restarts_the_clock() {
    let mut given = Given::default();
    let demand = given.handed_over();
    let again = given.notice(demand, AGENCY);
    given.evidence(again, "2023-12-20", "ConsignmentAcceptance");
    let d = given.on("2023-12-21");
    assert_eq!(d.clock.started, Some((day("2023-12-15"), Started::Evidence(2))));
    assert_eq!(d.delivery.state(), DeliveryState::Reached(Grade::Accepted));
}

#[test]
fn a_lesser_grade_starts_no_clock_and_a_better_one_does() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    given.evidence(notice, "2023-12-16", "ContentAccessTracking");
    assert_eq!(given.on("2024-06-01").clock.state, ClockState::NotStarted);
    given.evidence(notice, "2023-12-18", "ConsignmentAcceptance");
    assert_eq!(given.on("2023-12-20").clock.started, Some((day("2023-12-18"), Started::Evidence(3))));
}

#[test]
fn day_zero_is_the_local_date() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    given.evidence(notice, "2023-12-15T20:00:00+00:00", "ContentHandover");
    assert_eq!(given.on("2023-12-20").clock.started.unwrap().0, day("2023-12-16"));
}

#[test]
fn the_respondents_own_reply_proves_receipt_no_later_than_it_was_recorded() {
    let mut given = Given::default();
    let demand = given.demand();
    given.reply(demand, "2023-12-18", AGENCY, &[(1, "holding")]);
    let d = given.on("2023-12-19");
    assert_eq!(d.clock.started, Some((day("2023-12-18"), Started::Reply(1))));
    // It does not say how the notice was delivered.
    assert_eq!((d.delivery.state(), d.status), (DeliveryState::None, Status::Awaiting));
    // Recorded by somebody else, it proves nothing.
    let mut given = Given::default();
    let demand = given.demand();
    given.reply(demand, "2023-12-18", DESK, &[(1, "holding")]);
    assert_eq!(given.on("2023-12-19").clock.state, ClockState::NotStarted);
}

#[test]
fn a_clock_from_issue_starts_with_the_demand() {
    let mut given = Given::default();
    given.demand_due(json!({"days": 8, "rule": "calendar", "from": "issue", "holidays": ["2023-12-25"]}));
    let d = given.on("2023-12-27");
    assert_eq!(d.clock.started, Some((day("2023-12-15"), Started::Issued)));
    assert_eq!((d.clock.due, d.clock.state), (Some(day("2023-12-26")), ClockState::LapsedUndelivered));
}

#[test]
fn answers_in_time_and_late() {
    for (last, state) in [("2023-12-29", ClockState::Met), ("2023-12-30", ClockState::MetLate)] {
        let mut given = Given::default();
        let demand = given.handed_over();
        given.reply(demand, "2023-12-20", AGENCY, &[(1, "answered"), (2, "answered")]);
        given.reply(demand, last, AGENCY, &[(3, "answered")]);
        let d = given.on("2024-06-01");
        assert_eq!((d.clock.state, d.status, d.clock.completed), (state, Status::Answered, Some(day(last))));
    }
}

#[test]
fn one_word_is_the_first_that_fits() {
    for (outcomes, status) in [
        ([(1, "answered"), (2, "answered"), (3, "answered")], Status::Answered),
        ([(1, "refused"), (2, "refused"), (3, "refused")], Status::Refused),
        ([(1, "not_held"), (2, "not_held"), (3, "not_held")], Status::NotHeld),
        ([(1, "answered"), (2, "refused"), (3, "not_held")], Status::Mixed),
        ([(1, "partly"), (2, "partly"), (3, "partly")], Status::Mixed),
        ([(1, "answered"), (2, "refused"), (3, "holding")], Status::PartlyAnswered),
        ([(1, "holding"), (2, "holding"), (3, "holding")], Status::Awaiting),
    ] {
        let mut given = Given::default();
        let demand = given.handed_over();
        given.reply(demand, "2023-12-20", AGENCY, &outcomes);
        assert_eq!(given.on("2023-12-20").status, status, "{outcomes:?}");
        given.say("demand.withdrawn", "2023-12-21", &[DEMANDER], json!({"demand": demand}), json!({}));
        let d = given.on("2023-12-21");
        assert_eq!((d.status, d.course), (Status::Withdrawn, Course::Withdrawn(4)));
    }
}

#[test]
fn the_latest_outcome_counts_and_earlier_ones_stay() {
    let mut given = Given::default();
    let demand = given.handed_over();
    given.reply(demand, "2023-12-18", AGENCY, &[(1, "refused")]);
    given.reply(demand, "2023-12-19", DESK, &[(1, "answered")]);
    given.reply(demand, "2023-12-20", AGENCY, &[(1, "holding"), (2, "holding")]);
    given.reply(demand, "2023-12-20", DESK, &[(3, "refused")]);
    given.reply(demand, "2023-12-20", DESK, &[(3, "answered")]);
    let d = given.on("2023-12-20");
    // What the respondent's own key signed is not taken back by another's record.
    let latest = d.items[0].latest().unwrap();
    assert_eq!((latest.outcome, latest.recorded_by), (Outcome::Refused, None));
    let latest = d.items[2].latest().unwrap();
    assert_eq!((latest.outcome, latest.recorded_by), (Outcome::Answered, Some(DESK)));
    assert_eq!(d.items[0].answers.len(), 3);
    assert_eq!(d.items[1].latest(), None);
    assert_eq!(d.items[1].holding().unwrap().outcome, Outcome::Holding);
}

#[test]
fn the_demanders_assessment_stands_beside_the_answer() {
    let mut given = Given::default();
    let demand = given.handed_over();
    let reply = given.reply(demand, "2023-12-18", AGENCY, &[(1, "answered"), (2, "answered")]);
    let refs = json!({"demand": demand, "disclosure": reply});
    let items = json!({"items": [{"item": 2, "verdict": "unsatisfied"}]});
    given.say("answer.assessed", "2023-12-19", &[DEMANDER], refs, items);
    let d = given.on("2023-12-20");
    assert_eq!(d.items[0].latest().unwrap().assessed, None);
    assert_eq!(d.items[1].latest().unwrap().assessed, Some((Verdict::Unsatisfied, 4)));
    // It changes no outcome.
    assert_eq!(d.counts().answered, 2);
}

#[test]
fn escalation_is_a_badge() {
    let mut given = Given::default();
    let demand = given.handed_over();
    let refs = json!({"demand": demand, "to": MINISTRY});
    given.say("demand.escalated", "2023-12-20", &[DEMANDER], refs, json!({"route": "regulator"}));
    let d = given.on("2023-12-20");
    assert_eq!((d.course, d.status), (Course::Escalated(EscalationRoute::Regulator), Status::Awaiting));
}

#[test]
fn the_last_adjustment_by_index_wins_and_one_after_the_date_shows_both() {
    let mut given = Given::default();
    let demand = given.handed_over();
    let adjust = |given: &mut Given, recorded: &str, until: &str| {
        let facts = json!({"change": "extended", "until": until});
        given.say_on(
            recorded,
            "deadline.adjusted",
            "2023-12-28",
            &[DEMANDER],
            json!({"demand": demand}),
            facts,
        );
    };
    adjust(&mut given, "2023-12-28T00:00:00.000Z", "2024-01-10");
    let d = given.on("2024-01-05");
    assert_eq!((d.clock.first_due, d.clock.due), (Some(day("2023-12-29")), Some(day("2024-01-10"))));
    assert!(d.clock.ran_out_before().is_none());
    assert_eq!(d.clock.state, ClockState::Running);
    adjust(&mut given, "2024-01-12T00:00:00.000Z", "2024-01-20");
    let d = given.on("2024-01-23");
    assert_eq!((d.clock.due, d.clock.days_over), (Some(day("2024-01-20")), Some(3)));
    let (_, ran_out, adjustment) = d.clock.ran_out_before().unwrap();
    assert_eq!((ran_out, adjustment.recorded), (day("2024-01-10"), date(2024, 1, 12)));
    // An earlier day that the demander alone sets moves nothing.
    adjust(&mut given, "2024-01-21T00:00:00.000Z", "2024-01-08");
    let d = given.on("2024-01-23");
    assert_eq!((d.clock.due, d.clock.days_over), (Some(day("2024-01-20")), Some(3)));
    assert_eq!(d.clock.set_aside().map(|a| a.until.as_str()), Some("2024-01-08"));
}

/// Each case: who signed a change of the last day (Fri 29 December), what the change is, its words, whether it lacks a
/// signature, and whether it counts.
#[test]
fn a_changed_date_is_worth_who_signed_it() {
    let (alone, both, desk) = (&[DEMANDER][..], &[DEMANDER, AGENCY][..], &[DESK][..]);
    for (by, change, until, words, is_alone, counts) in [
        (alone, "extended", "2024-01-10", "extended", false, true),
        (alone, "extended", "2023-12-29", "kept", false, true),
        (alone, "extended", "2023-12-20", "moved to an earlier day", true, false),
        (alone, "agreed", "2024-01-10", "recorded as agreed", true, true),
        (alone, "agreed", "2023-12-20", "moved to an earlier day", true, false),
        (both, "extended", "2024-01-10", "extended", false, true),
        (both, "extended", "2023-12-20", "moved to an earlier day", false, true),
        (both, "agreed", "2024-01-10", "agreed", false, true),
        (both, "agreed", "2023-12-20", "moved to an earlier day", false, true),
        // A demand can't be answered before its own date.
        (both, "agreed", "2023-12-14", "moved to an earlier day", false, false),
        (desk, "extended", "2024-01-10", "recorded as extended", true, true),
        (desk, "agreed", "2024-01-10", "recorded as agreed", true, true),
        (desk, "extended", "2023-12-20", "moved to an earlier day", true, false),
    ] {
        let mut given = Given::default();
        let demand = given.handed_over();
        let facts = json!({"change": change, "until": until});
        given.say("deadline.adjusted", "2023-12-18", by, json!({"demand": demand}), facts);
        let d = given.on("2023-12-18");
        let adjustment = &d.clock.adjustments[0];
        let found = (adjustment.words(), adjustment.is_alone(), adjustment.counts);
        assert_eq!(found, (words, is_alone, counts), "{by:?} {change} {until}");
        let due = if counts { until } else { "2023-12-29" };
        assert_eq!((d.clock.first_due, d.clock.due), (Some(day("2023-12-29")), Some(day(due))));
        assert_eq!(d.clock.in_force().is_some(), counts);
        assert_eq!(d.clock.set_aside().is_some(), !counts);
    }
}

#[test]
fn a_date_before_the_demand_never_ran_out() {
    let mut given = Given::default();
    let demand = given.demand_due(json!({"by": "2023-12-01"}));
    let facts = json!({"change": "extended", "until": "2024-01-10"});
    given.say("deadline.adjusted", "2023-12-18", &[DEMANDER], json!({"demand": demand}), facts);
    let d = given.on("2023-12-18");
    assert!(d.clock.is_before_demand && d.clock.ran_out_before().is_none());
    assert_eq!(d.clock.due, Some(day("2024-01-10")));
}

/// Each case: outcomes in time (28 December) or late (30 December) with the party that signed them; then the state of the
/// clock, by whose record it is met, whether it is late by the respondent's own key, and the status with its records.
#[test]
fn a_clock_is_met_by_the_record_of_who_says_so() {
    let (in_time, late) = ("2023-12-28", "2023-12-30");
    let met = |said: &[(&str, EventId, &str)]| {
        let mut given = Given::default();
        let demand = given.handed_over();
        for (at, by, outcome) in said {
            given.reply(demand, at, *by, &[(1, outcome), (2, outcome), (3, outcome)]);
        }
        let d = given.on("2024-06-01");
        let (state, by, late) = (d.clock.state, d.clock.met_by_record_of.clone(), d.clock.is_late_by_own_key);
        (state, by, late, d.status, d.status_by_record_of())
    };
    let (answered, refused) = (Status::Answered, Status::Refused);
    let desk = || vec![DESK];
    for (said, found) in [
        (vec![(in_time, AGENCY, "answered")], (ClockState::Met, vec![], false, answered, vec![])),
        (vec![(late, AGENCY, "answered")], (ClockState::MetLate, vec![], false, answered, vec![])),
        (vec![(in_time, DESK, "answered")], (ClockState::Met, desk(), false, answered, desk())),
        (vec![(late, DESK, "answered")], (ClockState::MetLate, desk(), false, answered, desk())),
        (
            vec![(in_time, DESK, "answered"), (late, AGENCY, "refused")],
            (ClockState::Met, desk(), true, refused, vec![]),
        ),
        (
            vec![(in_time, DESK, "answered"), (in_time, AGENCY, "refused")],
            (ClockState::Met, vec![], false, refused, vec![]),
        ),
        // An item that the respondent refused itself is not answered by the record of another.
        (
            vec![(in_time, AGENCY, "refused"), (late, DESK, "answered")],
            (ClockState::Met, vec![], false, refused, vec![]),
        ),
        (
            vec![(in_time, AGENCY, "holding"), (in_time, DESK, "answered")],
            (ClockState::Met, desk(), false, answered, desk()),
        ),
    ] {
        assert_eq!(met(&said), found, "{said:?}");
    }
}

#[test]
fn backing_is_confirmed_by_a_key_of_ones_own_alone() {
    let mut given = Given::default();
    let refs = json!({"organiser": ORGANISER});
    let collection =
        given.say("collection.opened", "2023-12-10", &[DESK], refs, json!({"assurance": "email"}));
    let counted = json!({"count": 566, "withdrawn": 2, "duplicate": 3});
    given.say("collection.counted", "2023-12-15", &[DESK], json!({"collection": collection}), counted);
    let refs =
        json!({"respondent": AGENCY, "petitioner": DEMANDER, "counsel": COUNSEL, "collection": collection});
    let demand = given.say("demand.issued", "2023-12-15", &[DEMANDER], refs, json!({"items": 1}));
    let confirmed = |d: &Demand| d.backing.iter().map(|b| b.confirmed).collect::<Vec<_>>();
    let d = given.on("2023-12-15");
    assert_eq!(confirmed(&d), [Some(Confirmed::Signed), None, None]);
    assert!(!d.shows_count());
    let affirm = |given: &mut Given, by: EventId, party: EventId, stance: &str| {
        let refs = json!({"party": party, "on": [demand]});
        given.say("position.taken", "2023-12-16", &[by], refs, json!({"stance": stance}));
    };
    affirm(&mut given, DESK, ORGANISER, "affirms");
    assert!(!given.on("2023-12-16").shows_count());
    affirm(&mut given, ORGANISER, ORGANISER, "affirms");
    affirm(&mut given, COUNSEL, COUNSEL, "disputes");
    let d = given.on("2023-12-16");
    assert_eq!(confirmed(&d), [Some(Confirmed::Signed), None, Some(Confirmed::Affirmed(4))]);
    assert!(d.shows_count());
    let count = d.count.unwrap();
    assert_eq!((count.count, count.standing(), count.committed, count.closed), (566, 561, false, false));
    affirm(&mut given, ORGANISER, ORGANISER, "withdraws");
    assert!(!given.on("2023-12-16").shows_count());
}

#[test]
fn a_voided_event_counts_in_no_state() {
    let mut given = Given::default();
    let demand = given.demand();
    let notice = given.notice(demand, AGENCY);
    let facts = json!({"evidence": "ContentHandover", "vouched_by": "sender"});
    let evidence =
        given.say("delivery.evidenced", "2023-12-15", &[DEMANDER], json!({"notice": notice}), facts);
    let refs = json!({"corrects": evidence});
    given.say("correction.issued", "2023-12-20", &[DEMANDER], refs, json!({"effect": "void"}));
    assert_eq!(given.on("2023-12-19").delivery.state(), DeliveryState::Reached(Grade::HandedOver));
    let d = given.on("2023-12-20");
    assert_eq!((d.delivery.state(), d.clock.state), (DeliveryState::Sent, ClockState::NotStarted));
    // A demand that was declared void is no demand.
    let refs = json!({"corrects": demand});
    given.say("correction.issued", "2023-12-21", &[DEMANDER], refs, json!({"effect": "void"}));
    assert!(given.all("2023-12-21T15:00:00.000Z", given.0.len()).is_empty());
}

#[test]
fn events_later_than_as_of_or_above_known_at_do_not_count() {
    let mut given = Given::default();
    let demand = given.handed_over();
    given.reply(demand, "2023-12-28", AGENCY, &[(1, "answered"), (2, "answered"), (3, "answered")]);
    assert_eq!(given.on("2023-12-27").status, Status::Awaiting);
    assert_eq!(given.on("2023-12-28").status, Status::Answered);
    let known = |n| given.all("2023-12-28T15:00:00.000Z", n).first().map(|d| d.status);
    assert_eq!(
        [known(0), known(1), known(2), known(3)],
        [None, Some(Status::Issued), Some(Status::Dispatched), Some(Status::Awaiting)]
    );
}

#[test]
fn evidence_is_told_by_who_signed_it_and_counts_all_the_same() {
    for (by, teller) in [
        (&[DEMANDER][..], Teller::Sender),
        (&[AGENCY][..], Teller::Addressee),
        (&[DEMANDER, AGENCY][..], Teller::Addressee),
        (&[DESK][..], Teller::Other(DESK)),
    ] {
        let mut given = Given::default();
        let demand = given.demand();
        let notice = given.notice(demand, AGENCY);
        let facts = json!({"evidence": "ConsignmentAcceptance", "vouched_by": "addressee_key"});
        given.say("delivery.evidenced", "2023-12-18", by, json!({"notice": notice}), facts);
        let d = given.on("2023-12-19");
        let (grade, _, line) = d.delivery.best().unwrap();
        assert_eq!((grade, line.vouched_by, line.teller), (Grade::Accepted, Voucher::AddresseeKey, teller));
        assert_eq!(d.clock.started, Some((day("2023-12-18"), Started::Evidence(2))));
    }
}

#[test]
fn outcomes_are_counted_by_whose_record_they_are() {
    let mut given = Given::default();
    let demand = given.handed_over();
    given.reply(demand, "2023-12-18", AGENCY, &[(1, "answered")]);
    given.reply(demand, "2023-12-19", DESK, &[(2, "refused")]);
    let d = given.on("2023-12-20");
    let own = Counts { answered: 1, open: 1, ..Counts::default() };
    let others = Counts { refused: 1, ..Counts::default() };
    assert_eq!(Counts::by_record(&d.items), [(None, own), (Some(DESK), others)]);
    // What the respondent signs later counts as its own.
    given.reply(demand, "2023-12-20", AGENCY, &[(2, "refused")]);
    let d = given.on("2023-12-20");
    assert_eq!(Counts::by_record(&d.items), [(None, d.counts())]);
}

#[test]
fn a_date_that_says_no_day_lapses_at_its_latest_and_is_said_as_a_span() {
    // Issued in December: 8 days later is 11 December at the earliest, 8 January at the latest.
    let given = {
        let mut given = Given::default();
        let deadline = json!({"days": 8, "rule": "calendar", "from": "issue", "holidays": ["2023-12-25"]});
        let refs = json!({"respondent": AGENCY, "petitioner": DEMANDER});
        given.say("demand.issued", "2023-12", &[DEMANDER], refs, json!({"items": 3, "deadline": deadline}));
        given
    };
    let d = given.on("2023-12-08");
    assert_eq!((d.clock.state, d.clock.other), (ClockState::Running, None));
    assert_eq!((d.clock.due_from, d.clock.due), (Some(day("2023-12-11")), Some(day("2024-01-08"))));
    let d = given.on("2024-01-08");
    assert_eq!((d.clock.state, d.clock.other), (ClockState::Running, Some(ClockState::LapsedUndelivered)));
    assert_eq!(d.clock.words(), "Running or lapsed: a date says no day");
    let d = given.on("2024-01-11");
    assert_eq!(d.clock.state, ClockState::LapsedUndelivered);
    assert_eq!(d.clock.days_over_words().as_deref(), Some("between 3 and 31 days"));
}

#[test]
fn an_answer_that_says_no_day_is_neither_in_time_nor_late_where_its_month_holds_the_last_day() {
    let mut given = Given::default();
    let demand = given.handed_over();
    given.reply(demand, "2023-12", AGENCY, &[(1, "answered"), (2, "answered"), (3, "answered")]);
    let d = given.on("2024-06-01");
    assert_eq!(
        (d.clock.completed_from, d.clock.completed),
        (Some(day("2023-12-01")), Some(day("2023-12-31")))
    );
    assert_eq!(d.clock.words(), "Met, in time or late: a date says no day");
}
