//! The log as C2SP lays it out, and single entries, words and proofs (formats.md, section 6).

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{
    App,
    answer::{self, IMMUTABLE, OCTETS, REVALIDATE, TEXT, blocking, bytes},
};
use crate::{
    event::Digest,
    ledger::{Blob, ReadError, Reader},
    log::{TileKind, TilePath},
};

/// For partial tiles: what they hold never changes, but wider ones come.
const FOR_AN_HOUR: &str = "public, max-age=3600";
const JSON: &str = "application/json";

/// Answers with what a read of the store gives, or 404.
async fn found(
    app: &App,
    read: impl FnOnce(&Reader) -> Result<Option<Response>, ReadError> + Send + 'static,
) -> Response {
    let reader = app.ledger.reader().clone();
    match blocking(move || read(&reader)).await {
        Ok(Some(response)) | Err(response) => response,
        Ok(None) => answer::not_found(),
    }
}

/// `/checkpoint`
pub async fn checkpoint(State(app): State<App>) -> Response {
    let checkpoint = app.ledger.reader().checkpoint();
    bytes(TEXT, REVALIDATE, checkpoint.note().as_str().to_owned())
}

/// `/tile/<L>/<N>[.p/<W>]`, `/tile/entries/<N>[.p/<W>]`, `/content/tile/<N>[.p/<W>]`
pub async fn tile(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    // The path as it was sent: a tile has one name, so nothing of it is decoded.
    let Ok(path) = uri.path().trim_start_matches('/').parse::<TilePath>() else {
        return answer::not_found();
    };
    found(&app, move |reader| {
        let Some(tile) = reader.tile(&path)? else { return Ok(None) };
        Ok(Some(match path.kind() {
            TileKind::Contents => {
                let digest = Digest::blake3(&tile);
                answer::tagged(&headers, &digest, || bytes(OCTETS, REVALIDATE, tile.to_vec()))
            }
            _ if path.is_full() => bytes(OCTETS, IMMUTABLE, tile.to_vec()),
            _ => bytes(OCTETS, FOR_AN_HOUR, tile.to_vec()),
        }))
    })
    .await
}

/// `/entry/<n>`
pub async fn entry(State(app): State<App>, Path(index): Path<String>) -> Response {
    let Some(index) = answer::number(&index) else { return answer::not_found() };
    found(&app, move |reader| Ok(reader.entry(index)?.map(|entry| bytes(TEXT, IMMUTABLE, entry.to_vec()))))
        .await
}

/// `/proof/<n>`
pub async fn proof(State(app): State<App>, Path(index): Path<String>) -> Response {
    let Some(index) = answer::number(&index) else { return answer::not_found() };
    found(&app, move |reader| {
        let proof = reader.proof(index, &reader.checkpoint())?;
        Ok(proof.map(|proof| bytes(TEXT, REVALIDATE, proof.to_string())))
    })
    .await
}

/// `/content/<blake3>`
pub async fn content(State(app): State<App>, Path(digest): Path<String>, headers: HeaderMap) -> Response {
    let Ok(digest) = digest.parse::<Digest>() else { return answer::not_found() };
    found(&app, move |reader| {
        Ok(match reader.content(&digest)? {
            Blob::Present(words) => {
                Some(answer::tagged(&headers, &digest, || bytes(JSON, REVALIDATE, words.to_vec())))
            }
            Blob::Withheld(by) => Some(answer::text(StatusCode::GONE, &format!("withheld {by}"))),
            Blob::Unknown => None,
        })
    })
    .await
}

/// `/livez`: the process runs.
pub async fn livez() -> Response {
    answer::text(StatusCode::OK, "ok")
}

/// `/readyz`: the writer takes events.
pub async fn readyz(State(app): State<App>) -> Response {
    match app.ledger.fault() {
        None => answer::text(StatusCode::OK, "ok"),
        Some(why) => answer::text(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}
