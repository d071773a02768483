//! The viewer's files, embedded in release builds and read from `dist/` in debug builds.
//!
//! Building them belongs to Trunk (`./dev build`).

use super::admit::Admitted;
use super::query::Query;
use super::{METHODS, State, refusal};
use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

#[derive(RustEmbed)]
#[folder = "../dist/"]
#[allow_missing = true]
struct Dist;

/// What `/` says where the viewer was not built.
const NOT_BUILT: &str = include_str!("not_built.html");

/// Serves one of the viewer's files.
pub(super) async fn asset(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered here",
        );
    }
    // The page stands at its own path, behind the guard.
    if matches!(
        request.uri().path().trim_start_matches('/'),
        "" | "index.html"
    ) {
        return refusal(StatusCode::NOT_FOUND, "the viewer is at /");
    }
    file(request.uri().path(), request.headers())
}

/// What the viewer's page shows in browsers without JavaScript.
const PLAIN_STREAM: &str = r#"src="stream.mjpg""#;

/// The viewer's page, also as `/embed`: its script sees the path and leaves the chrome out.
pub(super) async fn viewer(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    query: Query,
    headers: HeaderMap,
) -> Response {
    let mut response = file("/", &headers);
    let camera = query.for_same_camera();
    if !camera.is_empty()
        && response.status() == StatusCode::OK
        && let Some(page) = Dist::get("index.html")
    {
        let page = String::from_utf8_lossy(&page.data);
        let page = page.replace(PLAIN_STREAM, &format!(r#"src="stream.mjpg{camera}""#));
        *response.body_mut() = Body::from(page);
        response.headers_mut().remove(header::CONTENT_ENCODING);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let ticket = grant.ticket.as_ref();
    let embedder = ticket.and_then(|ticket| ticket.origin.as_deref());
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        state.origins.page_policy(embedder),
    );
    response
}

/// The file at a path, `/` being the viewer itself.
pub(super) fn file(path: &str, headers: &HeaderMap) -> Response {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Some(file) = Dist::get(name) else {
        return if name == "index.html" {
            (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response()
        } else {
            refusal(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
        };
    };
    let hash = file.metadata.sha256_hash();
    let tag = format!(
        "\"{}\"",
        hash[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    let fixed = [
        // The names don't change with the content, so browsers ask each time and are told "not modified".
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::VARY,
            HeaderValue::from_static("Accept-Encoding, Origin"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        ),
    ];
    let Ok(tag) = HeaderValue::from_str(&tag) else {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the file has no tag");
    };
    let tagged = [(header::ETAG, tag.clone())];
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known == tag)
    {
        return (StatusCode::NOT_MODIFIED, fixed, tagged).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(name))];
    if accepts_gzip(headers) && is_text_or_wasm(name) {
        let body = gzipped(hash, &file.data);
        return (
            fixed,
            tagged,
            kind,
            [(header::CONTENT_ENCODING, "gzip")],
            body,
        )
            .into_response();
    }
    let body = match file.data {
        Cow::Borrowed(data) => data.into_response().into_body(),
        Cow::Owned(data) => data.into(),
    };
    (fixed, tagged, kind, body).into_response()
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn content_type(name: &str) -> &'static str {
    match extension(name) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn is_text_or_wasm(name: &str) -> bool {
    matches!(
        extension(name),
        "html" | "js" | "mjs" | "css" | "wasm" | "svg" | "json" | "webmanifest"
    )
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let refused = parts
            .any(|parameter| matches!(parameter.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        name == "gzip" && !refused
    })
}

/// The file compressed, once per content.
fn gzipped(hash: [u8; 32], data: &[u8]) -> Bytes {
    static DONE: Mutex<Option<HashMap<[u8; 32], Bytes>>> = Mutex::new(None);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    let compressed = done.get_or_insert_default().entry(hash).or_insert_with(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder
            .write_all(data)
            .and_then(|()| encoder.finish())
            .expect("a Vec takes every byte")
            .into()
    });
    compressed.clone()
}
