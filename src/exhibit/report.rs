//! What the verification of an exhibit found.

use std::fmt;

use serde::Serialize;

use crate::{
    check::{Check, Outcome, write_checks},
    timestamp::Timestamp,
};

/// Said of what only the exhibit's own policy speaks for.
pub(super) const BROUGHT: &str = "trust brought by the exhibit";

/// The end of the verification of an exhibit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExhibitVerdict {
    /// What had to be checked was, by a policy that the reader brought.
    Valid,
    /// Something could not be checked: whose log it is, or who held the keys.
    NotDecided,
    /// Something is wrong.
    Refused,
}

impl ExhibitVerdict {
    /// The exit code of the command: 0 valid, 1 refused, 3 could not decide.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Refused => 1,
            Self::NotDecided => 3,
        }
    }
}

/// What the verification of an exhibit found.
#[derive(Debug, Clone, Serialize)]
pub struct ExhibitReport {
    /// Index of the entry, if it could be read.
    pub index: Option<u64>,
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// When the policy's witnesses had seen the tree: seconds since 1970.
    pub witnessed_by: Option<u64>,
    /// What time-stamping authorities that the reader trusts said of the tree, the earliest first.
    pub timestamps: Vec<Timestamp>,
    /// The end.
    pub verdict: ExhibitVerdict,
}

impl ExhibitReport {
    fn is_ok(&self, name: &str) -> bool {
        self.checks.iter().any(|c| c.name == name && c.outcome == Outcome::Ok)
    }

    /// Whether nothing is wanting but a policy of the reader's own.
    fn is_brought(&self) -> bool {
        let brought = |c: &Check| c.name == "checkpoint" && c.detail == BROUGHT;
        self.checks.iter().any(brought) && ["entry", "event", "inclusion"].iter().all(|name| self.is_ok(name))
    }

    /// What of it is proved, and what is not, in sentences. Nothing that was not checked is among the proved.
    pub fn conclusion(&self) -> Vec<(&'static str, String)> {
        let index = self.index.map_or_else(|| "?".to_owned(), |i| i.to_string());
        let mut proved = Vec::new();
        if self.is_ok("event") {
            let words =
                if self.is_ok("content") { " and these words" } else { " and the digest of its words" };
            proved.push(format!("the holders of these keys signed these facts{words}"));
        }
        if self.is_ok("inclusion") && self.is_ok("checkpoint") {
            proved.push(format!("the ledger committed to them at index {index}"));
        }
        if let Some(by) = self.witnessed_by {
            let time =
                crate::log::Time::from_unix_ms(i64::try_from(by).unwrap_or_default().saturating_mul(1_000));
            let time = time.map_or_else(|| by.to_string(), |t| t.to_string());
            proved.push(format!("the policy's witnesses saw that tree by {time}"));
        }
        let mut out = Vec::new();
        if !proved.is_empty() {
            out.push(("Proved", proved.join("; ")));
        }
        out.push((
            "On a registrar's or the operator's word",
            "that the keys are whose they are said to be".into(),
        ));
        if !self.timestamps.is_empty() {
            let said: Vec<String> = self.timestamps.iter().map(ToString::to_string).collect();
            let text = format!(
                "that the ledger's tree, and so this entry, existed {}. It says nothing of the time before",
                said.join("; ")
            );
            out.push(("On a time-stamping authority's word", text));
        }
        out.push(("On the ledger's word", "its clock, its numbering, that its rules were followed".into()));
        out.push((
            "Not shown",
            "that the words are true, the author's date, that the words were publicly readable then, that nothing \
             later corrects, withdraws or revokes"
                .into(),
        ));
        if self.witnessed_by.is_none() {
            out.push(("Without cosignatures", "other readers may have been shown another history".into()));
        }
        out
    }
}

impl fmt::Display for ExhibitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_checks(f, &self.checks)?;
        match self.verdict {
            ExhibitVerdict::Refused => {
                let failed = self.checks.iter().find(|c| c.outcome == Outcome::Failed);
                let what = failed.map_or("", |c| c.detail.as_str());
                return writeln!(f, "REFUSED  {what}\n\nNot valid: do not rely on this exhibit.");
            }
            ExhibitVerdict::Valid => writeln!(f, "valid\n")?,
            ExhibitVerdict::NotDecided if self.is_brought() => {
                writeln!(f, "NOT DECIDED: valid only by the trust that the exhibit brought\n")?;
            }
            ExhibitVerdict::NotDecided => writeln!(f, "NOT DECIDED: see what was not checked\n")?,
        }
        for (label, text) in self.conclusion() {
            writeln!(f, "{label}: {text}.")?;
        }
        Ok(())
    }
}
