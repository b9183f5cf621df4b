//! What readers ask: cases and lists over GraphQL, beside the same bytes as a file, and pages.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use base64::Engine as _;
use onrecord::{
    event::{EventId, FileRef},
    ledger::{Ledger, Submission},
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::{
    grown::{CHUNK, Grown},
    hostile::get,
    http::RECORD,
    load::{self, Load},
    ms, part, per_second,
    process::Program,
    row,
    support::{Say, desk, say, statement_facts, upload},
};

const CASES: usize = 2_000;
const CONNECTIONS: usize = 64;
/// Statements of the long case, beside its other entries.
const LONG: usize = 192;
/// Events a second that are recorded while others read.
const PACE: usize = 2_000;
/// How many of them are in one call.
const CALL: usize = 20;
/// For how many seconds they are recorded each time.
const SECONDS: u64 = 8;

const CASE: &str = "query($id: Hash!, $knownAt: Index) { case(by: {eventId: $id}) { title respondent { name } \
    state(asOf: \"2024-01-01T00:00:00Z\", knownAt: $knownAt) { sentences \
    demands { nodes { sentence status delivery { state sentence } clock { state due } \
    items { number text { value } latest { outcome disclosure { index } } } } } \
    timeline(first: 50) { nodes { after event { index type occurred recorded sentence attribution voided } } } } } }";
const EVENTS: &str = "query($after: String) { events(first: 50, after: $after) { \
    nodes { index eventId type occurred recorded sentence attribution voided } pageInfo { endCursor } } }";
const PROOFS: &str = "query($id: Hash!) { case(by: {eventId: $id}) { events(first: 50) { \
    nodes { index rawEntry content { raw } inclusionProof { tlogProof } } } } }";

pub fn run(events: usize) {
    let mut grown = Grown::new();
    let cases = tell(&mut grown, events);
    let (long, ..) = cases[0];
    let mut later = statements(&cases, LONG, |_| 0);
    grown.record(&later);
    let while_read = PACE * SECONDS as usize;
    later = statements(&cases, 6 * while_read, |i| match i / while_read {
        0 => CASES / 2 + i % (CASES / 2),
        1 if i % 10 == 0 => 1,
        _ => i * 7 % CASES,
    });
    let size = grown.size();
    let dir = grown.dir();
    grown.close();
    let (program, address) = Program::serve(&dir);
    part(&format!("reading ({size} entries in {CASES} cases, {CONNECTIONS} connections)"));
    let ids: Vec<EventId> = cases.iter().map(|c| c.0).collect();
    let by_case = |query| -> Vec<Vec<u8>> { ids.iter().map(|id| post(query, &json!({"id": id}))).collect() };
    let after = |i: usize| json!({"after": onrecord_cursor(i * 7_919 % size as usize)});
    let lists: Vec<Vec<u8>> = (0..CASES).map(|i| post(EVENTS, &after(i))).collect();

    let mut answers = Vec::new();
    for (name, requests, times) in [
        ("a case: grid, timeline of 50", by_case(CASE), 20_000),
        ("events(first: 50), 8 fields", lists, 20_000),
        ("50 events with words and proofs", by_case(PROOFS), 2_000),
    ] {
        // Each request once, then all of them again and again.
        let anew = load::run(address, CONNECTIONS, requests.clone(), CASES, None);
        let again = load::run(address, CONNECTIONS, requests, times, None);
        let rates = [per_second(CASES, anew.took), per_second(times, again.took)];
        answers.push((name, rates, again.last));
    }
    let asked: Vec<Vec<u8>> = by_case(CASE);
    let half = asked[..CASES / 2].to_vec();
    let known = |id| post(CASE, &json!({"id": id, "knownAt": size}));
    let known: Vec<Vec<u8>> = ids.iter().map(known).collect();
    row("at 32 connections", "bar: 20 ms at the 99th percentile");
    let of_them = |name, requests: &[Vec<u8>], later: &[Submission], pace| {
        // Each was asked for once before, as a case that is cited usually was.
        load::run(address, 32, requests.to_vec(), requests.len(), None);
        let (rate, read) = while_recorded(address, requests, later, pace);
        row(&format!("  {name}, {rate:.0} events/s"), &latencies(&read));
    };
    let mut later = later.chunks(while_read);
    let mut next = || later.next().unwrap_or_default();
    let rest = Duration::ZERO;
    of_them("cases; others grow", &half, next(), rest);
    // As many requests as in the other rows, so that all connections ask at once.
    let one = vec![asked[1].clone(); CASES];
    of_them("one case, which grows 200 times a second", &one, next(), rest);
    of_them("cases as known at a size; they grow", &known, next(), rest);
    of_them("cases; each grows once a second", &asked, next(), rest);
    of_them("the same, each reader asks 10 times a second", &asked, next(), Duration::from_millis(100));
    of_them("the same, each reader asks once a second", &asked, next(), Duration::from_secs(1));

    let page = get(&format!("/case/{long}"));
    let times = 2_000;
    let load = load::run(address, CONNECTIONS, vec![page], times, None);
    let kb = load.last.len() as f64 / 1e3;
    let rate = per_second(times, load.took);
    row("the page of a case of 200 entries", &format!("{rate:.0} /s (bar 300), {kb:.0} KB (bar 150)"));
    drop(program);

    // The same bytes as files of the ledger, served by the same program.
    let files: Vec<FileRef> = {
        let ledger = grown.ledger();
        answers.iter().map(|(name, _, bytes)| claim(ledger, name, bytes)).collect()
    };
    grown.close();
    let (_program, address) = Program::serve(&dir);
    for ((name, [anew, again], bytes), file) in answers.iter().zip(files) {
        let get = get(&format!("/file/{}", file.blake3));
        let times = 40_000;
        load::run(address, CONNECTIONS, vec![get.clone()], 2_000, None);
        let there = per_second(times, load::run(address, CONNECTIONS, vec![get], times, None).took);
        let kb = bytes.len() as f64 / 1e3;
        row(name, &format!("{kb:.0} KB; as a file {there:.0} /s"));
        row("  asked for the first time", &format!("{anew:.0} /s, {:.3} of that", anew / there));
        let bar = if name.contains("proofs") { "" } else { " (bar 0.06, aim 0.15)" };
        row("  asked again", &format!("{again:.0} /s, {:.3} of that{bar}", again / there));
    }
}

pub fn latencies(load: &Load) -> String {
    let mut times = load.times.clone();
    times.sort_unstable();
    let at = |percent: usize| ms(times[(times.len() - 1) * percent / 100]);
    let rate = per_second(times.len(), load.took);
    format!("{rate:.0} /s; {:.1} ms median, {:.1} p99", at(50), at(99))
}

/// A cursor of a list of entries, as the API gives it.
fn onrecord_cursor(index: usize) -> String {
    base64::prelude::BASE64_STANDARD.encode(format!("i{index}"))
}

fn post(query: &str, variables: &Value) -> Vec<u8> {
    let body = json!({"query": query, "variables": variables}).to_string();
    let head = "POST /graphql HTTP/1.1\r\nHost: ledger.example.org\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Asks again and again, each connection once in `pace`, while events are recorded. Gives the rate of recording, and what
/// readers saw.
pub fn while_recorded(
    address: SocketAddr,
    requests: &[Vec<u8>],
    later: &[Submission],
    pace: Duration,
) -> (f64, Load) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| paced(address, later, &stop));
        let started = Instant::now();
        let mut all = Load::default();
        // No more requests in one round than can be asked while others record.
        let rounds = (SECONDS - 1) * 1_000 / u64::try_from(pace.as_millis()).unwrap().max(1);
        let times = requests.len().min(32 * rounds as usize);
        while started.elapsed() < Duration::from_secs(SECONDS - 1) {
            all.add(load::paced(address, 32, requests.to_vec(), times, None, pace));
        }
        stop.store(true, Ordering::Relaxed);
        (writer.join().unwrap(), all)
    })
}

/// Records events at [`PACE`] until `stop` is set; gives the rate.
fn paced(address: SocketAddr, submissions: &[Submission], stop: &AtomicBool) -> f64 {
    let started = Instant::now();
    let mut done = 0;
    for (i, call) in submissions.chunks(CALL).enumerate() {
        let due = started + Duration::from_secs_f64((i * CALL) as f64 / PACE as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let list: Vec<Value> = call
            .iter()
            .map(|s| json!({"note": text(&s.note), "content": s.content.as_deref().map(text)}))
            .collect();
        let request = post(RECORD, &json!({"input": {"submissions": list}}));
        let load = load::run(address, 1, vec![request], 1, Some("\"receipt\":{"));
        assert_eq!(load.marks, call.len(), "all are on record");
        done += call.len();
    }
    per_second(done, started.elapsed())
}

fn claim(ledger: &Ledger, name: &str, bytes: &[u8]) -> FileRef {
    let file = upload(ledger, name, bytes);
    let facts = json!({"method": "upload", "captured": "2023-12-15"});
    let said: Say<'_> = Say {
        files: std::slice::from_ref(&file),
        ..say("exhibit.captured", None, Value::Null, facts, Some(json!({"description": name})))
    };
    let (_, submission) = said.sign(&[&desk()]);
    ledger.record_blocking(vec![submission], false).remove(0).unwrap();
    file
}

type Told = (EventId, EventId);

fn statements(cases: &[Told], n: usize, case: impl Fn(usize) -> usize + Sync) -> Vec<Submission> {
    let one = |i: usize| {
        let (case, respondent) = cases[case(i)];
        let text = format!("{i:08} {}", "kenyataan rasmi tentang tuntutan itu ".repeat(5));
        said(
            "statement.made",
            Some(case),
            json!({"speaker": respondent}),
            statement_facts(),
            json!({"text": text}),
        )
        .1
    };
    (0..n).into_par_iter().map(one).collect()
}

fn said(kind: &str, case: Option<EventId>, refs: Value, facts: Value, words: Value) -> (EventId, Submission) {
    say(kind, case, refs, facts, Some(words)).sign(&[&desk()])
}

/// Cases with a demand, a notice that was handed over, an answer to two of three items, and statements.
fn tell(grown: &mut Grown, events: usize) -> Vec<Told> {
    let respondents: Vec<EventId> = grown.authors.iter().map(|a| a.party).collect();
    let wave = |grown: &mut Grown, one: &(dyn Fn(usize) -> (EventId, Submission) + Sync)| -> Vec<EventId> {
        let (ids, submissions): (Vec<_>, Vec<_>) = (0..CASES).into_par_iter().map(one).unzip();
        grown.record(&submissions);
        ids
    };
    let respondent = |i: usize| respondents[i % respondents.len()];
    let opened = wave(grown, &|i| {
        let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
        said(
            "case.opened",
            None,
            json!({"respondent": respondent(i)}),
            facts,
            json!({"title": format!("Kes {i}")}),
        )
    });
    let demands = wave(grown, &|i| {
        let deadline =
            json!({"days": 14, "rule": "calendar", "from": "handed_over", "holidays": ["2023-12-25"]});
        let items = [
            "Apakah data peribadi yang terjejas?",
            "Berapakah bilangan pencarum?",
            "Apakah langkah keselamatan?",
        ];
        let facts = json!({"items": 3, "deadline": deadline});
        said(
            "demand.issued",
            Some(opened[i]),
            json!({"respondent": respondent(i), "petitioner": respondent(i + 1)}),
            facts,
            json!({"items": items}),
        )
    });
    let notices = wave(grown, &|i| {
        let refs = json!({"sender": respondent(i + 1), "addressee": respondent(i), "demand": demands[i]});
        let words = json!({"address": "Pejabat", "why": "alamat rasmi"});
        said("notice.dispatched", Some(opened[i]), refs, json!({"channel": "hand"}), words)
    });
    wave(grown, &|i| {
        let facts = json!({"evidence": "ContentHandover", "vouched_by": "sender"});
        let words = json!({"account": "diserahkan"});
        said("delivery.evidenced", Some(opened[i]), json!({"notice": notices[i]}), facts, words)
    });
    wave(grown, &|i| {
        let refs = json!({"party": respondent(i), "demand": demands[i]});
        let items = json!([{"item": 1, "outcome": "answered"}, {"item": 2, "outcome": "refused"}]);
        let words = json!({"answers": {"1": "nama dan nombor", "2": "tidak"}});
        said("disclosure.made", Some(opened[i]), refs, json!({"kind": "reply", "items": items}), words)
    });
    let cases: Vec<Told> = (0..CASES).map(|i| (opened[i], respondent(i))).collect();
    let left = events.saturating_sub(5 * CASES);
    for from in (0..left).step_by(CHUNK) {
        let part = CHUNK.min(left - from);
        grown.record(&statements(&cases, part, |i| (from + i) % CASES));
    }
    cases
}
