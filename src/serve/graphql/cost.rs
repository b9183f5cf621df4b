//! What a query may cost, counted before anything is looked up.
//!
//! Two estimates are made from the schema:
//!
//! - The usual number of values. A page counts with the length that is asked for, another list with the usual length of such
//!   lists. A query that asks for too many values is refused.
//! - The most values and bytes that the answer can hold whatever is on record, introspection included. If that may be too much,
//!   the answer is counted again while it is made ([`Meter`](super::meter::Meter)); else it is not.
//!
//! `__typename` counts like any field, and a fragment counts each time that it is spread. Only the text is read, and each
//! fragment is visited once, so that a query can't cost more to refuse than to read.
//!
//! Costs that the schema does not show are declared beside each field's resolver ([`Costs`]).

use std::{collections::HashMap, sync::LazyLock};

use async_graphql::{
    Name, Positioned, ServerError, Value, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, ExecutableDocument, Field, FieldDefinition, OperationType, Selection, SelectionSet,
            Type, TypeKind, TypeSystemDefinition,
        },
    },
};

use super::{
    errors,
    field_cost::{Costs, Leaf, Of},
    state::{demand_state, latest, transparency},
    types::{
        case, checkpoint, content, event_fields, event_shape, fact_value, inclusion_proof, page, party,
        query, receipt, record_payload, reference, search_hit, since, user_error,
    },
};
use crate::{
    event::{EventType, MAX_CONTENT},
    serve::limits,
};

/// The usual length of a list that is not a page and declares no length.
const LIST: u64 = 10;
/// The greatest length of a list that declares none: more than a state is computed from.
const MANY: u64 = 1 << 20;
/// The most bytes that a text from the words of an event takes in JSON. The words are JSON themselves, so what is escaped in
/// the answer is escaped in them too.
const TEXT: u64 = MAX_CONTENT as u64;
/// The longest name of a type, in bytes; a test holds the schema to it.
const SCHEMA_NAME: u64 = 64;

/// The types of introspection (GraphQL, section 4.2). The library does not print them with the schema.
const INTROSPECTION: &str = "
type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type subscriptionType: __Type
  directives: [__Directive!]! }
type __Type { kind: __TypeKind! name: String description: String specifiedByURL: String specifiedByUrl: String
  fields(includeDeprecated: Boolean): [__Field!] interfaces: [__Type!] possibleTypes: [__Type!]
  enumValues(includeDeprecated: Boolean): [__EnumValue!] inputFields(includeDeprecated: Boolean): [__InputValue!]
  ofType: __Type isOneOf: Boolean }
type __Field { name: String! description: String args(includeDeprecated: Boolean): [__InputValue!]! type: __Type!
  isDeprecated: Boolean! deprecationReason: String }
type __InputValue { name: String! description: String type: __Type! defaultValue: String isDeprecated: Boolean!
  deprecationReason: String }
type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
type __Directive { name: String! description: String locations: [__DirectiveLocation!]!
  args(includeDeprecated: Boolean): [__InputValue!]! isRepeatable: Boolean! }
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
enum __DirectiveLocation { QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT
  VARIABLE_DEFINITION SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE
  INPUT_OBJECT INPUT_FIELD_DEFINITION }
";

/// The costs that types declare for their own fields.
const COSTS: &[Costs] = &[
    case::COSTS,
    checkpoint::COSTS,
    content::COSTS,
    demand_state::COSTS,
    event_fields::COSTS,
    fact_value::COSTS,
    inclusion_proof::COSTS,
    latest::COSTS,
    page::COSTS,
    party::COSTS,
    query::COSTS,
    receipt::COSTS,
    record_payload::COSTS,
    reference::COSTS,
    search_hit::COSTS,
    since::COSTS,
    transparency::COSTS,
    user_error::COSTS,
];

/// How long a list can be (`most`), and whether it usually is that long (`full`).
struct Length {
    most: u64,
    full: bool,
}

/// A table by type and field.
type Fields<T> = HashMap<(&'static str, &'static str), T>;

/// The declared costs of all fields.
struct Said {
    work: Fields<u64>,
    lists: Fields<Length>,
    leaves: Fields<Leaf>,
}

static SAID: LazyLock<Said> = LazyLock::new(|| {
    let mut said = Said { work: HashMap::new(), lists: HashMap::new(), leaves: HashMap::new() };
    for costs in COSTS {
        let types: Vec<&'static str> = match costs.of {
            Of::Types(types) => types.to_vec(),
            Of::Events => event_shape::names().chain(["Event"]).collect(),
        };
        for ty in types {
            let of = |field: &'static str| (ty, field);
            said.work.extend(costs.work.iter().map(|(field, work)| (of(field), *work)));
            let lists = |full| {
                move |(field, most): &(&'static str, u64)| ((ty, *field), Length { most: *most, full })
            };
            said.lists.extend(costs.lists.iter().map(lists(false)));
            said.lists.extend(costs.full_lists.iter().map(lists(true)));
            said.leaves.extend(costs.leaves.iter().map(|(field, leaf)| (of(field), *leaf)));
        }
    }
    said
});

/// What the estimates need to know of a field.
struct Known {
    /// The type that it gives, without the marks for lists and null.
    gives: Name,
    /// The usual number of items, unless the query asks for a number.
    times: u64,
    /// The greatest number of items.
    most: u64,
    /// Whether it is a list.
    list: bool,
    /// Whether it takes a number of items: `first` or `last`.
    paged: bool,
    /// Whether it has one item for each submission of the request.
    submitted: bool,
    /// The work of finding its value; 1 for most fields.
    own: u64,
    /// How many values, and bytes of JSON, one item can hold beside the fields selected in it.
    leaf: (u64, u64),
}

/// The fields of each type of the schema.
struct Types {
    fields: HashMap<Name, HashMap<Name, Known>>,
}

/// The named type within `ty`, and whether it is a list of it.
fn name_of(ty: &Type) -> (Name, bool) {
    match &ty.base {
        BaseType::Named(name) => (name.clone(), false),
        BaseType::List(inner) => (name_of(inner).0, true),
    }
}

/// Bounds of an introspection: the length of each of its longest lists, and of the longest description in bytes of JSON.
#[derive(Default)]
struct Longest {
    types: u64,
    fields: u64,
    args: u64,
    possible: u64,
    interfaces: u64,
    values: u64,
    inputs: u64,
    text: u64,
    /// Bytes of the longest value of each enum in JSON.
    enums: HashMap<Name, u64>,
}

impl Longest {
    fn of<'t>(types: impl Iterator<Item = &'t TypeSystemDefinition>) -> Self {
        let mut longest = Self::default();
        let mut implementing = HashMap::<&Name, u64>::new();
        let field = |this: &mut Self, field: &FieldDefinition| {
            this.args = this.args.max(field.arguments.len() as u64);
            this.describe(field.description.as_ref());
            for argument in &field.arguments {
                this.describe(argument.node.description.as_ref());
            }
        };
        for ty in types {
            let TypeSystemDefinition::Type(ty) = ty else { continue };
            longest.types += 1;
            longest.describe(ty.node.description.as_ref());
            match &ty.node.kind {
                TypeKind::Object(object) => {
                    longest.fields = longest.fields.max(object.fields.len() as u64);
                    longest.interfaces = longest.interfaces.max(object.implements.len() as u64);
                    object.implements.iter().for_each(|i| *implementing.entry(&i.node).or_default() += 1);
                    object.fields.iter().for_each(|f| field(&mut longest, &f.node));
                }
                TypeKind::Interface(interface) => {
                    longest.fields = longest.fields.max(interface.fields.len() as u64);
                    longest.interfaces = longest.interfaces.max(interface.implements.len() as u64);
                    interface.fields.iter().for_each(|f| field(&mut longest, &f.node));
                }
                TypeKind::Union(union) => longest.possible = longest.possible.max(union.members.len() as u64),
                TypeKind::Enum(values) => {
                    longest.values = longest.values.max(values.values.len() as u64);
                    let bytes = values.values.iter().map(|v| v.node.value.node.len() as u64).max();
                    longest.enums.insert(ty.node.name.node.clone(), bytes.unwrap_or_default() + 2);
                    values.values.iter().for_each(|v| longest.describe(v.node.description.as_ref()));
                }
                TypeKind::InputObject(input) => {
                    longest.inputs = longest.inputs.max(input.fields.len() as u64);
                    input.fields.iter().for_each(|f| longest.describe(f.node.description.as_ref()));
                }
                TypeKind::Scalar => {}
            }
        }
        longest.possible = longest.possible.max(implementing.into_values().max().unwrap_or_default());
        longest
    }

    fn describe(&mut self, description: Option<&Positioned<String>>) {
        // Each byte may be a quote or a line end, which JSON writes as two.
        self.text = self.text.max(description.map_or(0, |d| 2 * d.node.len() as u64 + 2));
    }

    /// The greatest length of a list that is not a page.
    fn list(&self, parent: &str, name: &str) -> u64 {
        match (parent, name) {
            // The built-in scalars are not printed: Boolean, Float, ID, Int and String.
            ("__Schema", "types") => self.types + 5,
            // A bound: there are fewer directives.
            ("__Schema", "directives") => 32,
            ("__Type", "fields") => self.fields,
            ("__Type", "interfaces") => self.interfaces,
            ("__Type", "possibleTypes") => self.possible,
            ("__Type", "enumValues") => self.values,
            ("__Type", "inputFields") => self.inputs,
            ("__Field" | "__Directive", "args") => self.args,
            ("__Directive", "locations") => 19,
            (_, "refs") => event_fields::most_roles(),
            _ => match (SAID.lists.get(&(parent, name)), event_type(parent)) {
                (Some(length), _) => length.most,
                (None, Some(ty)) => event_shape::longest_list(ty, name),
                (None, None) => MANY,
            },
        }
    }

    /// How many values, and bytes of JSON, an item of a field can hold beside its selected fields.
    fn leaf(&self, parent: &str, name: &str, gives: &str) -> (u64, u64) {
        if let Some(leaf) = SAID.leaves.get(&(parent, name)) {
            return (leaf.values, leaf.bytes);
        }
        let bytes = match (parent, name, gives) {
            (_, "cursor", _) => page::CURSOR,
            (parent, _, "String") if parent.starts_with("__") => self.text.max(SCHEMA_NAME + 2),
            (.., "JSON") => return (TEXT, TEXT),
            (.., "Index" | "Int" | "Boolean") => 20,
            (.., "Hash" | "DateTime" | "EventDate") => 68,
            (.., "ID") => 128,
            (.., "Base64") => TEXT / 3 * 4 + 8,
            (.., "String" | "URL") => TEXT + 2,
            (.., gives) => match self.enums.get(gives) {
                Some(bytes) => *bytes,
                // An object: its braces.
                None => 2,
            },
        };
        (0, bytes)
    }

    fn known(&self, parent: &str, field: &FieldDefinition) -> Known {
        let (gives, list) = name_of(&field.ty.node);
        let has = |name: &str| field.arguments.iter().any(|a| a.node.name.node == name);
        let name = field.name.node.as_str();
        let (times, most) = match (parent, name) {
            // The length of their page is counted at the connection.
            (_, "nodes" | "edges") if parent.ends_with("Connection") => (1, 1),
            _ if !list => (1, 1),
            _ => {
                let most = self.list(parent, name);
                let times = match SAID.lists.get(&(parent, name)) {
                    Some(Length { full: true, most }) => *most,
                    // Introspection is counted while it is answered.
                    _ if parent.starts_with("__") => 1,
                    _ => LIST,
                };
                (times, most)
            }
        };
        let own = SAID.work.get(&(parent, name)).copied().unwrap_or(1);
        let leaf = self.leaf(parent, name, &gives);
        let submitted = (parent, name) == ("RecordPayload", "results");
        Known { gives, times, most, list, paged: has("first"), submitted, own, leaf }
    }
}

/// The event type that the object type `object` stands for.
pub(super) fn event_type(object: &str) -> Option<EventType> {
    EventType::ALL.iter().copied().find(|t| t.pascal() == object)
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    // The library parses what it printed itself, so this does not fail. If it did, every field would count once.
    let parsed = |text: &str| parse_schema(text).map(|d| d.definitions).unwrap_or_default();
    let mut definitions = parsed(&super::schema::sdl());
    definitions.extend(parsed(INTROSPECTION));
    let longest = Longest::of(definitions.iter());
    let mut types = HashMap::new();
    for definition in &definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let fields = match &ty.node.kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            _ => continue,
        };
        let name = &ty.node.name.node;
        let known =
            |f: &Positioned<FieldDefinition>| (f.node.name.node.clone(), longest.known(name, &f.node));
        let mut fields: HashMap<_, _> = fields.iter().map(known).collect();
        if name == "Query" {
            for (field, gives) in [("__schema", "__Schema"), ("__type", "__Type")] {
                let gives = Name::new(gives);
                let (times, most, own, leaf) = (1, 1, 1, (0, 4));
                fields.insert(
                    Name::new(field),
                    Known { gives, times, most, list: false, paged: false, submitted: false, own, leaf },
                );
            }
        }
        types.insert(name.clone(), fields);
    }
    Types { fields: types }
});

/// The fields of each type: the field's name, the type that it gives, and whether it takes a length.
#[cfg(test)]
pub(super) fn fields() -> std::collections::BTreeMap<String, Vec<(String, String, bool)>> {
    let known = |(name, known): (&Name, &Known)| (name.to_string(), known.gives.to_string(), known.paged);
    let of = |(ty, fields): (&Name, &HashMap<Name, Known>)| {
        let mut fields: Vec<_> = fields.iter().map(known).collect();
        fields.sort_unstable();
        (ty.to_string(), fields)
    };
    TYPES.fields.iter().map(of).collect()
}

/// The estimated cost of some selections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// The usual number of values in the answer, plus the work of finding them.
    pub values: u64,
    /// Fields with an alias.
    pub aliases: u64,
    /// The most values that the answer can hold.
    pub most_values: u64,
    /// The most bytes of JSON that the answer can hold.
    pub most_bytes: u64,
    /// The part of `values` that is work: computing states, searching, proving.
    pub work: u64,
    /// The most values that the answer can hold of introspection.
    pub of_schema: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.values = self.values.saturating_add(other.values);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.most_values = self.most_values.saturating_add(other.most_values);
        self.most_bytes = self.most_bytes.saturating_add(other.most_bytes);
        self.work = self.work.saturating_add(other.work);
        self.of_schema = self.of_schema.saturating_add(other.of_schema);
    }

    /// Whether it may take long to answer.
    pub fn is_heavy(&self) -> bool {
        self.values > limits::HEAVY_VALUES
            || self.work > limits::HEAVY_WORK
            || self.of_schema > limits::HEAVY_VALUES
    }

    /// Whether the answer may turn out too large, so that it must be counted while it is made.
    pub fn is_open(&self) -> bool {
        self.most_values > limits::GRAPHQL_COST || self.most_bytes > limits::GRAPHQL_ANSWER
    }
}

struct Counting<'d> {
    variables: &'d Variables,
    /// The costs of the fragments that were visited.
    fragments: HashMap<&'d Name, Cost>,
    /// The greatest number of submissions in the request.
    submissions: u64,
}

/// The greatest number of submissions that a request can hold: in its variables, or as a list in its document.
fn submissions(document: &ExecutableDocument, variables: &Variables) -> u64 {
    let most = limits::SUBMISSIONS_MOST as u64;
    let lists = variables.values().filter_map(|value| match value {
        Value::Object(input) => input.get("submissions"),
        list @ Value::List(_) => Some(list),
        _ => None,
    });
    let given = lists.map(|list| if let Value::List(list) = list { list.len() as u64 } else { 1 }).max();
    // If neither holds any, the most is assumed.
    given.max(longest_list(document)).map_or(most, |given| given.clamp(1, most))
}

/// The length of the longest list that is written in a document, as an argument or as the default of a variable. It may
/// be a list of submissions, so it counts as one.
fn longest_list(document: &ExecutableDocument) -> Option<u64> {
    let (operations, fragments) = (&document.operations, document.fragments.values());
    let of_operations = operations.iter().flat_map(|(_, operation)| {
        let defaults =
            operation.node.variable_definitions.iter().filter_map(|v| v.node.default_value.as_ref());
        let defaults = defaults.filter_map(|value| longest(&value.node.clone().into_value()));
        defaults.chain(longest_argument(&operation.node.selection_set.node))
    });
    let of_fragments = fragments.filter_map(|f| longest_argument(&f.node.selection_set.node));
    of_operations.chain(of_fragments).max()
}

/// The length of the longest list in the arguments of these fields and of those below them.
fn longest_argument(set: &SelectionSet) -> Option<u64> {
    let of = |selection: &Positioned<Selection>| match &selection.node {
        Selection::Field(field) => {
            let arguments = field.node.arguments.iter().filter_map(|(_, value)| longest(&value.node)).max();
            arguments.max(longest_argument(&field.node.selection_set.node))
        }
        Selection::InlineFragment(fragment) => longest_argument(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => None,
    };
    set.items.iter().filter_map(of).max()
}

/// The length of the longest list in a value.
fn longest(value: &async_graphql_value::Value) -> Option<u64> {
    use async_graphql_value::Value::{List, Object};
    match value {
        List(items) => Some(items.len() as u64).max(items.iter().filter_map(longest).max()),
        Object(members) => members.values().filter_map(longest).max(),
        _ => None,
    }
}

impl<'d> Counting<'d> {
    fn selections(&self, of: &Name, set: &'d Positioned<SelectionSet>) -> Cost {
        let mut cost = Cost::default();
        for selection in &set.node.items {
            let more = match &selection.node {
                Selection::Field(field) => self.field(of, &field.node),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map_or(of, |c| &c.node.on.node);
                    self.selections(on, &fragment.node.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    self.fragments.get(&spread.node.fragment_name.node).copied().unwrap_or_default()
                }
            };
            cost.add(more);
        }
        cost
    }

    fn field(&self, of: &Name, field: &'d Field) -> Cost {
        let aliases = u64::from(field.alias.is_some());
        // The name, two quotes, a colon and a comma.
        let name = field.alias.as_ref().unwrap_or(&field.name).node.len() as u64 + 4;
        let mut cost = Cost { values: 1, aliases, most_values: 1, most_bytes: name, ..Cost::default() };
        let Some(known) = TYPES.fields.get(of).and_then(|fields| fields.get(&field.name.node)) else {
            // `__typename`, or an unknown field, which validation refuses.
            cost.add(self.selections(of, &field.selection_set));
            cost.most_bytes = cost.most_bytes.saturating_add(SCHEMA_NAME + 2);
            return cost;
        };
        let (times, most) = match known {
            _ if known.paged => (self.asked(field), self.asked(field)),
            _ if known.submitted => (self.submissions, self.submissions),
            _ => (known.times, known.most),
        };
        let below = self.selections(&known.gives, &field.selection_set);
        // A list has brackets, and a comma after each item; an item may be null.
        let (values, bytes) = (
            below.most_values.saturating_add(known.leaf.0 + u64::from(known.list)),
            below.most_bytes.saturating_add(known.leaf.1.max(4) + 1),
        );
        cost.add(Cost {
            values: below.values.saturating_mul(times).saturating_add(known.own - 1),
            aliases: below.aliases,
            most_values: values.saturating_mul(most),
            most_bytes: bytes.saturating_mul(most).saturating_add(2),
            work: below.work.saturating_mul(times).saturating_add(known.own - 1),
            of_schema: if matches!(known.gives.as_str(), "__Schema" | "__Type") {
                values
            } else {
                below.of_schema
            },
        });
        cost
    }

    /// The length of a page that the query asks for, or else the default.
    fn asked(&self, field: &Field) -> u64 {
        let length = |name: &str| {
            // A variable is printed with a dollar sign.
            let text = field.get_argument(name)?.node.to_string();
            match text.strip_prefix('$') {
                None => text.parse().ok(),
                Some(variable) => match self.variables.get(variable) {
                    Some(Value::Number(n)) => n.as_u64(),
                    // Its default in the document is not looked at.
                    _ => Some(limits::PAGE_MOST as u64),
                },
            }
        };
        let length = length("first").or_else(|| length("last"));
        // An empty page has members too.
        length.unwrap_or(limits::PAGE_DEFAULT as u64).clamp(1, limits::PAGE_MOST as u64)
    }
}

/// Estimates the cost of a document, all of its operations together. `order` names its fragments, each after those that it
/// spreads ([`shape`](super::shape)).
pub(super) fn count(document: &ExecutableDocument, variables: &Variables, order: &[&Name]) -> Cost {
    let submissions = submissions(document, variables);
    let mut counting = Counting { variables, fragments: HashMap::new(), submissions };
    for name in order {
        let Some((name, fragment)) = document.fragments.get_key_value(*name) else { continue };
        let on = &fragment.node.type_condition.node.on.node;
        let cost = counting.selections(on, &fragment.node.selection_set);
        counting.fragments.insert(name, cost);
    }
    let mut cost = Cost::default();
    for (_, operation) in document.operations.iter() {
        let root = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        cost.add(counting.selections(&Name::new(root), &operation.node.selection_set));
    }
    // The braces of the answer itself.
    cost.most_bytes = cost.most_bytes.saturating_add(2);
    cost
}

/// Estimates the cost of a request, and refuses one that asks for too much.
///
/// # Errors
/// `TOO_LARGE`, with what was counted and what is taken.
pub fn check(
    document: &ExecutableDocument,
    variables: &Variables,
    order: &[&Name],
) -> Result<Cost, ServerError> {
    let cost = count(document, variables, order);
    let refuse = |what: &str, found: u64, most: u64| {
        let message = format!("too much is asked for at once: {found} {what}, at most {most} are taken");
        Err(errors::refusal("TOO_LARGE", message, None))
    };
    if cost.aliases > limits::GRAPHQL_ALIASES {
        return refuse("aliases", cost.aliases, limits::GRAPHQL_ALIASES);
    }
    if cost.values > limits::GRAPHQL_COST {
        return refuse("values", cost.values, limits::GRAPHQL_COST);
    }
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::{Value, json};

    use super::*;
    use crate::serve::graphql::shape;

    fn cost_of(query: &str, variables: Value) -> Cost {
        let document = parse_query(query).unwrap();
        let variables = Variables::from_json(variables);
        count(&document, &variables, &shape::order(&document).unwrap())
    }
    fn values(query: &str) -> u64 {
        cost_of(query, json!({})).values
    }

    /// One variable that holds a list must not hide those that are written in the document.
    #[test]
    fn submissions_count_where_they_are_written() {
        let results = |query: &str, variables: Value| cost_of(query, variables).most_values;
        let written = |n: usize| {
            let list = vec!["{note: \"\"}"; n].join(" ");
            format!(
                "mutation($other: [Int]) {{ record(input: {{submissions: [{list}]}}) {{ results {{ __typename }} }} }}"
            )
        };
        let given = "mutation($input: RecordInput!) { record(input: $input) { results { __typename } } }";
        let as_given = |n: usize| json!({"input": {"submissions": vec![json!({"note": ""}); n]}});
        for n in [1, 7, 200] {
            let expected = results(given, as_given(n));
            assert_eq!(results(&written(n), json!({})), expected, "{n}");
            assert_eq!(
                results(&written(n), json!({"other": [1]})),
                expected,
                "{n} beside a list of another kind"
            );
            let default = written(n).replace("$other: [Int]", "$list: [Submission!] = [1]");
            assert_eq!(results(&default, json!({})), expected, "{n} beside a default");
        }
        let by_default = "mutation($list: [Submission!] = [1, 2, 3]) { record(input: {submissions: $list}) { results { __typename } } }";
        assert_eq!(results(by_default, json!({})), results(given, as_given(3)));
        let in_a_fragment = "fragment f on Mutation { record(input: {submissions: [1, 2, 3]}) { results { __typename } } } mutation { ...f }";
        assert_eq!(results(in_a_fragment, json!({"other": [1]})), results(given, as_given(3)));
    }

    #[test]
    fn a_field_counts_as_often_as_it_can_stand_in_the_answer() {
        assert_eq!(values("{ checkpoint { size root } }"), 3);
        assert_eq!(values("{ events(first: 7) { nodes { index } } }"), 1 + 7 * 2);
        assert_eq!(values("{ events { nodes { index } } }"), 1 + 20 * 2);
        assert_eq!(values("{ events(last: 9999) { nodes { index } } }"), 1 + 100 * 2);
        assert_eq!(values("{ events(first: 5) { nodes { signers { key } } } }"), 1 + 5 * (1 + 1 + 10));
        // A field costs the same through the interface and through an object type.
        let object = "{ events(first: 5) { nodes { ... on StatementMade { signers { key } } } } }";
        assert_eq!(values(object), values("{ events(first: 5) { nodes { signers { key } } } }"));
        assert_eq!(values("{ nodes(ids: []) { id } }"), 1 + 100);
    }

    #[test]
    fn what_may_take_long_is_known_before() {
        let of_type = "name fields { name type { name ofType { name ofType { name } } } }";
        for long in [
            "{ __schema { types { fields { args { type { name } } } } } }".to_owned(),
            format!("{{ __type(name: \"Node\") {{ possibleTypes {{ {of_type} }} }} }}"),
            format!("{{ ...F }} fragment F on Query {{ __schema {{ types {{ {of_type} }} }} }}"),
        ] {
            assert!(cost_of(&long, json!({})).is_heavy(), "{long}");
        }
        for short in [
            "{ __type(name: \"Node\") { name kind } }",
            "{ events(first: 100) { nodes { index } } }",
            "{ __typename }",
        ] {
            assert!(!cost_of(short, json!({})).is_heavy(), "{short}");
        }
    }

    #[test]
    fn typename_is_not_free() {
        assert_eq!(values("{ events(first: 100) { nodes { __typename } } }"), 1 + 100 * 2);
        let many: String = (0..60).map(|i| format!("a{i}: __typename ")).collect();
        let cost = cost_of(&format!("{{ events(first: 100) {{ nodes {{ {many} }} }} }}"), json!({}));
        assert_eq!((cost.values, cost.aliases), (1 + 100 * 61, 60));
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
    }

    #[test]
    fn what_is_said_of_a_field_is_said_of_one_that_is_there() {
        let names = SAID.work.keys().chain(SAID.lists.keys()).chain(SAID.leaves.keys());
        for (parent, field) in names {
            let there = TYPES.fields.get(*parent).is_some_and(|fields| fields.contains_key(*field));
            assert!(there, "{parent}.{field}");
        }
        for (parent, field) in SAID.lists.keys() {
            assert!(TYPES.fields[*parent][*field].list, "{parent}.{field}");
        }
    }

    #[test]
    fn every_list_of_the_schema_is_counted_as_one() {
        // A connection is a page, and its length is counted there, not at its lists.
        for (parent, fields) in &TYPES.fields {
            assert!(parent.len() as u64 <= SCHEMA_NAME, "{parent}");
            for (name, known) in fields {
                if parent.ends_with("Connection") && (*name == "nodes" || *name == "edges") {
                    assert_eq!(known.times, 1, "{parent}.{name}");
                }
                if known.gives.ends_with("Connection") {
                    assert!(known.paged, "{parent}.{name}");
                }
            }
        }
        assert!(TYPES.fields.len() > 80);
    }
}
