//! What every request passes: the limits on how many there are and how long each takes, and the headers of its answer.

use std::time::{Duration, Instant};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody as _},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
            REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, UPGRADE, VARY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::Response,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{
    Edge, Frame,
    bodies::{self, gave_way, stopped_coming},
    client::Client,
    connection::Peer,
    host, origin,
    quota::{Share, Taker},
};
use crate::{
    event::{Code, Refusal},
    serve::{http::answer, limits},
};

/// The content security policy of answers that set none of their own: nothing in them may load or run.
const STRICT: &str =
    "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Edge {
    /// Puts the guard in front of a router: limits on how many requests there are and how long each takes, and the headers of
    /// every answer.
    pub fn guard<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        router.layer(middleware::from_fn_with_state(self.clone(), guard))
    }

    /// Reads the body of a request, which counts as under way once the body is there.
    ///
    /// # Errors
    /// The answer to give instead, if the body is longer than `limit` bytes or does not come `within` the time, if the
    /// connection breaks, or if too many requests are under way.
    pub async fn body(
        &self,
        client: Client,
        body: Body,
        limit: usize,
        within: Duration,
    ) -> Result<(Bytes, Share), Response> {
        let coming = Limited::new(body, limit).collect();
        let came = match tokio::time::timeout(within, coming).await {
            Ok(Ok(came)) => came.to_bytes(),
            Ok(Err(e)) if e.is::<LengthLimitError>() => {
                let why = format!("expected at most {limit} bytes");
                return Err(answer::text(StatusCode::PAYLOAD_TOO_LARGE, &why));
            }
            Ok(Err(e)) if gave_way(&*e) => return Err(busy(self, TOO_MANY)),
            Ok(Err(e)) if !stopped_coming(&*e) => {
                return Err(answer::text(StatusCode::BAD_REQUEST, "the connection broke"));
            }
            _ => return Err(answer::text(StatusCode::REQUEST_TIMEOUT, "the request did not come in time")),
        };
        match self.requests.take(client) {
            Some(share) => Ok((came, share)),
            None => Err(busy(self, TOO_MANY)),
        }
    }
}

/// Lets a request through, or answers why not. Handlers find two extensions in it: its [`Client`], and the [`Taker`] for what
/// the request holds.
pub async fn guard(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let peer = request.extensions().get::<Peer>().cloned();
    let client = match &peer {
        Some(peer) => edge.proxies.client(peer.address, request.headers()),
        None => Client::NOWHERE,
    };
    let taker = Taker { client, seat: peer.as_ref().map(|peer| peer.seat.clone()) };
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(taker.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());

    let mut response = match &peer {
        Some(peer) => follow(&edge, &taker, peer, request, next).await,
        None => admit(&edge, client, request, next).await,
    };

    let headers = response.headers_mut();
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(CONTENT_SECURITY_POLICY, STRICT);
    unless_set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(X_FRAME_OPTIONS, "DENY");
    unless_set(REFERRER_POLICY, "no-referrer");
    unless_set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if edge.tls.is_some() {
        // A browser that was answered over TLS uses TLS from then on (RFC 6797).
        unless_set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    edge.sites.mark(&path, headers);
    // The path names records by number or digest. A query string may hold a whole query, so it is not logged.
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, elapsed = ?began.elapsed(), "answered");
    response
}

/// Answers a request that came over a connection, and keeps the connection's seat up to date.
async fn follow(edge: &Edge, taker: &Taker, peer: &Peer, mut request: Request, next: Next) -> Response {
    let seat = &peer.seat;
    let Some(under_way) = seat.begin() else {
        // The connection is closed already; nobody reads this.
        return busy(edge, "the connection is closed");
    };
    // A peer that sends many requests at once lets all others go first after each.
    if under_way.pipelined {
        tokio::task::yield_now().await;
    }
    let upgraded = match request.headers().get(UPGRADE) {
        Some(to) if to.as_bytes().eq_ignore_ascii_case(b"websocket") => match edge.upgraded.take_for(taker) {
            Some(share) => Some(share),
            None => return busy(edge, "too many WebSockets at once"),
        },
        _ => None,
    };
    if !request.body().is_end_stream() {
        request = request.map(|body| Body::new(bodies::Incoming::new(body, seat.clone())));
    }
    let framed =
        edge.frame.get().filter(|_| takes_page(&request)).map(|frame| (frame, request.headers().clone()));
    let mut response = match host::fault(request.version(), request.headers()) {
        Some(why) => misled(why),
        None if edge.sites.misdirected(request.uri(), request.headers(), peer.here) => {
            answer::text(StatusCode::MISDIRECTED_REQUEST, "the request names another host than this server's")
        }
        None => admit(edge, taker.client, request, next).await,
    };
    let held = match in_memory(&response) {
        length if length <= limits::ANSWER_SHORT => None,
        length => {
            let held = edge.answers.take_many_for(taker, length);
            if held.is_none() {
                response = busy(edge, TOO_MANY_ANSWERS);
            }
            held
        }
    };
    if let Some((frame, headers)) = framed {
        response = within(frame, &headers, response).await;
    }
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(share)) = (response.status(), upgraded) {
        seat.upgrade(taker.client, share);
    }
    response.map(|body| Body::new(bodies::Outgoing::new(body, under_way, held)))
}

/// Paths that are read by programs (formats.md): their errors are a line of text even for a browser.
const RAW: [&str; 6] = ["/checkpoint", "/content/", "/entry/", "/file/", "/proof/", "/tile/"];

/// Whether an error may be sent as a page. Programs get a line of text.
fn takes_page(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() != Method::HEAD
        && answer::wants_page(request.headers())
        && !origin::is_health(path)
        && !RAW.iter().any(|raw| path.starts_with(raw))
}

/// The longest line that is shown within a page.
const LINE: usize = 4_096;

/// Puts an error that is a line of text into a page. Every other answer stays as it is.
async fn within(frame: &Frame, headers: &HeaderMap, response: Response) -> Response {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let is_line = response.headers().get(CONTENT_TYPE).is_some_and(|of| of == answer::TEXT)
        && !response.headers().contains_key(CONTENT_ENCODING)
        && response.body().size_hint().exact().is_some_and(|length| length <= LINE as u64);
    if !is_error || !is_line {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let line = axum::body::to_bytes(body, LINE).await.unwrap_or_default();
    let page = frame(headers, parts.status, String::from_utf8_lossy(&line).trim());
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.append(VARY, HeaderValue::from_static("Accept"));
    let (of_page, body) = page.into_parts();
    parts.headers.extend(of_page.headers);
    Response::from_parts(parts, body)
}

/// Bytes of an answer that are in memory until the peer has taken them.
fn in_memory(response: &Response) -> usize {
    if response.extensions().get::<bodies::Streamed>().is_some() {
        return 0;
    }
    let length = response.body().size_hint().exact().unwrap_or_default();
    usize::try_from(length).unwrap_or(usize::MAX)
}

async fn admit(edge: &Edge, client: Client, request: Request, next: Next) -> Response {
    // A request with a body is counted once the body is there: bodies that don't come must not lock others out. `/livez` is
    // answered even under load, because a process that does not answer it is restarted.
    let later = matches!(*request.method(), Method::POST | Method::PUT) || request.uri().path() == "/livez";
    let share = if later { None } else { edge.requests.take(client) };
    if share.is_none() && !later {
        return busy(edge, TOO_MANY);
    }
    let limit = match *request.method() {
        Method::PUT => limits::UPLOAD_TIMEOUT,
        Method::POST => limits::BODY_TIMEOUT + limits::REQUEST_TIMEOUT,
        _ => limits::REQUEST_TIMEOUT,
    };
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    drop(share);
    match answered {
        Ok(response) => response,
        Err(_) => {
            edge.counts.too_long.add();
            let refusal = Refusal::because(Code::Unavailable, "request", "it took too long");
            let mut response = answer::refuse(&refusal);
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// Why an answer is refused: too many bytes of answers are in memory.
pub const TOO_MANY_ANSWERS: &str = "too many answers on their way";
/// 400, for a request whose `Host` leaves a choice. The connection is closed after it: the bytes that come next may be what
/// another program took for the rest of this request.
pub fn misled(why: &str) -> Response {
    let mut response = answer::text(StatusCode::BAD_REQUEST, why);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Why a request is not worked on.
pub const TOO_MANY: &str = "too many requests at once";

/// 503, with `Retry-After`.
pub fn busy(edge: &Edge, why: &str) -> Response {
    edge.counts.busy.add();
    let mut response = answer::refuse(&Refusal::because(Code::Unavailable, "service", why));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
