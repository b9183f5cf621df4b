//! Files on their way in: streamed aside, digested, synced, and kept for an hour for an event that names them.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{LedgerError, folder::Folder, reader::ReadError};
use crate::{
    event::{Code, Digest, Refusal},
    store::{
        Doing as _,
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
    /// Which upload of this process it was, from 1 on; 0 for one of an earlier process.
    number: u64,
    /// Submissions at the door that name it; it does not expire meanwhile.
    pins: u32,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Digest, Waiting>,
    /// Bytes being taken in now, by address.
    coming: HashMap<IpAddr, u64>,
    next: u64,
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

/// A file on its way in, from [`super::Ledger::upload`]. Dropped before it is finished, it leaves nothing.
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

fn unavailable(e: std::io::Error) -> Refusal {
    tracing::error!(error = %e, "an upload could not be written");
    Refusal::because(Code::Unavailable, "file", "the file could not be kept")
}

impl Uploads {
    /// Takes up uploads that an earlier process left: digests them again and starts their hour anew.
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
            // What an earlier process was writing when it ended.
            disk.remove(&tmp.join(name))?;
        }
        for name in disk.list(&dir)? {
            let path = dir.join(&name);
            let bytes = disk.read(&path)?.unwrap_or_default();
            let digest = Digest::blake3(&bytes);
            if name.parse() != Ok(digest) {
                disk.remove(&path)?;
                continue;
            }
            let sha256 = Digest(Sha256::digest(&bytes).into());
            let size = bytes.len() as u64;
            let waiting = Waiting { sha256, size, from: None, since: Instant::now(), number: 0, pins: 0 };
            state.waiting.insert(digest, waiting);
        }
        let folder = folder.clone();
        Ok(Arc::new(Self { disk, folder, max_file, quota, expiry, state: Mutex::new(state) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(self: &Arc<Self>, digest: Digest, from: IpAddr) -> Result<Upload, Refusal> {
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        let aside = self.folder.tmp().join(format!("upload-{number}"));
        drop(state);
        let file = self.disk.create(&aside).map_err(unavailable)?;
        Ok(Upload {
            uploads: self.clone(),
            digest,
            from,
            number,
            aside,
            file: Some(file),
            blake3: blake3::Hasher::new(),
            sha256: Sha256::new(),
            size: 0,
        })
    }

    /// Holds a waiting file for a submission at the door. Gives its SHA-256 and size.
    pub fn pin(&self, digest: &Digest) -> Option<(Digest, u64)> {
        let mut state = self.lock();
        let w = state.waiting.get_mut(digest)?;
        w.pins += 1;
        Some((w.sha256, w.size))
    }

    pub fn unpin(&self, digest: &Digest) {
        if let Some(w) = self.lock().waiting.get_mut(digest) {
            w.pins = w.pins.saturating_sub(1);
        }
    }

    /// An accepted event names it, and it was moved to where it is served.
    pub fn claimed(&self, digest: &Digest) {
        self.lock().waiting.remove(digest);
    }

    pub fn is_waiting(&self, digest: &Digest) -> bool {
        self.lock().waiting.contains_key(digest)
    }

    /// How many uploads this process began.
    pub fn begun(&self) -> u64 {
        self.lock().next
    }

    /// All uploads that wait.
    pub fn waiting(&self) -> Vec<Digest> {
        self.lock().waiting.keys().copied().collect()
    }

    /// Removes an upload that is withheld, if that is still so and no submission holds it. One that came after so many
    /// had `begun` stays: it may be meant to give the file back. Whether nothing is left to be done.
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
        // Asked under the lock: what a submission held before is decided by now, and none takes hold meanwhile.
        if is_gone()? {
            let path = self.folder.upload(digest);
            self.disk
                .remove(&path)
                .and_then(|()| self.disk.sync_dir(&self.folder.uploads()))
                .doing(|| format!("remove {}", path.display()))?;
            state.waiting.remove(digest);
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
            state.waiting.remove(&digest);
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
        {
            let mut state = self.uploads.lock();
            let waiting: u64 =
                state.waiting.values().filter(|w| w.from == Some(self.from)).map(|w| w.size).sum();
            let coming = state.coming.entry(self.from).or_default();
            if waiting + *coming + more > self.uploads.quota {
                let message = "too many uploads of this address wait for an event that names them";
                return Err(Refusal::because(Code::RateLimited, "file", message));
            }
            *coming += more;
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
        // The long wait is outside the lock.
        file.sync_data().map_err(unavailable)?;
        let mut state = self.uploads.lock();
        disk.rename(&self.aside, &to)
            .and_then(|()| disk.sync_dir(&self.uploads.folder.uploads()))
            .map_err(unavailable)?;
        let pins = state.waiting.get(&self.digest).map_or(0, |w| w.pins);
        let sha256 = Digest(std::mem::take(&mut self.sha256).finalize().into());
        let (size, from, number) = (self.size, Some(self.from), self.number);
        let waiting = Waiting { sha256, size, from, since: Instant::now(), number, pins };
        state.waiting.insert(self.digest, waiting);
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
        let mut state = self.uploads.lock();
        if let Some(coming) = state.coming.get_mut(&self.from) {
            *coming = coming.saturating_sub(self.size);
            if *coming == 0 {
                state.coming.remove(&self.from);
            }
        }
    }
}
