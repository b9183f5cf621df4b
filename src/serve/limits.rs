//! What the service takes and how long it waits. Each limit is the same for everybody; whom "one client" means is
//! said in [`Client`](super::Client).

use std::time::Duration;

/// Connections open at once, if nobody says otherwise. When all are taken, one that waits for its peer is dropped
/// for a new one; more than are at work are refused.
pub const CONNECTIONS: usize = 4_096;
/// Connections that were dropped for others and are not closed yet, for a moment beyond the number of all. While there are
/// so many, no connection is accepted.
pub const CLOSING: usize = 128;
/// Connections of one address.
pub const CONNECTIONS_EACH: usize = 256;
/// Connections that were upgraded, as WebSockets.
pub const UPGRADED: usize = 1_024;
/// Upgraded connections of one client.
pub const UPGRADED_EACH: usize = 64;
/// Requests worked on at once, while their answer has not begun; more get 503.
pub const REQUESTS: usize = 1_024;
/// Requests of one client worked on at once.
pub const REQUESTS_EACH: usize = 64;
/// What took no longer than this the last time is made by whatever thread reads the request.
pub const IN_PLACE: Duration = Duration::from_millis(2);
/// Queries that run at once for each core: some wait for the disk. More wait for their turn.
pub const TURNS_EACH_CORE: usize = 2;
/// Who has kept a processor at work no longer than this of late, some 7 % of one, has turns that others have not.
pub const WORKED_LITTLE: Duration = Duration::from_secs(1);
/// A turn that takes a processor for longer is a long one: whoever took one of late leaves half of the turns to others.
pub const LONG_TURN: Duration = Duration::from_millis(50);
/// In so much time half of what a client has worked is forgotten.
pub const WORK_FORGOTTEN: Duration = Duration::from_secs(10);
/// Clients whose work is remembered.
pub const WORKERS_KNOWN: usize = 8_192;
/// Bytes of a file that are taken into memory before it needs a place among uploads: what is shorter needs none.
pub const UPLOAD_FIRST: usize = 64 << 10;
/// Bytes of a file that are gathered before they are written, so that no thread waits for a peer.
pub const UPLOAD_PART: usize = 128 << 10;
/// Files taken in at once; more get 503. Each takes a descriptor and one part in memory.
pub const UPLOADS: usize = 128;
/// Files of one client taken in at once.
pub const UPLOADS_EACH: usize = 16;

/// The longest head of a request, in bytes; its lines of headers are at most 100.
pub const HEAD: usize = 32 << 10;
/// The longest `Host` that is believed, in bytes: a name has 253 (RFC 1035), and a port.
pub const HOST: usize = 260;
/// Bytes of a connection held in memory each way, beside the body of a GraphQL request. No less than a head.
pub const CONNECTION_BUFFER: usize = 64 << 10;
/// Bytes of a head or of a message of a WebSocket that every connection may have in memory before it is whole: most are
/// shorter.
pub const UNREAD_FIRST: usize = 8 << 10;
/// How often what is longer is in memory at most: buffers grow by doubling, and a message is put together from its frames.
pub const UNREAD_COPIES: usize = 4;
/// Bytes that such heads and messages take at once; connections that bring more are closed.
pub const UNREAD: usize = 48 << 20;
/// Bytes that those of one address take.
pub const UNREAD_EACH: usize = 16 << 20;
/// Bytes that TLS encrypts ahead of what the socket takes: one record.
pub const TLS_BUFFER: usize = 16 << 10;
/// How long no connection is accepted after the system had no room for one.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes that a peer sends in its TLS handshake at most. Most send some 2 KB; what they send is in memory until it is whole.
pub const HANDSHAKE: usize = 16 << 10;
/// How long a connection may take for its TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to bring the whole head of a request, counted from its opening or from the
/// first byte.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest between an answer and the next request.
pub const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long the next bytes of a body may take to come, and the next bytes of an answer to be taken.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes a second that a body must come or an answer be taken with, in the long run.
pub const SLOWEST: u64 = 4 << 10;
/// How far ahead of that pace a peer can be. Whoever brought much may pause for so long before it counts as behind.
pub const AHEAD: Duration = Duration::from_secs(5);
/// How far behind that pace the body of a request must be for its place among uploads, or its bytes in memory, to go to
/// another: longer than bytes are commonly on their way.
pub const PAUSE: Duration = Duration::from_millis(500);
/// Where all keep that pace, nobody holds much more than others, and there is still not enough for all, the slowest of those
/// gives way whose bytes came or were taken with fewer a second than this.
pub const BRISK: u64 = 64 << 10;
/// How long a peer must have been waited for before it is told how slow it is.
pub const TOLD_AFTER: Duration = Duration::from_secs(5);
/// Who gave way for being slow makes nobody else do so for so long: else those who come again and again would have all.
pub const GAVE_WAY: Duration = Duration::from_secs(60);
/// Clients of which that is remembered.
pub const GAVE_WAY_KNOWN: usize = 8_192;
/// How long a WebSocket must have rested for its place to go to another.
pub const UPGRADED_REST: Duration = Duration::from_secs(10);
/// How long a request may take until its answer begins, from the end of its body.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the body of a GraphQL request may take to come.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a file may take to come.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(900);
/// How long open connections may go on after the order to shut down.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Events that one client may put on record at once, if nobody says otherwise: more than a newsroom signs in a day.
pub const WRITE_BURST: u32 = 10_000;
/// Events a minute of one client in the long run.
pub const WRITES_PER_MINUTE: u32 = 3_000;
/// An event counts once for each so many bytes of its note and words.
pub const WRITE_UNIT: usize = 16 << 10;
/// Clients whose writes are remembered.
pub const WRITERS_KNOWN: usize = 8_192;

/// The longest GraphQL request, in bytes: 64 events with the largest words, or 256 common ones. A submission's words are in
/// its variables.
pub const GRAPHQL_BODY: usize = 24 << 20;
/// The longest GraphQL request that submits nothing, in bytes.
pub const GRAPHQL_QUERY_BODY: usize = 512 << 10;
/// The longest document, in bytes.
pub const GRAPHQL_DOCUMENT: usize = 256 << 10;
/// Bytes of GraphQL requests, long ones three times, and first bytes of files held in memory at once; more get 503.
pub const GRAPHQL_BODIES: usize = 160 << 20;
/// Bytes that a JSON value of a request takes at most, beside those of its text: an object with one member.
pub const VALUE_BYTES: usize = 512;
/// Bytes that a token of a document takes at most once it is parsed, beside those of its text.
pub const TOKEN_BYTES: usize = 320;
/// Bytes of one client's held in memory at once.
pub const GRAPHQL_BODIES_EACH: usize = 80 << 20;
/// A longer answer counts as held in memory until it is taken, unless it is read as it is taken.
pub const ANSWER_SHORT: usize = 16 << 10;
/// Bytes of answers held in memory at once; more get 503. Words of 255 entries can have 64 MiB.
pub const ANSWERS: usize = 128 << 20;
/// Bytes that an exhibit of a case file has in memory until it is taken: words of 256 KiB, its entry and its proofs. What a
/// larger one has more is taken when it is made.
pub const EXHIBIT: usize = 384 << 10;
/// Bytes of one client's answers held in memory at once.
pub const ANSWERS_EACH: usize = 64 << 20;
/// A longer request, message or document is read in a turn, off the threads that serve connections, as is a document of more
/// tokens: 64 KiB of small values, or of commas and comments alone, keep a processor at work for tens of milliseconds.
pub const READ_IN_PLACE: usize = 8 << 10;
/// Bytes of a request's body that are read in some milliseconds; a longer one counts as what may take long.
pub const READ_SHORTLY: usize = 512 << 10;
/// See [`READ_IN_PLACE`].
pub const PARSED_IN_PLACE: usize = 512;
/// A document that records is checked where its request was read if it has no more to compare than this.
pub const CHECKED_IN_PLACE: u64 = 512;
/// JSON values in the variables of a request; 256 submissions take some 1,000.
pub const GRAPHQL_VALUES: usize = 8_192;
/// Levels of lists and objects in the variables of a request.
pub const GRAPHQL_VALUE_DEPTH: usize = 32;
/// Names, numbers, texts and marks in a document. Introspection as tools send it has some 300.
pub const GRAPHQL_TOKENS: usize = 8_192;
/// Bytes of a name or a number in a document.
pub const GRAPHQL_NAME: usize = 128;
/// Operations in a document.
pub const GRAPHQL_OPERATIONS: usize = 32;
/// Fragments in a document.
pub const GRAPHQL_FRAGMENTS: usize = 256;
/// Fields, aliases and fragments in a document.
pub const GRAPHQL_SELECTIONS: usize = 4_096;
/// How often variables may be named in a document.
pub const GRAPHQL_VARIABLES: usize = 512;
/// Bytes of variables beyond what was sent, where they are named again and again.
pub const GRAPHQL_COPIED: usize = 1 << 20;
/// Levels of fields in a query. Introspection as tools send it needs 15.
pub const GRAPHQL_DEPTH: usize = 20;
/// Levels of nesting in the text of a query.
pub const GRAPHQL_NESTING: usize = 64;
/// Levels of fields and fragments within each other, fragments counted where they are spread.
pub const GRAPHQL_LEVELS: u64 = 128;
/// Fields and fragments of a document, those of a fragment each time that it is spread.
pub const GRAPHQL_UNFOLDED: u64 = 20_000;
/// Selections and arguments that are compared with each other, added up over all braces: see `serve/graphql/shape.rs`.
pub const GRAPHQL_COMPARED: u64 = 50_000;
/// Values in an answer, pages counted by the length asked for: see `serve/graphql/cost.rs`.
pub const GRAPHQL_COST: u64 = 20_000;
/// A request that asks for more values than this may take long.
pub const HEAVY_VALUES: u64 = 4_000;
/// Or that takes more work than this to find them: proofs of 45 entries, or 20 states of a case.
pub const HEAVY_WORK: u64 = 400;
/// Values in an answer that tell of the schema. All that tools ask for is some 25,000.
pub const GRAPHQL_INTROSPECTION: u64 = 60_000;
/// Bytes of an answer.
pub const GRAPHQL_ANSWER: u64 = 8 << 20;
/// How often a type's name may be asked of one thing without counting.
pub const GRAPHQL_TYPENAMES: u64 = 8;
/// Entries that one query or page may look at.
pub const ENTRIES_READ: u64 = 200_000;
/// How long one query or page may work.
pub const WORK_TIMEOUT: Duration = Duration::from_secs(10);
/// Errors in an answer.
pub const ERRORS_MOST: usize = 5;
/// Bytes of one error, as JSON writes them.
pub const ERROR_BYTES: usize = 512;
/// Bytes of all errors of an answer together, what the server says of itself not counted.
pub const ERRORS_BYTES: usize = 1 << 10;
/// Fields with an alias in a query.
pub const GRAPHQL_ALIASES: u64 = 64;
/// Directives on one field.
pub const GRAPHQL_DIRECTIVES: usize = 8;
/// Submissions in one call of `record` (formats.md gives no number; one batch of the writer holds more).
pub const SUBMISSIONS_MOST: usize = 256;
/// The longest page of a connection.
pub const PAGE_MOST: usize = 100;
/// Entries that are told to name a file.
pub const FILE_NAMED_BY: usize = 100;
/// The page of a connection whose caller names no length.
pub const PAGE_DEFAULT: i32 = 20;

/// The longest message on a WebSocket, in bytes. Larger submissions go by POST.
pub const SOCKET_MESSAGE: usize = 256 << 10;
/// Bytes of one frame of a message on a WebSocket that we send.
pub const SOCKET_FRAME: usize = 32 << 10;
/// Bytes of operations on all WebSockets that are read and not begun, or make their one answer.
pub const OPERATIONS: usize = 48 << 20;
/// Bytes of one client's.
pub const OPERATIONS_EACH: usize = 24 << 20;
/// Bytes of the subscriptions of one WebSocket, which keep their documents and variables until they end. Most take 20 KB. It is
/// not of a stock for all: who keeps them for good must not keep others from theirs.
pub const SUBSCRIPTIONS: usize = 192 << 10;
/// Bytes that wait to be sent over all WebSockets.
pub const OUTPUTS: usize = 80 << 20;
/// Bytes of one client's.
pub const OUTPUTS_EACH: usize = 40 << 20;
/// How long a subscription for whose next part there is no room waits at first, and at most, before it looks again.
pub const ROOM_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Operations under way on one WebSocket; one more is answered with an error.
pub const SOCKET_OPERATIONS: usize = 16;
/// The longest id that a client gives an operation, in bytes.
pub const SOCKET_ID: usize = 256;
/// How long a WebSocket may take to send `connection_init`.
pub const SOCKET_INIT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a WebSocket is pinged.
pub const SOCKET_PING: Duration = Duration::from_secs(6);
/// Bytes of a ping or pong, and a little more. Whoever moves no more at once has nothing to say.
pub const SOCKET_PING_BYTES: usize = 32;
/// Pings after which something must have been heard on a WebSocket when the next is due.
pub const SOCKET_PINGS: u32 = 2;
/// How long a WebSocket may take to take what is sent to it.
pub const SOCKET_SLOW: Duration = Duration::from_secs(10);
/// How long a WebSocket may take to close.
pub const SOCKET_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Events of a subscription rendered at a time.
pub const PART_EVENTS: u64 = 128;
/// Bytes of a subscription rendered at a time, the last event not counted.
pub const PART_BYTES: usize = 128 << 10;
/// How often the log is looked at for subscriptions that have all there is, at most. What many batches brought is
/// then sent together, and rendered once for all who ask alike.
pub const MOMENT: Duration = Duration::from_millis(20);
/// Parts of one such look that are kept for others who ask alike.
pub const MOMENT_PARTS: usize = 64;

/// How much work of a processor a search for a page may take before it counts as what may take long, and is begun again in
/// its turn among those: most take a few milliseconds, and need not wait behind them.
pub const SEARCH_AT_ONCE: Duration = Duration::from_millis(100);
/// Entries on one page of a timeline: with the grid and all else it stays below 150 KB.
pub const TIMELINE_ON_PAGE: usize = 50;
/// Rows of items on a case's page, shared out among the demands that are laid out.
pub const ITEMS_ON_CASE: usize = 40;
/// Demands on a case's page that are named in one line.
pub const DEMANDS_ON_PAGE: usize = 100;
/// Attempts at delivery on one page of a demand, and copies.
pub const NOTICES_ON_PAGE: usize = 20;
/// Pieces of evidence of one notice on a page.
pub const EVIDENCE_ON_PAGE: usize = 10;
/// Earlier answers to one item on a page.
pub const ANSWERS_ON_PAGE: usize = 5;
/// Entries on one page of a party or the register.
pub const LINES_ON_PAGE: usize = 100;
/// Hits on one page of a search.
pub const HITS_ON_PAGE: usize = 20;
/// The latest entries on the front page.
pub const LATEST_ON_FRONT: usize = 12;
/// Cases on the front page.
pub const CASES_ON_FRONT: usize = 50;

/// Bytes of a file read at a time.
pub const CHUNK: usize = crate::ledger::BLOCK;

/// Connections to `/metrics` at once; more wait.
pub const METRICS_CONNECTIONS: usize = 8;
/// How long one of them may take.
pub const METRICS_TIMEOUT: Duration = Duration::from_secs(10);
