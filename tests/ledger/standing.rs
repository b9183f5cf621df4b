//! How the cases of the story stand, word for word as domain.md says.

use crate::http::Server;
use crate::support::{desk, key, object, operator, origin, say, upload};
use crate::world::World;
use onrecord::{
    event::{At, Content, ContentRef, Draft, EventId, EventType, FileRef},
    ledger::{Ledger, Submission},
    log::Time,
    note::SigningKey,
    views::Views,
};
use serde_json::{Value, json};

#[test]
fn the_sentences_of_the_domain_are_said_word_for_word() {
    let World { tmp: _tmp, ledger, story: ids, .. } = World::whole();
    let views = Views::new(ledger.reader());
    let said = |case: &str, as_of: &str| -> Vec<String> {
        let standing = views.case_summary(&ids[case], Time::parse(as_of).unwrap()).unwrap().unwrap();
        standing.sentences.iter().map(ToString::to_string).collect()
    };
    let now = "2026-11-23T05:06:10.000Z";
    assert_eq!(
        said("case-socso", now),
        [
            "Three questions in a letter of 15 Dec 2023, as reported; 566 signatures stated, no roll committed. \
          No evidence of delivery on record. No answer on record. As of 23 November 2026, 05:06:10 UTC."
        ]
    );
    assert_eq!(
        said("case-contoh", "2024-01-01T00:00:00.000Z")[0],
        "Handed over Fri 15 Dec 2023, on the sender's word. Answer due Fri 29 Dec (14 days, rule chosen by the \
         sender). 1 answered, 1 refused, 1 open, 3 days past its date."
    );
    assert_eq!(
        said("case-lhdn", now),
        [
            "A tech portal is reported to have claimed a possible exposure on 13 Dec 2023. No position of LHDN on record."
        ]
    );
    assert_eq!(
        said("case-jakim", now),
        ["No demand on record. Jakim is reported to have spoken once on 9 Dec 2023."]
    );
    assert_eq!(
        said("case-contoh", "2024-01-13T00:00:00.000Z")[1].split(". ").next(),
        Some("Withdrawn"),
        "the second demand was taken back"
    );
}

/// A case of a counsel with a key, Peguam, against an agency with a key, Pihak.
struct Dispute {
    _tmp: tempfile::TempDir,
    server: Server,
    counsel: (SigningKey, EventId),
    agency: (SigningKey, EventId),
    case: EventId,
}

fn put(ledger: &Ledger, (id, submission): (EventId, Submission)) -> Result<EventId, String> {
    match ledger.record_blocking(vec![submission], false).remove(0) {
        Ok(_) => Ok(id),
        Err(e) => Err(format!("{e:?}")),
    }
}

impl Dispute {
    fn begun() -> Self {
        let World { tmp, ledger, .. } = World::small();
        let party = |name: &str, kind: &str, seed: u8| {
            let own = key(&format!("{kind}.example/k"), seed);
            let facts = json!({"kind": kind, "keys": [own.verifying_key().to_string()]});
            let registered = say("party.registered", None, Value::Null, facts, Some(json!({"name": name})));
            let id = put(&ledger, registered.sign(&[&operator(), &own])).unwrap();
            (own, id)
        };
        let (counsel, agency) = (party("Peguam", "counsel", 40), party("Pihak", "agency", 41));
        let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
        let refs = json!({"respondent": agency.1});
        let opened = say("case.opened", None, refs, facts, Some(json!({"title": "Pertikaian"})));
        let case = put(&ledger, opened.sign(&[&desk()])).unwrap();
        Self { server: Server::start(ledger), counsel, agency, case, _tmp: tmp }
    }

    fn say(
        &self,
        of: (&str, &str),
        by: &[&SigningKey],
        refs: Value,
        facts: Value,
        (words, files): (Value, &[FileRef]),
    ) -> Result<EventId, String> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).unwrap();
        let content = Content::seal(object(words), files, &salt);
        let draft = Draft {
            event_type: EventType::from_name(of.0).unwrap(),
            at: At::parse(of.1).unwrap(),
            case: Some(self.case),
            refs: object(refs),
            facts: object(facts),
            content: Some(ContentRef::of(&content)),
        };
        let event = draft.sign(&origin(), by).unwrap();
        let submission = Submission::new(event.note().as_bytes().to_vec(), Some(content));
        put(&self.server.ledger, (event.id(), submission))
    }

    /// A demand with a period of 14 days that starts with the grade `from`, and a notice of it.
    fn demand(&self, at: &str, from: &str) -> (EventId, EventId) {
        let by = [&self.counsel.0];
        let refs = json!({"respondent": self.agency.1, "counsel": self.counsel.1});
        let facts = json!({"items": 1, "deadline": {"days": 14, "rule": "calendar", "from": from}});
        let words = json!({"items": ["What was taken?"]});
        let demand = self.say(("demand.issued", at), &by, refs, facts, (words, &[])).unwrap();
        // A notice needs a day.
        let at = if at.len() == "2023-12".len() { format!("{at}-15") } else { at.to_owned() };
        let refs = json!({"sender": self.counsel.1, "addressee": self.agency.1, "demand": demand});
        let words = json!({"address": "Jalan 1", "why": "Its seat."});
        let facts = json!({"channel": "hand"});
        let notice = self.say(("notice.dispatched", &at), &by, refs, facts, (words, &[])).unwrap();
        (demand, notice)
    }

    fn evidence(
        &self,
        (notice, at): (EventId, &str),
        by: &[&SigningKey],
        (evidence, voucher): (&str, &str),
        files: &[FileRef],
    ) -> Result<EventId, String> {
        let facts = json!({"evidence": evidence, "vouched_by": voucher});
        let words = json!({"account": "It was taken."});
        self.say(("delivery.evidenced", at), by, json!({"notice": notice}), facts, (words, files))
    }

    fn ask(&self, demand: EventId, as_of: &str, selection: &str) -> Value {
        let query =
            format!("{{ demand(by: {{eventId: \"{demand}\"}}, asOf: \"{as_of}\") {{ {selection} }} }}");
        self.server.data(&query, json!({}))["demand"].clone()
    }
}

/// Wherever a grade or a clock rests on evidence, the same is said of it: who signed, the voucher, and whether a file is
/// enclosed. It gives its grade and starts the clock all the same, unless the ledger refuses it.
#[test]
fn a_clock_says_on_whose_word_it_runs() {
    let d = Dispute::begun();
    let (counsel, agency, desk) = (&d.counsel.0, &d.agency.0, &desk());
    let file = upload(&d.server.ledger, "stamped.txt", b"A stamped copy.");
    const NO_PAPER: &str = "; no paper enclosed";
    let vouchers = ["sender", "addressee_paper", "carrier", "system", "process_server", "addressee_key"];
    let told = [", on the sender's word", ", on the addressee's paper", ", on the carrier's word"];
    let told =
        told.into_iter().chain([", on the word of a computer system", ", on the process server's word"]);
    let told: Vec<&str> = told.chain([", on the word of the addressee's own key"]).collect();
    for (by, teller) in [
        (&[counsel][..], "as the sender tells it"),
        (&[counsel, agency][..], "as the addressee tells it"),
        (&[desk][..], "recorded by Meja"),
    ] {
        for (voucher, told) in vouchers.iter().zip(&told) {
            for files in [&[][..], std::slice::from_ref(&file)] {
                let (demand, notice) = d.demand("2023-12-15", "accepted");
                let given = ("ConsignmentAcceptance", *voucher);
                let recorded = d.evidence((notice, "2023-12-18"), by, given, files);
                let place = format!("{teller}, {voucher}, {} files", files.len());
                if *voucher == "addressee_key" && !by.iter().any(|key| std::ptr::eq(*key, agency)) {
                    assert!(recorded.is_err(), "{place}");
                    continue;
                }
                recorded.unwrap();
                let own = match *voucher {
                    "addressee_key" => String::new(),
                    "sender" if by.len() == 1 && std::ptr::eq(by[0], counsel) => String::new(),
                    _ => format!(", {teller}"),
                };
                let lacking = match *voucher {
                    "sender" | "addressee_key" => "",
                    _ if files.is_empty() => NO_PAPER,
                    _ => "",
                };
                let whose = format!("{told}{own}{lacking}");
                let state = d.ask(
                    demand,
                    "2023-12-20T00:00:00Z",
                    "sentence delivery { state sentence best { sentence } } \
                     clock { state started startedOnWordOf sentence working { label value } }",
                );
                assert_eq!(state["delivery"]["state"], "ACCEPTED", "{place}");
                assert_eq!(
                    state["sentence"],
                    format!(
                        "Accepted Mon 18 Dec 2023{whose}. Answer due Mon 1 Jan 2024 (14 days, rule chosen by the \
                         sender). No answer on record."
                    ),
                    "{place}"
                );
                assert_eq!(state["delivery"]["best"]["sentence"], format!("accepted{whose}"), "{place}");
                let clock = &state["clock"];
                assert_eq!((&clock["state"], &clock["started"]), (&json!("RUNNING"), &json!("2023-12-18")));
                assert_eq!(clock["startedOnWordOf"], whose.trim_start_matches(", "), "{place}");
                let day_0 = clock["working"].as_array().unwrap().iter().find(|line| line["label"] == "Day 0");
                assert!(day_0.unwrap()["value"].as_str().unwrap().contains(&whose), "{place}: {day_0:?}");
                let page = d.server.get(&format!("/demand/{demand}")).text();
                let whose = whose.replace("recorded by Meja", "recorded by ");
                let first = whose.split("recorded by ").next().unwrap().replace('\'', "&#39;");
                assert!(page.contains(&first), "{place}: {first}");
            }
        }
    }
}

/// The delivery is told by its best evidence. Where other evidence started the clock, the clock's sentence says whose word
/// that is.
#[test]
fn a_clock_that_other_evidence_started_says_so_in_its_sentence() {
    let d = Dispute::begun();
    let (demand, notice) = d.demand("2023-12-14", "handed_over");
    let handed = ("ContentHandover", "sender");
    d.evidence((notice, "2023-12-15"), &[&d.counsel.0], handed, &[]).unwrap();
    let said = |as_of: &str| d.ask(demand, as_of, "sentence")["sentence"].as_str().unwrap().to_owned();
    assert_eq!(
        said("2023-12-21T00:00:00Z"),
        "Handed over Fri 15 Dec 2023, on the sender's word. Answer due Fri 29 Dec (14 days, rule chosen by the sender). \
         No answer on record."
    );
    let accepted = ("ConsignmentAcceptance", "addressee_key");
    d.evidence((notice, "2023-12-20"), &[&d.counsel.0, &d.agency.0], accepted, &[]).unwrap();
    assert_eq!(
        said("2023-12-21T00:00:00Z"),
        "Accepted Wed 20 Dec 2023, on the word of the addressee's own key. Answer due Fri 29 Dec (14 days, counted from \
         Fri 15 Dec, on the sender's word; rule chosen by the sender). No answer on record."
    );
}

/// A date without a day leaves a span, and other states that a clock may be in, in data as on the pages.
#[test]
fn a_clock_from_a_month_is_a_span_over_graphql_too() {
    let d = Dispute::begun();
    let (demand, _) = d.demand("2023-12", "issue");
    let selection = "clock { state otherState stateWords started startedFrom firstDue firstDueFrom due dueFrom \
         daysOver mostDaysOver startedOnWordOf }";
    let clock = |as_of: &str| d.ask(demand, as_of, selection)["clock"].clone();
    let span = json!({
        "state": "RUNNING", "otherState": null, "stateWords": "Running", "startedOnWordOf": null,
        "started": "2023-12-31", "startedFrom": "2023-12-01", "firstDue": "2024-01-15", "firstDueFrom": "2023-12-15",
        "due": "2024-01-15", "dueFrom": "2023-12-15", "daysOver": null, "mostDaysOver": null,
    });
    let at = |state: &str, other: Value, words: &str, over: Value, most: Value| {
        let mut span = span.clone();
        span["state"] = state.into();
        span["otherState"] = other;
        span["stateWords"] = words.into();
        span["daysOver"] = over;
        span["mostDaysOver"] = most;
        span
    };
    let none = || Value::Null;
    assert_eq!(clock("2023-12-31T15:59:00Z")["otherState"], "LAPSED_UNDELIVERED");
    let unsure = "Running or lapsed: a date says no day";
    assert_eq!(
        clock("2024-01-14T00:00:00Z"),
        at("RUNNING", "LAPSED_UNDELIVERED".into(), unsure, none(), none())
    );
    let lapsed = "Lapsed, with no evidence of delivery";
    assert_eq!(clock("2024-01-17T00:00:00Z"), at("LAPSED_UNDELIVERED", none(), lapsed, 2.into(), 33.into()));
}

impl Dispute {
    /// A demand that was handed over on 15 December 2023, with this deadline.
    fn handed_over(&self, deadline: Value) -> EventId {
        let by = [&self.counsel.0];
        let refs = json!({"respondent": self.agency.1, "counsel": self.counsel.1});
        let facts = json!({"items": 2, "deadline": deadline});
        let words = json!({"items": ["What was taken?", "From whom?"]});
        let demand = self.say(("demand.issued", "2023-12-14"), &by, refs, facts, (words, &[])).unwrap();
        let refs = json!({"sender": self.counsel.1, "addressee": self.agency.1, "demand": demand});
        let (words, facts) = (json!({"address": "Jalan 1", "why": "Its seat."}), json!({"channel": "hand"}));
        let notice = self.say(("notice.dispatched", "2023-12-15"), &by, refs, facts, (words, &[])).unwrap();
        self.evidence((notice, "2023-12-15"), &by, ("ContentHandover", "sender"), &[]).unwrap();
        demand
    }

    fn adjust(&self, demand: EventId, by: &[&SigningKey], change: &str, until: &str) {
        let (refs, words) = (json!({"demand": demand}), json!({"ground": "They asked for it."}));
        let facts = json!({"change": change, "until": until});
        self.say(("deadline.adjusted", "2023-12-18"), by, refs, facts, (words, &[])).unwrap();
    }

    fn reply(&self, demand: EventId, at: &str, by: &SigningKey, items: Value) -> EventId {
        let refs = json!({"party": self.agency.1, "demand": demand});
        let facts = json!({"kind": "reply", "items": items});
        let words = json!({"nature": "An answer."});
        self.say(("disclosure.made", at), &[by], refs, facts, (words, &[])).unwrap()
    }

    fn clock(&self, demand: EventId, as_of: &str) -> String {
        self.ask(demand, as_of, "clock { sentence }")["clock"]["sentence"].as_str().unwrap().to_owned()
    }
}

/// What the pages, plain text and GraphQL say of a demand and of its case.
fn told(d: &Dispute, demand: EventId) -> [(&'static str, String); 4] {
    let plain = |path: String| {
        let reply = d.server.get(&path);
        assert_eq!(reply.status, 200, "{path}");
        let text = reply.text();
        let mut out = String::new();
        for (i, part) in text.split('<').enumerate() {
            out.push_str(if i == 0 { part } else { part.split_once('>').map_or("", |(_, rest)| rest) });
        }
        out.replace("&#39;", "'").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    [
        ("demand", plain(format!("/demand/{demand}"))),
        ("its text", plain(format!("/demand/{demand}/text"))),
        ("case", plain(format!("/case/{}", d.case))),
        ("text of the case", plain(format!("/case/{}/text", d.case))),
    ]
}

/// A changed date says who changed it, whether the other side signed, and what was set first. An earlier day that only the
/// demander's key signed is told and does not count.
#[test]
fn a_changed_date_says_who_signed_it_and_keeps_the_first() {
    let d = Dispute::begun();
    let (counsel, agency, desk) = (&d.counsel.0, &d.agency.0, &desk());
    let (alone, both, recorder) = (&[counsel][..], &[counsel, agency][..], &[desk][..]);
    // From Fri 15 December 2023.
    let days = |days: u64| json!({"days": days, "rule": "calendar", "from": "handed_over"});
    const FIRST: &str = "first due Mon 12 Dec 2033 (3650 days, rule chosen by the sender)";
    const NOT_COUNTED: &str =
        "Answer due Mon 12 Dec 2033 (3650 days, rule chosen by the sender); moved to an earlier day,";
    for (by, change, until, said) in [
        (
            alone,
            "extended",
            "2034-01-10",
            format!("Answer due Tue 10 Jan 2034, extended by Peguam; {FIRST}."),
        ),
        (
            both,
            "extended",
            "2034-01-10",
            format!("Answer due Tue 10 Jan 2034, extended by Peguam and Pihak; {FIRST}."),
        ),
        (
            alone,
            "agreed",
            "2034-01-10",
            format!("Answer due Tue 10 Jan 2034, recorded as agreed by Peguam alone; {FIRST}."),
        ),
        (
            both,
            "agreed",
            "2034-01-10",
            format!("Answer due Tue 10 Jan 2034, agreed by Peguam and Pihak; {FIRST}."),
        ),
        (
            recorder,
            "extended",
            "2034-01-10",
            format!("Answer due Tue 10 Jan 2034, recorded as extended by Meja alone; {FIRST}."),
        ),
        (
            alone,
            "extended",
            "2030-01-10",
            format!("{NOT_COUNTED} Thu 10 Jan 2030, by Peguam alone: not counted."),
        ),
        (
            alone,
            "agreed",
            "2030-01-10",
            format!("{NOT_COUNTED} Thu 10 Jan 2030, by Peguam alone: not counted."),
        ),
        (
            both,
            "agreed",
            "2030-01-10",
            format!("Answer due Thu 10 Jan 2030, moved to an earlier day by Peguam and Pihak; {FIRST}."),
        ),
        // No answer can be due before the demand itself.
        (
            both,
            "agreed",
            "2023-12-01",
            format!("{NOT_COUNTED} Fri 1 Dec 2023, by Peguam and Pihak: not counted."),
        ),
    ] {
        let demand = d.handed_over(days(3650));
        d.adjust(demand, by, change, until);
        assert_eq!(d.clock(demand, "2024-01-01T00:00:00Z"), said, "{} {change} {until}", by.len());
    }
}

/// The time ran out on the day in force: not on an earlier day that only the demander's key set, nor on one before the demand.
#[test]
fn the_time_ran_out_on_the_day_in_force() {
    let d = Dispute::begun();
    let counsel = &[&d.counsel.0][..];
    let days = json!({"days": 14, "rule": "calendar", "from": "handed_over"});
    let demand = d.handed_over(days);
    for until in ["2023-12-01", "2023-12-20"] {
        d.adjust(demand, counsel, "extended", until);
        let said = d.clock(demand, "2024-01-01T00:00:00Z");
        assert!(
            said.starts_with("Answer due Fri 29 Dec 2023 (14 days, rule chosen by the sender);"),
            "{said}"
        );
        assert!(said.ends_with("by Peguam alone: not counted.") && !said.contains("extended"), "{said}");
    }
    d.adjust(demand, counsel, "extended", "2034-01-10");
    let said = d.clock(demand, "2024-01-01T00:00:00Z");
    let ran_out =
        "The time to answer ran out on Fri 29 Dec 2023; extended to Tue 10 Jan 2034 by Peguam, recorded ";
    assert!(said.starts_with(ran_out), "{said}");
    assert!(said.ends_with("; first due Fri 29 Dec 2023 (14 days, rule chosen by the sender)."), "{said}");

    let demand = d.handed_over(json!({"by": "2023-12-01"}));
    assert_eq!(
        d.clock(demand, "2024-01-01T00:00:00Z"),
        "Answer due Fri 1 Dec 2023 (date chosen by the sender), which is before the demand itself."
    );
    d.adjust(demand, counsel, "extended", "2034-01-10");
    assert_eq!(
        d.clock(demand, "2024-01-01T00:00:00Z"),
        "Answer due Tue 10 Jan 2034, extended by Peguam; first due Fri 1 Dec 2023 (date chosen by the sender), which is \
         before the demand itself."
    );
}

/// Outcomes that the respondent's own key did not sign say everywhere whose record they are. They take back nothing that it
/// signed itself.
#[test]
fn a_clock_and_a_status_say_by_whose_record_they_are() {
    let d = Dispute::begun();
    let days = || json!({"days": 14, "rule": "calendar", "from": "handed_over"});
    let outcome = |item: u64, outcome: &str| json!([{"item": item, "outcome": outcome}]);
    let both = json!([{"item": 1, "outcome": "answered"}, {"item": 2, "outcome": "answered"}]);
    let demand = d.handed_over(days());
    d.reply(demand, "2023-12-20", &desk(), both.clone());
    let selection = "status statusWords clock { state stateWords }";
    let state = d.ask(demand, "2024-01-01T00:00:00Z", selection);
    assert_eq!((&state["status"], &state["clock"]["state"]), (&json!("ANSWERED"), &json!("MET")));
    assert_eq!(state["statusWords"], "answered, by the record of Meja");
    assert_eq!(state["clock"]["stateWords"], "Met, by the record of Meja");
    for (place, text) in told(&d, demand) {
        assert!(text.contains("Met, by the record of Meja"), "{place}: {text}");
        assert!(place == "demand" || text.contains("answered, by the record of Meja"), "{place}: {text}");
    }
    // By its own key it answered late; by another's record in time.
    d.reply(demand, "2023-12-30", &d.agency.0, outcome(1, "partly"));
    d.reply(demand, "2023-12-30", &d.agency.0, outcome(2, "refused"));
    let state = d.ask(demand, "2024-01-01T00:00:00Z", selection);
    assert_eq!(state["statusWords"], "mixed");
    assert_eq!(
        state["clock"]["stateWords"],
        "Met, by the record of Meja; late by what the respondent’s own key signed"
    );

    // A refusal by its own key stays one.
    let demand = d.handed_over(days());
    d.reply(demand, "2023-12-20", &d.agency.0, outcome(2, "refused"));
    d.reply(demand, "2023-12-22", &desk(), both);
    let state = d.ask(
        demand,
        "2024-01-01T00:00:00Z",
        "sentence statusWords clock { stateWords } items { latest { outcome } }",
    );
    let sentence = state["sentence"].as_str().unwrap();
    assert!(sentence.ends_with("1 refused; by the record of Meja: 1 answered."), "{sentence}");
    assert_eq!(state["statusWords"], "mixed, by the record of Meja");
    assert_eq!(state["clock"]["stateWords"], "Met, by the record of Meja");
    assert_eq!(state["items"][1]["latest"]["outcome"], "REFUSED");
    let page = &told(&d, demand)[0].1;
    assert!(page.contains("Later, not by its own key: answered 22 December 2023"), "{page}");
}

/// That a demand was withdrawn or went elsewhere, or that a promise was closed, says whose record it is, unless a party that it
/// speaks for signed it.
#[test]
fn what_others_record_of_a_demand_or_a_promise_says_whose_record_it_is() {
    let d = Dispute::begun();
    let (own, its_own, other) = (&d.counsel.0, &d.agency.0, &desk());
    let made = |by: &SigningKey| {
        let facts = json!({"days": 14, "rule": "calendar", "from": "handed_over"});
        let demand = d.handed_over(facts);
        let (refs, words) = (json!({"demand": demand}), json!({"account": "They did not answer."}));
        let of = ("demand.escalated", "2023-12-20");
        d.say(of, &[by], refs.clone(), json!({"route": "regulator"}), (words.clone(), &[])).unwrap();
        let of = ("demand.withdrawn", "2023-12-21");
        d.say(of, &[by], refs, json!({}), (words, &[])).unwrap();
        demand
    };
    let promised = |by: &SigningKey, outcome: &str| {
        let (refs, words) = (json!({"party": d.agency.1}), json!({"promise": "We shall tell you."}));
        let of = ("commitment.made", "2023-12-16");
        let promise = d.say(of, &[its_own], refs, json!({}), (words, &[])).unwrap();
        let (refs, words) = (json!({"commitment": promise}), json!({"account": "They told us."}));
        let of = ("commitment.closed", "2023-12-18");
        d.say(of, &[by], refs, json!({"outcome": outcome}), (words, &[])).unwrap();
    };
    let selection = "status statusWords escalations { sentence }";
    for (by, record) in [(own, ""), (other, ", by the record of Meja")] {
        let demand = made(by);
        let state = d.ask(demand, "2024-01-01T00:00:00Z", selection);
        assert_eq!(
            (&state["status"], &state["statusWords"]),
            (&json!("WITHDRAWN"), &json!(format!("withdrawn{record}")))
        );
        let taken = format!("20 December 2023: to a regulator{record}.");
        assert_eq!(state["escalations"][0]["sentence"], taken.as_str());
        let [(_, page), (_, text), (_, case), _] = told(&d, demand);
        assert!(page.contains(&taken) && !page.contains(&format!("{taken},")), "{page}");
        assert!(text.contains(&format!("withdrawn{record}")), "{text}");
        assert!(case.contains(&format!("withdrawn{record}")), "{case}");
    }
    promised(its_own, "done");
    promised(other, "withdrawn");
    let query = format!(
        "{{ case(by: {{eventId: \"{}\"}}) {{ state {{ promises {{ nodes {{ state stateWords }} }} }} }} }}",
        d.case
    );
    let promises = &d.server.data(&query, json!({}))["case"]["state"]["promises"]["nodes"];
    assert_eq!(
        *promises,
        json!([
            {"state": "DONE", "stateWords": "done"},
            {"state": "WITHDRAWN", "stateWords": "withdrawn, by the record of Meja"},
        ])
    );
    let [_, _, (_, case), (_, text)] = told(&d, made(own));
    for (place, told) in [("case", case), ("its text", text)] {
        assert!(
            told.contains("done") && told.contains("withdrawn, by the record of Meja"),
            "{place}: {told}"
        );
        assert!(!told.contains("done, by the record"), "{place}: {told}");
    }
}

/// A date ahead of its recording is not told as if it had come, even once that day has come.
#[test]
fn a_date_ahead_is_told_as_one_wherever_it_is_counted() {
    let d = Dispute::begun();
    let counsel = &d.counsel.0;
    let (demand, notice) = d.demand("2023-12-14", "handed_over");
    d.evidence((notice, "2090-12-15"), &[counsel], ("ContentHandover", "sender"), &[]).unwrap();
    d.reply(demand, "2090-12-20", &desk(), json!([{"item": 1, "outcome": "answered"}]));
    let state = d.ask(demand, "2091-01-01T00:00:00Z", "sentence clock { sentence }");
    let sentence = state["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("Handed over Fri 15 Dec 2090, on the sender's word; dated ahead of its recording"),
        "{sentence}"
    );
    assert!(sentence.contains("1 answered (dated ahead of its recording)"), "{sentence}");
    let views = onrecord::views::Views::new(d.server.ledger.reader());
    let evidence = views.size() - 2;
    let said = views.sentence(&views.record(evidence).unwrap().unwrap()).unwrap().to_string();
    assert!(said.contains("on the sender's word; dated ahead of its recording"), "{said}");
    for index in [evidence, evidence + 1] {
        let page = d.server.get(&format!("/e/{index}")).text();
        let title = page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(title.contains("(dated ahead of its recording)"), "{title}");
    }
}

/// An act is told of the party that did it: of the side that signs with a recorder; of a notice's sender or addressee, not of
/// the recorder of the notice; and not of a party whose new key signs when another adds it.
#[test]
fn an_act_is_told_of_whoever_did_it() {
    let d = Dispute::begun();
    let demand = d.handed_over(json!({"by": "2023-12-29"}));
    d.adjust(demand, &[&desk(), &d.agency.0], "agreed", "2034-01-10");
    let said = d.clock(demand, "2024-01-01T00:00:00Z");
    assert!(said.contains("agreed to run to Tue 10 Jan 2034 by Pihak, recorded by Meja"), "{said}");
    d.adjust(demand, &[&d.counsel.0, &d.agency.0], "agreed", "2034-01-11");
    let said = d.clock(demand, "2024-01-01T00:00:00Z");
    assert!(said.contains("Answer due Wed 11 Jan 2034, agreed by Peguam and Pihak;"), "{said}");

    // A withdrawal that the demander and the desk sign is the demander's everywhere.
    let (refs, words) = (json!({"demand": demand}), json!({"account": "Settled."}));
    let of = ("demand.withdrawn", "2023-12-21");
    d.say(of, &[&desk(), &d.counsel.0], refs, json!({}), (words, &[])).unwrap();
    let page = &told(&d, demand)[0].1;
    assert!(page.contains("Withdrawn by Peguam on 21 December 2023"), "{page}");

    // The desk records a notice and its evidence. It is not the sender.
    let refs = json!({"sender": d.counsel.1, "addressee": d.agency.1, "demand": demand});
    let (words, facts) = (json!({"address": "Jalan 1", "why": "Its seat."}), json!({"channel": "hand"}));
    let notice = d.say(("notice.dispatched", "2023-12-15"), &[&desk()], refs, facts, (words, &[])).unwrap();
    d.evidence((notice, "2023-12-15"), &[&desk()], ("ContentHandover", "carrier"), &[]).unwrap();
    let attribution = |back: u64| {
        let views = onrecord::views::Views::new(d.server.ledger.reader());
        let record = views.record(views.size() - back).unwrap().unwrap();
        let sentence = views.sentence(&record).unwrap().to_string();
        (views.attribution(&record).unwrap().label(), sentence)
    };
    assert_eq!(attribution(1).0, "recorded by");
    d.evidence((notice, "2023-12-15"), &[&d.counsel.0], ("ContentHandover", "carrier"), &[]).unwrap_err();

    // The operator gives the agency a key that the agency never saw.
    let new = key("agency.example/new", 77);
    let (refs, facts) = (json!({"party": d.agency.1}), json!({"key": new.verifying_key().to_string()}));
    let added = say("key.added", None, refs, facts, None).sign(&[&operator(), &new]);
    put(&d.server.ledger, added).unwrap();
    let (label, sentence) = attribution(1);
    assert_eq!(label, "signed by");
    assert!(sentence.ends_with("added the key agency.example/new for Pihak."), "{sentence}");
    // The agency's own old key may add one for it.
    let newer = key("agency.example/newer", 78);
    let (refs, facts) = (json!({"party": d.agency.1}), json!({"key": newer.verifying_key().to_string()}));
    let added = say("key.added", None, refs, facts, None).sign(&[&d.agency.0, &newer]);
    put(&d.server.ledger, added).unwrap();
    let (label, sentence) = attribution(1);
    assert_eq!(label, "first-party, signed by");
    assert!(sentence.ends_with("added the key agency.example/newer for itself."), "{sentence}");
}

/// Nothing is done to a demand before it is there: the ledger refuses such a date. A date without a day is taken if one of the
/// days that it can mean fits.
#[test]
fn what_is_done_to_a_demand_is_not_dated_before_it() {
    let d = Dispute::begun();
    let (demand, _) = d.demand("2023-12-14", "handed_over");
    let now = onrecord::log::Time::parse("2024-01-01T00:00:00.000Z").unwrap();
    let foreseen = |of: &str, at: &str, by: &SigningKey, refs: Value, facts: Value| {
        let content = Content::seal(
            object(json!({"account": "x", "nature": "x", "address": "x", "why": "x"})),
            &[],
            &[7; 16],
        );
        let draft = Draft {
            event_type: EventType::from_name(of).unwrap(),
            at: At::parse(at).unwrap(),
            case: Some(d.case),
            refs: object(refs),
            facts: object(facts),
            content: Some(ContentRef::of(&content)),
        };
        let event = draft.sign(&origin(), &[by]).unwrap();
        let views = onrecord::views::Views::new(d.server.ledger.reader());
        views.foresee(event.note().as_bytes(), Some(&content), now).map_err(|e| format!("{e:?}"))
    };
    let notice = json!({"sender": d.counsel.1, "addressee": d.agency.1, "demand": demand});
    let reply = json!({"party": d.agency.1, "demand": demand});
    let (hand, answered) = (json!({"channel": "hand"}), json!({"kind": "reply"}));
    for (at, good) in [("2023-12-13", false), ("2023-12-14", true), ("2023-11", false), ("2023-12", true)] {
        let by = &d.counsel.0;
        if at.len() == 10 {
            let of_notice = foreseen("notice.dispatched", at, by, notice.clone(), hand.clone());
            assert_eq!(of_notice.is_ok(), good, "{at}: {of_notice:?}");
        }
        for (of, by, refs, facts) in [
            ("disclosure.made", &desk(), reply.clone(), answered.clone()),
            ("demand.withdrawn", by, json!({"demand": demand}), json!({})),
            ("demand.escalated", by, json!({"demand": demand}), json!({"route": "court"})),
        ] {
            let said = foreseen(of, at, by, refs, facts);
            assert_eq!(said.is_ok(), good, "{of} {at}: {said:?}");
            assert!(good || said.unwrap_err().contains("demand.order"), "{of} {at}");
        }
    }
}

/// A demand that its author declared void is not said to be unknown: its address leads to its entry, which says that it is void.
#[test]
fn a_void_demand_leads_to_its_entry() {
    let d = Dispute::begun();
    let (demand, _) = d.demand("2023-12-14", "handed_over");
    let index = d.server.ledger.reader().index_of(&demand).unwrap().unwrap();
    let before = d.server.ledger.reader().checkpoint().checkpoint().size();
    let (refs, words) = (json!({"corrects": demand}), json!({"wrong": "All of it.", "right": "Nothing."}));
    let of = ("correction.issued", "2023-12-20");
    d.say(of, &[&d.counsel.0], refs, json!({"effect": "void"}), (words, &[])).unwrap();
    let page = d.server.get(&format!("/demand/{demand}"));
    assert_eq!((page.status, page.header("location")), (303, Some(format!("/e/{index}").as_str())));
    assert!(
        d.server.get(&format!("/e/{index}")).text().contains("It stays on record and counts for nothing.")
    );
    // So does what is about it.
    let notice = d.server.get(&format!("/e/{}", index + 1)).text();
    assert!(notice.contains("which this is about:") && notice.contains("Declared void"), "{notice}");
    let text = d.server.get(&format!("/demand/{demand}/text")).text();
    assert!(text.contains("declared void by Peguam") && text.contains("counts for nothing"), "{text}");
    // As it stood before, with a note that something came later.
    let then = d.server.get(&format!("/demand/{demand}?knownAt={before}"));
    assert!(then.status == 200 && then.text().contains("1 later entry touches this"), "{}", then.text());
    let case = d.server.get(&format!("/case/{}?knownAt={before}", d.case)).text();
    assert!(case.contains("1 later entry touches this"), "{case}");
}

/// Wherever a sentence rests on a key that is distrusted since before it signed, that is marked.
#[test]
fn the_word_of_a_distrusted_key_is_marked_wherever_it_is_taken() {
    let d = Dispute::begun();
    let (demand, notice) = d.demand("2023-12-14", "accepted");
    let accepted = ("ConsignmentAcceptance", "addressee_key");
    d.evidence((notice, "2023-12-15"), &[&d.counsel.0, &d.agency.0], accepted, &[]).unwrap();
    d.reply(demand, "2023-12-20", &d.agency.0, json!([{"item": 1, "outcome": "answered"}]));
    // Another demand, whose receipt only a reply shows.
    let (replied, _) = d.demand("2023-12-14", "accepted");
    d.reply(replied, "2023-12-20", &d.agency.0, json!([{"item": 1, "outcome": "holding"}]));
    let said =
        |demand| d.ask(demand, "2024-01-01T00:00:00Z", "sentence")["sentence"].as_str().unwrap().to_owned();
    assert_eq!(
        said(demand),
        "Accepted Fri 15 Dec 2023, on the word of the addressee's own key. Answer due Fri 29 Dec (14 days, rule chosen by \
         the sender). 1 answered."
    );
    let party = d.server.get(&format!("/party/{}", d.agency.1)).text();
    assert!(!party.contains("distrusted"), "{party}");
    let key = d.agency.0.verifying_key().to_string();
    let facts = json!({"key": key, "reason": "compromised", "since": "2023-12-10"});
    let words = Some(json!({"note": "It was stolen."}));
    let revoked = say("key.revoked", None, json!({"party": d.agency.1}), facts, words);
    put(&d.server.ledger, revoked.sign(&[&d.agency.0])).unwrap();

    const MARK: &str = "signed by a key distrusted since 10 December 2023";
    assert_eq!(
        said(demand),
        format!(
            "Accepted Fri 15 Dec 2023, on the word of the addressee's own key; {MARK}. Answer due Fri 29 Dec (14 days, rule \
             chosen by the sender). 1 answered ({MARK})."
        )
    );
    let state = d.ask(
        demand,
        "2024-01-01T00:00:00Z",
        "delivery { sentence best { sentence } } answered clock { startedOnWordOf working { label value } }",
    );
    let day_0 = state["clock"]["working"].as_array().unwrap().iter().find(|line| line["label"] == "Day 0");
    for (place, text) in [
        ("delivery", &state["delivery"]["sentence"]),
        ("best", &state["delivery"]["best"]["sentence"]),
        ("answered", &state["answered"]),
        ("clock", &state["clock"]["startedOnWordOf"]),
        ("day 0", &day_0.unwrap()["value"]),
    ] {
        assert!(text.as_str().unwrap().contains(MARK), "{place}: {text}");
    }
    // In the headline, at the delivery, at the attempt, at day 0, and at the answer.
    for (place, text) in told(&d, demand) {
        let marks = text.matches("a key distrusted since 10 December 2023").count();
        assert!(marks >= 5, "{place}: {marks} in {text}");
    }
    let selection = "sentence clock { working { label value } }";
    // A reply proves receipt from its recording on.
    let state = d.ask(replied, "2030-01-01T00:00:00Z", selection);
    assert!(
        state["sentence"].as_str().unwrap().contains("a key distrusted since 10 December 2023"),
        "{state}"
    );
    let day_0 = state["clock"]["working"].as_array().unwrap().iter().find(|line| line["label"] == "Day 0");
    assert!(day_0.unwrap()["value"].as_str().unwrap().contains(MARK), "{state}");
    let party = d.server.get(&format!("/party/{}", d.agency.1)).text();
    assert!(party.contains("Of those that it signed, 2 are by a key distrusted since before."), "{party}");
}

/// A reply by the respondent's own key proves receipt, whatever else is on record of the delivery.
#[test]
fn a_reply_of_its_own_is_evidence_of_delivery() {
    let d = Dispute::begun();
    let (demand, _) = d.demand("2023-12-14", "accepted");
    let holding = || json!([{"item": 1, "outcome": "holding"}]);
    d.reply(demand, "2023-12-20", &desk(), holding());
    let now = "2030-01-01T00:00:00Z";
    let sentence = |demand| d.ask(demand, now, "sentence")["sentence"].as_str().unwrap().to_owned();
    assert!(sentence(demand).contains("no evidence of delivery on record"), "{}", sentence(demand));
    d.reply(demand, "2023-12-20", &d.agency.0, holding());
    let said = sentence(demand);
    assert!(!said.to_lowercase().contains("no evidence of delivery") && !said.contains("As of"), "{said}");
    assert!(said.starts_with("Sent on 14 Dec 2023. Received by "), "{said}");
    assert!(said.contains(" at the latest: a reply signed by a key of the respondent says so. "), "{said}");
    let party = d.server.get(&format!("/party/{}", d.agency.1)).text();
    assert!(party.contains("n = 1: 1 demand delivered to it is on record here"), "{party}");
}
