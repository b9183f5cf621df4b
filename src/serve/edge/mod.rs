//! What stands between a listener and a router: how many connections and requests there may be, whose word on a
//! caller's address is believed, and TLS. The same before a ledger and before a witness.

pub(in crate::serve) mod bodies;
pub(in crate::serve) mod client;
mod connection;
mod connections;
pub(in crate::serve) mod counts;
pub(in crate::serve) mod fair_queue;
pub(in crate::serve) mod guard;
pub(in crate::serve) mod host;
pub(in crate::serve) mod origin;
pub(in crate::serve) mod proxy;
pub(in crate::serve) mod quota;
mod socket;
mod stall_timeout;
pub(in crate::serve) mod system;
pub(in crate::serve) mod tls;
mod unread;
pub(in crate::serve) mod write_rate;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    ops::Deref,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    middleware,
    response::Response,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use self::{
    bodies::{gave_way, stopped_coming},
    client::Client,
    connection::Stream,
    connections::Connections,
    counts::Counts,
    origin::Sites,
    proxy::Proxies,
    quota::{Share, Shares},
    socket::Socket,
    tls::Tls,
};
use super::{http::answer, limits, options::Options};

/// The edge of a server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Edge(Arc<Inner>);

/// Makes a page that says, for whoever reads pages, why there is no answer: of the request's headers, a status and a line.
pub(in crate::serve) type Frame = Box<dyn Fn(&HeaderMap, StatusCode, &str) -> Response + Send + Sync>;

pub(crate) struct Inner {
    /// For answers that are a line of text; without it they stay one.
    pub(in crate::serve) frame: OnceLock<Frame>,
    /// Where the router is used without [`Edge::serve`], it stays empty.
    pub(in crate::serve) connections: Arc<Connections>,
    pub(in crate::serve) requests: Arc<Shares>,
    pub(in crate::serve) upgraded: Arc<Shares>,
    /// Bytes of answers that are in memory until they are taken.
    pub(in crate::serve) answers: Arc<Shares>,
    /// Bytes of heads and of messages that are not whole yet.
    pub(in crate::serve) unread: Arc<Shares>,
    pub(in crate::serve) counts: Arc<Counts>,
    pub(in crate::serve) proxies: Proxies,
    pub(in crate::serve) tls: Option<Arc<Tls>>,
    pub(in crate::serve) sites: Sites,
    /// Whether the server stops.
    pub(in crate::serve) stopping: watch::Sender<bool>,
}

impl Deref for Edge {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Edge {
    /// With the connections, proxies and certificate of these options.
    pub fn new(options: &Options) -> Self {
        let counts = Arc::<Counts>::default();
        let most = system::connections(options.connections);
        Self(Arc::new(Inner {
            frame: OnceLock::new(),
            connections: Connections::new(most, options.connections_each, counts.clone()),
            // None goes to another: but nobody takes so many that less are left for others than they hold.
            requests: Shares::contended(limits::REQUESTS, limits::REQUESTS_EACH, limits::PAUSE),
            upgraded: Shares::contended(
                limits::UPGRADED.min(most / 2),
                limits::UPGRADED_EACH,
                limits::UPGRADED_REST,
            ),
            answers: Shares::of_bytes(limits::ANSWERS, limits::ANSWERS_EACH, limits::PAUSE),
            unread: Shares::of_bytes(limits::UNREAD, limits::UNREAD_EACH, limits::PAUSE),
            counts,
            proxies: options.proxies.clone(),
            tls: options.tls.clone(),
            sites: Sites::new(options),
            stopping: watch::Sender::new(false),
        }))
    }

    /// Lets every request to a router pass the guard: how many there may be, how long each may take, and the headers of
    /// every answer.
    pub fn guard<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        router.layer(middleware::from_fn_with_state(self.clone(), guard::guard))
    }

    /// The body of a request, which counts as under way from then on.
    ///
    /// # Errors
    /// The answer to give instead: it is too long, does not come in time, or too much is under way.
    pub async fn body(
        &self,
        client: Client,
        body: Body,
        limit: usize,
        within: Duration,
    ) -> Result<(Bytes, Share), Response> {
        let coming = Limited::new(body, limit).collect();
        let came = match tokio::time::timeout(within, coming).await {
            Ok(Ok(came)) => came.to_bytes(),
            Ok(Err(e)) if e.is::<LengthLimitError>() => {
                let why = format!("expected at most {limit} bytes");
                return Err(answer::text(StatusCode::PAYLOAD_TOO_LARGE, &why));
            }
            Ok(Err(e)) if gave_way(&*e) => return Err(guard::busy(self, guard::TOO_MANY)),
            Ok(Err(e)) if !stopped_coming(&*e) => {
                return Err(answer::text(StatusCode::BAD_REQUEST, "the connection broke"));
            }
            _ => return Err(answer::text(StatusCode::REQUEST_TIMEOUT, "the request did not come in time")),
        };
        match self.requests.take(client) {
            Some(share) => Ok((came, share)),
            None => Err(guard::busy(self, guard::TOO_MANY)),
        }
    }

    /// Serves until `shutdown` resolves; then no connection is accepted, requests under way are answered, and what is
    /// left after [`limits::SHUTDOWN_TIMEOUT`] is cut off.
    pub async fn serve(&self, router: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        system::lengthen_queue(&listener);
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.accept(&listener) => match accepted {
                    Ok((stream, address)) => self.take_in(&router, stream, address),
                    Err(error) => self.not_accepted(&error).await,
                }
            }
        }
        drop(listener);
        self.stopping.send_replace(true);
        if tokio::time::timeout(limits::SHUTDOWN_TIMEOUT, self.connections.ended()).await.is_err() {
            let open = self.connections.open();
            tracing::warn!(
                open,
                "connections still open at the end of the time for shutting down are cut off"
            );
        }
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        self.connections.settled().await;
        listener.accept().await
    }

    /// Finds a place for a connection, or says that there is none. It waits for nothing: while it did, nobody else would
    /// be accepted.
    fn take_in(&self, router: &Router, socket: TcpStream, address: SocketAddr) {
        let proxy = self.proxies.trust(address.ip());
        let place = match self.connections.admit(address.ip(), proxy) {
            Ok(place) => place,
            Err(full) => {
                tracing::debug!(?full, "a connection was refused");
                if self.tls.is_none() {
                    // As much as fits is sent without waiting; nobody is owed more.
                    let _ = socket.try_write(answer::FULL);
                }
                return;
            }
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let here = socket.local_addr().ok();
        let socket = Socket::from(socket);
        let tls = self.tls.as_ref().map(|tls| tls.config());
        let (router, stopping) = (router.clone(), self.stopping.subscribe());
        let unread = self.unread.clone();
        tokio::spawn(async move {
            let stream = match tls {
                None => Stream::Plain(socket),
                Some(config) => match connection::shake_hands(socket, config, &place).await {
                    Some(stream) => stream,
                    None => return,
                },
            };
            connection::attend(stream, (address.ip(), here), place, unread, router, stopping).await;
        });
    }

    /// A connection that broke before it was accepted is nothing. If the system has no room for more, room is made,
    /// and after a moment it is tried again.
    async fn not_accepted(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            return;
        }
        self.counts.accept_failed.add();
        tracing::warn!(%error, "a connection could not be accepted");
        self.connections.make_room();
        tokio::time::sleep(limits::ACCEPT_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// The first bytes of an answer to a request on a connection of its own.
    async fn ask(to: SocketAddr) -> io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        Ok(status)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_hangs_up_is_gone_though_more_of_its_requests_came() {
        let edge = Edge::new(&Options::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        // No answer is ever made.
        let router = edge.guard(Router::new().fallback(async || std::future::pending::<Response>().await));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn({
            let edge = edge.clone();
            async move { edge.serve(router, listener, async { drop(stopped.await) }).await }
        });
        for requests in [1, 2, 20, 2_000] {
            let mut stream = TcpStream::connect(to).await.unwrap();
            let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(requests);
            stream.write_all(request.as_bytes()).await.unwrap();
            while edge.requests.held() == 0 {
                tokio::task::yield_now().await;
            }
            drop(stream);
            let gone = tokio::time::timeout(Duration::from_secs(5), edge.connections.ended()).await;
            assert!(gone.is_ok() && edge.requests.held() == 0, "{requests} requests");
        }
        drop(stop);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_to_be_accepted_until_another_connection_is_closed() {
        let edge = Edge::new(&Options { connections: 4, ..Options::default() });
        // The table is full, and no socket is closed when its connection is dropped.
        let held: Vec<_> =
            (1..=4).filter_map(|n| edge.connections.admit([192, 0, 2, n].into(), false).ok()).collect();
        assert_eq!(held.len(), 4);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let router = edge.guard(Router::new().fallback(async || answer::not_found()));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn({
            let edge = edge.clone();
            async move { edge.serve(router, listener, async { drop(stopped.await) }).await }
        });
        let began = tokio::time::Instant::now();
        for _ in 0..3 {
            assert_eq!(ask(to).await.unwrap(), *b"HTTP/1.1 404");
        }
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
        drop((held, stop));
        serving.await.unwrap();
    }
}
