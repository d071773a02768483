//! Requests for sessions of browsers, and for tickets of other sites' pages.
//!
//! The page on which a person signs in is [`super::login_page`], the cookie of a session [`super::session_cookie`].

use super::admit::{self, Admitted, Denied};
use super::peer::{Peer, Secure};
use super::query::Query;
use super::{State, device, origin, refusal, session_cookie, sessions};
use crate::access::{Credential, Password, Ticket};
use crate::util::clock;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Extension};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

/// Seconds for which a ticket is valid unless more or fewer are asked for.
const TICKET: u64 = 3600;

/// Longest validity of a ticket in seconds: a day.
const LONGEST_TICKET: u64 = 24 * 3600;

/// `GET /api/v1/session`: what one may do.
pub(super) async fn session(grant: Admitted) -> Response {
    Json(json!({ "role": grant.role.to_string() })).into_response()
}

/// `POST /api/v1/session`: trades a key, password or one-time code, in JSON or as a form sends it, for a session. A form is
/// answered with the way back to the page, and to the camera that `?camera=` names.
pub(super) async fn enter(
    extract::State(state): extract::State<State>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(secure): Extension<Secure>,
    query: Query,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = from_elsewhere(&headers, secure) {
        return refused;
    }
    #[derive(Deserialize)]
    struct Shown {
        name: Option<String>,
        key: Option<String>,
        code: Option<String>,
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    // curl says that of whatever it sends.
    let form = content_type.starts_with("application/x-www-form-urlencoded")
        && !body.trim_ascii_start().starts_with(b"{");
    let shown = if form {
        let fields = Query::parse(&String::from_utf8_lossy(&body));
        let field = |name| fields.get(name).map(str::to_owned);
        Some(Shown {
            name: field("name"),
            key: field("key"),
            code: field("code"),
        })
    } else {
        serde_json::from_slice(&body).ok()
    };
    let credential = match shown {
        Some(Shown {
            code: Some(code),
            key: None,
            ..
        }) => Credential::Code(code),
        Some(Shown {
            name,
            key: Some(key),
            code: None,
        }) => Credential::Secret {
            name: name.filter(|name| !name.is_empty() && name != "camera"),
            secret: Password::new(&key),
        },
        _ => {
            return refusal(
                StatusCode::BAD_REQUEST,
                r#"send {"key": "…"}, with "name" where the key is a person's password, or {"code": "…"}"#,
            );
        }
    };
    match state.access.judge(&[credential], peer.ip()).await {
        Ok(grant) => {
            let mut response = if form {
                // To the directory of the page, wherever a proxy put it.
                let page = format!("../../{}", query.for_same_camera());
                (StatusCode::SEE_OTHER, [(header::LOCATION, page)]).into_response()
            } else {
                StatusCode::NO_CONTENT.into_response()
            };
            let device = device::of(&headers);
            session_cookie::give(&state, &grant, (&device, peer.ip()), secure, &mut response);
            response
        }
        Err(why) => Denied::Unauthenticated(why).response(),
    }
}

/// `DELETE /api/v1/session`: ends the session that the request shows, and makes the browser forget it.
pub(super) async fn leave(
    extract::State(state): extract::State<State>,
    Extension(secure): Extension<Secure>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = from_elsewhere(&headers, secure) {
        return refused;
    }
    // Whatever else the request shows, such as a key.
    for session in admit::sessions(&headers, &state.access.cookie_name()) {
        let shown = [Credential::Session(session.into())];
        if let Ok(grant) = state.access.judge(&shown, peer.ip()).await
            && let Err(error) = state.access.sign_out(&grant).await
        {
            return sessions::not_kept(&error);
        }
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    session_cookie::forget(&state, &mut response);
    response
}

/// Sessions are a matter between the server's own pages and the person before them: a page elsewhere, which may look with a
/// ticket or because it is on the list, could sign somebody in with a key of its own.
fn from_elsewhere(headers: &HeaderMap, secure: Secure) -> Option<Response> {
    (!origin::is_asked_from_here(headers, secure, true)).then(|| {
        refusal(
            StatusCode::FORBIDDEN,
            "only this server's own pages can sign in or out: open its address, and enter the key there",
        )
    })
}

/// `POST /api/v1/tickets`: a ticket for the visitors of a page, who then see a camera without knowing a key.
pub(super) async fn ticket(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    body: Bytes,
) -> Response {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        camera: Option<String>,
        origin: Option<String>,
        seconds: Option<u64>,
    }
    let mut wanted: Wanted = if body.is_empty() {
        Wanted::default()
    } else {
        match serde_json::from_slice(&body) {
            Ok(wanted) => wanted,
            Err(error) => {
                return refusal(
                    StatusCode::BAD_REQUEST,
                    format!(
                        r#"send {{"camera": "front-door", "origin": "http://…", "seconds": 3600}}, each optional: {error}"#
                    ),
                );
            }
        }
    };
    // An empty id would mean any camera.
    if let Some(id) = &mut wanted.camera {
        // A ticket holds for a camera, and not for a place in the order.
        *id = match state.cameras.get(&grant, id) {
            Ok(camera) => camera.id().to_string(),
            Err(refusal) => return *refusal,
        };
    }
    let origin = match wanted.origin.as_deref().map(origin::parse) {
        None => None,
        Some(Ok(origin)) => Some(origin),
        Some(Err(error)) => return refusal(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let seconds = wanted.seconds.unwrap_or(TICKET).clamp(1, LONGEST_TICKET);
    let scope = Ticket {
        camera: wanted.camera,
        origin,
        expires_us: clock::now_us() + seconds * 1_000_000,
    };
    match grant.ticket(&scope) {
        Some(ticket) => {
            Json(json!({ "ticket": ticket, "expires_us": scope.expires_us })).into_response()
        }
        None => refusal(
            StatusCode::CONFLICT,
            "this server needs no keys, and so no tickets",
        ),
    }
}
