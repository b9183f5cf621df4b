//! The limits of the service: how much it takes and how long it waits. Each limit is the same for everybody.
//! [`Client`](super::Client) says what counts as one client.

use std::time::Duration;

/// Connections open at once, unless the operator sets another number. When all are taken, one that waits for its peer is
/// dropped for the new one; if none waits for its peer, the new one is refused.
pub const CONNECTIONS: usize = 4_096;
/// Connections that were dropped for others and whose sockets are not closed yet. They come on top of the limit for all
/// connections, for a moment. While there are this many, no connection is accepted.
pub const CLOSING: usize = 128;
/// Connections of one IPv4 address, or of one /64 network of IPv6.
pub const CONNECTIONS_EACH: usize = 256;
/// Connections that were upgraded to WebSockets.
pub const UPGRADED: usize = 1_024;
/// Upgraded connections of one client.
pub const UPGRADED_EACH: usize = 64;
/// Requests worked on at once; more get 503. A request counts until its answer begins.
pub const REQUESTS: usize = 1_024;
/// Requests of one client worked on at once.
pub const REQUESTS_EACH: usize = 64;
/// An answer that took no longer than this the last time is computed on the threads that serve connections, without a turn.
pub const IN_PLACE: Duration = Duration::from_millis(2);
/// Queries that run at once on each core; more wait for their turn. It is more than one, since some wait for the disk.
pub const TURNS_EACH_CORE: usize = 2;
/// A client that used less processor time than this of late may use turns that are kept from others. With
/// [`WORK_FORGOTTEN`] it comes to some 7 % of one processor.
pub const WORKED_LITTLE: Duration = Duration::from_secs(1);
/// A turn that uses this much processor time counts as long. A client that took a long turn of late leaves half of the turns
/// to others.
pub const LONG_TURN: Duration = Duration::from_millis(50);
/// In this time half of a client's recorded work is forgotten.
pub const WORK_FORGOTTEN: Duration = Duration::from_secs(10);
/// How many clients' work is remembered.
pub const WORKERS_KNOWN: usize = 8_192;
/// Bytes of a file that are read into memory before it needs a place among [`UPLOADS`]. A shorter file needs none.
pub const UPLOAD_FIRST: usize = 64 << 10;
/// Bytes of a file that are gathered before they are written, so that no thread waits for a slow peer.
pub const UPLOAD_PART: usize = 128 << 10;
/// Files uploaded at once; more get 503. Each takes a file descriptor, and two parts of about [`UPLOAD_PART`] bytes in memory at
/// most: one is written while the next comes.
pub const UPLOADS: usize = 128;
/// Files of one client uploaded at once.
pub const UPLOADS_EACH: usize = 16;

/// The longest head of a request, in bytes. It has at most 100 headers.
pub const HEAD: usize = 32 << 10;
/// The longest `Host` that is believed, in bytes: a name of 253 (RFC 1035), a colon and a port.
pub const HOST: usize = 260;
/// Bytes that a connection buffers in each direction, not counting the body of a GraphQL request. At least [`HEAD`].
pub const CONNECTION_BUFFER: usize = 64 << 10;
/// Bytes of an incomplete head or WebSocket message that every connection may have in memory. Most are shorter.
pub const UNREAD_FIRST: usize = 8 << 10;
/// How many times the bytes beyond [`UNREAD_FIRST`] are counted: buffers grow by doubling, and a message is put together from
/// its frames, so they may be in memory that often.
pub const UNREAD_COPIES: usize = 4;
/// Bytes that longer incomplete heads and messages take in all. A connection for which there is no room is closed.
pub const UNREAD: usize = 48 << 20;
/// Bytes that the longer incomplete heads and messages of one client take.
pub const UNREAD_EACH: usize = 16 << 20;
/// Bytes that TLS encrypts ahead of what the socket takes: one record.
pub const TLS_BUFFER: usize = 16 << 10;
/// How long no connection is accepted after the system failed to accept one.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The most bytes that a peer may send in its TLS handshake. Most send about 2 KB. They are in memory until the handshake is
/// complete.
pub const HANDSHAKE: usize = 16 << 10;
/// How long a connection may take for its TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to bring the whole head of a request: for its first request counted from its opening, for
/// later ones from the first byte of the head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest between an answer and the next request.
pub const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long the server waits for the next bytes of a body to come, or of an answer to be taken.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The slowest pace, in bytes a second, at which a body may come or an answer may be taken in the long run.
pub const SLOWEST: u64 = 4 << 10;
/// How far ahead of [`SLOWEST`] a peer can be. A peer that moved many bytes may pause this long before it counts as behind.
pub const AHEAD: Duration = Duration::from_secs(5);
/// How far behind [`SLOWEST`] a peer must be before the places or bytes that its request holds may go to another. It is longer
/// than bytes commonly travel.
pub const PAUSE: Duration = Duration::from_millis(500);
/// A pace, in bytes a second, below which a peer may be made to give way although it keeps [`SLOWEST`]. That happens only
/// where there is not enough for all, nobody is behind, and nobody holds much more than others; the slowest goes first.
pub const BRISK: u64 = 64 << 10;
/// How long a peer must have been waited for before its slowness is judged.
pub const TOLD_AFTER: Duration = Duration::from_secs(5);
/// For this long a client that gave way for being slow displaces no other slow client. Else a slow client that comes again
/// and again would displace all others.
pub const GAVE_WAY: Duration = Duration::from_secs(60);
/// How many clients that gave way for being slow are remembered.
pub const GAVE_WAY_KNOWN: usize = 8_192;
/// How far behind the peer of a WebSocket must be before its place may go to another.
pub const UPGRADED_REST: Duration = Duration::from_secs(10);
/// How long a request may take until its answer begins. A POST has [`BODY_TIMEOUT`] more; a PUT has [`UPLOAD_TIMEOUT`] instead.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the body of a GraphQL request may take to come.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a file may take to come.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(900);
/// How long open connections may go on after the order to shut down.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Events that one client may record at once, unless the operator sets another number. A newsroom signs fewer in a day.
pub const WRITE_BURST: u32 = 10_000;
/// Events that one client may record a minute in the long run, unless the operator sets another number.
pub const WRITES_PER_MINUTE: u32 = 3_000;
/// An event counts once for each begun unit of this many bytes of its note and words.
pub const WRITE_UNIT: usize = 16 << 10;
/// How many clients' writes are remembered.
pub const WRITERS_KNOWN: usize = 8_192;

/// The longest GraphQL request, in bytes: room for 64 events with the largest words, or for 256 common ones. The words of a
/// submission are in the request's variables.
pub const GRAPHQL_BODY: usize = 24 << 20;
/// The longest GraphQL request that records nothing, in bytes.
pub const GRAPHQL_QUERY_BODY: usize = 512 << 10;
/// The longest GraphQL document, in bytes.
pub const GRAPHQL_DOCUMENT: usize = 256 << 10;
/// Bytes of GraphQL requests and of the first parts of files that are in memory at once; more get 503. Requests longer than
/// [`GRAPHQL_QUERY_BODY`] count three times.
pub const GRAPHQL_BODIES: usize = 160 << 20;
/// The most bytes that a JSON value of a request takes in memory, beside its text: an object with one member.
pub const VALUE_BYTES: usize = 512;
/// The most bytes that a token of a document takes in memory once it is parsed, beside its text.
pub const TOKEN_BYTES: usize = 320;
/// The part of [`GRAPHQL_BODIES`] that one client may hold.
pub const GRAPHQL_BODIES_EACH: usize = 80 << 20;
/// A longer answer counts among [`ANSWERS`] until the peer has taken it, unless it is streamed.
pub const ANSWER_SHORT: usize = 16 << 10;
/// Bytes of answers in memory at once; more get 503. The words of 255 entries can take 64 MiB.
pub const ANSWERS: usize = 128 << 20;
/// Bytes that are reserved for an exhibit of a case file until the peer has taken it: words of 256 KiB, the entry and its
/// proofs. If it is larger, the rest is reserved when it is made.
pub const EXHIBIT: usize = 384 << 10;
/// The part of [`ANSWERS`] that one client may hold.
pub const ANSWERS_EACH: usize = 64 << 20;
/// Bytes of a request, message or document that are parsed on the threads that serve connections. A longer one is parsed in a
/// turn, on another thread: 64 KiB of small values, or of commas and comments alone, keep a processor busy for tens of
/// milliseconds.
pub const READ_IN_PLACE: usize = 8 << 10;
/// Bytes of a request's body that are parsed in some milliseconds. Parsing a longer one counts as heavy work.
pub const READ_SHORTLY: usize = 512 << 10;
/// Tokens of a document that are parsed on the threads that serve connections, as with [`READ_IN_PLACE`].
pub const PARSED_IN_PLACE: usize = 512;
/// A mutation is run without a turn if checking its document compares no more selections and arguments than this.
pub const CHECKED_IN_PLACE: u64 = 512;
/// JSON values in a request; 256 submissions take some 1,000.
pub const GRAPHQL_VALUES: usize = 8_192;
/// Levels of nested lists and objects in the JSON of a request.
pub const GRAPHQL_VALUE_DEPTH: usize = 32;
/// Tokens (names, numbers, strings and punctuators) in a document. The introspection query of common tools has some 300.
pub const GRAPHQL_TOKENS: usize = 8_192;
/// Bytes of a name or a number in a document, and of a member's name in JSON.
pub const GRAPHQL_NAME: usize = 128;
/// Operations in a document.
pub const GRAPHQL_OPERATIONS: usize = 32;
/// Fragments in a document.
pub const GRAPHQL_FRAGMENTS: usize = 256;
/// Fields, aliases and fragments in a document.
pub const GRAPHQL_SELECTIONS: usize = 4_096;
/// Mentions of variables in a document.
pub const GRAPHQL_VARIABLES: usize = 512;
/// Bytes that copies of variables may take beyond what was sent. The library makes a copy wherever a variable is named.
pub const GRAPHQL_COPIED: usize = 1 << 20;
/// Levels of fields in a query. The introspection query of common tools needs 15.
pub const GRAPHQL_DEPTH: usize = 20;
/// Levels of nested brackets in the text of a document.
pub const GRAPHQL_NESTING: usize = 64;
/// Levels of fields and fragments within each other. A fragment counts where it is spread.
pub const GRAPHQL_LEVELS: u64 = 128;
/// Fields and fragments of a document. Those within a fragment count each time that it is spread.
pub const GRAPHQL_UNFOLDED: u64 = 20_000;
/// Selections and arguments that are compared with each other, added up over all braces: see `serve/graphql/shape.rs`.
pub const GRAPHQL_COMPARED: u64 = 50_000;
/// Values in an answer, estimated before it is made and counted while it is made: see `serve/graphql/cost.rs`.
pub const GRAPHQL_COST: u64 = 20_000;
/// A request whose answer has more values than this counts as heavy.
pub const HEAVY_VALUES: u64 = 4_000;
/// A request that takes more work than this to find its values counts as heavy: proofs of 45 entries, or 20 states of a case.
pub const HEAVY_WORK: u64 = 400;
/// Values in an answer that describe the schema. A full introspection has some 25,000.
pub const GRAPHQL_INTROSPECTION: u64 = 60_000;
/// Bytes of an answer to a GraphQL request.
pub const GRAPHQL_ANSWER: u64 = 8 << 20;
/// How often `__typename` may be asked of one object without being counted while the answer is made.
pub const GRAPHQL_TYPENAMES: u64 = 8;
/// Entries that one query or page may look at.
pub const ENTRIES_READ: u64 = 200_000;
/// How long one query or page may take to compute.
pub const WORK_TIMEOUT: Duration = Duration::from_secs(10);
/// Errors in an answer.
pub const ERRORS_MOST: usize = 5;
/// Bytes of one error's message, as JSON writes them.
pub const ERROR_BYTES: usize = 512;
/// Bytes of the messages and paths of all errors of an answer, without the server's own note of how many were left out.
pub const ERRORS_BYTES: usize = 1 << 10;
/// Fields with an alias in a query.
pub const GRAPHQL_ALIASES: u64 = 64;
/// Directives on one field.
pub const GRAPHQL_DIRECTIVES: usize = 8;
/// Submissions in one call of `record`. formats.md gives no number; one batch of the writer holds more.
pub const SUBMISSIONS_MOST: usize = 256;
/// The longest page of a connection.
pub const PAGE_MOST: usize = 100;
/// Entries that are listed as naming a file.
pub const FILE_NAMED_BY: usize = 100;
/// The length of a connection's page if the caller gives none.
pub const PAGE_DEFAULT: i32 = 20;

/// The longest message on a WebSocket, in bytes. Larger submissions go by POST.
pub const SOCKET_MESSAGE: usize = 256 << 10;
/// Bytes of one frame of a message that the server sends on a WebSocket.
pub const SOCKET_FRAME: usize = 32 << 10;
/// Bytes of operations on all WebSockets that wait to begin, or that are queries and mutations under way.
pub const OPERATIONS: usize = 48 << 20;
/// The part of [`OPERATIONS`] that one client may hold.
pub const OPERATIONS_EACH: usize = 24 << 20;
/// Bytes of the subscriptions of one WebSocket, which keep their documents and variables until they end. Most take 20 KB. Each
/// WebSocket has this room for itself, so that nobody who keeps subscriptions for good keeps others from theirs.
pub const SUBSCRIPTIONS: usize = 192 << 10;
/// Bytes that wait to be sent over all WebSockets.
pub const OUTPUTS: usize = 80 << 20;
/// The part of [`OUTPUTS`] that one client may hold.
pub const OUTPUTS_EACH: usize = 40 << 20;
/// How long a subscription waits when there is no room for its next part, before it tries again: at first, and at most.
pub const ROOM_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Operations under way on one WebSocket; one more is answered with an error.
pub const SOCKET_OPERATIONS: usize = 16;
/// The longest id that a client gives an operation, in bytes.
pub const SOCKET_ID: usize = 256;
/// How long a WebSocket may take to send `connection_init`.
pub const SOCKET_INIT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a WebSocket is pinged.
pub const SOCKET_PING: Duration = Duration::from_secs(6);
/// Bytes of a ping or pong, and a little more. If a WebSocket moves no more than this at once, it only answers pings.
pub const SOCKET_PING_BYTES: usize = 32;
/// After this many pings, something must have been received on a WebSocket when the next ping is due.
pub const SOCKET_PINGS: u32 = 2;
/// How long the peer of a WebSocket may take to receive what is sent to it.
pub const SOCKET_SLOW: Duration = Duration::from_secs(10);
/// How long a WebSocket may take to close.
pub const SOCKET_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Events of a subscription rendered at a time.
pub const PART_EVENTS: u64 = 128;
/// Bytes of a subscription rendered at a time, the last event not counted.
pub const PART_BYTES: usize = 128 << 10;
/// The shortest time between two looks at the log for subscriptions that are up to date. Events of several batches are then
/// sent together, and rendered once for all subscriptions that ask for the same.
pub const MOMENT: Duration = Duration::from_millis(20);
/// Rendered parts of one such look that are kept for other subscriptions that ask for the same.
pub const MOMENT_PARTS: usize = 64;

/// Processor time that a search for a page may take before it counts as heavy, and begins again in a heavy turn. Most searches
/// take a few milliseconds, and need not wait behind heavy requests.
pub const SEARCH_AT_ONCE: Duration = Duration::from_millis(100);
/// Entries on one page of a timeline. With the grid and all else such a page stays below 150 KB.
pub const TIMELINE_ON_PAGE: usize = 50;
/// Rows of items on a case's page, shared out among the demands that are shown in full.
pub const ITEMS_ON_CASE: usize = 40;
/// Demands on a case's page that are shown as one line each.
pub const DEMANDS_ON_PAGE: usize = 100;
/// Attempts at delivery on one page of a demand, and as many copies.
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
/// How long a connection to `/metrics` may take.
pub const METRICS_TIMEOUT: Duration = Duration::from_secs(10);
