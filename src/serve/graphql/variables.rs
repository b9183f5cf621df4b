//! Variables that must be given: null is no value of a type that ends with `!` (GraphQL, section 6.1.2). The library looks
//! whether they are there, and takes null.

use async_graphql::{Request, ServerError, Value};

use super::http::operation;

/// Refuses a request that gives null where something must be given.
///
/// # Errors
/// Without a path, as of any request that is not valid.
pub fn check(request: &mut Request) -> Result<(), ServerError> {
    // Taken and given back: a submission's words are in them.
    let (variables, name) = (std::mem::take(&mut request.variables), request.operation_name.clone());
    let definitions = request.parsed_query().ok().and_then(|document| operation(document, name.as_deref()));
    let null = definitions.and_then(|operation| {
        operation.variable_definitions.iter().find(|definition| {
            let is_null = variables.get(&definition.node.name.node) == Some(&Value::Null);
            is_null && !definition.node.var_type.node.nullable
        })
    });
    let refused = null.map(|definition| {
        let (name, given) = (&definition.node.name.node, &definition.node.var_type.node);
        ServerError::new(format!("Variable \"${name}\" is null; expected \"{given}\""), Some(definition.pos))
    });
    request.variables = variables;
    refused.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn null_is_refused_where_something_must_be_given() {
        let refused = |query: &str, variables: Json| {
            let mut request = Request::new(query).variables(Variables::from_json(variables.clone()));
            let refused = check(&mut request).err().map(|error| error.message);
            assert_eq!(request.variables, Variables::from_json(variables), "they are given back");
            refused
        };
        let query = "query A($n: Int!, $list: [Int!], $m: Int) { a }";
        let null = refused(query, json!({"n": null}));
        assert_eq!(null.as_deref(), Some("Variable \"$n\" is null; expected \"Int!\""));
        assert_eq!(refused(query, json!({"n": 1, "m": null, "list": null})), None);
        // What is not there is the library's to refuse, and so is what can't be parsed.
        assert_eq!(refused(query, json!({})), None);
        assert_eq!(refused("query (", json!({"n": null})), None);
    }
}
