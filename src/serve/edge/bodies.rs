//! Bodies on their way: those that come are given up when they stop coming, those that go keep their request
//! under way to the last byte.

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

/// The body of a request, which ends in an error if it stops coming, or must give way to others while it does not come.
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
        // Asked each time: whoever always has bytes at hand is never waited for.
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

/// What an error of a body is where others needed what it holds.
const GAVE_WAY: io::ErrorKind = io::ErrorKind::ResourceBusy;

/// Whether an error of a body is that it stopped coming.
pub(in crate::serve) fn stopped_coming(error: &(dyn std::error::Error + 'static)) -> bool {
    is_of(error, io::ErrorKind::TimedOut)
}

/// Whether it is that others needed what the body holds.
pub(in crate::serve) fn gave_way(error: &(dyn std::error::Error + 'static)) -> bool {
    is_of(error, GAVE_WAY)
}

fn is_of(error: &(dyn std::error::Error + 'static), kind: io::ErrorKind) -> bool {
    let mut causes = std::iter::successors(Some(error), |e| e.source());
    causes.any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == kind))
}

/// Set on an answer whose body is read as it is taken, and is not in memory.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Streamed;

/// The body of an answer, with its share of the memory that answers may take if it is long. It is handed over a part at a
/// time, and the next part only when the one before is taken: what is handed over waits for its reader in the connection,
/// and nobody knows of it.
pub(super) struct Outgoing {
    body: Body,
    /// What the body gave and is not handed over yet.
    rest: Bytes,
    /// Resolves when the part that was handed over is taken; none if none was, or nothing comes after it.
    taken: Option<oneshot::Receiver<()>>,
    _under_way: UnderWay,
    _held: Option<Share>,
}

impl Outgoing {
    pub fn new(body: Body, under_way: UnderWay, held: Option<Share>) -> Self {
        Self { body, rest: Bytes::new(), taken: None, _under_way: under_way, _held: held }
    }
}

/// A part on its way: when it is taken it is dropped, and its sender with it.
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
            // An error: nothing is sent, the sender goes.
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
