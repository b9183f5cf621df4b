//! What strangers get over HTTP: every route, with its statuses and headers.

use crate::http;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::support::*;
use crate::world::World;
use onrecord::{
    event::{Digest, FileRef},
    log::{Checkpoint, TileKind, TilePath, TlogProof, decode_bundle, decode_contents, leaf_hash},
};
use serde_json::json;
use sha2::Digest as _;

const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const SCRIPT_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[test]
fn the_log_is_served_as_tlog_tiles_says() {
    let w = World::small().served();
    for i in 0..300 {
        w.say(&format!("kenyataan {i}"));
    }
    let s = w.server();
    let reply = s.get("/checkpoint");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    let reader = s.ledger.reader();
    let checkpoint = Checkpoint::open(&reply.body, reader.log_key()).unwrap();
    assert_eq!(checkpoint.checkpoint().size(), 305);

    let entries: Vec<Vec<u8>> = (0..305).map(|i| reader.entry(i).unwrap().unwrap().to_vec()).collect();
    for (path, from, width) in
        [("tile/entries/000", 0, 256), ("tile/entries/001.p/49", 256, 49), ("tile/entries/000.p/3", 0, 3)]
    {
        let reply = s.get(&format!("/{path}"));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/octet-stream")),
            "{path}"
        );
        let bundle = decode_bundle(&reply.body, width as u16).unwrap();
        assert_eq!(bundle, entries[from..from + width], "{path}");
        let cached =
            if width == 256 { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
        assert_eq!(reply.header("cache-control"), Some(cached));
    }
    let tile = s.get("/tile/0/000");
    let leaves: Vec<u8> = entries[..256].iter().flat_map(|e| leaf_hash(e).0).collect();
    assert_eq!((tile.status, &tile.body), (200, &leaves));
    assert_eq!(s.get("/tile/1/000.p/1").body.len(), 32);

    let path = TilePath::new(TileKind::Contents, 0, 256).unwrap();
    let contents = s.get(&format!("/{path}"));
    assert_eq!((contents.status, contents.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(decode_contents(&contents.body, 256).unwrap().len(), 256);
    let tag = contents.header("etag").unwrap();
    assert_eq!(tag, format!("\"{}\"", Digest::blake3(&contents.body)));
    let again = s.send("GET", &format!("/{path}"), &[("If-None-Match", tag)], b"");
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));

    for bad in [
        "/tile/0/001",
        "/tile/0/000.p/256",
        "/tile/0/000.p/0",
        "/tile/0/0",
        "/tile/00/000",
        "/tile/0/x000/001",
        "/tile/0/001.p/50",
        "/tile/64/000",
        "/tile/entries/002",
        "/content/tile/002",
        "/tile/0/%30%30%30",
        "/tile/0/000/",
    ] {
        assert_eq!(s.get(bad).status, 404, "{bad}");
    }
}

/// Everything that is served raw: its path and its `Cache-Control`.
fn raw_paths(w: &World<Story>) -> Vec<(String, &'static str)> {
    let (_, index) = w.say("kata-kata");
    for i in 0..255 {
        w.say(&format!("kenyataan {i}"));
    }
    let digest = w.reader().parsed(index).unwrap().unwrap().event().content().unwrap().blake3;
    let file = file_ref("surat.txt", "text/plain", b"Dengan hormatnya\n");
    let path = format!("/file/{}", file.blake3);
    assert_eq!(w.server().send("PUT", &path, &[], b"Dengan hormatnya\n").status, 201);
    w.record(captured(&w.story, "Fail", &[file]));
    const IMMUTABLE: &str = "public, max-age=31536000, immutable";
    let partial = "public, max-age=3600";
    vec![
        ("/checkpoint".into(), "no-cache"),
        ("/tile/0/000".into(), IMMUTABLE),
        ("/tile/entries/000".into(), IMMUTABLE),
        ("/content/tile/000".into(), "no-cache"),
        ("/tile/0/001.p/5".into(), partial),
        ("/tile/entries/001.p/5".into(), partial),
        ("/content/tile/001.p/5".into(), "no-cache"),
        (format!("/entry/{index}"), IMMUTABLE),
        (format!("/proof/{index}"), "no-cache"),
        (format!("/content/{digest}"), "no-cache"),
        (path, "no-cache"),
    ]
}

#[test]
fn whoever_has_the_bytes_is_told_so_and_what_may_be_withheld_is_asked_for_again() {
    let w = World::small().served();
    let s = w.server();
    let mut tags = std::collections::HashSet::new();
    for (path, caching) in raw_paths(&w) {
        let reply = s.get(&path);
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some(caching)), "{path}");
        let tag = reply.header("etag").unwrap_or_else(|| panic!("{path}: no tag")).to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{path}: a strong tag: {tag}");
        assert!(tags.insert(tag.clone()), "{path}: the tag of something else");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            let again = s.send("GET", &path, &[("If-None-Match", &known)], b"");
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
            assert_eq!(again.header("cache-control"), Some(caching), "{path}");
            assert_eq!(s.send("HEAD", &path, &[("If-None-Match", &known)], b"").status, 304, "{path}");
        }
        assert_eq!(s.send("GET", &path, &[("If-None-Match", "\"x\"")], b"").status, 200, "{path}");
        let head = s.send("HEAD", &path, &[], b"");
        for name in ["content-type", "content-length", "cache-control", "etag", "vary"] {
            assert_eq!(head.header(name), reply.header(name), "{path} {name}");
        }
    }
    // A changed file has another tag.
    let before = s.get("/checkpoint").header("etag").unwrap().to_owned();
    w.say("lagi satu");
    let after = s.send("GET", "/checkpoint", &[("If-None-Match", &before)], b"");
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), Some(before.as_str()));
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

#[test]
fn what_is_worth_it_is_compressed_for_those_who_take_it() {
    let w = World::small().served();
    let s = w.server();
    let gzip = [("Accept-Encoding", "gzip, deflate")];
    let mut paths: Vec<(String, bool)> = raw_paths(&w)
        .into_iter()
        .map(|(path, _)| {
            let long = s.get(&path).body.len() >= 1_024 && !path.starts_with("/tile/0");
            let full = ["/tile/entries/000", "/content/tile/000"].contains(&path.as_str());
            assert!(long || !full, "{path} is long enough to be of use here");
            (path, long)
        })
        .collect();
    paths.push(("/".into(), true));
    paths.push(("/graphql?query={events(first:50){nodes{id%20sentence}}}".into(), true));
    for (path, packed) in paths {
        let (plain, reply) = (s.get(&path), s.send("GET", &path, &gzip, b""));
        assert_eq!((plain.header("content-encoding"), reply.status), (None, 200), "{path}");
        if !packed {
            assert_eq!(reply.header("content-encoding"), None, "{path}");
            assert_eq!(reply.body, plain.body, "{path}");
            continue;
        }
        assert_eq!(reply.header("content-encoding"), Some("gzip"), "{path}");
        for reply in [&plain, &reply] {
            let vary: Vec<_> = reply.headers.iter().filter(|(n, _)| n == "vary").collect();
            assert!(vary.iter().any(|(_, v)| v == "Accept-Encoding"), "{path} {vary:?}");
        }
        assert!(reply.body.len() * 10 < plain.body.len() * 8, "{path}: {}", reply.body.len());
        assert_eq!(gunzip(&reply.body), plain.body, "{path}");
        let length = reply.body.len().to_string();
        assert_eq!(reply.header("content-length"), Some(length.as_str()), "{path}");
        let head = s.send("HEAD", &path, &gzip, b"");
        for name in ["content-type", "content-length", "content-encoding", "etag", "vary"] {
            assert_eq!(head.header(name), reply.header(name), "{path} {name}");
        }
        let (Some(tag), Some(packed)) = (plain.header("etag"), reply.header("etag")) else {
            assert!(path == "/" || path.starts_with("/graphql"), "{path}");
            continue;
        };
        assert_ne!(tag, packed, "{path}: other bytes, another tag");
        let ask = |known: &str, takes: &str| {
            s.send("GET", &path, &[("If-None-Match", known), ("Accept-Encoding", takes)], b"")
        };
        let known = ask(packed, "gzip");
        assert_eq!((known.status, known.header("etag")), (304, Some(packed)), "{path}");
        assert_eq!(ask(tag, "gzip").header("etag"), Some(tag), "{path}");
        assert_eq!(ask(packed, "identity").status, 200, "{path}: it could not read what it is told to use");
    }
}

#[test]
fn withheld_words_are_in_no_compressed_answer() {
    let w = World::small().served();
    let s = w.server();
    let (id, index) = w.say("perkataan yang ditarik balik");
    for i in 0..300 {
        w.say(&format!("kenyataan {i}"));
    }
    assert!(s.ledger.wait_published(std::time::Duration::from_secs(20)));
    let gzip = [("Accept-Encoding", "gzip")];
    let digest = s.ledger.reader().parsed(index).unwrap().unwrap().event().content().unwrap().blake3;
    let contents = || s.send("GET", "/content/tile/000", &gzip, b"");
    let words = b"perkataan yang ditarik balik".as_slice();
    let holds = |reply: &http::Reply| gunzip(&reply.body).windows(words.len()).any(|w| w == words);
    let before = contents();
    assert!(holds(&before));
    w.record(withhold(Some(w.story.case), id, "court_order", &["content"]));
    let tag = before.header("etag").unwrap();
    let known = s.send("GET", "/content/tile/000", &[("If-None-Match", tag), gzip[0]], b"");
    assert_eq!((known.status, known.header("content-encoding")), (200, Some("gzip")));
    assert!(!holds(&known) && !holds(&contents()));
    assert_eq!(s.send("GET", &format!("/content/{digest}"), &gzip, b"").status, 410);
}

#[test]
fn an_entry_its_proof_and_its_words_are_served_raw() {
    let w = World::small().served();
    let (_, index) = w.say("kata-kata");
    let s = w.server();
    let entry = s.get(&format!("/entry/{index}"));
    assert_eq!((entry.status, entry.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(entry.body, s.ledger.reader().entry(index).unwrap().unwrap().to_vec());
    assert_eq!(entry.header("x-content-type-options"), Some("nosniff"));
    assert!(entry.header("content-security-policy").unwrap().contains("sandbox"));

    let proof = s.get(&format!("/proof/{index}"));
    assert_eq!((proof.status, proof.header("cache-control")), (200, Some("no-cache")));
    TlogProof::parse(&proof.body).unwrap().verify(&entry.body, s.ledger.reader().log_key()).unwrap();

    let record = s.ledger.reader().parsed(index).unwrap().unwrap();
    let digest = record.event().content().unwrap().blake3;
    let content = s.get(&format!("/content/{digest}"));
    assert_eq!((content.status, content.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(Digest::blake3(&content.body), digest);
    let tag = content.header("etag").unwrap();
    assert_eq!(s.send("GET", &format!("/content/{digest}"), &[("If-None-Match", tag)], b"").status, 304);

    for path in [
        "/entry/6",
        "/entry/00",
        "/entry/+1",
        "/entry/x",
        "/entry/99999999999999999999",
        "/proof/6",
        "/content/00",
        &format!("/content/{}", "0".repeat(64)),
        &format!("/file/{}", "0".repeat(64)),
        "/nothing",
    ] {
        let reply = s.get(path);
        assert_eq!((reply.status, reply.text().as_str()), (404, "not found\n"), "{path}");
    }
}

#[test]
fn head_gives_the_headers_of_get_and_no_body() {
    let w = World::small().served();
    let s = w.server();
    for path in ["/", "/checkpoint", "/entry/0", "/e/0", "/tile/0/000.p/1", "/style.css", "/livez"] {
        let (get, head) = (s.get(path), s.send("HEAD", path, &[], b""));
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        for name in ["content-type", "content-length", "cache-control", "content-security-policy", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

#[test]
fn other_methods_are_refused_with_the_allowed_ones() {
    let w = World::small().served();
    for (method, path) in [("POST", "/entry/0"), ("DELETE", "/checkpoint"), ("PUT", "/"), ("PUT", "/graphql")]
    {
        let reply = w.server().send(method, path, &[], b"");
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.header("allow").is_some(), "{method} {path}");
    }
}

#[test]
fn health_says_whether_events_are_taken() {
    let mut w = World::small().served();
    assert_eq!((w.server().get("/livez").status, w.server().get("/readyz").status), (200, 200));
    w.ledger.close();
    let reply = w.server().get("/readyz");
    assert_eq!(reply.status, 503);
    assert!(reply.text().len() > 3);
    assert_eq!((w.server().get("/livez").status, w.server().get("/entry/0").status), (200, 200));
    w.server_mut().stop();
}

fn file_ref(name: &str, media: &str, bytes: &[u8]) -> FileRef {
    FileRef {
        name: name.into(),
        blake3: Digest::blake3(bytes),
        sha256: Digest(sha2::Sha256::digest(bytes).into()),
        size: bytes.len() as u64,
        media: media.into(),
    }
}

#[test]
fn a_file_is_served_once_an_event_names_it_and_no_more_when_it_is_withheld() {
    let w = World::small().served();
    let s = w.server();
    let big: Vec<u8> = (0..300_000u32).flat_map(|n| n.to_le_bytes()).collect();
    let files = [
        file_ref("surat.txt", "text/plain", b"Dengan hormatnya\n"),
        file_ref("besar.bin", "video/x-unknown", &big),
        file_ref("page.html", "text/html", b"<script>alert(1)</script>"),
    ];
    for (file, bytes) in files.iter().zip([&b"Dengan hormatnya\n"[..], &big, b"<script>alert(1)</script>"]) {
        let path = format!("/file/{}", file.blake3);
        let put = s.send("PUT", &path, &[], bytes);
        assert_eq!(put.status, 201, "{}", put.text());
        assert_eq!(s.send("PUT", &path, &[], bytes).status, 201);
        assert_eq!(s.get(&path).status, 404, "nothing names it yet");
    }
    let (id, index) = w.record(captured(&w.story, "Fail", &files));
    let path = |i: usize| format!("/file/{}", files[i].blake3);

    let text = s.get(&path(0));
    assert_eq!((text.status, text.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(
        (text.text().as_str(), text.header("content-disposition")),
        ("Dengan hormatnya\n", Some("inline"))
    );
    let tag = text.header("etag").unwrap();
    assert_eq!(s.send("GET", &path(0), &[("If-None-Match", tag)], b"").status, 304);
    let head = s.send("HEAD", &path(1), &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("1200000")));
    let got = s.get(&path(1));
    assert_eq!((got.status, got.body == big), (200, true));
    for i in [1, 2] {
        let reply = s.get(&path(i));
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        assert_eq!(reply.header("content-disposition"), Some("attachment"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(reply.header("content-security-policy").unwrap().contains("sandbox"));
    }
    assert_eq!(s.send("PUT", &path(1), &[], &big).status, 200, "it is on record");
    let page = s.get(&format!("/e/{index}")).text();
    assert!(page.contains("surat.txt") && page.contains(&path(0)));

    let (_, by) = w.record(withhold(Some(w.story.case), id, "safety", &["files/0"]));
    assert_eq!((s.get(&path(0)).status, s.get(&path(1)).status), (404, 200));
    // An upload of a withheld file is answered like any other.
    assert_eq!(s.send("PUT", &path(0), &[], b"Dengan hormatnya\n").status, 201);
    assert_eq!(s.get(&path(0)).status, 404);
    let page = s.get(&format!("/e/{index}")).text();
    assert!(
        page.contains("Withheld: file 1.") && page.contains(&format!("/e/{by}")) && page.contains("safety")
    );
    assert!(!page.contains(&path(0)));
}

#[test]
fn a_part_of_a_file_is_served_while_the_whole_would_be() {
    let w = World::small().served();
    let s = w.server();
    let big: Vec<u8> = (0..300_000u32).flat_map(|n| n.to_le_bytes()).collect();
    let file = file_ref("besar.bin", "video/mp4", &big);
    let path = format!("/file/{}", file.blake3);
    let range = |range: &str| s.send("GET", &path, &[("Range", range)], b"");
    // Nothing names the file yet, so it is as unknown as any other.
    assert_eq!(s.send("PUT", &path, &[], &big).status, 201);
    let unknown = format!("/file/{}", "0".repeat(64));
    let answers = [range("bytes=0-1"), s.send("GET", &unknown, &[("Range", "bytes=0-1")], b"")];
    assert!(answers.iter().all(|r| r.status == 404 && r.header("accept-ranges").is_none()));
    let (id, _) = w.record(captured(&w.story, "Fail", std::slice::from_ref(&file)));

    let whole = s.get(&path);
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
    for (asked, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=70000-699999", 70_000, 699_999),
        ("bytes=1199999-", 1_199_999, 1_199_999),
        ("bytes=-10", 1_199_990, 1_199_999),
        ("bytes=1000000-9999999", 1_000_000, 1_199_999),
    ] {
        let part = range(asked);
        assert_eq!(part.status, 206, "{asked}");
        assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/1200000").as_str()));
        assert_eq!(part.header("content-length"), Some((last - first + 1).to_string().as_str()));
        assert!(part.body == big[first..=last], "{asked}");
        for name in
            ["etag", "cache-control", "content-type", "content-disposition", "content-security-policy"]
        {
            assert_eq!(part.header(name), whole.header(name), "{name}");
        }
    }
    let beyond = range("bytes=1200000-");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */1200000")));
    assert_eq!((range("bytes=0-1,5-6").status, range("bytes=9-1").status), (200, 200));
    let tag = whole.header("etag").unwrap();
    let if_range = |known: &str| s.send("GET", &path, &[("Range", "bytes=0-1"), ("If-Range", known)], b"");
    assert_eq!((if_range(tag).status, if_range("\"other\"").status), (206, 200));
    let known = [("Range", "bytes=0-1"), ("If-None-Match", tag)];
    assert_eq!(s.send("GET", &path, &known, b"").status, 304);
    let head = s.send("HEAD", &path, &[("Range", "bytes=0-1")], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("1200000")));

    w.record(withhold(Some(w.story.case), id, "safety", &["files/0"]));
    let (gone, never) = (range("bytes=0-1"), s.send("GET", &unknown, &[("Range", "bytes=0-1")], b""));
    let shown = |r: &http::Reply| {
        let headers: Vec<_> = r.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
        (r.status, headers, r.body.clone())
    };
    assert_eq!(gone.status, 404);
    assert_eq!(shown(&gone), shown(&never), "nothing tells withheld from unknown");
}

#[test]
fn uploads_that_are_not_what_they_say_are_refused_with_a_code() {
    let w = World::small().served();
    let s = w.server();
    let digest = Digest::blake3(b"satu");
    let reply = s.send("PUT", &format!("/file/{digest}"), &[], b"dua");
    assert_eq!(reply.status, 422);
    assert!(reply.text().starts_with("FILE_DIGEST: file: expected "), "{}", reply.text());
    let reply = s.send("PUT", "/file/zz", &[], b"satu");
    assert_eq!(reply.status, 400);
    assert!(reply.text().starts_with("BAD_ID: path: "), "{}", reply.text());

    let small = onrecord::ledger::Options { max_file: 1_000, ..Default::default() };
    let w = World::with(small, |_| ()).served();
    let bytes = vec![7; 1_001];
    let reply = w.server().send("PUT", &format!("/file/{}", Digest::blake3(&bytes)), &[], &bytes);
    assert_eq!(reply.status, 413);
    assert!(reply.text().starts_with("TOO_LARGE: file: "), "{}", reply.text());
}

#[test]
fn withheld_words_are_gone_and_the_page_says_who_when_and_why() {
    let w = World::small().served();
    let s = w.server();
    let (id, index) = w.say("perkataan yang ditarik");
    let digest = s.ledger.reader().parsed(index).unwrap().unwrap().event().content().unwrap().blake3;
    assert!(s.get(&format!("/e/{index}")).text().contains("perkataan yang ditarik"));
    let withheld = say(
        "content.withheld",
        Some(w.story.case),
        json!({"entry": id}),
        json!({"ground": "court_order", "blobs": ["content"]}),
        Some(json!({"authority": "Mahkamah", "redacted": "(dihitamkan)"})),
    );
    let (_, by) = w.record(withheld.sign(&[&operator()]));
    let gone = s.get(&format!("/content/{digest}"));
    assert_eq!((gone.status, gone.text()), (410, format!("withheld {by}\n")));
    for path in [format!("/e/{index}"), "/".into(), "/entries".into(), format!("/case/{}", w.story.case)] {
        assert!(!s.get(&path).text().contains("perkataan yang ditarik"), "{path}");
    }
    let page = s.get(&format!("/e/{index}")).text();
    for text in [
        "(words withheld)",
        "Withheld: the words.",
        "court order",
        "A test ledger",
        "Mahkamah",
        "(dihitamkan)",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn pages_have_titles_headings_a_strict_policy_and_no_script_but_the_verifier() {
    let w = World::small().served();
    let (_, index) = w.say("baris satu\nbaris <b>dua</b> & tiga");
    let s = w.server();
    let paths = [
        "/".to_owned(),
        "/entries".to_owned(),
        format!("/case/{}", w.story.case),
        format!("/e/{index}"),
        "/e/0".to_owned(),
        format!("/party/{}", w.story.agency),
        format!("/party/{}", w.story.desk),
    ];
    for path in &paths {
        let page = s.get(path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        // The page of an entry may load the verifier, a script of this server.
        let scripts = path.starts_with("/e/");
        let policy = if scripts { SCRIPT_POLICY } else { PAGE_POLICY };
        assert_eq!(page.header("content-security-policy"), Some(policy), "{path}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let text = page.text();
        assert_eq!(text.matches("<h1").count(), 1, "{path}");
        for part in ["<html lang=\"en\">", "<title>", "<main id=\"main\">", "name=\"viewport\"", "</html>"] {
            assert!(text.contains(part), "{path} {part}");
        }
        assert_eq!(text.matches("<script").count(), usize::from(scripts), "{path}");
        assert_eq!(text.contains(r#"<script type="module" src="/page.js"></script>"#), scripts, "{path}");
        for part in ["style=\"", " onclick", "<b>dua"] {
            assert!(!text.contains(part), "{path} {part}");
        }
    }
    let page = s.get(&format!("/e/{index}")).text();
    assert!(page.contains("baris satu\nbaris &#60;b&#62;dua&#60;/b&#62; &#38; tiga"), "{page}");
    for text in
        ["recorded by", "Agensi", "vouched for by the operator", "lang=\"ms\"", "b3sum", "onrecord verify"]
    {
        assert!(page.contains(text), "{text}");
    }
    let style = page.split("href=\"/style.css").nth(1).unwrap().split('"').next().unwrap();
    let sheet = s.get(&format!("/style.css{style}"));
    assert_eq!(sheet.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(s.get("/style.css").header("cache-control"), Some("no-cache"));
    let html = [("Accept", "text/html")];
    for missing in ["/e/6", "/e/x", "/nothing", &format!("/case/{}", w.story.agency), "/party/00"] {
        let page = s.send("GET", missing, &html, b"");
        assert_eq!(page.status, 404, "{missing}");
        assert!(page.text().contains("<h1>Not found</h1>"), "{missing}");
        assert_eq!(page.header("content-security-policy"), Some(PAGE_POLICY));
    }
}

#[test]
fn characters_that_deceive_the_eye_are_written_out() {
    let w = World::small().served();
    let (_, index) = w.say("a\u{202e}b");
    let page = w.server().get(&format!("/e/{index}")).text();
    assert!(page.contains("a⟨U+202E⟩b") && !page.contains('\u{202e}'));
}

#[test]
fn what_is_fictional_says_so_on_every_page() {
    let w = World::small().served();
    let s = w.server();
    let (op, desk_key) = (operator(), desk());
    let party = say(
        "party.registered",
        None,
        json!(null),
        json!({"kind": "agency", "fictional": true}),
        Some(json!({"name": "Agensi Contoh"})),
    );
    let (party, party_index) = w.record(party.sign(&[&op]));
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur", "fictional": true});
    let opened =
        say("case.opened", None, json!({"respondent": party}), facts, Some(json!({"title": "Rekaan"})));
    let (case, case_index) = w.record(opened.sign(&[&desk_key]));
    let said = say(
        "statement.made",
        Some(case),
        json!({"speaker": party}),
        statement_facts(),
        Some(json!({"text": "Tiada apa-apa."})),
    );
    let (_, index) = w.record(said.sign(&[&desk_key]));
    for path in [
        format!("/case/{case}"),
        format!("/party/{party}"),
        format!("/e/{party_index}"),
        format!("/e/{case_index}"),
        format!("/e/{index}"),
    ] {
        assert!(s.get(&path).text().contains("<strong>Fictional.</strong>"), "{path}");
    }
    for path in ["/", "/entries"] {
        let page = s.get(path).text();
        assert!(
            page.contains(">fictional</strong>") && !page.contains("<strong>Fictional.</strong>"),
            "{path}"
        );
    }
    let real = s.get(&format!("/case/{}", w.story.case)).text();
    assert!(!real.contains("ictional"));
}

#[test]
fn a_voided_entry_is_struck_through_and_says_by_whom() {
    let w = World::small().served();
    let (wrong, index) = w.say("4,120");
    let (right, _) = w.say("412");
    let void = say(
        "correction.issued",
        Some(w.story.case),
        json!({"corrects": wrong, "replacement": right}),
        json!({"effect": "void"}),
        Some(json!({"wrong": "salah salin", "right": "betul"})),
    );
    let (_, by) = w.record(void.sign(&[&desk()]));
    let page = w.server().get(&format!("/e/{index}")).text();
    for text in ["<s>", "<strong>Void.</strong>", "Meja", "salah salin", &format!("entry {by}")] {
        assert!(page.contains(text), "{text}");
    }
    let case = w.server().get(&format!("/case/{}", w.story.case)).text();
    assert!(case.contains("class=\"line voided\"") && case.contains(">void</strong>"));
}

#[test]
fn long_lists_are_paged() {
    let w = World::small().served();
    for i in 0..120 {
        w.say(&format!("kenyataan {i}"));
    }
    let s = w.server();
    let first = s.get("/entries").text();
    assert_eq!(first.matches("<li class=\"line").count(), 100);
    assert!(first.contains("/entries?before=25"));
    let second = s.get("/entries?before=25").text();
    assert_eq!(second.matches("<li class=\"line").count(), 25);
    let case = format!("/case/{}", w.story.case);
    assert!(s.get(&case).text().contains(&format!("{case}?from=50")));
    assert_eq!(s.get(&format!("{case}?from=100")).text().matches("<li class=\"line").count(), 21);
    assert_eq!(s.get(&format!("{case}?from=99999999")).status, 200);
}

#[test]
fn a_request_that_names_no_host_or_two_or_what_is_none_is_refused() {
    let (w, metrics) = World::empty().served_with_metrics();
    let server = w.server();
    let status = |to: std::net::SocketAddr, head: &str| {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // After a refusal, a second request on the connection must not be answered.
        let _ = stream.write_all(b"GET /checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let status: u16 =
            answer.split(' ').nth(1).unwrap_or_else(|| panic!("{head}: {answer}")).parse().unwrap();
        if status == 400 {
            assert_eq!(answer.matches("HTTP/1.").count(), 1, "{head}: {answer}");
            assert!(answer.to_ascii_lowercase().contains("connection: close"), "{head}: {answer}");
        }
        status
    };
    for (to, path) in [(server.address, "/livez"), (metrics, "/metrics")] {
        for (version, hosts, expected) in [
            ("1.1", "Host: ledger.example.org\r\n", 200),
            ("1.1", "Host: [::1]:8080\r\n", 200),
            ("1.0", "Host: ledger.example.org\r\n", 200),
            ("1.0", "", 200),
            ("1.1", "", 400),
            ("1.1", "Host:\r\n", 400),
            ("1.1", "Host: a\r\nHost: a\r\n", 400),
            ("1.1", "Host: a\r\nHost: b\r\n", 400),
            ("1.0", "Host: a\r\nHost: b\r\n", 400),
            ("1.1", "Host: a, b\r\n", 400),
            ("1.1", "Host: http://a/\r\n", 400),
            ("1.1", "Host: user@a\r\n", 400),
            ("1.0", "Host: a/b\r\n", 400),
        ] {
            for target in [path.to_owned(), format!("http://ledger.example.org{path}")] {
                let head = format!("GET {target} HTTP/{version}\r\n{hosts}");
                assert_eq!(status(to, &head), expected, "{head:?}");
            }
        }
    }
    // Also for an unknown path, and before a body is read.
    assert_eq!(status(server.address, "GET /nothing HTTP/1.1\r\n"), 400);
    let put = format!("PUT /file/{} HTTP/1.1\r\nContent-Length: 5\r\n", "0".repeat(64));
    assert_eq!(status(server.address, &put), 400);
}

#[test]
fn requests_under_way_are_answered_when_the_server_stops() {
    let mut w = World::small().served();
    let mut stream = TcpStream::connect(w.server().address).unwrap();
    let body = br#"{"query":"{checkpoint{size}}"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let stopping = std::thread::spawn(move || {
        w.server_mut().stop();
        w
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"data":{"checkpoint":{"size":5}}}"#),
        "{answer}"
    );
    let w = stopping.join().unwrap();
    assert!(TcpStream::connect(w.server().address).is_err());
}

#[test]
fn full_tiles_are_served_as_they_stand_on_disk() {
    let w = World::small();
    let statements: Vec<_> = (0..520).map(|i| w.statement(&i.to_string()).1).collect();
    for call in statements.chunks(256) {
        record_all(&w.ledger, call.to_vec());
    }
    w.published();
    let w = w.served();
    let server = w.server();
    let mut full = 0;
    for path in onrecord::log::tiles_of(w.size()) {
        let file = std::fs::read(w.public().join(path.to_string())).unwrap();
        let answer = server.send("GET", &format!("/{path}"), &[], b"");
        assert_eq!((answer.status, &answer.body), (200, &file), "{path}");
        full += usize::from(path.is_full());
    }
    assert_eq!(full, 6, "two of hashes, of entries and of words");
    // Full, but of a larger log.
    for path in ["tile/0/002", "tile/entries/002", "tile/1/000", "tile/7/000", "tile/0/999"] {
        assert_eq!(server.send("GET", &format!("/{path}"), &[], b"").status, 404, "{path}");
    }
}
