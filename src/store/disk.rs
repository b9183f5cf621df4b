//! The few things that are asked of a file system, as a trait, so that a test can lose writes and fail calls.

use std::{
    fs, io,
    ops::Range,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::{Doing as _, StoreError};
use crate::event::Digest;

/// A file being written.
pub(crate) trait DiskFile: Send {
    /// Appends some of the bytes, and returns how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes all of the bytes over those from the place `at` on, without making them durable.
    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns only when the bytes, and what is needed to read them, are durable.
    fn sync_data(&mut self) -> io::Result<()>;
}

/// Writes all of the bytes. Interrupted and short writes go on where they stopped.
pub(crate) fn write_all(file: &mut dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A file system.
pub(crate) trait Disk: Send + Sync + 'static {
    /// The whole file; `None` if there is none.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// A file that can be read without waiting where the system has it in memory. `None` if there is no such file, or the disk
    /// can't be read in this way.
    fn open_at_hand(&self, _path: &Path) -> Option<AtHand> {
        None
    }
    /// Gives a file's bytes to `take`, a part at a time. Returns whether there is such a file.
    fn read_parts(&self, path: &Path, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let bytes = self.read(path)?;
        take(bytes.as_deref().unwrap_or_default());
        Ok(bytes.is_some())
    }
    /// A part of a file; `None` if there is no such file, or it is shorter.
    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        let part = |bytes: Vec<u8>| {
            let (from, to) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
            Some(bytes.get(from..to)?.to_vec())
        };
        Ok(self.read(path)?.and_then(part))
    }
    /// Makes an empty file, over any old one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Like [`create`](Self::create), but only the owner has access (mode 0600), if the disk knows owners.
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. That there is none is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Whether there is a file or folder of that name.
    fn exists(&self, path: &Path) -> bool;
    /// Names in a folder, sorted; none if there is no folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes durable which names were created, renamed or removed in a folder.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// A file whose bytes can be read without waiting for the disk, as far as the system has them in memory.
#[derive(Debug)]
pub(crate) struct AtHand {
    file: fs::File,
    length: u64,
}

impl AtHand {
    /// Opens a file on this machine.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    /// Its length in bytes, when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Asks the system to drop what it has of the file in memory, so that it is read from the disk.
    pub fn forget(&self) {
        #[cfg(target_os = "linux")]
        {
            // An error is no harm: the file is then read from memory.
            let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }

    /// Fills a buffer with the bytes from the place `at` on. `false` if the disk would have to be waited for, or there are fewer
    /// bytes.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> bool {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{ReadWriteFlags, preadv2};
            let length = buffer.len();
            preadv2(&self.file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) == Ok(length)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (at, buffer);
            false
        }
    }

    /// The BLAKE3 of all of it, read a part at a time. Waits for the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn digest(&self) -> io::Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        self.each_part(64 << 10, |part| _ = hasher.update(part))?;
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    /// Gives all of it to `each`, in parts of `bytes` bytes; the last may be shorter. Waits for the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn each_part(&self, bytes: usize, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let (mut at, mut part) = (0, vec![0; bytes]);
        while at < self.length {
            let left = usize::try_from(self.length - at).unwrap_or(bytes).min(bytes);
            let part = part.get_mut(..left).unwrap_or_default();
            self.read_waiting(at, part)?;
            each(part);
            at += left as u64;
        }
        Ok(())
    }

    /// Like [`read`](Self::read), but waits for the disk.
    ///
    /// # Errors
    /// The system's, or `UnexpectedEof` if there are fewer bytes.
    pub fn read_waiting(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, at)
    }
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealDisk;

/// Mode of folders, and of files that are no secrets (below). The group may read them: so a static web server can get at
/// `public/`. Only the owner writes. Others have no access, since words may be withheld one day.
const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// Gives the path its mode, if the umask took bits away from it or the file had other ones before. The bits above the
/// permissions, such as setgid, stay.
fn set_mode(path: &Path, found: &fs::Metadata, mode: u32) -> io::Result<()> {
    let whole = found.permissions().mode();
    if whole & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(whole & 0o7000 | mode))
}

/// Makes a folder, and those above it that are missing. Folders that it makes have the mode of a ledger's folders, whatever the
/// umask is.
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        create_dir_all(above)?;
    }
    match fs::DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Ok(()) => set_mode(path, &fs::metadata(path)?, FOLDER_MODE),
        // Another process made it meanwhile.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes an empty file, over any old one, that the group may read, whatever the umask is.
pub(crate) fn create_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    set_mode(path, &file.metadata()?, FILE_MODE)?;
    Ok(file)
}

impl DiskFile for fs::File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(self, bytes)
    }
    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, at)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        fs::File::sync_data(self)
    }
}

/// `None` for the error that there is no such file.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(v) => Ok(Some(v)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        absent(fs::read(path))
    }
    #[cfg(target_os = "linux")]
    fn open_at_hand(&self, path: &Path) -> Option<AtHand> {
        AtHand::open(path).ok()
    }
    fn read_parts(&self, path: &Path, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let Some(mut file) = absent(fs::File::open(path))? else { return Ok(false) };
        let mut part = vec![0; 64 << 10];
        loop {
            match io::Read::read(&mut file, &mut part) {
                Ok(0) => return Ok(true),
                Ok(n) => take(part.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        use std::os::unix::fs::FileExt as _;
        let Some(file) = absent(fs::File::open(path))? else { return Ok(None) };
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        match file.read_exact_at(&mut bytes, range.start) {
            Ok(()) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(create_file(path)?))
    }
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        // The mode is given to new files only.
        self.remove(path)?;
        Ok(Box::new(fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        absent(fs::remove_file(path)).map(drop)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        create_dir_all(path)
    }
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let Some(entries) = absent(fs::read_dir(path))? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }
}

/// Places files so that each appears whole or not at all: it is written in `tmp/`, synced, and renamed into place. The new names
/// become durable by [`sync`](Self::sync), once for many files.
pub(crate) struct Placing<'a> {
    disk: &'a dyn Disk,
    tmp: PathBuf,
    dirs: Vec<PathBuf>,
    name: &'static str,
    made: u32,
}

impl<'a> Placing<'a> {
    pub fn new(disk: &'a dyn Disk, tmp: PathBuf) -> Self {
        Self::named(disk, tmp, "placing")
    }

    /// Like [`new`](Self::new), with another name for the files in `tmp/`. Threads that place files at the same time need
    /// different names.
    pub fn named(disk: &'a dyn Disk, tmp: PathBuf, name: &'static str) -> Self {
        Self { disk, tmp, dirs: Vec::new(), name, made: 0 }
    }

    /// Places a file with these bytes.
    pub fn place(&mut self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        self.place_open(path, bytes).map(drop)
    }

    /// Like [`place`](Self::place), and returns the open file, to be overwritten in place.
    pub fn place_open(&mut self, path: &Path, bytes: &[u8]) -> Result<Box<dyn DiskFile>, StoreError> {
        self.place_by(|disk, aside| disk.create(aside), path, bytes)
    }

    /// Like [`place`](Self::place), but only the owner has access.
    pub fn place_private(&mut self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        self.place_by(|disk, aside| disk.create_private(aside), path, bytes).map(drop)
    }

    fn place_by(
        &mut self,
        create: impl Fn(&dyn Disk, &Path) -> io::Result<Box<dyn DiskFile>>,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Box<dyn DiskFile>, StoreError> {
        let aside = self.tmp.join(format!("{}-{}", self.name, self.made));
        self.made += 1;
        let mut file = create(self.disk, &aside).doing(|| format!("create {}", aside.display()))?;
        write_all(&mut *file, bytes)
            .and_then(|()| file.sync_data())
            .doing(|| format!("write {}", aside.display()))?;
        self.put(&aside, path)?;
        Ok(file)
    }

    /// Makes a folder durable before anything is moved into it. A file that is moved exists nowhere else, so it would be lost
    /// if the folder was.
    pub fn prepare(&mut self, dir: &Path) -> Result<(), StoreError> {
        self.make_dir(dir)?;
        self.sync()
    }

    /// Renames a synced file into place.
    pub fn put(&mut self, from: &Path, to: &Path) -> Result<(), StoreError> {
        if let Some(dir) = to.parent() {
            self.make_dir(dir)?;
            self.disk.rename(from, to).doing(|| format!("rename to {}", to.display()))?;
            self.touch(dir);
        }
        Ok(())
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &Path) -> Result<(), StoreError> {
        self.disk.remove(path).doing(|| format!("remove {}", path.display()))?;
        if let Some(dir) = path.parent() {
            self.touch(dir);
        }
        Ok(())
    }

    fn make_dir(&mut self, dir: &Path) -> Result<(), StoreError> {
        let fresh: Vec<&Path> =
            dir.ancestors().take_while(|d| !d.as_os_str().is_empty() && !self.disk.exists(d)).collect();
        self.disk.create_dir_all(dir).doing(|| format!("create {}", dir.display()))?;
        for d in fresh {
            if let Some(parent) = d.parent() {
                self.touch(parent);
            }
        }
        Ok(())
    }

    fn touch(&mut self, dir: &Path) {
        if !self.dirs.iter().any(|d| d == dir) {
            self.dirs.push(dir.to_owned());
        }
    }

    /// Makes all that was placed, moved and removed durable.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        for dir in self.dirs.drain(..) {
            self.disk.sync_dir(&dir).doing(|| format!("sync {}", dir.display()))?;
        }
        Ok(())
    }
}
