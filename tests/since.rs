//! What became of an entry stands above its words: what is told, at which sizes, and that nobody hides it.

#[path = "support/http.rs"]
mod http;
#[path = "support/story.rs"]
mod story;
mod support;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Server;
use onrecord::{
    event::{Act, At, Body, Content, ContentRef, Draft, EventId, EventType, RecheckResult},
    ledger::{Ledger, Submission},
    log::Time,
    note::SigningKey,
    views::{Allowance, Order, Since, Views},
};
use serde_json::{Value, json};
use support::*;

/// What is told, by indexes: each act with its newest entry and how many came before; mentions; parties and entries that
/// are only counted.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    acts: Vec<(Act, u64, usize)>,
    mentions: Vec<u64>,
    others: usize,
    later: usize,
}

fn told_by(since: &Since) -> Told {
    Told {
        acts: since.acts.iter().map(|a| (a.act, a.index, a.earlier)).collect(),
        mentions: since.mentions.iter().map(|m| m.index).collect(),
        others: since.others,
        later: since.later,
    }
}

/// All entries of a log, for walking through.
struct Walk<'a>(Vec<Arc<onrecord::views::Record>>, &'a Ledger);

impl<'a> Walk<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        let views = Views::new(ledger.reader());
        Self((0..views.size()).map(|i| views.record(i).unwrap().unwrap()).collect(), ledger)
    }

    fn author(&self, index: u64) -> EventId {
        self.0[index as usize].parties().next().unwrap()
    }

    /// What each entry below a size did to one, in the order of the log.
    fn acts(&self, of: u64, size: u64) -> Vec<(Act, u64)> {
        let record = &self.0[of as usize];
        let (id, time) = (record.event().id(), record.entry.header().time);
        let mut acts = Vec::new();
        let mut recheck = None;
        for later in &self.0[..size as usize] {
            let act = match later.event().body() {
                Body::CorrectionIssued(b) if b.corrects == id && b.effect.as_str() == "void" => Act::Void,
                Body::CorrectionIssued(b) if b.corrects == id => Act::Correction,
                Body::ContentWithheld(b) if b.entry == id => Act::Withholding,
                Body::ContentReleased(b) if b.entry == id => Act::Release,
                Body::StatementRevised(b) if b.statement == id => Act::Revision,
                Body::StatementWithdrawn(b) if b.statement == id => Act::Withdrawal,
                Body::DeadlineAdjusted(b) if b.demand == id => Act::Deadline,
                Body::DemandWithdrawn(b) if b.demand == id => Act::DemandWithdrawal,
                Body::DemandEscalated(b) if b.demand == id => Act::Escalation,
                Body::CommitmentClosed(b) if b.commitment == id => Act::Closing,
                Body::KeyRevoked(b)
                    if record.event().by().contains(&b.key)
                        && b.since.as_ref().is_some_and(|s| s.as_str() < time.to_string().as_str()) =>
                {
                    Act::Revocation
                }
                Body::ExhibitRechecked(b)
                    if b.exhibit == id && self.author(later.index()) == self.author(of) =>
                {
                    recheck = Some((b.result, later.index()));
                    continue;
                }
                _ => continue,
            };
            acts.push((act, later.index()));
        }
        if let Some((result, index)) = recheck
            && result != RecheckResult::Same
        {
            acts.push((Act::Recheck, index));
        }
        acts
    }

    fn told(&self, of: u64, size: u64) -> Told {
        let newest: BTreeMap<Act, u64> = self.acts(of, size).into_iter().collect();
        let acts = newest.into_iter().map(|(act, index)| (act, index, self.count(act, of, index))).collect();
        let later = self.acts(of, self.0.len() as u64).iter().filter(|(_, index)| *index >= size).count();

        let record = &self.0[of as usize];
        let id = record.event().id();
        let exhibit = record.event().event_type() == EventType::ExhibitCaptured;
        let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
        for later in &self.0[..size as usize] {
            let by = self.author(later.index());
            let mentions = match later.event().body() {
                Body::LinkAsserted(b) => b.from == id || b.to == id,
                Body::PositionTaken(b) => b.on.contains(&id),
                Body::ExhibitRechecked(b) => b.exhibit == id && !(exhibit && by == self.author(of)),
                _ => false,
            };
            if mentions {
                first.entry(by).or_insert(later.index());
                last.insert(by, later.index());
            }
        }
        let mut about = Vec::new();
        let case =
            record.event().case().or((record.event().event_type() == EventType::CaseOpened).then_some(id));
        if let Some(opened) = case.and_then(|id| self.0.iter().find(|r| r.event().id() == id)) {
            let Body::CaseOpened(b) = opened.event().body() else { unreachable!() };
            about.push(b.respondent);
            about.extend(opened.parties());
        }
        let row = self.1.reader().event_row(&id).unwrap().unwrap();
        about.extend(row.subjects.iter().chain(&row.authors));
        let mut newcomers: Vec<_> = first.iter().map(|(by, index)| (*index, *by)).collect();
        newcomers.sort_unstable_by(|a, b| b.cmp(a));
        let mut mentions = Vec::new();
        for by in about.into_iter().chain(newcomers.into_iter().map(|(_, by)| by)) {
            if let Some(index) = last.get(&by)
                && !mentions.contains(index)
                && mentions.len() < 5
            {
                mentions.push(*index);
            }
        }
        Told { acts, others: last.len() - mentions.len(), mentions, later }
    }

    /// How many acts of a kind came before one.
    fn count(&self, act: Act, of: u64, before: u64) -> usize {
        match act {
            Act::Revocation | Act::Recheck => 0,
            _ => self.acts(of, before).iter().filter(|(a, _)| *a == act).count(),
        }
    }
}

/// That what is told of each entry at each size is what a walk through all entries finds. How much that is.
fn compare(ledger: &Ledger) -> (usize, usize) {
    let walk = Walk::new(ledger);
    let all = walk.0.len() as u64;
    let (mut acts, mut mentions) = (0, 0);
    for size in 1..=all {
        let views = Views::new(ledger.reader()).at(size).unwrap();
        for of in 0..size {
            let since = views.since(&walk.0[of as usize]).unwrap();
            assert_eq!(told_by(&since), walk.told(of, size), "entry {of} at {size}");
            (acts, mentions) = (acts + since.acts.len(), mentions + since.mentions.len());
            assert_eq!(
                since.acts.iter().any(|a| a.act == Act::Void),
                views.fate(&walk.0[of as usize].event().id()).unwrap().voided,
                "entry {of} at {size}"
            );
        }
    }
    (acts, mentions)
}

#[test]
fn at_every_size_it_is_what_a_walk_through_all_entries_finds() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    // In the overlay, and as much in the index as it has taken.
    story::tell_step_by_step(&ledger, |_| {
        let walk = Walk::new(&ledger);
        let views = Views::new(ledger.reader());
        for of in 0..views.size() {
            assert_eq!(told_by(&views.since(&walk.0[of as usize]).unwrap()), walk.told(of, views.size()));
        }
    });
    assert!(ledger.wait_published(Duration::from_secs(60)));
    let found = compare(&ledger);
    assert!(found.0 > 100 && found.1 > 50, "{found:?}");
    ledger.close();
    drop(ledger);
    // The index is a shadow: made anew, it says the same.
    std::fs::remove_dir_all(dir.join("index")).unwrap();
    let ledger = open(&dir);
    assert_eq!(compare(&ledger), found);
}

fn record(ledger: &Ledger, (id, submission): (EventId, Submission)) -> (EventId, u64) {
    let receipt = ledger.record_blocking(vec![submission], false).remove(0).unwrap();
    (id, receipt.index)
}

/// A party with a key, which may do what any registered key may.
fn stranger(ledger: &Ledger, name: &str, seed: u8) -> (SigningKey, EventId) {
    let own = key(name, seed);
    let facts = json!({"kind": "organisation", "keys": [own.verifying_key().to_string()]});
    let words = Some(json!({"name": name}));
    let party = say("party.registered", None, Value::Null, facts, words).sign(&[&operator(), &own]);
    (own, record(ledger, party).0)
}

fn position(ledger: &Ledger, by: (&SigningKey, EventId), case: EventId, on: EventId, n: usize) -> u64 {
    let refs = json!({"party": by.1, "on": [on]});
    let words = Some(json!({"text": format!("No. {n}")}));
    let taken = say("position.taken", Some(case), refs, json!({"stance": "disputes"}), words);
    record(ledger, taken.sign(&[by.0])).1
}

fn link(ledger: &Ledger, by: &SigningKey, case: EventId, from: EventId, to: EventId, n: usize) -> u64 {
    let words = Some(json!({"reasoning": format!("No. {n}")}));
    let refs = json!({"from": from, "to": to});
    let link = say("link.asserted", Some(case), refs, json!({"relation": "refers_to"}), words);
    record(ledger, link.sign(&[by])).1
}

fn withdraw(ledger: &Ledger, story: &Story, statement: EventId) -> u64 {
    let facts = json!({"announced": false, "observed": "2023-12-16"});
    let words = Some(json!({"text": "It is gone."}));
    let refs = json!({"statement": statement});
    record(ledger, say("statement.withdrawn", Some(story.case), refs, facts, words).sign(&[&desk()])).1
}

fn correct(ledger: &Ledger, story: &Story, of: EventId, wrong: &str, at: &str) -> u64 {
    let content = Content::seal(object(json!({"wrong": wrong, "right": "lapan"})), &[], &[9; 16]);
    let draft = Draft {
        event_type: EventType::CorrectionIssued,
        at: At::parse(at).unwrap(),
        case: Some(story.case),
        refs: object(json!({"corrects": of})),
        facts: object(json!({"effect": "annotate"})),
        content: Some(ContentRef::of(&content)),
    };
    let event = draft.sign(&origin(), &[&desk()]).unwrap();
    record(ledger, (event.id(), Submission::new(event.note().as_bytes().to_vec(), Some(content)))).1
}

fn small() -> (tempfile::TempDir, Server, Story) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let story = tell(&ledger);
    (tmp, Server::start(ledger), story)
}

fn page(server: &Server, path: &str) -> String {
    let reply = server.get(path);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.text()
}

/// A part of a page, from a text to the first of another after it.
fn part<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let start = page.find(from).unwrap_or_else(|| panic!("{from} is not in {page}"));
    let rest = &page[start..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

#[test]
fn a_thousand_mentions_by_one_stranger_change_no_act_no_list_and_no_title() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    let corrected = correct(ledger, &s, of, "tujuh", "2023-12-15");
    let (own, party) = stranger(ledger, "stranger.example/k", 77);
    // In a case of their own, which the desk opened.
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let words = Some(json!({"title": "Lain"}));
    let other = say("case.opened", None, json!({"respondent": s.agency}), facts, words).sign(&[&desk()]);
    let (other, _) = record(ledger, other);
    let seen = |mentions: bool| {
        let own_page = page(&server, &format!("/e/{index}"));
        let box_of = part(&own_page, "<div class=\"since\"", "</div>");
        let box_of = box_of.to_owned();
        assert_eq!(own_page.contains("class=\"mentions\""), mentions);
        let title = part(&own_page, "<title>", "</title>").to_owned();
        let line = format!("<li class=\"line\" id=\"e{index}\">");
        let lists = [format!("/case/{}", s.case), format!("/entries?before={}", index + 1)];
        let lines = lists.map(|path| part(&page(&server, &path), &line, "</li>").to_owned());
        let case = page(&server, &format!("/case/{}/text", s.case));
        (box_of, title, lines, part(&case, "Timeline", "\n\n").to_owned())
    };
    let before = seen(false);
    assert!(before.0.contains(&format!("href=\"/e/{corrected}\"")) && before.2[0].contains("Corrected"));
    for n in 0..500 {
        position(ledger, (&own, party), other, of, n);
        link(ledger, &own, other, of, s.case, n);
    }
    assert_eq!(seen(true), before);
    let now = page(&server, &format!("/e/{index}"));
    let line = part(&now, "<div class=\"mentions\"", "</div>");
    assert_eq!(line.matches("/e/").count(), 2, "one mention of one party, and the case it links: {line}");
    assert!(!line.contains("No. 499"), "words of mentions are not told: {line}");
}

#[test]
fn mentions_hide_no_withdrawal() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tiada data terjejas."));
    for n in 0..51 {
        let refs = json!({"party": s.agency, "on": [of]});
        let words = Some(json!({"text": format!("No. {n}")}));
        let taken = say("position.taken", Some(s.case), refs, json!({"stance": "affirms"}), words);
        record(ledger, taken.sign(&[&desk()]));
    }
    let withdrawn = withdraw(ledger, &s, of);
    let whole = page(&server, &format!("/e/{index}"));
    // In the title too, what became of them stands before the words.
    let title = part(&whole, "<title>", "</title>");
    assert!(title.find("ithdrawn").unwrap() < title.find("Tiada data terjejas.").unwrap(), "{title}");
    let page = part(&whole, "<main id=\"main\">", "</main>");
    let words = page.find("Tiada data terjejas.").unwrap();
    let since = page.find("class=\"since\"").unwrap();
    assert!(since < page.find(&format!("href=\"/e/{withdrawn}\"")).unwrap() && since < words);
    assert!(page[since..words].contains("No capture enclosed."));
    assert_eq!(page.matches("affirms").count() - page[words..].matches("affirms").count(), 1);
    // The last of those that name it are listed.
    let named = part(page, "id=\"named\"", "</section>");
    assert!(named.contains(&format!(">No. {withdrawn}<")) && named.contains("The last 50 of them."));
}

#[test]
fn a_correction_dated_ahead_hides_nothing_and_an_earlier_size_says_that_more_is_to_come() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    let corrected = correct(ledger, &s, of, "tujuh", "2099-01-01");
    let now = page(&server, &format!("/e/{index}"));
    assert!(now.contains(&format!("href=\"/e/{corrected}\"")) && now.contains("Said to be wrong"));
    let case = page(&server, &format!("/case/{}?asOf=2024-01-01", s.case));
    let line = part(&case, &format!("id=\"e{index}\""), "</li>");
    assert!(line.contains(&format!("href=\"/e/{corrected}\"")), "{line}");
    let then = page(&server, &format!("/e/{index}?knownAt={corrected}"));
    let aside = part(&then, "class=\"since\"", "</div>");
    assert!(aside.contains(&format!("<a href=\"/e/{index}\">1 later entry touches this</a>")), "{aside}");
    assert!(!aside.contains("Said to be wrong"));
    assert_eq!(server.get(&format!("/e/{index}?knownAt={index}")).status, 404);
    // A size at which nothing was to come says nothing.
    let all = page(&server, &format!("/e/{index}?knownAt={}", corrected + 1));
    assert!(!all.contains("touches this"));
}

#[test]
fn words_that_are_withheld_are_not_told_by_what_corrects_them() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Nombor 123 bocor."));
    correct(ledger, &s, of, "Nombor 123", "2023-12-15");
    let facts = json!({"ground": "erasure", "blobs": ["content"]});
    let held = say("content.withheld", Some(s.case), json!({"entry": of}), facts, None).sign(&[&operator()]);
    record(ledger, held);
    for path in [format!("/e/{index}"), "/entries".into(), format!("/e/{index}?knownAt={}", index + 2)] {
        let page = page(&server, &path);
        let line = if path == "/entries" { part(&page, &format!("id=\"e{index}\""), "</li>") } else { &page };
        assert!(line.contains("Corrected") && !line.contains("Nombor 123"), "{path}: {line}");
    }
}

/// How many entries are looked at to show an entry and its case.
fn looked_at(ledger: &Ledger, index: u64, case: &EventId) -> u64 {
    let until = Instant::now() + Duration::from_secs(60);
    let shown = |entries: u64| {
        let views = Views::new(ledger.reader()).within(&Arc::new(Allowance::new(entries, until)));
        let now = Time::from_unix_ms(1_800_000_000_000).unwrap();
        views.entry(index).is_ok()
            && views.case_view(case, now, Order::Recorded, 0, 50).is_ok_and(|view| view.is_some())
    };
    let (mut less, mut enough) = (0, 100_000);
    while less < enough {
        let middle = (less + enough) / 2;
        if shown(middle) { enough = middle } else { less = middle + 1 }
    }
    enough
}

#[test]
fn what_is_looked_at_does_not_grow_with_what_names_it() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    correct(ledger, &s, of, "tujuh", "2023-12-15");
    let (own, party) = stranger(ledger, "stranger.example/k", 77);
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let words = Some(json!({"title": "Lain"}));
    let other = say("case.opened", None, json!({"respondent": s.agency}), facts, words).sign(&[&desk()]);
    let (other, _) = record(ledger, other);
    let mut looked = Vec::new();
    for n in 0..400 {
        position(ledger, (&own, party), other, of, n);
        link(ledger, &own, other, of, s.case, n);
        if n == 99 || n == 399 {
            looked.push(looked_at(ledger, index, &s.case));
        }
    }
    assert!(looked[1] <= looked[0] && looked[0] < 500, "{looked:?}");
}

fn open_case(ledger: &Ledger, respondent: EventId, title: &str) -> (EventId, u64) {
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let words = Some(json!({"title": title}));
    let opened = say("case.opened", None, json!({"respondent": respondent}), facts, words);
    record(ledger, opened.sign(&[&desk()]))
}

fn mistaken(ledger: &Ledger, case: Option<EventId>, of: EventId, mistaken: bool, by: &SigningKey) -> u64 {
    let mut words = json!({"wrong": "the number", "right": "another"});
    if mistaken {
        words["mistaken"] = true.into();
    }
    let facts = json!({"effect": "annotate"});
    let said = say("correction.issued", case, json!({"corrects": of}), facts, Some(words));
    record(ledger, said.sign(&[by])).1
}

#[test]
fn a_case_opened_by_mistake_is_struck_through_and_last_until_something_rests_on_it() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let (own, party) = stranger(ledger, "stranger.example/k", 77);
    let (case, index) = open_case(ledger, s.agency, "Tersilap");
    let struck = || {
        let home = page(&server, "/");
        let cases = part(&home, "<ul class=\"cases\">", "</ul>");
        let entries = page(&server, "/entries");
        let line = part(&entries, &format!("id=\"e{index}\""), "</li>");
        let is_struck = cases.contains("<s><a") && cases.contains("opened by mistake");
        assert_eq!(line.contains("<p class=\"says\"><s>"), is_struck, "{line}");
        assert_eq!(page(&server, &format!("/case/{case}")).contains("<h1><s>"), is_struck);
        // It moved last, and stands last all the same.
        assert_eq!(cases.find("Kejadian") < cases.find("Tersilap"), is_struck, "{cases}");
        is_struck
    };
    assert!(!struck());
    mistaken(ledger, Some(case), case, true, &desk());
    assert!(struck());
    // What others may add to any case undoes nothing.
    position(ledger, (&own, party), case, case, 1);
    link(ledger, &own, case, case, s.case, 2);
    let facts = json!({"method": "scan", "captured": "2024-01-01"});
    let words = Some(json!({"description": "A page."}));
    let exhibit = say("exhibit.captured", Some(case), json!({"about": [case]}), facts, words).sign(&[&own]);
    let (exhibit, _) = record(ledger, exhibit);
    let facts = json!({"result": "gone", "checked": "2024-01-02"});
    let words = Some(json!({"description": "Not there."}));
    let recheck = say("exhibit.rechecked", Some(case), json!({"exhibit": exhibit}), facts, words);
    record(ledger, recheck.sign(&[&own]));
    assert!(struck());
    // The newest correction counts, the operator's too.
    mistaken(ledger, Some(case), case, false, &operator());
    assert!(!struck());
    mistaken(ledger, Some(case), case, true, &operator());
    assert!(struck());
    let facts = statement_facts();
    let said =
        say("statement.made", Some(case), json!({"speaker": s.agency}), facts, Some(json!({"text": "Ya."})));
    record(ledger, said.sign(&[&desk()]));
    assert!(!struck());
}

#[test]
fn a_party_registered_by_mistake_is_struck_through_while_nothing_rests_on_it() {
    let (_tmp, server, s) = small();
    let ledger = &server.ledger;
    let words = Some(json!({"name": "Lee"}));
    let (party, _) = record(
        ledger,
        say("party.registered", None, Value::Null, json!({"kind": "counsel"}), words).sign(&[&operator()]),
    );
    mistaken(ledger, None, party, true, &operator());
    let struck = || page(&server, &format!("/party/{party}")).contains("<h1><s>");
    assert!(struck());
    link(ledger, &desk(), s.case, s.case, party, 1);
    assert!(struck());
    open_case(ledger, party, "Kes");
    assert!(!struck());
}
