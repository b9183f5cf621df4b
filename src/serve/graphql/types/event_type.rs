//! The event types, as an enum.

use async_graphql::Enum;

/// What kind of event an entry holds. `STATEMENT_MADE` stands as `statement.made` in the signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::event::EventType")]
pub enum EventType {
    /// `ledger.opened`: The first entry of a ledger: who runs it and which key signs its checkpoints.
    LedgerOpened,
    /// `party.registered`: Somebody who can speak, or be spoken about.
    PartyRegistered,
    /// `party.updated`: New words about a party: its name, address for service and so on.
    PartyUpdated,
    /// `key.added`: A key that may from now on sign for a party.
    KeyAdded,
    /// `key.revoked`: A key that may sign no more.
    KeyRevoked,
    /// `role.granted`: A role given to a party by the operator.
    RoleGranted,
    /// `role.revoked`: A role taken back.
    RoleRevoked,
    /// `case.opened`: One respondent, one matter.
    CaseOpened,
    /// `incident.reported`: What is said to have happened.
    IncidentReported,
    /// `statement.made`: Words said in public, by a speaker, in the original language.
    StatementMade,
    /// `statement.revised`: A statement whose words changed.
    StatementRevised,
    /// `statement.withdrawn`: A statement that was taken back.
    StatementWithdrawn,
    /// `position.taken`: How a party stands to something on record.
    PositionTaken,
    /// `link.asserted`: Somebody says how one record bears on another.
    LinkAsserted,
    /// `commitment.made`: A promise.
    CommitmentMade,
    /// `commitment.closed`: What became of a promise.
    CommitmentClosed,
    /// `exhibit.captured`: Captured bytes with their provenance.
    ExhibitCaptured,
    /// `exhibit.rechecked`: The source of an exhibit, looked at again.
    ExhibitRechecked,
    /// `collection.opened`: Signatures begin to be gathered behind one exact text.
    CollectionOpened,
    /// `collection.counted`: How many signatures there are, so far.
    CollectionCounted,
    /// `collection.closed`: How many signatures there are, for good.
    CollectionClosed,
    /// `demand.issued`: A letter with numbered items, and whoever stands behind it.
    DemandIssued,
    /// `demand.withdrawn`: A demand taken back.
    DemandWithdrawn,
    /// `demand.escalated`: A demand taken elsewhere.
    DemandEscalated,
    /// `notice.dispatched`: One notice sent to one addressee.
    NoticeDispatched,
    /// `delivery.evidenced`: What happened to a notice, and whose word that is.
    DeliveryEvidenced,
    /// `receipt.acknowledged`: The addressee says, with its own key, that it has the notice.
    ReceiptAcknowledged,
    /// `deadline.adjusted`: Another date for the answer.
    DeadlineAdjusted,
    /// `disclosure.made`: What a respondent tells a regulator, the public, the persons affected or a demander.
    DisclosureMade,
    /// `answer.assessed`: What the demander makes of an answer.
    AnswerAssessed,
    /// `correction.issued`: Something on record is wrong, and this is right.
    CorrectionIssued,
    /// `content.withheld`: Words or files that are served no more, and on what ground.
    ContentWithheld,
    /// `content.released`: Words or files given back.
    ContentReleased,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_list_of_types() {
        for event_type in crate::event::EventType::ALL {
            let name = async_graphql::resolver_utils::enum_value(EventType::from(*event_type)).to_string();
            assert_eq!(name, event_type.as_str().replace('.', "_").to_uppercase());
        }
    }
}
