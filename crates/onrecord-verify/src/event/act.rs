//! What one entry does to another: acts, which a reader of the other entry must know of, and mentions, which anybody may
//! make.

use super::{
    body::{Body, EventType},
    id::EventId,
    spec::CaseRule,
    words::{CorrectionEffect, RecheckResult},
};

/// What a later event did to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    /// Declared it void.
    Void,
    /// Corrected it.
    Correction,
    /// Withheld words or files of it.
    Withholding,
    /// Gave withheld words or files of it back.
    Release,
    /// Said that the words of the statement changed.
    Revision,
    /// Said that the statement was taken back.
    Withdrawal,
    /// Moved the date for an answer to the demand.
    Deadline,
    /// Took the demand back.
    DemandWithdrawal,
    /// Took the demand elsewhere.
    Escalation,
    /// Said what became of the promise.
    Closing,
    /// Revoked a key that signed it, distrusted since before it was recorded.
    Revocation,
    /// Said, as its author, that the source of the exhibit changed or is gone.
    Recheck,
}

impl Act {
    /// Every act, in the order in which acts are listed.
    pub const ALL: [Self; 12] = [
        Self::Void,
        Self::Correction,
        Self::Withholding,
        Self::Release,
        Self::Revision,
        Self::Withdrawal,
        Self::Deadline,
        Self::DemandWithdrawal,
        Self::Escalation,
        Self::Closing,
        Self::Revocation,
        Self::Recheck,
    ];
    /// How the affected event is described, e.g. `declared void`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Void => "declared void",
            Self::Correction => "corrected",
            Self::Withholding => "withheld",
            Self::Release => "given back",
            Self::Revision => "seen changed",
            Self::Withdrawal => "seen withdrawn",
            Self::Deadline => "date for the answer moved",
            Self::DemandWithdrawal => "withdrawn",
            Self::Escalation => "taken elsewhere",
            Self::Closing => "promise closed",
            Self::Revocation => "key revoked",
            Self::Recheck => "source looked at again",
        }
    }
    /// Its name as data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Correction => "correction",
            Self::Withholding => "withholding",
            Self::Release => "release",
            Self::Revision => "revision",
            Self::Withdrawal => "withdrawal",
            Self::Deadline => "deadline",
            Self::DemandWithdrawal => "demand_withdrawal",
            Self::Escalation => "escalation",
            Self::Closing => "closing",
            Self::Revocation => "revocation",
            Self::Recheck => "recheck",
        }
    }
}

impl Body {
    /// The act of this event and the event that it affects, if the record lets only some parties do that.
    ///
    /// `exhibit.rechecked` gives none: anybody may record one, and it is an act only if the author of the exhibit did, which
    /// is decided where both events are known. `key.revoked` gives none either: it names a key, not an event.
    pub fn act(&self) -> Option<(Act, EventId)> {
        Some(match self {
            Self::CorrectionIssued(b) if b.effect == CorrectionEffect::Void => (Act::Void, b.corrects),
            Self::CorrectionIssued(b) => (Act::Correction, b.corrects),
            Self::ContentWithheld(b) => (Act::Withholding, b.entry),
            Self::ContentReleased(b) => (Act::Release, b.entry),
            Self::StatementRevised(b) => (Act::Revision, b.statement),
            Self::StatementWithdrawn(b) => (Act::Withdrawal, b.statement),
            Self::DeadlineAdjusted(b) => (Act::Deadline, b.demand),
            Self::DemandWithdrawn(b) => (Act::DemandWithdrawal, b.demand),
            Self::DemandEscalated(b) => (Act::Escalation, b.demand),
            Self::CommitmentClosed(b) => (Act::Closing, b.commitment),
            _ => return None,
        })
    }

    /// The events that a link or a position is about, without repeats.
    pub fn mentions(&self) -> Vec<EventId> {
        let mut ids = match self {
            Self::LinkAsserted(b) => vec![b.from, b.to],
            Self::PositionTaken(b) => b.on.to_vec(),
            _ => return Vec::new(),
        };
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The exhibit whose source was looked at again, and what was found.
    pub fn recheck(&self) -> Option<(EventId, RecheckResult)> {
        match self {
            Self::ExhibitRechecked(b) => Some((b.exhibit, b.result)),
            _ => None,
        }
    }
}

impl EventType {
    /// Whether anybody may add an event of this type to any case. Such an event tells nothing of the case, unless the party
    /// that opened the case recorded it.
    pub fn is_anybodys(self) -> bool {
        matches!(
            self,
            Self::LinkAsserted | Self::PositionTaken | Self::ExhibitCaptured | Self::ExhibitRechecked
        )
    }

    /// Whether an event of this type shows that its case was not opened by mistake, whoever recorded the event. Events about
    /// the record itself, such as corrections, do not show that.
    pub fn fills_its_case(self) -> bool {
        self.spec().case == CaseRule::Required && !self.is_anybodys()
    }

    /// Whether an event of this type shows that the parties that it names, or that signed it, were not registered by mistake.
    pub fn rests_on_parties(self) -> bool {
        matches!(self, Self::CaseOpened | Self::StatementMade | Self::DemandIssued | Self::RoleGranted)
    }
}
