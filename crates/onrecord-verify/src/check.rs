//! One check of a verification, and how it ended.

use std::fmt;

use serde::Serialize;

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
    /// What it is about is not there.
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

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, e.g. `chain`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was checked, or why not.
    pub detail: String,
}

/// Writes a line a check.
pub fn write_checks(f: &mut fmt::Formatter<'_>, checks: &[Check]) -> fmt::Result {
    for check in checks {
        // What a reader must not overlook is not in the same letters as what merely was not asked.
        let outcome = match (check.name, check.outcome) {
            ("identity", Outcome::NotChecked) => "NOT CHECKED".to_owned(),
            (_, outcome) => outcome.to_string(),
        };
        let mut lines = check.detail.lines();
        writeln!(f, "{:<11} {outcome:<12} {}", check.name, lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(f, "{:<25}{line}", "")?;
        }
    }
    writeln!(f)
}
