//! What is wrong with cameras, recordings and the clock, as it is now.
//!
//! When it is told belongs to `pistreamer_alerts::health`.

use crate::camera::{Camera, Phase};
use crate::util::clock_sync;
use pistreamer_alerts::health::{Seen, Trouble};
use pistreamer_alerts::{Kind, Plan};
use pistreamer_recording::{Recorder, State};

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
    let disk = recorder
        .map(Recorder::status)
        .filter(|status| matches!(status.state, State::NoDisk | State::DiskFull | State::Error));
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
        } else if disk.is_none()
            && let Some(lane) = camera.recorded()
            && camera.settings().record.is_some()
        {
            let status = lane.status();
            match status.state {
                State::Slow => add(Kind::NotRecording, Some(camera), status.reason),
                State::Starting => {
                    let reason = "the recorder looks through the disk".into();
                    add(Kind::NotRecording, Some(camera), reason);
                }
                _ => {}
            }
        }
    }
    if let Some(status) = disk {
        add(Kind::Disk, None, status.reason);
    }
    if !clock_sync::is_synchronised() {
        let reason = "it goes by no clock of the network";
        add(Kind::Clock, None, reason.into());
    }
    all
}
