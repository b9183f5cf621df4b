//! nginx with the sample configurations of `deploy/`: alone over the public files, and in front of the server.

use crate::files;
use crate::http;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use crate::http::{Reply, Server};
use crate::program::{self, Running, free_port, said};
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::{Digest, EventId},
    ledger::Ledger,
    log::{TileKind, tiles_of},
    serve,
};
use serde_json::{Value, json};

/// An nginx of the test's own, on a free port. It ends with the test.
struct Nginx {
    _running: Running,
    address: SocketAddr,
    _tmp: tempfile::TempDir,
}

impl Nginx {
    /// Runs a sample configuration. A line for which `changed` gives another is replaced: those name this machine.
    fn start(sample: &str, changed: impl Fn(&str, SocketAddr, &Path) -> Option<String>) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().display();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(sample);
        let sample = fs::read_to_string(sample).unwrap();
        // Another program may take the port before nginx does.
        for _ in 0..10 {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let lines =
                sample.lines().map(|l| changed(l, address, tmp.path()).unwrap_or_else(|| l.to_owned()));
            let server = lines.collect::<Vec<_>>().join("\n");
            assert!(server.contains(&format!("listen {address}")), "{server}");
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {dir}/{kind};\n"))
                .concat();
            let whole = format!(
                "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr warn;\nevents {{}}\n\
                 http {{\n{temporary}{server}\n}}\n"
            );
            fs::write(tmp.path().join("nginx.conf"), whole).unwrap();
            let log = fs::File::create(tmp.path().join("log")).unwrap();
            let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
            let mut child = Command::new("nginx")
                .env("PATH", path)
                .args(["-e", "stderr", "-c"])
                .arg(tmp.path().join("nginx.conf"))
                .stderr(Stdio::from(log))
                .spawn()
                .expect("nginx; ./test installs it (Debian: nginx-light)");
            loop {
                if TcpStream::connect(address).is_ok() {
                    return Self { _running: Running(child), address, _tmp: tmp };
                }
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let said = fs::read_to_string(tmp.path().join("log")).unwrap();
            assert!(said.contains("Address already in use"), "nginx ended: {said}");
        }
        panic!("no free port");
    }

    /// Over a folder of public files.
    fn over(public: &Path) -> Self {
        let root = format!("root {};", public.display());
        Self::start("nginx-static.conf", move |line, address, _| match line.trim() {
            "listen 80;" => Some(format!("listen {address};")),
            "listen [::]:80;" => Some(String::new()),
            l if l.starts_with("root ") => Some(root.clone()),
            _ => None,
        })
    }

    /// The same, where each file is stored gzipped and always sent so.
    fn over_gzipped(public: &Path) -> Self {
        let root = format!("root {}; gzip_static always;", public.display());
        Self::start("nginx-static.conf", move |line, address, _| match line.trim() {
            "listen 80;" => Some(format!("listen {address};")),
            "listen [::]:80;" => Some(String::new()),
            l if l.starts_with("root ") => Some(root.clone()),
            _ => None,
        })
    }

    /// In front of a server, without TLS, for which nginx would need certificates.
    fn before(server: SocketAddr) -> Self {
        Self::start("nginx-proxy.conf", move |line, address, dir| match line.trim() {
            "listen 443 ssl http2;" => Some(format!("listen {address};")),
            // A server that listens nowhere would listen on port 80.
            "listen 80;" => Some(format!("listen unix:{}/redirect;", dir.display())),
            "server 127.0.0.1:8080;" => Some(format!("server {server};")),
            l if l.starts_with("listen") || l.starts_with("ssl_") => Some(String::new()),
            _ => None,
        })
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        http::send(self.address, method, path, headers, body)
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }
}

fn verify(address: SocketAddr, ledger: &Ledger) -> String {
    let key = ledger.reader().log_key().to_string();
    let (code, said) = ours(&["verify", &format!("http://{address}"), "--key", &key]);
    assert_eq!(code, Some(0), "{said}");
    said
}

fn http_date(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let time = jiff::Timestamp::from_second(seconds.try_into().unwrap()).unwrap();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

const SECRET: &str = "perkataan yang ditarik balik";
const FILE: &[u8] = b"isi lampiran yang ditangkap";

/// Records an exhibit of one file. Gives its id, and the file's digest.
fn exhibit(w: &World<Story>) -> (EventId, Digest) {
    let file = upload(&w.ledger, "lampiran.txt", FILE);
    let (id, _) = w.record(captured(&w.story, "Lampiran", std::slice::from_ref(&file)));
    (id, file.blake3)
}

fn withheld(w: &World<Story>, id: EventId, what: &str) {
    w.record(withhold(Some(w.story.case), id, "court_order", &[what]));
}

#[test]
fn a_copy_of_the_public_files_behind_nginx_is_a_valid_ledger_served_as_the_server_does() {
    let w = World::small();
    for i in 0..300 {
        w.say(&format!("kenyataan {i}"));
    }
    let (_, file) = exhibit(&w);
    let (hidden, _) = w.say(SECRET);
    withheld(&w, hidden, "content");
    w.published();
    let copied = w.at("copy");
    copy(&w.public(), &copied);
    let nginx = Nginx::over(&copied);
    let said = verify(nginx.address, &w.ledger);
    assert!(said.contains("1 withheld by the log, 0 missing") && said.contains("\nvalid"), "{said}");

    let server = Server::start(w.ledger.clone());
    let size = w.size();
    let mut paths: Vec<String> = tiles_of(size).map(|p| format!("/{p}")).collect();
    paths.extend(["/checkpoint".to_owned(), format!("/file/{file}")]);
    assert!(paths.len() >= 9, "{paths:?}");
    for path in &paths {
        let (ours, theirs) = (server.get(path), nginx.get(path));
        assert_eq!((theirs.status, &theirs.body), (200, &ours.body), "{path}");
        for name in ["cache-control", "content-length", "x-content-type-options"] {
            assert_eq!(theirs.header(name), ours.header(name), "{path} {name}");
        }
        match path.starts_with("/file/") {
            // Only the log knows what media type its author gave it.
            true => {
                assert_eq!(theirs.header("content-type"), Some("application/octet-stream"));
                assert_eq!(theirs.header("content-disposition"), Some("attachment"));
            }
            false => assert_eq!(theirs.header("content-type"), ours.header("content-type"), "{path}"),
        }
        let head = nginx.send("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), theirs.header("content-length"), "{path}");
        match theirs.header("etag") {
            Some(tag) => {
                let again = nginx.send("GET", path, &[("If-None-Match", tag)], b"");
                assert_eq!((again.status, again.header("etag")), (304, Some(tag)), "{path}");
                assert_eq!(again.header("cache-control"), ours.header("cache-control"), "{path}");
            }
            None => assert_eq!(path, "/checkpoint"),
        }
        let packed = nginx.send("GET", path, &[("Accept-Encoding", "gzip")], b"");
        let ours = server.send("GET", path, &[("Accept-Encoding", "gzip")], b"");
        for name in ["content-encoding", "vary"] {
            assert_eq!(packed.header(name), ours.header(name), "{path} {name}");
        }
        let full = path.contains("/entries/000") || path.contains("content/tile/000");
        assert!(!full || packed.header("content-encoding") == Some("gzip"), "{path}");
    }
    let unknown = "0".repeat(64);
    for path in [
        "/".to_owned(),
        "/tile".to_owned(),
        "/tile/0/".to_owned(),
        "/tile/0/001".to_owned(),
        "/tile/entries/007".to_owned(),
        "/content/tile/007".to_owned(),
        "/file/".to_owned(),
        "/file/00".to_owned(),
        format!("/file/{unknown}"),
        format!("/content/{unknown}"),
        "/checkpoint/".to_owned(),
        "/../ledger.toml".to_owned(),
        "/%2e%2e/ledger.toml".to_owned(),
    ] {
        let reply = nginx.get(&path);
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
        assert!(reply.header("cache-control") != Some("public, max-age=31536000, immutable"), "{path}");
    }
    assert_eq!(nginx.send("PUT", &format!("/file/{unknown}"), &[], b"x").status, 405);
    assert_eq!(nginx.send("POST", "/checkpoint", &[], b"x").status, 405);
}

#[test]
fn what_is_withheld_is_gone_from_nginx_too_and_no_cache_is_told_to_keep_it() {
    let w = World::small();
    let (id, index) = w.say(SECRET);
    let (exhibit, file) = exhibit(&w);
    for i in 0..300 {
        w.say(&format!("kenyataan {i}"));
    }
    w.published();
    // nginx serves the folder itself, while the ledger writes to it.
    let nginx = Nginx::over(&w.public());
    let tile = "/content/tile/000";
    let holds = |reply: &Reply| reply.body.windows(SECRET.len()).any(|s| s == SECRET.as_bytes());
    let before = nginx.get(tile);
    assert!(before.status == 200 && holds(&before));
    assert_eq!(nginx.get(&format!("/file/{file}")).body, FILE);
    let words = w.ledger.reader().parsed(index).unwrap().unwrap().event().content().unwrap().blake3;

    withheld(&w, id, "content");
    withheld(&w, exhibit, "files/0");
    w.published();
    // The worst case for a server that compares times: the file was written within the same second.
    let path = w.public().join("content/tile/000");
    let tag = before.header("etag").unwrap();
    let seconds = u64::from_str_radix(&tag[1..tag.find('-').unwrap()], 16).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    let date = http_date(then);
    for known in
        [("If-None-Match", tag), ("If-Modified-Since", date.as_str()), ("Accept-Encoding", "identity")]
    {
        let after = nginx.send("GET", tile, &[known], b"");
        assert_eq!(after.status, 200, "{known:?}");
        assert!(!holds(&after), "{known:?}");
        assert_eq!((after.header("last-modified"), after.header("cache-control")), (None, Some("no-cache")));
    }
    for path in tiles_of(w.size()) {
        let reply = nginx.get(&format!("/{path}"));
        assert!(reply.status == 200 && !holds(&reply), "{path}");
        assert!(path.kind() == TileKind::Contents || !reply.body.is_empty());
    }
    // Nothing tells a withheld file from an unknown one.
    let told = |path: String| {
        let mut reply = nginx.get(&path);
        reply.headers.retain(|(name, _)| name != "date");
        (reply.status, reply.headers, reply.body)
    };
    let unknown = "ab".repeat(32);
    assert_eq!(told(format!("/file/{file}")), told(format!("/file/{unknown}")));
    assert_eq!(told(format!("/content/{words}")), told(format!("/content/{unknown}")));
    assert_eq!(told(format!("/file/{file}")).0, 404);
    verify(nginx.address, &w.ledger);
}

#[test]
fn nginx_never_says_that_an_old_checkpoint_is_the_latest() {
    let w = World::small();
    w.say("satu");
    w.published();
    let nginx = Nginx::over(&w.public());
    let path = w.public().join("checkpoint");
    let then = fs::metadata(&path).unwrap().modified().unwrap();
    let before = nginx.get("/checkpoint");
    assert_eq!((before.header("etag"), before.header("last-modified")), (None, None));
    w.say("dua");
    w.published();
    // The new file is as long as the old one, and was written in the same second.
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    let date = http_date(then);
    let tag = format!(
        "\"{:x}-{:x}\"",
        then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        before.body.len()
    );
    for known in [("If-Modified-Since", date.as_str()), ("If-None-Match", tag.as_str())] {
        let after = nginx.send("GET", "/checkpoint", &[known], b"");
        assert_eq!((after.status, after.body.len()), (200, before.body.len()), "{known:?}");
        assert_ne!(after.body, before.body, "{known:?}");
    }
}

#[test]
fn a_ledger_behind_nginx_is_read_and_written_as_without() {
    let w = World::small();
    let server = Server::start(w.ledger.clone());
    let nginx = Nginx::before(server.address);
    // A body larger than nginx takes by default.
    let large = vec![7; 3 << 20];
    let path = format!("/file/{}", Digest::blake3(&large));
    assert_eq!(nginx.send("PUT", &path, &[], &large).status, 201);
    let asked = json!({"query": "{ checkpoint { size } }"}).to_string();
    let json = [("Content-Type", "application/json")];
    let reply = nginx.send("POST", "/graphql", &json, asked.as_bytes());
    assert_eq!(
        (reply.status, &reply.json()["data"]["checkpoint"]["size"]),
        (200, &json!(5)),
        "{}",
        reply.text()
    );
    let tag = nginx.get("/checkpoint").header("etag").unwrap().to_owned();
    assert_eq!(nginx.send("GET", "/checkpoint", &[("If-None-Match", &tag)], b"").status, 304);
    let page = nginx.send("GET", "/", &[("Accept-Encoding", "gzip")], b"");
    assert_eq!((page.status, page.header("content-encoding")), (200, Some("gzip")));
    verify(nginx.address, &w.ledger);
}

/// Records an event by a POST from the address `source`, with a header that anybody can write. Gives the codes of the answer.
fn record_from(source: &str, to: SocketAddr, claims: &str, event: &onrecord::ledger::Submission) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let query = "mutation($i: RecordInput!) { record(input: $i) { userErrors { code } results { userErrors { code } } } }";
    let submission = json!({"note": text(&event.note), "content": event.content.as_deref().map(text)});
    let body = json!({"query": query, "variables": {"i": {"submissions": [submission]}}}).to_string();
    let out = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--interface",
            source,
            "--header",
            &format!("X-Forwarded-For: {claims}"),
        ])
        .args(["--json", &body, &format!("http://{to}/graphql")])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"));
    let record = &answer["data"]["record"];
    let code =
        record["userErrors"][0]["code"].as_str().or(record["results"][0]["userErrors"][0]["code"].as_str());
    code.unwrap_or("recorded").to_owned()
}

#[test]
fn callers_behind_nginx_are_told_apart_and_can_be_nobody_else() {
    let w = World::small();
    let options = serve::Options {
        proxies: serve::Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], ..Default::default() },
        writes: serve::WriteRate { per_minute: 1, burst: 2 },
        ..Default::default()
    };
    let server = Server::start_with(w.ledger.clone(), options);
    let nginx = Nginx::before(server.address);
    let mut n = 0;
    let mut record = |source: &str, claims: &str| {
        n += 1;
        record_from(source, nginx.address, claims, &statement(&w.story, &format!("kenyataan {n}")).1)
    };
    // How many events are allowed is not tested here.
    assert!((0..8).any(|_| record("127.0.0.2", "192.0.2.1") == "RATE_LIMITED"));
    // A client that writes another address into the header each time gains nothing.
    for i in 0..3 {
        assert_eq!(record("127.0.0.2", &format!("198.51.100.{i}")), "RATE_LIMITED");
        assert_eq!(record("127.0.0.2", &format!("198.51.100.{i}, 127.0.0.1")), "RATE_LIMITED");
    }
    // Other clients are not limited.
    assert_eq!(record("127.0.0.3", "127.0.0.2"), "recorded");
}

#[test]
fn a_subscription_goes_through_nginx() {
    let w = World::small();
    let server = Server::start(w.ledger.clone());
    let nginx = Nginx::before(server.address);
    let mut stream = TcpStream::connect(nginx.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "GET /graphql HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
        nginx.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let n = stream.read(&mut answer).unwrap();
    assert!(answer[..n].starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer[..n]));
}

/// A ledger with words, a file, and words that are withheld; and a copy of its public files.
fn told() -> (World<Story>, PathBuf) {
    let w = World::small();
    for i in 0..300 {
        w.say(&format!("kenyataan {i}"));
    }
    exhibit(&w);
    let (hidden, _) = w.say(SECRET);
    withheld(&w, hidden, "content");
    w.published();
    let copied = w.at("copy");
    copy(&w.public(), &copied);
    (w, copied)
}

/// Runs a program in the project's folder: its exit code, and what it said.
fn run(program: &str, args: &[&str]) -> (Option<i32>, String) {
    said(Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap())
}

fn ours(args: &[&str]) -> (Option<i32>, String) {
    program::run(args)
}

/// The verifier in Python; `./test` installs what it needs.
fn python(args: &[&str]) -> (Option<i32>, String) {
    run("target/python/bin/python3", &[&["examples/verify.py"], args].concat())
}

#[test]
fn the_same_ledger_served_gzipped_by_a_plain_static_server_verifies_in_all_three_verifiers() {
    let (w, copied) = told();
    let zipped = Command::new("find")
        .args([copied.to_str().unwrap(), "-type", "f", "-exec", "gzip", "--keep", "{}", ";"])
        .status()
        .unwrap();
    assert!(zipped.success());
    let nginx = Nginx::over_gzipped(&copied);
    // It is sent gzipped though nobody asked for that.
    for path in ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/content/tile/000"] {
        let reply = nginx.get(path);
        assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")), "{path}");
    }
    let url = format!("http://{}", nginx.address);
    let vkey = w.vkey();
    for (name, (code, said)) in
        [("Rust", ours(&["verify", &url, "--key", &vkey])), ("Python", python(&[&url, "--key", &vkey]))]
    {
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(
            said.contains("1 withheld by the log, 0 missing") && said.contains("\nvalid"),
            "{name}: {said}"
        );
    }
    let (code, said) = run("node", &["target/verifier/cli.mjs", "--ledger", &url, "--key", &vkey]);
    assert!(code == Some(0) && said.contains("valid"), "TypeScript: {said}");
    // A mirror of it is the same ledger, and its exhibits are valid.
    let mirror = w.at("mirror");
    let data = mirror.to_str().unwrap();
    let (code, said) = ours(&["mirror", &url, "--key", &vkey, "--data", data, "--once"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(ours(&["verify", data, "--key", &vkey]).0, Some(0));
    let server = Server::start(w.ledger.clone());
    let exhibit = w.at("exhibit-7.zip");
    fs::write(&exhibit, server.get("/exhibit/7.zip").body).unwrap();
    let policy = w.at("policy");
    fs::write(&policy, format!("log {vkey}\nquorum none\n")).unwrap();
    let (exhibit, policy) = (exhibit.to_str().unwrap(), policy.to_str().unwrap());
    let (code, said) = run("node", &["target/verifier/cli.mjs", exhibit, "--policy", policy]);
    assert_eq!(code, Some(0), "TypeScript: {said}");
    // A damaged folder is repaired from it.
    fs::remove_file(mirror.join("public/tile/entries/000")).unwrap();
    let restored = w.at("restored");
    w.ledger.close();
    copy(&w.dir, &restored);
    fs::remove_file(restored.join("public/tile/entries/000")).unwrap();
    let (code, said) = ours(&["repair", "--data", restored.to_str().unwrap(), "--from", &url]);
    assert!(code == Some(0) && said.contains("mended: tile/entries/000"), "{said}");
}

#[test]
fn who_asks_for_gzip_is_sent_a_quarter_and_every_reader_asks() {
    use std::sync::{Arc, Mutex};
    let (w, copied) = told();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heads = asked.clone();
    let rule = move |path: &str, bytes: Option<Vec<u8>>, head: &str| {
        heads.lock().unwrap().push((path.to_owned(), head.contains("accept-encoding: gzip, identity")));
        let status = if bytes.is_some() { 200 } else { 404 };
        (status, String::new(), bytes.unwrap_or_default())
    };
    let url = format!("http://{}", files::serve(&copied, Arc::new(rule)));
    let vkey = w.vkey();
    assert_eq!(ours(&["verify", &url, "--key", &vkey]).0, Some(0));
    let (code, said) = python(&[&url, "--key", &vkey]);
    assert_eq!(code, Some(0), "{said}");
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    assert!(asked.len() > 10 && asked.iter().all(|(_, asks)| *asks), "{asked:?}");
    // Our own server sends it gzipped too.
    let server = Server::start(w.ledger.clone());
    let headers = [("Accept-Encoding", "gzip, identity")];
    let (plain, zipped) =
        (server.get("/tile/entries/000"), server.send("GET", "/tile/entries/000", &headers, b""));
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.body.len() * 3 < plain.body.len(), "{} of {}", zipped.body.len(), plain.body.len());
}

#[test]
fn what_a_host_unfolds_without_end_or_codes_otherwise_is_an_error() {
    use std::{io::Write as _, sync::Arc};
    let (w, copied) = told();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 256 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let vkey = w.vkey();
    for (coding, code, words) in [("gzip", Some(1), "longer than"), ("br", None, "expected gzip or none")] {
        let bomb = bomb.clone();
        let rule = move |path: &str, bytes: Option<Vec<u8>>, _: &str| match bytes {
            Some(_) if path.starts_with("tile/entries") => {
                (200, format!("content-encoding: {coding}\r\n"), bomb.clone())
            }
            Some(bytes) => (200, String::new(), bytes),
            None => (404, String::new(), Vec::new()),
        };
        let url = format!("http://{}", files::serve(&copied, Arc::new(rule)));
        let (mine, said) = ours(&["verify", &url, "--key", &vkey]);
        assert!(mine == code.or(Some(3)) && said.contains(words), "{coding}: {said}");
        let (its, said) = python(&[&url, "--key", &vkey]);
        assert!(its == code.or(Some(3)) && said.contains(words), "Python, {coding}: {its:?} {said}");
    }
}

#[test]
fn what_an_object_store_forbids_is_looked_for_elsewhere_and_else_is_missing() {
    use std::sync::Arc;
    let (w, copied) = told();
    let vkey = w.vkey();
    // 403 for each file that is missing, and for each path that begins with `forbidden`.
    let at = |forbidden: &'static str| {
        let rule = move |path: &str, bytes: Option<Vec<u8>>, _: &str| match bytes {
            Some(bytes) if forbidden.is_empty() || !path.starts_with(forbidden) => {
                (200, String::new(), bytes)
            }
            _ => (403, "content-type: application/xml\r\n".to_owned(), b"<Error/>".to_vec()),
        };
        format!("http://{}", files::serve(&copied, Arc::new(rule)))
    };
    let both = |url: &str| [ours(&["verify", url, "--key", &vkey]), python(&[url, "--key", &vkey])];
    for (code, said) in both(&at("")) {
        assert!(code == Some(0) && said.contains("1 withheld by the log, 0 missing"), "{said}");
    }
    // Partial tiles that are missing are cut from the full ones.
    for kept_back in ["tile/entries", "tile/0", "content/tile/000", "file/"] {
        for (code, said) in both(&at(kept_back)) {
            assert!(code == Some(1) && said.contains("(the server answered 403)"), "{kept_back}: {said}");
            assert!(said.contains("missing"), "{kept_back}: {said}");
        }
    }
    let [(mine, said), (its, of_python)] = both(&at("checkpoint"));
    assert!(mine == Some(3) && said.contains("there is no checkpoint (the server answered 403)"), "{said}");
    assert!(
        its == Some(3) && of_python.contains("there is no checkpoint (the server answered 403)"),
        "{of_python}"
    );
    // A repair takes from one copy what another keeps back.
    w.ledger.close();
    let broken = w.at("broken");
    copy(&w.dir, &broken);
    fs::remove_file(broken.join("public/tile/entries/000")).unwrap();
    let (first, second) = (at("tile/entries"), at(""));
    let data = broken.to_str().unwrap();
    let (code, said) = ours(&["repair", "--data", data, "--from", &first]);
    assert!(code == Some(1) && said.contains("answered 403 in place of a file"), "{said}");
    assert!(said.contains("missing: "), "{said}");
    let (code, said) = ours(&["repair", "--data", data, "--from", &first, "--from", &second]);
    assert!(code == Some(0) && said.contains(&format!("mended: tile/entries/000, from {second}")), "{said}");
}
