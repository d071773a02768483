//! What is wrong with cameras, recordings and the clock, as it is now.
//!
//! When it is told belongs to `pistreamer_alerts::health`.

use crate::camera::{Camera, Phase};
use crate::util::clock_sync;
use pistreamer_alerts::health::{Seen, Trouble, Unseen};
use pistreamer_alerts::{Kind, Plan};
use pistreamer_recording::{Recorder, State, Status};

/// All of it.
pub(super) fn seen(plan: &Plan, cameras: &[Camera], recorder: Option<&Recorder>) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut add = |kind: Kind, camera: Option<&Camera>, reason: String| {
        all.push(Seen {
            trouble: Trouble {
                kind,
                camera: camera.map(|camera| camera.id().to_string()),
            },
            reason,
            patience: plan.patience(kind),
        });
    };
    let status = recorder.map(Recorder::status);
    let is_starting = status.as_ref().is_some_and(is_starting);
    let disk = status.filter(is_of_disk);
    for camera in cameras {
        let state = camera.state();
        if state.phase != Phase::Live {
            let reason = state.reason.text;
            let reason = if reason.is_empty() {
                "it does not start".into()
            } else {
                reason
            };
            add(Kind::NoSignal, Some(camera), reason);
        } else if disk.is_none() && recorder.is_some() && camera.settings().record.is_some() {
            let status = camera.recorded().map(|lane| lane.status());
            let reason = match status.map(|status| (status.state, status.reason)) {
                Some((State::Recording, _)) => continue,
                Some((State::Starting, _)) if is_starting => {
                    "the recorder looks through the disk".into()
                }
                Some((State::Starting, _)) => "none of its pictures is written yet".into(),
                Some((State::NoSignal, _)) => "no picture reaches the recorder".into(),
                Some((State::Slow | State::NoDisk | State::DiskFull | State::Error, reason)) => {
                    reason
                }
                None => "the recorder does not take its pictures".into(),
            };
            add(Kind::NotRecording, Some(camera), reason);
        }
    }
    if let Some(status) = disk {
        add(Kind::Disk, None, status.reason);
    }
    if clock_sync::is_known_to_run_free() {
        let reason = "it goes by no clock of the network";
        add(Kind::Clock, None, reason.into());
    }
    all
}

/// Cameras and zones of the rules that there are not, for people.
pub(super) fn unknown(plan: &Plan, cameras: &[Camera]) -> Vec<String> {
    let rules = &plan.rules;
    let is_camera = |id: &&String| cameras.iter().any(|camera| **camera.id() == **id);
    let gone = rules.cameras.iter().filter(|id| !is_camera(id));
    let mut unknown: Vec<_> = gone.map(|id| format!("camera {id}")).collect();
    if rules.zones.is_empty() {
        return unknown;
    }
    let motion = cameras.iter().filter_map(|camera| camera.settings().motion);
    let zones: Vec<_> = motion.flat_map(|motion| motion.zones).collect();
    let is_zone = |name: &&String| zones.iter().any(|zone| zone.name == **name);
    let gone = rules.zones.iter().filter(|name| !is_zone(name));
    unknown.extend(gone.map(|name| format!("zone {name}")));
    unknown
}

/// Whether nothing at all is recorded because of the disk.
fn is_of_disk(status: &Status) -> bool {
    matches!(status.state, State::NoDisk | State::DiskFull | State::Error)
}

/// Whether it looks through what is on the disk.
fn is_starting(status: &Status) -> bool {
    status.state == State::Starting
}

/// What is to be said of a trouble that is not among those.
pub(super) fn unseen(trouble: &Trouble, cameras: &[Camera], recorder: Option<&Recorder>) -> Unseen {
    let status = recorder.map(Recorder::status);
    let camera = match &trouble.camera {
        None => None,
        Some(id) => match cameras.iter().find(|camera| **camera.id() == **id) {
            None => return Unseen::Gone,
            camera => camera,
        },
    };
    let starts = status.as_ref().is_some_and(is_starting);
    match (trouble.kind, status) {
        (Kind::Disk | Kind::NotRecording, None) => Unseen::Gone,
        (Kind::Disk, Some(_)) if starts => Unseen::Hidden,
        (Kind::NotRecording, Some(status)) => match camera {
            Some(camera) if camera.settings().record.is_none() => Unseen::Gone,
            Some(camera) if camera.state().phase != Phase::Live => Unseen::Hidden,
            _ if starts || is_of_disk(&status) => Unseen::Hidden,
            _ => Unseen::Over,
        },
        _ => Unseen::Over,
    }
}
