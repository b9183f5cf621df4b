//! `ServiceConfig`: the limits of this service.

use async_graphql::SimpleObject;

use crate::{
    search,
    serve::{graphql::scalars::index::Index, limits},
};

/// The limits of this server. They are the same for everybody.
#[derive(Debug, SimpleObject)]
pub struct ServiceConfig {
    /// Levels of fields in a query.
    pub max_depth: Index,
    /// Values in an answer. They are estimated before it is made: a page counts with the length asked for, another list with the
    /// usual length of such lists, and `__typename` like any field. While the answer is made, each value counts.
    pub max_values: Index,
    /// Values of introspection in an answer.
    pub max_introspection_values: Index,
    /// Bytes of an answer.
    pub max_answer_bytes: Index,
    /// Entries that may be read for one answer.
    pub max_entries_read: Index,
    /// Fields with an alias in a query.
    pub max_aliases: Index,
    /// Directives on one field.
    pub max_directives: Index,
    /// Bytes of a document.
    pub max_document_bytes: Index,
    /// Names, numbers, strings and punctuators in a document.
    pub max_tokens: Index,
    /// JSON values in a request, its variables included.
    pub max_variable_values: Index,
    /// Bytes of a request that records nothing.
    pub max_query_bytes: Index,
    /// Bytes of a request that records something.
    pub max_request_bytes: Index,
    /// Seconds that a request may take until its answer begins, without the time that its body takes to come.
    pub request_timeout_seconds: Index,
    /// The length of a page, if the query gives none.
    pub default_page_size: Index,
    /// The longest page.
    pub max_page_size: Index,
    /// Submissions in one call of `record`.
    pub max_submissions: Index,
    /// Words in one search.
    pub max_search_words: Index,
    /// Operations under way on one WebSocket.
    pub max_operations: Index,
    /// Bytes of a message on a WebSocket.
    pub max_message_bytes: Index,
}

impl ServiceConfig {
    /// The limits of this program.
    pub fn new() -> Self {
        let size = |n: usize| Index(n as u64);
        Self {
            max_depth: size(limits::GRAPHQL_DEPTH),
            max_values: Index(limits::GRAPHQL_COST),
            max_introspection_values: Index(limits::GRAPHQL_INTROSPECTION),
            max_answer_bytes: Index(limits::GRAPHQL_ANSWER),
            max_entries_read: Index(limits::ENTRIES_READ),
            max_aliases: Index(limits::GRAPHQL_ALIASES),
            max_directives: size(limits::GRAPHQL_DIRECTIVES),
            max_document_bytes: size(limits::GRAPHQL_DOCUMENT),
            max_tokens: size(limits::GRAPHQL_TOKENS),
            max_variable_values: size(limits::GRAPHQL_VALUES),
            max_query_bytes: size(limits::GRAPHQL_QUERY_BODY),
            max_request_bytes: size(limits::GRAPHQL_BODY),
            request_timeout_seconds: Index(limits::REQUEST_TIMEOUT.as_secs()),
            default_page_size: Index(u64::from(limits::PAGE_DEFAULT.unsigned_abs())),
            max_page_size: size(limits::PAGE_MOST),
            max_submissions: size(limits::SUBMISSIONS_MOST),
            max_search_words: size(search::MAX_WORDS),
            max_operations: size(limits::SOCKET_OPERATIONS),
            max_message_bytes: size(limits::SOCKET_MESSAGE),
        }
    }
}
