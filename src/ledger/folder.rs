//! The folder of a ledger: the paths in it, its settings and its keys.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::LedgerError;
use crate::{
    event::Digest,
    log::TilePath,
    note::{Origin, SigningKey, VerifyingKey},
    store::{
        disk,
        secret::{self, SecretError},
    },
};

/// `ledger.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    origin: String,
    checkpoint_key: String,
    /// Address of the ledger that a mirror follows. A mirror's folder has no key.
    #[serde(default)]
    mirror_of: Option<String>,
}

/// The settings, parsed.
pub(crate) struct Said {
    pub origin: Origin,
    pub log_key: VerifyingKey,
    /// Address of the ledger that a mirror follows.
    pub mirror_of: Option<String>,
}

/// The file in `keys/` that holds the log's key.
pub(crate) const CHECKPOINT_KEY: &str = "checkpoint.key";

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
        self.keys().join(CHECKPOINT_KEY)
    }
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
    /// The largest head that was ever signed.
    pub fn signed(&self) -> PathBuf {
        self.0.join("signed")
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
    /// The latest time that a server knew to be right.
    pub fn clock(&self) -> PathBuf {
        self.0.join("clock")
    }
    /// How far a mirror has come, while its entries do not reach up to a checkpoint.
    pub fn progress(&self) -> PathBuf {
        self.0.join("progress")
    }
    /// The last checkpoint that a mirror verified. Its entries are here, or are being fetched.
    pub fn heading(&self) -> PathBuf {
        self.0.join("heading")
    }
    /// The proof that the log signed two histories, if a mirror or a repair found it.
    pub fn fork(&self) -> PathBuf {
        self.0.join("fork.json")
    }
    /// The proof that the log signed what no log may hold, if a mirror found it.
    pub fn contradiction(&self) -> PathBuf {
        self.0.join("contradiction.json")
    }
    /// The refused entry for which a mirror last looked for such a proof, and whether it found one.
    pub fn searched(&self) -> PathBuf {
        self.0.join("searched")
    }
    /// What a mirror removed because its origin withheld it: one line of JSON for each.
    pub fn removed(&self) -> PathBuf {
        self.0.join("removed.jsonl")
    }
    /// Files that words in a mirror name and that are missing here.
    pub fn lacking(&self) -> PathBuf {
        self.0.join("lacking")
    }
    /// Entries whose words a mirror will ask for again.
    pub fn wanted(&self) -> PathBuf {
        self.0.join("wanted")
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
    /// Checkpoints with tokens of time-stamping authorities, a folder for each size.
    pub fn timestamps(&self) -> PathBuf {
        self.0.join("timestamps")
    }
    pub fn timestamps_of(&self, size: u64) -> PathBuf {
        self.timestamps().join(size.to_string())
    }
    /// How far the reading of all files has come, and what was found damaged.
    pub fn scrub(&self) -> PathBuf {
        self.0.join("scrub")
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
        self.make_dirs()?;
        write_secret(&self.checkpoint_key(), &key.to_secret_text())?;
        self.write_settings(&format!(
            "# A ledger of Onrecord. Origin and log key are fixed for its life.\n\
             origin = \"{origin}\"\ncheckpoint_key = \"{}\"\n",
            key.verifying_key()
        ))
    }

    /// Makes the folders and the settings of a mirror.
    pub fn make_mirror(&self, key: &VerifyingKey, of: &str) -> Result<(), LedgerError> {
        self.make_dirs()?;
        // Debug formatting quotes `of` rightly for TOML: an address holds no character that the two escape differently.
        self.write_settings(&format!(
            "# A mirror of a ledger of Onrecord. Origin and log key are fixed for its life; where it reads may change.\n\
             origin = \"{}\"\ncheckpoint_key = \"{key}\"\nmirror_of = {of:?}\n",
            key.name()
        ))
    }

    fn make_dirs(&self) -> Result<(), LedgerError> {
        for dir in [self.journal(), self.tmp(), self.public(), self.uploads()] {
            disk::create_dir_all(&dir).map_err(|e| io(&dir, "create", e))?;
        }
        Ok(())
    }

    fn write_settings(&self, text: &str) -> Result<(), LedgerError> {
        let path = self.settings();
        let written = disk::create_file(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|e| io(&path, "write", e))
    }

    /// Reads the settings: origin and log key.
    pub fn read_settings(&self) -> Result<(Origin, VerifyingKey), LedgerError> {
        self.said().map(|said| (said.origin, said.log_key))
    }

    /// Reads all settings.
    pub fn said(&self) -> Result<Said, LedgerError> {
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
        Ok(Said { origin, log_key: vkey, mirror_of: settings.mirror_of })
    }

    /// Refuses a folder in which others than the operator have access to secrets: the keys, and the marks of withheld files.
    pub fn check_secrets(&self) -> Result<(), LedgerError> {
        let keys = self.keys();
        secret::check_folder(&keys).map_err(|e| not_read(&keys, e))?;
        let withheld = self.withheld();
        match fs::metadata(&withheld) {
            Ok(found) => secret::check(&withheld, &found).map_err(|e| not_read(&withheld, e.into())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(io(&withheld, "look at", e)),
        }
    }

    /// Reads the settings and the log's key. Refuses a mirror, which has none.
    pub fn read(&self) -> Result<(Origin, SigningKey), LedgerError> {
        let Said { origin, log_key: vkey, mirror_of } = self.said()?;
        if let Some(of) = mirror_of {
            return Err(LedgerError::Mirror { dir: self.0.display().to_string(), of });
        }
        self.check_secrets()?;
        let key_path = self.checkpoint_key();
        let secret = secret::read(&key_path).map_err(|e| not_read(&key_path, e))?;
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

fn not_read(path: &Path, e: SecretError) -> LedgerError {
    match e {
        SecretError::Io(e) => io(path, "read", e),
        SecretError::Exposed(e) => LedgerError::Exposed(e.to_string()),
    }
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
