//! `/api/v1/cameras/ID/settings`: what an administrator sets of a camera while the server runs.
//!
//! Which settings there are, which of them something else fixes, and where they are kept belongs to [`crate::config`], which
//! answers here as long as it follows its files.

use super::admit::Named;
use super::{State, refusal, refused};
use axum::Json;
use axum::body::Bytes;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Requests that may wait for those before them. Further ones are refused.
const WAITING: usize = 8;

/// How long an answer is waited for: a file of the configuration may be on a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// One of a camera's settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Told {
    /// What it is called here.
    pub name: &'static str,
    /// What holds.
    pub value: Value,
    /// What would hold if it were not set here.
    pub otherwise: Value,
    /// Where the value comes from, in words.
    pub from: String,
    /// Whether it is set here.
    pub is_set: bool,
    /// Why it cannot be set here, where it cannot.
    pub fixed: Option<String>,
    /// The file, variable or flag that says it; `None` where the source decides.
    pub by: Option<String>,
    /// What it can be.
    pub takes: Value,
}

/// Why settings are not changed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum NotChanged {
    /// There is no such camera.
    #[error("the configuration has no such camera any more")]
    Unknown,
    /// A file, a variable or a flag says it.
    #[error("{0}")]
    Fixed(String),
    /// There is no such setting, or no such value.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be written down.
    #[error("{0}")]
    NotKept(Cause),
}

/// A question, or a change where something is set. A value of null takes back what was set.
#[derive(Debug)]
pub(crate) struct Request {
    /// The camera's id.
    pub camera: String,
    /// What is set, by name.
    pub change: Map<String, Value>,
    /// Where the answer goes: all of the camera's settings.
    pub answer: oneshot::Sender<Result<Vec<Told>, NotChanged>>,
}

/// Where settings are asked for and changed. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(Arc<Mutex<Option<mpsc::Sender<Request>>>>);

impl Settings {
    /// Takes the requests from now on: each one has to be answered. Until then, and when what is returned is dropped, none is.
    pub(crate) fn serve(&self) -> mpsc::Receiver<Request> {
        let (requests, receiver) = mpsc::channel(WAITING);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(requests);
        receiver
    }

    async fn ask(
        &self,
        camera: String,
        change: Map<String, Value>,
    ) -> Result<Vec<Told>, Box<Response>> {
        let requests = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let none = || refused(StatusCode::CONFLICT, Cause::NoSettings);
        let requests = requests.ok_or_else(none)?;
        let busy = || {
            let mut response = refused(StatusCode::SERVICE_UNAVAILABLE, Cause::ConfigurationBusy);
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, PATIENCE.as_secs().into());
            response
        };
        let (answer, answered) = oneshot::channel();
        let request = Request {
            camera,
            change,
            answer,
        };
        requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => none(),
        })?;
        match timeout(PATIENCE, answered).await {
            Err(_) => Err(busy().into()),
            Ok(Err(_)) => Err(none().into()),
            Ok(Ok(answer)) => answer.map_err(|error| Box::new(not_changed(&error))),
        }
    }
}

fn not_changed(error: &NotChanged) -> Response {
    let status = match error {
        NotChanged::Unknown => return refused(StatusCode::NOT_FOUND, Cause::CameraRemoved),
        NotChanged::NotKept(cause) => {
            return refused(StatusCode::INSUFFICIENT_STORAGE, cause.clone());
        }
        NotChanged::Fixed(_) => StatusCode::CONFLICT,
        NotChanged::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    refusal(status, error.to_string())
}

/// `GET …/settings`.
pub(super) async fn list(extract::State(state): extract::State<State>, named: Named) -> Response {
    answered(&state, &named, Map::new()).await
}

/// `PATCH …/settings`: sets those that are named, all or none.
pub(super) async fn change(
    extract::State(state): extract::State<State>,
    named: Named,
    body: Bytes,
) -> Response {
    match serde_json::from_slice(&body) {
        Ok(change) => answered(&state, &named, change).await,
        Err(error) => refusal(
            StatusCode::BAD_REQUEST,
            format!(
                r#"the body has to be JSON such as {{"size": "640x480", "name": null}}: {error}"#
            ),
        ),
    }
}

/// `POST …/restart`: closes the camera's source and opens it again.
pub(super) async fn restart(Named { grant, camera }: Named) -> StatusCode {
    let (id, by) = (&**camera.id(), grant.credential());
    tracing::info!(id, by, "an administrator restarted a camera");
    camera.restart();
    StatusCode::ACCEPTED
}

async fn answered(
    state: &State,
    Named { grant, camera }: &Named,
    change: Map<String, Value>,
) -> Response {
    let sizes = camera.sizes();
    let camera = camera.id().to_string();
    let names: Vec<_> = change.keys().cloned().collect();
    match state.settings.ask(camera.clone(), change).await {
        Ok(mut settings) => {
            tell_sizes(&mut settings, &sizes);
            if !names.is_empty() {
                let (by, settings) = (grant.credential(), names.join(", "));
                tracing::info!(
                    id = camera,
                    settings,
                    by,
                    "an administrator set a camera's settings"
                );
            }
            Json(json!({ "camera": camera, "settings": settings })).into_response()
        }
        Err(refusal) => *refusal,
    }
}

/// Has the sizes that the device has stand in place of the usual ones, where it is known which those are, and the nearest of them to
/// what is asked for, where that is none of them.
fn tell_sizes(settings: &mut [Told], sizes: &[(u32, u32)]) {
    let size = settings.iter_mut().find(|told| told.name == "size");
    let Some(told) = size.filter(|told| told.fixed.is_none() && !sizes.is_empty()) else {
        return;
    };
    let word = |(width, height): &(u32, u32)| format!("{width}x{height}");
    told.takes["usual"] = sizes.iter().map(word).collect();
    let wanted = told.value.as_str().and_then(|value| {
        let (width, height) = value.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    });
    let Some((width, height)) = wanted.filter(|wanted| !sizes.contains(wanted)) else {
        return;
    };
    let distance = |(w, h): &&(u32, u32)| w.abs_diff(width) + h.abs_diff(height);
    told.takes["nearest"] = sizes.iter().min_by_key(distance).map(word).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str, fixed: Option<String>) -> Vec<Told> {
        vec![Told {
            name: "size",
            value: value.into(),
            otherwise: value.into(),
            from: "default".into(),
            is_set: false,
            fixed,
            by: None,
            takes: json!({ "usual": ["320x240"] }),
        }]
    }

    #[test]
    fn the_cameras_own_sizes_are_offered_and_the_nearest_is_told_of_another() {
        let sizes = [(640, 480), (1280, 720)];
        let mut own = told("1280x720", None);
        tell_sizes(&mut own, &sizes);
        assert_eq!(own[0].takes, json!({ "usual": ["640x480", "1280x720"] }));
        let mut other = told("1300x800", None);
        tell_sizes(&mut other, &sizes);
        assert_eq!(other[0].takes["nearest"], "1280x720");
        // Where they are not known, or it cannot be set here, nothing is added.
        for (fixed, sizes) in [(None, &[][..]), (Some("by a flag".into()), &sizes[..])] {
            let mut usual = told("1300x800", fixed);
            tell_sizes(&mut usual, sizes);
            assert_eq!(usual[0].takes, json!({ "usual": ["320x240"] }));
        }
    }
}
