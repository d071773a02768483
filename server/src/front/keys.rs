//! `/api/v1/keys`: the access keys, for administrators.
//!
//! What is refused, and why, is the same as at the command line, and belongs to [`crate::access`]; the devices that are signed
//! in by a key to [`super::sessions`].

use super::admit::Admitted;
use super::peer::Secure;
use super::qr::{for_phone, svg};
use super::{State, origin, refusal, refused};
use crate::access::{BadName, CODE, KeyError, Known, Name, Role, Secret, Wanted};
use crate::camera::Id;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Extension, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest life of a key in seconds: ten years.
const LONGEST_LIFE: u64 = 10 * 365 * 24 * 3600;

/// Longest address of a page, in bytes.
const LONGEST_PAGE: usize = 300;

/// `GET /api/v1/keys`. Never the keys themselves.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Response {
    let Some(keys) = state.access.keys() else {
        return no_keys();
    };
    let keys = keys.iter().map(|known| told(known, &grant));
    Json(json!({ "keys": keys.collect::<Vec<_>>() })).into_response()
}

fn told(known: &Known, grant: &Admitted) -> Value {
    let Known {
        entry,
        used_us,
        devices,
    } = known;
    json!({
        "name": entry.name.as_str(),
        "role": entry.role.name(),
        "kind": match entry.secret {
            Secret::Key(_) => "key",
            Secret::Argon2(_) => "password",
        },
        "cameras": entry.cameras,
        "made_us": entry.made_us,
        "expires_us": entry.expires_us,
        "used_us": used_us,
        "devices": devices,
        "own": grant.credential() == Some(entry.name.as_str()),
    })
}

/// `POST /api/v1/keys`: makes a key, which is told this once, with the link and the QR code that let devices in by it.
pub(super) async fn add(
    extract::State(state): extract::State<State>,
    Extension(secure): Extension<Secure>,
    grant: Admitted,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        name: String,
        #[serde(default = "view")]
        role: Role,
        #[serde(default)]
        cameras: Vec<String>,
        seconds: Option<u64>,
        page: Option<String>,
    }
    fn view() -> Role {
        Role::View
    }
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return refusal(
                StatusCode::BAD_REQUEST,
                format!(
                    "send {{\"name\": \"door\", \"role\": \"view\", \"cameras\": [\"front\"], \"seconds\": 604800}}, \
                     all optional but the name: {error}"
                ),
            );
        }
    };
    let wrong = |text: String| refusal(StatusCode::UNPROCESSABLE_ENTITY, text);
    let name: Name = match asked.name.parse() {
        Ok(name) => name,
        Err(BadName(cause)) => return refused(StatusCode::UNPROCESSABLE_ENTITY, cause),
    };
    if let Some(id) = asked.cameras.iter().find(|id| Id::new(id).is_err()) {
        return wrong(format!(
            "{id:?} is no camera's id: /api/v1/cameras lists them"
        ));
    }
    if asked
        .seconds
        .is_some_and(|seconds| !(1..=LONGEST_LIFE).contains(&seconds))
    {
        return wrong(format!(
            "a key is good for 1 to {LONGEST_LIFE} seconds, or for ever"
        ));
    }
    let page = match Page::new(asked.page, &headers, secure) {
        Ok(page) => page,
        Err(refusal) => return *refusal,
    };
    let wanted = Wanted {
        name,
        role: asked.role,
        cameras: asked.cameras,
        lifetime: asked.seconds.map(Duration::from_secs),
        secret: None,
    };
    let (entry, urls) = match state.access.add_key(wanted).await {
        None => return no_keys(),
        Some(Err(error)) => return not_changed(&error),
        Some(Ok(made)) => made,
    };
    let (key, role) = (entry.name.as_str(), entry.role.name());
    tracing::info!(key, role, cameras = ?entry.cameras, by = grant.credential(), "an administrator made a key");
    let Secret::Key(secret) = &entry.secret else {
        return no_keys();
    };
    let link = format!("{}#key={}", page.address(&urls), secret.as_str());
    let answer = json!({
        "name": key,
        "role": role,
        "key": secret.as_str(),
        "link": link,
        "qr": svg(&link),
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// `DELETE /api/v1/keys/NAME`: all that came in by it is signed out at once.
pub(super) async fn remove(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    Path(name): Path<String>,
) -> Response {
    if grant.credential() == Some(&*name) {
        return refused(StatusCode::CONFLICT, Cause::KeyOwn);
    }
    let name = match name.parse::<Name>() {
        Ok(name) => name,
        Err(BadName(cause)) => return refused(StatusCode::NOT_FOUND, cause),
    };
    let by = grant.credential().and_then(|by| by.parse::<Name>().ok());
    let Some(by) = by else {
        return no_keys();
    };
    match state.access.remove_key(name.clone(), by).await {
        None => no_keys(),
        Some(Err(error)) => not_changed(&error),
        Some(Ok(())) => {
            let (key, by) = (name.as_str(), grant.credential());
            tracing::info!(key, by, "an administrator ended a key");
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// `POST /api/v1/keys/NAME/links`: a link that lets one further device in by a key that is there, once.
pub(super) async fn link(
    extract::State(state): extract::State<State>,
    Extension(secure): Extension<Secure>,
    grant: Admitted,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        page: Option<String>,
    }
    let asked = match body.trim_ascii() {
        [] => Ok(Asked::default()),
        body => serde_json::from_slice(body),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => {
            let text = format!(r#"send nothing, or {{"page": "http://pi.local:8000/"}}: {error}"#);
            return refusal(StatusCode::BAD_REQUEST, text);
        }
    };
    let page = match Page::new(asked.page, &headers, secure) {
        Ok(page) => page,
        Err(refusal) => return *refusal,
    };
    let name = match name.parse::<Name>() {
        Ok(name) => name,
        Err(BadName(cause)) => return refused(StatusCode::NOT_FOUND, cause),
    };
    match state.access.code_of(name.clone()).await {
        None => no_keys(),
        Some(Err(error)) => not_changed(&error),
        Some(Ok((code, urls))) => {
            let (key, by) = (name.as_str(), grant.credential());
            tracing::info!(key, by, "an administrator made a link for one device");
            let link = format!("{}#code={}", page.address(&urls), code.as_str());
            let seconds = CODE.as_secs();
            Json(json!({ "link": link, "qr": svg(&link), "seconds": seconds })).into_response()
        }
    }
}

/// Where the viewer's page is, for links.
pub(super) struct Page {
    address: String,
    /// Whether it said so itself: there may be a proxy's prefix in it.
    is_said: bool,
}

impl Page {
    /// # Errors
    /// The refusal of a page that is not this server's.
    pub(super) fn new(
        said: Option<String>,
        headers: &HeaderMap,
        secure: Secure,
    ) -> Result<Self, Box<Response>> {
        if let Some(address) = said {
            let places = address.splitn(4, '/').take(3).collect::<Vec<_>>();
            let is_plain = address.len() <= LONGEST_PAGE
                && address.ends_with('/')
                && !address.contains(['#', '?', '@', '\\'])
                && address.chars().all(|letter| letter.is_ascii_graphic());
            if is_plain && origin::is_own(&places.join("/"), headers, secure) {
                let is_said = true;
                return Ok(Self { address, is_said });
            }
            let text = "page has to be the address of this server's page, as the browser has it, ending in a slash";
            return Err(refusal(StatusCode::UNPROCESSABLE_ENTITY, text).into());
        }
        let host = headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let scheme = if secure.0 { "https" } else { "http" };
        Ok(Self {
            address: format!("{scheme}://{host}/"),
            is_said: false,
        })
    }

    /// The same, unless only this machine reaches it and another address is known.
    pub(super) fn address(&self, known: &[String]) -> String {
        let local = ["//localhost", "//127.", "//[::1]"];
        let is_local = local.iter().any(|host| self.address.contains(host));
        let is_root = self.address.matches('/').count() == 3;
        let other = for_phone(known).filter(|_| is_local && (is_root || !self.is_said));
        other.unwrap_or(&self.address).clone()
    }
}

pub(super) fn no_keys() -> Response {
    refused(StatusCode::CONFLICT, Cause::NoKeys)
}

pub(super) fn not_changed(error: &KeyError) -> Response {
    let status = match error {
        KeyError::Unknown(..) | KeyError::NoLink(_) => StatusCode::NOT_FOUND,
        KeyError::AdminOfCameras => StatusCode::UNPROCESSABLE_ENTITY,
        KeyError::Known(_)
        | KeyError::Expired(_)
        | KeyError::Last(_)
        | KeyError::LastAdmin(_)
        | KeyError::LinksFull(_)
        | KeyError::Full => StatusCode::CONFLICT,
        KeyError::Store(_) => StatusCode::INSUFFICIENT_STORAGE,
    };
    refused(status, error.cause())
}
