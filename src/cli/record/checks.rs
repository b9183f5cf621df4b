//! Which flag a check between events is about.

/// The flags that a check of `checks` in events.json is about; if there are several, the one that was given is meant. `why`
/// is the refusal's message, which tells the parts of a check apart. `None` if `check` is no check.
pub(super) fn flags(check: &str, why: &str) -> Option<&'static [&'static str]> {
    let is_of = |words: &[&str]| words.iter().any(|word| why.contains(word));
    Some(match check {
        "demand.respondent" => &["respondent"],
        "demand.items" => &["item"],
        "demand.sender" => &["petitioner", "counsel"],
        "deadline.rule" => &["deadline-rule", "deadline"],
        "deadline.earlier" => &["until"],
        "disclosure.reply" if is_of(&["refs.party"]) => &["party"],
        "disclosure.reply" if is_of(&["item"]) => &["outcome"],
        "disclosure.reply" => &["kind"],
        "assessment.pair" if is_of(&["item"]) => &["verdict"],
        "assessment.pair" => &["disclosure"],
        "at.day" | "evidence.order" | "demand.order" => &["at"],
        "collection.open" if is_of(&["count,"]) => &["count"],
        "collection.open" => &["collection"],
        "collection.standing" => &["withdrawn", "duplicate", "invalid"],
        "commitment.open" => &["commitment"],
        "withholding.file" => &["blob"],
        "withholding.state" if is_of(&["no words"]) => &["entry"],
        "withholding.state" => &["blob"],
        "case.fictional" => &["fictional", "respondent"],
        "correction.void" if is_of(&["replacement"]) => &["replacement"],
        "correction.void" if is_of(&["can't be voided"]) => &["effect"],
        "correction.void" => &["corrects"],
        "evidence.addressee" => &["vouched-by"],
        "link.quote" => &["quotes"],
        "words.items" if is_of(&["answer"]) => &["answer"],
        "words.items" => &["item"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::record::{deadline_args, fields::fields},
        event::EventType,
    };

    #[test]
    fn every_check_has_the_flag_of_a_type_that_it_is_about() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../schema/events.json")).unwrap();
        let checks = schema["checks"].as_object().unwrap();
        assert!(checks.len() > 15);
        for (check, about) in checks {
            let flags = flags(check, "").unwrap_or_else(|| panic!("{check}: no flag"));
            let about = about.as_str().unwrap();
            let types = EventType::ALL.iter().filter(|t| {
                about.contains(t.as_str())
                    || (about.contains("collection.*") && t.as_str().starts_with("collection."))
            });
            let mut of_types: Vec<String> = types.flat_map(|t| fields(*t)).map(|f| f.flag).collect();
            of_types.push("at".to_owned());
            of_types.extend(deadline_args().iter().map(|a| a.get_id().to_string()));
            for flag in flags {
                assert!(of_types.iter().any(|f| f == flag), "{check}: --{flag}");
            }
        }
        assert_eq!(super::flags("by[0]", ""), None);
    }
}
