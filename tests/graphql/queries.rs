//! The GraphQL API, over HTTP as callers reach it.

use crate::support::*;
use crate::world::World;
use onrecord::{
    event::Digest,
    ledger::Submission,
    log::{Checkpoint, Hash, TlogProof, leaf_hash, root, verify_consistency, verify_inclusion},
    note::base64_decode,
};
use serde_json::{Value, json};

const RECORD: &str = "mutation Record($input: RecordInput!) { record(input: $input) {
    results { receipt { index eventId rawEntry hash proof already checkpoint { size note } }
              userErrors { code place message } }
    userErrors { code place message } } }";

fn input(submission: &Submission) -> Value {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    let mut input = json!({"note": text(&submission.note)});
    if let Some(content) = &submission.content {
        input["content"] = text(content).into();
    }
    if let Some(restored) = &submission.restored {
        input["restored"] = text(restored).into();
    }
    input
}

fn submit(w: &World<Story>, submissions: &[Value], atomic: bool) -> Value {
    let variables = json!({"input": {"submissions": submissions, "atomic": atomic}});
    w.server().data(RECORD, variables)["record"].clone()
}

fn codes(payload: &Value) -> Vec<&str> {
    let results = payload["results"].as_array().unwrap();
    results.iter().map(|r| r["userErrors"][0]["code"].as_str().unwrap_or("OK")).collect()
}

fn hash(value: &Value) -> Hash {
    Hash(value.as_str().unwrap().parse::<Digest>().unwrap().0)
}

#[test]
fn an_event_is_recorded_once_and_its_receipt_proves_it() {
    let w = World::small().served();
    let (id, submission) = w.statement("satu");
    let first = submit(&w, &[input(&submission)], false);
    assert_eq!(first["userErrors"], json!([]));
    let receipt = &first["results"][0]["receipt"];
    assert_eq!((receipt["index"].as_u64(), receipt["already"].as_bool()), (Some(5), Some(false)));
    assert_eq!(receipt["eventId"], json!(id));
    let entry = receipt["rawEntry"].as_str().unwrap();
    assert_eq!(receipt["hash"], json!(Digest::blake3(entry.as_bytes())));
    let key = w.reader().log_key().clone();
    let proof = TlogProof::parse(receipt["proof"].as_str().unwrap().as_bytes()).unwrap();
    proof.verify(entry.as_bytes(), &key).unwrap();
    let note = receipt["checkpoint"]["note"].as_str().unwrap();
    assert_eq!(Checkpoint::open(note.as_bytes(), &key).unwrap().checkpoint().size(), 6);

    let again = submit(&w, &[input(&submission)], false);
    let receipt = &again["results"][0]["receipt"];
    assert_eq!((receipt["index"].as_u64(), receipt["already"].as_bool()), (Some(5), Some(true)));
}

#[test]
fn submissions_are_answered_one_by_one_with_codes() {
    let w = World::small().served();
    let good = input(&w.statement("baik").1);
    let mut words = input(&w.statement("lain").1);
    words["content"] = "{}".into();
    let mut missing = input(&w.statement("tiada").1);
    missing.as_object_mut().unwrap().remove("content");
    let mut forged = input(&w.statement("palsu").1);
    forged["note"] = forged["note"].as_str().unwrap().replace("2023-12-15", "2023-12-16").into();
    let stranger = say(
        "statement.made",
        Some(w.story.case),
        json!({"speaker": w.story.agency}),
        statement_facts(),
        Some(json!({"text": "x"})),
    );
    let stranger = input(&stranger.sign(&[&key("stranger.example/x", 77)]).1);
    let list = [good, words, missing, forged, stranger, json!({"note": "no note"})];
    let payload = submit(&w, &list, false);
    let expected = ["OK", "CONTENT_DIGEST", "CONTENT_MISSING", "BAD_SIGNATURE", "KEY_UNKNOWN"];
    assert_eq!(codes(&payload)[..5], expected);
    assert!(payload["results"][5]["receipt"].is_null());
    let error = &payload["results"][3]["userErrors"][0];
    assert_eq!(error["place"], "signature line 1");
    assert!(error["message"].as_str().unwrap().starts_with("expected "));
}

#[test]
fn atomic_records_all_or_none() {
    let w = World::small().served();
    let (good, mut bad) = (input(&w.statement("a").1), input(&w.statement("b").1));
    let whole = bad.clone();
    bad["content"] = "{}".into();
    let payload = submit(&w, &[good.clone(), bad], true);
    assert!(payload["results"].as_array().unwrap().iter().all(|r| r["receipt"].is_null()));
    assert!(!codes(&payload).contains(&"OK"));
    assert_eq!(w.ask("{checkpoint{size}}")["checkpoint"]["size"], 5);
    let payload = submit(&w, &[good, whole], true);
    assert_eq!(codes(&payload), ["OK", "OK"]);
}

#[test]
fn a_call_of_more_than_256_submissions_is_refused_whole() {
    let w = World::small().served();
    let list = vec![json!({"note": "x"}); 257];
    let payload = submit(&w, &list, false);
    assert_eq!((&payload["results"], &payload["userErrors"][0]["code"]), (&json!([]), &json!("TOO_LARGE")));
    let list: Vec<Value> = (0..256).map(|i| input(&w.statement(&format!("n {i}")).1)).collect();
    let payload = submit(&w, &list, false);
    assert_eq!(codes(&payload), vec!["OK"; 256]);
}

#[test]
fn words_withheld_are_given_back_by_a_release() {
    let w = World::small().served();
    let (id, submission) = w.statement("ditarik");
    submit(&w, &[input(&submission)], false);
    let act = |kind: &str, ground: &str| {
        let facts = json!({"ground": ground, "blobs": ["content"]});
        say(kind, Some(w.story.case), json!({"entry": id}), facts, None).sign(&[&operator()]).1
    };
    assert_eq!(codes(&submit(&w, &[input(&act("content.withheld", "court_order"))], false)), ["OK"]);
    let query = "query($id: Hash!) { event(by: {eventId: $id}) { sentence content { state raw rawBase64 json withheldBy size } } }";
    let event = w.server().data(query, json!({"id": id}))["event"].clone();
    assert_eq!(
        (&event["content"]["state"], &event["content"]["withheldBy"]),
        (&json!("WITHHELD"), &json!(6))
    );
    assert!(event["content"]["raw"].is_null() && event["content"]["json"].is_null());
    assert!(event["sentence"].as_str().unwrap().contains("(words withheld)"));
    // Submitting the event again does not bring its words back.
    assert_eq!(codes(&submit(&w, &[input(&submission)], false)), ["OK"]);
    assert_eq!(w.server().data(query, json!({"id": id}))["event"]["content"]["state"], "WITHHELD");

    let release =
        Submission { restored: submission.content.clone(), ..act("content.released", "order_lifted") };
    assert_eq!(codes(&submit(&w, &[input(&release)], false)), ["OK"]);
    let content = w.server().data(query, json!({"id": id}))["event"]["content"].clone();
    assert_eq!(content["state"], "PRESENT");
    assert_eq!(content["raw"].as_str().unwrap().as_bytes(), submission.content.as_deref().unwrap());
    assert_eq!(base64_decode(content["rawBase64"].as_str().unwrap()), submission.content);
    assert_eq!(content["json"]["text"], "ditarik");
}

#[test]
fn an_event_is_found_by_id_or_index_and_tells_all_it_takes_to_check_it() {
    let w = World::small().served();
    let (_, index) = w.say("kenyataan");
    let query = "query($by: EventLocator!) { event(by: $by) {
        id eventId index type occurred published recorded thread threadNumber attribution facts fictional voided
        sentence note rawEntry hash case { id eventId title } refs { role ids }
        signers { key number party { id name kind } vouchedBy { kind index party { name } } revoked { index } }
        content { blake3 size state raw } inclusionProof { index size leaf path tlogProof } } }";
    let event = w.server().data(query, json!({"by": {"index": index}}))["event"].clone();
    let same = w.server().data(query, json!({"by": {"id": event["id"]}}))["event"].clone();
    assert_eq!(event, same);

    let reader = w.reader();
    let entry = event["rawEntry"].as_str().unwrap();
    assert_eq!(entry.as_bytes(), &*reader.entry(index).unwrap().unwrap());
    assert!(entry.ends_with(event["note"].as_str().unwrap()));
    assert_eq!(event["hash"], json!(Digest::blake3(entry.as_bytes())));
    assert_eq!(
        event["content"]["blake3"],
        json!(Digest::blake3(event["content"]["raw"].as_str().unwrap().as_bytes()))
    );
    let proof = &event["inclusionProof"];
    TlogProof::parse(proof["tlogProof"].as_str().unwrap().as_bytes())
        .unwrap()
        .verify(entry.as_bytes(), reader.log_key())
        .unwrap();
    let path: Vec<Hash> = proof["path"].as_array().unwrap().iter().map(hash).collect();
    let top = reader.checkpoint().checkpoint().root();
    verify_inclusion(&hash(&proof["leaf"]), index, proof["size"].as_u64().unwrap(), &top, &path).unwrap();

    assert_eq!(event["type"], "STATEMENT_MADE");
    assert_eq!((&event["occurred"], &event["attribution"]), (&json!("2023-12-15"), &json!("RECORDED")));
    assert_eq!((&event["thread"], &event["threadNumber"]), (&json!(w.story.case), &json!(1)));
    assert_eq!(event["facts"], json!({"standing": "official", "language": "ms"}));
    assert_eq!(event["refs"], json!([{"role": "speaker", "ids": [w.story.agency]}]));
    assert_eq!(event["sentence"], "Agensi said: “kenyataan”.");
    let signer = &event["signers"][0];
    assert_eq!((&signer["party"]["name"], &signer["party"]["kind"]), (&json!("Meja"), &json!("PUBLISHER")));
    assert_eq!(
        signer["vouchedBy"],
        json!({"kind": "OPERATOR", "index": 1, "party": {"name": "A test ledger"}})
    );

    assert!(w.server().data(query, json!({"by": {"index": index + 1}}))["event"].is_null());
    for bad in [
        json!({}),
        json!({"index": 1, "id": event["id"]}),
        json!({"index": -1}),
        json!({"id": "00"}),
        json!({"eventId": "00"}),
        json!({"index": 9007199254740992u64}),
    ] {
        assert!(w.server().graphql(query, json!({"by": bad}))["errors"].is_array(), "{bad}");
    }
}

#[test]
fn events_are_paged_forward_and_backward_and_filtered() {
    let w = World::small().served();
    for i in 0..25 {
        w.say(&format!("n {i}"));
    }
    let query = "query($first: Int, $last: Int, $after: String, $before: String, $filter: EventFilter) {
        events(first: $first, last: $last, after: $after, before: $before, filter: $filter) {
            edges { cursor node { index } } nodes { index }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let page = |variables: Value| {
        let events = w.server().data(query, variables)["events"].clone();
        let nodes: Vec<u64> =
            events["nodes"].as_array().unwrap().iter().map(|n| n["index"].as_u64().unwrap()).collect();
        let edges: Vec<u64> = events["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["node"]["index"].as_u64().unwrap())
            .collect();
        assert_eq!(nodes, edges);
        (nodes, events["pageInfo"].clone())
    };
    let mut walked = Vec::new();
    let mut after = Value::Null;
    loop {
        let (nodes, info) = page(json!({"first": 7, "after": after}));
        assert_eq!(info["hasPreviousPage"], json!(!after.is_null()));
        walked.extend(nodes);
        after = info["endCursor"].clone();
        if info["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(walked, (0..30).collect::<Vec<u64>>());
    let (nodes, info) = page(json!({"last": 3}));
    assert_eq!(
        (nodes, &info["hasPreviousPage"], &info["hasNextPage"]),
        (vec![27, 28, 29], &json!(true), &json!(false))
    );
    let (nodes, _) = page(json!({"last": 2, "before": info["startCursor"]}));
    assert_eq!(nodes, [25, 26]);
    assert_eq!(page(json!({})).0.len(), 20);

    let types = |t: &str| json!({"last": 100, "filter": {"types": [t]}});
    assert_eq!(page(types("PARTY_REGISTERED")).0, [1, 3]);
    assert_eq!(page(types("CASE_OPENED")).0, [4]);
    assert_eq!(page(json!({"first": 2, "filter": {"case": w.story.case}})).0, [4, 5]);
    let named = page(
        json!({"first": 100, "filter": {"party": w.story.agency, "types": ["CASE_OPENED", "PARTY_REGISTERED"]}}),
    );
    assert_eq!(named.0, [3, 4]);
    let time = |index: u64| w.reader().parsed(index).unwrap().unwrap().header().time.to_string();
    let (since, _) = page(json!({"first": 100, "filter": {"recordedSince": time(20)}}));
    assert!(since.contains(&20) && since.ends_with(&[29]));
    let (until, _) = page(json!({"first": 100, "filter": {"recordedUntil": time(20)}}));
    assert!(!until.contains(&20) && until.starts_with(&[0]));

    for (bad, message) in [
        (json!({"first": 101}), "first: expected 0 to 100"),
        (json!({"first": 1, "last": 1}), "first, last: only one of them may be given"),
        (json!({"after": "nonsense"}), "after: not a cursor of this list"),
    ] {
        let answer = w.server().graphql(query, bad);
        assert_eq!(answer["errors"][0]["message"], message);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT");
    }
}

#[test]
fn cases_and_parties_say_what_they_are() {
    let w = World::small().served();
    w.say("satu");
    let data = w.server().data(
        "query($case: Hash!, $desk: Hash!) {
            cases(last: 5) { nodes { eventId title } pageInfo { hasNextPage } }
            case(by: {eventId: $case}) { index title summary jurisdiction timezone fictional size lastRecorded
                respondent { name } events(last: 1) { nodes { index } } }
            party(by: {eventId: $desk}) { name kind operator registrar recorder fictional
                keys { vkey vouchedBy { kind } revoked { index } } events(first: 1) { nodes { index } } }
            ledger { origin vkey operator { name operator kind } }
            none: party(by: {eventId: $case}) { name } }",
        json!({"case": w.story.case, "desk": w.story.desk}),
    );
    assert_eq!(data["cases"]["nodes"], json!([{"eventId": w.story.case, "title": "Kejadian"}]));
    let case = &data["case"];
    assert_eq!(
        (&case["size"], &case["jurisdiction"], &case["respondent"]["name"]),
        (&json!(2), &json!("MY"), &json!("Agensi"))
    );
    assert_eq!(
        (&case["timezone"], &case["events"]["nodes"][0]["index"]),
        (&json!("Asia/Kuala_Lumpur"), &json!(5))
    );
    let party = &data["party"];
    assert_eq!(
        (&party["name"], &party["recorder"], &party["operator"]),
        (&json!("Meja"), &json!(true), &json!(false))
    );
    assert_eq!(party["keys"][0]["vkey"], desk().verifying_key().to_string());
    assert_eq!(data["ledger"]["vkey"], w.reader().log_key().to_string());
    assert_eq!(data["ledger"]["operator"], json!({"name": "A test ledger", "operator": true, "kind": null}));
    assert!(data["none"].is_null());
}

#[test]
fn proofs_of_any_size_verify() {
    let w = World::small().served();
    for i in 0..20 {
        w.say(&format!("n {i}"));
    }
    let reader = w.reader();
    let tree: onrecord::log::MemoryTree =
        (0..25).map(|i| leaf_hash(&reader.entry(i).unwrap().unwrap())).collect();
    let at = |n| root(n, &tree).unwrap();
    let inclusion =
        "query($i: Index!, $n: Index) { inclusionProof(index: $i, size: $n) { leaf path size tlogProof } }";
    for (index, size) in [(0, 1), (3, 7), (24, 25), (16, 17), (5, 24)] {
        let proof = w.server().data(inclusion, json!({"i": index, "n": size}))["inclusionProof"].clone();
        let path: Vec<Hash> = proof["path"].as_array().unwrap().iter().map(hash).collect();
        verify_inclusion(&hash(&proof["leaf"]), index, size, &at(size), &path).unwrap();
        assert_eq!(proof["tlogProof"].is_string(), size == 25);
    }
    for (index, size) in [(5, 5), (0, 26), (30, 25)] {
        assert!(w.server().data(inclusion, json!({"i": index, "n": size}))["inclusionProof"].is_null());
    }
    assert_eq!(w.server().data(inclusion, json!({"i": 2}))["inclusionProof"]["size"], 25);
    let consistency = "query($o: Index!, $n: Index) { consistencyProof(old: $o, new: $n) }";
    for (old, new) in [(1, 25), (7, 20), (16, 17), (25, 25), (0, 9)] {
        let proof = w.server().data(consistency, json!({"o": old, "n": new}))["consistencyProof"].clone();
        let path: Vec<Hash> = proof.as_array().unwrap().iter().map(hash).collect();
        verify_consistency(old, &at(old), new, &at(new), &path).unwrap();
    }
    let answer = w.server().graphql(consistency, json!({"o": 9, "n": 8}));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT");
}

const POST: (&str, &str) = ("Content-Type", "application/json");
const NEW: (&str, &str) = ("Accept", "application/graphql-response+json");

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[test]
fn a_mutation_is_never_run_by_get_named_or_not() {
    let w = World::small().served();
    let submission = w.statement("lewat GET").1;
    let variables = json!({"input": {"submissions": [input(&submission)]}}).to_string();
    let anonymous = RECORD.replace("mutation Record", "mutation");
    let both = format!("query Q {{ checkpoint {{ size }} }} {RECORD}");
    for (query, name) in [
        (RECORD, None),
        (RECORD, Some("Record")),
        (anonymous.as_str(), None),
        (both.as_str(), Some("Record")),
    ] {
        let mut path = format!("/graphql?query={}&variables={}", encoded(query), encoded(&variables));
        if let Some(name) = name {
            path.push_str(&format!("&operationName={name}"));
        }
        for accept in [vec![], vec![NEW]] {
            let reply = w.server().send("GET", &path, &accept, b"");
            assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{}", reply.text());
        }
    }
    let path = format!("/graphql?query={}&operationName=Q", encoded(&both));
    let reply = w.server().get(&path);
    assert_eq!((reply.status, reply.json()), (200, json!({"data": {"checkpoint": {"size": 5}}})));
    assert_eq!(w.size(), 5);
}

#[test]
fn requests_follow_graphql_over_http() {
    let w = World::small().served();
    let s = w.server();
    let query = br#"{"query":"{checkpoint{size}}"}"#;
    let reply = s.send("POST", "/graphql", &[POST], query);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json; charset=utf-8")));
    let reply = s.send("POST", "/graphql", &[POST, NEW], query);
    assert_eq!(reply.header("content-type"), Some("application/graphql-response+json; charset=utf-8"));
    let reply = s.send("POST", "/graphql", &[("Content-Type", "application/json; charset=utf-8")], query);
    assert_eq!(reply.status, 200);
    assert_eq!(s.get(&format!("/graphql?query={}", encoded("{checkpoint{size}}"))).status, 200);

    for headers in [
        vec![],
        vec![("Content-Type", "text/plain")],
        vec![("Content-Type", "application/json; charset=utf-16")],
    ] {
        assert_eq!(s.send("POST", "/graphql", &headers, query).status, 415, "{headers:?}");
    }
    for malformed in [
        &b""[..],
        b"{",
        b"[]",
        b"7",
        br#"[{"query":"{checkpoint{size}}"}]"#,
        b"{}",
        br#"{"query":7}"#,
        br#"{"query":"{checkpoint{size}}","variables":[1]}"#,
        br#"{"query":"{checkpoint{size}}","variables":"x"}"#,
        br#"{"query":"{checkpoint{size}}","operationName":7}"#,
        br#"{"query":"{checkpoint{size}}","extensions":[]}"#,
    ] {
        for headers in [vec![POST], vec![POST, NEW]] {
            let reply = s.send("POST", "/graphql", &headers, malformed);
            assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(malformed));
            assert!(reply.json().get("data").is_none());
        }
    }
    let nulls = br#"{"query":"{checkpoint{size}}","variables":null,"operationName":null,"extensions":null}"#;
    assert_eq!(s.send("POST", "/graphql", &[POST], nulls).status, 200);
    // A request that parses but can't be run: 400 to clients that accept the new media type, else 200.
    for body in [
        br#"{"query":"{"}"#.to_vec(),
        br#"{"query":"{nothing}"}"#.to_vec(),
        br#"{"query":"query($i: Index!){inclusionProof(index:$i){size}}","variables":{"i":"x"}}"#.to_vec(),
        br#"{"query":"query A{checkpoint{size}} query B{checkpoint{size}}"}"#.to_vec(),
    ] {
        let (new, old) =
            (s.send("POST", "/graphql", &[POST, NEW], &body), s.send("POST", "/graphql", &[POST], &body));
        assert_eq!((new.status, old.status), (400, 200), "{}", String::from_utf8_lossy(&body));
        assert!(new.json().get("data").is_none() && new.json()["errors"][0]["message"].is_string());
    }
    let page = s.send("GET", "/graphql", &[("Accept", "text/html")], b"");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(!page.text().contains("<script"));
    assert_eq!(s.get("/graphql").status, 400);
}

#[test]
fn queries_have_limits_and_introspection_fits_in_them() {
    let w = World::small().served();
    let mut deep = "{ cases(first: 1) { nodes { respondent { events(first: 1) { nodes ".to_owned();
    for _ in 0..8 {
        deep.push_str("{ case { respondent { events(first: 1) { nodes ");
    }
    deep.push_str("{ index }");
    deep.push_str(&"}".repeat(deep.matches('{').count() - 1));
    assert!(w.server().graphql(&deep, json!({}))["errors"].is_array());
    let wide = "{ events(first: 100) { nodes { case { events(first: 100) { nodes { signers { key number } } } } } } }";
    assert!(w.server().graphql(wide, json!({}))["errors"].is_array());
    let usual = "{ events(first: 100) { nodes { id index type occurred recorded sentence hash signers { key party { name } } } } }";
    w.ask(usual);
    let introspection = "{ __schema { queryType { name } mutationType { name } types { kind name description
        fields(includeDeprecated: true) { name description args { name type { ...T } } type { ...T } }
        inputFields { name type { ...T } } enumValues { name } possibleTypes { ...T } } } }
        fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
    let schema = w.ask(introspection);
    assert_eq!(schema["__schema"]["queryType"]["name"], "Query");
    let long = format!("{{\"query\":\"{}\"}}", " ".repeat(25 << 20));
    assert_eq!(w.server().send("POST", "/graphql", &[POST], long.as_bytes()).status, 413);
}
