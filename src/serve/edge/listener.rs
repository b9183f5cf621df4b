//! The listener of a server: it accepts connections while there is a place for them, until the server stops.

use std::{future::Future, io, net::SocketAddr, pin::pin};

use axum::Router;
use tokio::net::{TcpListener, TcpStream};

use super::{
    Edge,
    connection::{self, Stream},
    socket::Socket,
    system,
};
use crate::serve::{http::answer, limits};

impl Edge {
    /// Serves until `shutdown` resolves. Then no more connections are accepted, requests under way are answered, and
    /// connections that are still open after [`limits::SHUTDOWN_TIMEOUT`] are cut off.
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

    /// Finds a place for a connection, or tells its peer that there is none. It never waits, since no other connection would be
    /// accepted meanwhile.
    fn take_in(&self, router: &Router, socket: TcpStream, address: SocketAddr) {
        let proxy = self.proxies.trust(address.ip());
        let place = match self.connections.admit(address.ip(), proxy) {
            Ok(place) => place,
            Err(full) => {
                tracing::debug!(?full, "a connection was refused");
                if self.tls.is_none() {
                    // Sent as far as it can be without waiting.
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

    /// Handles a failed accept. A connection that broke before it was accepted is ignored. Else the system has no room for
    /// more connections: some are dropped, and after [`limits::ACCEPT_PAUSE`] accepting goes on.
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
    use std::time::Duration;

    use axum::response::Response;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::serve::options::Options;

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
        // The router never answers.
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
