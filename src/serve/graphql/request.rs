//! A GraphQL request: its members, the operation that it runs, and whether that only reads.

use async_graphql::{
    Request, Response as Answer, ServerError, Value, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
};

use super::{errors, json::Members};
use crate::serve::limits;

/// The most bytes that `values` JSON values take in memory while their request waits for its turn.
pub(super) fn bytes_of(values: usize) -> usize {
    values.saturating_mul(limits::VALUE_BYTES)
}

/// Why members make no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRequest {
    /// A member is missing, or has the wrong type.
    Malformed(&'static str),
    /// It names its query by a hash alone.
    Persisted,
}

/// The error for a request that names its query by a hash. Clients (Apollo's, urql's) know this code and this message, and send
/// the query itself from then on.
pub(super) fn persisted() -> ServerError {
    errors::refusal("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported", None)
}

/// Makes a request of its members: `query`, `operationName`, `variables` and `extensions`. The extensions are ignored if there
/// is a query.
///
/// # Errors
/// [`NoRequest`], if the members make no request.
pub(super) fn of_members(mut members: Members) -> Result<Request, NoRequest> {
    let mut take = |name: &str| members.swap_remove(name).filter(|v| *v != Value::Null);
    let malformed = |why| Err(NoRequest::Malformed(why));
    let persisted = match take("extensions") {
        None => false,
        Some(Value::Object(extensions)) => matches!(extensions.get("persistedQuery"), Some(Value::Object(_))),
        Some(_) => return malformed("extensions: expected an object"),
    };
    let query = match take("query") {
        Some(Value::String(query)) => query,
        None if persisted => return Err(NoRequest::Persisted),
        _ => return malformed("query: expected a string"),
    };
    let mut request = Request::new(query);
    match take("operationName") {
        None => {}
        Some(Value::String(name)) => request = request.operation_name(name),
        Some(_) => return malformed("operationName: expected a string"),
    }
    match take("variables") {
        None => Ok(request),
        Some(variables @ Value::Object(_)) => Ok(request.variables(Variables::from_value(variables))),
        Some(_) => malformed("variables: expected an object"),
    }
}

/// The operation of the document that would run. A single operation need not be named. `None` if there is no such operation:
/// the library then refuses the request.
pub(super) fn operation<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => all.values().next(),
        (DocumentOperations::Multiple(_), None) => None,
    };
    operation.map(|operation| &operation.node)
}

/// Whether the operation that would run is not a query, or may not be.
pub(super) fn mutates(request: &mut Request) -> bool {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return false };
    match operation(document, name.as_deref()) {
        Some(operation) => operation.ty != OperationType::Query,
        None => document.operations.iter().any(|(_, operation)| operation.node.ty != OperationType::Query),
    }
}

/// Whether a request was not run at all: errors without a path, and no data.
pub(super) fn not_run(answer: &Answer) -> bool {
    !answer.errors.is_empty()
        && answer.data == async_graphql::Value::Null
        && answer.errors.iter().all(|e| e.path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_is_known_whether_named_or_not() {
        let asked = |query: &str, name: Option<&str>| {
            let mut request = Request::new(query);
            request.operation_name = name.map(str::to_owned);
            mutates(&mut request)
        };
        assert!(asked("mutation { a }", None));
        assert!(asked("mutation M { a }", None));
        assert!(asked("mutation M { a }", Some("M")));
        assert!(asked("query Q { a } mutation M { a }", Some("M")));
        assert!(asked("query Q { a } mutation M { a }", None));
        assert!(asked("subscription { a }", None));
        assert!(!asked("query Q { a } mutation M { a }", Some("Q")));
        assert!(!asked("{ a }", None));
        assert!(!asked("not a query", None));
    }
}
