//! Hosts that answer in odd ways, and what readers say of them; and one trust policy for all that is read.

use crate::files;
use crate::ml_dsa_witness;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::Arc,
    time::Duration,
};

use crate::http::{Server, send};
use crate::support::*;
use crate::world::World;
use onrecord::log::{Checkpoint, Fork};

/// A ledger with some statements, and its public files.
fn world() -> World<Story> {
    let w = World::small();
    record_all(&w.ledger, (0..4).map(|n| w.statement(&format!("kenyataan {n}")).1).collect());
    w.published();
    w
}

/// What the program says of a source, by the log's own key.
fn verify(w: &World<Story>, source: &str) -> (Option<i32>, String) {
    w.run(&["verify", source, "--key", &w.vkey()])
}

/// The address of a host that answers with this status and these headers below a path, and elsewhere as it should.
fn host(w: &World<Story>, under: &'static str, status: u16, headers: &'static str) -> String {
    let rule = move |path: &str, bytes: Option<Vec<u8>>, _: &str| match bytes {
        _ if path.starts_with(under) => (status, headers.to_owned(), Vec::new()),
        Some(bytes) => (200, String::new(), bytes),
        None => (404, String::new(), Vec::new()),
    };
    format!("http://{}", files::serve(&w.public(), Arc::new(rule)))
}

#[test]
fn words_that_are_kept_back_and_that_nothing_withholds_are_missing() {
    let w = world();
    for (status, said_of_it) in
        [(403, "answered 403"), (410, "answered 410"), (451, "answered 451"), (404, "has none")]
    {
        let url = host(&w, "content/", status, "");
        let copy = format!("copy-{status}");
        let mirror = ["mirror", &url, "--key", &w.vkey(), "--data", &copy, "--once"];
        let (code, said) = w.run(&mirror);
        assert_eq!(code, Some(1), "{status}: {said}");
        let words = said.lines().find(|line| line.starts_with("MISSING     words of 8 entries: "));
        assert!(words.is_some_and(|line| line.contains(said_of_it)), "{status}: {said}");
        assert!(said.contains("nothing on the log withholds them"), "{said}");
        let (code, said) = w.run(&[&mirror[..], &["--json"]].concat());
        let pass: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(code == Some(1) && pass["missing"] == 8 && pass["wanting"] == 8, "{said}");
        // Words that are too young don't count as missing, nor do words that nobody asked for.
        let young = [&mirror[..5], &["young", "--once", "--hold", "1h"]].concat();
        let (code, said) = w.run(&young);
        assert!(code == Some(0) && !said.contains("MISSING") && said.contains("too young"), "{said}");
        let (code, said) = w.run(&[&mirror[..5], &["bare", "--once", "--no-words"]].concat());
        assert!(code == Some(0) && !said.contains("MISSING"), "{said}");
        // Another pass, from a whole source, gets them.
        let whole = w.public();
        let again = ["mirror", whole.to_str().unwrap(), "--key", &w.vkey(), "--data", &copy, "--once"];
        let (code, said) = w.run(&again);
        assert!(code == Some(0) && !said.contains("MISSING"), "{status}: {said}");
    }
}

#[test]
fn an_answer_that_is_no_file_is_told_by_its_status() {
    let w = world();
    for (status, words) in [
        (204, "answered 204"),
        (206, "answered 206"),
        (301, "answered 301, a redirect"),
        (304, "answered 304, not modified"),
        (308, "answered 308, a redirect"),
    ] {
        let (code, said) = verify(&w, &host(&w, "tile/0", status, "location: /elsewhere\r\n"));
        assert!(code == Some(3) && said.contains(words), "{status}: {said}");
        assert!(status > 300 || !said.contains("redirect"), "{said}");
    }
    assert!(!verify(&w, &host(&w, "tile/0", 304, "")).1.contains("redirect"));
    // A host that sends less than it announces.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, public) = (listener.local_addr().unwrap(), w.public());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let path = head[0].split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            let bytes = fs::read(public.join(&path)).unwrap_or_default();
            let cut = if path.starts_with("content/") { bytes.len() - 1 } else { bytes.len() };
            let status = if public.join(&path).is_file() { "200 OK" } else { "404 Not Found" };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            let _ = (&stream).write_all(&[head.as_bytes(), &bytes[..cut]].concat());
        }
    });
    let (code, said) = verify(&w, &format!("http://{address}"));
    assert!(code == Some(3) && said.contains("content/tile/000"), "{said}");
}

#[test]
fn a_hash_tile_that_is_missing_is_said_to_be() {
    let w = world();
    let tile = fs::read_dir(w.public().join("tile/0/000.p")).unwrap().next().unwrap().unwrap().file_name();
    let path = format!("tile/0/000.p/{}", tile.to_str().unwrap());
    let (code, said) = verify(&w, &host(&w, "tile/0", 403, ""));
    let line = said.lines().find(|line| line.starts_with("tiles ")).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(line.ends_with(&format!("FAILED       {path}: missing (the server answered 403)")), "{line}");
    // For a tile that is wrong, the report says which hash.
    w.ledger.close();
    let mut bytes = fs::read(w.public().join(&path)).unwrap();
    bytes[40] ^= 1;
    fs::write(w.public().join(&path), bytes).unwrap();
    let (code, said) = verify(&w, "ledger");
    let line = said.lines().find(|line| line.starts_with("tiles ")).unwrap();
    assert!(code == Some(1) && line.contains(&format!("{path}: hash 1: expected ")), "{line}");
}

/// Answers as a server does, but always gzipped.
fn gzipping(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = Vec::new();
            while head.last().is_none_or(|line| line != "\r\n") {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                head.push(line.to_lowercase());
            }
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
            reader.read_exact(&mut body).unwrap();
            let mut asked = head[0].split(' ');
            let (method, path) = (asked.next().unwrap().to_uppercase(), asked.next().unwrap());
            let reply = send(server, &method, path, &[("Content-Type", "application/json")], &body);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&reply.body).unwrap();
            let body = encoder.finish().unwrap();
            let head = format!(
                "HTTP/1.1 {} X\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                reply.status,
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    address
}

#[test]
fn commands_read_what_a_host_gzips_unasked() {
    let w = world();
    let server = Server::start(w.ledger.clone());
    let url = format!("http://{}", gzipping(server.address));
    let (code, said) = w.run(&["ready", "--ledger", &url]);
    assert!(code == Some(0) && said.starts_with("ready"), "{said}");
    let straight = format!("http://{}", server.address);
    let search = |url: &str| w.run(&["search", "kenyataan", "--ledger", url]);
    let begun = std::time::Instant::now();
    // Search follows the record: wait for it.
    while search(&straight).1.lines().filter(|line| line.contains("kenyataan")).count() < 4 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", search(&straight));
        std::thread::sleep(Duration::from_millis(100));
    }
    let (code, said) = search(&url);
    assert!(code == Some(0) && said.contains("kenyataan"), "{said}");
    let (code, said) = w.run(&["exhibit", "@4", "--ledger", &url]);
    assert!(code == Some(0) && said.starts_with("exhibit-4.zip"), "{said}");
}

#[test]
fn one_policy_is_followed_whatever_is_read() {
    let w = world();
    let own = w.vkey();
    let newer = key(ORIGIN, 9).verifying_key().to_string();
    let other = key("other.example", 7).verifying_key().to_string();
    fs::write(w.at("none.policy"), "quorum none\n").unwrap();
    fs::write(w.at("both.policy"), format!("log {own}\nlog {newer}\nquorum none\n")).unwrap();
    fs::write(w.at("other.policy"), format!("log {other}\nquorum none\n")).unwrap();
    fs::write(w.at("newer.policy"), format!("log {other}\nlog {newer}\nquorum none\n")).unwrap();
    let reader = w.ledger.reader();
    fs::write(w.at("e.zip"), w.exhibit(4)).unwrap();
    fs::write(w.at("p"), reader.proof(4, &reader.checkpoint()).unwrap().unwrap().to_string()).unwrap();
    fs::write(w.at("e"), &*reader.entry(4).unwrap().unwrap()).unwrap();
    w.ledger.close();
    let refused = [
        ("other.policy", format!("the policy trusts other logs, not {own}")),
        ("newer.policy", format!("the policy trusts another key of {ORIGIN}, not {own}")),
    ];
    for args in [
        &["verify", "ledger"][..],
        &["verify", "e.zip"],
        &["verify", "p", "--entry", "e"],
        &["mirror", "ledger", "--data", "copy", "--once"],
    ] {
        let run = |policy: &str| w.run(&[args, &["--key", &own, "--policy", policy]].concat());
        for policy in ["none.policy", "both.policy"] {
            let (code, said) = run(policy);
            assert_eq!(code, Some(0), "{args:?} {policy}: {said}");
        }
        for (policy, words) in &refused {
            let (code, said) = run(policy);
            assert!(code == Some(2) && said.contains(words), "{args:?} {policy}: {said}");
        }
    }
    // A policy that can't be read says how to mend it.
    for (name, text, words) in [
        ("bom", format!("\u{feff}log {own}\nquorum none\n"), "save it without a byte-order mark"),
        ("crlf", format!("log {own}\r\nquorum none\r\n"), "its lines end in CR LF: save it with LF"),
    ] {
        fs::write(w.at(name), text).unwrap();
        let (code, said) = w.run(&["verify", "e.zip", "--policy", name]);
        assert!(code == Some(2) && said.contains(words), "{said}");
    }
    let (code, said) = w.run(&["verify", "e.zip", "--key", &format!(" {own}")]);
    assert!(code == Some(2) && said.contains("no blanks around it"), "{said}");
}

#[test]
fn the_proof_of_a_lie_is_of_a_log_that_the_policy_trusts() {
    let w = world();
    w.ledger.close();
    // Another history of the same log.
    let dir = w.at("two");
    init(&dir);
    let two = open(&dir);
    tell(&two);
    assert!(two.wait_published(Duration::from_secs(10)));
    two.close();
    fs::copy(dir.join("public/checkpoint"), w.at("theirs")).unwrap();
    let own = w.vkey();
    fs::create_dir(w.at("proofs")).unwrap();
    // A folder takes the proof under its usual name, whether it is named with a slash or without.
    for place in ["proofs", "proofs/"] {
        let args = ["verify", "ledger", "--key", &own, "--against", "theirs", "--fork", place];
        let (code, said) = w.run(&args);
        assert!(code == Some(1) && said.contains("onrecord verify proofs/fork.json"), "{said}");
    }
    let names: Vec<_> = fs::read_dir(w.at("proofs")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let proof = fs::read(w.at("proofs/fork.json")).unwrap();
    assert!(Fork::prove(&proof).is_ok() && !w.at("proofs-2").exists());

    let other = key("other.example", 7).verifying_key().to_string();
    fs::write(w.at("own.policy"), format!("log {other}\nlog {own}\nquorum none\n")).unwrap();
    fs::write(w.at("other.policy"), format!("log {other}\nquorum none\n")).unwrap();
    fs::write(w.at("none.policy"), "quorum none\n").unwrap();
    let verify = |more: &[&str]| w.run(&[&["verify", "proofs/fork.json"], more].concat());
    for more in [
        &[][..],
        &["--policy", "own.policy"],
        &["--policy", "none.policy"],
        &["--policy", "own.policy", "--key", &own],
    ] {
        let (code, said) = verify(more);
        assert!(code == Some(0) && said.contains("FORK"), "{more:?}: {said}");
    }
    let (code, said) = verify(&["--policy", "other.policy"]);
    assert!(code == Some(3) && said.contains(&format!("the policy does not trust {own}")), "{said}");
    assert_eq!(verify(&["--policy", "other.policy", "--key", &own]).0, Some(2));
    assert_eq!(verify(&["--key", &other]).0, Some(1));
}

#[test]
fn a_log_whose_first_key_is_missing_in_the_policy_is_told_of() {
    let w = world();
    let second = ml_dsa_witness::MlDsaWitness::new(ORIGIN, 9).vkey();
    fs::write(w.at("second.policy"), format!("log {second}\nquorum none\n")).unwrap();
    let reader = w.ledger.reader();
    fs::write(w.at("e.zip"), w.exhibit(4)).unwrap();
    let checkpoint = fs::read(w.public().join("checkpoint")).unwrap();
    assert!(Checkpoint::open(&checkpoint, reader.log_key()).is_ok());
    w.ledger.close();
    // The policy lacks a key. The exhibit lacks nothing.
    for (what, code) in [("e.zip", 3), ("ledger", 2)] {
        let (ended, said) = w.run(&["verify", what, "--policy", "second.policy"]);
        assert!(
            ended == Some(code) && said.contains("the log's Ed25519 key (type 0x01) is missing"),
            "{said}"
        );
    }
    // With that key given beside the policy, the second key must have signed all the same.
    let (code, said) = w.run(&["verify", "e.zip", "--policy", "second.policy", "--key", &w.vkey()]);
    assert!(code == Some(1) && said.contains("besides, which the policy names"), "{said}");
}

#[test]
fn a_witness_takes_a_key_with_blanks_around_it() {
    let w = world();
    let path = |name: &str| -> String { w.at(name).to_str().unwrap().to_owned() };
    assert_eq!(w.run(&["key", "new", "--witness", "witness.example/w1", "-o", &path("w.key")]).0, Some(0));
    let start = |log: &str| {
        let mut witness = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        witness.args([
            "witness",
            "--key",
            &path("w.key"),
            "--data",
            &path("w"),
            "--listen",
            "127.0.0.1:0",
            "--log",
            log,
        ]);
        let mut child = witness.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().nth(1);
        child.kill().unwrap();
        child.wait().unwrap();
        line.is_some_and(|line| line.unwrap().starts_with("listening on "))
    };
    assert!(start(&format!(" {} ", w.vkey())));
    assert!(!start(&w.vkey().replacen('+', " +", 1)));
}
