//! Prints results and notes, and asks questions.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    sync::Mutex,
};

use serde_json::json;

use super::{Failure, Fault, hear};
pub(super) use crate::quote::shell;

/// The first error in writing to stdout.
static UNWRITTEN: Mutex<Option<io::Error>> = Mutex::new(None);
/// What was put on record, to be named if the output could not be written.
static RECORDED: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// What was made on the disk, to be named in the same case.
static MADE: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Failure {
    /// Prints it as a warning after `what`; the command goes on.
    pub fn warn(self, what: &str) {
        let why = match self {
            Self::Event(refusal) => refusal.to_string(),
            Self::Submission(faults, _) => faults
                .iter()
                .map(|fault| format!("{}: {}", fault.place, fault.message))
                .collect::<Vec<_>>()
                .join("; "),
            Self::Silent(_) => return,
            Self::Refused(why) | Self::Usage(why) | Self::Undecided(why) => why,
        };
        note(&format!("{what}: {why}"));
    }

    /// Prints it to stderr.
    pub fn say(self, json: bool) {
        let code = self.code();
        let said = match self {
            Self::Event(refusal) => vec![refusal.into()],
            Self::Submission(faults, _) => faults,
            Self::Silent(_) => return,
            Self::Refused(why) | Self::Usage(why) | Self::Undecided(why) => {
                match json {
                    true => json_errors(&json!({"errors": [{"message": why}], "exit": code})),
                    false => note(&format!("onrecord: {why}")),
                }
                return;
            }
        };
        if json {
            let errors: Vec<_> = said.iter().map(Fault::to_json).collect();
            json_errors(&json!({"errors": errors, "exit": code}));
        } else {
            said.iter().for_each(|fault| note(&fault.to_string()));
        }
    }
}

/// The command as the user called it, for commands to paste.
pub(super) fn program() -> String {
    env::args().next().unwrap_or_else(|| "onrecord".to_owned())
}

/// Prints a result to stdout.
pub(super) fn result(text: &str) {
    raw(format!("{}\n", text.trim_end_matches('\n')).as_bytes());
}

/// Prints raw bytes to stdout.
pub(super) fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    kept(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Keeps the error if something was not written, for [`unwritten`].
pub(super) fn kept(written: io::Result<()>) {
    match written {
        // The reader of a closed pipe has read enough.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            UNWRITTEN.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(e);
        }
        _ => {}
    }
}

/// The failure if some of the output could not be written. To be called once the command is done.
pub(super) fn unwritten() -> Option<Failure> {
    let e = UNWRITTEN.lock().unwrap_or_else(|e| e.into_inner()).take()?;
    let mut but = String::new();
    // Says what was done: a second try would record it twice, or be refused because of it.
    for (done, list) in [("on record", &RECORDED), ("made", &MADE)] {
        let list = std::mem::take(&mut *list.lock().unwrap_or_else(|e| e.into_inner()));
        if !list.is_empty() {
            but.push_str(&format!("; {done} all the same: {}", list.join(", ")));
        }
    }
    Some(Failure::Refused(format!("the output could not be written: {e}{but}")))
}

/// Whether some of the output could not be written so far.
pub(super) fn is_unwritten() -> bool {
    UNWRITTEN.lock().unwrap_or_else(|e| e.into_inner()).is_some()
}

/// Keeps what was put on record, for [`unwritten`].
pub(super) fn recorded(entry: String) {
    RECORDED.lock().unwrap_or_else(|e| e.into_inner()).push(entry);
}

/// Keeps what was made on the disk and is in the way of the next try, for [`unwritten`].
pub(super) fn made(what: String) {
    MADE.lock().unwrap_or_else(|e| e.into_inner()).push(what);
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

/// Prints errors for programs to stderr: one object, on one line.
pub(super) fn json_errors(value: &serde_json::Value) {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match c {
            // Such characters stand only inside strings, and none takes more than four hex digits.
            c if deceives(c) => line.push_str(&format!("\\u{:04x}", c as u32)),
            c => line.push(c),
        }
    }
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether there is a terminal at which somebody can answer.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for one line. `None` at the end of input.
///
/// # Errors
/// [`Failure::Silent`] with 128 and the number of a signal that came instead of an answer: the caller can save what was typed
/// before.
pub(super) fn ask(question: &str) -> Result<Option<String>, Failure> {
    let failed = |e: io::Error| Failure::Undecided(format!("the terminal: {e}"));
    let show = || {
        let mut err = io::stderr().lock();
        write!(err, "{} ", plain(question)).and_then(|()| err.flush())
    };
    loop {
        let Some(line) = hear::line(show).map_err(|unheard| match unheard {
            hear::Unheard::Failed(e) => failed(e),
            hear::Unheard::Stopped(code) => {
                note("");
                Failure::Silent(code)
            }
        })?
        else {
            return Ok(None);
        };
        let answer = line.trim();
        if super::holds_secret(answer.as_bytes()) {
            // Refused here, so that no error, draft or entry can hold it.
            note(
                "  This is a secret key, and no answer to any question. It is not kept here, but anyone who has seen it can sign \
                 with it: think of a new key. Where a key file is asked for, give its name",
            );
            continue;
        }
        return Ok(Some(answer.to_owned()));
    }
}

/// Asks for what may be left out. `None` if nothing was typed, or a word such as `none`: a newcomer who types it means no name
/// and no file.
pub(super) fn ask_for(question: &str) -> Result<Option<String>, Failure> {
    Ok(ask(question)?.filter(|answer| !answer.is_empty() && !is_no(answer)))
}

/// Whether an answer says that there is none. A file of such a name is given as `./none`.
pub(super) fn is_no(answer: &str) -> bool {
    ["no", "n", "none", "nothing", "-"].iter().any(|no| answer.eq_ignore_ascii_case(no))
}

/// Asks yes or no.
pub(super) fn confirm(question: &str) -> Result<bool, Failure> {
    let answer = ask(&format!("{question} [y/N]"))?;
    Ok(answer.is_some_and(|a| matches!(a.as_str(), "y" | "Y" | "yes")))
}

/// Refuses to go on where nobody can say yes, unless a flag has said it.
pub(super) fn refuse_unasked(yes: bool) -> Result<(), Failure> {
    if yes || can_ask() {
        return Ok(());
    }
    Err(Failure::Usage("nobody can be asked here: give --yes to go on without questions".into()))
}

/// Asks for a yes, unless a flag has said it. To be called before a signature leaves the program or anything is removed.
pub(super) fn agree(yes: bool, question: &str) -> Result<(), Failure> {
    refuse_unasked(yes)?;
    if yes || confirm(question)? {
        return Ok(());
    }
    Err(no())
}

/// The failure for an answer of no.
pub(super) fn no() -> Failure {
    Failure::Refused(NO.into())
}

const NO: &str = "the answer was no: nothing was done";

/// Whether a failure is that somebody said no.
pub(super) fn is_said_no(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(why) if why == NO)
}

/// Whether a character is invisible and part of no script: zero-width spaces, word joiners, invisible operators and byte-order
/// marks. Joiners of letters are part of words in many scripts, and are left alone.
pub(super) fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Text that can't move the cursor, change colours, turn the direction of writing or hide in a word: such characters are shown
/// as escapes. New lines stay.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character could deceive a reader: it does something on the screen, or can't be seen.
fn deceives(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n') || turns || is_unseen(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_can_not_drive_the_terminal() {
        assert_eq!(plain("\u{feff}a\u{200b}b"), "\\u{feff}a\\u{200b}b");
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{202e}é"), "a\\u{1b}[31m\\u{d}\nb\\u{202e}é");
    }
}
