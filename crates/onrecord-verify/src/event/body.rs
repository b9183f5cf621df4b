//! The 33 event types, each with what may stand in it.
//!
//! This table is the Rust half of `schema/events.json`; a test holds the two together. A type is changed there
//! first. Every type becomes a struct whose fields are its refs and facts, and a variant of [`Body`].

use super::{
    at::{At, Day},
    facts::{Country, Deadline, ItemOutcome, ItemVerdict, Language, Position, Zone},
    id::{Digest, EventId},
    spec::{Ids, event_types},
    words::*,
};
use crate::note::VerifyingKey;

event_types! {
    #[doc = "The first entry of a ledger: who runs it and which key signs its checkpoints."]
    LedgerOpened = "ledger.opened" {
        who: [First], thread: Own, case: Refused, content: Optional,
        subject: [],
        refs: {},
        facts: {
            #[doc = "The log's vkey; its name is the origin, and it is fixed for the life of the origin."]
            checkpoint_key: VerifyingKey,
            #[doc = "The operator's first key."]
            operator_key: VerifyingKey,
        },
    }
    #[doc = "Somebody who can speak, or be spoken about."]
    PartyRegistered = "party.registered" {
        who: [Registrar], thread: Own, case: Refused, content: Required,
        subject: [],
        refs: {},
        facts: {
            #[doc = "What the party is."]
            kind: PartyKind,
            #[doc = "Keys the party starts with; each signs this event too."]
            keys: Option<Vec<VerifyingKey>>,
            #[doc = "Whether the party or case is invented. Permanent."]
            fictional: Option<bool>,
        },
    }
    #[doc = "New words about a party: its name, address for service and so on."]
    PartyUpdated = "party.updated" {
        who: [SelfOf("party"), Registrar], thread: Party, case: Refused, content: Required,
        subject: [],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
        },
        facts: {},
    }
    #[doc = "A key that may from now on sign for a party."]
    KeyAdded = "key.added" {
        who: [SelfOf("party"), Operator], thread: Party, case: Refused, content: None,
        subject: [],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
        },
        facts: {
            #[doc = "The full vkey."]
            key: VerifyingKey,
        },
    }
    #[doc = "A key that may sign no more."]
    KeyRevoked = "key.revoked" {
        who: [SelfOf("party"), Operator], thread: Party, case: Refused, content: Optional,
        subject: [],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
        },
        facts: {
            #[doc = "The full vkey."]
            key: VerifyingKey,
            #[doc = "Why."]
            reason: RevocationReason,
            #[doc = "From when the author distrusts the key. Shown; changes no verdict."]
            since: Option<At>,
        },
    }
    #[doc = "A role given to a party by the operator."]
    RoleGranted = "role.granted" {
        who: [Operator], thread: Party, case: Refused, content: None,
        subject: [],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
        },
        facts: {
            #[doc = "The role."]
            role: Role,
        },
    }
    #[doc = "A role taken back."]
    RoleRevoked = "role.revoked" {
        who: [Operator], thread: Party, case: Refused, content: Optional,
        subject: [],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
        },
        facts: {
            #[doc = "The role."]
            role: Role,
        },
    }
    #[doc = "One respondent, one matter."]
    CaseOpened = "case.opened" {
        who: [Registrar, Recorder], thread: Own, case: Refused, content: Required,
        subject: ["respondent"],
        refs: {
            #[doc = "Whom the matter is about."]
            respondent: EventId => PARTY,
        },
        facts: {
            #[doc = "The country whose law the case is under."]
            jurisdiction: Country,
            #[doc = "The zone in which dates of the case are read."]
            timezone: Zone,
            #[doc = "Whether the party or case is invented. Permanent."]
            fictional: Option<bool>,
        },
    }
    #[doc = "What is said to have happened."]
    IncidentReported = "incident.reported" {
        who: [SelfOf("reporter"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["reporter"],
        refs: {
            #[doc = "Who reports it."]
            reporter: EventId => PARTY,
            #[doc = "Where it is taken from."]
            source: Option<Ids> => ANY cross,
        },
        facts: {
            #[doc = "When it was first known."]
            discovered: Option<At>,
            #[doc = "When it was under control."]
            contained: Option<At>,
        },
    }
    #[doc = "Words said in public, by a speaker, in the original language."]
    StatementMade = "statement.made" {
        who: [SelfOf("speaker"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["speaker"],
        refs: {
            #[doc = "Who said it."]
            speaker: EventId => PARTY,
            #[doc = "Whose words a report is about."]
            reports: Option<Ids> => PARTY,
            #[doc = "What it is about."]
            about: Option<Ids> => ANY cross,
        },
        facts: {
            #[doc = "What the text on record is."]
            standing: Standing,
            #[doc = "Language of the verbatim text."]
            language: Language,
            #[doc = "When it was published, if the source shows it."]
            published: Option<At>,
            #[doc = "Where it was said."]
            medium: Option<Medium>,
        },
    }
    #[doc = "A statement whose words changed."]
    StatementRevised = "statement.revised" {
        who: [SubjectOf("statement"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The statement."]
            statement: EventId => [StatementMade],
        },
        facts: {
            #[doc = "Whether the speaker said that it changed."]
            announced: bool,
            #[doc = "When the change was seen."]
            observed: At,
        },
    }
    #[doc = "A statement that was taken back."]
    StatementWithdrawn = "statement.withdrawn" {
        who: [SubjectOf("statement"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The statement."]
            statement: EventId => [StatementMade],
        },
        facts: {
            #[doc = "Whether the speaker said that it changed."]
            announced: bool,
            #[doc = "When the change was seen."]
            observed: At,
        },
    }
    #[doc = "How a party stands to something on record."]
    PositionTaken = "position.taken" {
        who: [SelfOf("party"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["party"],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
            #[doc = "What the stance is on."]
            on: Ids => ANY cross,
            #[doc = "Where it is taken from."]
            source: Option<Ids> => ANY cross,
        },
        facts: {
            #[doc = "The stance."]
            stance: Stance,
        },
    }
    #[doc = "Somebody says how one record bears on another."]
    LinkAsserted = "link.asserted" {
        who: [Any], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The record that bears on the other."]
            from: EventId => ANY cross,
            #[doc = "The other record."]
            to: EventId => ANY cross,
        },
        facts: {
            #[doc = "The relation."]
            relation: Relation,
        },
    }
    #[doc = "A promise."]
    CommitmentMade = "commitment.made" {
        who: [SelfOf("party"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["party"],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
            #[doc = "Where it is taken from."]
            source: Option<Ids> => ANY cross,
        },
        facts: {
            #[doc = "By when."]
            due: Option<At>,
        },
    }
    #[doc = "What became of a promise."]
    CommitmentClosed = "commitment.closed" {
        who: [SubjectOf("commitment"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The promise."]
            commitment: EventId => [CommitmentMade],
            #[doc = "Where it is taken from."]
            source: Option<Ids> => ANY cross,
        },
        facts: {
            #[doc = "What became of it."]
            outcome: CommitmentOutcome,
        },
    }
    #[doc = "Captured bytes with their provenance."]
    ExhibitCaptured = "exhibit.captured" {
        who: [Any], thread: Case, case: Optional, content: Required,
        subject: [],
        refs: {
            #[doc = "What it is about."]
            about: Option<Ids> => ANY cross,
        },
        facts: {
            #[doc = "How the bytes were captured."]
            method: CaptureMethod,
            #[doc = "When."]
            captured: At,
        },
    }
    #[doc = "The source of an exhibit, looked at again."]
    ExhibitRechecked = "exhibit.rechecked" {
        who: [Any], thread: Case, case: Optional, content: Required,
        subject: [],
        refs: {
            #[doc = "The exhibit."]
            exhibit: EventId => [ExhibitCaptured],
        },
        facts: {
            #[doc = "What was found."]
            result: RecheckResult,
            #[doc = "When."]
            checked: At,
        },
    }
    #[doc = "Signatures begin to be gathered behind one exact text."]
    CollectionOpened = "collection.opened" {
        who: [SelfOf("organiser"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["organiser"],
        refs: {
            #[doc = "Who gathers the signatures."]
            organiser: EventId => PARTY,
        },
        facts: {
            #[doc = "How signers were identified."]
            assurance: Assurance,
            #[doc = "When it is meant to close."]
            closes: Option<At>,
        },
    }
    #[doc = "How many signatures there are, so far."]
    CollectionCounted = "collection.counted" {
        who: [SubjectOf("collection"), Recorder], thread: Case, case: Required, content: Optional,
        subject: [],
        refs: {
            #[doc = "The collection."]
            collection: EventId => [CollectionOpened],
        },
        facts: {
            #[doc = "Leaves of the roll, ever confirmed."]
            count: u64,
            #[doc = "Root of the committed roll."]
            root: Option<Digest>,
            #[doc = "Of those, taken back."]
            withdrawn: Option<u64>,
            #[doc = "Of those, counted twice."]
            duplicate: Option<u64>,
            #[doc = "Of those, not good."]
            invalid: Option<u64>,
        },
    }
    #[doc = "How many signatures there are, for good."]
    CollectionClosed = "collection.closed" {
        who: [SubjectOf("collection"), Recorder], thread: Case, case: Required, content: Optional,
        subject: [],
        refs: {
            #[doc = "The collection."]
            collection: EventId => [CollectionOpened],
        },
        facts: {
            #[doc = "Leaves of the roll, ever confirmed."]
            count: u64,
            #[doc = "Root of the committed roll."]
            root: Option<Digest>,
            #[doc = "Of those, taken back."]
            withdrawn: Option<u64>,
            #[doc = "Of those, counted twice."]
            duplicate: Option<u64>,
            #[doc = "Of those, not good."]
            invalid: Option<u64>,
        },
    }
    #[doc = "A letter with numbered items, and whoever stands behind it."]
    DemandIssued = "demand.issued" {
        who: [SelfOf("petitioner"), SelfOf("counsel"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["petitioner", "counsel"],
        refs: {
            #[doc = "Whom the matter is about."]
            respondent: EventId => PARTY,
            #[doc = "Who asks."]
            petitioner: Option<EventId> => PARTY,
            #[doc = "The lawyer who asks."]
            counsel: Option<EventId> => PARTY,
            #[doc = "The collection."]
            collection: Option<EventId> => [CollectionOpened] cross,
        },
        facts: {
            #[doc = "How many numbered items the letter has."]
            items: u64,
            #[doc = "When the answer falls due."]
            deadline: Option<Deadline>,
        },
    }
    #[doc = "A demand taken back."]
    DemandWithdrawn = "demand.withdrawn" {
        who: [SubjectOf("demand"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The demand."]
            demand: EventId => [DemandIssued],
        },
        facts: {},
    }
    #[doc = "A demand taken elsewhere."]
    DemandEscalated = "demand.escalated" {
        who: [SubjectOf("demand"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The demand."]
            demand: EventId => [DemandIssued],
            #[doc = "To whom it was taken."]
            to: Option<EventId> => PARTY,
        },
        facts: {
            #[doc = "Where to."]
            route: EscalationRoute,
        },
    }
    #[doc = "One notice sent to one addressee."]
    NoticeDispatched = "notice.dispatched" {
        who: [SelfOf("sender"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["addressee"],
        refs: {
            #[doc = "Who sent it."]
            sender: EventId => PARTY,
            #[doc = "To whom it was sent."]
            addressee: EventId => PARTY,
            #[doc = "The demand."]
            demand: Option<EventId> => [DemandIssued],
            #[doc = "What it is about."]
            about: Option<Ids> => ANY,
        },
        facts: {
            #[doc = "How it was sent."]
            channel: Channel,
        },
    }
    #[doc = "What happened to a notice, and whose word that is."]
    DeliveryEvidenced = "delivery.evidenced" {
        who: [AuthorOf("notice"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The notice."]
            notice: EventId => [NoticeDispatched],
        },
        facts: {
            #[doc = "What happened."]
            evidence: Evidence,
            #[doc = "Why it failed."]
            reason: Option<EvidenceReason>,
            #[doc = "Whose word it is."]
            vouched_by: Voucher,
        },
    }
    #[doc = "The addressee says, with its own key, that it has the notice."]
    ReceiptAcknowledged = "receipt.acknowledged" {
        who: [SubjectOf("notice")], thread: Case, case: Required, content: Optional,
        subject: [],
        refs: {
            #[doc = "The notice."]
            notice: EventId => [NoticeDispatched],
        },
        facts: {},
    }
    #[doc = "Another date for the answer."]
    DeadlineAdjusted = "deadline.adjusted" {
        who: [SubjectOf("demand"), Recorder], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The demand."]
            demand: EventId => [DemandIssued],
        },
        facts: {
            #[doc = "How it came about."]
            change: DeadlineChange,
            #[doc = "The new date."]
            until: Day,
        },
    }
    #[doc = "What a respondent tells a regulator, the public, the persons affected or a demander."]
    DisclosureMade = "disclosure.made" {
        who: [SelfOf("party"), Recorder], thread: Case, case: Required, content: Required,
        subject: ["party"],
        refs: {
            #[doc = "The party it is about."]
            party: EventId => PARTY,
            #[doc = "The demand."]
            demand: Option<EventId> => [DemandIssued],
            #[doc = "The incident."]
            incident: Option<EventId> => [IncidentReported],
            #[doc = "The statement."]
            statement: Option<EventId> => [StatementMade],
            #[doc = "To whom it was told."]
            to: Option<EventId> => PARTY,
        },
        facts: {
            #[doc = "To whom it was made."]
            kind: DisclosureKind,
            #[doc = "When it was published, if the source shows it."]
            published: Option<At>,
            #[doc = "What became of each item that is spoken to."]
            items: Option<Vec<ItemOutcome>>,
        },
    }
    #[doc = "What the demander makes of an answer."]
    AnswerAssessed = "answer.assessed" {
        who: [SubjectOf("demand")], thread: Case, case: Required, content: Required,
        subject: [],
        refs: {
            #[doc = "The disclosure that answers."]
            disclosure: EventId => [DisclosureMade],
            #[doc = "The demand."]
            demand: EventId => [DemandIssued],
        },
        facts: {
            #[doc = "The verdict on each item."]
            items: Vec<ItemVerdict>,
        },
    }
    #[doc = "Something on record is wrong, and this is right."]
    CorrectionIssued = "correction.issued" {
        who: [AuthorOf("corrects"), Operator], thread: Case, case: Optional, content: Required,
        subject: [],
        refs: {
            #[doc = "The event that is corrected."]
            corrects: EventId => ANY,
            #[doc = "The event that stands in its place."]
            replacement: Option<EventId> => ANY,
        },
        facts: {
            #[doc = "What the correction does."]
            effect: CorrectionEffect,
        },
    }
    #[doc = "Words or files that are served no more, and on what ground."]
    ContentWithheld = "content.withheld" {
        who: [Operator], thread: Case, case: Optional, content: Optional,
        subject: [],
        refs: {
            #[doc = "The event whose blobs they are."]
            entry: EventId => ANY,
        },
        facts: {
            #[doc = "The ground."]
            ground: WithholdingGround,
            #[doc = "Which blobs of the entry."]
            blobs: Vec<Position>,
        },
    }
    #[doc = "Words or files given back."]
    ContentReleased = "content.released" {
        who: [Operator], thread: Case, case: Optional, content: Optional,
        subject: [],
        refs: {
            #[doc = "The event whose blobs they are."]
            entry: EventId => ANY,
        },
        facts: {
            #[doc = "The ground."]
            ground: ReleaseGround,
            #[doc = "Which blobs of the entry."]
            blobs: Vec<Position>,
        },
    }
}
