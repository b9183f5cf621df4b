//! What the verification of a case file found.

use std::fmt;

use serde::Serialize;

use crate::{
    check::{Check, Finding, Name, Outcome},
    event::{Act, EventId},
    exhibit::{
        ExhibitVerdict,
        report::{Conclusion, UNCHECKED, write_report},
    },
    timestamp::Timestamp,
};

/// The most acts among the entries of a case file that its conclusion lists.
const ACTS_TOLD: usize = 50;

/// One exhibit of a case file that was not refused.
#[derive(Debug, Clone, Serialize)]
pub struct CaseEntry {
    /// Index of its entry.
    pub index: u64,
    /// Whether the words that its event commits to are enclosed.
    pub words: Option<Outcome>,
    /// Whether the files that its words name are enclosed.
    pub files: Option<Outcome>,
}

/// What one entry of a case file did to another. Of several acts of one kind on one entry, only the newest that was not
/// declared void is kept.
#[derive(Debug, Clone, Serialize)]
pub struct CaseAct {
    /// Index of the affected entry.
    pub to: u64,
    /// The kind, by its name as data.
    #[serde(serialize_with = "name_of_act")]
    pub act: Act,
    /// Index of the entry that did it.
    pub by: u64,
}

fn name_of_act<S: serde::Serializer>(act: &Act, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(act.as_str())
}

/// What the verification of a case file found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CaseReport {
    /// The case: the id of the event that opens it.
    pub case: Option<EventId>,
    /// Each exhibit, by the index of its entry, up to the first that is refused.
    pub entries: Vec<CaseEntry>,
    /// Size of the tree that all entries are shown in, if that could be read.
    pub known_at: Option<u64>,
    /// What the entries did to one another, by the index of the affected entry.
    pub acts: Vec<CaseAct>,
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// When the policy's witnesses had seen the tree: seconds since 1970.
    pub witnessed_by: Option<u64>,
    /// What time-stamping authorities that the reader trusts said of the tree, the earliest first.
    pub timestamps: Vec<Timestamp>,
    /// The verdict on the case file.
    pub verdict: ExhibitVerdict,
    /// Whether the reader gave a policy, by which it was checked whose log it is.
    #[serde(skip)]
    pub(super) policy: bool,
}

impl CaseReport {
    pub(super) fn say(&mut self, name: Name, outcome: Outcome, finding: Finding) {
        self.checks.push(Check { name, outcome, finding });
    }

    /// The size of the tree that the entries are shown in, and what they did to one another.
    fn known_words(&self, size: u64) -> String {
        let told = self.acts.iter().take(ACTS_TOLD);
        let mut told: Vec<String> =
            told.map(|CaseAct { to, act, by }| format!("{to} {} ({by})", act.words())).collect();
        if let Some(more) = self.acts.len().checked_sub(ACTS_TOLD).filter(|more| *more > 0) {
            told.push(format!("{more} more"));
        }
        let among =
            if told.is_empty() { String::new() } else { format!("among these {}; ", told.join(", ")) };
        format!("{size}; {among}what other entries did to these stands in the ledger")
    }

    fn outcome(&self, name: Name) -> Option<Outcome> {
        self.checks.iter().find(|c| c.name == name).map(|c| c.outcome)
    }

    fn is_ok(&self, name: Name) -> bool {
        self.outcome(name) == Some(Outcome::Ok)
    }

    /// Adds the checks that say whether all words and all files are enclosed, and of which entries they are not.
    pub(super) fn words(&mut self) {
        let without = |of: fn(&CaseEntry) -> Option<Outcome>| -> Vec<u64> {
            let lacks = self.entries.iter().filter(|e| of(e) == Some(Outcome::NotEnclosed));
            lacks.map(|e| e.index).collect()
        };
        let (words, files) = (without(|e| e.words), without(|e| e.files));
        match words.is_empty() {
            true => self.say(Name::Content, Outcome::Ok, Finding::AllWords),
            false => self.say(Name::Content, Outcome::NotEnclosed, Finding::WithoutWords(words)),
        }
        match files.is_empty() {
            true => self.say(Name::Files, Outcome::Ok, Finding::AllFiles),
            false => self.say(Name::Files, Outcome::NotEnclosed, Finding::WithoutFiles(files)),
        }
    }

    pub(super) fn decide(&mut self) {
        let failed = self.checks.iter().any(|c| c.outcome == Outcome::Failed);
        let must = [Name::Exhibits, Name::Thread, Name::Checkpoint];
        self.verdict = if failed {
            ExhibitVerdict::Refused
        } else if self.policy && must.iter().all(|name| self.is_ok(*name)) {
            ExhibitVerdict::Valid
        } else {
            ExhibitVerdict::NotDecided
        };
    }

    /// What is proved and what is not, in sentences. Nothing that was not checked is among what is proved.
    pub fn conclusion(&self) -> Vec<(&'static str, String)> {
        let range = match (self.entries.first(), self.entries.last()) {
            (Some(first), Some(last)) => format!("from {} to {}", first.index, last.index),
            _ => "?".to_owned(),
        };
        let whose = if self.is_ok(Name::Content) { "these" } else { "their" };
        Conclusion {
            signed: self.is_ok(Name::Exhibits).then(|| format!("these facts and the digests of {whose} words")),
            committed: self.is_ok(Name::Checkpoint).then(|| format!("at their indexes, {range}")),
            witnessed_by: self.witnessed_by,
            timestamps: &self.timestamps,
            existed: "these entries",
            ledgers_word: "its clock, its numbering (so that no entry of the case is missing between the first and \
                           the last here), that its rules were followed",
            not_shown: "that the last entry here is the last of the case, that nothing later corrects, withdraws or \
                        revokes",
            known_at: self.known_at.filter(|_| self.is_ok(Name::Exhibits)).map(|size| self.known_words(size)),
        }
        .sentences()
    }
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brought = |c: &Check| c.name == Name::Checkpoint && c.finding == Finding::Brought;
        let is_brought = self.is_ok(Name::Exhibits) && self.checks.iter().any(brought);
        let undecided =
            if is_brought { "valid only by the trust that its exhibits brought" } else { UNCHECKED };
        write_report(f, &self.checks, self.verdict, "case file", undecided, || self.conclusion())
    }
}
