//! Names of countries and languages for the codes in facts.

const COUNTRIES: &str = include_str!("names/countries.txt");
const LANGUAGES: &str = include_str!("names/languages.txt");
const SCRIPTS: &str = include_str!("names/scripts.txt");

/// The name of a code in a table.
fn named(table: &'static str, code: &str) -> Option<&'static str> {
    table.lines().find_map(|line| line.strip_prefix(code)?.strip_prefix(' '))
}

/// The name of a country for its ISO 3166-1 code: `Malaysia`. A code without a name stays as it is.
pub(super) fn country(code: &str) -> &str {
    named(COUNTRIES, code).unwrap_or(code)
}

/// The name of a language for its BCP 47 tag: `Malay`, `English (United Kingdom)`. Parts without a name stay as they are.
pub fn language(tag: &str) -> String {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or(tag);
    let Some(language) = named(LANGUAGES, first) else { return tag.to_owned() };
    let rest: Vec<&str> = parts
        .map(|part| match part.len() {
            2 => named(COUNTRIES, &part.to_ascii_uppercase()).unwrap_or(part),
            4 => script(part).unwrap_or(part),
            _ => part,
        })
        .collect();
    if rest.is_empty() { language.to_owned() } else { format!("{language} ({})", rest.join(", ")) }
}

/// Whether a BCP 47 tag begins with a language code that has a name here. Every code of two letters that is in use has one;
/// not every code of three letters has.
pub fn is_named_language(tag: &str) -> bool {
    named(LANGUAGES, tag.split('-').next().unwrap_or(tag)).is_some()
}

/// The name of a script for its ISO 15924 code, in any case of letters.
fn script(code: &str) -> Option<&'static str> {
    let (first, rest) = code.split_at_checked(1)?;
    named(SCRIPTS, &format!("{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Country;

    #[test]
    fn every_country_and_the_languages_of_a_tag_have_names() {
        for code in Country::ALL {
            assert!(country(code).len() > 2, "{code}");
        }
        assert_eq!(country("MY"), "Malaysia");
        for (tag, said) in [
            ("ms", "Malay"),
            ("iba", "Iban"),
            ("ta", "Tamil"),
            ("en-GB", "English (United Kingdom)"),
            ("zh-Hant-TW", "Chinese (Traditional, Taiwan)"),
            ("ms-arab", "Malay (Arabic)"),
            ("de-1996", "German (1996)"),
            ("qaa", "qaa"),
            ("qaa-MY", "qaa-MY"),
        ] {
            assert_eq!(language(tag), said);
        }
    }
}
