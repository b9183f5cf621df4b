//! One statement that a great many entries name: its page, and that of its case.

use std::time::Duration;

use onrecord::{event::EventId, ledger::Submission};
use rayon::prelude::*;
use serde_json::json;

use crate::{
    answers::{latencies, while_recorded},
    authors::Author,
    grown::{CHUNK, Grown},
    hostile::get,
    part,
    process::Program,
    row,
    support::statement_facts,
};

/// Connections that ask at once.
const CONNECTIONS: usize = 32;
/// Statements of the case. All name the first; links lead from the others.
const STATEMENTS: usize = 32;
/// Entries that are recorded while the pages are read.
const LATER: usize = 2 * 2_000 * 8;

/// First the entries are by strangers in a case of their own, then all are in the case itself.
pub fn run(entries: usize) {
    pages(entries, false, Duration::from_millis(100));
    pages(entries, true, Duration::from_secs(1));
}

fn pages(entries: usize, in_the_case: bool, pace: Duration) {
    let mut grown = Grown::new();
    let (case, opened) = grown.authors[0].opens("A case that many speak of");
    let (others, also) = grown.authors[1].opens("A case of their own");
    grown.record(&[opened, also]);
    let said: Vec<(EventId, Submission)> =
        (0..STATEMENTS).map(|i| grown.authors[0].states(case, &format!("No. {i}."))).collect();
    let (ids, said): (Vec<_>, Vec<_>) = said.into_iter().unzip();
    grown.record(&said);
    let index = grown.ledger().reader().event_row(&ids[0]).unwrap().unwrap().index;
    let place = if in_the_case { case } else { others };
    for from in (0..entries).step_by(CHUNK) {
        let part = CHUNK.min(entries - from);
        let more = names(&grown.authors, place, &ids, from, part);
        grown.record(&more);
    }
    let later = names(&grown.authors, place, &ids, entries, LATER);
    let size = grown.size();
    let dir = grown.dir();
    grown.close();
    let (_program, address) = Program::serve(&dir);
    let place = if in_the_case { "in its case" } else { "in another case" };
    part(&format!(
        "named ({size} entries, {entries} of which name one statement, {place}, {CONNECTIONS} connections)"
    ));
    let often = format!("each reader asks {} times a second", 1_000 / pace.as_millis());
    row(&often, "bar: 20 ms at the 99th percentile where they stand in another case");
    let mut later = later.chunks(LATER / 2);
    for (name, path) in [("its page", format!("/e/{index}")), ("its case's page", format!("/case/{case}"))] {
        let asked = vec![get(&path); 2_000];
        let (_, still) = while_recorded(address, &asked, &[], pace);
        row(&format!("  {name}"), &latencies(&still));
        let (rate, grows) = while_recorded(address, &asked, later.next().unwrap_or_default(), pace);
        row(&format!("  the same, {rate:.0} more a second"), &latencies(&grows));
    }
}

/// Links, positions and statements in turn: each names the first of the statements.
fn names(authors: &[Author], case: EventId, of: &[EventId], from: usize, n: usize) -> Vec<Submission> {
    let one = |i: usize| {
        let (by, other) = (&authors[i % authors.len()], of[1 + i % (of.len() - 1)]);
        let text = json!({"text": format!("No. {i}.")});
        let (kind, refs, facts, words) = match i % 3 {
            0 => (
                "link.asserted",
                json!({"from": other, "to": of[0]}),
                json!({"relation": "refers_to"}),
                json!({"reasoning": format!("No. {i}.")}),
            ),
            1 => (
                "position.taken",
                json!({"party": by.party, "on": [of[0]]}),
                json!({"stance": "disputes"}),
                text,
            ),
            _ => (
                "statement.made",
                json!({"speaker": by.party, "about": [of[0], case]}),
                statement_facts(),
                text,
            ),
        };
        by.signs(kind, case, refs, facts, words).1
    };
    (from..from + n).into_par_iter().map(one).collect()
}
