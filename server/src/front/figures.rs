//! The figures that are counted, in one table for `/api/v1/status` and `/metrics`.
//!
//! What only one of them tells belongs to [`super::api`] or [`super::metrics`].

use crate::camera::{Camera, Phase, Push, PushState};
use crate::session::Totals;
use pistreamer_recording::{Lane, State};
use serde_json::Value;
use std::sync::atomic::Ordering::Relaxed;

/// One figure of a `T`.
pub(super) struct Figure<T> {
    /// Its field in JSON; `None` if JSON tells it in other words.
    pub field: Option<&'static str>,
    /// Its name for Prometheus.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its present value.
    pub value: fn(&T) -> f64,
}

/// The figures of each camera.
pub(super) const CAMERA: [Figure<Camera>; 11] = [
    Figure {
        field: None,
        name: "pistreamer_camera_up",
        kind: "gauge",
        help: "1 while the camera delivers",
        value: |camera| f64::from(u8::from(camera.state().phase == Phase::Live)),
    },
    Figure {
        field: Some("consumers"),
        name: "pistreamer_camera_consumers",
        kind: "gauge",
        help: "Consumers that want frames now",
        value: |camera| camera.feed().demand().consumers() as f64,
    },
    Figure {
        field: None,
        name: "pistreamer_camera_renditions",
        kind: "gauge",
        help: "Sizes and qualities of the picture that are made now",
        value: |camera| camera.feed().tallies().len() as f64,
    },
    Figure {
        field: Some("captured"),
        name: "pistreamer_frames_captured_total",
        kind: "counter",
        help: "Frames that the source delivered",
        value: |camera| camera.feed().counters.captured.load(Relaxed) as f64,
    },
    Figure {
        field: Some("encoded"),
        name: "pistreamer_frames_encoded_total",
        kind: "counter",
        help: "Frames that were published",
        value: |camera| camera.feed().counters.published.load(Relaxed) as f64,
    },
    Figure {
        field: Some("overtaken"),
        name: "pistreamer_frames_overtaken_total",
        kind: "counter",
        help: "Frames that a newer one overtook before it was encoded",
        value: |camera| camera.feed().counters.overtaken.load(Relaxed) as f64,
    },
    Figure {
        field: Some("broken"),
        name: "pistreamer_frames_broken_total",
        kind: "counter",
        help: "Pictures that were broken or could not be encoded",
        value: |camera| camera.feed().counters.broken.load(Relaxed) as f64,
    },
    Figure {
        field: Some("unscaled"),
        name: "pistreamer_frames_unscaled_total",
        kind: "counter",
        help: "Smaller pictures that could not be made, in place of which the full ones were sent",
        value: |camera| camera.feed().counters.unscaled.load(Relaxed) as f64,
    },
    Figure {
        field: Some("events"),
        name: "pistreamer_events_total",
        kind: "counter",
        help: "Events: motion, tampering, and what programs told",
        value: |camera| camera.events_total() as f64,
    },
    Figure {
        field: Some("motion_score"),
        name: "pistreamer_motion_score",
        kind: "gauge",
        help: "How much moves now, 0 to 255, on a scale of square roots",
        value: |camera| camera.motion_score().into(),
    },
    Figure {
        field: None,
        name: "pistreamer_last_frame_timestamp_seconds",
        kind: "gauge",
        help: "Unix time of the newest frame's publication",
        value: |camera| camera.feed().counters.published_us.load(Relaxed) as f64 / 1e6,
    },
];

/// The figures of each push.
pub(super) const PUSH: [Figure<Push>; 4] = [
    Figure {
        field: None,
        name: "pistreamer_push_up",
        kind: "gauge",
        help: "1 while the target of the push is connected",
        value: |push| f64::from(u8::from(push.status().state == PushState::Connected)),
    },
    Figure {
        field: Some("delivered"),
        name: "pistreamer_push_frames_delivered_total",
        kind: "counter",
        help: "Frames that were pushed and accepted, or handed to the network where the target tells nothing",
        value: |push| push.delivered() as f64,
    },
    Figure {
        field: Some("skipped"),
        name: "pistreamer_push_frames_skipped_total",
        kind: "counter",
        help: "Frames that newer ones overtook on the way to the target of the push",
        value: |push| push.skipped() as f64,
    },
    Figure {
        field: Some("bytes"),
        name: "pistreamer_push_bytes_total",
        kind: "counter",
        help: "Bytes of frames that were pushed",
        value: |push| push.bytes() as f64,
    },
];

/// The figures of each camera's recording.
pub(super) const RECORDING: [Figure<Lane>; 5] = [
    Figure {
        field: None,
        name: "pistreamer_record_up",
        kind: "gauge",
        help: "1 while frames of the camera are written to recordings",
        value: |lane| {
            let is_up = matches!(lane.status().state, State::Recording | State::Slow);
            f64::from(u8::from(is_up))
        },
    },
    Figure {
        field: Some("frames"),
        name: "pistreamer_record_frames_total",
        kind: "counter",
        help: "Frames that were written to recordings",
        value: |lane| lane.progress().frames() as f64,
    },
    Figure {
        field: Some("bytes"),
        name: "pistreamer_record_bytes_total",
        kind: "counter",
        help: "Bytes of frames that were written to recordings",
        value: |lane| lane.progress().bytes() as f64,
    },
    Figure {
        field: Some("dropped"),
        name: "pistreamer_record_dropped_total",
        kind: "counter",
        help: "Frames that are missing in recordings, because the disk did not take them in time or failed",
        value: |lane| lane.progress().dropped() as f64,
    },
    Figure {
        field: Some("skipped"),
        name: "pistreamer_record_skipped_total",
        kind: "counter",
        help: "Frames that are missing in recordings, because newer ones overtook them on the way to the recorder",
        value: |lane| lane.progress().skipped() as f64,
    },
];

/// The sums over all viewers since the server started.
pub(super) const VIEWERS: [Figure<Totals>; 5] = [
    Figure {
        field: Some("viewers_total"),
        name: "pistreamer_viewers_total",
        kind: "counter",
        help: "Viewers that connected",
        value: |totals| totals.viewers.load(Relaxed) as f64,
    },
    Figure {
        field: Some("sent_total"),
        name: "pistreamer_frames_sent_total",
        kind: "counter",
        help: "Frames sent to viewers",
        value: |totals| totals.sent.load(Relaxed) as f64,
    },
    Figure {
        field: Some("bytes_total"),
        name: "pistreamer_bytes_sent_total",
        kind: "counter",
        help: "Bytes of frames sent",
        value: |totals| totals.bytes.load(Relaxed) as f64,
    },
    Figure {
        field: Some("skipped_total"),
        name: "pistreamer_frames_skipped_total",
        kind: "counter",
        help: "Frames that newer ones overtook on the way to a viewer",
        value: |totals| totals.skipped.load(Relaxed) as f64,
    },
    Figure {
        field: None,
        name: "pistreamer_frames_unchanged_total",
        kind: "counter",
        help: "Frames told to viewers as unchanged instead of sent",
        value: |totals| totals.unchanged.load(Relaxed) as f64,
    },
];

/// The object with the figures of `of` that JSON tells.
pub(super) fn with<T>(mut object: Value, figures: &[Figure<T>], of: &T) -> Value {
    for figure in figures {
        if let Some(field) = figure.field {
            // Counts are exact in an f64 for longer than a server runs.
            object[field] = ((figure.value)(of) as u64).into();
        }
    }
    object
}
