//! What the verification of an exhibit found.

use std::fmt;

use serde::Serialize;

use crate::{
    check::{Check, Finding, Name, Outcome, write_checks},
    timestamp::Timestamp,
};

/// Why there is no verdict, if the checks themselves say it.
pub(super) const UNCHECKED: &str = "see what was not checked";

/// Writes the checks and the verdict, then what is proved and what is not, unless that was refused. `of` names what was
/// checked; `undecided` says why there is no verdict.
pub(super) fn write_report(
    f: &mut fmt::Formatter<'_>,
    checks: &[Check],
    verdict: ExhibitVerdict,
    of: &str,
    undecided: &str,
    conclusion: impl FnOnce() -> Vec<(&'static str, String)>,
) -> fmt::Result {
    write_checks(f, checks)?;
    match verdict {
        ExhibitVerdict::Refused => {
            let failed = checks.iter().find(|c| c.outcome == Outcome::Failed);
            let what = failed.map(Check::detail).unwrap_or_default();
            return writeln!(f, "REFUSED  {what}\n\nNot valid: do not rely on this {of}.");
        }
        ExhibitVerdict::Valid => writeln!(f, "valid")?,
        ExhibitVerdict::NotDecided => writeln!(f, "NOT DECIDED: {undecided}")?,
    }
    if checks.len() == 1 {
        // Nothing was read, so there is nothing to conclude.
        return Ok(());
    }
    writeln!(f)?;
    for (label, text) in conclusion() {
        writeln!(f, "{label}: {text}.")?;
    }
    Ok(())
}

/// The verdict on an exhibit, a receipt or a case file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExhibitVerdict {
    /// All that had to be checked is good, by a policy that the reader gave.
    Valid,
    /// Something could not be checked: whose log it is, or who held the keys.
    #[default]
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
#[derive(Debug, Clone, Default, Serialize)]
pub struct ExhibitReport {
    /// Index of the entry, if it could be read.
    pub index: Option<u64>,
    /// Size of the tree that the entry is shown in, if that could be read.
    pub known_at: Option<u64>,
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// When the policy's witnesses had seen the tree: seconds since 1970.
    pub witnessed_by: Option<u64>,
    /// What time-stamping authorities that the reader trusts said of the tree, the earliest first.
    pub timestamps: Vec<Timestamp>,
    /// The verdict on the exhibit.
    pub verdict: ExhibitVerdict,
}

impl ExhibitReport {
    fn is_ok(&self, name: Name) -> bool {
        self.checks.iter().any(|c| c.name == name && c.outcome == Outcome::Ok)
    }

    /// Whether the exhibit is good, but for a policy of the reader's own.
    fn is_brought(&self) -> bool {
        let brought = |c: &Check| c.name == Name::Checkpoint && c.finding == Finding::Brought;
        let must = [Name::Entry, Name::Event, Name::Inclusion];
        self.checks.iter().any(brought) && must.iter().all(|name| self.is_ok(*name))
    }

    /// Compares the exhibit with the name of its file: `exhibit-<n>.zip` must be of entry n (formats.md, section 8). Any
    /// other name is accepted.
    pub fn in_file(mut self, name: &str) -> Self {
        let number = name.strip_prefix("exhibit-").and_then(|rest| rest.strip_suffix(".zip"));
        let named = number.filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let entry = self.checks.iter().position(|c| c.name == Name::Entry && c.outcome != Outcome::Failed);
        if let (Some(number), Some(index), Some(entry)) = (named, self.index, entry)
            && number.parse() != Ok(index)
        {
            // What is refused is not checked further.
            self.checks.truncate(entry + 1);
            self.checks[entry].outcome = Outcome::Failed;
            let what = format!("{name}: expected index {number}, found index {index}");
            self.checks[entry].finding = Finding::NotTheEntry(what);
            self.verdict = ExhibitVerdict::Refused;
            self.witnessed_by = None;
            self.timestamps.clear();
        }
        self
    }

    /// What is proved and what is not, in sentences. Nothing that was not checked is among what is proved.
    pub fn conclusion(&self) -> Vec<(&'static str, String)> {
        let index = self.index.map_or_else(|| "?".to_owned(), |i| i.to_string());
        let is_wordless = self.checks.iter().any(|c| c.finding == Finding::Wordless);
        let signed = if is_wordless { "these facts" } else { "these facts and the digest of these words" };
        Conclusion {
            signed: self.is_ok(Name::Event).then(|| signed.to_owned()),
            committed: (self.is_ok(Name::Inclusion) && self.is_ok(Name::Checkpoint))
                .then(|| format!("at index {index}")),
            witnessed_by: self.witnessed_by,
            timestamps: &self.timestamps,
            existed: "this entry",
            ledgers_word: "its clock, its numbering, that its rules were followed",
            not_shown: "that nothing later corrects, withdraws or revokes",
            known_at: self
                .known_at
                .filter(|_| self.is_ok(Name::Inclusion))
                .map(|size| format!("{size}; what other entries did to this one stands in the ledger")),
        }
        .sentences()
    }
}

/// What exhibits show and what they don't: no sentence says more than was checked.
pub(super) struct Conclusion<'a> {
    /// What keys signed.
    pub signed: Option<String>,
    /// Where the ledger committed to it.
    pub committed: Option<String>,
    pub witnessed_by: Option<u64>,
    pub timestamps: &'a [Timestamp],
    /// What stands in the tree that was stamped: `this entry`, or `these entries`.
    pub existed: &'static str,
    pub ledgers_word: &'static str,
    /// The last of what is not shown.
    pub not_shown: &'static str,
    /// The size of the tree that it is shown in, and what is known of later entries about it.
    pub known_at: Option<String>,
}

impl Conclusion<'_> {
    pub fn sentences(self) -> Vec<(&'static str, String)> {
        let mut proved = Vec::new();
        proved.extend(self.signed.map(|what| format!("the holders of these keys signed {what}")));
        proved.extend(self.committed.map(|at| format!("the ledger committed to them {at}")));
        proved.extend(self.witnessed_by.map(|by| {
            let time =
                crate::log::Time::from_unix_ms(i64::try_from(by).unwrap_or_default().saturating_mul(1_000));
            let time = time.map_or_else(|| by.to_string(), |t| t.to_string());
            format!("the policy's witnesses saw that tree by {time}")
        }));
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
                "that the ledger's tree, and so {}, existed {}. It says nothing of the time before",
                self.existed,
                said.join("; ")
            );
            out.push(("On a time-stamping authority's word", text));
        }
        out.push(("On the ledger's word", self.ledgers_word.into()));
        out.push((
            "Not shown",
            format!(
                "that the words are true, the author's date, that the words were publicly readable then, {}",
                self.not_shown
            ),
        ));
        out.extend(self.known_at.map(|known| ("Known at size", known)));
        if self.witnessed_by.is_none() {
            out.push(("Without cosignatures", "other readers may have been shown another history".into()));
        }
        out
    }
}

impl fmt::Display for ExhibitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let undecided = match self.is_brought() {
            true => "valid only by the trust that the exhibit brought",
            false => UNCHECKED,
        };
        write_report(f, &self.checks, self.verdict, "exhibit", undecided, || self.conclusion())
    }
}
