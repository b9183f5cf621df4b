//! Checks a receipt: an entry and its proof (`c2sp.org/tlog-proof`), as a ledger gives them one by one.

use std::fmt;

use serde::Serialize;

use super::{
    report::{Conclusion, ExhibitVerdict, write_report},
    verify::{Checks, Fault, checkpoint_of},
};
use crate::{
    check::{Check, Outcome},
    event::Body,
    log::{Checkpoint, Entry, Policy, TlogProof, leaf_hash, verify_inclusion},
};

/// What the verification of a receipt found.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiptReport {
    /// Index of the entry, if it could be read.
    pub index: Option<u64>,
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// When the policy's witnesses had seen the tree: seconds since 1970.
    pub witnessed_by: Option<u64>,
    /// The end.
    pub verdict: ExhibitVerdict,
}

/// Checks that an entry is in the tree that the proof's checkpoint is over, and by a policy whose checkpoint that is.
/// Without one, whose log it is and who witnessed it are not checked. An exhibit shows more: the words, and that the keys
/// were their parties' then.
pub fn verify_receipt(proof: &[u8], entry: &[u8], policy: Option<&Policy>) -> ReceiptReport {
    let mut checks = Checks::default();
    let (mut index, mut witnessed_by) = (None, None);
    if let Err((name, detail)) = run(proof, entry, policy, &mut checks, &mut index, &mut witnessed_by) {
        checks.say(name, Outcome::Failed, detail);
    }
    let checks = checks.0;
    let verdict = if checks.iter().any(|c| c.outcome == Outcome::Failed) {
        ExhibitVerdict::Refused
    } else if checks.iter().any(|c| c.name == "checkpoint" && c.outcome == Outcome::Ok) {
        ExhibitVerdict::Valid
    } else {
        ExhibitVerdict::NotDecided
    };
    ReceiptReport { index, checks, witnessed_by, verdict }
}

fn run(
    proof: &[u8],
    raw: &[u8],
    policy: Option<&Policy>,
    checks: &mut Checks,
    found: &mut Option<u64>,
    witnessed_by: &mut Option<u64>,
) -> Result<(), Fault> {
    let proof = TlogProof::parse(proof).map_err(|e| ("proof", e.to_string()))?;
    let text = Checkpoint::parse_text(proof.checkpoint().text()).map_err(|e| ("proof", e.to_string()))?;
    let origin = text.origin();
    let entry = Entry::parse(raw, origin).map_err(|e| ("entry", e.to_string()))?;
    let index = entry.header().index;
    if proof.index() != index {
        let what = format!("the proof is of entry {}, and this is entry {index}", proof.index());
        return Err(("entry", what));
    }
    *found = Some(index);
    checks.say("entry", Outcome::Ok, format!("entry {index} of {origin}"));
    let signed = entry.verify().map_err(|e| ("event", e.to_string()))?;
    let keys = signed.event().by().iter().map(|key| format!("{}+{}", key.name(), key.id()));
    let keys = keys.collect::<Vec<_>>().join(", ");
    checks.say("event", Outcome::Ok, format!("signed by {keys}; whose keys they were then an exhibit shows"));
    verify_inclusion(&leaf_hash(raw), index, text.size(), &text.root(), proof.path())
        .map_err(|e| ("inclusion", e.to_string()))?;
    let root = text.root().to_base64();
    checks.say("inclusion", Outcome::Ok, format!("in the tree of {} whose root is {root}", text.size()));
    let log_key = match signed.event().body() {
        Body::LedgerOpened(body) if index == 0 => Some(&body.checkpoint_key),
        _ => None,
    };
    let entries = [(index, signed.header().time)];
    checkpoint_of(proof.checkpoint(), origin, log_key, (policy, None), &entries, checks, witnessed_by)
}

impl fmt::Display for ReceiptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let undecided = "whose log it is was not checked; give --key or --policy";
        write_report(f, &self.checks, self.verdict, "receipt", undecided, || self.conclusion())
    }
}

impl ReceiptReport {
    /// What of it is proved, and what is not, in sentences.
    fn conclusion(&self) -> Vec<(&'static str, String)> {
        let committed = (self.verdict == ExhibitVerdict::Valid).then_some(self.index).flatten();
        Conclusion {
            signed: Some("these facts".to_owned()),
            committed: committed.map(|index| format!("at index {index}")),
            witnessed_by: self.witnessed_by,
            timestamps: &[],
            existed: "this entry",
            ledgers_word: "its clock, its numbering, that its rules were followed, and so that the keys were their parties' then",
            not_shown: "that nothing later corrects, withdraws or revokes",
            known_at: None,
        }
        .sentences()
    }
}
