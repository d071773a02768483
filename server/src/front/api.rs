//! The JSON API: what goes on, for programs and dashboards. `docs/api.md` says what each field means; what
//! `/metrics` tells as well is in [`super::figures`].

use super::State;
use super::admit::{self, Admitted, CONFIGURATION, Needs};
use super::figures::{CAMERA, PUSH, RECORDING, VIEWERS, with};
use super::query::Query;
use crate::access::{Grant, Role};
use crate::camera::{Camera, Phase, Push};
use crate::hub::Tally;
use crate::session::Viewer;
use crate::util::clock;
use axum::Json;
use axum::extract::{self, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pistreamer_operate::Channel;
use pistreamer_recording::{Lane, Recorder};
use serde_json::{Value, json};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// `/api/v1/status`: everything.
pub(super) async fn status(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Json<Value> {
    let viewers = state.roster.viewers();
    let viewers = viewers.iter().filter(|viewer| grant.sees(&viewer.camera));
    let viewers = viewers.map(|viewer| describe_viewer(viewer, &grant));
    // Paths on the disk are the owner's business, too.
    let configuration = grant
        .role
        .includes(CONFIGURATION)
        .then(|| state.configuration.told());
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time_us": clock::now_us(),
        "uptime_s": state.started.elapsed().as_secs(),
        "configuration": configuration,
        "cameras": described(&state, &grant),
        "recording": state.recorder.as_deref().map(describe_recorder),
        "viewers": viewers.collect::<Vec<_>>(),
    });
    let mut status = with(status, &VIEWERS, state.roster.totals());
    if grant.role != Role::Admin {
        hide_reason(&mut status["recording"]);
    }
    Json(status)
}

/// `/api/v1/cameras`: the cameras alone.
pub(super) async fn cameras(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Json<Value> {
    Json(json!({ "cameras": described(&state, &grant) }))
}

fn described(state: &State, grant: &Grant) -> Vec<Value> {
    let cameras = state.cameras.all(grant);
    let cameras = cameras.iter().map(|camera| {
        let mut described = describe(camera);
        // Where frames go is the owner's business.
        described["pushes"] = if grant.role == Role::Admin {
            camera
                .pushes()
                .iter()
                .map(|push| describe_push(push))
                .collect()
        } else {
            Value::Null
        };
        // So is where recordings are, which the reason tells.
        if grant.role != Role::Admin {
            hide_reason(&mut described["recording"]);
        }
        described
    });
    cameras.collect()
}

/// Takes the reason out of what is told of a recording.
fn hide_reason(recording: &mut Value) {
    if let Some(reason) = recording.get_mut("reason") {
        *reason = "".into();
    }
}

/// A rate with as many digits as it is good for.
fn rounded(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

fn describe(camera: &Camera) -> Value {
    let (state, feed) = (camera.state(), camera.feed());
    let counters = &feed.counters;
    let described = json!({
        "id": **camera.id(),
        "name": state.name,
        "source": state.source,
        "test_pattern": state.test_pattern,
        "state": state.phase,
        "reason": state.reason.text,
        "cause": state.reason.cause,
        "values": state.reason.values,
        "since_us": state.since_us,
        "width": state.mode.width,
        "height": state.mode.height,
        "fps": state.mode.fps,
        "still": camera.still_size().map(|(width, height)| json!({"width": width, "height": height})),
        "fps_captured": rounded(counters.captured_rate()),
        "fps_encoded": rounded(counters.published_rate()),
        "last_frame_us": counters.published_us.load(Relaxed),
        "last_frame_bytes": counters.published_bytes.load(Relaxed),
        "renditions": feed.tallies().iter().map(describe_rendition).collect::<Vec<_>>(),
        "recording": camera.recorded().map(|lane| describe_recording(camera.id(), &lane)),
        "operating": camera.channel().map(|channel| describe_operating(&channel)),
    });
    with(described, &CAMERA, camera)
}

fn describe_push(push: &Push) -> Value {
    let status = push.status();
    let described = json!({
        "target": push.target(),
        "state": status.state,
        "reason": status.reason,
        "since_us": status.since_us,
    });
    with(described, &PUSH, push)
}

/// Who drives the machine below a camera, and whether it moves.
fn describe_operating(channel: &Channel) -> Value {
    // No viewer has that number.
    let told = channel.operating(0);
    json!({
        "operator": (!told.who.is_empty()).then_some(told.who),
        "state": told.state,
        "why": told.why,
        "waits": told.waits,
        "telemetry": told.telemetry,
    })
}

fn describe_recording(id: &str, lane: &Lane) -> Value {
    let (status, kept) = (lane.status(), lane.kept(id));
    let bytes = kept
        .bytes
        .iter()
        .map(|(class, bytes)| (class.word().to_owned(), (*bytes).into()));
    let described = json!({
        "state": status.state,
        "reason": status.reason,
        "since_us": status.since_us,
        "from_us": kept.first_ms * 1000,
        "to_us": lane.progress().newest_us(),
        "kept_bytes": bytes.collect::<serde_json::Map<_, _>>(),
    });
    with(described, &RECORDING, lane)
}

fn describe_recorder(recorder: &Recorder) -> Value {
    let (status, room) = (recorder.status(), recorder.room());
    let is_known = room.per_day > 0.0;
    json!({
        "state": status.state,
        "reason": status.reason,
        "since_us": status.since_us,
        "used_bytes": room.used,
        "space_bytes": room.limit,
        "free_bytes": room.free,
        "errors": recorder.errors(),
        "holds_days": is_known.then(|| rounded(room.limit as f64 / room.per_day)),
        "tb_per_year": is_known.then(|| rounded(room.per_day * 365.25 / 1e12)),
    })
}

fn describe_rendition((tally, consumers): &(Tally, usize)) -> Value {
    let (width, height) = tally.size;
    json!({
        "scale": 1.0 / f64::from(1_u32 << tally.rendition.halvings),
        "quality": tally.rendition.quality,
        "width": width,
        "height": height,
        "consumers": consumers,
        "encoded": tally.encoded,
        "fps_encoded": rounded(tally.per_second()),
        "last_frame_bytes": tally.last_bytes,
    })
}

/// A viewer, as it may be told. Where others sit, and who they are, is the owner's business.
pub(super) fn describe_viewer(viewer: &Viewer, grant: &Grant) -> Value {
    let owner = (grant.role == Role::Admin).then_some(viewer);
    json!({
        "id": owner.map(|viewer| viewer.id.to_string()),
        "key": owner.and_then(|viewer| viewer.key.as_ref()),
        "address": owner.map(|viewer| viewer.address),
        "camera": viewer.camera,
        "wire": viewer.wire,
        "since_us": viewer.since_us,
        "sent": viewer.sent.load(Relaxed),
        "bytes": viewer.bytes.load(Relaxed),
        "skipped": viewer.skipped.load(Relaxed),
        "thinned": viewer.thinned.load(Relaxed),
        "paused": viewer.is_paused(),
        "unchanged": viewer.unchanged.load(Relaxed),
        "fps": rounded(viewer.fps()),
        "ack_age_ms": viewer.acked.age().map(|age| age.as_millis() as u64),
    })
}

/// `/healthz`: 200 while every camera delivers to whoever watches, else 503, with the reason for those who may look.
/// Open to everybody, for supervisors that know no key.
pub(super) async fn health(
    extract::State(state): extract::State<State>,
    query: Query,
    request: Request,
) -> Response {
    let ails = |camera: &Camera| ailment(camera, Duration::ZERO);
    if !state.cameras.is_any(|camera| ails(camera).is_some()) {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let why = match admit::admit(&state, &query, &request, Needs::Role(Role::View)).await {
        Ok(grant) => state.cameras.all(&grant).iter().filter_map(ails).collect(),
        _ => Vec::new(),
    };
    let why = if why.is_empty() {
        "a camera delivers no frames".into()
    } else {
        why.join("\n")
    };
    (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response()
}

fn ailment(camera: &Camera, ahead: Duration) -> Option<String> {
    let (id, state) = (camera.id(), camera.state());
    if state.phase != Phase::Live {
        let reason = if state.reason.is_empty() {
            "not open yet"
        } else {
            &state.reason.text
        };
        return Some(format!("camera {id}: {reason}"));
    }
    let silent = camera.silence(ahead)?.as_secs_f64();
    Some(format!("camera {id}: no frame for {silent:.0} s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Config, Limits};
    use crate::source::{Mode, Report};

    #[test]
    fn a_slow_camera_is_healthy_between_its_frames() {
        for (fps, healthy, ailing) in [(30.0, 4, 6), (1.0, 4, 6), (0.1, 29, 31), (0.0, 4, 6)] {
            let config = Config {
                most: 1,
                quality: 80,
                tiles: None,
            };
            let camera = Camera::idle("c0", config).unwrap();
            camera.report(&Report::Open(&Mode {
                width: 640,
                height: 480,
                fps,
            }));
            let _viewer = camera.subscribe(Limits::default());
            let after = |seconds: u64| ailment(&camera, Duration::from_secs(seconds));
            assert_eq!(after(healthy), None, "{fps} fps");
            assert!(after(ailing).is_some(), "{fps} fps");
        }
    }
}
