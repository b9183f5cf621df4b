//! The codes of refusals, as an enum.

use async_graphql::Enum;

/// Why a submission, or a whole call, is refused. A closed list; the same codes stand on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::event::Code")]
pub enum RefusalCode {
    /// The note is longer than 61,440 bytes.
    #[graphql(name = "NOTE_TOO_LONG")]
    NoteTooLong,
    /// The note is not UTF-8.
    #[graphql(name = "NOTE_NOT_UTF8")]
    NoteNotUtf8,
    /// The note holds a control character other than a newline.
    #[graphql(name = "NOTE_CONTROL_CHARACTER")]
    NoteControlCharacter,
    /// The note has no signature line.
    #[graphql(name = "NOTE_UNSIGNED")]
    NoteUnsigned,
    /// A signature line does not follow the format.
    #[graphql(name = "BAD_SIGNATURE_LINE")]
    BadSignatureLine,
    /// The signed text is not exactly three lines.
    #[graphql(name = "EVENT_LINES")]
    EventLines,
    /// The first line is not this version's marker.
    #[graphql(name = "EVENT_MARKER")]
    EventMarker,
    /// The event was signed for another ledger.
    #[graphql(name = "WRONG_ORIGIN")]
    WrongOrigin,
    /// Line 3 holds a byte outside 0x21 to 0x7E, or a backslash.
    #[graphql(name = "JSON_BYTE")]
    JsonByte,
    /// Line 3 is not JSON.
    #[graphql(name = "JSON_SYNTAX")]
    JsonSyntax,
    /// Line 3 is not an object.
    #[graphql(name = "JSON_NOT_OBJECT")]
    JsonNotObject,
    /// A member name stands twice in an object.
    #[graphql(name = "JSON_DUPLICATE")]
    JsonDuplicate,
    /// A number is not a plain integer of at most 2^53-1 in size.
    #[graphql(name = "JSON_NUMBER")]
    JsonNumber,
    /// A member is null.
    #[graphql(name = "JSON_NULL")]
    JsonNull,
    /// An object or array is empty.
    #[graphql(name = "JSON_EMPTY")]
    JsonEmpty,
    /// Line 3 is nested deeper than 32 levels.
    #[graphql(name = "JSON_DEPTH")]
    JsonDepth,
    /// A member is not known here.
    #[graphql(name = "UNKNOWN_MEMBER")]
    UnknownMember,
    /// A required member is missing.
    #[graphql(name = "MISSING_MEMBER")]
    MissingMember,
    /// There is no such event type.
    #[graphql(name = "UNKNOWN_TYPE")]
    UnknownType,
    /// `by` is not 1 to 16 vkeys without repeats.
    #[graphql(name = "BAD_BY")]
    BadBy,
    /// A vkey does not follow the format.
    #[graphql(name = "BAD_VKEY")]
    BadVkey,
    /// `at` is not a date or time of the allowed forms.
    #[graphql(name = "BAD_AT")]
    BadAt,
    /// An id is not 64 lower-case hex digits.
    #[graphql(name = "BAD_ID")]
    BadId,
    /// A ref is not of the form its role asks for.
    #[graphql(name = "BAD_REF")]
    BadRef,
    /// A fact is not of its type.
    #[graphql(name = "BAD_FACT")]
    BadFact,
    /// `content` is not {blake3, size}, or this type carries no words.
    #[graphql(name = "BAD_CONTENT_REF")]
    BadContentRef,
    /// This type needs a case.
    #[graphql(name = "CASE_REQUIRED")]
    CaseRequired,
    /// This type belongs to no case.
    #[graphql(name = "CASE_REFUSED")]
    CaseRefused,
    /// There is not exactly one signature line for each member of `by`.
    #[graphql(name = "SIGNATURE_COUNT")]
    SignatureCount,
    /// A signature line is not that of the member of `by` in its place.
    #[graphql(name = "SIGNATURE_ORDER")]
    SignatureOrder,
    /// A signature does not verify.
    #[graphql(name = "BAD_SIGNATURE")]
    BadSignature,
    /// The first event of a ledger is ledger.opened.
    #[graphql(name = "NOT_OPENED")]
    NotOpened,
    /// The ledger is already open.
    #[graphql(name = "ALREADY_OPENED")]
    AlreadyOpened,
    /// A key in `by` is not on record.
    #[graphql(name = "KEY_UNKNOWN")]
    KeyUnknown,
    /// A key in `by` was revoked.
    #[graphql(name = "KEY_REVOKED")]
    KeyRevoked,
    /// A key to be added is, or was, on record.
    #[graphql(name = "KEY_TAKEN")]
    KeyTaken,
    /// The name of a key to be added belongs to another party.
    #[graphql(name = "KEY_NAME_TAKEN")]
    KeyNameTaken,
    /// A key to be added has not signed.
    #[graphql(name = "KEY_NO_POSSESSION")]
    KeyNoPossession,
    /// A key to be added is not in the prime-order subgroup.
    #[graphql(name = "KEY_TORSION")]
    KeyTorsion,
    /// The author may not sign this event.
    #[graphql(name = "NOT_ALLOWED")]
    NotAllowed,
    /// A ref names an event that is not on record.
    #[graphql(name = "REF_UNKNOWN")]
    RefUnknown,
    /// A ref names an event of the wrong type.
    #[graphql(name = "REF_KIND")]
    RefKind,
    /// A ref points into another case.
    #[graphql(name = "REF_CASE")]
    RefCase,
    /// The words were not sent.
    #[graphql(name = "CONTENT_MISSING")]
    ContentMissing,
    /// The words sent are not those the event commits to.
    #[graphql(name = "CONTENT_DIGEST")]
    ContentDigest,
    /// The words are not one I-JSON object.
    #[graphql(name = "CONTENT_JSON")]
    ContentJson,
    /// The words have no salt of 16 bytes.
    #[graphql(name = "CONTENT_SALT")]
    ContentSalt,
    /// A file that the words name was not uploaded.
    #[graphql(name = "FILE_MISSING")]
    FileMissing,
    /// A file is not the one the words name.
    #[graphql(name = "FILE_DIGEST")]
    FileDigest,
    /// The words or a file are withheld on this ledger.
    #[graphql(name = "BLOB_WITHHELD")]
    BlobWithheld,
    /// A check between events failed.
    #[graphql(name = "CHECK_FAILED")]
    CheckFailed,
    /// The entry would be longer than 65,535 bytes.
    #[graphql(name = "ENTRY_TOO_LONG")]
    EntryTooLong,
    /// The ledger takes no events now.
    #[graphql(name = "LEDGER_READ_ONLY")]
    LedgerReadOnly,
    /// Too many requests from this address.
    #[graphql(name = "RATE_LIMITED")]
    RateLimited,
    /// More was sent than is taken.
    #[graphql(name = "TOO_LARGE")]
    TooLarge,
    /// The service can't answer now.
    #[graphql(name = "UNAVAILABLE")]
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_codes() {
        for code in crate::event::Code::ALL {
            let name = async_graphql::resolver_utils::enum_value(RefusalCode::from(*code)).to_string();
            assert_eq!(name, code.as_str());
        }
    }
}
