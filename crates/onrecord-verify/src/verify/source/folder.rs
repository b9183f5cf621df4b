//! A ledger's public files in a folder.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::{Bytes, Source, SourceError};

/// A ledger's data folder, or a plain copy of its `public` folder.
#[derive(Debug)]
pub struct FolderSource {
    /// What was given, for messages.
    given: PathBuf,
    /// The folder of the files, as a canonical path.
    root: PathBuf,
}

impl FolderSource {
    /// Opens a folder: the data folder of a ledger, or a copy of its public files.
    ///
    /// # Errors
    /// [`SourceError::NoLedger`] if there is no checkpoint in either place; [`SourceError::Io`] if the folder can't be read.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        let root = if Self::is_data(dir)? { dir.join("public") } else { dir.to_owned() };
        if !is_there(&root.join("checkpoint"))? {
            return Err(SourceError::NoLedger(dir.display().to_string()));
        }
        let root = root.canonicalize().map_err(|e| SourceError::io(&root.display().to_string(), e))?;
        Ok(Self { given: dir.to_owned(), root })
    }

    /// Whether a folder is the data folder of a ledger: anything stands at `public/checkpoint` in it.
    ///
    /// # Errors
    /// [`SourceError::Io`] if the folder can't be read.
    pub fn is_data(dir: &Path) -> Result<bool, SourceError> {
        is_there(&dir.join("public/checkpoint"))
    }
}

/// Whether anything has this name, even a link to nowhere.
fn is_there(path: &Path) -> Result<bool, SourceError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if is_absence(&e) => Ok(false),
        Err(e) => Err(SourceError::io(&path.display().to_string(), e)),
    }
}

/// Whether an error says that nothing has this name.
fn is_absence(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Source for FolderSource {
    fn open(&self, path: &str) -> Result<Option<Bytes>, SourceError> {
        let relative = Path::new(path);
        if !relative.components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(SourceError::io(path, "not a path inside the folder"));
        }
        // A link may stand for a file, but not lead out of the folder.
        let full = match self.root.join(relative).canonicalize() {
            Ok(full) => full,
            Err(e) if is_absence(&e) => return Ok(None),
            Err(e) => return Err(SourceError::io(path, e)),
        };
        if !full.starts_with(&self.root) {
            return Err(SourceError::io(path, "a link that leads out of the folder"));
        }
        // Checked before opening, since opening a pipe would wait for ever.
        if !full.is_file() {
            return Err(SourceError::io(path, "not a plain file"));
        }
        let file = fs::File::open(&full).map_err(|e| SourceError::io(path, e))?;
        Ok(Some(Box::new(file)))
    }

    fn describe(&self) -> String {
        self.given.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_data_folder_or_a_copy_of_its_public_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(FolderSource::open(dir.path()), Err(SourceError::NoLedger(_))));
        let public = dir.path().join("public");
        fs::create_dir_all(public.join("tile/0")).unwrap();
        fs::write(public.join("checkpoint"), "c").unwrap();
        fs::write(public.join("tile/0/000"), "tile").unwrap();
        for place in [dir.path(), &public] {
            let source = FolderSource::open(place).unwrap();
            assert_eq!(source.get("checkpoint", 1).unwrap().as_deref(), Some(&b"c"[..]));
            assert_eq!(source.get("tile/0/001", 9).unwrap(), None);
            assert!(matches!(source.get("tile/0/000", 3), Err(SourceError::TooLong { limit: 3, .. })));
        }
    }

    #[cfg(unix)]
    #[test]
    fn no_path_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let public = dir.path().join("public");
        fs::create_dir_all(&public).unwrap();
        fs::write(public.join("checkpoint"), "c").unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), public.join("link")).unwrap();
        let source = FolderSource::open(dir.path()).unwrap();
        for path in ["../secret", "/etc/hosts", "link", "./checkpoint/../../secret"] {
            assert!(source.get(path, 9).is_err(), "{path}");
        }
    }
}
