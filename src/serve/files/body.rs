//! The body of an answer that sends a file. It is read a part at a time, and no faster than the peer takes it, so a slow
//! reader holds one part in memory. A part is sent while it is still in the processor's cache; a bundle that was read as a
//! whole would be fetched from memory twice.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::ledger::SoundFile;

/// The position in the file where a part begins, and its bytes.
type Part = (u64, Vec<u8>);

/// The body of an answer: a file or a part of it.
pub(super) struct FileBody {
    file: SoundFile,
    /// The position of the next byte to read.
    at: u64,
    /// The position where to stop.
    end: u64,
    /// Bytes that were read and are not sent yet.
    next: Option<Bytes>,
    /// A read that waits for the disk, on a thread that may wait.
    waiting: Option<JoinHandle<io::Result<Part>>>,
}

impl FileBody {
    /// `length` bytes of the file, from the position `first` on.
    pub(super) fn new(file: SoundFile, first: u64, length: u64) -> Self {
        let end = first.saturating_add(length);
        Self { file, at: first, end, next: None, waiting: None }
    }

    /// A whole file, if its first part can be read without waiting for the disk, and is sound.
    pub(super) fn begin(file: SoundFile) -> Option<Self> {
        let length = file.length();
        let mut this = Self::new(file, 0, length);
        if length == 0 {
            return None;
        }
        let part = this.file.part(0)?.ok()?;
        this.take(part).ok()?;
        Some(this)
    }

    /// Takes a part of the file, and keeps those of its bytes that are to be sent.
    fn take(&mut self, (from, part): (u64, Vec<u8>)) -> io::Result<()> {
        let part = Bytes::from(part);
        let first = usize::try_from(self.at - from).unwrap_or(usize::MAX);
        let last = usize::try_from(self.end - from).unwrap_or(usize::MAX).min(part.len());
        if first >= last {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let part = part.slice(first..last);
        self.at += part.len() as u64;
        self.next = Some(part);
        Ok(())
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
            let at_hand = if this.waiting.is_none() { this.file.part(this.at) } else { None };
            let read = match at_hand {
                Some(read) => read,
                None => {
                    let (file, at) = (this.file.clone(), this.at);
                    let wait = move || tokio::task::spawn_blocking(move || file.part_waiting(at));
                    let read = ready!(Pin::new(this.waiting.get_or_insert_with(wait)).poll(cx));
                    this.waiting = None;
                    read.unwrap_or_else(|e| Err(e.into()))
                }
            };
            if let Err(error) = read.and_then(|part| this.take(part)) {
                // The answer is shorter than its `Content-Length` says, so nobody takes it for whole.
                tracing::error!(%error, "a file can't be read");
                return Poll::Ready(Some(Err(error)));
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
    use crate::{serve::limits, store::disk::AtHand};

    fn open(path: &std::path::Path) -> SoundFile {
        SoundFile::as_it_is(AtHand::open(path).unwrap()).unwrap()
    }

    /// A body over a file of these bytes, and the file's path.
    fn body(bytes: &[u8]) -> (tempfile::NamedTempFile, Option<FileBody>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let body = FileBody::begin(open(file.path()));
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
        let open = || open(file.path());
        for (first, length, part) in [(0, 0, ""), (0, 10, "0123456789"), (9, 1, "9"), (2, 3, "234")] {
            let body = Body::new(FileBody::new(open(), first, length));
            assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(length));
            assert_eq!(body.collect().await.unwrap().to_bytes(), part);
        }
        let beyond = Body::new(FileBody::new(open(), 8, 3));
        assert!(beyond.collect().await.is_err(), "shorter than was said");
    }

    #[tokio::test]
    async fn no_part_is_sent_that_is_other_than_it_was() {
        let bytes: Vec<u8> = (0..3 * limits::CHUNK + 9).map(|i| (i % 251) as u8).collect();
        let (file, _) = body(&bytes);
        let sound = open(file.path());
        for at in [0, limits::CHUNK, 3 * limits::CHUNK + 8] {
            let mut rotten = bytes.clone();
            rotten[at] ^= 1;
            std::fs::write(file.path(), rotten).unwrap();
            let whole = Body::new(FileBody::new(sound.clone(), 0, bytes.len() as u64)).collect().await;
            assert_eq!(whole.unwrap_err().to_string(), "the file is damaged", "byte {at}");
            // The same part is refused if another byte of it is asked for.
            let beside = Body::new(FileBody::new(sound.clone(), (at ^ 1) as u64, 1)).collect().await;
            assert!(beside.is_err(), "byte {at}");
            let elsewhere = (at + 2 * limits::CHUNK) % bytes.len() / limits::CHUNK * limits::CHUNK;
            let good = Body::new(FileBody::new(sound.clone(), elsewhere as u64, 5)).collect().await.unwrap();
            assert_eq!(good.to_bytes(), bytes[elsewhere..elsewhere + 5]);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_cut_short_meanwhile_does_not_look_whole() {
        let (file, body) = body(&vec![7; 3 * limits::CHUNK]);
        file.as_file().set_len(limits::CHUNK as u64 + 9).unwrap();
        let error = body.unwrap().collect().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
