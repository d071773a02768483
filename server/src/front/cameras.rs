//! Which cameras a grant is for: the one place that decides it, for every path.

use super::query::Query;
use super::{State, refusal};
use crate::access::Grant;
use crate::hub::Camera;
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

/// The cameras that a grant is for.
pub(super) fn all<'a>(state: &'a State, grant: &'a Grant) -> impl Iterator<Item = &'a Arc<Camera>> {
    let cameras = state.hub.cameras().iter();
    cameras.filter(|camera| grant.sees(&camera.identity().id))
}

/// The camera that was asked for, or the first one, of those that a grant is for.
pub(super) fn asked<'a>(
    state: &'a State,
    grant: &Grant,
    query: &Query,
) -> Result<&'a Arc<Camera>, Box<Response>> {
    let asked = query.get("camera").filter(|id| !id.is_empty());
    if let Some(id) = asked
        && !grant.sees(id)
    {
        return Err(Box::new(not_for(id)));
    }
    let mut cameras = state.hub.cameras().iter();
    let camera = cameras.find(|camera| {
        let id = &camera.identity().id;
        asked.is_none_or(|asked| asked == id) && grant.sees(id)
    });
    camera.ok_or_else(|| Box::new(unknown(state, grant, asked)))
}

/// The refusal of a camera that a key or ticket is not for.
pub(super) fn not_for(camera: &str) -> Response {
    refusal(
        StatusCode::FORBIDDEN,
        format!("what you showed is for other cameras than {camera:?}"),
    )
}

/// The refusal of a camera that is none.
pub(super) fn unknown(state: &State, grant: &Grant, id: Option<&str>) -> Response {
    let known: Vec<_> = all(state, grant)
        .map(|camera| camera.identity().id.as_str())
        .collect();
    let text = match (id, known.is_empty()) {
        (_, true) => "this server has none of the cameras that you may see".into(),
        (id, false) => format!(
            "there is no camera {:?} on this server; its cameras: {}",
            id.unwrap_or_default(),
            known.join(", ")
        ),
    };
    refusal(StatusCode::NOT_FOUND, text)
}
