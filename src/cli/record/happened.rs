//! What usually happens to a notice, in plain words.

use crate::event::{Evidence, Voucher};

/// Plain words for what happened, its name in ETSI EN 319 522-1, and whose word that usually is; from domain.md, delivery.
const USUAL: [(&str, Evidence, Voucher); 11] = [
    ("the addressee stamped or signed a copy", Evidence::ConsignmentAcceptance, Voucher::AddresseePaper),
    ("it was left with a clerk, or handed over", Evidence::ContentHandover, Voucher::Sender),
    ("a process server handed it over", Evidence::ContentHandover, Voucher::ProcessServer),
    ("it was refused at the door", Evidence::ConsignmentRejection, Voucher::Sender),
    ("it was posted with a receipt, or sent by fax", Evidence::RelayToNonErds, Voucher::Carrier),
    ("the carrier's card or signature says it was taken", Evidence::ContentHandover, Voucher::Carrier),
    ("the post returned it unclaimed", Evidence::ContentConsignmentFailure, Voucher::Carrier),
    ("the addressee's mail server took it", Evidence::RelayAcceptance, Voucher::System),
    ("the addressee's mail server refused it", Evidence::RelayRejection, Voucher::System),
    ("a report says it lies in the mailbox", Evidence::ContentConsignment, Voucher::System),
    ("a report says it could not be delivered", Evidence::ContentConsignmentFailure, Voucher::System),
];

/// Whether evidence of this name says that something failed. An unknown name says nothing.
pub(super) fn is_failure(evidence: &str) -> bool {
    use Evidence::*;
    let Some(evidence) = Evidence::from_word(evidence) else { return false };
    match evidence {
        SubmissionRejection
        | RelayRejection
        | RelayFailure
        | RelayToNonErdsFailure
        | NotificationForAcceptanceFailure
        | ConsignmentRejection
        | AcceptanceRejectionExpiry
        | ContentConsignmentFailure
        | ConsignmentNotificationFailure
        | ContentHandoverFailure => true,
        SubmissionAcceptance
        | RelayAcceptance
        | RelayToNonErds
        | ReceivedFromNonErds
        | NotificationForAcceptance
        | NotificationDelivered
        | NotificationAccessTracking
        | ConsignmentAcceptance
        | ContentConsignment
        | ConsignmentNotification
        | ContentAccessTracking
        | ContentHandover => false,
    }
}

/// The list, one numbered line each.
pub(super) fn listed() -> String {
    let line = |(n, (words, evidence, voucher)): (usize, &(&str, Evidence, Voucher))| {
        format!("  {:>2}  {words} ({}, {})", n + 1, evidence.as_str(), voucher.as_str())
    };
    let lines: Vec<String> = USUAL.iter().enumerate().map(line).collect();
    format!(
        "{}\n  or another name of ETSI EN 319 522-1: onrecord record evidence --help lists them",
        lines.join("\n")
    )
}

/// The evidence that an answer names, by its number in the list or its own name. With a number, also whose word it usually
/// is. The error says what was expected.
pub(super) fn read(answer: &str) -> Result<(String, Option<&'static str>), String> {
    let numbered = answer.parse::<usize>().ok().and_then(|n| USUAL.get(n.checked_sub(1)?));
    match numbered {
        Some((_, evidence, voucher)) => Ok((evidence.as_str().to_owned(), Some(voucher.as_str()))),
        None if Evidence::WORDS.contains(&answer) => Ok((answer.to_owned(), None)),
        None => Err(format!("a number from 1 to {}, or one of {}", USUAL.len(), Evidence::WORDS.join(", "))),
    }
}
