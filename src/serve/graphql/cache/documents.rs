//! The cache of parsed documents. Programs send the same text again and again, and parsing it takes as long as
//! checking a signature.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::{Request, ServerError, parser::types::ExecutableDocument};

/// The longest text whose document is cached, in bytes.
const MOST_EACH: usize = 8 << 10;
/// Bytes of text whose documents are cached. When there would be more, the cache is emptied. A parsed document takes up to
/// some two hundred times the size of its text.
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

    /// Gives a request its parsed document, if that is cached, and says whether it was.
    pub fn give(&self, request: &mut Request) -> bool {
        let known = self.held().parsed.get(&request.query).cloned();
        known.inspect(|known| request.set_parsed_query((**known).clone())).is_some()
    }

    /// Parses the document of a request and caches it. Its size must have been bounded before
    /// ([`tokens`](crate::serve::graphql::tokens)).
    ///
    /// # Errors
    /// Why the document can't be parsed.
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
        // The request keeps the document that it was given, so its text can be replaced.
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
