//! GraphQL over a WebSocket by the sub-protocol `graphql-transport-ws`, as the npm library `graphql-ws` 6 speaks
//! it (github.com/enisdenjo/graphql-ws, PROTOCOL.md): on the path of GraphQL over HTTP, with its limits.
//!
//! | code | when |
//! | --- | --- |
//! | 1001 | the server stops |
//! | 1002, 1007, 1009 | a frame breaks RFC 6455, is not UTF-8, or a message is too long |
//! | 4400 | a message is not one of the protocol |
//! | 4401 | an operation before `connection_ack` |
//! | 4406 | the client does not speak this sub-protocol |
//! | 4408 | no `connection_init` within [`limits::SOCKET_INIT_TIMEOUT`] |
//! | 4409 | the id of an operation that is under way |
//! | 4429 | a second `connection_init` |
//! | [4508](SLOW) | what is sent is not taken, or nothing is heard |
//!
//! A Close of the client's is answered with its code, and the connection is closed. A Close of ours waits
//! [`limits::SOCKET_CLOSE_TIMEOUT`] at most for the client's.
//!
//! One task a socket owns it. Operations are tasks of their own, which end with it. Nothing is buffered for a
//! reader beyond one [`operation::Output`] on its way and one that waits; a subscription reads the log again
//! when there is room. So a reader that is behind costs no more than one that is not, and is dropped only when
//! it takes nothing at all for [`limits::SOCKET_SLOW`].

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

/// The close code for a reader that takes nothing. Free in `graphql-ws`, whose client connects again after it.
const SLOW: u16 = 4508;

/// Opens a socket for a request with `Upgrade`. How many there may be is the guard's to say.
pub(super) fn open(app: App, taker: Taker, mut request: Request) -> Response {
    if !request.body().is_end_stream() {
        return refuse(&request, "a request for a WebSocket has no body");
    }
    // A page of another site can open a socket as well as any program: there is no login to misuse.
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

/// 400 for a handshake with a fault; 426 where another version of the protocol was asked for (RFC 6455, section 4.4).
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

/// The frames of a message: a long one is sent in several, since the room that its longest frame took stays the socket's.
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

/// How a socket is closed.
struct Close {
    code: u16,
    reason: Cow<'static, str>,
}

/// Why a socket ends.
enum End {
    /// We close it.
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
    /// Whether `connection_init` came, and so was acknowledged.
    open: bool,
    /// Operations under way, by the client's id.
    operations: HashMap<String, Operation>,
    /// The number of the next operation.
    number: u64,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Output>,
    outputs: mpsc::Receiver<Output>,
    /// What its subscriptions keep in memory.
    kept: OfSocket,
}

/// An operation under way.
struct Operation {
    /// Ids are used again, numbers are not.
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

    /// Until it ends; at once if the client does not speak the sub-protocol.
    async fn run(mut self, speaks: bool) {
        let end = if speaks { self.serve().await } else { close(4406, "Subprotocol not acceptable") };
        self.tasks.abort_all();
        match end {
            Err(End::Close(close)) => {
                tracing::debug!(code = close.code, "a socket is closed");
                let _ = timeout(limits::SOCKET_CLOSE_TIMEOUT, self.close(close)).await;
            }
            // The answer to a Close, with its code, is made below us as the Close is read (RFC 6455, section 5.5.1). It is
            // sent with the next flush, and then the connection is ours to end.
            Err(End::Closed) => {
                let _ = timeout(limits::SOCKET_CLOSE_TIMEOUT, self.socket.flush()).await;
            }
            Err(End::Gone) | Ok(()) => {}
        }
    }

    /// Until the socket ends.
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
                // In this order: a client that floods us keeps no timer from running, and what it sent while we
                // waited for it to read is heard before it is called silent.
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
                // This end holds a sender, so the channel is never closed.
                Some(output) = self.outputs.recv() => self.put_out(output).await?,
            }
        }
    }

    /// Takes a frame of the client's.
    async fn take(&mut self, frame: Message) -> Result<(), End> {
        let text = match frame {
            Message::Text(text) => text,
            Message::Binary(_) => return close(4400, "Invalid message received: it is binary"),
            Message::Close(_) => return Err(End::Closed),
            // Frames are put together below us.
            Message::Frame(_) => return Ok(()),
            Message::Ping(payload) => {
                self.beside(payload.len());
                // Pings are answered below us; what is not taken must not gather there.
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
                // A long payload waits to be sent as answers do; without room for it the ping is answered all the same.
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
                // Tasks that are at their end.
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

    /// Takes note of a control frame.
    fn beside(&self, bytes: usize) {
        if let Some(seat) = &self.taker.seat {
            seat.came_beside(bytes);
        }
    }

    /// Sends what an operation has to say, unless the client wants no more of it.
    async fn put_out(&mut self, output: Output) -> Result<(), End> {
        let id = self.operations.iter().find(|(_, operation)| operation.number == output.operation);
        let Some(id) = id.map(|(id, _)| id.clone()) else { return Ok(()) };
        if output.last {
            self.operations.remove(&id);
        }
        let _held = output.held;
        self.send(output.messages.into_iter().flat_map(frames)).await
    }

    /// Sends messages with one flush, within the time that a reader has to take them.
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

    /// Reads what the client still sends, which is no frame any more.
    async fn drain(&mut self) {
        let mut bytes = [0; 4 << 10];
        while self.socket.get_mut().read(&mut bytes).await.is_ok_and(|n| n > 0) {}
    }

    /// Says why, and waits for the client to take it.
    async fn close(&mut self, close: Close) {
        let frame = CloseFrame { code: close.code.into(), reason: Utf8Bytes::from(close.reason.as_ref()) };
        if self.socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        // Bytes left unread would break the connection before the client has read the reason.
        while let Some(frame) = self.socket.next().await {
            if frame.is_err() {
                let _ = timeout(Duration::from_millis(500), self.drain()).await;
                return;
            }
        }
    }
}

/// A reason fits in a control frame: 123 bytes (RFC 6455, section 5.5).
fn short(mut reason: String) -> String {
    while reason.len() > 123 {
        reason.pop();
    }
    reason
}

/// How a socket ends of which the next frame can't be read.
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

/// Reads a message: a long one in its turn, where nobody waits for the thread.
async fn read(app: &App, client: Client, text: Utf8Bytes) -> Result<ClientMessage, &'static str> {
    if text.len() <= limits::READ_IN_PLACE {
        return ClientMessage::parse(&text);
    }
    let turn = app.queue.wait(client, Weight::Light).await;
    let reading = tokio::task::spawn_blocking(move || turn.spend(|| ClientMessage::parse(&text)));
    // It does not panic; if it did, nothing was read.
    reading.await.unwrap_or(Err("it could not be read"))
}
