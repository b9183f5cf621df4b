//! Words: content blobs.

use onrecord_verify::{
    event::{Code, Content},
    note::base64_decode,
};
use serde_json::Value;

/// Words that are read say the same to any reader of JSON, carry a salt, and stay the same when they are written again. A
/// refusal quotes none of them.
pub fn holds(bytes: &[u8]) -> bool {
    let content = match Content::parse(bytes) {
        Ok(content) => content,
        Err(refusal) => {
            assert!(matches!(refusal.code, Code::ContentJson | Code::ContentSalt));
            assert!(refusal.to_string().len() < 250, "{refusal}");
            assert!(refusal.to_string().bytes().all(|b| (0x20..0x7f).contains(&b)), "{refusal}");
            return false;
        }
    };
    let value: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(value.as_object(), Some(content.members()));
    let salt = base64_decode(content.text("salt").unwrap()).unwrap();
    assert_eq!(salt.len(), 16);
    let named = value.get("files").map_or(0, |files| files.as_array().unwrap().len());
    assert_eq!(content.files().len(), named);
    let again = value.to_string();
    let read = Content::parse(again.as_bytes());
    // With other escapes than before it may be too long.
    if again.len() <= bytes.len() {
        let read = read.unwrap();
        assert_eq!((read.members(), read.files()), (content.members(), content.files()));
    }
    let mut words = content.members().clone();
    words.remove("salt");
    words.remove("files");
    let sealed = Content::seal(words, content.files(), &salt.try_into().unwrap());
    if sealed.len() <= bytes.len() {
        assert_eq!(Content::parse(&sealed).unwrap().files(), content.files());
    }
    true
}
