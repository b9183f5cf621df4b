//! Whether the bytes on the disk are those that were put there. Disks rot, so nothing is given to a reader before it is
//! checked against what the log commits to. That is done once for a file in `public/`. From then on each part of it is checked
//! against a digest of its own, whenever it is read.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{event::Digest, generations::Generations, log::TilePath, store::disk::AtHand};

/// Bytes of a part. Of each part a digest is kept.
pub(crate) const BLOCK: usize = 64 << 10;
/// Most bytes of memory for digests of parts. A file of 64 MiB takes 32 KiB of it.
const KNOWN: usize = 16 << 20;
/// The most damaged files whose names are kept.
const MOST_DAMAGED: usize = 1_000;

/// The name of a file in `public/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A full tile.
    Tile(TilePath),
    /// A file that words name.
    File(Digest),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tile(path) => write!(f, "{path}"),
            Self::File(digest) => write!(f, "file/{digest}"),
        }
    }
}

/// The digests of all parts of a file, and the digest of the whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blocks(Box<[Digest]>, Digest);

impl Blocks {
    /// Reads all of a file, and gives each part to `each`.
    pub fn read(file: &AtHand, mut each: impl FnMut(&[u8])) -> io::Result<Self> {
        let (mut blocks, mut whole) = (Vec::new(), blake3::Hasher::new());
        file.each_part(BLOCK, |part| {
            blocks.push(Digest::blake3(part));
            whole.update(part);
            each(part);
        })?;
        Ok(Self(blocks.into(), Digest(*whole.finalize().as_bytes())))
    }

    /// The digest of the whole.
    pub fn whole(&self) -> Digest {
        self.1
    }

    /// Whether `part` has the digest of the part that begins at the byte `at`.
    fn holds(&self, at: u64, part: &[u8]) -> bool {
        let n = usize::try_from(at / BLOCK as u64).ok();
        n.and_then(|n| self.0.get(n)).is_some_and(|block| *block == Digest::blake3(part))
    }
}

/// Which files in `public/` are known to be as they were put there, and which are damaged.
pub(crate) struct Sound {
    known: Mutex<Generations<Name, Arc<Blocks>>>,
    damaged: Mutex<BTreeMap<String, String>>,
}

impl Default for Sound {
    fn default() -> Self {
        Self { known: Mutex::new(Generations::new(KNOWN)), damaged: Mutex::default() }
    }
}

impl Sound {
    fn known(&self) -> MutexGuard<'_, Generations<Name, Arc<Blocks>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digests of a file's parts, if they are known.
    pub fn blocks(&self, name: &Name) -> Option<Arc<Blocks>> {
        self.known().get(name).cloned()
    }

    /// A file whose parts are known already; else the file is given back.
    pub fn known_file(self: &Arc<Self>, name: Name, file: AtHand) -> Result<SoundFile, AtHand> {
        match self.blocks(&name) {
            Some(blocks) => Ok(SoundFile { file: Arc::new(file), blocks, name, sound: self.clone() }),
            None => Err(file),
        }
    }

    /// A file that was checked and has these parts. They are known from now on.
    pub fn file(self: &Arc<Self>, name: Name, file: AtHand, blocks: Blocks) -> SoundFile {
        let blocks = Arc::new(blocks);
        let weight = 128 + 32 * blocks.0.len();
        self.known().put(name, blocks.clone(), weight);
        SoundFile { file: Arc::new(file), blocks, name, sound: self.clone() }
    }

    /// Reports a file that is not as it was put there.
    pub fn report_damaged(&self, name: &str, why: &str) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.len() < MOST_DAMAGED && damaged.insert(name.to_owned(), why.to_owned()).is_none() {
            tracing::error!(
                name,
                why,
                "a file in public/ is damaged and is not served; `onrecord repair` takes it from a mirror"
            );
        }
    }

    /// Records that a file is as it was put there, in case it was damaged before.
    pub fn mended(&self, name: &str) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.remove(name).is_some() {
            tracing::info!(name, "a file in public/ that was damaged is whole again");
        }
    }

    /// The files that were found damaged, each with the reason.
    pub fn damaged(&self) -> Vec<(String, String)> {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.iter().map(|(name, why)| (name.clone(), why.clone())).collect()
    }
}

/// A file that was found to be as it was put there. Each part is checked again before it is given.
#[derive(Clone)]
pub(crate) struct SoundFile {
    file: Arc<AtHand>,
    blocks: Arc<Blocks>,
    name: Name,
    sound: Arc<Sound>,
}

impl SoundFile {
    /// A file, taken as it is.
    #[cfg(test)]
    pub fn as_it_is(file: AtHand) -> io::Result<Self> {
        let blocks = Arc::new(Blocks::read(&file, |_| {})?);
        let name = Name::File(Digest([0; 32]));
        Ok(Self { file: Arc::new(file), blocks, name, sound: Arc::default() })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.file.length()
    }

    /// The BLAKE3 of all of it.
    pub fn digest(&self) -> Digest {
        self.blocks.1
    }

    /// The part that holds the byte at `at`, and the place where the part begins. `None` if the disk would have to be waited for.
    pub fn part(&self, at: u64) -> Option<io::Result<(u64, Vec<u8>)>> {
        let (from, mut part) = self.room(at);
        self.file.read(from, &mut part).then(|| self.checked(from, part))
    }

    /// Like [`part`](Self::part), but waits for the disk.
    pub fn part_waiting(&self, at: u64) -> io::Result<(u64, Vec<u8>)> {
        let (from, mut part) = self.room(at);
        self.file.read_waiting(from, &mut part)?;
        self.checked(from, part)
    }

    fn room(&self, at: u64) -> (u64, Vec<u8>) {
        let from = at / BLOCK as u64 * BLOCK as u64;
        let left = self.file.length().saturating_sub(from);
        (from, vec![0; usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK))])
    }

    fn checked(&self, from: u64, part: Vec<u8>) -> io::Result<(u64, Vec<u8>)> {
        if self.blocks.holds(from, &part) {
            return Ok((from, part));
        }
        // Forgotten, so that the next reader has the whole file checked, and is told before the first byte.
        self.sound.known().remove(&self.name);
        self.sound.report_damaged(&self.name.to_string(), "other bytes than before");
        Err(io::Error::new(io::ErrorKind::InvalidData, "the file is damaged"))
    }
}
