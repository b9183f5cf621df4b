//! What the checks of a data folder find: the checks of its log, and those of the files beside it.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    check::{self, Coded},
    verify::Fault,
};

/// A check of a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A check that `verify` makes too.
    Log(check::Name),
    /// That the journal continues the log.
    Journal,
    /// That the index says what the log says.
    Index,
    /// That no words or files are left that the log withholds.
    Withheld,
    /// That `public/` holds no file that nothing on the log names.
    Stray,
    /// That no file of the folder knows of more entries than are there, or of another history.
    Known,
    /// That the secrets are private, and the log's key is among them.
    Keys,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Log(name) => name.as_str(),
            Self::Journal => "journal",
            Self::Index => "index",
            Self::Withheld => "withheld",
            Self::Stray => "stray",
            Self::Known => "known",
            Self::Keys => "keys",
        })
    }
}

impl PartialEq<check::Name> for Name {
    fn eq(&self, other: &check::Name) -> bool {
        *self == Self::Log(*other)
    }
}

/// What a check of a folder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A finding of `verify`.
    Log(check::Finding),
    /// Not checked: the log itself does not verify.
    LogBroken,
    /// The journal continues the log.
    Journal {
        /// How many entries it has.
        entries: usize,
        /// How many of them are not published yet.
        fresh: u64,
    },
    /// There is no index that can be read.
    NoIndex,
    /// The index reflects fewer entries than are published.
    IndexBehind {
        /// How many entries it reflects.
        reflects: u64,
        /// How many the log has.
        of: u64,
    },
    /// The index says what the log says.
    Index {
        /// How many entries it reflects.
        reflects: u64,
        /// How many the log has.
        of: u64,
        /// How many rows were compared.
        rows: usize,
    },
    /// This many texts are still in the folder that entries in the journal withhold.
    WithheldLater(u64),
    /// No words or files are left that the log withholds.
    NothingWithheld {
        /// For how many entries the marks were given up.
        given_up: usize,
    },
    /// `public/` holds no file that nothing on the log names.
    NoStray {
        /// How many files there are.
        files: u64,
        /// Whether it was checked that words name each of them.
        named: bool,
    },
    /// No file of the folder knows of more entries than are there, or of another history.
    NothingMore,
    /// Tokens over checkpoints of this log.
    Tokens {
        /// How many tokens.
        tokens: usize,
        /// How many checkpoints they are over.
        checkpoints: usize,
    },
    /// This many secrets, each readable by its owner alone, and the log's key among them.
    Keys(usize),
    /// The log's key is missing; this is its path.
    NoLogKey(String),
}

impl Coded for Finding {
    fn code(&self) -> &'static str {
        match self {
            Self::Log(finding) => finding.code(),
            Self::LogBroken => "log_broken",
            Self::Journal { .. } => "journal",
            Self::NoIndex => "no_index",
            Self::IndexBehind { .. } => "index_behind",
            Self::Index { .. } => "index",
            Self::WithheldLater(_) => "withheld_later",
            Self::NothingWithheld { .. } => "nothing_withheld",
            Self::NoStray { .. } => "no_stray",
            Self::NothingMore => "nothing_more",
            Self::Tokens { .. } => "tokens",
            Self::Keys(_) => "keys",
            Self::NoLogKey(_) => "no_log_key",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(finding) => finding.fmt(f),
            Self::LogBroken => f.write_str("the log itself does not verify"),
            Self::Journal { entries, fresh } => {
                write!(f, "{entries} entries, {fresh} of them not published yet; they continue the log")
            }
            Self::NoIndex => f.write_str("there is none that can be read; the next start makes it anew"),
            Self::IndexBehind { reflects, of } => {
                write!(f, "it reflects {reflects} of {of} entries; the next start brings it up to date")
            }
            Self::Index { reflects, of, rows } => {
                write!(
                    f,
                    "it reflects {reflects} of {of} entries; {rows} rows and all lists as the log makes them"
                )
            }
            Self::WithheldLater(texts) => {
                write!(
                    f,
                    "{texts} texts are still here that the journal withholds; the next start removes them"
                )
            }
            Self::NothingWithheld { given_up } => {
                f.write_str("nothing is left of what the log withholds")?;
                match given_up {
                    0 => Ok(()),
                    n => write!(f, "; the marks of {n} entries were given up"),
                }
            }
            Self::NoStray { files, named } => {
                let note = if *named { "" } else { "; whether words name each file was not checked" };
                write!(f, "none among {files} files in public/{note}")
            }
            Self::NothingMore => {
                f.write_str("nothing in the folder knows more than the log, or another history")
            }
            Self::Tokens { tokens, checkpoints } => write!(
                f,
                "{tokens} tokens over {checkpoints} checkpoints of this log; whose word they are was not checked"
            ),
            Self::Keys(files) => {
                write!(f, "{files} files of mode 600; the log's key is that of ledger.toml")
            }
            Self::NoLogKey(path) => write!(f, "{path} is not there; `serve` needs it"),
        }
    }
}

/// What mends a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// `onrecord rebuild`: the index can always be made from the log.
    Rebuild,
    /// The next start, which makes the file anew from the log.
    Start,
    /// The operator, who does what the line says.
    ByHand,
    /// Taking the file from a backup, or moving it away: no reader needs it to verify the log.
    Backup,
    /// `onrecord repair`, from a mirror or a backup.
    Repair,
}

/// What is wrong in a folder, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFault {
    /// What is wrong, and where.
    pub fault: Fault,
    /// What mends it.
    pub remedy: Remedy,
}

impl std::ops::Deref for FolderFault {
    type Target = Fault;
    fn deref(&self) -> &Fault {
        &self.fault
    }
}

impl Serialize for FolderFault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("FolderFault", 4)?;
        out.serialize_field("place", &self.place.to_string())?;
        out.serialize_field("entry", &self.place.entry())?;
        out.serialize_field("what", &self.what)?;
        out.serialize_field("remedy", &self.remedy)?;
        out.end()
    }
}
