//! Bodies on their way: those that come are given up when they stop coming, those that go keep their request
//! under way to the last byte.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
};
use hyper::body::{Frame, SizeHint};

use super::{
    connections::{Seat, UnderWay},
    patience::Wait,
    shares::Share,
};

/// The body of a request, which ends in an error if it stops coming, or must give way to others while it does not come.
pub(super) struct Incoming {
    body: Body,
    wait: Wait,
    seat: Arc<Seat>,
}

impl Incoming {
    pub fn new(body: Body, seat: Arc<Seat>) -> Self {
        Self { body, wait: Wait::new(), seat }
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
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending => {
                if !this.seat.waits(cx) && this.wait.poll(cx).is_pending() {
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
            }
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

/// Whether an error of a body is that it stopped coming.
pub(super) fn stopped_coming(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |e| e.source());
    causes.any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut))
}

/// Set on an answer whose body is read as it is taken, and is not in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streamed;

/// The body of an answer, with its share of the memory that answers may take if it is long.
pub(super) struct Outgoing {
    body: Body,
    _under_way: UnderWay,
    _held: Option<Share>,
}

impl Outgoing {
    pub fn new(body: Body, under_way: UnderWay, held: Option<Share>) -> Self {
        Self { body, _under_way: under_way, _held: held }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
