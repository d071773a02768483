//! `/api/v1/alerts`: how telling people goes, whether events are told, and a test.
//!
//! Telling them belongs to [`crate::alerts`].

use super::admit::Admitted;
use super::{State, refusal};
use axum::Json;
use axum::body::Bytes;
use axum::extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

/// How all of it goes.
pub(super) async fn list(extract::State(state): extract::State<State>) -> Json<Value> {
    Json(state.alerts.told())
}

/// Sends everybody a message.
pub(super) async fn test(extract::State(state): extract::State<State>) -> Json<Value> {
    state.alerts.tell_test();
    Json(state.alerts.told())
}

/// Whether events are told.
pub(super) async fn armed(extract::State(state): extract::State<State>) -> Json<Value> {
    Json(state.alerts.told_armed())
}

/// What somebody says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    armed: bool,
    until_us: Option<u64>,
}

/// Says whether events are told.
pub(super) async fn arm(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    body: Bytes,
) -> Response {
    if !grant.is_for_all_cameras() {
        let text = "your key is for some of the cameras, and alerts are switched for all of them: use one for all";
        return refusal(StatusCode::FORBIDDEN, text);
    }
    match serde_json::from_slice::<Said>(&body) {
        Ok(Said { armed, until_us }) => match state.alerts.arm(armed, until_us) {
            Ok(()) => Json(state.alerts.told_armed()).into_response(),
            Err(error) => refusal(StatusCode::BAD_REQUEST, error.to_string()),
        },
        Err(error) => {
            let text = format!(
                r#"the body has to be JSON such as {{"armed": false}} or {{"armed": true, "until_us": 1795874592000000}}: {error}"#
            );
            refusal(StatusCode::BAD_REQUEST, text)
        }
    }
}
