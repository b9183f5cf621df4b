//! Foreign text on its way to a reader's eyes.

use std::borrow::Cow;

/// Whether a character reorders or hides the text around it: bidirectional embeddings, overrides and isolates
/// (Unicode UAX #9), invisible characters, and control characters other than tab and newline. Not joiners (U+200C and
/// U+200D), which some scripts need.
fn deceives(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The text with every character that would deceive the eye written out, e.g. `⟨U+202E⟩`, and CRLF made a newline. For
/// showing only: the signed text is unchanged.
pub fn shown(text: &str) -> Cow<'_, str> {
    use std::fmt::Write as _;
    if !text.chars().any(deceives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            c if deceives(c) => {
                // Writing to a String does not fail.
                let _ = write!(out, "⟨U+{:04X}⟩", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The first `most` characters of a text on one line, cut at a word, with an ellipsis if anything is left out.
pub fn excerpt(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let chars = word.chars().count();
        if length > 0 && length + 1 + chars > most {
            out.push('…');
            return out;
        }
        if length > 0 {
            out.push(' ');
            length += 1;
        }
        if chars > most {
            out.extend(word.chars().take(most));
            out.push('…');
            return out;
        }
        out.push_str(word);
        length += chars;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bidi_controls_are_made_visible_and_plain_text_is_left_alone() {
        assert!(matches!(shown("Perkeso: السلام\n\ttab"), Cow::Borrowed(_)));
        assert_eq!(shown("a\u{202e}b\u{2066}c"), "a⟨U+202E⟩b⟨U+2066⟩c");
        assert_eq!(shown("a\r\nb\u{7}"), "a\nb⟨U+0007⟩");
        assert_eq!(shown("a\u{200b}b\u{feff}"), "a⟨U+200B⟩b⟨U+FEFF⟩");
    }

    #[test]
    fn excerpts_end_at_a_word() {
        assert_eq!(excerpt("one  two\nthree", 20), "one two three");
        assert_eq!(excerpt("one two three", 9), "one two…");
        assert_eq!(excerpt("abcdefghij", 4), "abcd…");
        assert_eq!(excerpt("", 4), "");
    }
}
