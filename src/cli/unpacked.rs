//! An exhibit or a case file that was taken apart: the files of a folder.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::Failure;
use crate::exhibit::{MAX_EXHIBIT, MAX_MEMBERS, Named, is_added};

/// The folders in which an exhibit has members.
const FOLDERS: [&str; 3] = ["files", "chain", "timestamps"];
/// How many names are told of files that are not looked at.
const TOLD: usize = 5;

/// What lies in a folder.
pub(super) struct Unpacked {
    /// The folder in which the members are: the one that was given, or the only one in that.
    pub dir: PathBuf,
    /// Whether it is a case file, which holds exhibits.
    pub is_case: bool,
}

impl Unpacked {
    /// Whether there is an exhibit or a case file in a folder. A ledger's folder is neither.
    pub fn find(dir: &Path) -> Option<Self> {
        let here = |dir: &Path| {
            let has = |name: &str| dir.join(name).is_file();
            let is_exhibit = has("entry") && has("proof.tlog-proof");
            let is_case = !is_exhibit && has("README.txt") && !has("checkpoint") && holds_exhibit(dir);
            (is_exhibit || is_case).then(|| Self { dir: dir.to_owned(), is_case })
        };
        // Who unpacks an archive with a folder in it has one in another.
        here(dir).or_else(|| here(&only_folder(dir)?))
    }

    /// Its members, and the names of files beside them that none is.
    pub fn read(&self) -> Result<(Vec<Named>, Vec<String>), Failure> {
        let failed =
            |path: &Path, e: &dyn std::fmt::Display| Failure::Undecided(format!("{}: {e}", path.display()));
        let (mut members, mut others, mut left) = (Vec::new(), Vec::new(), MAX_EXHIBIT);
        let mut take = |name: String| -> Result<(), Failure> {
            let path = self.dir.join(&name);
            // Asked before opening, since opening a pipe would wait for ever.
            if !path.is_file() {
                return Err(failed(&path, &"not a plain file"));
            }
            let mut bytes = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(left as u64 + 1).read_to_end(&mut bytes));
            read.map_err(|e| failed(&path, &e))?;
            let too_large = || Failure::Refused("more than an exhibit has: 256 MiB, 20000 members".into());
            left = left.checked_sub(bytes.len()).ok_or_else(too_large)?;
            members.push((name, bytes));
            if members.len() > MAX_MEMBERS { Err(too_large()) } else { Ok(()) }
        };
        for name in names(&self.dir).map_err(|e| failed(&self.dir, &e))? {
            if is_added(&name) {
                continue;
            }
            let is_member = match self.is_case {
                true => name == "README.txt" || is_exhibit(&name),
                false => ["README.txt", "entry", "proof.tlog-proof", "content.json", "trust.policy"]
                    .contains(&&*name),
            };
            if is_member {
                take(name)?;
            } else if !self.is_case && FOLDERS.contains(&&*name) {
                let inner = self.dir.join(&name);
                for file in names(&inner).map_err(|e| failed(&inner, &e))? {
                    if !is_added(&file) {
                        take(format!("{name}/{file}"))?;
                    }
                }
            } else {
                others.push(name);
            }
        }
        if others.len() > TOLD {
            let more = others.len() - TOLD;
            others.truncate(TOLD);
            others.push(format!("and {more} more"));
        }
        Ok((members, others))
    }
}

fn is_exhibit(name: &str) -> bool {
    name.starts_with("exhibit-") && name.ends_with(".zip")
}

fn holds_exhibit(dir: &Path) -> bool {
    names(dir).is_ok_and(|names| names.iter().any(|name| is_exhibit(name)))
}

/// The names in a folder, sorted; an error for more than any exhibit has, with as many that an operating system adds.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let most = 2 * MAX_MEMBERS + 16;
    let names =
        fs::read_dir(dir)?.take(most + 1).map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<String>>>()?;
    if names.len() > most {
        return Err(io::Error::other("more files than an exhibit has"));
    }
    names.sort_unstable();
    Ok(names)
}

fn only_folder(dir: &Path) -> Option<PathBuf> {
    let names = names(dir).ok()?;
    let mut names = names.iter().filter(|name| *name != "__MACOSX" && !is_added(name));
    let only = dir.join(names.next()?);
    (names.next().is_none() && only.is_dir()).then_some(only)
}
