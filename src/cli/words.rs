//! The words that each event type usually has (domain.md). Flags are made of them, and forms ask for some. Admission requires
//! none of them; other words are given by name.

use crate::event::EventType;

/// How a word is written on the command line, and what it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One text.
    Text,
    /// A number.
    Number,
    /// Several texts, one flag each.
    List,
    /// JSON.
    Json,
    /// `LANGUAGE=TEXT`.
    Translation,
    /// The items of a demand, one flag each.
    Items,
    /// `ITEM=TEXT`, one flag each.
    Answers,
    /// Yes or no; the flag alone is yes.
    Bool,
}

/// One member of an event's words, and its flag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub name: &'static str,
    pub flag: &'static str,
    pub form: Form,
    /// Whether forms ask for it.
    pub asked: bool,
    pub help: &'static str,
}

const fn text(name: &'static str, help: &'static str) -> Word {
    Word { name, flag: name, form: Form::Text, asked: false, help }
}

const fn asked(name: &'static str, help: &'static str) -> Word {
    Word { asked: true, ..text(name, help) }
}

const fn of(form: Form, name: &'static str, flag: &'static str, help: &'static str) -> Word {
    Word { name, flag, form, asked: false, help }
}

const URL: Word = text("url", "Where it was found");
const TRANSLATION: Word = of(Form::Translation, "translation", "translation", "A translation, as en=TEXT");
const ACCOUNT: Word = text("account", "What happened, told by the author");
const ACCOUNT_ASKED: Word = Word { asked: true, ..ACCOUNT };
const METHOD: Word = text("method", "How signatures were counted and checked");
const NOTE: Word = text("note", "Anything else worth saying");

const PARTY: &[Word] = &[
    asked("name", "What the party is called; prefer an office to a named person"),
    of(Form::List, "aliases", "alias", "Another name of it"),
    text("domain", "Its domain name"),
    text("address", "Its address for service"),
    text("why", "Why that address is the proper one"),
    NOTE,
];
const STATEMENT: &[Word] = &[
    asked("text", "The words, verbatim, in the original language"),
    text("capacity", "In what capacity the speaker spoke"),
    URL,
    of(Form::Json, "quotes", "quotes", "People quoted, as JSON: [{\"exact\":\"...\",\"by\":\"...\"}]"),
    TRANSLATION,
    NOTE,
];
const REVISED: &[Word] = &[
    asked("text", "The new words, verbatim, in the original language"),
    text("changed", "What changed"),
    text("capacity", "In what capacity the speaker spoke"),
    URL,
    of(Form::Json, "quotes", "quotes", "People quoted, as JSON: [{\"exact\":\"...\",\"by\":\"...\"}]"),
    TRANSLATION,
    NOTE,
];
// Most statements are taken back without a word, so forms ask for none of these.
const WITHDRAWN: &[Word] = &[
    text("account", "How it was seen, told by the author"),
    text("text", "The words with which it was taken back, verbatim, in the original language"),
    text("capacity", "In what capacity the speaker spoke"),
    URL,
    of(Form::Json, "quotes", "quotes", "People quoted, as JSON: [{\"exact\":\"...\",\"by\":\"...\"}]"),
    TRANSLATION,
    NOTE,
];
const PROMISE: &[Word] = &[asked("promise", "What was promised"), ACCOUNT, NOTE];
const WITHHELD: &[Word] = &[
    text("authority", "Who ordered or asked for it"),
    text("text", "A text that may be shown in place of the words"),
    NOTE,
];

/// The words of a type.
pub(super) fn words_of(event_type: EventType) -> &'static [Word] {
    use EventType as T;
    match event_type {
        T::PartyRegistered | T::PartyUpdated => PARTY,
        T::CaseOpened => {
            const {
                &[
                    asked("title", "What the matter is called"),
                    text("summary", "The matter in a few sentences"),
                    NOTE,
                ]
            }
        }
        T::IncidentReported => {
            const {
                &[
                    asked("account", "What is said to have happened"),
                    text(
                        "status",
                        "VERIS incident status: Confirmed, Suspected, False positive or Near miss",
                    ),
                    text("disclosure", "VERIS confidentiality disclosure: Yes, Potentially, No or Unknown"),
                    of(Form::List, "data_varieties", "data-variety", "VERIS kind of data, such as Personal"),
                    of(
                        Form::Number,
                        "affected_count",
                        "affected-count",
                        "How many persons are said to be affected",
                    ),
                    text("discovery_method", "VERIS discovery method"),
                    NOTE,
                ]
            }
        }
        T::StatementMade => STATEMENT,
        T::StatementWithdrawn => WITHDRAWN,
        T::StatementRevised => REVISED,
        T::PositionTaken => const { &[asked("text", "The position, verbatim"), TRANSLATION, NOTE] },
        T::ReceiptAcknowledged => const { &[text("text", "What the addressee says"), TRANSLATION, NOTE] },
        T::LinkAsserted => {
            const {
                &[
                    asked("reasoning", "Why the one bears on the other"),
                    of(
                        Form::Json,
                        "quotes",
                        "quotes",
                        "Quotes on each side, as JSON: {\"from\":{\"exact\":\"...\"},\"to\":{\"exact\":\"...\"}}",
                    ),
                    NOTE,
                ]
            }
        }
        T::CommitmentMade | T::CommitmentClosed => PROMISE,
        T::ExhibitCaptured | T::ExhibitRechecked => {
            const { &[asked("description", "What the exhibit is"), URL, NOTE] }
        }
        T::CollectionOpened => {
            const {
                &[
                    asked("text", "The exact text that people sign"),
                    text("eligibility", "Who may sign"),
                    text("privacy", "The privacy notice"),
                    NOTE,
                ]
            }
        }
        T::CollectionCounted | T::CollectionClosed => const { &[METHOD, NOTE] },
        T::DemandIssued => {
            const {
                &[
                    Word { asked: true, ..of(Form::Items, "items", "item", "The text of an item, in order") },
                    text("preamble", "What stands before the items"),
                    text("statute", "The law it relies on"),
                    NOTE,
                ]
            }
        }
        T::DemandWithdrawn | T::DemandEscalated => const { &[ACCOUNT_ASKED, NOTE] },
        T::NoticeDispatched => {
            const {
                &[
                    asked("address", "The address used"),
                    asked("why", "Why it is the proper one"),
                    text("actor", "Who sent it"),
                    NOTE,
                ]
            }
        }
        T::DeliveryEvidenced => {
            const {
                &[
                    ACCOUNT_ASKED,
                    text("tracking", "The carrier's tracking number"),
                    text("receiver", "Name and post of whoever took it"),
                    NOTE,
                ]
            }
        }
        T::DeadlineAdjusted => const { &[asked("ground", "Why"), NOTE] },
        T::DisclosureMade => {
            const {
                &[
                    of(Form::Answers, "answers", "answer", "What is said on an item, as 1=TEXT"),
                    text("nature", "The nature of the breach, GDPR 33(3)(a)"),
                    of(Form::List, "categories", "category", "A category of data or persons, GDPR 33(3)(a)"),
                    of(
                        Form::Json,
                        "numbers",
                        "numbers",
                        "Numbers, as JSON: {\"persons\":412,\"records\":530}",
                    ),
                    text("contact", "Whom to ask, GDPR 33(3)(b)"),
                    text("consequences", "Likely consequences, GDPR 33(3)(c)"),
                    text("measures", "Measures taken or proposed, GDPR 33(3)(d)"),
                    NOTE,
                ]
            }
        }
        T::AnswerAssessed => const { &[asked("reasoning", "Why"), NOTE] },
        T::CorrectionIssued => {
            const {
                &[
                    asked("wrong", "What is wrong"),
                    asked("right", "What is right"),
                    of(
                        Form::Bool,
                        "mistaken",
                        "mistaken",
                        "That the case was opened, or the party registered, by mistake; with --effect annotate",
                    ),
                    NOTE,
                ]
            }
        }
        T::ContentWithheld | T::ContentReleased => WITHHELD,
        _ => const { &[NOTE] },
    }
}
