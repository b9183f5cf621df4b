//! A TCP socket with two users: one reads and writes it, the other waits for its peer to hang up.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A socket. Clones are the same one.
#[derive(Clone)]
pub(in crate::serve) struct Socket {
    socket: Arc<TcpStream>,
    /// Bytes that this clone may still read; `None` if that is not bounded.
    left: Option<usize>,
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        Self { socket: Arc::new(socket), left: None }
    }
}

impl Socket {
    /// Lets this clone read at most `bytes` more; any number if `None`.
    pub fn bound(&mut self, bytes: Option<usize>) {
        self.left = bytes;
    }

    /// Resolves when the peer has closed its side, even if bytes that came before are still unread.
    #[cfg(target_os = "linux")]
    pub async fn hung_up(&self) {
        use tokio::io::Interest;
        // The socket is not registered for urgent data, so of the events that `PRIORITY` waits for only the end of the stream
        // can come.
        while !self.socket.ready(Interest::PRIORITY).await.is_ok_and(|ready| ready.is_read_closed()) {
            tokio::time::sleep(crate::serve::limits::PAUSE).await;
        }
    }

    /// Never resolves: on other systems the end is seen once everything before it is read.
    #[cfg(not(target_os = "linux"))]
    pub async fn hung_up(&self) {
        std::future::pending().await
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == Some(0) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.try_read(buf.initialize_unfilled()) {
                Ok(n) => {
                    buf.advance(n);
                    self.left = self.left.map(|left| left.saturating_sub(n));
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl Socket {
    fn poll(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            match write(&self.socket) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, |socket| socket.try_write(buf))
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |socket| socket.try_write_vectored(bufs))
    }
    fn is_write_vectored(&self) -> bool {
        true
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is buffered here: the system has all that was written.
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        rustix::net::shutdown(&*self.socket, rustix::net::Shutdown::Write)?;
        Poll::Ready(Ok(()))
    }
}
