//! GraphQL over HTTP (graphql.github.io/graphql-over-http).
//!
//! A mutation must be sent by POST. A POST is `application/json` and holds one request, never a batch.
//! A request that can't be run at all is answered 400 if the answer is `application/graphql-response+json`. As that draft
//! asks, it is answered 200 if the caller accepts only `application/json`, unless the request itself is malformed.

use std::sync::Arc;

use async_graphql::{Name, Request, Response as Answer, ServerError, Value};
use axum::{
    body::{Body, Bytes},
    extract::{Extension, Query, RawQuery, Request as HttpRequest, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE, UPGRADE, VARY},
    },
    response::Response,
};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{
    admission::allow,
    cache::{
        answers, in_flight,
        subtrees::{self, Subtrees},
    },
    errors,
    execution::{self, IN_MEMORY, Unparsed, at_this_moment, execute_with},
    json::{self, Members, Unread},
    request::{self, NoRequest, bytes_of, mutates},
    scalars::url::Base,
    state::Now,
    transport,
};
use crate::{
    event::Digest,
    serve::{
        app::App,
        clock,
        edge::{
            bodies::{gave_way, stopped_coming},
            client::Client,
            fair_queue::Weight,
            guard, origin,
            quota::{Share, Taker},
        },
        http::answer::{self, REVALIDATE},
        limits, pages,
    },
};

const RESPONSE_JSON: &str = "application/graphql-response+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// The media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Response,
    Json,
}

impl Media {
    /// The media type that the caller's `Accept` asks for. No `Accept` and `*/*` mean `application/json`. `None` if it accepts
    /// neither media type.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut best = (None, 0.0);
        let mut any = false;
        let accepts = headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok());
        for item in accepts.flat_map(|list| list.split(',')).filter(|item| !item.trim().is_empty()) {
            any = true;
            let mut parts = item.split(';').map(str::trim);
            let media = match parts.next().map(str::to_ascii_lowercase).as_deref() {
                Some("application/graphql-response+json") => Self::Response,
                Some("application/json" | "application/*" | "*/*") => Self::Json,
                _ => continue,
            };
            let quality = parts.find_map(|p| p.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            if quality > best.1 {
                best = (Some(media), quality);
            }
        }
        if any { best.0 } else { Some(Self::Json) }
    }

    fn answer(self, status: StatusCode, body: impl Into<Body>) -> Response {
        let content_type = match self {
            Self::Response => RESPONSE_JSON,
            Self::Json => JSON,
        };
        let mut response = answer::bytes(content_type, REVALIDATE, body);
        *response.status_mut() = status;
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        response
    }

    /// The answer to a request that is refused before its document is read.
    fn malformed(self, status: StatusCode, message: &str) -> Response {
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "TOO_LARGE",
            StatusCode::NOT_ACCEPTABLE => "NOT_ACCEPTABLE",
            StatusCode::FORBIDDEN => "FOREIGN_ORIGIN",
            _ => "BAD_REQUEST",
        };
        let error = json!({"message": message, "extensions": {"code": code}});
        self.answer(status, json!({"errors": [error]}).to_string())
    }

    /// 406, as for a client of `graphql-sse` that asks for a stream of events: none is served here, and it would take JSON in its
    /// place for a broken stream.
    fn not_acceptable() -> Response {
        let message = "answers are application/graphql-response+json or application/json, and Accept names neither; \
                       subscriptions are served by WebSocket (graphql-transport-ws)";
        Self::Json.malformed(StatusCode::NOT_ACCEPTABLE, message)
    }
}

/// `POST /graphql`
pub async fn post(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Extension(taker): Extension<Taker>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(media) = Media::of(&headers) else { return Media::not_acceptable() };
    if !is_json(&headers) {
        let message = "send the request as application/json in UTF-8";
        return media.malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    // Held until the request is answered.
    let Some(mut held) = app.bodies.take_for(&taker) else { return guard::busy(&app.edge, guard::TOO_MANY) };
    let bytes = match tokio::time::timeout(limits::BODY_TIMEOUT, read(&mut held, &headers, body)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(NotRead::Busy)) => return guard::busy(&app.edge, IN_MEMORY),
        Ok(Err(NotRead::TooLarge)) => {
            return media.malformed(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long");
        }
        Ok(Err(NotRead::Broken)) => return media.malformed(StatusCode::BAD_REQUEST, "the connection broke"),
        Ok(Err(NotRead::TooSlow)) | Err(_) => {
            return media.malformed(StatusCode::REQUEST_TIMEOUT, "the request did not come in time");
        }
    };
    let Some(share) = app.edge.requests.take(client) else { return guard::busy(&app.edge, guard::TOO_MANY) };
    let base = pages::address(&app, &headers);
    let key = key(&app, "POST", &bytes, &base);
    if let Some(body) = key.and_then(|key| given_before(&app, &key)) {
        return media.answer(StatusCode::OK, body);
    }
    let long = bytes.len() > limits::GRAPHQL_QUERY_BODY;
    // Room for two copies of the variables: the library copies them to check them and to use them.
    if long && !held.grow(2 * bytes.len()) {
        return guard::busy(&app.edge, IN_MEMORY);
    }
    let bytes = Bytes::from(bytes);
    let request = match members(&app, client, bytes, &mut held).await {
        Ok(members) => read_request(&app, client, members, &mut held).await,
        Err(unread) => Err(unread),
    };
    let mut request = match request {
        Ok(request) => request,
        Err(unreadable) => return unreadable.say(&app, media),
    };
    if !app.edge.sites.admit(&headers) && mutates(&mut request) {
        return media.malformed(StatusCode::FORBIDDEN, origin::FOREIGN);
    }
    if long && !mutates(&mut request) {
        let most = limits::GRAPHQL_QUERY_BODY;
        let message = format!("a request that records nothing has at most {most} bytes");
        return media.malformed(StatusCode::PAYLOAD_TOO_LARGE, &message);
    }
    run(&app, client, (share, held), media, (request.data(Base(base)), long), key).await
}

/// Why a request was not read.
enum Unreadable {
    /// There is no room for it in memory.
    Busy,
    /// It is not a GraphQL request.
    Malformed(&'static str),
    /// Its JSON holds too many values, too many levels, or a name that is too long.
    TooLarge,
    /// Its document is too large, or can't be parsed.
    Document(ServerError),
}

impl Unreadable {
    fn say(self, app: &App, media: Media) -> Response {
        match self {
            Self::Busy => guard::busy(&app.edge, IN_MEMORY),
            Self::Malformed(message) => media.malformed(StatusCode::BAD_REQUEST, message),
            Self::TooLarge => {
                let message =
                    "the request holds too many values, too many levels, or a name that is too long";
                media.malformed(StatusCode::PAYLOAD_TOO_LARGE, message)
            }
            Self::Document(error) => say(media, &Answer::from_errors(vec![error])),
        }
    }
}

impl From<Unread> for Unreadable {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooMuch => Self::TooLarge,
            Unread::NotJson => Self::Malformed("the body is not JSON"),
        }
    }
}

/// Parses the members of a request's body. A long body is parsed in a turn, on a thread that may be busy for a while.
async fn members(app: &App, client: Client, bytes: Bytes, held: &mut Share) -> Result<Members, Unreadable> {
    let read = if bytes.len() <= limits::READ_IN_PLACE {
        json::read(&bytes)
    } else {
        let weight = if bytes.len() > limits::READ_SHORTLY { Weight::Heavy } else { Weight::Light };
        let turn = app.queue.wait(client, weight).await;
        let reading = tokio::task::spawn_blocking(move || turn.spend(|| json::read(&bytes)));
        // An error here would be a panic of the parser.
        reading.await.unwrap_or(Err(Unread::NotJson))
    };
    let (value, values) = read?;
    if !held.grow(bytes_of(values)) {
        return Err(Unreadable::Busy);
    }
    match value {
        Value::Object(members) => Ok(members),
        Value::List(_) => Err(Unreadable::Malformed("batches are not taken: send one request")),
        _ => Err(Unreadable::Malformed("expected a JSON object")),
    }
}

/// `GET /graphql`: opens a WebSocket if one is asked for, else answers a query. A browser that sends no query gets a page.
pub async fn get(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Extension(taker): Extension<Taker>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    Query(params): Query<Vec<(String, String)>>,
    http: HttpRequest,
) -> Response {
    if headers.contains_key(UPGRADE) {
        return transport::open(app, taker, http);
    }
    if params.is_empty() && answer::wants_page(&headers) {
        return pages::graphql::page(&app, &headers);
    }
    let Some(media) = Media::of(&headers) else { return Media::not_acceptable() };
    let base = pages::address(&app, &headers);
    let key = key(&app, "GET", raw.unwrap_or_default().as_bytes(), &base);
    if let Some(body) = key.and_then(|key| given_before(&app, &key)) {
        return media.answer(StatusCode::OK, body);
    }
    let Some(mut held) = app.bodies.take_for(&taker) else { return guard::busy(&app.edge, guard::TOO_MANY) };
    let mut members = Members::new();
    for (name, text) in params {
        let value = match name.as_str() {
            "variables" | "extensions" => match json::read(text.as_bytes()) {
                Ok((_, values)) if !held.grow(bytes_of(values)) => {
                    return Unreadable::Busy.say(&app, media);
                }
                Ok((value, _)) => value,
                Err(Unread::TooMuch) => return Unreadable::TooLarge.say(&app, media),
                Err(Unread::NotJson) => {
                    let message = "variables and extensions are JSON objects";
                    return media.malformed(StatusCode::BAD_REQUEST, message);
                }
            },
            _ => Value::String(text),
        };
        members.insert(Name::new(name), value);
    }
    let mut request = match read_request(&app, client, members, &mut held).await {
        Ok(request) => request,
        Err(unreadable) => return unreadable.say(&app, media),
    };
    if mutates(&mut request) {
        let mut response = media.malformed(StatusCode::METHOD_NOT_ALLOWED, "a mutation is sent by POST");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    // The guard has taken the share of requests under way.
    run(&app, client, held, media, (request.data(Base(base)), false), key).await
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let mut parts = text.split(';').map(|p| p.trim().to_ascii_lowercase());
    let media = parts.next();
    let utf8 = parts.all(|p| match p.strip_prefix("charset=") {
        Some(charset) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
        None => true,
    });
    media.as_deref() == Some("application/json") && utf8
}

/// Why a body was not read to its end.
enum NotRead {
    TooLarge,
    TooSlow,
    Busy,
    Broken,
}

/// Reads a body within the limits of size and memory. Memory is reserved as the bytes come.
async fn read(held: &mut Share, headers: &HeaderMap, mut body: Body) -> Result<Vec<u8>, NotRead> {
    let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits::GRAPHQL_BODY) {
        return Err(NotRead::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| match () {
            () if gave_way(&e) => NotRead::Busy,
            () if stopped_coming(&e) => NotRead::TooSlow,
            () => NotRead::Broken,
        })?;
        // Trailers are ignored.
        let Ok(chunk) = frame.into_data() else { continue };
        if bytes.len() + chunk.len() > limits::GRAPHQL_BODY {
            return Err(NotRead::TooLarge);
        }
        if !held.grow(chunk.len()) {
            return Err(NotRead::Busy);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The key under which the answer to a request is cached. A mirror caches none, since words may come later than their entry.
fn key(app: &App, method: &str, request: &[u8], base: &str) -> Option<Digest> {
    app.options.mirror.is_none().then(|| answers::key(method, request, base))?
}

/// The cached answer to the same request, if it would be the same now.
fn given_before(app: &App, key: &Digest) -> Option<Bytes> {
    let body = app.answers.get(key, app.ledger.reader().changes(), at_this_moment(app).0)?;
    app.edge.counts.answered_again.add();
    Some(body)
}

/// Makes a request of its members, as [`request::of_members`] does, and parses its document.
async fn read_request(
    app: &App,
    client: Client,
    members: Members,
    held: &mut Share,
) -> Result<Request, Unreadable> {
    let request = match request::of_members(members) {
        Ok(request) => request,
        Err(NoRequest::Malformed(why)) => return Err(Unreadable::Malformed(why)),
        Err(NoRequest::Persisted) => return Err(Unreadable::Document(request::persisted())),
    };
    execution::parsed(app, client, request, held).await.map_err(|unparsed| match unparsed {
        Unparsed::Busy => Unreadable::Busy,
        Unparsed::Refused(error) => Unreadable::Document(error),
    })
}

/// Answers a request. A `long` one is never run without a turn, since recording it is work.
async fn run(
    app: &App,
    client: Client,
    held: impl Send + 'static,
    media: Media,
    (mut request, long): (Request, bool),
    key: Option<Digest>,
) -> Response {
    let (seen, _) = at_this_moment(app);
    let mutates = mutates(&mut request);
    let key = key.filter(|_| !mutates);
    // A request that was answered before without errors is valid and allowed: it is not checked again.
    let former = key.and_then(|key| app.answers.former(&key, seen));
    let allowed = match former.is_none().then(|| allow(&mut request)).transpose() {
        Ok(allowed) => allowed,
        Err(refused) => return say(media, &Answer::from_errors(vec![refused])),
    };
    // A request that was answered before took no long time.
    let weight = allowed.map_or(Weight::Light, |allowed| allowed.weight);
    // An answer that is made in no time needs neither a turn nor another thread: waking one would take longer.
    let light = !long && allowed.is_none_or(|allowed| allowed.light);
    let in_place =
        (mutates && light) || former.as_ref().is_some_and(|former| former.took <= limits::IN_PLACE);
    let mut turn = None;
    let mut lead = None;
    // An answer under way may have been begun before this request came. Then this request waits for the next one, which is begun
    // later; so two rounds are enough.
    for _ in 0..2 {
        if !in_place {
            turn = Some(app.queue.wait(client, weight).await);
        }
        let Some(key) = key else { break };
        if let Some(body) = given_before(app, &key) {
            return media.answer(StatusCode::OK, body);
        }
        match app.in_flight.ask(key) {
            in_flight::Asked::First(first) => {
                lead = Some(first);
                break;
            }
            in_flight::Asked::UnderWay(following) => {
                // Waiting for another's answer needs no turn.
                drop(turn.take());
                if let Some(body) = following.finished(seen).await {
                    app.edge.counts.answered_again.add();
                    return media.answer(StatusCode::OK, body);
                }
            }
        }
    }
    if turn.is_none() && !in_place {
        turn = Some(app.queue.wait(client, weight).await);
    }
    let (state, views) = at_this_moment(app);
    let now = Now::new(clock::now());
    let footprint = Arc::default();
    let views = views.observed_by(&footprint);
    let mut subtrees = None;
    // A metered answer is counted value by value, so its subtrees are not taken from the cache.
    if let Some(key) = key
        && !allowed.is_some_and(|allowed| allowed.open)
        && request.parsed_query().is_ok_and(subtrees::may_have)
    {
        let made = Arc::new(Subtrees::new(app.answers.former(&key, state), state.size));
        request = request.data(made.clone());
        subtrees = Some(made);
    }
    let kept = key.is_some();
    let finish = move |mut answer: Answer, took| {
        if kept && answer.errors.is_empty() {
            let (body, places) = subtrees::whole(&answer.data, subtrees.as_deref());
            return Ok((body, places, took));
        }
        subtrees::unfold(&mut answer.data);
        Err(Box::new(say(media, &answer)))
    };
    let made = execute_with(app, allowed, client, held, request, turn, (views, now.clone()), finish).await;
    let (body, places, took) = match made {
        Some(Ok(made)) => made,
        Some(Err(said)) => return *said,
        None => return guard::busy(&app.edge, "the query could not be run"),
    };
    let Some(key) = key else { return media.answer(StatusCode::OK, body) };
    // An answer that depends on the time is given to those who asked while it was made, but not to later requests: these can
    // only reuse its subtrees.
    let basis = (!now.was_asked()).then(|| footprint.basis());
    app.answers.put(key, (&body, took), places, basis, state);
    if let Some(lead) = lead {
        lead.finish(state, body.clone());
    }
    media.answer(StatusCode::OK, body)
}

/// Writes an answer with its status. The answer to a request that was not run has no member `data`.
fn say(media: Media, answer: &Answer) -> Response {
    let not_run = request::not_run(answer);
    let body = if not_run {
        let mut errors = answer.errors.clone();
        errors::bound(&mut errors);
        serde_json::to_string(&json!({"errors": errors}))
    } else {
        serde_json::to_string(answer)
    };
    let Ok(body) = body else {
        // This does not happen: values of GraphQL always serialise.
        return media.malformed(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    };
    let status = match media {
        Media::Response if not_run => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let mut response = media.answer(status, body);
    response.headers_mut().extend(answer.http_headers.clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(accept: &str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Media::of(&headers)
    }

    #[test]
    fn the_media_type_is_the_callers_choice() {
        assert_eq!(Media::of(&HeaderMap::new()), Some(Media::Json));
        for (accept, expected) in [
            ("", Some(Media::Json)),
            ("*/*", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::Response)),
            ("application/graphql-response+json, application/json;q=0.9", Some(Media::Response)),
            ("application/graphql-response+json;q=0.1, application/json", Some(Media::Json)),
            ("text/event-stream, application/json", Some(Media::Json)),
            ("text/html, */*;q=0.8", Some(Media::Json)),
            ("text/event-stream", None),
            ("multipart/mixed", None),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(media(accept), expected, "{accept}");
        }
    }
}
