//! What the checks of a folder find: those of its log, and those of what stands beside it.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    check::{self, Coded},
    verify::Fault,
};

/// What is checked of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A check that `verify` makes too.
    Log(check::Name),
    /// That the journal continues the log.
    Journal,
    /// That the index says what the log says.
    Index,
    /// That nothing is left of what the log withholds.
    Withheld,
    /// That no file is there which nothing names.
    Stray,
    /// That nothing in the folder knows more than the log.
    Known,
    /// The secrets.
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
    /// As `verify` found it.
    Log(check::Finding),
    /// Not come to: the log itself does not verify.
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
    /// The index ends before what is published.
    IndexBehind {
        /// How many entries it reflects.
        reflects: u64,
        /// Of how many.
        of: u64,
    },
    /// The index says what the log says.
    Index {
        /// How many entries it reflects.
        reflects: u64,
        /// Of how many.
        of: u64,
        /// How many rows were compared.
        rows: usize,
    },
    /// So many texts are here that the journal withholds.
    WithheldLater(u64),
    /// Nothing is left of what the log withholds.
    NothingWithheld {
        /// The marks of how many entries were given up.
        given_up: usize,
    },
    /// No file is there which nothing names.
    NoStray {
        /// How many files there are.
        files: u64,
        /// Whether it was checked that words name each of them.
        named: bool,
    },
    /// Nothing in the folder knows more than the log, or another history.
    NothingMore,
    /// Tokens over checkpoints of this log.
    Tokens {
        /// How many.
        tokens: usize,
        /// Over how many checkpoints.
        checkpoints: usize,
    },
    /// So many secrets, each its owner's alone, and the log's key among them.
    Keys(usize),
    /// The log's key is not there, at this path.
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
            Self::NothingMore => f.write_str("nothing in the folder knows more than the log, or another"),
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
    /// `onrecord rebuild`: the index is a shadow of the log.
    Rebuild,
    /// The next start, which makes it anew from the log.
    Start,
    /// The operator, who does what the line says.
    ByHand,
    /// A backup, or moving it away: no reader needs it to verify the log.
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
