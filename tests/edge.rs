//! What the server bears from outside: floods, trickles, forged addresses, writers without measure.

#[path = "support/http.rs"]
mod http;
#[path = "support/program.rs"]
mod program;
#[path = "support/socket.rs"]
mod socket;
#[path = "support/story.rs"]
mod story;
mod support;
#[path = "support/world.rs"]
mod world;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use http::{Reply, send};
use onrecord::{
    event::Digest,
    serve::{self, Proxies, WriteRate},
};
use program::Program;
use serde_json::{Value, json};
use socket::Socket;
use support::*;
use world::{Folder, World};

/// Connects from another address of the loopback, as a program on another machine would.
async fn connect_from(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// Runs `each` for every number below `n`, all side by side.
async fn side_by_side(n: u32, each: impl AsyncFn(u32)) {
    let mut all: Vec<_> = (0..n).map(|i| Some(Box::pin(each(i)))).collect();
    std::future::poll_fn(|cx| {
        for one in &mut all {
            if one.as_mut().is_some_and(|f| f.as_mut().poll(cx).is_ready()) {
                *one = None;
            }
        }
        if all.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A caller who goes on asking while others misbehave, on a new connection and on one that is kept.
#[derive(Default)]
struct Caller {
    stop: AtomicBool,
    served: AtomicU64,
    slowest: AtomicU64,
}

impl Caller {
    fn call(&self, to: SocketAddr) {
        let mut kept = TcpStream::connect(to).unwrap();
        kept.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let reply = send(to, "GET", "/checkpoint", &[], b"");
            assert_eq!(reply.status, 200, "{}", reply.text());
            kept.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\nok\n") {
                let mut part = [0; 1_024];
                let n = kept.read(&mut part).unwrap();
                assert!(n > 0, "a connection that was kept was closed: {}", String::from_utf8_lossy(&answer));
                answer.extend_from_slice(&part[..n]);
            }
            assert!(answer.starts_with(b"HTTP/1.1 200"));
            self.served.fetch_add(2, Ordering::Relaxed);
            let took = u64::try_from(began.elapsed().as_millis()).unwrap();
            self.slowest.fetch_max(took, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Runs `misbehave` while a caller goes on asking. Each of the caller's requests must be served. Gives how many there were,
/// and the slowest pair of them in milliseconds.
fn while_others_are_served(to: SocketAddr, misbehave: impl Future<Output = ()>) -> (u64, u64) {
    let caller = Arc::new(Caller::default());
    let calling = caller.clone();
    let thread = std::thread::spawn(move || calling.call(to));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(misbehave);
    caller.stop.store(true, Ordering::Relaxed);
    thread.join().expect("each request of the caller is served");
    let served = caller.served.load(Ordering::Relaxed);
    assert!(served > 0);
    (served, caller.slowest.load(Ordering::Relaxed))
}

/// Memory in KiB that the server may take beyond what it held before, whatever is sent to it here.
const GROWTH: u64 = 128 << 10;

#[test]
fn a_hundred_thousand_connections_leave_others_served() {
    const ATTEMPTS: u32 = 100_000;
    const HELD: usize = 1_500;
    const ABREAST: u32 = 16;
    serve::raise_open_files();
    let folder = World::small().close();
    let mut served = folder.serve(&["--connections", "1024", "--connections-each", "64", "--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let (answers, slowest) = while_others_are_served(to, async {
        // More connections are held open than the server has places for.
        let held = RefCell::new(VecDeque::new());
        let attempt = async |n: u32| {
            let [_, _, b, c] = (n % 400).to_be_bytes();
            match connect_from(Ipv4Addr::new(127, 1, b, c.max(1)), to).await {
                Ok(stream) => {
                    taken.set(taken.get() + 1);
                    // Some send nothing, some begin a request.
                    if n.is_multiple_of(2) {
                        let _ = stream.try_write(b"GET / HT");
                    }
                    let mut held = held.borrow_mut();
                    held.push_back(stream);
                    if held.len() > HELD {
                        held.pop_front();
                    }
                }
                Err(_) => refused.set(refused.get() + 1),
            }
        };
        let some = async |from: u32| {
            for n in (from..ATTEMPTS).step_by(ABREAST as usize) {
                attempt(n).await;
            }
        };
        side_by_side(ABREAST, some).await;
    });
    let (taken, refused) = (taken.get(), refused.get());
    let growth = served.memory("VmHWM") - before;
    println!(
        "{ATTEMPTS} connections of 400 addresses: {taken} taken, {refused} refused; meanwhile {answers} requests \
         of another address, all served, the slowest pair in {slowest} ms; memory grew by {growth} KiB"
    );
    assert!(taken > ATTEMPTS / 2 && served.is_running());
    assert!(growth < GROWTH, "memory grew by {growth} KiB");
}

#[test]
fn thousands_of_sockets_that_trickle_leave_others_served_and_are_cut_off() {
    const SOCKETS: u32 = 3_000;
    const SECONDS: u32 = 13;
    serve::raise_open_files();
    let folder = World::small().close();
    let served = folder.serve(&["--connections", "2048", "--connections-each", "64", "--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let mut open = 0;
    let (answers, slowest) = while_others_are_served(to, async {
        let mut sockets = Vec::new();
        for n in 0..SOCKETS {
            let [_, _, b, c] = (n % 300).to_be_bytes();
            sockets.push(connect_from(Ipv4Addr::new(127, 2, b, c.max(1)), to).await.unwrap());
        }
        let head = b"GET /checkpoint HTTP/1.1\r\nHost: x\r\n";
        for second in 0..SECONDS {
            for socket in &sockets {
                // The server may have cut it off by now.
                let _ = socket.try_write(&head[second as usize..][..1]);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for socket in &sockets {
            let mut byte = [0];
            match socket.try_read(&mut byte) {
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => open += 1,
                _ => {}
            }
        }
    });
    let growth = served.memory("VmHWM") - before;
    println!(
        "{SOCKETS} sockets of 300 addresses, a byte a second each: {open} open after {SECONDS} s; meanwhile \
         {answers} requests of another address, all served, the slowest pair in {slowest} ms; memory grew by \
         {growth} KiB"
    );
    assert_eq!(open, 0, "the head of a request is not awaited for ever");
    assert!(growth < GROWTH, "memory grew by {growth} KiB");
}

#[test]
fn bodies_that_do_not_come_hold_no_place_of_those_that_do() {
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let (answers, _) = while_others_are_served(to, async {
        let mut held = Vec::new();
        // More requests than may be worked on at once.
        for n in 0..600 {
            let from = Ipv4Addr::new(127, 3, 0, 1 + (n % 6) as u8);
            let stream = connect_from(from, to).await.unwrap();
            let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: \
                        20000000\r\n\r\n{";
            stream.try_write(head.as_bytes()).unwrap();
            held.push(stream);
        }
        // The server still reads their bodies. A query finds a place all the same, each time.
        for _ in 0..20 {
            let body = r#"{"query":"{checkpoint{size}}"}"#;
            let json = [("Content-Type", "application/json")];
            let reply =
                tokio::task::spawn_blocking(move || send(to, "POST", "/graphql", &json, body.as_bytes()));
            assert_eq!(reply.await.unwrap().status, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let growth = served.memory("VmHWM") - before;
    println!(
        "600 bodies that don't come; meanwhile {answers} requests, all served; memory grew by {growth} KiB"
    );
    assert!(growth < GROWTH, "memory grew by {growth} KiB");
}

#[test]
fn answers_that_nobody_takes_are_not_held_in_memory() {
    let folder = World::small().close();
    let (path, bytes) = file_on_record(&folder, 4 << 20);
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let (answers, _) = while_others_are_served(to, async {
        let mut held = Vec::new();
        // Fewer requests than may be worked on at once, so that none is refused for their number.
        for n in 0..200 {
            let stream = connect_from(Ipv4Addr::new(127, 4, 0, 1 + (n % 6) as u8), to).await.unwrap();
            stream.try_write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
            held.push(stream);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    });
    let growth = served.memory("VmHWM") - before;
    println!(
        "200 answers of 16 MiB that nobody takes; meanwhile {answers} requests, all served; memory grew by \
         {growth} KiB"
    );
    assert!(growth < GROWTH, "memory grew by {growth} KiB");
    assert!(send(to, "GET", &path, &[], b"").body == bytes, "whoever takes it gets it whole");
}

/// As [`GROWTH`], with the memory for requests that are not whole yet.
const UNREAD: u64 = GROWTH + (serve::limits::UNREAD >> 10) as u64;

#[test]
fn heads_that_do_not_end_take_no_more_than_their_part_of_memory() {
    const HEADS: u32 = 2_000;
    serve::raise_open_files();
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let line = format!("X: {}\r\n", "x".repeat(400));
    let head = format!("GET /checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}", line.repeat(76));
    assert!((30 << 10..serve::limits::HEAD).contains(&head.len()));
    let (answers, slowest) = while_others_are_served(to, async {
        use tokio::io::AsyncWriteExt as _;
        let mut held = Vec::new();
        for n in 0..HEADS {
            let from = Ipv4Addr::new(127, 50, (n % 16) as u8, 1 + (n / 16 % 8) as u8);
            let mut stream = connect_from(from, to).await.unwrap();
            // The server may have cut it off by then.
            let _ = stream.write_all(head.as_bytes()).await;
            held.push(stream);
        }
        // A head of the same length that ends is read.
        let (status, _) =
            honest(Ipv4Addr::new(127, 51, 0, 1), to, &[head.as_bytes(), b"\r\n"]).await.unwrap();
        assert_eq!(status, 200);
    });
    let growth = served.memory("VmHWM") - before;
    println!(
        "{HEADS} heads of 31 KiB that don't end; meanwhile {answers} requests, all served, the slowest pair in \
         {slowest} ms; memory grew by {growth} KiB"
    );
    assert!(growth < UNREAD, "memory grew by {growth} KiB");
}

#[test]
fn messages_that_do_not_end_take_no_more_than_their_part_of_memory() {
    const SOCKETS: u32 = 512;
    const PART: u64 = 120 << 10;
    serve::raise_open_files();
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let lines: String = UPGRADE.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("GET /graphql HTTP/1.1\r\nHost: {to}\r\n{lines}\r\n");
    // Two frames of a message that does not end. The mask is zero, so it changes nothing.
    let frame = |code: u8| {
        let length = PART.to_be_bytes();
        [&[code, 0xff][..], &length, &[0; 4], &vec![b' '; PART as usize]].concat()
    };
    let message = [frame(1), frame(0)].concat();
    let (answers, slowest) = while_others_are_served(to, async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut held = Vec::new();
        for n in 0..SOCKETS {
            let from = Ipv4Addr::new(127, 52, (n % 16) as u8, 1 + (n / 16 % 8) as u8);
            let mut stream = connect_from(from, to).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            assert_eq!(&status, b"HTTP/1.1 101");
            // The server may have cut it off by then.
            let _ = stream.write_all(&message).await;
            held.push(stream);
        }
        tokio::time::sleep(2 * serve::limits::PAUSE).await;
        // A message of the same length that ends is answered, before the others are dropped for their silence.
        let ping = json!({"type": "ping", "payload": {"long": "x".repeat(2 * PART as usize)}});
        let pong = tokio::task::spawn_blocking(move || {
            let mut socket = Socket::open(to);
            socket.send(&ping);
            socket.message()
        });
        assert_eq!(pong.await.unwrap()["type"], "pong");
    });
    let growth = served.memory("VmHWM") - before;
    println!(
        "{SOCKETS} messages of 240 KiB that don't end; meanwhile {answers} requests, all served, the slowest pair \
         in {slowest} ms; memory grew by {growth} KiB"
    );
    assert!(growth < UNREAD, "memory grew by {growth} KiB");
}

#[test]
fn a_head_too_long_is_refused() {
    let w = World::small().served();
    let server = w.server();
    let long = "x".repeat(serve::limits::HEAD);
    assert_eq!(server.send("GET", "/livez", &[("X", &long)], b"").status, 431);
    let many: Vec<(&str, &str)> = (0..120).map(|_| ("X", "y")).collect();
    assert_eq!(server.send("GET", "/livez", &many, b"").status, 431);
    assert_eq!(server.send("GET", &format!("/{long}"), &[], b"").status / 100, 4);
    let fair = "x".repeat(serve::limits::HEAD - 1_024);
    assert_eq!(server.send("GET", "/livez", &[("X", &fair)], b"").status, 200);
}

#[test]
fn an_address_over_its_number_is_served_by_dropping_its_idle_connections() {
    let w = World::small().served_with(serve::Options { connections_each: 3, ..Default::default() });
    let server = w.server();
    let mut idle: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    assert_eq!(server.get("/livez").status, 200);
    // Only one of them had to go: the one that had waited longest.
    let mut byte = [0];
    idle[0].set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(matches!(idle[0].read(&mut byte), Ok(0) | Err(_)));
    for stream in &mut idle[1..] {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// Records `n` events in one call; `forwarded` holds the headers that a proxy would add.
fn record(to: SocketAddr, forwarded: &[(&str, &str)], n: usize, story: &Story) -> Reply {
    let submissions: Vec<Value> = (0..n)
        .map(|_| statement(story, "kata").1)
        .map(|s| {
            let text = |b: &[u8]| std::str::from_utf8(b).unwrap().to_owned();
            json!({"note": text(&s.note), "content": text(s.content.as_ref().unwrap())})
        })
        .collect();
    let query = "mutation($input: RecordInput!) { record(input: $input) {
        results { receipt { index } userErrors { code } } userErrors { code message } } }";
    let body = json!({"query": query, "variables": {"input": {"submissions": submissions}}}).to_string();
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend_from_slice(forwarded);
    let reply = send(to, "POST", "/graphql", &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// How many events were put on record, or the code by which all were refused.
fn taken(reply: &Reply) -> Result<usize, String> {
    let payload = &reply.json()["data"]["record"];
    match payload["userErrors"].as_array().unwrap().first() {
        Some(error) => Err(error["code"].as_str().unwrap().to_owned()),
        None => {
            let results = payload["results"].as_array().unwrap();
            assert!(
                results.iter().all(|r| r["receipt"]["index"].is_string() || r["receipt"]["index"].is_u64())
            );
            Ok(results.len())
        }
    }
}

#[test]
fn writes_are_counted_by_the_address_that_the_trusted_proxy_saw() {
    let proxies = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], ..Default::default() };
    let writes = WriteRate { per_minute: 1, burst: 5 };
    let w = World::small().served_with(serve::Options { proxies, writes, ..Default::default() });
    let server = w.server();
    let call = |from: &str, n| record(server.address, &[("X-Forwarded-For", from)], n, &w.story);
    let limited = Err("RATE_LIMITED".to_owned());
    // Events are counted, not calls.
    assert_eq!(taken(&call("203.0.113.1", 3)), Ok(3));
    let refused = call("203.0.113.1", 3);
    assert_eq!(taken(&refused), limited);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=70).contains(&wait), "{wait}");
    assert!(!refused.text().contains("203.0.113"), "no address is sent back");
    assert_eq!(taken(&call("203.0.113.1", 2)), Ok(2), "what was refused took nothing");
    // What a client writes into the header itself changes nothing.
    for forged in ["198.51.100.1, 203.0.113.1", "127.0.0.1, 203.0.113.1", "::1,unknown,203.0.113.1"] {
        assert_eq!(taken(&call(forged, 1)), limited, "{forged}");
    }
    assert_eq!(taken(&call("203.0.113.2", 5)), Ok(5), "another client is not bound by it");
    // One client holds a whole /64.
    assert_eq!(taken(&call("2001:db8::1", 5)), Ok(5));
    assert_eq!(taken(&call("2001:db8::2", 1)), limited);
    assert_eq!(taken(&call("2001:db8:0:1::1", 1)), Ok(1));
    // A proxy that names no client is counted by its own address.
    assert_eq!(taken(&record(server.address, &[], 5, &w.story)), Ok(5));
    assert_eq!(taken(&record(server.address, &[], 1, &w.story)), limited);
}

#[test]
fn without_a_trusted_proxy_the_header_of_callers_is_not_believed() {
    let writes = WriteRate { per_minute: 1, burst: 5 };
    let w = World::small().served_with(serve::Options { writes, ..Default::default() });
    let server = w.server();
    let call = |headers: &[(&str, &str)], n| taken(&record(server.address, headers, n, &w.story));
    // Clients behind a proxy that the operator did not name all count as one, whatever the header claims.
    assert_eq!(call(&[("X-Forwarded-For", "203.0.113.1")], 5), Ok(5));
    assert_eq!(call(&[("X-Forwarded-For", "203.0.113.2")], 1), Err("RATE_LIMITED".to_owned()));
    assert_eq!(call(&[("Forwarded", "for=203.0.113.3")], 1), Err("RATE_LIMITED".to_owned()));
    // The operator's own programs are not counted.
    assert_eq!(call(&[], 6), Ok(6));
    assert_eq!(call(&[], 6), Ok(6));
}

#[test]
fn long_words_count_for_more() {
    let proxies = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], ..Default::default() };
    let writes = WriteRate { per_minute: 1, burst: 10 };
    let w = World::small().served_with(serve::Options { proxies, writes, ..Default::default() });
    let server = w.server();
    let long = statement(&w.story, &"x".repeat(100_000)).1;
    let text = |b: &[u8]| std::str::from_utf8(b).unwrap().to_owned();
    let input = json!({"submissions": [{
        "note": text(&long.note), "content": text(long.content.as_ref().unwrap())
    }]});
    let query = "mutation($input: RecordInput!) { record(input: $input) { userErrors { code } } }";
    let call = || server.data(query, json!({"input": input}))["record"]["userErrors"].clone();
    assert_eq!(call(), json!([]));
    assert_eq!(call(), json!([{"code": "RATE_LIMITED"}]), "it counts for seven");
}

#[test]
fn uploads_are_counted_by_the_same_address() {
    let folder = World::small().close();
    let flags =
        ["--trusted-proxy", "127.0.0.0/8", "--forwarded-header", "forwarded", "--upload-quota", "9000"];
    let more = ["--url", "https://ledger.example.org", "--log", "debug"];
    let served = folder.serve(&[&flags[..], &more].concat());
    let put = |from: &str, fill: u8| {
        let bytes = [fill; 600];
        let path = format!("/file/{}", Digest::blake3(&bytes));
        send(served.address, "PUT", &path, &[("Forwarded", from)], &bytes)
    };
    assert_eq!(put("for=203.0.113.1", 1).status, 201);
    let refused = put("for=198.51.100.1, for=203.0.113.1", 2);
    assert_eq!((refused.status, refused.text().starts_with("RATE_LIMITED: ")), (429, true));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(put("for=203.0.113.2;proto=https", 3).status, 201);
    // The other header is not read.
    let bytes = [4; 600];
    let path = format!("/file/{}", Digest::blake3(&bytes));
    let both = [("Forwarded", "for=203.0.113.1"), ("X-Forwarded-For", "203.0.113.9")];
    assert_eq!(send(served.address, "PUT", &path, &both, &bytes).status, 429);
    drop(served);
    no_addresses(&folder.at("log"));
}

/// A log says what was asked and answered, never by whom.
fn no_addresses(log: &Path) {
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/file/") && log.contains("429"), "requests are logged: {log}");
    for part in ["203.0.113", "198.51.100", "127.0.0.1"] {
        assert!(!log.contains(part), "{log}");
    }
}

#[test]
fn uploads_at_once_are_bounded_for_each_client() {
    let w = World::small().served();
    let server = w.server();
    // A short upload needs no place.
    let bytes = vec![b'x'; 4 * serve::limits::UPLOAD_FIRST];
    let path = format!("/file/{}", Digest::blake3(&bytes));
    let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", bytes.len());
    let hold = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&bytes[..2 * serve::limits::UPLOAD_FIRST]).unwrap();
        stream
    };
    let mut held: Vec<TcpStream> = (0..serve::limits::UPLOADS_EACH).map(|_| hold()).collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = server.send("PUT", &path, &[], &bytes);
        if reply.status == 503 {
            assert!(reply.header("retry-after").is_some() && reply.text().starts_with("UNAVAILABLE: "));
            break;
        }
        assert!(Instant::now() < deadline, "never refused");
        // It was quicker than one of the uploads held here, which was then refused in its place.
        held.push(hold());
    }
    let short = Digest::blake3(b"x");
    assert_eq!(server.send("PUT", &format!("/file/{short}"), &[], b"x").status, 201);
    held.clear();
    // An upload whose client has gone holds no place.
    while server.send("PUT", &path, &[], &bytes).status != 201 {
        assert!(Instant::now() < deadline, "never free again");
    }
}

/// An honest request on a connection of its own: sends each part after the time that a line commonly takes.
async fn honest(from: Ipv4Addr, to: SocketAddr, parts: &[&[u8]]) -> std::io::Result<(u16, Vec<u8>)> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let asked = async {
        let mut stream = connect_from(from, to).await?;
        for part in parts {
            tokio::time::sleep(Duration::from_millis(80)).await;
            // The server may answer before it has read all.
            if stream.write_all(part).await.is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        match status {
            Some(status) => Ok((status, answer)),
            None => Err(std::io::Error::other(format!("no answer: {}", String::from_utf8_lossy(&answer)))),
        }
    };
    let late = |_| Err(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(late)
}

fn put_head(bytes: &[u8]) -> String {
    let (digest, length) = (Digest::blake3(bytes), bytes.len());
    format!("PUT /file/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
}

fn post_head(length: usize) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// People who go on asking from addresses of their own, each kind of request one after the other.
#[derive(Default)]
struct Honest {
    stop: AtomicBool,
    served: AtomicU64,
    slowest: AtomicU64,
    lost: std::sync::Mutex<Vec<String>>,
    /// Uploads at 32 KiB a second that came to their end.
    uploads: AtomicU64,
}

impl Honest {
    fn took_part(&self, what: &str, began: Instant, got: std::io::Result<(u16, Vec<u8>)>, expected: u16) {
        match got {
            Ok((status, _)) if status == expected => {
                self.served.fetch_add(1, Ordering::Relaxed);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap();
                self.slowest.fetch_max(took, Ordering::Relaxed);
            }
            Ok((_, answer)) => {
                self.lost.lock().unwrap().push(format!("{what}: {}", String::from_utf8_lossy(&answer)));
            }
            Err(error) => self.lost.lock().unwrap().push(format!("{what}: {error}")),
        }
    }

    /// Asks until it is told to stop.
    async fn ask(&self, to: SocketAddr) {
        let going_on = || !self.stop.load(Ordering::Relaxed);
        let reads = async {
            for n in (1..=250).cycle().take_while(|_| going_on()) {
                let began = Instant::now();
                let get = b"GET /entries HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                let got = honest(Ipv4Addr::new(127, 9, 1, n), to, &[get]).await;
                self.took_part("page", began, got, 200);
            }
        };
        let queries = async {
            for n in (1..=250).cycle().take_while(|_| going_on()) {
                let began = Instant::now();
                let body = br#"{"query":"{checkpoint{size}}"}"#;
                let head = post_head(body.len());
                let got = honest(Ipv4Addr::new(127, 9, 2, n), to, &[head.as_bytes(), body]).await;
                self.took_part("query", began, got, 200);
            }
        };
        let short = async {
            for n in (1..=250).cycle().take_while(|_| going_on()) {
                let began = Instant::now();
                let bytes = format!("{began:?}").into_bytes();
                let got =
                    honest(Ipv4Addr::new(127, 9, 3, n), to, &[put_head(&bytes).as_bytes(), &bytes]).await;
                self.took_part("short upload", began, got, 201);
            }
        };
        // At 32 KiB a second. An upload that is told to come again does so; one that was let in is not cut off.
        let long = async {
            let mut told = 0;
            for n in (1..=250).cycle().take_while(|_| going_on()) {
                let began = Instant::now();
                // Long enough that the server judges how fast it comes.
                let bytes = format!("{began:?}").into_bytes().repeat(6_144);
                let head = put_head(&bytes);
                let mut parts = vec![head.as_bytes()];
                parts.extend(bytes.chunks(2_621));
                let got = honest(Ipv4Addr::new(127, 9, 4, n), to, &parts).await;
                if told < 5
                    && matches!(&got, Ok((503, answer)) if String::from_utf8_lossy(answer).contains("retry-after: 1"))
                {
                    told += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                told = 0;
                self.uploads.fetch_add(u64::from(matches!(got, Ok((201, _)))), Ordering::Relaxed);
                self.took_part("long upload", Instant::now(), got, 201);
            }
        };
        tokio::join!(reads, queries, short, long);
    }
}

/// Runs `misbehave` while honest people ask. Each of their requests must be answered. Gives a line about their requests, and
/// how many long uploads came to their end.
fn while_honest_people_ask(to: SocketAddr, misbehave: impl Future<Output = ()>) -> (String, u64) {
    let people = Arc::new(Honest::default());
    let asking = people.clone();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let thread = std::thread::spawn(move || runtime().block_on(asking.ask(to)));
    runtime().block_on(misbehave);
    people.stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    let lost = people.lost.lock().unwrap();
    let [served, slowest, uploads] =
        [&people.served, &people.slowest, &people.uploads].map(|n| n.load(Ordering::Relaxed));
    let said =
        format!("{served} honest requests, the slowest in {slowest} ms, {uploads} long uploads among them");
    assert!(lost.is_empty(), "{said}; {} lost: {:#?}", lost.len(), &lost[..lost.len().min(8)]);
    assert!(served > 0, "{said}");
    (said, uploads)
}

/// A file of `words` numbers of 4 bytes on record: its path and its bytes.
fn file_on_record(folder: &Folder<Story>, words: u32) -> (String, Vec<u8>) {
    let ledger = open(&folder.dir);
    let bytes: Vec<u8> = (0..words).flat_map(u32::to_le_bytes).collect();
    let files = [upload(&ledger, "besar.bin", &bytes)];
    support::record(&ledger, captured(&folder.story, "Fail", &files));
    (format!("/file/{}", files[0].blake3), bytes)
}

#[test]
fn five_thousand_sockets_of_each_kind_that_trickle_cost_no_honest_request() {
    const SOCKETS: u32 = 5_000;
    // A long upload takes some six seconds.
    const SECONDS: u32 = 9;
    const ANSWERS: &str = "answers that nobody takes";
    serve::raise_open_files();
    let folder = World::small().close();
    let (path, _) = file_on_record(&folder, 4 << 20);
    let mut served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let before = served.at_rest();
    let long = vec![b'x'; 200_000];
    let put = put_head(&long);
    let begun = [put.as_bytes(), &long[..serve::limits::UPLOAD_FIRST + 1]].concat();
    let post = [post_head(20_000_000).as_bytes(), b"{"].concat();
    let answer = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    // What each socket sends at once, and what each sends every half second.
    let kinds: [(&str, &[u8], &[u8]); 8] = [
        ("silent", b"", b""),
        ("heads a byte at a time", b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
        ("bodies of queries that stop", &post, b""),
        ("bodies of queries a byte at a time", &post, b" "),
        ("uploads that stop before they begin", put.as_bytes(), b""),
        ("uploads a byte at a time", &begun[..begun.len() - serve::limits::UPLOAD_FIRST], b"x"),
        ("uploads that begin and stop", &begun, b""),
        (ANSWERS, answer.as_bytes(), b""),
    ];
    // Each kind comes while the one before is still there.
    let (mut last, mut uploaded) = (Vec::new(), 0);
    for (kind, first, then) in kinds {
        let (said, uploads) = while_honest_people_ask(to, async {
            let mut sockets = Vec::new();
            // From 500 addresses in 50 networks.
            for n in 0..SOCKETS {
                let from = Ipv4Addr::new(127, 20, (n % 50) as u8, 1 + (n / 50 % 10) as u8);
                let Ok(socket) = connect_from(from, to).await else { continue };
                let _ = socket.try_write(first);
                sockets.push(socket);
                // These are whole requests: one for each socket would be more than may be worked on at once.
                if kind == ANSWERS && n.is_multiple_of(16) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            for _ in 0..2 * SECONDS {
                for socket in sockets.iter().filter(|_| !then.is_empty()) {
                    // The server may have cut it off by now.
                    let _ = socket.try_write(then);
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            last = sockets;
        });
        let growth = served.memory("VmHWM") - before;
        println!("{SOCKETS} {kind}: {said}; memory grew by {growth} KiB so far");
        uploaded += uploads;
    }
    drop(last);
    assert!(uploaded > 8, "{uploaded} long uploads");
    let growth = served.memory("VmHWM") - before;
    assert!(served.is_running());
    // A connection that is busy takes up to 128 KiB.
    let most = GROWTH + 128 * u64::try_from(serve::limits::CONNECTIONS).unwrap();
    assert!(growth < most, "memory grew by {growth} KiB");
}

#[test]
fn uploads_that_stop_give_their_places_to_others() {
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bytes = vec![b'x'; 2 * serve::limits::UPLOAD_FIRST];
        let (head, begun) = (put_head(&bytes), &bytes[..serve::limits::UPLOAD_FIRST + 1]);
        let begin = async |from: Ipv4Addr| {
            use tokio::io::AsyncWriteExt as _;
            let mut socket = connect_from(from, to).await.unwrap();
            socket.write_all(head.as_bytes()).await.unwrap();
            // An upload that is refused is cut off.
            let _ = socket.write_all(begun).await;
            socket
        };
        // More uploads than one network may have under way.
        let mut stalled = Vec::new();
        for n in 0..serve::limits::UPLOADS * 3 / 4 + 16 {
            stalled.push(begin(Ipv4Addr::new(127, 5, 0, 1 + n as u8)).await);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let whole = [head.as_bytes(), &bytes];
        let other = honest(Ipv4Addr::new(127, 6, 0, 1), to, &whole).await.unwrap();
        assert_eq!(other.0, 201, "another network has places: {}", String::from_utf8_lossy(&other.1));
        let neighbour = Ipv4Addr::new(127, 5, 0, 250);
        // The network has no place left once all of them have been taken up.
        let deadline = Instant::now() + serve::limits::AHEAD;
        while honest(neighbour, to, &whole).await.unwrap().0 != 503 {
            assert!(Instant::now() < deadline, "this one has used up its own");
        }
        tokio::time::sleep(serve::limits::AHEAD + serve::limits::PAUSE).await;
        // The stalled ones have used up their time.
        assert_eq!(honest(neighbour, to, &whole).await.unwrap().0, 201);
        drop(stalled);
    });
}

#[test]
fn uploads_that_just_keep_the_pace_give_their_places_to_quicker_ones() {
    const PART: usize = 3_000;
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bytes = vec![b'x'; 20 * serve::limits::UPLOAD_FIRST];
        let (head, begun) = (put_head(&bytes), &bytes[..serve::limits::UPLOAD_FIRST + 1]);
        let mut paced = Vec::new();
        // All places, and a few more: an address that holds as many as are left gets no other.
        for n in 0..serve::limits::UPLOADS + 64 {
            use tokio::io::AsyncWriteExt as _;
            let from = Ipv4Addr::new(127, 40, (n % 48) as u8, 1 + (n / 48 % 6) as u8);
            let mut socket = connect_from(from, to).await.unwrap();
            socket.write_all(head.as_bytes()).await.unwrap();
            let _ = socket.write_all(begun).await;
            paced.push(socket);
        }
        let whole = [head.as_bytes(), &bytes];
        let began = Instant::now();
        // Each sends some 6 kB a second.
        while began.elapsed() < serve::limits::TOLD_AFTER + Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            paced.iter().for_each(|socket| drop(socket.try_write(&bytes[..PART])));
        }
        for n in 1..=3 {
            let (status, answer) = honest(Ipv4Addr::new(127, 41, n, 1), to, &whole).await.unwrap();
            assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
        }
        let answered = |socket: &tokio::net::TcpStream| {
            let mut answer = [0; 64];
            socket.try_read(&mut answer).is_ok()
        };
        let left = paced.iter().filter(|socket| !answered(socket)).count();
        let places = serve::limits::UPLOADS;
        assert!(
            (places - 8..places).contains(&left),
            "{left} of {places} go on: they had all, and some went"
        );
    });
}

#[test]
fn who_comes_again_and_again_with_many_uploads_cuts_nobody_who_has_one() {
    use tokio::io::AsyncWriteExt as _;
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bytes = vec![b'x'; 10 * serve::limits::UPLOAD_FIRST];
        let (head, begun) = (put_head(&bytes), &bytes[..serve::limits::UPLOAD_FIRST + 1]);
        // 17 addresses take all places. None of their uploads gets old enough to be found slow.
        let many = side_by_side(17 * 16, async |n| {
            loop {
                let from = Ipv4Addr::new(127, 50, (n % 17) as u8, 1);
                let Ok(mut socket) = connect_from(from, to).await else { continue };
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(begun).await;
                tokio::time::sleep(serve::limits::TOLD_AFTER - Duration::from_millis(400)).await;
            }
        });
        // Each sends some 45 kB a second.
        let one = async |n: u8| {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut parts = vec![head.as_bytes()];
            parts.extend(bytes.chunks(4_096));
            honest(Ipv4Addr::new(127, 51, n, 1), to, &parts).await.unwrap()
        };
        let honest = async { tokio::join!(one(1), one(2), one(3)) };
        tokio::select! {
            (a, b, c) = honest => {
                for (status, answer) in [a, b, c] {
                    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
                }
            }
            () = many => unreachable!("it has no end"),
        }
    });
}

#[test]
fn bodies_that_stop_give_the_memory_they_hold_to_others() {
    const EACH: usize = 8 << 20;
    let folder = World::small().close();
    let served = folder.serve(&["--log", "warn"]);
    let to = served.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (head, body) = (post_head(EACH + 1), vec![b' '; EACH]);
        let mut stalled = Vec::new();
        // Four times as much as may be in memory, from many networks.
        for n in 0..64 {
            use tokio::io::AsyncWriteExt as _;
            let mut socket = connect_from(Ipv4Addr::new(127, 7, n, 1), to).await.unwrap();
            // An upload that is refused is cut off.
            let _ = socket.write_all(head.as_bytes()).await;
            let _ = socket.write_all(&body).await;
            stalled.push(socket);
        }
        tokio::time::sleep(serve::limits::AHEAD + serve::limits::PAUSE).await;
        let head = post_head(EACH);
        let (status, answer) =
            honest(Ipv4Addr::new(127, 8, 0, 1), to, &[head.as_bytes(), &body]).await.unwrap();
        assert_eq!(status, 400, "it is read, and is no query: {}", String::from_utf8_lossy(&answer));
        drop(stalled);
    });
}

#[test]
fn sockets_that_rest_give_their_places_to_others() {
    use tungstenite::{Message, client::IntoClientRequest as _};
    let folder = World::small().close();
    // Eight of 16 connections may be WebSockets.
    let flags =
        ["--connections", "16", "--trusted-proxy", "127.0.0.1", "--url", "https://ledger.example.org"];
    let served = folder.serve(&[&flags[..], &["--log", "warn"]].concat());
    let open = |from: String| {
        let stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = format!("ws://{}/graphql", served.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        headers.insert("x-forwarded-for", from.parse().unwrap());
        let (mut socket, _) = tungstenite::client(request, stream).ok()?;
        socket.send(Message::text(r#"{"type":"connection_init"}"#)).unwrap();
        assert!(socket.read().unwrap().is_text());
        Some(socket)
    };
    let mut held = Vec::new();
    for network in 1..=8 {
        for n in 1..=4 {
            held.extend(open(format!("198.51.{network}.{n}")));
        }
    }
    assert_eq!(held.len(), 8);
    let asking = held.pop().unwrap();
    // The others answer pings and send nothing else; `asking` goes on asking.
    let others: Vec<_> = held
        .into_iter()
        .map(|mut socket| {
            std::thread::spawn(move || {
                while socket.read().is_ok() {
                    let _ = socket.flush();
                }
            })
        })
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = stop.clone();
    let asks = std::thread::spawn(move || {
        let mut socket = asking;
        while !stopping.load(Ordering::Relaxed) {
            let query = r#"{"type":"subscribe","id":"1","payload":{"query":"{checkpoint{size}}"}}"#;
            socket.send(Message::text(query)).unwrap();
            while !socket.read().expect("it is of use").to_text().unwrap_or_default().contains("complete") {}
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    assert!(open("203.0.113.1".to_owned()).is_none(), "they have just come");
    std::thread::sleep(serve::limits::UPGRADED_REST + Duration::from_millis(500));
    let new: Vec<_> = (1..=3).filter_map(|n| open(format!("203.0.{n}.1"))).collect();
    assert_eq!(new.len(), 3);
    stop.store(true, Ordering::Relaxed);
    asks.join().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while others.iter().filter(|other| other.is_finished()).count() < 3 {
        assert!(Instant::now() < deadline, "three of them were closed");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop((new, served));
}

const SENT: (&str, &str) = ("Content-Type", "application/json");
const UPGRADE: [(&str, &str); 5] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Sec-WebSocket-Protocol", "graphql-transport-ws"),
];

/// The status of an upgrade to a WebSocket by a page of this origin, or by a program if there is none.
fn upgrade(to: SocketAddr, origin: Option<&str>) -> u16 {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let lines = UPGRADE.into_iter().chain(origin.map(|origin| ("Origin", origin)));
    let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "GET /graphql HTTP/1.1\r\nHost: {to}\r\n{lines}\r\n").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
}

/// Sends a call that records nothing, and a file, as a page of this origin would.
fn write(to: SocketAddr, origin: &str, fill: u8) -> [Reply; 2] {
    let mutation = br#"{"query":"mutation { record(input: {submissions: []}) { userErrors { code } } }"}"#;
    let bytes = [fill; 600];
    let path = format!("/file/{}", Digest::blake3(&bytes));
    let origin = ("Origin", origin);
    [send(to, "POST", "/graphql", &[SENT, origin], mutation), send(to, "PUT", &path, &[origin], &bytes)]
}

/// What a browser asks before it lets a page of another site send a request by this method.
fn preflight(to: SocketAddr, path: &str, method: &str) -> Reply {
    let headers = [
        ("Origin", "https://elsewhere.example"),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "content-type"),
        ("Access-Control-Request-Private-Network", "true"),
    ];
    send(to, "OPTIONS", path, &headers, b"")
}

const READ: [&str; 8] = [
    "/",
    "/checkpoint",
    "/entry/0",
    "/tile/entries/000.p/5",
    "/style.css",
    "/e/0",
    "/nothing",
    "/graphql?query=%7B__typename%7D",
];
const HEALTH: [&str; 3] = ["/livez", "/readyz", "/metrics"];

#[test]
fn where_cors_is_off_other_sites_neither_read_nor_write() {
    let w = World::small().served();
    let server = w.server();
    let (to, own) = (server.address, format!("http://{}", server.address));
    let of_cors = |reply: &Reply| reply.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
    for path in READ.into_iter().chain(HEALTH) {
        let reply = send(to, "GET", path, &[("Origin", "https://elsewhere.example")], b"");
        assert!(!of_cors(&reply), "{path} {:?}", reply.headers);
    }
    for (path, method) in [("/graphql", "POST"), ("/file/0", "PUT"), ("/checkpoint", "GET")] {
        let reply = preflight(to, path, method);
        assert!(reply.status == 405 && !of_cors(&reply), "{path} {:?}", reply.headers);
    }
    let port = to.port();
    let same_address = format!("http://127.0.0.1:{}", port.wrapping_add(1));
    let upside_down = format!("http://localhost:{port}");
    for foreign in ["https://elsewhere.example", "null", "", "file://", &same_address, &upside_down] {
        let [mutation, file] = write(to, foreign, 1);
        assert_eq!((mutation.status, file.status), (403, 403), "{foreign}");
        assert_eq!(mutation.json()["errors"][0]["extensions"]["code"], "FOREIGN_ORIGIN");
        assert!(file.text().contains("--cors"), "{}", file.text());
        assert_eq!(upgrade(to, Some(foreign)), 403, "{foreign}");
        // The page may ask for what is only read. Its browser does not hand the answer on to it.
        let query = br#"{"query":"{checkpoint{size}}"}"#;
        let reply = send(to, "POST", "/graphql", &[SENT, ("Origin", foreign)], query);
        assert!(reply.status == 200 && !of_cors(&reply), "{foreign}");
    }
    // Pages of this server, and programs.
    let [mutation, file] = write(to, &own, 2);
    assert_eq!((mutation.status, file.status), (200, 201), "{}", mutation.text());
    assert_eq!((upgrade(to, Some(&own)), upgrade(to, None)), (101, 101));
}

#[test]
fn where_cors_is_on_every_site_reads_and_writes_and_none_asks_for_health() {
    let w = World::small().served_with(serve::Options { cors: Some(true), ..Default::default() });
    let server = w.server();
    let to = server.address;
    for path in READ {
        let reply = server.get(path);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(reply.header("access-control-allow-credentials"), None, "{path}");
    }
    for (path, method) in [("/graphql", "POST"), ("/file/0", "PUT"), ("/checkpoint", "GET"), ("/e/0", "GET")]
    {
        let reply = preflight(to, path, method);
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-headers"), Some("*"));
        let methods = reply.header("access-control-allow-methods").unwrap();
        assert!(methods.split(", ").any(|allowed| allowed == method), "{path} {methods}");
        assert!(!reply.headers.iter().any(|(name, _)| name.contains("private-network")), "{path}");
    }
    let methods =
        |path| preflight(to, path, "PUT").header("access-control-allow-methods").unwrap().to_owned();
    assert!(!methods("/graphql").contains("PUT") && !methods("/checkpoint").contains("PUT"));
    for path in HEALTH {
        for reply in [server.get(path), preflight(to, path, "GET")] {
            let allows = reply.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
            assert!(!allows, "{path} {:?}", reply.headers);
        }
    }
    let [mutation, file] = write(to, "https://elsewhere.example", 3);
    assert_eq!((mutation.status, file.status), (200, 201), "{}", mutation.text());
    assert_eq!(file.header("access-control-allow-origin"), Some("*"));
    assert_eq!(upgrade(to, Some("https://elsewhere.example")), 101);
}

#[test]
fn a_page_never_counts_as_a_program_on_this_machine() {
    let writes = WriteRate { per_minute: 1, burst: 5 };
    let w = World::small().served_with(serve::Options { writes, cors: Some(true), ..Default::default() });
    let server = w.server();
    let own = format!("http://{}", server.address);
    let call = |headers: &[(&str, &str)], n| taken(&record(server.address, headers, n, &w.story));
    assert_eq!(call(&[("Origin", &own)], 5), Ok(5));
    for origin in [&own, "https://elsewhere.example", "null"] {
        assert_eq!(call(&[("Origin", origin)], 1), Err("RATE_LIMITED".to_owned()), "{origin}");
    }
    assert_eq!(call(&[], 6), Ok(6));
}

/// The status of a request for a host.
fn as_host(to: SocketAddr, host: &str, path: &str) -> u16 {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Reply::parse(&answer).status
}

/// What holds of a ledger and of a mirror that the world knows by `https://ledger.example.org`.
fn known_by_its_url(to: SocketAddr) {
    let here = [to.to_string(), format!("localhost:{}", to.port()), "127.0.0.1".to_owned()];
    let known = ["ledger.example.org", "LEDGER.example.org:443", "ledger.example.org."];
    for host in here.iter().map(String::as_str).chain(known) {
        assert_eq!(as_host(to, host, "/checkpoint"), 200, "{host}");
    }
    // A foreign name that was made to point here, another port, another address.
    let others =
        ["rebound.example", "ledger.example.org.rebound.example", "ledger.example.org:80", "192.0.2.1"];
    for host in others {
        for path in ["/checkpoint", "/", "/graphql?query=%7B__typename%7D", "/file/0"] {
            assert_eq!(as_host(to, host, path), 421, "{host} {path}");
        }
        assert_eq!((as_host(to, host, "/livez"), as_host(to, host, "/readyz")), (200, 200), "{host}");
    }
    // A host in the request's target counts before the one in `Host`.
    assert_eq!(as_host(to, "ledger.example.org", "http://rebound.example/checkpoint"), 421);
    assert_eq!(as_host(to, "rebound.example", "http://ledger.example.org/checkpoint"), 200);
}

#[test]
fn with_a_url_a_request_for_another_host_is_misdirected() {
    let folder = World::small().close();
    let served = folder.serve(&["--url", "https://ledger.example.org"]);
    known_by_its_url(served.address);
    // Without `--url` any host is believed.
    let served = {
        drop(served);
        folder.serve(&[])
    };
    assert_eq!(as_host(served.address, "rebound.example", "/checkpoint"), 200);
}

#[test]
fn an_address_that_no_browser_can_name_is_refused_at_the_start() {
    let folder = World::small().close();
    for url in ["https://\u{e4}.example", "https://a.example:99999", "https://[::1"] {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_onrecord"))
            .args(["serve", "--listen", "127.0.0.1:0", "--url", url, "--data"])
            .arg(&folder.dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(2) && said.contains("punycode"), "{url}: {said}");
    }
}

#[test]
fn cors_is_on_with_an_https_url_or_by_the_flag_of_ledger_and_mirror_alike() {
    let folder = World::small().close();
    let key = open(&folder.dir).reader().log_key().to_string();
    let on = |to: SocketAddr| {
        let reply = send(to, "GET", "/checkpoint", &[], b"");
        let [mutation, file] = write(to, "https://elsewhere.example", 4);
        let on = reply.header("access-control-allow-origin") == Some("*");
        // A mirror takes no files, whoever sends them.
        assert_eq!((mutation.status == 403, file.status == 403), (!on, !on), "{}", file.text());
        on
    };
    for (flags, expected) in [
        (&[][..], false),
        (&["--cors"][..], true),
        (&["--url", "http://ledger.example.org"], false),
        (&["--url", "https://ledger.example.org"], true),
        (&["--url", "https://ledger.example.org", "--cors=false"], false),
    ] {
        let served = folder.serve(flags);
        assert_eq!(on(served.address), expected, "{flags:?}");
        let mirrored = folder.at(&format!("mirror-{}", flags.join("").replace('/', "")));
        let log = folder.at("log-of-mirror");
        let mirror =
            Program::mirror_with(&format!("http://{}", served.address), &key, &mirrored, flags, &log);
        assert_eq!(on(mirror.address), expected, "{flags:?}");
        if flags == ["--url", "https://ledger.example.org"] {
            known_by_its_url(mirror.address);
        }
    }
}

#[test]
fn the_demo_lets_pages_of_all_sites_in() {
    let tmp = tempfile::tempdir().unwrap();
    let log = tmp.path().join("log");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_onrecord"))
        .args(["demo", "--json", "--listen", "127.0.0.1:0", "--data"])
        .arg(tmp.path().join("demo"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(log).unwrap())
        .spawn()
        .unwrap();
    let said =
        serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>().next();
    let said = said.unwrap().unwrap();
    let to = said["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    let reply = send(to, "GET", "/checkpoint", &[], b"");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}
