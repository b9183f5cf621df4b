//! `/case/<id>/exhibits.zip`: an archive of the exhibits of all entries of a case, made while it is sent.

use std::io;

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Path, State},
    http::{HeaderValue, StatusCode, header::CONTENT_DISPOSITION},
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::stream;

use crate::{
    event::EventId,
    exhibit::{CaseExport, MAX_EXHIBITS},
    serve::{
        app::App,
        edge::{fair_queue::Weight, guard, quota::Taker},
        http::answer::{self, REVALIDATE, blocking, bytes},
        limits,
    },
    views::Views,
};

/// Answers with an archive whose parts are made one by one. Each is made in a turn, after the caller has taken the part before.
pub async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(taker): Extension<Taker>,
) -> Response {
    let reader = app.ledger.reader().clone();
    let Ok(case) = id.parse::<EventId>() else {
        let Some(index) = answer::typed_number(&id) else { return answer::not_found() };
        let found = blocking(move || Views::new(&reader).record(index));
        return match found.await {
            Ok(Some(record)) => {
                Redirect::permanent(&format!("/case/{}/exhibits.zip", record.event().id())).into_response()
            }
            Ok(None) => answer::not_found(),
            Err(response) => response,
        };
    };
    let client = taker.client;
    // At any time one exhibit is in memory, for as long as the peer takes to receive it.
    let Some(held) = app.edge.answers.take_many_for(&taker, limits::EXHIBIT) else {
        return guard::busy(&app.edge, guard::TOO_MANY_ANSWERS);
    };
    // Finding the entries of a large case is work, so it takes a turn too.
    let begun = blocking(move || CaseExport::begin(&reader, &case));
    let export = match app.queue.in_turn(client, Weight::Light, begun).await {
        Ok(Some(export)) => export,
        Ok(None) => return answer::not_found(),
        Err(response) => return response,
    };
    if export.left() > MAX_EXHIBITS {
        let why = format!("a case file has at most {MAX_EXHIBITS} exhibits: take this case's one by one");
        return answer::text(StatusCode::PAYLOAD_TOO_LARGE, &why);
    }
    let name = format!("attachment; filename=\"case-{}.zip\"", export.first());
    let queue = app.queue.clone();
    let parts = stream::try_unfold((export, held, limits::EXHIBIT), move |(mut export, mut held, room)| {
        let queue = queue.clone();
        async move {
            let turn = queue.wait(client, Weight::Light).await;
            let making = move || turn.spend(|| export.part().map(|part| (part, export)));
            let made = tokio::task::spawn_blocking(making).await;
            match made {
                Ok(Ok((Some(part), export))) => {
                    let needed = room.max(part.len());
                    if !held.grow(needed - room) {
                        return Err(io::Error::other(guard::TOO_MANY_ANSWERS));
                    }
                    Ok(Some((Bytes::from(part), (export, held, needed))))
                }
                Ok(Ok((None, _))) => Ok(None),
                // The answer is cut off, so that nobody takes a part of the archive for the whole.
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
    // This does not fail: the name holds digits and plain letters.
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}
