//! A subscription that a client sent, and how it is run.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Instant,
};

use async_graphql::{
    Request, ServerError, Variables,
    parser::types::{ExecutableDocument, Field, Selection},
};
use futures_util::StreamExt as _;

use super::message;
use crate::{
    event::Digest,
    ledger::{ReadError, Reader},
    serve::{
        clock,
        graphql::{
            admission::{Allowed, allow},
            errors, fault,
            meter::Meter,
            request::operation,
            schema::{ApiSchema, Schemas},
            state::Now,
            types::subscription::Run,
        },
        limits,
    },
    views::{Allowance, Views},
};

/// Why an operation broke off.
pub(super) type Errors = Vec<ServerError>;

/// A subscription that was parsed and checked.
pub(super) struct Subscription {
    document: ExecutableDocument,
    operation_name: Option<String>,
    variables: Variables,
    allowed: Allowed,
    /// The same for all subscriptions that render an event in the same way.
    pub key: Digest,
}

/// Rendered events of a subscription.
pub(super) struct Part {
    /// One result for each event, as JSON.
    pub payloads: Vec<String>,
    /// How many entries the log had when they were rendered.
    pub size: u64,
}

/// An error about an operation as a whole.
pub(super) fn refused(why: &str, code: &str) -> Errors {
    let mut error = ServerError::new(why, None);
    error.extensions.get_or_insert_default().set("code", code);
    vec![error]
}

/// The error for a failed read, whose cause is logged.
pub(super) fn internal(cause: &ReadError) -> Errors {
    vec![fault::of_request(cause)]
}

impl Subscription {
    pub fn new(mut request: Request) -> Result<Self, Errors> {
        let allowed = allow(&mut request).map_err(|refused| vec![refused])?;
        let document = request.parsed_query().map_err(|e| vec![e])?.clone();
        let key = key(&document, &request);
        Ok(Self {
            document,
            operation_name: request.operation_name,
            variables: request.variables,
            allowed,
            key,
        })
    }

    /// The schema to run it with: the metered one if its answers may be too large.
    fn schema<'s>(&self, schemas: &'s Schemas) -> &'s ApiSchema {
        if self.allowed.open { &schemas.metered } else { &schemas.plain }
    }

    fn meter(&self) -> Arc<Meter> {
        let allowance = Allowance::new(limits::ENTRIES_READ, Instant::now() + limits::WORK_TIMEOUT);
        Arc::new(Meter::new(Arc::new(allowance), self.allowed.typenames))
    }

    fn request(&self, views: Views, meter: &Arc<Meter>, run: Run) -> Request {
        let mut request = Request::new("")
            .data(meter.clone())
            .variables(self.variables.clone())
            .data(Arc::new(views.within(meter.allowance())))
            .data(run)
            .data(Now::new(clock::now()));
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(self.document.clone());
        request
    }

    /// Checks the operation, and returns the index of the first entry to be sent.
    pub fn begin(&self, schemas: &Schemas, reader: &Reader) -> Result<u64, Errors> {
        let begins = Arc::new(OnceLock::new());
        let request = self.request(Views::new(reader), &self.meter(), Run::Opening(begins.clone()));
        let runtime = tokio::runtime::Handle::current();
        if let Some(answer) = runtime.block_on(self.schema(schemas).execute_stream(request).next()) {
            return Err(answer.errors);
        }
        let message = "a subscription selects one field, without a fragment around it or a directive";
        match (begins.get(), field(&self.document, self.operation_name.as_deref())) {
            (Some(begins), Some(_)) => Ok(*begins),
            _ => Err(refused(message, "BAD_INPUT")),
        }
    }

    /// Renders the events from the index `from` on, as many as a part may hold: at least one, if there is one.
    pub fn part(&self, schemas: &Schemas, reader: &Reader, from: u64) -> Result<Part, Errors> {
        let views = Views::new(reader);
        let size = views.size();
        let to = size.min(from + limits::PART_EVENTS);
        let mut records = Vec::new();
        for index in from..to {
            let missing = || ReadError::Fault(format!("entry {index} is missing"));
            let record = views.record(index).and_then(|record| record.ok_or_else(missing));
            records.push(record.map_err(|e| internal(&e))?);
        }
        let meter = self.meter();
        let request = self.request(views, &meter, Run::Part(Mutex::new(records)));
        let mut answers = self.schema(schemas).execute_stream(request);
        let runtime = tokio::runtime::Handle::current();
        let mut payloads = Vec::new();
        let mut bytes = 0;
        while bytes < limits::PART_BYTES
            && let Some(mut answer) = runtime.block_on(answers.next())
        {
            match meter.ended() {
                // The events before it may have used up the work; then it is rendered again in the next part.
                Some(_) if !payloads.is_empty() => break,
                Some(error) => return Err(vec![error]),
                // The limits on an answer hold for each event.
                None => meter.reset(),
            }
            errors::bound(&mut answer.errors);
            let payload = message::payload_of(&answer);
            bytes += payload.len();
            payloads.push(payload);
        }
        if payloads.is_empty() && from < to {
            return Err(internal(&ReadError::Fault(format!("entry {from} was not rendered"))));
        }
        Ok(Part { payloads, size })
    }
}

/// The one field of a subscription, as the specification asks (section 5.2.3.1). `None` also if it is in a fragment or has a
/// directive, which the specification would allow.
fn field<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d Field> {
    match operation(document, name)?.selection_set.node.items.as_slice() {
        [selection] => match &selection.node {
            Selection::Field(field) if field.node.directives.is_empty() => Some(&field.node),
            _ => None,
        },
        _ => None,
    }
}

/// A hash of everything that a part depends on except its place in the log. The variable of `after` is left out, since it only
/// says where a subscription begins: so subscriptions that began at different places share their parts.
fn key(document: &ExecutableDocument, request: &Request) -> Digest {
    let mut variables = request.variables.clone();
    let field = field(document, request.operation_name.as_deref());
    // A variable is printed with a dollar sign, a string in quotes.
    let after = field.and_then(|field| field.get_argument("after")).map(|value| value.node.to_string());
    if let Some(name) = after.as_deref().and_then(|after| after.strip_prefix('$'))
        && request.query.matches(&format!("${name}")).count() == 2
    {
        // It is named twice: where it is declared, and here.
        variables.remove(name);
    }
    // This does not fail: values of GraphQL always serialise.
    let variables = serde_json::to_string(&variables).unwrap_or_default();
    let name = request.operation_name.as_deref().unwrap_or_default();
    let lengths = [request.query.len() as u64, name.len() as u64].map(u64::to_be_bytes).concat();
    Digest::blake3(&[&lengths, request.query.as_bytes(), name.as_bytes(), variables.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key_of(query: &str, variables: Value) -> Digest {
        let request = Request::new(query).variables(Variables::from_json(variables));
        Subscription::new(request).unwrap_or_else(|_| panic!("{query}")).key
    }

    #[test]
    fn where_a_subscription_begins_is_not_what_it_renders() {
        let query = "subscription($after: Index) { events(after: $after) { index } }";
        let key = key_of(query, json!({"after": 3}));
        for other in [json!({}), json!({"after": null}), json!({"after": 4})] {
            assert_eq!(key_of(query, other), key);
        }
        assert_ne!(key_of(query, json!({"after": 3, "other": 1})), key);
        assert_ne!(key_of("subscription($after: Index) { events(after: $after) { id } }", json!({})), key);
    }

    #[test]
    fn all_else_is() {
        // A variable that is also used elsewhere may be shown.
        let query = "subscription($n: Index) { events(after: $n) { inclusionProof(size: $n) { path } } }";
        assert_ne!(key_of(query, json!({"n": 3})), key_of(query, json!({"n": 4})));
        // So may a variable that is not that of `after`.
        let query = "subscription($a: Index, $on: Boolean!) { events(after: $a) { id @include(if: $on) } }";
        assert_ne!(key_of(query, json!({"on": true})), key_of(query, json!({"on": false})));
        assert_eq!(key_of(query, json!({"on": true, "a": 1})), key_of(query, json!({"on": true})));
        // Nor are the text and the name confused with each other where one ends and the other begins.
        let named = |query: &str, name: &str| {
            let request = Request::new(query).operation_name(name);
            Subscription::new(request).unwrap_or_else(|_| panic!("{query}")).key
        };
        let both = "subscription A { events { id } } subscription B { events { index } }";
        assert_ne!(named(both, "A"), named(both, "B"));
        assert_ne!(named(both, "A"), named(&both.replace('}', "} "), "A"));
    }
}
