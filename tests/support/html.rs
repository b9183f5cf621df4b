//! As much of HTML as is needed to check our own pages.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::collections::HashSet;

/// An opening tag, with the values of its attributes decoded.
#[derive(Debug, Clone)]
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// Names of the tags around it, the outermost first.
    pub inside: Vec<String>,
    /// The text up to the next tag.
    pub text: String,
}

impl Tag {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Tags that hold nothing and are not closed.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "wbr", "img"];

pub fn meant(text: &str) -> String {
    let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
    text.replace("&#38;", "&").replace("&amp;", "&")
}

/// The tags of a page.
///
/// # Errors
/// Where tags are not nested, or an attribute is not quoted.
pub fn tags(page: &str) -> Result<Vec<Tag>, String> {
    let (mut tags, mut open) = (Vec::<Tag>::new(), Vec::<String>::new());
    let mut rest = page.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    while let Some(at) = rest.find('<') {
        if let Some(tag) = tags.last_mut().filter(|tag| tag.text.is_empty()) {
            tag.text = meant(rest[..at].trim());
        }
        let end = rest[at..].find('>').ok_or_else(|| format!("no end: {}", &rest[at..]))? + at;
        let inner = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            let last = open.pop().unwrap_or_default();
            if last != name {
                return Err(format!("</{name}> closes <{last}> inside {open:?}"));
            }
            continue;
        }
        let inner_open = inner.strip_suffix('/').unwrap_or(inner);
        let (name, mut left) = inner_open.split_once(char::is_whitespace).unwrap_or((inner_open, ""));
        let mut attributes: Vec<(String, String)> = Vec::new();
        while !left.trim().is_empty() {
            left = left.trim_start();
            let ends = left.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(left.len());
            let (attribute, after) = left.split_at(ends);
            let value = match after.strip_prefix("=\"") {
                Some(quoted) => {
                    let (value, after) =
                        quoted.split_once('"').ok_or_else(|| format!("no end of a value: <{inner}>"))?;
                    left = after;
                    value
                }
                None if after.starts_with('=') => return Err(format!("not quoted: <{inner}>")),
                None => {
                    left = after;
                    ""
                }
            };
            if attributes.iter().any(|(n, _)| n == attribute) {
                return Err(format!("{attribute} twice: <{inner}>"));
            }
            attributes.push((attribute.to_owned(), meant(value)));
        }
        let tag = Tag { name: name.to_owned(), attributes, inside: open.clone(), text: String::new() };
        if !VOID.contains(&name) && !inner.ends_with('/') {
            open.push(name.to_owned());
        }
        tags.push(tag);
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("left open: {open:?}")) }
}

/// The ids of a page.
pub fn ids(tags: &[Tag]) -> HashSet<&str> {
    tags.iter().filter_map(|t| t.get("id")).collect()
}
