//! The folder of a ledger: where things lie in it, its settings and its keys.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::LedgerError;
use crate::{
    event::Digest,
    log::TilePath,
    note::{Origin, SigningKey, VerifyingKey},
};

/// `ledger.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    origin: String,
    checkpoint_key: String,
}

/// Paths in the folder of a ledger.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
    pub fn root(&self) -> &Path {
        &self.0
    }
    pub fn settings(&self) -> PathBuf {
        self.0.join("ledger.toml")
    }
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }
    pub fn checkpoint_key(&self) -> PathBuf {
        self.keys().join("checkpoint.key")
    }
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }
    pub fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }
    pub fn public(&self) -> PathBuf {
        self.0.join("public")
    }
    pub fn checkpoint(&self) -> PathBuf {
        self.public().join("checkpoint")
    }
    pub fn tile(&self, path: &TilePath) -> PathBuf {
        self.public().join(path.to_string())
    }
    pub fn files(&self) -> PathBuf {
        self.public().join("file")
    }
    pub fn file(&self, digest: &Digest) -> PathBuf {
        self.files().join(digest.to_string())
    }
    /// Checkpoints with cosignatures, by size.
    pub fn cosigned(&self) -> PathBuf {
        self.0.join("cosigned")
    }
    /// Marks of withheld files.
    pub fn withheld(&self) -> PathBuf {
        self.0.join("withheld")
    }
    pub fn uploads(&self) -> PathBuf {
        self.0.join("upload")
    }
    pub fn upload(&self, digest: &Digest) -> PathBuf {
        self.uploads().join(digest.to_string())
    }

    /// Makes the folders, the settings and the key file.
    pub fn make(&self, origin: &Origin, key: &SigningKey) -> Result<(), LedgerError> {
        for dir in [self.journal(), self.tmp(), self.public(), self.uploads()] {
            fs::create_dir_all(&dir).map_err(|e| io(&dir, "create", e))?;
        }
        write_secret(&self.checkpoint_key(), &key.to_secret_text())?;
        let text = format!(
            "# A ledger of Onrecord. Origin and log key are fixed for its life.\n\
             origin = \"{origin}\"\ncheckpoint_key = \"{}\"\n",
            key.verifying_key()
        );
        let path = self.settings();
        fs::write(&path, text).map_err(|e| io(&path, "write", e))
    }

    /// Reads the settings: origin and log key.
    pub fn read_settings(&self) -> Result<(Origin, VerifyingKey), LedgerError> {
        let path = self.settings();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(LedgerError::NotALedger(self.0.display().to_string()));
            }
            Err(e) => return Err(io(&path, "read", e)),
        };
        let broken = |why: String| LedgerError::Broken(format!("{}: {why}", path.display()));
        let settings: Settings = toml::from_str(&text).map_err(|e| broken(e.to_string()))?;
        let origin: Origin = settings.origin.parse().map_err(|e| broken(format!("origin: {e}")))?;
        let vkey: VerifyingKey =
            settings.checkpoint_key.parse().map_err(|e| broken(format!("checkpoint_key: {e}")))?;
        Ok((origin, vkey))
    }

    /// Reads the settings and the key.
    pub fn read(&self) -> Result<(Origin, SigningKey), LedgerError> {
        let (origin, vkey) = self.read_settings()?;
        let key_path = self.checkpoint_key();
        let secret = fs::read_to_string(&key_path).map_err(|e| io(&key_path, "read", e))?;
        let secret = zeroize::Zeroizing::new(secret);
        let key = SigningKey::from_secret_text(&secret)
            .map_err(|e| LedgerError::Broken(format!("{}: {e}", key_path.display())))?;
        if *key.verifying_key() != vkey {
            let settings = self.settings().display().to_string();
            return Err(LedgerError::Broken(format!(
                "{settings}: checkpoint_key is not the key in {}",
                key_path.display()
            )));
        }
        Ok((origin, key))
    }
}

pub(crate) fn io(path: &Path, doing: &str, source: std::io::Error) -> LedgerError {
    LedgerError::Io { what: format!("{doing} {}", path.display()), source }
}

/// Writes a new file of mode 0600, in a folder of mode 0700.
fn write_secret(path: &Path, text: &str) -> Result<(), LedgerError> {
    if let Some(dir) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(dir).map_err(|e| io(dir, "create", e))?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()))
        .map_err(|e| io(path, "write", e))
}
