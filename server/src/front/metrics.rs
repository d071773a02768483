//! `/metrics` in the Prometheus text format, version 0.0.4.
//!
//! What `/api/v1/status` counts as well is in [`super::figures`].

use super::State;
use super::admit::Admitted;
use super::figures::{CAMERA, Figure, PUSH, RECORDING, VIEWERS};
use crate::access::Role;
use crate::camera::Camera;
use axum::extract;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use pistreamer_recording::Recorder;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

pub(super) async fn metrics(
    extract::State(state): extract::State<State>,
    grant: Admitted,
) -> Response {
    let cameras = state.cameras.all(&grant);
    let mut text = String::new();
    for figure in CAMERA {
        let Figure {
            name, kind, help, ..
        } = figure;
        describe(&mut text, name, kind, help);
        for camera in &cameras {
            line(&mut text, name, &label(camera), (figure.value)(camera));
        }
    }
    infos(&mut text, &cameras);
    // Where frames go is the owner's business.
    if grant.role == Role::Admin {
        pushes(&mut text, &cameras);
    }
    renditions(&mut text, &cameras);
    if let Some(recorder) = &state.recorder {
        recordings(&mut text, &cameras, recorder);
    }
    let [sent, given_up, waiting] = state.alerts.totals();
    let uptime = state.started.elapsed().as_secs_f64();
    let (members, strangers) = state.crowd.connections();
    let figures = [
        (
            "pistreamer_viewers",
            "gauge",
            "Viewers that look now",
            state.roster.viewers().len() as f64,
        ),
        (
            "pistreamer_connections",
            "gauge",
            "Connections of those who were let in",
            members as f64,
        ),
        (
            "pistreamer_strangers",
            "gauge",
            "Connections of those who were not let in, or not yet",
            strangers as f64,
        ),
        (
            "pistreamer_connections_refused_total",
            "counter",
            "Connections that got no place, or lost it to others",
            state.crowd.refused() as f64,
        ),
        (
            "pistreamer_accept_failures_total",
            "counter",
            "Times that no connection could be accepted, mostly for want of descriptors",
            state.crowd.failed() as f64,
        ),
        (
            "pistreamer_password_checks_total",
            "counter",
            "Passwords that were checked by their hashes: those that were right before are known",
            state.access.password_checks() as f64,
        ),
        (
            "pistreamer_tasks",
            "gauge",
            "Tasks that run now: one for each connection and session, and some of the server's own",
            state.tasks.len() as f64,
        ),
        (
            "pistreamer_alerts_sent_total",
            "counter",
            "Messages to people that their receivers took",
            sent as f64,
        ),
        (
            "pistreamer_alerts_failed_total",
            "counter",
            "Messages to people that were given up",
            given_up as f64,
        ),
        (
            "pistreamer_alerts_waiting",
            "gauge",
            "Messages to people that wait for their receivers",
            waiting as f64,
        ),
        (
            "pistreamer_uptime_seconds",
            "gauge",
            "Seconds since the server started",
            uptime,
        ),
    ];
    for (name, kind, help, value) in figures {
        describe(&mut text, name, kind, help);
        line(&mut text, name, "", value);
    }
    for figure in VIEWERS {
        let Figure {
            name, kind, help, ..
        } = figure;
        describe(&mut text, name, kind, help);
        line(&mut text, name, "", (figure.value)(state.roster.totals()));
    }
    let counters = state.access.counters();
    let name = "pistreamer_refused_total";
    describe(&mut text, name, "counter", "Requests that were not let in");
    for (reason, counter) in [
        ("no-key", &counters.nothing),
        ("wrong-key", &counters.wrong),
        ("too-many-wrong-keys", &counters.throttled),
        ("expired", &counters.expired),
        ("role", &counters.beyond_role),
    ] {
        let count = counter.load(Relaxed);
        writeln!(text, "{name}{{reason=\"{reason}\"}} {count}").expect("a String takes any text");
    }
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

fn describe(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a String takes any text");
}

/// What each camera is called: apart from its figures, so that those go on under another name.
fn infos(text: &mut String, cameras: &[Camera]) {
    let name = "pistreamer_camera_info";
    describe(
        text,
        name,
        "gauge",
        "Name and kind of source of the camera; always 1",
    );
    for camera in cameras {
        let state = camera.state();
        let label = format!(
            "{},name=\"{}\",source=\"{}\"",
            label(camera),
            escaped(&state.name),
            escaped(&state.source)
        );
        line(text, name, &label, 1.0);
    }
}

/// How pushes go, each by its target.
fn pushes(text: &mut String, cameras: &[Camera]) {
    for figure in PUSH {
        describe(text, figure.name, figure.kind, figure.help);
        for camera in cameras {
            for push in camera.pushes() {
                let target = escaped(push.target());
                let label = format!("{},target=\"{target}\"", label(camera));
                line(text, figure.name, &label, (figure.value)(&push));
            }
        }
    }
}

/// How recording goes.
fn recordings(text: &mut String, cameras: &[Camera], recorder: &Recorder) {
    for figure in RECORDING {
        describe(text, figure.name, figure.kind, figure.help);
        for camera in cameras {
            if let Some(lane) = camera.recorded() {
                line(text, figure.name, &label(camera), (figure.value)(&lane));
            }
        }
    }
    let room = recorder.room();
    for (name, kind, help, value) in [
        (
            "pistreamer_record_errors_total",
            "counter",
            "Times that nothing could be recorded, because the disk failed, was full or not there",
            recorder.errors() as f64,
        ),
        (
            "pistreamer_record_used_bytes",
            "gauge",
            "Bytes of recordings",
            room.used as f64,
        ),
        (
            "pistreamer_record_disk_free_bytes",
            "gauge",
            "Bytes that are free on the disk of recordings",
            room.free as f64,
        ),
    ] {
        describe(text, name, kind, help);
        line(text, name, "", value);
    }
}

/// What was made in each rendition, which are never many.
fn renditions(text: &mut String, cameras: &[Camera]) {
    let name = "pistreamer_rendition_frames_total";
    describe(text, name, "counter", "Frames made in one size and quality");
    for camera in cameras {
        for tally in camera.feed().all_tallies() {
            let scale = 1 << tally.rendition.halvings;
            let quality = tally
                .rendition
                .quality
                .map_or("own".into(), |quality| quality.to_string());
            let label = format!(
                "{},scale=\"1/{scale}\",quality=\"{quality}\"",
                label(camera)
            );
            line(text, name, &label, tally.encoded as f64);
        }
    }
}

fn label(camera: &Camera) -> String {
    format!("camera=\"{}\"", escaped(camera.id()))
}

/// As the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    };
    writeln!(text, "{name}{labels} {value}").expect("a String takes any text");
}
