//! What a verification checks, how each check ended, and what it found.
//!
//! A verdict depends on [`Name`], [`Outcome`] and [`Finding`] alone. Their text for people is made in one place,
//! `english.rs`.

mod english;
mod finding;
mod name;

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

pub(crate) use english::count;
pub use finding::{Blobs, Coded, Finding, Packing};
pub use name::Name;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It passed.
    Ok,
    /// It failed.
    Failed,
    /// It was not made.
    NotChecked,
    /// What it would check is not enclosed.
    NotEnclosed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::NotChecked => "not checked",
            Self::NotEnclosed => "not enclosed",
        })
    }
}

/// One check. As JSON it has `name`, `outcome`, the `code` of the finding, and its words as `detail`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check<N = Name, F = Finding> {
    /// What was checked.
    pub name: N,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, or why nothing was.
    pub finding: F,
}

impl<N, F: fmt::Display> Check<N, F> {
    /// What was found, in words.
    pub fn detail(&self) -> String {
        self.finding.to_string()
    }
}

impl<N: fmt::Display, F: Coded> Serialize for Check<N, F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Check", 4)?;
        out.serialize_field("name", &self.name.to_string())?;
        out.serialize_field("outcome", &self.outcome)?;
        out.serialize_field("code", self.finding.code())?;
        out.serialize_field("detail", &self.detail())?;
        out.end()
    }
}

/// Writes one line for each check, and below it the further lines of its detail.
pub fn write_checks<N: fmt::Display + PartialEq<Name>, F: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    checks: &[Check<N, F>],
) -> fmt::Result {
    for check in checks {
        // In capitals, unlike other checks that were not made, as a reader must not overlook it.
        let outcome = match check.outcome {
            Outcome::NotChecked if check.name == Name::Identity => "NOT CHECKED".to_owned(),
            outcome => outcome.to_string(),
        };
        let detail = check.detail();
        let mut lines = detail.lines();
        writeln!(f, "{:<11} {outcome:<12} {}", check.name.to_string(), lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(f, "{:<25}{line}", "")?;
        }
    }
    writeln!(f)
}
