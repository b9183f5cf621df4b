//! What became of an entry stands above its words: what is told, at which sizes, and that nobody can hide it.

use crate::story;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::http::Server;
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::{Act, At, Body, Content, ContentRef, Draft, EventId, EventType, RecheckResult, RevocationReason},
    ledger::{Ledger, Submission},
    log::Time,
    note::SigningKey,
    views::{Allowance, Order, Since, Views},
};
use serde_json::{Value, json};

/// What is told of an entry, by indexes: each act with its newest entry and how many came before it; the mentions; and how many
/// parties and entries are only counted.
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

/// All entries of a log, to be searched one by one.
struct Walk<'a>(Vec<Arc<onrecord::views::Record>>, &'a Ledger);

impl<'a> Walk<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        let views = Views::new(ledger.reader());
        Self((0..views.size()).map(|i| views.record(i).unwrap().unwrap()).collect(), ledger)
    }

    fn author(&self, index: u64) -> EventId {
        self.0[index as usize].parties().next().unwrap()
    }

    /// Whether an entry below `size` declares the entry at `index` void.
    fn is_void(&self, index: u64, size: u64) -> bool {
        let id = self.0[index as usize].event().id();
        self.0[..size as usize].iter().any(|later| {
            matches!(later.event().body(), Body::CorrectionIssued(b) if b.corrects == id && b.effect.as_str() == "void")
        })
    }

    /// What each entry below `size` did to the entry at `of`, in the order of the log.
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
                        && b.since.as_ref().is_some_and(|s| {
                            // A key that was merely replaced stays good for what is dated before.
                            let replaced = b.reason == RevocationReason::Superseded;
                            let at = record.event().at().as_str();
                            s.as_str() < time.to_string().as_str()
                                && (!replaced || s.as_str()[..10] <= at[..at.len().min(10)])
                        }) =>
                {
                    Act::Revocation
                }
                Body::ExhibitRechecked(b)
                    if b.exhibit == id
                        && self.author(later.index()) == self.author(of)
                        && !self.is_void(later.index(), size) =>
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
        let counts = |(_, index): &(Act, u64)| !self.is_void(*index, size);
        let newest: BTreeMap<Act, u64> = self.acts(of, size).into_iter().filter(counts).collect();
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
            if mentions && !self.is_void(later.index(), size) {
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
            for later in &self.0[..size as usize] {
                if let Body::DemandIssued(b) = later.event().body()
                    && later.event().case() == case
                {
                    about.extend(b.petitioner.into_iter().chain(b.counsel));
                }
            }
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

    /// How many acts of a kind the first `before` entries did to the entry at `of`.
    fn count(&self, act: Act, of: u64, before: u64) -> usize {
        match act {
            Act::Revocation | Act::Recheck => 0,
            _ => self.acts(of, before).iter().filter(|(a, _)| *a == act).count(),
        }
    }
}

/// Holds what is told of each entry at each size against a walk through all entries. Gives how many acts and mentions there were.
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
    let World { tmp: _tmp, ledger, dir, .. } = World::empty();
    // The newest entries are in memory alone; the index has taken some of the older ones.
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
    // An index that is made anew says the same.
    std::fs::remove_dir_all(dir.join("index")).unwrap();
    let ledger = open(&dir);
    assert_eq!(compare(&ledger), found);
}

fn void(ledger: &Ledger, story: &Story, of: EventId, by: &SigningKey) -> u64 {
    let (refs, facts) = (json!({"corrects": of}), json!({"effect": "void"}));
    let words = Some(json!({"wrong": "It was a mistake.", "right": "Nothing of the kind."}));
    record(ledger, say("correction.issued", Some(story.case), refs, facts, words).sign(&[by])).1
}

/// An act or a mention that its own author declared void does not count in what is told of another entry: it does not stand
/// there, and does not hide the one before it.
#[test]
fn what_was_declared_void_is_not_told_of_what_it_touched() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let put = |of: &str, refs: Value, facts: Value| {
        let words = match of {
            "position.taken" | "link.asserted" => json!({"text": "x", "reasoning": "x"}),
            _ => json!({"text": "x", "account": "x", "ground": "x"}),
        };
        record(ledger, say(of, Some(s.case), refs, facts, Some(words)).sign(&[&desk()]))
    };
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    let stated = index;
    let gone = |announced: bool| {
        let facts = json!({"announced": announced, "observed": "2023-12-16"});
        put("statement.withdrawn", json!({"statement": of}), facts)
    };
    let told = || {
        let views = Views::new(ledger.reader());
        let since = views.since(&views.record(index).unwrap().unwrap()).unwrap();
        (since.acts.iter().map(|a| (a.act, a.index)).collect::<Vec<_>>(), since.mentions.len(), since.others)
    };
    let (_, real) = gone(false);
    let (mistaken, _) = gone(true);
    void(ledger, &s, mistaken, &desk());
    assert_eq!(told(), (vec![(Act::Withdrawal, real)], 0, 0), "the one before it is told");
    let (own, party) = stranger(ledger, "stranger.example/k", 77);
    for n in 0..2 {
        let taken = position(ledger, (&own, party), s.case, of, n);
        assert_eq!(told().1, 1);
        let views = Views::new(ledger.reader());
        void(ledger, &s, views.record(taken).unwrap().unwrap().event().id(), &own);
        assert_eq!((told().1, told().2), (0, 0));
    }
    // An exhibit that its author checked again: a void "the same" takes nothing back, and a void finding is not told.
    let (exhibit, index) = {
        let file = upload(ledger, "page.html", b"<p>Tujuh</p>");
        let captured = Say {
            event_type: "exhibit.captured",
            case: Some(s.case),
            refs: json!({"about": [of]}),
            facts: json!({"method": "screenshot", "captured": "2023-12-16"}),
            words: Some(json!({"url": "https://agency.example/", "description": "x"})),
            files: &[file],
        };
        record(ledger, captured.sign(&[&desk()]))
    };
    let again = |result: &str| {
        put(
            "exhibit.rechecked",
            json!({"exhibit": exhibit}),
            json!({"result": result, "checked": "2023-12-20"}),
        )
    };
    let told = || {
        let views = Views::new(ledger.reader());
        let since = views.since(&views.record(index).unwrap().unwrap()).unwrap();
        since.acts.iter().map(|a| (a.act, a.index)).collect::<Vec<_>>()
    };
    let (_, lost) = again("gone");
    let (same, _) = again("same");
    assert_eq!(told(), []);
    void(ledger, &s, same, &desk());
    assert_eq!(told(), [(Act::Recheck, lost)]);
    let (changed, at) = again("changed");
    assert_eq!(told(), [(Act::Recheck, at)]);
    void(ledger, &s, changed, &desk());
    assert_eq!(told(), [(Act::Recheck, lost)]);
    compare(ledger);

    // More void acts than are looked at. One is told then, with the note that it is void.
    for _ in 0..65 {
        let (mistaken, _) = gone(true);
        void(ledger, &s, mistaken, &desk());
    }
    let page = server.page(&format!("/e/{stated}"));
    let entries = ledger.reader().checkpoint().checkpoint().size();
    let said = format!("its speaker said so; this record of it was declared void in No. {}", entries - 1);
    assert!(page.contains(&said), "{page}");
}

/// Withholding again after giving back is told in that order. What a link quotes stands beside what became of the quoted entry.
#[test]
fn what_is_told_stands_in_the_order_in_which_it_was_done_and_beside_every_quotation() {
    let World { tmp: _tmp, ledger, story: ids, .. } = World::whole();
    let index = |label: &str| ledger.reader().index_of(&ids[label]).unwrap().unwrap();
    let of = ids["contoh-18-dec"];
    let case = ids["case-contoh"];
    record(&ledger, withhold(Some(case), of, "court_order", &["content"]));
    let server = Server::start(ledger.clone());
    let page_of = |index: u64| server.page(&format!("/e/{index}"));
    let kept = page_of(index("contoh-18-dec"));
    assert!(title(&kept).starts_with("Fictional: Given back, withheld: "), "{}", title(&kept));

    let link = page_of(index("contoh-link"));
    let quoted = part(&link, "which this quotes:", "<dd");
    assert!(quoted.contains("Seen changed"), "{quoted}");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let found = server.page("/search?q=%22tiada+data+peribadi+terjejas%22&type=link.asserted");
        if found.contains("which this quotes:") && found.contains("Seen changed") {
            break;
        }
        assert!(Instant::now() < until, "{found}");
        std::thread::sleep(Duration::from_millis(100));
    }
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

/// The title of a page.
fn title(page: &str) -> &str {
    part(page, "<title>", "</title>").trim_start_matches("<title>")
}

/// A part of a page: from one text up to another that stands after it.
fn part<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let start = page.find(from).unwrap_or_else(|| panic!("{from} is not in {page}"));
    let rest = &page[start..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

#[test]
fn a_thousand_mentions_by_one_stranger_change_no_act_no_list_and_no_title() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    let corrected = correct(ledger, &s, of, "tujuh", "2023-12-15");
    let (own, party) = stranger(ledger, "stranger.example/k", 77);
    // A case of the strangers' own, which the desk opened.
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let words = Some(json!({"title": "Lain"}));
    let other = say("case.opened", None, json!({"respondent": s.agency}), facts, words).sign(&[&desk()]);
    let (other, _) = record(ledger, other);
    let seen = |mentions: bool| {
        let own_page = server.page(&format!("/e/{index}"));
        let box_of = part(&own_page, "<div class=\"since\"", "</div>");
        let box_of = box_of.to_owned();
        assert_eq!(own_page.contains("class=\"mentions\""), mentions);
        let title = part(&own_page, "<title>", "</title>").to_owned();
        let line = format!("<li class=\"line\" id=\"e{index}\">");
        let lists = [format!("/case/{}", s.case), format!("/entries?before={}", index + 1)];
        let lines = lists.map(|path| part(&server.page(&path), &line, "</li>").to_owned());
        let case = server.page(&format!("/case/{}/text", s.case));
        (box_of, title, lines, part(&case, "Timeline", "\n\n").to_owned())
    };
    let before = seen(false);
    assert!(before.0.contains(&format!("href=\"/e/{corrected}\"")) && before.2[0].contains("Corrected"));
    for n in 0..500 {
        position(ledger, (&own, party), other, of, n);
        link(ledger, &own, other, of, s.case, n);
    }
    assert_eq!(seen(true), before);
    let now = server.page(&format!("/e/{index}"));
    let line = part(&now, "<div class=\"mentions\"", "</div>");
    assert_eq!(line.matches("/e/").count(), 2, "one mention of one party, and the case it links: {line}");
    assert!(!line.contains("No. 499"), "words of mentions are not told: {line}");
}

#[test]
fn mentions_hide_no_withdrawal() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tiada data terjejas."));
    for n in 0..51 {
        let refs = json!({"party": s.agency, "on": [of]});
        let words = Some(json!({"text": format!("No. {n}")}));
        let taken = say("position.taken", Some(s.case), refs, json!({"stance": "affirms"}), words);
        record(ledger, taken.sign(&[&desk()]));
    }
    let withdrawn = withdraw(ledger, &s, of);
    let whole = server.page(&format!("/e/{index}"));
    // In the title too, what became of the words stands before them.
    let title = part(&whole, "<title>", "</title>");
    assert!(title.find("ithdrawn").unwrap() < title.find("Tiada data terjejas.").unwrap(), "{title}");
    let page = part(&whole, "<main id=\"main\">", "</main>");
    let words = page.find("Tiada data terjejas.").unwrap();
    let since = page.find("class=\"since\"").unwrap();
    assert!(since < page.find(&format!("href=\"/e/{withdrawn}\"")).unwrap() && since < words);
    assert!(page[since..words].contains("No capture enclosed."));
    assert_eq!(page.matches("affirms").count() - page[words..].matches("affirms").count(), 1);
    // The newest of the entries that name it are listed.
    let named = part(page, "id=\"named\"", "</section>");
    assert!(named.contains(&format!(">No. {withdrawn}<")) && named.contains("The last 50 of them."));
}

#[test]
fn a_correction_dated_ahead_hides_nothing_and_an_earlier_size_says_that_more_is_to_come() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    let corrected = correct(ledger, &s, of, "tujuh", "2099-01-01");
    let now = server.page(&format!("/e/{index}"));
    assert!(now.contains(&format!("href=\"/e/{corrected}\"")) && now.contains("Said to be wrong"));
    let case = server.page(&format!("/case/{}?asOf=2024-01-01", s.case));
    let line = part(&case, &format!("id=\"e{index}\""), "</li>");
    assert!(line.contains(&format!("href=\"/e/{corrected}\"")), "{line}");
    let then = server.page(&format!("/e/{index}?knownAt={corrected}"));
    let aside = part(&then, "class=\"since\"", "</div>");
    assert!(aside.contains(&format!("<a href=\"/e/{index}\">1 later entry touches this</a>")), "{aside}");
    assert!(!aside.contains("Said to be wrong"));
    assert_eq!(server.get(&format!("/e/{index}?knownAt={index}")).status, 404);
    // At a size after which nothing came, nothing is said.
    let all = server.page(&format!("/e/{index}?knownAt={}", corrected + 1));
    assert!(!all.contains("touches this"));
}

#[test]
fn words_that_are_withheld_are_not_told_by_what_corrects_them() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Nombor 123 bocor."));
    correct(ledger, &s, of, "Nombor 123", "2023-12-15");
    record(ledger, withhold(Some(s.case), of, "erasure", &["content"]));
    for path in [format!("/e/{index}"), "/entries".into(), format!("/e/{index}?knownAt={}", index + 2)] {
        let page = server.page(&path);
        let line = if path == "/entries" { part(&page, &format!("id=\"e{index}\""), "</li>") } else { &page };
        assert!(line.contains("Corrected") && !line.contains("Nombor 123"), "{path}: {line}");
    }
}

/// How many entries are read to show an entry and its case.
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
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
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
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (own, party) = stranger(ledger, "stranger.example/k", 77);
    let (case, index) = open_case(ledger, s.agency, "Tersilap");
    let struck = || {
        let home = server.page("/");
        let cases = part(&home, "<ul class=\"cases\">", "</ul>");
        let entries = server.page("/entries");
        let line = part(&entries, &format!("id=\"e{index}\""), "</li>");
        let is_struck = cases.contains("<s><a") && cases.contains("opened by mistake");
        assert_eq!(line.contains("<p class=\"says\"><s>"), is_struck, "{line}");
        assert_eq!(server.page(&format!("/case/{case}")).contains("<h1><s>"), is_struck);
        // The struck case moved last, and is listed last all the same.
        assert_eq!(cases.find("Kejadian") < cases.find("Tersilap"), is_struck, "{cases}");
        is_struck
    };
    assert!(!struck());
    mistaken(ledger, Some(case), case, true, &desk());
    assert!(struck());
    // What others may add to any case does not revive it.
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
    // The newest correction counts, also one by the operator.
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
fn what_rests_on_a_case_is_found_among_any_number_of_corrections() {
    let World { tmp: _tmp, dir, ledger, story: s, .. } = World::small();
    let mut server = Server::start(ledger);
    let (case, index) = open_case(&server.ledger, s.agency, "Tersilap");
    for _ in 0..130 {
        mistaken(&server.ledger, Some(case), case, true, &desk());
    }
    let facts = statement_facts();
    let refs = json!({"speaker": s.agency});
    let said = say("statement.made", Some(case), refs, facts, Some(json!({"text": "Ya."})));
    let (_, rests) = record(&server.ledger, said.sign(&[&desk()]));
    for _ in 0..130 {
        mistaken(&server.ledger, Some(case), case, true, &desk());
    }
    let struck = |server: &Server, known_at: u64| {
        server.page(&format!("/case/{case}?knownAt={known_at}")).contains("<h1><s>")
    };
    let at = |server: &Server| {
        let size = Views::new(server.ledger.reader()).size();
        [index + 1, index + 2, rests, rests + 1, size].map(|known_at| struck(server, known_at))
    };
    let found = [false, true, true, false, false];
    assert_eq!(at(&server), found);
    // From the case's opener even what anybody may add revives it, however many entries of others lie around.
    let (other, _) = open_case(&server.ledger, s.agency, "Tersilap juga");
    let (own, party) = stranger(&server.ledger, "stranger.example/k", 77);
    for n in 0..130 {
        position(&server.ledger, (&own, party), other, other, n);
    }
    mistaken(&server.ledger, Some(other), other, true, &desk());
    let other_is_struck = |server: &Server| server.page(&format!("/case/{other}")).contains("<h1><s>");
    assert!(other_is_struck(&server));
    link(&server.ledger, &desk(), other, other, s.case, 1);
    for n in 0..130 {
        position(&server.ledger, (&own, party), other, other, n);
    }
    assert!(!other_is_struck(&server));
    assert!(server.ledger.wait_published(Duration::from_secs(60)));
    server.stop();
    server.ledger.close();
    drop(server);
    std::fs::remove_dir_all(dir.join("index")).unwrap();
    let server = Server::start(open(&dir));
    assert_eq!((at(&server), other_is_struck(&server)), (found, false));
}

#[test]
fn who_stands_behind_a_demand_of_the_case_is_told_before_strangers() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (of, index) = record(ledger, statement(&s, "Tujuh orang terjejas."));
    let petitioner = stranger(ledger, "petitioner.example/k", 60);
    let counsel = stranger(ledger, "counsel.example/k", 61);
    let first = position(ledger, (&petitioner.0, petitioner.1), s.case, of, 0);
    let second = position(ledger, (&counsel.0, counsel.1), s.case, of, 0);
    for n in 0..6 {
        let other = stranger(ledger, &format!("stranger{n}.example/k"), 70 + n);
        position(ledger, (&other.0, other.1), s.case, of, 0);
    }
    let told = || {
        let views = Views::new(ledger.reader());
        let since = views.since(&views.record(index).unwrap().unwrap()).unwrap();
        (since.mentions.iter().map(|m| m.index).collect::<Vec<_>>(), since.others)
    };
    assert!(!told().0.contains(&first) && !told().0.contains(&second));
    let before = Views::new(ledger.reader()).size();
    let refs = json!({"respondent": s.agency, "petitioner": petitioner.1, "counsel": counsel.1});
    let words = Some(json!({"items": ["What was taken?"]}));
    record(ledger, say("demand.issued", Some(s.case), refs, json!({"items": 1}), words).sign(&[&desk()]));
    let (mentions, others) = told();
    assert_eq!((&mentions[..2], mentions.len(), others), (&[first, second][..], 5, 3));
    // Before the demand is on record, they are strangers.
    let line = |path: &str| part(&server.page(path), "<div class=\"mentions\"", "</div>").to_owned();
    let own = format!("href=\"/e/{first}\"");
    assert!(line(&format!("/e/{index}")).contains(&own));
    assert!(!line(&format!("/e/{index}?knownAt={before}")).contains(&own));
}

#[test]
fn a_party_registered_by_mistake_is_struck_through_while_nothing_rests_on_it() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let words = Some(json!({"name": "Lee"}));
    let (party, _) = record(
        ledger,
        say("party.registered", None, Value::Null, json!({"kind": "counsel"}), words).sign(&[&operator()]),
    );
    mistaken(ledger, None, party, true, &operator());
    let struck = || server.page(&format!("/party/{party}")).contains("<h1><s>");
    assert!(struck());
    link(ledger, &desk(), s.case, s.case, party, 1);
    assert!(struck());
    open_case(ledger, party, "Kes");
    assert!(!struck());
}

/// A date ahead of its recording is never told as if it had come: neither the entry's own nor one in its facts.
#[test]
fn a_date_ahead_of_its_recording_is_never_told_as_past() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    const AHEAD: &str = "(dated ahead of its recording)";
    let (of, index) = record(ledger, statement(&s, "Tiada data terjejas."));
    let corrected = correct(ledger, &s, of, "Tiada", "2090-05-01");
    let views = Views::new(ledger.reader());
    let act = &views.since_of(&of).unwrap().acts[0];
    let said = act.to_string();
    assert!(said.contains(", dated 1 May 2090, ahead of its recording, entry"), "{said}");
    for path in [format!("/e/{index}"), format!("/case/{}", s.case), format!("/case/{}/text", s.case)] {
        let text = server.page(&path);
        assert!(text.contains(", dated 1 May 2090, ahead of its recording"), "{path}: {text}");
        assert!(!text.contains("on 1 May 2090"), "{path}: {text}");
    }
    assert!(
        server
            .page(&format!("/e/{corrected}"))
            .contains("dated 1 May 2090 by its author, ahead of its recording")
    );

    let words = || Some(json!({"text": "Lain.", "description": "Sekeping.", "account": "Hilang."}));
    let exhibit = say(
        "exhibit.captured",
        Some(s.case),
        json!({}),
        json!({"method": "upload", "captured": "2090-05-01"}),
        words(),
    );
    let exhibit = record(ledger, exhibit.sign(&[&desk()]));
    let standing = json!({"standing": "official", "language": "ms", "published": "2090-05-01"});
    let seen = json!({"announced": false, "observed": "2090-05-01"});
    for (event_type, refs, facts) in [
        ("statement.made", json!({"speaker": s.agency}), standing),
        ("statement.revised", json!({"statement": of}), seen.clone()),
        ("statement.withdrawn", json!({"statement": of}), seen),
        (
            "exhibit.rechecked",
            json!({"exhibit": exhibit.0}),
            json!({"result": "gone", "checked": "2090-05-01"}),
        ),
        ("incident.reported", json!({"reporter": s.desk}), json!({"discovered": "2090-05-01"})),
    ] {
        let told = say(event_type, Some(s.case), refs, facts, words()).sign(&[&desk()]);
        let (_, index) = record(ledger, told);
        let text = server.page(&format!("/e/{index}"));
        assert!(text.matches(AHEAD).count() >= 1, "{event_type}: {text}");
    }
    assert!(server.page(&format!("/e/{}", exhibit.1)).contains(AHEAD));
    // The same wherever such dates are told beside others.
    for path in [format!("/e/{index}"), format!("/e/{}", exhibit.1), format!("/case/{}", s.case)] {
        let text = server.page(&path);
        for (at, _) in text.match_indices("1 May 2090") {
            let rest = &text[at + "1 May 2090".len()..];
            let marked = [" (dated ahead", ", ahead of its recording", " by its author, ahead"];
            assert!(
                marked.iter().any(|mark| rest.starts_with(mark)),
                "{path}: {}",
                &rest[..rest.len().min(80)]
            );
        }
    }
}

/// Every combination of a revision, a withdrawal, a correction, a voiding and a withholding, by trusted and distrusted keys, at
/// every size: what is on record by then is marked before the words wherever they stand, and nothing else is.
#[test]
fn every_combination_of_acts_is_marked_wherever_the_words_stand() {
    const KINDS: [(Act, &str); 5] = [
        (Act::Revision, "seen changed"),
        (Act::Withdrawal, "seen withdrawn"),
        (Act::Correction, "corrected"),
        (Act::Void, "declared void"),
        (Act::Withholding, "withheld"),
    ];
    let w = World::small().served();
    let server = w.server();
    let ledger = &server.ledger;
    let (own, speaker) = stranger(ledger, "speaker.example/k", 78);
    let (case, _) = open_case(ledger, speaker, "Gabungan");
    let seen = || json!({"announced": false, "observed": "2023-12-16"});
    let act = |act: Act, of: EventId, author: &SigningKey| -> u64 {
        let on = json!({"statement": of});
        let (told, by) = match act {
            Act::Revision => {
                let words = Some(json!({"text": "Kata baharu.", "changed": "Semua."}));
                (say("statement.revised", Some(case), on, seen(), words), desk())
            }
            Act::Withdrawal => {
                (say("statement.withdrawn", Some(case), on, seen(), Some(json!({"text": "Hilang."}))), desk())
            }
            Act::Correction | Act::Void => {
                let effect = if act == Act::Void { "void" } else { "annotate" };
                let words = Some(json!({"wrong": "Semua.", "right": "Tiada."}));
                let (on, facts) = (json!({"corrects": of}), json!({"effect": effect}));
                let told = say("correction.issued", Some(case), on, facts, words).sign(&[author]);
                return record(ledger, told).1;
            }
            _ => {
                let facts = json!({"ground": "erasure", "blobs": ["content"]});
                (say("content.withheld", Some(case), json!({"entry": of}), facts, None), operator())
            }
        };
        record(ledger, told.sign(&[&by])).1
    };
    let word = |n: usize| format!("perkataan{n}");
    let mut made = Vec::new();
    for n in 0..1_usize << KINDS.len() {
        let (distrusted, refs) = (n.count_ones() % 2 == 1, json!({"speaker": speaker}));
        let by = if distrusted { &own } else { &desk() };
        let told = say("statement.made", Some(case), refs, statement_facts(), Some(json!({"text": word(n)})));
        let (of, index) = record(ledger, told.sign(&[by]));
        let chosen = KINDS.iter().enumerate().filter(|(bit, _)| n >> bit & 1 == 1);
        let acts: Vec<_> = chosen.map(|(_, (kind, mark))| (act(*kind, of, by), *mark)).collect();
        made.push((n, index, acts, distrusted));
    }
    let key = own.verifying_key().to_string();
    let facts = json!({"key": key, "reason": "compromised", "since": "2023-12-10"});
    let words = Some(json!({"note": "It was stolen."}));
    let revoked = say("key.revoked", None, json!({"party": speaker}), facts, words).sign(&[&own]);
    let (_, revoked) = record(ledger, revoked);
    const DISTRUSTED: &str = "signed by a key distrusted since 10 December 2023, revoked";
    for (_, _, acts, distrusted) in &mut made {
        acts.extend(distrusted.then_some((revoked, DISTRUSTED)));
    }
    assert!(ledger.wait_published(Duration::from_secs(60)));
    let until = Instant::now() + Duration::from_secs(60);
    while server.page("/search?q=perkataan0").contains("still being built") {
        assert!(Instant::now() < until, "search is not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    let latest = revoked + 1;
    // Read all pages of the case, one after the other.
    let (mut of_case, mut link) = (String::new(), Some(format!("/case/{case}?order=recorded")));
    while let Some(path) = link {
        let text = server.page(&path);
        let next = text.split("<a rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
        link = next.map(|next| next.replace("&#38;", "&").replace("#timeline", ""));
        of_case.push_str(&text);
    }
    let mut places = 0;
    for (n, index, acts, _) in &made {
        // GraphQL speaks of one checkpoint, the latest.
        let asked = format!(
            "{{ event(by: {{index: {index}}}) {{ since {{ acts {{ mark event {{ index }} }} }} }} }}"
        );
        let told = server.data(&asked, json!({}))["event"]["since"]["acts"].clone();
        let mut marks: Vec<_> = told.as_array().unwrap().iter().collect();
        marks.sort_by_key(|told| told["event"]["index"].as_u64());
        let marks: Vec<_> = marks.iter().map(|told| (&told["event"]["index"], &told["mark"])).collect();
        let expected: Vec<_> = acts.iter().map(|(at, mark)| (json!(at), json!(mark))).collect();
        assert_eq!(marks, expected.iter().map(|(at, mark)| (at, mark)).collect::<Vec<_>>(), "{n}: {told}");
        let sizes = acts.iter().map(|(at, _)| at + 1).chain([index + 1, latest]);
        let withheld = acts.iter().any(|(_, mark)| *mark == "withheld");
        for size in sizes.collect::<std::collections::BTreeSet<_>>() {
            let known: Vec<_> = acts.iter().filter(|(at, _)| *at < size).collect();
            let later = acts.len() - known.len();
            let query = format!("knownAt={size}");
            let own_page = server.page(&format!("/e/{index}?{query}"));
            let mut found = vec![("entry", part(&own_page, "<main", "<h2").to_owned())];
            if size == latest {
                let line = part(&of_case, &format!("id=\"e{index}\""), "</li>");
                found.push(("case", line.to_owned()));
                let entries = server.page(&format!("/entries?before={}", index + 1));
                found.push(("entries", part(&entries, &format!("id=\"e{index}\""), "</li>").to_owned()));
                let hits = server.page(&format!("/search?q={}", word(*n)));
                assert_eq!(hits.contains(&format!("id=\"e{index}\"")), !withheld, "{n}: search");
                if !withheld {
                    found.push(("search", part(&hits, &format!("id=\"e{index}\""), "</li>").to_owned()));
                }
            }
            for (place, text) in found {
                places += 1;
                let low = text.to_lowercase();
                for (at, mark) in acts {
                    let is_known = *at < size;
                    assert_eq!(
                        low.contains(&mark.to_lowercase()) && text.contains(&format!("/e/{at}\"")),
                        is_known,
                        "{n} at {size}, {place}: {mark} {text}"
                    );
                }
                let words = text.find(&word(*n));
                assert!(!withheld || words.is_none(), "{n} at {size}, {place}: {text}");
                if let Some(words) = words {
                    for (at, _) in &known {
                        assert!(
                            text.find(&format!("/e/{at}\"")).unwrap() < words,
                            "{n} at {size}, {place}: {text}"
                        );
                    }
                }
                let void = known.iter().any(|(_, mark)| *mark == "declared void");
                assert_eq!(
                    text.contains("<s>") || place == "entry" && text.contains("Void."),
                    void,
                    "{n} at {size}, {place}: {text}"
                );
                assert_eq!(
                    place == "entry" && later > 0,
                    text.contains("later entr"),
                    "{n} at {size}, {place}: {text}"
                );
            }
        }
    }
    assert!(places > 200, "{places}");
    // The same in plain text, as a whole.
    let text = server.page(&format!("/case/{case}/text?order=recorded"));
    for (n, _, acts, _) in &made {
        for line in text.lines().filter(|line| line.contains(&format!("“{}”", word(*n)))) {
            for (at, mark) in acts {
                assert!(line.contains(mark) && line.contains(&format!("entry {at}")), "{n}: {line}");
            }
        }
    }
}
