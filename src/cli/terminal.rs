//! What is printed, and what is asked.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::Failure;
pub(super) use crate::quote::shell;

/// Prints a result to stdout.
pub(super) fn result(text: &str) {
    let mut out = io::stdout().lock();
    // Whoever closed the pipe has read enough.
    let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
}

/// Prints raw bytes to stdout.
pub(super) fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Prints a JSON value to stdout.
pub(super) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => result(&text),
        Err(e) => note(&format!("onrecord: {e}")),
    }
}

/// Prints a line for people to stderr.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain(text));
}

/// Whether somebody can answer.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for one line. `None` at the end of input.
pub(super) fn ask(question: &str) -> Result<Option<String>, Failure> {
    let failed = |e: io::Error| Failure::Undecided(format!("the terminal: {e}"));
    let mut err = io::stderr().lock();
    write!(err, "{} ", plain(question)).and_then(|()| err.flush()).map_err(failed)?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line).map_err(failed)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim().to_owned()))
}

/// Asks yes or no.
pub(super) fn confirm(question: &str) -> Result<bool, Failure> {
    let answer = ask(&format!("{question} [y/N]"))?;
    Ok(answer.is_some_and(|a| matches!(a.as_str(), "y" | "Y" | "yes")))
}

/// Text that can't move the cursor, change colours or turn the direction of writing: such characters are shown
/// as escapes. New lines stay.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if (c.is_control() && c != '\n') || turns {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_can_not_drive_the_terminal() {
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{202e}é"), "a\\u{1b}[31m\\u{d}\nb\\u{202e}é");
    }
}
