//! The worst requests that we know, no two alike, from several addresses for a minute, beside a reader and a writer who ask
//! for little. Measures how long these two wait, and how much more memory the server takes than at rest. A real attacker has
//! processors of its own; here the attacking threads give way to the server instead (nice 19).

use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt as _},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use onrecord::{event::EventId, ledger::Submission};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::{Value, json};

use crate::{
    authors::{Author, statements},
    http::RECORD,
    ms, part,
    process::Program,
    row,
    support::{desk, init, open},
};

/// Addresses that ask for too much.
const ADDRESSES: u8 = 8;
/// Connections of each of them.
const EACH: usize = 4;
/// Further connections of these addresses, which ask for many pages at once, and again when all have come.
const PIPELINES: usize = 16;
/// How many pages each of these asks for at once.
const AT_ONCE: usize = 300;
/// Connections that send half of a request, or never read their answers.
const HOLDERS: u8 = 240;
/// How long they stay, before new ones come.
const HOLD: Duration = Duration::from_secs(5);
/// Statements in the large case.
const STATEMENTS: usize = 4_000;
const SMALL_CASES: usize = 20;
/// Statements in each small case.
const SMALL: usize = 50;
/// Exhibits, each of which is about up to 64 others.
const EXHIBITS: usize = 257;
/// How often the reader and the writer ask.
const PACE: Duration = Duration::from_millis(50);

/// What the reader asks for in turn.
const HONEST: [&str; 6] = ["home", "search", "case", "entry", "checkpoint", "query"];

/// The name of a kind of request, and how its nth request is made.
type Kind = (&'static str, Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>);

pub fn run(seconds: u64) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    let (later, large, small, speaker) = tell(&dir);
    let kinds: Arc<[Kind]> = kinds(large).into();
    let size = STATEMENTS + EXHIBITS + SMALL_CASES * (SMALL + 1) + 1_000;
    // The cache of a machine of 1 GB: what a larger one keeps for readers would count as memory that requests take.
    let (program, address) = Program::serve_with(&dir, &["--cache-mib", "64"]);
    part(&format!(
        "hostile ({seconds} s, {ADDRESSES} addresses with {EACH} connections each, {size} entries, cache 64 MiB)"
    ));
    let key = tmp.path().join("desk.key");
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key);
    opened.unwrap().write_all(desk().to_secret_text().as_bytes()).unwrap();
    println!(
        "  meanwhile, in another terminal:\n    curl http://{address}/e/100\n    onrecord record statement --ledger \
         http://{address} --key {} --case {} --speaker {speaker} --standing claim --language en --text x --yes",
        key.display(),
        small[0],
    );
    const LATEST: &str = "query($id: Hash!) { case(by: {eventId: $id}) { title state { sentences } \
        events(last: 20) { nodes { index sentence } } } }";
    let honest: Vec<Vec<u8>> = small
        .iter()
        .enumerate()
        .flat_map(|(i, case)| {
            let entry = get(&format!("/e/{}", 100 + i));
            [
                get("/"),
                get(&format!("/search?q=kata&case={case}")),
                get(&format!("/case/{case}")),
                entry,
                get("/checkpoint"),
                post(LATEST, &json!({"id": case})),
            ]
        })
        .collect();
    // Every request of the reader was made once before the measurement starts.
    for request in &honest {
        ask(&mut open_from(1, address), request).unwrap();
    }
    let rest = program.memory().unwrap_or_default();
    program.forget_peak();

    let stop = AtomicBool::new(false);
    let sent: Vec<AtomicU64> = kinds.iter().map(|_| AtomicU64::new(0)).collect();
    let slowest: Vec<Mutex<Duration>> = kinds.iter().map(|_| Mutex::default()).collect();
    let (pipelined, held) = (AtomicU64::new(0), AtomicU64::new(0));
    let pages: Vec<String> = small.iter().map(|case| format!("/case/{case}")).collect();
    let (mut read, mut written) = (Vec::new(), Vec::new());
    std::thread::scope(|s| {
        for worker in 0..usize::from(ADDRESSES) * EACH {
            let (kinds, sent, slowest, stop) = (&kinds, &sent, &slowest, &stop);
            s.spawn(move || attack(worker, address, kinds, sent, slowest, stop));
        }
        for worker in 0..PIPELINES {
            let (pages, pipelined, stop) = (&pages, &pipelined, &stop);
            s.spawn(move || pipeline(worker, address, pages, pipelined, stop));
        }
        s.spawn(|| hold(address, &held, &stop));
        let reader = s.spawn(|| paced(1, address, &stop, |n| honest[n % honest.len()].clone()));
        let writer = s.spawn(|| paced(1, address, &stop, |n| record(&later[n % later.len()])));
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        read = reader.join().unwrap();
        written = writer.join().unwrap();
    });
    let peak = program.peak_memory().unwrap_or_default();
    row("memory above rest", &format!("{:.0} MiB (bar 512), {rest:.0} MiB at rest", peak - rest));
    let slowest_of = |kind: usize| {
        let of = read.iter().skip(kind).step_by(HONEST.len());
        let (n, slowest) = of.map(|waited| waited.answer).enumerate().max_by_key(|(_, took)| *took).unwrap();
        format!("{} {:.0} (its {}th)", HONEST[kind], ms(slowest), n + 1)
    };
    let slowest_honest = (0..HONEST.len()).map(slowest_of).collect::<Vec<_>>().join(", ");
    for (who, waits) in [("a reader of pages and answers", &read), ("a writer of statements", &written)] {
        let mut waits: Vec<Duration> = waits.iter().map(|waited| waited.due).collect();
        waits.sort_unstable();
        let at = |part: f64| ms(waits[((waits.len() - 1) as f64 * part) as usize]);
        let text = format!(
            "p50 {:.1} ms, p99 {:.1} (bar 250), most {:.1}, {} asked",
            at(0.5),
            at(0.99),
            at(1.0),
            waits.len()
        );
        row(who, &text);
    }
    row("  slowest answer to the reader", &format!("{slowest_honest} ms"));
    for ((name, _), (sent, slowest)) in kinds.iter().zip(sent.iter().zip(&slowest)) {
        let text =
            format!("{} sent, slowest {:.0} ms", sent.load(Ordering::Relaxed), ms(*slowest.lock().unwrap()));
        row(&format!("  {name}"), &text);
    }
    row(
        &format!("  {AT_ONCE} pages sent at once"),
        &format!("{} answered", pipelined.load(Ordering::Relaxed)),
    );
    row("  heads, messages and answers left at half", &format!("{} held", held.load(Ordering::Relaxed)));
    drop(program);
}

/// A ledger of statements, and of exhibits by a party without a role that each lead to 64 others. Gives statements that are
/// not on record yet, the large case, the small ones, and who speaks in the first of these.
fn tell(dir: &Path) -> (Vec<Submission>, EventId, Vec<EventId>, EventId) {
    init(dir);
    let ledger = open(dir);
    let authors = Author::register(&ledger);
    let take = |submissions: Vec<Submission>| {
        for chunk in submissions.chunks(256) {
            ledger
                .record_blocking(chunk.to_vec(), false)
                .into_iter()
                .for_each(|answer| drop(answer.unwrap()));
        }
    };
    take(statements(&authors, 0, STATEMENTS));
    let case = authors[0].case();
    let mut small = Vec::new();
    for (i, author) in authors.iter().take(SMALL_CASES).enumerate() {
        let (id, opened) = author.opens(&format!("Case {i}"));
        let said = (0..SMALL).map(|k| author.states(id, &format!("{k} {}", "kata ".repeat(20))).1);
        take(std::iter::once(opened).chain(said).collect());
        small.push(id);
    }
    let mut about = vec![case];
    for i in 0..EXHIBITS {
        let (id, submission) = authors[0].shows(i, &about);
        take(vec![submission]);
        // The latest 64, so that each leads to all before it.
        about.push(id);
        if about.len() > 64 {
            about.remove(0);
        }
    }
    let later = statements(&authors, STATEMENTS, 20_000);
    ledger.close();
    (later, case, small, authors[0].party)
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: ledger.example.org\r\n\r\n").into_bytes()
}

fn posted(body: &str) -> Vec<u8> {
    let head = "POST /graphql HTTP/1.1\r\nHost: ledger.example.org\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn post(query: &str, variables: &Value) -> Vec<u8> {
    posted(&json!({"query": query, "variables": variables}).to_string())
}

fn record(submission: &Submission) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let one = json!({"note": text(&submission.note), "content": submission.content.as_deref().map(text)});
    post(RECORD, &json!({"input": {"submissions": [one]}}))
}

/// Kinds of requests. The number makes each request a different one, so that none is answered from a cache.
fn kinds(case: EventId) -> Vec<Kind> {
    let none = json!({});
    let chain = |n: usize, i: u64| {
        let links: String = (0..n).map(|k| format!("fragment F{k} on Query{{...F{}}}", k + 1)).collect();
        post(&format!("{{...F0}}{links}fragment F{n} on Query{{a{i}:__typename}}"), &json!({}))
    };
    let within = |n: usize, around: &str, leaf: &str| {
        format!("{}{leaf}{}", around.repeat(n), "}".repeat(n * around.matches('{').count()))
    };
    let mut kinds: Vec<Kind> = Vec::new();
    let mut kind = |name, make: Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>| kinds.push((name, make));
    kind("8,000 fragments, each in the next", Box::new(move |i| chain(8_000, i)));
    kind("120 fragments, each in the next", Box::new(move |i| chain(100, i)));
    let n = none.clone();
    kind(
        "4,000 fields that are not there",
        Box::new(move |i| post(&format!("{{{}b{i}}}", "a ".repeat(4_000)), &n)),
    );
    let n = none.clone();
    kind("500,000 fields", Box::new(move |i| post(&format!("{{{}b{i}}}", "a ".repeat(500_000)), &n)));
    let n = none.clone();
    kind(
        "8,000 numbers where ids are expected",
        Box::new(move |i| post(&format!("{{nodes(ids:[{}{i}]){{id}}}}", "1 ".repeat(8_000)), &n)),
    );
    let n = none.clone();
    kind(
        "a text of 250 KB",
        Box::new(move |i| post(&format!("{{node(id:\"{}{i}\"){{id}}}}", "x".repeat(250_000)), &n)),
    );
    let n = none.clone();
    kind(
        "80,000 comments",
        Box::new(move |i| post(&format!("{{checkpoint{{size {}}} b{i}}}", "#\n".repeat(80_000)), &n)),
    );
    for (name, n) in [("60 KB of small values", 7_000), ("8 KB of small values", 1_000)] {
        kind(
            name,
            Box::new(move |i| {
                let query = "\"query\":\"{checkpoint{size}}\"";
                let values = "{\"a\":0},".repeat(n);
                posted(&format!("{{{query},\"variables\":{{\"a{i}\":[{values}0]}}}}"))
            }),
        );
    }
    kind(
        "8,000 values by GET",
        Box::new(move |i| {
            let values = "1,".repeat(8_000);
            get(&format!("/graphql?query=%7Bcheckpoint%7Bsize%7D%7D&variables=%7B%22a{i}%22:[{values}0]%7D"))
        }),
    );
    // Made once: a real attacker makes them on other processors.
    let zeros = "0,".repeat(11 << 20);
    kind(
        "24 MB of variables",
        Box::new(move |i| {
            let query = "\"query\":\"{checkpoint{size}}\"";
            posted(&format!("{{{query},\"variables\":{{\"a{i}\":[{zeros}0]}}}}"))
        }),
    );
    let one = json!({"note": "no event", "content": "x".repeat(250_000)}).to_string();
    let many = vec![one; 90].join(",");
    kind(
        "24 MB that can't be recorded",
        Box::new(move |i| {
            let query = json!(RECORD);
            let first = format!("{{\"note\":\"{i}\"}}");
            posted(&format!(
                "{{\"query\":{query},\"variables\":{{\"input\":{{\"submissions\":[{first},{many}]}}}}}}"
            ))
        }),
    );
    let n = none.clone();
    kind(
        "introspection that multiplies",
        Box::new(move |i| {
            post(
                &format!(
                    "{{a{i}:__type(name:\"Node\"){{{}}}}}",
                    within(4, "possibleTypes{interfaces{", "name")
                ),
                &n,
            )
        }),
    );
    let introspection = include_str!("../../tests/queries/introspection.graphql");
    let n = none.clone();
    kind(
        "the whole schema",
        Box::new(move |i| post(&introspection.replacen("__schema", &format!("a{i}: __schema"), 1), &n)),
    );
    let n = none.clone();
    kind(
        "exhibits about exhibits, 64 each time",
        Box::new(move |i| {
            let below = within(4, "about{...E ... on ExhibitCaptured{", "index");
            let query = format!(
                "{{a{i}:events(last:1){{nodes{{... on ExhibitCaptured{{{below}}}}}}}}}fragment E on Event{{id}}"
            );
            post(&query, &n)
        }),
    );
    let n = none.clone();
    kind(
        "words of 100 entries in every form",
        Box::new(move |i| {
            let words: String = (0..20).map(|k| format!("c{k}:rawEntry d{k}:note ")).collect();
            let query =
                format!("{{a{i}:events(first:100){{nodes{{{words} content{{raw rawBase64 json}} facts}}}}}}");
            post(&query, &n)
        }),
    );
    kind(
        "a case at 60 instants",
        Box::new(move |i| {
            let states: String = (0..60)
                .map(|k| {
                    format!(
                        "s{k}:state(asOf:\"2024-01-{:02}T00:{:02}:{:02}Z\"){{sentences}} ",
                        k % 28 + 1,
                        i % 60,
                        k
                    )
                })
                .collect();
            post(
                &format!("query($id:Hash!){{a{i}:case(by:{{eventId:$id}}){{{states}}}}}"),
                &json!({"id": case}),
            )
        }),
    );
    let n = none.clone();
    kind(
        "fragments that are compared with each other",
        Box::new(move |i| {
            let fields: String = (0..700).map(|k| format!("f{k} ")).collect();
            let nested = within(60, "...{", "...F");
            post(&format!("{{a{i}:__typename {nested}}}fragment F on Query{{{fields}}}"), &n)
        }),
    );
    let n = none.clone();
    kind(
        "variables that no operation has",
        Box::new(move |i| {
            let operations: String = (0..30).map(|k| format!("query Q{k}_{i}{{...F}}")).collect();
            let fields: String = (0..400).map(|k| format!("x{k}:a(b:$v{k}) ")).collect();
            post(&format!("{operations}fragment F on Query{{{fields}}}"), &n)
        }),
    );
    let n = none;
    kind(
        "a search for much",
        Box::new(move |i| {
            let query = format!(
                "{{a{i}:search(words:\"kata a* b* c* {i}\",first:100){{nodes{{event{{sentence content{{raw}}}}}}}}}}"
            );
            post(&query, &n)
        }),
    );
    kind(
        "the page of a case at an instant",
        Box::new(move |i| {
            get(&format!(
                "/case/{case}?asOf=2024-01-01T00:{:02}:{:02}Z&knownAt={}",
                i / 60 % 60,
                i % 60,
                3_000 + i % 1_000
            ))
        }),
    );
    kind(
        "introspection by GET",
        Box::new(move |i| {
            let query =
                within(4, "possibleTypes{interfaces{", "name").replace('{', "%7B").replace('}', "%7D");
            get(&format!("/graphql?query=%7Bb{i}:__type(name:%22Node%22)%7B{query}%7D%7D"))
        }),
    );
    kinds
}

fn open_from(host: u8, address: SocketAddr) -> TcpStream {
    open_at(Ipv4Addr::new(127, 0, 0, host), address)
}

fn open_at(from: Ipv4Addr, address: SocketAddr) -> TcpStream {
    let from = SocketAddr::from((from, 0));
    let fd: OwnedFd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&fd, &from).unwrap();
    connect(&fd, &address).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream
}

/// Sends a request and reads its answer. `None` if the server hung up.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Option<Vec<u8>> {
    // The server may answer before it has the whole request.
    let sent = stream.write_all(request);
    let (mut bytes, mut part) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let n = stream.read(&mut part).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&part[..n]);
        let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|l| l.strip_prefix("content-length: "))?;
        let end = head + 4 + length.trim().parse::<usize>().ok()?;
        while bytes.len() < end {
            let n = stream.read(&mut part).ok().filter(|n| *n > 0)?;
            bytes.extend_from_slice(&part[..n]);
        }
        return sent.ok().map(|()| bytes);
    }
}

fn attack(
    worker: usize,
    address: SocketAddr,
    kinds: &[Kind],
    sent: &[AtomicU64],
    slowest: &[Mutex<Duration>],
    stop: &AtomicBool,
) {
    // This thread alone becomes nicer (setpriority(2), "C library/kernel differences").
    rustix::process::nice(19).unwrap();
    let host = 2 + u8::try_from(worker % usize::from(ADDRESSES)).unwrap();
    let mut stream = open_from(host, address);
    // Each worker begins with another kind.
    for n in worker.. {
        let at = n % kinds.len();
        let request = kinds[at].1((n / kinds.len() * 1_000 + worker) as u64);
        let began = Instant::now();
        if ask(&mut stream, &request).is_none() {
            stream = open_from(host, address);
        }
        sent[at].fetch_add(1, Ordering::Relaxed);
        let mut slowest = slowest[at].lock().unwrap();
        *slowest = began.elapsed().max(*slowest);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Sends many requests for pages at once, over and over.
fn pipeline(worker: usize, address: SocketAddr, pages: &[String], answered: &AtomicU64, stop: &AtomicBool) {
    rustix::process::nice(19).unwrap();
    let host = 2 + u8::try_from(worker % usize::from(ADDRESSES)).unwrap();
    let requests: Vec<u8> = (0..AT_ONCE).flat_map(|n| get(&pages[(worker + n) % pages.len()])).collect();
    let mut part = vec![0; 1 << 20];
    while !stop.load(Ordering::Relaxed) {
        let mut stream = open_from(host, address);
        let mut left = AT_ONCE;
        if stream.write_all(&requests).is_err() {
            continue;
        }
        while left > 0 && !stop.load(Ordering::Relaxed) {
            let Some(n) = stream.read(&mut part).ok().filter(|n| *n > 0) else { break };
            let came = part[..n].windows(9).filter(|w| *w == b"HTTP/1.1 ").count();
            answered.fetch_add(came as u64, Ordering::Relaxed);
            left = left.saturating_sub(came);
        }
    }
}

/// A text frame of a WebSocket, or one that continues it, under a mask of zeros.
fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    [&[code, 0xff][..], &(payload.len() as u64).to_be_bytes(), &[0; 4], payload].concat()
}

/// Occupies as much of the server's memory as it can, by connections from three networks: heads and messages that don't end,
/// and answers over WebSockets that are never read.
fn hold(address: SocketAddr, held: &AtomicU64, stop: &AtomicBool) {
    rustix::process::nice(19).unwrap();
    let line = format!("X: {}\r\n", "x".repeat(400));
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{}", line.repeat(76)).into_bytes();
    let upgrade = "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
        Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";
    let init = frame(0x81, br#"{"type":"connection_init"}"#);
    let part = vec![b' '; 120 << 10];
    let message = [upgrade.as_bytes(), &init, &frame(0x01, &part), &frame(0x00, &part)].concat();
    let query = "{__schema{types{name description fields{name description type{name kind} args{name}}}}}";
    let ask = |id| json!({"id": format!("{id}"), "type": "subscribe", "payload": {"query": query}});
    let asks: Vec<u8> = (0..16).flat_map(|id| frame(0x81, ask(id).to_string().as_bytes())).collect();
    let answers = [upgrade.as_bytes(), &init, &asks].concat();
    while !stop.load(Ordering::Relaxed) {
        let mut open = Vec::new();
        for n in 0..HOLDERS {
            let mut stream = open_at(Ipv4Addr::new(127, 0, 1 + n % 3, 1 + n / 3 % 8), address);
            stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            // The server may hang up before all is sent.
            if stream.write_all([&head, &message, &answers][usize::from(n / 24 % 3)]).is_ok() {
                held.fetch_add(1, Ordering::Relaxed);
            }
            open.push(stream);
        }
        let until = Instant::now() + HOLD;
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(PACE);
        }
    }
}

/// How long an answer took.
struct Waited {
    /// Counted from when it was due: those after a slow answer are late as well.
    due: Duration,
    /// Counted from when it was asked for.
    answer: Duration,
}

/// Asks once in [`PACE`]. Each answer must be 200.
fn paced(
    host: u8,
    address: SocketAddr,
    stop: &AtomicBool,
    request: impl Fn(usize) -> Vec<u8>,
) -> Vec<Waited> {
    let mut stream = open_from(host, address);
    let (mut waits, mut due) = (Vec::new(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let answer = ask(&mut stream, &request(waits.len())).expect("an answer");
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..answer.len().min(300)])
        );
        waits.push(Waited { due: due.elapsed(), answer: asked.elapsed() });
        due += PACE;
    }
    waits
}
