//! `/file/<blake3>`: files are uploaded before the event that names them, and served unless they are withheld.

use std::io;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{Extension, Path, Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE},
    },
    response::Response,
};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::{
    body::FileBody,
    byte_range::{self, Asked},
};
use crate::{
    event::{Code, Digest, Refusal},
    ledger::{ReadError, Reader, SoundFile, Upload},
    serve::{
        app::App,
        edge::{
            bodies::{Streamed, gave_way, stopped_coming},
            guard,
            quota::{Share, Taker},
        },
        http::{
            answer::{self, REVALIDATE, blocking, bytes},
            etag::tagged,
        },
        limits,
    },
    store::disk::AtHand,
};

/// Media types that are served as such: the type that a file claims, the type that is served, and whether a browser may show it.
/// All others are served as bytes to be saved, since an uploaded page must not run on the ledger's own address.
const MEDIA: &[(&str, &str, bool)] = &[
    ("application/pdf", "application/pdf", true),
    ("image/gif", "image/gif", true),
    ("image/jpeg", "image/jpeg", true),
    ("image/png", "image/png", true),
    ("image/webp", "image/webp", true),
    ("text/plain", "text/plain; charset=utf-8", true),
    ("application/json", "application/json", false),
    ("application/zip", "application/zip", false),
    ("application/gzip", "application/gzip", false),
    ("application/warc", "application/warc", false),
    ("application/wacz", "application/wacz", false),
    ("application/timestamp-reply", "application/timestamp-reply", false),
    ("audio/mpeg", "audio/mpeg", false),
    ("message/rfc822", "message/rfc822", false),
    ("text/csv", "text/csv; charset=utf-8", false),
    ("video/mp4", "video/mp4", false),
];

/// The media type to serve for the claimed type `media`, and whether a browser may show it.
fn served_as(media: &str) -> (&'static str, bool) {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    MEDIA
        .iter()
        .find(|(name, ..)| *name == essence)
        .map_or((answer::OCTETS, false), |(_, as_, show)| (as_, *show))
}

/// `GET /file/<blake3>`
pub async fn get(
    State(app): State<App>,
    method: Method,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Ok(digest) = digest.parse::<Digest>() else { return answer::not_found() };
    let reader = app.ledger.reader().clone();
    let (file, size, media) = match blocking(move || open(&reader, &digest)).await {
        Ok(Some(found)) => found,
        Ok(None) => return answer::not_found(),
        Err(response) => return response,
    };
    let (content_type, show) = served_as(&media);
    tagged(&headers, &digest.to_string(), REVALIDATE, || {
        // A range only applies to GET.
        let asked = match method {
            Method::GET => byte_range::asked(&headers, &format!("\"{digest}\""), size),
            _ => Asked::Whole,
        };
        let (status, first, length) = match asked {
            Asked::Whole => (StatusCode::OK, 0, size),
            Asked::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
            Asked::Beyond => return beyond(size),
        };
        let body =
            if method == Method::HEAD { Body::empty() } else { FileBody::new(file, first, length).into() };
        let mut response = bytes(content_type, REVALIDATE, body);
        *response.status_mut() = status;
        response.extensions_mut().insert(Streamed);
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        // This does not fail: it holds digits and a few signs.
        let part = format!("bytes {first}-{}/{size}", first + length.saturating_sub(1));
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(part) = HeaderValue::from_str(&part)
        {
            headers.insert(CONTENT_RANGE, part);
        }
        let disposition = if show { "inline" } else { "attachment" };
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
        response
    })
}

/// 416: the range begins beyond the end of the file.
fn beyond(size: u64) -> Response {
    let mut response = answer::text(StatusCode::RANGE_NOT_SATISFIABLE, "the file is shorter");
    if let Ok(whole) = HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(CONTENT_RANGE, whole);
    }
    response
}

/// Opens a file that is served, and returns it with its size and media type. `None` if there is no such file.
fn open(reader: &Reader, digest: &Digest) -> Result<Option<(SoundFile, u64, String)>, ReadError> {
    // Between the look-up and the opening the file may be moved once, to where files on record are. Then it is looked up again.
    for last in [false, true] {
        let Some((path, size, media)) = reader.file(digest)? else { return Ok(None) };
        match AtHand::open(&path) {
            Ok(file) => return Ok(Some((reader.sound_file(digest, file)?, size, media))),
            Err(error) if !last && error.kind() == io::ErrorKind::NotFound => {}
            // The log names the file and nothing withholds it, yet it can't be read. That is a fault of this server, but the
            // caller gets the same answer as for an unknown digest.
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a file that the log names can't be read");
                reader.report_damaged(&format!("file/{digest}"), "missing, or can't be read");
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// `PUT /file/<blake3>`: 201 once the bytes are stored and synced, 200 if the file is on record already. An
/// event must name the file within the hour.
pub async fn put(
    State(app): State<App>,
    Extension(taker): Extension<Taker>,
    Path(digest): Path<String>,
    request: Request,
) -> Response {
    let Ok(digest) = digest.parse::<Digest>() else {
        let found = "something else";
        return answer::refuse(&Refusal::new(Code::BadId, "path", "/file/<64 lower-case hex digits>", found));
    };
    let mut body = request.into_body();
    // A file that is there with its first bytes needs no place among uploads, so uploads that stall can't keep small files out.
    let Some(mut held) = app.bodies.take_for(&taker) else { return guard::busy(&app.edge, guard::TOO_MANY) };
    let (first, whole) = match begin(&mut held, &mut body).await {
        Ok(begun) => begun,
        Err(Some(refusal)) => return answer::refuse(&refusal),
        Err(None) => return guard::busy(&app.edge, "too many requests in memory"),
    };
    let place = if whole { app.edge.requests.take(taker.client) } else { app.uploads.take_for(&taker) };
    let Some(_place) = place else { return guard::busy(&app.edge, "too many uploads at once") };
    let from = taker.client.network();
    let ledger = app.ledger.clone();
    let begun = blocking(move || {
        // If the file is on record already, the body is read and dropped: most callers read the answer only after they have
        // sent the whole body.
        let on_record = ledger.reader().file(&digest)?.is_some();
        Ok(if on_record { Ok(None) } else { ledger.upload(digest, from).map(Some) })
    });
    let upload = match begun.await {
        Ok(Ok(upload)) => upload,
        Ok(Err(refusal)) => return answer::refuse(&refusal),
        Err(response) => return response,
    };
    let on_record = upload.is_none();
    match take(first, held, body, upload).await {
        Ok(()) if on_record => answer::text(StatusCode::OK, "on record"),
        Ok(()) => answer::text(StatusCode::CREATED, "waiting for an event that names it"),
        Err(refusal) => answer::refuse(&refusal),
    }
}

fn broken(message: &str) -> Refusal {
    Refusal::because(Code::Unavailable, "file", message)
}

/// The next bytes of a body; `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        match frame {
            // A frame of trailers has no data.
            Ok(frame) => {
                if let Ok(chunk) = frame.into_data() {
                    return Ok(Some(chunk));
                }
            }
            Err(e) if gave_way(&e) => return Err(broken("others needed its place; send it again")),
            Err(e) if stopped_coming(&e) => return Err(broken("the bytes stopped coming")),
            Err(_) => return Err(broken("the connection broke")),
        }
    }
    Ok(None)
}

/// Reads about the first [`limits::UPLOAD_FIRST`] bytes of a body. Returns them, and whether the body ends with them. Their
/// memory is counted in `held`.
///
/// # Errors
/// `None` if there is no room for them in memory, else why the body could not be read.
async fn begin(held: &mut Share, body: &mut Body) -> Result<(Vec<u8>, bool), Option<Refusal>> {
    // The bytes are copied: a list of chunks of one byte each would take many times the memory that is counted.
    let mut first = Vec::new();
    while first.len() < limits::UPLOAD_FIRST {
        let Some(chunk) = next(body).await? else { return Ok((first, true)) };
        if !held.grow(chunk.len()) {
            return Err(None);
        }
        first.extend_from_slice(&chunk);
    }
    Ok((first, body.is_end_stream()))
}

/// Writes the first bytes and then the rest of a body into an upload; without one, reads the body and drops it. No thread
/// waits for bytes to come.
async fn take(first: Vec<u8>, held: Share, mut body: Body, upload: Option<Upload>) -> Result<(), Refusal> {
    let mut held = Some(held);
    let Some(upload) = upload else {
        drop(held.take());
        while next(&mut body).await?.is_some() {}
        return Ok(());
    };
    let (mut upload, mut part) = (upload, first);
    // The next part is gathered while one is written.
    while !part.is_empty() {
        let (written, came) = tokio::join!(write(upload, part), gather(&mut body));
        upload = written?;
        drop(held.take());
        part = came?;
    }
    aside(move || upload.finish()).await
}

/// Gathers the next part of a body: [`limits::UPLOAD_PART`] bytes, or what is left.
async fn gather(body: &mut Body) -> Result<Vec<u8>, Refusal> {
    let mut part = Vec::new();
    while part.len() < limits::UPLOAD_PART {
        let Some(chunk) = next(body).await? else { break };
        part.extend_from_slice(&chunk);
    }
    Ok(part)
}

/// Writes a part of a file.
async fn write(mut upload: Upload, part: Vec<u8>) -> Result<Upload, Refusal> {
    aside(move || {
        upload.write(&part)?;
        Ok(upload)
    })
    .await
}

/// Bounds how many parts of files are written at once: more threads would wait for the same disk.
static WRITING: Semaphore = Semaphore::const_new(16);

/// Does `work` on a thread that may wait for the disk.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    // This does not fail: the semaphore is never closed.
    let _permit = WRITING.acquire().await;
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|join| {
        tracing::error!(%join, "an upload ended");
        Err(broken("the file could not be kept"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_can_run_is_served_as_what_it_claims() {
        for media in ["text/html", "image/svg+xml", "application/xhtml+xml", "", "text/javascript", "x"] {
            assert_eq!(served_as(media), (answer::OCTETS, false), "{media}");
        }
        assert_eq!(served_as("Image/PNG"), ("image/png", true));
        assert_eq!(served_as("text/plain; charset=latin1"), ("text/plain; charset=utf-8", true));
    }
}
