//! One operation of a socket: a query or mutation with its one result, or a subscription with many.

use std::sync::Arc;

use async_graphql::{Request, Response, parser::types::OperationType};
use tokio::sync::mpsc;

use super::{
    kept::{Kept, OfSocket},
    message,
    subscription::{Errors, Subscription, refused},
};
use crate::serve::{
    app::App,
    edge::{client::Client, guard, quota::Share},
    graphql::{
        errors,
        execution::{self, IN_MEMORY, Unparsed},
        request::{not_run, operation},
    },
    limits,
};

/// What an operation has to say, in order. The socket keeps one at most and the operation waits to make the next.
pub(super) struct Output {
    /// Which operation, by the number that the socket gave it.
    pub operation: u64,
    /// Messages, ready to be sent.
    pub messages: Vec<String>,
    /// Whether the operation is at its end.
    pub last: bool,
    /// What the messages take of the memory for what is sent, until they are; none if they are short.
    pub held: Option<Share>,
}

/// Where an operation's output goes.
pub(super) struct Sink {
    pub operation: u64,
    /// The client's id of it.
    pub id: String,
    pub outputs: mpsc::Sender<Output>,
    pub kept: OfSocket,
}

impl Sink {
    fn output(&self, messages: Vec<String>, last: bool, held: Option<Share>) -> Output {
        Output { operation: self.operation, messages, last, held }
    }
}

/// Runs an operation to its end. If the socket closes before, it is dropped.
pub(super) async fn run(app: App, client: Client, request: Request, held: Share, sink: Sink) {
    let (last, held) = match start(&app, client, request, held, &sink).await {
        Ok(Some((result, held))) => (vec![result, message::complete(&sink.id)], Some(held)),
        Ok(None) => (vec![message::complete(&sink.id)], None),
        Err(mut errors) => {
            errors::bound(&mut errors);
            (vec![message::error(&sink.id, &errors)], None)
        }
    };
    // A socket that is gone needs no answer.
    let _ = sink.outputs.send(sink.output(last, true, held)).await;
}

/// The result of an operation that has one, and what it takes of memory until it is sent. What the operation holds is held
/// until then; what a subscription keeps, to its end.
async fn start(
    app: &App,
    client: Client,
    request: Request,
    mut held: Share,
    sink: &Sink,
) -> Result<Option<(String, Share)>, Errors> {
    let parsed = execution::parsed(app, client, request, &mut held).await;
    let mut request = parsed.map_err(|unparsed| match unparsed {
        Unparsed::Busy => unavailable(IN_MEMORY),
        Unparsed::Refused(error) => vec![error],
    })?;
    let name = request.operation_name.clone();
    let subscribes = request.parsed_query().map_err(|e| vec![e])?;
    let subscribes = operation(subscribes, name.as_deref())
        .is_some_and(|operation| operation.ty == OperationType::Subscription);
    if subscribes {
        let kept = Kept::take(&sink.kept, held.held());
        let Some(_kept) = kept else {
            return Err(unavailable("the subscriptions of one connection ask for too much at once"));
        };
        drop(held);
        follow(app, client, Subscription::new(request)?, sink).await?;
        return Ok(None);
    }
    let Some(share) = app.edge.requests.take(client) else { return Err(unavailable(guard::TOO_MANY)) };
    let finish = |answer: Response| {
        if not_run(&answer) { Err(answer.errors) } else { Ok(message::payload_of(&answer)) }
    };
    let running = execution::execute(app, client, (share, held), request, finish);
    match tokio::time::timeout(limits::REQUEST_TIMEOUT, running).await {
        Ok(Some(made)) => {
            let result = message::next(&sink.id, &made?);
            let held = app.outputs.take_many(client, result.len().saturating_mul(COPIES));
            Ok(Some((result, held.ok_or_else(|| unavailable(guard::TOO_MANY_ANSWERS))?)))
        }
        Ok(None) => Err(unavailable("the query could not be run")),
        Err(_) => Err(unavailable("it took too long")),
    }
}

/// How often what is sent is in memory: as it was made, and as the message.
pub(super) const COPIES: usize = 2;
/// Bytes that an event of a subscription commonly takes.
const EVENT: usize = 4 << 10;

fn unavailable(why: &str) -> Errors {
    refused(why, "UNAVAILABLE")
}

/// Sends the log from where the subscription begins, without end.
async fn follow(app: &App, client: Client, subscription: Subscription, sink: &Sink) -> Result<(), Errors> {
    let subscription = Arc::new(subscription);
    let mut next = app.parts.begin(client, &subscription).await?;
    let mut news = app.ledger.reader().watch();
    let (first, most) = limits::ROOM_PAUSE;
    let mut pause = first;
    loop {
        // The sender lives as long as the reader.
        let Ok(size) = news.wait_for(|size| *size > next).await.map(|size| *size) else { return Ok(()) };
        let moment = app.parts.moment(next).await;
        // First a place to put the part, so that no more than one waits for each socket; and room for what is expected, so
        // that nothing is rendered that can't be kept.
        let Ok(place) = sink.outputs.reserve().await else { return Ok(()) };
        let events = usize::try_from(size.saturating_sub(next)).unwrap_or(usize::MAX);
        let expected = events.saturating_mul(EVENT).min(limits::PART_BYTES).saturating_mul(COPIES);
        if let Some(mut held) = app.outputs.take_many(client, expected) {
            let part = app.parts.get(client, &moment, &subscription, next).await?;
            let bytes: usize = part.payloads.iter().map(String::len).sum();
            if held.grow(bytes.saturating_mul(COPIES).saturating_sub(expected)) {
                next += part.payloads.len() as u64;
                let messages = part.payloads.iter().map(|payload| message::next(&sink.id, payload)).collect();
                place.send(sink.output(messages, false, Some(held)));
                pause = first;
                continue;
            }
        }
        // Nothing is lost: the log is read again when there is room. Other operations of the socket go on meanwhile.
        drop(place);
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(most);
    }
}
