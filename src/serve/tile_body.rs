//! A full tile on its way out, a part at a time. A part is sent while the processor still has it at hand; a bundle read
//! whole would be fetched from memory twice.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::limits;
use crate::store::disk::AtHand;

/// The body of an answer: a file, from its first byte to its last.
pub(super) struct TileBody {
    file: Arc<AtHand>,
    /// Bytes read.
    at: u64,
    /// Read and not sent yet.
    next: Option<Bytes>,
    /// What has to be waited for, on a thread that may.
    waiting: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl TileBody {
    /// Reads the first part, if that takes no waiting.
    pub(super) fn begin(file: AtHand) -> Option<Self> {
        let mut this = Self { file: Arc::new(file), at: 0, next: None, waiting: None };
        let mut part = this.part();
        if part.is_empty() || !this.file.read(0, &mut part) {
            return None;
        }
        this.take(part);
        Some(this)
    }

    /// Room for the part that comes next; none at the end.
    fn part(&self) -> Vec<u8> {
        let left = self.file.length() - self.at;
        vec![0; usize::try_from(left).map_or(limits::CHUNK, |left| left.min(limits::CHUNK))]
    }

    fn take(&mut self, part: Vec<u8>) {
        self.at += part.len() as u64;
        self.next = Some(part.into());
    }

    fn left(&self) -> u64 {
        self.file.length() - self.at + self.next.as_ref().map_or(0, Bytes::len) as u64
    }
}

impl hyper::body::Body for TileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.next.is_none() && this.left() > 0 {
            let waiting = match &mut this.waiting {
                Some(waiting) => waiting,
                None => {
                    let (file, at, mut part) = (this.file.clone(), this.at, this.part());
                    if file.read(at, &mut part) {
                        this.take(part);
                        return Poll::Ready(this.next.take().map(|part| Ok(Frame::data(part))));
                    }
                    this.waiting.insert(tokio::task::spawn_blocking(move || {
                        file.read_waiting(at, &mut part).map(|()| part)
                    }))
                }
            };
            let read = ready!(Pin::new(waiting).poll(cx));
            this.waiting = None;
            match read.unwrap_or_else(|e| Err(e.into())) {
                Ok(part) => this.take(part),
                Err(error) => {
                    tracing::error!(%error, "a tile can't be read");
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(this.next.take().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

impl From<TileBody> for Body {
    fn from(body: TileBody) -> Self {
        Self::new(body)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::store::disk::{Disk as _, RealDisk};

    /// A body over a file of these bytes, and the file's path.
    fn body(bytes: &[u8]) -> (tempfile::NamedTempFile, Option<TileBody>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let body = RealDisk.open_at_hand(file.path()).and_then(TileBody::begin);
        (file, body)
    }

    #[tokio::test]
    async fn a_tile_comes_whole_and_says_its_length_before() {
        for length in [1, limits::CHUNK - 1, limits::CHUNK, limits::CHUNK + 1, 5 * limits::CHUNK / 2] {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let (_file, body) = body(&bytes);
            let body = Body::from(body.unwrap());
            assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(length as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), bytes, "{length}");
        }
        assert!(body(b"").1.is_none());
    }

    #[tokio::test]
    async fn a_file_that_is_cut_short_meanwhile_does_not_look_whole() {
        let (file, body) = body(&vec![7; 3 * limits::CHUNK]);
        file.as_file().set_len(limits::CHUNK as u64 + 9).unwrap();
        let error = body.unwrap().collect().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
