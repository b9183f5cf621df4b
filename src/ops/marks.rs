//! `repair` of the file `withheld`: the marks by which withheld files are recognised when their bytes come back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{Doing as _, OpsError, stray_files::read_tile};
use crate::{
    event::{Content, ContentRef, EventId, EventType, MAX_CONTENT},
    ledger::{LedgerError, claims::target_of, folder::Folder, folder_lock, marks::Marks},
    log::{Checkpoint, Entry, TILE_ITEMS, TileKind, TilePath, Words, decode_bundle, decode_contents},
    note::{Origin, VerifyingKey},
    store::{disk::RealDisk, journal},
};

/// The longest file of marks that is read, in bytes.
const MAX_MARKS: u64 = 1 << 30;

/// What a repair of marks did.
#[derive(Debug, Clone, Serialize)]
pub struct Marked {
    /// The folder.
    pub data: PathBuf,
    /// The number of entries whose words or files were ever withheld.
    pub asked: u64,
    /// How many of them had their marks in the given file or in the folder, or need none.
    pub known: u64,
    /// Indexes of those whose marks were made from their words.
    pub made: BTreeSet<u64>,
    /// Indexes of those whose marks are given up.
    pub given_up: BTreeSet<u64>,
}

/// Puts back the marks of withheld files in a ledger that nobody serves. They come from the file `withheld` of a backup, and
/// from the files `words` of withheld words that somebody kept. With `without`, marks that are still missing are given up.
///
/// # Errors
/// [`OpsError`], also if marks are missing and not given up: then nothing is changed.
pub fn repair_marks(
    data: &Path,
    withheld: Option<&Path>,
    words: &[PathBuf],
    without: bool,
) -> Result<Marked, OpsError> {
    let folder = Folder::new(data);
    let said = folder.said()?;
    if said.mirror_of.is_some() {
        return Err(OpsError::Unusable(format!("{} is a mirror, which has no marks", data.display())));
    }
    let _lock = folder_lock::lock(&folder)?;
    fs::create_dir_all(folder.tmp()).doing("create", &folder.tmp())?;
    let asked = asked(&folder, &said.origin, &said.log_key)?;
    let here = Marks::open(Arc::new(RealDisk), &folder)?;
    let marks = match withheld {
        None => here,
        Some(path) => {
            let bytes = read(path, MAX_MARKS)?;
            let marks = Marks::from_other(Arc::new(RealDisk), &folder, &bytes);
            let why = || OpsError::Unusable(format!("{}: not marks as a ledger writes them", path.display()));
            let marks = marks.ok_or_else(why)?;
            marks.take_in(&here);
            marks
        }
    };
    let mut done = Marked {
        data: data.to_owned(),
        asked: asked.len() as u64,
        known: 0,
        made: BTreeSet::new(),
        given_up: BTreeSet::new(),
    };
    for path in words {
        let bytes = read(path, MAX_CONTENT as u64)?;
        let of = asked.iter().find(|(_, asked)| asked.committed.is_some_and(|c| c.matches(&bytes)));
        let (Some((id, asked)), Ok(content)) = (of, Content::parse(&bytes)) else {
            let path = path.display();
            return Err(OpsError::Unusable(format!(
                "{path}: not the words of an entry of which anything was withheld"
            )));
        };
        marks.mark(*id, content.files());
        done.made.insert(asked.index);
    }
    let mut missing = BTreeMap::new();
    for (id, asked) in &asked {
        if done.made.contains(&asked.index) {
            continue;
        }
        match (&asked.committed, asked.words.as_deref().map(Content::parse)) {
            // A file of version 1 has no line for an event without files, so whatever it does not name has none.
            _ if marks.is_of_version_1() => marks.mark(*id, &[]),
            _ if marks.knows(id) && !marks.is_given_up(id) => {}
            (None, _) => marks.mark(*id, &[]),
            (_, Some(Ok(content))) => {
                marks.mark(*id, content.files());
                done.made.insert(asked.index);
                continue;
            }
            _ => {
                missing.insert(asked.index, *id);
                continue;
            }
        }
        done.known += 1;
    }
    if !without && !missing.is_empty() {
        return Err(OpsError::Unusable(lacks(&missing, withheld)));
    }
    for (index, id) in missing {
        marks.give_up(id);
        done.given_up.insert(index);
    }
    marks.persist().map_err(LedgerError::from)?;
    Ok(done)
}

fn lacks(missing: &BTreeMap<u64, EventId>, withheld: Option<&Path>) -> String {
    let named: Vec<String> = missing.keys().take(20).map(u64::to_string).collect();
    let more = missing.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = withheld.map_or_else(|| "there are".to_owned(), |path| format!("{} has", path.display()));
    format!(
        "{what} no marks of what was withheld of entries {}{more}. Give the file `withheld` of a later backup, or the withheld \
         words themselves if somebody kept them: --words FILE, once for each entry. If nobody has them: --without-marks; the \
         bytes of these withheld files are then not recognised when somebody brings them back",
        named.join(", ")
    )
}

/// An entry whose words or files were withheld.
struct Asked {
    index: u64,
    committed: Option<ContentRef>,
    /// Its words, if the folder has them.
    words: Option<Vec<u8>>,
}

/// The events whose words or files were ever withheld, by the entries in the tiles and in the journal.
fn asked(folder: &Folder, origin: &Origin, key: &VerifyingKey) -> Result<BTreeMap<EventId, Asked>, OpsError> {
    let mut targets = BTreeSet::new();
    each_entry(folder, origin, key, &mut |_, entry, _| {
        if entry.event().event_type() == EventType::ContentWithheld {
            targets.extend(target_of(entry.event()));
        }
    })?;
    let mut asked = BTreeMap::new();
    each_entry(folder, origin, key, &mut |index, entry, words| {
        let id = entry.event().id();
        if targets.contains(&id) {
            let committed = entry.event().content().copied();
            let words = words.filter(|words| committed.is_some_and(|c| c.matches(words)));
            asked.insert(id, Asked { index, committed, words: words.map(<[u8]>::to_vec) });
        }
    })?;
    Ok(asked)
}

/// Takes the index of an entry, the entry, and its words if the folder has them.
type Each<'a> = dyn FnMut(u64, &Entry, Option<&[u8]>) + 'a;

/// Calls `each` with every entry, those of the journal included.
fn each_entry(
    folder: &Folder,
    origin: &Origin,
    key: &VerifyingKey,
    each: &mut Each<'_>,
) -> Result<(), OpsError> {
    let unusable = |what: &str| {
        let data = folder.root().display();
        OpsError::Unusable(format!("{what}; mend the log first: onrecord repair --data {data} --from URL"))
    };
    let checkpoint = fs::read(folder.checkpoint()).ok().and_then(|bytes| Checkpoint::open(&bytes, key).ok());
    let size = checkpoint.ok_or_else(|| unusable("public/checkpoint can't be read"))?.checkpoint().size();
    let public = folder.public();
    for index in 0..size.div_ceil(TILE_ITEMS) {
        let width = (size - index * TILE_ITEMS).min(TILE_ITEMS) as u16; // At most 256.
        let broken = |e: &dyn std::fmt::Display| unusable(&format!("bundle {index}: {e}"));
        let tile = |kind| -> Result<Vec<u8>, OpsError> {
            let path = TilePath::new(kind, index, width).map_err(|e| broken(&e))?;
            read_tile(&public, path)?.ok_or_else(|| broken(&"missing"))
        };
        let (entries, words) = (tile(TileKind::Entries)?, tile(TileKind::Contents)?);
        let entries = decode_bundle(&entries, width).map_err(|e| broken(&e))?;
        let words = decode_contents(&words, width).map_err(|e| broken(&e))?;
        for (at, (raw, words)) in (index * TILE_ITEMS..).zip(entries.into_iter().zip(words)) {
            let entry = Entry::parse(raw, origin).map_err(|e| broken(&e))?;
            let words = if let Words::Present(words) = words { Some(words) } else { None };
            each(at, &entry, words);
        }
    }
    let recovered = journal::recover(&RealDisk, &folder.journal(), size).map_err(LedgerError::from)?;
    for (at, record) in (recovered.first.max(size)..).zip(recovered.above(size)) {
        let entry = Entry::parse(&record.entry, origin).map_err(|e| unusable(&format!("entry {at}: {e}")))?;
        each(at, &entry, record.words.as_deref());
    }
    Ok(())
}

/// Reads a file of at most `limit` bytes.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, OpsError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).doing("read", path)?;
    file.take(limit + 1).read_to_end(&mut bytes).doing("read", path)?;
    if bytes.len() as u64 > limit {
        return Err(OpsError::Unusable(format!("{}: longer than {limit} bytes", path.display())));
    }
    Ok(bytes)
}
