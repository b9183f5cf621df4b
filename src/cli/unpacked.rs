//! An exhibit, a case file or a receipt that was taken apart: the files of a folder.

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

/// What lies in a folder.
pub(super) enum Unpacked {
    /// An exhibit or a case file.
    Members {
        /// The folder that was given.
        given: PathBuf,
        /// The one in it in which the members are, with a slash; empty if that is the same. It need not be there: programs
        /// that know no backslashes between folders unpack them as a part of the names of files.
        inner: String,
        /// Whether it is a case file, which holds exhibits.
        is_case: bool,
    },
    /// A receipt: the proof of an entry, and the entry.
    Receipt { proof: PathBuf, entry: PathBuf },
}

impl Unpacked {
    /// What was unpacked in a folder. A ledger's folder is nothing of that kind.
    pub fn find(given: &Path) -> Result<Option<Self>, Failure> {
        // Whoever reads a ledger says what is wrong with its folder.
        let Ok(here) = names(given) else { return Ok(None) };
        if let Some(receipt) = receipt_among(given, &here) {
            return Ok(Some(receipt));
        }
        let at = |inner: String, is_case| Some(Self::Members { given: given.to_owned(), inner, is_case });
        let has = |name: &str| here.iter().any(|named| named.shown == name);
        if has("entry") && has("proof.tlog-proof") {
            return Ok(at(String::new(), false));
        }
        // A checkpoint alone may have been saved beside what was unpacked.
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
        // Exhibits that lie together without the README of a case file are none.
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

    /// The names of the folders that it is in, the one that was given first.
    pub fn folders(given: &Path, inner: &str) -> Vec<String> {
        let real = fs::canonicalize(given).unwrap_or_else(|_| given.to_owned());
        let given = real.file_name().map(|name| name.to_string_lossy().into_owned());
        let inner = inner.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
        given.into_iter().chain(inner.map(str::to_owned)).collect()
    }

    /// The members in a folder, or why by their names they are none.
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
        // What is refused for its names or its size is refused whatever can be read of it.
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

/// What lies in a folder, as it is shown and where it is: files, and the folders that are not looked into, which are
/// all but those on the way to `inner` and those in it in which an exhibit has members.
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

/// A proof and an entry, where nothing else lies in a folder but a checkpoint that may have been saved beside them. Their names say nothing; how they begin does.
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

/// Reads a plain file, at most one byte more than it may have.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    // Asked before opening, since opening a pipe would wait for ever.
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

/// The most names in a folder: those that an exhibit has, with as many that an operating system adds.
const MAX_NAMES: usize = 2 * MAX_MEMBERS + 16;

/// What lies in a folder.
struct Named {
    /// As text; a folder has a slash.
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
