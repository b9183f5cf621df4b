//! What a query may cost: how many values its answer can hold, counted before anything is looked up.
//!
//! Counted by the schema itself: a page counts as long as it is asked for, another list as long as such lists are, and
//! every field within it as often. `__typename` counts like any field, and a fragment each time it is spread. It is done
//! on the text alone, with each fragment gone through once, so that a query can't cost more to refuse than to read.

use std::{collections::HashMap, sync::LazyLock};

use async_graphql::{
    ErrorExtensions as _, Name, Positioned, ServerError, Value, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, ExecutableDocument, Field, FieldDefinition, Selection, SelectionSet, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};

use crate::serve::limits;

/// How long a list is that is no page, where it is not known better.
const LIST: u64 = 10;
/// What a field costs beside what it shows, where that takes more than reading an entry.
const WORK: &[(&str, u64)] =
    &[("inclusionProof", 10), ("consistencyProof", 10), ("tlogProof", 10), ("proof", 10), ("search", 100)];
/// What a field costs that folds the entries of a case, or looks through those of a party.
const FOLDS: &[(&str, u64)] = &[("state", 20), ("demand", 20), ("transparency", 100)];

/// What is known of a field.
struct Known {
    /// The type that it gives, without the marks for lists and null.
    gives: Name,
    /// How often what is below it stands in an answer, unless it is asked for a number.
    times: u64,
    /// Whether it can be asked for a number: `first` or `last`.
    paged: bool,
    /// What it costs by itself.
    own: u64,
}

/// Types, with their fields.
type Types = HashMap<Name, HashMap<Name, Known>>;

fn name_of(ty: &Type) -> (Name, bool) {
    match &ty.base {
        BaseType::Named(name) => (name.clone(), false),
        BaseType::List(inner) => (name_of(inner).0, true),
    }
}

fn known(parent: &str, field: &FieldDefinition) -> Known {
    let (gives, list) = name_of(&field.ty.node);
    let has = |name: &str| field.arguments.iter().any(|a| a.node.name.node == name);
    let name = field.name.node.as_str();
    let times = match (parent, name) {
        // They stand in a page, which was counted.
        (_, "nodes" | "edges") if parent.ends_with("Connection") => 1,
        (_, "nodes") if parent.starts_with("Latest") => 20,
        ("Query", "nodes") => limits::PAGE_MOST as u64,
        ("RecordPayload", "results") => limits::SUBMISSIONS_MOST as u64,
        ("SearchHit", "snippets") => 3,
        _ if list => LIST,
        _ => 1,
    };
    let work = WORK.iter().chain(FOLDS).find(|(n, _)| *n == name);
    // As a field of a case or party, and of the query itself; elsewhere it is a word.
    let folds = matches!(parent, "Query" | "Case" | "Party") || WORK.iter().any(|(n, _)| *n == name);
    let own = work.filter(|_| folds).map_or(1, |(_, n)| *n);
    Known { gives, times, paged: has("first"), own }
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    // The schema is written by the library that reads it; without it every field would count once.
    let document = parse_schema(super::sdl()).map(|d| d.definitions).unwrap_or_default();
    let mut types = Types::new();
    for definition in document {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let fields = match &ty.node.kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            _ => continue,
        };
        let name = &ty.node.name.node;
        let fields = fields.iter().map(|f| (f.node.name.node.clone(), known(name, &f.node)));
        types.insert(name.clone(), fields.collect());
    }
    types
});

/// What some selections hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    /// Values in an answer, and what it takes to find them.
    values: u64,
    /// Fields with an alias.
    aliases: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.values = self.values.saturating_add(other.values);
        self.aliases = self.aliases.saturating_add(other.aliases);
    }
}

struct Counting<'d> {
    document: &'d ExecutableDocument,
    variables: &'d Variables,
    /// What fragments cost; none while one is being counted, which a fragment within itself then adds nothing to.
    fragments: HashMap<&'d Name, Option<Cost>>,
}

impl<'d> Counting<'d> {
    fn selections(&mut self, of: &Name, set: &'d Positioned<SelectionSet>) -> Cost {
        let mut cost = Cost::default();
        for selection in &set.node.items {
            let more = match &selection.node {
                Selection::Field(field) => self.field(of, &field.node),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map_or(of, |c| &c.node.on.node);
                    self.selections(on, &fragment.node.selection_set)
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            cost.add(more);
        }
        cost
    }

    fn fragment(&mut self, name: &'d Name) -> Cost {
        if let Some(known) = self.fragments.get(name) {
            return known.unwrap_or_default();
        }
        let Some(fragment) = self.document.fragments.get(name) else { return Cost::default() };
        self.fragments.insert(name, None);
        let cost = self.selections(&fragment.node.type_condition.node.on.node, &fragment.node.selection_set);
        self.fragments.insert(name, Some(cost));
        cost
    }

    fn field(&mut self, of: &Name, field: &'d Field) -> Cost {
        let alias = u64::from(field.alias.is_some());
        let Some(known) = TYPES.get(of).and_then(|fields| fields.get(&field.name.node)) else {
            // `__typename`, introspection, or what validation refuses.
            let mut cost = self.selections(of, &field.selection_set);
            cost.add(Cost { values: 1, aliases: alias });
            return cost;
        };
        let times = if known.paged { self.asked(field) } else { known.times };
        let mut cost = self.selections(&known.gives, &field.selection_set);
        cost.values = cost.values.saturating_mul(times);
        cost.add(Cost { values: known.own, aliases: alias });
        cost
    }

    /// The length of a page, as far as the query says it.
    fn asked(&self, field: &Field) -> u64 {
        let length = |name: &str| {
            // A variable is written with a dollar sign.
            let text = field.get_argument(name)?.node.to_string();
            match text.strip_prefix('$') {
                None => text.parse().ok(),
                Some(variable) => match self.variables.get(variable) {
                    Some(Value::Number(n)) => n.as_u64(),
                    // It may have a default.
                    _ => Some(limits::PAGE_MOST as u64),
                },
            }
        };
        let length = length("first").or_else(|| length("last"));
        length.unwrap_or(limits::PAGE_DEFAULT as u64).min(limits::PAGE_MOST as u64)
    }
}

/// Counts what a document asks for, all of its operations together.
fn cost(document: &ExecutableDocument, variables: &Variables) -> Cost {
    use async_graphql::parser::types::OperationType;
    let mut counting = Counting { document, variables, fragments: HashMap::new() };
    let mut cost = Cost::default();
    for (_, operation) in document.operations.iter() {
        let root = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        cost.add(counting.selections(&Name::new(root), &operation.node.selection_set));
    }
    cost
}

/// Refuses a request that asks for too much.
///
/// # Errors
/// One of code `TOO_LARGE`, with what was counted and what is taken.
pub fn check(document: &ExecutableDocument, variables: &Variables) -> Result<(), ServerError> {
    let cost = cost(document, variables);
    let refuse = |what: &str, found: u64, most: u64| {
        let message = format!("too much is asked for at once: {found} {what}, at most {most} are taken");
        Err(async_graphql::Error::new(message)
            .extend_with(|_, e| e.set("code", "TOO_LARGE"))
            .into_server_error(async_graphql::Pos::default()))
    };
    if cost.aliases > limits::GRAPHQL_ALIASES {
        return refuse("aliases", cost.aliases, limits::GRAPHQL_ALIASES);
    }
    if cost.values > limits::GRAPHQL_COST {
        return refuse("values", cost.values, limits::GRAPHQL_COST);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_graphql::Request;
    use serde_json::{Value, json};

    use super::*;

    fn cost_of(query: &str, variables: Value) -> Cost {
        let mut request = Request::new(query).variables(Variables::from_json(variables));
        let variables = request.variables.clone();
        cost(request.parsed_query().unwrap(), &variables)
    }
    fn values(query: &str) -> u64 {
        cost_of(query, json!({})).values
    }

    #[test]
    fn a_field_counts_as_often_as_it_can_stand_in_the_answer() {
        assert_eq!(values("{ checkpoint { size root } }"), 3);
        assert_eq!(values("{ events(first: 7) { nodes { index } } }"), 1 + 7 * 2);
        assert_eq!(values("{ events { nodes { index } } }"), 1 + 20 * 2);
        assert_eq!(values("{ events(last: 9999) { nodes { index } } }"), 1 + 100 * 2);
        assert_eq!(values("{ events(first: 5) { nodes { signers { key } } } }"), 1 + 5 * (1 + 1 + 10));
        // Through the interface as through an object of it.
        let object = "{ events(first: 5) { nodes { ... on StatementMade { signers { key } } } } }";
        assert_eq!(values(object), values("{ events(first: 5) { nodes { signers { key } } } }"));
        assert_eq!(values("{ nodes(ids: []) { id } }"), 1 + 100);
    }

    #[test]
    fn typename_is_not_free() {
        assert_eq!(values("{ events(first: 100) { nodes { __typename } } }"), 1 + 100 * 2);
        let many: String = (0..60).map(|i| format!("a{i}: __typename ")).collect();
        let cost = cost_of(&format!("{{ events(first: 100) {{ nodes {{ {many} }} }} }}"), json!({}));
        assert_eq!(cost, Cost { values: 1 + 100 * 61, aliases: 60 });
    }

    #[test]
    fn a_number_in_a_variable_counts_and_one_that_is_not_there_counts_as_the_most() {
        let query = "query($n: Int = 3) { events(first: $n) { nodes { index } } }";
        assert_eq!(cost_of(query, json!({"n": 7})).values, 1 + 7 * 2);
        assert_eq!(cost_of(query, json!({})).values, 1 + 100 * 2);
    }

    #[test]
    fn fragments_count_each_time_and_are_gone_through_once() {
        let mut query = "{ checkpoint { ...F0 } }".to_owned();
        for i in 0..60 {
            query.push_str(&format!(" fragment F{i} on Checkpoint {{ ...F{} ...F{} }}", i + 1, i + 1));
        }
        query.push_str(" fragment F60 on Checkpoint { size }");
        assert_eq!(values(&query), 1 + (1 << 60));
        let twice = query.replace("F60 on Checkpoint { size }", "F60 on Checkpoint { size size size size size size size size size size size size size size size size size }");
        assert_eq!(values(&twice), u64::MAX);
        // One within itself is refused by validation; here it must come to an end.
        assert_eq!(values("{ checkpoint { ...A } } fragment A on Checkpoint { size ...A }"), 2);
    }

    #[test]
    fn every_list_of_the_schema_is_counted_as_one() {
        // A connection is a page; the lists in it are its own.
        for (parent, fields) in TYPES.iter() {
            for (name, known) in fields {
                if parent.ends_with("Connection") && (*name == "nodes" || *name == "edges") {
                    assert_eq!(known.times, 1, "{parent}.{name}");
                }
                if known.gives.ends_with("Connection") {
                    assert!(known.paged, "{parent}.{name}");
                }
            }
        }
        assert!(TYPES.len() > 80);
    }
}
