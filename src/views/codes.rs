//! Words for the codes of events. Programs keep the codes; people are given the words, and the code beside them.

use serde_json::Value;

use crate::event::{DeadlineRule, EventType, Evidence, EvidenceReason, Position};

/// The name of a type in words: `Demand issued`.
pub fn type_words(event_type: EventType) -> String {
    label(&event_type.as_str().replace('.', " "))
}

/// What evidence says happened to a notice.
pub(super) fn evidence_words(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::SubmissionAcceptance => "taken for sending",
        Evidence::SubmissionRejection => "not taken for sending",
        Evidence::RelayAcceptance => "relayed to the addressee's service",
        Evidence::RelayRejection => "refused by the addressee's service",
        Evidence::RelayFailure => "not relayed",
        Evidence::NotificationForAcceptance => "the addressee was asked to accept it",
        Evidence::NotificationForAcceptanceFailure => "the addressee could not be asked to accept it",
        Evidence::ConsignmentAcceptance => "accepted",
        Evidence::ConsignmentRejection => "refused on delivery",
        Evidence::AcceptanceRejectionExpiry => "neither accepted nor refused in time",
        Evidence::ContentConsignment => "made available to the addressee",
        Evidence::ContentConsignmentFailure => "could not be made available to the addressee",
        Evidence::ConsignmentNotification => "the addressee was told it is there",
        Evidence::ConsignmentNotificationFailure => "the addressee could not be told it is there",
        Evidence::ContentAccessTracking => "opened",
        Evidence::NotificationDelivered => "a notification was delivered",
        Evidence::NotificationAccessTracking => "a notification was opened",
        Evidence::ContentHandover => "handed over",
        Evidence::ContentHandoverFailure => "not handed over",
        Evidence::RelayToNonErds => "passed on to another carrier",
        Evidence::RelayToNonErdsFailure => "could not be passed on to another carrier",
        Evidence::ReceivedFromNonErds => "received from another carrier",
    }
}

/// Why a notice was not delivered.
pub(super) fn reason_words(reason: EvidenceReason) -> &'static str {
    match reason {
        EvidenceReason::InvalidMessageFormat => "the message could not be read",
        EvidenceReason::MalwareFound => "it was taken for malware",
        EvidenceReason::InvalidUserSignature => "the sender's signature was not good",
        EvidenceReason::UserCertExpiredOrRevoked => "the sender's certificate was no longer good",
        EvidenceReason::PolicyViolation => "a policy does not allow it",
        EvidenceReason::RecipientServiceMalfunction => "the addressee's service failed",
        EvidenceReason::RecipientServiceNotIdentified => "the addressee's service was not found",
        EvidenceReason::RecipientServiceUnreachable => "the addressee's service could not be reached",
        EvidenceReason::NoDeliveryInfoFromRecipientService => {
            "the addressee's service did not say what became of it"
        }
        EvidenceReason::UnknownRecipient => "no such addressee there",
        EvidenceReason::MailboxFull => "the mailbox was full",
        EvidenceReason::TechnicalMalfunction => "a technical failure",
        EvidenceReason::AttachmentFormatNotAccepted => "the kind of attachment was not accepted",
        EvidenceReason::RecipientRejection => "the addressee refused it",
        EvidenceReason::RetentionPeriodExpired => "it was not fetched in time",
        EvidenceReason::RegularEmailUnreachable => "the e-mail address could not be reached",
        EvidenceReason::RegularEmailNonOperational => "e-mail was out of order",
        EvidenceReason::RegularEmailRejection => "the e-mail was refused",
        EvidenceReason::PrintingSystemUnreachable => "the printer could not be reached",
        EvidenceReason::PrintingSystemNonOperational => "the printer was out of order",
        EvidenceReason::PrintingBufferFull => "the printer took no more",
        EvidenceReason::Other => "another reason",
    }
}

/// How days are counted, as the words follow "counted as".
pub(super) fn rule_words(rule: DeadlineRule) -> &'static str {
    match rule {
        DeadlineRule::Calendar => "calendar days",
        DeadlineRule::Working => "working days",
        DeadlineRule::InterpretationAct54 => "under Malaysia's Interpretation Acts",
    }
}

/// Words for a code of a closed list.
pub(super) fn code_words(list: &[&str], code: &str) -> String {
    let known = match list {
        Evidence::WORDS => Evidence::from_word(code).map(evidence_words),
        EvidenceReason::WORDS => EvidenceReason::from_word(code).map(reason_words),
        DeadlineRule::WORDS => DeadlineRule::from_word(code).map(rule_words),
        _ => None,
    };
    known.map_or_else(|| code.replace('_', " "), str::to_owned)
}

/// Words and files of an entry: `the words, file 1`.
pub(super) fn positions_words(positions: &[Position]) -> String {
    let one = |p: &Position| match p {
        Position::Content => "the words".to_owned(),
        Position::File(i) => format!("file {}", u64::from(*i) + 1),
    };
    positions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The same, from the JSON of an event.
pub(super) fn positions_said(list: &[Value]) -> String {
    let one = |value: &Value| match value.as_str() {
        Some("content") => "the words".to_owned(),
        Some(text) => match text.strip_prefix("files/").and_then(|i| i.parse::<u64>().ok()) {
            Some(i) => format!("file {}", i.saturating_add(1)),
            None => text.to_owned(),
        },
        None => value.to_string(),
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The label for a name: `Respondent key` for `respondent_key`.
pub(super) fn label(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars.map(|c| if c == '_' { ' ' } else { c })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FactKind;

    #[test]
    fn no_code_is_left_in_what_is_said_for_it() {
        let is_code = |text: &str| {
            let joined = text.contains(['_', '.']) || text.contains("-act-");
            joined
                || text.as_bytes().windows(2).any(|p| p[0].is_ascii_lowercase() && p[1].is_ascii_uppercase())
        };
        for event_type in EventType::ALL {
            assert!(!is_code(&type_words(*event_type)), "{event_type}");
            for fact in event_type.spec().facts {
                let FactKind::Word(list) = fact.kind else { continue };
                for code in list {
                    assert!(!is_code(&code_words(list, code)), "{event_type} {} {code}", fact.name);
                }
            }
        }
        for code in DeadlineRule::WORDS {
            assert!(!is_code(&code_words(DeadlineRule::WORDS, code)), "{code}");
        }
        assert_eq!(type_words(EventType::DemandIssued), "Demand issued");
    }
}
