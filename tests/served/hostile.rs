//! Requests that end a server that walks them before it has counted them. Each is answered at once, in few words and with little
//! memory, and the program goes on: over HTTP and WebSocket, as a ledger and as a mirror.

use crate::http;
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::http::{Reply, send};
use crate::program::Program;
use crate::socket::Socket;
use crate::support::*;
use crate::world::{Folder, World};
use onrecord::{
    event::EventId,
    ledger::Ledger,
    log::Time,
    note::SigningKey,
    views::{Allowance, Order, Views},
};
use serde_json::{Value, json};

/// More memory than any of these takes, in KiB.
const MORE: u64 = 256 << 10;

fn post(served: &Program, body: &[u8]) -> Reply {
    send(served.address, "POST", "/graphql", &[("Content-Type", "application/json")], body)
}

fn query(text: &str) -> Vec<u8> {
    json!({"query": text}).to_string().into_bytes()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// A chain of fragments, each within the next. The last one is spread in the query or not.
fn chain(n: usize, spread: bool) -> String {
    let root = if spread { "...F0" } else { "__typename" };
    let links: String = (0..n).map(|i| format!("fragment F{i} on Query{{...F{}}}", i + 1)).collect();
    format!("{{{root}}}{links}fragment F{n} on Query{{__typename}}")
}

fn within(n: usize, around: &str, leaf: &str) -> String {
    format!("{}{leaf}{}", around.repeat(n), "}".repeat(n * around.matches('{').count()))
}

/// Documents to be refused: name, text, and the code of the refusal.
fn documents() -> Vec<(String, String, &'static str)> {
    let mut all = Vec::new();
    for n in [130, 250, 3_000, 8_000] {
        for spread in [true, false] {
            all.push((format!("{n} fragments, spread: {spread}"), chain(n, spread), "TOO_LARGE"));
        }
    }
    let doubling: String =
        (0..60).map(|i| format!("fragment F{i} on Query{{...F{n} ...F{n}}}", n = i + 1)).collect();
    let leaf = "fragment F60 on Query{__typename}";
    for root in ["{...F0}", "{__typename}"] {
        all.push(("fragments that double".into(), format!("{root}{doubling}{leaf}"), "TOO_LARGE"));
    }
    let nested = within(60, "...{", "...F");
    for (name, text, code) in [
        ("braces", "{a".repeat(60_000), "TOO_LARGE"),
        ("braces that are closed", within(60_000, "a{", "a"), "TOO_LARGE"),
        ("inline fragments", format!("{{{}}}", within(20_000, "...{", "a")), "TOO_LARGE"),
        (
            "brackets in a type",
            format!("query($a:{}Int{}){{a}}", "[".repeat(50_000), "]".repeat(50_000)),
            "TOO_LARGE",
        ),
        ("lists", format!("{{a(b:{}{})}}", "[".repeat(50_000), "]".repeat(50_000)), "TOO_LARGE"),
        ("objects", format!("{{a(b:{}", "{c:".repeat(50_000)), "TOO_LARGE"),
        ("a directive's arguments", format!("{{a @b(c:{}", "[".repeat(50_000)), "TOO_LARGE"),
        ("fields", format!("{{{}}}", "a ".repeat(100_000)), "TOO_LARGE"),
        ("fields that are not there", format!("{{{}}}", "a ".repeat(4_000)), "BAD_REQUEST"),
        ("fields with suggestions", format!("{{{}}}", "eventz ".repeat(4_000)), "BAD_REQUEST"),
        ("literals", format!("{{nodes(ids:[{}]){{id}}}}", "1 ".repeat(100_000)), "TOO_LARGE"),
        ("operations", "query A{a} ".repeat(10_000), "TOO_LARGE"),
        ("variables", format!("query({}){{a}}", "$a:Int ".repeat(20_000)), "TOO_LARGE"),
        ("a long line that is no document", format!("{{{} ü}}", "a".repeat(100)), "BAD_REQUEST"),
        ("a long name", format!("{{{}}}", "a".repeat(200_000)), "BAD_REQUEST"),
        ("a long text in the wrong place", format!("{{a(b:\"{}\" c)}}", "x".repeat(200_000)), "BAD_REQUEST"),
        ("a long text for an id", format!("{{node(id:\"{}\"){{id}}}}", "x".repeat(200_000)), "BAD_INPUT"),
        (
            "fragments compared with each other",
            format!(
                "{{{nested}}}fragment F on Query{{{}}}",
                (0..1_500).map(|i| format!("a{i} ")).collect::<String>()
            ),
            "TOO_LARGE",
        ),
        (
            "a fragment within itself",
            "{...A}fragment A on Query{...B}fragment B on Query{...A}".into(),
            "BAD_REQUEST",
        ),
        (
            "introspection that multiplies",
            format!("{{__type(name:\"Node\"){{{}}}}}", within(4, "possibleTypes{interfaces{", "name")),
            "TOO_LARGE",
        ),
        (
            "introspection of all that leads back",
            format!("{{__schema{{types{{{}}}}}}}", within(3, "interfaces{possibleTypes{", "name")),
            "TOO_LARGE",
        ),
    ] {
        all.push((name.into(), text, code));
    }
    all
}

/// Asks, and holds that the answer keeps the bounds of time, length and memory.
fn asked(served: &mut Program, name: &str, ask: impl FnOnce(&Program) -> (Value, usize)) -> Value {
    let (rest, began) = (served.memory("VmRSS"), Instant::now());
    let (answer, length) = ask(served);
    let took = began.elapsed();
    assert!(served.is_running(), "{name}: it ended");
    assert!(took < Duration::from_secs(5), "{name}: {took:?}");
    assert!(length < 4 << 10, "{name}: {length} bytes");
    let more = served.memory("VmHWM").saturating_sub(rest);
    assert!(more < MORE, "{name}: {more} KiB more");
    answer
}

fn all_are_refused(served: &mut Program) {
    for (name, text, expected) in documents() {
        let answer = asked(served, &name, |served| {
            let reply = post(served, &query(&text));
            (reply.json(), reply.body.len())
        });
        assert_eq!(code(&answer), expected, "{name}: {answer}");
        if text.len() < 200 << 10 {
            // Each on a connection of its own, since a message that breaks the protocol ends the connection.
            let answer = asked(served, &name, |served| {
                let mut socket = Socket::open(served.address);
                socket.subscribe("a", &text, &json!({}));
                let message = socket.message();
                let length = message.to_string().len();
                let errors = if message["type"] == "next" {
                    message["payload"]["errors"].clone()
                } else {
                    message["payload"].clone()
                };
                (json!({"errors": errors}), length)
            });
            assert_eq!(code(&answer), expected, "{name}, WebSocket: {answer}");
        }
    }
    assert_eq!(send(served.address, "GET", "/checkpoint", &[], b"").status, 200);
}

#[test]
fn a_ledger_refuses_what_would_end_it() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    all_are_refused(&mut served);
}

#[test]
fn a_mirror_refuses_what_would_end_it() {
    let folder = World::small().close();
    let source = folder.serve(&[]);
    let key = key(ORIGIN, 1).verifying_key().to_string();
    let log = folder.at("log of the mirror");
    let mut served = Program::mirror(&format!("http://{}", source.address), &key, &folder.at("mirror"), &log);
    all_are_refused(&mut served);
}

#[test]
fn a_body_is_bounded_by_what_it_is_for() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    let many = |of: &str| of.repeat(8 << 20);
    for (name, body) in [
        (
            "variables",
            format!("{{\"query\":\"{{checkpoint{{size}}}}\",\"variables\":{{\"a\":[{}0]}}}}", many("0,")),
        ),
        ("lists in lists", format!("{{\"query\":\"{{a}}\",\"variables\":{}", many("["))),
        ("a document", format!("{{\"query\":\"{{{}}}\"}}", many("a "))),
        ("extensions", format!("{{\"query\":\"{{a}}\",\"extensions\":{{\"a\":[{}0]}}}}", many("0,"))),
        ("members nobody asked for", format!("{{\"query\":\"{{a}}\",\"b\":[{}0]}}", many("0,"))),
        (
            "one long text",
            format!(
                "{{\"query\":\"query($a:String){{checkpoint{{size}}}}\",\"variables\":{{\"a\":\"{}\"}}}}",
                many("x")
            ),
        ),
    ] {
        let answer = asked(&mut served, name, |served| {
            let reply = post(served, body.as_bytes());
            // It may be refused before all of it was sent.
            assert!(matches!(reply.status, 400 | 413 | 200), "{name}: {}", reply.status);
            (reply.json(), reply.body.len())
        });
        assert!(matches!(code(&answer), "BAD_REQUEST" | "TOO_LARGE"), "{name}: {answer}");
    }
    // A submission of that size is read, and refused for its contents. Where it is used often, the request is refused.
    let text = "x".repeat(200_000);
    let submission = json!({"note": "no event", "content": text});
    let of = |n: usize| json!({"submissions": vec![submission.clone(); n]});
    let record =
        "mutation($input: RecordInput!) { record(input: $input) { results { userErrors { code } } } }";
    let body = json!({"query": record, "variables": {"input": of(100)}}).to_string();
    let reply = post(&served, body.as_bytes());
    assert_eq!(
        reply.json()["data"]["record"]["results"][99]["userErrors"][0]["code"],
        "NOTE_UNSIGNED",
        "{}",
        reply.text()
    );
    let calls: String = (0..60)
        .map(|i| format!("a{i}: record(input: $input) {{ results {{ userErrors {{ code }} }} }} "))
        .collect();
    let body = json!({"query": format!("mutation($input: RecordInput!) {{ {calls} }}"), "variables": {"input": of(20)}});
    let answer = asked(&mut served, "one variable in 60 calls", |served| {
        let reply = post(served, body.to_string().as_bytes());
        (reply.json(), reply.body.len())
    });
    assert_eq!(code(&answer), "TOO_LARGE", "{answer}");
    assert!(served.is_running());
}

/// The key of a party without roles, which may record exhibits alone.
fn nobody(ledger: &Ledger) -> SigningKey {
    let nobody = key("nobody.example/k", 77);
    let facts = json!({"kind": "organisation", "keys": [nobody.verifying_key().to_string()]});
    let party = say("party.registered", None, Value::Null, facts, Some(json!({"name": "synthetic"})));
    record(ledger, party.sign(&[&operator(), &nobody]));
    nobody
}

/// Records an exhibit about these events. Gives its id.
fn show(ledger: &Ledger, by: &SigningKey, about: &[EventId], i: u64) -> EventId {
    let facts = json!({"method": "scan", "captured": "2024-01-01"});
    let words = json!({"description": format!("exhibit {i}")});
    record(ledger, say("exhibit.captured", None, json!({"about": about}), facts, Some(words)).sign(&[by])).0
}

#[test]
fn what_leads_from_one_to_64_others_ends_at_the_limit() {
    let w = World::small();
    let nobody = nobody(&w.ledger);
    let mut about = vec![w.story.case];
    for i in 0..130 {
        let id = show(&w.ledger, &nobody, &about, i);
        about.push(id);
        if about.len() > 64 {
            about.remove(0);
        }
    }
    let folder = w.close();
    let mut served = folder.serve(&[]);
    let about = within(4, "about { ... on ExhibitCaptured { ", "index");
    let one = format!("{{ events(last: 1) {{ nodes {{ ... on ExhibitCaptured {{ {about} }} }} }} }}");
    let named = one.replace(
        "index",
        "a: __typename b: __typename c: __typename d: __typename e: __typename f: __typename \
         g: __typename h: __typename i: __typename j: __typename",
    );
    let refs = "{ events(first: 100) { nodes { refs { ids role } } } }".to_owned();
    let words: String = (0..40).map(|i| format!("c{i}: content {{ raw json rawBase64 }} ")).collect();
    let words = format!("{{ events(last: 100) {{ nodes {{ {words} }} }} }}");
    for (name, text) in [("about", one), ("names of types", named), ("words", words)] {
        let answer = asked(&mut served, name, |served| {
            let reply = post(served, &query(&text));
            (reply.json(), reply.body.len())
        });
        assert_eq!(code(&answer), "TOO_LARGE", "{name}: {answer}");
        assert!(answer.get("data").is_none(), "{name}: half an answer is none");
    }
    // A smaller request is answered.
    let reply = post(&served, &query(&refs));
    assert!(reply.json().get("errors").is_none(), "{}", reply.text());
    let subscription =
        format!("subscription {{ events(after: {}) {{ ... on ExhibitCaptured {{ {about} }} }} }}", 100);
    let mut socket = Socket::open(served.address);
    socket.subscribe("a", &subscription, &json!({}));
    let message = loop {
        let message = socket.message();
        if message["type"] == "error" {
            break message;
        }
        assert!(message["payload"].get("errors").is_none(), "{message}");
    };
    assert_eq!(message["payload"][0]["extensions"]["code"], "TOO_LARGE", "{message}");
    assert!(served.is_running());
}

/// How many entries are read to show a case's page.
fn looked_at(ledger: &Ledger, case: &EventId) -> u64 {
    let until = Instant::now() + Duration::from_secs(60);
    let shown = |entries: u64| {
        let views = Views::new(ledger.reader()).within(&Arc::new(Allowance::new(entries, until)));
        let now = Time::from_unix_ms(1_800_000_000_000).unwrap();
        views.case_view(case, now, Order::Recorded, 0, 50).is_ok_and(|view| view.is_some())
    };
    (0..100_000).find(|entries| shown(*entries)).expect("an end")
}

#[test]
fn what_strangers_say_of_a_demand_costs_its_case_nothing() {
    let World { ledger, story, tmp: _tmp, .. } = World::small();
    let nobody = nobody(&ledger);
    let refs = json!({"respondent": story.agency, "counsel": story.desk});
    let words = json!({"items": ["Apa yang berlaku?"]});
    let issued = say("demand.issued", Some(story.case), refs, json!({"items": 1}), Some(words));
    let (demand, _) = record(&ledger, issued.sign(&[&desk()]));
    let before = looked_at(&ledger, &story.case);
    for i in 0..200 {
        show(&ledger, &nobody, &[demand, story.case], i);
    }
    assert_eq!(looked_at(&ledger, &story.case), before);
}

/// A connection from an address of this machine.
fn open_from(host: u8, served: &Program) -> TcpStream {
    open_at([127, 0, 0, host], served)
}

/// The same, from any loopback network.
fn open_at(from: [u8; 4], served: &Program) -> TcpStream {
    use rustix::net::{
        AddressFamily, SocketType, bind, connect, socket, sockopt::set_socket_recv_buffer_size,
    };
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    // A small buffer, so that little of an answer waits in the system instead of in the server.
    set_socket_recv_buffer_size(&fd, 4 << 10).unwrap();
    bind(&fd, &SocketAddr::from((from, 0))).unwrap();
    connect(&fd, &served.address).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends a request with the further header lines `more`, and does not wait for the answer.
fn post_on(stream: &mut TcpStream, more: &str, body: &[u8]) -> std::io::Result<()> {
    let head =
        format!("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}");
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

/// The first bytes of the next answer: version and status.
fn status_of(stream: &mut TcpStream) -> String {
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    String::from_utf8_lossy(&status).into_owned()
}

/// A ledger with 30 statements of 200 KB: an answer of 6 MB.
fn of_long_words() -> Folder<Story> {
    let w = World::small();
    let text = "kata ".repeat(40_000);
    record_all(&w.ledger, (0..30).map(|i| w.statement(&format!("{i} {text}")).1).collect());
    w.close()
}

/// Asks for the words of 30 entries, by a query with a text of its own. Gives the status.
fn ask_for_words(stream: &mut TcpStream, n: usize) -> String {
    let body = query(&format!("{{ a{n}: events(last: 30) {{ nodes {{ content {{ raw }} }} }} }}"));
    post_on(stream, "", &body).unwrap();
    status_of(stream)
}

#[test]
fn answers_that_nobody_takes_hold_no_more_than_their_share() {
    let folder = of_long_words();
    let mut served = folder.serve(&["--cache-mib", "8"]);
    let rest = served.at_rest();
    let mut held = Vec::new();
    let (mut given, mut refused) = (0, 0);
    for n in 0..72 {
        // Six addresses with twelve connections each.
        let mut stream = open_from(2 + n as u8 % 6, &served);
        match &*ask_for_words(&mut stream, n) {
            "HTTP/1.1 200" => given += 1,
            "HTTP/1.1 503" => refused += 1,
            other => panic!("{other}"),
        }
        held.push(stream);
    }
    // 72 answers of 6 MB would be 432 MB. What the allocator keeps counts too.
    let (more, peak) = (served.memory("VmRSS") - rest, served.memory("VmHWM") - rest);
    assert!(more < 280 << 10, "{more} KiB more, {peak} at the peak, {given} given, {refused} refused");
    // Connections that took nothing give way to new ones, if not at once.
    let until = Instant::now() + Duration::from_secs(20);
    while ask_for_words(&mut open_from(1, &served), 99) != "HTTP/1.1 200" {
        assert!(Instant::now() < until, "those that take nothing keep all");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(served.is_running());
    drop(held);
}

#[test]
fn words_of_64_mib_in_one_tile_are_given_a_part_at_a_time() {
    let w = World::small();
    let text = "x".repeat(250_000);
    for from in (0..300).step_by(30) {
        record_all(&w.ledger, (from..from + 30).map(|i| w.statement(&format!("{i} {text}")).1).collect());
    }
    let size = w.size();
    let folder = w.close();
    let file = std::fs::read(folder.dir.join("public/content/tile/000")).unwrap();
    let mut served = folder.serve(&[]);
    // Wait for search, which reads all words once and takes memory of its own.
    let until = Instant::now() + Duration::from_secs(60);
    while send(served.address, "GET", "/search?q=zzz", &[], b"").text().contains("still being built") {
        assert!(Instant::now() < until, "search is not built");
        std::thread::sleep(Duration::from_millis(100));
    }
    let rest = served.memory("VmRSS").max(served.memory("VmHWM"));
    let latest = format!("/content/tile/001.p/{}", size - 256);
    let paths = ["/content/tile/000", "/content/tile/000.p/200", &latest];
    let mut sockets = Vec::new();
    for path in paths {
        for n in 0..8 {
            let mut stream = open_from(2 + n, &served);
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200", "{path}");
            sockets.push(stream);
        }
    }
    // A client that asks for heads alone, one after another.
    let mut stream = open_from(11, &served);
    for n in 0..20 {
        let path = format!("/content/tile/000.p/{}", 220 + n);
        stream.write_all(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(status_of(&mut stream), "HTTP/1.1 200");
        stream = open_from(11, &served);
    }
    for path in &paths[..2] {
        let reply = send(served.address, "GET", path, &[], b"");
        let whole = &file[..reply.body.len()];
        assert!(reply.status == 200 && reply.body == whole, "{path}: {} bytes", whole.len());
        assert!(whole.len() > 45_000_000, "{path}: {} bytes", whole.len());
    }
    let more = served.memory("VmHWM") - rest;
    // Each of the 24 answers that nobody takes would be another 11 to 61 MB.
    assert!(more < 192 << 10, "{more} KiB more for {} KiB", file.len() >> 10);
    assert!(served.is_running());
}

#[test]
fn what_was_sent_is_not_sent_back_by_any_way_of_saying_that_it_is_wrong() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    use base64::Engine as _;
    let line = base64::prelude::BASE64_STANDARD.encode([&[1, 2, 3, 4][..], &[7; 64]].concat());
    let long = "Zq".repeat(30_000);
    let event = |json: &str| format!("onrecord/event/v1\n{ORIGIN}\n{json}\n\n\u{2014} a.b/c {line}\n");
    // One note, used in 130 places of a short document.
    let many = format!(
        "mutation($i:SubmissionInput!){{record(input:{{submissions:[{}]}}){{results{{userErrors{{place message}}}}}}}}",
        "$i ".repeat(130)
    );
    let within = format!("{{\"type\":\"statement.made\",\"facts\":{{\"{}\":1}}}}", &long[..50_000]);
    for (what, json) in [
        ("a member", format!("{{\"{long}\":1}}")),
        ("a member within", within),
        ("a type", format!("{{\"type\":\"{}\"}}", &long[..50_000])),
        ("a number", format!("{{\"type\":{}}}", "9".repeat(50_000))),
    ] {
        let body = json!({"query": many, "variables": {"i": {"note": event(&json)}}}).to_string();
        let answer = post(&served, body.as_bytes()).text();
        let errors = answer.matches("\"place\"").count().max(1);
        let of_each = (answer.matches("Zq").count() * 2 + answer.matches("99").count() * 2) / errors;
        assert!(of_each <= 1 << 10 && answer.len() < 200_000, "{what}: {of_each} in each of {errors}");
    }
    let told = |reply: &Reply| reply.text().matches("Zq").count() * 2;
    let encoded = "Zq".repeat(8_000);
    for path in [
        format!("/search?q={encoded}"),
        format!("/search?q=a&since={encoded}&until={encoded}&case={encoded}&party={encoded}"),
        format!("/search?{encoded}=1"),
        format!("/search?language={encoded}"),
        format!("/search?q=a&standing={encoded}"),
        format!("/search?case={}{encoded}", "+".repeat(9_000)),
        format!("/{encoded}"),
        format!("/case/{encoded}?asOf={encoded}"),
        format!("/e/{encoded}"),
        format!("/graphql?query={encoded}"),
        format!("/tile/{encoded}"),
    ] {
        let reply = http::send(served.address, "GET", &path, &[], b"");
        assert!(told(&reply) <= 1 << 10, "{}: {}", &path[..20], told(&reply));
    }
    let value = "Zq".repeat(400);
    for (what, query) in [
        (
            "enums",
            (0..8)
                .map(|i| format!("a{i}:events(filter:{{types:[{value}]}}){{nodes{{id}}}} "))
                .collect::<String>(),
        ),
        ("texts", (0..8).map(|i| format!("a{i}:case(by:{{eventId:\"{value}\"}}){{title}} ")).collect()),
        ("aliases", (0..8).map(|i| format!("{}{i}:node(id:\"x\"){{id}} ", &value[..100])).collect()),
    ] {
        let reply = post(&served, &self::query(&format!("{{{query}}}")));
        assert!(told(&reply) <= 1 << 10, "{what}: {} of {}", told(&reply), reply.text());
    }
    assert!(served.is_running());
}

#[test]
fn answers_that_wait_to_be_packed_hold_no_more_than_their_share() {
    let folder = of_long_words();
    let mut served = folder.serve(&["--cache-mib", "8"]);
    let rest = served.at_rest();
    let mut sockets = Vec::new();
    for n in 0..100 {
        let mut stream = open_from(2, &served);
        let body =
            json!({"query": format!("{{x{n}:events(last:30){{nodes{{content{{raw}}}}}}}}")}).to_string();
        post_on(&mut stream, "Accept-Encoding: gzip\r\n", body.as_bytes()).unwrap();
        sockets.push(stream);
    }
    let mut given = 0;
    for stream in &mut sockets {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        given += usize::from(status_of(stream) == "HTTP/1.1 200");
    }
    let more = served.memory("VmHWM") - rest;
    // 100 of 6 MB would be 600 MB.
    assert!(given > 0 && more < 420 << 10, "{more} KiB more, {given} given");
    assert!(served.is_running());
}

#[test]
fn a_variable_that_is_named_many_times_counts_as_often() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    let rest = served.at_rest();
    let many = format!(
        "mutation($i:SubmissionInput!){{record(input:{{submissions:[{}]}}){{results{{userErrors{{place}}}}}}}}",
        "$i ".repeat(250)
    );
    let mut sockets = Vec::new();
    for n in 0..150 {
        let mut stream = open_from(2 + n % 3, &served);
        let note = format!("{n} {}", "x".repeat(61_000));
        let body = json!({"query": many, "variables": {"i": {"note": note}}}).to_string();
        post_on(&mut stream, "", body.as_bytes()).unwrap();
        sockets.push(stream);
    }
    let mut refused = 0;
    for stream in &mut sockets {
        refused += usize::from(status_of(stream) != "HTTP/1.1 503");
    }
    // 150 copies of 15 MB would be 2.3 GB.
    let more = served.memory("VmHWM") - rest;
    assert!(refused > 0 && more < 200 << 10, "{more} KiB more, {refused} refused");
    assert!(served.is_running());
}

/// A bound in KiB: what waiting requests may hold, what a few that are worked on take besides, and what the allocator keeps.
const HELD: u64 = 400 << 10;

/// A list of `n` objects with one member each, and the number `own`, which makes it unlike others.
fn small_values(n: usize, own: usize) -> String {
    format!("[{}{own}]", "{\"a\":0},".repeat(n))
}

#[test]
fn requests_that_wait_for_their_turn_hold_no_more_than_their_share() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    let rest = served.at_rest();
    let values = |n| {
        format!("{{\"query\":\"{{checkpoint{{size}}}}\",\"variables\":{{\"a\":{}}}}}", small_values(4_000, n))
    };
    let document = |n| query(&format!("{{a{n}:checkpoint{{{}}}}}", "size ".repeat(4_000)));
    let few = |n| {
        format!("{{\"query\":\"{{checkpoint{{size}}}}\",\"variables\":{{\"a\":{}}}}}", small_values(1_000, n))
    };
    let kinds: [&dyn Fn(usize) -> Vec<u8>; 3] =
        [&|n| values(n).into_bytes(), &document, &|n| few(n).into_bytes()];
    let mut sockets = Vec::new();
    for n in 0..59 * 13 {
        let mut stream = open_at([127, 1, n as u8 % 59, 1], &served);
        let body = kinds[n / 59 % 3](n);
        // The server may have answered that it is busy.
        let _ = post_on(&mut stream, "", &body);
        sockets.push(stream);
    }
    // Meanwhile a small request is answered.
    assert_eq!(post(&served, &query("{checkpoint{size}}")).status, 200);
    let mut answered = 0;
    for stream in &mut sockets {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        answered += usize::from(status_of(stream) != "HTTP/1.1 503");
    }
    // 767 of 4 MB would be 3 GB.
    let more = served.memory("VmHWM") - rest;
    assert!(answered > 59 && more < HELD, "{more} KiB more, {answered} answered");
    assert!(served.is_running());
}

#[test]
fn operations_on_sockets_hold_no_more_than_their_share() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    let rest = served.at_rest();
    // As many sockets as one address may open. Subscriptions hold their request until they end.
    let mut sockets: Vec<Socket> = (0..64).map(|_| Socket::open(served.address)).collect();
    for n in 0..64 * 16 {
        let socket = &mut sockets[n % 64];
        let id = n.to_string();
        let values: Value = serde_json::from_str(&small_values(3_500, n)).unwrap();
        match n / 64 % 3 {
            0 => socket.subscribe(&id, "{checkpoint{size}}", &json!({"a": values})),
            1 => socket.subscribe(&id, &format!("{{checkpoint{{{}}}}}", "size ".repeat(4_000)), &json!({})),
            _ => socket.subscribe(&id, "subscription{events{index}}", &json!({"a": values})),
        }
    }
    // Each operation is answered in order, or refused for want of room.
    let mut refused = 0;
    for (n, socket) in sockets.iter_mut().enumerate() {
        socket.subscribe("last", "{checkpoint{size}}", &json!({}));
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < until, "socket {n} is not answered");
            let message = socket.message();
            if message["id"] == "last" {
                break;
            }
            refused += usize::from(message["payload"][0]["extensions"]["code"] == "UNAVAILABLE");
        }
    }
    // 1,024 of 4 MB would be 4 GB.
    let more = served.memory("VmHWM") - rest;
    assert!(refused > 0 && more < HELD, "{more} KiB more, {refused} refused");
    assert!(served.is_running());
    // Their memory is free when they are gone.
    drop(sockets);
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut socket = Socket::open(served.address);
        socket.subscribe("again", "{checkpoint{size}}", &json!({}));
        if socket.message()["type"] == "next" {
            break;
        }
        assert!(Instant::now() < until, "what they held is not given back");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// An acknowledged socket from an address of this machine.
fn socket_from(host: u8, served: &Program) -> Socket {
    Socket::over(open_from(host, served), served.address, Some("graphql-transport-ws")).acknowledged()
}

#[test]
fn what_nobody_takes_from_sockets_holds_no_more_than_its_share() {
    let folder = of_long_words();
    let mut served = folder.serve(&["--cache-mib", "8"]);
    let rest = served.at_rest();
    let mut sockets = Vec::new();
    for n in 0..120 {
        let mut socket = socket_from(2 + n % 12, &served);
        for id in 0..3 {
            let query = format!("{{ a{n}x{id}: events(last: 30) {{ nodes {{ content {{ raw }} }} }} }}");
            socket.subscribe(&format!("q{id}"), &query, &json!({}));
        }
        socket.subscribe("s", "subscription { events { index content { raw } } }", &json!({}));
        sockets.push(socket);
    }
    // Meanwhile a small request from another address is answered, and so is a subscription.
    let mut honest = Socket::open(served.address);
    honest.single("a", "{checkpoint{size}}", &json!({}));
    honest.subscribe("s", "subscription { events { index } }", &json!({}));
    assert_eq!(honest.next("s")["data"]["events"]["index"], 0);
    std::thread::sleep(Duration::from_secs(4));
    // 120 answers of 6 MB would be 720 MB, and each socket asked for several. It keeps room for the longest message that it sent.
    let more = served.memory("VmHWM") - rest;
    assert!(more < 512 << 10, "{more} KiB more");
    assert!(served.is_running());
    drop(sockets);
}

#[test]
fn pongs_that_nobody_takes_do_not_gather() {
    let folder = World::small().close();
    let mut served = folder.serve(&[]);
    let rest = served.at_rest();
    let mut socket = socket_from(2, &served);
    // Masked pings of 125 bytes, 100 at once: 260 MB in all, if the server took them.
    let pings = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[b'x'; 125]].concat().repeat(100);
    let stream = socket.0.get_mut();
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let taken = (0..20_000).take_while(|_| stream.write_all(&pings).is_ok()).count();
    let more = served.memory("VmHWM") - rest;
    assert!(more < 128 << 10, "{more} KiB more, {taken} times 100 pings");
    assert!(taken < 20_000, "it reads on while nobody takes what it says");
    assert!(served.is_running());
}

#[test]
fn heavy_requests_of_many_addresses_leave_turns_to_whoever_asks_for_little() {
    let w = World::small();
    let text = "data peribadi bocor ".repeat(2_000);
    for from in (0..600).step_by(50) {
        record_all(&w.ledger, (from..from + 50).map(|i| w.statement(&format!("{i} {text}")).1).collect());
    }
    let folder = w.close();
    let mut served = folder.serve(&[]);
    // A request may ask for a few searches, and not for many.
    let searches = |n: usize, of: usize| {
        let one = |k| {
            format!("a{k}:search(words:\"data pe* bo* -q{n}r{k}\",first:100){{pageInfo{{hasNextPage}}}} ")
        };
        query(&format!("{{{}}}", (0..of).map(one).collect::<String>()))
    };
    assert_eq!(code(&post(&served, &searches(0, 60)).json()), "TOO_LARGE");
    let mut sockets = Vec::new();
    for n in 0..60 {
        let mut stream = open_from(10 + n as u8 % 20, &served);
        let body = searches(n, 4);
        post_on(&mut stream, "", &body).unwrap();
        sockets.push(stream);
    }
    std::thread::sleep(Duration::from_millis(300));
    let (mut longest, begun, mut asked) = (Duration::ZERO, Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(6) {
        for path in ["/", "/checkpoint", "/e/20"] {
            let began = Instant::now();
            assert_eq!(send(served.address, "GET", path, &[], b"").status, 200, "{path}");
            longest = longest.max(began.elapsed());
            asked += 1;
        }
    }
    assert!(longest < Duration::from_secs(2), "one of {asked} waited {longest:?}");
    assert!(served.is_running());
}
