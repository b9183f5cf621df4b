//! The files of the log as C2SP lays them out, and single entries, words and proofs (formats.md, section 6).

use std::fmt::Display;

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{body::FileBody, found, parts_body::PartsBody};
use crate::{
    event::Digest,
    ledger::{Blob, PartialTile, Parts, ReadError, Reader},
    log::{TileKind, TilePath},
    serve::{
        app::App,
        edge::{bodies::Streamed, client::Client, fair_queue::Weight},
        http::{
            answer::{self, IMMUTABLE, OCTETS, REVALIDATE, TEXT, bytes},
            etag::tagged,
            gzip::Compressible,
        },
    },
};

/// Caching of partial tiles. Their bytes never change, but wider ones replace them.
const FOR_AN_HOUR: &str = "public, max-age=3600";
const JSON: &str = "application/json";

/// The tag of something that never changes under its name in this log. The log's key is part of the tag, in case another log
/// is ever served at the same address.
fn name_in(reader: &Reader, name: impl Display) -> String {
    format!("{}/{name}", reader.log_key().id())
}

/// `/checkpoint`
pub async fn checkpoint(State(app): State<App>, headers: HeaderMap) -> Response {
    let checkpoint = app.ledger.reader().checkpoint();
    let note = checkpoint.note().as_str();
    let tag = Digest::blake3(note.as_bytes()).to_string();
    tagged(&headers, &tag, REVALIDATE, || bytes(TEXT, REVALIDATE, note.to_owned()))
}

/// `/tile/<L>/<N>[.p/<W>]`, `/tile/entries/<N>[.p/<W>]`, `/content/tile/<N>[.p/<W>]`
pub async fn tile(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // The path as it was sent, not decoded: a tile has only one name.
    let Ok(path) = uri.path().trim_start_matches('/').parse::<TilePath>() else {
        return answer::not_found();
    };
    // Most requested tiles are in memory, and sending them takes less time than waking a thread.
    if let Some(tile) = app.ledger.reader().tile_at_hand(&path).and_then(FileBody::begin) {
        return streamed(tile_answer(app.ledger.reader(), &path, &headers, None, tile));
    }
    let read = found(&app, move |reader| {
        if let Some(tile) = reader.tile_in_parts(&path)? {
            // Withheld words are taken out of content tiles, so the name of one does not tell its bytes.
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
        // A content tile is hashed for each request, up to 64 MiB, so it takes a turn.
        TileKind::Contents => app.queue.in_turn(client, Weight::Light, read).await,
        _ => read.await,
    }
}

/// Marks an answer whose body is read while the peer takes it.
fn streamed(mut response: Response) -> Response {
    response.extensions_mut().insert(Streamed);
    response
}

/// An answer with a tile. `digest` is given for tiles that may change, and is their tag; the tag of other tiles is their name.
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
    let mut response = tagged(headers, &tag, caching, || bytes(OCTETS, caching, tile));
    // Hashes can't be compressed.
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
        Ok(Some(tagged(&headers, &tag, IMMUTABLE, || bytes(TEXT, IMMUTABLE, Bytes::from_owner(entry)))))
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
        Ok(Some(tagged(&headers, &tag, REVALIDATE, || bytes(TEXT, REVALIDATE, proof))))
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
                Some(tagged(&headers, &tag, REVALIDATE, answer))
            }
            Blob::Withheld(by) => Some(answer::text(StatusCode::GONE, &format!("withheld {by}"))),
            Blob::Unknown => None,
        })
    })
    .await
}
