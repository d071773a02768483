//! Which cameras a grant is for: the one place that decides it, for every path.

use super::query::Query;
use super::{State, refusal};
use crate::access::Grant;
use crate::camera::Camera;
use axum::http::StatusCode;
use axum::response::Response;

/// The cameras that a grant is for.
pub(super) fn all(state: &State, grant: &Grant) -> Vec<Camera> {
    let cameras = state.cameras.list();
    let seen = cameras.iter().filter(|camera| grant.sees(camera.id()));
    seen.cloned().collect()
}

/// The camera that was asked for, or the first one, of those that a grant is for.
pub(super) fn asked(state: &State, grant: &Grant, query: &Query) -> Result<Camera, Box<Response>> {
    let named = named(query);
    let camera = match named {
        None => all(state, grant).into_iter().next(),
        Some(id) => find(state, grant, id),
    };
    camera.ok_or_else(|| {
        Box::new(match named {
            // Whether there is one is none of this grant's business.
            Some(id) if !grant.sees(id) => not_for(id),
            named => unknown(state, grant, named),
        })
    })
}

/// The camera with that id, where a grant is for it.
pub(super) fn find(state: &State, grant: &Grant, id: &str) -> Option<Camera> {
    let camera = state.cameras.get(id);
    camera.filter(|camera| grant.sees(camera.id()))
}

/// The id in a query.
pub(super) fn named(query: &Query) -> Option<&str> {
    query.get("camera").filter(|id| !id.is_empty())
}

/// The refusal of a camera that a key or ticket is not for.
fn not_for(camera: &str) -> Response {
    refusal(
        StatusCode::FORBIDDEN,
        format!("what you showed is for other cameras than {camera:?}"),
    )
}

/// The refusal of a camera that is none.
pub(super) fn unknown(state: &State, grant: &Grant, id: Option<&str>) -> Response {
    let cameras = all(state, grant);
    let known: Vec<&str> = cameras.iter().map(|camera| &**camera.id()).collect();
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
