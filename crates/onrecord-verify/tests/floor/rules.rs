//! Rules on keys, roles, refs, threads and checks, as given / when / then: what the vectors leave out.

use crate::support::*;
use onrecord_verify::{
    event::{At, Code, Draft, Event, EventId, EventType, Refusal, SignedEvent},
    log::{Door, MemoryRows, NoDoor, Placement, Rows as _, decide, foresee, not_allowed},
    note::{SigningKey, VerifyingKey},
};
use serde_json::{Value, json};

/// When an event happened that names no other time.
const DAY: &str = "2023-12-15";

/// A log in memory.
#[derive(Default)]
struct Log {
    rows: MemoryRows,
    size: u64,
}

struct AtTheDoor;
impl Door for AtTheDoor {
    fn refuses_torsion(&self) -> bool {
        true
    }
}

impl Log {
    /// Given: an open ledger.
    fn opened() -> Self {
        let mut log = Self::default();
        log.when(say("ledger.opened", None, Value::Null, opening(), None), &[&operator()]).unwrap();
        log
    }

    fn event(say: &Say<'_>, keys: &[&SigningKey]) -> SignedEvent {
        Self::event_at(DAY, say, keys)
    }

    fn event_at(at: &str, say: &Say<'_>, keys: &[&SigningKey]) -> SignedEvent {
        let (_, s) = say.sign_at(at, keys);
        Event::parse(&s.note, &origin()).unwrap().verify().unwrap()
    }

    fn decide(&self, event: &SignedEvent) -> Result<Placement, Refusal> {
        decide(&self.rows, self.size, event, &origin(), &AtTheDoor)
    }

    /// When: something is said. Then: it stands, or is refused and nothing changes.
    fn when(&mut self, say: Say<'_>, keys: &[&SigningKey]) -> Result<EventId, (Code, String)> {
        self.when_at(DAY, say, keys)
    }

    /// When: something is said to have happened at a time.
    fn when_at(&mut self, at: &str, say: Say<'_>, keys: &[&SigningKey]) -> Result<EventId, (Code, String)> {
        let event = Self::event_at(at, &say, keys);
        let placement = self.decide(&event).map_err(|r| (r.code, r.place))?;
        self.rows.put(placement.rows);
        self.size += 1;
        Ok(event.id())
    }

    fn party(&mut self, kind: &str, keys: &[&SigningKey], fictional: bool) -> EventId {
        let mut facts = json!({"kind": kind});
        if !keys.is_empty() {
            facts["keys"] = keys.iter().map(|k| Value::from(k.verifying_key().to_string())).collect();
        }
        if fictional {
            facts["fictional"] = true.into();
        }
        let (op, mut by) = (operator(), Vec::new());
        by.push(&op);
        by.extend(keys);
        self.when(say("party.registered", None, Value::Null, facts, Some(json!({"name": kind}))), &by)
            .unwrap()
    }

    fn case(&mut self, respondent: EventId) -> EventId {
        let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
        let say =
            say("case.opened", None, json!({"respondent": respondent}), facts, Some(json!({"title": "x"})));
        self.when(say, &[&operator()]).unwrap()
    }

    /// Given: a demand of three items, which the operator recorded.
    fn demand(&mut self, case: EventId, respondent: EventId, petitioner: EventId) -> EventId {
        let refs = json!({"respondent": respondent, "petitioner": petitioner});
        let say = say(
            "demand.issued",
            Some(case),
            refs,
            json!({"items": 3}),
            Some(json!({"items": ["a", "b", "c"]})),
        );
        self.when(say, &[&operator()]).unwrap()
    }

    fn statement(
        &mut self,
        case: EventId,
        speaker: EventId,
        key: &SigningKey,
    ) -> Result<EventId, (Code, String)> {
        let say = say(
            "statement.made",
            Some(case),
            json!({"speaker": speaker}),
            statement_facts(),
            Some(json!({"text": "x"})),
        );
        self.when(say, &[key])
    }
}

fn opening() -> Value {
    json!({
        "checkpoint_key": key(ORIGIN, 1).verifying_key().to_string(),
        "operator_key": operator().verifying_key().to_string(),
    })
}

fn vkey(key: &SigningKey) -> String {
    key.verifying_key().to_string()
}

fn is(result: Result<EventId, (Code, String)>) -> Code {
    result.unwrap_err().0
}

#[test]
fn the_first_event_opens_the_ledger_with_the_operators_key() {
    let mut log = Log::default();
    let not_opening =
        say("party.registered", None, Value::Null, json!({"kind": "agency"}), Some(json!({"name": "x"})));
    assert_eq!(is(log.when(not_opening, &[&operator()])), Code::NotOpened);
    let by_other = say("ledger.opened", None, Value::Null, opening(), None);
    assert_eq!(is(log.when(by_other, &[&desk()])), Code::KeyUnknown);
    let mut same = opening();
    same["operator_key"] = vkey(&key("ledger.example.org/operator", 1)).into();
    let one_key = say("ledger.opened", None, Value::Null, same, None);
    assert_eq!(
        is(log.when(one_key, &[&key("ledger.example.org/operator", 1)])),
        Code::KeyTaken,
        "the log's own key"
    );
}

#[test]
fn the_logs_key_is_named_for_the_origin() {
    let mut facts = opening();
    facts["checkpoint_key"] = vkey(&key("other.example", 1)).into();
    let draft = std::panic::catch_unwind(|| {
        say("ledger.opened", None, Value::Null, facts, None).sign(&[&operator()])
    });
    assert!(draft.is_err(), "refused as BAD_FACT before it is signed");
}

#[test]
fn the_logs_key_is_never_a_partys() {
    let mut log = Log::opened();
    let log_key = key("x.example/k", 1);
    let facts = json!({"kind": "agency", "keys": [vkey(&log_key)]});
    let say = say("party.registered", None, Value::Null, facts, Some(json!({"name": "x"})));
    assert_eq!(is(log.when(say, &[&operator(), &log_key])), Code::KeyTaken);
}

/// A key with a torsion component, and a strict signature by it: possible one time in eight, when the hash
/// happens to cancel the torsion.
fn torsion_key_signs(text: &str, a: curve25519_dalek::Scalar, key: &[u8; 32]) -> [u8; 64] {
    use curve25519_dalek::{EdwardsPoint, Scalar};
    use sha2::{Digest as _, Sha512};
    for nonce in 1u64.. {
        let r = Scalar::from(nonce);
        let big_r = EdwardsPoint::mul_base(&r).compress().to_bytes();
        let hash = Sha512::new().chain_update(big_r).chain_update(key).chain_update(text).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        if k.to_bytes()[0].is_multiple_of(8) {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&big_r);
            signature[32..].copy_from_slice(&(r + k * a).to_bytes());
            return signature;
        }
    }
    unreachable!()
}

#[test]
fn a_key_with_a_torsion_component_is_refused_at_the_door_and_only_there() {
    use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
    use onrecord_verify::note::{SignatureLine, SignedNote};
    let a = Scalar::from(12_345u64);
    let mixed = (EdwardsPoint::mul_base(&a) + EIGHT_TORSION[1]).compress().to_bytes();
    let mixed_key = VerifyingKey::new("t.example/k".parse().unwrap(), mixed);
    let mut log = Log::opened();
    let draft = onrecord_verify::event::Draft {
        event_type: onrecord_verify::event::EventType::PartyRegistered,
        at: onrecord_verify::event::At::parse("2023-12").unwrap(),
        case: None,
        refs: object(Value::Null),
        facts: object(json!({"kind": "agency", "keys": [mixed_key.to_string()]})),
        content: Some(onrecord_verify::event::ContentRef::of(b"x")),
    };
    let op = operator();
    let text = draft.text(&origin(), &[op.verifying_key().clone(), mixed_key.clone()]);
    let line = |k: &VerifyingKey, s: &[u8; 64]| SignatureLine::new(k.name().as_str(), k.id(), s);
    let lines = [
        line(op.verifying_key(), &op.sign(text.as_bytes())),
        line(&mixed_key, &torsion_key_signs(&text, a, &mixed)),
    ];
    let note = SignedNote::assemble(&text, &lines).unwrap();
    let event = Event::parse(note.as_bytes(), &origin()).unwrap().verify().unwrap();
    assert_eq!(log.decide(&event).unwrap_err().code, Code::KeyTorsion);
    log.rows.put(decide(&log.rows, log.size, &event, &origin(), &NoDoor).unwrap().rows);
}

#[test]
fn two_keys_of_one_name_and_id_do_not_stand_together() {
    let v: Value = serde_json::from_str(include_str!("../../../../tests/vectors/v1.json")).unwrap();
    let twin = |i: usize| {
        let k = &v["colliding_key_ids"][i];
        let seed = k["seed_hex"].as_str().unwrap().parse::<onrecord_verify::event::Digest>().unwrap().0;
        SigningKey::from_seed(k["name"].as_str().unwrap().parse().unwrap(), &seed)
    };
    let (a, b) = (twin(0), twin(1));
    assert_eq!(a.verifying_key().id(), b.verifying_key().id());
    let mut log = Log::opened();
    let both = json!({"kind": "publisher", "keys": [vkey(&a), vkey(&b)]});
    let register = say("party.registered", None, Value::Null, both, Some(json!({"name": "x"})));
    assert_eq!(log.when(register, &[&operator(), &a, &b]), Err((Code::KeyTaken, "facts.keys[1]".into())));
    let party = log.party("publisher", &[&a], false);
    let add = say("key.added", None, json!({"party": party}), json!({"key": vkey(&b)}), None);
    assert_eq!(is(log.when(add, &[&a, &b])), Code::KeyTaken);
}

#[test]
fn a_party_may_start_with_several_keys() {
    let mut log = Log::opened();
    let (a, b) = (desk(), key("newsroom.example/night", 7));
    let party = log.party("publisher", &[&a, &b], false);
    for k in [&a, &b] {
        assert_eq!(log.rows.key(k.verifying_key().as_bytes()).unwrap().party, party);
    }
}

#[test]
fn a_key_does_not_add_itself() {
    let mut log = Log::opened();
    let (known, new) = (desk(), key("newsroom.example/night", 7));
    let party = log.party("publisher", &[&known], false);
    let add = || say("key.added", None, json!({"party": party}), json!({"key": vkey(&new)}), None);
    let unknown = || Err((Code::KeyUnknown, "by[0]".to_owned()));
    assert_eq!(log.when(add(), &[&new]), unknown());
    assert_eq!(log.when(add(), &[&new, &known]), unknown(), "an author whose key is on record comes first");
    log.when(add(), &[&known, &new]).unwrap();
}

#[test]
fn keys_of_persons_bear_names_that_say_nothing() {
    let mut log = Log::opened();
    let person = log.party("person", &[], false);
    let named = key("siti.example/home", 5);
    let add =
        |k: &SigningKey| say("key.added", None, json!({"party": person}), json!({"key": vkey(k)}), None);
    assert_eq!(log.when(add(&named), &[&operator(), &named]), Err((Code::BadFact, "facts.key".into())));
    let unnamed = key("ledger.example.org/0123456789abcdef", 5);
    log.when(add(&unnamed), &[&operator(), &unnamed]).unwrap();
}

#[test]
fn a_key_may_sign_its_own_revocation_and_nothing_after() {
    let mut log = Log::opened();
    let desk_key = desk();
    let party = log.party("publisher", &[&desk_key], false);
    let revoke = || {
        say(
            "key.revoked",
            None,
            json!({"party": party}),
            json!({"key": vkey(&desk_key), "reason": "compromised"}),
            None,
        )
    };
    log.when(revoke(), &[&desk_key]).unwrap();
    assert_eq!(is(log.when(revoke(), &[&desk_key])), Code::KeyRevoked);
    assert_eq!(log.when(revoke(), &[&operator()]), Err((Code::KeyRevoked, "facts.key".into())));
    assert_eq!(log.rows.key(desk_key.verifying_key().as_bytes()).unwrap().revoked, Some(2));
}

#[test]
fn revoking_names_a_key_of_that_party() {
    let mut log = Log::opened();
    let (a, b) = (desk(), key("other.example/k", 6));
    let desk_party = log.party("publisher", &[&a], false);
    log.party("publisher", &[&b], false);
    let revoke = say(
        "key.revoked",
        None,
        json!({"party": desk_party}),
        json!({"key": vkey(&b), "reason": "lost"}),
        None,
    );
    assert_eq!(log.when(revoke, &[&a]), Err((Code::KeyUnknown, "facts.key".into())));
}

#[test]
fn a_role_counts_from_its_grant_to_its_revocation() {
    let mut log = Log::opened();
    let desk_key = desk();
    let party = log.party("publisher", &[&desk_key], false);
    let agency = log.party("agency", &[], false);
    let case = log.case(agency);
    let role = |t| say(t, None, json!({"party": party}), json!({"role": "recorder"}), None);
    assert_eq!(is(log.statement(case, agency, &desk_key)), Code::NotAllowed);
    log.when(role("role.granted"), &[&operator()]).unwrap();
    log.statement(case, agency, &desk_key).unwrap();
    log.when(role("role.revoked"), &[&operator()]).unwrap();
    assert_eq!(is(log.statement(case, agency, &desk_key)), Code::NotAllowed);
    log.statement(case, party, &desk_key).unwrap();
}

#[test]
fn a_refusal_names_everybody_who_may_sign() {
    for (event_type, who) in [
        ("ledger.opened", "the operator's key"),
        ("role.granted", "the operator"),
        ("party.registered", "a registrar or the operator"),
        ("statement.made", "the party in refs.speaker or a recorder or the operator"),
        ("receipt.acknowledged", "a subject of the event in refs.notice"),
        ("delivery.evidenced", "an author of the event in refs.notice or a recorder or the operator"),
    ] {
        let refusal = not_allowed(EventType::from_name(event_type).unwrap());
        assert_eq!((refusal.code, refusal.place.as_str()), (Code::NotAllowed, "by[0]"));
        assert_eq!(refusal.message, format!("expected {event_type} signed by {who}, found another party"));
    }
}

#[test]
fn what_touches_a_record_stands_in_its_case() {
    let mut log = Log::opened();
    let agency = log.party("agency", &[], false);
    let (one, other) = (log.case(agency), log.case(agency));
    let statement = log.statement(one, agency, &operator()).unwrap();
    let correct = |case, target: EventId| {
        say(
            "correction.issued",
            case,
            json!({"corrects": target}),
            json!({"effect": "annotate"}),
            Some(json!({"wrong": "a", "right": "b"})),
        )
    };
    assert_eq!(
        log.when(correct(Some(other), statement), &[&operator()]),
        Err((Code::RefCase, "case".into()))
    );
    assert_eq!(log.when(correct(None, statement), &[&operator()]), Err((Code::RefCase, "case".into())));
    log.when(correct(Some(one), statement), &[&operator()]).unwrap();
    log.when(correct(Some(one), one), &[&operator()]).unwrap();
    assert_eq!(is(log.when(correct(None, one), &[&operator()])), Code::RefCase, "a case stands in itself");
    log.when(correct(None, agency), &[&operator()]).unwrap();
    assert_eq!(is(log.when(correct(Some(one), agency), &[&operator()])), Code::RefCase, "a party in none");
}

#[test]
fn only_roles_that_cross_point_into_another_case() {
    let mut log = Log::opened();
    let agency = log.party("agency", &[], false);
    let (one, other) = (log.case(agency), log.case(agency));
    let statement = log.statement(one, agency, &operator()).unwrap();
    let facts = json!({"announced": true, "observed": "2023-12-16"});
    let revise = say(
        "statement.revised",
        Some(other),
        json!({"statement": statement}),
        facts,
        Some(json!({"text": "y"})),
    );
    assert_eq!(log.when(revise, &[&operator()]), Err((Code::RefCase, "refs.statement".into())));
    let refs = json!({"speaker": agency, "about": [statement, one]});
    let about = say("statement.made", Some(other), refs, statement_facts(), Some(json!({"text": "z"})));
    log.when(about, &[&operator()]).unwrap();
}

#[test]
fn an_event_without_a_case_where_it_is_optional_is_its_own_thread() {
    let mut log = Log::opened();
    let facts = json!({"method": "upload", "captured": "2023-12-16"});
    let free = say("exhibit.captured", None, Value::Null, facts, Some(json!({"description": "x"})));
    let event = Log::event(&free, &[&operator()]);
    let placement = log.decide(&event).unwrap();
    assert_eq!((placement.thread, placement.k), (event.id(), 0));
    log.rows.put(placement.rows);
    assert_eq!(log.rows.thread_len(&event.id()), 1);
}

#[test]
fn a_signer_line_counts_the_entry_itself_when_it_stands_in_that_thread() {
    let mut log = Log::opened();
    let (a, b) = (desk(), key("newsroom.example/night", 7));
    let party = log.party("publisher", &[&a], false);
    let add = say("key.added", None, json!({"party": party}), json!({"key": vkey(&b)}), None);
    let placement = log.decide(&Log::event(&add, &[&a, &b])).unwrap();
    assert_eq!((placement.thread, placement.k), (party, 1));
    assert_eq!(placement.signers, [(party, 1), (party, 1)]);
    let by_operator = log.decide(&Log::event(&add, &[&operator(), &b])).unwrap();
    assert_eq!(by_operator.signers[1], (party, 1));
    assert_eq!(by_operator.signers[0].1, 0, "the operator's thread is another");
}

#[test]
fn a_void_event_is_voided_once_by_its_author_and_replaced_by_its_like() {
    let mut log = Log::opened();
    let desk_key = desk();
    let party = log.party("publisher", &[&desk_key], false);
    let agency = log.party("agency", &[], false);
    let case = log.case(agency);
    let mine = log.statement(case, party, &desk_key).unwrap();
    let theirs = log.statement(case, agency, &operator()).unwrap();
    let void = |target: EventId, replacement: Option<EventId>| {
        let mut refs = json!({"corrects": target});
        if let Some(r) = replacement {
            refs["replacement"] = r.to_string().into();
        }
        say(
            "correction.issued",
            Some(case),
            refs,
            json!({"effect": "void"}),
            Some(json!({"wrong": "a", "right": "b"})),
        )
    };
    let failed = || Err((Code::CheckFailed, "correction.void".to_owned()));
    assert_eq!(log.when(void(mine, None), &[&operator()]), failed(), "the operator is no author of it");
    assert_eq!(log.when(void(mine, Some(theirs)), &[&desk_key]), failed(), "no author in common");
    assert_eq!(log.when(void(mine, Some(case)), &[&desk_key]), failed(), "another type");
    let note = say(
        "correction.issued",
        Some(case),
        json!({"corrects": mine}),
        json!({"effect": "annotate"}),
        Some(json!({"wrong": "a", "right": "b"})),
    );
    log.when(note, &[&desk_key]).unwrap();
    log.when(void(mine, None), &[&desk_key]).expect("a note voids nothing");
    assert_eq!(log.when(void(mine, None), &[&desk_key]), failed(), "void already");
    let annotated = say(
        "correction.issued",
        Some(case),
        json!({"corrects": mine, "replacement": theirs}),
        json!({"effect": "annotate"}),
        Some(json!({"wrong": "a", "right": "b"})),
    );
    assert_eq!(log.when(annotated, &[&desk_key]), failed(), "a replacement stands with void only");
}

#[test]
fn a_replacement_is_of_the_type_and_in_the_case_of_what_it_replaces() {
    let mut log = Log::opened();
    let agency = log.party("agency", &[], false);
    let case = log.case(agency);
    let mut capture = |case| {
        let facts = json!({"method": "upload", "captured": "2023-12-16"});
        let say = say("exhibit.captured", case, Value::Null, facts, Some(json!({"description": "x"})));
        log.when(say, &[&operator()]).unwrap()
    };
    let (first, second, free) = (capture(Some(case)), capture(Some(case)), capture(None));
    let statement = log.statement(case, agency, &operator()).unwrap();
    let void = |replacement: EventId| {
        say(
            "correction.issued",
            Some(case),
            json!({"corrects": first, "replacement": replacement}),
            json!({"effect": "void"}),
            Some(json!({"wrong": "a", "right": "b"})),
        )
    };
    let alike = "the replacement is of another type or case";
    for other in [free, statement] {
        let refusal = log.decide(&Log::event(&void(other), &[&operator()])).unwrap_err();
        let found = (refusal.code, refusal.place.as_str(), refusal.message.as_str());
        assert_eq!(found, (Code::CheckFailed, "correction.void", alike));
    }
    log.when(void(second), &[&operator()]).unwrap();
}

#[test]
fn only_the_rule_of_the_interpretation_act_has_weekly_and_holidays() {
    let mut log = Log::opened();
    let (agency, person) = (log.party("agency", &[], false), log.party("person", &[], false));
    let case = log.case(agency);
    let decide = |deadline: Value| {
        let refs = json!({"respondent": agency, "petitioner": person});
        let facts = json!({"items": 1, "deadline": deadline});
        let say = say("demand.issued", Some(case), refs, facts, Some(json!({"items": ["a"]})));
        log.decide(&Log::event(&say, &[&operator()])).map(drop).map_err(|r| (r.code, r.place, r.message))
    };
    let period = |rule: &str, more: Value| {
        let mut deadline = object(json!({"days": 21, "rule": rule, "from": "issue"}));
        deadline.extend(object(more));
        Value::from(deadline)
    };
    let failed = |message: &str| Err((Code::CheckFailed, "deadline.rule".into(), message.to_owned()));
    let act = "my-interpretation-act-54";
    let whole = json!({"weekly": "sunday", "holidays": ["2023-12-25"]});
    assert_eq!(decide(period(act, whole)), Ok(()));
    for part in [Value::Null, json!({"weekly": "sunday"}), json!({"holidays": ["2023-12-25"]})] {
        assert_eq!(decide(period(act, part)), failed("this rule needs weekly and holidays"));
    }
    for rule in ["calendar", "working"] {
        assert_eq!(decide(period(rule, Value::Null)), Ok(()));
        let weekly = decide(period(rule, json!({"weekly": "sunday"})));
        assert_eq!(weekly, failed("only my-interpretation-act-54 has weekly"));
    }
}

#[test]
fn an_answer_is_assessed_with_the_demand_and_the_items_that_it_replies_to() {
    let mut log = Log::opened();
    let desk_key = desk();
    let (agency, petitioner) = (log.party("agency", &[], false), log.party("publisher", &[&desk_key], false));
    let case = log.case(agency);
    let (asked, other) = (log.demand(case, agency, petitioner), log.demand(case, agency, petitioner));
    let reply = say(
        "disclosure.made",
        Some(case),
        json!({"party": agency, "demand": asked}),
        json!({"kind": "reply", "items": [{"item": 1, "outcome": "answered"}, {"item": 3, "outcome": "partly"}]}),
        Some(json!({"text": "x"})),
    );
    let reply = log.when(reply, &[&operator()]).unwrap();
    let assess = |demand: EventId, item: u64| {
        let refs = json!({"disclosure": reply, "demand": demand});
        let facts = json!({"items": [{"item": item, "verdict": "satisfied"}]});
        say("answer.assessed", Some(case), refs, facts, Some(json!({"reasons": "x"})))
    };
    let failed = || Err((Code::CheckFailed, "assessment.pair".to_owned()));
    assert_eq!(log.when(assess(other, 1), &[&desk_key]), failed(), "it replies to another demand");
    assert_eq!(log.when(assess(asked, 2), &[&desk_key]), failed(), "it is silent on item 2");
    log.when(assess(asked, 3), &[&desk_key]).unwrap();
}

#[test]
fn a_case_is_fictional_exactly_if_its_respondent_is() {
    let mut log = Log::opened();
    let (real, invented) = (log.party("agency", &[], false), log.party("agency", &[], true));
    let mut open = |respondent: EventId, fictional: bool| {
        let mut facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
        if fictional {
            facts["fictional"] = true.into();
        }
        let say =
            say("case.opened", None, json!({"respondent": respondent}), facts, Some(json!({"title": "x"})));
        log.when(say, &[&operator()]).map(drop).map_err(|e| e.1)
    };
    assert_eq!(open(real, true), Err("case.fictional".into()));
    assert_eq!(open(invented, false), Err("case.fictional".into()));
    assert_eq!(open(invented, true), Ok(()));
    assert_eq!(open(real, false), Ok(()));
}

#[test]
fn a_collection_and_a_promise_close_once() {
    let mut log = Log::opened();
    let agency = log.party("agency", &[], false);
    let case = log.case(agency);
    let op = operator();
    let collection = log
        .when(
            say(
                "collection.opened",
                Some(case),
                json!({"organiser": agency}),
                json!({"assurance": "email"}),
                Some(json!({"text": "x"})),
            ),
            &[&op],
        )
        .unwrap();
    let count = |t, n: u64| say(t, Some(case), json!({"collection": collection}), json!({"count": n}), None);
    log.when(count("collection.counted", 5), &[&op]).unwrap();
    let failed = |check: &str| Err((Code::CheckFailed, check.to_owned()));
    assert_eq!(log.when(count("collection.closed", 4), &[&op]), failed("collection.open"));
    log.when(count("collection.closed", 5), &[&op]).unwrap();
    assert_eq!(log.when(count("collection.counted", 9), &[&op]), failed("collection.open"));
    let promise = log
        .when(
            say(
                "commitment.made",
                Some(case),
                json!({"party": agency}),
                Value::Null,
                Some(json!({"promise": "x"})),
            ),
            &[&op],
        )
        .unwrap();
    let close = || {
        say(
            "commitment.closed",
            Some(case),
            json!({"commitment": promise}),
            json!({"outcome": "done"}),
            Some(json!({"account": "x"})),
        )
    };
    log.when(close(), &[&op]).unwrap();
    assert_eq!(log.when(close(), &[&op]), failed("commitment.open"));
}

#[test]
fn a_receipt_is_the_addressees_own_and_not_before_the_notice() {
    let mut log = Log::opened();
    let (agency_key, desk_key) = (key("agency.example/press", 8), desk());
    let agency = log.party("agency", &[&agency_key], false);
    let counsel = log.party("counsel", &[&desk_key], false);
    let case = log.case(agency);
    let notice = log
        .when(
            say(
                "notice.dispatched",
                Some(case),
                json!({"sender": counsel, "addressee": agency}),
                json!({"channel": "hand"}),
                Some(json!({"address": "x"})),
            ),
            &[&desk_key],
        )
        .unwrap();
    let receipt = || say("receipt.acknowledged", Some(case), json!({"notice": notice}), Value::Null, None);
    assert_eq!(is(log.when(receipt(), &[&desk_key])), Code::NotAllowed);
    assert_eq!(is(log.when(receipt(), &[&operator()])), Code::NotAllowed);
    let early = Err((Code::CheckFailed, "evidence.order".to_owned()));
    assert_eq!(log.when_at("2023-12-14", receipt(), &[&agency_key]), early);
    log.when(receipt(), &[&agency_key]).unwrap();
}

/// Given: two statements of one case that carry the same words.
fn two_of_the_same_words(
    log: &mut Log,
) -> (EventId, [EventId; 2], impl Fn(&Log) -> Result<(), Code> + use<>) {
    let agency = log.party("agency", &[], false);
    let case = log.case(agency);
    let words = Some(json!({"text": "x"}));
    let first = say("statement.made", Some(case), json!({"speaker": agency}), statement_facts(), words);
    let content = Log::event(&first, &[&operator()]).content().copied();
    let said_on = move |day: &str| {
        let draft = Draft {
            event_type: EventType::StatementMade,
            at: At::parse(day).unwrap(),
            case: Some(case),
            refs: object(json!({"speaker": agency})),
            facts: object(statement_facts()),
            content,
        };
        let signed = draft.sign(&origin(), &[&operator()]).unwrap();
        Event::parse(signed.note().as_bytes(), &origin()).unwrap().verify().unwrap()
    };
    let both = ["2023-12-15", "2023-12-16"].map(|day| {
        let event = said_on(day);
        let placement = log.decide(&event).unwrap();
        log.rows.put(placement.rows);
        log.size += 1;
        event.id()
    });
    let again = move |log: &Log| log.decide(&said_on("2023-12-17")).map(drop).map_err(|r| r.code);
    (case, both, again)
}

/// The event by which blobs of an entry are withheld or released.
fn blobs<'a>(
    event_type: &'a str,
    case: Option<EventId>,
    entry: EventId,
    ground: &str,
    which: &[&str],
) -> Say<'a> {
    say(event_type, case, json!({"entry": entry}), json!({"ground": ground, "blobs": which}), None)
}

#[test]
fn words_are_withheld_and_given_back_in_the_case_of_their_entry() {
    let mut log = Log::opened();
    let (case, [entry, _], _) = two_of_the_same_words(&mut log);
    let agency = log.party("agency", &[], false);
    let other = log.case(agency);
    let withhold = |case, which: &[&str]| blobs("content.withheld", case, entry, "court_order", which);
    let release = |case, which: &[&str]| blobs("content.released", case, entry, "order_lifted", which);
    let elsewhere = || Err((Code::RefCase, "case".to_owned()));
    let state = || Err((Code::CheckFailed, "withholding.state".to_owned()));
    let op = operator();
    for wrong in [Some(other), None] {
        assert_eq!(log.when(withhold(wrong, &["content"]), &[&op]), elsewhere());
        assert_eq!(log.when(release(wrong, &["content"]), &[&op]), elsewhere());
    }
    assert_eq!(log.when(release(Some(case), &["content"]), &[&op]), state(), "they are not withheld");
    log.when(withhold(Some(case), &["content", "files/0"]), &[&op]).unwrap();
    assert_eq!(log.when(withhold(Some(case), &["content"]), &[&op]), state(), "they are withheld already");
    log.when(release(Some(case), &["content"]), &[&op]).unwrap();
    assert_eq!(log.when(release(Some(case), &["content"]), &[&op]), state(), "they are back");
    log.when(release(Some(case), &["files/0"]), &[&op]).unwrap();
    log.when(withhold(Some(case), &["content", "files/0"]), &[&op]).unwrap();
}

#[test]
fn words_come_back_when_no_entry_withholds_them() {
    let mut log = Log::opened();
    let (case, both, again) = two_of_the_same_words(&mut log);
    for entry in both {
        let withhold = blobs("content.withheld", Some(case), entry, "court_order", &["content"]);
        log.when(withhold, &[&operator()]).unwrap();
        assert_eq!(again(&log), Err(Code::BlobWithheld));
    }
    for (entry, then) in both.into_iter().zip([Err(Code::BlobWithheld), Ok(())]) {
        let release = blobs("content.released", Some(case), entry, "order_lifted", &["content"]);
        log.when(release, &[&operator()]).unwrap();
        assert_eq!(again(&log), then);
    }
}

#[test]
fn what_would_be_refused_is_foreseen_but_for_an_unknown_author_and_words() {
    let mut log = Log::opened();
    let desk_key = desk();
    log.party("publisher", &[&desk_key], false);
    let agency = log.party("agency", &[], false);
    let case = log.case(agency);
    let foreseen = |say: Say<'_>, key: &SigningKey| {
        let event = Event::parse(&say.sign(&[key]).1.note, &origin()).unwrap();
        foresee(&log.rows, &event, &origin()).map_err(|r| r.code)
    };
    let said = |case, speaker: EventId| {
        let words = Some(json!({"text": "x"}));
        say("statement.made", Some(case), json!({"speaker": speaker}), statement_facts(), words)
    };
    assert_eq!(foreseen(said(case, agency), &operator()), Ok(()));
    assert_eq!(foreseen(said(case, agency), &desk_key), Err(Code::NotAllowed));
    let renamed = key("newsroom.example/other", 3);
    assert_eq!(foreseen(said(case, agency), &renamed), Err(Code::KeyUnknown), "its key has another name");
    let stranger = key("stranger.example/k", 7);
    assert_eq!(foreseen(said(case, agency), &stranger), Ok(()));
    assert_eq!(foreseen(said(agency, agency), &stranger), Err(Code::RefKind));
    let demand = say(
        "demand.issued",
        Some(case),
        json!({"respondent": agency, "petitioner": agency}),
        json!({"items": 101}),
        Some(json!({"items": ["a"]})),
    );
    assert_eq!(foreseen(demand, &stranger), Err(Code::CheckFailed));
}
