//! Whether the server does its work, for its operator and for programs that restart it.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    app::App,
    http::answer::{self, blocking},
};

/// `/livez`: the process runs.
pub async fn livez() -> Response {
    answer::text(StatusCode::OK, "ok")
}

/// `/readyz`: 200 if the writer takes events, else 503 with the reason. A mirror answers 503 once its log forked.
pub async fn readyz(State(app): State<App>) -> Response {
    if app.options.mirror.as_ref().is_some_and(|status| status.now().forked) {
        let why = "the log signed two histories; the proof is in the mirror's folder, or in its log";
        return answer::text(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    let ledger = app.ledger.clone();
    let fault = match blocking(move || Ok(ledger.look_for_fault())).await {
        Ok(fault) => fault,
        Err(response) => return response,
    };
    // First whether events are taken, then everything else that the operator should look at.
    let mut notes = Vec::new();
    let damaged = app.ledger.reader().damaged();
    if let [(name, why), others @ ..] = damaged.as_slice() {
        let others = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
        notes.push(format!("not all is served: {name} is damaged: {why}{others}"));
    }
    notes.extend(app.ledger.unconfirmed());
    let (status, first) = match fault {
        None if notes.is_empty() => (StatusCode::OK, "ok".to_owned()),
        None => (StatusCode::OK, format!("ok, but {}", notes.remove(0))),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("the writer stopped: {why}")),
    };
    answer::text(status, &[vec![first], notes].concat().join("; and "))
}
