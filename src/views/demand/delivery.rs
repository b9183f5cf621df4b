//! Whether a demand reached its respondent: notices, the evidence of each, and the grade that the evidence gives. A grade has
//! the date of its evidence, and the evidence says on whose word (ETSI EN 319 522; domain.md, delivery).

use crate::{
    event::{At, Channel, EventId, Evidence, EvidenceReason, Voucher},
    views::instant::Days,
};

/// How far a notice came, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// A relay took it.
    Relayed,
    /// The addressee can fetch it.
    Available,
    /// It was opened.
    Accessed,
    /// It was handed over.
    HandedOver,
    /// The addressee accepted it.
    Accepted,
}

impl Grade {
    /// Every grade, the least first.
    pub const ALL: [Self; 5] =
        [Self::Relayed, Self::Available, Self::Accessed, Self::HandedOver, Self::Accepted];

    /// The grade in words, as they begin a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Relayed => "Taken by a relay",
            Self::Available => "Made available",
            Self::Accessed => "Opened",
            Self::HandedOver => "Handed over",
            Self::Accepted => "Accepted",
        }
    }

    /// Its name as data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Available => "available",
            Self::Accessed => "accessed",
            Self::HandedOver => "handed_over",
            Self::Accepted => "accepted",
        }
    }
}

/// What evidence says of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Reached(Grade),
    /// It was not delivered, and so reached neither this grade nor a better one.
    Failed(Grade),
    /// It was refused on delivery, and so not handed over.
    Refused,
    /// Nothing about the content.
    Nothing,
}

fn says(evidence: Evidence) -> Says {
    match evidence {
        Evidence::RelayAcceptance | Evidence::RelayToNonErds => Says::Reached(Grade::Relayed),
        Evidence::ContentConsignment => Says::Reached(Grade::Available),
        Evidence::ContentAccessTracking => Says::Reached(Grade::Accessed),
        Evidence::ContentHandover => Says::Reached(Grade::HandedOver),
        Evidence::ConsignmentAcceptance => Says::Reached(Grade::Accepted),
        Evidence::SubmissionRejection
        | Evidence::RelayRejection
        | Evidence::RelayFailure
        | Evidence::RelayToNonErdsFailure => Says::Failed(Grade::Relayed),
        Evidence::ContentConsignmentFailure => Says::Failed(Grade::Available),
        Evidence::ContentHandoverFailure | Evidence::AcceptanceRejectionExpiry => {
            Says::Failed(Grade::HandedOver)
        }
        Evidence::ConsignmentRejection => Says::Refused,
        // These tell of the submission, or of a notification that there is something to fetch.
        Evidence::SubmissionAcceptance
        | Evidence::NotificationForAcceptance
        | Evidence::NotificationForAcceptanceFailure
        | Evidence::ConsignmentNotification
        | Evidence::ConsignmentNotificationFailure
        | Evidence::NotificationDelivered
        | Evidence::NotificationAccessTracking
        | Evidence::ReceivedFromNonErds => Says::Nothing,
    }
}

/// Whose word evidence is, by the keys that signed it. The voucher that the evidence names need not have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// The addressee: a key of its own signed.
    Addressee,
    /// The sender: a key of its own signed, and no key of the addressee.
    Sender,
    /// This party, which is neither of the two, put it on record.
    Other(EventId),
}

impl Teller {
    /// The teller of evidence about a notice from `sender` to `addressee`. `signers` are the parties that signed the evidence,
    /// the author first.
    pub fn of(signers: &[(EventId, u64)], sender: &EventId, addressee: &EventId) -> Self {
        let signed = |party: &EventId| signers.iter().any(|(signer, _)| signer == party);
        match signers.first() {
            _ if signed(addressee) => Self::Addressee,
            Some((author, _)) if !signed(sender) => Self::Other(*author),
            // An entry has a signer line for each member of `by`, and `by` has at least one.
            _ => Self::Sender,
        }
    }
}

/// One piece of evidence about a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceLine {
    /// Index of its entry.
    pub index: u64,
    /// What happened; none for a receipt that the addressee acknowledged with its own key.
    pub evidence: Option<Evidence>,
    /// Why it failed.
    pub reason: Option<EvidenceReason>,
    /// Whose word it is, as the evidence itself says.
    pub vouched_by: Voucher,
    /// Whose word it is, by the keys that signed.
    pub teller: Teller,
    /// When it happened, as said.
    pub at: At,
    /// The local days that `at` can mean.
    pub days: Option<Days>,
}

impl EvidenceLine {
    fn says(&self) -> Says {
        self.evidence.map_or(Says::Reached(Grade::Accepted), says)
    }
    /// The grade that it gives, if any.
    pub fn grade(&self) -> Option<Grade> {
        match self.says() {
            Says::Reached(grade) => Some(grade),
            _ => None,
        }
    }
    /// The least grade that it speaks against.
    pub fn denies(&self) -> Option<Grade> {
        match self.says() {
            Says::Failed(grade) => Some(grade),
            Says::Refused => Some(Grade::HandedOver),
            _ => None,
        }
    }
}

/// One notice to one addressee: a chain of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Index of its entry.
    pub index: u64,
    /// Its event.
    pub id: EventId,
    /// When it was sent, as said.
    pub at: At,
    /// Who sent it.
    pub sender: EventId,
    /// Whom it was sent to.
    pub addressee: EventId,
    /// How it was sent.
    pub channel: Channel,
    /// The evidence of it, by date, then in the order of the log.
    pub evidence: Vec<EvidenceLine>,
}

/// How far one notice came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeState {
    /// It was sent; there is no evidence of more.
    Sent,
    /// It reached this grade.
    Reached(Grade),
    /// It failed.
    Failed,
    /// It was refused on delivery.
    Refused,
}

impl Notice {
    pub(super) fn add(&mut self, line: EvidenceLine) {
        let at = self.evidence.partition_point(|e| (e.days, e.index) <= (line.days, line.index));
        self.evidence.insert(at, line);
    }

    /// Whether this line gives a grade that other evidence of the same notice speaks against.
    pub fn is_contradicted(&self, line: &EvidenceLine) -> bool {
        let denied = self.evidence.iter().filter_map(EvidenceLine::denies).min();
        matches!((line.grade(), denied), (Some(grade), Some(denied)) if grade >= denied)
    }

    /// Whether its evidence contradicts itself.
    pub fn conflicting(&self) -> bool {
        self.evidence.iter().any(|e| self.is_contradicted(e))
    }

    /// The best grade, and the earliest evidence that gives it, among evidence that nothing speaks against.
    pub fn best(&self) -> Option<(Grade, &EvidenceLine)> {
        let mut best: Option<(Grade, &EvidenceLine)> = None;
        for line in self.evidence.iter().filter(|e| !self.is_contradicted(e)) {
            if let Some(grade) = line.grade()
                && best.is_none_or(|(b, _)| grade > b)
            {
                best = Some((grade, line));
            }
        }
        best
    }

    /// How far it came. A failure or refusal ends a notice, whatever it reached before. If its evidence contradicts itself,
    /// the best grade that nothing speaks against stays.
    pub fn state(&self) -> NoticeState {
        let ended = self.evidence.iter().rev().find_map(|e| match e.says() {
            Says::Failed(_) => Some(NoticeState::Failed),
            Says::Refused => Some(NoticeState::Refused),
            _ => None,
        });
        match (ended, self.best()) {
            // Neither side of a contradiction is preferred.
            (Some(_), Some((grade, _))) if self.conflicting() => NoticeState::Reached(grade),
            (Some(_), None) if self.conflicting() => NoticeState::Sent,
            (Some(ended), _) => ended,
            (None, Some((grade, _))) => NoticeState::Reached(grade),
            (None, None) => NoticeState::Sent,
        }
    }
}

/// The delivery of a demand in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// No notice to the respondent is on record.
    None,
    /// One was sent; no evidence says what became of it.
    Sent,
    /// The last one failed.
    Failed,
    /// It was refused on delivery.
    RefusedOnDelivery,
    /// It reached this grade.
    Reached(Grade),
}

impl DeliveryState {
    /// Its name as data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::RefusedOnDelivery => "refused_on_delivery",
            Self::Reached(grade) => grade.as_str(),
        }
    }
}

/// What is on record of the delivery of a demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Notices to the respondent, in the order of the log.
    pub notices: Vec<Notice>,
    /// Notices to others, likewise: copies, which do not count as delivery.
    pub copies: Vec<Notice>,
}

impl Delivery {
    /// The best evidence: its grade, its notice, and its line. Of two lines with the same grade, the earlier one.
    pub fn best(&self) -> Option<(Grade, &Notice, &EvidenceLine)> {
        self.notices
            .iter()
            .filter(|n| matches!(n.state(), NoticeState::Reached(_)))
            .filter_map(|n| n.best().map(|(grade, line)| (grade, n, line)))
            .min_by_key(|(grade, _, line)| (std::cmp::Reverse(*grade), line.days, line.index))
    }

    /// The evidence that gives `at_least` or a better grade, without evidence that something speaks against.
    pub fn reaching(&self, at_least: Grade) -> impl Iterator<Item = &EvidenceLine> {
        let lines = self.notices.iter().flat_map(|n| n.evidence.iter().filter(|e| !n.is_contradicted(e)));
        lines.filter(move |e| e.grade().is_some_and(|g| g >= at_least))
    }

    /// Whether the evidence of any notice contradicts itself.
    pub fn conflicting(&self) -> bool {
        self.notices.iter().any(Notice::conflicting)
    }

    /// The delivery in one word. A grade counts over a refusal on delivery, and that over a failure. If there is neither grade
    /// nor refusal, the last notice decides.
    pub fn state(&self) -> DeliveryState {
        if let Some((grade, ..)) = self.best() {
            return DeliveryState::Reached(grade);
        }
        if self.notices.iter().any(|n| n.state() == NoticeState::Refused) {
            return DeliveryState::RefusedOnDelivery;
        }
        match self.notices.last().map(Notice::state) {
            None => DeliveryState::None,
            Some(NoticeState::Failed) => DeliveryState::Failed,
            Some(_) => DeliveryState::Sent,
        }
    }
}
