//! GraphQL over a WebSocket by the sub-protocol `graphql-transport-ws`, as the npm library `graphql-ws` 6 speaks
//! it (github.com/enisdenjo/graphql-ws, PROTOCOL.md). It has the path and the limits of GraphQL over HTTP.
//!
//! | code | when |
//! | --- | --- |
//! | 1001 | the server stops |
//! | 1002, 1007, 1009 | a frame breaks RFC 6455; a text is not UTF-8; a message is too long |
//! | 4400 | a message is not one of the protocol |
//! | 4401 | an operation came before `connection_ack` |
//! | 4406 | the client does not speak this sub-protocol |
//! | 4408 | no `connection_init` within [`limits::SOCKET_INIT_TIMEOUT`] |
//! | 4409 | an operation came with the id of one that is under way |
//! | 4429 | a second `connection_init` came |
//! | [4508](SLOW) | the client does not read, or nothing is heard from it |
//!
//! If the client sends a Close, it is answered with the same code and the connection is closed. If the server sends one, it
//! waits at most [`limits::SOCKET_CLOSE_TIMEOUT`] for the client's.
//!
//! Each socket is owned by one task. Operations are tasks of their own, which end with the socket. For a reader, at most one
//! [`operation::Output`] is being sent and one waits. A subscription reads the log again when there is room, so a reader
//! that is behind costs no more than one that is not. It is dropped only if it does not take what is sent within
//! [`limits::SOCKET_SLOW`].

mod kept;
mod message;
mod operation;
pub(in crate::serve) mod parts;
mod subscription;

use std::{borrow::Cow, collections::HashMap, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::Request,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE},
    },
    response::Response,
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt as _,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{
    Message, Utf8Bytes, handshake,
    protocol::{
        CloseFrame, Role, WebSocketConfig,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use self::{
    kept::OfSocket,
    message::ClientMessage,
    operation::{Output, Sink},
    subscription::refused,
};
use crate::serve::{
    app::App,
    edge::{client::Client, fair_queue::Weight, quota::Taker},
    graphql::{execution::IN_MEMORY, request::bytes_of},
    http::answer,
    limits,
};

const PROTOCOL: &str = "graphql-transport-ws";

/// The close code for a reader that takes nothing. `graphql-ws` does not use this code, and its client connects again after it.
const SLOW: u16 = 4508;

/// Opens a socket for a request with `Upgrade`. The guard bounds how many there are.
pub(super) fn open(app: App, taker: Taker, mut request: Request) -> Response {
    if !request.body().is_end_stream() {
        return refuse(&request, "a request for a WebSocket has no body");
    }
    // If pages of other sites may not open sockets, `origin::check` has refused theirs before.
    let mut response = match handshake::server::create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(why) => return refuse(&request, &why.to_string()),
    };
    if request.extensions().get::<OnUpgrade>().is_none() {
        return refuse(&request, "this connection can't be upgraded");
    }
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
    let speaks = offered.flat_map(|list| list.split(',')).any(|protocol| protocol.trim() == PROTOCOL);
    if speaks {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .read_buffer_size(8 << 10)
            .write_buffer_size(limits::SOCKET_FRAME)
            .max_frame_size(Some(limits::SOCKET_MESSAGE))
            .max_message_size(Some(limits::SOCKET_MESSAGE));
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        Socket::new(app, taker, socket).run(speaks).await;
    });
    response
}

/// 400 for a faulty handshake; 426 if it asks for another version of the protocol (RFC 6455, section 4.4).
fn refuse(request: &Request, why: &str) -> Response {
    let headers = request.headers();
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version == "13") {
        return answer::text(StatusCode::BAD_REQUEST, why);
    }
    let mut response = answer::text(StatusCode::UPGRADE_REQUIRED, why);
    let say: [(HeaderName, &str); 3] =
        [(SEC_WEBSOCKET_VERSION, "13"), (UPGRADE, "websocket"), (CONNECTION, "Upgrade")];
    response.headers_mut().extend(say.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// The frames of a message. A long message is sent in several, since the socket's buffer grows to the longest frame and stays
/// that large.
fn frames(message: impl Into<Bytes>) -> impl Iterator<Item = Message> {
    let mut rest: Bytes = message.into();
    let mut code = Data::Text;
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let payload = rest.split_to(rest.len().min(limits::SOCKET_FRAME));
        ended = rest.is_empty();
        let frame = Frame::message(payload, OpCode::Data(code), ended);
        code = Data::Continue;
        Some(Message::Frame(frame))
    })
}

/// The code and reason with which the server closes a socket.
struct Close {
    code: u16,
    reason: Cow<'static, str>,
}

/// Why a socket ends.
enum End {
    /// The server closes it.
    Close(Close),
    /// The client closed it.
    Closed,
    /// The connection broke.
    Gone,
}

fn close<T>(code: u16, reason: impl Into<Cow<'static, str>>) -> Result<T, End> {
    Err(End::Close(Close { code, reason: reason.into() }))
}

struct Socket {
    app: App,
    taker: Taker,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    /// Whether `connection_init` came and was acknowledged.
    open: bool,
    /// Operations under way, by the client's id.
    operations: HashMap<String, Operation>,
    /// The number of the next operation.
    number: u64,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Output>,
    outputs: mpsc::Receiver<Output>,
    /// The memory that its subscriptions take.
    kept: OfSocket,
}

/// An operation under way.
struct Operation {
    /// Its number. A client may use an id again; a number is never used again.
    number: u64,
    task: AbortHandle,
}

impl Socket {
    fn new(app: App, taker: Taker, socket: WebSocketStream<TokioIo<Upgraded>>) -> Self {
        let (sender, outputs) = mpsc::channel(1);
        Self {
            app,
            taker,
            socket,
            open: false,
            operations: HashMap::new(),
            number: 0,
            tasks: JoinSet::new(),
            sender,
            outputs,
            kept: OfSocket::default(),
        }
    }

    /// Serves the socket until it ends. Closes it at once if the client does not speak the sub-protocol.
    async fn run(mut self, speaks: bool) {
        let end = if speaks { self.serve().await } else { close(4406, "Subprotocol not acceptable") };
        self.tasks.abort_all();
        match end {
            Err(End::Close(close)) => {
                tracing::debug!(code = close.code, "a socket is closed");
                let _ = timeout(limits::SOCKET_CLOSE_TIMEOUT, self.close(close)).await;
            }
            // The library answers a Close with its code when it reads it (RFC 6455, section 5.5.1). The answer is sent with
            // the next flush, and then the server ends the connection.
            Err(End::Closed) => {
                let _ = timeout(limits::SOCKET_CLOSE_TIMEOUT, self.socket.flush()).await;
            }
            Err(End::Gone) | Ok(()) => {}
        }
    }

    /// Handles messages, outputs and timers until the socket ends.
    async fn serve(&mut self) -> Result<(), End> {
        let mut stopping = self.app.edge.stopping.subscribe();
        let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        tokio::pin!(stopped);
        let init = sleep(limits::SOCKET_INIT_TIMEOUT);
        tokio::pin!(init);
        let mut ping = interval_at(Instant::now() + limits::SOCKET_PING, limits::SOCKET_PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unheard = 0;
        loop {
            tokio::select! {
                // The order matters: a client that floods the server can't keep a timer from running, and what it sent while
                // the server waited for it to read is heard before it is called silent.
                biased;
                () = &mut stopped => return close(1001, "Going away"),
                () = &mut init, if !self.open => return close(4408, "Connection initialisation timeout"),
                _ = ping.tick() => {
                    if unheard == limits::SOCKET_PINGS {
                        return close(SLOW, "Nothing was heard");
                    }
                    unheard += 1;
                    self.send([Message::Ping(Default::default())]).await?;
                }
                frame = self.socket.next() => {
                    unheard = 0;
                    match frame {
                        Some(Ok(frame)) => self.take(frame).await?,
                        Some(Err(error)) => return Err(unreadable(&error)),
                        None => return Err(End::Gone),
                    }
                }
                // `self` holds a sender, so the channel is never closed.
                Some(output) = self.outputs.recv() => self.put_out(output).await?,
            }
        }
    }

    /// Handles a message from the client.
    async fn take(&mut self, frame: Message) -> Result<(), End> {
        let text = match frame {
            Message::Text(text) => text,
            Message::Binary(_) => return close(4400, "Invalid message received: it is binary"),
            Message::Close(_) => return Err(End::Closed),
            // The library puts frames together and never hands one on.
            Message::Frame(_) => return Ok(()),
            Message::Ping(payload) => {
                self.beside(payload.len());
                // The library has queued the answer. It is flushed now, so that answers can't gather if the client does not
                // read.
                return self.send([]).await;
            }
            Message::Pong(payload) => {
                self.beside(payload.len());
                return Ok(());
            }
        };
        if let Some(seat) = &self.taker.seat {
            seat.came_whole();
        }
        let (length, client) = (text.len(), self.taker.client);
        match read(&self.app, client, text).await {
            Err(why) => close(4400, format!("Invalid message received: {why}")),
            Ok(ClientMessage::Init) if self.open => close(4429, "Too many initialisation requests"),
            Ok(ClientMessage::Init) => {
                self.open = true;
                self.send(frames(message::ACK)).await
            }
            Ok(ClientMessage::Ping(payload)) => {
                // A long payload is counted like an answer. If there is no room for it, the pong goes without a payload.
                let bytes = if length <= limits::SOCKET_FRAME { 0 } else { operation::COPIES * length };
                let held = self.app.outputs.take_many(client, bytes);
                let payload = payload.filter(|_| held.is_some());
                self.send(frames(message::pong(payload))).await
            }
            Ok(ClientMessage::Pong) => Ok(()),
            Ok(ClientMessage::Subscribe { .. }) if !self.open => close(4401, "Unauthorized"),
            Ok(ClientMessage::Subscribe { id, .. }) if self.operations.contains_key(&id) => {
                close(4409, short(format!("Subscriber for {id} already exists")))
            }
            Ok(ClientMessage::Subscribe { id, .. }) if self.operations.len() >= limits::SOCKET_OPERATIONS => {
                let errors = refused("too many operations on one connection", "UNAVAILABLE");
                self.send(frames(message::error(&id, &errors))).await
            }
            Ok(ClientMessage::Subscribe { id, request: Err(refused), .. }) => {
                self.send(frames(message::error(&id, &[refused]))).await
            }
            Ok(ClientMessage::Subscribe { id, request: Ok(request), values }) => {
                let bytes = length.saturating_add(bytes_of(values));
                let Some(held) = self.app.operations.take_many(client, bytes) else {
                    let errors = refused(IN_MEMORY, "UNAVAILABLE");
                    return self.send(frames(message::error(&id, &errors))).await;
                };
                let number = self.number;
                self.number += 1;
                // Drop the tasks that have ended.
                while self.tasks.try_join_next().is_some() {}
                let sink = Sink {
                    operation: number,
                    id: id.clone(),
                    outputs: self.sender.clone(),
                    kept: self.kept.clone(),
                };
                let running = operation::run(self.app.clone(), client, *request, held, sink);
                let task = self.tasks.spawn(running);
                self.operations.insert(id, Operation { number, task });
                Ok(())
            }
            Ok(ClientMessage::Complete { id }) => {
                if let Some(operation) = self.operations.remove(&id) {
                    operation.task.abort();
                }
                Ok(())
            }
        }
    }

    /// Records that a control frame with a payload of `bytes` came.
    fn beside(&self, bytes: usize) {
        if let Some(seat) = &self.taker.seat {
            seat.came_beside(bytes);
        }
    }

    /// Sends the output of an operation, unless the client has completed it.
    async fn put_out(&mut self, output: Output) -> Result<(), End> {
        let id = self.operations.iter().find(|(_, operation)| operation.number == output.operation);
        let Some(id) = id.map(|(id, _)| id.clone()) else { return Ok(()) };
        if output.last {
            self.operations.remove(&id);
        }
        let _held = output.held;
        self.send(output.messages.into_iter().flat_map(frames)).await
    }

    /// Sends messages with one flush. A reader that does not take them within [`limits::SOCKET_SLOW`] is dropped.
    async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), End> {
        let sending = async {
            for message in messages {
                self.socket.feed(message).await?;
            }
            self.socket.flush().await
        };
        match timeout(limits::SOCKET_SLOW, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => close(SLOW, "Slow reader"),
        }
    }

    /// Reads and drops what the client still sends.
    async fn drain(&mut self) {
        let mut bytes = [0; 4 << 10];
        while self.socket.get_mut().read(&mut bytes).await.is_ok_and(|n| n > 0) {}
    }

    /// Sends a Close, and waits for the client's.
    async fn close(&mut self, close: Close) {
        let frame = CloseFrame { code: close.code.into(), reason: Utf8Bytes::from(close.reason.as_ref()) };
        if self.socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        // If bytes were left unread, the system would reset the connection before the client has read the reason.
        while let Some(frame) = self.socket.next().await {
            if frame.is_err() {
                let _ = timeout(Duration::from_millis(500), self.drain()).await;
                return;
            }
        }
    }
}

/// Cuts a reason to 123 bytes, so that it fits in a control frame (RFC 6455, section 5.5).
fn short(mut reason: String) -> String {
    while reason.len() > 123 {
        reason.pop();
    }
    reason
}

/// How a socket ends if the next frame can't be read.
fn unreadable(error: &tungstenite::Error) -> End {
    use tungstenite::Error;
    let (code, reason) = match error {
        Error::Capacity(_) => (1009, "Message too long"),
        Error::Utf8(_) => (1007, "Not UTF-8"),
        Error::Protocol(_) => (1002, "Protocol error"),
        _ => return End::Gone,
    };
    End::Close(Close { code, reason: reason.into() })
}

/// Parses a message. A long one is parsed in a turn, on a thread that may be busy for a while.
async fn read(app: &App, client: Client, text: Utf8Bytes) -> Result<ClientMessage, &'static str> {
    if text.len() <= limits::READ_IN_PLACE {
        return ClientMessage::parse(&text);
    }
    let turn = app.queue.wait(client, Weight::Light).await;
    let reading = tokio::task::spawn_blocking(move || turn.spend(|| ClientMessage::parse(&text)));
    // An error here would be a panic of the parser.
    reading.await.unwrap_or(Err("it could not be read"))
}
