//! An answer that was kept is the one that would be given now, whatever was recorded since.

use crate::story;
use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::http::{Server, send};
use crate::support::*;
use crate::world::World;
use onrecord::event::EventId;
use serde_json::{Value, json};

/// The fields of each type: name, type, and whether the field takes arguments. Fields with a required argument are left out.
struct Schema(HashMap<String, Vec<(String, String, bool)>>);

impl Schema {
    fn of(server: &Server) -> Self {
        let query = "{ __schema { types { name fields { name args { type { kind } defaultValue } \
            type { name ofType { name ofType { name ofType { name } } } } } } } }";
        let mut types = HashMap::new();
        for described in server.data(query, json!({}))["__schema"]["types"].as_array().unwrap() {
            let mut fields = Vec::new();
            for field in described["fields"].as_array().into_iter().flatten() {
                let args = field["args"].as_array().unwrap();
                if args.iter().any(|a| a["type"]["kind"] == "NON_NULL" && a["defaultValue"].is_null()) {
                    continue;
                }
                let mut of = &field["type"];
                while of["name"].is_null() {
                    of = &of["ofType"];
                }
                let text = |v: &Value| v.as_str().unwrap().to_owned();
                fields.push((text(&field["name"]), text(&of["name"]), !args.is_empty()));
            }
            types.insert(described["name"].as_str().unwrap().to_owned(), fields);
        }
        Self(types)
    }

    /// A selection of all fields of a type, `levels` levels deep.
    fn all(&self, of: &str, levels: usize) -> String {
        let mut out = String::new();
        for (name, of, takes) in &self.0[of] {
            let argument = match name.as_str() {
                // An answer as of now is made anew each time.
                "state" if *takes => "(asOf: \"2024-01-20T00:00:00Z\")",
                _ if *takes => "(first: 3)",
                _ => "",
            };
            if self.0.get(of).is_none_or(Vec::is_empty) {
                out += &format!("{name}{argument} ");
            } else if levels > 0 {
                out += &format!("{name}{argument} {{ {} }} ", self.all(of, levels - 1));
            }
        }
        // Every type has this one.
        out + "__typename"
    }
}

/// The queries that are asked after each record. Some parties and cases are not on record at first.
fn queries(schema: &Schema, ids: &HashMap<String, EventId>) -> Vec<String> {
    let as_of = "asOf: \"2024-01-20T00:00:00Z\"";
    let mut queries = vec![
        format!("{{ checkpoint {{ {} }} ledger {{ {} }} }}", schema.all("Checkpoint", 0), schema.all("Ledger", 1)),
        format!("{{ transparency {{ {} }} }}", schema.all("Transparency", 1)),
        format!("{{ transparency(knownAt: 30) {{ {} }} }}", schema.all("Transparency", 1)),
        format!("{{ cases(first: 2) {{ {} }} }}", schema.all("CaseConnection", 1)),
        format!("{{ cases(last: 2) {{ {} }} }}", schema.all("CaseConnection", 1)),
        format!("{{ events(first: 4) {{ {} }} }}", schema.all("EventConnection", 1)),
        format!("{{ events(last: 2) {{ {} }} }}", schema.all("EventConnection", 1)),
        "{ events(first: 3, filter: {types: [STATEMENT_MADE]}) { nodes { index voided } pageInfo { hasNextPage } } }".into(),
        "{ events(last: 3, filter: {types: [STATEMENT_MADE, CORRECTION_ISSUED]}) { nodes { index } } }".into(),
        format!("{{ inclusionProof(index: 3) {{ {} }} consistencyProof(old: 2) }}", schema.all("InclusionProof", 0)),
        format!("{{ inclusionProof(index: 3, size: 20) {{ {} }} }}", schema.all("InclusionProof", 0)),
        "{ event(by: {index: 60}) { sentence voided } }".into(),
    ];
    // Events of which only their own values are asked for: these are kept as text, and stand in later answers.
    let own = schema.all("Event", 0);
    queries.push(format!("{{ events(last: 60) {{ nodes {{ {own} }} }} }}"));
    queries.push(format!("{{ events(first: 100) {{ edges {{ node {{ {own} }} }} }} }}"));
    let timeline = format!("timeline(first: 60) {{ nodes {{ after event {{ {own} }} }} }}");
    let mut labels: Vec<&String> = ids.keys().collect();
    labels.sort_unstable();
    for label in labels {
        let id = ids[label];
        let event = "index type sentence attribution voided refs { role ids } content { raw } signers { revoked { index } }";
        queries.push(format!("{{ event(by: {{eventId: \"{id}\"}}) {{ {event} }} }}"));
        // One field a query: another field that changes would hide it.
        queries.push(format!("{{ event(by: {{eventId: \"{id}\"}}) {{ voided }} }}"));
        let since = "since { acts { act event { index } earlier by { name } } mentions { sentence } others }";
        queries.push(format!("{{ event(by: {{eventId: \"{id}\"}}) {{ {since} }} }}"));
        for (field, of, takes) in &schema.0["Party"] {
            if schema.0.get(of).is_none_or(Vec::is_empty) && !takes {
                queries.push(format!("{{ party(by: {{eventId: \"{id}\"}}) {{ {field} }} }}"));
            }
        }
        queries.push(format!(
            "{{ party(by: {{eventId: \"{id}\"}}) {{ keys {{ {} }} }} }}",
            schema.all("PartyKey", 1)
        ));
        if label.starts_with("case") {
            let (state, more) = (schema.all("CaseState", 2), schema.all("Case", 1));
            // At an earlier size too, later acts are counted.
            queries.push(format!(
                "{{ case(by: {{eventId: \"{id}\"}}) {{ state({as_of}, knownAt: 45) {{ timeline(first: 60) {{ nodes {{ \
                 event {{ index since {{ later }} }} }} }} }} }} }}"
            ));
            for instants in [as_of.to_owned(), format!("{as_of}, knownAt: 50")] {
                queries.push(format!(
                    "{{ case(by: {{eventId: \"{id}\"}}) {{ state({instants}) {{ {state} }} }} }}"
                ));
            }
            queries.push(format!("{{ case(by: {{eventId: \"{id}\"}}) {{ {more} }} }}"));
            let case = format!("case(by: {{eventId: \"{id}\"}})");
            // As of now too, since these values are the same at any time.
            for instants in [format!("({as_of})"), format!("({as_of}, knownAt: 50)"), String::new()] {
                queries.push(format!("{{ {case} {{ state{instants} {{ {timeline} }} }} }}"));
            }
            // The same fragment at two sizes.
            queries.push(format!(
                "{{ a: {case} {{ state({as_of}, knownAt: 50) {{ ...T }} }} b: {case} {{ state({as_of}) {{ ...T }} }} }} \
                 fragment T on CaseState {{ {timeline} }}"
            ));
            // The same field asked for twice.
            queries.push(format!(
                "{{ {case} {{ state({as_of}) {{ timeline {{ nodes {{ event {{ index }} }} }} }} \
                 state({as_of}) {{ timeline {{ nodes {{ event {{ {own} }} }} }} }} }} }}"
            ));
        }
        let asked = format!("by: {{eventId: \"{id}\"}}, {as_of}");
        queries.push(format!("{{ demand({asked}) {{ {} }} }}", schema.all("DemandState", 1)));
        queries.push(format!("{{ party(by: {{eventId: \"{id}\"}}) {{ {} }} }}", schema.all("Party", 1)));
    }
    queries
}

/// After how many records a query is asked again.
const EVERY: usize = 7;

#[test]
fn what_was_answered_before_is_what_is_answered_anew() {
    let ids = World::whole().story;
    let World { tmp: _tmp, ledger, .. } = World::empty();
    let mut server = Server::start(ledger.clone());
    let schema = Schema::of(&server);
    let mut queries = queries(&schema, &ids);
    let mut number = 0;
    // A comment makes it a query that was never asked, so the answer is made anew.
    let mut anew = |query: &str| {
        number += 1;
        server.graphql(&format!("{query} # {number}"), json!({}))
    };
    // Queries that are too large are left out. One for what is not on record yet may be refused.
    queries.retain(|query| {
        let answer = anew(query);
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned();
        assert!(matches!(&*code, "" | "BAD_INPUT" | "TOO_LARGE"), "{query}: {answer}");
        code != "TOO_LARGE"
    });
    let mut step = 0;
    let told = story::tell_step_by_step(&ledger, |label| {
        step += 1;
        // Each query is asked again some records later, so a change in between would show.
        for query in queries.iter().skip(step % EVERY).step_by(EVERY) {
            let (before, now) = (server.graphql(query, json!({})), anew(query));
            assert_eq!(before, now, "after {label}: {query}");
        }
    });
    assert_eq!(told, ids, "what was asked about is what was told");
    server.stop();
}

#[test]
fn an_answer_is_given_again_though_others_are_recorded() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let other = say(
        "case.opened",
        None,
        json!({"respondent": story.agency}),
        json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"}),
        Some(json!({"title": "lain"})),
    )
    .sign(&[&desk()]);
    let (case, _) = record(&ledger, other);
    let elsewhere = Story { case, ..story };
    let (server, metrics) = Server::start_with_metrics(ledger.clone());
    let again = || {
        let scrape = send(metrics, "GET", "/metrics", &[], b"").text();
        let line = scrape.lines().find_map(|l| l.strip_prefix("onrecord_graphql_answers_again_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let query = format!(
        "{{ case(by: {{eventId: \"{}\"}}) {{ title state(asOf: \"2024-01-20T00:00:00Z\") {{ sentences \
         timeline(first: 50) {{ nodes {{ event {{ index sentence attribution voided }} }} }} }} }} }}",
        story.case
    );
    let ask = || server.data(&query, json!({}));
    let first = ask();
    let before = again();
    for i in 0..5 {
        record(&ledger, statement(&elsewhere, &format!("lain {i}")));
        assert_eq!(ask(), first);
    }
    assert_eq!(again() - before, 5, "none of them was made again");
    let (_, index) = record(&ledger, statement(&story, "di sini"));
    let nodes = ask()["case"]["state"]["timeline"]["nodes"].clone();
    assert!(nodes.as_array().unwrap().iter().any(|n| n["event"]["index"] == index), "{nodes}");
    assert_eq!(again() - before, 5);
}

#[test]
fn who_waits_for_anothers_answer_is_told_all_that_was_recorded_before_he_asked() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let server = Server::start(ledger.clone());
    // All ask this query. It takes a while, and each record changes its answer.
    let query = "{ events(last: 100) { nodes { index sentence rawEntry content { raw } } } }";
    let last = || {
        let answer = server.graphql(query, json!({}));
        answer["data"]["events"]["nodes"].as_array().unwrap().last().unwrap()["index"].as_u64().unwrap()
    };
    let (recorded, done) = (AtomicU64::new(last()), AtomicBool::new(false));
    let asked = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let before = recorded.load(Ordering::Acquire);
                    let told = last();
                    asked.fetch_add(1, Ordering::Relaxed);
                    assert!(told >= before, "entry {before} was recorded before, and it tells of {told}");
                }
            });
        }
        for n in 0..60 {
            let (_, index) = record(&ledger, statement(&story, &format!("kata {n}")));
            // What is acknowledged is published a moment later; readers see it then.
            assert!(ledger.wait_published(std::time::Duration::from_secs(10)));
            recorded.store(index, Ordering::Release);
            assert!(last() >= index);
        }
        done.store(true, Ordering::Release);
    });
    assert!(asked.load(Ordering::Relaxed) > 60);
}

#[test]
fn what_was_allowed_with_some_variables_is_not_with_others() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let server = Server::start(ledger.clone());
    // `last` may be left out, but not where the query gives it by a required variable.
    let query = "query($n: Int!) { events(last: $n) { nodes { index sentence } } }";
    for round in 0..4 {
        let answer = server.data(query, json!({"n": 2}));
        let last = answer["events"]["nodes"][1]["index"].as_u64().unwrap();
        assert_eq!(last + 1, ledger.reader().checkpoint().checkpoint().size());
        for variables in [json!({}), json!({"n": null}), json!({"n": "2"}), json!({"m": 2})] {
            let refused = server.graphql(query, variables.clone());
            assert!(refused["data"].is_null() && !refused["errors"].is_null(), "{variables}: {refused}");
        }
        record(&ledger, statement(&story, &format!("kata {round}")));
        assert!(ledger.wait_published(std::time::Duration::from_secs(10)));
    }
}
