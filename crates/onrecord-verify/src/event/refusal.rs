//! Why a submission is refused: one code of a closed list (formats.md, section 9).

use std::{fmt, str::FromStr};

macro_rules! codes {
    ($($name:ident $text:literal $doc:literal)*) => {
        /// The closed list of refusals. The order is that in which faults are looked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $doc] $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// The code as it is written everywhere: in GraphQL, on the terminal, in metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
            /// What the code means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $doc,)* }
            }
        }
    };
}

codes! {
    NoteTooLong "NOTE_TOO_LONG" "The note is longer than 61,440 bytes."
    NoteNotUtf8 "NOTE_NOT_UTF8" "The note is not UTF-8."
    NoteControlCharacter "NOTE_CONTROL_CHARACTER" "The note holds a control character other than a newline."
    NoteUnsigned "NOTE_UNSIGNED" "The note has no signature line."
    BadSignatureLine "BAD_SIGNATURE_LINE" "A signature line does not follow the format."
    EventLines "EVENT_LINES" "The signed text is not exactly three lines."
    EventMarker "EVENT_MARKER" "The first line is not this version's marker."
    WrongOrigin "WRONG_ORIGIN" "The event was signed for another ledger."
    JsonByte "JSON_BYTE" "Line 3 holds a byte outside 0x21 to 0x7E, or a backslash."
    JsonSyntax "JSON_SYNTAX" "Line 3 is not JSON."
    JsonNotObject "JSON_NOT_OBJECT" "Line 3 is not an object."
    JsonDuplicate "JSON_DUPLICATE" "A member name stands twice in an object."
    JsonNumber "JSON_NUMBER" "A number is not a plain integer of at most 2^53-1 in size."
    JsonNull "JSON_NULL" "A member is null."
    JsonEmpty "JSON_EMPTY" "An object or array is empty."
    JsonDepth "JSON_DEPTH" "Line 3 is nested deeper than 32 levels."
    UnknownMember "UNKNOWN_MEMBER" "A member is not known here."
    MissingMember "MISSING_MEMBER" "A required member is missing."
    UnknownType "UNKNOWN_TYPE" "There is no such event type."
    BadBy "BAD_BY" "`by` is not 1 to 16 vkeys without repeats."
    BadVkey "BAD_VKEY" "A vkey does not follow the format."
    BadAt "BAD_AT" "`at` is not a date or time of the allowed forms."
    BadId "BAD_ID" "An id is not 64 lower-case hex digits."
    BadRef "BAD_REF" "A ref is not of the form its role asks for."
    BadFact "BAD_FACT" "A fact is not of its type."
    BadContentRef "BAD_CONTENT_REF" "`content` is not {blake3, size}, or this type carries no words."
    CaseRequired "CASE_REQUIRED" "This type needs a case."
    CaseRefused "CASE_REFUSED" "This type belongs to no case."
    SignatureCount "SIGNATURE_COUNT" "There is not exactly one signature line for each member of `by`."
    SignatureOrder "SIGNATURE_ORDER" "A signature line is not that of the member of `by` in its place."
    BadSignature "BAD_SIGNATURE" "A signature does not verify."
    NotOpened "NOT_OPENED" "The first event of a ledger is ledger.opened."
    AlreadyOpened "ALREADY_OPENED" "The ledger is already open."
    KeyUnknown "KEY_UNKNOWN" "A key in `by` is not on record."
    KeyRevoked "KEY_REVOKED" "A key in `by` was revoked."
    KeyTaken "KEY_TAKEN" "A key to be added is, or was, on record."
    KeyNameTaken "KEY_NAME_TAKEN" "The name of a key to be added belongs to another party."
    KeyNoPossession "KEY_NO_POSSESSION" "A key to be added has not signed."
    KeyTorsion "KEY_TORSION" "A key to be added is not in the prime-order subgroup."
    NotAllowed "NOT_ALLOWED" "The author may not sign this event."
    RefUnknown "REF_UNKNOWN" "A ref names an event that is not on record."
    RefKind "REF_KIND" "A ref names an event of the wrong type."
    RefCase "REF_CASE" "A ref points into another case."
    ContentMissing "CONTENT_MISSING" "The words were not sent."
    ContentDigest "CONTENT_DIGEST" "The words sent are not those the event commits to."
    ContentJson "CONTENT_JSON" "The words are not one I-JSON object."
    ContentSalt "CONTENT_SALT" "The words have no salt of 16 bytes."
    FileMissing "FILE_MISSING" "A file that the words name was not uploaded."
    FileDigest "FILE_DIGEST" "A file is not the one the words name."
    BlobWithheld "BLOB_WITHHELD" "The words or a file are withheld on this ledger."
    CheckFailed "CHECK_FAILED" "A check between events failed."
    EntryTooLong "ENTRY_TOO_LONG" "The entry would be longer than 65,535 bytes."
    LedgerReadOnly "LEDGER_READ_ONLY" "The ledger takes no events now."
    RateLimited "RATE_LIMITED" "Too many requests from this address."
    TooLarge "TOO_LARGE" "More was sent than is taken."
    Unavailable "UNAVAILABLE" "The service can't answer now."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|c| c.as_str() == s).ok_or(())
    }
}

/// A refused submission: the first fault found. Never holds words or secrets; what was found is quoted only
/// from line 3, which is public by design, and cut short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {place}: {message}")]
pub struct Refusal {
    /// Which rule.
    pub code: Code,
    /// Where: a line, a member such as `facts.count`, a ref such as `refs.about[1]`.
    pub place: String,
    /// What was expected and what was found.
    pub message: String,
}

impl Refusal {
    /// A refusal that says what was expected and what was found.
    pub fn new(
        code: Code,
        place: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self::because(code, place, format!("expected {expected}, found {found}"))
    }
    /// A refusal with a message of its own.
    pub fn because(code: Code, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, place: cut(place.into(), MAX_PLACE), message: cut(message.into(), MAX_REFUSAL) }
    }
}

/// The longest message of a refusal, in bytes. What was sent may be much longer.
pub const MAX_REFUSAL: usize = 480;
/// The longest place that a refusal names, in bytes.
const MAX_PLACE: usize = 200;

/// Cuts a text to at most `most` bytes, ending in an ellipsis.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most - '…'.len_utf8()).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

/// Quotes foreign text for an error: printable, at most 80 characters.
pub fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    format!("\"{short}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_are_distinct() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(Code::ALL[..i].iter().all(|c| c.as_str() != code.as_str()));
        }
    }

    #[test]
    fn a_refusal_says_little_of_what_was_sent_however_long_that_is() {
        for sent in ["x", "ü", "\u{10ffff}", "\"", "\u{1}"] {
            let long = sent.repeat(100_000);
            for refusal in [
                Refusal::new(Code::UnknownMember, format!("facts.{long}"), &long, quote(&long)),
                Refusal::because(Code::BadFact, long.clone(), long.clone()),
            ] {
                assert!(refusal.place.len() <= MAX_PLACE && refusal.message.len() <= MAX_REFUSAL);
                assert!(refusal.place.ends_with('…') && refusal.message.ends_with('…'));
            }
        }
    }

    #[test]
    fn quotes_are_short_and_printable() {
        assert_eq!(quote("a\u{1b}[31m"), "\"a\\u{1b}[31m\"");
        assert!(quote(&"x".repeat(1000)).chars().count() < 90);
    }
}
