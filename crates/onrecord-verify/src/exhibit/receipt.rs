//! Checks a receipt: one entry and its proof (`c2sp.org/tlog-proof`), as a ledger serves them.

use std::fmt;

use serde::Serialize;

use super::{
    report::{Conclusion, ExhibitVerdict, write_report},
    verify::{Checks, Fault, checkpoint_of, named},
};
use crate::{
    check::{Check, Finding, Name, Outcome},
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
    /// The verdict on the receipt.
    pub verdict: ExhibitVerdict,
}

/// Checks that `entry` is in the tree of the proof's checkpoint, and by `policy` whose checkpoint that is.
///
/// Without `policy`, whose log it is and who witnessed it are not checked. An exhibit shows more: the words, and that the
/// keys belonged to their parties at that time.
pub fn verify_receipt(proof: &[u8], entry: &[u8], policy: Option<&Policy>) -> ReceiptReport {
    let mut checks = Checks::default();
    let (mut index, mut witnessed_by) = (None, None);
    if let Err((name, finding)) = run(proof, entry, policy, &mut checks, &mut index, &mut witnessed_by) {
        checks.say(name, Outcome::Failed, finding);
    }
    let checks = checks.0;
    let verdict = if checks.iter().any(|c| c.outcome == Outcome::Failed) {
        ExhibitVerdict::Refused
    } else if checks.iter().any(|c| c.name == Name::Checkpoint && c.outcome == Outcome::Ok) {
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
    let no_proof = |e: &dyn fmt::Display| (Name::Proof, Finding::NotAProof(e.to_string()));
    let not_it = |what: String| (Name::Entry, Finding::NotTheEntry(what));
    let proof = TlogProof::parse(proof).map_err(|e| no_proof(&e))?;
    let text = Checkpoint::parse_text(proof.checkpoint().text()).map_err(|e| no_proof(&e))?;
    let origin = text.origin();
    let entry = Entry::parse(raw, origin).map_err(|e| not_it(e.to_string()))?;
    let index = entry.header().index;
    if proof.index() != index {
        let what = format!("the proof is of entry {}, and this is entry {index}", proof.index());
        return Err(not_it(what));
    }
    *found = Some(index);
    checks.say(Name::Entry, Outcome::Ok, Finding::EntryOfReceipt { index, origin: origin.clone() });
    let signed = entry.verify().map_err(|e| (Name::Event, Finding::NotSigned(e.to_string())))?;
    let keys = signed.event().by().iter().map(named).collect();
    checks.say(Name::Event, Outcome::Ok, Finding::SignedByWhom { keys, party: None });
    verify_inclusion(&leaf_hash(raw), index, text.size(), &text.root(), proof.path())
        .map_err(|e| (Name::Inclusion, Finding::NotIncluded(e.to_string())))?;
    let included = Finding::IncludedInTree { size: text.size(), root: text.root() };
    checks.say(Name::Inclusion, Outcome::Ok, included);
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
    /// What is proved and what is not, in sentences.
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
