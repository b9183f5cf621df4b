//! What an entry claims: how it is listed, which files its words name, and what it withholds or gives back.

use crate::{
    event::{Body, Event, EventId, EventType, FileRef, Position},
    log::{Fate, Header},
    store::index::{Listed, ListedFile},
};

/// How an entry is listed.
pub(crate) fn listed(header: &Header, event: &Event, files: Vec<ListedFile>) -> Listed {
    let mut ids: Vec<EventId> = header.signers.iter().map(|(party, _)| *party).collect();
    if matches!(event.event_type(), EventType::PartyRegistered | EventType::LedgerOpened) {
        ids.push(event.id());
    }
    ids.extend(event.body().refs().into_iter().flat_map(|(_, ids)| ids));
    ids.sort_unstable();
    ids.dedup();
    Listed {
        index: header.index,
        event_type: event.event_type(),
        thread: header.thread,
        ids,
        author: header.signers.first().map_or(event.id(), |(party, _)| *party),
        act: event.body().act(),
        mentions: event.body().mentions(),
        recheck: event.body().recheck().map(|(exhibit, _)| exhibit),
        content: event.content().map(|c| c.blake3),
        files,
    }
}

/// Files as the index lists them.
pub(crate) fn listed_files(index: u64, files: &[FileRef]) -> Vec<ListedFile> {
    let listed = (0u32..).zip(files).map(|(position, f)| ListedFile {
        index,
        position,
        blake3: f.blake3,
        sha256: f.sha256,
        size: f.size,
        media: f.media.clone(),
    });
    listed.collect()
}

/// The event whose words or files an event withholds or gives back.
pub(crate) fn target_of(event: &Event) -> Option<EventId> {
    match event.body() {
        Body::ContentWithheld(b) => Some(b.entry),
        Body::ContentReleased(b) => Some(b.entry),
        _ => None,
    }
}

/// Whether an event changes what is served under `/file/`.
pub(crate) fn files_changed(event_type: EventType) -> bool {
    matches!(event_type, EventType::ContentWithheld | EventType::ContentReleased)
}

/// Whether the log withholds a file of an event: the file itself, or the words that name it.
pub(crate) fn is_closed(fate: &Fate, position: u32) -> bool {
    fate.withheld_by(Position::Content).is_some() || fate.withheld_by(Position::File(position)).is_some()
}
