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
    net::TcpStream,
    sync::watch,
    time::{Instant, Sleep},
};
use tower::Service as _;

use super::{
    connections::{Place, Seat},
    limits,
    patience::Wait,
};

/// Who is at the other end of a request's connection; an extension of each request that [`serve`](super::serve)
/// takes in.
#[derive(Clone)]
pub(super) struct Peer {
    pub address: IpAddr,
    pub seat: Arc<Seat>,
}

/// Serves a connection until it ends, is dropped to make room, or has answered what is under way when the server
/// stops.
pub(super) async fn attend(
    stream: TcpStream,
    address: SocketAddr,
    place: Place,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let seat = place.seat.clone();
    let peer = Peer { address: address.ip(), seat: seat.clone() };
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        // A router is always ready.
        let answer = router.clone().call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut http = http1::Builder::new();
    // Heads and idle connections are timed by `Connection`, which tells the two apart.
    http.header_read_timeout(None).max_header_size(limits::HEAD).max_buf_size(limits::CONNECTION_BUFFER);
    let connection = http.serve_connection(TokioIo::new(Connection::new(stream, place)), service);
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
            _ = stopping.wait_for(|stopping| *stopping), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What a read of a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The whole head of a request: the first of the connection, or one that has begun.
    Head,
    /// Whatever the handler asks for. Bodies are timed where they are read, upgraded connections by their own
    /// protocol.
    Handler,
    /// The first byte of another request.
    Rest,
}

/// A socket that is closed when its peer sits still for too long: while the head of a request is awaited, and
/// while an answer is not taken.
struct Connection {
    stream: TcpStream,
    place: Place,
    phase: Phase,
    head: Pin<Box<Sleep>>,
    write: Wait,
}

impl Connection {
    fn new(stream: TcpStream, place: Place) -> Self {
        let head = Box::pin(tokio::time::sleep(limits::HEAD_TIMEOUT));
        Self { stream, place, phase: Phase::Head, head, write: Wait::new() }
    }

    fn timed_out<T>(&self) -> Poll<io::Result<T>> {
        self.place.timed_out();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Times a write.
    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.write.moved(bytes);
                self.place.seat.moved();
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.place.seat.waits();
                if self.write.poll(cx).is_ready() {
                    return self.timed_out();
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
        if !this.place.seat.awaits_head() {
            this.phase = Phase::Handler;
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        if this.phase == Phase::Handler {
            this.phase = Phase::Rest;
            this.head.as_mut().reset(Instant::now() + limits::KEEP_ALIVE);
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if this.phase == Phase::Rest && buf.filled().len() > before {
            this.phase = Phase::Head;
            this.head.as_mut().reset(Instant::now() + limits::HEAD_TIMEOUT);
        }
        // Asked after each read, so that a trickle doesn't put it off.
        if this.head.as_mut().poll(cx).is_ready() {
            if this.phase == Phase::Head {
                return this.timed_out();
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, result)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
