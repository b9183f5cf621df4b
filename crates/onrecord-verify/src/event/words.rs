//! The closed lists of words that facts may hold, as types.

use super::facts::words;
pub use super::facts::{ClockStart, DeadlineRule, Outcome, Verdict, Weekly};

words! {
    /// What a party is.
    PartyKind {
        Agency = "agency",
        Regulator = "regulator",
        Court = "court",
        Counsel = "counsel",
        Publisher = "publisher",
        Organisation = "organisation",
        Person = "person",
        Account = "account",
        Platform = "platform",
    }
    /// Why a key was revoked.
    RevocationReason {
        Superseded = "superseded",
        Lost = "lost",
        Compromised = "compromised",
    }
    /// What a party may do beside speaking for itself.
    Role {
        Registrar = "registrar",
        Recorder = "recorder",
    }
    /// What the text on record is: the verbatim original, a claim, or a report of somebody's words.
    Standing {
        Official = "official",
        Claim = "claim",
        Report = "report",
    }
    /// Where a statement was made.
    Medium {
        PressRelease = "press_release",
        Website = "website",
        Social = "social",
        Broadcast = "broadcast",
        Forum = "forum",
        Letter = "letter",
        Filing = "filing",
        Interview = "interview",
        Other = "other",
    }
    /// How a party stands to something on record.
    Stance {
        Affirms = "affirms",
        Denies = "denies",
        Disputes = "disputes",
        PartlyAccepts = "partly_accepts",
        Declines = "declines",
        Withdraws = "withdraws",
    }
    /// How one record is said to bear on another.
    Relation {
        Contradicts = "contradicts",
        Supersedes = "supersedes",
        Repeats = "repeats",
        Answers = "answers",
        RefersTo = "refers_to",
    }
    /// What became of a promise.
    CommitmentOutcome {
        Done = "done",
        Withdrawn = "withdrawn",
        Superseded = "superseded",
    }
    /// How the bytes of an exhibit were captured.
    CaptureMethod {
        Upload = "upload",
        Screenshot = "screenshot",
        Wacz = "wacz",
        Warc = "warc",
        Email = "email",
        Scan = "scan",
    }
    /// What was found when the source of an exhibit was looked at again.
    RecheckResult {
        Same = "same",
        Changed = "changed",
        Gone = "gone",
    }
    /// How signers of a collection were identified.
    Assurance {
        Email = "email",
        Sms = "sms",
        IdSeen = "id_seen",
        Signed = "signed",
        Unknown = "unknown",
    }
    /// Where a demand was taken.
    EscalationRoute {
        Court = "court",
        Regulator = "regulator",
        Police = "police",
        Ombudsman = "ombudsman",
        Public = "public",
    }
    /// How a notice was sent.
    Channel {
        Hand = "hand",
        RegisteredPost = "registered_post",
        Courier = "courier",
        Email = "email",
        Portal = "portal",
        Fax = "fax",
    }
    /// What happened to a notice, in the event names of ETSI EN 319 522-1.
    Evidence {
        SubmissionAcceptance = "SubmissionAcceptance",
        SubmissionRejection = "SubmissionRejection",
        RelayAcceptance = "RelayAcceptance",
        RelayRejection = "RelayRejection",
        RelayFailure = "RelayFailure",
        NotificationForAcceptance = "NotificationForAcceptance",
        NotificationForAcceptanceFailure = "NotificationForAcceptanceFailure",
        ConsignmentAcceptance = "ConsignmentAcceptance",
        ConsignmentRejection = "ConsignmentRejection",
        AcceptanceRejectionExpiry = "AcceptanceRejectionExpiry",
        ContentConsignment = "ContentConsignment",
        ContentConsignmentFailure = "ContentConsignmentFailure",
        ConsignmentNotification = "ConsignmentNotification",
        ConsignmentNotificationFailure = "ConsignmentNotificationFailure",
        ContentAccessTracking = "ContentAccessTracking",
        NotificationDelivered = "NotificationDelivered",
        NotificationAccessTracking = "NotificationAccessTracking",
        ContentHandover = "ContentHandover",
        ContentHandoverFailure = "ContentHandoverFailure",
        RelayToNonErds = "RelayToNonERDS",
        RelayToNonErdsFailure = "RelayToNonERDSFailure",
        ReceivedFromNonErds = "ReceivedFromNonERDS",
    }
    /// Why delivery failed, in the reason codes of ETSI EN 319 522.
    EvidenceReason {
        InvalidMessageFormat = "InvalidMessageFormat",
        MalwareFound = "MalwareFound",
        InvalidUserSignature = "InvalidUserSignature",
        UserCertExpiredOrRevoked = "UserCertExpiredOrRevoked",
        PolicyViolation = "PolicyViolation",
        RecipientServiceMalfunction = "R_REMMD_Malfunction",
        RecipientServiceNotIdentified = "R_REMMD_NotIdentified",
        RecipientServiceUnreachable = "R_REMMD_Unreachable",
        NoDeliveryInfoFromRecipientService = "S_REMMD_ReceivedNoDeliveryInfoFromR_REMMD",
        UnknownRecipient = "UnknownRecipient",
        MailboxFull = "MailboxFull",
        TechnicalMalfunction = "TechnicalMalfunction",
        AttachmentFormatNotAccepted = "AttachmentFormatNotAccepted",
        RecipientRejection = "RecipientRejection",
        RetentionPeriodExpired = "RetentionPeriodExpired",
        RegularEmailUnreachable = "RegularEmailUnreachable",
        RegularEmailNonOperational = "RegularEmailNonOperational",
        RegularEmailRejection = "RegularEmailRejection",
        PrintingSystemUnreachable = "PrintingSystemUnreachable",
        PrintingSystemNonOperational = "PrintingSystemNonOperational",
        PrintingBufferFull = "PrintingBufferFull",
        Other = "Other",
    }
    /// Whose word a piece of evidence rests on.
    Voucher {
        AddresseeKey = "addressee_key",
        AddresseePaper = "addressee_paper",
        Carrier = "carrier",
        System = "system",
        ProcessServer = "process_server",
        Sender = "sender",
    }
    /// How a deadline came to change.
    DeadlineChange {
        Extended = "extended",
        Agreed = "agreed",
    }
    /// To whom a disclosure was made.
    DisclosureKind {
        Regulator = "regulator",
        Public = "public",
        Persons = "persons",
        Reply = "reply",
    }
    /// What a correction does to the event it corrects.
    CorrectionEffect {
        Annotate = "annotate",
        Void = "void",
    }
    /// On what ground words or files are withheld.
    WithholdingGround {
        CourtOrder = "court_order",
        Erasure = "erasure",
        Safety = "safety",
        Copyright = "copyright",
        Error = "error",
        Embargo = "embargo",
        Undisclosed = "undisclosed",
    }
    /// On what ground they are given back.
    ReleaseGround {
        EmbargoEnded = "embargo_ended",
        OrderLifted = "order_lifted",
        Error = "error",
    }
}
