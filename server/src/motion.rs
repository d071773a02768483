//! Looks for motion in the cameras' pictures: a consumer of each camera, like a viewer, five times a second.
//!
//! What is motion belongs to `pistreamer-motion`; what is recorded of it to [`crate::record`].

use crate::camera::{Camera, Registry, wall_of};
use crate::hub::{Frame, Limits};
use crate::util::clock;
use pistreamer_motion::{Cause, Change, Detector, Event, Luma, Settings};
use pistreamer_picture::eighth_of_luma;
use pistreamer_protocol::message::{Happening, Moving, Stage};
use pistreamer_recording::steady_us;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Interval between two pictures that are looked at, in µs. A tenth early is in time.
const INTERVAL_US: u64 = 180_000;

/// Interval at which it is looked whether events of programs are over.
const TICKS: Duration = Duration::from_millis(250);

/// A camera that is looked at. Dropping it ends that.
struct Running {
    camera: Camera,
    settings: Settings,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Looks at the cameras whose settings say so, follows changes, and ends when `until` is cancelled.
pub(crate) async fn follow(cameras: Registry, until: CancellationToken) {
    let mut changes = cameras.changes();
    let (mut running, mut tasks) = (Vec::new(), JoinSet::new());
    let mut ticks = interval(TICKS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !until.is_cancelled() {
        // First, so that no change in between is missed.
        changes.mark_unchanged();
        follow_now(&cameras, &mut running, &mut tasks);
        tokio::select! {
            () = until.cancelled() => {}
            changed = changes.changed() => if changed.is_err() { break },
            Some(ended) = tasks.join_next() => if ended.is_err() {
                // After a panic, which the log tells, all are looked at anew.
                running.clear();
            },
            _ = ticks.tick() => end_told(&cameras, false),
        }
    }
    drop(running);
    while tasks.join_next().await.is_some() {}
    end_told(&cameras, true);
}

fn end_told(cameras: &Registry, all: bool) {
    for camera in cameras.list().iter() {
        camera.end_told(all);
    }
}

fn follow_now(cameras: &Registry, running: &mut Vec<Running>, tasks: &mut JoinSet<()>) {
    let looked_at = |camera: &Camera| Some((camera.clone(), camera.settings().motion?));
    let wanted: Vec<_> = cameras.list().iter().filter_map(looked_at).collect();
    let is = |it: &Running, (camera, settings): &(Camera, Settings)| {
        it.camera.is(camera) && it.settings == *settings
    };
    running.retain(|it| wanted.iter().any(|wanted| is(it, wanted)));
    for wanted in wanted {
        if running.iter().any(|it| is(it, &wanted)) {
            continue;
        }
        let (camera, settings) = wanted;
        let stop = CancellationToken::new();
        tasks.spawn(look(camera.clone(), settings.clone(), stop.clone()));
        running.push(Running {
            camera,
            settings,
            stop,
        });
    }
}

/// Looks at a camera's pictures until `stop`.
async fn look(camera: Camera, settings: Settings, stop: CancellationToken) {
    let mut subscription = camera.subscribe(Limits::default());
    let mut eye = Eye {
        detector: Detector::new(settings.clone()),
        luma: Vec::new(),
        settings,
        event: None,
        is_told: false,
    };
    let mut last_us = 0;
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            frame = subscription.newest() => frame,
        };
        let age = frame.age_at(clock::now_us(), Instant::now());
        let at_us = steady_us().saturating_sub(age.as_micros() as u64);
        if at_us < last_us + INTERVAL_US {
            continue;
        }
        last_us = at_us;
        let camera = camera.clone();
        // Decoding takes a millisecond, in which viewers would wait.
        let looked = spawn_blocking(move || {
            eye.look(&camera, &frame, at_us);
            eye
        });
        eye = match looked.await {
            Ok(eye) => eye,
            // The log tells of the panic; follow() begins anew.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
    }
    eye.end(&camera);
}

/// What looks at one camera.
struct Eye {
    detector: Detector,
    settings: Settings,
    luma: Vec<u8>,
    /// The event that goes on.
    event: Option<Happening>,
    /// Whether it was told that pictures cannot be looked at.
    is_told: bool,
}

impl Eye {
    fn look(&mut self, camera: &Camera, frame: &Arc<Frame>, at_us: u64) {
        let size = eighth_of_luma(frame.jpeg(), &mut self.luma);
        let luma = match size {
            Ok((width, height)) => Luma::new(&self.luma, width, height),
            Err(error) => {
                // Every viewer sees what is wrong with it.
                tracing::debug!(camera = %camera.id(), %error, "a picture cannot be looked at");
                return;
            }
        };
        let Some(luma) = luma else {
            if !std::mem::replace(&mut self.is_told, true) {
                tracing::warn!(camera = %camera.id(), "its pictures are too small to look for motion");
            }
            return;
        };
        let zones = &self.settings.zones;
        let seen = self.detector.feed(luma, Duration::from_micros(at_us));
        let moving = seen.moving;
        camera.moves(at_us, seen.score, || {
            let boxes = moving.iter().map(|it| {
                let zone = it.zones.iter().find_map(|zone| zones.get(zone));
                let name = zone.map_or_else(String::new, |zone| zone.name.clone());
                Moving(it.x, it.y, it.width, it.height, name)
            });
            boxes.collect()
        });
        let moves = seen.score > 0;
        match seen.change {
            Some(Change::Started(event)) => self.tell(camera, &event, Stage::Start),
            Some(Change::Grew(event)) => self.tell(camera, &event, Stage::Update),
            Some(Change::Ended(event)) => self.tell(camera, &event, Stage::End),
            None => {
                let going = self.event.as_ref().filter(|_| moves);
                going
                    .into_iter()
                    .for_each(|event| camera.note(event, self.after_us()));
            }
        }
    }

    /// Tells of an event. That it has grown is told to viewers, too.
    fn tell(&mut self, camera: &Camera, event: &Event, stage: Stage) {
        let us = |at: Duration| wall_of(at.as_micros() as u64);
        let start_us = self
            .event
            .as_ref()
            .map_or(us(event.start), |it| it.start_us);
        let known = self.event.as_ref().map(|it| it.id.clone());
        let zones = event
            .zones
            .iter()
            .filter_map(|zone| self.settings.zones.get(zone));
        let happening = Happening {
            id: known.unwrap_or_else(|| camera.event_id(start_us)),
            camera: camera.id().to_string(),
            start_us,
            end_us: (stage == Stage::End).then(|| us(event.last)),
            peak: Some(event.peak),
            peak_us: us(event.peak_at),
            zones: zones.map(|zone| zone.name.clone()).collect(),
            source: match event.cause {
                Cause::Motion => "motion".into(),
                Cause::Tamper => "tamper".into(),
            },
            label: String::new(),
        };
        camera.happens(&happening, stage, self.after_us());
        self.event = (stage != Stage::End).then_some(happening);
    }

    fn after_us(&self) -> u64 {
        self.settings.after.as_micros() as u64
    }

    /// Ends the event that goes on.
    fn end(mut self, camera: &Camera) {
        if let Some(event) = self.detector.end() {
            self.tell(camera, &event, Stage::End);
        }
        camera.moves(steady_us(), 0, Vec::new);
    }
}
