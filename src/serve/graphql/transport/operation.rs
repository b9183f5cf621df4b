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

/// Messages of an operation, in order. At most one output waits in the socket's channel; an operation waits before it makes
/// another.
pub(super) struct Output {
    /// The number that the socket gave the operation.
    pub operation: u64,
    /// The messages, ready to be sent.
    pub messages: Vec<String>,
    /// Whether these are the operation's last messages.
    pub last: bool,
    /// The share of the memory for outputs that the messages take until they are sent; `None` for errors and `complete`.
    pub held: Option<Share>,
}

/// Where an operation's output goes.
pub(super) struct Sink {
    /// The number that the socket gave the operation.
    pub operation: u64,
    /// The id that the client gave the operation.
    pub id: String,
    pub outputs: mpsc::Sender<Output>,
    /// The memory that the subscriptions of the socket take.
    pub kept: OfSocket,
}

impl Sink {
    fn output(&self, messages: Vec<String>, last: bool, held: Option<Share>) -> Output {
        Output { operation: self.operation, messages, last, held }
    }
}

/// Runs an operation to its end. It is dropped if the socket closes before.
pub(super) async fn run(app: App, client: Client, request: Request, held: Share, sink: Sink) {
    let (last, held) = match start(&app, client, request, held, &sink).await {
        Ok(Some((result, held))) => (vec![result, message::complete(&sink.id)], Some(held)),
        Ok(None) => (vec![message::complete(&sink.id)], None),
        Err(mut errors) => {
            errors::bound(&mut errors);
            (vec![message::error(&sink.id, &errors)], None)
        }
    };
    // An error means that the socket is closed: then nobody waits for an answer.
    let _ = sink.outputs.send(sink.output(last, true, held)).await;
}

/// Runs an operation. Returns the result of a query or mutation, with the share of memory that it takes until it is sent;
/// `None` after a subscription has ended. A query or mutation keeps `held` until it is done. A subscription gives it back, and
/// takes room among the subscriptions of its socket until it ends.
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

/// How many times an output is in memory: as it was made, and as the message.
pub(super) const COPIES: usize = 2;
/// The usual size of a rendered event of a subscription, in bytes.
const EVENT: usize = 4 << 10;

fn unavailable(why: &str) -> Errors {
    refused(why, "UNAVAILABLE")
}

/// Sends the events of the log, from where the subscription begins, without end.
async fn follow(app: &App, client: Client, subscription: Subscription, sink: &Sink) -> Result<(), Errors> {
    let subscription = Arc::new(subscription);
    let mut next = app.parts.begin(client, &subscription).await?;
    let mut news = app.ledger.reader().watch();
    let (first, most) = limits::ROOM_PAUSE;
    let mut pause = first;
    loop {
        // An error would mean that the sender is gone, but it lives as long as the reader.
        let Ok(size) = news.wait_for(|size| *size > next).await.map(|size| *size) else { return Ok(()) };
        let moment = app.parts.moment(next).await;
        // A place in the channel is taken first, so that at most one part waits for each socket. Then memory for the expected
        // size is taken, so that nothing is rendered that there is no room for.
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
        // There is no room. Nothing is lost: the log is read again when there is. Other operations of the socket go on
        // meanwhile.
        drop(place);
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(most);
    }
}
