//! An exhibit, a case file or a receipt that was taken apart: the files of a folder.

use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{Failure, kind::Kind};
use crate::{
    exhibit::{FOLDERS, Found, MAX_EXHIBIT, MAX_MEMBERS, Members, is_added, is_member, plain},
    log::MAX_PROOF,
};

/// What lies in a folder.
pub(super) enum Unpacked {
    /// An exhibit or a case file.
    Members {
        /// The folder that was given.
        given: PathBuf,
        /// The one in it in which the members are, with a slash; empty if that is the same.
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
        if let Found::Exhibit(inner) = Found::among(here.iter().map(String::as_str)) {
            return Ok(at(inner, false));
        }
        if ["checkpoint", "public/"].iter().any(|of_ledger| here.iter().any(|name| name == of_ledger)) {
            return Ok(None);
        }
        let folders = here.iter().filter(|name| name.ends_with('/'));
        let inner = folders.flat_map(|folder| {
            let within = names(&given.join(folder)).unwrap_or_default();
            within.into_iter().map(move |name| format!("{folder}{name}"))
        });
        let all: Vec<String> = here.iter().cloned().chain(inner.take(MAX_NAMES)).collect();
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
        given.into_iter().chain((!inner.is_empty()).then(|| inner.trim_end_matches('/').to_owned())).collect()
    }

    /// The members in a folder.
    pub fn members(given: &Path, inner: &str, is_case: bool) -> Result<Members<'static>, Failure> {
        let dir = given.join(inner);
        let (mut files, mut others, mut left) = (Vec::new(), Vec::new(), MAX_EXHIBIT);
        let mut take = |name: &str| -> Result<(), Failure> {
            let too_large = || Failure::Refused("more than an exhibit has: 256 MiB, 20000 members".into());
            let bytes = read(&dir.join(name), left)?;
            left = left.checked_sub(bytes.len()).ok_or_else(too_large)?;
            files.push((plain(name), bytes));
            if files.len() > MAX_MEMBERS { Err(too_large()) } else { Ok(()) }
        };
        for name in listed(&dir)? {
            let folder = name.trim_end_matches('/');
            if is_member(&plain(folder), is_case) {
                take(folder)?;
            } else if !is_case && name.ends_with('/') && FOLDERS.contains(&folder) {
                for file in listed(&dir.join(folder))? {
                    let file = format!("{folder}/{}", file.trim_end_matches('/'));
                    if is_member(&file, is_case) {
                        take(&file)?;
                    } else {
                        others.push(file);
                    }
                }
            } else {
                others.push(folder.to_owned());
            }
        }
        if !inner.is_empty() {
            let beside = listed(given)?.into_iter().filter(|name| name != inner);
            others.extend(beside.map(|name| name.trim_end_matches('/').to_owned()));
        }
        Members::of_folder(files, others, is_case).map_err(|e| Failure::Refused(e.to_string()))
    }
}

/// A proof and an entry, where nothing else lies in a folder. Their names say nothing; how they begin does.
fn receipt_among(dir: &Path, names: &[String]) -> Option<Unpacked> {
    let [one, two] = names else { return None };
    let of = |name: &String| {
        let path = dir.join(name);
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

fn listed(dir: &Path) -> Result<Vec<String>, Failure> {
    names(dir).map_err(|e| failed(dir, e))
}

/// The names in a folder, sorted, without what an operating system adds. Folders have a slash.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (n, entry) in fs::read_dir(dir)?.enumerate() {
        if n == MAX_NAMES {
            return Err(io::Error::other("more files than an exhibit has"));
        }
        let entry = entry?;
        let mut name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            name.push('/');
        }
        if !is_added(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
