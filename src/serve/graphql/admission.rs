//! Whether a request may be run, judged by its text and variables: the checks before it is run, in order.

use async_graphql::{Request, ServerError};

use super::{
    cost, errors,
    shape::{self, Shape},
    variables,
};
use crate::serve::{edge::fair_queue::Weight, limits};

/// The findings about a request that may be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Whether its answer may turn out too large, so that it is counted while it is made.
    pub open: bool,
    /// How often it asks for `__typename` of one object, at most.
    pub typenames: u64,
    /// Whether checking it takes next to no time.
    pub light: bool,
    /// Whether answering it may take long.
    pub weight: Weight,
}

/// Checks a request before it is run.
///
/// # Errors
/// Why the request is refused, with a code.
pub(super) fn allow(request: &mut Request) -> Result<Allowed, ServerError> {
    // Moved out and back in, not copied: a submission's words are in them.
    let (variables, name) = (std::mem::take(&mut request.variables), request.operation_name.clone());
    // A variable is copied wherever it is named.
    let (copied, most) = (variables::copied(&request.query, &variables), limits::GRAPHQL_COPIED);
    if copied > most {
        let message = format!(
            "variables are named so often that their copies take {copied} bytes; at most {most} are taken"
        );
        return Err(errors::refusal("TOO_LARGE", message, None));
    }
    let allowed = request.parsed_query().and_then(|document| {
        let order = shape::order(document)?;
        variables::check(document, name.as_deref(), &variables)?;
        let cost = cost::check(document, &variables, &order)?;
        let Shape { typenames, compared } = shape::check(document, &order, &variables)?;
        let weight = if cost.is_heavy() { Weight::Heavy } else { Weight::Light };
        Ok(Allowed { open: cost.is_open(), typenames, light: compared <= limits::CHECKED_IN_PLACE, weight })
    });
    request.variables = variables;
    allowed
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_given_back() {
        let refused = |query: &str, variables: serde_json::Value| {
            let mut request = Request::new(query).variables(Variables::from_json(variables.clone()));
            let refused = allow(&mut request).is_err();
            assert_eq!(request.variables, Variables::from_json(variables), "they are given back");
            refused
        };
        assert!(refused("query A($n: Int!) { a }", json!({"n": null})));
        assert!(!refused("query A($n: Int!) { a }", json!({"n": 1})));
        assert!(refused("query (", json!({"n": null})));
    }
}
