//! `/api/v1/viewers`: who looks, for administrators.
//!
//! What everybody with a key may know of viewers is in the status ([`super::api`]).

use super::admit::Admitted;
use super::api::describe_viewer;
use super::{State, refused};
use axum::Json;
use axum::extract::{self, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use serde_json::{Value, json};

/// `GET /api/v1/viewers`.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Json<Value> {
    let viewers = state.roster.viewers();
    let viewers = viewers
        .iter()
        .map(|viewer| describe_viewer(viewer, &grant))
        .collect::<Vec<_>>();
    Json(json!({ "viewers": viewers }))
}

/// `DELETE /api/v1/viewers/ID`: ends its connection. It can come back, unless its key or its session ends, too.
pub(super) async fn end(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    Path(id): Path<String>,
) -> Response {
    let viewers = state.roster.viewers();
    let viewer = viewers.iter().find(|viewer| viewer.id.to_string() == id);
    let Some(viewer) = viewer else {
        return refused(StatusCode::NOT_FOUND, Cause::ViewerGone);
    };
    viewer.ended.cancel();
    let (address, camera, by) = (viewer.address, &viewer.camera, grant.credential());
    tracing::info!(%address, camera, key = viewer.key, by, "an administrator ended a viewer's connection");
    StatusCode::NO_CONTENT.into_response()
}
