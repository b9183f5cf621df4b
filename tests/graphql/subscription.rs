//! GraphQL over a WebSocket: as clients speak it, and as none should.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::program::Program;
use crate::socket::Socket;
use crate::support::*;
use crate::world::{Folder, World};
use onrecord::{event::EventId, ledger::Ledger};
use serde_json::{Value, json};
use tungstenite::{
    Message,
    protocol::frame::Frame,
    protocol::frame::coding::{Data, OpCode},
};

const EVENTS: &str = "subscription($after: Index) { events(after: $after) { index eventId } }";

/// A ledger with the small story, five entries, served.
fn world() -> World<Story> {
    World::small().served()
}

/// The ids on record, in order.
fn ids(ledger: &Ledger) -> Vec<EventId> {
    let reader = ledger.reader();
    let size = reader.checkpoint().checkpoint().size();
    (0..size).map(|i| reader.parsed(i).unwrap().unwrap().event().id()).collect()
}

fn opened(w: &World<Story>) -> Socket {
    Socket::open(w.server().address)
}

/// A socket that has not begun the protocol yet.
fn unopened(w: &World<Story>) -> Socket {
    Socket::connect(w.server().address, Some("graphql-transport-ws"))
}

/// The id and index of an event in a result.
fn came(payload: &Value) -> (EventId, u64) {
    let event = &payload["data"]["events"];
    (event["eventId"].as_str().unwrap().parse().unwrap(), event["index"].as_u64().unwrap())
}

#[test]
fn events_come_from_the_record_and_then_as_they_are_recorded() {
    let w = world();
    let mut all = opened(&w);
    all.subscribe("all", EVENTS, &json!({}));
    let mut later = opened(&w);
    later.subscribe("later", EVENTS, &json!({"after": 4}));
    let first = w.say("satu");
    let second = w.say("dua");
    let ids = ids(&w.ledger);
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(came(&all.next("all")), (*id, index as u64));
    }
    assert_eq!((came(&later.next("later")), came(&later.next("later"))), (first, second));
    // All seven entries have come: the eighth arrives alone.
    let third = w.say("tiga");
    assert_eq!((came(&all.next("all")), came(&later.next("later"))), (third, third));
}

#[test]
fn under_load_every_event_comes_once_and_in_order() {
    const WRITERS: usize = 4;
    const CALLS: usize = 60;
    const SIZE: usize = 5 + WRITERS * (CALLS / 5) * 15;
    let w = world();
    let write = &|writer| {
        for call in 0..CALLS {
            let text = |i| format!("{writer} {call} {i}");
            let batch = (0..1 + call % 5).map(|i| statement(&w.story, &text(i)).1).collect();
            for answer in w.ledger.record_blocking(batch, false) {
                answer.unwrap();
            }
        }
    };
    // Each reader breaks off at moments of its own and goes on after the last event it saw.
    let read = &|reader: usize| {
        let mut seen: Vec<EventId> = Vec::new();
        while seen.len() < SIZE {
            let mut socket = opened(&w);
            let after = (seen.len() as u64).checked_sub(1);
            socket.subscribe("1", EVENTS, &json!({"after": after}));
            for _ in 0..(50 + 97 * reader).min(SIZE - seen.len()) {
                let (id, index) = came(&socket.next("1"));
                assert_eq!(index, seen.len() as u64);
                seen.push(id);
            }
        }
        seen
    };
    let seen: Vec<Vec<EventId>> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..6).map(|reader| scope.spawn(move || read(reader))).collect();
        for writer in 0..WRITERS {
            scope.spawn(move || write(writer));
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let ids = ids(&w.ledger);
    assert_eq!(ids.len(), SIZE);
    assert!(seen.iter().all(|seen| *seen == ids));
}

#[test]
fn every_wrong_turn_has_its_code() {
    let w = world();
    let init = json!({"type": "connection_init"});
    let subscribe = json!({"type": "subscribe", "id": "a", "payload": {"query": EVENTS}});

    for protocols in [None, Some("graphql-ws"), Some("soap, wamp")] {
        // A client library may itself give up without the sub-protocol it asked for. So this head is written by hand.
        let mut stream = TcpStream::connect(w.server().address).unwrap();
        let offer = protocols.map_or(String::new(), |p| format!("Sec-WebSocket-Protocol: {p}\r\n"));
        write!(
            stream,
            "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{offer}\r\n"
        )
        .unwrap();
        let head = head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
        let socket =
            tungstenite::WebSocket::from_raw_socket(stream, tungstenite::protocol::Role::Client, None);
        assert_eq!(Socket(socket).closed(), (4406, "Subprotocol not acceptable".into()));
    }

    let socket = unopened(&w);
    assert_eq!(socket.closed(), (4408, "Connection initialisation timeout".into()));

    let mut socket = unopened(&w);
    socket.send(&subscribe);
    assert_eq!(socket.closed(), (4401, "Unauthorized".into()));

    let mut socket = opened(&w);
    socket.send(&init);
    assert_eq!(socket.closed(), (4429, "Too many initialisation requests".into()));

    let mut socket = opened(&w);
    socket.send(&subscribe);
    socket.send(&subscribe);
    assert_eq!(socket.closed(), (4409, "Subscriber for a already exists".into()));
    // A close reason has 123 bytes at most. An id may be longer, and have characters of two bytes.
    let mut socket = opened(&w);
    let long = "ü".repeat(128);
    for _ in 0..2 {
        socket.subscribe(&long, EVENTS, &Value::Null);
    }
    assert_eq!(socket.closed().0, 4409);

    for text in ["", "{", "[]", r#"{"type":"start"}"#, r#"{"type":"next","id":"1","payload":{}}"#] {
        for mut socket in [opened(&w), unopened(&w)] {
            socket.0.send(Message::text(text)).unwrap();
            let (code, reason) = socket.closed();
            assert!(code == 4400 && reason.starts_with("Invalid message received: "), "{code} {reason}");
        }
    }
    let mut socket = unopened(&w);
    socket.0.send(Message::binary(init.to_string())).unwrap();
    assert_eq!(socket.closed().0, 4400);
}

#[test]
fn the_example_of_the_documentation_is_what_passes() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap();
    let shown = text.split("```graphql-transport-ws\n").nth(1).unwrap().split("```").next().unwrap();
    let w = world();
    let mut socket = unopened(&w);
    let mut came = 0;
    for line in shown.lines() {
        let message: Value = serde_json::from_str(&line[1..]).unwrap();
        if line.starts_with('>') {
            socket.send(&message);
            continue;
        }
        if came == 2 {
            w.say("Tiada data bocor");
        }
        assert_eq!(socket.message(), message);
        came += 1;
    }
    assert_eq!(came, 3);
}

/// The head of an answer, and not a byte more.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn pings_are_answered_before_and_after_the_acknowledgement() {
    let w = world();
    for mut socket in [unopened(&w), opened(&w)] {
        socket.send(&json!({"type": "ping"}));
        assert_eq!(socket.message(), json!({"type": "pong"}));
        socket.send(&json!({"type": "ping", "payload": {"n": 1}}));
        assert_eq!(socket.message(), json!({"type": "pong", "payload": {"n": 1}}));
        socket.send(&json!({"type": "pong"}));
        socket.send(&json!({"type": "complete", "id": "never heard of"}));
        socket.0.send(Message::Ping("x".into())).unwrap();
        assert_eq!(socket.0.read().unwrap(), Message::Pong("x".into()));
    }
}

/// Sends a Close as bytes, and gives all bytes that come until the server ends the connection.
fn closing(mut socket: Socket, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x88, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    let stream = socket.0.get_mut();
    stream.write_all(&frame).unwrap();
    let began = Instant::now();
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    came
}

/// RFC 6455, section 5.5.1.
#[test]
fn a_close_is_answered_with_its_code_whatever_it_is() {
    let w = world();
    let of = |code: u16, reason: &str| [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    let (frame, violation) =
        (|payload: &[u8]| [&[0x88, payload.len() as u8], payload].concat(), |why| of(1002, why));
    for (sent, answered) in [
        (of(1000, ""), of(1000, "")),
        (of(1000, "Normal Closure"), of(1000, "Normal Closure")),
        (of(1001, "the page is left"), of(1001, "the page is left")),
        (of(3000, ""), of(3000, "")),
        (of(4499, "Terminated"), of(4499, "Terminated")),
        (vec![], vec![]),
        // Codes that nobody may send, half a code, and a reason that is not UTF-8.
        (of(1005, ""), violation("Protocol violation")),
        (of(999, ""), violation("Protocol violation")),
        (vec![3], violation("Protocol error")),
        ([&of(1000, "")[..], b"\xff"].concat(), of(1007, "Not UTF-8")),
    ] {
        for socket in [opened(&w), unopened(&w)] {
            assert_eq!(closing(socket, &sent), frame(&answered), "{sent:?}");
        }
    }
    // While a subscription runs, what was on its way comes first, and nothing comes after the close.
    let mut socket = opened(&w);
    socket.subscribe("1", EVENTS, &json!({"after": 4}));
    let event = w.say("satu");
    assert_eq!(came(&socket.next("1")), event);
    assert_eq!(closing(socket, &of(1000, "")), frame(&of(1000, "")));
}

#[test]
fn a_close_of_ours_waits_for_the_clients_and_not_for_ever() {
    let w = world();
    let mut socket = opened(&w);
    socket.0.send(Message::text("no message")).unwrap();
    let began = Instant::now();
    let mut came = Vec::new();
    socket.0.get_mut().read_to_end(&mut came).unwrap();
    assert!(came.starts_with(b"\x88") && came[2..4] == 4400_u16.to_be_bytes(), "{came:x?}");
    let waited = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(15)).contains(&waited), "{waited:?}");
}

/// Connects for each query and leaves after it, as `graphql-ws` does unless it is told otherwise. Prints how the sockets were
/// closed.
const LAZY: &str = r#"
const { createClient } = require("graphql-ws");
const WebSocket = require("ws");
(async () => {
  const closed = [];
  let ended = () => {};
  const client = createClient({ url: process.argv[1], webSocketImpl: WebSocket, retryAttempts: 0, lazy: true,
    on: { closed: (event) => { closed.push([event.code, event.wasClean]); ended(); } } });
  for (let i = 0; i < 10; i++) {
    const end = new Promise((resolve) => (ended = resolve));
    for await (const result of client.iterate({ query: "{ checkpoint { size } }" })) {
      if (result.data.checkpoint.size !== 5) throw new Error(JSON.stringify(result));
    }
    await end;
  }
  console.log(JSON.stringify(closed));
})();
"#;

#[test]
fn a_lazy_client_asks_one_query_after_another() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules");
    assert!(modules.join("graphql-ws").is_dir(), "`./test test` installs the npm library graphql-ws");
    let w = world();
    let url = format!("ws://{}/graphql", w.server().address);
    let node = Command::new("node").args(["-e", LAZY, &url]).env("NODE_PATH", modules).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    let closed: Value = serde_json::from_slice(&node.stdout).unwrap();
    assert_eq!(closed, Value::from(vec![json!([1000, true]); 10]));
}

#[test]
fn a_long_answer_comes_whole_in_frames_of_a_bounded_length() {
    let w = world();
    let query = "{ __schema { types { name description fields { name description type { name } } } } }";
    let body = json!({"query": query}).to_string();
    let by_http =
        w.server().send("POST", "/graphql", &[("Content-Type", "application/json")], body.as_bytes());
    assert!(by_http.body.len() > 3 * onrecord::serve::limits::SOCKET_FRAME, "{}", by_http.body.len());
    let mut socket = opened(&w);
    // This client takes no frame that is longer.
    socket.0.set_config(|config| config.max_frame_size = Some(onrecord::serve::limits::SOCKET_FRAME));
    for id in ["1", "2"] {
        socket.subscribe(id, query, &json!({}));
        assert_eq!(socket.next(id), by_http.json());
        assert_eq!(socket.message(), json!({"type": "complete", "id": id}));
    }
    // A pong repeats a payload that is longer than a frame.
    let ping =
        json!({"type": "ping", "payload": {"long": "x".repeat(2 * onrecord::serve::limits::SOCKET_FRAME)}});
    socket.send(&ping);
    assert_eq!(socket.message()["payload"], ping["payload"]);
}

#[test]
fn an_error_is_the_same_by_socket_as_by_http() {
    let w = world();
    let mut socket = opened(&w);
    let deep = format!("{{ {}x{} }}", "a { ".repeat(70), " }".repeat(70));
    for (query, variables) in [
        ("", json!({})),
        ("{", json!({})),
        ("{ nothing }", json!({})),
        ("\n\n  query {\n    checkpoint { size nothing }\n  }", json!({})),
        ("{ checkpoint }", json!({})),
        ("{ checkpoint { size { x } } }", json!({})),
        ("{ checkpoint { size @nothing } }", json!({})),
        ("{ a: checkpoint { size } a: ledger { origin } }", json!({})),
        ("{ ...F } fragment F on Query { ...F }", json!({})),
        ("query A { checkpoint { size } } query B { checkpoint { size } }", json!({})),
        ("query($n: Int!) { events(first: $n) { nodes { index } } }", json!({"n": "x"})),
        ("query($n: Int!) { events(first: $n) { nodes { index } } }", json!({"n": null})),
        ("query($n: Int!) { events(first: $n) { nodes { index } } }", json!({"n": 101})),
        ("{ checkpoint { size }\n  events(first: 101) { nodes { index } } }", json!({})),
        ("{ node(id: \"x\") { id } }", json!({})),
        ("{ consistencyProof(old: 99) }", json!({})),
        ("mutation { nothing }", json!({})),
        ("mutation { record(input: {submissions: 7}) { userErrors { code } } }", json!({})),
        ("subscription { nothing }", json!({})),
        ("subscription { events { index nothing } }", json!({})),
        (&deep, json!({})),
        ("{ events(first: 100) { nodes { case { events(first: 100) { nodes { id } } } } } }", json!({})),
    ] {
        let by_http = w.server().graphql(query, variables.clone())["errors"].take();
        socket.subscribe("1", query, &variables);
        let mut message = socket.message();
        let by_socket = if message["type"] == "next" {
            assert_eq!(socket.message()["type"], "complete");
            message["payload"]["errors"].take()
        } else {
            assert_eq!(message["type"], "error", "{query}: {message}");
            message["payload"].take()
        };
        assert_eq!(by_socket, by_http, "{query}");
        for error in by_socket.as_array().unwrap() {
            assert!(error["extensions"]["code"].is_string(), "{query}: {error}");
            for location in error["locations"].as_array().into_iter().flatten() {
                assert!(
                    location["line"].as_u64() > Some(0) && location["column"].as_u64() > Some(0),
                    "{error}"
                );
            }
        }
    }
    // The same holds of a query that is sent as its hash alone.
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": "0".repeat(64)}});
    let body = json!({"extensions": extensions});
    let sent = [("Content-Type", "application/json")];
    let by_http = w.server().send("POST", "/graphql", &sent, body.to_string().as_bytes()).json();
    socket.send(&json!({"type": "subscribe", "id": "1", "payload": body}));
    assert_eq!(socket.error("1"), by_http["errors"][0]);
    assert_eq!(by_http["errors"][0]["message"], "PersistedQueryNotSupported");
}

#[test]
fn an_error_names_the_line_and_the_column_of_what_was_sent() {
    let w = world();
    let mut socket = opened(&w);
    for (query, line, column) in [
        ("{ nothing }", 1, 3),
        ("\n\n  query {\n    checkpoint { size nothing }\n  }", 4, 23),
        ("subscription {\n  events { index\n    nothing }\n}", 3, 5),
        ("{ checkpoint { size }\n  events(first: 101) { nodes { index } } }", 2, 3),
        ("{\n  node(id: \"x\") { id } }", 2, 3),
        ("subscription {\n\n  events(after: \"x\") { index } }", 3, 10),
        ("subscription {\n  events(after: 9999) { index } }", 2, 3),
        ("{\n  checkpoint {", 2, 15),
    ] {
        socket.subscribe("1", query, &Value::Null);
        let message = socket.message();
        let payload = match message["type"].as_str() {
            Some("next") => {
                assert_eq!(socket.message()["type"], "complete", "{query}");
                &message["payload"]["errors"]
            }
            _ => &message["payload"],
        };
        let locations = &payload[0]["locations"];
        assert_eq!(*locations, json!([{"line": line, "column": column}]), "{query}: {message}");
    }
}

#[test]
fn queries_and_mutations_have_one_result_and_the_limits_they_have_by_http() {
    let w = world();
    let mut socket = opened(&w);
    let size = "{ checkpoint { size } }";
    assert_eq!(socket.single("q", size, &Value::Null), json!({"data": {"checkpoint": {"size": 5}}}));
    let (id, submission) = statement(&w.story, "lewat soket");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let input = json!({"note": text(submission.note), "content": text(submission.content.unwrap())});
    let record = "mutation($s: SubmissionInput!) { record(input: {submissions: [$s]}) {
        results { receipt { index eventId } userErrors { code } } } }";
    let payload = socket.single("m", record, &json!({"s": input}));
    assert_eq!(payload["data"]["record"]["results"][0]["receipt"], json!({"index": 5, "eventId": id}));
    // An id is free again when its operation is at its end.
    assert_eq!(socket.single("m", size, &Value::Null)["data"]["checkpoint"]["size"], 6);
    // A field that fails leaves an answer with errors, which is a result.
    let payload = socket.single("e", "{ events(first: 101) { nodes { index } } }", &Value::Null);
    assert_eq!(payload["errors"][0]["extensions"]["code"], "BAD_INPUT");
    assert_eq!(payload["data"], Value::Null);

    let wide = "{ events(first: 100) { nodes { case { events(first: 100) { nodes { signers { key number } } } } } } }";
    for query in ["{", "{ nothing }", "query A { checkpoint { size } } query B { checkpoint { size } }", wide]
    {
        let by_http = w.server().graphql(query, Value::Null)["errors"][0].clone();
        socket.subscribe("bad", query, &Value::Null);
        assert_eq!(socket.error("bad"), by_http, "{query}");
    }
    let introspection = "{ __schema { subscriptionType { name fields { name args { name type { name } }
        type { kind ofType { name } } } } } }";
    let index = json!([{"name": "after", "type": {"name": "Index"}}]);
    let fields =
        json!([{"name": "events", "args": index, "type": {"kind": "NON_NULL", "ofType": {"name": "Event"}}}]);
    assert_eq!(
        socket.single("i", introspection, &Value::Null)["data"]["__schema"]["subscriptionType"],
        json!({"name": "Subscription", "fields": fields})
    );
    // By HTTP a subscription is refused.
    assert!(w.server().graphql("subscription { events { index } }", Value::Null)["errors"].is_array());
}

#[test]
fn a_subscription_that_can_not_begin_says_why() {
    let w = world();
    let mut socket = opened(&w);
    for (query, variables, message) in [
        (EVENTS, json!({"after": 5}), "after: the log has 5 entries, from index 0"),
        (EVENTS, json!({"after": 9007199254740991u64}), "after: the log has 5 entries, from index 0"),
        (
            "subscription { a: events { index } b: events { index } }",
            Value::Null,
            "a subscription selects one",
        ),
        (
            "subscription { ...F } fragment F on Subscription { events { index } }",
            Value::Null,
            "a subscription sel",
        ),
        ("subscription { events @skip(if: true) { index } }", Value::Null, "a subscription selects one"),
        ("subscription { __typename }", Value::Null, ""),
        ("subscription { events { nothing } }", Value::Null, "Unknown field"),
        ("subscription { events(after: -1) { index } }", Value::Null, ""),
        (EVENTS, json!({"after": "x"}), ""),
    ] {
        socket.subscribe("1", query, &variables);
        let error = socket.error("1");
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{query}: {said}");
    }
    // The connection goes on, and `after` may name the last entry.
    socket.subscribe("1", EVENTS, &json!({"after": 4}));
    let event = w.say("satu");
    assert_eq!(came(&socket.next("1")), event);
}

#[test]
fn operations_end_when_the_client_says_so_and_are_not_without_number() {
    let w = world();
    let mut socket = opened(&w);
    for id in 0..16 {
        socket.subscribe(&id.to_string(), EVENTS, &json!({"after": 4}));
    }
    socket.subscribe("16", EVENTS, &json!({"after": 4}));
    assert_eq!(socket.error("16")["message"], "too many operations on one connection");
    for id in 1..16 {
        socket.send(&json!({"type": "complete", "id": id.to_string()}));
    }
    // This is answered once the server has taken the messages before it.
    assert_eq!(socket.single("1", "{ __typename }", &Value::Null)["data"]["__typename"], "Query");
    let event = w.say("satu");
    assert_eq!(came(&socket.next("0")), event);
    // An id is free again, even while a message of its last operation may be on its way.
    for _ in 0..50 {
        socket.subscribe("1", EVENTS, &Value::Null);
        socket.send(&json!({"type": "complete", "id": "1"}));
    }
    socket.subscribe("1", "subscription { last: events(after: 4) { sentence } }", &Value::Null);
    loop {
        let message = socket.message();
        assert_eq!((&message["id"], &message["type"]), (&json!("1"), &json!("next")));
        if message["payload"]["data"].get("last").is_some() {
            break;
        }
    }
}

#[test]
fn withheld_words_are_shown_as_a_query_shows_them() {
    let w = world();
    let (id, index) = w.say("nombor kad pengenalan");
    let query = "subscription($after: Index) { events(after: $after) { index sentence content { state withheldBy raw } } }";
    let mut socket = opened(&w);
    socket.subscribe("1", query, &json!({"after": 4}));
    let before = socket.next("1");
    let content = &before["data"]["events"]["content"];
    assert_eq!(content["state"], "PRESENT");
    assert!(content["raw"].as_str().unwrap().contains("nombor kad pengenalan"));
    let (_, withheld) = w.record(withhold(Some(w.story.case), id, "court_order", &["content"]));
    // Followers are told that the words are withheld. Later clients are not given them.
    assert_eq!(socket.next("1")["data"]["events"]["index"], withheld);
    let mut late = opened(&w);
    late.subscribe("1", query, &json!({"after": 4}));
    let event = late.next("1")["data"]["events"].clone();
    assert_eq!(event["content"], json!({"state": "WITHHELD", "withheldBy": withheld, "raw": null}));
    assert!(!event.to_string().contains("nombor"));
    let asked = w.server().data(
        "query($i: Index!) { event(by: {index: $i}) { index sentence content { state withheldBy raw } } }",
        json!({"i": index}),
    );
    assert_eq!(event, asked["event"]);
}

#[test]
fn words_rendered_for_others_a_moment_ago_are_not_given_once_they_are_withheld() {
    let w = world();
    let query = "subscription($after: Index) { events(after: $after) { index content { state } } }";
    let mut following = opened(&w);
    following.subscribe("1", query, &json!({"after": 4}));
    let mut late = opened(&w);
    for round in 0..30 {
        let (id, index) = w.say(&format!("rahsia {round}"));
        let withheld = withhold(Some(w.story.case), id, "court_order", &["content"]);
        let event = following.next("1")["data"]["events"].clone();
        assert_eq!(event, json!({"index": index, "content": {"state": "PRESENT"}}));
        w.record(withheld);
        // The same question, from the same entry on.
        late.subscribe(&round.to_string(), query, &json!({"after": index - 1}));
        let event = late.next(&round.to_string())["data"]["events"].clone();
        assert_eq!(event, json!({"index": index, "content": {"state": "WITHHELD"}}));
        late.send(&json!({"type": "complete", "id": round.to_string()}));
        assert_eq!(following.next("1")["data"]["events"]["index"], index + 1);
        // Read what was on its way when the operation ended.
        late.subscribe("end", "{ __typename }", &Value::Null);
        while late.message() != json!({"type": "complete", "id": "end"}) {}
    }
}

#[test]
fn a_reader_that_stops_reading_is_dropped_and_the_others_are_served() {
    const ENTRIES: usize = 200;
    let Folder { dir, story, tmp: _tmp } = World::small().close();
    let server = Program::serve(&dir);
    let mut writing = Socket::open(server.address);
    let mut say = |text: &str| {
        let (_, submission) = statement(&story, text);
        writing.record(&[submission]).unwrap()[0]
    };
    let big = "x".repeat(100_000);
    let last = (0..ENTRIES).map(|i| say(&format!("{i} {big}"))).last().unwrap().1;
    // The search index takes memory too, which is not the readers': wait until it is built.
    let searched = "{ search(words: \"none\") { searched size } }";
    let settled = |search: &Value| search["searched"] == search["size"];
    let mut asking = Socket::open(server.address);
    while !settled(&asking.single("1", searched, &Value::Null)["data"]["search"]) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = server.memory("VmRSS") as usize * 1024;
    // 16 subscriptions of 20 MB each, which nobody reads.
    let words = "subscription { events(after: 4) { index content { raw } } }";
    let mut stuck: Vec<Socket> = (0..4).map(|_| Socket::open(server.address)).collect();
    for socket in &mut stuck {
        for id in ["1", "2", "3", "4"] {
            socket.subscribe(id, words, &Value::Null);
        }
    }
    let mut reading = Socket::open(server.address);
    reading.subscribe("1", EVENTS, &json!({"after": last}));
    // They are dropped after 10 seconds; for 10 more their close can be read.
    let began = Instant::now();
    let mut most = 0;
    while began.elapsed() < Duration::from_secs(14) {
        let event = say("lagi");
        assert_eq!(came(&reading.next("1")), event);
        most = most.max(server.memory("VmRSS") as usize * 1024);
        std::thread::sleep(Duration::from_millis(100));
    }
    let grown = most.saturating_sub(before);
    println!("readers that read nothing: {} KiB", grown >> 10);
    assert!(grown < 100 << 20, "{grown} bytes more for readers that read nothing");
    for socket in stuck {
        assert_eq!(socket.closed(), (4508, "Slow reader".into()));
    }
}

#[test]
fn killed_under_load_the_server_sends_every_event_once_to_whoever_comes_back() {
    const ROUNDS: u64 = 5;
    let Folder { dir, story, tmp: _tmp } = World::small().close();
    let seen: Mutex<Vec<EventId>> = Mutex::default();
    let acknowledged: Mutex<Vec<(EventId, u64)>> = Mutex::default();
    // Goes on after the last event seen, until the connection breaks or `until` events are seen.
    let follow = |address, until: usize| {
        let mut seen = seen.lock().unwrap();
        let mut socket = Socket::open(address);
        let after = (seen.len() as u64).checked_sub(1);
        socket.subscribe("1", EVENTS, &json!({"after": after}));
        while seen.len() < until
            && let Ok(message) = socket.0.read()
        {
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            let (id, index) = came(&message["payload"]);
            assert_eq!(index, seen.len() as u64, "{message}");
            seen.push(id);
        }
    };
    let write = |mut socket: Socket, name: String| {
        for i in 0.. {
            let batch: Vec<_> =
                (0..1 + i % 4).map(|j| statement(&story, &format!("{name} {i} {j}")).1).collect();
            let Some(receipts) = socket.record(&batch) else { return };
            acknowledged.lock().unwrap().extend(receipts);
        }
    };
    for round in 0..ROUNDS {
        let mut server = Program::serve(&dir);
        let address = server.address;
        std::thread::scope(|scope| {
            let (follow, write) = (&follow, &write);
            scope.spawn(move || follow(address, usize::MAX));
            for writer in 0..3 {
                let socket = Socket::open(address);
                scope.spawn(move || write(socket, format!("{round} {writer}")));
            }
            std::thread::sleep(Duration::from_millis(300 + 137 * round));
            server.kill();
        });
    }
    let server = Program::serve(&dir);
    let size = Socket::open(server.address).single("1", "{ checkpoint { size } }", &Value::Null);
    let size = size["data"]["checkpoint"]["size"].as_u64().unwrap() as usize;
    follow(server.address, size);
    drop(server);
    let (seen, acknowledged) = (seen.into_inner().unwrap(), acknowledged.into_inner().unwrap());
    assert!(acknowledged.len() > 100, "the load was none: {}", acknowledged.len());
    for (id, index) in acknowledged {
        assert_eq!(seen[index as usize], id);
    }
    let ledger = open(&dir);
    assert_eq!(ids(&ledger), seen);
    ledger.close();
}

#[test]
fn the_example_program_follows_with_the_npm_library_across_a_restart() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/npm/node_modules");
    assert!(modules.join("graphql-ws").is_dir(), "`./test test` installs the npm library graphql-ws");
    let Folder { dir, story, tmp } = World::small().close();
    std::fs::copy(root.join("examples/follow.mjs"), tmp.path().join("follow.mjs")).unwrap();
    std::os::unix::fs::symlink(modules, tmp.path().join("node_modules")).unwrap();
    let mut server = Program::serve(&dir);
    let address = server.address;
    let follow = |args: &[&str]| {
        let mut node = Command::new("node");
        node.arg("follow.mjs").arg(format!("http://{address}")).args(args).current_dir(tmp.path());
        node.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let refused = follow(&["5"]).wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&refused.stderr), "after: the log has 5 entries, from index 0\n");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));

    let mut following = follow(&["2"]);
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("3 ") && next().starts_with("4 "));
    for round in 0..3 {
        let batch: Vec<_> = (0..40).map(|i| statement(&story, &format!("{round} {i}")).1).collect();
        for (id, index) in Socket::open(address).record(&batch).unwrap() {
            assert!(next().starts_with(&format!("{index} {id} Agensi said: “{round} ")));
        }
        server.kill();
        server = Program::serve_at(&dir, address);
    }
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn a_client_that_is_silent_is_dropped_and_one_that_answers_pings_stays() {
    let w = world();
    let mut stays = opened(&w);
    let mut silent = opened(&w);
    stays.0.get_mut().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let began = Instant::now();
    let mut pings = 0;
    while began.elapsed() < Duration::from_secs(20) {
        match stays.0.read() {
            Ok(Message::Ping(_)) => pings += 1,
            Ok(other) => panic!("{other:?}"),
            Err(tungstenite::Error::Io(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(pings >= 3);
    // Read as bytes: reading frames would answer the pings.
    let mut bytes = Vec::new();
    silent.0.get_mut().read_to_end(&mut bytes).unwrap();
    assert!(bytes.ends_with(b"\x88\x13\x11\x9cNothing was heard"), "{bytes:x?}");
    assert!(stays.single("1", "{ __typename }", &Value::Null)["data"].is_object());
}

#[test]
fn hostile_frames_close_the_connection_and_nothing_else() {
    let w = world();
    let mut bystander = opened(&w);
    bystander.subscribe("1", EVENTS, &json!({"after": 4}));
    let raw = |opcode: Data, last: bool, bytes: Vec<u8>| {
        let mut frame = Frame::message(bytes, OpCode::Data(opcode), last);
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        Message::Frame(frame)
    };

    let mut socket = opened(&w);
    // The server closes at the frame's head. It may take no more of the rest.
    let _ = socket.0.send(raw(Data::Text, true, vec![b' '; (256 << 10) + 1]));
    assert_eq!(socket.closed(), (1009, "Message too long".into()));

    // The longest message that is allowed.
    let mut socket = opened(&w);
    let mut longest = json!({"type": "ping"}).to_string().into_bytes();
    longest.resize(256 << 10, b' ');
    socket.0.send(raw(Data::Text, true, longest)).unwrap();
    assert_eq!(socket.message(), json!({"type": "pong"}));

    let mut socket = opened(&w);
    socket.0.send(raw(Data::Text, true, b"{\"type\":\"\xff\"}".to_vec())).unwrap();
    assert_eq!(socket.closed(), (1007, "Not UTF-8".into()));

    // Fragments without end.
    let mut socket = opened(&w);
    socket.0.send(raw(Data::Text, false, vec![b' '; 1000])).unwrap();
    let sent = (0..).take_while(|_| socket.0.send(raw(Data::Continue, false, vec![b' '; 1000])).is_ok());
    let sent = sent.take(20_000).count();
    assert!((260..20_000).contains(&sent), "{sent}");

    for bytes in [
        &[&b"\x89\xfe\x10\x00"[..], &[0; 4100]].concat(), // A ping of 4,096 bytes.
        &b"\xc1\x80\x00\x00\x00\x00"[..],                 // A reserved bit.
        b"\x83\x80\x00\x00\x00\x00",                      // An unknown kind of frame.
        b"\x80\x80\x00\x00\x00\x00",                      // The rest of nothing.
        b"\x81\x02{}",                                    // Not masked.
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", // Longer than any message may be.
    ] {
        let mut socket = opened(&w);
        socket.0.get_mut().write_all(bytes).unwrap();
        let (code, reason) = socket.closed();
        assert!(matches!(code, 1002 | 1009), "{bytes:x?}: {code} {reason}");
    }

    // A client that leaves in the middle of a frame.
    let mut socket = opened(&w);
    socket.0.get_mut().write_all(b"\x81\xfe\x10\x00").unwrap();
    drop(socket);

    let event = w.say("satu");
    assert_eq!(came(&bystander.next("1")), event);
}

#[test]
fn what_is_no_upgrade_is_answered_as_http() {
    let w = world();
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];
    // Without a key.
    assert_eq!(w.server().send("GET", "/graphql", &upgrade, b"").status, 400);
    assert_eq!(w.server().send("POST", "/graphql", &upgrade, b"").status, 415);
    assert_eq!(w.server().get("/graphql?query=%7B__typename%7D").status, 200);
}

#[test]
fn one_address_has_sockets_without_leaving_none_for_others() {
    let w = world();
    let mut sockets: Vec<Socket> = (0..64).map(|_| opened(&w)).collect();
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    assert_eq!(w.server().send("GET", "/graphql", &upgrade, b"").status, 503);
    assert_eq!(w.server().get("/graphql?query=%7B__typename%7D").status, 200);
    sockets.pop();
    // The place is free once the server has seen the end of the connection.
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let mut stream = TcpStream::connect(w.server().address).unwrap();
        let lines = upgrade.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
        write!(stream, "GET /graphql HTTP/1.1\r\nHost: x\r\n{lines}\r\n").unwrap();
        head(&mut stream).starts_with("HTTP/1.1 101")
    });
    assert!(again);
}

#[test]
fn sockets_are_closed_when_the_server_stops() {
    let mut w = world();
    let mut following = opened(&w);
    following.subscribe("1", EVENTS, &Value::Null);
    let unopened = unopened(&w);
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (server, stopped) = (w.server_mut(), &stopped);
        scope.spawn(move || {
            server.stop();
            stopped.store(true, Ordering::SeqCst);
        });
        for socket in [following, unopened] {
            assert_eq!(socket.closed(), (1001, "Going away".into()));
        }
    });
    assert!(stopped.load(Ordering::SeqCst));
}
