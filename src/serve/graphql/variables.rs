//! Variables that must be given: null is no value of a type that ends with `!` (GraphQL, section 6.1.2). The library looks
//! whether they are there, and takes null.

use async_graphql::{ServerError, Value, Variables, parser::types::ExecutableDocument};

use super::http::operation;

/// Refuses a request that gives null where something must be given.
///
/// # Errors
/// Without a path, as of any request that is not valid.
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

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::{Value as Json, json};

    use super::*;

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
        // What is not there is the library's to refuse.
        assert_eq!(refused(query, json!({})), None);
    }
}
