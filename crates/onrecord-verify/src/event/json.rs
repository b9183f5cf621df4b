//! Line 3, read by rules that leave no room for two readings (formats.md, section 3).
//!
//! Bytes 0x21 to 0x7E without backslash: no white space and no escapes, so a string is what stands between
//! its quotes. Numbers are judged on the token. The fault reported is the first in reading order, but bytes
//! that may not stand in the line at all are looked for first.

use std::collections::HashSet;

use super::refusal::{Code, Refusal, quote};

/// The deepest nesting; the outermost object is level 1.
pub const MAX_DEPTH: usize = 32;
/// An object with this number of members or more keeps their names in a set. Honest events have fewer, and for these a
/// linear search is faster; but comparing each of 7,000 names with all others takes longer than verifying a signature.
const MANY: usize = 16;
/// The largest absolute value of a number: 2^53-1.
pub const MAX_NUMBER: i64 = (1 << 53) - 1;

/// A value of line 3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Number(i64),
    /// The bytes between the quotes; there are no escapes.
    String(&'a str),
    /// At least one value.
    Array(Vec<Json<'a>>),
    /// At least one member, in order, no name twice.
    Object(Vec<(&'a str, Json<'a>)>),
}

impl Json<'_> {
    /// What the value is, for messages.
    pub fn describe(&self) -> String {
        match self {
            Json::Bool(b) => b.to_string(),
            Json::Number(n) => n.to_string(),
            Json::String(s) => quote(s),
            Json::Array(a) => format!("an array of {}", a.len()),
            Json::Object(_) => "an object".to_owned(),
        }
    }
}

/// Reads line 3.
///
/// # Errors
/// A refusal with one of the `JSON_` codes; its place is `line 3, byte <n>`, counted from 1.
pub fn parse(line: &str) -> Result<Json<'_>, Refusal> {
    if let Some(i) = line.bytes().position(|b| !(0x21..=0x7e).contains(&b) || b == b'\\') {
        let found = match line.as_bytes()[i] {
            b'\\' => "a backslash".to_owned(),
            b' ' => "a space".to_owned(),
            b => format!("0x{b:02X}"),
        };
        return Err(fault(Code::JsonByte, i, "bytes 0x21 to 0x7E without backslash", &found));
    }
    let mut p = Parser { text: line, at: 0 };
    let value = p.value(1)?;
    if p.at != line.len() {
        return Err(p.syntax("the end of the line"));
    }
    match value {
        Json::Object(_) => Ok(value),
        other => Err(fault(Code::JsonNotObject, 0, "an object", &other.describe())),
    }
}

fn fault(code: Code, at: usize, expected: &str, found: &str) -> Refusal {
    Refusal::new(code, format!("line 3, byte {}", at + 1), expected, found)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.peek() == Some(byte);
        self.at += usize::from(hit);
        hit
    }

    fn syntax(&self, expected: &str) -> Refusal {
        let found = self.peek().map_or("the end of the line".to_owned(), |b| format!("{:?}", char::from(b)));
        fault(Code::JsonSyntax, self.at, expected, &found)
    }

    fn value(&mut self, level: usize) -> Result<Json<'a>, Refusal> {
        match self.peek() {
            Some(b'{') => self.object(level),
            Some(b'[') => self.array(level),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [("true", Json::Bool(true)), ("false", Json::Bool(false))] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                if self.text[self.at..].starts_with("null") {
                    return Err(fault(Code::JsonNull, self.at, "the member left out", "null"));
                }
                Err(self.syntax("a JSON value"))
            }
        }
    }

    fn enter(&mut self, level: usize, close: u8) -> Result<(), Refusal> {
        if level > MAX_DEPTH {
            return Err(fault(Code::JsonDepth, self.at, "at most 32 levels", "another"));
        }
        self.at += 1;
        if self.peek() == Some(close) {
            return Err(fault(Code::JsonEmpty, self.at - 1, "the member left out", "nothing in it"));
        }
        Ok(())
    }

    fn object(&mut self, level: usize) -> Result<Json<'a>, Refusal> {
        self.enter(level, b'}')?;
        let mut members: Vec<(&str, Json)> = Vec::new();
        let mut names = HashSet::new();
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a member name"));
            }
            let name = self.string()?;
            if members.len() == MANY {
                names.extend(members.iter().map(|(n, _)| *n));
            }
            let twice = match members.len() {
                0..MANY => members.iter().any(|(n, _)| *n == name),
                _ => !names.insert(name),
            };
            if twice {
                return Err(fault(Code::JsonDuplicate, start, "each name once", &quote(name)));
            }
            if !self.eat(b':') {
                return Err(self.syntax("a colon"));
            }
            let value = self.value(level + 1)?;
            members.push((name, value));
            if self.eat(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.syntax("a comma or the end of the object"));
            }
        }
    }

    fn array(&mut self, level: usize) -> Result<Json<'a>, Refusal> {
        self.enter(level, b']')?;
        let mut values = Vec::new();
        loop {
            values.push(self.value(level + 1)?);
            if self.eat(b']') {
                return Ok(Json::Array(values));
            }
            if !self.eat(b',') {
                return Err(self.syntax("a comma or the end of the array"));
            }
        }
    }

    fn string(&mut self) -> Result<&'a str, Refusal> {
        let start = self.at + 1;
        match self.text[start..].find('"') {
            Some(len) => {
                self.at = start + len + 1;
                Ok(&self.text[start..start + len])
            }
            None => {
                self.at = self.text.len();
                Err(self.syntax("the end of the string"))
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, Refusal> {
        let rest = &self.text[self.at..];
        let len = rest
            .bytes()
            .position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        let token = &rest[..len];
        let digits = token.strip_prefix('-').unwrap_or(token);
        let plain = token == "0"
            || (digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() && !digits.starts_with('0'));
        match token.parse::<i64>() {
            Ok(n) if plain && n.abs() <= MAX_NUMBER => {
                self.at += len;
                Ok(Json::Number(n))
            }
            _ => {
                let expected = "0 or -?[1-9][0-9]*, at most 2^53-1 in size";
                Err(fault(Code::JsonNumber, self.at, expected, &quote(token)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> Code {
        parse(line).unwrap_err().code
    }

    #[test]
    fn the_strict_grammar_is_read() {
        let line = r#"{"a":[1,-2,0,9007199254740991],"b":{"c":"x y"#.replace(' ', "_") + r#""},"d":true}"#;
        let Json::Object(members) = parse(&line).unwrap() else { panic!() };
        assert_eq!(members.len(), 3);
        assert_eq!(members[2], ("d", Json::Bool(true)));
    }

    #[test]
    fn each_fault_has_its_code() {
        for (line, expected) in [
            ("{\"a\": 1}", Code::JsonByte),
            ("{\"a\":\"\\u0041\"}", Code::JsonByte),
            ("{\"a\":\"é\"}", Code::JsonByte),
            ("\u{7f}", Code::JsonByte),
            ("", Code::JsonSyntax),
            ("{", Code::JsonSyntax),
            ("{\"a\"}", Code::JsonSyntax),
            ("{\"a\":1,}", Code::JsonSyntax),
            ("{\"a\":1}}", Code::JsonSyntax),
            ("{\"a\":\"}", Code::JsonSyntax),
            ("{\"a\":nul}", Code::JsonSyntax),
            ("{\"a\":tru}", Code::JsonSyntax),
            ("{a:1}", Code::JsonSyntax),
            ("[1]", Code::JsonNotObject),
            ("\"a\"", Code::JsonNotObject),
            ("{\"a\":1,\"a\":1}", Code::JsonDuplicate),
            ("{\"a\":-0}", Code::JsonNumber),
            ("{\"a\":01}", Code::JsonNumber),
            ("{\"a\":1.0}", Code::JsonNumber),
            ("{\"a\":-}", Code::JsonNumber),
            ("{\"a\":-9007199254740992}", Code::JsonNumber),
            ("{\"a\":99999999999999999999}", Code::JsonNumber),
            ("{\"a\":null}", Code::JsonNull),
            ("{}", Code::JsonEmpty),
            ("{\"a\":[]}", Code::JsonEmpty),
        ] {
            assert_eq!(code(line), expected, "{line}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_found_among_few_and_many() {
        for members in [2, MANY, MANY + 1, MANY + 2, 7_000] {
            let mut all: Vec<String> = (0..members).map(|i| format!("\"{i:04x}\":1")).collect();
            let line = |all: &[String]| format!("{{{}}}", all.join(","));
            assert!(parse(&line(&all)).is_ok(), "{members}");
            for again in [0, members / 2, members - 1] {
                all.push(all[again].clone());
                let e = parse(&line(&all)).unwrap_err();
                // After a brace, each member is eight bytes and a comma.
                let place = format!("line 3, byte {}", 2 + 9 * members);
                assert_eq!((e.code, e.place), (Code::JsonDuplicate, place));
                all.pop();
            }
        }
    }

    #[test]
    fn level_32_is_the_deepest() {
        let nest = |n: usize| format!("{{\"a\":{}1{}}}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&nest(31)).is_ok());
        assert_eq!(code(&nest(32)), Code::JsonDepth);
        assert_eq!(code(&nest(50_000)), Code::JsonDepth);
    }
}
