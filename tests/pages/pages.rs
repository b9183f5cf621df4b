//! What pages say of cases, demands, parties and the record itself, at which instants; a terminal says the same.

use crate::html;
use crate::http;
use std::process::Command;

use crate::http::Server;
use crate::story::Ids;
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::EventId,
    ledger::Ledger,
    log::Time,
    views::{Confirmed, Order, PromiseState, Status, Views},
};
use serde_json::json;

/// The story that must always run, served.
fn world() -> World<Ids> {
    World::whole().served()
}

/// The path of the page of a case, a demand or a party.
fn path_of(w: &World<Ids>, noun: &str, label: &str) -> String {
    format!("/{noun}/{}", w.story[label])
}

fn views_of(w: &World<Ids>) -> Views {
    Views::new(w.reader())
}

/// The text of a page: without tags, and with single spaces.
fn read(page: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for c in page.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            c if !tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&#39;", "'").replace("&#38;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const SOCSO: &str = "Three questions in a letter of 15 Dec 2023, as reported; 566 signatures stated, no roll \
    committed. No evidence of delivery on record. No answer on record. As of 26 November 2026, 00:00:00 UTC.";
const CONTOH: &str = "Handed over Fri 15 Dec 2023, on the sender's word. Answer due Fri 29 Dec (14 days, rule chosen \
    by the sender). 1 answered, 1 refused, 1 open, 3 days past its date.";
const LHDN: &str = "A tech portal is reported to have claimed a possible exposure on 13 Dec 2023. No position of LHDN \
    on record.";

const SAID: [(&str, &str, &str); 3] = [
    ("case-socso", "2026-11-26", SOCSO),
    ("case-contoh", "2024-01-01", CONTOH),
    ("case-lhdn", "2026-11-26", LHDN),
];

#[test]
fn pages_and_their_plain_text_say_the_sentences_of_the_domain_word_for_word() {
    let w = world();
    for (case, as_of, sentence) in SAID {
        let path = path_of(&w, "case", case);
        let page = read(&w.page(&format!("{path}?asOf={as_of}")));
        assert!(page.contains(sentence), "{page}");
        let text = w.page(&format!("{path}/text?asOf={as_of}"));
        assert!(text.contains(sentence), "{text}");
    }
}

fn show(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_onrecord")).arg("show").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_terminal_says_the_same_from_a_folder_and_from_an_address() {
    let w = world();
    let data = w.dir.display().to_string();
    let url = format!("http://{}", w.server().address);
    let asked: Vec<(String, Vec<String>)> = SAID
        .iter()
        .map(|(case, as_of, sentence)| {
            let args = ["case", &format!("@{}", w.index(case)), "--as-of", as_of].map(str::to_owned);
            ((*sentence).to_owned(), args.to_vec())
        })
        .chain([
            (
                "text on record as signed".to_owned(),
                vec!["demand".into(), w.story["contoh-demand"].to_string()],
            ),
            ("vouched for by".to_owned(), vec!["party".into(), format!("@{}", w.index("counsel"))]),
            // Any entry of a case leads to the case.
            (LHDN.to_owned(), vec!["case".into(), w.story["lhdn-13-dec"].to_string()]),
        ])
        .collect();
    let with = |args: &[String], more: &[&str]| {
        let all: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        show(&all)
    };
    let fixed = |args: &[String]| {
        let mut args = args.to_vec();
        if !args.iter().any(|a| a == "--as-of") {
            args.extend(["--as-of", "2024-03-01T08:00:00+08:00"].map(str::to_owned));
        }
        args
    };
    let mut at_address = Vec::new();
    for (sentence, args) in &asked {
        let (code, out, err) = with(&fixed(args), &["--ledger", &url]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(sentence), "{out}");
        at_address.push(out);
    }
    // While the ledger is served, the error says that another process has the folder open.
    let (code, _, err) = with(&asked[0].1, &["--data", &data]);
    assert_eq!(code, 1);
    assert!(err.contains("open in another process") && err.contains("--ledger"), "{err}");
    for (what, found) in [("case", "@0"), ("demand", "@3"), ("party", "@9999"), ("case", "@9999")] {
        let (code, _, err) = show(&[what, found, "--ledger", &url]);
        assert_ne!(code, 0, "{what} {found}");
        assert!(!err.is_empty());
    }
    for bad in [
        ["case", "@x", "--known-at", "1"],
        ["case", "@1", "--as-of", "soon"],
        ["case", "@1", "--order", "up"],
    ] {
        let (code, _, err) = with(&bad.map(str::to_owned), &["--ledger", &url]);
        assert_eq!(code, 2, "{err}");
    }
    let folder = w.close();
    for ((_, args), at_address) in asked.iter().zip(at_address) {
        let (code, out, err) = with(&fixed(args), &["--data", &data]);
        assert_eq!(code, 0, "{err}");
        assert_eq!(out, at_address);
    }
    drop(folder);
}

#[test]
fn what_can_not_be_asked_is_answered_400_with_what_was_expected() {
    let w = world();
    let size = views_of(&w).size();
    let case = path_of(&w, "case", "case-contoh");
    for (query, expected) in [
        ("asOf=yesterday", "expected an instant such as"),
        ("asOf=2024-02-30", "expected an instant such as"),
        ("knownAt=x", "expected a tree size"),
        ("knownAt=0", &*format!("expected a tree size from 1 to {size}")),
        (&*format!("knownAt={}", size + 1), &*format!("expected a tree size from 1 to {size}")),
        ("order=backwards", "expected occurred or recorded"),
        ("from=-1", "expected the number of an entry"),
    ] {
        for path in [case.clone(), format!("{case}/text")] {
            let reply = w.server().get(&format!("{path}?{query}"));
            assert_eq!(reply.status, 400, "{path}?{query}");
            assert!(reply.text().contains(expected), "{}", reply.text());
        }
    }
    for path in
        [path_of(&w, "demand", "contoh-demand"), path_of(&w, "party", "agensi"), "/transparency".into()]
    {
        assert_eq!(w.server().get(&format!("{path}?knownAt=0")).status, 400, "{path}");
        assert_eq!(w.server().get(&format!("{path}?knownAt={size}")).status, 200, "{path}");
    }
    for path in [
        "/case/x".into(),
        path_of(&w, "case", "agensi"),
        path_of(&w, "demand", "agensi"),
        path_of(&w, "party", "case-contoh"),
    ] {
        assert_eq!(w.server().get(&path).status, 404, "{path}");
    }
}

#[test]
fn a_case_page_says_what_was_asked_and_answered_by_whom_and_how_it_was_assessed() {
    let w = world();
    let page = w.page(&format!("{}?asOf=2024-01-01", path_of(&w, "case", "case-contoh")));
    let text = read(&page);
    let reply = w.index("contoh-reply");
    for said in [
        format!(
            "answered 28 December 2023, 16:30 (+08:00), No. {reply}, first-party, signed by Agensi Contoh"
        ),
        format!("satisfied, No. {}", w.index("contoh-assessed")),
        format!(
            "Earlier: to be answered later 27 December 2023, 16:00 (+08:00), No. {}",
            w.index("contoh-holding")
        ),
        "Lapsed. Answer due Fri 29 Dec 2023 (14 days, rule chosen by the sender).".into(),
        "Day 0Fri 15 Dec 2023".into(),
        "Last dayFri 29 Dec 2023, which counts whole".into(),
        "Period and rule are chosen by the sender. Malaysia's Interpretation Acts bind written law, a letter only if it says \
         so."
            .into(),
        "The time to answer ran out on Fri 29 Dec 2023; extended to Fri 5 Jan 2024".into(),
        "Persatuan Pengguna Contoh says these conflict".into(),
        "Agensi Contoh partly accepts: Kenyataan 2 Disember".into(),
        "First known 1 December 2023, 20:15 (+08:00)".into(),
        "First disclosed to a regulator on 7 December 2023, 11:00 (+08:00)".into(),
        "6 days from one to the other".into(),
    ] {
        assert!(text.contains(&said), "{said}\n{text}");
    }
    // How long after its date an entry was recorded stands once, on its own page. A line in a list has only the date.
    assert!(!text.contains("after that") && !text.contains("on the author’s word"), "{text}");
    let entry = read(&w.page(&format!("/e/{}", w.index("contoh-2-dec"))));
    let difference = "; dated 2 December 2023, 09:30 (+08:00) by its author; recorded ";
    assert_eq!(entry.matches(difference).count(), 1, "{entry}");
    assert_eq!(entry.matches(" days after that").count(), 1, "{entry}");
    // Text that a statement lost is struck out, and so is what is void.
    assert!(page.contains("<del>Tiada data peribadi terjejas. </del>"), "{page}");
    assert!(page.contains("declared void <s>"));
    // The positions stand directly below the two quotes.
    let link = page.split("says these conflict").nth(1).unwrap();
    let (quotes, position) =
        (link.rfind("</figure></div>").unwrap(), link.find("class=\"position\"").unwrap());
    assert!(quotes < position && link.matches("<mark>").count() == 2);
    // Order: sentence, grid, delivery, clock, and only then the rest.
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}"));
    let order = [
        "class=\"status\"",
        "class=\"grid\"",
        "<dt>Delivery</dt>",
        "<dt>Clock</dt>",
        "id=\"summary\"",
        "<svg",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
    assert!(!page.contains("<script"), "no script");
}

#[test]
fn promises_are_open_done_or_past_their_date() {
    let w = world();
    let states = |as_of: &str| -> Vec<PromiseState> {
        let time = Time::parse(as_of).unwrap();
        let views = views_of(&w);
        let view = views.case_view(&w.story["case-contoh"], time, Order::Occurred, 0, 0).unwrap().unwrap();
        view.promises.iter().map(|p| p.state).collect()
    };
    let done = PromiseState::Closed(onrecord::event::CommitmentOutcome::Done, w.index("contoh-promise-kept"));
    assert_eq!(states("2024-01-05T00:00:00.000Z"), [PromiseState::Open, PromiseState::Open]);
    assert_eq!(states("2024-01-31T15:59:59.999Z"), [done, PromiseState::Open]);
    assert_eq!(
        states("2024-01-31T16:00:00.000Z"),
        [done, PromiseState::PastDate],
        "the day is over in the case's zone"
    );
    let page = read(&w.page(&format!("{}?asOf=2024-03-01", path_of(&w, "case", "case-contoh"))));
    assert!(page.contains("past its date, nothing on record"));
}

#[test]
fn only_entries_below_known_at_count() {
    let w = world();
    let case = path_of(&w, "case", "case-contoh");
    let at = |label: &str| w.index(label);
    let said = |size: u64| read(&w.page(&format!("{case}?asOf=2024-01-01&knownAt={size}")));

    let before = said(at("contoh-hand-over"));
    assert!(
        before.contains("Taken by a relay Fri 15 Dec 2023") && !before.contains("Handed over"),
        "{before}"
    );
    assert!(before.contains(&format!("by the first {} entries of", at("contoh-hand-over"))));
    assert!(said(at("contoh-hand-over") + 1).contains("Handed over Fri 15 Dec 2023"));
    assert_eq!(
        w.server().get(&format!("{case}?knownAt={}", at("case-contoh"))).status,
        404,
        "not opened yet"
    );

    // Void, withheld, keys and roles are those of the size.
    let views = |size: u64| Views::new(w.reader()).at(size).unwrap();
    let line = |size: u64, label: &str| {
        let views = views(size);
        views.line(&views.record(at(label)).unwrap().unwrap()).unwrap()
    };
    assert!(!line(at("contoh-press-void"), "contoh-press-wrong").voided);
    assert!(line(at("contoh-press-void") + 1, "contoh-press-wrong").voided);
    assert!(!line(at("contoh-18-dec-withheld"), "contoh-18-dec").withheld);
    assert!(line(at("contoh-18-dec-withheld") + 1, "contoh-18-dec").withheld);
    assert!(line(at("contoh-18-dec-released"), "contoh-18-dec").withheld);
    assert!(!line(at("contoh-18-dec-released") + 1, "contoh-18-dec").withheld);
    let roles = |size: u64| views(size).party(&w.story["desk"]).unwrap().unwrap().roles();
    assert_eq!(roles(at("desk-recorder")), [""; 0]);
    assert_eq!(roles(at("desk-registrar-revoked")), ["registrar", "recorder"]);
    assert_eq!(roles(at("desk-registrar-revoked") + 1), ["recorder"]);
    let keys = |size: u64| views(size).keys(&w.story["counsel"]).unwrap();
    assert_eq!(keys(at("counsel-key-2024")).len(), 1);
    let before = keys(at("counsel-key-revoked"));
    assert!(before.len() == 2 && before[0].revoked.is_none());
    assert!(keys(at("counsel-key-revoked") + 1)[0].revoked.is_some());
    assert!(views_of(&w).at(0).is_none());
    assert!(views_of(&w).at(views_of(&w).size() + 1).is_none());
}

#[test]
fn a_name_is_the_one_of_the_size_and_all_names_are_listed() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let renamed = say(
        "party.updated",
        None,
        json!({"party": s.agency}),
        json!({}),
        Some(json!({"name": "Badan Baru"})),
    );
    let (_, index) = record(&server.ledger, renamed.sign(&[&operator()]));
    let path = format!("/party/{}", s.agency);
    assert!(server.get(&format!("{path}?knownAt={index}")).text().contains("<h1><bdi>Agensi</bdi></h1>"));
    let now = server.get(&path).text();
    assert!(now.contains("<h1><bdi>Badan Baru</bdi></h1>"));
    assert!(read(&now).contains("Names over timeAgensi, from 15 December 2023"), "{}", read(&now));
    assert!(server.get(&format!("/case/{}?knownAt={index}", s.case)).text().contains(">Agensi</bdi>"));
}

#[test]
fn words_withheld_now_are_shown_at_no_size_and_in_no_quote() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let first = record(&server.ledger, statement(&s, "rahsia besar yang ditarik"));
    let second = record(&server.ledger, statement(&s, "tiada apa-apa berlaku"));
    let link = say(
        "link.asserted",
        Some(s.case),
        json!({"from": first.0, "to": second.0}),
        json!({"relation": "contradicts"}),
        Some(json!({"reasoning": "bercanggah",
            "quotes": {"from": {"exact": "rahsia besar"}, "to": {"exact": "tiada apa-apa"}}})),
    );
    let (_, linked) = record(&server.ledger, link.sign(&[&desk()]));
    let case = format!("/case/{}", s.case);
    assert!(server.get(&case).text().contains("<mark>rahsia besar</mark>"));
    let withheld = say(
        "content.withheld",
        Some(s.case),
        json!({"entry": first.0}),
        json!({"ground": "court_order", "blobs": ["content"]}),
        None,
    );
    record(&server.ledger, withheld.sign(&[&operator()]));
    for path in [
        case.clone(),
        format!("{case}/text"),
        format!("{case}?knownAt={}", linked + 1),
        format!("{case}/text?knownAt={}", linked + 1),
        "/transparency".into(),
        format!("/party/{}?knownAt={}", s.agency, linked + 1),
    ] {
        let text = server.get(&path).text();
        assert!(!text.contains("rahsia besar"), "{path}");
    }
    let page = server.get(&format!("{case}?knownAt={}", linked + 1)).text();
    assert!(page.contains("(words withheld)") && page.contains("<mark>tiada apa-apa</mark>"));
    let now = read(&server.get(&case).text());
    assert!(now.contains("on the ground: court order. withheld"), "{now}");
}

#[test]
fn a_collection_and_a_position_of_another_case_bear_on_a_demand() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let (op, union_key) = (operator(), key("union.example/a", 9));
    let facts = json!({"kind": "organisation", "keys": [union_key.verifying_key().to_string()]});
    let registered = say("party.registered", None, json!({}), facts, Some(json!({"name": "Kesatuan"})));
    let (union, _) = record(ledger, registered.sign(&[&op, &union_key]));
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuching"});
    let other =
        say("case.opened", None, json!({"respondent": s.agency}), facts, Some(json!({"title": "Lain"})));
    let (other, _) = record(ledger, other.sign(&[&desk()]));
    let opened = say(
        "collection.opened",
        Some(other),
        json!({"organiser": union}),
        json!({"assurance": "email"}),
        Some(json!({"text": "Kami bertanya:\n1. Apa   yang hilang?"})),
    );
    let (collection, _) = record(ledger, opened.sign(&[&union_key]));
    let counted =
        say("collection.counted", Some(other), json!({"collection": collection}), json!({"count": 12}), None);
    record(ledger, counted.sign(&[&union_key]));
    let demand = say(
        "demand.issued",
        Some(s.case),
        json!({"respondent": s.agency, "petitioner": union, "collection": collection}),
        json!({"items": 2}),
        Some(json!({"items": ["Apa yang hilang?", "Siapa tahu?"]})),
    );
    let (demand, _) = record(ledger, demand.sign(&[&desk()]));
    let sheet = || {
        let time = Time::parse("2024-01-01T00:00:00.000Z").unwrap();
        Views::new(ledger.reader()).demand(&demand, time).unwrap().unwrap().view
    };
    let named = sheet();
    assert!(named.backing.iter().all(|b| b.backer.confirmed.is_none()));
    assert_eq!(named.count_words(), None, "no count beside what its organiser did not confirm");
    let affirmed = say(
        "position.taken",
        Some(other),
        json!({"party": union, "on": [demand]}),
        json!({"stance": "affirms"}),
        Some(json!({"text": "Surat kami."})),
    );
    let (_, index) = record(ledger, affirmed.sign(&[&union_key]));
    let view = sheet();
    assert!(view.backing.iter().all(|b| b.backer.confirmed == Some(Confirmed::Affirmed(index))));
    assert_eq!(view.count_words().as_deref(), Some("12, as stated; no roll committed"));
    let signed: Vec<Option<bool>> = view.items.iter().map(|i| i.signed).collect();
    assert_eq!(signed, [Some(true), Some(false)]);
    assert_eq!(view.demand.status, Status::Issued);
}

#[test]
fn a_demand_page_shows_every_attempt_the_backing_and_the_signed_text() {
    let w = world();
    let text = read(&w.page(&format!("{}?asOf=2024-01-01", path_of(&w, "demand", "contoh-demand"))));
    for said in [
        "to Agensi Contoh: Taken by a relay, on the word of a computer system, as the sender tells it",
        "by hand, to Agensi Contoh: Handed over, on the sender's word",
        "relayed to the addressee's service, on the word of a computer system",
        "Copies to others",
        "by e-mail, to Pengawal Data Contoh: failed",
        "refused by the addressee's service (no such addressee there)",
        "counselExample & Co.: confirmed, signed the demand",
        "petitionerPersatuan Pengguna Contoh: confirmed, affirmed it in entry 61",
        "204 standing, of 214 ever confirmed",
        "2 of 3 items stand word for word in the text on record as signed",
        "not word for word in the text on record as signed",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let socso = read(&w.page(&path_of(&w, "demand", "demand-socso")));
    assert!(socso.contains("named, not confirmed") && !socso.contains("Signatures"), "{socso}");
}

#[test]
fn conflicting_evidence_is_shown_as_such_and_gives_no_grade() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let demand = say(
        "demand.issued",
        Some(s.case),
        json!({"respondent": s.agency, "petitioner": s.desk}),
        json!({"items": 1}),
        Some(json!({"items": ["Apa?"]})),
    );
    let (demand, _) = record(ledger, demand.sign(&[&desk()]));
    let notice = say(
        "notice.dispatched",
        Some(s.case),
        json!({"sender": s.desk, "addressee": s.agency, "demand": demand}),
        json!({"channel": "registered_post"}),
        Some(json!({"address": "Jalan 1"})),
    );
    let (notice, _) = record(ledger, notice.sign(&[&desk()]));
    for (evidence, account) in [("ContentHandover", "diserah"), ("ContentConsignmentFailure", "dipulangkan")]
    {
        let said = say(
            "delivery.evidenced",
            Some(s.case),
            json!({"notice": notice}),
            json!({"evidence": evidence, "vouched_by": "carrier"}),
            Some(json!({"account": account})),
        );
        record(ledger, said.sign(&[&desk()]));
    }
    let page = server.get(&format!("/demand/{demand}")).text();
    assert!(
        page.contains(">conflicting</strong>") && page.contains("The evidence of this notice is conflicting")
    );
    let case = read(&server.get(&format!("/case/{}", s.case)).text());
    assert!(case.contains("Evidence of delivery is conflicting") && !case.contains("Handed over"), "{case}");
    assert!(server.get(&format!("/demand/{demand}/text")).text().contains("[conflicting]"));
}

#[test]
fn a_month_is_drawn_as_the_bar_that_it_is() {
    let w = world();
    let page = w.page(&path_of(&w, "case", "case-socso"));
    let drawn = page.split("<svg class=\"timeline\"").nth(1).unwrap().split("</svg>").next().unwrap();
    assert!(drawn.contains("<title>December 2023: 1 entry, no day said</title><rect "), "{drawn}");
    assert!(
        drawn.contains(">1 December 2023</text>") && drawn.contains(">31 December 2023</text>"),
        "{drawn}"
    );
    let contoh = w.page(&path_of(&w, "case", "case-contoh"));
    assert!(!contoh.contains("no day said</title>"), "every entry of it says its day");
}

#[test]
fn a_record_counts_real_delivered_demands_and_gives_no_median_below_five() {
    let w = world();
    let socso = read(&w.page(&path_of(&w, "party", "socso")));
    assert!(
        socso.contains("No delivered demand to it is on record here. 1 demand without evidence of delivery")
    );
    let agency = w.page(&path_of(&w, "party", "agensi"));
    assert!(!agency.contains("id=\"record\""), "an invented party has none");

    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let mut answered = Vec::new();
    for n in 0..5 {
        let demand = say(
            "demand.issued",
            Some(s.case),
            json!({"respondent": s.agency, "petitioner": s.desk}),
            json!({"items": 1}),
            Some(json!({"items": [format!("Soalan {n}?")]})),
        );
        let (demand, _) = record(ledger, demand.sign(&[&desk()]));
        let notice = say(
            "notice.dispatched",
            Some(s.case),
            json!({"sender": s.desk, "addressee": s.agency, "demand": demand}),
            json!({"channel": "hand"}),
            Some(json!({"address": "Jalan 1"})),
        );
        let (notice, _) = record(ledger, notice.sign(&[&desk()]));
        let handed = say(
            "delivery.evidenced",
            Some(s.case),
            json!({"notice": notice}),
            json!({"evidence": "ContentHandover", "vouched_by": "sender"}),
            Some(json!({"account": "diserah"})),
        );
        record(ledger, handed.sign(&[&desk()]));
        let reply = say(
            "disclosure.made",
            Some(s.case),
            json!({"party": s.agency, "demand": demand}),
            json!({"kind": "reply", "items": [{"item": 1, "outcome": "answered"}]}),
            Some(json!({"answers": {"1": "Jawapan."}})),
        );
        record(ledger, reply.sign(&[&desk()]));
        answered.push(read(&server.get(&format!("/party/{}", s.agency)).text()));
    }
    assert!(
        answered[3].contains("n = 4: 4 demands delivered to it are on record here, in 1 case: 4 answered.")
    );
    assert!(answered[3].contains("Put on record by Meja (4)") && answered[3].contains("No median is given"));
    let told = "Outcomes not signed by a key of its own are by the record of Meja (4).";
    assert!(answered[3].contains(told), "{}", answered[3]);
    let told = "That they were delivered is told by others; no key of its own signed it.";
    assert!(answered[3].contains(told), "{}", answered[3]);
    assert!(
        answered[4].contains("Median from delivery to the last outcome: 0 days, of 5 demands"),
        "{}",
        answered[4]
    );
}

#[test]
fn everything_withheld_corrected_or_changed_in_keys_stands_on_one_page() {
    let w = world();
    let page = w.page("/transparency");
    for label in [
        "contoh-list-withheld",
        "contoh-18-dec-withheld",
        "contoh-18-dec-released",
        "contoh-press-void",
        "contoh-incident-note",
        "agensi-press-key",
        "counsel-key-2024",
        "counsel-key-revoked",
    ] {
        assert!(page.contains(&format!(">No. {}</a>", w.index(label))), "{label}");
    }
    let text = read(&page);
    assert!(text.contains("safety11") && text.contains("court order10"), "ground, all, in force: {text}");
    assert!(page.matches(">fictional</strong>").count() >= 8, "what is made up says so");
    let early = read(&w.page(&format!("/transparency?knownAt={}", w.index("contoh-18-dec-released"))));
    assert!(early.contains("court order11"));
    assert!(w.page("/").contains("href=\"/transparency\""));
}

#[test]
fn both_orders_of_a_timeline_hold_every_entry_once_a_page_at_a_time() {
    let w = world();
    let case = path_of(&w, "case", "case-contoh");
    let numbers = |page: &str| -> Vec<u64> {
        let timeline = page.split("<ol class=\"lines\"").nth(1).unwrap();
        let ids = timeline.split("id=\"e").skip(1);
        ids.map(|t| t.split('"').next().unwrap().parse().unwrap()).collect()
    };
    let recorded = numbers(&w.page(&format!("{case}?order=recorded")));
    assert!(
        recorded.is_sorted() && recorded.len() == views_of(&w).thread(&w.story["case-contoh"]).unwrap().len()
    );
    let mut occurred = numbers(&w.page(&case));
    occurred.sort_unstable();
    assert_eq!(occurred, recorded);
    // An entry that was recorded late stands at the date on which it happened.
    let jakim = path_of(&w, "case", "case-jakim");
    let (by_date, by_index) =
        (numbers(&w.page(&jakim)), numbers(&w.page(&format!("{jakim}?order=recorded"))));
    assert_eq!(by_date[0], w.index("jakim-restored"), "a month counts from its first day");
    assert_eq!(*by_index.last().unwrap(), w.index("jakim-restored"));
}

#[test]
fn a_case_page_of_200_entries_is_below_150_kb_and_a_long_case_is_paged() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let text =
        "Agensi menyatakan bahawa sistemnya telah pulih sepenuhnya dan tiada data pengguna yang hilang. "
            .repeat(4);
    let all: Vec<_> = (0..199).map(|i| statement(&s, &format!("{i} {text}")).1).collect();
    for answer in server.ledger.record_blocking(all, true) {
        answer.unwrap();
    }
    let case = format!("/case/{}", s.case);
    let mut seen = 0;
    let mut next = Some(case.clone());
    while let Some(path) = next {
        let page = server.get(&path);
        assert!(page.body.len() < 150_000, "{path}: {} bytes", page.body.len());
        let page = page.text();
        seen += page.matches("<li class=\"line").count();
        next = page
            .split("<a rel=\"next\" href=\"")
            .nth(1)
            .map(|t| t.split(['"', '#']).next().unwrap().to_owned());
    }
    assert_eq!(seen, 200);
}

/// A demand to the agency with `items` items, signed by the desk.
fn demand(s: &Story, items: usize, number: usize) -> (EventId, onrecord::ledger::Submission) {
    let items: Vec<String> = (1..=items)
        .map(|i| {
            format!("Surat {number}, soalan {i}: apakah langkah yang diambil untuk melindungi data pengguna?")
        })
        .collect();
    say(
        "demand.issued",
        Some(s.case),
        json!({"respondent": s.agency, "petitioner": s.desk}),
        json!({"items": items.len()}),
        Some(json!({"items": items})),
    )
    .sign(&[&desk()])
}

fn record_all(ledger: &Ledger, all: Vec<(EventId, onrecord::ledger::Submission)>) -> Vec<EventId> {
    let (ids, submissions): (Vec<EventId>, Vec<_>) = all.into_iter().unzip();
    for answer in ledger.record_blocking(submissions, true) {
        answer.unwrap();
    }
    ids
}

#[test]
fn of_a_hundred_demands_of_64_items_each_is_reached_and_none_is_left_out_in_silence() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let demands = record_all(&server.ledger, (0..100).map(|n| demand(&s, 64, n)).collect());
    let outcomes: Vec<_> = (1..=20).map(|i| json!({"item": i, "outcome": "answered"})).collect();
    let replies = demands.iter().map(|id| {
        say(
            "disclosure.made",
            Some(s.case),
            json!({"party": s.agency, "demand": id}),
            json!({"kind": "reply", "items": outcomes}),
            Some(json!({"answers": {"1": "Kami telah mengambil semua langkah yang perlu. ".repeat(60)}})),
        )
        .sign(&[&desk()])
    });
    record_all(&server.ledger, replies.collect());
    let path = format!("/case/{}", s.case);
    let reply = server.get(&path);
    assert!(reply.body.len() < 150_000, "{} bytes", reply.body.len());
    let page = reply.text();
    for id in &demands {
        assert!(page.contains(&format!("href=\"/demand/{id}\"")), "{id}");
    }
    let text = read(&page);
    assert!(text.contains("95 earlier demands"), "{text}");
    // The five demands that are shown in full share 40 rows.
    assert_eq!(page.matches("<th scope=\"row\">").count(), 40);
    assert_eq!(
        text.matches("And 56 more items: by the record of Meja: 12 answered; 44 open. All 64 items").count(),
        5
    );
    let whole = read(&server.get(&format!("/demand/{}", demands[99])).text());
    assert!((1..=64).all(|i| whole.contains(&format!("Surat 99, soalan {i}:"))));
    let plain = server.get(&format!("{path}/text")).text();
    assert_eq!(plain.matches("By the record of Meja: 20 answered; 44 open").count(), 100, "a line for each");
}

#[test]
fn two_hundred_attempts_at_delivery_stand_a_page_at_a_time() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let id = record_all(&server.ledger, vec![demand(&s, 1, 0)])[0];
    let notice = |to: EventId| {
        let refs = json!({"sender": s.desk, "addressee": to, "demand": id});
        let words = json!({"address": "Aras 1, Jalan Contoh", "why": "Alamat di laman web."});
        say("notice.dispatched", Some(s.case), refs, json!({"channel": "email"}), Some(words))
            .sign(&[&desk()])
    };
    let attempts = record_all(&server.ledger, (0..200).map(|_| notice(s.agency)).collect());
    record_all(&server.ledger, (0..25).map(|_| notice(s.desk)).collect());
    let evidence = (0..15).map(|n| {
        say(
            "delivery.evidenced",
            Some(s.case),
            json!({"notice": attempts[0]}),
            json!({"evidence": "RelayAcceptance", "vouched_by": "system"}),
            Some(json!({"account": format!("diterima {n}")})),
        )
        .sign(&[&desk()])
    });
    record_all(&server.ledger, evidence.collect());
    let first = format!("/demand/{id}?asOf=2024-01-01");
    let (mut pages, mut seen, mut next) = (0, 0, Some(first.clone()));
    while let Some(path) = next {
        let reply = server.get(&path);
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.body.len() < 150_000, "{path}: {} bytes", reply.body.len());
        let page = reply.text();
        let attempts =
            page.split("id=\"attempts\"").nth(1).unwrap().split("Copies to others").next().unwrap();
        seen += attempts.matches("<article").count();
        pages += 1;
        assert!(read(&page).contains("of 200, in the order of the log"));
        let link = page.split("<a rel=\"next\" href=\"").nth(1);
        next = link.map(|t| html::meant(t.split('"').next().unwrap()).split('#').next().unwrap().to_owned());
        assert!(pages <= 10, "no end");
        assert!(next.as_deref().is_none_or(|n| n.contains("asOf=2024-01-01T")), "the same instant: {next:?}");
    }
    assert_eq!((pages, seen), (10, 200));
    let text = read(&server.get(&first).text());
    assert!(text.contains("And 5 more copies, in the timeline of the case"), "{text}");
    assert!(
        text.contains("And 5 more pieces of evidence, among the entries that name this notice"),
        "{text}"
    );
    assert!(server.get(&format!("/case/{}", s.case)).body.len() < 150_000);
}

#[test]
fn both_instants_are_chosen_by_a_form_without_a_script_and_now_is_one_link_away() {
    let w = world();
    let size = views_of(&w).size();
    for path in [
        path_of(&w, "case", "case-contoh"),
        path_of(&w, "demand", "contoh-demand"),
        path_of(&w, "party", "agensi"),
    ] {
        let now = w.page(&path);
        assert!(now.contains(&format!("<form action=\"{path}\" method=\"get\">")), "{now}");
        for field in ["name=\"asOf\"", "name=\"knownAt\"", &format!("max=\"{size}\"")] {
            assert!(now.contains(field), "{path}: {field}");
        }
        assert!(!now.contains("How it stands now"));
        // As a form sends it: with an empty field, and with colons and pluses encoded.
        let then = w.page(&format!("{path}?asOf=2024-01-05T08%3A00%3A00%2B08%3A00&knownAt="));
        assert!(
            read(&then).contains(&format!("As of 5 January 2024, 00:00:00 UTC, by the first {size} entries"))
        );
        assert!(then.contains(&format!("<a href=\"{path}\">How it stands now</a>")));
        assert!(then.contains("value=\"2024-01-05T00:00:00.000Z\""), "what was asked stands in the form");
        let known = w.page(&format!("{path}?asOf=&knownAt={}", size - 1));
        assert!(read(&known).contains(&format!("by the first {} entries of {size} of the log", size - 1)));
        assert!(known.contains(&format!("<a href=\"{path}\">How it stands now</a>")));
        let neither = w.page(&format!("{path}?asOf=&knownAt="));
        assert!(!neither.contains("How it stands now"));
    }
    // A case links to its demands at the same instant, and keeps the order.
    let case = path_of(&w, "case", "case-contoh");
    let page = w.page(&format!("{case}?asOf=2024-01-01&order=recorded"));
    let demand = path_of(&w, "demand", "contoh-demand");
    assert!(page.contains(&format!("href=\"{demand}?asOf=2024-01-01T00:00:00.000Z\"")), "{page}");
    assert!(page.contains("<input type=\"hidden\" name=\"order\" value=\"recorded\">"));
}

#[test]
fn what_a_party_said_itself_is_counted_apart_from_what_it_is_reported_to_have_said() {
    let w = World::small().served();
    let server = w.server();
    let ledger = &server.ledger;
    let own = key("kementerian.example/a", 9);
    let facts = json!({"kind": "agency", "keys": [own.verifying_key().to_string()]});
    let registered = say("party.registered", None, json!({}), facts, Some(json!({"name": "Kementerian"})));
    let (ministry, _) = record(ledger, registered.sign(&[&operator(), &own]));
    let facts = json!({"jurisdiction": "MY", "timezone": "Asia/Kuala_Lumpur"});
    let opened =
        say("case.opened", None, json!({"respondent": ministry}), facts, Some(json!({"title": "Lain"})));
    let (case, _) = record(ledger, opened.sign(&[&desk()]));
    let said = |by: &onrecord::note::SigningKey, text: &str| {
        let statement = say(
            "statement.made",
            Some(case),
            json!({"speaker": ministry}),
            statement_facts(),
            Some(json!({"text": text})),
        );
        record(ledger, statement.sign(&[by]));
        read(&server.get(&format!("/case/{case}")).text())
    };
    assert!(said(&desk(), "satu").contains("Kementerian is reported to have spoken once on 15 Dec 2023."));
    assert!(said(&own, "dua").contains(
        "Kementerian spoke once on 15 Dec 2023, and is reported to have spoken once on 15 Dec 2023."
    ));
    let text = said(&own, "tiga");
    assert!(text.contains("Kementerian spoke two times, last on 15 Dec 2023, and is reported"), "{text}");
    let disclosed = say(
        "disclosure.made",
        Some(case),
        json!({"party": ministry}),
        json!({"kind": "public"}),
        Some(json!({"nature": "Satu senarai terbuka."})),
    );
    record(ledger, disclosed.sign(&[&own]));
    assert!(
        read(&server.get(&format!("/case/{case}")).text()).contains("Kementerian spoke three times, last")
    );
}

#[test]
fn a_void_entry_is_struck_through_with_who_when_and_why_wherever_it_is_listed() {
    let w = world();
    let (wrong, void) = (w.index("contoh-press-wrong"), w.index("contoh-press-void"));
    let case = path_of(&w, "case", "case-contoh");
    for path in [case.clone(), "/entries".into(), format!("/search?q=Berita&case={}", w.story["case-contoh"])]
    {
        let page = w.page(&path);
        let line = page.split(&format!("<li class=\"line voided\" id=\"e{wrong}\">")).nth(1);
        let Some(line) = line else {
            assert!(path.starts_with("/search"), "{path}");
            continue;
        };
        let line = line.split("</li>").next().unwrap();
        assert!(line.contains("<p class=\"says\"><s>"), "{path}: {line}");
        let said =
            format!("Declared void by Onrecord demo desk on 8 December 2023, 09:00 (+08:00), No. {void}.");
        assert!(read(line).contains(&said), "{path}: {line}");
        assert!(read(line).contains("Said to be wrong: The desk copied the number as 4,120."), "{path}");
    }
    let text = w.page(&format!("{case}/text"));
    assert!(text.contains(&format!(
        "[declared void by Onrecord demo desk on 8 December 2023, 09:00 (+08:00), entry {void}]"
    )));
    // Before the correction was on record, the entry stood.
    let before = w.page(&format!("{case}?knownAt={void}"));
    assert!(before.contains(&format!("<li class=\"line\" id=\"e{wrong}\">")));
}

#[test]
fn quotes_of_a_link_stand_side_by_side_in_their_language_and_positions_directly_below() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let ledger = &server.ledger;
    let first = record(ledger, statement(&s, "tiada data yang hilang"));
    let second = record(ledger, statement(&s, "sebahagian data telah hilang"));
    let link = say(
        "link.asserted",
        Some(s.case),
        json!({"from": first.0, "to": second.0}),
        json!({"relation": "contradicts"}),
        Some(json!({"reasoning": "bercanggah",
            "quotes": {"from": {"exact": "tiada data"}, "to": {"exact": "sebahagian data"}}})),
    );
    let (link, _) = record(ledger, link.sign(&[&desk()]));
    let position = say(
        "position.taken",
        Some(s.case),
        json!({"party": s.agency, "on": [link]}),
        json!({"stance": "disputes"}),
        Some(json!({"text": "Kami tidak bersetuju."})),
    );
    record(ledger, position.sign(&[&desk()]));
    let page = server.get(&format!("/case/{}", s.case)).text();
    let link =
        page.split("<article class=\"item link\">").nth(1).unwrap().split("</article>").next().unwrap();
    let heading = link.split("</h3>").next().unwrap();
    assert!(read(heading).starts_with("Meja says these conflict"), "{heading}");
    let sides = link.split("<div class=\"sides\">").nth(1).unwrap();
    assert_eq!(link.matches("<blockquote lang=\"ms\">").count(), 2, "{link}");
    let (sides, below) = sides.split_once("</div>").unwrap();
    assert!(sides.contains("<mark>tiada data</mark>") && sides.contains("<mark>sebahagian data</mark>"));
    assert!(below.trim_start().starts_with("<p class=\"position\">"), "{below}");
    assert!(read(below).starts_with("Agensi disputes (recorded by Meja): Kami tidak bersetuju."), "{below}");
}

#[test]
fn rebuilding_the_index_gives_the_same_answers_byte_for_byte() {
    let w = world();
    let dir = w.dir.clone();
    let fixed = "asOf=2024-01-05T08:00:00%2B08:00";
    let size = views_of(&w).size();
    let mut paths =
        vec!["/".to_owned(), "/entries".into(), "/transparency".into(), "/transparency?knownAt=60".into()];
    for case in ["case-socso", "case-jakim", "case-lhdn", "case-contoh"] {
        for rest in ["", "/text"] {
            paths.push(format!("{}{rest}?{fixed}", path_of(&w, "case", case)));
            paths.push(format!(
                "{}{rest}?{fixed}&knownAt={}&order=recorded",
                path_of(&w, "case", case),
                size - 8
            ));
        }
    }
    for demand in ["demand-socso", "contoh-demand", "contoh-demand-2"] {
        paths.push(format!("{}?{fixed}", path_of(&w, "demand", demand)));
    }
    for party in ["socso", "agensi", "counsel", "desk"] {
        paths.push(format!("{}?{fixed}", path_of(&w, "party", party)));
        paths.push(format!("{}?{fixed}&knownAt=70", path_of(&w, "party", party)));
    }
    paths.extend((0..size).map(|n| format!("/e/{n}")));
    let answers = |server: &Server| -> Vec<(String, Vec<u8>)> {
        let host = server.address.to_string();
        let one = |path: &String| {
            let reply = server.get(path);
            assert_eq!(reply.status, 200, "{path}");
            // The address that was asked stands in permalinks.
            (path.clone(), reply.text().replace(&host, "HOST").into_bytes())
        };
        paths.iter().map(one).collect()
    };
    let before = answers(w.server());
    let folder = w.close();
    let rebuilt = Ledger::rebuild(&dir, &|_, _| ()).unwrap();
    assert_eq!(rebuilt, size);
    let server = Server::start(open(&dir));
    for ((path, before), (_, after)) in before.into_iter().zip(answers(&server)) {
        assert_eq!(String::from_utf8(before), String::from_utf8(after), "{path}");
    }
    drop(server);
    drop(folder);
}

#[test]
fn a_slash_at_the_end_of_an_address_leads_to_the_address_without_it() {
    let w = world();
    let (case, demand, party) = (
        path_of(&w, "case", "case-contoh"),
        path_of(&w, "demand", "contoh-demand"),
        path_of(&w, "party", "agensi"),
    );
    for (asked, query) in [
        ("/e/36".to_owned(), ""),
        ("/e/36".into(), "?knownAt=60"),
        (case.clone(), ""),
        (case.clone(), "?asOf=2024-01-01T08:00:00%2B08:00&order=recorded"),
        (demand, "?asOf=2024-01-01"),
        (party, ""),
        ("/entries".into(), "?before=50"),
        ("/search".into(), "?q=surat&order=newest"),
        ("/verify".into(), ""),
        ("/transparency".into(), "?knownAt=60"),
    ] {
        let reply = w.server().get(&format!("{asked}/{query}"));
        let to = format!("{asked}{query}");
        assert_eq!((reply.status, reply.header("location")), (308, Some(to.as_str())), "{asked}/{query}");
        assert_eq!(w.server().get(&to).status, 200, "{to}");
    }
    for path in ["/nothing/", &format!("{case}/text/"), "/e/36//", "/entry/36/"] {
        assert_eq!(w.server().get(path).status, 404, "{path}");
    }
}

#[test]
fn the_number_of_an_entry_leads_to_the_page_of_its_id() {
    let w = world();
    for (noun, label) in [("case", "case-contoh"), ("demand", "contoh-demand"), ("party", "agensi")] {
        let (index, to) = (w.index(label), path_of(&w, noun, label));
        for named in [index.to_string(), format!("@{index}")] {
            for (rest, query) in [("", ""), ("/text", ""), ("", "?asOf=2024-01-01T08:00:00%2B08:00")] {
                let asked = format!("/{noun}/{named}{rest}{query}");
                let reply = w.server().get(&asked);
                let to = format!("{to}{rest}{query}");
                assert_eq!((reply.status, reply.header("location")), (308, Some(to.as_str())), "{asked}");
                assert_eq!(w.server().get(&to).status, 200, "{to}");
            }
        }
        let before = w.server().get(&format!("/{noun}/{index}?knownAt={index}"));
        assert_eq!(before.status, 404, "it is not on record yet");
    }
    for path in
        ["/case/99999", "/case/@", "/case/+1", "/case/01", "/case/-1", "/party/1x", "/case/1?knownAt=0"]
    {
        assert!([400, 404].contains(&w.server().get(path).status), "{path}");
    }
}

/// The title of a page, without the name of the ledger.
fn title(page: &str) -> String {
    let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap();
    html::meant(title.strip_suffix(&format!(" · {ORIGIN}")).unwrap_or_else(|| panic!("{title}")))
}

#[test]
fn a_title_says_what_the_page_is() {
    let w = world();
    let entry = |label: &str| format!("/e/{}", w.index(label));
    let numbered = |label: &str, said: &str| format!("{said} · Entry {}", w.index(label));
    for (path, said) in [
        ("/".to_owned(), "On record: what was said, asked and answered".to_owned()),
        ("/entries".into(), "All entries".into()),
        ("/entries?before=20".into(), "All entries up to No. 19".into()),
        ("/verify".into(), "Verify".into()),
        ("/transparency".into(), "Transparency: what was done to the record itself".into()),
        ("/search".into(), "Search".into()),
        ("/search?q=Contoh%3C".into(), "Search: Contoh<".into()),
        (
            path_of(&w, "demand", "contoh-demand"),
            "Fictional: Demand of 14 December 2023, 16:00 (+08:00) to Agensi Contoh".into(),
        ),
        (path_of(&w, "party", "agensi"), "Fictional: Agensi Contoh, an agency".into()),
        (
            entry("agensi"),
            numbered(
                "agensi",
                "Fictional: Onrecord demo desk registered Agensi Contoh as an agency, with one key.",
            ),
        ),
        (
            entry("contoh-press-wrong"),
            numbered(
                "contoh-press-wrong",
                "Fictional: Declared void: Agensi Contoh, as reported by Berita Contoh: “Agensi Contoh told the regulator that 4,120 users were… (recorded by Onrecord demo desk)",
            ),
        ),
    ] {
        assert_eq!(title(&w.page(&path)), said, "{path}");
    }
    let graphql = w.server().send("GET", "/graphql", &[("Accept", "text/html")], b"");
    assert_eq!(title(&graphql.text()), "GraphQL API");
    let case = title(&w.page(&path_of(&w, "case", "case-contoh")));
    assert!(case.starts_with("Fictional: Case: ") && case.len() > 25, "{case}");
    // No two entries have the same title, and no title is long.
    let titles: std::collections::HashSet<String> =
        (0..views_of(&w).size()).map(|n| title(&w.page(&format!("/e/{n}")))).collect();
    assert_eq!(titles.len() as u64, views_of(&w).size());
    assert!(titles.iter().all(|title| title.chars().count() < 200), "{titles:?}");
}

#[test]
fn words_that_are_withheld_stand_in_no_title() {
    let w = World::small().served();
    let (server, s) = (w.server(), w.story);
    let (first, index) = record(&server.ledger, statement(&s, "rahsia besar yang ditarik"));
    let size = server.ledger.reader().checkpoint().checkpoint().size();
    let secret = |path: &str| title(&server.get(path).text()).contains("rahsia");
    let entry = format!("/e/{index}");
    assert!(secret(&entry), "{}", title(&server.get(&entry).text()));
    let withheld = |of: EventId| {
        let facts = json!({"ground": "court_order", "blobs": ["content"]});
        say("content.withheld", Some(s.case), json!({"entry": of}), facts, None).sign(&[&operator()])
    };
    let (_, by) = record(&server.ledger, withheld(first));
    for path in [entry.clone(), format!("{entry}?knownAt={size}"), format!("/e/{by}")] {
        assert!(!secret(&path), "{path}");
    }
    let case = format!("/case/{}", s.case);
    let before = title(&server.get(&case).text());
    record(&server.ledger, withheld(s.case));
    for path in [case.clone(), format!("{case}?knownAt={size}")] {
        let now = title(&server.get(&path).text());
        assert!(now.contains("(title withheld)") && now != before, "{now}");
    }
}

#[test]
fn a_page_that_says_there_is_none_stands_in_the_same_frame() {
    let w = world();
    let html = [("Accept", "text/html")];
    let frame = |page: &str| -> Vec<String> {
        let parts = [("<header", "</header>"), ("<footer", "</footer>")];
        parts
            .map(|(from, to)| {
                let start = page.find(from).unwrap_or_else(|| panic!("no {from}: {page}"));
                page[start..start + page[start..].find(to).unwrap()].to_owned()
            })
            .into()
    };
    let home = frame(&w.page("/"));
    assert!(home[0].contains("<nav"));
    for (path, status, says) in [
        ("/nothing".to_owned(), 404, "Not found"),
        ("/e/99999".into(), 404, "Not found"),
        ("/e/x".into(), 404, "Not found"),
        ("/case/x".into(), 404, "Not found"),
        ("/demand/x/text".into(), 404, "Not found"),
        (format!("{}?asOf=soon", path_of(&w, "case", "case-contoh")), 400, "That can’t be asked"),
        ("/transparency?knownAt=0".into(), 400, "That can’t be asked"),
    ] {
        let reply = w.server().send("GET", &path, &html, b"");
        let page = reply.text();
        assert_eq!((reply.status, title(&page).as_str()), (status, says), "{path}");
        assert_eq!(frame(&page), home, "{path}");
    }
}

#[test]
fn pages_say_words_for_codes_and_keep_the_code_beside_them() {
    let w = world();
    let demand = w.page(&format!("{}?asOf=2024-01-01", path_of(&w, "demand", "contoh-demand")));
    let demand = demand + &w.page(&format!("/e/{}", w.index("contoh-demand"))) + &w.page("/entries");
    let shown = read(&demand);
    for (code, words) in [
        ("demand.issued", "Demand issued"),
        ("RelayAcceptance", "relayed to the addressee's service"),
        ("UnknownRecipient", "no such addressee there"),
        ("my-interpretation-act-54", "as under Malaysia's Interpretation Acts"),
    ] {
        assert!(demand.contains(&format!("title=\"{code}\"")) && shown.contains(words), "{code}");
        // The line that was signed stands on an entry's page as it is.
        let said = shown.split("The entry, byte for byte").next().unwrap();
        assert!(!said.contains(code), "{code} in {said}");
    }
    let page = w.page("/search");
    assert!(page.contains("<option value=\"demand.issued\">Demand issued</option>"), "{page}");
    let (case, party) = (w.story["case-contoh"], w.story["agensi"]);
    let page = w.page(&format!("/search?q=contoh&case={case}&party={party}&type=demand.issued"));
    assert!(page.contains("<option value=\"demand.issued\" selected>Demand issued</option>"), "{page}");
    // A case and a party stand in the form by their names, and are asked for by them.
    let chosen = |page: &str, id: EventId, name: &str| {
        page.contains(&format!("<option value=\"{id}\" selected>{name}</option>"))
    };
    let title = "Agensi Contoh: the booking portal (fictional)";
    assert!(chosen(&page, party, "Agensi Contoh") && chosen(&page, case, title), "{page}");
    assert!(!read(&page).contains(&case.to_string()) && !read(&page).contains(&party.to_string()));
    // Names are found once search has indexed them.
    while w.page("/search?q=contoh").contains("Search is still being built") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let page = w.page("/search?q=contoh&case=booking+portal&party=agensi+contoh&type=demand.issued");
    assert!(chosen(&page, party, "Agensi Contoh") && chosen(&page, case, title), "{page}");
    assert!(page.contains("class=\"line"), "{page}");
    let page = w.page("/search?q=contoh&case=december+2023");
    for label in ["case-socso", "case-jakim", "case-lhdn"] {
        assert!(page.contains(&format!("/search?q=contoh&#38;case={}", w.story[label])), "{label}: {page}");
    }
    assert!(page.contains("Which one?") && !page.contains("id=\"hits\""), "{page}");
    // Two cases of one name are told apart by their entries.
    assert!(page.contains(&format!("(entry {})", w.index("case-socso"))), "{page}");
    // A number or a permalink may be typed too.
    let (number, of_party) = (w.index("case-contoh"), w.index("agensi"));
    for which in [
        format!("case={number}&party={of_party}"),
        format!("case=@{number}&party=%40{of_party}"),
        format!(
            "case=https://{0}/e/{number}&party=http://{0}/party/{party}/?asOf=2024-01-01",
            w.server().address
        ),
    ] {
        let page = w.page(&format!("/search?q=contoh&{which}"));
        assert!(chosen(&page, party, "Agensi Contoh") && chosen(&page, case, title), "{which}: {page}");
    }
    let other = w.server().get(&format!("/search?q=contoh&case={of_party}"));
    assert!(other.status == 400 && other.text().contains(&format!("case: entry {of_party} is none")));
    for other in ["https://ledger.example.org".to_owned(), format!("http://{}9", w.server().address)] {
        let other = w.server().get(&format!("/search?q=contoh&case={other}/e/{number}"));
        assert!(other.status == 400 && other.text().contains("case: this is an address elsewhere"));
    }
    let none = w.server().get("/search?q=contoh&party=tiada+siapa");
    assert_eq!(none.status, 400);
    assert!(none.text().contains("party: none on record is called so"));
}

#[test]
fn what_became_of_an_entry_stands_before_its_words_where_another_lists_it_and_in_plain_text() {
    let w = world();
    let void = w.index("contoh-press-wrong");
    let page = w.page(&format!("/e/{}", w.index("contoh-regulator")));
    let (_, named) = page.split_once("id=\"named\"").unwrap();
    let (before, _) = named.split_once(&format!(">No. {void}<")).unwrap();
    let (_, line) = before.rsplit_once("<li>").unwrap();
    assert!(line.contains("Declared void"), "{line}");
    let text = w.page(&format!("/case/{}/text?asOf=2024-01-01", w.story["case-contoh"]));
    for (entry, mark, words) in [
        (w.index("contoh-incident"), "[corrected by ", "about 1,000 lines"),
        (w.index("contoh-2-dec"), "[seen changed, recorded by ", "Tiada data peribadi terjejas"),
        (void, "[declared void by ", "4,120 users"),
    ] {
        let lines: Vec<_> = text.lines().filter(|l| l.contains(words) && !l.contains("wrong: ")).collect();
        assert!(!lines.is_empty(), "{entry}");
        for line in lines {
            assert!(line.find(mark).is_some_and(|at| at < line.find(words).unwrap()), "{entry}: {line}");
        }
    }
}

/// A page may repeat what was asked, but never a raw control character.
#[test]
fn no_page_prints_a_control_character_back() {
    let w = world();
    let mut paths = Vec::new();
    for field in ["q", "type", "case", "party", "language", "standing", "since", "until", "order", "after"] {
        for asked in ["%00", "a%00b", "%01", "%1b%5b31m", "%7f", "%C2%80"] {
            paths.push(format!("/search?{field}={asked}"));
            paths.push(format!("/search?q=contoh&{field}={asked}"));
        }
    }
    for asked in ["%00", "%01", "%7f"] {
        for noun in ["e", "case", "demand", "party", "entry", "exhibit"] {
            paths.push(format!("/{noun}/{asked}"));
        }
        for field in ["asOf", "knownAt", "order", "from", "before"] {
            paths.push(format!("/case/{}?{field}={asked}", w.story["case-contoh"]));
        }
        paths.push(format!("/{asked}"));
        paths.push(format!("/graphql?query={asked}"));
        paths.push(format!("/verify?{asked}"));
    }
    for path in paths {
        let reply = w.server().get(&path);
        let text = reply.text();
        let raw = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
        assert!(raw.is_none(), "{path}: {} {raw:?}", reply.status);
    }
}

/// An entry is found by its number however it is typed.
#[test]
fn numbers_lead_to_the_address_of_the_record() {
    let w = world();
    let (case, number) = (w.story["case-contoh"], w.index("case-contoh"));
    for (typed, to) in [
        (format!("/e/@{number}"), format!("/e/{number}")),
        (format!("/e/0{number}?knownAt=60"), format!("/e/{number}?knownAt=60")),
        (format!("/e/@00{number}"), format!("/e/{number}")),
        (format!("/case/@{number}/text"), format!("/case/{case}/text")),
        (format!("/case/{number}/exhibits.zip"), format!("/case/{case}/exhibits.zip")),
        (format!("/case/@{number}/exhibits.zip"), format!("/case/{case}/exhibits.zip")),
    ] {
        let reply = w.server().get(&typed);
        assert_eq!((reply.status, reply.header("location")), (308, Some(to.as_str())), "{typed}");
    }
    for none in ["/e/@", "/e/x1", "/e/@@1", "/e/-1", "/e/99999999999999999", "/case/9999/exhibits.zip"] {
        assert_eq!(w.server().get(none).status, 404, "{none}");
    }
}

/// Two parties of one name can be told apart before one of them is chosen: by their number, kind and registrar.
#[test]
fn parties_of_one_name_are_offered_with_their_kind_and_registrar() {
    let w = World::small().served();
    let server = w.server();
    for kind in ["agency", "publisher"] {
        let words = Some(json!({"name": "Serupa Contoh"}));
        let party = say("party.registered", None, json!({}), json!({"kind": kind}), words);
        record(&server.ledger, party.sign(&[&operator()]));
    }
    let page = loop {
        let page = server.get("/search?q=apa&party=serupa+contoh").text();
        if page.contains("Which one?") {
            break read(&page);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    for said in [
        "A test ledger registered Serupa Contoh as an agency (entry ",
        "A test ledger registered Serupa Contoh as a publisher (entry ",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

/// A browser is told in a page why there is no answer. Programs get one line.
#[test]
fn what_has_no_answer_is_told_within_the_frame_of_a_page() {
    use std::io::{Read as _, Write as _};
    let World { tmp: _tmp, ledger, story: s, .. } = World::small();
    let url = Some("http://ledger.example.org".to_owned());
    let server = Server::start_with(ledger, onrecord::serve::Options { url, ..Default::default() });
    let ask = |head: &str| {
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).unwrap();
        http::Reply::parse(&raw)
    };
    let here = server.address;
    for (request, host, more, status) in [
        ("GET /e/1?knownAt=none".to_owned(), here.to_string(), "", 400),
        ("GET /search?after=x".to_owned(), here.to_string(), "", 400),
        (
            "GET /e/1".to_owned(),
            here.to_string(),
            "Upgrade: websocket\r\nOrigin: https://elsewhere.example\r\n",
            403,
        ),
        ("GET /nowhere".to_owned(), here.to_string(), "", 404),
        ("GET /case/x/exhibits.zip".to_owned(), here.to_string(), "", 404),
        (format!("DELETE /case/{}", s.case), here.to_string(), "", 405),
        ("GET /".to_owned(), "elsewhere.example".to_owned(), "", 421),
    ] {
        let head = |accept: &str| {
            format!(
                "{request} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n{more}\r\n"
            )
        };
        let page = ask(&head("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert_eq!(page.status, status, "{request}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{request}");
        assert!(page.header("content-security-policy").unwrap().contains("style-src 'self'"), "{request}");
        for part in ["<nav aria-label=\"Register\">", "<footer", "</html>"] {
            assert!(page.text().contains(part), "{request}: no {part}");
        }
        let line = ask(&head("*/*"));
        assert_eq!(line.status, status, "{request}");
    }
    // Paths that serve a format, not pages, stay plain for browsers too.
    let raw = ["GET /entry/99999", "GET /content/00", "DELETE /livez"];
    for request in raw {
        let head =
            format!("{request} HTTP/1.1\r\nHost: {here}\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
        let reply = ask(&head);
        assert!([404, 405].contains(&reply.status), "{request}: {}", reply.status);
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"), "{request}");
    }
}
