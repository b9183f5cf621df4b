//! Checks of a request's variables that the library does not make: null is no value of a type that ends with `!` (GraphQL,
//! section 6.1.2), but the library only checks whether such a variable is there, and accepts null.

use async_graphql::{Name, ServerError, Value, Variables, parser::types::ExecutableDocument};

use super::request::operation;

/// Refuses a request that gives null for a variable whose type is not nullable.
///
/// # Errors
/// An error without a path, as for every invalid request.
pub fn check(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: &Variables,
) -> Result<(), ServerError> {
    let definitions = operation(document, name).into_iter().flat_map(|o| &o.variable_definitions);
    let null = definitions.map(|definition| (&definition.node, definition.pos)).find(|(variable, _)| {
        !variable.var_type.node.nullable && variables.get(&variable.name.node) == Some(&Value::Null)
    });
    null.map_or(Ok(()), |(variable, pos)| {
        let (name, given) = (&variable.name.node, &variable.var_type.node);
        Err(ServerError::new(format!("Variable \"${name}\" is null; expected \"{given}\""), Some(pos)))
    })
}

/// About how many bytes the library's copies of variables take, without the first copy of each. It copies a variable wherever
/// one is named; the first mention is the definition.
pub fn copied(text: &str, variables: &Variables) -> usize {
    let named = text.split('$').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    });
    let mut times = std::collections::HashMap::<&str, usize>::new();
    named.for_each(|name| *times.entry(name).or_default() += 1);
    let of = |(name, value): (&Name, &Value)| {
        times.get(name.as_str()).map_or(0, |times| times.saturating_sub(2)).saturating_mul(bytes(value))
    };
    variables.iter().map(of).fold(0, usize::saturating_add)
}

/// About how many bytes a value takes. Its depth was bounded when it was read ([`json`](super::json)).
fn bytes(value: &Value) -> usize {
    const EACH: usize = 64;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::List(list) => list.iter().map(bytes).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + bytes(value)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn a_variable_counts_as_often_as_it_is_named() {
        let copied = |text: &str| {
            copied(text, &Variables::from_json(json!({"a": {"n": "x".repeat(1_000)}, "ab": "y".repeat(50)})))
        };
        assert_eq!(copied("mutation($a: I!, $ab: I) { r(i: $a) q(i: $ab) }"), 0);
        assert_eq!(copied("mutation($a: I!) { r(i: [$a $a $a]) }"), 2 * (64 + 1 + 64 + 1_000));
        assert_eq!(copied("{ a(b: [$ab,$ab $ab$]) }"), 64 + 50);
        assert_eq!(copied("$"), 0);
    }

    #[test]
    fn null_is_refused_where_something_must_be_given() {
        let refused = |query: &str, variables: Json| {
            let document = parse_query(query).unwrap();
            check(&document, None, &Variables::from_json(variables)).err().map(|error| error.message)
        };
        let query = "query A($n: Int!, $list: [Int!], $m: Int) { a }";
        let null = refused(query, json!({"n": null}));
        assert_eq!(null.as_deref(), Some("Variable \"$n\" is null; expected \"Int!\""));
        assert_eq!(refused(query, json!({"n": 1, "m": null, "list": null})), None);
        // The library refuses a missing variable.
        assert_eq!(refused(query, json!({})), None);
    }
}
