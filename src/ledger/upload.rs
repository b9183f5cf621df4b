//! Files on their way in: streamed aside, digested, synced, and kept for an hour for an event that names them.

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::folder::Folder;
use crate::event::{Code, Digest, Refusal};

/// A file that no accepted event names yet.
#[derive(Debug, Clone)]
struct Waiting {
    sha256: Digest,
    size: u64,
    from: Option<IpAddr>,
    since: Instant,
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
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: Folder,
    max_file: u64,
    quota: u64,
    expiry: Duration,
    state: Mutex<State>,
}

/// A file on its way in, from [`super::Ledger::upload`]. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    uploads: Arc<Uploads>,
    digest: Digest,
    from: IpAddr,
    aside: PathBuf,
    file: Option<fs::File>,
    blake3: blake3::Hasher,
    sha256: Sha256,
    size: u64,
}

fn unavailable(e: std::io::Error) -> Refusal {
    tracing::error!(error = %e, "an upload could not be written");
    Refusal::because(Code::Unavailable, "file", "the file could not be kept")
}

impl Uploads {
    /// Takes up uploads that an earlier process left: digests them again and starts their hour anew.
    pub fn open(folder: &Folder, max_file: u64, quota: u64, expiry: Duration) -> std::io::Result<Arc<Self>> {
        let mut state = State::default();
        let dir = folder.uploads();
        fs::create_dir_all(&dir)?;
        fs::create_dir_all(folder.tmp())?;
        for entry in fs::read_dir(folder.tmp())? {
            // What an earlier process was writing when it ended.
            fs::remove_file(entry?.path())?;
        }
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let named = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<Digest>().ok());
            let mut sha256 = Sha256::new();
            let mut blake3 = blake3::Hasher::new();
            let mut file = fs::File::open(&path)?;
            let mut buffer = vec![0; 1 << 16];
            let mut size = 0;
            loop {
                let n = std::io::Read::read(&mut file, &mut buffer)?;
                if n == 0 {
                    break;
                }
                sha256.update(&buffer[..n]);
                blake3.update(&buffer[..n]);
                size += n as u64;
            }
            let digest = Digest(*blake3.finalize().as_bytes());
            if named != Some(digest) {
                fs::remove_file(&path)?;
                continue;
            }
            let sha256 = Digest(sha256.finalize().into());
            let waiting = Waiting { sha256, size, from: None, since: Instant::now(), pins: 0 };
            state.waiting.insert(digest, waiting);
        }
        Ok(Arc::new(Self { folder: folder.clone(), max_file, quota, expiry, state: Mutex::new(state) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(self: &Arc<Self>, digest: Digest, from: IpAddr) -> Result<Upload, Refusal> {
        let mut state = self.lock();
        state.next += 1;
        let aside = self.folder.tmp().join(format!("upload-{}", state.next));
        drop(state);
        let file = fs::File::create(&aside).map_err(unavailable)?;
        Ok(Upload {
            uploads: self.clone(),
            digest,
            from,
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
            if let Err(e) = fs::remove_file(self.folder.upload(&digest)) {
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
            Some(file) => file.write_all(bytes).map_err(unavailable),
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
        let Some(file) = self.file.take() else {
            return Err(Refusal::because(Code::Unavailable, "file", "the upload has ended"));
        };
        let to = self.uploads.folder.upload(&self.digest);
        // The long wait is outside the lock.
        file.sync_all().map_err(unavailable)?;
        let mut state = self.uploads.lock();
        fs::rename(&self.aside, &to)
            .and_then(|()| fs::File::open(self.uploads.folder.uploads())?.sync_all())
            .map_err(unavailable)?;
        let pins = state.waiting.get(&self.digest).map_or(0, |w| w.pins);
        let sha256 = Digest(std::mem::take(&mut self.sha256).finalize().into());
        let waiting = Waiting { sha256, size: self.size, from: Some(self.from), since: Instant::now(), pins };
        state.waiting.insert(self.digest, waiting);
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(e) = fs::remove_file(&self.aside)
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
