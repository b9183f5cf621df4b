//! The flags of each event type, made from the type's own specification.

use clap::{Arg, ArgAction, builder::PossibleValuesParser};

use crate::{
    cli::words::{Form, Word, words_of},
    event::{CaseRule, EventType, FactKind, FactSpec, RefSpec},
};

/// The short name of a type on the command line.
pub(in crate::cli) fn noun(event_type: EventType) -> &'static str {
    use EventType as T;
    match event_type {
        T::LedgerOpened => "ledger",
        T::PartyRegistered => "party",
        T::PartyUpdated => "party-update",
        T::KeyAdded => "key",
        T::KeyRevoked => "key-revocation",
        T::RoleGranted => "role",
        T::RoleRevoked => "role-revocation",
        T::CaseOpened => "case",
        T::IncidentReported => "incident",
        T::StatementMade => "statement",
        T::StatementRevised => "revision",
        T::StatementWithdrawn => "retraction",
        T::PositionTaken => "position",
        T::LinkAsserted => "link",
        T::CommitmentMade => "commitment",
        T::CommitmentClosed => "commitment-end",
        T::ExhibitCaptured => "exhibit",
        T::ExhibitRechecked => "recheck",
        T::CollectionOpened => "collection",
        T::CollectionCounted => "count",
        T::CollectionClosed => "collection-end",
        T::DemandIssued => "demand",
        T::DemandWithdrawn => "demand-withdrawal",
        T::DemandEscalated => "escalation",
        T::NoticeDispatched => "notice",
        T::DeliveryEvidenced => "evidence",
        T::ReceiptAcknowledged => "receipt",
        T::DeadlineAdjusted => "deadline",
        T::DisclosureMade => "disclosure",
        T::AnswerAssessed => "assessment",
        T::CorrectionIssued => "correction",
        T::ContentWithheld => "withholding",
        T::ContentReleased => "release",
    }
}

/// The part of an event that a flag's value becomes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Case,
    Ref(&'static RefSpec),
    Fact(&'static FactSpec),
    Word(&'static Word),
}

/// One flag of an event type.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub flag: String,
    pub value: String,
    pub help: String,
    /// Whether the event needs it: if it is missing, it is asked for.
    pub required: bool,
    /// Whether it may be repeated.
    pub many: bool,
    /// The values that are allowed; empty if any value is.
    pub choices: &'static [&'static str],
    pub target: Target,
}

/// Flags that every type has.
const COMMON: &[&str] = &[
    "ledger",
    "key",
    "also-key",
    "case",
    "at",
    "ahead",
    "file",
    "public-file",
    "word",
    "restored",
    "last-key",
    "yes",
    "ask",
    "asked",
    "draft",
    "json",
    "config",
    "help",
];

/// The fields of a type. Facts that follow from other flags (a demand's number of items, and its deadline) are not among
/// them.
pub(super) fn fields(event_type: EventType) -> Vec<Field> {
    let spec = event_type.spec();
    let mut fields: Vec<Field> = Vec::new();
    if spec.case != CaseRule::Refused {
        fields.push(Field {
            flag: "case".into(),
            value: "ID".into(),
            help: "The case it belongs to".into(),
            required: spec.case == CaseRule::Required,
            many: false,
            choices: &[],
            target: Target::Case,
        });
    }
    for spec in spec.refs {
        fields.push(Field {
            flag: spec.role.replace('_', "-"),
            value: "ID".into(),
            help: plain_help(spec.doc),
            required: spec.required,
            many: spec.many,
            choices: &[],
            target: Target::Ref(spec),
        });
    }
    for spec in spec.facts {
        if derived(event_type, spec) {
            continue;
        }
        let (flag, value, many) = match spec.kind {
            FactKind::Vkey => ("vkey".into(), "VKEY", false),
            FactKind::Vkeys => ("vkey".into(), "VKEY", true),
            FactKind::Positions => ("blob".into(), "POSITION", true),
            FactKind::Outcomes => ("outcome".into(), "ITEM=OUTCOME", true),
            FactKind::Verdicts => ("verdict".into(), "ITEM=VERDICT", true),
            kind => (spec.name.replace('_', "-"), value_name(kind), false),
        };
        let choices = match spec.kind {
            FactKind::Word(words) => words,
            _ => &[],
        };
        let help = match spec.kind {
            FactKind::Vkey | FactKind::Vkeys => {
                format!("{} [default: the keys of --also-key]", plain_help(spec.doc))
            }
            FactKind::Positions => format!(
                "{}: content, or files/0 for what pages call file 1, files/1 for file 2, ...",
                plain_help(spec.doc)
            ),
            FactKind::Outcomes => {
                format!("{}: answered, partly, refused, not_held or holding", plain_help(spec.doc))
            }
            FactKind::Verdicts => format!("{}: satisfied, partly or unsatisfied", plain_help(spec.doc)),
            _ => plain_help(spec.doc),
        };
        let required = spec.required && !matches!(spec.kind, FactKind::Vkey | FactKind::Vkeys);
        let target = Target::Fact(spec);
        fields.push(Field { flag, value: value.into(), help, required, many, choices, target });
    }
    for word in words_of(event_type) {
        let (value, many) = match word.form {
            Form::Text => ("TEXT", false),
            Form::Number => ("N", false),
            Form::List | Form::Items => ("TEXT", true),
            Form::Json => ("JSON", false),
            Form::Translation => ("LANG=TEXT", false),
            Form::Answers => ("ITEM=TEXT", true),
            Form::Bool => ("true|false", false),
        };
        // A ref or fact of that name comes first; the word can still be given with --word.
        if COMMON.contains(&word.flag) || fields.iter().any(|f| f.flag == word.flag) {
            continue;
        }
        if spec.content != crate::event::ContentRule::None {
            fields.push(Field {
                flag: word.flag.into(),
                value: value.into(),
                help: word.help.into(),
                required: word.asked,
                many,
                choices: &[],
                target: Target::Word(word),
            });
        }
    }
    fields
}

/// Whether a date of the type may be in the future: until when something is promised, asked for or open. All other dates are
/// of what has happened.
pub(in crate::cli) fn is_to_come(event_type: EventType, fact: &FactSpec) -> bool {
    use EventType as T;
    matches!(
        (event_type, fact.name),
        (T::CommitmentMade, "due") | (T::CollectionOpened, "closes") | (T::DeadlineAdjusted, "until")
    )
}

/// Whether a fact is worked out from other flags.
fn derived(event_type: EventType, fact: &FactSpec) -> bool {
    fact.kind == FactKind::Deadline || (event_type == EventType::DemandIssued && fact.name == "items")
}

/// A sentence of the specification, without its full stop, as in help texts.
fn plain_help(doc: &str) -> String {
    doc.trim_end_matches('.').to_owned()
}

fn value_name(kind: FactKind) -> &'static str {
    match kind {
        FactKind::Count => "N",
        FactKind::At => "DATE",
        FactKind::Day => "YYYY-MM-DD",
        FactKind::Hash => "HEX",
        FactKind::Country => "CC",
        FactKind::Zone => "ZONE",
        FactKind::Language => "LANG",
        FactKind::Word(_) => "WORD",
        _ => "VALUE",
    }
}

impl Field {
    /// The flag, for clap. Clap requires none of them: missing ones are asked for, or listed in one error.
    pub fn arg(&self) -> Arg {
        let heading = match self.target {
            Target::Case | Target::Ref(_) => "What it points at",
            Target::Fact(_) => "Facts: permanent, public",
            Target::Word(_) => {
                "Words: TEXT is the text itself, or @file (@@ begins a text with an @); they can be withheld later"
            }
        };
        let mark = if self.required { " (asked for)" } else { "" };
        let repeat = if self.many { " (may be repeated)" } else { "" };
        // A flag of this kind may stand without a value, so a flag that follows is not taken for one.
        let is_bool = matches!(
            self.target,
            Target::Fact(FactSpec { kind: FactKind::Bool, .. }) | Target::Word(Word { form: Form::Bool, .. })
        );
        let mut arg = Arg::new(self.flag.clone())
            .long(self.flag.clone())
            .value_name(self.value.clone())
            .help(format!("{}{mark}{repeat}", self.help))
            .help_heading(heading)
            .allow_hyphen_values(matches!(self.target, Target::Word(_)) && !is_bool)
            .action(if self.many { ArgAction::Append } else { ArgAction::Set });
        if !self.choices.is_empty() {
            arg = arg.value_parser(PossibleValuesParser::new(self.choices));
        }
        if is_bool {
            arg = arg.num_args(0..=1).default_missing_value("true").value_parser(["true", "false"]);
        }
        arg
    }

    /// How the flag is written, for messages.
    pub fn usage(&self) -> String {
        format!("--{} {}", self.flag, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_but_the_first_has_its_own_noun() {
        let nouns: Vec<_> =
            EventType::ALL.iter().filter(|t| **t != EventType::LedgerOpened).map(|t| noun(*t)).collect();
        for (i, noun) in nouns.iter().enumerate() {
            assert!(!noun.contains('.') && !nouns[..i].contains(noun), "{noun}");
        }
    }

    #[test]
    fn a_flag_that_says_yes_does_not_take_the_next_flag_for_its_value() {
        let fields = fields(EventType::CorrectionIssued);
        let command = clap::Command::new("correction").args(fields.iter().map(Field::arg));
        let given = command.try_get_matches_from(["correction", "--mistaken", "--wrong", "-1"]).unwrap();
        let text = |flag| given.get_one::<String>(flag).map(String::as_str);
        assert_eq!((text("mistaken"), text("wrong")), (Some("true"), Some("-1")));
    }

    #[test]
    fn every_date_is_of_what_has_happened_or_of_what_is_to_come() {
        let (mut happened, mut to_come) = (Vec::new(), Vec::new());
        for event_type in EventType::ALL {
            for fact in event_type.spec().facts {
                match fact.kind {
                    FactKind::At | FactKind::Day if is_to_come(*event_type, fact) => to_come.push(fact.name),
                    FactKind::At | FactKind::Day => happened.push(fact.name),
                    _ => {}
                }
            }
        }
        happened.sort_unstable();
        happened.dedup();
        assert_eq!(
            happened,
            ["captured", "checked", "contained", "discovered", "observed", "published", "since"],
            "a new date has to be thought of"
        );
        assert_eq!(to_come, ["due", "closes", "until"]);
    }

    #[test]
    fn every_required_ref_and_fact_has_a_flag_and_no_flag_stands_twice() {
        for event_type in EventType::ALL.iter().filter(|t| **t != EventType::LedgerOpened) {
            let fields = fields(*event_type);
            for (i, field) in fields.iter().enumerate() {
                assert!(fields[..i].iter().all(|f| f.flag != field.flag), "{event_type} --{}", field.flag);
                assert!(field.flag == "case" || !COMMON.contains(&field.flag.as_str()), "{event_type}");
            }
            let spec = event_type.spec();
            for fact in spec.facts.iter().filter(|f| !derived(*event_type, f)) {
                assert!(
                    fields.iter().any(|f| matches!(f.target, Target::Fact(t) if t.name == fact.name)),
                    "{event_type} {}",
                    fact.name
                );
            }
            for role in spec.refs {
                assert!(
                    fields.iter().any(|f| matches!(f.target, Target::Ref(r) if r.role == role.role)),
                    "{event_type} {}",
                    role.role
                );
            }
        }
    }
}
