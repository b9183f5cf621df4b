//! A TCP socket at which two look: who serves it, and who waits for its peer to hang up.

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
    /// Bytes that may be read of it, if that is bounded.
    left: Option<usize>,
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        Self { socket: Arc::new(socket), left: None }
    }
}

impl Socket {
    /// Lets no more than so many bytes be read by this clone; any number, if none is given.
    pub fn bound(&mut self, bytes: Option<usize>) {
        self.left = bytes;
    }

    /// Ends when the peer has closed its side, also while bytes that came before are not read.
    #[cfg(target_os = "linux")]
    pub async fn hung_up(&self) {
        use tokio::io::Interest;
        // Nothing urgent is asked of the system, so of what this waits for only the end can come.
        while !self.socket.ready(Interest::PRIORITY).await.is_ok_and(|ready| ready.is_read_closed()) {
            tokio::time::sleep(crate::serve::limits::PAUSE).await;
        }
    }

    /// Elsewhere it is seen once all is read.
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
        // What was written is the system's.
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        rustix::net::shutdown(&*self.socket, rustix::net::Shutdown::Write)?;
        Poll::Ready(Ok(()))
    }
}
