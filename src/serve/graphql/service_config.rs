//! `ServiceConfig`.

use async_graphql::SimpleObject;

use super::index::Index;
use crate::{search, serve::limits};

/// What this server takes and how long it waits. The same for everybody.
#[derive(Debug, SimpleObject)]
pub struct ServiceConfig {
    /// Levels of fields in a query.
    pub max_depth: Index,
    /// Values in an answer: pages count as long as they are asked for, other lists as long as such lists are, and
    /// `__typename` like any field.
    pub max_values: Index,
    /// Fields with an alias in a query.
    pub max_aliases: Index,
    /// Directives on one field.
    pub max_directives: Index,
    /// Bytes of a request.
    pub max_request_bytes: Index,
    /// Seconds until an answer begins, from the end of the request.
    pub request_timeout_seconds: Index,
    /// The length of a page, if none is asked for.
    pub default_page_size: Index,
    /// The longest page.
    pub max_page_size: Index,
    /// Submissions in one call of `record`.
    pub max_submissions: Index,
    /// Words that are looked for in one search.
    pub max_search_words: Index,
    /// Operations under way on one WebSocket.
    pub max_operations: Index,
    /// Bytes of a message on a WebSocket.
    pub max_message_bytes: Index,
}

impl ServiceConfig {
    /// Of this program.
    pub fn new() -> Self {
        let size = |n: usize| Index(n as u64);
        Self {
            max_depth: size(limits::GRAPHQL_DEPTH),
            max_values: Index(limits::GRAPHQL_COST),
            max_aliases: Index(limits::GRAPHQL_ALIASES),
            max_directives: size(limits::GRAPHQL_DIRECTIVES),
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
