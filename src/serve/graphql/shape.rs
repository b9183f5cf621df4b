//! The size of a document with its fragments expanded, found without expanding them.
//!
//! The library expands fragments recursively to count and to check. A chain of fragments makes it recurse as deep as the chain
//! is long, and if each fragment spreads the next twice, the work doubles with each. Here each fragment is visited once, after
//! those that it spreads, so refusing a document takes time in proportion to its length.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, ServerError, Value as ConstValue, Variables,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};
use async_graphql_value::Value;

use super::errors;
use crate::serve::limits;

/// The size of some selections, with their fragments expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weight {
    /// Selections; those within a fragment count each time that it is spread.
    selections: u64,
    /// The greatest depth of fields and fragments within each other.
    levels: u64,
    /// Bytes of arguments; those of a variable count each time that it is named.
    arguments: u64,
    /// Selections and arguments on this level: its fields, and those of the fragments spread among them.
    level: u64,
    /// The sum of `level` over all braces. For each pair of braces the library compares what is in it.
    compared: u64,
    /// How often `__typename` is on this level.
    typenames: u64,
    /// How often `__typename` is on the level that has most of them.
    typenames_most: u64,
}

impl Weight {
    /// Adds the size of selections on the same level.
    fn add(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.levels = self.levels.max(other.levels);
        self.arguments = self.arguments.saturating_add(other.arguments);
        self.level = self.level.saturating_add(other.level);
        self.compared = self.compared.saturating_add(other.compared);
        self.typenames = self.typenames.saturating_add(other.typenames);
        self.typenames_most = self.typenames_most.max(other.typenames_most);
    }
}

/// Measures a document. A fragment is measured after those that it spreads.
struct Scale<'d> {
    variables: HashMap<&'d str, u64>,
    fragments: HashMap<&'d str, Weight>,
}

/// About how many bytes a variable's value has. Its depth is bounded where it is read.
fn size(value: &ConstValue) -> u64 {
    match value {
        ConstValue::String(text) => text.len() as u64 + 1,
        ConstValue::List(values) => 1 + values.iter().map(size).sum::<u64>(),
        ConstValue::Object(members) => 1 + members.iter().map(|(n, v)| n.len() as u64 + size(v)).sum::<u64>(),
        _ => 1,
    }
}

impl<'d> Scale<'d> {
    /// Bytes of an argument, and how many values it holds as written.
    fn argument(&self, value: &Value) -> (u64, u64) {
        let all = |values: &mut dyn Iterator<Item = &Value>| {
            values
                .map(|v| self.argument(v))
                .fold((1, 1_u64), |(a, b): (u64, u64), (c, d)| (a.saturating_add(c), b.saturating_add(d)))
        };
        match value {
            Value::Variable(name) => (self.variables.get(name.as_str()).copied().unwrap_or(1), 1),
            Value::String(text) => (text.len() as u64 + 1, 1),
            Value::List(values) => all(&mut values.iter()),
            Value::Object(members) => all(&mut members.values()),
            _ => (1, 1),
        }
    }

    fn arguments<'v>(&self, arguments: impl Iterator<Item = &'v Positioned<Value>>) -> Weight {
        let mut weight = Weight::default();
        for argument in arguments {
            let (bytes, values) = self.argument(&argument.node);
            weight.add(Weight { arguments: bytes, level: values, ..Weight::default() });
        }
        weight
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Weight {
        self.arguments(directives.iter().flat_map(|d| d.node.arguments.iter().map(|(_, v)| v)))
    }

    /// Measures what is in one pair of braces. The depth of braces was bounded when the text was counted.
    fn set(&self, set: &Positioned<SelectionSet>) -> Weight {
        let mut weight = Weight::default();
        for selection in &set.node.items {
            let mut own = Weight { selections: 1, levels: 1, level: 1, ..Weight::default() };
            match &selection.node {
                Selection::Field(field) => {
                    own.add(self.arguments(field.node.arguments.iter().map(|(_, v)| v)));
                    own.add(self.directives(&field.node.directives));
                    let below = self.set(&field.node.selection_set);
                    own.typenames = u64::from(field.node.name.node == "__typename");
                    // Its sub-selection is another level.
                    own.add(Weight { level: 0, typenames: 0, levels: below.levels + 1, ..below });
                }
                Selection::InlineFragment(fragment) => {
                    own.add(self.directives(&fragment.node.directives));
                    let within = self.set(&fragment.node.selection_set);
                    own.add(Weight { levels: within.levels + 1, ..within });
                }
                Selection::FragmentSpread(spread) => {
                    own.add(self.directives(&spread.node.directives));
                    let name = spread.node.fragment_name.node.as_str();
                    // The library refuses a fragment that is not defined.
                    let within = self.fragments.get(name).copied().unwrap_or_default();
                    // What is compared within the fragment is added once, where the fragment is defined.
                    own.add(Weight { levels: within.levels + 1, compared: 0, ..within });
                }
            }
            weight.add(own);
        }
        weight.compared = weight.compared.saturating_add(weight.level);
        weight.typenames_most = weight.typenames_most.max(weight.typenames);
        weight
    }
}

/// Collects the fragments that some selections spread, in no particular order. The depth of braces was bounded when the text was
/// counted.
fn spreads<'d>(set: &'d SelectionSet, into: &mut Vec<&'d Name>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => spreads(&field.node.selection_set.node, into),
            Selection::InlineFragment(fragment) => spreads(&fragment.node.selection_set.node, into),
            Selection::FragmentSpread(spread) => into.push(&spread.node.fragment_name.node),
        }
    }
}

/// The names of all fragments, each after those that it spreads. `None` if one spreads itself, directly or through others.
fn in_order(document: &ExecutableDocument) -> Option<Vec<&Name>> {
    // For each fragment: how many of those that it spreads are not in `order` yet, and which fragments spread it.
    let mut waits: HashMap<&str, usize> = HashMap::new();
    let mut spread_by: HashMap<&str, Vec<&Name>> = HashMap::new();
    let mut ready = Vec::new();
    for (name, fragment) in &document.fragments {
        let mut below = Vec::new();
        spreads(&fragment.node.selection_set.node, &mut below);
        below.retain(|name| document.fragments.contains_key(*name));
        below.sort_unstable();
        below.dedup();
        if below.is_empty() {
            ready.push(name);
        }
        waits.insert(name, below.len());
        for spread in below {
            spread_by.entry(spread).or_default().push(name);
        }
    }
    let mut order = Vec::with_capacity(document.fragments.len());
    while let Some(name) = ready.pop() {
        order.push(name);
        for above in spread_by.get(name.as_str()).into_iter().flatten() {
            if let Some(waits) = waits.get_mut(above.as_str()) {
                *waits -= 1;
                if *waits == 0 {
                    ready.push(above);
                }
            }
        }
    }
    (order.len() == document.fragments.len()).then_some(order)
}

/// The fragments of a document, each after those that it spreads.
///
/// # Errors
/// `BAD_REQUEST` if a fragment is spread within itself.
pub fn order(document: &ExecutableDocument) -> Result<Vec<&Name>, ServerError> {
    let cycle = || errors::refusal("BAD_REQUEST", "a fragment is spread within itself", None);
    in_order(document).ok_or_else(cycle)
}

/// The measures of a document that others need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How often `__typename` is asked of one object, at most.
    pub typenames: u64,
    /// Selections and arguments that checking it compares.
    pub compared: u64,
}

/// Measures a document with its `variables`. `order` is what [`order`] gives for it.
///
/// # Errors
/// `TOO_LARGE`, with what was found and what is taken.
pub fn check(
    document: &ExecutableDocument,
    order: &[&Name],
    variables: &Variables,
) -> Result<Shape, ServerError> {
    let sizes = variables.iter().map(|(name, value)| (name.as_str(), size(value)));
    let mut scale = Scale { variables: sizes.collect(), fragments: HashMap::with_capacity(order.len()) };
    let mut whole = Weight::default();
    for name in order {
        let Some((name, fragment)) = document.fragments.get_key_value(*name) else { continue };
        let mut weight = scale.set(&fragment.node.selection_set);
        // The library also checks each fragment where it is defined, whether it is spread or not.
        whole.add(weight);
        weight.compared = 0;
        scale.fragments.insert(name, weight);
    }
    for (_, operation) in document.operations.iter() {
        whole.add(scale.set(&operation.node.selection_set));
    }
    let at_most = |what: &str, found: u64, most: u64| {
        let message = || format!("the document is too large: {found} {what}, at most {most} are taken");
        (found <= most).then_some(()).ok_or_else(|| errors::refusal("TOO_LARGE", message(), None))
    };
    at_most("levels, fragments counted where they are spread", whole.levels, limits::GRAPHQL_LEVELS)?;
    at_most(
        "selections, fragments counted where they are spread",
        whole.selections,
        limits::GRAPHQL_UNFOLDED,
    )?;
    at_most("bytes of arguments", whole.arguments, limits::GRAPHQL_BODY as u64)?;
    at_most("selections to be compared with each other", whole.compared, limits::GRAPHQL_COMPARED)?;
    Ok(Shape { typenames: whole.typenames_most, compared: whole.compared })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::{Value as Json, json};

    use super::*;

    fn refused_with(text: &str, variables: Json) -> Option<String> {
        let document = parse_query(text).unwrap();
        let checked =
            order(&document).and_then(|order| check(&document, &order, &Variables::from_json(variables)));
        checked.err().map(|e| e.message)
    }
    fn refused(text: &str) -> String {
        refused_with(text, json!({})).expect(text)
    }

    #[test]
    fn a_chain_of_fragments_is_as_deep_as_it_is_long() {
        let chain = |n: u64, root: &str| {
            let links = (0..n).map(|i| format!(" fragment F{i} on Query {{ ...F{} }}", i + 1));
            format!("{{ {root} }}{} fragment F{n} on Query {{ a }}", links.collect::<String>())
        };
        for root in ["...F0", "a"] {
            assert!(refused(&chain(limits::GRAPHQL_LEVELS, root)).contains("levels"));
            assert_eq!(refused_with(&chain(limits::GRAPHQL_LEVELS / 2 - 2, root), json!({})), None);
        }
    }

    #[test]
    fn what_doubles_with_each_fragment_is_counted_and_not_unfolded() {
        for leaf in ["a", "__typename"] {
            let mut text = "{ ...F0 }".to_owned();
            for i in 0..40 {
                text.push_str(&format!(" fragment F{i} on Query {{ ...F{} ...F{} }}", i + 1, i + 1));
            }
            text.push_str(&format!(" fragment F40 on Query {{ {leaf} }}"));
            assert!(refused(&text).contains("selections"));
            // A fragment that nothing spreads is measured too.
            assert!(refused(&text.replacen("...F0", "a", 1)).contains("selections"));
        }
    }

    #[test]
    fn a_fragment_within_itself_is_refused_wherever_it_stands() {
        for text in [
            "{ ...A } fragment A on Query { a { ...A } }",
            "{ a } fragment A on Query { ... { ...B } } fragment B on Query { a { ...A } }",
        ] {
            assert!(refused(text).contains("within itself"));
        }
        assert_eq!(refused_with("{ ...A ...A } fragment A on Query { a ...Missing }", json!({})), None);
    }

    #[test]
    fn what_is_compared_with_each_other_is_added_up_for_each_brace() {
        // A large fragment is spread in each of many braces.
        let fields = |n: usize| (0..n).map(|i| format!("a{i} ")).collect::<String>();
        let text = |braces: usize, n: usize| {
            format!("{{ {} }} fragment F on Query {{ {} }}", "b { ...F } ".repeat(braces), fields(n))
        };
        assert!(refused(&text(19, 1_000)).contains("selections"));
        assert_eq!(refused_with(&text(9, 1_000), json!({})), None);
        let nested = format!(
            "{{ {} ...F {} }} fragment F on Query {{ {} }}",
            "... { ".repeat(60),
            "} ".repeat(60),
            fields(1_500)
        );
        assert!(refused(&nested).contains("compared"));
    }

    #[test]
    fn what_is_asked_of_one_thing_again_and_again_is_known() {
        let text = "{ __typename a { __typename ...F b { __typename __typename } } } \
                    fragment F on A { ... { __typename } x: __typename }";
        let document = parse_query(text).unwrap();
        assert_eq!(check(&document, &order(&document).unwrap(), &Variables::default()).unwrap().typenames, 3);
    }

    #[test]
    fn a_variable_counts_each_time_it_is_named() {
        let text = "mutation($i: RecordInput!) { a: record(input: $i) b: record(input: {x: [$i]}) { ...F } } \
                    fragment F on RecordPayload { c(d: \"x\") @e(f: $i) }";
        let half = "x".repeat(limits::GRAPHQL_BODY / 2);
        assert!(refused_with(text, json!({"i": {"n": [half]}})).unwrap().contains("bytes of arguments"));
        let quarter = &half[..half.len() / 3];
        assert_eq!(refused_with(text, json!({"i": {"n": [quarter]}})), None);
    }
}
