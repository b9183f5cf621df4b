//! Bringing index, words and files up to the log when a ledger is opened.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    batch::{Batch, NewEntry, words_changed},
    claims::{listed_files, target_of},
    error::{LedgerError, ReadError},
    layered::Layered,
    recent::ItemWords,
    shared::Shared,
    withholding,
};
use crate::{
    event::{Content, Digest, Event, EventType, Position, SignedEvent},
    log::{Entry, NoDoor, Rows as _, TILE_ITEMS, TILE_WIDTH, decide},
    store::{
        index::{IndexPosition, ListedFile},
        journal::Record,
    },
};

/// Entries brought into the index at a time. Twice as many are in memory, since the next ones are being read.
const CATCH_UP: u64 = 4_096;

/// Brings the index up to the log, or makes it anew if it belongs to another history. `progress` is told the entries done and
/// the size of the log.
pub(super) fn catch_up(
    shared: &Arc<Shared>,
    size: u64,
    progress: &dyn Fn(u64, u64),
) -> Result<(), LedgerError> {
    let position = match shared.index().position()? {
        Some(p) if p.size <= size && p.size > 0 => {
            let last = shared.entry(p.size - 1)?;
            let same = last.is_some_and(|e| Digest::blake3(&e) == p.last);
            if same { p.size } else { 0 }
        }
        _ => 0,
    };
    if position == 0 && size > 0 {
        shared.index().clear()?;
        tracing::info!(size, "making the index anew");
    }
    // The next range is read while the one before is decided and written.
    let ranges: Vec<(u64, u64)> = std::iter::successors(Some(position), |from| Some(from + CATCH_UP))
        .take_while(|from| *from < size)
        .map(|from| (from, size.min(from + CATCH_UP)))
        .collect();
    let read =
        |range: Option<&(u64, u64)>| range.map(|(from, to)| read_entries(shared, *from, *to)).transpose();
    let mut next = read(ranges.first())?;
    for (i, (_, to)) in ranges.iter().enumerate() {
        let entries = next.take().unwrap_or_default();
        let (read, taken) = rayon::join(|| read(ranges.get(i + 1)), || take_up(shared, entries, *to));
        taken?;
        next = read?;
        progress(*to, size);
    }
    Ok(())
}

/// An entry, with the files that its words name.
type Filed = (Entry<Event>, Vec<ListedFile>);

/// Reads the entries of a range, with the files that their words name. Bundles are read in parallel.
fn read_entries(shared: &Shared, from: u64, to: u64) -> Result<Vec<Filed>, LedgerError> {
    let bundles: Vec<_> = (from / TILE_ITEMS..to.div_ceil(TILE_ITEMS))
        .into_par_iter()
        .map(|bundle| {
            let range = (bundle * TILE_ITEMS).max(from)..((bundle + 1) * TILE_ITEMS).min(to);
            let mut out = Vec::with_capacity(TILE_WIDTH.into());
            shared.each_stored(range, |index, raw, words| {
                let entry = shared.parse(index, raw)?;
                let files = match (entry.event().content(), words) {
                    (Some(committed), Some(words)) if committed.matches(words) => {
                        Content::parse(words).map_or(Vec::new(), |c| listed_files(index, c.files()))
                    }
                    _ => Vec::new(),
                };
                out.push((entry, files));
                Ok(())
            })?;
            Ok(out)
        })
        .collect::<Result<_, ReadError>>()?;
    Ok(bundles.into_iter().flatten().collect())
}

/// Decides entries again, as when they were recorded, and brings the index up to them.
fn take_up(shared: &Shared, entries: Vec<Filed>, to: u64) -> Result<(), LedgerError> {
    let Some((first, _)) = entries.first() else { return Ok(()) };
    let mut batch = Batch::with_room(first.header().index, first.header().prev, entries.len());
    for (entry, mut files) in entries {
        let (index, hash) = (entry.header().index, entry.hash());
        let (header, event) = entry.into_parts();
        let event = SignedEvent::verified_before(event);
        let rows = Layered { batches: [&batch], committed: shared };
        let placement = decide(&rows, index, &event, shared.origin(), &NoDoor)
            .map_err(|r| LedgerError::Broken(format!("entry {index}: {r}")))?;
        if event.event_type() == EventType::ContentReleased {
            let given_back = target_of(&event).and_then(|id| rows.event(&id));
            if let Some(row) = given_back
                && let Some(words) = shared.stored_words(row.index)?
                && let Ok(content) = Content::parse(&words)
            {
                files.extend(listed_files(row.index, content.files()));
            }
        }
        batch.put_rows(placement.rows);
        // The entry is on record already. Words that it withholds or gives back are taken from the journal, and missing marks
        // are made elsewhere at a start.
        let (record, words, withheld) = (None, None, None);
        batch.push(NewEntry { header: &header, event: &event, hash, files, record, words, withheld });
    }
    let to = IndexPosition { size: to, last: batch.last_hash() };
    shared.index().add(batch.rows(), batch.listed(), to)?;
    withholding::drop_claims(shared, batch.listed())?;
    Ok(())
}

/// Takes up words that were given back and are not in tiles yet, so that the files that they name are found.
pub(super) fn give_back_again<'a>(shared: &Shared, unpublished: impl Iterator<Item = (u64, &'a Record)>) {
    let restored = unpublished.filter_map(|(_, record)| record.restored.clone());
    shared.set_words(restored.map(|(index, words)| (index, Some(words))));
}

/// Applies again what the unpublished entries withhold or give back, so that it is brought to an end.
pub(super) fn withhold_again<'a>(
    shared: &Shared,
    unpublished: impl Iterator<Item = (u64, &'a Record)>,
) -> Result<(), LedgerError> {
    for (index, record) in unpublished {
        let entry = shared.parse(index, &record.entry)?;
        let event = SignedEvent::verified_before(entry.event().clone());
        if let Some((target, words)) = words_changed(shared, &event, record.restored.as_ref()) {
            shared.set_words([(target, words)]);
        }
    }
    Ok(())
}

/// Checks the words at the end of the log: they are those that their entries commit to, or the log withholds them.
pub(super) fn check_tail_words(shared: &Shared) -> Result<(), LedgerError> {
    let (start, items) = {
        let recent = shared.recent();
        (recent.start, recent.items.iter().cloned().collect::<Vec<_>>())
    };
    items.par_iter().enumerate().try_for_each(|(i, item)| {
        let index = start + i as u64;
        let entry = shared.parse(index, &item.entry)?;
        let broken = |why: &str| Err(LedgerError::Broken(format!("entry {index}, words: {why}")));
        let held = || shared.fate(&entry.event().id()).withheld_by(Position::Content).is_some();
        match (entry.event().content(), &item.words) {
            (None, ItemWords::None) => Ok(()),
            (None, _) => broken("expected none: the event commits to no words"),
            (Some(committed), ItemWords::Present(words)) if committed.matches(words) => Ok(()),
            (Some(_), ItemWords::Present(_)) => broken("not those that the event commits to"),
            (Some(_), _) if held() => Ok(()),
            (Some(_), _) => broken("missing, and nothing on the log withholds them"),
        }
    })
}
