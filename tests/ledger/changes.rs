//! What each entry of the story changes in what is said of its case or its party. `tests/golden/changes.txt` holds it for every
//! event type; `UPDATE_GOLDEN=1 cargo test` writes it.

use std::collections::BTreeSet;

use crate::world::World;
use onrecord::{
    event::EventType,
    log::Time,
    views::{Order, Views, at_words},
};

/// An instant after all that the story tells.
const AS_OF: &str = "2024-03-01T00:00:00.000Z";

/// What the first `size` entries say of the case or party that an entry belongs to, without the line of the instants and without
/// the timeline, which every entry changes. Days on which this test runs are left out.
fn said(ledger: &onrecord::ledger::Ledger, size: u64, index: u64) -> Vec<String> {
    let Some(views) = Views::new(ledger.reader()).at(size) else { return Vec::new() };
    let record = Views::new(ledger.reader()).record(index).unwrap().unwrap();
    let as_of = Time::parse(AS_OF).unwrap();
    let thread = record.entry.header().thread;
    let case = views.case_view(&thread, as_of, Order::Recorded, 0, 0).unwrap().map(|view| {
        let mut text = view.to_string();
        for demand in &view.demands {
            text.push_str(&views.demand(&demand.demand.id, as_of).unwrap().unwrap().to_string());
        }
        text
    });
    let party = || views.party_view(&thread, as_of).unwrap().map(|view| view.to_string());
    let text = case.or_else(party).unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if !line.starts_with("as of ") && !line.starts_with("Timeline, ") && !line.starts_with("... ") {
            lines.push(without_today(line));
        }
    }
    lines
}

/// A line without the day on which this runs, which stands in how late something was recorded and in new dates.
fn without_today(line: &str) -> String {
    let mut out = line.to_owned();
    // As in `, recorded 29 November 2026`; on a demand's sheet also how long after its date that is.
    if out.starts_with("dated ") && out.contains(" by its author; recorded ") {
        return "dated by its author; recorded today".to_owned();
    }
    const LATER: &str = ", recorded ";
    let dated = |out: &str| {
        let mut found = out.match_indices(LATER).map(|(at, _)| at);
        found.find(|at| out[at + LATER.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    while let Some(at) = dated(&out) {
        // Day, month and year.
        let day = out[at + LATER.len()..].to_owned();
        let year = day.find(" 20").unwrap() + " 2026".len();
        out.replace_range(at..at + LATER.len() + year, "");
    }
    if out.starts_with("New date: ")
        && let (Some(at), Some(end)) = (out.find(", recorded "), out.find(" (entry"))
    {
        out.replace_range(at..end, ", recorded today");
    }
    if let Some(on) = out.find(", recorded ").filter(|_| out.contains("ran out on")) {
        let end = out[on..].find([';', '.']).map_or(out.len(), |e| on + e);
        out.replace_range(on..end, ", recorded today");
    }
    out
}

#[test]
fn every_type_changes_what_its_rule_says_and_nothing_else() {
    let World { tmp: _tmp, ledger, .. } = World::whole();
    let views = Views::new(ledger.reader());
    let (mut text, mut types) = (String::new(), BTreeSet::new());
    for index in 0..views.size() {
        let record = views.record(index).unwrap().unwrap();
        types.insert(record.event().event_type());
        let (given, mut then) = (said(&ledger, index, index), said(&ledger, index + 1, index));
        if index == 0 {
            // The ledger was opened on the day this runs.
            let today = at_words(record.event().at());
            then.iter_mut().for_each(|line| *line = line.replace(&today, "today"));
        }
        text.push_str(&format!("{index} {}\n", record.event().event_type()));
        for (sign, from, other) in [("-", &given, &then), ("+", &then, &given)] {
            for line in from.iter().filter(|line| !other.contains(line)) {
                text.push_str(&format!("    {sign} {line}\n"));
            }
        }
    }
    assert_eq!(types.len(), EventType::ALL.len(), "the story has every type");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/changes.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    for (text, golden) in text.lines().zip(golden.lines()) {
        assert_eq!(text, golden);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}
