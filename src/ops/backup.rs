//! `backup` and `restore`: a copy that is a whole ledger, checked each time it is made and before it is used.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    Doing as _, OpsError, held,
    stray::{Tiles, files_under, read_tile},
};
use crate::{
    event::Digest,
    ledger::{LedgerError, folder::Folder, timestamped::CHECKPOINT},
    log::{Checkpoint, Frontier, SignedCheckpoint, TileKind, parse_decimal, tiles_of},
    mirror::{FolderSource, Options, Report, Verdict, verify},
    note::{Origin, VerifyingKey},
    store::{
        disk::{Placing, RealDisk},
        head::HeadRecord,
        journal::Journal,
    },
};

/// How often a copy is made before one that does not verify is an error. Words may be withheld while it is made.
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
    /// Files that were there already, and left.
    pub kept: u64,
    /// Files that were removed: partial tiles, and what was withheld since.
    pub removed: u64,
    /// Whether keys are in it.
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
    /// Where the log's secret key must be put before the ledger can be served, if the copy held none.
    pub missing_key: Option<PathBuf>,
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

/// Copies stamped checkpoints that cover no more than the copy does, and their tokens: they can't be had again.
fn copy_timestamps(from: &Folder, dest: &Folder, size: u64, done: &mut Backup) -> Result<(), OpsError> {
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    let mut names = files_under(&from.timestamps())?;
    // A checkpoint before the tokens over it.
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

fn make_dir(dir: &Path, mode: u32) -> Result<(), OpsError> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(dir).doing("create", dir)
}

/// Copies the ledger in a folder, also while it is served: the checkpoint is read first, then tiles of exactly
/// its size, then files; the copy's own checkpoint is replaced last. Full tiles and files that are in the copy
/// already are left; words and files that were withheld since leave it. Keys are copied only `with_keys`. What was
/// made is then verified, as anybody would, and rid of what the log withholds, which may be in the folder for a moment
/// more, or until the next start.
///
/// # Errors
/// [`OpsError`], also if `to` holds something else, or a ledger that this one does not continue.
pub fn backup(data: &Path, to: &Path, with_keys: bool) -> Result<Backup, OpsError> {
    let (from, dest) = (Folder::new(data), Folder::new(to));
    let (origin, key) = from.read_settings()?;
    is_place_for_copy(data, to, &dest, (&origin, &key))?;
    make_dir(to, 0o700)?;
    make_dir(&dest.tmp(), 0o700)?;
    let mut done = Backup {
        data: data.to_owned(),
        to: to.to_owned(),
        size: 0,
        root: String::new(),
        written: 0,
        kept: 0,
        removed: 0,
        keys: with_keys,
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let checkpoint = copy_log(&from, &dest, &key, tries > 1, &mut done)?;
        done.size = checkpoint.checkpoint().size();
        done.root = checkpoint.checkpoint().root().to_base64();
        let report = check(&dest.public(), &key)?;
        match report.verdict {
            Verdict::Valid => break,
            // Words that were withheld while this was made are not there any more; the checkpoint that covers their
            // withholding is.
            _ if tries < TRIES => std::thread::sleep(Duration::from_millis(300)),
            _ => return Err(OpsError::NotValid(Box::new(report))),
        }
    }
    done.removed += held::remove(&dest, &origin, done.size)?;
    let size = done.size;
    copy_timestamps(&from, &dest, size, &mut done)?;
    if with_keys {
        copy_keys(&from, &dest)?;
    }
    fs::remove_dir_all(dest.tmp()).doing("remove", &dest.tmp())?;
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
        let is_empty = fs::read_dir(to).map_or(true, |mut entries| entries.next().is_none());
        return if is_empty { Ok(()) } else { unusable("not empty, and no backup of a ledger".into()) };
    }
    let (their_origin, their_key) = dest.read_settings()?;
    if (&their_origin, &their_key) != (origin, key) {
        return unusable(format!("expected a backup of {origin}, found one of {their_origin}"));
    }
    if dest.lock().exists() {
        return unusable("a ledger that was served, no backup; back up into another folder".into());
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

/// One pass: brings the public files of a copy to the size of the checkpoint that stands now. A `thorough` one
/// reads also what is there already and never changes, because the pass before it did not verify.
fn copy_log(
    from: &Folder,
    dest: &Folder,
    key: &VerifyingKey,
    thorough: bool,
    done: &mut Backup,
) -> Result<SignedCheckpoint, OpsError> {
    let checkpoint = read_checkpoint(from, key)?
        .ok_or_else(|| OpsError::Unusable(format!("{} is missing", from.checkpoint().display())))?;
    let size = checkpoint.checkpoint().size();
    let mut placing = Placing::new(&RealDisk, dest.tmp());
    let mut place = |path: &Path, bytes: &[u8]| placing.place(path, bytes).map_err(LedgerError::from);
    let mut expected: HashSet<String> = HashSet::from(["checkpoint".to_owned()]);
    for path in tiles_of(size) {
        expected.insert(path.to_string());
        let target = dest.tile(&path);
        let source = from.tile(&path);
        // What never changes is compared by its length, words byte for byte.
        let length = |p: &Path| fs::metadata(p).ok().map(|m| m.len());
        let is_fixed = path.kind() != TileKind::Contents && path.is_full() && !thorough;
        if is_fixed && length(&target).is_some() && length(&target) == length(&source) {
            done.kept += 1;
            continue;
        }
        let bytes = read_tile(&from.public(), path)?
            .ok_or_else(|| OpsError::Unusable(format!("{} is missing", source.display())))?;
        if read(&target)?.as_deref() == Some(&bytes) {
            done.kept += 1;
        } else {
            place(&target, &bytes)?;
            done.written += 1;
        }
    }
    for name in files_under(&from.files())? {
        let Ok(digest) = name.parse::<Digest>() else { continue };
        let kept = if thorough { None } else { fs::metadata(dest.file(&digest)).ok() };
        if copy_file(&from.file(&digest), &dest.file(&digest), kept, &dest.tmp(), done)? {
            expected.insert(format!("file/{digest}"));
        }
    }
    if dest.files().exists() {
        fs::File::open(dest.files()).and_then(|d| d.sync_all()).doing("sync", &dest.files())?;
    }
    for name in files_under(&dest.public())?.into_iter().filter(|name| !expected.contains(name)) {
        let path = dest.public().join(name);
        fs::remove_file(&path).doing("remove", &path)?;
        done.removed += 1;
    }
    if let Some(bytes) = read(&from.settings())? {
        place(&dest.settings(), &bytes)?;
    }
    if let Some(bytes) = read(&from.withheld())? {
        placing.place_private(&dest.withheld(), &bytes).map_err(LedgerError::from)?;
    }
    // Last, so that a copy that was cut short is still a whole one of the size before, or none.
    placing.sync().map_err(LedgerError::from)?;
    placing.place(&dest.checkpoint(), checkpoint.note().as_bytes()).map_err(LedgerError::from)?;
    placing.sync().map_err(LedgerError::from)?;
    Ok(checkpoint)
}

/// Copies a file that is named by its digest, unless it is there. Whether it is there now: one that was withheld
/// meanwhile is not.
fn copy_file(
    source: &Path,
    target: &Path,
    there: Option<fs::Metadata>,
    tmp: &Path,
    done: &mut Backup,
) -> Result<bool, OpsError> {
    let mut reader = match fs::File::open(source) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e).doing("read", source),
    };
    let length = reader.metadata().doing("look at", source)?.len();
    if there.is_some_and(|m| m.len() == length) {
        done.kept += 1;
        return Ok(true);
    }
    if let Some(dir) = target.parent() {
        make_dir(dir, 0o755)?;
    }
    let aside = tmp.join("file");
    let mut writer = fs::File::create(&aside).doing("create", &aside)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = reader.read(&mut buffer).doing("read", source)?;
        if n == 0 {
            break;
        }
        writer.write_all(&buffer[..n]).doing("write", &aside)?;
    }
    writer.sync_all().doing("write", &aside)?;
    fs::rename(&aside, target).doing("rename to", target)?;
    done.written += 1;
    Ok(true)
}

/// Copies key files, readable by their owner alone. Whether there were any.
fn copy_keys(from: &Folder, dest: &Folder) -> Result<bool, OpsError> {
    let names = files_under(&from.keys())?;
    if names.is_empty() {
        return Ok(false);
    }
    make_dir(&dest.keys(), 0o700)?;
    for name in names {
        let (source, target) = (from.keys().join(&name), dest.keys().join(&name));
        let secret = zeroize::Zeroizing::new(fs::read(&source).doing("read", &source)?);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&target)
            .doing("create", &target)?;
        // A file that was there already keeps its mode.
        file.set_permissions(fs::Permissions::from_mode(0o600)).doing("change the mode of", &target)?;
        file.write_all(&secret).and_then(|()| file.sync_all()).doing("write", &target)?;
    }
    Ok(true)
}

fn check(public: &Path, key: &VerifyingKey) -> Result<Report, OpsError> {
    let source = FolderSource::open(public).map_err(|e| OpsError::Unusable(e.to_string()))?;
    Ok(verify(&source, Some(key), &Options::default(), &|_, _| {}))
}

/// Makes a ledger's folder of a backup. All of it is verified before the folder is there.
///
/// # Errors
/// [`OpsError`]; nothing is made then.
pub fn restore(from: &Path, data: &Path) -> Result<Restored, OpsError> {
    let source = Folder::new(from);
    let (origin, key) = source.read_settings()?;
    let is_empty = fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        return Err(OpsError::Unusable(format!(
            "{}: expected a folder that is empty or not there",
            data.display()
        )));
    }
    let mut aside = data.as_os_str().to_owned();
    aside.push(".restoring");
    let aside = PathBuf::from(aside);
    if aside.exists() {
        fs::remove_dir_all(&aside).doing("remove", &aside)?;
    }
    let made = make(&source, &aside, (&origin, &key)).and_then(|mut restored| {
        fs::rename(&aside, data).doing("make", data)?;
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
    for dir in [aside.to_owned(), dest.journal(), dest.tmp(), dest.public(), dest.uploads()] {
        make_dir(&dir, 0o755)?;
    }
    let copy = |source: &Path, target: &Path| -> Result<(), OpsError> {
        if let Some(dir) = target.parent() {
            make_dir(dir, 0o755)?;
        }
        fs::copy(source, target).doing("copy", source)?;
        fs::File::open(target).and_then(|f| f.sync_all()).doing("write", target)
    };
    for name in files_under(&source.public())? {
        copy(&source.public().join(&name), &dest.public().join(&name))?;
    }
    for name in files_under(&source.timestamps())? {
        copy(&source.timestamps().join(&name), &dest.timestamps().join(&name))?;
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
    held::remove(&dest, origin, size)?;
    // The folder knows from now on how far its log came.
    let head = (size, root);
    HeadRecord::begin(&RealDisk, &dest.signed(), &dest.tmp(), head).map_err(LedgerError::from)?;
    Journal::start(&RealDisk, &dest.journal(), size)
        .and_then(|mut journal| journal.start_marks(&RealDisk))
        .map_err(LedgerError::from)?;
    let missing_key = (!dest.checkpoint_key().exists()).then(|| dest.checkpoint_key());
    Ok(Restored {
        data: aside.to_owned(),
        origin: origin.to_string(),
        size,
        root: root.to_base64(),
        missing_key,
    })
}
