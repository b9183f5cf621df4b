//! The table in which the index keeps whatever changes: values by key, in the order of the keys. This is the only file
//! that names the engine, sled, and the door through which the rest of the index reaches it. Another engine must do what
//! is said here of [`Table`], and pass the tests below (docs/decisions.md, "The index and its engine").
//!
//! ```text
//! let table = Table::create(dir)?;
//! table.apply(batch)?;                     // all of it or nothing, also after a crash
//! let value = table.get(b"key")?;
//! ```
//!
//! A table that lost its latest batches to a power cut, or that was damaged by one, is good enough: the index is made anew
//! from the log. It must not give other bytes than it was given.

use std::{ops::Deref, path::Path, thread, time::Duration};

use super::error::broken;
use crate::store::{
    Doing as _, StoreError, disk,
    held::{self, Held},
};

/// Bytes of the table that are kept in memory.
const CACHE: u64 = 64 << 20;

/// How often to try again for the lock on the files, and how long to wait in between.
const LOCK_TRIES: usize = 100;
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// The engine's files as an accident or another program may leave them: name and bytes.
#[cfg(test)]
pub(super) const GARBLED: [(&str, &[u8]); 3] =
    [("db", &[0xa5; 4_096]), ("db", &[]), ("conf", b"another program's")];

/// Bytes of a key or of a value, as the engine gives them: they are not copied.
#[derive(Debug)]
pub(super) struct Bytes(sled::IVec);

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A key with its value.
pub(super) type Pair = (Bytes, Bytes);

/// Changes that are made together.
#[derive(Debug, Default)]
pub(super) struct Batch(sled::Batch);

impl Batch {
    /// Sets the value of a key.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key, value);
    }

    /// Removes a key, if it is there.
    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

/// Values by key, on disk. Threads may read while one writes.
pub(super) struct Table {
    tree: Held<sled::Tree>,
    /// Closed after the tree.
    db: Held<sled::Db>,
}

impl Table {
    /// Opens the table in a folder, after making the folder where there is none. Only this user and this user's group can
    /// enter it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        // sled would make its folders as the umask says.
        disk::create_dir_all(&dir.join("blobs")).doing(|| format!("create {}", dir.display()))?;
        Self::open(dir)
    }

    /// Opens the table in a folder that is there. Nobody else may have it open, but a table of this process that was
    /// dropped a moment ago. The clock must show a time after 1970.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the system says no, and [`StoreError::Broken`] if the files are damaged. Damage is found now,
    /// or else by what reads it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = Held::new(open_db(dir)?);
        let tree = Held::new(db.open_tree("index").map_err(of_sled)?);
        Ok(Self { tree, db })
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.tree.get(key).map(|value| value.map(Bytes)).map_err(of_sled)
    }

    /// Makes all changes of a batch, or none. After an error, either may be the case.
    pub fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.tree.apply_batch(batch.0).map_err(of_sled)
    }

    /// Pairs from one key to another, which both belong to the range; none if `from` is above `to`.
    pub fn range(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Pair, StoreError>> + use<> {
        (from <= to).then(|| self.tree.range(from..=to)).into_iter().flatten().map(pair)
    }

    /// Pairs whose key is `from` or comes after it.
    pub fn at_or_after(&self, from: &[u8]) -> impl Iterator<Item = Result<Pair, StoreError>> + use<> {
        self.tree.range(from..).map(pair)
    }

    /// Pairs whose key begins with `prefix`.
    pub fn with_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Pair, StoreError>> + use<> {
        self.tree.scan_prefix(prefix).map(pair)
    }

    /// Removes all pairs.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.tree.clear().map_err(of_sled)
    }

    /// Writes all that was applied to disk. sled 0.34 does not promise that it survives a power cut.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(of_sled)
    }
}

/// Opens sled's files. sled lets go of its lock a moment after its last handle is dropped.
fn open_db(dir: &Path) -> Result<sled::Db, StoreError> {
    let open = || sled::Config::new().path(dir).cache_capacity(CACHE).open();
    let mut tries = 0;
    loop {
        match held::caught(open).map_err(broken)? {
            Err(sled::Error::Io(e)) if tries < LOCK_TRIES && e.to_string().contains("acquire lock") => {
                tries += 1;
                thread::sleep(LOCK_WAIT);
            }
            opened => return opened.map_err(|e| told(e, || format!("open {}", dir.display()))),
        }
    }
}

fn pair(read: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Pair, StoreError> {
    read.map(|(key, value)| (Bytes(key), Bytes(value))).map_err(of_sled)
}

/// What sled says while the table is in use.
fn of_sled(e: sled::Error) -> StoreError {
    told(e, || "use the index".into())
}

/// What sled says: the system said no to `what`, or the files are damaged.
fn told(e: sled::Error, what: impl FnOnce() -> String) -> StoreError {
    match e {
        sled::Error::Io(source) => StoreError::Io { what: what(), source },
        other => broken(other),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn batch(changes: &[(&[u8], Option<&[u8]>)]) -> Batch {
        let mut batch = Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }

    fn keys(read: impl Iterator<Item = Result<Pair, StoreError>>) -> Vec<Vec<u8>> {
        read.map(|pair| pair.unwrap().0.to_vec()).collect()
    }

    #[test]
    fn pairs_are_found_by_key_and_in_order() {
        let tmp = tempfile::tempdir().unwrap();
        let table = Table::create(&tmp.path().join("table")).unwrap();
        let all: [&[u8]; 7] = [b"a", b"b", b"b\0", b"ba", b"b\xff", b"b\xff\xff", b"c"];
        table.apply(batch(&all.map(|key| (key, Some(key))))).unwrap();
        assert_eq!(table.get(b"ba").unwrap().as_deref(), Some(&b"ba"[..]));
        assert!(table.get(b"bb").unwrap().is_none());
        assert_eq!(keys(table.at_or_after(b"")), all);
        assert_eq!(keys(table.at_or_after(b"ba")), all[3..]);
        assert_eq!(keys(table.with_prefix(b"b")), all[1..6]);
        assert_eq!(keys(table.with_prefix(b"b\xff")), all[4..6]);
        assert_eq!(keys(table.with_prefix(b"d")), [] as [&[u8]; 0]);
        assert_eq!(keys(table.range(b"b", b"ba")), all[1..4]);
        assert_eq!(keys(table.range(b"aa", b"bb")), all[1..4]);
        assert_eq!(keys(table.range(b"b", b"bb").rev()), [all[3], all[2], all[1]]);
        assert_eq!(keys(table.range(b"ba", b"ba")), all[3..4]);
        assert_eq!(keys(table.range(b"ba", b"b")), [] as [&[u8]; 0], "it begins above its end");
        assert_eq!(keys(table.range(b"ba", b"b").rev()), [] as [&[u8]; 0]);
        table
            .apply(batch(&[(b"b", None), (b"bb", None), (b"c", Some(b"")), (b"d", Some(&[7; 5_000]))]))
            .unwrap();
        let left: [&[u8]; 6] = [b"b\0", b"ba", b"b\xff", b"b\xff\xff", b"c", b"d"];
        assert_eq!(keys(table.at_or_after(b"b")), left);
        assert_eq!(table.get(b"c").unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(table.get(b"d").unwrap().as_deref(), Some(&[7; 5_000][..]));
        table.clear().unwrap();
        assert_eq!(keys(table.at_or_after(b"")), [] as [&[u8]; 0]);
    }

    #[test]
    fn what_is_read_outlives_a_write_to_the_same_key() {
        let tmp = tempfile::tempdir().unwrap();
        let table = Table::create(tmp.path()).unwrap();
        table.apply(batch(&[(b"a", Some(b"before"))])).unwrap();
        let before = table.get(b"a").unwrap().unwrap();
        let mut reading = table.range(b"a", b"b");
        table.apply(batch(&[(b"a", Some(b"after"))])).unwrap();
        assert_eq!(&*before, b"before");
        // Whether a range shows what was written since is the engine's to say.
        let (key, value) = reading.next().unwrap().unwrap();
        assert!(&*key == b"a" && (&*value == b"before" || &*value == b"after"));
        assert_eq!(&*table.get(b"a").unwrap().unwrap(), b"after");
    }

    #[test]
    fn what_was_applied_is_there_when_it_is_opened_again_at_once() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("table");
        let n = |i: u32| i.to_be_bytes();
        for i in 0..20 {
            let table = if i == 0 { Table::create(&dir) } else { Table::open(&dir) }.unwrap();
            assert_eq!(keys(table.at_or_after(b"")), (0..i).map(n).collect::<Vec<_>>());
            table.apply(batch(&[(&n(i), Some(b"value"))])).unwrap();
            if i % 2 == 0 {
                table.flush().unwrap();
            }
        }
    }

    #[test]
    fn a_damaged_table_is_told_from_a_folder_that_cant_be_read() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("table");
        for (name, bytes) in GARBLED {
            let table = Table::create(&dir).unwrap();
            table.apply(batch(&[(b"a", Some(b"b"))])).unwrap();
            drop(table);
            fs::write(dir.join(name), bytes).unwrap();
            let found = Table::open(&dir).and_then(|table| table.get(b"a").map(|value| value.is_some()));
            let what = format!("{name}, {} bytes", bytes.len());
            assert!(matches!(found, Ok(false) | Err(StoreError::Broken(_))), "{what}: {found:?}");
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::write(&dir, "no folder").unwrap();
        for opened in [Table::create(&dir), Table::open(&dir)] {
            assert!(matches!(opened.map(drop), Err(StoreError::Io { .. })));
        }
        assert_eq!(fs::read_to_string(&dir).unwrap(), "no folder");
    }
}
