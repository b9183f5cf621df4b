//! Search finds what can be read now, in Malay and English, and nothing that is withheld. It keeps nothing on disk.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::http::Server;
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::{EventId, EventType},
    ledger::{Ledger, Submission},
    search::{Filter, Hits, Order, Query, Search, SearchError},
    serve,
    views::Views,
};
use serde_json::{Value, json};

/// Waits until all that is on record can be found.
fn settle(ledger: &Ledger, search: &Search) {
    let size = Views::new(ledger.reader()).size();
    let begun = Instant::now();
    while search.reflects() < size {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} of {size}", search.reflects());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn find(ledger: &Ledger, search: &Search, words: &str, filter: &Filter, order: Order) -> Hits {
    let query = Query::parse(words).unwrap();
    search.find(&Views::new(ledger.reader()), &query, filter, order, None, 100).unwrap()
}

fn indexes(ledger: &Ledger, search: &Search, words: &str) -> Vec<u64> {
    let hits = find(ledger, search, words, &Filter::default(), Order::Newest);
    hits.hits.iter().map(|h| h.line.index).collect()
}

fn touch(case: Option<EventId>, event_type: &str, ground: &str, id: EventId) -> (EventId, Submission) {
    let facts = json!({"ground": ground, "blobs": ["content"]});
    let words = Some(json!({"authority": format!("Mahkamah {event_type}")}));
    say(event_type, case, json!({"entry": id}), facts, words).sign(&[&operator()])
}

#[test]
fn the_story_is_found_in_malay_and_in_english() {
    let World { tmp: _tmp, ledger, story: ids, .. } = World::whole();
    let search = Search::start(ledger.reader());
    settle(&ledger, &search);
    let views = Views::new(ledger.reader());
    // Every case is found by its title, and every party by its name.
    for id in ids.values() {
        let Some(record) = views.record_of(id).unwrap() else { continue };
        let words = views.words(&record).unwrap();
        let named = match record.event().event_type() {
            EventType::CaseOpened => words.text("title"),
            EventType::PartyRegistered => words.text("name"),
            _ => None,
        };
        let Some(named) = named else { continue };
        let found = indexes(&ledger, &search, &format!("\"{named}\""));
        assert!(found.contains(&record.index()), "{named}: {found:?}");
        assert!(indexes(&ledger, &search, &named.to_uppercase()).contains(&record.index()), "{named}");
    }
    // Each hit marks what was found.
    for words in [
        "surat",
        "data peribadi",
        "letter",
        "\"personal data\"",
        "tandatangan*",
        "delivery",
        "Perkeso -portal",
    ] {
        let hits = find(&ledger, &search, words, &Filter::default(), Order::Relevance);
        for hit in &hits.hits {
            assert!(hit.snippets.iter().any(|s| s.parts.iter().any(|p| p.marked)), "{words}: {hit:?}");
        }
        println!("{words}: {}", hits.hits.len());
    }
    for words in ["surat", "letter", "delivery"] {
        assert!(!indexes(&ledger, &search, words).is_empty(), "{words}");
    }
    assert!(indexes(&ledger, &search, "tiadaperkataanini").is_empty());
}

#[test]
fn words_of_one_root_phrases_beginnings_exclusions_and_diacritics() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let search = Search::start(ledger.reader());
    let mut at = Vec::new();
    for text in [
        "Surat itu dijawab hari ini",
        "Kami akan menjawab surat",
        "Jawabannya: résumé data peribadi",
        "data awam",
    ] {
        at.push(record(&ledger, statement(&story, text)).1);
    }
    settle(&ledger, &search);
    let found = |words: &str| {
        let mut found = indexes(&ledger, &search, words);
        found.retain(|i| at.contains(i));
        found.reverse();
        found
    };
    assert_eq!(found("jawab"), [at[0], at[1], at[2]]);
    assert_eq!(found("MENJAWAB surat"), [at[0], at[1]]);
    assert_eq!(found("\"dijawab hari\""), [at[0]]);
    assert_eq!(found("\"menjawab hari\""), [] as [u64; 0], "a phrase is exact");
    assert_eq!(found("resume"), [at[2]]);
    assert_eq!(found("data -peribadi"), [at[3]]);
    assert_eq!(found("perib*"), [at[2]]);
    assert_eq!(found("agensi jawab"), [at[0], at[1], at[2]], "names of whom the sentence speaks");
}

#[test]
fn filters_narrow_and_pages_do_not_move_when_the_log_grows() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let search = Search::start(ledger.reader());
    let mut at: Vec<u64> =
        (0..25).map(|i| record(&ledger, statement(&story, &format!("perkara {i}"))).1).collect();
    settle(&ledger, &search);
    let query = Query::parse("perkara").unwrap();
    for order in [Order::Relevance, Order::Newest] {
        let mut seen = Vec::new();
        let mut after = None;
        for page in 0.. {
            let views = Views::new(ledger.reader());
            let hits = search.find(&views, &query, &Filter::default(), order, after, 7).unwrap();
            seen.extend(hits.hits.iter().map(|h| h.line.index));
            // New entries come before the first page, and do not move the others.
            let (_, more) = record(&ledger, statement(&story, &format!("perkara baharu {page} {order:?}")));
            settle(&ledger, &search);
            after = hits.next;
            assert!(!seen.contains(&more));
            at.push(more);
            if after.is_none() {
                break;
            }
        }
        let mut expected: Vec<u64> = at[..at.len() - seen.len().div_ceil(7)].to_vec();
        expected.reverse();
        assert_eq!(seen, expected, "{order:?}");
    }
    let count = |filter: Filter| find(&ledger, &search, "perkara", &filter, Order::Newest).hits.len();
    let all = at.len();
    assert_eq!(count(Filter { types: vec![EventType::StatementMade], ..Filter::default() }), all);
    assert_eq!(count(Filter { types: vec![EventType::CaseOpened], ..Filter::default() }), 0);
    assert_eq!(count(Filter { case: Some(story.case), ..Filter::default() }), all);
    assert_eq!(count(Filter { case: Some(story.desk), ..Filter::default() }), 0);
    assert_eq!(count(Filter { party: Some(story.agency), ..Filter::default() }), all);
    assert_eq!(count(Filter { language: Some("ms".into()), ..Filter::default() }), all);
    assert_eq!(count(Filter { language: Some("en".into()), ..Filter::default() }), 0);
    assert_eq!(count(Filter { standing: Some("official".into()), ..Filter::default() }), all);
    let recorded = |i: u64| Views::new(ledger.reader()).record(i).unwrap().unwrap().entry.header().time;
    let (since, until) = (recorded(at[5]), recorded(at[9]));
    let between = at.iter().filter(|i| recorded(**i) >= since && recorded(**i) < until).count();
    assert_eq!(count(Filter { since: Some(since), until: Some(until), ..Filter::default() }), between);
}

#[test]
fn a_party_is_found_by_any_of_its_names_over_time() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let search = Search::start(ledger.reader());
    let (_, said) = record(&ledger, statement(&story, "kenyataan"));
    settle(&ledger, &search);
    assert!(indexes(&ledger, &search, "agensi").contains(&said));
    let renamed = say(
        "party.updated",
        None,
        json!({"party": story.agency}),
        Value::Null,
        Some(json!({"name": "Jabatan Baharu"})),
    )
    .sign(&[&operator()]);
    record(&ledger, renamed);
    settle(&ledger, &search);
    assert!(indexes(&ledger, &search, "\"jabatan baharu\"").contains(&said), "its name now");
    assert!(indexes(&ledger, &search, "agensi").contains(&said), "its name before");
}

#[test]
fn an_index_made_of_many_bundles_finds_each_entry_and_nothing_withheld() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    // Some texts are so long that no bundle is read ahead as a whole.
    let long = "panjang ".repeat(28_000);
    let text = |i: usize| format!("{}perkara nombor{i}x", if i.is_multiple_of(15) { &long } else { "" });
    let (ids, batch): (Vec<_>, Vec<_>) = (0..600).map(|i| statement(&story, &text(i))).unzip();
    let words = batch[300].content.clone().unwrap();
    let at: Vec<u64> = ledger.record_blocking(batch, false).into_iter().map(|a| a.unwrap().index).collect();
    assert!(ledger.wait_published(Duration::from_secs(10)));
    for i in [0, 300, 599] {
        record(&ledger, touch(Some(story.case), "content.withheld", "court_order", ids[i]));
    }
    let mut release = touch(Some(story.case), "content.released", "order_lifted", ids[300]);
    release.1.restored = Some(words);
    record(&ledger, release);
    let search = Search::start(ledger.reader());
    settle(&ledger, &search);
    for (i, index) in at.into_iter().enumerate() {
        let expected = if [0, 599].contains(&i) { vec![] } else { vec![index] };
        assert_eq!(indexes(&ledger, &search, &format!("nombor{i}x")), expected, "{i}");
    }
}

#[test]
fn void_entries_are_found_and_marked() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let search = Search::start(ledger.reader());
    let (id, index) = record(&ledger, statement(&story, "tersilap tulis"));
    let facts = json!({"effect": "void"});
    let words = Some(json!({"wrong": "itu", "right": "ini"}));
    record(
        &ledger,
        say("correction.issued", Some(story.case), json!({"corrects": id}), facts, words).sign(&[&desk()]),
    );
    settle(&ledger, &search);
    let hits = find(&ledger, &search, "tersilap", &Filter::default(), Order::Relevance);
    let hit = hits.hits.iter().find(|h| h.line.index == index).unwrap();
    assert!(hit.line.voided);
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(walk(&path)) } else { out.push(path) }
    }
    out
}

fn grep(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in walk(dir) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let bytes = bytes.to_ascii_lowercase();
        for word in words {
            if bytes.windows(word.len()).any(|w| w == word.as_bytes()) {
                found.push(format!("{}: {word}", path.display()));
            }
        }
    }
    found
}

#[test]
fn withheld_words_and_names_are_found_no_more_and_stand_in_no_byte_of_the_folder() {
    const TRACES: &[&str] = &["rahsiabesar", "zainalabc", "rahsiabe", "sulitlah"];
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let search = Search::start(ledger.reader());
    let secret = statement(&story, "Rahsiabesar yang sulitlah");
    let words = secret.1.content.clone().unwrap();
    let (id, index) = record(&ledger, secret);
    let party = say(
        "party.registered",
        None,
        Value::Null,
        json!({"kind": "agency"}),
        Some(json!({"name": "Zainalabc"})),
    )
    .sign(&[&operator()]);
    let (party, _) = record(&ledger, party);
    let refs = json!({"speaker": party});
    let said =
        say("statement.made", Some(story.case), refs, statement_facts(), Some(json!({"text": "lain"})));
    let (_, named) = record(&ledger, said.sign(&[&desk()]));
    settle(&ledger, &search);
    assert_eq!(indexes(&ledger, &search, "rahsiabesar"), [index]);
    assert!(indexes(&ledger, &search, "zainalabc").contains(&named), "by the name of its speaker");
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let seen = grep(&dir, TRACES);
    assert!(
        !seen.is_empty() && !seen.iter().any(|s| s.contains("/index/") || s.contains("search")),
        "{seen:?}"
    );

    for (case, id) in [(Some(story.case), id), (None, party)] {
        record(&ledger, touch(case, "content.withheld", "court_order", id));
    }
    // From the moment the withholding is on record, whatever the index has read.
    for looked_for in ["rahsiabesar", "rahs*", "\"yang sulitlah\"", "zainalabc", "zain*"] {
        assert_eq!(indexes(&ledger, &search, looked_for), [] as [u64; 0], "{looked_for}");
    }
    settle(&ledger, &search);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(indexes(&ledger, &search, "rahsiabesar zainalabc"), [] as [u64; 0]);
    let mut left = grep(&dir, TRACES);
    for _ in 0..100 {
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        left = grep(&dir, TRACES);
    }
    assert!(left.is_empty(), "{left:#?}");

    let mut release = touch(Some(story.case), "content.released", "order_lifted", id);
    release.1.restored = Some(words);
    record(&ledger, release);
    settle(&ledger, &search);
    let begun = Instant::now();
    while indexes(&ledger, &search, "rahsiabesar") != [index] {
        assert!(begun.elapsed() < Duration::from_secs(5), "given back, it is found again");
        std::thread::sleep(Duration::from_millis(20));
    }
    // An index that is made anew, as at a start, says the same.
    let anew = Search::start(ledger.reader());
    settle(&ledger, &anew);
    assert_eq!(indexes(&ledger, &anew, "rahsiabesar"), [index]);
    assert_eq!(indexes(&ledger, &anew, "zainalabc"), [] as [u64; 0]);
}

#[test]
fn what_is_recorded_under_embargo_is_never_found_nor_written() {
    const TRACES: &[&str] = &["lulusrahsia", "perkaratertutup", "senaraisulit"];
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let server = Server::start(ledger.clone());
    let search = Search::start(ledger.reader());
    let file = upload(&ledger, "senaraisulit.txt", b"1");
    let words = json!({"description": "Lulusrahsia, dan perkaratertutup itu"});
    let facts = json!({"method": "upload", "captured": "2023-12-15"});
    let said = Say {
        files: std::slice::from_ref(&file),
        ..say("exhibit.captured", Some(story.case), Value::Null, facts, Some(words))
    };
    let (id, hidden) = said.sign(&[&desk()]);
    let facts = json!({"ground": "embargo", "blobs": ["content", "files/0"]});
    let embargo = say("content.withheld", Some(story.case), json!({"entry": id}), facts, None);
    let (_, open_words) = statement(&story, "perkaraterbuka");
    let batch = vec![hidden, embargo.sign(&[&operator()]).1, open_words];
    let at: Vec<u64> = ledger.record_blocking(batch, true).into_iter().map(|a| a.unwrap().index).collect();
    settle(&ledger, &search);
    let query =
        "query($w: String!) { search(words: $w) { nodes { index snippets { parts { text } } } searched } }";
    let ask = |words: &str| server.data(query, json!({"w": words}))["search"].clone();
    let begun = Instant::now();
    while ask("perkaraterbuka")["searched"] != at[2] + 1 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    // Another text of the same batch is found, so the withheld one would be too.
    assert_eq!(indexes(&ledger, &search, "perkarater*"), [at[2]]);
    assert_eq!(ask("perkarater*")["nodes"][0]["index"], at[2]);
    // The entry itself is found by its sentence, which doesn't quote the withheld words.
    assert!(indexes(&ledger, &search, "exhibit").contains(&at[0]));
    let anew = Search::start(ledger.reader());
    settle(&ledger, &anew);
    for looked_for in
        ["lulusrahsia", "lulusr*", "perkaratertutup", "\"perkaratertutup itu\"", "senaraisulit", "senarais*"]
    {
        for search in [&search, &anew] {
            assert_eq!(indexes(&ledger, search, looked_for), [] as [u64; 0], "{looked_for}");
        }
        assert_eq!(ask(looked_for)["nodes"], json!([]), "{looked_for}");
    }
    for looked_for in ["exhibit", "Meja", "embargo"] {
        let answer = ask(looked_for).to_string().to_lowercase();
        assert!(!TRACES.iter().any(|trace| answer.contains(trace)), "{answer}");
        let page = server.get(&format!("/search?q={looked_for}")).text().to_lowercase();
        assert!(!TRACES.iter().any(|trace| page.contains(trace)), "{page}");
    }
    assert!(ledger.wait_published(Duration::from_secs(10)));
    assert!(!grep(&dir, &["perkaraterbuka"]).is_empty());
    assert_eq!(grep(&dir, TRACES), [] as [String; 0]);
}

#[test]
fn a_search_that_takes_longer_than_it_may_is_refused_in_words() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    record(&ledger, statement(&story, "perkara"));
    let search = Search::start(ledger.reader()).within(Duration::ZERO);
    settle(&ledger, &search);
    let find = |search: &Search, order| {
        let query = Query::parse("perkara").unwrap();
        search.find(&Views::new(ledger.reader()), &query, &Filter::default(), order, None, 100)
    };
    for order in [Order::Relevance, Order::Newest] {
        assert!(matches!(find(&search, order), Err(SearchError::TooLong)));
    }
    let search = search.within(Duration::from_secs(60));
    assert_eq!(find(&search, Order::Newest).unwrap().hits.len(), 1, "the same, with time");

    let options = serve::Options { search_time: Duration::ZERO, ..serve::Options::default() };
    let server = Server::start_with(ledger.clone(), options);
    let begun = Instant::now();
    let refused = loop {
        // As long as nothing is indexed, no search takes time.
        let answer = server.graphql("{ search(words: \"perkara\") { nodes { index } } }", json!({}));
        if answer["errors"].is_array() {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{answer}");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_INPUT", "{refused}");
    let why = "this search takes too long; add a word or a filter";
    assert_eq!(refused["errors"][0]["message"], format!("words: {why}"));
    assert!(server.get("/search?q=perkara").text().contains(why));
}

#[test]
fn the_page_marks_what_was_looked_for_and_takes_no_word_for_markup() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    record(&ledger, statement(&story, "<b>jahat</b> & <mark>surat</mark>"));
    let server = Server::start(ledger.clone());
    let page = |path: &str| {
        let begun = Instant::now();
        loop {
            let reply = server.get(path);
            if !reply.text().contains("still being built") || begun.elapsed() > Duration::from_secs(20) {
                return reply;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let reply = page("/search?q=surat");
    assert_eq!(reply.status, 200);
    let text = reply.text();
    assert!(text.contains("<mark>surat</mark>") && text.contains("&#60;b&#62;jahat"), "{text}");
    assert!(!text.contains("<b>jahat") && !text.contains("<script"));
    let none = page("/search?q=%3Cscript%3Etiada&language=en").text();
    assert!(
        none.contains("Nothing found") && none.contains("6 of 6 entries") && !none.contains("<script>"),
        "{none}"
    );
    assert_eq!(page("/search").status, 200);
    // The page offers the languages on record, and no others.
    let offered = |text: &str| {
        let (_, list) = text.split_once("id=\"language\"").unwrap();
        let (list, _) = list.split_once("</select>").unwrap();
        list.split("value=\"").skip(2).map(|o| o.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(offered(&page("/search").text()), ["ms"]);
    assert_eq!(offered(&none), ["en", "ms"], "and the one that was asked for");
    let facts = json!({"standing": "report", "language": "zh-Hant"});
    let said = say(
        "statement.made",
        Some(story.case),
        json!({"speaker": story.agency}),
        facts,
        Some(json!({"text": "資料"})),
    );
    record(&ledger, said.sign(&[&desk()]));
    let begun = Instant::now();
    while !page("/search").text().contains("Chinese (Traditional)") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        page("/search?q=%E8%B3%87%E6%96%99&language=zh-Hant&standing=report").text().contains("id=\"e6\"")
    );
    for bad in [
        "q=surat&standing=offical",
        "q=surat&language=english",
        "q=surat&language=qq",
        "type=x",
        "case=1",
        "since=soon",
        "order=up",
        "after=x",
        "q=-",
        &format!("q={}", "a".repeat(600)),
        "q=a&q=b",
        "q=%ff",
    ] {
        let reply = page(&format!("/search?{bad}"));
        assert_eq!(reply.status, 400, "{bad}");
        assert!(reply.text().contains("role=\"alert\""), "{bad}");
    }
}

#[test]
fn the_api_answers_with_cursors_and_refuses_in_plain_words() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    for i in 0..5 {
        record(&ledger, statement(&story, &format!("perkara {i}")));
    }
    let server = Server::start(ledger.clone());
    let query = "query($w: String!, $n: Int, $a: String, $o: SearchOrder!) { search(words: $w, first: $n, after: $a, order: $o) {
        nodes { index sentence snippets { place parts { text marked } } event { id } } edges { cursor }
        pageInfo { hasNextPage hasPreviousPage endCursor } searched size } }";
    let begun = Instant::now();
    let ask = |after: Value, order: &str| {
        server.data(query, json!({"w": "perkara", "n": 2, "a": after, "o": order}))["search"].clone()
    };
    while ask(Value::Null, "NEWEST")["searched"] != ask(Value::Null, "NEWEST")["size"] {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    for order in ["NEWEST", "RELEVANCE"] {
        let (mut after, mut seen) = (Value::Null, Vec::new());
        loop {
            let found = ask(after, order);
            seen.extend(found["nodes"].as_array().unwrap().iter().map(|n| n["index"].to_string()));
            after = found["pageInfo"]["endCursor"].clone();
            if found["pageInfo"]["hasNextPage"] != true {
                break;
            }
        }
        assert_eq!(seen.len(), 5, "{order}: {seen:?}");
    }
    let refused = |w: &str, n: i32, a: Value| {
        let answer = server.graphql(query, json!({"w": w, "n": n, "a": a, "o": "NEWEST"}));
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{answer}");
    };
    refused("", 2, Value::Null);
    refused("-perkara", 2, Value::Null);
    refused(&"x".repeat(600), 2, Value::Null);
    refused("perkara", 101, Value::Null);
    refused("perkara", -1, Value::Null);
    refused("perkara", 1, json!("bad"));
    for (filter, good) in [
        (json!({"standing": "official"}), true),
        (json!({"language": "en-GB"}), true),
        (json!({"standing": "offical"}), false),
        (json!({"language": "english"}), false),
        (json!({"language": "qq"}), false),
    ] {
        let query = "query($f: SearchFilter) { search(words: \"perkara\", filter: $f) { size } }";
        let answer = server.graphql(query, json!({"f": filter}));
        assert_eq!(answer["errors"].is_null(), good, "{filter}: {answer}");
    }
}

#[test]
fn the_command_prints_permalinks_and_marks_and_refuses_what_makes_no_sense() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let (_, index) = record(&ledger, statement(&story, "Surat \u{1b}[31m dijawab"));
    let server = Server::start(ledger.clone());
    let address = format!("http://{}", server.address);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_onrecord"));
        let out =
            command.env_clear().args(["search", "--ledger", &address]).args(arguments).output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let begun = Instant::now();
    while !run(&["agensi"]).2.contains("searched 6 of 6") {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    let case = format!("{address}/case/{}", story.case);
    let (code, out, err) = run(&["jawab", "--case", &case, "--type", "statement.made", "--language", "ms"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with(&format!("{address}/e/{index}  Statement made  recorded ")), "{out}");
    assert!(out.contains("(recorded by Meja)"), "{out}");
    assert!(out.contains("*") && !out.contains('\u{1b}'), "{out}");
    let found: Value = serde_json::from_str(&run(&["surat", "--json"]).1).unwrap();
    assert_eq!(found["nodes"][0]["index"], index);
    assert_eq!(run(&["tiadaini"]).0, Some(0));
    for wrong in [
        &["--", "-surat"][..],
        &["a", "--type", "x"],
        &["a", "--standing", "offical"],
        &["a", "--language", "english"],
        &["a", "--language", "qq"],
        &["a", "--since", "soon"],
        &["a", "--after", "x"],
        &["a", "--first", "101"],
        &[],
    ] {
        assert_eq!(run(wrong).0, Some(2), "{wrong:?}");
    }
}

/// Holds that a burst can be found, and prints how long that took.
#[test]
fn what_is_recorded_is_found_soon() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let search = Search::start(ledger.reader());
    settle(&ledger, &search);
    let text = "kenyataan rasmi mengenai perkara ini akan dikeluarkan ".repeat(4);
    let mut lags = Vec::new();
    for round in 0..10 {
        let batch = (0..100).map(|i| statement(&story, &format!("{text} {round} {i}")).1).collect();
        ledger.record_blocking(batch, false).into_iter().for_each(|r| drop(r.unwrap()));
        let (size, begun) = (Views::new(ledger.reader()).size(), Instant::now());
        while search.reflects() < size {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(2));
        }
        lags.push(begun.elapsed());
    }
    lags.sort_unstable();
    println!("lags: {lags:?}");
    assert!(lags[5] < Duration::from_secs(2), "{lags:?}");
}
