//! What the service takes and how long it waits. Each limit is the same for everybody.

use std::time::Duration;

/// Connections held open at once; more wait to be accepted.
pub const CONNECTIONS: usize = 1_024;
/// Requests answered at once; more get 503.
pub const REQUESTS: usize = 256;
/// Files taken in at once; more get 503.
pub const UPLOADS: usize = 16;

/// How long a connection may take to bring the whole head of a request, counted from its opening or from the
/// last byte of the answer before.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the next bytes of a body may take to come, and the next bytes of an answer to be taken.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a request may take until its answer begins.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for a file on its way in.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(900);
/// How long open connections may go on after the order to shut down.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest GraphQL request, in bytes: 64 events with the largest words, or 256 common ones.
pub const GRAPHQL_BODY: usize = 24 << 20;
/// Bytes of GraphQL requests held in memory at once; more wait.
pub const GRAPHQL_BODIES: usize = 128 << 20;
/// Levels of fields in a query. Introspection as tools send it needs 15.
pub const GRAPHQL_DEPTH: usize = 20;
/// Levels of nesting in the text of a query.
pub const GRAPHQL_NESTING: usize = 64;
/// Fields in an answer, lists counted by the length asked for.
pub const GRAPHQL_COMPLEXITY: usize = 20_000;
/// Directives on one field.
pub const GRAPHQL_DIRECTIVES: usize = 8;
/// Submissions in one call of `record` (formats.md gives no number; one batch of the writer holds more).
pub const SUBMISSIONS_MOST: usize = 256;
/// The longest page of a connection.
pub const PAGE_MOST: usize = 100;
/// The page of a connection whose caller names no length.
pub const PAGE_DEFAULT: i32 = 20;

/// Entries on one page of a case, a party or the register.
pub const LINES_ON_PAGE: usize = 100;
/// The latest entries on the front page.
pub const LATEST_ON_FRONT: usize = 12;
/// Cases on the front page.
pub const CASES_ON_FRONT: usize = 50;

/// Bytes of a file read at a time.
pub const CHUNK: usize = 64 << 10;
