//! A file on its way out, a part at a time and no faster than it is taken: a reader that is slow holds one part. A part
//! is sent while the processor still has it at hand; a bundle read whole would be fetched from memory twice.

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

/// The body of an answer: a file or a part of it.
pub(super) struct FileBody {
    file: Arc<AtHand>,
    /// Where to read on.
    at: u64,
    /// Where to end.
    end: u64,
    /// Read and not sent yet.
    next: Option<Bytes>,
    /// What has to be waited for, on a thread that may.
    waiting: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl FileBody {
    /// So many bytes from the first on.
    pub(super) fn new(file: AtHand, first: u64, length: u64) -> Self {
        let end = first.saturating_add(length);
        Self { file: Arc::new(file), at: first, end, next: None, waiting: None }
    }

    /// A whole file of which the first bytes can be read without waiting; `None` if they can't.
    pub(super) fn begin(file: AtHand) -> Option<Self> {
        let length = file.length();
        let mut this = Self::new(file, 0, length);
        let mut part = this.part();
        if part.is_empty() || !this.file.read(0, &mut part) {
            return None;
        }
        this.take(part);
        Some(this)
    }

    /// Room for the part that comes next; none at the end.
    fn part(&self) -> Vec<u8> {
        let left = self.end.saturating_sub(self.at);
        vec![0; usize::try_from(left).map_or(limits::CHUNK, |left| left.min(limits::CHUNK))]
    }

    fn take(&mut self, part: Vec<u8>) {
        self.at += part.len() as u64;
        self.next = Some(part.into());
    }

    fn left(&self) -> u64 {
        self.end.saturating_sub(self.at) + self.next.as_ref().map_or(0, Bytes::len) as u64
    }
}

impl hyper::body::Body for FileBody {
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
                    tracing::error!(%error, "a file can't be read");
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

impl From<FileBody> for Body {
    fn from(body: FileBody) -> Self {
        Self::new(body)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::store::disk::{Disk as _, RealDisk};

    /// A body over a file of these bytes, and the file's path.
    fn body(bytes: &[u8]) -> (tempfile::NamedTempFile, Option<FileBody>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let body = RealDisk.open_at_hand(file.path()).and_then(FileBody::begin);
        (file, body)
    }

    #[tokio::test]
    async fn a_file_comes_whole_or_in_part_and_says_its_length_before() {
        for length in [1, limits::CHUNK - 1, limits::CHUNK, limits::CHUNK + 1, 5 * limits::CHUNK / 2] {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let (_file, body) = body(&bytes);
            let body = Body::from(body.unwrap());
            assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(length as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), bytes, "{length}");
        }
        assert!(body(b"").1.is_none());
        let (file, _) = body(b"0123456789");
        let open = || RealDisk.open_at_hand(file.path()).unwrap();
        for (first, length, part) in [(0, 0, ""), (0, 10, "0123456789"), (9, 1, "9"), (2, 3, "234")] {
            let body = Body::new(FileBody::new(open(), first, length));
            assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(length));
            assert_eq!(body.collect().await.unwrap().to_bytes(), part);
        }
        let beyond = Body::new(FileBody::new(open(), 8, 3));
        assert!(beyond.collect().await.is_err(), "shorter than was said");
    }

    #[tokio::test]
    async fn a_file_that_is_cut_short_meanwhile_does_not_look_whole() {
        let (file, body) = body(&vec![7; 3 * limits::CHUNK]);
        file.as_file().set_len(limits::CHUNK as u64 + 9).unwrap();
        let error = body.unwrap().collect().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
