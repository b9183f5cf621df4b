//! Witnesses: `onrecord witness` as logs ask it, and a ledger that asks witnesses, good ones and others.

use crate::files;
use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::http::{Reply, send};
use crate::ml_dsa_witness::MlDsaWitness;
use crate::program::{self, Program, free_port};
use crate::support::*;
use onrecord::{
    log::{
        AddCheckpoint, Checkpoint, CosigningKey, Hash, MAX_ADD_CHECKPOINT, MemoryTree, Policy,
        SignedCheckpoint, WitnessKey, consistency_path, leaf_hash, verify_consistency,
    },
    note::{KeyId, SignatureLine, SignedNote, SigningKey, VerifyingKey, base64_encode},
};
use serde_json::{Value, json};
use sha2::Digest as _;

const LOG: &str = "log.example";

fn log() -> SigningKey {
    key(LOG, 5)
}

fn witness_key(n: u8) -> CosigningKey {
    CosigningKey::new(key(&format!("w{n}.example"), 100 + n))
}

/// A key file, as `onrecord key new --witness` makes it.
fn write_key(dir: &Path, n: u8) -> PathBuf {
    let path = dir.join(format!("w{n}.key"));
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.unwrap().write_all(witness_key(n).to_secret_text().as_bytes()).unwrap();
    path
}

/// `onrecord witness`, in a process of its own.
struct Witness {
    served: Program,
    address: SocketAddr,
}

impl Witness {
    fn start(dir: &Path, n: u8, logs: &[&VerifyingKey]) -> Self {
        let mut command = program::onrecord();
        command.arg("witness").arg("--key").arg(write_key(dir, n));
        command.arg("--data").arg(dir.join(format!("w{n}"))).args(["--listen", "127.0.0.1:0"]);
        command.args(logs.iter().flat_map(|log| ["--log".to_owned(), log.to_string()]));
        let served = Program::run(command, Stdio::null(), "");
        assert_eq!(served.said[0], format!("witness {}", witness_key(n).witness_key()));
        Self { address: served.address, served }
    }

    fn post(&self, body: impl AsRef<[u8]>) -> Reply {
        send(self.address, "POST", "/add-checkpoint", &[], body.as_ref())
    }

    fn latest(&self, origin: &str) -> Reply {
        send(self.address, "GET", &format!("/{}/checkpoint", hash(origin)), &[], b"")
    }
}

fn hash(origin: &str) -> String {
    Hash(sha2::Sha256::digest(origin).into()).to_hex()
}

/// A log's tree. A tree of another `kind` has other entries.
fn tree(size: u64, kind: &str) -> MemoryTree {
    (0..size).map(|i| leaf_hash(format!("{i} {kind}").as_bytes())).collect()
}

fn signed(tree: &MemoryTree) -> SignedCheckpoint {
    Checkpoint::new(LOG.parse().unwrap(), tree.size(), tree.root()).unwrap().sign(&log()).unwrap()
}

fn request(old: u64, tree: &MemoryTree) -> String {
    let proof = consistency_path(old, tree.size(), tree).unwrap();
    AddCheckpoint::new(old, proof, signed(tree).note().clone()).unwrap().to_string()
}

/// A body that is put together by hand, without any check.
fn body(old: &str, proof: &[Hash], note: &str) -> String {
    let proof: String = proof.iter().map(|h| h.to_base64() + "\n").collect();
    format!("{old}\n{proof}\n{note}")
}

fn note(text: &str, keys: &[&SigningKey]) -> String {
    SignedNote::sign(text, keys).unwrap().as_str().to_owned()
}

#[test]
fn every_case_of_the_spec_has_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Witness::start(dir.path(), 1, &[log().verifying_key()]);
    let (five, nine) = (tree(5, "a"), tree(9, "a"));
    let stranger = key(LOG, 6);
    let text = |t: &MemoryTree| signed(t).checkpoint().text();
    let line = |of: &SigningKey, t: &MemoryTree| {
        let public = of.verifying_key();
        SignatureLine::new(public.name().as_str(), public.id(), &of.sign(text(t).as_bytes()))
    };
    let bad_line = SignatureLine::new(LOG, log().verifying_key().id(), &[7; 64]);
    let post_quantum = SignatureLine::new("w1.example", KeyId([6; 4]), &[0x5a; 2_428]);
    let with = |t: &MemoryTree, more: &[SignatureLine]| {
        signed(t).note().with_signatures(more).unwrap().as_str().to_owned()
    };
    let other_root = text(&five).replacen(&five.root().to_base64(), &tree(5, "b").root().to_base64(), 1);
    let no_entries = format!("{LOG}\n0\n{}\n", five.root().to_base64());
    let proof = consistency_path(5, 9, &nine).unwrap();
    let mut wrong = proof.clone();
    wrong[0] = Hash([9; 32]);
    let unknown = text(&five).replacen(LOG, "other.example", 1);
    let good_note = signed(&five).note().as_str().to_owned();

    // The order counts: each request finds the witness as the one before left it.
    let cases: Vec<(&str, String, u16)> = vec![
        ("the size is asked for before anything was cosigned", request(3, &five), 409),
        ("an unknown log", body("old 0", &[], &note(&unknown, &[&key("other.example", 5)])), 404),
        (
            "an unknown log comes before a bad signature",
            body("old 9", &[], &note(&unknown, &[&stranger])),
            404,
        ),
        ("another key of the log's name", body("old 0", &[], &note(&text(&five), &[&stranger])), 403),
        ("no line of the log", body("old 0", &[], &note(&text(&five), &[&key("other.example", 5)])), 403),
        (
            "a bad line of the log beside a good one",
            body("old 0", &[], &with(&five, std::slice::from_ref(&bad_line))),
            403,
        ),
        ("a signature comes before sizes", body("old 9", &[], &note(&text(&five), &[&stranger])), 403),
        ("the old size above the checkpoint's", body("old 6", &[], &good_note), 400),
        ("nothing", String::new(), 400),
        ("no old size", body("old", &[], &good_note), 400),
        ("an old size with a zero before it", body("old 00", &[], &good_note), 400),
        ("an old size with a sign", body("old +0", &[], &good_note), 400),
        ("no empty line", format!("old 0\n{good_note}"), 400),
        ("no checkpoint", "old 0\n\n".into(), 400),
        ("an unsigned text", format!("old 0\n\n{}", text(&five)), 400),
        ("a hash of 31 bytes", format!("old 0\n{}\n\n{good_note}", "A".repeat(42)), 400),
        ("64 hashes", body("old 0", &[Hash([1; 32]); 64], &good_note), 400),
        (
            "a text of the log's that is no checkpoint",
            body("old 0", &[], &note(&format!("{}\nx\n", text(&five)), &[&log()])),
            400,
        ),
        (
            "a size with a zero before it",
            body("old 0", &[], &note(&text(&five).replacen("\n5\n", "\n05\n", 1), &[&log()])),
            400,
        ),
        ("no last newline", body("old 0", &[], good_note.trim_end()), 400),
        (
            "a tree without entries that has another root",
            body("old 0", &[], &note(&no_entries, &[&log()])),
            422,
        ),
        ("a proof from nothing", body("old 0", &[Hash([1; 32])], &good_note), 422),
        ("63 hashes are read", body("old 0", &[Hash([1; 32]); 63], &good_note), 422),
        (
            "the first checkpoint, with lines of others",
            body("old 0", &[], &with(&five, &[line(&stranger, &five), post_quantum])),
            200,
        ),
        ("the same again", request(5, &five), 200),
        ("the same size and another root", body("old 5", &[], &note(&other_root, &[&log()])), 422),
        ("a proof between equal trees", body("old 5", &[Hash([1; 32])], &good_note), 422),
        ("a wrong proof", body("old 5", &wrong, signed(&nine).note().as_str()), 422),
        ("a short proof", body("old 5", &proof[1..], signed(&nine).note().as_str()), 422),
        ("no proof", body("old 5", &[], signed(&nine).note().as_str()), 422),
        ("a proof of another history", request(5, &tree(9, "b")), 422),
        ("a size that was not cosigned last", request(4, &nine), 409),
        ("a conflict comes before a proof", body("old 4", &wrong, signed(&nine).note().as_str()), 409),
        ("what continues it", request(5, &nine), 200),
        ("an older one", request(0, &five), 409),
        ("an older one, by its own size", request(5, &five), 409),
        ("a larger one from where it was", request(5, &tree(12, "a")), 409),
        ("a body too long", "x".repeat(MAX_ADD_CHECKPOINT + 1), 413),
    ];
    let mut size = 0;
    for (name, body, status) in cases {
        let reply = witness.post(&body);
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
        let media = reply.header("content-type").unwrap();
        match status {
            409 => assert_eq!((media, reply.text()), ("text/x.tlog.size", format!("{size}\n")), "{name}"),
            200 => {
                assert_eq!(media, "text/plain; charset=utf-8", "{name}");
                let tree = if size == 0 || name == "the same again" { &five } else { &nine };
                let whole = format!("{}\n{}", text(tree), reply.text());
                let whole = SignedNote::parse(whole.as_bytes(), 9_999).unwrap();
                assert_eq!(whole.signatures().len(), 1, "{name}");
                let time = witness_key(1).witness_key().verify(&whole).unwrap();
                let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
                assert!((now - 60..=now).contains(&time), "{name}: {time}");
                size = tree.size();
            }
            _ => assert_eq!(media, "text/plain; charset=utf-8", "{name}"),
        }
        let latest = witness.latest(LOG);
        if size == 0 {
            assert_eq!(latest.status, 404, "{name}");
            continue;
        }
        // It keeps the log's line and the witness's, and no other that was sent.
        let latest = SignedNote::parse(&latest.body, 9_999).unwrap();
        assert_eq!(latest.signatures().len(), 2, "{name}");
        let opened = Checkpoint::open(latest.as_bytes(), log().verifying_key()).unwrap();
        assert_eq!(opened.checkpoint().size(), size, "{name}");
        assert!(witness_key(1).witness_key().verify(&latest).is_ok(), "{name}");
    }
    let get = |method, path: &str| send(witness.address, method, path, &[], b"").status;
    assert_eq!(get("GET", "/add-checkpoint"), 405);
    assert_eq!(get("POST", &format!("/{}/checkpoint", hash(LOG))), 405);
    assert_eq!(get("GET", &format!("/{}/checkpoint", hash(LOG).to_uppercase())), 404);
    assert_eq!(witness.latest("other.example").status, 404);
    assert_eq!((get("GET", "/"), get("GET", "/livez"), get("GET", "/readyz")), (404, 200, 200));
    // The proof of the fork was kept.
    let fork = dir.path().join("w1").join(hash(LOG)).join("fork.json");
    assert!(onrecord(&["verify", fork.to_str().unwrap()]).status.success());
}

fn onrecord(args: &[&str]) -> Output {
    program::onrecord().args(args).output().unwrap()
}

/// Sends two bodies at once, on connections that are already open.
fn at_once(address: SocketAddr, bodies: [&str; 2]) -> [u16; 2] {
    let together = Barrier::new(2);
    let send = |body: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (last, rest) = head.as_bytes().split_last().unwrap();
        stream.write_all(rest).unwrap();
        together.wait();
        stream.write_all(&[*last]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| send(bodies[1]));
        [send(bodies[0]), other.join().unwrap()]
    })
}

#[test]
fn of_two_requests_from_one_size_exactly_one_is_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Witness::start(dir.path(), 1, &[log().verifying_key()]);
    let mut tree = MemoryTree::new();
    let mut won = [0; 2];
    for round in 0..300u32 {
        let old = tree.size();
        let mut both = [tree.clone(), tree.clone()];
        for (i, next) in both.iter_mut().enumerate() {
            // Even rounds: the second is longer, of the same history (the spec's race). Odd rounds: two histories of one size.
            let kind = if round % 2 == 0 { 0 } else { i };
            next.push(leaf_hash(format!("{round} {kind}").as_bytes()));
            if round % 2 == 0 && i == 1 {
                next.push(leaf_hash(format!("{round} more").as_bytes()));
            }
        }
        let statuses = at_once(witness.address, [&request(old, &both[0]), &request(old, &both[1])]);
        let winner = match statuses {
            [200, 409] => 0,
            [409, 200] => 1,
            other => panic!("round {round}: {other:?}"),
        };
        won[winner] += 1;
        tree = both[winner].clone();
        let kept = Checkpoint::open(&witness.latest(LOG).body, log().verifying_key()).unwrap();
        assert_eq!(*kept.checkpoint(), *signed(&tree).checkpoint(), "round {round}");
    }
    assert!(won[0] > 0 && won[1] > 0, "{won:?}: they never raced");
}

#[test]
fn killed_at_any_moment_it_knows_what_it_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = MemoryTree::new();
    let mut answered_in_all = 0;
    for round in 0..20u64 {
        let mut witness = Witness::start(dir.path(), 1, &[log().verifying_key()]);
        let kept = |witness: &Witness| match witness.latest(LOG).status {
            404 => 0,
            _ => {
                let note = witness.latest(LOG).body;
                let kept = Checkpoint::open(&note, log().verifying_key()).unwrap();
                assert!(witness_key(1).witness_key().verify(kept.note()).is_ok());
                kept.checkpoint().size()
            }
        };
        let from = kept(&witness);
        // The request under way at the kill may have been cosigned.
        while tree.size() < from {
            tree.push(leaf_hash(format!("{} a", tree.size()).as_bytes()));
        }
        let answered = Mutex::new(from);
        let address = witness.address;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut tree: MemoryTree = (0..from).map(|i| leaf_hash(format!("{i} a").as_bytes())).collect();
                loop {
                    let old = tree.size();
                    tree.push(leaf_hash(format!("{old} a").as_bytes()));
                    let body = request(old, &tree);
                    let Ok(mut stream) = TcpStream::connect(address) else { return };
                    let head = format!(
                        "POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let mut answer = String::new();
                    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
                    if sent.is_err() || !answer.contains(" 200 OK") || !answer.contains('\u{2014}') {
                        return;
                    }
                    *answered.lock().unwrap() = tree.size();
                }
            });
            // The moment of the kill differs. It goes by the file that the witness writes before it answers.
            let file = dir.path().join("w1").join(hash(LOG)).join("checkpoint");
            let wanted = from + 1 + round % 5;
            let begun = Instant::now();
            loop {
                let text = fs::read_to_string(&file).unwrap_or_default();
                let size = text.lines().nth(1).and_then(|l| l.parse::<u64>().ok()).unwrap_or(0);
                if size >= wanted {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(30), "nothing is written");
            }
            witness.served.kill();
        });
        let answered = answered.into_inner().unwrap();
        answered_in_all += answered - from;
        let witness = Witness::start(dir.path(), 1, &[log().verifying_key()]);
        let size = kept(&witness);
        assert!(size >= answered, "round {round}: {answered} was answered, {size} is known");
        // It cosigns neither an older tree nor another one.
        let back = witness.post(request(size - 1, &self::tree(size, "a")));
        assert_eq!((back.status, back.text()), (409, format!("{size}\n")));
        assert_eq!(witness.post(request(size, &self::tree(size + 2, "b"))).status, 422);
        assert_eq!(witness.post(request(size, &self::tree(size, "a"))).status, 200);
    }
    assert!(answered_in_all > 20, "{answered_in_all} were answered");
}

#[test]
fn a_witness_key_is_made_private_and_signs_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.key");
    let file = file.to_str().unwrap();
    let made = onrecord(&["key", "new", "--witness", "w.example/1", "-o", file]);
    let vkey = String::from_utf8(made.stdout).unwrap();
    let parsed: WitnessKey = vkey.trim().parse().unwrap();
    assert_eq!(parsed.name(), "w.example/1");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let shown = onrecord(&["key", "show", file]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), vkey);
    let secret = fs::read_to_string(file).unwrap();
    let secret = secret.trim().splitn(5, '+').last().unwrap();
    // A log's key is not taken for a witness's, nor the other way round.
    let data = dir.path().join("ledger");
    let init = ["init", "--data", data.to_str().unwrap(), "--origin", "w.example", "--operator-key", file];
    let refused = onrecord(&init);
    assert_eq!(refused.status.code(), Some(2));
    let other = dir.path().join("log.key");
    let other = other.to_str().unwrap();
    assert!(onrecord(&["key", "new", "--name", "w.example/1", "-o", other]).status.success());
    let log = log().verifying_key().to_string();
    let data = dir.path().join("data");
    let witness = ["witness", "--key", other, "--data", data.to_str().unwrap(), "--log", &log];
    let not = onrecord(&witness);
    assert_eq!(not.status.code(), Some(2));
    for said in [made.stderr, refused.stderr, not.stderr] {
        assert!(!String::from_utf8_lossy(&said).contains(secret));
    }
}

/// What a server that is no good witness does with a request.
enum Act {
    Answer(u16, &'static str, String),
    /// Never answers.
    Hang,
}

/// A server that is no good witness, on a free port of the loopback.
struct Odd {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Odd {
    fn start(act: impl Fn(usize, AddCheckpoint) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stopped) = (asked.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Some(request) = read_request(&stream) else { continue };
                match act(count.fetch_add(1, Ordering::AcqRel), request) {
                    Act::Answer(status, headers, body) => {
                        let head = format!(
                            "HTTP/1.1 {status} X\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n",
                            body.len()
                        );
                        // The client may have gone.
                        let _ = (&stream).write_all(format!("{head}{body}").as_bytes());
                    }
                    Act::Hang => hanging.push(stream),
                }
            }
        });
        Self { address, asked, stop }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
    }
}

fn read_request(stream: &TcpStream) -> Option<AddCheckpoint> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    AddCheckpoint::parse(&body).ok()
}

/// A good answer by a witness that checks nothing.
fn cosigned(by: u8, request: &AddCheckpoint) -> String {
    let checkpoint = Checkpoint::parse_text(request.checkpoint().text()).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    witness_key(by).cosign(&checkpoint, now).unwrap().to_string()
}

const PLAIN: &str = "Content-Type: text/plain\r\n";

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// A ledger that asks witnesses, served by the program.
struct Asking {
    served: Program,
    metrics: SocketAddr,
}

impl Asking {
    fn start(dir: &Path, witnesses: &[(u8, SocketAddr)]) -> Self {
        let metrics = nobody();
        let told: Vec<String> = witnesses
            .iter()
            .map(|(n, address)| format!("{} http://{address}", witness_key(*n).witness_key()))
            .collect();
        let metrics_at = metrics.to_string();
        let mut flags =
            vec!["--witness-every-ms", "50", "--witness-timeout-ms", "1500", "--metrics", &metrics_at];
        told.iter().for_each(|w| flags.extend(["--witness", w]));
        let served = Program::logged(&dir.join("ledger"), &flags, &dir.join("log"));
        Self { served, metrics }
    }

    fn get(&self, path: &str) -> Reply {
        send(self.served.address, "GET", path, &[], b"")
    }

    fn url(&self) -> String {
        format!("http://{}", self.served.address)
    }

    fn record(&self, story: &Story, said: &str) -> u64 {
        let (_, submission) = statement(story, said);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let sent =
            json!({"note": text(&submission.note), "content": text(submission.content.as_ref().unwrap())});
        let query = "mutation($s: [SubmissionInput!]!) { record(input: {submissions: $s}) { results { receipt { index } } } }";
        let body = json!({"query": query, "variables": {"s": [sent]}}).to_string();
        let headers = [("Content-Type", "application/json")];
        let answer: Value = send(self.served.address, "POST", "/graphql", &headers, body.as_bytes()).json();
        let index = &answer["data"]["record"]["results"][0]["receipt"]["index"];
        index.as_u64().unwrap_or_else(|| panic!("{answer}"))
    }

    fn checkpoint(&self) -> SignedCheckpoint {
        Checkpoint::open(&self.get("/checkpoint").body, key(ORIGIN, 1).verifying_key()).unwrap()
    }

    /// Waits until the checkpoint that is served is cosigned by these.
    fn wait_cosigned(&self, by: &[u8]) -> SignedCheckpoint {
        let begun = Instant::now();
        loop {
            let checkpoint = self.checkpoint();
            if by.iter().all(|n| witness_key(*n).witness_key().verify(checkpoint.note()).is_ok()) {
                return checkpoint;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(40),
                "not cosigned: {}",
                checkpoint.note().as_str()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(mut self) {
        self.served.terminate();
    }

    fn metrics(&self) -> HashMap<String, f64> {
        let text = send(self.metrics, "GET", "/metrics", &[], b"").text();
        let samples = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit_once(' '));
        samples.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
    }

    fn asked(&self, outcome: &str) -> f64 {
        self.metrics()[&format!("onrecord_witness_answers_total{{outcome=\"{outcome}\"}}")]
    }
}

/// A ledger with its small story, in `dir/ledger`.
fn ledger(dir: &Path) -> Story {
    let data = dir.join("ledger");
    init(&data);
    let ledger = open(&data);
    let story = tell(&ledger);
    ledger.close();
    story
}

/// Writes a policy with these witnesses, and `rest` for its groups and quorum. Gives its path.
fn policy(dir: &Path, witnesses: &[u8], rest: &str) -> String {
    let mut text = format!("log {}\n", key(ORIGIN, 1).verifying_key());
    for n in witnesses {
        text += &format!("witness w{n} {}\n", witness_key(*n).witness_key());
    }
    let path = dir.join(format!("policy-{}", rest.replace([' ', '\n'], "-")));
    fs::write(&path, text + rest).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn good_cosignatures_are_published_whatever_other_witnesses_do() {
    let dir = tempfile::tempdir().unwrap();
    let story = ledger(dir.path());
    let log_key = key(ORIGIN, 1);
    let (one, two) = (
        Witness::start(dir.path(), 1, &[log_key.verifying_key()]),
        Witness::start(dir.path(), 2, &[log_key.verifying_key()]),
    );
    let empty = Odd::start(|_, _| Act::Answer(409, PLAIN, String::new()));
    let size = "Content-Type: text/x.tlog.size\r\n";
    // It knows three entries, says so, and cosigns what continues them.
    let three = Odd::start(move |_, request| match request.old() {
        3 => Act::Answer(200, PLAIN, cosigned(5, &request)),
        _ => Act::Answer(409, size, "3\n".into()),
    });
    let forbidden = Odd::start(|_, _| Act::Answer(403, PLAIN, "who are you?".into()));
    let unknown = Odd::start(|_, _| Act::Answer(404, PLAIN, "unknown log".into()));
    let busy = Odd::start(|_, _| Act::Answer(429, "Retry-After: 1\r\n", String::new()));
    // It cosigns another checkpoint than the one it was sent.
    let liar = Odd::start(|_, request| {
        let checkpoint = Checkpoint::parse_text(request.checkpoint().text()).unwrap();
        let other = Checkpoint::new(checkpoint.origin().clone(), checkpoint.size() + 1, checkpoint.root());
        let line = witness_key(9).cosign(&other.unwrap(), 1_700_000_000).unwrap();
        Act::Answer(200, PLAIN, line.to_string())
    });
    let hanging = Odd::start(|_, _| Act::Hang);
    let elsewhere = Odd::start(|_, request| Act::Answer(200, PLAIN, cosigned(11, &request)));
    let to = Box::leak(format!("Location: http://{}/add-checkpoint\r\n", elsewhere.address).into_boxed_str());
    let redirect = Odd::start(|_, _| Act::Answer(307, to, String::new()));
    let endless =
        Odd::start(|_, request| Act::Answer(200, PLAIN, cosigned(12, &request) + &"x".repeat(99_999)));
    // A future witness: it sends an ML-DSA-44 line before the line that is understood.
    let tomorrow = Odd::start(|_, request| {
        let line = SignatureLine::new("w13.example", KeyId([6; 4]), &[0x5a; 2_428]);
        Act::Answer(200, PLAIN, format!("{line}{}", cosigned(13, &request)))
    });
    // Its 409 names no size, and it cosigns only from the beginning.
    let forgetful = Odd::start(|asked, request| match (asked, request.old()) {
        (0, _) => Act::Hang,
        (_, 0) => Act::Answer(200, PLAIN, cosigned(16, &request)),
        _ => Act::Answer(409, PLAIN, "conflict".into()),
    });
    let all = [
        (1, one.address),
        (2, two.address),
        (3, nobody()),
        (4, empty.address),
        (5, three.address),
        (6, forbidden.address),
        (7, unknown.address),
        (8, busy.address),
        (9, liar.address),
        (10, hanging.address),
        (11, redirect.address),
        (12, endless.address),
        (13, tomorrow.address),
        (16, forgetful.address),
    ];
    let asking = Asking::start(dir.path(), &all);
    let begun = Instant::now();
    let mut last = 0;
    for i in 0..40 {
        last = asking.record(&story, &format!("said {i}"));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "witnesses slow the ledger down: {:?}",
        begun.elapsed()
    );
    assert_eq!(last, 44);
    let good = [1, 2, 5, 13, 16];
    let checkpoint = asking.wait_cosigned(&good);
    assert_eq!(checkpoint.checkpoint().size(), 45);
    // Each line but the log's is a good cosignature by one of these.
    let lines = checkpoint.note().signatures();
    assert_eq!(lines.len(), 1 + good.len(), "{}", checkpoint.note().as_str());
    assert_eq!(elsewhere.asked(), 0, "a redirect was followed");

    // Answers of all kinds were counted.
    let begun = Instant::now();
    for outcome in ["cosigned", "bad", "conflict", "refused", "busy", "unreachable"] {
        while asking.asked(outcome) == 0.0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{outcome} was never counted");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let metrics = asking.metrics();
    // No witness counts as behind within the first minute.
    assert_eq!((metrics["onrecord_witnesses"], metrics["onrecord_witnesses_behind"]), (14.0, 0.0));
    assert_eq!(metrics["onrecord_writer_stopped"], 0.0);

    // The file has the cosignatures too, so that any copy has them.
    let file = dir.path().join("ledger/public/checkpoint");
    let begun = Instant::now();
    while fs::read(&file).unwrap() != checkpoint.note().as_bytes() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", fs::read_to_string(&file).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }

    // The ledger, a copy, a proof and an exhibit meet a quorum of these witnesses, and not one that asks for others.
    let met = policy(dir.path(), &[1, 2, 3], "group two 2 w1 w2 w3\nquorum two\n");
    let not_met = policy(dir.path(), &[1, 2, 3], "group all all w1 w2 w3\nquorum all\n");
    let exhibit = dir.path().join("exhibit.zip");
    fs::write(&exhibit, asking.get("/exhibit/20.zip").body).unwrap();
    let copy = dir.path().join("copy");
    let copied = Command::new("cp").arg("-r").arg(dir.path().join("ledger/public")).arg(&copy).status();
    assert!(copied.unwrap().success());
    for place in [asking.url(), copy.to_str().unwrap().to_owned(), exhibit.to_str().unwrap().to_owned()] {
        let verified = onrecord(&["verify", &place, "--policy", &met]);
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(
            verified.status.success() && said.contains("quorum of the policy: w1, w2"),
            "{place}: {said}"
        );
        let refused = onrecord(&["verify", &place, "--policy", &not_met]);
        assert_eq!(refused.status.code(), Some(1), "{place}");
    }
    let proof = onrecord::log::TlogProof::parse(&asking.get("/proof/7").body).unwrap();
    assert_eq!(proof.checkpoint(), checkpoint.note());

    // The front page says who cosigned and who did not.
    let page = asking.get("/").text();
    assert!(page.contains("by <bdi>w1.example</bdi>: 45 entries"), "{page}");
    assert!(page.contains("not yet by <bdi>w9.example</bdi>"), "{page}");
    // The API answers with the cosignatures, though it gave the same answer before without them.
    let note = r#"{"query": "{ checkpoint { note } }"}"#;
    let headers = [("Content-Type", "application/json")];
    let answer = send(asking.served.address, "POST", "/graphql", &headers, note.as_bytes()).json();
    assert_eq!(answer["data"]["checkpoint"]["note"], checkpoint.note().as_str());

    // After a kill the cosignatures are there at once, though no witness can be reached.
    drop(asking);
    drop((one, two));
    let away: Vec<(u8, SocketAddr)> = all.iter().map(|(n, _)| (*n, nobody())).collect();
    let asking = Asking::start(dir.path(), &away);
    assert_eq!(asking.checkpoint(), checkpoint);
    // The next entry is published without cosignatures. Older entries are still proved in the cosigned checkpoint.
    let next = asking.record(&story, "later");
    assert_eq!((next, asking.checkpoint().note().signatures().len()), (45, 1));
    let proof = |n: u64| onrecord::log::TlogProof::parse(&asking.get(&format!("/proof/{n}")).body).unwrap();
    assert_eq!(proof(44).checkpoint(), checkpoint.note());
    assert_eq!(proof(45).checkpoint().signatures().len(), 1);
    fs::write(&exhibit, asking.get("/exhibit/20.zip").body).unwrap();
    assert!(onrecord(&["verify", exhibit.to_str().unwrap(), "--policy", &met]).status.success());
    // So, on a ledger that is always ahead of its witnesses, the part that they cosigned is verified and mirrored.
    let said = |out: &std::process::Output| String::from_utf8_lossy(&out.stdout).into_owned();
    let mirrored = dir.path().join("mirror");
    let mirror = ["mirror", &asking.url(), "--once", "--data", mirrored.to_str().unwrap(), "--policy"];
    let verify = ["verify", &asking.url(), "--policy"];
    for _ in 0..2 {
        let verified = onrecord(&[&verify[..], &[&met]].concat());
        assert!(verified.status.success(), "{}", said(&verified));
        assert!(said(&verified).contains("45 entries"), "{}", said(&verified));
        assert!(said(&verified).contains("the latest, of 46, has not been cosigned"), "{}", said(&verified));
        let other = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python3"))
            .args([
                concat!(env!("CARGO_MANIFEST_DIR"), "/examples/verify.py"),
                &asking.url(),
                "--policy",
                &met,
            ])
            .output()
            .unwrap();
        assert!(other.status.success() && said(&other).contains("the latest, of 46"), "{}", said(&other));
        let followed = onrecord(&[&mirror[..], &[&met]].concat());
        assert!(followed.status.success(), "{}", String::from_utf8_lossy(&followed.stderr));
        let kept = fs::read(mirrored.join("public/checkpoint")).unwrap();
        assert_eq!(kept, checkpoint.note().as_bytes());
    }
    for command in [&verify[..], &mirror[..]] {
        assert_eq!(onrecord(&[command, &[&not_met]].concat()).status.code(), Some(1));
    }
    asking.stop();
    let data = dir.path().join("ledger");
    let checked = onrecord(&["fsck", "--data", data.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn a_witness_that_comes_back_cosigns_from_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let story = ledger(dir.path());
    let log_key = key(ORIGIN, 1);
    let mut one = Witness::start(dir.path(), 1, &[log_key.verifying_key()]);
    let roots = Arc::new(Mutex::new(HashMap::<u64, Hash>::new()));
    let (seen, known) = (roots.clone(), Arc::new(Mutex::new(0)));
    // It checks each proof against what it cosigned before.
    let strict = Odd::start(move |_, request| {
        let (mut roots, mut known) = (seen.lock().unwrap(), known.lock().unwrap());
        let checkpoint = Checkpoint::parse_text(request.checkpoint().text()).unwrap();
        let old = request.old();
        if old != *known {
            return Act::Answer(409, "Content-Type: text/x.tlog.size\r\n", format!("{known}\n"));
        }
        let root = roots.get(&old).copied().unwrap_or(Hash::EMPTY_ROOT);
        verify_consistency(old, &root, checkpoint.size(), &checkpoint.root(), request.proof()).unwrap();
        *known = checkpoint.size();
        roots.insert(checkpoint.size(), checkpoint.root());
        Act::Answer(200, PLAIN, cosigned(2, &request))
    });
    let asking = Asking::start(dir.path(), &[(1, one.address), (2, strict.address)]);
    asking.wait_cosigned(&[1, 2]);
    for i in 0..10 {
        asking.record(&story, &format!("said {i}"));
    }
    asking.wait_cosigned(&[1, 2]);
    let address = one.address;
    one.served.kill();
    let many = asking.record(&story, "while it was away");
    let without = asking.wait_cosigned(&[2]);
    assert_eq!(without.note().signatures().len(), 2);
    assert_eq!(without.checkpoint().size(), many + 1);
    drop(asking);
    // Both are restarted: the ledger with the cosignatures that it had, the witness at another address.
    let one = Witness::start(dir.path(), 1, &[log_key.verifying_key()]);
    assert_ne!(one.address, address);
    let asking = Asking::start(dir.path(), &[(1, one.address), (2, strict.address)]);
    let both = asking.wait_cosigned(&[1, 2]);
    assert_eq!(both.checkpoint().size(), many + 1);
    let seen = roots.lock().unwrap();
    assert_eq!(seen.get(&(many + 1)), Some(&both.checkpoint().root()));
}

/// Runs `serve` with these flags, which must end with this code and leave the checkpoint in `public/` as it was. Gives what it
/// says.
fn refused(dir: &Path, flags: &[&str], code: i32) -> String {
    let data = dir.join("ledger");
    let before = fs::read(data.join("public/checkpoint")).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let ran = onrecord(&[&serve[..], flags].concat());
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(code), "{said}");
    assert_eq!(fs::read(data.join("public/checkpoint")).unwrap(), before);
    said
}

fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// A folder that is mounted over itself as read-only, until this is dropped.
struct ReadOnly(PathBuf);

impl ReadOnly {
    /// `None` where nothing may be mounted. A line says so, since the test then skips this part.
    fn mount(at: &Path) -> Option<Self> {
        let mount = |options: &[&str], paths: &[&Path]| {
            let ran = Command::new("mount").args(options).args(paths).output();
            ran.is_ok_and(|out| out.status.success())
        };
        if !mount(&["--bind"], &[at, at]) {
            let _ = writeln!(std::io::stderr(), "witness: nothing can be mounted here; no disk is read-only");
            return None;
        }
        let mounted = Self(at.to_owned());
        assert!(mount(&["-o", "remount,ro,bind"], &[at]));
        Some(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(std::thread::panicking() || done.is_ok_and(|s| s.success()), "umount {}", self.0.display());
    }
}

#[test]
fn a_witness_of_ml_dsa_is_asked_and_its_cosignature_handed_on() {
    let dir = tempfile::tempdir().unwrap();
    let story = ledger(dir.path());
    let log_key = key(ORIGIN, 1);
    let vkey = MlDsaWitness::new("pq.example/1", 3).vkey();
    let pq = Odd::start(|_, request| {
        let checkpoint = Checkpoint::parse_text(request.checkpoint().text()).unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let line = MlDsaWitness::new("pq.example/1", 3).cosign(&checkpoint, now);
        Act::Answer(200, PLAIN, line.to_string())
    });
    let ed = Odd::start(|_, request| Act::Answer(200, PLAIN, cosigned(1, &request)));
    let witnesses = [format!("{vkey} http://{}", pq.address), {
        let key = witness_key(1).witness_key();
        format!("{key} http://{}", ed.address)
    }];
    let mut flags = vec!["--witness-every-ms", "50"];
    witnesses.iter().for_each(|w| flags.extend(["--witness", w]));
    let served = Program::logged(&dir.path().join("ledger"), &flags, &dir.path().join("log"));
    let asking = Asking { served, metrics: nobody() };
    let index = asking.record(&story, "cosigned by two kinds");
    let text = format!(
        "log {}\nwitness pq {vkey}\nwitness ed {}\ngroup both all pq ed\nquorum both\n",
        log_key.verifying_key(),
        witness_key(1).witness_key()
    );
    let policy = dir.path().join("both.policy");
    fs::write(&policy, &text).unwrap();
    let read: Policy = text.parse().unwrap();
    let begun = Instant::now();
    while asking.checkpoint().checkpoint().size() <= index
        || read.cosigned(asking.checkpoint().note()).quorum().is_err()
    {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", asking.checkpoint().note().as_str());
        std::thread::sleep(Duration::from_millis(20));
    }
    // By a reader over HTTP, by one of the files, and by a verifier that shares no code.
    let (url, policy) = (asking.url(), policy.to_str().unwrap());
    let public = dir.path().join("ledger/public");
    let begun = Instant::now();
    let in_file = || fs::read_to_string(public.join("checkpoint")).unwrap().contains("pq.example/1");
    while !in_file() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is not in the files");
        std::thread::sleep(Duration::from_millis(20));
    }
    for place in [url.as_str(), public.to_str().unwrap()] {
        let ran = onrecord(&["verify", place, "--policy", policy, "--max-age", "10m"]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
        let root = env!("CARGO_MANIFEST_DIR");
        let ran = Command::new(format!("{root}/target/python/bin/python3"))
            .arg(format!("{root}/examples/verify.py"))
            .args([place, "--policy", policy, "--max-age", "600"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("quorum 'both'"), "{said}");
    }
    // The start refuses more witnesses of that kind than readers take lines of below a checkpoint.
    drop(asking);
    let many: Vec<String> = (0..20)
        .map(|n| format!("{} http://127.0.0.1:9", MlDsaWitness::new("pq.example/1", n).vkey()))
        .collect();
    let flags: Vec<&str> = many.iter().flat_map(|w| ["--witness", w]).collect();
    assert!(refused(dir.path(), &flags, 2).contains("bytes below a checkpoint"));
}

#[test]
fn on_a_quiet_ledger_cosignatures_are_renewed_and_a_reader_may_say_how_old_one_may_be() {
    let dir = tempfile::tempdir().unwrap();
    ledger(dir.path());
    // Its clock starts 30 seconds ago, and moves on by a second each time it is asked.
    let began = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() - 30;
    let ahead = Arc::new(AtomicUsize::new(0));
    let clock = ahead.clone();
    let ticking = Odd::start(move |asked, request| {
        let checkpoint = Checkpoint::parse_text(request.checkpoint().text()).unwrap();
        let time = began + asked as u64 + clock.load(Ordering::Acquire) as u64;
        Act::Answer(200, PLAIN, witness_key(1).cosign(&checkpoint, time).unwrap().to_string())
    });
    let witness = format!("{} http://{}", witness_key(1).witness_key(), ticking.address);
    let flags = ["--witness", &witness, "--witness-renew-ms", "50"];
    let served = Program::logged(&dir.path().join("ledger"), &flags, &dir.path().join("log"));
    let asking = Asking { served, metrics: nobody() };
    let time = || witness_key(1).witness_key().verify(asking.checkpoint().note()).unwrap_or(0);
    let begun = Instant::now();
    let mut times = vec![time()];
    while times.len() < 5 {
        assert!(begun.elapsed() < Duration::from_secs(30), "not renewed: {times:?}");
        let now = time();
        if times.last() != Some(&now) {
            times.push(now);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(times.is_sorted(), "{times:?}");
    let policy = policy(dir.path(), &[1], "quorum w1\n");
    let url = asking.url();
    let verify = |age: &str| onrecord(&["verify", &url, "--policy", &policy, "--max-age", age]);
    assert!(verify("1h").status.success());
    drop(asking);
    let public = dir.path().join("ledger/public");
    let verify =
        |age: &str| onrecord(&["verify", public.to_str().unwrap(), "--policy", &policy, "--max-age", age]);
    std::thread::sleep(Duration::from_millis(1_100));
    let old = verify("0s");
    let said = String::from_utf8(old.stdout).unwrap();
    assert!(old.status.code() == Some(1) && said.contains("s old, and at most 0 were asked for"), "{said}");
    let nobody = policy.replace("quorum-w1", "quorum-none");
    fs::write(&nobody, format!("log {}\nquorum none\n", key(ORIGIN, 1).verifying_key())).unwrap();
    let none = onrecord(&["verify", public.to_str().unwrap(), "--policy", &nobody, "--max-age", "1h"]);
    assert_eq!(none.status.code(), Some(2));
    let without = onrecord(&["verify", public.to_str().unwrap(), "--max-age", "1h"]);
    assert_eq!(without.status.code(), Some(2));
}

/// A log as others run it: a name unlike ours, two keys, and further lines below the third.
#[test]
fn any_log_that_the_specs_allow_is_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let seeds = [5, 6].map(|seed| SigningKey::from_seed("x.example".parse().unwrap(), &[seed; 32]));
    let vkey = |name: &str, n: usize| {
        let key = *seeds[n].verifying_key().as_bytes();
        let bytes = [&[1], &key[..]].concat();
        (KeyId::of(name, 1, &key), format!("{name}+{}+{}", KeyId::of(name, 1, &key), base64_encode(&bytes)))
    };
    let (origin, names) = ("go.sum database, tree", ["Sum.golang.org", "sum,golang~org"]);
    let logs = [0, 1].map(|n| format!("{origin} {}", vkey(names[n], n).1));
    let file = write_key(dir.path(), 1);
    let data = dir.path().join("witness");
    let mut command = program::onrecord();
    command.args(["witness", "--key", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    command.args(["--log", &logs[0], "--log", &logs[1], "--listen", "127.0.0.1:0"]);
    let mut witness = Program::run(command, Stdio::null(), "");
    let address = witness.address;
    let note = |tree: &MemoryTree, by: &[usize], more: &str| {
        let text = format!("{origin}\n{}\n{}\n{more}", tree.size(), tree.root().to_base64());
        let lines: Vec<SignatureLine> = by
            .iter()
            .map(|n| SignatureLine::new(names[*n], vkey(names[*n], *n).0, &seeds[*n].sign(text.as_bytes())))
            .collect();
        SignedNote::assemble(&text, &lines).unwrap()
    };
    let ask = |old: u64, tree: &MemoryTree, note: SignedNote| {
        let proof = consistency_path(old, tree.size(), tree).unwrap();
        let request = AddCheckpoint::new(old, proof, note).unwrap().to_string();
        send(address, "POST", "/add-checkpoint", &[], request.as_bytes())
    };
    let (three, seven) = (tree(3, "a"), tree(7, "a"));
    let first = note(&three, &[0], "");
    let reply = ask(0, &three, first.clone());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let below = SignedNote::parse(format!("{}{}", first.as_str(), reply.text()).as_bytes(), 9_999).unwrap();
    assert!(witness_key(1).witness_key().verify(&below).is_ok());
    // A checkpoint signed by both keys, with extension lines.
    let second = note(&seven, &[0, 1], "an extension\nand another\n");
    let reply = ask(3, &seven, second.clone());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let below = SignedNote::parse(format!("{}{}", second.as_str(), reply.text()).as_bytes(), 9_999).unwrap();
    assert!(witness_key(1).witness_key().verify(&below).is_ok(), "it is over all of the text");
    // The checkpoint that it shows to monitors has both lines of the log.
    let latest = send(address, "GET", &format!("/{}/checkpoint", hash(origin)), &[], b"").text();
    assert!(names.iter().all(|name| latest.contains(name)) && latest.contains("an extension"), "{latest}");
    // A bad line of a known key beside a good one.
    let eight = tree(8, "a");
    let good = note(&eight, &[1], "");
    let bad = SignatureLine::new(names[0], vkey(names[0], 0).0, &[0; 64]);
    assert_eq!(ask(7, &eight, good.with_signatures(&[bad]).unwrap()).status, 403);
    assert_eq!(ask(7, &eight, good).status, 200);
    // Two trees of one size: it keeps both checkpoints as they were signed.
    let other = note(&tree(8, "b"), &[1], "");
    assert_eq!(ask(8, &tree(8, "b"), other.clone()).status, 422);
    let kept = fs::read(data.join(hash(origin)).join("fork-later")).unwrap();
    assert_eq!(kept, other.as_bytes());
    witness.kill();
    // A start with a log key that can't be verified is refused.
    let pq = MlDsaWitness::new("log.example", 3).vkey();
    for (log, why) in [(pq.as_str(), "type 0x01"), ("log.example", "base64"), (&vkey("a b", 0).1, "key")] {
        let args =
            ["witness", "--key", file.to_str().unwrap(), "--data", data.to_str().unwrap(), "--log", log];
        let ran = onrecord(&args);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(2) && said.contains(why), "{said}");
    }
}

#[test]
fn cosignatures_are_not_placed_over_a_checkpoint_that_was_not_left_there() {
    for change in ["removed", "older"] {
        let dir = tempfile::tempdir().unwrap();
        let story = ledger(dir.path());
        let public = dir.path().join("ledger/public");
        let older = fs::read(public.join("checkpoint")).unwrap();
        let good = Odd::start(|_, request| Act::Answer(200, PLAIN, cosigned(1, &request)));
        let witness = format!("{} http://{}", witness_key(1).witness_key(), good.address);
        // The witness is asked for the next checkpoint only six seconds after the last.
        let flags = ["--witness-every-ms", "6000", "--witness", &witness];
        let served = Program::logged(&dir.path().join("ledger"), &flags, &dir.path().join("log"));
        let asking = Asking { served, metrics: nobody() };
        asking.wait_cosigned(&[1]);
        asking.record(&story, "published, and not cosigned yet");
        let begun = Instant::now();
        // Look at the file: what is served may be ahead of it for a moment.
        while !fs::read_to_string(public.join("checkpoint")).unwrap().contains("\n6\n") {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing is published");
            std::thread::sleep(Duration::from_millis(20));
        }
        let left = fs::read(public.join("checkpoint")).unwrap();
        match change {
            "removed" => fs::remove_file(public.join("checkpoint")).unwrap(),
            _ => {
                fs::write(public.join("other"), &older).unwrap();
                fs::rename(public.join("other"), public.join("checkpoint")).unwrap();
            }
        }
        let begun = Instant::now();
        let log = || fs::read_to_string(dir.path().join("log")).unwrap();
        while !log().contains("is not the checkpoint that was placed there last") {
            assert!(begun.elapsed() < Duration::from_secs(30), "{change}: nobody saw it: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        let there = fs::read(public.join("checkpoint")).ok();
        assert_eq!(there, (change == "older").then_some(older), "{change}: it was written over");
        assert_eq!(asking.get("/readyz").status, 503);
        drop(asking);
        fs::write(public.join("checkpoint"), left).unwrap();
        assert_eq!(open(&dir.path().join("ledger")).reader().checkpoint().checkpoint().size(), 6);
    }
}

#[test]
fn a_folder_put_back_whole_is_not_opened_where_a_witness_or_a_peer_knows_more() {
    let dir = tempfile::tempdir().unwrap();
    let story = ledger(dir.path());
    let log_key = key(ORIGIN, 1);
    let vkey = log_key.verifying_key().to_string();
    let one = Witness::start(dir.path(), 1, &[log_key.verifying_key()]);
    let earlier = dir.path().join("earlier");
    copy_folder(&dir.path().join("ledger"), &earlier);
    let asking = Asking::start(dir.path(), &[(1, one.address)]);
    asking.record(&story, "what was lost");
    asking.record(&story, "and this");
    assert_eq!(asking.wait_cosigned(&[1]).checkpoint().size(), 7);
    let mirrored = dir.path().join("mirrored");
    let mirror = Program::mirror(&asking.url(), &vkey, &mirrored, &dir.path().join("mirror.log"));
    let begun = Instant::now();
    let mirror_url = format!("http://{}", mirror.address);
    let shows = || {
        Checkpoint::open(&send(mirror.address, "GET", "/checkpoint", &[], b"").body, log_key.verifying_key())
    };
    while shows().unwrap().checkpoint().size() < 7 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the mirror does not follow");
        std::thread::sleep(Duration::from_millis(50));
    }
    asking.stop();
    // It starts as it is, since nobody knows more.
    let witness = format!("{} http://{}", witness_key(1).witness_key(), one.address);
    let all = ["--witness", &witness, "--peer", &mirror_url, "--require-peer"];
    let served = Program::logged(&dir.path().join("ledger"), &all, &dir.path().join("log"));
    assert_eq!(send(served.address, "GET", "/readyz", &[], b"").text(), "ok\n");
    drop(served);
    // The whole folder as it was before. By itself it looks sound.
    let keep = dir.path().join("later");
    fs::rename(dir.path().join("ledger"), &keep).unwrap();
    copy_folder(&earlier, &dir.path().join("ledger"));
    let data = dir.path().join("ledger");
    assert!(onrecord(&["fsck", "--data", data.to_str().unwrap()]).status.success());
    let said = refused(dir.path(), &["--witness", &witness], 1);
    assert!(
        said.contains("has cosigned 7 entries, and this ledger has 5") && said.contains("onrecord repair"),
        "{said}"
    );
    for peer in [mirror_url.clone(), format!("{vkey} {mirror_url}")] {
        let said = refused(dir.path(), &["--peer", &peer], 1);
        assert!(said.contains("7 entries that this log signed, and 5 are here"), "{said}");
    }
    // The mirror's plain files do as well, on a host that always sends them gzipped.
    let gzipped = |_: &str, bytes: Option<Vec<u8>>, _: &str| {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&bytes.unwrap_or_default()).unwrap();
        (200, "content-encoding: gzip\r\n".to_owned(), encoder.finish().unwrap())
    };
    let host = files::serve(&mirrored.join("public"), std::sync::Arc::new(gzipped));
    let said = refused(dir.path(), &["--peer", &format!("http://{host}")], 1);
    assert!(said.contains("7 entries that this log signed, and 5 are here"), "{said}");
    // Peers that can't be reached change nothing.
    let nobody = format!("http://{}", nobody());
    refused(dir.path(), &["--peer", &nobody, "--peer", &mirror_url], 1);
    // A peer of another log says nothing about this one, and does not count as agreement.
    let other = format!("{} {mirror_url}", key("other.example.org", 7).verifying_key());
    let said = refused(dir.path(), &["--peer", &other, "--require-peer"], 3);
    assert!(said.contains("nobody could be asked"), "{said}");
    let said = refused(dir.path(), &["--peer", &nobody, "--require-peer"], 3);
    assert!(said.contains(&nobody) && said.contains("require_peer"), "{said}");
    assert!(refused(dir.path(), &["--require-peer"], 2).contains("neither a witness nor a peer"));
    // On a read-only disk the peers are asked too, before anything is shown.
    if let Some(_mounted) = ReadOnly::mount(&data) {
        let said = refused(dir.path(), &["--peer", &mirror_url], 1);
        assert!(said.contains("7 entries that this log signed, and 5 are here"), "{said}");
        let said = refused(dir.path(), &["--peer", &nobody, "--require-peer"], 3);
        assert!(said.contains("nobody could be asked"), "{said}");
        let served = Program::logged(&data, &["--peer", &nobody], &dir.path().join("log"));
        let ready = send(served.address, "GET", "/readyz", &[], b"");
        assert!(ready.status == 503 && ready.text().contains("takes no writes"), "{}", ready.text());
        assert!(ready.text().contains(&nobody), "{}", ready.text());
    }
    // Without `--require-peer` the start goes on, and says whom it could not ask.
    let log = dir.path().join("log");
    let served = Program::logged(&data, &["--peer", &nobody], &log);
    let ready = send(served.address, "GET", "/readyz", &[], b"");
    assert!(
        ready.status == 200
            && ready.text().contains(&format!(
                "nobody could be asked at the start whether entries are missing here: peer {nobody}"
            )),
        "{}",
        ready.text()
    );
    assert!(fs::read_to_string(&log).unwrap().contains(&nobody));
    let url = format!("http://{}", served.address);
    let ready = onrecord(&["ready", "--ledger", &url]);
    assert!(ready.status.success());
    drop(served);
    drop(mirror);
    fs::remove_dir_all(&data).unwrap();
    fs::rename(keep, &data).unwrap();
}

#[test]
fn a_conflict_that_a_witness_reports_stops_the_writer_and_all_that_asks_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let story = ledger(dir.path());
    // At the start the witness can't be reached. Then it knows more entries, or another history.
    for (status, headers, body) in [
        (409, "Content-Type: text/x.tlog.size\r\n", "9999\n"),
        (422, PLAIN, "another tree\n"),
        (409, PLAIN, "same"),
    ] {
        let ready = Arc::new(Mutex::new(false));
        let now = ready.clone();
        let odd = Odd::start(move |_, request| match *now.lock().unwrap() {
            false => Act::Answer(503, PLAIN, String::new()),
            // It has another tree of the same size. Earlier versions of the protocol answer 409 to that.
            true if body == "same" => {
                let checkpoint = Checkpoint::parse_text(request.checkpoint().text()).unwrap();
                Act::Answer(status, headers, format!("{}\n", checkpoint.size()))
            }
            true => Act::Answer(status, headers, body.to_owned()),
        });
        let asking = Asking::start(dir.path(), &[(1, odd.address)]);
        assert_eq!(asking.metrics()["onrecord_history_contradicted"], 0.0);
        let told = asking.get("/readyz");
        assert!(told.status == 200 && told.text().contains("nobody could be asked"), "{}", told.text());
        asking.record(&story, &format!("before it said {status}"));
        *ready.lock().unwrap() = true;
        let begun = Instant::now();
        while asking.get("/readyz").status == 200 {
            assert!(begun.elapsed() < Duration::from_secs(30), "{status}: the writer goes on");
            std::thread::sleep(Duration::from_millis(50));
        }
        let told = asking.get("/readyz").text();
        assert!(told.contains("the writer stopped: this log has another history elsewhere"), "{told}");
        assert_eq!(asking.metrics()["onrecord_history_contradicted"], 1.0);
        assert_eq!(asking.metrics()["onrecord_writer_stopped"], 1.0);
        // What is on record is served.
        assert_eq!(asking.get("/entry/1").status, 200);
        drop(asking);
    }
}
