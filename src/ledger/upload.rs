//! Uploads: files are streamed to `tmp/`, digested, synced, and then kept for a while (by default an hour) for an event that
//! names them.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{
    error::{LedgerError, ReadError},
    folder::Folder,
};
use crate::{
    event::{Code, Digest, Refusal},
    store::{
        Doing as _, StoreError,
        disk::{Disk, DiskFile, write_all},
    },
};

/// A file that no accepted event names yet.
#[derive(Debug, Clone)]
struct Waiting {
    sha256: Digest,
    size: u64,
    from: Option<IpAddr>,
    since: Instant,
    /// The number of the upload in this process, from 1 on; 0 for an upload of an earlier process.
    number: u64,
    /// The number of submissions under way that name it. While there are any, it does not expire.
    pins: u32,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Digest, Waiting>,
    /// Bytes that wait or are being taken in, by address. Each file counts [`EACH`] more.
    held: HashMap<IpAddr, u64>,
    /// The same for all addresses together, uploads of an earlier process included.
    all: u64,
    next: u64,
}

/// Bytes that a file counts in addition to its own, for what it takes on disk and in memory: many small files must not be free.
const EACH: u64 = 4 << 10;
/// All uploads together may take this many quotas, so that many addresses can't fill the disk.
const QUOTAS: u64 = 64;

impl State {
    /// Counts bytes for an address, unless it or all addresses together would then have too many. Returns whether they were
    /// counted.
    fn hold(&mut self, from: IpAddr, bytes: u64, quota: u64) -> bool {
        let held = self.held.get(&from).copied().unwrap_or(0);
        let fits = held.saturating_add(bytes) <= quota
            && self.all.saturating_add(bytes) <= quota.saturating_mul(QUOTAS);
        if fits {
            self.held.insert(from, held + bytes);
            self.all += bytes;
        }
        fits
    }

    /// Stops counting bytes. Uploads of an earlier process have no address.
    fn release(&mut self, from: Option<IpAddr>, bytes: u64) {
        self.all = self.all.saturating_sub(bytes);
        let Some(from) = from else { return };
        if let Some(held) = self.held.get_mut(&from) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.held.remove(&from);
            }
        }
    }

    /// Keeps a file in place of an earlier upload of the same. Its bytes are counted already, if it has an address.
    fn insert(&mut self, digest: Digest, waiting: Waiting) {
        if waiting.from.is_none() {
            self.all += waiting.size + EACH;
        }
        if let Some(old) = self.waiting.insert(digest, waiting) {
            self.release(old.from, old.size + EACH);
        }
    }

    /// Forgets a file.
    fn remove(&mut self, digest: &Digest) {
        if let Some(old) = self.waiting.remove(digest) {
            self.release(old.from, old.size + EACH);
        }
    }
}

/// All uploads of a ledger.
pub(crate) struct Uploads {
    disk: Arc<dyn Disk>,
    folder: Folder,
    max_file: u64,
    quota: u64,
    expiry: Duration,
    state: Mutex<State>,
}

/// A file that is being uploaded, from [`super::Ledger::upload`]. If it is dropped before it is finished, nothing of it stays.
pub struct Upload {
    uploads: Arc<Uploads>,
    digest: Digest,
    from: IpAddr,
    number: u64,
    aside: PathBuf,
    file: Option<Box<dyn DiskFile>>,
    blake3: blake3::Hasher,
    sha256: Sha256,
    size: u64,
    /// Whether it is finished and waits for an event. Its bytes are then counted until it is claimed or removed.
    kept: bool,
}

impl std::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uploads").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn too_many() -> Refusal {
    Refusal::because(Code::RateLimited, "file", "too many uploads wait for an event that names them")
}

fn unavailable(e: std::io::Error) -> Refusal {
    tracing::error!(error = %e, "an upload could not be written");
    Refusal::because(Code::Unavailable, "file", "the file could not be kept")
}

impl Uploads {
    /// For a folder where no uploads are taken in.
    pub fn none(disk: Arc<dyn Disk>, folder: &Folder) -> Arc<Self> {
        let (max_file, quota, expiry) = (0, 0, Duration::MAX);
        Arc::new(Self { disk, folder: folder.clone(), max_file, quota, expiry, state: Mutex::default() })
    }

    /// Takes up uploads that an earlier process left: digests them again, and starts their expiry anew.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Folder,
        max_file: u64,
        quota: u64,
        expiry: Duration,
    ) -> std::io::Result<Arc<Self>> {
        let mut state = State::default();
        let (dir, tmp) = (folder.uploads(), folder.tmp());
        disk.create_dir_all(&dir)?;
        disk.create_dir_all(&tmp)?;
        for name in disk.list(&tmp)? {
            // An earlier process was writing it when it ended.
            disk.remove(&tmp.join(name))?;
        }
        for name in disk.list(&dir)? {
            let path = dir.join(&name);
            let (mut blake3, mut sha256, mut size) = (blake3::Hasher::new(), Sha256::new(), 0);
            disk.read_parts(&path, &mut |part| {
                blake3.update(part);
                sha256.update(part);
                size += part.len() as u64;
            })?;
            let digest = Digest(*blake3.finalize().as_bytes());
            if name.parse() != Ok(digest) {
                disk.remove(&path)?;
                continue;
            }
            let sha256 = Digest(sha256.finalize().into());
            let waiting = Waiting { sha256, size, from: None, since: Instant::now(), number: 0, pins: 0 };
            state.insert(digest, waiting);
        }
        let folder = folder.clone();
        Ok(Arc::new(Self { disk, folder, max_file, quota, expiry, state: Mutex::new(state) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an upload of the file with this digest, for the address `from`.
    pub fn begin(self: &Arc<Self>, digest: Digest, from: IpAddr) -> Result<Upload, Refusal> {
        let mut state = self.lock();
        if !state.hold(from, EACH, self.quota) {
            return Err(too_many());
        }
        state.next += 1;
        let number = state.next;
        let aside = self.folder.tmp().join(format!("upload-{number}"));
        drop(state);
        // From here on, the counted bytes are released when the upload is dropped.
        let mut upload = Upload {
            uploads: self.clone(),
            digest,
            from,
            number,
            aside,
            file: None,
            blake3: blake3::Hasher::new(),
            sha256: Sha256::new(),
            size: 0,
            kept: false,
        };
        upload.file = Some(self.disk.create(&upload.aside).map_err(unavailable)?);
        Ok(upload)
    }

    /// Holds a waiting file for a submission. Returns its SHA-256 and size; `None` if no such file waits.
    pub fn pin(&self, digest: &Digest) -> Option<(Digest, u64)> {
        let mut state = self.lock();
        let w = state.waiting.get_mut(digest)?;
        w.pins += 1;
        Some((w.sha256, w.size))
    }

    /// Ends one [`pin`](Self::pin).
    pub fn unpin(&self, digest: &Digest) {
        if let Some(w) = self.lock().waiting.get_mut(digest) {
            w.pins = w.pins.saturating_sub(1);
        }
    }

    /// Has `put` move a waiting file away, if an accepted event names it. Returns whether that was done. If the same file is
    /// uploaded meanwhile, that is another upload: it waits for the lock, and stays.
    pub fn claim(
        &self,
        digest: &Digest,
        is_named: impl FnOnce() -> Result<bool, ReadError>,
        put: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<bool, LedgerError> {
        let mut state = self.lock();
        let claims = state.waiting.contains_key(digest) && is_named()?;
        if claims {
            put(&self.folder.upload(digest))?;
            state.remove(digest);
        }
        Ok(claims)
    }

    /// The number of uploads that this process began.
    pub fn begun(&self) -> u64 {
        self.lock().next
    }

    /// All uploads that wait.
    pub fn waiting(&self) -> Vec<Digest> {
        self.lock().waiting.keys().copied().collect()
    }

    /// Removes an upload that is withheld, if `is_gone` says that this is still so, and if no submission holds it. An upload that
    /// began after the first `begun` stays: it may be meant to give the file back. Returns whether nothing is left to be done.
    pub fn discard(
        &self,
        digest: &Digest,
        begun: u64,
        is_gone: impl FnOnce() -> Result<bool, ReadError>,
    ) -> Result<bool, LedgerError> {
        let mut state = self.lock();
        match state.waiting.get(digest) {
            None => return Ok(true),
            Some(w) if w.number > begun => return Ok(true),
            Some(w) if w.pins > 0 => return Ok(false),
            Some(_) => {}
        }
        // Asked under the lock: submissions that held it before are decided by now, and none can hold it meanwhile.
        if is_gone()? {
            let path = self.folder.upload(digest);
            self.disk
                .remove(&path)
                .and_then(|()| self.disk.sync_dir(&self.folder.uploads()))
                .doing(|| format!("remove {}", path.display()))?;
            state.remove(digest);
        }
        Ok(true)
    }

    /// Removes uploads that nobody named in time.
    pub fn expire(&self) {
        let mut state = self.lock();
        let expiry = self.expiry;
        let old: Vec<Digest> = state
            .waiting
            .iter()
            .filter(|(_, w)| w.pins == 0 && w.since.elapsed() >= expiry)
            .map(|(d, _)| *d)
            .collect();
        for digest in old {
            // Removed under the lock, so that no submission pins it meanwhile.
            if let Err(e) = self.disk.remove(&self.folder.upload(&digest)) {
                tracing::warn!(error = %e, "an expired upload could not be removed");
            }
            state.remove(&digest);
        }
    }
}

impl Upload {
    /// Takes the next bytes (blocking I/O).
    ///
    /// # Errors
    /// `TOO_LARGE`, `RATE_LIMITED` or `UNAVAILABLE`; drop the upload then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let more = bytes.len() as u64;
        if self.size + more > self.uploads.max_file {
            let message = format!("a file of at most {} bytes is taken", self.uploads.max_file);
            return Err(Refusal::because(Code::TooLarge, "file", message));
        }
        if !self.uploads.lock().hold(self.from, more, self.uploads.quota) {
            return Err(too_many());
        }
        self.size += more;
        self.blake3.update(bytes);
        self.sha256.update(bytes);
        match &mut self.file {
            Some(file) => write_all(&mut **file, bytes).map_err(unavailable),
            None => Err(Refusal::because(Code::Unavailable, "file", "the upload has ended")),
        }
    }

    /// Checks the digest and syncs the file. It is then kept for an event that names it.
    ///
    /// # Errors
    /// `FILE_DIGEST` or `UNAVAILABLE`.
    pub fn finish(mut self) -> Result<(), Refusal> {
        let found = Digest(*self.blake3.finalize().as_bytes());
        if found != self.digest {
            return Err(Refusal::new(Code::FileDigest, "file", self.digest, found));
        }
        let Some(mut file) = self.file.take() else {
            return Err(Refusal::because(Code::Unavailable, "file", "the upload has ended"));
        };
        let disk = self.uploads.disk.clone();
        let to = self.uploads.folder.upload(&self.digest);
        // The sync, which takes long, is outside the lock.
        file.sync_data().map_err(unavailable)?;
        let mut state = self.uploads.lock();
        disk.rename(&self.aside, &to)
            .and_then(|()| disk.sync_dir(&self.uploads.folder.uploads()))
            .map_err(unavailable)?;
        let pins = state.waiting.get(&self.digest).map_or(0, |w| w.pins);
        let sha256 = Digest(std::mem::take(&mut self.sha256).finalize().into());
        let (size, from, number) = (self.size, Some(self.from), self.number);
        let waiting = Waiting { sha256, size, from, since: Instant::now(), number, pins };
        state.insert(self.digest, waiting);
        drop(state);
        self.kept = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(e) = self.uploads.disk.remove(&self.aside)
        {
            tracing::warn!(error = %e, "an upload cut short could not be removed");
        }
        if !self.kept {
            self.uploads.lock().release(Some(self.from), self.size + EACH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::RealDisk;

    fn uploads(dir: &Path, quota: u64) -> Arc<Uploads> {
        let expiry = Duration::from_secs(3_600);
        Uploads::open(Arc::new(RealDisk), &Folder::new(dir), 1 << 20, quota, expiry).unwrap()
    }

    fn bring(uploads: &Arc<Uploads>, from: u8, bytes: &[u8]) -> Result<(), Refusal> {
        let mut upload = uploads.begin(Digest::blake3(bytes), [192, 0, 2, from].into())?;
        upload.write(bytes)?;
        upload.finish()
    }

    fn claim(uploads: &Uploads, bytes: &[u8]) {
        let remove = |path: &Path| std::fs::remove_file(path).doing(String::new);
        assert!(uploads.claim(&Digest::blake3(bytes), || Ok(true), remove).unwrap());
    }

    #[test]
    fn a_file_handed_in_again_while_it_is_claimed_is_another_upload_and_stays() {
        let tmp = tempfile::tempdir().unwrap();
        let uploads = uploads(tmp.path(), 1 << 20);
        let (digest, served) = (Digest::blake3(b"a"), tmp.path().join("served"));
        bring(&uploads, 1, b"a").unwrap();
        std::thread::scope(|scope| {
            let put = |path: &Path| {
                let again = scope.spawn(|| bring(&uploads, 1, b"a").unwrap());
                // Time for the second upload to get in between, if it could.
                std::thread::sleep(Duration::from_millis(50));
                assert!(!again.is_finished());
                std::fs::rename(path, &served).doing(String::new)
            };
            assert!(uploads.claim(&digest, || Ok(true), put).unwrap());
        });
        assert_eq!(std::fs::read(&served).unwrap(), b"a");
        assert_eq!(uploads.waiting(), [digest]);
        assert_eq!(std::fs::read(uploads.folder.upload(&digest)).unwrap(), b"a");
        assert!(!uploads.claim(&digest, || Ok(false), |_| panic!("nobody names it")).unwrap());
        assert_eq!(uploads.waiting(), [digest]);
    }

    fn code(result: Result<(), Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn small_files_count_too_and_what_ends_is_counted_no_more() {
        let tmp = tempfile::tempdir().unwrap();
        let uploads = uploads(tmp.path(), 3 * EACH);
        assert_eq!(code(bring(&uploads, 1, b"a")), None);
        assert_eq!(code(bring(&uploads, 1, b"b")), None);
        assert_eq!(code(bring(&uploads, 1, b"c")), Some(Code::RateLimited));
        assert_eq!(code(bring(&uploads, 2, b"c")), None, "another address is not bound by it");
        // The same file again replaces itself. An upload that is cut short, or has another digest, leaves nothing counted.
        claim(&uploads, b"b");
        for _ in 0..5 {
            assert_eq!(code(bring(&uploads, 1, b"a")), None);
            drop(uploads.begin(Digest::blake3(b"d"), [192, 0, 2, 1].into()).unwrap());
            let mut wrong = uploads.begin(Digest::blake3(b"d"), [192, 0, 2, 1].into()).unwrap();
            wrong.write(b"e").unwrap();
            assert_eq!(code(wrong.finish()), Some(Code::FileDigest));
        }
        for bytes in [b"a", b"c"] {
            claim(&uploads, bytes);
        }
        let state = uploads.lock();
        assert!(state.all == 0 && state.held.is_empty(), "{state:?}");
    }

    #[test]
    fn all_together_are_bounded_and_those_from_before_the_start_count() {
        let tmp = tempfile::tempdir().unwrap();
        let quota = EACH + 8;
        let first = uploads(tmp.path(), quota);
        for from in 0..64 {
            assert_eq!(code(bring(&first, from, &[from; 8])), None);
        }
        assert_eq!(code(bring(&first, 64, &[64; 8])), Some(Code::RateLimited));
        drop(first);
        let second = uploads(tmp.path(), quota);
        assert_eq!(second.waiting().len(), 64);
        assert_eq!(code(bring(&second, 64, &[64; 8])), Some(Code::RateLimited));
        claim(&second, &[0; 8]);
        assert_eq!(code(bring(&second, 64, &[64; 8])), None);
    }
}
