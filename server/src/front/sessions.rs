//! `/api/v1/sessions`: the devices that are signed in, for administrators.
//!
//! Signing in and out belongs to [`super::login`].

use super::admit::Admitted;
use super::{State, refused};
use axum::Json;
use axum::extract::{self, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use serde_json::{Value, json};

/// `GET /api/v1/sessions`.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Json<Value> {
    let sessions = state.access.sessions();
    let sessions = sessions.iter().map(|session| {
        json!({
            "id": session.id,
            "key": session.key.as_str(),
            "device": session.device,
            "address": session.address,
            "first_us": session.first_us,
            "last_us": session.last_us,
            "own": grant.session.as_ref() == Some(&session.id),
        })
    });
    Json(json!({ "sessions": sessions.collect::<Vec<_>>() }))
}

/// `DELETE /api/v1/sessions/ID`.
pub(super) async fn end(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    Path(id): Path<String>,
) -> Response {
    match state.access.end_session(&grant, &id).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => refused(StatusCode::NOT_FOUND, Cause::DeviceGone),
        Err(error) => not_kept(&error),
    }
}

/// It has ended, but a restart would not know.
pub(super) fn not_kept(error: &std::io::Error) -> Response {
    let problem = error.to_string();
    refused(
        StatusCode::INSUFFICIENT_STORAGE,
        Cause::DeviceOutUntilRestart { problem },
    )
}
