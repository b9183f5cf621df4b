//! One connection: its timeouts, and the requests that come over it.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Instant, Sleep},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use tower::Service as _;

use super::{
    connections::Place,
    quota::Quota,
    seat::{Reading, Seat},
    socket::Socket,
    stall_timeout::StallTimeout,
    unread::Unread,
};
use crate::serve::limits;

/// The peer at the other end of a request's connection. Each request that [`serve`](crate::serve::serve) takes in has one as
/// an extension.
#[derive(Clone)]
pub(super) struct Peer {
    pub address: IpAddr,
    /// The address of this machine to which it connected.
    pub here: Option<SocketAddr>,
    pub seat: Arc<Seat>,
}

/// A socket, with or without TLS over it.
pub(in crate::serve) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Calls a method of the stream, with or without TLS.
macro_rules! either {
    ($stream:expr, $socket:ident => $call:expr) => {
        match $stream {
            Stream::Plain(socket) => {
                let $socket = Pin::new(socket);
                $call
            }
            Stream::Tls(socket) => {
                let $socket = Pin::new(socket);
                $call
            }
        }
    };
}

/// Does the server's side of a TLS handshake. `None` if it fails, takes too long, or the connection is dropped to make room.
pub(super) async fn shake_hands(
    mut socket: Socket,
    config: Arc<ServerConfig>,
    place: &Place,
) -> Option<Stream> {
    socket.bound(Some(limits::HANDSHAKE));
    let shaken = tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(socket));
    tokio::select! {
        shaken = shaken => match shaken {
            Ok(Ok(mut stream)) => {
                let (socket, tls) = stream.get_mut();
                socket.bound(None);
                tls.set_buffer_limit(Some(limits::TLS_BUFFER));
                return Some(Stream::Tls(Box::new(stream)));
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => place.timed_out(),
        },
        () = place.seat.dropped() => {}
    }
    None
}

/// Serves a connection until it ends, is dropped to make room, or the server stops and the request under way is answered.
pub(in crate::serve) async fn attend(
    stream: Stream,
    (address, here): (IpAddr, Option<SocketAddr>),
    place: Place,
    unread: Arc<Quota>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let seat = place.seat.clone();
    let peer = Peer { address, here, seat: seat.clone() };
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        // A router is always ready.
        let answer = router.clone().call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let socket = stream.socket().clone();
    let mut http = http1::Builder::new();
    // Heads and idle connections are timed by `Connection`, which tells the two apart.
    http.header_read_timeout(None).max_header_size(limits::HEAD).max_buf_size(limits::CONNECTION_BUFFER);
    let connection = http.serve_connection(TokioIo::new(Connection::new(stream, place, unread)), service);
    let mut connection = pin!(connection.with_upgrades());
    let mut told = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection broke");
                }
                return;
            }
            () = seat.dropped() => return,
            () = hung_up(&socket, &seat) => return,
            _ = stopping.wait_for(|stopping| *stopping), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Resolves when the peer hung up while a request is under way, so that nobody waits for its answer. If another request has
/// come already, hyper would not notice: it does not read what comes after that one.
async fn hung_up(socket: &Socket, seat: &Seat) {
    socket.hung_up().await;
    // If no request is under way, hyper reads the end of the stream itself.
    while !seat.is_busy() {
        tokio::time::sleep(limits::PAUSE).await;
    }
}

/// A stream that fails when its peer is idle for too long: while the head of a request is awaited, and while the peer does not
/// take an answer.
struct Connection {
    stream: Stream,
    place: Place,
    /// The head or message that is being read.
    unread: Unread,
    /// Whether the first byte of the head has come. True from the start, since the first head is timed from the opening of the
    /// connection.
    begun: bool,
    head: Pin<Box<Sleep>>,
    write: StallTimeout,
}

impl Connection {
    fn new(stream: Stream, place: Place, unread: Arc<Quota>) -> Self {
        let head = Box::pin(tokio::time::sleep(limits::HEAD_TIMEOUT));
        Self { stream, place, unread: Unread::new(unread), begun: true, head, write: StallTimeout::new() }
    }

    /// The result of a read that ends because others need the memory that it takes.
    fn give_way(&self) -> Poll<io::Result<()>> {
        self.place.gave_way();
        Poll::Ready(Err(io::ErrorKind::ResourceBusy.into()))
    }

    /// Accounts for the time and bytes of a write or flush, and ends one that takes too long.
    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.write.moved(bytes);
                if bytes > 0 {
                    self.place.seat.moved(bytes);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if self.place.seat.waits(cx) || self.write.poll(cx).is_ready() {
                    self.place.timed_out();
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        result
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        match this.place.seat.reading() {
            Reading::Head(answered) => {
                if this.unread.after(answered) {
                    this.begun = false;
                    this.head.as_mut().reset(Instant::now() + limits::KEEP_ALIVE);
                }
            }
            // The pace of bodies is watched where they are read: `bodies::Incoming`.
            Reading::Request => return either!(&mut this.stream, socket => socket.poll_read(cx, buf)),
            // WebSockets have timeouts of their own. They end when others need their place.
            Reading::Upgraded { whole, control } => {
                this.unread.after(whole);
                this.unread.forget(control);
                let result = either!(&mut this.stream, socket => socket.poll_read(cx, buf));
                let bytes = buf.filled().len() - before;
                match &result {
                    Poll::Pending if this.place.seat.waits(cx) => {
                        return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                    }
                    Poll::Pending => {}
                    Poll::Ready(_) if !this.unread.came(bytes, &this.place.seat) => return this.give_way(),
                    Poll::Ready(_) if this.unread.is_long() => this.place.seat.brought(bytes),
                    Poll::Ready(_) => this.place.seat.moved(bytes),
                }
                return result;
            }
        }
        let result = either!(&mut this.stream, socket => socket.poll_read(cx, buf));
        let bytes = buf.filled().len() - before;
        if !this.begun && bytes > 0 {
            this.begun = true;
            this.head.as_mut().reset(Instant::now() + limits::HEAD_TIMEOUT);
        }
        // A proxy's head is not counted: a proxy sends the requests of many clients, and sends a head once it has all of it.
        if !this.place.seat.is_proxy() && !this.unread.came(bytes, &this.place.seat)
            || this.unread.is_long() && result.is_pending() && this.place.seat.waits(cx)
        {
            return this.give_way();
        }
        // Polled after each read, so that a trickle of bytes doesn't put the timeout off.
        if this.head.as_mut().poll(cx).is_ready() {
            if this.begun {
                this.place.timed_out();
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = either!(&mut self.stream, socket => socket.poll_write(cx, buf));
        self.written(cx, result)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = either!(&mut self.stream, socket => socket.poll_write_vectored(cx, bufs));
        self.written(cx, result)
    }
    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(socket) => socket.is_write_vectored(),
            Stream::Tls(socket) => socket.is_write_vectored(),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS buffers the end of an answer until the socket takes it, so a flush may wait for the peer too.
        let result = either!(&mut self.stream, socket => socket.poll_flush(cx));
        self.written(cx, result.map_ok(|()| 0)).map_ok(|_| ())
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.stream, socket => socket.poll_shutdown(cx))
    }
}
