//! Writing through GraphQL over HTTP, with the load generator on the same cores.

use onrecord::ledger::Submission;
use serde_json::{Value, json};

use crate::{
    authors::{Author, statements},
    grown::described,
    load,
    machine::Machine,
    part, per_second,
    process::{Cpu, Program},
    row,
    support::{init, open},
};

const CONNECTIONS: usize = 64;
const CALL: usize = 32;

pub const RECORD: &str = "mutation Record($input: RecordInput!) { record(input: $input) { \
    results { receipt { index eventId } userErrors { code message } } userErrors { code message } } }";

pub fn run(machine: &Machine, events: usize) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let authors = Author::register(&ledger);
    ledger.close();
    drop(ledger);
    let (program, address) = Program::serve(&dir);

    let mut next = 0;
    for (name, call, n) in [
        (format!("{CONNECTIONS} connections, {CALL} a call"), CALL, events),
        (format!("{CONNECTIONS} connections, one a call"), 1, events / 2),
    ] {
        let n = n / call * call;
        let submissions = statements(&authors, next, n);
        next += n;
        if call > 1 {
            part(&format!("GraphQL over HTTP ({})", described(n, &submissions[0])));
        }
        let requests: Vec<Vec<u8>> = submissions.chunks(call).map(request).collect();
        drop(submissions);
        let times = requests.len();
        let before = program.cpu();
        let load = load::run(address, CONNECTIONS, requests, times, Some("\"receipt\":{"));
        let server = Cpu::since(before, program.cpu());
        assert_eq!(load.marks, n, "all are on record");
        row(&name, &machine.beside(per_second(n, load.took)));
        let each = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e6 / n as f64;
        let text = format!("server {:.0} µs, load generator {:.0}", each(server), each(load.cpu));
        row("  processor time an event", &text);
    }
}

fn request(submissions: &[Submission]) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let list: Vec<Value> = submissions
        .iter()
        .map(|s| json!({"note": text(&s.note), "content": s.content.as_deref().map(text)}))
        .collect();
    let body = json!({"query": RECORD, "variables": {"input": {"submissions": list}}}).to_string();
    let length = body.len();
    let head = "POST /graphql HTTP/1.1\r\nHost: ledger.example.org\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}
