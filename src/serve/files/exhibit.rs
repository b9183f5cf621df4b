//! `/exhibit/<n>.zip`: one entry with everything that a stranger needs to verify it.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header::CONTENT_DISPOSITION},
    response::Response,
};

use super::found;
use crate::{
    event::Digest,
    exhibit::assemble,
    serve::{
        app::App,
        http::{
            answer::{self, REVALIDATE, bytes},
            etag::tagged,
        },
    },
};

/// `/exhibit/<n>.zip`. It holds no files; a reader who wants them fetches them and adds them.
pub async fn get(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(index) = name.strip_suffix(".zip").and_then(answer::number) else { return answer::not_found() };
    found(&app, move |reader| {
        let Some(zip) = assemble(reader, index)? else { return Ok(None) };
        let tag = Digest::blake3(&zip).to_string();
        let mut response = tagged(&headers, &tag, REVALIDATE, || bytes("application/zip", REVALIDATE, zip));
        // This does not fail: the name holds digits and plain letters.
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"exhibit-{index}.zip\"")) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
        Ok(Some(response))
    })
    .await
}
