//! `/api/v1/cameras/ID/controls` and `/api/v1/cameras/ID/presets`: a camera's controls for programs and scripts.
//!
//! What a command means is the camera's business, the same as for one that comes over a WebSocket.

use super::admit::{Admitted, Named};
use super::query::Query;
use super::{refusal, refused};
use crate::camera::{Answer, Camera, Command, CommandError, NotSaved, Refused};
use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::{Cause, ControlValue, ControlValues};
use serde::de::DeserializeOwned;
use serde_json::json;

/// What a handler answers where it can.
type Answered = Result<Response, Box<Response>>;

/// `GET …/controls`: all of them, with the presets' names.
pub(super) async fn list(Named { camera, .. }: Named) -> Response {
    let now = camera.state();
    let presets: Vec<_> = camera.presets().into_keys().collect();
    Json(json!({
        "camera": **camera.id(),
        "revision": now.controls_revision,
        "controls": now.controls,
        "presets": presets,
    }))
    .into_response()
}

/// `GET …/controls/NAME`.
pub(super) async fn one(
    Named { camera, .. }: Named,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    let one = || {
        let controls = camera.state().controls;
        let control = controls.iter().find(|control| control.name == name);
        let control = control.ok_or_else(|| unknown(&camera, &name))?;
        Ok(Json(control).into_response())
    };
    answered(one())
}

/// `PUT …/controls`: sets those that are named.
pub(super) async fn set(Named { grant, camera }: Named, query: Query, body: Bytes) -> Response {
    let set = async {
        let command = Command::Set {
            values: read(&body, r#"{"Brightness": 0.2}"#)?,
            confirmed: is_confirmed(&query),
        };
        Ok(commanded(&camera, &grant, &command).await)
    };
    answered(set.await)
}

/// `PUT …/controls/NAME`.
pub(super) async fn set_one(
    Named { grant, camera }: Named,
    Path((_, name)): Path<(String, String)>,
    query: Query,
    body: Bytes,
) -> Response {
    let set = async {
        let value: ControlValue = read(&body, "0.2")?;
        let command = Command::Set {
            values: ControlValues::from([(name, value)]),
            confirmed: is_confirmed(&query),
        };
        Ok(commanded(&camera, &grant, &command).await)
    };
    answered(set.await)
}

/// `DELETE …/controls`: resets all of them.
pub(super) async fn reset(Named { grant, camera }: Named) -> Response {
    commanded(&camera, &grant, &Command::ResetAll).await
}

/// `DELETE …/controls/NAME`.
pub(super) async fn reset_one(
    Named { grant, camera }: Named,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    commanded(&camera, &grant, &Command::Reset(vec![name])).await
}

/// `GET …/presets/NAME`: its values.
pub(super) async fn preset(
    Named { camera, .. }: Named,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    let preset = || {
        let values = camera.presets().remove(&name);
        let values = values.ok_or_else(|| no_preset(&camera, &name))?;
        Ok(Json(values).into_response())
    };
    answered(preset())
}

/// `PUT …/presets/NAME`: keeps these values, or, without any, those that the camera has now.
pub(super) async fn save_preset(
    Named { grant, camera }: Named,
    Path((_, name)): Path<(String, String)>,
    query: Query,
    body: Bytes,
) -> Response {
    let save = async {
        let values: Option<ControlValues> = match body.trim_ascii() {
            [] => None,
            body => Some(read(body, r#"{"Brightness": 0.2}"#)?),
        };
        let confirmed = is_confirmed(&query);
        match camera.save_preset(&name, values.as_ref(), confirmed).await {
            Ok(values) => {
                log(&camera, &grant, "saved a preset", &name);
                Ok(Json(values).into_response())
            }
            Err(NotSaved::Refused(refused)) => Ok(not_taken(&refused)),
            Err(NotSaved::NotKept(error)) => {
                let status = match error.is_about_disk() {
                    true => StatusCode::INSUFFICIENT_STORAGE,
                    false => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Err(Box::new(refused(status, error.cause())))
            }
        }
    };
    answered(save.await)
}

/// `POST …/presets/NAME`: sets its values, as far as the camera has the controls.
pub(super) async fn apply_preset(
    Named { grant, camera }: Named,
    Path((_, name)): Path<(String, String)>,
    query: Query,
) -> Response {
    let apply = async {
        let values = camera.presets().remove(&name);
        let values = values.ok_or_else(|| no_preset(&camera, &name))?;
        let (sent, left_out) = camera.apply(values, is_confirmed(&query));
        if sent.values.is_empty() && !left_out.is_empty() {
            return Ok(not_taken(&left_out));
        }
        log(&camera, &grant, "applied a preset", &name);
        let mut answer = camera.answer(&sent).await;
        answer.refused.extend(words(&left_out));
        Ok(told(&answer))
    };
    answered(apply.await)
}

/// `DELETE …/presets/NAME`.
pub(super) async fn remove_preset(
    Named { grant, camera }: Named,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    if camera.remove_preset(&name) {
        log(&camera, &grant, "removed a preset", &name);
        StatusCode::NO_CONTENT.into_response()
    } else {
        *no_preset(&camera, &name)
    }
}

/// Carries out a command, and tells what the camera has then.
async fn commanded(camera: &Camera, grant: &Admitted, command: &Command) -> Response {
    match camera.send(command) {
        Ok(sent) => {
            let names: Vec<_> = sent.values.keys().map(String::as_str).collect();
            let done = match command {
                Command::Set { .. } => "set controls",
                Command::Reset(_) | Command::ResetAll => "reset controls",
            };
            log(camera, grant, done, &names.join(", "));
            told(&camera.answer(&sent).await)
        }
        Err(refused) => not_taken(&refused),
    }
}

/// Programs may do it at any rate.
fn log(camera: &Camera, grant: &Admitted, done: &str, what: &str) {
    let (id, by) = (camera.id(), grant.credential());
    match camera.commanded() {
        Some(left_out) => {
            let left_out = (left_out > 0).then_some(left_out);
            tracing::info!(%id, by, what, left_out, "a program {done}");
        }
        None => tracing::debug!(%id, by, what, "a program {done}"),
    }
}

/// Whether values are meant that have to be confirmed.
fn is_confirmed(query: &Query) -> bool {
    query.get("confirmed").is_some_and(|value| value != "0")
}

fn told(answer: &Answer) -> Response {
    Json(json!({
        "values": answer.values,
        "refused": answer.refused,
        "pending": answer.pending,
    }))
    .into_response()
}

/// Nothing was set.
fn not_taken(refused: &Refused) -> Response {
    let answer = Answer {
        refused: words(refused).collect(),
        ..Answer::default()
    };
    let is_away = |why: &CommandError| matches!(why, CommandError::Away { .. });
    let status = match refused.values().any(is_away) {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    (status, told(&answer)).into_response()
}

fn words(refused: &Refused) -> impl Iterator<Item = (String, String)> {
    refused
        .iter()
        .map(|(name, why)| (name.clone(), why.to_string()))
}

fn unknown(camera: &Camera, name: &str) -> Box<Response> {
    let controls = camera.state().controls;
    let names: Vec<_> = controls.iter().map(|control| &*control.name).collect();
    let text = format!(
        "{}; it has {}",
        CommandError::Unknown(name.into()),
        listed(&names)
    );
    Box::new(refusal(StatusCode::NOT_FOUND, text))
}

fn no_preset(camera: &Camera, name: &str) -> Box<Response> {
    let presets = camera.presets();
    let names: Vec<_> = presets.keys().map(String::as_str).collect();
    Box::new(refused(
        StatusCode::NOT_FOUND,
        Cause::PresetUnknown {
            name: format!("{name:?}"),
            presets: listed(&names),
        },
    ))
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        names => names.join(", "),
    }
}

/// What a body says, or the refusal of one that is no such JSON.
fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Box<Response>> {
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("the body has to be JSON such as {example}: {error}");
        Box::new(refusal(StatusCode::BAD_REQUEST, text))
    })
}

fn answered(answer: Answered) -> Response {
    answer.unwrap_or_else(|refusal| *refusal)
}
