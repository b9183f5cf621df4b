//! One operation of a socket: a query or mutation with its one result, or a subscription with many.

use std::sync::{Arc, Mutex, OnceLock};

use async_graphql::{
    Request, ServerError, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection},
};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::message;
use crate::{
    ledger::{ReadError, Reader},
    serve::{
        App, Client,
        graphql::{ApiSchema, fault, http, subscription::Run},
        guard, limits,
    },
    views::Views,
};

/// What an operation has to say, in order. The socket keeps one at most and the operation waits to make the next.
pub(super) struct Output {
    /// Which operation, by the number that the socket gave it.
    pub operation: u64,
    /// Messages, ready to be sent.
    pub messages: Vec<String>,
    /// Whether the operation is at its end.
    pub last: bool,
}

/// Where an operation's output goes.
pub(super) struct Sink {
    pub operation: u64,
    /// The client's id of it.
    pub id: String,
    pub outputs: mpsc::Sender<Output>,
}

/// Why an operation broke off.
type Errors = Vec<ServerError>;

impl Sink {
    fn output(&self, messages: Vec<String>, last: bool) -> Output {
        Output { operation: self.operation, messages, last }
    }
}

/// Runs an operation to its end. If the socket closes before, it is dropped.
pub(super) async fn run(app: App, client: Client, request: Request, sink: Sink) {
    let last = match start(&app, client, request, &sink).await {
        Ok(mut messages) => {
            messages.push(message::complete(&sink.id));
            messages
        }
        Err(errors) => vec![message::error(&sink.id, &errors)],
    };
    // A socket that is gone needs no answer.
    let _ = sink.outputs.send(sink.output(last, true)).await;
}

/// The last messages of an operation but `complete`.
async fn start(app: &App, client: Client, mut request: Request, sink: &Sink) -> Result<Vec<String>, Errors> {
    let name = request.operation_name.clone();
    let subscribes = request.parsed_query().map_err(|e| vec![e])?;
    let subscribes = http::operation(subscribes, name.as_deref())
        .is_some_and(|operation| operation.ty == OperationType::Subscription);
    if subscribes {
        follow(app, Subscription::new(request)?, sink).await?;
        return Ok(Vec::new());
    }
    let Some(share) = app.requests.take(client) else { return Err(unavailable(guard::TOO_MANY)) };
    let running = http::execute(app, client, Some(share), request);
    match tokio::time::timeout(limits::REQUEST_TIMEOUT, running).await {
        Ok(Some(answer)) if http::not_run(&answer) => Err(answer.errors),
        Ok(Some(answer)) => Ok(vec![message::next(&sink.id, &message::payload_of(&answer))]),
        Ok(None) => Err(unavailable("the query could not be run")),
        Err(_) => Err(unavailable("it took too long")),
    }
}

fn unavailable(why: &str) -> Errors {
    refused(why, "UNAVAILABLE")
}

/// An error about an operation as a whole.
pub(super) fn refused(why: &str, code: &str) -> Errors {
    let mut error = ServerError::new(why, None);
    error.extensions.get_or_insert_default().set("code", code);
    vec![error]
}

fn internal(cause: &ReadError) -> Errors {
    vec![fault::internal(cause).into_server_error(async_graphql::Pos::default())]
}

/// Sends the log from where the subscription begins, without end.
async fn follow(app: &App, subscription: Subscription, sink: &Sink) -> Result<(), Errors> {
    let subscription = Arc::new(subscription);
    let mut next = {
        let subscription = subscription.clone();
        render(app, move |app| subscription.begin(&app.schema, app.ledger.reader())).await?
    };
    let mut news = app.ledger.reader().watch();
    loop {
        // The sender lives as long as the reader.
        if news.wait_for(|size| *size > next).await.is_err() {
            return Ok(());
        }
        // First a place to put the part, so that no more than one waits for each socket.
        let Ok(place) = sink.outputs.reserve().await else { return Ok(()) };
        let part = {
            let subscription = subscription.clone();
            render(app, move |app| subscription.part(&app.schema, app.ledger.reader(), next)).await?
        };
        next += part.payloads.len() as u64;
        let messages = part.payloads.iter().map(|payload| message::next(&sink.id, payload)).collect();
        place.send(sink.output(messages, false));
        if next >= part.size {
            tokio::time::sleep(limits::PART_EVERY).await;
        }
    }
}

/// Does a part's work off the threads that serve connections, when its turn comes.
async fn render<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Result<T, Errors> + Send + 'static,
) -> Result<T, Errors> {
    // The semaphore is never closed. The permit stays with the thread, even if this operation is dropped.
    let permit = app.parts.clone().acquire_owned().await.ok();
    let app = app.clone();
    let working = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&app)
    });
    let ended = |join| Err(internal(&ReadError(format!("a subscription ended: {join}"))));
    working.await.unwrap_or_else(ended)
}

/// A subscription, parsed.
struct Subscription {
    document: ExecutableDocument,
    operation_name: Option<String>,
    variables: Variables,
}

/// Events of a subscription, rendered.
struct Part {
    /// One result for each, as JSON.
    payloads: Vec<String>,
    /// How many entries the log had.
    size: u64,
}

impl Subscription {
    fn new(mut request: Request) -> Result<Self, Errors> {
        let document = request.parsed_query().map_err(|e| vec![e])?.clone();
        Ok(Self { document, operation_name: request.operation_name, variables: request.variables })
    }

    fn request(&self, views: Views, run: Run) -> Request {
        let mut request = Request::new("").variables(self.variables.clone()).data(views).data(run);
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(self.document.clone());
        request
    }

    /// Checks the operation. Gives the index of the first entry to be sent.
    fn begin(&self, schema: &ApiSchema, reader: &Reader) -> Result<u64, Errors> {
        let begins = Arc::new(OnceLock::new());
        let request = self.request(Views::new(reader), Run::Opening(begins.clone()));
        let runtime = tokio::runtime::Handle::current();
        if let Some(answer) = runtime.block_on(schema.execute_stream(request).next()) {
            return Err(answer.errors);
        }
        let operation = http::operation(&self.document, self.operation_name.as_deref());
        let one = operation.is_some_and(selects_one_field);
        let message = "a subscription selects one field, without a fragment around it or a directive";
        match begins.get() {
            Some(begins) if one => Ok(*begins),
            _ => Err(refused(message, "BAD_INPUT")),
        }
    }

    /// Renders the events from an index on, as many as a part may hold: at least one, if there is one.
    fn part(&self, schema: &ApiSchema, reader: &Reader, from: u64) -> Result<Part, Errors> {
        let views = Views::new(reader);
        let size = views.size();
        let to = size.min(from + limits::PART_EVENTS);
        let mut records = Vec::new();
        for index in from..to {
            let missing = || ReadError(format!("entry {index} is missing"));
            let record = views.record(index).and_then(|record| record.ok_or_else(missing));
            records.push(record.map_err(|e| internal(&e))?);
        }
        let mut answers = schema.execute_stream(self.request(views, Run::Part(Mutex::new(records))));
        let runtime = tokio::runtime::Handle::current();
        let mut payloads = Vec::new();
        let mut bytes = 0;
        while bytes < limits::PART_BYTES
            && let Some(answer) = runtime.block_on(answers.next())
        {
            let payload = message::payload_of(&answer);
            bytes += payload.len();
            payloads.push(payload);
        }
        if payloads.is_empty() && from < to {
            return Err(internal(&ReadError(format!("entry {from} was not rendered"))));
        }
        Ok(Part { payloads, size })
    }
}

/// As the specification asks (section 5.2.3.1), and more: what is nested in fragments is not unfolded.
fn selects_one_field(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [selection] => match &selection.node {
            Selection::Field(field) => field.node.directives.is_empty(),
            _ => false,
        },
        _ => false,
    }
}
