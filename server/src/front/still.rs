//! `/still.jpg`: a picture in the camera's full size, for which its stream may stop for a moment.
//!
//! Taking it belongs to the camera. The newest frame of the stream, which costs nobody anything, is [`super::live`]'s.

use super::admit::Watched;
use super::refusal;
use crate::camera::{NotTaken, Still};
use crate::form::timestamp;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;

/// Whether the picture is larger than the stream, or a frame of it.
const KIND: &str = "pistreamer-still";
/// Its size.
const SIZE: &str = "pistreamer-still-size";
/// For how long the stream stood still for it.
const PAUSED: &str = "pistreamer-still-paused-ms";

/// Takes one. HEAD tells what it would be, and takes none.
pub(super) async fn still(
    Watched { grant, camera }: Watched,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if method == Method::HEAD {
        let larger = camera.still_size();
        let mode = camera.state().mode;
        let size = larger.unwrap_or((mode.width, mode.height));
        let body = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
        return told(body.into_response(), larger.is_some(), size);
    }
    // A browser that knows the key for any page would have those of others stop the stream.
    if may_be_of_other_page(&headers) {
        let text = "a browser takes photos by the viewer's menu alone; programs take them here";
        return refusal(StatusCode::FORBIDDEN, text);
    }
    let Still { frame, paused } = match camera.still(grant.credential()).await {
        Ok(still) => still,
        Err(error) => return not_taken(&error),
    };
    let size = (frame.width, frame.height);
    if let Some(paused) = paused {
        let (id, by, paused_ms) = (camera.id(), grant.credential(), paused.as_millis() as u64);
        let (width, height) = size;
        tracing::info!(%id, by, width, height, paused_ms, "a photo in full resolution");
    }
    let response = frame.jpeg().clone().into_response();
    let mut response = told(response, paused.is_some(), size);
    let headers = response.headers_mut();
    if let Some(paused) = paused {
        headers.insert(PAUSED, (paused.as_millis() as u64).into());
    }
    if let Ok(timestamp) = HeaderValue::from_str(&timestamp(frame.captured_us)) {
        headers.insert("x-timestamp", timestamp);
    }
    response
}

/// Whether a page of another site may be asking. Over plain HTTP browsers do not say which page it is, but each tells that it is
/// one, and no foreign page can have a header of its own sent without being allowed to.
fn may_be_of_other_page(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT);
    let is_browser = agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    let site = headers.get("sec-fetch-site");
    let is_foreign = site.is_some_and(|site| site == "cross-site" || site == "same-site");
    is_foreign || is_browser && !headers.contains_key("x-requested-with")
}

fn told(mut response: Response, is_full: bool, (width, height): (u32, u32)) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    let kind = if is_full { "full" } else { "stream" };
    headers.insert(KIND, HeaderValue::from_static(kind));
    // Until the camera was open it is not known.
    if width > 0
        && let Ok(size) = HeaderValue::from_str(&format!("{width}x{height}"))
    {
        headers.insert(SIZE, size);
    }
    response
}

fn not_taken(error: &NotTaken) -> Response {
    let status = match error {
        NotTaken::TooSoon(_) => StatusCode::TOO_MANY_REQUESTS,
        NotTaken::TooSlow(_) => StatusCode::CONFLICT,
        NotTaken::NoPicture(_) | NotTaken::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = refusal(status, error.to_string());
    if let NotTaken::TooSoon(rest) = error {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, (rest.as_secs() + 1).into());
    }
    response
}
