//! Tests that compare what a query was estimated to cost with its answer. They run generated queries over the whole schema,
//! introspection included, on the ledger of the story.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use async_graphql::{Request, Response, Variables, parser::parse_query};
use serde_json::Value as Json;

use super::{
    cost::{self, Cost},
    meter::Meter,
    shape,
    state::Now,
};
use crate::{
    ledger::{Ledger, Options},
    note::{KeyName, Origin, SigningKey},
    serve::{self, app::App, clock, limits},
    story::Story,
    views::{Allowance, Views},
};

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

fn app(dir: &std::path::Path) -> App {
    let origin: Origin = "ledger.example/test".parse().unwrap();
    let story = Story::load().unwrap();
    let seeds = (1_u8..).map(|seed| [seed; 32]);
    let names = story.key_names(&origin).unwrap();
    let keys: BTreeMap<String, SigningKey> = names
        .into_iter()
        .zip(seeds)
        .map(|((label, name), seed)| (label, SigningKey::from_seed(name, &seed)))
        .collect();
    let log_key = SigningKey::from_seed(KeyName::from(origin.clone()), &[99; 32]);
    Ledger::init(dir, origin, log_key, &keys["operator"], serde_json::Map::new()).unwrap();
    let ledger = Ledger::open(dir, Options::default()).unwrap();
    story.tell(&ledger, &keys, std::iter::repeat([7; 16]), |_| {}).unwrap();
    App::new(ledger, serve::Options::default())
}

/// The fields of each type: the field's name, the type that it gives, and whether it takes a length.
type Fields = BTreeMap<String, Vec<(String, String, bool)>>;

/// A random selection on the type `of`, at most `levels` deep.
fn selection(fields: &Fields, of: &str, levels: usize, random: &mut Random) -> String {
    let mut out = "{ ".to_owned();
    let known = &fields[of];
    for _ in 0..=random.below(4) {
        let (name, gives, paged) = random.one(known);
        let alias = if random.below(8) == 0 { format!("a{}: ", random.below(1_000)) } else { String::new() };
        let length = if *paged { format!("(first: {})", random.below(101)) } else { String::new() };
        match (fields.contains_key(gives), levels) {
            (true, 0) => out.push_str("__typename "),
            (true, _) => {
                let below = selection(fields, gives, levels - 1, random);
                out.push_str(&format!("{alias}{name}{length} {below} "));
            }
            (false, _) => out.push_str(&format!("{alias}{name}{length} ")),
        }
    }
    if of == "Event" && random.below(2) == 0 {
        let objects: Vec<&String> = fields.keys().filter(|name| cost::event_type(name).is_some()).collect();
        let object = *random.one(&objects);
        out.push_str(&format!("... on {object} {} ", selection(fields, object, levels.min(1), random)));
    }
    out + "} "
}

/// A random field of the query root, and the type that it gives.
fn root(random: &mut Random, size: usize) -> (String, &'static str) {
    let index = random.below(size);
    let by = |name: &str| format!("{name}(by: {{index: {index}}})");
    match random.below(14) {
        0 => (format!("events(first: {})", random.below(101)), "EventConnection"),
        1 => (format!("cases(last: {})", random.below(101)), "CaseConnection"),
        2 => (by("event"), "Event"),
        3 => ("case(by: {index: 36})".into(), "Case"),
        4 => (by("party"), "Party"),
        5 => (by("demand"), "DemandState"),
        6 => ("transparency".into(), "Transparency"),
        7 => (format!("search(words: \"data\", first: {})", random.below(101)), "SearchConnection"),
        8 => ("checkpoint".into(), "Checkpoint"),
        9 => (format!("inclusionProof(index: {index})"), "InclusionProof"),
        10 => ("serviceConfig".into(), "ServiceConfig"),
        11 => ("ledger".into(), "Ledger"),
        12 => ("__schema".into(), "__Schema"),
        _ => (
            format!("__type(name: \"{}\")", random.one(&["Event", "Node", "Case", "EventType", "Query"])),
            "__Type",
        ),
    }
}

/// Values of an answer below this one.
fn values(json: &Json) -> u64 {
    match json {
        Json::Array(list) => list.iter().map(|v| 1 + values(v)).sum(),
        Json::Object(members) => members.values().map(|v| 1 + values(v)).sum(),
        _ => 0,
    }
}

fn cost_of(query: &str) -> Cost {
    let (document, none) = (parse_query(query).unwrap(), Variables::default());
    cost::count(&document, &none, &shape::order(&document).unwrap())
}

/// The answer to a query, counted while it is made if `metered`.
fn answer(app: &App, query: &str, metered: bool) -> (Response, Arc<Meter>) {
    let until = Instant::now() + limits::REQUEST_TIMEOUT;
    let allowance = Arc::new(Allowance::new(u64::MAX, until));
    let meter = Arc::new(Meter::new(allowance, 0));
    let schema = if metered { &app.schemas.metered } else { &app.schemas.plain };
    let request =
        Request::new(query).data(Arc::new(Views::new(app.ledger.reader()))).data(Now::new(clock::now()));
    let runtime = tokio::runtime::Handle::current();
    (runtime.block_on(schema.execute(request.data(meter.clone()))), meter)
}

#[test]
fn no_answer_holds_more_than_was_counted_before() {
    let tmp = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let app = app(&tmp.path().join("ledger"));
    let size = usize::try_from(app.ledger.reader().checkpoint().checkpoint().size()).unwrap();
    let fields: Fields = cost::fields();
    let mut random = Random(0x5EED);
    let (mut counted, mut introspected) = (0, 0);
    for round in 0..1_500 {
        let (root, of) = root(&mut random, size);
        let query = format!("{{ {root} {} }}", selection(&fields, of, 1 + round % 6, &mut random));
        let cost = cost_of(&query);
        let (metered, meter) = answer(&app, &query, true);
        if meter.ended().is_some() {
            // An answer that was found never to be too large does not end early.
            assert!(cost.is_open(), "{query}");
            continue;
        }
        if !metered.errors.is_empty() {
            // Fields conflict, or lack a required argument.
            continue;
        }
        let (plain, _) = answer(&app, &query, false);
        let text = serde_json::to_string(&plain.data).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        let (came, bytes) = (values(&json), text.len() as u64);
        assert!(came <= cost.most_values, "{came} values came, {} were counted: {query}", cost.most_values);
        assert!(bytes <= cost.most_bytes, "{bytes} bytes came, {} were counted: {query}", cost.most_bytes);
        // Nor does an answer hold more than was counted while it was made. `__typename` is counted apart.
        let typenames = text.matches("\"__typename\":").count() as u64;
        let (seen, seen_bytes) = meter.seen();
        assert!(came <= seen + typenames, "{came} values came, {seen} were counted: {query}");
        assert!(
            bytes <= seen_bytes + 64 * typenames + 64,
            "{bytes} bytes came, {seen_bytes} were counted: {query}"
        );
        counted += 1;
        introspected += usize::from(of.starts_with("__"));
    }
    assert!(counted > 500 && introspected > 50, "{counted} {introspected}");
    app.ledger.close();
}

#[test]
fn what_turns_out_too_much_ends() {
    let tmp = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let app = app(&tmp.path().join("ledger"));
    // Types lead back to themselves through each other, so a short query can ask for the same types again and again.
    let around = "possibleTypes { interfaces { ".repeat(4);
    let types = format!("{{ __type(name: \"Node\") {{ {around} name {} }} }}", "} ".repeat(8));
    let back = "interfaces { possibleTypes { ".repeat(2);
    let schema = format!("{{ __schema {{ types {{ {back} name {} }} }} }}", "} ".repeat(4));
    let names: String = (0..60).map(|i| format!("a{i}: __typename ")).collect();
    let named = format!("{{ events(first: 100) {{ nodes {{ {names} case {{ {names} }} }} }} }}");
    for query in [&types, &schema] {
        assert!(cost_of(query).is_open(), "{query}");
        let began = Instant::now();
        let (_, meter) = answer(&app, query, true);
        let why = meter.ended().expect(query).message;
        assert!(why.contains("values of introspection"), "{why}");
        let seen = meter.seen().0;
        assert!(seen < 2 * limits::GRAPHQL_INTROSPECTION, "{seen} values after {:?}", began.elapsed());
    }
    let document = parse_query(&named).unwrap();
    assert!(
        shape::check(&document, &shape::order(&document).unwrap(), &Variables::default()).unwrap().typenames
            >= 60
    );
    app.ledger.close();
}

#[test]
fn all_that_tools_ask_of_the_schema_is_answered() {
    let tmp = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let app = app(&tmp.path().join("ledger"));
    // The introspection query of graphql-js with all its options on.
    let query = include_str!("../../../tests/queries/introspection.graphql");
    let (answer, meter) = answer(&app, query, true);
    assert!(meter.ended().is_none() && answer.errors.is_empty(), "{:?}", answer.errors);
    // The limit leaves room for a schema twice as large.
    assert!(meter.seen().0 * 2 < limits::GRAPHQL_INTROSPECTION, "{:?}", meter.seen());
    app.ledger.close();
}
