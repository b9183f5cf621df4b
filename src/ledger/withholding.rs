//! What withholding does to files: which bytes are refused from then on, and which leave the disk. How withheld bytes are
//! recognised: [`super::marks`].

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    admission::Admitted,
    batch::Restored,
    claims::{files_changed, is_closed, listed_files, target_of},
    error::{LedgerError, ReadError},
    folder::Folder,
    layered::Layered,
    marks::MISSING,
    shared::Shared,
};
use crate::{
    event::{Body, Code, Content, Digest, EventId, EventType, Position, Refusal},
    log::{Fate, Rows},
    store::{
        Doing as _,
        disk::Placing,
        index::{By, Listed, ListedFile},
        journal::Record,
    },
};

/// Compares the marks with the log: each event of which anything was withheld must have its own. Missing ones are made anew
/// from its words. If the words are gone too, withheld bytes can't be told from others any more, and that is an error.
///
/// An earlier version wrote nothing for events without files, so its ledger may rightly have no marks at all. Then missing
/// marks are given up, and a warning is logged.
pub(crate) fn make_good(shared: &Shared, of_earlier_version: bool) -> Result<(), LedgerError> {
    let withholds = By::Type(EventType::ContentWithheld);
    let listed = shared.index().list(withholds, 0..=u64::MAX, false)?;
    let (mut seen, mut lost, mut made, mut given_up) = (HashSet::new(), Vec::new(), 0u64, 0u64);
    let may_have_none = of_earlier_version && shared.marks().fault() == Some(MISSING);
    for index in listed {
        let index = index?;
        let missing = || ReadError::Fault(format!("entry {index} is missing"));
        let entry = match shared.entry(index) {
            Ok(entry) => entry.ok_or_else(missing)?,
            // The entry's bundle is damaged. That was logged; once it is mended, the next start looks at it again. Existing marks
            // stay.
            Err(ReadError::Damaged(_)) => continue,
            Err(e) => return Err(e.into()),
        };
        let target = target_of(shared.parse(index, &entry)?.event()).filter(|id| seen.insert(*id));
        if let Some(id) = target.filter(|_| shared.marks().is_of_version_1()) {
            shared.marks().mark(id, &[]);
        }
        let Some(id) = target.filter(|id| !shared.marks().knows(id)) else { continue };
        let Some(row) = shared.event(&id) else { continue };
        let committed = row.content;
        let words = shared.stored_words(row.index)?.filter(|w| committed == Some(Digest::blake3(w)));
        match (committed, words.and_then(|words| Content::parse(&words).ok())) {
            (None, _) => shared.marks().mark(id, &[]),
            (Some(_), Some(content)) => shared.marks().mark(id, content.files()),
            (Some(_), None) if may_have_none => {
                shared.marks().give_up(id);
                given_up += 1;
            }
            (Some(_), None) => lost.push(row.index),
        }
        made += 1;
    }
    if given_up > 0 {
        tracing::warn!(
            events = given_up,
            "an earlier version left no marks of withheld files; if these events had files, their bytes are not recognised \
             when they come back. Put back the file `withheld` of a backup if there is one: onrecord repair --withheld"
        );
    }
    if let Some(first) = lost.first() {
        let why = shared.marks().fault().unwrap_or("not complete");
        return Err(LedgerError::Broken(lost_marks(why, lost.len(), *first, shared.folder())));
    }
    if made > 0 {
        let why = shared.marks().fault().unwrap_or("not complete");
        tracing::warn!(events = made, why, "the marks of withheld files in `withheld` were made anew");
    }
    Ok(shared.marks().persist()?)
}

/// The error where marks are lost and can't be made anew: `why` the file does not have them, for how many events, and the
/// index of the first of these.
pub(crate) fn lost_marks(why: &str, events: usize, first: u64, folder: &Folder) -> String {
    let data = folder.root().display();
    let others = match events {
        1 => String::new(),
        n => format!(" and {} others", n - 1),
    };
    format!(
        "{}: {why}. It has the marks by which withheld files are recognised when their bytes come back, and those of entry \
         {first}{others} can't be made anew: their words are withheld too. Take the file `withheld` from a backup: \
         onrecord repair --data {data} --withheld FILE",
        folder.withheld().display()
    )
}

/// Checks that the files of a submission are not withheld, and are on record or held as uploads. Asked when the event is
/// decided, because a file may have been withheld since the door.
pub(super) fn check_files<const N: usize>(rows: &Layered<'_, N>, admitted: &Admitted) -> Result<(), Refusal> {
    for (i, file) in admitted.files().iter().enumerate() {
        let place = format!("content.files[{i}].blake3");
        if rows.withholds(&file.blake3) {
            let message = "this file is withheld on this ledger; content.released gives it back";
            return Err(Refusal::because(Code::BlobWithheld, place, message));
        }
        if !admitted.is_pinned(&file.blake3) && !has_open_claim(rows, &file.blake3)? {
            return Err(missing(place));
        }
    }
    Ok(())
}

fn missing(place: String) -> Refusal {
    Refusal::new(Code::FileMissing, place, "a file uploaded by PUT /file/<blake3>", "none")
}

fn has_open_claim<const N: usize>(rows: &Layered<'_, N>, digest: &Digest) -> Result<bool, Refusal> {
    rows.committed.claims_under(digest, rows).map(|claims| !claims.is_empty()).map_err(|e| {
        tracing::error!(error = %e, "a file's claims could not be read");
        Refusal::because(Code::Unavailable, "content.files", "the store can't be read")
    })
}

/// What `content.released` gives back.
#[derive(Default)]
pub(super) struct GivenBack {
    pub words: Option<Restored>,
    pub files: Vec<ListedFile>,
}

/// The words and files that an event gives back. They must be here. Uploads among them are held for the submission until it is
/// answered, like those that its own words name.
pub(super) fn give_back<const N: usize>(
    rows: &Layered<'_, N>,
    admitted: &mut Admitted,
) -> Result<GivenBack, Refusal> {
    let Body::ContentReleased(body) = admitted.event.body() else {
        return match admitted.restored {
            None => Ok(GivenBack::default()),
            Some(_) => {
                let expected = "given-back words with content.released only";
                Err(Refusal::new(Code::ContentDigest, "restored", expected, "some"))
            }
        };
    };
    let Some(target) = rows.event(&body.entry) else { return Ok(GivenBack::default()) };
    let (id, blobs, fate) = (body.entry, body.blobs.clone(), rows.fate(&body.entry));
    let mut words = None;
    if blobs.contains(&Position::Content) {
        let Some(sent) = admitted.restored.clone() else {
            let expected = "the words that are given back";
            return Err(Refusal::new(Code::ContentMissing, "restored", expected, "none"));
        };
        if target.content != Some(Digest::blake3(&sent)) {
            let expected = "the words that the entry commits to";
            return Err(Refusal::new(Code::ContentDigest, "restored", expected, "others"));
        }
        words = Some((target.index, sent));
    }
    let readable = match &words {
        Some((_, words)) => Some(words.clone()),
        None => rows.words_of(&id),
    };
    let files = match readable {
        Some(readable) => {
            let target = (target.index, &fate);
            files_given_back(rows, admitted, target, &blobs, &readable)?
        }
        // While the words stay withheld, nobody can tell which files they name. The files come back with the words.
        None => Vec::new(),
    };
    Ok(GivenBack { words, files })
}

/// The files that can be had again once an event that gives something back is on record. Each of them must be here. `target`:
/// index and fate of the event that they belong to; `words`: its words.
fn files_given_back<const N: usize>(
    rows: &Layered<'_, N>,
    admitted: &mut Admitted,
    target: (u64, &Fate),
    blobs: &[Position],
    words: &[u8],
) -> Result<Vec<ListedFile>, Refusal> {
    let Ok(content) = Content::parse(words) else { return Ok(Vec::new()) };
    let mut given = Vec::new();
    for file in listed_files(target.0, content.files()) {
        let position = Position::File(file.position);
        let named = blobs.contains(&position);
        let held = target.1.withheld_by(position).is_some() && !named;
        // A file that the event does not change.
        let untouched = !named && !blobs.contains(&Position::Content);
        if held || untouched {
            continue;
        }
        if !admitted.pin(&file.blake3) && !has_open_claim(rows, &file.blake3)? {
            let place =
                if named { format!("facts.blobs: {position}") } else { format!("restored: {position}") };
            let expected = "the file uploaded again by PUT /file/<blake3>";
            return Err(Refusal::new(Code::FileMissing, place, expected, "none"));
        }
        given.push(file);
    }
    Ok(given)
}

/// The events whose words or files these entries withhold or give back, each with the index of the last entry that does.
fn targets(shared: &Shared, listed: &[Listed]) -> Result<BTreeMap<EventId, u64>, ReadError> {
    let mut targets = BTreeMap::new();
    for l in listed.iter().filter(|l| files_changed(l.event_type)) {
        let Some(entry) = shared.entry(l.index)? else { continue };
        targets.extend(target_of(shared.parse(l.index, &entry)?.event()).map(|id| (id, l.index)));
    }
    Ok(targets)
}

/// Removes what these entries withhold from the lists of files. A withheld file is then looked up like an unknown one, so not
/// even the time of the answer tells them apart. Returns the events concerned, each with the index of the last of these entries.
pub(crate) fn drop_claims(shared: &Shared, listed: &[Listed]) -> Result<BTreeMap<EventId, u64>, ReadError> {
    let targets = targets(shared, listed)?;
    for target in targets.keys() {
        let Some(row) = shared.event(target) else { continue };
        let fate = shared.fate(target);
        shared.index().drop_files(row.index, |position| is_closed(&fate, position))?;
    }
    Ok(targets)
}

/// Moves uploads that an accepted event names, and that are not withheld, to where they are served.
pub(crate) fn claim(shared: &Shared, digests: &BTreeSet<Digest>) -> Result<(), LedgerError> {
    if digests.is_empty() {
        return Ok(());
    }
    let mut placing = Placing::new(shared.disk(), shared.folder().tmp());
    placing.prepare(&shared.folder().files())?;
    for digest in digests {
        let is_named = || Ok(!shared.open_claims(digest)?.is_empty());
        shared.uploads().claim(digest, is_named, |path| placing.put(path, &shared.folder().file(digest)))?;
    }
    Ok(placing.sync()?)
}

/// Removes the files of these events that are withheld wherever they are named. `targets` has for each event the number of
/// uploads that had begun when its files were withheld; later uploads stay. Returns the events of which a file is still held by
/// a submission.
///
/// Stops and returns `None` as soon as `covered` is false. Then an unpublished entry withholds something, and a copy of the
/// published ledger still needs the files.
pub(crate) fn remove_withheld(
    shared: &Shared,
    targets: &BTreeMap<EventId, u64>,
    covered: &dyn Fn() -> bool,
) -> Result<Option<BTreeMap<EventId, u64>>, LedgerError> {
    let mut later = BTreeMap::new();
    for (target, begun) in targets {
        let fate = shared.fate(target);
        let marks = shared.marks().of(target);
        let closed: BTreeSet<Digest> =
            marks.iter().filter(|(p, _)| is_closed(&fate, *p)).map(|(_, hash)| *hash).collect();
        if closed.is_empty() {
            continue;
        }
        let dir = shared.folder().files();
        let names = shared.disk().list(&dir).doing(|| format!("list {}", dir.display()))?;
        let mut gone = Vec::new();
        for digest in names.iter().filter_map(|n| n.parse().ok()) {
            if shared.marks().is_one_of(&digest, &closed) && shared.open_claims(&digest)?.is_empty() {
                gone.push(digest);
            }
        }
        // Asked after the claims were read, so that nothing that is withheld later could have changed them.
        if !covered() {
            return Ok(None);
        }
        let mut placing = Placing::new(shared.disk(), shared.folder().tmp());
        for digest in gone {
            placing.remove(&shared.folder().file(&digest))?;
        }
        placing.sync()?;
        for digest in shared.uploads().waiting().iter().filter(|d| shared.marks().is_one_of(d, &closed)) {
            if !discard(shared, digest, *begun)? {
                later.insert(*target, *begun);
            }
        }
    }
    Ok(Some(later))
}

/// Removes an upload that is withheld. Returns whether nothing is left to be done.
fn discard(shared: &Shared, digest: &Digest, begun: u64) -> Result<bool, LedgerError> {
    shared.uploads().discard(digest, begun, || Ok(shared.open_claims(digest)?.is_empty()))
}

/// Finishes at a start what an earlier process had begun: uploads that are named are claimed, and those that are
/// withheld are removed. Returns the events of the journal's entries whose withheld files may still be on disk.
pub(crate) fn resume<'a>(
    shared: &Shared,
    journalled: impl Iterator<Item = (u64, &'a Record)>,
) -> Result<BTreeMap<EventId, u64>, LedgerError> {
    let waiting: BTreeSet<Digest> = shared.uploads().waiting().into_iter().collect();
    claim(shared, &waiting)?;
    for digest in waiting.iter().filter(|d| shared.marks().is_marked(d)) {
        // No submission holds an upload yet. One that was meant for a release must be uploaded again.
        discard(shared, digest, 0)?;
    }
    let mut targets = BTreeMap::new();
    for (index, record) in journalled {
        targets.extend(target_of(shared.parse(index, &record.entry)?.event()).map(|id| (id, 0)));
    }
    Ok(targets)
}
