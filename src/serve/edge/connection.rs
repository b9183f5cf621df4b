//! One connection: how long it may sit still, and the requests that come over it.

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

/// Who is at the other end of a request's connection; an extension of each request that [`serve`](crate::serve::serve)
/// takes in.
#[derive(Clone)]
pub(super) struct Peer {
    pub address: IpAddr,
    /// The address of this machine that it called.
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

/// Calls a method of the socket, whichever it is.
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

/// The server's side of a TLS handshake; none if it fails, takes too long, or is dropped to make room.
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

/// Serves a connection until it ends, is dropped to make room, or has answered what is under way when the server
/// stops.
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

/// Ends when nobody waits any more for the answer that is made. While another request has come already, nobody else sees it:
/// what is behind that one is not read.
async fn hung_up(socket: &Socket, seat: &Seat) {
    socket.hung_up().await;
    // Where no request is under way, the end is read when its turn comes.
    while !seat.is_busy() {
        tokio::time::sleep(limits::PAUSE).await;
    }
}

/// A socket that is closed when its peer sits still for too long: while the head of a request is awaited, and
/// while an answer is not taken.
struct Connection {
    stream: Stream,
    place: Place,
    /// The head or message that is being read.
    unread: Unread,
    /// Whether anything of the head has come. The first of a connection is timed from its opening.
    begun: bool,
    head: Pin<Box<Sleep>>,
    write: StallTimeout,
}

impl Connection {
    fn new(stream: Stream, place: Place, unread: Arc<Quota>) -> Self {
        let head = Box::pin(tokio::time::sleep(limits::HEAD_TIMEOUT));
        Self { stream, place, unread: Unread::new(unread), begun: true, head, write: StallTimeout::new() }
    }

    /// What is left of a read where others need the memory that it takes.
    fn give_way(&self) -> Poll<io::Result<()>> {
        self.place.gave_way();
        Poll::Ready(Err(io::ErrorKind::ResourceBusy.into()))
    }

    /// Times a write or flush.
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
            // Bodies are timed where they are read.
            Reading::Request => return either!(&mut this.stream, socket => socket.poll_read(cx, buf)),
            // Timed by their own protocol. They end when others need their place.
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
        // A proxy passes on heads that it has whole, of many.
        if !this.place.seat.is_proxy() && !this.unread.came(bytes, &this.place.seat)
            || this.unread.is_long() && result.is_pending() && this.place.seat.waits(cx)
        {
            return this.give_way();
        }
        // Asked after each read, so that a trickle doesn't put it off.
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
        // TLS keeps the end of an answer until the socket takes it.
        let result = either!(&mut self.stream, socket => socket.poll_flush(cx));
        self.written(cx, result.map_ok(|()| 0)).map_ok(|_| ())
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.stream, socket => socket.poll_shutdown(cx))
    }
}
