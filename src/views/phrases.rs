//! Phrases of sentences: each closed list as English words, and what is said of counts and outcomes.

use crate::event::{CaptureMethod, Channel, EscalationRoute, ItemOutcome, Medium, Outcome, Relation, Stance};

pub(super) fn announced(announced: bool) -> &'static str {
    if announced { "its speaker said so." } else { "nothing says that its speaker announced it." }
}

pub(super) fn medium_words(medium: Medium) -> &'static str {
    match medium {
        Medium::PressRelease => " in a press release",
        Medium::Website => " on a website",
        Medium::Social => " on social media",
        Medium::Broadcast => " in a broadcast",
        Medium::Forum => " on a forum",
        Medium::Letter => " in a letter",
        Medium::Filing => " in a filing",
        Medium::Interview => " in an interview",
        Medium::Other => "",
    }
}

pub(super) fn stance_words(stance: Stance) -> &'static str {
    match stance {
        Stance::Affirms => " affirms ",
        Stance::Denies => " denies ",
        Stance::Disputes => " disputes ",
        Stance::PartlyAccepts => " partly accepts ",
        Stance::Declines => " declines, as to ",
        Stance::Withdraws => " withdraws, as to ",
    }
}

pub(super) fn relation_words(relation: Relation) -> &'static str {
    match relation {
        Relation::Contradicts => " contradicts ",
        Relation::Supersedes => " supersedes ",
        Relation::Repeats => " repeats ",
        Relation::Answers => " answers ",
        Relation::RefersTo => " refers to ",
    }
}

pub(super) fn capture_words(method: CaptureMethod) -> &'static str {
    match method {
        CaptureMethod::Upload => " put in an exhibit",
        CaptureMethod::Screenshot => " took a screenshot",
        CaptureMethod::Wacz | CaptureMethod::Warc => " archived a web page",
        CaptureMethod::Email => " captured an e-mail",
        CaptureMethod::Scan => " scanned a document",
    }
}

/// What stands behind a count. A root is 64 hex digits that the one who counted put on record; nothing checks them here.
pub(super) fn roll_words(rolled: bool) -> &'static str {
    if rolled { "; a root is on record; no roll was checked here" } else { ", as stated; no roll committed" }
}

/// A count of signatures, with the number that stand first. `less` is what was taken off: withdrawn, duplicate, invalid.
/// Without a root the count is "as stated; no roll committed" (domain.md, "Whose backing is it").
pub(super) fn count_words(count: u64, rolled: bool, less: [Option<u64>; 3]) -> String {
    let taken: Vec<String> = less
        .iter()
        .zip(["withdrawn", "duplicate", "invalid"])
        .filter_map(|(n, word)| n.filter(|n| *n > 0).map(|n| format!("{n} {word}")))
        .collect();
    let standing = less.iter().flatten().fold(count, |left, n| left.saturating_sub(*n));
    let text = if taken.is_empty() {
        format!("{count}")
    } else {
        format!("{standing} standing, of {count} ever confirmed ({})", taken.join(", "))
    };
    format!("{text}{}.", roll_words(rolled))
}

/// `text` with its first letter as a capital.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) fn route_words(route: EscalationRoute) -> &'static str {
    match route {
        EscalationRoute::Court => " to a court",
        EscalationRoute::Regulator => " to a regulator",
        EscalationRoute::Police => " to the police",
        EscalationRoute::Ombudsman => " to an ombudsman",
        EscalationRoute::Public => " to the public",
    }
}

pub(super) fn channel_words(channel: Channel) -> &'static str {
    match channel {
        Channel::Hand => " by hand",
        Channel::RegisteredPost => " by registered post",
        Channel::Courier => " by courier",
        Channel::Email => " by e-mail",
        Channel::Portal => " through a portal",
        Channel::Fax => " by fax",
    }
}

pub(super) fn outcomes_words(items: &[ItemOutcome]) -> String {
    let one = |o: &ItemOutcome| {
        let word = match o.outcome {
            Outcome::Answered => "answered",
            Outcome::Partly => "partly answered",
            Outcome::Refused => "refused",
            Outcome::NotHeld => "not held",
            Outcome::Holding => "to be answered later",
        };
        format!("item {} {word}", o.item)
    };
    items.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_what_stands_first_and_say_when_there_is_no_roll() {
        assert_eq!(count_words(566, false, [None; 3]), "566, as stated; no roll committed.");
        assert_eq!(
            count_words(214, true, [Some(3), Some(5), Some(2)]),
            "204 standing, of 214 ever confirmed (3 withdrawn, 5 duplicate, 2 invalid); a root is on record; \
             no roll was checked here."
        );
    }
}
