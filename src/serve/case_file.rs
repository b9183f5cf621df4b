//! `/case/<id>/exhibits.zip`: every entry of a case, made while it is sent.

use std::io;

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Path, State},
    http::{HeaderValue, StatusCode, header::CONTENT_DISPOSITION},
    response::Response,
};
use futures_util::stream;

use super::{
    App,
    answer::{self, REVALIDATE, blocking, bytes},
    client::Client,
    turns::Weight,
};
use crate::{
    event::EventId,
    exhibit::{CaseExport, MAX_EXHIBITS},
};

/// Answers with an archive whose parts are made one by one, each as the caller has taken the one before and has its turn
/// among all who ask.
pub async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(client): Extension<Client>,
) -> Response {
    let Ok(case) = id.parse::<EventId>() else { return answer::not_found() };
    let reader = app.ledger.reader().clone();
    let export = match blocking(move || CaseExport::begin(&reader, &case)).await {
        Ok(Some(export)) => export,
        Ok(None) => return answer::not_found(),
        Err(response) => return response,
    };
    if export.left() > MAX_EXHIBITS {
        let why = format!("a case file has at most {MAX_EXHIBITS} exhibits: take this case's one by one");
        return answer::text(StatusCode::PAYLOAD_TOO_LARGE, &why);
    }
    let name = format!("attachment; filename=\"case-{}.zip\"", export.first());
    let turns = app.turns.clone();
    let parts = stream::try_unfold(export, move |mut export| {
        let turns = turns.clone();
        async move {
            let turn = turns.wait(client, Weight::Light).await;
            let making = move || turn.spend(|| export.part().map(|part| (part, export)));
            let made = tokio::task::spawn_blocking(making).await;
            match made {
                Ok(Ok((part, export))) => Ok(part.map(|part| (Bytes::from(part), export))),
                // Cut off in the middle, so that nobody takes a part for the whole.
                failed => {
                    let cause = match failed {
                        Ok(Err(cause)) => cause.to_string(),
                        failed => format!("a task ended: {:?}", failed.err()),
                    };
                    tracing::error!(%cause, "a case file could not be finished");
                    Err(io::Error::other("the server failed to finish it"))
                }
            }
        }
    });
    let mut response = bytes("application/zip", REVALIDATE, Body::from_stream(parts));
    // Digits only.
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}
