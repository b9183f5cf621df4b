//! What every request passes: how many there may be, how long each may take, and the headers of every answer.

use std::time::Instant;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{
            CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

use super::{App, answer, connection::Peer, limits};
use crate::event::{Code, Refusal};

/// For answers that set none of their own: nothing they hold may do anything.
const STRICT: &str =
    "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lets a request through, or says why not.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|info| info.0.clone());
    let _under_way = peer.as_ref().map(Peer::begin);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());

    let mut response = admit(&app, request, next).await;

    let headers = response.headers_mut();
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(CONTENT_SECURITY_POLICY, STRICT);
    unless_set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(X_FRAME_OPTIONS, "DENY");
    unless_set(REFERRER_POLICY, "no-referrer");
    unless_set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    // The path names records by number or digest; a query string may hold a whole query, so it stays out.
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, elapsed = ?began.elapsed(), "answered");
    response
}

async fn admit(app: &App, request: Request, next: Next) -> Response {
    // Whoever restarts processes that don't answer is answered even under load.
    let free = request.uri().path() == "/livez";
    let Ok(_permit) = app.requests.try_acquire_many(u32::from(!free)) else {
        return busy("too many requests at once");
    };
    let limit = match *request.method() {
        Method::PUT => limits::UPLOAD_TIMEOUT,
        _ => limits::REQUEST_TIMEOUT,
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let refusal = Refusal::because(Code::Unavailable, "request", "it took too long");
            let mut response = answer::refuse(&refusal);
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// 503, with word to try again soon.
pub fn busy(why: &str) -> Response {
    let mut response = answer::refuse(&Refusal::because(Code::Unavailable, "service", why));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
