//! Queries that were parsed before. Programs send the same text again and again, and parsing it takes as long as
//! checking a signature.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::{Request, ServerError, parser::types::ExecutableDocument};

/// A longer text is parsed each time it comes.
const MOST_EACH: usize = 8 << 10;
/// Bytes of text that are kept; all is forgotten when there would be more. Parsed, a text takes up to some two hundred
/// times its size.
const MOST: usize = 128 << 10;

#[derive(Default)]
struct Held {
    parsed: HashMap<String, Arc<ExecutableDocument>, foldhash::fast::RandomState>,
    bytes: usize,
}

/// Documents by their text.
#[derive(Default)]
pub struct Documents(Mutex<Held>);

impl Documents {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a request its document, if its text was parsed before.
    pub fn give(&self, request: &mut Request) -> bool {
        let known = self.held().parsed.get(&request.query).cloned();
        known.inspect(|known| request.set_parsed_query((**known).clone())).is_some()
    }

    /// Parses the document of a request, whose size was found to be bounded ([`tokens`](crate::serve::graphql::tokens)).
    ///
    /// # Errors
    /// Why it can't be parsed.
    pub fn parse(&self, request: &mut Request) -> Result<(), ServerError> {
        let parsed = Arc::new(request.parsed_query()?.clone());
        let length = request.query.len();
        if length > MOST_EACH {
            return Ok(());
        }
        let mut held = self.held();
        if held.bytes + length > MOST {
            *held = Held::default();
        }
        if held.parsed.insert(request.query.clone(), parsed).is_none() {
            held.bytes += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(documents: &Documents, text: &str) -> Option<String> {
        let mut request = Request::new(text);
        if !documents.give(&mut request) {
            documents.parse(&mut request).ok()?;
        }
        // Whatever was given to the request is what it answers.
        request.query = "not looked at".into();
        request.parsed_query().ok().map(|document| format!("{document:?}"))
    }

    #[test]
    fn a_text_is_parsed_to_the_same_however_often_it_comes() {
        let documents = Documents::default();
        let first = parse(&documents, "{a(b: 1) {c}}").unwrap();
        assert_eq!(parse(&documents, "{a(b: 1) {c}}").unwrap(), first);
        assert_ne!(parse(&documents, "{a(b: 2) {c}}").unwrap(), first);
        assert_eq!(parse(&documents, "{a"), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let documents = Documents::default();
        for i in 0..200_u32 {
            parse(&documents, &format!("{{a(b: \"{i}{}\")}}", "x".repeat(2_000)));
            let held = documents.0.lock().unwrap();
            let bytes: usize = held.parsed.keys().map(String::len).sum();
            assert!(bytes == held.bytes && bytes <= MOST && !held.parsed.is_empty());
        }
        let kept = documents.0.lock().unwrap().parsed.len();
        parse(&documents, &format!("{{a(b: \"{}\")}}", "x".repeat(MOST_EACH)));
        assert_eq!(documents.0.lock().unwrap().parsed.len(), kept, "a long text is not kept");
    }
}
