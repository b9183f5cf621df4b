//! A body of a known length, whose parts are made while the peer takes them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};

/// Parts that have `left` bytes together.
pub(super) struct PartsBody<P> {
    parts: P,
    left: u64,
}

impl<P: Iterator<Item = Vec<u8>> + Unpin> PartsBody<P> {
    pub fn new(parts: P, length: u64) -> Self {
        Self { parts, left: length }
    }
}

impl<P: Iterator<Item = Vec<u8>> + Unpin> hyper::body::Body for PartsBody<P> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.next();
        self.left = self.left.saturating_sub(part.as_ref().map_or(0, Vec::len) as u64);
        Poll::Ready(part.map(|part| Ok(Frame::data(part.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl<P: Iterator<Item = Vec<u8>> + Unpin + Send + 'static> From<PartsBody<P>> for Body {
    fn from(body: PartsBody<P>) -> Self {
        Self::new(body)
    }
}
