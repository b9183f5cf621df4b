//! The log as C2SP lays it out, and single entries, words and proofs (formats.md, section 6).

use std::fmt::Display;

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::CONTENT_DISPOSITION},
    response::Response,
};

use super::{body::FileBody, parts_body::PartsBody};
use crate::{
    event::Digest,
    ledger::{Blob, PartialTile, Parts, ReadError, Reader},
    log::{TileKind, TilePath},
    serve::{
        app::App,
        edge::{
            bodies::Streamed,
            client::Client,
            fair_queue::{self, Weight},
        },
        http::{
            answer::{self, IMMUTABLE, OCTETS, REVALIDATE, TEXT, blocking, bytes},
            gzip::Compressible,
        },
    },
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

/// The tag of what never changes under its name in this log. Names of another log are other tags, should one
/// ever be served at the same address.
fn name_in(reader: &Reader, name: impl Display) -> String {
    format!("{}/{name}", reader.log_key().id())
}

/// `/checkpoint`
pub async fn checkpoint(State(app): State<App>, headers: HeaderMap) -> Response {
    let checkpoint = app.ledger.reader().checkpoint();
    let note = checkpoint.note().as_str();
    let tag = Digest::blake3(note.as_bytes()).to_string();
    answer::tagged(&headers, &tag, REVALIDATE, || bytes(TEXT, REVALIDATE, note.to_owned()))
}

/// `/tile/<L>/<N>[.p/<W>]`, `/tile/entries/<N>[.p/<W>]`, `/content/tile/<N>[.p/<W>]`
pub async fn tile(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // The path as it was sent: a tile has one name, so nothing of it is decoded.
    let Ok(path) = uri.path().trim_start_matches('/').parse::<TilePath>() else {
        return answer::not_found();
    };
    // Most tiles that are asked for are in memory, and handing them over takes less than waking a thread.
    if let Some(tile) = app.ledger.reader().tile_at_hand(&path).and_then(FileBody::begin) {
        return streamed(tile_answer(app.ledger.reader(), &path, &headers, None, tile));
    }
    let read = found(&app, move |reader| {
        if let Some(tile) = reader.tile_in_parts(&path)? {
            // What is withheld leaves content tiles, so their names are not enough.
            let digest = matches!(path.kind(), TileKind::Contents).then(|| tile.digest());
            let length = tile.length();
            let body = FileBody::new(tile, 0, length);
            return Ok(Some(streamed(tile_answer(reader, &path, &headers, digest, body))));
        }
        if let Some(tile) = reader.partial_tile(&path)? {
            let fault = |e| ReadError::Fault(format!("{path}: {e}"));
            let digest = matches!(path.kind(), TileKind::Contents).then(|| tile.digest().map_err(fault));
            let (digest, length) = (digest.transpose()?, tile.length());
            let body: Body = match tile {
                PartialTile::InMemory(pieces) => PartsBody::new(Parts::new(pieces), length).into(),
                PartialTile::Beginning { of, length } => FileBody::new(of, 0, length).into(),
            };
            return Ok(Some(streamed(tile_answer(reader, &path, &headers, digest, body))));
        }
        let tile = reader.tile(&path)?;
        Ok(tile.map(|tile| {
            let digest = matches!(path.kind(), TileKind::Contents).then(|| Digest::blake3(&tile));
            tile_answer(reader, &path, &headers, digest, Bytes::from_owner(tile))
        }))
    });
    match path.kind() {
        // Words are hashed for whoever asks, up to 64 MiB.
        TileKind::Contents => fair_queue::in_turn(&app, client, Weight::Light, read).await,
        _ => read.await,
    }
}

/// An answer whose body is read as it is taken.
fn streamed(mut response: Response) -> Response {
    response.extensions_mut().insert(Streamed);
    response
}

/// A tile with its tag: the digest of what may change, the name of what does not.
fn tile_answer(
    reader: &Reader,
    path: &TilePath,
    headers: &HeaderMap,
    digest: Option<Digest>,
    tile: impl Into<Body>,
) -> Response {
    let (tag, caching) = match digest {
        Some(digest) => (digest.to_string(), REVALIDATE),
        None if path.is_full() => (name_in(reader, path), IMMUTABLE),
        None => (name_in(reader, path), FOR_AN_HOUR),
    };
    let mut response = answer::tagged(headers, &tag, caching, || bytes(OCTETS, caching, tile));
    // Hashes can't be made shorter.
    if !matches!(path.kind(), TileKind::Hashes { .. }) {
        response.extensions_mut().insert(Compressible);
    }
    response
}

/// `/entry/<n>`
pub async fn entry(State(app): State<App>, Path(index): Path<String>, headers: HeaderMap) -> Response {
    let Some(index) = answer::number(&index) else { return answer::not_found() };
    found(&app, move |reader| {
        let Some(entry) = reader.entry(index)? else { return Ok(None) };
        let tag = name_in(reader, format_args!("entry/{index}"));
        Ok(Some(answer::tagged(&headers, &tag, IMMUTABLE, || {
            bytes(TEXT, IMMUTABLE, Bytes::from_owner(entry))
        })))
    })
    .await
}

/// `/proof/<n>`
pub async fn proof(State(app): State<App>, Path(index): Path<String>, headers: HeaderMap) -> Response {
    let Some(index) = answer::number(&index) else { return answer::not_found() };
    found(&app, move |reader| {
        let checkpoint = reader.witnessed_checkpoint(index.saturating_add(1));
        let Some(proof) = reader.proof(index, &checkpoint)? else { return Ok(None) };
        let proof = proof.to_string();
        let tag = Digest::blake3(proof.as_bytes()).to_string();
        Ok(Some(answer::tagged(&headers, &tag, REVALIDATE, || bytes(TEXT, REVALIDATE, proof))))
    })
    .await
}

/// `/exhibit/<n>.zip`: without files, which whoever wants them fetches and adds.
pub async fn exhibit(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(index) = name.strip_suffix(".zip").and_then(answer::number) else { return answer::not_found() };
    found(&app, move |reader| {
        let Some(zip) = crate::exhibit::assemble(reader, index)? else { return Ok(None) };
        let tag = Digest::blake3(&zip).to_string();
        let mut response =
            answer::tagged(&headers, &tag, REVALIDATE, || bytes("application/zip", REVALIDATE, zip));
        // Digits only.
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"exhibit-{index}.zip\"")) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
        Ok(Some(response))
    })
    .await
}

/// `/content/<blake3>`
pub async fn content(State(app): State<App>, Path(digest): Path<String>, headers: HeaderMap) -> Response {
    let Ok(digest) = digest.parse::<Digest>() else { return answer::not_found() };
    found(&app, move |reader| {
        Ok(match reader.content(&digest)? {
            Blob::Present(words) => {
                let tag = digest.to_string();
                let answer = || bytes(JSON, REVALIDATE, Bytes::from_owner(words));
                Some(answer::tagged(&headers, &tag, REVALIDATE, answer))
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
    if app.options.mirror.as_ref().is_some_and(|status| status.now().forked) {
        let why = "the log signed two histories; the proof is in the mirror's folder, or in its log";
        return answer::text(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    let ledger = app.ledger.clone();
    let fault = match blocking(move || Ok(ledger.look_for_fault())).await {
        Ok(fault) => fault,
        Err(response) => return response,
    };
    // Whether events are taken; then all else that somebody should look at.
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
