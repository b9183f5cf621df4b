//! The words of an event: one I-JSON object (RFC 7493) that the event commits to by one salted hash.

use serde_json::{Map, Value};

use super::{
    id::Digest,
    refusal::{Code, Refusal},
};
use crate::note::{base64_decode, base64_encode};

/// The largest content blob, in bytes.
pub const MAX_CONTENT: usize = 262_144;
/// The most files one content blob may name.
pub const MAX_FILES: usize = 1_000;

const MAX_DEPTH: usize = 32;
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// What an event commits to: digest and size of its content blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRef {
    /// BLAKE3 of the raw bytes.
    pub blake3: Digest,
    /// Their number, at most [`MAX_CONTENT`].
    pub size: u32,
}

impl ContentRef {
    /// The commitment to these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { blake3: Digest::blake3(bytes), size: bytes.len() as u32 }
    }
    /// Whether these are the bytes committed to.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.size as usize && Digest::blake3(bytes) == self.blake3
    }
}

/// A file that words name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// Its name, as the author gave it.
    pub name: String,
    /// BLAKE3 of its bytes.
    pub blake3: Digest,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type, e.g. `application/pdf`.
    pub media: String,
}

/// Words of the form that formats.md, section 3, asks for: I-JSON, salt, files.
#[derive(Debug, Clone)]
pub struct Content {
    members: Map<String, Value>,
    files: Vec<FileRef>,
}

impl Content {
    /// The files that `words` name; none if `words` can't be parsed.
    ///
    /// Most words have no member `files`. That is seen without parsing, which takes longer: a member of that name is
    /// written as `"files"`, or with a backslash.
    pub fn files_named(words: &[u8]) -> Vec<FileRef> {
        if !words.contains(&b'\\') && !words.windows(7).any(|w| w == b"\"files\"") {
            return Vec::new();
        }
        Self::parse(words).map_or(Vec::new(), |content| content.files().to_vec())
    }

    /// Reads a content blob as the door does (formats.md, section 3).
    ///
    /// # Errors
    /// `CONTENT_JSON` or `CONTENT_SALT`. The message never quotes words.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let refuse = |place: &str, expected: &str, found: &str| {
            Refusal::new(Code::ContentJson, place, expected, found)
        };
        if bytes.len() > MAX_CONTENT {
            let expected = format!("at most {MAX_CONTENT} bytes");
            return Err(refuse("content", &expected, &bytes.len().to_string()));
        }
        let strict: Strict = serde_json::from_slice(bytes).map_err(|e| {
            // serde_json's own messages may quote a member name, so only the position is passed on.
            let at = format!("a fault at line {}, column {}", e.line(), e.column());
            refuse("content", "one I-JSON object: no name twice, integers up to 2^53-1, UTF-8, no BOM", &at)
        })?;
        let Value::Object(members) = strict.0 else {
            return Err(refuse("content", "an object", "another value"));
        };
        let salt = members.get("salt").and_then(Value::as_str).and_then(base64_decode);
        if salt.is_none_or(|s| s.len() != 16) {
            let found = if members.contains_key("salt") { "something else" } else { "nothing" };
            return Err(Refusal::new(Code::ContentSalt, "content.salt", "16 random bytes in base64", found));
        }
        let files = match members.get("files") {
            None => Vec::new(),
            Some(Value::Array(list)) if list.len() <= MAX_FILES => {
                list.iter().enumerate().map(|(i, f)| read_file(i, f)).collect::<Result<_, _>>()?
            }
            Some(_) => {
                return Err(refuse("content.files", "an array of at most 1,000 files", "something else"));
            }
        };
        Ok(Self { members, files })
    }

    /// Reads a JSON value by the rules for words: a member name that stands twice is an error, and is not silently dropped.
    pub fn json(text: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str::<Strict>(text).map(|strict| strict.0)
    }

    /// Makes a content blob of words, adding salt and files. The bytes are those to hash, sign and submit.
    pub fn seal(mut words: Map<String, Value>, files: &[FileRef], salt: &[u8; 16]) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("salt".into(), base64_encode(salt).into());
        members.append(&mut words);
        if !files.is_empty() {
            let list: Vec<Value> = files.iter().map(FileRef::to_json).collect();
            members.insert("files".into(), list.into());
        }
        Value::Object(members).to_string().into_bytes()
    }

    /// The words, salt and files included, as they were sent.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }
    /// One member, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
    /// The files the words name, in order.
    pub fn files(&self) -> &[FileRef] {
        &self.files
    }
}

impl FileRef {
    fn to_json(&self) -> Value {
        serde_json::json!({
            "name": self.name, "blake3": self.blake3, "sha256": self.sha256, "size": self.size, "media": self.media,
        })
    }
}

fn read_file(i: usize, value: &Value) -> Result<FileRef, Refusal> {
    let place = |member: &str| format!("content.files[{i}].{member}");
    let fault = |member: &str, expected: &str| {
        Refusal::new(Code::ContentJson, place(member), expected, "something else or nothing")
    };
    let text = |member: &str| value.get(member).and_then(Value::as_str);
    let digest = |member: &str| {
        text(member).and_then(|t| t.parse().ok()).ok_or_else(|| fault(member, "64 lower-case hex digits"))
    };
    Ok(FileRef {
        name: text("name").filter(|n| !n.is_empty()).ok_or_else(|| fault("name", "a file name"))?.to_owned(),
        blake3: digest("blake3")?,
        sha256: digest("sha256")?,
        size: value.get("size").and_then(Value::as_u64).ok_or_else(|| fault("size", "a size in bytes"))?,
        media: text("media").ok_or_else(|| fault("media", "a media type"))?.to_owned(),
    })
}

/// A JSON value read by I-JSON's rules: no name twice, plain integers only, no noncharacters.
struct Strict(Value);

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::DeserializeSeed as _;
        Level(1).deserialize(d).map(Strict)
    }
}

struct Level(usize);

impl<'de> serde::de::DeserializeSeed<'de> for Level {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

fn characters<E: serde::de::Error>(s: &str) -> Result<(), E> {
    // RFC 7493, section 2.1: no noncharacters. Lone surrogates are already refused by the parser.
    let bad = |c: char| matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe;
    if s.chars().any(bad) { Err(E::custom("a noncharacter")) } else { Ok(()) }
}

impl<'de> serde::de::Visitor<'de> for Level {
    type Value = Value;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an I-JSON value")
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(b.into())
    }
    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Value, E> {
        if n.unsigned_abs() > MAX_NUMBER { Err(E::custom("a number beyond 2^53-1")) } else { Ok(n.into()) }
    }
    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Value, E> {
        if n > MAX_NUMBER { Err(E::custom("a number beyond 2^53-1")) } else { Ok(n.into()) }
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number with fraction or exponent"))
    }
    fn visit_str<E: serde::de::Error>(self, s: &str) -> Result<Value, E> {
        characters(s)?;
        Ok(s.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        use serde::de::Error as _;
        if self.0 > MAX_DEPTH {
            return Err(A::Error::custom("nested deeper than 32 levels"));
        }
        let mut out = Vec::new();
        while let Some(v) = seq.next_element_seed(Level(self.0 + 1))? {
            out.push(v);
        }
        Ok(out.into())
    }
    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        use serde::de::Error as _;
        if self.0 > MAX_DEPTH {
            return Err(A::Error::custom("nested deeper than 32 levels"));
        }
        let mut out = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            characters(&name)?;
            let value = map.next_value_seed(Level(self.0 + 1))?;
            if out.insert(name, value).is_some() {
                return Err(A::Error::custom("a name twice"));
            }
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (Code, String) {
        let r = Content::parse(text.as_bytes()).unwrap_err();
        (r.code, r.place)
    }

    #[test]
    fn sealed_words_pass_the_door() {
        let words = serde_json::from_str(r#"{"text":"Kenyataan \"rasmi\" ✓"}"#).unwrap();
        let file = FileRef {
            name: "a.txt".into(),
            blake3: Digest([1; 32]),
            sha256: Digest([2; 32]),
            size: 3,
            media: "text/plain".into(),
        };
        let bytes = Content::seal(words, std::slice::from_ref(&file), &[9; 16]);
        let content = Content::parse(&bytes).unwrap();
        assert_eq!(content.text("text"), Some("Kenyataan \"rasmi\" ✓"));
        assert_eq!(content.files(), &[file]);
    }

    #[test]
    fn words_that_are_not_i_json_are_refused_without_being_quoted() {
        let salt = r#""salt":"AAAAAAAAAAAAAAAAAAAAAA==""#;
        for body in [
            r#","a":1,"a":2"#,
            r#","a":1.5"#,
            r#","a":1e3"#,
            r#","a":-0"#,
            r#","a":9007199254740992"#,
            r#","a":NaN"#,
            r#","a":"\ud800""#,
            r#","a":"\uffff""#,
            r#","secret":tru"#,
        ] {
            let r = Content::parse(format!("{{{salt}{body}}}").as_bytes()).unwrap_err();
            assert_eq!(r.code, Code::ContentJson, "{body}");
            assert!(!r.message.contains("secret"));
        }
        assert_eq!(fault("[1]").0, Code::ContentJson);
        let deep = format!("{{{salt},\"a\":{}{}}}", "[".repeat(32), "]".repeat(32));
        assert_eq!(fault(&deep).0, Code::ContentJson);
        assert_eq!(fault(r#"{"a":1}"#).0, Code::ContentSalt);
        assert_eq!(fault(r#"{"salt":"AAAAAAAAAAAAAAAAAAAAAB=="}"#).0, Code::ContentSalt);
        assert_eq!(fault(&format!("{{{salt},\"files\":[{{\"name\":\"x\"}}]}}")).1, "content.files[0].blake3");
    }
}
