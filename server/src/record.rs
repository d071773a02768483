//! Records cameras: a consumer of each, like a viewer, that hands its frames to the recorder's thread and never waits for it.
//!
//! Files, disks and how long recordings stay belong to [`pistreamer_recording`].

use crate::camera::{Camera, Phase, Record, Registry};
use crate::hub::Limits;
use crate::util::clock;
use pistreamer_protocol::message::Recording;
use pistreamer_recording::session::{Events, Plan};
use pistreamer_recording::{Lane, Recorder, State, Status};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Interval at which viewers are told how recording goes.
const TELLS: Duration = Duration::from_millis(500);

/// A camera that is recorded. Dropping it ends that.
struct Running {
    camera: Camera,
    lane: Arc<Lane>,
    record: Record,
    /// What it was called: files say it.
    name: String,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Records what the cameras' settings say, follows changes, and ends when `until` is cancelled.
pub(crate) async fn follow(cameras: Registry, recorder: Arc<Recorder>, until: CancellationToken) {
    let mut changes = cameras.changes();
    let (mut running, mut tasks) = (Vec::new(), JoinSet::new());
    let mut tells = interval(TELLS);
    tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut logged = Status::default();
    while !until.is_cancelled() {
        // First, so that no change in between is missed.
        changes.mark_unchanged();
        follow_now(&cameras, &recorder, &mut running, &mut tasks);
        tell(&cameras, &running);
        log(&recorder.status(), &mut logged);
        tokio::select! {
            () = until.cancelled() => {}
            changed = changes.changed() => if changed.is_err() { break },
            Some(ended) = tasks.join_next() => if ended.is_err() {
                // After a panic, which the log tells, all are recorded anew.
                running.clear();
            },
            _ = tells.tick() => {}
        }
    }
    drop(running);
    while tasks.join_next().await.is_some() {}
}

fn follow_now(
    cameras: &Registry,
    recorder: &Recorder,
    running: &mut Vec<Running>,
    tasks: &mut JoinSet<()>,
) {
    let recorded = |camera: &Camera| Some((camera.clone(), camera.settings().record?));
    let wanted: Vec<_> = cameras.list().iter().filter_map(recorded).collect();
    let is = |it: &Running, (camera, record): &(Camera, Record)| {
        it.camera.is(camera) && it.record == *record && it.name == camera.state().name
    };
    running.retain(|it| wanted.iter().any(|wanted| is(it, wanted)));
    for wanted in wanted {
        if running.iter().any(|it| is(it, &wanted)) {
            continue;
        }
        let (camera, record) = wanted;
        let lane = Arc::new(recorder.lane(plan(&camera, record)));
        camera.record_by(&lane);
        let stop = CancellationToken::new();
        running.push(Running {
            camera: camera.clone(),
            lane: Arc::clone(&lane),
            record,
            name: camera.state().name,
            stop: stop.clone(),
        });
        let span = tracing::info_span!("record", camera = %camera.id());
        tasks.spawn(record_one(camera, lane, stop).instrument(span));
    }
}

/// Has the viewers of each camera know whether it is recorded.
fn tell(cameras: &Registry, running: &[Running]) {
    for camera in cameras.list().iter() {
        let recorded = running.iter().find(|it| it.camera.is(camera));
        let recording = recorded.map_or(Recording::Off, |it| match it.lane.status().state {
            State::Starting => Recording::Starting,
            State::Recording => Recording::Recording,
            State::Slow => Recording::Slow,
            State::NoSignal => Recording::NoSignal,
            State::NoDisk => Recording::NoDisk,
            State::DiskFull => Recording::DiskFull,
            State::Error => Recording::Error,
        });
        camera.tell_recording(Some(recording));
    }
}

/// Logs a state that differs from the one that was logged last.
fn log(now: &Status, logged: &mut Status) {
    if (now.state, &now.reason) == (logged.state, &logged.reason) {
        return;
    }
    logged.clone_from(now);
    let reason = now.reason.as_str();
    match now.state {
        State::Starting | State::NoSignal => {}
        State::Recording => tracing::info!("recording"),
        State::Slow => tracing::warn!(reason, "pictures are missing in recordings"),
        State::NoDisk | State::DiskFull | State::Error => {
            tracing::error!(reason, "nothing is recorded; it is tried again");
        }
    }
}

fn plan(camera: &Camera, record: Record) -> Plan {
    let interval_us = |fps: f64| (1e6 / fps) as u64;
    Plan {
        camera: camera.id().to_string(),
        title: camera.state().name,
        continuous_us: record.fps.map(interval_us),
        sparse_us: (record.sparse_s * 1e6) as u64,
        events: record.events.map(|events| Events {
            interval_us: interval_us(events.fps),
            before_us: (events.before_s * 1e6) as u64,
        }),
        marks: Arc::clone(camera.marks()),
    }
}

/// Offers each of the camera's frames to the recorder, until `stop`.
async fn record_one(camera: Camera, lane: Arc<Lane>, stop: CancellationToken) {
    let mut subscription = camera.subscribe(Limits::default());
    let mut news = camera.news();
    news.mark_changed();
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            // Before the loss of the signal, so that a last frame does not hide it.
            frame = subscription.newest() => frame,
            changed = news.changed() => {
                let Ok(()) = changed else { return };
                if news.borrow_and_update().phase == Phase::NoSignal {
                    lane.lost();
                }
                continue;
            }
        };
        let age = frame.age_at(clock::now_us(), Instant::now());
        let size = (frame.width, frame.height);
        lane.offer(frame.number, age, size, frame.jpeg());
    }
}
