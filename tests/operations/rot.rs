//! A disk that rots: whichever byte of a folder changes, each answer stays the same, or becomes an error that says why.

use crate::http;
use crate::story;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::http::{Reply, Server};
use crate::support::*;
use onrecord::{
    event::EventType,
    ledger::{Filter, Ledger, Options, Submission},
    serve,
};
use serde_json::{Value, json};

/// Numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// A request, and its body if it is one of GraphQL.
type Asked = (String, Option<Value>);

/// Asks. Gives `None` if the connection ended without an answer.
fn ask(server: &Server, asked: &Asked) -> Option<Reply> {
    ask_at(server.address, asked)
}

fn ask_at(address: std::net::SocketAddr, (path, body): &Asked) -> Option<Reply> {
    let post = body.as_ref().map(|body| ("POST", [("Content-Type", "application/json")], body.to_string()));
    let (method, headers, body) = post.unwrap_or(("GET", [("Range", "bytes=70000-70009")], String::new()));
    let of_range = path.strip_prefix("range ");
    let headers = if method == "POST" || of_range.is_some() { &headers[..] } else { &[] };
    let raw = http::send_raw(address, method, of_range.unwrap_or(path), headers, body.as_bytes());
    (!raw.is_empty()).then(|| Reply::parse(&raw))
}

/// What an answer says, or `None` if it is an error.
fn said(reply: Option<Reply>) -> Option<Vec<u8>> {
    let reply = reply?;
    let length = reply.header("content-length").and_then(|n| n.parse::<usize>().ok());
    let cut = length.is_some_and(|n| n != reply.body.len());
    let errors = || reply.text().starts_with("{\"data\":") && reply.text().contains("\"errors\":[");
    let whole = reply.status < 500 && !cut && !errors();
    whole.then(|| [format!("{} ", reply.status).as_bytes(), &reply.body].concat())
}

fn files_of(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        match entry.is_dir() {
            true => files_of(&entry, out),
            false => out.push(entry),
        }
    }
}

fn serve(ledger: Ledger) -> Server {
    // The cache is tiny, so that the disk is read.
    Server::start_with(
        ledger,
        serve::Options {
            cache: 1 << 10,
            url: Some("https://ledger.example.org".into()),
            ..serve::Options::default()
        },
    )
}

/// The story, with a large file, in bundles that are full.
fn told(dir: &Path) -> Vec<Asked> {
    init(dir);
    let ledger = open(dir);
    story::tell(&ledger);
    tell_more(&ledger);
    let reader = ledger.reader();
    let size = reader.checkpoint().checkpoint().size();
    let at = "asOf=2026-01-01T00:00:00Z";
    let mut asked: Vec<Asked> = Vec::new();
    let mut get = |path: String| asked.push((path, None));
    for index in 0..size {
        if index < 100 || index % 40 == 0 {
            get(format!("/entry/{index}"));
            get(format!("/proof/{index}"));
            get(format!("/e/{index}"));
        }
        let entry = reader.parsed(index).unwrap().unwrap();
        if let Some(content) = entry.event().content().filter(|_| index < 100) {
            get(format!("/content/{}", content.blake3));
        }
        let id = entry.event().id();
        let kinds = match entry.event().event_type() {
            EventType::CaseOpened => vec!["case"],
            EventType::DemandIssued => vec!["demand"],
            EventType::PartyRegistered => vec!["party"],
            _ => vec![],
        };
        for kind in kinds {
            get(format!("/{kind}/{id}?{at}"));
            get(format!("/{kind}/{id}/text?{at}"));
        }
    }
    for index in [3, 40, 60, 80, 300] {
        get(format!("/exhibit/{index}.zip"));
    }
    for tile in [
        "tile/0/000",
        "tile/0/001",
        "tile/entries/000",
        "tile/entries/001",
        "content/tile/000",
        "content/tile/001",
    ] {
        get(format!("/{tile}"));
        get(format!("/{tile}.p/17"));
    }
    get("/tile/1/000.p/2".into());
    get("/checkpoint".into());
    get("/entries".into());
    for file in fs::read_dir(dir.join("public/file")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        get(format!("/file/{name}"));
        get(format!("range /file/{name}"));
    }
    let mut query = |query: &str, variables: Value| {
        asked.push(("/graphql".into(), Some(json!({"query": query, "variables": variables}))));
    };
    for after in [None, Some(50), Some(200)] {
        use base64::Engine as _;
        let after = after.map(|i| base64::prelude::BASE64_STANDARD.encode(format!("i{i}")));
        query(
            "query($after: String) { events(first: 60, after: $after) { nodes { index eventId type occurred sentence \
             voided rawEntry content { raw } inclusionProof { tlogProof } } } }",
            json!({"after": after}),
        );
    }
    let cases = reader.list(
        &Filter { types: vec![EventType::CaseOpened], ..Filter::default() },
        0..=u64::MAX,
        false,
        9,
    );
    for index in cases.unwrap() {
        let id = reader.parsed(index).unwrap().unwrap().event().id();
        query(
            "query($id: Hash!) { case(by: {eventId: $id}) { title state(asOf: \"2026-01-01T00:00:00Z\") { sentences \
             demands { nodes { sentence status delivery { state sentence } clock { state due } items { number text { value } \
             latest { outcome } } } } timeline(first: 50) { nodes { event { index sentence attribution } } } } } }",
            json!({"id": id}),
        );
    }
    ledger.close();
    asked
}

/// Statements of another desk, and exhibits with files: one of several parts.
fn tell_more(ledger: &Ledger) {
    let (op, desk) = (operator(), key("desk.example/rot", 9));
    let record = |submissions: Vec<Submission>| {
        for answer in ledger.record_blocking(submissions, true) {
            answer.unwrap();
        }
    };
    let facts = json!({"kind": "publisher", "keys": [desk.verifying_key().to_string()]});
    let name = Some(json!({"name": "Meja lain"}));
    let (party, registered) = say("party.registered", None, Value::Null, facts, name).sign(&[&op, &desk]);
    let recorder = say("role.granted", None, json!({"party": party}), json!({"role": "recorder"}), None);
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let title = Some(json!({"title": "Kejadian lain"}));
    let (case, opened) = say("case.opened", None, json!({"respondent": party}), facts, title).sign(&[&desk]);
    record(vec![registered, recorder.sign(&[&op]).1, opened]);
    for (i, length) in [300_000, 70_100, 12].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..length).map(|n| ((n * (i + 7)) % 251) as u8).collect();
        let files = [upload(ledger, "lampiran.bin", &bytes)];
        let facts = json!({"method": "scan", "captured": "2023-12-15"});
        let words = Some(json!({"description": "scan"}));
        let mut said = say("exhibit.captured", Some(case), json!(null), facts, words);
        said.files = &files;
        record(vec![said.sign(&[&desk]).1]);
    }
    let (ids, said): (Vec<_>, Vec<_>) = (0..500)
        .map(|i| {
            let words = Some(json!({"text": format!("kenyataan {i} pada 14 Disember")}));
            say("statement.made", Some(case), json!({"speaker": party}), statement_facts(), words)
                .sign(&[&desk])
        })
        .unzip();
    said.chunks(100).for_each(|chunk| record(chunk.to_vec()));
    let facts = json!({"ground": "court_order", "blobs": ["content"]});
    let held = say("content.withheld", Some(case), json!({"entry": ids[3]}), facts, None);
    record(vec![held.sign(&[&op]).1]);
    assert!(ledger.wait_published(Duration::from_secs(60)));
}

#[test]
fn whatever_byte_of_a_folder_rots_no_answer_is_another() {
    let flips: usize = std::env::var("ONRECORD_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    let asked = told(&dir);
    // Ask all twice. Answers that differ from time to time can't be compared.
    let all = || -> Vec<Option<Vec<u8>>> {
        let server = serve(open(&dir));
        let all = asked.iter().map(|asked| said(ask(&server, asked))).collect();
        drop(server);
        all
    };
    let (good, again) = (all(), all());
    let differ: Vec<_> =
        asked.iter().zip(good.iter().zip(&again)).filter(|(_, (a, b))| a != b).map(|(a, _)| a).collect();
    assert!(differ.is_empty(), "{differ:?}");
    assert!(good.iter().all(Option::is_some), "all can be answered");

    let mut files = Vec::new();
    files_of(&dir, &mut files);
    // A rotten row of the index ends the program, and the next start makes the index anew (`tests/ledger/index.rs`).
    let is_index = |file: &Path| file.starts_with(dir.join("index"));
    files.retain(|file| !file.ends_with("lock") && !is_index(file) && fs::metadata(file).unwrap().len() > 0);
    let kind = |file: &Path| {
        let name = file.strip_prefix(&dir).unwrap().to_str().unwrap().to_owned();
        let kinds = [
            "public/file",
            "public/tile/entries",
            "public/tile",
            "public/content",
            "index",
            "journal",
            "keys",
        ];
        kinds.iter().find(|kind| name.starts_with(**kind)).map_or(name, |kind| (*kind).to_owned())
    };
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        kinds.entry(kind(&file)).or_default().push(file);
    }
    let kinds: Vec<(String, Vec<PathBuf>)> = kinds.into_iter().collect();
    let saved = tmp.path().join("saved");
    copy(&dir, &saved);
    let mut random = Random(0x5eed);
    let (mut flipped, mut refused, mut same, mut told) = (0, 0, 0, 0);
    let mut touched: BTreeSet<&str> = BTreeSet::new();
    for round in 0.. {
        if flipped >= flips {
            break;
        }
        // The byte rots before the start, or while the folder is served.
        let before = round % 2 == 0;
        let mut server = (!before).then(|| serve(open(&dir)));
        // A rotten file that each start reads stops the start. It rots alone, or others in the round would not be read.
        let (name, first) = random.of(&kinds);
        let full =
            kinds.iter().filter(|(name, _)| name.starts_with("public/") && name != "public/checkpoint");
        let full: Vec<&PathBuf> =
            full.flat_map(|(_, files)| files).filter(|f| !f.to_str().unwrap().contains(".p/")).collect();
        let mut changed: Vec<&PathBuf> = vec![random.of(first)];
        touched.insert(name);
        changed.extend((0..9).map(|_| *random.of(&full)));
        for file in &changed {
            let mut bytes = fs::read(file).unwrap();
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            fs::write(file, bytes).unwrap();
            flipped += 1;
        }
        if before {
            match Ledger::open(&dir, Options::default()) {
                Ok(ledger) => server = Some(serve(ledger)),
                Err(why) => {
                    refused += 1;
                    assert!(why.to_string().len() < 2_000, "{why}");
                }
            }
        }
        if let Some(server) = &server {
            for _ in 0..30 {
                let n = random.below(asked.len());
                match said(ask(server, &asked[n])) {
                    None => told += 1,
                    answer if answer == good[n] => same += 1,
                    answer => panic!(
                        "round {round}: {:?} after {changed:?}: {}",
                        asked[n],
                        String::from_utf8_lossy(&answer.unwrap()[..200.min(good[n].as_ref().unwrap().len())])
                    ),
                }
            }
            let ready = server.get("/readyz").text();
            assert!(ready.starts_with("ok") || ready.contains("the writer stopped"), "{ready}");
        }
        drop(server);
        fs::remove_dir_all(&dir).unwrap();
        copy(&saved, &dir);
    }
    println!(
        "rot: {flipped} bytes flipped in {} kinds of files, {refused} starts refused, {same} answers the same, {told} said \
         that they can't be given, none another",
        touched.len()
    );
    assert!(touched.len() == kinds.len() && refused > 0 && same > told && told > 0);
}

#[test]
fn whatever_byte_of_the_index_rots_no_answer_is_another() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    let asked = told(&dir);
    let (url, log) = ("https://ledger.example.org", tmp.path().join("log"));
    let start = || crate::program::Program::logged(&dir, &["--url", url, "--cache-mib", "1"], &log);
    let server = start();
    let good: Vec<_> = asked.iter().map(|asked| said(ask_at(server.address, asked))).collect();
    drop(server);
    let saved = tmp.path().join("saved");
    copy(&dir.join("index"), &saved);
    let mut files = Vec::new();
    files_of(&saved, &mut files);
    let files: Vec<PathBuf> =
        files.iter().map(|file| file.strip_prefix(&saved).unwrap().to_owned()).collect();
    let mut random = Random(0x1dea);
    let (mut same, mut ended) = (0, 0);
    for round in 0..40 {
        fs::remove_dir_all(dir.join("index")).unwrap();
        copy(&saved, &dir.join("index"));
        for _ in 0..5 {
            let path = dir.join("index").join(random.of(&files));
            let mut bytes = fs::read(&path).unwrap();
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
                fs::write(path, bytes).unwrap();
            }
        }
        // The start mends the rot that it finds. Rot that is found later ends the program, and its next start mends that.
        let mut server = start();
        for _ in 0..20 {
            let n = random.below(asked.len());
            if !server.is_running() {
                ended += 1;
                break;
            }
            // The program may end meanwhile.
            let answer = std::panic::catch_unwind(|| said(ask_at(server.address, &asked[n])));
            if let Ok(Some(answer)) = answer {
                assert!(Some(&answer) == good[n].as_ref(), "round {round}: {:?}", asked[n]);
                same += 1;
            }
        }
    }
    println!("rot: 200 bytes of the index flipped, {same} answers the same, {ended} times the program ended");
    assert!(same > 200);
}

#[test]
fn search_finds_all_but_what_rotted_and_says_how_much_that_is() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    told(&dir);
    let size = open(&dir).reader().checkpoint().checkpoint().size();
    // The length of one text: then none of the texts in the tile can be found.
    let path = dir.join("public/content/tile/001");
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    let server = serve(open(&dir));
    let until = std::time::Instant::now() + Duration::from_secs(30);
    let said = format!("{} of {size}", size - 256);
    loop {
        let page = server.get("/search?q=Disember").text();
        if page.contains("kenyataan") && page.contains(&said) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{page}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(server.get("/readyz").text().contains("content/tile/001 is damaged"));
}

#[test]
fn what_is_damaged_is_not_served_and_is_named_where_an_operator_looks() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    told(&dir);
    let flip = |name: &str| {
        let path = dir.join("public").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let file = fs::read_dir(dir.join("public/file")).unwrap().next().unwrap().unwrap().file_name();
    let file = format!("file/{}", file.to_str().unwrap());
    let server = serve(open(&dir));
    assert_eq!(server.get("/readyz").text(), "ok\n");
    for name in ["tile/entries/001", "tile/0/000", "content/tile/000", &file] {
        assert_eq!(server.get(&format!("/{name}")).status, 200, "{name}");
        flip(name);
        assert!(said(ask(&server, &(format!("/{name}"), None))).is_none(), "{name}");
        let reply = server.get(&format!("/{name}"));
        assert!(reply.status == 500 && reply.text().contains("another copy"), "{name}: {}", reply.text());
        assert_eq!(server.send("HEAD", &format!("/{name}"), &[], b"").status, 500, "{name}");
    }
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("is damaged") && ready.text().contains("and 3 more"), "{}", ready.text());
}

#[test]
fn what_nobody_asks_for_is_read_all_the_same_and_what_rotted_is_named_until_it_is_mended() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    told(&dir);
    let public = dir.join("public");
    let files = fs::read_dir(public.join("file")).unwrap().map(|e| e.unwrap().file_name());
    let mut files: Vec<String> = files.map(|name| format!("file/{}", name.to_str().unwrap())).collect();
    files.sort();
    let file = files[0].clone();
    let names = ["content/tile/001", &file, &files[1]];
    let good: Vec<Vec<u8>> = names.iter().map(|name| fs::read(public.join(name)).unwrap()).collect();
    for (name, good) in names.iter().zip(&good) {
        let mut bytes = good.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(public.join(name), bytes).unwrap();
    }
    let scrubbing = || {
        let options = Options { scrub_every: Some(Duration::from_secs(2)), ..Options::default() };
        Server::start_with_metrics(Ledger::open(&dir, options).unwrap())
    };
    let damaged = |server: &Server| -> Vec<String> {
        server.ledger.reader().damaged().into_iter().map(|(name, _)| name).collect()
    };
    let wait = |server: &Server, expected: &[&str]| {
        let begun = std::time::Instant::now();
        while damaged(server) != expected {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}, not {expected:?}", damaged(server));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let number = |metrics: std::net::SocketAddr, name: &str| -> f64 {
        let text = http::send(metrics, "GET", "/metrics", &[], b"").text();
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
    };
    let (server, metrics) = scrubbing();
    wait(&server, &names);
    assert!(server.get("/readyz").text().contains("is damaged"), "{}", server.get("/readyz").text());
    assert!(server.get("/readyz").text().contains("and 2 more"));
    assert_eq!(number(metrics, "onrecord_damaged_files"), 3.0);
    // A file that is put back while the ledger is served is no longer named after the next round.
    fs::write(public.join(names[2]), &good[2]).unwrap();
    wait(&server, &names[..2]);
    assert!(number(metrics, "onrecord_scrub_files_total") > 6.0);
    let since = number(metrics, "onrecord_scrubbed_timestamp_seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(since > now - 60.0 && since <= now, "{since}, {now}");
    server.ledger.close();
    drop(server);
    let written = fs::read_to_string(dir.join("scrub")).unwrap();
    assert!(
        written.starts_with("onrecord scrub 1\n") && written.matches("\ndamaged ").count() == 2,
        "{written}"
    );

    // The next start looks again at the files that were found bad.
    fs::write(public.join(names[0]), &good[0]).unwrap();
    let options = Options { scrub_every: Some(Duration::from_secs(86_400)), ..Options::default() };
    let (server, _) = Server::start_with_metrics(Ledger::open(&dir, options).unwrap());
    wait(&server, &[&file]);
    server.ledger.close();
    drop(server);
    fs::write(public.join(&file), &good[1]).unwrap();
    fs::write(dir.join("scrub"), "not as it is written").unwrap();
    let (server, metrics) = scrubbing();
    let begun = std::time::Instant::now();
    while number(metrics, "onrecord_scrub_files_total") < 20.0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(damaged(&server).is_empty(), "{:?}", damaged(&server));
    assert_eq!(server.get("/readyz").text(), "ok\n");
    // A file that is missing though nothing withholds it, and a missing bundle.
    fs::remove_file(public.join(&file)).unwrap();
    wait(&server, &[&file]);
    let mut bytes = fs::read(public.join("tile/entries/000")).unwrap();
    bytes[1_000] ^= 1;
    fs::write(public.join("tile/entries/000"), bytes).unwrap();
    wait(&server, &[&file, "tile/entries/000"]);
    let begun = std::time::Instant::now();
    server.ledger.close();
    assert!(begun.elapsed() < Duration::from_secs(5), "it does not hold up the end");
}
