//! Marks of withheld files, by which their bytes are recognised.
//!
//! When words are withheld, the names and digests of their files are gone with them. So that the bytes of a withheld
//! file are recognised when somebody uploads them, the folder keeps a *mark* of each file: a keyed hash of its digest, under
//! a random key of this folder, so that nobody else can tell from it what was withheld.
//!
//! ```text
//! withheld   onrecord withheld 2
//!            key <64 hex digits>
//!            <event id> <how many files it has, or: unknown>                          for each event
//!            <event id> <number of the file> <keyed BLAKE3 of the file's BLAKE3>      for each file
//!            blake3 <BLAKE3 of all lines before>
//! ```
//!
//! A mark says nothing by itself: it counts only while the log withholds that file of that event. It is durable
//! before the event that withholds is.
//!
//! Every event of which anything was ever withheld has a line, even if it has no files: so the log tells whether marks are
//! missing. Missing marks are made anew from words that are still here. Where the words are missing too, withheld bytes could
//! come back unnoticed, and the ledger is not opened, unless an operator gives the marks of that event up: then the
//! number of its files is `unknown`. (Version 1 has neither counts nor the last line; it is read as it is, and written anew.)

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{batch::Withheld, error::LedgerError, folder::Folder};
use crate::{
    event::{Digest, EventId, FileRef, Position},
    log::Rows,
    store::{
        Doing as _, StoreError,
        disk::{Disk, Placing},
    },
};

const FIRST_LINE: &str = "onrecord withheld 2";
const FIRST_LINE_1: &str = "onrecord withheld 1";
const LAST_LINE: &str = "blake3 ";
pub(super) const MISSING: &str = "missing";
/// Stands in place of the number of files where the marks of an event were given up.
const UNKNOWN: &str = "unknown";

/// Marks of files that are or were withheld.
pub(crate) struct Marks {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    tmp: PathBuf,
    state: RwLock<State>,
}

struct State {
    key: [u8; 32],
    by_hash: HashMap<Digest, Vec<(EventId, u32)>>,
    by_event: HashMap<EventId, Vec<(u32, Digest)>>,
    /// Events whose marks were given up.
    given_up: HashSet<EventId>,
    /// Whether the file on disk is behind this state.
    dirty: bool,
    /// What is wrong with the file: it is missing, or not as this ledger writes it.
    fault: Option<&'static str>,
    /// Whether it was read from a file of version 1, which leaves out events without files.
    old: bool,
}

impl State {
    fn new(key: [u8; 32]) -> Self {
        let (by_hash, by_event, given_up) = Default::default();
        Self { key, by_hash, by_event, given_up, dirty: false, fault: None, old: false }
    }

    /// Notes an event, whether it has files or not.
    fn know(&mut self, id: EventId) {
        self.dirty |= self.given_up.remove(&id);
        if let Entry::Vacant(vacant) = self.by_event.entry(id) {
            vacant.insert(Vec::new());
            self.dirty = true;
        }
    }

    fn hash(&self, digest: &Digest) -> Digest {
        Digest(*blake3::keyed_hash(&self.key, &digest.0).as_bytes())
    }

    fn put(&mut self, id: EventId, position: u32, hash: Digest) {
        let marks = self.by_event.entry(id).or_default();
        if marks.iter().any(|(p, _)| *p == position) {
            return;
        }
        marks.push((position, hash));
        self.by_hash.entry(hash).or_default().push((id, position));
        self.dirty = true;
    }

    fn to_text(&self) -> String {
        let mut events: Vec<_> = self.by_event.iter().collect();
        events.sort_unstable();
        let mut text = format!("{FIRST_LINE}\nkey {}\n", Digest(self.key));
        for (id, marks) in events {
            // Writing to a string does not fail, here and below.
            let _ = match self.given_up.contains(id) {
                true => writeln!(text, "{id} {UNKNOWN}"),
                false => writeln!(text, "{id} {}", marks.len()),
            };
            for (position, hash) in marks {
                let _ = writeln!(text, "{id} {position} {hash}");
            }
        }
        let digest = Digest::blake3(text.as_bytes());
        let _ = writeln!(text, "{LAST_LINE}{digest}");
        text
    }
}

/// Reads the text of a marks file. `None` if any part of it is not as it should be.
fn parse(text: &str) -> Option<State> {
    let old = text.strip_prefix(FIRST_LINE_1).is_some_and(|rest| rest.starts_with('\n'));
    let mut lines = text;
    if !old {
        let (all, digest) = text.strip_suffix('\n')?.rsplit_once(LAST_LINE)?;
        if digest.parse() != Ok(Digest::blake3(all.as_bytes())) {
            return None;
        }
        lines = all;
    }
    let mut lines = lines.strip_suffix('\n')?.split('\n');
    if lines.next()? != FIRST_LINE && !old {
        return None;
    }
    let mut counts = HashMap::<EventId, usize>::new();
    let key: Digest = lines.next()?.strip_prefix("key ")?.parse().ok()?;
    let mut state = State { old, ..State::new(key.0) };
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [id, UNKNOWN] if !old => {
                let id: EventId = id.parse().ok()?;
                counts.insert(id, 0);
                state.know(id);
                state.given_up.insert(id);
            }
            [id, count] if !old => {
                let id: EventId = id.parse().ok()?;
                counts.insert(id, count.parse().ok()?);
                state.know(id);
            }
            [id, position, hash] => state.put(id.parse().ok()?, position.parse().ok()?, hash.parse().ok()?),
            _ => return None,
        }
    }
    let complete = |(id, marks): (&EventId, &Vec<_>)| old || counts.get(id) == Some(&marks.len());
    if !state.by_event.iter().all(complete) {
        return None;
    }
    state.dirty = old;
    Some(state)
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}

impl Marks {
    /// Reads the marks of a folder. If there is no file, or a damaged one, a new key is made. Which marks there should be is
    /// asked of the log: see [`make_good`](super::withholding::make_good).
    pub fn open(disk: Arc<dyn Disk>, folder: &Folder) -> Result<Self, LedgerError> {
        let path = folder.withheld();
        let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?;
        let fault = if bytes.is_some() { "not as this ledger writes them" } else { MISSING };
        let read = bytes.and_then(|bytes| parse(std::str::from_utf8(&bytes).ok()?));
        let state = match read {
            Some(state) => state,
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key)
                    .map_err(|e| LedgerError::Broken(format!("no random bytes: {e}")))?;
                State { fault: Some(fault), ..State::new(key) }
            }
        };
        Ok(Self { disk, path, tmp: folder.tmp(), state: RwLock::new(state) })
    }

    /// The marks in the bytes of another file, such as a backup's, for this folder. `None` if these are no marks.
    pub fn from_other(disk: Arc<dyn Disk>, folder: &Folder, bytes: &[u8]) -> Option<Self> {
        let mut state = parse(std::str::from_utf8(bytes).ok()?)?;
        state.dirty = true;
        Some(Self { disk, path: folder.withheld(), tmp: folder.tmp(), state: RwLock::new(state) })
    }

    /// Adds the marks of `others`, if they were made under the same key.
    pub fn take_in(&self, others: &Self) {
        let (mut state, others) = (self.write(), others.read());
        if state.key != others.key {
            return;
        }
        for (id, marks) in others.by_event.iter().filter(|(id, _)| !others.given_up.contains(*id)) {
            state.know(*id);
            marks.iter().for_each(|(position, hash)| state.put(*id, *position, *hash));
        }
    }

    /// Gives up the marks of an event: its files will not be recognised.
    pub fn give_up(&self, id: EventId) {
        let mut state = self.write();
        state.know(id);
        state.given_up.insert(id);
        state.dirty = true;
    }

    /// Whether the marks of an event were given up.
    pub fn is_given_up(&self, id: &EventId) -> bool {
        self.read().given_up.contains(id)
    }

    /// The number of events whose marks were given up.
    pub fn given_up(&self) -> usize {
        self.read().given_up.len()
    }

    /// Whether the marks were read from a file of version 1, which leaves out events without files.
    pub fn is_of_version_1(&self) -> bool {
        self.read().old
    }

    /// What is wrong with the file, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        self.read().fault
    }

    /// Whether the marks account for an event. Those of version 1 can't tell, and are taken to account for all.
    pub fn knows(&self, id: &EventId) -> bool {
        let state = self.read();
        state.old || state.by_event.contains_key(id)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the files of an event. Not durable before [`persist`](Self::persist).
    pub fn mark(&self, id: EventId, files: &[FileRef]) {
        let mut state = self.write();
        state.know(id);
        for (position, file) in (0u32..).zip(files) {
            let hash = state.hash(&file.blake3);
            state.put(id, position, hash);
        }
    }

    /// Marks the files of events of which something is withheld, and makes all marks durable.
    pub fn keep(&self, withheld: &[Withheld]) -> Result<(), StoreError> {
        withheld.iter().for_each(|Withheld { event, files }| self.mark(*event, files));
        self.persist()
    }

    /// Makes all marks durable.
    pub fn persist(&self) -> Result<(), StoreError> {
        let text = {
            let state = self.read();
            if !state.dirty {
                return Ok(());
            }
            state.to_text()
        };
        // Named apart, since the follower places files in `tmp/` at the same time.
        let mut placing = Placing::named(&*self.disk, self.tmp.clone(), "withheld");
        placing.place_private(&self.path, text.as_bytes())?;
        placing.sync()?;
        let mut state = self.write();
        (state.dirty, state.fault, state.old) = (false, None, false);
        Ok(())
    }

    /// Whether the log withholds the bytes of this digest as a file of some event. `rows` say what is withheld.
    pub fn withholds(&self, digest: &Digest, rows: &impl Rows) -> bool {
        let state = self.read();
        if state.by_hash.is_empty() {
            return false;
        }
        let named = state.by_hash.get(&state.hash(digest)).cloned().unwrap_or_default();
        drop(state);
        named.iter().any(|(id, position)| rows.fate(id).withheld_by(Position::File(*position)).is_some())
    }

    /// The marks of an event's files: position and keyed hash.
    pub fn of(&self, id: &EventId) -> Vec<(u32, Digest)> {
        self.read().by_event.get(id).cloned().unwrap_or_default()
    }

    /// Whether the mark of this digest is one of `hashes`.
    pub fn is_one_of(&self, digest: &Digest, hashes: &BTreeSet<Digest>) -> bool {
        hashes.contains(&self.read().hash(digest))
    }

    /// Whether a file of this digest is marked, withheld or not.
    pub fn is_marked(&self, digest: &Digest) -> bool {
        let state = self.read();
        state.by_hash.contains_key(&state.hash(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::RealDisk;

    fn file(bytes: &[u8]) -> FileRef {
        FileRef {
            name: "surat.txt".into(),
            blake3: Digest::blake3(bytes),
            sha256: Digest([7; 32]),
            size: bytes.len() as u64,
            media: "text/plain".into(),
        }
    }

    #[test]
    fn marks_are_read_back_and_hold_no_digest() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let marks = Marks::open(Arc::new(RealDisk), &folder).unwrap();
        std::fs::create_dir(folder.tmp()).unwrap();
        marks.persist().unwrap();
        assert!(!folder.withheld().exists(), "nothing was withheld");
        let (id, letter) = (EventId([1; 32]), file(b"letter"));
        marks.mark(id, &[letter.clone(), file(b"other")]);
        marks.persist().unwrap();
        let text = std::fs::read_to_string(folder.withheld()).unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(folder.withheld()).unwrap());
        assert_eq!(mode & 0o777, 0o600, "it holds a key");
        assert_eq!(text.lines().count(), 6);
        assert!(!text.contains(&letter.blake3.to_string()) && !text.contains("surat"));
        let again = Marks::open(Arc::new(RealDisk), &folder).unwrap();
        assert_eq!(again.of(&id), marks.of(&id));
        assert!(again.is_marked(&letter.blake3) && !again.is_marked(&Digest::blake3(b"third")));
        let (second, third) = (EventId([2; 32]), EventId([3; 32]));
        again.mark(second, &[]);
        again.persist().unwrap();
        let again = Marks::open(Arc::new(RealDisk), &folder).unwrap();
        assert!(again.knows(&second) && !again.knows(&third) && again.of(&id) == marks.of(&id));
    }

    #[test]
    fn no_byte_of_the_marks_is_lost_or_changed_unnoticed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        std::fs::create_dir(folder.tmp()).unwrap();
        let open = || Marks::open(Arc::new(RealDisk), &folder).unwrap();
        let marks = open();
        assert_eq!(marks.fault(), Some("missing"));
        let id = EventId([1; 32]);
        marks.mark(id, &[file(b"letter"), file(b"other")]);
        marks.mark(EventId([2; 32]), &[]);
        marks.persist().unwrap();
        assert_eq!(marks.fault(), None);
        let whole = std::fs::read(folder.withheld()).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for bytes in [&flipped, &whole[..at]] {
                std::fs::write(folder.withheld(), bytes).unwrap();
                let found = open();
                assert_eq!(found.fault(), Some("not as this ledger writes them"), "byte {at}");
                assert!(!found.knows(&id), "byte {at}");
            }
        }
        // As earlier versions wrote it: taken as it is, and written anew.
        let text = String::from_utf8(whole).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("blake3") && line.split(' ').count() != 2);
        let lines: String = lines.map(|line| format!("{line}\n")).collect();
        let key = text.lines().nth(1).unwrap();
        std::fs::write(
            folder.withheld(),
            format!("{FIRST_LINE_1}\n{key}\n{}", &lines[FIRST_LINE.len() + 1..]),
        )
        .unwrap();
        let old = open();
        assert_eq!((old.fault(), old.of(&id)), (None, marks.of(&id)));
        assert!(old.knows(&EventId([9; 32])));
        old.persist().unwrap();
        assert!(std::fs::read_to_string(folder.withheld()).unwrap().starts_with(FIRST_LINE));
    }
}
