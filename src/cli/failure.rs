//! Why a command did not do what it was asked to.

use std::fmt;

use serde_json::{Value, json};

use crate::event::Refusal;

/// One thing that is wrong with what was submitted.
#[derive(Debug)]
pub(super) struct Fault {
    /// The refusal's code, as the ledger gives it.
    pub code: String,
    /// The member that is wrong.
    pub place: String,
    /// What was typed for that member: the flag and its value.
    pub typed: Option<String>,
    pub message: String,
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused by the ledger's rules: printed as `CODE: place: message`, or as `flag: message (CODE)` where a flag gave it.
    Event(Refusal),
    /// The same, as a ledger said it, with the exit code.
    Submission(Vec<Fault>, u8),
    /// Refused or rejected for another reason.
    Refused(String),
    /// What was asked for makes no sense as it stands.
    Usage(String),
    /// It could not be found out, or not be done.
    Undecided(String),
    /// Everything is printed already. Holds the exit code.
    Silent(u8),
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::Event(_) | Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Undecided(_) => 3,
            Self::Submission(_, code) | Self::Silent(code) => *code,
        }
    }

    /// Adds to each fault what was typed for its member, as `typed` tells it.
    pub fn typed_as(self, typed: impl Fn(&Fault) -> Option<String>) -> Self {
        let (faults, code) = match self {
            Self::Event(refusal) => (vec![refusal.into()], 1),
            Self::Submission(faults, code) => (faults, code),
            other => return other,
        };
        let named = faults
            .into_iter()
            .map(|fault| Fault { typed: fault.typed.clone().or_else(|| typed(&fault)), ..fault });
        Self::Submission(named.collect(), code)
    }

    /// Rewrites the messages with `flags`, which names flags in place of members.
    pub fn worded(self, flags: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Submission(faults, code) => {
                let worded = faults.into_iter().map(|f| Fault { message: flags(&f.message), ..f });
                Self::Submission(worded.collect(), code)
            }
            other => other,
        }
    }

    /// Puts `typed`, a flag or what else was typed, before a usage error.
    pub fn of(self, typed: &str) -> Self {
        match self {
            Self::Usage(why) => Self::Usage(format!("{typed}: {why}")),
            other => other,
        }
    }
}

impl Fault {
    pub fn to_json(&self) -> Value {
        let mut json = json!({"code": self.code, "place": self.place, "message": self.message});
        if let Some(typed) = &self.typed {
            json["typed"] = typed.as_str().into();
        }
        json
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, place, message, .. } = self;
        match &self.typed {
            Some(typed) => write!(f, "{typed}: {message} ({code})"),
            None => write!(f, "{code}: {place}: {message}"),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, place, message } = refusal;
        Self { code: code.to_string(), place, typed: None, message }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Event(refusal)
    }
}
