//! What a verification found: one line for each check, then the verdict.

use std::fmt;

use serde::{Serialize, Serializer};

use super::SourceError;
use crate::{
    check::{Check, Finding, Name, Outcome, write_checks},
    event::Position,
    log::{Contradiction, Fork, Hash},
    note::{Origin, VerifyingKey},
};

/// Where a fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The checkpoint.
    Checkpoint,
    /// The entry at this index.
    Entry(u64),
    /// The words of the entry at this index.
    Words(u64),
    /// A file that the words of the entry at this index name.
    File(u64, Position),
    /// A tile, by its path.
    Tile(String),
    /// A file or folder beside the log, by its path.
    Path(String),
    /// The tree as a whole.
    Tree,
}

impl Place {
    /// The index of the entry at fault, if it is one entry.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::Entry(i) | Self::Words(i) | Self::File(i, _) => Some(*i),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Entry(i) => write!(f, "entry {i}"),
            Self::Words(i) => write!(f, "entry {i}, words"),
            Self::File(i, position) => write!(f, "entry {i}, {position}"),
            Self::Tile(path) | Self::Path(path) => f.write_str(path),
            Self::Tree => f.write_str("tree"),
        }
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What was expected and what was found.
    pub what: String,
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = s.serialize_struct("Fault", 3)?;
        out.serialize_field("place", &self.place.to_string())?;
        out.serialize_field("entry", &self.place.entry())?;
        out.serialize_field("what", &self.what)?;
        out.end()
    }
}

/// The verdict on a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check passed, with a key that the reader gave.
    Valid,
    /// Every check passed, with the key that the ledger itself names.
    IdentityNotChecked,
    /// Something is wrong.
    Refused,
    /// The source could not be read to its end.
    Undecided,
}

impl Verdict {
    /// The exit code of the command: 0 valid, 1 refused, 3 could not decide.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Refused => 1,
            Self::IdentityNotChecked | Self::Undecided => 3,
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The folder or address.
    pub source: String,
    /// The ledger's origin, if it could be read.
    #[serde(serialize_with = "text")]
    pub origin: Option<Origin>,
    /// The log's key: the one given, or the one that entry 0 names.
    #[serde(serialize_with = "text")]
    pub log_key: Option<VerifyingKey>,
    /// How many entries the checkpoint covers.
    pub size: Option<u64>,
    /// The root hash it signs, in base64.
    #[serde(serialize_with = "root")]
    pub root: Option<Hash>,
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// What is wrong: of each kind the first that was found.
    pub faults: Vec<Fault>,
    /// Why the verification could not be finished.
    pub undecided: Option<String>,
    /// The proof that the log signed two histories, if one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
    /// The proof that the log signed what no log may hold, if there is one that can be checked by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contradiction: Option<Contradiction>,
    /// The verdict on the ledger.
    pub verdict: Verdict,
}

fn text<T: ToString, S: Serializer>(value: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(T::to_string).serialize(s)
}

fn root<S: Serializer>(value: &Option<Hash>, s: S) -> Result<S::Ok, S::Error> {
    value.map(|h| h.to_base64()).serialize(s)
}

const PROVES: &str = "\
Every entry up to this checkpoint stands where and as it was signed, and the rules allowed each when
it was recorded. This does not prove that what the events say is true, nor that others are shown the
same log: compare this checkpoint with one that somebody else got.";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_checks(f, &self.checks)?;
        write_faults(f, &self.faults)?;
        match self.verdict {
            Verdict::Valid => writeln!(f, "valid\n\n{PROVES}"),
            Verdict::IdentityNotChecked => writeln!(
                f,
                "valid, but identity NOT CHECKED\n\n{PROVES}\n\
                 Whose ledger it is was not checked: anybody can make one that says the same of itself."
            ),
            Verdict::Refused => {
                writeln!(f, "\nNot valid: do not rely on this copy. Get another, and compare the two.")
            }
            Verdict::Undecided => {
                let why = self.undecided.as_deref().unwrap_or("the source could not be read");
                writeln!(f, "UNDECIDED  {why}")
            }
        }
    }
}

/// Writes each fault, beginning on a line of its own.
pub fn write_faults<'a>(
    f: &mut fmt::Formatter<'_>,
    faults: impl IntoIterator<Item = &'a Fault>,
) -> fmt::Result {
    faults.into_iter().try_for_each(|fault| {
        writeln!(f, "REFUSED  {}: {}", fault.place, fault.what.replace('\n', "\n         "))
    })
}

/// Why a verification stops early.
pub enum Stop {
    /// The copy is wrong: the check that found it, and the fault.
    Fault(Name, Fault),
    /// The source can't be read.
    Undecided(String),
}

impl Stop {
    /// Stops at a fault that a check found.
    pub fn fault(check: Name, place: Place, what: impl Into<String>) -> Self {
        Self::Fault(check, Fault { place, what: what.into() })
    }
}

impl From<SourceError> for Stop {
    fn from(e: SourceError) -> Self {
        match e {
            // No ledger has such a file, so that is the copy's fault.
            SourceError::TooLong { path, limit } => {
                Self::fault(Name::Tiles, Place::Tile(path), format!("longer than {limit} bytes"))
            }
            e => Self::Undecided(e.to_string()),
        }
    }
}

pub(super) fn place(index: u64, position: Position) -> Place {
    match position {
        Position::Content => Place::Words(index),
        file => Place::File(index, file),
    }
}

/// Adds a check to those that were made.
pub(super) fn push(checks: &mut Vec<Check>, name: Name, outcome: Outcome, finding: Finding) {
    checks.push(Check { name, outcome, finding });
}
