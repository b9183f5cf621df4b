//! `/metrics`: a server is scraped while it works, and must count what was done.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use crate::http::{Reply, send};
use crate::program::Running;
use crate::support::*;
use crate::world::{Folder, World};
use onrecord::{event::Digest, ledger::Submission};
use serde_json::{Value, json};

/// A scrape, read as strictly as format 0.0.4 is written: each family has one HELP and one TYPE before its samples, stands in
/// one piece, and holds no sample twice.
#[derive(Debug, Default)]
struct Scrape {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.chars().next().is_some_and(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// `{a="x",b="y"}` as pairs.
fn labels(text: &str) -> Vec<(String, String)> {
    let inner = text.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        let value = value.strip_suffix('"').unwrap_or_else(|| panic!("{text}"));
        assert!(is_name(name) && !value.contains(['"', '\\', '{']), "{text}");
        (name.to_owned(), value.to_owned())
    };
    let pairs: Vec<_> = inner.split(',').map(pair).collect();
    let names: BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), pairs.len(), "a label twice: {text}");
    pairs
}

impl Scrape {
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains('\r'));
        let mut scrape = Self::default();
        let mut family = String::new();
        let mut helped = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(is_name(name) && !help.is_empty() && !help.contains('\\'), "{line}");
                assert!(!scrape.kinds.contains_key(name), "{name} in two pieces");
                name.clone_into(&mut helped);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, helped, "TYPE after HELP");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
                name.clone_into(&mut family);
                assert!(scrape.kinds.insert(name.to_owned(), kind.to_owned()).is_none());
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line:?}"));
                assert!(value.is_finite() && value >= 0.0, "{line}");
                let at = series.find('{').unwrap_or(series.len());
                let (name, labelled) = series.split_at(at);
                assert!(is_name(name), "{line}");
                if !labelled.is_empty() {
                    labels(labelled);
                }
                let suffix =
                    name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{name} under {family}"));
                match scrape.kinds[&family].as_str() {
                    "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                    _ => assert_eq!(suffix, "", "{line}"),
                }
                assert!(scrape.samples.insert(series.to_owned(), value).is_none(), "{series} twice");
            }
        }
        scrape.histograms_add_up();
        scrape
    }

    /// Buckets grow with their bounds, and the last one is the count.
    fn histograms_add_up(&self) {
        let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, value) in &self.samples {
            let Some((name, labelled)) = series.split_once("_bucket{") else { continue };
            let mut pairs = labels(&format!("{{{labelled}"));
            let (le, bound) = pairs.pop().unwrap();
            assert_eq!(le, "le");
            let rest: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
            let of = if rest.is_empty() {
                format!("{name}_count")
            } else {
                format!("{name}_count{{{}}}", rest.join(","))
            };
            buckets.entry(of).or_default().push((bound.replace("+Inf", "inf").parse().unwrap(), *value));
        }
        assert!(!buckets.is_empty());
        for (count, mut buckets) in buckets {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{count}");
            let last = buckets.last().unwrap();
            assert_eq!((last.0, last.1), (f64::INFINITY, self.samples[&count]), "{count}");
        }
    }

    fn get(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series}"))
    }

    /// All numbers that only grow.
    fn growing(&self) -> impl Iterator<Item = (&String, f64)> {
        let grows = |series: &str| {
            let name = series.split('{').next().unwrap();
            name.ends_with("_total") || name.ends_with("_bucket") || name.ends_with("_count")
        };
        self.samples.iter().filter(move |(series, _)| grows(series)).map(|(series, value)| (series, *value))
    }

    fn requests(&self, route: &str, status: &str) -> f64 {
        self.get(&format!("onrecord_http_requests_total{{route=\"{route}\",status=\"{status}\"}}"))
    }

    fn refused(&self, code: &str) -> f64 {
        self.get(&format!("onrecord_refusals_total{{code=\"{code}\"}}"))
    }
}

/// The command, serving on two free ports.
struct Served {
    _running: Running,
    address: SocketAddr,
    metrics: SocketAddr,
}

impl Served {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_onrecord"))
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data"])
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str, after: &str| {
            let line = lines.next().unwrap().unwrap();
            let at = line.strip_prefix(before).and_then(|l| l.strip_suffix(after));
            at.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
        };
        let public = address("listening on http://", "");
        let metrics = address("metrics at http://", "/metrics");
        Self { _running: Running(child), address: public, metrics }
    }

    fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], b"")
    }

    fn record(&self, submissions: &[Submission]) -> Value {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let submissions: Vec<Value> = submissions
            .iter()
            .map(|s| json!({"note": text(&s.note), "content": s.content.as_deref().map(text)}))
            .collect();
        let query = "mutation($i: RecordInput!) { record(input: $i) { results { receipt { index } userErrors { code } } userErrors { code } } }";
        let body = json!({"query": query, "variables": {"i": {"submissions": submissions}}}).to_string();
        let reply =
            send(self.address, "POST", "/graphql", &[("Content-Type", "application/json")], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["data"]["record"].clone()
    }

    fn scrape(&self) -> Scrape {
        let reply = send(self.metrics, "GET", "/metrics", &[], b"");
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Scrape::parse(&reply.text())
    }
}

#[test]
fn a_scrape_under_load_is_well_formed_and_says_what_was_done() {
    const THREADS: usize = 4;
    const CALLS: usize = 12;
    const EACH: usize = 8;
    let Folder { dir, story, tmp: _tmp } = World::small().close();
    let s = Served::start(&dir);
    // The first check of the files begins a moment after it listens.
    let deadline = Instant::now() + Duration::from_secs(30);
    let before = loop {
        let scrape = s.scrape();
        if scrape.samples.iter().any(|(name, _)| name == "onrecord_scrubbed_timestamp_seconds") {
            break scrape;
        }
        assert!(Instant::now() < deadline, "nothing is read again");
    };
    assert_eq!(before.get("onrecord_checkpoint_size"), 5.0);
    assert_eq!(before.get("onrecord_batch_entries_count"), 0.0, "nothing was written yet");

    let done = AtomicBool::new(false);
    let scrapes = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut last = s.scrape();
            let mut n = 1;
            while !done.load(Ordering::Acquire) {
                let next = s.scrape();
                for (series, value) in last.growing() {
                    assert!(next.get(series) >= value, "{series} fell");
                }
                let size = next.get("onrecord_checkpoint_size");
                assert!(next.get("onrecord_published_size") <= size);
                assert!(next.get("onrecord_indexed_size") <= size);
                last = next;
                n += 1;
            }
            n
        });
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let s = &s;
                scope.spawn(move || {
                    for call in 0..CALLS {
                        let events: Vec<Submission> = (0..EACH)
                            .map(|i| statement(&story, &format!("kenyataan {thread} {call} {i}")).1)
                            .collect();
                        let answer = s.record(&events);
                        assert_eq!(answer["results"].as_array().unwrap().len(), EACH);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Release);
        watch.join().unwrap()
    });
    assert!(scrapes > 1);

    // One event that is refused, one page that is not found, one event that is known already.
    let (_, good) = statement(&story, "tidak sah");
    let mut bad = good.clone();
    let at = bad.note.len() - 10;
    bad.note[at] = if bad.note[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(s.record(&[bad])["results"][0]["userErrors"][0]["code"], "BAD_SIGNATURE");
    let path = format!("/file/{}", Digest::blake3(b"satu"));
    assert_eq!(send(s.address, "PUT", &path, &[], b"dua").status, 422);
    assert_eq!(s.get("/e/%3Cscript%3E").status, 404);
    assert_eq!(s.get("/tidak-ada%22%7D").status, 404);
    assert_eq!(s.get("/").status, 200);
    let tag = s.get("/checkpoint").header("etag").unwrap().to_owned();
    assert_eq!(send(s.address, "GET", "/checkpoint", &[("If-None-Match", &tag)], b"").status, 304);
    assert_eq!(send(s.address, "DELETE", "/checkpoint", &[], b"").status, 405);

    let new = (THREADS * CALLS * EACH) as f64;
    let deadline = Instant::now() + Duration::from_secs(30);
    let after = loop {
        let scrape = s.scrape();
        let size = scrape.get("onrecord_checkpoint_size");
        if scrape.get("onrecord_published_size") == size && scrape.get("onrecord_indexed_size") == size {
            break scrape;
        }
        assert!(Instant::now() < deadline, "it lags for ever");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(after.get("onrecord_checkpoint_size"), 5.0 + new);
    assert_eq!(after.get("onrecord_batch_entries_sum"), new);
    let batches = after.get("onrecord_batch_entries_count");
    assert!(batches >= new / 1_024.0 && batches <= new, "{batches}");
    assert_eq!(after.get("onrecord_journal_sync_seconds_count"), batches);
    assert!(after.get("onrecord_journal_sync_seconds_sum") > 0.0);
    assert_eq!(after.get("onrecord_queue_calls"), 0.0);
    assert!(after.get("onrecord_queue_calls_max") > 100.0);
    assert_eq!(after.get("onrecord_writer_stopped"), 0.0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let last = after.get("onrecord_checkpoint_timestamp_seconds");
    assert!(last <= now && last > after.get("process_start_time_seconds"), "{last} of {now}");

    let refused: f64 =
        after.samples.iter().filter(|(s, _)| s.starts_with("onrecord_refusals_total")).map(|(_, v)| v).sum();
    assert_eq!((after.refused("BAD_SIGNATURE"), after.refused("FILE_DIGEST"), refused), (1.0, 1.0, 2.0));
    let calls = (THREADS * CALLS + 1) as f64;
    assert_eq!(after.requests("graphql", "2xx"), calls);
    assert_eq!(after.get("onrecord_http_request_seconds_count{route=\"graphql\"}"), calls);
    assert_eq!((after.requests("page", "2xx"), after.requests("page", "4xx")), (1.0, 1.0));
    assert_eq!((after.requests("checkpoint", "2xx"), after.requests("checkpoint", "3xx")), (1.0, 1.0));
    assert_eq!((after.requests("checkpoint", "4xx"), after.requests("upload", "4xx")), (1.0, 1.0));
    assert_eq!((after.requests("unknown", "4xx"), after.requests("unknown", "2xx")), (1.0, 0.0));
    assert!(after.get("onrecord_connections_total{outcome=\"accepted\"}") >= calls);
    assert_eq!(after.get("onrecord_connections_total{outcome=\"refused_full\"}"), 0.0);

    let (free, size) = (after.get("onrecord_disk_free_bytes"), after.get("onrecord_disk_size_bytes"));
    let df = Command::new("df").args(["--output=size,iavail", "-B1"]).arg(&dir).output().unwrap();
    let df = String::from_utf8(df.stdout).unwrap();
    let df: Vec<f64> =
        df.lines().nth(1).unwrap().split_whitespace().map(|n| n.parse().unwrap_or(0.0)).collect();
    assert_eq!(size, df[0]);
    assert!(free > 0.0 && free < size);
    assert!((after.get("onrecord_disk_free_inodes") - df[1]).abs() <= df[1] / 10.0);
    assert!(after.get("process_resident_memory_bytes") > 1e6);
    assert!(after.get("process_open_fds") >= 3.0 && after.get("process_max_fds") >= 256.0);
    assert_eq!(after.get(&format!("onrecord_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);

    // Neither what was sent nor who sent it became a label: the series are those of the start.
    let series = |scrape: &Scrape| scrape.samples.keys().cloned().collect::<Vec<_>>();
    assert_eq!(series(&before), series(&after));
}

#[test]
fn the_numbers_are_on_their_own_address_alone() {
    let folder = World::empty().close();
    let s = Served::start(&folder.dir);
    assert_eq!(s.get("/metrics").status, 404);
    let there = |method, path| send(s.metrics, method, path, &[], b"");
    for path in ["/", "/checkpoint", "/graphql", "/livez", "/metrics/"] {
        assert_eq!(there("GET", path).status, 404, "{path}");
    }
    assert_eq!(there("POST", "/metrics").status, 405);
    let head = there("HEAD", "/metrics");
    assert_eq!((head.status, head.body.len()), (200, 0));
    // Connections that say nothing keep no other scrape out.
    let silent: Vec<_> = (0..7).map(|_| std::net::TcpStream::connect(s.metrics).unwrap()).collect();
    s.scrape();
    drop(silent);
}

#[test]
fn a_writer_that_stopped_says_so() {
    let (w, metrics) = World::empty().served_with_metrics();
    let server = w.server();
    let scrape = || Scrape::parse(&send(metrics, "GET", "/metrics", &[], b"").text());
    assert_eq!((server.get("/readyz").status, scrape().get("onrecord_writer_stopped")), (200, 0.0));
    server.ledger.close();
    assert_eq!((server.get("/readyz").status, scrape().get("onrecord_writer_stopped")), (503, 1.0));
    assert_eq!(scrape().requests("health", "5xx"), 1.0);
}

#[test]
fn the_alert_rules_ask_for_numbers_that_there_are() {
    let scrub_every = Some(Duration::from_secs(86_400));
    let options = onrecord::ledger::Options { scrub_every, ..onrecord::ledger::Options::default() };
    let (_w, metrics) = World::with(options, |_| ()).served_with_metrics();
    let named = || Scrape::parse(&send(metrics, "GET", "/metrics", &[], b"").text());
    // The thread that checks all files sets this when it begins.
    while !named().samples.contains_key("onrecord_scrubbed_timestamp_seconds") {
        std::thread::sleep(Duration::from_millis(10));
    }
    let scrape = named();
    let rules = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/alerts.yml")).unwrap();
    let mut asked = 0;
    for expr in rules.lines().filter_map(|l| l.trim().strip_prefix("expr: ")) {
        for name in expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let ours = name.starts_with("onrecord_") || name.starts_with("process_");
            // Those of a mirror are asked for in tests/mirrors/mirror.rs.
            if !ours || name.starts_with("onrecord_mirror_") {
                continue;
            }
            asked += 1;
            let there = |series: &String| series == name || series.starts_with(&format!("{name}{{"));
            assert!(scrape.samples.keys().any(there), "{name} in {expr}");
        }
        // Each label that a rule compares must have the values that the rule names.
        for (label, values) in
            expr.split('{').skip(1).filter_map(|l| l.split_once('}')).filter_map(|(l, _)| l.split_once('='))
        {
            for value in
                values.trim_start_matches('~').trim_matches('"').split('|').filter(|_| label != "job")
            {
                let pair = format!("{label}=\"{value}\"");
                assert!(scrape.samples.keys().any(|s| s.contains(&pair)), "{pair} in {expr}");
            }
        }
    }
    assert!(asked >= 15, "only {asked} numbers are asked for");
}
