//! What a program can check of the usability of pages: for those who hear them, who have no script, and who follow a link.

use std::collections::{HashMap, HashSet};

use crate::html::{Tag, ids, tags};
use crate::http::Server;
use crate::world::World;

/// Blocks that can't stand in a paragraph.
const BLOCKS: [&str; 9] = ["p", "div", "ul", "ol", "dl", "table", "section", "figure", "details"];

/// What is wrong with the markup of a page.
fn faults(tags: &[Tag]) -> Vec<String> {
    let mut faults = Vec::new();
    let count = |name: &str| tags.iter().filter(|t| t.name == name).count();
    for (name, expected) in [("html", 1), ("title", 1), ("h1", 1), ("main", 1)] {
        // A drawing may have a title of its own.
        let found = tags.iter().filter(|t| t.name == name && !t.inside.contains(&"svg".into())).count();
        if found != expected {
            faults.push(format!("{found} of <{name}>"));
        }
    }
    if count("header") == 0 {
        faults.push("no <header>".into());
    }
    let known = ids(tags);
    if known.len() != tags.iter().filter(|t| t.get("id").is_some()).count() {
        faults.push("an id stands twice".into());
    }
    let labels: HashSet<&str> = tags.iter().filter_map(|t| t.get("for")).collect();
    for (at, tag) in tags.iter().enumerate() {
        let mut fault = |what: &str| faults.push(format!("{what}: {tag:?}"));
        let named_elsewhere =
            |attribute| tag.get(attribute).is_some_and(|list| list.split(' ').all(|id| known.contains(id)));
        for attribute in ["aria-labelledby", "aria-describedby", "for"] {
            if tag.get(attribute).is_some() && !named_elsewhere(attribute) {
                fault("it names an id that is not there");
            }
        }
        let named =
            named_elsewhere("aria-labelledby") || tag.get("aria-label").is_some_and(|l| !l.is_empty());
        let next = tags.get(at + 1).filter(|next| next.inside.last() == Some(&tag.name));
        match tag.name.as_str() {
            "html" if tag.get("lang").is_none_or(str::is_empty) => fault("no language"),
            "script" if tag.get("src").is_some_and(|src| src.starts_with('/')) && tag.text.is_empty() => {}
            "script" | "style" | "iframe" | "object" | "embed" => fault("the policy forbids it"),
            "img" if tag.get("alt").is_none() => fault("no name"),
            "svg" if !named || next.is_none_or(|n| n.name != "title" || n.text.is_empty()) => {
                fault("a drawing without a title")
            }
            "section" | "nav" | "aside" if !named => fault("a landmark without a name"),
            "th" if !matches!(tag.get("scope"), Some("col" | "row")) => fault("no scope"),
            "input" | "select" | "textarea"
                if tag.get("type") != Some("hidden")
                    && !named
                    && !tag.get("id").is_some_and(|id| labels.contains(id)) =>
            {
                fault("a field without a label")
            }
            "form" if tag.get("action").is_none_or(|a| !a.starts_with('/')) => fault("it goes elsewhere"),
            "details" if next.is_none_or(|n| n.name != "summary") => fault("no summary"),
            "a" if tag.get("href").is_none_or(str::is_empty) => fault("no address"),
            "a" if tag.text.is_empty() && next.is_none() && !named => fault("a link without a name"),
            "a" if tag.inside.iter().any(|t| t == "a" || t == "summary") => fault("a link in a link"),
            name if BLOCKS.contains(&name) && tag.inside.iter().any(|t| t == "p") => fault("in a paragraph"),
            _ => {}
        }
        for (attribute, value) in &tag.attributes {
            if attribute == "style" || attribute.starts_with("on") {
                fault("the policy forbids an attribute");
            }
            if (attribute == "lang" || attribute == "dir") && value.is_empty() {
                fault("an empty language or direction");
            }
        }
    }
    faults
}

/// The links of a page: paths on this server, each with the part of the page that it names.
fn links(tags: &[Tag], host: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for tag in tags {
        for attribute in ["href", "src"] {
            let Some(target) = tag.get(attribute) else { continue };
            if tag.get("class") == Some("away") {
                // A link to a source that somebody names. Only these lead away, and they must send no referrer.
                let rel = tag.get("rel").unwrap_or_default();
                assert!(rel.contains("noreferrer") && rel.contains("nofollow"), "{tag:?}");
                assert!(tag.name == "a" && target.starts_with("http") && !target.contains(host), "{tag:?}");
                continue;
            }
            assert!(target.starts_with(['/', '#']) && !target.starts_with("//"), "another host: {tag:?}");
            let (path, part) = match target.split_once('#') {
                Some((path, part)) => (path, Some(part.to_owned())),
                None => (target, None),
            };
            found.push((path.to_owned(), part));
        }
    }
    found
}

#[test]
fn every_page_of_the_story_is_well_formed_named_and_leads_nowhere_in_vain() {
    let World { tmp: _tmp, ledger, .. } = World::whole();
    let server = Server::start(ledger);
    let host = server.address.to_string();
    let size = server.ledger.reader().checkpoint().checkpoint().size();

    // All that links lead to from the front page, and what only a form leads to.
    let mut waiting: Vec<String> = vec!["/".into(), "/search?q=agensi".into(), "/search?q=%22".into()];
    let mut seen: HashMap<String, Option<HashSet<String>>> = HashMap::new();
    let mut parts = Vec::new();
    let mut languages = HashSet::new();
    while let Some(path) = waiting.pop() {
        // "Now" moves on. So each page is looked at once as of now, and once at the instant that it named.
        let key = path.clone();
        if seen.contains_key(&key) {
            continue;
        }
        assert!(seen.len() < 3_000, "links without an end: {path}");
        let reply = server.send("GET", &path, &[("Accept", "text/html")], b"");
        let expected: &[u16] = if path.starts_with("/search") { &[200, 400] } else { &[200] };
        assert!(expected.contains(&reply.status), "{path}: {} {}", reply.status, reply.text());
        // A download is no page of this site. tests/pages/browser.rs opens it.
        let saved = reply.header("content-disposition").is_some_and(|d| d.starts_with("attachment"));
        if saved || !reply.header("content-type").is_some_and(|t| t.starts_with("text/html")) {
            seen.insert(key, None);
            continue;
        }
        let text = reply.text();
        let tags = tags(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let faults = faults(&tags);
        assert!(faults.is_empty(), "{path}: {faults:#?}");
        let policy = reply.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        languages.extend(tags.iter().filter_map(|t| t.get("lang").map(str::to_owned)));
        let here = path.split('#').next().unwrap_or_default().to_owned();
        seen.insert(key, Some(ids(&tags).into_iter().map(str::to_owned).collect()));
        for (target, part) in links(&tags, &host) {
            let target = if target.is_empty() { here.clone() } else { target };
            // For /verify this names an entry to check, and no part of the page.
            let part = part.filter(|part| !part.starts_with("entry="));
            parts.extend(part.map(|part| (path.clone(), target.clone(), part)));
            waiting.push(target);
        }
    }
    for (from, target, part) in parts {
        let there = seen[&target].as_ref().unwrap_or_else(|| panic!("{target} is no page"));
        assert!(there.contains(&part), "{from} leads to {target}#{part}, which is not there");
    }
    for n in 0..size {
        assert!(seen.contains_key(&format!("/e/{n}")), "entry {n} can't be reached from the front page");
    }
    for kind in ["/case/", "/demand/", "/party/"] {
        assert!(seen.keys().any(|path| path.starts_with(kind)), "{kind}");
    }
    assert!(languages.contains("ms"), "quoted Malay says that it is Malay: {languages:?}");
}

#[test]
fn the_judge_of_markup_finds_what_it_looks_for() {
    let page = |body: &str| {
        format!(
            "<!doctype html><html lang=\"en\"><title>t</title><header></header><main><h1>h</h1>{body}</main></html>"
        )
    };
    assert_eq!(faults(&tags(&page("<p>fine <a href=\"/x\">x</a></p>")).unwrap()), [""; 0]);
    for bad in ["<p><b>x</p></b>", "<p class=x>y</p>", "<p>left open"] {
        assert!(tags(&page(bad)).is_err(), "{bad}");
    }
    for bad in [
        "<h1>two</h1>",
        "<img src=\"/x\">",
        "<svg></svg>",
        "<table><tr><th>x</th></tr></table>",
        "<input name=\"x\">",
        "<textarea name=\"x\"></textarea>",
        "<script>x</script>",
        "<script src=\"https://elsewhere.example/x.js\"></script>",
        "<p style=\"color: red\">x</p>",
        "<p onclick=\"x\">x</p>",
        "<section><h2>x</h2></section>",
        "<a href=\"/x\"></a>",
        "<p id=\"a\">x</p><p id=\"a\">y</p>",
        "<p><div>x</div></p>",
        "<details><p>x</p></details>",
    ] {
        assert_eq!(faults(&tags(&page(bad)).unwrap()).len(), 1, "{bad}");
    }
}

/// The relative luminance of `#rrggbb` (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn text_stands_out_from_what_is_behind_it_in_both_schemes() {
    let style = include_str!("../../templates/style.css");
    let scheme = |block: &str| -> HashMap<String, String> {
        let lines = block.lines().map_while(|l| (l.trim() != "}").then_some(l.trim()));
        let pairs = lines.filter_map(|l| l.strip_prefix("--")?.strip_suffix(';')?.split_once(": "));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let blocks: Vec<_> = style.split(":root {\n").skip(1).take(2).map(scheme).collect();
    assert_eq!(blocks.len(), 2);
    for colours in &blocks {
        for (text, behind) in [
            ("ink", "paper"),
            ("ink", "sheet"),
            ("ink", "register-bg"),
            ("ink", "bad-bg"),
            ("ink", "held-bg"),
            ("ink", "mark"),
            ("soft", "paper"),
            ("soft", "sheet"),
            ("link", "paper"),
            ("link", "register-bg"),
            ("link", "bad-bg"),
            ("link", "held-bg"),
            ("paper", "link"),
            ("first", "first-bg"),
            ("first", "paper"),
            ("ink", "first-bg"),
            ("ink", "relayed-bg"),
            ("relayed", "paper"),
            ("relayed", "relayed-bg"),
            ("bad", "bad-bg"),
            ("bad", "paper"),
            ("held", "held-bg"),
            ("fiction", "fiction-bg"),
        ] {
            let (a, b) = (luminance(&colours[text]), luminance(&colours[behind]));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 4.5, "{text} on {behind}: {ratio:.2} to 1");
        }
    }
    assert!(style.contains("a:focus-visible") && style.contains("input:focus-visible"), "focus is seen");
    assert!(!style.contains("url(") && !style.contains("@import"), "nothing from elsewhere");
}
