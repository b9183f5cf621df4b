//! One operation of a socket: a query or mutation with its one result, or a subscription with many.

use std::sync::Arc;

use async_graphql::{Request, Response, ServerError, parser::types::OperationType};
use tokio::sync::mpsc;

use super::{message, subscription::Subscription};
use crate::serve::{
    App, Client,
    graphql::{errors, http},
    guard, limits,
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
pub(super) type Errors = Vec<ServerError>;

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
        Err(mut errors) => {
            errors::bound(&mut errors);
            vec![message::error(&sink.id, &errors)]
        }
    };
    // A socket that is gone needs no answer.
    let _ = sink.outputs.send(sink.output(last, true)).await;
}

/// The last messages of an operation but `complete`.
async fn start(app: &App, client: Client, request: Request, sink: &Sink) -> Result<Vec<String>, Errors> {
    let mut request = http::parsed(app, client, request).await.map_err(|e| vec![e])?;
    let name = request.operation_name.clone();
    let subscribes = request.parsed_query().map_err(|e| vec![e])?;
    let subscribes = http::operation(subscribes, name.as_deref())
        .is_some_and(|operation| operation.ty == OperationType::Subscription);
    if subscribes {
        follow(app, client, Subscription::new(request)?, sink).await?;
        return Ok(Vec::new());
    }
    let Some(share) = app.edge.requests.take(client) else { return Err(unavailable(guard::TOO_MANY)) };
    let finish = |answer: Response| {
        if http::not_run(&answer) { Err(answer.errors) } else { Ok(message::payload_of(&answer)) }
    };
    let running = http::execute(app, client, Some(share), request, finish);
    match tokio::time::timeout(limits::REQUEST_TIMEOUT, running).await {
        Ok(Some(made)) => made.map(|payload| vec![message::next(&sink.id, &payload)]),
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

/// Sends the log from where the subscription begins, without end.
async fn follow(app: &App, client: Client, subscription: Subscription, sink: &Sink) -> Result<(), Errors> {
    let subscription = Arc::new(subscription);
    let mut next = app.parts.begin(app, client, &subscription).await?;
    let mut news = app.ledger.reader().watch();
    loop {
        // The sender lives as long as the reader.
        if news.wait_for(|size| *size > next).await.is_err() {
            return Ok(());
        }
        let moment = app.parts.moment(app.ledger.reader(), next).await;
        // First a place to put the part, so that no more than one waits for each socket.
        let Ok(place) = sink.outputs.reserve().await else { return Ok(()) };
        let part = app.parts.get(app, client, &moment, &subscription, next).await?;
        next += part.payloads.len() as u64;
        let messages = part.payloads.iter().map(|payload| message::next(&sink.id, payload)).collect();
        place.send(sink.output(messages, false));
    }
}
