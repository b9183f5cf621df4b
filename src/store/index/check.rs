//! Reading an index as it is, for checks and repairs. It is never mended here.

use std::{fs, path::Path, sync::Mutex};

use super::{By, Events, FILE_KEY, Index, Listed, Table, VERSION, check_clock};
use crate::{log::RowKey, store::StoreError};

impl Index {
    /// Opens the index in a folder as it is; `None` if there is none, or this version can't read it.
    pub fn open_as_it_is(dir: &Path) -> Result<Option<Self>, StoreError> {
        if !dir.exists() {
            return Ok(None);
        }
        check_clock(dir)?;
        let table = Table::open(dir)?;
        let file_key = table.get(FILE_KEY)?.and_then(|key| (*key).try_into().ok());
        let is_ours = table.get(b"Vversion")?.as_deref() == Some(VERSION);
        let Some(file_key) = file_key.filter(|_| is_ours) else { return Ok(None) };
        let events = Events::open(dir, fs::OpenOptions::new().read(true), &file_key)?;
        let this =
            Self { table, events, file_key, is_ours_to_mend: false, cache: Mutex::default(), _copy: None };
        this.load()?;
        Ok(Some(this))
    }

    /// The keys of all rows that rules ask about.
    pub fn row_keys(&self) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> {
        // Keys of rows begin with a lower-case letter, all others with an upper-case one.
        let rows = self.table.at_or_after(b"a").map(|pair| pair.map(|(key, _)| key.to_vec()));
        let events = self.events.ids().map(|id| id.map(|id| RowKey::event(&id).as_bytes().to_vec()));
        rows.chain(events)
    }

    /// Reads all of the index, so that no later read of it meets damage that is there now.
    pub fn read_all(&self) -> Result<(), StoreError> {
        self.table.at_or_after(b"").try_for_each(|pair| pair.map(drop))?;
        self.events.ids().try_for_each(|id| self.events.find(&id?).map(drop))
    }

    /// The first list in which an entry is missing, if there is one.
    pub fn missing_from(&self, l: &Listed) -> Result<Option<&'static str>, StoreError> {
        let holds = |by: By| -> Result<bool, StoreError> {
            Ok(self.list(by, l.index..=l.index, false)?.next().transpose()? == Some(l.index))
        };
        let named = By::all_of(l).filter(|by| !matches!(by, By::Type(_) | By::Thread(_)));
        let named = { named }.try_fold(true, |all, by| Ok::<_, StoreError>(all && holds(by)?))?;
        let mut firsts = true;
        for id in l.speaks_of() {
            // The first entry of its party is this one or an earlier one.
            firsts &= self.list(By::Firsts(id), 0..=l.index, false)?.next().transpose()?.is_some();
        }
        let mut rests = true;
        for by in By::first_of(l) {
            rests &= self.list(by, 0..=l.index, false)?.next().transpose()?.is_some();
        }
        let content = match &l.content {
            Some(digest) => self.with_content(digest)?.contains(&l.index),
            None => true,
        };
        let mut files = true;
        for f in &l.files {
            files &= self.with_file(&f.blake3)?.contains(&(f.index, f.position));
        }
        let lists = [
            ("by type", holds(By::Type(l.event_type))?),
            ("by party and ref", named),
            ("by first mention", firsts),
            ("by what rests on a case or party", rests),
            ("by thread", holds(By::Thread(l.thread))?),
            ("by words", content),
            ("by file", files),
        ];
        Ok(lists.into_iter().find(|(_, there)| !there).map(|(name, _)| name))
    }
}
