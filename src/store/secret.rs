//! Files that hold a secret. Only their owner may have access to them.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::quote::shell;

/// The longest secret file that is read, in bytes.
const MOST: u64 = 4_096;
/// The bits of a mode that give access to the group or to others.
const OTHERS: u32 = 0o077;

/// A secret that was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Exposed(#[from] Exposed),
}

/// A secret that others have access to.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: others have access to it: expected mode {right}, found {mode:03o}; run: chmod {right} {}",
    .path.display(), shell(&.path.display().to_string()), right = self.right_mode()
)]
pub(crate) struct Exposed {
    path: PathBuf,
    mode: u32,
    is_dir: bool,
}

impl Exposed {
    fn right_mode(&self) -> &'static str {
        if self.is_dir { "700" } else { "600" }
    }
}

/// Checks the mode of a secret file, or of a folder of secrets. Pipes and terminals pass, since their mode does not tell who
/// can read what comes through them.
///
/// # Errors
/// [`Exposed`] if the group or others have access.
pub(crate) fn check(path: &Path, found: &fs::Metadata) -> Result<(), Exposed> {
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS == 0 || !(found.is_file() || found.is_dir()) {
        return Ok(());
    }
    Err(Exposed { path: path.to_owned(), mode, is_dir: found.is_dir() })
}

/// Reads a secret file. The mode is that of the opened file, so that the file that is read is the one that was checked.
///
/// # Errors
/// [`SecretError`]. Nothing is read of a file that others have access to.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let file = fs::File::open(path)?;
    check(path, &file.metadata()?)?;
    // Room for all of it, so that the buffer never grows and leaves a copy of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(MOST as usize));
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// Checks a folder of secrets and all that lies below it. That there is no such folder is no error.
///
/// # Errors
/// [`SecretError`], for the first file or folder that others have access to.
pub(crate) fn check_folder(dir: &Path) -> Result<(), SecretError> {
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let found = match fs::metadata(&folder) {
            Ok(found) => found,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        };
        check(&folder, &found)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            // For a link, the mode of its target counts. A link to nothing holds no secret.
            match fs::metadata(entry.path()) {
                Ok(found) => check(&entry.path(), &found)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}
