//! The objects behind `Event`, as the schema lists them: made of the table of event types.

use async_graphql::{
    OutputType as _,
    indexmap::IndexMap,
    registry::{MetaEnumValue, MetaField, MetaType, Registry},
};

use super::{event_fields::EventFields, fact_value, party::Party};
use crate::event::{EventType, FactKind, FactSpec, Kinds, RefSpec, Spec};

/// The name that the fields shared by all are registered under until they are given to the interface and each
/// object.
const SHARED: &str = "EventFields";

/// The name of the type that has the fields of all objects. Nobody can ask for it.
pub const ANY: &str = "AnyEvent";

/// The names of the objects.
pub fn names() -> impl Iterator<Item = &'static str> {
    EventType::ALL.iter().map(|t| t.pascal())
}

/// Whether a role points at parties alone.
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

/// The fact behind a field.
pub fn fact_named<'s>(spec: &'s Spec, field: &str) -> Option<&'s FactSpec> {
    spec.facts.iter().find(|fact| camel(fact.name) == field)
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

/// A word of a closed list as a value of an enum: `my-interpretation-act-54` is `MY_INTERPRETATION_ACT_54`.
pub fn enum_value(word: &str) -> String {
    word.replace(['-', '.', ' '], "_").to_ascii_uppercase()
}

/// The enum of a fact's words.
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

/// The type that has the fields of all objects, once these are registered.
pub fn any(registry: &mut Registry) -> MetaType {
    let of = |name| registry.types.get(name).and_then(MetaType::fields).into_iter().flatten();
    let fields = names().flat_map(of).map(|(name, field)| (name.clone(), field.clone())).collect();
    let mut any = object(ANY.to_owned(), None, fields);
    if let MetaType::Object { visible, .. } = &mut any {
        *visible = Some(|_| false);
    }
    any
}

/// Registers the objects, and gives the interface.
pub fn register(registry: &mut Registry, rust_typename: &'static str) -> MetaType {
    EventFields::create_type_info(registry);
    Party::create_type_info(registry);
    let shared = registry.types.remove(SHARED);
    let shared = shared.and_then(|t| t.fields().cloned()).unwrap_or_default();
    for event_type in EventType::ALL {
        let spec = event_type.spec();
        let mut fields = shared.clone();
        for role in spec.refs {
            fields.entry(camel(role.role)).or_insert_with(|| role_field(role));
        }
        for fact in spec.facts {
            if !fields.contains_key(&camel(fact.name)) {
                let field = fact_field(registry, *event_type, fact);
                fields.insert(field.name.clone(), field);
            }
        }
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
