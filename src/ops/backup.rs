//! `backup` and `restore`: a copy that is a whole ledger, checked each time it is made and before it is used.
//!
//! A backup can be killed at any moment. It leaves a whole copy, of the earlier size or of the new one, or the
//! beginning of a first copy; the next run completes either. So it works in this order:
//!
//! 1. `ledger.toml` is placed. By it the next run recognises a first copy that was cut short.
//! 2. Files that the copy does not have are placed. The copy's old checkpoint needs none of them.
//! 3. Files that differ from those of the copy are staged in `tmp/`. A content tile keeps the words that the copy has: the
//!    old checkpoint may need them, and no checkpoint forbids words that it withholds.
//! 4. The copy is verified as it will be, with the staged files and the new checkpoint. If that fails, the copy is
//!    still the earlier one.
//! 5. The staged files are moved into place, then the checkpoint.
//! 6. Files that the new checkpoint does not need are removed, and so are words and files that the log withholds.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{
    Doing as _, OpsError,
    marks::repair_marks,
    stray_files::{Tiles, files_under, read_tile},
    strip_withheld,
};
use crate::{
    event::Digest,
    ledger::{LedgerError, folder::Folder, marks::Marks, timestamped::CHECKPOINT},
    log::{Checkpoint, Frontier, SignedCheckpoint, TileKind, TilePath, parse_decimal, tiles_of},
    note::{Origin, VerifyingKey},
    store::{
        disk::{AtHand, Disk as _, Placing, RealDisk},
        head::HeadRecord,
        journal::Journal,
    },
    verify::{FolderSource, Options, Report, Source, SourceError, Verdict, verify},
};

/// A copy that does not verify is made again, up to this many times in all: words may be withheld while it is made.
const TRIES: u32 = 5;

/// What a backup did.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// The folder that was copied.
    pub data: PathBuf,
    /// The copy.
    pub to: PathBuf,
    /// Entries in it.
    pub size: u64,
    /// The root of their tree, in base64.
    pub root: String,
    /// Files that were written.
    pub written: u64,
    /// Files that were in the copy already, and left as they are.
    pub kept: u64,
    /// Files that were removed (partial tiles, and files that were withheld since), and content tiles that withheld words
    /// were taken out of.
    pub removed: u64,
    /// Whether keys were copied.
    pub keys: bool,
}

/// What a restore did.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The folder that was made.
    pub data: PathBuf,
    /// The ledger's origin.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// The root of their tree, in base64.
    pub root: String,
    /// Where the log's secret key must be put before the ledger can be served, if the backup held none.
    pub missing_key: Option<PathBuf>,
    /// Entries whose withheld files are not recognised when their bytes come back: the backup had no marks of them.
    pub without_marks: BTreeSet<u64>,
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, OpsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).doing("read", path),
    }
}

fn read_checkpoint(folder: &Folder, key: &VerifyingKey) -> Result<Option<SignedCheckpoint>, OpsError> {
    let path = folder.checkpoint();
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let opened = Checkpoint::open(&bytes, key);
    opened.map(Some).map_err(|e| OpsError::Unusable(format!("{}: {e}", path.display())))
}

/// Copies the stamped checkpoints that cover no more than the copy does, and their tokens. These can't be obtained a second
/// time.
fn copy_timestamps(from: &Folder, dest: &Folder, size: u64, done: &mut Backup) -> Result<(), OpsError> {
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    let mut names = files_under(&from.timestamps())?;
    // A checkpoint comes before the tokens over it.
    names.sort_by_key(|name| !name.ends_with(CHECKPOINT));
    for name in names {
        let covered = name.split_once('/').and_then(|(at, _)| parse_decimal(at)).is_some_and(|at| at <= size);
        let (source, target) = (from.timestamps().join(&name), dest.timestamps().join(&name));
        let Some(bytes) = (if covered { read(&source)? } else { None }) else { continue };
        if read(&target)?.as_deref() == Some(&bytes) {
            done.kept += 1;
        } else {
            placing.place(&target, &bytes).map_err(LedgerError::from)?;
            done.written += 1;
        }
    }
    placing.sync().map_err(LedgerError::from)?;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_dir(dir: &Path) -> Result<(), OpsError> {
    RealDisk.sync_dir(dir).doing("sync", dir)
}

/// Makes a folder and its parents, durably.
fn make_dir(dir: &Path, mode: u32) -> Result<(), OpsError> {
    if dir.is_dir() {
        return Ok(());
    }
    make_dir(parent(dir), mode)?;
    fs::DirBuilder::new().mode(mode).create(dir).doing("create", dir)?;
    // Whatever the umask says.
    fs::set_permissions(dir, fs::Permissions::from_mode(mode)).doing("change the mode of", dir)?;
    sync_dir(parent(dir))
}

fn remove_dir(dir: &Path) -> Result<(), OpsError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e).doing("remove", dir),
        _ => Ok(()),
    }
}

/// Copies the ledger in the folder `data` to `to`, also while it is served. Full tiles and files that are in the copy already
/// are left. Words and files that were withheld since are removed from the copy, even if the ledger's own folder still holds
/// them for a moment, or until its next start. Keys are copied only `with_keys`. The copy is verified, as any reader would,
/// before its checkpoint is replaced: after an error, or if killed at any moment, it is whole, at the earlier size or the new
/// one.
///
/// # Errors
/// [`OpsError`], also if `to` holds something else, or a ledger that this one does not continue.
pub fn backup(data: &Path, to: &Path, with_keys: bool) -> Result<Backup, OpsError> {
    let (from, dest) = (Folder::new(data), Folder::new(to));
    let (origin, key) = from.read_settings()?;
    is_place_for_copy(data, to, &dest, (&origin, &key))?;
    make_dir(to, 0o700)?;
    // Two runs at once would overwrite each other's files in `tmp/`. Other errors are ignored: some file systems have no locks.
    let lock = fs::File::open(to).doing("open", to)?;
    if let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
        return Err(OpsError::Unusable(format!("{}: another backup is being made there", to.display())));
    }
    let copied = copy(&from, &dest, (&origin, &key), with_keys);
    let cleared = remove_dir(&dest.tmp());
    // The first error is the one to tell.
    copied.and_then(|done| cleared.map(|()| done))
}

fn copy(
    from: &Folder,
    dest: &Folder,
    (origin, key): (&Origin, &VerifyingKey),
    with_keys: bool,
) -> Result<Backup, OpsError> {
    let mut done = Backup {
        data: from.root().to_owned(),
        to: dest.root().to_owned(),
        size: 0,
        root: String::new(),
        written: 0,
        kept: 0,
        removed: 0,
        keys: with_keys,
    };
    remove_dir(&dest.tmp())?;
    make_dir(&dest.tmp(), 0o700)?;
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    let settings = read(&from.settings())?.unwrap_or_default();
    if read(&dest.settings())?.as_ref() != Some(&settings) {
        placing.place(&dest.settings(), &settings).map_err(LedgerError::from)?;
        placing.sync().map_err(LedgerError::from)?;
    }
    let mut tries = 0;
    let (checkpoint, staged) = loop {
        tries += 1;
        let missing = || OpsError::Unusable(format!("{} is missing", from.checkpoint().display()));
        let checkpoint = read_checkpoint(from, key)?.ok_or_else(missing)?;
        let size = checkpoint.checkpoint().size();
        let staged = stage(from, dest, (origin, size), tries > 1, &mut done)?;
        let coming = Coming {
            checkpoint: checkpoint.note().as_bytes(),
            folders: [staging(dest).public(), dest.public()],
        };
        let report = verify(&coming, Some(key), &Options::default(), &|_, _| {});
        if report.verdict == Verdict::Valid {
            break (checkpoint, staged);
        }
        // Words that were withheld meanwhile are gone from the folder. If so, a newer checkpoint covers their withholding.
        let is_new = read_checkpoint(from, key)?.is_some_and(|now| now.checkpoint().size() > size);
        if tries == TRIES || (tries > 1 && !is_new) {
            return Err(OpsError::NotValid(Box::new(report)));
        }
    };
    let size = checkpoint.checkpoint().size();
    done.size = size;
    done.root = checkpoint.checkpoint().root().to_base64();
    for path in &staged {
        placing.put(&staging(dest).tile(path), &dest.tile(path)).map_err(LedgerError::from)?;
    }
    // The ledger makes marks durable before the entry that withholds, so these are complete. Damaged ones are not copied:
    // those of the copy are needed to mend them.
    let marks = read(&from.withheld())?;
    let is_good = Marks::open(Arc::new(RealDisk), from)?.fault().is_none();
    if let Some(marks) = marks.filter(|_| is_good)
        && read(&dest.withheld())?.as_ref() != Some(&marks)
    {
        placing.place_private(&dest.withheld(), &marks).map_err(LedgerError::from)?;
    }
    placing.sync().map_err(LedgerError::from)?;
    let note = checkpoint.note().as_bytes();
    if read(&dest.checkpoint())?.as_deref() != Some(note) {
        placing.place(&dest.checkpoint(), note).map_err(LedgerError::from)?;
        placing.sync().map_err(LedgerError::from)?;
    }
    done.removed += remove_others(dest, size)?;
    done.removed += strip_withheld::remove(dest, origin, size)?;
    copy_timestamps(from, dest, size, &mut done)?;
    if with_keys {
        copy_keys(from, dest)?;
    }
    Ok(done)
}

/// Whether a copy may be made or brought up to date in a folder.
fn is_place_for_copy(
    data: &Path,
    to: &Path,
    dest: &Folder,
    (origin, key): (&Origin, &VerifyingKey),
) -> Result<(), OpsError> {
    let unusable = |why: String| Err(OpsError::Unusable(format!("{}: {why}", to.display())));
    let whole =
        |p: &Path| p.canonicalize().or_else(|_| std::path::absolute(p)).unwrap_or_else(|_| p.to_owned());
    let (a, b) = (whole(data), whole(to));
    if a.starts_with(&b) || b.starts_with(&a) {
        return unusable("a copy is kept outside the ledger's folder".into());
    }
    if !dest.settings().exists() {
        // A first run that was cut short before it had placed the settings leaves them in `tmp/`.
        let is_begun = holds_only(to, "tmp") && holds_only(&dest.tmp(), "placing-0");
        return if is_begun { Ok(()) } else { unusable("not empty, and no backup of a ledger".into()) };
    }
    let (their_origin, their_key) = dest.read_settings()?;
    if (&their_origin, &their_key) != (origin, key) {
        return unusable(format!("expected a backup of {origin}, found one of {their_origin}"));
    }
    if dest.lock().exists() {
        return unusable(
            "this is a ledger that was served, not a backup; back up into another folder".into(),
        );
    }
    let Some(theirs) = read_checkpoint(dest, key)? else { return Ok(()) };
    let ours = read_checkpoint(&Folder::new(data), key)?;
    let (size, root) = (theirs.checkpoint().size(), theirs.checkpoint().root());
    let found = ours.map_or(0, |c| c.checkpoint().size());
    if found < size {
        return unusable(format!(
            "this backup holds {size} entries, the ledger {found}: back up into another folder and find out why"
        ));
    }
    let public = Folder::new(data).public();
    let continued = Frontier::read(size, &Tiles { public: &public, size: found })?.root() == root;
    if continued {
        Ok(())
    } else {
        unusable(format!("the ledger does not continue the {size} entries in it"))
    }
}

/// Whether a folder does not exist, or holds nothing but this name.
fn holds_only(dir: &Path, name: &str) -> bool {
    let is_name = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == name);
    fs::read_dir(dir).map_or(true, |mut entries| entries.all(is_name))
}

/// Where tiles wait that will replace those of the copy.
fn staging(dest: &Folder) -> Folder {
    Folder::new(&dest.tmp().join("staged"))
}

/// The copy as it will be, for verification.
struct Coming<'a> {
    checkpoint: &'a [u8],
    /// The staged files, then the files of the copy, which they will replace.
    folders: [PathBuf; 2],
}

impl Source for Coming<'_> {
    fn open(&self, path: &str) -> Result<Option<Box<dyn io::Read + Send>>, SourceError> {
        if path == "checkpoint" {
            return Ok(Some(Box::new(io::Cursor::new(self.checkpoint.to_vec()))));
        }
        for folder in &self.folders {
            match fs::File::open(folder.join(path)) {
                Ok(file) => return Ok(Some(Box::new(file))),
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(e) => return Err(SourceError::Io { path: path.to_owned(), cause: e.to_string() }),
            }
        }
        Ok(None)
    }

    fn describe(&self) -> String {
        self.folders[1].display().to_string()
    }
}

/// One pass over the public files of a log of this size: places files that the copy does not have and stages those that
/// differ. Returns the paths of the staged ones. A `thorough` pass, made after one that did not verify, also reads files that
/// are in the copy already and never change.
fn stage(
    from: &Folder,
    dest: &Folder,
    (origin, size): (&Origin, u64),
    thorough: bool,
    done: &mut Backup,
) -> Result<Vec<TilePath>, OpsError> {
    let staging = staging(dest);
    remove_dir(staging.root())?;
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    let mut staged = Vec::new();
    for path in tiles_of(size) {
        let (source, target) = (from.tile(&path), dest.tile(&path));
        // Files that never change are compared by their length, content tiles byte by byte.
        let length = |p: &Path| fs::metadata(p).ok().map(|m| m.len());
        let is_fixed = path.kind() != TileKind::Contents && path.is_full() && !thorough;
        if is_fixed && length(&target).is_some() && length(&target) == length(&source) {
            done.kept += 1;
            continue;
        }
        let mut bytes = read_tile(&from.public(), path)?
            .ok_or_else(|| OpsError::Unusable(format!("{} is missing", source.display())))?;
        let there = read(&target)?;
        if let Some(there) =
            there.as_ref().filter(|there| path.kind() == TileKind::Contents && **there != bytes)
        {
            // The bundle of its entries is in the copy by now: bundles come before content tiles.
            bytes = strip_withheld::keep_words(&dest.public(), origin, size, path, bytes, there);
        }
        let target = match there {
            Some(there) if there == bytes => {
                done.kept += 1;
                continue;
            }
            Some(_) => {
                staged.push(path);
                staging.tile(&path)
            }
            None => target,
        };
        placing.place(&target, &bytes).map_err(LedgerError::from)?;
        done.written += 1;
    }
    for name in files_under(&from.files())? {
        if let Ok(digest) = name.parse::<Digest>() {
            copy_file(from, dest, &digest, thorough, &mut placing, done)?;
        }
    }
    placing.sync().map_err(LedgerError::from)?;
    Ok(staged)
}

/// Copies a file, unless the copy has it, or it was withheld meanwhile.
fn copy_file(
    from: &Folder,
    dest: &Folder,
    digest: &Digest,
    thorough: bool,
    placing: &mut Placing<'_>,
    done: &mut Backup,
) -> Result<(), OpsError> {
    let (source, target) = (from.file(digest), dest.file(digest));
    let mut reader = match fs::File::open(&source) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e).doing("read", &source),
    };
    let length = reader.metadata().doing("look at", &source)?.len();
    let is_there = fs::metadata(&target).is_ok_and(|there| there.len() == length);
    let is_whole = || AtHand::open(&target).and_then(|file| file.digest()).doing("read", &target);
    if is_there && (!thorough || is_whole()? == *digest) {
        done.kept += 1;
        return Ok(());
    }
    let aside = dest.tmp().join("file");
    let mut writer = fs::File::create(&aside).doing("create", &aside)?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 1 << 16]);
    loop {
        let n = reader.read(&mut buffer).doing("read", &source)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        writer.write_all(&buffer[..n]).doing("write", &aside)?;
    }
    let found = Digest(*hasher.finalize().as_bytes());
    if found != *digest {
        // Not placed: the copy's own file may be good.
        let source = source.display();
        return Err(OpsError::Unusable(format!("{source}: expected the BLAKE3 in its name, found {found}")));
    }
    writer.sync_all().doing("write", &aside)?;
    placing.put(&aside, &target).map_err(LedgerError::from)?;
    done.written += 1;
    Ok(())
}

/// Removes every public file that a log of this size does not have, and returns their number. Files that words name are left
/// to `strip_withheld`, which knows what the log withholds.
fn remove_others(dest: &Folder, size: u64) -> Result<u64, OpsError> {
    let expected: HashSet<TilePath> = tiles_of(size).collect();
    let is_expected = |name: &str| {
        name == "checkpoint"
            || name.parse().is_ok_and(|path| expected.contains(&path))
            || name.strip_prefix("file/").is_some_and(|name| name.parse::<Digest>().is_ok())
    };
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    let mut removed = 0;
    for name in files_under(&dest.public())?.iter().filter(|name| !is_expected(name)) {
        placing.remove(&dest.public().join(name)).map_err(LedgerError::from)?;
        removed += 1;
    }
    placing.sync().map_err(LedgerError::from)?;
    Ok(removed)
}

/// Copies the key files, readable by their owner alone.
fn copy_keys(from: &Folder, dest: &Folder) -> Result<(), OpsError> {
    let names = files_under(&from.keys())?;
    if names.is_empty() {
        return Ok(());
    }
    make_dir(&dest.keys(), 0o700)?;
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    for name in names {
        let source = from.keys().join(&name);
        let secret = zeroize::Zeroizing::new(fs::read(&source).doing("read", &source)?);
        placing.place_private(&dest.keys().join(&name), &secret).map_err(LedgerError::from)?;
    }
    placing.sync().map_err(LedgerError::from)?;
    Ok(())
}

fn check(public: &Path, key: &VerifyingKey) -> Result<Report, OpsError> {
    let source = FolderSource::open(public).map_err(|e| OpsError::Unusable(e.to_string()))?;
    Ok(verify(&source, Some(key), &Options::default(), &|_, _| {}))
}

/// Makes a ledger's folder from a backup. All of it is verified and durable before the folder appears: if this is killed at
/// any moment, there is no folder or a whole one.
///
/// # Errors
/// [`OpsError`]; nothing is made then.
pub fn restore(from: &Path, data: &Path) -> Result<Restored, OpsError> {
    let source = Folder::new(from);
    let (origin, key) = source.read_settings()?;
    let unusable = |why: &str| OpsError::Unusable(format!("{}: {why}", data.display()));
    let is_empty = fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        return Err(unusable("expected a folder that is empty or not there"));
    }
    let mut aside = data.file_name().ok_or_else(|| unusable("expected a folder with a name"))?.to_owned();
    aside.push(".restoring");
    let aside = data.with_file_name(aside);
    remove_dir(&aside)?;
    let made = make(&source, &aside, (&origin, &key)).and_then(|mut restored| {
        fs::rename(&aside, data).doing("make", data)?;
        sync_dir(parent(data))?;
        data.clone_into(&mut restored.data);
        restored.missing_key = restored.missing_key.map(|_| Folder::new(data).checkpoint_key());
        Ok(restored)
    });
    if made.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_dir_all(&aside);
    }
    made
}

fn make(
    source: &Folder,
    aside: &Path,
    (origin, key): (&Origin, &VerifyingKey),
) -> Result<Restored, OpsError> {
    let dest = Folder::new(aside);
    let missing = || OpsError::Unusable(format!("{} is missing", source.checkpoint().display()));
    let checkpoint = read_checkpoint(source, key)?.ok_or_else(missing)?;
    for dir in [aside.to_owned(), dest.journal(), dest.tmp(), dest.public(), dest.uploads()] {
        make_dir(&dir, 0o750)?;
    }
    let write = |target: &Path, bytes: &[u8]| {
        make_dir(parent(target), 0o750)?;
        fs::write(target, bytes).doing("write", target)?;
        fs::set_permissions(target, fs::Permissions::from_mode(0o640)).doing("change the mode of", target)
    };
    let copy = |source: &Path, target: &Path| {
        make_dir(parent(target), 0o750)?;
        fs::copy(source, target).map(drop).doing("copy", source)?;
        let mode = if target.ends_with("withheld") { 0o600 } else { 0o640 };
        fs::set_permissions(target, fs::Permissions::from_mode(mode)).doing("change the mode of", target)
    };
    // Only the tiles of the checkpoint's size are taken: a backup that was cut short may hold tiles of a larger log, which must
    // not stand beside those that the ledger will write.
    write(&dest.checkpoint(), checkpoint.note().as_bytes())?;
    for path in tiles_of(checkpoint.checkpoint().size()) {
        if let Some(bytes) = read_tile(&source.public(), path)? {
            write(&dest.tile(&path), &bytes)?;
        }
    }
    for (from, to) in [(source.files(), dest.files()), (source.timestamps(), dest.timestamps())] {
        for name in files_under(&from)? {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    copy(&source.settings(), &dest.settings())?;
    if source.withheld().exists() {
        copy(&source.withheld(), &dest.withheld())?;
    }
    copy_keys(source, &dest)?;
    let report = check(&dest.public(), key)?;
    let (Verdict::Valid, Some(size), Some(root)) = (report.verdict, report.size, report.root) else {
        return Err(OpsError::NotValid(Box::new(report)));
    };
    strip_withheld::remove(&dest, origin, size)?;
    // From now on the folder records how far its log came.
    let head = (size, root);
    HeadRecord::begin(&RealDisk, &dest.signed(), &dest.tmp(), head).map_err(LedgerError::from)?;
    Journal::start(&RealDisk, &dest.journal(), size)
        .and_then(|mut journal| journal.start_marks(&RealDisk))
        .map_err(LedgerError::from)?;
    // Withheld files that the backup has no marks of can't be recognised. They are marked as given up, so that the ledger can
    // be served.
    let marks = repair_marks(aside, None, &[], true)?;
    sync_all(aside)?;
    let missing_key = (!dest.checkpoint_key().exists()).then(|| dest.checkpoint_key());
    Ok(Restored {
        data: aside.to_owned(),
        origin: origin.to_string(),
        size,
        root: root.to_base64(),
        missing_key,
        without_marks: marks.given_up,
    })
}

/// Makes everything in a folder durable.
fn sync_all(dir: &Path) -> Result<(), OpsError> {
    for entry in fs::read_dir(dir).doing("read", dir)? {
        let path = entry.doing("read", dir)?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            fs::File::open(&path).and_then(|file| file.sync_all()).doing("sync", &path)?;
        }
    }
    sync_dir(dir)
}
