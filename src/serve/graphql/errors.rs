//! The errors of an answer: each has a code, and none is long.
//!
//! Most errors are the library's and quote what was sent: a name, a value, the line that can't be parsed. Unbounded, the answer
//! to a long request could be longer than the request.

use async_graphql::{ErrorExtensions as _, PathSegment, Pos, Response, ServerError};

use crate::serve::limits;

/// An error that refuses a whole request. It names a place in the document if `pos` is given.
pub fn refusal(code: &str, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let error = async_graphql::Error::new(message).extend_with(|_, e| e.set("code", code));
    let mut error = error.into_server_error(pos.unwrap_or_default());
    if pos.is_none() {
        error.locations.clear();
    }
    error
}

/// The most bytes that a character takes in JSON.
fn bytes(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    }
}

/// The most bytes that a text takes in JSON, without its quotes.
fn written(text: &str) -> usize {
    text.chars().map(bytes).sum()
}

/// Cuts a text that would take more than `most` bytes in JSON, and appends how long it was. A text that was cut before is short
/// enough, and stays as it is.
fn cut(text: &mut String, most: usize) {
    if written(text) <= most {
        return;
    }
    // The 64 bytes are room for the appended length.
    let (whole, mut written) = (text.len(), 64);
    let end = text.char_indices().find(|(_, c)| {
        written += bytes(*c);
        written > most
    });
    text.truncate(end.map_or(0, |(end, _)| end));
    text.push_str(&format!("… ({whole} bytes)"));
}

/// Bytes of the names in an error's path.
fn names(error: &ServerError) -> usize {
    let name = |segment: &PathSegment| match segment {
        PathSegment::Field(name) => name.len(),
        PathSegment::Index(_) => 0,
    };
    error.path.iter().map(name).sum()
}

/// Gives a code to an error of the library, which has none: `BAD_INPUT` if it is about a value in the request, else
/// `BAD_REQUEST`.
pub fn add_code(error: &mut ServerError) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", if error.path.is_empty() { "BAD_REQUEST" } else { "BAD_INPUT" });
    }
}

/// Bounds how many errors an answer has, and how much each repeats of what was sent. Errors that were bounded before stay as
/// they are.
pub fn bound(errors: &mut Vec<ServerError>) {
    let found = errors.len();
    // If they were bounded before, the last one says how many were left out.
    if found > limits::ERRORS_MOST + 1 {
        errors.truncate(limits::ERRORS_MOST);
    }
    let mut left = limits::ERRORS_BYTES;
    let mut kept = 0;
    for error in errors.iter_mut() {
        let own = error.message.ends_with(LEFT_OUT);
        // An error that would be cut to next to nothing is left out.
        if left < LEAST && !own {
            break;
        }
        cut(&mut error.message, limits::ERROR_BYTES.min(left.max(LEAST)));
        left = left.saturating_sub(if own { 0 } else { written(&error.message) });
        error.locations.truncate(limits::ERRORS_MOST);
        if names(error) > left {
            // `locations` still says where the error is.
            error.path.clear();
        }
        left = left.saturating_sub(names(error));
        add_code(error);
        kept += 1;
    }
    errors.truncate(kept);
    if found > errors.len() {
        let message = format!("{}{LEFT_OUT}", found - errors.len());
        errors.push(refusal("BAD_REQUEST", message, None));
    }
}

/// The end of the last error, which says how many others are left out.
const LEFT_OUT: &str = " more errors are left out";
/// The shortest length in bytes at which an error's message is still of use.
const LEAST: usize = 128;

/// Bounds the errors of an answer.
pub fn bounded(mut answer: Response) -> Response {
    bound(&mut answer.errors);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_never_says_much_of_what_was_sent() {
        for sent in ["ü", "\u{1}", "\"", "x"] {
            let mut error = ServerError::new(sent.repeat(1 << 20), None);
            error.path = vec![PathSegment::Field("long".repeat(1 << 10)); 20];
            let mut errors = vec![error; 1_000];
            bound(&mut errors);
            let text = serde_json::to_string(&errors).unwrap();
            assert!(text.len() < 1_800, "{sent:?}: {} bytes", text.len());
            assert!(errors.len() >= 2 && errors.len() <= limits::ERRORS_MOST + 1);
            assert!(errors[0].message.ends_with(&format!("… ({} bytes)", sent.len() << 20)));
            assert!(errors.last().unwrap().message.ends_with(LEFT_OUT));
            assert!(errors.iter().all(|e| e.extensions.as_ref().unwrap().get("code").is_some()));
            // They are bounded again where the answer is sent.
            let mut again = errors.clone();
            bound(&mut again);
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
        }
    }

    #[test]
    fn all_errors_together_say_no_more_than_one_may() {
        let mut error = ServerError::new(format!("unknown: {}", "x".repeat(400)), None);
        error.path = vec![PathSegment::Field("alias".repeat(40)); 3];
        let mut errors = vec![error; 5];
        bound(&mut errors);
        let text = serde_json::to_string(&errors).unwrap();
        let of_sent = text.matches("x").count() + 5 * text.matches("alias").count();
        assert!(of_sent <= limits::ERRORS_BYTES, "{of_sent}");
        assert!(errors.last().unwrap().message.ends_with(LEFT_OUT));
        // Short errors are all kept.
        let mut errors: Vec<_> = (0..5).map(|i| ServerError::new(format!("no field {i}"), None)).collect();
        bound(&mut errors);
        assert_eq!(errors.len(), 5);
    }

    #[test]
    fn a_short_error_is_left_as_it_is() {
        let mut errors = vec![ServerError::new("no such field", Some(Pos { line: 1, column: 2 }))];
        bound(&mut errors);
        assert_eq!((errors.len(), &*errors[0].message), (1, "no such field"));
        assert_eq!(errors[0].locations, [Pos { line: 1, column: 2 }]);
    }
}
