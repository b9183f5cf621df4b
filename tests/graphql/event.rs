//! The objects behind `Event` and `Node`, over a ledger that has every event type.

use std::collections::{BTreeMap, BTreeSet};

use crate::story::Ids;
use crate::world::World;
use onrecord::{
    event::{Digest, EventType, FactKind, Kinds},
    log::{Entry, TlogProof},
    note::Origin,
};
use serde_json::{Value, json};

/// The whole schema, as introspection gives it: types by name.
fn types(w: &World<Ids>) -> BTreeMap<String, Value> {
    const T: &str = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
    let query = format!(
        "{{ __schema {{ types {{ kind name description specifiedByURL
           fields(includeDeprecated: true) {{ name description deprecationReason type {{ {T} }} args {{ name description }} }}
           inputFields {{ name description }} enumValues(includeDeprecated: true) {{ name description }}
           interfaces {{ name }} possibleTypes {{ name }} }} }} }}"
    );
    let data = w.ask(&query);
    let types = data["__schema"]["types"].as_array().unwrap().clone();
    types.into_iter().map(|t| (t["name"].as_str().unwrap().to_owned(), t)).collect()
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
}

fn names(list: &Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect()
}

/// The deprecated fields of an object, each with the field that replaces it.
fn instead(object: &Value) -> BTreeMap<&str, &str> {
    let fields = object["fields"].as_array().unwrap().iter();
    let instead = fields.filter_map(|field| {
        let reason = field["deprecationReason"].as_str()?;
        Some((field["name"].as_str().unwrap(), reason.split('`').nth(1).unwrap()))
    });
    instead.collect()
}

#[test]
fn every_event_type_is_an_object_with_its_refs_and_facts() {
    let w = World::whole().served();
    let types = types(&w);
    let expected: BTreeSet<&str> = EventType::ALL.iter().map(|t| t.pascal()).collect();
    assert_eq!(names(&types["Event"]["possibleTypes"]), expected);
    let nodes = &expected | &BTreeSet::from(["Case", "Party"]);
    assert_eq!(names(&types["Node"]["possibleTypes"]), nodes);
    let shared = names(&types["Event"]["fields"]);
    for event_type in EventType::ALL {
        let object = &types[event_type.pascal()];
        assert_eq!(names(&object["interfaces"]), BTreeSet::from(["Event", "Node"]), "{event_type}");
        let spec = event_type.spec();
        let own = spec.refs.iter().map(|r| r.role).chain(spec.facts.iter().map(|f| f.name)).map(camel);
        let own: Vec<String> = own.collect();
        let instead = instead(object);
        assert!(instead.keys().all(|old| own.iter().any(|name| name == old)), "{event_type} {instead:?}");
        let mut all: BTreeSet<&str> = own.iter().map(String::as_str).chain(instead.into_values()).collect();
        // All events have a field `since` that means something else, so this fact has only its longer name.
        if *event_type == EventType::KeyRevoked {
            all.insert("keyRevokedSince");
        }
        assert_eq!(names(&object["fields"]), &shared | &all, "{event_type}");
        // A fact or role with the name of a shared field must be what that field says.
        let covered: Vec<&String> = own.iter().filter(|name| shared.contains(name.as_str())).collect();
        assert!(
            covered.iter().all(|name| ["published", "fictional"].contains(&name.as_str())
                || (*event_type == EventType::KeyRevoked && *name == "since")),
            "{covered:?}"
        );
    }
    assert!(!types.contains_key("EventFields"), "a name of ours is no type of theirs");
}

#[test]
fn every_type_field_argument_and_value_says_what_it_means() {
    let w = World::whole().served();
    let said = |thing: &Value| thing["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    // The specification itself describes these.
    let built_in =
        |name: &str| name.starts_with("__") || ["Boolean", "Float", "ID", "Int", "String"].contains(&name);
    for (name, t) in types(&w).iter().filter(|(name, _)| !built_in(name)) {
        assert!(said(t), "{name}");
        for list in ["fields", "inputFields", "enumValues"] {
            for thing in t[list].as_array().into_iter().flatten() {
                assert!(said(thing), "{name}.{}", thing["name"]);
                for argument in thing["args"].as_array().into_iter().flatten() {
                    assert!(said(argument), "{name}.{}({})", thing["name"], argument["name"]);
                }
            }
        }
    }
}

#[test]
fn what_an_event_of_each_type_says_is_what_was_signed() {
    let w = World::whole().served();
    let types = types(&w);
    let reader = w.reader();
    let mut seen = BTreeSet::new();
    for index in 0..reader.checkpoint().checkpoint().size() {
        let entry = reader.parsed(index).unwrap().unwrap();
        let event_type = entry.event().event_type();
        let spec = event_type.spec();
        let shared = names(&types["Event"]["fields"]);
        let line: Value = serde_json::from_str(entry.event().line()).unwrap();
        let own = |name: &str| !shared.contains(camel(name).as_str());
        let mut selection = String::new();
        for fact in spec.facts.iter().filter(|f| own(f.name)) {
            let members = match fact.kind {
                FactKind::Deadline => "{ by days rule from weekly holidays }",
                FactKind::Outcomes => "{ item outcome }",
                FactKind::Verdicts => "{ item verdict }",
                _ => "",
            };
            selection.push_str(&format!(" {}{members}", camel(fact.name)));
        }
        for role in spec.refs.iter().filter(|r| own(r.role)) {
            selection.push_str(&format!(" {}{{ eventId __typename }}", camel(role.role)));
        }
        let name = event_type.pascal();
        let query = format!(
            "{{ event(by: {{index: {index}}}) {{ __typename eventId ... on {name} {{ index {selection} }} }} }}"
        );
        let event = w.ask(&query)["event"].clone();
        assert_eq!((&event["__typename"], &event["eventId"]), (&json!(name), &json!(entry.event().id())));
        for fact in spec.facts.iter().filter(|f| own(f.name)) {
            let (signed, found) = (&line["facts"][fact.name], &event[camel(fact.name)]);
            match fact.kind {
                FactKind::Word(_) if !signed.is_null() => {
                    let word = signed.as_str().unwrap().replace('-', "_").to_uppercase();
                    assert_eq!(found, &json!(word), "{event_type} {}", fact.name);
                }
                FactKind::Deadline if !signed.is_null() => {
                    for (member, value) in signed.as_object().unwrap() {
                        assert_eq!(&found[member], value, "{event_type} {member}");
                    }
                }
                _ => assert_eq!(found, signed, "{event_type} {}", fact.name),
            }
        }
        for role in spec.refs.iter().filter(|r| own(r.role)) {
            let found = &event[camel(role.role)];
            let found: Vec<&Value> = match found {
                Value::Null => Vec::new(),
                Value::Array(list) => list.iter().collect(),
                one => vec![one],
            };
            let ids: Vec<Value> = found.iter().map(|f| f["eventId"].clone()).collect();
            let signed: Vec<Value> =
                entry.event().body().role(role.role).iter().map(|id| json!(id)).collect();
            assert_eq!(ids, signed, "{event_type} {}", role.role);
            if let Kinds::Of(kinds) = role.kinds {
                let party = kinds.contains(&EventType::PartyRegistered);
                let allowed = |name: &Value| match party {
                    true => name == "Party",
                    false => kinds.iter().any(|k| name == k.pascal()),
                };
                assert!(found.iter().all(|f| allowed(&f["__typename"])), "{event_type} {}", role.role);
            }
        }
        seen.insert(event_type);
    }
    assert_eq!(seen.len(), EventType::ALL.len(), "the story has every type");
}

#[test]
fn fields_of_one_name_and_several_types_have_a_name_of_their_own() {
    let w = World::whole().served();
    let types = types(&w);
    let (mut old, mut new) = (BTreeMap::<&str, BTreeSet<String>>::new(), BTreeMap::new());
    let (mut together, mut each) = (String::new(), Vec::new());
    for event_type in EventType::ALL {
        let object = &types[event_type.pascal()];
        let instead = instead(object);
        let mut both = String::new();
        let mut own = String::new();
        for field in object["fields"].as_array().unwrap() {
            let (name, ty) = (field["name"].as_str().unwrap(), field["type"].to_string());
            let in_use = field["deprecationReason"].is_null();
            let types: &mut BTreeSet<String> =
                if in_use { new.entry(name) } else { old.entry(name) }.or_default();
            types.insert(ty.clone());
            if instead.contains_key(name) || instead.values().any(|instead| *instead == name) {
                let below = ["Event", "Demand", "Statement", "Collection", "Party", "Item"];
                let below =
                    below.iter().any(|object| ty.contains(&format!("\"{object}")) && !ty.contains("ENUM"));
                let text = if below { format!(" {name} {{ __typename }}") } else { format!(" {name}") };
                both.push_str(&text);
                if in_use {
                    own.push_str(&text);
                }
            }
        }
        if !both.is_empty() {
            let name = event_type.pascal();
            together.push_str(&format!(" ... on {name} {{{own} }}"));
            each.push((name, both, instead));
        }
    }
    assert!(new.values().all(|types| types.len() == 1), "{new:#?}");
    // Parties and cases are nodes as well, and keep their names.
    for field in ["Party", "Case"].iter().flat_map(|object| types[*object]["fields"].as_array().unwrap()) {
        if let Some(types) = old.get_mut(field["name"].as_str().unwrap()) {
            types.insert(field["type"].to_string());
        }
    }
    assert!(old.values().all(|types| types.len() > 1), "{old:#?}");
    assert_eq!(old.len(), 11, "{old:#?}");
    // The old field and the new one say the same.
    let mut seen = 0;
    for (name, both, instead) in each {
        let query = format!("{{ events(first: 100) {{ nodes {{ ... on {name} {{{both} }} }} }} }}");
        for event in w.ask(&query)["events"]["nodes"].as_array().unwrap() {
            for (old, new) in &instead {
                assert_eq!(event[old], event[new], "{name}: {old} {new}");
                seen += usize::from(!event[old].is_null());
            }
        }
    }
    assert!(seen > 30, "{seen}");
    w.server().data(&format!("{{ events(first: 100) {{ nodes {{{together} }} }} }}"), json!({}));
}

#[test]
fn an_event_of_which_nothing_is_asked_is_an_object_and_not_nothing() {
    let w = World::whole().served();
    let data = w.ask("{ events(first: 100) { nodes { id __typename } } }");
    let all = data["events"]["nodes"].as_array().unwrap();
    let ids = json!({"ids": all.iter().map(|event| event["id"].clone()).collect::<Vec<_>>()});
    let of = "... on DemandIssued { ...F } ... on Event { ...G } }";
    let fragments =
        "fragment F on DemandIssued { demandIssuedItems } fragment G on LinkAsserted { sentence }";
    for query in [
        format!("{{ events(first: 100) {{ nodes {{ {of} }} }} {fragments}"),
        // Asked twice, so that the second answer is the one that was kept.
        format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {of} }} {fragments}"),
        format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {of} }} {fragments}"),
    ] {
        let data = w.server().data(&query, ids.clone());
        let nodes = data["nodes"].as_array().or_else(|| data["events"]["nodes"].as_array()).unwrap();
        assert_eq!(nodes.len(), all.len());
        for (node, event) in nodes.iter().zip(all) {
            let members = match event["__typename"].as_str().unwrap() {
                "DemandIssued" | "LinkAsserted" => 1,
                _ => 0,
            };
            assert_eq!(node.as_object().map(serde_json::Map::len), Some(members), "{event}");
        }
    }
    let one = "{ event(by: {index: 0}) { ... on DemandIssued { demandIssuedItems } id @skip(if: true) } }";
    assert_eq!(w.ask(one), json!({"event": {}}));
    // An event that is not there is null as before.
    let none = "{ event(by: {index: 999}) { ... on DemandIssued { demandIssuedItems } } }";
    assert_eq!(w.ask(none), json!({"event": null}));
}

#[test]
fn a_global_id_names_the_same_thing_for_ever_and_a_case_is_not_its_event() {
    let w = World::whole().served();
    let query = "{ cases(first: 1) { nodes { id eventId respondent { id eventId } } }
                   events(first: 100) { nodes { id eventId } } }";
    let data = w.ask(query);
    let case = data["cases"]["nodes"][0].clone();
    let event = data["events"]["nodes"].as_array().unwrap().iter().find(|e| e["eventId"] == case["eventId"]);
    let event = event.unwrap();
    assert_ne!(event["id"], case["id"]);
    let ids = json!([case["id"], event["id"], case["respondent"]["id"]]);
    let query = "query($ids: [ID!]!, $id: ID!) {
        node(id: $id) { id __typename }
        nodes(ids: $ids) { id __typename ... on Case { title } ... on Event { index } ... on Party { name }
                           ... on CaseOpened { jurisdiction } } }";
    let data = w.server().data(query, json!({"ids": ids, "id": case["id"]}));
    assert_eq!(data["node"], json!({"id": case["id"], "__typename": "Case"}));
    let nodes = data["nodes"].as_array().unwrap();
    let of = |field: &str| nodes.iter().map(|n| n[field].clone()).collect::<Vec<Value>>();
    assert_eq!(json!(of("id")), ids);
    assert_eq!(json!(of("__typename")), json!(["Case", "CaseOpened", "Party"]));
    assert!(nodes[0]["title"].is_string() && nodes[1]["index"].is_u64() && nodes[2]["name"].is_string());
    assert!(nodes[1]["jurisdiction"].is_string() && nodes[0].get("jurisdiction").is_none());

    // The id of an event that is not on record: the letter of its kind and 32 bytes.
    let none = json!({"ids": [], "id": "ZQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"});
    assert!(w.server().data(query, none)["node"].is_null());
    for (ids, id) in [
        (json!([]), json!("nonsense")),
        (json!(vec![case["id"].clone(); 101]), case["id"].clone()),
        (json!([case["eventId"]]), case["id"].clone()),
    ] {
        let answer = w.server().graphql(query, json!({"ids": ids, "id": id}));
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{answer}");
    }
    let most = json!({"ids": vec![case["id"].clone(); 100], "id": case["id"]});
    assert_eq!(w.server().data(query, most)["nodes"].as_array().unwrap().len(), 100);
}

#[test]
fn things_are_found_by_each_of_their_natural_keys() {
    let w = World::whole().served();
    let first = "{ cases(first: 1) { nodes { id eventId index respondent { id } } }
                   events(first: 1, filter: {types: [PARTY_REGISTERED]}) { nodes { eventId index signers { key party { id } } } } }";
    let data = w.ask(first);
    let case = &data["cases"]["nodes"][0];
    for by in
        [json!({"id": case["id"]}), json!({"eventId": case["eventId"]}), json!({"index": case["index"]})]
    {
        let query = "query($by: CaseLocator!) { case(by: $by) { id } }";
        assert_eq!(w.server().data(query, json!({"by": by}))["case"]["id"], case["id"], "{by}");
    }
    let signer = &data["events"]["nodes"][0]["signers"][0];
    let query = "query($by: PartyLocator!) { party(by: $by) { id eventId index } }";
    let by_key = w.server().data(query, json!({"by": {"key": signer["key"]}}))["party"].clone();
    assert_eq!(by_key["id"], signer["party"]["id"]);
    for key in ["id", "eventId", "index"] {
        let by = json!({key: by_key[key]});
        assert_eq!(w.server().data(query, json!({"by": by}))["party"], by_key, "{by}");
    }
    // The id of one kind of thing is not that of another.
    let answer = w.server().graphql(query, json!({"by": {"id": case["id"]}}));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT");
}

#[test]
fn the_one_query_of_the_page_is_enough_to_verify_an_event_offline() {
    let page = include_str!("../../docs/api.md");
    let query = page.split("```graphql\n").nth(1).unwrap().split("```").next().unwrap();
    let w = World::whole().served();
    let size = w.size();
    let key = w.reader().log_key().clone();
    let mut words = 0;
    for index in 0..size {
        let event = w.server().data(query, json!({"index": index}))["event"].clone();
        // From here on only the answer and the ledger's key are used.
        let raw = event["rawEntry"].as_str().unwrap();
        let proof = event["inclusionProof"]["tlogProof"].as_str().unwrap();
        TlogProof::parse(proof.as_bytes()).unwrap().verify(raw.as_bytes(), &key).unwrap();
        let origin: Origin = key.name().as_str().parse().unwrap();
        let entry = Entry::parse(raw.as_bytes(), &origin).unwrap();
        assert_eq!(entry.header().index, index);
        let Some(commitment) = entry.event().content() else {
            assert!(event["content"].is_null());
            continue;
        };
        if let Some(raw) = event["content"]["raw"].as_str() {
            assert_eq!(Digest::blake3(raw.as_bytes()), commitment.blake3);
            words += 1;
        } else {
            assert_eq!(event["content"]["state"], "WITHHELD");
        }
        let changed = raw.replacen('2', "3", 1);
        let proof = TlogProof::parse(proof.as_bytes()).unwrap();
        assert!(proof.verify(changed.as_bytes(), &key).is_err(), "{index}");
    }
    assert!(words > 0);
}

#[test]
fn the_queries_that_the_page_shows_can_be_asked() {
    let w = World::whole().served();
    let page = w.server().send("GET", "/graphql", &[("Accept", "text/html")], b"").text();
    let queries: Vec<&str> =
        page.split("query=").skip(1).map(|rest| rest.split("'</pre>").next().unwrap()).collect();
    assert_eq!(queries.len(), 2);
    for query in queries {
        w.ask(query);
    }
}
