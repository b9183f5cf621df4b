//! Bodies of requests and answers. A request's body is given up when it stops coming. An answer's body keeps its request under
//! way to the last byte.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
};
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

use super::{
    quota::Share,
    seat::{Seat, UnderWay},
    stall_timeout::StallTimeout,
};
use crate::serve::limits;

/// The body of a request. It ends with an error if it stops coming, or if others need what its request holds.
pub(in crate::serve) struct Incoming {
    body: Body,
    wait: StallTimeout,
    seat: Arc<Seat>,
}

impl Incoming {
    pub fn new(body: Body, seat: Arc<Seat>) -> Self {
        Self { body, wait: StallTimeout::new(), seat }
    }
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let ended = |kind: io::ErrorKind| Poll::Ready(Some(Err(Error::new(io::Error::from(kind)))));
        // Checked at each poll: the server never waits for a peer that always has bytes ready, so `waits` would never tell.
        if this.seat.gives_way() {
            return ended(GAVE_WAY);
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending if this.seat.waits(cx) => ended(GAVE_WAY),
            Poll::Pending if this.wait.poll(cx).is_ready() => ended(io::ErrorKind::TimedOut),
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                let bytes = data.map_or(0, Bytes::len);
                this.seat.moved(bytes);
                this.wait.moved(bytes);
                Poll::Ready(frame)
            }
        }
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The kind of error with which a body ends if others need what its request holds.
const GAVE_WAY: io::ErrorKind = io::ErrorKind::ResourceBusy;

/// Whether a body ended with `error` because it stopped coming.
pub(in crate::serve) fn stopped_coming(error: &(dyn std::error::Error + 'static)) -> bool {
    is_of(error, io::ErrorKind::TimedOut)
}

/// Whether a body ended with `error` because others need what its request holds.
pub(in crate::serve) fn gave_way(error: &(dyn std::error::Error + 'static)) -> bool {
    is_of(error, GAVE_WAY)
}

fn is_of(error: &(dyn std::error::Error + 'static), kind: io::ErrorKind) -> bool {
    let mut causes = std::iter::successors(Some(error), |e| e.source());
    causes.any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == kind))
}

/// An extension of an answer whose body is read while the peer takes it, and is not in memory as a whole.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Streamed;

/// The body of an answer, with its share of the memory for answers if it is long.
///
/// It hands a part at a time to the connection, and the next part only when the one before is sent. What was handed over is in
/// the connection's buffer, where the pace of the peer can't be seen.
pub(super) struct Outgoing {
    body: Body,
    /// Bytes that came from the body and are not handed over yet.
    rest: Bytes,
    /// Resolves when the last part that was handed over is sent; `None` if there was none, or nothing comes after it.
    taken: Option<oneshot::Receiver<()>>,
    _under_way: UnderWay,
    _held: Option<Share>,
}

impl Outgoing {
    pub fn new(body: Body, under_way: UnderWay, held: Option<Share>) -> Self {
        Self { body, rest: Bytes::new(), taken: None, _under_way: under_way, _held: held }
    }
}

/// A part that was handed over. Once it is sent it is dropped, and its sender with it.
struct Part {
    bytes: Bytes,
    _taken: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Some(taken) = &mut this.taken {
            // Always an error: the sender sends nothing, and is dropped with the part.
            let _ = ready!(Pin::new(taken).poll(cx));
            this.taken = None;
        }
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => this.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let mut part = this.rest.split_to(this.rest.len().min(limits::CHUNK));
        if !this.is_end_stream() {
            let (sender, taken) = oneshot::channel();
            this.taken = Some(taken);
            part = Bytes::from_owner(Part { bytes: part, _taken: sender });
        }
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        let (of_body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(of_body.lower().saturating_add(rest));
        hint
    }
}
