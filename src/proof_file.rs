//! Files for proofs that a log lied. That the log lied is reported even if the file can't be written.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The number of names that are tried for one proof.
const NAMES: u32 = 99;

/// Where a proof was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It lies in this file.
    At(PathBuf),
    /// It could not be written.
    Nowhere {
        /// Why not.
        why: String,
        /// The proof: the JSON of the file, in ASCII, so that no foreign text in it can control a terminal.
        proof: String,
    },
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(path) => {
                let path = path.display();
                write!(f, "{path} proves it to anybody: onrecord verify {path}")
            }
            Self::Nowhere { why, proof } => {
                write!(f, "this proves it to anybody, and could not be written ({why}):\n{proof}")
            }
        }
    }
}

/// The names that a proof may have: `fork.json`, `fork-2.json` and so on. They are taken in this order, so a search for proofs
/// ends at the first name that does not exist.
fn names(path: &Path) -> impl Iterator<Item = PathBuf> {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    (1..=NAMES).map(move |n| match (n, extension.as_str()) {
        (1, _) => path.to_owned(),
        (n, "") => path.with_file_name(format!("{stem}-{n}")),
        (n, extension) => path.with_file_name(format!("{stem}-{n}.{extension}")),
    })
}

/// Keeps a proof under the name `path`, or under one like it if another file has that name. No file is ever overwritten, and
/// the same proof is kept once.
pub(crate) fn keep<E: fmt::Display>(
    path: &Path,
    proof: &[u8],
    mut write: impl FnMut(&Path) -> Result<(), E>,
) -> Kept {
    let nowhere = |why: String| Kept::Nowhere { why, proof: ascii(&String::from_utf8_lossy(proof)) };
    for name in names(path) {
        match fs::symlink_metadata(&name) {
            Ok(_) if holds(&name, proof) => return Kept::At(name),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return match write(&name) {
                    Ok(()) => Kept::At(name),
                    Err(e) => nowhere(e.to_string()),
                };
            }
            Err(e) => return nowhere(format!("{}: {e}", name.display())),
        }
    }
    nowhere(format!("{} and {} names like it are taken", path.display(), NAMES - 1))
}

/// The first file under the name `path`, or one like it, of at most `limit` bytes, that `is_one` accepts.
pub(crate) fn find(path: &Path, limit: usize, is_one: impl Fn(&[u8]) -> bool) -> Option<PathBuf> {
    let there = names(path).take_while(|name| fs::symlink_metadata(name).is_ok());
    there.into_iter().find(|name| read(name, limit).is_some_and(|bytes| is_one(&bytes)))
}

/// The same JSON, with all characters outside ASCII, and DEL, as escapes.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
        }
    }
    out
}

fn holds(name: &Path, proof: &[u8]) -> bool {
    read(name, proof.len()).is_some_and(|bytes| bytes == proof)
}

/// The bytes of a plain file of at most `limit` bytes. Its kind is asked before it is opened, since opening a pipe could wait
/// for ever.
fn read(name: &Path, limit: usize) -> Option<Vec<u8>> {
    let there = fs::metadata(name).ok()?;
    if !there.is_file() || there.len() > limit as u64 {
        return None;
    }
    fs::read(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(path: &Path, proof: &str) -> Kept {
        super::keep(path, proof.as_bytes(), |name| fs::write(name, proof))
    }

    #[test]
    fn an_older_proof_is_never_written_over_and_the_same_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert_eq!(keep(&at("fork.json"), "one"), Kept::At(at("fork.json")));
        assert_eq!(keep(&at("fork.json"), "two"), Kept::At(at("fork-2.json")));
        assert_eq!(keep(&at("fork.json"), "one"), Kept::At(at("fork.json")));
        assert_eq!(keep(&at("fork.json"), "two"), Kept::At(at("fork-2.json")));
        assert_eq!(keep(&at("fork.json"), "three"), Kept::At(at("fork-3.json")));
        assert_eq!(keep(&at("a.b"), "one"), Kept::At(at("a.b")));
        assert_eq!(keep(&at("proof"), "one"), Kept::At(at("proof")));
        assert_eq!(keep(&at("proof"), "two"), Kept::At(at("proof-2")));
        assert_eq!(fs::read_to_string(at("fork.json")).unwrap(), "one");
        assert_eq!(find(&at("fork.json"), 9, |bytes| bytes == b"three"), Some(at("fork-3.json")));
        assert_eq!(find(&at("fork.json"), 4, |bytes| bytes == b"three"), None);
        // A folder is no proof, and stays.
        fs::create_dir(at("folder.json")).unwrap();
        assert_eq!(keep(&at("folder.json"), "one"), Kept::At(at("folder-2.json")));
    }

    #[test]
    fn a_proof_that_has_no_place_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let told = |kept: Kept| match kept {
            Kept::At(path) => panic!("{}", path.display()),
            Kept::Nowhere { why, proof } => (why, proof),
        };
        let text = "{\"note\": \"— \u{202e}\u{9b}31m\u{1f512}\"}";
        let (why, proof) = told(keep(&dir.path().join("none/fork.json"), text));
        assert!(why.contains("o such file") && proof.is_ascii(), "{why}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&proof), read(text));
        for n in 1..=NAMES {
            let kept = keep(&dir.path().join("fork.json"), &n.to_string());
            assert!(matches!(kept, Kept::At(_)), "{n}");
        }
        let (why, proof) = told(keep(&dir.path().join("fork.json"), "one"));
        assert!(why.contains("98 names like it are taken") && proof == "one", "{why}");
    }
}
