//! A witness over HTTP: `add-checkpoint`, and the monitoring prefix.
//!
//! | path | what |
//! | --- | --- |
//! | `POST /add-checkpoint` | cosigns a checkpoint, or says why not |
//! | `GET /<SHA-256 of origin>/checkpoint` | the latest checkpoint that was cosigned |
//! | `GET /livez`, `/readyz` | whether the process runs, and whether it cosigns |

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    extract::{Extension, Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::net::TcpListener;

use super::{NoCheckpoint, Refused, Witness};
use crate::{
    log::{AddCheckpoint, AddCheckpointError, MAX_ADD_CHECKPOINT, TLOG_SIZE},
    serve::{
        Client, Edge, Options,
        http::answer::{self, REVALIDATE, TEXT},
    },
};

/// How long the body of a request may take to arrive. It is short.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// What handlers share.
#[derive(Clone)]
struct App {
    witness: Arc<Witness>,
    edge: Edge,
}

/// Serves a witness until `shutdown` resolves and requests under way are answered. Of `options`, only those of connections,
/// proxies and TLS have an effect.
pub async fn serve(
    witness: Arc<Witness>,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) {
    let edge = Edge::new(&options);
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .route("/livez", get(async || answer::text(StatusCode::OK, "ok")))
        .route("/readyz", get(readyz))
        .fallback(async || answer::not_found())
        .method_not_allowed_fallback(answer::method_not_allowed);
    let router = edge.guard(router).with_state(App { witness, edge: edge.clone() });
    edge.serve(router, listener, shutdown).await;
}

async fn add_checkpoint(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    body: Body,
) -> Response {
    let (body, share) = match app.edge.body(client, body, MAX_ADD_CHECKPOINT, BODY_TIMEOUT).await {
        Ok(came) => came,
        Err(answer) => return answer,
    };
    // On a thread of its own, since the disk may be slow. A request that was begun is completed even if its caller leaves.
    let done = tokio::task::spawn_blocking(move || {
        let _share = share;
        let request = AddCheckpoint::parse(&body)?;
        Ok::<_, AddCheckpointError>(app.witness.add_checkpoint(&request, now()))
    });
    match done.await {
        Ok(Ok(Ok(line))) => answer::bytes(TEXT, REVALIDATE, line.to_string()).into_response(),
        Ok(Ok(Err(refused))) => refuse(&refused),
        Ok(Err(malformed)) => answer::text(StatusCode::BAD_REQUEST, &malformed.to_string()),
        Err(join) => {
            tracing::error!(%join, "a request ended");
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer")
        }
    }
}

/// Seconds since 1970. A clock before that reads as 0, and then nothing is cosigned.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn refuse(refused: &Refused) -> Response {
    tracing::debug!(%refused, "not cosigned");
    let status = match refused {
        Refused::UnknownLog => StatusCode::NOT_FOUND,
        Refused::Signature(_) | Refused::Checkpoint(NoCheckpoint::Signature(_)) => StatusCode::FORBIDDEN,
        // The log signed it, but a tree without entries has only one root.
        Refused::Checkpoint(NoCheckpoint::EmptyRoot) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Checkpoint(NoCheckpoint::Lines) | Refused::OldAbove { .. } => StatusCode::BAD_REQUEST,
        Refused::Conflict { size } => {
            let size = answer::bytes(TLOG_SIZE, REVALIDATE, format!("{size}\n"));
            return (StatusCode::CONFLICT, size).into_response();
        }
        Refused::Proof(_) | Refused::OtherRoot => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Clock | Refused::Stopped(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer::text(status, &refused.to_string())
}

async fn checkpoint(State(app): State<App>, Path(origin): Path<String>) -> Response {
    // On a thread of its own, since it may wait for a checkpoint that is being written.
    let latest = tokio::task::spawn_blocking(move || app.witness.latest(&origin)).await;
    match latest {
        Ok(Some(note)) => answer::bytes(TEXT, REVALIDATE, note.as_str().to_owned()),
        _ => answer::not_found(),
    }
}

async fn readyz(State(app): State<App>) -> Response {
    match app.witness.fault() {
        None => answer::text(StatusCode::OK, "ok"),
        Some(why) => answer::text(StatusCode::SERVICE_UNAVAILABLE, &format!("the witness stopped: {why}")),
    }
}
