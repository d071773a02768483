//! Looks for motion in the cameras' pictures: a consumer of each camera, like a viewer, five times a second.
//!
//! What is motion belongs to `pistreamer-motion`; what is recorded of it to [`crate::record`].

use crate::camera::{Camera, Registry, When, wall_of};
use crate::hub::{Frame, Limits};
use crate::util::clock;
use futures::future::OptionFuture;
use pistreamer_motion::{Cause, Change, Detector, Event, Luma, Settings};
use pistreamer_picture::eighth_of_luma;
use pistreamer_protocol::message::{Happening, Moving};
use pistreamer_recording::steady_us;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Interval between two pictures that are looked at, in µs. A tenth early is in time.
const INTERVAL_US: u64 = 180_000;

/// Pauses after a panic, which the log tells: the first one, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A camera that delivers nothing for this long is gone, rather than slow: the scene is learned anew behind it.
const GONE: Duration = Duration::from_secs(10);

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
    // First, so that no change in between is missed.
    changes.mark_unchanged();
    follow_now(&cameras, &mut running, &mut tasks);
    while !until.is_cancelled() {
        let next_us = end_told(&cameras, false);
        let over = next_us.map(|at_us| at_us.saturating_sub(steady_us()));
        let over = OptionFuture::from(over.map(|us| sleep(Duration::from_micros(us))));
        tokio::select! {
            () = until.cancelled() => {}
            changed = changes.changed() => {
                if changed.is_err() { break }
                changes.mark_unchanged();
                follow_now(&cameras, &mut running, &mut tasks);
            }
            Some(_) = tasks.join_next() => {}
            () = cameras.told() => {}
            Some(()) = over => {}
        }
    }
    drop(running);
    while tasks.join_next().await.is_some() {}
    end_told(&cameras, true);
}

/// Ends what programs have told of and is over. Returns when the next one is.
fn end_told(cameras: &Registry, all: bool) -> Option<u64> {
    let cameras = cameras.list();
    let ends: Vec<_> = cameras.iter().map(|camera| camera.end_told(all)).collect();
    ends.into_iter().flatten().min()
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
        let look = {
            let (camera, settings, stop) = (camera.clone(), settings.clone(), stop.clone());
            async move { again(&stop, || look(&camera, &settings, &stop)).await }
        };
        tasks.spawn(look);
        running.push(Running {
            camera,
            settings,
            stop,
        });
    }
}

/// Does something until it ends without a panic, or `stop`. Other cameras are looked at meanwhile.
async fn again<W: Future<Output = Result<(), JoinError>>>(
    stop: &CancellationToken,
    mut work: impl FnMut() -> W,
) {
    let mut pause = PAUSE;
    loop {
        let begun = Instant::now();
        if work().await.is_ok() {
            return;
        }
        if begun.elapsed() > LONGEST_PAUSE {
            pause = PAUSE;
        }
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Looks at a camera's pictures until `stop`.
///
/// # Errors
/// After a panic. What it has told of has ended.
async fn look(
    camera: &Camera,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(), JoinError> {
    let mut subscription = camera.subscribe(Limits::default());
    let eye = Arc::new(Mutex::new(Eye::new(camera.clone(), settings.clone())));
    // A panic leaves the event as it was, for it to be ended.
    let rest = || eye.lock().unwrap_or_else(PoisonError::into_inner).rest();
    let mut last_us = 0;
    let mut is_quiet = true;
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            frame = subscription.newest() => frame,
            () = sleep(settings.after.max(GONE)), if !is_quiet => {
                // The camera is gone: nothing goes on before it any more.
                rest();
                is_quiet = true;
                continue;
            }
        };
        let age = frame.age_at(clock::now_us(), std::time::Instant::now());
        let at_us = steady_us().saturating_sub(age.as_micros() as u64);
        if at_us < last_us + INTERVAL_US {
            continue;
        }
        last_us = at_us;
        is_quiet = false;
        let seeing = Arc::clone(&eye);
        // Decoding takes a millisecond, in which viewers would wait.
        let looked = spawn_blocking(move || {
            // It is locked by one at a time.
            if let Ok(mut eye) = seeing.lock() {
                eye.look(&frame, at_us);
            }
        });
        if let Err(panic) = looked.await {
            rest();
            return Err(panic);
        }
    }
    rest();
    Ok(())
}

/// What looks at one camera.
struct Eye {
    camera: Camera,
    detector: Detector,
    settings: Settings,
    luma: Vec<u8>,
    /// The event that goes on.
    event: Option<Happening>,
    /// When a picture could be looked at last.
    last_us: u64,
    /// Whether it was told that pictures cannot be looked at.
    is_told: bool,
}

impl Eye {
    fn new(camera: Camera, settings: Settings) -> Self {
        Self {
            camera,
            detector: Detector::new(settings.clone()),
            settings,
            luma: Vec::new(),
            event: None,
            last_us: 0,
            is_told: false,
        }
    }

    fn look(&mut self, frame: &Arc<Frame>, at_us: u64) {
        let (width, height) = match eighth_of_luma(frame.jpeg(), &mut self.luma) {
            Ok(size) => size,
            Err(error) => return self.cannot_look(at_us, &error.to_string()),
        };
        let luma = std::mem::take(&mut self.luma);
        match Luma::new(&luma, width, height) {
            Some(luma) => self.see(luma, at_us),
            None => self.cannot_look(at_us, "they are too small"),
        }
        self.luma = luma;
    }

    /// A picture cannot be looked at: where that lasts, nothing goes on any more.
    fn cannot_look(&mut self, at_us: u64, why: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            let camera = self.camera.id();
            tracing::warn!(%camera, why, "pictures cannot be looked at for motion; this is said once");
        }
        if at_us.saturating_sub(self.last_us) > self.after_us() {
            self.rest();
        }
    }

    fn see(&mut self, luma: Luma<'_>, at_us: u64) {
        self.last_us = at_us;
        let zones = &self.settings.zones;
        let seen = self.detector.feed(luma, Duration::from_micros(at_us));
        let moving = seen.moving;
        self.camera.moves(at_us, seen.score, || {
            let boxes = moving.iter().map(|it| {
                let zone = it.zones.iter().find_map(|zone| zones.get(zone));
                let name = zone.map_or_else(String::new, |zone| zone.name.clone());
                Moving(it.x, it.y, it.width, it.height, name)
            });
            boxes.collect()
        });
        let moves = seen.score > 0;
        match seen.change {
            Some(Change::Started(event) | Change::Grew(event)) => self.tell(&event, false),
            Some(Change::Ended(event)) => self.tell(&event, true),
            None => {
                if let (true, Some(known), Some(event)) =
                    (moves, &self.event, self.detector.event())
                {
                    self.camera.note(known, self.when(&event));
                }
            }
        }
    }

    /// Tells of an event. That it has grown is told to viewers, too.
    fn tell(&mut self, event: &Event, has_ended: bool) {
        let wall = |at: Duration| wall_of(at.as_micros() as u64);
        let zones = event
            .zones
            .iter()
            .filter_map(|zone| self.settings.zones.get(zone));
        let known = self.event.take();
        let is_known = known.is_some();
        let happening = Happening {
            end_us: has_ended.then(|| wall(event.last)),
            peak: Some(event.peak),
            peak_us: wall(event.peak_at),
            zones: zones.map(|zone| zone.name.clone()).collect(),
            source: match event.cause {
                Cause::Motion => "motion".into(),
                Cause::Tamper => "tamper".into(),
            },
            ..known.unwrap_or_else(|| Happening {
                camera: self.camera.id().to_string(),
                start_us: wall(event.start),
                ..Happening::default()
            })
        };
        let when = self.when(event);
        let happening = if is_known {
            self.camera.happens(&happening, when);
            happening
        } else {
            self.camera.begins(happening, when)
        };
        self.event = (!has_ended).then_some(happening);
    }

    fn when(&self, event: &Event) -> When {
        let us = |at: Duration| at.as_micros() as u64;
        When {
            start_us: us(event.start),
            peak_us: us(event.peak_at),
            end_us: us(event.last),
            until_us: us(event.last).saturating_add(self.after_us()),
        }
    }

    fn after_us(&self) -> u64 {
        self.settings.after.as_micros() as u64
    }

    /// Nothing is seen any more: ends the event that goes on.
    fn rest(&mut self) {
        if let Some(event) = self.detector.end() {
            self.tell(&event, true);
        }
        self.camera.moves(steady_us(), 0, Vec::new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[tokio::test(start_paused = true)]
    async fn what_panics_is_tried_again_after_pauses_that_grow() {
        let begun = Instant::now();
        let tries = RefCell::new(Vec::new());
        again(&CancellationToken::new(), || {
            let number = {
                let mut tries = tries.borrow_mut();
                tries.push(begun.elapsed().as_secs());
                tries.len()
            };
            async move {
                match number {
                    // It has done for a while.
                    9 => sleep(Duration::from_secs(100)).await,
                    10 => return Ok(()),
                    _ => {}
                }
                let panic = |()| panic!("a bug");
                spawn_blocking(move || panic(())).await
            }
        })
        .await;
        let pauses: Vec<_> = tries
            .borrow()
            .windows(2)
            .map(|two| two[1] - two[0])
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 101]);
    }
}
