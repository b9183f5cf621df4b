//! The door: the checks of a submission that need no earlier entry. They run in parallel.

use std::sync::Arc;

use super::{
    error::ReadError,
    shared::Shared,
    submission::{Submission, unavailable},
};
use crate::event::{Code, Content, Digest, Event, FileRef, MAX_CONTENT, Refusal, SignedEvent};

/// A submission whose shape and signatures are good. A fault of its words is kept in `blobs` for later: an event that is on
/// record already is answered with its entry, whatever words came with it.
pub(crate) struct Admitted {
    pub event: SignedEvent,
    pub words: Option<Arc<[u8]>>,
    pub content: Option<Content>,
    pub restored: Option<Arc<[u8]>>,
    pub blobs: Result<(), Refusal>,
    /// Uploads held until this submission is decided.
    pins: Pins,
}

/// Uploads held for a submission at the door.
struct Pins {
    shared: Arc<Shared>,
    digests: Vec<Digest>,
}

impl Drop for Pins {
    fn drop(&mut self) {
        for digest in &self.digests {
            self.shared.uploads().unpin(digest);
        }
    }
}

/// Checks shape and signatures of each submission, then its words. Signatures are checked together.
pub(crate) fn admit(
    shared: &Arc<Shared>,
    submissions: impl IntoIterator<Item = Submission>,
) -> Vec<Result<Admitted, Refusal>> {
    let mut sent = Vec::new();
    let mut events = Vec::new();
    for s in submissions {
        let event = Event::parse(&s.note, shared.origin());
        sent.push((event.as_ref().err().cloned(), s.content, s.restored));
        events.extend(event);
    }
    let mut verified = Event::verify_each(events).into_iter();
    let each = sent.into_iter().map(|(refused, content, restored)| {
        let event = match refused {
            Some(refusal) => Err(refusal),
            // One verdict for each event that was parsed.
            None => verified.next().unwrap_or_else(|| Err(unavailable())),
        };
        Ok(check_blobs(shared, event?, content, restored))
    });
    each.collect()
}

fn check_blobs(
    shared: &Arc<Shared>,
    event: SignedEvent,
    sent: Option<Vec<u8>>,
    restored: Option<Vec<u8>>,
) -> Admitted {
    let mut pins = Pins { shared: shared.clone(), digests: Vec::new() };
    let mut content = None;
    let mut words = None;
    let blobs = check_words(&event, sent, &mut content, &mut words)
        .and_then(|()| content.as_ref().map_or(Ok(()), |c| check_files(shared, c.files(), &mut pins)));
    Admitted { event, words, content, restored: restored.map(Arc::from), blobs, pins }
}

impl Admitted {
    /// The files that its words name and claim.
    pub fn files(&self) -> &[FileRef] {
        self.content.as_ref().map_or(&[], Content::files)
    }
    /// Whether an upload is held until this submission is decided.
    pub fn is_pinned(&self, digest: &Digest) -> bool {
        self.pins.digests.contains(digest)
    }
    /// Holds another upload until this submission is decided. Returns whether there is such an upload.
    pub fn pin(&mut self, digest: &Digest) -> bool {
        let there = self.pins.shared.uploads().pin(digest).is_some();
        if there {
            self.pins.digests.push(*digest);
        }
        there
    }
}

fn check_words(
    event: &Event,
    sent: Option<Vec<u8>>,
    content: &mut Option<Content>,
    words: &mut Option<Arc<[u8]>>,
) -> Result<(), Refusal> {
    match (event.content(), sent) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            Err(Refusal::new(Code::ContentDigest, "content", "no words: the event commits to none", "some"))
        }
        (Some(_), None) => {
            Err(Refusal::new(Code::ContentMissing, "content", "the words the event commits to", "none"))
        }
        (Some(committed), Some(sent)) => {
            if sent.len() > MAX_CONTENT || !committed.matches(&sent) {
                let expected = format!("{} bytes with BLAKE3 {}", committed.size, committed.blake3);
                let found = format!("{} bytes with {}", sent.len(), Digest::blake3(&sent));
                return Err(Refusal::new(Code::ContentDigest, "content", expected, found));
            }
            let parsed = Content::parse(&sent)?;
            parsed.refuse_unsaid(event.event_type())?;
            *content = Some(parsed);
            *words = Some(sent.into());
            Ok(())
        }
    }
}

fn check_files(shared: &Shared, files: &[FileRef], pins: &mut Pins) -> Result<(), Refusal> {
    let place = |i: usize, member: &str| format!("content.files[{i}].{member}");
    let mut known = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let found = match shared.uploads().pin(&file.blake3) {
            Some(found) => {
                pins.digests.push(file.blake3);
                Some(found)
            }
            None => claimed_before(shared, &file.blake3)?,
        };
        match found {
            Some(found) => known.push(found),
            None => {
                let expected = "a file uploaded by PUT /file/<blake3>";
                return Err(Refusal::new(Code::FileMissing, place(i, "blake3"), expected, "none"));
            }
        }
    }
    for (i, (file, (sha256, size))) in files.iter().zip(known).enumerate() {
        if file.size != size {
            return Err(Refusal::new(Code::FileDigest, place(i, "size"), size, file.size));
        }
        if file.sha256 != sha256 {
            return Err(Refusal::new(Code::FileDigest, place(i, "sha256"), sha256, file.sha256));
        }
    }
    Ok(())
}

/// SHA-256 and size of a file that an accepted event names and that is served.
fn claimed_before(shared: &Shared, digest: &Digest) -> Result<Option<(Digest, u64)>, Refusal> {
    let fault = |e: ReadError| {
        tracing::error!(error = %e, "a file's claims could not be read");
        Refusal::because(Code::Unavailable, "content.files", "the store can't be read")
    };
    let claims = shared.open_claims(digest).map_err(fault)?;
    Ok(claims.first().map(|c| (c.sha256, c.size)))
}
