//! An exhibit, a case file or a receipt that was unpacked into a folder.

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt::Display,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{Failure, kind::Kind};
use crate::{
    exhibit::{
        FOLDERS, Found, MAX_EXHIBIT, MAX_MEMBERS, Members, MembersError, is_added, is_member, name_of, plain,
        verify_names,
    },
    log::MAX_PROOF,
    verify::FolderSource,
};

/// What was unpacked into a folder.
pub(super) enum Unpacked {
    /// An exhibit or a case file.
    Members {
        /// The folder that was given.
        given: PathBuf,
        /// The folder in it that holds the members, with a slash; empty if that is the given one. It need not be a real folder:
        /// programs that do not take a backslash for a separator make it a part of the files' names.
        inner: String,
        /// Whether it is a case file, which holds exhibits.
        is_case: bool,
    },
    /// A receipt: the proof of an entry, and the entry.
    Receipt { proof: PathBuf, entry: PathBuf },
}

impl Unpacked {
    /// Finds what was unpacked into a folder. `None` if nothing was, as in a ledger's folder.
    ///
    /// # Errors
    /// If several exhibits lie in it.
    pub fn find(given: &Path) -> Result<Option<Self>, Failure> {
        // A folder that can't be listed is reported where it is then read as a ledger.
        let Ok(here) = names(given) else { return Ok(None) };
        if let Some(receipt) = receipt_among(given, &here) {
            return Ok(Some(receipt));
        }
        let at = |inner: String, is_case| Some(Self::Members { given: given.to_owned(), inner, is_case });
        let has = |name: &str| here.iter().any(|named| named.shown == name);
        if has("entry") && has("proof.tlog-proof") {
            return Ok(at(String::new(), false));
        }
        // A checkpoint alone makes no ledger: it may have been saved beside what was unpacked.
        if FolderSource::is_data(given).unwrap_or(true) || has("checkpoint") && has("tile/") {
            return Ok(None);
        }
        let folders = here.iter().filter(|name| name.shown.ends_with('/'));
        let inner = folders.flat_map(|folder| {
            let within = names(&given.join(&folder.file)).unwrap_or_default();
            within.into_iter().map(|name| format!("{}{}", folder.shown, name.shown))
        });
        let here = here.iter().map(|name| name.shown.clone());
        let all: Vec<String> = here.chain(inner.take(MAX_NAMES)).map(|name| plain(&name)).collect();
        // Exhibits that lie together are a case file only with its README.
        let has_readme = |folder: &str| all.iter().any(|name| *name == format!("{folder}README.txt"));
        match Found::among(all.iter().map(String::as_str)) {
            Found::Exhibit(inner) => Ok(at(inner, false)),
            Found::CaseFile(inner) if has_readme(&inner) => Ok(at(inner, true)),
            Found::CaseFile(_) | Found::Several => Err(Failure::Undecided(format!(
                "{}: there are several exhibits in it, or none that was unpacked: give one of them",
                given.display()
            ))),
            Found::Nothing => Ok(None),
        }
    }

    /// The names of the folders that hold the members: the given one, then the last one of `inner`.
    pub fn folders(given: &Path, inner: &str) -> Vec<String> {
        let real = fs::canonicalize(given).unwrap_or_else(|_| given.to_owned());
        let given = real.file_name().map(|name| name.to_string_lossy().into_owned());
        let inner = inner.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
        given.into_iter().chain(inner.map(str::to_owned)).collect()
    }

    /// Reads the members in a folder. The inner error says why files of these names are refused.
    pub fn members(
        given: &Path,
        inner: &str,
        is_case: bool,
    ) -> Result<Result<Members<'static>, MembersError>, Failure> {
        let (mut own, mut others, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        for (file, path) in listed_deep(given, "", inner, is_case)? {
            let shown = plain(&file);
            match shown.strip_prefix(inner).map(plain) {
                Some(name) if is_member(&name, is_case) => own.push((name, path)),
                Some(_) => others.push(file.strip_prefix(inner).unwrap_or(&file).to_owned()),
                None => beside.push(file),
            }
        }
        others.append(&mut beside);
        let mut names = HashSet::new();
        if let Some((name, _)) = own.iter().find(|(name, _)| !names.insert(name.as_str())) {
            return Ok(Err(MembersError::Twice(name.clone())));
        }
        // Names and number are judged first: what is wrong in them is refused even if files can't be read.
        if let Err(e) = verify_names(own.iter().map(|(name, _)| name.as_str()), is_case) {
            return Ok(Err(e));
        }
        let too_large = || Failure::Refused("more than an exhibit has: 256 MiB, 20000 members".into());
        if own.len() > MAX_MEMBERS {
            return Err(too_large());
        }
        let (mut files, mut unread, mut left) = (Vec::new(), None, MAX_EXHIBIT);
        for (name, path) in own {
            match read(&path, left) {
                Ok(bytes) => {
                    left = left.checked_sub(bytes.len()).ok_or_else(too_large)?;
                    files.push((name, bytes));
                }
                Err(e) => unread = unread.or(Some(e)),
            }
        }
        match unread {
            Some(e) => Err(e),
            None => Ok(Members::of_folder(files, others, is_case)),
        }
    }
}

/// What lies in a folder: the name that is shown for it, and its path. Folders on the way to `inner` are looked into, and those
/// in `inner` in which an exhibit has members; other folders are listed like files.
fn listed_deep(
    dir: &Path,
    folder: &str,
    inner: &str,
    is_case: bool,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut all = Vec::new();
    for name in names(dir).map_err(|e| failed(dir, e))? {
        let path = format!("{folder}{}", name.shown);
        let shown = plain(&path);
        let is_folder = name.shown.ends_with('/');
        let is_on_the_way = is_folder && inner.starts_with(&shown);
        let is_in_it =
            || shown.strip_prefix(inner).is_some_and(|rest| FOLDERS.contains(&rest.trim_end_matches('/')));
        let at = dir.join(&name.file);
        if is_on_the_way || is_folder && !is_case && is_in_it() {
            all.append(&mut listed_deep(&at, &path, inner, is_case)?);
        } else {
            all.push((path.trim_end_matches('/').to_owned(), at));
        }
    }
    Ok(all)
}

/// A receipt, if a folder holds a proof and an entry, and nothing else but perhaps a checkpoint that was saved beside them.
/// They are known by how they begin, whatever their names.
fn receipt_among(dir: &Path, names: &[Named]) -> Option<Unpacked> {
    let is_beside = |name: &&Named| names.len() != 3 || name.shown != "checkpoint";
    let names: Vec<_> = names.iter().filter(is_beside).collect();
    let [one, two] = names[..] else { return None };
    let of = |name: &Named| {
        let path = dir.join(&name.file);
        Some((Kind::of(&read(&path, MAX_PROOF).ok()?), path))
    };
    match (of(one)?, of(two)?) {
        ((Kind::Proof, proof), (Kind::Entry, entry)) | ((Kind::Entry, entry), (Kind::Proof, proof)) => {
            Some(Unpacked::Receipt { proof, entry })
        }
        _ => None,
    }
}

fn failed(path: &Path, e: impl Display) -> Failure {
    Failure::Undecided(format!("{}: {e}", path.display()))
}

/// Reads a plain file, at most `limit` bytes and one more, by which a longer file is known.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    // Checked before opening, since opening a pipe would wait for ever.
    let there = fs::metadata(path).ok();
    let Some(length) = there.filter(fs::Metadata::is_file).map(|there| there.len()) else {
        let is_there = fs::symlink_metadata(path).is_ok();
        return Err(failed(path, if is_there { "not a plain file" } else { "there is no such file" }));
    };
    let most = limit as u64 + 1;
    let mut bytes = Vec::with_capacity(length.min(limit as u64) as usize + 1);
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|e| failed(path, e))?;
    Ok(bytes)
}

/// The most names in a folder: as many as an exhibit may have, as many again that an operating system adds, and a few.
const MAX_NAMES: usize = 2 * MAX_MEMBERS + 16;

/// A file or folder in a folder.
struct Named {
    /// Its name as text; a folder has a slash at the end.
    shown: String,
    file: OsString,
}

/// The names in a folder, sorted, without what an operating system adds.
fn names(dir: &Path) -> io::Result<Vec<Named>> {
    let mut names = Vec::new();
    for (n, entry) in fs::read_dir(dir)?.enumerate() {
        if n == MAX_NAMES {
            return Err(io::Error::other("more files than an exhibit has"));
        }
        let entry = entry?;
        let file = entry.file_name();
        let mut shown = name_of(file.as_encoded_bytes());
        if entry.path().is_dir() {
            shown.push('/');
        }
        if !is_added(&plain(&shown)) {
            names.push(Named { shown, file });
        }
    }
    names.sort_unstable_by(|a, b| a.shown.cmp(&b.shown));
    Ok(names)
}
