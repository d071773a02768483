//! `/api/v1/recordings/links`: recordings that are shared with people who have no key, by a link that shows one span and nothing else.
//!
//! What such a link is belongs to [`crate::access`]; that routes refuse it everything else, to [`super::admit`].

use super::admit::Admitted;
use super::assets;
use super::keys::{Page, no_keys, not_changed};
use super::peer::Secure;
use super::qr::svg;
use super::recordings::{Refused, gap, recordings, refused as wrong};
use super::{State, refusal, refused};
use crate::access::{Clip, Entry, Name, Role, Secret, Sharing};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Extension, Path, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a link is good unless something else is asked for, and at most, in seconds.
const USUAL: u64 = 7 * 24 * 3600;
const LONGEST_DAYS: u64 = 366;

/// Longest span of a link, in hours.
const LONGEST_H: u64 = 24;

/// Whom a grant may act for: all, as an admin, or those that it has made itself.
fn only_of(grant: &Admitted) -> Option<Name> {
    let own = grant.credential().and_then(|name| name.parse().ok());
    own.filter(|_| grant.role != Role::Admin)
}

/// `GET /api/v1/recordings/links`: those that one has made; an admin those of all. Never the links themselves.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Response {
    let Some(links) = state.access.links() else {
        return no_keys();
    };
    let own = only_of(&grant);
    let links = links.iter().filter_map(|entry| {
        let clip = entry.clip.as_ref()?;
        let is_shown = own.as_ref().is_none_or(|own| clip.by == *own);
        is_shown.then(|| told(entry, clip))
    });
    Json(json!({ "links": links.collect::<Vec<_>>() })).into_response()
}

fn told(entry: &Entry, clip: &Clip) -> Value {
    json!({
        "name": entry.name.as_str(),
        "camera": entry.cameras.as_ref().and_then(|cameras| cameras.first()),
        "from_us": clip.from_us,
        "to_us": clip.to_us,
        "by": clip.by.as_str(),
        "made_us": entry.made_us,
        "expires_us": entry.expires_us,
    })
}

/// What is to be shared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    camera: String,
    from_us: u64,
    to_us: u64,
    seconds: Option<u64>,
    page: Option<String>,
}

/// `POST /api/v1/recordings/links`: makes a link, which is told this once.
pub(super) async fn make(
    extract::State(state): extract::State<State>,
    Extension(secure): Extension<Secure>,
    grant: Admitted,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| {
        let text = format!(
            r#"send {{"camera": "door", "from_us": …, "to_us": …, "seconds": 604800}}, the last one optional: {error}"#
        );
        wrong(StatusCode::BAD_REQUEST, text)
    })?;
    let no = |cause| Refused::by(StatusCode::UNPROCESSABLE_ENTITY, cause);
    let camera = state.cameras.get(&grant, &asked.camera)?;
    if asked.to_us < asked.from_us {
        return Err(no(Cause::SpanReversed));
    }
    if asked.to_us - asked.from_us > LONGEST_H * 3_600_000_000 {
        return Err(no(Cause::ClipTooLong { hours: LONGEST_H }));
    }
    let seconds = asked.seconds.unwrap_or(USUAL);
    if !(60..=LONGEST_DAYS * 24 * 3600).contains(&seconds) {
        return Err(no(Cause::LifetimeImpossible { days: LONGEST_DAYS }));
    }
    let Some(owner) = grant.owner() else {
        return Ok(no_keys());
    };
    let Ok(by) = owner.key.parse::<Name>() else {
        return Ok(no_keys());
    };
    let page = Page::new(asked.page, &headers, secure)?;
    let id = camera.id().to_string();
    // Frames have whole ms.
    let span = (asked.from_us.div_ceil(1000), asked.to_us / 1000);
    if span.1 < span.0 {
        return Err(no(Cause::SpanReversed));
    }
    let gap_ms = gap(&camera).as_millis() as u64;
    let recordings = recordings(&state)?;
    let survey = recordings.read(grant.credential(), move |library| {
        library.survey(&id, None, span, gap_ms)
    });
    if survey.await?.range().is_none() {
        return Err(Refused::by(StatusCode::NOT_FOUND, Cause::SpanEmpty));
    }
    let sharing = Sharing {
        camera: camera.id().to_string(),
        clip: Clip {
            from_us: span.0 * 1000,
            to_us: span.1 * 1000,
            by,
        },
        generation: owner.generation,
        lifetime: Duration::from_secs(seconds),
    };
    let (entry, urls) = match state.access.share(sharing).await {
        None => return Ok(no_keys()),
        Some(Err(error)) => return Ok(not_changed(&error)),
        Some(Ok(made)) => made,
    };
    let (Secret::Key(secret), Some(clip)) = (&entry.secret, &entry.clip) else {
        return Ok(no_keys());
    };
    let (link, by) = (entry.name.as_str(), grant.credential());
    tracing::info!(link, camera = %camera.id(), by, "a recording was shared by a link");
    let link = format!("{}clip#{}", page.address(&urls), secret.as_str());
    let mut answer = told(&entry, clip);
    answer["link"] = link.as_str().into();
    answer["qr"] = svg(&link).into();
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `DELETE /api/v1/recordings/links/NAME`: who has it open is cut off at once.
pub(super) async fn end(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    Path(name): Path<String>,
) -> Response {
    let unknown = || {
        let name = name.clone();
        refused(StatusCode::NOT_FOUND, Cause::LinkUnknown { name })
    };
    let Ok(link) = name.parse::<Name>() else {
        return unknown();
    };
    match state.access.end_link(link.clone(), only_of(&grant)).await {
        None => no_keys(),
        Some(Err(error)) => not_changed(&error),
        Some(Ok(())) => {
            let (link, by) = (link.as_str(), grant.credential());
            tracing::info!(link, by, "a link to a recording was ended");
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// `GET /clip`: the page that a link opens. It is the same for everybody: what it shows is behind `#`, which no request has.
pub(super) async fn page(
    extract::State(state): extract::State<State>,
    request: Request,
) -> Response {
    let mut response = assets::file("/clip.html", request.headers());
    if response.status() == StatusCode::NOT_FOUND {
        return refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "the viewer was not built: run ./dev build",
        );
    }
    let policy = state.origins.page_policy(None);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
