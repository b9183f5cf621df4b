//! The object types of the interface `Event` in the schema, made from the table of event types.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    OutputType as _,
    indexmap::IndexMap,
    registry::{Deprecation, MetaEnumValue, MetaField, MetaType, Registry},
};

use super::{case::Case, event_fields::EventFields, fact_value, party::Party, reference};
use crate::event::{EventType, FactKind, FactSpec, Kinds, RefSpec, Spec};

/// The name of the type under which the shared fields are registered first, before they are copied to the interface and each
/// object type.
const SHARED: &str = "EventFields";

/// The name of the type that has the fields of all object types. It is invisible to callers.
pub const ANY: &str = "AnyEvent";

/// The names of the object types.
pub fn names() -> impl Iterator<Item = &'static str> {
    EventType::ALL.iter().map(|t| t.pascal())
}

/// Whether a role points only at parties.
pub fn is_party(spec: &RefSpec) -> bool {
    matches!(spec.kinds, Kinds::Of([EventType::PartyRegistered, EventType::LedgerOpened]))
}

/// A name as GraphQL writes it: `vouched_by` is `vouchedBy`.
pub fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &capital(part))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// The role that a field shows.
pub fn role_named<'s>(spec: &'s Spec, field: &str) -> Option<&'s RefSpec> {
    spec.refs.iter().find(|role| camel(role.role) == field || own_of_role(role) == field)
}

/// The fact that a field shows.
pub fn fact_named<'s>(event_type: EventType, field: &str) -> Option<&'s FactSpec> {
    let mut facts = event_type.spec().facts.iter();
    facts.find(|fact| camel(fact.name) == field || own_of_fact(event_type, fact) == field)
}

/// The second name of a role's field, which says what the role points at, so that it has one type in all object types.
fn own_of_role(spec: &RefSpec) -> String {
    camel(spec.role) + if is_party(spec) { "Party" } else { "Event" }
}

/// The second name of a fact's field, which no other event type has.
fn own_of_fact(event_type: EventType, spec: &FactSpec) -> String {
    let mut name = event_type.pascal().to_owned() + &capital(&camel(spec.name));
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// The greatest length of a list that an event type adds: the ids of a role, or a list in its facts.
pub fn longest_list(event_type: EventType, field: &str) -> u64 {
    let is_role = event_type.spec().refs.iter().any(|role| camel(role.role) == field);
    if is_role { reference::IDS } else { fact_value::MEMBERS }
}

/// A field without arguments.
pub fn field(name: impl Into<String>, ty: impl Into<String>, doc: &str) -> MetaField {
    MetaField {
        name: name.into(),
        description: Some(doc.to_owned()),
        args: IndexMap::default(),
        ty: ty.into(),
        deprecation: Default::default(),
        cache_control: Default::default(),
        external: false,
        requires: None,
        provides: None,
        visible: None,
        shareable: false,
        inaccessible: false,
        tags: Vec::new(),
        override_from: None,
        compute_complexity: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

/// The field of a role.
fn role_field(spec: &RefSpec) -> MetaField {
    let ty = match spec.kinds {
        _ if is_party(spec) => "Party",
        Kinds::Of([one]) => one.pascal(),
        _ => "Event",
    };
    let ty = if spec.many { format!("[{ty}!]!") } else { ty.to_owned() };
    let ty = if spec.required && !spec.many { ty + "!" } else { ty };
    field(camel(spec.role), ty, spec.doc)
}

/// The field of a fact.
fn fact_field(registry: &mut Registry, event_type: EventType, spec: &FactSpec) -> MetaField {
    let ty = match spec.kind {
        FactKind::Word(words) => words_enum(registry, event_type, spec, words),
        kind => fact_value::type_of(registry, kind),
    };
    let ty = if spec.required { format!("{ty}!") } else { ty };
    field(camel(spec.name), ty, spec.doc)
}

/// A word of a closed list as an enum value: `my-interpretation-act-54` becomes `MY_INTERPRETATION_ACT_54`.
pub fn enum_value(word: &str) -> String {
    word.replace(['-', '.', ' '], "_").to_ascii_uppercase()
}

/// Registers the enum of a fact's words, and returns its name.
fn words_enum(registry: &mut Registry, event_type: EventType, spec: &FactSpec, words: &[&str]) -> String {
    let name = format!("{}{}", event_type.pascal(), capital(&camel(spec.name)));
    let value = |word: &&str| {
        let value = MetaEnumValue {
            name: enum_value(word),
            description: Some(format!("`{word}`, as the signed event writes it.")),
            deprecation: Default::default(),
            visible: None,
            inaccessible: false,
            tags: Vec::new(),
            directive_invocations: Vec::new(),
        };
        (value.name.clone(), value)
    };
    let enum_type = MetaType::Enum {
        name: name.clone(),
        description: Some(format!("The words that `{}` of `{event_type}` can be. {}", spec.name, spec.doc)),
        enum_values: words.iter().map(value).collect(),
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    };
    registry.types.insert(name.clone(), enum_type);
    name
}

fn object(name: String, description: Option<String>, fields: IndexMap<String, MetaField>) -> MetaType {
    MetaType::Object {
        name,
        description,
        fields,
        cache_control: Default::default(),
        extends: false,
        shareable: false,
        resolvable: true,
        keys: None,
        visible: None,
        inaccessible: false,
        interface_object: false,
        tags: Vec::new(),
        is_subscription: false,
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

/// The type that has the fields of all object types. These must be registered before.
pub fn any(registry: &mut Registry) -> MetaType {
    let of = |name| registry.types.get(name).and_then(MetaType::fields).into_iter().flatten();
    let fields = names().flat_map(of).map(|(name, field)| (name.clone(), field.clone())).collect();
    let mut any = object(ANY.to_owned(), None, fields);
    if let MetaType::Object { visible, .. } = &mut any {
        *visible = Some(|_| false);
    }
    any
}

/// A field that an event type adds, and its second name (`own`), which is used if another type has a field of the same name.
struct Added {
    field: MetaField,
    own: String,
}

/// The fields that an event type adds.
fn added(registry: &mut Registry, event_type: EventType, shared: &IndexMap<String, MetaField>) -> Vec<Added> {
    let spec = event_type.spec();
    let roles = spec.refs.iter().map(|role| Added { field: role_field(role), own: own_of_role(role) });
    let mut added: Vec<Added> = roles.collect();
    for fact in spec.facts {
        let field = fact_field(registry, event_type, fact);
        if !added.iter().any(|other| other.field.name == field.name) {
            added.push(Added { field, own: own_of_fact(event_type, fact) });
        }
    }
    // A field of the same name as a shared one is left out if it has the same type, since it says the same. If it has another
    // type, it takes its second name.
    let bare = |field: &MetaField| field.ty.trim_end_matches('!').to_owned();
    added.retain(|added| shared.get(&added.field.name).is_none_or(|other| bare(other) != bare(&added.field)));
    for added in added.iter_mut().filter(|added| shared.contains_key(&added.field.name)) {
        added.field.name.clone_from(&added.own);
    }
    added
}

/// Adds the second name to fields whose name has several types: a query may not select fields of one name and different types
/// side by side, even on different object types (GraphQL, section 5.3.2). `nodes` are the fields of the other object types that
/// are a `Node`.
fn tell_apart(all: &mut [Vec<Added>], nodes: &[MetaField]) {
    let several = |types: &HashSet<String>| types.len() > 1;
    let mut types = HashMap::<String, HashSet<String>>::new();
    for field in nodes {
        types.entry(field.name.clone()).or_default().insert(field.ty.clone());
    }
    let mut own_types = HashMap::<String, HashSet<String>>::new();
    for added in all.iter().flatten() {
        types.entry(added.field.name.clone()).or_default().insert(added.field.ty.clone());
        own_types.entry(added.own.clone()).or_default().insert(added.field.ty.clone());
    }
    for fields in all {
        let mut told_apart = Vec::new();
        for mut added in std::mem::take(fields) {
            if !types.get(&added.field.name).is_some_and(several) {
                told_apart.push(added);
                continue;
            }
            let mut own = added.field.clone();
            own.name.clone_from(&added.own);
            // If the field is required in some event types and optional in others, it is nullable in all.
            if own_types.get(&added.own).is_some_and(several) {
                own.ty.truncate(own.ty.trim_end_matches('!').len());
            }
            let reason =
                format!("Other types have a field of this name whose type is another. Use `{}`.", added.own);
            added.field.deprecation = Deprecation::Deprecated { reason: Some(reason) };
            let own = Added { field: own, own: added.own.clone() };
            told_apart.extend([added, own]);
        }
        *fields = told_apart;
    }
}

/// Registers the object types, and returns the interface.
pub fn register(registry: &mut Registry, rust_typename: &'static str) -> MetaType {
    EventFields::create_type_info(registry);
    Party::create_type_info(registry);
    Case::create_type_info(registry);
    let shared = registry.types.remove(SHARED);
    let shared = shared.and_then(|t| t.fields().cloned()).unwrap_or_default();
    let mut all: Vec<Vec<Added>> =
        EventType::ALL.iter().map(|event_type| added(registry, *event_type, &shared)).collect();
    let of = |name| registry.types.get(name).and_then(MetaType::fields).into_iter().flatten();
    let nodes: Vec<MetaField> =
        ["Party", "Case"].into_iter().flat_map(of).map(|(_, field)| field.clone()).collect();
    tell_apart(&mut all, &nodes);
    for (event_type, added) in EventType::ALL.iter().zip(all) {
        let mut fields = shared.clone();
        fields.extend(added.into_iter().map(|added| (added.field.name.clone(), added.field)));
        let spec = event_type.spec();
        let name = event_type.pascal().to_owned();
        registry.add_implements(&name, "Event");
        let description = Some(format!("`{event_type}`: {}", spec.doc));
        registry.types.insert(name.clone(), object(name, description, fields));
    }
    MetaType::Interface {
        name: "Event".to_owned(),
        description: Some(
            "An event on record, with what the ledger added when it recorded it. Each event type is an object of \
             its own, which adds what it says and what it points at."
                .to_owned(),
        ),
        fields: shared,
        possible_types: names().map(str::to_owned).collect(),
        extends: false,
        keys: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: Some(rust_typename),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}
