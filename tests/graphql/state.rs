//! How cases, demands and parties stand, over GraphQL: at two instants, and the same as pages and the terminal say.

use std::{collections::BTreeSet, net::SocketAddr};

use crate::http::send;
use crate::story::{self, Ids};
use crate::support::*;
use crate::world::World;
use onrecord::views::Views;
use serde_json::{Value, json};

/// The whole story, served.
fn world() -> World<Ids> {
    World::whole().served()
}

fn id_of(w: &World<Ids>, label: &str) -> String {
    w.story[label].to_string()
}

/// The code and the message of the one error of a query that can't be answered.
fn refused(w: &World<Ids>, query: &str) -> (String, String) {
    let answer = w.server().graphql(query, json!({}));
    let error = &answer["errors"][0];
    let text = |v: &Value| v.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    (text(&error["extensions"]["code"]), text(&error["message"]))
}

fn case_state(w: &World<Ids>, label: &str, instants: &str, selection: &str) -> Value {
    let case = id_of(w, label);
    let query = format!("{{ case(by: {{eventId: \"{case}\"}}) {{ state{instants} {{ {selection} }} }} }}");
    w.ask(&query)["case"]["state"].clone()
}

/// How often the store was read while `what` ran.
fn reads(w: &World<Ids>, metrics: SocketAddr, what: impl FnOnce()) -> u64 {
    let count = || {
        let scrape = send(metrics, "GET", "/metrics", &[], b"").text();
        let line = scrape.lines().find_map(|l| l.strip_prefix("onrecord_store_reads_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    // Search reads the store as well, until it has indexed all entries.
    let searched = || {
        let page = w.ask("{ search(words: \"kenyataan\") { searched size } }");
        page["search"]["searched"] == page["search"]["size"]
    };
    while !searched() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // A scrape reads the store too.
    let idle = {
        let before = count();
        count() - before
    };
    let before = count();
    what();
    count() - before - idle
}

#[test]
fn the_three_sentences_are_said_at_the_instants_that_are_asked_for() {
    let w = world();
    let said = |label: &str, instants: &str| {
        let state = case_state(&w, label, instants, "asOf knownAt sentences");
        assert!(state["asOf"].is_string() && state["knownAt"].is_u64(), "{state}");
        state["sentences"][0].as_str().unwrap().to_owned()
    };
    assert_eq!(
        said("case-socso", "(asOf: \"2026-11-26T00:00:00Z\")"),
        "Three questions in a letter of 15 Dec 2023, as reported; 566 signatures stated, no roll committed. No evidence \
         of delivery on record. No answer on record. As of 26 November 2026, 00:00:00 UTC."
    );
    assert_eq!(
        said("case-contoh", "(asOf: \"2024-01-01T00:00:00Z\")"),
        "Handed over Fri 15 Dec 2023, on the sender's word. Answer due Fri 29 Dec (14 days, rule chosen by the sender). \
         1 answered, 1 refused, 1 open, 3 days past its date."
    );
    assert_eq!(
        said("case-lhdn", ""),
        "A tech portal is reported to have claimed a possible exposure on 13 Dec 2023. No position of LHDN on record."
    );
    // At an earlier instant the time is not over yet.
    assert_eq!(
        said("case-contoh", "(asOf: \"2023-12-29T15:59:59Z\")"),
        "Handed over Fri 15 Dec 2023, on the sender's word. Answer due Fri 29 Dec (14 days, rule chosen by the sender). \
         1 answered, 1 refused, 1 open."
    );
    // At an earlier size, what was recorded since is not known.
    let before = w.index("contoh-reply");
    let instants = format!("(asOf: \"2024-01-01T00:00:00Z\", knownAt: {before})");
    let then = said("case-contoh", &instants);
    assert!(then.ends_with("No answer on record, 3 days past its date."), "{then}");
    let before = w.index("contoh-email");
    let then = said("case-contoh", &format!("(asOf: \"2024-01-01T00:00:00Z\", knownAt: {before})"));
    assert!(then.contains("No evidence of delivery on record."), "{then}");
}

#[test]
fn instants_that_nobody_can_cite_are_refused() {
    let w = world();
    let size = Views::new(w.reader()).size();
    let id = id_of(&w, "case-contoh");
    for known_at in [0, size + 1] {
        let query =
            format!("{{ case(by: {{eventId: \"{id}\"}}) {{ state(knownAt: {known_at}) {{ knownAt }} }} }}");
        let (code, message) = refused(&w, &query);
        assert_eq!(code, "BAD_INPUT");
        assert!(message.contains("knownAt") && message.contains(&size.to_string()), "{message}");
    }
    // Before its entry there was no such case, and no such demand.
    let opened = w.index("case-contoh");
    assert_eq!(case_state(&w, "case-contoh", &format!("(knownAt: {opened})"), "knownAt"), Value::Null);
    assert_eq!(
        case_state(&w, "case-contoh", &format!("(knownAt: {})", opened + 1), "knownAt")["knownAt"],
        opened + 1
    );
    let demand = id_of(&w, "contoh-demand");
    let issued = w.index("contoh-demand");
    let ask = |n: u64| {
        w.ask(&format!("{{ demand(by: {{eventId: \"{demand}\"}}, knownAt: {n}) {{ status }} }}"))["demand"]
            .clone()
    };
    assert_eq!((ask(issued), ask(issued + 1)["status"].as_str()), (Value::Null, Some("ISSUED")));
    let none = w.ask("{ demand(by: {index: 0}) { status } }");
    assert_eq!(none["demand"], Value::Null, "entry 0 is no demand");
}

const DEMAND: &str = r#"
  status course sentence answered
  event { index }
  delivery {
    state sentence conflicting
    best { sentence vouchedBy grade event { index } }
    attempts { nodes { event { index } sender { name } addressee { name } channel state
      evidence { event { index } evidence vouchedBy toldBy { name } enclosesFile grade sentence contradicted } } }
    copies { nodes { event { index } state } }
  }
  clock { state sentence started startedBy { index } firstDue due daysOver completed note
    working { label value } adjustments { change until } }
  counts { answered partly refused notHeld open }
  items { number text { value state } latest { outcome firstParty text { value } verdict assessment { index } disclosure { index } }
    earlier { outcome } signed }
  backing { party { name } role confirmed affirmedBy }
  signatures { standing count committed closed }
  signedText { text { state } }
"#;

#[test]
fn a_lawyer_gets_every_attempt_with_whose_word_it_is_and_the_working_of_the_date() {
    let w = world();
    let query = format!(
        "{{ demand(by: {{eventId: \"{}\"}}, asOf: \"2024-01-01T00:00:00Z\") {{ {DEMAND} }} }}",
        id_of(&w, "contoh-demand")
    );
    let demand = &w.ask(&query)["demand"];
    assert_eq!((demand["status"].as_str(), demand["course"].as_str()), (Some("OVERDUE"), Some("OPEN")));
    let delivery = &demand["delivery"];
    assert_eq!(delivery["state"], "HANDED_OVER");
    assert_eq!(delivery["best"]["vouchedBy"], "SENDER");
    assert_eq!(delivery["best"]["event"]["index"], w.index("contoh-hand-over"));
    let attempts = delivery["attempts"]["nodes"].as_array().unwrap();
    let indexes: Vec<u64> = attempts.iter().map(|a| a["event"]["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [w.index("contoh-email"), w.index("contoh-hand")]);
    assert_eq!(attempts[0]["state"], "RELAYED");
    assert_eq!(attempts[0]["evidence"][0]["evidence"], "RELAYACCEPTANCE");
    // A report by a computer is the sender's word here: the sender's key alone signed it.
    let relayed = &attempts[0]["evidence"][0];
    assert_eq!(
        (&relayed["vouchedBy"], &relayed["toldBy"]["name"]),
        (&json!("SYSTEM"), &json!("Example & Co."))
    );
    let told = ", on the word of a computer system, as the sender tells it";
    assert_eq!(relayed["sentence"], format!("relayed to the addressee's service{told}"));
    assert_eq!(relayed["enclosesFile"], true);
    assert_eq!(delivery["copies"]["nodes"][0]["event"]["index"], w.index("contoh-copy"));
    let clock = &demand["clock"];
    assert_eq!((clock["state"].as_str(), clock["due"].as_str()), (Some("LAPSED"), Some("2023-12-29")));
    assert_eq!((clock["started"].as_str(), clock["daysOver"].as_i64()), (Some("2023-12-15"), Some(3)));
    assert_eq!(clock["startedBy"]["index"], w.index("contoh-hand-over"));
    assert!(!clock["working"].as_array().unwrap().is_empty());
    assert!(clock["note"].as_str().unwrap().contains("Malaysia's Interpretation Acts bind written law"));
    assert_eq!(demand["counts"], json!({"answered": 1, "partly": 0, "refused": 1, "notHeld": 0, "open": 1}));
    let items = demand["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0]["latest"]["firstParty"], true);
    assert_eq!(items[0]["latest"]["disclosure"]["index"], w.index("contoh-reply"));
    assert_eq!(items[0]["latest"]["assessment"]["index"], w.index("contoh-assessed"));
    let backing = demand["backing"].as_array().unwrap();
    assert!(backing.iter().any(|b| b["role"] == "COLLECTION" && b["confirmed"] == true), "{backing:?}");
    assert!(demand["signatures"]["standing"].is_u64(), "confirmed by their organiser");

    // Nobody confirmed who supports the other demand, so it has no count.
    let query = format!("{{ demand(by: {{eventId: \"{}\"}}) {{ {DEMAND} }} }}", id_of(&w, "demand-socso"));
    let demand = &w.ask(&query)["demand"];
    assert_eq!(demand["signatures"], Value::Null);
    assert!(demand["backing"].as_array().unwrap().iter().all(|b| b["confirmed"] == false));
    assert_eq!(demand["delivery"]["state"], "NONE");
    assert!(
        demand["delivery"]["sentence"].as_str().unwrap().starts_with("No evidence of delivery on record")
    );
}

#[test]
fn a_case_says_over_graphql_what_its_page_says() {
    let w = world();
    let selection = "respondent { name } demands { nodes { sentence } } \
        incidents { earlier nodes { account { value } known discovered disclosed { kind days event { index } } } } \
        changedStatements { nodes { event { index } versions { observed announced text { value } difference { kind text } } \
          withdrawn { observed announced event { index } } } } \
        links { nodes { heading relation from { event { index } quote { exact } withheld } to { quote { exact } } \
          reasoning { value } positions { party { name } stance recordedBy { name } text { value } } } } \
        promises { nodes { party { name } text { value } due state closedBy { index } } } \
        corrections { nodes { effect corrects { index voided } by { name } replacement { index } } } \
        withholdings { nodes { ground positions inForce entry { index } by { name } } }";
    let state = case_state(&w, "case-contoh", "(asOf: \"2024-01-01T00:00:00Z\")", selection);
    let page = w.server().get(&format!("/case/{}/text?asOf=2024-01-01", id_of(&w, "case-contoh")));
    let (status, length) = (page.status, page.header("content-length").map(str::to_owned));
    let page = page.text();
    if let Some(length) = length {
        assert_eq!(page.len().to_string(), length, "the page was cut off");
    }
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut said = Vec::new();
    let nodes = |name: &str| state[name]["nodes"].as_array().unwrap().clone();
    said.extend(nodes("demands").iter().map(|d| d["sentence"].clone()));
    said.extend(nodes("links").iter().map(|l| l["heading"].clone()));
    said.extend(nodes("links").iter().map(|l| l["from"]["quote"]["exact"].clone()));
    said.extend(nodes("promises").iter().map(|p| p["text"]["value"].clone()));
    assert_eq!(said.len(), 6, "{state:#}");
    for text in &said {
        let text = text.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.contains(&text), "{text}\nin {status}:\n{}", page.replace(". ", ".\n"));
    }
    let link = &nodes("links")[0];
    assert_eq!(link["relation"], "CONTRADICTS");
    assert!(link["heading"].as_str().unwrap().ends_with("says these conflict"));
    assert_eq!(link["positions"][0]["party"]["name"], "Agensi Contoh");
    assert!(link["positions"][0]["stance"].is_string(), "{link}");
    let incident = &nodes("incidents")[0];
    assert!(incident["disclosed"]["days"].is_i64(), "{incident}");
    let changed = &nodes("changedStatements")[0];
    let kinds: BTreeSet<&str> = changed["versions"][1]["difference"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains("SAME") && kinds.len() > 1, "{changed}");
    let void = nodes("corrections").into_iter().find(|c| c["effect"] == "VOID").unwrap();
    assert_eq!(void["corrects"], json!({"index": w.index("contoh-press-wrong"), "voided": true}));
    let promises = |as_of: &str| {
        let state = case_state(&w, "case-contoh", as_of, "promises { nodes { state closedBy { index } } }");
        state["promises"]["nodes"].clone()
    };
    let open = json!({"state": "OPEN", "closedBy": null});
    assert_eq!(promises("(asOf: \"2024-01-01T00:00:00Z\")"), json!([open, open]));
    let kept = json!({"state": "DONE", "closedBy": {"index": w.index("contoh-promise-kept")}});
    assert_eq!(promises(""), json!([kept, {"state": "PAST_DATE", "closedBy": null}]));
}

#[test]
fn below_known_at_everything_is_as_it_was_known() {
    let w = world();
    let selection = |index: &str| {
        format!("timeline(first: 100) {{ nodes {{ event {{ index voided {index} }} after }} }}")
    };
    let voided = w.index("contoh-press-wrong");
    let is_voided = |known_at: u64| {
        let state = case_state(&w, "case-contoh", &format!("(knownAt: {known_at})"), &selection("sentence"));
        let nodes = state["timeline"]["nodes"].as_array().unwrap().clone();
        assert!(nodes.iter().all(|n| n["event"]["index"].as_u64().unwrap() < known_at));
        let node = nodes.into_iter().find(|n| n["event"]["index"] == voided).unwrap();
        node["event"]["voided"].as_bool().unwrap()
    };
    let correction = w.index("contoh-press-void");
    assert_eq!((is_voided(correction), is_voided(correction + 1)), (false, true));
    // A role that was given and taken back.
    let desk = id_of(&w, "desk");
    let roles = |known_at: u64| {
        let query = format!(
            "{{ party(by: {{eventId: \"{desk}\"}}) {{ registrar state(knownAt: {known_at}) {{ roles {{ role granted }} names {{ name {{ value }} by {{ registrar }} }} }} }} }}"
        );
        w.ask(&query)["party"].clone()
    };
    let revoked = w.index("desk-registrar-revoked");
    assert_eq!(roles(revoked + 1)["state"]["roles"].as_array().unwrap().len(), 3);
    let before = roles(revoked);
    assert_eq!(before["state"]["roles"].as_array().unwrap().len(), 2);
    assert_eq!(before["registrar"], false, "what stands beside the state is as it is now");
}

#[test]
fn a_timeline_is_paged_through_without_a_gap_while_the_case_grows() {
    let w = world();
    let late = |text: &str| {
        let refs = json!({"speaker": w.story["persatuan"]});
        let words = json!({"text": text});
        let case = w.story["case-contoh"];
        let said = say("statement.made", Some(case), refs, statement_facts(), Some(words));
        w.record(said.sign(&[&story::key_of("desk")])).1
    };
    // Recorded last, but it happened in the middle.
    late("lewat");
    for order in ["OCCURRED", "RECORDED"] {
        let page = |after: Option<&str>| {
            let after = after.map_or(String::new(), |c| format!(", after: \"{c}\""));
            let selection = format!(
                "timeline(order: {order}, first: 7{after}) {{ edges {{ cursor node {{ event {{ index occurred }} }} }} pageInfo {{ hasNextPage hasPreviousPage endCursor }} }}"
            );
            case_state(&w, "case-contoh", "", &selection)["timeline"].clone()
        };
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = page(after.as_deref());
            assert_eq!(page["pageInfo"]["hasPreviousPage"], after.is_some());
            for edge in page["edges"].as_array().unwrap() {
                seen.push(edge["node"]["event"]["index"].as_u64().unwrap());
            }
            if after.is_none() {
                late(order);
            }
            after = page["pageInfo"]["endCursor"].as_str().map(str::to_owned);
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let all = w.ask(&format!(
            "{{ case(by: {{eventId: \"{}\"}}) {{ size events(first: 100) {{ nodes {{ index }} }} }} }}",
            id_of(&w, "case-contoh")
        ));
        let nodes = all["case"]["events"]["nodes"].as_array().unwrap();
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, nodes.iter().map(|n| n["index"].as_u64().unwrap()).collect::<Vec<_>>(), "{order}");
        assert_eq!(order == "RECORDED", seen == sorted, "the orders differ");
    }
    let bad = format!(
        "{{ case(by: {{eventId: \"{}\"}}) {{ state {{ timeline(after: \"aTE=\") {{ pageInfo {{ endCursor }} }} }} }} }}",
        id_of(&w, "case-contoh")
    );
    assert_eq!(refused(&w, &bad).0, "BAD_INPUT");
}

#[test]
fn what_was_done_to_the_record_itself_can_be_asked_for() {
    let w = world();
    let query = |args: &str| {
        format!(
            "{{ transparency{args} {{ knownAt cutShort grounds {{ ground all inForce }} withholdings {{ ground inForce entry {{ index }} }} releases {{ ground entry {{ index }} }} corrections {{ effect event {{ index }} }} keys {{ type index }} }} }}"
        )
    };
    let now = w.ask(&query(""))["transparency"].clone();
    assert_eq!(now["withholdings"].as_array().unwrap().len(), 2);
    assert_eq!(now["releases"][0]["entry"]["index"], w.index("contoh-18-dec"));
    assert_eq!(now["keys"][0]["type"], "KEY_REVOKED");
    let then =
        w.ask(&query(&format!("(knownAt: {})", w.index("contoh-18-dec-withheld"))))["transparency"].clone();
    assert_eq!(then["withholdings"].as_array().unwrap().len(), 1);
    assert_eq!(then["releases"], json!([]));
}

#[test]
fn a_party_has_its_record_across_cases_and_an_invented_one_has_none() {
    let w = world();
    let ask = |label: &str| {
        let query = format!(
            "{{ party(by: {{eventId: \"{}\"}}) {{ state {{ record {{ sentence demands undelivered medianDays recordedBy {{ party {{ name }} demands }} byStatus {{ status demands }} }} }} }} }}",
            id_of(&w, label)
        );
        w.ask(&query)["party"]["state"]["record"].clone()
    };
    assert_eq!(ask("agensi"), Value::Null);
    let socso = ask("socso");
    assert_eq!((socso["demands"].as_u64(), socso["undelivered"].as_u64()), (Some(0), Some(1)));
    assert!(socso["sentence"].as_str().unwrap().contains("on record here"), "{socso}");
}

#[test]
fn a_longer_list_costs_its_own_entries_and_no_more() {
    let (w, metrics) = World::whole().served_with_metrics();
    // 120 statements of one speaker in one case.
    let case = w.story["case-contoh"];
    let (persatuan, desk) = (w.story["persatuan"], story::key_of("desk"));
    for n in 0..120 {
        let words = json!({"text": format!("Kenyataan {n}")});
        let refs = json!({"speaker": persatuan, "reports": [w.story["agensi"]]});
        w.record(say("statement.made", Some(case), refs, statement_facts(), Some(words)).sign(&[&desk]));
    }
    let events = "index type occurred recorded sentence fictional voided attribution signers { key party { name kind } \
        vouchedBy { kind party { name } } } case { title respondent { name } } content { state json }";
    let asked = std::cell::Cell::new(0);
    let list = |n: usize| {
        // Each query has another text, so that no kept answer is used.
        asked.set(asked.get() + 1);
        let query = format!("{{ events(last: {n}) {{ nodes {{ {events} }} }} }} # {}", asked.get());
        reads(&w, metrics, || assert_eq!(w.ask(&query)["events"]["nodes"].as_array().unwrap().len(), n))
    };
    // What the events share is read once: more events cost only their own reads.
    list(100);
    let (fifty, hundred) = (list(50), list(100));
    let each = (hundred - fifty) as f64 / 50.0;
    assert!(each <= 5.0, "{fifty} reads for 50, {hundred} for 100");

    let timeline = |n: usize| {
        let selection =
            format!("timeline(order: RECORDED, first: {n}) {{ nodes {{ event {{ {events} }} }} }}");
        reads(&w, metrics, || drop(case_state(&w, "case-contoh", "", &selection)))
    };
    timeline(100);
    let (fifty, hundred) = (timeline(50), timeline(100));
    let each = hundred.saturating_sub(fifty) as f64 / 50.0;
    assert!(each <= 8.0, "{fifty} reads for 50, {hundred} for 100");
}

/// A worked query of docs/api.md.
fn worked(name: &str) -> String {
    let page = include_str!("../../docs/api.md");
    let fence = format!("```graphql {name}\n");
    page.split(&fence).nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn the_journalist_of_the_page_cites_exact_words_with_their_proof_and_what_changed_since() {
    let w = world();
    let index = w.index("contoh-2-dec");
    let event = w.server().data(&worked("journalist"), json!({"index": index}))["event"].clone();
    assert_eq!(event["url"], format!("http://{}/e/{index}", w.server().address));
    assert_eq!(
        (event["attribution"].as_str(), event["voided"].as_bool()),
        (Some("FIRST_PARTY"), Some(false))
    );
    assert!(event["content"]["json"]["text"].is_string());
    let changed = &event["case"]["state"]["changedStatements"]["nodes"][0];
    assert_eq!(changed["event"]["index"], index);
    assert_eq!(changed["versions"].as_array().unwrap().len(), 2);
    assert_eq!(changed["versions"][0]["text"]["value"], event["content"]["json"]["text"]);
    assert!(event["inclusionProof"]["tlogProof"].as_str().unwrap().starts_with("c2sp.org/tlog-proof"));
}

#[test]
fn the_lawyer_of_the_page_learns_who_says_it_was_delivered() {
    let w = world();
    let variables = json!({"demand": id_of(&w, "contoh-demand"), "asOf": "2024-01-01T00:00:00Z"});
    let demand = w.server().data(&worked("lawyer"), variables)["demand"].clone();
    assert_eq!(demand["delivery"]["best"]["vouchedBy"], "SENDER");
    assert_eq!(demand["delivery"]["attempts"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(demand["clock"]["due"], "2023-12-29");
}

#[test]
fn the_mirror_of_the_page_gets_the_proof_that_its_tree_is_the_beginning_of_this_one() {
    use onrecord::log::{Checkpoint, Hash, verify_consistency};
    let w = world();
    let reader = w.reader().clone();
    let old = reader.checkpoint();
    let (size, root) = (old.checkpoint().size(), old.checkpoint().root());
    let said = say(
        "statement.made",
        Some(w.story["case-contoh"]),
        json!({"speaker": w.story["persatuan"]}),
        statement_facts(),
        Some(json!({"text": "satu lagi"})),
    );
    w.record(said.sign(&[&story::key_of("desk")]));
    let data = w.server().data(&worked("mirror"), json!({"old": size}));
    let key = data["ledger"]["vkey"].as_str().unwrap().parse().unwrap();
    let note = data["checkpoint"]["note"].as_str().unwrap();
    let new = Checkpoint::open(note.as_bytes(), &key).unwrap();
    let path: Vec<Hash> = data["consistencyProof"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| Hash(h.as_str().unwrap().parse::<onrecord::event::Digest>().unwrap().0))
        .collect();
    verify_consistency(size, &root, new.checkpoint().size(), &new.checkpoint().root(), &path).unwrap();
    assert_eq!(data["transparency"]["grounds"].as_array().unwrap().len(), 2);
}

#[test]
fn what_asks_for_too_much_is_refused_with_the_numbers_that_the_server_publishes() {
    let w = world();
    let config = w.ask("{ serviceConfig { maxValues maxAliases maxDepth maxPageSize maxDirectives } }");
    let number = |name: &str| config["serviceConfig"][name].as_u64().unwrap() as usize;
    let aliases = |n: usize| {
        let fields: String = (0..n).map(|i| format!("a{i}: checkpoint {{ size }} ")).collect();
        format!("{{ {fields} }}")
    };
    w.ask(&aliases(number("maxAliases")));
    let (code, message) = refused(&w, &aliases(number("maxAliases") + 1));
    assert_eq!((code.as_str(), message.contains("aliases")), ("TOO_LARGE", true), "{message}");

    // Queries that are made to overload a server hold fragments within fragments of `__typename`.
    let bomb = |levels: usize| {
        let mut query = "{ events(first: 100) { nodes { ...F0 } } }".to_owned();
        for i in 0..levels {
            query.push_str(&format!(" fragment F{i} on Event {{ ...F{} ...F{} }}", i + 1, i + 1));
        }
        query + &format!(" fragment F{levels} on Event {{ __typename }}")
    };
    w.ask(&bomb(3));
    let started = std::time::Instant::now();
    let (code, message) = refused(&w, &bomb(40));
    assert_eq!((code.as_str(), message.contains("values")), ("TOO_LARGE", true), "{message}");
    assert!(message.contains(&number("maxValues").to_string()), "{message}");
    assert!(started.elapsed().as_secs() < 5, "it was unfolded");

    let nested = "{ cases(first: 100) { nodes { events(first: 100) { nodes { index type } } } } }";
    assert_eq!(refused(&w, nested).0, "TOO_LARGE");

    let step = "events(first: 1) { nodes { case { respondent { ";
    let deep = format!("{{ ledger {{ operator {{ {} name {} }} }} }}", step.repeat(6), "} } } } ".repeat(6));
    assert_eq!(refused(&w, &deep).0, "BAD_REQUEST");
    let directives = "@skip(if: false) ".repeat(number("maxDirectives") + 1);
    assert_eq!(refused(&w, &format!("{{ checkpoint {directives} {{ size }} }}")).0, "BAD_REQUEST");

    // A query that does not fit the schema has a code too.
    assert_eq!(refused(&w, "{ nothing }").0, "BAD_REQUEST");
    assert_eq!(refused(&w, "{ event(by: {index: -1}) { index } }").0, "BAD_REQUEST");
}

#[test]
fn an_answer_that_was_given_before_is_not_given_again_when_words_are_withheld_or_the_log_has_grown() {
    let (w, metrics) = World::whole().served_with_metrics();
    let id = id_of(&w, "contoh-6-dec");
    let query = format!(
        "{{ event(by: {{eventId: \"{id}\"}}) {{ content {{ state raw }} case {{ size state(asOf: \"2024-01-01T00:00:00Z\") {{ sentences }} }} }} }}"
    );
    let before = w.ask(&query);
    assert_eq!(before["event"]["content"]["state"], "PRESENT");
    // The kept answer is given without a read.
    assert_eq!(reads(&w, metrics, || assert_eq!(w.ask(&query), before)), 0);
    let instants = "query($as: DateTime) { demand(by: {index: 60}, asOf: $as) { asOf } }";
    let as_of = |v: Value| w.server().data(instants, v)["demand"]["asOf"].clone();
    let demand = w.index("contoh-demand");
    assert_eq!(demand, 60);
    let (first, later) = (as_of(json!({})), {
        std::thread::sleep(std::time::Duration::from_millis(5));
        as_of(json!({}))
    });
    assert_ne!(first, later, "what asks what time it is is asked anew");

    let blobs = json!({"ground": "court_order", "blobs": ["content"]});
    let words = json!({"note": "ordered"});
    let case = w.story["case-contoh"];
    let said = say("content.withheld", Some(case), json!({"entry": id}), blobs, Some(words));
    w.record(said.sign(&[&operator()]));
    let after = w.ask(&query);
    assert_eq!(after["event"]["content"], json!({"state": "WITHHELD", "raw": null}));
    assert_eq!(
        after["event"]["case"]["size"].as_u64().unwrap(),
        before["event"]["case"]["size"].as_u64().unwrap() + 1
    );
}
