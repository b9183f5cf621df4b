//! Words that say nothing, such as an empty text: the door refuses them.

use serde_json::Value;
use unicode_normalization::char::is_combining_mark;

use super::{Code, Content, EventType, Refusal};

impl Content {
    /// Refuses words that say nothing: a text with no visible character, or a quotation under a misspelt name.
    ///
    /// Only the door checks this, and only new words: those on record may be older than this rule.
    ///
    /// # Errors
    /// `CONTENT_JSON`, with the member. The message never quotes words.
    pub fn refuse_unsaid(&self, event_type: EventType) -> Result<(), Refusal> {
        for (name, value) in self.members() {
            match name.as_str() {
                "salt" | "files" => {}
                "quotes" if event_type == EventType::LinkAsserted => quotes_of_link(value)?,
                "quotes" => quotes(value)?,
                name => said(&format!("content.{name}"), value)?,
            }
        }
        Ok(())
    }
}

/// Checks quotations of people: a list, whose items may say whose words they quote.
fn quotes(value: &Value) -> Result<(), Refusal> {
    let place = "content.quotes";
    match value {
        Value::Array(list) if !list.is_empty() => list
            .iter()
            .enumerate()
            .try_for_each(|(i, q)| quote(&format!("{place}[{i}]"), q, &["prefix", "suffix", "by"])),
        found => Err(Refusal::new(Code::ContentJson, place, "a list, such as [{exact, by}]", shape(found))),
    }
}

/// Checks quotations of the records that a link joins: one for each side, or for one side. The link's refs say whose words
/// they are.
fn quotes_of_link(value: &Value) -> Result<(), Refusal> {
    let place = "content.quotes";
    let refuse = |found: &str| {
        let expected = "one quotation for each side, or for one: {from: {exact}, to: {exact}}";
        Err(Refusal::new(Code::ContentJson, place, expected, found))
    };
    match value {
        Value::Object(sides) if !sides.is_empty() => {
            sides.iter().try_for_each(|(side, q)| match side.as_str() {
                "from" | "to" => quote(&format!("{place}.{side}"), q, &["prefix", "suffix"]),
                _ => refuse("a member of another name"),
            })
        }
        found => refuse(shape(found)),
    }
}

/// What a value is, without quoting it.
fn shape(value: &Value) -> &'static str {
    match value {
        Value::Array(list) if list.is_empty() => "an empty list",
        Value::Array(_) => "a list",
        Value::Object(members) if members.is_empty() => "an empty object",
        Value::Object(_) => "an object",
        _ => "another value",
    }
}

/// Checks one quotation by the members of a W3C TextQuoteSelector: `exact`, `type`, and those in `allowed`.
fn quote(place: &str, value: &Value, allowed: &[&str]) -> Result<(), Refusal> {
    let others = match allowed.split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    };
    let expected = format!("exact, and may be {others}, each a text");
    let refuse = |found: &str| Err(Refusal::new(Code::ContentJson, place, &expected, found));
    let Value::Object(members) = value else { return refuse(shape(value)) };
    if !members.contains_key("exact") {
        return refuse("no exact");
    }
    for (name, value) in members {
        match value {
            _ if !matches!(name.as_str(), "exact" | "type") && !allowed.contains(&name.as_str()) => {
                return refuse("a member of another name");
            }
            // These may be empty: nothing stands before the beginning of a text, or after its end.
            Value::String(_) if matches!(name.as_str(), "prefix" | "suffix") => {}
            Value::String(_) => said(&format!("{place}.{name}"), value)?,
            _ => return refuse("another value"),
        }
    }
    Ok(())
}

/// Refuses texts with no visible character, at any depth.
fn said(place: &str, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::String(text) if text.chars().all(|c| is_blank(c) || is_combining_mark(c)) => {
            let found = if text.is_empty() { "an empty text" } else { "nothing that can be seen" };
            Err(Refusal::new(Code::ContentJson, place, "words; what is not said is left out", found))
        }
        Value::Array(list) => {
            list.iter().enumerate().try_for_each(|(i, v)| said(&format!("{place}[{i}]"), v))
        }
        Value::Object(members) => {
            members.iter().try_for_each(|(name, v)| said(&format!("{place}.{name}"), v))
        }
        _ => Ok(()),
    }
}

/// Characters that leave no mark: spaces, control characters, and Unicode's Default_Ignorable_Code_Point with the blank of
/// Braille and the anchors of annotations.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_say_nothing_are_read_and_not_taken_anew() {
        let asked = |words: &str| {
            let blob = format!("{{\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",{words}}}");
            let event_type =
                if words.contains("from") { EventType::LinkAsserted } else { EventType::StatementMade };
            Content::parse(blob.as_bytes()).unwrap().refuse_unsaid(event_type).map_err(|r| r.place)
        };
        for blank in [
            "",
            "   ",
            "\\u0000",
            "\u{200b}",
            "\u{feff}",
            "\u{a0}\u{2060}\\n",
            "\u{3164}",
            "\u{e0020}",
            "\u{2800}",
            "\u{301}",
            " \u{20dd}\u{fe0f}",
        ] {
            let place = |words: &str| asked(&words.replace('_', blank)).unwrap_err();
            assert_eq!(place(r#""text":"_""#), "content.text", "{blank:?}");
            assert_eq!(place(r#""items":["One","_"]"#), "content.items[1]");
            assert_eq!(place(r#""answers":{"1":"_"}"#), "content.answers.1");
            assert_eq!(place(r#""translation":{"language":"en","text":"_"}"#), "content.translation.text");
            assert_eq!(place(r#""quotes":[{"exact":"_"}]"#), "content.quotes[0].exact");
        }
        for (quotes, place) in [
            (r#"[{"exat":"x","by":"y"}]"#, "content.quotes[0]"),
            (r#"[{"exact":"x","bye":"y"}]"#, "content.quotes[0]"),
            (r#"[{"exact":["x"]}]"#, "content.quotes[0]"),
            (r#"{"form":{"exact":"x"}}"#, "content.quotes"),
            (r#"{"from":{"exact":"x"},"form":{"exact":"x"}}"#, "content.quotes"),
            (r#"{"from":{"exact":"x","by":"y"}}"#, "content.quotes.from"),
            (r#"[{"exact":"from"},{"exact":"x"}]"#, "content.quotes"),
            ("[]", "content.quotes"),
            ("{}", "content.quotes"),
            (r#"{"from":{"exact":"x","perfix":"y"}}"#, "content.quotes.from"),
            (r#"{"exact":"x"}"#, "content.quotes"),
            (r#""x""#, "content.quotes"),
        ] {
            assert_eq!(asked(&format!("\"quotes\":{quotes}")), Err(place.to_owned()), "{quotes}");
        }
        for good in [
            "\"text\":\"a\u{200b}b\"",
            "\"text\":\"\u{feff}👍\u{fe0f}\"",
            "\"text\":\"e\u{301}\"",
            r#""affected_count":0,"aliases":[]"#,
            r#""quotes":[{"exact":"x","by":"y"}]"#,
            r#""quotes":{"from":{"exact":"x","prefix":"","suffix":" "},"to":{"type":"TextQuoteSelector","exact":"y"}}"#,
        ] {
            assert_eq!(asked(good), Ok(()), "{good}");
        }
    }
}
